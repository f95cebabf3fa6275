#include "faults/recurrence.h"

#include <string.h>

#include "harness/base/mathx.h"
#include "harness/base/units.h"

static const char *const LAWS[] = {"fixed", "exponential", "weibull", NULL};

struct law_keys {
	int law;
	int64_t mean_ns;
	double shape;
};

#define KEY(key, member, kind, ...)                                                                \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct law_keys, member),            \
		__VA_ARGS__                                                                        \
	}
#define LAW                                                                                        \
	KEY("law", law, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = LAWS, .help = "of the gaps")
#define MEAN(key, text)                                                                            \
	KEY(key, mean_ns, FIELD_DURATION, .flags = FIELD_REQUIRED, .min = NS_PER_US,               \
	        .max = NS_MAX, .help = text)

static const struct field FIXED[] = {LAW, MEAN("interval", "from begin to begin")};
static const struct field EXPONENTIAL[] = {LAW, MEAN("mean", "from a revert to the next begin")};
static const struct field WEIBULL[] = {LAW, MEAN("mtbf", "mean from a revert to the next begin"),
        KEY("shape", shape, FIELD_REAL, .flags = FIELD_REQUIRED, .rmin = 0.1, .rmax = 20,
                .help = "below 1 early failures, 1 exponential, above 1 wear")};

static const struct {
	const struct field *fields;
	size_t n;
	enum recurrence_law law;
} TABLES[] = {{FIXED, ARRAY_LEN(FIXED), RECUR_FIXED},
        {EXPONENTIAL, ARRAY_LEN(EXPONENTIAL), RECUR_EXPONENTIAL},
        {WEIBULL, ARRAY_LEN(WEIBULL), RECUR_WEIBULL}};

enum status recurrence_parse(struct jval v, struct recurrence *out, struct error *err)
{
	struct law_keys keys;
	int law;

	memset(out, 0, sizeof(*out));
	if (json_type(v) != JSON_OBJECT) {
		out->law = RECUR_FIXED;
		if (json_duration(v, &out->mean_ns, err) != ERR_NONE)
			return err->code;
		if (out->mean_ns < NS_PER_US || out->mean_ns > NS_MAX)
			return json_expected(v, err, "a duration from 1us to 3650d");
		return ERR_NONE;
	}
	memset(&keys, 0, sizeof(keys));
	if (json_choice(v, "law", LAWS, &law, err) != ERR_NONE ||
	        json_read(v, TABLES[law].fields, TABLES[law].n, &keys, err) != ERR_NONE)
		return err->code;
	out->law = TABLES[law].law;
	out->mean_ns = keys.mean_ns;
	out->shape = keys.shape;
	if (out->law == RECUR_WEIBULL)
		out->scale_ns =
		        (double)keys.mean_ns * mathx_exp(-mathx_gamma_log(1 + 1 / keys.shape));
	return ERR_NONE;
}

int64_t recurrence_gap(const struct recurrence *r, struct prng *stream)
{
	double u, hazard, gap;

	if (r->law == RECUR_NEVER)
		return NS_NEVER;
	if (r->law == RECUR_FIXED)
		return r->mean_ns;
	u = (double)((prng_next(stream) >> 11) + 1) * 0x1p-53; /* (0, 1] */
	hazard = -mathx_log(u);
	if (hazard <= 0)
		return 0;
	if (r->law == RECUR_EXPONENTIAL)
		gap = (double)r->mean_ns * hazard;
	else
		gap = r->scale_ns * mathx_pow(hazard, 1 / r->shape);
	return gap < (double)NS_MAX ? (int64_t)(gap + 0.5) : NS_NEVER;
}

int64_t recurrence_next(
        const struct recurrence *r, struct prng *stream, int64_t began_ns, int64_t for_ns)
{
	int64_t gap = recurrence_gap(r, stream);

	if (gap == NS_NEVER)
		return NS_NEVER;
	return (r->law == RECUR_FIXED ? began_ns : began_ns + for_ns) + gap;
}

void recurrence_canonical(const struct recurrence *r, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_str(o, "law", LAWS[r->law - RECUR_FIXED]);
	json_out_i64(o, "mean_ns", r->mean_ns);
	if (r->law == RECUR_WEIBULL)
		json_out_real(o, "shape", r->shape);
	json_out_close(o);
}
