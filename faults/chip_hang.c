/* A chip that stops computing and says nothing. Nobody flags it: that its frame does not end is all
 * there is to see. */
#include "faults/kinds.h"

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->unit_lost(sink->ctx, now, m->fault, m->targets[i], DETECT_TIMEOUT);
	m->holding = true;
}

const struct fault_kind fault_chip_hang = {
        .name = "chip.hang",
        .help = "a chip hangs: it computes nothing and reports nothing",
        .effect = "As chip.loss: the instance on the chip's node stops, its node is isolated and "
                  "replaced by the spare, its requests are replayed. A hang differs in how long "
                  "it goes unnoticed.",
        .detection = "by time-out only: health.timeout after the last finished frame",
        .revert_text = "the chip was reset: its node can be used again, as a spare or by the "
                       "instance that waits for it",
        .targets = FAULT_TARGET_CHIP,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "unit",
        .example = "{\"id\": \"hang\", \"kind\": \"chip.hang\", \"target\": \"r0.n2.c3\", "
                   "\"at\": \"20s\", \"for\": \"30s\"}",
        .inject = inject,
        .revert = fault_units_restored,
};
