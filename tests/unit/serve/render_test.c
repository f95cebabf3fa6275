#include "emulator/serve_render.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/token.h"
#include "tests/support/run_suite.h"

static struct render render;

static struct render_answer answer(bool chat, bool usage)
{
	render_init(&render, "m-8b");
	return (struct render_answer){.id = 0x11,
	        .created_s = 1700000000,
	        .digest = token_prompt_digest(TOKEN_DIGEST_START, "lpc:17:4 hello you", 18),
	        .chat = chat,
	        .include_usage = usage,
	        .stopped = true,
	        .tier = "on_demand",
	        .prompt_tokens = 3,
	        .output_tokens = 4,
	        .queue_ns = 1,
	        .prompt_ns = 10000000,
	        .completion_ns = 30000000};
}

/* Takes one chunk's payload off *at; NUL-terminates it. NULL at the last chunk. */
static char *next_chunk(char **at)
{
	char *payload;
	unsigned long n = strtoul(*at, &payload, 16);

	ck_assert_int_eq(memcmp(payload, "\r\n", 2), 0);
	payload += 2;
	ck_assert_int_eq(memcmp(payload + n, "\r\n", 2), 0);
	*at = payload + n + 2;
	payload[n] = '\0';
	return n ? payload : NULL;
}

static void is(const char *chunk, const char *want)
{
	ck_assert_str_eq(chunk, want);
}

#define OPENING                                                                                    \
	"data: {\"id\":\"chatcmpl-0000000000000011\",\"object\":\"chat.completion.chunk\","        \
	"\"created\":1700000000,\"model\":\"m-8b\",\"system_fingerprint\":\"fp_"

/* The fingerprint stands behind OPENING; the rest follows it. */
static const char *behind_fingerprint(const char *chunk)
{
	ck_assert_msg(strncmp(chunk, OPENING, strlen(OPENING)) == 0, "%s", chunk);
	return chunk + strlen(OPENING) + 10;
}

START_TEST(chat_stream)
{
	struct render_answer a = answer(true, true);
	char buf[RENDER_TEXT_MAX + 1], *at = buf;

	buf[render_first(&render, &a, buf)] = '\0';
	is(behind_fingerprint(next_chunk(&at)),
	        "\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
	        "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,"
	        "\"x_groq\":{\"id\":\"req_0000000000000011\"}}\n\n");
	at = buf;
	buf[render_token(&render, &a, 0, buf)] = '\0';
	is(behind_fingerprint(next_chunk(&at)),
	        "\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" midahefi\"},"
	        "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n");
}
END_TEST

#define USAGE                                                                                      \
	"{\"queue_time\":0.000000001,\"prompt_tokens\":3,\"prompt_time\":0.010000000,"             \
	"\"completion_tokens\":4,\"completion_time\":0.030000000,\"total_tokens\":7,"              \
	"\"total_time\":0.040000000}"

START_TEST(end_of_a_stream)
{
	struct render_answer a = answer(true, true);
	char buf[RENDER_TEXT_MAX + 1], *at = buf;

	buf[render_last(&render, &a, buf)] = '\0';
	is(behind_fingerprint(next_chunk(&at)),
	        "\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
	        "\"finish_reason\":\"stop\"}],\"usage\":null,\"x_groq\":{"
	        "\"id\":\"req_0000000000000011\",\"usage\":" USAGE "}}\n\n");
	is(behind_fingerprint(next_chunk(&at)),
	        "\",\"choices\":[],\"usage\":" USAGE
	        ",\"x_groq\":{\"id\":\"req_0000000000000011\"}}\n\n");
	is(next_chunk(&at), "data: [DONE]\n\n");
	ck_assert_ptr_null(next_chunk(&at));
	ck_assert_int_eq(*at, '\0');
}
END_TEST

START_TEST(end_without_usage)
{
	struct render_answer a = answer(true, false);
	char buf[RENDER_TEXT_MAX + 1], *at = buf;

	a.stopped = false;
	a.has_seed = true;
	a.seed = -5;
	buf[render_last(&render, &a, buf)] = '\0';
	is(behind_fingerprint(next_chunk(&at)),
	        "\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
	        "\"finish_reason\":\"length\"}],\"x_groq\":{\"id\":\"req_0000000000000011\","
	        "\"seed\":-5,\"usage\":" USAGE "}}\n\n");
	is(next_chunk(&at), "data: [DONE]\n\n");
	ck_assert_ptr_null(next_chunk(&at));
}
END_TEST

START_TEST(early_end)
{
	struct render_answer a = answer(true, false);
	char buf[RENDER_TEXT_MAX + 1], *at = buf;

	buf[render_broken(&render, &a, "lost", buf)] = '\0';
	is(behind_fingerprint(next_chunk(&at)),
	        "\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
	        "\"finish_reason\":null}],\"x_groq\":{\"id\":\"req_0000000000000011\","
	        "\"error\":\"lost\"}}\n\n");
	ck_assert_ptr_null(next_chunk(&at));
}
END_TEST

START_TEST(text_stream)
{
	struct render_answer a = answer(false, false);
	char buf[RENDER_TEXT_MAX + 1], *at = buf, *chunk;

	buf[render_token(&render, &a, 1, buf)] = '\0';
	chunk = next_chunk(&at);
	ck_assert(
	        strstr(chunk, "{\"id\":\"cmpl-0000000000000011\",\"object\":\"text_completion\","));
	ck_assert(
	        strstr(chunk, "\"choices\":[{\"index\":0,\"text\":\" mohejave\",\"logprobs\":null,"
	                      "\"finish_reason\":null}]}\n\n"));
}
END_TEST

/* The parts of a plain answer make one JSON document. */
START_TEST(plain_answers)
{
	for (int chat = 0; chat < 2; chat++) {
		struct render_answer a = answer(chat != 0, false);
		struct error err = ERROR_INIT;
		struct json *doc;
		struct jval choice;
		char buf[2 * RENDER_TEXT_MAX], text[TOKEN_TEXT_MAX];
		size_t n = render_plain_head(&render, &a, buf);

		for (uint64_t i = 0; i < 4; i++, n += TOKEN_TEXT_BYTES) {
			token_text(a.digest, i, text);
			memcpy(buf + n, text, TOKEN_TEXT_BYTES);
		}
		n += render_plain_tail(&render, &a, buf + n);
		ck_assert(!json_parse("answer", buf, n, &doc, &err));
		choice = json_first(json_get(json_root(doc), "choices"));
		if (chat)
			choice = json_get(choice, "message");
		ck_assert_str_eq(json_string(json_get(choice, chat ? "content" : "text")),
		        " midahefi mohejave napijora nedokibi");
		ck_assert_str_eq(
		        json_string(json_get(json_root(doc), "service_tier")), "on_demand");
		ck_assert_int_eq(json_type(json_get(json_root(doc), "usage")), JSON_OBJECT);
		json_free(doc);
	}
}
END_TEST

START_TEST(every_token_fits_and_parses)
{
	for (int kind = 0; kind < 4; kind++) {
		struct render_answer a = answer(kind & 1, kind & 2);
		char buf[RENDER_EVENT_MAX + 1], *at = buf, *chunk;
		struct error err = ERROR_INIT;
		struct json *doc;
		size_t n = render_token(&render, &a, 1234567, buf);

		ck_assert_uint_lt(n, RENDER_EVENT_MAX);
		buf[n] = '\0';
		chunk = next_chunk(&at) + strlen("data: ");
		ck_assert(!json_parse("event", chunk, strlen(chunk), &doc, &err));
		json_free(doc);
	}
}
END_TEST

START_TEST(error_bodies)
{
	char buf[RENDER_TEXT_MAX];

	render_error("invalid_request_error", "model_not_found", "no \"x\"\n", buf);
	is(buf, "{\"error\":{\"message\":\"no \\\"x\\\"\\n\",\"type\":\"invalid_request_error\","
	        "\"code\":\"model_not_found\"}}");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve_render");

	add_test(suite, "chat_stream", chat_stream);
	add_test(suite, "end_of_a_stream", end_of_a_stream);
	add_test(suite, "end_without_usage", end_without_usage);
	add_test(suite, "early_end", early_end);
	add_test(suite, "text_stream", text_stream);
	add_test(suite, "plain", plain_answers);
	add_test(suite, "every_token", every_token_fits_and_parses);
	add_test(suite, "errors", error_bodies);
	return run_suite(suite);
}
