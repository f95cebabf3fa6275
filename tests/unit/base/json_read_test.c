#include "harness/base/json.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

#include <string.h>

enum process { CONSTANT, POISSON };
static const char *const PROCESSES[] = {"constant", "poisson", NULL};

struct sample {
	bool flag;
	int64_t count, period_ns;
	double rate, share;
	const char *note, *name;
	int process;
	struct jval any, object, list;
};

#define AT(member) .offset = offsetof(struct sample, member)

static const struct field FIELDS[] = {
        {.name = "flag", .type = FIELD_BOOL, AT(flag), .fallback = "true"},
        {.name = "count",
                .type = FIELD_INT,
                AT(count),
                .fallback = "3",
                .min = 1,
                .max = 64,
                .unit = "slots"},
        {.name = "period",
                .type = FIELD_DURATION,
                AT(period_ns),
                .fallback = "\"20ms\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_PER_S},
        {.name = "rate",
                .type = FIELD_REAL,
                AT(rate),
                .flags = FIELD_EXCLUSIVE_MIN,
                .fallback = "1.5"},
        {.name = "share", .type = FIELD_PERCENT, AT(share), .fallback = "\"2%\""},
        {.name = "note", .type = FIELD_STRING, AT(note), .fallback = "none"},
        {.name = "name", .type = FIELD_NAME, AT(name), .flags = FIELD_REQUIRED},
        {.name = "process",
                .type = FIELD_ENUM,
                AT(process),
                .choices = PROCESSES,
                .fallback = "\"poisson\""},
        {.name = "any", .type = FIELD_VALUE, AT(any)},
        {.name = "object", .type = FIELD_OBJECT, AT(object)},
        {.name = "list", .type = FIELD_ARRAY, AT(list)},
};

/* Reads text into *s; the document must outlive the strings. */
static struct json *read_sample(const char *text, struct sample *s, struct error *err)
{
	struct json *doc;

	ck_assert_int_eq(json_parse("f.json", text, strlen(text), &doc, err), ERR_NONE);
	if (json_read(json_root(doc), FIELDS, ARRAY_LEN(FIELDS), s, err) != ERR_NONE)
		ck_assert_int_eq(err->code, ERR_USAGE);
	return doc;
}

START_TEST(every_type_is_read)
{
	struct error err = ERROR_INIT;
	struct sample s;
	struct json *doc =
	        read_sample("{\"flag\":false,\"count\":64,\"period\":\"1s\",\"rate\":0.25,"
	                    "\"share\":\"12.5%\",\"note\":\"x y\",\"name\":\"a.b-c_1\","
	                    "\"process\":\"constant\",\"any\":7,\"object\":{},\"list\":[1]}",
	                &s, &err);

	ck_assert_int_eq(err.code, ERR_NONE);
	ck_assert(!s.flag && s.count == 64 && s.period_ns == NS_PER_S);
	ck_assert(s.rate == 0.25 && s.share == 0.125 && s.process == CONSTANT);
	ck_assert_str_eq(s.note, "x y");
	ck_assert_str_eq(s.name, "a.b-c_1");
	ck_assert_int_eq(json_type(s.any), JSON_NUMBER);
	ck_assert_int_eq(json_type(s.object), JSON_OBJECT);
	ck_assert_uint_eq(json_count(s.list), 1);
	json_free(doc);
}
END_TEST

static void assert_defaults(const struct sample *s)
{
	ck_assert(s->flag && s->count == 3 && s->period_ns == 20 * NS_PER_MS);
	ck_assert(s->rate == 1.5 && s->share == 0.02 && s->process == POISSON);
	ck_assert_str_eq(s->note, "none");
	ck_assert_int_eq(json_type(s->any), JSON_NONE);
	ck_assert_int_eq(json_type(s->object), JSON_NONE);
	ck_assert_int_eq(json_type(s->list), JSON_NONE);
}

START_TEST(absent_fields_get_their_defaults)
{
	struct error err = ERROR_INIT;
	struct sample s, bare;
	struct json *doc = read_sample("{\"name\":\"n\"}", &s, &err);

	ck_assert_int_eq(err.code, ERR_NONE);
	assert_defaults(&s);
	json_defaults(FIELDS, ARRAY_LEN(FIELDS), &bare);
	assert_defaults(&bare);
	ck_assert_ptr_null(bare.name);
	json_free(doc);
}
END_TEST

START_TEST(what_does_not_fit_is_named_and_placed)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	        {"[]", "1:1: $: expected an object, found an empty list"},
	        {"{}", "1:1: $: expected the key 'name', found none"},
	        {"{\"nmae\":1}",
	                "1:2: nmae: expected a known key (nearest is 'name'), found 'nmae'"},
	        {"{\"zzz\":1}", "1:2: zzz: expected a known key, found 'zzz'"},
	        {"{\"flag\":1}", "1:9: flag: expected true or false, found 1"},
	        {"{\"count\":\"3\"}", "1:10: count: expected an integer, found \"3\""},
	        {"{\"count\":1.5}",
	                "1:10: count: expected an integer that fits 64 bits, found 1.5"},
	        {"{\"count\":9223372036854775808}", "1:10: count: expected an integer that fits 64 "
	                                            "bits, found 9223372036854775808"},
	        {"{\"count\":65}", "1:10: count: expected an integer of at least 1 and at most 64 "
	                           "slots, found 65"},
	        {"{\"count\":0}", "1:10: count: expected an integer of at least 1 and at most 64 "
	                          "slots, found 0"},
	        {"{\"period\":20}",
	                "1:11: period: expected a duration with its unit (ns, us, ms, s, "
	                "m, h, d) such as \"20ms\", found 20"},
	        {"{\"period\":\"-1s\"}",
	                "1:11: period: expected a duration with its unit (ns, us, ms, "
	                "s, m, h, d) such as \"20ms\", found \"-1s\""},
	        {"{\"period\":\"0s\"}",
	                "1:11: period: expected a duration above 0s and at most 1s, found \"0s\""},
	        {"{\"period\":\"2s\"}",
	                "1:11: period: expected a duration above 0s and at most 1s, found \"2s\""},
	        {"{\"rate\":0}", "1:9: rate: expected a number above 0, found 0"},
	        {"{\"rate\":null}", "1:9: rate: expected a number, found null"},
	        {"{\"share\":1.01}",
	                "1:10: share: expected a share from 0 to 1, or a percentage such "
	                "as \"2%\", found 1.01"},
	        {"{\"share\":\"101%\"}",
	                "1:10: share: expected a share from 0 to 1, or a percentage "
	                "such as \"2%\", found \"101%\""},
	        {"{\"share\":\"nan%\"}",
	                "1:10: share: expected a share from 0 to 1, or a percentage "
	                "such as \"2%\", found \"nan%\""},
	        {"{\"note\":[1]}", "1:9: note: expected a string, found a list"},
	        {"{\"name\":\"Chat\"}",
	                "1:9: name: expected a name of 1 to 64 of a-z 0-9 . _ - that begins "
	                "with a letter or digit, found \"Chat\""},
	        {"{\"process\":\"poison\"}", "1:12: process: expected one of constant, poisson "
	                                     "(nearest is 'poisson'), found \"poison\""},
	        {"{\"process\":4}", "1:12: process: expected one of constant, poisson, found 4"},
	        {"{\"object\":{\"a\":1},\"list\":{\"a\":1}}",
	                "1:26: list: expected a list, found an object"},
	        {"{\"object\":true}", "1:11: object: expected an object, found true"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;
		struct sample s;
		char line[1024];
		struct json *doc = read_sample(bad[i].text, &s, &err);

		error_format(&err, line, sizeof(line));
		ck_assert_str_eq(line + strlen("f.json:"), bad[i].error);
		json_free(doc);
	}
}
END_TEST

START_TEST(integers_are_exact)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN},
	        {"9007199254740993", INT64_C(9007199254740993)}, {"1e6", 1000000}, {"4.0", 4},
	        {"-0", 0}};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct error err = ERROR_INIT;
		struct json *doc;
		int64_t value;

		ck_assert_int_eq(
		        json_parse("f", good[i].text, strlen(good[i].text), &doc, &err), 0);
		ck_assert_int_eq(json_i64(json_root(doc), &value, &err), ERR_NONE);
		ck_assert_int_eq(value, good[i].value);
		json_free(doc);
	}
}
END_TEST

START_TEST(two_tables_read_as_one)
{
	static const struct field own[] = {
	        {.name = "extra", .type = FIELD_INT, .offset = 0, .fallback = "9"},
	        {.name = "other", .type = FIELD_INT, .offset = sizeof(int64_t)},
	};
	struct error err = ERROR_INIT, unknown = ERROR_INIT;
	int64_t extra[2] = {0, 0};
	struct sample s;
	struct json *doc;
	const char *text = "{\"other\":5,\"name\":\"n\",\"count\":7}";

	ck_assert_int_eq(json_parse("f", text, strlen(text), &doc, &err), ERR_NONE);
	ck_assert_int_eq(json_read2(json_root(doc), FIELDS, ARRAY_LEN(FIELDS), &s, own,
	                         ARRAY_LEN(own), extra, &err),
	        ERR_NONE);
	ck_assert(s.count == 7 && extra[0] == 9 && extra[1] == 5);
	ck_assert_int_eq(
	        json_read(json_root(doc), own, ARRAY_LEN(own), extra, &unknown), ERR_USAGE);
	json_free(doc);
}
END_TEST

START_TEST(long_strings_are_cut_in_errors)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	char text[200] = "\"";

	for (int i = 0; i < 60; i++)
		strncat(text, "\xc3\xa9", sizeof(text) - strlen(text) - 1);
	strncat(text, "\"", sizeof(text) - strlen(text) - 1);
	ck_assert_int_eq(json_parse("f", text, strlen(text), &doc, &err), ERR_NONE);
	json_expected(json_root(doc), &err, "less");
	ck_assert_uint_lt(strlen(err.text), 90);
	ck_assert_ptr_nonnull(strstr(err.text, "\xc3\xa9\xe2\x80\xa6\""));
	json_free(doc);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json read");

	add_test(s, "types", every_type_is_read);
	add_test(s, "defaults", absent_fields_get_their_defaults);
	add_test(s, "bad", what_does_not_fit_is_named_and_placed);
	add_test(s, "integers", integers_are_exact);
	add_test(s, "two tables", two_tables_read_as_one);
	add_test(s, "cut", long_strings_are_cut_in_errors);
	return run_suite(s);
}
