/* The checks of one result of a pack, deeper than its bytes. */
#ifndef LPC_RUN_VERIFY_RUN_H
#define LPC_RUN_VERIFY_RUN_H

#include <limits.h>
#include <signal.h>
#include "harness/base/json.h"
#include "harness/run/scenario.h"
#include "harness/run/verify_report.h"
#include "reports/pack_tree.h"

/* A run's folder in the pack. */
struct verify_run {
	const char *as;                /* in the pack; "" = its root */
	char dir[PATH_MAX];            /* on the disk */
	const struct pack_tree *files; /* all of the pack */
	struct verify_report *report;
	bool replay; /* wanted */
	const volatile sig_atomic_t *interrupt;
	struct json *result; /* result.json */
	bool begun;          /* the run was killed: little is known, and nothing was judged */
	uint64_t defects;    /* of the report, before this run */
};

/* Tells what is wrong, and answers what can be told of the run. ERR_ENVIRONMENT if it cannot be
 * looked into. */
enum status verify_run(struct verify_run *r, struct error *err) LPC_MUST_USE;

/* --- for the parts: verify_plan.c, verify_replay.c --- */

/* The scenario of the run, by its bundle, whose plan is that of the result; NULL, and told, if it
 * is not, or if files that say the same do not. */
enum status verify_plan(
        struct verify_run *r, struct scenario **out, struct error *err) LPC_MUST_USE;

/* The run played again. */
enum status verify_replay(struct verify_run *r, struct scenario *s, struct error *err) LPC_MUST_USE;

/* A file of the run, by its name in its folder; NULL if there is none. */
const struct pack_entry *verify_run_file(const struct verify_run *r, const char *name);
/* The document that it holds (json_free), or NULL, and told. */
struct json *verify_run_json(struct verify_run *r, const char *name, enum defect d);

/* A defect of one of the run's files. */
void verify_run_found(struct verify_run *r, enum defect d, const char *name, const char *fmt, ...)
        LPC_PRINTF(4, 5);
/* The same of what a reader said of it. */
void verify_run_error(
        struct verify_run *r, enum defect d, const char *name, const struct error *why);

#endif
