/* For programs: the comparison as JSON, and as JUnit. */
#include "reports/compare.h"

/* --- JSON ---------------------------------------------------------------------------- */

/* Infinite and unknown are null. */
static void real_or_null(struct json_out *o, const char *key, bool known, double v)
{
	if (known)
		json_out_real(o, key, v);
	else
		json_out_null(o, key);
}

static void test_json(const struct compare_item *i, struct json_out *o)
{
	bool scattered = i->tested && i->test.what != COMPARE_SEEDS;

	real_or_null(o, "low", i->tested, i->low);
	real_or_null(o, "high", i->tested, i->high);
	real_or_null(o, "level", i->tested, i->level);
	real_or_null(o, "p_worse", i->tested, i->p_worse);
	real_or_null(o, "p_better", i->tested, i->p_better);
	real_or_null(o, "seen_from", i->tested, i->seen_from);
	real_or_null(o, "vif", scattered, i->test.scatter.vif);
}

static void item_json(const struct compare_item *i, struct json_out *o)
{
	bool both = i->has_base && i->has_new;

	json_out_open(o, NULL, '{');
	json_out_str(o, "name", i->name);
	json_out_str(o, "state", compare_state_name(i->state));
	json_out_bool(o, "decides", i->decides);
	json_out_str(o, "basis", compare_basis_name(i->basis));
	json_out_str(o, "tier", i->tier);
	json_out_str(o, "metric", i->metric);
	json_out_str(o, "window", i->window);
	real_or_null(o, "quantile", i->quantile > 0, i->quantile);
	json_out_str(o, "unit", i->unit);
	real_or_null(o, "base", i->has_base, i->base);
	real_or_null(o, "new", i->has_new, i->new);
	real_or_null(o, "change", both, i->new - i->base);
	real_or_null(o, "change_percent", both && i->base > 0,
	        both && i->base > 0 ? 100 * (i->new - i->base) / i->base : 0);
	real_or_null(o, "confidence", i->confidence > 0, i->confidence);
	json_out_u64(o, "n_base", i->n_base);
	json_out_u64(o, "n_new", i->n_new);
	test_json(i, o);
	json_out_str(o, "note", i->note);
	json_out_close(o);
}

static void run_json(const char *key, const struct compare_run *r, struct json_out *o)
{
	static const char *const sources[] = {"percentiles", "histograms", "requests"};

	json_out_open(o, key, '{');
	json_out_str(o, "path", r->path);
	json_out_u64(o, "seed", r->seed);
	json_out_str(o, "verdict", verdict_name(r->verdict));
	json_out_bool(o, "valid", r->valid);
	json_out_bool(o, "partial", r->partial);
	json_out_str(o, "plan_digest", r->plan_digest);
	json_out_str(o, "traffic_digest", r->traffic_digest);
	json_out_str(o, "result_digest", r->result_digest);
	json_out_i64(o, "model_version", r->model_version);
	json_out_str(o, "source", sources[r->source]);
	json_out_close(o);
}

static void campaign_json(const char *key, const struct compare_campaign *c, struct json_out *o)
{
	json_out_open(o, key, '{');
	json_out_str(o, "path", c->path);
	json_out_u64(o, "seeds", c->n);
	json_out_close(o);
}

static void pair_json(const struct compare_pair *p, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "scenario", p->scenario);
	json_out_str(o, "of", p->base ? "runs" : "campaigns");
	if (p->base) {
		json_out_str(o, "clock", p->base->virtual_clock ? "virtual" : "wall");
		run_json("base", p->base, o);
		run_json("new", p->new, o);
	} else {
		campaign_json("base", p->base_seeds, o);
		campaign_json("new", p->new_seeds, o);
	}
	json_out_bool(o, "same_traffic", p->same_traffic);
	json_out_bool(o, "identical", p->identical);
	json_out_str(o, "silent", p->silent);
	json_out_open(o, "notes", '[');
	for (uint32_t i = 0; i < p->n_notes; i++)
		json_out_str(o, NULL, p->notes[i]);
	json_out_close(o);
	json_out_open(o, "items", '[');
	for (uint32_t i = 0; i < p->n_items; i++)
		item_json(&p->items[i], o);
	json_out_close(o);
	json_out_close(o);
}

static void names_json(struct json_out *o, const char *key, const char *const *names, uint32_t n)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < n; i++)
		json_out_str(o, NULL, names[i]);
	json_out_close(o);
}

static void regressions_json(const struct compare *c, struct json_out *o)
{
	json_out_open(o, "regressions", '[');
	for (uint32_t i = 0; i < c->n_pairs; i++)
		for (uint32_t k = 0; k < c->pairs[i].n_items; k++) {
			const struct compare_item *item = &c->pairs[i].items[k];

			if (!item->decides || item->state != COMPARE_WORSE)
				continue;
			json_out_open(o, NULL, '{');
			json_out_str(o, "scenario", c->pairs[i].scenario);
			json_out_str(o, "name", item->name);
			json_out_close(o);
		}
	json_out_close(o);
}

void compare_json(const struct compare *c, struct json_out *o)
{
	static const char *const verdicts[] = {"pass", "fail"};
	int code = compare_exit_code(c);

	json_out_open(o, NULL, '{');
	json_out_str(o, "schema", COMPARE_SCHEMA);
	json_out_str(o, "base", c->base);
	json_out_str(o, "new", c->new);
	json_out_str(o, "verdict", code <= 1 ? verdicts[code] : "inconclusive");
	json_out_real(o, "tolerance", c->options.tolerance);
	json_out_real(o, "confidence", c->options.confidence);
	json_out_u64(o, "family", c->family);
	json_out_u64(o, "worse", c->n_worse);
	json_out_u64(o, "better", c->n_better);
	json_out_u64(o, "tolerated", c->n_tolerated);
	json_out_u64(o, "undecided", c->n_undecided);
	regressions_json(c, o);
	names_json(o, "only_in_base", c->base_only, c->n_base_only);
	names_json(o, "only_in_new", c->new_only, c->n_new_only);
	json_out_open(o, "pairs", '[');
	for (uint32_t i = 0; i < c->n_pairs; i++)
		pair_json(&c->pairs[i], o);
	json_out_close(o);
	json_out_close(o);
}

/* --- JUnit --------------------------------------------------------------------------- */

static void case_xml(const struct compare_pair *p, const struct compare_item *i, struct text *t)
{
	text_printf(t, "    <testcase classname=\"compare.");
	text_xml(t, p->scenario);
	text_printf(t, "\" name=\"");
	text_xml(t, i->name);
	if (i->state == COMPARE_WORSE) {
		struct text why;

		text_init(&why, 4096);
		compare_sentence(p, i, &why);
		text_printf(t, "\">\n      <failure message=\"");
		text_xml(t, why.buf);
		text_printf(t, "\">");
		text_xml(t, why.buf);
		text_printf(t, "</failure>\n    </testcase>\n");
		text_free(&why);
	} else if (i->state == COMPARE_UNDECIDED) {
		text_printf(t, "\">\n      <skipped message=\"");
		text_xml(t, i->note ? i->note : "undecided");
		text_printf(t, "\"/>\n    </testcase>\n");
	} else {
		text_printf(t, "\"/>\n");
	}
}

/* A pair of which nothing can be said must not look green. */
static void silent_xml(const struct compare_pair *p, struct text *t)
{
	text_printf(t, "    <testcase classname=\"compare.");
	text_xml(t, p->scenario);
	text_printf(t, "\" name=\"run\">\n      <error message=\"");
	text_xml(t, p->silent);
	text_printf(t, "\"/>\n    </testcase>\n");
}

static void pair_xml(const struct compare_pair *p, struct text *t)
{
	uint32_t tests = 0, failures = 0, skipped = 0, errors = p->silent ? 1 : 0;

	for (uint32_t i = 0; i < p->n_items; i++) {
		if (!p->items[i].decides)
			continue;
		tests++;
		failures += p->items[i].state == COMPARE_WORSE;
		skipped += p->items[i].state == COMPARE_UNDECIDED;
	}
	text_printf(t, "  <testsuite name=\"");
	text_xml(t, p->scenario);
	text_printf(t, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\">\n",
	        tests + errors, failures, errors, skipped);
	for (uint32_t i = 0; i < p->n_items; i++)
		if (p->items[i].decides)
			case_xml(p, &p->items[i], t);
	if (p->silent)
		silent_xml(p, t);
	text_printf(t, "  </testsuite>\n");
}

void compare_junit(const struct compare *c, struct text *out)
{
	text_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	                 "<testsuites name=\"lpuchaos compare\">\n");
	for (uint32_t i = 0; i < c->n_pairs; i++)
		pair_xml(&c->pairs[i], out);
	text_printf(out, "</testsuites>\n");
}
