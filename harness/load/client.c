/* The state of a wire lives in its connection's slot (conn_user), so an idle connection costs that
 * slot and an armed receive in the kernel, nothing else. Every callback of the connection lands in
 * one of the handlers below, which first settle the wire's own state and then tell the owner: the
 * owner may begin the next exchange from within on_end or on_ready. */
#include "harness/load/client.h"

#include <errno.h>
#include <stdlib.h>
#include "harness/base/arena.h"
#include "harness/net/ring.h"

enum { RECV_BUFFERS = 1024, RECV_BUFFER_BYTES = 4096 };

struct client {
	struct conn_group *group;
	const struct client_handler *handler;
	void *ctx;
	struct sock_address peer;
	struct wire *top; /* of the idle stack */
	uint32_t limit;
	struct client_counts counts;
};

static struct conn *wire_conn(const struct wire *w)
{
	return conn_of_user(w->client->group, (void *)(uintptr_t)w);
}

static void idle_push(struct wire *w)
{
	struct client *c = w->client;

	w->state = WIRE_IDLE;
	w->above = NULL;
	w->below = c->top;
	if (c->top)
		c->top->above = w;
	c->top = w;
	c->counts.idle++;
}

static void idle_remove(struct wire *w)
{
	struct client *c = w->client;

	if (w->above)
		w->above->below = w->below;
	else
		c->top = w->below;
	if (w->below)
		w->below->above = w->above;
	c->counts.idle--;
}

/* Leaves whatever state it is in, for good; true when an owner has to be told. */
static bool wire_retire(struct wire *w)
{
	bool busy = w->state == WIRE_BUSY;

	if (w->state == WIRE_IDLE)
		idle_remove(w);
	if (w->state == WIRE_CONNECTING)
		w->client->counts.connecting--;
	w->state = WIRE_CLOSING;
	return busy;
}

static void wire_end(struct wire *w, enum client_end how, int error)
{
	struct client *c = w->client;

	if (wire_retire(w))
		c->handler->on_end(c->ctx, w, how, error);
	conn_close(wire_conn(w));
}

/* The answer is complete: back to the idle ones, if both sides can. */
static void wire_complete(struct wire *w)
{
	struct client *c = w->client;
	bool busy = w->state == WIRE_BUSY;

	if (!w->response.keep_alive || wire_has_queued(w)) {
		wire_end(w, CLIENT_DONE, 0);
		return;
	}
	idle_push(w);
	if (busy)
		c->handler->on_end(c->ctx, w, CLIENT_DONE, 0);
	if (w->state == WIRE_IDLE)
		c->handler->on_ready(c->ctx);
}

static void head_parsed(struct http_response *m)
{
	struct wire *w = m->ctx;

	if (w->state == WIRE_BUSY)
		w->client->handler->on_head(w->client->ctx, w);
}

static void body_parsed(struct http_response *m, const char *data, size_t n)
{
	struct wire *w = m->ctx;

	if (w->state == WIRE_BUSY)
		w->client->handler->on_body(w->client->ctx, w, data, n);
}

static const struct http_response_handler response_handler = {
        .on_head = head_parsed,
        .on_body = body_parsed,
};

static void opened(struct conn *conn, int64_t t_ns)
{
	struct wire *w = conn_user(conn);
	struct client *c = w->client;

	(void)t_ns;
	c->counts.connecting--;
	c->counts.connects++;
	http_response_init(&w->response, &response_handler, w);
	idle_push(w);
	c->handler->on_ready(c->ctx);
}

/* Bytes on a wire without an exchange (a 408 on its way out, a stray answer) end it: what follows
 * could not be told apart from the next answer. */
static size_t received(struct conn *conn, const char *data, size_t n, int64_t t_ns)
{
	struct wire *w = conn_user(conn);
	enum http_step step;
	size_t used = 0;

	if (w->state != WIRE_BUSY && w->state != WIRE_DETACHED) {
		wire_end(w, CLIENT_MALFORMED, 0);
		return n;
	}
	w->t_ns = t_ns;
	step = http_response_feed(&w->response, data, n, &used);
	if (w->state == WIRE_CLOSING || step == HTTP_STEP_MORE)
		return n;
	if (step == HTTP_STEP_DONE) {
		if (used < n)
			w->response.keep_alive = false;
		wire_complete(w);
	} else {
		wire_end(w, CLIENT_MALFORMED, 0);
	}
	return n;
}

static void sent(struct conn *conn, uint32_t writes, int64_t t_ns)
{
	struct wire *w = conn_user(conn);

	(void)writes;
	if (w->state == WIRE_BUSY)
		w->client->handler->on_sent(w->client->ctx, w, t_ns);
}

static void ended(struct conn *conn, int64_t t_ns)
{
	struct wire *w = conn_user(conn);
	bool answering = w->state == WIRE_BUSY || w->state == WIRE_DETACHED;

	w->t_ns = t_ns;
	if (answering && http_response_eof(&w->response) == HTTP_STEP_DONE) {
		w->response.keep_alive = false;
		wire_complete(w);
	} else {
		wire_end(w, CLIENT_EOF, 0);
	}
}

static void failed(struct conn *conn, int error, int64_t t_ns)
{
	struct wire *w = conn_user(conn);
	struct client *c = w->client;
	bool connecting = w->state == WIRE_CONNECTING;

	w->t_ns = t_ns;
	wire_end(w, CLIENT_BROKEN, error);
	if (connecting) {
		c->counts.failures++;
		c->handler->on_refused(c->ctx, error, t_ns);
	}
}

static void closed(struct conn *conn, int64_t t_ns)
{
	struct wire *w = conn_user(conn);
	struct client *c = w->client;

	w->t_ns = t_ns;
	if (wire_retire(w))
		c->handler->on_end(c->ctx, w, CLIENT_EOF, 0);
	c->counts.live--;
}

static const struct conn_handler conn_handler = {
        .on_open = opened,
        .on_data = received,
        .on_sent = sent,
        .on_eof = ended,
        .on_error = failed,
        .on_closed = closed,
};

uint32_t client_in_flight_max(uint32_t limit)
{
	return 3 * limit + RECV_BUFFERS;
}

enum status client_open(struct client **out, struct ring *r, const struct client_config *config,
        const struct client_handler *handler, void *ctx, struct error *err)
{
	struct conn_config group = {
	        .limit = config->limit,
	        .user_bytes = sizeof(struct wire),
	        .recv_buffers = RECV_BUFFERS,
	        .recv_buffer_bytes = RECV_BUFFER_BYTES,
	        .chunk_bytes = CLIENT_CHUNK_BYTES,
	        .chunk_limit = config->limit * CLIENT_QUEUE_CHUNKS,
	        .queue_bytes = CLIENT_CHUNK_BYTES * (CLIENT_QUEUE_CHUNKS - 1),
	        .queue_writes = CLIENT_QUEUE_CHUNKS * 2,
	        .socket = {.nodelay = true, .rcvbuf_bytes = config->rcvbuf_bytes},
	};
	struct client *c = mem_alloc(1, sizeof(*c));
	enum status rc;

	c->handler = handler;
	c->ctx = ctx;
	c->peer = config->peer;
	c->limit = config->limit;
	rc = conn_group_open(&c->group, r, &group, &conn_handler, c, err);
	if (rc) {
		mem_free(c);
		return rc;
	}
	*out = c;
	return ERR_NONE;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	conn_group_close(c->group);
	mem_free(c);
}

static bool connect_one(struct client *c)
{
	int error = 0;
	struct conn *conn = conn_connect(c->group, &c->peer, &error);
	struct wire *w;

	if (!conn) {
		c->counts.failures++;
		return false;
	}
	w = conn_user(conn);
	w->client = c;
	w->state = WIRE_CONNECTING;
	c->counts.connecting++;
	if (++c->counts.live > c->counts.peak)
		c->counts.peak = c->counts.live;
	return true;
}

void client_want(struct client *c, uint32_t n)
{
	if (n > CLIENT_CONNECTING_MAX)
		n = CLIENT_CONNECTING_MAX;
	while (c->counts.connecting < n && c->counts.live < c->limit && connect_one(c))
		;
}

struct wire *client_take(struct client *c)
{
	return c->top;
}

void client_begin(struct wire *w, uint32_t owner)
{
	CHECK(w->state == WIRE_IDLE);
	idle_remove(w);
	http_response_next(&w->response);
	w->state = WIRE_BUSY;
	w->owner = owner;
}

bool wire_write(struct wire *w, const void *data, size_t n)
{
	return conn_write(wire_conn(w), data, n);
}

bool wire_has_queued(const struct wire *w)
{
	return conn_queued_bytes(wire_conn(w)) > 0;
}

void wire_pause(struct wire *w)
{
	CHECK(w->state == WIRE_BUSY);
	conn_pause(wire_conn(w));
}

void wire_resume(struct wire *w)
{
	conn_resume(wire_conn(w));
}

void client_detach(struct wire *w)
{
	CHECK(w->state == WIRE_BUSY);
	w->state = WIRE_DETACHED;
}

void client_abandon(struct wire *w)
{
	CHECK(w->state == WIRE_BUSY || w->state == WIRE_DETACHED);
	wire_retire(w);
	conn_close(wire_conn(w));
}

struct client_counts client_counts(const struct client *c)
{
	struct client_counts counts = c->counts;

	counts.starved = conn_group_stats(c->group)->starved;
	return counts;
}
