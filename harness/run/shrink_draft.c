/* Drafts: a scenario with parts left out, completed so that the parser takes it. */
#include <string.h>
#include "harness/run/shrink_parts.h"

const char *const shrink_list_names[SHRINK_LISTS] = {
        [SHRINK_FAULTS] = "faults",
        [SHRINK_TRAFFIC] = "traffic",
        [SHRINK_SLO] = "slo",
        [SHRINK_EXPECT] = "expect",
        [SHRINK_ABORT] = "abort",
};

uint32_t shrink_count(const struct scenario *s, enum shrink_list list)
{
	switch (list) {
	case SHRINK_FAULTS:
		return s->faults.n;
	case SHRINK_TRAFFIC:
		return s->traffic.n_tenants;
	case SHRINK_SLO:
		return s->rules.n_slo;
	case SHRINK_EXPECT:
		return s->rules.n_expect;
	case SHRINK_ABORT:
		return s->rules.n_abort;
	case SHRINK_LISTS:
		break;
	}
	UNREACHABLE("every list is handled above");
}

struct jval shrink_element(const struct scenario *s, enum shrink_list list, uint32_t index)
{
	return json_at(json_get(json_root(s->document), shrink_list_names[list]), index);
}

char *shrink_object_with(struct jval object, const char *key, const char *value)
{
	struct json_out o;
	bool there = false;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	for (struct jval m = json_first(object); json_type(m) != JSON_NONE; m = json_next(m)) {
		if (strcmp(json_key(m), key) != 0)
			json_out_value(&o, json_key(m), m, false);
		else if (value)
			json_out_raw(&o, key, value);
		there |= strcmp(json_key(m), key) == 0;
	}
	if (!there && value)
		json_out_raw(&o, key, value);
	json_out_close(&o);
	return o.buf;
}

void shrink_draft(struct shrink_draft *d, const struct shrink_step *from)
{
	*d = (struct shrink_draft){.from = from};
	memset(d->keep, true, sizeof(d->keep));
	for (uint32_t i = 0; i < SHRINK_ITEMS_MAX; i++)
		d->fault[i].at_ns = -1;
}

/* --- completing -------------------------------------------------------------------------- */

/* Its begin follows from another's. */
static bool waits(const struct shrink_draft *d, uint32_t i)
{
	const struct fault_spec *f = &d->from->s->faults.faults[i];

	return !d->fault[i].once && (f->start == START_AFTER || f->start == START_TOGETHER);
}

static void drop_waiting(struct shrink_draft *d)
{
	const struct fault_plan *plan = &d->from->s->faults;
	bool *keep = d->keep[SHRINK_FAULTS], more = true;

	while (more) {
		more = false;
		for (uint32_t i = 0; i < plan->n; i++)
			if (keep[i] && waits(d, i) && !keep[plan->faults[i].after.fault]) {
				keep[i] = false;
				more = true;
			}
	}
}

static bool tier_is_there(const struct shrink_draft *d, uint32_t tier)
{
	const struct traffic_spec *t = &d->from->s->traffic;

	for (uint32_t i = 0; i < t->n_tenants; i++)
		if (d->keep[SHRINK_TRAFFIC][i] && t->tenants[i].tier_index == tier)
			return true;
	return tier == UINT32_MAX;
}

static void drop_rules(struct shrink_draft *d)
{
	const struct score_rules *rules = &d->from->s->rules;

	for (uint32_t i = 0; i < rules->n_slo; i++)
		d->keep[SHRINK_SLO][i] &= tier_is_there(d, rules->slo[i].tier);
	for (uint32_t i = 0; i < rules->n_expect; i++) {
		const struct expect_rule *e = &rules->expect[i];
		bool phase =
		        e->kind == EXPECT_TTD || e->kind == EXPECT_TTF || e->kind == EXPECT_TTR;
		bool tier = e->kind == EXPECT_GOODPUT_FRACTION ||
		            e->kind == EXPECT_ERROR_FRACTION || e->kind == EXPECT_ISOLATION;

		if (phase && e->fault != UINT32_MAX)
			d->keep[SHRINK_EXPECT][i] &= d->keep[SHRINK_FAULTS][e->fault];
		if (tier)
			d->keep[SHRINK_EXPECT][i] &= tier_is_there(d, e->tier);
	}
}

/* --- writing ----------------------------------------------------------------------------- */

/* In the group of its `together` by then. */
static bool in_group(const struct shrink_draft *d, uint32_t i, const char *group)
{
	const struct fault_spec *f = &d->from->s->faults.faults[i];

	return d->keep[SHRINK_FAULTS][i] && f->together && strcmp(f->together, group) == 0 &&
	       !(d->fault[i].once && f->start == START_TOGETHER);
}

/* A group of one is no group. */
static bool keeps_group(const struct shrink_draft *d, uint32_t i)
{
	const char *group = d->from->s->faults.faults[i].together;
	uint32_t n = 0;

	for (uint32_t k = 0; group && k < d->from->s->faults.n; k++)
		n += in_group(d, k, group);
	return group && in_group(d, i, group) && n > 1;
}

static bool is_one_of(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

/* Whether the draft says something else about this member of the fault. */
static bool is_changed(const struct shrink_draft *d, uint32_t i, const char *key)
{
	static const char *const begins[] = {"every", "when", "after", NULL};
	const struct shrink_fault_change *c = &d->fault[i];

	if (strcmp(key, "together") == 0)
		return !keeps_group(d, i);
	if (strcmp(key, "at") == 0)
		return c->at_ns >= 0;
	if (strcmp(key, "target") == 0)
		return c->target != NULL;
	if (strcmp(key, "stagger") == 0)
		return c->target && c->target[0] == '"';
	return c->once && is_one_of(key, begins);
}

static void write_fault(const struct shrink_draft *d, uint32_t i, struct jval v, struct json_out *o)
{
	const struct shrink_fault_change *c = &d->fault[i];
	char at[UNITS_DURATION_MAX];

	json_out_open(o, NULL, '{');
	for (struct jval m = json_first(v); json_type(m) != JSON_NONE; m = json_next(m))
		if (!is_changed(d, i, json_key(m)))
			json_out_value(o, json_key(m), m, false);
	if (c->at_ns >= 0)
		json_out_str(o, "at", units_format_duration(c->at_ns, at));
	if (c->target)
		json_out_raw(o, "target", c->target);
	json_out_close(o);
}

/* A list that is there; without elements it is left out. */
static void write_list(const struct shrink_draft *d, enum shrink_list list, struct json_out *o)
{
	struct jval v = json_get(json_root(d->from->s->document), shrink_list_names[list]);
	uint32_t i = 0, n = 0;

	if (json_type(v) == JSON_NONE)
		return;
	for (uint32_t k = 0; k < shrink_count(d->from->s, list); k++)
		n += d->keep[list][k];
	if (n == 0) {
		json_out_null(o, shrink_list_names[list]);
		return;
	}
	json_out_open(o, shrink_list_names[list], '[');
	for (struct jval e = json_first(v); json_type(e) != JSON_NONE; e = json_next(e), i++) {
		if (!d->keep[list][i])
			continue;
		if (d->element.text && d->element.list == list && d->element.index == i)
			json_out_raw(o, NULL, d->element.text);
		else if (list == SHRINK_FAULTS)
			write_fault(d, i, e, o);
		else
			json_out_value(o, NULL, e, false);
	}
	json_out_close(o);
}

bool shrink_draft_try(struct shrinker *w, struct shrink_draft *d, bool accept)
{
	uint32_t kept = shrink_kept_index(w, d->from->s);
	struct error err = ERROR_INIT;
	struct json_out text;
	struct json *changes;
	bool misses;

	drop_waiting(d);
	drop_rules(d);
	if (!d->keep[w->out->is_slo ? SHRINK_SLO : SHRINK_EXPECT][kept])
		return false;
	json_out_init(&text, 0);
	json_out_open(&text, NULL, '{');
	for (int list = 0; list < SHRINK_LISTS; list++)
		write_list(d, (enum shrink_list)list, &text);
	if (d->key)
		json_out_raw(&text, d->key, d->value);
	json_out_close(&text);
	if (json_parse("shrink", text.buf, text.n, &changes, &err))
		UNREACHABLE("what was written as JSON is JSON");
	misses = shrink_try(w, d->from, json_root(changes), accept);
	json_free(changes);
	json_out_free(&text);
	return misses;
}
