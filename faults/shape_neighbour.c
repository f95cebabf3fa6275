/* Long sequences in a pool that others share: as long as one of them holds a slot of a slow bucket,
 * every frame of the instance takes as long as that bucket's (DESIGN §5, "Progress"). */
#include "faults/kinds.h"
#include "faults/shape.h"

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct shape_params, share),
                .fallback = "0.05",
                .unit = "share",
                .help = "share of the requests that becomes long",
                .label = "assumption",
                .source = "enough that one of them is nearly always in a slot; sweep it"},
        {.name = "tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct shape_params, tokens),
                .fallback = "0",
                .max = 16777216,
                .unit = "tokens",
                .help = "prompt and max_tokens of a long one together; 0: one more than fits below "
                        "the slowest bucket of the pools that take the entry, all that fits where "
                        "there is one bucket, 4096 with a target URL",
                .label = "assumption",
                .source = "the least that lands in the slowest bucket: it stretches frames and "
                          "does little else"},
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	struct shape_params *p = params;

	(void)v, (void)resolver, (void)arena, (void)err;
	p->kind = SHAPE_NEIGHBOUR;
	return ERR_NONE;
}

const struct fault_kind fault_shape_neighbour = {
        .name = "shape.neighbour",
        .help = "a share of the requests becomes long and slows its neighbours down",
        .effect = "Requests planned while it is active are picked by the share, each by a draw of "
                  "its own, and take a prompt that makes them long: they land in the slowest "
                  "bucket, and while one of them holds a slot all frames of its instance take as "
                  "long as that bucket's. In a pool of one bucket they only hold their slot "
                  "longer.",
        .detection = "not detected: nothing is broken",
        .revert_text = "requests planned from then on have the lengths of their traffic entry; "
                       "frames are short again when the last long one has left its slot",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct shape_params),
        .validate = validate,
        .example = "{\"id\": \"neighbour\", \"kind\": \"shape.neighbour\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": 0.05}",
        .inject = fault_reshape_begin,
        .revert = fault_reshape_end,
};
