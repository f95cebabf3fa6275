/* Intake. A request passes here once, when its outcome is known, and is gone; the run's length
 * shows in nothing that is kept.
 *
 *   sample ──> totals, live view ──> measured? ──> window? ──> group (histograms) and columns
 * (SLOs) │ not yet known └──> spool ──> … once the recovery is decided
 *
 * The window is what costs. Without faults everything is baseline, and "all" is the sum of the
 * windows, made at the end, so that a request enters one group only. With faults the requests
 * planned after a revert wait in the spool until their episode is decided (window.c); the spool is
 * bounded, and what it cannot take is counted and makes the run invalid.
 *
 * Pooled gaps between tokens arrive before their request and share its fate. */
#include "reports/score.h"
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/mutant.h"
#include "harness/base/units.h"
#include "reports/score_state.h"

enum {
	SPOOL_MAX = 1 << 17,
	SPOOL_GAPS_MAX = 1 << 23,
	RESULTS_MAX = 64 << 20, /* bytes: 256 SLOs times 1024 faults of shares, amply */
	LIVE_SLOTS = 100,       /* one second */
};

static uint32_t class_of(struct window_config *config, double quantile)
{
	for (uint32_t i = 0; i < config->n_classes; i++)
		if (config->quantile[i] == quantile)
			return i;
	CHECK(config->n_classes < WINDOW_CLASSES_MAX);
	config->quantile[config->n_classes] = quantile;
	return config->n_classes++;
}

/* An isolation expectation judges the SLOs of its tiers once more, on the fault window. */
static bool wants_isolation(const struct score_rules *rules, uint32_t tier)
{
	for (uint32_t i = 0; i < rules->n_expect; i++)
		if (rules->expect[i].kind == EXPECT_ISOLATION &&
		        (rules->expect[i].tier == tier || rules->expect[i].tier == UINT32_MAX))
			return true;
	return false;
}

static void columns_create(struct score *s, struct window_config *wc)
{
	const struct score_rules *rules = s->config.rules;
	uint32_t n = 0;

	s->columns = mem_alloc(2 * rules->n_slo + 1, sizeof(*s->columns));
	s->derived = mem_alloc(rules->n_slo + 1, sizeof(*s->derived));
	for (uint32_t i = 0; i < rules->n_slo; i++)
		column_init(&s->columns[n++], &rules->slo[i], s->config.n_faults);
	for (uint32_t i = 0; i < rules->n_slo; i++) {
		struct column *c = &s->columns[n];

		if (!wants_isolation(rules, rules->slo[i].tier))
			continue;
		s->derived[i] = rules->slo[i];
		s->derived[i].window = WINDOW_FAULT;
		column_init(c, &s->derived[i], s->config.n_faults);
		c->derived = true;
		n++;
	}
	s->n_columns = n;
	for (uint32_t i = 0; i < n; i++) {
		struct column *c = &s->columns[i];
		struct tier_state *t = &s->tiers[c->rule->tier];

		CHECK(c->rule->tier < s->config.n_tiers);
		c->class = class_of(wc, c->rule->quantile);
		t->columns = mem_grow(t->columns, t->n_columns + 1, sizeof(*t->columns));
		t->columns[t->n_columns++] = i;
	}
	s->replicas = mem_alloc(n + 1, sizeof(*s->replicas));
	s->pairs = mem_alloc(n + 1, sizeof(*s->pairs));
}

static bool is_recovered(const struct score *s, uint32_t i)
{
	return s->recovered && s->config.rules->expect[i].kind == EXPECT_RECOVERED;
}

static void recovered_create(struct score *s)
{
	const struct score_rules *rules = s->config.rules;

	for (uint32_t i = 0; i < rules->n_expect; i++) {
		if (rules->expect[i].kind != EXPECT_RECOVERED)
			continue;
		if (!s->recovered)
			s->recovered = mem_alloc(rules->n_expect, sizeof(*s->recovered));
		recovered_init(
		        &s->recovered[i], rules, rules->expect[i].max_ns, s->config.duration_ns);
	}
}

void score_show_recovered(
        struct score *s, const struct sample *x, const int64_t value[static METRIC_COUNT])
{
	for (uint32_t i = 0; s->recovered && i < s->config.rules->n_expect; i++)
		if (is_recovered(s, i))
			recovered_sample(&s->recovered[i], x, value);
}

/* A fault began or ended. */
static void recovered_again(struct score *s, int64_t at_ns)
{
	for (uint32_t i = 0; i < s->config.rules->n_expect; i++) {
		struct recovered *r = s->recovered ? &s->recovered[i] : NULL;

		if (is_recovered(s, i))
			recovered_begin(r, s->n_active ? INT64_MAX : at_ns + r->after_ns);
	}
}

struct score *score_create(const struct score_config *config)
{
	struct score *s = mem_alloc(1, sizeof(*s));
	struct window_config wc = {
	        .n_faults = config->n_faults,
	        .duration_ns = config->duration_ns,
	        .bin_ns = window_bin_ns(config->expected_rate_all),
	        .horizon_ns = config->recovery_horizon_ns,
	        .hold_ns = config->recovery_hold_ns,
	};

	CHECK(config->n_tiers <= SCORE_TIERS_MAX && config->n_faults <= SCORE_FAULTS_MAX);
	s->config = *config;
	arena_init(&s->arena, RESULTS_MAX);
	s->tiers = mem_alloc(config->n_tiers + 1, sizeof(*s->tiers));
	for (uint32_t i = 0; i < config->n_tiers; i++)
		for (int w = 0; w < WINDOW_COUNT; w++)
			group_init(&s->tiers[i].group[w]);
	columns_create(s, &wc);
	if (config->n_faults)
		s->windows = windows_create(&wc);
	recovered_create(s);
	for (int i = 0; i < LIVE_BUCKETS; i++)
		s->live[i].slot = -1;
	return s;
}

void score_free(struct score *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->config.n_tiers; i++) {
		for (int w = 0; w < WINDOW_COUNT; w++)
			group_free(&s->tiers[i].group[w]);
		mem_free(s->tiers[i].columns);
	}
	for (uint32_t i = 0; i < s->n_columns; i++) {
		column_free(&s->columns[i]);
		if (s->replicas[i])
			histogram_free(&s->replicas[i]->values);
		mem_free(s->replicas[i]);
	}
	for (uint32_t i = 0; i < s->n_spool; i++)
		mem_free(s->spool[i].gaps);
	mem_free(s->spool);
	mem_free(s->gaps);
	mem_free(s->marks);
	mem_free(s->columns);
	mem_free(s->derived);
	for (uint32_t i = 0; i < s->config.rules->n_expect; i++)
		if (is_recovered(s, i))
			recovered_free(&s->recovered[i]);
	mem_free(s->recovered);
	mem_free(s->replicas);
	mem_free(s->pairs);
	mem_free(s->tiers);
	windows_free(s->windows);
	arena_free(&s->arena);
	mem_free(s);
}

/* What an SLO sees of a request. */
static int64_t judged_value(const struct sample *x, int64_t value)
{
	if (x->outcome == OUTCOME_OK)
		return value < 0 ? COLUMN_ABSENT : value;
	if (MUTANT(INFINITE_AS_ZERO) && group_is_error(x->outcome))
		return 0;
	return group_is_error(x->outcome) ? COLUMN_INFINITE : COLUMN_ABSENT;
}

static void count_judged(struct column_count *n, int64_t v, int64_t limit, bool refused)
{
	n->n += v != COLUMN_ABSENT;
	n->over += v > limit;
	n->refused += refused && !MUTANT(REFUSAL_DROPPED);
}

const struct histogram *score_column_values_now(const struct score *s, const struct column *c)
{
	enum window w = c->rule->window == WINDOW_ALL ? WINDOW_BASELINE : c->rule->window;

	return c->own_values ? &c->values
	                     : &s->tiers[c->rule->tier].group[w].metric[c->rule->metric];
}

static uint64_t order_of(const struct sample *x)
{
	return x->order ? x->order : x->id;
}

static void column_take(const struct score *s, struct column *c, const struct sample *x,
        int64_t value, enum window w)
{
	int64_t v = judged_value(x, value), limit = c->rule->limit_ns;
	bool refused = x->outcome == OUTCOME_REJECTED;

	if (w == WINDOW_BASELINE)
		count_judged(&c->in_baseline, v, limit, refused);
	if (!column_covers(c, w))
		return;
	count_judged(&c->in_window, v, limit, refused);
	if (v == COLUMN_ABSENT)
		return;
	column_put(c, order_of(x), v);
	if (v >= c->blame_from)
		blame_add(&c->blame, v, c->rule->metric, x);
	if (c->own_values && v != COLUMN_INFINITE)
		histogram_add(&c->values, v);
	if (LPC_UNLIKELY(c->in_window.n % COLUMN_REVIEW == 0))
		column_review(c, score_column_values_now(s, c));
}

/* The request's window is known: it enters what it is counted in. */
static void place(struct score *s, const struct sample *x, const int64_t value[static METRIC_COUNT],
        enum window w, const uint64_t *gaps, uint32_t n_gaps)
{
	struct tier_state *t = &s->tiers[x->tier];
	struct group *g = &t->group[w];
	bool good = x->outcome == OUTCOME_OK;

	group_add(g, x, value);
	for (uint32_t i = 0; i < t->n_columns; i++) {
		struct column *c = &s->columns[t->columns[i]];

		column_take(s, c, x, value[c->rule->metric], w);
		good = good && value[c->rule->metric] <= c->rule->limit_ns;
	}
	g->good += good;
	for (uint32_t i = 0; x->outcome == OUTCOME_OK && i < n_gaps; i++)
		histogram_add_n(&g->metric[METRIC_ITL], (int64_t)(gaps[i] >> GAP_COUNT_BITS),
		        gaps[i] & ((1u << GAP_COUNT_BITS) - 1));
}

void score_spool_add(struct score *s, const struct sample *x)
{
	struct waiting *e;

	if (s->n_spool == SPOOL_MAX || s->spool_gaps + s->n_gaps > SPOOL_GAPS_MAX) {
		s->dropped++;
		return;
	}
	s->spool = mem_room(s->spool, s->n_spool, &s->spool_capacity, sizeof(*s->spool));
	e = &s->spool[s->n_spool++];
	*e = (struct waiting){.sample = *x, .n_gaps = s->n_gaps};
	if (s->n_gaps) {
		e->gaps = mem_alloc(s->n_gaps, sizeof(*e->gaps));
		memcpy(e->gaps, s->gaps, s->n_gaps * sizeof(*e->gaps));
	}
	s->spool_gaps += s->n_gaps;
}

void score_spool_release(struct score *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n_spool; i++) {
		struct waiting *e = &s->spool[i];
		int64_t value[METRIC_COUNT];
		enum window w = windows_of(s->windows, e->sample.t_sched, e->sample.t_done);

		if (w == WINDOW_UNDECIDED) {
			s->spool[kept++] = *e;
			continue;
		}
		group_values(&e->sample, value);
		place(s, &e->sample, value, w, e->gaps, e->n_gaps);
		s->spool_gaps -= e->n_gaps;
		mem_free(e->gaps);
	}
	s->n_spool = kept;
}

/* Bit i: the request missed an SLO of quantile i; nothing served at all misses every one. */
static uint32_t missed_classes(
        const struct score *s, const struct sample *x, const int64_t value[static METRIC_COUNT])
{
	const struct tier_state *t = &s->tiers[x->tier];
	uint32_t missed = 0;

	for (uint32_t i = 0; i < t->n_columns; i++) {
		const struct column *c = &s->columns[t->columns[i]];

		if (x->outcome != OUTCOME_OK || value[c->rule->metric] > c->rule->limit_ns)
			missed |= 1u << c->class;
	}
	return missed;
}

static void sample_with_faults(
        struct score *s, const struct sample *x, const int64_t value[static METRIC_COUNT])
{
	enum window w;

	/* A cancelled request counts towards completeness, never as missed. */
	windows_count(s->windows, order_of(x), x->t_sched, x->t_done,
	        x->outcome == OUTCOME_CANCELLED ? 0 : missed_classes(s, x, value));
	if (score_measured(s, x->t_sched)) {
		w = windows_of(s->windows, x->t_sched, x->t_done);
		if (w == WINDOW_UNDECIDED)
			score_spool_add(s, x);
		else
			place(s, x, value, w, s->gaps, s->n_gaps);
	}
	if (windows_settle(s->windows, x->t_done))
		score_spool_release(s);
}

static void count_totals(struct score *s, const struct sample *x)
{
	int64_t slot = x->t_done / LIVE_SLOT_NS;
	struct live_bucket *b = &s->live[(uint64_t)slot % LIVE_BUCKETS];

	s->seen++;
	s->by_outcome[x->outcome]++;
	s->attempts += x->attempts;
	if (x->outcome == OUTCOME_OK) {
		s->prompt_tokens += x->prompt_tokens;
		s->output_tokens += x->output_tokens;
	}
	if (b->slot != slot)
		*b = (struct live_bucket){.slot = slot};
	b->done++;
	b->errors += group_is_error(x->outcome);
}

void score_sample(struct score *s, const struct sample *x)
{
	int64_t value[METRIC_COUNT];

	CHECK(!s->finished && x->tier < s->config.n_tiers && x->outcome < OUTCOME_COUNT);
	if (s->gaps_id != x->id)
		s->n_gaps = 0;
	count_totals(s, x);
	group_values(x, value);
	score_show_recovered(s, x, value);
	if (s->windows)
		sample_with_faults(s, x, value);
	else if (score_measured(s, x->t_sched))
		place(s, x, value, WINDOW_BASELINE, s->gaps, s->n_gaps);
	s->n_gaps = 0;
}

void score_gaps(struct score *s, uint64_t id, uint32_t tier, int64_t gap_ns, int64_t n)
{
	CHECK(tier < s->config.n_tiers && gap_ns >= 0 && n > 0);
	if (s->gaps_id != id) {
		s->gaps_id = id;
		s->n_gaps = 0;
	}
	if (gap_ns >> (63 - GAP_COUNT_BITS)) /* 2.4 hours: longer is that long */
		gap_ns = (INT64_C(1) << (63 - GAP_COUNT_BITS)) - 1;
	while (n > 0) {
		int64_t most = (1 << GAP_COUNT_BITS) - 1, part = n < most ? n : most;

		if (s->n_gaps == GAPS_MAX) {
			s->dropped++;
			return;
		}
		s->gaps = mem_room(s->gaps, s->n_gaps, &s->gaps_capacity, sizeof(*s->gaps));
		s->gaps[s->n_gaps++] = (uint64_t)gap_ns << GAP_COUNT_BITS | (uint64_t)part;
		n -= part;
	}
}

static void mark(struct score *s, enum score_told told, uint32_t fault, int64_t at_ns)
{
	if (s->n_marks == SCORE_MARKS_MAX) {
		s->marks_lost++;
		return;
	}
	s->marks = mem_room(s->marks, s->n_marks, &s->marks_capacity, sizeof(*s->marks));
	s->marks[s->n_marks++] = (struct score_mark){s->seen, at_ns, fault, told};
}

void score_inject(struct score *s, uint32_t fault, int64_t at_ns)
{
	mark(s, TOLD_INJECT, fault, at_ns);
	windows_inject(s->windows, fault, at_ns);
	s->n_active++;
	recovered_again(s, at_ns);
}

void score_no_more_faults(struct score *s)
{
	if (!s->windows || s->no_more)
		return;
	s->no_more = true;
	mark(s, TOLD_NO_MORE, 0, -1);
	windows_no_more(s->windows);
}

void score_revert(struct score *s, uint32_t fault, int64_t at_ns)
{
	mark(s, TOLD_REVERT, fault, at_ns);
	windows_revert(s->windows, fault, at_ns);
	CHECK(s->n_active > 0);
	s->n_active--;
	recovered_again(s, at_ns);
}

void score_finish(struct score *s)
{
	if (s->finished)
		return;
	s->finished = true;
	if (!s->windows)
		return;
	windows_finish(s->windows);
	score_spool_release(s);
	CHECK(s->n_spool == 0);
	s->dropped += windows_dropped(s->windows);
	for (uint32_t i = 0; i < s->config.n_tiers; i++)
		for (int w = WINDOW_BASELINE; w < WINDOW_COUNT; w++)
			group_merge(&s->tiers[i].group[WINDOW_ALL], &s->tiers[i].group[w]);
}

const struct group *score_group(const struct score *s, uint32_t tier, enum window w)
{
	CHECK(tier < s->config.n_tiers && w < WINDOW_COUNT);
	if (w == WINDOW_ALL && !s->windows)
		w = WINDOW_BASELINE;
	return &s->tiers[tier].group[w];
}

const struct histogram *score_histogram(
        const struct score *s, uint32_t tier, enum window w, enum metric m)
{
	CHECK(m < METRIC_GROUPS);
	if (w == WINDOW_ALL && s->windows && !s->finished)
		return NULL;
	return &score_group(s, tier, w)->metric[m];
}

const struct histogram *score_column_values(const struct score *s, const struct column *c)
{
	CHECK(s->finished);
	if (c->own_values)
		return &c->values;
	return score_histogram(s, c->rule->tier, c->rule->window, c->rule->metric);
}

int64_t score_window_length(const struct score *s, enum window w)
{
	int64_t from = s->config.warmup_ns, to = s->config.duration_ns;

	if (s->windows)
		return windows_length(s->windows, w, from, to);
	return w == WINDOW_ALL || w == WINDOW_BASELINE ? to - from : 0;
}

bool score_stretch(const struct score *s, uint64_t *cursor, struct window_stretch *out)
{
	if (s->windows)
		return windows_stretch(s->windows, cursor, s->config.duration_ns, out);
	*out = (struct window_stretch){WINDOW_BASELINE, 0, s->config.duration_ns};
	return (*cursor)++ == 0;
}

double score_goodput(const struct score *s)
{
	int64_t length_ns = score_window_length(s, WINDOW_ALL);
	uint64_t good = 0;

	for (uint32_t i = 0; i < s->config.n_tiers; i++)
		good += score_group(s, i, WINDOW_ALL)->good;
	return length_ns > 0 ? (double)good * 1e9 / (double)length_ns : 0;
}

struct score_shares score_shares(const struct score *s)
{
	struct score_shares sum = {0};

	for (uint32_t i = 0; i < s->config.n_tiers; i++) {
		const struct group *g = score_group(s, i, WINDOW_ALL);

		sum.requests += g->requests;
		sum.good += g->good;
		sum.rejected += g->by_outcome[OUTCOME_REJECTED];
	}
	return sum;
}

struct score_live score_live(const struct score *s, int64_t now)
{
	struct score_live live = {.done = s->seen,
	        .ok = s->by_outcome[OUTCOME_OK],
	        .errors = group_errors(s->by_outcome),
	        .rejected = s->by_outcome[OUTCOME_REJECTED],
	        .p99_ttft_ns = -1};
	uint64_t done = 0, errors = 0;
	struct histogram ttft;

	for (int i = 0; i < LIVE_BUCKETS; i++) {
		int64_t age = now / LIVE_SLOT_NS - s->live[i].slot;

		if (s->live[i].slot < 0 || age < 0 || age >= LIVE_SLOTS)
			continue;
		done += s->live[i].done;
		errors += s->live[i].errors;
	}
	live.error_ratio = done ? (double)errors / (double)done : 0;
	histogram_init(&ttft);
	for (uint32_t i = 0; i < s->config.n_tiers; i++)
		for (int w = WINDOW_BASELINE; w < WINDOW_COUNT; w++)
			histogram_merge(&ttft, &s->tiers[i].group[w].metric[METRIC_TTFT]);
	if (ttft.count >= histogram_floor(0.99))
		histogram_percentile(&ttft, 0.99, &live.p99_ttft_ns);
	histogram_free(&ttft);
	return live;
}
