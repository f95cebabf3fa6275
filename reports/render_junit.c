/* junit.xml: a testsuite is a scenario, a testcase one SLO or expectation (FORMATS §5).
 *
 *   failure   missed, in a valid run                    skipped   the baseline itself did not hold,
 *   error     inconclusive, invalid, aborted, harness             so the fault proved nothing
 *
 * A judgement of the whole run that no case shows (a corrupt token, nothing asked, a harness fault)
 * gets a case of its own, "run", so that a CI never sees green where the exit code is not 0. */
#include "harness/base/units.h"
#include "reports/render.h"

enum state { STATE_PASSED, STATE_FAILURE, STATE_ERROR, STATE_SKIPPED, STATE_COUNT };

struct suite_counts {
	uint32_t by_state[STATE_COUNT];
};

static enum state state_of(const struct result_document *d, enum verdict v)
{
	if (!d->validity.valid || d->error || d->partial || d->result->verdict == VERDICT_ABORTED)
		return STATE_ERROR;
	if (v == VERDICT_FAIL)
		return STATE_FAILURE;
	if (!d->result->steady_state)
		return STATE_SKIPPED;
	return v == VERDICT_PASS ? STATE_PASSED : STATE_ERROR;
}

static enum state run_state(const struct result_document *d)
{
	if (!d->result || d->error)
		return STATE_ERROR;
	if (d->result->verdict == VERDICT_FAIL)
		return STATE_FAILURE;
	return d->result->verdict == VERDICT_PASS ? STATE_PASSED : STATE_ERROR;
}

static struct suite_counts count_cases(const struct result_document *d)
{
	struct suite_counts c = {{0}};

	for (uint32_t i = 0; d->result && i < d->result->n_slo; i++)
		c.by_state[state_of(d, d->result->slo[i].verdict)]++;
	for (uint32_t i = 0; d->result && i < d->result->n_expect; i++)
		c.by_state[state_of(d, d->result->expect[i].verdict)]++;
	return c;
}

/* True where the cases alone would look better than the run was. */
static bool needs_run_case(const struct result_document *d, const struct suite_counts *c)
{
	enum state run = run_state(d);

	if (run == STATE_PASSED)
		return false;
	if (run == STATE_FAILURE)
		return c->by_state[STATE_FAILURE] == 0;
	return c->by_state[STATE_ERROR] + c->by_state[STATE_SKIPPED] == 0;
}

static void attribute(struct text *t, const char *name, const char *value)
{
	text_printf(t, " %s=\"", name);
	text_xml(t, value);
	text_printf(t, "\"");
}

static void property(struct text *t, const char *name, const char *value)
{
	if (!value)
		return;
	text_printf(t, "      <property");
	attribute(t, "name", name);
	attribute(t, "value", value);
	text_printf(t, "/>\n");
}

static void property_ms(struct text *t, const char *id, const char *what, int64_t ns)
{
	text_printf(t, "      <property name=\"");
	text_xml(t, id);
	if (ns < 0)
		text_printf(t, ".%s\" value=\"null\"/>\n", what);
	else
		text_printf(t, ".%s\" value=\"%.6g\"/>\n", what, ns_to_ms(ns));
}

static void properties(struct text *t, const struct result_document *d)
{
	text_printf(t, "    <properties>\n      <property name=\"seed\" value=\"%llu\"/>\n",
	        (unsigned long long)d->seed);
	property(t, "clock", d->virtual_clock ? "virtual" : "wall");
	property(t, "plan_digest", d->plan_digest);
	property(t, "traffic_digest", d->traffic_digest);
	property(t, "result_digest", d->virtual_clock ? d->result_digest : NULL);
	for (uint32_t i = 0; i < d->n_faults; i++) {
		const struct score_fault *f = &d->faults[i];

		property_ms(t, f->id, "ttd_ms", score_since(f->detect_ns, f->inject_ns));
		property_ms(t, f->id, "ttf_ms", score_since(f->failover_ns, f->inject_ns));
		property_ms(t, f->id, "ttr_ms", score_since(f->recover_ns, f->inject_ns));
	}
	for (uint32_t i = 0; d->result && i < d->result->n_slo; i++) {
		const struct slo_result *r = &d->result->slo[i];

		property_ms(t, r->rule->id, "observed_ms", r->observed_ns);
		property_ms(t, r->rule->id, "upper_ms", r->upper_ns);
		property_ms(t, r->rule->id, "limit_ms", r->rule->limit_ns);
	}
	text_printf(t, "    </properties>\n");
}

static void case_open(struct text *t, const struct result_document *d, const char *name)
{
	text_printf(t, "    <testcase classname=\"");
	if (d->suite) {
		text_xml(t, d->suite);
		text_add(t, ".", 1);
	}
	text_xml(t, d->scenario);
	text_printf(t, "\"");
	attribute(t, "name", name);
}

/* why: one line; may be empty. */
static void case_close(
        struct text *t, const struct result_document *d, enum state state, const char *why)
{
	static const char *const tags[] = {NULL, "failure", "error", "skipped"};

	if (state == STATE_PASSED) {
		text_printf(t, "/>\n");
		return;
	}
	text_printf(t, ">\n      <%s", tags[state]);
	attribute(t, "message", why);
	text_printf(t, ">");
	text_xml(t, why);
	for (uint32_t i = 0; i < d->validity.n_reasons; i++) {
		text_printf(t, "\ninvalid: ");
		text_xml(t, d->validity.reasons[i]);
	}
	if (d->replay) {
		text_printf(t, "\nreplay: ");
		text_xml(t, d->replay);
	}
	text_printf(t, "</%s>\n    </testcase>\n", tags[state]);
}

static void slo_case(struct text *t, const struct result_document *d, const struct slo_result *r)
{
	struct text why;

	text_init(&why, 4096);
	text_printf(&why, "%s %s p%.6g on %s: limit %.6g ms, observed ", verdict_name(r->verdict),
	        metric_name(r->rule->metric), r->rule->quantile * 100, window_name(r->rule->window),
	        ns_to_ms(r->rule->limit_ns));
	if (r->observed_ns >= 0)
		text_printf(&why, "%.6g ms", ns_to_ms(r->observed_ns));
	else
		text_printf(&why, "%s", r->observed);
	text_printf(&why, ", %llu of %llu over, %llu refused, basis %s%s%s",
	        (unsigned long long)r->over, (unsigned long long)r->n,
	        (unsigned long long)r->refused, basis_name(r->basis), r->reason ? ", " : "",
	        r->reason ? r->reason : "");
	case_open(t, d, r->rule->id);
	case_close(t, d, state_of(d, r->verdict), why.buf);
	text_free(&why);
}

static void expect_case(
        struct text *t, const struct result_document *d, const struct expect_result *r)
{
	struct text why;

	text_init(&why, 4096);
	text_printf(&why, "%s %s:", verdict_name(r->verdict), expect_name(r->rule->kind));
	if (r->has_limit)
		text_printf(&why, " limit %.6g,", r->limit);
	if (r->has_observed)
		text_printf(&why, " observed %.6g", r->observed);
	else
		text_printf(&why, " observed nothing");
	if (r->reason)
		text_printf(&why, ", %s", r->reason);
	case_open(t, d, r->rule->id);
	case_close(t, d, state_of(d, r->verdict), why.buf);
	text_free(&why);
}

static const char *run_reason(const struct result_document *d)
{
	if (d->error)
		return d->error;
	if (!d->result)
		return "the run never began";
	if (d->result->by_outcome[OUTCOME_CORRUPT])
		return "corrupt tokens";
	if (d->result->n_slo + d->result->n_expect == 0)
		return "nothing was asked";
	return verdict_name(d->result->verdict);
}

static void suite_xml(struct text *t, const struct result_document *d)
{
	struct suite_counts c = count_cases(d);
	bool extra = needs_run_case(d, &c);
	uint32_t tests = 0;

	if (extra)
		c.by_state[run_state(d)]++;
	for (int i = 0; i < STATE_COUNT; i++)
		tests += c.by_state[i];
	text_printf(t, "  <testsuite");
	attribute(t, "name", d->scenario);
	text_printf(t,
	        " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\">\n",
	        tests, c.by_state[STATE_FAILURE], c.by_state[STATE_ERROR],
	        c.by_state[STATE_SKIPPED], d->engine.wall_seconds);
	properties(t, d);
	for (uint32_t i = 0; d->result && i < d->result->n_slo; i++)
		slo_case(t, d, &d->result->slo[i]);
	for (uint32_t i = 0; d->result && i < d->result->n_expect; i++)
		expect_case(t, d, &d->result->expect[i]);
	if (extra) {
		case_open(t, d, "run");
		case_close(t, d, run_state(d), run_reason(d));
	}
	text_printf(t, "  </testsuite>\n");
}

void render_junit(const struct result_document *docs, uint32_t n, struct text *out)
{
	text_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	attribute(out, "name", n && docs[0].suite ? docs[0].suite : "lpuchaos");
	text_printf(out, ">\n");
	for (uint32_t i = 0; i < n; i++)
		suite_xml(out, &docs[i]);
	text_printf(out, "</testsuites>\n");
}
