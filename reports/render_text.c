/* The terminal's summary of a run: the verdict first, then what was promised and what was seen,
 * then how the faults went, then where to look and how to repeat it. */
#include "harness/base/units.h"
#include "reports/render.h"

enum { CELL_MAX = 32 };

/* "-" where nothing is known. */
static const char *ms_cell(int64_t ns, char buf[static CELL_MAX])
{
	struct text t;

	if (ns < 0)
		return "-";
	text_init(&t, CELL_MAX - 1);
	text_printf(&t, "%.3f", ns_to_ms(ns));
	for (size_t i = 0; i <= t.n; i++)
		buf[i] = t.buf[i];
	text_free(&t);
	return buf;
}

static void heading(struct text *t, const struct result_document *d)
{
	static const char *const shown[] = {"PASS", "FAIL", "INCONCLUSIVE", "ABORTED"};

	text_printf(t, "%s  %s  seed %llu  %s clock%s\n",
	        d->result ? shown[d->result->verdict] : "ERROR", d->scenario,
	        (unsigned long long)d->seed, d->virtual_clock ? "virtual" : "wall",
	        d->partial ? "  (partial)" : "");
	if (d->error)
		text_printf(t, "  %s\n", d->error);
	for (uint32_t i = 0; i < d->validity.n_reasons; i++)
		text_printf(t, "  invalid: %s\n", d->validity.reasons[i]);
	if (d->result && !d->result->steady_state)
		text_printf(t, "  the baseline did not hold: the faults prove nothing\n");
}

static void requests(struct text *t, const struct score_result *r)
{
	bool any = false;

	text_printf(t, "  requests:");
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		if (!r->by_outcome[i])
			continue;
		text_printf(t, "%s %llu %s", any ? "," : "", (unsigned long long)r->by_outcome[i],
		        outcome_name((enum outcome)i));
		any = true;
	}
	text_printf(t, "%s\n", any ? "" : " none");
}

static void slo_table(struct text *t, const struct result_document *d)
{
	const struct score_result *r = d->result;

	if (!r->n_slo)
		return;
	text_printf(t, "\n  %-24s %-12s %-8s %6s %12s %12s %12s %9s  %-9s %s\n", "slo", "metric",
	        "window", "p", "limit ms", "observed ms", "bound ms", "n", "basis", "verdict");
	for (uint32_t i = 0; i < r->n_slo; i++) {
		const struct slo_result *s = &r->slo[i];
		char limit[CELL_MAX], seen[CELL_MAX], bound[CELL_MAX];

		text_printf(t, "  %-24s %-12s %-8s %6.6g %12s %12s %12s %9llu  %-9s %s%s%s%s%s\n",
		        s->rule->id, metric_name(s->rule->metric), window_name(s->rule->window),
		        s->rule->quantile * 100, ms_cell(s->rule->limit_ns, limit),
		        s->observed_ns < 0 ? s->observed : ms_cell(s->observed_ns, seen),
		        ms_cell(s->upper_ns, bound), (unsigned long long)s->n, basis_name(s->basis),
		        verdict_name(s->verdict), s->rule->want_miss ? " (wanted: miss)" : "",
		        s->reason ? " (" : "", s->reason ? s->reason : "", s->reason ? ")" : "");
	}
}

static void blame_line(struct text *t, const struct result_document *d, const struct slo_result *s)
{
	if (!s->has_blame)
		return;
	text_printf(t, "  %s died of:", s->rule->id);
	for (int p = 0; p < BLAME_PARTS; p++)
		if (s->blame[p] >= 0.005)
			text_printf(t, " %s %.0f %%", blame_name((enum blame_part)p),
			        s->blame[p] * 100);
	for (uint32_t f = 0; f < d->names->n_faults; f++)
		if (s->blame_faults[f] >= 0.005)
			text_printf(t, " stall:%s %.0f %%", d->names->faults[f],
			        s->blame_faults[f] * 100);
	text_printf(t, "\n");
}

static void expect_table(struct text *t, const struct score_result *r)
{
	if (!r->n_expect)
		return;
	text_printf(t, "\n  %-24s %-22s %12s %12s  %s\n", "expectation", "kind", "limit",
	        "observed", "verdict");
	for (uint32_t i = 0; i < r->n_expect; i++) {
		const struct expect_result *e = &r->expect[i];

		text_printf(t, "  %-24s %-22s ", e->rule->id, expect_name(e->rule->kind));
		if (e->has_limit)
			text_printf(t, "%12.6g ", e->limit);
		else
			text_printf(t, "%12s ", "-");
		if (e->has_observed)
			text_printf(t, "%12.6g  ", e->observed);
		else
			text_printf(t, "%12s  ", "-");
		text_printf(t, "%s%s%s%s%s\n", verdict_name(e->verdict),
		        e->rule->want_miss ? " (wanted: miss)" : "", e->reason ? " (" : "",
		        e->reason ? e->reason : "", e->reason ? ")" : "");
	}
}

static void fault_table(struct text *t, const struct result_document *d)
{
	if (!d->n_faults)
		return;
	text_printf(t, "\n  %-16s %-22s %12s %12s %12s %12s  %s\n", "fault", "kind", "inject ms",
	        "detect ms", "failover ms", "recover ms", "state");
	for (uint32_t i = 0; i < d->n_faults; i++) {
		const struct score_fault *f = &d->faults[i];
		char inject[CELL_MAX], ttd[CELL_MAX], ttf[CELL_MAX], ttr[CELL_MAX];

		text_printf(t, "  %-16s %-22s %12s %12s %12s %12s  %s%s\n", f->id, f->kind,
		        ms_cell(f->inject_ns, inject),
		        ms_cell(score_since(f->detect_ns, f->inject_ns), ttd),
		        ms_cell(score_since(f->failover_ns, f->inject_ns), ttf),
		        ms_cell(score_since(f->recover_ns, f->inject_ns), ttr),
		        f->clean ? "clean" : "not clean",
		        f->inject_ns >= 0 && f->effect_ns < 0 ? ", no effect" : "");
		if (f->withheld)
			text_printf(t, "    withheld%s by the limit %s\n",
			        f->inject_ns >= 0 ? " at times" : "", f->withheld);
	}
}

static void lag_cell(struct text *t, const char *name, const struct result_lag *lag)
{
	if (lag->known)
		text_printf(t, "  %s p50 %.3f p99 %.3f max %.3f ms", name, lag->p50_ms, lag->p99_ms,
		        lag->max_ms);
}

static void percentile_pair(struct text *t, const char *name, double wall_ms, double virtual_ms)
{
	if (wall_ms >= 0)
		text_printf(t, "TTFT %s %.3f ms (virtual %.3f), ", name, wall_ms, virtual_ms);
}

static void agreement_lines(struct text *t, const struct result_agreement *a)
{
	text_printf(t,
	        "  agreement %s over %llu requests: TPOT %.3f %%, TTFT within 1 ms and a slot "
	        "phase "
	        "%.2f %%,\n    ",
	        a->ok ? "ok" : "failed", (unsigned long long)a->compared, 100 * a->tpot_deviation,
	        100 * a->ttft_within_share);
	percentile_pair(t, "p50", a->ttft_p50_wall_ms, a->ttft_p50_virtual_ms);
	percentile_pair(t, "p99", a->ttft_p99_wall_ms, a->ttft_p99_virtual_ms);
	text_printf(t, "other outcome %.2f %%, ledger %.3f ms\n", 100 * a->outcome_mismatch_share,
	        a->ledger_max_ms);
}

/* How far the measurement can be trusted: the wall clock only. */
static void trust_lines(struct text *t, const struct result_document *d)
{
	const struct result_validity *v = &d->validity;
	const struct result_agreement *a = d->agreement;

	if (d->virtual_clock)
		return;
	text_printf(t, "\n");
	lag_cell(t, "send lag", &v->sched);
	lag_cell(t, "emission lag", &v->emission);
	text_printf(t, "  (attempt %u)\n", (unsigned)v->attempts);
	lag_cell(t, "overhead of TTFT", &v->overhead);
	if (v->overhead.known)
		text_printf(t, "  (doctor measures its floor)\n");
	if (a)
		agreement_lines(t, a);
}

void render_text(const struct result_document *d, struct text *out)
{
	heading(out, d);
	if (d->result) {
		requests(out, d->result);
		slo_table(out, d);
		for (uint32_t i = 0; i < d->result->n_slo; i++)
			blame_line(out, d, &d->result->slo[i]);
		expect_table(out, d->result);
	}
	fault_table(out, d);
	render_cross_rack_text(d->cross_rack, out);
	render_result_audit_text(d->audit, out);
	trust_lines(out, d);
	if (d->engine.client_peak_kib)
		text_printf(out, "  peak memory: client %.1f MiB, emulator %.1f MiB\n",
		        (double)d->engine.client_peak_kib / 1024,
		        (double)d->engine.emulator_peak_kib / 1024);
	if (d->path)
		text_printf(out, "\n  result: %s\n", d->path);
	if (d->replay)
		text_printf(out, "  replay: %s\n", d->replay);
}
