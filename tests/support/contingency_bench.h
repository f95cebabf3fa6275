/* Contingencies without the engine: cells played one by one, and their lines held against each
 * other. */
#ifndef LPC_TESTS_CONTINGENCY_BENCH_H
#define LPC_TESTS_CONTINGENCY_BENCH_H

#include "harness/run/contingency.h"

struct contingency_bench {
	const struct scenario *s;
	struct campaign_state *state;
	uint64_t n;
};

/* Asserts that the mode opens; contingency_bench_close. */
void contingency_bench_open(struct contingency_bench *b, const struct scenario *s,
        const struct campaign_request *request);
void contingency_bench_close(struct contingency_bench *b);

char *contingency_bench_line(const struct contingency_bench *b, uint64_t index); /* mem_free */
/* What a line says but for who it is about; mem_free. */
char *contingency_bench_anonymous(const char *line);

/* Two campaigns of one scenario: symmetric cells once, and all of them. */
struct contingency_twins {
	struct contingency_bench reps, all;
	char **said; /* by representative, anonymous; NULL = not played yet */
};
void contingency_twins_open(struct contingency_twins *t, const struct scenario *s,
        const struct campaign_request *request);
void contingency_twins_close(struct contingency_twins *t);
/* Asserts that contingency `index` of all of them says what its representative says. */
void contingency_twins_check(struct contingency_twins *t, uint64_t index);

#endif
