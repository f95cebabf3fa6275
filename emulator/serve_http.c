/* Routes and plain answers.
 *
 *     POST /v1/chat/completions, /v1/completions     → serve_stream.c
 *     GET  /v1/models, /v1/models/<id>, /health, /metrics
 *
 * Each also answers under /openai, the prefix of Groq's own base URL. Answers about completions
 * carry x-ratelimit-* fields, which state what this rack really has: requests = slots, tokens = the
 * tokens those slots can hold; remaining = what is not in use or promised. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "emulator/serve_state.h"
#include "harness/base/arena.h"
#include "harness/base/json.h"

enum { HEAD_MAX = 1024, EXTRA_MAX = 512, MESSAGE_MAX = 400 };

static const char json_type_name[] = "application/json";

/* --- answers
 * ------------------------------------------------------------------------------------- */

static void answer(struct client *c, unsigned status, const char *type, const char *body, size_t n,
        const char *extra)
{
	struct conn *conn = client_conn(c);
	char head[HEAD_MAX];
	struct http_head h = {
	        .status = status,
	        .content_type = type,
	        .content_length = (int64_t)n,
	        .keep_alive = !c->last,
	        .extra = extra,
	};
	size_t len = http_write_head(head, sizeof(head), &h);

	CHECK(len > 0);
	if (!conn_write(conn, head, len) || (n > 0 && !conn_write(conn, body, n))) {
		client_drop(c);
		return;
	}
	client_finish(c);
}

size_t http_rate_fields(const struct serve *s, int64_t reset_s, char *buf, size_t room)
{
	int64_t requests = s->slots - (int64_t)s->streams.live;
	int64_t tokens = s->slot_tokens - s->tokens_declared;
	int n = snprintf(buf, room,
	        "x-ratelimit-limit-requests: %" PRId64 "\r\n"
	        "x-ratelimit-limit-tokens: %" PRId64 "\r\n"
	        "x-ratelimit-remaining-requests: %" PRId64 "\r\n"
	        "x-ratelimit-remaining-tokens: %" PRId64 "\r\n"
	        "x-ratelimit-reset-requests: %" PRId64 "s\r\n"
	        "x-ratelimit-reset-tokens: %" PRId64 "s\r\n",
	        s->slots, s->slot_tokens, requests > 0 ? requests : 0, tokens > 0 ? tokens : 0,
	        reset_s, reset_s);

	CHECK(n > 0 && (size_t)n < room);
	return (size_t)n;
}

static const char *type_of(unsigned status)
{
	return status >= 500                    ? "internal_server_error"
	       : status == 429 || status == 498 ? "rate_limit_exceeded"
	                                        : "invalid_request_error";
}

static void error_with(
        struct client *c, unsigned status, const char *code, const char *message, const char *extra)
{
	char body[RENDER_TEXT_MAX];
	size_t n = render_error(type_of(status), code, message, body);

	answer(c, status, json_type_name, body, n, extra);
}

void http_error(struct client *c, unsigned status, const char *code, const char *format, ...)
{
	char message[MESSAGE_MAX], extra[EXTRA_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (status >= 400 && status < 500 && status != 408 && status != 499)
		c->serve->counts.bad_requests++;
	http_rate_fields(c->serve, 0, extra, sizeof(extra));
	error_with(c, status, code, message, extra);
}

void http_refuse(struct client *c, bool flex, enum rack_refusal why, int64_t retry_after_s)
{
	static const char *const reasons[] = {
	        [REFUSED_CONTEXT] =
	                "prompt and max_tokens together are more than any context holds",
	        [REFUSED_NO_POOL] = "no pool takes this tier, tenant or size",
	        [REFUSED_RATE] = "the tenant's rate is used up",
	        [REFUSED_ADMISSION] = "the wait would be longer than the pool admits",
	        [REFUSED_SHED] = "the pool is degraded and sheds this tier",
	        [REFUSED_ARTIFACT] = "the artifact for this shape is being compiled",
	};
	bool for_good = why == REFUSED_CONTEXT || why == REFUSED_NO_POOL;
	int64_t wait_s = for_good ? 0 : retry_after_s > 0 ? retry_after_s : 1;
	char extra[EXTRA_MAX];
	size_t n;

	n = http_rate_fields(c->serve, wait_s, extra, sizeof(extra));
	if (for_good) {
		error_with(c, 400, why == REFUSED_CONTEXT ? "context_length_exceeded" : "no_pool",
		        reasons[why], extra);
		return;
	}
	if (flex) {
		error_with(c, 498, "capacity_exceeded", reasons[why], extra);
		return;
	}
	snprintf(extra + n, sizeof(extra) - n, "retry-after: %" PRId64 "\r\n", wait_s);
	error_with(c, 429, "rate_limit_exceeded", reasons[why], extra);
}

/* --- routes
 * -------------------------------------------------------------------------------------- */

static void completions(struct client *c, bool chat)
{
	struct serve *s = c->serve;
	struct serve_ask ask;
	struct error err = ERROR_INIT;
	char text[MESSAGE_MAX];

	if (s->t0 == CLOCK_NEVER || ring_now(s->ring) < s->t0) {
		http_error(c, 503, "not_ready", "the rack has not started yet");
		return;
	}
	if (serve_ask_read(c->body ? c->body : "", c->body_len, chat, &ask, &err)) {
		error_format(&err, text, sizeof(text));
		http_error(c, 400, "invalid_request", "%s", text);
		return;
	}
	if (strcmp(ask.model, s->render.model) != 0) {
		http_error(c, 404, "model_not_found", "no model is called '%s'; there is '%s'",
		        ask.model, s->render.model);
		return;
	}
	if (ask.stream && c->http.reader.parser.http_minor == 0) {
		http_error(c, 400, "http_version", "a stream takes HTTP/1.1");
		return;
	}
	stream_submit(c, chat, &ask);
}

static void chat_completions(struct client *c)
{
	completions(c, true);
}

static void text_completions(struct client *c)
{
	completions(c, false);
}

static void put_model(const struct serve *s, struct json_out *o)
{
	const struct deployment *d = s->config.rack.deployment;
	int64_t window = 0;

	for (uint32_t p = 0; p < d->n_pools; p++) {
		const struct pool_spec *pool = &d->pools[p];
		int64_t largest = pool->buckets[pool->n_buckets - 1].max_seq;

		window = largest > window ? largest : window;
	}
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", s->render.model);
	json_out_str(o, "object", "model");
	json_out_i64(o, "created", s->started_unix_s);
	json_out_str(o, "owned_by", "lpuchaos");
	json_out_bool(o, "active", true);
	json_out_i64(o, "context_window", window);
	json_out_close(o);
}

static void answer_json(struct client *c, struct json_out *o)
{
	answer(c, 200, json_type_name, o->buf, o->n, NULL);
	json_out_free(o);
}

static void models(struct client *c)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "object", "list");
	json_out_open(&o, "data", '[');
	put_model(c->serve, &o);
	json_out_close(&o);
	json_out_close(&o);
	answer_json(c, &o);
}

static void one_model(struct client *c)
{
	struct json_out o;

	json_out_init(&o, 0);
	put_model(c->serve, &o);
	answer_json(c, &o);
}

static void health(struct client *c)
{
	bool ready = c->serve->t0 != CLOCK_NEVER && ring_now(c->serve->ring) >= c->serve->t0;
	static const char ok[] = "{\"status\":\"ok\"}", starting[] = "{\"status\":\"starting\"}";

	if (ready)
		answer(c, 200, json_type_name, ok, sizeof(ok) - 1, NULL);
	else
		answer(c, 503, json_type_name, starting, sizeof(starting) - 1, NULL);
}

static void metrics(struct client *c)
{
	char *text;

	if (rack_is_silent(c->serve->rack)) {
		http_error(c, 503, "telemetry_lost", "nothing is measured at the moment");
		return;
	}
	text = mem_alloc(METRICS_TEXT_MAX, 1);
	client_settle(c->serve);
	answer(c, 200, "text/plain; version=0.0.4; charset=utf-8", text,
	        metrics_render(c->serve, text), NULL);
	mem_free(text);
}

struct route {
	enum llhttp_method method;
	const char *path;
	void (*serve)(struct client *c);
};

static const struct route routes[] = {
        {HTTP_POST, "/v1/chat/completions", chat_completions},
        {HTTP_POST, "/v1/completions", text_completions},
        {HTTP_GET, "/v1/models", models},
        {HTTP_GET, "/health", health},
        {HTTP_GET, "/metrics", metrics},
};

void http_route(struct client *c)
{
	static const char prefix[] = "/openai", model[] = "/v1/models/";
	const char *path = c->http.path;

	if (strncmp(path, prefix, sizeof(prefix) - 1) == 0)
		path += sizeof(prefix) - 1;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (strcmp(path, routes[i].path) != 0)
			continue;
		if (c->http.method == routes[i].method)
			routes[i].serve(c);
		else
			http_error(c, 405, "method_not_allowed", "%s takes %s", path,
			        routes[i].method == HTTP_GET ? "GET" : "POST");
		return;
	}
	if (strncmp(path, model, sizeof(model) - 1) != 0)
		http_error(c, 404, "not_found", "nothing is served at %s", path);
	else if (strcmp(path + sizeof(model) - 1, c->serve->render.model) == 0)
		one_model(c);
	else
		http_error(c, 404, "model_not_found", "no model is called '%s'; there is '%s'",
		        path + sizeof(model) - 1, c->serve->render.model);
}
