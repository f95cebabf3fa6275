/* From a column to a verdict: which sample decides (basis), how much it is worth (vif), what it
 * says.
 *
 *   too few requests           inconclusive, nothing else is asked
 *   census                     the share itself decides
 *   run                        the test on this run's 20 batches; a verdict here is final
 *   replicas                   undecided: this run and the further ones, a batch each
 *   paired                     undecided: the verdict of the virtual companion
 *
 * Refusals and "want": "miss" come after the percentile: they judge the verdict, not the sample. */
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/histogram.h"
#include "reports/score_state.h"
#include "reports/stats.h"

struct sample_view { /* what the test is made on */
	const struct histogram *values;
	uint64_t infinite, n, over, n_eff;
	double vif;
	enum basis basis;
	enum verdict verdict;
};

/* The value of a rank among the finite ones and the infinite behind them; false = infinite. */
static bool value_at(const struct histogram *h, uint64_t rank, int64_t *ns)
{
	uint32_t cursor = 0;
	uint64_t seen = 0, n;

	while (histogram_next(h, &cursor, ns, &n)) {
		seen += n;
		if (seen < rank)
			continue;
		*ns = *ns < h->max ? *ns : h->max;
		return true;
	}
	return false;
}

static struct sample_view view_run(const struct score *s, const struct column *c)
{
	struct sample_view v = {
	        .values = score_column_values(s, c),
	        .infinite = c->infinite,
	        .n = c->in_window.n,
	        .over = c->in_window.over,
	        .vif = c->vif,
	        .basis = BASIS_RUN,
	};

	if (s->config.census) {
		v.basis = BASIS_CENSUS;
		v.n_eff = v.n;
		v.verdict = stats_census(c->rule->quantile, v.n, v.over);
		return v;
	}
	v.verdict = stats_verdict(c->rule->quantile, v.n, v.over, v.vif, &v.n_eff);
	return v;
}

void score_slo_measure(struct score *s)
{
	struct stats_batch batches[STATS_BATCHES];

	score_finish(s);
	for (uint32_t i = 0; i < s->n_columns && !s->measured; i++) {
		struct column *c = &s->columns[i];

		c->vif = 1;
		if (!s->config.census && column_batches(c, batches))
			c->vif = stats_vif(batches, STATS_BATCHES);
	}
	s->measured = true;
}

/* A run is one batch. With few runs their own scatter is poorly known: then the correlation inside
 * this run has a say too. */
static struct sample_view view_replicas(
        const struct column *c, const struct replica_batches *r, double run_vif)
{
	struct sample_view v = {
	        .values = &r->values, .infinite = r->infinite, .basis = BASIS_REPLICAS};

	for (uint32_t i = 0; i < r->n; i++) {
		v.n += r->batch[i].n;
		v.over += r->batch[i].over[CUT_LIMIT];
	}
	v.vif = stats_vif(r->batch, r->n);
	if (r->n < STATS_BATCHES && run_vif > v.vif)
		v.vif = run_vif;
	v.verdict = stats_verdict(c->rule->quantile, v.n, v.over, v.vif, &v.n_eff);
	return v;
}

static bool enough(const struct column *c)
{
	return c->in_window.n >= histogram_floor(c->rule->quantile);
}

static struct sample_view view_of(const struct score *s, uint32_t column)
{
	const struct column *c = &s->columns[column];
	struct sample_view v = view_run(s, c);

	if (!enough(c))
		v.verdict = VERDICT_INCONCLUSIVE;
	else if (v.verdict == VERDICT_INCONCLUSIVE && s->replicas[column])
		v = view_replicas(c, s->replicas[column], v.vif);
	return v;
}

/* Where the test on this sample would just pass; -1 = nowhere. */
static int64_t upper_of(const struct sample_view *v, const struct slo_rule *rule)
{
	uint64_t allowed;
	int64_t ns;

	if (v->basis == BASIS_CENSUS)
		allowed = v->n - histogram_rank(rule->quantile, v->n);
	else if (!stats_allowed(rule->quantile, v->n, v->vif, &allowed))
		return -1;
	if (allowed >= v->n || !value_at(v->values, v->n - allowed, &ns))
		return -1;
	/* A cell's edge may lie beyond a limit that its values keep. */
	return v->verdict == VERDICT_PASS && ns > rule->limit_ns ? rule->limit_ns : ns;
}

static void observe(
        const struct sample_view *v, const struct slo_rule *rule, struct slo_result *out)
{
	int64_t ns;

	out->observed = "too_few";
	out->observed_ns = out->upper_ns = -1;
	if (v->n < histogram_floor(rule->quantile))
		return;
	out->upper_ns = upper_of(v, rule);
	out->observed = "infinite";
	if (value_at(v->values, histogram_rank(rule->quantile, v->n), &ns)) {
		out->observed = "finite";
		out->observed_ns = ns;
	}
}

/* The verdict that the caller sees: refusals, then what was wanted. */
static void conclude(const struct column *c, struct slo_result *out)
{
	const struct column_count *n = &c->in_window;
	uint64_t asked = n->n + n->refused;

	out->verdict = out->percentile;
	if (out->percentile == VERDICT_INCONCLUSIVE && !enough(c))
		out->reason = "too_few";
	if (c->rule->want_miss) {
		if (out->percentile == VERDICT_FAIL)
			out->verdict = VERDICT_PASS;
		else if (out->percentile == VERDICT_PASS)
			out->verdict = VERDICT_FAIL;
		return;
	}
	if (n->refused && (double)n->refused > c->rule->max_refused * (double)asked) {
		out->verdict = VERDICT_FAIL;
		out->reason = "refused";
	}
}

void score_slo_decide(
        const struct score *s, uint32_t column, struct slo_result *out, struct arena *a)
{
	const struct column *c = &s->columns[column];
	const struct pair_verdict *pair = &s->pairs[column];
	struct sample_view v = view_of(s, column);

	*out = (struct slo_result){
	        .rule = c->rule,
	        .n = v.n,
	        .over = v.over,
	        .refused = c->in_window.refused,
	        .vif = v.vif,
	        .n_eff = v.n_eff,
	        .basis = v.basis,
	        .percentile = v.verdict,
	        .blame_faults = ARENA_ARRAY(a, double, s->config.n_faults + 1),
	};
	observe(&v, c->rule, out);
	if (v.verdict == VERDICT_INCONCLUSIVE && enough(c) && pair->known) {
		out->basis = BASIS_PAIRED;
		out->percentile = pair->percentile;
		out->upper_ns = pair->upper_ns;
		out->vif = pair->vif;
		out->n_eff = pair->n_eff;
	}
	if (v.n)
		out->has_blame = blame_shares(&c->blame,
		        out->observed_ns >= 0 ? out->observed_ns : COLUMN_INFINITE, out->blame,
		        out->blame_faults);
	conclude(c, out);
}

/* Point estimate on the baseline window, refusals included. */
bool score_slo_steady(const struct score *s, uint32_t column)
{
	const struct slo_rule *rule = s->columns[column].rule;
	const struct column_count *n = &s->columns[column].in_baseline;

	return stats_census(rule->quantile, n->n, n->over) == VERDICT_PASS &&
	       (double)n->refused <= rule->max_refused * (double)(n->n + n->refused);
}

bool score_wants_replicas(struct score *s)
{
	score_slo_measure(s);
	for (uint32_t i = 0; i < s->n_columns; i++)
		if (enough(&s->columns[i]) && view_of(s, i).verdict == VERDICT_INCONCLUSIVE)
			return !s->config.census;
	return false;
}

struct score_tally score_slo_tally(struct score *s, uint32_t slo)
{
	const struct column_count *n = &s->columns[slo].in_window;

	CHECK(slo < s->config.rules->n_slo);
	score_finish(s);
	return (struct score_tally){n->n, n->over, n->refused};
}

bool score_is_lost(struct score *s)
{
	score_slo_measure(s);
	for (uint32_t i = 0; i < s->config.rules->n_slo; i++) {
		const struct slo_rule *rule = s->columns[i].rule;
		struct score_tally t = score_slo_tally(s, i);

		if (rule->want_miss)
			continue;
		if ((double)t.refused > rule->max_refused * (double)(t.n + t.refused) ||
		        view_of(s, i).verdict == VERDICT_FAIL)
			return true;
	}
	return false;
}

static uint64_t over_cut(const struct histogram *values, uint64_t infinite, int64_t cut)
{
	return histogram_over(values, cut) + infinite;
}

struct replica_batches *score_replicas_begin(const struct score *s, const struct column *c)
{
	struct replica_batches *r = mem_alloc(1, sizeof(*r));
	const struct histogram *own = score_column_values(s, c);
	static const double quantile[CUT_COUNT] = {[CUT_P90] = 0.90, [CUT_P50] = 0.50};

	histogram_init(&r->values);
	histogram_merge(&r->values, own);
	r->infinite = c->infinite;
	r->n = 1;
	r->batch[0].n = c->in_window.n;
	r->batch[0].over[CUT_LIMIT] = c->in_window.over;
	for (int k = CUT_P90; k < CUT_COUNT; k++) {
		if (!value_at(own, histogram_rank(quantile[k], c->in_window.n), &r->cut[k]))
			r->cut[k] = own->max;
		r->batch[0].over[k] = over_cut(own, c->infinite, r->cut[k]);
	}
	return r;
}

void score_add_replica(struct score *s, struct score *replica)
{
	CHECK(s->n_columns == replica->n_columns && !s->decided);
	score_finish(s);
	score_finish(replica);
	for (uint32_t i = 0; i < s->n_columns; i++) {
		const struct column *other = &replica->columns[i];
		const struct histogram *values = score_column_values(replica, other);
		struct replica_batches *r;
		struct stats_batch *b;

		if (!enough(&s->columns[i]))
			continue;
		if (!s->replicas[i])
			s->replicas[i] = score_replicas_begin(s, &s->columns[i]);
		r = s->replicas[i];
		CHECK(r->n < ARRAY_LEN(r->batch));
		b = &r->batch[r->n++];
		b->n = other->in_window.n;
		b->over[CUT_LIMIT] = other->in_window.over;
		for (int k = CUT_P90; k < CUT_COUNT; k++)
			b->over[k] = over_cut(values, other->infinite, r->cut[k]);
		histogram_merge(&r->values, values);
		r->infinite += other->infinite;
	}
}

void score_pair(struct score *s, const struct score *virtual_run)
{
	CHECK(s->n_columns == virtual_run->n_columns && virtual_run->decided && !s->decided);
	for (uint32_t i = 0; i < virtual_run->result.n_slo; i++) {
		const struct slo_result *r = &virtual_run->result.slo[i];

		s->pairs[i] = (struct pair_verdict){.known = true,
		        .percentile = r->percentile,
		        .upper_ns = r->upper_ns,
		        .vif = r->vif,
		        .n_eff = r->n_eff};
	}
}
