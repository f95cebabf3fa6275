/* Active faults at work. Machines that hold something are stepped first: whatever a step does to
 * them ends what they hold, and ends come before beginnings at one instant, over all faults. */
#include "faults/schedule.h"

void fault_machines_init(struct fault_machines *ms, const struct fault_plan *plan,
        enum fault_side side, struct arena *arena)
{
	ms->n = plan->n;
	ms->side = side;
	ms->m = ARENA_ARRAY(arena, struct fault_machine, plan->n);
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct fault_spec *spec = &plan->faults[i];

		ms->m[i] = (struct fault_machine){.kind = spec->kind,
		        .params = spec->params,
		        .fault = i,
		        .n_targets = spec->n_targets,
		        .targets = spec->targets,
		        .next_at = NS_NEVER};
	}
}

void fault_machines_inject(
        struct fault_machines *ms, int64_t now, uint32_t fault, const struct fault_sink *sink)
{
	struct fault_machine *m = &ms->m[fault];

	CHECK(fault < ms->n && !m->active);
	if (m->kind->side != ms->side)
		return;
	m->active = true;
	m->kind->inject(m, now, sink);
}

void fault_machines_revert(
        struct fault_machines *ms, int64_t now, uint32_t fault, const struct fault_sink *sink)
{
	struct fault_machine *m = &ms->m[fault];

	CHECK(fault < ms->n);
	if (!m->active)
		return;
	m->kind->revert(m, now, sink);
	CHECK(!m->holding);
	m->active = false;
	m->next_at = NS_NEVER;
	if (sink->reverted)
		sink->reverted(sink->ctx, now, fault);
}

int64_t fault_machines_next_at(const struct fault_machines *ms)
{
	int64_t next = NS_NEVER;

	for (uint32_t i = 0; i < ms->n; i++)
		next = ms->m[i].next_at < next ? ms->m[i].next_at : next;
	return next;
}

static void step_all(
        struct fault_machines *ms, int64_t now, bool holding, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < ms->n; i++) {
		struct fault_machine *m = &ms->m[i];

		if (m->next_at <= now && m->holding == holding)
			m->kind->step(m, now, sink);
	}
}

void fault_machines_step(struct fault_machines *ms, int64_t now, const struct fault_sink *sink)
{
	step_all(ms, now, true, sink);
	step_all(ms, now, false, sink);
}

void fault_machines_revert_all(
        struct fault_machines *ms, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < ms->n; i++)
		fault_machines_revert(ms, now, i, sink);
}
