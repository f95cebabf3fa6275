#include "harness/base/histogram.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

#include <stdlib.h>
#include <string.h>

START_TEST(small_values_are_exact)
{
	struct histogram h;
	int64_t ns;

	histogram_init(&h);
	for (int64_t v = 0; v < 2048; v++)
		histogram_add(&h, v);
	for (int64_t rank = 1; rank <= 2048; rank++) {
		ck_assert(histogram_percentile(&h, (double)rank / 2048, &ns));
		ck_assert_int_eq(ns, rank - 1);
	}
	ck_assert_int_eq(h.min, 0);
	ck_assert_int_eq(h.max, 2047);
	ck_assert(histogram_mean(&h) == 1023.5);
	histogram_free(&h);
}
END_TEST

/* A block of values is the values, wherever they lie. */
START_TEST(blocks_count_as_values)
{
	struct prng g = prng_stream(4, "blocks");
	struct histogram one, many;
	int64_t ns[100];
	uint32_t cell[100];
	bool same = true;

	histogram_init(&one);
	histogram_init(&many);
	for (int round = 0; round < 4000; round++) {
		uint32_t n = (uint32_t)prng_below(prng_next(&g), 101);
		unsigned bits = round % 5 == 0 ? 63 : 30;

		for (uint32_t i = 0; i < n; i++) {
			uint64_t u = prng_next(&g);

			ns[i] = (int64_t)(u >> (1 + u % bits) >> (62 - bits + 1));
			if (u % 11 == 0)
				ns[i] = INT64_C(1) << (u / 11 % 63);
			else if (u % 11 == 1)
				ns[i] = (INT64_C(1) << (u / 11 % 63)) - 1;
			histogram_add(&one, ns[i]);
		}
		histogram_add_block(&many, n, ns, cell);
		for (uint32_t i = 0; i < n; i++)
			same = same && cell[i] == histogram_cell(ns[i]);
	}
	ck_assert(same);
	ck_assert_uint_eq(one.count, many.count);
	ck_assert_int_eq(one.min, many.min);
	ck_assert_int_eq(one.max, many.max);
	ck_assert(one.sum == many.sum);
	for (unsigned k = 0; k < HISTOGRAM_OCTAVES; k++) {
		ck_assert((one.octave[k] != NULL) == (many.octave[k] != NULL));
		if (one.octave[k])
			ck_assert(memcmp(one.octave[k], many.octave[k],
			                  HISTOGRAM_CELLS * sizeof(*one.octave[k])) == 0);
	}
	histogram_free(&one);
	histogram_free(&many);
}
END_TEST

START_TEST(an_empty_one_knows_nothing)
{
	struct histogram h;
	int64_t ns;

	histogram_init(&h);
	ck_assert(!histogram_percentile(&h, 0.5, &ns));
	ck_assert(histogram_mean(&h) == 0);
	ck_assert_uint_eq(histogram_over(&h, 0), 0);
	h.infinite = 1;
	ck_assert(!histogram_percentile(&h, 0.5, &ns));
	ck_assert_uint_eq(histogram_over(&h, INT64_MAX), 1);
	histogram_free(&h);
}
END_TEST

START_TEST(the_largest_value_fits)
{
	struct histogram h;
	int64_t ns;

	histogram_init(&h);
	histogram_add(&h, INT64_MAX);
	ck_assert(histogram_percentile(&h, 1, &ns));
	ck_assert_int_eq(ns, INT64_MAX);
	ck_assert_uint_eq(histogram_over(&h, INT64_MAX), 0);
	ck_assert_uint_eq(histogram_over(&h, 0), 1);
	histogram_free(&h);
}
END_TEST

START_TEST(infinite_values_rank_last)
{
	struct histogram h;
	int64_t ns;

	histogram_init(&h);
	histogram_add_n(&h, 7, 98);
	h.infinite = 2;
	ck_assert(histogram_percentile(&h, 0.98, &ns));
	ck_assert_int_eq(ns, 7);
	ck_assert(!histogram_percentile(&h, 0.99, &ns));
	ck_assert_uint_eq(histogram_over(&h, 7), 2);
	ck_assert_uint_eq(histogram_over(&h, 6), 100);
	ck_assert_uint_eq(histogram_over(&h, -1), 100);
	histogram_free(&h);
}
END_TEST

START_TEST(merge_and_reset_are_complete)
{
	struct histogram a, b;
	uint32_t cursor = 0;
	uint64_t n;
	int64_t edge;

	histogram_init(&a);
	histogram_init(&b);
	histogram_add(&a, 10);
	histogram_add_n(&b, 1000000, 3);
	b.infinite = 1;
	histogram_merge(&a, &b);
	ck_assert_uint_eq(a.count, 4);
	ck_assert_uint_eq(a.infinite, 1);
	ck_assert_int_eq(a.min, 10);
	ck_assert_int_eq(a.max, 1000000);
	ck_assert(histogram_mean(&a) == 3000010 / 4.0);
	ck_assert(histogram_next(&a, &cursor, &edge, &n) && edge == 10 && n == 1);
	ck_assert(histogram_next(&a, &cursor, &edge, &n) && edge >= 1000000 && n == 3);
	ck_assert(!histogram_next(&a, &cursor, &edge, &n));
	histogram_reset(&a);
	cursor = 0;
	ck_assert(!histogram_next(&a, &cursor, &edge, &n));
	ck_assert_uint_eq(a.count + a.infinite, 0);
	histogram_free(&a);
	histogram_free(&b);
}
END_TEST

START_TEST(ranks_are_decimal)
{
	ck_assert_uint_eq(histogram_rank(0.07, 100), 7); /* 0.07 * 100 > 7 in binary */
	ck_assert_uint_eq(histogram_rank(0.99, 459), 455);
	ck_assert_uint_eq(histogram_rank(0.999, 1000), 999);
	ck_assert_uint_eq(histogram_rank(1, 5), 5);
	ck_assert_uint_eq(histogram_rank(0.5, 0), 0);
	ck_assert_uint_eq(
	        histogram_rank(0.99, UINT64_C(100000000000001)), UINT64_C(99000000000001));
	ck_assert_uint_eq(histogram_rank(0.999, UINT64_C(1000000001)), UINT64_C(999000001));
}
END_TEST

START_TEST(floors_are_published)
{
	ck_assert_uint_eq(histogram_floor(0.5), 7);
	ck_assert_uint_eq(histogram_floor(0.9), 44);
	ck_assert_uint_eq(histogram_floor(0.95), 90);
	ck_assert_uint_eq(histogram_floor(0.99), 459);
	ck_assert_uint_eq(histogram_floor(0.999), 4603);
	ck_assert_uint_eq(histogram_floor(1), UINT64_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("histogram");

	add_test(s, "blocks", blocks_count_as_values);
	add_test(s, "exact", small_values_are_exact);
	add_test(s, "empty", an_empty_one_knows_nothing);
	add_test(s, "largest", the_largest_value_fits);
	add_test(s, "infinite", infinite_values_rank_last);
	add_test(s, "merge", merge_and_reset_are_complete);
	add_test(s, "rank", ranks_are_decimal);
	add_test(s, "floor", floors_are_published);
	return run_suite(s);
}
