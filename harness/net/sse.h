/* Server-sent events (WHATWG HTML, "Parsing an event stream"), incrementally, across any split of
 * bytes.
 *
 * An event is the block of lines up to an empty line; lines end with LF, CRLF or CR. An event whose
 * bytes lie inside one fed buffer is handed on without a copy; only an event that is cut by the end
 * of a buffer is assembled in a *carry* buffer, taken from a shared pool for as long as it is
 * needed. So an idle stream costs sizeof(struct sse_parser). */
#ifndef LPC_NET_SSE_H
#define LPC_NET_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"
#include "harness/base/pool.h"

/* The pointers are good until the callback returns; not NUL-terminated. */
struct sse_event {
	const char *data; /* the data lines joined with LF */
	size_t data_len;
	const char *type; /* of the `event` field; NULL = "message" */
	size_t type_len;
	const char *id; /* of this event's `id` field; NULL = none given */
	size_t id_len;
	int64_t retry_ms; /* -1 = none given */
};

enum sse_status {
	SSE_OK = 0,
	SSE_TOO_LONG,  /* an event of more than limit bytes */
	SSE_NO_MEMORY, /* the carry pool is empty */
};

struct sse_parser {
	struct pool *carry;   /* shared; objects of at least `limit` bytes */
	uint32_t limit;       /* most bytes of one event's block, line ends included */
	uint32_t carried;     /* bytes in the carry buffer */
	uint32_t held;        /* its index, POOL_NONE = none */
	uint64_t block_bytes; /* of the block under way, carried or not */
	bool line_is_empty;   /* the line under way has no byte yet */
	bool started;         /* the first block is over: no byte-order mark can come */
	bool skip_lf;         /* the last byte was CR: a following LF belongs to it */
	enum sse_status status;
};

/* `carry` must outlive the parser; its object size bounds `limit`. */
void sse_init(struct sse_parser *p, struct pool *carry, uint32_t limit);
void sse_reset(struct sse_parser *p); /* gives the carry buffer back; ready for another stream */

/* Feeds n bytes; calls on_event(ctx, event) for each complete event with data. Once it has failed
 * it returns the same status for ever (until sse_reset). An event cut off by the end of the stream
 * is dropped, as the standard says: just reset. */
enum sse_status sse_feed(struct sse_parser *p, const char *data, size_t n,
        void (*on_event)(void *ctx, const struct sse_event *e), void *ctx) LPC_MUST_USE;

#endif
