/* Blast-radius limits: who is withheld, and what becomes of those who wait for him. The world has
 * four instances, and every component that is hit may take one of them away. */
#include <stdio.h>

#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

static struct world w;
static struct fault_schedule schedule;
static char events[4096];
static size_t n_events;

static void set_up(void)
{
	world_init(&w);
}

static void tear_down(void)
{
	world_free(&w);
}

static void on_event(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	(void)ctx;
	n_events += (size_t)snprintf(events + n_events, sizeof(events) - n_events, "%lld%c%u ",
	        (long long)(now / NS_PER_MS), inject ? '+' : '-', fault);
	ck_assert_uint_lt(n_events, sizeof(events));
}

static enum status limited(const char *limits)
{
	world_parse(&w, limits);
	return fault_limits_parse(json_root(w.doc), &WORLD_RESOLVER, &w.arena, &w.plan, &w.err);
}

static void begin(const char *faults, const char *limits)
{
	world_must_plan(&w, faults);
	ck_assert_msg(limited(limits) == ERR_NONE, "%s", w.err.text);
	fault_schedule_init(&schedule, &w.plan, 60 * NS_PER_S, &w.arena);
	n_events = 0;
	events[0] = '\0';
}

/* All that is planned before `end`, with a sample of healthy instances each 10 ms: `healthy`. */
static void play(int64_t from_ms, int64_t end_ms, uint32_t healthy)
{
	for (int64_t ms = from_ms; ms < end_ms; ms += 10) {
		int64_t at;

		while ((at = fault_schedule_next_at(&schedule)) < (ms + 1) * NS_PER_MS)
			fault_schedule_step(&schedule, at, on_event, NULL);
		fault_schedule_health(&schedule, ms * NS_PER_MS, healthy);
		while ((at = fault_schedule_next_at(&schedule)) < (ms + 10) * NS_PER_MS)
			fault_schedule_step(&schedule, at, on_event, NULL);
	}
}

#define LOSS(id, n, when, for)                                                                     \
	"{'id':'" id "','kind':'node.loss','target':'r0.n" n "','at':'" when "','for':'" for "'}"
#define CREEP(id, when) "{'id':'" id "','kind':'shape.creep','for':'1s'," when "}"

START_TEST(no_more_than_so_many_at_once)
{
	/* At 2 s the first is over at once, so the third may begin; the fourth is one too many, and
	 * the one that follows it never comes. */
	begin("[" LOSS("a", "0", "1s", "1s") "," LOSS("b", "1", "1500ms", "2s") "," LOSS(
	              "c", "0", "2s", "1s") "," LOSS("d", "2", "2500ms", "1s") "," CREEP("e",
	              "'after':{'fault':'d','phase':'inject','delay':'5s'}") "," CREEP("f",
	              "'after':{'fault':'b','phase':'revert'}") "]",
	        "{'max_active':2}");
	play(0, 20000, 4);
	ck_assert_str_eq(events, "1000+0 1500+1 2000-0 2000+2 3000-2 3500-1 3500+5 4500-5 ");
	ck_assert_int_eq(schedule.timers[3].withheld, LIMIT_MAX_ACTIVE);
	ck_assert_int_eq(schedule.timers[4].withheld, LIMIT_NONE);
}
END_TEST

START_TEST(a_withheld_one_comes_again_when_planned)
{
	begin("[" LOSS("a", "0", "5s", "10s") "," CREEP("b", "'at':'2s','every':'4s'") "]",
	        "{'max_active':1}");
	play(0, 20000, 4);
	ck_assert_str_eq(events, "2000+1 3000-1 5000+0 15000-0 18000+1 19000-1 ");
	ck_assert_int_eq(schedule.timers[1].withheld, LIMIT_MAX_ACTIVE);
}
END_TEST

START_TEST(never_below_by_what_is_seen)
{
	/* Three must live. a leaves three; b would leave two. When four live again, c may. Creep
	 * takes nothing away. */
	begin("[" LOSS("a", "0", "1s", "9s") "," LOSS("b", "1", "2s", "1s") "," LOSS(
	              "c", "2", "5s", "1s") "," CREEP("d", "'at':'2s'") "]",
	        "{'never_below':3}");
	play(0, 1010, 4);
	play(1010, 3000, 3);
	play(3000, 11000, 4); /* the spare serves */
	ck_assert_str_eq(events, "1000+0 2000+3 3000-3 5000+2 6000-2 10000-0 ");
	ck_assert_int_eq(schedule.timers[1].withheld, LIMIT_NEVER_BELOW);
}
END_TEST

START_TEST(never_below_by_what_is_not_seen_yet)
{
	/* 60 ms after a, the samples of 70 ms before still say four: a counts by its plan. After 80
	 * ms they are believed (here they are wrong, so c begins). */
	begin("[" LOSS("a", "0", "1005ms", "9s") "," LOSS("b", "1", "1065ms", "1s") "," LOSS(
	              "c", "2", "1085ms", "1s") "]",
	        "{'never_below':3}");
	play(0, 11000, 4);
	ck_assert_str_eq(events, "1005+0 1085+2 2085-2 10005-0 ");
	ck_assert_int_eq(schedule.timers[1].withheld, LIMIT_NEVER_BELOW);
}
END_TEST

START_TEST(before_any_sample_all_are_healthy)
{
	begin("[{'id':'a','kind':'chip.loss','target':['r0.n0.c0','r0.n0.c1'],'at':'10ms','for':'1s'},"
	      "{'id':'b','kind':'chip.loss','target':['r0.n1.c0','r0.n2.c3'],'at':'20ms','for':'1s'"
	      "},"
	      "{'id':'c','kind':'node.loss','target':'r0.n2','at':'30ms','for':'1s'}]",
	        "{'never_below':1}");
	play(0, 2000, 4);
	ck_assert_str_eq(events, "10+0 30+2 1010-0 1030-2 ");
}
END_TEST

START_TEST(bad_limits)
{
	static const struct {
		const char *text, *error;
	} bad[] = {{"[]", "expected"}, {"{'max_activ':1}", "nearest is 'max_active'"},
	        {"{'max_active':-1}", "max_active: expected"},
	        {"{'max_active':257}", "max_active: expected"},
	        {"{'never_below':'1'}", "never_below: expected"},
	        {"{'never_below':5}", "never_below: expected at most 4, the instances of the "
	                              "deployment, found 5"}};

	world_must_plan(&w, "[" LOSS("a", "0", "1s", "1s") "]");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char line[1024];

		ck_assert_int_eq(limited(bad[i].text), ERR_USAGE);
		error_format(&w.err, line, sizeof(line));
		ck_assert_msg(strstr(line, bad[i].error) && strncmp(line, "s.json:1:", 9) == 0,
		        "%s\nfound: %s", bad[i].text, line);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limits");
	TCase *tc = tcase_create("limits");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, no_more_than_so_many_at_once);
	tcase_add_test(tc, a_withheld_one_comes_again_when_planned);
	tcase_add_test(tc, never_below_by_what_is_seen);
	tcase_add_test(tc, never_below_by_what_is_not_seen_yet);
	tcase_add_test(tc, before_any_sample_all_are_healthy);
	tcase_add_test(tc, bad_limits);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
