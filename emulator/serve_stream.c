/* Completions: a request's way through the rack, and its answer.
 *
 * The rack calls back from inside its own functions and may not be called from there. What a token
 * or a completion makes necessary in the rack (a slow reader's slot must be freed) is therefore
 * noted in `doomed` and done by stream_reap when the rack has returned.
 *
 * The answer's head is sent with the first token: until then the rack may still refuse, and a
 * status cannot be taken back. A stream's events are single writes, so the number of queued writes
 * is the number of events the kernel has not taken: SO_SNDBUF fills, then our queue, and the event
 * after the 64th closes the stream.
 *
 * A plain answer needs no memory for its text: that is a function of (digest, index) and is written
 * piece by piece as the kernel takes it. */
#include <string.h>

#include "emulator/serve_state.h"
#include "harness/base/token.h"
#include "harness/base/units.h"

enum {
	HEAD_MAX = 1024,
	EXTRA_MAX = 512,
	TIMELY_NS = 1000000,
	PIECE_TOKENS = 200, /* of a plain answer's text, in one write … */
	PIECES_QUEUED = 8,  /* … of which so many wait at most */
};

static struct stream *stream_at(const struct serve *s, uint32_t index)
{
	return pool_at(&s->streams, index);
}

/* The client of a live stream; NULL when its connection is closing. */
static struct client *client_of(const struct serve *s, const struct stream *st)
{
	struct conn *conn = conn_find(s->group, st->conn);

	return conn && conn_is_open(conn) ? conn_user(conn) : NULL;
}

static void stream_free(struct serve *s, struct client *c)
{
	struct stream *st = stream_at(s, c->stream);

	s->tokens_declared -= st->answer.prompt_tokens + st->max_tokens;
	if (s->burst.stream == c->stream)
		s->burst.n = 0;
	pool_give(&s->streams, c->stream);
	c->stream = POOL_NONE;
}

/* --- submission
 * ---------------------------------------------------------------------------------- */

/* DESIGN §4: what a client that gives no max_tokens asks for: all that is left in the largest
 * bucket of the first pool that takes it. */
static int64_t default_max_tokens(const struct serve *s, const struct rack_request *r)
{
	const struct deployment *d = s->config.rack.deployment;
	const char *tier = s->config.rack.tiers[r->tier];
	const char *tenant = s->config.rack.tenants[r->tenant];
	int64_t left = 1;

	for (uint32_t p = 0; p < d->n_pools; p++) {
		const struct pool_spec *pool = &d->pools[p];
		bool tier_ok = pool->n_tiers == 0, tenant_ok = pool->n_tenants == 0;

		for (uint32_t i = 0; i < pool->n_tiers; i++)
			tier_ok |= strcmp(pool->tiers[i], tier) == 0;
		for (uint32_t i = 0; i < pool->n_tenants; i++)
			tenant_ok |= strcmp(pool->tenants[i], tenant) == 0;
		if (!tier_ok || !tenant_ok)
			continue;
		left = pool->buckets[pool->n_buckets - 1].max_seq - r->prompt_tokens;
		break;
	}
	return left > 1 ? left : 1;
}

/* The tier's index: of the header field, else of service_tier where a tier is called so, else 0. */
static uint32_t tier_of(const struct client *c, const struct serve_ask *ask)
{
	const struct rack_config *rack = &c->serve->config.rack;

	if (c->tier >= 0)
		return (uint32_t)c->tier;
	for (uint32_t i = 0; i < rack->n_tiers; i++)
		if (strcmp(rack->tiers[i], ask->service_tier) == 0)
			return i;
	return 0;
}

static const char *const service_tiers[] = {"on_demand", "auto", "flex", "performance", "default"};

/* The service_tier that the answer names; NULL = there is no such tier. */
static const char *service_tier(const struct client *c, const struct serve_ask *ask)
{
	const struct rack_config *rack = &c->serve->config.rack;

	if (!ask->service_tier[0])
		return service_tiers[0];
	for (size_t i = 0; i < ARRAY_LEN(service_tiers); i++)
		if (strcmp(service_tiers[i], ask->service_tier) == 0)
			return service_tiers[i];
	for (uint32_t i = 0; i < rack->n_tiers; i++)
		if (strcmp(rack->tiers[i], ask->service_tier) == 0)
			return rack->tiers[i];
	return NULL;
}

static bool check_names(struct client *c, const char *tier)
{
	if (c->tenant == NAME_UNKNOWN)
		http_error(c, 400, "invalid_request", "x-lpuchaos-tenant names no tenant");
	else if (c->tier == NAME_UNKNOWN)
		http_error(c, 400, "invalid_request", "x-lpuchaos-tier names no tier");
	else if (!tier)
		http_error(c, 400, "invalid_request", "service_tier names no tier");
	else
		return true;
	return false;
}

static void note_write(struct stream *st, int64_t due)
{
	CHECK(st->due_n < STREAM_WRITES_MAX);
	st->due[(st->due_head + st->due_n++) % STREAM_WRITES_MAX] = due;
}

/* A token whose predecessor was written in time a while ago, and has still not left, waits for its
 * peer, not for us: from there on until all has left nothing is said about our lateness. */
static void note_token(struct serve *s, struct stream *st, int64_t due)
{
	bool timely = ring_now(s->ring) - s->t0 - due < TIMELY_NS;

	if (st->due_n == 0) {
		st->blocked = false;
	} else if (timely && st->timely && !st->blocked) {
		int64_t newest = st->due[(st->due_head + st->due_n - 1) % STREAM_WRITES_MAX];

		st->blocked = newest >= 0 && due - newest > 2 * TIMELY_NS;
		for (uint32_t i = 0; st->blocked && i < st->due_n; i++)
			st->due[(st->due_head + i) % STREAM_WRITES_MAX] = -1;
	}
	st->timely = timely;
	note_write(st, st->blocked ? -1 : due);
}

static struct stream *stream_make(struct client *c, bool chat, const struct serve_ask *ask)
{
	struct serve *s = c->serve;
	uint32_t index = pool_take(&s->streams);
	struct stream *st;

	CHECK(index != POOL_NONE); /* there are as many as connections */
	st = stream_at(s, index);
	memset(st, 0, offsetof(struct stream, due));
	c->stream = index;
	st->conn = conn_handle(client_conn(c));
	for (uint32_t n = conn_queued_writes(client_conn(c)); n > 0; n--)
		note_write(st, -1); /* 100 Continue */
	st->streaming = ask->stream;
	st->flex = strcmp(ask->service_tier, "flex") == 0;
	st->t_submit = s->now;
	st->answer = (struct render_answer){
	        .id = ask->tag_id ? ask->tag_id : s->next_id++,
	        .created_s = s->unix_s + ring_now(s->ring) / NS_PER_S,
	        .digest = ask->prompt_digest,
	        .chat = chat,
	        .include_usage = ask->include_usage,
	        .has_seed = ask->has_seed,
	        .seed = ask->seed,
	        .tier = service_tier(c, ask),
	        .prompt_tokens = ask->prompt_tokens,
	};
	return st;
}

void stream_submit(struct client *c, bool chat, const struct serve_ask *ask)
{
	struct serve *s = c->serve;
	struct rack_request r;
	struct stream *st;
	uint64_t handle;

	if (!check_names(c, service_tier(c, ask)))
		return;
	serve_play(s, ring_now(s->ring));
	if (c->state != CLIENT_BUSY) /* what was played dropped it */
		return;
	st = stream_make(c, chat, ask);
	r = (struct rack_request){
	        .id = st->answer.id,
	        .user = c->stream,
	        .tenant = c->tenant < 0 ? 0 : (uint32_t)c->tenant,
	        .tier = tier_of(c, ask),
	        .prompt_tokens = ask->prompt_tokens,
	        .affinity = ask->tag_id ? 0 : conn_slot(client_conn(c)) + 1,
	};
	r.max_tokens = ask->max_tokens ? ask->max_tokens : default_max_tokens(s, &r);
	r.output_tokens =
	        ask->tag_id && ask->tag_output < r.max_tokens ? ask->tag_output : r.max_tokens;
	st->max_tokens = r.max_tokens;
	st->answer.output_tokens = r.output_tokens;
	st->answer.stopped = r.output_tokens < r.max_tokens;
	st->in_rack = true;
	s->tokens_declared += r.prompt_tokens + r.max_tokens;
	s->counts.requests++;
	handle = rack_submit(s->rack, s->now, &r);
	if (c->stream != POOL_NONE)
		st->handle = handle;
	rack_dispatch(s->rack, s->now);
	stream_reap(s);
}

/* --- writing
 * ------------------------------------------------------------------------------------- */

/* Drops the stream and its connection as soon as the rack has returned. */
static void doom(struct serve *s, struct stream *st, uint32_t index)
{
	bool ok;

	if (st->doomed)
		return;
	st->doomed = true;
	ok = fifo_push(&s->doomed, index);
	CHECK(ok);
}

static bool write_noted(struct conn *conn, struct stream *st, const char *data, size_t n)
{
	if (!conn_write(conn, data, n))
		return false;
	note_write(st, -1);
	return true;
}

static size_t write_head(struct client *c, int64_t content_length, char *buf)
{
	char extra[EXTRA_MAX];
	struct http_head h = {
	        .status = 200,
	        .content_type = content_length < 0 ? "text/event-stream" : "application/json",
	        .content_length = content_length,
	        .keep_alive = !c->last,
	        .extra = extra,
	};
	size_t n = http_rate_fields(c->serve, 0, extra, sizeof(extra));

	if (content_length < 0)
		memcpy(extra + n, "cache-control: no-cache\r\n", 26);
	n = http_write_head(buf, HEAD_MAX, &h);
	CHECK(n > 0);
	return n;
}

static bool write_first(struct client *c, struct conn *conn, struct stream *st)
{
	char buf[HEAD_MAX + RENDER_TEXT_MAX];
	size_t n = write_head(c, -1, buf);

	st->head_sent = true;
	n += render_first(&c->serve->render, &st->answer, buf + n);
	return write_noted(conn, st, buf, n);
}

/* A plain answer's text is written when all of it is there. */
static void note_wrong(struct stream *st, int64_t index)
{
	if (st->n_wrong < STREAM_WRONG_MAX)
		st->wrong[st->n_wrong++] = index;
}

static bool is_wrong(const struct stream *st, int64_t index)
{
	for (uint32_t i = 0; i < st->n_wrong; i++)
		if (st->wrong[i] == index)
			return true;
	return false;
}

/* The text of a plain answer, as far as there is room; behind it the tail. */
static bool pump_plain(struct client *c, struct conn *conn, struct stream *st)
{
	const struct render_answer *a = &st->answer;
	char buf[RENDER_TEXT_MAX], text[TOKEN_TEXT_MAX];

	while (st->text_next < a->output_tokens) {
		size_t n = 0;

		if (conn_queued_writes(conn) >= PIECES_QUEUED)
			return true;
		for (int i = 0; i < PIECE_TOKENS && st->text_next < a->output_tokens; i++) {
			uint64_t digest = is_wrong(st, st->text_next)
			                          ? token_wrong_digest(a->digest)
			                          : a->digest;

			token_text(digest, (uint64_t)st->text_next++, text);
			memcpy(buf + n, text, TOKEN_TEXT_BYTES);
			n += TOKEN_TEXT_BYTES;
		}
		if (!write_noted(conn, st, buf, n))
			return false;
	}
	st->done = true;
	if (!write_noted(conn, st, buf, render_plain_tail(&c->serve->render, a, buf)))
		return false;
	client_finish(c);
	return true;
}

static bool write_plain(struct client *c, struct conn *conn, struct stream *st)
{
	const struct render *r = &c->serve->render;
	char head[HEAD_MAX + RENDER_TEXT_MAX], body[RENDER_TEXT_MAX], tail[RENDER_TEXT_MAX];
	size_t before = render_plain_head(r, &st->answer, body);
	size_t after = render_plain_tail(r, &st->answer, tail);
	int64_t text = st->answer.output_tokens * TOKEN_TEXT_BYTES;
	size_t n = write_head(c, (int64_t)(before + after) + text, head);

	st->head_sent = true;
	memcpy(head + n, body, before);
	client_sending(c);
	return write_noted(conn, st, head, n + before) && pump_plain(c, conn, st);
}

static bool write_last(struct client *c, struct conn *conn, struct stream *st)
{
	char buf[RENDER_TEXT_MAX];

	st->done = true;
	if (!write_noted(conn, st, buf, render_last(&c->serve->render, &st->answer, buf)))
		return false;
	client_finish(c);
	return true;
}

/* --- what the rack says
 * -------------------------------------------------------------------------- */

/* Queues what shares a write. */
static void flush_burst(struct serve *s)
{
	struct burst *b = &s->burst;
	struct stream *st = stream_at(s, b->stream);
	struct client *c = client_of(s, st);
	size_t n = b->n;

	b->n = 0;
	if (st->doomed || !c)
		return;
	if (conn_queued_writes(client_conn(c)) < SERVE_QUEUED_EVENTS_MAX &&
	        conn_write(client_conn(c), b->bytes, n)) {
		note_token(s, st, b->due);
		return;
	}
	s->counts.slow_readers++;
	doom(s, st, b->stream);
}

/* A further token of the same instant. */
static void share_write(struct serve *s, const struct stream *st, const struct render_answer *a,
        uint32_t stream, int64_t due, int64_t index)
{
	struct burst *b = &s->burst;

	if (b->n && (b->stream != stream || b->due != due || b->n + RENDER_EVENT_MAX > BURST_BYTES))
		flush_burst(s);
	if (st->doomed)
		return;
	b->stream = stream;
	b->due = due;
	b->n += render_token(&s->render, a, index, b->bytes + b->n);
}

static bool write_token(struct serve *s, struct client *c, struct conn *conn, struct stream *st,
        int64_t due, int64_t index, bool wrong, bool shares)
{
	const struct render_answer *a = &st->answer;
	struct render_answer said;
	char *at;

	if (s->burst.n && (!shares || s->burst.stream != c->stream))
		flush_burst(s);

	if (!st->head_sent && !write_first(c, conn, st))
		return false;
	if (wrong) {
		said = *a;
		said.digest = token_wrong_digest(a->digest);
		a = &said;
	}
	if (shares) {
		share_write(s, st, a, c->stream, due, index);
		return true;
	}
	if (conn_queued_writes(conn) >= SERVE_QUEUED_EVENTS_MAX)
		return false;
	at = conn_reserve(conn, RENDER_EVENT_MAX);
	if (!at)
		return false;
	conn_commit(conn, render_token(&s->render, a, index, at));
	note_token(s, st, due);
	return true;
}

static void on_token(
        void *ctx, int64_t due, const struct rack_request *req, int64_t index, bool wrong)
{
	struct serve *s = ctx;
	struct stream *st = stream_at(s, req->user);
	struct client *c = client_of(s, st);
	bool shares = index > 0 && due == st->t_token;

	if (st->doomed || !c)
		return;
	if (index == 0)
		metrics_observe(&s->metrics.ttft, due - st->t_submit);
	else
		metrics_observe(&s->metrics.itl, due - st->t_token);
	st->t_token = due;
	s->counts.tokens++;
	if (wrong && !st->streaming)
		note_wrong(st, index);
	if (st->streaming && !write_token(s, c, client_conn(c), st, due, index, wrong, shares)) {
		s->counts.slow_readers++;
		doom(s, st, req->user);
	}
}

static void on_refused(void *ctx, int64_t due, const struct rack_request *req,
        enum rack_refusal why, int64_t retry_after_s)
{
	struct serve *s = ctx;
	struct stream *st = stream_at(s, req->user);
	struct client *c = client_of(s, st);
	bool flex;

	if (s->outer.refused)
		s->outer.refused(s->outer.ctx, due, req, why, retry_after_s);
	st->in_rack = false;
	s->counts.refused++;
	if (st->doomed || !c) /* its client is closing: stream_leave frees it */
		return;
	flex = st->flex;
	stream_free(s, c);
	if (why == REFUSED_CONNECT)
		client_reset(c);
	else
		http_refuse(c, flex, why, retry_after_s);
}

static void observe(struct serve *s, const struct rack_completion *done)
{
	struct metrics *m = &s->metrics;

	metrics_observe(&m->e2e, done->t_last - done->t_arrival);
	metrics_observe(&m->queue, done->t_entry - done->t_arrival);
	m->prompt_tokens += (uint64_t)done->req.prompt_tokens;
	m->output_tokens += (uint64_t)done->req.output_tokens;
}

/* on_loss: fail. A stream ends early and says so; nothing said yet is a plain 500. */
static void lost(struct serve *s, struct client *c, struct stream *st)
{
	static const char why[] = "the instance was lost";
	char buf[RENDER_TEXT_MAX];

	s->counts.failed++;
	if (!st->head_sent) {
		http_error(c, 500, "instance_lost", "%s", why);
		stream_free(s, c);
		return;
	}
	st->done = st->broken = true;
	if (write_noted(client_conn(c), st, buf, render_broken(&s->render, &st->answer, why, buf)))
		client_finish(c);
	else
		client_drop(c);
}

static void on_completed(void *ctx, int64_t now, const struct rack_completion *done)
{
	struct serve *s = ctx;
	struct stream *st = stream_at(s, done->req.user);
	struct client *c = client_of(s, st);
	bool ok;

	if (s->outer.completed)
		s->outer.completed(s->outer.ctx, now, done);
	if (s->burst.n)
		flush_burst(s);
	st->in_rack = false;
	if (st->doomed || !c)
		return;
	st->answer.output_tokens = done->delivered;
	if (done->failed) {
		lost(s, c, st);
		return;
	}
	observe(s, done);
	st->answer.queue_ns = done->t_entry - done->t_arrival;
	st->answer.prompt_ns = done->t_first_edge - done->t_entry;
	st->answer.completion_ns = done->t_last_edge - done->t_first_edge;
	ok = st->streaming ? write_last(c, client_conn(c), st) : write_plain(c, client_conn(c), st);
	if (!ok) {
		s->counts.slow_readers++;
		doom(s, st, done->req.user);
	}
}

/* The frontend is gone, and the connection with it. */
static void on_reset(void *ctx, int64_t now, const struct rack_completion *left, bool begun)
{
	struct serve *s = ctx;
	struct stream *st = stream_at(s, left->req.user);
	struct client *c = client_of(s, st);

	if (s->outer.reset)
		s->outer.reset(s->outer.ctx, now, left, begun);
	st->in_rack = false;
	s->counts.reset++;
	if (st->doomed || !c)
		return;
	st->done = st->broken = true;
	client_reset(c);
}

static void on_gaps(void *ctx, const struct rack_request *req, int64_t gap_ns, int64_t n)
{
	struct serve *s = ctx;

	if (s->outer.gaps)
		s->outer.gaps(s->outer.ctx, req, gap_ns, n);
}

static void on_phase(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	struct serve *s = ctx;

	if (s->outer.phase)
		s->outer.phase(s->outer.ctx, fault, phase, at_ns);
}

static void on_trace(
        void *ctx, int64_t at_ns, uint64_t id, enum rack_step_kind step, int64_t a, int64_t b)
{
	struct serve *s = ctx;

	if (s->outer.trace)
		s->outer.trace(s->outer.ctx, at_ns, id, step, a, b);
}

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct serve *s = ctx;

	if (s->outer.moved)
		s->outer.moved(s->outer.ctx, m);
}

struct rack_listener stream_listener(struct serve *s)
{
	return (struct rack_listener){
	        .ctx = s,
	        .refused = on_refused,
	        .token = on_token,
	        .completed = on_completed,
	        .reset = on_reset,
	        .gaps = on_gaps,
	        .phase = on_phase,
	        .trace = on_trace,
	        .moved = on_moved,
	};
}

/* --- the end
 * ------------------------------------------------------------------------------------- */

static void leave_rack(struct serve *s, struct stream *st)
{
	bool was_live;

	if (!st->in_rack)
		return;
	st->in_rack = false;
	was_live = rack_cancel(s->rack, s->now, st->handle, NULL);
	CHECK(was_live);
	rack_dispatch(s->rack, s->now);
}

bool stream_leave(struct serve *s, struct client *c, int64_t mono_ns)
{
	struct stream *st;
	bool said;

	serve_play(s, mono_ns);
	if (c->stream == POOL_NONE) /* what was played ended it */
		return true;
	st = stream_at(s, c->stream);
	said = st->head_sent;
	if (!st->done)
		s->counts.cancelled++;
	leave_rack(s, st);
	stream_free(s, c);
	return said;
}

void stream_reap(struct serve *s)
{
	if (s->burst.n)
		flush_burst(s);
	while (s->doomed.n > 0) {
		uint32_t index = (uint32_t)fifo_pop(&s->doomed);
		struct stream *st = stream_at(s, index);
		struct client *c = conn_user(conn_find(s->group, st->conn));

		leave_rack(s, st);
		s->counts.cancelled++;
		stream_free(s, c);
		client_reset(c);
	}
}

void stream_sent(struct serve *s, struct client *c, uint32_t writes, int64_t mono_ns)
{
	struct stream *st = stream_at(s, c->stream);
	struct conn *conn = client_conn(c);

	for (; writes > 0 && st->due_n > 0; writes--, st->due_n--) {
		int64_t due = st->due[st->due_head];

		st->due_head = (st->due_head + 1) % STREAM_WRITES_MAX;
		if (due >= 0)
			histogram_add(&s->emission_lag, mono_ns - s->t0 - due);
	}
	if (!st->streaming && st->head_sent && !st->done && !pump_plain(c, conn, st))
		client_drop(c);
	if (st->done && conn_queued_writes(conn) == 0 && c->state != CLIENT_GONE) {
		if (!st->broken)
			c->owed = st->answer.stopped ? METRICS_STOP : METRICS_LENGTH;
		stream_free(s, c);
	}
}
