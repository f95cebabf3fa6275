/* Reads a run store (reports/store.h). Read only: nothing is written beside the file, except where
 * a killed run left a journal that SQLite must roll back first. Errors are ERR_USAGE and name the
 * file: no store, another schema, damaged. */
#ifndef LPC_REPORTS_STORE_READ_H
#define LPC_REPORTS_STORE_READ_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/error.h"
#include "reports/sample.h"

struct store_reader;

/* Row of table `run`. Texts live as long as the reader. */
struct store_run {
	const char *scenario, *clock, *plan_digest, *samples; /* samples: "all", "failed" or N */
	uint64_t seed;
	bool partial;
	uint64_t requests; /* that the run had so far */
	uint64_t rows;     /* that are in the table */
	uint64_t dropped;
};

/* Gaps between the token events of one request. p99 is the judged one (sample.itl_judged_ns). */
struct store_gap_summary {
	uint64_t n;
	int64_t sum_ns, max_ns; /* max: -1 = none */
};

/* One stretch of time (a second, or a multiple of seconds in runs so long that seconds would be too
 * many) of one tier. By t_sched: scheduled, ttft. By t_done: the others. At the end of the stretch:
 * in_flight, queued. */
struct store_second {
	int64_t from_ns, to_ns;
	uint32_t tier;
	uint64_t scheduled, done, ok, good, rejected, failed;
	uint64_t output_tokens; /* of ok requests */
	uint64_t in_flight, queued;
	int64_t ttft_p50_ns, ttft_p99_ns,
	        ttft_max_ns; /* -1 = none; p99 of what there is, for the eye */
	int64_t e2el_p99_ns;
};

enum status store_read_open(
        const char *path, struct store_reader **out, struct error *err) LPC_MUST_USE;
void store_read_close(struct store_reader *r);
const struct store_run *store_read_run(const struct store_reader *r);

/* The next request in order of its outcome, exactly as the run's scorer was given it; *more false
 * at the end. */
enum status store_read_sample(struct store_reader *r, struct sample *out,
        struct store_gap_summary *gaps, bool *more, struct error *err) LPC_MUST_USE;

/* The timeline in order of time, then tier, into the arena. */
enum status store_read_timeline(struct store_reader *r, struct arena *arena,
        const struct store_second **out, size_t *n, struct error *err) LPC_MUST_USE;

#endif
