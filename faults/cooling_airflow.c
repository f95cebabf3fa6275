/* Air that does not get through: bundles of cables behind a rack, a clogged filter. The fans turn,
 * but what the chips make is carried off by less air, which is that much warmer. */
#include "faults/kinds.h"

struct cooling_airflow {
	double share;
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	const struct cooling_airflow *p = params;

	(void)resolver;
	(void)arena;
	if (p->share > 0.95)
		return json_expected(json_get(v, "share"), err, "a share of at most 95 %%");
	return ERR_NONE;
}

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct cooling_airflow, share),
                .fallback = "\"40%\"",
                .unit = "share",
                .help = "of the airflow that is lost, at most 95 %",
                .label = "assumption",
                .source = "44 of a node's 60 cables are inside it (ISCA 2022), the rest is behind "
                          "it; what they block is not published; range 5 to 60 %"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct cooling_airflow *p = m->params;
	const struct heat h = {.blocked_ppm = fault_ppm(p->share)};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->heat(sink->ctx, now, m->fault, m->targets[i], &h);
	m->holding = true;
}

const struct fault_kind fault_cooling_airflow = {
        .name = "cooling.airflow",
        .help = "part of the airflow of a node or rack is blocked",
        .effect = "What the chips add to the inlet temperature, cooling.rise, grows to rise / (1 - "
                  "share); losses of several faults multiply. Temperatures follow along "
                  "cooling.ramp, and clocks follow temperatures: throttled above "
                  "cooling.throttle_at, shut down at cooling.shutdown_at.",
        .detection = "by the chips themselves as soon as they throttle; a node that shuts down is "
                     "flagged at the end of the current frame",
        .revert_text = "the air gets through: nodes cool down along the same ramp; those that "
                       "shut down are powered up in turns",
        .targets = FAULT_TARGET_NODE | FAULT_TARGET_RACK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "airflow",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct cooling_airflow),
        .validate = validate,
        .example = "{\"id\": \"airflow\", \"kind\": \"cooling.airflow\", \"target\": \"r0.n2\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": \"40%\"}",
        .inject = inject,
        .revert = fault_heat_end,
};
