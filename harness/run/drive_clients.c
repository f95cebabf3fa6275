/* The client's side of a virtual run: the ideal client, which sends at the planned instant. A
 * request is a client from then until its outcome is known; what the rack says of it becomes a
 * sample, and the sample goes to the score, the book and the digest. */
#include "harness/run/drive_state.h"

#include <stdlib.h>

#include "harness/base/mutant.h"
#include "harness/base/prng.h"
#include "harness/load/outcome.h"
#include "harness/run/plan.h"

/* --- samples out
 * ----------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct ended *)a)->id, y = ((const struct ended *)b)->id;

	return (x > y) - (x < y);
}

void clients_flush(struct run *r)
{
	if (r->n_ended > 1) /* seldom, but for all that is left at the end of a run */
		qsort(r->ended, r->n_ended, sizeof(*r->ended), by_id);
	for (uint32_t i = 0; i < r->n_ended; i++)
		for (unsigned w = 0; w < DIGEST_WORDS; w += LANES)
			lanes_add_four(&r->lanes, r->ended[i].word + w);
	r->n_ended = 0;
}

static void digest(struct run *r, const struct sample *s)
{
	struct ended *e;

	if (s->t_done != r->ended_at)
		clients_flush(r);
	r->ended_at = s->t_done;
	r->ended = mem_room(r->ended, r->n_ended, &r->ended_capacity, sizeof(*r->ended));
	e = &r->ended[r->n_ended++];
	*e = (struct ended){.id = s->id,
	        .word = {s->id, (uint64_t)s->outcome, (uint64_t)s->t_first, (uint64_t)s->t_last,
	                (uint64_t)s->t_done, (uint64_t)s->output_tokens, s->attempts, s->replays}};
}

static void give(struct run *r, const struct sample *s)
{
	if (r->o->digest)
		digest(r, s);
	if (r->o->score)
		score_sample(r->o->score, s);
	if (r->o->book)
		book_add(r->o->book, s);
	if (r->o->sample)
		r->o->sample(r->o->sample_ctx, s);
	if (r->signals)
		signals_sample(r->signals, s);
}

/* At one instant several may end, and others with them that were clients. The words of those that
 * end alone are held for a while, to be folded in one go. */
static void digest_served(struct run *r, const struct rider *served, uint32_t n)
{
	enum { MOST = 64 };
	uint64_t word[MOST][DIGEST_WORDS];
	uint32_t held = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct rider *s = &served[i];
		int64_t done = s->t_last + s->ingress_ns;
		bool alone = done != r->ended_at && i + 1 < n && served[i + 1].t_last > s->t_last;

		if (held == MOST || !alone) {
			lanes_add_words(&r->lanes, word[0], (size_t)held * DIGEST_WORDS);
			held = 0;
		}
		if (alone) {
			if (r->n_ended)
				clients_flush(r);
			word[held][0] = s->id;
			word[held][1] = OUTCOME_OK;
			word[held][2] = (uint64_t)(s->t_first + s->ingress_ns);
			word[held][3] = word[held][4] = (uint64_t)done;
			word[held][5] = s->output_tokens;
			word[held][6] = 1;
			word[held++][7] = 0;
			r->ended_at = done;
		} else {
			struct sample full;

			served_sample(s, &full);
			digest(r, &full);
		}
	}
	lanes_add_words(&r->lanes, word[0], (size_t)held * DIGEST_WORDS);
}

void clients_served(struct run *r, const struct rider *served, uint32_t n)
{
	if (r->o->digest)
		digest_served(r, served, n);
	if (r->o->score)
		score_served(r->o->score, served, n);
	for (uint32_t i = 0; (r->o->book || r->o->sample) && i < n; i++) {
		struct sample full;

		if (r->o->gaps && served[i].output_tokens >= 2)
			r->o->gaps(r->o->sample_ctx, served[i].id, served[i].frame_ns,
			        (int64_t)served[i].output_tokens - 1);
		served_sample(&served[i], &full);
		if (r->o->book)
			book_add(r->o->book, &full);
		if (r->o->sample)
			r->o->sample(r->o->sample_ctx, &full);
	}
}

static struct sample sample_of(
        const struct run *r, const struct client *c, enum outcome outcome, int64_t t_done)
{
	return (struct sample){
	        .id = c->a.request_id,
	        .order = c->order,
	        .tenant = c->a.tenant,
	        .tier = r->s->traffic.tenants[c->a.tenant].tier_index,
	        .outcome = outcome,
	        .t_sched = c->t_sched,
	        .t_send = c->attempts ? c->t_sched : -1,
	        .t_hdr = -1,
	        .t_first = -1,
	        .t_last = -1,
	        .t_done = t_done,
	        .prompt_tokens = c->a.prompt_tokens,
	        .queue_ns = -1,
	        .prefill_ns = -1,
	        .decode_ns = -1,
	        .itl_judged_ns = -1,
	        .attempts = c->attempts,
	};
}

void clients_retire(struct run *r, uint32_t index)
{
	struct client *c = client_at(r, index);
	struct client_list *list = &r->tenants[c->a.tenant];

	if (c->prev == POOL_NONE)
		list->head = c->next;
	else
		client_at(r, c->prev)->next = c->next;
	if (c->next == POOL_NONE)
		list->tail = c->prev;
	else
		client_at(r, c->next)->prev = c->prev;
	r->in_flight--;
	if (c->watch != POOL_NONE)
		pool_give(&r->watches, c->watch);
	pool_give(&r->clients, index);
}

static void fill_served(const struct rack_completion *d, struct sample *s)
{
	s->t_first = s->t_hdr = d->t_first;
	s->t_last = d->t_last;
	s->output_tokens = d->delivered;
	s->replays = d->replays;
	s->tokens_recomputed = d->tokens_recomputed;
	if (d->t_entry >= 0)
		s->queue_ns = d->t_entry - d->t_arrival;
	if (d->t_first_edge >= 0) {
		s->prefill_ns = d->t_first_edge - d->t_entry;
		s->decode_ns = d->t_last_edge - d->t_first_edge;
	}
	if (d->delivered >= 2)
		s->itl_judged_ns = d->itl_p99_ns;
	s->blame_queue_ns = d->queue_ns;
	s->blame_entry_ns = d->entry_wait_ns;
	s->blame_prefill_ns = d->prefill_ns;
	s->blame_decode_ns = d->decode_ns;
	s->n_stalls = d->n_stalls;
	for (uint32_t i = 0; i < d->n_stalls; i++)
		s->stalls[i] = (struct sample_stall){d->stalls[i].fault, d->stalls[i].ns};
}

void clients_phase(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	struct run *r = ctx;

	ledger_phase(&r->out->ledger, fault, phase, at_ns);
	fault_schedule_phase(&r->schedule, fault, phase, at_ns);
	r->fault_at = min_i64(r->fault_at, fault_schedule_next_at(&r->schedule));
}

/* When the client sends again, at_ns unless a storm decides; NS_NEVER = not at all. */
static int64_t next_attempt(struct run *r, const struct client *c, int64_t at_ns)
{
	const struct tenant_spec *tenant = &r->s->traffic.tenants[c->a.tenant];
	int64_t retries = tenant->retries;
	uint32_t fault;
	const struct load_storm *storm = demand_storm(r->demand, c->a.tenant, &fault);

	if (storm) {
		retries = storm->retries > retries ? storm->retries : retries;
		at_ns = r->now + storm->back_off_ns;
	}
	if (c->attempts > retries || at_ns >= c->t_sched + tenant->timeout_ns)
		return NS_NEVER;
	if (storm)
		clients_phase(r, fault, PHASE_EFFECT, r->now);
	return at_ns;
}

/* The client lines up once more, as the load generator's does: if it may, and in time. */
static bool try_again(struct run *r, uint32_t index, enum outcome outcome, int64_t at_ns)
{
	struct client *c = client_at(r, index);
	bool ok;

	at_ns = next_attempt(r, c, at_ns);
	if (at_ns == NS_NEVER)
		return false;
	ok = heap_push(&r->retries, at_ns, c->a.request_id,
	        (uint64_t)pool_generation(&r->clients, index) << 32 | index);
	CHECK(ok);
	c->handle = UINT64_MAX;
	c->standing = outcome;
	return true;
}

/* Of a 500 (on_loss: fail, nothing had begun) or a reset: tried again after a while. */
static bool back_off(struct run *r, uint32_t index, enum outcome outcome, int64_t now)
{
	const struct client *c = client_at(r, index);
	uint64_t u = prng_at(r->back_off, c->a.request_id, c->attempts);

	return try_again(r, index, outcome, now + outcome_back_off_ns(c->attempts, u));
}

static enum outcome outcome_of(const struct rack_completion *done)
{
	if (done->tokens_corrupt) /* whatever else happened: the client has seen it */
		return OUTCOME_CORRUPT;
	if (!done->failed)
		return OUTCOME_OK;
	return done->delivered ? OUTCOME_TRUNCATED : OUTCOME_HTTP_5XX;
}

static void tell_gaps(struct run *r, uint64_t id, uint32_t tier, int64_t gap_ns, int64_t n)
{
	if (r->o->score)
		score_gaps(r->o->score, id, tier, gap_ns, n);
	if (r->o->gaps)
		r->o->gaps(r->o->sample_ctx, id, gap_ns, n);
}

/* What a watched client saw, and its gaps. What it did not read in time is its fault's. */
static void fill_watched(struct run *r, const struct watched *w, struct sample *s)
{
	int64_t late = w->t_last - s->t_last;

	watched_fill(w, s);
	for (uint32_t i = 0; i < w->gaps.n; i++)
		tell_gaps(r, s->id, s->tier, w->gaps.ns[i], 1);
	if (s->outcome != OUTCOME_OK || late <= 0)
		return;
	if (s->n_stalls < SAMPLE_STALLS_MAX)
		s->stalls[s->n_stalls++] = (struct sample_stall){w->habit.fault, late};
	else
		s->blame_network_ns += late;
}

/* The client has read the end of its answer. */
static void finish_served(struct run *r, int64_t now, const struct rack_completion *done)
{
	uint32_t index = done->req.user;
	struct client *c = client_at(r, index);
	struct sample s = sample_of(r, c, outcome_of(done), now);

	fill_served(done, &s);
	if (!done->failed)
		s.blame_network_ns = (done->t_arrival - s.t_sched) + (s.t_last - done->t_last_edge);
	if (c->watch != POOL_NONE)
		fill_watched(r, pool_at(&r->watches, c->watch), &s);
	for (uint32_t i = 0; i < done->n_stalls; i++)
		r->out->ledger.e[done->stalls[i].fault].replayed += done->stalls[i].evicted;
	if (r->o->explain_id == s.id && r->o->explain_done)
		r->o->explain_done(r->o->explain_ctx, &s, done);
	give(r, &s);
	clients_retire(r, index);
}

static struct watched *watched_of(struct run *r, const struct client *c)
{
	return c->watch == POOL_NONE ? NULL : pool_at(&r->watches, c->watch);
}

static void on_completed(void *ctx, int64_t now, const struct rack_completion *done)
{
	struct run *r = ctx;
	uint32_t index = done->req.user;
	struct client *c = client_at(r, index);
	struct watched *w = watched_of(r, c);

	if (outcome_of(done) == OUTCOME_HTTP_5XX && back_off(r, index, OUTCOME_HTTP_5XX, now))
		return;
	if (!w || w->resume_at == NS_NEVER) {
		finish_served(r, now, done);
		return;
	}
	w->done = *done; /* it does not look before resume_at */
	w->held_back = true;
	c->handle = 0;
}

/* Its frontend died: before the first token that is a connection lost, tried again if it may be;
 * behind it a stream that was cut. */
static void on_reset(void *ctx, int64_t now, const struct rack_completion *left, bool begun)
{
	struct run *r = ctx;
	uint32_t index = left->req.user;
	struct watched *w = watched_of(r, client_at(r, index));
	enum outcome outcome = begun ? OUTCOME_TRUNCATED : OUTCOME_CONNECT;
	struct sample s;

	if (!begun && back_off(r, index, outcome, now))
		return;
	if (left->tokens_corrupt && begun)
		outcome = OUTCOME_CORRUPT;
	s = sample_of(r, client_at(r, index), outcome, now);
	if (begun)
		fill_served(left, &s);
	if (w)
		watched_fill(w, &s);
	give(r, &s);
	clients_retire(r, index);
}

static void act_at(struct run *r, int64_t at_ns, uint32_t index)
{
	bool ok = heap_push(&r->acts, at_ns, client_at(r, index)->a.request_id,
	        (uint64_t)pool_generation(&r->clients, index) << 32 | index);

	CHECK(ok);
}

static void on_token(
        void *ctx, int64_t due, const struct rack_request *req, int64_t token, bool wrong)
{
	struct run *r = ctx;
	struct watched *w = watched_of(r, client_at(r, req->user));

	(void)token, (void)wrong; /* its completion counts the wrong ones */
	switch (watched_token(w, due)) {
	case WATCHED_NOTHING:
	case WATCHED_FIRST:
		return;
	case WATCHED_STOPS:
		clients_phase(r, w->habit.fault, PHASE_EFFECT, due);
		act_at(r, w->resume_at, req->user);
		return;
	case WATCHED_LEAVES:
	case WATCHED_CLOSED:
		act_at(r, due, req->user);
		return;
	}
}

static void on_gaps(void *ctx, const struct rack_request *req, int64_t gap_ns, int64_t n)
{
	struct run *r = ctx;

	tell_gaps(r, req->id, req->tier, gap_ns, n);
}

static void on_trace(
        void *ctx, int64_t at_ns, uint64_t id, enum rack_step_kind step, int64_t a, int64_t b)
{
	struct run *r = ctx;

	if (id == r->o->explain_id)
		r->o->explain(r->o->explain_ctx, at_ns, step, a, b);
}

/* --- clients
 * --------------------------------------------------------------------------------------- */

/* In a storm a client looks whether its first token comes in time. */
static void be_impatient(struct run *r, uint32_t index)
{
	struct client *c = client_at(r, index);
	uint32_t fault;
	const struct load_storm *storm = demand_storm(r->demand, c->a.tenant, &fault);
	struct watched *w;

	if (!storm || !storm->patience_ns || c->attempts > storm->retries)
		return;
	if (c->watch == POOL_NONE) {
		c->watch = pool_take(&r->watches);
		CHECK(c->watch != POOL_NONE);
		watched_init(watched_of(r, c), &(struct habit){.fault = fault});
	}
	w = watched_of(r, c);
	w->patience_at = r->now + storm->patience_ns;
	act_at(r, w->patience_at, index);
}

static void submit(struct run *r, uint32_t index)
{
	struct client *c = client_at(r, index);
	uint32_t generation = pool_generation(&r->clients, index);
	uint64_t handle;

	c->attempts += MUTANT(RETRY_TWICE) && c->attempts ? 2 : 1;
	if (c->watch != POOL_NONE)
		watched_attempt(watched_of(r, c));
	be_impatient(r, index);
	handle = rack_submit(r->rack, r->now,
	        &(struct rack_request){
	                .id = c->a.request_id,
	                .user = index,
	                .tenant = c->a.tenant,
	                .tier = r->s->traffic.tenants[c->a.tenant].tier_index,
	                .prompt_tokens = c->a.prompt_tokens,
	                .output_tokens = c->a.output_tokens,
	                .max_tokens = c->a.max_tokens,
	                .watched = c->watch != POOL_NONE,
	        });
	/* A refusal may have come back within: then the client is gone, or waits to try again. */
	if (pool_is_live(&r->clients, index, generation) && c->handle != UINT64_MAX)
		c->handle = handle;
}

/* Seconds that the server asked for; the client obeys (the load generator does the same). */
static void on_refused(void *ctx, int64_t now, const struct rack_request *req,
        enum rack_refusal why, int64_t retry_after_s)
{
	struct run *r = ctx;
	uint32_t index = req->user;
	struct client *c = client_at(r, index);
	struct sample s;

	if (why == REFUSED_CONNECT) {
		if (back_off(r, index, OUTCOME_CONNECT, now))
			return;
		s = sample_of(r, c, OUTCOME_CONNECT, now);
		give(r, &s);
		clients_retire(r, index);
		return;
	}
	if (why != REFUSED_CONTEXT && why != REFUSED_NO_POOL &&
	        try_again(r, index, OUTCOME_REJECTED, now + retry_after_s * NS_PER_S))
		return;
	/* What no pool accepts is a plain 400 on the wire; the other refusals are the server's
	 * limits. */
	s = sample_of(r, c, why == REFUSED_NO_POOL ? OUTCOME_HTTP_4XX : OUTCOME_REJECTED, now);
	give(r, &s);
	clients_retire(r, index);
}

static void shaped(void *ctx, uint32_t fault, int64_t at_ns)
{
	clients_phase(ctx, fault, PHASE_EFFECT, at_ns);
}

enum status clients_pull(struct run *r, struct error *err)
{
	if (ride_next(r->ride, &r->next)) {
		r->more = true;
		return ERR_NONE;
	}
	return traffic_next(r->traffic, &r->next, &r->more, err);
}

/* Gives the client its habit, if a fault has picked it. */
static void watch(struct run *r, uint32_t index)
{
	struct client *c = client_at(r, index);
	struct habit habit;

	if (!demand_habit(r->demand, &c->a, &habit))
		return;
	c->watch = pool_take(&r->watches);
	CHECK(c->watch != POOL_NONE);
	watched_init(watched_of(r, c), &habit);
	if (habit.leave_ns)
		act_at(r, c->t_sched + habit.leave_ns, index);
}

uint32_t clients_add(struct run *r, const struct arrival *a, uint64_t order)
{
	uint32_t index = pool_take(&r->clients);
	struct client_list *list = &r->tenants[a->tenant];
	struct client *c;
	int64_t timeout_at;

	CHECK(index != POOL_NONE);
	c = client_at(r, index);
	*c = (struct client){.a = *a,
	        .order = order,
	        .t_sched = a->at_ns,
	        .prev = list->tail,
	        .next = POOL_NONE,
	        .watch = POOL_NONE};
	if (list->tail == POOL_NONE)
		list->head = index;
	else
		client_at(r, list->tail)->next = index;
	list->tail = index;
	r->in_flight++;
	timeout_at = c->t_sched + r->s->traffic.tenants[c->a.tenant].timeout_ns;
	if (timeout_at < r->timeout_at)
		r->timeout_at = timeout_at;
	return index;
}

/* The planned request becomes a client: lengths bent by what is active now, max_tokens settled. */
static uint32_t take_arrival(struct run *r, struct arrival *a)
{
	uint32_t index;

	demand_shape(r->demand, a, shaped, r);
	index = clients_add(r, a, ++r->out->scheduled);
	watch(r, index);
	return index;
}

static uint32_t take_planned(struct run *r)
{
	plan_fold(&r->traffic_lanes, r->s, &r->next);
	return take_arrival(r, &r->next);
}

enum status clients_arrive(struct run *r, struct error *err)
{
	/* In order of id: who tries again was planned before whoever comes now. */
	while (r->retries.n && r->retries.e[0].key <= r->now) {
		struct heap_entry e = heap_pop(&r->retries);

		if (!pool_is_live(&r->clients, (uint32_t)e.value, (uint32_t)(e.value >> 32)))
			continue;
		client_at(r, (uint32_t)e.value)->handle = 0;
		submit(r, (uint32_t)e.value);
	}
	while (r->more && r->next.at_ns == r->now) {
		enum status st;

		submit(r, take_planned(r));
		st = clients_pull(r, err);
		if (st)
			return st;
	}
	while (demand_next_at(r->demand) <= r->now) {
		struct arrival a;

		demand_take(r->demand, &a);
		submit(r, take_arrival(r, &a));
	}
	return ERR_NONE;
}

/* Ends a client that has no completion of its own: timeout, or the end of the run. */
static void give_up(struct run *r, uint32_t index, enum outcome outcome)
{
	struct client *c = client_at(r, index);
	const struct watched *w = watched_of(r, c);
	struct rack_completion left = {
	        .t_entry = -1, .t_first = -1, .t_last = -1, .t_first_edge = -1, .t_last_edge = -1};
	struct sample s;

	if (c->handle && c->handle != UINT64_MAX)
		(void)rack_cancel(r->rack, r->now, c->handle, &left);
	else if (w && w->closed)
		left = w->done;
	if (c->handle == UINT64_MAX && outcome != OUTCOME_CANCELLED)
		outcome = c->standing;
	else if (left.tokens_corrupt)
		outcome = OUTCOME_CORRUPT;
	s = sample_of(r, c, outcome, r->now);
	fill_served(&left, &s);
	if (w)
		watched_fill(w, &s);
	give(r, &s);
	clients_retire(r, index);
}

static void leave(struct run *r, uint32_t index)
{
	uint32_t fault = watched_of(r, client_at(r, index))->habit.fault;

	clients_phase(r, fault, PHASE_EFFECT, r->now);
	give_up(r, index, OUTCOME_CANCELLED);
}

/* It reads again: what it finds is a while old, or the end of its answer, or a closed connection.
 */
static void resume(struct run *r, uint32_t index)
{
	struct watched *w = watched_of(r, client_at(r, index));

	watched_resume(w);
	if (w->closed)
		give_up(r, index, OUTCOME_TRUNCATED);
	else if (w->held_back)
		finish_served(r, r->now, &w->done);
}

/* The storm may be over by now, or no time be left. */
static void lose_patience(struct run *r, uint32_t index)
{
	struct client *c = client_at(r, index);
	uint64_t handle = c->handle;
	uint32_t fault;

	if (!handle || handle == UINT64_MAX || !demand_storm(r->demand, c->a.tenant, &fault) ||
	        !try_again(r, index, OUTCOME_TIMEOUT, r->now))
		return;
	(void)rack_cancel(r->rack, r->now, handle, NULL);
}

/* Whatever the client was to do at this instant, or no longer. */
static void act(struct run *r, uint32_t index)
{
	struct client *c = client_at(r, index);
	struct watched *w = watched_of(r, c);
	int64_t leave_ns = w->habit.leave_ns;

	if (w->leaves || (leave_ns && r->now >= c->t_sched + leave_ns)) {
		leave(r, index);
	} else if (w->closed && c->handle) {
		(void)rack_cancel(r->rack, r->now, c->handle, &w->done);
		c->handle = 0;
	} else if (r->now >= w->resume_at) {
		resume(r, index);
	} else if (r->now >= w->patience_at && w->seen == 0) {
		lose_patience(r, index);
	}
}

void clients_act(struct run *r)
{
	while (r->acts.n && r->acts.e[0].key <= r->now) {
		struct heap_entry e = heap_pop(&r->acts);

		if (pool_is_live(&r->clients, (uint32_t)e.value, (uint32_t)(e.value >> 32)))
			act(r, (uint32_t)e.value);
	}
}

/* Heads leave without being looked at again, so the instant may turn out to be too early. */
void clients_time_out(struct run *r)
{
	r->timeout_at = NS_NEVER;
	for (uint32_t t = 0; t < r->s->traffic.n_tenants; t++) {
		int64_t timeout = r->s->traffic.tenants[t].timeout_ns, at = NS_NEVER;

		while (r->tenants[t].head != POOL_NONE) {
			at = client_at(r, r->tenants[t].head)->t_sched + timeout;
			if (at > r->now)
				break;
			give_up(r, r->tenants[t].head, OUTCOME_TIMEOUT);
		}
		if (r->tenants[t].head != POOL_NONE && at < r->timeout_at)
			r->timeout_at = at;
	}
}

enum status clients_finish(struct run *r, struct error *err)
{
	for (uint32_t t = 0; t < r->s->traffic.n_tenants; t++)
		while (r->tenants[t].head != POOL_NONE)
			give_up(r, r->tenants[t].head, OUTCOME_STALLED);
	while (r->more) {
		enum status st;

		give_up(r, take_planned(r), OUTCOME_NOT_SENT);
		st = clients_pull(r, err);
		if (st)
			return st;
	}
	return ERR_NONE;
}

void clients_listen(struct run *r, struct rack_listener *listener)
{
	*listener = (struct rack_listener){
	        .ctx = r,
	        .refused = on_refused,
	        .completed = on_completed,
	        .reset = on_reset,
	        .token = on_token,
	        .gaps = r->o->score || r->o->gaps ? on_gaps : NULL,
	        .phase = clients_phase,
	        .trace = r->o->explain_id && r->o->explain ? on_trace : NULL,
	};
}
