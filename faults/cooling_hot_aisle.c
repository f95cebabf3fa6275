/* The air that machines take in is warmer than planned, and it does not stay where it began: the
 * neighbours get it later and thinner, as far as containment lets it through. */
#include "faults/kinds.h"

struct cooling_hot_aisle {
	double delta, containment;
	int64_t delay_ns;
};

static const struct field FIELDS[] = {
        {.name = "delta",
                .type = FIELD_REAL,
                .offset = offsetof(struct cooling_hot_aisle, delta),
                .fallback = "25",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 0,
                .rmax = 500,
                .unit = "degC",
                .help = "by which the inlet air is warmer at the target",
                .label = "assumption",
                .source = "exhaust air of air-cooled racks is 10 to 25 above their inlet; no "
                          "published figure; range 5 to 30"},
        {.name = "delay",
                .type = FIELD_DURATION,
                .offset = offsetof(struct cooling_hot_aisle, delay_ns),
                .fallback = "\"5s\"",
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "until the next neighbour feels it",
                .label = "assumption",
                .source = "no published figure; range 1 s to 5 min"},
        {.name = "containment",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct cooling_hot_aisle, containment),
                .fallback = "\"50%\"",
                .unit = "share",
                .help = "of the warmth that does not get to the next neighbour; 100 %: nobody else "
                        "feels it",
                .label = "assumption",
                .source = "aisles with doors but no ducts; no published figure; range 0 to 100 %"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct cooling_hot_aisle *p = m->params;
	const struct heat h = {.inlet_mc = (int64_t)(p->delta * 1000 + 0.5),
	        .delay_ns = p->delay_ns,
	        .spread_ppm = fault_ppm(1 - p->containment)};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->heat(sink->ctx, now, m->fault, m->targets[i], &h);
	m->holding = true;
}

const struct fault_kind fault_cooling_hot_aisle = {
        .name = "cooling.hot_aisle",
        .help = "the inlet air of a rack or a node is too warm, and spreads to its neighbours",
        .effect = "The inlet of the target is warmer by delta at once; d neighbours on (nodes of "
                  "the same rack for a node, racks in their order for a rack) it is so after d "
                  "delays, and by delta x (1 - containment)^d. Temperatures follow along "
                  "cooling.ramp, and clocks follow temperatures: throttled above "
                  "cooling.throttle_at, shut down at cooling.shutdown_at.",
        .detection = "by the chips themselves as soon as they throttle; a node that shuts down is "
                     "flagged at the end of the current frame",
        .revert_text = "the air is as planned everywhere: nodes cool down along the same ramp; "
                       "those that shut down are powered up in turns",
        .targets = FAULT_TARGET_NODE | FAULT_TARGET_RACK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "inlet",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct cooling_hot_aisle),
        .example = "{\"id\": \"aisle\", \"kind\": \"cooling.hot_aisle\", \"target\": \"r0\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"delta\": 25, \"delay\": \"5s\", "
                   "\"containment\": \"50%\"}",
        .inject = inject,
        .revert = fault_heat_end,
};
