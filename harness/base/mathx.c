/* Elementary functions for results that must be the same bits everywhere.
 *
 * libm's log may differ in its last bit between versions and machines, and one bit moves an arrival
 * by a nanosecond, a queue by a slot and a digest altogether. So the plan's logarithms are made
 * here of IEEE operations alone, in an order that the text fixes (-ffp-contract=off forbids a
 * silent fma).
 *
 * log: x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f), ln m = 2 artanh s. The
 * plain Taylor series of artanh in z = s² <= 0.0295 needs ten terms to get below 2^-55; no fitted
 * coefficients. The large part f - f²/2 is kept exact and only the small rest is multiplied by s,
 * which holds the error under one unit in the last place.
 *
 * exp: x = k ln 2 + r, |r| <= ln(2)/2, Taylor to degree 13, scaled by writing k into the exponent.
 *
 * Polynomials are evaluated in pairs (Estrin): half the latency of Horner's rule, and the traffic
 * draws an exponential for every request: those it takes by the block, several at a time, in the
 * same order of operations and hence with the same bits. */
#include "harness/base/mathx.h"
#include "harness/base/check.h"
#include "harness/base/wide.h"

#include <string.h>

#define LN2_HI     0x1.62e42fee00000p-1 /* 33 bits: k * LN2_HI is exact */
#define LN2_LO     0x1.a39ef35793c76p-33
#define LOG2_E     0x1.71547652b82fep+0
#define SQRT2_BITS 0x3ff6a09e667f3bcdu

static double from_bits(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

static uint64_t to_bits(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

double mathx_sqrt(double x)
{
	CHECK(x >= 0);
	return __builtin_sqrt(x); /* one instruction with -fno-math-errno; IEEE 754 rounds it */
}

double mathx_floor(double x)
{
	double whole;

	if (!(x > -0x1p52 && x < 0x1p52))
		return x; /* has no fraction bits (or is no number) */
	whole = (double)(int64_t)x;
	return whole > x ? whole - 1 : whole;
}

double mathx_ceil(double x)
{
	double whole;

	if (!(x > -0x1p52 && x < 0x1p52))
		return x;
	whole = (double)(int64_t)x;
	return whole < x ? whole + 1 : whole;
}

/* 2 (z/3 + z²/5 + … + z^10/21): what 2 artanh(s)/s exceeds 2 by, z = s². */
static double artanh_rest(double z)
{
	double z2 = z * z, z4 = z2 * z2;
	double a = 2.0 / 3 + z * (2.0 / 5), b = 2.0 / 7 + z * (2.0 / 9);
	double c = 2.0 / 11 + z * (2.0 / 13), d = 2.0 / 15 + z * (2.0 / 17);
	double e = 2.0 / 19 + z * (2.0 / 21);

	return z * ((a + z2 * b) + z4 * ((c + z2 * d) + z4 * e));
}

/* x normal, and what its exponent is short of. Integer and floating-point arithmetic without a
 * choice in it, so that a compiler may take several at once: `upper` is 1 where the mantissa is at
 * least sqrt(2), and moves a factor of 2 from it to the exponent, which becomes a double by way of
 * the low bits of 2^52. */
static inline double log_of(double x, double k)
{
	uint64_t bits = to_bits(x);
	uint64_t m = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
	uint64_t upper = 1 - ((m - SQRT2_BITS) >> 63);
	double f = from_bits(m - (upper << 52)) - 1;
	double s = f / (2 + f), half_square = 0.5 * f * f;
	double dk = from_bits(((bits >> 52) + upper) | 0x4330000000000000u) - (0x1p52 + 1023) + k;

	return dk * LN2_HI -
	       ((half_square - (s * (half_square + artanh_rest(s * s)) + dk * LN2_LO)) - f);
}

double mathx_log(double x)
{
	CHECK(x > 0 && x <= 0x1.fffffffffffffp+1023);
	return x < 0x1p-1022 ? log_of(x * 0x1p54, -54) : log_of(x, 0);
}

static WIDE_BODY void exponential(uint32_t n, const uint64_t *restrict u, double *restrict out)
{
	for (uint32_t i = 0; i < n; i++) {
		/* prng_unit, in arithmetic that has a vector form */
		double whole = from_bits(u[i] >> 12 | 0x4330000000000000u) - 0x1p52;

		out[i] = -log_of((whole + 0.5) * 0x1p-52, 0);
	}
}

WIDE_CODE static void exponential_wide(uint32_t n, const uint64_t *restrict u, double *restrict out)
{
	exponential(n, u, out);
}

void mathx_exponential(uint32_t n, const uint64_t u[], double out[])
{
	if (wide_machine())
		exponential_wide(n, u, out);
	else
		exponential(n, u, out);
}

double mathx_log1p(double x)
{
	double u = 1 + x;

	CHECK(x > -1);
	if (u == 1)
		return x;
	/* What rounding took from u it takes from u - 1 in the same proportion (Kahan). */
	return mathx_log(u) * (x / (u - 1));
}

/* 1/2! + r/3! + … + r^11/13! */
static double exp_rest(double r)
{
	double r2 = r * r, r4 = r2 * r2;
	double a = 1.0 / 2 + r * (1.0 / 6), b = 1.0 / 24 + r * (1.0 / 120);
	double c = 1.0 / 720 + r * (1.0 / 5040), d = 1.0 / 40320 + r * (1.0 / 362880);
	double e = 1.0 / 3628800 + r * (1.0 / 39916800);
	double f = 1.0 / 479001600 + r * (1.0 / 6227020800);

	return (a + r2 * b) + r4 * ((c + r2 * d) + r4 * (e + r2 * f));
}

/* |x| < 700. Without a choice or a conversion that vectors do not have: the whole number below is
 * what adding 1.5 * 2^52 rounds to, less 1 if that is above; and it becomes an exponent by way of
 * the low bits of 2^52, as in log_of. */
static inline double exp_of(double x)
{
	double y = x * LOG2_E + 0.5, near = (y + 0x1.8p52) - 0x1.8p52;
	double k = near - (near > y ? 1.0 : 0.0);
	double hi = x - k * LN2_HI, lo = k * LN2_LO, r = hi - lo;
	double lost = (hi - r) - lo; /* of r, by rounding */

	return (1 + (r + (r * r * exp_rest(r) + lost))) *
	       from_bits(to_bits(k + (0x1p52 + 1023)) << 52);
}

double mathx_exp(double x)
{
	CHECK(x > -700 && x < 700);
	return exp_of(x);
}

static WIDE_BODY bool exponents(uint32_t n, const double *restrict x, double *restrict out)
{
	uint64_t outside = 0;

	for (uint32_t i = 0; i < n; i++) {
		double size = x[i] < 0 ? -x[i] : x[i];

		outside |= !(size < 700);
		out[i] = exp_of(x[i]);
	}
	return !outside;
}

WIDE_CODE static bool exponents_wide(uint32_t n, const double *restrict x, double *restrict out)
{
	return exponents(n, x, out);
}

static bool exponents_any(uint32_t n, const double *restrict x, double *restrict out)
{
	return exponents(n, x, out);
}

void mathx_exp_all(uint32_t n, const double x[], double out[])
{
	bool inside = wide_machine() ? exponents_wide(n, x, out) : exponents_any(n, x, out);

	CHECK(inside);
}

double mathx_pow(double x, double y)
{
	return mathx_exp(y * mathx_log(x));
}

static double horner(const double *c, int n, double x)
{
	double y = c[n - 1];

	for (int i = n - 2; i >= 0; i--)
		y = y * x + c[i];
	return y;
}

/* AS 241, routine PPND16: three rational approximations, by distance from the middle. */
static const double middle_above[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
        1.9715909503065514427e3, 1.3731693765509461125e4, 4.5921953931549871457e4,
        6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3};
static const double middle_below[] = {1, 4.2313330701600911252e1, 6.8718700749205790830e2,
        5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
        2.8729085735721942674e4, 5.2264952788528545610e3};
static const double tail_above[] = {1.42343711074968357734e0, 4.63033784615654529590e0,
        5.76949722146069140550e0, 3.64784832476320460504e0, 1.27045825245236838258e0,
        2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
static const double tail_below[] = {1, 2.05319162663775882187e0, 1.67638483018380384940e0,
        6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
        5.47593808499534494600e-4, 1.05075007164441684324e-9};

static inline double quantile_middle(double q)
{
	double r = 0.180625 - q * q;

	return q * (horner(middle_above, 8, r) / horner(middle_below, 8, r));
}

/* r: 1.6 less than the root of what minus the logarithm of the nearer end's probability is. */
static inline double quantile_tail(double r)
{
	return horner(tail_above, 8, r) / horner(tail_below, 8, r);
}

double mathx_normal_quantile(double p)
{
	static const double e[] = {6.65790464350110377720e0, 5.46378491116411436990e0,
	        1.78482653991729133580e0, 2.96560571828504891230e-1, 2.65321895265761230930e-2,
	        1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
	static const double f[] = {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
	        1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
	        1.42151175831644588870e-7, 2.04426310338993978564e-15};
	double q = p - 0.5, r, z;

	CHECK(p > 0 && p < 1);
	if (q >= -0.425 && q <= 0.425)
		return quantile_middle(q);
	r = mathx_sqrt(-mathx_log(q < 0 ? p : 1 - p));
	if (r <= 5) {
		z = quantile_tail(r - 1.6);
	} else {
		r -= 5;
		z = horner(e, 8, r) / horner(f, 8, r);
	}
	return q < 0 ? -z : z;
}

#define QUANTILE_FAR 2e-11 /* the third approximation is for less than exp(-25) = 1.4e-11 */

#define SIGN_BIT (UINT64_C(1) << 63)

/* All ones where a < b. */
static inline uint64_t is_below(double a, double b)
{
	return 0 - (to_bits(a - b) >> 63);
}

static inline double either(uint64_t ones, double a, double b)
{
	return from_bits((to_bits(a) & ones) | (to_bits(b) & ~ones));
}

/* All but what is far out, which is done again by itself; 0 if nothing is. Choices are made of
 * bits, or a compiler would make branches of them. */
static WIDE_BODY uint64_t quantiles(uint32_t n, const double *restrict p, double *restrict out)
{
	uint64_t far = 0;

	for (uint32_t i = 0; i < n; i++) {
		double q = p[i] - 0.5, size = from_bits(to_bits(q) & ~SIGN_BIT);
		double end = either(is_below(q, 0), p[i], 1 - p[i]);
		uint64_t is_far = is_below(end, QUANTILE_FAR);
		double root = __builtin_sqrt(-log_of(either(is_far, QUANTILE_FAR, end), 0));
		double tail =
		        from_bits(to_bits(quantile_tail(root - 1.6)) ^ (to_bits(q) & SIGN_BIT));

		far |= is_far;
		out[i] = either(is_below(0.425, size), tail, quantile_middle(q));
	}
	return far;
}

WIDE_CODE static uint64_t quantiles_wide(uint32_t n, const double *restrict p, double *restrict out)
{
	return quantiles(n, p, out);
}

static uint64_t quantiles_any(uint32_t n, const double *restrict p, double *restrict out)
{
	return quantiles(n, p, out);
}

void mathx_normal_quantiles(uint32_t n, const double p[], double out[])
{
	uint64_t far = wide_machine() ? quantiles_wide(n, p, out) : quantiles_any(n, p, out);

	for (uint32_t i = 0; far && i < n; i++)
		if (!(p[i] >= QUANTILE_FAR && 1 - p[i] >= QUANTILE_FAR))
			out[i] = mathx_normal_quantile(p[i]);
}
