/* A knee as a document and as tables. Every load is told three ways: as a factor on the file's, as
 * requests/s of all traffic, and as rho of the bottleneck bucket. */
#include "harness/run/knee.h"

#include <inttypes.h>
#include <string.h>
#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"
#include "version.h"

enum { CELL = 24 };

static const char *fault_id(const struct knee *k, uint32_t fault)
{
	return fault == KNEE_HEALTHY ? NULL : k->s->faults.faults[fault].id;
}

static double to_ms(double ns)
{
	return ns / 1e6;
}

/* -1 = not known */
static void ms_or_null(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns_to_ms(ns));
}

static void write_load(const struct knee *k, struct json_out *o, const char *key, double factor)
{
	json_out_open(o, key, '{');
	json_out_real(o, "factor", factor);
	json_out_real(o, "rho", factor * k->rho);
	json_out_real(o, "rps", factor * k->load.rate);
	json_out_close(o);
}

/* --- parts of the document ----------------------------------------------------------- */

static void write_slo_rules(const struct knee *k, struct json_out *o)
{
	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < k->play.n_slo; i++) {
		const struct slo_rule *r = &k->play.slo[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", r->id);
		json_out_str(o, "tier", k->s->traffic.tiers[r->tier]);
		json_out_str(o, "metric", metric_name(r->metric));
		json_out_real(o, "quantile", r->quantile);
		json_out_real(o, "limit_ms", ns_to_ms(r->limit_ns));
		json_out_real(o, "max_refused", r->max_refused);
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_buckets(const struct knee *k, struct json_out *o)
{
	json_out_open(o, "buckets", '[');
	for (uint32_t i = 0; i < k->load.n; i++) {
		const struct knee_bucket *b = &k->load.buckets[i];
		const struct pool_spec *pool = &k->s->deployment.pools[b->pool];

		json_out_open(o, NULL, '{');
		json_out_str(o, "pool", pool->name);
		json_out_i64(o, "max_seq", pool->buckets[b->bucket].max_seq);
		json_out_real(o, "frame_ms", ns_to_ms(pool->buckets[b->bucket].frame_ns));
		json_out_u64(o, "slots", pool->buckets[b->bucket].slots);
		json_out_u64(o, "instances", pool->n_instances);
		json_out_real(o, "rps", b->rate);
		json_out_real(o, "frames_mean", b->frames);
		json_out_real(o, "service_ms", to_ms(b->service_ns));
		json_out_real(o, "ca2", b->ca2);
		json_out_str(o, "ca2_is", knee_gaps_name(b->gaps));
		json_out_real(o, "cs2", b->cs2);
		json_out_real(o, "rho", b->rho);
		if (k->answers[0].found)
			json_out_real(o, "rho_at_knee", b->rho * k->answers[0].estimate);
		else
			json_out_null(o, "rho_at_knee");
		json_out_bool(o, "bottleneck", i == k->load.bottleneck);
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_latency(struct json_out *o, const char *key, const struct knee_latency *l)
{
	json_out_open(o, key, '{');
	json_out_real(o, "mean", to_ms(l->mean_ns));
	ms_or_null(o, "p50", l->p50_ns);
	ms_or_null(o, "p99", l->p99_ns);
	json_out_close(o);
}

static void write_point_slo(const struct knee_point *p, uint32_t n, struct json_out *o)
{
	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct slo_result *r = &p->slo[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", r->rule->id);
		ms_or_null(o, "observed_ms", r->observed_ns);
		json_out_str(o, "observed", r->observed);
		ms_or_null(o, "upper_ms", r->upper_ns);
		json_out_u64(o, "n", r->n);
		json_out_u64(o, "over", r->over);
		json_out_u64(o, "refused", r->refused);
		json_out_real(o, "vif", r->vif);
		json_out_u64(o, "n_eff", r->n_eff);
		json_out_str(o, "basis", basis_name(r->basis));
		json_out_str(o, "reason", r->reason);
		json_out_str(o, "verdict", verdict_name(r->verdict));
		json_out_close(o);
	}
	json_out_close(o);
}

/* The members of a load that was played, into the open object. */
static void write_point(const struct knee *k, const struct knee_point *p, struct json_out *o)
{
	char digest[DIGEST_TEXT_MAX];

	json_out_real(o, "factor", p->factor);
	json_out_real(o, "rho", p->factor * k->rho);
	json_out_real(o, "rps", p->factor * k->load.rate);
	json_out_str(o, "verdict", verdict_name(p->verdict));
	json_out_u64(o, "runs", p->runs);
	json_out_u64(o, "requests", p->requests);
	json_out_i64(o, "warmup_ns", p->warmup_ns);
	json_out_i64(o, "duration_ns", p->duration_ns);
	write_latency(o, "ttft_ms", &p->ttft);
	write_latency(o, "queue_ms", &p->queue);
	json_out_real(o, "goodput_rps", p->goodput_rps);
	json_out_real(o, "good_fraction", p->good_fraction);
	json_out_real(o, "refused_fraction", p->refused_fraction);
	write_point_slo(p, k->play.n_slo, o);
	json_out_str(o, "result_digest", digest_text(p->digest, digest));
}

/* What a first token takes beside the wait for a slot, on average. */
static double after_wait(const struct knee_theory *t)
{
	return t->entry_ns + t->prefill_ns + t->network_ns;
}

static void write_theory(const struct knee_theory *t, struct json_out *o)
{
	if (!t->below_one) {
		json_out_null(o, "theory");
		return;
	}
	json_out_open(o, "theory", '{');
	if (t->known) {
		json_out_open(o, "mdk", '{');
		json_out_real(o, "p_wait", t->p_wait);
		json_out_real(o, "mean_ms", to_ms(t->mean_ns));
		json_out_real(o, "p50_ms", to_ms(t->p50_ns));
		json_out_real(o, "p99_ms", to_ms(t->p99_ns));
		json_out_real(o, "ttft_mean_ms", to_ms(t->mean_ns + after_wait(t)));
		json_out_real(o, "ttft_p99_ms", to_ms(t->p99_ns + after_wait(t)));
		json_out_close(o);
	} else {
		json_out_null(o, "mdk");
	}
	json_out_real(o, "allen_cunneen_mean_ms", to_ms(t->allen_ns));
	json_out_real(o, "kingman_mean_ms", to_ms(t->kingman_ns));
	json_out_real(o, "entry_mean_ms", to_ms(t->entry_ns));
	json_out_real(o, "prefill_mean_ms", to_ms(t->prefill_ns));
	json_out_real(o, "network_ms", to_ms(t->network_ns));
	json_out_close(o);
}

static void write_knee(const struct knee *k, const struct knee_answer *a, struct json_out *o)
{
	if (!a->found) {
		json_out_null(o, "knee");
		json_out_str(o, "why", a->why);
		return;
	}
	json_out_open(o, "knee", '{');
	write_load(k, o, "low", a->low);
	write_load(k, o, "estimate", a->estimate);
	write_load(k, o, "high", a->high);
	json_out_str(o, "fails_first", k->play.slo[a->binding].id);
	json_out_str(o, "fails_by", a->by_refusals ? "refused" : "latency");
	json_out_close(o);
	json_out_null(o, "why");
}

/* Between the least and the most that both intervals allow. */
static void write_ratio(const struct knee *k, const struct knee_answer *a, struct json_out *o)
{
	const struct knee_answer *h = &k->answers[0];

	if (!h->found || !a->found) {
		json_out_null(o, "capacity_ratio");
		return;
	}
	json_out_open(o, "capacity_ratio", '{');
	json_out_real(o, "low", a->low / h->high);
	json_out_real(o, "estimate", a->estimate / h->estimate);
	json_out_real(o, "high", a->high / h->low);
	json_out_close(o);
}

static void write_answer(
        const struct knee *k, const struct knee_answer *a, const char *key, struct json_out *o)
{
	uint32_t fault = a->c.fault;

	json_out_open(o, key, '{');
	if (fault != KNEE_HEALTHY) {
		json_out_str(o, "id", fault_id(k, fault));
		json_out_str(o, "kind", k->s->faults.faults[fault].kind->name);
		json_out_str(o, "target", k->s->faults.faults[fault].target);
		json_out_str(o, "in_force", a->c.held ? "throughout" : "by its own recurrence");
		json_out_i64(o, "failover_ns", a->c.settle_ns);
	}
	write_knee(k, a, o);
	if (fault != KNEE_HEALTHY)
		write_ratio(k, a, o);
	json_out_open(o, "points", '[');
	for (uint32_t i = 0; i < a->n; i++) {
		json_out_open(o, NULL, '{');
		write_point(k, &a->points[i], o);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_close(o);
}

static void write_target(const struct knee *k, struct json_out *o)
{
	const struct knee_target *t = &k->target;

	if (t->factor <= 0) {
		json_out_null(o, "rho_target");
		return;
	}
	json_out_open(o, "rho_target", '{');
	write_load(k, o, "load", t->factor);
	write_load(k, o, "knee_low", k->answers[0].low);
	json_out_real(o, "burst_factor", t->burst);
	json_out_str(o, "burst_is", t->why);
	json_out_open(o, "n_1", '{');
	json_out_str(o, "pool", t->pool);
	json_out_bool(o, "spare", t->spare);
	json_out_real(o, "capacity_ratio", t->loss);
	json_out_bool(o, "covered", t->loss_counts);
	json_out_close(o);
	json_out_open(o, "worst_fault", '{');
	json_out_str(o, "id", fault_id(k, t->worst));
	json_out_real(o, "capacity_ratio", t->worst_ratio);
	json_out_close(o);
	json_out_open(o, "not_covered", '[');
	for (uint32_t i = 1; i < k->n_answers; i++)
		if (!k->answers[i].found)
			json_out_str(o, NULL, fault_id(k, i - 1));
	json_out_close(o);
	json_out_close(o);
}

static void write_rule(const struct knee *k, struct json_out *o)
{
	json_out_open(o, "uncertainty", '{');
	json_out_str(o, "rule",
	        "a percentile passes or fails where an exact binomial test on requests, "
	        "discounted for their correlation, errs in at most 1 % of cases (FORMATS 1); "
	        "traces: a census, without error");
	json_out_real(o, "alpha", 0.01);
	json_out_u64(o, "replicas_max", KNEE_REPLICAS);
	json_out_real(o, "resolution", KNEE_RESOLUTION);
	json_out_bool(o, "lengthened", !k->play.fixed);
	json_out_real(o, "requests_wanted", k->play.requests);
	json_out_u64(o, "runs", k->runs);
	json_out_u64(o, "requests", k->requests);
	json_out_close(o);
}

static const char *own_load(const struct knee *k)
{
	const struct knee_answer *h = &k->answers[0];

	if (!h->found)
		return NULL;
	return h->low >= 1 ? "below" : h->high <= 1 ? "above" : "at";
}

/* Some promises do not notice that a queue grows without end, within the time that was played. */
static bool beyond_capacity(const struct knee *k)
{
	return k->answers[0].found && k->answers[0].low * k->rho >= 1;
}

void knee_write_json(const struct knee *k, struct json_out *o)
{
	char digest[DIGEST_TEXT_MAX];

	json_out_open(o, NULL, '{');
	json_out_str(o, "schema", "lpuchaos.knee/1");
	json_out_str(o, "scenario", k->s->name);
	json_out_u64(o, "seed", k->s->seed);
	json_out_str(o, "plan_digest", digest_text(k->s->plan_digest, digest));
	json_out_i64(o, "model_version", MODEL_VERSION);
	write_slo_rules(k, o);
	write_buckets(k, o);
	write_load(k, o, "own_load", 1);
	json_out_str(o, "own_load_is", own_load(k));
	json_out_bool(o, "beyond_capacity", beyond_capacity(k));
	write_answer(k, &k->answers[0], "healthy", o);
	json_out_open(o, "faults", '[');
	for (uint32_t i = 1; i < k->n_answers; i++)
		write_answer(k, &k->answers[i], NULL, o);
	json_out_close(o);
	json_out_open(o, "curve", '[');
	for (uint32_t i = 0; i < k->n_grid; i++) {
		struct knee_theory t = knee_theory(k, k->grid[i].factor);

		json_out_open(o, NULL, '{');
		write_point(k, &k->grid[i], o);
		write_theory(&t, o);
		json_out_close(o);
	}
	json_out_close(o);
	write_target(k, o);
	write_rule(k, o);
	json_out_str(o, "version", LPUCHAOS_VERSION);
	json_out_close(o);
}

/* --- for people ---------------------------------------------------------------------- */

static const char *ms_text(double ns, char out[static CELL])
{
	double ms = ns / 1e6;

	if (ns < 0)
		(void)snprintf(out, CELL, "-");
	else
		(void)snprintf(out, CELL, ms < 10 ? "%.3f" : ms < 1000 ? "%.1f" : "%.0f", ms);
	return out;
}

static void print_slo(const struct knee *k, FILE *f)
{
	(void)fprintf(f, "\n  %-22s %-14s %-10s %8s %12s\n", "SLO", "tier", "metric", "quantile",
	        "limit ms");
	for (uint32_t i = 0; i < k->play.n_slo; i++) {
		const struct slo_rule *r = &k->play.slo[i];
		char limit[CELL];

		(void)fprintf(f, "  %-22s %-14s %-10s %8g %12s\n", r->id,
		        k->s->traffic.tiers[r->tier], metric_name(r->metric), r->quantile,
		        ms_text((double)r->limit_ns, limit));
	}
}

static void print_buckets(const struct knee *k, FILE *f)
{
	const struct knee_answer *h = &k->answers[0];

	(void)fprintf(f, "\n  %-12s %8s %6s %9s %11s %10s %6s %6s %9s %9s\n", "pool", "max_seq",
	        "slots", "instances", "service ms", "requests/s", "ca2", "cs2", "rho", "at knee");
	for (uint32_t i = 0; i < k->load.n; i++) {
		const struct knee_bucket *b = &k->load.buckets[i];
		const struct pool_spec *pool = &k->s->deployment.pools[b->pool];
		char service[CELL], at[CELL] = "-";

		if (h->found)
			(void)snprintf(at, CELL, "%.4f", b->rho * h->estimate);
		(void)fprintf(f,
		        "  %-12s %8" PRId64 " %6u %9u %11s %10.2f %6.2f %6.2f %9.4f %9s%s\n",
		        pool->name, pool->buckets[b->bucket].max_seq,
		        pool->buckets[b->bucket].slots, pool->n_instances,
		        ms_text(b->service_ns, service), b->rate, b->ca2, b->cs2, b->rho, at,
		        i == k->load.bottleneck ? "  bottleneck" : "");
	}
	if (k->load.unplaced > 0)
		(void)fprintf(
		        f, "  %.3g requests/s fit no bucket and are refused\n", k->load.unplaced);
}

static void print_answer(const struct knee *k, const struct knee_answer *a, FILE *f)
{
	const struct knee_answer *h = &k->answers[0];
	const char *name = fault_id(k, a->c.fault);
	const char *kind =
	        a->c.fault == KNEE_HEALTHY ? "" : k->s->faults.faults[a->c.fault].kind->name;
	char ratio[CELL] = "-";

	name = name ? name : "healthy";
	if (!a->found) {
		(void)fprintf(f, "  %-16s %-22s none: %s (%s)\n", name, kind, a->why,
		        k->play.slo[a->points[0].binding].id);
		return;
	}
	if (h->found)
		(void)snprintf(ratio, CELL, "%.3f", a->estimate / h->estimate);
	(void)fprintf(f, "  %-16s %-22s %7.4f [%7.4f, %7.4f] %11.2f %9s  %s%s\n", name, kind,
	        a->estimate * k->rho, a->low * k->rho, a->high * k->rho, a->estimate * k->load.rate,
	        ratio, k->play.slo[a->binding].id, a->by_refusals ? ", by refusals" : "");
}

static void print_answers(const struct knee *k, FILE *f)
{
	(void)fprintf(f, "\n  %-16s %-22s %7s [%7s, %7s] %11s %9s  %s\n", "case", "kind",
	        "knee rho", "passes", "fails", "requests/s", "capacity", "fails first");
	for (uint32_t i = 0; i < k->n_answers; i++)
		print_answer(k, &k->answers[i], f);
	(void)fprintf(f,
	        "  each end of an interval is a verdict at 99 %% (exact binomial test, discounted "
	        "for "
	        "correlation%s);\n  %" PRIu64 " requests in %u runs\n",
	        k->play.fixed ? "; a trace that is only replayed is a census" : "", k->requests,
	        k->runs);
}

static void print_point(const struct knee *k, const struct knee_point *p, FILE *f)
{
	struct knee_theory t = knee_theory(k, p->factor);
	char a[9][CELL], p_wait[CELL] = "-";

	if (t.known)
		(void)snprintf(p_wait, CELL, "%.4f", t.p_wait);
	(void)fprintf(f, "  %7.4f %8s %8s %8s %8s | %6s %8s %8s %8s %8s %8s | %9.2f %6.4f %7.4f\n",
	        p->factor * k->rho, ms_text((double)p->ttft.p50_ns, a[0]),
	        ms_text((double)p->ttft.p99_ns, a[1]), ms_text(p->queue.mean_ns, a[2]),
	        ms_text((double)p->queue.p99_ns, a[3]), p_wait,
	        ms_text(t.known ? t.mean_ns : -1, a[4]), ms_text(t.known ? t.p99_ns : -1, a[5]),
	        ms_text(t.known ? t.p99_ns + after_wait(&t) : -1, a[6]),
	        ms_text(t.below_one ? t.allen_ns : -1, a[7]),
	        ms_text(t.below_one ? t.kingman_ns : -1, a[8]), p->goodput_rps, p->good_fraction,
	        p->refused_fraction);
}

static void print_curve(const struct knee *k, FILE *f)
{
	(void)fprintf(f, "\n  %7s %35s | %s\n", "", "measured, ms", "theory, ms");
	(void)fprintf(f, "  %7s %8s %8s %8s %8s | %6s %8s %8s %8s %8s %8s | %9s %6s %7s\n", "rho",
	        "TTFT p50", "TTFT p99", "wait", "wait p99", "P(w)", "M/D/k", "wait p99", "TTFT p99",
	        "A.-C.", "Kingman", "goodput/s", "good", "refused");
	for (uint32_t i = 0; i < k->n_grid; i++)
		print_point(k, &k->grid[i], f);
	(void)fprintf(f, "  wait: until a slot is entered. M/D/k: exact for Poisson arrivals of "
	                 "equal requests, "
	                 "entry at once.\n  A.-C. (Allen-Cunneen) and Kingman (a bound): mean "
	                 "waits with this "
	                 "traffic's ca2 and cs2. docs/KNEE.md\n");
}

static void print_target(const struct knee *k, FILE *f)
{
	const struct knee_target *t = &k->target;

	if (t->factor <= 0)
		return;
	(void)fprintf(f, "\n  rho_target %.4f = %.2f requests/s\n", t->factor * k->rho,
	        t->factor * k->load.rate);
	(void)fprintf(f, "    = %.4f  largest load proven to pass, healthy\n",
	        k->answers[0].low * k->rho);
	(void)fprintf(f, "    / %.4g  burst factor (%s)\n", t->burst, t->why);
	(void)fprintf(f, "    × the smaller of\n");
	if (t->loss_counts)
		(void)fprintf(f, "      %.4f  N-1: an instance of %s lost, %s\n", t->loss, t->pool,
		        t->spare ? "a spare takes its place" : "no spare");
	else
		(void)fprintf(f,
		        "      -       N-1: the only instance of %s lost, no spare: no headroom "
		        "helps\n",
		        t->pool);
	(void)fprintf(f, "      %.4f  worst fault of the file%s%s\n", t->worst_ratio,
	        t->worst == KNEE_HEALTHY ? "" : ": ",
	        t->worst == KNEE_HEALTHY ? "" : fault_id(k, t->worst));
	for (uint32_t i = 1; i < k->n_answers; i++)
		if (!k->answers[i].found)
			(void)fprintf(f, "  not covered: %s has no knee\n", fault_id(k, i - 1));
}

static void print_own(const struct knee *k, FILE *f)
{
	const char *is = own_load(k);

	if (beyond_capacity(k))
		(void)fprintf(f,
		        "\n  !! a knee beyond rho 1: more is asked than can be served, and the "
		        "SLOs do not notice in the time played\n");
	if (!is || strcmp(is, "below") == 0)
		return;
	(void)fprintf(f, "\n  !! the file's own load, rho %.4f, lies %s its knee\n", k->rho,
	        strcmp(is, "above") == 0 ? "ABOVE" : "AT");
}

void knee_write_text(const struct knee *k, FILE *f)
{
	(void)fprintf(f, "%s: the largest load that keeps every SLO, seed %" PRIu64 "\n",
	        k->s->name, k->s->seed);
	print_slo(k, f);
	print_buckets(k, f);
	print_answers(k, f);
	print_curve(k, f);
	print_target(k, f);
	print_own(k, f);
}
