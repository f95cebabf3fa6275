/* Links that err: a continuous-time Gilbert-Elliott process a link (FORMATS §4). It is good for a
 * while and bad for a while, and each frame of an instance whose path uses the link has an error
 * with the probability of the state at the frame's end.
 *
 * Nothing runs between frames. A process knows its sojourn under way and draws the next ones when a
 * frame ends behind it; the i-th sojourn and the error of a frame are pure functions of (seed,
 * fault, link, i) and of (…, instance, frame, attempt), so nobody's order can move them.
 *
 * FEC corrects an error, which then costs nothing and is only counted; or it does not, and says so:
 * the frame is replayed, and so is a replay that errs again, or the node goes at the last suspicion
 * of the window. No error passes silently: errors = corrected + replayed + evicted, asserted.
 *
 * The counters are the only trace of corrected errors. The health monitor reads them at multiples
 * of health.link_scan, if it is told to at all; a scan that would find nothing is not made. Repair
 * (the end of the fault) clears the counter of the link. */
#include "emulator/rack_state.h"

#include <stdio.h>

#include "harness/base/mathx.h"
#include "harness/base/prng.h"

enum { PPB = 1000000000 };

void errors_create(struct rack *r)
{
	r->errors.attempt = ARENA_ARRAY(&r->arena, uint32_t, r->n_instances);
	r->errors.scan_at = NS_NEVER;
}

void errors_free(struct rack *r)
{
	mem_free(r->errors.sources);
}

/* --- the process
 * --------------------------------------------------------------------------------- */

static uint64_t key_of(const struct rack *r, const char *what, uint32_t fault, uint32_t link)
{
	char purpose[160], key[RACK_FAULT_KEY];

	(void)snprintf(purpose, sizeof(purpose), "%s/%s/%u", what, rack_fault_key(r, fault, key),
	        (unsigned)link);
	return prng_purpose(r->config.seed, purpose);
}

/* The sojourn that begins at `from`, good and bad in turn. */
static void next_sojourn(struct error_source *e, int64_t from)
{
	uint64_t bits = prng_at(e->sojourn_key, e->sojourn++, 0);
	double mean = (double)(e->bad ? e->law.bad_ns : e->law.good_ns);
	double length = mathx_ceil(-mean * mathx_log(prng_unit(bits)));

	if (e->bad && e->law.bad_is_fixed)
		length = mean;
	e->until = length < (double)NS_MAX ? from + (int64_t)length : NS_NEVER;
	if (e->until <= from)
		e->until = from + 1;
}

static void advance(struct error_source *e, int64_t now)
{
	while (e->until <= now) {
		e->bad = !e->bad;
		next_sojourn(e, e->until);
	}
}

/* --- faults come and go
 * --------------------------------------------------------------------------------- */

/* This fault's process on the link: the one it had before, or a new one. */
static struct error_source *source_of(struct rack *r, uint32_t fault, uint32_t link)
{
	struct errors *x = &r->errors;

	for (uint32_t i = 0; i < x->n_sources; i++)
		if (x->sources[i].fault == fault && x->sources[i].link == link)
			return &x->sources[i];
	x->sources = mem_room(x->sources, x->n_sources, &x->capacity, sizeof(*x->sources));
	x->sources[x->n_sources] = (struct error_source){.fault = fault,
	        .link = link,
	        .sojourn_key = key_of(r, "sojourn", fault, link),
	        .frame_key = key_of(r, "link-error", fault, link)};
	return &x->sources[x->n_sources++];
}

void errors_set(
        struct rack *r, int64_t now, uint32_t fault, uint32_t link, const struct link_errors *law)
{
	struct error_source *e = source_of(r, fault, link);

	CHECK(e->active == !law);
	e->active = law != NULL;
	e->counted = 0;
	if (law) {
		e->law = *law;
		e->bad = false;
		next_sojourn(e, now);
		r->errors.n_active++;
	} else {
		r->errors.n_active--;
	}
	for (uint32_t i = 0; i < r->n_instances; i++)
		rack_arm(r, &r->instances[i], now);
}

/* --- frames
 * -------------------------------------------------------------------------------------- */

static bool applies(const struct error_source *e, const struct instance *in)
{
	return e->active && health_uses_link(in, e->link);
}

bool errors_watches(const struct rack *r, const struct instance *in)
{
	for (uint32_t i = 0; r->errors.n_active && i < r->errors.n_sources; i++)
		if (applies(&r->errors.sources[i], in))
			return true;
	return false;
}

/* Chance of the frame: an error, and then one beyond correction? */
static bool draws(const struct error_source *e, uint64_t who, uint64_t frame, uint32_t ppb)
{
	return prng_ratio(prng_at(e->frame_key, who, frame), ppb, PPB);
}

/* The monitor will look at the counters at the next multiple of its period. */
static void want_scan(struct rack *r, int64_t now)
{
	int64_t period = r->d->health.link_scan_ns;

	if (!period || r->errors.scan_at != NS_NEVER)
		return;
	r->errors.scan_at = (now + period - 1) / period * period;
	r->parts_awake = true;
}

static void one_frame(
        struct rack *r, int64_t now, struct instance *in, int64_t frame, uint32_t attempt)
{
	uint64_t who = (uint64_t)in->index << 32 | attempt;
	const struct error_source *worst = NULL;
	const struct link *l;
	uint64_t failed = 0;

	for (uint32_t i = 0; i < r->errors.n_sources; i++) {
		struct error_source *e = &r->errors.sources[i];

		if (!applies(e, in))
			continue;
		advance(e, now);
		if (!draws(e, who, 2 * (uint64_t)frame, e->bad ? e->law.bad_ppb : e->law.good_ppb))
			continue;
		rack_phase(r, e->fault, PHASE_EFFECT, now);
		r->counts.link_errors += e->law.errors;
		e->counted += e->law.errors;
		want_scan(r, now);
		if (!draws(e, who, 2 * (uint64_t)frame + 1, e->law.uncorrectable_ppb)) {
			r->counts.link_errors_corrected += e->law.errors;
			continue;
		}
		failed += e->law.errors;
		if (!worst)
			worst = e;
	}
	r->errors.attempt[in->index] = 0;
	if (!worst)
		return;
	l = &r->d->topology.links[worst->link];
	health_frame_failed(r, now, in, worst->fault, l->node_a, l->node_b);
	if (in->state == INSTANCE_LIVE) {
		r->counts.link_errors_replayed += failed;
		r->errors.attempt[in->index] = attempt + 1;
	} else {
		r->counts.link_errors_evicted += failed;
	}
}

void errors_frame_end(struct rack *r, int64_t now, struct instance *in, int64_t frame)
{
	if (r->errors.n_active && in->state == INSTANCE_LIVE && !in->holds)
		one_frame(r, now, in, frame, 0);
}

void errors_stall_over(struct rack *r, int64_t now, struct instance *in)
{
	uint32_t attempt = r->errors.attempt[in->index];

	if (!attempt)
		return;
	r->errors.attempt[in->index] = 0;
	if (r->errors.n_active && in->state == INSTANCE_LIVE && !in->holds)
		one_frame(r, now, in,
		        progress_tick_at(instance_clock(in), now) / (int64_t)in->f0 - 1, attempt);
}

/* --- the monitor
 * -------------------------------------------------------------------------------------- */

/* The monitor of the link's rack is blind to what it polls: the counter stays as it is. */
static bool is_unread(struct rack *r, int64_t now, const struct error_source *e)
{
	uint32_t rack =
	        topology_rack_of_node(&r->d->topology, r->d->topology.links[e->link].node_a);

	if (LPC_LIKELY(!r->monitor.n) || !monitor_is_blind(r, rack, DETECT_POLLED))
		return false;
	if (e->counted >= r->d->health.link_scan_errors)
		monitor_missed(r, now, rack, DETECT_POLLED);
	return true;
}

static void read_counter(struct rack *r, int64_t now, struct error_source *e)
{
	if (e->counted >= r->d->health.link_scan_errors)
		for (uint32_t i = 0; i < r->n_instances; i++)
			if (applies(e, &r->instances[i]))
				health_link_suspected(r, now, &r->instances[i], e->fault, e->link);
	e->counted = 0;
}

void errors_scan(struct rack *r, int64_t now)
{
	r->errors.scan_at = NS_NEVER;
	for (uint32_t i = 0; i < r->errors.n_sources; i++) {
		struct error_source *e = &r->errors.sources[i];

		if (!e->counted)
			continue;
		if (is_unread(r, now, e))
			r->errors.scan_at = now + r->d->health.link_scan_ns;
		else
			read_counter(r, now, e);
	}
}

void errors_fold(const struct rack *r, struct lanes *lanes)
{
	lanes_add(lanes, r->errors.n_active);
}
