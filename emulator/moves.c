/* What a mirror port on every link would show, told to the listener (harness/base/wire.h).
 *
 * The data plane. At the end of each frame of a mirrored request its activations have gone through
 * all stages of the instance, and this file follows them: over the chip-to-chip links of a node,
 * then out of the node's port towards the next one. It asks only what is there at that instant, the
 * nodes that the instance runs on and the port that each cable is in, and walks cable by cable. It
 * must never look at the instance's list of links, nor have one made: that list is what the path is
 * judged by, this walk is the evidence against it, and one that was copied from the other would
 * prove nothing.
 *
 *      program: "out of the port towards n2"       n1 ══╗  ╔══ n2      … arrives at r1.n2, and
 *                                                       ║  ║               goes on from there
 *                                                  r1.n1╝  ╚═ r1.n2        by the ordered way
 *
 * Data that arrives where it should not be goes on over cables that are in their ports, where there
 * is one; a swap of its detour sends it astray once more, a few times at most.
 *
 * Each link of a node's mesh carries one move a frame: what its lower chip has for its higher one
 * in all reductions of the stage's layers. That is the model's own grain (wiring.c charges a wrong
 * cable once a frame, too). The token's way from the last stage to the frontend and its return as
 * the next input are no part of the critical path and are left out.
 *
 * A frame that fails is not shown, its replay is: a move is told when the frame is good.
 *
 * The control plane. Polls, samples, orders and weights are messages of the management network;
 * who is down says nothing, and what a lapse of the control plane holds back is not sent. Polls and
 * samples are shown about once a second, whatever their period, or they would drown the rest. */
#include "emulator/rack_state.h"
#include "harness/base/mutant.h"

#define SHOWN_NS   NS_PER_S         /* of polls and samples, one in so much time, unless told */
#define SAMPLES_NS (10 * NS_PER_MS) /* the grid of live signals (DESIGN §2) */
#define PIECE_MAX  (INT64_C(1) << 30)

enum {
	POLL_BYTES = 64, /* assumptions: what such messages are like */
	ANSWER_BYTES = 256,
	SAMPLE_BYTES = 1024,
	ORDER_BYTES = 256,
	DETOUR_MAX = 8,
	HOP_MAX = UINT8_MAX,
	BITS_UNKNOWN = 16, /* of an activation where no artifact says it: assumption */
	REDUCE_STEPS = 4,  /* of a layer: two reductions, each scattered and gathered (compile.c) */
};

bool rack_fits_wire(const struct deployment *d)
{
	const struct topology *t = &d->topology;

	return t->n_racks <= WIRE_RACKS_MAX && t->nodes_per_rack <= WIRE_NODES_MAX &&
	       t->chips_per_node <= WIRE_CHIPS_MAX;
}

/* --- set-up
 * ---------------------------------------------------------------------------------------- */

static uint32_t hex_digit(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "sha256:0123…" → its first 8 bytes; 0 for an explicit timetable. */
static uint64_t artifact_word(const char *digest)
{
	uint64_t v = 0;

	for (uint32_t i = 0; digest && i < 16; i++)
		v = v << 4 | hex_digit(digest[sizeof("sha256:") - 1 + i]);
	return v;
}

static uint32_t clamp_u32(int64_t v)
{
	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* Of what happens at multiples of `period`: one in how many is shown, to be one in `shown`. */
static uint32_t one_in(int64_t period, int64_t shown)
{
	return period < shown ? clamp_u32(ceil_div_i64(shown, period)) : 1;
}

void moves_create(struct rack *r)
{
	int64_t shown = r->config.mirror_period_ns ? r->config.mirror_period_ns : SHOWN_NS;
	struct moves *m = &r->moves;

	m->next_at = NS_NEVER;
	if (!r->config.listener.moved)
		r->config.mirror_every = 0;
	if (!r->config.mirror_every)
		return;
	if (!r->config.mirror_frames)
		r->config.mirror_frames = 1;
	CHECK(rack_fits_wire(r->d));
	m->artifact = ARENA_ARRAY(&r->arena, uint64_t, r->n_pools);
	for (uint32_t p = 0; p < r->n_pools; p++)
		m->artifact[p] = artifact_word(r->pools[p].spec->artifact_digest);
	m->poll_every = one_in(r->d->health.poll_period_ns, shown);
	m->sample_every = one_in(SAMPLES_NS, shown);
	m->poll_at = m->poll_every * r->d->health.poll_period_ns;
	m->sample_at = m->sample_every * SAMPLES_NS;
	m->next_at = min_i64(m->poll_at, m->sample_at);
}

/* --- ends
 * ------------------------------------------------------------------------------------------ */

struct place {
	uint32_t node, chip; /* chip: COMPONENT_NONE at a node's port */
};

static struct wire_end wire_end_of(const struct topology *t, struct place p)
{
	return (struct wire_end){
	        .rack = (uint16_t)(p.node / t->nodes_per_rack),
	        .node = (uint16_t)(p.node % t->nodes_per_rack),
	        .chip = (uint16_t)(p.chip == COMPONENT_NONE ? WIRE_NONE
	                                                    : p.chip % t->chips_per_node),
	};
}

static struct wire_end wire_node(const struct rack *r, uint32_t node)
{
	return wire_end_of(&r->d->topology, (struct place){node, COMPONENT_NONE});
}

static struct wire_end wire_host(uint16_t host)
{
	return (struct wire_end){.rack = 0, .node = host, .chip = WIRE_NONE};
}

static struct place port_of(const struct topology *t, uint32_t link, bool far)
{
	const struct link *l = &t->links[link];

	return far ? (struct place){l->node_b, l->chip_b} : (struct place){l->node_a, l->chip_a};
}

static void tell(const struct rack *r, const struct wire_message *m)
{
	r->config.listener.moved(r->config.listener.ctx, m);
}

/* --- one frame's way
 * ------------------------------------------------------------------------------- */

struct walk {
	const struct rack *r;
	struct wire_message m;
};

static void carry(struct walk *w, struct place from, struct place to)
{
	w->m.from = wire_end_of(&w->r->d->topology, from);
	w->m.to = wire_end_of(&w->r->d->topology, to);
	tell(w->r, &w->m);
	if (w->m.hop < HOP_MAX)
		w->m.hop++;
}

/* Through the port of a link's near or far end, as it is plugged now. */
static struct place send_through(struct walk *w, uint32_t link, bool from_far)
{
	const struct topology *t = &w->r->d->topology;
	const struct wiring *live = &w->r->wiring;
	struct place to = from_far ? port_of(t, live->near_of[link], false)
	                           : port_of(t, live->far_of[link], true);

	if (MUTANT(MIRRORED_AS_ORDERED))
		to = port_of(t, link, !from_far);
	carry(w, port_of(t, link, from_far), to);
	return to;
}

static bool is_there(struct place at, struct place goal)
{
	return at.node == goal.node &&
	       (at.chip == goal.chip || at.chip == COMPONENT_NONE || goal.chip == COMPONENT_NONE);
}

/* Of the cables that join the two ends of this one, one that is in its ports, if there is one. */
static uint32_t sound_one(const struct rack *r, uint32_t link)
{
	const struct link *l = &r->d->topology.links[link];
	uint32_t cable = link, k = 0;

	while (cable != COMPONENT_NONE &&
	        (r->wiring.far_of[cable] != cable || r->wiring.near_of[cable] != cable))
		cable = topology_cable(&r->d->topology, l->node_a, l->node_b, k++);
	return cable == COMPONENT_NONE ? link : cable;
}

/* The first step from where data is to where it should be. */
static struct place go_on(struct walk *w, struct place at, struct place goal)
{
	const struct topology *t = &w->r->d->topology;
	uint32_t link, hop[2];

	if (at.node == goal.node) {
		link = topology_chip_link(t, at.chip, goal.chip);
		return send_through(w, link, t->links[link].chip_b == at.chip);
	}
	(void)topology_hop(t, at.node, goal.node, hop);
	if (t->links[hop[0]].class == LINK_ETHERNET) {
		goal.chip = at.chip = COMPONENT_NONE;
		carry(w, at, goal);
		return goal;
	}
	link = sound_one(w->r, hop[0]);
	return send_through(w, link, t->links[link].node_b == at.node);
}

/* Out of one port of a link until it is at the other one that was ordered. */
static void cross(struct walk *w, uint32_t link, bool from_far)
{
	struct place goal = port_of(&w->r->d->topology, link, !from_far);
	struct place at = send_through(w, link, from_far);

	for (uint32_t i = 0; i < DETOUR_MAX && !is_there(at, goal); i++)
		at = go_on(w, at, goal);
}

static void cross_mesh(struct walk *w, uint32_t node)
{
	const struct topology *t = &w->r->d->topology;
	uint32_t chip0 = node * t->chips_per_node;

	for (uint32_t b = 1; b < t->chips_per_node; b++)
		for (uint32_t a = 0; a < b; a++)
			cross(w, topology_chip_link(t, chip0 + a, chip0 + b), false);
}

static void cross_over(struct walk *w, uint32_t from, uint32_t to)
{
	const struct topology *t = &w->r->d->topology;
	uint32_t hop[2], n = topology_hop(t, from, to, hop);

	for (uint32_t k = 0; k < n; k++) {
		const struct link *l = &t->links[hop[k]];
		bool from_far = l->node_b == from;

		if (l->class == LINK_ETHERNET) {
			carry(w, (struct place){from, COMPONENT_NONE},
			        (struct place){to, COMPONENT_NONE});
			return;
		}
		cross(w, hop[k], from_far);
		from = from_far ? l->node_a : l->node_b;
	}
}

/* What `tokens` of them carry over a link of a node's mesh, and from stage to stage. */
static void load_of(const struct rack *r, const struct instance *in, int64_t tokens,
        uint32_t *mesh_bytes, uint32_t *hop_bytes)
{
	const struct artifact *a = r->pools[in->pool].spec->artifact;
	const struct model_spec *m = a ? &a->spec.model : &r->d->model_shape;
	int64_t bits = a ? precision_bits(a->spec.activations) : BITS_UNKNOWN;
	int64_t vector = ceil_div_i64(m->hidden * bits, 8);
	int64_t parts = (int64_t)in->n_nodes * r->d->topology.chips_per_node;
	__int128 mesh = (__int128)tokens * vector * REDUCE_STEPS * m->layers / parts;

	*mesh_bytes = mesh < UINT32_MAX ? (uint32_t)mesh : UINT32_MAX;
	*hop_bytes = clamp_u32(tokens * vector);
}

/* The frame of a slot's request that ends at `tick`. */
static void pass(
        struct rack *r, int64_t now, const struct instance *in, const struct slot *s, int64_t tick)
{
	const struct live *l = live_at(r, s->live);
	int64_t f0 = (int64_t)in->f0, done = (tick - s->entry) / f0 - 1;
	int64_t prefill = (s->first - s->entry) / f0, tokens = 1;
	int64_t ppf = r->pools[in->pool].spec->buckets[l->bucket].ppf;
	struct walk w = {.r = r};
	uint32_t mesh_bytes, hop_bytes;

	if (done < prefill)
		tokens = min_i64(ppf, l->prompt_left - done * ppf);
	load_of(r, in, tokens, &mesh_bytes, &hop_bytes);
	w.m = (struct wire_message){
	        .sent_ns = now,
	        .plane = WIRE_DATA,
	        .critical = true,
	        .sampling = r->config.mirror_every,
	        .artifact = r->moves.artifact[in->pool],
	        .request = l->req.id,
	        .token = clamp_u32(l->delivered + (done < prefill ? 0 : done - prefill + 1)),
	};
	for (uint32_t i = 0; i < in->n_nodes; i++) {
		w.m.stage = (uint16_t)i;
		w.m.hop = 0;
		w.m.payload_bytes = mesh_bytes;
		cross_mesh(&w, in->nodes[i]);
		w.m.payload_bytes = hop_bytes;
		if (i + 1 < in->n_nodes)
			cross_over(&w, in->nodes[i], in->nodes[i + 1]);
	}
}

void moves_entered(struct rack *r, struct instance *in, uint32_t slot)
{
	const struct slot *s = &in->slots[slot];
	uint64_t id = live_at(r, s->live)->req.id;
	bool ok;

	if (!rack_mirrors(r->config.mirror_every, id))
		return;
	ok = heap_push(
	        &in->moves, s->entry + (int64_t)in->f0, id, (uint64_t)s->generation << 32 | slot);
	CHECK(ok);
}

void moves_frame_end(struct rack *r, int64_t now, struct instance *in, int64_t tick)
{
	int64_t step = r->config.mirror_frames * (int64_t)in->f0;

	while (in->moves.n && in->moves.e[0].key <= tick) {
		struct heap_entry top = in->moves.e[0];
		uint32_t slot;
		const struct slot *s = instance_slot(in, top.value, &slot);

		if (s) {
			r->counts.frames_shown[r->judged[in->index]]++;
			pass(r, now, in, s, top.key);
		}
		if (s && top.key + step <= s->end)
			heap_replace_top(&in->moves, top.key + step, top.sub, top.value);
		else
			(void)heap_pop(&in->moves);
	}
}

/* --- control plane
 * --------------------------------------------------------------------------------- */

static bool is_up(const struct node_state *n)
{
	return !n->lost && !n->boots;
}

static void poll_all(const struct rack *r, int64_t now)
{
	struct wire_message m = {
	        .sent_ns = now, .plane = WIRE_CONTROL, .sampling = r->moves.poll_every};

	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++) {
		uint32_t rack = topology_rack_of_node(&r->d->topology, n);

		if (monitor_is_cut(r, rack) || monitor_is_blind(r, rack, DETECT_POLLED))
			continue;
		m.stage = WIRE_POLL;
		m.payload_bytes = POLL_BYTES;
		m.from = wire_host(WIRE_HOST_CONTROL);
		m.to = wire_node(r, n);
		tell(r, &m);
		if (!is_up(&r->nodes[n]) && !MUTANT(DEAD_ANSWER))
			continue;
		m.stage = WIRE_ANSWER;
		m.payload_bytes = ANSWER_BYTES;
		m.to = m.from;
		m.from = wire_node(r, n);
		tell(r, &m);
	}
}

static void sample_all(const struct rack *r, int64_t now)
{
	struct wire_message m = {.sent_ns = now,
	        .plane = WIRE_TELEMETRY,
	        .stage = WIRE_SAMPLE,
	        .sampling = r->moves.sample_every,
	        .to = wire_host(WIRE_HOST_TELEMETRY),
	        .payload_bytes = SAMPLE_BYTES};

	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++) {
		if (!is_up(&r->nodes[n]) ||
		        monitor_rack_is_silent(r, topology_rack_of_node(&r->d->topology, n)))
			continue;
		m.from = wire_node(r, n);
		tell(r, &m);
	}
}

void moves_step(struct rack *r, int64_t now)
{
	struct moves *m = &r->moves;

	if (m->poll_at <= now) {
		poll_all(r, now);
		m->poll_at += m->poll_every * r->d->health.poll_period_ns;
	}
	if (m->sample_at <= now) {
		sample_all(r, now);
		m->sample_at += m->sample_every * SAMPLES_NS;
	}
	m->next_at = min_i64(m->poll_at, m->sample_at);
}

void moves_order(const struct rack *r, int64_t now, const struct instance *in, uint32_t node,
        enum wire_word order)
{
	struct wire_message m = {.sent_ns = now,
	        .plane = WIRE_CONTROL,
	        .stage = (uint16_t)order,
	        .sampling = 1,
	        .from = wire_host(WIRE_HOST_CONTROL),
	        .payload_bytes = ORDER_BYTES};

	if (!r->config.mirror_every)
		return;
	m.artifact = r->moves.artifact[in->pool];
	for (uint32_t i = 0; i < in->n_nodes; i++) {
		uint32_t to = in->nodes[i];

		if ((node != COMPONENT_NONE && node != to) ||
		        monitor_is_cut(r, topology_rack_of_node(&r->d->topology, to)))
			continue;
		m.to = wire_node(r, to);
		tell(r, &m);
	}
}

void moves_loaded(const struct rack *r, int64_t now, const struct instance *in, uint32_t node)
{
	int64_t left = r->pools[in->pool].spec->reload_bytes;
	struct wire_message m = {.sent_ns = now,
	        .plane = WIRE_ARTIFACT,
	        .stage = WIRE_WEIGHTS,
	        .sampling = 1,
	        .from = wire_host(WIRE_HOST_REGISTRY)};

	if (!r->config.mirror_every)
		return;
	m.artifact = r->moves.artifact[in->pool];
	m.to = wire_node(r, node);
	for (; left > 0; left -= m.payload_bytes, m.token++) {
		m.payload_bytes = (uint32_t)min_i64(left, PIECE_MAX);
		tell(r, &m);
	}
}
