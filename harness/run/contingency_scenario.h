/* A scenario as its contingencies play it: the base's own deployment, traffic, times and rules, and
 * the losses in place of its faults. It is derived without a document, so that a cell costs a copy
 * of a struct.
 *
 * What is left out of the base: its faults, its limits on faults (they would withhold the losses)
 * and its abort rules (they protect a target; here there is none). What is bent: ttd, ttf and ttr
 * ask every loss, whichever fault they name. */
#ifndef LPC_RUN_CONTINGENCY_SCENARIO_H
#define LPC_RUN_CONTINGENCY_SCENARIO_H

#include "harness/run/contingency_cells.h"

enum { CONTINGENCY_LOSSES_MAX = 2 };

/* What the cells of a campaign share; immutable once made. */
struct contingency_shape {
	const struct scenario *base;
	const struct contingency_cells *cells;
	int64_t at_ns[CONTINGENCY_LOSSES_MAX];
	uint32_t n_losses;
	const char *ids[CONTINGENCY_LOSSES_MAX]; /* "first", "second": draws are keyed by them */
	const struct fault_kind *kinds[UNIT_CLASSES];
	void *params[UNIT_CLASSES]; /* the kinds' defaults */
	struct score_rules rules;
	struct score_names names;
	struct arena arena;
};

const struct fault_kind *contingency_kind(enum unit_class class); /* chip.loss … */

/* Cells and base are borrowed. n_losses 0: the twin, nothing is lost. */
void contingency_shape_init(struct contingency_shape *shape, const struct scenario *base,
        const struct contingency_cells *cells, uint32_t n_losses,
        const int64_t at_ns[static CONTINGENCY_LOSSES_MAX]);
void contingency_shape_free(struct contingency_shape *shape);

/* Not to be moved. Shares everything with the base but what is here; nothing to be freed. */
struct contingency_scenario {
	struct scenario s;
	struct fault_spec losses[CONTINGENCY_LOSSES_MAX];
	uint32_t targets[CONTINGENCY_LOSSES_MAX];
};

/* cell: ignored where nothing is lost. */
void contingency_derive(const struct contingency_shape *shape, const struct contingency_cell *cell,
        struct contingency_scenario *out);

#endif
