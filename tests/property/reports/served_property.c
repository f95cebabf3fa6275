/* Requests told in blocks score as the same requests told one by one: everything that the scorer
 * keeps is compared, over random requests, rules, windows, tiers, sizes of blocks and what happens
 * in between (other samples, injects, reverts, looks at the live view). */
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "reports/score_state.h"
#include "reports/served.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { TIERS = 3, FAULTS = 2, RULES_MAX = 6 };
#define MS NS_PER_MS

/* How a run of requests is made. */
struct kind {
	const char *name;
	uint32_t requests, n_faults;
	int64_t gap_ns;    /* between arrivals */
	int64_t spread_ns; /* of latencies */
	bool shuffled;     /* orders far from those of completion */
	bool own_order;    /* order differs from the id */
	uint64_t first;    /* order of the first */
};

static const struct kind KINDS[] = {
        {"few", 300, 0, 10 * MS, 300 * MS, false, false, 1},
        {"many", 140000, 0, MS / 5, 30 * MS, false, false, 1},
        {"faults", 30000, FAULTS, 4 * MS, 900 * MS, false, true, 1},
        {"faults, many", 150000, FAULTS, MS, 90 * MS, false, false, 1},
        {"beyond the exact part", 70000, 0, MS, 50 * MS, false, true, COLUMN_EXACT - 30000},
        {"beyond it, with faults", 70000, FAULTS, MS, 500 * MS, false, true, COLUMN_EXACT - 40000},
        {"micro-batches are joined", 40000, 0, MS, 50 * MS, true, true, 1},
        {"years", 2000, 0, 9000 * NS_PER_S, 4000000 * NS_PER_S, false, false, 1},
};

static uint64_t draw(struct prng *g, uint64_t n)
{
	uint64_t u = prng_next(g);

	return prng_below(u, n);
}

static bool one_in(struct prng *g, uint64_t n)
{
	return draw(g, n) == 0;
}

static struct slo_rule random_rule(struct prng *g, const struct kind *k)
{
	static const double quantiles[] = {0.5, 0.9, 0.95, 0.99, 0.999};
	uint64_t m = draw(g, METRIC_COUNT), q = draw(g, ARRAY_LEN(quantiles));
	int64_t limit = 1 + (int64_t)draw(g, (uint64_t)k->spread_ns);
	struct slo_rule rule = fixture_slo((enum metric)m, quantiles[q], limit);

	if (m == METRIC_TPOT || m == METRIC_ITL)
		rule.limit_ns = 4 * MS + (int64_t)draw(g, 3 * MS);
	rule.tier = (uint32_t)draw(g, TIERS);
	if (one_in(g, 2))
		rule.window = (enum window)draw(g, WINDOW_COUNT);
	rule.max_refused = 0.5;
	return rule;
}

static struct rider random_request(
        struct prng *g, const struct kind *k, uint64_t n, int64_t at_ns, uint32_t tiers)
{
	static const int64_t frames[] = {5 * MS, 4 * MS, 7 * MS + 1, 1};
	uint64_t spread = (uint64_t)k->spread_ns;
	struct rider r = {.id = n,
	        .order = k->own_order ? k->first + n - 1 : 0,
	        .t_sched = at_ns,
	        .ingress_ns = one_in(g, 3) ? 0 : 250000,
	        .frame_ns = frames[one_in(g, 3) ? draw(g, 4) : 0],
	        .prompt_tokens = 1 + (uint32_t)draw(g, 9000),
	        .output_tokens = one_in(g, 4) ? 1 : 1 + (uint32_t)draw(g, 700),
	        .tenant = (uint32_t)draw(g, 4),
	        .tier = (uint32_t)draw(g, tiers)};

	if (k->shuffled)
		r.order = 1 + (n * 7919 + n % 13 * UINT64_C(1000003)) % (UINT64_C(1) << 26);
	r.t_dispatch = at_ns + r.ingress_ns;
	if (one_in(g, 2)) {
		__uint128_t long_tail = draw(g, spread);

		long_tail *= draw(g, spread);
		r.t_dispatch += (int64_t)(long_tail / spread);
	}
	r.t_entry = r.t_dispatch + (one_in(g, 3) ? 0 : (int64_t)draw(g, 5 * MS));
	r.t_first = r.t_entry + (int64_t)(1 + draw(g, 20)) * r.frame_ns;
	r.t_last = r.t_first + (int64_t)(r.output_tokens - 1) * r.frame_ns;
	return r;
}

static int64_t done_at(const struct rider *r)
{
	return r->t_last + r->ingress_ns;
}

static int by_done(const void *a, const void *b)
{
	const struct rider *x = a, *y = b;

	if (done_at(x) != done_at(y))
		return done_at(x) < done_at(y) ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static void one_by_one(struct score *s, const struct rider *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct sample x;

		if (r[i].output_tokens >= 2)
			score_gaps(s, r[i].id, r[i].tier, r[i].frame_ns, r[i].output_tokens - 1);
		served_sample(&r[i], &x);
		score_sample(s, &x);
	}
}

/* --- comparison
 * --------------------------------------------------------------------------------------- */

static void same_histogram(const struct histogram *a, const struct histogram *b)
{
	uint32_t i = 0, j = 0;
	int64_t x, y;
	uint64_t n, m;
	bool more;

	ck_assert_uint_eq(a->count, b->count);
	ck_assert_uint_eq(a->infinite, b->infinite);
	ck_assert_int_eq(a->min, b->min);
	ck_assert_int_eq(a->max, b->max);
	ck_assert(a->sum == b->sum);
	do {
		more = histogram_next(a, &i, &x, &n);
		if (more != histogram_next(b, &j, &y, &m) || (more && (x != y || n != m)))
			ck_abort_msg("cell of %lld", (long long)x);
	} while (more);
}

static void same_group(const struct group *a, const struct group *b)
{
	for (int m = 0; m < METRIC_GROUPS; m++)
		same_histogram(&a->metric[m], &b->metric[m]);
	ck_assert_uint_eq(a->requests, b->requests);
	ck_assert_uint_eq(a->good, b->good);
	ck_assert_mem_eq(a->by_outcome, b->by_outcome, sizeof(a->by_outcome));
	ck_assert_int_eq(a->prompt_tokens, b->prompt_tokens);
	ck_assert_int_eq(a->output_tokens, b->output_tokens);
}

static void same_column(const struct column *a, const struct column *b)
{
	struct stats_batch x[STATS_BATCHES], y[STATS_BATCHES];
	double parts[2][BLAME_PARTS], faults[2][FAULTS + 1];
	bool has;

	ck_assert_mem_eq(&a->in_window, &b->in_window, sizeof(a->in_window));
	ck_assert_mem_eq(&a->in_baseline, &b->in_baseline, sizeof(a->in_baseline));
	ck_assert_uint_eq(a->infinite, b->infinite);
	ck_assert_int_eq(a->blame_from, b->blame_from);
	ck_assert_uint_eq(a->n_code, b->n_code);
	ck_assert_uint_eq(a->shift, b->shift);
	ck_assert_mem_eq(a->cut, b->cut, sizeof(a->cut));
	ck_assert((a->micro != NULL) == (b->micro != NULL));
	same_histogram(&a->values, &b->values);
	if (a->n_code)
		ck_assert(memcmp(a->code, b->code, a->n_code * sizeof(*a->code)) == 0);
	has = column_batches(a, x);
	ck_assert(has == column_batches(b, y));
	ck_assert_mem_eq(x, y, sizeof(x));
	for (int64_t from = 1; from < INT64_MAX / 3; from *= 3) {
		has = blame_shares(&a->blame, from, parts[0], faults[0]);
		if (has != blame_shares(&b->blame, from, parts[1], faults[1]) ||
		        memcmp(parts[0], parts[1], sizeof(parts[0])) != 0 ||
		        memcmp(faults[0], faults[1], a->blame.n_faults * sizeof(double)) != 0)
			ck_abort_msg("blame from %lld", (long long)from);
	}
}

static void same_live(const struct score *a, const struct score *b, int64_t now)
{
	struct score_live x = score_live(a, now), y = score_live(b, now);

	ck_assert_uint_eq(x.done, y.done);
	ck_assert_uint_eq(x.ok, y.ok);
	ck_assert_uint_eq(x.errors, y.errors);
	ck_assert_uint_eq(x.rejected, y.rejected);
	ck_assert_int_eq(x.p99_ttft_ns, y.p99_ttft_ns);
	ck_assert(x.error_ratio == y.error_ratio);
	ck_assert_mem_eq(a->live, b->live, sizeof(a->live));
	ck_assert_uint_eq(a->n_spool, b->n_spool);
	ck_assert_uint_eq(a->spool_gaps, b->spool_gaps);
	ck_assert_uint_eq(a->dropped, b->dropped);
}

/* The whole state, as far as it is known before the end; then the results as text. */
static void same_score(const struct score *a, const struct score *b)
{
	for (uint32_t t = 0; t < TIERS; t++)
		for (int w = 0; w < WINDOW_COUNT; w++)
			same_group(&a->tiers[t].group[w], &b->tiers[t].group[w]);
	for (uint32_t i = 0; i < a->n_columns; i++)
		same_column(&a->columns[i], &b->columns[i]);
	ck_assert_uint_eq(a->attempts, b->attempts);
	ck_assert_int_eq(a->prompt_tokens, b->prompt_tokens);
	ck_assert_int_eq(a->output_tokens, b->output_tokens);
}

static char *results(struct score *s, uint32_t scheduled)
{
	static const char *const ids[] = {"a", "b"}, *const tiers[] = {"x", "y", "z"};
	struct score_names names = {
	        .n_tiers = TIERS, .tiers = tiers, .n_faults = FAULTS, .faults = ids};
	struct score_fault faults[FAULTS] = {0};
	const struct score_result *r;
	struct json_out o;

	for (uint32_t i = 0; i < FAULTS; i++)
		faults[i].clean = true;
	r = fixture_decide(s, faults, scheduled);

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	score_groups_json(s, &o);
	score_totals_json(s, &o);
	score_results_json(r, &names, &o);
	json_out_i64(&o, "recover", faults[0].recover_ns);
	json_out_u64(&o, "dropped", r->dropped);
	json_out_close(&o);
	return o.buf;
}

/* --- both ways
 * --------------------------------------------------------------------------------------- */

struct pair {
	struct score *one, *many;
	uint32_t scheduled;
	int64_t fault_at;   /* the next inject or revert */
	int64_t no_more_at; /* nothing is injected from then on; NS_NEVER: nobody says so */
	uint32_t injected, reverted;
};

/* Faults come and go in turn; nothing ends before what has been told. */
static void tell_faults(struct pair *p, const struct kind *k, struct prng *g, int64_t now)
{
	while (k->n_faults && p->fault_at <= now) {
		int64_t at = p->fault_at;

		if (at >= p->no_more_at && p->injected == p->reverted) {
			p->fault_at = NS_NEVER;
			return;
		}
		p->fault_at +=
		        1 + (int64_t)draw(g, (uint64_t)k->requests / 6 * (uint64_t)k->gap_ns);
		if (p->injected > p->reverted) {
			uint32_t f = p->reverted++ % FAULTS;

			score_revert(p->one, f, at);
			score_revert(p->many, f, at);
		} else {
			uint32_t f = p->injected++ % FAULTS;

			score_inject(p->one, f, at);
			score_inject(p->many, f, at);
		}
		if (p->fault_at >= p->no_more_at) { /* the one in force may yet be reverted */
			score_no_more_faults(p->one);
			score_no_more_faults(p->many);
		}
	}
}

static void tell_other(struct pair *p, int64_t now, uint32_t tier)
{
	struct sample bad = fixture_bad(UINT64_C(1) << 31, now - MS, OUTCOME_TIMEOUT);

	bad.tier = tier;
	bad.order = 1;
	score_sample(p->one, &bad);
	score_sample(p->many, &bad);
	p->scheduled++;
}

static void play(struct pair *p, const struct kind *k, struct prng *g, const struct rider *r)
{
	uint32_t done = 0;

	while (done < k->requests) {
		uint32_t left = k->requests - done,
		         n = 1 + (uint32_t)draw(g, one_in(g, 3) ? 9 : 600);

		n = n < left ? n : left;
		tell_faults(p, k, g, done_at(&r[done]));
		for (uint32_t i = 1; i < n; i++) /* a block ends where something is told */
			if (k->n_faults && done_at(&r[done + i]) >= p->fault_at)
				n = i;
		one_by_one(p->one, r + done, n);
		score_served(p->many, r + done, n);
		done += n;
		p->scheduled += n;
		if (one_in(g, 40))
			tell_other(p, done_at(&r[done - 1]), (uint32_t)draw(g, TIERS));
		if (one_in(g, 40))
			same_live(p->one, p->many, done_at(&r[done - 1]));
		if (k->requests / 4 > 600 && one_in(g, k->requests / 200))
			same_score(p->one, p->many);
	}
}

static void compare(const struct kind *k, uint64_t seed)
{
	static const char *const tiers[] = {"x", "y", "z"};
	struct prng g = prng_stream(seed, k->name);
	struct slo_rule slo[RULES_MAX];
	struct expect_rule expect[] = {{.kind = EXPECT_ISOLATION, .tier = UINT32_MAX, .id = "i"},
	        {.kind = EXPECT_RECOVERED, .id = "r"}};
	struct score_rules rules = {.slo = slo, .expect = expect};
	struct score_config config = fixture_config(&rules, k->n_faults);
	struct rider *r = mem_alloc(k->requests, sizeof(*r));
	uint32_t used_tiers = one_in(&g, 2) ? 1 : TIERS;
	struct pair p = {0};
	int64_t at = 0, length;
	char *text[2];

	rules.n_slo = (uint32_t)draw(&g, RULES_MAX + 1);
	rules.n_expect = (uint32_t)draw(&g, 3);
	for (uint32_t i = 0; i < rules.n_slo; i++)
		slo[i] = random_rule(&g, k);
	for (uint32_t i = 0; i < k->requests; i++) {
		r[i] = random_request(&g, k, i + 1, at, used_tiers);
		at += (int64_t)draw(&g, 2 * (uint64_t)k->gap_ns);
	}
	length = at;
	expect[1].max_ns = length / 200 + 1;
	qsort(r, k->requests, sizeof(*r), by_done);
	config.tiers = tiers;
	config.n_tiers = TIERS;
	config.warmup_ns = one_in(&g, 2) ? length / 20 : 0;
	config.duration_ns = length - length / 30;
	config.recovery_horizon_ns = length / 9 + 1;
	config.recovery_hold_ns = length / 50 + 1;
	p.one = score_create(&config);
	p.many = score_create(&config);
	p.fault_at = length / 5;
	p.no_more_at = one_in(&g, 2) ? NS_NEVER : length / 2;
	play(&p, k, &g, r);
	same_live(p.one, p.many, done_at(&r[k->requests - 1]));
	same_score(p.one, p.many);
	text[0] = results(p.one, p.scheduled);
	text[1] = results(p.many, p.scheduled);
	same_score(p.one, p.many);
	ck_assert_str_eq(text[0], text[1]);
	for (int i = 0; i < 2; i++)
		mem_free(text[i]);
	score_free(p.one);
	score_free(p.many);
	mem_free(r);
}

START_TEST(blocks_score_as_samples)
{
	const struct kind *k = &KINDS[_i];
	int seeds = k->requests > 100000 ? 2 : k->requests > 10000 ? 3 : 25;

	for (uint64_t seed = 1; seed <= (uint64_t)rounds(seeds); seed++)
		compare(k, seed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("requests in blocks");
	TCase *tc = tcase_create("blocks");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, blocks_score_as_samples, 0, (int)ARRAY_LEN(KINDS));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
