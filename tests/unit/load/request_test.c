#include "harness/load/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/json.h"
#include "harness/base/token.h"
#include "tests/support/run_suite.h"

static const struct load_tenant tenants[] = {
        {.name = "chat", .tier = "interactive"}, {.name = "replay", .tier = "batch"}};

static struct load_config config_of(bool completions)
{
	return (struct load_config){.host = "127.0.0.1:8000",
	        .path_prefix = "/openai",
	        .model = "a \"quoted\" model",
	        .api_key = "secret",
	        .completions = completions,
	        .identify = true,
	        .tenants = tenants,
	        .n_tenants = 2};
}

/* The whole request as it goes over the wire, NUL-terminated. */
static char *whole(const struct request_maker *m, const struct load_request *r)
{
	char head[REQUEST_HEAD_MAX], *text, *p;
	int64_t filler;
	size_t n = request_write(m, r, head, &filler);

	text = p = malloc(n + (size_t)filler + strlen(m->tail) + 1);
	memcpy(p, head, n);
	for (p += n; filler > 0; filler -= REQUEST_FILLER_BYTES) {
		size_t part =
		        (size_t)(filler < REQUEST_FILLER_BYTES ? filler : REQUEST_FILLER_BYTES);

		memcpy(p, request_filler, part);
		p += part;
	}
	memcpy(p, m->tail, strlen(m->tail) + 1);
	return text;
}

static size_t words(const char *s)
{
	size_t n = 0;

	for (bool space = true; *s; s++) {
		n += space && *s != ' ';
		space = *s == ' ';
	}
	return n;
}

static struct jval prompt_of(struct jval root, bool completions)
{
	if (completions)
		return json_get(root, "prompt");
	return json_get(json_first(json_get(root, "messages")), "content");
}

START_TEST(bodies_are_json_with_one_word_a_token)
{
	struct load_config config = config_of(_i);
	struct load_request r = {.id = 7, .tenant = 1, .output_tokens = 128};
	struct error err = ERROR_INIT;
	struct request_maker m;
	struct arena arena;

	arena_init(&arena, 0);
	ck_assert_int_eq(request_prepare(&m, &config, &arena, &err), ERR_NONE);
	for (r.prompt_tokens = 1; r.prompt_tokens < 9000;
	        r.prompt_tokens = r.prompt_tokens * 3 + 1) {
		struct json *doc;
		const char *prompt;
		char *text, *body, length[64];

		r.max_tokens = r.prompt_tokens % 2 ? 0 : 1024;
		text = whole(&m, &r);
		body = strstr(text, "\r\n\r\n") + 4;
		snprintf(length, sizeof(length), "content-length: %zu\r\n", strlen(body));
		ck_assert_ptr_nonnull(strcasestr(text, length));
		ck_assert_int_eq(json_parse("body", body, strlen(body), &doc, &err), ERR_NONE);
		ck_assert_str_eq(json_string(json_get(json_root(doc), "model")), config.model);
		ck_assert(json_is_true(json_get(json_root(doc), "stream")));
		ck_assert_int_eq(json_type(json_get(json_root(doc), "max_tokens")),
		        r.max_tokens ? JSON_NUMBER : JSON_NONE);
		prompt = json_string(prompt_of(json_root(doc), _i));
		ck_assert_uint_eq(words(prompt), (size_t)r.prompt_tokens);
		ck_assert_int_eq(strncmp(prompt, "lpc:7:128", 9), 0);
		ck_assert_uint_eq(request_digest(&r),
		        token_prompt_digest(TOKEN_DIGEST_START, prompt, strlen(prompt)));
		json_free(doc);
		free(text);
	}
	arena_free(&arena);
}
END_TEST

START_TEST(heads_name_path_key_and_tenant)
{
	struct load_config config = config_of(false);
	struct load_request r = {.id = 1, .tenant = 1, .prompt_tokens = 1, .output_tokens = 1};
	struct error err = ERROR_INIT;
	struct request_maker m;
	struct arena arena;
	char *text;

	arena_init(&arena, 0);
	ck_assert_int_eq(request_prepare(&m, &config, &arena, &err), ERR_NONE);
	text = whole(&m, &r);
	ck_assert_int_eq(strncmp(text, "POST /openai/v1/chat/completions HTTP/1.1\r\n", 43), 0);
	ck_assert_ptr_nonnull(strcasestr(text, "\r\nhost: 127.0.0.1:8000\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nauthorization: Bearer secret\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nx-lpuchaos-tenant: replay\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nx-lpuchaos-tier: batch\r\n"));
	free(text);
	config.identify = false;
	config.api_key = NULL;
	ck_assert_int_eq(request_prepare(&m, &config, &arena, &err), ERR_NONE);
	text = whole(&m, &r);
	ck_assert_ptr_null(strstr(text, "x-lpuchaos"));
	ck_assert_ptr_null(strstr(text, "authorization"));
	free(text);
	arena_free(&arena);
}
END_TEST

START_TEST(what_would_break_a_head_is_refused)
{
	struct load_config config = config_of(false);
	struct error err = ERROR_INIT;
	struct request_maker m;
	struct arena arena;
	char huge[REQUEST_HEAD_MAX];

	arena_init(&arena, 0);
	config.api_key = "k\r\nx-evil: 1";
	ck_assert_int_eq(request_prepare(&m, &config, &arena, &err), ERR_USAGE);
	memset(huge, 'k', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	config.api_key = huge;
	ck_assert_int_eq(request_prepare(&m, &config, &arena, &err), ERR_USAGE);
	arena_free(&arena);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load request");
	TCase *t = tcase_create("request");

	tcase_add_loop_test(t, bodies_are_json_with_one_word_a_token, 0, 2);
	tcase_add_test(t, heads_name_path_key_and_tenant);
	tcase_add_test(t, what_would_break_a_head_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
