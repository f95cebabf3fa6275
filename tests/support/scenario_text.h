/* Scenarios for tests, from text: files that they name are found relative to the source tree. */
#ifndef LPC_TESTS_SCENARIO_TEXT_H
#define LPC_TESTS_SCENARIO_TEXT_H

#include "harness/run/drive_virtual.h"
#include "harness/run/scenario.h"

/* Asserts that it is a good one; scenario_free() it. Edits are "path=value", n of them. */
struct scenario *scenario_text(const char *text);
struct scenario *scenario_text_edited(const char *text, const char *const *edits, uint32_t n);

/* Every request of one virtual run: the planned ones by id − 1, what faults added beside, by order.
 */
struct virtual_samples {
	struct sample *e;
	uint64_t n, capacity; /* n: both together */
	struct sample *extra; /* in order of t_sched */
	uint64_t n_extra, extra_capacity;
	struct virtual_result result;
};

/* Runs it (asserting that it can) with the scenario's seed, without fault `without`. With a scorer,
 * as `run` does, if `scored`. */
void virtual_samples_run(
        struct virtual_samples *v, const struct scenario *s, uint32_t without, bool scored);
void virtual_samples_free(struct virtual_samples *v);

#endif
