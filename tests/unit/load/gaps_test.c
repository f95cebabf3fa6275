#include "harness/load/gaps.h"

#include <stdlib.h>
#include "harness/base/histogram.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Against sorting, for every length up to 300, with many and with few distinct values. */
START_TEST(percentiles_are_nearest_rank)
{
	struct prng g = prng_stream(1, "gaps");
	struct gaps gaps = {0};
	int64_t sorted[300];

	for (uint32_t n = 1; n <= 300; n++) {
		gaps_reset(&gaps, n % 7 ? n : 0);
		for (uint32_t i = 0; i < n; i++) {
			uint64_t u = prng_next(&g);

			sorted[i] = (int64_t)prng_below(u, _i ? 4 : 1000000);
			gaps_add(&gaps, sorted[i]);
		}
		qsort(sorted, n, sizeof(sorted[0]), ascending);
		ck_assert_uint_eq(gaps.n, n);
		ck_assert_int_eq(gaps_max(&gaps), sorted[n - 1]);
		ck_assert_int_eq(gaps_percentile(&gaps, 0.99), sorted[histogram_rank(0.99, n) - 1]);
		ck_assert_int_eq(gaps_percentile(&gaps, 0.5), sorted[histogram_rank(0.5, n) - 1]);
	}
	gaps_free(&gaps);
}
END_TEST

START_TEST(the_limit_is_counted)
{
	struct gaps gaps = {0};

	for (int64_t i = 0; i < GAPS_MAX + 5; i++)
		gaps_add(&gaps, i);
	ck_assert_uint_eq(gaps.n, GAPS_MAX);
	ck_assert_uint_eq(gaps.dropped, 5);
	gaps_reset(&gaps, INT64_MAX);
	ck_assert_uint_eq(gaps.n + gaps.dropped, 0);
	gaps_free(&gaps);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load gaps");
	TCase *t = tcase_create("gaps");

	tcase_add_loop_test(t, percentiles_are_nearest_rank, 0, 2);
	tcase_add_test(t, the_limit_is_counted);
	suite_add_tcase(s, t);
	return run_suite(s);
}
