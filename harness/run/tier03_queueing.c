/* Section (b): what bounds p99. Of every remedy and every bucket: the policy, the bound it gives
 * (wait_bound.h), what theory expects (knee.h), what requests waited in a run in which nothing
 * breaks, and what the run of the suite observed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/knee.h"
#include "harness/run/plan.h"
#include "harness/run/tier03_parts.h"
#include "harness/run/wait_bound.h"

/* Of a bucket in a run without faults. Requests count where an empty rack would put them: one that
 * has gone on to the next pool counts where it came from. */
struct seen {
	uint64_t requests, refused;
	struct histogram wait, ttft; /* of those that were served */
};

struct watch {
	const struct scenario *s;
	const struct wait_bound *bounds;
	struct seen *seen; /* by bound */
	uint32_t n;
};

static void see(void *ctx, const struct sample *e)
{
	struct watch *w = ctx;
	struct arrival a = {.tenant = e->tenant,
	        .prompt_tokens = e->prompt_tokens,
	        .output_tokens = 1,
	        .max_tokens = w->s->traffic.tenants[e->tenant].max_tokens};
	struct plan_place at;
	uint32_t i = 0;

	if (!plan_place(w->s, &a, &at))
		return;
	while (i < w->n && (w->bounds[i].pool != at.pool || w->bounds[i].bucket != at.bucket))
		i++;
	if (i == w->n)
		return;
	w->seen[i].requests++;
	w->seen[i].refused += e->outcome == OUTCOME_REJECTED;
	if (e->outcome != OUTCOME_OK)
		return;
	histogram_add(&w->seen[i].wait, e->queue_ns);
	histogram_add(&w->seen[i].ttft, e->t_first - e->t_sched);
}

static enum status watch_healthy(struct tier03 *t, const struct scenario *s, struct watch *w)
{
	struct scenario healthy = tier03_healthy(s);
	struct virtual_options options = {.seed = s->seed,
	        .without = VIRTUAL_ALL_FAULTS,
	        .interrupt = t->interrupt,
	        .sample = see,
	        .sample_ctx = w};
	struct virtual_result run;

	w->s = s;
	for (uint32_t i = 0; i < w->n; i++) {
		histogram_init(&w->seen[i].wait);
		histogram_init(&w->seen[i].ttft);
	}
	if (drive_virtual(&healthy, &options, &run, t->err))
		return t->err->code;
	virtual_result_free(&run);
	return ERR_NONE;
}

/* --- one bucket ---------------------------------------------------------------------- */

static void write_tiers(struct tier03 *t, const struct scenario *s, const char *key, uint64_t tiers)
{
	json_out_open(t->o, key, '[');
	for (uint32_t i = 0; i < s->traffic.n_tiers; i++)
		if (tiers >> i & 1)
			json_out_str(t->o, NULL, s->traffic.tiers[i]);
	json_out_close(t->o);
}

static void write_policy(struct tier03 *t, const struct pool_spec *p)
{
	const struct admission_spec *a = &p->admission;

	json_out_open(t->o, "policy", '{');
	json_out_str(t->o, "admission", admission_policy_name(a->policy));
	if (a->policy == ADMISSION_TOKEN_BUDGET)
		tier03_ms(t, "limit_ms", a->limit_ns);
	else if (a->policy != ADMISSION_NONE)
		json_out_i64(t->o, "limit", a->limit);
	if (a->tenant_rate > 0) {
		json_out_real(t->o, "tenant_rate", a->tenant_rate);
		json_out_i64(t->o, "tenant_burst", a->tenant_burst);
	}
	json_out_open(t->o, "priority", '[');
	for (uint32_t i = 0; i < p->n_priority; i++)
		json_out_str(t->o, NULL, p->priority[i]);
	json_out_close(t->o);
	json_out_str(t->o, "overflow", p->overflow_next ? "next" : "none");
	json_out_close(t->o);
}

/* The letters of the formula. */
static void write_terms(struct tier03 *t, const struct pool_spec *p, const struct wait_bound *b)
{
	json_out_open(t->o, "terms", '{');
	if (b->rule == WAIT_QUEUE_CAP || b->rule == WAIT_REQUEST_COUNT)
		json_out_i64(t->o, "L", p->admission.limit);
	if (b->rule == WAIT_TOKEN_BUDGET) {
		tier03_ms(t, "T_ms", p->admission.limit_ns);
		tier03_ms(t, "f_ms", p->buckets[b->bucket].frame_ns);
	}
	if (b->rule == WAIT_RATE) {
		json_out_u64(t->o, "N", b->tenants);
		json_out_i64(t->o, "B", p->admission.tenant_burst);
	}
	json_out_u64(t->o, "S", b->servers);
	json_out_i64(t->o, "C", b->declared);
	tier03_ms(t, "F_ms", b->frame_ns);
	tier03_ms(t, "W_ms", b->window_ns);
	json_out_close(t->o);
}

static void write_bound(struct tier03 *t, const struct scenario *s, const struct pool_spec *p,
        const struct wait_bound *b)
{
	json_out_open(t->o, "bound", '{');
	json_out_bool(t->o, "bounded", b->wait_ns >= 0);
	json_out_str(t->o, "why", b->why);
	json_out_str(t->o, "formula", wait_formula(b->rule));
	write_terms(t, p, b);
	write_tiers(t, s, "holds_for", b->covered);
	write_tiers(t, s, "not_for", b->tiers & ~b->covered);
	tier03_ms(t, "wait_ms", b->wait_ns);
	tier03_ms(t, "prefill_ms", b->prefill_ns);
	tier03_ms(t, "network_ms", b->network_ns);
	tier03_ms(t, "ttft_ms", b->ttft_ns);
	tier03_ms(t, "wait_by_output_law_ms", b->served_wait_ns);
	json_out_close(t->o);
}

static void write_theory(struct tier03 *t, const struct scenario *s, const struct knee_bucket *k)
{
	struct knee_theory th = knee_bucket_theory(s, k, k->rho);

	json_out_open(t->o, "theory", '{');
	json_out_real(t->o, "rate", k->rate);
	json_out_real(t->o, "frames_mean", k->frames);
	json_out_real(t->o, "rho", k->rho);
	json_out_str(t->o, "gaps", knee_gaps_name(k->gaps));
	json_out_real(t->o, "ca2", k->ca2);
	json_out_real(t->o, "cs2", k->cs2);
	if (th.below_one) {
		json_out_real(t->o, "allen_cunneen_mean_ms", th.allen_ns / 1e6);
		json_out_real(t->o, "kingman_mean_ms", th.kingman_ns / 1e6);
	} else {
		json_out_null(t->o, "allen_cunneen_mean_ms");
		json_out_null(t->o, "kingman_mean_ms");
	}
	if (th.below_one && th.known) {
		json_out_open(t->o, "mdk", '{');
		json_out_bool(t->o, "exact", k->cs2 == 0 && k->ca2 == 1 && k->gaps == GAPS_EXACT);
		json_out_real(t->o, "p_wait", th.p_wait);
		json_out_real(t->o, "mean_ms", th.mean_ns / 1e6);
		json_out_real(t->o, "p99_ms", th.p99_ns / 1e6);
		json_out_close(t->o);
	} else {
		json_out_null(t->o, "mdk");
	}
	json_out_close(t->o);
}

static void write_percentile(struct tier03 *t, const char *key, const struct histogram *h, double q)
{
	int64_t ns = -1;

	if (h->count < histogram_floor(q) || !histogram_percentile(h, q, &ns))
		ns = -1;
	tier03_ms(t, key, ns);
}

/* The bound is held against the longest wait. Of a pool that sends on whom it refuses, requests
 * waited elsewhere; of tiers that it does not hold for, nothing is said. */
static void write_seen(struct tier03 *t, const struct pool_spec *p, const struct wait_bound *b,
        const struct seen *seen)
{
	bool judged =
	        b->wait_ns >= 0 && seen->wait.count && !p->overflow_next && b->covered == b->tiers;

	json_out_open(t->o, "healthy", '{');
	json_out_u64(t->o, "requests", seen->requests);
	json_out_u64(t->o, "refused", seen->refused);
	write_percentile(t, "wait_p99_ms", &seen->wait, 0.99);
	tier03_ms(t, "wait_max_ms", seen->wait.count ? seen->wait.max : -1);
	write_percentile(t, "ttft_p99_ms", &seen->ttft, 0.99);
	tier03_ms(t, "ttft_max_ms", seen->ttft.count ? seen->ttft.max : -1);
	if (judged)
		json_out_bool(t->o, "within_bound",
		        seen->wait.max <= b->wait_ns && seen->ttft.max <= b->ttft_ns);
	else
		json_out_null(t->o, "within_bound");
	json_out_close(t->o);
}

/* Percentiles of TTFT that the suite's run was asked for, of the tiers that come to this bucket. */
static void write_observed(struct tier03 *t, uint32_t scenario, const struct wait_bound *b)
{
	const struct verdict_run *run = t->runs[scenario];
	const struct score_result *r = run ? run->doc.result : NULL;

	json_out_open(t->o, "observed", '[');
	for (uint32_t i = 0; r && i < r->n_slo; i++) {
		const struct slo_result *slo = &r->slo[i];

		if (slo->rule->metric != METRIC_TTFT || !(b->tiers >> slo->rule->tier & 1))
			continue;
		json_out_open(t->o, NULL, '{');
		json_out_str(t->o, "slo", slo->rule->id);
		json_out_str(
		        t->o, "tier", t->list->items[scenario]->traffic.tiers[slo->rule->tier]);
		json_out_str(t->o, "window", window_name(slo->rule->window));
		json_out_real(t->o, "quantile", slo->rule->quantile);
		tier03_ms(t, "limit_ms", slo->rule->limit_ns);
		tier03_ms(t, "observed_ms", slo->observed_ns);
		tier03_ms(t, "upper_ms", slo->upper_ns);
		json_out_u64(t->o, "refused", slo->refused);
		json_out_str(t->o, "verdict", verdict_name(slo->verdict));
		tier03_evidence(t);
		tier03_link_run(t, scenario, "result.json", "/slo/%u", i);
		tier03_evidence_end(t);
		json_out_close(t->o);
	}
	json_out_close(t->o);
}

static void write_sentence(struct tier03 *t, const struct scenario *s, const struct pool_spec *p,
        const struct wait_bound *b, const struct knee_bucket *k)
{
	char load[96] = "its load is not known";

	if (k)
		(void)snprintf(load, sizeof(load), "rho is %.3f", k->rho);
	if (b->wait_ns < 0)
		tier03_say(t, "inference",
		        "No bound: in pool %s of %s, bucket %" PRId64 ", %s. %s, and how long p99 "
		        "waits is up to the traffic.",
		        p->name, s->name, p->buckets[b->bucket].max_seq, b->why, load);
	else
		tier03_say(t, "inference",
		        "In pool %s of %s, bucket %" PRId64 ", who is admitted waits at most %.3f "
		        "ms for a slot and has its first token within %.3f ms, as long as no slot "
		        "is "
		        "lost; %s.",
		        p->name, s->name, p->buckets[b->bucket].max_seq, ns_to_ms(b->wait_ns),
		        ns_to_ms(b->ttft_ns), load);
}

static const struct knee_bucket *load_of(const struct knee_load *load, const struct wait_bound *b)
{
	for (uint32_t i = 0; i < load->n; i++)
		if (load->buckets[i].pool == b->pool && load->buckets[i].bucket == b->bucket)
			return &load->buckets[i];
	return NULL;
}

static void write_bucket(struct tier03 *t, uint32_t scenario, const struct wait_bound *b,
        const struct seen *seen, const struct knee_load *load)
{
	const struct scenario *s = t->list->items[scenario];
	const struct pool_spec *p = &s->deployment.pools[b->pool];
	const struct knee_bucket *k = load_of(load, b);

	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "scenario", s->name);
	json_out_str(t->o, "pool", p->name);
	json_out_i64(t->o, "max_seq", p->buckets[b->bucket].max_seq);
	json_out_u64(t->o, "slots", p->buckets[b->bucket].slots);
	json_out_u64(t->o, "instances", p->n_instances);
	write_tiers(t, s, "tiers", b->tiers);
	write_sentence(t, s, p, b, k);
	write_policy(t, p);
	write_bound(t, s, p, b);
	if (k)
		write_theory(t, s, k);
	else
		json_out_null(t->o, "theory");
	write_seen(t, p, b, seen);
	write_observed(t, scenario, b);
	tier03_evidence(t);
	tier03_link_run(t, scenario, "bundle.json", "/scenario");
	tier03_link_run(t, scenario, "result.json", "/groups");
	tier03_evidence_end(t);
	json_out_close(t->o);
}

/* --- the whole ----------------------------------------------------------------------- */

static void write_scenario(struct tier03 *t, uint32_t scenario)
{
	const struct scenario *s = t->list->items[scenario];
	struct knee_load *load = mem_alloc(1, sizeof(*load));
	struct wait_bound *bounds = mem_alloc(WAIT_BOUNDS_MAX, sizeof(*bounds));
	struct watch w = {.bounds = bounds};

	if (!wait_bounds(s, bounds, &w.n, t->err) && !knee_load(s, load, t->err)) {
		w.seen = mem_alloc(w.n + 1, sizeof(*w.seen));
		if (!watch_healthy(t, s, &w))
			for (uint32_t i = 0; i < w.n; i++)
				write_bucket(t, scenario, &bounds[i], &w.seen[i], load);
		for (uint32_t i = 0; i < w.n; i++) {
			histogram_free(&w.seen[i].wait);
			histogram_free(&w.seen[i].ttft);
		}
		mem_free(w.seen);
	}
	mem_free(bounds);
	mem_free(load);
}

void tier03_queueing(struct tier03 *t)
{
	json_out_open(t->o, "queueing", '{');
	tier03_say(t, "inference",
	        "What bounds p99 is the policy that refuses: its bound follows from how many it "
	        "lets "
	        "in, how many slots serve them and how long a service takes at most. A pool that "
	        "refuses nobody has no bound, only an expectation.");
	json_out_str(t->o, "letters",
	        "S slots of all instances; C frames of the longest service as declared; F the "
	        "longest frame of the pool; f the bucket's own; W the batch window; L, T the "
	        "limit; "
	        "N tenants with bursts of B");
	tier03_evidence(t);
	tier03_link(t, t->names[0], "/queueing/buckets");
	tier03_evidence_end(t);
	json_out_open(t->o, "buckets", '[');
	for (uint32_t i = t->suite->first; i < t->suite->first + t->suite->n; i++)
		if (t->remedy[i] && t->list->items[i]->has_deployment && !t->err->code &&
		        !*t->interrupt)
			write_scenario(t, i);
	json_out_close(t->o);
	json_out_close(t->o);
}
