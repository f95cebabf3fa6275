#include "harness/load/outcome.h"

#include <errno.h>
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

START_TEST(statuses)
{
	static const struct {
		unsigned status;
		bool context_length;
		enum load_outcome outcome;
	} rows[] = {
	        {429, false, LOAD_REJECTED},
	        {498, false, LOAD_REJECTED},
	        {503, false, LOAD_REJECTED},
	        {400, true, LOAD_REJECTED},
	        {400, false, LOAD_HTTP_4XX},
	        {404, false, LOAD_HTTP_4XX},
	        {413, false, LOAD_HTTP_4XX},
	        {499, false, LOAD_HTTP_4XX},
	        {500, false, LOAD_HTTP_5XX},
	        {502, false, LOAD_HTTP_5XX},
	        {504, false, LOAD_HTTP_5XX},
	        {200, false, LOAD_MALFORMED},
	        {302, false, LOAD_MALFORMED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(outcome_of_status(rows[i].status, rows[i].context_length) ==
		                      rows[i].outcome,
		        "status %u", rows[i].status);
}
END_TEST

START_TEST(cuts)
{
	ck_assert_int_eq(outcome_of_cut(0, false, 0), LOAD_TRUNCATED);
	ck_assert_int_eq(outcome_of_cut(0, false, ECONNRESET), LOAD_CONNECT);
	ck_assert_int_eq(outcome_of_cut(200, true, 0), LOAD_TRUNCATED);
	ck_assert_int_eq(outcome_of_cut(200, true, ECONNRESET), LOAD_TRUNCATED);
	ck_assert_int_eq(outcome_of_cut(500, false, 0), LOAD_HTTP_5XX);
	ck_assert_int_eq(outcome_of_cut(429, false, ECONNRESET), LOAD_REJECTED);
}
END_TEST

START_TEST(retries)
{
	for (int o = 0; o < LOAD_OUTCOMES; o++) {
		bool wanted = o == LOAD_REJECTED || o == LOAD_CONNECT || o == LOAD_HTTP_5XX;

		ck_assert_int_eq(outcome_is_retried((enum load_outcome)o, false), wanted);
		ck_assert_str_ne(load_outcome_name((enum load_outcome)o), "");
	}
	ck_assert(!outcome_is_retried(LOAD_REJECTED, true));
}
END_TEST

START_TEST(back_off_doubles_and_is_bounded)
{
	int64_t full = 500 * NS_PER_MS;

	for (uint32_t attempt = 1; attempt < 100; attempt++) {
		ck_assert_int_eq(outcome_back_off_ns(attempt, 0), full);
		ck_assert_int_gt(outcome_back_off_ns(attempt, UINT64_MAX), full / 4 * 3);
		ck_assert_int_lt(outcome_back_off_ns(attempt, UINT64_MAX), full);
		full = full < 8 * NS_PER_S ? 2 * full : full;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load outcome");
	TCase *t = tcase_create("outcome");

	tcase_add_test(t, statuses);
	tcase_add_test(t, cuts);
	tcase_add_test(t, retries);
	tcase_add_test(t, back_off_doubles_and_is_bounded);
	suite_add_tcase(s, t);
	return run_suite(s);
}
