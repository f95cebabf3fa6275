/* A plan grows by a fault, or by a group that begins together, and each time the parser reads the
 * whole: what it refuses (an overlap of exclusive faults, parameters that do not go together) or
 * what would outlast the fault phase is taken back and drawn again. */
#include "harness/run/swarm_plan.h"

#include <stdio.h>
#include <string.h>

#include "faults/catalogue.h"
#include "harness/base/units.h"
#include "harness/run/swarm_draw.h"

enum { GROUP_MAX = 3, TRIES_PER_FAULT = 8, ID_MAX = 8 };

struct grower {
	struct swarm_drawer draw;
	const struct scenario *base;
	const struct swarm_timeline *timeline;
	struct swarm_plan *plan;
	uint64_t total; /* of the weights */
	uint32_t n;
	struct json_out faults[SWARM_FAULTS_MAX + GROUP_MAX];
};

void swarm_timeline_of(const struct scenario *s, struct swarm_timeline *out)
{
	int64_t rest = s->duration_ns - s->warmup_ns, left;

	out->faults_ns = s->warmup_ns + rest / 10;
	out->heal_ns = out->faults_ns + rest / 2;
	left = s->duration_ns - out->heal_ns;
	out->horizon_ns = s->recovery_horizon_ns < left / 2 ? s->recovery_horizon_ns : left / 2;
}

uint64_t swarm_seed(const struct scenario *s, uint64_t index)
{
	return prng_at(prng_purpose(s->seed, "swarm/cell"), index, 0) >> 11;
}

bool swarm_can_draw(const struct scenario *s, const struct fault_kind *kind)
{
	const uint32_t *ids;
	const char *detail;
	struct arena arena;
	uint32_t n;
	bool found;

	if (!(kind->clocks & FAULT_ON_VIRTUAL))
		return false;
	arena_init(&arena, (size_t)1 << 26);
	found = s->targets.resolve(s->targets.ctx, "all", kind->targets, &arena, &ids, &n,
	                &detail) == TARGET_FOUND;
	arena_free(&arena);
	return found;
}

/* A coin for each kind; where all fall on the same side, the one that comes first by another draw
 * is on. */
static void draw_mix(struct grower *g)
{
	size_t n = fault_catalogue_count(), possible = 0;
	struct swarm_plan *p = g->plan;

	for (size_t i = 0; i < n; i++) {
		bool can = swarm_can_draw(g->base, fault_catalogue_at(i));
		bool on = swarm_chance(&g->draw, 50);
		uint32_t weight = 1u << swarm_below(&g->draw, SWARM_WEIGHTS);

		possible += can;
		p->weights[i] = on && can ? weight : 0;
		p->n_on += on && can;
		g->total += p->weights[i];
	}
	while (possible && !p->n_on) {
		size_t i = swarm_below(&g->draw, n);

		if (!swarm_can_draw(g->base, fault_catalogue_at(i)))
			continue;
		p->weights[i] = 1;
		p->n_on = 1;
		g->total = 1;
	}
}

static const struct fault_kind *draw_kind(struct grower *g)
{
	uint64_t u = swarm_below(&g->draw, g->total);
	size_t i = 0;

	while (u >= g->plan->weights[i])
		u -= g->plan->weights[i++];
	return fault_catalogue_at(i);
}

/* From a millisecond to all that is left: as likely in each octave. */
static int64_t draw_length(struct grower *g, int64_t left)
{
	int64_t most = left >> swarm_below(&g->draw, 9);
	int64_t ns = most - most / 2 + (int64_t)swarm_below(&g->draw, (uint64_t)(most / 2) + 1);

	ns -= ns % NS_PER_MS;
	return ns < NS_PER_MS ? NS_PER_MS : ns;
}

/* At an instant of its own, and for some time or until the common end; or after a planned phase of
 * an earlier one. */
static void out_times(struct grower *g, struct json_out *o)
{
	int64_t span = g->timeline->heal_ns - g->timeline->faults_ns, at, left;

	if (g->n && swarm_chance(&g->draw, 15)) {
		char id[ID_MAX + 8];

		(void)snprintf(id, sizeof(id), "f%u", (unsigned)swarm_below(&g->draw, g->n));
		json_out_open(o, "after", '{');
		json_out_str(o, "fault", id);
		json_out_str(o, "phase", SWARM_PICK(&g->draw, "inject", "revert"));
		swarm_out_duration(o, "delay", draw_length(g, span / 4));
		json_out_close(o);
		swarm_out_duration(o, "for", draw_length(g, span / 2));
		return;
	}
	at = (int64_t)swarm_below(&g->draw, (uint64_t)(span / NS_PER_MS)) * NS_PER_MS;
	left = span - at;
	swarm_out_duration(o, "at", g->timeline->faults_ns + at);
	swarm_out_duration(o, "for", swarm_chance(&g->draw, 30) ? left : draw_length(g, left));
}

/* `group`: NULL, or what begins together, of which the first says when. */
static bool draw_fault(struct grower *g, uint32_t i, const char *group, bool first)
{
	const struct fault_kind *kind = draw_kind(g);
	struct json_out *o = &g->faults[i];
	char id[ID_MAX + 8];
	uint32_t targets;

	json_out_init(o, 0);
	json_out_open(o, NULL, '{');
	(void)snprintf(id, sizeof(id), "f%u", i);
	json_out_str(o, "id", id);
	json_out_str(o, "kind", kind->name);
	targets = swarm_out_target(&g->draw, o, kind);
	if (group)
		json_out_str(o, "together", group);
	if (first)
		out_times(g, o);
	else
		swarm_out_duration(
		        o, "for", draw_length(g, g->timeline->heal_ns - g->timeline->faults_ns));
	if (targets > 1 && kind->side == FAULT_MODEL && swarm_chance(&g->draw, 30))
		swarm_out_duration(o, "stagger", draw_length(g, 200 * NS_PER_MS));
	swarm_out_parameters(&g->draw, o, kind);
	json_out_close(o);
	return targets > 0;
}

/* --- the scenario
 * ---------------------------------------------------------------------------------- */

/* Limits on percentiles are promises for behind the faults; demonstrations are none. */
static void out_slo(const struct scenario *base, struct json_out *o)
{
	struct jval list = json_get(json_root(base->document), "slo");

	json_out_open(o, "slo", '[');
	for (struct jval e = json_first(list); json_type(e) != JSON_NONE; e = json_next(e)) {
		const char *want = json_string(json_get(e, "want"));

		if (want && strcmp(want, "miss") == 0)
			continue;
		json_out_open(o, NULL, '{');
		for (struct jval m = json_first(e); json_type(m) != JSON_NONE; m = json_next(m))
			if (strcmp(json_key(m), "window") != 0)
				json_out_value(o, json_key(m), m, false);
		json_out_str(o, "window", "after");
		json_out_close(o);
	}
	json_out_close(o);
}

static void out_expect(int64_t horizon_ns, bool may_corrupt, struct json_out *o)
{
	json_out_open(o, "expect", '[');
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", "recovered");
	json_out_str(o, "kind", "recovered");
	swarm_out_duration(o, "max", horizon_ns);
	json_out_close(o);
	if (!may_corrupt) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "id", "no-corrupt-token");
		json_out_str(o, "kind", "corrupt_tokens");
		json_out_close(o);
	}
	json_out_close(o);
}

static struct json *parse(const struct scenario *base, const struct json_out *o)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	enum status st = json_parse(base->file, o->buf, o->n, &doc, &err);

	CHECK(st == ERR_NONE);
	return doc;
}

static struct json *changes_of(const struct scenario *base, uint64_t seed,
        const struct json_out *faults, uint32_t n, int64_t horizon_ns, bool may_corrupt)
{
	struct jval limits = json_get(json_root(base->document), "limits");
	struct json_out o;
	struct json *doc;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_u64(&o, "seed", seed);
	json_out_open(&o, "faults", '[');
	for (uint32_t i = 0; i < n; i++)
		json_out_raw(&o, NULL, faults[i].buf);
	json_out_close(&o);
	if (json_type(limits) != JSON_NONE)
		json_out_value(&o, "limits", limits, false);
	out_slo(base, &o);
	out_expect(horizon_ns, may_corrupt, &o);
	json_out_close(&o);
	doc = parse(base, &o);
	json_out_free(&o);
	return doc;
}

/* NULL where the parser refuses it. */
static struct scenario *build(const struct scenario *base, uint64_t seed, struct json *changes)
{
	struct error err = ERROR_INIT;
	struct scenario *s;

	return scenario_replan(base, seed, changes, &s, &err) ? NULL : s;
}

static bool in_phase(const struct scenario *s, const struct swarm_timeline *t)
{
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct fault_spec *f = &s->faults.faults[i];

		if (!f->planned || f->at_ns < t->faults_ns || f->at_ns > t->heal_ns ||
		        f->for_ns > t->heal_ns - f->at_ns)
			return false;
	}
	return true;
}

static void grow(struct grower *g)
{
	uint32_t members = swarm_chance(&g->draw, 12) ? 2 + (uint32_t)swarm_below(&g->draw, 2) : 1;
	char group[ID_MAX + 8];
	struct scenario *s = NULL;
	bool ok = true;

	(void)snprintf(group, sizeof(group), "g%u", g->n);
	for (uint32_t i = 0; i < members; i++)
		ok &= draw_fault(g, g->n + i, members > 1 ? group : NULL, i == 0);
	if (ok)
		s = build(g->base, g->plan->seed,
		        changes_of(g->base, g->plan->seed, g->faults, g->n + members,
		                g->timeline->horizon_ns, true));
	g->plan->drawn += members;
	if (s && in_phase(s, g->timeline)) {
		g->n += members;
	} else {
		g->plan->refused += members;
		for (uint32_t i = 0; i < members; i++)
			json_out_free(&g->faults[g->n + i]);
	}
	scenario_free(s);
}

static void settle(struct grower *g, bool may_corrupt)
{
	struct swarm_plan *p = g->plan;
	int64_t horizon_ns = g->timeline->horizon_ns;

	p->changes = changes_of(g->base, p->seed, g->faults, g->n, horizon_ns, may_corrupt);
	p->scenario = build(g->base, p->seed,
	        changes_of(g->base, p->seed, g->faults, g->n, horizon_ns, may_corrupt));
	CHECK(p->scenario);
}

void swarm_plan_draw(const struct scenario *base, const struct swarm_timeline *timeline,
        uint64_t index, struct swarm_plan *out)
{
	struct grower g = {.base = base, .timeline = timeline, .plan = out};
	uint32_t wanted;

	*out = (struct swarm_plan){.seed = swarm_seed(base, index),
	        .weights = mem_alloc(fault_catalogue_count(), sizeof(*out->weights))};
	swarm_drawer_init(
	        &g.draw, out->seed, "swarm/plan", timeline->heal_ns - timeline->faults_ns);
	g.draw.scenario = base;
	draw_mix(&g);
	wanted = 1u << swarm_below(&g.draw, 5); /* up to SWARM_FAULTS_MAX */
	wanted = 1 + (uint32_t)swarm_below(&g.draw, wanted);
	for (uint32_t t = 0; g.total && g.n < wanted && t < TRIES_PER_FAULT * wanted; t++)
		grow(&g);
	settle(&g, true);
	if (!swarm_plan_may_corrupt(out->scenario)) {
		scenario_free(out->scenario);
		json_free(out->changes);
		settle(&g, false);
	}
	for (uint32_t i = 0; i < g.n; i++)
		json_out_free(&g.faults[i]);
	swarm_drawer_free(&g.draw);
}

void swarm_plan_free(struct swarm_plan *p)
{
	scenario_free(p->scenario);
	json_free(p->changes);
	mem_free(p->weights);
	*p = (struct swarm_plan){0};
}

struct scenario *swarm_plan_twin(const struct scenario *base, const struct swarm_plan *p)
{
	struct scenario *s =
	        build(base, p->seed, changes_of(base, p->seed, NULL, 0, NS_PER_S, false));

	CHECK(s);
	return s;
}

bool swarm_plan_may_corrupt(const struct scenario *cell)
{
	const struct target_resolver *r = &cell->targets;

	for (uint32_t i = 0; i < cell->faults.n; i++) {
		const struct fault_spec *f = &cell->faults.faults[i];

		for (uint32_t t = 0; f->kind->corrupts && t < f->n_targets; t++)
			if (!r->guarded(r->ctx, f->kind->guard, f->targets[t]))
				return true;
	}
	return false;
}
