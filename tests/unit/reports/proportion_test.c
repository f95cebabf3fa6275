/* Exact intervals against closed forms, tables and the definition itself. */
#include "reports/proportion.h"

#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "harness/base/mathx.h"
#include "tests/support/run_suite.h"

#define NEAR 1e-9

START_TEST(clean_runs_have_a_closed_form)
{
	for (uint64_t n = 1; n <= 5000; n += n < 400 ? 1 : 371) {
		struct proportion p = proportion_interval(n, n);

		ck_assert_double_eq_tol(p.at_least, mathx_pow(0.05, 1 / (double)n), NEAR);
		ck_assert_double_eq_tol(p.low, mathx_pow(0.025, 1 / (double)n), NEAR);
		ck_assert(p.high == 1);
	}
}
END_TEST

/* The number behind "299 clean runs": fewer do not show 99 %. */
START_TEST(two_hundred_and_ninety_nine)
{
	ck_assert(proportion_interval(299, 299).at_least >= 0.99);
	ck_assert(proportion_interval(298, 298).at_least < 0.99);
	ck_assert(proportion_interval(299, 300).at_least < 0.99);
}
END_TEST

/* 8 of 10: 0.4439…0.9748, the example of many textbooks; 1 of 10 likewise; 20 of 100. */
START_TEST(known_values)
{
	static const struct {
		uint64_t k, n;
		double low, high;
	} known[] = {
	        {8, 10, 0.4439045, 0.9747893},
	        {1, 10, 0.0025286, 0.4450161},
	        {5, 10, 0.1870860, 0.8129140},
	        {20, 100, 0.1266556, 0.2918427},
	        {0, 20, 0, 0.1684335},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct proportion p = proportion_interval(known[i].k, known[i].n);

		ck_assert_double_eq_tol(p.low, known[i].low, 1e-7);
		ck_assert_double_eq_tol(p.high, known[i].high, 1e-7);
	}
}
END_TEST

/* Each end is where the tail beyond it holds the error allowed. */
START_TEST(the_definition)
{
	for (uint64_t n = 1; n <= 60; n++)
		for (uint64_t k = 1; k < n; k++) {
			struct proportion p = proportion_interval(k, n);

			ck_assert_double_eq_tol(
			        1 - mathx_binomial_cdf((int64_t)n, p.low, (int64_t)k - 1), 0.025,
			        NEAR);
			ck_assert_double_eq_tol(
			        mathx_binomial_cdf((int64_t)n, p.high, (int64_t)k), 0.025, NEAR);
			ck_assert_double_eq_tol(
			        1 - mathx_binomial_cdf((int64_t)n, p.at_least, (int64_t)k - 1),
			        0.05, NEAR);
			ck_assert(p.low < p.at_least && p.at_least < p.high);
			ck_assert_double_eq_tol(
			        p.low, 1 - proportion_interval(n - k, n).high, NEAR);
		}
}
END_TEST

START_TEST(nothing_and_much)
{
	struct proportion none = proportion_interval(0, 0);
	struct proportion much = proportion_interval(999999, 1000000);

	ck_assert(none.low == 0 && none.high == 1 && none.at_least == 0);
	ck_assert(much.low > 0.99999 && much.high < 1 && much.low < 0.999999);
}
END_TEST

START_TEST(as_json)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	proportion_json(&o, "none", 0, 0);
	proportion_json(&o, "one", 0, 1);
	json_out_close(&o);
	ck_assert_str_eq(o.buf,
	        "{\"none\":{\"k\":0,\"n\":0,\"share\":null,\"low\":0,\"high\":1,\"at_least\":0},"
	        "\"one\":{\"k\":0,\"n\":1,\"share\":0,\"low\":0,\"high\":0.975,\"at_least\":0}}");
	json_out_free(&o);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reports_proportion");

	add_test(suite, "clean", clean_runs_have_a_closed_form);
	add_test(suite, "299", two_hundred_and_ninety_nine);
	add_test(suite, "known", known_values);
	add_test(suite, "definition", the_definition);
	add_test(suite, "ends", nothing_and_much);
	add_test(suite, "json", as_json);
	return run_suite(suite);
}
