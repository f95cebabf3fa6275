/* When faults begin. Four ways to say it: an instant or a law (at, every), a signal (when), a phase
 * of another fault (after), or another fault's own begin (together). Whatever can be worked out
 * before the run is: instants that follow from planned ones are planned, too, so that the plan
 * shows them and exclusive faults are kept apart. What only the run can tell may be at any time.
 *
 * A phase of the model is known when it has happened; on the wall clock the news comes by a
 * message, and the scheduler plans ahead. Hence the least delay after such a phase
 * (FAULT_MODEL_DELAY_NS): both clocks can keep it, and begin the fault at phase + delay to the
 * nanosecond. */
#include "faults/plan_parts.h"

#include <stdio.h>
#include <string.h>

static const char *const PHASES[] = {
        "inject", "effect", "detect", "isolate", "failover", "revert", NULL};
static const enum fault_phase PHASE_OF[] = {
        PHASE_INJECT, PHASE_EFFECT, PHASE_DETECT, PHASE_ISOLATE, PHASE_FAILOVER, PHASE_REVERT};
static const char *const PHASE_SIGNAL[] = {"fault.phase", NULL};

struct after_keys {
	const char *fault;
	int phase, signal;
	int64_t delay_ns;
};

#define KEY(key, member, kind, ...)                                                                \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct after_keys, member),          \
		__VA_ARGS__                                                                        \
	}
#define FAULT                                                                                      \
	KEY("fault", fault, FIELD_NAME, .flags = FIELD_REQUIRED,                                   \
	        .help = "whose phase is waited for")
#define PHASE                                                                                      \
	KEY("phase", phase, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = PHASES,                \
	        .help = "which one; the first time that it is reached counts")

static const struct field AFTER[] = {FAULT, PHASE,
        KEY("delay", delay_ns, FIELD_DURATION, .max = NS_MAX, .help = "from then on")};
static const struct field WHEN_PHASE[] = {
        KEY("signal", signal, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = PHASE_SIGNAL,
                .help = "that a phase was reached"),
        FAULT, PHASE, KEY("for", delay_ns, FIELD_DURATION, .max = NS_MAX, .help = "how long ago")};

const char *fault_phase_name(enum fault_phase phase)
{
	for (size_t i = 0; i < ARRAY_LEN(PHASE_OF); i++)
		if (PHASE_OF[i] == phase)
			return PHASES[i];
	return "recover";
}

/* --- one fault
 * ------------------------------------------------------------------------------------- */

/* `delay_key`: of the object `where`, for errors. */
static enum status read_after(struct plan_reader *r, struct jval where, const struct field *table,
        size_t n, const char *delay_key, struct fault_spec *f)
{
	struct plan_link *link = &r->links[r->plan->n];
	struct after_keys keys;
	bool by_schedule;

	memset(&keys, 0, sizeof(keys));
	if (json_read(where, table, n, &keys, r->err) != ERR_NONE)
		return r->err->code;
	*link = (struct plan_link){
	        .after = where, .fault = arena_strndup(r->arena, keys.fault, strlen(keys.fault))};
	f->start = START_AFTER;
	f->after.phase = PHASE_OF[keys.phase];
	f->after.delay_ns = keys.delay_ns;
	by_schedule = f->after.phase == PHASE_INJECT || f->after.phase == PHASE_REVERT;
	if (by_schedule || keys.delay_ns >= FAULT_MODEL_DELAY_NS)
		return ERR_NONE;
	return json_expected(plan_given(where, delay_key) ? json_get(where, delay_key) : where,
	        r->err, "'%s' of at least 50ms after '%s', which is known only once it happened",
	        delay_key, PHASES[keys.phase]);
}

static enum status read_when(struct plan_reader *r, struct jval when, struct fault_spec *f)
{
	const char *signal = json_string(json_get(when, "signal"));

	if (signal && strcmp(signal, PHASE_SIGNAL[0]) == 0)
		return read_after(r, when, WHEN_PHASE, ARRAY_LEN(WHEN_PHASE), "for", f);
	f->start = START_TRIGGER;
	return trigger_parse(when, r->arena, &f->when, r->err);
}

static enum status before_the_end(
        const struct plan_reader *r, struct jval where, int64_t at_ns, const char *what)
{
	char end[UNITS_DURATION_MAX], found[UNITS_DURATION_MAX];

	if (at_ns < r->duration_ns)
		return ERR_NONE;
	if (!what)
		return json_expected(where, r->err, "an instant before the end of the run, %s",
		        units_format_duration(r->duration_ns, end));
	return json_error(where, r->err,
	        "expected an instant before the end of the run, %s, found %s%s",
	        units_format_duration(r->duration_ns, end), what,
	        units_format_duration(at_ns, found));
}

static enum status read_instants(
        struct plan_reader *r, struct jval v, const struct plan_keys *keys, struct fault_spec *f)
{
	bool at = plan_given(v, "at"), every = plan_given(v, "every");

	f->start = START_TIMED;
	f->planned = true;
	f->at_ns = keys->at_ns;
	if (every && recurrence_parse(keys->every, &f->every, r->err) != ERR_NONE)
		return r->err->code;
	f->every.stream = prng_stream(r->seed, arena_printf(r->arena, "every/%s", f->id));
	if (!at)
		f->at_ns = recurrence_gap(&f->every, &f->every.stream);
	if (!at && recurrence_is_drawn(&f->every)) {
		if (f->at_ns >= r->duration_ns)
			f->at_ns = NS_NEVER; /* chance had it so: no error */
		return ERR_NONE;
	}
	return before_the_end(r, json_get(v, at ? "at" : "every"), f->at_ns, NULL);
}

static enum status read_start(
        struct plan_reader *r, struct jval v, const struct plan_keys *keys, struct fault_spec *f)
{
	const char *timed = plan_given(v, "at") ? "at" : plan_given(v, "every") ? "every" : NULL;
	bool when = plan_given(v, "when"), after = plan_given(v, "after");

	f->at_ns = NS_NEVER;
	if (when && (timed || after))
		return json_error_key(json_get(v, "when"), r->err,
		        "expected either 'when' or '%s', found both", timed ? timed : "after");
	if (after && timed)
		return json_error_key(json_get(v, "after"), r->err,
		        "expected either 'after' or '%s', found both", timed);
	if (when)
		return read_when(r, keys->when, f);
	if (after)
		return read_after(r, keys->after, AFTER, ARRAY_LEN(AFTER), "delay", f);
	if (timed)
		return read_instants(r, v, keys, f);
	if (!f->together)
		return json_error(v, r->err,
		        "expected one of the keys 'at', 'every', 'when', 'after' and 'together', "
		        "found none");
	f->start = START_TOGETHER;
	return ERR_NONE;
}

enum status plan_time_read(
        struct plan_reader *r, struct jval v, const struct plan_keys *keys, struct fault_spec *f)
{
	int64_t cycle;

	if (keys->together)
		f->together = arena_strndup(r->arena, keys->together, strlen(keys->together));
	if (read_start(r, v, keys, f) != ERR_NONE)
		return r->err->code;
	f->for_ns = plan_given(v, "for") ? keys->for_ns : NS_NEVER;
	if (f->every.law == RECUR_NEVER)
		return ERR_NONE;
	if (f->for_ns == NS_NEVER)
		return json_error(v, r->err, "expected the key 'for' with 'every', found none");
	if (f->every.law == RECUR_FIXED && f->for_ns > f->every.mean_ns)
		return json_expected(json_get(v, "for"), r->err,
		        "a duration of at most 'every', as a fault cannot overlap itself");
	cycle = f->every.mean_ns + (f->every.law == RECUR_FIXED ? 0 : f->for_ns);
	if (f->at_ns < r->duration_ns &&
	        (r->duration_ns - f->at_ns) / cycle >= FAULT_OCCURRENCES_MAX)
		return json_expected(json_get(v, "every"), r->err,
		        "at most %lld occurrences in the run", (long long)FAULT_OCCURRENCES_MAX);
	return ERR_NONE;
}

/* --- who waits for whom
 * ---------------------------------------------------------------------------- */

static enum status link_after(struct plan_reader *r, uint32_t i)
{
	struct fault_spec *f = &r->plan->faults[i];
	struct jval at = json_get(r->links[i].after, "fault");
	const char *names[FAULT_PLAN_MAX], *near;
	uint32_t base = fault_plan_find(r->plan, r->links[i].fault), n = 0;

	if (base == i)
		return json_error(at, r->err, "expected the id of another fault, found its own");
	if (base == UINT32_MAX) {
		for (uint32_t k = 0; k < r->plan->n; k++)
			if (k != i)
				names[n++] = r->plan->faults[k].id;
		near = error_nearest(r->links[i].fault, names, n);
		return json_error(at, r->err, "expected the id of another fault%s%s%s, found '%s'",
		        near ? " (nearest is '" : "", near ? near : "", near ? "')" : "",
		        r->links[i].fault);
	}
	f->after.fault = base;
	r->plan->faults[base].awaited |= 1u << f->after.phase;
	if (f->after.phase == PHASE_REVERT && r->plan->faults[base].for_ns == NS_NEVER)
		return json_error(at, r->err,
		        "expected a fault that is reverted in the run, found '%s', which has no "
		        "'for'",
		        r->plan->faults[base].id);
	return ERR_NONE;
}

/* The first of a group is the one with a start of its own. */
static enum status link_group(struct plan_reader *r, uint32_t i)
{
	struct fault_spec *f = &r->plan->faults[i];
	struct jval at = json_get(f->where, "together");
	uint32_t first = UINT32_MAX, members = 0;

	for (uint32_t k = 0; k < r->plan->n; k++) {
		const struct fault_spec *g = &r->plan->faults[k];

		if (!g->together || strcmp(g->together, f->together) != 0)
			continue;
		members++;
		if (g->start == START_TOGETHER)
			continue;
		if (first != UINT32_MAX)
			return json_error(at, r->err,
			        "expected one start in the group '%s', found those of '%s' and "
			        "'%s'",
			        f->together, r->plan->faults[first].id, g->id);
		first = k;
	}
	if (members < 2)
		return json_error(at, r->err,
		        "expected another fault of the group '%s', found none", f->together);
	if (first == UINT32_MAX)
		return json_error(at, r->err,
		        "expected a fault of the group '%s' with 'at', 'every', 'when' or 'after', "
		        "found none",
		        f->together);
	if (f->start != START_TOGETHER)
		return ERR_NONE;
	f->after = (struct fault_after){.fault = first, .phase = PHASE_INJECT};
	r->plan->faults[first].awaited |= 1u << PHASE_INJECT;
	if (r->plan->faults[first].every.law != RECUR_NEVER &&
	        f->for_ns > r->plan->faults[first].for_ns)
		return json_error(f->where, r->err,
		        "expected 'for' of at most that of '%s', with which it begins each time",
		        r->plan->faults[first].id);
	return ERR_NONE;
}

static bool waits(const struct fault_spec *f)
{
	return f->start == START_AFTER || f->start == START_TOGETHER;
}

static enum status check_cycle(struct plan_reader *r, uint32_t i)
{
	const struct fault_spec *faults = r->plan->faults;
	uint32_t k = i;

	for (uint32_t steps = 0; waits(&faults[k]); steps++) {
		k = faults[k].after.fault;
		if (k == i)
			return json_error(faults[i].where, r->err,
			        "expected a fault that some other begins, found '%s' waiting for "
			        "itself by way of '%s'",
			        faults[i].id, faults[faults[i].after.fault].id);
		if (steps > r->plan->n)
			break; /* a cycle that this one only leads to: told where it is */
	}
	return ERR_NONE;
}

/* The begin of f where it follows from a planned one; true if something became known. */
static bool settle(const struct plan_reader *r, struct fault_spec *f)
{
	const struct fault_spec *base = &r->plan->faults[f->after.fault];
	int64_t from = base->at_ns;

	if (f->planned || !waits(f) || !base->planned ||
	        (f->after.phase != PHASE_INJECT && f->after.phase != PHASE_REVERT))
		return false;
	f->planned = true;
	if (from != NS_NEVER)
		f->at_ns = from + (f->after.phase == PHASE_REVERT ? base->for_ns : 0) +
		           f->after.delay_ns;
	if (f->at_ns != NS_NEVER && f->at_ns > NS_MAX)
		f->at_ns = NS_MAX; /* a long chain; refused below, as every run ends sooner */
	return true;
}

/* --- overlaps
 * -------------------------------------------------------------------------------------- */

/* The first target both have, or UINT32_MAX. Both lists ascend. */
static uint32_t common_target(const struct fault_spec *a, const struct fault_spec *b)
{
	for (uint32_t i = 0, j = 0; i < a->n_targets && j < b->n_targets;) {
		if (a->targets[i] == b->targets[j])
			return a->targets[i];
		if (a->targets[i] < b->targets[j])
			i++;
		else
			j++;
	}
	return UINT32_MAX;
}

/* The planned begins of a fault, one after the other. */
struct begins {
	const struct fault_spec *f, *leader; /* whose recurrence it is */
	struct prng stream;
	int64_t at_ns;
};

static struct begins begins_of(const struct plan_reader *r, const struct fault_spec *f)
{
	const struct fault_spec *leader =
	        f->start == START_TOGETHER ? &r->plan->faults[f->after.fault] : f;

	return (struct begins){f, leader, leader->every.stream, f->at_ns};
}

static void next_begin(struct begins *b)
{
	b->at_ns = recurrence_next(&b->leader->every, &b->stream, b->at_ns, b->leader->for_ns);
}

/* f begins once g is over, and g does not come again. */
static bool begins_after_end(
        const struct plan_reader *r, const struct fault_spec *f, const struct fault_spec *g)
{
	if (g->every.law != RECUR_NEVER)
		return false;
	for (; waits(f); f = &r->plan->faults[f->after.fault])
		if (&r->plan->faults[f->after.fault] == g && f->after.phase == PHASE_REVERT)
			return g->start != START_TOGETHER;
	return false;
}

/* Occurrences as half-open intervals; a fault that is not planned may be active at any time. */
static bool overlap_in_time(
        const struct plan_reader *r, const struct fault_spec *f, const struct fault_spec *g)
{
	struct begins a = begins_of(r, f), b = begins_of(r, g);

	if (begins_after_end(r, f, g) || begins_after_end(r, g, f))
		return false;
	if (!f->planned || !g->planned)
		return true;
	while (a.at_ns < r->duration_ns && b.at_ns < r->duration_ns) {
		struct begins *first = a.at_ns <= b.at_ns ? &a : &b;
		int64_t later = a.at_ns <= b.at_ns ? b.at_ns : a.at_ns;

		if (first->f->for_ns == NS_NEVER || first->at_ns + first->f->for_ns > later)
			return true;
		next_begin(first);
	}
	return false;
}

static enum status check_overlaps(struct plan_reader *r, const struct fault_spec *f)
{
	for (const struct fault_spec *g = r->plan->faults; g < f; g++) {
		uint32_t target;

		if (!f->kind->exclusive || !g->kind->exclusive ||
		        strcmp(f->kind->exclusive, g->kind->exclusive) != 0)
			continue;
		target = common_target(f, g);
		if (target != UINT32_MAX && overlap_in_time(r, f, g))
			return json_error(f->where, r->err,
			        "expected no overlap of exclusive faults, found '%s' and '%s' at "
			        "one time on %s",
			        g->id, f->id, plan_target_name(r, f, target));
	}
	return ERR_NONE;
}

/* --- the list
 * -------------------------------------------------------------------------------------- */

static enum status link_all(struct plan_reader *r)
{
	for (uint32_t i = 0; i < r->plan->n; i++) {
		if (r->links[i].fault && link_after(r, i) != ERR_NONE)
			return r->err->code;
		if (r->plan->faults[i].together && link_group(r, i) != ERR_NONE)
			return r->err->code;
	}
	for (uint32_t i = 0; i < r->plan->n; i++)
		if (check_cycle(r, i) != ERR_NONE)
			return r->err->code;
	return ERR_NONE;
}

enum status plan_time_link(struct plan_reader *r)
{
	bool more = true;

	if (link_all(r) != ERR_NONE)
		return r->err->code;
	while (more) {
		more = false;
		for (uint32_t i = 0; i < r->plan->n; i++)
			more |= settle(r, &r->plan->faults[i]);
	}
	for (uint32_t i = 0; i < r->plan->n; i++) {
		const struct fault_spec *f = &r->plan->faults[i];

		if (f->start == START_AFTER && f->planned && f->at_ns != NS_NEVER &&
		        before_the_end(r, r->links[i].after, f->at_ns, "") != ERR_NONE)
			return r->err->code;
		if (check_overlaps(r, f) != ERR_NONE)
			return r->err->code;
	}
	return ERR_NONE;
}
