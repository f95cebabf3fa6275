/* The live wiring: which far end each C2C cable is plugged into. The topology is what was ordered.
 *
 * Two cables with their far ends swapped, A (a1 to b1) and B (a2 to b2):
 *
 *      ordered  a1 ══A══ b1     a2 ══B══ b2        live  a1 ══A══ b2     a2 ══B══ b1
 *
 * A program knows ports, not neighbours. Who sends out of a1 towards b1 sends over A and arrives at
 * b2; who sends out of b1 towards a1 sends over B, which is in that port now, and arrives at a2. If
 * that is not where it should be it goes on from there by the ordered way over cables that are in
 * their ports: hops that no timetable knows of. Each frame is late by their latencies (a simple
 * assumption: once a frame over each link of the path), and the path is judged by where it runs.
 *
 * The way there. Pulling the cables takes both links down; it is announced, so that nobody is
 * suspected before they have been out for health.persist. Plugging them is a bring-up: with
 * cable_plan.check the serials are compared with the plan, and a cable in a wrong port is refused:
 * the links stay down, which from then on is an ordinary failure. Without the check they come up as
 * they are. */
#include "emulator/rack_state.h"
#include "harness/base/mutant.h"

enum swap_state { SWAP_PULLED, SWAP_REFUSED, SWAP_LIVE };

struct cable_swap {
	uint32_t fault, a, b; /* links; b == a: there was nothing to confuse it with */
	enum swap_state state;
};

void wiring_create(struct rack *r)
{
	struct wiring *w = &r->wiring;
	uint32_t n = r->d->topology.n_links;

	w->far_of = ARENA_ARRAY(&r->arena, uint32_t, n);
	w->near_of = ARENA_ARRAY(&r->arena, uint32_t, n);
	w->serviced = ARENA_ARRAY(&r->arena, uint32_t, n);
	w->late_ns = ARENA_ARRAY(&r->arena, int64_t, r->n_instances);
	w->cause = ARENA_ARRAY(&r->arena, uint32_t, r->n_instances);
	for (uint32_t i = 0; i < n; i++)
		w->far_of[i] = w->near_of[i] = i;
}

void wiring_free(struct rack *r)
{
	mem_free(r->wiring.swaps);
}

/* --- where a path runs
 * ------------------------------------------------------------------------------- */

struct place {
	uint32_t node, chip; /* chip: COMPONENT_NONE at a node's port */
};

static struct place end_of(const struct topology *t, uint32_t link, bool far)
{
	const struct link *l = &t->links[link];

	return far ? (struct place){l->node_b, l->chip_b} : (struct place){l->node_a, l->chip_a};
}

static bool in_order(const struct wiring *w, uint32_t link)
{
	return w->far_of[link] == link && w->near_of[link] == link;
}

static int64_t latency(const struct rack *r, uint32_t link)
{
	if (r->config.free_crossings && topology_link_crosses(&r->d->topology, link))
		return 0;
	return r->d->topology.links[link].class == LINK_ETHERNET
	               ? r->d->ethernet.hop_ns
	               : hardware_i64(&r->d->hardware, HW_HOP_LATENCY);
}

static void extra_hop(struct rack *r, struct instance *in, uint32_t link)
{
	in->links[in->n_links++] = link;
	r->wiring.late_ns[in->index] += latency(r, link);
}

/* A cable between two nodes that is where it belongs, if there is one. */
static uint32_t sound_cable(const struct rack *r, uint32_t link)
{
	const struct topology *t = &r->d->topology;
	const struct link *l = &t->links[link];

	for (uint32_t k = 0; l->class != LINK_ETHERNET; k++) {
		uint32_t cable = topology_cable(t, l->node_a, l->node_b, k);

		if (cable == COMPONENT_NONE)
			break;
		if (in_order(&r->wiring, cable))
			return cable;
	}
	return link;
}

/* From where the message is to where it should be, the ordered way. */
static void go_on(struct rack *r, struct instance *in, struct place at, struct place goal)
{
	const struct topology *t = &r->d->topology;
	uint32_t hop[2], n;

	if (at.node == goal.node && at.chip == goal.chip)
		return;
	if (at.node == goal.node) {
		if (at.chip != COMPONENT_NONE && goal.chip != COMPONENT_NONE)
			extra_hop(r, in, topology_chip_link(t, at.chip, goal.chip));
		return;
	}
	n = topology_hop(t, at.node, goal.node, hop);
	for (uint32_t i = 0; i < n; i++)
		extra_hop(r, in, sound_cable(r, hop[i]));
}

/* Out of one port of a link towards its other one. */
static void cross(struct rack *r, struct instance *in, uint32_t link, bool from_far)
{
	const struct wiring *w = &r->wiring;
	const struct topology *t = &r->d->topology;
	uint32_t cable = from_far ? w->near_of[link] : link;

	in->links[in->n_links++] = cable;
	if (in_order(w, link))
		return;
	go_on(r, in, end_of(t, from_far ? cable : w->far_of[link], !from_far),
	        end_of(t, link, !from_far));
}

static uint32_t swap_on(const struct rack *r, const struct instance *in)
{
	for (uint32_t i = 0; i < in->n_links; i++)
		for (uint32_t s = 0; s < r->wiring.n_swaps; s++)
			if (r->wiring.swaps[s].state == SWAP_LIVE &&
			        (r->wiring.swaps[s].a == in->links[i] ||
			                r->wiring.swaps[s].b == in->links[i]))
				return r->wiring.swaps[s].fault;
	return FAULT_NONE;
}

void wiring_reroute(struct rack *r, struct instance *in)
{
	const struct topology *t = &r->d->topology;

	in->n_links = 0;
	r->wiring.late_ns[in->index] = 0;
	for (uint32_t i = 0; i < in->n_nodes; i++) {
		uint32_t chip0 = in->nodes[i] * t->chips_per_node, at = in->nodes[i], hop[2], n;

		for (uint32_t b = 1; b < t->chips_per_node; b++)
			for (uint32_t a = 0; a < b; a++)
				cross(r, in, topology_chip_link(t, chip0 + a, chip0 + b), false);
		n = i + 1 < in->n_nodes ? topology_hop(t, at, in->nodes[i + 1], hop) : 0;
		for (uint32_t k = 0; k < n; k++) {
			const struct link *l = &t->links[hop[k]];
			bool from_far = l->node_b == at;

			cross(r, in, hop[k], from_far);
			at = from_far ? l->node_a : l->node_b;
		}
	}
	r->wiring.cause[in->index] = swap_on(r, in);
}

uint32_t wiring_room(const struct topology *t, uint32_t n_nodes)
{
	return 3 * topology_path_room(t, n_nodes); /* a crossing and two hops to go on */
}

enum path_scope wiring_scope(const struct rack *r, uint32_t link)
{
	const struct topology *t = &r->d->topology;
	const struct link *l = &t->links[link];
	uint32_t far = t->links[r->wiring.far_of[link]].rack_b;

	if (l->class == LINK_ETHERNET || t->pod_of_rack[l->rack_a] != t->pod_of_rack[far])
		return PATH_ETHERNET;
	return l->rack_a != far ? PATH_IN_DOMAIN : PATH_IN_RACK;
}

/* --- frames
 * -------------------------------------------------------------------------------------- */

bool wiring_watches(const struct rack *r, const struct instance *in)
{
	return r->wiring.n_live && r->wiring.late_ns[in->index] > 0;
}

void wiring_frame_end(struct rack *r, int64_t now, struct instance *in)
{
	if (!wiring_watches(r, in) || in->state != INSTANCE_LIVE || in->holds)
		return;
	instance_stall(in, now, r->wiring.late_ns[in->index], r->wiring.cause[in->index]);
}

/* --- pulling and plugging
 * ------------------------------------------------------------------------------ */

/* What is plugged where, from the swaps in force in the order in which they were made. */
static void rewire(struct rack *r, int64_t now)
{
	struct wiring *w = &r->wiring;

	for (uint32_t i = 0; i < r->d->topology.n_links; i++)
		w->far_of[i] = i;
	w->n_live = 0;
	for (uint32_t s = 0; s < w->n_swaps; s++) {
		uint32_t *a = &w->far_of[w->swaps[s].a], *b = &w->far_of[w->swaps[s].b], far = *a;

		if (w->swaps[s].state != SWAP_LIVE)
			continue;
		*a = *b;
		*b = far;
		w->n_live++;
	}
	for (uint32_t i = 0; i < r->d->topology.n_links; i++)
		w->near_of[w->far_of[i]] = i;
	for (uint32_t i = 0; i < r->n_instances && !MUTANT(REWIRED_UNJUDGED); i++)
		health_rewired(r, now, &r->instances[i]);
}

static uint32_t find_swap(const struct wiring *w, uint32_t fault, uint32_t link)
{
	for (uint32_t s = 0; s < w->n_swaps; s++)
		if (w->swaps[s].fault == fault && w->swaps[s].a == link)
			return s;
	UNREACHABLE("a cable is plugged or put back after it was pulled");
}

static void each_down(struct rack *r, int64_t now, const struct cable_swap *s)
{
	r->wiring.serviced[s->a]++;
	r->wiring.serviced[s->b]++;
	health_link_down(r, now, s->fault, s->a);
	health_link_down(r, now, s->fault, s->b);
}

static void each_up(struct rack *r, int64_t now, const struct cable_swap *s)
{
	health_link_up(r, now, s->fault, s->a);
	health_link_up(r, now, s->fault, s->b);
}

static void end_service(struct rack *r, const struct cable_swap *s)
{
	r->wiring.serviced[s->a]--;
	r->wiring.serviced[s->b]--;
}

void wiring_pull(struct rack *r, int64_t now, uint32_t fault, uint32_t link, uint32_t other)
{
	struct wiring *w = &r->wiring;

	w->swaps = mem_room(w->swaps, w->n_swaps, &w->capacity, sizeof(*w->swaps));
	if (other == COMPONENT_NONE)
		other = cables_neighbour(&r->d->topology, link);
	if (other == COMPONENT_NONE)
		other = link;
	w->swaps[w->n_swaps] = (struct cable_swap){fault, link, other, SWAP_PULLED};
	each_down(r, now, &w->swaps[w->n_swaps++]);
}

void wiring_plug(struct rack *r, int64_t now, uint32_t fault, uint32_t link)
{
	struct cable_swap *s = &r->wiring.swaps[find_swap(&r->wiring, fault, link)];

	CHECK(s->state == SWAP_PULLED);
	end_service(r, s);
	if (r->d->cable_plan.check && s->a != s->b) {
		s->state = SWAP_REFUSED;
		rack_phase(r, fault, PHASE_DETECT, now);
		return;
	}
	each_up(r, now, s);
	s->state = SWAP_LIVE;
	rewire(r, now);
}

void wiring_restore(struct rack *r, int64_t now, uint32_t fault, uint32_t link)
{
	struct wiring *w = &r->wiring;
	uint32_t at = find_swap(w, fault, link);
	struct cable_swap s = w->swaps[at];

	w->n_swaps--;
	for (uint32_t i = at; i < w->n_swaps; i++)
		w->swaps[i] = w->swaps[i + 1];
	if (s.state == SWAP_PULLED)
		end_service(r, &s);
	if (s.state == SWAP_LIVE)
		rewire(r, now);
	else
		each_up(r, now, &s);
}

void wiring_fold(const struct rack *r, struct lanes *lanes)
{
	lanes_add(lanes, r->wiring.n_swaps);
	for (uint32_t s = 0; s < r->wiring.n_swaps; s++)
		lanes_add(lanes, (uint64_t)r->wiring.swaps[s].a << 32 | r->wiring.swaps[s].b);
}

bool rack_wiring(const struct rack *r, uint32_t link, uint32_t ends[static 2])
{
	const struct topology *t = &r->d->topology;

	ends[0] = t->links[link].node_a;
	ends[1] = t->links[r->wiring.far_of[link]].node_b;
	return r->wiring.far_of[link] == link;
}
