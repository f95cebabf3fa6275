#include "reports/window.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS
#define S  NS_PER_S

/* 100 requests/s for a minute: bins of 200 ms with 20 requests, p99: more than one miss is bad. */
static struct windows *create(uint32_t n_faults)
{
	struct window_config config = {.n_faults = n_faults,
	        .duration_ns = 60 * S,
	        .bin_ns = window_bin_ns(100),
	        .horizon_ns = 10 * S,
	        .hold_ns = S,
	        .n_classes = 1,
	        .quantile = {0.99}};

	return windows_create(&config);
}

/* Counts requests [from, to) of a 10 ms schedule, `missing` of each 20 missed. */
static void count(struct windows *w, int64_t from, int64_t to, unsigned missing)
{
	for (int64_t t = from; t < to; t += 10 * MS) {
		uint64_t i = (uint64_t)(t / (10 * MS));

		windows_count(w, i + 1, t, t + MS, i % 20 < missing);
	}
}

START_TEST(a_bin_expects_twenty)
{
	ck_assert_int_eq(window_bin_ns(1000), 100 * MS);
	ck_assert_int_eq(window_bin_ns(200), 100 * MS);
	ck_assert_int_eq(window_bin_ns(199), 200 * MS);
	ck_assert_int_eq(window_bin_ns(100), 200 * MS);
	ck_assert_int_eq(window_bin_ns(120), 200 * MS);
	ck_assert_int_eq(window_bin_ns(3), 6700 * MS);
	ck_assert_int_eq(window_bin_ns(0), S);
}
END_TEST

START_TEST(lives_meet_windows)
{
	struct windows *w = create(1);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	count(w, 20 * S, 22 * S, 10);
	windows_revert(w, 0, 22 * S);
	count(w, 22 * S, 23 * S, 10); /* bad up to 23 s */
	ck_assert_int_eq(windows_of(w, 22500 * MS, 23 * S), WINDOW_UNDECIDED);
	count(w, 23 * S, 40 * S, 0);
	ck_assert(windows_settle(w, 40 * S));
	ck_assert_int_eq(windows_of(w, S, 2 * S), WINDOW_BASELINE);
	ck_assert_int_eq(windows_of(w, 19 * S, 20 * S), WINDOW_BASELINE); /* half open */
	ck_assert_int_eq(windows_of(w, 19 * S, 20 * S + 1), WINDOW_FAULT);
	ck_assert_int_eq(windows_of(w, 22 * S - 1, 30 * S), WINDOW_FAULT);
	ck_assert_int_eq(windows_of(w, 20 * S, 20 * S), WINDOW_FAULT); /* refused at once */
	ck_assert_int_eq(windows_of(w, 22 * S, 22 * S), WINDOW_RECOVERY);
	ck_assert_int_eq(windows_of(w, 23 * S - 1, 50 * S), WINDOW_RECOVERY);
	ck_assert_int_eq(windows_of(w, 23 * S, 24 * S), WINDOW_AFTER);
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), 23 * S);
	ck_assert(breach);
	ck_assert_int_eq(windows_length(w, WINDOW_BASELINE, 5 * S, 60 * S), 15 * S);
	ck_assert_int_eq(windows_length(w, WINDOW_FAULT, 5 * S, 60 * S), 2 * S);
	ck_assert_int_eq(windows_length(w, WINDOW_RECOVERY, 5 * S, 60 * S), S);
	ck_assert_int_eq(windows_length(w, WINDOW_AFTER, 5 * S, 60 * S), 37 * S);
	ck_assert_int_eq(windows_length(w, WINDOW_ALL, 5 * S, 60 * S), 55 * S);
	windows_free(w);
}
END_TEST

START_TEST(one_miss_in_twenty_is_not_bad)
{
	struct windows *w = create(1);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	windows_revert(w, 0, 21 * S);
	count(w, 20 * S, 60 * S, 1);
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), 20 * S);
	ck_assert(!breach);
	ck_assert_int_eq(windows_of(w, 21 * S, 22 * S), WINDOW_AFTER);
	windows_free(w);
}
END_TEST

START_TEST(the_last_bad_bin_counts_up_to_the_horizon)
{
	struct windows *w = create(1);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	windows_revert(w, 0, 22 * S);
	count(w, 20 * S, 25 * S, 5);
	count(w, 25 * S, 30 * S, 0);
	count(w, 30 * S, 30200 * MS, 2); /* one more bad bin, within 22 s + 10 s */
	count(w, 30200 * MS, 40 * S, 0);
	count(w, 40 * S, 41 * S, 5); /* beyond the horizon: not this fault's */
	count(w, 41 * S, 60 * S, 0);
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), 30200 * MS);
	ck_assert(breach);
	windows_free(w);
}
END_TEST

START_TEST(without_hold_there_is_no_recovery)
{
	struct windows *w = create(2);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	windows_revert(w, 0, 21 * S);
	count(w, 20 * S, 24 * S, 5);
	count(w, 24 * S, 24500 * MS, 0);
	windows_inject(w, 1, 24500 * MS); /* half a second of peace only */
	windows_revert(w, 1, 25 * S);
	count(w, 24500 * MS, 60 * S, 0);
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), -1);
	ck_assert(breach);
	ck_assert_int_eq(windows_of(w, 24200 * MS, 24300 * MS), WINDOW_RECOVERY);
	ck_assert_int_eq(windows_recover(w, 1, &breach), 24500 * MS);
	ck_assert(!breach);
	windows_free(w);
}
END_TEST

START_TEST(a_service_that_stays_down_never_recovers)
{
	struct windows *w = create(1);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S); /* never reverted */
	count(w, 20 * S, 60 * S, 20);
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), -1);
	ck_assert(breach);
	ck_assert_int_eq(windows_of(w, 59 * S, 70 * S), WINDOW_FAULT);
	ck_assert_int_eq(windows_length(w, WINDOW_FAULT, 0, 60 * S), 40 * S);
	windows_free(w);
}
END_TEST

START_TEST(failover_recovers_while_the_fault_lasts)
{
	struct windows *w = create(1);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	count(w, 20 * S, 22 * S, 20);
	count(w, 22 * S, 60 * S, 0);
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), 22 * S);
	windows_free(w);
}
END_TEST

START_TEST(overlapping_faults_are_one_fault_window)
{
	struct windows *w = create(2);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	windows_inject(w, 1, 22 * S);
	windows_revert(w, 1, 23 * S);
	ck_assert_int_eq(windows_of(w, 23500 * MS, 24 * S), WINDOW_FAULT);
	windows_revert(w, 0, 25 * S);
	count(w, 20 * S, 26 * S, 5);
	count(w, 26 * S, 60 * S, 0);
	windows_finish(w);
	ck_assert_int_eq(windows_of(w, 24 * S, 24500 * MS), WINDOW_FAULT);
	ck_assert_int_eq(windows_of(w, 25500 * MS, 25600 * MS), WINDOW_RECOVERY);
	ck_assert_int_eq(windows_of(w, 26 * S, 26 * S), WINDOW_AFTER);
	ck_assert_int_eq(windows_recover(w, 1, &breach), 26 * S);
	ck_assert_int_eq(windows_recover(w, 0, &breach), -1); /* cut short by the second */
	windows_free(w);
}
END_TEST

/* A straggler planned before the limit keeps its episode open until it is done. */
START_TEST(nothing_is_decided_before_everybody_is_back)
{
	struct windows *w = create(1);
	bool breach;

	count(w, 0, 20 * S, 0);
	windows_inject(w, 0, 20 * S);
	windows_revert(w, 0, 21 * S);
	count(w, 20 * S, 25 * S, 0);
	count(w, 25 * S + 10 * MS, 60 * S, 0); /* id of 25 s is missing */
	ck_assert(!windows_settle(w, 55 * S));
	windows_count(w, 2501, 25 * S, 59 * S, 1);
	ck_assert(windows_settle(w, 59 * S));
	windows_finish(w);
	ck_assert_int_eq(windows_recover(w, 0, &breach), 20 * S);
	ck_assert_uint_eq(windows_dropped(w), 0);
	windows_free(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window");

	add_test(suite, "bin", a_bin_expects_twenty);
	add_test(suite, "lives", lives_meet_windows);
	add_test(suite, "one miss", one_miss_in_twenty_is_not_bad);
	add_test(suite, "horizon", the_last_bad_bin_counts_up_to_the_horizon);
	add_test(suite, "hold", without_hold_there_is_no_recovery);
	add_test(suite, "down", a_service_that_stays_down_never_recovers);
	add_test(suite, "failover", failover_recovers_while_the_fault_lasts);
	add_test(suite, "overlap", overlapping_faults_are_one_fault_window);
	add_test(suite, "straggler", nothing_is_decided_before_everybody_is_back);
	return run_suite(suite);
}
