/* Ethernet in the model: the ingress link between clients and frontends, and the hops of a critical
 * path that leaves its pod. Words and laws are netem's (FORMATS §4).
 *
 *  - Ingress, per message: message 0 of a stream is the request, m ≥ 1 its m-th token. Draws are
 * keyed by (seed, fault, request id, m); the correlation chain runs along the messages of one
 * stream, so that no draw depends on the order of events. Later messages of a stream wait behind a
 * late one.
 *  - A hop of a critical path, per frame: the frame is late by the sum over hops of the maximum
 * over the parallel lanes; the chain runs along the frames.
 *
 * The law that delays a message is the one in force when it is sent, also if that is found out
 * later: past faults are kept, there are as many as the scenario injects. */
#include "emulator/rack_state.h"

#include <stdio.h>

#include "harness/base/mathx.h"
#include "harness/base/mutant.h"
#include "harness/base/prng.h"

void fabric_create(struct rack *r)
{
	r->fabric.down = ARENA_ARRAY(&r->arena, uint32_t, r->d->topology.n_links);
	r->fabric.down_by = ARENA_ARRAY(&r->arena, uint32_t, r->d->topology.n_links);
	r->fabric.ingress_quiet_from = 0;
}

void fabric_free(struct rack *r)
{
	for (uint32_t i = 0; i < r->fabric.n_ether; i++)
		mem_free(r->fabric.ether[i].last);
	mem_free(r->fabric.ether);
}

/* --- laws
 * ------------------------------------------------------------------------------------------ */

/* A deviate of mean 0 and, but for uniform (width ±1), of standard deviation 1, from x in (0, 1).
 */
static double deviate(enum delay_distribution law, double x)
{
	/* Pareto with shape 3: mean 1.5, variance 3/4; x below 1 − 1e-6 bounds the tail at 100. */
	double tail = x < 0.999999 ? x : 0.999999, pareto, normal;

	if (law == DELAY_UNIFORM)
		return 2 * x - 1;
	normal = mathx_normal_quantile(x);
	if (law == DELAY_NORMAL)
		return normal;
	pareto = mathx_exp(-mathx_log(1 - tail) / 3);
	pareto = (pareto - 1.5) / 0.8660254037844386;
	if (law == DELAY_PARETO)
		return pareto;
	return 0.25 * normal + 0.75 * pareto; /* netem's paretonormal mix */
}

/* netem's correlated value: x = corr last + (1 − corr) u. */
static int64_t draw(const struct ether_delay *d, uint64_t bits, double *last, bool chained)
{
	double u = prng_unit(bits), ns;

	*last = chained ? d->correlation * *last + (1 - d->correlation) * u : u;
	if (!d->jitter_ns)
		return d->delay_ns;
	ns = (double)d->delay_ns + (double)d->jitter_ns * deviate(d->distribution, *last);
	return ns > 0 ? (int64_t)mathx_floor(ns) : 0;
}

/* No fault before this one was in force at `sent` or later. */
static uint32_t first_in_force(const struct fabric *f, int64_t sent)
{
	uint32_t i = f->n_ether;

	while (i > 0 && f->ether[i - 1].reach > sent)
		i--;
	return i;
}

/* --- faults come and go
 * ---------------------------------------------------------------------------- */

static void begin(
        struct rack *r, int64_t now, uint32_t fault, uint32_t link, const struct ether_delay *law)
{
	struct fabric *f = &r->fabric;
	char purpose[128];
	double *last;

	if (f->n_ether == f->ether_capacity) {
		f->ether_capacity = f->ether_capacity ? f->ether_capacity * 2 : 8;
		f->ether = mem_grow(f->ether, f->ether_capacity, sizeof(*f->ether));
	}
	if (r->config.fault_ids)
		(void)snprintf(purpose, sizeof(purpose), "ether/%s/%u", r->config.fault_ids[fault],
		        (unsigned)link);
	else
		(void)snprintf(
		        purpose, sizeof(purpose), "ether/%u/%u", (unsigned)fault, (unsigned)link);
	f->ether[f->n_ether++] = (struct ether_fault){.fault = fault,
	        .link = link,
	        .from = now,
	        .until = NS_NEVER,
	        .reach = NS_NEVER,
	        .key = prng_purpose(r->config.seed, purpose),
	        .law = *law};
	f->n_active++;
	if (link == r->d->topology.eth_ingress) {
		f->ingress_quiet_from = NS_NEVER;
		rack_phase(r, fault, PHASE_EFFECT, now);
		return;
	}
	last = mem_alloc(r->n_instances, sizeof(*last));
	for (uint32_t i = 0; i < r->n_instances; i++)
		last[i] = -1;
	f->ether[f->n_ether - 1].last = last;
}

static void end(struct rack *r, int64_t now, uint32_t fault, uint32_t link)
{
	struct fabric *f = &r->fabric;
	int64_t reach = 0;

	for (uint32_t i = 0; i < f->n_ether; i++) {
		struct ether_fault *e = &f->ether[i];

		if (e->fault == fault && e->link == link && e->until == NS_NEVER &&
		        !MUTANT(JITTER_KEPT)) {
			e->until = now;
			f->n_active--;
		}
		if (e->until > reach)
			reach = e->until;
		e->reach = reach;
	}
	if (link != r->d->topology.eth_ingress)
		return;
	f->ingress_quiet_from = now;
	for (uint32_t i = 0; i < f->n_ether; i++)
		if (f->ether[i].link == link && f->ether[i].until == NS_NEVER)
			f->ingress_quiet_from = NS_NEVER;
}

void fabric_set(
        struct rack *r, int64_t now, uint32_t fault, uint32_t link, const struct ether_delay *law)
{
	if (law)
		begin(r, now, fault, link, law);
	else
		end(r, now, fault, link);
	for (uint32_t i = 0; i < r->n_instances; i++)
		rack_arm(r, &r->instances[i], now);
}

/* --- ingress
 * --------------------------------------------------------------------------------------- */

bool fabric_is_quiet(const struct rack *r, int64_t from)
{
	return from >= r->fabric.ingress_quiet_from;
}

int64_t fabric_deliver(struct rack *r, struct stream_link *s, uint64_t id, uint64_t m, int64_t sent)
{
	struct fabric *f = &r->fabric;
	int64_t at = sent + r->d->ethernet.ingress_delay_ns;

	if (LPC_UNLIKELY(sent < f->ingress_quiet_from)) {
		for (uint32_t i = first_in_force(f, sent); i < f->n_ether; i++) {
			const struct ether_fault *e = &f->ether[i];

			if (e->link != r->d->topology.eth_ingress || sent < e->from ||
			        sent >= e->until)
				continue;
			at += draw(&e->law, prng_at(e->key, id, m), &s->last, s->fault == e->fault);
			s->fault = e->fault;
		}
	}
	if (at < s->delivered)
		at = s->delivered;
	s->delivered = at;
	return at;
}

/* --- hops of a critical path
 * ----------------------------------------------------------------------- */

/* How often the path goes over the link. */
static uint32_t hops_over(const struct instance *in, uint32_t link)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n_links; i++)
		n += in->links[i] == link;
	return n;
}

bool fabric_watches(const struct rack *r, const struct instance *in)
{
	const struct fabric *f = &r->fabric;

	for (uint32_t i = 0; f->n_active && i < f->n_ether; i++)
		if (f->ether[i].until == NS_NEVER &&
		        f->ether[i].link != r->d->topology.eth_ingress &&
		        hops_over(in, f->ether[i].link) > 0)
			return true;
	return false;
}

/* One hop of one frame: the slowest of its lanes. `at` numbers hops over all frames. */
static int64_t hop_late(const struct ether_fault *e, uint32_t instance, uint64_t at, uint32_t lanes)
{
	double *last = &e->last[instance];
	int64_t worst = 0;

	for (uint32_t lane = 0; lane < lanes; lane++) {
		uint64_t bits = prng_at(e->key, instance, at * lanes + lane);
		int64_t late = draw(&e->law, bits, last, *last >= 0);

		if (late > worst)
			worst = late;
	}
	return worst;
}

int64_t fabric_frame_late(struct rack *r, const struct instance *in, int64_t frame, uint32_t *cause)
{
	struct fabric *f = &r->fabric;
	uint32_t lanes = r->d->ethernet.lanes ? r->d->ethernet.lanes : 1;
	int64_t sum = 0, most = -1;

	for (uint32_t i = first_in_force(f, NS_NEVER - 1); i < f->n_ether; i++) {
		const struct ether_fault *e = &f->ether[i];
		uint32_t hops = e->until == NS_NEVER ? hops_over(in, e->link) : 0;
		int64_t late = 0;

		for (uint32_t hop = 0; hop < hops; hop++)
			late += hop_late(e, in->index, (uint64_t)frame * hops + hop, lanes);
		if (hops && late > most) {
			most = late;
			*cause = e->fault;
		}
		sum += late;
	}
	return sum;
}
