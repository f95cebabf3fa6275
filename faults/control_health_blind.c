/* The health monitor of a rack sees nothing for a while: whatever breaks meanwhile is found when it
 * looks again. */
#include "faults/kinds.h"

struct control_health_blind {
	int detectors; /* index of DETECTORS: all, or 1 + enum detection */
};

static const char *const DETECTORS[] = {"all", "flagged", "timeout", "polled", NULL};

static const struct field FIELDS[] = {
        {.name = "detectors",
                .type = FIELD_ENUM,
                .offset = offsetof(struct control_health_blind, detectors),
                .choices = DETECTORS,
                .fallback = "\"all\"",
                .help = "which detections are missed: those flagged at the end of a frame, by "
                        "time-out, by the poll, or all of them",
                .label = "assumption",
                .source = "one monitor process that hangs"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct control_health_blind *p = m->params;
	unsigned all = 1u << DETECT_FLAGGED | 1u << DETECT_TIMEOUT | 1u << DETECT_POLLED;
	unsigned detectors = p->detectors ? 1u << (p->detectors - 1) : all;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->control_lapse(
		        sink->ctx, now, m->fault, m->targets[i], LAPSE_BLIND, detectors);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->control_back(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_control_health_blind = {
        .name = "control.health_blind",
        .help = "the health monitor of a rack sees nothing",
        .effect = "A detection that is due meanwhile is made when the monitor sees again, a polled "
                  "one at the next poll after that; everything behind it (isolation, failover) is "
                  "later by as much. Frames that the hardware flags are still replayed, but nobody "
                  "is suspected for them. By itself it does no harm: it takes effect at the first "
                  "poll or detection that is missed.",
        .detection = "not detected: who would",
        .revert_text = "the monitor sees again, and at once what it missed",
        .targets = FAULT_TARGET_RACK,
        .default_target = "all",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "control.health",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct control_health_blind),
        .example = "{\"id\": \"blind\", \"kind\": \"control.health_blind\", \"target\": \"r0\", "
                   "\"at\": \"20s\", \"for\": \"20s\", \"detectors\": \"all\"}",
        .inject = inject,
        .revert = revert,
};
