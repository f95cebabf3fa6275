/* Logarithm, exponential and quantiles in our own arithmetic: +, -, *, / and sqrt of IEEE 754
 * doubles only, never libm, so that every compiler at every level gives the same bits
 * (-ffp-contract=off). Accuracy: mathx_log and mathx_exp within 2 ulp over their whole range
 * (tested against libm in tests); mathx_normal_quantile relative error below 1e-15 (Wichura,
 * "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37,
 * 1988). */
#ifndef LPC_BASE_MATHX_H
#define LPC_BASE_MATHX_H

#include <stdint.h>

double mathx_log(double x); /* x > 0, finite */
/* out[i] = -mathx_log(prng_unit(u[i])), to the bit: exponential draws of mean 1. Apart. */
void mathx_exponential(uint32_t n, const uint64_t u[], double out[]);
double mathx_exp(double x); /* -700 < x < 700 */
/* out[i] = mathx_exp(x[i]), to the bit. Apart. */
void mathx_exp_all(uint32_t n, const double x[], double out[]);
double mathx_log1p(double x);         /* x > -1 */
double mathx_pow(double x, double y); /* x > 0: exp(y log x) */
double mathx_sqrt(double x);          /* the hardware's correctly rounded one */
double mathx_ceil(double x);
double mathx_floor(double x);
double mathx_normal_quantile(double p); /* 0 < p < 1; 2.326… for 0.99 */
/* out[i] = mathx_normal_quantile(p[i]), to the bit. Apart. */
void mathx_normal_quantiles(uint32_t n, const double p[], double out[]);
double mathx_gamma_log(double x); /* ln Gamma(x), x > 0; relative error < 1e-13 */
double mathx_beta_inc(double a, double b, double x); /* regularised incomplete beta I_x(a, b) */

/* P[Bin(n, p) <= k], exact to about 1e-12: by summation for small n, else by the incomplete beta.
 */
double mathx_binomial_cdf(int64_t n, double p, int64_t k);

#endif
