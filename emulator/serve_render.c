/* A token's event is the hot path: 50,000 a second and more, each about 230 bytes of which 35 are
 * its own. So the event is written out once for each of the four kinds (chat or text, with or
 * without a usage member), with the places of id, time and text noted; a token is then one copy and
 * three patches. That works because all three have a fixed width: 16 hex digits, 10 digits (until
 * the year 2286), TOKEN_TEXT_BYTES. So the chunk's length is part of the template too.
 *
 * Everything else happens once a request and is printed plainly. */
#include "emulator/serve_render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/check.h"
#include "harness/base/json.h"
#include "harness/base/prng.h"
#include "harness/base/token.h"
#include "harness/net/http.h"

enum { ID_BYTES = 16, CREATED_BYTES = 10 };
#define ID_PLACE      "################"
#define CREATED_PLACE "@@@@@@@@@@"
#define TOKEN_PLACE   "$$$$$$$$$"
_Static_assert(sizeof(ID_PLACE) == ID_BYTES + 1, "16 hex digits");
_Static_assert(sizeof(CREATED_PLACE) == CREATED_BYTES + 1, "10 digits");
_Static_assert(sizeof(TOKEN_PLACE) == TOKEN_TEXT_BYTES + 1, "the text of a token");

/* --- small writers
 * ------------------------------------------------------------------------------- */

struct text {
	char *buf;
	size_t n, room;
};

static void LPC_PRINTF(2, 3) put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->n, t->room - t->n, format, args);
	va_end(args);
	CHECK(n >= 0 && (size_t)n < t->room - t->n);
	t->n += (size_t)n;
}

/* Seconds, exact to the nanosecond. */
static void put_seconds(struct text *t, const char *key, int64_t ns)
{
	put(t, "\"%s\":%" PRId64 ".%09" PRId64 ",", key, ns / 1000000000, ns % 1000000000);
}

static void put_hex(char *out, uint64_t v)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = ID_BYTES; i-- > 0; v >>= 4)
		out[i] = digits[v & 15];
}

static void put_created(char *out, int64_t v)
{
	for (int i = CREATED_BYTES; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
}

/* Begins an event: leaves room for the chunk's length. Returns where the payload begins. */
static size_t open_event(struct text *t)
{
	t->n += HTTP_CHUNK_PREFIX;
	put(t, "data: ");
	return t->n - strlen("data: ");
}

static void close_event(struct text *t, size_t payload)
{
	put(t, "\n\n");
	t->n = payload - HTTP_CHUNK_PREFIX +
	       http_chunk_frame(t->buf + payload - HTTP_CHUNK_PREFIX, t->n - payload);
}

/* --- the members that answers share
 * -------------------------------------------------------------- */

static const char *finish_reason(const struct render_answer *a)
{
	return a->stopped ? "stop" : "length";
}

/* {"id": … "choices":[ */
static void put_opening(struct text *t, const struct render *r, bool chat, bool chunk,
        const char *id, const char *created)
{
	const char *object = !chat   ? "text_completion"
	                     : chunk ? "chat.completion.chunk"
	                             : "chat.completion";

	put(t,
	        "{\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%s,\"model\":\"%s\","
	        "\"system_fingerprint\":\"%s\",\"choices\":[",
	        chat ? "chatcmpl" : "cmpl", id, object, created, r->model, r->fingerprint);
}

static void put_answer_opening(
        struct text *t, const struct render *r, const struct render_answer *a, bool chunk)
{
	char id[ID_BYTES + 1] = "", created[CREATED_BYTES + 1] = "";

	put_hex(id, a->id);
	put_created(created, a->created_s);
	put_opening(t, r, a->chat, chunk, id, created);
}

static void put_usage(struct text *t, const struct render_answer *a)
{
	put(t, "{");
	put_seconds(t, "queue_time", a->queue_ns);
	put(t, "\"prompt_tokens\":%" PRId64 ",", a->prompt_tokens);
	put_seconds(t, "prompt_time", a->prompt_ns);
	put(t, "\"completion_tokens\":%" PRId64 ",", a->output_tokens);
	put_seconds(t, "completion_time", a->completion_ns);
	put(t, "\"total_tokens\":%" PRId64 ",", a->prompt_tokens + a->output_tokens);
	put_seconds(t, "total_time", a->prompt_ns + a->completion_ns);
	t->buf[t->n - 1] = '}';
}

static void put_groq(
        struct text *t, const struct render_answer *a, bool with_usage, const char *error)
{
	put(t, ",\"x_groq\":{\"id\":\"req_%016" PRIx64 "\"", a->id);
	if (a->has_seed)
		put(t, ",\"seed\":%" PRId64, a->seed);
	if (with_usage) {
		put(t, ",\"usage\":");
		put_usage(t, a);
	}
	if (error)
		put(t, ",\"error\":\"%s\"", error);
	put(t, "}");
}

/* --- streams
 * ------------------------------------------------------------------------------------- */

static uint32_t place(const struct render_template *p, const char *mark)
{
	const char *at = memmem(p->bytes, p->len, mark, strlen(mark));

	CHECK(at);
	return (uint32_t)(at - p->bytes);
}

static void make_template(struct render *r, bool chat, bool usage)
{
	struct render_template *p = &r->token[chat][usage];
	struct text t = {.buf = p->bytes, .room = sizeof(p->bytes)};
	size_t payload = open_event(&t);

	put_opening(&t, r, chat, true, ID_PLACE, CREATED_PLACE);
	put(&t,
	        "{\"index\":0,%s\"" TOKEN_PLACE
	        "\"%s,\"logprobs\":null,\"finish_reason\":null}]%s}",
	        chat ? "\"delta\":{\"content\":" : "\"text\":", chat ? "}" : "",
	        usage ? ",\"usage\":null" : "");
	close_event(&t, payload);
	p->len = (uint32_t)t.n;
	p->at_id = place(p, ID_PLACE);
	p->at_created = place(p, CREATED_PLACE);
	p->at_token = place(p, TOKEN_PLACE);
}

void render_init(struct render *r, const char *model)
{
	size_t n = strlen(model);

	CHECK(n <= RENDER_MODEL_MAX && strcspn(model, "\"\\\n") == n);
	memset(r, 0, sizeof(*r));
	memcpy(r->model, model, n);
	snprintf(r->fingerprint, sizeof(r->fingerprint), "fp_%010" PRIx64,
	        prng_purpose(0, model) & UINT64_C(0xffffffffff));
	for (int chat = 0; chat < 2; chat++)
		for (int usage = 0; usage < 2; usage++)
			make_template(r, chat, usage);
}

size_t render_token(const struct render *r, const struct render_answer *a, int64_t index, char *buf)
{
	const struct render_template *p = &r->token[a->chat][a->include_usage];
	char text[TOKEN_TEXT_MAX];

	memcpy(buf, p->bytes, p->len);
	put_hex(buf + p->at_id, a->id);
	put_created(buf + p->at_created, a->created_s);
	token_text(a->digest, (uint64_t)index, text);
	memcpy(buf + p->at_token, text, TOKEN_TEXT_BYTES);
	return p->len;
}

size_t render_first(const struct render *r, const struct render_answer *a, char *buf)
{
	struct text t = {.buf = buf, .room = RENDER_TEXT_MAX};
	size_t payload = open_event(&t);

	put_answer_opening(&t, r, a, true);
	put(&t, "{\"index\":0,%s,\"logprobs\":null,\"finish_reason\":null}]",
	        a->chat ? "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}" : "\"text\":\"\"");
	if (a->include_usage)
		put(&t, ",\"usage\":null");
	put_groq(&t, a, false, NULL);
	put(&t, "}");
	close_event(&t, payload);
	return t.n;
}

/* The event that carries finish_reason (or none, when `error` ends the stream). */
static void put_finish(
        struct text *t, const struct render *r, const struct render_answer *a, const char *error)
{
	size_t payload = open_event(t);

	put_answer_opening(t, r, a, true);
	put(t, "{\"index\":0,%s,\"logprobs\":null,\"finish_reason\":",
	        a->chat ? "\"delta\":{}" : "\"text\":\"\"");
	if (error)
		put(t, "null}]");
	else
		put(t, "\"%s\"}]", finish_reason(a));
	if (a->include_usage)
		put(t, ",\"usage\":null");
	put_groq(t, a, !error, error);
	put(t, "}");
	close_event(t, payload);
}

size_t render_last(const struct render *r, const struct render_answer *a, char *buf)
{
	struct text t = {.buf = buf, .room = RENDER_TEXT_MAX};
	size_t payload;

	put_finish(&t, r, a, NULL);
	if (a->include_usage) {
		payload = open_event(&t);
		put_answer_opening(&t, r, a, true);
		put(&t, "],\"usage\":");
		put_usage(&t, a);
		put_groq(&t, a, false, NULL);
		put(&t, "}");
		close_event(&t, payload);
	}
	payload = open_event(&t);
	put(&t, "[DONE]");
	close_event(&t, payload);
	put(&t, HTTP_CHUNK_END);
	return t.n;
}

size_t render_broken(
        const struct render *r, const struct render_answer *a, const char *why, char *buf)
{
	struct text t = {.buf = buf, .room = RENDER_TEXT_MAX};

	put_finish(&t, r, a, why);
	put(&t, HTTP_CHUNK_END);
	return t.n;
}

/* --- plain answers
 * ------------------------------------------------------------------------------- */

size_t render_plain_head(const struct render *r, const struct render_answer *a, char *buf)
{
	struct text t = {.buf = buf, .room = RENDER_TEXT_MAX};

	put_answer_opening(&t, r, a, false);
	put(&t, "{\"index\":0,%s\"",
	        a->chat ? "\"message\":{\"role\":\"assistant\",\"content\":" : "\"text\":");
	return t.n;
}

size_t render_plain_tail(const struct render *r, const struct render_answer *a, char *buf)
{
	struct text t = {.buf = buf, .room = RENDER_TEXT_MAX};

	(void)r;
	put(&t, "\"%s,\"logprobs\":null,\"finish_reason\":\"%s\"}],\"usage\":", a->chat ? "}" : "",
	        finish_reason(a));
	put_usage(&t, a);
	put(&t, ",\"service_tier\":\"%s\"", a->tier);
	put_groq(&t, a, false, NULL);
	put(&t, "}");
	return t.n;
}

size_t render_error(
        const char *type, const char *code, const char *message, char buf[static RENDER_TEXT_MAX])
{
	struct json_out o;
	size_t n;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_open(&o, "error", '{');
	json_out_strn(&o, "message", message, strnlen(message, RENDER_TEXT_MAX / 8));
	json_out_str(&o, "type", type);
	json_out_str(&o, "code", code);
	json_out_close(&o);
	json_out_close(&o);
	n = o.n;
	CHECK(n < RENDER_TEXT_MAX);
	memcpy(buf, o.buf, n + 1);
	json_out_free(&o);
	return n;
}
