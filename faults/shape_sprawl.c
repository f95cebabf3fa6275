/* Requests of many shapes that nobody compiled for: other features, other adapters, other image
 * sizes. A machine that runs a timetable has none for them; each needs an artifact of its own, and
 * compiling takes its time. */
#include "faults/kinds.h"
#include "faults/shape.h"

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct shape_params, share),
                .fallback = "0.1",
                .unit = "share",
                .help = "share of the requests that is of a new shape",
                .label = "assumption",
                .source = "a feature that one in ten uses; sweep it"},
        {.name = "variants",
                .type = FIELD_INT,
                .offset = offsetof(struct shape_params, variants),
                .fallback = "32",
                .min = 1,
                .max = SHAPE_VARIANTS_MAX,
                .unit = "shapes",
                .help = "how many new shapes there are, all equally often",
                .label = "assumption",
                .source = "no count of shapes in the field is published; sweep it"},
        {.name = "compile_time",
                .type = FIELD_DURATION,
                .offset = offsetof(struct shape_params, compile_ns),
                .fallback = "\"0s\"",
                .max = 30 * 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "of the artifact of one shape; 0s: the deployment's "
                        "compile_farm.compile_time",
                .label = "assumption",
                .source = "a shape is compiled like any other artifact"},
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	struct shape_params *p = params;

	(void)v, (void)resolver, (void)arena, (void)err;
	p->kind = SHAPE_SPRAWL;
	return ERR_NONE;
}

/* Each side serves one of the verbs. */
static void set(struct fault_machine *m, int64_t now, const struct fault_sink *sink,
        const struct shape_params *params)
{
	if (sink->reshape)
		sink->reshape(sink->ctx, now, m->fault, params);
	if (sink->variants) {
		struct shape_variants shapes =
		        params ? shape_variants(params) : (struct shape_variants){0};

		sink->variants(sink->ctx, now, m->fault, m->targets, m->n_targets,
		        params ? &shapes : NULL);
	}
	m->holding = params != NULL;
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	set(m, now, sink, m->params);
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	set(m, now, sink, NULL);
}

const struct fault_kind fault_shape_sprawl = {
        .name = "shape.sprawl",
        .help = "a share of the requests is of shapes that no artifact was compiled for",
        .effect = "Requests planned while it is active are picked by the share and get one of the "
                  "shapes, each by a draw of its own; all of one shape have one prompt length, "
                  "drawn from their entry's law. The first of a shape has its artifact compiled "
                  "by the farm, first come, first served. Until that is done a pool whose "
                  "oversize is reject answers them 400; one that says route leaves them to the "
                  "next pool, and where there is none 429 with the time to wait; one that says "
                  "truncate pads them into its buckets and needs no artifact.",
        .detection = "not detected: nothing is broken",
        .revert_text = "requests planned from then on are of the entry's shapes; the artifacts "
                       "are unloaded, waiting compiles cancelled",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_BOTH,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "shape.sprawl",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct shape_params),
        .validate = validate,
        .example = "{\"id\": \"sprawl\", \"kind\": \"shape.sprawl\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": 0.1, \"variants\": 8, "
                   "\"compile_time\": \"2s\"}",
        .inject = inject,
        .revert = revert,
};
