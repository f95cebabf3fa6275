/* Artifacts by arithmetic: a new one stretches frames by its factor, an operation on the host adds
 * its time, a stale one is refused when the instance has drained, a recompile takes its turn in the
 * farm; every instant is predicted by addition and found exactly. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

/* A load is remap + resync + resume = 77 ms. */
#define HEALTH                                                                                     \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\"}"
#define LOAD (77 * MS)
#define POOL(name, frame, slots, n, more)                                                          \
	"{\"name\":\"" name "\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"" frame                 \
	"\",\"slots\":" slots ",\"prefill_tokens_per_frame\":64}],\"instances\":" n                \
	",\"entry\":\"immediate\"" more "}"
#define DEPLOYMENT(pools, more) "{" HEALTH ",\"pools\":[" pools "]" more "}"
#define CANARY                                                                                     \
	",\"rollout\":{\"canary\":1,\"check\":\"100ms\",\"tolerance\":0.02,\"rollback\":\"50ms\"}"

static struct bench b;

/* One request of 64 + 20 tokens is 20 frames, one of 64 + 2 is 2. */
#define LONG(at)                                                                                   \
	{                                                                                          \
		.at_ns = (at), .prompt = 64, .output = 20, .max = 100                              \
	}
#define SHORT(at)                                                                                  \
	{                                                                                          \
		.at_ns = (at), .prompt = 64, .output = 2, .max = 100                               \
	}

static int64_t ended(uint32_t request)
{
	ck_assert(b.answers[request].completed);
	return b.answers[request].done.t_last_edge;
}

/* The books: this is the fault's, the rest as many frames as compiled. */
static void blames(uint32_t request, uint32_t fault, int64_t ns)
{
	const struct rack_completion *d = &b.answers[request].done;

	ck_assert_int_eq(d->n_stalls, 1);
	ck_assert_uint_eq(d->stalls[0].fault, fault);
	ck_assert_int_eq(d->stalls[0].ns, ns);
	ck_assert_int_eq(
	        d->prefill_ns + d->decode_ns, d->t_last_edge - d->t_arrival - d->queue_ns - ns);
}

static void clean(void)
{
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}

static void changed(void)
{
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_free(&b);
}

/* --- regression
 * ------------------------------------------------------------------------------------ */

static struct artifact_change change;

static void rollout(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_rollout(s->ctx, now, 0, 0, &change);
}

static void withdraw(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_withdraw(s->ctx, now, 0, 0);
	s->reverted(s->ctx, now, 0);
}

START_TEST(a_regression_stretches_the_frame_by_its_factor)
{
	/* From 54 ms on 146 ms of timetable take 1.5 times that; withdrawn at 114 ms, 60 ms later,
	 * when 40 ms of it are done, the other 106 ms take their own time. */
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{54 * MS, rollout, NULL}, {114 * MS, withdraw, NULL}};

	change = (struct artifact_change){.frame_ppm = 1500000, .share_ppm = 1000000};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 1, NS_MAX);
	ck_assert_int_eq(ended(0), 54 * MS + 146 * MS * 3 / 2);
	blames(0, 0, 73 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1); /* no canary: nobody looks */
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 114 * MS + 106 * MS);
	blames(0, 0, 20 * MS);
	clean();
}
END_TEST

START_TEST(the_stretched_frame_is_rounded_to_the_nanosecond)
{
	/* 10000001 · 1.333333 = 13333331.33…, 10000002 · 1.3333335 = 13333337.66… */
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{0, rollout, NULL}, {900 * MS, withdraw, NULL}};

	change = (struct artifact_change){.frame_ppm = 1333333, .share_ppm = 1000000};
	bench_init(&b, DEPLOYMENT(POOL("p", "10000001ns", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 20 * 13333331);
	blames(0, 0, 20 * 3333330);
	ck_assert_int_eq(b.answers[0].gap_max_ns, 13333331);
	clean();
	bench_init(&b, DEPLOYMENT(POOL("p", "10000002ns", "1", "1", ""), ""));
	change.frame_ppm = 1333334; /* 13333342.66… */
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 20 * 13333343);
	clean();
}
END_TEST

static const struct {
	uint32_t share_ppm, instances, slow;
} shares[] = {{1000000, 0, 3}, {340000, 0, 2}, {333333, 0, 1}, {1, 0, 1}, {1000000, 2, 2},
        {1000000, 1, 1}};

START_TEST(a_share_is_rounded_up_to_instances)
{
	static const struct bench_request three[] = {LONG(0), LONG(0), LONG(0)};
	struct bench_event e[] = {{0, rollout, NULL}};

	change = (struct artifact_change){.frame_ppm = 1500000,
	        .share_ppm = shares[_i].share_ppm,
	        .instances = shares[_i].instances};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "3", ""), ""));
	bench_play(&b, three, 3, e, 1, NS_MAX);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(ended(i),
		        b.answers[i].done.instance < shares[_i].slow ? 300 * MS : 200 * MS);
	changed();
}
END_TEST

START_TEST(a_canary_finds_the_regression_and_rolls_it_back)
{
	/* Only instance 0 gets it. Checked after 100 ms, back 50 ms later: 100 ms of timetable are
	 * done by then. */
	static const struct bench_request three[] = {LONG(0), LONG(0), LONG(0)};
	struct bench_event e[] = {{0, rollout, NULL}, {900 * MS, withdraw, NULL}};

	change = (struct artifact_change){.frame_ppm = 1500000, .share_ppm = 1000000};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "3", CANARY), ""));
	bench_play(&b, three, 3, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 0);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 100 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 150 * MS);
	ck_assert_int_eq(ended(0), 150 * MS + 100 * MS);
	ck_assert_int_eq(ended(1), 200 * MS);
	ck_assert_int_eq(ended(2), 200 * MS);
	clean();
}
END_TEST

START_TEST(within_the_tolerance_the_share_gets_it)
{
	/* 2 % is the tolerance itself; 1 ppm more is a regression. */
	static const struct bench_request three[] = {LONG(0), LONG(0), LONG(0)};
	struct bench_event e[] = {{0, rollout, NULL}, {900 * MS, withdraw, NULL}};

	change = (struct artifact_change){.frame_ppm = 1020000, .instances = 2};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "3", CANARY), ""));
	bench_play(&b, three, 3, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], -1);
	ck_assert_int_eq(ended(0), 204 * MS);
	ck_assert_int_eq(ended(1), 100 * MS + 102 * MS);
	ck_assert_int_eq(ended(2), 200 * MS);
	change.frame_ppm = 1020001;
	bench_play(&b, three, 3, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 100 * MS);
	ck_assert_int_eq(ended(1), 200 * MS);
	clean();
}
END_TEST

START_TEST(a_withdrawn_rollout_is_not_checked)
{
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{0, rollout, NULL}, {60 * MS, withdraw, NULL}};

	change = (struct artifact_change){.frame_ppm = 1500000, .share_ppm = 1000000};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", CANARY), ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_int_eq(ended(0), 60 * MS + 160 * MS);
	clean();
}
END_TEST

START_TEST(a_pinned_pool_refuses_the_rollout)
{
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{0, rollout, NULL}};

	change = (struct artifact_change){.frame_ppm = 1500000, .share_ppm = 1000000};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ",\"pinned\":true" CANARY), ""));
	bench_play(&b, &one, 1, e, 1, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1);
	ck_assert_int_eq(ended(0), 200 * MS);
	clean();
}
END_TEST

/* --- an operation on the host
 * ---------------------------------------------------------------------- */

static int64_t host_ns;

static void host(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_host_time(s->ctx, now, 0, 0, host_ns);
}

static void no_host(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_host_time(s->ctx, now, 0, 0, -host_ns);
	s->reverted(s->ctx, now, 0);
}

static void more_host(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_host_time(s->ctx, now, 2, 0, 500 * NS_PER_US);
}

static void less_host(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_host_time(s->ctx, now, 2, 0, -500 * NS_PER_US);
	s->reverted(s->ctx, now, 2);
}

static void slow(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->slow(s->ctx, now, 1, topology_find(&b.deployment.topology, "r0.n0"), 2000000,
	        SLOW_RECLOCK);
}

START_TEST(the_host_adds_its_time_to_every_token)
{
	/* 20 frames of 10.3 ms; on from 103 ms, when 10 are done: 10 frames of 10 ms. */
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{0, host, NULL}, {103 * MS, no_host, NULL}};

	host_ns = 300 * NS_PER_US;
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 1, NS_MAX);
	ck_assert_int_eq(ended(0), 20 * (10 * MS + host_ns));
	blames(0, 0, 20 * host_ns);
	ck_assert_int_eq(b.answers[0].gap_max_ns, 10 * MS + host_ns);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 0);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 103 * MS + 100 * MS);
	blames(0, 0, 10 * host_ns);
	clean();
}
END_TEST

START_TEST(the_clock_of_the_chips_does_not_change_the_host)
{
	/* At half the clock, after one resync of 5 ms: 20 frames of 20 ms + 0.3 ms; two operations
	 * add up. */
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{0, host, NULL}, {0, host, NULL}, {0, slow, NULL}};

	host_ns = 300 * NS_PER_US;
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 3, NS_MAX);
	ck_assert_int_eq(ended(0), 5 * MS + 20 * (20 * MS + 2 * host_ns));
	blames(0, 1, 5 * MS + 20 * (10 * MS + 2 * host_ns)); /* the clock does most of it */
	changed();
	/* … until the host takes more than the 10 ms that the clock does; 21 ms to the frame. The
	 * resync is the clock's. */
	host_ns = 11 * MS;
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e + 1, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 5 * MS + 20 * (20 * MS + host_ns));
	ck_assert_int_eq(b.answers[0].done.n_stalls, 2);
	ck_assert_uint_eq(b.answers[0].done.stalls[0].fault, 1);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 5 * MS);
	ck_assert_uint_eq(b.answers[0].done.stalls[1].fault, 0);
	ck_assert_int_eq(b.answers[0].done.stalls[1].ns, 20 * (10 * MS + host_ns));
	ck_assert_int_eq(b.answers[0].done.decode_ns, 190 * MS);
	changed();
}
END_TEST

START_TEST(of_two_operations_the_longer_one_is_blamed)
{
	/* Fault 0 adds 0.3 ms to every frame, fault 2 0.5: of ten frames of 10.8 ms all is fault
	 * 2's, and when that is over, ten of 10.3 ms are left for fault 0. */
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{0, host, NULL}, {0, more_host, NULL},
	        {108 * MS, less_host, NULL}, {900 * MS, no_host, NULL}};
	const struct rack_completion *d = NULL;

	host_ns = 300 * NS_PER_US;
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(ended(0), 108 * MS + 103 * MS);
	ck_assert_int_eq(d->n_stalls, 2);
	ck_assert_uint_eq(d->stalls[0].fault, 2);
	ck_assert_int_eq(d->stalls[0].ns, 8 * MS);
	ck_assert_uint_eq(d->stalls[1].fault, 0);
	ck_assert_int_eq(d->stalls[1].ns, 3 * MS);
	clean();
}
END_TEST

START_TEST(the_host_slows_every_bucket_by_the_same_time)
{
	/* Two buckets of 10 and 20 ms: a sequence in the slow one stretches everybody's frame. */
	static const struct bench_request two[] = {
	        {.prompt = 64, .output = 4, .max = 100}, {.prompt = 64, .output = 4, .max = 1000}};
	struct bench_event e[] = {{0, host, NULL}};

	host_ns = 500 * NS_PER_US;
	bench_init(&b, DEPLOYMENT("{\"name\":\"p\",\"entry\":\"frame\",\"buckets\":["
	                          "{\"max_seq\":256,\"frame\":\"10ms\",\"slots\":1,"
	                          "\"prefill_tokens_per_frame\":64},"
	                          "{\"max_seq\":4096,\"frame\":\"20ms\",\"slots\":1,"
	                          "\"prefill_tokens_per_frame\":64}]}",
	                       ""));
	bench_play(&b, two, 1, e, 1, NS_MAX);
	ck_assert_int_eq(ended(0), 4 * (10 * MS + host_ns));
	bench_play(&b, two, 2, e, 1, NS_MAX);
	ck_assert_int_eq(ended(0), 4 * (20 * MS + host_ns));
	ck_assert_int_eq(ended(1), 4 * (20 * MS + host_ns));
	blames(0, 0, 4 * host_ns); /* the neighbour's 10 ms are nobody's fault */
	blames(1, 0, 4 * host_ns);
	changed();
}
END_TEST

START_TEST(no_frame_outgrows_the_clock)
{
	/* 18 minutes and more: 2^40 ns. Two operations of 10 s each find room for less. */
	static const struct bench_request one = {.prompt = 64, .output = 1, .max = 100};
	struct bench_event e[] = {{0, host, NULL}, {0, host, NULL}};

	host_ns = 10 * NS_PER_S;
	bench_init(&b, DEPLOYMENT(POOL("p", "1090s", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), (INT64_C(1) << 40) - 1);
	changed();
	bench_init(&b, DEPLOYMENT(POOL("p", "1h", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 3600 * NS_PER_S);
	changed();
}
END_TEST

/* --- stale
 * ----------------------------------------------------------------------------------------- */

static struct artifact_offer offer = {.skew = SKEW_VERSION, .share_ppm = 1000000};

static void stale(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_stale(s->ctx, now, 0, 0, &offer);
}

static void call_off(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	for (uint32_t pool = 0; pool < b.deployment.n_pools; pool++)
		s->artifact_call_off(s->ctx, now, pool, pool);
	s->reverted(s->ctx, now, 0);
}

START_TEST(a_stale_artifact_is_refused_once_the_instance_has_drained)
{
	/* Drains from 54 ms until its request ends at 200 ms; refused; the valid one is loaded. */
	static const struct bench_request two[] = {LONG(0), SHORT(60 * MS)};
	struct bench_event e[] = {{54 * MS, stale, NULL}, {900 * MS, call_off, NULL}};

	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "2", "1", ""), ""));
	bench_play(&b, two, 2, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 200 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 200 * MS + LOAD);
	ck_assert_int_eq(ended(0), 200 * MS);
	ck_assert_int_eq(b.answers[0].done.replays, 0);
	ck_assert_int_eq(ended(1), 200 * MS + LOAD + 20 * MS);
	ck_assert_int_eq(b.answers[1].done.queue_ns, 200 * MS + LOAD - 60 * MS);
	ck_assert_uint_eq(b.counts.artifacts_refused, 1);
	clean();
}
END_TEST

START_TEST(an_idle_instance_is_restarted_at_once)
{
	static const struct bench_request one = SHORT(60 * MS);
	struct bench_event e[] = {{54 * MS, stale, NULL}, {900 * MS, call_off, NULL}};

	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 54 * MS);
	ck_assert_int_eq(ended(0), 54 * MS + LOAD + 20 * MS);
	clean();
}
END_TEST

static void leave(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)s;
	(void)ctx;
	ck_assert(rack_cancel(b.rack, now, UINT64_C(1) << 32, NULL)); /* the first request */
}

START_TEST(a_client_that_leaves_ends_the_drain)
{
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {
	        {54 * MS, stale, NULL}, {77 * MS, leave, NULL}, {900 * MS, call_off, NULL}};

	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 3, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 77 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 77 * MS + LOAD);
	clean();
}
END_TEST

START_TEST(instances_are_restarted_one_after_another)
{
	/* Instance 0 drains until 200 ms and loads until 277 ms; then instance 1, which got the
	 * third request at 200 ms, drains until 400 ms and loads. The fourth finds instance 0 at
	 * 277 ms. */
	static const struct bench_request four[] = {
	        LONG(0), LONG(0), LONG(60 * MS), SHORT(210 * MS)};
	struct bench_event e[] = {{54 * MS, stale, NULL}, {900 * MS, call_off, NULL}};

	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "2", ""), ""));
	bench_play(&b, four, 4, e, 2, NS_MAX);
	ck_assert_int_eq(ended(2), 400 * MS);
	ck_assert_uint_eq(b.answers[2].done.instance, 1);
	ck_assert_int_eq(ended(3), 200 * MS + LOAD + 20 * MS);
	ck_assert_uint_eq(b.answers[3].done.instance, 0);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 200 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 400 * MS + LOAD);
	ck_assert_uint_eq(b.counts.artifacts_refused, 2);
	clean();
}
END_TEST

START_TEST(the_revert_ends_a_drain_but_not_a_load)
{
	static const struct bench_request two[] = {LONG(0), SHORT(60 * MS)};
	struct bench_event drain[] = {{54 * MS, stale, NULL}, {100 * MS, call_off, NULL}};
	struct bench_event load[] = {{54 * MS, stale, NULL}, {210 * MS, call_off, NULL}};

	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "2", "1", ""), ""));
	bench_play(&b, two, 2, drain, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_int_eq(ended(1), 100 * MS + 20 * MS);
	ck_assert_uint_eq(b.counts.artifacts_refused, 0);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_play(&b, two, 2, load, 2, NS_MAX);
	ck_assert_int_eq(ended(1), 200 * MS + LOAD + 20 * MS);
	clean();
}
END_TEST

/* An explicit timetable may fill the SRAM: 8 x 220 MiB of a node at the registry's 10 GB/s. A link
 * that is four times as slow, from 154 ms on, has brought 100 ms of that before. */
#define DOWNLOAD INT64_C(184549376)

static const struct {
	int64_t begin, takes;
} busy[] = {{20000 * MS, DOWNLOAD}, {1 * MS, 4 * DOWNLOAD},
        {154 * MS, 100 * MS + 4 * (DOWNLOAD - 100 * MS)}};

START_TEST(a_congested_registry_holds_up_the_load)
{
	struct fault_bench f;
	struct bench_event e[4] = {{54 * MS, stale, NULL}, {9000 * MS, call_off, NULL}};
	uint32_t at = busy[_i].begin > 9000 * MS ? 2 : busy[_i].begin > 54 * MS ? 1 : 0;

	for (uint32_t i = 2; i > at; i--)
		e[i] = e[i - 1];
	e[at] = (struct bench_event){busy[_i].begin, fault_bench_inject, &f};
	e[3] = (struct bench_event){21000 * MS, fault_bench_revert, &f};
	bench_init(&b,
	        "{\"health\":{\"resync\":\"5ms\",\"resume\":\"2ms\",\"weights_from\":\"registry\"},"
	        "\"pools\":[" POOL("p", "10ms", "1", "1", "") "]}");
	fault_bench_init(&f, &b, "ethernet.congestion", 1, "eth.ingress",
	        "{\"busy_mean\":\"24h\",\"queue\":\"8ms\",\"jitter\":\"0ns\",\"factor\":4}");
	bench_play(&b, NULL, 0, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER],
	        54 * MS + busy[_i].takes + b.deployment.health.remap_ns + 7 * MS);
	fault_bench_free(&f);
	clean();
}
END_TEST

START_TEST(every_skew_of_a_compiled_artifact_is_refused)
{
	struct bench_event e[] = {{54 * MS, stale, NULL}, {900 * MS, call_off, NULL}};
	static const enum artifact_skew skews[] = {SKEW_VERSION, SKEW_GENERATION, SKEW_GRAPH};

	offer.skew = skews[_i];
	bench_init(
	        &b, "{" HEALTH ",\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[2048]}}]}");
	bench_play(&b, NULL, 0, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 54 * MS + LOAD);
	ck_assert_uint_eq(b.counts.artifacts_refused, 1);
	clean();
}
END_TEST

START_TEST(without_the_check_every_token_is_wrong)
{
	/* Loaded by 277 ms; the second request then gets two tokens of another model, the third one
	 * comes after the revert. A checksum of the results sees nothing. */
	static const struct bench_request three[] = {LONG(0), SHORT(60 * MS), SHORT(910 * MS)};
	static const char *const checksum[] = {"", ",\"checksum\":true"};
	struct bench_event e[] = {{54 * MS, stale, NULL}, {900 * MS, call_off, NULL}};
	char text[1024];

	snprintf(text, sizeof(text),
	        "{\"health\":{\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":\"2ms\"%s},"
	        "\"pools\":[" POOL("p", "10ms", "1", "1", ",\"digest_check\":false") "]}",
	        checksum[_i]);
	bench_init(&b, text);
	bench_play(&b, three, 3, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 200 * MS + LOAD);
	ck_assert_uint_eq(b.counts.artifacts_refused, 0);
	ck_assert_int_eq(b.answers[0].done.tokens_corrupt, 0);
	ck_assert_int_eq(ended(1), 200 * MS + LOAD + 20 * MS);
	ck_assert_int_eq(b.answers[1].done.tokens_corrupt, 2);
	ck_assert_int_eq(b.answers[2].done.tokens_corrupt, 0);
	ck_assert_uint_eq(b.counts.frames_replayed, 0);
	clean();
}
END_TEST

/* --- recompile
 * ------------------------------------------------------------------------------------- */

#define TWO_POOLS(more)                                                                            \
	POOL("p", "10ms", "1", "1", ",\"accepts\":{\"tenants\":[\"a\"]}" more)                     \
	"," POOL("q", "10ms", "1", "1", "")

static struct artifact_compile job;
static struct rack_signals seen;

/* Fault k for pool k. */
static void recompile(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	for (uint32_t pool = 0; pool < b.deployment.n_pools; pool++)
		s->artifact_recompile(s->ctx, now, pool, pool, &job);
}

static void recompile_first(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->artifact_recompile(s->ctx, now, 0, 0, &job);
}

static void look(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)s;
	(void)ctx;
	rack_signals(b.rack, now, &seen);
}

START_TEST(recompiles_queue_behind_one_another)
{
	/* One worker, 300 ms each: the k-th pool is back after k · 300 ms and the load. */
	static const struct bench_request three[] = {LONG(0), SHORT(60 * MS),
	        {.at_ns = 61 * MS, .prompt = 64, .output = 2, .max = 100, .tenant = 1}};
	struct bench_event e[] = {{54 * MS, recompile, NULL}, {2000 * MS, call_off, NULL}};

	job = (struct artifact_compile){.compile_ns = 300 * MS};
	bench_init(&b, DEPLOYMENT(TWO_POOLS(""), ""));
	bench_play(&b, three, 3, e, 2, NS_MAX);
	for (int k = 0; k < 2; k++) {
		ck_assert_int_eq(b.phase[k][PHASE_EFFECT], 54 * MS);
		ck_assert_int_eq(b.phase[k][PHASE_DETECT], 54 * MS);
		ck_assert_int_eq(b.phase[k][PHASE_FAILOVER], 54 * MS + (k + 1) * 300 * MS + LOAD);
	}
	ck_assert_int_eq(ended(0), 200 * MS); /* what runs ends on what lies in SRAM */
	ck_assert_int_eq(ended(1), 354 * MS + LOAD + 20 * MS);
	ck_assert_int_eq(ended(2), 654 * MS + LOAD + 20 * MS);
	ck_assert_int_eq(b.answers[2].done.replays, 0);
	clean();
}
END_TEST

START_TEST(other_compiles_come_first)
{
	struct bench_event e[] = {{54 * MS, recompile_first, NULL}, {100 * MS, look, NULL},
	        {2000 * MS, call_off, NULL}};

	job = (struct artifact_compile){.compile_ns = 300 * MS, .ahead = 2};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "2", ""), ""));
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 54 * MS + 3 * 300 * MS + LOAD);
	ck_assert_uint_eq(seen.compile_backlog, 3);
	ck_assert_uint_eq(seen.artifact_count, 0);
	ck_assert_uint_eq(seen.live_instances, 0);
	clean();
}
END_TEST

START_TEST(workers_of_the_farm_share_the_queue)
{
	/* The farm's own time, 200 ms, and two workers: both pools are done at once. */
	struct bench_event e[] = {{54 * MS, recompile, NULL}, {2000 * MS, call_off, NULL}};

	job = (struct artifact_compile){0};
	bench_init(&b, DEPLOYMENT(TWO_POOLS(""),
	                       ",\"compile_farm\":{\"workers\":2,\"compile_time\":\"200ms\"}"));
	bench_play(&b, NULL, 0, e, 2, NS_MAX);
	for (int k = 0; k < 2; k++)
		ck_assert_int_eq(b.phase[k][PHASE_FAILOVER], 254 * MS + LOAD);
	clean();
}
END_TEST

START_TEST(a_load_waits_for_what_still_runs)
{
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{54 * MS, recompile_first, NULL}, {2000 * MS, call_off, NULL}};

	job = (struct artifact_compile){.compile_ns = 20 * MS};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 200 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 200 * MS + LOAD);
	clean();
}
END_TEST

START_TEST(admission_holds_while_there_is_no_artifact)
{
	/* A cap of two in the queue: two wait, three are refused. */
	static const struct bench_request five[] = {
	        SHORT(60 * MS), SHORT(61 * MS), SHORT(62 * MS), SHORT(63 * MS), SHORT(64 * MS)};
	struct bench_event e[] = {{54 * MS, recompile_first, NULL}, {2000 * MS, call_off, NULL}};

	job = (struct artifact_compile){.compile_ns = 300 * MS};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1",
	                                  ",\"admission\":{\"policy\":\"queue_cap\",\"limit\":2}"),
	                       ""));
	bench_play(&b, five, 5, e, 2, NS_MAX);
	ck_assert_uint_eq(b.counts.refused, 3);
	ck_assert_int_eq(ended(0), 354 * MS + LOAD + 20 * MS);
	ck_assert_int_eq(ended(1), 354 * MS + LOAD + 40 * MS);
	clean();
	bench_init(&b,
	        DEPLOYMENT(POOL("p", "10ms", "1", "1",
	                           ",\"admission\":{\"policy\":\"token_budget\",\"limit\":\"9s\"}"),
	                ""));
	bench_play(&b, five, 5, e, 2, NS_MAX);
	ck_assert_uint_eq(b.counts.refused, 5); /* no slot, no prediction */
	clean();
}
END_TEST

START_TEST(with_overflow_requests_go_to_the_next_pool)
{
	/* q takes at once what p cannot serve. Alone, p says when to come again: 5.054 s − 60 ms.
	 */
	static const struct bench_request two[] = {SHORT(60 * MS), SHORT(9000 * MS)};
	struct bench_event e[] = {{54 * MS, recompile_first, NULL}, {20000 * MS, call_off, NULL}};

	job = (struct artifact_compile){.compile_ns = 5000 * MS};
	bench_init(&b, DEPLOYMENT(TWO_POOLS(",\"overflow\":\"next\""), ""));
	bench_play(&b, two, 2, e, 2, NS_MAX);
	ck_assert_int_eq(ended(0), 80 * MS);
	ck_assert_uint_eq(b.answers[0].done.pool, 1);
	ck_assert_int_eq(ended(1), 9020 * MS);
	ck_assert_uint_eq(b.answers[1].done.pool, 0);
	clean();
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ",\"overflow\":\"next\""), ""));
	bench_play(&b, two, 2, e, 2, NS_MAX);
	ck_assert(b.answers[0].refused);
	ck_assert_int_eq(b.answers[0].why, REFUSED_ADMISSION);
	ck_assert_int_eq(b.answers[0].retry_after_s, 5);
	ck_assert_int_eq(ended(1), 9020 * MS);
	clean();
}
END_TEST

START_TEST(the_revert_finds_the_artifact_again)
{
	static const struct bench_request two[] = {SHORT(60 * MS),
	        {.at_ns = 61 * MS, .prompt = 64, .output = 2, .max = 100, .tenant = 1}};
	struct bench_event e[] = {
	        {54 * MS, recompile, NULL}, {90 * MS, call_off, NULL}, {100 * MS, look, NULL}};

	job = (struct artifact_compile){.compile_ns = 3000 * MS, .ahead = 4};
	bench_init(&b, DEPLOYMENT(TWO_POOLS(""), ""));
	bench_play(&b, two, 2, e, 1, 89 * MS);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_play(&b, two, 2, e, 3, NS_MAX);
	ck_assert_int_eq(ended(0), 110 * MS);
	ck_assert_int_eq(ended(1), 110 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], -1);
	ck_assert_uint_eq(seen.compile_backlog, 0);
	ck_assert_uint_eq(seen.artifact_count, 2);
	ck_assert_uint_eq(seen.live_instances, 2);
	clean();
}
END_TEST

static void lost(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_lost(
	        s->ctx, now, 1, topology_find(&b.deployment.topology, "r0.n0"), DETECT_FLAGGED);
}

static void restored(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_restored(s->ctx, now, 1, topology_find(&b.deployment.topology, "r0.n0"));
	s->reverted(s->ctx, now, 1);
}

START_TEST(a_node_lost_in_a_drain_ends_it_early)
{
	/* Lost at 104 ms, flagged at 110, isolated at 113: the request goes back to the queue, so
	 * the instance has drained and both the load and the failover run until 190 ms. 10 tokens
	 * were out at 104 ms: 74 tokens of prompt are 2 frames, 10 are left. */
	static const struct bench_request one = LONG(0);
	struct bench_event e[] = {{54 * MS, stale, NULL}, {104 * MS, lost, NULL},
	        {900 * MS, restored, NULL}, {900 * MS, call_off, NULL}};

	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "1", ""), ""));
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 113 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 113 * MS + LOAD);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], 113 * MS + LOAD);
	ck_assert_int_eq(ended(0), 113 * MS + LOAD + (2 + 9) * 10 * MS);
	ck_assert_int_eq(b.answers[0].done.replays, 1);
	clean();
}
END_TEST

/* --- both ways of keeping the books
 * ---------------------------------------------------------------- */

START_TEST(tokens_and_books_agree)
{
	enum { N = 300, TOKENS = 40 };
	struct bench_request r[N];
	struct bench_event e[] = {{200 * MS, host, NULL}, {304 * MS, rollout, NULL},
	        {700 * MS, withdraw, NULL}, {900 * MS, no_host, NULL}, {905 * MS, stale, NULL},
	        {2500 * MS, call_off, NULL}, {2600 * MS, recompile_first, NULL},
	        {9000 * MS, call_off, NULL}};
	struct bench_answer *books;

	for (int i = 0; i < N; i++)
		r[i] = (struct bench_request){.at_ns = (int64_t)i * 17 * MS + i % 13,
		        .prompt = 1 + (i * 37) % 300,
		        .output = 1 + (i * 11) % 40,
		        .max = 40};
	host_ns = 333333;
	change = (struct artifact_change){.frame_ppm = 1234567, .instances = 2};
	job = (struct artifact_compile){.compile_ns = 400 * MS, .ahead = 1};
	bench_init(&b, DEPLOYMENT(POOL("p", "10ms", "1", "3", CANARY), ""));
	bench_play(&b, r, N, e, ARRAY_LEN(e), NS_MAX);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	books = b.answers;
	b.answers = NULL;
	b.tokens_max = TOKENS;
	bench_play(&b, r, N, e, ARRAY_LEN(e), NS_MAX);
	for (uint32_t i = 0; i < N; i++) {
		const int64_t *at = &b.token_at[i * TOKENS];

		ck_assert(books[i].completed && b.answers[i].completed);
		ck_assert_int_eq(books[i].done.t_first_edge, at[0]);
		ck_assert_int_eq(books[i].done.t_last_edge, at[r[i].output - 1]);
		ck_assert_int_eq(books[i].n_gaps, r[i].output - 1);
	}
	mem_free(books);
	clean();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("artifacts");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, a_regression_stretches_the_frame_by_its_factor);
	tcase_add_test(t, the_stretched_frame_is_rounded_to_the_nanosecond);
	tcase_add_loop_test(t, a_share_is_rounded_up_to_instances, 0, ARRAY_LEN(shares));
	tcase_add_test(t, a_canary_finds_the_regression_and_rolls_it_back);
	tcase_add_test(t, within_the_tolerance_the_share_gets_it);
	tcase_add_test(t, a_withdrawn_rollout_is_not_checked);
	tcase_add_test(t, a_pinned_pool_refuses_the_rollout);
	tcase_add_test(t, the_host_adds_its_time_to_every_token);
	tcase_add_test(t, the_clock_of_the_chips_does_not_change_the_host);
	tcase_add_test(t, of_two_operations_the_longer_one_is_blamed);
	tcase_add_test(t, the_host_slows_every_bucket_by_the_same_time);
	tcase_add_test(t, no_frame_outgrows_the_clock);
	tcase_add_test(t, a_stale_artifact_is_refused_once_the_instance_has_drained);
	tcase_add_test(t, an_idle_instance_is_restarted_at_once);
	tcase_add_test(t, a_client_that_leaves_ends_the_drain);
	tcase_add_test(t, instances_are_restarted_one_after_another);
	tcase_add_test(t, the_revert_ends_a_drain_but_not_a_load);
	tcase_add_loop_test(t, a_congested_registry_holds_up_the_load, 0, ARRAY_LEN(busy));
	tcase_add_loop_test(t, every_skew_of_a_compiled_artifact_is_refused, 0, 3);
	tcase_add_loop_test(t, without_the_check_every_token_is_wrong, 0, 2);
	tcase_add_test(t, recompiles_queue_behind_one_another);
	tcase_add_test(t, other_compiles_come_first);
	tcase_add_test(t, workers_of_the_farm_share_the_queue);
	tcase_add_test(t, a_load_waits_for_what_still_runs);
	tcase_add_test(t, admission_holds_while_there_is_no_artifact);
	tcase_add_test(t, with_overflow_requests_go_to_the_next_pool);
	tcase_add_test(t, the_revert_finds_the_artifact_again);
	tcase_add_test(t, a_node_lost_in_a_drain_ends_it_early);
	tcase_add_test(t, tokens_and_books_agree);
	suite_add_tcase(s, t);
	return run_suite(s);
}
