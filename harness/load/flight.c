/* The life of one request:
 *
 *     launch ─► WAITING ─► ACTIVE ─► sample
 *                  ▲          │ rejected, connect, 5xx, and retries left
 *                  └─ RESTING ◄
 *
 * Every way to an end goes through finish(), once, so that each request that was pulled gives
 * exactly one sample. The time-out counts from the planned instant and is the same for all requests
 * of a tenant; a list per tenant in order of launch is therefore in order of deadline, and no timer
 * is kept per request.
 *
 * Instants come from the wire (when the batch of completions was reaped, before anything was
 * parsed), never from the moment the bytes are looked at. */
#include "harness/load/load_private.h"

#include <string.h>
#include "harness/base/prng.h"
#include "harness/base/token.h"
#include "harness/base/units.h"
#include "harness/load/event.h"
#include "harness/load/outcome.h"

static struct flight *flight_at(const struct load *l, uint32_t index)
{
	return pool_at(&l->flights, index);
}

static uint64_t handle_of(const struct flight *f)
{
	return (uint64_t)pool_generation(&f->load->flights, f->index) << 32 | f->index;
}

/* NULL when the handle is stale, or the flight has moved on. */
static struct flight *find(const struct load *l, uint64_t handle, enum flight_state state)
{
	uint32_t index = (uint32_t)handle;

	if (!pool_is_live(&l->flights, index, (uint32_t)(handle >> 32)))
		return NULL;
	return flight_at(l, index)->state == state ? flight_at(l, index) : NULL;
}

static int64_t wire_time(const struct load *l, const struct wire *w)
{
	return w->t_ns - l->t0_ns;
}

/* --- the end
 * ------------------------------------------------------------------------------------------ */

static void list_remove(struct load *l, struct flight *f)
{
	struct flight_list *list = &l->live[f->sample.request.tenant];

	if (f->before == POOL_NONE)
		list->first = f->after;
	else
		flight_at(l, f->before)->after = f->after;
	if (f->after == POOL_NONE)
		list->last = f->before;
	else
		flight_at(l, f->after)->before = f->before;
}

static void attempt_clear(struct flight *f)
{
	sse_reset(&f->events);
	if (f->body != POOL_NONE)
		pool_give(&f->load->carries, f->body);
	f->body = POOL_NONE;
	f->body_len = 0;
	f->wire = NULL;
}

static void fill_gaps(struct load_sample *s, struct gaps *g)
{
	s->gaps_ns = g->ns;
	s->n_gaps = g->n;
	s->gaps_dropped = g->dropped;
	if (g->n && !g->dropped) {
		s->itl_max_ns = gaps_max(g);
		s->itl_p99_ns = gaps_percentile(g, 0.99);
	}
}

static void finish(struct flight *f, enum load_outcome outcome, int64_t now_ns)
{
	struct load *l = f->load;
	struct load_live *totals = &l->result->totals;

	attempt_clear(f);
	list_remove(l, f);
	if (f->state == FLIGHT_WAITING)
		l->n_waiting--;
	f->sample.outcome = f->corrupt ? LOAD_CORRUPT : outcome;
	f->sample.t_done = now_ns;
	fill_gaps(&f->sample, &f->gaps);
	totals->finished++;
	totals->in_flight--;
	totals->outcomes[f->sample.outcome]++;
	l->result->dropped += f->gaps.dropped;
	l->result->attempts += f->sample.attempts;
	l->config.listener.sample(l->config.listener.ctx, &f->sample);
	pool_give(&l->flights, f->index);
}

static bool retry_rule(const struct flight *f, struct load_retry *out)
{
	const struct load_retry_rule *rule = &f->load->config.retry_rule;

	return rule->now && rule->now(rule->ctx, f->sample.request.tenant, out);
}

static void act_at(struct flight *f, int64_t at_ns)
{
	bool ok = heap_push(&f->load->acting, at_ns, f->sample.request.id, handle_of(f));

	CHECK(ok);
}

static void acted(const struct flight *f, uint32_t fault, int64_t at_ns)
{
	const struct load_listener *to = &f->load->config.listener;

	if (to->acted)
		to->acted(to->ctx, fault, at_ns);
}

/* When the next attempt is to be made; NS_NEVER = there is none. */
static int64_t next_attempt(const struct flight *f, int64_t now_ns)
{
	const struct load *l = f->load;
	const struct load_request *r = &f->sample.request;
	const struct load_tenant *tenant = &l->config.tenants[r->tenant];
	uint32_t attempts = f->sample.attempts ? f->sample.attempts : 1;
	uint32_t retries = tenant->retries;
	int64_t at_ns = now_ns + f->retry_after_ns;
	struct load_retry rule;
	bool ruled = retry_rule(f, &rule);

	if (ruled) {
		retries = rule.retries > retries ? rule.retries : retries;
		at_ns = now_ns + rule.back_off_ns;
	} else if (f->retry_after_ns < 0) {
		uint64_t u = prng_at(l->jitter, r->id, attempts);

		at_ns = now_ns + outcome_back_off_ns(attempts, u);
	}
	if (attempts > retries || at_ns >= r->at_ns + tenant->timeout_ns)
		return NS_NEVER;
	if (ruled)
		acted(f, rule.fault, now_ns);
	return at_ns;
}

/* Between two attempts; false where there is no room for one that waits. */
static bool rest(struct flight *f, enum load_outcome outcome, int64_t at_ns)
{
	struct load *l = f->load;

	if (!heap_push(&l->resting, at_ns, f->sample.request.id, handle_of(f)))
		return false;
	if (f->state == FLIGHT_WAITING)
		l->n_waiting--;
	attempt_clear(f);
	f->state = FLIGHT_RESTING;
	f->sample.outcome = outcome;
	return true;
}

/* The attempt has come to this; the wire is no longer ours. */
static void attempt_over(struct flight *f, enum load_outcome outcome, int64_t now_ns)
{
	int64_t at_ns = NS_NEVER;

	if (!f->corrupt && outcome_is_retried(outcome, f->context_length))
		at_ns = next_attempt(f, now_ns);
	if (at_ns == NS_NEVER || !rest(f, outcome, at_ns))
		finish(f, outcome, now_ns);
}

/* The answer is of no more use, and neither is its connection. */
static void abandon(struct flight *f, enum load_outcome outcome, int64_t now_ns)
{
	client_abandon(f->wire);
	attempt_over(f, outcome, now_ns);
}

/* --- sending
 * ------------------------------------------------------------------------------------------ */

static void write_on(struct flight *f)
{
	const char *tail = f->load->maker.tail;

	while (f->filler_due > 0) {
		int64_t n =
		        f->filler_due < REQUEST_FILLER_BYTES ? f->filler_due : REQUEST_FILLER_BYTES;

		if (!wire_write(f->wire, request_filler, (size_t)n))
			return;
		f->filler_due -= n;
	}
	if (f->tail_due && wire_write(f->wire, tail, strlen(tail)))
		f->tail_due = false;
}

static void be_impatient(struct flight *f)
{
	struct load_retry rule;
	int64_t now_ns = ring_now(f->load->ring) - f->load->t0_ns;

	f->patience_ns = NS_NEVER;
	if (!retry_rule(f, &rule) || !rule.patience_ns || f->sample.attempts > rule.retries)
		return;
	f->patience_ns = now_ns + rule.patience_ns;
	act_at(f, f->patience_ns);
}

static void start(struct flight *f, struct wire *w)
{
	struct load *l = f->load;
	struct load_sample *s = &f->sample;
	char head[REQUEST_HEAD_MAX];
	size_t n = request_write(&l->maker, &s->request, head, &f->filler_due);
	bool written;

	client_begin(w, f->index);
	f->wire = w;
	f->state = FLIGHT_ACTIVE;
	f->tail_due = true;
	f->sent = f->over = false;
	f->resume_ns = NS_NEVER;
	f->retry_after_ns = -1;
	s->outcome = LOAD_STALLED;
	s->attempts++;
	s->status = 0;
	s->error = 0;
	s->t_hdr = s->t_first = s->t_last = -1;
	s->events = 0;
	gaps_reset(&f->gaps, s->request.output_tokens - 1);
	be_impatient(f);
	written = wire_write(w, head, n);
	CHECK(written); /* an idle wire has its output memory to itself */
	write_on(f);
}

/* Sends on an idle wire, or lines up for one. */
static void attempt(struct flight *f)
{
	struct load *l = f->load;
	struct wire *w = client_take(l->client);

	if (w) {
		start(f, w);
	} else if (fifo_push(&l->waiting, handle_of(f))) {
		f->state = FLIGHT_WAITING;
		l->n_waiting++;
	} else {
		UNREACHABLE("the queue of waiting requests has no limit");
	}
}

static struct flight *oldest_waiting(struct load *l)
{
	while (l->waiting.n) {
		struct flight *f = find(l, fifo_pop(&l->waiting), FLIGHT_WAITING);

		if (f)
			return f;
	}
	return NULL;
}

static void list_append(struct load *l, struct flight *f)
{
	struct flight_list *list = &l->live[f->sample.request.tenant];

	f->before = list->last;
	f->after = POOL_NONE;
	if (list->last == POOL_NONE)
		list->first = f->index;
	else
		flight_at(l, list->last)->after = f->index;
	list->last = f->index;
}

static struct load_sample blank_sample(const struct load_request *r)
{
	return (struct load_sample){
	        .request = *r,
	        .outcome = LOAD_NOT_SENT,
	        .t_sched = r->at_ns,
	        .t_send = -1,
	        .t_hdr = -1,
	        .t_first = -1,
	        .t_last = -1,
	        .t_done = -1,
	        .n_out = -1,
	        .n_prompt = -1,
	        .queue_ns = -1,
	        .prefill_ns = -1,
	        .decode_ns = -1,
	        .itl_max_ns = -1,
	        .itl_p99_ns = -1,
	};
}

/* No room for one more: its sample says not_sent, and the run is void. */
static void refuse_launch(struct load *l, const struct load_request *r)
{
	struct load_sample s = blank_sample(r);

	s.t_done = r->at_ns;
	l->result->dropped++;
	l->result->totals.finished++;
	l->result->totals.outcomes[LOAD_NOT_SENT]++;
	l->config.listener.sample(l->config.listener.ctx, &s);
}

void flight_launch(struct load *l, const struct load_request *r)
{
	uint32_t index = pool_take(&l->flights);
	struct flight *f;
	struct gaps gaps;

	l->result->totals.pulled++;
	if (index == POOL_NONE) {
		refuse_launch(l, r);
		return;
	}
	f = flight_at(l, index);
	gaps = f->gaps; /* its memory outlives the flights of this slot */
	*f = (struct flight){
	        .sample = blank_sample(r),
	        .load = l,
	        .index = index,
	        .body = POOL_NONE,
	        .retry_after_ns = -1,
	        .resume_ns = NS_NEVER,
	        .patience_ns = NS_NEVER,
	        .gaps = gaps,
	};
	gaps_reset(&f->gaps, 0);
	sse_init(&f->events, &l->carries, EVENT_BYTES_MAX);
	if (l->config.verify)
		f->prompt = request_digest(r);
	l->result->totals.in_flight++;
	list_append(l, f);
	if (r->habit.leave_ns)
		act_at(f, r->at_ns + r->habit.leave_ns);
	attempt(f);
}

void flight_relaunch(struct load *l, uint64_t handle)
{
	struct flight *f = find(l, handle, FLIGHT_RESTING);

	if (f)
		attempt(f);
}

static void on_ready(void *ctx)
{
	struct load *l = ctx;
	struct flight *f = l->n_waiting ? oldest_waiting(l) : NULL;

	if (f) {
		l->n_waiting--;
		start(f, client_take(l->client));
	}
}

/* A connection could not be made: the request that waited for it longest learns of it. */
static void on_refused(void *ctx, int error, int64_t t_ns)
{
	struct load *l = ctx;
	struct flight *f = oldest_waiting(l);

	if (f) {
		f->sample.error = error;
		attempt_over(f, LOAD_CONNECT, t_ns - l->t0_ns);
	}
}

static void note_sent(struct flight *f, int64_t t_ns)
{
	struct load_sample *s = &f->sample;

	f->sent = true;
	if (s->t_send >= 0)
		return;
	s->t_send = t_ns;
	f->load->result->totals.sent++;
	histogram_add(&f->load->result->send_lag, t_ns - s->t_sched);
}

static void on_sent(void *ctx, struct wire *w, int64_t t_ns)
{
	struct load *l = ctx;
	struct flight *f = flight_at(l, w->owner);

	if (!f->sent)
		note_sent(f, t_ns - l->t0_ns);
	if (f->tail_due)
		write_on(f);
}

/* --- receiving
 * ---------------------------------------------------------------------------------------- */

static void on_head(void *ctx, struct wire *w)
{
	struct load *l = ctx;
	struct flight *f = flight_at(l, w->owner);
	const struct http_response *m = &w->response;

	if (!f->sent)
		note_sent(f, wire_time(l, w));
	f->sample.status = m->status;
	f->sample.t_hdr = wire_time(l, w);
	f->retry_after_ns = -1;
	if (m->retry_after_s >= 0 && m->retry_after_s <= NS_MAX / NS_PER_S)
		f->retry_after_ns = m->retry_after_s * NS_PER_S;
}

static void note_usage(struct load_sample *s, const struct event *e)
{
	s->n_out = e->completion_tokens;
	s->n_prompt = e->prompt_tokens;
	s->queue_ns = e->queue_ns;
	s->prefill_ns = e->prompt_ns;
	s->decode_ns = e->completion_ns;
}

static void stream_over(struct flight *f, enum load_outcome verdict)
{
	f->over = true;
	f->verdict = verdict;
}

static void read_on(struct flight *f)
{
	if (f->resume_ns == NS_NEVER)
		return;
	f->resume_ns = NS_NEVER;
	wire_resume(f->wire);
}

/* A client that is to leave or to stop reading by now. */
static void follow_habit(struct flight *f, int64_t now_ns)
{
	const struct load_habit *h = &f->sample.request.habit;

	if (h->leave_tokens && f->sample.events == h->leave_tokens) {
		acted(f, f->sample.request.habit.fault, now_ns);
		stream_over(f, LOAD_CANCELLED);
	}
	if (h->pause_tokens && f->sample.events == h->pause_tokens) {
		acted(f, f->sample.request.habit.fault, now_ns);
		f->resume_ns = now_ns + h->pause_ns;
		wire_pause(f->wire);
		act_at(f, f->resume_ns);
	}
}

static void note_token(struct flight *f, const struct event *e)
{
	struct load_sample *s = &f->sample;
	int64_t t_ns = wire_time(f->load, f->wire);
	char expected[TOKEN_TEXT_MAX];

	if (f->load->config.verify && !f->corrupt) {
		size_t n = token_text(f->prompt, (uint64_t)s->events, expected);

		f->corrupt = !e->text || e->text_len != n || memcmp(e->text, expected, n) != 0;
	}
	if (s->events++ == 0)
		s->t_first = t_ns;
	else
		gaps_add(&f->gaps, t_ns - s->t_last);
	s->t_last = t_ns;
	follow_habit(f, t_ns);
}

/* Only notes what an event says. The request ends in on_body, when the parser has returned and its
 * buffers may be taken back. */
static void on_event(void *ctx, const struct sse_event *event)
{
	struct flight *f = ctx;
	struct event e;

	if (f->over)
		return;
	if (event->data_len == 6 && memcmp(event->data, "[DONE]", 6) == 0) {
		stream_over(f, f->sample.events ? LOAD_OK : LOAD_MALFORMED);
		return;
	}
	if (!event_scan(event->data, event->data_len, &e)) {
		stream_over(f, LOAD_MALFORMED);
		return;
	}
	if (e.token)
		note_token(f, &e);
	if (e.usage)
		note_usage(&f->sample, &e);
	if (e.failed)
		stream_over(f, LOAD_TRUNCATED);
}

/* After [DONE] only the framing of HTTP is left, and the connection can be used again; after
 * anything else nobody knows what follows. */
static void stream_end(struct flight *f, int64_t now_ns)
{
	if (f->verdict != LOAD_OK) {
		abandon(f, f->verdict, now_ns);
		return;
	}
	if (f->load->config.verify && f->sample.n_out != f->sample.events)
		f->corrupt = true;
	read_on(f);
	client_detach(f->wire);
	finish(f, LOAD_OK, now_ns);
}

/* Keeps the beginning of an error body: only a 400 has one that matters. */
static void keep_body(struct flight *f, const char *data, size_t n)
{
	size_t room = EVENT_BYTES_MAX - f->body_len;

	if (f->body == POOL_NONE)
		f->body = pool_take(&f->load->carries);
	if (f->body == POOL_NONE)
		return;
	if (n > room)
		n = room;
	memcpy((char *)pool_at(&f->load->carries, f->body) + f->body_len, data, n);
	f->body_len += (uint32_t)n;
}

static void on_body(void *ctx, struct wire *w, const char *data, size_t n)
{
	struct load *l = ctx;
	struct flight *f = flight_at(l, w->owner);

	if (w->response.status == 400)
		keep_body(f, data, n);
	if (w->response.status != 200 || !w->response.event_stream)
		return;
	if (sse_feed(&f->events, data, n, on_event, f) != SSE_OK && !f->over)
		stream_over(f, LOAD_MALFORMED);
	if (f->over)
		stream_end(f, wire_time(l, w));
}

static enum load_outcome outcome_of_answer(struct flight *f, const struct http_response *m)
{
	struct event e;

	if (m->status == 200 && m->event_stream)
		return LOAD_TRUNCATED;
	if (f->body != POOL_NONE &&
	        event_scan(pool_at(&f->load->carries, f->body), f->body_len, &e))
		f->context_length = e.context_length;
	return outcome_of_status(m->status, f->context_length);
}

static void on_end(void *ctx, struct wire *w, enum client_end how, int error)
{
	struct load *l = ctx;
	struct flight *f = flight_at(l, w->owner);
	const struct load_sample *s = &f->sample;
	enum load_outcome outcome = LOAD_MALFORMED;

	read_on(f);
	f->sample.error = error;
	if (how == CLIENT_DONE)
		outcome = outcome_of_answer(f, &w->response);
	else if (how != CLIENT_MALFORMED)
		outcome = outcome_of_cut(s->status, w->response.event_stream, error);
	attempt_over(f, outcome, wire_time(l, w));
}

const struct client_handler flight_client_handler = {
        .on_ready = on_ready,
        .on_refused = on_refused,
        .on_sent = on_sent,
        .on_head = on_head,
        .on_body = on_body,
        .on_end = on_end,
};

/* --- habits
 * ------------------------------------------------------------------------------------------- */

static void leave(struct flight *f, int64_t now_ns)
{
	if (f->state == FLIGHT_ACTIVE)
		client_abandon(f->wire);
	acted(f, f->sample.request.habit.fault, now_ns);
	finish(f, LOAD_CANCELLED, now_ns);
}

/* The rule may no longer be in force, or no time be left. */
static void lose_patience(struct flight *f, int64_t now_ns)
{
	struct load_retry rule;
	int64_t at_ns = retry_rule(f, &rule) ? next_attempt(f, now_ns) : NS_NEVER;

	if (at_ns == NS_NEVER)
		return;
	client_abandon(f->wire);
	if (!rest(f, LOAD_TIMEOUT, at_ns))
		finish(f, LOAD_TIMEOUT, now_ns);
}

void flight_act(struct load *l, uint64_t handle, int64_t now_ns)
{
	uint32_t index = (uint32_t)handle;
	struct flight *f;
	int64_t leave_ns;

	if (!pool_is_live(&l->flights, index, (uint32_t)(handle >> 32)))
		return;
	f = flight_at(l, index);
	leave_ns = f->sample.request.habit.leave_ns;
	if (leave_ns && now_ns >= f->sample.t_sched + leave_ns) {
		leave(f, now_ns);
	} else if (f->state == FLIGHT_ACTIVE && now_ns >= f->resume_ns) {
		read_on(f);
	} else if (f->state == FLIGHT_ACTIVE && now_ns >= f->patience_ns && f->sample.events == 0 &&
	           !f->corrupt) {
		lose_patience(f, now_ns);
	}
}

/* --- deadlines
 * ---------------------------------------------------------------------------------------- */

int64_t flight_deadline(const struct load *l, uint32_t *index)
{
	int64_t earliest = NS_NEVER;

	for (uint32_t i = 0; i < l->config.n_tenants; i++) {
		uint32_t first = l->live[i].first;
		int64_t at_ns;

		if (first == POOL_NONE)
			continue;
		at_ns = flight_at(l, first)->sample.t_sched + l->config.tenants[i].timeout_ns;
		if (at_ns < earliest) {
			earliest = at_ns;
			*index = first;
		}
	}
	return earliest;
}

/* A request still waiting while connections are being made has met a peer that does not accept. */
static enum load_outcome standing_outcome(const struct flight *f)
{
	if (f->state == FLIGHT_WAITING && client_counts(f->load->client).connecting > 0)
		return LOAD_CONNECT;
	return f->sample.outcome;
}

void flight_time_out(struct load *l, uint32_t index, int64_t now_ns)
{
	struct flight *f = flight_at(l, index);

	if (f->state == FLIGHT_ACTIVE) {
		client_abandon(f->wire);
		finish(f, LOAD_TIMEOUT, now_ns);
	} else {
		finish(f, standing_outcome(f), now_ns);
	}
}

void flight_finish_all(struct load *l, int64_t now_ns)
{
	for (uint32_t i = 0; i < l->config.n_tenants; i++) {
		while (l->live[i].first != POOL_NONE) {
			struct flight *f = flight_at(l, l->live[i].first);

			if (f->state == FLIGHT_ACTIVE)
				client_abandon(f->wire);
			finish(f, standing_outcome(f), now_ns);
		}
	}
}
