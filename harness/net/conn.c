/* Groups, and the life of a connection.
 *
 * Everything a callback could trip over is put off to the group's hook, which runs at the start of
 * the next turn: sends (so that all writes of a turn become one), the on_open of an adopted socket,
 * the input kept by a pause, and the end of a closed connection. Handlers thus run from completions
 * and from the hook only, never below a call of their own, and a connection cannot vanish under the
 * handler that closes it.
 *
 * Closing is shutdown → cancel → join → close. close(2) alone would neither end a pending receive
 * nor send FIN, and would free the descriptor's number while the kernel still works on the old
 * socket: bytes of one connection would arrive at another (S1). shutdown makes pending operations
 * complete, cancel is for those it does not reach, and the descriptor is closed and the slot
 * recycled only when in_flight is zero; cancel and target may complete in either order (S2).
 *
 * A parked connection counts as busy too: it keeps its place in the FIFO, and its slot, until its
 * turn comes there. So the FIFO never holds more than one entry a slot, whatever peers do. */
#include "harness/net/conn_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/net/clock.h"

#define JOIN_TIMEOUT_NS INT64_C(5000000000)

/* --- the hook
 * --------------------------------------------------------------------------------------- */

void conn_make_due(struct conn *c, uint8_t why)
{
	struct conn_group *g = c->group;
	bool listed = c->due != 0;

	c->due |= why;
	if (listed)
		return;
	c->next_due = POOL_NONE;
	if (g->due.tail == POOL_NONE)
		g->due.head = c->slot;
	else
		conn_at(g, g->due.tail)->next_due = c->slot;
	g->due.tail = c->slot;
}

void conn_make_flush(struct conn *c)
{
	struct conn_group *g = c->group;

	if (c->flushing)
		return;
	c->flushing = true;
	c->next_flush = POOL_NONE;
	if (g->flush.tail == POOL_NONE)
		g->flush.head = c->slot;
	else
		conn_at(g, g->flush.tail)->next_flush = c->slot;
	g->flush.tail = c->slot;
}

static void release(struct conn *c, int64_t t_ns)
{
	struct conn_group *g = c->group;

	CHECK(conn_is_joined(c) && !c->flushing);
	conn_queue_drop(g, &c->out);
	conn_queue_drop(g, &c->kept);
	close(c->fd);
	c->fd = -1;
	g->stats.closed++;
	g->handler->on_closed(c, t_ns);
	pool_give(&g->slots, c->slot);
}

static void do_due(struct conn *c, int64_t t_ns)
{
	struct conn_group *g = c->group;
	uint8_t due = c->due;

	c->due = 0;
	if ((due & DUE_OPEN) && c->state == CONN_OPEN) {
		conn_arm(c);
		g->handler->on_open(c, t_ns);
	}
	if ((due & DUE_RESUME) && c->state == CONN_OPEN)
		conn_offer_kept(c, t_ns);
	if (c->state != CONN_CLOSING || !conn_is_joined(c))
		return;
	if (c->flushing || c->due) /* still on a list: the next turn's */
		conn_make_due(c, DUE_CLOSE);
	else
		release(c, t_ns);
}

static void run_due(struct conn_group *g, int64_t now_ns)
{
	uint32_t slot = g->due.head;

	g->due = (struct conn_list){POOL_NONE, POOL_NONE};
	while (slot != POOL_NONE) {
		struct conn *c = conn_at(g, slot);

		slot = c->next_due;
		do_due(c, now_ns);
	}
}

static void run_flush(struct conn_group *g)
{
	uint32_t slot = g->flush.head;

	g->flush = (struct conn_list){POOL_NONE, POOL_NONE};
	while (slot != POOL_NONE) {
		struct conn *c = conn_at(g, slot);

		slot = c->next_flush;
		c->flushing = false;
		conn_send_head(c);
	}
}

static void run_parked(struct conn_group *g)
{
	uint32_t budget = bufring_free(g->buffers);
	uint64_t slot;

	while (budget > 0 && bufring_unpark(g->buffers, &slot)) {
		struct conn *c = conn_at(g, (uint32_t)slot);

		c->parked = false;
		if (c->state == CONN_CLOSING) {
			if (conn_is_joined(c))
				conn_make_due(c, DUE_CLOSE);
			continue;
		}
		g->stats.rearmed++;
		conn_arm(c);
		budget--;
	}
}

/* When callbacks ran here the turn does not wait: the caller may have other deadlines now. */
static int64_t hook(void *group, int64_t now_ns)
{
	struct conn_group *g = group;
	bool hurried = g->due.head != POOL_NONE;

	if (hurried)
		run_due(g, now_ns);
	if (bufring_parked(g->buffers))
		run_parked(g);
	run_flush(g);
	return hurried || bufring_parked(g->buffers) ? now_ns : CLOCK_NEVER;
}

/* --- groups
 * ----------------------------------------------------------------------------------------- */

/* Makes the pool allocate all it may ever need. */
static void grow_fully(struct pool *p)
{
	uint32_t *taken = mem_alloc(p->limit, sizeof(*taken));

	for (uint32_t i = 0; i < p->limit; i++)
		taken[i] = pool_take(p);
	for (uint32_t i = p->limit; i-- > 0;)
		pool_give(p, taken[i]);
	mem_free(taken);
}

enum status conn_group_open(struct conn_group **out, struct ring *r,
        const struct conn_config *config, const struct conn_handler *handler, void *ctx,
        struct error *err)
{
	struct conn_group *g = mem_alloc(1, sizeof(*g));
	struct bufring_config buffers = {
	        .entries = config->recv_buffers,
	        .buffer_bytes = config->recv_buffer_bytes,
	        .parked_max = config->limit,
	};
	enum status status;

	CHECK(config->limit > 0 && config->chunk_limit > 0 && config->queue_writes > 0);
	CHECK(config->chunk_bytes >= 64 && config->chunk_bytes % sizeof(uint32_t) == 0);
	status = bufring_open(&g->buffers, r, &buffers, err);
	if (status != ERR_NONE) {
		mem_free(g);
		return status;
	}
	g->ring = r;
	g->handler = handler;
	g->ctx = ctx;
	g->config = *config;
	g->due = g->flush = (struct conn_list){POOL_NONE, POOL_NONE};
	pool_init(&g->slots, sizeof(struct conn) + config->user_bytes, config->limit);
	pool_init(&g->chunks, sizeof(struct conn_chunk) + config->chunk_bytes + sizeof(uint32_t),
	        config->chunk_limit);
	grow_fully(&g->slots);
	grow_fully(&g->chunks);
	g->op_base = ring_add_ops(r, CONN_OPS, conn_on_event, g);
	ring_add_hook(r, hook, g);
	*out = g;
	return ERR_NONE;
}

static struct conn *live_at(const struct conn_group *g, uint32_t slot)
{
	return pool_generation(&g->slots, slot) & 1 ? conn_at(g, slot) : NULL;
}

static bool join_all(struct conn_group *g)
{
	int64_t deadline_ns = clock_now_ns() + JOIN_TIMEOUT_NS;
	struct error err = ERROR_INIT;

	for (uint32_t i = 0; i < g->slots.capacity; i++)
		if (live_at(g, i))
			conn_close(live_at(g, i));
	while (g->slots.live)
		if (clock_now_ns() >= deadline_ns ||
		        ring_turn(g->ring, deadline_ns, &err) != ERR_NONE)
			return false;
	return true;
}

void conn_group_close(struct conn_group *g)
{
	bool joined;

	if (!g)
		return;
	joined = join_all(g);
	ring_remove(g->ring, g);
	if (!joined)
		return; /* a broken ring may still write to this memory: it is left alone, on
		           purpose */
	bufring_close(g->buffers);
	pool_free(&g->slots);
	pool_free(&g->chunks);
	mem_free(g);
}

void *conn_group_ctx(const struct conn_group *g)
{
	return g->ctx;
}

struct ring *conn_group_ring(const struct conn_group *g)
{
	return g->ring;
}

uint32_t conn_group_live(const struct conn_group *g)
{
	return g->slots.live;
}

const struct conn_stats *conn_group_stats(const struct conn_group *g)
{
	return &g->stats;
}

/* --- birth and death
 * -------------------------------------------------------------------------------- */

static struct conn *birth(struct conn_group *g, int fd, enum conn_state state)
{
	uint32_t slot = pool_take(&g->slots);
	struct conn *c;

	CHECK(slot != POOL_NONE);
	c = conn_at(g, slot);
	memset(c, 0, sizeof(*c) + g->config.user_bytes);
	c->group = g;
	c->fd = fd;
	c->slot = slot;
	c->state = (uint8_t)state;
	c->out = c->kept = (struct conn_queue){POOL_NONE, POOL_NONE};
	return c;
}

struct conn *conn_connect(struct conn_group *g, const struct sock_address *peer, int *error)
{
	struct conn *c;
	int fd;

	if (g->slots.live == g->slots.limit) {
		*error = ENOBUFS;
		return NULL;
	}
	fd = sock_new(peer, &g->config.socket);
	if (fd < 0) {
		*error = -fd;
		return NULL;
	}
	c = birth(g, fd, CONN_CONNECTING);
	c->in_flight++;
	ring_prep_connect(g->ring, conn_tag(c, CONN_CONNECT), fd, (const struct sockaddr *)&peer->a,
	        peer->len);
	return c;
}

struct conn *conn_adopt(struct conn_group *g, int fd)
{
	struct conn *c;

	if (g->slots.live == g->slots.limit) {
		g->stats.refused++;
		return NULL;
	}
	c = birth(g, fd, CONN_OPEN);
	g->stats.opened++;
	conn_make_due(c, DUE_OPEN);
	return c;
}

static void cancel(struct conn *c, enum conn_op op)
{
	c->in_flight++;
	ring_prep_cancel(c->group->ring, conn_tag(c, CONN_CANCEL), conn_tag(c, op));
}

void conn_close(struct conn *c)
{
	bool connecting = c->state == CONN_CONNECTING;

	if (c->state == CONN_CLOSING)
		return;
	c->state = CONN_CLOSING;
	(void)shutdown(c->fd, SHUT_RDWR); /* ENOTCONN: nothing to shut down */
	if (connecting && c->in_flight)
		cancel(c, CONN_CONNECT);
	if (c->sending_bytes)
		cancel(c, CONN_SEND);
	conn_cancel_receive(c);
	if (conn_is_joined(c))
		conn_make_due(c, DUE_CLOSE);
}

/* Disconnecting a TCP socket resets it there and then; a FIN by shutdown would come before any
 * reset that SO_LINGER makes of the close. */
void conn_reset(struct conn *c)
{
	static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	if (c->state == CONN_OPEN)
		(void)connect(c->fd, &nobody, sizeof(nobody));
	conn_close(c);
}

void conn_fail(struct conn *c, int error, int64_t t_ns)
{
	if (c->state == CONN_CLOSING)
		return;
	c->group->stats.failed++;
	c->group->handler->on_error(c, error, t_ns);
	conn_close(c);
}

void conn_finish(struct conn *c)
{
	c->finishing = true;
	conn_finish_if_drained(c);
}

void conn_pause(struct conn *c)
{
	if (c->paused || c->state != CONN_OPEN)
		return;
	c->paused = true;
	conn_cancel_receive(c);
}

void conn_resume(struct conn *c)
{
	if (c->paused && c->state == CONN_OPEN)
		conn_make_due(c, DUE_RESUME);
}

/* --- looking
 * ---------------------------------------------------------------------------------------- */

bool conn_is_paused(const struct conn *c)
{
	return c->paused;
}

bool conn_is_open(const struct conn *c)
{
	return c->state == CONN_OPEN;
}

void *conn_user(struct conn *c)
{
	return c->user;
}

struct conn *conn_of_user(const struct conn_group *g, void *user)
{
	struct conn *c = (struct conn *)(void *)((char *)user - offsetof(struct conn, user));

	CHECK(c->group == g);
	return c;
}

struct conn_group *conn_group_of(const struct conn *c)
{
	return c->group;
}

uint32_t conn_slot(const struct conn *c)
{
	return c->slot;
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

uint64_t conn_handle(const struct conn *c)
{
	uint32_t generation = pool_generation(&c->group->slots, c->slot) & RING_GENERATION_MASK;

	return (uint64_t)generation << 32 | c->slot;
}

struct conn *conn_find(const struct conn_group *g, uint64_t handle)
{
	uint32_t slot = (uint32_t)handle, generation = (uint32_t)(handle >> 32);

	if (slot >= g->slots.capacity ||
	        (pool_generation(&g->slots, slot) & RING_GENERATION_MASK) != generation ||
	        !(generation & 1))
		return NULL;
	return conn_at(g, slot);
}
