/* HTTP/1.1 messages: incremental parsing on llhttp (Node's parser), and the writing of heads and
 * chunks.
 *
 * Both parsers keep no message: the few header fields that matter are read into the small struct,
 * body bytes are handed on as they come. They stop at the end of a message, so what follows in the
 * same buffer (a pipelined message) is left to the caller. A parser is a plain value: no
 * allocation, nothing to free; it may not be moved or copied while a message is under way. */
#ifndef LPC_NET_HTTP_H
#define LPC_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "llhttp.h"

enum http_step {
	HTTP_STEP_MORE,   /* all bytes used, the message is not complete */
	HTTP_STEP_DONE,   /* the message is complete; *used says where it ended */
	HTTP_STEP_FAILED, /* see status/reason; the connection is of no more use to the parser */
};

enum {
	HTTP_PATH_MAX = 256, /* longer paths are 414 */
	HTTP_NAME_MAX = 24,  /* header names that are looked at */
	HTTP_VALUE_MAX = 96, /* header values that are looked at; longer ones are cut */
};

/* What both directions share; private to the http_*.c files but for its size. */
struct http_reader {
	llhttp_t parser;
	uint32_t head_bytes, headers; /* so far, trailers and chunk extensions included */
	uint8_t name_len, value_len;
	bool began, head_done;
	char name[HTTP_NAME_MAX];
	char value[HTTP_VALUE_MAX];
};

/* --- requests (server)
 * ------------------------------------------------------------------------------ */

struct http_limits {
	uint32_t head_bytes; /* request line, header fields, trailers: else 431 (path: 414) */
	uint32_t headers;    /* how many: else 431 */
	uint64_t body_bytes; /* declared or counted: else 413 */
};

struct http_request;

struct http_request_handler {
	/* May be NULL. Each header field, NUL-terminated, good until it returns: the name as it was
	 * sent (compare without case), cut to HTTP_NAME_MAX, the value to HTTP_VALUE_MAX. Before
	 * on_head. */
	void (*on_field)(struct http_request *m, const char *name, const char *value);
	/* The head is complete: method, path, content_length, expect_continue, keep_alive are set.
	 * Comes before any body byte, and not for a message whose declared length is over the
	 * limit. */
	void (*on_head)(struct http_request *m);
	/* The next n > 0 bytes of the body, never more than body_bytes in all. Good until it
	 * returns. */
	void (*on_body)(struct http_request *m, const char *data, size_t n);
};

struct http_request {
	struct http_reader reader;
	const struct http_limits *limits;
	const struct http_request_handler *handler;
	void *ctx; /* the caller's */

	enum llhttp_method method; /* HTTP_GET, HTTP_POST, … of llhttp.h; valid from on_head on */
	uint16_t path_len;
	char path[HTTP_PATH_MAX]; /* NUL-terminated, without the query */
	bool query;               /* the path is over (private) */
	bool expect_continue;     /* 100-continue is awaited: http_write_continue() */
	bool keep_alive;          /* what the peer wants and the version allows */
	int64_t content_length;   /* declared; -1 = none or chunked */
	uint64_t body_bytes;      /* delivered so far */
	unsigned status;          /* HTTP_STEP_FAILED: 400, 413, 414, 431 or 505 */
	const char *reason;       /* … and a sentence for the error body; static */
};

void http_request_init(struct http_request *m, const struct http_limits *limits,
        const struct http_request_handler *handler, void *ctx);

/* Begins the next message on the same connection, after HTTP_STEP_DONE. */
void http_request_next(struct http_request *m);

/* Feeds n bytes. *used = how many belong to this message (all of them unless DONE). */
enum http_step http_request_feed(struct http_request *m, const char *data, size_t n, size_t *used);

/* A message has begun and is not complete (for 408 and for telling an idle connection from a slow
 * one). */
bool http_request_began(const struct http_request *m);

/* --- responses (client)
 * ----------------------------------------------------------------------------- */

struct http_response;

struct http_response_handler {
	void (*on_head)(struct http_response *m); /* status and fields are set; not for 1xx */
	void (*on_body)(struct http_response *m, const char *data, size_t n);
};

struct http_response {
	struct http_reader reader;
	const struct http_response_handler *handler;
	void *ctx;

	unsigned status;   /* valid from on_head on */
	bool event_stream; /* content-type is text/event-stream */
	bool keep_alive;   /* valid at HTTP_STEP_DONE: the connection can carry another request */
	int64_t retry_after_s;  /* -1 = absent or not an integer */
	int64_t content_length; /* -1 = none or chunked */
	uint64_t body_bytes;
	const char *reason; /* HTTP_STEP_FAILED: what was wrong; static */
};

void http_response_init(
        struct http_response *m, const struct http_response_handler *handler, void *ctx);
void http_response_next(struct http_response *m);

/* As http_request_feed; 1xx responses are passed over. Head limit: 64 KiB and 256 fields. */
enum http_step http_response_feed(
        struct http_response *m, const char *data, size_t n, size_t *used);

/* The peer closed: DONE when that ends the message (no length, not chunked), else FAILED
 * (truncated). */
enum http_step http_response_eof(struct http_response *m);

/* --- writing
 * ---------------------------------------------------------------------------------------- */

/* All return the length written, 0 when it does not fit into n. */

struct http_head {
	unsigned status;
	const char *content_type; /* NULL = none */
	int64_t content_length;   /* -1 = chunked */
	bool keep_alive;
	const char *extra; /* more fields, each "name: value\r\n", or NULL */
};

size_t http_write_head(char *buf, size_t n, const struct http_head *head);
size_t http_write_continue(char *buf, size_t n); /* "HTTP/1.1 100 Continue\r\n\r\n" */

/* "POST <path> HTTP/1.1", host, content-type and content-length (content_type NULL = no body),
 * extra. */
size_t http_write_request(char *buf, size_t n, const char *method, const char *path,
        const char *host, const char *content_type, int64_t content_length, const char *extra);

/* Chunked coding in place: put the payload (1 … 65535 bytes) at buf + HTTP_CHUNK_PREFIX, then frame
 * it; the chunk is len + HTTP_CHUNK_PREFIX + HTTP_CHUNK_SUFFIX bytes from buf. */
enum { HTTP_CHUNK_PREFIX = 6, HTTP_CHUNK_SUFFIX = 2, HTTP_CHUNK_MAX = 65535 };
size_t http_chunk_frame(char *buf, size_t len); /* returns the whole length */
#define HTTP_CHUNK_END "0\r\n\r\n"              /* after the last chunk */

const char *http_reason(unsigned status); /* "Too Many Requests"; "" for an unknown one */

#endif
