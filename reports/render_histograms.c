/* histograms.json: what percentiles are read from, cell by cell, so that every one of them can be
 * read again without the requests, and other ones than those that the result names. */
#include "harness/base/check.h"
#include "reports/column.h"
#include "reports/render_parts.h"
#include "reports/score_state.h"

enum { SUM_DIGITS = 40 }; /* of 128 bits */

/* Sums outgrow 64 bits in runs of years. */
static void sum_json(struct json_out *o, unsigned __int128 sum)
{
	char text[SUM_DIGITS + 1];
	size_t at = SUM_DIGITS;

	text[at] = '\0';
	do {
		text[--at] = (char)('0' + (int)(sum % 10));
		sum /= 10;
	} while (sum);
	json_out_raw(o, "sum", text + at);
}

void render_histogram(struct json_out *o, const struct histogram *h, uint64_t infinite)
{
	int indent = o->indent;
	uint32_t cursor = 0;
	int64_t upper;
	uint64_t n;

	json_out_u64(o, "count", h->count);
	sum_json(o, (unsigned __int128)h->sum);
	render_instant(o, "min", h->count ? h->min : -1);
	render_instant(o, "max", h->count ? h->max : -1);
	json_out_u64(o, "infinite", infinite);
	json_out_open(o, "cells", '[');
	o->indent = 0; /* thousands of them: on one line */
	while (histogram_next(h, &cursor, &upper, &n)) {
		json_out_open(o, NULL, '[');
		json_out_i64(o, NULL, upper);
		json_out_u64(o, NULL, n);
		json_out_close(o);
	}
	json_out_close(o);
	o->indent = indent;
}

struct render_line render_line_open(struct json_out *o)
{
	struct render_line line = {o->indent};

	json_out_open(o, NULL, '{');
	o->indent = 0;
	return line;
}

void render_line_close(struct json_out *o, struct render_line line)
{
	json_out_close(o);
	o->indent = line.indent;
}

void render_batch(struct json_out *o, const struct stats_batch *b)
{
	struct render_line line = render_line_open(o);

	json_out_u64(o, "n", b->n);
	json_out_u64(o, "over_limit", b->over[CUT_LIMIT]);
	json_out_u64(o, "over_p90", b->over[CUT_P90]);
	json_out_u64(o, "over_p50", b->over[CUT_P50]);
	render_line_close(o, line);
}

static void group_histograms(
        struct json_out *o, const struct group *g, const char *tier, enum window w)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "tier", tier);
	json_out_str(o, "window", window_name(w));
	json_out_u64(o, "requests", g->requests);
	json_out_u64(o, "good", g->good);
	json_out_open(o, "outcomes", '{');
	for (int i = 0; i < OUTCOME_COUNT; i++)
		json_out_u64(o, outcome_name((enum outcome)i), g->by_outcome[i]);
	json_out_close(o);
	json_out_i64(o, "prompt_tokens", g->prompt_tokens);
	json_out_i64(o, "output_tokens", g->output_tokens);
	json_out_open(o, "metrics", '{');
	for (int m = 0; m < METRIC_GROUPS; m++) {
		json_out_open(o, metric_name((enum metric)m), '{');
		render_histogram(o, &g->metric[m], 0);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_close(o);
}

static void counts_json(struct json_out *o, const char *key, const struct column_count *c)
{
	json_out_open(o, key, '{');
	json_out_u64(o, "n", c->n);
	json_out_u64(o, "over", c->over);
	json_out_u64(o, "refused", c->refused);
	json_out_close(o);
}

static void column_json(struct json_out *o, const struct score *s, const struct column *c)
{
	const struct slo_rule *rule = c->rule;
	struct stats_batch batches[STATS_BATCHES];

	json_out_open(o, NULL, '{');
	json_out_str(o, "id", rule->id);
	json_out_str(o, "tier", s->config.tiers[rule->tier]);
	json_out_str(o, "window", window_name(rule->window));
	json_out_str(o, "metric", metric_name(rule->metric));
	json_out_real(o, "quantile", rule->quantile);
	json_out_i64(o, "limit_ns", rule->limit_ns);
	counts_json(o, "judged", &c->in_window);
	counts_json(o, "baseline", &c->in_baseline);
	json_out_open(o, "values", '{');
	render_histogram(o, score_column_values(s, c), c->infinite);
	json_out_close(o);
	if (column_batches(c, batches)) {
		json_out_open(o, "batches", '[');
		for (unsigned i = 0; i < STATS_BATCHES; i++)
			render_batch(o, &batches[i]);
		json_out_close(o);
	} else {
		json_out_null(o, "batches");
	}
	json_out_close(o);
}

static void columns_json(struct json_out *o, const char *key, const struct score *s, bool derived)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < s->n_columns; i++)
		if (s->columns[i].derived == derived)
			column_json(o, s, &s->columns[i]);
	json_out_close(o);
}

void render_histograms(const struct result_document *d, struct json_out *o)
{
	const struct score *s = d->score;
	int windows = s->windows ? WINDOW_COUNT : WINDOW_BASELINE + 1;

	CHECK(s->decided);
	json_out_open(o, NULL, '{');
	render_origin(o, "lpuchaos.histograms/1", d);
	json_out_str(o, "unit", "ns");
	json_out_open(o, "groups", '[');
	for (uint32_t i = 0; i < s->config.n_tiers; i++)
		for (int w = 0; w < windows; w++)
			group_histograms(o, score_group(s, i, (enum window)w), s->config.tiers[i],
			        (enum window)w);
	json_out_close(o);
	columns_json(o, "slo", s, false);
	columns_json(o, "isolation", s, true);
	json_out_close(o);
}
