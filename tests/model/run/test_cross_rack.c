/* What crossing racks costs, by hand. One slot, entered at once, requests of 1 + 19 frames that
 * never meet: whatever a hop from rack to rack takes of a frame, each request takes 20 times. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "emulator/crossing.h"
#include "harness/base/units.h"
#include "harness/run/cross_rack.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { FRAMES = 20 };

/* Requests 200 ms apart, 20 frames of 4 ms each; hops of 10 us over Ethernet, 300 ns over C2C. */
#define SCENARIO(racks_per_pod, nodes, position, faults)                                           \
	"{\"version\":1,\"name\":\"x\",\"duration\":\"2s\",\"drain\":\"10s\",\"deployment\":{"     \
	"\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"},\"racks_per_pod\":{"             \
	"\"value\":" racks_per_pod                                                                 \
	",\"unit\":\"count\"}},\"cross_rack\":{\"position\":\"" position "\","                     \
	"\"rationale\":\"why\",\"envelope\":\"when\"},"                                            \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"4ms\","             \
	"\"slots\":1,\"prefill_tokens_per_frame\":64}],\"entry\":\"immediate\","                   \
	"\"nodes\":[[" nodes "]]}]},"                                                              \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\",\"arrival\":{\"process\":\"constant\","       \
	"\"rate\":5},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                      \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}],\"faults\":[" faults "]}"
#define TWO_OF_EACH "\"r0.n0\",\"r0.n1\",\"r1.n1\",\"r1.n0\""

static struct result_cross_rack measured(const char *text)
{
	struct scenario *s = scenario_text(text);
	struct result_cross_rack cost;
	struct error err = ERROR_INIT;
	struct evaluation e;

	ck_assert(cross_rack_is_planned(s));
	ck_assert_int_eq(evaluate(s, true, NULL, &e, &err), 0);
	ck_assert_uint_eq(e.result->by_outcome[OUTCOME_OK], e.run.scheduled);
	ck_assert_uint_ge(e.run.scheduled, 9);
	ck_assert_int_eq(cross_rack_measure(s, &e, NULL, &cost, &err), 0);
	ck_assert(cost.known);
	ck_assert_uint_eq(cost.late, e.run.scheduled);
	ck_assert_uint_eq(cost.lost, 0);
	/* The texts are the scenario's: not looked at any more. */
	cost.position = cost.rationale = cost.envelope = NULL;
	evaluation_free(&e);
	scenario_free(s);
	return cost;
}

static void costs(const struct result_cross_rack *c, int64_t frame_ns, int64_t each_ns)
{
	ck_assert_int_eq(c->frame_ns[0], 4 * NS_PER_MS);
	ck_assert_int_eq(c->frame_ns[1], 4 * NS_PER_MS - frame_ns);
	ck_assert_int_eq(c->extra_ns_sum, (int64_t)c->late * each_ns);
	ck_assert_double_eq_tol(
	        c->tpot[0].mean_ns - c->tpot[1].mean_ns, (double)each_ns / FRAMES, 1);
	ck_assert_double_eq_tol(
	        c->ttft[0].mean_ns - c->ttft[1].mean_ns, (double)each_ns / FRAMES, 1);
}

START_TEST(an_ethernet_hop_takes_its_time_of_every_frame)
{
	struct result_cross_rack c = measured(SCENARIO("1", TWO_OF_EACH, "allowed", ""));

	costs(&c, 10 * NS_PER_US, FRAMES * 10 * NS_PER_US);
	ck_assert_uint_eq(c.instances, 1);
	ck_assert_uint_eq(c.hops, 1);
	ck_assert_uint_eq(c.ethernet_hops, 1);
	ck_assert_str_eq(c.reach, "ethernet");
	ck_assert(c.stated);
}
END_TEST

START_TEST(a_cable_between_racks_takes_its_latency)
{
	/* To and fro: three hops lead from rack to rack, the two inside r1 and r0 do not count. */
	struct result_cross_rack c = measured(SCENARIO(
	        "2", "\"r0.n0\",\"r1.n0\",\"r1.n1\",\"r0.n1\",\"r0.n2\",\"r1.n2\"", "allowed", ""));

	costs(&c, 3 * 300, FRAMES * 3 * 300);
	ck_assert_uint_eq(c.hops, 3);
	ck_assert_uint_eq(c.ethernet_hops, 0);
	ck_assert_str_eq(c.reach, "c2c-pod");
}
END_TEST

START_TEST(what_faults_do_to_the_crossing_is_part_of_its_cost)
{
	/* Each frame over Ethernet is 1 ms late, in all of the run; clients' messages are 5 ms late
	 * with the crossing and without it, which costs nobody anything. */
	struct result_cross_rack c = measured(SCENARIO("1", TWO_OF_EACH, "allowed",
	        "{\"id\":\"hop\",\"kind\":\"ethernet.jitter\",\"target\":\"eth.r0-r1\",\"at\":"
	        "\"0s\",\"delay\":\"1ms\",\"jitter\":\"0ms\"},"
	        "{\"id\":\"in\",\"kind\":\"ethernet.jitter\",\"target\":\"eth.ingress\",\"at\":"
	        "\"0s\",\"delay\":\"5ms\",\"jitter\":\"0ms\"}"));

	ck_assert_int_eq(c.frame_ns[1], 4 * NS_PER_MS - 10 * NS_PER_US);
	ck_assert_double_eq_tol(c.tpot[0].mean_ns - c.tpot[1].mean_ns, 1010000, 1);
}
END_TEST

START_TEST(in_one_rack_there_is_nothing_to_measure)
{
	struct scenario *s = scenario_text(SCENARIO("1", "\"r0.n0\",\"r0.n1\"", "allowed", ""));

	ck_assert(!cross_rack_is_planned(s));
	ck_assert_uint_eq(crossing_of(&s->deployment).hops, 0);
	scenario_free(s);
}
END_TEST

/* Of a compiled frame the compiler's own term goes: without the hops between racks it is the frame
 * of the same stages in one. */
START_TEST(a_compiled_frame_loses_what_the_compiler_added)
{
	struct scenario *s = scenario_text(
	        "{\"version\":1,\"name\":\"x\",\"duration\":\"1s\","
	        "\"deployment\":\"emulator/profiles/lpuv1-2rack-ethernet.json\","
	        "\"traffic\":[{\"name\":\"t\",\"arrival\":{\"process\":\"constant\",\"rate\":1},"
	        "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
	        "\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}]}");
	const struct pool_spec *p = &s->deployment.pools[0];
	struct deployment free_of;

	crossing_free(&s->deployment, &free_of);
	for (uint32_t b = 0; b < p->n_buckets; b++) {
		const struct frame_parts *parts = &p->artifact->parts[b];
		double rest = parts->layers_fixed + parts->weight_reads + parts->kv_reads +
		              parts->all_reduce + parts->c2c_hops;

		ck_assert_double_eq(parts->ethernet_hops, 10000);
		ck_assert_double_eq_tol((double)free_of.pools[0].buckets[b].frame_ns, rest, 1);
		ck_assert_int_eq(
		        p->buckets[b].frame_ns - free_of.pools[0].buckets[b].frame_ns, 10000);
		ck_assert_int_eq(free_of.pools[0].buckets[b].ppf, p->buckets[b].ppf);
	}
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cross_rack");

	add_test(suite, "hops", an_ethernet_hop_takes_its_time_of_every_frame);
	add_test(suite, "hops", a_cable_between_racks_takes_its_latency);
	add_test(suite, "faults", what_faults_do_to_the_crossing_is_part_of_its_cost);
	add_test(suite, "none", in_one_rack_there_is_nothing_to_measure);
	add_test(suite, "compiled", a_compiled_frame_loses_what_the_compiler_added);
	return run_suite(suite);
}
