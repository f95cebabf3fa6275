/* The small parts of a run, each by itself: book, ledger, damage, demand, signals, guard. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "harness/run/guard.h"
#include "harness/run/demand.h"
#include "harness/run/signals.h"
#include "harness/run/stalls.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS NS_PER_MS

#define SCENARIO(more)                                                                             \
	"{\"version\":1,\"name\":\"a\",\"seed\":3,\"duration\":\"10s\",\"deployment\":{\"pools\":" \
	"["                                                                                        \
	"{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":4,"           \
	"\"prefill_tokens_per_frame\":64}]},{\"name\":\"q\",\"buckets\":[{\"max_seq\":4096,"       \
	"\"frame\":\"10ms\",\"slots\":4,\"prefill_tokens_per_frame\":64}]}]},"                     \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","                                             \
	"\"arrival\":{\"process\":\"constant\",\"rate\":100},"                                     \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}},"                                 \
	"{\"name\":\"u\",\"tier\":\"x\",\"arrival\":{\"process\":\"constant\",\"rate\":1},"        \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}]" more "}"

/* --- book and ledger
 * --------------------------------------------------------------------------------- */

START_TEST(a_book_keeps_what_is_compared)
{
	struct book b;

	book_init(&b);
	book_add(&b, &(struct sample){.id = 3000,
	                     .outcome = OUTCOME_OK,
	                     .t_sched = 100,
	                     .t_first = 150,
	                     .t_last = 250,
	                     .t_done = 260,
	                     .output_tokens = 5,
	                     .tokens_recomputed = 7});
	book_add(&b, &(struct sample){.id = 1,
	                     .outcome = OUTCOME_TIMEOUT,
	                     .t_sched = 5,
	                     .t_first = -1,
	                     .t_last = -1,
	                     .t_done = 90});
	ck_assert_uint_eq(b.n, 3000);
	ck_assert_ptr_null(book_at(&b, 0));
	ck_assert_ptr_null(book_at(&b, 2));
	ck_assert_ptr_null(book_at(&b, 3001));
	ck_assert_int_eq(book_at(&b, 3000)->ttft_ns, 50);
	ck_assert_int_eq(book_at(&b, 3000)->e2el_ns, 150);
	ck_assert_int_eq(book_at(&b, 3000)->tpot_ns, 25);
	ck_assert_uint_eq(book_at(&b, 3000)->recomputed, 7);
	ck_assert_int_eq(book_at(&b, 1)->ttft_ns, -1);
	ck_assert_int_eq(book_at(&b, 1)->outcome, OUTCOME_TIMEOUT);
	book_add(&b, &(struct sample){.id = BOOK_MAX + 1});
	book_add(&b, &(struct sample){.id = 0});
	ck_assert_uint_eq(b.dropped, 2);
	ck_assert_uint_eq(b.n, 3000);
	book_free(&b);
}
END_TEST

static uint8_t first_byte(const struct ledger *l)
{
	uint8_t digest[DIGEST_BYTES];
	struct lanes lanes;

	lanes_init(&lanes);
	ledger_fold(l, &lanes);
	lanes_final(&lanes, digest);
	return digest[0];
}

START_TEST(a_ledger_keeps_first_phases_and_the_last_revert)
{
	struct ledger l;
	uint8_t before;

	ledger_init(&l, 2);
	ledger_phase(&l, 1, PHASE_INJECT, 10);
	ledger_phase(&l, 1, PHASE_INJECT, 50);
	ledger_phase(&l, 1, PHASE_REVERT, 20);
	ledger_phase(&l, 1, PHASE_REVERT, 60);
	ck_assert_int_eq(l.e[1].at[PHASE_INJECT], 10);
	ck_assert_int_eq(l.e[1].at[PHASE_REVERT], 60);
	ck_assert_int_eq(l.e[0].at[PHASE_INJECT], -1);
	before = first_byte(&l);
	l.e[1].at[PHASE_RECOVER] = 55; /* the scorer's: not part of the digest */
	ck_assert_uint_eq(first_byte(&l), before);
	l.e[1].at[PHASE_EFFECT] = 11;
	ck_assert_uint_ne(first_byte(&l), before);
	ledger_free(&l);
}
END_TEST

START_TEST(the_scorer_learns_what_was_owed)
{
	struct scenario *s = scenario_text(SCENARIO(
	        ",\"faults\":[{\"id\":\"l\",\"kind\":\"chip.loss\",\"target\":\"r0.n0.c0\",\"at\":"
	        "\"1s\"},"
	        "{\"id\":\"o\",\"kind\":\"shape.creep\",\"target\":\"t\",\"at\":\"1s\"}]"));
	struct score_fault out[2];
	struct ledger l;

	ledger_init(&l, 2);
	ledger_phase(&l, 0, PHASE_INJECT, 10);
	ledger_phase(&l, 1, PHASE_EFFECT, 12);
	ledger_score(&l, &s->faults, out);
	ck_assert(!out[0].detect_started && !out[0].failover_started); /* nothing was hit */
	ck_assert(!out[1].detect_started); /* a longer prompt is nothing to detect */
	ledger_phase(&l, 0, PHASE_EFFECT, 11);
	ledger_score(&l, &s->faults, out);
	ck_assert(out[0].detect_started && !out[0].failover_started);
	ledger_phase(&l, 0, PHASE_ISOLATE, 15);
	ledger_score(&l, &s->faults, out);
	ck_assert(out[0].failover_started);
	ck_assert_str_eq(out[0].id, "l");
	ck_assert_int_eq(out[0].failover_ns, -1);
	ledger_free(&l);
	scenario_free(s);
}
END_TEST

START_TEST(a_book_has_a_shelf_for_what_each_fault_adds)
{
	uint64_t ids[] = {
	        2, traffic_extra_id(0, 1), traffic_extra_id(4, 2), traffic_extra_id(4, 3)};
	struct book a, b;
	uint64_t id = 0, seen = 0;

	book_init(&a);
	book_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		book_add(i % 2 ? &a : &b, &(struct sample){.id = ids[i], .t_sched = (int64_t)i});
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		ck_assert_ptr_nonnull(book_at(i % 2 ? &a : &b, ids[i]));
		ck_assert_int_eq(book_at(i % 2 ? &a : &b, ids[i])->t_sched, (int64_t)i);
		ck_assert_ptr_null(book_at(i % 2 ? &b : &a, ids[i]));
	}
	while ((id = book_next(&a, &b, id)) != 0) { /* ascending, and none is left out */
		for (size_t i = 0; i < ARRAY_LEN(ids); i++)
			seen += ids[i] == id;
		ck_assert_ptr_null(book_at(&a, id + (UINT64_C(1) << 40)));
	}
	ck_assert_uint_eq(seen, ARRAY_LEN(ids));
	ck_assert_uint_eq(a.dropped + b.dropped, 0);
	book_free(&a);
	book_free(&b);
}
END_TEST

/* --- damage
 * ------------------------------------------------------------------------------------------ */

static void add(struct book *b, uint64_t id, enum outcome outcome, int64_t ttft_ms, int64_t e2el_ms)
{
	int64_t at = (int64_t)id * 100 * MS;

	book_add(b, &(struct sample){.id = id,
	                    .outcome = outcome,
	                    .t_sched = at,
	                    .t_first = at + ttft_ms * MS,
	                    .t_last = at + e2el_ms * MS});
}

START_TEST(damage_is_the_difference)
{
	/* Frames of 10 ms: request 5, 10 ms late, is damaged but no longer apart; 6 is early. */
	static const int64_t with_ms[] = {0, 200, 290, 200, 200, 210, 195, 200};
	struct scenario *s = scenario_text(SCENARIO(""));
	struct book with, without;
	struct score_fault f = {0};

	book_init(&with);
	book_init(&without);
	for (uint64_t id = 1; id <= 7; id++) {
		add(&without, id, OUTCOME_OK, 10, 200);
		add(&with, id, id == 3 ? OUTCOME_TIMEOUT : OUTCOME_OK, id == 4 ? 21 : 10,
		        with_ms[id]);
	}
	evaluate_damage(s, &with, &without, 0, &f);
	ck_assert_uint_eq(f.damage.late, 2);
	ck_assert_int_eq(f.damage.extra_ns_sum, 100 * MS);
	ck_assert_uint_eq(f.damage.lost, 1);
	ck_assert_int_eq(f.coalesce_ns, 500 * MS); /* 4 is apart by its first token */
	add(&with, 7, OUTCOME_OK, 10, 211);
	evaluate_damage(s, &with, &without, 0, &f);
	ck_assert_int_eq(f.coalesce_ns, -1); /* never again */
	book_free(&with);
	book_free(&without);
	scenario_free(s);
}
END_TEST

/* --- demand
 * ------------------------------------------------------------------------------------------ */

static void count_hit(void *ctx, uint32_t fault, int64_t at_ns)
{
	uint64_t *hits = ctx;

	ck_assert_uint_eq(fault, 0);
	ck_assert_int_gt(at_ns, 0);
	++*hits;
}

START_TEST(the_demand_is_bent_for_its_tenant_while_active)
{
	struct scenario *s = scenario_text(SCENARIO(
	        ",\"faults\":[{\"id\":\"o\",\"kind\":\"shape.outlier\",\"target\":\"t\",\"at\":"
	        "\"1s\","
	        "\"share\":0.25,\"prompt_tokens\":{\"dist\":\"constant\",\"value\":999}}]"));
	struct demand *sh = demand_new(s, s->seed);
	struct fault_sink sink = demand_sink(sh);
	uint64_t hits = 0, bent = 0;

	for (int round = 0; round < 3; round++) {
		if (round == 1)
			sink.reshape(sink.ctx, NS_PER_S, 0, s->faults.faults[0].params);
		if (round == 2)
			sink.reshape(sink.ctx, 2 * NS_PER_S, 0, NULL);
		for (uint64_t id = 1; id <= 2000; id++) {
			struct arrival a = {.at_ns = 2 * NS_PER_S,
			        .request_id = id,
			        .tenant = id % 2,
			        .prompt_tokens = 64,
			        .output_tokens = 20};

			demand_shape(sh, &a, count_hit, &hits);
			ck_assert_int_eq(a.output_tokens, 20);
			ck_assert(a.prompt_tokens == 64 || (a.prompt_tokens == 999 && id % 2 == 0));
			bent += a.prompt_tokens == 999;
		}
		if (round == 0)
			ck_assert_uint_eq(bent, 0);
	}
	ck_assert_uint_eq(hits, bent);
	ck_assert(bent > 190 &&
	          bent < 310); /* 250 ± 4 standard errors of 13.7, in one round of three */
	demand_free(sh);
	scenario_free(s);
}
END_TEST

/* --- signals
 * ----------------------------------------------------------------------------------------- */

START_TEST(nobody_listens)
{
	struct scenario *s = scenario_text(SCENARIO(""));

	ck_assert(!signals_wanted(s));
	scenario_free(s);
}
END_TEST

START_TEST(abort_rules_see_their_signal)
{
	static const struct {
		const char *rule;
		bool fires;
	} cases[] = {
	        {"{\"signal\":\"error_ratio\",\"op\":\">\",\"value\":0.5}", false},
	        {"{\"signal\":\"error_ratio\",\"op\":\">=\",\"value\":0.5}", true},
	        {"{\"signal\":\"spare_count\",\"op\":\"<\",\"value\":1}", true},
	        {"{\"signal\":\"spare_count\",\"op\":\"<=\",\"value\":-1}", false},
	        {"{\"signal\":\"in_flight\",\"op\":\">\",\"value\":6}", true},
	        {"{\"signal\":\"healthy_instances\",\"op\":\"<\",\"value\":4}", true},
	        {"{\"signal\":\"healthy_instances\",\"op\":\"<\",\"value\":3}", false},
	        {"{\"signal\":\"artifact_count\",\"op\":\">=\",\"value\":2}", true},
	        {"{\"signal\":\"artifact_count\",\"op\":\">\",\"value\":2}", false},
	        {"{\"signal\":\"compile_backlog\",\"op\":\">\",\"value\":4}", true},
	        {"{\"signal\":\"compile_backlog\",\"op\":\">\",\"value\":5}", false},
	        {"{\"signal\":\"pool.queue_ms\",\"pool\":\"q\",\"op\":\">\",\"value\":\"20ms\"}",
	                false},
	        {"{\"signal\":\"pool.queue_ms\",\"pool\":\"p\",\"op\":\">\",\"value\":\"20ms\"}",
	                true},
	        {"{\"signal\":\"p99_ttft_ms\",\"op\":\">\",\"value\":\"1ms\"}",
	                false}, /* too few */
	};
	char text[4096];
	struct scenario *s;
	struct signals *g;
	const struct abort_rule *rule;

	(void)snprintf(text, sizeof(text), SCENARIO(",\"abort\":[%s]"), cases[_i].rule);
	s = scenario_text(text);
	ck_assert(signals_wanted(s));
	g = signals_new(s);
	for (unsigned i = 0; i < 8; i++) { /* refusals and cancellations are no errors */
		static const enum outcome what[] = {OUTCOME_OK, OUTCOME_REJECTED, OUTCOME_CANCELLED,
		        OUTCOME_OK, OUTCOME_TIMEOUT, OUTCOME_CORRUPT, OUTCOME_HTTP_5XX,
		        OUTCOME_STALLED};

		signals_sample(g, &(struct sample){.outcome = what[i], .t_first = 2 * MS});
	}
	signals_in_flight(g, 7);
	signals_rack(g, &(struct rack_signals){
	                        .healthy_instances = 3, .artifact_count = 2, .compile_backlog = 5});
	signals_pool(g, 0, 21 * MS);
	signals_pool(g, 1, 20 * MS);
	rule = signals_abort(g, 10 * MS);
	ck_assert_msg((rule != NULL) == cases[_i].fires, "%s", cases[_i].rule);
	ck_assert(!rule || rule == &s->rules.abort[0]);
	signals_free(g);
	scenario_free(s);
}
END_TEST

START_TEST(the_rack_is_silent_until_it_speaks)
{
	/* The wall clock's first tick comes before the first message: nothing is known, not zero.
	 */
	struct scenario *s = scenario_text(
	        SCENARIO(",\"abort\":[{\"signal\":\"spare_count\",\"op\":\"<\",\"value\":1},"
	                 "{\"signal\":\"healthy_instances\",\"op\":\"<\",\"value\":1}]"));
	struct signals *g = signals_new(s);

	ck_assert_ptr_null(signals_abort(g, 0));
	signals_rack(g, &(struct rack_signals){.spare_count = 1});
	ck_assert_ptr_eq(signals_abort(g, 10 * MS), &s->rules.abort[1]);
	signals_free(g);
	scenario_free(s);
}
END_TEST

START_TEST(p99_speaks_from_its_floor_on)
{
	/* 459 samples (FORMATS §1), of which five are late: the p99 is the 455th. */
	struct scenario *s = scenario_text(SCENARIO(
	        ",\"abort\":[{\"signal\":\"p99_ttft_ms\",\"op\":\">\",\"value\":\"50ms\"}]"));
	struct signals *g = signals_new(s);

	for (int i = 0; i < 459; i++) {
		ck_assert_ptr_null(signals_abort(g, 10 * MS));
		signals_sample(g, &(struct sample){.outcome = OUTCOME_OK,
		                          .t_first = i % 90 == 0 ? 80 * MS : 20 * MS});
	}
	ck_assert_ptr_nonnull(signals_abort(g, 10 * MS)); /* six of them late: i = 0, 90 … 450 */
	signals_free(g);
	scenario_free(s);
}
END_TEST

/* --- guard
 * ------------------------------------------------------------------------------------------- */

START_TEST(the_lag_bound_follows_the_tightest_slo)
{
	static const struct {
		const char *slo;
		int64_t bound;
	} cases[] = {
	        {"", 1 * MS},
	        {"{\"id\":\"a\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"quantile\":0.9,\"max\":"
	         "\"1s\"}",
	                10 * MS},
	        {"{\"id\":\"a\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"quantile\":0.9,\"max\":"
	         "\"1s\"},"
	         "{\"id\":\"b\",\"tier\":\"x\",\"metric\":\"tpot_ms\",\"quantile\":0.9,\"max\":"
	         "\"150ms\"}",
	                1500000},
	        {"{\"id\":\"a\",\"tier\":\"x\",\"metric\":\"tpot_ms\",\"quantile\":0.9,\"max\":"
	         "\"20ms\"}",
	                1 * MS},
	};
	char text[4096];
	struct scenario *s;

	(void)snprintf(text, sizeof(text), SCENARIO(",\"slo\":[%s]"), cases[_i].slo);
	s = scenario_text(text);
	ck_assert_int_eq(guard_lag_bound(s), cases[_i].bound);
	scenario_free(s);
}
END_TEST

START_TEST(every_doubt_is_a_sentence)
{
	struct scenario *s = scenario_text(SCENARIO(""));
	struct wall_result w = {.has_emulator = true,
	        .clean = true,
	        .sched = {.known = true, .p99_ns = 1 * MS},
	        .emission = {.known = true, .p99_ns = MS}};
	struct result_agreement disagree = {.ok = false, .reason = "because"};
	struct guard g = {0};

	guard_wall(&g, s, &w, NULL);
	ck_assert_uint_eq(g.n, 0);
	w.sched.p99_ns = w.emission.p99_ns = 1 * MS + 1;
	w.load.cq_overflows = 2;
	w.load.dropped = 3;
	w.clean = false;
	guard_wall(&g, s, &w, &disagree);
	ck_assert_uint_eq(g.n, 6);
	ck_assert_ptr_nonnull(strstr(g.reasons[0], "send lag p99"));
	ck_assert_ptr_nonnull(strstr(g.reasons[1], "emission lag p99"));
	ck_assert_ptr_nonnull(strstr(g.reasons[2], "2 times"));
	ck_assert_ptr_nonnull(strstr(g.reasons[3], "3 samples"));
	ck_assert_ptr_nonnull(strstr(g.reasons[4], "never-faulted"));
	ck_assert_ptr_nonnull(strstr(g.reasons[5], "because"));
	for (int i = 0; i < 20; i++)
		guard_reason(&g, "one more");
	ck_assert_uint_eq(g.n, GUARD_REASONS_MAX);
	g = (struct guard){0};
	w = (struct wall_result){.has_emulator = true, .clean = true, .interrupted = true};
	guard_wall(&g, s, &w, &disagree); /* cut short: not compared */
	ck_assert_uint_eq(g.n, 0);
	scenario_free(s);
}
END_TEST

/* --- the account of a wall request's stalls
 * ----------------------------------------------------- */

START_TEST(an_account_and_the_network_are_the_whole)
{
	/* Sent at 100, ended at 700 ms. On the wire queue 60, prefill 140 and decode 380; half of
	 * the frames' time was one fault's, besides a stop of 30 ms that was another's. */
	struct rack_completion done = {.queue_ns = 50 * MS,
	        .entry_wait_ns = 10 * MS,
	        .prefill_ns = 70 * MS,
	        .decode_ns = 175 * MS,
	        .n_stalls = 2,
	        .stalls = {{.fault = 3, .ns = 245 * MS}, {.fault = 1, .ns = 30 * MS}}};
	struct sample s = {.t_sched = 90 * MS,
	        .t_send = 100 * MS,
	        .t_last = 700 * MS,
	        .queue_ns = 60 * MS,
	        .prefill_ns = 140 * MS,
	        .decode_ns = 380 * MS,
	        .blame_prefill_ns = 140 * MS,
	        .blame_decode_ns = 380 * MS};
	struct stalls waiting = {0};
	struct stalled account;

	for (uint64_t id = 7; id <= 9; id++) {
		done.req.id = id;
		account = stalls_of(&done);
		stalls_add(&waiting, &account);
	}
	ck_assert(stalls_take(&waiting, 8, &account));
	ck_assert(!stalls_take(&waiting, 8, &account));
	stalls_blame(&account, &s);
	ck_assert_int_eq(s.blame_queue_ns, 60 * MS);
	ck_assert_int_eq(s.blame_prefill_ns, 70 * MS);
	ck_assert_int_eq(s.blame_decode_ns, 175 * MS);
	ck_assert_int_eq(s.blame_network_ns, (600 - 60 - 70 - 175 - 245 - 30) * MS);
	ck_assert_uint_eq(s.n_stalls, 2);
	ck_assert_uint_eq(s.stalls[0].fault, 3);
	ck_assert_int_eq(s.stalls[0].ns, 245 * MS);
	ck_assert_int_eq(s.prefill_ns, 140 * MS); /* the metrics stay */
	ck_assert_int_eq(s.decode_ns, 380 * MS);
	stalls_free(&waiting);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("parts");
	TCase *t = tcase_create("parts");

	tcase_add_test(t, a_book_keeps_what_is_compared);
	tcase_add_test(t, a_book_has_a_shelf_for_what_each_fault_adds);
	tcase_add_test(t, a_ledger_keeps_first_phases_and_the_last_revert);
	tcase_add_test(t, the_scorer_learns_what_was_owed);
	tcase_add_test(t, damage_is_the_difference);
	tcase_add_test(t, the_demand_is_bent_for_its_tenant_while_active);
	tcase_add_test(t, nobody_listens);
	tcase_add_test(t, the_rack_is_silent_until_it_speaks);
	tcase_add_loop_test(t, abort_rules_see_their_signal, 0, 14);
	tcase_add_test(t, p99_speaks_from_its_floor_on);
	tcase_add_loop_test(t, the_lag_bound_follows_the_tightest_slo, 0, 4);
	tcase_add_test(t, every_doubt_is_a_sentence);
	tcase_add_test(t, an_account_and_the_network_are_the_whole);
	suite_add_tcase(s, t);
	return run_suite(s);
}
