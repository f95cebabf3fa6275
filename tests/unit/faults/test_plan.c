/* Fault lists: what they become, and what is refused where. */
#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

#define FLAP "'kind':'link.flap','target':'r0.n0-r0.n1.0'"

static struct world w;

static void set_up(void)
{
	world_init(&w);
}

static void tear_down(void)
{
	world_free(&w);
}

START_TEST(no_faults)
{
	ck_assert(fault_plan_parse((struct jval){0}, 1, NS_PER_S, &WORLD_RESOLVER, &w.arena,
	                  &w.plan, &w.err) == ERR_NONE);
	ck_assert_uint_eq(w.plan.n, 0);
	world_must_plan(&w, "[]");
}
END_TEST

START_TEST(canonical_is_sorted_and_complete)
{
	struct json_out o;

	world_must_plan(&w,
	        "[{'for':'2s','id':'f'," FLAP ",'at':'20s'},"
	        "{'id':'o','kind':'shape.outlier','at':'0s'},"
	        "{'id':'w','kind':'ethernet.jitter','when':{'signal':'in_flight','op':'>',"
	        "'value':5}}]");
	json_out_init(&o, 0);
	fault_plan_canonical(&w.plan, &WORLD_RESOLVER, &o, NULL);
	ck_assert_str_eq(o.buf,
	        "[{\"at_ns\":20000000000,\"down_ns\":50000000,\"every_ns\":0,\"for_ns\":2000000000,"
	        "\"id\":\"f\",\"kind\":\"link.flap\",\"target\":[\"r0.n0-r0.n1.0\"],"
	        "\"up_ns\":200000000,\"when\":null},"
	        "{\"at_ns\":0,\"every_ns\":0,\"for_ns\":null,\"id\":\"o\",\"kind\":\"shape."
	        "outlier\","
	        "\"output_tokens\":null,\"prompt_tokens\":4000,\"share\":0.02,\"target\":[\"t\"],"
	        "\"when\":null},"
	        "{\"at_ns\":null,\"correlation\":0.25,\"delay_ns\":5000000,\"distribution\":"
	        "\"normal\","
	        "\"every_ns\":0,\"for_ns\":null,\"id\":\"w\",\"jitter_ns\":2000000,"
	        "\"kind\":\"ethernet.jitter\",\"target\":[\"eth.ingress\"],"
	        "\"when\":{\"for_ns\":0,\"op\":\">\",\"pool\":null,\"signal\":\"in_flight\","
	        "\"value\":5}}]");
	json_out_free(&o);
}
END_TEST

START_TEST(targets_are_sorted_and_distinct)
{
	world_must_plan(&w, "[{'id':'f','kind':'link.flap','at':'1s',"
	                    "'target':['r0.n1-r0.n2.0','r0.n0-r0.n1.0','r0.n1-r0.n2.0']}]");
	ck_assert_uint_eq(w.plan.faults[0].n_targets, 2);
	ck_assert_uint_eq(w.plan.faults[0].targets[0], 0);
	ck_assert_str_eq(w.plan.faults[0].target, "r0.n0-r0.n1.0,r0.n1-r0.n2.0");
	world_must_plan(&w, "[{'id':'f','kind':'link.flap','at':'1s','target':'all'}]");
	ck_assert_uint_eq(w.plan.faults[0].n_targets, 4);
}
END_TEST

START_TEST(any_is_drawn_by_seed_and_id)
{
	unsigned hit[9] = {0};

	for (uint64_t seed = 0; seed < 400; seed++) {
		const struct fault_spec *f = &w.plan.faults[0];

		ck_assert(world_plan(&w,
		                  "[{'id':'f','kind':'chip.loss','at':'1s','target':'any(2)'}]",
		                  seed) == ERR_NONE);
		f = &w.plan.faults[0];
		ck_assert_uint_eq(f->n_targets, 2);
		ck_assert(f->targets[0] >= 5 && f->targets[0] < f->targets[1] && f->targets[1] < 9);
		hit[f->targets[0]]++;
		hit[f->targets[1]]++;
	}
	for (int i = 5; i < 9; i++)
		ck_assert(hit[i] > 140 && hit[i] < 260);
}
END_TEST

START_TEST(what_is_no_overlap)
{
	world_must_plan(&w, "[{'id':'a'," FLAP ",'at':'1s','for':'1s'},"
	                    "{'id':'b'," FLAP ",'at':'2s','for':'1s'},"
	                    "{'id':'c','kind':'link.flap','target':'r0.n0-r0.n1.1','at':'1s'},"
	                    "{'id':'d'," FLAP ",'at':'5s','every':'10s','for':'2s'},"
	                    "{'id':'e'," FLAP ",'at':'7s','every':'10s','for':'8s'},"
	                    "{'id':'f','kind':'shape.creep','at':'1s'},"
	                    "{'id':'g','kind':'shape.creep','at':'1s'}]");
	ck_assert_uint_eq(fault_plan_find(&w.plan, "e"), 4);
	ck_assert_uint_eq(fault_plan_find(&w.plan, "z"), UINT32_MAX);
}
END_TEST

START_TEST(bad_faults_are_refused_at_their_place)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	        {"{}", "s.json:1:1: $: expected a list of at most 256 faults"},
	        {"[7]", "s.json:1:2:"},
	        {"[{'id':'f'}]", "expected the key 'kind', found none"},
	        {"[{'id':'f','kind':'link.flop'}]", "s.json:1:19: f.kind: expected a fault kind "
	                                            "(nearest is 'link.flap'), found "
	                                            "'link.flop'"},
	        {"[{'id':'f','kind':'volcano.eruption','at':'1s'}]", "of `lpuchaos faults`"},
	        {"[{'kind':'link.flap','at':'1s','target':'all'}]", "expected the key 'id'"},
	        {"[{'id':'F','kind':'link.flap','at':'1s','target':'all'}]", "s.json:1:8:"},
	        {"[{'id':'f'," FLAP "}]", "'at', 'every' and 'when'"},
	        {"[{'id':'f'," FLAP ",'at':'60s'}]", "an instant before the end of the run, 1m"},
	        {"[{'id':'f'," FLAP ",'at':'-1s'}]", "a duration with its unit"},
	        {"[{'id':'f'," FLAP ",'at':5}]", "a duration with its unit"},
	        {"[{'id':'f'," FLAP ",'at':'5s','for':'0s'}]", "for: expected a duration above"},
	        {"[{'id':'f'," FLAP ",'at':'5s','dwon':'1s'}]", "nearest is 'down'"},
	        {"[{'id':'f'," FLAP ",'at':'5s','down':'0ms'}]", "down: expected a duration above"},
	        {"[{'id':'f'," FLAP ",'every':'5s'}]", "expected the key 'for' with 'every'"},
	        {"[{'id':'f'," FLAP ",'every':'5s','for':'6s'}]", "cannot overlap itself"},
	        {"[{'id':'f'," FLAP ",'every':'1us','for':'1us'}]", "at most 1000000 occurrences"},
	        {"[{'id':'f'," FLAP ",'at':'1s','when':{}}]", "found both"},
	        {"[{'id':'f'," FLAP ",'when':{'signal':'pool.queue_ms','op':'>','value':'5ms'}}]",
	                "expected the key 'pool' with pool.queue_ms"},
	        {"[{'id':'f'," FLAP ",'when':{'signal':'error_ratio','op':'>','value':2}}]",
	                "a share from 0 to 1"},
	        {"[{'id':'f','kind':'link.flap','at':'1s'}]",
	                "expected the key 'target', found none"},
	        {"[{'id':'f','kind':'link.flap','at':'1s','target':'r0.n0-r0.n1.9'}]",
	                "target: expected a c2c link (nearest is 'r0.n0-r0.n1.1'), found "
	                "'r0.n0-r0.n1.9'"},
	        {"[{'id':'f','kind':'link.flap','at':'1s','target':'r0.n0.c0'}]",
	                "which is chip r0.n0.c0"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':'spare'}]",
	                "a target that exists here"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':'any(5)'}]", "n of at most 4"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':'any(0)'}]", "n of at least 1"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':'any(x)'}]", "n of at least 1"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':7}]", "the name of a target"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':[]}]", "1 to 65536 targets"},
	        {"[{'id':'f','kind':'chip.loss','at':'1s','target':'r0.n0.c0','detect':'smelt'}]",
	                "one of flagged, timeout, polled"},
	        {"[{'id':'f','kind':'shape.outlier','at':'1s','share':2}]", "share"},
	        {"[{'id':'f'," FLAP ",'at':'5s'},{'id':'f'," FLAP ",'at':'1s','for':'1s'}]",
	                "found 'f' a second time"},
	        {"[{'id':'f'," FLAP ",'at':'5s'},{'id':'g'," FLAP ",'at':'9s'}]",
	                "found 'f' and 'g' at one time on r0.n0-r0.n1.0"},
	        {"[{'id':'f'," FLAP ",'at':'9s','for':'5s'},{'id':'g','kind':'link.flap','target':"
	         "'all','at':'0s','every':'4s','for':'2s'}]",
	                "no overlap of exclusive faults"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char line[1024];

		ck_assert_msg(world_plan(&w, bad[i].text, 1) == ERR_USAGE, "%s", bad[i].text);
		error_format(&w.err, line, sizeof(line));
		ck_assert_msg(strstr(line, bad[i].error) && strncmp(line, "s.json:1:", 9) == 0,
		        "%s\nfound: %s", bad[i].text, line);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault plan");
	TCase *tc = tcase_create("plan");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, no_faults);
	tcase_add_test(tc, canonical_is_sorted_and_complete);
	tcase_add_test(tc, targets_are_sorted_and_distinct);
	tcase_add_test(tc, any_is_drawn_by_seed_and_id);
	tcase_add_test(tc, what_is_no_overlap);
	tcase_add_test(tc, bad_faults_are_refused_at_their_place);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
