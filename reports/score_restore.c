/* What can be checked on the way is checked: a histogram against its own sums, the pooled gaps
 * against what the requests' summaries add up to, the replicas' first batch against the run whose
 * batch it is. */
#include "reports/score_restore.h"
#include <string.h>
#include "harness/base/check.h"
#include "reports/names.h"
#include "reports/score_restore_parts.h"
#include "reports/score_state.h"

int64_t restore_whole(struct jval v, const char *key)
{
	struct error ignored = ERROR_INIT;
	int64_t n = -1;

	return json_i64(json_get(v, key), &n, &ignored) ? -1 : n;
}

static uint32_t word(struct jval v, const char *key, const char *const *words)
{
	uint32_t i = 0;

	while (strcmp(words[i], json_string(json_get(v, key))) != 0)
		i++;
	return i;
}

void score_tell(struct score *s, const struct score_mark *mark)
{
	switch (mark->told) {
	case TOLD_INJECT:
		score_inject(s, mark->fault, mark->at_ns);
		break;
	case TOLD_REVERT:
		score_revert(s, mark->fault, mark->at_ns);
		break;
	case TOLD_NO_MORE:
		score_no_more_faults(s);
		break;
	}
}

/* --- histograms -------------------------------------------------------------------------- */

/* What the values of the cells so far add up to, at least and at most. */
struct bounds {
	__int128 low, high;
	int64_t first[2], last; /* edges of the first cell; lower edge of the last */
};

/* The smallest value that is counted where `upper` is, the largest. */
static int64_t lower_edge(int64_t upper)
{
	unsigned octave = histogram_cell(upper) / HISTOGRAM_CELLS;

	return octave ? upper + 1 - (INT64_C(1) << (octave - 1)) : upper;
}

static enum status restore_cell(
        struct jval cell, struct histogram *h, struct bounds *b, struct error *err)
{
	struct error ignored = ERROR_INIT;
	int64_t upper = 0, n = 0;

	if (json_i64(json_at(cell, 0), &upper, &ignored) ||
	        json_i64(json_at(cell, 1), &n, &ignored) || n < 1 || n > RESTORE_MOST ||
	        h->count + (uint64_t)n > RESTORE_MOST)
		return json_expected(cell, err, "an edge and a count");
	if (upper == INT64_MAX || histogram_cell(upper + 1) == histogram_cell(upper))
		return json_expected(cell, err, "the upper edge of a cell");
	if (h->count && upper <= h->max)
		return json_expected(cell, err, "an edge above the one before");
	b->last = lower_edge(upper);
	if (!h->count) {
		b->first[0] = b->last;
		b->first[1] = upper;
	}
	b->low += (__int128)b->last * n;
	b->high += (__int128)upper * n;
	histogram_add_n(h, upper, (uint64_t)n);
	return ERR_NONE;
}

/* Exact below 2^63, else as a double has it. */
static __int128 sum_of(struct jval v)
{
	struct error ignored = ERROR_INIT;
	double real = 0;
	int64_t exact;

	if (!json_i64(v, &exact, &ignored))
		return exact;
	ignored = (struct error)ERROR_INIT;
	return json_real(v, &real, &ignored) || real > 1e37 ? -1 : (__int128)real;
}

enum status score_restore_histogram(
        struct jval v, struct histogram *h, uint64_t *infinite, struct error *err)
{
	struct bounds b = {.low = 0};
	struct jval cells = json_get(v, "cells");
	int64_t min = restore_whole(v, "min"), max = restore_whole(v, "max"), last = 0;
	__int128 sum = sum_of(json_get(v, "sum"));

	for (struct jval c = json_first(cells); json_type(c) != JSON_NONE; c = json_next(c))
		if (restore_cell(c, h, &b, err))
			return err->code;
	*infinite = (uint64_t)restore_whole(v, "infinite");
	if (*infinite > RESTORE_MOST || (uint64_t)restore_whole(v, "count") != h->count)
		return json_expected(
		        v, err, "the count of its cells, %llu", (unsigned long long)h->count);
	last = h->max;
	if (h->count &&
	        (min < b.first[0] || min > b.first[1] || min > max || max < b.last || max > last))
		return json_expected(v, err, "min and max in its first cell and its last");
	if (sum < b.low || sum > b.high)
		return json_expected(v, err, "a sum that its cells may have");
	h->sum = sum;
	h->min = h->count ? min : h->min;
	h->max = h->count ? max : h->max;
	return ERR_NONE;
}

uint32_t restore_tier(const struct score *s, struct jval group)
{
	const char *name = json_string(json_get(group, "tier"));
	uint32_t i = 0;

	while (i < s->config.n_tiers && strcmp(s->config.tiers[i], name) != 0)
		i++;
	return i;
}

enum window restore_window(struct jval group)
{
	return (enum window)word(group, "window", names_windows);
}

enum status score_restore_gaps(struct score *s, struct jval group, struct error *err)
{
	struct jval v = json_get(json_get(group, "metrics"), metric_name(METRIC_ITL));
	uint32_t tier = restore_tier(s, group);
	enum window window = restore_window(group);
	struct histogram h, *own;
	uint64_t infinite;

	CHECK(s->finished);
	if (tier == s->config.n_tiers)
		return json_expected(json_get(group, "tier"), err, "a tier of the run");
	if (window == WINDOW_ALL && !s->windows)
		return ERR_NONE; /* the same as the baseline */
	own = &s->tiers[tier].group[window].metric[METRIC_ITL];
	histogram_init(&h);
	if (score_restore_histogram(v, &h, &infinite, err) == ERR_NONE &&
	        (h.count != own->count || h.sum != own->sum || h.max != own->max))
		(void)json_expected(v, err,
		        "the gaps of the requests: %llu, in all %.17g ns, the longest %lld ns",
		        (unsigned long long)own->count, (double)own->sum, (long long)own->max);
	if (err->code) {
		histogram_free(&h);
		return err->code;
	}
	histogram_free(own);
	*own = h;
	return ERR_NONE;
}

/* --- what helped to decide --------------------------------------------------------------- */

/* The column that the element is about; n_columns if there is none. */
static uint32_t column_of(const struct score *s, struct jval v)
{
	const char *id = json_string(json_get(v, "slo"));
	bool derived = json_is_true(json_get(v, "isolation"));
	uint32_t i = 0;

	while (i < s->n_columns &&
	        (s->columns[i].derived != derived || strcmp(s->columns[i].rule->id, id) != 0))
		i++;
	return i;
}

enum status restore_batch(struct jval v, struct stats_batch *b, struct error *err)
{
	static const char *const keys[] = {
	        [CUT_LIMIT] = "over_limit", [CUT_P90] = "over_p90", [CUT_P50] = "over_p50"};

	b->n = (uint64_t)restore_whole(v, "n");
	if (b->n > RESTORE_MOST)
		return json_expected(v, err, "a batch of fewer requests");
	for (int k = 0; k < CUT_COUNT; k++) {
		b->over[k] = (uint64_t)restore_whole(v, keys[k]);
		if (b->over[k] > b->n)
			return json_expected(
			        v, err, "at most %llu over a cut", (unsigned long long)b->n);
	}
	return ERR_NONE;
}

/* The others behind the first, which is the run itself and must be it. */
static enum status read_batches(struct jval list, struct replica_batches *r, struct error *err)
{
	struct stats_batch own = r->batch[0];

	if (json_count(list) < 2 || json_count(list) > ARRAY_LEN(r->batch))
		return json_expected(list, err, "2 to %zu batches", ARRAY_LEN(r->batch));
	r->n = 0;
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v))
		if (restore_batch(v, &r->batch[r->n++], err))
			return err->code;
	if (memcmp(&r->batch[0], &own, sizeof(own)) != 0)
		return json_expected(json_at(list, 0), err,
		        "what the run's own requests are: %llu, %llu over the limit, %llu and "
		        "%llu over its p90 and p50",
		        (unsigned long long)own.n, (unsigned long long)own.over[CUT_LIMIT],
		        (unsigned long long)own.over[CUT_P90],
		        (unsigned long long)own.over[CUT_P50]);
	return ERR_NONE;
}

static enum status read_replicas(struct jval v, struct replica_batches *r, struct error *err)
{
	uint64_t n = 0;

	if (restore_whole(v, "p90_ns") != r->cut[CUT_P90] ||
	        restore_whole(v, "p50_ns") != r->cut[CUT_P50])
		return json_expected(v, err, "the run's own p90 and p50, %lld and %lld ns",
		        (long long)r->cut[CUT_P90], (long long)r->cut[CUT_P50]);
	histogram_reset(&r->values);
	if (read_batches(json_get(v, "batches"), r, err) ||
	        score_restore_histogram(json_get(v, "values"), &r->values, &r->infinite, err))
		return err->code;
	for (uint32_t i = 0; i < r->n; i++)
		n += r->batch[i].n;
	if (n != r->values.count + r->infinite)
		return json_expected(json_get(v, "values"), err, "the values of all batches");
	return ERR_NONE;
}

enum status score_restore_replicas(struct score *s, struct jval v, struct error *err)
{
	uint32_t i = column_of(s, v);
	struct replica_batches *r;

	CHECK(s->finished);
	if (i == s->n_columns || s->replicas[i])
		return json_expected(json_get(v, "slo"), err, "an SLO of the run, once");
	r = score_replicas_begin(s, &s->columns[i]);
	s->replicas[i] = r;
	return read_replicas(v, r, err);
}

enum status score_restore_pair(struct score *s, struct jval v, struct error *err)
{
	uint32_t i = column_of(s, v);
	struct pair_verdict *p;

	CHECK(s->finished);
	if (i == s->n_columns || s->pairs[i].known)
		return json_expected(json_get(v, "slo"), err, "an SLO of the run, once");
	p = &s->pairs[i];
	*p = (struct pair_verdict){.known = true,
	        .percentile = (enum verdict)word(v, "percentile", names_verdicts),
	        .upper_ns = restore_whole(v, "upper_ns"),
	        .n_eff = (uint64_t)restore_whole(v, "n_eff")};
	return json_real(json_get(v, "vif"), &p->vif, err);
}
