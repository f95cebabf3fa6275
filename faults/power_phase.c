/* The load of a PDU is not spread evenly over its three phases: the fullest one is at its limit
 * while the sum looks harmless. */
#include "faults/kinds.h"

struct power_phase {
	double share;
	int detect; /* enum detection */
};

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct power_phase, share),
                .fallback = "\"60%\"",
                .unit = "share",
                .help = "of the PDU's load, on its fullest phase; a third is even, and less is no "
                        "more than even",
                .label = "assumption",
                .source = "single-phase supplies plugged in one after the other; no published "
                          "figure; range 33 % to 100 %"},
        {.name = "detect",
                .type = FIELD_ENUM,
                .offset = offsetof(struct power_phase, detect),
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
	const struct power_phase *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->pdu_skew(sink->ctx, now, m->fault, m->targets[i], fault_ppm(p->share),
		        (enum detection)p->detect);
	m->holding = true;
}

const struct fault_kind fault_power_phase = {
        .name = "power.phase",
        .help = "one phase of a PDU carries more than its third",
        .effect = "The share of the load on the fullest phase is compared with a third of rating x "
                  "derating. Above it for power.trip_after, the three-pole breaker opens as a "
                  "whole: the load moves to the other feed, which may trip in its turn, and a node "
                  "without a live feed is lost with its SRAM.",
        .detection = "the imbalance is not detected; a dark node is, by detect",
        .revert_text = "the phases are even; breakers that tripped because of it are closed, and "
                       "dark nodes are powered up one after the other",
        .targets = FAULT_TARGET_PDU,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "power.phase",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct power_phase),
        .example = "{\"id\": \"phase\", \"kind\": \"power.phase\", \"target\": \"r0.pdu0\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": \"60%\", \"detect\": "
                   "\"flagged\"}",
        .inject = inject,
        .revert = fault_power_end,
};
