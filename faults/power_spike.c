/* Nodes that draw more for a while: every chip busy at once, as in a burst of prefill. Two feeds
 * carry that easily, if the spike is short; what counts is the sum on a PDU, and for how long. */
#include "faults/kinds.h"

struct power_spike {
	int64_t watts;
	int detect; /* enum detection */
};

static const struct field FIELDS[] = {
        {.name = "power",
                .type = FIELD_INT,
                .offset = offsetof(struct power_spike, watts),
                .fallback = "2400",
                .min = 1,
                .max = 100000,
                .unit = "W",
                .help = "what each node draws besides its node_power",
                .label = "inference",
                .source = "8 chips x 300 W (GroqChip brief: maximum) on top of the rated draw: an "
                          "upper bound; 8 x (300 - 185) = 920 W is the step from average"},
        {.name = "detect",
                .type = FIELD_ENUM,
                .offset = offsetof(struct power_spike, detect),
                .choices = fault_detections,
                .fallback = "\"flagged\"",
                .help = "how a node without power is found: by an error at the end of the frame, "
                        "by a frame that does not end, or by the health poll",
                .label = "assumption",
                .source = "the links of its neighbours lose their partner within the frame; no "
                          "published figure"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct power_spike *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->power_load(sink->ctx, now, m->fault, m->targets[i], p->watts * 1000,
		        (enum detection)p->detect);
	m->holding = true;
}

const struct fault_kind fault_power_spike = {
        .name = "power.spike",
        .help = "nodes draw more than they are rated for",
        .effect = "Every node on the PDU, in the rack, or the node itself draws so much more, half "
                  "of it from each live feed. A PDU above rating x derating for power.trip_after "
                  "trips; a node without a live feed is lost with its SRAM. A shorter spike, or a "
                  "lower one, is not felt.",
        .detection = "the load itself is not detected; a dark node is, by detect",
        .revert_text = "the nodes draw what they did; breakers that tripped because of it are "
                       "closed, and dark nodes are powered up one after the other",
        .targets = FAULT_TARGET_PDU | FAULT_TARGET_RACK | FAULT_TARGET_NODE,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "power.load",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct power_spike),
        .example = "{\"id\": \"spike\", \"kind\": \"power.spike\", \"target\": \"r0\", \"at\": "
                   "\"20s\", \"for\": \"15s\", \"power\": 2400, \"detect\": \"flagged\"}",
        .inject = inject,
        .revert = fault_power_end,
};
