/* Base64, PAE, envelopes and statements: one spelling of everything. */
#include "reports/dsse.h"

#include <string.h>
#include "harness/base/digest.h"
#include "reports/base64.h"
#include "reports/statement.h"
#include "tests/support/run_suite.h"

/* --- base64 --- */

START_TEST(base64_is_that_of_rfc_4648)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
	        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
	        {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "+/+/"}};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		size_t n = strlen(pairs[i][0]), n_back;
		char text[16];
		uint8_t back[16];

		base64_encode(pairs[i][0], n, text);
		ck_assert_str_eq(text, pairs[i][1]);
		ck_assert_uint_eq(strlen(text), BASE64_CHARS(n));
		ck_assert(base64_decode(text, strlen(text), back, &n_back));
		ck_assert_uint_eq(n_back, n);
		ck_assert_mem_eq(back, pairs[i][0], n);
	}
}
END_TEST

START_TEST(base64_refuses_every_other_spelling)
{
	static const char *const wrong[] = {"Zg", "Zg=", "Zg===", "=",
	        "====", "Z===", "Zh==", "Zm9=", "Zm8=Zm8=", "Zg==Zg==", "Zm9v\n", "Zm 9",
	        " Zm9v===", "-_-_", "Zm9*", "Zm=v", "=Zm9", "Zm9\xc3"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		uint8_t out[16];
		size_t n;

		ck_assert_msg(!base64_decode(wrong[i], strlen(wrong[i]), out, &n), "%s", wrong[i]);
	}
}
END_TEST

/* Of all texts of four characters over an alphabet with every kind of character, each that is taken
 * is what its bytes encode to. */
START_TEST(base64_has_no_two_spellings)
{
	static const char kinds[] = "AQgwZ09+/=-_ \n";
	unsigned taken = 0;

	for (unsigned i = 0; i < 14 * 14 * 14 * 14; i++) {
		char text[5] = {kinds[i % 14], kinds[i / 14 % 14], kinds[i / 196 % 14],
		        kinds[i / 2744], '\0'};
		char again[5];
		uint8_t out[3];
		size_t n;

		if (!base64_decode(text, 4, out, &n))
			continue;
		base64_encode(out, n, again);
		ck_assert_str_eq(text, again);
		taken++;
	}
	ck_assert_uint_gt(taken, 6561); /* 9^4 without padding, and some with */
}
END_TEST

/* --- PAE and envelopes --- */

static void assert_pae(const char *type, const char *body, const char *expected)
{
	size_t n;
	uint8_t *pae = dsse_pae(type, body, strlen(body), &n);

	ck_assert_uint_eq(n, strlen(expected));
	ck_assert_mem_eq(pae, expected, n);
	mem_free(pae);
}

START_TEST(pae_counts_bytes)
{
	assert_pae("http://example.com/HelloWorld", "hello world",
	        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
	assert_pae("", "", "DSSEv1 0  0 ");
	assert_pae("\xc3\xa4", "a b", "DSSEv1 2 \xc3\xa4 3 a b");
}
END_TEST

static enum status parse(const char *text, struct arena *a, struct dsse_envelope *e, char line[256])
{
	struct error err = ERROR_INIT;
	enum status status;

	arena_init(a, 0);
	status = dsse_read("e.jsonl", text, strlen(text), a, e, &err);
	error_format(&err, line, 256);
	return status;
}

START_TEST(envelopes_are_read_as_they_are_written)
{
	static const char text[] =
	        "{\"payload\":\"AP8=\",\"payloadType\":\"a/b\",\"signatures\":["
	        "{\"keyid\":\"k\",\"sig\":\"AQ==\"},{\"keyid\":\"\",\"sig\":\"Ag==\"}]}";
	struct dsse_envelope e;
	struct json_out o;
	struct arena a;
	char line[256];

	ck_assert_int_eq(parse(text, &a, &e, line), ERR_NONE);
	ck_assert_str_eq(e.type, "a/b");
	ck_assert_uint_eq(e.n, 2);
	ck_assert_mem_eq(e.body, "\0\xff", 2);
	ck_assert_uint_eq(e.n_signatures, 2);
	ck_assert_str_eq(e.signatures[0].keyid, "k");
	ck_assert_str_eq(e.signatures[1].keyid, "");
	ck_assert_uint_eq(e.signatures[1].sig[0], 2);
	json_out_init(&o, 0);
	dsse_write(&o, &e);
	ck_assert_str_eq(o.buf, text);
	json_out_free(&o);
	arena_free(&a);
	ck_assert_int_eq(parse("{\"signatures\": [{\"sig\": \"AQ==\"}], \"payloadType\": \"t\",\n "
	                       "\"payload\": \"\"}",
	                         &a, &e, line),
	        ERR_NONE);
	ck_assert_str_eq(e.signatures[0].keyid, "");
	ck_assert_uint_eq(e.n, 0);
	arena_free(&a);
}
END_TEST

#define SIGNATURES "\"signatures\":[{\"keyid\":\"k\",\"sig\":\"AQ==\"}]"

START_TEST(other_envelopes_are_refused)
{
	static const struct {
		const char *text, *said;
	} wrong[] = {
	        {"", "expected"},
	        {"[]", "expected"},
	        {"{\"payloadType\":\"t\"," SIGNATURES "}", "payload"},
	        {"{\"payload\":\"\"," SIGNATURES "}", "payloadType"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\"}", "signatures"},
	        {"{\"payload\":\"\",\"payloadType\":\"\"," SIGNATURES "}", "payloadType"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}",
	                "1 to 16 signatures"},
	        {"{\"payload\":\"Zh==\",\"payloadType\":\"t\"," SIGNATURES "}", "canonical base64"},
	        {"{\"payload\":\"Zg\",\"payloadType\":\"t\"," SIGNATURES "}", "canonical base64"},
	        {"{\"payload\":1,\"payloadType\":\"t\"," SIGNATURES "}", "expected base64"},
	        {"{\"payload\":\"\",\"payload\":\"\",\"payloadType\":\"t\"," SIGNATURES "}",
	                "payload"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\",\"more\":1," SIGNATURES "}", "more"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\"," SIGNATURES "} x", "expected"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\"," SIGNATURES "}//", "comments"},
	        {"{\"payload\":\"\",/* */\"payloadType\":\"t\"," SIGNATURES "}", "comments"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\\u0000\"," SIGNATURES "}", "expected"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"keyid\":\"k\"}]}",
	                "sig"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"\"}]}",
	                "1024"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AQ==\",\"x\":"
	         "0}]}",
	                "x"},
	        {"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[7]}", "expected"},
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct dsse_envelope e;
		struct arena a;
		char line[256];

		ck_assert_msg(parse(wrong[i].text, &a, &e, line) == ERR_USAGE, "%s", wrong[i].text);
		ck_assert_msg(strstr(line, wrong[i].said), "%s: %s", wrong[i].text, line);
		ck_assert_msg(strncmp(line, "e.jsonl:", 8) == 0, "%s", line);
		arena_free(&a);
	}
}
END_TEST

/* --- statements --- */

static void from_hex(const char *hex, uint8_t out[static DIGEST_BYTES])
{
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

START_TEST(a_test_result_is_a_statement)
{
	static const char expected[] =
	        "{\"_type\":\"https://in-toto.io/Statement/"
	        "v1\",\"subject\":[{\"name\":\"rack.json\","
	        "\"digest\":{\"sha256\":"
	        "\"8e9d1a8d5b1863f1e99ed1bd8a1b7bd1ea8e19f704f5859adbcf5cdce5ca7cd9\"}}],"
	        "\"predicateType\":\"https://in-toto.io/attestation/test-result/"
	        "v0.1\",\"predicate\":{"
	        "\"result\":\"WARNED\",\"configuration\":[],\"passedTests\":[\"a\",\"b\"],"
	        "\"warnedTests\":[\"c\"],\"failedTests\":[]}}";
	static const char *const passed[] = {"a", "b"}, *const warned[] = {"c"};
	struct statement_file rack = {.name = "rack.json"};
	struct statement_files subject = {&rack, 1};
	struct statement_test test = {
	        .result = STATEMENT_WARNED, .passed = {passed, 2}, .warned = {warned, 1}};
	struct json_out o;

	from_hex("8e9d1a8d5b1863f1e99ed1bd8a1b7bd1ea8e19f704f5859adbcf5cdce5ca7cd9", rack.sha256);
	json_out_init(&o, 0);
	statement_test_result(&o, &subject, &test);
	ck_assert_str_eq(o.buf, expected);
	json_out_free(&o);
}
END_TEST

static enum status any(const char *predicate, struct json_out *o, struct error *err)
{
	struct statement_file file = {.name = "\"a\n"};
	struct statement_files subject = {&file, 1};

	json_out_init(o, 0);
	return statement_any(
	        o, &subject, "https://x.example/p/v1", predicate, strlen(predicate), err);
}

START_TEST(any_other_predicate_is_taken_as_it_is)
{
	struct error err = ERROR_INIT, wrong = ERROR_INIT, cut = ERROR_INIT;
	struct json_out o;

	ck_assert_int_eq(any("{ \"z\": 9007199254740993, // seed\n \"a\": [0.1, null] }", &o, &err),
	        ERR_NONE);
	ck_assert_msg(
	        strstr(o.buf, "\"predicateType\":\"https://x.example/p/v1\",\"predicate\":{\"z\":"
	                      "9007199254740993,\"a\":[0.1,null]}}"),
	        "%s", o.buf);
	ck_assert_msg(strstr(o.buf, "\"subject\":[{\"name\":\"\\\"a\\n\","), "%s", o.buf);
	json_out_free(&o);
	ck_assert_int_eq(any("[1]", &o, &wrong), ERR_USAGE);
	ck_assert_uint_eq(o.n, 0);
	json_out_free(&o);
	ck_assert_int_eq(any("{\"a\":", &o, &cut), ERR_USAGE);
	ck_assert_uint_eq(o.n, 0);
	json_out_free(&o);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reports/dsse");

	add_test(s, "base64", base64_is_that_of_rfc_4648);
	add_test(s, "base64_wrong", base64_refuses_every_other_spelling);
	add_test(s, "base64_unique", base64_has_no_two_spellings);
	add_test(s, "pae", pae_counts_bytes);
	add_test(s, "envelope", envelopes_are_read_as_they_are_written);
	add_test(s, "envelope_wrong", other_envelopes_are_refused);
	add_test(s, "test_result", a_test_result_is_a_statement);
	add_test(s, "any", any_other_predicate_is_taken_as_it_is);
	return run_suite(s);
}
