/* Lengths that grow a little with every minute, as conversations and system prompts do, until a
 * ceiling. */
#include "faults/kinds.h"
#include "faults/shape.h"

static const char *const OF[] = {"prompt", "output", NULL};

static const struct field FIELDS[] = {
        {.name = "of",
                .type = FIELD_ENUM,
                .offset = offsetof(struct shape_params, of),
                .choices = OF,
                .fallback = "\"prompt\"",
                .help = "which length grows",
                .label = "assumption",
                .source = "histories and system prompts grow; answers are capped by max_tokens"},
        {.name = "rate",
                .type = FIELD_REAL,
                .offset = offsetof(struct shape_params, rate),
                .fallback = "600",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmax = 1e9,
                .unit = "tokens/min",
                .help = "by how much it grows",
                .label = "assumption",
                .source = "weeks of growth pressed into one run; sweep it"},
        {.name = "ceiling",
                .type = FIELD_INT,
                .offset = offsetof(struct shape_params, ceiling),
                .fallback = "4096",
                .min = 1,
                .max = 16777216,
                .unit = "tokens",
                .help = "where growth ends; what is longer by itself stays as it is",
                .label = "assumption",
                .source = "well within the largest bucket of the shipped profiles"},
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	struct shape_params *p = params;

	(void)v, (void)resolver, (void)arena, (void)err;
	p->kind = SHAPE_CREEP;
	return ERR_NONE;
}

const struct fault_kind fault_shape_creep = {
        .name = "shape.creep",
        .help = "prompts or answers grow with time",
        .effect = "Requests planned while it is active are longer by rate times the time since the "
                  "injection, rounded down, up to the ceiling: they take more prefill or output "
                  "frames and jump to slower buckets when they outgrow theirs.",
        .detection = "not detected: nothing is broken",
        .revert_text = "requests planned from then on have the lengths of their traffic entry",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct shape_params),
        .validate = validate,
        .example = "{\"id\": \"creep\", \"kind\": \"shape.creep\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"of\": \"prompt\", \"rate\": 600, "
                   "\"ceiling\": 4096}",
        .inject = fault_reshape_begin,
        .revert = fault_reshape_end,
};
