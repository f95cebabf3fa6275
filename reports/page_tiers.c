/* Tables of each tier: what every window held, then latencies, the whole run's in view and those of
 * the windows on request. */
#include "reports/page_parts.h"

#include <string.h>

static bool is(struct jval group, const char *key, const char *what)
{
	const char *text = page_text(group, key);

	return text && strcmp(text, what) == 0;
}

static void window_rows(struct text *t, struct jval groups, const char *tier)
{
	static const char *const keys[] = {"requests", "completed", "goodput_rps", "good_fraction",
	        "request_throughput", "output_throughput"};

	for (struct jval g = json_first(groups); g.item; g = json_next(g)) {
		if (!is(g, "tier", tier))
			continue;
		html_row(t);
		html_cell_head(t, page_text(g, "window"));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			html_cell_value(t, json_get(g, keys[i]));
		html_row_end(t);
	}
}

static void metric_table(struct page_state *s, struct text *t, struct jval g)
{
	static const char *const heads[] = {"Metric", "#Count", "#Mean", "#p50", "#p90", "#p95",
	        "#p99", "#p99.9", "#Max", NULL};
	static const char *const keys[] = {
	        "count", "mean", "p50", "p90", "p95", "p99", "p999", "max"};

	html_table(t,
	        arena_printf(&s->arena, "Latency of ok requests in ms, tier %s, window %s",
	                page_text(g, "tier"), page_text(g, "window") ? page_text(g, "window") : ""),
	        heads);
	for (struct jval m = json_first(json_get(g, "metrics")); m.item; m = json_next(m)) {
		html_row(t);
		html_cell_head(t, page_metric(json_key(m)));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			html_cell_value(t, json_get(m, keys[i]));
		html_row_end(t);
	}
	html_table_end(t);
}

static void tier_tables(struct page_state *s, struct text *t, const char *tier)
{
	static const char *const heads[] = {"Window", "#Requests", "#Ok", "#Good per s",
	        "#Good share", "#Ok per s", "#Output tokens per s", NULL};
	struct jval groups = json_get(s->p->result, "groups");

	html_subsection(t, arena_printf(&s->arena, "Tier %s", tier));
	html_table(t, arena_printf(&s->arena, "Requests of tier %s by window", tier), heads);
	window_rows(t, groups, tier);
	html_table_end(t);
	for (struct jval g = json_first(groups); g.item; g = json_next(g))
		if (is(g, "tier", tier) && is(g, "window", "all"))
			metric_table(s, t, g);
	html_details(t, arena_printf(&s->arena, "Latency of tier %s by window", tier));
	for (struct jval g = json_first(groups); g.item; g = json_next(g))
		if (is(g, "tier", tier) && !is(g, "window", "all"))
			metric_table(s, t, g);
	html_details_end(t);
}

void page_tiers(struct page_state *s, struct text *t)
{
	size_t n = 0;

	html_section(t, "tiers", "Tiers");
	for (struct jval g = json_first(json_get(s->p->result, "groups")); g.item;
	        g = json_next(g)) {
		const char *tier = page_text(g, "tier");

		if (!tier || !is(g, "window", "all"))
			continue;
		if (n++ < s->tiers)
			tier_tables(s, t, tier);
	}
	if (n == 0)
		page_none(s, t, "No tier was measured.");
	else
		html_note(t, "Windows: fault, recovery: the request's life met a fault, or the "
		             "time until the service was back; baseline: before the first fault; "
		             "after: the rest; all: everything planned in the measured time. A "
		             "dash: too few requests for the percentile.");
	page_more(t, n > s->tiers ? n - s->tiers : 0, "tiers", "result.json");
	html_section_end(t);
}
