/* An HTTP request, fed whole and again cut at a place the input chooses: no crash, the same
 * outcome. */
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"
#include "harness/net/http.h"

struct outcome {
	uint64_t messages, heads, body_bytes, body_sum;
	unsigned status;
};

static const struct http_limits limits = {.head_bytes = 1024, .headers = 16, .body_bytes = 256};

static void on_head(struct http_request *m)
{
	struct outcome *o = m->ctx;

	o->heads++;
	CHECK(m->path_len < HTTP_PATH_MAX && m->path[m->path_len] == '\0');
}

static void on_body(struct http_request *m, const char *data, size_t n)
{
	struct outcome *o = m->ctx;

	for (size_t i = 0; i < n; i++)
		o->body_sum = o->body_sum * 31 + (unsigned char)data[i];
	o->body_bytes += n;
	CHECK(m->body_bytes <= limits.body_bytes);
}

static const struct http_request_handler handler = {.on_head = on_head, .on_body = on_body};

static struct outcome run(const char *data, size_t n, size_t cut)
{
	struct outcome o = {.status = 0};
	struct http_request m;
	size_t at = 0, used;

	http_request_init(&m, &limits, &handler, &o);
	while (at < n && !o.status) {
		size_t end = at < cut ? cut : n;
		enum http_step step = http_request_feed(&m, data + at, end - at, &used);

		CHECK(used <= end - at);
		at += used;
		if (step == HTTP_STEP_FAILED)
			o.status = m.status;
		if (step != HTTP_STEP_DONE)
			continue;
		CHECK(used > 0 || at > 0);
		o.messages++;
		http_request_next(&m);
	}
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t cut = size ? data[0] * size / 256 : 0;
	struct outcome whole = run(text, size, 0), parts = run(text, size, cut);

	/* A request that is wrong in two ways (too large, and then malformed) may be told either:
	 * the parser reports a span at the end of what it was given. */
	CHECK(!whole.status == !parts.status && whole.messages == parts.messages);
	CHECK(whole.heads == parts.heads);
	CHECK(whole.status ||
	        (whole.body_bytes == parts.body_bytes && whole.body_sum == parts.body_sum));
	return 0;
}
