/* Any bytes as a pack's archive: entries are given whole and with names that a pack may have, what
 * is wrong is said on one line, and only what was read to its end is called whole. The first byte
 * says whether the rest is a tar.zst as it stands or the tar in one, so that mutations get that
 * far.
 */
#include "reports/verify_archive.h"

#include <string.h>
#include "harness/base/arena.h"
#include "reports/evidence.h"
#include "tests/support/zstd_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
	const uint8_t *data;
	size_t n, at;
	bool open;
	uint32_t files, defects;
};

/* In small pieces. */
static ssize_t read_some(void *ctx, const void **data)
{
	struct state *s = ctx;
	size_t n = s->n - s->at < 700 ? s->n - s->at : 700;

	*data = s->data + s->at;
	s->at += n;
	return (ssize_t)n;
}

static bool on_begin(void *ctx, const char *path)
{
	struct state *s = ctx;

	CHECK(!s->open && evidence_name_wrong(path, strlen(path)) == NULL);
	s->open = s->files++ % 5 != 4; /* some are not wanted */
	return s->open;
}

static void on_data(void *ctx, const void *data, size_t n)
{
	struct state *s = ctx;
	volatile uint8_t last = n ? ((const uint8_t *)data)[n - 1] : 0;

	(void)last;
	CHECK(s->open);
}

static void on_end(void *ctx)
{
	struct state *s = ctx;

	CHECK(s->open);
	s->open = false;
}

static void on_found(void *ctx, enum defect d, const char *path, const char *text)
{
	struct state *s = ctx;

	CHECK(d < DEFECT_COUNT && path && text[0]);
	s->defects++;
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool inner = size > 0 && data[0] & 1;
	struct state s = {.data = size ? data + 1 : data, .n = size ? size - 1 : 0};
	struct archive_source source = {.ctx = &s, .read = read_some};
	struct archive_sink sink = {.ctx = &s,
	        .begin = on_begin,
	        .data = on_data,
	        .end = on_end,
	        .found = on_found,
	        .stopped = never};
	struct archive_limits limits = {.bytes = 8 << 20, .entries = 100};
	struct archive_answer answer;
	uint8_t *wrapped = inner ? zstd_frame(s.data, s.n, &s.n) : NULL;

	if (wrapped)
		s.data = wrapped;
	archive_walk(&source, &limits, &sink, &answer);
	CHECK(!s.open);
	CHECK(answer.whole ? answer.in == s.n && s.files <= answer.entries : s.defects > 0);
	mem_free(wrapped);
	return 0;
}
