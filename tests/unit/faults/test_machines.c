/* Schedules, machines and triggers at exact instants: a recorder stands for the rack. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

static struct recorder {
	char log[4096];
	size_t n;
	int begun[16]; /* by component: begins minus ends */
} rec;

static void LPC_PRINTF(1, 2) record(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	rec.n += (size_t)vsnprintf(rec.log + rec.n, sizeof(rec.log) - rec.n, fmt, args);
	va_end(args);
	ck_assert_uint_lt(rec.n, sizeof(rec.log));
}

static long long ms(int64_t ns)
{
	return ns / NS_PER_MS;
}

static void link_down(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	(void)ctx;
	record("%lld down %u/%u\n", ms(now), fault, component);
	rec.begun[component]++;
}

static void link_up(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	(void)ctx;
	record("%lld up %u/%u\n", ms(now), fault, component);
	rec.begun[component]--;
}

static void unit_lost(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, enum detection how)
{
	(void)ctx;
	record("%lld lost %u/%u by %d\n", ms(now), fault, component, (int)how);
	rec.begun[component]++;
}

static void unit_restored(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	(void)ctx;
	record("%lld restored %u/%u\n", ms(now), fault, component);
	rec.begun[component]--;
}

static void ether_delay(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct ether_delay *d)
{
	(void)ctx;
	if (d)
		record("%lld delay %u/%u %lld+-%lld c%.2f d%d\n", ms(now), fault, component,
		        ms(d->delay_ns), ms(d->jitter_ns), d->correlation, (int)d->distribution);
	else
		record("%lld no delay %u/%u\n", ms(now), fault, component);
	rec.begun[component] += d ? 1 : -1;
}

static void reshape(void *ctx, int64_t now, uint32_t fault, const void *params)
{
	(void)ctx;
	record("%lld shape %u %s\n", ms(now), fault, params ? "on" : "off");
	rec.begun[15] += params ? 1 : -1;
}

static const struct fault_sink SINK = {.link_down = link_down,
        .link_up = link_up,
        .unit_lost = unit_lost,
        .unit_restored = unit_restored,
        .ether_delay = ether_delay,
        .reshape = reshape};

struct sides {
	struct fault_machines model, client;
};

static void dispatch(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct sides *s = ctx;

	if (inject) {
		fault_machines_inject(&s->model, now, fault, &SINK);
		fault_machines_inject(&s->client, now, fault, &SINK);
	} else {
		fault_machines_revert(&s->model, now, fault, &SINK);
		fault_machines_revert(&s->client, now, fault, &SINK);
	}
}

/* The virtual driver in small: jumps from instant to instant until `end`, then finishes. */
static void drive(struct world *w, int64_t end)
{
	struct fault_schedule schedule;
	struct sides s;

	memset(&rec, 0, sizeof(rec));
	fault_schedule_init(&schedule, &w->plan, 60 * NS_PER_S, &w->arena);
	fault_machines_init(&s.model, &w->plan, FAULT_MODEL, &w->arena);
	fault_machines_init(&s.client, &w->plan, FAULT_CLIENT, &w->arena);
	for (;;) {
		int64_t a = fault_schedule_next_at(&schedule);
		int64_t b = fault_machines_next_at(&s.model), now = a < b ? a : b;

		ck_assert(fault_machines_next_at(&s.client) == NS_NEVER);
		if (now >= end)
			break;
		fault_schedule_step(&schedule, now, dispatch, &s);
		fault_machines_step(&s.model, now, &SINK);
	}
	fault_schedule_finish(&schedule, end, dispatch, &s);
	ck_assert(fault_schedule_next_at(&schedule) == NS_NEVER);
	ck_assert(fault_machines_next_at(&s.model) == NS_NEVER);
	for (size_t i = 0; i < ARRAY_LEN(rec.begun); i++)
		ck_assert_int_eq(rec.begun[i], 0);
}

static struct world w;

static void set_up(void)
{
	world_init(&w);
}

static void tear_down(void)
{
	world_free(&w);
}

START_TEST(a_flap_cycles_until_reverted)
{
	world_must_plan(&w, "[{'id':'f','kind':'link.flap','target':['r0.n0-r0.n1.1',"
	                    "'r0.n0-r0.n1.0'],'at':'1s','for':'520ms'}]");
	drive(&w, 60 * NS_PER_S);
	ck_assert_str_eq(rec.log, "1000 down 0/0\n1000 down 0/1\n1050 up 0/0\n1050 up 0/1\n"
	                          "1250 down 0/0\n1250 down 0/1\n1300 up 0/0\n1300 up 0/1\n"
	                          "1500 down 0/0\n1500 down 0/1\n1520 up 0/0\n1520 up 0/1\n");
}
END_TEST

START_TEST(reverts_come_before_injects)
{
	world_must_plan(&w,
	        "[{'id':'a','kind':'chip.loss','target':'r0.n0.c0','at':'2s','detect':'polled'},"
	        "{'id':'b','kind':'chip.loss','target':'r0.n1.c0','at':'1s','for':'1s'},"
	        "{'id':'c','kind':'ethernet.jitter','at':'2s','for':'1s','correlation':0.5}]");
	drive(&w, 5 * NS_PER_S);
	ck_assert_str_eq(rec.log, "1000 lost 1/7 by 0\n2000 restored 1/7\n2000 lost 0/5 by 2\n"
	                          "2000 delay 2/4 5+-2 c0.50 d1\n3000 no delay 2/4\n"
	                          "5000 restored 0/5\n");
}
END_TEST

START_TEST(every_comes_again)
{
	world_must_plan(&w, "[{'id':'c','kind':'shape.creep','every':'20s','for':'20s'}]");
	drive(&w, 60 * NS_PER_S);
	ck_assert_str_eq(rec.log, "20000 shape 0 on\n40000 shape 0 off\n40000 shape 0 on\n"
	                          "60000 shape 0 off\n");
}
END_TEST

START_TEST(ends_come_first_over_all_faults)
{
	world_must_plan(&w, "[{'id':'a','kind':'link.flap','target':'r0.n0-r0.n1.0','at':'750ms',"
	                    "'down':'250ms','up':'250ms','for':'600ms'},"
	                    "{'id':'b','kind':'link.flap','target':'r0.n0-r0.n1.1','at':'500ms',"
	                    "'down':'250ms','up':'250ms','for':'600ms'}]");
	drive(&w, 60 * NS_PER_S);
	ck_assert_ptr_nonnull(strstr(rec.log, "1000 up 0/0\n1000 down 1/1\n"));
}
END_TEST

START_TEST(one_after_the_other)
{
	/* a ends at 2 s, at once b begins, and with it c, whose index is lower; d follows b by 1 s.
	 */
	world_must_plan(&w,
	        "[{'id':'c','kind':'shape.creep','together':'x','for':'500ms'},"
	        "{'id':'a','kind':'chip.loss','target':'r0.n0.c0','at':'1s','for':'1s'},"
	        "{'id':'b','kind':'chip.loss','target':'r0.n0.c1','together':'x','for':'3s',"
	        "'after':{'fault':'a','phase':'revert'}},"
	        "{'id':'d','kind':'chip.loss','target':'r0.n1.c0','for':'1s',"
	        "'after':{'fault':'b','phase':'inject','delay':'1s'}}]");
	drive(&w, 60 * NS_PER_S);
	ck_assert_str_eq(rec.log, "1000 lost 1/5 by 0\n2000 restored 1/5\n2000 lost 2/6 by 0\n"
	                          "2000 shape 0 on\n2500 shape 0 off\n3000 lost 3/7 by 0\n"
	                          "4000 restored 3/7\n5000 restored 2/6\n");
}
END_TEST

START_TEST(a_group_comes_again_with_its_first)
{
	world_must_plan(&w, "[{'id':'a','kind':'chip.loss','target':'r0.n0.c0','at':'10s',"
	                    "'every':'20s','for':'20s','together':'x'},"
	                    "{'id':'b','kind':'shape.creep','together':'x','for':'20s'}]");
	drive(&w, 60 * NS_PER_S);
	ck_assert_str_eq(rec.log,
	        "10000 lost 0/5 by 0\n10000 shape 1 on\n30000 restored 0/5\n30000 shape 1 off\n"
	        "30000 lost 0/5 by 0\n30000 shape 1 on\n50000 restored 0/5\n50000 shape 1 off\n"
	        "50000 lost 0/5 by 0\n50000 shape 1 on\n60000 restored 0/5\n60000 shape 1 off\n");
}
END_TEST

START_TEST(targets_are_hit_in_turn_and_let_go_together)
{
	world_must_plan(&w, "[{'id':'a','kind':'chip.loss','target':'all','at':'1s','for':'450ms',"
	                    "'stagger':'100ms'}]");
	drive(&w, 60 * NS_PER_S);
	ck_assert_str_eq(rec.log, "1000 lost 0/5 by 0\n1100 lost 0/6 by 0\n1200 lost 0/7 by 0\n"
	                          "1300 lost 0/8 by 0\n1450 restored 0/5\n1450 restored 0/6\n"
	                          "1450 restored 0/7\n1450 restored 0/8\n");
	drive(&w, 1150 * NS_PER_MS); /* cut off: the others were never hit */
	ck_assert_str_eq(rec.log, "1000 lost 0/5 by 0\n1100 lost 0/6 by 0\n1150 restored 0/5\n"
	                          "1150 restored 0/6\n");
}
END_TEST

static void log_event(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	(void)ctx;
	record("%lld %u %s\n", ms(now), fault, inject ? "on" : "off");
}

START_TEST(a_phase_of_the_model_is_waited_for)
{
	struct fault_schedule schedule;

	world_must_plan(&w,
	        "[{'id':'a','kind':'chip.loss','target':'r0.n0.c0','at':'1s'},"
	        "{'id':'b','kind':'shape.creep','after':{'fault':'a','phase':'failover',"
	        "'delay':'50ms'}},"
	        "{'id':'c','kind':'shape.creep','after':{'fault':'a','phase':'detect',"
	        "'delay':'1s'}}]");
	memset(&rec, 0, sizeof(rec));
	fault_schedule_init(&schedule, &w.plan, 60 * NS_PER_S, &w.arena);
	fault_schedule_step(&schedule, NS_PER_S, log_event, NULL);
	ck_assert(fault_schedule_next_at(&schedule) == NS_NEVER);
	fault_schedule_phase(&schedule, 0, PHASE_EFFECT, 1000 * NS_PER_MS);
	fault_schedule_phase(&schedule, 0, PHASE_DETECT, 1010 * NS_PER_MS);
	ck_assert_int_eq(fault_schedule_next_at(&schedule), 2010 * NS_PER_MS);
	fault_schedule_phase(&schedule, 0, PHASE_FAILOVER, 1100 * NS_PER_MS);
	fault_schedule_phase(&schedule, 0, PHASE_FAILOVER, 1900 * NS_PER_MS); /* the first counts */
	ck_assert_int_eq(fault_schedule_next_at(&schedule), 1150 * NS_PER_MS);
	fault_schedule_step(&schedule, 1150 * NS_PER_MS, log_event, NULL);
	fault_schedule_step(&schedule, 2010 * NS_PER_MS, log_event, NULL);
	fault_schedule_phase(&schedule, 0, PHASE_FAILOVER, 2100 * NS_PER_MS);
	ck_assert(fault_schedule_next_at(&schedule) == NS_NEVER);
	fault_schedule_finish(&schedule, 3 * NS_PER_S, log_event, NULL);
	ck_assert_str_eq(
	        rec.log, "1000 0 on\n1150 1 on\n2010 2 on\n3000 0 off\n3000 1 off\n3000 2 off\n");
}
END_TEST

START_TEST(whatever_is_cut_off_is_ended)
{
	static const char text[] =
	        "[{'id':'a','kind':'link.flap','target':'all','at':'1s','down':'30ms','up':'20ms'},"
	        "{'id':'b','kind':'chip.loss','target':'any(3)','every':'70ms','for':'40ms'},"
	        "{'id':'c','kind':'shape.outlier','at':'1100ms'},"
	        "{'id':'d','kind':'ethernet.jitter','at':'1s','for':'100ms'}]";

	for (int64_t end = 990 * NS_PER_MS; end < 1200 * NS_PER_MS; end += 7 * NS_PER_MS) {
		world_must_plan(&w, text);
		drive(&w, end);
	}
}
END_TEST

START_TEST(a_trigger_waits_for_its_condition_to_last)
{
	const struct trigger_spec spec = {.op = TRIGGER_GT, .value = 5, .for_ns = 20 * NS_PER_MS};
	struct trigger t;

	trigger_init(&t, &spec);
	ck_assert(!trigger_sample(&t, 0, 6));
	ck_assert(!trigger_sample(&t, 10 * NS_PER_MS, 6));
	ck_assert(!trigger_sample(&t, 20 * NS_PER_MS, 5));
	ck_assert(!trigger_sample(&t, 30 * NS_PER_MS, 7));
	ck_assert(!trigger_sample(&t, 40 * NS_PER_MS, (double)NAN));
	ck_assert(!trigger_sample(&t, 50 * NS_PER_MS, 7));
	ck_assert(!trigger_sample(&t, 60 * NS_PER_MS, 7));
	ck_assert(trigger_sample(&t, 70 * NS_PER_MS, 7));
}
END_TEST

START_TEST(a_signal_starts_a_fault_once)
{
	struct fault_schedule schedule;

	world_must_plan(&w, "[{'id':'c','kind':'chip.loss','target':'r0.n0.c0','for':'1s','when':"
	                    "{'signal':'in_flight','op':'>=','value':10,'for':'10ms'}}]");
	fault_schedule_init(&schedule, &w.plan, 60 * NS_PER_S, &w.arena);
	fault_schedule_sample(&schedule, 0, 0, 10);
	ck_assert(fault_schedule_next_at(&schedule) == NS_NEVER);
	fault_schedule_sample(&schedule, 10 * NS_PER_MS, 0, 10);
	ck_assert_int_eq(fault_schedule_next_at(&schedule), 10 * NS_PER_MS + 1);
	fault_schedule_sample(&schedule, 20 * NS_PER_MS, 0, 10);
	ck_assert_int_eq(fault_schedule_next_at(&schedule), 10 * NS_PER_MS + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault machines");
	TCase *tc = tcase_create("machines");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_flap_cycles_until_reverted);
	tcase_add_test(tc, reverts_come_before_injects);
	tcase_add_test(tc, every_comes_again);
	tcase_add_test(tc, ends_come_first_over_all_faults);
	tcase_add_test(tc, one_after_the_other);
	tcase_add_test(tc, a_group_comes_again_with_its_first);
	tcase_add_test(tc, targets_are_hit_in_turn_and_let_go_together);
	tcase_add_test(tc, a_phase_of_the_model_is_waited_for);
	tcase_add_test(tc, whatever_is_cut_off_is_ended);
	tcase_add_test(tc, a_trigger_waits_for_its_condition_to_last);
	tcase_add_test(tc, a_signal_starts_a_fault_once);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
