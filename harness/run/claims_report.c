/* What a suite showed: one record a claim, for programs (OUT/<suite>.claims.json) and for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/units.h"
#include "harness/run/claims.h"
#include "harness/run/record.h"
#include "harness/run/sweep.h"

enum { TEXT_BYTES_MAX = 4 << 20 };

struct outcome_of {
	const struct suite *suite;
	const struct scenario_list *list;
	const struct verdict_run *const *runs;
};

/* A failed scenario fails its claim; a claim passes when all of them passed. */
static enum verdict verdict_of(const struct outcome_of *o, const struct claim *c)
{
	enum verdict v = VERDICT_PASS;

	for (uint32_t k = 0; k < c->n; k++) {
		const struct verdict_run *run = o->runs[c->scenarios[k]];
		const struct score_result *r = run ? run->doc.result : NULL;

		if (r && r->verdict == VERDICT_FAIL)
			return VERDICT_FAIL;
		if (!r || r->verdict != VERDICT_PASS)
			v = VERDICT_INCONCLUSIVE;
	}
	return v;
}

static bool is_harm(const struct claim *c, uint32_t k)
{
	return k < c->n_harm;
}

/* --- JSON ---------------------------------------------------------------------------- */

static void write_known(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns_to_ms(ns));
}

static void write_slo(struct json_out *o, const struct score_result *r)
{
	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < r->n_slo; i++) {
		const struct slo_result *s = &r->slo[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", s->rule->id);
		json_out_str(o, "metric", metric_name(s->rule->metric));
		json_out_real(o, "quantile", s->rule->quantile);
		json_out_str(o, "window", window_name(s->rule->window));
		json_out_str(o, "want", s->rule->want_miss ? "miss" : "hold");
		write_known(o, "limit_ms", s->rule->limit_ns);
		write_known(o, "observed_ms", s->observed_ns);
		json_out_str(o, "observed", s->observed);
		json_out_u64(o, "n", s->n);
		json_out_u64(o, "refused", s->refused);
		json_out_str(o, "basis", basis_name(s->basis));
		json_out_str(o, "verdict", verdict_name(s->verdict));
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_expect(struct json_out *o, const struct score_result *r)
{
	json_out_open(o, "expect", '[');
	for (uint32_t i = 0; i < r->n_expect; i++) {
		const struct expect_result *e = &r->expect[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", e->rule->id);
		json_out_str(o, "kind", expect_name(e->rule->kind));
		json_out_str(o, "want", e->rule->want_miss ? "miss" : "hold");
		if (e->has_limit)
			json_out_real(o, "limit", e->limit);
		else
			json_out_null(o, "limit");
		if (e->has_observed)
			json_out_real(o, "observed", e->observed);
		else
			json_out_null(o, "observed");
		json_out_str(o, "verdict", verdict_name(e->verdict));
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_scenario(
        struct json_out *o, const struct outcome_of *of, const struct claim *c, uint32_t k)
{
	const struct scenario *s = of->list->items[c->scenarios[k]];
	const struct verdict_run *run = of->runs[c->scenarios[k]];
	const struct score_result *r = run ? run->doc.result : NULL;
	uint64_t requests = 0;

	json_out_open(o, NULL, '{');
	json_out_str(o, "scenario", s->name);
	json_out_str(o, "role", is_harm(c, k) ? "harm" : "remedy");
	json_out_str(o, "about", s->about);
	json_out_str(o, "verdict", r ? verdict_name(r->verdict) : NULL);
	if (r) {
		for (int i = 0; i < OUTCOME_COUNT; i++)
			requests += r->by_outcome[i];
		json_out_str(o, "clock", run->doc.virtual_clock ? "virtual" : "wall");
		json_out_str(o, "traffic_digest", run->doc.traffic_digest);
		json_out_str(o, "result_digest", run->doc.result_digest);
		json_out_u64(o, "requests", requests);
		json_out_str(o, "result", record_within(run->path));
		write_slo(o, r);
		write_expect(o, r);
	}
	json_out_close(o);
}

static void write_value(struct json_out *o, const char *key, const char *json)
{
	if (json[0])
		json_out_raw(o, key, json);
	else
		json_out_null(o, key);
}

static void write_assumption(struct json_out *o, const struct outcome_of *of, const struct claim *c,
        const struct assumption *a)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "parameter", a->path);
	json_out_str(o, "label", "assumption");
	json_out_str(o, "source", a->source);
	json_out_str(o, "unit", a->unit);
	json_out_raw(o, "value", a->value);
	json_out_open(o, "scenarios", '[');
	for (uint32_t k = 0; k < c->n; k++)
		if (a->in >> k & 1)
			json_out_str(o, NULL, of->list->items[c->scenarios[k]]->name);
	json_out_close(o);
	if (a->holds[0]) {
		json_out_raw(o, "holds_for", a->holds);
	} else if (!a->note) {
		json_out_open(o, "searched", '[');
		write_value(o, NULL, a->from);
		write_value(o, NULL, a->to);
		json_out_close(o);
		json_out_open(o, "holds", '[');
		write_value(o, NULL, a->low);
		write_value(o, NULL, a->high);
		json_out_close(o);
		json_out_bool(o, "low_is_edge", a->low_is_edge);
		json_out_bool(o, "high_is_edge", a->high_is_edge);
	} else {
		json_out_null(o, "holds");
		json_out_str(o, "note", a->note);
	}
	json_out_close(o);
}

static void write_claim(struct json_out *o, const struct outcome_of *of, const struct claim *c,
        const struct sweep *sweep)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", c->id);
	json_out_str(o, "section", c->section);
	json_out_str(o, "claim", c->text);
	json_out_str(o, "label", truth_name((enum truth)c->label));
	json_out_str(o, "source", c->source);
	json_out_str(o, "verdict", verdict_name(verdict_of(of, c)));
	json_out_u64(o, "seed", of->list->items[c->scenarios[0]]->seed);
	json_out_open(o, "scenarios", '[');
	for (uint32_t k = 0; k < c->n; k++)
		write_scenario(o, of, c, k);
	json_out_close(o);
	json_out_bool(o, "swept", sweep->base_holds);
	json_out_u64(o, "sweep_runs", sweep->runs);
	json_out_open(o, "assumptions", '[');
	for (uint32_t i = 0; i < sweep->n; i++)
		write_assumption(o, of, c, &sweep->items[i]);
	json_out_close(o);
	json_out_close(o);
}

/* --- the table ---------------------------------------------------------------------- */

static void print_numbers(struct text *t, const struct score_result *r)
{
	for (uint32_t i = 0; i < r->n_slo; i++) {
		const struct slo_result *s = &r->slo[i];

		text_printf(t, "\n             %s p%.6g %s", s->rule->id, s->rule->quantile * 100,
		        metric_name(s->rule->metric));
		if (s->observed_ns < 0)
			text_printf(t, " %s", s->observed);
		else
			text_printf(t, " %.3f", ns_to_ms(s->observed_ns));
		text_printf(t, ", limit %.3f, %s%s", ns_to_ms(s->rule->limit_ns),
		        s->rule->want_miss ? "to be missed: " : "", verdict_name(s->verdict));
		if (s->refused)
			text_printf(t, ", %" PRIu64 " refused", s->refused);
	}
	for (uint32_t i = 0; i < r->n_expect; i++) {
		const struct expect_result *e = &r->expect[i];

		text_printf(t, "\n             %s %s", e->rule->id, expect_name(e->rule->kind));
		if (e->has_observed)
			text_printf(t, " %.6g", e->observed);
		if (e->has_limit)
			text_printf(t, ", limit %.6g", e->limit);
		text_printf(t, ", %s%s", e->rule->want_miss ? "to be missed: " : "",
		        verdict_name(e->verdict));
	}
	text_printf(t, "\n");
}

static void print_assumption(struct text *t, const struct assumption *a)
{
	text_printf(t, "    leans on %s = %s", a->path, a->value);
	if (a->unit && a->value[0] != '"')
		text_printf(t, " %s", a->unit);
	if (a->holds[0])
		text_printf(t, ": holds for %s\n", a->holds);
	else if (a->note)
		text_printf(t, ": %s\n", a->note);
	else
		text_printf(t, ": holds from %s%s to %s%s\n", a->low, a->low_is_edge ? "*" : "",
		        a->high, a->high_is_edge ? "*" : "");
}

static void print_claim(struct text *t, const struct outcome_of *of, const struct claim *c,
        const struct sweep *sweep)
{
	static const char *const shown[] = {"PASS", "FAIL", "INCONCLUSIVE", "INCONCLUSIVE"};

	text_printf(t, "\n  %s  %s / %s (%s)\n    %s\n", shown[verdict_of(of, c)], c->section,
	        c->id, truth_name((enum truth)c->label), c->text);
	for (uint32_t k = 0; k < c->n; k++) {
		const struct verdict_run *run = of->runs[c->scenarios[k]];

		text_printf(t, "    %-6s  %s", is_harm(c, k) ? "harm" : "remedy",
		        of->list->items[c->scenarios[k]]->name);
		if (run && run->doc.result)
			print_numbers(t, run->doc.result);
		else
			text_printf(t, ": not judged\n");
	}
	for (uint32_t i = 0; i < sweep->n; i++)
		print_assumption(t, &sweep->items[i]);
	if (!sweep->base_holds)
		text_printf(t, "    not swept: not all of its virtual runs show by themselves what "
		               "was asked for\n");
	else if (sweep->n == 0)
		text_printf(t, "    leans on no parameter that is labelled assumption\n");
}

/* --- the whole ----------------------------------------------------------------------- */

static enum status write_file(
        const struct suite *suite, const char *out_dir, const struct json_out *o, struct error *err)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s.claims.json", suite->name);
	return record_file(out_dir, name, o->buf, o->n, err);
}

enum status claims_conclude(const struct suite *suite, const struct scenario_list *list,
        const struct verdict_run *const *runs, const char *out_dir,
        const volatile sig_atomic_t *interrupt, struct error *err)
{
	struct outcome_of of = {suite, list, runs};
	enum status st = ERR_NONE;
	struct json_out o;
	struct text t;

	json_out_init(&o, 2);
	text_init(&t, TEXT_BYTES_MAX);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "schema", "lpuchaos.claims/1");
	json_out_str(&o, "suite", suite->name);
	json_out_open(&o, "claims", '[');
	text_printf(&t, "claims of %s (* = the end of what was searched)\n", suite->name);
	for (uint32_t i = 0; i < suite->n_claims && !st; i++) {
		struct sweep sweep;

		st = sweep_claim(&suite->claims[i], list, interrupt, &sweep, err);
		if (!st) {
			write_claim(&o, &of, &suite->claims[i], &sweep);
			print_claim(&t, &of, &suite->claims[i], &sweep);
		}
		sweep_free(&sweep);
	}
	if (!st) {
		json_out_close(&o);
		json_out_close(&o);
		(void)fputs(t.buf, stderr);
		st = write_file(suite, out_dir, &o, err);
	}
	if (!st)
		(void)fprintf(stderr, "\n  claims: %s/%s.claims.json\n", out_dir, suite->name);
	json_out_free(&o);
	text_free(&t);
	return st;
}
