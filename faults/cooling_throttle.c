/* Chips that are clocked down for heat, said outright: the factor grows along a ramp, without the
 * model of temperatures that the other cooling faults go through.
 *
 *   factor |            ┌─────     k-th of `steps` steps at began + k · ramp / steps
 *          |       ┌────┘          frame time 1 + (factor - 1) · k / steps
 *          |  ┌────┘
 *        1 |──┘                    a ramp of 0 is one step, at once
 */
#include "faults/kinds.h"

struct cooling_throttle {
	double factor;
	int64_t ramp_ns, steps;
	int mode; /* enum slow_mode */
};

static const struct field FIELDS[] = {
        {.name = "factor",
                .type = FIELD_REAL,
                .offset = offsetof(struct cooling_throttle, factor),
                .fallback = "1.5",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 1,
                .rmax = 100,
                .unit = "times",
                .help = "frame time at the end of the ramp over the timetable's",
                .label = "assumption",
                .source = "no throttle points of an LPU are published; a clock of two thirds"},
        {.name = "ramp",
                .type = FIELD_DURATION,
                .offset = offsetof(struct cooling_throttle, ramp_ns),
                .fallback = "\"5s\"",
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "from the injection to the full factor",
                .label = "assumption",
                .source = "heat sinks take seconds; no published figure"},
        {.name = "steps",
                .type = FIELD_INT,
                .offset = offsetof(struct cooling_throttle, steps),
                .fallback = "5",
                .min = 1,
                .max = 1000,
                .unit = "steps",
                .help = "equal ones in which the clock is lowered",
                .label = "assumption",
                .source = "one a second along the default ramp; no published figure"},
        {.name = "mode",
                .type = FIELD_ENUM,
                .offset = offsetof(struct cooling_throttle, mode),
                .choices = fault_slow_modes,
                .fallback = "\"reclock\"",
                .help = "reclock: the runtime lowers the clock of the whole instance after one "
                        "resync; violate: each frame comes late, is replayed, and the second "
                        "suspicion evicts the node",
                .label = "assumption",
                .source = "chips have no flow control: a late vector is a timing violation; how "
                          "the runtime answers is not published"},
};

/* How many steps are done after this long. */
static int64_t steps_in(const struct cooling_throttle *p, int64_t elapsed)
{
	if (elapsed >= p->ramp_ns)
		return p->steps;
	return (int64_t)((__int128)elapsed * p->steps / p->ramp_ns);
}

/* The first instant, from the injection, at which so many are done. */
static int64_t step_at(const struct cooling_throttle *p, int64_t k)
{
	return (int64_t)(((__int128)k * p->ramp_ns + p->steps - 1) / p->steps);
}

static uint32_t factor_of(const struct cooling_throttle *p, int64_t k)
{
	return SLOW_NONE + (uint32_t)((fault_ppm(p->factor) - SLOW_NONE) * k / p->steps);
}

static void step(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct cooling_throttle *p = m->params;
	int64_t k = steps_in(p, now - m->began);

	for (uint32_t i = 0; k > 0 && i < m->n_targets; i++)
		sink->slow(sink->ctx, now, m->fault, m->targets[i], factor_of(p, k),
		        (enum slow_mode)p->mode);
	m->holding = k > 0;
	m->next_at = k < p->steps ? m->began + step_at(p, k + 1) : NS_NEVER;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct cooling_throttle *p = m->params;

	for (uint32_t i = 0; i < m->n_targets && m->holding; i++)
		sink->slow(sink->ctx, now, m->fault, m->targets[i], SLOW_NONE,
		        (enum slow_mode)p->mode);
	m->holding = false;
}

const struct fault_kind fault_cooling_throttle = {
        .name = "cooling.throttle",
        .help = "chips are clocked down for heat, along a ramp",
        .effect = "The frame time of the chip, the node, or all nodes of the rack grows in equal "
                  "steps to the factor. With mode reclock an instance that uses one stands still "
                  "once for health.resync at the first step, and all its frames take the factor of "
                  "the moment. With mode violate its frames are late from the first step on, "
                  "flagged and replayed until the node is evicted.",
        .detection = "reclock: at once, by the chip itself; violate: flagged by the late vector at "
                     "the end of the frame",
        .revert_text = "the clock goes up again at once and without a stop; suspicions and "
                       "quarantines it caused are forgotten",
        .targets = FAULT_TARGET_CHIP | FAULT_TARGET_NODE | FAULT_TARGET_RACK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct cooling_throttle),
        .example = "{\"id\": \"throttle\", \"kind\": \"cooling.throttle\", \"target\": \"r0.n2\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"factor\": 1.5, \"ramp\": \"5s\", "
                   "\"steps\": 5, \"mode\": \"reclock\"}",
        .inject = step,
        .step = step,
        .revert = revert,
};
