/* How each fault went: its instants as in the ledger, what they amount to, and what the twin says
 * it caused. */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>

enum { PHASES = 5 };

/* In the order in which a failover goes. */
static const char *const phase_keys[PHASES] = {
        "detect_ns", "isolate_ns", "failover_ns", "recover_ns", "revert_ns"};
static const char *const phase_words[PHASES] = {"until detected", "until isolated",
        "until failed over", "until recovered", "until reverted"};

/* --- the chart: time since the inject, cut at each instant that was reached --- */

struct cut {
	int phase;
	double ms; /* since the inject */
};

/* Ascending; a recovery without a breach is at the inject, and nothing to show. */
static size_t find_cuts(struct jval fault, struct cut cuts[PHASES])
{
	double inject = page_number(fault, "inject_ns");
	size_t n = 0;

	for (int p = 0; p < PHASES; p++) {
		struct cut c = {p, (page_number(fault, phase_keys[p]) - inject) / 1e6};
		size_t i = n;

		if (!(c.ms > 0))
			continue;
		for (; i > 0 && cuts[i - 1].ms > c.ms; i--)
			cuts[i] = cuts[i - 1];
		cuts[i] = c;
		n++;
	}
	return n;
}

/* Where bars begin on the logarithmic axis: a third of the shortest time that is shown. */
static double least_ms(struct jval faults)
{
	double least = 1e6;
	struct cut cuts[PHASES];

	for (struct jval f = json_first(faults); f.item; f = json_next(f))
		if (find_cuts(f, cuts) > 0 && cuts[0].ms < least)
			least = cuts[0].ms;
	return least / 3;
}

static void failover_chart(struct page_state *s, struct text *t, struct jval faults)
{
	const char *names[PAGE_CATEGORIES_MAX];
	struct html_series series[PHASES];
	struct html_point *points[PHASES];
	struct cut cuts[PHASES];
	double least = least_ms(faults);
	size_t row = 0;

	for (int p = 0; p < PHASES; p++) {
		points[p] = ARENA_ARRAY(&s->arena, struct html_point, PAGE_CATEGORIES_MAX);
		series[p] = (struct html_series){phase_words[p], points[p], 0};
	}
	for (struct jval f = json_first(faults); f.item && row < PAGE_CATEGORIES_MAX;
	        f = json_next(f), row++) {
		size_t n = find_cuts(f, cuts);
		double from = least;

		names[row] = page_text(f, "id") ? page_text(f, "id") : "";
		for (size_t i = 0; i < n; from = cuts[i++].ms) {
			struct html_series *of = &series[cuts[i].phase];

			points[cuts[i].phase][of->n++] =
			        (struct html_point){.x = (double)row, .y = from, .to = cuts[i].ms};
		}
	}
	html_chart(
	        t, &(struct html_chart){.id = "failover-chart",
	                   .title = "From inject to revert",
	                   .about = "Time since each fault's inject, on a logarithmic scale. A bar "
	                            "ends where the phase that it is named after was reached.",
	                   .type = HTML_RANGE,
	                   .x = "fault",
	                   .y = "ms since inject",
	                   .log_y = true,
	                   .categories = names,
	                   .n_categories = row,
	                   .series = series,
	                   .n_series = PHASES});
}

/* --- the tables --- */

static void instants_table(struct page_state *s, struct text *t, struct jval faults)
{
	static const char *const heads[] = {"Fault", "#Inject s", "#Effect s", "#Detect s",
	        "#Isolate s", "#Failover s", "#Recover s", "#Revert s", NULL};
	static const char *const keys[] = {"inject_ns", "effect_ns", "detect_ns", "isolate_ns",
	        "failover_ns", "recover_ns", "revert_ns"};
	size_t row = 0;

	html_table(t, "Instants, seconds of run time", heads);
	for (struct jval f = json_first(faults); f.item && row < s->rows; f = json_next(f), row++) {
		html_row(t);
		html_cell_head(t, page_text(f, "id"));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			html_cell_scaled(t, json_get(f, keys[i]), 1e9);
		html_row_end(t);
	}
	html_table_end(t);
}

static void state_cell(struct text *t, struct jval f)
{
	const char *withheld = page_text(f, "withheld");
	struct jval clean = json_get(f, "clean");

	html_cell_begin(t);
	if (json_type(clean) == JSON_BOOL)
		html_text(t, json_is_true(clean) ? "clean" : "not clean");
	if (page_known(json_get(f, "inject_ns")) && !page_known(json_get(f, "effect_ns")))
		html_text(t, ", no effect");
	if (withheld) {
		text_printf(t, ", withheld by ");
		html_text(t, withheld);
	}
	html_cell_end(t);
}

static void times_table(struct page_state *s, struct text *t, struct jval faults)
{
	static const char *const heads[] = {"Fault", "Kind", "Target", "#Detect ms", "#Failover ms",
	        "#Recover ms", "Promise broken", "State at the end", "Detail", NULL};
	size_t row = 0;

	html_table(t, "What it was, and how long it took from the inject", heads);
	for (struct jval f = json_first(faults); f.item && row < s->rows; f = json_next(f), row++) {
		html_row(t);
		html_cell_head(t, page_text(f, "id"));
		html_cell(t, page_text(f, "kind"));
		html_cell(t, page_text(f, "target"));
		html_cell_value(t, json_get(f, "ttd_ms"));
		html_cell_value(t, json_get(f, "ttf_ms"));
		html_cell_value(t, json_get(f, "ttr_ms"));
		html_cell_value(t, json_get(f, "breach"));
		state_cell(t, f);
		html_cell(t, page_text(f, "detail") ? page_text(f, "detail") : "");
		html_row_end(t);
	}
	html_table_end(t);
}

void page_faults(struct page_state *s, struct text *t)
{
	struct jval faults = json_get(s->p->result, "faults");
	size_t n = json_count(faults);

	html_section(t, "failover", "How each fault went");
	if (n > 0) {
		failover_chart(s, t, faults);
		times_table(s, t, faults);
		instants_table(s, t, faults);
		page_more(t, n > s->rows ? n - s->rows : 0, "faults", "faults.json");
		html_note(t, "A dash: not reached, or not called for. Recover at the inject: no "
		             "promise was broken.");
	} else {
		page_none(s, t, "No fault was planned.");
	}
	html_section_end(t);
}

/* --- damage --- */

static void damage_rows(struct page_state *s, struct text *t, struct jval faults)
{
	static const char *const keys[] = {
	        "late", "extra_ms_sum", "lost", "refused", "tokens_recomputed"};
	size_t row = 0;

	for (struct jval f = json_first(faults); f.item && row < s->rows; f = json_next(f), row++) {
		html_row(t);
		html_cell_head(t, page_text(f, "id"));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			html_cell_value(t, json_get(json_get(f, "damage"), keys[i]));
		html_cell_value(t, json_get(f, "replayed_requests"));
		html_cell_scaled(t, json_get(f, "coalesce_ns"), 1e9);
		html_row_end(t);
	}
}

void page_damage(struct page_state *s, struct text *t)
{
	static const char *const heads[] = {"Fault", "#Late", "#Later by ms", "#Lost", "#Refused",
	        "#Tokens again", "#Replayed", "#Over at s", NULL};
	struct jval faults = json_get(s->p->result, "faults");

	html_section(t, "damage", "What each fault caused");
	if (json_count(faults) > 0) {
		html_paragraph(t, "Each run is compared, request by request, with its twin: the "
		                  "same run without this one fault. What differs, the fault "
		                  "caused, and nothing else.");
		html_table(t, "Damage by fault", heads);
		damage_rows(s, t, faults);
		html_table_end(t);
		html_note(t, "Later by: all late requests together. Replayed: requests that lost "
		             "their slot and ran again. Over at: planned instant, in run time, of "
		             "the first request from which on both runs differ by one frame at "
		             "most.");
	} else {
		page_none(s, t, "No fault was planned.");
	}
	html_section_end(t);
}
