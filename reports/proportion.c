/* P[Bin(n, p) >= k] = I_p(k, n - k + 1) rises with p, so each end is where it crosses the error
 * that is allowed: found by halving until the two ends are neighbours, which needs no derivative
 * and no starting point, and ends in the same two doubles everywhere. */
#include "reports/proportion.h"

#include "harness/base/check.h"
#include "harness/base/json.h"
#include "harness/base/mathx.h"

enum { HALVINGS_MAX = 1100 }; /* more than a double has between 0 and 1 */

/* The largest p seen with P[Bin(n, p) >= k] <= alpha; k >= 1. */
static double crossing(double k, double n, double alpha)
{
	double low = 0, high = 1;

	for (int i = 0; i < HALVINGS_MAX; i++) {
		double middle = low + (high - low) / 2;

		if (middle == low || middle == high)
			break;
		if (mathx_beta_inc(k, n - k + 1, middle) <= alpha)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void proportion_limits(double k, double n, double alpha, double *low, double *high)
{
	CHECK(k >= 0 && k <= n);
	*low = k > 0 ? crossing(k, n, alpha) : 0;
	*high = k < n ? 1 - crossing(n - k, n, alpha) : 1;
}

struct proportion proportion_interval(uint64_t k, uint64_t n)
{
	double alpha = 1 - PROPORTION_CONFIDENCE;
	struct proportion p = {.k = k, .n = n};

	CHECK(k <= n);
	proportion_limits((double)k, (double)n, alpha / 2, &p.low, &p.high);
	if (k > 0)
		p.at_least = crossing((double)k, (double)n, alpha);
	return p;
}

void proportion_json(struct json_out *o, const char *key, uint64_t k, uint64_t n)
{
	struct proportion p = proportion_interval(k, n);

	json_out_open(o, key, '{');
	json_out_u64(o, "k", k);
	json_out_u64(o, "n", n);
	if (n)
		json_out_real(o, "share", (double)k / (double)n);
	else
		json_out_null(o, "share");
	json_out_real(o, "low", p.low);
	json_out_real(o, "high", p.high);
	json_out_real(o, "at_least", p.at_least);
	json_out_close(o);
}
