/* Active faults at work. Machines that hold something are stepped first: whatever a step does to
 * them ends what they hold, and ends come before beginnings at one instant, over all faults. */
#include "faults/schedule.h"

void fault_machines_init(struct fault_machines *ms, const struct fault_plan *plan,
        enum fault_side side, struct arena *arena)
{
	ms->n = plan->n;
	ms->plan = plan;
	ms->side = side;
	ms->n_machines = 0;
	ms->first = ARENA_ARRAY(arena, uint32_t, plan->n + 1);
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct fault_spec *spec = &plan->faults[i];

		ms->first[i] = ms->n_machines;
		ms->n_machines += spec->stagger_ns ? spec->n_targets : 1;
	}
	ms->first[plan->n] = ms->n_machines;
	ms->m = ARENA_ARRAY(arena, struct fault_machine, ms->n_machines);
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct fault_spec *spec = &plan->faults[i];

		for (uint32_t k = ms->first[i]; k < ms->first[i + 1]; k++)
			ms->m[k] = (struct fault_machine){.kind = spec->kind,
			        .params = spec->params,
			        .fault = i,
			        .n_targets = spec->stagger_ns ? 1 : spec->n_targets,
			        .targets = spec->targets + (k - ms->first[i]),
			        .next_at = NS_NEVER,
			        .begin_at = NS_NEVER};
	}
}

static void begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	m->begin_at = NS_NEVER;
	m->active = true;
	m->began = now;
	m->kind->inject(m, now, sink);
}

void fault_machines_inject(
        struct fault_machines *ms, int64_t now, uint32_t fault, const struct fault_sink *sink)
{
	struct fault_machine *first;

	CHECK(fault < ms->n);
	first = &ms->m[ms->first[fault]];
	CHECK(!first->active);
	if (first->kind->side != ms->side && first->kind->side != FAULT_BOTH)
		return;
	begin(first, now, sink);
	for (uint32_t k = ms->first[fault] + 1; k < ms->first[fault + 1]; k++)
		ms->m[k].begin_at =
		        now + (int64_t)(k - ms->first[fault]) * ms->plan->faults[fault].stagger_ns;
}

void fault_machines_revert(
        struct fault_machines *ms, int64_t now, uint32_t fault, const struct fault_sink *sink)
{
	CHECK(fault < ms->n);
	if (!ms->m[ms->first[fault]].active)
		return;
	for (uint32_t k = ms->first[fault]; k < ms->first[fault + 1]; k++) {
		struct fault_machine *m = &ms->m[k];

		m->begin_at = NS_NEVER;
		if (!m->active)
			continue;
		m->kind->revert(m, now, sink);
		CHECK(!m->holding);
		m->active = false;
		m->next_at = NS_NEVER;
	}
	if (sink->reverted)
		sink->reverted(sink->ctx, now, fault);
}

int64_t fault_machines_next_at(const struct fault_machines *ms)
{
	int64_t next = NS_NEVER;

	for (uint32_t i = 0; i < ms->n_machines; i++) {
		next = ms->m[i].next_at < next ? ms->m[i].next_at : next;
		next = ms->m[i].begin_at < next ? ms->m[i].begin_at : next;
	}
	return next;
}

static void step_all(
        struct fault_machines *ms, int64_t now, bool holding, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < ms->n_machines; i++) {
		struct fault_machine *m = &ms->m[i];

		if (m->next_at <= now && m->holding == holding)
			m->kind->step(m, now, sink);
		if (m->begin_at <= now && !holding)
			begin(m, now, sink);
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
