/* result.json, member by member in the order of DESIGN §9. What is not known is null; what belongs
 * to one clock only is null on the other. */
#include "harness/base/units.h"
#include "reports/group.h"
#include "reports/render.h"
#include "reports/render_parts.h"

static void lag_json(struct json_out *o, const char *key, const struct result_lag *lag)
{
	json_out_open(o, key, '{');
	if (lag->known) {
		json_out_real(o, "p50", lag->p50_ms);
		json_out_real(o, "p99", lag->p99_ms);
		json_out_real(o, "max", lag->max_ms);
	} else {
		json_out_null(o, "p50");
		json_out_null(o, "p99");
		json_out_null(o, "max");
	}
	json_out_close(o);
}

static void priority_json(struct json_out *o, const struct result_validity *v)
{
	if (!v->priority_known) {
		json_out_null(o, "priority");
		return;
	}
	json_out_open(o, "priority", '{');
	json_out_i64(o, "client_nice", v->client_nice);
	json_out_i64(o, "client_cpu", v->client_cpu);
	json_out_i64(o, "emulator_nice", v->emulator_nice);
	json_out_i64(o, "emulator_cpu", v->emulator_cpu);
	json_out_close(o);
}

static void validity_json(struct json_out *o, const struct result_validity *v)
{
	json_out_open(o, "validity", '{');
	json_out_bool(o, "valid", v->valid);
	json_out_open(o, "reasons", '[');
	for (uint32_t i = 0; i < v->n_reasons; i++)
		json_out_str(o, NULL, v->reasons[i]);
	json_out_close(o);
	lag_json(o, "sched_lag_ms", &v->sched);
	lag_json(o, "emission_lag_ms", &v->emission);
	lag_json(o, "loop_lag_ms", &v->loop);
	lag_json(o, "overhead_ms", &v->overhead);
	json_out_u64(o, "attempts", v->attempts);
	priority_json(o, v);
	json_out_close(o);
}

static void percentile_json(struct json_out *o, const char *key, double ms)
{
	if (ms < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ms);
}

void render_agreement(const struct result_agreement *a, struct json_out *o)
{
	if (!a) {
		json_out_null(o, "agreement");
		return;
	}
	json_out_open(o, "agreement", '{');
	json_out_bool(o, "ok", a->ok);
	json_out_str(o, "reason", a->reason);
	json_out_u64(o, "compared", a->compared);
	json_out_real(o, "tpot_deviation", a->tpot_deviation);
	json_out_real(o, "ttft_within_share", a->ttft_within_share);
	percentile_json(o, "ttft_p50_wall_ms", a->ttft_p50_wall_ms);
	percentile_json(o, "ttft_p50_virtual_ms", a->ttft_p50_virtual_ms);
	percentile_json(o, "ttft_p99_wall_ms", a->ttft_p99_wall_ms);
	percentile_json(o, "ttft_p99_virtual_ms", a->ttft_p99_virtual_ms);
	json_out_real(o, "outcome_mismatch_share", a->outcome_mismatch_share);
	json_out_real(o, "ledger_max_ms", a->ledger_max_ms);
	json_out_close(o);
}

void render_requests(const struct score_result *r, struct json_out *o)
{
	const uint64_t *by = r->by_outcome;
	uint64_t failed = group_errors(by) - by[OUTCOME_CORRUPT] - by[OUTCOME_NOT_SENT],
	         scheduled = 0;

	for (int i = 0; i < OUTCOME_COUNT; i++)
		scheduled += by[i];
	json_out_open(o, "requests", '{');
	json_out_u64(o, "scheduled", scheduled);
	json_out_u64(o, "ok", by[OUTCOME_OK]);
	json_out_u64(o, "rejected", by[OUTCOME_REJECTED]);
	json_out_u64(o, "failed", failed);
	json_out_u64(o, "corrupt", by[OUTCOME_CORRUPT]);
	json_out_u64(o, "cancelled", by[OUTCOME_CANCELLED]);
	json_out_u64(o, "not_sent", by[OUTCOME_NOT_SENT]);
	json_out_close(o);
}

static void outcomes_json(struct json_out *o, const struct score_result *r)
{
	json_out_open(o, "outcomes", '{');
	for (int i = 0; i < OUTCOME_COUNT; i++)
		json_out_u64(o, outcome_name((enum outcome)i), r->by_outcome[i]);
	json_out_close(o);
	json_out_u64(o, "attempts", r->attempts);
}

static void trace_json(struct json_out *o, const struct result_trace *t)
{
	if (!t)
		return;
	json_out_open(o, "trace", '{');
	json_out_u64(o, "rows_read", t->rows_read);
	json_out_u64(o, "emitted", t->emitted);
	json_out_open(o, "dropped", '{');
	for (uint32_t i = 0; i < t->n_dropped; i++)
		json_out_u64(o, t->dropped[i].reason, t->dropped[i].rows);
	json_out_close(o);
	json_out_close(o);
}

void render_instant(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_i64(o, key, ns);
}

static void since_json(struct json_out *o, const char *key, int64_t at, int64_t inject)
{
	int64_t ns = score_since(at, inject);

	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns_to_ms(ns));
}

static void twin_json(struct json_out *o, const char *key, bool known, uint64_t n)
{
	if (known)
		json_out_u64(o, key, n);
	else
		json_out_null(o, key);
}

static void damage_json(struct json_out *o, const struct score_fault *f)
{
	if (!f->has_damage) {
		json_out_null(o, "damage");
		return;
	}
	json_out_open(o, "damage", '{');
	json_out_u64(o, "late", f->damage.late);
	json_out_real(o, "extra_ms_sum", ns_to_ms(f->damage.extra_ns_sum));
	json_out_u64(o, "lost", f->damage.lost);
	json_out_u64(o, "refused", f->damage.refused);
	json_out_u64(o, "tokens_recomputed", f->damage.tokens_recomputed);
	json_out_close(o);
}

void render_fault(struct json_out *o, const struct score_fault *f)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", f->id);
	json_out_str(o, "kind", f->kind);
	json_out_str(o, "target", f->target);
	json_out_str(o, "detail", f->detail);
	render_instant(o, "inject_ns", f->inject_ns);
	render_instant(o, "effect_ns", f->effect_ns);
	render_instant(o, "detect_ns", f->detect_ns);
	render_instant(o, "isolate_ns", f->isolate_ns);
	render_instant(o, "failover_ns", f->failover_ns);
	render_instant(o, "recover_ns", f->recover_ns);
	render_instant(o, "revert_ns", f->revert_ns);
	json_out_bool(o, "clean", f->clean);
	json_out_str(o, "withheld", f->withheld);
	since_json(o, "ttd_ms", f->detect_ns, f->inject_ns);
	since_json(o, "ttf_ms", f->failover_ns, f->inject_ns);
	since_json(o, "ttr_ms", f->recover_ns, f->inject_ns);
	json_out_bool(o, "breach", f->breach);
	render_instant(o, "coalesce_ns", f->coalesce_ns);
	json_out_u64(o, "replayed_requests", f->replayed_requests);
	twin_json(o, "lost_requests", f->has_damage, f->damage.lost);
	twin_json(o, "refused_requests", f->has_damage, f->damage.refused);
	twin_json(o, "tokens_recomputed", f->has_damage, f->damage.tokens_recomputed);
	damage_json(o, f);
	json_out_close(o);
}

static void engine_json(struct json_out *o, const struct result_engine *e)
{
	json_out_open(o, "engine", '{');
	json_out_str(o, "version", e->version);
	json_out_str(o, "commit", e->commit);
	json_out_u64(o, "events", e->events);
	json_out_real(o, "wall_seconds", e->wall_seconds);
	json_out_real(o, "simulated_seconds", e->simulated_seconds);
	if (e->client_peak_kib)
		json_out_i64(o, "client_peak_kib", e->client_peak_kib);
	if (e->emulator_peak_kib)
		json_out_i64(o, "emulator_peak_kib", e->emulator_peak_kib);
	json_out_close(o);
}

void render_origin(struct json_out *o, const char *schema, const struct result_document *d)
{
	json_out_str(o, "schema", schema);
	json_out_str(o, "scenario", d->scenario);
	json_out_u64(o, "seed", d->seed);
	json_out_str(o, "clock", d->virtual_clock ? "virtual" : "wall");
}

static void heading_json(
        struct json_out *o, const struct result_document *d, enum verdict verdict, bool partial)
{
	render_origin(o, "lpuchaos.result/1", d);
	json_out_str(o, "verdict", verdict_name(verdict));
	json_out_bool(o, "partial", partial);
	json_out_str(o, "plan_digest", d->plan_digest);
	json_out_str(o, "traffic_digest", d->traffic_digest);
	json_out_str(o, "result_digest", d->virtual_clock ? d->result_digest : NULL);
	json_out_u64(o, "model_version", d->model_version);
}

void render_result(const struct result_document *d, struct json_out *o)
{
	CHECK(d->score && d->result && d->names);
	json_out_open(o, NULL, '{');
	heading_json(o, d, d->result->verdict, d->partial);
	validity_json(o, &d->validity);
	render_agreement(d->agreement, o);
	render_requests(d->result, o);
	outcomes_json(o, d->result);
	trace_json(o, d->trace);
	json_out_open(o, "tokens", '{');
	json_out_i64(o, "prompt", d->result->prompt_tokens);
	json_out_i64(o, "output", d->result->output_tokens);
	json_out_close(o);
	score_groups_json(d->score, o);
	score_totals_json(d->score, o);
	score_results_json(d->result, d->names, o);
	json_out_bool(o, "steady_state", d->result->steady_state);
	json_out_open(o, "faults", '[');
	for (uint32_t i = 0; i < d->n_faults; i++)
		render_fault(o, &d->faults[i]);
	json_out_close(o);
	render_cross_rack(d->cross_rack, o);
	render_result_audit(d->audit, o);
	engine_json(o, &d->engine);
	json_out_str(o, "replay", d->replay);
	json_out_close(o);
}

static void engine_begun_json(struct json_out *o, const struct result_engine *e)
{
	json_out_open(o, "engine", '{');
	json_out_str(o, "version", e->version);
	json_out_str(o, "commit", e->commit);
	json_out_null(o, "events");
	json_out_null(o, "wall_seconds");
	json_out_null(o, "simulated_seconds");
	json_out_close(o);
}

void render_begun(const struct result_document *d, struct json_out *o)
{
	static const char *const unknown[] = {"validity", "agreement", "requests", "outcomes",
	        "attempts", "tokens", "groups", "slo", "expect", "steady_state", "faults", "audit"};

	json_out_open(o, NULL, '{');
	heading_json(o, d, VERDICT_ABORTED, true);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		json_out_null(o, unknown[i]);
	engine_begun_json(o, &d->engine);
	json_out_str(o, "replay", d->replay);
	json_out_close(o);
}
