/* A column beyond its exact part: micro-batches must say what 20 exact batches would. */
#include "reports/column.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { MANY = COLUMN_EXACT * 2 + 12345 };

/* Latency wanders with a period of a third of the run, plus noise. */
static int64_t value_of(uint64_t id)
{
	int64_t phase = (int64_t)(id * 3 % MANY) * 2 - MANY;
	int64_t drift = (phase < 0 ? -phase : phase) * 20;

	return 1000000 + drift + (int64_t)prng_below(prng_at(7, id, 0), 50 * NS_PER_MS);
}

START_TEST(micro_batches_agree_with_exact_ones)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 100 * NS_PER_MS);
	struct stats_batch got[STATS_BATCHES], want[STATS_BATCHES] = {{0}};
	struct column c;
	uint64_t n = 0;

	column_init(&c, &slo, 0);
	for (uint64_t id = 1; id <= MANY; id++)
		column_put(&c, id, value_of(id));
	ck_assert_ptr_nonnull(c.micro);
	ck_assert(column_batches(&c, got));
	for (uint64_t id = 1; id <= MANY; id++) {
		struct stats_batch *b = &want[(id - 1) * STATS_BATCHES / MANY];

		b->n++;
		b->over[CUT_LIMIT] += value_of(id) > slo.limit_ns;
	}
	for (unsigned i = 0; i < STATS_BATCHES; i++) {
		int64_t border = MANY / (COLUMN_MICROS / 2);

		n += got[i].n;
		ck_assert_int_le(llabs((int64_t)got[i].n - (int64_t)want[i].n), 2 * border);
		ck_assert_int_le(
		        llabs((int64_t)got[i].over[CUT_LIMIT] - (int64_t)want[i].over[CUT_LIMIT]),
		        2 * border);
	}
	ck_assert_uint_eq(n, MANY);
	column_free(&c);
}
END_TEST

START_TEST(the_limit_is_exact_inside_its_cell)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.5, 100000001);
	struct stats_batch b[STATS_BATCHES];
	struct column c;

	column_init(&c, &slo, 0);
	for (uint64_t id = 1; id <= 20; id++) /* all in one cell of the histogram */
		column_put(&c, id, id % 4 ? slo.limit_ns : slo.limit_ns + 1);
	ck_assert(column_batches(&c, b));
	for (unsigned i = 0; i < STATS_BATCHES; i++)
		ck_assert_uint_eq(b[i].over[CUT_LIMIT], (i + 1) % 4 == 0);
	column_free(&c);
}
END_TEST

START_TEST(order_of_completion_does_not_matter)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.5, 50);
	struct stats_batch b[STATS_BATCHES];
	struct column c;

	column_init(&c, &slo, 0);
	for (uint64_t id = 100; id >= 1; id--)
		column_put(&c, id, id <= 5 ? COLUMN_INFINITE : (int64_t)id % 50);
	ck_assert(column_batches(&c, b));
	ck_assert_uint_eq(b[0].over[CUT_LIMIT], 5);
	ck_assert_uint_eq(b[1].over[CUT_LIMIT], 0);
	ck_assert_uint_eq(c.infinite, 5);
	column_free(&c);
}
END_TEST

static int by_size(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* 20 equal batches of the codes one by one, over cuts found by sorting them. */
static void plain_batches(const struct column *c, struct stats_batch out[static STATS_BATCHES])
{
	uint16_t *sorted = mem_alloc(c->n_code + 1, sizeof(*sorted));
	uint64_t n = 0, seen = 0;
	int64_t cut[CUT_COUNT];

	for (uint64_t i = 0; i < c->n_code; i++)
		if (c->code[i])
			sorted[n++] = c->code[i];
	qsort(sorted, n, sizeof(*sorted), by_size);
	cut[CUT_LIMIT] = 1 + (int64_t)histogram_cell(c->rule->limit_ns);
	cut[CUT_P90] = sorted[histogram_rank(0.90, n) - 1];
	cut[CUT_P50] = sorted[histogram_rank(0.50, n) - 1];
	memset(out, 0, STATS_BATCHES * sizeof(*out));
	for (uint64_t i = 0; i < c->n_code; i++) {
		struct stats_batch *b = &out[seen * STATS_BATCHES / n];

		if (!c->code[i])
			continue;
		seen++;
		b->n++;
		for (int k = 0; k < CUT_COUNT; k++)
			b->over[k] += c->code[i] > cut[k];
	}
	mem_free(sorted);
}

/* Whatever is absent, infinite, or fills the column: `there` of 16 requests are judged, `endless`
 * of 64 of them never end. */
static void check_batches(uint64_t requests, uint64_t there, uint64_t endless, unsigned octaves)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 20 * NS_PER_MS);
	struct stats_batch got[STATS_BATCHES], want[STATS_BATCHES];
	struct column c;
	uint64_t n = 0;

	column_init(&c, &slo, 0);
	for (uint64_t id = 1; id <= requests; id++) {
		uint64_t u = prng_at(11, id, requests);
		uint64_t v = prng_at(12, id, octaves);

		if (u % 16 >= there)
			continue;
		n++;
		u = u >> 4 & 63;
		column_put(
		        &c, id, u < endless ? COLUMN_INFINITE : (int64_t)(v >> (63 - v % octaves)));
	}
	ck_assert_ptr_null(c.micro);
	if (n < STATS_BATCHES) {
		ck_assert(!column_batches(&c, got));
	} else {
		ck_assert(column_batches(&c, got));
		plain_batches(&c, want);
		for (unsigned i = 0; i < STATS_BATCHES; i++) {
			ck_assert_uint_eq(got[i].n, want[i].n);
			for (int k = 0; k < CUT_COUNT; k++)
				ck_assert_uint_eq(got[i].over[k], want[i].over[k]);
		}
	}
	column_free(&c);
}

START_TEST(batches_are_those_of_a_plain_count)
{
	static const uint64_t requests[] = {
	        0, 5, 19, 20, 21, 127, 128, 129, 2560, 4095, 4096, 4097, 20000};
	static const uint64_t there[] = {1, 4, 15, 16}, endless[] = {0, 3, 20, 40, 64};

	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		for (size_t k = 0; k < ARRAY_LEN(there); k++)
			for (size_t e = 0; e < ARRAY_LEN(endless); e++)
				check_batches(requests[i], there[k], endless[e],
				        1 + (unsigned)(i * 7 + k * 3 + e) % 60);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("column");

	add_test(suite, "micro", micro_batches_agree_with_exact_ones);
	add_test(suite, "limit", the_limit_is_exact_inside_its_cell);
	add_test(suite, "order", order_of_completion_does_not_matter);
	add_test(suite, "batches", batches_are_those_of_a_plain_count);
	return run_suite(suite);
}
