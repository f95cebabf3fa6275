/* The open-loop load generator (DESIGN §2 "wall", FORMATS §1).
 *
 * Sends streaming completion requests to an OpenAI-compatible server over plain HTTP at the
 * instants of a schedule that is data: it is pulled, never derived from completions and never
 * re-anchored. A request that cannot leave at its instant leaves late, and its lateness is part of
 * every latency, since all latencies count from the planned instant.
 *
 * Life of a run, one thread:
 *
 *     load_open ─► load_watch … ─► load_connect ─► load_run(t0) ─► load_close
 *                                  paced, before t0   peek/next, tick, sample
 *
 * All times in this interface are ns of run time (CLOCK_MONOTONIC minus t0) unless they are called
 * t0. Callbacks come from within load_connect and load_run, never re-entrantly; of the functions
 * here they may call load_stop and load_live only.
 *
 * What the target does wrong is data in a sample. ERR_ENVIRONMENT means that this machine failed
 * us: no ring, no file descriptors. */
#ifndef LPC_LOAD_LOAD_H
#define LPC_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "harness/base/histogram.h"
#include "harness/net/sock.h"

struct load;

enum {
	LOAD_WATCH_MAX = 4,
	LOAD_TICK_NS = 10000000, /* the grid of run time on which signals are sampled */
};

/* FORMATS §1; same order as reports' enum outcome, which this folder may not include. */
enum load_outcome {
	LOAD_OK,
	LOAD_REJECTED, /* 429, 498, 503, 400 context_length_exceeded */
	LOAD_HTTP_4XX,
	LOAD_HTTP_5XX,
	LOAD_CONNECT, /* no connection, or it was reset before the first byte of an answer */
	LOAD_TIMEOUT,
	LOAD_TRUNCATED, /* the stream ended before [DONE], or said x_groq.error */
	LOAD_STALLED,   /* unfinished at the end of drain */
	LOAD_MALFORMED, /* no HTTP, no event stream, no JSON */
	LOAD_CORRUPT,   /* a wrong, missing, repeated or reordered token */
	LOAD_CANCELLED, /* by the client behaviour of the scenario */
	LOAD_NOT_SENT,  /* planned, never handed to the kernel */
	LOAD_OUTCOMES,
};

const char *load_outcome_name(enum load_outcome o);

/* What the client of a request does by itself; zeros = nothing. Tokens count within an attempt. */
struct load_habit {
	uint32_t fault;       /* the caller's, handed back by `acted` */
	int64_t leave_tokens; /* closes its connection when so many have come … */
	int64_t leave_ns;     /* … or so long after the planned instant: LOAD_CANCELLED */
	int64_t pause_tokens; /* stops reading when so many have come … */
	int64_t pause_ns;     /* … for so long */
};

struct load_request {
	uint64_t id;
	uint64_t order; /* the caller's, handed back */
	int64_t at_ns;
	uint32_t tenant;       /* index into load_config.tenants */
	int64_t prompt_tokens; /* >= 1; so many whitespace-separated words are sent */
	int64_t output_tokens; /* what the emulated model will say; travels in the first word */
	int64_t max_tokens;    /* 0 = leave it to the server */
	struct load_habit habit;
};

/* Everything about one finished request. Times are -1 where they were never reached. */
struct load_sample {
	struct load_request request;
	enum load_outcome outcome;
	int64_t t_sched;                /* = request.at_ns */
	int64_t t_send;                 /* first byte of the first attempt taken by the kernel */
	int64_t t_hdr, t_first, t_last; /* of the last attempt; see FORMATS §1 for what counts */
	int64_t t_done;                 /* when the outcome was known */
	int64_t n_out;    /* usage.completion_tokens; -1 = no usage came: not guessed */
	int64_t n_prompt; /* usage.prompt_tokens; -1 likewise */
	int64_t events;   /* token events received */
	int64_t queue_ns, prefill_ns,
	        decode_ns;      /* usage.queue_time, prompt_time, completion_time; -1 */
	int64_t itl_max_ns;     /* largest gap between token events, -1 with fewer than two */
	int64_t itl_p99_ns;     /* nearest rank over its own gaps, -1 likewise */
	const int64_t *gaps_ns; /* all gaps, in no particular order; until the callback returns */
	uint32_t n_gaps;
	uint32_t gaps_dropped; /* gaps beyond the limit: non-zero voids the request's itl figures */
	uint32_t attempts;     /* requests sent for it, retries included; 0 = not sent */
	unsigned status;       /* HTTP status of the last attempt, 0 = none */
	int error; /* errno of the connection's failure, 0 = none (so EOF and RST differ) */
};

struct load_tenant {
	const char *name, *tier; /* sent as x-lpuchaos-tenant and x-lpuchaos-tier if `identify` */
	int64_t timeout_ns;      /* from the planned instant; then the connection is closed */
	uint32_t retries;        /* after rejected, connect and http_5xx */
};

/* The schedule, in ascending order of at_ns (then id). peek says when the next request is planned
 * (NS_NEVER: there is none any more); next hands it over and is called only once its instant has
 * come, so the source may shape it as late as that. Requests at or after duration_ns are not asked
 * for. */
struct load_source {
	void *ctx;
	int64_t (*peek)(void *ctx);
	void (*next)(void *ctx, struct load_request *out);
};

/* The client's side of faults: stepped at each instant that next_at names (run time, NS_NEVER =
 * none), before the arrivals of that instant. NULL functions = there is none. */
struct load_timed {
	void *ctx;
	int64_t (*next_at)(void *ctx);
	void (*step)(void *ctx, int64_t at_ns);
};

/* How requests of a tenant are sent again at this moment, instead of what its load_tenant says;
 * false: as that says. NULL function = always so. */
struct load_retry {
	uint32_t fault;      /* the caller's, handed back by `acted` */
	uint32_t retries;    /* at most, or the tenant's if that is more */
	int64_t back_off_ns; /* whatever the target asks for */
	int64_t patience_ns; /* an attempt without a first token for so long is given up; 0 = none
	                      */
};

struct load_retry_rule {
	void *ctx;
	bool (*now)(void *ctx, uint32_t tenant, struct load_retry *out);
};

struct load_listener {
	void *ctx;
	/* Once for every request that next() handed over, in the order in which they finish. */
	void (*sample)(void *ctx, const struct load_sample *s);
	/* A client has done what its habit is, at at_ns. May be NULL. */
	void (*acted)(void *ctx, uint32_t fault, int64_t at_ns);
	/* Every instant of the 10 ms grid from 0 on until the run ends, each once and in order with
	 * the pulls (arrivals of the same instant first); late ones follow each other. now_ns >=
	 * grid_ns. */
	void (*tick)(void *ctx, int64_t grid_ns, int64_t now_ns);
};

struct load_config {
	struct sock_address peer;
	const char *host;        /* for the host field: "127.0.0.1:8000" */
	const char *path_prefix; /* before "/v1/…": "" or "/openai" */
	const char *model;
	const char *api_key; /* NULL = no authorization field */
	bool completions;    /* /v1/completions instead of /v1/chat/completions */
	bool identify;       /* send tenant and tier fields: the emulator only */
	bool verify; /* recompute every token's text (harness/base/token.h): emulator only */
	const struct load_tenant *tenants;
	uint32_t n_tenants;
	uint64_t seed; /* of the back-off's jitter */
	int64_t duration_ns, drain_ns;
	uint32_t connections;     /* opened by load_connect */
	int rcvbuf_bytes;         /* of each connection; 0 = the kernel's default */
	uint32_t connections_max; /* further ones are opened on demand up to this; more requests
	                             wait */
	struct load_source source;
	struct load_timed timed;
	struct load_retry_rule retry_rule;
	struct load_listener listener;
};

struct load_live { /* at this moment, for a progress line */
	uint64_t pulled, sent, finished, in_flight, waiting; /* waiting: for a connection */
	uint64_t outcomes[LOAD_OUTCOMES];
};

/* How well the generator itself did; decides whether the run is valid (FORMATS §1 "Self-check"). */
struct load_result {
	struct histogram send_lag; /* t_send - t_sched of every request sent */
	struct histogram loop_lag; /* how late the loop woke for an instant it had planned */
	struct load_live totals;
	uint64_t attempts;
	uint64_t cq_overflows; /* turns that saw the completion queue overflow: none may happen */
	uint64_t dropped;      /* samples or gaps that found no room */
	uint64_t starved;      /* receives that found no buffer and had to be armed again */
	uint64_t connects, connect_failures;
	uint32_t connections_peak;
	uint32_t batch_max; /* most completions of one turn of the loop */
	bool stopped;       /* by load_stop, before its time */
	int64_t ended_ns;
};

/* Texts and arrays of the configuration are borrowed until load_close. Raises the descriptor limit
 * and opens the ring: call it in the thread that will run, after any fork. */
enum status load_open(
        struct load **out, const struct load_config *config, struct error *err) LPC_MUST_USE;

/* Calls fn(ctx, fd) from the loop whenever fd has become readable or was hung up; fn must read
 * until EAGAIN. Before load_run, or from no callback at all. At most LOAD_WATCH_MAX. fd stays the
 * caller's. */
void load_watch(struct load *l, int fd, void (*fn)(void *ctx, int fd), void *ctx);

/* Opens config.connections, at most 64 at a time under way (PITFALLS M3), and returns when each is
 * open or has failed, or after 10 s. Failures are counted, not fatal: the requests will tell. */
enum status load_connect(struct load *l, struct error *err) LPC_MUST_USE;

/* Runs from run time 0 = t0_ns (CLOCK_MONOTONIC, normally ahead) until duration_ns has passed and
 * no request is left, at most to duration_ns + drain_ns. *out belongs to the caller:
 * load_result_free. */
enum status load_run(
        struct load *l, int64_t t0_ns, struct load_result *out, struct error *err) LPC_MUST_USE;
void load_result_free(struct load_result *r);

/* From a callback: pull nothing more and end the run in the next turn, without waiting; what is in
 * flight then becomes stalled. */
void load_stop(struct load *l);
void load_live(const struct load *l, struct load_live *out);

/* Closes every connection (shutdown, cancel, join, close) and the ring. NULL is allowed. */
void load_close(struct load *l);

#endif
