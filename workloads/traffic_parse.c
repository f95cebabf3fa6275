/* The scenario's "traffic" list: who comes, how often, how long, and what is refused before it
 * starts. */
#include "harness/base/units.h"
#include "workloads/traffic.h"

#include <string.h>

struct entry_keys {
	const char *name, *tier;
	int64_t timeout, retries, max_tokens;
	struct jval arrival, prompt_tokens, output_tokens, trace;
};

#define KEY(member, kind, ...)                                                                     \
	{                                                                                          \
		.name = #member, .type = kind, .offset = offsetof(struct entry_keys, member),      \
		__VA_ARGS__                                                                        \
	}

static const struct field KEYS[] = {
        KEY(name, FIELD_NAME, .flags = FIELD_REQUIRED, .help = "names the tenant"),
        KEY(tier, FIELD_NAME, .fallback = "default", .help = "whose SLOs it is held to"),
        KEY(timeout, FIELD_DURATION, .fallback = "\"10m\"", .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_MAX, .help = "after which the client gives a request up"),
        KEY(retries, FIELD_INT, .max = 100, .help = "further attempts of a failed request"),
        KEY(max_tokens, FIELD_INT, .min = 1, .max = LENGTH_TOKENS_MAX, .unit = "tokens",
                .help = "what the client asks for; the deployment decides when left out"),
        KEY(arrival, FIELD_OBJECT, .help = "arrival process"),
        KEY(prompt_tokens, FIELD_OBJECT, .help = "law of prompt lengths"),
        KEY(output_tokens, FIELD_OBJECT, .help = "law of answer lengths"),
        KEY(trace, FIELD_OBJECT, .help = "recorded traffic instead of the three laws"),
};

static const char *keep(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

static enum status find_tier(struct jval entry, const char *tier, struct arena *arena,
        struct traffic_spec *out, uint32_t *index, struct error *err)
{
	for (*index = 0; *index < out->n_tiers; ++*index)
		if (strcmp(out->tiers[*index], tier) == 0)
			return ERR_NONE;
	if (out->n_tiers == TRAFFIC_TIERS_MAX)
		return json_error(json_get(entry, "tier"), err,
		        "expected at most %d tiers, found one more", (int)TRAFFIC_TIERS_MAX);
	out->tiers[out->n_tiers++] = keep(arena, tier);
	return ERR_NONE;
}

static enum status parse_laws(struct jval entry, const struct entry_keys *keys, struct arena *arena,
        struct tenant_spec *t, struct error *err)
{
	const struct {
		const char *key;
		struct jval v;
	} laws[] = {{"arrival", keys->arrival}, {"prompt_tokens", keys->prompt_tokens},
	        {"output_tokens", keys->output_tokens}};

	t->from_trace = json_type(keys->trace) != JSON_NONE;
	for (size_t i = 0; i < ARRAY_LEN(laws); i++) {
		bool given = json_type(laws[i].v) != JSON_NONE;

		if (given && t->from_trace)
			return json_error_key(laws[i].v, err,
			        "expected either '%s' or 'trace', found both", laws[i].key);
		if (!given && !t->from_trace)
			return json_error(entry, err,
			        "expected the key '%s' (or 'trace'), found none", laws[i].key);
	}
	if (t->from_trace)
		return trace_parse(keys->trace, arena, &t->trace, err);
	if (arrival_parse(keys->arrival, &t->arrival, err) != ERR_NONE)
		return err->code;
	if (length_parse(keys->prompt_tokens, arena, &t->prompt, err) != ERR_NONE)
		return err->code;
	return length_parse(keys->output_tokens, arena, &t->output, err);
}

static enum status parse_entry(
        struct jval entry, struct arena *arena, struct traffic_spec *out, struct error *err)
{
	struct tenant_spec *t = &out->tenants[out->n_tenants];
	struct entry_keys keys;

	memset(&keys, 0, sizeof(keys));
	if (json_read(entry, KEYS, ARRAY_LEN(KEYS), &keys, err) != ERR_NONE)
		return err->code;
	for (uint32_t i = 0; i < out->n_tenants; i++)
		if (strcmp(out->tenants[i].name, keys.name) == 0)
			return json_error(json_get(entry, "name"), err,
			        "expected a name of its own, found '%s' a second time", keys.name);
	if (find_tier(entry, keys.tier, arena, out, &t->tier_index, err) != ERR_NONE)
		return err->code;
	t->name = keep(arena, keys.name);
	t->tier = out->tiers[t->tier_index];
	t->timeout_ns = keys.timeout;
	t->retries = keys.retries;
	t->max_tokens = keys.max_tokens;
	if (parse_laws(entry, &keys, arena, t, err) != ERR_NONE)
		return err->code;
	out->n_tenants++;
	return ERR_NONE;
}

enum status traffic_parse(struct jval v, int64_t duration_ns, struct arena *arena,
        struct traffic_spec *out, struct error *err)
{
	double expected = 0;

	memset(out, 0, sizeof(*out));
	if (json_type(v) != JSON_ARRAY || json_count(v) == 0 || json_count(v) > TRAFFIC_TENANTS_MAX)
		return json_expected(
		        v, err, "a list of 1 to %d traffic entries", (int)TRAFFIC_TENANTS_MAX);
	for (struct jval entry = json_first(v); entry.item; entry = json_next(entry)) {
		if (parse_entry(entry, arena, out, err) != ERR_NONE)
			return err->code;
		expected += traffic_mean_rate(&out->tenants[out->n_tenants - 1]) *
		            ((double)duration_ns / (double)NS_PER_S);
		if (expected > (double)TRAFFIC_REQUESTS_MAX)
			return json_error(json_get(entry, "arrival"), err,
			        "expected at most 10^9 requests in all (rate * duration), found "
			        "%.3g",
			        expected);
	}
	return ERR_NONE;
}

static void tenant_canonical(const struct tenant_spec *t, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	if (!t->from_trace)
		arrival_canonical(&t->arrival, o, "arrival");
	json_out_i64(o, "max_tokens", t->max_tokens);
	json_out_str(o, "name", t->name);
	if (!t->from_trace) {
		length_canonical(&t->output, o, "output_tokens");
		length_canonical(&t->prompt, o, "prompt_tokens");
	}
	json_out_i64(o, "retries", t->retries);
	json_out_str(o, "tier", t->tier);
	json_out_i64(o, "timeout_ns", t->timeout_ns);
	if (t->from_trace)
		trace_canonical(&t->trace, o, "trace");
	json_out_close(o);
}

void traffic_canonical(const struct traffic_spec *spec, struct json_out *o, const char *key)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < spec->n_tenants; i++)
		tenant_canonical(&spec->tenants[i], o);
	json_out_close(o);
}

enum status traffic_check_traces(struct traffic_spec *spec, int64_t duration_ns,
        const struct trace_opener *opener, struct trace_counts *counts, struct error *err)
{
	memset(counts, 0, sizeof(*counts));
	for (uint32_t i = 0; i < spec->n_tenants; i++) {
		struct trace_counts one;

		if (!spec->tenants[i].from_trace)
			continue;
		if (trace_check(&spec->tenants[i].trace, opener, duration_ns, &one, err) !=
		        ERR_NONE)
			return err->code;
		trace_counts_add(counts, &one);
	}
	return ERR_NONE;
}

bool traffic_is_trace_only(const struct traffic_spec *spec)
{
	for (uint32_t i = 0; i < spec->n_tenants; i++)
		if (!spec->tenants[i].from_trace || spec->tenants[i].trace.smear)
			return false;
	return true;
}

bool traffic_is_random(const struct traffic_spec *spec)
{
	for (uint32_t i = 0; i < spec->n_tenants; i++) {
		const struct tenant_spec *t = &spec->tenants[i];

		if (t->from_trace
		                ? t->trace.smear
		                : arrival_is_random(&t->arrival) || length_is_random(&t->prompt) ||
		                          length_is_random(&t->output))
			return true;
	}
	return false;
}

double traffic_mean_rate(const struct tenant_spec *tenant)
{
	return tenant->from_trace ? 0 : tenant->arrival.rate;
}
