#include "harness/run/guard.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int64_t guard_lag_bound(const struct scenario *s)
{
	int64_t tightest = NS_MAX;

	for (uint32_t i = 0; i < s->rules.n_slo; i++)
		if (s->rules.slo[i].limit_ns < tightest)
			tightest = s->rules.slo[i].limit_ns;
	if (s->rules.n_slo == 0 || tightest / 100 < NS_PER_MS)
		return NS_PER_MS;
	return tightest / 100;
}

void guard_reason(struct guard *g, const char *fmt, ...)
{
	va_list args;

	if (g->n == GUARD_REASONS_MAX)
		return;
	va_start(args, fmt);
	(void)vsnprintf(g->text[g->n], GUARD_REASON_BYTES, fmt, args);
	va_end(args);
	g->reasons[g->n] = g->text[g->n];
	g->n++;
}

static void lag(struct guard *g, const char *what, const struct wall_lag *l, int64_t bound)
{
	if (l->known && l->p99_ns > bound)
		guard_reason(g, "%s lag p99 %.3f ms is above %.3f ms", what, ns_to_ms(l->p99_ns),
		        ns_to_ms(bound));
}

/* Whatever was planned has ended, and what was answered was answered by the emulator. */
static void conservation(struct guard *g, const struct wall_result *w)
{
	const struct load_live *n = &w->load.totals;

	if (n->pulled != n->finished)
		guard_reason(g, "%" PRIu64 " requests were planned and %" PRIu64 " ended",
		        n->pulled, n->finished);
	if (w->has_emulator && !w->emulator_lost && n->outcomes[LOAD_OK] > w->rack.completed)
		guard_reason(g, "%" PRIu64 " requests were answered, %" PRIu64 " by the emulator",
		        n->outcomes[LOAD_OK], w->rack.completed);
}

void guard_wall(struct guard *g, const struct scenario *s, const struct wall_result *w,
        const struct result_agreement *agreement)
{
	int64_t bound = guard_lag_bound(s);

	lag(g, "send", &w->sched, bound);
	lag(g, "emission", &w->emission, bound);
	if (w->load.cq_overflows)
		guard_reason(g, "the completion queue overflowed %" PRIu64 " times",
		        w->load.cq_overflows);
	if (w->load.dropped)
		guard_reason(g, "%" PRIu64 " samples were dropped", w->load.dropped);
	conservation(g, w);
	if (w->emulator_lost)
		guard_reason(g, "the emulator's process ended before it reported");
	else if (w->has_emulator && !w->clean)
		guard_reason(g, "after the last revert the static state is not that of a "
		                "never-faulted rack");
	if (agreement && !agreement->ok && !w->aborted && !w->interrupted)
		guard_reason(g, "no agreement with the virtual run: %s", agreement->reason);
}
