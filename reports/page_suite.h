/* The index of a suite: its runs with their verdicts and what was promised, its claims, and how to
 * repeat it. Pure: from the documents that lie in the folder, into a buffer. */
#ifndef LPC_REPORTS_PAGE_SUITE_H
#define LPC_REPORTS_PAGE_SUITE_H

#include "harness/base/json.h"
#include "reports/html.h"

struct page_suite_run {
	const char *scenario, *folder; /* folder: NULL = it left no result */
	struct jval result;            /* root of result.json; JSON_NONE likewise */
};

struct page_suite {
	const char *name, *about;
	const char *replay;      /* the command that repeats all of it */
	const char *junit;       /* the path of its JUnit report from here, or NULL */
	const char *review;      /* page of the review, or NULL */
	struct jval claims;      /* root of <suite>.claims.json, or JSON_NONE */
	const char *claims_file; /* its name */
	const struct page_suite_run *runs;
	uint32_t n_runs;
};

void page_suite(struct text *t, const struct page_suite *s);

/* The section of runs of another page: [{"scenario", "about", "folder", "clock", "verdict"}]. */
void page_suite_runs(struct text *t, struct jval runs);

#endif
