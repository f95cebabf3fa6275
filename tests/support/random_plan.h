/* Scenarios by chance, from what the program says about itself: fault kinds, their targets and
 * parameters from the catalogue's records, the deployment's numbers from its field tables. A new
 * kind or a new key is drawn as soon as it is in its table.
 *
 * Values are mostly near their defaults, sometimes at an end of their range. What the parser
 * refuses (an overlap of exclusive faults, a parameter that another one forbids) is dropped from
 * the plan and counted. */
#ifndef LPC_TESTS_RANDOM_PLAN_H
#define LPC_TESTS_RANDOM_PLAN_H

#include "harness/run/scenario.h"

struct random_plan {
	char *text;         /* the scenario, JSON; of random_plan_free */
	unsigned drawn;     /* faults */
	unsigned refused;   /* … of them, not in the plan */
	char refusal[1024]; /* the last one's error and fault */
};

enum {
	RANDOM_MODEL_ONLY =
	        1, /* no fault of the load side, nothing that a client or a signal does */
};

/* A function of the case alone. `kinds`: only those whose name begins so; NULL = all. */
void random_plan_draw(struct random_plan *p, unsigned which, unsigned flags, const char *kinds);
void random_plan_free(struct random_plan *p);

/* A scenario for test case `which`; asserts. PROPERTY_KINDS: only kinds whose name begins so.
 * PROPERTY_FILE: that scenario instead. PROPERTY_PRINT: says what is played. */
struct scenario *random_plan_scenario(unsigned which, unsigned flags);

/* Cases [first, end): rounds(runs) of them, or PROPERTY_RUNS, from PROPERTY_FIRST on;
 * PROPERTY_CASE: that one. */
void random_plan_range(int runs, int *first, int *end);

/* The scenario of a text, or NULL and the error's line. */
struct scenario *random_plan_build(const char *text, char *line, size_t n);

#endif
