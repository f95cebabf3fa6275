/* One chain of reasoning serves percentiles and shares, runs of the same traffic and of another.
 *
 * What differs by chance. Cut both schedules into the same 20 stretches and count in each the
 * requests beyond the side's own percentile. The 20 differences of those counts hold what chance
 * makes of a difference, and nothing else: what every run of the scenario has at that time (a ramp,
 * a fault and its queue) is in both and cancels; that neighbours are late together shows as a
 * larger scatter; and where the traffic is the same, the same requests are late on both sides and
 * the scatter all but vanishes. Its ratio to that of independent requests is vif, and a request is
 * worth 1 / vif of an independent one. Different traffic cannot scatter less than independent
 * requests do, the same traffic not less than by one request a side.
 *
 * What is known from 20 numbers is not known well, so the level of the limits is that which
 * Student's t has; and where nearly all late requests lie in one or two stretches (one fault, one
 * queue behind it), 20 numbers are one or two: df tells.
 *
 * Limits of a side are exact: ranks of order statistics for a percentile, Clopper-Pearson for a
 * share, both from the incomplete beta function, which takes parts of requests. MOVER joins them,
 * lower limit with upper: unlike a normal approximation it keeps the long side of a long tail. */
#include "reports/compare_stats.h"

#include <stdlib.h>

#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "reports/proportion.h"

#define INFINITE    __builtin_inf()
#define LN_10       2.302585092994046
#define DEGREES_MIN 0.25
#define WORTH_MAX   1e9 /* requests: more take long to reckon with, and tell no more */

enum { HALVINGS = 40, P_HALVINGS = 24, SMALLEST_P_EXPONENT = -12, EVENTS_MIN = 4, DRAWS = 9999 };

/* --- levels -------------------------------------------------------------------------- */

double compare_t_tail(double t, double df)
{
	CHECK(t >= 0 && df > 0);
	return mathx_beta_inc(df / 2, 0.5, df / (df + t * t)) / 2;
}

/* The tail of the normal law that lies beyond the point which t exceeds with probability alpha. */
static double normal_level(double alpha, double df)
{
	double low = SMALLEST_P_EXPONENT * 2, high = -0.30103;

	for (int i = 0; i < HALVINGS; i++) {
		double middle = (low + high) / 2;
		double z = -mathx_normal_quantile(mathx_exp(middle * LN_10));

		if (compare_t_tail(z > 0 ? z : 0, df) <= alpha)
			low = middle;
		else
			high = middle;
	}
	return mathx_exp(low * LN_10);
}

static double t_level(double tail, double df)
{
	double z = -mathx_normal_quantile(tail);

	return compare_t_tail(z > 0 ? z : 0, df);
}

/* --- what differs by chance ---------------------------------------------------------- */

static struct compare_count total(const struct compare_count c[COMPARE_STRETCHES])
{
	struct compare_count sum = {0};

	for (int i = 0; i < COMPARE_STRETCHES; i++) {
		sum.n += c[i].n;
		sum.k += c[i].k;
	}
	return sum;
}

/* How many stretches share the k among them, less one. */
static double degrees(const struct compare_count base[], const struct compare_count new[])
{
	double sum = 0, squares = 0;

	for (int i = 0; i < COMPARE_STRETCHES; i++) {
		double w = (double)(base[i].k + new[i].k);

		sum += w;
		squares += w * w;
	}
	return sum * sum / squares > 1 + DEGREES_MIN ? sum * sum / squares - 1 : DEGREES_MIN;
}

/* Of shares of n requests, as independent ones would have it. */
static double binomial_variance(struct compare_count c)
{
	double p = (double)c.k / (double)c.n;

	return p * (1 - p) / (double)c.n;
}

struct compare_scatter compare_scatter(const struct compare_count base[COMPARE_STRETCHES],
        const struct compare_count new[COMPARE_STRETCHES], bool paired)
{
	struct compare_count b = total(base), n = total(new);
	struct compare_scatter s = {.vif = 1, .df = COMPARE_STRETCHES - 1};
	double binomial, squares = 0, least, pb, pn;

	if (b.n == 0 || n.n == 0)
		return s;
	binomial = binomial_variance(b) + binomial_variance(n);
	if (binomial == 0)
		return s;
	pb = (double)b.k / (double)b.n;
	pn = (double)n.k / (double)n.n;
	for (int i = 0; i < COMPARE_STRETCHES; i++) {
		double d = ((double)new[i].k - pn *(double)new[i].n) / (double)n.n -
		           ((double)base[i].k - pb * (double)base[i].n) / (double)b.n;

		squares += d * d;
	}
	s.vif = squares * COMPARE_STRETCHES / (COMPARE_STRETCHES - 1) / binomial;
	s.df = degrees(base, new);
	if (paired && s.df < EVENTS_MIN)
		paired =
		        false; /* the stretches tell nothing of the pairs: a request is worth one */
	else if (paired && s.vif < 1)
		s.df = COMPARE_STRETCHES - 1; /* what is left comes in no clusters */
	least = paired ? (1 / ((double)b.n * (double)b.n) + 1 / ((double)n.n * (double)n.n)) /
	                         binomial
	               : 1;
	s.vif = s.vif > least ? s.vif : least;
	return s;
}

/* --- percentiles and shares ---------------------------------------------------------- */

struct limits {
	double low, at, high;
};

/* Real ranks, as parts of m: the order statistics below and above which the percentile lies with
 * probability alpha at most. P[Bin(m, q) >= k] = I_q(k, m - k + 1). *high > 1: none is above. */
static void rank_limits(double q, double m, double alpha, double *low, double *high)
{
	double from = 0, to = q * m;

	for (int i = 0; i < HALVINGS; i++) {
		double k = (from + to) / 2;

		if (mathx_beta_inc(m - k + 1, k, 1 - q) <= alpha)
			from = k;
		else
			to = k;
	}
	*low = from / m;
	from = q * m;
	to = m + 1;
	for (int i = 0; i < HALVINGS; i++) {
		double k = (from + to) / 2;

		if (mathx_beta_inc(k, m - k + 1, q) <= alpha)
			to = k;
		else
			from = k;
	}
	*high = to / m;
}

static double at_rank(const struct histogram *h, uint64_t rank)
{
	int64_t ns;

	if (rank == 0)
		return 0;
	return rank <= h->count && histogram_at_rank(h, rank, &ns) ? (double)ns : INFINITE;
}

static struct limits quantile_limits(const struct histogram *h, double q, double vif, double alpha)
{
	uint64_t n = h->count + h->infinite;
	double worth = (double)n / vif, low, high;

	rank_limits(q, worth < WORTH_MAX ? worth : WORTH_MAX, alpha, &low, &high);
	return (struct limits){at_rank(h, (uint64_t)mathx_floor(low * (double)n)),
	        at_rank(h, histogram_rank(q, n)),
	        at_rank(h, (uint64_t)mathx_ceil(high * (double)n))};
}

static struct limits share_limits(struct compare_count c, double vif, double alpha)
{
	struct limits l = {.at = (double)c.k / (double)c.n};
	double least = (double)c.n / WORTH_MAX;

	vif = vif > least ? vif : least;
	proportion_limits((double)c.k / vif, (double)c.n / vif, alpha, &l.low, &l.high);
	return l;
}

static void sides(
        const struct compare_test *t, double tail, struct limits *base, struct limits *new)
{
	double vif = t->scatter.vif;

	if (t->what == COMPARE_QUANTILE) {
		*base = quantile_limits(t->base_values, t->q, vif, tail);
		*new = quantile_limits(t->new_values, t->q, vif, tail);
	} else {
		*base = share_limits(t->base_share, vif, tail);
		*new = share_limits(t->new_share, vif, tail);
	}
}

/* sqrt(a² + b²), infinite where one is, and where both ends are infinite and their distance is
 * anything. */
static double joined(double a, double b)
{
	double sum = a * a + b * b;

	return sum >= 0 && sum < INFINITE ? mathx_sqrt(sum) : INFINITE;
}

/* At a tail of the normal law. */
static void mover(
        const struct compare_test *t, double tolerance, double tail, double *low, double *high)
{
	struct limits b, n;
	double d, scale = 1 + tolerance;

	sides(t, tail, &b, &n);
	d = n.at - scale * b.at - t->margin;
	*low = -INFINITE;
	*high = INFINITE;
	if (b.at < INFINITE && n.at < INFINITE) {
		*low = d - joined(n.at - n.low, scale * (b.high - b.at));
		*high = d + joined(n.high - n.at, scale * (b.at - b.low));
	} else if (b.at < INFINITE) { /* NEW's percentile never came: worse by infinitely much … */
		*low = n.low - scale * b.high; /* … if even its lower limit is */
	} else if (n.at < INFINITE) {
		*high = n.high - scale * b.low;
	}
	if (!(*low <= INFINITE)) /* infinite less infinite */
		*low = -INFINITE;
	if (!(*high >= -INFINITE))
		*high = INFINITE;
}

/* The smallest tail at which the limit is beyond 0, or 1. */
static double crossing(const struct compare_test *t, double tolerance, bool worse)
{
	double from = SMALLEST_P_EXPONENT, to = -0.30103, low, high;

	mover(t, tolerance, mathx_exp(to * LN_10), &low, &high);
	if (worse ? low <= 0 : high >= 0)
		return 1;
	for (int i = 0; i < P_HALVINGS; i++) {
		double middle = (from + to) / 2;

		mover(t, tolerance, mathx_exp(middle * LN_10), &low, &high);
		if (worse ? low > 0 : high < 0)
			to = middle;
		else
			from = middle;
	}
	return mathx_exp(to * LN_10);
}

/* --- seeds --------------------------------------------------------------------------- */

struct moments {
	double mean, error; /* error of the mean */
};

/* Draw `draw` (0: the sample itself) of n values of a side; with b, of the differences a - scale b.
 */
static struct moments resample(
        const double *a, const double *b, double scale, uint32_t n, uint64_t key, uint64_t draw)
{
	double sum = 0, squares = 0, first = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = draw ? prng_below(prng_at(key, draw, i), n) : i;
		double x = b ? a[at] - scale * b[at] : a[at];

		if (i == 0)
			first = x; /* variance around a value of the sample: no cancellation */
		sum += x - first;
		squares += (x - first) * (x - first);
	}
	squares = (squares - sum * sum / n) / (n - 1) / n;
	return (struct moments){first + sum / n, mathx_sqrt(squares > 0 ? squares : 0)};
}

static struct moments difference(const struct compare_seeds *s, double scale, uint64_t draw)
{
	struct moments new, base;

	if (s->paired)
		return resample(s->new, s->base, scale, s->n_new, s->key, draw);
	new = resample(s->new, NULL, 1, s->n_new, s->key, draw);
	base = resample(s->base, NULL, 1, s->n_base, ~s->key, draw);
	return (struct moments){new.mean - scale *base.mean, joined(new.error, scale * base.error)};
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How many errors the mean of a draw is off, in order; the caller's (mem_free). A draw of equal
 * values has no error: it counts as far off on its side. */
static double *studentised(const struct compare_seeds *s, double scale, struct moments seen)
{
	double *t = mem_alloc(DRAWS, sizeof(*t));

	for (uint64_t draw = 1; draw <= DRAWS; draw++) {
		struct moments m = difference(s, scale, draw);
		double off = m.mean - seen.mean;

		if (m.error > 0)
			t[draw - 1] = off / m.error;
		else
			t[draw - 1] = off > 0 ? INFINITE : off < 0 ? -INFINITE : 0;
	}
	qsort(t, DRAWS, sizeof(*t), ascending);
	return t;
}

static void seeds_limits(
        const struct compare_seeds *s, double tolerance, double alpha, double *low, double *high)
{
	struct moments seen = difference(s, 1 + tolerance, 0);
	uint64_t rank = (uint64_t)mathx_ceil((1 - alpha) * (DRAWS + 1));
	double *t;

	*low = *high = seen.mean;
	if (seen.error == 0)
		return;
	t = studentised(s, 1 + tolerance, seen);
	*low = rank > DRAWS ? -INFINITE : seen.mean - t[rank - 1] * seen.error;
	*high = rank > DRAWS ? INFINITE : seen.mean - t[DRAWS - rank] * seen.error;
	mem_free(t);
}

static void seeds_p_values(
        const struct compare_seeds *s, double tolerance, double *worse, double *better)
{
	struct moments seen = difference(s, 1 + tolerance, 0);
	uint32_t above = 0, below = 0;
	double *t;

	if (seen.error == 0) {
		*worse = seen.mean > 0 ? 1.0 / (DRAWS + 1) : 1;
		*better = seen.mean < 0 ? 1.0 / (DRAWS + 1) : 1;
		return;
	}
	t = studentised(s, 1 + tolerance, seen);
	for (uint32_t i = 0; i < DRAWS; i++) {
		above += t[i] * seen.error >= seen.mean;
		below += t[i] * seen.error <= seen.mean;
	}
	*worse = (above + 1.0) / (DRAWS + 1);
	*better = (below + 1.0) / (DRAWS + 1);
	mem_free(t);
}

/* --- the question -------------------------------------------------------------------- */

void compare_measures(const struct compare_test *t, double *base, double *new)
{
	struct limits b, n;

	if (t->what == COMPARE_SEEDS) {
		const struct compare_seeds *s = &t->seeds;

		*base = resample(s->base, NULL, 1, s->n_base, 0, 0).mean;
		*new = resample(s->new, NULL, 1, s->n_new, 0, 0).mean;
		return;
	}
	sides(t, 0.5, &b, &n);
	*base = b.at;
	*new = n.at;
}

void compare_limits(
        const struct compare_test *t, double tolerance, double alpha, double *low, double *high)
{
	if (t->what == COMPARE_SEEDS)
		seeds_limits(&t->seeds, tolerance, alpha, low, high);
	else
		mover(t, tolerance, normal_level(alpha, t->scatter.df), low, high);
}

void compare_p_values(const struct compare_test *t, double tolerance, double *worse, double *better)
{
	if (t->what == COMPARE_SEEDS) {
		seeds_p_values(&t->seeds, tolerance, worse, better);
		return;
	}
	*worse = crossing(t, tolerance, true);
	*better = crossing(t, tolerance, false);
	*worse = *worse < 1 ? t_level(*worse, t->scatter.df) : 1;
	*better = *better < 1 ? t_level(*better, t->scatter.df) : 1;
}
