/* Delta debugging on predicates that are known: what is left fails, without any one element of it
 * it does not, and the questions are few and always the same. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/prng.h"
#include "harness/run/ddmin.h"
#include "tests/support/run_suite.h"

enum { SMALL = 5, LARGE = 1000 };

/* A predicate over subsets, and what was asked of it. */
struct question {
	uint32_t n;
	uint32_t table;           /* small sets: bit s = subset s fails */
	const uint32_t *culprits; /* else: fails where all of these are in */
	uint32_t n_culprits;
	uint64_t asked, trail; /* how often; the order of it, folded */
};

static bool has(const uint32_t *kept, uint32_t n, uint32_t x)
{
	for (uint32_t i = 0; i < n; i++)
		if (kept[i] == x)
			return true;
	return false;
}

static uint32_t as_bits(const uint32_t *kept, uint32_t n)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < n; i++)
		bits |= 1u << kept[i];
	return bits;
}

static bool fails(void *ctx, const uint32_t *kept, uint32_t n)
{
	struct question *q = ctx;

	q->asked++;
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_lt(kept[i], q->n);
		ck_assert(i == 0 || kept[i - 1] < kept[i]);
		q->trail = q->trail * 31 + kept[i] + 1;
	}
	q->trail = q->trail * 31 + n;
	if (!q->culprits)
		return q->table >> as_bits(kept, n) & 1;
	for (uint32_t i = 0; i < q->n_culprits; i++)
		if (!has(kept, n, q->culprits[i]))
			return false;
	return true;
}

/* 1-minimal, and within the bound of the header. */
static void check_small(uint32_t n, uint32_t table)
{
	struct question q = {.n = n, .table = table};
	uint32_t kept[SMALL], left = ddmin(n, fails, &q, kept), set = as_bits(kept, left);

	ck_assert_msg(table >> set & 1, "n %u table %#x: what is left does not fail", n, table);
	for (uint32_t i = 0; i < left; i++)
		ck_assert_msg(!(table >> (set & ~(1u << kept[i])) & 1),
		        "n %u table %#x: %u could go", n, table, kept[i]);
	ck_assert_uint_le(q.asked, n * n + 3 * n + 1);
}

START_TEST(every_predicate_on_small_sets)
{
	for (uint32_t n = 0; n <= 3; n++)
		for (uint32_t table = 0; table < 1u << (1u << n); table++)
			if (table >> ((1u << n) - 1) & 1) /* the whole set fails */
				check_small(n, table);
	for (uint32_t table = 1u << 15; table < 1u << 16; table++)
		check_small(4, table);
}
END_TEST

START_TEST(some_predicates_on_five)
{
	struct prng stream = prng_stream(4, "ddmin");

	for (int i = 0; i < 30000; i++)
		check_small(5, (uint32_t)prng_next(&stream) | 1u << 31);
}
END_TEST

static uint64_t culprits_found(uint32_t n, const uint32_t *culprits, uint32_t n_culprits)
{
	struct question q = {.n = n, .culprits = culprits, .n_culprits = n_culprits};
	uint32_t *kept = calloc(n, sizeof(*kept));
	uint32_t left = ddmin(n, fails, &q, kept);

	ck_assert_uint_eq(left, n_culprits);
	ck_assert_mem_eq(kept, culprits, n_culprits * sizeof(*kept));
	free(kept);
	return q.asked;
}

START_TEST(one_is_found_by_halves)
{
	for (uint32_t n = 1; n <= LARGE; n += n < 40 ? 1 : 97) {
		uint32_t log2 = 0;

		while (1u << log2 < n)
			log2++;
		for (uint32_t culprit = 0; culprit < n; culprit += n < 40 ? 1 : 37)
			ck_assert_uint_le(culprits_found(n, &culprit, 1), 2 * log2 + 3);
	}
}
END_TEST

START_TEST(several_are_found_together)
{
	const uint32_t pair[] = {3, 97}, far[] = {0, 999}, three[] = {0, 1, 2},
	               spread[] = {17, 256, 500, 501, 998};

	ck_assert_uint_le(culprits_found(100, pair, 2), 100);
	ck_assert_uint_le(culprits_found(LARGE, far, 2), 150);
	culprits_found(3, three, 3);
	culprits_found(LARGE, three, 3);
	ck_assert_uint_le(culprits_found(LARGE, spread, 5), 600);
}
END_TEST

START_TEST(nothing_is_to_blame)
{
	struct question q = {.n = 4, .table = 0xffff};
	uint32_t kept[4];

	ck_assert_uint_eq(ddmin(4, fails, &q, kept), 0);
	ck_assert_uint_eq(q.asked, 1);
	ck_assert_uint_eq(ddmin(0, fails, &q, kept), 0);
}
END_TEST

START_TEST(the_same_questions_twice)
{
	const uint32_t spread[] = {17, 256, 500, 501, 998};
	struct question a = {.n = LARGE, .culprits = spread, .n_culprits = 5}, b = a;
	uint32_t kept[LARGE];

	(void)ddmin(LARGE, fails, &a, kept);
	(void)ddmin(LARGE, fails, &b, kept);
	ck_assert_uint_eq(a.asked, b.asked);
	ck_assert_uint_eq(a.trail, b.trail);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ddmin");

	add_test(suite, "exhaustive", every_predicate_on_small_sets);
	add_test(suite, "five", some_predicates_on_five);
	add_test(suite, "one", one_is_found_by_halves);
	add_test(suite, "several", several_are_found_together);
	add_test(suite, "nothing", nothing_is_to_blame);
	add_test(suite, "deterministic", the_same_questions_twice);
	return run_suite(suite);
}
