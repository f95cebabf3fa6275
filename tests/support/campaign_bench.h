/* A mode of campaigns without the engine: its cells one after the other on this thread, folded and
 * finished. */
#ifndef LPC_TESTS_CAMPAIGN_BENCH_H
#define LPC_TESTS_CAMPAIGN_BENCH_H

#include "harness/run/campaign.h"

struct campaign_bench {
	uint64_t n;
	char **lines;        /* by cell, as the engine would keep them */
	struct json *result; /* what finish wrote, an object */
	char *text;          /* and for people */
	enum verdict verdict;
};

/* Asserts that every step succeeds. */
void campaign_bench_play(struct campaign_bench *b, const struct campaign_mode *mode,
        const struct scenario *s, const struct campaign_request *request);
void campaign_bench_free(struct campaign_bench *b);

#endif
