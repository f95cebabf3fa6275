/* The health monitor and failover (DESIGN §5 "Failures", §6). Each trouble of an instance is a case
 * that walks through its phases; its instants are sums of labelled durations, so TTD, TTF and their
 * parts can be predicted by addition:
 *
 *   unit lost   effect → detect (flagged: end of the frame under way; timeout: last finished
 *               frame + timeout; polled: c-th poll after the effect) → isolate → remap +
 *               resync + resume = failover
 *   link down   the frames that use it fail; when it is back the instance waits for the
 *               detection and replays one frame: stall = time down + detection + one frame.
 *               Down for longer than the persist threshold, or the n-th suspicion of a node
 *               within the window: the node is evicted, from then on as a lost unit.
 *
 * A cable is suspected at both ends; the end with more suspicions goes, ties the higher index. The
 * unit of eviction is the node. A spare is taken from the same rack; without one the instance stays
 * down until a node is repaired. Suspicions and quarantines end with the revert of the fault that
 * caused them. */
#include "emulator/rack_state.h"
#include "harness/base/mutant.h"

/* --- set-up and books
 * ------------------------------------------------------------------------------ */

static void map_path(struct rack *r, struct instance *in)
{
	const struct topology *t = &r->d->topology;

	in->n_links = topology_path(
	        t, in->nodes, in->n_nodes, in->links, topology_path_room(t, in->n_nodes));
	if (LPC_UNLIKELY(r->wiring.n_live))
		wiring_reroute(r, in);
	r->judged[in->index] = PATH_IN_RACK;
	for (uint32_t i = 0; i < in->n_links; i++) {
		enum path_scope here = wiring_scope(r, in->links[i]);

		if (here > r->judged[in->index])
			r->judged[in->index] = here;
	}
	if (r->judged[in->index] > r->worst)
		r->worst = r->judged[in->index];
}

void health_create(struct rack *r)
{
	const struct topology *t = &r->d->topology;

	r->judged = ARENA_ARRAY(&r->arena, enum path_scope, r->n_instances);
	r->nodes = ARENA_ARRAY(&r->arena, struct node_state, t->n_nodes);
	for (uint32_t n = 0; n < t->n_nodes; n++)
		r->nodes[n] = (struct node_state){
		        .spare = n % t->nodes_per_rack >= t->nodes_per_rack - t->spares_per_rack,
		        .moved_to = COMPONENT_NONE,
		        .quarantine = FAULT_NONE,
		};
	for (uint32_t i = 0; i < r->n_instances; i++) {
		struct instance *in = &r->instances[i];
		const struct pool_spec *spec = r->pools[in->pool].spec;
		uint32_t k = i - r->pools[in->pool].first_instance;

		in->n_nodes = spec->nodes_per_instance;
		in->nodes = ARENA_ARRAY(&r->arena, uint32_t, in->n_nodes);
		in->links = ARENA_ARRAY(&r->arena, uint32_t, wiring_room(t, in->n_nodes));
		for (uint32_t n = 0; n < in->n_nodes; n++) {
			in->nodes[n] = spec->nodes[k * in->n_nodes + n];
			r->nodes[in->nodes[n]].spare = false;
		}
		map_path(r, in);
	}
}

bool health_uses_link(const struct instance *in, uint32_t link)
{
	for (uint32_t n = 0; n < in->n_links; n++)
		if (in->links[n] == link)
			return true;
	return false;
}

static struct health_case *open_case(struct rack *r, int64_t now, uint32_t instance, uint32_t fault)
{
	r->cases = mem_room(r->cases, r->n_cases, &r->cases_capacity, sizeof(*r->cases));
	r->cases[r->n_cases] = (struct health_case){.state = CASE_DETECT,
	        .instance = instance,
	        .fault = fault,
	        .node = COMPONENT_NONE,
	        .link = COMPONENT_NONE,
	        .began = now};
	return &r->cases[r->n_cases++];
}

static void drop_over(struct rack *r)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->n_cases; i++)
		if (r->cases[i].state != CASE_OVER)
			r->cases[kept++] = r->cases[i];
	r->n_cases = kept;
}

/* --- detection
 * ------------------------------------------------------------------------------------- */

static int64_t detection_at(
        const struct rack *r, const struct instance *in, int64_t now, enum detection how)
{
	const struct health_spec *h = &r->d->health;
	int64_t at = 0;

	switch (how) {
	case DETECT_FLAGGED:
		at = instance_frame_end(in, now);
		break;
	case DETECT_TIMEOUT:
		at = instance_frame_begin_time(in, now) + h->timeout_ns;
		break;
	case DETECT_POLLED:
		at = (now / h->poll_period_ns + h->polls) * h->poll_period_ns;
		if (MUTANT(POLL_FROM_FAULT))
			at = now + h->polls * h->poll_period_ns;
		break;
	}
	return at > now ? at : now;
}

static void suspect(struct rack *r, int64_t now, uint32_t fault, uint32_t node)
{
	r->suspicions = mem_room(
	        r->suspicions, r->n_suspicions, &r->suspicions_capacity, sizeof(*r->suspicions));
	r->suspicions[r->n_suspicions++] =
	        (struct suspicion){.node = node, .fault = fault, .at_ns = now};
}

static uint32_t suspicions_of(const struct rack *r, int64_t now, uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_suspicions; i++)
		n += r->suspicions[i].node == node &&
		     r->suspicions[i].at_ns + r->d->health.suspect_window_ns > now;
	return n;
}

/* --- failover
 * -------------------------------------------------------------------------------------- */

static void set_state(struct rack *r, struct instance *in, enum instance_state state)
{
	struct serving_pool *p = &r->pools[in->pool];

	p->live_instances -= instance_takes(in);
	in->state = state;
	p->live_instances += instance_takes(in);
}

static uint32_t rack_of(const struct rack *r, const struct health_case *c)
{
	uint32_t node = c->node;

	if (node == COMPONENT_NONE) /* a cable is watched from its first end */
		node = r->d->topology.links[c->link].node_a;
	return node / r->d->topology.nodes_per_rack;
}

/* The order is given: no request enters any more; isolation begins. */
static void order_eviction(struct rack *r, int64_t now, struct health_case *c)
{
	struct instance *in = &r->instances[c->instance];

	c->state = CASE_ISOLATE;
	c->next_at = now + r->d->health.isolate_ns;
	in->failing++;
	set_state(r, in, INSTANCE_FAILING);
	moves_order(r, now, in, COMPONENT_NONE, WIRE_ISOLATE);
}

/* The node is known bad. Where the control plane does not reach the rack, the order waits. */
static void begin_eviction(struct rack *r, int64_t now, struct health_case *c, uint32_t node)
{
	c->node = node;
	if (LPC_LIKELY(!r->monitor.n) || !monitor_is_cut(r, rack_of(r, c))) {
		order_eviction(r, now, c);
		return;
	}
	c->state = CASE_ORDER;
	c->next_at = r->d->health.autonomy_ns ? now + r->d->health.autonomy_ns : NS_NEVER;
}

static void give_back(struct rack *r, int64_t now, struct instance *in, uint32_t fault)
{
	for (uint32_t j = 0; j < in->n_slots; j++) {
		uint32_t live = in->slots[j].live;
		struct live *l;

		if (live == LIVE_NONE)
			continue;
		l = live_at(r, live);
		account_evict(r, now, l, fault);
		instance_release(in, j, now);
		if (r->config.listener.trace)
			r->config.listener.trace(r->config.listener.ctx, now, l->req.id,
			        STEP_EVICTED, l->delivered, 0);
		if (r->pools[in->pool].spec->on_loss == LOSS_FAIL) {
			l->failed = true;
			pools_forget(r, l);
			rack_finish(r, now, live);
		} else {
			r->counts.requests_replayed++;
			pools_requeue(r, now, live);
		}
	}
}

bool health_usable(const struct node_state *n)
{
	return !n->lost && !n->boots && n->quarantine == FAULT_NONE;
}

/* A spare of the node's rack, lowest index first; COMPONENT_NONE if there is none. */
static uint32_t find_spare(const struct rack *r, uint32_t node)
{
	uint32_t per_rack = r->d->topology.nodes_per_rack, first = node / per_rack * per_rack;

	for (uint32_t n = first; n < first + per_rack; n++)
		if (r->nodes[n].spare && health_usable(&r->nodes[n]))
			return n;
	return COMPONENT_NONE;
}

/* The weights of the instance's share of a node, on a healthy link; 0 where remap says it all. */
int64_t health_load_ns(const struct rack *r, const struct instance *in)
{
	const struct health_spec *h = &r->d->health;
	double rate = h->weights_from == WEIGHTS_REGISTRY ? h->registry_bytes_per_s
	                                                  : h->host_dram_bytes_per_s;
	int64_t bytes = r->pools[in->pool].spec->reload_bytes;

	return h->remap_fixed ? 0 : (int64_t)((double)bytes * 1e9 / rate + 0.5);
}

/* Where the evicted node's part of the instance goes. */
static uint32_t choose_node(const struct rack *r, const struct instance *in, uint32_t node)
{
	uint32_t moved = r->nodes[node].moved_to, spare;

	if (!uses_node(in, node)) /* a case before this one has moved it: only the resync is left */
		return node;
	if (moved != COMPONENT_NONE && health_usable(&r->nodes[moved]))
		return moved; /* another instance on the same node took the spare */
	spare = find_spare(r, node);
	if (spare == COMPONENT_NONE && health_usable(&r->nodes[node]))
		return node; /* repaired in the meantime: its weights are loaded again */
	return spare;
}

static struct health_case *find_case(struct rack *r, uint32_t instance, uint32_t link)
{
	for (uint32_t i = 0; i < r->n_cases; i++) {
		struct health_case *c = &r->cases[i];

		if (c->instance == instance && c->link == link &&
		        (c->state == CASE_DETECT || c->state == CASE_WATCH) && !c->link_up)
			return c;
	}
	return NULL;
}

static void hit_link(
        struct rack *r, int64_t now, struct instance *in, uint32_t fault, uint32_t link)
{
	struct health_case *c;

	rack_phase(r, fault, PHASE_EFFECT, now);
	if (MUTANT(COUNTER_ONLY))
		return;
	c = open_case(r, now, in->index, fault);
	c->link = link;
	c->serviced = r->wiring.serviced[link] > 0;
	c->next_at = detection_at(r, in, now, DETECT_FLAGGED);
	/* While it stalls nothing more is lost. */
	c->found_ns = c->next_at - (in->stall_until > now ? in->stall_until : now);
	instance_hold(in, now, fault);
	instance_schedule(in);
}

/* The path has changed: a cable that is no longer in it troubles nobody, one that is in it now and
 * carries nothing does. */
static void recheck_links(struct rack *r, int64_t now, struct instance *in)
{
	for (uint32_t i = 0; i < r->n_cases; i++) {
		struct health_case *c = &r->cases[i];

		if (c->instance != in->index || c->link == COMPONENT_NONE ||
		        (c->state != CASE_DETECT && c->state != CASE_WATCH) ||
		        health_uses_link(in, c->link))
			continue;
		c->state = CASE_OVER;
		if (!c->link_up)
			instance_unhold(in, now);
	}
	for (uint32_t n = 0; n < in->n_links; n++)
		if (r->fabric.down[in->links[n]] && !find_case(r, in->index, in->links[n]))
			hit_link(r, now, in, r->fabric.down_by[in->links[n]], in->links[n]);
}

void health_rewired(struct rack *r, int64_t now, struct instance *in)
{
	map_path(r, in);
	recheck_links(r, now, in);
	rack_arm(r, in, now);
}

static void replace_node(struct rack *r, struct instance *in, uint32_t node, uint32_t spare)
{
	r->nodes[node].moved_to = spare;
	r->nodes[node].spare = true;
	r->nodes[spare].moved_to = COMPONENT_NONE;
	r->nodes[spare].spare = MUTANT(SPARE_TWICE);
	for (uint32_t n = 0; n < in->n_nodes; n++)
		if (in->nodes[n] == node)
			in->nodes[n] = spare;
	map_path(r, in);
	for (uint32_t n = 0; MUTANT(SPARE_ELSEWHERE) && n < in->n_nodes; n++)
		if (in->nodes[n] == spare)
			in->nodes[n] =
			        (spare + r->d->topology.nodes_per_rack) % r->d->topology.n_nodes;
}

/* `index`: of the case; a new one may move the list. */
static void begin_remap(struct rack *r, int64_t now, uint32_t index)
{
	const struct health_spec *h = &r->d->health;
	struct health_case *c = &r->cases[index];
	struct instance *in = &r->instances[c->instance];
	uint32_t spare = choose_node(r, in, c->node);
	bool moves = uses_node(in, c->node);
	int64_t load = moves ? health_load_ns(r, in) : 0;

	if (spare == COMPONENT_NONE) {
		r->counts.spares_missing += c->state != CASE_WAIT;
		c->state = CASE_WAIT;
		c->next_at = NS_NEVER;
		set_state(r, in, INSTANCE_DOWN);
		return;
	}
	set_state(r, in, INSTANCE_FAILING);
	c->heir = spare;
	c->rest_ns = (moves ? h->remap_ns : 0) + h->resync_ns + h->resume_ns;
	if (load && h->weights_from == WEIGHTS_REGISTRY) {
		c->state = CASE_LOAD;
		c->next_at = download_begin(r, now, load, &c->load);
	} else {
		c->state = CASE_REMAP;
		c->next_at = now + load + c->rest_ns;
	}
	r->counts.failovers++;
	if (spare != c->node) {
		r->counts.spares_used++;
		replace_node(r, in, c->node, spare);
	}
	if (moves)
		moves_order(r, now, in, spare, WIRE_REMAP);
	if (spare == c->node)
		return;
	clocking_remapped(r, now, in);
	sdc_remapped(r, now, in);
	recheck_links(r, now, in);
}

/* Failover is reached when the instance serves again: the faults that had a node of it evicted wait
 * for the last of them, and for the last link. */
static void serve_again(struct rack *r, int64_t now, struct instance *in)
{
	if (in->state != INSTANCE_LIVE || in->holds)
		return;
	for (uint32_t i = 0; i < r->n_cases; i++) {
		struct health_case *c = &r->cases[i];

		if (c->instance != in->index || c->state != CASE_RESUMED)
			continue;
		c->state = CASE_OVER;
		rack_phase(r, c->fault, PHASE_FAILOVER, now);
	}
	r->dispatch_due = true;
}

static void resume(struct rack *r, int64_t now, struct health_case *c)
{
	struct instance *in = &r->instances[c->instance];

	c->state = CASE_RESUMED;
	c->next_at = NS_NEVER;
	moves_order(r, now, in, COMPONENT_NONE, WIRE_RESUME);
	drift_aligned(r, now, in);
	instance_unhold(in, now);
	if (--in->failing == 0)
		set_state(r, in, INSTANCE_LIVE);
	rack_arm(r, in, now);
	serve_again(r, now, in);
}

/* --- cases
 * ----------------------------------------------------------------------------------------- */

/* The link is up again and nothing was evicted: wait for the detection, replay the frame. One frame
 * fails however many of its links are down: it is replayed when the last of them is back. */
static void replay_frame(struct rack *r, int64_t now, struct health_case *c)
{
	struct instance *in = &r->instances[c->instance];

	if (in->holds == 1) {
		instance_stall(in, now, c->found_ns + instance_frame_ns(in), c->fault);
		r->counts.frames_replayed++;
	}
	instance_unhold(in, now);
	instance_schedule(in);
	serve_again(r, now, in);
}

/* The end of the cable that goes: in the path of the instance, the more suspected, the higher
 * index. */
static uint32_t guilty_end(
        const struct rack *r, int64_t now, const struct instance *in, uint32_t a, uint32_t b)
{
	uint32_t of_a = suspicions_of(r, now, a), of_b = suspicions_of(r, now, b);
	bool a_goes = of_a != of_b ? of_a > of_b : a > b;
	uint32_t first = a_goes ? a : b, other = a_goes ? b : a;

	return uses_node(in, first) ? first : other;
}

/* Both ends are suspected; true if one of them has been too often. */
static bool suspect_ends(struct rack *r, int64_t now, uint32_t fault, uint32_t a, uint32_t b)
{
	suspect(r, now, fault, a);
	if (b != a)
		suspect(r, now, fault, b);
	return suspicions_of(r, now, a) >= r->d->health.suspicions ||
	       suspicions_of(r, now, b) >= r->d->health.suspicions;
}

static void evict_link(struct rack *r, int64_t now, struct health_case *c)
{
	struct instance *in = &r->instances[c->instance];
	const struct link *l = &r->d->topology.links[c->link];
	uint32_t node = guilty_end(r, now, in, l->node_a, l->node_b);

	rack_phase(r, c->fault, PHASE_DETECT, now); /* if nobody was told before */
	if (c->link_up) /* its frame was to be replayed: the hold is taken up again */
		instance_hold(in, now, c->fault);
	r->nodes[node].quarantine = c->fault;
	begin_eviction(r, now, c, node);
}

/* An instance that is out of service runs no frames, whose errors could make anybody suspect. */
static void detected(struct rack *r, int64_t now, struct health_case *c)
{
	const struct health_spec *h = &r->d->health;
	bool runs = r->instances[c->instance].state == INSTANCE_LIVE;
	const struct link *l;

	if (!c->serviced)
		rack_phase(r, c->fault, PHASE_DETECT, now);
	if (c->link == COMPONENT_NONE) {
		begin_eviction(r, now, c, c->node);
		return;
	}
	if (c->forgiven && c->link_up) {
		c->state = CASE_OVER;
		return;
	}
	l = &r->d->topology.links[c->link];
	if (!c->serviced && runs && suspect_ends(r, now, c->fault, l->node_a, l->node_b)) {
		evict_link(r, now, c);
	} else if (c->link_up) {
		c->state = CASE_OVER;
	} else {
		c->state = CASE_WATCH;
		c->next_at = c->began + h->persist_ns;
		if (c->next_at < now)
			c->next_at = now;
	}
}

/* The hardware replays the frame by itself; where the detectors are blind, nobody is suspected. */
static bool blind_to_frame(
        struct rack *r, int64_t now, struct instance *in, uint32_t fault, uint32_t node)
{
	uint32_t rack = node / r->d->topology.nodes_per_rack;

	if (!monitor_is_blind(r, rack, DETECT_FLAGGED))
		return false;
	monitor_missed(r, now, rack, DETECT_FLAGGED);
	instance_stall(in, now, instance_frame_ns(in), fault);
	r->counts.frames_replayed++;
	return true;
}

/* A node of an instance that runs is given up now. */
static void evict_now(
        struct rack *r, int64_t now, struct instance *in, uint32_t fault, uint32_t node)
{
	struct health_case *c = open_case(r, now, in->index, fault);

	r->nodes[node].quarantine = fault;
	instance_hold(in, now, fault);
	begin_eviction(r, now, c, node);
}

void health_frame_failed(struct rack *r, int64_t now, struct instance *in, uint32_t fault,
        uint32_t node_a, uint32_t node_b)
{
	if (in->state != INSTANCE_LIVE || in->holds)
		return; /* its frames are replayed anyhow */
	rack_phase(r, fault, PHASE_EFFECT, now);
	if (LPC_UNLIKELY(r->monitor.n) && blind_to_frame(r, now, in, fault, node_a)) {
		instance_schedule(in);
		return;
	}
	rack_phase(r, fault, PHASE_DETECT, now);
	if (suspect_ends(r, now, fault, node_a, node_b)) {
		evict_now(r, now, in, fault, guilty_end(r, now, in, node_a, node_b));
	} else {
		instance_stall(in, now, instance_frame_ns(in), fault);
		r->counts.frames_replayed++;
	}
	instance_schedule(in);
}

/* True if the case's detection is due and nobody looks: it waits for health_seen. */
static bool misses(struct rack *r, int64_t now, struct health_case *c)
{
	if ((c->state != CASE_DETECT && c->state != CASE_WATCH) ||
	        !monitor_is_blind(r, rack_of(r, c), c->how))
		return false;
	monitor_missed(r, now, rack_of(r, c), c->how);
	c->unseen = true;
	c->next_at = NS_NEVER;
	return true;
}

void health_link_suspected(
        struct rack *r, int64_t now, struct instance *in, uint32_t fault, uint32_t link)
{
	const struct link *l = &r->d->topology.links[link];
	uint32_t node = guilty_end(r, now, in, l->node_a, l->node_b);

	if (in->state != INSTANCE_LIVE || in->holds)
		return;
	rack_phase(r, fault, PHASE_DETECT, now);
	if (find_spare(r, node) == COMPONENT_NONE)
		return;
	evict_now(r, now, in, fault, node);
	instance_schedule(in);
}

static void step_case(struct rack *r, int64_t now, uint32_t index)
{
	struct health_case *c = &r->cases[index];
	struct instance *in = &r->instances[c->instance];

	if (LPC_UNLIKELY(r->monitor.n) && misses(r, now, c))
		return;
	switch (c->state) {
	case CASE_DETECT:
		detected(r, now, c);
		break;
	case CASE_WATCH:
		evict_link(r, now, c);
		break;
	case CASE_ORDER:
		order_eviction(r, now, c);
		break;
	case CASE_ISOLATE:
		rack_phase(r, c->fault, PHASE_ISOLATE, now);
		give_back(r, now, in, c->fault);
		begin_remap(r, now, index);
		break;
	case CASE_LOAD:
		if (download_step(r, now, &c->load, &c->next_at)) {
			c->state = CASE_REMAP;
			c->next_at = now + c->rest_ns;
			moves_loaded(r, now, in, c->heir);
		}
		break;
	case CASE_REMAP:
		resume(r, now, c);
		break;
	case CASE_WAIT:
	case CASE_RESUMED:
	case CASE_OVER:
		break;
	}
	instance_schedule(in);
}

int64_t health_next_at(const struct rack *r)
{
	int64_t next = NS_NEVER;

	for (uint32_t i = 0; i < r->n_cases; i++)
		if (r->cases[i].next_at < next && r->cases[i].state != CASE_OVER)
			next = r->cases[i].next_at;
	return next;
}

void health_step(struct rack *r, int64_t now)
{
	bool over = false;

	for (uint32_t i = 0; i < r->n_cases; i++)
		while (r->cases[i].state != CASE_OVER && r->cases[i].next_at <= now)
			step_case(r, now, i);
	for (uint32_t i = 0; i < r->n_cases; i++)
		over |= r->cases[i].state == CASE_OVER;
	if (over)
		drop_over(r);
}

/* --- verbs of the faults
 * --------------------------------------------------------------------------- */

static void add_hold(struct rack *r, uint32_t fault, uint32_t link)
{
	struct fabric *f = &r->fabric;

	f->holds = mem_room(f->holds, f->n_holds, &f->holds_capacity, sizeof(*f->holds));
	f->holds[f->n_holds++] = (struct link_hold){.link = link, .fault = fault};
}

static void drop_hold(struct rack *r, uint32_t fault, uint32_t link)
{
	struct fabric *f = &r->fabric;
	uint32_t i = 0;

	while (i < f->n_holds && (f->holds[i].link != link || f->holds[i].fault != fault))
		i++;
	CHECK(i < f->n_holds);
	for (f->n_holds--; i < f->n_holds; i++)
		f->holds[i] = f->holds[i + 1];
}

/* One of the faults that held the link down has let it go. What it began there and nobody was
 * evicted for is from now on the next one's: the fault that is over can take nothing back later. */
static void hand_over(struct rack *r, int64_t now, uint32_t fault, uint32_t link)
{
	const struct fabric *f = &r->fabric;
	uint32_t i = 0, next;

	while (f->holds[i].link != link)
		i++;
	next = f->holds[i].fault;
	if (next == f->down_by[link])
		return;
	f->down_by[link] = next;
	for (i = 0; i < r->n_cases; i++) {
		struct health_case *c = &r->cases[i];

		if (c->link != link || c->fault != fault || c->link_up ||
		        (c->state != CASE_DETECT && c->state != CASE_WATCH))
			continue;
		c->fault = next;
		c->serviced = r->wiring.serviced[link] > 0;
		rack_phase(r, next, PHASE_EFFECT, now);
	}
}

void health_link_down(struct rack *r, int64_t now, uint32_t fault, uint32_t link)
{
	bool is_down = r->fabric.down[link]++;

	add_hold(r, fault, link);
	if (!is_down)
		r->fabric.down_by[link] = fault;
	for (uint32_t i = 0; i < r->n_instances; i++) {
		if (!health_uses_link(&r->instances[i], link))
			continue;
		if (is_down)
			rack_phase(r, fault, PHASE_EFFECT, now); /* it stops there as well */
		else
			hit_link(r, now, &r->instances[i], fault, link);
	}
}

void health_link_up(struct rack *r, int64_t now, uint32_t fault, uint32_t link)
{
	CHECK(r->fabric.down[link] > 0);
	drop_hold(r, fault, link);
	if (--r->fabric.down[link]) {
		hand_over(r, now, fault, link);
		return;
	}
	for (uint32_t i = 0; i < r->n_cases; i++) {
		struct health_case *c = &r->cases[i];

		if (c->link != link || c->link_up ||
		        (c->state != CASE_DETECT && c->state != CASE_WATCH))
			continue;
		replay_frame(r, now, c);
		c->link_up = true;
		if (c->state == CASE_WATCH)
			c->state = CASE_OVER;
	}
	drop_over(r);
}

void health_unit_lost(
        struct rack *r, int64_t now, uint32_t fault, uint32_t node, enum detection how)
{
	if (r->nodes[node].lost++)
		return;
	for (uint32_t i = 0; i < r->n_instances; i++) {
		struct instance *in = &r->instances[i];
		struct health_case *c;

		if (!uses_node(in, node))
			continue;
		rack_phase(r, fault, PHASE_EFFECT, now);
		c = open_case(r, now, i, fault);
		c->node = node;
		c->how = how;
		c->next_at = detection_at(r, in, now, how);
		instance_hold(in, now, fault);
		instance_schedule(in);
	}
}

/* A node became usable: the first instance that waits for one of its rack gets it. */
static void wake_waiting(struct rack *r, int64_t now)
{
	for (uint32_t i = 0; i < r->n_cases; i++)
		if (r->cases[i].state == CASE_WAIT && !MUTANT(WAITER_FORGOTTEN))
			begin_remap(r, now, i);
}

void health_unit_restored(struct rack *r, int64_t now, uint32_t node)
{
	CHECK(r->nodes[node].lost > 0);
	if (--r->nodes[node].lost == 0)
		wake_waiting(r, now);
}

void health_unit_boots(struct rack *r, uint32_t node)
{
	CHECK(r->nodes[node].lost > 0);
	r->nodes[node].lost--;
	r->nodes[node].boots = true;
}

void health_unit_booted(struct rack *r, int64_t now, uint32_t node)
{
	r->nodes[node].boots = false;
	if (!r->nodes[node].lost)
		wake_waiting(r, now);
}

void health_link_changed(struct rack *r, int64_t now)
{
	for (uint32_t i = 0; i < r->n_cases; i++)
		if (r->cases[i].state == CASE_LOAD)
			step_case(r, now, i);
	release_link_changed(r, now);
}

void health_seen(struct rack *r, int64_t now)
{
	int64_t period = r->d->health.poll_period_ns;
	bool woken = false;

	for (uint32_t i = 0; i < r->n_cases; i++) {
		struct health_case *c = &r->cases[i];

		if (c->unseen && !monitor_is_blind(r, rack_of(r, c), c->how)) {
			c->unseen = false;
			c->next_at = now;
			if (c->how == DETECT_POLLED)
				c->next_at = (now + period - 1) / period * period;
		}
		if (c->state == CASE_ORDER && !monitor_is_cut(r, rack_of(r, c)))
			c->next_at = now;
		woken |= c->state == CASE_WAIT;
	}
	if (woken)
		wake_waiting(r, now);
}

void health_reverted(struct rack *r, int64_t now, uint32_t fault)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->n_suspicions; i++)
		if (r->suspicions[i].fault != fault || MUTANT(SUSPICION_KEPT))
			r->suspicions[kept++] = r->suspicions[i];
	r->n_suspicions = kept;
	for (uint32_t i = 0; i < r->n_cases; i++)
		r->cases[i].forgiven |= r->cases[i].fault == fault;
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		if (r->nodes[n].quarantine == fault)
			r->nodes[n].quarantine = FAULT_NONE;
	wake_waiting(r, now);
}
