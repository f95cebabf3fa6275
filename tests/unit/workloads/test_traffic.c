/* Parsing of traffic with its errors, exact arrivals, frozen first draws of every process. */
#include "tests/support/run_suite.h"
#include "tests/unit/workloads/given.h"
#include "workloads/reshape.h"

#define ONE                                                                                        \
	"'prompt_tokens':{'dist':'constant','value':1},'output_tokens':{'dist':'constant','value'" \
	":1}"
#define LAWS "'arrival':{'process':'constant','rate':1}," ONE

static struct given g;

static void set_up(void)
{
	given_init(&g);
}

static void tear_down(void)
{
	given_free(&g);
}

START_TEST(constant_is_exact)
{
	struct traffic *t;
	struct arrival a;
	uint64_t n = 0;

	ck_assert(given_traffic(&g,
	                  "[{'name':'a','arrival':{'process':'constant','rate':3}," ONE "}]",
	                  60 * NS_PER_S) == ERR_NONE);
	t = given_start(&g, 1, 60 * NS_PER_S);
	for (; given_next(&g, t, &a); n++) {
		ck_assert_int_eq(a.at_ns, (int64_t)(n * NS_PER_S / 3));
		ck_assert_uint_eq(a.request_id, n + 1);
	}
	ck_assert_uint_eq(n, 180);
	traffic_close(t);
}
END_TEST

START_TEST(constant_does_not_drift)
{
	struct arrival_spec spec = {.process = ARRIVAL_CONSTANT, .rate = 33.3};
	struct arrival_state s;

	arrival_start(&s, &spec, prng_stream(1, "x"), NS_MAX);
	s.n = 999999999;
	ck_assert_int_eq(arrival_next(&s), INT64_C(30030030000000000));
}
END_TEST

/* What these numbers are does not matter; that they stay does: every golden digest hangs on them.
 */
START_TEST(first_arrivals_are_frozen)
{
	static const struct {
		const char *arrival;
		int64_t at[3];
	} frozen[] = {
	        {"{'process':'constant','rate':7}", {0, 142857142, 285714285}},
	        {"{'process':'poisson','rate':7}", {47953799, 220627271, 256321038}},
	        {"{'process':'gamma','rate':7,'cv':3}", {189075561, 190274204, 190383930}},
	        {"{'process':'onoff','rate':7,'burst_factor':4,'period':'1s'}",
	                {11988449, 55156817, 64080259}},
	        {"{'process':'ramp','from':0,'to':20}", {1419175672, 3044067247, 3281079645}},
	};

	for (size_t i = 0; i < ARRAY_LEN(frozen); i++) {
		struct traffic *t;
		struct arrival a;
		char text[512];

		snprintf(text, sizeof(text), "[{'name':'a','arrival':%s," ONE "}]",
		        frozen[i].arrival);
		ck_assert(given_traffic(&g, text, 60 * NS_PER_S) == ERR_NONE);
		t = given_start(&g, 42, 60 * NS_PER_S);
		for (int k = 0; k < 3; k++) {
			ck_assert(given_next(&g, t, &a));
			ck_assert_msg(a.at_ns == frozen[i].at[k], "%s: %lld", frozen[i].arrival,
			        (long long)a.at_ns);
		}
		traffic_close(t);
	}
}
END_TEST

START_TEST(first_lengths_are_frozen)
{
	static const char text[] =
	        "[{'name':'a','arrival':{'process':'constant','rate':10},"
	        "'prompt_tokens':{'dist':'lognormal','median':1020,'p99':4142,'max':8192},"
	        "'output_tokens':{'dist':'uniform','min':10,'max':200}}]";
	static const int64_t prompt[] = {955, 444, 849, 995}, output[] = {84, 93, 160, 175};
	struct traffic *t;
	struct arrival a;

	ck_assert(given_traffic(&g, text, 60 * NS_PER_S) == ERR_NONE);
	t = given_start(&g, 42, 60 * NS_PER_S);
	for (size_t k = 0; k < ARRAY_LEN(prompt); k++) {
		ck_assert(given_next(&g, t, &a));
		ck_assert_int_eq(a.prompt_tokens, prompt[k]);
		ck_assert_int_eq(a.output_tokens, output[k]);
	}
	traffic_close(t);
}
END_TEST

START_TEST(onoff_is_silent_after_its_burst)
{
	struct traffic *t;
	struct arrival a;

	ck_assert(given_traffic(&g,
	                  "[{'name':'a','arrival':{'process':'onoff','rate':100,'burst_factor':4,"
	                  "'period':'2s'}," ONE "}]",
	                  100 * NS_PER_S) == ERR_NONE);
	t = given_start(&g, 7, 100 * NS_PER_S);
	while (given_next(&g, t, &a))
		ck_assert_int_lt(a.at_ns % (2 * NS_PER_S), NS_PER_S / 2);
	traffic_close(t);
}
END_TEST

START_TEST(caps_clip_and_count)
{
	struct traffic_counts counts;
	struct traffic *t;
	struct arrival a;

	ck_assert(given_traffic(&g,
	                  "[{'name':'a','tier':'x','max_tokens':5,"
	                  "'arrival':{'process':'constant','rate':10},"
	                  "'prompt_tokens':{'dist':'constant','value':10.2,'max':9},"
	                  "'output_tokens':{'dist':'constant','value':6.5}}]",
	                  NS_PER_S) == ERR_NONE);
	t = given_start(&g, 7, NS_PER_S);
	while (given_next(&g, t, &a)) {
		ck_assert_int_eq(a.prompt_tokens, 9);
		ck_assert_int_eq(a.output_tokens, 5);
		ck_assert_int_eq(a.max_tokens, 5);
	}
	counts = traffic_counts(t);
	ck_assert_uint_eq(counts.emitted, 10);
	ck_assert_uint_eq(counts.clipped_prompt, 10);
	ck_assert_uint_eq(counts.clipped_output, 10);
	traffic_close(t);
}
END_TEST

START_TEST(merge_orders_by_instant_then_tenant)
{
	struct traffic *t;
	struct arrival a;

	ck_assert(given_traffic(&g,
	                  "[{'name':'a'," LAWS "},{'name':'b','tier':'b'," LAWS
	                  "},{'name':'c'," LAWS "}]",
	                  3 * NS_PER_S) == ERR_NONE);
	ck_assert_uint_eq(g.spec->n_tiers, 2);
	ck_assert_uint_eq(g.spec->tenants[2].tier_index, 0);
	t = given_start(&g, 7, 3 * NS_PER_S);
	for (uint32_t i = 0; i < 9; i++) {
		ck_assert(given_next(&g, t, &a));
		ck_assert_uint_eq(a.tenant, i % 3);
		ck_assert_uint_eq(a.request_id, i + 1);
		ck_assert_int_eq(a.at_ns, (int64_t)(i / 3) * NS_PER_S);
	}
	ck_assert(!given_next(&g, t, &a));
	ck_assert(!given_next(&g, t, &a));
	traffic_close(t);
}
END_TEST

START_TEST(empirical_draws_its_weights)
{
	struct length_spec law;
	bool never = true;

	ck_assert(length_parse(given_json(&g, "{'dist':'empirical','values':[3,5,7.5],"
	                                      "'weights':[1,0,3]}"),
	                  &g.arena, &law, &g.err) == ERR_NONE);
	ck_assert_int_eq(length_at(&law, 0), 3);
	ck_assert_int_eq(length_at(&law, (UINT64_C(1) << 62) - 1), 3);
	ck_assert_int_eq(length_at(&law, UINT64_C(1) << 62), 8);
	for (uint64_t i = 0; i < 1000; i++)
		never = never && length_at(&law, i << 54) != 5;
	ck_assert(never);
}
END_TEST

START_TEST(reshaping_is_by_request)
{
	struct length_spec law;
	struct reshape_outlier o = {.key = prng_purpose(1, "shape/f"), .share_ppb = 100000000};
	struct reshape_creep c = {
	        .tokens_per_min_nano = UINT64_C(600) * 1000000000, .ceiling = 150};
	struct arrival a = {.prompt_tokens = 100, .output_tokens = 9, .max_tokens = 10};
	unsigned n = 0;

	ck_assert(length_parse(given_json(&g, "{'dist':'constant','value':4000}"), &g.arena, &law,
	                  &g.err) == ERR_NONE);
	o.prompt = o.output = &law;
	for (a.request_id = 1; a.request_id <= 10000; a.request_id++) {
		struct arrival b = a;

		n += reshape_outlier_apply(&o, &b);
		ck_assert(b.prompt_tokens == 100 ||
		          (b.prompt_tokens == 4000 && b.output_tokens == 10));
	}
	ck_assert_uint_gt(n, 880);
	ck_assert_uint_lt(n, 1120);
	ck_assert(!reshape_creep_apply(&c, NS_PER_S / 10 - 1, &a));
	ck_assert(reshape_creep_apply(&c, NS_PER_S, &a));
	ck_assert_int_eq(a.prompt_tokens, 110);
	ck_assert(reshape_creep_apply(&c, 3600 * NS_PER_S, &a));
	ck_assert_int_eq(a.prompt_tokens, 150);
	a.prompt_tokens = 151;
	ck_assert(!reshape_creep_apply(&c, 3600 * NS_PER_S, &a));
}
END_TEST

START_TEST(bad_traffic_is_refused_at_its_place)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	        {"{}", "s.json:1:1: $: expected a list of 1 to 64 traffic entries"},
	        {"[]", "s.json:1:1:"},
	        {"[{'name':'a'}]", "expected the key 'arrival' (or 'trace'), found none"},
	        {"[{'name':'A'," LAWS "}]", "s.json:1:10:"},
	        {"[{'name':'a'," LAWS "},{'name':'a'," LAWS "}]", "found 'a' a second time"},
	        {"[{'name':'a','nmae':1," LAWS "}]", "nearest is 'name'"},
	        {"[{'name':'a','arrival':{'process':'poison','rate':1}," ONE "}]",
	                "nearest is 'poisson'"},
	        {"[{'name':'a','arrival':{'rate':1}," ONE "}]", "expected the key 'process'"},
	        {"[{'name':'a','arrival':{'process':'poisson','rate':0}," ONE "}]", "rate"},
	        {"[{'name':'a','arrival':{'process':'poisson','rate':1000001}," ONE "}]", "rate"},
	        {"[{'name':'a','arrival':{'process':'poisson','rate':1,'cv':2}," ONE "}]", "'cv'"},
	        {"[{'name':'a','arrival':{'process':'onoff','rate':600000,'burst_factor':2,"
	         "'period':'1s'}," ONE "}]",
	                "burst_factor * rate"},
	        {"[{'name':'a','arrival':{'process':'ramp','from':0,'to':0}," ONE "}]", "ramp"},
	        {"[{'name':'a','arrival':{'process':'poisson','rate':900000}," ONE "}]",
	                "at most 10^9 requests"},
	        {"[{'name':'a','timeout':5," LAWS "}]", "a duration with its unit"},
	        {"[{'name':'a','trace':{'file':'x','format':'azure'}," LAWS "}]", "found both"},
	        {"[{'name':'a','trace':{'file':'x','format':'azure','smear':true}}]", "mooncake"},
	        {"[{'name':'a','trace':{'file':'x','format':'azure','speed':0}}]", "speed"},
	        {"[{'name':'a','arrival':{'process':'constant','rate':1},"
	         "'prompt_tokens':{'dist':'uniform','min':5,'max':4},"
	         "'output_tokens':{'dist':'constant','value':1}}]",
	                "a max of at least the min"},
	        {"[{'name':'a','arrival':{'process':'constant','rate':1},"
	         "'prompt_tokens':{'dist':'lognormal','median':5,'p99':4},"
	         "'output_tokens':{'dist':'constant','value':1}}]",
	                "a p99 of at least the median"},
	        {"[{'name':'a','arrival':{'process':'constant','rate':1},"
	         "'prompt_tokens':{'dist':'empirical','values':[1,-2]},"
	         "'output_tokens':{'dist':'constant','value':1}}]",
	                "a token count above 0"},
	        {"[{'name':'a','arrival':{'process':'constant','rate':1},"
	         "'prompt_tokens':{'dist':'empirical','values':[1,2],'weights':[1]},"
	         "'output_tokens':{'dist':'constant','value':1}}]",
	                "expected 2 weights"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(given_traffic(&g, bad[i].text, 3600 * NS_PER_S) == ERR_USAGE, "%s",
		        bad[i].text);
		given_error(&g, bad[i].error);
	}
}
END_TEST

START_TEST(canonical_form_expands_defaults)
{
	struct json_out o;

	ck_assert(given_traffic(&g,
	                  "[{" ONE ",'arrival':{'rate':2.50,'process':'poisson'},'name':'a'}]",
	                  NS_PER_S) == ERR_NONE);
	json_out_init(&o, 0);
	traffic_canonical(g.spec, &o, NULL);
	ck_assert_uint_eq(o.n, strlen(o.buf));
	ck_assert_ptr_nonnull(strstr(o.buf, "\"timeout_ns\":600000000000"));
	ck_assert_ptr_nonnull(strstr(o.buf, "\"tier\":\"default\""));
	ck_assert_ptr_nonnull(strstr(o.buf, "{\"arrival\":{\"process\":\"poisson\",\"rate\":2.5}"));
	json_out_free(&o);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("traffic");
	TCase *tc = tcase_create("traffic");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, constant_is_exact);
	tcase_add_test(tc, constant_does_not_drift);
	tcase_add_test(tc, first_arrivals_are_frozen);
	tcase_add_test(tc, first_lengths_are_frozen);
	tcase_add_test(tc, onoff_is_silent_after_its_burst);
	tcase_add_test(tc, caps_clip_and_count);
	tcase_add_test(tc, merge_orders_by_instant_then_tenant);
	tcase_add_test(tc, empirical_draws_its_weights);
	tcase_add_test(tc, reshaping_is_by_request);
	tcase_add_test(tc, bad_traffic_is_refused_at_its_place);
	tcase_add_test(tc, canonical_form_expands_defaults);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
