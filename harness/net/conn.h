/* Stream connections on a ring, for client and server alike.
 *
 * A *group* is a pool of connection slots with one receive-buffer ring, one pool of output chunks,
 * one handler and the limits of each connection. Everything is allocated when the group opens;
 * nothing in the loop. An idle connection costs its slot (about 128 bytes and the user's own) and
 * one armed receive in the kernel; it holds no receive buffer and no output memory.
 *
 * Life of a connection:
 *
 *     conn_connect() ─► CONNECTING ─┐                    peer's FIN: on_eof, still writable
 *     listener       ───────────────┴─► OPEN ──────────────────────────┐
 *                          on_open       │ conn_close(), or an error   │ conn_close()
 *                                        ▼                             ▼
 *                                     CLOSING: shutdown → cancel → join (nothing in flight) →
 * close(fd) │ on_closed, the slot is recycled with a new generation
 *
 * Rules for handlers
 *  - All callbacks come from ring_turn(), never from inside a conn_ function.
 *  - A `struct conn *` is good until its on_closed returns. To keep a reference for longer keep the
 * handle (conn_handle) and look it up (conn_find), which knows stale ones.
 *  - on_error is followed by the close by itself. After on_eof the handler decides; a connection
 * nobody closes stays open (half-closed) and may still be written to.
 *  - After conn_close() no callback but on_closed comes; what was queued is dropped.
 *  - t_ns is the time of the reaped batch (struct ring_event). */
#ifndef LPC_NET_CONN_H
#define LPC_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "harness/net/sock.h"

struct ring;
struct conn;
struct conn_group;
struct listener;

struct conn_handler {
	/* Accepted, or connected. */
	void (*on_open)(struct conn *c, int64_t t_ns);

	/* Bytes arrived. `data` is good until the callback returns. Returns how many it took; fewer
	 * than n *pauses* the connection: the rest is kept, in order, receiving stops, and it is
	 * offered again after conn_resume(). That is how a server leaves a pipelined request where
	 * it is. */
	size_t (*on_data)(struct conn *c, const char *data, size_t n, int64_t t_ns);

	/* `writes` more of the queued writes have been taken by the kernel whole. */
	void (*on_sent)(struct conn *c, uint32_t writes, int64_t t_ns);

	/* The peer sent FIN, and all data before it have been delivered. */
	void (*on_eof)(struct conn *c, int64_t t_ns);

	/* A failure: ECONNREFUSED while connecting, ECONNRESET, EPIPE, ENOBUFS when kept input
	 * found no memory, … `error` is positive. */
	void (*on_error)(struct conn *c, int error, int64_t t_ns);

	/* The file descriptor is closed and the slot is about to be recycled. Exactly once for
	 * every connection, also for one that never opened. May not call back into the connection.
	 */
	void (*on_closed)(struct conn *c, int64_t t_ns);
};

struct conn_config {
	uint32_t limit;        /* connections at once */
	uint32_t user_bytes;   /* of the user's state in each slot; zeroed at birth */
	uint32_t recv_buffers; /* power of two; shared by the group */
	uint32_t recv_buffer_bytes;
	uint32_t chunk_bytes;  /* output memory in chunks of so many (>= 64, 4 | n) … */
	uint32_t chunk_limit;  /* … at most so many in the whole group */
	uint32_t queue_bytes;  /* per connection: most bytes queued and not taken by the kernel */
	uint32_t queue_writes; /* per connection: most writes queued and not taken whole */
	struct sock_options socket;
};

struct conn_stats {
	uint64_t opened, closed, failed;
	uint64_t refused; /* accepted sockets closed at once: no slot free */
	uint64_t bytes_in, bytes_out;
	uint64_t sends, short_sends;
	uint64_t starved;       /* receives ended by ENOBUFS (the buffer ring was empty) */
	uint64_t rearmed;       /* receives armed again */
	uint64_t stale;         /* completions of an older generation */
	uint64_t queue_refused; /* writes refused by a limit */
};

/* The handler and ctx must outlive the group. The in-flight worst case of a group is
 * 3 * limit + recv_buffers: add it to ring_config.in_flight_max. */
enum status conn_group_open(struct conn_group **out, struct ring *r,
        const struct conn_config *config, const struct conn_handler *handler, void *ctx,
        struct error *err) LPC_MUST_USE;

/* Closes every connection, turns the ring until they are joined (at most 5 s; callbacks come), and
 * frees the group. To be called outside ring_turn(). NULL is allowed. */
void conn_group_close(struct conn_group *g);

void *conn_group_ctx(const struct conn_group *g);
struct ring *conn_group_ring(const struct conn_group *g);
uint32_t conn_group_live(const struct conn_group *g);
const struct conn_stats *conn_group_stats(const struct conn_group *g);

/* Starts connecting; on_open or on_error follows. NULL with *error set (positive errno: EMFILE,
 * ENOBUFS when no slot is free): no callback then. `peer` must stay valid until the next
 * ring_turn() returns. The caller paces (M3). */
struct conn *conn_connect(
        struct conn_group *g, const struct sock_address *peer, int *error) LPC_MUST_USE;

/* Takes over a connected stream socket (a socketpair in tests, an accepted one). on_open follows.
 * NULL when no slot is free; fd then stays the caller's. */
struct conn *conn_adopt(struct conn_group *g, int fd) LPC_MUST_USE;

/* --- writing
 * ---------------------------------------------------------------------------------------- */

/* Queues a copy of the n bytes as one write. False, with nothing queued, when a limit of the
 * connection or the group's chunks would be passed, or when it is not open. Everything queued in
 * one turn leaves in as few sends as chunks; one send is in flight at a time (S7); remainders are
 * sent by themselves (S6). */
bool conn_write(struct conn *c, const void *data, size_t n) LPC_MUST_USE;

/* The same without the copy: n contiguous bytes (n <= chunk_bytes) to fill in, or NULL; then
 * conn_commit() with how many of them make up the write. At least one byte must be
 * committed, and nothing may come between the two calls. */
char *conn_reserve(struct conn *c, size_t n) LPC_MUST_USE;
void conn_commit(struct conn *c, size_t n);

uint32_t conn_queued_bytes(const struct conn *c);
uint32_t conn_queued_writes(const struct conn *c);

/* No more writes: FIN goes out when the queue is empty. Receiving goes on; conn_close() ends it. */
void conn_finish(struct conn *c);

/* --- the rest
 * --------------------------------------------------------------------------------------- */

/* Receiving stops, as if on_data had taken too little: what was received already is kept.
 * Idempotent. */
void conn_pause(struct conn *c);

/* Ends a pause, however it began: what was kept is offered in the next turn, then receiving goes
 * on. */
void conn_resume(struct conn *c);
bool conn_is_paused(const struct conn *c);

/* Begins the close. Idempotent. */
void conn_close(struct conn *c);
/* The same, but the peer gets a reset at once instead of an end of file behind what is queued. */
void conn_reset(struct conn *c);
bool conn_is_open(const struct conn *c); /* open and not closing */

void *conn_user(struct conn *c);                                   /* user_bytes, 16-byte aligned */
struct conn *conn_of_user(const struct conn_group *g, void *user); /* asserts it is g's */
struct conn_group *conn_group_of(const struct conn *c);
uint32_t conn_slot(const struct conn *c); /* 0 … limit - 1, stable */
int conn_fd(const struct conn *c);        /* to look at (getpeername, SO_*), never to close */

/* A name that outlives the connection; conn_find returns NULL once it has been closed. */
uint64_t conn_handle(const struct conn *c);
struct conn *conn_find(const struct conn_group *g, uint64_t handle);

/* --- listening
 * -------------------------------------------------------------------------------------- */

struct listener_stats {
	uint64_t accepted, aborted; /* aborted: accept errors that concern one connection only */
	uint64_t fd_exhausted;      /* EMFILE/ENFILE: one waiting connection shed by the reserve
	                               descriptor */
	uint64_t rearmed;
	int error; /* why it gave up, or 0 */
};

/* Accepts into the group from a listening socket (which it takes over) until it is closed. On
 * EMFILE it uses a reserve descriptor to shed one waiting peer, and tries again after a back-off of
 * 10 ms to 1 s; re-arms only when the kernel ended the multishot (S9, S10); after 64 failures in a
 * row it gives up and says so in its stats. */
enum status listener_open(
        struct listener **out, struct conn_group *g, int fd, struct error *err) LPC_MUST_USE;
void listener_close(struct listener *l); /* outside ring_turn(), before its group; joins */
const struct listener_stats *listener_stats(const struct listener *l);

#endif
