/* Failures by arithmetic: what a fault costs is predicted by adding up durations, and found
 * exactly. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

/* One instance over two nodes, one slot, frames of 10 ms, immediate entry; every phase given
 * outright. */
#define HEALTH                                                                                     \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\","                                                                                 \
	"\"persist\":\"500ms\",\"suspicions\":2,\"suspect_window\":\"5m\",\"poll_period\":"        \
	"\"100ms\","                                                                               \
	"\"polls\":2,\"timeout\":\"40ms\"}"
#define POOL(entry, slots, more)                                                                   \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","            \
	"\"slots\":" slots ",\"prefill_tokens_per_frame\":64}],\"instances\":1,"                   \
	"\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"entry\":\"" entry "\"" more "}]"
#define DEPLOYMENT(entry, slots, more) "{" HEALTH "," POOL(entry, slots, more) "}"

static struct bench b;
static const char *cable = "r0.n0-r0.n1.0";

static uint32_t component(const char *name)
{
	uint32_t c = topology_find(&b.deployment.topology, name);

	ck_assert_msg(c != COMPONENT_NONE, "%s", name);
	return c;
}

static void link_down(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->link_down(s->ctx, now, 0, component(ctx));
}

static void link_up(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->link_up(s->ctx, now, 0, component(ctx));
}

static void lost(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->unit_lost(s->ctx, now, 0, component(ctx), DETECT_FLAGGED);
}

static void lost_timeout(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->unit_lost(s->ctx, now, 0, component(ctx), DETECT_TIMEOUT);
}

static void lost_polled(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->unit_lost(s->ctx, now, 0, component(ctx), DETECT_POLLED);
}

static void lost_second(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->unit_lost(s->ctx, now, 1, component(ctx), DETECT_FLAGGED);
}

static void restored(const struct fault_sink *s, int64_t now, void *ctx)
{
	s->unit_restored(s->ctx, now, 0, component(ctx));
	s->reverted(s->ctx, now, 0);
}

static void reverted(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->reverted(s->ctx, now, 0);
}

/* One request of 64 + 20 tokens at t = 0: 20 frames, first token at 10 ms, last at 200 ms when
 * healthy. */
static const struct bench_request one = {.at_ns = 0, .prompt = 64, .output = 20, .max = 100};

static void *name(const char *text)
{
	union {
		const char *in;
		void *out;
	} u = {.in = text};

	return u.out;
}

START_TEST(link_down_costs_down_plus_detection_plus_a_frame)
{
	/* Down at 54 ms for 30 ms: found at the frame's end, 60 ms (6 ms); stall 30 + 6 + 10 = 46
	 * ms. */
	struct bench_event e[] = {{54 * MS, link_down, name(cable)},
	        {84 * MS, link_up, name(cable)}, {150 * MS, reverted, NULL}};
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("immediate", "1", ""));
	bench_play(&b, &one, 1, e, 3, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	ck_assert_int_eq(d->t_last_edge, 200 * MS + 46 * MS);
	ck_assert_int_eq(d->n_stalls, 1);
	ck_assert_int_eq(d->stalls[0].ns, 46 * MS);
	ck_assert_int_eq(d->replays, 0);
	ck_assert_int_eq(b.answers[0].gap_max_ns, 56 * MS);
	ck_assert_int_eq(b.answers[0].n_gaps, 19);
	ck_assert_int_eq(b.answers[0].gap_sum_ns, d->t_last_edge - d->t_first_edge);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_link_that_fails_in_a_stall_costs_what_a_running_instance_would_lose)
{
	/* As above until 84 ms: it stalls to 100 ms. Down again in that stall, from 90 to 92 ms:
	 * the rest of the frame (6 ms) and the frame once more, not the stall a second time. */
	struct bench_event e[] = {{54 * MS, link_down, name(cable)},
	        {84 * MS, link_up, name(cable)}, {90 * MS, link_down, name(cable)},
	        {92 * MS, link_up, name(cable)}, {250 * MS, reverted, NULL}};

	bench_init(&b, "{\"health\":{\"persist\":\"500ms\",\"suspicions\":9}," POOL(
	                       "immediate", "1", "") "}");
	bench_play(&b, &one, 1, e, 5, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, (200 + 46 + 16) * MS);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, (46 + 16) * MS);
	ck_assert_uint_eq(b.counts.frames_replayed, 2);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(second_suspicion_evicts_to_the_spare)
{
	/* Second time down at 104 ms (clock: 46 ms behind): the frame ends at 106 → found, isolated
	 * at 109, failover 70 + 5 + 2 later. */
	struct bench_event e[] = {{54 * MS, link_down, name(cable)},
	        {84 * MS, link_up, name(cable)}, {134 * MS, link_down, name(cable)},
	        {164 * MS, link_up, name(cable)}, {800 * MS, reverted, NULL}};
	const struct rack_completion *d;
	int64_t found = 136 * MS, back;

	bench_init(&b, DEPLOYMENT("immediate", "1", ""));
	bench_play(&b, &one, 1, e, 5, NS_MAX);
	d = &b.answers[0].done;
	back = found + 3 * MS + 77 * MS;
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], found + 3 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	/* Position at 134 ms: 88 ms, so 8 tokens were out; P' = 72 takes 2 frames, 12 tokens are
	 * left. */
	ck_assert_int_eq(d->replays, 1);
	ck_assert_int_eq(d->tokens_recomputed, 72);
	ck_assert_int_eq(d->t_last_edge, back + (2 + 11) * 10 * MS);
	ck_assert_int_eq(d->delivered, 20);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(link_down_for_longer_than_the_threshold_evicts)
{
	struct bench_event e[] = {{54 * MS, link_down, name(cable)}};

	bench_init(&b, DEPLOYMENT("immediate", "1", ""));
	bench_play(&b, &one, 1, e, 1, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 54 * MS + 500 * MS + 3 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 557 * MS + 77 * MS);
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_free(&b);
}
END_TEST

struct loss_case {
	void (*fire)(const struct fault_sink *, int64_t, void *);
	int64_t detect_ms;
};

/* Lost at 54 ms. Flagged: end of the frame, 60. Timeout: last finished frame (50) + 40. Polled: the
 * second poll after the effect, 200. */
static const struct loss_case losses[] = {{lost, 60}, {lost_timeout, 90}, {lost_polled, 200}};

START_TEST(loss_is_the_sum_of_its_phases)
{
	const struct loss_case *c = &losses[_i];
	struct bench_event e[] = {
	        {54 * MS, c->fire, name("r0.n1.c5")}, {900 * MS, restored, name("r0.n1.c5")}};
	int64_t back = (c->detect_ms + 3 + 77) * MS;
	const struct rack_completion *d;

	bench_init(&b, DEPLOYMENT("immediate", "1", ""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], c->detect_ms * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], (c->detect_ms + 3) * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	/* 5 tokens were out: P' = 69 is 2 frames, 15 tokens are left. */
	ck_assert_int_eq(d->t_last_edge, back + (2 + 14) * 10 * MS);
	ck_assert_int_eq(d->replays, 1);
	/* Blame: 5 tokens of prefill and decode, 14 frames of decode after, all else is the
	 * fault's. */
	ck_assert_int_eq(d->queue_ns + d->entry_wait_ns, 0);
	ck_assert_int_eq(d->prefill_ns, 10 * MS);
	ck_assert_int_eq(d->decode_ns, (4 + 14) * 10 * MS);
	ck_assert_int_eq(d->stalls[0].ns, d->t_last_edge - 190 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(without_a_spare_the_instance_waits_for_the_repair)
{
	struct bench_event e[] = {{4 * MS, lost_second, name("r0.n8")},
	        {54 * MS, lost, name("r0.n1")}, {300 * MS, restored, name("r0.n1")}};

	bench_init(&b, DEPLOYMENT("immediate", "1", ""));
	bench_play(&b, &one, 1, e, 3, NS_MAX);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], -1); /* a spare that nobody used */
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 377 * MS);
	ck_assert(b.answers[0].completed);
	bench_free(&b);
}
END_TEST

/* Down from 55 to 65 ms, found at 60, replayed until 80 ms: the position stands at 55 ms. A request
 * that comes at 70 ms takes a slot that departs at that very tick: it is in at once, and waits for
 * the fault alone. */
static const struct {
	const char *entry, *buckets;
	struct bench_request late;
	int64_t frame_ms;
} stopped[] = {
        {"immediate",
                "{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":2,\"prefill_tokens_per_frame\":64}",
                {.at_ns = 70 * MS, .prompt = 64, .output = 2, .max = 100}, 10},
        {"phase", /* two slots: the second one, in the slow bucket, departs half a frame in */
                "{\"max_seq\":256,\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64},"
                "{\"max_seq\":4096,\"frame\":\"20ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}",
                {.at_ns = 70 * MS, .prompt = 64, .output = 2, .max = 1000}, 20},
};

START_TEST(an_instance_that_stands_still_at_a_departure_is_entered)
{
	struct bench_event e[] = {
	        {55 * MS, link_down, name(cable)}, {65 * MS, link_up, name(cable)}};
	const struct rack_completion *d;
	char text[1024];

	snprintf(text, sizeof(text),
	        "{" HEALTH ",\"pools\":[{\"name\":\"p\",\"instances\":1,\"entry\":\"%s\","
	        "\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"buckets\":[%s]}]}",
	        stopped[_i].entry, stopped[_i].buckets);
	bench_init(&b, text);
	bench_play(&b, &stopped[_i].late, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_entry, 70 * MS);
	ck_assert_int_eq(d->queue_ns + d->entry_wait_ns, 0);
	ck_assert_int_eq(d->prefill_ns, stopped[_i].frame_ms * MS);
	ck_assert_int_eq(d->t_first_edge, (80 + stopped[_i].frame_ms) * MS);
	ck_assert_int_eq(d->n_stalls, 1);
	ck_assert_int_eq(d->stalls[0].ns, 10 * MS);
	bench_free(&b);
}
END_TEST

START_TEST(on_loss_fail_ends_the_stream)
{
	struct bench_event e[] = {{54 * MS, lost, name("r0.n1")}};

	bench_init(&b, DEPLOYMENT("immediate", "1", ",\"on_loss\":\"fail\""));
	bench_play(&b, &one, 1, e, 1, NS_MAX);
	ck_assert(b.answers[0].done.failed);
	ck_assert_int_eq(b.answers[0].done.delivered, 5);
	ck_assert_int_eq(b.answers[0].at_ns, 63 * MS);
	ck_assert_uint_eq(b.counts.failed, 1);
	bench_free(&b);
}
END_TEST

/* Many requests, many troubles: the events of the wall clock (a token at a time) and the books of
 * the virtual clock (read from the log at the end) are the same instants. */
static struct bench_request *crowd(uint32_t n)
{
	struct bench_request *r = calloc(n, sizeof(*r));

	for (uint32_t i = 0; i < n; i++)
		r[i] = (struct bench_request){.at_ns = (int64_t)i * 7 * MS + i % 13,
		        .prompt = 1 + (i * 37) % 300,
		        .output = 1 + (i * 11) % 40,
		        .max = 40};
	return r;
}

START_TEST(tokens_and_books_agree)
{
	enum { N = 300, TOKENS = 40 };
	struct bench_request *r = crowd(N);
	struct bench_event e[] = {{304 * MS, link_down, name(cable)},
	        {333 * MS, link_up, name(cable)}, {700 * MS, lost, name("r0.n0.c1")},
	        {1500 * MS, restored, name("r0.n0.c1")}};
	struct bench_answer *books;

	bench_init(&b, DEPLOYMENT("phase", "7", ""));
	bench_play(&b, r, N, e, 4, NS_MAX);
	books = b.answers;
	b.answers = NULL;
	b.tokens_max = TOKENS;
	bench_play(&b, r, N, e, 4, NS_MAX);
	for (uint32_t i = 0; i < N; i++) {
		const int64_t *at = &b.token_at[i * TOKENS];
		int64_t gap_max = 0;

		ck_assert(books[i].completed && b.answers[i].completed);
		ck_assert_int_eq(books[i].done.t_first_edge, at[0]);
		ck_assert_int_eq(books[i].done.t_last_edge, at[r[i].output - 1]);
		ck_assert_int_eq(books[i].done.t_entry, b.answers[i].done.t_entry);
		for (int64_t k = 1; k < r[i].output; k++) {
			ck_assert_int_gt(at[k], at[k - 1]);
			if (at[k] - at[k - 1] > gap_max)
				gap_max = at[k] - at[k - 1];
		}
		ck_assert_int_eq(gap_max, books[i].gap_max_ns);
		ck_assert_int_eq(books[i].n_gaps, r[i].output - 1);
	}
	mem_free(books);
	bench_free(&b);
	free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("failover");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, link_down_costs_down_plus_detection_plus_a_frame);
	tcase_add_test(t, a_link_that_fails_in_a_stall_costs_what_a_running_instance_would_lose);
	tcase_add_test(t, second_suspicion_evicts_to_the_spare);
	tcase_add_test(t, link_down_for_longer_than_the_threshold_evicts);
	tcase_add_loop_test(t, loss_is_the_sum_of_its_phases, 0, 3);
	tcase_add_test(t, without_a_spare_the_instance_waits_for_the_repair);
	tcase_add_loop_test(
	        t, an_instance_that_stands_still_at_a_departure_is_entered, 0, ARRAY_LEN(stopped));
	tcase_add_test(t, on_loss_fail_ends_the_stream);
	tcase_add_test(t, tokens_and_books_agree);
	suite_add_tcase(s, t);
	return run_suite(s);
}
