/* One request as it was seen: the only thing the scorer is fed with. Both clocks fill it, the
 * virtual driver from the model, the load generator from its sockets. Times are ns of run time; -1
 * = never. */
#ifndef LPC_REPORTS_SAMPLE_H
#define LPC_REPORTS_SAMPLE_H

#include <stdint.h>

enum outcome { /* FORMATS §1 */
	OUTCOME_OK,
	OUTCOME_REJECTED, /* 429, 498, 503, 400 context_length_exceeded */
	OUTCOME_HTTP_4XX,
	OUTCOME_HTTP_5XX,
	OUTCOME_CONNECT,
	OUTCOME_TIMEOUT,
	OUTCOME_TRUNCATED, /* end of stream before [DONE], or an early stop by x_groq.error */
	OUTCOME_STALLED,   /* unfinished at the end of drain */
	OUTCOME_MALFORMED,
	OUTCOME_CORRUPT,
	OUTCOME_CANCELLED, /* by the scenario's own client */
	OUTCOME_NOT_SENT,
	OUTCOME_COUNT,
};

const char *outcome_name(enum outcome o);

enum { SAMPLE_STALLS_MAX = 4 };

struct sample_stall {
	uint32_t fault; /* index in the scenario's list */
	int64_t ns;
};

struct sample {
	uint64_t id;    /* its name everywhere */
	uint64_t order; /* 1, 2, 3 … in order of t_sched; 0 = the id is */
	uint32_t tenant, tier;
	enum outcome outcome;
	int64_t t_sched, t_send, t_hdr, t_first, t_last,
	        t_done;                          /* t_done: when the outcome was known */
	int64_t prompt_tokens, output_tokens;    /* as delivered */
	int64_t queue_ns, prefill_ns, decode_ns; /* the emulator's own truth; -1 unknown */
	int64_t itl_judged_ns; /* p99 gap; the largest below 100 tokens; -1 = none */
	uint32_t attempts, replays;
	int64_t tokens_recomputed;
	/* Blame: e2e latency = send lag + network + queue + entry wait + prefill + decode + stalls,
	 * exact on the virtual clock (asserted there); on the wall the network part is what is left
	 * over. */
	int64_t blame_network_ns, blame_queue_ns, blame_entry_ns, blame_prefill_ns, blame_decode_ns;
	uint32_t n_stalls;
	struct sample_stall stalls[SAMPLE_STALLS_MAX];
};

#endif
