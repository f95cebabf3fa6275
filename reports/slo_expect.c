/* Reading "expect": every kind has its own table of keys beside the common one, so that a key that
 * means nothing for a kind is refused. */
#include <stddef.h>
#include "harness/base/units.h"
#include "reports/names.h"
#include "reports/rules.h"

struct expect_common {
	const char *id;
	int kind, want;
};

struct expect_fields {
	struct jval fault, tier;
	int64_t max_ns, max_count;
	double max, min;
	int window, scope, path;
	int64_t min_count;
};

static const char *const scope_names[] = {"rack", "pod", NULL};
static const char *const want_names[] = {"hold", "miss", NULL};

static const struct field common_table[] = {
        {.name = "id",
                .type = FIELD_NAME,
                .offset = offsetof(struct expect_common, id),
                .help = "name of the expectation in results"},
        {.name = "kind",
                .type = FIELD_ENUM,
                .offset = offsetof(struct expect_common, kind),
                .flags = FIELD_REQUIRED,
                .choices = names_expects,
                .help = "what is expected"},
        {.name = "want",
                .type = FIELD_ENUM,
                .offset = offsetof(struct expect_common, want),
                .fallback = "\"hold\"",
                .choices = want_names,
                .help = "miss: a demonstration, which passes where the expectation fails"},
};

#define FIELD(key, kind, member)                                                                   \
	.name = (key), .type = (kind), .offset = offsetof(struct expect_fields, member)

static const struct field phase_table[] = {
        {FIELD("fault", FIELD_VALUE, fault), .help = "which fault; absent: every one"},
        {FIELD("max", FIELD_DURATION, max_ns), .flags = FIELD_REQUIRED, .unit = "ns",
                .help = "longest time after the inject"},
};
static const struct field count_table[] = {
        {FIELD("max", FIELD_INT, max_count), .fallback = "0", .max = INT64_MAX, .unit = "requests",
                .help = "most that are tolerated"},
};
static const struct field path_table[] = {
        {FIELD("scope", FIELD_ENUM, scope), .choices = scope_names, .fallback = "\"rack\"",
                .help = "what the critical path may not leave"},
};
static const struct field goodput_table[] = {
        {FIELD("min", FIELD_PERCENT, min), .flags = FIELD_REQUIRED,
                .help = "smallest share of the scheduled requests that is good"},
        {FIELD("tier", FIELD_VALUE, tier), .help = "whose requests; absent: all"},
        {FIELD("window", FIELD_ENUM, window), .choices = names_windows, .fallback = "\"all\"",
                .help = "which of them"},
};
static const struct field error_table[] = {
        {FIELD("max", FIELD_PERCENT, max), .flags = FIELD_REQUIRED,
                .help = "largest share of the scheduled requests that fails"},
        {FIELD("tier", FIELD_VALUE, tier), .help = "whose requests; absent: all"},
        {FIELD("window", FIELD_ENUM, window), .choices = names_windows, .fallback = "\"all\"",
                .help = "which of them"},
};
static const struct field isolation_table[] = {
        {FIELD("tier", FIELD_VALUE, tier),
                .help = "whose SLOs must hold on the fault window; absent: all"},
};
static const struct field reached_table[] = {
        {FIELD("path", FIELD_ENUM, path), .flags = FIELD_REQUIRED, .choices = names_paths,
                .help = "what the run must have come through"},
        {FIELD("min", FIELD_INT, min_count), .fallback = "1", .min = 1, .max = INT64_MAX,
                .unit = "times", .help = "how often at least"},
};

static const struct field recovered_table[] = {
        {FIELD("max", FIELD_DURATION, max_ns), .flags = FIELD_REQUIRED, .unit = "ns",
                .help = "longest time after the last revert"},
};

static const struct {
	const struct field *fields;
	size_t n;
} kind_tables[] = {
        [EXPECT_TTD] = {phase_table, ARRAY_LEN(phase_table)},
        [EXPECT_TTF] = {phase_table, ARRAY_LEN(phase_table)},
        [EXPECT_TTR] = {phase_table, ARRAY_LEN(phase_table)},
        [EXPECT_LOST_REQUESTS] = {count_table, ARRAY_LEN(count_table)},
        [EXPECT_CORRUPT_TOKENS] = {count_table, ARRAY_LEN(count_table)},
        [EXPECT_CRITICAL_PATH_IN_RACK] = {path_table, ARRAY_LEN(path_table)},
        [EXPECT_GOODPUT_FRACTION] = {goodput_table, ARRAY_LEN(goodput_table)},
        [EXPECT_ERROR_FRACTION] = {error_table, ARRAY_LEN(error_table)},
        [EXPECT_ISOLATION] = {isolation_table, ARRAY_LEN(isolation_table)},
        [EXPECT_REACHED] = {reached_table, ARRAY_LEN(reached_table)},
        [EXPECT_RECOVERED] = {recovered_table, ARRAY_LEN(recovered_table)},
};

/* The kind decides which keys are known, so it is looked up before the element is read. */
static enum status find_kind(struct jval v, uint32_t *kind, struct error *err)
{
	struct jval at = json_get(v, "kind");

	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "an object");
	if (json_type(at) == JSON_NONE)
		return json_expected(v, err, "the key 'kind'");
	return rules_pick(at, "kind", names_expects, EXPECT_RECOVERED + 1, kind, err);
}

static bool tier_has_slo(const struct score_rules *r, uint32_t tier)
{
	for (uint32_t i = 0; i < r->n_slo; i++)
		if (tier == UINT32_MAX || r->slo[i].tier == tier)
			return true;
	return false;
}

static void fill(struct expect_rule *rule, const struct expect_fields *f)
{
	rule->max_ns = f->max_ns;
	rule->has_max = true;
	rule->max = f->max;
	rule->min = f->min;
	rule->window = (enum window)f->window;
	rule->scope_pod = f->scope == 1;
	rule->path = (enum reached)f->path;
	if (rule->kind == EXPECT_LOST_REQUESTS || rule->kind == EXPECT_CORRUPT_TOKENS)
		rule->max = (double)f->max_count;
	if (rule->kind == EXPECT_GOODPUT_FRACTION) {
		rule->has_max = false;
		rule->has_min = true;
	}
	if (rule->kind == EXPECT_REACHED) {
		rule->has_max = false;
		rule->has_min = true;
		rule->min = (double)f->min_count;
	}
}

static const char *expect_id_at(const struct score_rules *r, uint32_t i)
{
	return r->expect[i].id;
}

static enum status parse_one(struct jval v, uint32_t index, const struct score_names *names,
        struct arena *arena, struct score_rules *out, struct error *err)
{
	struct expect_rule *rule = &out->expect[index];
	struct expect_fields f = {0};
	struct expect_common common;
	uint32_t kind;

	if (find_kind(v, &kind, err) != ERR_NONE ||
	        json_read2(v, common_table, ARRAY_LEN(common_table), &common,
	                kind_tables[kind].fields, kind_tables[kind].n, &f, err) != ERR_NONE ||
	        rules_pick_optional(f.fault, "fault", names->faults, names->n_faults, &rule->fault,
	                err) != ERR_NONE ||
	        rules_pick_optional(
	                f.tier, "tier", names->tiers, names->n_tiers, &rule->tier, err) != ERR_NONE)
		return err->code;
	rule->kind = (enum expect_kind)kind;
	rule->want_miss = common.want == 1;
	if (rule->kind == EXPECT_ISOLATION && !tier_has_slo(out, rule->tier))
		return json_expected(
		        json_type(f.tier) == JSON_NONE ? v : f.tier, err, "a tier that has an SLO");
	rule->id = rules_id(common.id, "expect", index, arena);
	fill(rule, &f);
	return rules_unique(v, rule->id, index, expect_id_at, out, err);
}

enum status rules_parse_expect(struct jval v, const struct score_names *names, struct arena *arena,
        struct score_rules *out, struct error *err)
{
	struct jval list, e;
	uint32_t n;

	if (rules_list(v, "expect", &list, &n, err) != ERR_NONE)
		return err->code;
	out->expect = ARENA_ARRAY(arena, struct expect_rule, n + 1);
	for (e = json_first(list); out->n_expect < n; e = json_next(e), out->n_expect++)
		if (parse_one(e, out->n_expect, names, arena, out, err) != ERR_NONE)
			return err->code;
	return ERR_NONE;
}

static bool has_tier(enum expect_kind kind)
{
	return kind == EXPECT_GOODPUT_FRACTION || kind == EXPECT_ERROR_FRACTION ||
	       kind == EXPECT_ISOLATION;
}

static void canonical_one(
        const struct expect_rule *r, const struct score_names *names, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	if (r->kind <= EXPECT_TTR)
		json_out_str(o, "fault", r->fault == UINT32_MAX ? NULL : names->faults[r->fault]);
	json_out_str(o, "id", r->id);
	json_out_str(o, "kind", expect_name(r->kind));
	if (r->kind <= EXPECT_TTR || r->kind == EXPECT_RECOVERED)
		json_out_i64(o, "max", r->max_ns);
	else if (r->kind == EXPECT_GOODPUT_FRACTION || r->kind == EXPECT_REACHED)
		json_out_real(o, "min", r->min);
	else if (r->kind != EXPECT_CRITICAL_PATH_IN_RACK && r->kind != EXPECT_ISOLATION)
		json_out_real(o, "max", r->max);
	if (r->kind == EXPECT_REACHED)
		json_out_str(o, "path", names_paths[r->path]);
	if (r->kind == EXPECT_CRITICAL_PATH_IN_RACK)
		json_out_str(o, "scope", scope_names[r->scope_pod]);
	if (has_tier(r->kind))
		json_out_str(o, "tier", r->tier == UINT32_MAX ? NULL : names->tiers[r->tier]);
	if (r->want_miss)
		json_out_str(o, "want", want_names[r->want_miss]);
	if (r->kind == EXPECT_GOODPUT_FRACTION || r->kind == EXPECT_ERROR_FRACTION)
		json_out_str(o, "window", window_name(r->window));
	json_out_close(o);
}

void rules_canonical_expect(
        const struct score_rules *r, const struct score_names *names, struct json_out *o)
{
	json_out_open(o, "expect", '[');
	for (uint32_t i = 0; i < r->n_expect; i++)
		canonical_one(&r->expect[i], names, o);
	json_out_close(o);
}
