/* Output queues.
 *
 * Output memory belongs to the group and is lent in chunks; an idle connection has none. What is
 *written in one turn is appended to the last chunk, even while the kernel is sending an earlier
 *part of that same chunk: the kernel reads only the range it was given. So ten late tokens are one
 *send, and a chunk is the unit of sending: no vector of fragments, no copy into a contiguous
 *buffer.
 *
 * Limits count writes ("64 queued events"), but the kernel takes bytes. A chunk therefore remembers
 *where the writes in it end. Those marks live at its far end and grow towards the data, as slots do
 *in a database page:
 *
 *	data │ write 1 │ write 2 │ wri…        free        … mark 2 │ mark 1 │
 *	     0         end 1     end 2  len                            capacity
 *
 * A write longer than the room left goes on in the next chunk; its one mark is in the last. Room
 *for one more mark is always kept free, so marking can never fail. */
#include "harness/net/conn_private.h"

#include <string.h>

enum { MARK_BYTES = sizeof(uint32_t) };

static struct conn_chunk *chunk_at(const struct conn_group *g, uint32_t i)
{
	return pool_at(&g->chunks, i);
}

static uint32_t *mark_at(const struct conn_group *g, struct conn_chunk *k, uint32_t i)
{
	return (uint32_t *)(void *)(k->data + g->config.chunk_bytes) - i;
}

static uint32_t room(const struct conn_group *g, const struct conn_chunk *k)
{
	uint32_t used = k->len + k->marks * MARK_BYTES;

	return used < g->config.chunk_bytes ? g->config.chunk_bytes - used : 0;
}

static uint32_t tail_room(const struct conn_group *g, const struct conn_queue *q)
{
	return q->tail == POOL_NONE ? 0 : room(g, chunk_at(g, q->tail));
}

static bool has_chunks_for(const struct conn_group *g, size_t n)
{
	size_t need = (n + g->config.chunk_bytes - 1) / g->config.chunk_bytes;

	return need <= g->chunks.limit - g->chunks.live;
}

/* The caller has seen to it that there is one. */
static struct conn_chunk *add_chunk(struct conn_group *g, struct conn_queue *q)
{
	uint32_t i = pool_take(&g->chunks);
	struct conn_chunk *k;

	CHECK(i != POOL_NONE);
	k = chunk_at(g, i);
	k->next = POOL_NONE;
	k->len = k->done = k->marks = k->passed = 0;
	if (q->tail == POOL_NONE)
		q->head = i;
	else
		chunk_at(g, q->tail)->next = i;
	q->tail = i;
	return k;
}

bool conn_queue_append(struct conn_group *g, struct conn_queue *q, const char *data, size_t n)
{
	size_t left = tail_room(g, q);

	if (n > left && !has_chunks_for(g, n - left))
		return false;
	while (n > 0) {
		struct conn_chunk *k = tail_room(g, q) ? chunk_at(g, q->tail) : add_chunk(g, q);
		size_t part = room(g, k) < n ? room(g, k) : n;

		memcpy(k->data + k->len, data, part);
		k->len += (uint32_t)part;
		data += part;
		n -= part;
	}
	return true;
}

void conn_queue_mark(struct conn_group *g, struct conn_queue *q)
{
	struct conn_chunk *k = chunk_at(g, q->tail);

	*mark_at(g, k, k->marks++) = k->len;
}

struct conn_chunk *conn_queue_head(struct conn_group *g, const struct conn_queue *q)
{
	return q->head == POOL_NONE ? NULL : chunk_at(g, q->head);
}

uint32_t conn_queue_take(struct conn_group *g, struct conn_queue *q, uint32_t n)
{
	struct conn_chunk *k = chunk_at(g, q->head);
	uint32_t writes = 0, i = q->head;

	CHECK(n <= k->len - k->done);
	k->done += n;
	while (k->passed < k->marks && *mark_at(g, k, k->passed) <= k->done) {
		k->passed++;
		writes++;
	}
	if (k->done == k->len) {
		q->head = k->next;
		if (q->head == POOL_NONE)
			q->tail = POOL_NONE;
		pool_give(&g->chunks, i);
	}
	return writes;
}

void conn_queue_drop(struct conn_group *g, struct conn_queue *q)
{
	while (q->head != POOL_NONE) {
		uint32_t i = q->head;

		q->head = chunk_at(g, i)->next;
		pool_give(&g->chunks, i);
	}
	q->tail = POOL_NONE;
}

/* --- the user's side
 * -------------------------------------------------------------------------------- */

static bool may_queue(const struct conn *c, size_t n)
{
	const struct conn_config *config = &c->group->config;

	return c->state == CONN_OPEN && !c->finishing &&
	       n <= config->queue_bytes - c->queued_bytes &&
	       c->queued_writes < config->queue_writes;
}

static void queued(struct conn *c, size_t n)
{
	struct conn_group *g = c->group;

	conn_queue_mark(g, &c->out);
	c->queued_bytes += (uint32_t)n;
	c->queued_writes++;
	if (!c->sending_bytes)
		conn_make_flush(c);
}

bool conn_write(struct conn *c, const void *data, size_t n)
{
	CHECK(n > 0);
	if (!may_queue(c, n) || !conn_queue_append(c->group, &c->out, data, n)) {
		c->group->stats.queue_refused++;
		return false;
	}
	queued(c, n);
	return true;
}

char *conn_reserve(struct conn *c, size_t n)
{
	struct conn_group *g = c->group;
	struct conn_chunk *k;

	CHECK(n > 0 && n <= g->config.chunk_bytes);
	if (!may_queue(c, n) || (tail_room(g, &c->out) < n && !has_chunks_for(g, n))) {
		g->stats.queue_refused++;
		return NULL;
	}
	k = tail_room(g, &c->out) >= n ? chunk_at(g, c->out.tail) : add_chunk(g, &c->out);
	return k->data + k->len;
}

void conn_commit(struct conn *c, size_t n)
{
	struct conn_chunk *k = chunk_at(c->group, c->out.tail);

	CHECK(n > 0 && n <= room(c->group, k));
	k->len += (uint32_t)n;
	queued(c, n);
}

uint32_t conn_queued_bytes(const struct conn *c)
{
	return c->queued_bytes;
}

uint32_t conn_queued_writes(const struct conn *c)
{
	return c->queued_writes;
}
