/* C2C links that fail, by arithmetic: each kind is played as a scenario would have it, what it
 * costs is predicted by adding up durations, and after its revert the rack is what it was. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

/* One instance over three nodes, one slot, frames of 10 ms; failover = isolate 3 ms, then 77 ms. */
#define HEALTH                                                                                     \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\",\"persist\":\"500ms\",\"suspicions\":2,\"suspect_window\":\"5m\"%s}"
#define POOLS                                                                                      \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":8192,\"frame\":\"10ms\",\"slots\":"  \
	"1,\"prefill_tokens_per_frame\":64}],\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\","     \
	"\"r0.n2\"]],\"entry\":\"immediate\"}]"

static struct bench b;
static struct fault_bench f, g;

/* `health`: more keys of it; `more`: more keys of the deployment; both begin with a comma. */
static void set_up(const char *health, const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text), "{" HEALTH "%s," POOLS "}", health, more);
	bench_init(&b, text);
}

static void tear_down(void)
{
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&f);
	bench_free(&b);
}

/* One request of 64 + 20 tokens at t = 0: 20 frames, first token at 10 ms, last at 200 ms. */
static const struct bench_request one = {.at_ns = 0, .prompt = 64, .output = 20, .max = 100};

static void play(const struct bench_request *req, int64_t inject, int64_t revert, int64_t until)
{
	struct bench_event e[] = {
	        {inject, fault_bench_inject, &f}, {revert, fault_bench_revert, &f}};

	bench_play(&b, req, 1, e, 2, until);
}

/* --- link.down
 * ------------------------------------------------------------------------------------- */

START_TEST(down_for_less_than_the_threshold_costs_a_stall)
{
	const struct rack_completion *d;

	/* Down at 54 ms for 430 ms: found at 60 ms; stall 430 + 6 + 10 = 446 ms. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.down", 0, "r0.n0-r0.n1.0", "{}");
	play(&one, 54 * MS, 484 * MS, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	ck_assert_int_eq(d->t_last_edge, 200 * MS + 446 * MS);
	ck_assert_int_eq(d->stalls[0].ns, 446 * MS);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	ck_assert_uint_eq(b.counts.failovers, 0);
	tear_down();
}
END_TEST

START_TEST(down_for_longer_evicts_the_higher_end)
{
	const struct rack_completion *d;
	int64_t back = (54 + 500 + 3 + 77) * MS;

	set_up("", "");
	fault_bench_init(&f, &b, "link.down", 0, "r0.n0-r0.n1.0", "{}");
	play(&one, 54 * MS, 900 * MS, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 557 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	/* 5 tokens were out: P' = 69 is 2 frames, 15 tokens are left. */
	ck_assert_int_eq(d->t_last_edge, back + (2 + 14) * 10 * MS);
	ck_assert_int_eq(d->replays, 1);
	ck_assert_uint_eq(b.counts.frames_replayed, 0);
	ck_assert_uint_eq(b.counts.failovers, 1);
	tear_down();
}
END_TEST

START_TEST(a_link_that_is_no_longer_used_may_go_down)
{
	struct bench_event e[] = {{54 * MS, fault_bench_inject, &f},
	        {700 * MS, fault_bench_inject, &g}, {800 * MS, fault_bench_revert, &g},
	        {900 * MS, fault_bench_revert, &f}};

	/* n1 was moved to the spare: neither of its cables to the neighbours is on the path. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.down", 0, "r0.n0-r0.n1.0", "{}");
	fault_bench_init(&g, &b, "link.down", 1, "r0.n1-r0.n2.0", "{}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 634 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], -1);
	fault_bench_free(&g);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("links");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, down_for_less_than_the_threshold_costs_a_stall);
	tcase_add_test(t, down_for_longer_evicts_the_higher_end);
	tcase_add_test(t, a_link_that_is_no_longer_used_may_go_down);
	suite_add_tcase(s, t);
	return run_suite(s);
}
