/* A connector that is not quite in: now and then a burst of errors that FEC corrects, gone before
 * anybody would call it persistent. No frame is late and none is wrong; only who reads the error
 * counters can know. */
#include "faults/kinds.h"

struct ghost {
	int64_t interval_ns, burst_ns, errors;
};

static const struct field FIELDS[] = {
        {.name = "interval",
                .type = FIELD_DURATION,
                .offset = offsetof(struct ghost, interval_ns),
                .fallback = "\"5s\"",
                .min = 10 * NS_PER_US,
                .max = NS_MAX,
                .unit = "ns",
                .help = "mean time from the end of a burst to the next one, exponential",
                .label = "assumption",
                .source = "no rate is published; sweep it"},
        {.name = "burst",
                .type = FIELD_DURATION,
                .offset = offsetof(struct ghost, burst_ns),
                .fallback = "\"20ms\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_MAX,
                .unit = "ns",
                .help = "length of each burst; keep it below health.persist",
                .label = "assumption",
                .source = "no length is published; a fifth of the persist threshold, a dozen "
                          "frames of the default profile"},
        {.name = "errors",
                .type = FIELD_INT,
                .offset = offsetof(struct ghost, errors),
                .fallback = "4",
                .min = 1,
                .max = 1000000,
                .unit = "errors",
                .help = "corrected errors of each frame in a burst",
                .label = "assumption",
                .source = "no bit error rate is published"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct ghost *p = m->params;
	const struct link_errors law = {.good_ns = p->interval_ns,
	        .bad_ns = p->burst_ns,
	        .bad_is_fixed = true,
	        .bad_ppb = fault_ppb(1),
	        .errors = (uint32_t)p->errors};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_errors(sink->ctx, now, m->fault, m->targets[i], &law);
	m->holding = true;
}

const struct fault_kind fault_link_ghost = {
        .name = "link.ghost",
        .help = "a C2C link has short bursts of errors, all corrected: nobody notices",
        .effect = "At random intervals every frame over the link has corrected errors, for less "
                  "than health.persist. They change no frame and no latency, only the error "
                  "counter of the link. With health.link_scan the monitor finds them at the first "
                  "scan with health.link_scan_errors or more on the link since the one before, and "
                  "one end of the cable moves to the spare as after a failure, if there is a "
                  "spare.",
        .detection = "by health.link_scan, at a multiple of its period; without it never",
        .revert_text = "the connector is seated: no more errors, the counter is cleared; the node "
                       "that was moved away can be used again",
        .targets = FAULT_TARGET_C2C_LINK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .guard = FAULT_GUARD_LINK_SCAN,
        .exclusive = "link",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct ghost),
        .example = "{\"id\": \"ghost\", \"kind\": \"link.ghost\", \"target\": \"r0.n0-r0.n1.0\", "
                   "\"at\": \"20s\", \"for\": \"30s\"}",
        .inject = inject,
        .revert = fault_link_errors_end,
};
