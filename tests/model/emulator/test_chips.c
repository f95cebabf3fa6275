/* Chips that are slow, hang, or compute something wrong: what each costs is predicted by addition
 * and found exactly. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS
#define US NS_PER_US

/* One instance over two nodes, immediate entry; every phase given outright. */
#define HEALTH(more)                                                                               \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\","                   \
	"\"resume\":\"2ms\",\"persist\":\"500ms\",\"suspicions\":2,\"suspect_window\":\"5m\","     \
	"\"poll_period\":\"100ms\",\"polls\":2,\"timeout\":\"40ms\"" more "}"
#define POOL(frame, slots, more)                                                                   \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"" frame             \
	"\",\"slots\":" slots ",\"prefill_tokens_per_frame\":64}],\"instances\":1,"                \
	"\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"entry\":\"immediate\"" more "}]"
#define DEPLOYMENT(frame, slots) "{" HEALTH("") "," POOL(frame, slots, "") "}"

static struct bench b;

/* What a fault does at an instant. */
struct act {
	uint32_t fault;
	const char *component;
	uint32_t ppm;
	enum slow_mode mode;
};

static uint32_t component(const char *name)
{
	uint32_t c = topology_find(&b.deployment.topology, name);

	ck_assert_msg(c != COMPONENT_NONE, "%s", name);
	return c;
}

static void slow(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct act *a = ctx;

	s->slow(s->ctx, now, a->fault, component(a->component), a->ppm, a->mode);
	if (a->ppm == SLOW_NONE)
		s->reverted(s->ctx, now, a->fault);
}

static void lost(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct act *a = ctx;

	s->unit_lost(s->ctx, now, a->fault, component(a->component), DETECT_FLAGGED);
}

static void hung(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct act *a = ctx;

	s->unit_lost(s->ctx, now, a->fault, component(a->component), DETECT_TIMEOUT);
}

static void restored(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct act *a = ctx;

	s->unit_restored(s->ctx, now, a->fault, component(a->component));
	s->reverted(s->ctx, now, a->fault);
}

/* What a fault is to blame for in a request's books. */
static int64_t stalled(uint32_t request, uint32_t fault)
{
	const struct rack_completion *d = &b.answers[request].done;

	for (uint32_t i = 0; i < d->n_stalls; i++)
		if (d->stalls[i].fault == fault)
			return d->stalls[i].ns;
	return 0;
}

/* 64 + 20 tokens at t = 0: 20 frames; of 10 ms: first token at 10 ms, last one at 200 ms. */
static const struct bench_request one = {.at_ns = 0, .prompt = 64, .output = 20, .max = 100};

static void same_digest(void)
{
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
}

/* --- reclock ------------------------------------------------------------------------------------
 */

START_TEST(a_slow_chip_costs_a_resync_and_its_factor)
{
	/* At 54 ms: 5 ms of resync, 6 ms of the frame are left and take 7.5, then 14 frames
	 * of 12.5. */
	struct act on = {0, "r0.n1.c5", 1250000, SLOW_RECLOCK}, off = {0, "r0.n1.c5", SLOW_NONE, 0};
	struct bench_event e[] = {{54 * MS, slow, &on}, {500 * MS, slow, &off}};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_first_edge, 10 * MS);
	ck_assert_int_eq(d->t_last_edge, 59 * MS + 7500 * US + 14 * 12500 * US);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	/* The books: 5 of resync, 1.5 of the frame it began in, 2.5 of each other one. */
	ck_assert_int_eq(d->n_stalls, 1);
	ck_assert_int_eq(d->stalls[0].ns, 5 * MS + 1500 * US + 14 * 2500 * US);
	ck_assert_int_eq(d->prefill_ns, 10 * MS);
	ck_assert_int_eq(d->decode_ns, 190 * MS);
	ck_assert_int_eq(b.answers[0].gap_max_ns, 16500 * US);
	ck_assert_uint_eq(b.counts.throttled, 1);
	ck_assert_uint_eq(b.counts.frames_replayed, 0);
	same_digest();
	bench_free(&b);
}
END_TEST

/* Frames of 3333333 ns at a factor of 1.234567: 4115222.9 ns, so 4115223. */
START_TEST(every_frame_is_rounded_to_the_ns)
{
	enum { FRAME = 4115223 };
	struct act on = {0, "r0.n0.c0", 1234567, SLOW_RECLOCK};
	struct bench_event e[] = {{0, slow, &on}};
	struct bench_request late = {.at_ns = 20 * MS, .prompt = 130, .output = 50, .max = 60};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("3333333ns", "1"));
	bench_play(&b, &late, 1, e, 1, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq((INT64_C(3333333) * 1234567 + 500000) / 1000000, FRAME);
	/* The position may be inside a tick when it comes: it enters at the next one, within 2 ns.
	 */
	ck_assert_int_ge(d->t_entry, 20 * MS);
	ck_assert_int_le(d->t_entry, 20 * MS + 2);
	ck_assert_int_ge(d->t_first_edge - d->t_entry, 3 * FRAME - 1);
	ck_assert_int_le(d->t_first_edge - d->t_entry, 3 * FRAME + 1);
	ck_assert_int_eq(d->t_last_edge - d->t_first_edge, 49 * FRAME);
	ck_assert_int_eq(d->decode_ns, 49 * 3333333);
	ck_assert_int_eq(d->prefill_ns,
	        (d->t_first_edge - d->t_entry) * 3333333 / FRAME); /* part of a ns: the fault's */
	ck_assert_int_eq(stalled(0, 0),
	        d->t_last_edge - 20 * MS - d->decode_ns - d->prefill_ns - d->entry_wait_ns);
	ck_assert_int_eq(b.answers[0].gap_max_ns, FRAME);
	bench_free(&b);
}
END_TEST

START_TEST(faults_multiply_and_one_fault_counts_once)
{
	/* Fault 0: 1.5 and 1.3 on two chips, 1.5 counts. Fault 1: 1.2 on a node. Together 1.8. */
	struct act a = {0, "r0.n0.c0", 1500000, SLOW_RECLOCK},
	           a2 = {0, "r0.n1.c1", 1300000, SLOW_RECLOCK},
	           c = {1, "r0.n1", 1200000, SLOW_RECLOCK};
	struct act a_off = {0, "r0.n0.c0", SLOW_NONE, 0}, a2_off = {0, "r0.n1.c1", SLOW_NONE, 0},
	           c_off = {1, "r0.n1", SLOW_NONE, 0};
	struct bench_event e[] = {{50 * MS, slow, &a}, {50 * MS, slow, &a2}, {50 * MS, slow, &c},
	        {146 * MS, slow, &a_off}, {171 * MS, slow, &c_off}, {171 * MS, slow, &a2_off}};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 6, NS_MAX);
	d = &b.answers[0].done;
	/* Two resyncs to 60; from there 86 ms at 18 a frame; 25 ms at 1.3 x 1.2 = 1.56; then full
	 * speed. The position is not a whole number of ticks at the changes: it is carried exactly.
	 */
	ck_assert_uint_eq(b.counts.throttled, 2);
	/* What stops a stopped instance joins the first cause, and 1.5 and 1.3 are more than 1.2.
	 * Of 86 and 25 ms, ten parts in 18 and in 15.6 are decode, whole ns. */
	ck_assert_int_eq(d->n_stalls, 1);
	ck_assert_int_eq(d->stalls[0].fault, 0);
	ck_assert_int_eq(d->stalls[0].ns, 10 * MS + (86 * MS - 47777777) + (25 * MS - 16025641));
	{
		long double at = 50e6L + 86e6L / 1.8L + 25e6L / 1.56L;
		int64_t last = 171 * MS + (int64_t)(200e6L - at) + 1;

		ck_assert_int_eq(d->t_last_edge, last);
	}
	same_digest();
	bench_free(&b);
}
END_TEST

START_TEST(the_stretch_is_the_slower_faults)
{
	/* Each begins with a resync of 5 ms. Fault 1 alone at 1.2: three frames of 12, 55 to 91;
	 * with fault 0 at 1.2 as well: three of 14.4, 96 to 139.2, which are the lower index's;
	 * fault 1 alone: two, to 163.2; with fault 0 at 1.1: two of 13.2, 168.2 to 194.6, which are
	 * fault 1's; fault 0 alone at 1.1, half a frame, to 200.1; then the last four and a half of
	 * 20. */
	struct act on[] = {{1, "r0.n1", 1200000, SLOW_RECLOCK},
	        {0, "r0.n0.c3", 1200000, SLOW_RECLOCK}, {0, "r0.n0.c3", SLOW_NONE, 0},
	        {0, "r0.n0.c3", 1100000, SLOW_RECLOCK}, {1, "r0.n1", SLOW_NONE, 0}};
	struct bench_event e[] = {{50 * MS, slow, &on[0]}, {91 * MS, slow, &on[1]},
	        {139200 * US, slow, &on[2]}, {163200 * US, slow, &on[3]},
	        {194600 * US, slow, &on[4]}, {200100 * US, slow, &on[2]}};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 6, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_last_edge, 200100 * US + 45 * MS);
	ck_assert_int_eq(d->n_stalls, 2);
	ck_assert_int_eq(stalled(0, 0), (5 + 5) * MS + 3 * 4400 * US + 500 * US);
	ck_assert_int_eq(stalled(0, 1), 5 * MS + (3 + 2) * 2 * MS + 2 * 3200 * US);
	ck_assert_int_eq(d->prefill_ns, 10 * MS);
	ck_assert_int_eq(d->decode_ns, 190 * MS);
	same_digest();
	bench_free(&b);
}
END_TEST

/* Waiting for the next frame's begin, prefill and decode are all stretched: the slot is wanted
 * 4.5 ms into a frame of 15. */
START_TEST(entry_and_prefill_are_stretched_too)
{
	struct act on = {0, "r0.n1.c5", 1500000, SLOW_RECLOCK};
	struct bench_event e[] = {{0, slow, &on}};
	struct bench_request late = {.at_ns = 39500 * US, .prompt = 128, .output = 4, .max = 100};
	const struct rack_completion *d;

	bench_init(&b,
	        "{" HEALTH("") ",\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,"
	                       "\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}],"
	                       "\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"entry\":"
	                       "\"frame\"}]}");
	bench_play(&b, &late, 1, e, 1, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_entry, 50 * MS);
	ck_assert_int_eq(d->t_last_edge, 50 * MS + (2 + 3) * 15 * MS);
	ck_assert_int_eq(d->entry_wait_ns, 7 * MS);
	ck_assert_int_eq(d->prefill_ns, 20 * MS);
	ck_assert_int_eq(d->decode_ns, 30 * MS);
	ck_assert_int_eq(stalled(0, 0), 3500 * US + 10 * MS + 15 * MS);
	bench_free(&b);
}
END_TEST

START_TEST(a_ramp_resynchronises_once)
{
	struct act up[] = {{0, "r0", 1100000, SLOW_RECLOCK}, {0, "r0", 1250000, SLOW_RECLOCK},
	        {0, "r0", 1500000, SLOW_RECLOCK}, {0, "r0", 1250000, SLOW_RECLOCK},
	        {0, "r0", SLOW_NONE, SLOW_RECLOCK}};
	/* Position 50 at 50; 5 ms of resync; then a frame at each factor: 11, 12.5, 15, 12.5. */
	struct bench_event e[] = {{50 * MS, slow, &up[0]}, {66 * MS, slow, &up[1]},
	        {78500 * US, slow, &up[2]}, {93500 * US, slow, &up[3]}, {106 * MS, slow, &up[4]}};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 5, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_last_edge, 106 * MS + 11 * 10 * MS);
	ck_assert_int_eq(d->stalls[0].ns, 5 * MS + (1000 + 2500 + 5000 + 2500) * US);
	ck_assert_int_eq(d->decode_ns, 190 * MS);
	ck_assert_uint_eq(b.counts.throttled, 1);
	same_digest();
	bench_free(&b);
}
END_TEST

START_TEST(the_slow_node_stays_behind_and_a_slow_spare_comes_along)
{
	/* Node 1 is slow and is lost at 115 ms, 8 frames in: found at its frame's end, 127.5. The
	 * spare is slow by 1.1 from the start: nobody notices before it is used, and then without a
	 * resync. */
	struct act on = {0, "r0.n1.c5", 1250000, SLOW_RECLOCK},
	           spare = {2, "r0.n8.c0", 1100000, SLOW_RECLOCK}, loss = {1, "r0.n1", 0, 0};
	struct act off = {0, "r0.n1.c5", SLOW_NONE, 0}, spare_off = {2, "r0.n8.c0", SLOW_NONE, 0};
	struct bench_event e[] = {{0, slow, &on}, {0, slow, &spare}, {110 * MS, lost, &loss},
	        {800 * MS, slow, &off}, {800 * MS, slow, &spare_off}, {900 * MS, restored, &loss}};
	const struct rack_completion *d;
	int64_t back = 117500 * US + 3 * MS + 77 * MS;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 6, NS_MAX);
	d = &b.answers[0].done;
	/* 105 ms at 12.5 a frame: 8.4 frames; the 9th ends at 5 + 112.5. */
	ck_assert_int_eq(b.phase[1][PHASE_DETECT], 117500 * US);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], back);
	ck_assert_int_eq(b.phase[2][PHASE_EFFECT], 117500 * US + 3 * MS); /* at the remap */
	/* 8 tokens out: P' = 72 in 2 frames, 12 tokens are left; all at 11 ms. */
	ck_assert_int_eq(d->t_last_edge, back + (2 + 11) * 11 * MS);
	ck_assert_uint_eq(b.counts.throttled, 2);
	same_digest();
	bench_free(&b);
}
END_TEST

START_TEST(who_is_not_used_slows_nobody)
{
	struct act on = {0, "r0.n5.c5", 1250000, SLOW_RECLOCK},
	           hit = {1, "r0.n8.c5", 1250000, SLOW_VIOLATE};
	struct bench_event e[] = {{0, slow, &on}, {0, slow, &hit}};

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], -1);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_free(&b);
}
END_TEST

/* --- violate ------------------------------------------------------------------------------------
 */

START_TEST(a_late_vector_is_replayed_and_then_evicts)
{
	/* Late from 54 ms: the frame fails at 60, its replay at 70. Isolated at 73, back at 150. */
	struct act on = {0, "r0.n1.c5", 1250000, SLOW_VIOLATE},
	           off = {0, "r0.n1.c5", SLOW_NONE, SLOW_VIOLATE};
	struct bench_event e[] = {{54 * MS, slow, &on}, {500 * MS, slow, &off}};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 73 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 150 * MS);
	/* 6 tokens were out: P' = 70 in 2 frames, 14 are left, at full speed. */
	ck_assert_int_eq(d->t_last_edge, 150 * MS + (2 + 13) * 10 * MS);
	ck_assert_int_eq(d->replays, 1);
	ck_assert_int_eq(d->tokens_recomputed, 70);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	ck_assert_uint_eq(b.counts.throttled, 0);
	same_digest();
	bench_free(&b);
}
END_TEST

START_TEST(a_violation_that_ends_costs_one_frame)
{
	/* Over at 65 ms, within the replay: that one is in time. */
	struct act on = {0, "r0.n1.c5", 1250000, SLOW_VIOLATE},
	           off = {0, "r0.n1.c5", SLOW_NONE, SLOW_VIOLATE};
	struct bench_event e[] = {{54 * MS, slow, &on}, {65 * MS, slow, &off}};

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 210 * MS);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 10 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	same_digest();
	bench_free(&b);
}
END_TEST

START_TEST(without_a_spare_a_late_node_is_waited_for)
{
	struct act none = {1, "r0.n8", 0, 0};
	struct act on = {0, "r0.n1", 1250000, SLOW_VIOLATE},
	           off = {0, "r0.n1", SLOW_NONE, SLOW_VIOLATE};
	struct bench_event e[] = {{0, lost, &none}, {54 * MS, slow, &on}, {300 * MS, slow, &off},
	        {400 * MS, restored, &none}};

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 73 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 377 * MS);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 377 * MS + 15 * 10 * MS);
	same_digest();
	bench_free(&b);
}
END_TEST

/* --- hang, a whole node --------------------------------------------------------------------- */

/* Frames of 10 ms, a time-out of 40: wherever in a frame it hangs, the last finished one counts. */
static const struct {
	int64_t at_ms, detect_ms, tokens;
} hangs[] = {{50, 90, 5}, {51, 90, 5}, {59, 90, 5}, {60, 100, 6}};

START_TEST(a_hang_is_found_by_the_time_out_alone)
{
	struct act hang = {0, "r0.n0.c7", 0, 0};
	struct bench_event e[] = {{hangs[_i].at_ms * MS, hung, &hang}, {900 * MS, restored, &hang}};
	int64_t back = (hangs[_i].detect_ms + 3 + 77) * MS;
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], hangs[_i].at_ms * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], hangs[_i].detect_ms * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], (hangs[_i].detect_ms + 3) * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	/* P' = 64 + tokens is two frames; 20 - tokens are left. */
	ck_assert_int_eq(d->t_last_edge, back + (2 + 19 - hangs[_i].tokens) * 10 * MS);
	ck_assert_int_eq(d->tokens_recomputed, 64 + hangs[_i].tokens);
	same_digest();
	bench_free(&b);
}
END_TEST

/* A node, and a chip of it a little later: one failover, and usable when both are repaired. */
START_TEST(a_lost_node_takes_its_chips_along)
{
	struct act spare = {2, "r0.n8", 0, 0}, node = {0, "r0.n1", 0, 0},
	           chip = {1, "r0.n1.c3", 0, 0};
	struct bench_event e[] = {{0, lost, &spare}, {54 * MS, lost, &node}, {57 * MS, hung, &chip},
	        {300 * MS, restored, &node}, {400 * MS, restored, &chip},
	        {900 * MS, restored, &spare}};

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 6, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], -1); /* it was gone already */
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 400 * MS + 77 * MS);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 477 * MS + (2 + 14) * 10 * MS);
	ck_assert_uint_eq(b.counts.failovers, 1);
	same_digest();
	bench_free(&b);
}
END_TEST

/* --- silent corruption ---------------------------------------------------------------------- */

static void sdc(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct act *a = ctx;

	s->sdc(s->ctx, now, a->fault, component(a->component), a->ppm);
	if (!a->ppm)
		s->reverted(s->ctx, now, a->fault);
}

/* The bench's seed is 42, faults go by their index, requests by theirs + 1. */
static bool draws_wrong(uint32_t request, int64_t index, uint32_t ppb)
{
	uint64_t u = prng_at(prng_purpose(42, "sdc/0"), request + 1, (uint64_t)index);

	return prng_ratio(u, ppb, 1000000000);
}

enum { CROWD = 300, CROWD_TOKENS = 40 };

static void make_crowd(struct bench_request *r)
{
	for (uint32_t i = 0; i < CROWD; i++)
		r[i] = (struct bench_request){.at_ns = (int64_t)i * 7 * MS + i % 13,
		        .prompt = 1 + (i * 37) % 300,
		        .output = 1 + (i * 11) % CROWD_TOKENS,
		        .max = CROWD_TOKENS};
}

static const char *const crowded =
        "{" HEALTH("") ",\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,"
                       "\"frame\":\"10ms\",\"slots\":7,\"prefill_tokens_per_frame\":64}],"
                       "\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\"]]}]}";

/* Which tokens are wrong is worked out here, over ids and indices; then the events of the wall
 * clock and the books of the virtual one must say the same. The node with the bad chip is lost in
 * the middle: from then on every token is right, though the fault goes on. */
START_TEST(wrong_tokens_are_a_function_of_request_and_index)
{
	enum { RATE = 100000000 };
	struct act on = {0, "r0.n1.c2", RATE, 0}, off = {0, "r0.n1.c2", 0, 0},
	           other = {1, "r0.n0.c1", 0, 0}, loss = {2, "r0.n1.c7", 0, 0};
	struct bench_event e[] = {{303 * MS, sdc, &on}, {500 * MS, lost, &other},
	        {1503 * MS, lost, &loss}, {2500 * MS, sdc, &off}, {2600 * MS, restored, &other},
	        {2700 * MS, restored, &loss}};
	struct bench_request r[CROWD];
	int64_t wrong[CROWD] = {0}, sum = 0;

	make_crowd(r);
	bench_init(&b, crowded);
	b.tokens_max = CROWD_TOKENS;
	bench_play(&b, r, CROWD, e, ARRAY_LEN(e), NS_MAX);
	for (uint32_t i = 0; i < CROWD; i++) {
		ck_assert(b.answers[i].completed);
		for (int64_t k = 0; k < r[i].output; k++) {
			int64_t at = b.token_at[i * CROWD_TOKENS + k];
			bool expected = at > 303 * MS && at <= 1503 * MS && draws_wrong(i, k, RATE);

			ck_assert_int_eq(b.token_wrong[i * CROWD_TOKENS + k], expected);
			wrong[i] += expected;
		}
		sum += wrong[i];
		ck_assert_int_eq(b.answers[i].done.tokens_corrupt, wrong[i]);
	}
	ck_assert_int_gt(sum, 50);
	same_digest();
	b.tokens_max = 0;
	bench_play(&b, r, CROWD, e, ARRAY_LEN(e), NS_MAX);
	for (uint32_t i = 0; i < CROWD; i++)
		ck_assert_int_eq(b.answers[i].done.tokens_corrupt, wrong[i]);
	ck_assert_int_ge(b.phase[0][PHASE_EFFECT], 303 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	same_digest();
	bench_free(&b);
}
END_TEST

/* From the token of 50 ms, which was made before, to that of 100 ms, which was made within. */
START_TEST(a_token_is_made_before_its_instant)
{
	struct act on = {0, "r0.n1.c2", 1000000000, 0}, off = {0, "r0.n1.c2", 0, 0};
	struct bench_event e[] = {{50 * MS, sdc, &on}, {100 * MS, sdc, &off}};

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	b.tokens_max = 20;
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	for (int64_t k = 0; k < 20; k++)
		ck_assert_int_eq(b.token_wrong[k], k >= 5 && k <= 9);
	ck_assert_int_eq(b.answers[0].done.tokens_corrupt, 5);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS - 1);
	same_digest();
	bench_free(&b);
}
END_TEST

/* Lost in the last nanosecond before the wrong token: that one never came, the spare's is right. */
START_TEST(a_wrong_token_that_never_came_is_not_counted)
{
	struct act on = {0, "r0.n1.c2", 1000000000, 0}, loss = {1, "r0.n1", 0, 0};
	struct bench_event e[] = {{55 * MS, sdc, &on}, {60 * MS - 1, lost, &loss}};

	bench_init(&b, DEPLOYMENT("10ms", "1"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.delivered, 20);
	ck_assert_int_eq(b.answers[0].done.replays, 1);
	ck_assert_int_eq(b.answers[0].done.tokens_corrupt, 0);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_free(&b);
}
END_TEST

#define CHECKED(suspicions)                                                                        \
	"{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\","                  \
	"\"resume\":\"2ms\",\"suspicions\":" suspicions                                            \
	",\"suspect_window\":\"5m\",\"checksum\":true}," POOL("10ms", "1", "") "}"

START_TEST(with_checksums_each_hit_costs_one_frame)
{
	enum { RATE = 350000000 };
	struct act on = {0, "r0.n1.c2", RATE, 0}, off = {0, "r0.n1.c2", 0, 0};
	struct bench_event e[] = {{0, sdc, &on}, {900 * MS, sdc, &off}};
	int64_t hits = 0;

	bench_init(&b, CHECKED("1000"));
	b.tokens_max = 20;
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	for (int64_t k = 0; k < 20; k++) {
		hits += draws_wrong(0, k, RATE);
		ck_assert_int_eq(b.token_at[k], (k + 1 + hits) * 10 * MS);
		ck_assert(!b.token_wrong[k]);
	}
	ck_assert_int_gt(hits, 1);
	same_digest();
	b.tokens_max = 0;
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.tokens_corrupt, 0);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, (20 + hits) * 10 * MS);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, hits * 10 * MS);
	ck_assert_int_eq(b.answers[0].done.prefill_ns + b.answers[0].done.decode_ns, 200 * MS);
	ck_assert_uint_eq(b.counts.frames_replayed, (uint64_t)hits);
	same_digest();
	bench_free(&b);
}
END_TEST

START_TEST(with_checksums_the_second_hit_evicts)
{
	enum { RATE = 350000000 };
	struct act on = {0, "r0.n1.c2", RATE, 0}, off = {0, "r0.n1.c2", 0, 0};
	struct bench_event e[] = {{0, sdc, &on}, {900 * MS, sdc, &off}};
	int64_t first = 0, second, evicted, back;
	const struct rack_completion *d;

	while (!draws_wrong(0, first, RATE))
		first++;
	for (second = first + 1; !draws_wrong(0, second, RATE);)
		second++;
	ck_assert_int_lt(second, 20);
	bench_init(&b, CHECKED("2"));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	/* The second one comes a frame later than it would have, for the first one's replay. */
	evicted = (second + 2) * 10 * MS - 1;
	back = evicted + 3 * MS + 77 * MS;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], (first + 1) * 10 * MS - 1);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], (first + 1) * 10 * MS - 1);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], evicted + 3 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	/* `second` tokens were out: 64 + second prompt tokens again, the rest of the answer behind.
	 */
	ck_assert_int_eq(
	        d->t_last_edge, back + ((64 + second + 63) / 64 + 20 - second - 1) * 10 * MS);
	ck_assert_int_eq(d->tokens_corrupt, 0);
	ck_assert_int_eq(d->replays, 1);
	same_digest();
	bench_free(&b);
}
END_TEST

/* Departing together, several tokens of one frame are wrong: it is one frame, and one suspicion. */
START_TEST(one_frame_with_many_wrong_tokens_is_replayed_once)
{
	struct act on = {0, "r0.n1.c2", 1000000000, 0}, off = {0, "r0.n1.c2", 0, 0};
	struct bench_event e[] = {{55 * MS, sdc, &on}, {66 * MS, sdc, &off}};
	struct bench_request r[4];

	for (int i = 0; i < 4; i++)
		r[i] = one;
	bench_init(&b, "{\"health\":{\"checksum\":true},\"pools\":[{\"name\":\"p\",\"buckets\":["
	               "{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":4,"
	               "\"prefill_tokens_per_frame\":64}],\"instances\":1,"
	               "\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"entry\":\"frame\"}]}");
	bench_play(&b, r, 4, e, 2, NS_MAX);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(b.answers[i].done.t_last_edge, 210 * MS);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	same_digest();
	bench_free(&b);
}
END_TEST

/* --- all of it at once ---------------------------------------------------------------------- */

static const char *const mixed[] = {"false", "true"};

/* Two buckets, ramps, late frames, wrong tokens, a hang: the events of the wall clock (a token at a
 * time) and the books of the virtual one (read from the log at the end) are the same instants. */
START_TEST(tokens_and_books_agree)
{
	struct act up[] = {{0, "r0.n0.c2", 1234567, SLOW_RECLOCK},
	        {0, "r0.n0.c2", 1777777, SLOW_RECLOCK}, {3, "r0", 1100000, SLOW_RECLOCK},
	        {0, "r0.n0.c2", SLOW_NONE, 0}, {3, "r0", SLOW_NONE, 0}};
	struct act late = {1, "r0.n1.c4", 1500000, SLOW_VIOLATE},
	           in_time = {1, "r0.n1.c4", SLOW_NONE, 0};
	struct act bad = {0, "r0.n0.c5", 10000000, 0}, good = {0, "r0.n0.c5", 0, 0},
	           hang = {2, "r0.n0.c0", 0, 0};
	struct bench_event e[] = {{201 * MS, slow, &up[0]}, {300 * MS, sdc, &bad},
	        {333 * MS, slow, &up[1]}, {444 * MS, slow, &up[2]}, {555 * MS, slow, &up[3]},
	        {801 * MS, slow, &late}, {809 * MS, slow, &in_time}, {1100 * MS, hung, &hang},
	        {1800 * MS, slow, &up[4]}, {2100 * MS, sdc, &good}, {2200 * MS, restored, &hang}};
	struct bench_request r[CROWD];
	struct bench_answer *books;
	int64_t sum = 0;
	char text[1024];

	make_crowd(r);
	snprintf(text, sizeof(text),
	        "{\"health\":{\"checksum\":%s,\"suspicions\":5},\"pools\":[{\"name\":\"p\","
	        "\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"buckets\":["
	        "{\"max_seq\":200,\"frame\":\"9999991ns\",\"slots\":5,"
	        "\"prefill_tokens_per_frame\":64},{\"max_seq\":4096,\"frame\":\"17ms\","
	        "\"slots\":3,\"prefill_tokens_per_frame\":64}]}]}",
	        mixed[_i]);
	bench_init(&b, text);
	bench_play(&b, r, CROWD, e, ARRAY_LEN(e), NS_MAX);
	same_digest();
	ck_assert_uint_eq(b.counts.throttled, 2);
	ck_assert_uint_eq(b.counts.failovers, 1);
	ck_assert_uint_ge(b.counts.frames_replayed, 1);
	books = b.answers;
	b.answers = NULL;
	b.tokens_max = CROWD_TOKENS;
	bench_play(&b, r, CROWD, e, ARRAY_LEN(e), NS_MAX);
	for (uint32_t i = 0; i < CROWD; i++) {
		const int64_t *at = &b.token_at[i * CROWD_TOKENS];
		const bool *wrong = &b.token_wrong[i * CROWD_TOKENS];
		int64_t gap_max = 0, n_wrong = wrong[0];

		for (int64_t k = 1; k < r[i].output; k++) {
			ck_assert_int_gt(at[k], at[k - 1]);
			gap_max = at[k] - at[k - 1] > gap_max ? at[k] - at[k - 1] : gap_max;
			n_wrong += wrong[k];
		}
		ck_assert_int_eq(books[i].done.t_first_edge, at[0]);
		ck_assert_int_eq(books[i].done.t_last_edge, at[r[i].output - 1]);
		ck_assert_int_eq(books[i].done.t_entry, b.answers[i].done.t_entry);
		ck_assert_int_eq(books[i].gap_max_ns, gap_max);
		ck_assert_int_eq(books[i].done.tokens_corrupt, n_wrong);
		ck_assert_int_eq(b.answers[i].done.tokens_corrupt, n_wrong);
		sum += n_wrong;
	}
	ck_assert(_i ? sum == 0 : sum > 5);
	mem_free(books);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("chips");
	TCase *t = tcase_create("slow");

	tcase_add_test(t, a_slow_chip_costs_a_resync_and_its_factor);
	tcase_add_test(t, every_frame_is_rounded_to_the_ns);
	tcase_add_test(t, faults_multiply_and_one_fault_counts_once);
	tcase_add_test(t, the_stretch_is_the_slower_faults);
	tcase_add_test(t, entry_and_prefill_are_stretched_too);
	tcase_add_test(t, a_ramp_resynchronises_once);
	tcase_add_test(t, the_slow_node_stays_behind_and_a_slow_spare_comes_along);
	tcase_add_test(t, who_is_not_used_slows_nobody);
	tcase_add_test(t, a_late_vector_is_replayed_and_then_evicts);
	tcase_add_test(t, a_violation_that_ends_costs_one_frame);
	tcase_add_test(t, without_a_spare_a_late_node_is_waited_for);
	suite_add_tcase(s, t);
	t = tcase_create("units");
	tcase_add_loop_test(t, a_hang_is_found_by_the_time_out_alone, 0, ARRAY_LEN(hangs));
	tcase_add_test(t, a_lost_node_takes_its_chips_along);
	suite_add_tcase(s, t);
	t = tcase_create("sdc");
	tcase_add_test(t, wrong_tokens_are_a_function_of_request_and_index);
	tcase_add_test(t, a_token_is_made_before_its_instant);
	tcase_add_test(t, a_wrong_token_that_never_came_is_not_counted);
	tcase_add_test(t, with_checksums_each_hit_costs_one_frame);
	tcase_add_test(t, with_checksums_the_second_hit_evicts);
	tcase_add_test(t, one_frame_with_many_wrong_tokens_is_replayed_once);
	suite_add_tcase(s, t);
	t = tcase_create("mixed");
	tcase_add_loop_test(t, tokens_and_books_agree, 0, ARRAY_LEN(mixed));
	suite_add_tcase(s, t);
	return run_suite(s);
}
