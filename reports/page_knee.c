/* The knee: how much load keeps every SLO. The curve as it was played, theory beside it, where the
 * knee lies and with which interval, and the load that leaves room for bursts and a loss. */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 64 << 20, LINES = 3, ROWS_MAX = 300 };

/* --- the curve --- */

static size_t add_point(struct html_series *s, struct html_point *points, double x, double y)
{
	if (x == x && y == y)
		points[s->n++] = (struct html_point){.x = x, .y = y};
	return s->n;
}

static void curve_chart(struct jval knee, struct arena *arena, struct text *t)
{
	static const char *const words[LINES] = {
	        "p99, played", "mean, played", "p99, M/D/k theory"};
	struct jval curve = json_get(knee, "curve"),
	            k = json_get(json_get(knee, "healthy"), "knee");
	size_t n = json_count(curve), n_bands = 0;
	struct html_series series[LINES];
	struct html_point *points[LINES];
	struct html_band band;

	for (int i = 0; i < LINES; i++) {
		points[i] = ARENA_ARRAY(arena, struct html_point, n + 1);
		series[i] = (struct html_series){words[i], points[i], 0};
	}
	for (struct jval p = json_first(curve); p.item; p = json_next(p)) {
		struct jval ttft = json_get(p, "ttft_ms");
		double rho = page_number(p, "rho");

		add_point(&series[0], points[0], rho, page_number(ttft, "p99"));
		add_point(&series[1], points[1], rho, page_number(ttft, "mean"));
		add_point(&series[2], points[2], rho,
		        page_number(json_get(json_get(p, "theory"), "mdk"), "ttft_p99_ms"));
	}
	if (page_known(k)) {
		band = (struct html_band){"knee", page_number(json_get(k, "low"), "rho"),
		        page_number(json_get(k, "high"), "rho")};
		n_bands = band.from == band.from && band.to == band.to;
	}
	html_chart(t, &(struct html_chart){.id = "knee-chart",
	                      .title = "Time to first token against load",
	                      .about = "Each point is a load that was played. Shaded: the interval "
	                               "in which the knee lies. Theory is exact where arrivals are "
	                               "Poisson and requests equal.",
	                      .type = HTML_LINE,
	                      .x = "rho of the bottleneck",
	                      .y = "ms",
	                      .log_y = true,
	                      .series = series,
	                      .n_series = LINES,
	                      .bands = &band,
	                      .n_bands = n_bands});
}

static void curve_table(struct jval knee, struct text *t)
{
	static const char *const heads[] = {"#rho", "#Requests per s", "#TTFT p50 ms",
	        "#TTFT p99 ms", "#Queue p99 ms", "#M/D/k p99 ms", "#Allen-Cunneen mean ms",
	        "#Good share", "Verdict", NULL};
	size_t row = 0;

	html_details(t, "Every load of the curve");
	html_table(t, "The curve", heads);
	for (struct jval p = json_first(json_get(knee, "curve")); p.item && row < ROWS_MAX;
	        p = json_next(p), row++) {
		struct jval theory = json_get(p, "theory");

		html_row(t);
		html_cell_value(t, json_get(p, "rho"));
		html_cell_value(t, json_get(p, "rps"));
		html_cell_value(t, json_get(json_get(p, "ttft_ms"), "p50"));
		html_cell_value(t, json_get(json_get(p, "ttft_ms"), "p99"));
		html_cell_value(t, json_get(json_get(p, "queue_ms"), "p99"));
		html_cell_value(t, json_get(json_get(theory, "mdk"), "ttft_p99_ms"));
		html_cell_value(t, json_get(theory, "allen_cunneen_mean_ms"));
		html_cell_value(t, json_get(p, "good_fraction"));
		html_cell_verdict(t, page_text(p, "verdict"));
		html_row_end(t);
	}
	html_table_end(t);
	html_details_end(t);
}

/* --- the answers --- */

static void answer_row(struct text *t, struct jval a, const char *name)
{
	struct jval k = json_get(a, "knee"), ratio = json_get(a, "capacity_ratio");
	static const char *const ends[] = {"low", "estimate", "high"};

	html_row(t);
	html_cell_head(t, name);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		html_cell_value(t, json_get(json_get(k, ends[i]), "rho"));
	html_cell_value(t, json_get(json_get(k, "estimate"), "rps"));
	html_cell_value(t, json_get(k, "fails_first"));
	html_cell_value(t, json_get(k, "fails_by"));
	html_cell_value(t, json_get(ratio, "estimate"));
	html_cell(t, page_text(a, "why") ? page_text(a, "why") : "");
	html_row_end(t);
}

static void answer_table(struct jval knee, struct text *t)
{
	static const char *const heads[] = {"While", "#Knee from rho", "#Estimate rho", "#to rho",
	        "#Requests per s", "Fails first", "By", "#Capacity left", "None because", NULL};

	html_table(t, "Where the knee lies: healthy, and with each fault in force", heads);
	answer_row(t, json_get(knee, "healthy"), "healthy");
	for (struct jval f = json_first(json_get(knee, "faults")); f.item; f = json_next(f))
		answer_row(t, f, page_text(f, "id"));
	html_table_end(t);
}

static void bucket_table(struct jval knee, struct text *t)
{
	static const char *const heads[] = {"Pool", "#max_seq", "#Slots", "#Instances",
	        "#Service ms", "#Requests per s", "#ca2", "#cs2", "#rho", "#rho at the knee",
	        "Bottleneck", NULL};
	static const char *const keys[] = {"max_seq", "slots", "instances", "service_ms", "rps",
	        "ca2", "cs2", "rho", "rho_at_knee", "bottleneck"};

	html_table(t, "The scenario's own load, by bucket", heads);
	for (struct jval b = json_first(json_get(knee, "buckets")); b.item; b = json_next(b)) {
		html_row(t);
		html_cell_head(t, page_text(b, "pool"));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			html_cell_value(t, json_get(b, keys[i]));
		html_row_end(t);
	}
	html_table_end(t);
}

static void target(struct jval knee, struct text *t)
{
	struct jval r = json_get(knee, "rho_target"), loss = json_get(r, "n_1");

	html_subsection(t, "The load to plan for");
	if (!page_known(r)) {
		html_note(t, "There is none: no knee was found.");
		return;
	}
	html_terms(t);
	html_term_value(t, "rho", json_get(json_get(r, "load"), "rho"));
	html_term_value(t, "Requests per second", json_get(json_get(r, "load"), "rps"));
	html_term_value(t, "Room for bursts, factor", json_get(r, "burst_factor"));
	html_term_value(t, "because", json_get(r, "burst_is"));
	html_term_value(t, "One instance lost, pool", json_get(loss, "pool"));
	html_term_value(t, "leaves a share of", json_get(loss, "capacity_ratio"));
	html_term_value(t, "is covered", json_get(loss, "covered"));
	html_term_value(t, "Worst fault", json_get(json_get(r, "worst_fault"), "id"));
	html_term_value(
	        t, "leaves a share of", json_get(json_get(r, "worst_fault"), "capacity_ratio"));
	html_terms_end(t);
}

static void parts(struct jval knee, struct arena *arena, struct text *t)
{
	curve_chart(knee, arena, t);
	answer_table(knee, t);
	curve_table(knee, t);
	target(knee, t);
	bucket_table(knee, t);
}

void page_knee_section(struct page_state *s, struct text *t)
{
	struct jval knee = s->p->knee;
	const char *of = page_text(knee, "plan_digest"),
	           *ours = page_text(s->p->result, "plan_digest");

	if (!page_known(knee))
		return;
	html_section(t, "knee", "The knee");
	if (!of || !ours || strcmp(of, ours) != 0)
		html_note(t, "This knee was searched with another plan of this scenario's name: "
		             "another seed, or other edits.");
	parts(knee, &s->arena, t);
	html_section_end(t);
}

/* --- a page of its own --- */

static void lead(struct jval knee, struct text *t)
{
	struct jval k = json_get(json_get(knee, "healthy"), "knee");
	struct jval estimate = json_get(k, "estimate");

	html_lead(t);
	if (page_known(k)) {
		text_printf(t, "Every SLO is kept up to rho ");
		html_value(t, json_get(estimate, "rho"));
		text_printf(t, ", ");
		html_value(t, json_get(estimate, "rps"));
		text_printf(t, " requests per second; first to be missed: ");
		html_value(t, json_get(k, "fails_first"));
		text_printf(t, ". The scenario's own load is ");
		html_value(t, json_get(knee, "own_load_is"));
		text_printf(t, " the knee.");
	} else {
		html_text(t, "No knee was found: ");
		html_text(t, page_text(json_get(knee, "healthy"), "why"));
	}
	html_paragraph_end(t);
}

static void slo_table(struct jval knee, struct text *t)
{
	static const char *const heads[] = {
	        "SLO", "Tier", "Metric", "#Quantile", "#Limit ms", "#Refused at most", NULL};
	static const char *const keys[] = {"tier", "metric", "quantile", "limit_ms", "max_refused"};

	html_table(t, "The SLOs that are to be kept", heads);
	for (struct jval v = json_first(json_get(knee, "slo")); v.item; v = json_next(v)) {
		html_row(t);
		html_cell_head(t, page_text(v, "id"));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			html_cell_value(t, json_get(v, keys[i]));
		html_row_end(t);
	}
	html_table_end(t);
}

void page_knee(struct jval knee, struct text *out)
{
	const char *name = page_text(knee, "scenario");
	struct jval rule = json_get(knee, "uncertainty");
	struct arena arena;

	arena_init(&arena, ARENA_BYTES_MAX);
	html_begin(out, arena_printf(&arena, "Knee of %s", name ? name : "a scenario"));
	lead(knee, out);
	slo_table(knee, out);
	html_section(out, "knee", "How much load keeps the promises");
	parts(knee, &arena, out);
	html_section_end(out);
	html_section(out, "rule", "How sure it is");
	html_paragraph(out, page_text(rule, "rule"));
	html_terms(out);
	html_term_value(out, "Runs", json_get(rule, "runs"));
	html_term_value(out, "Requests", json_get(rule, "requests"));
	html_term_value(out, "Seed", json_get(knee, "seed"));
	html_term_value(out, "Plan digest", json_get(knee, "plan_digest"));
	html_term_value(out, "Model version", json_get(knee, "model_version"));
	html_term_value(out, "lpuchaos", json_get(knee, "version"));
	html_terms_end(out);
	html_section_end(out);
	html_end(out);
	arena_free(&arena);
}
