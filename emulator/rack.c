/* The composition of the model: all parts of the rack behind one pair of functions,
 * step and next_at (DESIGN §2). The parts share struct rack (rack_state.h) and each owns its state;
 * this file owns the life of a request and the order of events.
 *
 *   submit → [link] → route: refused, or queued → dispatch → running → completed → [link]
 *                                          ^____________________|  evicted, replayed
 *
 * Order at one instant is made here and nowhere else: delayed tokens, then instances in component
 * order with their frame ends, then what leaves, then power, cooling and all that watches and
 * repairs, then what reaches the frontend, then dispatch. */
#include "emulator/rack.h"

#include <stdio.h>
#include <string.h>

#include "emulator/express.h"
#include "emulator/rack_state.h"
#include "harness/base/digest.h"
#include "harness/base/mutant.h"

enum { LIVES_MAX = 1 << 24 };
#define TOKEN_WRONG (UINT64_C(1) << 31) /* beside a handle: no live has an index so high */

/* --- life
 * ------------------------------------------------------------------------------------------ */

struct rack *rack_create(const struct rack_config *config)
{
	struct rack *r = mem_alloc(1, sizeof(*r));
	uint32_t n = 0;

	r->config = *config;
	r->d = config->deployment;
	arena_init(&r->arena, (size_t)1 << 32);
	pool_init(&r->lives, sizeof(struct live), LIVES_MAX);
	for (uint32_t i = 0; i < r->d->n_pools; i++)
		r->n_instances += r->d->pools[i].n_instances;
	r->instances = ARENA_ARRAY(&r->arena, struct instance, r->n_instances);
	for (uint32_t i = 0; i < r->d->n_pools; i++)
		for (uint32_t k = 0; k < r->d->pools[i].n_instances; k++, n++)
			instance_init(&r->instances[n], n, i, &r->d->pools[i], &r->arena);
	pools_create(r);
	wiring_create(r);
	health_create(r);
	fabric_create(r);
	errors_create(r);
	drift_create(r);
	clocking_create(r);
	power_create(r);
	cooling_create(r);
	release_create(r);
	frontends_create(r);
	moves_create(r);
	r->monitor.next_at = NS_NEVER;
	heap_init(&r->ingress, 0);
	heap_init(&r->leaving, 0);
	heap_init(&r->tokens, 0);
	r->phases = ARENA_ARRAY(&r->arena, int64_t, (config->n_faults + 1) * PHASE_COUNT);
	for (uint32_t i = 0; i < (config->n_faults + 1) * PHASE_COUNT; i++)
		r->phases[i] = -1;
	r->next_at = r->moves.next_at;
	return r;
}

static void free_parts(struct live *l)
{
	mem_free(l->gaps.runs);
	if (!l->parked)
		return;
	mem_free(l->parked->gaps.runs);
	mem_free(l->parked);
}

static void check_conservation(const struct rack *r)
{
	const struct rack_counts *c = &r->counts;

	CHECK(c->submitted == c->refused + c->completed + c->failed + c->cancelled + c->live);
	CHECK(c->link_errors ==
	        c->link_errors_corrected + c->link_errors_replayed + c->link_errors_evicted);
}

void rack_free(struct rack *r)
{
	__int128 residence = r->residence;

	if (!r)
		return;
	check_conservation(r);
	for (uint32_t i = 0; i < r->lives.capacity; i++) {
		if (!(r->lives.generation[i] & 1))
			continue;
		residence += r->area_at - live_at(r, i)->t_submit;
		free_parts(live_at(r, i));
	}
	CHECK(residence == r->area); /* Little's law, exactly: both count ns × requests */
	for (uint32_t i = 0; i < r->n_instances; i++)
		instance_free(&r->instances[i]);
	fabric_free(r);
	errors_free(r);
	drift_free(r);
	variants_free(r);
	wiring_free(r);
	clocking_free(r);
	sdc_free(r);
	power_free(r);
	cooling_free(r);
	release_free(r);
	monitor_free(r);
	mem_free(r->suspicions);
	mem_free(r->cases);
	mem_free(r->scratch.runs);
	heap_free(&r->ingress);
	heap_free(&r->leaving);
	heap_free(&r->tokens);
	express_free(r);
	pool_free(&r->lives);
	arena_free(&r->arena);
	mem_free(r);
}

void rack_phase(struct rack *r, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	int64_t *at = &r->phases[fault * PHASE_COUNT + phase];

	if (*at >= 0)
		return;
	*at = at_ns;
	if (r->config.listener.phase)
		r->config.listener.phase(r->config.listener.ctx, fault, phase, at_ns);
}

const char *rack_fault_key(const struct rack *r, uint32_t fault, char buf[static RACK_FAULT_KEY])
{
	if (r->config.fault_ids)
		return r->config.fault_ids[fault];
	(void)snprintf(buf, RACK_FAULT_KEY, "%u", (unsigned)fault);
	return buf;
}

/* --- requests in and out
 * --------------------------------------------------------------------------- */

/* Number in system × time, up to now (Little). */
static void count_area(struct rack *r, int64_t now)
{
	r->area += (__int128)(now - r->area_at) * (__int128)r->counts.live;
	r->area_at = now;
}

static void arrive(struct rack *r, int64_t now, uint32_t live)
{
	if (LPC_UNLIKELY(r->frontends.troubled) && !frontends_take(r, live_at(r, live)))
		rack_refuse(r, now, live, REFUSED_CONNECT, 0);
	else
		pools_route(r, now, live);
}

void rack_init_live(const struct rack *r, struct live *l, int64_t t_submit)
{
	memset(l, 0, r->lives.size); /* not sizeof: a constant becomes a slow inline loop */
	l->t_submit = t_submit;
	l->t_entry = l->t_first = l->t_last = l->t_first_out = -1;
	l->replay_fault = l->link.fault = l->link.loss_fault = FAULT_NONE;
}

uint64_t rack_submit(struct rack *r, int64_t now, const struct rack_request *req)
{
	uint32_t live = pool_take(&r->lives);
	struct live *l;
	uint64_t handle;
	int64_t at;

	CHECK(live != POOL_NONE);
	CHECK(req->prompt_tokens >= 1 && req->output_tokens >= 1);
	CHECK(req->output_tokens <= req->max_tokens);
	count_area(r, now);
	r->now = now;
	r->counts.submitted++;
	r->counts.live++;
	l = live_at(r, live);
	rack_init_live(r, l, now);
	l->req = *req;
	if (r->config.listener.trace)
		r->config.listener.trace(
		        r->config.listener.ctx, now, req->id, STEP_SUBMITTED, 0, 0);
	handle = (uint64_t)pool_generation(&r->lives, live) << 32 | live;
	at = fabric_deliver(r, &l->link, req->id, 0, 0, now);
	if (at > now) {
		bool ok = heap_push(&r->ingress, at, req->id, handle);

		CHECK(ok);
		l->state = LIVE_INGRESS;
		if (at < r->next_at)
			r->next_at = at;
	} else {
		arrive(r, now, live);
		if (r->dispatch_due)
			r->next_at = now;
	}
	return handle;
}

static void retire(struct rack *r, int64_t now, uint32_t live)
{
	struct live *l = live_at(r, live);

	count_area(r, now);
	r->residence += now - l->t_submit;
	r->counts.live--;
	free_parts(l);
	pool_give(&r->lives, live);
}

/* The last callback of a request. */
static void call_out(struct rack *r, int64_t due, uint32_t live, const struct rack_completion *done,
        const struct gap_list *gaps)
{
	const struct rack_listener *to = &r->config.listener;
	struct live *l = live_at(r, live);

	if (l->refused) {
		if (to->refused)
			to->refused(to->ctx, due, &l->req, l->why, l->retry_after_s);
	} else {
		for (uint32_t i = 0; to->gaps && !l->req.watched && i < gaps->n; i++)
			to->gaps(to->ctx, &l->req, gaps->runs[i].gap_ns, gaps->runs[i].n);
		if (to->completed)
			to->completed(to->ctx, due, done);
	}
	retire(r, due, live);
}

static uint64_t handle_of(const struct rack *r, uint32_t live)
{
	return (uint64_t)pool_generation(&r->lives, live) << 32 | live;
}

static void push_leaving(struct rack *r, uint32_t live, int64_t due)
{
	struct live *l = live_at(r, live);
	bool ok = heap_push(&r->leaving, due, l->req.id, handle_of(r, live));

	CHECK(ok);
	l->state = LIVE_LEAVING;
	if (due < r->next_at)
		r->next_at = due;
}

void rack_refuse(
        struct rack *r, int64_t now, uint32_t live, enum rack_refusal why, int64_t retry_after_s)
{
	struct live *l = live_at(r, live);
	int64_t due = fabric_deliver(r, &l->link, l->req.id, 1, 0, now);

	l->refused = true;
	l->why = why;
	l->retry_after_s = retry_after_s;
	r->counts.refused++;
	r->counts.admission_refused += why != REFUSED_CONTEXT && why != REFUSED_NO_POOL;
	if (due > now)
		push_leaving(r, live, due);
	else
		call_out(r, now, live, NULL, NULL);
}

void rack_finish(struct rack *r, int64_t now, uint32_t live)
{
	struct live *l = live_at(r, live);
	struct rack_completion done;
	int64_t due;

	account_finish(r, now, l, &done);
	if (l->failed)
		r->counts.failed++;
	else
		r->counts.completed++;
	due = done.t_last > now ? done.t_last : now;
	if (due == now && l->link.behind < now) {
		call_out(r, now, live, &done, &r->scratch);
		return;
	}
	l->parked = mem_alloc(1, sizeof(*l->parked));
	l->parked->done = done;
	l->parked->gaps = r->scratch;
	r->scratch = (struct gap_list){0};
	push_leaving(r, live, due);
}

/* --- frame ends
 * ------------------------------------------------------------------------------------ */

static void emit_token(struct rack *r, int64_t due, uint32_t live, int64_t index, bool wrong)
{
	struct live *l = live_at(r, live);

	r->counts.tokens_emitted++;
	if (r->config.listener.token)
		r->config.listener.token(r->config.listener.ctx, due, &l->req, index, wrong);
}

static void token_due(
        struct rack *r, int64_t now, struct instance *in, struct slot *s, struct heap_entry top)
{
	struct live *l = live_at(r, s->live);
	int64_t index = l->delivered + s->next_token++ - (MUTANT(TOKEN_REPEATED) && l->replays);
	int64_t due = fabric_deliver(r, &l->link, l->req.id, (uint64_t)index + 1,
	        (uint64_t)(l->req.output_tokens - index - 1), now);
	bool wrong = l->corrupt && l->corrupt_last == index;

	if (index == 0) /* known now: its completion may be written before it is there */
		l->t_first_out = due;
	if (top.key < s->end)
		heap_replace_top(&in->tokens, top.key + (int64_t)in->f0, top.sub, top.value);
	else
		(void)heap_pop(&in->tokens);
	/* Also one that is due now is told in its turn, behind those that were held up until now.
	 */
	if (due > now || l->link.behind >= now) {
		bool ok = heap_push(&r->tokens, due, l->req.id << 24 | (uint64_t)index,
		        handle_of(r, s->live) | (wrong ? TOKEN_WRONG : 0));

		CHECK(ok);
		l->link.behind = due;
		return;
	}
	emit_token(r, due, s->live, index, wrong);
}

static void slot_done(struct rack *r, int64_t now, struct instance *in, uint32_t slot)
{
	uint32_t live = in->slots[slot].live;
	struct live *l = live_at(r, live);

	pools_forget(r, l);
	r->dispatch_due = true;
	rack_finish(r, now, live);
	instance_release(in, slot, now);
}

void rack_arm(struct rack *r, struct instance *in, int64_t now)
{
	int64_t f0 = (int64_t)in->f0;

	if (!fabric_watches(r, in) && !clocking_watches(r, in) && !errors_watches(r, in) &&
	        !drift_watches(r, in) && !wiring_watches(r, in))
		in->boundary_tick = NS_NEVER;
	else if (in->boundary_tick == NS_NEVER)
		in->boundary_tick = (progress_tick_at(instance_clock(in), now) / f0 + 1) * f0;
	instance_schedule(in);
}

/* A frame ends and the next one begins, and somebody cares. */
static void frame_boundary(struct rack *r, int64_t now, struct instance *in)
{
	uint32_t cause = FAULT_NONE;
	int64_t frame = in->boundary_tick / (int64_t)in->f0, late;

	in->boundary_tick += (int64_t)in->f0;
	clocking_frame_end(r, now, in);
	errors_frame_end(r, now, in, frame - 1);
	drift_frame_end(r, now, in);
	wiring_frame_end(r, now, in);
	late = fabric_frame_late(r, now, in, frame, &cause);
	if (late <= 0)
		return;
	rack_phase(r, cause, PHASE_EFFECT, now);
	instance_stall(in, now, late, cause);
}

/* Everything of an instance that is due at `now`: tokens, then completions, then entries. */
static void step_instance(struct rack *r, int64_t now, struct instance *in)
{
	int64_t tick;
	uint32_t slot;
	struct slot *s;

	if (in->stall_until && in->stall_until <= now) {
		instance_stall_over(in, now);
		clocking_stall_over(r, now, in);
		errors_stall_over(r, now, in);
	}
	tick = progress_tick_at(instance_clock(in), now);
	if (LPC_UNLIKELY(in->moves.n))
		moves_frame_end(r, now, in, tick);
	while (in->tokens.n && in->tokens.e[0].key <= tick) {
		s = instance_slot(in, in->tokens.e[0].value, &slot);
		if (s)
			token_due(r, now, in, s, in->tokens.e[0]);
		else
			(void)heap_pop(&in->tokens);
	}
	while (in->ends.n && in->ends.e[0].key <= tick) {
		if (instance_slot(in, heap_pop(&in->ends).value, &slot))
			slot_done(r, now, in, slot);
	}
	while (in->entries.n && in->entries.e[0].key <= tick) {
		s = instance_slot(in, heap_pop(&in->entries).value, &slot);
		if (s && !s->entered)
			instance_entered(in, slot, now);
	}
	if (LPC_UNLIKELY(in->hits.n))
		sdc_step(r, now, in, tick);
	if (in->boundary_tick <= tick)
		frame_boundary(r, now, in);
	instance_schedule(in);
	r->counts.events++;
}

/* --- time
 * ------------------------------------------------------------------------------------------ */

static int64_t heap_at(const struct heap *h)
{
	return h->n ? h->e[0].key : NS_NEVER;
}

/* The next instant of the parts that only faults, or a mirror, set in motion. */
static int64_t moving_parts_at(const struct rack *r)
{
	int64_t next = min_i64(r->power.next_at, r->cooling.next_at);

	next = min_i64(next, r->monitor.next_at);
	next = min_i64(next, r->errors.scan_at);
	next = min_i64(next, r->frontends.next_at);
	if (release_is_busy(r))
		next = min_i64(next, release_next_at(r));
	return next;
}

/* They fall asleep when nothing is due and no fault is with them. */
static int64_t parts_next_at(struct rack *r)
{
	int64_t next = moving_parts_at(r);

	r->parts_awake =
	        next != NS_NEVER || release_is_busy(r) || r->monitor.n || r->frontends.troubled;
	return next;
}

int64_t rack_parts_at(const struct rack *r)
{
	int64_t next = r->n_cases ? health_next_at(r) : NS_NEVER;

	next = min_i64(next, r->moves.next_at);
	return r->parts_awake ? min_i64(next, moving_parts_at(r)) : next;
}

void rack_reschedule(struct rack *r)
{
	int64_t next = r->dispatch_due ? r->now : NS_NEVER;

	for (uint32_t i = 0; i < r->n_instances; i++)
		next = min_i64(next, r->instances[i].next_at);
	if (r->n_cases)
		next = min_i64(next, health_next_at(r));
	if (LPC_UNLIKELY(r->parts_awake))
		next = min_i64(next, parts_next_at(r));
	next = min_i64(next, r->moves.next_at);
	next = min_i64(next, heap_at(&r->ingress));
	next = min_i64(next, heap_at(&r->leaving));
	next = min_i64(next, heap_at(&r->tokens));
	r->next_at = min_i64(next, pools_next_at(r));
}

int64_t rack_next_at(const struct rack *r)
{
	return r->next_at;
}

/* Messages that reach the client's end: delayed tokens, then refusals and completions. */
static void step_leaving(struct rack *r, int64_t now)
{
	while (heap_at(&r->tokens) <= now) {
		struct heap_entry e = heap_pop(&r->tokens);
		uint32_t live = (uint32_t)(e.value & ~TOKEN_WRONG);

		if (pool_is_live(&r->lives, live, (uint32_t)(e.value >> 32)))
			emit_token(
			        r, e.key, live, (int64_t)(e.sub & 0xffffff), e.value & TOKEN_WRONG);
	}
	while (heap_at(&r->leaving) <= now) {
		struct heap_entry e = heap_pop(&r->leaving);
		uint32_t live = (uint32_t)e.value;
		struct parked *p;

		if (!pool_is_live(&r->lives, live, (uint32_t)(e.value >> 32)))
			continue;
		p = live_at(r, live)->parked;
		call_out(r, e.key, live, p ? &p->done : NULL, p ? &p->gaps : NULL);
	}
}

static void step_ingress(struct rack *r, int64_t now)
{
	while (heap_at(&r->ingress) <= now) {
		struct heap_entry e = heap_pop(&r->ingress);

		if (pool_is_live(&r->lives, (uint32_t)e.value, (uint32_t)(e.value >> 32)))
			arrive(r, now, (uint32_t)e.value);
	}
}

/* What belongs to the class health and comes before it; artifacts come behind it. */
static void step_parts(struct rack *r, int64_t now)
{
	if (r->power.next_at <= now)
		power_step(r, now);
	if (r->cooling.next_at <= now)
		cooling_step(r, now);
	if (r->monitor.next_at <= now)
		monitor_step(r, now);
	if (r->errors.scan_at <= now)
		errors_scan(r, now);
	if (r->frontends.next_at <= now)
		frontends_step(r, now);
}

static void step_instant(struct rack *r, int64_t now)
{
	r->now = now;
	for (uint32_t i = 0; i < r->n_instances; i++)
		if (r->instances[i].next_at <= now)
			step_instance(r, now, &r->instances[i]);
	step_leaving(r, now);
	if (LPC_UNLIKELY(r->parts_awake))
		step_parts(r, now);
	if (LPC_UNLIKELY(r->moves.next_at <= now))
		moves_step(r, now);
	if (r->n_cases)
		health_step(r, now);
	if (LPC_UNLIKELY(r->parts_awake) && release_is_busy(r))
		release_step(r, now);
	step_ingress(r, now);
}

void rack_step(struct rack *r, int64_t now)
{
	CHECK(now >= r->now);
	while (r->next_at < now) {
		int64_t at = r->next_at;

		step_instant(r, at);
		rack_dispatch(r, at);
	}
	step_instant(r, now);
	r->dispatch_due = true;
	r->next_at = now;
}

void rack_dispatch(struct rack *r, int64_t now)
{
	CHECK(now == r->now);
	r->dispatch_due = false;
	pools_dispatch(r, now);
	rack_reschedule(r);
}

/* --- clients that leave
 * ---------------------------------------------------------------------------- */

/* Closes the books of a request that will not be answered, and frees what it has. */
static void take_out(struct rack *r, int64_t now, uint32_t live, struct rack_completion *left)
{
	struct live *l = live_at(r, live);

	if (l->state == LIVE_LEAVING) { /* its books are closed: it only had to reach the client */
		if (l->refused)
			r->counts.refused--;
		else if (l->failed)
			r->counts.failed--;
		else
			r->counts.completed--;
		if (l->parked)
			*left = l->parked->done;
		else
			account_cancel(r, now, l, left);
	} else {
		account_cancel(r, now, l, left);
		if (l->state == LIVE_QUEUED)
			pools_unqueue(r, live);
		if (l->state == LIVE_RUNNING) {
			pools_forget(r, l);
			instance_release(&r->instances[l->instance], l->slot, now);
			release_left(r, now, l->instance);
			instance_schedule(&r->instances[l->instance]);
		}
	}
	r->counts.cancelled++;
	r->dispatch_due = true;
}

bool rack_cancel(struct rack *r, int64_t now, uint64_t handle, struct rack_completion *left)
{
	uint32_t live = (uint32_t)handle;
	struct rack_completion ignored;

	if (!pool_is_live(&r->lives, live, (uint32_t)(handle >> 32)))
		return false;
	r->now = now;
	take_out(r, now, live, left ? left : &ignored);
	retire(r, now, live);
	rack_reschedule(r);
	return true;
}

/* When its client had the first token: known where tokens are events, else reckoned. */
static int64_t first_seen(struct rack *r, struct live *l)
{
	if (l->parked)
		return l->parked->done.t_first;
	if (r->config.emit_tokens || l->req.watched)
		return l->t_first_out;
	if (l->refused || !l->delivered)
		return -1;
	return fabric_deliver(
	        r, &l->link, l->req.id, 1, (uint64_t)l->req.output_tokens - 1, l->t_first);
}

void rack_reset(struct rack *r, int64_t now, uint32_t live)
{
	struct live *l = live_at(r, live);
	struct rack_completion left;
	bool begun;

	take_out(r, now, live, &left);
	left.t_first = first_seen(r, l);
	begun = left.t_first >= 0 && left.t_first < now; /* faults come before frame ends */
	if (!begun) {
		left.t_first = left.t_last = -1;
		left.delivered = 0;
	} else if (left.t_last > now) {
		left.t_last = now;
	}
	if (r->config.listener.reset)
		r->config.listener.reset(r->config.listener.ctx, now, &left, begun);
	retire(r, now, live);
}

/* --- looking in
 * ------------------------------------------------------------------------------------ */

bool rack_is_silent(const struct rack *r)
{
	return r->monitor.n && monitor_is_silent(r);
}

int64_t rack_pool_queue_ns(const struct rack *r, int64_t now, uint32_t pool)
{
	const struct serving_pool *p = &r->pools[pool];
	int64_t oldest = 0;

	if (LPC_UNLIKELY(r->monitor.n) && monitor_pool_is_silent(r, p->spec))
		return -1;

	for (uint32_t b = 0; b < p->spec->n_buckets; b++) {
		for (uint32_t k = 0; k < p->n_ranks; k++) {
			uint32_t head = p->queues[b].rank[k].head;

			if (head != LIVE_NONE && now - live_at(r, head)->t_queued > oldest)
				oldest = now - live_at(r, head)->t_queued;
		}
	}
	return oldest;
}

void rack_signals(const struct rack *r, int64_t now, struct rack_signals *out)
{
	*out = (struct rack_signals){0};
	for (uint32_t i = 0; i < r->n_pools; i++) {
		const struct serving_pool *p = &r->pools[i];
		int64_t oldest = rack_pool_queue_ns(r, now, i);

		out->live_instances += p->live_instances;
		for (uint32_t b = 0; b < p->spec->n_buckets; b++) {
			out->queued += p->queues[b].queued;
			out->running += p->queues[b].running;
		}
		if (oldest > out->oldest_queue_ns)
			out->oldest_queue_ns = oldest;
	}
	for (uint32_t i = 0; i < r->n_instances; i++)
		out->healthy_instances +=
		        instance_takes(&r->instances[i]) && !r->instances[i].holds;
	out->artifact_count = release_artifacts(r) + variants_loaded(r);
	out->compile_backlog = farm_backlog(&r->release.farm);
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		out->spare_count += r->nodes[n].spare && health_usable(&r->nodes[n]);
	if (LPC_UNLIKELY(r->monitor.n) && monitor_is_silent(r))
		out->spare_count = RACK_NO_COUNT;
}

void rack_static_digest(const struct rack *r, uint8_t out[32])
{
	struct lanes lanes;

	lanes_init(&lanes);
	for (uint32_t n = 0; n < r->d->topology.n_nodes; n++)
		lanes_add(&lanes, (uint64_t)r->nodes[n].lost << 32 | r->nodes[n].quarantine);
	for (uint32_t l = 0; l < r->d->topology.n_links; l++)
		lanes_add(&lanes, r->fabric.down[l]);
	lanes_add(&lanes, r->fabric.n_active);
	lanes_add(&lanes, r->n_suspicions);
	errors_fold(r, &lanes);
	drift_fold(r, &lanes);
	wiring_fold(r, &lanes);
	clocking_fold(r, &lanes);
	sdc_fold(r, &lanes);
	power_digest(r, &lanes);
	cooling_digest(r, &lanes);
	release_fold(r, &lanes);
	lanes_add(&lanes, r->monitor.n);
	lanes_add(&lanes, (uint64_t)variants_loaded(r) << 32 | r->variants.n);
	frontends_digest(r, &lanes);
	lanes_final(&lanes, out);
}

enum path_scope rack_path_worst(const struct rack *r)
{
	return r->worst;
}

struct rack_counts rack_counts(const struct rack *r)
{
	check_conservation(r);
	return r->counts;
}
