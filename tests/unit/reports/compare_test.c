/* What is called worse, and by which rule: from documents, without files. */
#include <stdio.h>
#include <string.h>

#include "harness/base/units.h"
#include "reports/compare.h"
#include "tests/support/run_suite.h"

#define RESULT                                                                                     \
	"{\"schema\":\"lpuchaos.result/1\",\"scenario\":\"%s\",\"seed\":%d,\"clock\":\"virtual\"," \
	"\"verdict\":\"%s\",\"partial\":%s,\"traffic_digest\":\"sha256:%d\","                      \
	"\"result_digest\":\"sha256:%s\",\"model_version\":3,\"validity\":{\"valid\":%s},"         \
	"\"groups\":[{\"tier\":\"chat\",\"window\":\"all\",\"requests\":20000,"                    \
	"\"good_fraction\":1,\"metrics\":{\"ttft_ms\":{\"count\":20000,\"p50\":10,\"p90\":20,"     \
	"\"p95\":25,\"p99\":%s,\"p999\":60,\"max\":80}}}],"                                        \
	"\"slo\":[{\"id\":\"first\",\"tier\":\"chat\",\"window\":\"all\",\"metric\":\"ttft_ms\","  \
	"\"quantile\":0.99,\"limit_ms\":100,\"n\":20000,\"vif\":%s,\"verdict\":\"%s\"}],"          \
	"\"expect\":[{\"id\":\"lost\",\"kind\":\"lost_requests\",\"verdict\":\"%s\"}],"            \
	"\"faults\":[{\"id\":\"node\",\"ttd_ms\":1,\"ttf_ms\":%s,\"ttr_ms\":null}]}"

struct words {
	const char *scenario, *verdict, *partial, *digest, *valid, *p99, *vif, *slo, *expect, *ttf;
	int seed;
};

static const struct words good = {
        "s", "pass", "false", "a", "true", "30", "1", "pass", "pass", "100", 1};

struct side {
	struct arena arena;
	struct compare_run run;
};

static void read_side(struct side *s, const struct words *w)
{
	char text[4096];
	struct error err = ERROR_INIT;
	struct json *doc;

	(void)snprintf(text, sizeof(text), RESULT, w->scenario, w->seed, w->verdict, w->partial,
	        w->seed, w->digest, w->valid, w->p99, w->vif, w->slo, w->expect, w->ttf);
	arena_init(&s->arena, 0);
	ck_assert_int_eq(json_parse("result.json", text, strlen(text), &doc, &err), ERR_NONE);
	ck_assert_int_eq(compare_run_read(json_root(doc), &s->arena, &s->run, &err), ERR_NONE);
	json_free(doc);
}

static const struct compare_item *find(const struct compare *c, const char *name)
{
	for (uint32_t i = 0; i < c->pairs[0].n_items; i++)
		if (strcmp(c->pairs[0].items[i].name, name) == 0)
			return &c->pairs[0].items[i];
	return NULL;
}

/* BASE is good but for what b says; the exit code, and the state of one item (-1: not there). */
static int judged(const struct words *b, const struct words *n, double tolerance, const char *name,
        int *state)
{
	struct compare_options options = {tolerance, 0.99};
	const struct compare_item *item;
	struct side base, new;
	struct compare c;
	int code;

	read_side(&base, b);
	read_side(&new, n);
	compare_init(&c, &options);
	compare_runs(&c, &base.run, &new.run);
	compare_judge(&c);
	code = compare_exit_code(&c);
	item = find(&c, name);
	*state = item ? (int)item->state : -1;
	compare_free(&c);
	compare_run_free(&base.run);
	compare_run_free(&new.run);
	arena_free(&base.arena);
	arena_free(&new.arena);
	return code;
}

START_TEST(students_t)
{
	/* Tables: t of 19 and of 5 degrees. */
	ck_assert_double_eq_tol(compare_t_tail(2.53948, 19), 0.01, 1e-6);
	ck_assert_double_eq_tol(compare_t_tail(1.729, 19), 0.05, 1e-4);
	ck_assert_double_eq_tol(compare_t_tail(3.36493, 5), 0.01, 1e-6);
	ck_assert_double_eq_tol(compare_t_tail(0, 7), 0.5, 1e-12);
}
END_TEST

/* The share that 20 stretches have in common is no chance; what they do not have is. */
START_TEST(scatter)
{
	struct compare_count a[COMPARE_STRETCHES], b[COMPARE_STRETCHES];
	struct compare_scatter s;

	for (int i = 0; i < COMPARE_STRETCHES; i++)
		a[i] = b[i] = (struct compare_count){1000, i < 10 ? 2 : 18};
	s = compare_scatter(a, b, true); /* a request a side, of 200 */
	ck_assert_double_eq_tol(s.vif, 1 / (200 * 0.99), 1e-6);
	s = compare_scatter(a, b, false);
	ck_assert_double_eq(s.vif, 1);
	for (int i = 0; i < COMPARE_STRETCHES; i++)
		b[i].k = i < 10 ? 18 : 2; /* 16 off in each: 20·16² of 400·0.99 */
	s = compare_scatter(a, b, false);
	ck_assert_double_eq_tol(s.vif, 20.0 / 19 * 20 * 256 / (400 * 0.99), 1e-9);
	for (int i = 0; i < COMPARE_STRETCHES; i++)
		a[i].k = b[i].k = i == 7 ? 200 : 0; /* one event */
	ck_assert_double_lt(compare_scatter(a, b, false).df, 1);
}
END_TEST

START_TEST(percentiles)
{
	struct words n = good;
	int state;

	n.digest = "b";
	ck_assert_int_eq(judged(&good, &n, 0, "slo first", &state), 0);
	ck_assert_int_eq(state, COMPARE_SAME);
	n.p99 = "36"; /* 20 % at 7 % of error each */
	ck_assert_int_eq(judged(&good, &n, 0, "slo first", &state), 1);
	ck_assert_int_eq(state, COMPARE_WORSE);
	ck_assert_int_eq(judged(&n, &good, 0, "slo first", &state), 0);
	ck_assert_int_eq(state, COMPARE_BETTER);
	ck_assert_int_eq(judged(&good, &n, 0.15, "slo first", &state), 0);
	ck_assert_int_eq(state, COMPARE_TOLERATED);
	n.vif = "20"; /* the requests are worth 1000 */
	ck_assert_int_eq(judged(&good, &n, 0, "slo first", &state), 0);
	ck_assert_int_eq(state, COMPARE_SAME);
	n.vif = "60"; /* 333: nothing bounds a p99 from above */
	ck_assert_int_eq(judged(&good, &n, 0, "slo first", &state), 0);
	ck_assert_int_eq(state, COMPARE_UNDECIDED);
}
END_TEST

START_TEST(verdicts)
{
	struct words n = good;
	int state;

	n.slo = "fail"; /* the same figures, to the nanosecond: another limit */
	ck_assert_int_eq(judged(&good, &n, 0.5, "slo first verdict", &state), 1);
	ck_assert_int_eq(state, COMPARE_WORSE);
	ck_assert_int_eq(judged(&n, &good, 0, "slo first verdict", &state), 0);
	ck_assert_int_eq(state, COMPARE_BETTER);
	ck_assert_int_eq(judged(&n, &n, 0, "slo first verdict", &state), 0);
	ck_assert_int_eq(state, -1);
	n = good;
	n.expect = "fail";
	ck_assert_int_eq(judged(&good, &n, 0, "expect lost verdict", &state), 1);
	n.expect = "inconclusive";
	ck_assert_int_eq(judged(&good, &n, 0, "expect lost verdict", &state), 0);
	ck_assert_int_eq(state, COMPARE_UNDECIDED);
}
END_TEST

START_TEST(phases)
{
	struct words n = good;
	int state;

	n.digest = "b";
	n.ttf = "101";
	ck_assert_int_eq(judged(&good, &n, 0, "fault node ttf_ms", &state), 1);
	ck_assert_int_eq(judged(&good, &n, 0.02, "fault node ttf_ms", &state), 0);
	ck_assert_int_eq(state, COMPARE_TOLERATED);
	n.ttf = "null";
	ck_assert_int_eq(judged(&good, &n, 0.02, "fault node ttf_ms", &state), 1);
	n.ttf = "250";
	n.seed = 2; /* one of many that it could be */
	ck_assert_int_eq(judged(&good, &n, 0, "fault node ttf_ms", &state), 0);
	ck_assert_int_eq(state, COMPARE_UNDECIDED);
}
END_TEST

START_TEST(nothing_can_be_said)
{
	struct words n = good;
	int state;

	n.partial = "true";
	ck_assert_int_eq(judged(&good, &n, 0, "slo first", &state), 4);
	n = good;
	n.valid = "false";
	ck_assert_int_eq(judged(&n, &good, 0, "slo first", &state), 4);
	n = good; /* identical */
	ck_assert_int_eq(judged(&good, &n, 0, "slo first", &state), 0);
	ck_assert_int_eq(state, -1);
}
END_TEST

/* The percentiles that a result names come back out of what is made of them. */
START_TEST(sketch)
{
	static const double named[][2] = {
	        {0.5, 10}, {0.9, 20}, {0.95, 25}, {0.99, 30}, {0.999, 60}};
	struct side s;

	read_side(&s, &good);
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		int64_t ns;

		ck_assert(histogram_percentile(
		        &s.run.tiers[0].metric[METRIC_TTFT].all, named[i][0], &ns));
		ck_assert_double_eq_tol(ns_to_ms(ns), named[i][1], 0.002 * named[i][1]);
	}
	compare_run_free(&s.run);
	arena_free(&s.arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare");

	add_test(suite, "t", students_t);
	add_test(suite, "scatter", scatter);
	add_test(suite, "percentiles", percentiles);
	add_test(suite, "verdicts", verdicts);
	add_test(suite, "phases", phases);
	add_test(suite, "silent", nothing_can_be_said);
	add_test(suite, "sketch", sketch);
	return run_suite(suite);
}
