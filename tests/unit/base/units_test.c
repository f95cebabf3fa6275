#include "harness/base/units.h"
#include "harness/base/check.h"
#include "tests/support/run_suite.h"

#include <string.h>

START_TEST(durations_are_exact)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
	        {"100ns", 100},
	        {"250us", 250 * NS_PER_US},
	        {"20ms", 20 * NS_PER_MS},
	        {"1.5s", 1500 * NS_PER_MS},
	        {"5m", 300 * NS_PER_S},
	        {"1h", 3600 * NS_PER_S},
	        {"3d", 3 * 86400 * NS_PER_S},
	        {"0s", 0},
	        {"0.1s", 100 * NS_PER_MS}, /* no double: 0.1 has none */
	        {"0.000000001s", 1},
	        {"1.100000000000s", 1100 * NS_PER_MS},
	        {"0.5m", 30 * NS_PER_S},
	        {"3650d", NS_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		int64_t ns = -1;

		ck_assert_msg(units_parse_duration(good[i].text, strlen(good[i].text), &ns),
		        "%s is refused", good[i].text);
		ck_assert_int_eq(ns, good[i].ns);
	}
}
END_TEST

START_TEST(what_is_no_duration_is_refused)
{
	static const char *const bad[] = {"", "20", "ms", "-1s", "+1s", " 1s", "1s ", "1 s", "1.s",
	        ".5s", "1e3s", "0.5ns", "0.0000000001s", "1sec", "1S", "3651d", "3650.1d", "nans",
	        "99999999999999999999s", "1..5s", "1.5.5s", "0x10s", "1,5s"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t ns;

		ck_assert_msg(
		        !units_parse_duration(bad[i], strlen(bad[i]), &ns), "'%s' passes", bad[i]);
	}
}
END_TEST

START_TEST(length_not_nul_ends_the_text)
{
	int64_t ns;

	ck_assert(units_parse_duration("20ms,", 4, &ns));
	ck_assert(!units_parse_duration("20ms", 2, &ns));
}
END_TEST

START_TEST(the_shortest_form_is_written)
{
	static const struct {
		int64_t ns;
		const char *text;
	} forms[] = {
	        {0, "0s"},
	        {1, "1ns"},
	        {20 * NS_PER_MS, "20ms"},
	        {250 * NS_PER_MS, "250ms"},
	        {1500 * NS_PER_MS, "1.5s"},
	        {60 * NS_PER_S, "1m"},
	        {90 * NS_PER_S, "90s"},
	        {3600 * NS_PER_S, "1h"},
	        {NS_MAX, "3650d"},
	        {1234567, "1234567ns"},
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char buf[UNITS_DURATION_MAX];

		ck_assert_str_eq(units_format_duration(forms[i].ns, buf), forms[i].text);
	}
}
END_TEST

START_TEST(helpers_round_as_they_say)
{
	ck_assert_int_eq(ceil_div_i64(0, 5), 0);
	ck_assert_int_eq(ceil_div_i64(10, 5), 2);
	ck_assert_int_eq(ceil_div_i64(11, 5), 3);
	ck_assert(ns_to_ms(1500000) == 1.5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("units");

	add_test(s, "good", durations_are_exact);
	add_test(s, "bad", what_is_no_duration_is_refused);
	add_test(s, "length", length_not_nul_ends_the_text);
	add_test(s, "shortest", the_shortest_form_is_written);
	add_test(s, "helpers", helpers_round_as_they_say);
	return run_suite(s);
}
