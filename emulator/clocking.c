/* Slow units. Chips of an instance run in lockstep and have no flow control between them: nothing
 * waits for a late vector. So a chip, a node or a rack that falls behind its timetable can mean one
 * of two things (both assumptions, named by the fault):
 *
 *   reclock  the runtime lowers the clock of the whole instance. It stands still once for
 *            health.resync when a fault begins to slow it; from then on every frame takes the
 *            factor. Further steps of the same fault (a ramp) and the way back up only change the
 *            rate: the runtime chooses the boundary, nobody is surprised.
 *   violate  the vector is late: the frame is flagged at its end and replayed, and so is the
 *            replay, as long as the unit is in the path. The second suspicion within the window
 *            (health.suspicions) evicts the node; behind the failover the instance is at full speed
 *            again.
 *
 * Factors of different faults multiply, and an artifact's own factor with them; one fault counts
 * once an instance, with its largest factor. The stretch is booked to the one with the largest
 * factor (ties: the lower index). What applies to an instance depends on its nodes, so
 * it is looked at again whenever they change; a failover resynchronises anyway and pays no second
 * time. A spare may be slow, too: whoever moves onto it becomes slow. */
#include "emulator/rack_state.h"

void clocking_create(struct rack *r)
{
	struct clocking *k = &r->clocking;

	k->artifact = ARENA_ARRAY(&r->arena, uint32_t, r->n_instances);
	k->artifact_fault = ARENA_ARRAY(&r->arena, uint32_t, r->n_instances);
	k->replaying = ARENA_ARRAY(&r->arena, bool, r->n_instances);
	k->slowed = ARENA_ARRAY(&r->arena, bool, (size_t)r->n_instances * r->config.n_faults + 1);
	for (uint32_t i = 0; i < r->n_instances; i++) {
		k->artifact[i] = SLOW_NONE;
		k->artifact_fault[i] = FAULT_NONE;
	}
}

void clocking_free(struct rack *r)
{
	mem_free(r->clocking.units);
}

static bool uses(const struct rack *r, const struct instance *in, uint32_t component)
{
	for (uint32_t n = 0; n < in->n_nodes; n++)
		if (topology_covers(&r->d->topology, component, in->nodes[n]))
			return true;
	return false;
}

/* --- the list of slow units, by fault, then component
 * ----------------------------------------------------------- */

static void remove_unit(struct clocking *k, uint32_t at)
{
	k->n_units--;
	for (; at < k->n_units; at++)
		k->units[at] = k->units[at + 1];
}

static void insert_unit(struct clocking *k, uint32_t at, const struct slow_unit *unit)
{
	k->units = mem_room(k->units, k->n_units, &k->capacity, sizeof(*k->units));
	for (uint32_t i = k->n_units++; i > at; i--)
		k->units[i] = k->units[i - 1];
	k->units[at] = *unit;
}

static void note_unit(struct clocking *k, const struct slow_unit *unit)
{
	uint32_t at = 0;
	bool there;

	while (at < k->n_units && (k->units[at].fault < unit->fault ||
	                                  (k->units[at].fault == unit->fault &&
	                                          k->units[at].component < unit->component)))
		at++;
	there = at < k->n_units && k->units[at].fault == unit->fault &&
	        k->units[at].component == unit->component;
	if (there && unit->ppm == SLOW_NONE)
		remove_unit(k, at);
	else if (there)
		k->units[at] = *unit;
	else if (unit->ppm > SLOW_NONE)
		insert_unit(k, at, unit);
}

/* --- reclocking
 * --------------------------------------------------------------------------------- */

/* A fault slows the instance from now on, or no longer. */
static void set_slowed(
        struct rack *r, int64_t now, struct instance *in, uint32_t fault, bool slow, bool resync)
{
	bool *slowed = &r->clocking.slowed[(size_t)in->index * r->config.n_faults + fault];

	if (*slowed == slow)
		return;
	*slowed = slow;
	if (!slow)
		return;
	rack_phase(r, fault, PHASE_EFFECT, now);
	rack_phase(r, fault, PHASE_DETECT, now); /* a chip that throttles says so */
	r->counts.throttled++;
	if (resync && r->d->health.resync_ns)
		instance_stall(in, now, r->d->health.resync_ns, fault);
}

static uint64_t times(uint64_t ppm, uint32_t factor)
{
	ppm = (ppm * factor + SLOW_NONE / 2) / SLOW_NONE;
	return ppm < SLOW_MAX ? ppm : SLOW_MAX;
}

/* No frame becomes longer than the progress clock can count (18 minutes). */
static uint32_t bounded(const struct instance *in, uint64_t ppm)
{
	uint64_t longest = 0, most;

	for (uint32_t b = 0; b < in->n_buckets; b++)
		if (in->bucket_frame_ns[b] > longest)
			longest = in->bucket_frame_ns[b];
	most = (uint64_t)((unsigned __int128)(TICK_RATE_MAX - 1) * SLOW_NONE / longest);
	if (most < SLOW_NONE)
		most = SLOW_NONE;
	return (uint32_t)(ppm < most ? ppm : most);
}

/* The instance's rate by what is slow now and which nodes it has now. */
static void settle(struct rack *r, int64_t now, struct instance *in, bool resync)
{
	const struct clocking *k = &r->clocking;
	uint64_t ppm = k->artifact[in->index];
	uint32_t i = 0, most = k->artifact[in->index], blamed = k->artifact_fault[in->index];

	for (uint32_t fault = 0; fault < r->config.n_faults; fault++) {
		uint32_t worst = SLOW_NONE;

		for (; i < k->n_units && k->units[i].fault == fault; i++)
			if (k->units[i].mode == SLOW_RECLOCK && k->units[i].ppm > worst &&
			        uses(r, in, k->units[i].component))
				worst = k->units[i].ppm;
		set_slowed(r, now, in, fault, worst > SLOW_NONE, resync);
		ppm = times(ppm, worst);
		if (worst > most || (worst > SLOW_NONE && worst == most && fault < blamed)) {
			most = worst;
			blamed = fault;
		}
	}
	instance_set_slow(in, now, bounded(in, ppm), blamed, most);
	rack_arm(r, in, now);
}

void clocking_set(struct rack *r, int64_t now, const struct slow_unit *unit)
{
	CHECK(unit->ppm >= SLOW_NONE && unit->ppm <= SLOW_MAX);
	note_unit(&r->clocking, unit);
	for (uint32_t i = 0; i < r->n_instances; i++) {
		struct instance *in = &r->instances[i];

		if (uses(r, in, unit->component))
			settle(r, now, in, in->state == INSTANCE_LIVE);
	}
}

void clocking_remapped(struct rack *r, int64_t now, struct instance *in)
{
	if (r->clocking.n_units)
		settle(r, now, in, false);
}

void clocking_artifact(
        struct rack *r, int64_t now, struct instance *in, uint32_t ppm, uint32_t fault)
{
	CHECK(ppm >= SLOW_NONE && ppm <= SLOW_MAX);
	r->clocking.artifact[in->index] = ppm;
	r->clocking.artifact_fault[in->index] = ppm > SLOW_NONE ? fault : FAULT_NONE;
	settle(r, now, in, in->state == INSTANCE_LIVE);
}

/* --- violations
 * --------------------------------------------------------------------------------- */

/* The first node of the path that is late, and whose fault that is. */
static const struct slow_unit *late_unit(
        const struct rack *r, const struct instance *in, uint32_t *node)
{
	const struct clocking *k = &r->clocking;

	for (uint32_t n = 0; n < in->n_nodes; n++) {
		*node = in->nodes[n];
		for (uint32_t i = 0; i < k->n_units; i++)
			if (k->units[i].mode == SLOW_VIOLATE &&
			        topology_covers(&r->d->topology, k->units[i].component, *node))
				return &k->units[i];
	}
	return NULL;
}

bool clocking_watches(const struct rack *r, const struct instance *in)
{
	uint32_t node;

	return r->clocking.n_units && late_unit(r, in, &node);
}

void clocking_frame_end(struct rack *r, int64_t now, struct instance *in)
{
	const struct slow_unit *unit;
	uint32_t node;

	if (!r->clocking.n_units || in->state != INSTANCE_LIVE || in->holds)
		return;
	unit = late_unit(r, in, &node);
	if (!unit)
		return;
	health_frame_failed(r, now, in, unit->fault, node, node);
	r->clocking.replaying[in->index] = in->state == INSTANCE_LIVE;
}

void clocking_stall_over(struct rack *r, int64_t now, struct instance *in)
{
	if (!r->clocking.replaying[in->index])
		return;
	r->clocking.replaying[in->index] = false;
	clocking_frame_end(r, now, in);
}

void clocking_fold(const struct rack *r, struct lanes *lanes)
{
	const struct clocking *k = &r->clocking;

	uint32_t n = 0;

	for (uint32_t i = 0; i < k->n_units; i++) {
		if (k->units[i].passing)
			continue;
		lanes_add(lanes, (uint64_t)k->units[i].component << 32 | k->units[i].ppm);
		n++;
	}
	lanes_add(lanes, n);
	for (uint32_t i = 0; i < r->n_instances; i++) {
		uint32_t ppm = r->instances[i].slow_ppm;

		if (n < k->n_units && !n) /* what is left is passing: as it will be without */
			ppm = bounded(&r->instances[i], k->artifact[i]);
		lanes_add(lanes, (uint64_t)k->artifact[i] << 32 | ppm);
	}
}
