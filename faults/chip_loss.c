/* A chip that is gone with everything in its SRAM. The unit that is replaced is its node; repair is
 * the revert. */
#include "faults/kinds.h"

struct chip_loss {
	int detect; /* enum detection */
};

const char *const fault_detections[] = {"flagged", "timeout", "polled", NULL};

static const struct field FIELDS[] = {
        {.name = "detect",
                .type = FIELD_ENUM,
                .offset = offsetof(struct chip_loss, detect),
                .choices = fault_detections,
                .fallback = "\"flagged\"",
                .help = "how it is found: by an error at the end of the frame, by a frame that "
                        "does not end, or by the health poll",
                .label = "assumption",
                .source = "multi-bit errors interrupt the host (ISCA 2020); for a dead chip "
                          "nothing is published"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct chip_loss *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->unit_lost(sink->ctx, now, m->fault, m->targets[i], (enum detection)p->detect);
	m->holding = true;
}

const struct fault_kind fault_chip_loss = {
        .name = "chip.loss",
        .help = "a chip dies and its SRAM with it",
        .effect = "The instance on the chip's node stops. Its node is isolated, its weights are "
                  "loaded onto the spare, the instance is resynchronised and goes on; its requests "
                  "go back to the queue with the tokens they have, or fail with on_loss fail. "
                  "Without a spare the instance stays down.",
        .detection = "by detect: flagged (end of the current frame), timeout (after the last "
                     "finished frame), polled (at a multiple of the poll period)",
        .revert_text = "the chip is replaced: its node can be used again, as a spare or by the "
                       "instance that waits for it",
        .targets = FAULT_TARGET_CHIP,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "unit",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct chip_loss),
        .example = "{\"id\": \"loss\", \"kind\": \"chip.loss\", \"target\": \"r0.n2.c3\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"detect\": \"flagged\"}",
        .inject = inject,
        .revert = fault_units_restored,
};
