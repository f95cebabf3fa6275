/* Nodes that may not draw what they are rated for, so they are clocked down: a PDU that must carry
 * more than it should, an operator's cap. */
#include "faults/kinds.h"

struct power_derate {
	double factor;
	int mode; /* enum slow_mode */
};

static const struct field FIELDS[] = {
        {.name = "factor",
                .type = FIELD_REAL,
                .offset = offsetof(struct power_derate, factor),
                .fallback = "1.25",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 1,
                .rmax = 100,
                .unit = "times",
                .help = "frame time under the cap over the timetable's",
                .label = "assumption",
                .source = "a clock lowered by a fifth, as for a PDU derated to 0.8; how power and "
                          "clock of an LPU go together is not published"},
        {.name = "mode",
                .type = FIELD_ENUM,
                .offset = offsetof(struct power_derate, mode),
                .choices = fault_slow_modes,
                .fallback = "\"reclock\"",
                .help = "reclock: the runtime lowers the clock of the whole instance after one "
                        "resync; violate: each frame comes late, is replayed, and the second "
                        "suspicion evicts the node",
                .label = "assumption",
                .source = "chips have no flow control: a late vector is a timing violation; how "
                          "the runtime answers is not published"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct power_derate *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->slow(sink->ctx, now, m->fault, m->targets[i], fault_ppm(p->factor),
		        (enum slow_mode)p->mode);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct power_derate *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->slow(sink->ctx, now, m->fault, m->targets[i], SLOW_NONE,
		        (enum slow_mode)p->mode);
	m->holding = false;
}

const struct fault_kind fault_power_derate = {
        .name = "power.derate",
        .help = "nodes are power-capped and run slower",
        .effect = "Every node on the PDU, in the rack, or the node itself is slow. With mode "
                  "reclock an instance that uses one stands still once for health.resync, then all "
                  "its frames take the factor, however many of its nodes are capped. With mode "
                  "violate its frames are late, flagged and replayed until the node is evicted; "
                  "where the spare hangs on the same PDU, that happens to the spare, too.",
        .detection = "reclock: at once, by the cap itself; violate: flagged by the late vector at "
                     "the end of the frame",
        .revert_text = "the cap is lifted: the clock goes up again without a stop; suspicions and "
                       "quarantines it caused are forgotten",
        .targets = FAULT_TARGET_PDU | FAULT_TARGET_RACK | FAULT_TARGET_NODE,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct power_derate),
        .example = "{\"id\": \"derate\", \"kind\": \"power.derate\", \"target\": \"r0.pdu0\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"factor\": 1.25, \"mode\": \"reclock\"}",
        .inject = inject,
        .revert = revert,
};
