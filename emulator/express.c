/* What is left of a request when nothing happens to it.
 *
 * Its whole life is decided when it departs: the slot with the earliest departure, a fixed number
 * of frames, and the instants are sums. So the only events are arrivals, which the caller hands in,
 * and ends (express_ends.h). A rider lies in a ring while it queues and in its slot's place while
 * it runs, and is copied out when it ends. Order at one instant as in rack.c: ends, arrivals,
 * dispatch.
 *
 * The rack's own queues' counters and the instances' free slots are kept up to date, because
 * admission (pools_pick) looks at them; its lives, lists and heaps are empty meanwhile.
 *
 * At the compiled rate a tick lasts one ns, also where an earlier slow-down has left a fraction of
 * a tick behind: an instance's ticks are its instants, less `shift`. */
#include "emulator/express_ends.h"
#include "harness/base/arena.h"

/* --- queues and slots
 * ------------------------------------------------------------------------------ */

void express_append(struct queue *q, const struct rider *rider)
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

void express_patience(struct express *x)
{
	x->trouble_at = x->give_up_at;
	for (uint32_t i = 0; i < x->n_queues; i++) {
		const struct queue *q = &x->queues[i];

		if (q->n)
			x->trouble_at =
			        min_i64(x->trouble_at, q->ring[q->head].t_sched + x->timeout_min);
	}
}

void express_give_up(struct express *x, const struct rider *a, int64_t t_last)
{
	if (LPC_LIKELY(t_last + x->delay <= a->t_sched + x->timeout_ns[a->tenant]))
		return;
	x->give_up_at = min_i64(x->give_up_at, a->t_sched + x->timeout_ns[a->tenant]);
	x->trouble_at = min_i64(x->trouble_at, x->give_up_at);
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
	frames = express_prefill(q->bucket, from->prompt_tokens);
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
	express_give_up(x, from, to->t_last);
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
	express_patience(x);
}

void express_mark(struct express *x, struct queue *q)
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
		express_mark(x, q);
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
	*declared = (int64_t)express_prefill(q->bucket, a->prompt_tokens) + a->max_tokens - 1;
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
	express_append(q, a);
	q->ring[(q->head + q->n - 1) & (q->capacity - 1)].queue = q->index;
	q->ring[(q->head + q->n - 1) & (q->capacity - 1)].declared = declared;
	express_mark(x, q);
	return true;
}

static enum express_end play(struct rack *r, struct express_block *b)
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

		if (coasts && express_may_coast(x))
			express_coast(r, b, &in, end, &out, full);
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

/* Who is mirrored does not ride: every frame of his is looked at. */
static enum express_end play_up_to_mirrored(struct rack *r, struct express_block *b)
{
	uint32_t n_in = b->n_in;
	bool more = b->more;
	enum express_end why;

	for (b->n_in = b->used; b->n_in < n_in; b->n_in++)
		if (rack_mirrors(r->config.mirror_every, b->in[b->n_in].id))
			break;
	b->more = more || b->n_in < n_in;
	why = play(r, b);
	if (why == EXPRESS_MORE && b->n_in < n_in)
		why = EXPRESS_TROUBLE;
	b->n_in = n_in;
	b->more = more;
	return why;
}

enum express_end express_run(struct rack *r, struct express_block *b)
{
	if (LPC_UNLIKELY(r->config.mirror_every))
		return play_up_to_mirrored(r, b);
	return play(r, b);
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
