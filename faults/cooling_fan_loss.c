/* A fan zone stands still. What it moved is not taken over: the node warms up, and what that does
 * is the rack's to find out (emulator/cooling.c). */
#include "faults/kinds.h"

struct cooling_fan_loss {
	double delta;
};

static const struct field FIELDS[] = {
        {.name = "delta",
                .type = FIELD_REAL,
                .offset = offsetof(struct cooling_fan_loss, delta),
                .fallback = "30",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 0,
                .rmax = 500,
                .unit = "degC",
                .help = "by which the node is warmer in the end, for each zone lost",
                .label = "assumption",
                .source = "no fan layout or temperature is published (air cooled, press); range "
                          "10 to 60"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct cooling_fan_loss *p = m->params;
	const struct heat h = {.rise_mc = (int64_t)(p->delta * 1000 + 0.5)};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->heat(sink->ctx, now, m->fault, m->targets[i], &h);
	m->holding = true;
}

const struct fault_kind fault_cooling_fan_loss = {
        .name = "cooling.fan_loss",
        .help = "a fan zone fails and its node warms up",
        .effect = "The node's temperature rises along cooling.ramp by delta. Above "
                  "cooling.throttle_at its clock is lowered in proportion: an instance that uses "
                  "it stands still once for health.resync, then all its frames are longer, up to "
                  "cooling.slowest. At cooling.shutdown_at the node shuts down: it is lost with "
                  "its SRAM, and the spare takes over.",
        .detection = "by the chips themselves as soon as they throttle; a node that shuts down is "
                     "flagged at the end of the current frame",
        .revert_text = "the fan turns: the node cools down along the same ramp, its clock with it; "
                       "one that shut down is powered up and can be used power.boot later",
        .targets = FAULT_TARGET_FAN,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "fan",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct cooling_fan_loss),
        .example = "{\"id\": \"fan\", \"kind\": \"cooling.fan_loss\", \"target\": \"r0.n1.fan0\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"delta\": 30}",
        .inject = inject,
        .revert = fault_heat_end,
};
