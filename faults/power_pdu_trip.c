/* A breaker opens. What follows is the rack's to find out: the other feed carries everything, or
 * trips in its turn. */
#include "faults/kinds.h"

struct power_pdu_trip {
	int detect; /* enum detection */
};

static const struct field FIELDS[] = {
        {.name = "detect",
                .type = FIELD_ENUM,
                .offset = offsetof(struct power_pdu_trip, detect),
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
	const struct power_pdu_trip *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->pdu_open(sink->ctx, now, m->fault, m->targets[i], (enum detection)p->detect);
	m->holding = true;
}

const struct fault_kind fault_power_pdu_trip = {
        .name = "power.pdu_trip",
        .help = "a PDU trips and its nodes draw from their other feed alone",
        .effect = "The load of the nodes on the PDU moves to their other feed. If that PDU then "
                  "carries more than rating x derating for power.trip_after, it trips, too. A node "
                  "without a live feed is lost with its SRAM; while one feed holds, nothing is "
                  "felt.",
        .detection = "the trip itself is not detected; a dark node is, by detect: flagged (end of "
                     "the current frame), timeout (after the last finished frame), polled (at a "
                     "multiple of the poll period)",
        .revert_text = "the breaker is closed, and those that tripped because of it; dark nodes "
                       "are powered up one after the other, power.stage apart, and each can be "
                       "used power.boot later",
        .targets = FAULT_TARGET_PDU,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "pdu",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct power_pdu_trip),
        .example = "{\"id\": \"trip\", \"kind\": \"power.pdu_trip\", \"target\": \"r0.pdu0\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"detect\": \"flagged\"}",
        .inject = inject,
        .revert = fault_power_end,
};
