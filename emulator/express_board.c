/* Getting on and off: requests of the rack become riders, and riders become requests of the rack as
 * they would have been had they never been anything else. Only who has nothing behind that leaves a
 * trace may board (is_plain), and only where nothing is at work that would treat them otherwise
 * (express_ready). */
#include <stdlib.h>

#include "emulator/express_ends.h"
#include "harness/base/arena.h"
#include "harness/base/mutant.h"

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
	if (in->tokens.n || in->hits.n || in->moves.n)
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

/* --- getting on
 * ------------------------------------------------------------------------------------ */

/* Nothing has happened to it that it would have to tell. */
static bool is_plain(const struct rack *r, const struct live *l)
{
	int64_t delay = r->d->ethernet.ingress_delay_ns;
	int64_t most = INT32_MAX;

	if (LPC_UNLIKELY(rack_mirrors(r->config.mirror_every, l->req.id)))
		return false;
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
	express_give_up(x, &a, a.t_last);
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

				express_append(&r->express->queues[a.queue], &a);
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
			express_mark(r->express, &r->express->queues[q]);
	express_patience(r->express);
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
