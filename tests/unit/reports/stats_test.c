#include "reports/stats.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

/* FORMATS §1: with vif = 1, the number of requests needed when t are over. */
static const uint64_t over[] = {0, 1, 2, 5, 10, 20, 50, 100};
static const struct {
	double quantile;
	uint64_t needed[ARRAY_LEN(over)];
} table[] = {
        {0.90, {44, 64, 81, 127, 197, 325, 681, 1246}},
        {0.95, {90, 130, 165, 259, 398, 656, 1372, 2504}},
        {0.99, {459, 662, 838, 1307, 2010, 3304, 6898, 12571}},
        {0.999, {4603, 6636, 8403, 13105, 20140, 33097, 69058, 125826}},
};

START_TEST(the_table_of_formats)
{
	for (size_t q = 0; q < ARRAY_LEN(table); q++) {
		for (size_t t = 0; t < ARRAY_LEN(over); t++) {
			uint64_t n = table[q].needed[t], n_eff;

			ck_assert_int_eq(stats_verdict(table[q].quantile, n, over[t], 1, &n_eff),
			        VERDICT_PASS);
			ck_assert_uint_eq(n_eff, n);
			ck_assert_int_ne(
			        stats_verdict(table[q].quantile, n - 1, over[t], 1, &n_eff),
			        VERDICT_PASS);
		}
	}
}
END_TEST

/* n requests of which t, evenly spread, are late, the others in golden-ratio steps: nothing
 * clusters, so vif is 1. */
static enum verdict scored(double quantile, uint64_t n, uint64_t t, double *vif)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, quantile, 10 * NS_PER_MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score_config config = fixture_config(&rules, 0);
	struct score *s = score_create(&config);
	const struct score_result *r;
	enum verdict v;

	for (uint64_t i = 0; i < n; i++) {
		bool late = (i + 1) * t / n > i * t / n;
		struct sample x = fixture_ok(i + 1, (int64_t)i * 1000,
		        late ? 11 * NS_PER_MS : (int64_t)(NS_PER_MS + i * 618034 % NS_PER_MS));

		score_sample(s, &x);
	}
	r = fixture_decide(s, NULL, n);
	v = r->slo[0].verdict;
	*vif = r->slo[0].vif;
	ck_assert_uint_eq(r->slo[0].n, n);
	ck_assert_uint_eq(r->slo[0].over, t);
	ck_assert_int_eq(r->slo[0].basis, BASIS_RUN);
	score_free(s);
	return v;
}

/* From p99 on: cut into 20, a few hundred requests are too few to be even. A single late one cannot
 * be spread at all: its vif is 1 / (1 - p) by the formula. */
START_TEST(the_table_by_the_public_path)
{
	for (size_t q = 2; q < ARRAY_LEN(table); q++) {
		for (size_t t = 0; t < ARRAY_LEN(over) - 2; t++) {
			uint64_t n = table[q].needed[t];
			double vif;

			if (over[t] == 1)
				continue;
			ck_assert_int_eq(scored(table[q].quantile, n, over[t], &vif), VERDICT_PASS);
			ck_assert_double_eq(vif, 1);
			ck_assert_int_eq(scored(table[q].quantile, n - 1, over[t], &vif),
			        VERDICT_INCONCLUSIVE);
		}
	}
}
END_TEST

START_TEST(clusters_are_worth_less)
{
	struct stats_batch even[STATS_BATCHES], odd[STATS_BATCHES];
	uint64_t n_eff;
	double vif;

	for (unsigned i = 0; i < STATS_BATCHES; i++) {
		even[i] = (struct stats_batch){.n = 1000, .over = {5, 100, 500}};
		odd[i] = (struct stats_batch){.n = 1000, .over = {5, i % 2 ? 200 : 0, 500}};
	}
	ck_assert_double_eq(stats_vif(even, STATS_BATCHES), 1);
	/* s² = 20 · 100² / 19; m p (1 - p) = 90 */
	vif = stats_vif(odd, STATS_BATCHES);
	ck_assert_double_eq_tol(vif, 20.0 * 10000 / 19 / 90, 1e-9);
	ck_assert_int_eq(stats_verdict(0.99, 20000, 100, 1, &n_eff), VERDICT_PASS);
	ck_assert_int_eq(stats_verdict(0.99, 20000, 100, vif, &n_eff), VERDICT_INCONCLUSIVE);
	ck_assert_uint_eq(n_eff, 171); /* 20000 / vif */
}
END_TEST

START_TEST(far_over_fails)
{
	uint64_t n_eff;

	ck_assert_int_eq(stats_verdict(0.99, 1000, 30, 1, &n_eff), VERDICT_FAIL);
	ck_assert_int_eq(stats_verdict(0.99, 1000, 10, 1, &n_eff), VERDICT_INCONCLUSIVE);
	ck_assert_int_eq(stats_verdict(0.99, 1000, 1000, 5, &n_eff), VERDICT_FAIL);
	ck_assert_int_eq(stats_verdict(0.99, 3, 1, 10, &n_eff), VERDICT_INCONCLUSIVE);
}
END_TEST

START_TEST(allowed_is_where_the_test_just_passes)
{
	static const double vifs[] = {1, 1.7, 4, 33.3};

	for (size_t i = 0; i < ARRAY_LEN(vifs); i++) {
		for (uint64_t n = 500; n < 200000; n = n * 7 / 3) {
			uint64_t most, n_eff;

			if (!stats_allowed(0.99, n, vifs[i], &most)) {
				ck_assert_int_ne(
				        stats_verdict(0.99, n, 0, vifs[i], &n_eff), VERDICT_PASS);
				continue;
			}
			ck_assert_int_eq(
			        stats_verdict(0.99, n, most, vifs[i], &n_eff), VERDICT_PASS);
			ck_assert_int_ne(
			        stats_verdict(0.99, n, most + 1, vifs[i], &n_eff), VERDICT_PASS);
		}
	}
}
END_TEST

START_TEST(a_census_counts)
{
	ck_assert_int_eq(stats_census(0.99, 1000, 10), VERDICT_PASS);
	ck_assert_int_eq(stats_census(0.99, 1000, 11), VERDICT_FAIL);
	ck_assert_int_eq(stats_census(0.90, 10, 1), VERDICT_PASS);
	ck_assert_int_eq(stats_census(0.90, 0, 0), VERDICT_INCONCLUSIVE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stats");

	add_test(suite, "table", the_table_of_formats);
	add_test(suite, "public path", the_table_by_the_public_path);
	add_test(suite, "vif", clusters_are_worth_less);
	add_test(suite, "fail", far_over_fails);
	add_test(suite, "allowed", allowed_is_where_the_test_just_passes);
	add_test(suite, "census", a_census_counts);
	return run_suite(suite);
}
