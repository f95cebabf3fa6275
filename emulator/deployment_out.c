/* The canonical deployment: every default written out, keys in ascending order, durations in ns. It
 * goes into the plan digest, and the server process builds its rack from it, so it must read back
 * to the deployment that it was written from: an artifact is written as its seven inputs, not as
 * its result. */
#include "emulator/deployment_parts.h"

#include <stdio.h>
#include "harness/base/units.h"

static void out_ns(struct json_out *o, const char *key, int64_t ns)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lldns", (long long)ns);
	json_out_str(o, key, text);
}

static void out_names(struct json_out *o, const char *key, const char *const *names, uint32_t n)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < n; i++)
		json_out_str(o, NULL, names[i]);
	json_out_close(o);
}

static void out_admission(const struct admission_spec *a, struct json_out *o)
{
	json_out_open(o, "admission", '{');
	if (a->policy == ADMISSION_TOKEN_BUDGET)
		out_ns(o, "limit", a->limit_ns);
	else if (a->policy != ADMISSION_NONE)
		json_out_i64(o, "limit", a->limit);
	json_out_str(o, "policy", policy_names[a->policy]);
	json_out_i64(o, "tenant_burst", a->tenant_burst);
	json_out_real(o, "tenant_rate", a->tenant_rate);
	json_out_close(o);
}

static void out_buckets(const struct pool_spec *p, struct json_out *o)
{
	json_out_open(o, "buckets", '[');
	for (uint32_t i = 0; i < p->n_buckets; i++) {
		json_out_open(o, NULL, '{');
		out_ns(o, "frame", p->buckets[i].frame_ns);
		json_out_i64(o, "max_seq", p->buckets[i].max_seq);
		json_out_i64(o, "prefill_tokens_per_frame", p->buckets[i].ppf);
		json_out_i64(o, "slots", p->buckets[i].slots);
		json_out_close(o);
	}
	json_out_close(o);
}

static void out_nodes(const struct topology *t, const struct pool_spec *p, struct json_out *o)
{
	json_out_open(o, "nodes", '[');
	for (uint32_t i = 0; i < p->n_instances; i++) {
		json_out_open(o, NULL, '[');
		for (uint32_t k = 0; k < p->nodes_per_instance; k++)
			json_out_str(o, NULL,
			        t->components[t->node_component0 + pool_nodes(p, i)[k]].name);
		json_out_close(o);
	}
	json_out_close(o);
}

static void out_rollout(const struct rollout_spec *r, struct json_out *o)
{
	json_out_open(o, "rollout", '{');
	json_out_i64(o, "canary", r->canary);
	out_ns(o, "check", r->check_ns);
	out_ns(o, "rollback", r->rollback_ns);
	json_out_real(o, "tolerance", (double)r->tolerance_ppm / 1e6);
	json_out_close(o);
}

static void out_pool(const struct topology *t, const struct pool_spec *p, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_open(o, "accepts", '{');
	json_out_i64(o, "max_tokens", p->max_tokens);
	json_out_i64(o, "min_tokens", p->min_tokens);
	out_names(o, "tenants", p->tenants, p->n_tenants);
	out_names(o, "tiers", p->tiers, p->n_tiers);
	json_out_close(o);
	out_admission(&p->admission, o);
	if (p->artifact)
		artifact_spec_out(&p->artifact->spec, o, "artifact");
	out_ns(o, "batch_window", p->batch_window_ns);
	if (!p->artifact)
		out_buckets(p, o);
	if (p->degraded_below) {
		json_out_open(o, "degraded", '{');
		json_out_i64(o, "below", p->degraded_below);
		json_out_i64(o, "max_tokens", p->degraded_max_tokens);
		out_names(o, "shed", p->shed, p->n_shed);
		json_out_close(o);
	}
	if (!p->digest_check)
		json_out_bool(o, "digest_check", false);
	json_out_str(o, "entry", entry_names[p->entry]);
	json_out_i64(o, "instances", p->n_instances);
	json_out_str(o, "name", p->name);
	out_nodes(t, p, o);
	json_out_str(o, "on_loss", loss_names[p->on_loss]);
	if (p->ops_policy != OPS_FALLBACK)
		json_out_str(o, "ops_policy", ops_policy_names[p->ops_policy]);
	json_out_str(o, "overflow", overflow_names[p->overflow_next]);
	json_out_str(o, "oversize", oversize_names[p->oversize]);
	if (p->pinned)
		json_out_bool(o, "pinned", true);
	out_names(o, "priority", p->priority, p->n_priority);
	if (p->rollout.canary)
		out_rollout(&p->rollout, o);
	json_out_close(o);
}

static void out_health(const struct health_spec *h, struct json_out *o)
{
	json_out_open(o, "health", '{');
	if (h->autonomy_ns)
		out_ns(o, "autonomy", h->autonomy_ns);
	if (h->checksum)
		json_out_bool(o, "checksum", true);
	if (h->drift_budget_given)
		json_out_real(o, "drift_budget", h->drift_budget_ppm);
	if (h->frontend_check_ns != 2 * NS_PER_S)
		out_ns(o, "frontend_check", h->frontend_check_ns);
	if (h->frontend_checks != 3)
		json_out_i64(o, "frontend_checks", h->frontend_checks);
	out_ns(o, "isolate", h->isolate_ns);
	if (h->link_scan_ns) { /* the two mean nothing apart */
		out_ns(o, "link_scan", h->link_scan_ns);
		json_out_i64(o, "link_scan_errors", (int64_t)h->link_scan_errors);
	}
	out_ns(o, "persist", h->persist_ns);
	out_ns(o, "poll_period", h->poll_period_ns);
	json_out_i64(o, "polls", h->polls);
	if (h->remap_fixed)
		out_ns(o, "remap", h->remap_ns);
	out_ns(o, "resume", h->resume_ns);
	out_ns(o, "resync", h->resync_ns);
	out_ns(o, "suspect_window", h->suspect_window_ns);
	json_out_i64(o, "suspicions", h->suspicions);
	out_ns(o, "timeout", h->timeout_ns);
	json_out_str(o, "weights_from", weights_from_names[h->weights_from]);
	json_out_close(o);
}

/* Only where the deployment says something: the digests of those that do not are what they were. */
static void out_power(const struct power_spec *p, struct json_out *o)
{
	if (!p->given)
		return;
	json_out_open(o, "power", '{');
	out_ns(o, "boot", p->boot_ns);
	json_out_real(o, "derating", p->derating);
	json_out_real(o, "rating", p->rating_kw);
	out_ns(o, "stage", p->stage_ns);
	out_ns(o, "trip_after", p->trip_after_ns);
	json_out_close(o);
}

static void out_cooling(const struct cooling_spec *c, struct json_out *o)
{
	if (!c->given)
		return;
	json_out_open(o, "cooling", '{');
	json_out_real(o, "inlet", c->inlet);
	json_out_real(o, "ramp", c->ramp);
	json_out_real(o, "rise", c->rise);
	out_ns(o, "sample", c->sample_ns);
	json_out_real(o, "shutdown_at", c->shutdown_at);
	json_out_real(o, "slowest", c->slowest);
	json_out_real(o, "throttle_at", c->throttle_at);
	json_out_close(o);
}

void deployment_canonical(const struct deployment *d, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	cables_out(&d->cable_plan, &d->topology, o);
	if (!compile_farm_is_default(&d->compile_farm)) {
		json_out_open(o, "compile_farm", '{');
		out_ns(o, "compile_time", d->compile_farm.compile_ns);
		json_out_i64(o, "workers", d->compile_farm.workers);
		json_out_close(o);
	}
	out_cooling(&d->cooling, o);
	json_out_open(o, "cross_rack", '{');
	if (d->cross_rack.envelope)
		json_out_str(o, "envelope", d->cross_rack.envelope);
	json_out_str(o, "label", truth_name(d->cross_rack.label));
	json_out_str(o, "position", position_names[d->cross_rack.position]);
	if (d->cross_rack.rationale)
		json_out_str(o, "rationale", d->cross_rack.rationale);
	json_out_close(o);
	json_out_open(o, "ethernet", '{');
	out_ns(o, "hop", d->ethernet.hop_ns);
	out_ns(o, "ingress_delay", d->ethernet.ingress_delay_ns);
	json_out_i64(o, "lanes", d->ethernet.lanes);
	out_ns(o, "rto_min", d->ethernet.rto_min_ns);
	json_out_close(o);
	if (d->n_frontends != FRONTENDS_DEFAULT)
		json_out_i64(o, "frontends", d->n_frontends);
	hardware_out(&d->hardware, o, "hardware");
	out_health(&d->health, o);
	model_out(&d->model_shape, o, "model");
	json_out_open(o, "pools", '[');
	for (uint32_t i = 0; i < d->n_pools; i++)
		out_pool(&d->topology, &d->pools[i], o);
	json_out_close(o);
	out_power(&d->power, o);
	json_out_close(o);
}
