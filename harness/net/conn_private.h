/* What conn.c, conn_io.c and conn_out.c share; nobody else includes it. */
#ifndef LPC_NET_CONN_PRIVATE_H
#define LPC_NET_CONN_PRIVATE_H

#include "harness/base/pool.h"
#include "harness/net/bufring.h"
#include "harness/net/conn.h"
#include "harness/net/ring.h"

enum conn_op { CONN_RECV, CONN_SEND, CONN_CONNECT, CONN_CANCEL, CONN_OPS };

enum conn_state { CONN_CONNECTING, CONN_OPEN, CONN_CLOSING };

/* Why a connection is on the group's due list: what its next hook has to do with it. */
enum { DUE_OPEN = 1, DUE_RESUME = 2, DUE_CLOSE = 4 };

/* Output memory, and input kept by a pause. Bytes grow upwards from data; the ends of the writes
 * that lie in the chunk grow downwards from its end, so that writes are counted exactly
 * (conn_out.c). */
struct conn_chunk {
	uint32_t next;          /* POOL_NONE = last */
	uint32_t len, done;     /* bytes in it, bytes taken from it */
	uint32_t marks, passed; /* ends of writes in it, and how many of them `done` has passed */
	uint32_t pad;
	char data[];
};

struct conn_queue {
	uint32_t head, tail; /* chunks; POOL_NONE = empty */
};

struct conn_list {
	uint32_t head, tail; /* slots; POOL_NONE = empty */
};

struct conn {
	struct conn_group *group;
	int fd;
	uint32_t slot;
	uint32_t queued_bytes, queued_writes;
	uint32_t sending_bytes; /* of the send in flight, 0 = none: out.head is the kernel's */
	struct conn_queue out, kept;
	uint32_t next_due, next_flush;
	uint8_t state;       /* enum conn_state */
	uint8_t due;         /* DUE_* */
	uint8_t in_flight;   /* entries whose last completion has not come */
	bool receiving : 1;  /* a receive is armed */
	bool cancelling : 1; /* a cancel of the receive is in flight */
	bool parked : 1;
	bool paused : 1;
	bool eof : 1;       /* FIN seen … */
	bool eof_told : 1;  /* … and told */
	bool finishing : 1; /* FIN wanted after the queue */
	bool finished : 1;  /* FIN sent */
	bool flushing : 1;  /* on the flush list */
	_Alignas(16) char user[];
};

struct conn_group {
	struct ring *ring;
	const struct conn_handler *handler;
	void *ctx;
	struct bufring *buffers;
	struct pool slots, chunks;
	struct conn_list due, flush;
	struct conn_config config;
	struct conn_stats stats;
	uint32_t op_base;
};

static inline struct conn *conn_at(const struct conn_group *g, uint32_t slot)
{
	return pool_at(&g->slots, slot);
}

static inline uint64_t conn_tag(const struct conn *c, enum conn_op op)
{
	return ring_tag(
	        c->group->op_base + op, pool_generation(&c->group->slots, c->slot), c->slot);
}

/* Nobody but us refers to it: no entry in flight, no place in the parked FIFO. */
static inline bool conn_is_joined(const struct conn *c)
{
	return c->in_flight == 0 && !c->parked;
}

/* conn.c */
void conn_make_due(struct conn *c, uint8_t why); /* the next hook sees to it */
void conn_make_flush(struct conn *c);            /* the next hook starts a send */
void conn_fail(struct conn *c, int error, int64_t t_ns);

/* conn_io.c: completions in, entries out */
void conn_on_event(void *group, const struct ring_event *e);
void conn_arm(struct conn *c); /* unless armed, parked, paused or past EOF */
void conn_cancel_receive(struct conn *c);
void conn_offer_kept(struct conn *c, int64_t t_ns);
void conn_send_head(struct conn *c); /* starts a send if there is one to start */
void conn_finish_if_drained(struct conn *c);

/* conn_out.c: queues of chunks */
bool conn_queue_append(struct conn_group *g, struct conn_queue *q, const char *data, size_t n);
void conn_queue_mark(struct conn_group *g, struct conn_queue *q);
struct conn_chunk *conn_queue_head(struct conn_group *g, const struct conn_queue *q);
uint32_t conn_queue_take(struct conn_group *g, struct conn_queue *q, uint32_t n); /* marks passed */
void conn_queue_drop(struct conn_group *g, struct conn_queue *q);

#endif
