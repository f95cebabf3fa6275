/* A score that was never fed: its groups and columns are taken from histograms.json, which holds
 * every request whatever a store was bounded to. What follows from them alone follows again. */
#include <string.h>
#include "harness/base/check.h"
#include "reports/score_restore_parts.h"
#include "reports/score_state.h"

static enum status restore_group(struct group *g, struct jval v, struct error *err)
{
	struct jval outcomes = json_get(v, "outcomes"), metrics = json_get(v, "metrics");
	uint64_t infinite, sum = 0;

	g->requests = (uint64_t)restore_whole(v, "requests");
	g->good = (uint64_t)restore_whole(v, "good");
	g->prompt_tokens = restore_whole(v, "prompt_tokens");
	g->output_tokens = restore_whole(v, "output_tokens");
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		g->by_outcome[i] = (uint64_t)restore_whole(outcomes, outcome_name((enum outcome)i));
		sum += g->by_outcome[i];
	}
	if (sum != g->requests || g->good > g->by_outcome[OUTCOME_OK])
		return json_expected(v, err,
		        "as many requests as outcomes, and of the ok ones the "
		        "good ones");
	for (int m = 0; m < METRIC_GROUPS; m++)
		if (score_restore_histogram(json_get(metrics, metric_name((enum metric)m)),
		            &g->metric[m], &infinite, err))
			return err->code;
	return ERR_NONE;
}

/* `all` is the sum of the others, as in a score that was fed. */
enum status score_restore_group(struct score *s, struct jval v, struct error *err)
{
	uint32_t tier = restore_tier(s, v);
	enum window w = restore_window(v);
	struct group *g;

	if (tier == s->config.n_tiers || (w > WINDOW_BASELINE && !s->windows))
		return json_expected(v, err, "a tier and a window of the run");
	if (w == WINDOW_ALL)
		return ERR_NONE;
	g = &s->tiers[tier].group[w];
	if (g->requests)
		return json_expected(v, err, "each tier and window once");
	if (restore_group(g, v, err))
		return err->code;
	if (s->windows)
		group_merge(&s->tiers[tier].group[WINDOW_ALL], g);
	return ERR_NONE;
}

static enum status restore_counts(struct jval v, struct column_count *c, struct error *err)
{
	struct column_count n = {.n = (uint64_t)restore_whole(v, "n"),
	        .over = (uint64_t)restore_whole(v, "over"),
	        .refused = (uint64_t)restore_whole(v, "refused")};

	if (n.over > n.n || n.n > RESTORE_MOST || n.refused > RESTORE_MOST)
		return json_expected(v, err, "at most as many over as judged");
	*c = n;
	return ERR_NONE;
}

/* How the batches scatter; they are the requests of the window, cut up. */
static enum status restore_vif(struct column *c, struct jval list, struct error *err)
{
	struct stats_batch batch[STATS_BATCHES];
	struct column_count sum = {0};
	size_t n = 0;

	if (json_type(list) == JSON_NULL)
		return ERR_NONE;
	if (json_count(list) != STATS_BATCHES)
		return json_expected(list, err, "%d batches", (int)STATS_BATCHES);
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (restore_batch(v, &batch[n], err))
			return err->code;
		sum.n += batch[n].n;
		sum.over += batch[n++].over[CUT_LIMIT];
	}
	if (sum.n != c->in_window.n || sum.over != c->in_window.over)
		return json_expected(list, err, "the batches of what was judged");
	c->vif = stats_vif(batch, STATS_BATCHES);
	return ERR_NONE;
}

static enum status restore_column(
        const struct score *s, struct column *c, struct jval v, struct error *err)
{
	struct jval values = json_get(v, "values");
	struct histogram h;
	enum status st;

	histogram_init(&h);
	if (restore_counts(json_get(v, "judged"), &c->in_window, err) ||
	        restore_counts(json_get(v, "baseline"), &c->in_baseline, err))
		return err->code;
	st = score_restore_histogram(values, &h, &c->infinite, err);
	if (!st && h.count + c->infinite != c->in_window.n)
		st = json_expected(values, err, "the values of all that were judged");
	if (!st && c->own_values)
		histogram_merge(&c->values, &h);
	histogram_free(&h);
	if (!st && !s->config.census)
		st = restore_vif(c, json_get(v, "batches"), err);
	return st;
}

static enum status restore_columns(
        struct score *s, struct jval list, bool derived, struct error *err)
{
	struct jval v = json_first(list);

	for (uint32_t i = 0; i < s->n_columns; i++) {
		struct column *c = &s->columns[i];

		if (c->derived != derived)
			continue;
		if (json_type(v) == JSON_NONE ||
		        strcmp(json_string(json_get(v, "id")), c->rule->id) != 0)
			return json_expected(list, err, "the SLO '%s' in its turn", c->rule->id);
		if (restore_column(s, c, v, err))
			return err->code;
		v = json_next(v);
	}
	return ERR_NONE;
}

enum status score_restore_columns(struct score *s, struct jval histograms, struct error *err)
{
	CHECK(!s->finished);
	s->finished = s->measured = true;
	for (uint32_t i = 0; i < s->n_columns; i++)
		s->columns[i].vif = 1; /* whatever follows */
	if (restore_columns(s, json_get(histograms, "slo"), false, err))
		return err->code;
	return restore_columns(s, json_get(histograms, "isolation"), true, err);
}
