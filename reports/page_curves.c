/* Percentile curves from the histograms: for a tier and a metric, one curve a window. They are read
 * at fixed quantiles, by the same nearest rank as the result's percentiles, and end where the
 * requests are too few for the next one (FORMATS 1: ceil(ln 0.01 / ln q) samples). */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/mathx.h"

enum { DECADES = 6, WINDOWS_MAX = 8 };

/* 1/(1-q) within a decade: p50 is 2, p90 10, p95 20, p99 100. */
static const double grid[] = {
        1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.25, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 5.6, 6.3, 7, 8, 9};

/* Largest 1/(1-q) that n samples are enough for. */
static double reach(double n)
{
	return n >= 1 ? 1 / (1 - mathx_exp(-4.605170185988091 / n)) : 0; /* NaN: none */
}

/* Cells are [upper edge, how many]. */
static double cell_number(struct jval cell, size_t i)
{
	struct error err = ERROR_INIT;
	double v;

	return json_real(json_at(cell, i), &v, &err) ? 0 : v;
}

static size_t read_curve(struct jval h, struct html_point *points)
{
	struct jval cell = json_first(json_get(h, "cells"));
	double count = page_number(h, "count"), max = page_number(h, "max");
	double n = count + page_number(h, "infinite"), seen = 0, edge = 0, most = reach(n),
	       scale = 1;
	size_t at = 0;

	if (!(count > 0))
		return 0;
	for (int d = 0; d < DECADES; d++, scale *= 10)
		for (size_t i = 0; i < ARRAY_LEN(grid) && grid[i] * scale <= most; i++) {
			double x = grid[i] * scale, rank = n - mathx_floor(n / x);

			for (; cell.item && (seen < rank || seen == 0); cell = json_next(cell)) {
				edge = cell_number(cell, 0);
				seen += cell_number(cell, 1);
			}
			if (seen < rank)
				return at; /* the rest never ended */
			points[at++] =
			        (struct html_point){.x = x, .y = (edge < max ? edge : max) / 1e6};
		}
	return at;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void curve(
        struct page_state *s, struct text *t, const char *tier, const char *metric, size_t number)
{
	struct html_series series[WINDOWS_MAX];
	struct html_chart c = {.id = arena_printf(&s->arena, "curve-%zu", number),
	        .title = arena_printf(&s->arena, "Tier %s: %s", tier, page_metric(metric)),
	        .about = "Which share of the ok requests (across) took no longer than what (up), "
	                 "by window. A curve ends where its requests are too few.",
	        .type = HTML_LINE,
	        .x = "percentile",
	        .y = "ms",
	        .log_y = true,
	        .quantiles = true,
	        .series = series};

	for (struct jval g = json_first(json_get(s->p->histograms, "groups"));
	        g.item && c.n_series < WINDOWS_MAX; g = json_next(g)) {
		struct html_point *points;

		if (!same(page_text(g, "tier"), tier))
			continue;
		points = ARENA_ARRAY(&s->arena, struct html_point, DECADES * ARRAY_LEN(grid));
		series[c.n_series++] = (struct html_series){page_text(g, "window"), points,
		        read_curve(json_get(json_get(g, "metrics"), metric), points)};
	}
	html_chart(t, &c);
}

/* A curve for the first token, and for each other metric that an SLO of the tier is about. */
static size_t tier_curves(struct page_state *s, struct text *t, const char *tier, size_t number)
{
	const char *drawn[PAGE_CURVES_MAX] = {"ttft_ms"};
	size_t n = 1, i;

	curve(s, t, tier, drawn[0], number++);
	for (struct jval v = json_first(json_get(s->p->result, "slo"));
	        v.item && n < PAGE_CURVES_MAX && number < PAGE_CURVES_MAX; v = json_next(v)) {
		const char *metric = page_text(v, "metric");

		for (i = 0; metric && i < n && strcmp(drawn[i], metric) != 0;)
			i++;
		if (!metric || i < n || !same(page_text(v, "tier"), tier))
			continue;
		drawn[n++] = metric;
		curve(s, t, tier, metric, number++);
	}
	return number;
}

void page_curves(struct page_state *s, struct text *t)
{
	struct jval groups = json_get(s->p->histograms, "groups");
	size_t number = 0;

	html_section(t, "curves", "Percentiles by window");
	for (struct jval g = json_first(groups); g.item && number < PAGE_CURVES_MAX;
	        g = json_next(g))
		if (same(page_text(g, "window"), "all") && page_text(g, "tier"))
			number = tier_curves(s, t, page_text(g, "tier"), number);
	if (number == 0)
		html_note(t, "There is no histograms.json, or nothing in it.");
	html_section_end(t);
}
