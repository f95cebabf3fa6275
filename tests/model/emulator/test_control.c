/* A control plane that does not see, does not reach the rack, or does not measure: by how much
 * exactly each lengthens what fails meanwhile, and when each takes effect by itself. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

/* Frames of 10 ms; found, isolated after 3 ms, remapped in 70, aligned in 5, resumed in 2: 80 in
 * all. */
#define DEPLOYMENT(more)                                                                           \
	"{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"       \
	"\"2ms\","                                                                                 \
	"\"persist\":\"500ms\",\"suspicions\":2,\"suspect_window\":\"5m\",\"poll_period\":"        \
	"\"100ms\",\"polls\":2,\"timeout\":\"40ms\"" more "},\"pools\":[{\"name\":\"p\","          \
	"\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":1,"                           \
	"\"prefill_tokens_per_frame\":64}],\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\"]],"     \
	"\"entry\":\"immediate\"}]}"
#define PHASES (80 * MS)

static struct bench b;
static struct fault_bench f, g;
static struct rack_completion done; /* of the request, after play() */

static const struct bench_request one = {.at_ns = 0, .prompt = 64, .output = 20, .max = 100};

static int by_time(const void *x, const void *y)
{
	int64_t at = ((const struct bench_event *)x)->at_ns;

	return at < ((const struct bench_event *)y)->at_ns ? -1 : 1;
}

/* Fault 0, of the control plane, in [from, to); fault 1 in [begins, ends), if it has a kind. */
static void play(const char *more, const char *lapse, const char *params, int64_t from, int64_t to,
        const char *kind, const char *target, const char *how, int64_t begins, int64_t ends)
{
	struct bench_event e[] = {{from, fault_bench_inject, &f}, {to, fault_bench_revert, &f},
	        {begins, fault_bench_inject, &g}, {ends, fault_bench_revert, &g}};
	uint32_t n = kind ? 4 : 2;

	bench_init(&b, more);
	fault_bench_init(&f, &b, lapse, 0, "r0", params);
	if (kind)
		fault_bench_init(&g, &b, kind, 1, target, how);
	qsort(e, n, sizeof(e[0]), by_time);
	bench_play(&b, &one, 1, e, n, NS_MAX);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	done = b.answers[0].done;
	fault_bench_free(&f);
	if (kind)
		fault_bench_free(&g);
	bench_free(&b);
}

static void lose(const char *more, const char *lapse, const char *params, int64_t from, int64_t to,
        const char *how)
{
	play(more, lapse, params, from, to, "node.loss", "r0.n1", how, 54 * MS, 9 * NS_PER_S);
}

#define FLAGGED "{\"detect\":\"flagged\"}"
#define TIMEOUT "{\"detect\":\"timeout\"}"
#define POLLED  "{\"detect\":\"polled\"}"
#define ALL     "{\"detectors\":\"all\"}"

/* The lost node is detected then, and failed over PHASES later. */
static void found_at(int64_t at)
{
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_DETECT], at);
	ck_assert_int_eq(b.phase[1][PHASE_ISOLATE], at + 3 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], at + PHASES);
}

/* --- blind
 * ---------------------------------------------------------------------------------------- */

START_TEST(a_blind_monitor_finds_it_when_it_sees_again)
{
	static const char d[] = DEPLOYMENT("");
	int64_t last;

	/* Flagged at 60 ms, by time-out at 50 + 40, by the second poll at 200. */
	lose(d, "control.health_blind", ALL, 500 * MS, 600 * MS, FLAGGED);
	found_at(60 * MS);
	last = done.t_last_edge;
	lose(d, "control.health_blind", ALL, 50 * MS, 433 * MS, FLAGGED);
	found_at(433 * MS);
	ck_assert_int_eq(done.t_last_edge, last + (433 - 60) * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS); /* before the poll of 100 ms */
	lose(d, "control.health_blind", ALL, 50 * MS, 433 * MS, TIMEOUT);
	found_at(433 * MS);
	lose(d, "control.health_blind", ALL, 50 * MS, 433 * MS, POLLED);
	found_at(500 * MS);
	lose(d, "control.health_blind", ALL, 50 * MS, 500 * MS, POLLED);
	found_at(500 * MS); /* a revert comes before the poll of its instant */
}
END_TEST

START_TEST(other_detectors_see)
{
	static const char d[] = DEPLOYMENT("");

	lose(d, "control.health_blind", "{\"detectors\":\"polled\"}", 50 * MS, 433 * MS, FLAGGED);
	found_at(60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 100 * MS); /* a poll that was missed */
	lose(d, "control.health_blind", "{\"detectors\":\"flagged\"}", 50 * MS, 433 * MS, TIMEOUT);
	found_at(90 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1); /* nothing flagged was missed */
	lose(d, "control.health_blind", "{\"detectors\":\"timeout\"}", 50 * MS, 433 * MS, TIMEOUT);
	found_at(433 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 90 * MS);
}
END_TEST

START_TEST(a_blind_monitor_suspects_nobody)
{
	/* A cable is down from 54 to 84 ms: replayed by the hardware as ever (30 + 6 + 10 ms), seen
	 * late. */
	play(DEPLOYMENT(""), "control.health_blind", ALL, 50 * MS, 433 * MS, "link.down",
	        "r0.n0-r0.n1.0", "{}", 54 * MS, 84 * MS);
	ck_assert_int_eq(done.t_last_edge, (200 + 46) * MS);
	ck_assert_int_eq(b.phase[1][PHASE_DETECT], 433 * MS);
	/* One that stays down is found persistent only when the monitor sees again. */
	play(DEPLOYMENT(""), "control.health_blind", ALL, 100 * MS, 933 * MS, "link.down",
	        "r0.n0-r0.n1.0", "{}", 54 * MS, 9 * NS_PER_S);
	ck_assert_int_eq(b.phase[1][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], 933 * MS + PHASES);
}
END_TEST

START_TEST(a_lapse_takes_effect_when_something_is_missed)
{
	static const struct {
		const char *kind, *params;
		int64_t from, to, effect, detect;
	} lapses[] = {
	        {"control.health_blind", ALL, 101, 199, -1, -1},
	        {"control.health_blind", ALL, 101, 200, -1, -1},
	        {"control.health_blind", ALL, 101, 201, 200, -1},
	        {"control.health_blind", ALL, 200, 201, 200, -1},
	        {"ethernet.partition", "{}", 101, 200, -1, -1},
	        {"ethernet.partition", "{}", 101, 240, 200, -1},
	        {"ethernet.partition", "{}", 101, 241, 200, 240},
	        {"control.telemetry_loss", "{}", 101, 110, -1, -1},
	        {"control.telemetry_loss", "{}", 101, 111, 110, -1},
	        {"control.telemetry_loss", "{}", 110, 111, 110, -1},
	};

	for (size_t i = 0; i < ARRAY_LEN(lapses); i++) {
		int64_t ms = MS;

		play(DEPLOYMENT(""), lapses[i].kind, lapses[i].params, lapses[i].from * ms,
		        lapses[i].to * ms, NULL, NULL, NULL, 0, 0);
		ck_assert_int_eq(b.phase[0][PHASE_EFFECT],
		        lapses[i].effect < 0 ? -1 : lapses[i].effect * ms);
		ck_assert_int_eq(b.phase[0][PHASE_DETECT],
		        lapses[i].detect < 0 ? -1 : lapses[i].detect * ms);
		ck_assert_int_eq(done.t_last_edge, 200 * ms); /* no harm */
	}
}
END_TEST

/* --- cut off
 * -------------------------------------------------------------------------------------- */

/* Found at 60 ms; the order comes at `order`. */
static void ordered_at(int64_t order)
{
	ck_assert_int_eq(b.phase[1][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_ISOLATE], order + 3 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], order + PHASES);
}

START_TEST(an_order_waits_for_the_rack_to_be_reached)
{
	static const char alone[] = DEPLOYMENT(""), own[] = DEPLOYMENT(",\"autonomy\":\"250ms\"");

	lose(alone, "ethernet.partition", "{}", 50 * MS, 777 * MS, FLAGGED);
	ordered_at(777 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 100 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 140 * MS);
	/* The rack's own controller acts 250 ms after the detection; not if it is reached before.
	 */
	lose(own, "ethernet.partition", "{}", 50 * MS, 777 * MS, FLAGGED);
	ordered_at(310 * MS);
	lose(own, "ethernet.partition", "{}", 50 * MS, 300 * MS, FLAGGED);
	ordered_at(300 * MS);
	/* An order that was given is carried out; one after the partition does not wait. */
	lose(alone, "ethernet.partition", "{}", 61 * MS, 777 * MS, FLAGGED);
	ordered_at(60 * MS);
	lose(alone, "ethernet.partition", "{}", 10 * MS, 60 * MS, FLAGGED);
	ordered_at(60 * MS);
}
END_TEST

START_TEST(a_rack_that_is_never_reached_never_fails_over)
{
	struct bench_event e[] = {
	        {50 * MS, fault_bench_inject, &f}, {54 * MS, fault_bench_inject, &g}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&f, &b, "ethernet.partition", 0, "r0", "{}");
	fault_bench_init(&g, &b, "node.loss", 1, "r0.n1", FLAGGED);
	bench_play(&b, &one, 1, e, 2, 3600 * NS_PER_S);
	ck_assert(!b.answers[0].completed);
	ck_assert_int_eq(b.phase[1][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], -1);
	fault_bench_free(&f);
	fault_bench_free(&g);
	bench_free(&b);
}
END_TEST

/* --- silent
 * --------------------------------------------------------------------------------------- */

static struct {
	int64_t queue_ns;
	uint64_t spares;
} seen;

static void look(const struct fault_sink *s, int64_t now, void *ctx)
{
	struct rack_signals signals;

	(void)s;
	(void)ctx;
	rack_signals(b.rack, now, &signals);
	seen.queue_ns = rack_pool_queue_ns(b.rack, now, 0);
	seen.spares = signals.spare_count;
}

START_TEST(silent_telemetry_has_no_value)
{
	/* Two requests for one slot: the second waits from 0 on. */
	struct bench_request r[] = {one, one};
	static const struct {
		int64_t at_ms, queue_ns;
		bool spares;
	} looks[] = {{99, 99 * NS_PER_MS, true}, {100, -1, false}, {149, -1, false},
	        {150, 150 * NS_PER_MS, true}};

	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		struct bench_event e[] = {{100 * MS, fault_bench_inject, &f},
		        {150 * MS, fault_bench_revert, &f}, {looks[i].at_ms * MS, look, NULL}};

		if (looks[i].at_ms < 100)
			qsort(e, 3, sizeof(e[0]), by_time);
		else if (looks[i].at_ms < 150)
			e[2] = e[1], e[1] = (struct bench_event){looks[i].at_ms * MS, look, NULL};
		bench_init(&b, DEPLOYMENT(""));
		fault_bench_init(&f, &b, "control.telemetry_loss", 0, "r0", "{}");
		bench_play(&b, r, 2, e, 3, NS_MAX);
		ck_assert_int_eq(seen.queue_ns, looks[i].queue_ns);
		ck_assert(seen.spares == (looks[i].spares ? 1 : RACK_NO_COUNT));
		ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
		fault_bench_free(&f);
		bench_free(&b);
	}
}
END_TEST

/* --- frontends
 * ------------------------------------------------------------------------------------ */

#define TWO_FRONTENDS                                                                              \
	"{\"health\":{\"frontend_check\":\"100ms\",\"frontend_checks\":2},\"ethernet\":{"          \
	"\"ingress_delay\":\"1ms\"},\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,"    \
	"\"frame\":\"10ms\",\"slots\":4,\"prefill_tokens_per_frame\":64}],\"entry\":"              \
	"\"immediate\"}]}"

static void serves(uint32_t request, int64_t t_first)
{
	ck_assert(b.answers[request - 1].completed);
	ck_assert_int_eq(b.answers[request - 1].done.t_first, t_first);
}

static void is_cut(uint32_t request, int64_t at, bool begun)
{
	ck_assert(b.answers[request - 1].reset);
	ck_assert_int_eq(b.answers[request - 1].reset_at, at);
	ck_assert(b.answers[request - 1].begun == begun);
}

static void is_refused(uint32_t request, int64_t at)
{
	ck_assert(b.answers[request - 1].refused);
	ck_assert_int_eq(b.answers[request - 1].why, REFUSED_CONNECT);
	ck_assert_int_eq(b.answers[request - 1].refused_at, at);
}

/* Ids are 1, 2, …: the even ones are fe0's, the odd ones fe1's. 1 ms a way, frames of 10 ms. fe0 is
 * down from 54 ms to 433, out from the second check, 200 ms, in again at that of 500; fe1 dies at
 * 450. */
START_TEST(a_frontend_takes_its_connections_with_it)
{
	static const struct bench_request r[] = {
	        {.at_ns = 0, .prompt = 64, .output = 20},        /* 1: fe1 */
	        {.at_ns = 0, .prompt = 64, .output = 20},        /* 2: cut with tokens */
	        {.at_ns = 0, .prompt = 64, .output = 20},        /* 3: fe1 */
	        {.at_ns = 0, .prompt = 640, .output = 20},       /* 4: cut in its prefill */
	        {.at_ns = 0, .prompt = 64, .output = 2},         /* 5: fe1, waits for a slot */
	        {.at_ns = 0, .prompt = 64, .output = 20},        /* 6: cut in the queue */
	        {.at_ns = 52 * MS, .prompt = 64, .output = 2},   /* 7: fe1, waits, too */
	        {.at_ns = 53 * MS, .prompt = 64, .output = 1},   /* 8: arrives at 54: refused */
	        {.at_ns = 198 * MS, .prompt = 64, .output = 1},  /* 9: fe1 */
	        {.at_ns = 198 * MS, .prompt = 64, .output = 1},  /* 10: arrives at 199: refused */
	        {.at_ns = 199 * MS, .prompt = 64, .output = 1},  /* 11: fe1 */
	        {.at_ns = 199 * MS, .prompt = 64, .output = 1},  /* 12: arrives at 200: by fe1 */
	        {.at_ns = 440 * MS, .prompt = 64, .output = 1},  /* 13: fe1's, cut at 450 */
	        {.at_ns = 440 * MS, .prompt = 64, .output = 20}, /* 14: by fe1, cut at 450 */
	        {.at_ns = 460 * MS, .prompt = 64, .output = 1},  /* 15: fe1 is down */
	        {.at_ns = 460 * MS, .prompt = 64, .output = 1}, /* 16: goes to fe1, which is down */
	        {.at_ns = 498 * MS, .prompt = 64, .output = 1}, /* 17: refused */
	        {.at_ns = 499 * MS, .prompt = 64, .output = 1}, /* 18: fe0 is in again */
	};
	struct bench_event e[] = {{54 * MS, fault_bench_inject, &f},
	        {433 * MS, fault_bench_revert, &f}, {450 * MS, fault_bench_inject, &g},
	        {900 * MS, fault_bench_revert, &g}};

	bench_init(&b, TWO_FRONTENDS);
	fault_bench_init(&f, &b, "control.frontend_loss", 0, "fe0", "{}");
	fault_bench_init(&g, &b, "control.frontend_loss", 1, "fe1", "{}");
	bench_play(&b, r, ARRAY_LEN(r), e, 4, NS_MAX);
	serves(1, 12 * MS);
	serves(3, 12 * MS);
	is_cut(2, 54 * MS, true);
	is_cut(4, 54 * MS, false);
	is_cut(6, 54 * MS, false);
	serves(5, (54 + 11) * MS); /* into the slots that were freed */
	serves(7, (54 + 11) * MS);
	is_refused(8, 55 * MS);
	serves(9, (199 + 11) * MS);
	is_refused(10, 200 * MS);
	serves(11, (200 + 11) * MS);
	serves(12, (201 + 11) * MS); /* when 1 and 3 are done */
	is_cut(13, 450 * MS, false); /* at 451 the token would be there */
	is_cut(14, 450 * MS, false);
	is_refused(15, 462 * MS);
	is_refused(16, 462 * MS);
	is_refused(17, 500 * MS);
	serves(18, (500 + 11) * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 200 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 200 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_FAILOVER], 600 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&f);
	fault_bench_free(&g);
	bench_free(&b);
}
END_TEST

/* Who is cut, and whether it had begun, is the same where tokens are events. */
START_TEST(both_clocks_cut_the_same)
{
	enum { N = 300, TIMES = 12 };
	static struct bench_request r[N];
	uint32_t begun = 0, other = 0, refused = 0;

	for (uint32_t i = 0; i < N; i++)
		r[i] = (struct bench_request){.at_ns = (int64_t)i * 20 * MS + i % 13,
		        .prompt = 1 + (i * 37) % 300,
		        .output = 1 + (i * 11) % 12};
	for (int64_t k = 0; k < TIMES; k++) {
		struct bench_event e[] = {{777 * MS + k * 333 * MS, fault_bench_inject, &f},
		        {1333 * MS + k * 333 * MS, fault_bench_revert, &f}};
		struct bench_answer *books;

		bench_init(&b, TWO_FRONTENDS);
		fault_bench_init(&f, &b, "control.frontend_loss", 0, "fe0", "{}");
		bench_play(&b, r, N, e, 2, NS_MAX);
		books = b.answers;
		b.answers = NULL;
		b.tokens_max = 12;
		bench_play(&b, r, N, e, 2, NS_MAX);
		for (uint32_t i = 0; i < N; i++) {
			ck_assert_int_eq(books[i].reset, b.answers[i].reset);
			ck_assert_int_eq(books[i].begun, b.answers[i].begun);
			ck_assert_int_eq(books[i].refused, b.answers[i].refused);
			ck_assert_int_eq(books[i].reset_at, b.answers[i].reset_at);
			if (books[i].begun)
				ck_assert_int_eq(books[i].done.t_first, b.answers[i].done.t_first);
			begun += books[i].begun;
			other += books[i].reset && !books[i].begun;
			refused += books[i].refused;
		}
		mem_free(books);
		fault_bench_free(&f);
		bench_free(&b);
	}
	printf("cut in mid-stream %u, before it %u, refused %u\n", begun, other, refused);
	ck_assert(begun > 0 && other > 0 && refused > 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("control");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_blind_monitor_finds_it_when_it_sees_again);
	tcase_add_test(t, other_detectors_see);
	tcase_add_test(t, a_blind_monitor_suspects_nobody);
	tcase_add_test(t, a_lapse_takes_effect_when_something_is_missed);
	tcase_add_test(t, an_order_waits_for_the_rack_to_be_reached);
	tcase_add_test(t, a_rack_that_is_never_reached_never_fails_over);
	tcase_add_test(t, silent_telemetry_has_no_value);
	tcase_add_test(t, a_frontend_takes_its_connections_with_it);
	tcase_add_test(t, both_clocks_cut_the_same);
	suite_add_tcase(s, t);
	return run_suite(s);
}
