/* The general reader (harness/base/json.h) is fast enough here: 2 us for a small request, so what
 * comes from strangers goes through the same lexer, limits and fuzzers as our own files. Text is
 * then walked once for its words and once for its digest. */
#include "emulator/serve_json.h"

#include <ctype.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/token.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Digits up to `end`, a number below limit; *at moves behind them. */
static bool read_number(const char **at, const char *end, uint64_t limit, uint64_t *out)
{
	const char *p = *at;
	uint64_t v = 0;

	for (; p < end && isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v >= limit)
			return false;
	}
	if (p == *at)
		return false;
	*at = p;
	*out = v;
	return true;
}

/* The load generator's mark; any other first word is just text. */
static void read_tag(struct serve_ask *ask, const char *word, size_t n)
{
	const char *p = word, *end = word + n;
	uint64_t id, output;

	if (n < 4 || memcmp(p, "lpc:", 4) != 0)
		return;
	p += 4;
	if (!read_number(&p, end, UINT64_C(1) << SERVE_TAG_ID_BITS, &id) || id == 0)
		return;
	if (p == end || *p++ != ':')
		return;
	if (!read_number(&p, end, SERVE_TOKENS_MAX, &output) || output == 0 || p != end)
		return;
	ask->tag_id = id;
	ask->tag_output = (int64_t)output;
}

static void take_text(struct serve_ask *ask, const char *text)
{
	const char *p = text, *word;

	for (;;) {
		while (is_space(*p))
			p++;
		if (!*p)
			break;
		for (word = p; *p && !is_space(*p); p++)
			;
		if (ask->prompt_tokens++ == 0)
			read_tag(ask, word, (size_t)(p - word));
	}
	ask->prompt_digest = token_prompt_digest(ask->prompt_digest, text, (size_t)(p - text));
}

/* content: a string, null, or a list of parts of which those of type text count. */
static enum status take_content(struct serve_ask *ask, struct jval content, struct error *err)
{
	enum json_type type = json_type(content);

	if (type == JSON_NONE || type == JSON_NULL)
		return ERR_NONE;
	if (type == JSON_STRING) {
		take_text(ask, json_string(content));
		return ERR_NONE;
	}
	if (type != JSON_ARRAY)
		return json_expected(content, err, "a string or a list of parts");
	for (struct jval v = json_first(content); json_type(v) != JSON_NONE; v = json_next(v)) {
		struct jval text;

		if (json_type(v) != JSON_OBJECT)
			return json_expected(v, err, "an object");
		text = json_get(v, "text");
		if (json_type(text) == JSON_STRING)
			take_text(ask, json_string(text));
		else if (json_type(text) != JSON_NONE)
			return json_expected(text, err, "a string");
	}
	return ERR_NONE;
}

static enum status take_messages(struct serve_ask *ask, struct jval root, struct error *err)
{
	struct jval list = json_get(root, "messages");
	enum status rc;

	if (json_type(list) == JSON_NONE)
		return json_error(root, err, "messages is missing");
	if (json_type(list) != JSON_ARRAY || json_count(list) == 0)
		return json_expected(list, err, "a list of at least one message");
	for (struct jval m = json_first(list); json_type(m) != JSON_NONE; m = json_next(m)) {
		struct jval role;

		if (json_type(m) != JSON_OBJECT)
			return json_expected(m, err, "a message, which is an object");
		role = json_get(m, "role");
		if (json_type(role) != JSON_STRING)
			return json_type(role) == JSON_NONE ? json_error(m, err, "role is missing")
			                                    : json_expected(role, err, "a string");
		rc = take_content(ask, json_get(m, "content"), err);
		if (rc)
			return rc;
	}
	return ERR_NONE;
}

/* prompt: a string, or a list of one. */
static enum status take_prompt(struct serve_ask *ask, struct jval root, struct error *err)
{
	struct jval prompt = json_get(root, "prompt");

	if (json_type(prompt) == JSON_NONE)
		return json_error(root, err, "prompt is missing");
	if (json_type(prompt) == JSON_ARRAY && json_count(prompt) == 1)
		prompt = json_first(prompt);
	if (json_type(prompt) != JSON_STRING)
		return json_expected(prompt, err, "one string");
	take_text(ask, json_string(prompt));
	return ERR_NONE;
}

/* --- the members beside the prompt; absent and null are the same, as clients send both
 * ----------- */

static struct jval member(struct jval object, const char *key)
{
	struct jval v = json_get(object, key);

	return json_type(v) == JSON_NULL ? (struct jval){0} : v;
}

static enum status read_bool(struct jval object, const char *key, bool *out, struct error *err)
{
	struct jval v = member(object, key);

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (json_type(v) != JSON_BOOL)
		return json_expected(v, err, "true or false");
	*out = json_is_true(v);
	return ERR_NONE;
}

static enum status read_tokens(struct jval root, const char *key, int64_t *out, struct error *err)
{
	struct jval v = member(root, key);
	int64_t n;
	enum status rc;

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	rc = json_i64(v, &n, err);
	if (rc)
		return rc;
	if (n < 1 || n > SERVE_TOKENS_MAX)
		return json_expected(v, err, "a whole number from 1 to 10^12");
	*out = n;
	return ERR_NONE;
}

static enum status read_text(
        struct jval root, const char *key, char *out, size_t room, struct error *err)
{
	struct jval v = member(root, key);
	size_t n;

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (json_type(v) != JSON_STRING)
		return json_expected(v, err, "a string");
	n = strnlen(json_string(v), room - 1);
	memcpy(out, json_string(v), n);
	out[n] = '\0';
	return ERR_NONE;
}

static enum status read_seed(struct serve_ask *ask, struct jval root, struct error *err)
{
	struct jval v = member(root, "seed");

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	ask->has_seed = true;
	return json_i64(v, &ask->seed, err);
}

static enum status read_one_choice(struct jval root, struct error *err)
{
	struct jval v = member(root, "n");
	int64_t n;
	enum status rc;

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	rc = json_i64(v, &n, err);
	if (rc)
		return rc;
	return n == 1 ? ERR_NONE : json_expected(v, err, "1, the only number of choices served");
}

static enum status read_stream_options(struct serve_ask *ask, struct jval root, struct error *err)
{
	struct jval v = member(root, "stream_options");

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "an object");
	return read_bool(v, "include_usage", &ask->include_usage, err);
}

static enum status read_members(struct serve_ask *ask, struct jval root, struct error *err)
{
	enum status rc;

	if (json_type(json_get(root, "model")) == JSON_NONE)
		return json_error(root, err, "model is missing");
	rc = read_text(root, "model", ask->model, sizeof(ask->model), err);
	if (!rc)
		rc = read_text(
		        root, "service_tier", ask->service_tier, sizeof(ask->service_tier), err);
	if (!rc)
		rc = read_bool(root, "stream", &ask->stream, err);
	if (!rc)
		rc = read_stream_options(ask, root, err);
	if (!rc)
		rc = read_seed(ask, root, err);
	if (!rc)
		rc = read_one_choice(root, err);
	if (!rc)
		rc = read_tokens(root, "max_tokens", &ask->max_tokens, err);
	if (!rc)
		rc = read_tokens(root, "max_completion_tokens", &ask->max_tokens, err);
	return rc;
}

enum status serve_ask_read(
        const char *body, size_t n, bool chat, struct serve_ask *out, struct error *err)
{
	struct json *doc;
	struct jval root;
	enum status rc = json_parse("request", body, n, &doc, err);

	*out = (struct serve_ask){.prompt_digest = TOKEN_DIGEST_START};
	if (rc)
		return rc;
	root = json_root(doc);
	if (json_type(root) != JSON_OBJECT)
		rc = json_expected(root, err, "an object");
	else
		rc = read_members(out, root, err);
	if (!rc)
		rc = chat ? take_messages(out, root, err) : take_prompt(out, root, err);
	if (out->prompt_tokens == 0)
		out->prompt_tokens = 1;
	json_free(doc);
	return rc;
}
