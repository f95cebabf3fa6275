/* Reading "abort": conditions on live signals that end a run. A limit on a signal in milliseconds
 * is written as a duration, any other as a number. */
#include <stddef.h>
#include <string.h>
#include "harness/base/units.h"
#include "reports/rules.h"

struct abort_fields {
	int signal, op;
	struct jval pool, value;
	int64_t for_ns;
};

static const char *const signal_names[] = {"pool.queue_ms", "in_flight", "error_ratio",
        "p99_ttft_ms", "spare_count", "healthy_instances", "artifact_count", "compile_backlog",
        NULL};
static const char *const op_names[] = {">", ">=", "<", "<=", NULL};

#define FIELD(key, kind, member)                                                                   \
	.name = (key), .type = (kind), .offset = offsetof(struct abort_fields, member)

static const struct field abort_table[] = {
        {FIELD("signal", FIELD_ENUM, signal), .flags = FIELD_REQUIRED, .choices = signal_names,
                .help = "what is watched, every 10 ms"},
        {FIELD("pool", FIELD_VALUE, pool), .help = "whose queue, for pool.queue_ms"},
        {FIELD("op", FIELD_ENUM, op), .choices = op_names, .fallback = "\">\"",
                .help = "how it is compared"},
        {FIELD("value", FIELD_VALUE, value), .flags = FIELD_REQUIRED,
                .help = "with what: a duration for *_ms, else a number"},
        {FIELD("for", FIELD_DURATION, for_ns), .fallback = "\"0s\"", .unit = "ns",
                .help = "how long it must hold"},
};

static bool in_ms(const char *signal)
{
	size_t n = strlen(signal);

	return n > 3 && strcmp(signal + n - 3, "_ms") == 0;
}

static enum status parse_value(struct jval v, const char *signal, double *out, struct error *err)
{
	int64_t ns;

	if (!in_ms(signal))
		return json_real(v, out, err);
	if (json_duration(v, &ns, err) != ERR_NONE)
		return err->code;
	*out = ns_to_ms(ns);
	return ERR_NONE;
}

static enum status parse_one(struct jval v, const struct score_names *names, struct arena *arena,
        struct abort_rule *rule, struct error *err)
{
	struct abort_fields f;
	uint32_t pool;
	bool pooled;

	if (json_read(v, abort_table, ARRAY_LEN(abort_table), &f, err) != ERR_NONE ||
	        parse_value(f.value, signal_names[f.signal], &rule->value, err) != ERR_NONE ||
	        rules_pick_optional(f.pool, "pool", names->pools, names->n_pools, &pool, err) !=
	                ERR_NONE)
		return err->code;
	rule->signal = signal_names[f.signal];
	rule->greater = f.op < 2;
	rule->or_equal = f.op & 1;
	rule->for_ns = f.for_ns;
	pooled = strncmp(rule->signal, "pool.", 5) == 0;
	if (pool != UINT32_MAX && !pooled)
		return json_expected(f.pool, err, "no pool for the signal %s", rule->signal);
	if (pool != UINT32_MAX)
		rule->pool = arena_strndup(arena, names->pools[pool], strlen(names->pools[pool]));
	else if (pooled)
		return json_expected(v, err, "the key 'pool' for the signal %s", rule->signal);
	return ERR_NONE;
}

enum status rules_parse_abort(struct jval v, const struct score_names *names, struct arena *arena,
        struct score_rules *out, struct error *err)
{
	struct jval list, e;
	uint32_t n;

	if (rules_list(v, "abort", &list, &n, err) != ERR_NONE)
		return err->code;
	out->abort = ARENA_ARRAY(arena, struct abort_rule, n + 1);
	for (e = json_first(list); out->n_abort < n; e = json_next(e), out->n_abort++)
		if (parse_one(e, names, arena, &out->abort[out->n_abort], err) != ERR_NONE)
			return err->code;
	return ERR_NONE;
}

void rules_canonical_abort(const struct score_rules *r, struct json_out *o)
{
	json_out_open(o, "abort", '[');
	for (uint32_t i = 0; i < r->n_abort; i++) {
		const struct abort_rule *a = &r->abort[i];

		json_out_open(o, NULL, '{');
		json_out_i64(o, "for", a->for_ns);
		json_out_str(o, "op", op_names[(a->greater ? 0 : 2) + a->or_equal]);
		json_out_str(o, "pool", a->pool);
		json_out_str(o, "signal", a->signal);
		json_out_real(o, "value", a->value);
		json_out_close(o);
	}
	json_out_close(o);
}
