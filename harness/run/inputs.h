/* The files that a scenario was read from, kept beside its result as they were read, byte for byte:
 * DIR/inputs/…, each under its path relative to the deepest folder that holds them all, so that
 * paths in them lead from one to the other there as they did where they come from; and what they
 * are, in DIR/inputs.json (docs/RESULTS.md). */
#ifndef LPC_RUN_INPUTS_H
#define LPC_RUN_INPUTS_H

#include "harness/run/scenario.h"

#define INPUTS_FOLDER "inputs"
#define INPUTS_FILE   "inputs.json"

/* A larger trace is listed, and not kept. */
#define INPUTS_TRACE_MAX (INT64_C(256) << 20)

/* Both are gone afterwards. */
enum status inputs_forget(const char *dir, struct error *err) LPC_MUST_USE;

enum status inputs_write(const struct scenario *s, const char *dir, struct error *err) LPC_MUST_USE;

#endif
