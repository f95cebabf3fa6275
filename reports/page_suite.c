#include "reports/page_suite.h"

#include <stdio.h>
#include <string.h>

#include "reports/page_lists.h"

enum { HREF = 512, WORDS = 256 };

/* Of a table. A suite that has more lists only what did not pass, and of that the first. */
enum { ROWS_MAX = 500 };

static void cell_link(struct text *t, const char *folder, const char *file, const char *text)
{
	char href[HREF];

	html_cell_begin(t);
	if (folder) {
		(void)snprintf(href, sizeof(href), "%s/%s", folder, file);
		html_link(t, href, text);
	} else {
		html_text(t, NULL);
	}
	html_cell_end(t);
}

void page_suite_runs(struct text *t, struct jval runs)
{
	static const char *const heads[] = {
	        "Scenario", "Verdict", "Clock", "What it asks", "Report", "Result", NULL};

	html_section(t, "runs", "Runs");
	html_table(t, "Every run of the suite", heads);
	for (struct jval r = json_first(runs); r.item; r = json_next(r)) {
		const char *folder = page_text(r, "folder");

		html_row(t);
		html_cell_head(t, page_text(r, "scenario"));
		html_cell_verdict(t, page_text(r, "verdict"));
		html_cell(t, page_text(r, "clock"));
		html_cell(t, page_text(r, "about"));
		cell_link(t, folder, "report.html", "report");
		cell_link(t, folder, "result.json", "result.json");
		html_row_end(t);
	}
	html_table_end(t);
	html_section_end(t);
}

static bool passed(struct jval v)
{
	const char *verdict = page_text(v, "verdict");

	return verdict && strcmp(verdict, "pass") == 0;
}

/* Whether a row is shown; counts those that are not. */
static bool shows(const struct page_suite *s, struct jval v, size_t *shown, size_t *left)
{
	if (*shown < ROWS_MAX && (s->n_runs <= ROWS_MAX || !passed(v))) {
		++*shown;
		return true;
	}
	++*left;
	return false;
}

static void more(struct text *t, size_t left, const char *what)
{
	if (left)
		html_say(t, "%zu more %s are in the results of the runs.", left, what);
}

static void write_runs(struct text *t, const struct page_suite *s)
{
	size_t shown = 0, left = 0;
	static const char *const heads[] = {"Scenario", "Verdict", "Clock", "#Seed", "#Requests",
	        "Report", "Result", "JUnit", NULL};

	html_section(t, "runs", "Runs");
	html_table(t, "Every run of the suite", heads);
	for (uint32_t i = 0; i < s->n_runs; i++) {
		const struct page_suite_run *r = &s->runs[i];

		if (!shows(s, r->result, &shown, &left))
			continue;
		html_row(t);
		html_cell_head(t, r->scenario);
		html_cell_verdict(t, page_text(r->result, "verdict"));
		html_cell(t, page_text(r->result, "clock"));
		html_cell_value(t, json_get(r->result, "seed"));
		html_cell_value(t, json_get(json_get(r->result, "requests"), "scheduled"));
		cell_link(t, r->folder, "report.html", "report");
		cell_link(t, r->folder, "result.json", "result.json");
		cell_link(t, r->folder, "junit.xml", "junit.xml");
		html_row_end(t);
	}
	html_table_end(t);
	more(t, left, "runs");
	html_section_end(t);
}

static void write_slos(struct text *t, const struct page_suite *s)
{
	size_t shown = 0, left = 0;
	static const char *const heads[] = {"Scenario", "SLO", "Tier", "Metric", "#Quantile",
	        "Window", "#Limit [ms]", "#Observed [ms]", "#Upper [ms]", "#Refused", "Basis",
	        "Verdict", NULL};
	static const char *const figures[] = {"limit_ms", "observed_ms", "upper_ms", "refused"};

	html_section(t, "slo", "SLOs");
	html_note(t, "Where a miss is wanted, to show a harm, the verdict is pass when it came.");
	html_table(t, "What was promised and what was seen", heads);
	for (uint32_t i = 0; i < s->n_runs; i++)
		for (struct jval v = json_first(json_get(s->runs[i].result, "slo")); v.item;
		        v = json_next(v)) {
			const char *want = page_text(v, "want");
			char name[WORDS];

			if (!shows(s, v, &shown, &left))
				continue;
			(void)snprintf(name, sizeof(name), "%.100s%s", page_text(v, "id"),
			        want && strcmp(want, "miss") == 0 ? " (to be missed)" : "");
			html_row(t);
			html_cell_head(t, s->runs[i].scenario);
			html_cell(t, name);
			html_cell(t, page_text(v, "tier"));
			html_cell(t, page_text(v, "metric"));
			html_cell_value(t, json_get(v, "quantile"));
			html_cell(t, page_text(v, "window"));
			for (size_t f = 0; f < ARRAY_LEN(figures); f++)
				html_cell_value(t, json_get(v, figures[f]));
			html_cell(t, page_text(v, "basis"));
			html_cell_verdict(t, page_text(v, "verdict"));
			html_row_end(t);
		}
	html_table_end(t);
	more(t, left, "SLOs");
	html_section_end(t);
}

static void write_expectations(struct text *t, const struct page_suite *s)
{
	size_t shown = 0, left = 0;
	static const char *const heads[] = {"Scenario", "Expectation", "Kind", "#Limit",
	        "#Observed", "Reason", "Verdict", NULL};

	html_section(t, "expect", "Expectations");
	html_table(t, "What else was asked; times in ms", heads);
	for (uint32_t i = 0; i < s->n_runs; i++)
		for (struct jval v = json_first(json_get(s->runs[i].result, "expect")); v.item;
		        v = json_next(v)) {
			if (!shows(s, v, &shown, &left))
				continue;
			html_row(t);
			html_cell_head(t, s->runs[i].scenario);
			html_cell(t, page_text(v, "id"));
			html_cell(t, page_text(v, "kind"));
			html_cell_value(t, json_get(v, "limit"));
			html_cell_value(t, json_get(v, "observed"));
			html_cell(t, page_text(v, "reason"));
			html_cell_verdict(t, page_text(v, "verdict"));
			html_row_end(t);
		}
	html_table_end(t);
	more(t, left, "expectations");
	html_section_end(t);
}

static void write_claims(struct text *t, const struct page_suite *s)
{
	static const char *const heads[] = {
	        "Claim", "Section", "What is claimed", "Label", "Verdict", "#Leans on", NULL};
	struct jval list = json_get(s->claims, "claims");

	if (!json_count(list))
		return;
	html_section(t, "claims", "Claims");
	html_table(t, "Each a pair of harm and remedy over the same requests", heads);
	for (struct jval c = json_first(list); c.item; c = json_next(c)) {
		html_row(t);
		html_cell_head(t, page_text(c, "id"));
		html_cell(t, page_text(c, "section"));
		html_cell(t, page_text(c, "claim"));
		html_cell_label(t, page_text(c, "label"));
		html_cell_verdict(t, page_text(c, "verdict"));
		html_cell_number(t, (double)json_count(json_get(c, "assumptions")));
		html_row_end(t);
	}
	html_table_end(t);
	html_paragraph_begin(t);
	html_link(t, s->claims_file, s->claims_file);
	if (s->review) {
		html_text(t, ", and what a review has to defend: ");
		html_link(t, s->review, s->review);
	}
	html_paragraph_end(t);
	html_section_end(t);
}

/* The worst of them; a run that left nothing is inconclusive at best. */
static const char *verdict_of(const struct page_suite *s)
{
	bool fail = false, doubt = s->n_runs == 0;

	for (uint32_t i = 0; i < s->n_runs; i++) {
		const char *verdict = page_text(s->runs[i].result, "verdict");

		fail |= verdict && strcmp(verdict, "fail") == 0;
		doubt |= !verdict || strcmp(verdict, "pass") != 0;
	}
	return fail ? "fail" : doubt ? "inconclusive" : "pass";
}

void page_suite(struct text *t, const struct page_suite *s)
{
	static const struct html_entry entries[] = {{"runs", "Runs"}, {"slo", "SLOs"},
	        {"expect", "Expectations"}, {"claims", "Claims"}, {"replay", "Replay"}};
	static const struct html_entry without[] = {{"runs", "Runs"}, {"slo", "SLOs"},
	        {"expect", "Expectations"}, {"replay", "Replay"}};
	bool claims = json_count(json_get(s->claims, "claims")) > 0;
	char title[WORDS];

	(void)snprintf(title, sizeof(title), "Suite %s", s->name);
	html_begin(t, title);
	html_paragraph_begin(t);
	html_verdict(t, verdict_of(s));
	html_text(t, " over all runs.");
	html_paragraph_end(t);
	if (s->about)
		html_paragraph(t, s->about);
	html_contents(
	        t, claims ? entries : without, claims ? ARRAY_LEN(entries) : ARRAY_LEN(without));
	write_runs(t, s);
	write_slos(t, s);
	write_expectations(t, s);
	write_claims(t, s);
	html_section(t, "replay", "Replay");
	html_code(t, s->replay);
	if (s->junit) {
		html_paragraph_begin(t);
		html_text(t, "One report of all runs for a CI: ");
		html_link(t, s->junit, s->junit);
		html_paragraph_end(t);
	}
	html_section_end(t);
	html_end(t);
}
