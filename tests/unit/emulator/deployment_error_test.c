/* Every bad input has one line: file:line:col: path: what. The inputs are the smallest deployment
 * with one thing wrong; the line is compared whole. */
#include "tests/support/deployment_text.h"
#include "tests/support/run_suite.h"

#define BUCKETS                                                                                    \
	"\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_"      \
	"frame\":64}]"
#define POOL(rest) "{\"pools\":[{\"name\":\"p\"," BUCKETS rest "}]}"
#define TOP(rest)  "{\"pools\":[{\"name\":\"p\"," BUCKETS "}]" rest "}"

static const struct {
	const char *text, *message;
} cases[] = {
        {"[]", "d.json:1:1: $: expected a deployment object, found an empty list"},
        {"{}", "d.json:1:1: $: expected the key 'pools', found none"},
        {"{\"pools\":[]}", "d.json:1:10: pools: expected 1 to 16 pools, found 0"},
        {"{\"pools\":{}}", "d.json:1:10: pools: expected a list, found an empty object"},
        {"{\"pols\":[]}",
                "d.json:1:2: pols: expected a known key (nearest is 'pools'), found 'pols'"},
        {"{\"pools\":[{\"name\":\"P\"," BUCKETS "}]}",
                "d.json:1:19: pools.P.name: expected a name of 1 to 64 of a-z 0-9 . _ - that "
                "begins with a letter or digit, found \"P\""},
        {"{\"pools\":[{" BUCKETS "}]}",
                "d.json:1:11: pools.0: expected the key 'name', found none"},
        {"{\"pools\":[{\"name\":\"p\"}]}",
                "d.json:1:11: pools.p: expected either \"buckets\" or \"artifact\", found neither"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[]}]}",
                "d.json:1:33: pools.p.buckets: expected 1 to 16 buckets, found 0"},
        {POOL(",\"artifact\":{\"max_seq\":[4096]}"),
                "d.json:1:11: pools.p: expected either \"buckets\" or \"artifact\", found both"},
        {POOL("},{\"name\":\"p\"," BUCKETS),
                "d.json:1:116: pools.p.name: expected a name that no other pool has, found \"p\""},
        {POOL(",\"instances\":0"), "d.json:1:119: pools.p.instances: expected an integer of at "
                                   "least 1 and at most 1024 instances, found 0"},
        {POOL(",\"instances\":1025"), "d.json:1:119: pools.p.instances: expected an integer of at "
                                      "least 1 and at most 1024 instances, found 1025"},
        {POOL(",\"instances\":\"2\""),
                "d.json:1:119: pools.p.instances: expected an integer, found \"2\""},
        {POOL(",\"entry\":\"phases\""), "d.json:1:115: pools.p.entry: expected one of phase, "
                                        "frame, immediate (nearest is 'phase'), found \"phases\""},
        {POOL(",\"overflow\":\"nxt\""), "d.json:1:118: pools.p.overflow: expected one of none, "
                                        "next (nearest is 'next'), found \"nxt\""},
        {POOL(",\"oversize\":1"),
                "d.json:1:118: pools.p.oversize: expected one of reject, truncate, route, found 1"},
        {POOL(",\"on_loss\":\"replays\""), "d.json:1:117: pools.p.on_loss: expected one of replay, "
                                           "fail (nearest is 'replay'), found \"replays\""},
        {POOL(",\"rollout\":{\"canary\":2}"), "d.json:1:127: pools.p.rollout.canary: expected at "
                                              "most the pool's 1 instance, found 2"},
        {POOL(",\"rollout\":{\"check\":\"0s\"}"),
                "d.json:1:126: pools.p.rollout.check: expected a duration above 0s and at most "
                "1d, found \"0s\""},
        {POOL(",\"pinned\":1"), "d.json:1:116: pools.p.pinned: expected true or false, found 1"},
        {POOL(",\"ops_policy\":\"refuze\""),
                "d.json:1:120: pools.p.ops_policy: expected one of fallback, refuse (nearest is "
                "'refuse'), found \"refuze\""},
        {TOP(",\"compile_farm\":{\"workers\":0}"),
                "d.json:1:135: compile_farm.workers: expected an integer of at least 1 and at "
                "most 1024 compiles, found 0"},
        {POOL(",\"batch_window\":5"),
                "d.json:1:122: pools.p.batch_window: expected a duration with its unit (ns, us, "
                "ms, s, m, h, d) such as \"20ms\", found 5"},
        {POOL(",\"batch_window\":\"-5ms\""),
                "d.json:1:122: pools.p.batch_window: expected a duration with its unit (ns, us, "
                "ms, s, m, h, d) such as \"20ms\", found \"-5ms\""},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":1,\"frame\":\"10ms\",\"slots\":1,"
         "\"prefill_tokens_per_frame\":64}]}]}",
                "d.json:1:45: pools.p.buckets.0.max_seq: expected an integer of at least 2 and at "
                "most 1000000000 tokens, found 1"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":10,\"slots\":1,"
         "\"prefill_tokens_per_frame\":64}]}]}",
                "d.json:1:56: pools.p.buckets.0.frame: expected a duration with its unit (ns, us, "
                "ms, s, m, h, d) such as \"20ms\", found 10"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"0ns\",\"slots\":1,"
         "\"prefill_tokens_per_frame\":64}]}]}",
                "d.json:1:56: pools.p.buckets.0.frame: expected a duration of at least 1ns and at "
                "most 1h, found \"0ns\""},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"2h\",\"slots\":1,"
         "\"prefill_tokens_per_frame\":64}]}]}",
                "d.json:1:56: pools.p.buckets.0.frame: expected a duration of at least 1ns and at "
                "most 1h, found \"2h\""},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":"
         "16385,\"prefill_tokens_per_frame\":64}]}]}",
                "d.json:1:70: pools.p.buckets.0.slots: expected an integer of at least 1 and at "
                "most 16384 slots, found 16385"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":1.5,"
         "\"prefill_tokens_per_frame\":64}]}]}",
                "d.json:1:70: pools.p.buckets.0.slots: expected an integer that fits 64 bits, "
                "found 1.5"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":1,"
         "\"prefill_tokens_per_frame\":0}]}]}",
                "d.json:1:99: pools.p.buckets.0.prefill_tokens_per_frame: expected an integer of "
                "at least 1 and at most 1000000000 tokens, found 0"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":1}]}"
         "]}",
                "d.json:1:34: pools.p.buckets.0: expected the key 'prefill_tokens_per_frame', "
                "found none"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":"
         "9000,\"prefill_tokens_per_frame\":1},\n{\"max_seq\":65,\"frame\":\"1ms\",\"slots\":9000,"
         "\"prefill_tokens_per_frame\":1}]}]}",
                "d.json:2:37: pools.p.buckets.1.slots: expected at most 16384 slots an instance, "
                "found 18000"},
        {"{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":1,"
         "\"prefill_tokens_per_frame\":1},\n{\"max_seq\":64,\"frame\":\"1ms\",\"slots\":1,"
         "\"prefill_tokens_per_frame\":1}]}]}",
                "d.json:2:12: pools.p.buckets.1.max_seq: expected a max_seq that no other bucket "
                "of the pool has, found 64"},
        {"{\"pools\":[{\"name\":\"p\",\"entry\":\"immediate\",\"buckets\":[{\"max_seq\":64,"
         "\"frame\":\"1ms\",\"slots\":1,\"prefill_tokens_per_frame\":1},\n{\"max_seq\":65,"
         "\"frame\":\"1ms\",\"slots\":1,\"prefill_tokens_per_frame\":1}]}]}",
                "d.json:1:31: pools.p.entry: expected \"phase\" or \"frame\" with several buckets, "
                "found \"immediate\""},
        {POOL(",\"admission\":{\"policy\":\"token_bucket\"}"),
                "d.json:1:129: pools.p.admission.policy: expected one of none, token_budget, "
                "request_count, queue_cap (nearest is 'token_budget'), found \"token_bucket\""},
        {POOL(",\"admission\":{\"policy\":\"token_budget\"}"),
                "d.json:1:119: pools.p.admission: expected \"limit\" with policy \"token_budget\", "
                "found none"},
        {POOL(",\"admission\":{\"policy\":\"token_budget\",\"limit\":5}"),
                "d.json:1:152: pools.p.admission.limit: expected a duration with its unit (ns, us, "
                "ms, s, m, h, d) such as \"20ms\", found 5"},
        {POOL(",\"admission\":{\"policy\":\"queue_cap\",\"limit\":\"5s\"}"),
                "d.json:1:149: pools.p.admission.limit: expected an integer, found \"5s\""},
        {POOL(",\"admission\":{\"policy\":\"request_count\",\"limit\":0}"),
                "d.json:1:153: pools.p.admission.limit: expected a number of requests from 1 to "
                "1000000000, found 0"},
        {POOL(",\"admission\":{\"limit\":5}"), "d.json:1:120: pools.p.admission.limit: expected no "
                                               "limit with policy \"none\", found one"},
        {POOL(",\"admission\":{\"tenant_rate\":-1}"),
                "d.json:1:134: pools.p.admission.tenant_rate: expected a number of at least 0 and "
                "at most 1e+09 requests/s, found -1"},
        {POOL(",\"accepts\":{\"tiers\":[\"a\",\"a\"]}"),
                "d.json:1:131: pools.p.accepts.tiers.1: expected a tier that is not in the list "
                "yet, found \"a\""},
        {POOL(",\"accepts\":{\"tenants\":[7]}"),
                "d.json:1:129: pools.p.accepts.tenants.0: expected the name of a tenant, found 7"},
        {POOL(",\"accepts\":{\"min_tokens\":9,\"max_tokens\":8}"),
                "d.json:1:146: pools.p.accepts.max_tokens: expected at least min_tokens, 9, found "
                "8"},
        {POOL(",\"priority\":\"batch\""),
                "d.json:1:118: pools.p.priority: expected a list, found \"batch\""},
        {POOL(",\"degraded\":{}"),
                "d.json:1:118: pools.p.degraded: expected the key 'below', found none"},
        {POOL(",\"degraded\":{\"below\":2}"), "d.json:1:127: pools.p.degraded.below: expected at "
                                              "most the pool's 1 instance, found 2"},
        {POOL(",\"nodes\":[]"),
                "d.json:1:115: pools.p.nodes: expected 1 list of nodes, one an instance, found 0"},
        {POOL(",\"nodes\":[[\"r0.n0\"],[\"r0.n1\"]],\"instances\":1"),
                "d.json:1:115: pools.p.nodes: expected 1 list of nodes, one an instance, found 2"},
        {POOL(",\"nodes\":[\"r0.n0\"]"),
                "d.json:1:116: pools.p.nodes.0: expected a list of 1 to 9 nodes, found \"r0.n0\""},
        {POOL(",\"nodes\":[[\"r0.n9\"]]"), "d.json:1:117: pools.p.nodes.0.0: expected a node "
                                           "(r0.n0 … r0.n8), found \"r0.n9\""},
        {POOL(",\"nodes\":[[\"r0.n0.c0\"]]"), "d.json:1:117: pools.p.nodes.0.0: expected a node "
                                              "(r0.n0 … r0.n8), found \"r0.n0.c0\""},
        {POOL(",\"nodes\":[[\"r0.n8\"]]"), "d.json:1:117: pools.p.nodes.0.0: expected a working "
                                           "node (the last 1 of a rack is spare), found \"r0.n8\""},
        {POOL(",\"nodes\":[[\"r0.n0\",\"r0.n0\"]]"),
                "d.json:1:125: pools.p.nodes.0.1: expected a node that the instance does not have "
                "yet, found \"r0.n0\""},
        {POOL(",\"nodes\":[[\"r0.n0\",\"r0.n1\"],[\"r0.n2\"]]"),
                "d.json:1:134: pools.p.nodes.1: expected 2 nodes as in the first list, found 1"},
        {TOP(",\"ethernet\":{\"hop\":\"fast\"}"),
                "d.json:1:127: ethernet.hop: expected a duration with its unit (ns, us, ms, s, m, "
                "h, d) such as \"20ms\", found \"fast\""},
        {TOP(",\"ethernet\":{\"lanes\":0}"), "d.json:1:129: ethernet.lanes: expected an integer of "
                                             "at least 1 and at most 64 lanes, found 0"},
        {TOP(",\"ethernet\":{\"ingress\":\"1ms\"}"),
                "d.json:1:121: ethernet.ingress: expected a known key, found 'ingress'"},
        {TOP(",\"power\":{\"rating\":0}"),
                "d.json:1:127: power.rating: expected a number of at least 0.001 and at most 10000 "
                "kW, found 0"},
        {TOP(",\"power\":{\"derating\":1.2}"),
                "d.json:1:129: power.derating: expected a number of at least 0.01 and at most 1 "
                "ratio, found 1.2"},
        {TOP(",\"power\":{\"trip_after\":10}"),
                "d.json:1:131: power.trip_after: expected a duration with its unit (ns, us, ms, "
                "s, m, h, d) such as \"20ms\", found 10"},
        {TOP(",\"power\":{\"boots\":\"5s\"}"), "d.json:1:118: power.boots: expected a known key "
                                               "(nearest is 'boot'), found 'boots'"},
        {TOP(",\"cooling\":{\"ramp\":0}"),
                "d.json:1:127: cooling.ramp: expected a number of at least 0.001 and at most 1000 "
                "degC/s, found 0"},
        {TOP(",\"cooling\":{\"inlet\":50}"),
                "d.json:1:119: cooling: expected inlet + rise of at most throttle_at, found 50 + "
                "40 and 85"},
        {TOP(",\"cooling\":{\"shutdown_at\":85}"),
                "d.json:1:119: cooling: expected throttle_at below shutdown_at, found 85 and 85"},
        {TOP(",\"health\":{\"poll_period\":\"0ms\"}"),
                "d.json:1:133: health.poll_period: expected a duration of at least 1ns and at most "
                "1d, found \"0ms\""},
        {TOP(",\"health\":{\"suspicions\":0}"),
                "d.json:1:132: health.suspicions: expected an integer of at least 1 and at most "
                "1000 events, found 0"},
        {TOP(",\"health\":{\"weights_from\":\"disk\"}"),
                "d.json:1:134: health.weights_from: expected one of host_dram, registry, found "
                "\"disk\""},
        {TOP(",\"cross_rack\":{\"position\":\"maybe\"}"),
                "d.json:1:134: cross_rack.position: expected one of forbidden, allowed, found "
                "\"maybe\""},
        {TOP(",\"model\":{\"layers\":0}"), "d.json:1:127: model.layers: expected an integer of at "
                                           "least 1 and at most 1000 layers, found 0"},
        {TOP(",\"model\":{\"hidden\":\"4096\"}"),
                "d.json:1:127: model.hidden: expected an integer, found \"4096\""},
        {TOP(",\"hardware\":7"), "d.json:1:120: hardware: expected a path or an object, found 7"},
        {TOP(",\"hardware\":\"absent.json\""),
                "d.json:1:120: hardware: expected a file, found none: absent.json"},
        {TOP(",\"hardware\":{\"rack\":{}}"), "d.json:1:121: hardware.rack: expected a known key "
                                             "(nearest is 'racks'), found 'rack'"},
        {TOP(",\"hardware\":{\"racks\":2}"),
                "d.json:1:129: hardware.racks: expected an object, found 2"},
        {TOP(",\"hardware\":{\"racks\":{\"value\":2}}"),
                "d.json:1:129: hardware.racks: expected the key 'unit', found none"},
        {TOP(",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"racks\"}}"),
                "d.json:1:147: hardware.racks.unit: expected \"count\", found \"racks\""},
        {TOP(",\"hardware\":{\"racks\":{\"value\":1.5,\"unit\":\"count\"}}"),
                "d.json:1:138: hardware.racks.value: expected a whole number, found 1.5"},
        {TOP(",\"hardware\":{\"racks\":{\"value\":146,\"unit\":\"count\"}}"),
                "d.json:1:138: hardware.racks.value: expected racks from 1 to 145 count, found "
                "146"},
        {TOP(",\"hardware\":{\"hop_latency\":{\"value\":300,\"unit\":\"GB\"}}"),
                "d.json:1:155: hardware.hop_latency.unit: expected one of \"ns\", \"us\", \"ms\", "
                "\"s\", \"min\", \"h\", found \"GB\""},
        {TOP(",\"hardware\":{\"hop_latency\":{\"value\":300,\"unit\":\"ns\",\"label\":\"guess\"}}"),
                "d.json:1:168: hardware.hop_latency.label: expected one of fact, inference, "
                "assumption, found \"guess\""},
        {TOP(",\"hardware\":{\"spares_per_rack\":{\"value\":9,\"unit\":\"count\"}}"),
                "d.json:1:120: hardware: expected spares_per_rack below nodes_per_rack, found 9 of "
                "9"},
        {TOP(",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"},\n\"racks_per_pod\":{"
             "\"value\":1,\"unit\":\"count\"}}"),
                "d.json:1:11: pools.p: expected every instance within one rack "
                "(cross_rack.position is \"forbidden\"; \"allowed\", with its rationale, permits "
                "it, and a run then measures what it costs), found instance 0 across 2 racks: "
                "from r0 to r1 over eth.r0-r1"},
        /* C2C cables of a pod are no different */
        {TOP(",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"}}"),
                "d.json:1:11: pools.p: expected every instance within one rack "
                "(cross_rack.position is \"forbidden\"; \"allowed\", with its rationale, permits "
                "it, and a run then measures what it costs), found instance 0 across 2 racks: "
                "from r0 to r1 over r0.n7-r1.n7.0"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{}}]}",
                "d.json:1:34: pools.p.artifact: expected the key 'max_seq', found none"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[]}}]}",
                "d.json:1:45: pools.p.artifact.max_seq: expected 1 to 16 buckets, found 0"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096,2048]}}]}",
                "d.json:1:51: pools.p.artifact.max_seq.1: expected a number of tokens from 4097 to "
                "1000000000, found 2048"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"target\":\"lpuv2\"}}]}",
                "d.json:1:61: pools.p.artifact.target: expected the hardware's generation, "
                "\"lpuv1\" (an artifact runs on what it was compiled for), found \"lpuv2\""},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"precision\":{\"kv\":"
         "\"fp64\"}}}]}",
                "d.json:1:70: pools.p.artifact.precision.kv: expected one of int4, int8, fp8, "
                "fp16, bf16, found \"fp64\""},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"batch\":{\"slots\":[1]}}}]"
         "}",
                "d.json:1:61: pools.p.artifact.batch.slots: expected no slots with policy "
                "\"fill\", found some"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"batch\":{\"policy\":"
         "\"fixed\"}}}]}",
                "d.json:1:60: pools.p.artifact.batch: expected 1 slot numbers, one a bucket, found "
                "0"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"batch\":{\"policy\":"
         "\"fixed\",\"slots\":[1,2]}}}]}",
                "d.json:1:86: pools.p.artifact.batch.slots: expected 1 slot numbers, one a bucket, "
                "found 2"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"batch\":{\"policy\":"
         "\"fixed\",\"slots\":[0]}}}]}",
                "d.json:1:87: pools.p.artifact.batch.slots.0: expected a number of slots from 1 to "
                "16384, found 0"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096],\"batch\":{\"policy\":"
         "\"fixed\",\"slots\":[22]}}}]}",
                "d.json:1:34: pools.p.artifact: expected a model that fits 64 chips of 230686720 "
                "bytes, found one short by 165941248 bytes; 72 chips would do"},
        {"{\"pools\":[{\"name\":\"p\",\"instances\":8,\"artifact\":{\"max_seq\":[4096]}}]}",
                "d.json:1:48: pools.p.artifact: expected a model that fits 8 chips of 230686720 "
                "bytes, found one short by 6577459200 bytes; 40 chips would do"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096]}}],\"model\":{"
         "\"parameters\":70553706496,\"layers\":80,\"hidden\":8192,\"intermediate\":28672}}",
                "d.json:1:34: pools.p.artifact: expected a model that fits 64 chips of 230686720 "
                "bytes, found one short by 57643638784 bytes; 336 chips would do"},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[4096]}}],\"model\":{"
         "\"intermediate\":2000000}}",
                "d.json:1:34: pools.p.artifact: expected 320655360 bytes of activations in a "
                "chip's 218103808 bytes, short by 102551553 bytes; no number of chips would do"},
        {"{\"pools\":[{\"name\":\"p\",\"entry\":\"immediate\",\"artifact\":{\"max_seq\":[2048,4096]"
         "}}]}",
                "d.json:1:31: pools.p.entry: expected \"phase\" or \"frame\" with several buckets, "
                "found \"immediate\""},
        {"{\"pools\":[{\"name\":\"p\",\"artifact\":{\"max_seq\":[1000000000],\"batch\":{\"policy\":"
         "\"fixed\",\"slots\":[16384]}}}]}",
                "d.json:1:34: pools.p.artifact: expected at most 1000000000000000000 bytes of KV, "
                "found more"},
        {TOP(",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"},\n\"nodes_per_rack\":"
             "{\"value\":64,\"unit\":\"count\"},\"chips_per_node\":{\"value\":64,\"unit\":"
             "\"count\"}}"),
                "d.json:1:120: hardware: expected a machine of at most 200000 components, found "
                "one of 282764"},
};

START_TEST(every_bad_input_has_its_line)
{
	struct parsed p;

	ck_assert_msg(!parse_text(&p, "d.json", cases[_i].text), "accepted: %s", cases[_i].text);
	ck_assert_int_eq(p.err.code, ERR_USAGE);
	ck_assert_str_eq(p.message, cases[_i].message);
	parsed_free(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deployment errors");
	TCase *tcase = tcase_create("lines");

	tcase_add_loop_test(tcase, every_bad_input_has_its_line, 0, ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
