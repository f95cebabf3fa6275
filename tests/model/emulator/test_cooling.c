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
	/* 10 ms at each factor are rounded for the books: three of them are no whole ns. */
	ck_assert_int_ge(b.answers[0].done.stalls[0].ns, last - 200 * MS);
	ck_assert_int_le(b.answers[0].done.stalls[0].ns, last - 200 * MS + 5);
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

/* --- temperatures
 * ---------------------------------------------------------------------------------- */

/* By the defaults: 65 degrees at rest, 2 a second, clocks bent from 85 (x1) to 105 (x2), looked at
 * once a second. */

/* Events come before the rack's own deeds of their instant: the clock of the instance as it was
 * just before, so a look at s + 1 ns sees what the sample of second s did. */
struct watch {
	uint32_t ppm;
	int64_t mc[9];
	uint32_t usable;
};

static void watch(const struct fault_sink *s, int64_t now, void *ctx)
{
	struct watch *w = ctx;

	(void)s;
	w->ppm = b.rack->instances[0].slow_ppm;
	for (uint32_t n = 0; n < 9; n++) {
		w->mc[n] = cooling_celsius_m(b.rack, now, n);
		w->usable |= (uint32_t)health_usable(&b.rack->nodes[n]) << n;
	}
}

/* Second and factor of frame time from then on. */
struct expected {
	int64_t at_s;
	uint32_t ppm;
};

enum { WATCHES_MAX = 32 };

/* A fault from 20 to 50 s, and the clock after the samples of these seconds. */
static void expect_clock(const char *kind, const char *target, const char *params,
        const struct expected *x, uint32_t n)
{
	struct watch w[WATCHES_MAX] = {0};
	struct bench_event e[WATCHES_MAX + 2];
	uint32_t at = 0;
	struct fault_bench k;

	ck_assert_uint_le(n, WATCHES_MAX);
	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, kind, 0, target, params);
	e[at++] = (struct bench_event){20 * S, fault_bench_inject, &k};
	for (uint32_t i = 0, reverted = 0; i < n; i++) {
		if (x[i].at_s >= 50 && !reverted++)
			e[at++] = (struct bench_event){50 * S, fault_bench_revert, &k};
		e[at++] = (struct bench_event){x[i].at_s * S + 1, watch, &w[i]};
	}
	bench_play(&b, NULL, 0, e, at, NS_MAX);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_msg(w[i].ppm == x[i].ppm, "at %lld s: %u, not %u", (long long)x[i].at_s,
		        w[i].ppm, x[i].ppm);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	ck_assert_uint_eq(b.counts.throttled, 1);
	fault_bench_free(&k);
	bench_free(&b);
}

START_TEST(a_lost_fan_bends_the_clock_along_a_ramp)
{
	/* 65 + 30: 85 degrees at 30 s, 95 at 35 s; back from there after 50 s. */
	static const struct expected x[] = {{30, 1000000}, {31, 1100000}, {32, 1200000},
	        {33, 1300000}, {34, 1400000}, {35, 1500000}, {49, 1500000}, {50, 1500000},
	        {51, 1400000}, {53, 1200000}, {54, 1100000}, {55, 1000000}};

	expect_clock("cooling.fan_loss", "r0.n1.fan0", "{}", x, ARRAY_LEN(x));
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 31 * S);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 31 * S);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
}
END_TEST

START_TEST(blocked_air_multiplies_the_rise)
{
	/* 25 + 40 / 0.6 = 91.666: 91 at 33 s, then 6.666 of 20 degrees above. */
	static const struct expected x[] = {{30, 1000000}, {31, 1100000}, {33, 1300000},
	        {34, 1333300}, {49, 1333300}, {51, 1233300}, {54, 1000000}};

	expect_clock("cooling.airflow", "r0.n1", "{\"share\":0.4}", x, ARRAY_LEN(x));
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 31 * S);
}
END_TEST

START_TEST(a_whole_rack_may_be_short_of_air)
{
	static const struct expected x[] = {
	        {30, 1000000}, {31, 1100000}, {34, 1333300}, {60, 1000000}};

	expect_clock("cooling.airflow", "r0", "{\"share\":0.4}", x, ARRAY_LEN(x));
}
END_TEST

START_TEST(warm_air_arrives_later_and_thinner)
{
	/* 30 degrees at n2 at 20 s; 27 at n1 at 23 s; 24.3 at n0 at 26 s. n1 is at 85 at 33 s, at
	 * 92 at 36.5; n0 at 85 at 36 s, at 89.3 at 38.15. One fault counts once: the warmest node.
	 */
	static const struct expected x[] = {{33, 1000000}, {34, 1100000}, {35, 1200000},
	        {36, 1300000}, {37, 1350000}, {39, 1350000}, {49, 1350000}, {51, 1250000},
	        {53, 1050000}, {54, 1000000}};

	expect_clock("cooling.hot_aisle", "r0.n2",
	        "{\"delta\":30,\"delay\":\"3s\",\"containment\":\"10%\"}", x, ARRAY_LEN(x));
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 34 * S);
}
END_TEST

START_TEST(containment_keeps_the_air_in)
{
	struct watch w[2] = {0};
	struct fault_bench k;
	struct bench_event e[] = {{20 * S, fault_bench_inject, &k}, {100 * S, watch, &w[0]},
	        {100 * S, fault_bench_revert, &k}, {103 * S, watch, &w[1]}};
	/* 30, 15, 7.5, … at n4, its neighbours, theirs, … in thousandths, rounded down. */
	static const int64_t more[] = {1875, 3750, 7500, 15000, 30000, 15000, 7500, 3750, 1875};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.hot_aisle", 0, "r0.n4",
	        "{\"delta\":30,\"delay\":\"10s\",\"containment\":\"50%\"}");
	bench_play(&b, NULL, 0, e, 4, NS_MAX);
	for (uint32_t n = 0; n < 9; n++) {
		ck_assert_int_eq(w[0].mc[n], 65000 + more[n]);
		ck_assert_int_eq(w[1].mc[n], 65000 + (more[n] > 6000 ? more[n] - 6000 : 0));
	}
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1); /* n0 and n1 stay under 85 */
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(racks_warm_each_other)
{
	/* Two racks: 25 degrees at r1, at r0 20 of them 5 s later: 85 degrees there at 35 s is not
	 * above. With 30: 24, 85 at 35 s, 89 at 37 s. */
	struct watch w[3] = {0};
	struct fault_bench k;
	struct bench_event e[] = {{20 * S, fault_bench_inject, &k}, {35 * S + 1, watch, &w[0]},
	        {36 * S + 1, watch, &w[1]}, {40 * S, watch, &w[2]},
	        {40 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"}}"));
	fault_bench_init(&k, &b, "cooling.hot_aisle", 0, "r1",
	        "{\"delta\":30,\"delay\":\"5s\",\"containment\":\"20%\"}");
	bench_play(&b, NULL, 0, e, 5, NS_MAX);
	ck_assert_uint_eq(w[0].ppm, 1000000);
	ck_assert_uint_eq(w[1].ppm, 1100000);
	ck_assert_uint_eq(w[2].ppm, 1200000);
	ck_assert_int_eq(w[2].mc[0], 89000);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 36 * S);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(frames_take_the_factor_of_the_moment)
{
	/* The first crosses 31 s at its tenth frame: one resync, ten frames of 11 ms. The second
	 * runs at 1.5 throughout. */
	struct bench_request r[] = {{.at_ns = 30900 * MS, .prompt = 64, .output = 20, .max = 20},
	        {.at_ns = 40 * S, .prompt = 64, .output = 20, .max = 20}};
	const struct rack_completion *d;
	struct fault_bench k;
	struct bench_event e[] = {
	        {20 * S, fault_bench_inject, &k}, {50 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.fan_loss", 0, "r0.n0.fan0", "{\"delta\":30}");
	bench_play(&b, r, 2, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_last_edge, 31 * S + 5 * MS + 10 * 11 * MS);
	ck_assert_int_eq(d->stalls[0].ns, 5 * MS + 10 * 1 * MS);
	ck_assert_int_eq(d->decode_ns, 190 * MS);
	d = &b.answers[1].done;
	ck_assert_int_eq(d->t_last_edge - d->t_first_edge, 19 * 15 * MS);
	ck_assert_int_eq(b.answers[1].gap_max_ns, 15 * MS);
	ck_assert_int_ge(d->stalls[0].ns, 20 * 5 * MS); /* it may enter within a ns */
	ck_assert_int_le(d->stalls[0].ns, 20 * 5 * MS + 2);
	ck_assert_int_eq(d->decode_ns, 190 * MS);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(too_hot_to_run)
{
	/* 65 + 45: 105 degrees at 40 s. By then the position of the instance is that of its
	 * segments; the frame under way ends at x1.9, then isolate, then the spare. n1 makes no
	 * heat any more: 25 degrees at 80 s. The fan turns at 90 s: n1 boots for 5 s. */
	long double at = 31 + 0.995L / 1.1L, frames, end;
	struct watch w[5] = {0};
	struct fault_bench k;
	struct bench_event e[] = {{20 * S, fault_bench_inject, &k}, {40 * S, watch, &w[0]},
	        {40 * S + 1, watch, &w[1]}, {90 * S, watch, &w[2]},
	        {90 * S, fault_bench_revert, &k}, {95 * S, watch, &w[3]},
	        {95 * S + 1, watch, &w[4]}};

	bench_init(&b, DEPLOYMENT(",\"power\":{\"boot\":\"5s\"}"));
	fault_bench_init(&k, &b, "cooling.fan_loss", 0, "r0.n1.fan0", "{\"delta\":45}");
	bench_play(&b, NULL, 0, e, 7, NS_MAX);
	for (int s = 32; s < 40; s++)
		at += 1 / (1 + 0.1L * (s - 30));
	frames = at * 100;
	end = 40 + ((int64_t)frames + 1 - frames) * 0.019L;
	ck_assert_int_le(b.phase[0][PHASE_ISOLATE], (int64_t)(end * 1e9L) + 3 * MS + 2);
	ck_assert_int_ge(b.phase[0][PHASE_ISOLATE], (int64_t)(end * 1e9L) + 3 * MS - 2);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], b.phase[0][PHASE_ISOLATE] + 77 * MS);
	ck_assert_uint_eq(w[0].ppm, 1900000);
	ck_assert_uint_eq(w[0].usable, 0x1ff);
	ck_assert_uint_eq(w[1].ppm, 1000000);
	ck_assert_uint_eq(w[1].usable, 0x1fd);
	ck_assert_int_eq(w[2].mc[1], 25000);
	ck_assert_uint_eq(w[3].usable, 0x1fd);
	ck_assert_uint_eq(w[4].usable, 0x1ff);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(a_revert_is_clean_at_once_while_nodes_are_still_hot)
{
	struct fault_bench k;
	struct bench_event e[] = {
	        {20 * S, fault_bench_inject, &k}, {40 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.fan_loss", 0, "r0.n1.fan0", "{}");
	bench_play(&b, NULL, 0, e, 2, 40 * S);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	/* … and not before. */
	bench_play(&b, NULL, 0, e, 1, 39 * S);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(heat_is_handed_from_fault_to_fault)
{
	/* 15 of a fan and 15 of the air: 95 degrees at 35 s, on the fan's account. It turns at 40
	 * s: from there to 80, on the account of the air, which had slowed nobody before. */
	struct watch w[4] = {0};
	struct fault_bench fan, air;
	struct bench_event e[] = {{20 * S, fault_bench_inject, &fan},
	        {20 * S, fault_bench_inject, &air}, {36 * S, watch, &w[0]},
	        {40 * S, fault_bench_revert, &fan}, {41 * S + 1, watch, &w[1]},
	        {46 * S, watch, &w[2]}, {60 * S, watch, &w[3]}, {60 * S, fault_bench_revert, &air}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&fan, &b, "cooling.fan_loss", 0, "r0.n1.fan0", "{\"delta\":15}");
	fault_bench_init(&air, &b, "cooling.hot_aisle", 1, "r0.n1",
	        "{\"delta\":15,\"containment\":\"100%\"}");
	bench_play(&b, NULL, 0, e, 8, NS_MAX);
	ck_assert_uint_eq(w[0].ppm, 1500000);
	ck_assert_uint_eq(w[1].ppm, 1400000);
	ck_assert_uint_eq(w[2].ppm, 1000000);
	ck_assert_int_eq(w[3].mc[1], 80000);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 31 * S);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], 40 * S);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&fan);
	fault_bench_free(&air);
	bench_free(&b);
}
END_TEST

START_TEST(the_same_fault_again_goes_on_from_where_it_was)
{
	/* 95 at 40 s, 91 at 42 s; again at 42: 93 at 43. */
	struct watch w[2] = {0};
	struct fault_bench k;
	struct bench_event e[] = {{20 * S, fault_bench_inject, &k},
	        {40 * S, fault_bench_revert, &k}, {42 * S, fault_bench_inject, &k},
	        {42 * S + 1, watch, &w[0]}, {43 * S + 1, watch, &w[1]},
	        {50 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "cooling.fan_loss", 0, "r0.n1.fan0", "{}");
	bench_play(&b, NULL, 0, e, 4, 42 * S + 1);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_play(&b, NULL, 0, e, 6, NS_MAX);
	ck_assert_uint_eq(w[0].ppm, 1300000);
	ck_assert_uint_eq(w[1].ppm, 1400000);
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
	tcase_add_test(t, a_lost_fan_bends_the_clock_along_a_ramp);
	tcase_add_test(t, blocked_air_multiplies_the_rise);
	tcase_add_test(t, a_whole_rack_may_be_short_of_air);
	tcase_add_test(t, warm_air_arrives_later_and_thinner);
	tcase_add_test(t, containment_keeps_the_air_in);
	tcase_add_test(t, racks_warm_each_other);
	tcase_add_test(t, frames_take_the_factor_of_the_moment);
	tcase_add_test(t, too_hot_to_run);
	tcase_add_test(t, a_revert_is_clean_at_once_while_nodes_are_still_hot);
	tcase_add_test(t, heat_is_handed_from_fault_to_fault);
	tcase_add_test(t, the_same_fault_again_goes_on_from_where_it_was);
	suite_add_tcase(s, t);
	return run_suite(s);
}
