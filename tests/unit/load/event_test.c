#include "harness/load/event.h"

#include <stdlib.h>
#include <string.h>
#include "tests/support/run_suite.h"

/* Scans a copy that ends where the text ends, so that a sanitizer sees every byte read beyond it.
 */
static bool scan(const char *text, struct event *e)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	bool ok;

	memcpy(copy, text, n);
	ok = event_scan(copy, n, e);
	if (ok && e->text)
		e->text = text + (e->text - copy);
	free(copy);
	return ok;
}

static void check_text(const char *json, const char *expected)
{
	struct event e;

	ck_assert_msg(scan(json, &e), "%s", json);
	ck_assert(e.token);
	ck_assert_uint_eq(e.text_len, strlen(expected));
	ck_assert_mem_eq(e.text, expected, e.text_len);
}

START_TEST(tokens_are_found_wherever_they_stand)
{
	check_text("{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" ab\"},"
	           "\"finish_reason\":null}]}",
	        " ab");
	check_text(" { \"choices\" : [ { \"delta\" : { \"role\":\"assistant\", \"content\" : "
	           "\"a\\n\\u00e4\" } } ] } ",
	        "a\\n\\u00e4");
	check_text("{\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning\":\"why\"}}]}", "why");
	check_text(
	        "{\"choices\":[{\"delta\":{\"reasoning_content\":\"r\",\"content\":null}}]}", "r");
	check_text("{\"choices\":[{\"finish_reason\":null,\"text\":\" legacy\"}]}", " legacy");
	check_text("{\"choices\":[{\"delta\":{}},{\"delta\":{\"content\":\"second\"}}]}", "second");
}
END_TEST

START_TEST(what_is_no_token)
{
	static const char *const events[] = {
	        "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
	        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
	        "{\"choices\":[],\"usage\":{\"completion_tokens\":3}}",
	        "{\"choices\":[{\"delta\":{\"content\":null,\"tool_calls\":[]}}]}",
	        "{\"content\":\"not here\",\"delta\":{\"content\":\"nor here\"}}",
	        "{\"choices\":[{\"message\":{\"content\":\"nor here\"}}]}",
	        "{\"choices\":[{\"logprobs\":{\"content\":[{\"token\":\"a\"}]},\"delta\":{}}]}",
	        "[]",
	        "0",
	        "null",
	};
	struct event e;

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		ck_assert_msg(scan(events[i], &e), "%s", events[i]);
		ck_assert_msg(!e.token, "%s", events[i]);
	}
}
END_TEST

START_TEST(tool_calls_are_tokens_without_text)
{
	struct event e;

	ck_assert(scan("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
	               "{\"arguments\":\"{\\\"a\\\":\"}}]}}]}",
	        &e));
	ck_assert(e.token);
	ck_assert_ptr_null(e.text);
}
END_TEST

START_TEST(usage_is_read_at_the_root_and_in_x_groq)
{
	static const char *const events[] = {
	        "{\"choices\":[],\"usage\":{\"queue_time\":0.018,\"prompt_tokens\":1020,\"prompt_"
	        "time\":"
	        "0.0255,\"completion_tokens\":128,\"completion_time\":1.27e-1,\"total_tokens\":"
	        "1148}}",
	        "{\"x_groq\":{\"id\":\"r\",\"usage\":{\"completion_tokens\":128,\"prompt_tokens\":"
	        "1020,"
	        "\"completion_time\":0.127,\"prompt_time\":2.55E-02,\"queue_time\":0.018000000}}}",
	};
	struct event e;

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		ck_assert(scan(events[i], &e));
		ck_assert(e.usage && !e.failed);
		ck_assert_int_eq(e.prompt_tokens, 1020);
		ck_assert_int_eq(e.completion_tokens, 128);
		ck_assert_int_eq(e.queue_ns, 18000000);
		ck_assert_int_eq(e.prompt_ns, 25500000);
		ck_assert_int_eq(e.completion_ns, 127000000);
	}
}
END_TEST

START_TEST(what_usage_does_not_say_stays_unknown)
{
	struct event e;

	ck_assert(
	        scan("{\"usage\":{\"completion_tokens\":1,\"queue_time\":null,\"prompt_time\":-1}}",
	                &e));
	ck_assert(e.usage);
	ck_assert_int_eq(e.completion_tokens, 1);
	ck_assert_int_eq(e.prompt_tokens, -1);
	ck_assert_int_eq(e.queue_ns, -1);
	ck_assert_int_eq(e.prompt_ns, -1);
	ck_assert(scan("{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}", &e));
	ck_assert(!e.usage);
	ck_assert(scan("{\"usage\":{\"prompt_tokens\":1e300}}", &e));
	ck_assert_int_eq(e.prompt_tokens, -1);
}
END_TEST

START_TEST(errors_and_ends)
{
	struct event e;

	ck_assert(scan("{\"x_groq\":{\"id\":\"a\",\"error\":\"over capacity\"}}", &e) && e.failed);
	ck_assert(scan("{\"x_groq\":{\"id\":\"a\",\"error\":null}}", &e) && !e.failed);
	ck_assert(scan("{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":500}}", &e) &&
	          e.failed);
	ck_assert(!e.context_length);
	ck_assert(scan("{\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded\"}}", &e));
	ck_assert(e.failed && e.context_length);
	ck_assert(scan("{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}", &e) &&
	          e.finished);
	ck_assert(scan("{\"choices\":[{\"delta\":{},\"finish_reason\":null}]}", &e) && !e.finished);
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const texts[] = {"", " ", "{", "}", "[", "{\"a\"}", "{\"a\":}",
	        "{\"a\":1,}", "[1,]", "[,1]", "[1 2]", "{\"a\":1 \"b\":2}", "{a:1}", "'a'", "\"a",
	        "\"\\", "\"\\q\"", "\"\\u12g4\"", "\"\\u12", "\"tab\there\"", "01", "-", "1.", ".5",
	        "1e", "1e+", "+1", "tru", "nul", "truth", "{}{}", "{} x", "[}", "{]", "[[]", "nan",
	        "{\"a\":1]", "{1:2}"};
	struct event e;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ck_assert_msg(!scan(texts[i], &e), "%s", texts[i]);
}
END_TEST

START_TEST(every_cut_of_an_event_is_refused)
{
	static const char text[] =
	        "{\"choices\":[{\"delta\":{\"content\":\" a\\u0041\"},\"finish_reason\":"
	        "null}],\"usage\":{\"queue_time\":-0.5e-3,\"x\":[true,false,{}]}}";
	char cut[sizeof(text)];
	struct event e;

	ck_assert(scan(text, &e));
	for (size_t n = 0; n + 1 < sizeof(text); n++) {
		memcpy(cut, text, n);
		cut[n] = '\0';
		ck_assert_msg(!scan(cut, &e), "%s", cut);
	}
}
END_TEST

START_TEST(depth_is_bounded)
{
	char text[2 * EVENT_DEPTH_MAX + 3];
	struct event e;

	memset(text, '[', EVENT_DEPTH_MAX);
	memset(text + EVENT_DEPTH_MAX, ']', EVENT_DEPTH_MAX);
	text[2 * EVENT_DEPTH_MAX] = '\0';
	ck_assert(scan(text, &e));
	memset(text, '[', EVENT_DEPTH_MAX + 1);
	memset(text + EVENT_DEPTH_MAX + 1, ']', EVENT_DEPTH_MAX + 1);
	text[2 * EVENT_DEPTH_MAX + 2] = '\0';
	ck_assert(!scan(text, &e));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load event");
	TCase *t = tcase_create("event");

	tcase_add_test(t, tokens_are_found_wherever_they_stand);
	tcase_add_test(t, what_is_no_token);
	tcase_add_test(t, tool_calls_are_tokens_without_text);
	tcase_add_test(t, usage_is_read_at_the_root_and_in_x_groq);
	tcase_add_test(t, what_usage_does_not_say_stays_unknown);
	tcase_add_test(t, errors_and_ends);
	tcase_add_test(t, what_is_no_json_is_refused);
	tcase_add_test(t, every_cut_of_an_event_is_refused);
	tcase_add_test(t, depth_is_bounded);
	suite_add_tcase(s, t);
	return run_suite(s);
}
