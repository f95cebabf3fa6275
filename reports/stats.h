/* The verdict on a percentile (FORMATS §1): an exact binomial test on a sample that is shrunk by
 * how much its neighbours move together (the variance inflation factor, vif).
 *
 * References: MLPerf Inference Rules, appendix on early stopping (the binomial rule at vif = 1);
 * batch means: Law, "Simulation Modeling and Analysis", ch. 9. */
#ifndef LPC_REPORTS_STATS_H
#define LPC_REPORTS_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/score.h"

enum { STATS_BATCHES = 20, STATS_REPLICAS_MAX = 32 };
#define STATS_ALPHA 0.01 /* error of either kind at the border */

/* The cuts over which a batch is counted: the SLO's limit and the sample's own p90 and p50. */
enum stats_cut { CUT_LIMIT, CUT_P90, CUT_P50, CUT_COUNT };

struct stats_batch {
	uint64_t n, over[CUT_COUNT];
};

/* max over the cuts of the variance of the batches' counts over what independent requests would
 * show; at least 1. Batches may differ in size. */
double stats_vif(const struct stats_batch *batches, uint32_t k);

/* over of n requests are over the limit. *n_eff = floor(n / vif). */
enum verdict stats_verdict(double q, uint64_t n, uint64_t over, double vif, uint64_t *n_eff);

/* The largest `over` with which that test passes; false if none does. */
bool stats_allowed(double q, uint64_t n, double vif, uint64_t *over);

/* A census has no error to allow for. */
enum verdict stats_census(double q, uint64_t n, uint64_t over);

#endif
