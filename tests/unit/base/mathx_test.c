/* Our arithmetic against libm (which tests may link), against exact sums, and against the published
 * table of sample sizes that the verdict rests on. */
#include "harness/base/mathx.h"
#include "harness/base/check.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SAMPLES = 400000 };

/* How many units in the last place lie between a value and the long double truth. */
static double ulps(double value, long double truth)
{
	double next = nextafter((double)truth, INFINITY);

	return (double)(fabsl((long double)value - truth) / (next - (double)truth));
}

static double relative(double value, long double truth)
{
	return (double)(fabsl((long double)value - truth) / fabsl(truth));
}

START_TEST(log_is_within_two_ulp)
{
	struct prng g = prng_stream(1, "test/log");
	double worst = 0;

	for (int i = 0; i < SAMPLES; i++) {
		uint64_t bits = prng_below(prng_next(&g), 0x7ff0000000000000u);
		double x, near;

		memcpy(&x, &bits, sizeof(x)); /* any finite double, subnormals too */
		if (x > 0)
			worst = fmax(worst, ulps(mathx_log(x), logl(x)));
		near = 0.5 + 1.5 * prng_unit(bits << 11); /* around the zero at 1 */
		worst = fmax(worst, ulps(mathx_log(near), logl(near)));
	}
	ck_assert_double_le(worst, 2);
	ck_assert(mathx_log(1) == 0);
}
END_TEST

START_TEST(exp_is_within_two_ulp)
{
	struct prng g = prng_stream(1, "test/exp");
	double worst = 0;

	for (int i = 0; i < SAMPLES; i++) {
		double u = prng_unit(prng_next(&g));
		double wide = (u - 0.5) * 1399, narrow = (u - 0.5) * 3;

		worst = fmax(worst, ulps(mathx_exp(wide), expl(wide)));
		worst = fmax(worst, ulps(mathx_exp(narrow), expl(narrow)));
	}
	ck_assert_double_le(worst, 2);
	ck_assert(mathx_exp(0) == 1);
}
END_TEST

/* Blocks of draws are the draws one by one, in whatever lanes. */
START_TEST(exponential_blocks_are_the_same_bits)
{
	struct prng g = prng_stream(1, "test/exponential");
	uint64_t u[67];
	double out[67];
	bool same = true;

	for (int round = 0; round < 20000; round++) {
		uint32_t n = (uint32_t)prng_below(prng_next(&g), 68);

		for (uint32_t i = 0; i < n; i++) {
			u[i] = prng_next(&g);
			if (round < 130)
				u[i] = round & 1 ? UINT64_MAX >> (round / 2 % 64)
				                 : UINT64_C(1) << (round / 2 % 64);
		}
		mathx_exponential(n, u, out);
		for (uint32_t i = 0; i < n; i++) {
			double one = -mathx_log(prng_unit(u[i]));

			same = same && memcmp(&one, &out[i], sizeof(one)) == 0;
		}
	}
	ck_assert(same);
}
END_TEST

START_TEST(exp_blocks_are_the_same_bits)
{
	struct prng g = prng_stream(1, "test/exp_all");
	double x[67], out[67];
	bool same = true;

	for (int round = 0; round < 20000; round++) {
		uint32_t n = (uint32_t)prng_below(prng_next(&g), 68);

		for (uint32_t i = 0; i < n; i++) {
			x[i] = (prng_unit(prng_next(&g)) - 0.5) * 1399;
			if (round % 3 == 0) /* about where the whole number changes */
				x[i] = (mathx_floor(x[i]) + 0.5) * 0x1.62e42fefa39efp-1;
			if (round % 3 == 1)
				x[i] *= 0x1p-10;
		}
		mathx_exp_all(n, x, out);
		for (uint32_t i = 0; i < n; i++) {
			double one = mathx_exp(x[i]);

			same = same && memcmp(&one, &out[i], sizeof(one)) == 0;
		}
	}
	ck_assert(same);
}
END_TEST

START_TEST(quantile_blocks_are_the_same_bits)
{
	struct prng g = prng_stream(1, "test/quantiles");
	double p[67], out[67];
	bool same = true;

	for (int round = 0; round < 20000; round++) {
		uint32_t n = (uint32_t)prng_below(prng_next(&g), 68);

		for (uint32_t i = 0; i < n; i++) {
			uint64_t u = prng_next(&g);

			p[i] = prng_unit(u);
			if (round % 4 == 1) /* far out on either side */
				p[i] = u & 1 ? prng_unit(u >> u % 50) : 1 - prng_unit(u >> u % 50);
			if (round % 4 == 2) /* about where one approximation follows another */
				p[i] = (u & 1 ? 0.075 : 0.925) + (p[i] - 0.5) * 0x1p-40;
			if (round % 4 == 3)
				p[i] = 1.388794386496402e-11 * (1 + (p[i] - 0.5) * 0x1p-3);
		}
		mathx_normal_quantiles(n, p, out);
		for (uint32_t i = 0; i < n; i++) {
			double one = mathx_normal_quantile(p[i]);

			same = same && memcmp(&one, &out[i], sizeof(one)) == 0;
		}
	}
	ck_assert(same);
}
END_TEST

START_TEST(log1p_and_pow_follow)
{
	struct prng g = prng_stream(1, "test/log1p");

	for (int i = 0; i < SAMPLES / 4; i++) {
		double u = prng_unit(prng_next(&g));
		double tiny = u * exp(-40 * u), x = 0.1 + 10 * u, y = 4 * u - 2;

		ck_assert_double_le(ulps(mathx_log1p(tiny), log1pl(tiny)), 4);
		ck_assert_double_le(ulps(mathx_log1p(-u), log1pl(-u)), 4);
		ck_assert_double_le(relative(mathx_pow(x, y), powl(x, y)), 4e-15);
	}
	ck_assert(mathx_log1p(1e-300) == 1e-300);
}
END_TEST

START_TEST(rounding_agrees_with_libm)
{
	static const double xs[] = {0, 0.5, -0.5, 1, -1, 1.5, -1.5, 2.0000000000000004, 0x1p52,
	        -0x1p52, 0x1p52 - 0.5, -0x1p52 + 0.5, 0x1p53, 1e300, -1e300, 5e-324,
	        0.9999999999999999};

	for (size_t i = 0; i < ARRAY_LEN(xs); i++) {
		ck_assert(mathx_floor(xs[i]) == floor(xs[i]));
		ck_assert(mathx_ceil(xs[i]) == ceil(xs[i]));
	}
	ck_assert(mathx_sqrt(2) == sqrt(2));
	ck_assert(mathx_sqrt(0) == 0);
}
END_TEST

/* Phi(z) by erfc of libm is good to 1e-19 in long double; its slope turns an error of p into one of
 * z. */
START_TEST(normal_quantile_is_as241)
{
	for (int i = 1; i < 20000; i++) {
		double p = i / 20000.0, z = mathx_normal_quantile(p);
		long double truth = z;

		for (int k = 0; k < 3; k++) { /* Newton on the exact distribution function */
			long double f = 0.5L * erfcl(-truth / sqrtl(2)) - p;

			truth -= f / (expl(-truth * truth / 2) / sqrtl(2 * acosl(-1)));
		}
		if (p != 0.5)
			ck_assert_msg(relative(z, truth) < 1e-15, "p %.17g z %.17g", p, z);
	}
	ck_assert(mathx_normal_quantile(0.5) == 0);
	ck_assert_double_eq_tol(mathx_normal_quantile(0.99), 2.3263478740408408, 4e-15);
	ck_assert_double_eq_tol(mathx_normal_quantile(1e-20), -9.262340089798408, 2e-14);
}
END_TEST

START_TEST(gamma_log_keeps_its_relative_error)
{
	for (int i = 1; i < 40000; i++) {
		double x = i / 1000.0, far = 40.0 * i;

		if (x != 1 && x != 2)
			ck_assert_msg(relative(mathx_gamma_log(x), lgammal(x)) < 1e-13, "x %g", x);
		ck_assert_double_lt(relative(mathx_gamma_log(far), lgammal(far)), 1e-13);
	}
	ck_assert_double_lt(fabs(mathx_gamma_log(1)), 1e-300);
	ck_assert_double_lt(fabs(mathx_gamma_log(2)), 1e-300);
	ck_assert_double_lt(relative(mathx_gamma_log(1 + 1e-9), lgammal(1 + 1e-9)), 1e-13);
	ck_assert_double_lt(relative(mathx_gamma_log(2 - 1e-9), lgammal(2 - 1e-9)), 1e-13);
}
END_TEST

/* P[Bin(n, p) <= k] term by term in long double. */
static long double binomial_sum(int n, long double p, int k)
{
	long double term = powl(1 - p, n), sum = term;

	for (int i = 1; i <= k; i++) {
		term *= (n - i + 1) * p / (i * (1 - p));
		sum += term;
	}
	return sum;
}

START_TEST(binomial_matches_exact_sums)
{
	static const double ps[] = {0.001, 0.01, 0.1, 0.5, 0.9, 0.999};
	static const int ns[] = {1, 2, 7, 44, 459, 1000, 4096, 4097, 9000};

	for (size_t i = 0; i < ARRAY_LEN(ps); i++)
		for (size_t j = 0; j < ARRAY_LEN(ns); j++)
			for (int k = 0; k < ns[j]; k += 1 + ns[j] / 97) {
				double value = mathx_binomial_cdf(ns[j], ps[i], k);

				if (powl(1 - ps[i], ns[j]) == 0)
					continue; /* the sum cannot start there */
				ck_assert_double_eq_tol(
				        value, (double)binomial_sum(ns[j], ps[i], k), 1e-12);
			}
	ck_assert(mathx_binomial_cdf(10, 0.5, -1) == 0);
	ck_assert(mathx_binomial_cdf(10, 0.5, 10) == 1);
	ck_assert(mathx_binomial_cdf(10, 0, 0) == 1);
	ck_assert(mathx_binomial_cdf(10, 1, 9) == 0);
}
END_TEST

START_TEST(binomial_is_one_function_across_its_methods)
{
	/* The same tail from both ends: P[X <= k] with p and P[X >= n - k] with 1 - p. */
	for (int64_t n = 4000; n < 4200; n += 7)
		for (int64_t k = 0; k < n; k += 131)
			ck_assert_double_eq_tol(mathx_binomial_cdf(n, 0.25, k),
			        1 - mathx_binomial_cdf(n, 0.75, n - k - 1), 1e-12);
	ck_assert_double_eq_tol(
	        mathx_binomial_cdf(100000000, 0.5, 50000000), 0.50003989422804, 1e-11);
}
END_TEST

START_TEST(beta_inc_has_its_closed_forms)
{
	for (int i = 1; i < 100; i++) {
		double x = i / 100.0;

		ck_assert_double_eq_tol(mathx_beta_inc(1, 1, x), x, 1e-14);
		ck_assert_double_eq_tol(mathx_beta_inc(3, 1, x), x * x * x, 1e-14);
		ck_assert_double_eq_tol(mathx_beta_inc(1, 2.5, x), 1 - pow(1 - x, 2.5), 1e-14);
		ck_assert_double_eq_tol(
		        mathx_beta_inc(0.5, 0.5, x), 2 / acos(-1) * asin(sqrt(x)), 1e-14);
	}
	ck_assert(mathx_beta_inc(2, 3, 0) == 0);
	ck_assert(mathx_beta_inc(2, 3, 1) == 1);
}
END_TEST

/* FORMATS §1: the smallest n with P[Bin(n, 1 - q) <= t] <= 0.01. */
START_TEST(needed_samples_match_the_table)
{
	static const int over[] = {0, 1, 2, 5, 10, 20, 50, 100};
	static const struct {
		double share;
		int64_t needed[8];
	} table[] = {
	        {0.1, {44, 64, 81, 127, 197, 325, 681, 1246}},
	        {0.05, {90, 130, 165, 259, 398, 656, 1372, 2504}},
	        {0.01, {459, 662, 838, 1307, 2010, 3304, 6898, 12571}},
	        {0.001, {4603, 6636, 8403, 13105, 20140, 33097, 69058, 125826}},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		for (size_t j = 0; j < ARRAY_LEN(over); j++) {
			int64_t n = table[i].needed[j];

			ck_assert_double_le(mathx_binomial_cdf(n, table[i].share, over[j]), 0.01);
			ck_assert_double_gt(
			        mathx_binomial_cdf(n - 1, table[i].share, over[j]), 0.01);
		}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mathx");

	add_test(s, "log", log_is_within_two_ulp);
	add_test(s, "exp", exp_is_within_two_ulp);
	add_test(s, "exponential", exponential_blocks_are_the_same_bits);
	add_test(s, "exp_all", exp_blocks_are_the_same_bits);
	add_test(s, "quantiles", quantile_blocks_are_the_same_bits);
	add_test(s, "log1p", log1p_and_pow_follow);
	add_test(s, "rounding", rounding_agrees_with_libm);
	add_test(s, "quantile", normal_quantile_is_as241);
	add_test(s, "gamma", gamma_log_keeps_its_relative_error);
	add_test(s, "binomial", binomial_matches_exact_sums);
	add_test(s, "methods", binomial_is_one_function_across_its_methods);
	add_test(s, "beta", beta_inc_has_its_closed_forms);
	add_test(s, "table", needed_samples_match_the_table);
	return run_suite(s);
}
