/* What a scenario rests on that carries a truth label: the numbers of the hardware, the keys of the
 * deployment, the parameters of the faults, stated or by default. Each has its path, as in `--set`.
 * What a deployment or scenario states itself is an assumption of whoever wrote it. */
#ifndef LPC_RUN_ASSUMPTIONS_H
#define LPC_RUN_ASSUMPTIONS_H

#include "harness/run/scenario.h"
#include "reports/store.h"

enum labelled_kind {
	LABELLED_FAULT,
	LABELLED_DEPLOYMENT, /* keys of its objects, pools apart */
	LABELLED_HARDWARE,
	LABELLED_POOL,     /* keys of a pool, and its timetable where that is stated outright */
	LABELLED_SCENARIO, /* recovery */
};

/* Borrowed, for as long as the visit. */
struct labelled {
	enum labelled_kind kind;
	const char *path;
	const struct field *field;         /* NULL: a number of the hardware */
	const struct parameter *parameter; /* that one; else NULL */
	struct jval value;                 /* of the field: as stated, or the table's default */
	bool stated;                       /* by the scenario or its deployment */
	const char *unit, *label, *source; /* unit, source: NULL = none */
};

void assumptions_visit(
        const struct scenario *s, void (*visit)(void *ctx, const struct labelled *x), void *ctx);

/* All of them as rows in the arena; durations in ns, shares as numbers. */
void assumptions_list(const struct scenario *s, struct arena *arena,
        const struct store_parameter **out, uint32_t *n);

/* "assumptions", as a member of the open object (docs/RESULTS.md). */
void assumptions_json(const struct scenario *s, struct json_out *o);

#endif
