/* The order in which a run is judged is a promise to whoever reads the exit code: what makes the
 * measured numbers meaningless comes before what they say, with one exception. A wrong token is
 * wrong whatever else went wrong, so it comes first of all. */
#include "reports/judge.h"
#include "harness/base/check.h"
#include "reports/score_state.h"

enum { EXIT_PASS = 0, EXIT_MISSED = 1, EXIT_UNDECIDED = 4, EXIT_ABORTED = 5, EXIT_SIGINT = 130 };

struct judgement judge(const struct judge_case *c)
{
	if (c->corrupt)
		return (struct judgement){VERDICT_FAIL, EXIT_MISSED};
	if (c->interrupted)
		return (struct judgement){VERDICT_ABORTED, EXIT_SIGINT};
	if (c->aborted_by_rule)
		return (struct judgement){VERDICT_ABORTED, EXIT_ABORTED};
	if (!c->valid)
		return (struct judgement){VERDICT_INCONCLUSIVE, EXIT_UNDECIDED};
	if (c->any_fail)
		return (struct judgement){VERDICT_FAIL, EXIT_MISSED};
	if (!c->steady || c->any_inconclusive || !c->asked)
		return (struct judgement){VERDICT_INCONCLUSIVE, EXIT_UNDECIDED};
	return (struct judgement){VERDICT_PASS, EXIT_PASS};
}

static void note(struct judge_case *c, enum verdict v)
{
	c->asked = true;
	c->any_fail |= v == VERDICT_FAIL;
	c->any_inconclusive |= v == VERDICT_INCONCLUSIVE;
}

static void fill_faults(const struct score *s, struct score_fault *faults)
{
	for (uint32_t i = 0; i < s->config.n_faults; i++)
		faults[i].recover_ns = windows_recover(s->windows, i, &faults[i].breach);
}

static void fill_totals(
        const struct score *s, const struct score_facts *facts, struct score_result *r)
{
	for (int i = 0; i < OUTCOME_COUNT; i++)
		r->by_outcome[i] = s->by_outcome[i];
	r->attempts = s->attempts;
	r->prompt_tokens = s->prompt_tokens;
	r->output_tokens = s->output_tokens;
	r->dropped = s->dropped;
	r->conserved = s->seen == facts->scheduled;
}

const struct score_result *score_decide(
        struct score *s, struct score_fault *faults, const struct score_facts *facts)
{
	const struct score_rules *rules = s->config.rules;
	struct score_result *r = &s->result;
	struct judge_case c = {
	        .interrupted = facts->interrupted, .aborted_by_rule = facts->aborted_by_rule};
	struct judgement j;

	CHECK(!s->decided);
	s->facts = *facts;
	score_slo_measure(s);
	fill_faults(s, faults);
	fill_totals(s, facts, r);
	r->n_slo = rules->n_slo;
	r->n_expect = rules->n_expect;
	r->slo = ARENA_ARRAY(&s->arena, struct slo_result, r->n_slo + 1);
	r->expect = ARENA_ARRAY(&s->arena, struct expect_result, r->n_expect + 1);
	r->steady_state = true;
	for (uint32_t i = 0; i < r->n_slo; i++) {
		score_slo_decide(s, i, &r->slo[i], &s->arena);
		note(&c, r->slo[i].verdict);
		r->steady_state &= s->config.n_faults == 0 || score_slo_steady(s, i);
	}
	for (uint32_t i = 0; i < r->n_expect; i++) {
		score_expect_decide(s, &rules->expect[i], faults, facts, &r->expect[i]);
		note(&c, r->expect[i].verdict);
	}
	c.corrupt = s->by_outcome[OUTCOME_CORRUPT] > 0;
	c.valid = facts->valid && r->dropped == 0 && r->conserved;
	c.steady = r->steady_state;
	j = judge(&c);
	r->verdict = j.verdict;
	r->exit_code = j.exit_code;
	s->decided = true;
	return r;
}
