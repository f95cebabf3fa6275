/* What goes into the compiler: the model's shape and an artifact's other inputs, read by tables and
 * written back in the form that the readers take. */
#include "emulator/compile.h"

#include <stddef.h>
#include <string.h>

static const char *const precision_names[] = {"int4", "int8", "fp8", "fp16", "bf16", NULL};
static const char *const batch_names[] = {"fill", "fixed", NULL};

const char *precision_name(enum precision p)
{
	return precision_names[p];
}

uint32_t precision_bits(enum precision p)
{
	static const uint32_t bits[] = {4, 8, 8, 16, 16};

	return bits[p];
}

/* --- the model's shape --------------------------------------------------------------- */

#define MODEL_INT(key, member, value, top, what, text)                                             \
	{                                                                                          \
		.name = key, .type = FIELD_INT, .offset = offsetof(struct model_spec, member),     \
		.fallback = value, .min = 1, .max = (top), .unit = what, .help = text              \
	}

static const struct field model_fields[] = {
        {.name = "name",
                .type = FIELD_NAME,
                .offset = offsetof(struct model_spec, name),
                .fallback = "llama-3.1-8b",
                .help = "the name that the API answers to"},
        {.name = "weights",
                .type = FIELD_STRING,
                .offset = offsetof(struct model_spec, weights),
                .fallback = "r1",
                .help = "revision of the weights"},
        {.name = "graph",
                .type = FIELD_STRING,
                .offset = offsetof(struct model_spec, graph),
                .fallback = "r1",
                .help = "revision of the graph"},
        MODEL_INT("parameters", parameters, "8030261248", INT64_C(100000000000000), "parameters",
                "number of weights"),
        MODEL_INT("layers", layers, "32", 1000, "layers", "transformer blocks"),
        MODEL_INT("hidden", hidden, "4096", 1000000, "elements", "width of the residual stream"),
        MODEL_INT("intermediate", intermediate, "14336", 10000000, "elements", "width of the MLP"),
        MODEL_INT("kv_heads", kv_heads, "8", 1024, "heads", "key and value heads"),
        MODEL_INT("head_dim", head_dim, "128", 4096, "elements", "width of a head"),
};

static const char *copy(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

enum status model_parse(
        struct jval v, struct arena *arena, struct model_spec *out, struct error *err)
{
	enum status rc = ERR_NONE;

	json_defaults(model_fields, ARRAY_LEN(model_fields), out);
	if (json_type(v) != JSON_NONE)
		rc = json_read(v, model_fields, ARRAY_LEN(model_fields), out, err);
	if (rc)
		return rc;
	out->name = copy(arena, out->name);
	out->weights = copy(arena, out->weights);
	out->graph = copy(arena, out->graph);
	return ERR_NONE;
}

void model_out(const struct model_spec *m, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_str(o, "graph", m->graph);
	json_out_i64(o, "head_dim", m->head_dim);
	json_out_i64(o, "hidden", m->hidden);
	json_out_i64(o, "intermediate", m->intermediate);
	json_out_i64(o, "kv_heads", m->kv_heads);
	json_out_i64(o, "layers", m->layers);
	json_out_str(o, "name", m->name);
	json_out_i64(o, "parameters", m->parameters);
	json_out_str(o, "weights", m->weights);
	json_out_close(o);
}

/* --- the artifact's inputs ----------------------------------------------------------- */

struct raw_batch {
	int policy;
	struct jval slots;
};

struct raw_precision {
	int weights, kv, activations;
};

struct raw_artifact {
	struct jval max_seq, batch, precision;
	const char *compiler, *target;
};

static const struct field artifact_fields[] = {
        {.name = "max_seq",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_artifact, max_seq),
                .flags = FIELD_REQUIRED,
                .unit = "tokens",
                .help = "prompt and max_tokens of each bucket, ascending"},
        {.name = "batch",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_artifact, batch),
                .help = "how many slots each bucket gets"},
        {.name = "precision",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_artifact, precision),
                .help = "number formats"},
        {.name = "compiler",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_artifact, compiler),
                .fallback = "1.0.0",
                .help = "compiler version"},
        {.name = "target",
                .type = FIELD_NAME,
                .offset = offsetof(struct raw_artifact, target),
                .help = "target generation; default: the hardware's name"},
};

static const struct field batch_fields[] = {
        {.name = "policy",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_batch, policy),
                .fallback = "\"fill\"",
                .choices = batch_names,
                .help = "fill: as many as fit, the same number in each bucket; fixed: as given"},
        {.name = "slots",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_batch, slots),
                .unit = "slots",
                .help = "fixed: one number a bucket"},
};

static const struct field precision_fields[] = {
        {.name = "weights",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_precision, weights),
                .fallback = "\"int8\"",
                .choices = precision_names,
                .help = "format of the weights"},
        {.name = "kv",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_precision, kv),
                .fallback = "\"fp8\"",
                .choices = precision_names,
                .help = "format of keys and values"},
        {.name = "activations",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_precision, activations),
                .fallback = "\"fp16\"",
                .choices = precision_names,
                .help = "format between layers and chips"},
};

static enum status parse_max_seq(struct jval list, struct artifact_spec *out, struct error *err)
{
	if (json_count(list) < 1 || json_count(list) > POOL_BUCKETS_MAX)
		return json_error(list, err, "expected 1 to %d buckets, found %zu",
		        POOL_BUCKETS_MAX, json_count(list));
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		int64_t floor = out->n_buckets ? out->max_seq[out->n_buckets - 1] + 1 : 2;
		int64_t *max_seq = &out->max_seq[out->n_buckets];
		enum status rc = json_i64(v, max_seq, err);

		if (rc)
			return rc;
		if (*max_seq < floor || *max_seq > 1000000000)
			return json_expected(v, err, "a number of tokens from %lld to 1000000000",
			        (long long)floor);
		out->n_buckets++;
	}
	return ERR_NONE;
}

static enum status parse_batch(struct jval v, struct artifact_spec *out, struct error *err)
{
	struct raw_batch raw;
	uint32_t i = 0;
	enum status rc = ERR_NONE;

	json_defaults(batch_fields, ARRAY_LEN(batch_fields), &raw);
	if (json_type(v) != JSON_NONE)
		rc = json_read(v, batch_fields, ARRAY_LEN(batch_fields), &raw, err);
	if (rc)
		return rc;
	out->batch = (enum batch_policy)raw.policy;
	if (out->batch == BATCH_FILL)
		return json_type(raw.slots) == JSON_NONE
		               ? ERR_NONE
		               : json_error_key(raw.slots, err,
		                         "expected no slots with policy \"fill\", found some");
	if (json_count(raw.slots) != out->n_buckets)
		return json_error(json_type(raw.slots) == JSON_NONE ? v : raw.slots, err,
		        "expected %u slot numbers, one a bucket, found %zu", out->n_buckets,
		        json_count(raw.slots));
	for (struct jval s = json_first(raw.slots); json_type(s) != JSON_NONE; s = json_next(s)) {
		rc = json_i64(s, &out->slots[i], err);
		if (rc)
			return rc;
		if (out->slots[i] < 1 || out->slots[i] > 16384)
			return json_expected(s, err, "a number of slots from 1 to 16384");
		i++;
	}
	return ERR_NONE;
}

enum status artifact_parse(struct jval v, const struct model_spec *model, const struct hardware *hw,
        struct arena *arena, struct artifact_spec *out, struct error *err)
{
	struct raw_artifact raw;
	struct raw_precision precision;
	enum status rc = json_read(v, artifact_fields, ARRAY_LEN(artifact_fields), &raw, err);

	*out = (struct artifact_spec){.model = *model};
	json_defaults(precision_fields, ARRAY_LEN(precision_fields), &precision);
	if (!rc && json_type(raw.precision) != JSON_NONE)
		rc = json_read(raw.precision, precision_fields, ARRAY_LEN(precision_fields),
		        &precision, err);
	if (!rc)
		rc = parse_max_seq(raw.max_seq, out, err);
	if (!rc)
		rc = parse_batch(raw.batch, out, err);
	if (rc)
		return rc;
	if (raw.target && strcmp(raw.target, hw->name))
		return json_expected(json_get(v, "target"), err,
		        "the hardware's generation, \"%s\" (an artifact runs on what it was "
		        "compiled for)",
		        hw->name);
	out->weights = (enum precision)precision.weights;
	out->kv = (enum precision)precision.kv;
	out->activations = (enum precision)precision.activations;
	out->compiler = copy(arena, raw.compiler);
	out->target = hw->name;
	return ERR_NONE;
}

void artifact_spec_out(const struct artifact_spec *a, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_open(o, "batch", '{');
	json_out_str(o, "policy", batch_names[a->batch]);
	if (a->batch == BATCH_FIXED) {
		json_out_open(o, "slots", '[');
		for (uint32_t i = 0; i < a->n_buckets; i++)
			json_out_i64(o, NULL, a->slots[i]);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_str(o, "compiler", a->compiler);
	json_out_open(o, "max_seq", '[');
	for (uint32_t i = 0; i < a->n_buckets; i++)
		json_out_i64(o, NULL, a->max_seq[i]);
	json_out_close(o);
	json_out_open(o, "precision", '{');
	json_out_str(o, "activations", precision_name(a->activations));
	json_out_str(o, "kv", precision_name(a->kv));
	json_out_str(o, "weights", precision_name(a->weights));
	json_out_close(o);
	json_out_str(o, "target", a->target);
	json_out_close(o);
}

size_t model_tables(struct field_table *tables)
{
	tables[0] = (struct field_table){"model", model_fields, ARRAY_LEN(model_fields)};
	return 1;
}

size_t artifact_tables(struct field_table *tables)
{
	size_t n = 0;

	tables[n++] = (struct field_table){
	        "pools[].artifact", artifact_fields, ARRAY_LEN(artifact_fields)};
	tables[n++] = (struct field_table){
	        "pools[].artifact.batch", batch_fields, ARRAY_LEN(batch_fields)};
	tables[n++] = (struct field_table){
	        "pools[].artifact.precision", precision_fields, ARRAY_LEN(precision_fields)};
	return n;
}
