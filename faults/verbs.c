/* What several kinds do alike: one verb, begun with their parameters, or ended on every target. */
#include "faults/kinds.h"

void fault_link_errors_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_errors(sink->ctx, now, m->fault, m->targets[i], NULL);
	m->holding = false;
}

void fault_units_restored(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->unit_restored(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

void fault_heat_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->heat(sink->ctx, now, m->fault, m->targets[i], NULL);
	m->holding = false;
}

void fault_ether_delay_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->ether_delay(sink->ctx, now, m->fault, m->targets[i], NULL);
	m->holding = false;
}

void fault_power_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->power_end(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

void fault_habit_begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->habit(sink->ctx, now, m->fault, m->params);
	m->holding = true;
}

void fault_habit_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->habit(sink->ctx, now, m->fault, NULL);
	m->holding = false;
}

void fault_reshape_begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->reshape(sink->ctx, now, m->fault, m->params);
	m->holding = true;
}

void fault_reshape_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->reshape(sink->ctx, now, m->fault, NULL);
	m->holding = false;
}

void fault_surge_begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->surge(sink->ctx, now, m->fault, m->params);
	m->holding = true;
}

void fault_surge_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->surge(sink->ctx, now, m->fault, NULL);
	m->holding = false;
}
