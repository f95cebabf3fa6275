/* What a deployment means: defaults, division of nodes, policies, labels, canonical form. */
#include "tests/support/deployment_text.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/units.h"

#define BUCKET           "{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}"
#define POOL(name, rest) "{\"name\":\"" name "\",\"buckets\":[" BUCKET "]" rest "}"

static struct parsed p;

static const struct deployment *good(const char *text)
{
	ck_assert_msg(parse_text(&p, "d.json", text), "%s", p.message);
	return &p.d;
}

static const char *name_of(const struct deployment *d, uint32_t node)
{
	return d->topology.components[d->topology.node_component0 + node].name;
}

START_TEST(the_smallest_deployment_has_all_defaults)
{
	const struct deployment *d = good(
	        "{\"pools\":[{\"name\":\"p\",\"buckets\":[" BUCKET
	        "],\"instances\":1,\"entry\":\"immediate\",\"admission\":{\"policy\":\"none\"}}]}");
	const struct pool_spec *pool = &d->pools[0];

	ck_assert_uint_eq(d->n_pools, 1);
	ck_assert_str_eq(pool->name, "p");
	ck_assert_int_eq(pool->entry, ENTRY_IMMEDIATE);
	ck_assert_uint_eq(pool->n_buckets, 1);
	ck_assert_int_eq(pool->buckets[0].frame_ns, 10 * NS_PER_MS);
	ck_assert_int_eq(pool->buckets[0].ppf, 64);
	ck_assert_uint_eq(pool->n_instances, 1);
	ck_assert_uint_eq(pool->nodes_per_instance, 8);
	ck_assert_int_eq(pool->admission.policy, ADMISSION_NONE);
	ck_assert_int_eq(pool->on_loss, LOSS_REPLAY);
	ck_assert_int_eq(pool->oversize, OVERSIZE_REJECT);
	ck_assert_ptr_null(pool->artifact_digest);
	ck_assert_int_eq(pool->reload_bytes, INT64_C(8) * 220 * 1024 * 1024);
	ck_assert_int_eq(d->ethernet.ingress_delay_ns, 0);
	ck_assert_int_eq(d->cross_rack.position, CROSS_RACK_FORBIDDEN);
	ck_assert_int_eq(d->health.poll_period_ns, 100 * NS_PER_MS);
	ck_assert_uint_eq(d->health.suspicions, 2);
	ck_assert_int_eq(d->health.suspect_window_ns, 300 * NS_PER_S);
	ck_assert_int_eq(deployment_reach(d), LINK_C2C_RACK);
	ck_assert_str_eq(d->model, "llama-3.1-8b");
	ck_assert_uint_eq(d->n_warnings, 0);
	parsed_free(&p);
}
END_TEST

START_TEST(entry_is_phase_unless_told)
{
	ck_assert_int_eq(good("{\"pools\":[" POOL("p", "") "]}")->pools[0].entry, ENTRY_PHASE);
	parsed_free(&p);
}
END_TEST

START_TEST(nodes_are_divided_over_all_pools_that_name_none)
{
	const struct deployment *d = good("{\"pools\":[" POOL("a", ",\"instances\":2") "," POOL(
	        "b", "") "," POOL("c", ",\"nodes\":[[\"r0.n7\"]]") "]}");

	/* Seven nodes are left for three instances: two each, one idle. */
	ck_assert_uint_eq(d->pools[0].nodes_per_instance, 2);
	ck_assert_str_eq(name_of(d, d->pools[0].nodes[0]), "r0.n0");
	ck_assert_str_eq(name_of(d, d->pools[0].nodes[3]), "r0.n3");
	ck_assert_str_eq(name_of(d, d->pools[1].nodes[0]), "r0.n4");
	ck_assert_str_eq(name_of(d, d->pools[1].nodes[1]), "r0.n5");
	ck_assert_uint_eq(d->pools[2].nodes_per_instance, 1);
	ck_assert_str_eq(name_of(d, d->pools[2].nodes[0]), "r0.n7");
	parsed_free(&p);
}
END_TEST

START_TEST(more_instances_than_nodes_share_them)
{
	const struct deployment *d = good("{\"pools\":[" POOL("a", ",\"instances\":20") "]}");

	ck_assert_uint_eq(d->pools[0].nodes_per_instance, 1);
	for (uint32_t i = 0; i < 20; i++)
		ck_assert_uint_eq(d->pools[0].nodes[i], i * 8 / 20);
	parsed_free(&p);
}
END_TEST

START_TEST(lists_of_nodes_say_how_many_instances_there_are)
{
	const struct deployment *d = good("{\"pools\":[" POOL(
	        "a", ",\"nodes\":[[\"r0.n3\",\"r0.n1\"],[\"r0.n0\",\"r0.n2\"]]") "]}");

	ck_assert_uint_eq(d->pools[0].n_instances, 2);
	ck_assert_str_eq(name_of(d, d->pools[0].nodes[0]), "r0.n3");
	ck_assert_str_eq(name_of(d, d->pools[0].nodes[3]), "r0.n2");
	parsed_free(&p);
}
END_TEST

START_TEST(policies_are_read)
{
	const struct pool_spec *pool =
	        &good("{\"pools\":[" POOL("a",
	                      ",\"instances\":2,\"overflow\":\"next\",\"oversize\":\"route\",\"on_"
	                      "loss\":\"fail\","
	                      "\"batch_window\":\"5ms\",\"priority\":[\"gold\",\"lead\"],"
	                      "\"admission\":{\"policy\":\"token_budget\",\"limit\":\"2s\","
	                      "\"tenant_rate\":2.5,"
	                      "\"tenant_burst\":4},\"accepts\":{\"tiers\":[\"gold\"],\"tenants\":["
	                      "\"x\",\"y\"],"
	                      "\"min_tokens\":1,\"max_tokens\":99},\"degraded\":{\"below\":2,"
	                      "\"shed\":[\"lead\"],"
	                      "\"max_tokens\":64}") "]}")
	                 ->pools[0];

	ck_assert(pool->overflow_next);
	ck_assert_int_eq(pool->oversize, OVERSIZE_ROUTE);
	ck_assert_int_eq(pool->on_loss, LOSS_FAIL);
	ck_assert_int_eq(pool->batch_window_ns, 5 * NS_PER_MS);
	ck_assert_uint_eq(pool->n_priority, 2);
	ck_assert_str_eq(pool->priority[1], "lead");
	ck_assert_int_eq(pool->admission.limit_ns, 2 * NS_PER_S);
	ck_assert_double_eq(pool->admission.tenant_rate, 2.5);
	ck_assert_int_eq(pool->admission.tenant_burst, 4);
	ck_assert_uint_eq(pool->n_tenants, 2);
	ck_assert_int_eq(pool->max_tokens, 99);
	ck_assert_uint_eq(pool->degraded_below, 2);
	ck_assert_str_eq(pool->shed[0], "lead");
	ck_assert_int_eq(pool->degraded_max_tokens, 64);
	parsed_free(&p);
}
END_TEST

START_TEST(buckets_are_sorted)
{
	const struct pool_spec *pool = &good(
	        "{\"pools\":[{\"name\":\"p\",\"buckets\":["
	        "{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":1,\"prefill_tokens_per_frame\":1},"
	        "{\"max_seq\":16,\"frame\":\"2ms\",\"slots\":2,\"prefill_tokens_per_frame\":2},"
	        "{\"max_seq\":32,\"frame\":\"3ms\",\"slots\":3,\"prefill_tokens_per_frame\":3}]}]}")
	                                        ->pools[0];

	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(pool->buckets[i].max_seq, 16 << i);
	ck_assert_uint_eq(pool->buckets[1].slots, 3);
	parsed_free(&p);
}
END_TEST

START_TEST(health_overrides_show_in_the_parameters)
{
	const struct deployment *d = good("{\"pools\":[" POOL(
	        "p", "") "],\"health\":{\"persist\":\"7ms\",\"polls\":3,\"remap\":\"40ms\"}}");

	ck_assert_int_eq(d->health.persist_ns, 7 * NS_PER_MS);
	ck_assert_uint_eq(d->health.polls, 3);
	ck_assert(d->health.remap_fixed);
	ck_assert_int_eq(d->health.remap_ns, 40 * NS_PER_MS);
	ck_assert_double_eq(d->parameters[HW_PERSIST_THRESHOLD].value, 7e6);
	ck_assert_str_eq(d->parameters[HW_PERSIST_THRESHOLD].source, "deployment");
	ck_assert_str_eq(d->parameters[HW_POLLS].unit, "count");
	ck_assert_double_eq(d->parameters[HW_POLLS].value, 3);
	parsed_free(&p);
}
END_TEST

START_TEST(a_fact_without_source_is_an_assumption)
{
	const struct deployment *d = good("{\"pools\":[" POOL(
	        "p", "") "],\"hardware\":{\"name\":\"mine\",\"hop_latency\":"
	                 "{\"value\":0.35,\"unit\":\"us\",\"label\":\"fact\"}}}");

	ck_assert_int_eq(hardware_i64(&d->hardware, HW_HOP_LATENCY), 350);
	ck_assert_int_eq(d->parameters[HW_HOP_LATENCY].label, TRUTH_ASSUMPTION);
	ck_assert_uint_eq(d->n_warnings, 1);
	ck_assert_str_eq(d->warnings[0], "hop_latency: a fact without source, read as assumption");
	ck_assert_int_eq(hardware_i64(&d->hardware, HW_CHIP_SRAM), 230686720);
	parsed_free(&p);
}
END_TEST

START_TEST(ethernet_on_a_path_must_be_allowed)
{
	const struct deployment *d = good("{\"pools\":[" POOL(
	        "p", "") "],\"hardware\":{"
	                 "\"racks\":{\"value\":2,\"unit\":\"count\"},"
	                 "\"racks_per_pod\":{\"value\":1,\"unit\":\"count\"}},"
	                 "\"cross_rack\":{\"position\":\"allowed\",\"rationale\":\"test\"}}");

	ck_assert_uint_eq(d->pools[0].nodes_per_instance, 16);
	ck_assert_int_eq(deployment_reach(d), LINK_ETHERNET);
	parsed_free(&p);
}
END_TEST

START_TEST(the_embedded_hardware_is_the_shipped_file)
{
	struct hardware mine;
	struct json_out a, b;
	size_t n;
	char *text = file_text(LPC_SOURCE_DIR "/emulator/hardware/lpuv1.json", &n);

	ck_assert_uint_eq(n, hardware_lpuv1_json_size);
	ck_assert(!memcmp(text, hardware_lpuv1_json, n));
	mem_free(text);
	ck_assert_msg(parse_file(&p, "emulator/profiles/lpuv1-1rack.json"), "%s", p.message);
	ck_assert_uint_eq(p.d.n_warnings, 0);
	hardware_default(&mine, &p.arena);
	json_out_init(&a, 0);
	json_out_init(&b, 0);
	hardware_out(&mine, &a, NULL);
	hardware_out(&p.d.hardware, &b, NULL);
	ck_assert_uint_eq(a.n, b.n);
	ck_assert(!memcmp(a.buf, b.buf, a.n));
	json_out_free(&a);
	json_out_free(&b);
	for (uint32_t i = 0; i < p.d.n_parameters; i++)
		ck_assert(p.d.parameters[i].name && p.d.parameters[i].unit &&
		          p.d.parameters[i].source);
	parsed_free(&p);
}
END_TEST

static void canonical(const struct deployment *d, struct json_out *o)
{
	json_out_init(o, 0);
	deployment_canonical(d, o, NULL);
}

START_TEST(the_canonical_form_reads_back_to_itself)
{
	static const char *const profiles[] = {
	        "lpuv1-1rack", "lpuv1-2rack", "lpuv1-2rack-ethernet", "lpuv1-pod9-70b"};
	struct json_out first, second;
	struct parsed again;
	char path[128], *text;

	snprintf(path, sizeof(path), "emulator/profiles/%s.json", profiles[_i]);
	ck_assert_msg(parse_file(&p, path), "%s", p.message);
	canonical(&p.d, &first);
	text = arena_strndup(&p.arena, first.buf, first.n);
	ck_assert_msg(parse_text(&again, "canonical", text), "%s", again.message);
	canonical(&again.d, &second);
	ck_assert_uint_eq(first.n, second.n);
	ck_assert(!memcmp(first.buf, second.buf, first.n));
	ck_assert_str_eq(p.d.pools[0].artifact_digest, again.d.pools[0].artifact_digest);
	json_out_free(&first);
	json_out_free(&second);
	parsed_free(&again);
	parsed_free(&p);
}
END_TEST

/* The canonical form of `text` has `part` in it and reads back to itself. */
static void reads_back(const char *text, const char *part)
{
	struct json_out first, second;
	struct parsed again;

	canonical(good(text), &first);
	ck_assert_msg(strstr(first.buf, part), "no %s in %s", part, first.buf);
	ck_assert_msg(parse_text(&again, "canonical", first.buf), "%s", again.message);
	canonical(&again.d, &second);
	ck_assert_str_eq(first.buf, second.buf);
	json_out_free(&first);
	json_out_free(&second);
	parsed_free(&again);
	parsed_free(&p);
}

START_TEST(keys_of_health_are_written_back)
{
	const struct deployment *d = good("{\"pools\":[" POOL("p", "") "]}");

	ck_assert_int_eq(d->health.link_scan_ns, 0);
	ck_assert_uint_eq(d->health.link_scan_errors, 10);
	parsed_free(&p);
	reads_back("{\"pools\":[" POOL("p", "") "],\"health\":{\"link_scan\":\"2s\"}}",
	        "\"link_scan\":\"2000000000ns\",\"link_scan_errors\":10");
	reads_back("{\"pools\":[" POOL("p", "") "],\"health\":{\"drift_budget\":12.5}}",
	        "\"drift_budget\":12.5");
}
END_TEST

START_TEST(keys_of_the_control_plane_are_written_back)
{
	const struct deployment *d = good("{\"pools\":[" POOL("p", "") "]}");

	ck_assert_int_eq(d->health.autonomy_ns, 0);
	ck_assert_int_eq(d->health.frontend_check_ns, 2 * NS_PER_S);
	ck_assert_uint_eq(d->health.frontend_checks, 3);
	ck_assert_uint_eq(d->n_frontends, 2);
	ck_assert_str_eq(d->frontends[1], "fe1");
	parsed_free(&p);
	reads_back("{\"pools\":[" POOL("p", "") "],\"frontends\":5}", "\"frontends\":5");
	reads_back("{\"pools\":[" POOL("p", "") "],\"health\":{\"autonomy\":\"2s\"}}",
	        "\"autonomy\":\"2000000000ns\"");
	reads_back("{\"pools\":[" POOL("p", "") "],\"health\":{\"frontend_check\":\"1s\","
	                                        "\"frontend_checks\":2}}",
	        "\"frontend_check\":\"1000000000ns\",\"frontend_checks\":2");
}
END_TEST

START_TEST(keys_of_the_building_are_written_back)
{
	const struct deployment *d =
	        good("{\"pools\":[" POOL("p", "") "],\"power\":{"
	                                          "\"derating\":0.9,\"trip_after\":\"3s\"}}");

	ck_assert_int_eq(d->power.limit_mw, 15570000);
	ck_assert_int_eq(d->power.node_mw, 3300000);
	ck_assert_int_eq(d->power.boot_ns, 30 * 60 * NS_PER_S);
	ck_assert_double_eq(d->parameters[HW_PDU_DERATING].value, 0.9);
	ck_assert_str_eq(d->parameters[HW_PDU_DERATING].source, "deployment");
	ck_assert_str_eq(d->parameters[HW_COUNT].name, "power.trip_after");
	ck_assert_double_eq(d->parameters[HW_COUNT].value, 3e9);
	ck_assert_str_eq(d->parameters[HW_COUNT].source, "deployment");
	ck_assert_int_eq(d->cooling.inlet_mc + d->cooling.rise_mc, 65000);
	parsed_free(&p);
	reads_back("{\"pools\":[" POOL("p", "") "],\"power\":{\"rating\":17.4,\"boot\":\"5s\"}}",
	        "\"power\":{\"boot\":\"5000000000ns\",\"derating\":0.8,\"rating\":17.4,"
	        "\"stage\":\"2000000000ns\",\"trip_after\":\"10000000000ns\"}");
	reads_back("{\"pools\":[" POOL("p", "") "],\"cooling\":{\"inlet\":27.5}}",
	        "\"cooling\":{\"inlet\":27.5,\"ramp\":2,\"rise\":40,\"sample\":"
	        "\"1000000000ns\",\"shutdown_at\":105,\"slowest\":2,\"throttle_at\":85}");
}
END_TEST

START_TEST(artifacts_in_operation_are_read_and_written_back)
{
	static const char text[] = "{\"pools\":[" POOL("p",
	        ",\"instances\":4,\"pinned\":true,\"ops_policy\":\"refuse\","
	        "\"rollout\":{\"canary\":2,\"check\":\"3s\",\"tolerance\":"
	        "0.05}") "],\"compile_farm\":{\"workers\":2,\"compile_time\":"
	                 "\"7m\"}}";
	const struct deployment *d = good(text);
	struct json_out first, second;
	struct parsed again;

	ck_assert(d->pools[0].pinned && d->pools[0].ops_policy == OPS_REFUSE);
	ck_assert_uint_eq(d->pools[0].rollout.canary, 2);
	ck_assert_int_eq(d->pools[0].rollout.check_ns, 3 * NS_PER_S);
	ck_assert_int_eq(d->pools[0].rollout.rollback_ns, 500 * NS_PER_MS);
	ck_assert_int_eq(d->pools[0].rollout.tolerance_ppm, 50000);
	ck_assert_uint_eq(d->compile_farm.workers, 2);
	ck_assert_int_eq(d->compile_farm.compile_ns, 7 * 60 * NS_PER_S);
	canonical(d, &first);
	ck_assert_msg(parse_text(&again, "canonical", first.buf), "%s", again.message);
	canonical(&again.d, &second);
	ck_assert_str_eq(first.buf, second.buf);
	json_out_free(&first);
	json_out_free(&second);
	parsed_free(&again);
	parsed_free(&p);
}
END_TEST

/* Who changes nothing has the canonical form, and so the digest, of a deployment without the keys.
 */
START_TEST(written_defaults_of_artifacts_change_no_digest)
{
	struct json_out without, with;
	const struct deployment *d = good("{\"pools\":[" POOL("p", "") "]}");

	ck_assert_uint_eq(d->pools[0].rollout.canary, 0);
	ck_assert_int_eq(d->compile_farm.compile_ns, 900 * NS_PER_S);
	canonical(d, &without);
	parsed_free(&p);
	d = good("{\"pools\":[" POOL("p",
	        ",\"pinned\":false,\"ops_policy\":\"fallback\"") "],"
	                                                         "\"compile_farm\":{\"workers\":1,"
	                                                         "\"compile_time\":\"900s\"}}");
	canonical(d, &with);
	ck_assert_str_eq(without.buf, with.buf);
	json_out_free(&without);
	json_out_free(&with);
	parsed_free(&p);
}
END_TEST

START_TEST(checksums_are_off_unless_asked_for)
{
	struct json_out without, with;
	const struct deployment *d = good("{\"pools\":[" POOL("p", "") "]}");

	ck_assert(!d->health.checksum);
	canonical(d, &without);
	parsed_free(&p);
	d = good("{\"pools\":[" POOL("p", "") "],\"health\":{\"checksum\":false}}");
	canonical(d, &with);
	ck_assert_str_eq(without.buf, with.buf);
	json_out_free(&with);
	parsed_free(&p);
	d = good("{\"pools\":[" POOL("p", "") "],\"health\":{\"checksum\":true}}");
	ck_assert(d->health.checksum);
	canonical(d, &with);
	ck_assert_ptr_nonnull(strstr(with.buf, "\"health\":{\"checksum\":true,"));
	json_out_free(&with);
	json_out_free(&without);
	parsed_free(&p);
}
END_TEST

START_TEST(artifacts_are_counted_by_digest)
{
#define COMPILED(name, compiler)                                                                   \
	"{\"name\":\"" name "\",\"artifact\":{\"max_seq\":[2048],\"compiler\":\"" compiler         \
	"\"},\"nodes\":[[\"r0.n0\",\"r0.n1\",\"r0.n2\",\"r0.n3\",\"r0.n4\",\"r0.n5\","             \
	"\"r0.n6\",\"r0.n7\"]]}"
	const struct deployment *d = good("{\"pools\":[" COMPILED("a", "1.0.0") "," COMPILED(
	        "b", "1.1.0") "," COMPILED("c", "1.0.0") "," POOL("d", "") "," POOL("e", "") "]}");

	ck_assert_uint_eq(deployment_artifacts(d), 4);
	parsed_free(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deployment");
	TCase *profiles = tcase_create("canonical");

	add_test(suite, "smallest", the_smallest_deployment_has_all_defaults);
	add_test(suite, "entry", entry_is_phase_unless_told);
	add_test(suite, "division", nodes_are_divided_over_all_pools_that_name_none);
	add_test(suite, "sharing", more_instances_than_nodes_share_them);
	add_test(suite, "node lists", lists_of_nodes_say_how_many_instances_there_are);
	add_test(suite, "policies", policies_are_read);
	add_test(suite, "buckets", buckets_are_sorted);
	add_test(suite, "health", health_overrides_show_in_the_parameters);
	add_test(suite, "labels", a_fact_without_source_is_an_assumption);
	add_test(suite, "ethernet", ethernet_on_a_path_must_be_allowed);
	add_test(suite, "embedded", the_embedded_hardware_is_the_shipped_file);
	add_test(suite, "health keys", keys_of_health_are_written_back);
	add_test(suite, "control plane", keys_of_the_control_plane_are_written_back);
	add_test(suite, "keys of the building", keys_of_the_building_are_written_back);
	add_test(suite, "artifacts", artifacts_in_operation_are_read_and_written_back);
	add_test(suite, "artifact defaults", written_defaults_of_artifacts_change_no_digest);
	add_test(suite, "checksum", checksums_are_off_unless_asked_for);
	add_test(suite, "artifact count", artifacts_are_counted_by_digest);
	tcase_add_loop_test(profiles, the_canonical_form_reads_back_to_itself, 0, 4);
	suite_add_tcase(suite, profiles);
	return run_suite(suite);
}
