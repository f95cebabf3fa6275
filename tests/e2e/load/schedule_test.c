/* The schedule is data: whatever the target does, requests leave at their instants and latencies
 * count from them. */
#include <unistd.h>
#include "harness/base/units.h"
#include "tests/e2e/load/driver.h"
#include "tests/e2e/load/script_server.h"
#include "tests/support/run_suite.h"

static struct drive d; /* zero in each test: libcheck forks */

static void drive_script(enum script script)
{
	struct script_server s = script_server_start(script);

	d.port = s.port;
	drive_run(&d);
	script_server_stop(&s);
}

/* Did every request leave at its instant, and did those planned in the freeze wait for what was
 * left of it? */
static bool froze_alone(void)
{
	int slow = 0;

	d = (struct drive){.requests = 300,
	        .duration_ns = 300 * NS_PER_MS,
	        .connections = 8,
	        .connections_max = 256};
	drive_script(SCRIPT_FREEZE);
	for (int i = 0; i < 300; i++) {
		const struct load_sample *s = &d.samples[i];

		ck_assert_int_eq(s->t_sched, i * NS_PER_MS);
		if (s->t_send - s->t_sched >= 80 * NS_PER_MS) /* after the freeze */
			return false;
		if (i >= 110 && i < 150)
			slow += s->t_first - s->t_sched > (190 - i) * NS_PER_MS;
	}
	return d.by_outcome[LOAD_OK] == 300 && slow == 40;
}

/* The server freezes from 100 to 200 ms; a closed loop would send nothing meanwhile and report one
 * slow request. Here each request planned then waits for what is left of the freeze. A machine that
 * stalls us as long as the freeze would spoil it: three attempts, of which a closed loop passes
 * none. */
START_TEST(a_frozen_target_slows_nobody_down)
{
	bool alone = false;

	for (int attempt = 0; attempt < 3 && !alone; attempt++)
		alone = froze_alone();
	ck_assert(alone);
}
END_TEST

/* One connection: the second request cannot leave before the first one's answer is through, and
 * says so. */
START_TEST(late_is_sent_late_and_counted)
{
	d.requests = 3;
	d.connections = d.connections_max = 1;
	drive_script(SCRIPT_SLOW_HEAD);
	ck_assert_uint_eq(d.by_outcome[LOAD_OK], 3);
	ck_assert_int_gt(d.samples[1].t_send - d.samples[1].t_sched, 190 * NS_PER_MS);
	ck_assert_int_gt(d.samples[2].t_send - d.samples[2].t_sched, 390 * NS_PER_MS);
	ck_assert_int_gt(d.send_lag_max_ns, 390 * NS_PER_MS);
	ck_assert_uint_eq(d.send_lags, 3);
}
END_TEST

START_TEST(connections_are_kept_alive)
{
	d.requests = 200;
	d.every_ns = 2 * NS_PER_MS;
	d.duration_ns = 400 * NS_PER_MS;
	d.connections = 20;
	d.connections_max = 128;
	drive_script(SCRIPT_OK);
	ck_assert_uint_eq(d.by_outcome[LOAD_OK], 200);
	ck_assert_uint_ge(d.result.connects, 20);
	ck_assert_uint_lt(d.result.connects, 100);
	ck_assert_uint_eq(d.result.connect_failures, 0);
}
END_TEST

START_TEST(the_grid_is_complete)
{
	d.requests = 1;
	d.duration_ns = 300 * NS_PER_MS;
	drive_script(SCRIPT_OK);
	ck_assert_int_ge(d.ticks, 30);
	ck_assert_int_ge(d.result.ended_ns, 300 * NS_PER_MS);
	ck_assert_uint_ge(d.loop_lags, 30);
}
END_TEST

START_TEST(nothing_at_or_after_the_end_is_pulled)
{
	d.requests = 100;
	d.duration_ns = 50 * NS_PER_MS;
	drive_script(SCRIPT_OK);
	ck_assert_uint_eq(d.pulled, 50);
	ck_assert(!d.result.stopped);
}
END_TEST

START_TEST(the_last_instant_before_the_end_is_played)
{
	d.requests = 2;
	d.duration_ns = 50 * NS_PER_MS;
	d.every_ns = d.duration_ns - 1;
	drive_script(SCRIPT_OK);
	ck_assert_uint_eq(d.pulled, 2);
	ck_assert_uint_eq(d.by_outcome[LOAD_OK], 2);
}
END_TEST

START_TEST(a_stop_ends_the_run_and_accounts_for_all)
{
	d.requests = 100;
	d.duration_ns = 10 * NS_PER_S;
	d.stop_at = 10;
	drive_script(SCRIPT_SILENT);
	ck_assert_uint_eq(d.pulled, 10);
	ck_assert(d.result.stopped);
	ck_assert_uint_eq(d.by_outcome[LOAD_STALLED] + d.by_outcome[LOAD_NOT_SENT], 10);
	ck_assert_int_lt(d.result.ended_ns, 2 * NS_PER_S);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load schedule");

	add_test(s, "freeze", a_frozen_target_slows_nobody_down);
	add_test(s, "late", late_is_sent_late_and_counted);
	add_test(s, "keep-alive", connections_are_kept_alive);
	add_test(s, "grid", the_grid_is_complete);
	add_test(s, "end", nothing_at_or_after_the_end_is_pulled);
	add_test(s, "last", the_last_instant_before_the_end_is_played);
	add_test(s, "stop", a_stop_ends_the_run_and_accounts_for_all);
	return run_suite(s);
}
