/* "limits": how far a scenario may go. */
#include "faults/schedule.h"

#include <string.h>

static const struct field FIELDS[] = {
        {.name = "max_active",
                .type = FIELD_INT,
                .offset = offsetof(struct fault_limits, max_active),
                .fallback = "0",
                .min = 0,
                .max = FAULT_PLAN_MAX,
                .unit = "faults",
                .help = "most that are active at one time; 0 = any number"},
        {.name = "never_below",
                .type = FIELD_INT,
                .offset = offsetof(struct fault_limits, never_below),
                .fallback = "0",
                .min = 0,
                .max = UINT32_MAX,
                .unit = "instances",
                .help = "healthy ones that every fault must leave; 0 = any number"},
};

const char *fault_limit_name(enum fault_limit limit)
{
	static const char *const names[] = {
	        [LIMIT_MAX_ACTIVE] = "max_active", [LIMIT_NEVER_BELOW] = "never_below"};

	return limit == LIMIT_NONE ? NULL : names[limit];
}

enum status fault_limits_parse(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, struct fault_plan *plan, struct error *err)
{
	struct fault_limits *limits = &plan->limits;

	*limits = (struct fault_limits){0};
	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (json_read(v, FIELDS, ARRAY_LEN(FIELDS), limits, err) != ERR_NONE)
		return err->code;
	if (!limits->never_below)
		return ERR_NONE;
	limits->instances = resolver->instances(resolver->ctx, 0, NULL, 0, arena);
	if (limits->never_below > limits->instances)
		return json_expected(json_get(v, "never_below"), err,
		        "at most %u, the instances of the deployment", limits->instances);
	for (uint32_t i = 0; i < plan->n; i++) {
		struct fault_spec *f = &plan->faults[i];

		f->impact = resolver->instances(
		        resolver->ctx, f->kind->targets, f->targets, f->n_targets, arena);
	}
	return ERR_NONE;
}

void fault_limits_canonical(const struct fault_limits *limits, struct json_out *o, const char *key)
{
	if (!limits->max_active && !limits->never_below)
		return;
	json_out_open(o, key, '{');
	json_out_i64(o, "max_active", limits->max_active);
	json_out_i64(o, "never_below", limits->never_below);
	json_out_close(o);
}
