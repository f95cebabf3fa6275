/* The loop and the life of a server.
 *
 * One turn: play the rack up to now, which renders every token that is due into its connection's
 * queue; then one system call that submits all sends and waits, until the next instant of the rack,
 * of the fault machines, of the grid or of a time-out; then the handlers of what arrived. A request
 * that arrives plays the rack up to its own instant first, so the order of events is the rack's,
 * not the kernel's.
 *
 *     serve_play ──► tokens queued ──► ring_turn: send, wait ──► requests ──► serve_play, submit
 *         ▲                                                                        │
 *         └────────────────────────────────────────────────────────────────────────┘
 *
 * Lateness comes from three places: the wake-up (tens of microseconds, the kernel's), what was due
 * at the same instant (which is why slots depart in phases), and handlers that take long (bodies
 * are limited). It is measured at the far side of the system call, so all three are in it. */
#include "emulator/serve.h"

#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/serve_state.h"
#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/net/clock.h"
#include "harness/net/sock.h"

enum {
	LOBBY = 64,     /* slots for connections that only get a 503 */
	SPARE_FDS = 64, /* beside connections: ring, listener, channel, standard streams */
	RECV_BUFFERS = 1024,
	RECV_BUFFER_BYTES = 8 << 10,
	CHUNK_BYTES = 2 << 10,
	QUEUE_BYTES = 256 << 10, /* of one connection: what the network held up comes at once */
	CHUNKS_EACH = 8,         /* on average */
	BACKLOG = 4096,
};

/* --- playing the model
 * --------------------------------------------------------------------------- */

static int64_t timed_next(const struct serve *s)
{
	const struct serve_timed *timed = &s->config.timed;

	return timed->next_at ? timed->next_at(timed->ctx) : NS_NEVER;
}

/* One instant at which something beside the rack is due. */
static void play_instant(struct serve *s, int64_t at)
{
	if (rack_next_at(s->rack) < at) {
		rack_step(s->rack, at - 1);
		rack_dispatch(s->rack, at - 1);
	}
	if (timed_next(s) <= at)
		s->config.timed.step(s->config.timed.ctx, at);
	rack_step(s->rack, at);
	rack_dispatch(s->rack, at);
	s->now = at;
	if (s->grid_next == at) {
		s->grid_next += s->config.grid.period_ns;
		s->config.grid.tick(s->config.grid.ctx, at);
	}
}

void serve_play(struct serve *s, int64_t mono_ns)
{
	int64_t now;

	if (s->stopped || s->t0 == CLOCK_NEVER || mono_ns < s->t0)
		return;
	now = mono_ns - s->t0;
	if (now < s->now)
		now = s->now;
	while (!s->stopped) {
		int64_t at = min_i64(timed_next(s), s->grid_next);

		if (at > now)
			break;
		play_instant(s, at > s->now ? at : s->now);
	}
	if (rack_next_at(s->rack) <= now) {
		rack_step(s->rack, now);
		rack_dispatch(s->rack, now);
	}
	s->now = now;
	stream_reap(s);
}

/* When the loop has to be awake again. */
static int64_t next_wake(const struct serve *s)
{
	int64_t model;

	if (s->t0 == CLOCK_NEVER)
		return client_next_expiry(s);
	model = min_i64(rack_next_at(s->rack), min_i64(timed_next(s), s->grid_next));
	return min_i64(model == NS_NEVER ? CLOCK_NEVER : s->t0 + model, client_next_expiry(s));
}

enum status serve_run(struct serve *s, struct error *err)
{
	while (!s->stopped) {
		int64_t now = clock_now_ns();
		enum status rc;

		serve_play(s, now);
		client_expire(s, now);
		if (s->stopped)
			break;
		rc = ring_turn(s->ring, next_wake(s), err);
		if (rc)
			return rc;
	}
	return ERR_NONE;
}

void serve_stop(struct serve *s)
{
	s->stopped = true;
}

/* --- making one
 * ---------------------------------------------------------------------------------- */

static void set_limits(struct serve *s)
{
	struct serve_limits *l = &s->config.limits;
	const struct serve_limits given = *l;

	*l = (struct serve_limits){
	        .connections = given.connections ? given.connections : 10240,
	        .body_bytes = given.body_bytes ? given.body_bytes : 1 << 20,
	        .bodies_bytes = given.bodies_bytes ? given.bodies_bytes : UINT64_C(256) << 20,
	        .head_timeout_ns = given.head_timeout_ns ? given.head_timeout_ns : 10 * NS_PER_S,
	        .body_timeout_ns = given.body_timeout_ns ? given.body_timeout_ns : 30 * NS_PER_S,
	        .send_timeout_ns = given.send_timeout_ns ? given.send_timeout_ns : 30 * NS_PER_S,
	        .idle_timeout_ns = given.idle_timeout_ns ? given.idle_timeout_ns : 75 * NS_PER_S,
	        .drain_timeout_ns = given.drain_timeout_ns ? given.drain_timeout_ns : 2 * NS_PER_S,
	};
	CHECK(l->body_bytes <= 16 << 20);
	s->http_limits = (struct http_limits){
	        .head_bytes = 16 << 10, .headers = 100, .body_bytes = l->body_bytes};
}

static void make_rack(struct serve *s)
{
	const struct deployment *d = s->config.rack.deployment;
	struct rack_config config = s->config.rack;

	s->outer = config.listener;
	config.emit_tokens = true;
	config.listener = stream_listener(s);
	s->rack = rack_create(&config);
	for (uint32_t p = 0; p < d->n_pools; p++) {
		const struct pool_spec *pool = &d->pools[p];

		for (uint32_t b = 0; b < pool->n_buckets; b++) {
			int64_t slots = (int64_t)pool->buckets[b].slots * pool->n_instances;

			s->slots += slots;
			s->slot_tokens += slots * pool->buckets[b].max_seq;
		}
	}
}

static enum status open_sockets(struct serve *s, struct error *err)
{
	static const struct sock_options options = {
	        .sndbuf_bytes = SERVE_SNDBUF_BYTES, .nodelay = true};
	struct sock_address at, bound;
	enum status rc = sock_parse(&at, s->config.listen, err);
	int fd;

	if (!rc)
		rc = sock_listen(&fd, &bound, &at, BACKLOG, &options, err);
	if (rc)
		return rc;
	s->port = sock_port(&bound);
	return listener_open(&s->listener, s->group, fd, err);
}

static enum status open_ring(struct serve *s, struct error *err)
{
	uint32_t limit = s->config.limits.connections + LOBBY;
	struct ring_config ring = {.in_flight_max = 3 * limit + RECV_BUFFERS};
	struct conn_config group = {
	        .limit = limit,
	        .user_bytes = sizeof(struct client),
	        .recv_buffers = RECV_BUFFERS,
	        .recv_buffer_bytes = RECV_BUFFER_BYTES,
	        .chunk_bytes = CHUNK_BYTES,
	        .chunk_limit = limit * CHUNKS_EACH,
	        .queue_bytes = QUEUE_BYTES,
	        .queue_writes = STREAM_WRITES_MAX,
	};
	enum status rc = ring_open(&s->ring, &ring, err);

	if (!rc)
		rc = conn_group_open(&s->group, s->ring, &group, &client_handler, s, err);
	return rc;
}

static void watch_event(void *owner, const struct ring_event *e)
{
	struct serve *s = owner;
	const struct serve_watch *w = &s->config.watches[e->slot];

	if (e->res < 0)
		return;
	w->readable(w->ctx, (uint32_t)e->res);
	if (!(e->flags & IORING_CQE_F_MORE) && !s->stopped)
		ring_prep_poll(s->ring, ring_tag(s->watch_ops, 0, e->slot), w->fd, POLLIN);
}

static void open_watches(struct serve *s)
{
	s->watch_ops = ring_add_ops(s->ring, 1, watch_event, s);
	for (uint32_t i = 0; i < s->config.n_watches; i++)
		ring_prep_poll(
		        s->ring, ring_tag(s->watch_ops, 0, i), s->config.watches[i].fd, POLLIN);
}

static void init(struct serve *s, const struct serve_config *config)
{
	const char *model = config->rack.deployment->model;

	CHECK(config->n_watches <= SERVE_WATCHES_MAX);
	CHECK(config->rack.n_tenants > 0 && config->rack.n_tiers > 0);
	s->config = *config;
	s->t0 = CLOCK_NEVER;
	s->grid_next = config->grid.period_ns ? 0 : NS_NEVER;
	s->next_id = (UINT64_C(1) << SERVE_TAG_ID_BITS) + 1;
	s->started_unix_s = clock_unix_s();
	s->unix_s = s->started_unix_s - clock_now_ns() / NS_PER_S;
	set_limits(s);
	render_init(&s->render, model);
	metrics_init(&s->metrics);
	histogram_init(&s->emission_lag);
	pool_init(&s->streams, sizeof(struct stream), s->config.limits.connections + LOBBY);
	fifo_init(&s->doomed, 0);
	make_rack(s);
}

enum status serve_create(struct serve **out, const struct serve_config *config, struct error *err)
{
	struct serve *s = mem_alloc(1, sizeof(*s));
	enum status rc;

	init(s, config);
	if (config->ignore_sigint)
		signal(SIGINT, SIG_IGN);
	rc = sock_raise_fd_limit(s->config.limits.connections + LOBBY + SPARE_FDS, err);
	if (!rc)
		rc = open_ring(s, err);
	if (!rc)
		rc = open_sockets(s, err);
	if (rc) {
		serve_free(s);
		return rc;
	}
	open_watches(s);
	*out = s;
	return ERR_NONE;
}

void serve_free(struct serve *s)
{
	if (!s)
		return;
	s->stopped = true;
	if (s->listener)
		listener_close(s->listener);
	conn_group_close(s->group);
	ring_close(s->ring);
	rack_free(s->rack);
	histogram_free(&s->emission_lag);
	pool_free(&s->streams);
	fifo_free(&s->doomed);
	mem_free(s);
}

/* --- looking at it
 * ------------------------------------------------------------------------------- */

uint16_t serve_port(const struct serve *s)
{
	return s->port;
}

struct rack *serve_rack(struct serve *s)
{
	return s->rack;
}

void serve_set_t0(struct serve *s, int64_t t0_ns)
{
	CHECK(s->t0 == CLOCK_NEVER);
	s->t0 = t0_ns;
}

int64_t serve_now(const struct serve *s)
{
	return s->now;
}

const struct histogram *serve_emission_lag(const struct serve *s)
{
	return &s->emission_lag;
}

struct serve_counts serve_counts(struct serve *s)
{
	struct serve_counts c = s->counts;

	c.open_connections = conn_group_live(s->group);
	c.open_streams = s->streams.live;
	return c;
}
