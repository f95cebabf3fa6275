#include "harness/base/json.h"
#include "tests/support/run_suite.h"

#include <string.h>

static const char SCENARIO[] =
        "{\"duration\":\"60s\",\"faults\":[{\"id\":\"link.flap\",\"for\":\"2s\"},"
        "{\"id\":\"link\",\"flap\":{\"for\":\"3s\"}}],\"traffic\":[{\"name\":"
        "\"chat\",\"rate\":1}],\"rates\":[1,2]}";

static struct json *scenario(void)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	ck_assert_int_eq(json_parse("s.json", SCENARIO, strlen(SCENARIO), &doc, &err), ERR_NONE);
	return doc;
}

static void assert_set(struct json *doc, const char *path, const char *value)
{
	struct error err = ERROR_INIT;

	ck_assert_msg(
	        json_set(doc, path, value, "--set", &err) == ERR_NONE, "%s: %s", path, err.text);
}

static void assert_written(struct json *doc, const char *expected)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_value(&o, NULL, json_root(doc), false);
	ck_assert_str_eq(o.buf, expected);
	json_out_free(&o);
}

START_TEST(values_are_replaced_and_added)
{
	struct json *doc = scenario();

	assert_set(doc, "duration", "90s");             /* no JSON: a string */
	assert_set(doc, "faults.link.flap.for", "1s");  /* the longer name wins */
	assert_set(doc, "traffic.chat.rate", "2.5");    /* JSON: a number */
	assert_set(doc, "traffic.0.tier", "\"batch\""); /* a new last key, by index */
	assert_set(doc, "rates.1", "{\"a\":[1,{}]}");
	assert_set(doc, "rates.1.a.1.b", "01");
	assert_set(doc, "warmup", "");
	assert_written(doc,
	        "{\"duration\":\"90s\",\"faults\":[{\"id\":\"link.flap\",\"for\":\"1s\"},"
	        "{\"id\":\"link\",\"flap\":{\"for\":\"3s\"}}],\"traffic\":[{\"name\":"
	        "\"chat\",\"rate\":2.5,\"tier\":\"batch\"}],\"rates\":[1,{\"a\":[1,{\"b\":"
	        "\"01\"}]}],\"warmup\":\"\"}");
	json_free(doc);
}
END_TEST

START_TEST(unknown_paths_are_refused)
{
	static const struct {
		const char *path, *error;
	} bad[] = {
	        {"", "--set: expected a known path, found ''"},
	        {"fautls.x", "--set: fautls.x: expected a known path (nearest is 'faults'), found "
	                     "'fautls.x'"},
	        {"traffic.chta.rate", "--set: traffic.chta.rate: expected a known path (nearest is "
	                              "'chat'), found 'chta.rate'"},
	        {"rates.2", "--set: rates.2: expected a known path, found '2'"},
	        {"duration.x", "--set: duration.x: expected a known path, found 'x'"},
	        {"new.er", "--set: new.er: expected a known path, found 'new.er'"},
	        {"duration.", "--set: duration.: expected a known path, found '.'"},
	};
	struct json *doc = scenario();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;
		char line[1024];

		ck_assert_int_eq(json_set(doc, bad[i].path, "1", "--set", &err), ERR_USAGE);
		error_format(&err, line, sizeof(line));
		ck_assert_str_eq(line, bad[i].error);
	}
	assert_written(doc, SCENARIO);
	json_free(doc);
}
END_TEST

START_TEST(bytes_that_are_no_text_become_visible)
{
	struct json *doc = scenario();
	struct error err = ERROR_INIT;

	ck_assert_int_eq(json_set(doc, "duration", "\xff\xfe", "--set", &err), ERR_NONE);
	ck_assert_str_eq(json_string(json_get(json_root(doc), "duration")),
	        "\xef\xbf\xbd\xef\xbf\xbd"); /* shown, and no duration */
	json_free(doc);
}
END_TEST

START_TEST(complaints_name_the_origin)
{
	struct json *doc = scenario();
	struct error err = ERROR_INIT;
	int64_t ns;
	char line[256];

	assert_set(doc, "faults.link.flap.for", "soon");
	ck_assert_int_eq(
	        json_duration(
	                json_get(json_first(json_get(json_root(doc), "faults")), "for"), &ns, &err),
	        ERR_USAGE);
	error_format(&err, line, sizeof(line));
	ck_assert_str_eq(line,
	        "--set:1:1: faults.link.flap.for: expected a duration with its unit (ns, us, "
	        "ms, s, m, h, d) such as \"20ms\", found \"soon\"");
	json_free(doc);
}
END_TEST

START_TEST(depth_holds_across_an_edit)
{
	struct json *doc = scenario();
	struct error err = ERROR_INIT;
	char deep[2 * 62 + 1];

	memset(deep, '[', 62);
	memset(deep + 62, ']', 62);
	deep[124] = '\0';
	assert_set(doc, "faults.link.x", deep); /* 2 + 62 open: not one more */
	ck_assert_int_eq(json_type(json_get(json_at(json_get(json_root(doc), "faults"), 1), "x")),
	        JSON_STRING);
	assert_set(doc, "faults.0", deep);
	ck_assert_int_eq(json_set(doc, "faults.0.0.0", "[]", "--set", &err), ERR_NONE);
	json_free(doc);
}
END_TEST

START_TEST(an_extract_lives_alone)
{
	struct json *doc = scenario(), *part;
	unsigned line, col;
	char path[64];
	struct jval rate;

	assert_set(doc, "traffic.chat.rate", "[7, {\"x\":8}]");
	part = json_extract(json_get(json_root(doc), "traffic"));
	json_free(doc);
	assert_written(part, "[{\"name\":\"chat\",\"rate\":[7,{\"x\":8}]}]");
	ck_assert_str_eq(json_file(part), "s.json");
	rate = json_get(json_first(json_root(part)), "rate");
	json_path(json_get(json_at(rate, 1), "x"), path, sizeof(path));
	ck_assert_str_eq(path, "chat.rate.1.x");
	json_position(json_at(rate, 1), &line, &col);
	ck_assert_uint_eq(line, 1);
	ck_assert_uint_eq(col, 5);
	assert_set(part, "chat.rate.1.x", "9");
	assert_written(part, "[{\"name\":\"chat\",\"rate\":[7,{\"x\":9}]}]");
	json_free(part);
}
END_TEST

START_TEST(paths_find_what_they_would_set)
{
	struct json *doc = scenario();

	ck_assert_str_eq(json_string(json_find(doc, "faults.link.flap.for")), "2s");
	ck_assert_str_eq(json_string(json_find(doc, "faults.1.flap.for")), "3s");
	ck_assert_int_eq(json_type(json_find(doc, "rates")), JSON_ARRAY);
	ck_assert_int_eq(json_type(json_find(doc, "rates.2")), JSON_NONE);
	ck_assert_int_eq(json_type(json_find(doc, "faults.nobody.for")), JSON_NONE);
	json_free(doc);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json set");

	add_test(s, "set", values_are_replaced_and_added);
	add_test(s, "paths", unknown_paths_are_refused);
	add_test(s, "bytes", bytes_that_are_no_text_become_visible);
	add_test(s, "origin", complaints_name_the_origin);
	add_test(s, "depth", depth_holds_across_an_edit);
	add_test(s, "extract", an_extract_lives_alone);
	add_test(s, "find", paths_find_what_they_would_set);
	return run_suite(s);
}
