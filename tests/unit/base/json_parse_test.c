#include "harness/base/json.h"
#include "harness/base/check.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <string.h>

static struct json *parsed(const char *text)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	ck_assert_msg(json_parse("f.json", text, strlen(text), &doc, &err) == ERR_NONE, "%s: %s",
	        text, err.text);
	return doc;
}

static void assert_refused(const char *text, size_t len, const char *expected)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	char line[1024];

	ck_assert_int_eq(json_parse("f.json", text, len, &doc, &err), ERR_USAGE);
	ck_assert_ptr_null(doc);
	error_format(&err, line, sizeof(line));
	ck_assert_str_eq(line, expected);
}

START_TEST(what_is_wrong_is_placed)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	        {"", "1:1: $: expected a value, found end of file"},
	        {" \n ", "2:2: $: expected a value, found end of file"},
	        {"01", "1:1: $: expected a number (no leading zero or plus, digits around the "
	               "point), found '01'"},
	        {"[-]", "1:2: $: expected a number (no leading zero or plus, digits around the "
	                "point), found '-'"},
	        {"[1,\n 2.]",
	                "2:2: $: expected a number (no leading zero or plus, digits around the "
	                "point), found '2.'"},
	        {"{\"a\": 1e999}",
	                "1:7: $: expected a number that a double can hold, found '1e999'"},
	        {"1e-999", "1:1: $: expected a number that a double can hold, found '1e-999'"},
	        {"[NaN]", "1:2: $: expected a value, found 'NaN'"},
	        {"[+1]", "1:2: $: expected a value, found '+1'"},
	        {"truely", "1:1: $: expected a value, found 'truely'"},
	        {"[1,]", "1:4: $: expected a value, found ']'"},
	        {"[,1]", "1:2: $: expected a value, found ','"},
	        {"{\"a\":1,}", "1:8: $: expected a key in double quotes, found '}'"},
	        {"{a:1}", "1:2: $: expected a key in double quotes, found 'a'"},
	        {"{\"a\" 1}", "1:6: $: expected ':' after the key, found '1'"},
	        {"{\"a\":}", "1:6: $: expected a value, found '}'"},
	        {"{\"a\":1 \"b\":2}", "1:8: $: expected ',' or '}', found a string"},
	        {"[1 2]", "1:4: $: expected ',' or ']', found '2'"},
	        {"[1}", "1:3: $: expected ',' or ']', found '}'"},
	        {"]", "1:1: $: expected a value, found ']'"},
	        {"[1] x", "1:5: $: expected end of file after the value, found 'x'"},
	        {"\"a\tb\"",
	                "1:3: $: expected a closing quote or an escaped control character, found "
	                "byte 0x09"},
	        {"\"a\nb\"",
	                "1:3: $: expected a closing quote or an escaped control character, found "
	                "end of line"},
	        {"[\"abc", "1:2: $: expected a closing quote, found end of file"},
	        {"\"\\x\"", "1:2: $: expected one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
	                    "\\uXXXX, "
	                    "found '\\'"},
	        {"\"\\u12g4\"", "1:2: $: expected four hex digits after \\u, found '\\'"},
	        {"\"\\u0000\"", "1:2: $: expected text without NUL characters, found '\\'"},
	        {"\"a\\ud800b\"", "1:3: $: expected a pair of surrogates, found '\\'"},
	        {"\"\\udc00\"", "1:2: $: expected a pair of surrogates, found '\\'"},
	        {"\"\\ud800\\u0041\"", "1:2: $: expected a pair of surrogates, found '\\'"},
	        {"\"\xff\"", "1:2: $: expected UTF-8 text, found byte 0xff"},
	        {"\"\xc0\x80\"", "1:2: $: expected UTF-8 text, found byte 0xc0"},
	        {"\"\xed\xa0\x80\"", "1:2: $: expected UTF-8 text, found byte 0xed"},
	        {"\"\xf4\x90\x80\x80\"", "1:2: $: expected UTF-8 text, found byte 0xf4"},
	        {"\"\xe2\x82\"", "1:2: $: expected UTF-8 text, found byte 0xe2"},
	        {"\xef\xbb\xbf{}", "1:1: $: expected a value, found byte 0xef"},
	        {"{} /* \n x", "1:4: $: expected a closing */, found end of file"},
	        {"{} /*/", "1:4: $: expected a closing */, found end of file"},
	        {"/ 1", "1:1: $: expected a value or a comment, found '/'"},
	        {"// \xff\n1", "1:4: $: expected UTF-8 text, found byte 0xff"},
	        {"{\"a\":1,\n \"a\":2}",
	                "2:2: a: expected each key once, found 'a' again (first at 1:2)"},
	        {"{\"b\":{\"\\u0061\":1,\"a\":2}}",
	                "1:18: b.a: expected each key once, found 'a' again (first at 1:7)"},
	        {"[\"\xc3\xa9\xc3\xa9\", x]",
	                "1:8: $: expected a value, found 'x'"}, /* characters, not bytes */
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char expected[256];

		snprintf(expected, sizeof(expected), "f.json:%s", bad[i].error);
		assert_refused(bad[i].text, strlen(bad[i].text), expected);
	}
}
END_TEST

START_TEST(nul_bytes_are_no_end)
{
	assert_refused("[1,\0 2]", 7, "f.json:1:4: $: expected a value, found byte 0x00");
	assert_refused(
	        "1\0", 2, "f.json:1:2: $: expected end of file after the value, found byte 0x00");
	assert_refused("\"\0\"", 3,
	        "f.json:1:2: $: expected a closing quote or an escaped control character, found "
	        "byte "
	        "0x00");
	assert_refused(
	        "//\0\n1", 5, "f.json:1:3: $: expected text without NUL bytes, found byte 0x00");
}
END_TEST

START_TEST(nesting_ends_at_its_limit)
{
	char text[2 * JSON_DEPTH_MAX + 3];
	size_t n = JSON_DEPTH_MAX;

	memset(text, '[', n);
	memset(text + n, ']', n);
	text[2 * n] = '\0';
	json_free(parsed(text));
	memset(text, '[', n + 1);
	memset(text + n + 1, ']', n + 1);
	assert_refused(
	        text, 2 * n + 2, "f.json:1:65: $: expected at most 64 nested brackets, found '['");
}
END_TEST

START_TEST(size_ends_at_its_limit)
{
	size_t n = (size_t)JSON_SIZE_MAX + 1;
	char *text = mem_alloc(n, 1);

	memset(text, ' ', n);
	assert_refused(text, n, "f.json: expected at most 16777216 bytes of JSON, found 16777217");
	mem_free(text);
}
END_TEST

START_TEST(many_keys_are_affordable)
{
	enum { KEYS = 200000 };
	char *text = mem_alloc(KEYS, 16);
	size_t n = 0;
	struct json *doc;

	for (int i = 0; i < KEYS; i++)
		n += (size_t)snprintf(text + n, 16, "%c\"k%d\":1", i ? ',' : '{', i);
	text[n++] = '}';
	text[n] = '\0';
	doc = parsed(text);
	ck_assert_uint_eq(json_count(json_root(doc)), KEYS);
	json_free(doc);
	mem_free(text);
}
END_TEST

START_TEST(comments_are_blanks)
{
	struct json *doc = parsed(
	        "// head\n{ \"a\": /* \xc3\xa9 */ 1, // tail\r\n /**/ \"u\": \"//x /* y\" }//");
	unsigned line, col;

	json_position(json_get(json_root(doc), "a"), &line, &col);
	ck_assert_uint_eq(line, 2);
	ck_assert_uint_eq(col, 16);
	ck_assert_str_eq(json_string(json_get(json_root(doc), "u")), "//x /* y");
	json_free(doc);
}
END_TEST

START_TEST(strings_are_decoded)
{
	struct json *doc = parsed("\"\\u00e9\\ud83d\\ude00\\n\\/\xe2\x82\xac\"");

	ck_assert_str_eq(json_string(json_root(doc)), "\xc3\xa9\xf0\x9f\x98\x80\n/\xe2\x82\xac");
	json_free(doc);
}
END_TEST

START_TEST(the_tree_can_be_walked)
{
	struct json *doc = parsed("{\"a\":[10,20,30],\"A\":{},\"t\":true,\"n\":null}");
	struct jval root = json_root(doc), list = json_get(root, "a");
	int64_t n = 0;

	ck_assert_uint_eq(json_count(root), 4);
	ck_assert_int_eq(json_type(json_get(root, "A")), JSON_OBJECT); /* case counts */
	ck_assert_int_eq(json_type(json_get(root, "x")), JSON_NONE);
	ck_assert_int_eq(json_type(json_get(root, "n")), JSON_NULL);
	ck_assert(json_is_true(json_get(root, "t")));
	ck_assert_str_eq(json_key(json_next(json_first(root))), "A");
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < 3; i++) {
			struct error err = ERROR_INIT;

			ck_assert_int_eq(json_i64(json_at(list, i), &n, &err), ERR_NONE);
			ck_assert_int_eq(n, 10 * (int64_t)(i + 1));
		}
	ck_assert_int_eq(json_type(json_at(list, 3)), JSON_NONE);
	ck_assert_int_eq(json_type(json_first(json_get(root, "A"))), JSON_NONE);
	ck_assert_ptr_null(json_key(json_first(list)));
	ck_assert_str_eq(json_file(doc), "f.json");
	json_free(doc);
}
END_TEST

START_TEST(paths_name_what_has_a_name)
{
	struct json *doc =
	        parsed("{\"faults\":[{\"id\":\"flap\",\"for\":1},{\"name\":\"chat\",\"x\":[1,"
	               "{\"y\":2}]}, {}]}");
	struct jval faults = json_get(json_root(doc), "faults");
	struct jval y = json_get(json_at(json_get(json_at(faults, 1), "x"), 1), "y");
	char path[64];

	json_path(json_get(json_first(faults), "for"), path, sizeof(path));
	ck_assert_str_eq(path, "faults.flap.for");
	json_path(y, path, sizeof(path));
	ck_assert_str_eq(path, "faults.chat.x.1.y");
	json_path(json_at(faults, 2), path, sizeof(path));
	ck_assert_str_eq(path, "faults.2");
	json_path(json_root(doc), path, sizeof(path));
	ck_assert_str_eq(path, "");
	json_path(y, path, 8);
	ck_assert_str_eq(path, "faults.");
	json_free(doc);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json parse");

	add_test(s, "bad", what_is_wrong_is_placed);
	add_test(s, "nul", nul_bytes_are_no_end);
	add_test(s, "depth", nesting_ends_at_its_limit);
	add_test(s, "size", size_ends_at_its_limit);
	add_test(s, "many keys", many_keys_are_affordable);
	add_test(s, "comments", comments_are_blanks);
	add_test(s, "strings", strings_are_decoded);
	add_test(s, "walk", the_tree_can_be_walked);
	add_test(s, "paths", paths_name_what_has_a_name);
	return run_suite(s);
}
