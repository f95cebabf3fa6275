/* Laws as lists: what each length's share is, against the law as it is drawn from. */
#include "tests/support/run_suite.h"
#include "workloads/length_table.h"

#include <string.h>
#include "harness/base/arena.h"

static struct length_table table_of(const char *text, struct arena *arena, struct length_spec *law)
{
	struct error err = ERROR_INIT;
	struct length_table t;
	struct json *doc;

	arena_init(arena, 0);
	ck_assert_int_eq(json_parse("law", text, strlen(text), &doc, &err), 0);
	ck_assert_int_eq(length_parse(json_root(doc), arena, law, &err), 0);
	json_free(doc);
	length_table_init(&t, law);
	return t;
}

static double sum_of(const struct length_table *t)
{
	double sum = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		ck_assert_double_gt(t->share[i], 0);
		ck_assert(i == 0 || t->tokens[i] >= t->tokens[i - 1]);
		sum += t->share[i];
	}
	return sum;
}

static double mean_of(const struct length_table *t)
{
	double sum = 0;

	for (uint32_t i = 0; i < t->n; i++)
		sum += t->share[i] * (double)t->tokens[i];
	return sum;
}

START_TEST(plain_laws)
{
	struct length_spec law;
	struct arena arena;
	struct length_table t = table_of("{\"dist\":\"constant\",\"value\":7}", &arena, &law);

	ck_assert_uint_eq(t.n, 1);
	ck_assert(t.exact && t.tokens[0] == 7 && t.share[0] == 1);
	length_table_free(&t);
	arena_free(&arena);
	t = table_of("{\"dist\":\"uniform\",\"min\":10,\"max\":209}", &arena, &law);
	ck_assert_uint_eq(t.n, 200);
	for (uint32_t i = 0; i < t.n; i++) {
		ck_assert_int_eq(t.tokens[i], 10 + (int64_t)i);
		ck_assert_double_eq_tol(t.share[i], 1.0 / 200, 1e-15);
	}
	length_table_free(&t);
	arena_free(&arena);
}
END_TEST

/* Unsorted, twice the same, one without weight, one beyond the cap. */
START_TEST(empirical)
{
	struct length_spec law;
	struct arena arena;
	struct length_table t = table_of("{\"dist\":\"empirical\",\"values\":[900,16,64,16,5000],"
	                                 "\"weights\":[4,1,0,2,3],\"max\":1000}",
	        &arena, &law);

	ck_assert_uint_eq(t.n, 3);
	ck_assert(t.tokens[0] == 16 && t.tokens[1] == 900 && t.tokens[2] == 1000);
	ck_assert_double_eq_tol(t.share[0], 0.3, 1e-15);
	ck_assert_double_eq_tol(t.share[1], 0.4, 1e-15);
	ck_assert_double_eq_tol(t.share[2], 0.3, 1e-15);
	length_table_free(&t);
	arena_free(&arena);
}
END_TEST

/* Every length's share is how much of the quantile function lies on it; wide laws are cut. */
START_TEST(lognormal)
{
	enum { DRAWS = 1 << 20 };
	static const char *const texts[] = {
	        "{\"dist\":\"lognormal\",\"median\":400,\"p99\":1500,\"max\":2048}",
	        "{\"dist\":\"lognormal\",\"median\":20000,\"p99\":90000,\"max\":200000}"};
	struct length_spec law;
	struct arena arena;
	struct length_table t = table_of(texts[_i], &arena, &law);
	double drawn = 0, below = 0, share = 0;
	bool clipped;

	ck_assert(t.exact == (_i == 0));
	ck_assert_double_eq_tol(sum_of(&t), 1, 1e-12);
	for (uint64_t i = 0; i < DRAWS; i++) {
		uint64_t u = (i << 44) + (UINT64_C(1) << 43);
		int64_t tokens = length_cap(length_at(&law, u), law.max, &clipped);

		drawn += (double)tokens / DRAWS;
		below += (double)(tokens <= (int64_t)law.median) / DRAWS;
	}
	for (uint32_t i = 0; i < t.n; i++)
		share += t.tokens[i] <= (int64_t)law.median ? t.share[i] : 0;
	ck_assert_double_eq_tol(mean_of(&t), drawn, 1e-4 * drawn);
	ck_assert_double_eq_tol(share, below, 3e-5);
	length_table_free(&t);
	arena_free(&arena);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("length_table");
	TCase *tcase = tcase_create("shares");

	tcase_add_test(tcase, plain_laws);
	tcase_add_test(tcase, empirical);
	tcase_add_loop_test(tcase, lognormal, 0, 2);
	suite_add_tcase(s, tcase);
	return run_suite(s);
}
