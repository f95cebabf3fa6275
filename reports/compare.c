/* How the questions are asked.
 *
 * A run leaves dozens of figures. Were each held against BASE's at 99 %, a release would be called
 * worse every second time. So few decide: each SLO's own percentile, p50 and p99 of TTFT, TPOT and
 * end-to-end latency of each tier, and the shares of its requests that were refused, failed, or not
 * good; all of all pairs together are one family, judged by Holm's procedure. Everything else is
 * shown beside, with the interval that it would have had, and decides nothing.
 *
 * A regression is a question whose lower limit, at the level that Holm's procedure judged it by,
 * lies above the tolerance. What is surely worse but not surely by more is `tolerated`. That a
 * promise which held does not hold any more is a regression whatever the statistics. */
#include "reports/compare.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/mathx.h"
#include "harness/base/mutant.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "reports/proportion.h"

#define WALL_MARGIN     20.0 /* ms: a phase on the wall clock is known to so much (DESIGN §2), */
#define WALL_LATENCY_NS 1e6  /* and a latency; */
#define WALL_TPOT_SHARE 0.01 /* a TPOT, to so much of it */

enum { EVENTS_MIN = 2, SEEDS_MIN = 5 };

static const char *const states[] = {"same", "better", "worse", "tolerated", "undecided"};
static const char *const bases[] = {"verdict", "value", "paired", "stretches", "batches", "vif",
        "seeds", "paired seeds", "proportions"};

const char *compare_state_name(enum compare_state s)
{
	CHECK(s < ARRAY_LEN(states));
	return states[s];
}

const char *compare_basis_name(enum compare_basis b)
{
	CHECK(b < ARRAY_LEN(bases));
	return bases[b];
}

void compare_init(struct compare *c, const struct compare_options *options)
{
	*c = (struct compare){.options = *options};
	arena_init(&c->arena, 0);
}

void compare_free(struct compare *c)
{
	for (uint32_t i = 0; i < c->n_pairs; i++)
		mem_free(c->pairs[i].items);
	mem_free(c->pairs);
	mem_free(c->base_only);
	mem_free(c->new_only);
	arena_free(&c->arena);
}

void compare_without_partner(struct compare *c, bool in_base, const char *name)
{
	const char ***list = in_base ? &c->base_only : &c->new_only;
	uint32_t *n = in_base ? &c->n_base_only : &c->n_new_only;
	uint32_t *capacity = in_base ? &c->base_only_capacity : &c->new_only_capacity;

	*list = mem_room(*list, *n, capacity, sizeof(**list));
	(*list)[(*n)++] = arena_strndup(&c->arena, name, strlen(name));
}

static struct compare_pair *add_pair(struct compare *c)
{
	c->pairs = mem_room(c->pairs, c->n_pairs, &c->capacity, sizeof(*c->pairs));
	c->pairs[c->n_pairs] = (struct compare_pair){0};
	return &c->pairs[c->n_pairs++];
}

static struct compare_item *add_item(struct compare_pair *p, const char *name, const char *unit)
{
	struct compare_item *item;

	p->items = mem_room(p->items, p->n_items, &p->capacity, sizeof(*p->items));
	item = &p->items[p->n_items++];
	*item = (struct compare_item){.name = name, .unit = unit};
	return item;
}

static void add_note(struct compare_pair *p, const char *note)
{
	if (p->n_notes < ARRAY_LEN(p->notes))
		p->notes[p->n_notes++] = note;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* --- percentiles --------------------------------------------------------------------- */

static void over_by_stretch(
        const struct compare_values *v, double q, struct compare_count out[COMPARE_STRETCHES])
{
	int64_t cut = INT64_MAX;

	(void)histogram_percentile(&v->all, q, &cut);
	for (int i = 0; i < COMPARE_STRETCHES; i++) {
		const struct histogram *h = &v->stretch[i];

		out[i].n = h->count + h->infinite;
		out[i].k = cut == INT64_MAX ? h->infinite : histogram_over(h, cut);
	}
}

static uint64_t values_count(const struct compare_values *v)
{
	return v->known ? v->all.count + v->all.infinite : 0;
}

/* What is needed besides the values themselves where no stretches are known. */
struct batches {
	const struct compare_count *base, *new; /* NULL: none */
	double vif;
};

static void quantile_scatter(const struct compare_pair *p, struct compare_item *item,
        const struct compare_values *base, const struct compare_values *new,
        const struct batches *other)
{
	struct compare_count b[COMPARE_STRETCHES], n[COMPARE_STRETCHES];

	item->basis = p->same_traffic ? COMPARE_BY_PAIRS : COMPARE_BY_STRETCHES;
	if (base->stretch && new->stretch) {
		over_by_stretch(base, item->test.q, b);
		over_by_stretch(new, item->test.q, n);
		item->test.scatter = compare_scatter(b, n, p->same_traffic);
	} else if (other->base && other->new) {
		item->basis = COMPARE_BY_BATCHES;
		item->test.scatter = compare_scatter(other->base, other->new, p->same_traffic);
	} else {
		item->basis = COMPARE_BY_VIF;
		item->test.scatter = (struct compare_scatter){other->vif, COMPARE_STRETCHES - 1};
	}
}

/* A percentile of both sides; ms. */
static struct compare_item *add_quantile(struct compare_pair *p, const char *name, double q,
        const struct compare_values *base, const struct compare_values *new,
        const struct batches *other)
{
	struct compare_item *item = add_item(p, name, "ms");
	uint64_t floor = histogram_floor(q);

	item->quantile = q;
	item->n_base = values_count(base);
	item->n_new = values_count(new);
	item->test = (struct compare_test){.what = COMPARE_QUANTILE,
	        .q = q,
	        .base_values = &base->all,
	        .new_values = &new->all,
	        .scatter = {1, COMPARE_STRETCHES - 1}};
	if (item->n_base < floor || item->n_new < floor) {
		item->state = COMPARE_UNDECIDED;
		item->note = item->n_base + item->n_new ? "too few requests" : "not known";
		return item;
	}
	item->tested = true;
	quantile_scatter(p, item, base, new, other);
	return item;
}

/* --- SLOs, tiers, shares ------------------------------------------------------------- */

static const struct compare_slo *find_slo(const struct compare_run *run, const char *id)
{
	for (uint32_t i = 0; i < run->n_slo; i++)
		if (strcmp(run->slo[i].id, id) == 0)
			return &run->slo[i];
	return NULL;
}

static const struct compare_tier *find_tier(const struct compare_run *run, const char *name)
{
	for (uint32_t i = 0; i < run->n_tiers; i++)
		if (strcmp(run->tiers[i].name, name) == 0)
			return &run->tiers[i];
	return NULL;
}

/* Something that is judged by what was promised of it. */
static void add_verdict(
        struct compare_pair *p, const char *name, enum verdict base, enum verdict new)
{
	struct compare_item *item;

	if (base == new)
		return;
	item = add_item(p, name, "");
	item->basis = COMPARE_BY_VERDICT;
	item->decides = true;
	if (base == VERDICT_PASS && new == VERDICT_FAIL) {
		item->state = COMPARE_WORSE;
		item->note = "held, and does not any more";
	} else if (base == VERDICT_FAIL && new == VERDICT_PASS) {
		item->state = COMPARE_BETTER;
		item->note = "did not hold, and does now";
	} else {
		item->decides = false;
		item->state = COMPARE_UNDECIDED;
		item->note = new == VERDICT_INCONCLUSIVE ? "undecided now" : "was undecided";
	}
}

static bool same_question(const struct compare_run *base, const struct compare_slo *b,
        const struct compare_run *new, const struct compare_slo *n)
{
	return b->metric >= 0 && b->metric == n->metric && b->quantile == n->quantile &&
	       b->window == n->window &&
	       strcmp(base->tiers[b->tier].name, new->tiers[n->tier].name) == 0;
}

static void compare_slo(struct compare *c, struct compare_pair *p, const struct compare_slo *b,
        const struct compare_slo *n)
{
	struct batches other = {b->batched ? b->batch : NULL, n->batched ? n->batch : NULL,
	        b->vif > n->vif ? b->vif : n->vif};
	struct compare_item *item;

	add_verdict(p, arena_printf(&c->arena, "slo %s verdict", b->id), b->verdict, n->verdict);
	if (!same_question(p->base, b, p->new, n)) {
		add_note(p, arena_printf(&c->arena, "slo %s asks something else", b->id));
		return;
	}
	if (b->limit_ms < n->limit_ms || b->limit_ms > n->limit_ms)
		add_note(p, arena_printf(&c->arena, "slo %s: the limit was %g ms, is %g ms", b->id,
		                    b->limit_ms, n->limit_ms));
	if (p->identical)
		return;
	item = add_quantile(p, arena_printf(&c->arena, "slo %s", b->id), b->quantile, &b->values,
	        &n->values, &other);
	item->decides = true;
	item->tier = p->base->tiers[b->tier].name;
	item->metric = metric_name((enum metric)b->metric);
	item->window = window_name((enum window)b->window);
}

static void compare_rules(struct compare *c, struct compare_pair *p)
{
	for (uint32_t i = 0; i < p->base->n_slo; i++) {
		const struct compare_slo *b = &p->base->slo[i], *n = find_slo(p->new, b->id);

		if (n)
			compare_slo(c, p, b, n);
		else
			add_note(p, arena_printf(&c->arena, "slo %s is not asked any more", b->id));
	}
	for (uint32_t i = 0; i < p->base->n_expect; i++) {
		const struct compare_expect *b = &p->base->expect[i], *n = NULL;

		for (uint32_t k = 0; k < p->new->n_expect && !n; k++)
			if (strcmp(p->new->expect[k].id, b->id) == 0)
				n = &p->new->expect[k];
		if (n)
			add_verdict(p, arena_printf(&c->arena, "expect %s verdict", b->id),
			        b->verdict, n->verdict);
		else
			add_note(p, arena_printf(&c->arena, "expectation %s is not asked any more",
			                    b->id));
	}
}

/* An SLO that asks the same of the same requests stands for the tier's figure. */
static bool is_asked(const struct compare_pair *p, const char *tier, enum metric m, double q)
{
	for (uint32_t i = 0; i < p->base->n_slo; i++) {
		const struct compare_slo *b = &p->base->slo[i], *n = find_slo(p->new, b->id);

		if (n && same_question(p->base, b, p->new, n) && b->window == WINDOW_ALL &&
		        b->metric == (int)m && b->quantile == q &&
		        strcmp(p->base->tiers[b->tier].name, tier) == 0)
			return true;
	}
	return false;
}

/* Batches of an SLO on the tier tell how its requests move together, whatever the metric. */
static struct batches batches_of(
        const struct compare_pair *p, const struct compare_tier *b, const struct compare_tier *n)
{
	struct batches out = {NULL, NULL, b->vif > n->vif ? b->vif : n->vif};

	for (uint32_t i = 0; i < p->base->n_slo && !out.base; i++) {
		const struct compare_slo *s = &p->base->slo[i], *t = find_slo(p->new, s->id);

		if (t && same_question(p->base, s, p->new, t) && s->window == WINDOW_ALL &&
		        s->batched && t->batched &&
		        strcmp(p->base->tiers[s->tier].name, b->name) == 0) {
			out.base = s->batch;
			out.new = t->batch;
		}
	}
	return out;
}

static void compare_latencies(struct compare *c, struct compare_pair *p,
        const struct compare_tier *b, const struct compare_tier *n)
{
	static const double quantiles[] = {0.5, 0.9, 0.95, 0.99, 0.999};
	struct batches other = batches_of(p, b, n);

	for (int m = 0; m < METRIC_GROUPS; m++)
		for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
			double q = quantiles[i];
			const struct compare_values *vb = &b->metric[m], *vn = &n->metric[m];
			struct compare_item *item;

			if (is_asked(p, b->name, (enum metric)m, q) || !vb->known || !vn->known)
				continue;
			item = add_quantile(p,
			        arena_printf(&c->arena, "%s %s p%g", b->name,
			                metric_name((enum metric)m), q * 100),
			        q, vb, vn, &other);
			item->tier = b->name;
			item->metric = metric_name((enum metric)m);
			item->window = window_name(WINDOW_ALL);
			item->decides =
			        (m == METRIC_TTFT || m == METRIC_TPOT || m == METRIC_E2EL) &&
			        (i == 0 || i == 3);
		}
}

static void add_share(struct compare *c, struct compare_pair *p, const struct compare_tier *b,
        const struct compare_tier *n, enum compare_share which)
{
	static const char *const names[COMPARE_SHARES] = {"not good", "refused", "failed"};
	const struct compare_count *sb = &b->share[which], *sn = &n->share[which];
	struct compare_item *item;

	if (sb->n == 0 || sn->n == 0 || sb->k + sn->k == 0)
		return; /* nothing of the kind, which is no question */
	item = add_item(p, arena_printf(&c->arena, "%s %s", b->name, names[which]), "%");
	item->tier = b->name;
	item->metric = names[which];
	item->window = window_name(WINDOW_ALL);
	item->decides = item->tested = true;
	item->n_base = sb->n;
	item->n_new = sn->n;
	item->test = (struct compare_test){.what = COMPARE_SHARE,
	        .base_share = *sb,
	        .new_share = *sn,
	        .scatter = {b->vif > n->vif ? b->vif : n->vif, COMPARE_STRETCHES - 1}};
	item->basis = COMPARE_BY_VIF;
	if (b->share_stretch && n->share_stretch) {
		item->basis = p->same_traffic ? COMPARE_BY_PAIRS : COMPARE_BY_STRETCHES;
		item->test.scatter = compare_scatter(
		        b->share_stretch[which], n->share_stretch[which], p->same_traffic);
	}
}

static void compare_tiers(struct compare *c, struct compare_pair *p)
{
	for (uint32_t i = 0; i < p->base->n_tiers; i++) {
		const struct compare_tier *b = &p->base->tiers[i], *n = find_tier(p->new, b->name);

		if (!n) {
			add_note(p,
			        arena_printf(&c->arena, "tier %s is not there any more", b->name));
			continue;
		}
		compare_latencies(c, p, b, n);
		for (int which = 0; which < COMPARE_SHARES; which++)
			add_share(c, p, b, n, (enum compare_share)which);
	}
}

/* --- single numbers ------------------------------------------------------------------ */

/* How long a fault's phase took: one number a run. Under the same traffic it is what it is, to the
 * nanosecond on the virtual clock; under another it is one of many it could be. */
static void compare_phase(struct compare *c, struct compare_pair *p, const char *fault,
        const char *phase, double base, double new)
{
	struct compare_item *item;
	double margin = base * c->options.tolerance + (p->base->virtual_clock ? 0 : WALL_MARGIN);

	if (base < 0 && new < 0)
		return;
	item = add_item(p, arena_printf(&c->arena, "fault %s %s", fault, phase), "ms");
	item->basis = COMPARE_BY_VALUE;
	item->metric = phase;
	item->has_base = base >= 0;
	item->has_new = new >= 0;
	item->base = base;
	item->new = new;
	if (!p->same_traffic) {
		item->state = COMPARE_UNDECIDED;
		item->note = "one number each, under other traffic";
		return;
	}
	item->decides = true;
	if (!item->has_base || !item->has_new) {
		item->state = item->has_base ? COMPARE_WORSE : COMPARE_UNDECIDED;
		item->note = item->has_base ? "not reached any more" : "was not reached";
		item->decides = item->has_base;
	} else if (new > base + margin) {
		item->state = COMPARE_WORSE;
	} else if (new > base) {
		item->state = p->base->virtual_clock ? COMPARE_TOLERATED : COMPARE_SAME;
	} else if (new < base - margin) {
		item->state = COMPARE_BETTER;
	}
}

static void compare_faults(struct compare *c, struct compare_pair *p)
{
	static const char *const names[COMPARE_PHASES] = {"ttd_ms", "ttf_ms", "ttr_ms"};

	for (uint32_t i = 0; i < p->base->n_faults; i++) {
		const struct compare_fault *b = &p->base->faults[i], *n = NULL;

		for (uint32_t k = 0; k < p->new->n_faults && !n; k++)
			if (strcmp(p->new->faults[k].id, b->id) == 0)
				n = &p->new->faults[k];
		for (int phase = 0; n && phase < COMPARE_PHASES; phase++)
			compare_phase(
			        c, p, b->id, names[phase], b->phase_ms[phase], n->phase_ms[phase]);
	}
}

/* --- pairs --------------------------------------------------------------------------- */

const char *compare_refused(const struct compare_run *base, const struct compare_run *new)
{
	if (strcmp(base->scenario, new->scenario) != 0)
		return "the same scenario on both sides";
	if (base->virtual_clock != new->virtual_clock)
		return "the same clock on both sides";
	return NULL;
}

/* Why a run says nothing; NULL = it does. */
static const char *silent(struct compare *c, const char *side, const struct compare_run *r)
{
	if (r->partial || r->verdict == VERDICT_ABORTED)
		return arena_printf(&c->arena, "%s is partial", side);
	if (!r->valid)
		return arena_printf(&c->arena, "%s is invalid", side);
	return NULL;
}

void compare_runs(struct compare *c, const struct compare_run *base, const struct compare_run *new)
{
	struct compare_pair *p = add_pair(c);

	p->scenario = base->scenario;
	p->base = base;
	p->new = new;
	p->same_traffic = same_text(base->traffic_digest, new->traffic_digest);
	p->identical = p->same_traffic && same_text(base->result_digest, new->result_digest);
	p->silent = silent(c, "BASE", base);
	if (!p->silent)
		p->silent = silent(c, "NEW", new);
	if (p->silent)
		return;
	if (base->model_version != new->model_version)
		add_note(p, "the model's version is another: what the emulator computes changed");
	compare_rules(c, p);
	if (p->identical)
		return;
	compare_tiers(c, p);
	compare_faults(c, p);
}

/* --- campaigns ----------------------------------------------------------------------- */

/* Whether both campaigns have the same seeds; else their values are two samples. */
static bool same_seeds(const struct compare_campaign *a, const struct compare_campaign *b)
{
	return a->n == b->n && memcmp(a->seed, b->seed, a->n * sizeof(*a->seed)) == 0;
}

static const struct compare_measure *find_measure(
        const struct compare_campaign *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_measures; i++)
		if (strcmp(c->measures[i].name, name) == 0)
			return &c->measures[i];
	return NULL;
}

/* The numbers that are there; with `both`, where the other side has one, too. */
static uint32_t gather(struct arena *a, const struct compare_measure *m, uint32_t n,
        const struct compare_measure *both, const double **out)
{
	double *v = ARENA_ARRAY(a, double, n + 1);
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		if (m->there[i] && (!both || both->there[i]))
			v[k++] = m->value[i];
	*out = v;
	return k;
}

static bool is_zero(const struct compare_measure *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!m->there[i] || m->value[i] > 0)
			return false;
	return true;
}

static void compare_measure(struct compare *c, struct compare_pair *p,
        const struct compare_measure *b, const struct compare_measure *n, bool paired)
{
	struct compare_item *item;
	struct compare_seeds *s;

	if (is_zero(b, p->base_seeds->n) && is_zero(n, p->new_seeds->n))
		return; /* nothing of the kind, which is no question */
	item = add_item(p, b->name, b->unit);
	s = &item->test.seeds;
	item->basis = paired ? COMPARE_BY_SAME_SEEDS : COMPARE_BY_SEEDS;
	item->decides = true;
	item->test.what = COMPARE_SEEDS;
	s->paired = paired;
	s->key = prng_purpose(0, "compare/seeds");
	s->n_base = gather(&c->arena, b, p->base_seeds->n, paired ? n : NULL, &s->base);
	s->n_new = gather(&c->arena, n, p->new_seeds->n, paired ? b : NULL, &s->new);
	item->n_base = s->n_base;
	item->n_new = s->n_new;
	item->tested = s->n_base >= SEEDS_MIN && s->n_new >= SEEDS_MIN;
	if (!item->tested) {
		item->state = COMPARE_UNDECIDED;
		item->note = "too few seeds";
	}
}

static void compare_held(struct compare *c, struct compare_pair *p, const struct compare_rule *b,
        const struct compare_rule *n)
{
	const char *kind = b->slo ? "slo" : "expect";
	struct compare_item *item;

	if (b->failed == 0 && n->failed > 0) {
		item = add_item(p, arena_printf(&c->arena, "%s %s verdict", kind, b->id), "");
		item->basis = COMPARE_BY_VERDICT;
		item->decides = true;
		item->state = COMPARE_WORSE;
		item->note = arena_printf(&c->arena, "failed under no seed, fails under %llu of %u",
		        (unsigned long long)n->failed, p->new_seeds->n);
	}
	if (b->failed + n->failed == 0)
		return;
	item = add_item(p, arena_printf(&c->arena, "%s %s failed", kind, b->id), "%");
	item->basis = COMPARE_BY_PROPORTIONS;
	item->decides = item->tested = true;
	item->n_base = p->base_seeds->n;
	item->n_new = p->new_seeds->n;
	item->test = (struct compare_test){.what = COMPARE_SHARE,
	        .base_share = {p->base_seeds->n, b->failed},
	        .new_share = {p->new_seeds->n, n->failed},
	        .scatter = {1, 1e6}};
}

static bool same_results(const struct compare_campaign *a, const struct compare_campaign *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!same_text(a->digest[i], b->digest[i]))
			return false;
	return true;
}

void compare_campaigns(
        struct compare *c, const struct compare_campaign *base, const struct compare_campaign *new)
{
	struct compare_pair *p = add_pair(c);
	bool paired = same_seeds(base, new);

	p->scenario = base->scenario;
	p->base_seeds = base;
	p->new_seeds = new;
	p->same_traffic = paired;
	p->identical = paired && same_results(base, new);
	for (uint32_t i = 0; i < base->n_rules; i++)
		for (uint32_t k = 0; k < new->n_rules; k++)
			if (base->rules[i].slo == new->rules[k].slo &&
			        strcmp(base->rules[i].id, new->rules[k].id) == 0)
				compare_held(c, p, &base->rules[i], &new->rules[k]);
	if (p->identical)
		return;
	for (uint32_t i = 0; i < base->n_measures; i++) {
		const struct compare_measure *b = &base->measures[i],
		                             *n = find_measure(new, b->name);

		if (n)
			compare_measure(c, p, b, n, paired);
	}
}

/* --- judging ------------------------------------------------------------------------- */

static double in_unit(const struct compare_item *item, double v)
{
	if (item->test.what == COMPARE_QUANTILE)
		return v / 1e6; /* to the bit what the result says */
	return item->test.what == COMPARE_SHARE ? v * 100 : v;
}

static void measure_item(struct compare_item *item)
{
	double base, new;

	compare_measures(&item->test, &base, &new);
	item->has_base = base < __builtin_inf();
	item->has_new = new < __builtin_inf();
	item->base = in_unit(item, base);
	item->new = in_unit(item, new);
}

/* In descending order of what they have to say. */
static int by_p(const void *a, const void *b)
{
	const struct compare_item *x = *(struct compare_item *const *)a,
	                          *y = *(struct compare_item *const *)b;

	return (x->p_worse > y->p_worse) - (x->p_worse < y->p_worse);
}

static int by_p_better(const void *a, const void *b)
{
	const struct compare_item *x = *(struct compare_item *const *)a,
	                          *y = *(struct compare_item *const *)b;

	return (x->p_better > y->p_better) - (x->p_better < y->p_better);
}

/* Holm: the k-th smallest of m must be below alpha / (m - k + 1), and so must all before it. */
static void judge_worse(const struct compare *c, struct compare_item **family, uint32_t m)
{
	double alpha = 1 - c->options.confidence, adjusted = 0, level = 0;
	bool going_on = true;

	qsort(family, m, sizeof(*family), by_p);
	for (uint32_t k = 0; k < m; k++) {
		struct compare_item *item = family[k];
		double left = m - k, p = item->p_worse * left;

		if (going_on)
			level = 1 -
			        alpha / left; /* of the first that is not sure, for all after it */
		going_on = going_on && p <= alpha && !MUTANT(NOTHING_WORSE);
		item->level = level;
		adjusted = p > adjusted ? p : adjusted;
		if (!going_on)
			continue;
		item->state = COMPARE_WORSE;
		item->confidence = 1 - adjusted;
	}
}

static void judge_better(const struct compare *c, struct compare_item **family, uint32_t m)
{
	double alpha = 1 - c->options.confidence, adjusted = 0;

	qsort(family, m, sizeof(*family), by_p_better);
	for (uint32_t k = 0; k < m; k++) {
		struct compare_item *item = family[k];
		double p = item->p_better * (m - k);

		adjusted = p > adjusted ? p : adjusted;
		if (adjusted > alpha)
			return;
		item->state = COMPARE_BETTER;
		item->confidence = 1 - adjusted;
	}
}

/* The interval at the item's level, and what would have been seen. */
static void show_interval(struct compare_item *item)
{
	bool scattered = item->test.what != COMPARE_SEEDS;
	double low, high;

	compare_limits(&item->test, 0, 1 - item->level, &low, &high);
	item->low = in_unit(item, low);
	item->high = in_unit(item, high);
	item->seen_from = item->new - item->base - item->low;
	if (item->state != COMPARE_SAME)
		return;
	if (low > 0) { /* within the tolerance, or within what the wall clock is off by */
		item->state = COMPARE_TOLERATED;
	} else if (scattered && item->test.scatter.df < EVENTS_MIN) {
		item->state = COMPARE_UNDECIDED;
		item->note = "nearly all of it is one event";
	} else if (low <= -__builtin_inf()) { /* no regression whatever could have been seen */
		item->state = COMPARE_UNDECIDED;
		item->note = scattered ? "too few requests" : "too few seeds";
	}
}

/* A share of which both sides together have so few that no split of them could be significant. */
static bool can_be_significant(const struct compare *c, const struct compare_item *item)
{
	struct compare_test most = item->test;
	double worse, better;

	if (item->test.what != COMPARE_SHARE)
		return true;
	most.new_share.k += most.base_share.k;
	most.base_share.k = 0;
	if (most.new_share.k > most.new_share.n)
		return true;
	compare_p_values(&most, c->options.tolerance, &worse, &better);
	return worse <= 1 - c->options.confidence;
}

/* Beside: at the level of a single question. */
static void judge_alone(const struct compare *c, struct compare_item *item)
{
	double alpha = 1 - c->options.confidence;

	item->level = c->options.confidence;
	if (item->p_worse <= alpha) {
		item->state = COMPARE_WORSE;
		item->confidence = 1 - item->p_worse;
	} else if (item->p_better <= alpha) {
		item->state = COMPARE_BETTER;
		item->confidence = 1 - item->p_better;
	}
}

static void count_item(struct compare *c, const struct compare_item *item)
{
	if (!item->decides)
		return;
	c->n_worse += item->state == COMPARE_WORSE;
	c->n_better += item->state == COMPARE_BETTER;
	c->n_tolerated += item->state == COMPARE_TOLERATED;
	c->n_undecided += item->state == COMPARE_UNDECIDED;
	c->said_something = c->said_something || item->state != COMPARE_UNDECIDED;
}

/* What the wall clock's measurement may be off by (the bounds of agreement, DESIGN §2), ns. */
static double wall_margin(const struct compare_pair *p, const struct compare_item *item)
{
	if (!p->base || p->base->virtual_clock || item->test.what != COMPARE_QUANTILE)
		return 0;
	if (same_text(item->metric, metric_name(METRIC_TPOT)) ||
	        same_text(item->metric, metric_name(METRIC_ITL)))
		return item->base * 1e6 * WALL_TPOT_SHARE;
	return WALL_LATENCY_NS;
}

static void ask(const struct compare *c, const struct compare_pair *p, struct compare_item *item)
{
	struct compare_test test = item->test;
	double margin, ignored;

	measure_item(item);
	margin = wall_margin(p, item);
	test.margin = margin;
	compare_p_values(&test, c->options.tolerance, &item->p_worse, &ignored);
	test.margin = -margin;
	compare_p_values(&test, 0, &ignored, &item->p_better);
}

void compare_judge(struct compare *c)
{
	struct compare_item **family;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_pairs; i++)
		n += c->pairs[i].n_items;
	family = mem_alloc(n + 1, sizeof(*family));
	for (uint32_t i = 0; i < c->n_pairs; i++) {
		struct compare_pair *p = &c->pairs[i];

		c->n_silent += p->silent != NULL;
		c->said_something = c->said_something || p->identical;
		for (uint32_t k = 0; k < p->n_items; k++) {
			struct compare_item *item = &p->items[k];

			if (!item->tested)
				continue;
			ask(c, p, item);
			if (item->decides && can_be_significant(c, item))
				family[c->family++] = item;
			else
				judge_alone(c, item);
		}
	}
	judge_better(c, family, c->family);
	judge_worse(c, family, c->family);
	mem_free(family);
	for (uint32_t i = 0; i < c->n_pairs; i++)
		for (uint32_t k = 0; k < c->pairs[i].n_items; k++) {
			struct compare_item *item = &c->pairs[i].items[k];

			if (item->tested)
				show_interval(item);
			count_item(c, item);
		}
}

int compare_exit_code(const struct compare *c)
{
	if (c->n_worse)
		return 1;
	return c->n_silent || !c->said_something ? 4 : 0;
}
