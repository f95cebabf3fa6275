/* A keep-alive pool of HTTP/1.1 client connections to one peer: the machinery below the load
 * generator, without schedule, streams or samples, so that a benchmark can drive the very same code
 * in a closed loop.
 *
 * A *wire* is one connection. It is idle, busy with one exchange (one request in flight, its owner
 * named by a number), or detached: the owner has heard all it wants and the rest of the answer is
 * read and dropped. Idle wires are taken last in, first out, so that a pool opened too large keeps
 * its caches warm and its rest cold.
 *
 *     connecting ─► idle ─► busy ─► idle …      client_take, client_begin; on_end, on_ready
 *                     │       ├─► detached ─► idle
 *                     └───────┴─► closed          EOF, reset, client_abandon, no keep-alive
 *
 * Nothing here retries or waits: a caller without a wire asks for one (client_want) and hears
 * on_ready. */
#ifndef LPC_LOAD_CLIENT_H
#define LPC_LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "harness/net/conn.h"
#include "harness/net/http.h"
#include "harness/net/sock.h"

struct client;
struct ring;

enum {
	CLIENT_CONNECTING_MAX = 64, /* under way at once (PITFALLS M3) */
	CLIENT_CHUNK_BYTES = 4096,
	CLIENT_QUEUE_CHUNKS = 4, /* most output memory of one connection */
};

enum client_end {
	CLIENT_DONE,      /* the answer is complete */
	CLIENT_EOF,       /* the peer closed before that */
	CLIENT_BROKEN,    /* reset, or another errno */
	CLIENT_MALFORMED, /* no HTTP */
};

enum wire_state { WIRE_CONNECTING, WIRE_IDLE, WIRE_BUSY, WIRE_DETACHED, WIRE_CLOSING };

struct wire {
	struct client *client;
	struct wire *below; /* in the stack of idle wires … */
	struct wire *above; /* … both ways, since any of them may close */
	enum wire_state state;
	uint32_t owner;
	int64_t t_ns; /* of the bytes being delivered (completion time, before parsing) */
	struct http_response response;
};

/* Callbacks come from ring_turn. on_end is the last one of an exchange, unless it was detached or
 * abandoned. */
struct client_handler {
	void (*on_ready)(void *ctx);                            /* a wire has become idle */
	void (*on_refused)(void *ctx, int error, int64_t t_ns); /* a connect failed */
	void (*on_sent)(
	        void *ctx, struct wire *w, int64_t t_ns); /* writes were taken by the kernel */
	void (*on_head)(void *ctx, struct wire *w);
	void (*on_body)(void *ctx, struct wire *w, const char *data, size_t n);
	void (*on_end)(void *ctx, struct wire *w, enum client_end how, int error);
};

struct client_config {
	struct sock_address peer;
	uint32_t limit;   /* wires */
	int rcvbuf_bytes; /* of each socket; 0 = the kernel's default */
};

struct client_counts {
	uint64_t connects, failures, starved;
	uint32_t live, connecting, idle, peak;
};

/* How many completions the client may have in flight, for ring_config.in_flight_max. */
uint32_t client_in_flight_max(uint32_t limit);

/* The handler and ctx are borrowed. */
enum status client_open(struct client **out, struct ring *r, const struct client_config *config,
        const struct client_handler *handler, void *ctx, struct error *err) LPC_MUST_USE;
void client_close(struct client *c); /* outside ring_turn; NULL is allowed */

/* Sees to it that at least n wires are connecting, as far as the limits allow. */
void client_want(struct client *c, uint32_t n);

/* The wire that became idle last, or NULL. It stays idle until client_begin. */
struct wire *client_take(struct client *c);

/* Makes it busy. Then write the request with wire_write. */
void client_begin(struct wire *w, uint32_t owner);

/* False when the wire's or the pool's output memory is full: try the rest after on_sent. */
bool wire_write(struct wire *w, const void *data, size_t n) LPC_MUST_USE;
bool wire_has_queued(const struct wire *w); /* some of what was written has not left yet */

/* A busy wire is not read from until it is resumed, at the latest when its exchange ends; what
 * comes meanwhile stays in the sockets. */
void wire_pause(struct wire *w);
void wire_resume(struct wire *w);

void client_detach(struct wire *w);  /* no more callbacks for this exchange */
void client_abandon(struct wire *w); /* … and close it */

struct client_counts client_counts(const struct client *c);

#endif
