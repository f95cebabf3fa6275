/* How many wait, seen every service time: whoever was in service has left, at most k of the waiting
 * have entered, and a Poisson number A of arrivals has come, so
 *
 *	Q' = max(Q + A - k, 0),   A Poisson with mean lambda = k rho.
 *
 * Spitzer's identity gives the stationary law of this walk by its partial sums S_n, and there it is
 * a compound Poisson law:
 *
 *	E[z^Q] = exp(sum over j >= 1 of c_j (z^j - 1)),   c_j = sum over n of P(S_n = j) / n,
 *	P(S_n = j) = P(Poisson(n lambda) = n k + j)
 *
 * so that E[Q] = sum j c_j, the mean wait by Little's law, and all probabilities come by Panjer's
 * recursion. Nothing is ever subtracted: it is as exact for 16,384 servers as for one, where
 * Crommelin's linear equations and roots, and Erlang's alternating series, run out of digits. What
 * grows is the number of states, with 1/(1 - rho), and the number of sums, with 1/(k (1 - rho)²).
 *
 * Poisson probabilities are taken at n k, by Stirling's series and the deviance n k (rho - 1 - ln
 * rho), whose parts do not cancel, and then from neighbour to neighbour.
 *
 * The wait (Franx): with w = floor(x) + 1 and z = lambda (w - x),
 *
 *	P(W <= x) = sum over j < w k of P(Poisson(z) = j) P(Q <= w k - 1 - j) */
#include "harness/base/queueing.h"

#include "harness/base/arena.h"
#include "harness/base/mathx.h"

#define TWO_PI    0x1.921fb54442d18p+2
#define HALF_LN2P 0x1.d67f1c864beb5p-1 /* ln(2 pi) / 2 */
#define WORK_MAX  3e8
#define DIGITS    34.0 /* e^-34: what is left out of the sums */

/* ln(m!) - (m + 1/2) ln m + m - ln(2 pi)/2, m >= 1. */
static double stirling_rest(double m)
{
	double r = 1 / (m * m), log_factorial = 0;

	if (m > 15)
		return (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r / 1680))) / m;
	for (double i = 2; i <= m; i++)
		log_factorial += mathx_log(i);
	return log_factorial - (m + 0.5) * mathx_log(m) + m - HALF_LN2P;
}

static double exp_or_0(double x)
{
	return x > -690 ? mathx_exp(x) : 0;
}

/* P(Poisson = m) where its mean is m times `ratio` and deviance = m (ratio - 1 - ln ratio). */
static double poisson_at(double m, double deviance)
{
	return exp_or_0(-deviance - stirling_rest(m)) / mathx_sqrt(TWO_PI * m);
}

/* P(Poisson(mean) = floor(mean)). */
static double poisson_mode(double mean)
{
	double m = mathx_floor(mean), over;

	if (m < 1)
		return mathx_exp(-mean);
	over = (mean - m) / m;
	return poisson_at(m, m * (over - mathx_log1p(over)));
}

/* The rate at which P(Q > m) falls: the positive root of t = rho (e^t - 1). */
static double decay(double rho)
{
	double low = 0, high = 1;

	while (rho * (mathx_exp(high) - 1) < high)
		high *= 2;
	for (int i = 0; i < 60; i++) {
		double t = (low + high) / 2;

		if (rho * (mathx_exp(t) - 1) < t)
			low = t;
		else
			high = t;
	}
	return high;
}

/* c_1 … c_states into c[1 …]. `sums` of them are enough. */
static void jumps(double *c, uint32_t states, double k, double rho, double sums)
{
	double deviance = rho - 1 - mathx_log1p(rho - 1);

	for (double n = 1; n <= sums; n++) {
		double at = n * k, mean = at * rho, p = poisson_at(at, at * deviance);

		for (uint32_t j = 1; j <= states && p > 1e-40; j++) {
			p *= mean / (at + j);
			c[j] += p / n;
		}
	}
}

bool queueing_mdk_init(struct queueing_mdk *q, uint32_t k, double rho)
{
	double states, sums, none = 0, sum = 0, *c, *p;

	CHECK(k > 0 && k <= QUEUEING_SERVERS_MAX && rho > 0 && rho < 1);
	*q = (struct queueing_mdk){.k = k, .rho = rho};
	states = mathx_ceil(DIGITS / decay(rho)) + 8;
	sums = mathx_ceil(DIGITS / (k * (rho - 1 - mathx_log1p(rho - 1)))) + 1;
	if (states * (sums + states) > WORK_MAX)
		return false;
	q->n = (uint32_t)states;
	c = mem_alloc(q->n + 1, sizeof(*c));
	p = q->waiting = mem_alloc(q->n, sizeof(*p));
	jumps(c, q->n, k, rho, sums);
	for (uint32_t j = q->n; j >= 1; j--) {
		none += c[j];
		c[j] *= j;
		sum += c[j];
	}
	q->mean = sum / (k * rho);
	p[0] = exp_or_0(-none);
	for (uint32_t m = 1; m < q->n; m++) {
		double mass = 0;

		for (uint32_t j = 1; j <= m; j++)
			mass += c[j] * p[m - j];
		p[m] = mass / m;
	}
	for (uint32_t m = 1; m < q->n; m++)
		p[m] += p[m - 1];
	mem_free(c);
	q->p_wait = 1 - queueing_mdk_cdf(q, 0);
	if (q->p_wait < 0)
		q->p_wait = 0;
	return true;
}

void queueing_mdk_free(struct queueing_mdk *q)
{
	mem_free(q->waiting);
	q->waiting = NULL;
}

static double at_most(const struct queueing_mdk *q, double waiting)
{
	return waiting < q->n ? q->waiting[(uint32_t)waiting] : 1;
}

double queueing_mdk_cdf(const struct queueing_mdk *q, double wait)
{
	double whole = mathx_floor(wait) + 1, z = q->k * q->rho * (whole - wait);
	double top = whole * q->k - 1, mode = mathx_floor(z), p = poisson_mode(z), sum = 0, term;

	CHECK(wait >= 0);
	term = p;
	for (double j = mode; j >= 0 && term > 1e-40; j--) {
		sum += term * at_most(q, top - j);
		term *= j / z;
	}
	term = p;
	for (double j = mode + 1; j <= top && term > 1e-40; j++) {
		term *= z / j;
		sum += term * at_most(q, top - j);
	}
	return sum < 1 ? sum : 1;
}

double queueing_mdk_quantile(const struct queueing_mdk *q, double p)
{
	double low = 0, high = 1;

	CHECK(p >= 0 && p < 1);
	if (queueing_mdk_cdf(q, 0) >= p)
		return 0;
	while (queueing_mdk_cdf(q, high) < p && high < 1e9)
		high *= 2;
	for (int i = 0; i < 50; i++) {
		double middle = (low + high) / 2;

		if (queueing_mdk_cdf(q, middle) < p)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double queueing_erlang_c(uint32_t k, double rho)
{
	double blocked = 1, a = k * rho; /* Erlang B, one server after the other */

	for (double i = 1; i <= k; i++)
		blocked = a * blocked / (i + a * blocked);
	return blocked / (1 - rho * (1 - blocked));
}

double queueing_allen_cunneen(uint32_t k, double rho, double ca2, double cs2)
{
	return (ca2 + cs2) / 2 * queueing_erlang_c(k, rho) / (k * (1 - rho));
}

double queueing_kingman(uint32_t k, double rho, double ca2, double cs2)
{
	double lambda = k * rho, servers = k;

	return lambda *
	       (ca2 / (lambda * lambda) + cs2 / servers + (servers - 1) / servers / servers) /
	       (2 * (1 - rho));
}

/* On the axis of the time spent on, gaps are exponential; every end of a burst that lies in one
 *adds a silence. With the burst as unit of time, gap x ~ Exp(m), and K ends in it: floor(x), and
 *one more with probability x - floor(x), as a burst is entered anywhere. So E[K | x] = x, and
 *
 *	E[(x + s K)²] = E[x²] + 2 s E[x²] + s² E[K²],   E[K²] = E[x (2 floor(x) + 1)] - E[floor(x)²
 *+ floor(x)]
 *
 * with floor(x) geometric, s = burst_factor - 1. */
double queueing_onoff_ca2(double per_period, double burst_factor)
{
	double m = per_period, s = burst_factor - 1, e = exp_or_0(-m), square = 2 / (m * m);
	double n = e / (1 - e), n2 = e * (1 + e) / ((1 - e) * (1 - e)), rest = 1 / m - n;
	double k2 = n2 + 2 * n * rest + rest;

	return (square * (1 + 2 * s) + s * s * k2) * m * m / (burst_factor * burst_factor) - 1;
}
