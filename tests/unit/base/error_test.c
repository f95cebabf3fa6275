#include "harness/base/error.h"
#include "tests/support/run_suite.h"

#include <string.h>

static const char *formatted(const struct error *err)
{
	static char buf[1024];

	error_format(err, buf, sizeof(buf));
	return buf;
}

START_TEST(every_part_has_its_place)
{
	struct error err = ERROR_INIT;

	ck_assert_int_eq(error_at(&err, ERR_USAGE, "a.json", 3, 7, "faults.flap.for",
	                         "expected %s, found %d", "a duration", 20),
	        ERR_USAGE);
	ck_assert_str_eq(
	        formatted(&err), "a.json:3:7: faults.flap.for: expected a duration, found 20");
}
END_TEST

START_TEST(unknown_parts_are_left_out)
{
	struct error plain = ERROR_INIT, row = ERROR_INIT, path = ERROR_INIT;

	ck_assert_int_eq(
	        error_set(&plain, ERR_ENVIRONMENT, "port %d is taken", 80), ERR_ENVIRONMENT);
	ck_assert_str_eq(formatted(&plain), "port 80 is taken");
	error_at(&row, ERR_USAGE, "t.csv", 9, 0, NULL, "expected 3 columns");
	ck_assert_str_eq(formatted(&row), "t.csv:9: expected 3 columns");
	error_at(&path, ERR_USAGE, "--set", 0, 0, "slo.x", "expected a known path");
	ck_assert_str_eq(formatted(&path), "--set: slo.x: expected a known path");
}
END_TEST

START_TEST(the_first_error_stays)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERR_USAGE, "origin");
	ck_assert_int_eq(error_set(&err, ERR_ENVIRONMENT, "consequence"), ERR_USAGE);
	ck_assert_int_eq(error_at(&err, ERR_ENVIRONMENT, "f", 1, 1, "p", "consequence"), ERR_USAGE);
	ck_assert_str_eq(formatted(&err), "origin");
}
END_TEST

START_TEST(control_characters_are_escaped)
{
	struct error err = ERROR_INIT;

	error_at(&err, ERR_USAGE, "a\nb", 1, 2, "p\x1b[2J", "x\ty\x7f%s", "\r");
	ck_assert_str_eq(formatted(&err), "a\\nb:1:2: p\\x1b[2J: x\\ty\\x7f\\r");
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT_MAX + 2], small[8];

	memset(text, 'a', sizeof(text));
	memcpy(text + ERROR_TEXT_MAX - 2, "\xc3\xa9", 2); /* its second byte would not fit */
	text[ERROR_TEXT_MAX] = '\0';
	error_set(&err, ERR_USAGE, "%s", text);
	ck_assert_uint_eq(strlen(err.text), ERROR_TEXT_MAX - 2);
	ck_assert_uint_eq(error_format(&err, small, sizeof(small)), 7);
	ck_assert_str_eq(small, "aaaaaaa");
}
END_TEST

START_TEST(nearest_forgives_slips_but_not_strangers)
{
	static const char *const names[] = {"duration", "drain", "warmup", "for", "slo"};
	size_t n = ARRAY_LEN(names);

	ck_assert_str_eq(error_nearest("duraton", names, n), "duration");
	ck_assert_str_eq(error_nearest("druation", names, n), "duration"); /* a swap is one edit */
	ck_assert_str_eq(error_nearest("fro", names, n), "for");
	ck_assert_str_eq(error_nearest("slo", names, n), "slo");
	ck_assert_str_eq(error_nearest("warmpu", names, n), "warmup");
	ck_assert_ptr_null(error_nearest("latency", names, n));
	ck_assert_ptr_null(error_nearest("xyz", names, n));
	ck_assert_ptr_null(error_nearest("", names, n));
	ck_assert_ptr_null(error_nearest("duration", names, 0));
}
END_TEST

START_TEST(nearest_gives_ties_to_the_first)
{
	static const char *const names[] = {"cat", "bat"};

	ck_assert_str_eq(error_nearest("hat", names, 2), "cat");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("error");

	add_test(s, "format", every_part_has_its_place);
	add_test(s, "parts", unknown_parts_are_left_out);
	add_test(s, "origin", the_first_error_stays);
	add_test(s, "escape", control_characters_are_escaped);
	add_test(s, "cut", long_text_is_cut_between_characters);
	add_test(s, "nearest", nearest_forgives_slips_but_not_strangers);
	add_test(s, "ties", nearest_gives_ties_to_the_first);
	return run_suite(s);
}
