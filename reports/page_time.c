/* Over time, from the store's timeline: a stretch is a second, or a multiple in long runs. Latency
 * is told by tier, load for all tiers together. */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>

enum { LIMITS_MAX = 8 };

static const struct page_stretch *timeline(const struct page_state *s, size_t *n)
{
	*n = s->p->timeline ? s->p->n_timeline : 0;
	return s->p->timeline;
}

static void say_none(struct page_state *s, struct text *t)
{
	html_note(t, s->p->no_timeline ? s->p->no_timeline : "The run store has no timeline.");
}

/* --- latency --- */

static double ms_or_gap(int64_t ns)
{
	return ns < 0 ? HTML_NAN : (double)ns / 1e6;
}

enum figure { TTFT_P50, TTFT_P99, E2EL_P99 };

static double figure_of(const struct page_stretch *e, enum figure f)
{
	return ms_or_gap(f == TTFT_P50   ? e->ttft_p50_ns
	                 : f == TTFT_P99 ? e->ttft_p99_ns
	                                 : e->e2el_p99_ns);
}

static struct html_series tier_series(
        struct page_state *s, uint32_t tier, enum figure f, const char *label)
{
	size_t n, at = 0;
	const struct page_stretch *line = timeline(s, &n);
	struct html_point *points = ARENA_ARRAY(&s->arena, struct html_point, n);

	for (size_t i = 0; i < n; i++)
		if (line[i].tier == tier)
			points[at++] = (struct html_point){
			        .x = (double)line[i].from_ns / 1e9, .y = figure_of(&line[i], f)};
	return (struct html_series){label, points, at};
}

/* The limits that SLOs set on a metric; equal ones share a line. */
static size_t find_limits(struct page_state *s, const char *metric, struct html_limit *limits)
{
	size_t n = 0;

	for (struct jval v = json_first(json_get(s->p->result, "slo")); v.item; v = json_next(v)) {
		const char *of = page_text(v, "metric"), *id = page_text(v, "id");
		double ms = page_number(v, "limit_ms");
		size_t i = 0;

		if (!of || strcmp(of, metric) != 0 || ms != ms)
			continue;
		while (i < n && limits[i].y != ms)
			i++;
		if (i < n)
			limits[i].label =
			        arena_printf(&s->arena, "%s, %s", limits[i].label, id ? id : "");
		else if (n < LIMITS_MAX)
			limits[n++] = (struct html_limit){id ? id : "", ms};
	}
	return n;
}

static void latency_chart(struct page_state *s, struct text *t, struct html_chart *c,
        const char *metric, const enum figure *figures, size_t n_figures)
{
	static const char *const words[] = {"p50", "p99", "p99"};
	struct html_series series[PAGE_SERIES_TIERS_MAX * 2];
	struct html_limit limits[LIMITS_MAX];
	uint32_t tier = 0;

	for (struct jval v = json_first(json_get(s->p->score, "tiers"));
	        v.item && tier < PAGE_SERIES_TIERS_MAX; v = json_next(v), tier++)
		for (size_t f = 0; f < n_figures; f++)
			series[c->n_series++] = tier_series(s, tier, figures[f],
			        arena_printf(&s->arena, "%s %s",
			                json_string(v) ? json_string(v) : "", words[figures[f]]));
	c->type = HTML_LINE;
	c->x = "time in the run [s]";
	c->y = "ms";
	c->log_y = true;
	c->series = series;
	c->bands = s->bands;
	c->n_bands = s->n_bands;
	c->limits = limits;
	c->n_limits = find_limits(s, metric, limits);
	html_chart(t, c);
}

void page_time(struct page_state *s, struct text *t)
{
	static const enum figure ttft[] = {TTFT_P50, TTFT_P99}, e2el[] = {E2EL_P99};
	struct html_chart first = {.id = "ttft-chart",
	        .title = "Time to first token over time",
	        .about = "By the planned instant of the requests, for the eye: percentiles of so "
	                 "few requests decide nothing. Shaded: a fault was in force. Dashed "
	                 "across: limits of SLOs."};
	struct html_chart last = {.id = "e2el-chart",
	        .title = "End-to-end latency over time",
	        .about = "By the instant at which requests ended. Shaded: a fault was in force."};
	size_t n;

	(void)timeline(s, &n);
	html_section(t, "latency", "Latency over time");
	if (n > 0) {
		latency_chart(s, t, &first, "ttft_ms", ttft, ARRAY_LEN(ttft));
		latency_chart(s, t, &last, "e2el_ms", e2el, ARRAY_LEN(e2el));
		if (json_count(json_get(s->p->score, "tiers")) > PAGE_SERIES_TIERS_MAX)
			html_note(t, "The first tiers alone are drawn; run.sqlite has them all.");
	} else {
		say_none(s, t);
	}
	html_section_end(t);
}

/* --- load --- */

enum load { IN_FLIGHT, QUEUED, OFFERED, GOOD, REJECTED, FAILED, LOADS };

static void add_up(const struct page_stretch *e, double sum[LOADS])
{
	sum[IN_FLIGHT] += (double)e->in_flight;
	sum[QUEUED] += (double)e->queued;
	sum[OFFERED] += (double)e->scheduled;
	sum[GOOD] += (double)e->good;
	sum[REJECTED] += (double)e->rejected;
	sum[FAILED] += (double)e->failed;
}

/* All tiers of each stretch together: states at its end, counts as rates from its begin. Returns
 * the number of points of each. */
static size_t load_points(struct page_state *s, struct html_point *points[LOADS])
{
	size_t n, at = 0, i = 0;
	const struct page_stretch *line = timeline(s, &n);

	for (int l = 0; l < LOADS; l++)
		points[l] = ARENA_ARRAY(&s->arena, struct html_point, n);
	while (i < n) {
		const struct page_stretch *first = &line[i];
		double seconds = (double)(first->to_ns - first->from_ns) / 1e9;
		double sum[LOADS] = {0};

		for (; i < n && line[i].from_ns == first->from_ns; i++)
			add_up(&line[i], sum);
		for (int l = 0; l < LOADS; l++) {
			bool state = l <= QUEUED;

			points[l][at].x = (double)(state ? first->to_ns : first->from_ns) / 1e9;
			points[l][at].y = state         ? sum[l]
			                  : seconds > 0 ? sum[l] / seconds
			                                : HTML_NAN;
		}
		at++;
	}
	return at;
}

static void load_chart(struct page_state *s, struct text *t, struct html_chart *c,
        struct html_point *const points[LOADS], size_t n, enum load from, enum load to)
{
	static const char *const words[] = {
	        "in flight", "queued", "offered", "good (by its end)", "refused", "failed"};
	struct html_series series[LOADS];

	for (int l = (int)from; l <= (int)to; l++)
		series[c->n_series++] = (struct html_series){words[l], points[l], n};
	c->x = "time in the run [s]";
	c->series = series;
	c->bands = s->bands;
	c->n_bands = s->n_bands;
	html_chart(t, c);
}

void page_load(struct page_state *s, struct text *t)
{
	struct html_chart states = {.id = "queue-chart",
	        .title = "In flight and queued",
	        .type = HTML_LINE,
	        .about = "Requests under way and those that wait for a slot, all tiers, at the "
	                 "end of each stretch.",
	        .y = "requests"};
	struct html_chart rates = {.id = "goodput-chart",
	        .title = "Goodput and refusals",
	        .type = HTML_STEP,
	        .about = "Requests a second: planned, good (served within every SLO of their "
	                 "tier), refused, failed.",
	        .y = "requests per second"};
	struct html_point *points[LOADS];
	size_t n;

	(void)timeline(s, &n);
	html_section(t, "load", "Queue, in-flight, goodput and refusals over time");
	if (n > 0) {
		n = load_points(s, points);
		load_chart(s, t, &states, points, n, IN_FLIGHT, QUEUED);
		load_chart(s, t, &rates, points, n, OFFERED, FAILED);
	} else {
		say_none(s, t);
	}
	html_section_end(t);
}
