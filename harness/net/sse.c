/* An event stream is cut into *blocks* first, and only then are lines read.
 *
 * A block is everything up to an empty line. To find its end across any split of the input takes
 *only the length of the line under way and whether the last byte was a CR; nothing needs to be
 *copied for that. When the end is found and the block lies inside the buffer that was fed, its
 *lines are read where they are. When a buffer ends in the middle of a block, the piece goes to a
 *carry buffer, and the lines are read there once the rest has come. So the line reader sees whole
 *blocks only, and cannot behave differently for different splits:
 *
 *	fed buffer   … │ data: a ⏎ ⏎ │ data: b ⏎ ⏎ │ data: c         one event cut, two not copied
 *	                 in place      in place      to the carry ─► + next buffer's "…⏎ ⏎" ─► read
 *there
 *
 * Almost every block is one line, `data: {…}`. It is handed on as it stands. Several data lines
 *must be joined with LF, which needs memory: a second buffer of the pool, for as long as the
 *callback runs. (In place it cannot be: lines of other fields, which the event points to, may lie
 *between.)
 *
 * A CR ends a line at once, and a LF right after it is swallowed, be it in the next buffer: waiting
 *to see would hold back an event that is complete. A byte-order mark is part of the first block and
 *is taken off there; a block of nothing else has no data and so makes no event. */
#include "harness/net/sse.h"

#include <string.h>

enum { BOM_BYTES = 3, RETRY_DIGITS_MAX = 15 };

void sse_init(struct sse_parser *p, struct pool *carry, uint32_t limit)
{
	CHECK(limit > 0 && limit <= carry->size);
	*p = (struct sse_parser){
	        .carry = carry, .limit = limit, .held = POOL_NONE, .line_is_empty = true};
}

void sse_reset(struct sse_parser *p)
{
	if (p->held != POOL_NONE)
		pool_give(p->carry, p->held);
	sse_init(p, p->carry, p->limit);
}

static char *carry_buffer(struct sse_parser *p)
{
	if (p->held == POOL_NONE)
		p->held = pool_take(p->carry);
	if (p->held != POOL_NONE)
		return pool_at(p->carry, p->held);
	p->status = SSE_NO_MEMORY;
	return NULL;
}

static bool carry(struct sse_parser *p, const char *from, size_t n)
{
	char *buf;

	if (n == 0)
		return true;
	buf = carry_buffer(p);
	if (!buf)
		return false;
	memcpy(buf + p->carried, from, n);
	p->carried += (uint32_t)n;
	return true;
}

/* --- lines
 * ------------------------------------------------------------------------------------------ */

/* Finds line ends without looking at a byte twice, whichever of the two characters is rare. */
struct line_scan {
	const char *lf,
	        *cr; /* the next one at or after the last question, or the end; NULL = not sought */
};

static const char *seek(const char *known, char c, const char *at, const char *end)
{
	const char *found;

	if (known && known >= at)
		return known;
	found = memchr(at, c, (size_t)(end - at));
	return found ? found : end;
}

static const char *line_end(struct line_scan *s, const char *at, const char *end)
{
	s->lf = seek(s->lf, '\n', at, end);
	s->cr = seek(s->cr, '\r', at, end);
	return s->lf < s->cr ? s->lf : s->cr;
}

/* The value of a line whose field is `name`, without the one space after the colon; NULL if it is
 * another field. A line without a colon is a field with an empty value. */
static const char *field_value(const char *line, const char *end, const char *name, size_t n)
{
	if ((size_t)(end - line) < n || memcmp(line, name, n) != 0)
		return NULL;
	line += n;
	if (line == end)
		return end;
	if (*line != ':')
		return NULL;
	line++;
	return line < end && *line == ' ' ? line + 1 : line;
}

#define FIELD(line, end, name) field_value((line), (end), (name), sizeof(name) - 1)

static int64_t parse_retry(const char *at, const char *end)
{
	int64_t ms = 0;

	if (at == end || end - at > RETRY_DIGITS_MAX)
		return -1;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return -1;
		ms = ms * 10 + (*at - '0');
	}
	return ms;
}

/* --- blocks
 * ----------------------------------------------------------------------------------------- */

struct block {
	struct sse_event event;
	uint32_t
	        joined; /* the buffer that several data lines are joined in; POOL_NONE = none yet */
};

/* Appends a data line behind those before it. False when there is no buffer to join them in. */
static bool add_data(struct sse_parser *p, struct block *b, const char *value, size_t n)
{
	struct sse_event *e = &b->event;
	char *joined;

	if (!e->data) {
		e->data = value;
		e->data_len = n;
		return true;
	}
	if (b->joined == POOL_NONE) {
		b->joined = pool_take(p->carry);
		if (b->joined == POOL_NONE)
			return false;
		memcpy(pool_at(p->carry, b->joined), e->data, e->data_len);
	}
	joined = pool_at(p->carry, b->joined);
	joined[e->data_len++] = '\n';
	memcpy(joined + e->data_len, value, n);
	e->data_len += n;
	e->data = joined;
	return true;
}

static bool read_line(struct sse_parser *p, struct block *b, const char *line, const char *end)
{
	struct sse_event *e = &b->event;
	const char *value;

	if ((value = FIELD(line, end, "data")))
		return add_data(p, b, value, (size_t)(end - value));
	if ((value = FIELD(line, end, "event"))) {
		e->type = value == end ? NULL : value;
		e->type_len = (size_t)(end - value);
	} else if ((value = FIELD(line, end, "id"))) {
		if (memchr(value, '\0', (size_t)(end - value)))
			return true;
		e->id = value;
		e->id_len = (size_t)(end - value);
	} else if ((value = FIELD(line, end, "retry"))) {
		int64_t ms = parse_retry(value, end);

		e->retry_ms = ms >= 0 ? ms : e->retry_ms;
	}
	return true;
}

static bool read_lines(struct sse_parser *p, struct block *b, const char *at, const char *end)
{
	struct line_scan scan = {NULL, NULL};

	while (at < end) {
		const char *to = line_end(&scan, at, end);

		if (!read_line(p, b, at, to))
			return false;
		at = to + (end - to >= 2 && to[0] == '\r' && to[1] == '\n' ? 2 : 1);
	}
	return true;
}

static void finish_block(struct sse_parser *p, const char *at, size_t n,
        void (*on_event)(void *ctx, const struct sse_event *e), void *ctx)
{
	struct block b = {.event = {.retry_ms = -1}, .joined = POOL_NONE};

	if (p->carried) {
		if (!carry(p, at, n))
			return;
		at = pool_at(p->carry, p->held);
		n = p->carried;
	}
	if (!p->started && n >= BOM_BYTES && memcmp(at, "\xef\xbb\xbf", BOM_BYTES) == 0) {
		at += BOM_BYTES;
		n -= BOM_BYTES;
	}
	p->started = true;
	if (!read_lines(p, &b, at, at + n))
		p->status = SSE_NO_MEMORY;
	else if (b.event.data)
		on_event(ctx, &b.event);
	if (b.joined != POOL_NONE)
		pool_give(p->carry, b.joined);
	if (p->held != POOL_NONE)
		pool_give(p->carry, p->held);
	p->held = POOL_NONE;
	p->carried = 0;
	p->block_bytes = 0;
}

enum sse_status sse_feed(struct sse_parser *p, const char *data, size_t n,
        void (*on_event)(void *ctx, const struct sse_event *e), void *ctx)
{
	const char *at = data, *end = data + n, *block = data, *to;
	struct line_scan scan = {NULL, NULL};

	for (; at < end && p->status == SSE_OK; at = to + 1) {
		bool empty, ended;

		if (p->skip_lf && *at == '\n') {
			p->skip_lf = false;
			to = at;
			if (p->block_bytes++ == 0) { /* it ended the block before */
				p->block_bytes = 0;
				block = at + 1;
			}
			continue;
		}
		to = line_end(&scan, at, end);
		ended = to < end;
		empty = p->line_is_empty && to == at;
		p->skip_lf = ended && *to == '\r';
		p->line_is_empty = ended || empty;
		p->block_bytes += (uint64_t)(to - at) + ended;
		if (p->block_bytes > p->limit)
			p->status = SSE_TOO_LONG;
		else if (ended && empty) {
			finish_block(p, block, (size_t)(to + 1 - block), on_event, ctx);
			block = to + 1;
		}
	}
	if (p->status == SSE_OK && block < end)
		(void)carry(p, block, (size_t)(end - block));
	return p->status;
}
