/* The server's inside, shared by serve.c (loop), serve_client.c (connections), serve_http.c
 * (routes), serve_stream.c (answers) and serve_metrics.c, and by nobody else. Each part owns the
 * functions named after its file.
 *
 * A *client* is a connection; a *stream* is one completion request between its submission to the
 * rack and the last byte of its answer. A client has at most one stream: pipelined requests wait in
 * the connection. The kernel-side names are of harness/net/conn.h. */
#ifndef LPC_EMULATOR_SERVE_STATE_H
#define LPC_EMULATOR_SERVE_STATE_H

#include "emulator/serve.h"
#include "emulator/serve_json.h"
#include "emulator/serve_metrics.h"
#include "emulator/serve_render.h"
#include "harness/base/fifo.h"
#include "harness/base/pool.h"
#include "harness/net/clock.h"
#include "harness/net/conn.h"
#include "harness/net/http.h"
#include "harness/net/ring.h"

/* Where a connection stands. Those before CLIENT_TIMED have a time-out, and a list of their own in
 * which deadlines ascend, as all its members wait equally long. */
enum client_state {
	CLIENT_IDLE,                /* no byte of the next request yet */
	CLIENT_HEAD,                /* a request's head is coming in */
	CLIENT_BODY,                /* its body */
	CLIENT_SENDING,             /* the answer is complete, the kernel has not taken all of it */
	CLIENT_DRAIN,               /* the last answer is written; input is thrown away until FIN */
	CLIENT_TIMED,               /* that many states have time-outs */
	CLIENT_BUSY = CLIENT_TIMED, /* a request is with the rack */
	CLIENT_GONE,                /* closing */
};

struct client {
	struct serve *serve;
	struct http_request http;
	char *body; /* NULL, or body_room bytes */
	size_t body_len, body_room;
	struct client *prev, *next; /* in the list of its state */
	int64_t deadline;           /* CLOCK_MONOTONIC */
	uint64_t drained;           /* bytes thrown away */
	uint32_t stream;            /* index, POOL_NONE = none */
	int32_t tenant, tier;       /* named by header fields; -1 = none, NAME_UNKNOWN */
	uint8_t state;
	bool no_memory; /* its body found no room: 503 */
	bool last;      /* close when the answer is out */
	bool eof;
	uint8_t owed; /* enum metrics_finish of an answer that may still be unread, or METRICS_NONE
	               */
};

enum { NAME_ABSENT = -1, NAME_UNKNOWN = -2 };

struct client_list {
	struct client *head, *tail;
};

enum { STREAM_WRITES_MAX = 2 * SERVE_QUEUED_EVENTS_MAX }; /* a power of two */

/* So many wrong tokens of a plain answer are said wrong; one would do to make it so. */
enum { STREAM_WRONG_MAX = 8 };

struct stream {
	uint64_t conn;   /* conn_handle */
	uint64_t handle; /* of rack_submit; valid while in_rack */
	struct render_answer answer;
	int64_t max_tokens;
	int64_t t_submit, t_token; /* run time; t_token = due of the newest token */
	int64_t text_next;         /* plain answers: tokens written so far */
	uint32_t n_wrong;          /* … and those that a fault has made wrong */
	int64_t wrong[STREAM_WRONG_MAX];
	bool in_rack; /* the rack has not called its last for it */
	bool streaming, flex;
	bool head_sent, done; /* done: all of the answer is queued */
	bool broken;          /* … which ends early */
	bool timely;          /* the newest token was written when it was due */
	bool blocked;         /* its peer does not read: how late events leave is not ours */
	bool doomed;          /* to be dropped when the rack has returned */
	/* Instants by the timetable of the queued writes, -1 for those that are no tokens. */
	uint32_t due_head, due_n;
	int64_t due[STREAM_WRITES_MAX];
};

/* Events of one stream that are due at one instant and share a write: what a late message held up
 * comes all at once, and is no reader's fault. */
enum { BURST_BYTES = 8 << 10 };

struct burst {
	uint32_t stream; /* index; n > 0 */
	size_t n;
	int64_t due;
	char bytes[BURST_BYTES];
};

struct serve {
	struct serve_config config; /* limits with defaults filled in */
	struct rack_listener outer; /* the caller's */
	struct ring *ring;
	struct conn_group *group;
	struct listener *listener;
	struct rack *rack;
	struct render render;
	struct http_limits http_limits;
	uint16_t port;
	uint32_t watch_ops;
	bool stopped;
	int64_t t0, now; /* CLOCK_MONOTONIC of run time 0; run time played so far */
	int64_t grid_next;
	int64_t unix_s; /* Unix time at CLOCK_MONOTONIC 0 */
	int64_t started_unix_s;
	struct pool streams;
	struct fifo doomed;
	struct burst burst;
	uint64_t next_id; /* for requests without a tag */
	struct client_list lists[CLIENT_TIMED];
	uint64_t bodies_bytes;
	int64_t slots; /* of all instances, and their tokens: the limits in x-ratelimit-* */
	int64_t slot_tokens, tokens_declared;
	struct histogram emission_lag;
	struct serve_counts counts;
	struct metrics metrics;
};

/* serve.c */
void serve_play(struct serve *s, int64_t mono_ns); /* everything due at or before */

/* serve_client.c */
extern const struct conn_handler client_handler;
struct conn *client_conn(struct client *c);
void client_sending(struct client *c); /* the rack is done with it; from now on it has a time-out */
void client_finish(struct client *c);  /* what answers the request is queued whole */
void client_drop(struct client *c);    /* closes it now */
/* The same by a reset: for peers that do not read or do not stop, whose blocked sends an orderly
 * close would leave waiting for a window, and our unsent bytes in the kernel. */
void client_reset(struct client *c);
void client_expire(struct serve *s, int64_t mono_ns);
int64_t client_next_expiry(const struct serve *s);
void client_settle(struct serve *s); /* owed completions count as read (serve_metrics.c) */

/* serve_http.c */
void http_route(struct client *c); /* a whole request is there */
void http_error(struct client *c, unsigned status, const char *code, const char *format, ...)
        LPC_PRINTF(4, 5);
size_t http_rate_fields(const struct serve *s, int64_t reset_s, char *buf, size_t room);
void http_refuse(struct client *c, bool flex, enum rack_refusal why, int64_t retry_after_s);

/* serve_stream.c */
void stream_submit(struct client *c, bool chat, const struct serve_ask *ask);
/* Its client has gone: frees slot and stream. True when some of the answer was already sent. */
bool stream_leave(struct serve *s, struct client *c, int64_t mono_ns);
void stream_sent(struct serve *s, struct client *c, uint32_t writes, int64_t mono_ns);
void stream_reap(struct serve *s); /* drops the doomed; outside the rack */
struct rack_listener stream_listener(struct serve *s);

#endif
