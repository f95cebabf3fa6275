/* The page of one run: what its files say, in the order in which a reader asks (docs/REPORT.md).
 * Pure: the caller reads the files (harness/run/report.h). A part whose file is not there says so.
 */
#ifndef LPC_REPORTS_PAGE_RUN_H
#define LPC_REPORTS_PAGE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "reports/text.h"

/* One stretch of time of one tier, as the run store has them. -1 = none. */
struct page_stretch {
	int64_t from_ns, to_ns;
	uint32_t tier; /* index into score.json's tiers */
	uint64_t scheduled, done, ok, good, rejected, failed;
	uint64_t in_flight, queued; /* at its end */
	int64_t ttft_p50_ns, ttft_p99_ns, ttft_max_ns, e2el_p99_ns;
};

/* Roots of documents; without item: the file is not there. `result` is. A knee may lie beside the
 * run. */
struct page_run {
	struct jval result, bundle, score, histograms, faults, audit, assumptions, knee;
	const struct page_stretch *timeline; /* by time, then tier */
	size_t n_timeline;
	const char *no_timeline;  /* why there is none; NULL = there is one */
	const char *const *files; /* names of the directory's other files, NULL-terminated */
	const char *const *notes; /* what is to be said first, NULL-terminated; or NULL */
	bool brief; /* fewer rows and tiers, where a page with all of them is too large */
};

void page_run(const struct page_run *p, struct text *out);

/* The page of a knee alone (OUT/<name>-knee). */
void page_knee(struct jval knee, struct text *out);

#endif
