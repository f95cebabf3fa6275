/* The scorer's part of result.json (DESIGN §9). What is not known is null, never 0. */
#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "reports/names.h"
#include "reports/score_state.h"

static void ms_or_null(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns_to_ms(ns));
}

/* `all` always and baseline; the other windows exist where faults were planned. */
void score_groups_json(const struct score *s, struct json_out *o)
{
	int windows = s->windows ? WINDOW_COUNT : WINDOW_BASELINE + 1;

	json_out_open(o, "groups", '[');
	for (uint32_t i = 0; i < s->config.n_tiers; i++)
		for (int w = 0; w < windows; w++)
			group_json(score_group(s, i, (enum window)w), s->config.tiers[i],
			        (enum window)w, score_window_length(s, (enum window)w), o);
	json_out_close(o);
}

void score_totals_json(const struct score *s, struct json_out *o)
{
	int64_t length_ns = score_window_length(s, WINDOW_ALL);
	struct group all;

	group_init(&all);
	for (uint32_t i = 0; i < s->config.n_tiers; i++)
		group_merge(&all, score_group(s, i, WINDOW_ALL));
	json_out_real(o, "duration", (double)length_ns / 1e9);
	group_vllm_json(&all, length_ns, o);
	group_free(&all);
}

static void blame_json(
        const struct slo_result *r, const struct score_names *names, struct json_out *o)
{
	struct arena scratch;

	if (!r->has_blame) {
		json_out_null(o, "blame");
		return;
	}
	arena_init(&scratch, 1 << 20);
	json_out_open(o, "blame", '{');
	for (int p = 0; p < BLAME_PARTS; p++)
		if (r->blame[p] > 0)
			json_out_real(o, blame_name((enum blame_part)p), r->blame[p]);
	for (uint32_t f = 0; f < names->n_faults; f++)
		if (r->blame_faults[f] > 0)
			json_out_real(o, arena_printf(&scratch, "stall:%s", names->faults[f]),
			        r->blame_faults[f]);
	json_out_close(o);
	arena_free(&scratch);
}

static void slo_json(
        const struct slo_result *r, const struct score_names *names, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", r->rule->id);
	json_out_str(o, "tier", names->tiers[r->rule->tier]);
	json_out_str(o, "window", window_name(r->rule->window));
	json_out_str(o, "metric", metric_name(r->rule->metric));
	json_out_real(o, "quantile", r->rule->quantile);
	json_out_real(o, "limit_ms", ns_to_ms(r->rule->limit_ns));
	ms_or_null(o, "observed_ms", r->observed_ns);
	json_out_str(o, "observed", r->observed);
	ms_or_null(o, "upper_ms", r->upper_ns);
	json_out_u64(o, "n", r->n);
	json_out_u64(o, "over", r->over);
	json_out_u64(o, "refused", r->refused);
	json_out_real(o, "max_refused", r->rule->max_refused);
	json_out_real(o, "vif", r->vif);
	json_out_u64(o, "n_eff", r->n_eff);
	json_out_str(o, "basis", basis_name(r->basis));
	blame_json(r, names, o);
	json_out_str(o, "want", r->rule->want_miss ? "miss" : "hold");
	json_out_str(o, "percentile_verdict", verdict_name(r->percentile));
	json_out_str(o, "verdict", verdict_name(r->verdict));
	json_out_str(o, "reason", r->reason);
	json_out_close(o);
}

static void number_json(
        struct json_out *o, const char *key, bool known, double v, enum expect_kind kind)
{
	if (!known)
		json_out_null(o, key);
	else if (kind == EXPECT_CRITICAL_PATH_IN_RACK)
		json_out_bool(o, key, v != 0);
	else
		json_out_real(o, key, v);
}

static void expect_json(
        const struct expect_result *r, const struct score_names *names, struct json_out *o)
{
	const struct expect_rule *rule = r->rule;

	json_out_open(o, NULL, '{');
	json_out_str(o, "id", rule->id);
	json_out_str(o, "kind", expect_name(rule->kind));
	if (rule->kind <= EXPECT_TTR)
		json_out_str(
		        o, "fault", rule->fault == UINT32_MAX ? NULL : names->faults[rule->fault]);
	if (rule->kind == EXPECT_REACHED)
		json_out_str(o, "path", names_paths[rule->path]);
	else if (rule->kind >= EXPECT_GOODPUT_FRACTION && rule->kind <= EXPECT_ISOLATION)
		json_out_str(o, "tier", rule->tier == UINT32_MAX ? NULL : names->tiers[rule->tier]);
	if (rule->kind == EXPECT_CRITICAL_PATH_IN_RACK)
		json_out_str(o, "scope", rule->scope_pod ? "pod" : "rack");
	number_json(o, "limit", r->has_limit, r->limit, rule->kind);
	number_json(o, "observed", r->has_observed, r->observed, rule->kind);
	if (rule->want_miss)
		json_out_str(o, "want", "miss");
	json_out_str(o, "verdict", verdict_name(r->verdict));
	json_out_str(o, "reason", r->reason);
	json_out_close(o);
}

void score_results_json(
        const struct score_result *r, const struct score_names *names, struct json_out *o)
{
	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < r->n_slo; i++)
		slo_json(&r->slo[i], names, o);
	json_out_close(o);
	json_out_open(o, "expect", '[');
	for (uint32_t i = 0; i < r->n_expect; i++)
		expect_json(&r->expect[i], names, o);
	json_out_close(o);
}
