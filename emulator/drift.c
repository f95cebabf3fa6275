/* Clock drift (FACTS §1f). Chips have crystals of their own; exchanges of their counters pull them
 * together, and a program is deskewed while it runs. Up to health.drift_budget that is part of the
 * timetable. What is beyond it adds up:
 *
 *   skew = excess · (time since the fault began);   at each multiple of the link margin (the
 *   hardware's link_jitter) a RUNTIME_DESKEW is due that no timetable knows of
 *
 * so the k-th is due at inject + k · margin / excess. It stalls every chip of the instance for the
 * fault's `deskew` (about one epoch), at the end of the frame in which it falls due: the runtime
 * starts programs at frame boundaries and nowhere else. In an instance with several clocks that
 * drift the fastest one sets the pace, as a deskew aligns all chips at once. Deskews that take
 * longer than the drift leaves between two of them stop the instance for good, as they should.
 *
 * Whatever else aligns the chips, the resync of a failover, leaves nothing to be done. */
#include "emulator/rack_state.h"

#define STALL_MAX (24 * 3600 * NS_PER_S) /* keeps a hopeless instance inside the range of time */

void drift_create(struct rack *r)
{
	r->drift.aligned = ARENA_ARRAY(&r->arena, int64_t, r->n_instances);
	r->drift.margin_ps = (uint64_t)(r->d->hardware.base[HW_LINK_JITTER] * 1000 + 0.5);
	if (!r->drift.margin_ps)
		r->drift.margin_ps = 1;
}

void drift_free(struct rack *r)
{
	mem_free(r->drift.units);
}

static void forget(struct drift *x, uint32_t fault, uint32_t component)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < x->n_units; i++)
		if (x->units[i].fault != fault || x->units[i].component != component)
			x->units[kept++] = x->units[i];
	x->n_units = kept;
}

void drift_set(struct rack *r, int64_t now, uint32_t fault, uint32_t component,
        const struct clock_drift *law)
{
	struct drift *x = &r->drift;
	uint64_t budget = (uint64_t)(r->d->health.drift_budget_ppm * 1000 + 0.5);

	forget(x, fault, component);
	if (law) {
		x->units = mem_room(x->units, x->n_units, &x->capacity, sizeof(*x->units));
		x->units[x->n_units++] = (struct drift_unit){.fault = fault,
		        .component = component,
		        .node = r->d->topology.components[component].node,
		        .from = now,
		        .excess_ppb = law->ppb > budget ? law->ppb - budget : 0,
		        .deskew_ns = law->deskew_ns};
	}
	for (uint32_t i = 0; i < r->n_instances; i++)
		rack_arm(r, &r->instances[i], now);
}

/* The drifting clock that counts, or NULL. */
static const struct drift_unit *fastest(const struct rack *r, const struct instance *in)
{
	const struct drift_unit *most = NULL;

	for (uint32_t i = 0; i < r->drift.n_units; i++) {
		const struct drift_unit *u = &r->drift.units[i];

		if (u->excess_ppb && uses_node(in, u->node) &&
		        (!most || u->excess_ppb > most->excess_ppb))
			most = u;
	}
	return most;
}

bool drift_watches(const struct rack *r, const struct instance *in)
{
	return r->drift.n_units && fastest(r, in);
}

/* How many deskews have fallen due at or before t. */
static uint64_t due(const struct rack *r, const struct drift_unit *u, int64_t t)
{
	unsigned __int128 skew = (unsigned __int128)(uint64_t)(t - u->from) * u->excess_ppb;

	return (uint64_t)(skew / ((unsigned __int128)r->drift.margin_ps * 1000000));
}

void drift_frame_end(struct rack *r, int64_t now, struct instance *in)
{
	const struct drift_unit *u = r->drift.n_units ? fastest(r, in) : NULL;
	int64_t done = r->drift.aligned[in->index];
	unsigned __int128 stall;

	r->drift.aligned[in->index] = now;
	if (!u || in->state != INSTANCE_LIVE || in->holds)
		return;
	if (done < u->from)
		done = u->from;
	stall = (unsigned __int128)(due(r, u, now) - due(r, u, done)) * (uint64_t)u->deskew_ns;
	if (!stall)
		return;
	rack_phase(r, u->fault, PHASE_EFFECT, now);
	rack_phase(r, u->fault, PHASE_DETECT, now); /* the exchange of counters shows it */
	instance_stall(in, now, stall < (uint64_t)STALL_MAX ? (int64_t)stall : STALL_MAX, u->fault);
}

void drift_aligned(struct rack *r, int64_t now, const struct instance *in)
{
	r->drift.aligned[in->index] = now;
}

void drift_fold(const struct rack *r, struct lanes *lanes)
{
	lanes_add(lanes, r->drift.n_units);
}
