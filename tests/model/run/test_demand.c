/* What the load side's faults do, predicted by arithmetic and found exactly on the virtual clock:
 * lengths, further arrivals, clients that leave, stop reading or come again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults/shape.h"
#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS NS_PER_MS

static struct scenario *s;
static struct virtual_samples v;

/* Text with ' for ". */
static void play(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	s = scenario_text(copy);
	free(copy);
	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, true);
	for (uint32_t i = 0; i < s->faults.n; i++)
		ck_assert(v.result.ledger.e[i].clean);
}

static void done(void)
{
	virtual_samples_free(&v);
	scenario_free(s);
}

static int64_t effect(uint32_t fault)
{
	return v.result.ledger.e[fault].at[PHASE_EFFECT];
}

/* --- shape.neighbour
 * -------------------------------------------------------------------------------- */

enum { BOUNDARIES = 4000 };

/* Ends of frames of the instance below: 10 ms each, but 40 ms each for the 35 frames in which a
 * long request holds its slot. It takes ceil(1005 / 64) prefill frames, 1005 being what makes it
 * 1025 tokens long, and 19 more; it comes at 4, 6 and 8 s, each time at the end of a frame. */
static int64_t boundary[BOUNDARIES];

static void frames(void)
{
	int64_t t = 0;

	for (int i = 0; i < BOUNDARIES;) {
		bool slow = t == 4 * NS_PER_S || t == 6 * NS_PER_S || t == 8 * NS_PER_S;

		for (int k = 0; i < BOUNDARIES && k < (slow ? 35 : 1); k++) {
			boundary[i++] = t;
			t += slow ? 40 * MS : 10 * MS;
		}
	}
}

START_TEST(a_long_neighbour_stretches_every_frame)
{
	uint64_t stretched = 0;

	frames();
	play("{'version':1,'name':'n','duration':'12s','deployment':{'pools':[{'name':'p',"
	     "'instances':1,'entry':'frame','admission':{'policy':'none'},'buckets':["
	     "{'max_seq':1024,'frame':'10ms','slots':16,'prefill_tokens_per_frame':64},"
	     "{'max_seq':8192,'frame':'40ms','slots':2,'prefill_tokens_per_frame':64}]}]},"
	     "'traffic':[{'name':'short','tier':'x','max_tokens':20,"
	     "'arrival':{'process':'constant','rate':10},"
	     "'prompt_tokens':{'dist':'constant','value':64},"
	     "'output_tokens':{'dist':'constant','value':20}},"
	     "{'name':'long','tier':'x','max_tokens':20,"
	     "'arrival':{'process':'constant','rate':0.5},"
	     "'prompt_tokens':{'dist':'constant','value':64},"
	     "'output_tokens':{'dist':'constant','value':20}}],"
	     "'faults':[{'id':'n','kind':'shape.neighbour','target':'long','at':'4s','for':'6s',"
	     "'share':1}]}");
	ck_assert_uint_eq(v.n, 120 + 6);
	ck_assert_int_eq(effect(0), 4 * NS_PER_S);
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		bool is_long =
		        x->tenant == 1 && x->t_sched >= 4 * NS_PER_S && x->t_sched < 10 * NS_PER_S;
		int k = 0;

		while (boundary[k] < x->t_sched)
			k++;
		ck_assert_int_eq(x->prompt_tokens, is_long ? 1005 : 64);
		ck_assert_int_eq(x->t_first, boundary[k + (is_long ? 16 : 1)]);
		ck_assert_int_eq(x->t_last, boundary[k + (is_long ? 35 : 20)]);
		stretched += x->t_last - x->t_sched > 200 * MS;
	}
	ck_assert_uint_gt(stretched, 40);
	done();
}
END_TEST

/* --- load.burst, load.step
 * ------------------------------------------------------------------------------- */

/* One slot of 10 ms frames; a request takes 2 of them. */
#define ONE_SLOT                                                                                   \
	"'deployment':{'pools':[{'name':'p','instances':1,'entry':'immediate',"                    \
	"'admission':{'policy':'none'},'buckets':[{'max_seq':1024,'frame':'10ms','slots':1,"       \
	"'prefill_tokens_per_frame':64}]}]},"
#define ENTRY(name, process, rate)                                                                 \
	"{'name':'" name "','tier':'x','arrival':{'process':'" process "','rate':" rate "},"       \
	"'prompt_tokens':{'dist':'constant','value':64},"                                          \
	"'output_tokens':{'dist':'constant','value':2}}"

/* Served in order of (t_sched, id), 20 ms each. */
static void check_queue(void)
{
	int64_t free_at = 0;
	uint64_t i = 0, k = 0, planned = v.n - v.n_extra;

	while (i < planned || k < v.n_extra) {
		bool extra = i == planned || (k < v.n_extra && v.extra[k].t_sched < v.e[i].t_sched);
		const struct sample *x = extra ? &v.extra[k++] : &v.e[i++];

		free_at = (x->t_sched > free_at ? x->t_sched : free_at) + 20 * MS;
		ck_assert_int_eq(x->outcome, OUTCOME_OK);
		ck_assert_int_eq(x->t_last, free_at);
		ck_assert_uint_eq(x->order, i + k);
	}
}

START_TEST(a_burst_adds_requests_exactly)
{
	/* 25 a second more for 6.05 s from 4 s on: the n-th at 4 s + 40 ms n, 152 of them. 35 in a
	 * second take 0.7 s of a slot, so the queue stays short; but each lines up with the others.
	 */
	struct virtual_samples without;
	uint64_t late = 0;

	play("{'version':1,'name':'b','duration':'20s'," ONE_SLOT
	     "'traffic':[" ENTRY("t", "constant", "10") "," ENTRY("u", "poisson",
	             "5") "],"
	                  "'faults':[{'id':'b','kind':'load.burst','target':'t','at':'4s',"
	                  "'for':'6050ms','factor':3.5}]}");
	ck_assert_uint_eq(v.n_extra, 152);
	ck_assert_int_eq(effect(0), 4 * NS_PER_S);
	for (uint64_t n = 0; n < v.n_extra; n++) {
		ck_assert_uint_eq(v.extra[n].id, traffic_extra_id(0, n + 1));
		ck_assert_int_eq(v.extra[n].t_sched, 4 * NS_PER_S + (int64_t)n * 40 * MS);
		ck_assert_uint_eq(v.extra[n].tenant, 0);
	}
	check_queue();
	/* Nobody else has moved, and the planned traffic is what it was. */
	virtual_samples_run(&without, s, 0, true);
	ck_assert_uint_eq(without.n, v.n - 152);
	ck_assert_mem_eq(v.result.traffic_digest, without.result.traffic_digest, DIGEST_BYTES);
	for (uint64_t i = 0; i < without.n; i++) {
		ck_assert_int_eq(v.e[i].t_sched, without.e[i].t_sched);
		ck_assert_int_ge(v.e[i].t_last, without.e[i].t_last);
		late += v.e[i].t_last > without.e[i].t_last;
	}
	ck_assert_uint_gt(late, 20);
	virtual_samples_free(&without);
	done();
}
END_TEST

START_TEST(the_twin_of_a_burst_counts_only_the_others)
{
	struct evaluation e;
	struct error err = ERROR_INIT;
	uint64_t late = 0;
	int64_t extra_ns = 0, last = -1, coalesce = -1;
	struct virtual_samples without;

	play("{'version':1,'name':'b','duration':'20s'," ONE_SLOT "'traffic':[" ENTRY(
	        "u", "poisson", "25") "],'faults':[{'id':'b','kind':'load.burst','at':'4s',"
	                              "'for':'2s','factor':4}]}");
	check_queue();
	virtual_samples_run(&without, s, 0, true);
	for (uint64_t i = 0; i < without.n; i++) {
		int64_t more = v.e[i].t_last - without.e[i].t_last;

		late += more > 0;
		extra_ns += more;
		last = more > 10 * MS ? (int64_t)i : last;
	}
	for (uint64_t i = 0; i < without.n && coalesce < 0; i++)
		coalesce = (int64_t)i > last ? v.e[i].t_sched : -1;
	ck_assert(evaluate(s, true, NULL, &e, &err) == ERR_NONE);
	ck_assert_uint_gt(late, 30);
	ck_assert_uint_eq(e.faults[0].damage.late, late);
	ck_assert_int_eq(e.faults[0].damage.extra_ns_sum, extra_ns);
	ck_assert_uint_eq(e.faults[0].damage.lost, 0);
	ck_assert_int_eq(e.faults[0].coalesce_ns, coalesce);
	ck_assert_uint_eq(e.run.scheduled, v.n);
	ck_assert_mem_eq(e.run.result_digest, v.result.result_digest, DIGEST_BYTES);
	evaluation_free(&e);
	virtual_samples_free(&without);
	done();
}
END_TEST

static uint64_t added_in(uint32_t fault, int64_t from, int64_t until)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < v.n_extra; i++)
		n += v.extra[i].id >> TRAFFIC_ID_BITS == fault + 1 && v.extra[i].t_sched >= from &&
		     v.extra[i].t_sched < until;
	return n;
}

/* Within five standard deviations of a Poisson count. */
static void about(uint64_t n, double mean)
{
	double d = (double)n - mean;

	ck_assert_msg(d * d <= 25 * mean, "%ju instead of %g", (uintmax_t)n, mean);
}

START_TEST(a_step_rises_along_its_ramp_and_stays)
{
	/* 200 more in a second at the end of a ramp of 10 s; without `for` to the end of the run.
	 */
	struct virtual_samples without;
	uint64_t k = 0;

	play("{'version':1,'name':'s','duration':'40s','drain':'600s'," ONE_SLOT
	     "'traffic':[" ENTRY("t", "poisson",
	             "100") "],"
	                    "'faults':[{'id':'b','kind':'load.burst','at':'3s','for':'2s','factor':"
	                    "2},"
	                    "{'id':'s','kind':'load.step','at':'10s','factor':3,'ramp':'10s'}]}");
	about(added_in(0, 0, 40 * NS_PER_S), 200);
	ck_assert_uint_eq(added_in(0, 0, 40 * NS_PER_S), added_in(0, 3 * NS_PER_S, 5 * NS_PER_S));
	ck_assert_uint_eq(added_in(1, 0, 10 * NS_PER_S), 0);
	about(added_in(1, 10 * NS_PER_S, 15 * NS_PER_S), 200.0 * 5 / 4);
	about(added_in(1, 15 * NS_PER_S, 20 * NS_PER_S), 200.0 * 15 / 4);
	about(added_in(1, 20 * NS_PER_S, 40 * NS_PER_S), 200 * 20);
	check_queue();
	/* Without the burst the step adds what it added, under the same names. */
	virtual_samples_run(&without, s, 0, true);
	for (uint64_t i = 0; i < without.n_extra; i++, k++) {
		while (v.extra[k].id >> TRAFFIC_ID_BITS == 1)
			k++;
		ck_assert_uint_eq(without.extra[i].id, v.extra[k].id);
		ck_assert_int_eq(without.extra[i].t_sched, v.extra[k].t_sched);
	}
	virtual_samples_free(&without);
	done();
}
END_TEST

START_TEST(a_burst_may_wait_for_a_signal)
{
	/* 60 in a second of 20 ms each: the queue grows until 20 are in flight, first seen on the
	 * grid; the burst begins 1 ns later, and its first request comes at that instant. */
	int64_t inject;

	play("{'version':1,'name':'w','duration':'10s','drain':'100s'," ONE_SLOT
	     "'traffic':[" ENTRY("t", "constant",
	             "60") "],"
	                   "'faults':[{'id':'b','kind':'load.burst','for':'1s','factor':2,"
	                   "'when':{'signal':'in_flight','op':'>=','value':20}}]}");
	inject = v.result.ledger.e[0].at[PHASE_INJECT];
	ck_assert_int_gt(inject, 0);
	ck_assert_int_eq(inject % (10 * MS), 1);
	ck_assert_uint_eq(v.n_extra, 60);
	ck_assert_int_eq(v.extra[0].t_sched, inject);
	ck_assert_int_eq(effect(0), inject);
	check_queue();
	done();
}
END_TEST

/* --- client.disconnect, client.slow_reader
 * --------------------------------------------------------------------- */

/* One request each 70 ms; `output` frames of 10 ms each at the one slot. */
#define STREAMS(output)                                                                            \
	"'traffic':[{'name':'t','tier':'x','timeout':'600s',"                                      \
	"'arrival':{'process':'constant','rate':14.285714286},"                                    \
	"'prompt_tokens':{'dist':'constant','value':64},"                                          \
	"'output_tokens':{'dist':'constant','value':" output "}}],"

static bool in_fault(const struct sample *x, int64_t from, int64_t until)
{
	return x->t_sched >= from && x->t_sched < until;
}

START_TEST(who_leaves_frees_the_slot_at_that_instant)
{
	/* 200 ms of work each 70 ms: a queue builds up. Those planned in the fault leave with their
	 * fifth token, at start + 50 ms, and whoever is next starts then. */
	int64_t free_at = 0;
	uint64_t left = 0;

	play("{'version':1,'name':'d','duration':'3s','drain':'60s'," ONE_SLOT STREAMS(
	        "20") "'faults':[{'id':'d','kind':'client.disconnect','at':'1s','for':'1s',"
	              "'share':1,'tokens':5}]}");
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		bool leaves = in_fault(x, NS_PER_S, 2 * NS_PER_S);
		int64_t start = x->t_sched > free_at ? x->t_sched : free_at;

		free_at = start + (leaves ? 50 : 200) * MS;
		ck_assert_int_eq(x->outcome, leaves ? OUTCOME_CANCELLED : OUTCOME_OK);
		ck_assert_int_eq(x->output_tokens, leaves ? 5 : 20);
		ck_assert_int_eq(x->queue_ns, start - x->t_sched);
		ck_assert_int_eq(x->t_first, start + 10 * MS);
		ck_assert_int_eq(x->t_last, free_at);
		ck_assert_int_eq(x->t_done, free_at);
		if (leaves && left++ == 0)
			ck_assert_int_eq(effect(0), free_at);
	}
	ck_assert_uint_eq(left, 14);
	ck_assert_uint_eq(v.result.rack.cancelled, left);
	done();
}
END_TEST

START_TEST(who_has_waited_long_enough_leaves)
{
	/* So long after the planned instant, from the queue or from the slot. */
	int64_t free_at = 0;
	uint64_t from_queue = 0, from_slot = 0;

	play("{'version':1,'name':'d','duration':'5s','drain':'60s'," ONE_SLOT STREAMS(
	        "13") "'faults':[{'id':'d','kind':'client.disconnect','at':'1s','for':'3s',"
	              "'share':1,'tokens':0,'patience':'600ms'}]}");
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		int64_t start = x->t_sched > free_at ? x->t_sched : free_at;
		int64_t leaves_at =
		        in_fault(x, NS_PER_S, 4 * NS_PER_S) ? x->t_sched + 600 * MS : NS_NEVER;

		if (start + 130 * MS <= leaves_at) {
			ck_assert_int_eq(x->outcome, OUTCOME_OK);
			free_at = start + 130 * MS;
			continue;
		}
		ck_assert_int_eq(x->outcome, OUTCOME_CANCELLED);
		ck_assert_int_eq(x->t_done, leaves_at);
		from_queue += start >= leaves_at;
		from_slot += start < leaves_at;
		if (start < leaves_at)
			free_at = leaves_at;
	}
	ck_assert(from_queue > 0 && from_slot > 0);
	done();
}
END_TEST

START_TEST(who_has_it_all_does_not_leave)
{
	play("{'version':1,'name':'d','duration':'3s','drain':'60s'," ONE_SLOT STREAMS(
	        "5") "'faults':[{'id':'d','kind':'client.disconnect','at':'1s','for':'1s',"
	             "'share':1,'tokens':5}]}");
	for (uint64_t i = 0; i < v.n; i++)
		ck_assert_int_eq(v.e[i].outcome, OUTCOME_OK);
	ck_assert_int_eq(effect(0), -1);
	done();
}
END_TEST

START_TEST(a_slow_reader_reads_late_and_holds_nobody_up)
{
	/* Stops at start + 40 ms for 95 ms of 300: a gap of 95 ms, nine tokens at once, and the
	 * last one in time. With a pause beyond the end, the end is read at its end. The slot is
	 * free at start + 300 ms in any case. */
	static const char *const pauses[] = {"95ms", "900ms"};

	for (int round = 0; round < 2; round++) {
		int64_t free_at = 0, pause = round ? 900 * MS : 95 * MS;
		char text[2048];

		snprintf(text, sizeof(text),
		        "{'version':1,'name':'s','duration':'3s','drain':'60s'," ONE_SLOT STREAMS(
		                "30") "'faults':[{'id':'s','kind':'client.slow_reader','at':'1s',"
		                      "'for':'1s','share':1,'tokens':4,'pause':'%s'}]}",
		        pauses[round]);
		play(text);
		for (uint64_t i = 0; i < v.n; i++) {
			const struct sample *x = &v.e[i];
			bool slow = in_fault(x, NS_PER_S, 2 * NS_PER_S);
			int64_t start = x->t_sched > free_at ? x->t_sched : free_at;
			int64_t resume = start + 40 * MS + pause;

			free_at = start + 300 * MS;
			ck_assert_int_eq(x->outcome, OUTCOME_OK);
			ck_assert_int_eq(x->output_tokens, 30);
			ck_assert_int_eq(x->t_first, start + 10 * MS);
			ck_assert_int_eq(x->t_last, slow && resume > free_at ? resume : free_at);
			ck_assert_int_eq(x->t_done, x->t_last);
			ck_assert_int_eq(x->itl_judged_ns, slow ? pause : 10 * MS);
		}
		ck_assert_int_gt(effect(0), NS_PER_S);
		done();
	}
}
END_TEST

START_TEST(too_slow_a_reader_is_closed)
{
	/* Two tokens in the sockets, 64 in the server's queue: the 67th after the fourth closes the
	 * stream, at start + 710 ms of 1000, and frees the slot. The reader learns of it 2 s after
	 * it stopped, at start + 40 ms. */
	int64_t free_at = 0;
	uint64_t closed = 0;

	play("{'version':1,'name':'s','duration':'3s','drain':'60s'," ONE_SLOT STREAMS(
	        "100") "'faults':[{'id':'s','kind':'client.slow_reader','at':'1s','for':'1s',"
	               "'share':1,'tokens':4,'pause':'2s','buffered':2}]}");
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		bool slow = in_fault(x, NS_PER_S, 2 * NS_PER_S);
		int64_t start = x->t_sched > free_at ? x->t_sched : free_at;

		free_at = start + (slow ? 710 : 1000) * MS;
		ck_assert_int_eq(x->t_first, start + 10 * MS);
		ck_assert_int_eq(x->outcome, slow ? OUTCOME_TRUNCATED : OUTCOME_OK);
		ck_assert_int_eq(x->t_done, slow ? start + 2040 * MS : free_at);
		closed += slow;
	}
	ck_assert_uint_eq(closed, 14);
	ck_assert_uint_eq(v.result.rack.cancelled, closed);
	done();
}
END_TEST

START_TEST(a_share_of_the_clients_is_picked_by_id)
{
	/* The same clients whatever else goes on: here the others' lengths change. */
	struct virtual_samples alone;
	uint64_t left = 0;

	play("{'version':1,'name':'p','duration':'60s','drain':'600s'," ONE_SLOT STREAMS(
	        "5") "'faults':[{'id':'d','kind':'client.disconnect','at':'0s','share':0.3,"
	             "'tokens':2},{'id':'o','kind':'shape.outlier','at':'0s','share':0.5,"
	             "'prompt_tokens':{'dist':'constant','value':500}}]}");
	virtual_samples_run(&alone, s, 1, true);
	for (uint64_t i = 0; i < v.n; i++) {
		ck_assert_int_eq(v.e[i].outcome, alone.e[i].outcome);
		left += v.e[i].outcome == OUTCOME_CANCELLED;
	}
	about(left, 0.3 * 857);
	virtual_samples_free(&alone);
	done();
}
END_TEST

/* --- load.retry_storm
 * ------------------------------------------------------------------------------------- */

enum { ASKS_MAX = 100000 };

struct ask {
	int64_t at;
	uint64_t id;
	uint32_t attempts; /* this one included */
};

static int earlier(const void *a, const void *b)
{
	const struct ask *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at)
	                      : (x->id > y->id) - (x->id < y->id);
}

START_TEST(a_storm_asks_again_exactly_so_often)
{
	/* 100 ms of work each 50 ms; two may wait. Who is refused asks again 7 ms later, five times
	 * at most, and not a second later as the server says. Outside the storm: never again. */
	static struct ask asks[ASKS_MAX];
	static int64_t start[ASKS_MAX];
	uint32_t n = 0, admitted = 0, served_later = 0, exhausted = 0;
	uint64_t attempts = 0;

	play("{'version':1,'name':'r','duration':'9s','drain':'60s','deployment':{'pools':[{"
	     "'name':'p','instances':1,'entry':'immediate',"
	     "'admission':{'policy':'queue_cap','limit':2},'buckets':[{'max_seq':1024,"
	     "'frame':'10ms','slots':1,'prefill_tokens_per_frame':64}]}]},"
	     "'traffic':[{'name':'t','tier':'x','arrival':{'process':'constant','rate':20},"
	     "'prompt_tokens':{'dist':'constant','value':64},"
	     "'output_tokens':{'dist':'constant','value':10}}],"
	     "'faults':[{'id':'r','kind':'load.retry_storm','at':'3s','for':'3s','retries':5,"
	     "'back_off':'7ms','patience':'0s'}]}");
	for (; n < v.n; n++)
		asks[n] = (struct ask){v.e[n].t_sched, n + 1, 1};
	for (uint32_t i = 0; i < n; i++) {
		const struct sample *x = &v.e[asks[i].id - 1];
		struct ask a = asks[i];
		bool storm = a.at >= 3 * NS_PER_S && a.at < 6 * NS_PER_S;
		uint32_t waiting = 0;

		for (uint32_t k = admitted > 4 ? admitted - 4 : 0; k < admitted; k++)
			waiting += start[k] >= a.at;
		if (waiting >= 2 && storm && a.attempts <= 5) {
			ck_assert_uint_lt(n, ASKS_MAX);
			asks[n++] = (struct ask){a.at + 7 * MS, a.id, a.attempts + 1};
			qsort(asks + i + 1, n - i - 1, sizeof(*asks), earlier);
			continue;
		}
		attempts += a.attempts;
		ck_assert_uint_eq(x->attempts, a.attempts);
		if (waiting >= 2) {
			ck_assert_int_eq(x->outcome, OUTCOME_REJECTED);
			ck_assert_int_eq(x->t_done, a.at);
			exhausted += a.attempts == 6;
			continue;
		}
		start[admitted] = admitted && start[admitted - 1] + 100 * MS > a.at
		                          ? start[admitted - 1] + 100 * MS
		                          : a.at;
		ck_assert_int_eq(x->outcome, OUTCOME_OK);
		ck_assert_int_eq(x->t_last, start[admitted++] + 100 * MS);
		served_later += a.attempts > 1;
	}
	ck_assert(served_later > 5 && exhausted > 5);
	ck_assert_uint_eq(v.result.rack.submitted, attempts);
	ck_assert_int_gt(effect(0), 3 * NS_PER_S - 1);
	done();
}
END_TEST

/* Everything below happens on a grid of 10 ms. */
struct patient {
	int64_t due, give_up; /* of the next attempt; of this one */
	int64_t first, end;   /* once it has the slot; -1 */
	uint32_t attempts;
	bool waits, gone;
};

enum { PATIENTS = 60, OFTEN = 3 };

static struct patient patients[PATIENTS];
static int queue[PATIENTS * 8], queue_n, in_slot;

static bool storm_at(int64_t t)
{
	return t >= 2 * NS_PER_S && t < 5 * NS_PER_S;
}

static void line_up(int i, int64_t t)
{
	struct patient *p = &patients[i];

	p->due = NS_NEVER;
	p->attempts++;
	p->waits = true;
	p->give_up = storm_at(t) && p->attempts <= OFTEN ? t + 250 * MS : NS_NEVER;
	queue[queue_n++] = i;
}

static void leave_queue(int i)
{
	int k = 0;

	while (queue[k] != i)
		k++;
	memmove(queue + k, queue + k + 1, (size_t)(--queue_n - k) * sizeof(*queue));
}

static void enter_slot(int64_t t)
{
	if (in_slot >= 0 || !queue_n)
		return;
	in_slot = queue[0];
	leave_queue(in_slot);
	patients[in_slot].first = t + 20 * MS;
	patients[in_slot].end = t + 200 * MS;
}

static void step_patients(int64_t t)
{
	if (in_slot >= 0 && patients[in_slot].end == t) {
		patients[in_slot].gone = true;
		in_slot = -1;
	}
	for (int i = 0; i < PATIENTS; i++) /* who comes again has the lower id */
		if (patients[i].due == t)
			line_up(i, t);
	enter_slot(t);
	for (int i = 0; i < PATIENTS; i++) {
		struct patient *p = &patients[i];

		if (p->give_up != t || p->gone || (p->first >= 0 && p->first <= t) || !storm_at(t))
			continue;
		if (i == in_slot)
			in_slot = -1;
		else
			leave_queue(i);
		p->first = p->end = -1;
		p->due = t + 20 * MS;
	}
	enter_slot(t);
}

START_TEST(impatience_throws_work_away)
{
	/* 200 ms of work each 160 ms, the first token after two frames. Without a first token in
	 * 250 ms a client lines up again at the end, 20 ms later; with its fourth attempt it waits.
	 */
	uint64_t attempts = 0, moved = 0;

	play("{'version':1,'name':'r','duration':'9600ms','drain':'60s'," ONE_SLOT
	     "'traffic':[{'name':'t','tier':'x','timeout':'600s',"
	     "'arrival':{'process':'constant','rate':6.25},"
	     "'prompt_tokens':{'dist':'constant','value':128},"
	     "'output_tokens':{'dist':'constant','value':19}}],"
	     "'faults':[{'id':'r','kind':'load.retry_storm','at':'2s','for':'3s','retries':3,"
	     "'back_off':'20ms','patience':'250ms'}]}");
	ck_assert_uint_eq(v.n, PATIENTS);
	queue_n = 0;
	in_slot = -1;
	for (int i = 0; i < PATIENTS; i++) {
		patients[i] = (struct patient){
		        .due = i * 160 * MS, .give_up = NS_NEVER, .first = -1, .end = -1};
		ck_assert_int_eq(patients[i].due, v.e[i].t_sched);
	}
	for (int64_t t = 0; t < 60 * NS_PER_S; t += 10 * MS)
		step_patients(t);
	for (int i = 0; i < PATIENTS; i++) {
		ck_assert(patients[i].gone);
		ck_assert_int_eq(v.e[i].outcome, OUTCOME_OK);
		ck_assert_uint_eq(v.e[i].attempts, patients[i].attempts);
		ck_assert_int_eq(patients[i].end, v.e[i].t_last);
		attempts += patients[i].attempts;
		moved += patients[i].attempts > 1;
	}
	ck_assert_uint_gt(moved, 8);
	ck_assert_uint_eq(v.result.rack.submitted, attempts);
	ck_assert_uint_eq(v.result.rack.cancelled, attempts - PATIENTS);
	done();
}
END_TEST

/* --- shape.sprawl
 * ---------------------------------------------------------------------------------------- */

enum { VARIANTS = 8, WORKERS = 2 };

#define SPRAWL(oversize, client)                                                                   \
	"{'version':1,'name':'s','duration':'30s','drain':'60s','deployment':{"                    \
	"'compile_farm':{'workers':2,'compile_time':'1500ms'},"                                    \
	"'pools':[{'name':'p','instances':1,'entry':'immediate','oversize':'" oversize "',"        \
	"'admission':{'policy':'none'},'buckets':[{'max_seq':1024,'frame':'10ms','slots':1,"       \
	"'prefill_tokens_per_frame':64}]}]},"                                                      \
	"'traffic':[{'name':'t','tier':'x'," client "'max_tokens':2,"                              \
	"'arrival':{'process':'constant','rate':20},"                                              \
	"'prompt_tokens':{'dist':'uniform','min':1,'max':64},"                                     \
	"'output_tokens':{'dist':'constant','value':2}}],"                                         \
	"'faults':[{'id':'s','kind':'shape.sprawl','at':'1s','for':'20s','share':0.3,"             \
	"'variants':8}]}"

/* When each shape's artifact is there, by the definition of a queue for two. */
static int64_t ready[VARIANTS + 1];

static uint32_t variant_of(const struct sample *x)
{
	uint64_t key = shape_key(s->seed, "s");

	if (!in_fault(x, NS_PER_S, 21 * NS_PER_S))
		return 0;
	return shape_variant(key, x->id, &(struct shape_variants){300000000, VARIANTS, 0});
}

static void compile_all(void)
{
	int64_t free_at[WORKERS] = {0};

	for (int k = 1; k <= VARIANTS; k++)
		ready[k] = -1;
	for (uint64_t i = 0; i < v.n; i++) {
		uint32_t k = variant_of(&v.e[i]);
		int w = free_at[1] < free_at[0];

		if (!k || ready[k] >= 0)
			continue;
		ready[k] = (v.e[i].t_sched > free_at[w] ? v.e[i].t_sched : free_at[w]) + 1500 * MS;
		free_at[w] = ready[k];
	}
}

START_TEST(a_shape_is_refused_until_it_is_compiled)
{
	uint64_t refused = 0, served = 0;
	int64_t prompt[VARIANTS + 1] = {0};

	play(SPRAWL("reject", ""));
	compile_all();
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		uint32_t k = variant_of(x);

		if (k && x->t_sched < ready[k]) {
			if (refused++ == 0)
				ck_assert_int_eq(effect(0), x->t_sched);
			ck_assert_int_eq(x->outcome, OUTCOME_REJECTED);
			ck_assert_int_eq(x->t_done, x->t_sched);
			continue;
		}
		ck_assert_int_eq(x->outcome, OUTCOME_OK);
		ck_assert_int_eq(x->t_last, x->t_sched + 20 * MS);
		if (k) { /* a shape is one length */
			ck_assert(prompt[k] == 0 || prompt[k] == x->prompt_tokens);
			prompt[k] = x->prompt_tokens;
			served++;
		}
	}
	ck_assert(refused > 20 && served > 40);
	ck_assert_uint_eq(v.result.rack.refused, refused);
	done();
}
END_TEST

START_TEST(a_pool_that_pads_needs_no_artifact)
{
	play(SPRAWL("truncate", ""));
	for (uint64_t i = 0; i < v.n; i++)
		ck_assert_int_eq(v.e[i].outcome, OUTCOME_OK);
	ck_assert_uint_eq(v.result.rack.refused, 0);
	done();
}
END_TEST

START_TEST(who_waits_as_told_is_served_once_it_is_compiled)
{
	/* 429 with the seconds until the shape's own compile ends, rounded up; with so many retries
	 * everybody gets through, and no earlier. */
	uint64_t late = 0;

	play(SPRAWL("route", "'retries':20,"));
	compile_all();
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *x = &v.e[i];
		uint32_t k = variant_of(x);

		ck_assert_int_eq(x->outcome, OUTCOME_OK);
		if (!k || x->t_sched >= ready[k]) {
			ck_assert_uint_eq(x->attempts, 1);
			continue;
		}
		ck_assert_uint_gt(x->attempts, 1);
		if (x->t_sched < 17 * NS_PER_S) /* else the fault may be over first */
			ck_assert_int_ge(x->t_first, ready[k]);
		late++;
	}
	ck_assert_uint_gt(late, 20);
	done();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("demand");
	TCase *t = tcase_create("virtual");

	tcase_add_test(t, a_long_neighbour_stretches_every_frame);
	tcase_add_test(t, a_burst_adds_requests_exactly);
	tcase_add_test(t, the_twin_of_a_burst_counts_only_the_others);
	tcase_add_test(t, a_step_rises_along_its_ramp_and_stays);
	tcase_add_test(t, a_burst_may_wait_for_a_signal);
	tcase_add_test(t, who_leaves_frees_the_slot_at_that_instant);
	tcase_add_test(t, who_has_waited_long_enough_leaves);
	tcase_add_test(t, who_has_it_all_does_not_leave);
	tcase_add_test(t, a_slow_reader_reads_late_and_holds_nobody_up);
	tcase_add_test(t, too_slow_a_reader_is_closed);
	tcase_add_test(t, a_share_of_the_clients_is_picked_by_id);
	tcase_add_test(t, a_storm_asks_again_exactly_so_often);
	tcase_add_test(t, impatience_throws_work_away);
	tcase_add_test(t, a_shape_is_refused_until_it_is_compiled);
	tcase_add_test(t, a_pool_that_pads_needs_no_artifact);
	tcase_add_test(t, who_waits_as_told_is_served_once_it_is_compiled);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
