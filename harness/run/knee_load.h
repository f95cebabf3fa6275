/* What a scenario's traffic asks of each bucket, from its laws: rates, service times, how much both
 * vary. What rho is measured in, and what the formulas beside the curve are fed with.
 *
 *   rho = lambda E[frames] frame / (slots × instances)                            (DESIGN §5)
 *
 * Lengths: every length the laws can give, with its probability (workloads/length_table.h), prompt
 * and output together, as far as max_tokens ties them. Traces: their own rows. Gaps: see `how`. */
#ifndef LPC_RUN_KNEE_LOAD_H
#define LPC_RUN_KNEE_LOAD_H

#include "harness/run/scenario.h"

/* What is known of ca2. */
enum knee_gaps {
	GAPS_EXACT,  /* one renewal process, or Poisson ones: independent gaps, exact ca² */
	GAPS_MERGED, /* several entries: each one's ca² weighted by its rate (Whitt, "Approximating
	              * a point process by a renewal process", Operations Research 30, 1982) */
	GAPS_BURSTS, /* on-off: ca² of one gap is exact, but neighbours are not independent */
	GAPS_SAMPLED, /* traces: of their own gaps */
	GAPS_RAMP,    /* a rate that moves: taken as Poisson at its mean */
};

struct knee_bucket {
	uint32_t pool, bucket;
	uint32_t servers;      /* slots × instances */
	double rate;           /* requests/s, at the file's own load */
	double frames, cs2;    /* mean, squared coefficient of variation */
	double prefill;        /* mean frames up to the first token */
	bool prefill_constant; /* the same for every request */
	double service_ns;     /* frames × frame */
	double ca2;
	enum knee_gaps gaps;
	double rho; /* at the file's own load */
};

struct knee_load {
	uint32_t n, bottleneck; /* bottleneck: the one with the largest rho */
	struct knee_bucket buckets[DEPLOYMENT_POOLS_MAX * POOL_BUCKETS_MAX];
	double rate;                         /* of all requests */
	double tier_rate[TRAFFIC_TIERS_MAX]; /* requests/s */
	double unplaced;                     /* requests/s that no bucket holds */
};

/* ERR_USAGE only for a trace that cannot be read. Buckets without requests are left out; n = 0: no
 * bucket gets any. */
enum status knee_load(
        const struct scenario *s, struct knee_load *out, struct error *err) LPC_MUST_USE;

const char *knee_gaps_name(enum knee_gaps gaps);

#endif
