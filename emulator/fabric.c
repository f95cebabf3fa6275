/* Ethernet in the model: the ingress link between clients and frontends, and the hops of a critical
 * path that leaves its pod. Words and laws are netem's (FORMATS §4); what a law does to one message
 * is in faults/message_law.c.
 *
 *  - Ingress, per message: message 0 of a stream is the request, m ≥ 1 its m-th token. Draws are
 * keyed by (seed, fault, request id, m); the correlation chain runs along the messages of one
 * stream, so that no draw depends on the order of events. Later messages of a stream wait behind a
 * late one. A lost token is sent again one round trip after the third later one was sent, if there
 * are three: a stream knows its spacing from the token before (the first one from its bucket's
 * compiled frame), which is the same number for whoever sends it now and whoever reckons later.
 *  - A hop of a critical path, per frame: the frame is late by the sum over hops of the maximum
 * over the parallel lanes; the chain runs along the frames.
 *
 * The law that delays a message is the one in force when it is sent, also if that is found out
 * later: past faults are kept, there are as many as the scenario injects. */
#include "emulator/rack_state.h"

#include <stdio.h>

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
	for (uint32_t i = 0; i < r->fabric.n_ether; i++) {
		message_law_free(&r->fabric.ether[i].law);
		mem_free(r->fabric.ether[i].last);
		mem_free(r->fabric.ether[i].chain);
	}
	mem_free(r->fabric.ether);
	mem_free(r->fabric.holds);
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
	struct ether_fault *e;
	char name[112], key[RACK_FAULT_KEY];

	f->ether = mem_room(f->ether, f->n_ether, &f->ether_capacity, sizeof(*f->ether));
	(void)snprintf(name, sizeof(name), "%s/%u", rack_fault_key(r, fault, key), (unsigned)link);
	e = &f->ether[f->n_ether++];
	*e = (struct ether_fault){
	        .fault = fault, .link = link, .until = NS_NEVER, .reach = NS_NEVER};
	message_law_init(&e->law, r->config.seed, name, now, law);
	f->n_active++;
	if (link == r->d->topology.eth_ingress) {
		f->ingress_quiet_from = NS_NEVER;
		rack_phase(r, fault, PHASE_EFFECT, now);
		return;
	}
	e->last = mem_alloc(r->n_instances, sizeof(*e->last));
	e->chain = mem_alloc(r->n_instances, sizeof(*e->chain));
	for (uint32_t i = 0; i < r->n_instances; i++)
		e->last[i] = -1;
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
	health_link_changed(r, now);
	for (uint32_t i = 0; i < r->n_instances; i++)
		rack_arm(r, &r->instances[i], now);
}

/* --- ingress
 * --------------------------------------------------------------------------------------- */

bool fabric_is_quiet(const struct rack *r, int64_t from)
{
	return from >= r->fabric.ingress_quiet_from;
}

static bool hits(const struct rack *r, const struct ether_fault *e, int64_t sent)
{
	return e->link == r->d->topology.eth_ingress && sent >= e->law.from && sent < e->until;
}

static bool loses(const struct ether_fault *e)
{
	return e->law.loss_num || e->law.d.outage_ns || e->law.d.settle_ns;
}

/* The instant at which the message is through, by all laws in force; other messages left aside. */
static int64_t pass(struct rack *r, struct stream_link *s, uint64_t id, uint64_t m, uint64_t later,
        int64_t sent)
{
	struct fabric *f = &r->fabric;
	uint32_t first = first_in_force(f, sent);
	int64_t at = sent + r->d->ethernet.ingress_delay_ns;
	struct message msg;
	bool lossy = false;

	for (uint32_t i = first; i < f->n_ether; i++) {
		struct ether_fault *e = &f->ether[i];

		if (!hits(r, e, sent))
			continue;
		at += message_delay(
		        &e->law, sent, prng_at(e->law.key, id, m), &s->last, s->fault == e->fault);
		if (e->law.d.correlation > 0)
			s->fault = e->fault;
		lossy |= loses(e);
	}
	if (!lossy)
		return at;
	msg = (struct message){sent, id, m, r->d->ethernet.rto_min_ns, NS_NEVER, &s->out_until};
	if (later >= 3)
		msg.fast = 3 * (m > 1 ? sent - s->sent : s->frame_ns) + 2 * (at - sent);
	for (uint32_t i = first; i < f->n_ether; i++) {
		struct ether_fault *e = &f->ether[i];
		uint8_t chain = s->loss_fault == e->fault ? s->chain : CHAIN_NEW;

		if (!hits(r, e, sent) || !loses(e))
			continue;
		at += message_loss(&e->law, &msg, &chain);
		if (e->law.loss_num) {
			s->chain = chain;
			s->loss_fault = e->fault;
		}
	}
	return at;
}

int64_t fabric_deliver(struct rack *r, struct stream_link *s, uint64_t id, uint64_t m,
        uint64_t later, int64_t sent)
{
	int64_t at;

	if (LPC_UNLIKELY(sent < r->fabric.ingress_quiet_from))
		at = pass(r, s, id, m, later, sent);
	else
		at = sent + r->d->ethernet.ingress_delay_ns;
	s->sent = sent;
	if (at < s->delivered)
		at = s->delivered;
	s->delivered = at;
	return at;
}

/* How many ingress laws are in force for what is sent at `sent`, of which *one is the last; *until:
 * how long it stays so. */
static uint32_t laws_at(
        const struct rack *r, int64_t sent, const struct ether_fault **one, int64_t *until)
{
	const struct fabric *f = &r->fabric;
	uint32_t n = 0;

	*until = NS_NEVER;
	for (uint32_t i = first_in_force(f, sent); i < f->n_ether; i++) {
		const struct ether_fault *e = &f->ether[i];

		if (e->link != r->d->topology.eth_ingress || e->until <= sent)
			continue;
		if (e->law.from > sent) {
			*until = e->law.from < *until ? e->law.from : *until;
			continue;
		}
		*one = e;
		n++;
		*until = e->until < *until ? e->until : *until;
	}
	return n;
}

void fabric_deliver_all(struct rack *r, struct stream_link *s, uint64_t id, uint64_t m,
        uint64_t later, uint32_t n, const int64_t sent[], int64_t at[])
{
	const struct ether_fault *e = NULL;
	uint64_t bits[MESSAGE_BLOCK];
	uint32_t i = 0, end;
	int64_t until;

	while (i < n) {
		if (laws_at(r, sent[i], &e, &until) != 1 || !message_is_plain(&e->law)) {
			at[i] = fabric_deliver(r, s, id, m + i, later - i, sent[i]);
			i++;
			continue;
		}
		for (end = i; end < n && sent[end] < until; end++)
			bits[end - i] = prng_at(e->law.key, id, m + end);
		message_delays(&e->law, end - i, bits, &s->last, s->fault == e->fault, at + i);
		if (e->law.d.correlation > 0)
			s->fault = e->fault;
		for (; i < end; i++) {
			at[i] += sent[i] + r->d->ethernet.ingress_delay_ns;
			if (at[i] < s->delivered)
				at[i] = s->delivered;
			s->delivered = at[i];
		}
		s->sent = sent[end - 1];
	}
}

uint32_t fabric_bulk(struct rack *r, int64_t now, int64_t *until)
{
	struct fabric *f = &r->fabric;
	uint32_t factor = 1;

	*until = NS_NEVER;
	for (uint32_t i = 0; f->n_active && i < f->n_ether; i++) {
		struct ether_fault *e = &f->ether[i];

		if (hits(r, e, now))
			factor *= message_bulk(&e->law, now, until);
	}
	return factor;
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

	if (r->config.free_crossings)
		return false;
	for (uint32_t i = 0; f->n_active && i < f->n_ether; i++)
		if (f->ether[i].until == NS_NEVER &&
		        f->ether[i].link != r->d->topology.eth_ingress &&
		        hops_over(in, f->ether[i].link) > 0)
			return true;
	return false;
}

/* One hop of one frame: the slowest of its lanes. `at` numbers hops over all frames. The frame
 * waits for every lane, so nothing later tells of a loss. */
static int64_t hop_late(const struct rack *r, int64_t now, struct ether_fault *e, uint32_t instance,
        uint64_t at, uint32_t lanes)
{
	double *last = &e->last[instance];
	int64_t worst = 0;

	for (uint32_t lane = 0; lane < lanes; lane++) {
		uint64_t m = at * lanes + lane;
		uint64_t bits = prng_at(e->law.key, instance, m);
		int64_t late = message_delay(&e->law, now, bits, last, *last >= 0);
		struct message msg = {now, instance, m, r->d->ethernet.rto_min_ns, NS_NEVER, NULL};

		if (loses(e))
			late += message_loss(&e->law, &msg, &e->chain[instance]);
		if (late > worst)
			worst = late;
	}
	return worst;
}

int64_t fabric_frame_late(
        struct rack *r, int64_t now, const struct instance *in, int64_t frame, uint32_t *cause)
{
	struct fabric *f = &r->fabric;
	uint32_t lanes = r->d->ethernet.lanes ? r->d->ethernet.lanes : 1;
	int64_t sum = 0, most = -1;

	if (r->config.free_crossings)
		return 0;
	for (uint32_t i = first_in_force(f, NS_NEVER - 1); i < f->n_ether; i++) {
		struct ether_fault *e = &f->ether[i];
		uint32_t hops = e->until == NS_NEVER ? hops_over(in, e->link) : 0;
		int64_t late = 0;

		for (uint32_t hop = 0; hop < hops; hop++)
			late += hop_late(r, now, e, in->index, (uint64_t)frame * hops + hop, lanes);
		if (hops && late > most) {
			most = late;
			*cause = e->fault;
		}
		sum += late;
	}
	return sum;
}
