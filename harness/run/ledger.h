/* The ledger of a run: what each fault did and when (DESIGN §6). Phases come from the scheduler
 * (inject, revert), the model (effect, detect, isolate, failover) and the scorer (recover); the
 * first occurrence counts. */
#ifndef LPC_RUN_LEDGER_H
#define LPC_RUN_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include "faults/schedule.h"
#include "faults/sink.h"
#include "harness/base/digest.h"
#include "reports/score.h"

struct ledger_entry {
	int64_t at[PHASE_COUNT];   /* ns of run time, -1 = not reached */
	uint64_t replayed;         /* requests that lost their slot to it */
	enum fault_limit withheld; /* by which limit, the first time; LIMIT_NONE = never */
	bool clean;                /* static state after the last revert = never faulted */
};

struct ledger {
	uint32_t n;
	struct ledger_entry *e;
};

void ledger_init(struct ledger *l, uint32_t n);
void ledger_free(struct ledger *l);
void ledger_phase(struct ledger *l, uint32_t fault, enum fault_phase phase, int64_t at_ns);
void ledger_withheld(struct ledger *l, const struct fault_schedule *schedule);
void ledger_clean(struct ledger *l, bool clean);

/* Into the result digest: every phase of every fault, in order. */
void ledger_fold(const struct ledger *l, struct lanes *lanes);

/* As the scorer wants it; texts are the plan's. */
void ledger_score(const struct ledger *l, const struct fault_plan *plan, struct score_fault *out);

#endif
