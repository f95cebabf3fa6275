/* A column beyond its exact part: micro-batches must say what 20 exact batches would. */
#include "reports/column.h"
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

int main(void)
{
	Suite *suite = suite_create("column");

	add_test(suite, "micro", micro_batches_agree_with_exact_ones);
	add_test(suite, "limit", the_limit_is_exact_inside_its_cell);
	add_test(suite, "order", order_of_completion_does_not_matter);
	return run_suite(suite);
}
