#include "harness/run/signals.h"

#include <math.h>
#include <string.h>

#include "emulator/rack.h"
#include "harness/base/arena.h"
#include "harness/base/histogram.h"

struct signals {
	const struct scenario *s;
	uint64_t done, errors, in_flight;
	struct rack_signals rack;
	bool rack_known;        /* it has spoken */
	int64_t *pool_queue_ns; /* by pool */
	struct histogram ttft;
	struct trigger_spec *abort_specs; /* by abort rule */
	struct trigger *aborts;
};

bool signals_wanted(const struct scenario *s)
{
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (s->faults.faults[i].start == START_TRIGGER)
			return true;
	return s->rules.n_abort > 0 || s->faults.limits.never_below > 0;
}

static enum trigger_signal signal_by_name(const char *name)
{
	unsigned i = 0;

	while (i < SIGNAL_COUNT && strcmp(trigger_signal_name((enum trigger_signal)i), name) != 0)
		i++;
	CHECK(i < SIGNAL_COUNT); /* the rules were checked against the same list */
	return (enum trigger_signal)i;
}

struct signals *signals_new(const struct scenario *s)
{
	struct signals *g = mem_alloc(1, sizeof(*g));
	uint32_t n = s->rules.n_abort;

	g->s = s;
	g->pool_queue_ns = mem_alloc(s->deployment.n_pools + 1, sizeof(*g->pool_queue_ns));
	g->abort_specs = mem_alloc(n + 1, sizeof(*g->abort_specs));
	g->aborts = mem_alloc(n + 1, sizeof(*g->aborts));
	histogram_init(&g->ttft);
	for (uint32_t i = 0; i < n; i++) {
		const struct abort_rule *rule = &s->rules.abort[i];

		g->abort_specs[i] = (struct trigger_spec){
		        .signal = signal_by_name(rule->signal),
		        .pool = rule->pool,
		        .op = rule->greater ? (rule->or_equal ? TRIGGER_GE : TRIGGER_GT)
		                            : (rule->or_equal ? TRIGGER_LE : TRIGGER_LT),
		        .value = rule->value,
		        .for_ns = rule->for_ns,
		};
		if (g->abort_specs[i].signal == SIGNAL_POOL_QUEUE ||
		        g->abort_specs[i].signal == SIGNAL_P99_TTFT)
			g->abort_specs[i].value *= 1e6; /* rules in ms, triggers in ns */
		trigger_init(&g->aborts[i], &g->abort_specs[i]);
	}
	return g;
}

void signals_free(struct signals *g)
{
	if (!g)
		return;
	histogram_free(&g->ttft);
	mem_free(g->pool_queue_ns);
	mem_free(g->abort_specs);
	mem_free(g->aborts);
	mem_free(g);
}

void signals_sample(struct signals *g, const struct sample *s)
{
	g->done++;
	g->errors += s->outcome != OUTCOME_OK && s->outcome != OUTCOME_REJECTED &&
	             s->outcome != OUTCOME_CANCELLED;
	if (s->outcome == OUTCOME_OK)
		histogram_add(&g->ttft, s->t_first - s->t_sched);
}

void signals_in_flight(struct signals *g, uint64_t requests)
{
	g->in_flight = requests;
}

void signals_rack(struct signals *g, const struct rack_signals *rack)
{
	g->rack = *rack;
	g->rack_known = true;
}

void signals_pool(struct signals *g, uint32_t pool, int64_t queue_ns)
{
	g->pool_queue_ns[pool] = queue_ns;
}

static double of_rack(const struct signals *g, uint64_t n)
{
	return g->rack_known && g->rack.spare_count != RACK_NO_COUNT ? (double)n : NAN;
}

static double value_of(const struct signals *g, const struct trigger_spec *spec)
{
	int64_t ns = -1; /* of pools whose telemetry speaks */

	switch (spec->signal) {
	case SIGNAL_POOL_QUEUE:
		for (uint32_t p = 0; p < g->s->deployment.n_pools; p++)
			if (!spec->pool || !strcmp(spec->pool, g->s->deployment.pools[p].name))
				ns = g->pool_queue_ns[p] > ns ? g->pool_queue_ns[p] : ns;
		return ns < 0 ? NAN : (double)ns;
	case SIGNAL_IN_FLIGHT:
		return (double)g->in_flight;
	case SIGNAL_ERROR_RATIO:
		return g->done ? (double)g->errors / (double)g->done : NAN;
	case SIGNAL_P99_TTFT:
		if (g->ttft.count < histogram_floor(0.99) ||
		        !histogram_percentile(&g->ttft, 0.99, &ns))
			return NAN;
		return (double)ns;
	case SIGNAL_SPARE_COUNT:
		return of_rack(g, g->rack.spare_count);
	case SIGNAL_HEALTHY:
		return of_rack(g, g->rack.healthy_instances);
	case SIGNAL_ARTIFACTS:
		return of_rack(g, g->rack.artifact_count);
	case SIGNAL_BACKLOG:
		return of_rack(g, g->rack.compile_backlog);
	case SIGNAL_COUNT:
		break;
	}
	UNREACHABLE("signal");
}

void signals_triggers(struct signals *g, int64_t now, struct fault_schedule *schedule)
{
	for (uint32_t i = 0; i < g->s->faults.n; i++)
		if (g->s->faults.faults[i].start == START_TRIGGER)
			fault_schedule_sample(
			        schedule, now, i, value_of(g, &g->s->faults.faults[i].when));
}

const struct abort_rule *signals_abort(struct signals *g, int64_t now)
{
	for (uint32_t i = 0; i < g->s->rules.n_abort; i++)
		if (trigger_sample(&g->aborts[i], now, value_of(g, &g->abort_specs[i])))
			return &g->s->rules.abort[i];
	return NULL;
}
