/* Scenarios and suites from files to structures: edits, seeds, matrices, digests, the way to the
 * other process and back. Everything is written into a folder of its own below TMPDIR. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/run/plan.h"
#include "tests/support/run_suite.h"

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static const char rack[] =
        "{\"pools\": [{\"name\": \"p\", \"instances\": 1, \"entry\": \"immediate\",\n"
        "  \"admission\": {\"policy\": \"none\"},\n"
        "  \"buckets\": [{\"max_seq\": 4096, \"frame\": \"10ms\", \"slots\": 2,\n"
        "                 \"prefill_tokens_per_frame\": 64}]}]}";

static const char scenario[] =
        "{\"version\": 1, \"name\": \"s\", \"duration\": \"10s\", \"deployment\": \"rack.json\",\n"
        " \"traffic\": [{\"name\": \"t\", \"tier\": \"x\",\n"
        "   \"arrival\": {\"process\": \"poisson\", \"rate\": 10},\n"
        "   \"prompt_tokens\": {\"dist\": \"constant\", \"value\": 65},\n"
        "   \"output_tokens\": {\"dist\": \"constant\", \"value\": 9}}],\n"
        " \"faults\": [{\"id\": \"jit\", \"kind\": \"ethernet.jitter\", \"target\": "
        "\"eth.ingress\",\n"
        "   \"at\": \"2s\", \"for\": \"1s\"}],\n"
        " \"slo\": [{\"id\": \"fast\", \"tier\": \"x\", \"metric\": \"ttft_ms\", \"quantile\": "
        "0.9,\n"
        "   \"max\": \"1s\"}]}";

static void set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/lpuchaos-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	write_file("rack.json", rack);
	write_file("s.json", scenario);
}

static void tear_down(void)
{
	static const char *const names[] = {"rack.json", "s.json", "suite.json", "t.csv"};
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* Loads `name` with up to two edits; the caller frees the list. */
static struct scenario_list load(const char *name, const char *set0, const char *set1)
{
	const char *set[] = {set0, set1};
	struct scenario_options options = {.set = set, .n_set = set1 ? 2 : set0 ? 1 : 0};
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_msg(scenario_load(path, &options, &list, &err) == ERR_NONE, "%s: %s", err.path,
	        err.text);
	return list;
}

static void refuse(const char *name, const char *set, const char *expected)
{
	struct scenario_options options = {.set = &set, .n_set = set ? 1 : 0};
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	char path[128], line[1024];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(scenario_load(path, &options, &list, &err), ERR_USAGE);
	error_format(&err, line, sizeof(line));
	ck_assert_msg(strstr(line, expected) != NULL, "'%s' does not hold '%s'", line, expected);
	scenario_list_free(&list);
}

START_TEST(sections_are_read)
{
	struct scenario_list list = load("s.json", NULL, NULL);
	const struct scenario *s = list.items[0];
	struct arrival a = {.prompt_tokens = 96, .output_tokens = 9};

	ck_assert_uint_eq(list.n, 1);
	ck_assert_ptr_null(list.suite);
	ck_assert_uint_eq(s->seed, 1);
	ck_assert_int_eq(s->duration_ns, 10 * NS_PER_S);
	ck_assert_int_eq(s->warmup_ns, 0);
	ck_assert_int_eq(s->drain_ns, 60 * NS_PER_S);
	ck_assert_int_eq(s->recovery_hold_ns, NS_PER_S);
	ck_assert_uint_eq(s->faults.n, 1);
	ck_assert_uint_eq(s->rules.n_slo, 1);
	ck_assert_uint_eq(s->n_warnings, 0);
	ck_assert_int_eq(scenario_max_tokens(s, &a), 4000);
	a.prompt_tokens = 5000;
	ck_assert_int_eq(scenario_max_tokens(s, &a), 1);
	a.max_tokens = 77;
	ck_assert_int_eq(scenario_max_tokens(s, &a), 77);
	scenario_list_free(&list);
}
END_TEST

START_TEST(edits_reach_named_files)
{
	struct scenario_list list = load("s.json", "deployment.pools.p.instances=2", "seed=9");

	ck_assert_uint_eq(list.items[0]->deployment.pools[0].n_instances, 2);
	ck_assert_uint_eq(list.items[0]->seed, 9);
	scenario_list_free(&list);
	refuse("s.json", "deployment.pools.q.instances=2", "pools.q.instances");
	refuse("s.json", "deployment", "option --set: expected PATH=VALUE, found 'deployment'");
	refuse("s.json", "duration=5", "--set:1:1: duration: expected a duration");
}
END_TEST

START_TEST(equal_meaning_has_an_equal_digest)
{
	struct scenario_list plain = load("s.json", NULL, NULL);
	struct scenario_list spelt = load("s.json", "warmup=0ms", "drain=1m");
	struct scenario_list other = load("s.json", "warmup=1ms", NULL);
	const uint8_t *digest = plain.items[0]->plan_digest;

	ck_assert_mem_eq(digest, spelt.items[0]->plan_digest, DIGEST_BYTES);
	ck_assert_mem_ne(digest, other.items[0]->plan_digest, DIGEST_BYTES);
	scenario_list_free(&plain);
	scenario_list_free(&spelt);
	scenario_list_free(&other);
}
END_TEST

static void assert_same_after_the_journey(const struct scenario *s)
{
	struct error err = ERROR_INIT;
	struct scenario *twin;
	size_t n;
	char *bundle = scenario_bundle(s, &n);

	ck_assert_uint_eq(strlen(bundle), n);
	ck_assert_msg(scenario_from_plan(bundle, n, &twin, &err) == ERR_NONE, "%s", err.text);
	ck_assert_str_eq(s->plan_json, twin->plan_json);
	ck_assert_mem_eq(s->plan_digest, twin->plan_digest, DIGEST_BYTES);
	mem_free(bundle);
	scenario_free(twin);
}

START_TEST(the_bundle_needs_no_file)
{
	struct scenario_list list = load("s.json", "deployment.pools.p.instances=3", "seed=12");
	struct scenario_list replay;

	write_file("t.csv", "arrival_s,prompt_tokens,output_tokens\n0.5,10,20\n1.5,11,21\n");
	replay = load("s.json",
	        "traffic=[{\"name\":\"t\",\"tier\":\"x\",\"trace\":{\"file\":\"t.csv\",\"format\":"
	        "\"csv\"}}]",
	        NULL);
	tear_down();
	assert_same_after_the_journey(list.items[0]);
	assert_same_after_the_journey(replay.items[0]);
	scenario_list_free(&list);
	scenario_list_free(&replay);
}
END_TEST

START_TEST(the_plan_counts_the_traffic)
{
	struct scenario_list list = load("s.json", "traffic.t.arrival.process=constant", NULL);
	struct plan_traffic *t = mem_alloc(1, sizeof(*t));
	struct error err = ERROR_INIT;

	ck_assert_int_eq(plan_traffic(list.items[0], t, &err), ERR_NONE);
	ck_assert_uint_eq(t->counts.emitted, 100);
	ck_assert_uint_eq(t->buckets[0][0].requests, 100);
	/* 2 frames of prefill and 8 more tokens, 10 ms each, 10 a second, on two slots */
	ck_assert_double_eq_tol(t->buckets[0][0].rho, 0.5, 1e-12);
	ck_assert_uint_eq(t->unplaced, 0);
	mem_free(t);
	scenario_list_free(&list);
}
END_TEST

START_TEST(a_matrix_multiplies)
{
	struct scenario_list list;

	write_file("suite.json",
	        "{\"version\": 1, \"name\": \"all\", \"scenarios\": [\"s.json\"],\n"
	        " \"matrix\": {\"seed\": [1, 2], \"faults.jit.for\": [\"1s\", \"2s\", \"Q\"]}}");
	refuse("suite.json", NULL, "suite.json:2:60: faults.jit.for: expected a duration");
	list = load("suite.json", "faults.jit.for=3s", NULL);
	ck_assert_uint_eq(list.n, 6);
	ck_assert_str_eq(list.suite, "all");
	ck_assert_str_eq(list.items[0]->name, "s-1-1s");
	ck_assert_str_eq(list.items[1]->name, "s-1-2s");
	ck_assert_str_eq(list.items[5]->name, "s-2-3");
	ck_assert_uint_eq(list.items[5]->seed, 2);
	ck_assert_int_eq(list.items[5]->faults.faults[0].for_ns, 3 * NS_PER_S);
	scenario_list_free(&list);
}
END_TEST

START_TEST(unused_components_are_pointed_out)
{
	struct scenario_list list = load("s.json",
	        "faults=[{\"id\":\"off\",\"kind\":\"chip.loss\",\"target\":\"r0.n8.c0\",\"at\":"
	        "\"1s\"}]",
	        NULL);

	ck_assert_uint_eq(list.items[0]->n_warnings, 1);
	ck_assert_str_eq(list.items[0]->warnings[0],
	        "fault 'off': no instance uses r0.n8.c0, so it takes no effect");
	scenario_list_free(&list);
}
END_TEST

START_TEST(absorbed_drift_is_pointed_out)
{
	struct scenario_list list = load("s.json",
	        "faults=[{\"id\":\"slow\",\"kind\":\"clock.drift\",\"target\":\"r0.n0\",\"at\":"
	        "\"1s\",\"ppm\":100},{\"id\":\"fast\",\"kind\":\"clock.drift\",\"target\":"
	        "\"r0.n1\",\"at\":\"1s\",\"ppm\":101}]",
	        NULL);

	ck_assert_uint_eq(list.items[0]->n_warnings, 1);
	ck_assert_str_eq(list.items[0]->warnings[0],
	        "fault 'slow': 100 ppm is within health.drift_budget (100 ppm), so it takes no "
	        "effect");
	scenario_list_free(&list);
}
END_TEST

START_TEST(a_refused_cable_is_named_with_both_ports)
{
	struct scenario_list list = load("s.json",
	        "faults=[{\"id\":\"swap\",\"kind\":\"link.miswire\",\"target\":\"r0.n0-r0.n1.0\","
	        "\"at\":\"1s\"}]",
	        NULL);

	ck_assert_uint_ge(list.items[0]->n_warnings, 1);
	ck_assert_str_eq(list.items[0]->warnings[0],
	        "fault 'swap': bring-up refuses it: cable r0.n0-r0.n1.0 is plugged into r0.n2.p0 "
	        "where r0.n1.p0 is planned");
	ck_assert_str_eq(list.items[0]->faults.faults[0].detail,
	        "bring-up refuses it: cable r0.n0-r0.n1.0 is plugged into r0.n2.p0 where r0.n1.p0 "
	        "is "
	        "planned");
	scenario_list_free(&list);
}
END_TEST

START_TEST(a_rollout_to_a_pinned_pool_is_pointed_out)
{
	static const char fault[] =
	        "faults=[{\"id\":\"new\",\"kind\":\"artifact.regression\",\"target\":"
	        "\"p\",\"at\":\"1s\"}]";
	struct scenario_list list = load("s.json", fault, NULL);

	ck_assert_uint_eq(list.items[0]->n_warnings, 0);
	scenario_list_free(&list);
	list = load("s.json", fault,
	        "deployment={\"pools\":[{\"name\":\"p\",\"pinned\":true,\"buckets\":[{\"max_seq\":"
	        "4096,"
	        "\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}]}]}");
	ck_assert_uint_eq(list.items[0]->n_warnings, 1);
	ck_assert_str_eq(list.items[0]->warnings[0], "fault 'new': every pool it is rolled out to "
	                                             "is pinned and refuses it, so it takes no "
	                                             "effect");
	scenario_list_free(&list);
}
END_TEST

/* What a sweep runs: keys that the file leaves out are made, in the file that they belong to. */
START_TEST(variants_live_alone)
{
	static const struct scenario_edit edits[] = {{"deployment.health.remap", "\"7ms\""},
	        {"deployment.hardware.resync_time",
	                "{\"value\": 3, \"unit\": \"ms\", \"label\": \"assumption\", "
	                "\"source\": \"test\"}"},
	        {"faults.jit.delay", "\"1ms\""}};
	static const struct scenario_edit wrong = {"faults.jit.delay", "\"-1ms\""};
	struct scenario_list list = load("s.json", NULL, NULL);
	struct error err = ERROR_INIT;
	struct scenario *s;

	ck_assert_int_eq(
	        scenario_variant(list.items[0], edits, ARRAY_LEN(edits), &s, &err), ERR_NONE);
	ck_assert_int_eq(s->deployment.health.remap_ns, 7 * NS_PER_MS);
	ck_assert_int_eq(s->deployment.health.resync_ns, 3 * NS_PER_MS);
	ck_assert_int_ne(list.items[0]->deployment.health.remap_ns, 7 * NS_PER_MS);
	ck_assert_mem_ne(s->plan_digest, list.items[0]->plan_digest, DIGEST_BYTES);
	scenario_free(s);
	ck_assert_int_eq(scenario_variant(list.items[0], &wrong, 1, &s, &err), ERR_USAGE);
	ck_assert_str_eq(err.file, "sweep");
	scenario_list_free(&list);
}
END_TEST

START_TEST(urls_are_taken_apart)
{
	static const char url[] = "target={\"url\":\"http://[::1]:81/v/\",\"model\":\"m\"}";
	struct scenario_list list = load("s.json", "faults=[]", url);
	const struct target_url *t = &list.items[0]->target;

	ck_assert_str_eq(t->host, "::1");
	ck_assert_uint_eq(t->port, 81);
	ck_assert_str_eq(t->path_prefix, "/v");
	scenario_list_free(&list);
	refuse("s.json", "target={\"url\":\"https://127.0.0.1\",\"model\":\"m\"}",
	        "expected a URL of the form http://host:port/prefix");
	refuse("s.json", "target={\"url\":\"http://127.0.0.1:0\",\"model\":\"m\"}",
	        "expected a URL");
	refuse("s.json", "target={\"url\":\"http://127.0.0.1:8000\",\"model\":\"m\"}",
	        "expected a fault of the load.*, shape.* or client.* family");
}
END_TEST

START_TEST(a_mirror_is_off_or_one_in_so_many)
{
	struct scenario_list list = load("s.json", "mirror={\"every\":9}", "seed=1");

	ck_assert_int_eq(list.items[0]->mirror.every, 9);
	ck_assert(!list.items[0]->mirror.off);
	scenario_list_free(&list);
	refuse("s.json", "mirror=on", "expected \"off\" or an object like {\"every\": 100}");
	refuse("s.json", "mirror={\"every\":0}", "mirror.every: expected");
	refuse("s.json", "mirror={\"frames\":2}", "expected the key 'every'");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {sections_are_read, edits_reach_named_files,
	        equal_meaning_has_an_equal_digest, the_bundle_needs_no_file,
	        the_plan_counts_the_traffic, a_matrix_multiplies, unused_components_are_pointed_out,
	        urls_are_taken_apart, variants_live_alone, absorbed_drift_is_pointed_out,
	        a_refused_cable_is_named_with_both_ports, a_rollout_to_a_pinned_pool_is_pointed_out,
	        a_mirror_is_off_or_one_in_so_many};
	Suite *suite = suite_create("scenario");
	TCase *tcase = tcase_create("scenario");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
