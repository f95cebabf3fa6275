/* Reverts that several kinds have: the verb that they began by is ended on every target. */
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
