/* Heat, as far as a serving rack feels it. A node is as warm as the air it takes in and what its
 * chips add, which is more where less air comes through:
 *
 *      goal = inlet + sum of warmer inlets + rise / product of (1 - airflow lost)
 *             + sum of lost fans
 *
 * It does not jump there: it goes up, and down again, along a straight ramp of so many degrees a
 * second. On a grid of `sample` the temperatures are looked at, and between throttle_at and
 * shutdown_at the clock of the node is bent in proportion:
 *
 *      factor 1 |__________                     frame time ×1 up to throttle_at,
 *               |          \____                ×slowest at shutdown_at,
 *       slowest |               \               where the node shuts itself down
 *               +-----------------|----> °C
 *
 * The clocks belong to clocking.c (mode reclock: one resync when it begins, then the rate only).
 * A node that shuts down is lost like any other and makes no heat; it is powered up again, in its
 * turn, when its fault is over.
 *
 * Warm inlet air spreads: at distance d (nodes of one rack, or racks in their row) it arrives d
 * delays later and counts for share^d. What a fault does to the air, and to nodes that are shut, is
 * static state and ends with it; how warm a node is, and its clock while it cools down, is on its
 * way back and is not (clocking's `passing` units).
 *
 * Straight ramps, because nothing is published about the thermal mass of an LPU: one number that
 * can be swept, and every instant is a division. */
#include "emulator/cooling.h"

#include "emulator/rack_state.h"
#include "harness/base/digest.h"

enum { PPM = 1000000 };

void cooling_create(struct rack *r)
{
	struct cooling *c = &r->cooling;
	const struct cooling_spec *s = &r->d->cooling;

	c->nodes = ARENA_ARRAY(&r->arena, struct warm_node, r->d->topology.n_nodes);
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		c->nodes[n] = (struct warm_node){.from_mc = s->inlet_mc + s->rise_mc,
		        .goal_mc = s->inlet_mc + s->rise_mc,
		        .ppm = SLOW_NONE,
		        .owner = FAULT_NONE,
		        .shut = FAULT_NONE};
	c->looked_at = -1;
	c->next_at = NS_NEVER;
}

void cooling_free(struct rack *r)
{
	mem_free(r->cooling.faults);
}

/* --- temperatures
 * -------------------------------------------------------------------------------- */

int64_t cooling_celsius_m(const struct rack *r, int64_t now, uint32_t node)
{
	const struct warm_node *n = &r->cooling.nodes[node];
	int64_t far = n->goal_mc - n->from_mc;
	__int128 gone = (__int128)(now - n->from_ns) * r->d->cooling.ramp_mc_per_s / NS_PER_S;

	if (gone >= (far < 0 ? -far : far))
		return n->goal_mc;
	return n->from_mc + (int64_t)(far < 0 ? -gone : gone);
}

/* How many neighbours lie between what is heated and the node; UINT32_MAX: no air comes over. */
static uint32_t distance(const struct rack *r, uint32_t component, uint32_t node)
{
	const struct topology *t = &r->d->topology;
	const struct component *c = &t->components[component];
	uint32_t rack = topology_rack_of_node(t, node);

	if (c->kind == COMPONENT_RACK)
		return rack > c->rack ? rack - c->rack : c->rack - rack;
	if (rack != c->rack)
		return UINT32_MAX;
	return node > c->node ? node - c->node : c->node - node;
}

/* What is left of warm air so many neighbours on. */
static int64_t spread(const struct heat *h, uint32_t d)
{
	int64_t mc = h->inlet_mc;

	for (; d && mc; d--)
		mc = mc * h->spread_ppm / PPM;
	return mc;
}

/* The warmth of its inlet that the node feels of one fault; *later: when the air is still on its
 * way, the instant at which it arrives. */
static int64_t inlet_of(const struct rack *r, int64_t now, const struct warm_fault *f,
        uint32_t node, int64_t *later)
{
	uint32_t d = distance(r, f->component, node);
	int64_t mc = d == UINT32_MAX ? 0 : spread(&f->heat, d);
	int64_t at;

	if (!mc)
		return 0;
	at = f->began + (int64_t)d * f->heat.delay_ns;
	if (at <= now)
		return mc;
	if (at < *later)
		*later = at;
	return 0;
}

/* Where the temperature of the node goes to, by what heats it now. */
static int64_t goal_of(const struct rack *r, int64_t now, uint32_t node, int64_t *later)
{
	const struct cooling *c = &r->cooling;
	int64_t inlet = r->d->cooling.inlet_mc, rise = r->d->cooling.rise_mc, more = 0;

	for (uint32_t i = 0; i < c->n_faults; i++) {
		const struct warm_fault *f = &c->faults[i];

		inlet += inlet_of(r, now, f, node, later);
		if (!topology_covers(&r->d->topology, f->component, node))
			continue;
		rise = rise * PPM / (PPM - f->heat.blocked_ppm);
		more += f->heat.rise_mc;
	}
	return c->nodes[node].shut == FAULT_NONE ? inlet + rise + more : inlet;
}

/* --- what the chips do about it
 * ------------------------------------------------------------------ */

static uint32_t factor_at(const struct cooling_spec *s, int64_t mc)
{
	int64_t over = mc - s->throttle_mc, range = s->shutdown_mc - s->throttle_mc;

	if (over <= 0)
		return SLOW_NONE;
	if (over > range)
		over = range;
	return SLOW_NONE + (uint32_t)((__int128)(s->slowest_ppm - SLOW_NONE) * over / range);
}

/* The last fault in force that warms the node. */
static uint32_t cause_of(const struct rack *r, int64_t now, uint32_t node)
{
	int64_t later = NS_NEVER;

	for (uint32_t i = r->cooling.n_faults; i-- > 0;) {
		const struct warm_fault *f = &r->cooling.faults[i];
		bool own = f->heat.blocked_ppm || f->heat.rise_mc;

		if (inlet_of(r, now, f, node, &later) ||
		        (own && topology_covers(&r->d->topology, f->component, node)))
			return f->fault;
	}
	return FAULT_NONE;
}

static bool heats(const struct rack *r, uint32_t fault)
{
	for (uint32_t i = 0; i < r->cooling.n_faults; i++)
		if (r->cooling.faults[i].fault == fault)
			return true;
	return false;
}

/* Tells the clocks, for the fault that owns the node's heat. */
static void tell(struct rack *r, int64_t now, uint32_t node, uint32_t ppm)
{
	struct warm_node *n = &r->cooling.nodes[node];

	if (n->owner == FAULT_NONE)
		return;
	clocking_set(r, now,
	        &(struct slow_unit){.fault = n->owner,
	                .component = r->d->topology.node_component0 + node,
	                .ppm = ppm,
	                .mode = SLOW_RECLOCK,
	                .passing = !heats(r, n->owner)});
}

/* An owner that is over hands the node to a fault that is not, if there is one. */
static void own(struct rack *r, int64_t now, uint32_t node)
{
	struct warm_node *n = &r->cooling.nodes[node];
	uint32_t cause;

	if (n->owner != FAULT_NONE && heats(r, n->owner))
		return;
	cause = cause_of(r, now, node);
	if (cause == FAULT_NONE)
		return;
	if (n->owner != cause && n->ppm > SLOW_NONE) {
		tell(r, now, node, SLOW_NONE);
		n->owner = cause;
		tell(r, now, node, n->ppm);
	}
	n->owner = cause;
}

static void shut_down(struct rack *r, int64_t now, uint32_t node)
{
	struct warm_node *n = &r->cooling.nodes[node];

	CHECK(n->owner != FAULT_NONE);
	n->shut = n->owner;
	health_unit_lost(r, now, n->owner, node, DETECT_FLAGGED);
}

/* A look at one node's temperature; true if it is at rest with its surroundings. */
static bool look(struct rack *r, int64_t now, uint32_t node)
{
	struct warm_node *n = &r->cooling.nodes[node];
	int64_t mc = cooling_celsius_m(r, now, node);
	uint32_t ppm = n->shut == FAULT_NONE ? factor_at(&r->d->cooling, mc) : SLOW_NONE;

	if (n->shut == FAULT_NONE && mc >= r->d->cooling.shutdown_mc && heats(r, n->owner)) {
		shut_down(r, now, node);
		ppm = SLOW_NONE;
	}
	if (ppm != n->ppm)
		tell(r, now, node, ppm);
	n->ppm = ppm;
	if (mc != n->goal_mc)
		return false;
	if (cause_of(r, now, node) == FAULT_NONE)
		n->owner = FAULT_NONE;
	return true;
}

/* --- time
 * ------------------------------------------------------------------------------------------ */

/* Goals by what heats now, from where each node is; plans the next look. */
static void settle(struct rack *r, int64_t now)
{
	struct cooling *c = &r->cooling;
	int64_t later = NS_NEVER, sample = r->d->cooling.sample_ns;
	bool rest = true;

	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++) {
		int64_t goal, mc = cooling_celsius_m(r, now, n);

		own(r, now, n);
		goal = goal_of(r, now, n, &later);
		if (goal != c->nodes[n].goal_mc) {
			c->nodes[n].from_mc = mc;
			c->nodes[n].from_ns = now;
			c->nodes[n].goal_mc = goal;
		}
		rest &= mc == goal && c->nodes[n].ppm == factor_at(&r->d->cooling, mc);
	}
	c->next_at = (now / sample + 1) * sample;
	if (now % sample == 0 && c->looked_at < now)
		c->next_at = now; /* a fault came first in this instant */
	if (rest)
		c->next_at = NS_NEVER;
	if (later < c->next_at)
		c->next_at = later;
}

void cooling_step(struct rack *r, int64_t now)
{
	if (now % r->d->cooling.sample_ns == 0) {
		r->cooling.looked_at = now;
		for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
			look(r, now, n);
	}
	settle(r, now);
}

/* --- the verb
 * -------------------------------------------------------------------------------------- */

static void forget(struct cooling *c, uint32_t fault, uint32_t component)
{
	uint32_t i = 0;

	while (i < c->n_faults &&
	        (c->faults[i].fault != fault || c->faults[i].component != component))
		i++;
	CHECK(i < c->n_faults);
	for (c->n_faults--; i < c->n_faults; i++)
		c->faults[i] = c->faults[i + 1];
}

/* Clocks that are bent for the fault are its doing, or passing: whichever it is now. */
static void account(struct rack *r, int64_t now, uint32_t fault)
{
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		if (r->cooling.nodes[n].owner == fault && r->cooling.nodes[n].ppm > SLOW_NONE)
			tell(r, now, n, r->cooling.nodes[n].ppm);
}

/* The nodes that the fault shut down may boot. */
static void release(struct rack *r, int64_t now, uint32_t fault)
{
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++) {
		if (r->cooling.nodes[n].shut != fault)
			continue;
		r->cooling.nodes[n].shut = FAULT_NONE;
		power_boot(r, now, n);
	}
}

void cooling_set(
        struct rack *r, int64_t now, uint32_t fault, uint32_t component, const struct heat *heat)
{
	struct cooling *c = &r->cooling;

	if (!heat) {
		forget(c, fault, component);
		account(r, now, fault);
		if (!heats(r, fault))
			release(r, now, fault);
		settle(r, now);
		return;
	}
	c->faults = mem_room(c->faults, c->n_faults, &c->capacity, sizeof(*c->faults));
	c->faults[c->n_faults++] = (struct warm_fault){fault, component, now, *heat};
	account(r, now, fault);
	settle(r, now);
}

void cooling_digest(const struct rack *r, struct lanes *lanes)
{
	lanes_add(lanes, r->cooling.n_faults);
	for (uint32_t i = 0; i < r->cooling.n_faults; i++) {
		const struct warm_fault *f = &r->cooling.faults[i];

		lanes_add(lanes, (uint64_t)f->component << 32 | f->heat.blocked_ppm);
		lanes_add(lanes, (uint64_t)f->heat.inlet_mc);
		lanes_add(lanes, (uint64_t)f->heat.rise_mc);
	}
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		lanes_add(lanes, r->cooling.nodes[n].shut != FAULT_NONE);
}
