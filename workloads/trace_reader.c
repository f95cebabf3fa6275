/* From bytes to rows in order of time.
 *
 *   source → block of bytes → line → trace_read_row → checks → [tick] → trace_next
 *
 * Memory is one block, which is also the longest line, and, when smeared, one tick of rows.
 *
 * Smear. Mooncake's arrivals sit on a grid of 3 seconds: a replay to the letter offers a burst
 * every tick. Smeared, the rows of one tick take sorted uniform places between it and the next (at
 * most 3 s): what a Poisson process is, given how many came. Places are drawn tick by tick from the
 * tenant's own stream, so they do not depend on the rest of the traffic, and the order of rows
 * stays.
 *
 * Books. A row is counted when it is read and again where it goes, so that rows_read = emitted +
 * dropped is a finding and not a definition; rows that wait in the tick are in neither. */
#include "workloads/trace.h"
#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "workloads/trace_row.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 17, TICK_ROWS_MAX = 1 << 16 };
#define TICK_NS (3 * NS_PER_S)

/* A row that passed the checks; elapsed since the first row, speed not yet applied. */
struct passed_row {
	int64_t elapsed_ns, prompt_tokens, output_tokens;
};

struct trace_reader {
	const struct trace_spec *spec;
	struct trace_source source;
	bool source_open, at_end, finished;
	struct sha256 *digest; /* NULL unless checking */
	struct prng stream;
	int64_t duration_ns;
	unsigned line;
	struct trace_columns columns;
	bool has_header, has_first;
	int64_t first_ns, last_ns;
	struct trace_counts counts;
	char *block;
	size_t filled, taken; /* bytes of the block */
	/* smear */
	struct passed_row *tick, ahead; /* the tick's rows; the first row behind it */
	int64_t *places;
	uint32_t tick_n, tick_next, tick_room;
	bool has_ahead;
};

static void close_source(struct trace_reader *r)
{
	if (r->source_open)
		r->source.close(r->source.ctx);
	r->source_open = false;
}

static enum status opener_failed(
        const struct trace_spec *spec, const struct error *inner, struct error *err)
{
	return error_at(err, ERR_USAGE, spec->from_file, spec->line, spec->col, spec->path,
	        "expected a trace that can be read, found %s '%s'", inner->text, spec->file);
}

enum status trace_open(const struct trace_spec *spec, const struct trace_opener *opener,
        struct prng stream, int64_t duration_ns, struct trace_reader **out, struct error *err)
{
	struct error inner = ERROR_INIT;
	struct trace_source source;
	struct trace_reader *r;

	if (opener->open(opener->ctx, spec->from_file, spec->file, &source, &inner) != ERR_NONE)
		return opener_failed(spec, &inner, err);
	r = mem_alloc(1, sizeof(*r));
	r->spec = spec;
	r->source = source;
	r->source_open = true;
	r->stream = stream;
	r->duration_ns = duration_ns;
	r->block = mem_alloc(1, BLOCK_BYTES);
	*out = r;
	return ERR_NONE;
}

void trace_close(struct trace_reader *r)
{
	if (!r)
		return;
	close_source(r);
	mem_free(r->block);
	mem_free(r->tick);
	mem_free(r->places);
	mem_free(r);
}

/* Adds bytes behind what is left in the block; at_end when there are none. */
static enum status fill(struct trace_reader *r, struct error *err)
{
	struct error inner = ERROR_INIT;
	size_t n = 0;

	memmove(r->block, r->block + r->taken, r->filled - r->taken);
	r->filled -= r->taken;
	r->taken = 0;
	if (r->source.read(r->source.ctx, r->block + r->filled, BLOCK_BYTES - r->filled, &n,
	            &inner) != ERR_NONE)
		return opener_failed(r->spec, &inner, err);
	if (r->digest)
		sha256_update(r->digest, r->block + r->filled, n);
	r->filled += n;
	r->at_end = n == 0;
	return ERR_NONE;
}

/* The next line that holds anything, without its end (LF or CRLF; the last one may lack it). */
static enum status next_line(
        struct trace_reader *r, const char **line, size_t *len, bool *more, struct error *err)
{
	for (;;) {
		const char *from = r->block + r->taken;
		size_t left = r->filled - r->taken;
		const char *end = memchr(from, '\n', left);

		if (!end && !r->at_end) {
			if (left == BLOCK_BYTES)
				return error_at(err, ERR_USAGE, r->spec->file, r->line + 1, 1, NULL,
				        "expected a line below %d bytes, found a longer one",
				        (int)BLOCK_BYTES);
			if (fill(r, err) != ERR_NONE)
				return err->code;
			continue;
		}
		*more = end || left > 0;
		if (!*more)
			return ERR_NONE;
		r->line++;
		*line = from;
		*len = end ? (size_t)(end - from) : left;
		r->taken += *len + (end != NULL);
		if (*len && (*line)[*len - 1] == '\r')
			--*len;
		if (*len)
			return ERR_NONE;
	}
}

static enum status read_header(struct trace_reader *r, struct error *err)
{
	struct trace_place place = {r->spec->file, 1};
	const char *line = "";
	size_t len = 0;
	bool more;

	r->has_header = true;
	if (!trace_has_header(r->spec->format))
		return ERR_NONE;
	if (next_line(r, &line, &len, &more, err) != ERR_NONE)
		return err->code;
	if (more)
		place.line = r->line;
	return trace_read_header(r->spec->format, line, len, &place, &r->columns, err);
}

static bool is_tenant(const struct trace_spec *spec, const struct trace_raw *raw)
{
	return !spec->tenant || (raw->tenant && strlen(spec->tenant) == raw->tenant_len &&
	                                memcmp(spec->tenant, raw->tenant, raw->tenant_len) == 0);
}

/* The next row that no check drops. */
static enum status next_passed(
        struct trace_reader *r, struct passed_row *out, bool *more, struct error *err)
{
	struct trace_place place = {.file = r->spec->file};
	struct trace_raw raw;
	const char *line;
	size_t len;

	if (!r->has_header && read_header(r, err) != ERR_NONE)
		return err->code;
	for (;;) {
		*more = !r->spec->limit || r->counts.rows_read < (uint64_t)r->spec->limit;
		if (!*more)
			return ERR_NONE;
		if (next_line(r, &line, &len, more, err) != ERR_NONE || !*more)
			return err->code;
		place.line = r->line;
		if (trace_read_row(r->spec->format, &r->columns, line, len, &place, &raw, err) !=
		        ERR_NONE)
			return err->code;
		r->counts.rows_read++;
		if (!r->has_first)
			r->first_ns = r->last_ns = raw.time_ns;
		r->has_first = true;
		if (raw.time_ns < r->last_ns) {
			r->counts.dropped[TRACE_DROP_OUT_OF_ORDER]++;
			continue;
		}
		r->last_ns = raw.time_ns;
		if (!is_tenant(r->spec, &raw)) {
			r->counts.dropped[TRACE_DROP_OTHER_TENANT]++;
			continue;
		}
		if (raw.prompt_tokens == 0 || raw.output_tokens == 0) {
			r->counts.dropped[TRACE_DROP_ZERO_TOKENS]++;
			continue;
		}
		*out = (struct passed_row){
		        raw.time_ns - r->first_ns, raw.prompt_tokens, raw.output_tokens};
		return ERR_NONE;
	}
}

/* --- ticks
 * ----------------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static enum status add_to_tick(
        struct trace_reader *r, const struct passed_row *row, struct error *err)
{
	if (r->tick_n == TICK_ROWS_MAX)
		return error_at(err, ERR_USAGE, r->spec->file, r->line, 1, "timestamp",
		        "expected at most %d rows in one tick to smear, found more",
		        (int)TICK_ROWS_MAX);
	if (r->tick_n == r->tick_room) {
		r->tick_room = r->tick_room ? 2 * r->tick_room : 64;
		r->tick = mem_grow(r->tick, r->tick_room, sizeof(*r->tick));
		r->places = mem_grow(r->places, r->tick_room, sizeof(*r->places));
	}
	r->tick[r->tick_n++] = *row;
	return ERR_NONE;
}

/* Reads all rows of the next instant, and one more: how far they may spread. */
static enum status next_tick(struct trace_reader *r, struct error *err)
{
	struct passed_row row = r->ahead;
	bool more = r->has_ahead;
	int64_t at, span = TICK_NS;

	r->tick_n = r->tick_next = 0;
	if (!more && next_passed(r, &row, &more, err) != ERR_NONE)
		return err->code;
	r->has_ahead = false;
	if (!more)
		return ERR_NONE;
	at = row.elapsed_ns;
	while (more && row.elapsed_ns == at) {
		if (add_to_tick(r, &row, err) != ERR_NONE ||
		        next_passed(r, &row, &more, err) != ERR_NONE)
			return err->code;
	}
	if (more) {
		r->ahead = row;
		r->has_ahead = true;
		span = row.elapsed_ns - at < TICK_NS ? row.elapsed_ns - at : TICK_NS;
	}
	for (uint32_t i = 0; i < r->tick_n; i++)
		r->places[i] = (int64_t)prng_below(prng_next(&r->stream), (uint64_t)span);
	qsort(r->places, r->tick_n, sizeof(*r->places), compare_places);
	for (uint32_t i = 0; i < r->tick_n; i++)
		r->tick[i].elapsed_ns += r->places[i];
	return ERR_NONE;
}

static enum status next_smeared(
        struct trace_reader *r, struct passed_row *out, bool *more, struct error *err)
{
	if (r->tick_next == r->tick_n && next_tick(r, err) != ERR_NONE)
		return err->code;
	*more = r->tick_next < r->tick_n;
	if (*more)
		*out = r->tick[r->tick_next++];
	return ERR_NONE;
}

/* --- out
 * ------------------------------------------------------------------------------------------- */

/* floor(elapsed / speed), or NS_NEVER beyond any duration. */
static int64_t at_speed(int64_t elapsed_ns, uint64_t speed_nano)
{
	__uint128_t at = (__uint128_t)elapsed_ns * 1000000000u / speed_nano;

	return at < (__uint128_t)NS_NEVER ? (int64_t)at : NS_NEVER;
}

static enum status next_emitted(
        struct trace_reader *r, struct trace_row *row, bool *more, struct error *err)
{
	struct passed_row passed;

	for (;;) {
		enum status status = r->spec->smear ? next_smeared(r, &passed, more, err)
		                                    : next_passed(r, &passed, more, err);

		if (status != ERR_NONE || !*more)
			return status;
		row->at_ns = at_speed(passed.elapsed_ns, r->spec->speed_nano);
		row->prompt_tokens = passed.prompt_tokens;
		row->output_tokens = passed.output_tokens;
		if (row->at_ns < r->duration_ns)
			break;
		r->counts.dropped[TRACE_DROP_AFTER_DURATION]++;
	}
	r->counts.emitted++;
	return ERR_NONE;
}

struct trace_counts trace_counts(const struct trace_reader *r)
{
	struct trace_counts counts = r->counts;

	counts.rows_read -= r->tick_n - r->tick_next + r->has_ahead; /* on their way */
	return counts;
}

static bool books_balance(const struct trace_reader *r)
{
	struct trace_counts counts = trace_counts(r);
	uint64_t sum = counts.emitted;

	for (int i = 0; i < TRACE_DROPS; i++)
		sum += counts.dropped[i];
	return sum == counts.rows_read;
}

enum status trace_next(struct trace_reader *r, struct trace_row *row, bool *more, struct error *err)
{
	enum status status = ERR_NONE;

	*more = false;
	if (!r->finished)
		status = next_emitted(r, row, more, err);
	if (status == ERR_NONE && *more)
		return ERR_NONE;
	CHECK(status != ERR_NONE || books_balance(r));
	r->finished = true;
	if (!r->digest)
		close_source(r);
	return status;
}

enum status trace_check(struct trace_spec *spec, const struct trace_opener *opener,
        int64_t duration_ns, struct trace_counts *counts, struct error *err)
{
	struct trace_reader *r;
	struct trace_row row;
	bool more = true;

	if (trace_open(spec, opener, prng_stream(0, "check"), duration_ns, &r, err) != ERR_NONE)
		return err->code;
	r->digest = sha256_new();
	while (more && trace_next(r, &row, &more, err) == ERR_NONE)
		;
	while (err->code == ERR_NONE && !r->at_end) { /* behind the limit */
		r->taken = r->filled;
		if (fill(r, err) != ERR_NONE)
			break;
	}
	*counts = trace_counts(r);
	spec->emitted = counts->emitted;
	sha256_final(r->digest, spec->digest);
	spec->has_digest = err->code == ERR_NONE;
	trace_close(r);
	return err->code;
}
