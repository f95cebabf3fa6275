/* P[Bin(n, p) >= k] = I_p(k, n - k + 1) rises with p, so each end is where it crosses the error
 * that is allowed: found by halving until the two ends are neighbours, which needs no derivative
 * and no starting point, and ends in the same two doubles everywhere. */
#include "reports/proportion.h"

#include "harness/base/check.h"
#include "harness/base/json.h"
#include "harness/base/mathx.h"

enum { HALVINGS_MAX = 1100 }; /* more than a double has between 0 and 1 */

/* The largest p seen with P[Bin(n, p) >= k] <= alpha; k >= 1. */
static double crossing(uint64_t k, uint64_t n, double alpha)
{
	double low = 0, high = 1;

	for (int i = 0; i < HALVINGS_MAX; i++) {
		double middle = low + (high - low) / 2;

		if (middle == low || middle == high)
			break;
		if (mathx_beta_inc((double)k, (double)(n - k) + 1, middle) <= alpha)
			low = middle;
		else
			high = middle;
	}
	return low;
}

struct proportion proportion_interval(uint64_t k, uint64_t n)
{
	double alpha = 1 - PROPORTION_CONFIDENCE;
	struct proportion p = {.k = k, .n = n, .low = 0, .high = 1, .at_least = 0};

	CHECK(k <= n);
	if (k > 0) {
		p.low = crossing(k, n, alpha / 2);
		p.at_least = crossing(k, n, alpha);
	}
	if (k < n)
		p.high = 1 - crossing(n - k, n, alpha / 2);
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
