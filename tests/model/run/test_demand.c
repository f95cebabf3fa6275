/* What the load side's faults do, predicted by arithmetic and found exactly on the virtual clock:
 * lengths, further arrivals, clients that leave, stop reading or come again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
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

int main(void)
{
	Suite *suite = suite_create("demand");
	TCase *t = tcase_create("virtual");

	tcase_add_test(t, a_long_neighbour_stretches_every_frame);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
