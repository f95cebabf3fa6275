/* What is left of a request when nothing happens to it.
 *
 * Its whole life is decided when it departs: the slot with the earliest departure, a fixed number
 * of frames, and the instants are sums. So the only events are arrivals, which the caller hands in,
 * and ends. A rider lies in a ring while it queues and in its slot's place while it runs, and is
 * copied out when it ends. Order at one instant as in rack.c: ends, arrivals, dispatch.
 *
 * Ends of an instance with phased entry need no heap: the one of slot j can only be at the j-th
 * departure of a frame, so a bit per slot and frame is a calendar that is in order by itself, and a
 * bit per frame finds the next in it.
 *
 *      frame      41        42        43    …      a ring of CALENDAR_FRAMES
 *      any?        0         1         1
 *      slots   ........  ...1....  1......1  …     ends at 42 f0 + 3 f0/n, 43 f0, 43 f0 + 7 f0/n
 *
 * Ends further ahead, and those of other entries, have a heap in common.
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
	CALENDAR_FRAMES =
	        1024, /* a power of two; with 64 slots 8 KiB, which stay in the first cache */
};

struct end {
	int64_t at;
	uint64_t order; /* id, then place: at one instant in order of id */
};

/* One instance. */
struct carriage {
	struct instance *in;
	uint32_t first_place; /* of its slots in `place` */
	int64_t shift;        /* instant of a tick less the tick */
	int64_t f0;
	int64_t frame, frame_at; /* a frame, near now, and the tick at which it begins */
	double frames_per_tick, slots_per_tick;
	int64_t *departure; /* by slot; behind the last: never */
	/* The calendar; NULL: all its ends are in the heap. */
	uint64_t *slots, *any;
	uint32_t words, n; /* words a frame; ends in it */
	int64_t next_at, next_frame;
	uint32_t next_slot;
};

/* A bucket of a pool. */
struct queue {
	struct serving_pool *pool;
	struct bucket_queue *counts;
	const struct bucket_spec *bucket;
	struct carriage *carriages;          /* the pool's */
	uint32_t n_carriages, index, number; /* number: of the bucket in its pool */
	struct rider *ring;
	uint32_t head, n, capacity; /* capacity: a power of two */
	bool dirty;                 /* somebody may depart */
};

struct alighting {
	enum live_state state;
	uint32_t place; /* LIVE_RUNNING */
	struct rider rider;
};

struct alighting_list {
	struct alighting *a;
	uint32_t n, capacity;
};

struct express {
	uint32_t n_queues, n_carriages, n_places;
	struct queue *queues;
	struct carriage *carriages;
	struct rider *place;   /* by slot of all instances, one after the other */
	uint32_t *carriage_of; /* by place */
	struct end *ends;      /* a 4-ary heap */
	uint32_t n_ends;
	int64_t delay; /* of the ingress link, one way */
	const int64_t *timeout_ns;
	int64_t timeout_min;
	int64_t give_up_at; /* a rider under way is given up then … */
	int64_t trouble_at; /* … or the first in a queue might be, then */
	int64_t now;
	uint32_t n_dirty;
	bool one_for_all;    /* one pool takes everybody, or nobody but for its queue's length */
	struct live scratch; /* of pick_as_rack */
	struct rider cut;
	struct alighting_list list; /* of express_leave */
	/* Little's law: how many came and went since `from`, and the sums of their instants. */
	int64_t from;
	uint64_t live_from, n_came, n_went;
	__int128 came, went;
};

/* --- set-up
 * ---------------------------------------------------------------------------------------- */

static void create_calendar(struct carriage *c)
{
	if (c->in->entry != ENTRY_PHASE || (uint64_t)c->in->n_slots > c->in->f0)
		return;
	c->words = (c->in->n_slots + 63) / 64;
	c->slots = mem_alloc((size_t)CALENDAR_FRAMES * c->words, sizeof(*c->slots));
	c->any = mem_alloc(CALENDAR_FRAMES / 64, sizeof(*c->any));
}

static void create_carriages(struct rack *r, struct express *x)
{
	uint32_t place = 0;

	x->n_carriages = r->n_instances;
	x->carriages = mem_alloc(r->n_instances, sizeof(*x->carriages));
	for (uint32_t i = 0; i < r->n_instances; i++)
		x->n_places += r->instances[i].n_slots;
	CHECK(x->n_places < 1u << SLOT_BITS);
	x->place = mem_alloc(x->n_places, sizeof(*x->place));
	x->carriage_of = mem_alloc(x->n_places, sizeof(*x->carriage_of));
	x->ends = mem_alloc(x->n_places + 1, sizeof(*x->ends));
	for (uint32_t i = 0; i < r->n_instances; i++) {
		struct carriage *c = &x->carriages[i];
		struct instance *in = &r->instances[i];

		*c = (struct carriage){.in = in, .first_place = place};
		c->departure = mem_alloc(in->n_slots + 1, sizeof(*c->departure));
		c->departure[in->n_slots] = INT64_MAX;
		for (uint32_t j = 0; j < in->n_slots; j++) {
			c->departure[j] = in->slots[j].departure;
			x->carriage_of[place++] = i;
		}
		create_calendar(c);
	}
}

static void create_queues(struct rack *r, struct express *x)
{
	uint32_t q = 0;

	for (uint32_t p = 0; p < r->n_pools; p++)
		x->n_queues += r->pools[p].spec->n_buckets;
	x->queues = mem_alloc(x->n_queues, sizeof(*x->queues));
	for (uint32_t p = 0; p < r->n_pools; p++) {
		struct serving_pool *pool = &r->pools[p];

		for (uint32_t b = 0; b < pool->spec->n_buckets; b++, q++)
			x->queues[q] = (struct queue){.pool = pool,
			        .counts = &pool->queues[b],
			        .bucket = &pool->spec->buckets[b],
			        .carriages = &x->carriages[pool->first_instance],
			        .n_carriages = pool->n_instances,
			        .index = q,
			        .number = b};
	}
}

/* Is what pools_pick would look at only the size of the request, and how many queue? */
static bool is_one_for_all(const struct rack *r)
{
	const struct pool_spec *spec = r->pools[0].spec;

	return r->n_pools == 1 && !spec->n_tiers && !spec->n_tenants && !spec->min_tokens &&
	       !spec->max_tokens && !spec->degraded_below && spec->oversize == OVERSIZE_REJECT &&
	       spec->admission.tenant_rate <= 0 &&
	       (spec->admission.policy == ADMISSION_NONE ||
	               spec->admission.policy == ADMISSION_QUEUE_CAP);
}

static void create(struct rack *r)
{
	struct express *x = mem_alloc(1, sizeof(*x));

	r->express = x;
	create_carriages(r, x);
	create_queues(r, x);
	x->one_for_all = is_one_for_all(r);
}

void express_free(struct rack *r)
{
	struct express *x = r->express;

	if (!x)
		return;
	for (uint32_t q = 0; q < x->n_queues; q++)
		mem_free(x->queues[q].ring);
	for (uint32_t i = 0; i < x->n_carriages; i++) {
		mem_free(x->carriages[i].departure);
		mem_free(x->carriages[i].slots);
		mem_free(x->carriages[i].any);
	}
	mem_free(x->queues);
	mem_free(x->carriages);
	mem_free(x->place);
	mem_free(x->carriage_of);
	mem_free(x->ends);
	mem_free(x->list.a);
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

static inline uint32_t prefill_frames(const struct bucket_spec *b, uint32_t prompt_tokens)
{
	if (LPC_LIKELY(b->ppf <= UINT32_MAX))
		return (prompt_tokens - 1) / (uint32_t)b->ppf + 1;
	return 1;
}

/* --- ends: the heap
 * -------------------------------------------------------------------------------- */

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

/* --- ends: the calendars
 * --------------------------------------------------------------------------- */

static inline int64_t calendar_at(const struct carriage *c, int64_t frame, uint32_t slot)
{
	return frame * c->f0 + c->departure[slot] + c->shift;
}

/* The first end at or after the frame. */
static void calendar_look(struct carriage *c, int64_t frame)
{
	uint32_t from = (uint32_t)frame & (CALENDAR_FRAMES - 1), word = from / 64, w = 0;
	const uint64_t *slots;
	uint64_t any;

	c->next_at = NS_NEVER;
	if (!c->n)
		return;
	any = c->any[word] & UINT64_MAX << from % 64;
	while (!any) {
		word = (word + 1) & (CALENDAR_FRAMES / 64 - 1);
		any = c->any[word];
	}
	c->next_frame = frame + ((word * 64 + (uint32_t)__builtin_ctzll(any) - from) &
	                                (CALENDAR_FRAMES - 1));
	slots = &c->slots[(size_t)((uint32_t)c->next_frame & (CALENDAR_FRAMES - 1)) * c->words];
	while (!slots[w])
		w++;
	c->next_slot = w * 64 + (uint32_t)__builtin_ctzll(slots[w]);
	c->next_at = calendar_at(c, c->next_frame, c->next_slot);
}

static void calendar_add(struct carriage *c, int64_t frame, uint32_t slot, int64_t at)
{
	uint32_t i = (uint32_t)frame & (CALENDAR_FRAMES - 1);

	c->slots[(size_t)i * c->words + slot / 64] |= UINT64_C(1) << slot % 64;
	c->any[i / 64] |= UINT64_C(1) << i % 64;
	c->n++;
	if (at >= c->next_at)
		return;
	c->next_at = at;
	c->next_frame = frame;
	c->next_slot = slot;
}

/* The next one is over; it is the lowest bit of its frame. */
static inline void calendar_drop(struct carriage *c)
{
	uint32_t i = (uint32_t)c->next_frame & (CALENDAR_FRAMES - 1);
	uint64_t *slots = &c->slots[(size_t)i * c->words];

	c->n--;
	if (LPC_LIKELY(c->words == 1)) {
		*slots &= *slots - 1;
		if (*slots) {
			c->next_slot = (uint32_t)__builtin_ctzll(*slots);
			c->next_at = calendar_at(c, c->next_frame, c->next_slot);
			return;
		}
		c->any[i / 64] &= ~(UINT64_C(1) << i % 64);
	} else {
		uint64_t left = 0;

		slots[c->next_slot / 64] &= slots[c->next_slot / 64] - 1;
		for (uint32_t w = 0; w < c->words; w++)
			left |= slots[w];
		if (!left)
			c->any[i / 64] &= ~(UINT64_C(1) << i % 64);
	}
	calendar_look(c, c->next_frame);
}

/* `frame`: of its end; of no interest where there is no calendar. */
static inline void end_at(
        struct express *x, struct carriage *c, uint32_t slot, int64_t frame, const struct rider *a)
{
	if (LPC_LIKELY(c->slots && frame - c->frame < CALENDAR_FRAMES))
		calendar_add(c, frame, slot, a->t_last);
	else
		ends_push(x, (struct end){a->t_last, a->id << SLOT_BITS | (c->first_place + slot)});
}

/* The first of all ends, and whose: NULL, if it is in the heap. */
static inline int64_t first_end(const struct express *x, struct carriage **of)
{
	struct carriage *c = x->carriages;
	int64_t at = c->next_at;

	*of = c;
	for (uint32_t i = 1; i < x->n_carriages; i++)
		if (c[i].next_at < at) {
			at = c[i].next_at;
			*of = &c[i];
		}
	if (LPC_LIKELY(!x->n_ends) || x->ends[0].at > at)
		return at;
	*of = NULL;
	return x->ends[0].at;
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

/* Who waits in a queue loses patience no sooner than this. */
static void reckon_patience(struct express *x)
{
	x->trouble_at = x->give_up_at;
	for (uint32_t i = 0; i < x->n_queues; i++) {
		const struct queue *q = &x->queues[i];

		if (q->n)
			x->trouble_at =
			        min_i64(x->trouble_at, q->ring[q->head].t_sched + x->timeout_min);
	}
}

/* Its client leaves before its last token at t_last: then that is the end of the ride. */
static void may_give_up(struct express *x, const struct rider *a, int64_t t_last)
{
	if (LPC_LIKELY(t_last + x->delay <= a->t_sched + x->timeout_ns[a->tenant]))
		return;
	x->give_up_at = min_i64(x->give_up_at, a->t_sched + x->timeout_ns[a->tenant]);
	x->trouble_at = min_i64(x->trouble_at, x->give_up_at);
}

static void carriage_begin(struct carriage *c, int64_t now)
{
	const struct progress *clock = instance_clock(c->in);

	c->f0 = (int64_t)c->in->f0;
	c->shift = clock->t0 - clock->x0;
	c->frame = (now - c->shift) / c->f0;
	c->frame_at = c->frame * c->f0;
	c->frames_per_tick = 1 / (double)c->f0;
	c->slots_per_tick = (double)c->in->n_slots / (double)c->f0;
	c->next_at = NS_NEVER;
}

/* frame and frame_at are those of the tick. */
static inline void seek(struct carriage *c, int64_t tick)
{
	int64_t off = tick - c->frame_at, frames;

	if (off >= 0 && off < c->f0)
		return;
	frames = (int64_t)((double)off * c->frames_per_tick);
	c->frame += frames;
	c->frame_at += frames * c->f0;
	while (LPC_UNLIKELY(tick < c->frame_at)) {
		c->frame--;
		c->frame_at -= c->f0;
	}
	while (LPC_UNLIKELY(tick - c->frame_at >= c->f0)) {
		c->frame++;
		c->frame_at += c->f0;
	}
}

/* instance_earliest() for the phased entry, with a product where that one divides. */
static inline bool earliest(
        struct carriage *c, uint32_t bucket, int64_t now, uint32_t *slot, int64_t *tick)
{
	const struct instance *in = c->in;
	uint32_t first = in->bucket_first[bucket], last = in->bucket_first[bucket + 1], j;
	int64_t off;

	if (!in->bucket_free[bucket] || !instance_takes(in))
		return false;
	if (!c->slots)
		return instance_earliest(in, bucket, now, slot, tick);
	seek(c, now - c->shift);
	off = now - c->shift - c->frame_at;
	/* The first slot whose departure floor(j f0/n) is not behind: j = ceil(off n/f0). The
	 * product errs by far less than one slot, downwards also across a whole number. */
	j = (uint32_t)((double)off * c->slots_per_tick);
	j += c->departure[j] < off;
	*tick = c->frame_at;
	*slot = instance_next_free(in, j > first ? j : first, last);
	if (*slot == last) {
		*slot = instance_next_free(in, first, last);
		*tick += c->f0;
	}
	*tick += c->departure[*slot];
	return true;
}

/* The free slot with the earliest departure; ties by instance, then slot. */
static struct carriage *choose(struct queue *q, int64_t now, uint32_t *slot, int64_t *at)
{
	struct carriage *best = NULL, *c = q->carriages;

	if (q->n_carriages == 1) {
		if (!earliest(c, q->number, now, slot, at))
			return NULL;
		*at += c->shift;
		return c;
	}
	for (uint32_t i = 0; i < q->n_carriages; i++, c++) {
		uint32_t s;
		int64_t tick;

		if (!earliest(c, q->number, now, &s, &tick))
			continue;
		tick += c->shift;
		if (best && tick >= *at)
			continue;
		best = c;
		*slot = s;
		*at = tick;
	}
	return best;
}

/* The rider departs, if a slot is free: `from`, with what its pool has made of it. */
static bool depart(struct express *x, struct queue *q, const struct rider *from, int64_t declared)
{
	struct carriage *c;
	struct rider *to;
	uint32_t slot = 0, frames;
	int64_t at = 0, first;

	c = choose(q, x->now, &slot, &at);
	if (!c)
		return false;
	instance_take_slot(c->in, slot);
	to = &x->place[c->first_place + slot];
	frames = prefill_frames(q->bucket, from->prompt_tokens);
	first = at + frames * c->f0;
	to->id = from->id;
	to->order = from->order;
	to->t_sched = from->t_sched;
	to->tenant = from->tenant;
	to->tier = from->tier;
	to->prompt_tokens = from->prompt_tokens;
	to->output_tokens = from->output_tokens;
	to->max_tokens = from->max_tokens;
	to->queue = q->index;
	to->declared = declared;
	to->t_dispatch = x->now;
	to->t_entry = at;
	to->t_first = first;
	to->t_last = first + (int64_t)(from->output_tokens - 1) * c->f0;
	to->ingress_ns = x->delay;
	to->frame_ns = c->f0;
	may_give_up(x, from, to->t_last);
	end_at(x, c, slot,
	        c->frame + (at - c->shift >= c->frame_at + c->f0) + frames + from->output_tokens -
	                1,
	        to);
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

		if (!q->dirty)
			continue;
		q->dirty = false;
		x->n_dirty--;
		while (q->n && depart(x, q, &q->ring[q->head], q->ring[q->head].declared)) {
			q->head = (q->head + 1) & (q->capacity - 1);
			q->n--;
			count_departed(r, q);
		}
	}
	reckon_patience(x);
}

static void mark(struct express *x, struct queue *q)
{
	x->n_dirty += !q->dirty;
	q->dirty = true;
}

/* --- events
 * ---------------------------------------------------------------------------------------- */

static void end_one(struct rack *r, struct carriage *c, struct rider *out)
{
	struct express *x = r->express;
	const struct rider *rider;
	struct queue *q;
	uint32_t place;

	if (c) {
		place = c->first_place + c->next_slot;
		calendar_drop(c);
	} else {
		place = (uint32_t)(x->ends[0].order & ((1u << SLOT_BITS) - 1));
		c = &x->carriages[x->carriage_of[place]];
		ends_pop(x);
	}
	rider = &x->place[place];
	*out = *rider;
	q = &x->queues[rider->queue];
	q->counts->running--;
	q->counts->declared -= rider->declared;
	instance_give_slot(c->in, place - c->first_place);
	r->counts.completed++;
	if (q->n)
		mark(x, q);
}

/* The rack's own way to a queue. The request may be cut to what the pool allows: *a is then the
 * copy that is. */
static struct queue *pick_as_rack(struct rack *r, const struct rider **a, int64_t *declared)
{
	struct express *x = r->express;
	struct live *l = &x->scratch;
	struct serving_pool *pool;
	struct queue *q = x->queues;
	enum rack_refusal why;
	int64_t retry_after_s;
	uint32_t bucket;

	l->req.id = (*a)->id;
	l->req.tenant = (*a)->tenant;
	l->req.tier = (*a)->tier;
	l->req.prompt_tokens = (*a)->prompt_tokens;
	l->req.output_tokens = (*a)->output_tokens;
	l->req.max_tokens = (*a)->max_tokens;
	if (!pools_pick(r, x->now, l, &pool, &bucket, &why, &retry_after_s))
		return NULL;
	*declared = pools_declared(pool, bucket, l);
	x->cut = **a;
	x->cut.output_tokens = (uint32_t)l->req.output_tokens;
	x->cut.max_tokens = (uint32_t)l->req.max_tokens;
	*a = &x->cut;
	while (q->pool != pool)
		q++;
	return q + bucket;
}

/* The same where there is one pool that takes everybody. */
static inline struct queue *pick_bucket(
        const struct express *x, const struct rider *a, int64_t *declared)
{
	struct queue *q = x->queues, *none = q + x->n_queues;
	const struct admission_spec *spec = &q->pool->spec->admission;
	int64_t tokens = (int64_t)a->prompt_tokens + a->max_tokens;

	while (q->bucket->max_seq < tokens)
		if (++q == none)
			return NULL;
	if (spec->policy == ADMISSION_QUEUE_CAP && q->counts->queued >= (uint64_t)spec->limit)
		return NULL;
	*declared = (int64_t)prefill_frames(q->bucket, a->prompt_tokens) + a->max_tokens - 1;
	return q;
}

/* Lets an arrival in; false if the rack would not. */
static bool let_in(struct rack *r, const struct rider *a, bool alone)
{
	struct express *x = r->express;
	struct queue *q;
	int64_t declared;

	if (LPC_LIKELY(x->one_for_all))
		q = pick_bucket(x, a, &declared);
	else
		q = pick_as_rack(r, &a, &declared);
	if (!q)
		return false;
	r->counts.submitted++;
	r->counts.live++;
	x->n_came++;
	x->came += a->t_sched - x->from;
	q->counts->declared += declared;
	if (alone && !q->n && depart(x, q, a, declared)) {
		q->counts->running++;
		r->counts.dispatches++;
		return true;
	}
	q->counts->queued++;
	r->queued++;
	queue_append(q, a);
	q->ring[(q->head + q->n - 1) & (q->capacity - 1)].queue = q->index;
	q->ring[(q->head + q->n - 1) & (q->capacity - 1)].declared = declared;
	mark(x, q);
	return true;
}

/* --- coasting
 * ------------------------------------------------------------------------------------ */

/* The plainest case by far: one queue in front of one instance of at most 64 slots, and nobody
 * waits. Then an arrival departs as it comes, and all that there is fits into registers; counters
 * are made up when something else is next. */
struct coast {
	const struct rider *in, *end;
	struct rider *out, *full, *place;
	uint64_t *slots, *any;
	const int64_t *departure;
	int64_t f0, shift, frame, frame_at, delay, limit, now;
	int64_t next_at, next_frame, declared;
	int64_t t_last; /* of who departed last */
	uint64_t free;
	uint32_t n, next_slot, ppf;
	double frames_per_tick, slots_per_tick;
};

static bool may_coast(const struct express *x)
{
	const struct queue *q = x->queues;
	const struct carriage *c = x->carriages;

	return x->one_for_all && x->n_queues == 1 && x->n_carriages == 1 && !q->n && !x->n_dirty &&
	       c->slots && c->words == 1 && instance_takes(c->in) && q->bucket->ppf <= UINT32_MAX &&
	       (q->pool->spec->admission.policy == ADMISSION_NONE ||
	               q->pool->spec->admission.limit > 0);
}

/* Ends up to `at`; false if there is no room for them. */
static inline bool coast_ends(struct coast *k, int64_t at)
{
	while (k->next_at <= at) {
		uint32_t i = (uint32_t)k->next_frame & (CALENDAR_FRAMES - 1), word;
		uint64_t left = k->slots[i] & (k->slots[i] - 1), any;

		if (LPC_UNLIKELY(k->out == k->full))
			return false;
		k->now = k->next_at;
		k->declared -= k->place[k->next_slot].declared;
		*k->out++ = k->place[k->next_slot];
		k->free |= UINT64_C(1) << k->next_slot;
		k->slots[i] = left;
		k->n--;
		if (!left) {
			word = i / 64;
			any = k->any[word] &= ~(UINT64_C(1) << i % 64);
			if (!k->n) {
				k->next_at = NS_NEVER;
				return true;
			}
			any &= UINT64_MAX << i % 64;
			while (!any) {
				word = (word + 1) % (CALENDAR_FRAMES / 64);
				any = k->any[word];
			}
			word = word * 64 + (uint32_t)__builtin_ctzll(any);
			k->next_frame += (word - i) & (CALENDAR_FRAMES - 1);
			left = k->slots[word];
		}
		k->next_slot = (uint32_t)__builtin_ctzll(left);
		k->next_at = k->next_frame * k->f0 + k->departure[k->next_slot] + k->shift;
	}
	return true;
}

/* The arrival departs at `now`, from the first free slot that is not behind. False, and nothing has
 * happened, if its end lies beyond the calendar. */
static inline bool coast_departs(struct coast *k, int64_t now)
{
	const struct rider *a = k->in;
	int64_t off = now - k->shift - k->frame_at, frames, at, first, end_frame;
	uint32_t j, prefill = (a->prompt_tokens - 1) / k->ppf + 1, i;
	uint64_t ahead;
	struct rider *to;

	frames = (int64_t)((double)off * k->frames_per_tick);
	k->frame += frames;
	k->frame_at += frames * k->f0;
	off -= frames * k->f0;
	if (LPC_UNLIKELY(off < 0 || off >= k->f0)) {
		frames = off < 0 ? -1 : 1;
		k->frame += frames;
		k->frame_at += frames * k->f0;
		off -= frames * k->f0;
	}
	j = (uint32_t)((double)off * k->slots_per_tick);
	j += k->departure[j] < off;
	ahead = j < 64 ? k->free & UINT64_MAX << j : 0;
	frames = !ahead;
	ahead = ahead ? ahead : k->free;
	j = (uint32_t)__builtin_ctzll(ahead);
	end_frame = k->frame + frames + prefill + a->output_tokens - 1;
	if (LPC_UNLIKELY(end_frame - k->frame >= CALENDAR_FRAMES))
		return false;
	at = k->frame_at + frames * k->f0 + k->departure[j] + k->shift;
	first = at + prefill * k->f0;
	to = &k->place[j]; /* member by member: a literal is cleared first, and that takes longer */
	to->id = a->id;
	to->order = a->order;
	to->t_sched = a->t_sched;
	to->tenant = a->tenant;
	to->tier = a->tier;
	to->prompt_tokens = a->prompt_tokens;
	to->output_tokens = a->output_tokens;
	to->max_tokens = a->max_tokens;
	to->declared = (int64_t)prefill + a->max_tokens - 1;
	to->t_dispatch = now;
	to->t_entry = at;
	to->t_first = first;
	to->t_last = first + (int64_t)(a->output_tokens - 1) * k->f0;
	to->ingress_ns = k->delay;
	to->frame_ns = k->f0;
	k->declared += to->declared;
	k->free &= ~(UINT64_C(1) << j);
	i = (uint32_t)end_frame & (CALENDAR_FRAMES - 1);
	k->slots[i] |= UINT64_C(1) << j;
	k->any[i / 64] |= UINT64_C(1) << i % 64;
	k->n++;
	k->t_last = to->t_last;
	if (to->t_last < k->next_at) {
		k->next_at = to->t_last;
		k->next_frame = end_frame;
		k->next_slot = j;
	}
	return true;
}

/* From arrival to arrival, until one needs a closer look. */
static void coast(struct rack *r, struct express_block *b, const struct rider **in,
        const struct rider *end, struct rider **out, struct rider *full)
{
	struct express *x = r->express;
	struct queue *q = x->queues;
	struct carriage *c = x->carriages;
	int64_t came = 0, most = q->bucket->max_seq, far = x->n_ends ? x->ends[0].at : NS_NEVER;
	struct coast k = {.in = *in,
	        .end = end,
	        .out = *out,
	        .full = full,
	        .place = x->place,
	        .slots = c->slots,
	        .any = c->any,
	        .departure = c->departure,
	        .f0 = c->f0,
	        .shift = c->shift,
	        .frame = c->frame,
	        .frame_at = c->frame_at,
	        .delay = x->delay,
	        .limit = min_i64(far, min_i64(b->until, x->trouble_at)),
	        .now = x->now,
	        .next_at = c->next_at,
	        .next_frame = c->next_frame,
	        .free = c->in->free_bits[0],
	        .n = c->n,
	        .next_slot = c->next_slot,
	        .ppf = (uint32_t)q->bucket->ppf,
	        .frames_per_tick = c->frames_per_tick,
	        .slots_per_tick = c->slots_per_tick};
	uint64_t n_in, n_out;

	for (; k.in + 1 < k.end; k.in++) {
		int64_t at = k.in->t_sched + k.delay;

		if (at >= k.limit || k.in[1].t_sched == k.in->t_sched)
			break;
		if (!coast_ends(&k, at) || !k.free)
			break;
		if ((int64_t)k.in->prompt_tokens + k.in->max_tokens > most ||
		        !coast_departs(&k, at))
			break;
		k.now = at;
		came += k.in->t_sched - x->from;
		if (LPC_UNLIKELY(k.t_last + k.delay - k.in->t_sched > x->timeout_min)) {
			may_give_up(x, k.in, k.t_last);
			k.limit = min_i64(k.limit, x->trouble_at);
		}
	}
	n_in = (uint64_t)(k.in - *in);
	n_out = (uint64_t)(k.out - *out);
	q->counts->declared += k.declared;
	b->instants += n_in + n_out;
	r->counts.submitted += n_in;
	r->counts.live += n_in;
	r->counts.dispatches += n_in;
	r->counts.completed += n_out;
	x->n_came += n_in;
	x->came += came;
	x->now = k.now;
	c->frame = k.frame;
	c->frame_at = k.frame_at;
	c->next_at = k.next_at;
	c->next_frame = k.next_frame;
	c->next_slot = k.next_slot;
	c->n = k.n;
	c->in->free_bits[0] = k.free;
	c->in->bucket_free[0] = (uint32_t)__builtin_popcountll(k.free);
	q->counts->running = q->counts->running + (uint32_t)n_in - (uint32_t)n_out;
	*in = k.in;
	*out = k.out;
}

enum express_end express_run(struct rack *r, struct express_block *b)
{
	struct express *x = r->express;
	const struct rider *in = b->in + b->used, *end = b->in + b->n_in;
	struct rider *out = b->out + b->n_out, *full = b->out + b->room;
	const int64_t until = b->until, delay = x->delay;
	const bool coasts = x->one_for_all && x->n_queues == 1 && x->n_carriages == 1;
	enum express_end why;

	for (;;) {
		struct carriage *c;
		int64_t ends, comes = NS_NEVER, at;

		if (coasts && may_coast(x))
			coast(r, b, &in, end, &out, full);
		ends = first_end(x, &c);
		if (LPC_LIKELY(in < end)) {
			comes = in->t_sched + delay;
		} else if (b->more) {
			why = EXPRESS_MORE;
			break;
		}
		at = min_i64(ends, comes);
		if (x->n_dirty && at > x->now) {
			dispatch(r);
			continue;
		}
		if (at >= until) {
			why = EXPRESS_UNTIL;
			break;
		}
		if (at >= x->trouble_at) {
			why = EXPRESS_TROUBLE;
			break;
		}
		b->instants += at > x->now;
		x->now = at;
		if (ends == at) {
			if (out == full) {
				why = EXPRESS_FULL;
				break;
			}
			end_one(r, c, out++);
			continue;
		}
		if (!let_in(r, in, !x->n_dirty && in + 1 < end && in[1].t_sched > in->t_sched)) {
			why = EXPRESS_TROUBLE;
			break;
		}
		in++;
	}
	if (why == EXPRESS_UNTIL && in == end && !b->more)
		why = EXPRESS_OVER;
	b->used = (uint32_t)(in - b->in);
	b->n_out = (uint32_t)(out - b->out);
	return why;
}

int64_t express_now(const struct rack *r)
{
	return r->express->now;
}

uint32_t express_delivered(struct rack *r, const struct rider *out, uint32_t n)
{
	struct express *x = r->express;
	int64_t residence = 0, went = 0;
	uint32_t k = 0;

	for (; k < n && out[k].t_last + x->delay <= x->now; k++) {
		int64_t at = out[k].t_last + x->delay;

		residence += at - out[k].t_sched;
		went += at - x->from;
	}
	r->residence += residence;
	r->counts.live -= k;
	x->n_went += k;
	x->went += went;
	return k;
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
	        .t_sched = l->t_submit,
	        .ingress_ns = r->d->ethernet.ingress_delay_ns,
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
	struct carriage *c = &x->carriages[l->instance];

	a.frame_ns = c->f0;
	a.t_entry = s->entry + c->shift;
	a.t_first = s->first + c->shift;
	a.t_last = s->end + c->shift;
	may_give_up(x, &a, a.t_last);
	x->place[c->first_place + l->slot] = a;
	end_at(x, c, l->slot, (s->end - c->departure[l->slot]) / c->f0, &a);
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
			r->express->came -= a.t_sched - r->express->from;
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
	uint32_t leaving = 0, left = r->lives.live;

	for (uint32_t i = 0; left; i++) {
		const struct live *l = live_at(r, i);

		if (!(r->lives.generation[i] & 1))
			continue;
		left--;
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
	x->give_up_at = x->trouble_at = NS_NEVER;
	x->now = r->now;
	x->n_ends = x->n_dirty = 0;
	for (uint32_t i = 0; i < x->n_carriages; i++)
		carriage_begin(&x->carriages[i], r->now);
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
	for (uint32_t i = 0; r->lives.live; i++) {
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
	const struct carriage *c = &x->carriages[x->carriage_of[place]];
	struct live *l = live_at(r, live);
	uint32_t slot = place - c->first_place;
	const struct rider *a = &x->place[place];

	instance_give_slot(c->in, slot);
	instance_occupy(c->in, r->now, slot, live, a->id, a->t_entry - c->shift,
	        (a->t_first - a->t_entry) / c->f0, a->output_tokens, false);
	l->state = LIVE_RUNNING;
	l->instance = c->in->index;
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
	rack_init_live(r, l, a->t_sched);
	handle = (uint64_t)pool_generation(&r->lives, live) << 32 | live;
	l->req = (struct rack_request){.id = a->id,
	        .tenant = a->tenant,
	        .tier = a->tier,
	        .prompt_tokens = a->prompt_tokens,
	        .output_tokens = a->output_tokens,
	        .max_tokens = a->max_tokens};
	l->req.user = stop->alight(stop->ctx, a, handle);
	l->link.sent = a->t_sched;
	l->link.delivered = l->t_arrival = a->t_sched + r->express->delay;
	if (who->state == LIVE_INGRESS) {
		bool ok = heap_push(&r->ingress, l->t_arrival, a->id, handle);

		CHECK(ok);
		l->t_arrival = 0;
		l->state = LIVE_INGRESS;
		return;
	}
	pools_restore(r, live, r->express->queues[a->queue].pool->index,
	        r->express->queues[a->queue].number, who->state == LIVE_QUEUED);
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
	struct alighting_list *list = &x->list;

	list->n = 0;
	for (uint32_t i = 0; i < n_in; i++) {
		r->counts.submitted++;
		r->counts.live++;
		x->n_came++;
		x->came += in[i].t_sched - x->from;
		gather(list, LIVE_INGRESS, 0, &in[i]);
	}
	for (uint32_t i = 0; i < n_out; i++)
		gather(list, LIVE_LEAVING, 0, &out[i]);
	for (uint32_t q = 0; q < x->n_queues; q++)
		for (uint32_t i = 0; i < x->queues[q].n; i++)
			gather(list, LIVE_QUEUED, 0,
			        &x->queues[q].ring[(x->queues[q].head + i) &
			                           (x->queues[q].capacity - 1)]);
	for (uint32_t i = 0; i < x->n_ends; i++) {
		uint32_t place = (uint32_t)(x->ends[i].order & ((1u << SLOT_BITS) - 1));

		gather(list, LIVE_RUNNING, place, &x->place[place]);
	}
	for (uint32_t i = 0; i < x->n_carriages; i++) {
		struct carriage *c = &x->carriages[i];

		while (c->n) {
			uint32_t place = c->first_place + c->next_slot;

			gather(list, LIVE_RUNNING, place, &x->place[place]);
			calendar_drop(c);
		}
	}
	if (list->n)
		qsort(list->a, list->n, sizeof(*list->a), by_order);
	settle_area(r);
	for (uint32_t i = 0; i < list->n; i++)
		alight(r, stop, &list->a[i]);
	for (uint32_t i = 0; i < r->n_instances; i++)
		instance_schedule(&r->instances[i]);
	CHECK(r->counts.live == r->lives.live);
	r->dispatch_due = r->dispatch_due || x->n_dirty > 0;
	rack_reschedule(r);
}
