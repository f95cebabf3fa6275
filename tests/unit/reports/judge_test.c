/* Every combination of what can be true of a run, against the order of DESIGN §8 written as a list.
 */
#include "reports/judge.h"
#include "tests/support/run_suite.h"

enum { FLAGS = 8 };

static struct judge_case case_of(unsigned bits)
{
	return (struct judge_case){.corrupt = bits & 1,
	        .interrupted = bits & 2,
	        .aborted_by_rule = bits & 4,
	        .valid = !(bits & 8),
	        .any_fail = bits & 16,
	        .any_inconclusive = bits & 32,
	        .asked = !(bits & 64),
	        .steady = !(bits & 128)};
}

/* In order; the first bit set in a case decides it. */
static const struct {
	unsigned bit;
	enum verdict verdict;
	int exit_code;
} order[] = {
        {1, VERDICT_FAIL, 1},
        {2, VERDICT_ABORTED, 130},
        {4, VERDICT_ABORTED, 5},
        {8, VERDICT_INCONCLUSIVE, 4},
        {16, VERDICT_FAIL, 1},
        {128, VERDICT_INCONCLUSIVE, 4},
        {32, VERDICT_INCONCLUSIVE, 4},
        {64, VERDICT_INCONCLUSIVE, 4},
};

START_TEST(the_first_in_order_decides)
{
	for (unsigned bits = 0; bits < 1u << FLAGS; bits++) {
		struct judge_case c = case_of(bits);
		struct judgement j = judge(&c);
		enum verdict verdict = VERDICT_PASS;
		int exit_code = 0;

		for (size_t i = 0; i < ARRAY_LEN(order); i++) {
			if (bits & order[i].bit) {
				verdict = order[i].verdict;
				exit_code = order[i].exit_code;
				break;
			}
		}
		ck_assert_int_eq(j.verdict, verdict);
		ck_assert_int_eq(j.exit_code, exit_code);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("judge");

	add_test(suite, "order", the_first_in_order_decides);
	return run_suite(suite);
}
