/* Heat by arithmetic: temperatures along a straight ramp, clock factors along them, and what the
 * frames of an instance come to. */
#include <check.h>
#include <string.h>

#include "emulator/rack_state.h"
#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS
#define S  NS_PER_S

/* One instance on n0 and n1, frames of 10 ms, one slot; a resync takes 5 ms. */
#define DEPLOYMENT(more)                                                                           \
	"{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"       \
	"\"2ms\"}" more ",\"pools\":[{\"name\":\"p\","                                             \
	"\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":1,"                           \
	"\"prefill_tokens_per_frame\":64}],\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\"]],"     \
	"\"entry\":\"immediate\"}]}"

static struct bench b;

/* The clock of the instance as it was just before its events of the instant. */
static void look(const struct fault_sink *s, int64_t now, void *ctx)
{
	uint32_t *ppm = ctx;

	(void)s;
	(void)now;
	*ppm = b.rack->instances[0].slow_ppm;
}

/* --- cooling.throttle
 * -------------------------------------------------------------------------------------- */

START_TEST(a_throttle_lowers_the_clock_in_steps)
{
	/* Five steps of 10 ms from 50 ms on: 1.1 at 60, where the resync is, 1.2 at 70, … 1.5 at
	 * 100; full speed again at 160. */
	struct bench_request one = {.prompt = 64, .output = 20, .max = 20};
	long double at = 60 + 5 / 1.1L + 10 / 1.2L + 10 / 1.3L + 10 / 1.4L + 60 / 1.5L;
	int64_t last = 160 * MS + (int64_t)((200 - at) * 1e6L) + 1;
	struct fault_bench k;
	struct bench_event e[] = {{50 * MS, fault_bench_inject, &k},
	        {60 * MS, fault_bench_step, &k}, {70 * MS, fault_bench_step, &k},
	        {80 * MS, fault_bench_step, &k}, {90 * MS, fault_bench_step, &k},
	        {100 * MS, fault_bench_step, &k}, {160 * MS, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.throttle", 0, "r0.n1.c3",
	        "{\"factor\":1.5,\"ramp\":\"50ms\",\"steps\":5}");
	bench_play(&b, &one, 1, e, 7, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, last);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 5 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS);
	ck_assert_uint_eq(b.counts.throttled, 1);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(a_ramp_of_nothing_is_one_step)
{
	/* 1.6 from 50 ms on: 5 ms of resync, 150 ms x 1.6. */
	struct bench_request one = {.prompt = 64, .output = 20, .max = 20};
	struct fault_bench k;
	struct bench_event e[] = {
	        {50 * MS, fault_bench_inject, &k}, {1 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.throttle", 0, "r0",
	        "{\"factor\":1.6,\"ramp\":\"0ns\",\"steps\":7}");
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 55 * MS + 240 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 50 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(a_throttle_that_violates_evicts)
{
	/* Late from the first step, 60 ms, on: the frame that ends then is the first; its replay at
	 * 70 is late, too. */
	struct bench_request one = {.prompt = 64, .output = 20, .max = 20};
	struct fault_bench k;
	struct bench_event e[] = {{50 * MS, fault_bench_inject, &k},
	        {60 * MS, fault_bench_step, &k}, {70 * MS, fault_bench_step, &k},
	        {500 * MS, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.throttle", 0, "r0.n1",
	        "{\"ramp\":\"20ms\",\"steps\":2,\"mode\":\"violate\"}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 70 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 83 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 160 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(a_throttle_may_end_before_it_began)
{
	uint32_t ppm = 0;
	struct fault_bench k;
	struct bench_event e[] = {{50 * MS, fault_bench_inject, &k},
	        {59 * MS, fault_bench_revert, &k}, {60 * MS, look, &ppm}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.throttle", 0, "r0.n1", "{\"ramp\":\"50ms\",\"steps\":5}");
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_uint_eq(ppm, SLOW_NONE);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cooling");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, a_throttle_lowers_the_clock_in_steps);
	tcase_add_test(t, a_ramp_of_nothing_is_one_step);
	tcase_add_test(t, a_throttle_that_violates_evicts);
	tcase_add_test(t, a_throttle_may_end_before_it_began);
	suite_add_tcase(s, t);
	return run_suite(s);
}
