/* The smaller brother of tests/bench/compare: whole virtual runs of 20,000 requests, held against
 * each other. A slower frame that lets TTFT p99 rise by 5 % is caught under the same seed, and,
 * where TTFT is no queueing, under another; nothing is made up where only the seed differs. */
#include <stdio.h>

#include "tests/support/compare_bench.h"
#include "tests/support/run_suite.h"

enum { SEEDS = 3, OTHER = 100000 };

/* Of bench_loads, as tests/bench/compare finds it for 5 %. */
static const double slower[] = {1.0496, 1.0152};

START_TEST(planted_and_not)
{
	const struct bench_load *load = &bench_loads[_i];
	double rise = 0;
	int made_up = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct bench_run base, other, same;

		bench_run(load, load->frame_ns, seed, &base);
		bench_run(load, load->frame_ns, seed + OTHER, &other);
		bench_run(load, (int)(load->frame_ns * slower[_i]), seed, &same);
		made_up += bench_compare(&base, &other).flagged;
		rise += (bench_p99_ms(&same) / bench_p99_ms(&base) - 1) / SEEDS;
		ck_assert(bench_compare(&base, &same).ttft);
		if (_i == 0)
			ck_assert(bench_compare(&other, &same).ttft);
		bench_free(&base);
		bench_free(&other);
		bench_free(&same);
	}
	printf("%s: TTFT p99 %+.2f %% caught %d times; A/A flagged %d times\n", load->name,
	        100 * rise, SEEDS, made_up);
	ck_assert_double_gt(rise, 0.04);
	ck_assert_double_lt(rise, 0.06);
	ck_assert_int_eq(made_up, 0);
}
END_TEST

/* Everything is the same, to the nanosecond. */
START_TEST(identical)
{
	struct bench_run a, b;

	bench_run(&bench_loads[0], bench_loads[0].frame_ns, 1, &a);
	bench_run(&bench_loads[0], bench_loads[0].frame_ns, 1, &b);
	ck_assert(!bench_compare(&a, &b).flagged);
	bench_free(&a);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare");
	TCase *t = tcase_create("runs");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, planted_and_not, 0, 2);
	tcase_add_test(t, identical);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
