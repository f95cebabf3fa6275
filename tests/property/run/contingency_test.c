/* Symmetry of contingencies on random deployments, pools, healths and traffic: whatever is said to
 * stand for others says what they say. Members are drawn; the model test plays all of a small
 * rack. */
#include <check.h>
#include <stdlib.h>

#include "harness/base/prng.h"
#include "tests/support/contingency_bench.h"
#include "tests/support/random_plan.h"
#include "tests/support/run_suite.h"

enum { CASES = 24, MEMBERS = 24 };

static void check_case(unsigned which, enum contingency kind)
{
	struct scenario *s = random_plan_scenario(which, 0);
	struct campaign_request request = {.by_contingency = true, .contingency = (int)kind};
	struct contingency_twins twins;
	uint64_t stood = 0;

	contingency_twins_open(&twins, s, &request);
	for (uint64_t i = 0; i < twins.reps.n; i++)
		stood += contingency_cell_at(&twins.reps.state->cells, i).stands_for;
	ck_assert_uint_eq(stood, twins.all.n);
	ck_assert_uint_lt(twins.reps.n, twins.all.n);
	for (uint64_t i = 0; i < MEMBERS; i++)
		contingency_twins_check(
		        &twins, prng_below(prng_at(which, i, (uint64_t)kind), twins.all.n));
	contingency_twins_close(&twins);
	scenario_free(s);
}

START_TEST(single_losses)
{
	check_case((unsigned)_i, CONTINGENCY_N1);
}
END_TEST

START_TEST(losses_in_turn)
{
	check_case((unsigned)_i, CONTINGENCY_N11);
}
END_TEST

START_TEST(losses_together)
{
	check_case((unsigned)_i, CONTINGENCY_N2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("contingency symmetry");
	TCase *tcase = tcase_create("members");
	int first, end;

	random_plan_range(CASES, &first, &end);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, single_losses, first, end);
	tcase_add_loop_test(tcase, losses_in_turn, first, end);
	tcase_add_loop_test(tcase, losses_together, first, end);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
