/* Foreign files: whatever they say is checked before it is counted with. Numbers are bounded so
 * that no sum of them overflows; names that are not known (a newer program's metrics) are passed
 * over, members that are missing make a measure unknown and no error, unless nothing could be said
 * without them. */
#include "reports/compare_run.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/mathx.h"
#include "harness/base/units.h"
#include "reports/group.h"
#include "reports/names.h"

enum { KNOTS_MAX = 8, PIECES = 64, LIST_MAX = 4096 };
#define COUNT_MAX (INT64_C(1) << 40)
#define MS_MAX    ((double)NS_MAX / 1e6)

/* --- pieces -------------------------------------------------------------------------- */

static enum status read_text(
        struct jval object, const char *key, struct arena *a, const char **out, struct error *err)
{
	struct jval v = json_get(object, key);
	const char *s = json_string(v);

	if (!s)
		return json_expected(
		        json_type(v) == JSON_NONE ? object : v, err, "a string '%s'", key);
	*out = arena_strndup(a, s, strlen(s));
	return ERR_NONE;
}

/* NULL where there is none. */
static const char *optional_text(struct jval object, const char *key, struct arena *a)
{
	const char *s = json_string(json_get(object, key));

	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

/* Index into names, -1 if it is none of them. */
static int name_index(struct jval v, const char *const *names)
{
	const char *s = json_string(v);

	for (int i = 0; s && names[i]; i++)
		if (strcmp(names[i], s) == 0)
			return i;
	return -1;
}

static enum status read_verdict(struct jval object, enum verdict *out, struct error *err)
{
	struct jval v = json_get(object, "verdict");
	int i = name_index(v, names_verdicts);

	if (i < 0)
		return json_expected(json_type(v) == JSON_NONE ? object : v, err, "a verdict");
	*out = (enum verdict)i;
	return ERR_NONE;
}

static enum status read_count(struct jval object, const char *key, uint64_t *out, struct error *err)
{
	struct jval v = json_get(object, key);
	int64_t n;

	if (json_type(v) == JSON_NONE)
		return json_expected(object, err, "a count '%s'", key);
	if (json_i64(v, &n, err))
		return err->code;
	if (n < 0 || n > COUNT_MAX)
		return json_expected(v, err, "a count between 0 and 2^40");
	*out = (uint64_t)n;
	return ERR_NONE;
}

/* A number that may be null or missing: then *known is false. */
static enum status read_real(struct jval object, const char *key, double low, double high,
        bool *known, double *out, struct error *err)
{
	struct jval v = json_get(object, key);

	*known = json_type(v) != JSON_NONE && json_type(v) != JSON_NULL;
	if (!*known)
		return ERR_NONE;
	if (json_real(v, out, err))
		return err->code;
	if (*out < low || *out > high)
		return json_expected(v, err, "a number between %g and %g", low, high);
	return ERR_NONE;
}

/* The array `key`; absent = empty. */
static enum status read_list(
        struct jval object, const char *key, struct jval *out, uint32_t *n, struct error *err)
{
	*out = json_get(object, key);
	*n = 0;
	if (json_type(*out) == JSON_NONE)
		return ERR_NONE;
	if (json_type(*out) != JSON_ARRAY || json_count(*out) > LIST_MAX)
		return json_expected(*out, err, "a list of at most %d", LIST_MAX);
	*n = (uint32_t)json_count(*out);
	return ERR_NONE;
}

static uint32_t find_tier(const struct compare_run *run, const char *name)
{
	for (uint32_t i = 0; name && i < run->n_tiers; i++)
		if (strcmp(run->tiers[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

/* --- what named percentiles tell of the rest ----------------------------------------- */

struct knot {
	double log_survival, ms;
};

/* Spreads ranks (from, to] evenly, in log-survival, over what lies between two knots. */
static void spread(struct histogram *h, uint64_t n, uint64_t *from, struct knot a, struct knot b)
{
	for (int i = 1; i <= PIECES; i++) {
		double part = (double)i / PIECES;
		double s = a.log_survival + part * (b.log_survival - a.log_survival);
		double ms = a.ms + part * (b.ms - a.ms);
		uint64_t to = (uint64_t)mathx_floor((double)n * (1 - mathx_exp(s)) + 0.5);

		if (to <= *from)
			continue;
		histogram_add_n(h, (int64_t)(ms * 1e6), to - *from);
		*from = to;
	}
}

/* The front: as the first stretch would go on down to a survival of 1. */
static struct knot front(const struct knot *k, uint32_t n)
{
	struct knot f = {.ms = k[0].ms};

	if (n > 1 && k[1].log_survival < k[0].log_survival)
		f.ms -= (k[1].ms - k[0].ms) * k[0].log_survival /
		        (k[1].log_survival - k[0].log_survival);
	f.ms = f.ms > 0 ? f.ms : 0;
	return f;
}

/* A metric of result.json: {"count", "p50", …, "max"}. */
static enum status read_percentiles(
        struct jval metric, struct compare_values *out, struct error *err)
{
	static const struct {
		const char *key;
		double q;
	} named[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
	struct knot knots[KNOTS_MAX], at;
	uint32_t n_knots = 0;
	uint64_t n = 0, from = 0;
	double ms = 0, before = 0;
	bool known;

	if (read_count(metric, "count", &n, err))
		return err->code;
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		if (read_real(metric, named[i].key, before, MS_MAX, &known, &ms, err))
			return err->code;
		if (!known)
			continue;
		knots[n_knots++] = (struct knot){mathx_log(1 - named[i].q), ms};
		before = ms;
	}
	if (read_real(metric, "max", before, MS_MAX, &known, &ms, err))
		return err->code;
	if (n == 0 || n_knots == 0 || !known)
		return ERR_NONE;
	at = front(knots, n_knots);
	for (uint32_t i = 0; i < n_knots; i++) {
		spread(&out->all, n, &from, at, knots[i]);
		at = knots[i];
	}
	spread(&out->all, n, &from, at, (struct knot){mathx_log(0.5 / (double)n), ms});
	if (from < n)
		histogram_add_n(&out->all, (int64_t)(ms * 1e6), n - from);
	out->known = true;
	return ERR_NONE;
}

/* --- result.json --------------------------------------------------------------------- */

static void init_values(struct compare_values *v)
{
	histogram_init(&v->all);
}

static enum status read_group(
        struct jval group, struct compare_run *run, struct compare_tier *t, struct error *err)
{
	struct compare_count *bad = &t->share[COMPARE_NOT_GOOD];
	double good;
	bool known;

	t->vif = 1;
	for (int m = 0; m < METRIC_GROUPS; m++)
		init_values(&t->metric[m]);
	run->n_tiers++; /* from here on there is something to free */
	if (read_text(group, "tier", run->arena, &t->name, err) ||
	        read_count(group, "requests", &bad->n, err) ||
	        read_real(group, "good_fraction", 0, 1, &known, &good, err))
		return err->code;
	if (known)
		bad->k = (uint64_t)mathx_floor((1 - good) * (double)bad->n + 0.5);
	else
		bad->n = 0;
	for (int m = 0; m < METRIC_GROUPS; m++) {
		struct jval v = json_get(json_get(group, "metrics"), metric_name((enum metric)m));

		if (json_type(v) == JSON_OBJECT && read_percentiles(v, &t->metric[m], err))
			return err->code;
	}
	return ERR_NONE;
}

static enum status read_groups(struct jval root, struct compare_run *run, struct error *err)
{
	struct jval list;
	uint32_t n;

	if (read_list(root, "groups", &list, &n, err))
		return err->code;
	run->tiers = ARENA_ARRAY(run->arena, struct compare_tier, n + 1);
	for (struct jval g = json_first(list); n--; g = json_next(g)) {
		const char *window = json_string(json_get(g, "window"));

		if (!window || strcmp(window, window_name(WINDOW_ALL)) != 0)
			continue;
		if (run->n_tiers == SCORE_TIERS_MAX)
			return json_error(g, err, "more than %d tiers", SCORE_TIERS_MAX);
		if (read_group(g, run, &run->tiers[run->n_tiers], err))
			return err->code;
	}
	return ERR_NONE;
}

/* Its values, as far as the tier's tell them: those of ok requests, and the rest infinite. */
static void slo_from_tier(struct compare_slo *s, const struct compare_run *run, uint64_t n)
{
	const struct compare_values *v = &run->tiers[s->tier].metric[s->metric];

	if (s->window != WINDOW_ALL || s->metric == METRIC_ITL || !v->known)
		return;
	histogram_merge(&s->values.all, &v->all);
	s->values.all.infinite = n > v->all.count && n < 2 * v->all.count ? n - v->all.count : 0;
	s->values.known = true;
}

static enum status read_slo(struct jval v, struct compare_run *run, struct error *err)
{
	struct compare_slo *s = &run->slo[run->n_slo];
	uint64_t n = 0;
	bool known;

	init_values(&s->values);
	run->n_slo++;
	s->vif = 1;
	s->tier = find_tier(run, json_string(json_get(v, "tier")));
	s->metric = name_index(json_get(v, "metric"), names_metrics);
	s->window = name_index(json_get(v, "window"), names_windows);
	if (read_text(v, "id", run->arena, &s->id, err) || read_verdict(v, &s->verdict, err) ||
	        read_real(v, "quantile", 1e-6, 1 - 1e-9, &known, &s->quantile, err) ||
	        read_real(v, "limit_ms", 0, MS_MAX, &known, &s->limit_ms, err) ||
	        read_real(v, "vif", 0, 1e12, &known, &s->vif, err))
		return err->code;
	s->vif = s->vif > 1 ? s->vif : 1;
	if (s->metric < 0 || s->metric >= METRIC_GROUPS || s->tier == UINT32_MAX || s->window < 0 ||
	        s->quantile <= 0) {
		s->metric = -1; /* its verdict is all that is understood */
		return ERR_NONE;
	}
	if (run->tiers[s->tier].vif < s->vif)
		run->tiers[s->tier].vif = s->vif;
	if (json_type(json_get(v, "n")) == JSON_NUMBER && read_count(v, "n", &n, err))
		return err->code;
	slo_from_tier(s, run, n);
	return ERR_NONE;
}

static enum status read_rules(struct jval root, struct compare_run *run, struct error *err)
{
	struct jval slo, expect;
	uint32_t n_slo, n_expect;

	if (read_list(root, "slo", &slo, &n_slo, err) ||
	        read_list(root, "expect", &expect, &n_expect, err))
		return err->code;
	run->slo = ARENA_ARRAY(run->arena, struct compare_slo, n_slo + 1);
	run->expect = ARENA_ARRAY(run->arena, struct compare_expect, n_expect + 1);
	for (struct jval v = json_first(slo); n_slo--; v = json_next(v))
		if (read_slo(v, run, err))
			return err->code;
	for (struct jval v = json_first(expect); n_expect--; v = json_next(v)) {
		struct compare_expect *e = &run->expect[run->n_expect++];

		if (read_text(v, "id", run->arena, &e->id, err) ||
		        read_text(v, "kind", run->arena, &e->kind, err) ||
		        read_verdict(v, &e->verdict, err))
			return err->code;
	}
	return ERR_NONE;
}

static enum status read_faults(struct jval root, struct compare_run *run, struct error *err)
{
	static const char *const keys[COMPARE_PHASES] = {"ttd_ms", "ttf_ms", "ttr_ms"};
	struct jval list;
	uint32_t n;

	if (read_list(root, "faults", &list, &n, err))
		return err->code;
	run->faults = ARENA_ARRAY(run->arena, struct compare_fault, n + 1);
	for (struct jval v = json_first(list); n--; v = json_next(v)) {
		struct compare_fault *f = &run->faults[run->n_faults++];

		if (read_text(v, "id", run->arena, &f->id, err))
			return err->code;
		for (int p = 0; p < COMPARE_PHASES; p++) {
			bool known;

			if (read_real(v, keys[p], 0, MS_MAX, &known, &f->phase_ms[p], err))
				return err->code;
			if (!known)
				f->phase_ms[p] = -1;
		}
	}
	return ERR_NONE;
}

static enum status read_heading(struct jval root, struct compare_run *run, struct error *err)
{
	const char *schema = json_string(json_get(root, "schema")), *clock = "";
	int64_t seed = 0;

	if (!schema || strcmp(schema, "lpuchaos.result/1") != 0)
		return json_expected(root, err, "a result, \"schema\": \"lpuchaos.result/1\"");
	if (read_text(root, "scenario", run->arena, &run->scenario, err) ||
	        read_text(root, "clock", run->arena, &clock, err) ||
	        read_verdict(root, &run->verdict, err))
		return err->code;
	if (json_type(json_get(root, "seed")) == JSON_NONE)
		return json_expected(root, err, "a number 'seed'");
	if (json_i64(json_get(root, "seed"), &seed, err))
		return err->code;
	run->seed = (uint64_t)seed;
	run->virtual_clock = strcmp(clock, "virtual") == 0;
	run->partial = json_is_true(json_get(root, "partial"));
	run->valid = json_is_true(json_get(json_get(root, "validity"), "valid"));
	run->plan_digest = optional_text(root, "plan_digest", run->arena);
	run->traffic_digest = optional_text(root, "traffic_digest", run->arena);
	run->result_digest = optional_text(root, "result_digest", run->arena);
	if (json_type(json_get(root, "model_version")) == JSON_NUMBER)
		return json_i64(json_get(root, "model_version"), &run->model_version, err);
	return ERR_NONE;
}

enum status compare_run_read(
        struct jval result, struct arena *arena, struct compare_run *run, struct error *err)
{
	const char *path = run->path;

	*run = (struct compare_run){.path = path, .arena = arena, .duration_ns = -1};
	if (json_type(result) != JSON_OBJECT)
		return json_expected(result, err, "a result");
	if (read_heading(result, run, err))
		return err->code;
	if (run->partial) /* what is missing in it is null */
		return ERR_NONE;
	if (read_groups(result, run, err) || read_rules(result, run, err) ||
	        read_faults(result, run, err))
		return err->code;
	return ERR_NONE;
}

static void free_values(struct compare_values *v)
{
	histogram_free(&v->all);
	for (int i = 0; v->stretch && i < COMPARE_STRETCHES; i++)
		histogram_free(&v->stretch[i]);
}

void compare_run_free(struct compare_run *run)
{
	for (uint32_t i = 0; i < run->n_tiers; i++)
		for (int m = 0; m < METRIC_GROUPS; m++)
			free_values(&run->tiers[i].metric[m]);
	for (uint32_t i = 0; i < run->n_slo; i++)
		free_values(&run->slo[i].values);
	run->n_tiers = run->n_slo = 0;
}

/* --- histograms.json ----------------------------------------------------------------- */

static enum status read_cell(struct jval cell, struct histogram *h, struct error *err)
{
	int64_t upper, n;

	if (json_type(cell) != JSON_ARRAY || json_count(cell) != 2)
		return json_expected(cell, err, "a cell [upper, n]");
	if (json_i64(json_first(cell), &upper, err) ||
	        json_i64(json_next(json_first(cell)), &n, err))
		return err->code;
	if (upper < 0 || upper > 2 * NS_MAX || n < 1 || n > COUNT_MAX)
		return json_expected(cell, err, "a value of at most ten years and a count");
	histogram_add_n(h, upper, (uint64_t)n);
	if (h->count > (uint64_t)COUNT_MAX)
		return json_expected(cell, err, "at most 2^40 values");
	return ERR_NONE;
}

/* Takes the place of what was there. */
static enum status read_histogram(struct jval v, struct compare_values *out, struct error *err)
{
	struct histogram *h = &out->all;
	struct jval cells = json_get(v, "cells");
	int64_t max;

	histogram_reset(h);
	out->known = false;
	if (json_type(cells) != JSON_ARRAY)
		return json_expected(json_type(v) == JSON_NONE ? cells : v, err, "a histogram");
	for (struct jval c = json_first(cells); json_type(c) != JSON_NONE; c = json_next(c))
		if (read_cell(c, h, err))
			return err->code;
	if (read_count(v, "infinite", &h->infinite, err))
		return err->code;
	if (h->count) { /* percentiles never exceed it */
		if (json_i64(json_get(v, "max"), &max, err))
			return err->code;
		if (histogram_cell(max < 0 ? 0 : max) != histogram_cell(h->max))
			return json_expected(json_get(v, "max"), err, "a value of the last cell");
		h->max = max;
	}
	out->known = h->count + h->infinite > 0;
	return ERR_NONE;
}

static enum status histogram_group(struct jval g, struct compare_run *run, struct error *err)
{
	uint32_t i = find_tier(run, json_string(json_get(g, "tier")));
	int window = name_index(json_get(g, "window"), names_windows);
	struct jval outcomes = json_get(g, "outcomes");
	uint64_t by[OUTCOME_COUNT] = {0}, n = 0, good = 0;
	struct compare_count *share;

	if (i == UINT32_MAX || window != WINDOW_ALL)
		return ERR_NONE;
	if (read_count(g, "requests", &n, err) || read_count(g, "good", &good, err))
		return err->code;
	for (int k = 0; k < OUTCOME_COUNT; k++)
		if (read_count(outcomes, outcome_name((enum outcome)k), &by[k], err))
			return err->code;
	if (good > n || by[OUTCOME_REJECTED] > n || group_errors(by) > n)
		return json_error(g, err, "more outcomes than requests");
	share = run->tiers[i].share;
	share[COMPARE_NOT_GOOD] = (struct compare_count){n, n - good};
	share[COMPARE_REFUSED] = (struct compare_count){n, by[OUTCOME_REJECTED]};
	share[COMPARE_FAILED] = (struct compare_count){n, group_errors(by)};
	for (int m = 0; m < METRIC_GROUPS; m++) {
		struct jval v = json_get(json_get(g, "metrics"), metric_name((enum metric)m));

		if (json_type(v) == JSON_OBJECT && read_histogram(v, &run->tiers[i].metric[m], err))
			return err->code;
	}
	return ERR_NONE;
}

static enum status histogram_slo(struct jval v, struct compare_run *run, struct error *err)
{
	const char *id = json_string(json_get(v, "id"));
	struct compare_slo *s = NULL;
	struct jval batches = json_get(v, "batches"), b;

	for (uint32_t i = 0; id && i < run->n_slo; i++)
		if (strcmp(run->slo[i].id, id) == 0)
			s = &run->slo[i];
	if (!s || s->metric < 0)
		return ERR_NONE;
	if (read_histogram(json_get(v, "values"), &s->values, err))
		return err->code;
	if (json_type(batches) != JSON_ARRAY || json_count(batches) != COMPARE_STRETCHES)
		return ERR_NONE;
	b = json_first(batches);
	for (int i = 0; i < COMPARE_STRETCHES; i++, b = json_next(b)) {
		if (read_count(b, "n", &s->batch[i].n, err) ||
		        read_count(b, "over_p90", &s->batch[i].k, err))
			return err->code;
		if (s->batch[i].k > s->batch[i].n)
			return json_error(b, err, "more over a value than there are");
	}
	s->batched = true;
	return ERR_NONE;
}

enum status compare_run_histograms(
        struct jval histograms, struct compare_run *run, struct error *err)
{
	struct jval groups, slo;
	uint32_t n_groups, n_slo;

	if (json_type(histograms) != JSON_OBJECT)
		return json_expected(histograms, err, "histograms");
	if (read_list(histograms, "groups", &groups, &n_groups, err) ||
	        read_list(histograms, "slo", &slo, &n_slo, err))
		return err->code;
	for (struct jval v = json_first(groups); n_groups--; v = json_next(v))
		if (histogram_group(v, run, err))
			return err->code;
	for (struct jval v = json_first(slo); n_slo--; v = json_next(v))
		if (histogram_slo(v, run, err))
			return err->code;
	run->source = COMPARE_HISTOGRAMS;
	return ERR_NONE;
}

/* --- requests ------------------------------------------------------------------------ */

static void make_stretches(struct compare_values *v, struct arena *a)
{
	v->stretch = ARENA_ARRAY(a, struct histogram, COMPARE_STRETCHES);
	for (int i = 0; i < COMPARE_STRETCHES; i++)
		histogram_init(&v->stretch[i]);
	histogram_reset(&v->all);
	v->known = true;
}

void compare_run_requests(struct compare_run *run)
{
	CHECK(run->duration_ns > run->warmup_ns && run->warmup_ns >= 0);
	for (uint32_t i = 0; i < run->n_tiers; i++) {
		struct compare_tier *t = &run->tiers[i];

		for (int m = 0; m < METRIC_GROUPS; m++)
			if (m != METRIC_ITL) /* of gaps, not of requests */
				make_stretches(&t->metric[m], run->arena);
		t->share_stretch =
		        arena_must(run->arena, COMPARE_SHARES * sizeof(*t->share_stretch));
		memset(t->share, 0, sizeof(t->share));
	}
	for (uint32_t i = 0; i < run->n_slo; i++)
		if (run->slo[i].metric >= 0 && run->slo[i].window == WINDOW_ALL)
			make_stretches(&run->slo[i].values, run->arena);
	run->source = COMPARE_REQUESTS;
}

static void add_value(struct compare_values *v, int stretch, int64_t ns)
{
	histogram_add(&v->all, ns);
	histogram_add(&v->stretch[stretch], ns);
}

/* Judged as FORMATS §1 has it: refusals and who left of themselves are not, failures are late. */
static bool add_judged(struct compare_slo *s, int stretch, const struct sample *x, int64_t ns)
{
	if (x->outcome == OUTCOME_OK && ns >= 0) {
		if (s->values.stretch)
			add_value(&s->values, stretch, ns);
		return (double)ns <= s->limit_ms * 1e6;
	}
	if (group_is_error(x->outcome) && s->values.stretch) {
		s->values.all.infinite++;
		s->values.stretch[stretch].infinite++;
	}
	return true;
}

static void count_share(struct compare_tier *t, enum compare_share which, int stretch, bool is)
{
	struct compare_count *all = &t->share[which], *part = &t->share_stretch[which][stretch];

	all->n++;
	all->k += is;
	part->n++;
	part->k += is;
}

void compare_run_sample(struct compare_run *run, const struct sample *x)
{
	int64_t value[METRIC_COUNT], length = run->duration_ns - run->warmup_ns;
	struct compare_tier *t = &run->tiers[x->tier];
	bool good = x->outcome == OUTCOME_OK;
	int at;

	CHECK(x->tier < run->n_tiers);
	if (x->t_sched < run->warmup_ns || x->t_sched >= run->duration_ns)
		return;
	at = (int)((__int128)(x->t_sched - run->warmup_ns) * COMPARE_STRETCHES / length);
	group_values(x, value);
	for (int m = 0; m < METRIC_GROUPS; m++)
		if (x->outcome == OUTCOME_OK && m != METRIC_ITL && value[m] >= 0)
			add_value(&t->metric[m], at, value[m]);
	for (uint32_t i = 0; i < run->n_slo; i++) {
		struct compare_slo *s = &run->slo[i];

		if (s->metric >= 0 && s->tier == x->tier)
			good = add_judged(s, at, x, value[s->metric]) && good;
	}
	count_share(t, COMPARE_NOT_GOOD, at, !good);
	count_share(t, COMPARE_REFUSED, at, x->outcome == OUTCOME_REJECTED);
	count_share(t, COMPARE_FAILED, at, group_is_error(x->outcome));
}
