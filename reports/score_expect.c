/* Expectations other than SLOs. Each is a comparison of what was seen with a limit; what matters is
 * what a missing observation means: a phase that the model had begun and never ended is a failure,
 * one that nothing ever called for says nothing. */
#include "harness/base/check.h"
#include "harness/base/units.h"
#include "reports/score_state.h"

static void observe(struct expect_result *out, double value)
{
	out->has_observed = true;
	out->observed = value;
}

/* fail > inconclusive > pass */
static enum verdict worse(enum verdict a, enum verdict b)
{
	if (a == VERDICT_FAIL || b == VERDICT_FAIL)
		return VERDICT_FAIL;
	return a == VERDICT_INCONCLUSIVE ? a : b;
}

struct phase_time {
	int64_t ns; /* after the inject; -1 = not reached */
	bool started;
};

static struct phase_time phase_of(const struct score_fault *f, enum expect_kind kind)
{
	int64_t at = f->recover_ns;
	bool started = f->breach;

	if (kind == EXPECT_TTD) {
		at = f->detect_ns;
		started = f->detect_started;
	} else if (kind == EXPECT_TTF) {
		at = f->failover_ns;
		started = f->failover_started;
	}
	return (struct phase_time){.ns = score_since(at, f->inject_ns), .started = started};
}

static void expect_phase(const struct score *s, const struct expect_rule *rule,
        const struct score_fault *faults, struct expect_result *out)
{
	int64_t longest = -1;

	out->has_limit = true;
	out->limit = ns_to_ms(rule->max_ns);
	out->verdict = s->config.n_faults ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
	for (uint32_t i = 0; i < s->config.n_faults; i++) {
		struct phase_time t = phase_of(&faults[i], rule->kind);
		enum verdict v = t.ns <= rule->max_ns ? VERDICT_PASS : VERDICT_FAIL;

		if (rule->fault != UINT32_MAX && rule->fault != i)
			continue;
		if (t.ns < 0 && !t.started && faults[i].settled) {
			out->reason = out->reason ? out->reason : "not_called_for";
			continue;
		}
		if (t.ns < 0) {
			v = t.started ? VERDICT_FAIL : VERDICT_INCONCLUSIVE;
			out->reason = "not_reached";
		}
		longest = t.ns > longest ? t.ns : longest;
		out->verdict = worse(out->verdict, v);
	}
	if (longest >= 0)
		observe(out, ns_to_ms(longest));
}

static void expect_bounds(const struct expect_rule *rule, struct expect_result *out)
{
	bool met = (!rule->has_max || out->observed <= rule->max) &&
	           (!rule->has_min || out->observed >= rule->min);

	out->has_limit = rule->has_max || rule->has_min;
	out->limit = rule->has_max ? rule->max : rule->min;
	if (!out->has_observed)
		out->verdict = VERDICT_INCONCLUSIVE;
	else
		out->verdict = met ? VERDICT_PASS : VERDICT_FAIL;
}

/* Of the requests planned in the window: good ones, or those in error. */
static void expect_fraction(
        const struct score *s, const struct expect_rule *rule, struct expect_result *out)
{
	uint64_t n = 0, counted = 0;

	for (uint32_t i = 0; i < s->config.n_tiers; i++) {
		const struct group *g = score_group(s, i, rule->window);

		if (rule->tier != UINT32_MAX && rule->tier != i)
			continue;
		n += g->requests;
		counted += rule->kind == EXPECT_GOODPUT_FRACTION ? g->good
		                                                 : group_errors(g->by_outcome);
	}
	if (n)
		observe(out, (double)counted / (double)n);
	else
		out->reason = "too_few";
	expect_bounds(rule, out);
}

/* By the mapping and by the packets: that both agree where both know is part of a run's validity.
 * What is in doubt makes nothing green, a crossing that was wanted neither. */
static void expect_path(
        const struct expect_rule *rule, const struct score_facts *facts, struct expect_result *out)
{
	enum packets seen = rule->scope_pod ? facts->packets_in_pod : facts->packets_in_rack;
	bool inside = (rule->scope_pod ? facts->critical_in_pod : facts->critical_in_rack) &&
	              seen != PACKETS_CROSS;

	out->has_limit = true;
	out->limit = 1;
	out->verdict = VERDICT_INCONCLUSIVE;
	if (!facts->critical_known)
		return;
	observe(out, inside);
	if (seen == PACKETS_DOUBT && (inside || rule->want_miss)) {
		out->reason = facts->packets_doubt;
		return;
	}
	out->verdict = inside ? VERDICT_PASS : VERDICT_FAIL;
}

/* Observed: how many of the tier's SLOs were missed on the fault window. */
static void expect_isolation(
        const struct score *s, const struct expect_rule *rule, struct expect_result *out)
{
	uint32_t judged = 0, missed = 0;
	struct arena arena;

	arena_init(&arena, 1 << 24);
	out->has_limit = true;
	out->verdict = VERDICT_PASS;
	for (uint32_t i = 0; i < s->n_columns; i++) {
		struct slo_result r;

		if (!s->columns[i].derived ||
		        (rule->tier != UINT32_MAX && rule->tier != s->columns[i].rule->tier))
			continue;
		score_slo_decide(s, i, &r, &arena);
		judged++;
		missed += r.verdict == VERDICT_FAIL;
		out->reason = r.reason ? r.reason : out->reason;
		out->verdict = worse(out->verdict, r.verdict);
	}
	arena_free(&arena);
	if (!judged)
		out->verdict = VERDICT_INCONCLUSIVE;
	else
		observe(out, missed);
}

/* A run that never came through says nothing about what lies behind: inconclusive, never green. */
static void expect_reached(
        const struct expect_rule *rule, const struct score_facts *facts, struct expect_result *out)
{
	out->has_limit = true;
	out->limit = rule->min;
	out->verdict = VERDICT_INCONCLUSIVE;
	if (!facts->paths_known)
		return;
	observe(out, (double)facts->paths[rule->path]);
	if (out->observed >= rule->min)
		out->verdict = VERDICT_PASS;
	else
		out->reason = "not_reached";
}

/* Observed: requests of the proof that were not served as promised. */
static void expect_recovered(const struct score *s, const struct expect_rule *rule,
        const struct score_fault *faults, struct expect_result *out)
{
	const struct recovered *r = &s->recovered[rule - s->config.rules->expect];

	out->verdict = recovered_verdict(r, &out->reason);
	if (r->n)
		observe(out, (double)r->missed);
	for (uint32_t i = 0; i < s->config.n_faults; i++) {
		if (faults[i].clean || faults[i].inject_ns < 0)
			continue;
		out->verdict = VERDICT_FAIL;
		out->reason = "not_clean";
	}
}

void score_expect_decide(const struct score *s, const struct expect_rule *rule,
        const struct score_fault *faults, const struct score_facts *facts,
        struct expect_result *out)
{
	*out = (struct expect_result){.rule = rule};
	switch (rule->kind) {
	case EXPECT_TTD:
	case EXPECT_TTF:
	case EXPECT_TTR:
		expect_phase(s, rule, faults, out);
		break;
	case EXPECT_LOST_REQUESTS:
		observe(out, (double)group_errors(s->by_outcome));
		expect_bounds(rule, out);
		break;
	case EXPECT_CORRUPT_TOKENS:
		observe(out, (double)s->by_outcome[OUTCOME_CORRUPT]);
		expect_bounds(rule, out);
		break;
	case EXPECT_CRITICAL_PATH_IN_RACK:
		expect_path(rule, facts, out);
		break;
	case EXPECT_GOODPUT_FRACTION:
	case EXPECT_ERROR_FRACTION:
		expect_fraction(s, rule, out);
		break;
	case EXPECT_ISOLATION:
		expect_isolation(s, rule, out);
		break;
	case EXPECT_REACHED:
		expect_reached(rule, facts, out);
		break;
	case EXPECT_RECOVERED:
		expect_recovered(s, rule, faults, out);
		break;
	}
	if (rule->want_miss && out->verdict != VERDICT_INCONCLUSIVE)
		out->verdict = out->verdict == VERDICT_FAIL ? VERDICT_PASS : VERDICT_FAIL;
}
