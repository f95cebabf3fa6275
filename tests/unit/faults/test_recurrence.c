/* The laws of "every", against what libm makes of the same draws and against their own means; and
 * what the scheduler makes of them. */
#include <math.h>
#include <stdio.h>

#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

static struct world w;

static void set_up(void)
{
	world_init(&w);
}

static void tear_down(void)
{
	world_free(&w);
}

static const struct fault_spec *planned(const char *every, uint64_t seed)
{
	char text[512];

	snprintf(text, sizeof(text),
	        "[{'id':'f','kind':'shape.creep','every':%s,'for':'250ms'},"
	        "{'id':'g','kind':'shape.creep','at':'1s'}]",
	        every);
	ck_assert_msg(world_plan(&w, text, seed) == ERR_NONE, "%s", w.err.text);
	return &w.plan.faults[0];
}

START_TEST(gaps_are_those_of_libm)
{
	static const struct {
		const char *every;
		double shape;
	} laws[] = {{"{'law':'exponential','mean':'30ms'}", 1},
	        {"{'law':'weibull','mtbf':'30ms','shape':0.7}", 0.7},
	        {"{'law':'weibull','mtbf':'30ms','shape':1}", 1},
	        {"{'law':'weibull','mtbf':'30ms','shape':3.5}", 3.5}};

	for (size_t i = 0; i < ARRAY_LEN(laws); i++) {
		const struct fault_spec *f = planned(laws[i].every, 7);
		struct prng stream = f->every.stream, twin = stream;
		double scale = 30e6 / tgamma(1 + 1 / laws[i].shape), sum = 0;
		int n = 50000;

		for (int k = 0; k < n; k++) {
			int64_t gap = recurrence_gap(&f->every, &stream);
			double u = (double)((prng_next(&twin) >> 11) + 1) * 0x1p-53;
			double expected = scale * pow(-log(u), 1 / laws[i].shape);

			ck_assert_double_le(fabs((double)gap - expected), 0.6 + expected * 1e-11);
			sum += (double)gap;
		}
		/* Standard error of the mean: 0.7 % for the widest of these laws. */
		ck_assert_double_le(fabs(sum / n / 30e6 - 1), 0.03);
	}
}
END_TEST

START_TEST(fixed_may_be_written_both_ways)
{
	const struct fault_spec *f = planned("'2s'", 1);

	ck_assert(f->every.law == RECUR_FIXED && f->every.mean_ns == 2 * NS_PER_S);
	f = planned("{'law':'fixed','interval':'2s'}", 1);
	ck_assert(f->every.law == RECUR_FIXED && f->every.mean_ns == 2 * NS_PER_S);
	ck_assert_int_eq(f->at_ns, 2 * NS_PER_S);
}
END_TEST

START_TEST(draws_depend_on_seed_and_id_alone)
{
	const char *law = "{'law':'exponential','mean':'2s'}";
	int64_t first = planned(law, 3)->at_ns;

	ck_assert_int_eq(planned(law, 3)->at_ns, first);
	ck_assert_int_ne(planned(law, 4)->at_ns, first);
	world_must_plan(&w, "[{'id':'h','kind':'shape.creep','every':{'law':'exponential',"
	                    "'mean':'2s'},'for':'1s'}]");
	ck_assert(
	        world_plan(&w,
	                "[{'id':'h','kind':'shape.creep','every':{'law':'exponential','mean':'2s'},"
	                "'for':'1s'},{'id':'f','kind':'shape.creep','every':{'law':'exponential',"
	                "'mean':'2s'},'for':'250ms'}]",
	                3) == ERR_NONE);
	ck_assert_int_eq(w.plan.faults[1].at_ns, first);
	ck_assert_int_ne(w.plan.faults[0].at_ns, first);
}
END_TEST

struct events {
	int n;
	int64_t at[256];
	bool inject[256];
};

static void keep(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct events *e = ctx;

	if (fault != 0)
		return;
	ck_assert_int_lt(e->n, 256);
	e->at[e->n] = now;
	e->inject[e->n++] = inject;
}

START_TEST(gaps_count_from_the_revert)
{
	const struct fault_spec *f = planned("{'law':'exponential','mean':'1s'}", 11);
	struct prng stream = f->every.stream;
	struct fault_schedule schedule;
	struct events e = {0};
	int64_t begin = f->at_ns, now;

	fault_schedule_init(&schedule, &w.plan, 60 * NS_PER_S, &w.arena);
	while ((now = fault_schedule_next_at(&schedule)) < 60 * NS_PER_S)
		fault_schedule_step(&schedule, now, keep, &e);
	ck_assert_int_gt(e.n, 40); /* about 60 s / 1.25 s pairs */
	for (int i = 0; i + 1 < e.n; i += 2) {
		ck_assert(e.inject[i] && !e.inject[i + 1]);
		ck_assert_int_eq(e.at[i], begin);
		ck_assert_int_eq(e.at[i + 1], begin + 250 * NS_PER_MS);
		begin += 250 * NS_PER_MS + recurrence_gap(&f->every, &stream);
	}
	ck_assert(begin >= 60 * NS_PER_S || e.n % 2);
}
END_TEST

START_TEST(chance_may_have_it_that_nothing_happens)
{
	const struct fault_spec *f = planned("{'law':'exponential','mean':'3650d'}", 1);
	struct fault_schedule schedule;

	ck_assert(f->planned && f->at_ns == NS_NEVER);
	fault_schedule_init(&schedule, &w.plan, 60 * NS_PER_S, &w.arena);
	ck_assert_int_eq(fault_schedule_next_at(&schedule), NS_PER_S);
	/* An instant that is given is kept; the law tells the next ones. */
	world_must_plan(&w, "[{'id':'f','kind':'shape.creep','at':'3s','for':'1s',"
	                    "'every':{'law':'exponential','mean':'3650d'}}]");
	ck_assert_int_eq(w.plan.faults[0].at_ns, 3 * NS_PER_S);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recurrence");
	TCase *tc = tcase_create("recurrence");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, gaps_are_those_of_libm);
	tcase_add_test(tc, fixed_may_be_written_both_ways);
	tcase_add_test(tc, draws_depend_on_seed_and_id_alone);
	tcase_add_test(tc, gaps_count_from_the_revert);
	tcase_add_test(tc, chance_may_have_it_that_nothing_happens);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
