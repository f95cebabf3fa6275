/* One side of a comparison, a run as its files tell of it: what was judged, how its latencies were
 * distributed, and how they were over the time of the schedule. Pure: documents and requests are
 * handed in.
 *
 * Three sources, each better than the one before:
 *   result.json       named percentiles; what lies between them is guessed along a straight line of
 *                     log-survival
 *   histograms.json   every percentile; the batches of the SLOs
 *   run.sqlite        every request: each value with the stretch of the schedule it belongs to */
#ifndef LPC_REPORTS_COMPARE_RUN_H
#define LPC_REPORTS_COMPARE_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/histogram.h"
#include "harness/base/json.h"
#include "reports/compare_stats.h"
#include "reports/sample.h"
#include "reports/score.h"

enum compare_source { COMPARE_PERCENTILES, COMPARE_HISTOGRAMS, COMPARE_REQUESTS };

/* The values of one metric (ns). */
struct compare_values {
	struct histogram all;      /* infinite: of an SLO, those that were not ok */
	struct histogram *stretch; /* COMPARE_STRETCHES of them; NULL = not known */
	bool known;
};

/* Of all requests of a tier; good: ok, and every SLO of the tier met. */
enum compare_share { COMPARE_NOT_GOOD, COMPARE_REFUSED, COMPARE_FAILED, COMPARE_SHARES };

struct compare_tier {
	const char *name;
	struct compare_count share[COMPARE_SHARES];               /* n = 0: not known */
	struct compare_count (*share_stretch)[COMPARE_STRETCHES]; /* by share; NULL: not known */
	struct compare_values metric[METRIC_GROUPS]; /* of the ok requests, window all */
	double vif; /* the largest of the tier's SLOs; at least 1 */
};

struct compare_slo {
	const char *id;
	uint32_t tier; /* index */
	int metric, window;
	double quantile, limit_ms;
	double vif; /* at least 1 */
	enum verdict verdict;
	struct compare_values values; /* what was judged */
	bool batched;
	struct compare_count batch[COMPARE_STRETCHES]; /* over the sample's own p90 */
};

struct compare_expect {
	const char *id, *kind;
	enum verdict verdict;
};

enum compare_phase { COMPARE_TTD, COMPARE_TTF, COMPARE_TTR, COMPARE_PHASES };

struct compare_fault {
	const char *id;
	double phase_ms[COMPARE_PHASES]; /* -1 = not reached */
};

struct compare_run {
	const char *path; /* as the user would name it */
	const char *scenario, *plan_digest, *traffic_digest, *result_digest; /* digests: NULL */
	uint64_t seed;
	bool virtual_clock, partial, valid;
	enum verdict verdict;
	int64_t model_version;
	uint64_t scheduled;
	enum compare_source source;
	int64_t warmup_ns, duration_ns; /* of the schedule; duration -1: not known */
	uint32_t n_tiers, n_slo, n_expect, n_faults;
	struct compare_tier *tiers;
	struct compare_slo *slo;
	struct compare_expect *expect;
	struct compare_fault *faults;
	struct arena *arena;
};

/* Reads result.json into *run. Texts are copied into the arena, which outlives the run.
 * compare_run_free in any case, also after an error. Members that are not known are passed over. */
enum status compare_run_read(struct jval result, struct arena *arena, struct compare_run *run,
        struct error *err) LPC_MUST_USE;
void compare_run_free(struct compare_run *run);

/* Better: histograms.json. */
enum status compare_run_histograms(
        struct jval histograms, struct compare_run *run, struct error *err) LPC_MUST_USE;

/* Best: every request of the run, once each, after compare_run_requests has made room. The schedule
 * must be known. */
void compare_run_requests(struct compare_run *run);
void compare_run_sample(struct compare_run *run, const struct sample *x);

#endif
