/* An event stream, fed whole and again in pieces whose size the input chooses: the same events. */
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"
#include "harness/net/sse.h"

enum { LIMIT = 128 };

struct outcome {
	uint64_t events, sum;
	enum sse_status status;
};

static void add(struct outcome *o, const char *at, size_t n)
{
	o->sum = o->sum * 131 + n;
	for (size_t i = 0; i < n; i++)
		o->sum = o->sum * 31 + (unsigned char)at[i];
}

static void on_event(void *ctx, const struct sse_event *e)
{
	struct outcome *o = ctx;

	CHECK(e->data && e->data_len <= LIMIT);
	o->events++;
	add(o, e->data, e->data_len);
	add(o, e->type, e->type ? e->type_len : 0);
	add(o, e->id, e->id ? e->id_len : 0);
	o->sum += (uint64_t)e->retry_ms;
}

static struct outcome run(const char *data, size_t n, size_t piece)
{
	struct outcome o = {.events = 0};
	struct sse_parser p;
	struct pool carry;

	pool_init(&carry, LIMIT, 2);
	sse_init(&p, &carry, LIMIT);
	for (size_t at = 0; at < n; at += piece)
		o.status = sse_feed(&p, data + at, n - at < piece ? n - at : piece, on_event, &o);
	sse_reset(&p);
	CHECK(carry.live == 0);
	pool_free(&carry);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct outcome whole = run(text, size, size + 1);
	struct outcome parts = run(text, size, size ? 1 + data[0] % 17 : 1);

	CHECK(whole.status == parts.status && whole.events == parts.events);
	CHECK(whole.sum == parts.sum);
	return 0;
}
