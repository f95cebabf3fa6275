/* OUT/<suite>.html: the index of a suite's runs (reports/page_suite.h), from the results that they
 * left. The page of the suite tier03 is its review (tier03.h), which has the runs in it. */
#ifndef LPC_RUN_SUITE_PAGE_H
#define LPC_RUN_SUITE_PAGE_H

#include "harness/run/claims.h"
#include "harness/run/execute.h"

enum { SUITE_PAGE_NAME = 128 };

struct suite_page_run {
	const struct scenario *s;
	int clock; /* enum run_clock */
	bool judged;
};

/* name: of the file; "" where the review is the index. */
enum status suite_page_write(const struct suite *suite, const struct suite_page_run *runs,
        uint32_t n, const struct run_options *options, char name[static SUITE_PAGE_NAME],
        struct error *err) LPC_MUST_USE;

#endif
