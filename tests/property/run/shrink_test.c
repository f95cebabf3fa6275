/* Shrinking whatever the catalogue can break: random plans on random deployments, asked that
 * nothing is lost, nobody is late and somebody recovers. For each expectation that is missed,
 *
 *  - what is left misses it by a whole run, and to the bit so when it is read back from its text;
 *  - no fault can be taken from it alone: it is gone with others that wait for it, or the
 *    expectation is met, told otherwise, or names it;
 *  - the second time the same bytes come out;
 *  - shrinking what is left finds nothing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/evaluate.h"
#include "harness/run/shrink.h"
#include "tests/support/random_plan.h"
#include "tests/support/run_suite.h"

enum { CASES = 24, RUNS = 1500 };

#define TTF "{\"id\":\"failover\",\"kind\":\"ttf\",\"max\":\"50ms\"}"
#define TTD "{\"id\":\"detect\",\"kind\":\"ttd\",\"max\":\"2ms\"}"

static const char *const asked[] = {
        "[{\"id\":\"lost\",\"kind\":\"lost_requests\"}]",
        "[{\"id\":\"good\",\"kind\":\"goodput_fraction\",\"min\":0.999}]",
        ("[" TTF "," TTD "]"),
};

static const volatile sig_atomic_t never;

/* In what way the rule is missed; NULL if it is not. */
static const char *missed(const struct scenario *s, const char *id, uint8_t *digest)
{
	static char reason[64];
	struct error err = ERROR_INIT;
	const char *told = NULL;
	struct evaluation e;

	ck_assert_int_eq(evaluate(s, false, NULL, &e, &err), 0);
	for (uint32_t i = 0; i < e.result->n_expect; i++) {
		const struct expect_result *r = &e.result->expect[i];

		if (strcmp(r->rule->id, id) != 0 || r->verdict != VERDICT_FAIL ||
		        e.result->verdict != VERDICT_FAIL || !e.valid)
			continue;
		(void)snprintf(reason, sizeof(reason), "%s", r->reason ? r->reason : "");
		told = reason;
	}
	if (digest)
		memcpy(digest, e.run.result_digest, DIGEST_BYTES);
	evaluation_free(&e);
	return told;
}

static char *text_of(const struct shrink_result *r)
{
	struct json_out o;

	json_out_init(&o, 2);
	json_out_open(&o, NULL, '{');
	shrink_write(r, r->original->name, &o);
	json_out_close(&o);
	return o.buf;
}

static struct shrink_result shrunk(const struct scenario *s)
{
	struct shrink_request request = {.max_runs = RUNS};
	struct error err = ERROR_INIT;
	struct shrink_result r;

	ck_assert_int_eq(shrink_check(s, &request, &err), 0);
	ck_assert_msg(shrink(s, &request, &never, &r, &err) == ERR_NONE, "%s", err.text);
	return r;
}

static void check_read_back(const struct shrink_result *r)
{
	uint8_t digest[DIGEST_BYTES];
	char *text = text_of(r), line[1024];
	struct scenario *s = random_plan_build(text, line, sizeof(line));

	ck_assert_msg(s != NULL, "%s\n%s", line, text);
	ck_assert_msg(missed(s, r->missed, digest) != NULL, "not missed:\n%s", text);
	ck_assert_mem_eq(digest, r->result_digest, DIGEST_BYTES);
	scenario_free(s);
	mem_free(text);
}

/* Without the i-th fault, or NULL where the rest does not stand without it. */
static struct scenario *without(const struct scenario *s, uint32_t fault)
{
	struct scenario_edit edit = {.path = "faults"};
	struct error refused = ERROR_INIT;
	struct scenario *less = NULL;
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '[');
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (i != fault)
			json_out_value(&o, NULL, s->faults.faults[i].where, false);
	json_out_close(&o);
	edit.value = o.buf;
	if (scenario_variant(s, &edit, 1, &less, &refused))
		less = NULL;
	json_out_free(&o);
	return less;
}

static void check_needed(const struct shrink_result *r)
{
	char manner[64];
	const char *told = missed(r->smallest, r->missed, NULL);

	ck_assert_ptr_nonnull(told);
	(void)snprintf(manner, sizeof(manner), "%s", told);
	for (uint32_t i = 0; i < r->smallest->faults.n; i++) {
		struct scenario *less = without(r->smallest, i);

		if (!less)
			continue;
		told = missed(less, r->missed, NULL);
		ck_assert_msg(!told || strcmp(told, manner) != 0, "%s could go",
		        r->smallest->faults.faults[i].id);
		scenario_free(less);
	}
}

static void check_twice(const struct scenario *s, const struct shrink_result *r)
{
	struct shrink_result again = shrunk(s), further = shrunk(r->smallest);
	char *a = text_of(r), *b = text_of(&again);

	ck_assert_str_eq(a, b);
	ck_assert_uint_eq(r->runs, again.runs);
	ck_assert_int_eq(further.end, SHRINK_DONE);
	if (r->cut == SHRINK_WHOLE)
		ck_assert_mem_eq(
		        further.smallest->plan_digest, r->smallest->plan_digest, DIGEST_BYTES);
	mem_free(a);
	mem_free(b);
	shrink_free(&again);
	shrink_free(&further);
}

/* The case with other expectations, and no rule that could end it. */
static struct scenario *drawn(unsigned which)
{
	struct scenario_edit edits[] = {
	        {.path = "expect", .value = asked[which % ARRAY_LEN(asked)]},
	        {.path = "slo", .value = "[]"}, {.path = "abort", .value = "[]"}};
	struct error err = ERROR_INIT;
	struct random_plan p;
	struct scenario *s, *out;
	char line[1024];

	random_plan_draw(&p, which, 0, getenv("PROPERTY_KINDS"));
	s = random_plan_build(p.text, line, sizeof(line));
	ck_assert_msg(s != NULL, "%s", line);
	ck_assert_msg(scenario_variant(s, edits, ARRAY_LEN(edits), &out, &err) == ERR_NONE, "%s",
	        err.text);
	scenario_free(s);
	random_plan_free(&p);
	return out;
}

START_TEST(what_is_left)
{
	int first, end, n = 0, whole = 0;

	random_plan_range(CASES, &first, &end);
	for (int i = first; i < end; i++) {
		struct scenario *s = drawn((unsigned)i);
		struct shrink_result r = shrunk(s);

		if (r.end == SHRINK_DONE) {
			check_read_back(&r);
			if (r.cut == SHRINK_WHOLE)
				check_needed(&r);
			check_twice(s, &r);
			whole += r.cut == SHRINK_WHOLE;
			n++;
		}
		if (getenv("PROPERTY_PRINT"))
			printf("case %d: end %d cut %d, %u faults of %u, %llu runs\n", i, r.end,
			        r.cut, r.smallest ? r.smallest->faults.n : 0, s->faults.n,
			        (unsigned long long)r.runs);
		shrink_free(&r);
		scenario_free(s);
	}
	if (end - first >= CASES) {
		ck_assert_int_ge(n, CASES / 4);
		ck_assert_int_ge(whole, n / 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shrink");
	TCase *tcase = tcase_create("random plans");

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, what_is_left);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
