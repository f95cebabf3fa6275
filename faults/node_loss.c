/* A whole node is gone: its host, its feed, all its chips. The node is the unit that is replaced
 * anyway, so what differs from a lost chip is the target. */
#include "faults/kinds.h"

struct node_loss {
	int detect; /* enum detection */
};

static const struct field FIELDS[] = {
        {.name = "detect",
                .type = FIELD_ENUM,
                .offset = offsetof(struct node_loss, detect),
                .choices = fault_detections,
                .fallback = "\"flagged\"",
                .help = "how it is found: by an error at the end of the frame, by a frame that "
                        "does not end, or by the health poll",
                .label = "assumption",
                .source = "the links of its neighbours lose their partner within the frame; for a "
                          "dead node nothing is published"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct node_loss *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->unit_lost(sink->ctx, now, m->fault, m->targets[i], (enum detection)p->detect);
	m->holding = true;
}

const struct fault_kind fault_node_loss = {
        .name = "node.loss",
        .help = "a node goes away with all its chips",
        .effect = "Every instance that uses the node stops. The node is isolated, its weights are "
                  "loaded onto the spare of the rack, the instance is resynchronised and goes on; "
                  "its requests go back to the queue with the tokens they have, or fail with "
                  "on_loss fail. Without a spare the instance stays down.",
        .detection = "by detect: flagged (end of the current frame), timeout (after the last "
                     "finished frame), polled (at a multiple of the poll period)",
        .revert_text = "the node is repaired: it can be used again, as a spare or by the instance "
                       "that waits for it",
        .targets = FAULT_TARGET_NODE,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "unit",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct node_loss),
        .example = "{\"id\": \"node\", \"kind\": \"node.loss\", \"target\": \"r0.n2\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"detect\": \"flagged\"}",
        .inject = inject,
        .revert = fault_units_restored,
};
