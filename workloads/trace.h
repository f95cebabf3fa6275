/* Replaying recorded traffic (FORMATS §2). Readers stream: a block of bytes and one row at a time,
 * whatever the size of the file; pure, because the bytes come from a callback of the composition
 * root.
 *
 * Arrival times count from the first row, which arrives at t = 0, and are divided by `speed`, in
 * integers: floor(elapsed_ns * 10^9 / round(speed * 10^9)). Every row that is read is emitted or
 * dropped for a named reason; a row that cannot be read at all is ERR_USAGE at the trace's own
 * file:line. */
#ifndef LPC_WORKLOADS_TRACE_H
#define LPC_WORKLOADS_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/digest.h"
#include "harness/base/json.h"
#include "harness/base/prng.h"

enum trace_format { TRACE_AZURE, TRACE_MOONCAKE, TRACE_BURSTGPT, TRACE_CSV };

/* The bytes of one trace, read once from the start. */
struct trace_source {
	void *ctx;
	/* Up to `room` bytes into buf; *n = 0 at the end. */
	enum status (*read)(void *ctx, char *buf, size_t room, size_t *n, struct error *err);
	void (*close)(void *ctx);
};

/* Opens the trace that `from_file` names as `path` (relative to from_file's folder, or absolute).
 * On failure err->text says why in a few words ("no such file"); the caller adds the place in
 * from_file. */
struct trace_opener {
	void *ctx;
	enum status (*open)(void *ctx, const char *from_file, const char *path,
	        struct trace_source *out, struct error *err);
};

/* {"file": "a.csv", "format": "csv", "speed": 1.0, "limit": 5000, "smear": false, "tenant": "chat"}
 * Strings live in the arena. */
struct trace_spec {
	const char *file;
	enum trace_format format;
	uint64_t speed_nano; /* speed in 1e-9 */
	int64_t limit;       /* rows read at most; 0 = all */
	bool smear;          /* mooncake: spread the rows of a tick over the 3 s after it */
	const char *tenant;  /* csv: only rows of this tenant; NULL = all */
	const char *from_file, *path; /* where the trace was named */
	unsigned line, col;
	bool has_digest;  /* set by trace_check, and so is: */
	uint64_t emitted; /* rows before the duration */
	uint8_t digest[DIGEST_BYTES];
};

enum trace_drop {
	TRACE_DROP_ZERO_TOKENS,    /* no prompt or no answer (a failed upstream in BurstGPT) */
	TRACE_DROP_AFTER_DURATION, /* at or after the scenario's duration */
	TRACE_DROP_OUT_OF_ORDER,   /* earlier than the row before it */
	TRACE_DROP_OTHER_TENANT,
	TRACE_DROPS,
};

const char *trace_drop_name(enum trace_drop why); /* "zero_tokens", … */

struct trace_counts {
	uint64_t rows_read, emitted;
	uint64_t dropped[TRACE_DROPS]; /* rows_read = emitted + the sum of these */
};

void trace_counts_add(struct trace_counts *into, const struct trace_counts *from);

struct trace_row {
	int64_t at_ns;                        /* from the first row, speed applied */
	int64_t prompt_tokens, output_tokens; /* >= 1 */
};

/* v: the "trace" object of a traffic entry. */
enum status trace_parse(
        struct jval v, struct arena *arena, struct trace_spec *out, struct error *err) LPC_MUST_USE;
void trace_canonical(const struct trace_spec *spec, struct json_out *o, const char *key);

struct trace_reader;

/* `stream` places smeared rows. The reader closes the source at the end, at a failure and at
 * trace_close. */
enum status trace_open(const struct trace_spec *spec, const struct trace_opener *opener,
        struct prng stream, int64_t duration_ns, struct trace_reader **out,
        struct error *err) LPC_MUST_USE;
void trace_close(struct trace_reader *r); /* NULL is allowed */

/* The next row before the duration; *more = false when the trace is read to its end (or limit).
 * Rows behind the duration are read and counted before that is said. */
enum status trace_next(
        struct trace_reader *r, struct trace_row *row, bool *more, struct error *err) LPC_MUST_USE;
struct trace_counts trace_counts(const struct trace_reader *r);

/* Reads a whole trace for its errors, before anything starts, and keeps the digest of its bytes
 * (all of them, behind the limit too) in the spec. */
enum status trace_check(struct trace_spec *spec, const struct trace_opener *opener,
        int64_t duration_ns, struct trace_counts *counts, struct error *err) LPC_MUST_USE;

#endif
