/* A fault kind at work on the rack of a bench: its own machine with parameters from JSON text, so
 * that a model test says what a scenario would say. Events for bench_play take a struct fault_bench
 * as their ctx. */
#ifndef LPC_TESTS_FAULT_BENCH_H
#define LPC_TESTS_FAULT_BENCH_H

#include "faults/schedule.h"
#include "tests/support/rack_bench.h"

enum { FAULT_BENCH_TARGETS = 4, FAULT_BENCH_PARAMS = 1024 };

struct fault_bench {
	struct fault_machine m;
	uint32_t targets[FAULT_BENCH_TARGETS];
	_Alignas(16) char params[FAULT_BENCH_PARAMS];
	struct json *doc;
};

/* `params`: a JSON object of the kind's parameters. `targets`: names joined by commas, in component
 * order. Asserts that all is good. fault_bench_free when done. */
void fault_bench_init(struct fault_bench *f, struct bench *b, const char *kind, uint32_t fault,
        const char *targets, const char *params);
void fault_bench_free(struct fault_bench *f);

/* For struct bench_event. The revert also says so to the sink, as the scheduler's machines do. */
void fault_bench_inject(const struct fault_sink *sink, int64_t now, void *ctx);
void fault_bench_step(const struct fault_sink *sink, int64_t now, void *ctx);
void fault_bench_revert(const struct fault_sink *sink, int64_t now, void *ctx);

#endif
