/* Reading "slo". The whole of the rules passes here: score_rules_parse is at the end. */
#include <stddef.h>
#include <string.h>
#include "harness/base/units.h"
#include "reports/names.h"
#include "reports/rules.h"
#include "reports/window.h"

struct slo_fields {
	const char *id;
	struct jval tier;
	int metric, window, want;
	double quantile, max_refused;
	int64_t max_ns;
};

static const char *const want_names[] = {"hold", "miss", NULL};

#define FIELD(key, kind, member)                                                                   \
	.name = (key), .type = (kind), .offset = offsetof(struct slo_fields, member)

static const struct field slo_table[] = {
        {FIELD("id", FIELD_NAME, id), .help = "name of the objective in results"},
        {FIELD("tier", FIELD_VALUE, tier), .flags = FIELD_REQUIRED,
                .help = "whose requests are judged"},
        {FIELD("metric", FIELD_ENUM, metric), .flags = FIELD_REQUIRED, .choices = names_metrics,
                .help = "what is measured"},
        {FIELD("quantile", FIELD_REAL, quantile), .fallback = "0.99",
                .help = "share of the requests that must keep the limit"},
        {FIELD("max", FIELD_DURATION, max_ns), .flags = FIELD_REQUIRED, .unit = "ns",
                .help = "the limit"},
        {FIELD("window", FIELD_ENUM, window), .choices = names_windows, .fallback = "\"all\"",
                .help = "which of the tier's requests"},
        {FIELD("max_refused", FIELD_PERCENT, max_refused), .fallback = "0",
                .help = "share of refused requests that is tolerated"},
        {FIELD("want", FIELD_ENUM, want), .choices = want_names, .fallback = "\"hold\"",
                .help = "miss: a demonstration, met where the percentile verdict is fail"},
};

static enum status check_quantile(struct jval v, double quantile, struct error *err)
{
	if (quantile > 0 && quantile < 1)
		return ERR_NONE;
	return json_expected(json_get(v, "quantile"), err, "a quantile above 0 and below 1");
}

static const char *slo_id_at(const struct score_rules *r, uint32_t i)
{
	return r->slo[i].id;
}

static enum status parse_one(struct jval v, uint32_t index, const struct score_names *names,
        struct arena *arena, struct score_rules *out, struct error *err)
{
	struct slo_rule *rule = &out->slo[index];
	struct slo_fields f;

	if (json_read(v, slo_table, ARRAY_LEN(slo_table), &f, err) != ERR_NONE ||
	        check_quantile(v, f.quantile, err) != ERR_NONE ||
	        rules_pick(f.tier, "tier", names->tiers, names->n_tiers, &rule->tier, err) !=
	                ERR_NONE)
		return err->code;
	rule->id = rules_id(f.id, "slo", index, arena);
	rule->metric = (enum metric)f.metric;
	rule->quantile = f.quantile;
	rule->limit_ns = f.max_ns;
	rule->window = (enum window)f.window;
	rule->max_refused = f.max_refused;
	rule->want_miss = f.want == 1;
	return rules_unique(v, rule->id, index, slo_id_at, out, err);
}

/* Recovery bins count by quantile; see window.h. */
static enum status check_classes(struct jval list, const struct score_rules *r, struct error *err)
{
	double seen[WINDOW_CLASSES_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_slo; i++) {
		uint32_t k = 0;

		while (k < n && seen[k] != r->slo[i].quantile)
			k++;
		if (k < n)
			continue;
		if (n == WINDOW_CLASSES_MAX)
			return json_expected(json_get(json_at(list, i), "quantile"), err,
			        "at most %d different quantiles", WINDOW_CLASSES_MAX);
		seen[n++] = r->slo[i].quantile;
	}
	return ERR_NONE;
}

enum status score_rules_parse(struct jval v, const struct score_names *names, struct arena *arena,
        struct score_rules *out, struct error *err)
{
	struct jval list, e;
	uint32_t n;

	memset(out, 0, sizeof(*out));
	if (rules_list(v, "slo", &list, &n, err) != ERR_NONE)
		return err->code;
	out->slo = ARENA_ARRAY(arena, struct slo_rule, n + 1);
	for (e = json_first(list); out->n_slo < n; e = json_next(e), out->n_slo++)
		if (parse_one(e, out->n_slo, names, arena, out, err) != ERR_NONE)
			return err->code;
	if (check_classes(list, out, err) != ERR_NONE ||
	        rules_parse_expect(v, names, arena, out, err) != ERR_NONE)
		return err->code;
	return rules_parse_abort(v, names, arena, out, err);
}

static void canonical_slo(
        const struct slo_rule *r, const struct score_names *names, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", r->id);
	json_out_i64(o, "max", r->limit_ns);
	json_out_real(o, "max_refused", r->max_refused);
	json_out_str(o, "metric", metric_name(r->metric));
	json_out_real(o, "quantile", r->quantile);
	json_out_str(o, "tier", names->tiers[r->tier]);
	json_out_str(o, "want", want_names[r->want_miss]);
	json_out_str(o, "window", window_name(r->window));
	json_out_close(o);
}

void score_rules_canonical(
        const struct score_rules *r, const struct score_names *names, struct json_out *o)
{
	rules_canonical_abort(r, o);
	rules_canonical_expect(r, names, o);
	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < r->n_slo; i++)
		canonical_slo(&r->slo[i], names, o);
	json_out_close(o);
}
