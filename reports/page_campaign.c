/* One page for all modes: heading and what is missing are the same, the middle is the mode's. */
#include "reports/page_campaign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reports/page_lists.h"

enum { WORDS = 512 };

/* --- heading ------------------------------------------------------------------------- */

static void write_heading(struct text *t, const struct page_campaign *c)
{
	struct jval doc = c->doc, missing = json_get(doc, "missing");

	html_paragraph_begin(t);
	html_verdict(t, page_text(doc, "verdict"));
	html_text(t, " over ");
	html_value(t, json_get(doc, "cells"));
	html_text(t, " cells, mode ");
	html_text(t, page_text(doc, "mode"));
	html_text(t, ". The document behind this page: ");
	html_link(t, "campaign.json", "campaign.json");
	html_text(t, "; a line per cell: ");
	html_link(t, "cells.jsonl", "cells.jsonl");
	html_paragraph_end(t);
	if (page_count(missing, "count")) {
		html_paragraph_begin(t);
		html_verdict(t, "inconclusive");
		html_text(t, " ");
		html_value(t, json_get(missing, "count"));
		html_text(t, " cells are missing; what follows is of the others.");
		html_paragraph_end(t);
	}
	html_terms(t);
	html_term_value(t, "Scenario", json_get(doc, "scenario"));
	html_term_value(t, "Seed of the scenario", json_get(doc, "seed"));
	html_term_value(t, "Plan", json_get(doc, "plan_digest"));
	html_term_value(t, "Model version", json_get(doc, "model_version"));
	html_terms_end(t);
	html_code(t, c->again);
}

/* Values against the share of cells that do not exceed them, with their limit. */
static void draw_values(struct text *t, const struct page_values *v, uint32_t i, const char *title,
        const char *about, const char *x)
{
	char id[32], y[WORDS];
	struct html_series series = {v->id, v->points, v->n};
	struct html_limit limit = {"limit", v->limit};

	(void)snprintf(id, sizeof(id), "values-%" PRIu32, i);
	(void)snprintf(y, sizeof(y), "%s%s%s%s", v->metric, *v->unit ? " [" : "", v->unit,
	        *v->unit ? "]" : "");
	html_chart(t, &(struct html_chart){.id = id,
	                      .title = title,
	                      .about = about,
	                      .type = HTML_LINE,
	                      .x = x,
	                      .y = y,
	                      .series = &series,
	                      .n_series = 1,
	                      .limits = &limit,
	                      .n_limits = v->limit == v->limit});
}

/* --- contingencies ------------------------------------------------------------------- */

static void write_scope(struct text *t, struct jval doc)
{
	html_terms(t);
	html_term_value(t, "Losses", json_get(doc, "contingency"));
	html_term_value(t, "Contingencies there are", json_get(doc, "contingencies"));
	html_term_value(t, "Cells that are run", json_get(doc, "to_run"));
	html_term_value(t, "Stood for by symmetry", json_get(doc, "by_symmetry"));
	html_term_value(t, "The scenario demands to survive", json_get(doc, "survive"));
	html_term_value(t, "Good requests a second without losses",
	        json_get(json_get(doc, "twin"), "goodput_rps"));
	html_terms_end(t);
	if (!json_is_true(json_get(doc, "demanded")))
		html_note(t,
		        "These contingencies are not demanded by the scenario: they are reported, "
		        "and no verdict of a cell makes the campaign fail.");
}

static double share_held(struct jval row)
{
	double n = (double)page_count(row, "contingencies");

	return n > 0 ? 1 - (double)page_count(row, "pass") / n : HTML_NAN;
}

static void write_classes(struct text *t, struct jval list, bool pairs)
{
	static const char *const single[] = {"Class", "#Contingencies", "#Run", "#Pass", "#Fail",
	        "#Inconclusive", "Worst", "#Goodput lost [1/s]", NULL};
	static const char *const two[] = {"First", "Second", "#Contingencies", "#Run", "#Pass",
	        "#Fail", "#Inconclusive", "Worst", "#Goodput lost [1/s]", NULL};
	static const char *const counts[] = {
	        "contingencies", "run", "pass", "fail", "inconclusive"};

	html_table(
	        t, "Contingencies by what is lost, symmetric ones counted", pairs ? two : single);
	for (struct jval r = json_first(list); r.item; r = json_next(r)) {
		struct jval worst = json_get(r, "worst");

		html_row(t);
		html_cell_head(t, page_text(r, "class"));
		if (pairs)
			html_cell(t, page_text(r, "second"));
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			html_cell_value(t, json_get(r, counts[i]));
		html_cell(t, page_text(worst, "cell"));
		html_cell_value(t, json_get(worst, "goodput_lost_rps"));
		html_row_end(t);
	}
	html_table_end(t);
}

static const char *const classes[] = {"chip", "node", "cable", "pdu", "fan"};

static struct jval pair_of(struct jval list, const char *first, const char *second)
{
	struct jval r = json_first(list);

	while (r.item && (strcmp(page_text(r, "class"), first) != 0 ||
	                         strcmp(page_text(r, "second"), second) != 0))
		r = json_next(r);
	return r;
}

/* Class by class: which pairs are not passed, and how many of how many. */
static void write_map(struct text *t, struct jval list)
{
	static const char *const heads[] = {
	        "First lost", "#chip", "#node", "#cable", "#PDU", "#fan zone", NULL};

	html_table(t,
	        "Class by class: pairs that pass, of how many; darker where fewer do, a dash where "
	        "there are none in this order",
	        heads);
	for (size_t a = 0; a < ARRAY_LEN(classes); a++) {
		html_row(t);
		html_cell_head(t, classes[a]);
		for (size_t b = 0; b < ARRAY_LEN(classes); b++) {
			struct jval r = pair_of(list, classes[a], classes[b]);
			char cell[64];

			(void)snprintf(cell, sizeof(cell), "%" PRId64 " of %" PRId64,
			        page_count(r, "pass"), page_count(r, "contingencies"));
			html_cell_heat(t, share_held(r), r.item ? cell : NULL);
		}
		html_row_end(t);
	}
	html_table_end(t);
}

/* Verdicts by class, as shares of a bar. */
static void draw_classes(struct text *t, struct jval list, bool pairs)
{
	enum { CLASSES = ARRAY_LEN(classes) * ARRAY_LEN(classes) };
	static const char *const verdicts[] = {"pass", "fail", "inconclusive"};
	struct html_point points[ARRAY_LEN(verdicts)][CLASSES];
	struct html_series series[ARRAY_LEN(verdicts)];
	char names[CLASSES][64];
	const char *categories[CLASSES];
	size_t n = 0;

	for (struct jval r = json_first(list); r.item && n < CLASSES; r = json_next(r), n++) {
		double all = (double)page_count(r, "contingencies");

		(void)snprintf(names[n], sizeof(names[n]), "%.30s%s%.30s", page_text(r, "class"),
		        pairs ? ", " : "", pairs ? page_text(r, "second") : "");
		categories[n] = names[n];
		for (size_t v = 0; v < ARRAY_LEN(verdicts); v++)
			points[v][n] = (struct html_point){(double)n,
			        all > 0 ? (double)page_count(r, verdicts[v]) / all : 0, 0};
	}
	for (size_t v = 0; v < ARRAY_LEN(verdicts); v++)
		series[v] = (struct html_series){verdicts[v], points[v], n};
	html_chart(
	        t, &(struct html_chart){.id = "classes",
	                   .title = "Verdicts by what is lost",
	                   .about = "Of each class the share of contingencies with each verdict.",
	                   .type = HTML_BAR,
	                   .x = "class",
	                   .y = "share",
	                   .categories = categories,
	                   .n_categories = n,
	                   .series = series,
	                   .n_series = ARRAY_LEN(verdicts)});
}

static void write_ranking(struct text *t, struct jval doc)
{
	static const char *const heads[] = {"#Rank", PAGE_LOSS_HEADS, NULL};
	uint32_t n = 0;

	html_table(t, "The worst first: by goodput lost, then p99 of TTFT, then failover", heads);
	for (struct jval r = json_first(json_get(doc, "ranking"));
	        r.item && n < PAGE_CAMPAIGN_RANKS; r = json_next(r)) {
		html_row(t);
		html_cell_number(t, ++n);
		page_loss_cells(t, r);
		html_row_end(t);
	}
	html_table_end(t);
	html_say(t, "The first %" PRIu32 " of %" PRId64 " cells; all of them are in campaign.json.",
	        n, page_count(doc, "cells") - page_count(json_get(doc, "missing"), "count"));
}

static void write_contingencies(struct text *t, const struct page_campaign *c)
{
	struct jval list = json_get(c->doc, "classes");
	bool pairs = json_type(json_get(json_first(list), "second")) != JSON_NONE;

	html_section(t, "classes", "What is lost");
	write_scope(t, c->doc);
	if (pairs)
		write_map(t, list);
	draw_classes(t, list, pairs);
	write_classes(t, list, pairs);
	html_section_end(t);
	html_section(t, "ranking", "Ranking");
	for (uint32_t i = 0; i < c->n_values; i++)
		draw_values(t, &c->values[i], i, "What losses cost",
		        "Goodput lost against the run without losses, the cheapest loss at the "
		        "left "
		        "and the dearest at the right; symmetric ones count as often as there are.",
		        "share of contingencies");
	write_ranking(t, c->doc);
	html_section_end(t);
}

/* --- seeds --------------------------------------------------------------------------- */

static void cell_interval(struct text *t, struct jval p)
{
	char text[WORDS];

	(void)snprintf(
	        text, sizeof(text), "%.4f … %.4f", page_number(p, "low"), page_number(p, "high"));
	html_cell(t, text);
}

static void write_rules(struct text *t, struct jval list, const char *caption)
{
	static const char *const heads[] = {"Rule", "#Held in", "#Of", "#Share", "95 % interval",
	        "#At least (95 %)", "#Failed", "#Undecided", "#Least observed", "#p50", "#p90",
	        "#p99", "#Most observed", NULL};
	static const char *const held[] = {"k", "n", "share"};
	static const char *const seen[] = {"min", "p50", "p90", "p99", "max"};

	if (!json_count(list))
		return;
	html_table(t, caption, heads);
	for (struct jval r = json_first(list); r.item; r = json_next(r)) {
		struct jval p = json_get(r, "held"), o = json_get(r, "observed");

		html_row(t);
		html_cell_head(t, page_text(r, "id"));
		for (size_t i = 0; i < ARRAY_LEN(held); i++)
			html_cell_value(t, json_get(p, held[i]));
		cell_interval(t, p);
		html_cell_value(t, json_get(p, "at_least"));
		html_cell_value(t, json_get(r, "failed"));
		html_cell_value(t, json_get(r, "undecided"));
		for (size_t i = 0; i < ARRAY_LEN(seen); i++)
			html_cell_value(t, json_get(o, seen[i]));
		html_row_end(t);
	}
	html_table_end(t);
}

static void replay_seed(const struct page_campaign *c, uint64_t seed, char out[static WORDS])
{
	(void)snprintf(out, WORDS, "lpuchaos run %s/scenario.json --clock virtual --seed %" PRIu64,
	        c->dir, seed);
}

static void write_worst(struct text *t, const struct page_campaign *c, const struct page_values *v)
{
	static const char *const heads[] = {"#Observed", "#Seed", "Replay", NULL};
	char caption[WORDS];

	(void)snprintf(caption, sizeof(caption), "The worst seeds by %s", v->id);
	html_table(t, caption, heads);
	for (uint32_t i = 0; i < v->n_worst; i++) {
		char command[WORDS];

		replay_seed(c, v->worst[i].cell, command);
		html_row(t);
		html_cell_number(t, v->worst[i].value);
		html_cell_number(t, (double)v->worst[i].cell);
		html_cell_begin(t);
		html_code_word(t, command);
		html_cell_end(t);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_failing(struct text *t, const struct page_campaign *c)
{
	static const char *const heads[] = {"#Seed", "Missed", "Replay", NULL};
	struct jval list = json_get(c->doc, "failing");

	if (!json_count(list))
		return;
	html_subsection(t, "Seeds that failed");
	html_table(t, "The first hundred of them", heads);
	for (struct jval f = json_first(list); f.item; f = json_next(f)) {
		char command[WORDS], missed[WORDS];

		page_join(json_get(f, "missed"), missed, sizeof(missed));
		replay_seed(c, (uint64_t)page_count(f, "seed"), command);
		html_row(t);
		html_cell_value(t, json_get(f, "seed"));
		html_cell(t, missed);
		html_cell_begin(t);
		html_code_word(t, command);
		html_cell_end(t);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_phases(struct text *t, struct jval faults)
{
	static const char *const heads[] = {"Fault", "Phase", "#Reached in", "#Least [ms]", "#p50",
	        "#p90", "#p99", "#Most", NULL};
	static const char *const phases[] = {"ttd_ms", "ttf_ms", "ttr_ms"};
	static const char *const seen[] = {"count", "min", "p50", "p90", "p99", "max"};

	if (!json_count(faults))
		return;
	html_table(t, "How long faults took to be detected, failed over from and recovered from",
	        heads);
	for (struct jval f = json_first(faults); f.item; f = json_next(f))
		for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
			html_row(t);
			html_cell_head(t, page_text(f, "id"));
			html_cell(t, phases[p]);
			for (size_t i = 0; i < ARRAY_LEN(seen); i++)
				html_cell_value(t, json_get(json_get(f, phases[p]), seen[i]));
			html_row_end(t);
		}
	html_table_end(t);
}

static void write_seeds(struct text *t, const struct page_campaign *c)
{
	struct jval seeds = json_get(c->doc, "seeds"), passed = json_get(c->doc, "passed");

	html_section(t, "promises", "How often each promise was kept");
	html_paragraph_begin(t);
	html_value(t, json_get(passed, "k"));
	html_text(t, " of ");
	html_value(t, json_get(passed, "n"));
	html_text(t, " seeds passed (seeds ");
	html_value(t, json_get(seeds, "first"));
	html_text(t, " to ");
	html_value(t, json_get(seeds, "last"));
	html_text(t, "): with 95 % confidence at least ");
	html_value(t, json_get(passed, "at_least"));
	html_text(t, " of all seeds do.");
	html_paragraph_end(t);
	write_rules(t, json_get(c->doc, "slo"), "SLOs over the seeds, observed values in ms");
	write_rules(t, json_get(c->doc, "expect"), "Expectations over the seeds");
	write_phases(t, json_get(c->doc, "faults"));
	html_section_end(t);
	html_section(t, "distributions", "What was observed");
	for (uint32_t i = 0; i < c->n_values; i++) {
		char title[WORDS];

		(void)snprintf(title, sizeof(title), "%s over the seeds", c->values[i].id);
		draw_values(t, &c->values[i], i, title,
		        "The observed values in order: at each share of seeds, the value that so "
		        "many "
		        "do not exceed.",
		        "share of seeds");
		write_worst(t, c, &c->values[i]);
	}
	write_failing(t, c);
	html_section_end(t);
}

/* --- swarm --------------------------------------------------------------------------- */

static const char *const phases[] = {
        "inject", "effect", "detect", "isolate", "failover", "recover", "revert"};

static void write_coverage(struct text *t, struct jval doc)
{
	static const char *const heads[] = {"Kind", "Class of target", "#inject", "#effect",
	        "#detect", "#isolate", "#failover", "#recover", "#revert", NULL};
	double cells = (double)page_count(doc, "cells");

	html_table(t,
	        "Cells in which each phase was reached; a dash where it cannot be, darker where it "
	        "was reached more often",
	        heads);
	for (struct jval r = json_first(json_get(doc, "coverage")); r.item; r = json_next(r)) {
		html_row(t);
		html_cell_head(t, page_text(r, "kind"));
		html_cell(t, page_text(r, "class"));
		for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
			double n = page_number(r, phases[p]);
			char text[32];

			(void)snprintf(text, sizeof(text), "%.0f", n);
			html_cell_heat(t, n == n && cells > 0 ? n / cells : HTML_NAN,
			        n == n ? text : NULL);
		}
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_never(struct text *t, struct jval doc)
{
	static const char *const heads[] = {"Kind", "Class of target", "Phases", NULL};
	struct jval list = json_get(doc, "never_reached"), paths = json_get(doc, "paths_never");
	char words[WORDS];

	page_join(paths, words, sizeof(words));
	html_say(t, "Paths of the rack that no cell took: %s.", words[0] ? words : "none");
	if (!json_count(list)) {
		html_paragraph(t, "Everything that could be reached was.");
		return;
	}
	html_table(t, "What could be reached and was in no cell", heads);
	for (struct jval r = json_first(list); r.item; r = json_next(r)) {
		page_join(json_get(r, "phases"), words, sizeof(words));
		html_row(t);
		html_cell_head(t, page_text(r, "kind"));
		html_cell(t, page_text(r, "class"));
		html_cell(t, words);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_failures(struct text *t, const struct page_campaign *c)
{
	static const char *const heads[] = {
	        "#Cell", "#Seed", "Missed", "Why", "Scenario", "Replay", "Shrink", NULL};
	struct jval list = json_get(c->doc, "failures");
	uint32_t n = 0;

	if (!json_count(list)) {
		html_paragraph(t, "No cell failed.");
		return;
	}
	html_table(t, "Cells that failed, each a scenario that stands alone", heads);
	for (struct jval f = json_first(list); f.item && n < PAGE_CAMPAIGN_FAILURES;
	        f = json_next(f), n++) {
		const char *file = page_text(f, "file"), *missed = page_text(f, "missed");
		char command[WORDS];

		html_row(t);
		html_cell_value(t, json_get(f, "index"));
		html_cell_value(t, json_get(f, "seed"));
		html_cell(t, missed);
		html_cell(t, page_text(f, "why"));
		html_cell_begin(t);
		html_link(t, file, file);
		html_cell_end(t);
		(void)snprintf(command, sizeof(command), "lpuchaos run --clock virtual %s/%s",
		        c->dir, file);
		html_cell_begin(t);
		html_code_word(t, command);
		html_cell_end(t);
		(void)snprintf(command, sizeof(command), "lpuchaos shrink %s/%s --expect %s",
		        c->dir, file, missed ? missed : "recovered");
		html_cell_begin(t);
		html_code_word(t, command);
		html_cell_end(t);
		html_row_end(t);
	}
	html_table_end(t);
	if (json_count(list) > n)
		html_say(t, "%zu more are in campaign.json.", json_count(list) - n);
}

static void write_swarm(struct text *t, const struct page_campaign *c)
{
	struct jval recovered = json_get(c->doc, "recovered");

	html_section(t, "recovery", "Recovery");
	html_paragraph_begin(t);
	html_value(t, json_get(recovered, "k"));
	html_text(t, " of ");
	html_value(t, json_get(recovered, "n"));
	html_text(t, " decided cells were whole again in time: with 95 % confidence at least ");
	html_value(t, json_get(recovered, "at_least"));
	html_text(t, " of all plans are. More clean runs wanted for 99 %: ");
	html_value(t, json_get(c->doc, "clean_runs_wanted"));
	html_text(t, ".");
	html_paragraph_end(t);
	for (uint32_t i = 0; i < c->n_values; i++)
		draw_values(t, &c->values[i], i, "How long recovery took",
		        "From the last revert to the end of the last bad bin, the quickest cell at "
		        "the "
		        "left.",
		        "share of cells");
	html_section_end(t);
	html_section(t, "failures", "What failed");
	write_failures(t, c);
	html_section_end(t);
	html_section(t, "coverage", "Coverage");
	write_coverage(t, c->doc);
	write_never(t, c->doc);
	html_section_end(t);
}

/* --- the whole ----------------------------------------------------------------------- */

void page_campaign(struct text *t, const struct page_campaign *c)
{
	const char *mode = page_text(c->doc, "mode");
	char title[WORDS];

	(void)snprintf(
	        title, sizeof(title), "Campaign %s of %s", mode, page_text(c->doc, "scenario"));
	html_begin(t, title);
	write_heading(t, c);
	if (strcmp(mode, "seeds") == 0)
		write_seeds(t, c);
	else if (strcmp(mode, "swarm") == 0)
		write_swarm(t, c);
	else
		write_contingencies(t, c);
	html_end(t);
}
