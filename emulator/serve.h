/* The server process: an OpenAI-compatible front of the rack (FORMATS §3), on one ring.
 *
 * It drives the rack at real instants. Run time is CLOCK_MONOTONIC minus t0; the rack, the fault
 * machines and the grid live in run time. A request that arrives at the real instant a sees
 * everything due at or before a played first, in order: at each instant the fault machines, then
 * rack_step, then rack_dispatch, then the grid callback. Every token is handed to the kernel as
 * soon as its instant has come; how late that was is measured (serve_emission_lag).
 *
 * It knows neither scenarios nor fault kinds: the composition root gives it a rack_config, a
 * machine to step, a grid callback and file descriptors to watch.
 *
 * Thread: serve_create, serve_run and serve_free on one thread (its ring belongs to it). */
#ifndef LPC_EMULATOR_SERVE_H
#define LPC_EMULATOR_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/rack.h"
#include "harness/base/error.h"
#include "harness/base/histogram.h"

struct serve;

enum {
	SERVE_WATCHES_MAX = 4,
	SERVE_QUEUED_EVENTS_MAX = 64, /* per stream, not yet taken by the kernel */
	SERVE_SNDBUF_BYTES = 16 << 10,
};

/* 0 in any of them = the default. */
struct serve_limits {
	uint32_t connections;     /* default 10240; one more is answered 503 */
	uint32_t body_bytes;      /* of a request, default 1 MiB, at most 16 MiB; more is 413 */
	uint64_t bodies_bytes;    /* of all requests being read, default 256 MiB; more is 503 */
	int64_t head_timeout_ns;  /* from a request's first byte to the end of its head; 10 s */
	int64_t body_timeout_ns;  /* … to the end of its body; 30 s. Both: 408 */
	int64_t send_timeout_ns;  /* until the kernel has taken a complete answer; 30 s */
	int64_t idle_timeout_ns;  /* of a connection without a request; 75 s */
	int64_t drain_timeout_ns; /* reading on after a final error; 2 s */
};

/* The fault machines, as one. step(now) is called at each instant that next_at named, before the
 * rack's own step of that instant. next_at: run time, NS_NEVER = nothing planned. */
struct serve_timed {
	void *ctx;
	int64_t (*next_at)(void *ctx);
	void (*step)(void *ctx, int64_t now);
};

/* Called at every multiple of period_ns of run time from 0 on, with that multiple, after
 * everything due at or before it has been played. Late calls are made up for, each with its own
 * multiple. */
struct serve_grid {
	void *ctx;
	int64_t period_ns; /* 0 = no grid */
	void (*tick)(void *ctx, int64_t at);
};

/* `readable` is called with the poll's events (POLLIN, POLLHUP, …) while the descriptor has
 * something to say, end of file included; it must read until EAGAIN. The descriptor stays the
 * caller's and must be non-blocking. */
struct serve_watch {
	int fd;
	void *ctx;
	void (*readable)(void *ctx, uint32_t events);
};

struct serve_config {
	/* The rack's, but for emit_tokens and token, refused and completed of the listener: those
	 * are the server's. Another `completed` and `refused` of the caller are called first, with
	 * the caller's ctx. Everything pointed to must outlive the server. */
	struct rack_config rack;
	const char *listen; /* "127.0.0.1:8000"; port 0 = any free one */
	bool ignore_sigint; /* a terminal's Ctrl-C reaches the whole process group */
	struct serve_limits limits;
	struct serve_timed timed; /* next_at NULL = none */
	struct serve_grid grid;
	uint32_t n_watches;
	struct serve_watch watches[SERVE_WATCHES_MAX];
};

struct serve_counts {
	uint64_t connections;      /* accepted so far */
	uint64_t connections_shed; /* answered 503 or closed at once: too many */
	uint64_t requests;         /* completions asked for that reached the rack */
	uint64_t completions; /* answered whole; see lpuchaos_completions_total in docs/SERVER.md */
	uint64_t refused;     /* 400 context_length_exceeded, 429, 498 */
	uint64_t failed;      /* ended by a loss (on_loss: fail) */
	uint64_t reset;       /* ended with their frontend */
	uint64_t cancelled;   /* the client went away */
	uint64_t slow_readers; /* of those, dropped: more than SERVE_QUEUED_EVENTS_MAX queued */
	uint64_t bad_requests; /* 4xx other than the above */
	uint64_t timeouts;     /* 408, and idle connections closed */
	uint64_t tokens;       /* events rendered, or tokens of plain answers */
	uint32_t open_connections, open_streams; /* now */
};

/* Binds and listens; opens the ring; makes the rack. ERR_USAGE for a bad address, ERR_ENVIRONMENT
 * for a taken port, a refused ring or too few descriptors. */
enum status serve_create(
        struct serve **out, const struct serve_config *config, struct error *err) LPC_MUST_USE;
void serve_free(struct serve *s); /* closes what is open; NULL is allowed */

uint16_t serve_port(const struct serve *s);
struct rack *serve_rack(struct serve *s);

/* Run time 0 := t0_ns of CLOCK_MONOTONIC. Before it (and while none was set) connections may open,
 * and requests for completions are answered 503. Once. */
void serve_set_t0(struct serve *s, int64_t t0_ns);
int64_t serve_now(const struct serve *s); /* run time played so far */

/* Serves until serve_stop(), which callbacks and signal-free code of the same thread may call. */
enum status serve_run(struct serve *s, struct error *err) LPC_MUST_USE;
void serve_stop(struct serve *s);

/* Instant at which an event was in the kernel's hands − its instant by the timetable, ns, one value
 * a streamed token. */
const struct histogram *serve_emission_lag(const struct serve *s);
struct serve_counts serve_counts(struct serve *s);

#endif
