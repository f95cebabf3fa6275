/* The files that a result rests on; docs/RESULTS.md says what the members mean. */
#include "reports/form_parts.h"

static const char *const score_schemas[] = {"lpuchaos.score/1", NULL};
static const char *const histograms_schemas[] = {"lpuchaos.histograms/1", NULL};
static const char *const faults_schemas[] = {"lpuchaos.faults/1", NULL};
static const char *const assumptions_schemas[] = {"lpuchaos.assumptions/1", NULL};
static const char *const inputs_schemas[] = {"lpuchaos.inputs/1", NULL};
static const char *const units[] = {"ns", NULL};
static const char *const roles[] = {"scenario", "suite", "deployment", "hardware", "trace", NULL};

/* --- histograms.json --------------------------------------------------------------------- */

static const struct form cell = {.kind = FORM_PAIR};

static const struct form histogram[] = {
        PLAIN("count", FORM_COUNT),
        PLAIN("sum", FORM_SUM),
        OR_NULL("min", FORM_COUNT),
        OR_NULL("max", FORM_COUNT),
        PLAIN("infinite", FORM_COUNT),
        LIST("cells", &cell),
};
static const struct form a_histogram = SHARED(NULL, histogram);

static const struct form batch[] = {PLAIN("n", FORM_COUNT), PLAIN("over_limit", FORM_COUNT),
        PLAIN("over_p90", FORM_COUNT), PLAIN("over_p50", FORM_COUNT)};
static const struct form a_batch = SHARED(NULL, batch);

static const struct form group[] = {
        PLAIN("tier", FORM_TEXT),
        WORD("window", names_windows),
        PLAIN("requests", FORM_COUNT),
        PLAIN("good", FORM_COUNT),
        EACH("outcomes", names_outcomes, OUTCOME_COUNT, &form_count),
        PLAIN("prompt_tokens", FORM_COUNT),
        PLAIN("output_tokens", FORM_COUNT),
        EACH("metrics", names_metrics, METRIC_GROUPS, &a_histogram),
};
static const struct form a_group = OBJECT(NULL, group);

static const struct form judged_counts[] = {
        PLAIN("n", FORM_COUNT), PLAIN("over", FORM_COUNT), PLAIN("refused", FORM_COUNT)};

static const struct form column[] = {
        PLAIN("id", FORM_TEXT),
        PLAIN("tier", FORM_TEXT),
        WORD("window", names_windows),
        WORD("metric", names_metrics),
        PLAIN("quantile", FORM_NUMBER),
        PLAIN("limit_ns", FORM_COUNT),
        SHARED("judged", judged_counts),
        SHARED("baseline", judged_counts),
        SHARED("values", histogram),
        LIST_AS("batches", &a_batch, FORM_NULL),
};
static const struct form a_column = SHARED(NULL, column);

static const struct form histograms[] = {
        ORIGIN(histograms_schemas),
        WORD("unit", units),
        LIST("groups", &a_group),
        LIST("slo", &a_column),
        LIST("isolation", &a_column),
};
const struct form form_histograms = OBJECT(NULL, histograms);

/* --- faults.json ------------------------------------------------------------------------- */

static const struct form active[] = {
        PLAIN("fault", FORM_TEXT), PLAIN("from_ns", FORM_COUNT), OR_NULL("to_ns", FORM_COUNT)};
static const struct form an_active = OBJECT(NULL, active);
static const struct form stretch[] = {
        WORD("window", names_windows), PLAIN("from_ns", FORM_COUNT), PLAIN("to_ns", FORM_COUNT)};
static const struct form a_stretch = OBJECT(NULL, stretch);

static const struct form faults[] = {
        ORIGIN(faults_schemas),
        PLAIN("warmup_ns", FORM_COUNT),
        PLAIN("duration_ns", FORM_COUNT),
        LIST("faults", &form_fault),
        LIST("active", &an_active),
        PLAIN("active_left_out", FORM_COUNT),
        LIST("windows", &a_stretch),
        PLAIN("windows_left_out", FORM_COUNT),
};
const struct form form_faults = OBJECT(NULL, faults);

/* --- score.json -------------------------------------------------------------------------- */

static const struct form tenant[] = {PLAIN("name", FORM_TEXT), PLAIN("tier", FORM_TEXT)};
static const struct form a_tenant = OBJECT(NULL, tenant);

static const struct form config[] = {
        PLAIN("warmup_ns", FORM_COUNT),
        PLAIN("duration_ns", FORM_COUNT),
        LIST("expected_rate", &form_number),
        PLAIN("expected_rate_all", FORM_NUMBER),
        PLAIN("recovery_horizon_ns", FORM_COUNT),
        PLAIN("recovery_hold_ns", FORM_COUNT),
        PLAIN("census", FORM_FLAG),
};

static const struct form facts[] = {
        PLAIN("scheduled", FORM_COUNT),
        PLAIN("critical_known", FORM_FLAG),
        PLAIN("critical_in_rack", FORM_FLAG),
        PLAIN("critical_in_pod", FORM_FLAG),
        WORD("packets_in_rack", names_packets),
        WORD("packets_in_pod", names_packets),
        OR_NULL("packets_doubt", FORM_TEXT),
        PLAIN("paths_known", FORM_FLAG),
        EACH("paths", names_paths, REACHED_COUNT, &form_count),
        PLAIN("valid", FORM_FLAG),
        PLAIN("aborted_by_rule", FORM_FLAG),
        PLAIN("interrupted", FORM_FLAG),
        PLAIN("partial", FORM_FLAG),
};

static const struct form damage[] = {PLAIN("late", FORM_COUNT), PLAIN("extra_ns_sum", FORM_COUNT),
        PLAIN("lost", FORM_COUNT), PLAIN("refused", FORM_COUNT),
        PLAIN("tokens_recomputed", FORM_COUNT)};

static const struct form given[] = {
        PLAIN("id", FORM_TEXT),
        PLAIN("kind", FORM_TEXT),
        PLAIN("target", FORM_TEXT),
        OR_NULL("detail", FORM_TEXT),
        WORD_AS("withheld", form_limits, FORM_NULL),
        OR_NULL("inject_ns", FORM_COUNT),
        OR_NULL("effect_ns", FORM_COUNT),
        OR_NULL("detect_ns", FORM_COUNT),
        OR_NULL("isolate_ns", FORM_COUNT),
        OR_NULL("failover_ns", FORM_COUNT),
        OR_NULL("revert_ns", FORM_COUNT),
        PLAIN("clean", FORM_FLAG),
        PLAIN("detect_started", FORM_FLAG),
        PLAIN("failover_started", FORM_FLAG),
        PLAIN("settled", FORM_FLAG),
        PLAIN("replayed_requests", FORM_COUNT),
        OBJECT_AS("damage", damage, FORM_NULL),
        OR_NULL("coalesce_ns", FORM_COUNT),
};
static const struct form a_given = OBJECT(NULL, given);

static const struct form mark[] = {
        PLAIN("after", FORM_COUNT),
        WORD("told", names_told),
        MAYBE("fault", FORM_TEXT),
        MAYBE("at_ns", FORM_COUNT),
};
static const struct form a_mark = OBJECT(NULL, mark);

static const struct form replicas[] = {
        PLAIN("slo", FORM_TEXT),
        PLAIN("isolation", FORM_FLAG),
        PLAIN("p90_ns", FORM_COUNT),
        PLAIN("p50_ns", FORM_COUNT),
        LIST("batches", &a_batch),
        OBJECT("values", histogram),
};
static const struct form a_replicas = OBJECT(NULL, replicas);

static const struct form pair[] = {
        PLAIN("slo", FORM_TEXT),
        PLAIN("isolation", FORM_FLAG),
        WORD("percentile", form_judged),
        OR_NULL("upper_ns", FORM_COUNT),
        PLAIN("vif", FORM_NUMBER),
        PLAIN("n_eff", FORM_COUNT),
};
static const struct form a_pair = OBJECT(NULL, pair);

static const struct form score[] = {
        ORIGIN(score_schemas),
        LIST("tiers", &form_text),
        LIST("pools", &form_text),
        LIST("tenants", &a_tenant),
        OBJECT("config", config),
        OBJECT("facts", facts),
        LIST("faults", &a_given),
        LIST_AS("marks", &a_mark, FORM_NULL),
        LIST("replicas", &a_replicas),
        LIST("pairs", &a_pair),
        PLAIN("dropped", FORM_COUNT),
};
const struct form form_score = OBJECT(NULL, score);

/* --- what was read ----------------------------------------------------------------------- */

static const struct form assumption[] = {
        PLAIN("path", FORM_TEXT),
        PLAIN("value", FORM_ANY),
        OR_NULL("unit", FORM_TEXT),
        WORD("label", form_labels),
        OR_NULL("source", FORM_TEXT),
        PLAIN("stated", FORM_FLAG),
};
static const struct form an_assumption = OBJECT(NULL, assumption);

static const struct form assumptions[] = {
        ORIGIN(assumptions_schemas), LIST("assumptions", &an_assumption)};
const struct form form_assumptions = OBJECT(NULL, assumptions);

static const struct form input[] = {PLAIN("path", FORM_TEXT), WORD("role", roles),
        PLAIN("sha256", FORM_HEX), PLAIN("kept", FORM_FLAG)};
static const struct form an_input = OBJECT(NULL, input);

static const struct form inputs[] = {
        WORD("schema", inputs_schemas),
        PLAIN("scenario", FORM_TEXT),
        PLAIN("seed", FORM_COUNT),
        LIST("set", &form_text),
        PLAIN("main", FORM_TEXT),
        LIST("files", &an_input),
};
const struct form form_inputs = OBJECT(NULL, inputs);

static const struct form any = {.kind = FORM_ANY};
static const struct form bundle_trace[] = {
        PLAIN("digest", FORM_DIGEST), PLAIN("emitted", FORM_COUNT)};
static const struct form a_bundle_trace = OBJECT(NULL, bundle_trace);

/* Its documents are what scenario and deployment schemas describe. */
static const struct form bundle[] = {
        PLAIN("file", FORM_TEXT),
        MAP("scenario", &any),
        MAP("files", &any),
        MAP("traces", &a_bundle_trace),
};
const struct form form_bundle = OBJECT(NULL, bundle);
