/* What a scenario says about a trace. The reading is in trace_reader.c, the formats in trace_row.c.
 */
#include "workloads/trace.h"

#include <string.h>

static const char *const FORMATS[] = {"azure", "mooncake", "burstgpt", "csv", NULL};

struct trace_keys {
	const char *file, *tenant;
	int format;
	double speed;
	int64_t limit;
	bool smear;
};

#define KEY(member, kind, ...)                                                                     \
	{                                                                                          \
		.name = #member, .type = kind, .offset = offsetof(struct trace_keys, member),      \
		__VA_ARGS__                                                                        \
	}

static const struct field KEYS[] = {
        KEY(file, FIELD_STRING, .flags = FIELD_REQUIRED, .help = "path, relative to the scenario"),
        KEY(format, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = FORMATS,
                .help = "which reader"),
        KEY(speed, FIELD_REAL, .rmin = 1e-6, .rmax = 1e6, .fallback = "1",
                .help = "arrival times are divided by it"),
        KEY(limit, FIELD_INT, .min = 1, .max = INT64_C(1000000000),
                .help = "read at most so many rows; all when left out"),
        KEY(smear, FIELD_BOOL, .help = "mooncake: spread the rows of a tick up to the next"),
        KEY(tenant, FIELD_STRING, .help = "csv: only the rows of this tenant"),
};

const char *trace_drop_name(enum trace_drop why)
{
	static const char *const names[] = {[TRACE_DROP_ZERO_TOKENS] = "zero_tokens",
	        [TRACE_DROP_AFTER_DURATION] = "after_duration",
	        [TRACE_DROP_OUT_OF_ORDER] = "out_of_order",
	        [TRACE_DROP_OTHER_TENANT] = "other_tenant"};

	return names[why];
}

void trace_counts_add(struct trace_counts *into, const struct trace_counts *from)
{
	into->rows_read += from->rows_read;
	into->emitted += from->emitted;
	for (int i = 0; i < TRACE_DROPS; i++)
		into->dropped[i] += from->dropped[i];
}

enum status trace_parse(
        struct jval v, struct arena *arena, struct trace_spec *out, struct error *err)
{
	char path[ERROR_PATH_MAX];
	struct trace_keys keys;
	struct jval file;

	memset(out, 0, sizeof(*out));
	memset(&keys, 0, sizeof(keys));
	if (json_read(v, KEYS, ARRAY_LEN(KEYS), &keys, err) != ERR_NONE)
		return err->code;
	file = json_get(v, "file");
	if (!keys.file[0])
		return json_expected(file, err, "the path of a trace");
	if (keys.smear && keys.format != TRACE_MOONCAKE)
		return json_error(json_get(v, "smear"), err,
		        "expected smear with format mooncake only, found format %s",
		        FORMATS[keys.format]);
	if (keys.tenant && keys.format != TRACE_CSV)
		return json_error(json_get(v, "tenant"), err,
		        "expected tenant with format csv only, found format %s",
		        FORMATS[keys.format]);
	out->file = arena_strndup(arena, keys.file, strlen(keys.file));
	out->format = (enum trace_format)keys.format;
	out->speed_nano = (uint64_t)(keys.speed * 1e9 + 0.5);
	out->limit = keys.limit;
	out->smear = keys.smear;
	if (keys.tenant)
		out->tenant = arena_strndup(arena, keys.tenant, strlen(keys.tenant));
	out->from_file = arena_strndup(arena, json_file(v.doc), strlen(json_file(v.doc)));
	json_path(file, path, sizeof(path));
	out->path = arena_strndup(arena, path, strlen(path));
	json_position(file, &out->line, &out->col);
	return ERR_NONE;
}

void trace_canonical(const struct trace_spec *spec, struct json_out *o, const char *key)
{
	char text[DIGEST_TEXT_MAX];

	json_out_open(o, key, '{');
	if (spec->has_digest)
		json_out_str(o, "digest", digest_text(spec->digest, text));
	else
		json_out_str(o, "file", spec->file);
	json_out_str(o, "format", FORMATS[spec->format]);
	json_out_i64(o, "limit", spec->limit);
	json_out_bool(o, "smear", spec->smear);
	json_out_u64(o, "speed_nano", spec->speed_nano);
	json_out_str(o, "tenant", spec->tenant);
	json_out_close(o);
}
