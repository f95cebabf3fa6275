/* The scorer: samples and ledger in, verdicts out (FORMATS §1, DESIGN §8 "Order of judgement", §9).
 * Pure: it links no ring, no emulator and no workload. Streaming: a sample is added when its
 * outcome is known (in any order of t_sched); memory is bounded (see score.c).
 *
 * The rules are data (struct score_rules), parsed from the scenario's "slo", "expect" and "abort".
 */
#ifndef LPC_REPORTS_SCORE_H
#define LPC_REPORTS_SCORE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/histogram.h"
#include "harness/base/json.h"
#include "reports/sample.h"

enum { SCORE_TIERS_MAX = 16, SCORE_RULES_MAX = 256, SCORE_FAULTS_MAX = 1024 };

/* The metrics up to METRIC_GROUPS have a histogram per tier and window; send lag is judged only. */
enum metric {
	METRIC_TTFT,
	METRIC_TPOT,
	METRIC_ITL,
	METRIC_E2EL,
	METRIC_QUEUE,
	METRIC_PREFILL,
	METRIC_DECODE,
	METRIC_SCHED_LAG,
	METRIC_COUNT,
	METRIC_GROUPS = METRIC_SCHED_LAG
};
enum window {
	WINDOW_ALL,
	WINDOW_BASELINE,
	WINDOW_FAULT,
	WINDOW_RECOVERY,
	WINDOW_AFTER,
	WINDOW_COUNT
};
enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_INCONCLUSIVE, VERDICT_ABORTED };
enum basis { BASIS_CENSUS, BASIS_RUN, BASIS_REPLICAS, BASIS_PAIRED };

const char *metric_name(enum metric m); /* "ttft_ms" … */
const char *window_name(enum window w);
const char *verdict_name(enum verdict v);
const char *basis_name(enum basis b);

struct slo_rule {
	const char *id;
	uint32_t tier;
	enum metric metric;
	double quantile;
	int64_t limit_ns;
	enum window window;
	double max_refused; /* share */
	bool want_miss;
};

enum expect_kind {
	EXPECT_TTD,
	EXPECT_TTF,
	EXPECT_TTR,
	EXPECT_LOST_REQUESTS,
	EXPECT_CORRUPT_TOKENS,
	EXPECT_CRITICAL_PATH_IN_RACK,
	EXPECT_GOODPUT_FRACTION,
	EXPECT_ERROR_FRACTION,
	EXPECT_ISOLATION,
	EXPECT_REACHED,
	EXPECT_RECOVERED
};

/* What a run may be asked to have come through: `reached`. */
enum reached {
	REACHED_SPARE_USED,
	REACHED_REPLAY_TAKEN,
	REACHED_THROTTLE,
	REACHED_SPARE_POOL_EMPTY,
	REACHED_ADMISSION_REFUSED,
	REACHED_ARTIFACT_REFUSED,
	REACHED_ROLLED_BACK,
	REACHED_COUNT
};

const char *expect_name(enum expect_kind k); /* "ttd" … */

struct expect_rule {
	const char *id;
	enum expect_kind kind;
	uint32_t fault;  /* ttd, ttf, ttr: index; UINT32_MAX = every fault */
	int64_t max_ns;  /* ttd, ttf, ttr, recovered */
	double max, min; /* counts and fractions; NaN-free: has_max/has_min tell */
	bool has_max, has_min;
	uint32_t tier;      /* goodput_fraction, error_fraction, isolation; UINT32_MAX = all */
	enum window window; /* goodput_fraction, error_fraction */
	bool scope_pod;     /* critical_path_in_rack: scope rack (default) or pod */
	enum reached path;  /* reached */
	bool want_miss;
};

struct abort_rule {
	const char *signal; /* error_ratio, in_flight, pool.queue_ms … */
	const char *pool;
	bool greater, or_equal;
	double value; /* ms for *_ms signals */
	int64_t for_ns;
};

struct score_rules {
	uint32_t n_slo, n_expect, n_abort;
	struct slo_rule *slo;
	struct expect_rule *expect;
	struct abort_rule *abort;
};

/* Names that rules refer to, by index. */
struct score_names {
	uint32_t n_tiers, n_faults, n_pools;
	const char *const *tiers, *const *faults, *const *pools;
};

/* v = the scenario's root; reads "slo", "expect", "abort" (each may be absent). */
enum status score_rules_parse(struct jval v, const struct score_names *names, struct arena *arena,
        struct score_rules *out, struct error *err) LPC_MUST_USE;
void score_rules_canonical(const struct score_rules *r, const struct score_names *names,
        struct json_out *o); /* members "abort", "expect", "slo" of the open object */

/* The ledger as the scorer needs it, one per fault; -1 = not reached. */
struct score_fault {
	const char *id, *kind, *target;
	int64_t inject_ns, effect_ns, detect_ns, isolate_ns, failover_ns, recover_ns, revert_ns;
	bool clean, breach;
	const char *detail;   /* what the fault amounts to, in words; NULL = nothing to say */
	const char *withheld; /* the limit of the scenario that kept it from beginning, or NULL */
	bool detect_started, failover_started; /* the model had started the phase (null → fail) */
	bool settled; /* what it has not begun will not come: ttd, ttf and ttr of it hold, for
	                 nothing was called for. Else a null that was not begun is inconclusive */
	uint64_t replayed_requests;
	bool has_damage;
	struct {
		uint64_t late, lost, refused; /* refused: with the fault, and not without it */
		int64_t extra_ns_sum;
		uint64_t tokens_recomputed;
	} damage;
	int64_t coalesce_ns;
};

/* ttd, ttf, ttr: a phase's instant after the inject; -1 where either was not reached. */
static inline int64_t score_since(int64_t at_ns, int64_t inject_ns)
{
	return at_ns < 0 || inject_ns < 0 ? -1 : at_ns - inject_ns;
}

struct score_config {
	const char *const *tiers;
	uint32_t n_tiers;
	const struct score_rules *rules;
	int64_t warmup_ns, duration_ns;        /* measured: t_sched in [warmup, duration) */
	double expected_rate[SCORE_TIERS_MAX]; /* requests/s of the tier, for the recovery bins */
	double expected_rate_all;
	uint32_t n_faults;
	int64_t recovery_horizon_ns, recovery_hold_ns; /* hold: 1 s */
	bool census;                                   /* virtual clock and trace traffic */
};

struct score;

struct score *score_create(const struct score_config *config);
void score_free(struct score *s);
void score_sample(struct score *s, const struct sample *sample);
/* Gaps between token events, pooled and weighted; for the request about to be added by
 * score_sample. */
void score_gaps(struct score *s, uint64_t id, uint32_t tier, int64_t gap_ns, int64_t n);
/* Faults as they happen: F = [inject, revert or end). Must be told before samples that end later.
 */
void score_inject(struct score *s, uint32_t fault, int64_t at_ns);
void score_revert(struct score *s, uint32_t fault, int64_t at_ns);
void score_no_more_faults(struct score *s); /* none is injected any more; need not be told */

/* Live view for aborts, triggers and the progress line. */
struct score_live {
	uint64_t done, ok, errors, rejected;
	int64_t p99_ttft_ns; /* -1 below the floor */
	double error_ratio;  /* of the requests done in the last second of run time */
};
struct score_live score_live(const struct score *s, int64_t now);

/* Keys of slo[].blame, in this order; the stalls follow as "stall:<fault id>". */
enum blame_part {
	BLAME_SEND_LAG,
	BLAME_NETWORK,
	BLAME_QUEUE,
	BLAME_ENTRY,
	BLAME_PREFILL,
	BLAME_DECODE,
	BLAME_PARTS
};
const char *blame_name(enum blame_part p);

struct slo_result {
	const struct slo_rule *rule;
	int64_t observed_ns;  /* -1 = null */
	const char *observed; /* finite|infinite|too_few */
	int64_t upper_ns;     /* -1 = null */
	uint64_t n, over, refused;
	double vif;
	uint64_t n_eff;
	enum basis basis;
	enum verdict percentile; /* before want and refusals */
	enum verdict verdict;
	const char *reason;        /* NULL, "refused", "too_few" */
	bool has_blame;            /* false: no judged request carried its parts */
	double blame[BLAME_PARTS]; /* shares of what the slowest requests died of; sum 1 with the
	                              stalls */
	double *blame_faults;      /* n_faults shares: stalls by fault */
};

struct expect_result {
	const struct expect_rule *rule;
	bool has_limit, has_observed;
	double limit, observed; /* ms, counts, fractions */
	enum verdict verdict;
	const char *reason;
};

/* What the packets of a run show of its critical path, within a scope. */
enum packets {
	PACKETS_NOT_ASKED, /* none are to be had: the mapping alone decides */
	PACKETS_INSIDE,
	PACKETS_CROSS,
	PACKETS_DOUBT, /* no crossing was seen, which proves nothing */
};

/* Facts the scorer cannot see itself. */
struct score_facts {
	uint64_t scheduled;                                     /* planned in the whole run */
	bool critical_in_rack, critical_in_pod, critical_known; /* as every mapping was judged */
	enum packets packets_in_rack, packets_in_pod;
	const char *packets_doubt; /* in a word, where one of them is in doubt */
	bool paths_known;
	uint64_t paths[REACHED_COUNT]; /* how often each was taken */
	bool valid;                    /* validity.valid */
	bool aborted_by_rule, interrupted, partial;
};

struct score_result {
	uint64_t by_outcome[OUTCOME_COUNT], attempts;
	int64_t prompt_tokens, output_tokens; /* of ok requests */
	uint32_t n_slo, n_expect;
	struct slo_result *slo;
	struct expect_result *expect;
	uint64_t dropped; /* samples or gaps that no bounded store could hold: the run is invalid */
	bool conserved;   /* scheduled == sum of by_outcome; false: the run is invalid */
	bool steady_state;
	enum verdict verdict;
	int exit_code; /* interrupted: 130; the caller, who knows the signal, turns it into 143 */
};

/* Decides. faults[i].recover_ns, breach are filled in here (recovery bins), the rest read. May be
 * called once; the result lives in the score. */
const struct score_result *score_decide(
        struct score *s, struct score_fault *faults, const struct score_facts *facts);

/* Replicas (FORMATS §1, basis): when a virtual run's SLO is undecided alone, further runs of
 * derived seeds are scored by their own `score` and joined as batches. Both were fed, neither
 * decided. */
bool score_wants_replicas(struct score *s);
/* True once an SLO fails whatever further runs may say: by this run's own requests, or by how many
 * of them were refused. Fed, not decided. */
bool score_is_lost(struct score *s);
/* An SLO's requests in this run: judged (refusals apart), over the limit, refused. Fed. */
struct score_tally {
	uint64_t n, over, refused;
};
struct score_tally score_slo_tally(struct score *s, uint32_t slo);
void score_add_replica(struct score *s, struct score *replica);

/* The virtual companion of a wall run, decided: takes its percentile verdicts where undecided
 * (basis paired). Call before score_decide. */
void score_pair(struct score *s, const struct score *virtual_run);

/* "groups", as a member of the open object: FORMATS names beside ours. After score_decide. */
void score_groups_json(const struct score *s, struct json_out *o);
/* vLLM's names at the top level, over all tiers and the whole measured window. After score_decide.
 */
void score_totals_json(const struct score *s, struct json_out *o);
void score_results_json(const struct score_result *r, const struct score_names *names,
        struct json_out *o); /* "slo" and "expect" */

/* Good requests a second of the measured window, over all tiers. After score_decide. */
double score_goodput(const struct score *s);

/* What became of the requests of the measured window, over all tiers. After score_decide. */
struct score_shares {
	uint64_t requests, good, rejected;
};
struct score_shares score_shares(const struct score *s);

/* The metric histogram of a tier and window (ok requests), for renderers and tests. WINDOW_ALL with
 * faults planned is known after score_decide only; NULL before. */
const struct histogram *score_histogram(
        const struct score *s, uint32_t tier, enum window w, enum metric m);

#endif
