/* Properties of the base containers and number makers under seeded random use. Every failure
 * message carries the seed. */
#include "harness/base/fifo.h"
#include "harness/base/heap.h"
#include "harness/base/histogram.h"
#include "harness/base/pool.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"

#include <stdlib.h>
#include <string.h>

enum { SEEDS = 20 };

static int by_entry(const void *a, const void *b)
{
	const struct heap_entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->sub < y->sub ? -1 : x->sub > y->sub;
}

START_TEST(heap_pops_in_sorted_order)
{
	for (uint64_t seed = 0; seed < (uint64_t)rounds(SEEDS); seed++) {
		enum { N = 3000 };
		static struct heap_entry sorted[N];
		struct prng g = prng_stream(seed, "property/heap");
		struct heap h;

		heap_init(&h, 0);
		for (uint64_t i = 0; i < N; i++) { /* few keys: ties are common, sub is unique */
			int64_t key = (int64_t)prng_below(prng_next(&g), 200) - 100;
			uint64_t sub = i * 7919 % N;

			sorted[i] = (struct heap_entry){.key = key, .sub = sub, .value = i};
			ck_assert(heap_push(&h, key, sub, i));
		}
		qsort(sorted, N, sizeof(sorted[0]), by_entry);
		for (int i = 0; i < N; i++) {
			struct heap_entry top = heap_pop(&h);

			ck_assert_msg(memcmp(&top, &sorted[i], sizeof(top)) == 0,
			        "seed %llu, entry %d", (unsigned long long)seed, i);
		}
		heap_free(&h);
	}
}
END_TEST

START_TEST(replace_top_is_pop_and_push)
{
	for (uint64_t seed = 0; seed < (uint64_t)rounds(SEEDS); seed++) {
		struct prng g = prng_stream(seed, "property/replace");
		struct heap a, b;

		heap_init(&a, 0);
		heap_init(&b, 0);
		for (uint64_t i = 0; i < 2000; i++) {
			int64_t key = (int64_t)(prng_next(&g) >> 50);

			if (i < 100) {
				ck_assert(heap_push(&a, key, i, i) && heap_push(&b, key, i, i));
				continue;
			}
			heap_replace_top(&a, key, i, i);
			heap_pop(&b);
			ck_assert(heap_push(&b, key, i, i));
			ck_assert_uint_eq(heap_top(&a)->value, heap_top(&b)->value);
		}
		heap_free(&a);
		heap_free(&b);
	}
}
END_TEST

START_TEST(fifo_is_a_deque)
{
	for (uint64_t seed = 0; seed < (uint64_t)rounds(SEEDS); seed++) {
		enum { ROOM = 1 << 14 };
		static uint64_t model[2 * ROOM];
		struct prng g = prng_stream(seed, "property/fifo");
		uint32_t head = ROOM, tail = ROOM;
		struct fifo f;

		fifo_init(&f, 0);
		for (uint64_t i = 0; i < 10000; i++) {
			uint64_t act = prng_below(prng_next(&g), 5);

			if (act < 2) {
				ck_assert(fifo_push(&f, i));
				model[tail++] = i;
			} else if (act < 3) {
				ck_assert(fifo_push_front(&f, i));
				model[--head] = i;
			} else if (head < tail) {
				ck_assert_uint_eq(fifo_pop(&f), model[head++]);
			}
			ck_assert_uint_eq(f.n, tail - head);
			if (f.n)
				ck_assert_uint_eq(fifo_at(&f, f.n - 1), model[tail - 1]);
		}
		fifo_free(&f);
	}
}
END_TEST

START_TEST(pool_never_hands_out_twice)
{
	for (uint64_t seed = 0; seed < (uint64_t)rounds(SEEDS); seed++) {
		enum { LIMIT = 3000 };
		static uint32_t held[LIMIT], generation[LIMIT];
		struct prng g = prng_stream(seed, "property/pool");
		uint32_t n = 0;
		struct pool p;

		pool_init(&p, sizeof(uint64_t), LIMIT);
		for (int i = 0; i < 20000; i++) {
			uint64_t u = prng_next(&g);

			if (n == 0 || u % 5 < 3) {
				uint32_t index = pool_take(&p);

				ck_assert_int_eq(index == POOL_NONE, n == LIMIT);
				if (index == POOL_NONE)
					continue;
				*(uint64_t *)pool_at(&p, index) = index;
				generation[n] = pool_generation(&p, index);
				held[n++] = index;
			} else {
				uint32_t pick = (uint32_t)prng_below(u, n);

				ck_assert(pool_is_live(&p, held[pick], generation[pick]));
				ck_assert_uint_eq(*(uint64_t *)pool_at(&p, held[pick]), held[pick]);
				pool_give(&p, held[pick]);
				ck_assert(!pool_is_live(&p, held[pick], generation[pick]));
				n--;
				held[pick] = held[n];
				generation[pick] = generation[n];
			}
			ck_assert_uint_eq(p.live, n);
		}
		pool_free(&p);
	}
}
END_TEST

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* A value of every magnitude from 1 ns to minutes. */
static int64_t spread_value(uint64_t u)
{
	return (int64_t)(u >> (24 + u % 40));
}

START_TEST(percentiles_sit_within_a_thousandth_of_the_truth)
{
	static const double qs[] = {0.001, 0.5, 0.9, 0.95, 0.99, 0.999, 1};

	for (uint64_t seed = 0; seed < (uint64_t)rounds(SEEDS); seed++) {
		enum { N = 5000 };
		static int64_t sorted[N];
		struct prng g = prng_stream(seed, "property/histogram");
		struct histogram h;

		histogram_init(&h);
		for (int i = 0; i < N; i++) {
			sorted[i] = spread_value(prng_next(&g));
			histogram_add(&h, sorted[i]);
		}
		qsort(sorted, N, sizeof(sorted[0]), by_value);
		for (size_t i = 0; i < ARRAY_LEN(qs); i++) {
			int64_t exact = sorted[histogram_rank(qs[i], N) - 1], ns;

			ck_assert(histogram_percentile(&h, qs[i], &ns));
			ck_assert_int_ge(ns, exact);
			ck_assert_int_le(ns - exact, exact / 1000);
		}
		for (int i = 0; i < N; i += 97) { /* over: exact but for the value's own cell */
			uint64_t over = histogram_over(&h, sorted[i]), lower = 0, upper = 0;

			for (int j = 0; j < N; j++) {
				upper += sorted[j] > sorted[i];
				lower += sorted[j] > sorted[i] + sorted[i] / 1000;
			}
			ck_assert_uint_ge(over, lower);
			ck_assert_uint_le(over, upper);
		}
		histogram_free(&h);
	}
}
END_TEST

START_TEST(durations_survive_writing)
{
	struct prng g = prng_stream(1, "property/duration");

	for (int i = 0; i < 100000; i++) {
		uint64_t u = prng_next(&g);
		int64_t ns = (int64_t)prng_below(u, (uint64_t)NS_MAX) >> (u % 60), back = -1;
		char text[UNITS_DURATION_MAX];

		if (u & 64) /* people like round numbers */
			ns -= ns % (u & 128 ? NS_PER_MS : NS_PER_S);
		units_format_duration(ns, text);
		ck_assert_msg(units_parse_duration(text, strlen(text), &back), "%s", text);
		ck_assert_int_eq(back, ns);
	}
}
END_TEST

/* Each output bit should flip in half of the cases when one input bit flips: 64 x 192 cells of 256
 * trials; six standard deviations are 48. */
START_TEST(counter_draws_avalanche)
{
	struct prng g = prng_stream(1, "property/avalanche");
	static int flips[192][64];

	for (int trial = 0; trial < 256; trial++) {
		uint64_t in[3], out;

		for (int i = 0; i < 3; i++)
			in[i] = prng_next(&g) >> (trial & 1 ? 0 : 44); /* counters are small */
		in[0] = prng_purpose(in[0], "p");
		out = prng_at(in[0], in[1], in[2]);
		for (int bit = 0; bit < 192; bit++) {
			uint64_t flipped;

			in[bit / 64] ^= UINT64_C(1) << bit % 64;
			flipped = prng_at(in[0], in[1], in[2]) ^ out;
			in[bit / 64] ^= UINT64_C(1) << bit % 64;
			for (int o = 0; o < 64; o++)
				flips[bit][o] += (int)(flipped >> o & 1);
		}
	}
	for (int bit = 0; bit < 192; bit++)
		for (int o = 0; o < 64; o++)
			ck_assert_msg(abs(flips[bit][o] - 128) <= 48,
			        "input bit %d, output bit %d: %d", bit, o, flips[bit][o]);
}
END_TEST

/* 2^20 draws over consecutive counters into 1024 cells: chi-square has mean 1023 and deviation 45.
 */
START_TEST(counter_draws_are_uniform)
{
	static uint32_t cell[2][1024];
	uint64_t key = prng_purpose(7, "uniform");

	for (uint64_t a = 0; a < 1024; a++)
		for (uint64_t b = 0; b < 1024; b++) {
			uint64_t u = prng_at(key, a, b);

			cell[0][u >> 54]++;
			cell[1][u & 1023]++;
		}
	for (int half = 0; half < 2; half++) {
		double chi = 0;

		for (int i = 0; i < 1024; i++)
			chi += (cell[half][i] - 1024.0) * (cell[half][i] - 1024.0) / 1024;
		ck_assert_double_gt(chi, 1023 - 5 * 45);
		ck_assert_double_lt(chi, 1023 + 5 * 45);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base properties");

	add_test(s, "heap", heap_pops_in_sorted_order);
	add_test(s, "replace", replace_top_is_pop_and_push);
	add_test(s, "fifo", fifo_is_a_deque);
	add_test(s, "pool", pool_never_hands_out_twice);
	add_test(s, "histogram", percentiles_sit_within_a_thousandth_of_the_truth);
	add_test(s, "durations", durations_survive_writing);
	add_test(s, "avalanche", counter_draws_avalanche);
	add_test(s, "uniform", counter_draws_are_uniform);
	return run_suite(s);
}
