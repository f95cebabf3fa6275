/* What is left of a request when nothing happens to it.
 *
 * Its whole life is decided when it departs: the slot with the earliest departure, a fixed number
 * of frames, and the instants are sums. So the only events are arrivals, which the caller hands in,
 * and ends, which stand in one heap of 16-byte entries over all instances; a rider lies in a ring
 * while it queues and in its slot's place while it runs, and is copied out when it ends. Order at
 * one instant as in rack.c: ends, arrivals, dispatch.
 *
 * The rack's own queues' counters and the instances' free slots are kept up to date, because
 * admission (pools_pick) looks at them; its lives, lists and heaps are empty meanwhile.
 *
 * At the compiled rate a tick lasts one ns, also where an earlier slow-down has left a fraction of
 * a tick behind: an instance's ticks are its instants, less `shift`. */
#include "emulator/express.h"

#include <stdlib.h>

#include "emulator/rack_state.h"
#include "harness/base/arena.h"
#include "harness/base/mutant.h"

enum {
	QUEUE_MAX = 1 << 16, /* riders in one queue; with more the rack goes on by itself */
	SLOT_BITS = 22,      /* beside the id in an entry's order */
	INGRESS_MAX = 64,
};

struct end {
	int64_t at;
	uint64_t order; /* id, then slot: at one instant in order of id */
};

/* One instance's part in one bucket. */
struct lane {
	struct instance *in;
	int64_t shift; /* instant of a tick less the tick */
	int64_t frame_at, f0;
	double frames_per_tick, slots_per_tick;
	uint32_t bucket, first_slot; /* of the instance in `place` */
};

struct queue {
	struct serving_pool *pool;
	struct bucket_queue *counts;
	const struct bucket_spec *bucket;
	struct lane *lanes;
	uint32_t n_lanes, index;
	struct rider *ring;
	uint32_t head, n, capacity; /* capacity: a power of two */
	bool dirty;                 /* somebody may depart */
};

struct express {
	uint32_t n_queues, n_lanes, n_slots;
	struct queue *queues;
	struct lane *lanes;
	struct rider *place; /* by slot of all instances, one after the other */
	uint32_t *lane_of;   /* by slot */
	struct end *ends;    /* a 4-ary heap */
	uint32_t n_ends;
	int64_t delay; /* of the ingress link, one way */
	const int64_t *timeout_ns;
	int64_t timeout_min, give_up_at; /* a rider under way is given up then */
	int64_t patience_at;             /* the first in a queue might be, then */
	int64_t now;
	uint32_t n_dirty;
	struct live scratch;
	/* Little's law: how many came and went since `from`, and the sums of their instants. */
	int64_t from;
	uint64_t live_from, n_came, n_went;
	__int128 came, went;
};

/* --- set-up
 * ---------------------------------------------------------------------------------------- */

static uint32_t buckets_of(const struct rack *r)
{
	uint32_t n = 0;

	for (uint32_t p = 0; p < r->n_pools; p++)
		n += r->pools[p].spec->n_buckets;
	return n;
}

static void create(struct rack *r)
{
	struct express *x = mem_alloc(1, sizeof(*x));
	uint32_t q = 0, lane = 0, slot = 0;

	r->express = x;
	x->n_queues = buckets_of(r);
	x->queues = mem_alloc(x->n_queues, sizeof(*x->queues));
	for (uint32_t p = 0; p < r->n_pools; p++)
		x->n_lanes += r->pools[p].n_instances * r->pools[p].spec->n_buckets;
	for (uint32_t i = 0; i < r->n_instances; i++)
		x->n_slots += r->instances[i].n_slots;
	CHECK(x->n_slots < 1u << SLOT_BITS);
	x->lanes = mem_alloc(x->n_lanes, sizeof(*x->lanes));
	x->place = mem_alloc(x->n_slots, sizeof(*x->place));
	x->lane_of = mem_alloc(x->n_slots, sizeof(*x->lane_of));
	x->ends = mem_alloc(x->n_slots + 1, sizeof(*x->ends));
	for (uint32_t p = 0; p < r->n_pools; p++) {
		struct serving_pool *pool = &r->pools[p];

		for (uint32_t b = 0; b < pool->spec->n_buckets; b++, q++) {
			x->queues[q] = (struct queue){.pool = pool,
			        .counts = &pool->queues[b],
			        .bucket = &pool->spec->buckets[b],
			        .lanes = &x->lanes[lane],
			        .n_lanes = pool->n_instances,
			        .index = q};
			for (uint32_t i = 0; i < pool->n_instances; i++, lane++)
				x->lanes[lane] = (struct lane){
				        .in = &r->instances[pool->first_instance + i], .bucket = b};
		}
	}
	for (uint32_t i = 0; i < r->n_instances; i++) {
		for (uint32_t l = 0; l < x->n_lanes; l++)
			if (x->lanes[l].in == &r->instances[i]) {
				const uint32_t *first = r->instances[i].bucket_first;
				uint32_t b = x->lanes[l].bucket;

				x->lanes[l].first_slot = slot;
				for (uint32_t j = first[b]; j < first[b + 1]; j++)
					x->lane_of[slot + j] = l;
			}
		slot += r->instances[i].n_slots;
	}
}

void express_free(struct rack *r)
{
	struct express *x = r->express;

	if (!x)
		return;
	for (uint32_t q = 0; q < x->n_queues; q++)
		mem_free(x->queues[q].ring);
	mem_free(x->queues);
	mem_free(x->lanes);
	mem_free(x->place);
	mem_free(x->lane_of);
	mem_free(x->ends);
	mem_free(x);
}

/* --- may it run?
 * ----------------------------------------------------------------------------------- */

/* At its compiled rate, and nobody watches its frames; or out of service altogether. */
static bool instance_is_plain(const struct instance *in)
{
	const struct progress *clock = instance_clock(in);

	for (uint32_t b = 1; b < in->n_buckets; b++)
		if (in->bucket_frame_ns[b] != in->bucket_frame_ns[0])
			return false;
	if (in->tokens.n || in->hits.n)
		return false;
	if (!instance_takes(in))
		return instance_is_idle(in);
	return !in->holds && !in->stall_until && in->boundary_tick == NS_NEVER &&
	       in->slow_ppm == SLOW_NONE && !in->host_ns && !clock->stopped &&
	       clock->rate.num == clock->rate.den && in->open->slow_cause == FAULT_NONE;
}

static bool pool_is_plain(const struct serving_pool *p)
{
	return p->n_ranks == 1 && !p->spec->batch_window_ns && !p->without_artifact && !p->host_ns;
}

bool express_ready(const struct rack *r, int64_t *until)
{
	uint32_t slots = 0;

#ifdef LPUCHAOS_MUTANTS
	if (mutant_awake != MUTANT_NONE) /* they are planted in the rack's own events */
		return false;
#endif
	if (r->config.emit_tokens || r->config.listener.trace)
		return false;
	if (r->frontends.troubled || r->variants.n || r->sdc.n || release_is_busy(r) ||
	        r->release.n_wrong || r->tokens.n || r->ingress.n > INGRESS_MAX)
		return false;
	if (r->fabric.n_active || !fabric_is_quiet(r, r->now - r->d->ethernet.ingress_delay_ns))
		return false;
	for (uint32_t p = 0; p < r->n_pools; p++)
		if (!pool_is_plain(&r->pools[p]))
			return false;
	for (uint32_t i = 0; i < r->n_instances; i++) {
		if (!instance_is_plain(&r->instances[i]))
			return false;
		slots += r->instances[i].n_slots;
	}
	*until = rack_parts_at(r);
	return slots < 1u << SLOT_BITS;
}

/* --- the heap of ends
 * ------------------------------------------------------------------------------ */

static inline bool sooner(const struct end *a, const struct end *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void ends_push(struct express *x, struct end e)
{
	uint32_t i = x->n_ends++;

	while (i > 0) {
		uint32_t parent = (i - 1) / 4;

		if (!sooner(&e, &x->ends[parent]))
			break;
		x->ends[i] = x->ends[parent];
		i = parent;
	}
	x->ends[i] = e;
}

static void ends_pop(struct express *x)
{
	struct end *e = x->ends, last = e[--x->n_ends];
	uint32_t i = 0, n = x->n_ends;

	for (;;) {
		uint32_t first = 4 * i + 1, least = first, limit = first + 4 < n ? first + 4 : n;

		if (first >= n)
			break;
		for (uint32_t c = first + 1; c < limit; c++)
			least = sooner(&e[c], &e[least]) ? c : least;
		if (!sooner(&e[least], &last))
			break;
		e[i] = e[least];
		i = least;
	}
	e[i] = last;
}

/* --- queues and slots
 * ------------------------------------------------------------------------------ */

static void queue_append(struct queue *q, const struct rider *rider)
{
	if (q->n == q->capacity) {
		uint32_t capacity = q->capacity ? q->capacity * 2 : 64;
		struct rider *ring = mem_alloc(capacity, sizeof(*ring));

		for (uint32_t i = 0; i < q->n; i++)
			ring[i] = q->ring[(q->head + i) & (q->capacity - 1)];
		mem_free(q->ring);
		q->ring = ring;
		q->head = 0;
		q->capacity = capacity;
	}
	q->ring[(q->head + q->n++) & (q->capacity - 1)] = *rider;
}

/* The first who waits in a queue loses patience no sooner than this. */
static void reckon_patience(struct express *x)
{
	x->patience_at = NS_NEVER;
	for (uint32_t i = 0; i < x->n_queues; i++) {
		const struct queue *q = &x->queues[i];

		if (q->n)
			x->patience_at =
			        min_i64(x->patience_at, q->ring[q->head].t_submit + x->timeout_min);
	}
}

static void lane_begin(struct lane *l)
{
	const struct progress *clock = instance_clock(l->in);

	l->f0 = (int64_t)l->in->f0;
	l->shift = clock->t0 - clock->x0;
	l->frame_at = progress_tick_at(clock, clock->t0) / l->f0 * l->f0;
	l->frames_per_tick = 1 / (double)l->f0;
	l->slots_per_tick = (double)l->in->n_slots / (double)l->f0;
}

/* The frame of this tick begins at frame_at from now on; ticks do not go backwards by more than a
 * frame. */
static void lane_seek(struct lane *l, int64_t tick)
{
	int64_t off = tick - l->frame_at;

	if (off >= 0 && off < l->f0)
		return;
	l->frame_at += (int64_t)((double)off * l->frames_per_tick) * l->f0;
	while (tick < l->frame_at)
		l->frame_at -= l->f0;
	while (tick - l->frame_at >= l->f0)
		l->frame_at += l->f0;
}

/* instance_earliest() for the phased entry, with a product where that one divides. */
static bool lane_earliest(struct lane *l, int64_t now, uint32_t *slot, int64_t *tick)
{
	const struct instance *in = l->in;
	uint32_t first = in->bucket_first[l->bucket], last = in->bucket_first[l->bucket + 1], j;
	int64_t here, off;

	if (!in->bucket_free[l->bucket] || !instance_takes(in))
		return false;
	if (in->entry != ENTRY_PHASE)
		return instance_earliest(in, l->bucket, now, slot, tick);
	here = now - l->shift;
	lane_seek(l, here);
	off = here - l->frame_at;
	j = (uint32_t)((double)off * l->slots_per_tick);
	j = j < in->n_slots ? j : in->n_slots;
	while (j > 0 && in->slots[j - 1].departure >= off)
		j--;
	while (j < in->n_slots && in->slots[j].departure < off)
		j++;
	*tick = l->frame_at;
	*slot = instance_next_free(in, j > first ? j : first, last);
	if (*slot == last) {
		*slot = instance_next_free(in, first, last);
		*tick += l->f0;
	}
	*tick += in->slots[*slot].departure;
	return true;
}

static bool choose(struct queue *q, int64_t now, struct lane **lane, uint32_t *slot, int64_t *at)
{
	bool found = false;

	for (uint32_t i = 0; i < q->n_lanes; i++) {
		uint32_t s;
		int64_t tick;

		if (!lane_earliest(&q->lanes[i], now, &s, &tick))
			continue;
		tick += q->lanes[i].shift;
		if (found && tick >= *at)
			continue;
		*lane = &q->lanes[i];
		*slot = s;
		*at = tick;
		found = true;
	}
	return found;
}

/* The rider departs, if a slot is free. */
static bool depart(struct express *x, struct queue *q, const struct rider *from)
{
	struct lane *lane = NULL;
	struct rider *to;
	uint32_t slot = 0;
	int64_t at = 0;

	if (!choose(q, x->now, &lane, &slot, &at))
		return false;
	instance_take_slot(lane->in, slot);
	to = &x->place[lane->first_slot + slot];
	*to = *from;
	to->frame_ns = lane->f0;
	to->t_dispatch = x->now;
	to->t_entry = at;
	to->t_first = at + ceil_div_i64(to->prompt_tokens, q->bucket->ppf) * lane->f0;
	to->t_last = to->t_first + (int64_t)(to->output_tokens - 1) * lane->f0;
	if (to->t_last + x->delay > to->t_submit + x->timeout_ns[to->tenant])
		x->give_up_at = min_i64(x->give_up_at, to->t_submit + x->timeout_ns[to->tenant]);
	ends_push(x, (struct end){to->t_last, to->id << SLOT_BITS | (lane->first_slot + slot)});
	return true;
}

static void count_departed(struct rack *r, struct queue *q)
{
	q->counts->queued--;
	q->counts->running++;
	r->queued--;
	r->counts.dispatches++;
}

static void dispatch(struct rack *r)
{
	struct express *x = r->express;

	for (uint32_t i = 0; x->n_dirty && i < x->n_queues; i++) {
		struct queue *q = &x->queues[i];
		uint32_t before = q->n;

		if (!q->dirty)
			continue;
		q->dirty = false;
		x->n_dirty--;
		while (q->n && depart(x, q, &q->ring[q->head])) {
			q->head = (q->head + 1) & (q->capacity - 1);
			q->n--;
			count_departed(r, q);
		}
		if (q->n || before)
			reckon_patience(x);
	}
}

static void mark(struct express *x, struct queue *q)
{
	x->n_dirty += !q->dirty;
	q->dirty = true;
}

/* --- events
 * ---------------------------------------------------------------------------------------- */

static void end_first(struct rack *r, struct rider *out)
{
	struct express *x = r->express;
	uint32_t slot = (uint32_t)(x->ends[0].order & ((1u << SLOT_BITS) - 1));
	const struct rider *rider = &x->place[slot];
	struct lane *lane = &x->lanes[x->lane_of[slot]];
	struct queue *q = &x->queues[rider->queue];

	*out = *rider;
	q->counts->running--;
	q->counts->declared -= rider->declared;
	instance_give_slot(lane->in, slot - lane->first_slot);
	r->counts.completed++;
	ends_pop(x);
	if (q->n)
		mark(x, q);
}

/* Lets an arrival in; false if the rack would not. */
static bool let_in(struct rack *r, const struct rider *a, bool alone)
{
	struct express *x = r->express;
	struct live *l = &x->scratch;
	struct serving_pool *pool;
	struct queue *q;
	struct rider rider = *a;
	enum rack_refusal why;
	int64_t retry_after_s;
	uint32_t bucket;

	l->req.id = a->id;
	l->req.tenant = a->tenant;
	l->req.tier = a->tier;
	l->req.prompt_tokens = a->prompt_tokens;
	l->req.output_tokens = a->output_tokens;
	l->req.max_tokens = a->max_tokens;
	if (!pools_pick(r, x->now, l, &pool, &bucket, &why, &retry_after_s))
		return false;
	rider.output_tokens = (uint32_t)l->req.output_tokens;
	rider.max_tokens = (uint32_t)l->req.max_tokens;
	rider.declared = pools_declared(pool, bucket, l);
	q = &x->queues[0];
	while (q->pool != pool || q->counts != &pool->queues[bucket])
		q++;
	rider.queue = q->index;
	r->counts.submitted++;
	r->counts.live++;
	x->n_came++;
	x->came += a->t_submit - x->from;
	q->counts->declared += rider.declared;
	if (alone && !q->n && depart(x, q, &rider)) {
		q->counts->running++;
		r->counts.dispatches++;
		return true;
	}
	q->counts->queued++;
	r->queued++;
	queue_append(q, &rider);
	mark(x, q);
	return true;
}

enum express_end express_run(struct rack *r, struct express_block *b)
{
	struct express *x = r->express;

	for (;;) {
		int64_t ends = x->n_ends ? x->ends[0].at : NS_NEVER, comes = NS_NEVER, at;

		if (b->used < b->n_in)
			comes = b->in[b->used].t_submit + x->delay;
		else if (b->more)
			return EXPRESS_MORE;
		at = min_i64(ends, comes);
		if (x->n_dirty && at > x->now) {
			dispatch(r);
			continue;
		}
		if (at >= b->until)
			return EXPRESS_UNTIL;
		if (at >= x->patience_at || at >= x->give_up_at)
			return EXPRESS_TROUBLE;
		if (comes == NS_NEVER)
			return EXPRESS_OVER;
		b->instants += at > x->now;
		x->now = at;
		if (ends == at) {
			if (b->n_out == b->room)
				return EXPRESS_FULL;
			end_first(r, &b->out[b->n_out++]);
			continue;
		}
		if (!let_in(r, &b->in[b->used],
		            !x->n_dirty && b->used + 1 < b->n_in &&
		                    b->in[b->used + 1].t_submit + x->delay > at))
			return EXPRESS_TROUBLE;
		b->used++;
	}
}

int64_t express_now(const struct rack *r)
{
	return r->express->now;
}

void express_delivered(struct rack *r, const struct rider *rider)
{
	struct express *x = r->express;
	int64_t at = rider->t_last + x->delay;

	r->residence += at - rider->t_submit;
	r->counts.live--;
	x->n_went++;
	x->went += at - x->from;
}

/* --- getting on
 * ------------------------------------------------------------------------------------ */

/* Nothing has happened to it that it would have to tell. */
static bool is_plain(const struct rack *r, const struct live *l)
{
	int64_t delay = r->d->ethernet.ingress_delay_ns;
	int64_t most = INT32_MAX;

	if (l->refused || l->failed || l->replays || l->n_stalls || l->gaps.n || l->corrupt ||
	        l->frontend || l->req.watched || l->req.affinity || l->replay_fault != FAULT_NONE ||
	        l->req.id >> (64 - SLOT_BITS))
		return false;
	if (l->link.fault != FAULT_NONE || l->link.loss_fault != FAULT_NONE || l->link.behind ||
	        l->link.out_until)
		return false;
	if (l->req.prompt_tokens > most || l->req.max_tokens > most)
		return false;
	if (l->state == LIVE_INGRESS)
		return l->link.delivered == l->t_submit + delay;
	if (l->t_arrival != l->t_submit + delay || l->t_queued != l->t_arrival)
		return false;
	if (l->state == LIVE_LEAVING)
		return l->parked && fabric_is_quiet(r, l->t_first) &&
		       l->parked->done.t_last == l->t_last + delay;
	if (l->state == LIVE_RUNNING) {
		const struct instance *in = &r->instances[l->instance];
		const struct slot *s = &in->slots[l->slot];

		/* Its tokens, too, go by the law of their instants. */
		return s->segment == instance_segment(in) &&
		       fabric_is_quiet(r, progress_time_of(instance_clock(in), s->first));
	}
	return true;
}

static uint32_t queue_index(const struct rack *r, uint32_t pool, uint32_t bucket)
{
	uint32_t q = bucket;

	for (uint32_t p = 0; p < pool; p++)
		q += r->pools[p].spec->n_buckets;
	return q;
}

static struct rider rider_of(
        struct rack *r, const struct live *l, const struct express_stop_over *stop)
{
	struct rider a = {
	        .id = l->req.id,
	        .order = stop->board(stop->ctx, l->req.user),
	        .t_submit = l->t_submit,
	        .tenant = l->req.tenant,
	        .tier = l->req.tier,
	        .prompt_tokens = (uint32_t)l->req.prompt_tokens,
	        .output_tokens = (uint32_t)l->req.output_tokens,
	        .max_tokens = (uint32_t)l->req.max_tokens,
	};

	if (l->state == LIVE_INGRESS)
		return a;
	a.queue = queue_index(r, l->pool, l->bucket);
	a.declared = l->declared;
	a.t_dispatch = l->t_dispatch;
	return a;
}

static void board_running(struct rack *r, struct live *l, const struct express_stop_over *stop)
{
	struct express *x = r->express;
	struct instance *in = &r->instances[l->instance];
	struct slot *s = &in->slots[l->slot];
	struct rider a = rider_of(r, l, stop);
	const struct lane *lane = x->queues[a.queue].lanes;
	uint32_t place;

	while (lane->in != in)
		lane++;
	place = lane->first_slot + l->slot;
	a.frame_ns = lane->f0;
	a.t_entry = s->entry + lane->shift;
	a.t_first = s->first + lane->shift;
	a.t_last = s->end + lane->shift;
	if (a.t_last + x->delay > a.t_submit + x->timeout_ns[a.tenant])
		x->give_up_at = min_i64(x->give_up_at, a.t_submit + x->timeout_ns[a.tenant]);
	x->place[place] = a;
	ends_push(x, (struct end){a.t_last, a.id << SLOT_BITS | place});
	s->live = LIVE_NONE; /* it stays taken, by a rider */
	s->generation++;
}

/* Those whose way is a heap of the rack, in its order: arriving, or leaving. */
static void board_link(struct rack *r, struct heap *way, const struct express_stop_over *stop,
        struct rider *out, uint32_t *n_out)
{
	while (way->n) {
		struct heap_entry e = heap_pop(way);
		uint32_t live = (uint32_t)e.value;
		struct live *l = live_at(r, live);
		struct rider a;

		if (!pool_is_live(&r->lives, live, (uint32_t)(e.value >> 32)))
			continue;
		a = rider_of(r, l, stop);
		if (!out) {
			stop->waiting(stop->ctx, &a);
			r->counts.submitted--; /* until it arrives */
			r->counts.live--;
			r->express->n_came--;
			r->express->came -= a.t_submit - r->express->from;
			continue;
		}
		a.t_entry = l->parked->done.t_entry;
		a.t_first = l->parked->done.t_first_edge;
		a.t_last = l->parked->done.t_last_edge;
		a.frame_ns = r->express->queues[a.queue].bucket->frame_ns;
		out[(*n_out)++] = a;
		mem_free(l->parked->gaps.runs);
		mem_free(l->parked);
		l->parked = NULL;
	}
}

static bool all_fit(const struct rack *r, const struct express_stop_over *stop, uint32_t room)
{
	uint32_t leaving = 0;

	for (uint32_t i = 0; i < r->lives.capacity; i++) {
		const struct live *l = live_at(r, i);

		if (!(r->lives.generation[i] & 1))
			continue;
		if (!is_plain(r, l) || !stop->fit(stop->ctx, l->req.user, l->t_submit))
			return false;
		leaving += l->state == LIVE_LEAVING;
	}
	return leaving <= room && r->queued < QUEUE_MAX;
}

static void begin(struct rack *r, const struct express_stop_over *stop)
{
	struct express *x = r->express;

	x->delay = r->d->ethernet.ingress_delay_ns;
	x->timeout_ns = stop->timeout_ns;
	x->timeout_min = NS_NEVER;
	for (uint32_t t = 0; t < stop->n_tenants; t++)
		x->timeout_min = min_i64(x->timeout_min, stop->timeout_ns[t]);
	x->give_up_at = NS_NEVER;
	x->now = r->now;
	x->n_ends = x->n_dirty = 0;
	for (uint32_t l = 0; l < x->n_lanes; l++)
		lane_begin(&x->lanes[l]);
	for (uint32_t q = 0; q < x->n_queues; q++) {
		x->queues[q].n = x->queues[q].head = 0;
		x->queues[q].dirty = false;
	}
	x->from = r->now;
	x->live_from = r->counts.live;
	x->n_came = x->n_went = 0;
	x->came = x->went = 0;
}

bool express_enter(struct rack *r, const struct express_stop_over *stop, struct rider *out,
        uint32_t room, uint32_t *n_out)
{
	if (!all_fit(r, stop, room))
		return false;
	if (!r->express)
		create(r);
	r->area += (__int128)(r->now - r->area_at) * (__int128)r->counts.live;
	r->area_at = r->now;
	begin(r, stop);
	board_link(r, &r->ingress, stop, NULL, NULL);
	board_link(r, &r->leaving, stop, out, n_out);
	for (uint32_t p = 0; p < r->n_pools; p++)
		for (uint32_t b = 0; b < r->pools[p].spec->n_buckets; b++) {
			struct live_list *list = &r->pools[p].queues[b].rank[0];

			for (uint32_t i = list->head; i != LIVE_NONE; i = live_at(r, i)->next) {
				struct rider a = rider_of(r, live_at(r, i), stop);

				queue_append(&r->express->queues[a.queue], &a);
			}
			*list = (struct live_list){LIVE_NONE, LIVE_NONE, 0};
		}
	for (uint32_t i = 0; i < r->lives.capacity; i++) {
		if (!(r->lives.generation[i] & 1))
			continue;
		if (live_at(r, i)->state == LIVE_RUNNING)
			board_running(r, live_at(r, i), stop);
		pool_give(&r->lives, i);
	}
	for (uint32_t i = 0; i < r->n_instances; i++) {
		heap_clear(&r->instances[i].ends);
		heap_clear(&r->instances[i].entries);
	}
	for (uint32_t q = 0; q < r->express->n_queues; q++)
		if (r->express->queues[q].n)
			mark(r->express, &r->express->queues[q]);
	reckon_patience(r->express);
	return true;
}

/* --- getting off
 * ----------------------------------------------------------------------------------- */

struct alighting {
	enum live_state state;
	uint32_t place; /* LIVE_RUNNING */
	struct rider rider;
};

struct alighting_list {
	struct alighting *a;
	uint32_t n, capacity;
};

static void gather(struct alighting_list *list, enum live_state state, uint32_t place,
        const struct rider *rider)
{
	list->a = mem_room(list->a, list->n, &list->capacity, sizeof(*list->a));
	list->a[list->n++] = (struct alighting){state, place, *rider};
}

static int by_order(const void *a, const void *b)
{
	uint64_t x = ((const struct alighting *)a)->rider.order;
	uint64_t y = ((const struct alighting *)b)->rider.order;

	return (x > y) - (x < y);
}

static void sit(struct rack *r, uint32_t live, uint32_t place)
{
	struct express *x = r->express;
	const struct lane *lane = &x->lanes[x->lane_of[place]];
	struct live *l = live_at(r, live);
	struct instance *in = lane->in;
	uint32_t slot = place - lane->first_slot;
	const struct rider *a = &x->place[place];

	instance_give_slot(in, slot);
	instance_occupy(in, r->now, slot, live, a->id, a->t_entry - lane->shift,
	        (a->t_first - a->t_entry) / lane->f0, a->output_tokens, false);
	l->state = LIVE_RUNNING;
	l->instance = in->index;
	l->slot = slot;
	l->t_dispatch = a->t_dispatch;
	l->queue_ns = a->t_dispatch - l->t_arrival;
}

/* As its completion would have left it in front of the link. */
static void park(struct rack *r, uint32_t live, const struct rider *a)
{
	struct express *x = r->express;
	struct live *l = live_at(r, live);
	int64_t due = a->t_last + x->delay;
	bool ok;

	l->state = LIVE_LEAVING;
	l->t_dispatch = a->t_dispatch;
	l->t_entry = a->t_entry;
	l->t_first = a->t_first;
	l->t_last = a->t_last;
	l->queue_ns = a->t_dispatch - l->t_arrival;
	l->entry_ns = a->t_entry - a->t_dispatch;
	l->prefill_ns = a->t_first - a->t_entry;
	l->decode_ns = a->t_last - a->t_first;
	l->delivered = a->output_tokens;
	l->parked = mem_alloc(1, sizeof(*l->parked));
	account_close(r, l, a->frame_ns, &l->parked->done, &l->parked->gaps);
	ok = heap_push(
	        &r->leaving, due, a->id, (uint64_t)pool_generation(&r->lives, live) << 32 | live);
	CHECK(ok);
}

static void alight(
        struct rack *r, const struct express_stop_over *stop, const struct alighting *who)
{
	const struct rider *a = &who->rider;
	uint32_t live = pool_take(&r->lives);
	struct live *l = live_at(r, live);
	uint64_t handle;

	CHECK(live != POOL_NONE);
	rack_init_live(r, l, a->t_submit);
	handle = (uint64_t)pool_generation(&r->lives, live) << 32 | live;
	l->req = (struct rack_request){.id = a->id,
	        .tenant = a->tenant,
	        .tier = a->tier,
	        .prompt_tokens = a->prompt_tokens,
	        .output_tokens = a->output_tokens,
	        .max_tokens = a->max_tokens};
	l->req.user = stop->alight(stop->ctx, a, handle);
	l->link.sent = a->t_submit;
	l->link.delivered = l->t_arrival = a->t_submit + r->express->delay;
	if (who->state == LIVE_INGRESS) {
		bool ok = heap_push(&r->ingress, l->t_arrival, a->id, handle);

		CHECK(ok);
		l->t_arrival = 0;
		l->state = LIVE_INGRESS;
		return;
	}
	pools_restore(r, live, r->express->queues[a->queue].pool->index,
	        r->express->queues[a->queue].lanes->bucket, who->state == LIVE_QUEUED);
	if (who->state == LIVE_RUNNING)
		sit(r, live, who->place);
	if (who->state == LIVE_LEAVING)
		park(r, live, a);
}

/* Number in the system × time since they boarded. */
static void settle_area(struct rack *r)
{
	struct express *x = r->express;
	int64_t t = x->now - x->from;

	r->now = r->area_at = x->now;
	r->area += (__int128)x->live_from * t + ((__int128)x->n_came * t - x->came) -
	           ((__int128)x->n_went * t - x->went);
}

void express_leave(struct rack *r, const struct express_stop_over *stop, const struct rider *in,
        uint32_t n_in, const struct rider *out, uint32_t n_out)
{
	struct express *x = r->express;
	struct alighting_list list = {0};

	for (uint32_t i = 0; i < n_in; i++) {
		r->counts.submitted++;
		r->counts.live++;
		x->n_came++;
		x->came += in[i].t_submit - x->from;
		gather(&list, LIVE_INGRESS, 0, &in[i]);
	}
	for (uint32_t i = 0; i < n_out; i++)
		gather(&list, LIVE_LEAVING, 0, &out[i]);
	for (uint32_t q = 0; q < x->n_queues; q++)
		for (uint32_t i = 0; i < x->queues[q].n; i++)
			gather(&list, LIVE_QUEUED, 0,
			        &x->queues[q].ring[(x->queues[q].head + i) &
			                           (x->queues[q].capacity - 1)]);
	for (uint32_t i = 0; i < x->n_ends; i++) {
		uint32_t place = (uint32_t)(x->ends[i].order & ((1u << SLOT_BITS) - 1));

		gather(&list, LIVE_RUNNING, place, &x->place[place]);
	}
	if (list.n)
		qsort(list.a, list.n, sizeof(*list.a), by_order);
	settle_area(r);
	for (uint32_t i = 0; i < list.n; i++)
		alight(r, stop, &list.a[i]);
	mem_free(list.a);
	for (uint32_t i = 0; i < r->n_instances; i++)
		instance_schedule(&r->instances[i]);
	CHECK(r->counts.live == r->lives.live);
	r->dispatch_due = r->dispatch_due || x->n_dirty > 0;
	rack_reschedule(r);
}
