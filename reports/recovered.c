#include "reports/recovered.h"

#include <string.h>
#include "harness/base/arena.h"
#include "reports/stats.h"

void recovered_init(
        struct recovered *r, const struct score_rules *rules, int64_t after_ns, int64_t until_ns)
{
	*r = (struct recovered){.rules = rules,
	        .after_ns = after_ns,
	        .until_ns = until_ns,
	        .from_ns = INT64_MAX,
	        .slo = mem_alloc(rules->n_slo + 1, sizeof(*r->slo))};
}

void recovered_free(struct recovered *r)
{
	mem_free(r->slo);
	r->slo = NULL;
}

void recovered_begin(struct recovered *r, int64_t from_ns)
{
	r->from_ns = from_ns;
	r->n = r->lost = r->refused = r->missed = 0;
	memset(r->slo, 0, r->rules->n_slo * sizeof(*r->slo));
}

static bool is_lost(enum outcome o)
{
	return o != OUTCOME_OK && o != OUTCOME_REJECTED && o != OUTCOME_CANCELLED;
}

/* True if the request misses the rule's limit. Who leaves by his own will says nothing. */
static bool count(struct recovered_slo *n, const struct slo_rule *rule, const struct sample *x,
        const int64_t value[static METRIC_COUNT])
{
	bool over = is_lost(x->outcome);

	n->refused += x->outcome == OUTCOME_REJECTED;
	if (x->outcome == OUTCOME_OK) {
		if (value[rule->metric] < 0)
			return false; /* one token has no gap */
		over = value[rule->metric] > rule->limit_ns;
	} else if (!over) {
		return false;
	}
	n->n++;
	n->over += over;
	return over;
}

void recovered_sample(
        struct recovered *r, const struct sample *x, const int64_t value[static METRIC_COUNT])
{
	bool missed = is_lost(x->outcome) || x->outcome == OUTCOME_REJECTED;

	if (x->t_sched < r->from_ns || x->t_sched >= r->until_ns)
		return;
	r->n++;
	r->lost += is_lost(x->outcome);
	r->refused += x->outcome == OUTCOME_REJECTED;
	for (uint32_t i = 0; i < r->rules->n_slo; i++)
		if (r->rules->slo[i].tier == x->tier)
			missed |= count(&r->slo[i], &r->rules->slo[i], x, value);
	r->missed += missed;
}

enum verdict recovered_verdict(const struct recovered *r, const char **reason)
{
	*reason = NULL;
	if (r->n == 0)
		*reason = "too_few";
	if (r->lost)
		*reason = "lost";
	for (uint32_t i = 0; i < r->rules->n_slo && !r->lost; i++) {
		const struct slo_rule *rule = &r->rules->slo[i];
		const struct recovered_slo *n = &r->slo[i];

		if (rule->want_miss) /* a demonstration promises nothing */
			continue;
		if ((double)n->refused > rule->max_refused * (double)(n->n + n->refused))
			*reason = "refused";
		else if (stats_census(rule->quantile, n->n, n->over) == VERDICT_FAIL)
			*reason = "slo";
	}
	if (!*reason)
		return VERDICT_PASS;
	return r->n == 0 ? VERDICT_INCONCLUSIVE : VERDICT_FAIL;
}
