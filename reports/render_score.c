/* score.json: what a judgement rested on besides the requests and the rules. With those two
 * (run.sqlite, bundle.json) it can be made again, to the last bit, by somebody who has neither the
 * machine nor the emulator (rescore.h). */
#include "harness/base/check.h"
#include "reports/names.h"
#include "reports/render_parts.h"
#include "reports/score_state.h"

static void names_json(struct json_out *o, const char *key, const char *const *names, uint32_t n)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < n; i++)
		json_out_str(o, NULL, names[i]);
	json_out_close(o);
}

static void tenants_json(
        struct json_out *o, const struct score_tenants *tenants, const struct score_names *names)
{
	json_out_open(o, "tenants", '[');
	for (uint32_t i = 0; i < tenants->n; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "name", tenants->names[i]);
		json_out_str(o, "tier", names->tiers[tenants->tier[i]]);
		json_out_close(o);
	}
	json_out_close(o);
}

static void config_json(struct json_out *o, const struct score_config *c)
{
	json_out_open(o, "config", '{');
	json_out_i64(o, "warmup_ns", c->warmup_ns);
	json_out_i64(o, "duration_ns", c->duration_ns);
	json_out_open(o, "expected_rate", '[');
	for (uint32_t i = 0; i < c->n_tiers; i++)
		json_out_real(o, NULL, c->expected_rate[i]);
	json_out_close(o);
	json_out_real(o, "expected_rate_all", c->expected_rate_all);
	json_out_i64(o, "recovery_horizon_ns", c->recovery_horizon_ns);
	json_out_i64(o, "recovery_hold_ns", c->recovery_hold_ns);
	json_out_bool(o, "census", c->census);
	json_out_close(o);
}

static void facts_json(struct json_out *o, const struct score_facts *f)
{
	json_out_open(o, "facts", '{');
	json_out_u64(o, "scheduled", f->scheduled);
	json_out_bool(o, "critical_known", f->critical_known);
	json_out_bool(o, "critical_in_rack", f->critical_in_rack);
	json_out_bool(o, "critical_in_pod", f->critical_in_pod);
	json_out_str(o, "packets_in_rack", names_packets[f->packets_in_rack]);
	json_out_str(o, "packets_in_pod", names_packets[f->packets_in_pod]);
	json_out_str(o, "packets_doubt", f->packets_doubt);
	json_out_bool(o, "paths_known", f->paths_known);
	json_out_open(o, "paths", '{');
	for (int i = 0; i < REACHED_COUNT; i++)
		json_out_u64(o, names_paths[i], f->paths[i]);
	json_out_close(o);
	json_out_bool(o, "valid", f->valid);
	json_out_bool(o, "aborted_by_rule", f->aborted_by_rule);
	json_out_bool(o, "interrupted", f->interrupted);
	json_out_bool(o, "partial", f->partial);
	json_out_close(o);
}

static void damage_json(struct json_out *o, const struct score_fault *f)
{
	if (!f->has_damage) {
		json_out_null(o, "damage");
		return;
	}
	json_out_open(o, "damage", '{');
	json_out_u64(o, "late", f->damage.late);
	json_out_i64(o, "extra_ns_sum", f->damage.extra_ns_sum);
	json_out_u64(o, "lost", f->damage.lost);
	json_out_u64(o, "refused", f->damage.refused);
	json_out_u64(o, "tokens_recomputed", f->damage.tokens_recomputed);
	json_out_close(o);
}

/* recover and breach are the judgement's own: they follow from the requests. */
static void fault_json(struct json_out *o, const struct score_fault *f)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", f->id);
	json_out_str(o, "kind", f->kind);
	json_out_str(o, "target", f->target);
	json_out_str(o, "detail", f->detail);
	json_out_str(o, "withheld", f->withheld);
	render_instant(o, "inject_ns", f->inject_ns);
	render_instant(o, "effect_ns", f->effect_ns);
	render_instant(o, "detect_ns", f->detect_ns);
	render_instant(o, "isolate_ns", f->isolate_ns);
	render_instant(o, "failover_ns", f->failover_ns);
	render_instant(o, "revert_ns", f->revert_ns);
	json_out_bool(o, "clean", f->clean);
	json_out_bool(o, "detect_started", f->detect_started);
	json_out_bool(o, "failover_started", f->failover_started);
	json_out_bool(o, "settled", f->settled);
	json_out_u64(o, "replayed_requests", f->replayed_requests);
	damage_json(o, f);
	render_instant(o, "coalesce_ns", f->coalesce_ns);
	json_out_close(o);
}

/* null: there were too many to keep, and the windows cannot be made again. */
static void marks_json(struct json_out *o, const struct score *s, const struct score_names *names)
{
	if (s->marks_lost) {
		json_out_null(o, "marks");
		return;
	}
	json_out_open(o, "marks", '[');
	for (uint32_t i = 0; i < s->n_marks; i++) {
		const struct score_mark *m = &s->marks[i];
		struct render_line line = render_line_open(o);

		json_out_u64(o, "after", m->after);
		json_out_str(o, "told", names_told[m->told]);
		if (m->told != TOLD_NO_MORE) {
			json_out_str(o, "fault", names->faults[m->fault]);
			json_out_i64(o, "at_ns", m->at_ns);
		}
		render_line_close(o, line);
	}
	json_out_close(o);
}

static void replicas_json(struct json_out *o, const struct score *s)
{
	json_out_open(o, "replicas", '[');
	for (uint32_t i = 0; i < s->n_columns; i++) {
		const struct replica_batches *r = s->replicas[i];

		if (!r)
			continue;
		json_out_open(o, NULL, '{');
		json_out_str(o, "slo", s->columns[i].rule->id);
		json_out_bool(o, "isolation", s->columns[i].derived);
		json_out_i64(o, "p90_ns", r->cut[CUT_P90]);
		json_out_i64(o, "p50_ns", r->cut[CUT_P50]);
		json_out_open(o, "batches", '[');
		for (uint32_t k = 0; k < r->n; k++)
			render_batch(o, &r->batch[k]);
		json_out_close(o);
		json_out_open(o, "values", '{');
		render_histogram(o, &r->values, r->infinite);
		json_out_close(o);
		json_out_close(o);
	}
	json_out_close(o);
}

void render_pairs(const struct score *s, struct json_out *o)
{
	json_out_open(o, "pairs", '[');
	for (uint32_t i = 0; i < s->n_columns; i++) {
		const struct pair_verdict *p = &s->pairs[i];

		if (!p->known)
			continue;
		json_out_open(o, NULL, '{');
		json_out_str(o, "slo", s->columns[i].rule->id);
		json_out_bool(o, "isolation", s->columns[i].derived);
		json_out_str(o, "percentile", verdict_name(p->percentile));
		render_instant(o, "upper_ns", p->upper_ns);
		json_out_real(o, "vif", p->vif);
		json_out_u64(o, "n_eff", p->n_eff);
		json_out_close(o);
	}
	json_out_close(o);
}

void render_score(
        const struct result_document *d, const struct score_tenants *tenants, struct json_out *o)
{
	const struct score *s = d->score;

	CHECK(s->decided);
	json_out_open(o, NULL, '{');
	render_origin(o, "lpuchaos.score/1", d);
	names_json(o, "tiers", d->names->tiers, d->names->n_tiers);
	names_json(o, "pools", d->names->pools, d->names->n_pools);
	tenants_json(o, tenants, d->names);
	config_json(o, &s->config);
	facts_json(o, &s->facts);
	json_out_open(o, "faults", '[');
	for (uint32_t i = 0; i < d->n_faults; i++)
		fault_json(o, &d->faults[i]);
	json_out_close(o);
	marks_json(o, s, d->names);
	replicas_json(o, s);
	render_pairs(s, o);
	json_out_u64(o, "dropped", s->dropped);
	json_out_close(o);
}
