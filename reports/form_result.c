/* result.json, in the order of DESIGN §9; docs/METRICS.md says what the members mean. */
#include "reports/form_parts.h"

static const char *const schemas[] = {"lpuchaos.result/1", NULL};
const char *const form_clocks[] = {"virtual", "wall", NULL};
const char *const form_judged[] = {"pass", "fail", "inconclusive", NULL};
const char *const form_limits[] = {"max_active", "never_below", NULL};
const char *const form_labels[] = {"fact", "inference", "assumption", NULL};
static const char *const aborted[] = {"aborted", NULL};
static const char *const requests[] = {
        "scheduled", "ok", "rejected", "failed", "corrupt", "cancelled", "not_sent"};
static const char *const observed[] = {"finite", "infinite", "too_few", NULL};
static const char *const wants[] = {"hold", "miss", NULL};
static const char *const scopes[] = {"rack", "pod", NULL};
static const char *const reaches[] = {"c2c-pod", "ethernet", NULL};
static const char *const positions[] = {"allowed", "forbidden", NULL};
static const char *const frame_bases[] = {"stated", "compiled", NULL};
static const char *const places[] = {"rack", "pod", "beyond", NULL};

const struct form form_text = {.kind = FORM_TEXT}, form_count = {.kind = FORM_COUNT},
                  form_number = {.kind = FORM_NUMBER};

/* --- trust ------------------------------------------------------------------------------- */

static const struct form lag[] = {
        OR_NULL("p50", FORM_NUMBER), OR_NULL("p99", FORM_NUMBER), OR_NULL("max", FORM_NUMBER)};

static const struct form priority[] = {PLAIN("client_nice", FORM_WHOLE),
        PLAIN("client_cpu", FORM_WHOLE), PLAIN("emulator_nice", FORM_WHOLE),
        PLAIN("emulator_cpu", FORM_WHOLE)};

static const struct form validity[] = {
        PLAIN("valid", FORM_FLAG),
        LIST("reasons", &form_text),
        SHARED("sched_lag_ms", lag),
        SHARED("emission_lag_ms", lag),
        SHARED("loop_lag_ms", lag),
        SHARED("overhead_ms", lag),
        PLAIN("attempts", FORM_COUNT),
        OBJECT_AS("priority", priority, FORM_NULL),
};

static const struct form agreement[] = {
        PLAIN("ok", FORM_FLAG),
        OR_NULL("reason", FORM_TEXT),
        PLAIN("compared", FORM_COUNT),
        PLAIN("tpot_deviation", FORM_NUMBER),
        PLAIN("ttft_within_share", FORM_NUMBER),
        OR_NULL("ttft_p50_wall_ms", FORM_NUMBER),
        OR_NULL("ttft_p50_virtual_ms", FORM_NUMBER),
        OR_NULL("ttft_p99_wall_ms", FORM_NUMBER),
        OR_NULL("ttft_p99_virtual_ms", FORM_NUMBER),
        PLAIN("outcome_mismatch_share", FORM_NUMBER),
        PLAIN("ledger_max_ms", FORM_NUMBER),
};

/* --- figures ----------------------------------------------------------------------------- */

static const struct form metric[] = {
        PLAIN("count", FORM_COUNT),
        OR_NULL("mean", FORM_NUMBER),
        OR_NULL("p50", FORM_NUMBER),
        OR_NULL("p90", FORM_NUMBER),
        OR_NULL("p95", FORM_NUMBER),
        OR_NULL("p99", FORM_NUMBER),
        OR_NULL("p999", FORM_NUMBER),
        OR_NULL("max", FORM_NUMBER),
};
static const struct form a_metric = SHARED(NULL, metric);

/* vLLM's names, of a group and of all together. */
#define VLLM                                                                                       \
	PLAIN("completed", FORM_COUNT), PLAIN("total_input_tokens", FORM_COUNT),                   \
	        PLAIN("total_output_tokens", FORM_COUNT),                                          \
	        OR_NULL("request_throughput", FORM_NUMBER),                                        \
	        OR_NULL("request_goodput", FORM_NUMBER),                                           \
	        OR_NULL("output_throughput", FORM_NUMBER), OR_NULL("mean_ttft_ms", FORM_NUMBER),   \
	        OR_NULL("median_ttft_ms", FORM_NUMBER), OR_NULL("p99_ttft_ms", FORM_NUMBER),       \
	        OR_NULL("mean_tpot_ms", FORM_NUMBER), OR_NULL("median_tpot_ms", FORM_NUMBER),      \
	        OR_NULL("p99_tpot_ms", FORM_NUMBER), OR_NULL("mean_itl_ms", FORM_NUMBER),          \
	        OR_NULL("median_itl_ms", FORM_NUMBER), OR_NULL("p99_itl_ms", FORM_NUMBER),         \
	        OR_NULL("mean_e2el_ms", FORM_NUMBER), OR_NULL("median_e2el_ms", FORM_NUMBER),      \
	        OR_NULL("p99_e2el_ms", FORM_NUMBER)

static const struct form group[] = {
        PLAIN("tier", FORM_TEXT),
        WORD("window", names_windows),
        PLAIN("requests", FORM_COUNT),
        EACH("metrics", names_metrics, METRIC_GROUPS, &a_metric),
        OR_NULL("goodput_rps", FORM_NUMBER),
        OR_NULL("good_fraction", FORM_NUMBER),
        VLLM,
};
static const struct form a_group = OBJECT(NULL, group);

static const struct form trace[] = {
        PLAIN("rows_read", FORM_COUNT), PLAIN("emitted", FORM_COUNT), MAP("dropped", &form_count)};
static const struct form tokens[] = {PLAIN("prompt", FORM_COUNT), PLAIN("output", FORM_COUNT)};

/* --- verdicts ---------------------------------------------------------------------------- */

static const struct form slo[] = {
        PLAIN("id", FORM_TEXT),
        PLAIN("tier", FORM_TEXT),
        WORD("window", names_windows),
        WORD("metric", names_metrics),
        PLAIN("quantile", FORM_NUMBER),
        PLAIN("limit_ms", FORM_NUMBER),
        OR_NULL("observed_ms", FORM_NUMBER),
        WORD("observed", observed),
        OR_NULL("upper_ms", FORM_NUMBER),
        PLAIN("n", FORM_COUNT),
        PLAIN("over", FORM_COUNT),
        PLAIN("refused", FORM_COUNT),
        PLAIN("max_refused", FORM_NUMBER),
        PLAIN("vif", FORM_NUMBER),
        PLAIN("n_eff", FORM_COUNT),
        WORD("basis", names_bases),
        MAP_AS("blame", &form_number, FORM_NULL),
        WORD("want", wants),
        WORD("percentile_verdict", form_judged),
        WORD("verdict", form_judged),
        OR_NULL("reason", FORM_TEXT),
};
static const struct form an_slo = OBJECT(NULL, slo);

static const struct form expectation[] = {
        PLAIN("id", FORM_TEXT),
        WORD("kind", names_expects),
        MAYBE_OR_NULL("fault", FORM_TEXT),
        WORD_AS("path", names_paths, FORM_OPTIONAL),
        MAYBE_OR_NULL("tier", FORM_TEXT),
        WORD_AS("scope", scopes, FORM_OPTIONAL),
        OR_NULL("limit", FORM_SCALAR),
        OR_NULL("observed", FORM_SCALAR),
        WORD_AS("want", wants, FORM_OPTIONAL),
        WORD("verdict", form_judged),
        OR_NULL("reason", FORM_TEXT),
};
static const struct form an_expectation = OBJECT(NULL, expectation);

/* --- faults ------------------------------------------------------------------------------ */

static const struct form damage[] = {PLAIN("late", FORM_COUNT), PLAIN("extra_ms_sum", FORM_NUMBER),
        PLAIN("lost", FORM_COUNT), PLAIN("refused", FORM_COUNT),
        PLAIN("tokens_recomputed", FORM_COUNT)};

static const struct form fault[] = {
        PLAIN("id", FORM_TEXT),
        PLAIN("kind", FORM_TEXT),
        PLAIN("target", FORM_TEXT),
        OR_NULL("detail", FORM_TEXT),
        OR_NULL("inject_ns", FORM_COUNT),
        OR_NULL("effect_ns", FORM_COUNT),
        OR_NULL("detect_ns", FORM_COUNT),
        OR_NULL("isolate_ns", FORM_COUNT),
        OR_NULL("failover_ns", FORM_COUNT),
        OR_NULL("recover_ns", FORM_COUNT),
        OR_NULL("revert_ns", FORM_COUNT),
        PLAIN("clean", FORM_FLAG),
        WORD_AS("withheld", form_limits, FORM_NULL),
        OR_NULL("ttd_ms", FORM_NUMBER),
        OR_NULL("ttf_ms", FORM_NUMBER),
        OR_NULL("ttr_ms", FORM_NUMBER),
        PLAIN("breach", FORM_FLAG),
        OR_NULL("coalesce_ns", FORM_COUNT),
        PLAIN("replayed_requests", FORM_COUNT),
        OR_NULL("lost_requests", FORM_COUNT),
        OR_NULL("refused_requests", FORM_COUNT),
        OR_NULL("tokens_recomputed", FORM_COUNT),
        OBJECT_AS("damage", damage, FORM_NULL),
};
const struct form form_fault = OBJECT(NULL, fault);

/* --- racks and packets ------------------------------------------------------------------- */

static const struct form spread[] = {
        OR_NULL("mean", FORM_NUMBER), OR_NULL("p50", FORM_NUMBER), OR_NULL("p99", FORM_NUMBER)};
static const struct form spreads[] = {OR_NULL("mean", FORM_NUMBER), OR_NULL("p50", FORM_NUMBER),
        OR_NULL("p99", FORM_NUMBER), OBJECT("without", spread)};
static const struct form frames[] = {PLAIN("with", FORM_NUMBER), PLAIN("without", FORM_NUMBER)};

static const struct form cross_rack[] = {
        WORD("position", positions),
        OR_NULL("rationale", FORM_TEXT),
        OR_NULL("envelope", FORM_TEXT),
        WORD("label", form_labels),
        WORD("reach", reaches),
        PLAIN("instances", FORM_COUNT),
        PLAIN("hops", FORM_COUNT),
        PLAIN("ethernet_hops", FORM_COUNT),
        WORD("basis", frame_bases),
        OBJECT("frame_ms", frames),
        OR_NULL("late", FORM_COUNT),
        OR_NULL("extra_ms_sum", FORM_NUMBER),
        OR_NULL("lost", FORM_COUNT),
        SHARED_AS("ttft_ms", spreads, FORM_NULL),
        SHARED_AS("tpot_ms", spreads, FORM_NULL),
};

static const struct form path[] = {WORD_AS("packets", places, FORM_NULL),
        WORD_AS("judged", places, FORM_NULL), WORD("worst", places), PLAIN("agrees", FORM_FLAG)};

static const struct form audit[] = {
        WORD("verdict", form_judged),
        WORD("scope", scopes),
        PLAIN("packets", FORM_COUNT),
        PLAIN("critical", FORM_COUNT),
        PLAIN("violations", FORM_COUNT),
        PLAIN("sampling", FORM_COUNT),
        PLAIN("frames", FORM_COUNT),
        PLAIN("left_out", FORM_COUNT),
        OBJECT("path", path),
        LIST("doubts", &form_text),
        PLAIN("capture", FORM_TEXT),
        PLAIN("topology", FORM_TEXT),
        PLAIN("file", FORM_TEXT),
};

/* --- the whole --------------------------------------------------------------------------- */

static const struct form engine[] = {
        PLAIN("version", FORM_TEXT),
        PLAIN("commit", FORM_TEXT),
        PLAIN("events", FORM_COUNT),
        PLAIN("wall_seconds", FORM_NUMBER),
        PLAIN("simulated_seconds", FORM_NUMBER),
        MAYBE("client_peak_kib", FORM_COUNT),
        MAYBE("emulator_peak_kib", FORM_COUNT),
};

static const struct form result[] = {
        ORIGIN(schemas),
        WORD("verdict", names_verdicts),
        PLAIN("partial", FORM_FLAG),
        PLAIN("plan_digest", FORM_DIGEST),
        PLAIN("traffic_digest", FORM_DIGEST),
        OR_NULL("result_digest", FORM_DIGEST),
        PLAIN("model_version", FORM_COUNT),
        OBJECT("validity", validity),
        OBJECT_AS("agreement", agreement, FORM_NULL),
        EACH("requests", requests, ARRAY_LEN(requests), &form_count),
        EACH("outcomes", names_outcomes, OUTCOME_COUNT, &form_count),
        PLAIN("attempts", FORM_COUNT),
        OBJECT_AS("trace", trace, FORM_OPTIONAL),
        OBJECT("tokens", tokens),
        LIST("groups", &a_group),
        PLAIN("duration", FORM_NUMBER),
        VLLM,
        LIST("slo", &an_slo),
        LIST("expect", &an_expectation),
        PLAIN("steady_state", FORM_FLAG),
        LIST("faults", &form_fault),
        OBJECT_AS("cross_rack", cross_rack, FORM_OPTIONAL),
        OBJECT_AS("audit", audit, FORM_NULL),
        OBJECT("engine", engine),
        PLAIN("replay", FORM_TEXT),
};
const struct form form_result = OBJECT(NULL, result);

static const struct form engine_begun[] = {PLAIN("version", FORM_TEXT), PLAIN("commit", FORM_TEXT),
        PLAIN("events", FORM_NOTHING), PLAIN("wall_seconds", FORM_NOTHING),
        PLAIN("simulated_seconds", FORM_NOTHING)};

/* What stands there while the run goes on, and stays if it is killed. */
static const struct form begun[] = {
        ORIGIN(schemas),
        WORD("verdict", aborted),
        PLAIN("partial", FORM_FLAG),
        PLAIN("plan_digest", FORM_DIGEST),
        PLAIN("traffic_digest", FORM_NOTHING),
        PLAIN("result_digest", FORM_NOTHING),
        PLAIN("model_version", FORM_COUNT),
        PLAIN("validity", FORM_NOTHING),
        PLAIN("agreement", FORM_NOTHING),
        PLAIN("requests", FORM_NOTHING),
        PLAIN("outcomes", FORM_NOTHING),
        PLAIN("attempts", FORM_NOTHING),
        PLAIN("tokens", FORM_NOTHING),
        PLAIN("groups", FORM_NOTHING),
        PLAIN("slo", FORM_NOTHING),
        PLAIN("expect", FORM_NOTHING),
        PLAIN("steady_state", FORM_NOTHING),
        PLAIN("faults", FORM_NOTHING),
        PLAIN("audit", FORM_NOTHING),
        OBJECT("engine", engine_begun),
        PLAIN("replay", FORM_TEXT),
};
const struct form form_begun = OBJECT(NULL, begun);
