/* Are the limits of `compare` as wrong as they say, and no more? An M/D/1 queue's waits, by
 * Lindley's recursion, at loads where TTFT p99 is queueing and neighbours are late together. With
 * another seed and nothing else, p-values must not be small more often than they say; with the same
 * arrivals and a slower server, p99 must be caught. tests/bench/compare has the whole thing. */
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "reports/compare_stats.h"
#include "tests/support/run_suite.h"

enum { REQUESTS = 20000, SETTLE = 1000, PAIRS = 100, CAUGHT = 20, BOOTSTRAPS = 80, SEEDS = 20 };
#define SERVICE_NS ((double)NS_PER_MS)

struct side {
	struct histogram all, stretch[COMPARE_STRETCHES];
};

/* Waits and service, the service `slower` times as long and drawn by ± `jitter` of it. */
static void play(struct side *s, double rho, uint64_t seed, double slower, double jitter,
        uint64_t jitter_seed)
{
	struct prng arrivals = prng_stream(seed, "arrivals");
	uint64_t key = prng_purpose(jitter_seed, "service");
	double wait = 0;

	histogram_init(&s->all);
	for (int i = 0; i < COMPARE_STRETCHES; i++)
		histogram_init(&s->stretch[i]);
	for (int64_t i = -SETTLE; i < REQUESTS; i++) {
		double u = prng_unit(prng_next(&arrivals));
		double v = 2 * prng_unit(prng_at(key, (uint64_t)(i + SETTLE), 0)) - 1;
		double gap = -mathx_log(u) * SERVICE_NS / rho;
		double service = SERVICE_NS * slower * (1 + jitter * v);
		int64_t ns;

		wait = wait + service > gap ? wait + service - gap : 0;
		ns = (int64_t)(wait + service);
		if (i < 0)
			continue;
		histogram_add(&s->all, ns);
		histogram_add(&s->stretch[i * COMPARE_STRETCHES / REQUESTS], ns);
	}
}

static void side_free(struct side *s)
{
	histogram_free(&s->all);
	for (int i = 0; i < COMPARE_STRETCHES; i++)
		histogram_free(&s->stretch[i]);
}

static void over(const struct side *s, double q, struct compare_count out[COMPARE_STRETCHES])
{
	int64_t cut;

	ck_assert(histogram_percentile(&s->all, q, &cut));
	for (int i = 0; i < COMPARE_STRETCHES; i++)
		out[i] = (struct compare_count){
		        s->stretch[i].count, histogram_over(&s->stretch[i], cut)};
}

static double p_worse(const struct side *base, const struct side *new, double q, bool paired)
{
	struct compare_count b[COMPARE_STRETCHES], n[COMPARE_STRETCHES];
	struct compare_test t = {.what = COMPARE_QUANTILE,
	        .q = q,
	        .base_values = &base->all,
	        .new_values = &new->all};
	double worse, better, low, high;

	over(base, q, b);
	over(new, q, n);
	t.scatter = compare_scatter(b, n, paired);
	compare_p_values(&t, 0, &worse, &better);
	if (worse < 0.4 && worse > 1e-6) { /* the limit at that level is where the p-value says */
		compare_limits(&t, 0, worse * 1.02, &low, &high);
		ck_assert_double_gt(low, 0);
		compare_limits(&t, 0, worse * 0.98, &low, &high);
		ck_assert_double_le(low, 0);
	}
	return worse;
}

/* Shares of A/A pairs that are called worse at 5 % and at 1 %. */
static void calibrate(double rho, double q, bool paired)
{
	int at_5 = 0, at_1 = 0;

	for (uint64_t i = 0; i < PAIRS; i++) {
		struct side base, new;
		double p;

		play(&base, rho, 1000 + i, 1, 0.3, 5000 + i);
		play(&new, rho, paired ? 1000 + i : 9000 + i, 1, 0.3, 7000 + i);
		p = p_worse(&base, &new, q, paired);
		at_5 += p <= 0.05;
		at_1 += p <= 0.01;
		side_free(&base);
		side_free(&new);
	}
	printf("A/A, rho %.1f, p%g, %s: of %d called worse %d at 5 %%, %d at 1 %%\n", rho, q * 100,
	        paired ? "same arrivals" : "other seed", PAIRS, at_5, at_1);
	ck_assert_int_le(at_5, PAIRS * 11 / 100); /* 5 % and less than three errors of it */
	ck_assert_int_le(at_1, PAIRS * 4 / 100);
}

START_TEST(nothing_is_called_worse_too_often)
{
	static const struct {
		double rho, q;
		bool paired;
	} cases[] = {{0.5, 0.5, false}, {0.5, 0.99, false}, {0.7, 0.99, false}, {0.7, 0.99, true}};

	calibrate(cases[_i].rho, cases[_i].q, cases[_i].paired);
}
END_TEST

/* 2.2 % and 1.4 % slower: TTFT p99 rises by some 5 %. */
START_TEST(the_same_arrivals_catch_five_percent)
{
	double rho = _i ? 0.7 : 0.5, slower = _i ? 1.014 : 1.022, rise = 0;
	int caught = 0;

	for (uint64_t i = 0; i < CAUGHT; i++) {
		struct side base, new;
		int64_t a, b;

		play(&base, rho, 1000 + i, 1, 0, 0);
		play(&new, rho, 1000 + i, slower, 0, 0);
		caught += p_worse(&base, &new, 0.99, true) <= 0.01 / 6;
		ck_assert(histogram_percentile(&base.all, 0.99, &a));
		ck_assert(histogram_percentile(&new.all, 0.99, &b));
		rise += ((double)b / (double)a - 1) / CAUGHT;
		side_free(&base);
		side_free(&new);
	}
	printf("planted, rho %.1f: p99 %+.1f %%, caught %d of %d\n", rho, 100 * rise, caught,
	        CAUGHT);
	ck_assert_double_gt(rise, 0.04);
	ck_assert_double_lt(rise, 0.06);
	/* At 0.7 a run's latest 200 requests are now and then one single busy period, of which 20
	 * stretches cannot tell how it varies. */
	ck_assert_int_ge(caught, CAUGHT * (_i ? 85 : 95) / 100);
}
END_TEST

static double exponential(struct prng *g)
{
	return -mathx_log(prng_unit(prng_next(g)));
}

/* Means over 20 seeds of something as skewed as a p99. */
START_TEST(the_bootstrap_is_calibrated)
{
	int wrong = 0, caught = 0;

	for (uint64_t i = 0; i < BOOTSTRAPS; i++) {
		struct prng g = prng_stream(i, "bootstrap");
		double base[SEEDS], new[SEEDS], more[SEEDS], worse, better;
		struct compare_test t = {.what = COMPARE_SEEDS,
		        .seeds = {base, new, SEEDS, SEEDS, _i, prng_purpose(i, "draws")}};

		for (int k = 0; k < SEEDS; k++) {
			double common = exponential(&g);
			double own = exponential(&g);
			double noise = exponential(&g);
			double other = exponential(&g);

			base[k] = 10 + common + 0.2 * noise;
			new[k] = 10 + (_i ? common : own) + 0.2 * other;
			more[k] = new[k] + (_i ? 0.3 : 1.5);
		}
		compare_p_values(&t, 0, &worse, &better);
		wrong += worse <= 0.05;
		t.seeds.new = more;
		compare_p_values(&t, 0, &worse, &better);
		caught += worse <= 0.05;
	}
	printf("seeds, %s: wrong at 5 %% %d of %d, caught %d\n", _i ? "paired" : "unpaired", wrong,
	        BOOTSTRAPS, caught);
	ck_assert_int_le(wrong, BOOTSTRAPS * 12 / 100);
	ck_assert_int_ge(caught, BOOTSTRAPS * 90 / 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare calibration");
	TCase *t = tcase_create("calibration");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, nothing_is_called_worse_too_often, 0, 4);
	tcase_add_loop_test(t, the_same_arrivals_catch_five_percent, 0, 2);
	tcase_add_loop_test(t, the_bootstrap_is_calibrated, 0, 2);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
