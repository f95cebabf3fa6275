/* What a result rests on, beside it in its directory, so that it can be looked into, drawn, and
 * judged again by others: plan.json, score.json, histograms.json, faults.json, assumptions.json,
 * inputs (docs/RESULTS.md has their shapes). */
#ifndef LPC_RUN_EXHIBITS_H
#define LPC_RUN_EXHIBITS_H

#include "harness/run/scenario.h"
#include "reports/render.h"

/* Those of an earlier run, which must not stand beside a new one's result. */
enum status exhibits_forget(const char *dir, struct error *err) LPC_MUST_USE;

/* What is known before a run begins, and is there whatever becomes of it: inputs, plan.json,
 * assumptions.json. Of d the heading is read. */
enum status exhibits_begin(const struct scenario *s, const struct result_document *d,
        const char *dir, struct error *err) LPC_MUST_USE;

/* The others. d is decided. */
enum status exhibits_write(const struct scenario *s, const struct result_document *d,
        const char *dir, struct error *err) LPC_MUST_USE;

/* One of them by its file's name, as it would be written. */
void exhibits_make(const char *name, const struct scenario *s, const struct result_document *d,
        struct json_out *o);

#endif
