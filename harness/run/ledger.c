#include "harness/run/ledger.h"

#include "harness/base/arena.h"

void ledger_init(struct ledger *l, uint32_t n)
{
	l->n = n;
	l->e = mem_alloc(n ? n : 1, sizeof(*l->e));
	for (uint32_t i = 0; i < n; i++)
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			l->e[i].at[p] = -1;
}

void ledger_free(struct ledger *l)
{
	mem_free(l->e);
	*l = (struct ledger){0};
}

void ledger_phase(struct ledger *l, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	int64_t *at;

	CHECK(fault < l->n);
	at = &l->e[fault].at[phase];
	/* The first occurrence counts, but for the revert: an `every` fault is over after its last.
	 */
	if (*at < 0 || phase == PHASE_REVERT)
		*at = at_ns;
}

void ledger_withheld(struct ledger *l, const struct fault_schedule *schedule)
{
	for (uint32_t i = 0; i < l->n; i++)
		l->e[i].withheld = schedule->timers[i].withheld;
}

void ledger_clean(struct ledger *l, bool clean)
{
	for (uint32_t i = 0; i < l->n; i++)
		l->e[i].clean = clean;
}

void ledger_fold(const struct ledger *l, struct lanes *lanes)
{
	for (uint32_t i = 0; i < l->n; i++)
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			if (p != PHASE_RECOVER) /* the scorer's, not the model's */
				lanes_add(lanes, (uint64_t)l->e[i].at[p]);
}

void ledger_score(const struct ledger *l, const struct fault_plan *plan, struct score_fault *out)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const int64_t *at = l->e[i].at;

		out[i] = (struct score_fault){
		        .id = plan->faults[i].id,
		        .kind = plan->faults[i].kind->name,
		        .target = plan->faults[i].target,
		        .detail = plan->faults[i].detail,
		        .inject_ns = at[PHASE_INJECT],
		        .effect_ns = at[PHASE_EFFECT],
		        .detect_ns = at[PHASE_DETECT],
		        .isolate_ns = at[PHASE_ISOLATE],
		        .failover_ns = at[PHASE_FAILOVER],
		        .recover_ns = -1,
		        .revert_ns = at[PHASE_REVERT],
		        .clean = l->e[i].clean,
		        .withheld = fault_limit_name(l->e[i].withheld),
		        /* Detection is owed once the rack was hit, a failover once a node was given
		           up. */
		        .detect_started =
		                at[PHASE_EFFECT] >= 0 && plan->faults[i].kind->side == FAULT_MODEL,
		        .failover_started = at[PHASE_ISOLATE] >= 0,
		        .replayed_requests = l->e[i].replayed,
		        .coalesce_ns = -1,
		};
	}
}
