#include "harness/load/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/json.h"
#include "harness/base/token.h"
#include "harness/net/http.h"

#define WORDS_8   " a a a a a a a a"
#define WORDS_64  WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8 WORDS_8
#define WORDS_512 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64 WORDS_64

static const char filler[] = WORDS_512 WORDS_512 WORDS_512 WORDS_512;
const char *const request_filler = filler;
_Static_assert(sizeof(filler) == REQUEST_FILLER_BYTES + 1, "the filler is as long as promised");

enum { FIXED_MAX = REQUEST_HEAD_MAX - 1024 }; /* of all texts of a request that users choose */

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static const char *tenant_fields(
        const struct load_config *config, const struct load_tenant *t, struct arena *arena)
{
	const char *key = "", *identity = "";

	if (config->api_key)
		key = arena_printf(arena, "authorization: Bearer %s\r\n", config->api_key);
	if (config->identify)
		identity = arena_printf(arena, "x-lpuchaos-tenant: %s\r\nx-lpuchaos-tier: %s\r\n",
		        t->name, t->tier);
	return arena_printf(arena, "%s%s", key, identity);
}

static const char *body_start(const struct load_config *config, struct arena *arena)
{
	struct json_out o;
	const char *text;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "model", config->model);
	json_out_bool(&o, "stream", true);
	json_out_open(&o, "stream_options", '{');
	json_out_bool(&o, "include_usage", true);
	json_out_close(&o);
	text = arena_strndup(arena, o.buf, o.n);
	json_out_free(&o);
	return text;
}

enum status request_prepare(struct request_maker *m, const struct load_config *config,
        struct arena *arena, struct error *err)
{
	const char **fields = ARENA_ARRAY(arena, const char *, config->n_tenants);
	size_t longest = 0;

	if (has_control(config->host) || has_control(config->path_prefix) ||
	        has_control(config->model) || (config->api_key && has_control(config->api_key)))
		return error_set(err, ERR_USAGE,
		        "expected no control characters in the target's URL, model and API key");
	for (uint32_t i = 0; i < config->n_tenants; i++) {
		fields[i] = tenant_fields(config, &config->tenants[i], arena);
		if (strlen(fields[i]) > longest)
			longest = strlen(fields[i]);
	}
	*m = (struct request_maker){
	        .path = arena_printf(arena, "%s/v1/%s", config->path_prefix,
	                config->completions ? "completions" : "chat/completions"),
	        .host = config->host,
	        .fields = fields,
	        .start = body_start(config, arena),
	        .prompt = config->completions ? ",\"prompt\":\""
	                                      : ",\"messages\":[{\"role\":\"user\",\"content\":\"",
	        .tail = config->completions ? "\"}" : "\"}]}",
	};
	if (strlen(m->path) + strlen(m->host) + strlen(m->start) + longest > FIXED_MAX)
		return error_set(err, ERR_USAGE,
		        "expected at most %d bytes of path, host, model, API key and tenant name",
		        FIXED_MAX);
	return ERR_NONE;
}

size_t request_word(const struct load_request *r, char out[static REQUEST_WORD_MAX])
{
	return (size_t)snprintf(
	        out, REQUEST_WORD_MAX, "lpc:%" PRIu64 ":%" PRId64, r->id, r->output_tokens);
}

uint64_t request_digest(const struct load_request *r)
{
	char word[REQUEST_WORD_MAX];
	uint64_t h = token_prompt_digest(TOKEN_DIGEST_START, word, request_word(r, word));
	int64_t left = 2 * (r->prompt_tokens - 1);

	while (left > 0) {
		int64_t n = left < REQUEST_FILLER_BYTES ? left : REQUEST_FILLER_BYTES;

		h = token_prompt_digest(h, filler, (size_t)n);
		left -= n;
	}
	return h;
}

size_t request_write(const struct request_maker *m, const struct load_request *r,
        char out[static REQUEST_HEAD_MAX], int64_t *filler_bytes)
{
	char word[REQUEST_WORD_MAX], limit[48] = "";
	size_t word_len = request_word(r, word), fixed, head;
	int rest;

	if (r->max_tokens > 0)
		snprintf(limit, sizeof(limit), ",\"max_tokens\":%" PRId64, r->max_tokens);
	*filler_bytes = 2 * (r->prompt_tokens - 1);
	fixed = strlen(m->start) + strlen(limit) + strlen(m->prompt) + word_len + strlen(m->tail);
	head = http_write_request(out, REQUEST_HEAD_MAX, "POST", m->path, m->host,
	        "application/json", (int64_t)fixed + *filler_bytes, m->fields[r->tenant]);
	CHECK(head > 0);
	rest = snprintf(
	        out + head, REQUEST_HEAD_MAX - head, "%s%s%s%s", m->start, limit, m->prompt, word);
	CHECK(rest > 0 && (size_t)rest < REQUEST_HEAD_MAX - head);
	return head + (size_t)rest;
}
