/* Waiting times that theory knows: what a measured queue is held beside. Time unit: one mean
 * service time; waits are without the service itself; rho is the load of each of k servers, in
 * (0, 1). Pure doubles (mathx.h), so the same bits everywhere.
 *
 * M/D/k is exact: Poisson arrivals, equal service times, first come first served. Sources:
 *   Crommelin, "Delay probability formulae when the holding times are constant", P.O. Electrical
 *   Engineers Journal 25 (1932): the queue seen at multiples of the service time is a random walk;
 *   Spitzer, "A combinatorial lemma and its application to probability theory", Trans. AMS 82
 *   (1956): its stationary law;
 *   Panjer, "Recursive evaluation of a family of compound distributions", ASTIN Bulletin 12 (1981);
 *   Franx, "A simple solution for the M/D/c waiting time distribution", Operations Research Letters
 *   29 (2001). */
#ifndef LPC_BASE_QUEUEING_H
#define LPC_BASE_QUEUEING_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/check.h"

enum { QUEUEING_SERVERS_MAX = 1 << 24 };

struct queueing_mdk {
	uint32_t k, n;
	double rho, mean, p_wait;
	double *waiting; /* [0 … n): P(at most so many wait); from n on it is 1 */
};

/* False: not computed, because rho is so near to 1 that it would take seconds (k = 1: above about
 * 0.985; many servers: above 0.998). Else the caller frees. */
bool queueing_mdk_init(struct queueing_mdk *q, uint32_t k, double rho) LPC_MUST_USE;
void queueing_mdk_free(struct queueing_mdk *q);
double queueing_mdk_cdf(const struct queueing_mdk *q, double wait); /* P(W <= wait), wait >= 0 */
double queueing_mdk_quantile(const struct queueing_mdk *q, double p);

/* P(wait) of M/M/k (Erlang, 1917). */
double queueing_erlang_c(uint32_t k, double rho);

/* Mean wait of GI/G/k, approximately: (ca² + cs²)/2 times that of M/M/k (Allen, "Probability,
 * Statistics and Queueing Theory", 1978, "Allen-Cunneen"); exact for M/M/k and M/G/1. ca2, cs2:
 * squared coefficients of variation of the gaps and of the services. */
double queueing_allen_cunneen(uint32_t k, double rho, double ca2, double cs2);

/* Mean wait of GI/G/k, at most (Kingman, "Some inequalities for the queue GI/G/1", Biometrika 49,
 * 1962; k servers: Kingman, "Inequalities in the theory of queues", J. Royal Stat. Soc. B 32,
 * 1970): lambda (var A + var S / k + (k - 1) / k²) / (2 (1 - rho)). A bound where gaps are
 * independent of one another. */
double queueing_kingman(uint32_t k, double rho, double ca2, double cs2);

/* Squared coefficient of variation of the gap between two arrivals of `onoff` traffic: Poisson
 * during the first 1/burst_factor of every period, in which per_period of them come on average. Of
 * one gap taken alone: neighbouring gaps are not independent. */
double queueing_onoff_ca2(double per_period, double burst_factor);

#endif
