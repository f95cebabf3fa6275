/* Clients on the virtual clock: timeouts, retries after what the server said, the end of the drain,
 * abort rules. One slot; the reference is a queue of a few lines. Whatever happens, every planned
 * request has exactly one outcome. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS NS_PER_MS

/* Constant arrivals; a request takes `output` frames of 10 ms. */
#define SCENARIO(rate, output, client, admission, run)                                             \
	"{\"version\":1,\"name\":\"clients\"," run ","                                             \
	"\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":65536,"              \
	"\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}],\"instances\":1,"        \
	"\"entry\":\"immediate\",\"admission\":" admission "}]},"                                  \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\"," client                                      \
	"\"arrival\":{\"process\":\"constant\",\"rate\":" rate "},"                                \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":" output "}}"
#define NONE "{\"policy\":\"none\"}"

static struct scenario *s;
static struct virtual_samples v;

static void play(const char *text)
{
	s = scenario_text(text);
	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, false);
	for (uint64_t i = 0; i < v.n; i++)
		ck_assert_uint_eq(v.e[i].id, i + 1);
	ck_assert_uint_eq(v.n, v.result.scheduled);
}

static void done(void)
{
	virtual_samples_free(&v);
	scenario_free(s);
}

/* Two tenants at one slot, 300 ms of work each 100 ms, with 700 ms of patience, and 50 ms of work
 * each 330 ms with 150 ms: who waits too long leaves the queue, who would end too late leaves the
 * slot. At the very deadline a frame end comes before the client. */
static const char impatient[] = ",{\"name\":\"u\",\"tier\":\"x\",\"timeout\":\"150ms\","
                                "\"arrival\":{\"process\":\"constant\",\"rate\":3},"
                                "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
                                "\"output_tokens\":{\"dist\":\"constant\",\"value\":5}}]}";

START_TEST(timeouts)
{
	static const int64_t patience[] = {700 * MS, 150 * MS}, service[] = {300 * MS, 50 * MS};
	uint64_t ok = 0, in_queue = 0, in_slot = 0;
	int64_t free_at = 0;
	char text[4096];

	(void)snprintf(text, sizeof(text), "%s%s",
	        SCENARIO("10", "30", "\"timeout\":\"700ms\",", NONE,
	                "\"duration\":\"10s\",\"drain\":\"5s\""),
	        impatient);
	play(text);
	ck_assert_uint_eq(v.n, 130);
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		int64_t leaves = x->t_sched + patience[x->tenant];
		int64_t start = x->t_sched > free_at ? x->t_sched : free_at;

		if (start + service[x->tenant] <= leaves) {
			ck_assert_int_eq(x->outcome, OUTCOME_OK);
			ck_assert_int_eq(x->queue_ns, start - x->t_sched);
			ck_assert_int_eq(x->t_done, start + service[x->tenant]);
			free_at = start + service[x->tenant];
			ok++;
			continue;
		}
		ck_assert_int_eq(x->outcome, OUTCOME_TIMEOUT);
		ck_assert_int_eq(x->t_done, leaves);
		/* Tokens come each 10 ms from start + 10 ms on; the one at the deadline is there.
		 */
		ck_assert_int_eq(
		        x->output_tokens, start < leaves ? (leaves - start) / (10 * MS) : 0);
		if (start < leaves)
			free_at = leaves;
		start < leaves ? in_slot++ : in_queue++;
	}
	printf("timeouts: %ju ok, %ju left the queue, %ju a slot\n", (uintmax_t)ok,
	        (uintmax_t)in_queue, (uintmax_t)in_slot);
	ck_assert(ok > 0 && in_queue > 0 && in_slot > 0);
	done();
}
END_TEST

/* --- retries
 * ----------------------------------------------------------------------------------------- */

enum { ATTEMPTS_MAX = 4000, RETRIES = 2 };

struct attempt {
	int64_t at;
	uint64_t id;
	uint32_t attempts;
};

static int earlier(const void *a, const void *b)
{
	const struct attempt *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at)
	                      : (x->id > y->id) - (x->id < y->id);
}

/* One request at a time; who is refused comes again a second later (what the server says), twice.
 * Arrivals each 250 ms, so that four planned instants in five also see somebody come again: the
 * lower id first. */
START_TEST(retries)
{
	static struct attempt queue[ATTEMPTS_MAX];
	int64_t busy_until = 0, service = 750 * MS;
	uint32_t n = 0, served_later = 0, rejected = 0;

	play(SCENARIO("4", "75", "\"retries\":2,", "{\"policy\":\"request_count\",\"limit\":1}",
	        "\"duration\":\"60s\",\"drain\":\"10s\"") "]}");
	ck_assert_uint_eq(v.n, 240);
	for (; n < v.n; n++)
		queue[n] = (struct attempt){v.e[n].t_sched, n + 1, 0};
	for (uint32_t i = 0; i < n; i++) {
		struct attempt *a = &queue[i];
		const struct sample *x = &v.e[a->id - 1];
		bool in = a->at >= busy_until;

		a->attempts++;
		if (in)
			busy_until = a->at + service;
		if (!in && a->attempts <= RETRIES) {
			ck_assert_uint_lt(n, ATTEMPTS_MAX);
			queue[n++] = (struct attempt){a->at + NS_PER_S, a->id, a->attempts};
			qsort(queue + i + 1, n - i - 1, sizeof(*queue), earlier);
			continue;
		}
		ck_assert_msg(x->outcome == (in ? OUTCOME_OK : OUTCOME_REJECTED),
		        "request %ju at %jd", (uintmax_t)a->id, (intmax_t)a->at);
		ck_assert_int_eq(x->t_done, in ? busy_until : a->at);
		ck_assert_uint_eq(x->attempts, a->attempts);
		ck_assert_int_eq(x->t_send, x->t_sched);
		served_later += in && a->attempts > 1;
		rejected += !in;
	}
	ck_assert(served_later > 10 && rejected > 10);
	done();
}
END_TEST

START_TEST(the_drain_ends_what_is_left)
{
	/* Five seconds of work; arrivals until 2 s, drain until 3 s. One is in its slot, the others
	 * wait. */
	play(SCENARIO("10", "500", "", NONE, "\"duration\":\"2s\",\"drain\":\"1s\"") "]}");
	ck_assert_uint_eq(v.n, 20);
	for (uint64_t i = 0; i < v.n; i++) {
		ck_assert_int_eq(v.e[i].outcome, OUTCOME_STALLED);
		ck_assert_int_eq(v.e[i].t_done, 3 * NS_PER_S);
	}
	ck_assert_int_eq(v.e[0].output_tokens, (3 * NS_PER_S - v.e[0].t_sched) / (10 * MS));
	ck_assert_int_eq(v.e[1].output_tokens, 0);
	done();
}
END_TEST

/* --- the grid
 * ---------------------------------------------------------------------------------------- */

/* The first instant of the grid at which more than n requests are in flight (none ever ends). */
static int64_t grid_above(uint64_t n)
{
	int64_t grid = 10 * MS;

	return (v.e[n].t_sched + grid - 1) / grid * grid;
}

START_TEST(an_abort_rule_stops_on_the_grid)
{
	/* A request each 7 ms; more than 10 for 50 ms. The rest is never sent. */
	int64_t stop;

	play(SCENARIO("142.857142857", "9999", "", NONE,
	        "\"duration\":\"2s\",\"drain\":\"1s\"") "],\"abort\":[{\"signal\":\"in_flight\","
	                                                "\"op\":\">\",\"value\":10,\"for\":"
	                                                "\"50ms\"}]}");
	stop = grid_above(10) + 50 * MS;
	ck_assert(v.result.aborted);
	ck_assert_int_eq(v.result.ended_ns, stop);
	for (uint64_t i = 0; i < v.n; i++)
		ck_assert_int_eq(v.e[i].outcome,
		        v.e[i].t_sched <= stop ? OUTCOME_STALLED : OUTCOME_NOT_SENT);
	done();
}
END_TEST

START_TEST(a_trigger_fires_on_the_grid)
{
	/* Triggers are the last of their instant: what they start begins 1 ns later. */
	int64_t inject;

	play(SCENARIO("142.857142857", "9999", "", NONE,
	        "\"duration\":\"2s\",\"drain\":\"1s\"") "],\"faults\":[{\"id\":\"j\",\"kind\":"
	                                                "\"ethernet.jitter\",\"for\":\"100ms\","
	                                                "\"when\":{\"signal\":\"in_flight\",\"op\":"
	                                                "\">=\",\"value\":11,\"for\":\"30ms\"}}]}");
	inject = grid_above(10) + 30 * MS + 1;
	ck_assert_int_eq(v.result.ledger.e[0].at[PHASE_INJECT], inject);
	ck_assert_int_eq(v.result.ledger.e[0].at[PHASE_REVERT], inject + 100 * MS);
	done();
}
END_TEST

START_TEST(the_queue_signal_is_the_age_of_the_oldest)
{
	/* The second comes at a and waits from then on: older than 95 ms first at a + 95 ms or the
	 * grid's next. */
	int64_t old;

	play(SCENARIO("30", "9999", "", NONE,
	        "\"duration\":\"2s\",\"drain\":\"1s\"") "],\"abort\":[{\"signal\":\"pool.queue_"
	                                                "ms\","
	                                                "\"pool\":\"p\",\"op\":\">\","
	                                                "\"value\":\"95ms\"}]}");
	old = v.e[1].t_sched + 95 * MS;
	ck_assert_int_eq(v.result.ended_ns, (old / (10 * MS) + 1) * 10 * MS);
	done();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clients");
	TCase *t = tcase_create("virtual");

	tcase_add_test(t, timeouts);
	tcase_add_test(t, retries);
	tcase_add_test(t, the_drain_ends_what_is_left);
	tcase_add_test(t, an_abort_rule_stops_on_the_grid);
	tcase_add_test(t, a_trigger_fires_on_the_grid);
	tcase_add_test(t, the_queue_signal_is_the_age_of_the_oldest);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
