/* The checks of one result of a pack, deeper than its bytes. */
#ifndef LPC_RUN_VERIFY_RUN_H
#define LPC_RUN_VERIFY_RUN_H

#include <limits.h>
#include <signal.h>
#include "harness/base/json.h"
#include "harness/run/verify_report.h"

/* A run's folder in the pack. */
struct verify_run {
	const char *as;     /* in the pack; "" = its root */
	char dir[PATH_MAX]; /* on the disk */
	struct verify_report *report;
	struct json *result; /* result.json */
	bool replay;         /* wanted */
	const volatile sig_atomic_t *interrupt;
};

/* Tells what is wrong, and answers what can be told of the run. ERR_ENVIRONMENT if it cannot be
 * looked into. */
enum status verify_run(struct verify_run *r, struct error *err) LPC_MUST_USE;

/* A defect of one of the run's files. */
void verify_run_found(struct verify_run *r, enum defect d, const char *name, const char *fmt, ...)
        LPC_PRINTF(4, 5);
/* The same of what a reader said of it. */
void verify_run_error(
        struct verify_run *r, enum defect d, const char *name, const struct error *why);

#endif
