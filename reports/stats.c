/* Why vif. Requests that queue behind one another are late together: a thousand of them carry the
 * information of a few dozen independent ones, and a test that does not know this lets most runs at
 * the very border pass. The batch counts show it: if the counts of 20 batches vary vif times more
 * than binomial counts would, the sample is worth n / vif requests. The limit itself is often
 * exceeded too rarely for its counts to show any correlation (all zero at the best of runs), hence
 * the two other cuts of the same sample, where there is always something to count.
 *
 * Roundings lean to "undecided": n_eff down and t_eff up for a pass, the reverse for a fail. */
#include "reports/stats.h"
#include "harness/base/check.h"
#include "harness/base/mathx.h"

#define SLACK 1e-9 /* a quotient this close to a whole number is that number */

static double cut_vif(const struct stats_batch *b, uint32_t k, enum stats_cut cut)
{
	double n = 0, over = 0, p, squares = 0;

	for (uint32_t i = 0; i < k; i++) {
		n += (double)b[i].n;
		over += (double)b[i].over[cut];
	}
	if (over == 0 || over == n)
		return 1;
	p = over / n;
	for (uint32_t i = 0; i < k; i++) {
		double d = (double)b[i].over[cut] - p * (double)b[i].n;

		squares += d * d;
	}
	return squares / (k - 1) / (n / k * p * (1 - p));
}

double stats_vif(const struct stats_batch *batches, uint32_t k)
{
	double vif = 1;

	if (k < 2)
		return 1;
	for (int cut = 0; cut < CUT_COUNT; cut++) {
		double v = cut_vif(batches, k, (enum stats_cut)cut);

		vif = v > vif ? v : vif;
	}
	return vif;
}

/* The test's view of n and t, rounded against passing; at vif = 1 they are exact. */
static uint64_t shrink_down(uint64_t n, double vif)
{
	return (uint64_t)mathx_floor((double)n / vif + SLACK);
}

static uint64_t shrink_up(uint64_t n, double vif)
{
	return (uint64_t)mathx_ceil((double)n / vif - SLACK);
}

enum verdict stats_verdict(double q, uint64_t n, uint64_t over, double vif, uint64_t *n_eff)
{
	double p = 1 - q;
	uint64_t t_low = shrink_down(over, vif), n_high = shrink_up(n, vif);

	*n_eff = shrink_down(n, vif);
	if (*n_eff == 0)
		return VERDICT_INCONCLUSIVE;
	if (mathx_binomial_cdf((int64_t)*n_eff, p, (int64_t)shrink_up(over, vif)) <= STATS_ALPHA)
		return VERDICT_PASS;
	if (t_low > 0 &&
	        1 - mathx_binomial_cdf((int64_t)n_high, p, (int64_t)t_low - 1) <= STATS_ALPHA)
		return VERDICT_FAIL;
	return VERDICT_INCONCLUSIVE;
}

bool stats_allowed(double q, uint64_t n, double vif, uint64_t *over)
{
	uint64_t n_eff = shrink_down(n, vif), low = 0, high = n_eff;

	if (n_eff == 0 || mathx_binomial_cdf((int64_t)n_eff, 1 - q, 0) > STATS_ALPHA)
		return false;
	while (high - low > 1) { /* passes at low, not at high (cdf(n_eff) = 1) */
		uint64_t mid = low + (high - low) / 2;

		if (mathx_binomial_cdf((int64_t)n_eff, 1 - q, (int64_t)mid) <= STATS_ALPHA)
			low = mid;
		else
			high = mid;
	}
	*over = shrink_down(low, 1 / vif);
	return true;
}

enum verdict stats_census(double q, uint64_t n, uint64_t over)
{
	CHECK(over <= n);
	if (n == 0)
		return VERDICT_INCONCLUSIVE;
	return n - over >= histogram_rank(q, n) ? VERDICT_PASS : VERDICT_FAIL;
}
