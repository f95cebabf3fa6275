/* Shrinking: a scenario that misses an expectation, made as small and as simple as it can be while
 * it still misses that same one. docs/SHRINK.md says how to read the answer.
 *
 * Phase 1 takes away: expectations and abort rules that do not matter, faults, traffic entries and
 * targets, each list by delta debugging (ddmin.h). What refers to a fault goes with it: faults that
 * wait for it, expectations that name it; those that the kept expectation needs are never taken. A
 * fault that others wait for can also go alone, when they then begin at the instants at which they
 * did; of a fault that comes again and again one time may do. Phase 2 makes numbers simpler, one
 * after the other, by bisection over numbers of two significant digits: durations shorter, instants
 * nearer to the end of warmup, parameters nearer to their defaults, rates lower. Both are repeated
 * until neither finds anything, so that the result is 1-minimal in its faults as it stands.
 *
 * A step counts only if the same expectation fails by the rules of `run` (evaluate.h) and in the
 * same manner (late, never, refused), and the run is valid, neither aborted nor, unless the first
 * one was, corrupt. What the parser refuses is no step.
 *
 * Deterministic: virtual runs, one after the other, and counts instead of times as bounds. */
#ifndef LPC_RUN_SHRINK_H
#define LPC_RUN_SHRINK_H

#include <signal.h>
#include "harness/run/scenario.h"

enum { SHRINK_RUNS_DEFAULT = 5000, SHRINK_RUNS_MAX = 100000, SHRINK_ID_BYTES = 65 };

struct shrink_request {
	const char *expect; /* id of an SLO or expectation; NULL: the first missed one */
	uint64_t max_runs;  /* virtual runs, the replicas of one not counted */
	/* A line about what was found so far, without its end: whenever something was, and when a
	 * stage ends; NULL: not wanted. */
	void (*say)(void *ctx, const char *line, bool stage_ends);
	void *ctx;
};

enum shrink_end {
	SHRINK_DONE,      /* there is a smaller scenario, or this one is the smallest */
	SHRINK_HELD,      /* what is asked about is not missed */
	SHRINK_UNDECIDED, /* it can be told neither way, or the run is invalid */
	SHRINK_ABORTED,   /* an abort rule ended the run */
};

enum shrink_cut { SHRINK_WHOLE, SHRINK_CUT_RUNS, SHRINK_CUT_INTERRUPT };

struct shrink_result {
	enum shrink_end end;
	int exit_code;       /* DESIGN §8, of the first run: 1 with SHRINK_DONE */
	enum shrink_cut cut; /* SHRINK_DONE: why the search ended before it was through */
	bool is_slo;
	char missed[SHRINK_ID_BYTES]; /* the kept SLO's or expectation's id */
	double observed, limit;       /* of the smallest; ms, counts, fractions; NaN = none */
	uint8_t result_digest[DIGEST_BYTES]; /* of the smallest */
	uint64_t runs, refused;              /* refused: by the parser, without a run */
	/* As it was, in one file, and the smallest found, likewise: names and seed are the
	 * original's, each rule has its id. Owned. */
	struct scenario *original, *smallest;
};

/* ERR_USAGE where request and scenario do not go together: there is no rule of that id, or no
 * deployment. */
enum status shrink_check(const struct scenario *s, const struct shrink_request *request,
        struct error *err) LPC_MUST_USE;

/* After shrink_check. An error is what keeps a run from being made. shrink_free in any case. */
enum status shrink(const struct scenario *s, const struct shrink_request *request,
        const volatile sig_atomic_t *interrupt, struct shrink_result *out,
        struct error *err) LPC_MUST_USE;
void shrink_free(struct shrink_result *r);

/* The smallest scenario as a file of its own: seed, deployment and hardware written in. `name`:
 * what it is called. */
void shrink_write(const struct shrink_result *r, const char *name, struct json_out *o);

/* What is another in the smallest than in the original: ids and names that are gone, by list, and
 * values, by path. Members of the open object. */
void shrink_differences(const struct shrink_result *r, struct json_out *o);

/* --- the command -------------------------------------------------------------------------- */

struct shrink_options {
	const char *const *files; /* exactly one */
	uint32_t n_files;
	struct scenario_options scenario;
	const char *pick;   /* --scenario: of a suite; NULL */
	const char *expect; /* --expect; NULL */
	const char *out;    /* file or folder; NULL: <name>-shrunk.json in the current folder */
	int64_t max_runs;
	bool json;
};

/* Reports like those of execute.h; returns the exit code. */
int execute_shrink(const struct shrink_options *options);

#endif
