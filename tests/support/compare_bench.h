/* Runs on the virtual clock as sides of a comparison, without files: for calibration. */
#ifndef LPC_TESTS_COMPARE_BENCH_H
#define LPC_TESTS_COMPARE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/compare.h"

/* 20,000 requests of one tier on k slots, at a load: "rho" is of BASE. */
struct bench_load {
	const char *name;
	int frame_ns;        /* of BASE */
	const char *traffic; /* "arrival", "prompt_tokens", "output_tokens" of the entry */
	int slots, seconds;
};

extern const struct bench_load bench_loads[];
extern const uint32_t bench_n_loads;

/* The run of one seed with that frame; bench_free. */
struct bench_run {
	struct compare_run run;
	struct compare_tier tier;
	struct arena arena;
	char traffic[32], result[64];
};
void bench_run(const struct bench_load *load, int frame_ns, uint64_t seed, struct bench_run *out);
void bench_free(struct bench_run *r);

double bench_p99_ms(const struct bench_run *r); /* of TTFT */

/* The frame with which TTFT p99 is larger by `share`, on average over seeds 1 … n; *planted is what
 * it really is. */
int bench_plant(const struct bench_load *load, double share, uint32_t n, double *planted);

struct bench_answer {
	bool flagged;     /* exit code 1 */
	bool ttft;        /* TTFT p99 is called worse */
	double seen_from; /* of TTFT p99, as a share of BASE */
};
struct bench_answer bench_compare(const struct bench_run *base, const struct bench_run *new);

#endif
