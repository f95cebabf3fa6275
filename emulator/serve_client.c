/* Connections: from bytes to whole requests, with a limit on everything a stranger can make us wait
 * for or keep.
 *
 *     IDLE ─first byte─► HEAD ─head─► BODY ─whole─► BUSY ─answer─► SENDING ─all sent─► IDLE
 *                          │ 408         │ 408, 4xx                  │ last answer
 *                          └─────────────┴───────────► SENDING ──────┴──► DRAIN ──────► GONE
 *
 * One request at a time: while it is BUSY or SENDING, on_data takes nothing, which pauses the
 * connection, so that pipelined requests wait in the kernel and are served in order. SENDING lasts
 * until the kernel has the whole answer; a client that pipelines and does not read cannot make us
 * queue, and is dropped when it does not read at all.
 *
 * After a final error the socket is not closed at once: unread input would turn the close into a
 * reset, and the reset would take the answer away from the client. FIN goes out behind the answer
 * and input is thrown away until the client has closed too, 16 MiB have come or 2 s are over
 * (DRAIN).
 *
 * A FIN while a request is being answered is a client that has gone (curl interrupted, time-out of
 * the load generator): its slot in the rack is worth more than the chance that it half-closed on
 * purpose. It is told so (499), which a half-closed client can read. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "emulator/serve_state.h"
#include "harness/base/arena.h"
#include "harness/net/clock.h"

enum { DRAIN_BYTES_MAX = 16 << 20, BODY_FIRST_BYTES = 4 << 10 };

struct conn *client_conn(struct client *c)
{
	return conn_of_user(c->serve->group, c);
}

/* --- time-outs
 * ----------------------------------------------------------------------------------- */

static void unlist(struct client *c)
{
	struct client_list *list;

	if (c->state >= CLIENT_TIMED)
		return;
	list = &c->serve->lists[c->state];
	*(c->prev ? &c->prev->next : &list->head) = c->next;
	*(c->next ? &c->next->prev : &list->tail) = c->prev;
}

static int64_t timeout_of(const struct serve *s, enum client_state state)
{
	const struct serve_limits *l = &s->config.limits;

	switch (state) {
	case CLIENT_IDLE:
		return l->idle_timeout_ns;
	case CLIENT_HEAD:
		return l->head_timeout_ns;
	case CLIENT_BODY:
		return l->body_timeout_ns;
	case CLIENT_SENDING:
		return l->send_timeout_ns;
	default:
		return l->drain_timeout_ns;
	}
}

static void enter(struct client *c, enum client_state state)
{
	struct serve *s = c->serve;
	struct client_list *list;

	unlist(c);
	c->state = (uint8_t)state;
	if (state >= CLIENT_TIMED)
		return;
	list = &s->lists[state];
	c->deadline = ring_now(s->ring) + timeout_of(s, state);
	c->prev = list->tail;
	c->next = NULL;
	*(c->prev ? &c->prev->next : &list->head) = c;
	list->tail = c;
}

int64_t client_next_expiry(const struct serve *s)
{
	int64_t next = CLOCK_NEVER;

	for (int i = 0; i < CLIENT_TIMED; i++)
		if (s->lists[i].head && s->lists[i].head->deadline < next)
			next = s->lists[i].head->deadline;
	return next;
}

static void expire(struct client *c)
{
	switch (c->state) {
	case CLIENT_HEAD:
	case CLIENT_BODY:
		c->serve->counts.timeouts++;
		enter(c, CLIENT_BUSY);
		c->last = true;
		http_error(c, 408, "request_timeout", "the request did not arrive in time");
		break;
	case CLIENT_IDLE:
		c->serve->counts.timeouts++;
		client_drop(c);
		break;
	default:
		client_reset(c);
	}
}

void client_expire(struct serve *s, int64_t mono_ns)
{
	for (int i = 0; i < CLIENT_TIMED; i++)
		while (s->lists[i].head && s->lists[i].head->deadline <= mono_ns)
			expire(s->lists[i].head);
}

/* --- bodies
 * -------------------------------------------------------------------------------------- */

static void free_body(struct client *c)
{
	c->serve->bodies_bytes -= c->body_room;
	mem_free(c->body);
	c->body = NULL;
	c->body_len = c->body_room = 0;
}

static void reserve_body(struct client *c, size_t room)
{
	struct serve *s = c->serve;

	if (room <= c->body_room || c->no_memory)
		return;
	if (room - c->body_room > s->config.limits.bodies_bytes - s->bodies_bytes) {
		c->no_memory = true;
		return;
	}
	s->bodies_bytes += room - c->body_room;
	c->body = mem_grow(c->body, room, 1);
	c->body_room = room;
}

static void on_field(struct http_request *m, const char *name, const char *value)
{
	struct client *c = m->ctx;
	const struct rack_config *rack = &c->serve->config.rack;
	bool tenant = strcasecmp(name, "x-lpuchaos-tenant") == 0;
	const char *const *names = tenant ? rack->tenants : rack->tiers;
	uint32_t n = tenant ? rack->n_tenants : rack->n_tiers;
	int32_t *to = tenant ? &c->tenant : &c->tier;

	if (!tenant && strcasecmp(name, "x-lpuchaos-tier") != 0)
		return;
	*to = NAME_UNKNOWN;
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(names[i], value) == 0)
			*to = (int32_t)i;
}

static void on_head(struct http_request *m)
{
	struct client *c = m->ctx;

	if (m->content_length > 0)
		reserve_body(c, (size_t)m->content_length);
	if (m->expect_continue && !c->no_memory) {
		char line[64];
		size_t n = http_write_continue(line, sizeof(line));

		if (!conn_write(client_conn(c), line, n))
			client_drop(c);
	}
}

static void on_body(struct http_request *m, const char *data, size_t n)
{
	struct client *c = m->ctx;
	size_t room = c->body_room ? c->body_room : BODY_FIRST_BYTES;

	while (room < c->body_len + n)
		room *= 2;
	reserve_body(c, room);
	if (c->no_memory)
		return;
	memcpy(c->body + c->body_len, data, n);
	c->body_len += n;
}

static const struct http_request_handler http_handler = {
        .on_field = on_field,
        .on_head = on_head,
        .on_body = on_body,
};

/* --- requests
 * ------------------------------------------------------------------------------------ */

/* The client has read the answer that was counted on (serve_metrics.c). */
static void settle(struct client *c)
{
	if (c->owed == METRICS_NONE)
		return;
	c->serve->metrics.finished[c->owed]++;
	c->serve->counts.completions++;
	c->owed = METRICS_NONE;
}

void client_settle(struct serve *s)
{
	for (int i = 0; i < CLIENT_TIMED; i++)
		for (struct client *c = s->lists[i].head; c; c = c->next)
			settle(c);
}

static void progress(struct client *c)
{
	if (c->state == CLIENT_IDLE && http_request_began(&c->http)) {
		settle(c);
		enter(c, CLIENT_HEAD);
	}
	if (c->state == CLIENT_HEAD && c->http.reader.head_done)
		enter(c, CLIENT_BODY);
}

static void whole(struct client *c)
{
	settle(c);
	enter(c, CLIENT_BUSY);
	c->last = !c->http.keep_alive;
	if (c->no_memory)
		http_error(c, 503, "overloaded", "too many large requests are being read");
	else
		http_route(c);
	free_body(c);
}

static void refuse(struct client *c)
{
	unsigned status = c->http.status;

	settle(c);
	enter(c, CLIENT_BUSY);
	c->last = true;
	http_error(c, status,
	        status == 413   ? "request_too_large"
	        : status == 505 ? "http_version"
	                        : "bad_request",
	        "%s", c->http.reason);
	free_body(c);
}

static size_t drain(struct client *c, size_t n)
{
	c->drained += n;
	if (c->drained > DRAIN_BYTES_MAX)
		client_reset(c);
	return n;
}

static size_t on_data(struct conn *conn, const char *data, size_t n, int64_t t_ns)
{
	struct client *c = conn_user(conn);
	size_t used = 0;

	(void)t_ns;
	while (used < n) {
		size_t part = 0;

		if (c->last && c->state != CLIENT_GONE)
			return used + drain(c, n - used);
		if (c->state > CLIENT_BODY)
			break;
		switch (http_request_feed(&c->http, data + used, n - used, &part)) {
		case HTTP_STEP_MORE:
			progress(c);
			return n;
		case HTTP_STEP_DONE:
			used += part;
			whole(c);
			break;
		case HTTP_STEP_FAILED:
			used += part;
			refuse(c);
			break;
		}
	}
	return c->state == CLIENT_GONE ? n : used;
}

/* --- life
 * ---------------------------------------------------------------------------------------- */

static void on_open(struct conn *conn, int64_t t_ns)
{
	struct client *c = conn_user(conn);
	struct serve *s = conn_group_ctx(conn_group_of(conn));

	(void)t_ns;
	c->serve = s;
	c->stream = POOL_NONE;
	c->owed = METRICS_NONE;
	c->tenant = c->tier = NAME_ABSENT;
	c->state = CLIENT_BUSY;
	http_request_init(&c->http, &s->http_limits, &http_handler, c);
	s->counts.connections++;
	enter(c, CLIENT_IDLE);
	if (conn_group_live(s->group) > s->config.limits.connections) {
		s->counts.connections_shed++;
		enter(c, CLIENT_BUSY);
		c->last = true;
		http_error(c, 503, "too_many_connections", "no more connections are taken now");
	}
}

void client_sending(struct client *c)
{
	if (c->state == CLIENT_BUSY)
		enter(c, CLIENT_SENDING);
}

void client_finish(struct client *c)
{
	client_sending(c);
	if (c->last)
		conn_finish(client_conn(c));
}

void client_drop(struct client *c)
{
	if (c->state == CLIENT_GONE)
		return;
	enter(c, CLIENT_GONE);
	conn_close(client_conn(c));
}

void client_reset(struct client *c)
{
	if (c->state == CLIENT_GONE)
		return;
	enter(c, CLIENT_GONE);
	conn_reset(client_conn(c));
}

/* The answer is in the kernel's hands. */
static void answered(struct client *c)
{
	struct conn *conn = client_conn(c);

	if (c->last || c->eof) {
		if (c->eof)
			client_drop(c);
		else
			enter(c, CLIENT_DRAIN);
		return;
	}
	http_request_next(&c->http);
	c->tenant = c->tier = NAME_ABSENT;
	c->no_memory = false;
	enter(c, CLIENT_IDLE);
	if (conn_is_paused(conn))
		conn_resume(conn);
}

static void on_sent(struct conn *conn, uint32_t writes, int64_t t_ns)
{
	struct client *c = conn_user(conn);

	if (c->stream != POOL_NONE)
		stream_sent(c->serve, c, writes, t_ns);
	if (c->state == CLIENT_SENDING && c->stream == POOL_NONE && conn_queued_writes(conn) == 0)
		answered(c);
}

static void on_eof(struct conn *conn, int64_t t_ns)
{
	struct client *c = conn_user(conn);

	c->eof = c->last = true;
	settle(c);
	if (c->state == CLIENT_SENDING) /* what is complete may still be read */
		return;
	if (c->stream != POOL_NONE && !stream_leave(c->serve, c, t_ns))
		http_error(c, 499, "client_closed_request", "the client ended the connection");
	else
		client_drop(c);
}

static void on_error(struct conn *conn, int error, int64_t t_ns)
{
	struct client *c = conn_user(conn);

	(void)t_ns;
	if (error == ECONNRESET || error == EPIPE)
		c->owed = METRICS_NONE;
}

static void on_closed(struct conn *conn, int64_t t_ns)
{
	struct client *c = conn_user(conn);

	if (!c->serve) /* it never opened */
		return;
	enter(c, CLIENT_GONE);
	settle(c);
	free_body(c);
	if (c->stream != POOL_NONE)
		(void)stream_leave(c->serve, c, t_ns);
}

const struct conn_handler client_handler = {
        .on_open = on_open,
        .on_data = on_data,
        .on_sent = on_sent,
        .on_eof = on_eof,
        .on_error = on_error,
        .on_closed = on_closed,
};
