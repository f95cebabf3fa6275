/* Whatever happens to requests, none is lost in the counting; and what completes at one instant may
 * be told in any order. Seeded: a failure prints its seed. */
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "reports/score.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { SEEDS = 20, REQUESTS = 6000, FAULTS = 3 };
#define MS NS_PER_MS

static struct sample random_sample(struct prng *g, uint64_t id)
{
	int64_t at = (int64_t)id * 10 * MS;
	uint64_t kind = prng_below(prng_next(g), 40);
	/* Whole ms, so that many complete together. */
	int64_t latency = (int64_t)(1 + prng_below(prng_next(g), 3000)) * MS;
	struct sample x = fixture_ok(id, at, latency);

	if (kind > OUTCOME_OK && kind < OUTCOME_COUNT)
		x = fixture_bad(id, at, (enum outcome)kind);
	x.tier = (uint32_t)prng_below(prng_next(g), 2);
	if (x.outcome == OUTCOME_OK && kind % 2) {
		x.output_tokens = 5;
		x.t_last = x.t_done = x.t_first + 400 * MS;
		x.decode_ns = 400 * MS;
	}
	return x;
}

static int by_done(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->t_done != y->t_done)
		return x->t_done < y->t_done ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

/* Equal instants the other way round. */
static int by_done_reversed(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->t_done != y->t_done)
		return x->t_done < y->t_done ? -1 : 1;
	return x->id > y->id ? -1 : 1;
}

static const int64_t injects[FAULTS] = {10 * NS_PER_S, 12 * NS_PER_S, 40 * NS_PER_S};
static const int64_t reverts[FAULTS] = {15 * NS_PER_S, 13 * NS_PER_S, 41 * NS_PER_S};

static void tell_faults(struct score *s, int64_t from, int64_t to)
{
	for (int64_t t = from; t < to; t += 500 * MS) {
		for (uint32_t f = 0; f < FAULTS; f++)
			if (reverts[f] >= t && reverts[f] < t + 500 * MS && reverts[f] < to)
				score_revert(s, f, reverts[f]);
		for (uint32_t f = 0; f < FAULTS; f++)
			if (injects[f] >= t && injects[f] < t + 500 * MS && injects[f] < to)
				score_inject(s, f, injects[f]);
	}
}

/* The run's result as JSON; the caller frees. */
static char *score_run(struct sample *x, const struct score_rules *rules,
        struct score_fault faults[static FAULTS], uint64_t by_window[static WINDOW_COUNT])
{
	static const char *const ids[] = {"a", "b", "c"};
	struct score_names names = {
	        .n_tiers = 2, .tiers = fixture_tiers, .n_faults = FAULTS, .faults = ids};
	struct score_config config = fixture_config(rules, FAULTS);
	const struct score_result *r;
	struct json_out o;
	int64_t told = 0;
	struct score *s;

	config.duration_ns = 60 * NS_PER_S + 10 * MS;
	s = score_create(&config);
	for (unsigned i = 0; i < REQUESTS; i++) {
		int64_t grid = x[i].t_done / (500 * MS) * 500 * MS;

		if (grid > told)
			tell_faults(s, told, grid);
		told = grid > told ? grid : told;
		score_sample(s, &x[i]);
	}
	r = fixture_decide(s, faults, REQUESTS);
	ck_assert(r->conserved);
	ck_assert_uint_eq(r->dropped, 0);
	for (int w = 0; w < WINDOW_COUNT; w++)
		for (uint32_t t = 0; t < 2; t++)
			by_window[w] += score_histogram(s, t, (enum window)w, METRIC_TTFT)->count;
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	score_groups_json(s, &o);
	score_results_json(r, &names, &o);
	json_out_close(&o);
	score_free(s);
	return o.buf;
}

START_TEST(counts_are_conserved_and_ties_are_free)
{
	struct slo_rule slo[] = {fixture_slo(METRIC_TTFT, 0.99, 2500 * MS),
	        fixture_slo(METRIC_TPOT, 0.9, 90 * MS), fixture_slo(METRIC_E2EL, 0.5, 2000 * MS)};
	struct score_rules rules = {.n_slo = 3, .slo = slo};
	struct sample *x = mem_alloc(REQUESTS, sizeof(*x));

	slo[1].tier = 1;
	slo[2].window = WINDOW_AFTER;
	for (uint64_t seed = 1; seed <= (uint64_t)rounds(SEEDS); seed++) {
		struct score_fault faults[2][FAULTS] = {0};
		struct prng g = prng_stream(seed, "score");
		uint64_t n[2][WINDOW_COUNT] = {{0}}, ok = 0;
		char *json[2];

		for (uint64_t i = 0; i < REQUESTS; i++) {
			x[i] = random_sample(&g, i + 1);
			ok += x[i].outcome == OUTCOME_OK;
		}
		qsort(x, REQUESTS, sizeof(*x), by_done);
		json[0] = score_run(x, &rules, faults[0], n[0]);
		qsort(x, REQUESTS, sizeof(*x), by_done_reversed);
		json[1] = score_run(x, &rules, faults[1], n[1]);
		ck_assert_msg(n[0][WINDOW_ALL] == ok, "seed %lu", (unsigned long)seed);
		ck_assert_msg(n[0][WINDOW_BASELINE] + n[0][WINDOW_FAULT] + n[0][WINDOW_RECOVERY] +
		                              n[0][WINDOW_AFTER] ==
		                      ok,
		        "seed %lu", (unsigned long)seed);
		ck_assert_msg(n[0][WINDOW_FAULT] > 0 && n[0][WINDOW_BASELINE] > 0, "seed %lu",
		        (unsigned long)seed);
		ck_assert_msg(strcmp(json[0], json[1]) == 0, "seed %lu", (unsigned long)seed);
		for (int f = 0; f < FAULTS; f++)
			ck_assert_int_eq(faults[0][f].recover_ns, faults[1][f].recover_ns);
		mem_free(json[0]);
		mem_free(json[1]);
	}
	mem_free(x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("score properties");

	add_test(suite, "conservation and order", counts_are_conserved_and_ties_are_free);
	return run_suite(suite);
}
