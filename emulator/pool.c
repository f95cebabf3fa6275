/* Pools: who may enter, in which queue a request waits, and which slot it gets (DESIGN §5
 * "Dispatch", "Pool"). One FCFS queue per (pool, bucket), split into ranks where the pool names
 * priority tiers; buckets do not block each other. A queue is a doubly linked list through the live
 * requests, so that a client that leaves costs O(1) and an evicted request goes back to the head.
 */
#include <string.h>

#include "emulator/rack_state.h"
#include "harness/base/mutant.h"

/* --- set-up
 * ---------------------------------------------------------------------------------------- */

static uint64_t mask_of(const char *const *wanted, uint32_t n_wanted, const char *const *names,
        uint32_t n, bool empty_is_all)
{
	uint64_t mask = 0;

	if (!n_wanted)
		return empty_is_all ? UINT64_MAX : 0;
	for (uint32_t w = 0; w < n_wanted; w++)
		for (uint32_t i = 0; i < n; i++)
			if (!strcmp(wanted[w], names[i]))
				mask |= UINT64_C(1) << i;
	return mask;
}

static void create_one(struct rack *r, struct serving_pool *p, const struct pool_spec *spec)
{
	const struct rack_config *c = &r->config;

	p->spec = spec;
	p->n_instances = p->live_instances = spec->n_instances;
	p->tier_mask = mask_of(spec->tiers, spec->n_tiers, c->tiers, c->n_tiers, true);
	p->tenant_mask = mask_of(spec->tenants, spec->n_tenants, c->tenants, c->n_tenants, true);
	p->shed_mask = mask_of(spec->shed, spec->n_shed, c->tiers, c->n_tiers, false);
	p->n_ranks = spec->n_priority + 1;
	CHECK(p->n_ranks <= QUEUE_RANKS);
	for (uint32_t t = 0; t < c->n_tiers; t++) {
		p->rank_of_tier[t] = spec->n_priority;
		for (uint32_t k = 0; k < spec->n_priority; k++)
			if (!strcmp(spec->priority[k], c->tiers[t]))
				p->rank_of_tier[t] = k;
	}
	p->gates = ARENA_ARRAY(&r->arena, struct tenant_gate, c->n_tenants ? c->n_tenants : 1);
	for (uint32_t b = 0; b < POOL_BUCKETS_MAX; b++)
		for (uint32_t k = 0; k < QUEUE_RANKS; k++)
			p->queues[b].rank[k] = (struct live_list){LIVE_NONE, LIVE_NONE, 0};
}

void pools_create(struct rack *r)
{
	uint32_t first = 0;

	CHECK(r->config.n_tiers <= 64 && r->config.n_tenants <= 64);
	r->n_pools = r->d->n_pools;
	r->pools = ARENA_ARRAY(&r->arena, struct serving_pool, r->n_pools);
	for (uint32_t i = 0; i < r->n_pools; i++) {
		r->pools[i].index = i;
		r->pools[i].first_instance = first;
		create_one(r, &r->pools[i], &r->d->pools[i]);
		first += r->pools[i].n_instances;
	}
}

/* --- routing
 * --------------------------------------------------------------------------------------- */

static bool accepts(const struct serving_pool *p, const struct live *l)
{
	int64_t tokens = l->req.prompt_tokens + l->req.max_tokens;

	if (!(p->tier_mask >> l->req.tier & 1) || !(p->tenant_mask >> l->req.tenant & 1))
		return false;
	if (p->spec->min_tokens && tokens < p->spec->min_tokens)
		return false;
	return !p->spec->max_tokens || tokens <= p->spec->max_tokens;
}

/* The smallest bucket that holds P + max_tokens; n_buckets if none does. */
static uint32_t bucket_of(const struct pool_spec *spec, int64_t tokens)
{
	uint32_t b = 0;

	while (b < spec->n_buckets && spec->buckets[b].max_seq < tokens)
		b++;
	return b;
}

static void cap_max_tokens(struct live *l, int64_t cap)
{
	if (l->req.max_tokens > cap)
		l->req.max_tokens = cap;
	if (l->req.output_tokens > l->req.max_tokens)
		l->req.output_tokens = l->req.max_tokens;
}

enum fit { FIT_OK, FIT_REFUSED, FIT_NEXT_POOL };

static enum fit fit_bucket(const struct serving_pool *p, struct live *l, uint32_t *bucket)
{
	const struct pool_spec *spec = p->spec;
	int64_t largest = spec->buckets[spec->n_buckets - 1].max_seq;

	if (spec->degraded_below && p->live_instances < spec->degraded_below &&
	        spec->degraded_max_tokens)
		cap_max_tokens(l, spec->degraded_max_tokens);
	if (spec->oversize == OVERSIZE_TRUNCATE && l->req.prompt_tokens < largest)
		cap_max_tokens(l, largest - l->req.prompt_tokens);
	*bucket = bucket_of(spec, l->req.prompt_tokens + l->req.max_tokens);
	if (*bucket < spec->n_buckets)
		return FIT_OK;
	return spec->oversize == OVERSIZE_ROUTE ? FIT_NEXT_POOL : FIT_REFUSED;
}

/* In front of a list that is not empty. */
static void list_push(struct rack *r, struct live_list *list, uint32_t live)
{
	struct live *l = live_at(r, live);

	l->prev = LIVE_NONE;
	l->next = list->head;
	live_at(r, list->head)->prev = live;
	list->head = live;
	list->n++;
}

static void list_append(struct rack *r, struct live_list *list, uint32_t live)
{
	struct live *l = live_at(r, live);

	if (MUTANT(LIFO_QUEUE) && list->n) {
		list_push(r, list, live);
		return;
	}
	l->prev = list->tail;
	l->next = LIVE_NONE;
	if (list->tail == LIVE_NONE)
		list->head = live;
	else
		live_at(r, list->tail)->next = live;
	list->tail = live;
	list->n++;
}

static void list_remove(struct rack *r, struct live_list *list, uint32_t live)
{
	struct live *l = live_at(r, live);

	if (l->prev == LIVE_NONE)
		list->head = l->next;
	else
		live_at(r, l->prev)->next = l->next;
	if (l->next == LIVE_NONE)
		list->tail = l->prev;
	else
		live_at(r, l->next)->prev = l->prev;
	list->n--;
}

static int64_t frames_of(const struct bucket_spec *b, int64_t prompt, int64_t output)
{
	return ceil_div_i64(prompt, b->ppf) + output - 1;
}

int64_t pools_declared(const struct serving_pool *p, uint32_t bucket, const struct live *l)
{
	return frames_of(&p->spec->buckets[bucket], l->req.prompt_tokens, l->req.max_tokens);
}

/* The request belongs to the bucket from now on. */
static void assign(const struct serving_pool *p, struct live *l, uint32_t bucket, int64_t now)
{
	l->pool = p->index;
	l->bucket = bucket;
	l->link.frame_ns = p->spec->buckets[bucket].frame_ns;
	l->rank = p->rank_of_tier[l->req.tier];
	l->t_queued = now;
	l->prompt_left = l->req.prompt_tokens;
	l->output_left = l->req.output_tokens;
	l->declared = pools_declared(p, bucket, l);
}

void pools_restore(struct rack *r, uint32_t live, uint32_t pool, uint32_t bucket, bool queued)
{
	struct live *l = live_at(r, live);

	assign(&r->pools[pool], l, bucket, l->t_arrival);
	if (!queued)
		return;
	l->state = LIVE_QUEUED;
	list_append(r, &r->pools[pool].queues[bucket].rank[l->rank], live);
}

/* The first in an empty queue opens its batch window; once closed it stays so until all have gone.
 */
static void count_queued(
        struct rack *r, const struct serving_pool *p, struct bucket_queue *q, int64_t now)
{
	if (q->queued++ == 0)
		q->window_until = now + p->spec->batch_window_ns;
	r->queued++;
}

static void enqueue(
        struct rack *r, int64_t now, struct serving_pool *p, uint32_t live, uint32_t bucket)
{
	struct live *l = live_at(r, live);
	struct bucket_queue *q = &p->queues[bucket];

	assign(p, l, bucket, now);
	l->state = LIVE_QUEUED;
	list_append(r, &q->rank[l->rank], live);
	count_queued(r, p, q, now);
	q->declared += l->declared;
	r->dispatch_due = true;
	if (r->config.listener.trace)
		r->config.listener.trace(
		        r->config.listener.ctx, now, l->req.id, STEP_QUEUED, l->pool, bucket);
}

bool pools_pick(struct rack *r, int64_t now, struct live *l, struct serving_pool **pool,
        uint32_t *bucket, enum rack_refusal *why, int64_t *retry_after_s)
{
	int64_t output = l->req.output_tokens, max = l->req.max_tokens;

	*why = REFUSED_NO_POOL;
	*retry_after_s = 0;
	for (uint32_t i = 0; i < r->n_pools; i++) {
		struct serving_pool *p = &r->pools[i];
		enum rack_refusal here = REFUSED_CONTEXT;
		enum fit fit;

		l->req.output_tokens = output; /* a pool that turns it away has cut nothing */
		l->req.max_tokens = max;
		if (!accepts(p, l))
			continue;
		if (LPC_UNLIKELY(r->variants.n) &&
		        variants_turn_away(r, now, p, &l->req, retry_after_s)) {
			*why = p->spec->oversize == OVERSIZE_ROUTE ? REFUSED_ARTIFACT
			                                           : REFUSED_CONTEXT;
			if (p->spec->oversize == OVERSIZE_ROUTE)
				continue;
			return false;
		}
		fit = fit_bucket(p, l, bucket);
		if (fit == FIT_OK && release_turns_away(r, now, p, retry_after_s)) {
			here = REFUSED_ADMISSION;
		} else if (fit == FIT_OK &&
		           admission_admits(r, p, now, l, *bucket, &here, retry_after_s)) {
			*pool = p;
			return true;
		}
		*why = here;
		if (fit == FIT_NEXT_POOL || (fit == FIT_OK && p->spec->overflow_next))
			continue;
		return false;
	}
	return false;
}

void pools_route(struct rack *r, int64_t now, uint32_t live)
{
	struct live *l = live_at(r, live);
	struct serving_pool *pool;
	enum rack_refusal why;
	int64_t retry_after_s;
	uint32_t bucket;

	l->t_arrival = now;
	if (pools_pick(r, now, l, &pool, &bucket, &why, &retry_after_s))
		enqueue(r, now, pool, live, bucket);
	else
		rack_refuse(r, now, live, why, retry_after_s);
}

/* --- queues
 * ---------------------------------------------------------------------------------------- */

/* Replayed requests stand at the head, in order of first arrival among themselves. */
void pools_requeue(struct rack *r, int64_t now, uint32_t live)
{
	struct live *l = live_at(r, live);
	struct bucket_queue *q = &r->pools[l->pool].queues[l->bucket];
	struct live_list *list = &q->rank[l->rank];
	uint32_t before = list->head;

	while (before != LIVE_NONE) {
		const struct live *b = live_at(r, before);

		if (!b->replays || b->t_arrival > l->t_arrival ||
		        (b->t_arrival == l->t_arrival && b->req.id > l->req.id))
			break;
		before = b->next;
	}
	q->running--;
	count_queued(r, &r->pools[l->pool], q, now);
	l->state = LIVE_QUEUED;
	l->t_queued = now;
	r->dispatch_due = true;
	if (before == LIVE_NONE) {
		list_append(r, list, live);
		return;
	}
	l->next = before;
	l->prev = live_at(r, before)->prev;
	live_at(r, before)->prev = live;
	if (l->prev == LIVE_NONE)
		list->head = live;
	else
		live_at(r, l->prev)->next = live;
	list->n++;
}

void pools_unqueue(struct rack *r, uint32_t live)
{
	struct live *l = live_at(r, live);
	struct bucket_queue *q = &r->pools[l->pool].queues[l->bucket];

	CHECK(l->state == LIVE_QUEUED);
	list_remove(r, &q->rank[l->rank], live);
	q->queued--;
	r->queued--;
	q->declared -= l->declared;
}

void pools_forget(struct rack *r, const struct live *l)
{
	struct bucket_queue *q = &r->pools[l->pool].queues[l->bucket];

	q->running--;
	q->declared -= l->declared;
}

/* --- dispatch
 * -------------------------------------------------------------------------------------- */

struct choice {
	struct instance *instance;
	uint32_t slot;
	int64_t tick, at; /* at: where there is more than one instance to choose from */
};

/* The free slot with the earliest departure; ties by instance, then slot. */
static bool choose(struct rack *r, const struct serving_pool *p, uint32_t bucket, int64_t now,
        struct choice *best)
{
	bool found = false;

	for (uint32_t i = 0; i < p->n_instances; i++) {
		struct choice c = {.instance = &r->instances[p->first_instance + i]};

		if (!instance_earliest(c.instance, bucket, now, &c.slot, &c.tick))
			continue;
		if (p->n_instances > 1)
			c.at = instance_departure(c.instance, now, c.tick);
		if (found && c.at >= best->at)
			continue;
		*best = c;
		found = true;
	}
	return found;
}

static uint32_t head_of(const struct bucket_queue *q, uint32_t n_ranks)
{
	for (uint32_t k = 0; k < n_ranks; k++)
		if (q->rank[k].n)
			return q->rank[k].head;
	return LIVE_NONE;
}

static void start(struct rack *r, const struct serving_pool *p, struct bucket_queue *q,
        uint32_t live, const struct choice *c, int64_t now)
{
	struct live *l = live_at(r, live);
	const struct bucket_spec *b = &p->spec->buckets[l->bucket];
	struct instance *in = c->instance;

	list_remove(r, &q->rank[l->rank], live);
	q->queued--;
	r->queued--;
	q->running++;
	l->state = LIVE_RUNNING;
	l->instance = in->index;
	l->slot = c->slot;
	l->t_dispatch = now;
	if (l->replay_fault == FAULT_NONE)
		l->queue_ns += now - l->t_queued;
	else
		account_stall(l, l->replay_fault, now - l->t_queued);
	instance_occupy(in, now, c->slot, live, l->req.id, c->tick,
	        ceil_div_i64(l->prompt_left, b->ppf), l->output_left,
	        r->config.emit_tokens || l->req.watched);
	sdc_entered(r, in, c->slot);
	if (LPC_UNLIKELY(r->config.mirror_every))
		moves_entered(r, in, c->slot);
	r->counts.dispatches++;
	instance_schedule(in);
	if (r->config.listener.trace)
		r->config.listener.trace(r->config.listener.ctx, now, l->req.id, STEP_DISPATCHED,
		        in->index, c->slot);
}

/* A batch window holds the queue until it closes, or until a whole batch is there. */
static bool window_open(struct rack *r, const struct serving_pool *p, struct bucket_queue *q,
        uint32_t bucket, int64_t now)
{
	uint32_t slots = 0;

	if (!p->spec->batch_window_ns || q->window_until <= now)
		return false;
	for (uint32_t i = 0; i < p->n_instances; i++)
		if (instance_takes(&r->instances[p->first_instance + i]))
			slots += r->instances[p->first_instance + i].bucket_free[bucket];
	return q->queued < slots;
}

static void dispatch_bucket(struct rack *r, const struct serving_pool *p, struct bucket_queue *q,
        uint32_t bucket, int64_t now)
{
	struct choice c = {0};
	uint32_t live;

	if (window_open(r, p, q, bucket, now))
		return;
	while ((live = head_of(q, p->n_ranks)) != LIVE_NONE && choose(r, p, bucket, now, &c))
		start(r, p, q, live, &c, now);
}

void pools_dispatch(struct rack *r, int64_t now)
{
	for (uint32_t i = 0; r->queued && i < r->n_pools; i++) {
		struct serving_pool *p = &r->pools[i];

		for (uint32_t b = 0; b < p->spec->n_buckets; b++)
			if (p->queues[b].queued)
				dispatch_bucket(r, p, &p->queues[b], b, now);
	}
}

int64_t pools_next_at(const struct rack *r)
{
	int64_t next = NS_NEVER;

	for (uint32_t i = 0; r->queued && i < r->n_pools; i++) {
		const struct serving_pool *p = &r->pools[i];

		if (!p->spec->batch_window_ns)
			continue;
		for (uint32_t b = 0; b < p->spec->n_buckets; b++)
			if (p->queues[b].queued && p->queues[b].window_until > r->now &&
			        p->queues[b].window_until < next)
				next = p->queues[b].window_until;
	}
	return next;
}
