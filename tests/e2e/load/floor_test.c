/* The generator against the null target: a second of requests, all of them ok. */
#include "harness/load/floor.h"

#include <stdio.h>
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

START_TEST(every_request_of_the_floor_is_ok)
{
	struct error err = ERROR_INIT;
	struct load_floor floor;

	ck_assert_msg(load_floor(1, &floor, &err) == ERR_NONE, "%s", err.text);
	printf("floor: ttft_wire p50 %.1f us, p99 %.1f us; send lag p99 %.1f us, loop lag p99 %.1f "
	       "us\n",
	        (double)floor.ttft_wire_p50_ns / 1e3, (double)floor.ttft_wire_p99_ns / 1e3,
	        (double)floor.send_lag_p99_ns / 1e3, (double)floor.loop_lag_p99_ns / 1e3);
	ck_assert_uint_eq(floor.requests, FLOOR_RATE);
	ck_assert_uint_eq(floor.ok, FLOOR_RATE);
	ck_assert_int_gt(floor.ttft_wire_p50_ns, 0);
	ck_assert_int_ge(floor.send_lag_p99_ns, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load floor");

	add_test(s, "floor", every_request_of_the_floor_is_ok);
	return run_suite(s);
}
