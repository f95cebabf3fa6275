/* Twins (DESIGN §2): the damage of a fault is the run against the same run without it. One slot,
 * requests of 200 ms each 210 ms: what one loses the following ones get back, 10 ms each, so that
 * damage and coalescence can be told by hand. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS NS_PER_MS

/* A request takes 1 + 19 frames of 10 ms. Rates are in requests/s: 4.7619… is one each 210 ms. */
#define SCENARIO(rate, on_loss, faults)                                                            \
	"{\"version\":1,\"name\":\"twin\",\"duration\":\"10s\",\"drain\":\"10s\",\"deployment\":{" \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\"},"                                                                                \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","            \
	"\"slots\":1,\"prefill_tokens_per_frame\":64}],\"entry\":\"immediate\","                   \
	"\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"on_loss\":\"" on_loss "\"}]},"                        \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","                                             \
	"\"arrival\":{\"process\":\"constant\",\"rate\":" rate "},"                                \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}],\"faults\":[" faults "]}"
#define EACH_210_MS "4.761904761904762"
#define FLAP                                                                                       \
	"{\"id\":\"flap\",\"kind\":\"link.flap\",\"target\":\"r0.n0-r0.n1.0\",\"at\":\"%dus\","    \
	"\"for\":\"1s\",\"down\":\"30ms\",\"up\":\"10s\"}"
#define JITTER                                                                                     \
	"{\"id\":\"j\",\"kind\":\"ethernet.jitter\",\"at\":\"0s\",\"delay\":\"2ms\","              \
	"\"jitter\":\"1ms\"},"
#define LOSS                                                                                       \
	"{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":\"r0.n1.c1\",\"at\":\"%dus\",\"for\":" \
	"\"1s\"}"

static struct evaluation evaluate_scenario(const struct scenario *s)
{
	struct error err = ERROR_INIT;
	struct evaluation e;

	ck_assert_int_eq(evaluate(s, true, NULL, &e, &err), 0);
	ck_assert(e.valid);
	return e;
}

static struct evaluation evaluated(const char *text, struct scenario **s)
{
	*s = scenario_text(text);
	return evaluate_scenario(*s);
}

/* When request n arrives; independent of anything that happens to it. */
static int64_t arrives(const struct evaluation *e, uint64_t id)
{
	return book_at(&e->book, id)->t_sched;
}

struct knock_on {
	uint64_t late;
	int64_t extra_ns, coalesce_ns;
};

/* `hit` ends `extra` later; whoever follows starts as much later as the slot is still taken. */
static struct knock_on knock_on(const struct evaluation *e, uint64_t hit, int64_t extra)
{
	struct knock_on k = {.coalesce_ns = -1};

	for (uint64_t id = hit; extra > 0; id++) {
		k.late++;
		k.extra_ns += extra;
		k.coalesce_ns = -1;
		if (extra <= 10 * MS)
			k.coalesce_ns = arrives(e, id);
		extra -= arrives(e, id + 1) - arrives(e, id) - 200 * MS;
		if (extra <= 0 && k.coalesce_ns < 0)
			k.coalesce_ns = arrives(e, id + 1);
	}
	return k;
}

static int at_us(uint64_t id, int into_ms)
{
	return (int)(id * 210000) + into_ms * 1000;
}

START_TEST(a_stall_knocks_on)
{
	/* 44 ms into the tenth (or eleventh) service: found at the end of the frame of the clock.
	 */
	char text[4096];
	struct scenario *s;
	struct evaluation e;
	struct knock_on k;
	int64_t down, detect, stall;
	uint64_t hit = 1;

	(void)snprintf(text, sizeof(text), SCENARIO(EACH_210_MS, "replay", FLAP), at_us(10, 44));
	e = evaluated(text, &s);
	down = e.run.ledger.e[0].at[PHASE_INJECT];
	detect = (down / (10 * MS) + 1) * 10 * MS;
	stall = 30 * MS + (detect - down) + 10 * MS;
	while (arrives(&e, hit + 1) <= down)
		hit++;
	k = knock_on(&e, hit, stall);
	ck_assert_int_eq(e.run.ledger.e[0].at[PHASE_DETECT], detect);
	ck_assert(e.faults[0].has_damage);
	ck_assert_uint_eq(e.faults[0].damage.late, k.late);
	ck_assert_int_eq(e.faults[0].damage.extra_ns_sum, k.extra_ns);
	ck_assert_uint_eq(e.faults[0].damage.lost, 0);
	ck_assert_uint_eq(e.faults[0].damage.tokens_recomputed, 0);
	ck_assert_uint_eq(e.faults[0].replayed_requests, 0);
	ck_assert_int_eq(e.faults[0].coalesce_ns, k.coalesce_ns);
	ck_assert_uint_gt(k.late, 3);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

START_TEST(a_loss_is_replayed)
{
	/* Lost in the first frame of a service: all of it comes again after detection + 80 ms. */
	char text[4096];
	struct scenario *s;
	struct evaluation e;
	struct knock_on k;
	int64_t lost, back;
	uint64_t hit = 1;

	(void)snprintf(text, sizeof(text), SCENARIO(EACH_210_MS, "replay", LOSS), at_us(10, 4));
	e = evaluated(text, &s);
	lost = e.run.ledger.e[0].at[PHASE_INJECT];
	back = (lost / (10 * MS) + 1) * 10 * MS + 80 * MS;
	while (arrives(&e, hit + 1) <= lost)
		hit++;
	ck_assert_int_lt(lost - arrives(&e, hit), 10 * MS);
	k = knock_on(&e, hit, back - arrives(&e, hit));
	ck_assert_int_eq(e.run.ledger.e[0].at[PHASE_FAILOVER], back);
	ck_assert_uint_eq(e.faults[0].damage.late, k.late);
	ck_assert_int_eq(e.faults[0].damage.extra_ns_sum, k.extra_ns);
	ck_assert_uint_eq(e.faults[0].damage.lost, 0);
	ck_assert_uint_eq(e.faults[0].damage.tokens_recomputed, 64);
	ck_assert_uint_eq(e.faults[0].replayed_requests, 1);
	ck_assert_int_eq(e.faults[0].coalesce_ns, k.coalesce_ns);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

START_TEST(a_loss_may_lose)
{
	/* on_loss fail: the stream under way ends at isolation (detection + 3 ms); those that came
	 * until the instance is back (+ 77 ms) wait. */
	char text[4096];
	struct scenario *s;
	struct evaluation e;
	uint64_t hit = 1;
	int64_t lost, detect;

	(void)snprintf(text, sizeof(text), SCENARIO("2", "fail", LOSS), 2044000);
	e = evaluated(text, &s);
	lost = e.run.ledger.e[0].at[PHASE_INJECT];
	detect = (lost / (10 * MS) + 1) * 10 * MS;
	while (arrives(&e, hit + 1) <= lost)
		hit++;
	ck_assert_int_lt(lost - arrives(&e, hit), 200 * MS);
	ck_assert_int_eq(book_at(&e.book, hit)->outcome, OUTCOME_TRUNCATED);
	ck_assert_int_eq(book_at(&e.book, hit)->t_done, detect + 3 * MS);
	ck_assert_uint_eq(e.faults[0].damage.lost, 1);
	ck_assert_uint_eq(e.faults[0].damage.late, 0);
	ck_assert_int_eq(e.faults[0].coalesce_ns, arrives(&e, hit + 1));
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

START_TEST(twins_share_the_jitter_of_others)
{
	/* Jitter on every message of both runs: the damage of the stall is still that of the stall
	 * alone, as far as it is told by requests that it touched. */
	struct virtual_samples with, without;
	char text[4096];
	struct scenario *s;
	struct evaluation e;
	uint64_t late = 0;
	int64_t extra = 0;

	(void)snprintf(text, sizeof(text), SCENARIO("2", "replay", JITTER FLAP), 2544000);
	e = evaluated(text, &s);
	virtual_samples_run(&with, s, VIRTUAL_ALL_FAULTS, true);
	virtual_samples_run(&without, s, 1, true);
	for (uint64_t i = 0; i < with.n; i++) {
		int64_t d = with.e[i].t_last - without.e[i].t_last;

		late += d > 0;
		extra += d > 0 ? d : 0;
	}
	ck_assert_uint_eq(late, 1);
	ck_assert_uint_eq(e.faults[1].damage.late, late);
	ck_assert_int_eq(e.faults[1].damage.extra_ns_sum, extra);
	ck_assert_uint_eq(e.faults[0].damage.late, with.n); /* and the jitter hits everybody */
	ck_assert_int_eq(e.faults[0].damage.extra_ns_sum > 0, 1);
	virtual_samples_free(&with);
	virtual_samples_free(&without);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

START_TEST(a_loss_has_others_refused)
{
	/* 680 ms and a detection without the instance, and one request may wait. First that is the
	 * one that was evicted: who comes meanwhile is refused, and would not have been. Nobody is
	 * lost. */
	static const char *const edits[] = {"deployment.health.remap=670ms",
	        "deployment.pools.p.admission={\"policy\":\"queue_cap\",\"limit\":1}"};
	char text[4096];
	struct scenario *s;
	struct evaluation e;
	uint64_t hit = 1, refused = 0, late = 1;
	int64_t lost, end, start, extra;

	(void)snprintf(text, sizeof(text), SCENARIO(EACH_210_MS, "replay", LOSS), at_us(10, 4));
	s = scenario_text_edited(text, edits, 2);
	e = evaluate_scenario(s);
	lost = e.run.ledger.e[0].at[PHASE_INJECT];
	while (arrives(&e, hit + 1) <= lost)
		hit++;
	end = (lost / (10 * MS) + 1) * 10 * MS + 680 * MS + 200 * MS;
	start = end - 200 * MS;
	extra = start - arrives(&e, hit);
	for (uint64_t id = hit + 1; arrives(&e, id) < end; id++) {
		if (arrives(&e, id) < start) { /* somebody waits */
			refused++;
			continue;
		}
		start = end;
		end += 200 * MS;
		late++;
		extra += start - arrives(&e, id);
	}
	ck_assert_uint_gt(refused, 2);
	ck_assert_uint_eq(e.faults[0].damage.refused, refused);
	ck_assert_uint_eq(e.result->by_outcome[OUTCOME_REJECTED], refused);
	ck_assert_uint_eq(e.faults[0].damage.lost, 0);
	ck_assert_uint_eq(e.faults[0].damage.late, late);
	ck_assert_int_eq(e.faults[0].damage.extra_ns_sum, extra);
	ck_assert_uint_eq(e.faults[0].damage.tokens_recomputed, 64);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

#define SECOND(when)                                                                               \
	",{\"id\":\"flap\",\"kind\":\"link.flap\",\"target\":\"r0.n0-r0.n1.1\",\"for\":"           \
	"\"1s\"," when                                                                             \
	"},{\"id\":\"hold\",\"kind\":\"link.flap\",\"target\":\"r0.n0-r0.n8.0\",\"for\":\"1s\","   \
	"\"down\":\"150ms\",\"up\":\"10s\"," when "}"

/* A twin meets every other fault where the run met it: what began by another fault's phase, or by a
 * signal that this one raised, is not put down to that one. */
START_TEST(who_began_by_another_is_told_apart)
{
	char live[4096], fixed[4096];
	struct scenario *s[2];
	struct evaluation e[2];
	int64_t began;

	(void)snprintf(live, sizeof(live),
	        SCENARIO(EACH_210_MS, "replay",
	                LOSS SECOND("\"after\":{\"fault\":\"loss\",\"phase\":\"failover\","
	                            "\"delay\":\"64ms\"}")),
	        at_us(10, 4));
	e[0] = evaluated(live, &s[0]);
	began = e[0].run.ledger.e[0].at[PHASE_FAILOVER] + 64 * MS;
	ck_assert_int_eq(e[0].run.ledger.e[2].at[PHASE_INJECT], began);
	(void)snprintf(fixed, sizeof(fixed),
	        SCENARIO(EACH_210_MS, "replay", LOSS SECOND("\"at\":\"%dms\"")), at_us(10, 4),
	        (int)(began / MS), (int)(began / MS));
	ck_assert_int_eq(began % MS, 0);
	e[1] = evaluated(fixed, &s[1]);
	for (int i = 0; i < 3; i++) {
		const struct score_fault *a = &e[0].faults[i], *b = &e[1].faults[i];

		ck_assert_uint_eq(a->damage.late, b->damage.late);
		ck_assert_int_eq(a->damage.extra_ns_sum, b->damage.extra_ns_sum);
		ck_assert_uint_eq(a->damage.tokens_recomputed, b->damage.tokens_recomputed);
		ck_assert_int_eq(a->coalesce_ns, b->coalesce_ns);
	}
	ck_assert_uint_gt(e[0].faults[2].damage.late, 0);
	for (int i = 0; i < 2; i++) {
		evaluation_free(&e[i]);
		scenario_free(s[i]);
	}
}
END_TEST

START_TEST(who_never_began_has_no_damage)
{
	char text[4096];
	struct scenario *s;
	struct evaluation e;

	(void)snprintf(text, sizeof(text),
	        SCENARIO("2", "replay",
	                LOSS SECOND("\"when\":{\"signal\":\"in_flight\",\"op\":\">\","
	                            "\"value\":1000}")),
	        2044000);
	e = evaluated(text, &s);
	ck_assert(e.faults[0].has_damage && !e.faults[1].has_damage && !e.faults[2].has_damage);
	for (int p = 0; p < PHASE_COUNT; p++)
		ck_assert_int_eq(e.run.ledger.e[1].at[p], -1);
	ck_assert_int_eq(e.faults[1].inject_ns, -1);
	ck_assert_int_eq(e.faults[1].coalesce_ns, -1);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("twin");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, a_stall_knocks_on);
	tcase_add_test(t, a_loss_is_replayed);
	tcase_add_test(t, a_loss_may_lose);
	tcase_add_test(t, a_loss_has_others_refused);
	tcase_add_test(t, who_began_by_another_is_told_apart);
	tcase_add_test(t, who_never_began_has_no_damage);
	tcase_add_test(t, twins_share_the_jitter_of_others);
	suite_add_tcase(s, t);
	return run_suite(s);
}
