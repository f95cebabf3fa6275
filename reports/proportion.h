/* How sure a proportion is: k of n independent trials succeeded, each with the same unknown
 * probability p. Exact, from the binomial distribution itself, for every k and n; never the normal
 * approximation, which is wrong where it matters (0 or n of n).
 *
 * Reference: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case
 * of the binomial", Biometrika 26, 1934. Pure; the same bits on every machine. */
#ifndef LPC_REPORTS_PROPORTION_H
#define LPC_REPORTS_PROPORTION_H

#include <stdint.h>

struct json_out;

#define PROPORTION_CONFIDENCE 0.95

struct proportion {
	uint64_t k, n;
	double low, high; /* of 95 % from both sides: each end is wrong in 2.5 % of cases at most */
	double at_least;  /* of 95 % from below: "p is at least this". 299 of 299: 0.99 */
};

/* k <= n. Nothing is known from n = 0: [0, 1], at least 0. */
struct proportion proportion_interval(uint64_t k, uint64_t n);

/* The two ends, each wrong with probability alpha at most, of k in n where both may be parts of
 * whole trials: what correlated trials are worth (stats.h, vif). */
void proportion_limits(double k, double n, double alpha, double *low, double *high);

/* {"k":…, "n":…, "share":…, "low":…, "high":…, "at_least":…}; share is null where n is 0. */
void proportion_json(struct json_out *o, const char *key, uint64_t k, uint64_t n);

#endif
