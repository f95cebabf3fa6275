/* `reached` (docs/METRICS.md): a run is asked whether it came through a path. One instance of one
 * slot on two nodes, requests of 200 ms, so that who is hit by what can be counted by hand. */
#include <check.h>
#include <stdio.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { SPARE, REPLAY, THROTTLE, EMPTY, REFUSED, STALE, BACK, TWICE, EXPECTATIONS };

#define ASK(id, path) "{\"id\":\"" id "\",\"kind\":\"reached\",\"path\":\"" path "\"}"
#define SCENARIO(rate, admission, faults)                                                          \
	"{\"version\":1,\"name\":\"reached\",\"duration\":\"10s\",\"drain\":\"10s\","              \
	"\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":"     \
	"\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}],\"entry\":\"immediate\","          \
	"\"rollout\":{\"check\":\"1s\",\"rollback\":\"500ms\"},"                                   \
	"\"admission\":{" admission "},\"nodes\":[[\"r0.n0\",\"r0.n1\"]]}]},"                      \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","                                             \
	"\"arrival\":{\"process\":\"constant\",\"rate\":" rate "},"                                \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}],\"faults\":[" faults "],"        \
	"\"expect\":[" ASK("spare", "spare_used") "," ASK("replay", "replay_taken") "," ASK(       \
	        "throttle", "throttle_reached") "," ASK("empty",                                   \
	        "spare_pool_empty") "," ASK("refused", "admission_refused") "," ASK("stale",       \
	        "artifact_refused") "," ASK("back",                                                \
	        "rolled_back") ",{\"id\":\"twice\",\"kind\":\"reached\",\"path\":"                 \
	                       "\"spare_used\",\"min\":2}]}"
/* At 2.044 s the request of 2 s is in its fifth frame. */
#define LOSS(id, target, at, for)                                                                  \
	"{\"id\":\"" id "\",\"kind\":\"chip.loss\",\"target\":\"" target "\",\"at\":\"" at         \
	"\",\"for\":\"" for "\"}"

static void expect(const struct evaluation *e, int which, double observed)
{
	const struct expect_result *r = &e->result->expect[which];
	bool reached = observed >= (which == TWICE ? 2 : 1);

	ck_assert(r->has_observed);
	ck_assert_msg(r->observed == observed, "%s: expected %g, found %g", r->rule->id, observed,
	        r->observed);
	ck_assert_int_eq(r->verdict, reached ? VERDICT_PASS : VERDICT_INCONCLUSIVE);
	ck_assert_str_eq(r->reason ? r->reason : "", reached ? "" : "not_reached");
}

static struct evaluation evaluated(const char *text, struct scenario **s)
{
	struct error err = ERROR_INIT;
	struct evaluation e;

	*s = scenario_text(text);
	ck_assert_int_eq(evaluate(*s, false, NULL, &e, &err), 0);
	return e;
}

static void done(struct evaluation *e, struct scenario *s)
{
	ck_assert_int_eq(e->result->exit_code, 4); /* no run of these takes every path */
	evaluation_free(e);
	scenario_free(s);
}

START_TEST(nothing_happens)
{
	struct scenario *s;
	struct evaluation e = evaluated(SCENARIO("2", "\"policy\":\"none\"", ""), &s);

	for (int i = 0; i < EXPECTATIONS; i++)
		expect(&e, i, 0);
	done(&e, s);
}
END_TEST

START_TEST(a_loss_takes_the_spare)
{
	struct scenario *s;
	struct evaluation e = evaluated(
	        SCENARIO("2", "\"policy\":\"none\"", LOSS("a", "r0.n0.c0", "2044ms", "1s")), &s);

	expect(&e, SPARE, 1);
	expect(&e, REPLAY, 1); /* the request of 2 s */
	expect(&e, THROTTLE, 0);
	expect(&e, EMPTY, 0);
	expect(&e, REFUSED, 0);
	expect(&e, TWICE, 1);
	done(&e, s);
}
END_TEST

START_TEST(a_second_loss_finds_none)
{
	/* The second comes when the first has its spare, and is repaired before it. */
	struct scenario *s;
	struct evaluation e = evaluated(
	        SCENARIO("0.2", "\"policy\":\"none\"",
	                LOSS("a", "r0.n0.c0", "1s", "8s") "," LOSS("b", "r0.n1.c0", "4s", "1s")),
	        &s);

	expect(&e, SPARE, 1);
	expect(&e, REPLAY, 0); /* idle both times: requests come at 0 s and 5 s */
	expect(&e, EMPTY, 1);
	done(&e, s);
}
END_TEST

START_TEST(a_slow_chip_throttles)
{
	struct scenario *s;
	struct evaluation e = evaluated(SCENARIO("2", "\"policy\":\"none\"",
	                                        "{\"id\":\"a\",\"kind\":\"chip.slow\",\"target\":"
	                                        "\"r0.n0.c0\",\"at\":\"1s\","
	                                        "\"every\":\"2s\",\"for\":\"1s\",\"factor\":1.25}"),
	        &s);

	expect(&e, THROTTLE, 5); /* at 1, 3, 5, 7 and 9 s */
	expect(&e, SPARE, 0);
	done(&e, s);
}
END_TEST

START_TEST(the_cap_refuses)
{
	struct scenario *s;
	struct evaluation e =
	        evaluated(SCENARIO("8", "\"policy\":\"queue_cap\",\"limit\":1", ""), &s);
	uint64_t rejected = e.result->by_outcome[OUTCOME_REJECTED];

	ck_assert_uint_gt(rejected, 10);
	expect(&e, REFUSED, (double)rejected);
	done(&e, s);
}
END_TEST

#define ARTIFACT(kind, more)                                                                       \
	"{\"id\":\"a\",\"kind\":\"artifact." kind                                                  \
	"\",\"target\":\"p\",\"at\":\"2044ms\",\"for\":\"5s\"" more "}"

START_TEST(a_stale_artifact_is_refused)
{
	/* The request of 2 s ends 200 ms after it came; then the artifact is offered. */
	struct scenario *s;
	struct evaluation e =
	        evaluated(SCENARIO("2", "\"policy\":\"none\"", ARTIFACT("stale", "")), &s);

	expect(&e, STALE, 1);
	expect(&e, BACK, 0);
	expect(&e, REPLAY, 0);
	ck_assert_int_eq(e.faults[0].effect_ns, 2044 * NS_PER_MS);
	ck_assert_int_eq(e.faults[0].detect_ns, 2200 * NS_PER_MS);
	ck_assert(e.faults[0].clean);
	done(&e, s);
}
END_TEST

START_TEST(a_slow_canary_is_rolled_back)
{
	/* Checked 1 s after the injection, back 500 ms later; within 2 % it stays. */
	static const struct {
		const char *more;
		double back;
		int64_t detect_ns, failover_ns;
	} cases[] = {{",\"factor\":1.03", 1, 3044 * NS_PER_MS, 3544 * NS_PER_MS},
	        {",\"factor\":1.02", 0, -1, -1}};
	char faults[256], text[4096];
	struct scenario *s;
	struct evaluation e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(faults, sizeof(faults), ARTIFACT("regression", "%s"), cases[i].more);
		snprintf(text, sizeof(text), SCENARIO("2", "\"policy\":\"none\"", "%s"), faults);
		e = evaluated(text, &s);
		expect(&e, BACK, cases[i].back);
		expect(&e, THROTTLE, 0);
		ck_assert_int_eq(e.faults[0].effect_ns, 2044 * NS_PER_MS);
		ck_assert_int_eq(e.faults[0].detect_ns, cases[i].detect_ns);
		ck_assert_int_eq(e.faults[0].failover_ns, cases[i].failover_ns);
		ck_assert(e.faults[0].clean);
		done(&e, s);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reached");
	TCase *tc = tcase_create("reached");

	tcase_add_test(tc, nothing_happens);
	tcase_add_test(tc, a_loss_takes_the_spare);
	tcase_add_test(tc, a_second_loss_finds_none);
	tcase_add_test(tc, a_slow_chip_throttles);
	tcase_add_test(tc, the_cap_refuses);
	tcase_add_test(tc, a_stale_artifact_is_refused);
	tcase_add_test(tc, a_slow_canary_is_rolled_back);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
