/* A share of the requests is suddenly of another shape. Which ones is a function of the request's
 * id alone. */
#include "faults/kinds.h"
#include "faults/schedule.h"
#include "faults/shape.h"

#include <string.h>

#define DEFAULT_LAW "{\"dist\": \"constant\", \"value\": 4000}"

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct shape_params, share),
                .fallback = "0.02",
                .unit = "share",
                .help = "share of the requests that is reshaped",
                .label = "assumption",
                .source = "the 2 % of long prompts of the queueing claim"},
        {.name = "prompt_tokens",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct shape_params, prompt_tokens),
                .fallback = DEFAULT_LAW,
                .unit = "tokens",
                .help = "law of their prompts, as in traffic; the default holds only if no law is "
                        "given",
                .label = "assumption",
                .source = "about the p99 of the Azure 2023 conversation trace"},
        {.name = "output_tokens",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct shape_params, output_tokens),
                .unit = "tokens",
                .help = "law of their answers, as in traffic; unchanged when left out"},
};

static enum status read_law(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, const void **law, struct error *err)
{
	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	return resolver->length_law(resolver->ctx, v, arena, law, err);
}

static enum status default_law(const struct target_resolver *resolver, struct arena *arena,
        const void **law, struct error *err)
{
	struct json *doc = NULL;
	enum status status =
	        json_parse("shape.outlier", DEFAULT_LAW, strlen(DEFAULT_LAW), &doc, err);

	if (status == ERR_NONE)
		status = resolver->length_law(resolver->ctx, json_root(doc), arena, law, err);
	json_free(doc);
	return status;
}

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	struct shape_params *p = params;

	(void)v;
	p->kind = SHAPE_OUTLIER;
	if (read_law(p->prompt_tokens, resolver, arena, &p->prompt_law, err) != ERR_NONE)
		return err->code;
	if (read_law(p->output_tokens, resolver, arena, &p->output_law, err) != ERR_NONE)
		return err->code;
	if (p->prompt_law || p->output_law)
		return ERR_NONE;
	return default_law(resolver, arena, &p->prompt_law, err);
}

static void canonical(const void *params, const struct target_resolver *resolver,
        const struct field *field, struct json_out *o)
{
	const struct shape_params *p = params;
	const void *law = strcmp(field->name, "prompt_tokens") == 0 ? p->prompt_law : p->output_law;

	if (law)
		resolver->length_law_canonical(resolver->ctx, law, o, field->name);
	else
		json_out_null(o, field->name);
}

const struct fault_kind fault_shape_outlier = {
        .name = "shape.outlier",
        .help = "a share of the requests takes other lengths",
        .effect = "Requests planned while it is active are picked by the share, each by a draw of "
                  "its own, and take prompt or answer lengths from the given laws: long ones "
                  "occupy their slot for many frames and may need a larger bucket or none at all.",
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
        .canonical = canonical,
        .example = "{\"id\": \"outlier\", \"kind\": \"shape.outlier\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": 0.02, "
                   "\"prompt_tokens\": {\"dist\": \"constant\", \"value\": 4000}}",
        .inject = fault_reshape_begin,
        .revert = fault_reshape_end,
};
