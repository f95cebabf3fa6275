/* When faults begin, in whole runs: laws, faults that wait for phases of the model, targets in
 * turn. The rack's own instants follow by addition: one pool of one instance on two nodes, frames
 * of 10 ms, a lost chip is flagged at the end of its frame, 3 ms to isolation, 77 ms to serve
 * again. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS NS_PER_MS

#define SCENARIO(faults) LIMITED("[[\"r0.n0\",\"r0.n1\"]]", "", faults)
#define LIMITED(nodes, limits, faults)                                                             \
	"{\"version\":1,\"name\":\"schedule\",\"duration\":\"20s\",\"drain\":\"10s\","             \
	"\"deployment\":{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\","   \
	"\"resume\":\"2ms\"},"                                                                     \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","            \
	"\"slots\":1,\"prefill_tokens_per_frame\":64}],\"entry\":\"immediate\","                   \
	"\"nodes\":" nodes "}]}," limits "\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","            \
	"\"arrival\":{\"process\":\"constant\",\"rate\":2},"                                       \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}],\"faults\":[" faults "]}"

static struct virtual_samples run;
static struct scenario *s;

static void played(const char *text)
{
	s = scenario_text(text);
	virtual_samples_run(&run, s, VIRTUAL_ALL_FAULTS, true);
}

static void done(void)
{
	for (uint32_t i = 0; i < s->faults.n; i++)
		ck_assert(run.result.ledger.e[i].clean);
	virtual_samples_free(&run);
	scenario_free(s);
}

static int64_t at(uint32_t fault, enum fault_phase phase)
{
	return run.result.ledger.e[fault].at[phase];
}

START_TEST(after_phases_of_the_model)
{
	/* 2.044 s: detected 2.05, isolated 2.053, serves again at 2.13, its frames 86 ms later from
	 * then on. The second loss follows the failover by 60 ms, is detected at the end of its
	 * frame, at 2.196, and finds no spare until the first is repaired; d would follow a
	 * failover of c, which never comes. */
	played(SCENARIO(
	        "{\"id\":\"a\",\"kind\":\"chip.loss\",\"target\":\"r0.n0.c0\",\"at\":\"2044ms\","
	        "\"for\":\"3s\"},"
	        "{\"id\":\"b\",\"kind\":\"chip.loss\",\"target\":\"r0.n1.c0\",\"for\":\"9s\","
	        "\"after\":{\"fault\":\"a\",\"phase\":\"failover\",\"delay\":\"60ms\"}},"
	        "{\"id\":\"c\",\"kind\":\"shape.creep\",\"for\":\"1s\",\"after\":{\"fault\":\"b\","
	        "\"phase\":\"detect\",\"delay\":\"1s\"}},"
	        "{\"id\":\"d\",\"kind\":\"shape.creep\",\"when\":{\"signal\":\"fault.phase\","
	        "\"fault\":\"c\",\"phase\":\"failover\",\"for\":\"50ms\"}}"));
	ck_assert_int_eq(at(0, PHASE_DETECT), 2050 * MS);
	ck_assert_int_eq(at(0, PHASE_FAILOVER), 2130 * MS);
	ck_assert_int_eq(at(1, PHASE_INJECT), 2190 * MS);
	ck_assert_int_eq(at(1, PHASE_DETECT), 2196 * MS);
	ck_assert_int_eq(at(1, PHASE_ISOLATE), 2199 * MS);
	ck_assert_int_eq(at(1, PHASE_FAILOVER), 5044 * MS + 77 * MS);
	ck_assert_int_eq(at(2, PHASE_INJECT), 3196 * MS);
	ck_assert_int_eq(at(2, PHASE_REVERT), 4196 * MS);
	for (int p = 0; p < PHASE_COUNT; p++)
		ck_assert_int_eq(at(3, (enum fault_phase)p), -1);
	done();
}
END_TEST

START_TEST(one_target_after_the_other)
{
	/* n0 at 2.044 s takes the spare and serves again at 2.13; n1, 1 s later, finds none; both
	 * are let go at 6.044, n0 first, and that one takes the place of n1. */
	played(SCENARIO(
	        "{\"id\":\"a\",\"kind\":\"chip.loss\",\"target\":[\"r0.n1.c0\",\"r0.n0.c0\"],"
	        "\"at\":\"2044ms\",\"for\":\"4s\",\"stagger\":\"1s\"}"));
	ck_assert_int_eq(at(0, PHASE_FAILOVER), 2130 * MS);
	ck_assert_int_eq(at(0, PHASE_REVERT), 6044 * MS);
	ck_assert_uint_eq(run.result.rack.spares_used, 2);
	ck_assert_uint_eq(run.result.rack.spares_missing, 1);
	/* The request of 3.5 s waits for the repair, what it takes to serve again, and the one of 3
	 * s. */
	ck_assert_int_eq(run.e[7].t_sched, 3500 * MS);
	ck_assert_int_gt(run.e[7].t_first, 6044 * MS + 77 * MS);
	done();
}
END_TEST

START_TEST(laws_come_as_planned)
{
	static const char text[] = SCENARIO(
	        "{\"id\":\"a\",\"kind\":\"link.flap\",\"target\":\"r0.n0-r0.n1.0\",\"for\":"
	        "\"20ms\","
	        "\"down\":\"5ms\",\"up\":\"1s\",\"every\":{\"law\":\"weibull\",\"mtbf\":\"900ms\","
	        "\"shape\":0.7}}");
	const struct fault_spec *f;
	struct prng stream;
	uint64_t begins = 0;
	int64_t last = -1;

	played(text);
	f = &s->faults.faults[0];
	stream = f->every.stream;
	for (int64_t t = f->at_ns; t < s->duration_ns; begins++) {
		last = t + 20 * MS;
		t = recurrence_next(&f->every, &stream, t, f->for_ns);
	}
	ck_assert_uint_gt(begins, 8);
	ck_assert_int_eq(at(0, PHASE_INJECT), f->at_ns);
	ck_assert_int_eq(at(0, PHASE_REVERT), last > s->duration_ns ? run.result.ended_ns : last);
	ck_assert_uint_eq(run.result.rack.frames_replayed, begins); /* down for less than a frame */
	done();
}
END_TEST

#define LOSS(id, target, when, until)                                                              \
	"{\"id\":\"" id "\",\"kind\":\"node.loss\",\"target\":\"" target "\",\"at\":\"" when       \
	"\",\"for\":\"" until "\"}"

START_TEST(one_instance_must_live)
{
	/* The first is stopped from 2.044 s until it serves again at 2.13, which the samples
	 * of 2.13 s and later show: they count from 2.2 s on. A nanosecond sooner is too soon. */
	played(LIMITED("[[\"r0.n0\"],[\"r0.n1\"]]", "\"limits\":{\"never_below\":1},",
	        LOSS("a", "r0.n0", "2044ms", "3s") "," LOSS("b", "r0.n1", "2045ms", "1ms") "," LOSS(
	                "c", "r0.n1", "2199999999ns", "1ns") "," LOSS("d", "r0.n1", "2200ms",
	                "1s")));
	ck_assert_int_eq(at(0, PHASE_FAILOVER), 2130 * MS);
	for (uint32_t i = 1; i < 3; i++) {
		ck_assert_int_eq(at(i, PHASE_INJECT), -1);
		ck_assert_int_eq(at(i, PHASE_REVERT), -1);
		ck_assert_int_eq(run.result.ledger.e[i].withheld, LIMIT_NEVER_BELOW);
	}
	ck_assert_int_eq(at(3, PHASE_INJECT), 2200 * MS);
	ck_assert_int_eq(run.result.ledger.e[3].withheld, LIMIT_NONE);
	ck_assert_int_eq(run.result.ledger.e[0].withheld, LIMIT_NONE);
	done();
}
END_TEST

START_TEST(a_spare_counts_as_an_instance)
{
	/* Two instances and two must live: nothing may be touched but what no instance uses. */
	played(LIMITED("[[\"r0.n0\"],[\"r0.n1\"]]", "\"limits\":{\"never_below\":2},",
	        LOSS("a", "r0.n0", "1s", "1s") "," LOSS("b", "r0.n8", "2s", "1s") "," LOSS(
	                "c", "r0.n3", "3s", "1s") ",{\"id\":\"d\",\"kind\":\"ethernet.jitter\","
	                                          "\"at\":\"4s\",\"for\":\"1s\"}"));
	ck_assert_int_eq(at(0, PHASE_INJECT), -1);
	ck_assert_int_eq(at(1, PHASE_INJECT), -1);
	ck_assert_int_eq(at(2, PHASE_INJECT), 3000 * MS);
	ck_assert_int_eq(at(3, PHASE_INJECT), 4000 * MS);
	done();
}
END_TEST

/* Whatever a trigger can watch can also end a run; a rule that always holds ends it at once. */
START_TEST(abort_rules_know_every_signal)
{
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		const char *name = trigger_signal_name((enum trigger_signal)i);
		bool in_ms = strlen(name) > 3 && strcmp(name + strlen(name) - 3, "_ms") == 0;
		char text[4096];

		snprintf(text, sizeof(text),
		        LIMITED("[[\"r0.n0\"]]",
		                "\"abort\":[{\"signal\":\"%s\",\"op\":\">=\",\"value\":%s%s}],",
		                LOSS("a", "r0.n0", "1s", "18s")),
		        name, in_ms ? "\"0s\"" : "0",
		        strncmp(name, "pool.", 5) == 0 ? ",\"pool\":\"p\"" : "");
		played(text);
		ck_assert(run.result.aborted ||
		          strcmp(name, "p99_ttft_ms") == 0); /* too few to have one */
		done();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tc = tcase_create("schedule");

	tcase_add_test(tc, after_phases_of_the_model);
	tcase_add_test(tc, one_target_after_the_other);
	tcase_add_test(tc, one_instance_must_live);
	tcase_add_test(tc, a_spare_counts_as_an_instance);
	tcase_add_test(tc, abort_rules_know_every_signal);
	tcase_add_test(tc, laws_come_as_planned);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
