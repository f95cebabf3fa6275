/* Power, as far as a serving rack feels it. Every node has an A and a B feed (topology_feeds) and
 * draws half from each; when one dies the other carries all:
 *
 *      pdu0 ──┬── n0 n2 n4 n6 n8 ──┬── pdu1       at rest 5 × 3.3 / 2 = 8.25 kW each;
 *             A                    B              pdu0 gone: pdu1 carries 16.5 kW of 13.84
 *
 * A PDU that is overloaded for `trip_after` trips, which may overload the next one: redundancy that
 * holds on paper (2N) falls as a whole where one side cannot carry everything. A node without a
 * live feed is dark, and lost with its SRAM.
 *
 * Nothing here happens by itself: loads change by the deeds of faults only, and an overload counts
 * from the moment a fault causes it. So a rack without such faults pays one comparison an instant,
 * and every trip has a fault to blame: the last one in force that touches the PDU or its nodes.
 *
 * Reverting resets breakers, at once; it does not bring nodes back at once. The dark nodes of a
 * rack are powered up in turns, `stage` apart, and are usable after `boot`. A breaker is static
 * state, a boot is a process: a node on its way is not broken any more, though nobody can use it
 * yet, and the static digest does not see it. */
#include "emulator/power.h"

#include "emulator/rack_state.h"
#include "harness/base/digest.h"

enum { PPM = 1000000, PHASES = 3 };

void power_create(struct rack *r)
{
	const struct topology *t = &r->d->topology;
	struct power *p = &r->power;

	p->n_pdus = t->n_racks * t->pdus_per_rack;
	p->pdus = ARENA_ARRAY(&r->arena, struct power_pdu, p->n_pdus);
	p->nodes = ARENA_ARRAY(&r->arena, struct power_node, t->n_nodes);
	p->turn_at = ARENA_ARRAY(&r->arena, int64_t, t->n_racks);
	for (uint32_t i = 0; i < p->n_pdus; i++)
		p->pdus[i] = (struct power_pdu){
		        .tripped = FAULT_NONE, .over_since = NS_NEVER, .over_by = FAULT_NONE};
	p->next_at = NS_NEVER;
}

void power_free(struct rack *r)
{
	mem_free(r->power.faults);
}

static bool is_open(const struct power_pdu *pdu)
{
	return pdu->opened || pdu->tripped != FAULT_NONE;
}

static bool draws(const struct power_node *n)
{
	return n->state == POWER_ON || n->state == POWER_BOOTS;
}

/* The PDUs of a node that carry something; the count. */
static uint32_t live_feeds(const struct rack *r, uint32_t node, uint32_t live[static 2])
{
	uint32_t feeds[2], n = topology_feeds(&r->d->topology, node, feeds), n_live = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!is_open(&r->power.pdus[feeds[i]]))
			live[n_live++] = feeds[i];
	return n_live;
}

/* --- what faults do
 * -------------------------------------------------------------------------------- */

/* The last fault in force that touches the PDU or a node on it. */
static uint32_t cause_of(const struct rack *r, uint32_t pdu)
{
	const struct topology *t = &r->d->topology;

	for (uint32_t i = r->power.n_faults; i-- > 0;)
		for (uint32_t n = 0; n < t->n_nodes; n++)
			if (topology_covers(t, t->pdu_component0 + pdu, n) &&
			        topology_covers(t, r->power.faults[i].component, n))
				return r->power.faults[i].fault;
	return FAULT_NONE;
}

static bool in_force(const struct power *p, uint32_t fault)
{
	for (uint32_t i = 0; i < p->n_faults; i++)
		if (p->faults[i].fault == fault)
			return true;
	return false;
}

static enum detection found_by(const struct power *p, uint32_t fault)
{
	for (uint32_t i = 0; i < p->n_faults; i++)
		if (p->faults[i].fault == fault)
			return p->faults[i].how;
	UNREACHABLE("who darkens a node is in force");
}

/* --- loads
 * ----------------------------------------------------------------------------------------- */

static void add_loads(struct rack *r)
{
	struct power *p = &r->power;

	for (uint32_t i = 0; i < p->n_pdus; i++)
		p->pdus[i].load_mw = 0;
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++) {
		uint32_t live[2], n_live = live_feeds(r, n, live);
		int64_t mw = r->d->power.node_mw;

		if (!draws(&p->nodes[n]) || !n_live)
			continue;
		for (uint32_t i = 0; i < p->n_faults; i++)
			if (p->faults[i].deed == POWER_LOADS &&
			        topology_covers(&r->d->topology, p->faults[i].component, n))
				mw += p->faults[i].amount;
		for (uint32_t i = 0; i < n_live; i++)
			p->pdus[live[i]].load_mw += mw / n_live;
	}
}

/* A breaker has three poles: it opens when the sum is too much, or one phase of it. */
static bool is_overloaded(const struct rack *r, uint32_t pdu)
{
	const struct power *p = &r->power;
	int64_t load = p->pdus[pdu].load_mw, limit = r->d->power.limit_mw, fullest = 0;

	for (uint32_t i = 0; i < p->n_faults; i++)
		if (p->faults[i].deed == POWER_SKEWS && p->faults[i].amount > fullest &&
		        r->d->topology.components[p->faults[i].component].index == pdu)
			fullest = p->faults[i].amount;
	return load > limit || load * fullest * PHASES > limit * PPM;
}

static void judge(struct rack *r, int64_t now, uint32_t i)
{
	struct power_pdu *pdu = &r->power.pdus[i];

	if (is_open(pdu) || !is_overloaded(r, i)) {
		pdu->over_since = NS_NEVER;
		return;
	}
	if (pdu->over_since == NS_NEVER || !in_force(&r->power, pdu->over_by))
		pdu->over_by = cause_of(r, i);
	if (pdu->over_by == FAULT_NONE)
		pdu->over_since = NS_NEVER; /* so it is at rest: nobody's doing */
	else if (pdu->over_since == NS_NEVER)
		pdu->over_since = now;
}

/* --- nodes
 * ----------------------------------------------------------------------------------------- */

static void stage(struct rack *r, int64_t now, uint32_t node)
{
	int64_t *turn = &r->power.turn_at[topology_rack_of_node(&r->d->topology, node)];

	if (*turn < now)
		*turn = now;
	r->power.nodes[node] = (struct power_node){POWER_STAGED, *turn};
	*turn += r->d->power.stage_ns;
	health_unit_boots(r, node);
}

/* Who took the last feed of a node: the overload that opens one of them at this very instant (it
 * counts as overloaded until it is judged again), or the deed `by`. Breakers in different places
 * may open together, each by a fault of its own. */
static uint32_t darkened_by(const struct rack *r, uint32_t node, uint32_t by)
{
	uint32_t feeds[2], n = topology_feeds(&r->d->topology, node, feeds);

	for (uint32_t i = 0; i < n; i++) {
		const struct power_pdu *pdu = &r->power.pdus[feeds[i]];

		if (pdu->tripped != FAULT_NONE && pdu->over_since != NS_NEVER)
			return pdu->tripped;
	}
	return by;
}

static void look_at_feeds(struct rack *r, int64_t now, uint32_t node, uint32_t by)
{
	struct power_node *n = &r->power.nodes[node];
	uint32_t live[2], n_live = live_feeds(r, node, live);

	if (n_live && n->state == POWER_DARK)
		stage(r, now, node);
	if (n_live || n->state == POWER_DARK)
		return;
	by = darkened_by(r, node, by);
	CHECK(by != FAULT_NONE);
	n->state = POWER_DARK;
	health_unit_lost(r, now, by, node, found_by(&r->power, by));
}

static int64_t next_of(const struct rack *r)
{
	const struct power *p = &r->power;
	int64_t next = NS_NEVER;

	for (uint32_t i = 0; i < p->n_pdus; i++)
		if (p->pdus[i].over_since != NS_NEVER &&
		        p->pdus[i].over_since + r->d->power.trip_after_ns < next)
			next = p->pdus[i].over_since + r->d->power.trip_after_ns;
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		if ((p->nodes[n].state == POWER_STAGED || p->nodes[n].state == POWER_BOOTS) &&
		        p->nodes[n].at_ns < next)
			next = p->nodes[n].at_ns;
	return next;
}

/* Something has changed: feeds, then loads, then who is overloaded. `by`: whose deed it was, or
 * FAULT_NONE. */
static void settle(struct rack *r, int64_t now, uint32_t by)
{
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		look_at_feeds(r, now, n, by);
	add_loads(r);
	for (uint32_t i = 0; i < r->power.n_pdus; i++)
		judge(r, now, i);
	r->power.next_at = next_of(r);
}

static void advance_node(struct rack *r, int64_t now, uint32_t node)
{
	struct power_node *n = &r->power.nodes[node];

	if (n->state == POWER_STAGED && n->at_ns <= now) {
		n->state = POWER_BOOTS;
		n->at_ns += r->d->power.boot_ns;
	}
	if (n->state == POWER_BOOTS && n->at_ns <= now) {
		n->state = POWER_ON;
		health_unit_booted(r, now, node);
	}
}

/* All breakers that are due at one instant open together. */
static void trip(struct rack *r, int64_t now)
{
	for (uint32_t i = 0; i < r->power.n_pdus; i++) {
		struct power_pdu *pdu = &r->power.pdus[i];

		if (pdu->over_since == NS_NEVER ||
		        pdu->over_since + r->d->power.trip_after_ns > now)
			continue;
		pdu->tripped = pdu->over_by;
		r->power.n_tripped++;
	}
	settle(r, now, FAULT_NONE);
}

void power_step(struct rack *r, int64_t now)
{
	while (r->power.next_at <= now) {
		for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
			advance_node(r, now, n);
		trip(r, now);
	}
}

/* --- verbs
 * ----------------------------------------------------------------------------------------- */

void power_begin(struct rack *r, int64_t now, const struct power_fault *f)
{
	struct power *p = &r->power;

	p->faults = mem_room(p->faults, p->n_faults, &p->capacity, sizeof(*p->faults));
	p->faults[p->n_faults++] = *f;
	if (f->deed == POWER_OPENS)
		p->pdus[r->d->topology.components[f->component].index].opened++;
	settle(r, now, f->fault);
}

void power_end(struct rack *r, int64_t now, uint32_t fault, uint32_t component)
{
	struct power *p = &r->power;
	uint32_t i = 0;

	while (i < p->n_faults &&
	        (p->faults[i].fault != fault || p->faults[i].component != component))
		i++;
	CHECK(i < p->n_faults);
	if (p->faults[i].deed == POWER_OPENS)
		p->pdus[r->d->topology.components[component].index].opened--;
	for (p->n_faults--; i < p->n_faults; i++)
		p->faults[i] = p->faults[i + 1];
	settle(r, now, FAULT_NONE);
}

void power_reverted(struct rack *r, int64_t now, uint32_t fault)
{
	struct power *p = &r->power;
	bool reset = false;

	for (uint32_t i = 0; i < p->n_pdus && p->n_tripped; i++) {
		if (p->pdus[i].tripped != fault)
			continue;
		p->pdus[i].tripped = FAULT_NONE;
		p->n_tripped--;
		reset = true;
	}
	if (reset)
		settle(r, now, FAULT_NONE);
}

void power_boot(struct rack *r, int64_t now, uint32_t node)
{
	if (r->power.nodes[node].state != POWER_ON) { /* dark, or on its way already */
		health_unit_restored(r, now, node);
		return;
	}
	stage(r, now, node);
	settle(r, now, FAULT_NONE);
}

void power_digest(const struct rack *r, struct lanes *lanes)
{
	for (uint32_t i = 0; i < r->power.n_pdus; i++)
		lanes_add(
		        lanes, (uint64_t)r->power.pdus[i].opened << 32 | r->power.pdus[i].tripped);
	lanes_add(lanes, r->power.n_faults);
}
