/* When faults begin and end. The table is small (a scenario's list), so the next instant is found
 * by looking at all of it; what matters is that one look decides by (instant, revert before inject,
 * index) and nothing else. */
#include "faults/schedule.h"

void fault_schedule_init(struct fault_schedule *s, const struct fault_plan *plan,
        int64_t duration_ns, struct arena *arena)
{
	s->plan = plan;
	s->duration_ns = duration_ns;
	s->record = NULL;
	s->replay = NULL;
	s->replayed = 0;
	s->n_active = 0;
	s->n_health = 0;
	s->timers = ARENA_ARRAY(arena, struct fault_timer, plan->n);
	for (uint32_t i = 0; i < plan->n; i++) {
		struct fault_timer *t = &s->timers[i];

		t->inject_at =
		        plan->faults[i].start == START_TIMED ? plan->faults[i].at_ns : NS_NEVER;
		t->revert_at = NS_NEVER;
		t->active = false;
		t->fired = false;
		t->began_at = NS_NEVER;
		t->withheld = LIMIT_NONE;
		t->stream = plan->faults[i].every.stream;
		trigger_init(&t->trigger, &plan->faults[i].when);
	}
}

/* --- scripts
 * --------------------------------------------------------------------------------------- */

bool fault_plan_is_live(const struct fault_plan *plan)
{
	bool live = plan->limits.max_active || plan->limits.never_below;

	for (uint32_t i = 0; i < plan->n; i++)
		live |= !plan->faults[i].planned;
	return live;
}

void fault_script_free(struct fault_script *script)
{
	mem_free(script->e);
	*script = (struct fault_script){0};
}

void fault_schedule_record(struct fault_schedule *s, struct fault_script *script)
{
	s->record = script;
}

void fault_schedule_replay(struct fault_schedule *s, const struct fault_script *script)
{
	s->replay = script;
}

/* All that the schedule says goes through here. */
static void happen(struct fault_schedule *s, int64_t now, uint32_t fault, bool inject,
        fault_event_fn *fn, void *ctx)
{
	struct fault_script *script = s->record;

	if (script && script->n == script->capacity) {
		script->capacity = script->capacity ? script->capacity * 2 : 64;
		script->e = mem_grow(script->e, script->capacity, sizeof(*script->e));
	}
	if (script)
		script->e[script->n++] = (struct fault_happening){now, fault, inject};
	fn(ctx, now, fault, inject);
}

static void follow(struct fault_schedule *s, int64_t now, fault_event_fn *fn, void *ctx)
{
	while (s->replayed < s->replay->n && s->replay->e[s->replayed].at_ns <= now) {
		const struct fault_happening *h = &s->replay->e[s->replayed++];

		s->timers[h->fault].active = h->inject;
		fn(ctx, now, h->fault, h->inject);
	}
}

int64_t fault_schedule_next_at(const struct fault_schedule *s)
{
	int64_t next = NS_NEVER;

	if (s->replay)
		return s->replayed < s->replay->n ? s->replay->e[s->replayed].at_ns : NS_NEVER;
	for (uint32_t i = 0; i < s->plan->n; i++) {
		const struct fault_timer *t = &s->timers[i];
		int64_t at = t->active ? t->revert_at : t->inject_at;

		next = at < next ? at : next;
	}
	return next;
}

/* Whoever waits for the phase begins `delay` after it: once, but for a group, which begins again
 * with its first. */
static void reached(struct fault_schedule *s, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	if (!(s->plan->faults[fault].awaited >> phase & 1))
		return;
	for (uint32_t i = 0; i < s->plan->n; i++) {
		const struct fault_spec *spec = &s->plan->faults[i];
		struct fault_timer *t = &s->timers[i];
		bool waits =
		        spec->start == START_TOGETHER || (spec->start == START_AFTER && !t->fired);

		if (!waits || spec->after.fault != fault || spec->after.phase != phase)
			continue;
		t->fired = true;
		if (at_ns + spec->after.delay_ns < s->duration_ns)
			t->inject_at = at_ns + spec->after.delay_ns;
	}
}

/* --- limits
 * ---------------------------------------------------------------------------------------- */

void fault_schedule_health(struct fault_schedule *s, int64_t at_ns, uint32_t healthy)
{
	s->health[s->n_health++ % FAULT_HEALTH_KEPT] =
	        (struct fault_health){.at_ns = at_ns, .healthy = healthy};
}

/* The latest sample that is old enough; before there is one, all are healthy. */
static struct fault_health health_before(const struct fault_schedule *s, int64_t at)
{
	uint64_t oldest = s->n_health > FAULT_HEALTH_KEPT ? s->n_health - FAULT_HEALTH_KEPT : 0;

	for (uint64_t i = s->n_health; i-- > oldest;)
		if (s->health[i % FAULT_HEALTH_KEPT].at_ns <= at - FAULT_HEALTH_AGE_NS)
			return s->health[i % FAULT_HEALTH_KEPT];
	return (struct fault_health){.at_ns = -1, .healthy = s->plan->limits.instances};
}

/* Faults that began since the sample count in full; older ones have shown what they do. */
static bool leaves_too_few(const struct fault_schedule *s, uint32_t fault, int64_t at)
{
	struct fault_health seen = health_before(s, at);
	int64_t left = (int64_t)seen.healthy - s->plan->faults[fault].impact;

	if (!s->plan->faults[fault].impact)
		return false;
	for (uint32_t i = 0; i < s->plan->n; i++)
		if (s->timers[i].active && s->timers[i].began_at > seen.at_ns)
			left -= s->plan->faults[i].impact;
	return left < s->plan->limits.never_below;
}

static enum fault_limit limit_met(const struct fault_schedule *s, uint32_t fault, int64_t at)
{
	const struct fault_limits *limits = &s->plan->limits;

	if (limits->max_active && s->n_active >= limits->max_active)
		return LIMIT_MAX_ACTIVE;
	if (limits->never_below && leaves_too_few(s, fault, at))
		return LIMIT_NEVER_BELOW;
	return LIMIT_NONE;
}

/* --- begin and end
 * ---------------------------------------------------------------------------------- */

/* False if it is withheld: then it comes again when it would have, and nobody follows it. */
static bool begin(struct fault_schedule *s, uint32_t fault)
{
	const struct fault_spec *spec = &s->plan->faults[fault];
	struct fault_timer *t = &s->timers[fault];
	int64_t at = t->inject_at;
	enum fault_limit limit = limit_met(s, fault, at);

	t->inject_at = recurrence_next(&spec->every, &t->stream, at, spec->for_ns);
	if (t->inject_at >= s->duration_ns)
		t->inject_at = NS_NEVER;
	if (limit != LIMIT_NONE) {
		t->withheld = t->withheld ? t->withheld : limit;
		return false;
	}
	t->active = true;
	t->began_at = at;
	t->revert_at = spec->for_ns == NS_NEVER ? NS_NEVER : at + spec->for_ns;
	s->n_active++;
	reached(s, fault, PHASE_INJECT, at);
	return true;
}

static void end(struct fault_schedule *s, uint32_t fault)
{
	struct fault_timer *t = &s->timers[fault];
	int64_t at = t->revert_at;

	t->active = false;
	t->revert_at = NS_NEVER;
	s->n_active--;
	reached(s, fault, PHASE_REVERT, at);
}

void fault_schedule_step(struct fault_schedule *s, int64_t now, fault_event_fn *fn, void *ctx)
{
	if (s->replay) {
		follow(s, now, fn, ctx);
		return;
	}
	do {
		for (uint32_t i = 0; i < s->plan->n; i++) {
			if (!s->timers[i].active || s->timers[i].revert_at > now)
				continue;
			end(s, i);
			happen(s, now, i, false, fn, ctx);
		}
		for (uint32_t i = 0; i < s->plan->n; i++) {
			if (s->timers[i].active || s->timers[i].inject_at > now)
				continue;
			if (begin(s, i))
				happen(s, now, i, true, fn, ctx);
		}
	} while (fault_schedule_next_at(s) <= now); /* a fault without delay after another one */
}

void fault_schedule_phase(
        struct fault_schedule *s, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	CHECK(fault < s->plan->n && phase != PHASE_INJECT && phase != PHASE_REVERT);
	reached(s, fault, phase, at_ns);
}

void fault_schedule_sample(struct fault_schedule *s, int64_t now, uint32_t fault, double value)
{
	struct fault_timer *t = &s->timers[fault];

	CHECK(fault < s->plan->n);
	if (!t->trigger.spec || s->plan->faults[fault].start != START_TRIGGER)
		return;
	if (trigger_sample(&t->trigger, now, value) && now + 1 < s->duration_ns) {
		t->inject_at = now + 1;
		t->trigger.spec = NULL; /* has fired */
	}
}

void fault_schedule_finish(struct fault_schedule *s, int64_t now, fault_event_fn *fn, void *ctx)
{
	for (uint32_t i = 0; i < s->plan->n; i++) {
		struct fault_timer *t = &s->timers[i];
		bool active = t->active;

		t->active = false;
		t->inject_at = t->revert_at = NS_NEVER;
		if (active)
			happen(s, now, i, false, fn, ctx);
	}
	s->n_active = 0;
	if (s->replay) /* a run that ends sooner than the one it follows */
		s->replayed = s->replay->n;
}
