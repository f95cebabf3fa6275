/* What was promised and what was seen: SLOs, expectations, what became of the requests, and what
 * those died of that decided a percentile. */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>

/* --- SLOs --- */

/* "p99 of time to first token, tier chat, window fault" */
static const char *promise(struct page_state *state, struct jval slo)
{
	double quantile = page_number(slo, "quantile"), refused = page_number(slo, "max_refused");
	const char *window = page_text(slo, "window"), *want = page_text(slo, "want");
	const char *metric = page_metric(page_text(slo, "metric")), *tier = page_text(slo, "tier");
	bool part = window && strcmp(window, "all") != 0;
	char q[PAGE_NAME_MAX], most[PAGE_NAME_MAX] = "";

	if (refused > 0)
		(void)snprintf(most, sizeof(most), ", at most %.10g %% refused", 100 * refused);
	return arena_printf(&state->arena, "%s of %s, tier %s%s%s%s%s",
	        page_quantile(quantile == quantile ? quantile : 0, q), metric ? metric : "?",
	        tier ? tier : "?", part ? ", window " : "", part ? window : "", most,
	        want && strcmp(want, "miss") == 0 ? " (wanted: a miss)" : "");
}

/* A percentile that is not finite is told by its word. */
static void observed_cell(struct text *t, struct jval slo)
{
	struct jval v = json_get(slo, "observed_ms");
	const char *word = page_text(slo, "observed");

	if (page_known(v) || !word) {
		html_cell_value(t, v);
		return;
	}
	html_cell_begin(t);
	html_text(t, strcmp(word, "too_few") == 0 ? "too few requests" : word);
	html_cell_end(t);
}

static void verdict_cell(struct text *t, struct jval v)
{
	const char *reason = page_text(v, "reason");

	html_cell_begin(t);
	html_verdict(t, page_text(v, "verdict"));
	if (reason) {
		text_printf(t, " ");
		html_text(t, page_reason(reason));
	}
	html_cell_end(t);
}

static void left_out(struct page_state *state, struct text *t, struct jval list)
{
	size_t n = json_count(list);

	page_more(t, n > state->rows ? n - state->rows : 0, "rows", "result.json");
}

static void slo_rows(struct page_state *state, struct text *t, struct jval list)
{
	size_t row = 0;

	static const char *const figures[] = {"upper_ms", "n", "over", "refused", "vif", "n_eff"};

	for (struct jval s = json_first(list); s.item && row < state->rows;
	        s = json_next(s), row++) {
		html_row(t);
		html_cell_head(t, page_text(s, "id"));
		verdict_cell(t, s);
		html_cell(t, promise(state, s));
		html_cell_value(t, json_get(s, "limit_ms"));
		observed_cell(t, s);
		for (size_t i = 0; i < ARRAY_LEN(figures); i++)
			html_cell_value(t, json_get(s, figures[i]));
		html_cell_value(t, json_get(s, "basis"));
		html_row_end(t);
	}
}

static void slo_table(struct page_state *state, struct text *t, struct jval list)
{
	static const char *const heads[] = {"SLO", "Verdict", "Promise", "#Limit ms",
	        "#Observed ms", "#Bound ms", "#n", "#Over", "#Refused", "#vif", "#n eff", "Basis",
	        NULL};

	html_table(t, "Service level objectives", heads);
	slo_rows(state, t, list);
	html_table_end(t);
	left_out(state, t, list);
	html_details(t, "What the columns mean");
	html_terms(t);
	html_term(t, "Observed",
	        "the percentile of all judged requests; one that failed counts as "
	        "infinitely late");
	html_term(t, "Bound", "the limit at which the same test would just pass");
	html_term(t, "n, over, refused",
	        "requests that were judged, those beyond the limit, and those that were refused, "
	        "which are limited apart");
	html_term(t, "vif, n eff",
	        "neighbours wait in the same queue and are late together: n requests are worth "
	        "n / vif independent ones");
	html_term(t, "Basis: run", "this run alone decided");
	html_term(t, "Basis: replicas",
	        "this run was undecided; it was judged together with more virtual runs of other "
	        "seeds, which n and the percentile count");
	html_term(t, "Basis: paired",
	        "this run was undecided by itself and in agreement with its virtual companion, "
	        "whose verdict was taken");
	html_term(t, "Basis: census",
	        "recorded traffic on the virtual clock: nothing is left to chance, over / n "
	        "decides");
	html_terms_end(t);
	html_details_end(t);
}

/* --- expectations --- */

static const char *expectation(const char *kind)
{
	static const struct {
		const char *kind, *text;
	} words[] = {{"ttd", "time to detect, ms at most"},
	        {"ttf", "time to fail over, ms at most"}, {"ttr", "time to recover, ms at most"},
	        {"lost_requests", "requests lost, at most"},
	        {"corrupt_tokens", "requests with a wrong token, at most"},
	        {"critical_path_in_rack", "the critical path stays inside"},
	        {"goodput_fraction", "share of good requests, at least"},
	        {"error_fraction", "share of lost requests, at most"},
	        {"isolation", "SLOs of others missed during faults"},
	        {"reached", "times that a path was taken, at least"},
	        {"recovered", "everything holds again after the last revert"}};

	for (size_t i = 0; kind && i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].kind, kind) == 0)
			return words[i].text;
	return kind;
}

/* What it is about: a fault, tier, path or scope; without one, all of them. */
static void subject_cell(struct text *t, struct jval e)
{
	static const char *const keys[] = {"fault", "tier", "path", "scope"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (page_text(e, keys[i])) {
			html_cell_begin(t);
			text_printf(t, "%s ", keys[i]);
			html_text(t, page_text(e, keys[i]));
			html_cell_end(t);
			return;
		}
	html_cell(t, "");
}

static void expect_table(struct page_state *state, struct text *t, struct jval list)
{
	size_t row = 0;
	static const char *const heads[] = {
	        "Expectation", "Verdict", "What", "Of", "#Limit", "#Observed", NULL};

	html_table(t, "Expectations", heads);
	for (struct jval e = json_first(list); e.item && row < state->rows;
	        e = json_next(e), row++) {
		html_row(t);
		html_cell_head(t, page_text(e, "id"));
		verdict_cell(t, e);
		html_cell(t, expectation(page_text(e, "kind")));
		subject_cell(t, e);
		html_cell_value(t, json_get(e, "limit"));
		html_cell_value(t, json_get(e, "observed"));
		html_row_end(t);
	}
	html_table_end(t);
	left_out(state, t, list);
}

/* --- requests --- */

/* An object of numbers as one row under its keys. */
static void value_table(
        struct page_state *s, struct text *t, const char *caption, struct jval object)
{
	const char **heads = ARENA_ARRAY(&s->arena, const char *, json_count(object) + 1);
	size_t n = 0;

	if (!page_known(object))
		return;
	for (struct jval m = json_first(object); m.item && json_key(m); m = json_next(m))
		heads[n++] = arena_printf(&s->arena, "#%s", json_key(m));
	html_table(t, caption, heads);
	html_row(t);
	for (struct jval m = json_first(object); m.item; m = json_next(m))
		html_cell_value(t, m);
	html_row_end(t);
	html_table_end(t);
}

/* Numbers of the whole run that stand at the top of the document, under the names that vLLM's
 * benchmark gives them. */
static void totals_table(struct text *t, struct jval result)
{
	static const char *const heads[] = {"Name", "#Value", NULL};
	static const char *const ours[] = {"seed", "model_version", NULL};

	html_details(t, "All tiers together, by the names of vLLM's benchmark");
	html_table(t, "Requests planned in the measured window", heads);
	for (struct jval m = json_first(result); m.item; m = json_next(m)) {
		bool skip = json_type(m) != JSON_NUMBER;

		for (size_t i = 0; ours[i]; i++)
			skip = skip || strcmp(json_key(m), ours[i]) == 0;
		if (skip)
			continue;
		html_row(t);
		html_cell_head(t, json_key(m));
		html_cell_value(t, m);
		html_row_end(t);
	}
	html_table_end(t);
	html_details_end(t);
}

static void requests(struct page_state *s, struct text *t, struct jval r)
{
	struct jval trace = json_get(r, "trace");

	html_subsection(t, "What became of the requests");
	value_table(s, t, "Requests of the whole run", json_get(r, "requests"));
	html_details(t, "Every outcome by itself");
	value_table(s, t, "Outcomes of the whole run", json_get(r, "outcomes"));
	value_table(s, t, "Tokens of ok requests", json_get(r, "tokens"));
	html_details_end(t);
	totals_table(t, r);
	if (page_known(trace)) {
		html_terms(t);
		html_term_value(t, "Rows of the trace", json_get(trace, "rows_read"));
		html_term_value(t, "Rows that became requests", json_get(trace, "emitted"));
		html_terms_end(t);
		value_table(s, t, "Rows left out, by reason", json_get(trace, "dropped"));
	}
}

void page_promises(struct page_state *s, struct text *t)
{
	struct jval slo = json_get(s->p->result, "slo");
	struct jval expect = json_get(s->p->result, "expect");

	html_section(t, "promises", "What was promised, and what was seen");
	if (json_count(slo) > 0)
		slo_table(s, t, slo);
	else
		page_none(s, t, "No SLO was judged.");
	if (json_count(expect) > 0)
		expect_table(s, t, expect);
	else
		page_none(s, t, "No other expectation was judged.");
	requests(s, t, s->p->result);
	html_section_end(t);
}

/* --- blame --- */

enum { PARTS_MAX = HTML_CHART_SERIES_MAX };

struct parts {
	const char *name[PARTS_MAX];
	size_t n;
};

static void collect_parts(struct jval list, struct parts *parts)
{
	for (struct jval s = json_first(list); s.item; s = json_next(s))
		for (struct jval m = json_first(json_get(s, "blame")); m.item; m = json_next(m)) {
			size_t i = 0;

			while (i < parts->n && strcmp(parts->name[i], json_key(m)) != 0)
				i++;
			if (i == parts->n && parts->n < PARTS_MAX)
				parts->name[parts->n++] = json_key(m);
		}
}

static void blame_chart(
        struct page_state *s, struct text *t, struct jval list, const struct parts *parts)
{
	size_t all = json_count(list), n = all < PAGE_CATEGORIES_MAX ? all : PAGE_CATEGORIES_MAX;
	size_t row = 0;
	const char **names = ARENA_ARRAY(&s->arena, const char *, n);
	struct html_series *series = ARENA_ARRAY(&s->arena, struct html_series, parts->n);
	struct html_point *points = ARENA_ARRAY(&s->arena, struct html_point, n * parts->n);

	for (size_t i = 0; i < parts->n; i++)
		series[i] = (struct html_series){parts->name[i], &points[i * n], 0};
	for (struct jval v = json_first(list); row < n; v = json_next(v), row++) {
		names[row] = page_text(v, "id") ? page_text(v, "id") : "";
		for (size_t i = 0; i < parts->n; i++) {
			double share = page_number(json_get(v, "blame"), parts->name[i]);

			if (share == share)
				points[i * n + series[i].n++] =
				        (struct html_point){.x = (double)row, .y = share};
		}
	}
	html_chart(t, &(struct html_chart){.id = "blame-chart",
	                      .title = "Where the time went",
	                      .about = "For each SLO, the parts of the requests at and above the "
	                               "observed percentile; they add up to 1.",
	                      .type = HTML_BAR,
	                      .x = "SLO",
	                      .y = "share of the latency",
	                      .categories = names,
	                      .n_categories = n,
	                      .series = series,
	                      .n_series = parts->n});
}

static void blame_table(
        struct page_state *s, struct text *t, struct jval list, const struct parts *parts)
{
	const char **heads = ARENA_ARRAY(&s->arena, const char *, parts->n + 2);
	size_t row = 0;

	heads[0] = "SLO";
	for (size_t i = 0; i < parts->n; i++)
		heads[i + 1] = arena_printf(&s->arena, "#%s", parts->name[i]);
	html_table(t, "Share of the latency by part", heads);
	for (struct jval v = json_first(list); v.item && row < s->rows; v = json_next(v), row++) {
		html_row(t);
		html_cell_head(t, page_text(v, "id"));
		for (size_t i = 0; i < parts->n; i++)
			html_cell_value(t, json_get(json_get(v, "blame"), parts->name[i]));
		html_row_end(t);
	}
	html_table_end(t);
}

void page_blame(struct page_state *s, struct text *t)
{
	struct jval list = json_get(s->p->result, "slo");
	struct parts parts = {.n = 0};

	html_section(t, "blame", "What the slowest requests died of");
	collect_parts(list, &parts);
	if (parts.n > 0) {
		blame_chart(s, t, list, &parts);
		blame_table(s, t, list, &parts);
		html_note(t, "send_lag: the load generator was late. queue: no slot was free. "
		             "entry: waiting for the slot's departure. stall:<fault>: what that "
		             "fault took from a request in its slot.");
	} else {
		page_none(s, t, "There is no account of where the time went.");
	}
	html_section_end(t);
}
