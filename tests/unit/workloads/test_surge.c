/* Arrivals beside an entry's own, for each of its processes. */
#include "tests/support/run_suite.h"

#include <stdio.h>

#include "harness/base/units.h"
#include "workloads/surge.h"

enum { SECONDS = 100 };
#define DURATION (SECONDS * NS_PER_S)

static struct tenant_spec entry(enum arrival_process process)
{
	struct tenant_spec t = {.name = "t",
	        .arrival = {.process = process,
	                .rate = 100,
	                .cv = 2,
	                .burst_factor = 4,
	                .period_ns = 2 * NS_PER_S,
	                .from = 0,
	                .to = 200},
	        .prompt = {.dist = LENGTH_UNIFORM, .min = 10, .max = 20},
	        .output = {.dist = LENGTH_CONSTANT, .value = 50, .max = 50},
	        .max_tokens = 40};

	return t;
}

/* Plays one occurrence from `from` on; counts by second. */
static uint64_t play(struct surge *g, int64_t from, double factor, int64_t ramp_ns,
        uint64_t occurrence, uint64_t by_second[SECONDS])
{
	int64_t at, last = from;
	uint64_t n = 0;

	for (int i = 0; i < SECONDS; i++)
		by_second[i] = 0;
	surge_begin(g, from, factor, ramp_ns, DURATION, 7, "f", occurrence);
	while ((at = surge_next(g)) != NS_NEVER) {
		struct arrival a;

		ck_assert_int_ge(at, last);
		ck_assert_int_lt(at, DURATION);
		last = at;
		by_second[at / NS_PER_S]++;
		surge_fill(g, at, 3, &a);
		ck_assert_int_eq(a.at_ns, at);
		ck_assert_uint_eq(a.tenant, 3);
		n++;
	}
	return n;
}

/* Within five standard deviations of a Poisson count, `spread` times wider. */
static void about(uint64_t n, double mean, double spread)
{
	double d = (double)n - mean;

	ck_assert_msg(
	        d * d <= 25 * mean * spread * spread, "%ju instead of %g", (uintmax_t)n, mean);
}

START_TEST(constant_is_exact)
{
	struct tenant_spec t = entry(ARRIVAL_CONSTANT);
	uint64_t by_second[SECONDS];
	struct surge g;

	surge_init(&g, &t, 7, "f");
	ck_assert_uint_eq(play(&g, 10 * NS_PER_S, 1.25, 0, 0, by_second), 90 * 25);
	for (int i = 0; i < SECONDS; i++)
		ck_assert_uint_eq(by_second[i], i < 10 ? 0 : 25);
}
END_TEST

START_TEST(poisson_and_gamma_have_the_rate)
{
	uint64_t by_second[SECONDS];
	struct surge g;
	struct tenant_spec t = entry(ARRIVAL_POISSON);

	surge_init(&g, &t, 7, "f");
	about(play(&g, 0, 3, 0, 0, by_second), 200 * SECONDS, 1);
	t = entry(ARRIVAL_GAMMA);
	surge_init(&g, &t, 7, "f");
	about(play(&g, 0, 3, 0, 0, by_second), 200 * SECONDS, 2);
}
END_TEST

START_TEST(onoff_keeps_the_step_of_its_entry)
{
	/* The entry is on in the first half second of each period of 2 s; from 11 s on: off
	 * until 12. */
	struct tenant_spec t = entry(ARRIVAL_ONOFF);
	uint64_t by_second[SECONDS];
	struct surge g;
	int64_t at;

	surge_init(&g, &t, 7, "f");
	about(play(&g, 11 * NS_PER_S, 2, 0, 0, by_second), 88 * 100, 1);
	surge_begin(&g, 11 * NS_PER_S, 2, 0, DURATION, 7, "f", 1);
	while ((at = surge_next(&g)) != NS_NEVER) {
		ck_assert_int_ge(at, 12 * NS_PER_S);
		ck_assert_int_lt(at % (2 * NS_PER_S), NS_PER_S / 2);
	}
}
END_TEST

START_TEST(ramp_follows_the_line_of_its_entry)
{
	/* The entry goes from 0 to 200 a second; half as many again: at t, t a second. */
	struct tenant_spec t = entry(ARRIVAL_RAMP);
	uint64_t by_second[SECONDS], first = 0, second = 0;
	struct surge g;

	surge_init(&g, &t, 7, "f");
	(void)play(&g, 20 * NS_PER_S, 1.5, 0, 0, by_second);
	for (int i = 0; i < SECONDS; i++)
		*(i < 60 ? &first : &second) += by_second[i];
	about(first, (20 + 60) / 2.0 * 40, 1);
	about(second, (60 + 100) / 2.0 * 40, 1);
}
END_TEST

START_TEST(a_step_rises_evenly)
{
	struct tenant_spec t = entry(ARRIVAL_CONSTANT);
	uint64_t by_second[SECONDS], rising = 0;
	struct surge g;

	surge_init(&g, &t, 7, "f");
	(void)play(&g, 10 * NS_PER_S, 2, 40 * NS_PER_S, 0, by_second);
	for (int i = 10; i < 50; i++)
		rising += by_second[i];
	about(rising, 100 * 40 / 2.0, 1);
	for (int i = 50; i < SECONDS; i++)
		ck_assert_uint_eq(by_second[i], 100);
}
END_TEST

START_TEST(lengths_are_the_entrys)
{
	struct tenant_spec t = entry(ARRIVAL_POISSON), trace = entry(ARRIVAL_POISSON);
	struct arrival a, b;
	struct surge g, again;

	surge_init(&g, &t, 7, "f");
	surge_init(&again, &t, 7, "f");
	for (int i = 0; i < 1000; i++) {
		surge_fill(&g, i, 0, &a);
		surge_fill(&again, i, 0, &b);
		ck_assert(a.prompt_tokens >= 10 && a.prompt_tokens <= 20);
		ck_assert_int_eq(a.output_tokens, 40); /* max_tokens */
		ck_assert_int_eq(a.prompt_tokens, b.prompt_tokens);
	}
	trace.from_trace = true;
	trace.trace.emitted = 50 * SECONDS;
	trace.max_tokens = 0;
	surge_init(&g, &trace, 7, "f");
	surge_see(&g, &(struct arrival){.prompt_tokens = 123, .output_tokens = 45});
	surge_fill(&g, 1, 0, &a);
	ck_assert_int_eq(a.prompt_tokens, 123);
	ck_assert_int_eq(a.output_tokens, 45);
}
END_TEST

START_TEST(a_trace_has_its_mean_rate)
{
	struct tenant_spec t = entry(ARRIVAL_POISSON);
	uint64_t by_second[SECONDS];
	struct surge g;

	t.from_trace = true;
	t.trace.emitted = 50 * SECONDS;
	surge_init(&g, &t, 7, "f");
	about(play(&g, 0, 2, 0, 0, by_second), 50 * SECONDS, 1);
	t.trace.emitted = 0;
	ck_assert_uint_eq(play(&g, 0, 2, 0, 1, by_second), 0);
}
END_TEST

START_TEST(each_occurrence_draws_anew)
{
	struct tenant_spec t = entry(ARRIVAL_POISSON);
	struct surge g;
	int64_t first, second, third;

	surge_init(&g, &t, 7, "f");
	surge_begin(&g, 0, 2, 0, DURATION, 7, "f", 0);
	first = surge_next(&g);
	surge_begin(&g, 0, 2, 0, DURATION, 7, "f", 1);
	second = surge_next(&g);
	surge_begin(&g, 0, 2, 0, DURATION, 7, "f", 0);
	third = surge_next(&g);
	ck_assert_int_ne(first, second);
	ck_assert_int_eq(first, third);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("surge");
	TCase *t = tcase_create("surge");

	tcase_add_test(t, constant_is_exact);
	tcase_add_test(t, poisson_and_gamma_have_the_rate);
	tcase_add_test(t, onoff_keeps_the_step_of_its_entry);
	tcase_add_test(t, ramp_follows_the_line_of_its_entry);
	tcase_add_test(t, a_step_rises_evenly);
	tcase_add_test(t, lengths_are_the_entrys);
	tcase_add_test(t, a_trace_has_its_mean_rate);
	tcase_add_test(t, each_occurrence_draws_anew);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
