#include "emulator/serve_json.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/token.h"
#include "tests/support/run_suite.h"

static struct serve_ask read_ok(bool chat, const char *body)
{
	struct serve_ask ask;
	struct error err = ERROR_INIT;

	ck_assert_msg(
	        !serve_ask_read(body, strlen(body), chat, &ask, &err), "%s: %s", body, err.text);
	return ask;
}

static void refused(bool chat, const char *body, const char *why)
{
	struct serve_ask ask;
	struct error err = ERROR_INIT;
	char line[1024];

	ck_assert_msg(
	        serve_ask_read(body, strlen(body), chat, &ask, &err) == ERR_USAGE, "%s", body);
	error_format(&err, line, sizeof(line));
	ck_assert_msg(strstr(line, why) != NULL, "%s: %s lacks '%s'", body, line, why);
}

START_TEST(chat_is_read)
{
	struct serve_ask ask = read_ok(true,
	        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
	        "\"seed\":7,\"service_tier\":\"flex\",\"temperature\":0.2,\"max_tokens\":5,"
	        "\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
	        "{\"role\":\"user\",\"content\":\" one\\ttwo\\nthree \"}]}");
	uint64_t h = token_prompt_digest(TOKEN_DIGEST_START, "be brief one\ttwo\nthree ", 23);

	ck_assert_str_eq(ask.model, "m");
	ck_assert_str_eq(ask.service_tier, "flex");
	ck_assert(ask.stream && ask.include_usage && ask.has_seed);
	ck_assert_int_eq(ask.seed, 7);
	ck_assert_int_eq(ask.max_tokens, 5);
	ck_assert_int_eq(ask.prompt_tokens, 5);
	ck_assert_uint_eq(ask.prompt_digest, h);
	ck_assert_uint_eq(ask.tag_id, 0);
}
END_TEST

START_TEST(defaults)
{
	struct serve_ask ask = read_ok(true,
	        "{\"messages\":[{\"role\":\"user\",\"content\":null}],\"model\":\"m\","
	        "\"stream\":null,\"max_tokens\":null,\"seed\":null,\"stream_options\":null}");

	ck_assert(!ask.stream && !ask.include_usage && !ask.has_seed);
	ck_assert_int_eq(ask.max_tokens, 0);
	ck_assert_int_eq(ask.prompt_tokens, 1);
	ck_assert_str_eq(ask.service_tier, "");
}
END_TEST

START_TEST(newer_name_of_max_tokens_wins)
{
	struct serve_ask ask = read_ok(false,
	        "{\"model\":\"m\",\"prompt\":\"x\",\"max_completion_tokens\":3,\"max_tokens\":9}");

	ck_assert_int_eq(ask.max_tokens, 3);
}
END_TEST

START_TEST(content_in_parts)
{
	struct serve_ask ask = read_ok(true,
	        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
	        "{\"type\":\"text\",\"text\":\"a b\"},{\"type\":\"image_url\",\"image_url\":{}},"
	        "{\"type\":\"text\",\"text\":\" c\"}]}]}");

	ck_assert_int_eq(ask.prompt_tokens, 3);
	ck_assert_uint_eq(ask.prompt_digest, token_prompt_digest(TOKEN_DIGEST_START, "a b c", 5));
}
END_TEST

START_TEST(prompt_shapes)
{
	ck_assert_int_eq(read_ok(false, "{\"model\":\"m\",\"prompt\":\"a b c\"}").prompt_tokens, 3);
	ck_assert_int_eq(read_ok(false, "{\"model\":\"m\",\"prompt\":[\"a b\"]}").prompt_tokens, 2);
	refused(false, "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}", "one string");
	refused(false, "{\"model\":\"m\",\"prompt\":[1,2]}", "one string");
	refused(false, "{\"model\":\"m\"}", "prompt is missing");
}
END_TEST

START_TEST(tag_of_the_load_generator)
{
	struct serve_ask ask = read_ok(false, "{\"model\":\"m\",\"prompt\":\" lpc:17:128 a b\"}");

	ck_assert_uint_eq(ask.tag_id, 17);
	ck_assert_int_eq(ask.tag_output, 128);
	ck_assert_int_eq(ask.prompt_tokens, 3);
}
END_TEST

START_TEST(what_is_no_tag)
{
	static const char *const words[] = {"lpc:", "lpc:1", "lpc:1:", "lpc:0:5", "lpc:5:0",
	        "lpc:1:2x", "lpc:x:2", "lpc::2", "xlpc:1:2", "lpc:-1:2", "lpc:1:-2",
	        "lpc:99999999999999:1", "lpc:1:99999999999999999999999", "a lpc:1:2"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char body[128];

		snprintf(body, sizeof(body), "{\"model\":\"m\",\"prompt\":\"%s\"}", words[i]);
		ck_assert_msg(read_ok(false, body).tag_id == 0, "%s", words[i]);
	}
}
END_TEST

START_TEST(ill_typed_members)
{
	refused(true, "", "request");
	refused(true, "[]", "expected an object");
	refused(true, "{\"model\":\"m\",\"messages\":[}", "request:1:");
	refused(true, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "model is missing");
	refused(true, "{\"model\":1,\"messages\":[]}", "model: expected a string");
	refused(true, "{\"model\":\"m\"}", "messages is missing");
	refused(true, "{\"model\":\"m\",\"messages\":[]}", "at least one message");
	refused(true, "{\"model\":\"m\",\"messages\":\"hi\"}", "at least one message");
	refused(true, "{\"model\":\"m\",\"messages\":[3]}", "expected a message");
	refused(true, "{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", "role is missing");
	refused(true, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":3}]}",
	        "content");
}
END_TEST

START_TEST(values_out_of_range)
{
	static const char *const members[] = {"\"max_tokens\":0", "\"max_tokens\":-1",
	        "\"max_tokens\":1.5", "\"max_tokens\":\"5\"", "\"max_completion_tokens\":0",
	        "\"max_tokens\":1e300", "\"max_tokens\":99999999999999999999", "\"n\":2", "\"n\":0",
	        "\"stream\":1", "\"stream\":\"true\"", "\"stream_options\":3",
	        "\"stream_options\":{\"include_usage\":1}", "\"seed\":\"x\"", "\"seed\":1.5",
	        "\"service_tier\":3"};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		char body[256];

		snprintf(body, sizeof(body), "{\"model\":\"m\",\"prompt\":\"x\",%s}", members[i]);
		refused(false, body, "request:1:");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve_ask");

	add_test(suite, "chat", chat_is_read);
	add_test(suite, "defaults", defaults);
	add_test(suite, "max_tokens", newer_name_of_max_tokens_wins);
	add_test(suite, "parts", content_in_parts);
	add_test(suite, "prompt", prompt_shapes);
	add_test(suite, "tag", tag_of_the_load_generator);
	add_test(suite, "no_tag", what_is_no_tag);
	add_test(suite, "ill_typed", ill_typed_members);
	add_test(suite, "out_of_range", values_out_of_range);
	return run_suite(suite);
}
