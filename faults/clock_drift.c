/* A crystal out of its range. The exchange of counters absorbs drift up to a budget; what is beyond
 * it has to be deskewed away while the program runs. */
#include "faults/clock.h"
#include "faults/kinds.h"

#include <stdio.h>

static const struct field FIELDS[] = {
        {.name = "ppm",
                .type = FIELD_REAL,
                .offset = offsetof(struct drift_fault, ppm),
                .fallback = "400",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmax = 10000,
                .unit = "ppm",
                .help = "drift of the clock against the others of its instance, either way",
                .label = "assumption",
                .source = "no ppm is published; crystals have 20 to 100, this one is broken"},
        {.name = "deskew",
                .type = FIELD_DURATION,
                .offset = offsetof(struct drift_fault, deskew_ns),
                .fallback = "\"280ns\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_PER_MS,
                .unit = "ns",
                .help = "stall of one extra deskew, of the whole instance",
                .label = "inference",
                .source = "ISCA 2022: a runtime resync costs about one epoch; 252 cycles / 900 "
                          "MHz"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct drift_fault *p = m->params;
	const struct clock_drift law = {
	        .ppb = (uint64_t)(p->ppm * 1000 + 0.5), .deskew_ns = p->deskew_ns};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->clock_drift(sink->ctx, now, m->fault, m->targets[i], &law);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->clock_drift(sink->ctx, now, m->fault, m->targets[i], NULL);
	m->holding = false;
}

const struct fault_kind fault_clock_drift = {
        .name = "clock.drift",
        .help = "a clock drifts faster than resynchronisation absorbs",
        .effect =
                "The drift beyond health.drift_budget adds up. Each time it reaches the margin of "
                "a link (the hardware's link_jitter) one extra RUNTIME_DESKEW is due, the k-th "
                "at inject + k x margin / excess; those that fell due in a frame stall the "
                "instance at its end, for deskew each. Of several drifting clocks in an instance "
                "the fastest counts. A drift within the budget has no effect.",
        .detection = "by the exchange of counters, at the first extra deskew",
        .revert_text = "the clock is in its range: nothing more falls due",
        .targets = FAULT_TARGET_CHIP | FAULT_TARGET_NODE,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = 1u << PHASE_DETECT,
        .exclusive = "clock",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct drift_fault),
        .example = "{\"id\": \"drift\", \"kind\": \"clock.drift\", \"target\": \"r0.n1\", "
                   "\"at\": \"20s\", \"for\": \"30s\"}",
        .inject = inject,
        .revert = revert,
};
