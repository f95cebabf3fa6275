#include "harness/base/json.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(layouts_are_compact_or_indented)
{
	for (int indent = 0; indent <= 2; indent += 2) {
		struct json_out o;

		json_out_init(&o, indent);
		json_out_open(&o, NULL, '{');
		json_out_i64(&o, "a", -1);
		json_out_open(&o, "b", '[');
		json_out_bool(&o, NULL, true);
		json_out_null(&o, NULL);
		json_out_close(&o);
		json_out_open(&o, "c", '{');
		json_out_close(&o);
		json_out_str(&o, "d", NULL);
		json_out_raw(&o, "e", "[1]");
		json_out_close(&o);
		ck_assert_str_eq(o.buf,
		        indent ? "{\n  \"a\": -1,\n  \"b\": [\n    true,\n    null\n  ],\n"
		                 "  \"c\": {},\n  \"d\": null,\n  \"e\": [1]\n}"
		               : "{\"a\":-1,\"b\":[true,null],\"c\":{},\"d\":null,\"e\":[1]}");
		ck_assert_uint_eq(o.n, strlen(o.buf));
		json_out_free(&o);
	}
}
END_TEST

static void assert_real(double v, const char *expected)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_real(&o, NULL, v);
	ck_assert_str_eq(o.buf, expected);
	json_out_free(&o);
}

START_TEST(reals_are_short_and_exact)
{
	struct prng g = prng_stream(1, "test/real");

	assert_real(0, "0");
	assert_real(300, "300");
	assert_real(0.1, "0.1");
	assert_real(0.1 + 0.2, "0.30000000000000004");
	assert_real(5e-324, "5e-324");
	assert_real(1e300, "1e+300");
	assert_real(-1.5, "-1.5");
	assert_real(NAN, "null");
	assert_real(-INFINITY, "null");
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = prng_next(&g);
		struct json_out o;
		double v;

		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		json_out_init(&o, 0);
		json_out_real(&o, NULL, v);
		ck_assert(strtod(o.buf, NULL) == v);
		json_out_free(&o);
	}
}
END_TEST

START_TEST(integers_keep_every_digit)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '[');
	json_out_i64(&o, NULL, INT64_MIN);
	json_out_u64(&o, NULL, UINT64_MAX);
	json_out_close(&o);
	ck_assert_str_eq(o.buf, "[-9223372036854775808,18446744073709551615]");
	json_out_free(&o);
}
END_TEST

START_TEST(text_is_escaped_and_made_whole)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_strn(&o, NULL, "\"\\\b\f\n\r\t\x01/\xc3\xa9\xff\xe2\x82z\0y", 17);
	ck_assert_str_eq(o.buf,
	        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	        "z\\u0000y\"");
	json_out_free(&o);
}
END_TEST

static void assert_canonical(const char *text, const char *expected)
{
	struct error err = ERROR_INIT;
	struct json_out o;
	struct json *doc;

	ck_assert_int_eq(json_parse("f", text, strlen(text), &doc, &err), ERR_NONE);
	json_out_init(&o, 0);
	json_out_value(&o, NULL, json_root(doc), true);
	ck_assert_str_eq(o.buf, expected);
	json_out_free(&o);
	json_free(doc);
}

START_TEST(one_meaning_has_one_canonical_form)
{
	assert_canonical("{\"b\":[1.0,10e-1,1],\"B\":{\"z\":null,\"a\":\"\\u0041\"},\"\":true}",
	        "{\"\":true,\"B\":{\"a\":\"A\",\"z\":null},\"b\":[1,1,1]}");
	assert_canonical("[9007199254740993,0.30000000000000004,1e3]",
	        "[9007199254740993,0.30000000000000004,1000]");
	assert_canonical("7", "7");
	assert_canonical("[-0.0,-0,0e9]", "[0,0,0]");
	assert_canonical("[18446744073709551615]", "[1.8446744073709552e+19]");
	assert_canonical("[[],{},[[{}]]]", "[[],{},[[{}]]]");
}
END_TEST

START_TEST(defaults_are_written_as_users_would)
{
	static const struct field fields[] = {
	        {.name = "a", .type = FIELD_DURATION, .fallback = "\"20ms\""},
	        {.name = "b", .type = FIELD_STRING, .fallback = "x\"y"},
	        {.name = "c", .type = FIELD_INT},
	};
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		json_out_default(&o, fields[i].name, &fields[i]);
	json_out_close(&o);
	ck_assert_str_eq(o.buf, "{\"a\":\"20ms\",\"b\":\"x\\\"y\",\"c\":null}");
	json_out_free(&o);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json out");

	add_test(s, "layout", layouts_are_compact_or_indented);
	add_test(s, "reals", reals_are_short_and_exact);
	add_test(s, "integers", integers_keep_every_digit);
	add_test(s, "text", text_is_escaped_and_made_whole);
	add_test(s, "canonical", one_meaning_has_one_canonical_form);
	add_test(s, "defaults", defaults_are_written_as_users_would);
	return run_suite(s);
}
