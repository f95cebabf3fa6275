#include "workloads/surge.h"

#include <stdio.h>

#include "harness/base/units.h"

enum { DRAW_PROMPT, DRAW_OUTPUT };

void surge_init(
        struct surge *g, const struct tenant_spec *tenant, uint64_t seed, const char *fault_id)
{
	char purpose[192];

	snprintf(purpose, sizeof(purpose), "surge/%s/%s", fault_id, tenant->name);
	*g = (struct surge){.tenant = tenant,
	        .key = prng_purpose(seed, purpose),
	        .last_prompt = 1,
	        .last_output = 1};
}

/* Requests a second that the entry makes at `now`, on average over its own bursts. */
static double rate_at(const struct tenant_spec *t, int64_t now, int64_t duration_ns)
{
	if (t->from_trace)
		return (double)t->trace.emitted * 1e9 / (double)duration_ns;
	if (t->arrival.process != ARRIVAL_RAMP)
		return t->arrival.rate;
	return t->arrival.from +
	       (t->arrival.to - t->arrival.from) * ((double)now / (double)duration_ns);
}

static struct arrival_spec steady(
        const struct tenant_spec *t, double more, int64_t from, int64_t duration_ns)
{
	struct arrival_spec spec = t->arrival;

	if (t->from_trace)
		spec.process = ARRIVAL_POISSON;
	spec.rate = more * rate_at(t, from, duration_ns);
	if (spec.process != ARRIVAL_RAMP)
		return spec;
	spec.from = spec.rate;
	spec.to *= more;
	spec.rate = (spec.from + spec.to) / 2;
	return spec;
}

static void enter(struct surge *g, const struct arrival_spec *spec, int64_t from, int64_t until)
{
	g->from = g->origin = from;
	g->until = until;
	if (spec->process == ARRIVAL_ONOFF)
		g->origin -= from % spec->period_ns;
	arrival_start(&g->arrival, spec, g->stream, until - g->origin);
}

void surge_begin(struct surge *g, int64_t now, double factor, int64_t ramp_ns, int64_t duration_ns,
        uint64_t seed, const char *fault_id, uint64_t occurrence)
{
	char purpose[224];
	double more = factor - 1;
	int64_t end = ramp_ns < duration_ns - now ? now + ramp_ns : duration_ns;

	CHECK(more > 0 && now < duration_ns);
	snprintf(purpose, sizeof(purpose), "surge/%s/%s/%llu", fault_id, g->tenant->name,
	        (unsigned long long)occurrence);
	g->stream = prng_stream(seed, purpose);
	g->duration = duration_ns;
	g->ramp_end = end;
	g->steady = steady(g->tenant, more, end, duration_ns);
	if (!ramp_ns) {
		enter(g, &g->steady, now, duration_ns);
		return;
	}
	g->rising = (struct arrival_spec){.process = ARRIVAL_RAMP,
	        .to = more * rate_at(g->tenant, end, duration_ns) * (double)(end - now) /
	              (double)ramp_ns};
	g->rising.rate = g->rising.to / 2;
	enter(g, &g->rising, now, end);
}

void surge_see(struct surge *g, const struct arrival *own)
{
	g->last_prompt = own->prompt_tokens;
	g->last_output = own->output_tokens;
}

int64_t surge_next(struct surge *g)
{
	while (g->arrival.spec->rate > 0) {
		int64_t at = arrival_next(&g->arrival);

		if (at != NS_NEVER && g->origin + at >= g->from)
			return g->origin + at;
		if (at != NS_NEVER)
			continue;
		if (g->until >= g->duration)
			break;
		g->stream = g->arrival.stream;
		enter(g, &g->steady, g->ramp_end, g->duration);
	}
	return NS_NEVER;
}

static int64_t draw(const struct surge *g, const struct length_spec *law, uint64_t what)
{
	int64_t tokens = length_at(law, prng_at(g->key, g->n, what));

	return tokens > law->max ? law->max : tokens;
}

void surge_fill(struct surge *g, int64_t at_ns, uint32_t tenant, struct arrival *out)
{
	const struct tenant_spec *t = g->tenant;

	g->n++;
	*out = (struct arrival){.at_ns = at_ns,
	        .tenant = tenant,
	        .prompt_tokens = g->last_prompt,
	        .output_tokens = g->last_output,
	        .max_tokens = t->max_tokens};
	if (!t->from_trace) {
		out->prompt_tokens = draw(g, &t->prompt, DRAW_PROMPT);
		out->output_tokens = draw(g, &t->output, DRAW_OUTPUT);
	}
	if (t->max_tokens && out->output_tokens > t->max_tokens)
		out->output_tokens = t->max_tokens;
}
