/* The statistics of `compare`: how sure it is that NEW is worse than BASE (docs/COMPARE.md).
 *
 * A measure is a percentile or a share of each side's requests. Its difference NEW - BASE comes
 * with limits: exact binomial ones of each side (order statistics, Clopper-Pearson), of as many
 * requests as they are worth, joined by the method of variance estimates recovery. What requests
 * are worth is seen from stretches of the schedule: each side is cut into as many, and how much the
 * two differ from stretch to stretch is how much they differ by chance. Where both sides served the
 * same traffic, most of what varies does so on both, and little chance is left.
 *
 * References: MOVER: Zou and Donner, "Construction of confidence limits about effect measures: a
 * general approach", Statistics in Medicine 27, 2008. Order statistics: David and Nagaraja, "Order
 * Statistics", 3rd ed., 7.1. Batch means: Law, "Simulation Modeling and Analysis", ch. 9.
 * Studentised bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 2.4.
 *
 * Pure; the same bits on every machine. */
#ifndef LPC_REPORTS_COMPARE_STATS_H
#define LPC_REPORTS_COMPARE_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/histogram.h"
#include "reports/stats.h"

enum { COMPARE_STRETCHES = STATS_BATCHES };

/* k of the n requests of a stretch. */
struct compare_count {
	uint64_t n, k;
};

/* How the difference of two sides scatters: requests are worth n / vif, seen with df degrees of
 * freedom. */
struct compare_scatter {
	double vif, df;
};

/* From the stretches of both sides. `paired`: both served the same traffic, so vif may be below 1;
 * else at least 1. df is below COMPARE_STRETCHES - 1 where few stretches hold most of the k. */
struct compare_scatter compare_scatter(const struct compare_count base[COMPARE_STRETCHES],
        const struct compare_count new[COMPARE_STRETCHES], bool paired);

/* P[T > t] of Student's t, t >= 0, df > 0. */
double compare_t_tail(double t, double df);

enum compare_what { COMPARE_QUANTILE, COMPARE_SHARE, COMPARE_SEEDS };

/* A sample over seeds: the mean of the differences (paired) or the two means. */
struct compare_seeds {
	const double *base, *new; /* paired: by seed, n_base = n_new */
	uint32_t n_base, n_new;
	bool paired;
	uint64_t key; /* of the draws (prng_purpose) */
};

/* A question: is NEW's measure above BASE's? Larger is worse. What it points to is borrowed. */
struct compare_test {
	enum compare_what what;
	struct compare_scatter scatter; /* not for COMPARE_SEEDS */
	double q;                       /* COMPARE_QUANTILE; values in ns */
	double margin; /* likewise, ns: by so much NEW may be larger besides the tolerance */
	const struct histogram *base_values, *new_values;
	struct compare_count base_share, new_share; /* COMPARE_SHARE */
	struct compare_seeds seeds;
};

/* Both sides' measure: ns, share or mean. Infinite where the percentile is. */
void compare_measures(const struct compare_test *t, double *base, double *new);

/* Limits of NEW - (1 + tolerance) BASE, each wrong with probability alpha at most; infinite where
 * nothing bounds it. */
void compare_limits(
        const struct compare_test *t, double tolerance, double alpha, double *low, double *high);

/* The smallest alpha at which the lower limit is above 0, and at which the upper one is below 0: at
 * most 1/2, else 1. */
void compare_p_values(
        const struct compare_test *t, double tolerance, double *worse, double *better);

#endif
