/* How long a request can wait for a slot at most, by what admission lets in: the bound that a
 * queueing and admission policy gives, for each bucket of each pool, as a formula with its numbers.
 * Of a machine that is whole: what failures do to it is for campaigns to say.
 *
 * With S slots (of all instances together), frames of at most F (the slowest bucket of the pool: an
 * instance that hosts one ticks at its pace), services of at most C frames as they are declared
 * (prefill and max_tokens: what the model will say is not known at admission), W the pool's batch
 * window, and first come first served within a bucket:
 *
 *   queue_cap L      (ceil(L / S) C + 1) F + W
 *   request_count L  ((ceil(L / S) - 1) C + 1) F + W, or F + W where L <= S
 *   token_budget T   T F / f + W, f the bucket's own frame
 *   tenant_rate      ((S + N B - 1) / S C + 1) F + W for N tenants with bursts of B requests, as
 *                    long as their rates together ask for no more than the S slots
 *   none             no bound
 *
 * Why: who is admitted behind q others in the queue enters a slot when q + 1 services have ended,
 * and S slots that are all busy end at least S of them in every C frames. Of token_budget: all S
 * slots work on nothing but the D frames that are declared before the request, so the last of them
 * begins to be free after D / S frames at most (Graham, "Bounds on multiprocessing timing
 * anomalies", SIAM J. Applied Mathematics 17, 1969), and the policy has seen to it that
 * ceil(D / S) f and the prefill are within T; so wait and prefill together are within T F / f and
 * a frame. Of tenant_rate: the work that a token bucket lets
 * through in any stretch, beside what the slots do in it (Cruz, "A calculus for network delay",
 * IEEE Trans. Information Theory 37, 1991). The one frame more is the departure: a slot that was
 * free when it was given away stands still until it, for less than a frame; one that is handed on
 * departs in the same tick.
 *
 * Where a pool has priorities the bound holds for the first of them that a bucket sees: later
 * requests of theirs overtake the others for as long as they come. */
#ifndef LPC_RUN_WAIT_BOUND_H
#define LPC_RUN_WAIT_BOUND_H

#include "harness/run/scenario.h"

enum { WAIT_BOUNDS_MAX = DEPLOYMENT_POOLS_MAX * POOL_BUCKETS_MAX };

enum wait_rule { WAIT_NONE, WAIT_QUEUE_CAP, WAIT_REQUEST_COUNT, WAIT_TOKEN_BUDGET, WAIT_RATE };

struct wait_bound {
	uint32_t pool, bucket;
	uint32_t servers;  /* S */
	int64_t frame_ns;  /* F */
	int64_t window_ns; /* W */
	/* Of the requests that the traffic can send here, in frames: to the first token at most; as
	 * declared at most (C); as the laws of output say at most. */
	int64_t prefill, declared, served;
	uint64_t tiers;   /* who comes here, a bit each */
	uint64_t covered; /* those for whom the bound holds */
	uint32_t tenants; /* N */
	enum wait_rule rule;
	const char *why;        /* WAIT_NONE: in words */
	int64_t wait_ns;        /* -1: no bound */
	int64_t served_wait_ns; /* with outputs no longer than their laws say; -1 likewise */
	int64_t prefill_ns;     /* `prefill` frames of F */
	int64_t network_ns;     /* to the frontend and back, healthy */
	int64_t ttft_ns;        /* the three together; -1: no bound */
};

/* One for each bucket that gets requests, in order of pools and buckets. ERR_USAGE only for a trace
 * that cannot be read. */
enum status wait_bounds(const struct scenario *s, struct wait_bound out[static WAIT_BOUNDS_MAX],
        uint32_t *n, struct error *err) LPC_MUST_USE;

const char *wait_formula(enum wait_rule rule);

#endif
