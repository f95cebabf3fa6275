/* Gamma, incomplete beta and binomial: what the verdict on a percentile stands on (FORMATS §1).
 *
 * The trap is cancellation. ln Gamma(10^6) is about 10^7, so a binomial term made of three of them
 * is wrong in its ninth digit before it begins. Hence Loader's way ("Fast and accurate computation
 * of binomial probabilities", 2000): the term is written with the errors of Stirling's formula,
 * which are small, and with deviances x ln(x/m) + m - x, which are small where the term is not.
 *
 * ln Gamma itself has zeros at 1 and 2, where only a series around them keeps the relative error.
 */
#include "harness/base/mathx.h"
#include "harness/base/check.h"

#include <float.h>
#include <stdbool.h>

#define EULER_GAMMA      0x1.2788cfc6fb619p-1
#define HALF_LN_TWO_PI   0x1.d67f1c864beb5p-1
#define TWO_PI           0x1.921fb54442d18p+2
#define EXP_ARGUMENT_MIN (-699.0)

enum { SUMMED_N_MAX = 4096, FRACTION_STEPS_MAX = 1 << 20 };

/* ln Gamma(2 + z), |z| <= 1/2: (1 - gamma) z + sum over k >= 2 of (-1)^k (zeta(k) - 1) z^k / k. */
static double gamma_log_around_2(double z)
{
	static const double zeta_minus_1_by_k[] = {0x1.4a34cc4a60fa6p-2, 0x1.13e001a557607p-4,
	        0x1.51322ac7d8483p-6, 0x1.e404fc218f5f2p-8, 0x1.7add6eadb6c30p-9,
	        0x1.38ac5c2bf8e08p-10, 0x1.0b36af86396e9p-11, 0x1.d3fd4c76d2fc8p-13,
	        0x1.a127b0f17d65ap-14, 0x1.78de5bd7c81efp-15, 0x1.580dcee66eb02p-16,
	        0x1.3cbc963ce2243p-17, 0x1.2597a39f34aacp-18, 0x1.11b2eb7679541p-19,
	        0x1.0064cdeb22f0fp-20, 0x1.e2600d93cfd2fp-22, 0x1.c76bbb3f07a4dp-23,
	        0x1.af5a6cbbf8a97p-24, 0x1.99b93c2070b0fp-25, 0x1.862c734df3eacp-26,
	        0x1.7469daccfadcdp-27, 0x1.6434a8447aeadp-28, 0x1.555a877ffd2c3p-29,
	        0x1.47b1679258d0ep-30, 0x1.3b15d2b2fc10cp-31,
	        0x1.2f69a9fabe3e0p-32}; /* k = 2 … 27 */
	double sum = 0;

	for (int i = (int)ARRAY_LEN(zeta_minus_1_by_k) - 1; i >= 0; i--)
		sum = zeta_minus_1_by_k[i] - z * sum;
	return z * ((1 - EULER_GAMMA) + z * sum);
}

/* ln Gamma(x) - [(x - 1/2) ln x - x + ln(2 pi)/2] for x >= 10: Stirling's series, seven terms. */
static double stirling_tail(double x)
{
	double y = 1 / (x * x);
	double s = 1.0 / 156;

	s = s * y - 691.0 / 360360;
	s = s * y + 1.0 / 1188;
	s = s * y - 1.0 / 1680;
	s = s * y + 1.0 / 1260;
	s = s * y - 1.0 / 360;
	s = s * y + 1.0 / 12;
	return s / x;
}

double mathx_gamma_log(double x)
{
	double product = 1;

	CHECK(x > 0);
	if (x < 0.5)
		return gamma_log_around_2(x) - mathx_log1p(x) - mathx_log(x);
	if (x < 1.5)
		return gamma_log_around_2(x - 1) - mathx_log1p(x - 1);
	if (x >= 10)
		return ((x - 0.5) * mathx_log(x) - x) + HALF_LN_TWO_PI + stirling_tail(x);
	while (x > 2.5) {
		x -= 1;
		product *= x;
	}
	return mathx_log(product) + gamma_log_around_2(x - 2);
}

/* The same difference for any x > 0, of Gamma(x + 1): what Loader calls the Stirling error of x. */
static double stirling_error(double x)
{
	if (x >= 10)
		return stirling_tail(x);
	return mathx_gamma_log(x + 1) - ((x + 0.5) * mathx_log(x) - x) - HALF_LN_TWO_PI;
}

/* x ln(x/m) + m - x, without cancellation where x is near m: with v = (x - m)/(x + m), ln(x/m) is
 * 2 artanh(v), and the leading parts cancel on paper to (x - m) v. */
static double deviance(double x, double m)
{
	double v = (x - m) / (x + m), power = 2 * x * v, sum = (x - m) * v;

	if (v > 0.1 || v < -0.1)
		return x * mathx_log(x / m) + (m - x);
	for (int j = 3;; j += 2) {
		double next;

		power *= v * v;
		next = sum + power / j;
		if (next == sum)
			return sum;
		sum = next;
	}
}

/* Gamma(n+1) / (Gamma(k+1) Gamma(n-k+1)) · p^k · q^(n-k) for real 0 < k < n, p + q = 1. */
static double binomial_term(double k, double n, double p, double q)
{
	double rest = n - k;
	double log_term = stirling_error(n) - stirling_error(k) - stirling_error(rest) -
	                  deviance(k, n * p) - deviance(rest, n * q);

	if (log_term < EXP_ARGUMENT_MIN)
		return 0;
	return mathx_exp(log_term) * mathx_sqrt(n / (TWO_PI * k * rest));
}

/* The continued fraction of I_x(a, b) (Abramowitz and Stegun 26.5.8) by Lentz's method; converges
 * within about sqrt(max(a, b)) steps where x < (a + 1)/(a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;

	d = 1 / (d > -tiny && d < tiny ? tiny : d);
	h = d;
	for (int step = 1; step <= FRACTION_STEPS_MAX; step++) {
		double m = step;
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double change;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (d > -tiny && d < tiny ? tiny : d);
		c = c > -tiny && c < tiny ? tiny : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (d > -tiny && d < tiny ? tiny : d);
		c = c > -tiny && c < tiny ? tiny : c;
		change = d * c;
		h *= change;
		if (change - 1 < DBL_EPSILON && 1 - change < DBL_EPSILON)
			break;
	}
	return h;
}

/* I_x(a, b) with y = 1 - x given apart, since the caller may know it better than by subtraction. */
static double beta_inc(double a, double b, double x, double y)
{
	bool upper = x > (a + 1) / (a + b + 2);
	double front, value;

	if (upper) {
		double t = a;

		a = b;
		b = t;
		t = x;
		x = y;
		y = t;
	}
	front = binomial_term(a, a + b, x, y) * b / (a + b); /* x^a y^b / (a B(a, b)) */
	value = front * beta_fraction(a, b, x);
	return upper ? 1 - value : value;
}

double mathx_beta_inc(double a, double b, double x)
{
	CHECK(a > 0 && b > 0 && x >= 0 && x <= 1);
	if (x == 0 || x == 1)
		return x;
	return beta_inc(a, b, x, 1 - x);
}

/* Sums the terms 0 … k, from the largest down, k below the mean: each is the one above it times
 * i q / ((n - i + 1) p). */
static double sum_below(double n, double p, double q, double k)
{
	double term, sum;

	if (k == 0)
		return n * mathx_log1p(-p) > EXP_ARGUMENT_MIN ? mathx_exp(n * mathx_log1p(-p)) : 0;
	term = sum = binomial_term(k, n, p, q);
	for (double i = k; i > 0 && term > sum * 1e-20; i--) {
		term *= i * q / ((n - i + 1) * p);
		sum += term;
	}
	return sum;
}

double mathx_binomial_cdf(int64_t n, double p, int64_t k)
{
	double dn = (double)n, dk = (double)k, q = 1 - p;

	CHECK(n >= 0 && p >= 0 && p <= 1);
	if (k < 0)
		return 0;
	if (k >= n || p == 0)
		return 1;
	if (p == 1)
		return 0;
	if (n > SUMMED_N_MAX)
		return beta_inc(dn - dk, dk + 1, q, p);
	if (dk < dn * p)
		return sum_below(dn, p, q, dk);
	return 1 - sum_below(dn, q, p, dn - dk - 1); /* the other tail, seen from the other end */
}
