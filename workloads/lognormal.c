/* Two quantiles and two exponentials a request would cost more than simulating it. The quantile
 * function is smooth except at its ends, so the middle of it is cut into pieces of 1/1024, each a
 * cubic that meets value and slope of the formula at both ends (Hermite): the error falls with the
 * fourth power of the piece's width over its distance from the end, and 32 pieces from either end
 * it is some 1e-9 of the value for the laws that traffic has. The tails, where p99 and the clips
 * live, take the formula.
 *
 * Slope: d/du median exp(sigma z(u)) = value * sigma / phi(z), phi the normal density. */
#include "workloads/lognormal.h"
#include "harness/base/mathx.h"

#define SQRT_TWO_PI 0x1.40d931ff62706p+1

double lognormal_exact(const struct lognormal *law, double u)
{
	return law->median * mathx_exp(law->sigma * mathx_normal_quantile(u));
}

/* Slope over one piece. */
static double slope(const struct lognormal *law, double u, double value)
{
	double z = mathx_normal_quantile(u);

	return value * law->sigma * SQRT_TWO_PI * mathx_exp(z * z / 2) / LOGNORMAL_PIECES;
}

void lognormal_init(struct lognormal *law, double median, double p99, struct arena *arena)
{
	struct lognormal_piece *pieces =
	        ARENA_ARRAY(arena, struct lognormal_piece, LOGNORMAL_PIECES);
	const int first = LOGNORMAL_TAIL, last = LOGNORMAL_PIECES - LOGNORMAL_TAIL;
	double u = (double)first / LOGNORMAL_PIECES, value, rise;

	CHECK(median > 0 && p99 >= median);
	law->median = median;
	law->sigma = mathx_log(p99 / median) / mathx_normal_quantile(0.99);
	law->pieces = pieces;
	value = lognormal_exact(law, u);
	rise = slope(law, u, value);
	for (int i = first; i < last; i++) {
		double next_u = (double)(i + 1) / LOGNORMAL_PIECES;
		double next = lognormal_exact(law, next_u);
		double next_rise = slope(law, next_u, next);

		pieces[i] = (struct lognormal_piece){
		        {value, rise, 3 * (next - value) - 2 * rise - next_rise,
		                rise + next_rise - 2 * (next - value)}};
		value = next;
		rise = next_rise;
	}
}
