/* Troubles that meet: two instances, one spare, losses during a failover, links that go on
 * flapping, nodes that two instances share. As in test_failover.c every instant is predicted by
 * adding up durations: detection at the end of the frame, isolate 3 ms, remap + resync + resume 77
 * ms. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

#define HEALTH(suspicions)                                                                         \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\","                                                                                 \
	"\"persist\":\"500ms\",\"suspicions\":" suspicions                                         \
	",\"suspect_window\":\"5m\",\"poll_period\":\"100ms\",\"polls\":2,\"timeout\":\"40ms\"}"
#define DEPLOYMENT(suspicions, slots, nodes)                                                       \
	"{" HEALTH(suspicions) ",\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,"       \
	                       "\"frame\":\"10ms\",\"slots\":" slots                               \
	                       ",\"prefill_tokens_per_frame\":64}],"                               \
	                       "\"nodes\":" nodes ",\"entry\":\"immediate\"}]}"
#define ONE_PAIR     "[[\"r0.n0\",\"r0.n1\"]]"
#define TWO_PAIRS    "[[\"r0.n0\",\"r0.n1\"],[\"r0.n2\",\"r0.n3\"]]"
#define SHARED_PAIRS "[[\"r0.n0\",\"r0.n1\"],[\"r0.n1\",\"r0.n2\"]]"

static struct bench b;

/* --- what happens
 * ----------------------------------------------------------------------------------- */

struct act {
	int64_t at_ms;
	enum { DOWN, UP, LOSS, REPAIR, OVER } what;
	uint32_t fault;
	const char *name;
	enum detection how;
};

static void fire(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct act *a = ctx;
	uint32_t c = a->name ? topology_find(&b.deployment.topology, a->name) : 0;

	ck_assert(c != COMPONENT_NONE);
	switch (a->what) {
	case DOWN:
		s->link_down(s->ctx, now, a->fault, c);
		break;
	case UP:
		s->link_up(s->ctx, now, a->fault, c);
		break;
	case LOSS:
		s->unit_lost(s->ctx, now, a->fault, c, a->how);
		break;
	case REPAIR:
		s->unit_restored(s->ctx, now, a->fault, c);
		s->reverted(s->ctx, now, a->fault);
		break;
	case OVER:
		s->reverted(s->ctx, now, a->fault);
		break;
	}
}

static void play(const char *deployment, const struct bench_request *r, uint32_t n,
        struct act *acts, uint32_t n_acts)
{
	struct bench_event events[16];

	ck_assert_uint_le(n_acts, ARRAY_LEN(events));
	for (uint32_t i = 0; i < n_acts; i++)
		events[i] = (struct bench_event){acts[i].at_ms * MS, fire, &acts[i]};
	bench_init(&b, deployment);
	bench_play(&b, r, n, events, n_acts, NS_MAX);
}

static void expect_phase(uint32_t fault, enum fault_phase phase, int64_t at_ms)
{
	ck_assert_int_eq(b.phase[fault][phase], at_ms < 0 ? -1 : at_ms * MS);
}

static void expect_last(uint32_t request, int64_t at_ms)
{
	ck_assert(b.answers[request].completed);
	ck_assert_int_eq(b.answers[request].done.t_last_edge, at_ms * MS);
}

/* 64 + 20 tokens: 20 frames; what is left after five tokens is 2 + 14 frames. */
static const struct bench_request two[] = {
        {.prompt = 64, .output = 20}, {.prompt = 64, .output = 20}};

/* --- one instance
 * ----------------------------------------------------------------------------------- */

START_TEST(flaps_that_go_on_evict_one_node_only)
{
	/* Evicted on the second suspicion (test_failover.c): found at 136, remapped from 139 on,
	 * over a path without the cable; what it does from then on hits nobody. */
	static const char cable[] = "r0.n0-r0.n1.0";
	struct act acts[] = {{54, DOWN, 0, cable, 0}, {84, UP, 0, cable, 0},
	        {134, DOWN, 0, cable, 0}, {164, UP, 0, cable, 0}, {174, DOWN, 0, cable, 0},
	        {204, UP, 0, cable, 0}, {300, DOWN, 0, cable, 0}, {330, UP, 0, cable, 0},
	        {800, OVER, 0, NULL, 0}};

	play(DEPLOYMENT("2", "1", ONE_PAIR), two, 1, acts, ARRAY_LEN(acts));
	expect_phase(0, PHASE_ISOLATE, 139);
	expect_phase(0, PHASE_FAILOVER, 216);
	ck_assert_uint_eq(b.counts.failovers, 1);
	expect_last(0, 216 + 130);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(two_flaps_in_one_frame_are_two_replays)
{
	/* 52 to 53: found at 60, a frame again: stopped until 53 + 8 + 10 = 71. 54 to 55: the
	 * frame is found at its end, 8 ms behind that stall, and is replayed once more: 8 + 10
	 * more, until 89. 37 ms in all. */
	static const char cable[] = "r0.n0-r0.n1.0";
	struct act acts[] = {{52, DOWN, 0, cable, 0}, {53, UP, 0, cable, 0},
	        {54, DOWN, 0, cable, 0}, {55, UP, 0, cable, 0}, {400, OVER, 0, NULL, 0}};

	play(DEPLOYMENT("3", "1", ONE_PAIR), two, 1, acts, ARRAY_LEN(acts));
	expect_phase(0, PHASE_DETECT, 60);
	ck_assert_uint_eq(b.counts.frames_replayed, 2);
	expect_last(0, 237);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 37 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(links_down_together_are_one_replay)
{
	/* From 52 on one is down, from 54 on the other, too; the first is back at 56, the last
	 * at 57. One frame failed: found 8 ms of it later, at 65, and again: 5 + 8 + 10 ms. */
	static const char cable[] = "r0.n0-r0.n1.0", inside[] = "r0.n0.c0-r0.n0.c1";
	struct act acts[] = {{52, DOWN, 0, cable, 0}, {54, DOWN, 0, inside, 0},
	        {56, UP, 0, cable, 0}, {57, UP, 0, inside, 0}, {400, OVER, 0, NULL, 0}};

	play(DEPLOYMENT("9", "1", ONE_PAIR), two, 1, acts, ARRAY_LEN(acts));
	expect_phase(0, PHASE_DETECT, 60);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	expect_last(0, 200 + 23);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 23 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_link_passes_from_one_fault_to_the_next)
{
	/* Down from 54 to 900, for two faults in turn: found at 60, watched until 554. The first is
	 * over by then, so that the node is the second's to give back. */
	static const char cable[] = "r0.n0-r0.n1.0";
	struct act acts[] = {{54, DOWN, 0, cable, 0}, {70, DOWN, 1, cable, 0},
	        {200, UP, 0, cable, 0}, {200, OVER, 0, NULL, 0}, {900, UP, 1, cable, 0},
	        {900, OVER, 1, NULL, 0}};

	play(DEPLOYMENT("9", "1", ONE_PAIR), two, 1, acts, ARRAY_LEN(acts));
	expect_phase(0, PHASE_DETECT, 60);
	expect_phase(0, PHASE_ISOLATE, -1);
	expect_phase(1, PHASE_EFFECT, 70);
	expect_phase(1, PHASE_ISOLATE, 554 + 3);
	expect_phase(1, PHASE_FAILOVER, 554 + 3 + 77);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

struct detection_case {
	enum detection how;
	int64_t lost_ms, detect_ms;
};

/* On the border: a frame that ends now was finished, a poll at this instant has gone by. */
static const struct detection_case borders[] = {{DETECT_FLAGGED, 60, 70}, {DETECT_FLAGGED, 69, 70},
        {DETECT_TIMEOUT, 60, 100}, {DETECT_TIMEOUT, 69, 100}, {DETECT_POLLED, 100, 300},
        {DETECT_POLLED, 99, 200}, {DETECT_POLLED, 101, 300}};

START_TEST(detection_on_the_border)
{
	const struct detection_case *c = &borders[_i];
	struct act acts[] = {
	        {c->lost_ms, LOSS, 0, "r0.n1.c0", c->how}, {900, REPAIR, 0, "r0.n1.c0", 0}};

	play(DEPLOYMENT("2", "1", ONE_PAIR), two, 1, acts, 2);
	expect_phase(0, PHASE_DETECT, c->detect_ms);
	expect_phase(0, PHASE_FAILOVER, c->detect_ms + 80);
	bench_free(&b);
}
END_TEST

START_TEST(evicted_requests_are_first_in_order_of_arrival)
{
	/* Two slots, three requests: the third has waited all the time and is still behind. */
	struct bench_request r[] = {{.at_ns = 0, .prompt = 64, .output = 20},
	        {.at_ns = 1 * MS, .prompt = 64, .output = 20},
	        {.at_ns = 2 * MS, .prompt = 64, .output = 20}};
	struct act acts[] = {{54, LOSS, 0, "r0.n1", DETECT_FLAGGED}, {900, REPAIR, 0, "r0.n1", 0}};

	play(DEPLOYMENT("2", "2", ONE_PAIR), r, 3, acts, 2);
	expect_last(0, 140 + 160);
	expect_last(1, 140 + 160);
	ck_assert_uint_eq(b.answers[0].done.slot, 0);
	ck_assert_int_eq(b.answers[2].done.t_entry, 300 * MS);
	bench_free(&b);
}
END_TEST

START_TEST(loss_of_the_spare_during_the_failover)
{
	/* The spare is in use from 63 on and dies at 100: found a frame's rest (6 ms) later,
	 * isolated at 109, and no node is left before 300. Neither fault has seen service come back
	 * before 377. */
	struct act acts[] = {{54, LOSS, 0, "r0.n1", DETECT_FLAGGED},
	        {100, LOSS, 1, "r0.n8", DETECT_FLAGGED}, {300, REPAIR, 0, "r0.n1", 0},
	        {900, REPAIR, 1, "r0.n8", 0}};

	play(DEPLOYMENT("2", "1", ONE_PAIR), two, 1, acts, ARRAY_LEN(acts));
	expect_phase(1, PHASE_EFFECT, 100);
	expect_phase(1, PHASE_DETECT, 106);
	expect_phase(1, PHASE_ISOLATE, 109);
	expect_phase(0, PHASE_FAILOVER, 377);
	expect_phase(1, PHASE_FAILOVER, 377);
	expect_last(0, 377 + 160);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(spare_behind_a_dead_cable)
{
	/* Nobody uses the spare's cable until the remap at 63; from then on the instance waits for
	 * it: found at the end of the frame (69), up at 200, then the rest of the detection and a
	 * frame: 216. */
	static const char cable[] = "r0.n0-r0.n8.0";
	struct act acts[] = {{10, DOWN, 1, cable, 0}, {54, LOSS, 0, "r0.n1", DETECT_FLAGGED},
	        {200, UP, 1, cable, 0}, {210, OVER, 1, NULL, 0}, {900, REPAIR, 0, "r0.n1", 0}};

	play(DEPLOYMENT("2", "1", ONE_PAIR), two, 1, acts, ARRAY_LEN(acts));
	expect_phase(1, PHASE_EFFECT, 63);
	expect_phase(1, PHASE_DETECT, 69);
	expect_phase(0, PHASE_FAILOVER, 200);
	expect_last(0, 216 + 160);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

/* --- two instances
 * ---------------------------------------------------------------------------------- */

START_TEST(evicted_request_enters_any_live_instance)
{
	struct act acts[] = {{54, LOSS, 0, "r0.n1", DETECT_FLAGGED}, {900, REPAIR, 0, "r0.n1", 0}};

	play(DEPLOYMENT("2", "1", TWO_PAIRS), two, 1, acts, 2);
	expect_phase(0, PHASE_FAILOVER, 140);
	expect_last(0, 63 + 160); /* at isolation, on the other one */
	ck_assert_uint_eq(b.answers[0].done.instance, 1);
	ck_assert_int_eq(b.answers[0].done.tokens_recomputed, 69);
	/* Lost: 4 ms of a frame, 9 ms until isolation, 2 frames of prefill; 5 + 14 frames are its
	 * own. */
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, (4 + 9 + 20) * MS);
	bench_free(&b);
}
END_TEST

START_TEST(two_losses_and_one_spare)
{
	/* Both isolated at 63; the first gets the spare (back at 140), the second the first repair
	 * (300). */
	struct bench_request r[] = {{.prompt = 64, .output = 60}, {.prompt = 64, .output = 20}};
	struct act acts[] = {{54, LOSS, 0, "r0.n1", DETECT_FLAGGED},
	        {55, LOSS, 1, "r0.n3", DETECT_FLAGGED}, {300, REPAIR, 0, "r0.n1", 0},
	        {900, REPAIR, 1, "r0.n3", 0}};

	play(DEPLOYMENT("2", "1", TWO_PAIRS), r, 2, acts, ARRAY_LEN(acts));
	expect_phase(0, PHASE_FAILOVER, 140);
	expect_phase(1, PHASE_ISOLATE, 63);
	expect_phase(1, PHASE_FAILOVER, 377);
	expect_last(0, 140 + 20 + 540);
	expect_last(1, 377 + 160);
	ck_assert_uint_eq(b.answers[1].done.instance, 1);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_shared_node_moves_once_for_both)
{
	/* n1 → n8 for both at 63, back at 140. Repaired, n1 is the spare: n8, lost at 500, goes
	 * back to it. The position stood from 54 to 140, so the frame under way at 500 ends at 506.
	 */
	struct bench_request r[] = {{.prompt = 64, .output = 60}, {.prompt = 64, .output = 60}};
	struct act acts[] = {{54, LOSS, 0, "r0.n1", DETECT_FLAGGED}, {400, REPAIR, 0, "r0.n1", 0},
	        {500, LOSS, 1, "r0.n8", DETECT_FLAGGED}, {2000, REPAIR, 1, "r0.n8", 0}};

	play(DEPLOYMENT("2", "1", SHARED_PAIRS), r, 2, acts, ARRAY_LEN(acts));
	expect_phase(0, PHASE_FAILOVER, 140);
	expect_phase(1, PHASE_DETECT, 506);
	expect_phase(1, PHASE_FAILOVER, 586);
	ck_assert_uint_eq(b.counts.failovers, 4);
	for (uint32_t i = 0; i < 2; i++) {
		/* Five tokens, 35 more from 160 to 500; P' = 104 is two frames, 20 tokens are left.
		 */
		ck_assert_uint_eq(b.answers[i].done.replays, 2);
		ck_assert_int_eq(b.answers[i].done.delivered, 60);
		expect_last(i, 586 + 20 + 190);
	}
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("chains");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, flaps_that_go_on_evict_one_node_only);
	tcase_add_test(t, two_flaps_in_one_frame_are_two_replays);
	tcase_add_test(t, links_down_together_are_one_replay);
	tcase_add_test(t, a_link_passes_from_one_fault_to_the_next);
	tcase_add_loop_test(t, detection_on_the_border, 0, ARRAY_LEN(borders));
	tcase_add_test(t, evicted_requests_are_first_in_order_of_arrival);
	tcase_add_test(t, loss_of_the_spare_during_the_failover);
	tcase_add_test(t, spare_behind_a_dead_cable);
	tcase_add_test(t, evicted_request_enters_any_live_instance);
	tcase_add_test(t, two_losses_and_one_spare);
	tcase_add_test(t, a_shared_node_moves_once_for_both);
	suite_add_tcase(s, t);
	return run_suite(s);
}
