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

START_TEST(what_follows_from_a_plan_is_planned)
{
	world_must_plan(&w,
	        "[{'id':'d','kind':'shape.creep','after':{'fault':'c','phase':'inject'}},"
	        "{'id':'a'," FLAP ",'at':'1s','for':'2s','together':'x'},"
	        "{'id':'b','kind':'shape.creep','together':'x'},"
	        "{'id':'c'," FLAP ",'after':{'fault':'a','phase':'revert','delay':'500ms'}},"
	        "{'id':'e','kind':'chip.loss','target':'r0.n0.c0',"
	        "'after':{'fault':'a','phase':'detect','delay':'50ms'}},"
	        "{'id':'f','kind':'shape.creep','when':{'signal':'fault.phase','fault':'e',"
	        "'phase':'inject','for':'7ms'}}]");
	ck_assert_int_eq(w.plan.faults[0].at_ns, 3500 * NS_PER_MS);
	ck_assert_int_eq(w.plan.faults[2].at_ns, 1000 * NS_PER_MS);
	ck_assert_int_eq(w.plan.faults[3].at_ns, 3500 * NS_PER_MS);
	ck_assert(w.plan.faults[3].planned && !w.plan.faults[4].planned);
	ck_assert(!w.plan.faults[5].planned && w.plan.faults[5].start == START_AFTER);
	ck_assert_int_eq(w.plan.faults[5].after.delay_ns, 7 * NS_PER_MS);
	ck_assert_uint_eq(w.plan.faults[1].awaited,
	        1u << PHASE_INJECT | 1u << PHASE_REVERT | 1u << PHASE_DETECT);
}
END_TEST

START_TEST(after_a_revert_is_no_overlap)
{
	/* Whenever the first comes: the second, and what waits for that one, come when it is over.
	 */
	world_must_plan(&w,
	        "[{'id':'a'," FLAP ",'when':{'signal':'in_flight','op':'>','value':5},'for':'1s'},"
	        "{'id':'b'," FLAP ",'after':{'fault':'a','phase':'revert'},'for':'1s'},"
	        "{'id':'c'," FLAP ",'after':{'fault':'b','phase':'revert','delay':'1s'}}]");
}
END_TEST

START_TEST(canonical_has_what_is_used)
{
	struct json_out o;

	world_must_plan(&w,
	        "[{'id':'a','kind':'link.flap','target':['r0.n0-r0.n1.0','r0.n0-r0.n1.1'],"
	        "'every':{'law':'weibull','mtbf':'9s','shape':0.5},'at':'2s','for':'1s',"
	        "'stagger':'5ms','together':'x'},"
	        "{'id':'b','kind':'shape.creep','together':'x','for':'1s'},"
	        "{'id':'c','kind':'shape.creep','after':{'fault':'a','phase':'revert'}}]");
	json_out_init(&o, 0);
	fault_plan_canonical(&w.plan, &WORLD_RESOLVER, &o, NULL);
	ck_assert_ptr_nonnull(strstr(o.buf,
	        "[{\"at_ns\":2000000000,\"down_ns\":50000000,\"every_law\":{\"law\":\"weibull\","
	        "\"mean_ns\":9000000000,\"shape\":0.5},\"every_ns\":9000000000,"));
	ck_assert_ptr_nonnull(strstr(o.buf, "\"stagger_ns\":5000000,\"target\":["));
	ck_assert_ptr_nonnull(strstr(o.buf, "\"],\"together\":\"x\",\"up_ns\":"));
	ck_assert_ptr_nonnull(
	        strstr(o.buf, "{\"after\":{\"delay_ns\":0,\"fault\":\"a\",\"phase\":\"revert\"},"
	                      "\"at_ns\":null,"));
	json_out_free(&o);
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
	        {"[{'id':'f'," FLAP "}]", "'when', 'after' and 'together'"},
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
	        {"[{'id':'f','kind':'ethernet.loss','at':'1s','correlation':1}]",
	                "correlation: expected a share below 100%"},
	        {"[{'id':'f','kind':'ethernet.loss','at':'1s','model':'gemodel','p':0,'r':0}]",
	                "r: expected p or r above 0%"},
	        {"[{'id':'f','kind':'control.frontend_loss','at':'1s','target':'fe9'}]",
	                "expected a frontend (nearest is 'fe0'), found 'fe9'"},
	        {"[{'id':'f','kind':'ethernet.partition','at':'1s','target':'r0.n0'}]",
	                "found 'r0.n0', which is node r0.n0"},
	        {"[{'id':'f'," FLAP ",'every':7,'for':'1s'}]", "every: expected a duration"},
	        {"[{'id':'f'," FLAP ",'every':{'law':'pareto'},'for':'1s'}]",
	                "every.law: expected one of fixed, exponential, weibull"},
	        {"[{'id':'f'," FLAP ",'every':{'law':'weibull','mtbf':'1s'},'for':'1s'}]",
	                "expected the key 'shape'"},
	        {"[{'id':'f'," FLAP
	         ",'every':{'law':'weibull','mtbf':'1s','shape':0.05},'for':'1s'}]",
	                "every.shape: expected"},
	        {"[{'id':'f'," FLAP ",'every':{'law':'exponential','mtbf':'1s'},'for':'1s'}]",
	                "every.mtbf: expected"},
	        {"[{'id':'f'," FLAP ",'every':{'law':'exponential','mean':'1us'},'for':'1us'}]",
	                "at most 1000000 occurrences"},
	        {"[{'id':'f'," FLAP ",'every':{'law':'exponential','mean':'1s'}}]",
	                "expected the key 'for' with 'every'"},
	        {"[{'id':'f'," FLAP
	         ",'at':'1s','for':'1s'},{'id':'g','kind':'link.flap','target':'all',"
	         "'every':{'law':'exponential','mean':'100ms'},'for':'1ms'}]",
	                "found 'f' and 'g' at one time"},
	        {"[{'id':'f'," FLAP ",'at':'1s','after':{'fault':'g','phase':'revert'}}]",
	                "either 'after' or 'at', found both"},
	        {"[{'id':'f'," FLAP ",'when':{},'after':{}}]",
	                "either 'when' or 'after', found both"},
	        {"[{'id':'f'," FLAP ",'after':{'phase':'revert'}}]", "expected the key 'fault'"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'g'}}]", "expected the key 'phase'"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'g','phase':'recover'}}]",
	                "one of inject, effect, detect, isolate, failover, revert"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'f','phase':'revert'}}]", "found its own"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'gg','phase':'revert'}},{'id':'g','kind':"
	         "'shape.creep','at':'1s'}]",
	                "after.fault: expected the id of another fault (nearest is 'g'), found "
	                "'gg'"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'g','phase':'revert'}},{'id':'g','kind':"
	         "'shape.creep','at':'1s'}]",
	                "a fault that is reverted in the run, found 'g', which has no 'for'"},
	        {"[{'id':'f'," FLAP
	         ",'after':{'fault':'g','phase':'revert','delay':'50s'}},{'id':'g',"
	         "'kind':'shape.creep','at':'9s','for':'1s'}]",
	                "after: expected an instant before the end of the run, 1m, found 1m"},
	        {"[{'id':'f'," FLAP
	         ",'after':{'fault':'g','phase':'detect','delay':'49ms'}},{'id':'g',"
	         "'kind':'shape.creep','at':'9s'}]",
	                "after.delay: expected 'delay' of at least 50ms after 'detect'"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'g','phase':'effect'}},{'id':'g','kind':"
	         "'shape.creep','at':'9s'}]",
	                "f.after: expected 'delay' of at least 50ms after 'effect'"},
	        {"[{'id':'f'," FLAP
	         ",'when':{'signal':'fault.phase','fault':'g','phase':'effect'}},"
	         "{'id':'g','kind':'shape.creep','at':'9s'}]",
	                "f.when: expected 'for' of at least 50ms after 'effect'"},
	        {"[{'id':'f'," FLAP ",'when':{'signal':'fault.phase','fault':'g','op':'>'}}]",
	                "when.op: expected"},
	        {"[{'id':'f'," FLAP ",'after':{'fault':'g','phase':'inject'}},{'id':'g','kind':"
	         "'shape.creep','after':{'fault':'f','phase':'inject'}}]",
	                "found 'f' waiting for itself by way of 'g'"},
	        {"[{'id':'f'," FLAP ",'together':'x'}]",
	                "another fault of the group 'x', found none"},
	        {"[{'id':'f'," FLAP
	         ",'together':'x'},{'id':'g','kind':'shape.creep','together':'x'}]",
	                "with 'at', 'every', 'when' or 'after', found none"},
	        {"[{'id':'f'," FLAP ",'together':'x','at':'1s'},{'id':'g','kind':'shape.creep',"
	         "'together':'x','at':'1s'}]",
	                "expected one start in the group 'x', found those of 'f' and 'g'"},
	        {"[{'id':'f'," FLAP ",'together':'x','every':'9s','for':'1s'},{'id':'g','kind':"
	         "'shape.creep','together':'x','for':'2s'}]",
	                "'for' of at most that of 'f'"},
	        {"[{'id':'f'," FLAP ",'together':'x','at':'1s'},{'id':'g'," FLAP
	         ",'together':'x'}]",
	                "found 'f' and 'g' at one time"},
	        {"[{'id':'f'," FLAP ",'at':'1s','stagger':'1s'}]",
	                "stagger: expected 'stagger' with two targets or more, found 1"},
	        {"[{'id':'f','kind':'link.flap','target':'all','at':'1s','for':'3s','stagger':'1s'}"
	         "]",
	                "a duration that has the last of 4 targets hit within 3s"},
	        {"[{'id':'f','kind':'shape.creep','at':'1s','stagger':'1s'}]",
	                "expected no 'stagger' with shape.creep"},
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
	tcase_add_test(tc, what_follows_from_a_plan_is_planned);
	tcase_add_test(tc, after_a_revert_is_no_overlap);
	tcase_add_test(tc, canonical_has_what_is_used);
	tcase_add_test(tc, bad_faults_are_refused_at_their_place);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
