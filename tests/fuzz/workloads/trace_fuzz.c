/* Any bytes as a trace: the first picks the format, the rest is the file. Either it is refused with
 * a line, or its rows come in order of time, within bounds, and every one that was read is
 * accounted for; whatever the pieces in which the bytes arrive. */
#include <string.h>

#include "harness/base/units.h"
#include "workloads/traffic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const char *at;
	size_t left, chunk;
};

static enum status read_bytes(void *ctx, char *buf, size_t room, size_t *n, struct error *err)
{
	struct bytes *b = ctx;

	(void)err;
	*n = b->left < b->chunk ? b->left : b->chunk;
	*n = *n < room ? *n : room;
	memcpy(buf, b->at, *n);
	b->at += *n;
	b->left -= *n;
	return ERR_NONE;
}

static void close_bytes(void *ctx)
{
	((struct bytes *)ctx)->left = 0;
}

static enum status open_bytes(void *ctx, const char *from_file, const char *path,
        struct trace_source *out, struct error *err)
{
	(void)from_file, (void)path, (void)err;
	*out = (struct trace_source){.ctx = ctx, .read = read_bytes, .close = close_bytes};
	return ERR_NONE;
}

static uint64_t replay(
        const struct trace_spec *spec, const uint8_t *data, size_t size, size_t chunk)
{
	struct bytes bytes = {(const char *)data, size, chunk};
	const struct trace_opener opener = {.ctx = &bytes, .open = open_bytes};
	const int64_t duration = 3600 * NS_PER_S;
	struct error err = ERROR_INIT;
	struct trace_counts counts;
	struct trace_reader *r;
	struct trace_row row;
	int64_t last = 0;
	uint64_t seen = 0;
	bool more = true;

	if (trace_open(spec, &opener, prng_stream(1, "smear"), duration, &r, &err) != ERR_NONE)
		UNREACHABLE("memory always opens");
	while (trace_next(r, &row, &more, &err) == ERR_NONE && more) {
		CHECK(row.at_ns >= last && row.at_ns < duration);
		CHECK(row.prompt_tokens > 0 && row.prompt_tokens <= LENGTH_TOKENS_MAX);
		CHECK(row.output_tokens > 0 && row.output_tokens <= LENGTH_TOKENS_MAX);
		last = row.at_ns;
		seen++;
	}
	counts = trace_counts(r);
	CHECK(counts.emitted == seen);
	CHECK(err.code == ERR_NONE || (err.code == ERR_USAGE && err.line > 0 && err.text[0]));
	trace_close(r);
	return seen * 2 + (err.code == ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char formats[] = "ambc";
	const char *format;
	struct trace_spec spec = {.file = "trace", .from_file = "scenario", .path = "trace"};

	if (size == 0)
		return 0;
	format = data[0] ? strchr(formats, data[0]) : NULL;
	spec.format = format ? (enum trace_format)(format - formats) : TRACE_CSV;
	spec.speed_nano = size % 3 ? 1000000000 : 1500000000;
	spec.smear = spec.format == TRACE_MOONCAKE && size % 2;
	CHECK(replay(&spec, data + 1, size - 1, SIZE_MAX) == replay(&spec, data + 1, size - 1, 3));
	return 0;
}
