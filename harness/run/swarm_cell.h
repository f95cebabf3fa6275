/* One cell of a swarm, played and judged.
 *
 *  safety    no token is corrupt, unless the plan has a kind that corrupts what nothing guards;
 *            every request has one outcome; after the last revert the static state is clean
 *  liveness  {"kind": "recovered"} with the horizon: from then on every SLO is kept again and
 *            nobody is lost. Where it fails, the same cell without faults is asked; if that one
 *            does not keep it either, the cell is inconclusive.
 *
 * SLOs before the proof are told, not judged: a random plan may break them rightfully. */
#ifndef LPC_RUN_SWARM_CELL_H
#define LPC_RUN_SWARM_CELL_H

#include "harness/run/evaluate.h"
#include "harness/run/swarm_plan.h"

struct swarm_slo {
	uint64_t n, over; /* planned in the fault phase, served or lost; of them, over the limit */
};

struct swarm_cell {
	struct swarm_plan plan;
	struct evaluation run;
	struct swarm_slo *slo; /* by rule of plan.scenario */
	bool interrupted;
	enum verdict verdict;
	const char *missed, *why; /* an expectation and its reason; NULL = all were met */
	/* From the last revert to the end of the last bad bin, as ttr: a bin is the shortest
	 * multiple of 100 ms that expects 20 requests. -1: it is not known, or there is none. */
	int64_t recovery_ns;
};

/* swarm_cell_free in any case. */
enum status swarm_cell_play(const struct scenario *base, const struct swarm_timeline *timeline,
        uint64_t index, const volatile sig_atomic_t *interrupt, struct swarm_cell *out,
        struct error *err) LPC_MUST_USE;
void swarm_cell_free(struct swarm_cell *c);

/* Requests planned from from_ns on, as `recovered` judges them, without any fault. */
enum status swarm_judge_twin(const struct scenario *twin, int64_t from_ns,
        const volatile sig_atomic_t *interrupt, enum verdict *verdict, const char **why,
        struct error *err) LPC_MUST_USE;

/* Members of the cell's line. */
void swarm_cell_line(const struct swarm_cell *c, struct json_out *line);

/* The cell as a scenario, DIR/failures/swarm-<index>.json; written beside and renamed. */
enum status swarm_cell_write(const struct scenario *base, uint64_t index,
        const struct swarm_plan *plan, const char *dir, struct error *err) LPC_MUST_USE;

#endif
