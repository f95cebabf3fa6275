/* Whether to believe it: what the figures rest on and with which truth label, how good the
 * measurement was, by which rule it was judged, and how to do it again. */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>

/* --- assumptions --- */

struct label {
	const char *name, *caption, *note;
};

static const struct label labels[] = {
        {"assumption", "Assumptions",
                "set by us, for want of a source; a verdict that leans on "
                "one is worth as much as it"},
        {"inference", "Inferences", "computed from facts by a stated argument"},
        {"fact", "Facts", "measured or published, with the source"}};

/* A list, or an object with a list in it. */
static struct jval first_entry(struct jval root)
{
	struct jval list = json_get(root, "assumptions");

	return json_first(json_type(list) == JSON_ARRAY ? list : root);
}

static bool has_label(struct jval e, const char *label)
{
	const char *l = page_text(e, "label");

	return l && strcmp(l, label) == 0;
}

static size_t count_label(struct jval root, const char *label)
{
	size_t n = 0;

	for (struct jval e = first_entry(root); e.item; e = json_next(e))
		n += has_label(e, label);
	return n;
}

static void label_table(struct page_state *s, struct text *t, const struct label *l, size_t all)
{
	static const char *const heads[] = {"What", "#Value", "Unit", "Label", "Source", NULL};
	size_t n = 0;

	html_table(t, l->note, heads);
	for (struct jval e = first_entry(s->p->assumptions); e.item && n < s->rows;
	        e = json_next(e)) {
		if (!has_label(e, l->name))
			continue;
		html_row(t);
		html_cell_head(t, page_text(e, "path"));
		html_cell_value(t, json_get(e, "value"));
		html_cell(t, page_text(e, "unit") ? page_text(e, "unit") : "");
		html_cell_label(t, l->name);
		html_cell(t, page_text(e, "source") ? page_text(e, "source") : "");
		html_row_end(t);
		n++;
	}
	html_table_end(t);
	page_more(t, all - n, "entries", "assumptions.json");
}

void page_assumptions(struct page_state *s, struct text *t)
{
	struct jval root = s->p->assumptions;
	size_t n = 0;

	html_section(t, "assumptions", "What the figures rest on");
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		size_t all = count_label(root, labels[i].name);
		char summary[PAGE_NAME_MAX];

		n += all;
		if (all == 0)
			continue;
		(void)snprintf(summary, sizeof(summary), "%zu %s", all, labels[i].caption);
		html_subsection(t, summary);
		if (i > 0)
			html_details(t, labels[i].note);
		label_table(s, t, &labels[i], all);
		if (i > 0)
			html_details_end(t);
	}
	if (n == 0)
		html_note(t, "There is no assumptions.json.");
	html_section_end(t);
}

/* --- validity and agreement --- */

static void lag_table(struct text *t, struct jval v)
{
	static const char *const heads[] = {"Lateness in ms", "#p50", "#p99", "#Max", NULL};
	static const struct {
		const char *key, *text;
	} rows[] = {{"sched_lag_ms", "Sending: first byte handed over, after the planned instant"},
	        {"emission_lag_ms", "Emission: token handed over, after its timetable instant"},
	        {"loop_lag_ms", "Event loop"},
	        {"overhead_ms", "Overhead: TTFT on the wire that no account explains"}};

	html_table(t, "How late this machine was", heads);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct jval lag = json_get(v, rows[i].key);

		html_row(t);
		html_cell_head(t, rows[i].text);
		html_cell_value(t, json_get(lag, "p50"));
		html_cell_value(t, json_get(lag, "p99"));
		html_cell_value(t, json_get(lag, "max"));
		html_row_end(t);
	}
	html_table_end(t);
}

static void agreement(struct text *t, struct jval a)
{
	static const char *const heads[] = {
	        "Wall run against its virtual companion", "#Seen", "Bound", NULL};
	static const struct {
		const char *key, *text, *bound;
	} rows[] = {{"compared", "Requests compared", ""},
	        {"outcome_mismatch_share", "Share with another outcome", "0.001"},
	        {"ttft_within_share", "Share of TTFT within 1 ms and one slot phase",
	                "0.99 at least"},
	        {"ttft_p50_wall_ms", "TTFT p50, wall", "2 % or 1 ms"},
	        {"ttft_p50_virtual_ms", "TTFT p50, virtual", ""},
	        {"ttft_p99_wall_ms", "TTFT p99, wall", "2 % or 1 ms"},
	        {"ttft_p99_virtual_ms", "TTFT p99, virtual", ""},
	        {"tpot_deviation", "Deviation of TPOT", "0.01"},
	        {"ledger_max_ms", "Ledger phases apart, ms", "20"}};

	html_paragraph_begin(t);
	html_text(t, "The model and the sockets are in agreement: ");
	html_value(t, json_get(a, "ok"));
	text_printf(t, ".");
	if (page_text(a, "reason")) {
		text_printf(t, " ");
		html_text(t, page_text(a, "reason"));
	}
	html_paragraph_end(t);
	html_table(t, "Agreement, request by request", heads);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		html_row(t);
		html_cell_head(t, rows[i].text);
		html_cell_value(t, json_get(a, rows[i].key));
		html_cell(t, rows[i].bound);
		html_row_end(t);
	}
	html_table_end(t);
}

static void validity(struct text *t, struct jval v)
{
	struct jval priority = json_get(v, "priority");

	html_terms(t);
	html_term_value(t, "Valid", json_get(v, "valid"));
	html_term_value(t, "Attempts made", json_get(v, "attempts"));
	if (page_known(priority)) {
		html_term_value(t, "Client: nice", json_get(priority, "client_nice"));
		html_term_value(t, "Client: core", json_get(priority, "client_cpu"));
		html_term_value(t, "Emulator: nice", json_get(priority, "emulator_nice"));
		html_term_value(t, "Emulator: core", json_get(priority, "emulator_cpu"));
	}
	html_terms_end(t);
	for (struct jval r = json_first(json_get(v, "reasons")); r.item; r = json_next(r))
		html_say(t, "Not valid: %s.", json_string(r) ? json_string(r) : "?");
}

void page_trust(struct page_state *s, struct text *t)
{
	struct jval r = s->p->result, v = json_get(r, "validity"), a = json_get(r, "agreement");
	const char *clock = page_text(r, "clock");
	bool wall = !clock || strcmp(clock, "virtual") != 0;

	html_section(t, "trust", "Validity and agreement");
	validity(t, v);
	if (wall)
		lag_table(t, v);
	else
		html_note(t, "On the virtual clock nothing is measured against this machine: the "
		             "same scenario and seed give the same result everywhere.");
	if (page_known(a))
		agreement(t, a);
	else if (wall)
		page_none(s, t, "There is no virtual companion to compare with.");
	html_section_end(t);
}

/* --- the rule --- */

static void percentile_rule(struct text *t)
{
	html_term(t, "Who is judged",
	        "Requests planned in the window, counted from their planned instants: a request "
	        "that could not be sent in time is late, not left out. Those that the scenario's "
	        "own client cancelled are not judged; refusals are limited apart; every other "
	        "failure is infinitely late.");
	html_term(t, "Percentile", "Nearest rank. Too few requests for it: undecided.");
	html_term(t, "Pass and fail",
	        "An exact binomial test on the requests over the limit errs in at most 1 % of "
	        "cases either way; between the two the run is inconclusive. Requests that queue "
	        "together are late together, so they are discounted by a variance inflation "
	        "factor from 20 consecutive batches.");
	html_term(t, "Expectations",
	        "What was seen against the limit. A phase that was begun and never ended fails; "
	        "one that was never called for decides nothing.");
	html_term(t, "The run",
	        "In this order: a wrong token fails it; stopped early: aborted; not valid: "
	        "inconclusive; anything missed: fail; the baseline did not hold, anything "
	        "undecided, or nothing asked: inconclusive; else pass.");
}

void page_rule(struct page_state *s, struct text *t)
{
	struct jval r = s->p->result, engine = json_get(r, "engine");

	html_section(t, "rule", "Who judged, and by which rule");
	html_paragraph_begin(t);
	text_printf(t, "lpuchaos ");
	html_value(t, json_get(engine, "version"));
	text_printf(t, ", commit ");
	html_value(t, json_get(engine, "commit"));
	text_printf(t, ", model version ");
	html_value(t, json_get(r, "model_version"));
	text_printf(t, ". No person decided anything after the run had begun.");
	html_paragraph_end(t);
	html_terms(t);
	percentile_rule(t);
	html_terms_end(t);
	html_section_end(t);
}

/* --- again --- */

static void engine_table(struct text *t, struct jval engine)
{
	static const char *const heads[] = {"The run itself", "#Value", NULL};

	html_table(t, "What it took", heads);
	for (struct jval m = json_first(engine); m.item; m = json_next(m)) {
		if (json_type(m) != JSON_NUMBER)
			continue;
		html_row(t);
		html_cell_head(t, json_key(m));
		html_cell_value(t, m);
		html_row_end(t);
	}
	html_table_end(t);
}

void page_replay(struct page_state *s, struct text *t)
{
	static const char *const heads[] = {"Digest", "Of what", "Value", NULL};
	static const struct {
		const char *key, *text, *of;
	} digests[] = {
	        {"plan_digest", "Plan", "the canonical plan, seed in: the same on both clocks"},
	        {"traffic_digest", "Traffic", "every request that was planned"},
	        {"result_digest", "Result", "all that happened; virtual clock only"}};
	struct jval r = s->p->result;

	html_section(t, "replay", "Again");
	if (page_text(r, "replay"))
		html_code(t, page_text(r, "replay"));
	html_paragraph(t,
	        "The life of one request, event by event, is told by \"lpuchaos explain\" "
	        "with this directory and the request's number.");
	html_table(t, "Digests: equal ones mean that it was the same", heads);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		html_row(t);
		html_cell_head(t, digests[i].text);
		html_cell(t, digests[i].of);
		html_cell_value(t, json_get(r, digests[i].key));
		html_row_end(t);
	}
	html_table_end(t);
	if (s->p->files && s->p->files[0]) {
		html_paragraph_begin(t);
		text_printf(t, "Files beside this page:");
		for (size_t i = 0; s->p->files[i]; i++) {
			text_printf(t, i ? ", " : " ");
			html_link(t, s->p->files[i], s->p->files[i]);
		}
		html_paragraph_end(t);
	}
	engine_table(t, json_get(r, "engine"));
	html_section_end(t);
}
