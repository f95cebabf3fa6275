/* Phase 1: what can be taken away. Cheap and far-reaching things first: rules that do not matter
 * can leave every step undecided, and each fault that goes takes its numbers with it. */
#include <stdio.h>
#include <string.h>
#include "harness/run/ddmin.h"
#include "harness/run/shrink_parts.h"

enum { OCCURRENCES_TRIED = 32, ITEMS_MAX = SHRINK_LISTS * SHRINK_ITEMS_MAX };

/* --- whole elements ---------------------------------------------------------------------- */

struct item {
	enum shrink_list list;
	uint32_t index;
};

struct item_set {
	struct shrinker *w;
	const struct shrink_step *from;
	uint32_t n;
	struct item items[ITEMS_MAX];
};

/* kept: indices of the items that stay. What is no item stays. */
static bool items_fail(void *ctx, const uint32_t *kept, uint32_t n)
{
	const struct item_set *set = ctx;
	struct shrink_draft d;

	shrink_draft(&d, set->from);
	for (uint32_t i = 0, k = 0; i < set->n; i++) {
		bool stays = k < n && kept[k] == i;

		d.keep[set->items[i].list][set->items[i].index] = stays;
		k += stays;
	}
	return shrink_draft_try(set->w, &d, true);
}

static void minimise(struct item_set *set)
{
	struct shrink_step *from = shrink_step_keep(set->w->best);
	uint32_t kept[ITEMS_MAX];

	set->from = from;
	(void)ddmin(set->n, items_fail, set, kept);
	shrink_step_drop(from);
}

static void add_item(struct item_set *set, enum shrink_list list, uint32_t index)
{
	set->items[set->n++] = (struct item){list, index};
}

static void take_rules(struct shrinker *w, struct item_set *set)
{
	static const enum shrink_list lists[] = {SHRINK_SLO, SHRINK_EXPECT, SHRINK_ABORT};
	enum shrink_list own = w->out->is_slo ? SHRINK_SLO : SHRINK_EXPECT;
	uint32_t kept = shrink_kept_index(w, w->best->s);

	set->n = 0;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (uint32_t i = 0; i < shrink_count(w->best->s, lists[l]); i++)
			if (lists[l] != own || i != kept)
				add_item(set, lists[l], i);
	minimise(set);
}

/* The fault that the kept expectation names, and whom that one waits for. */
static bool is_needed(const struct shrinker *w, const struct scenario *s, uint32_t fault)
{
	const struct expect_rule *rule;
	uint32_t at;

	if (w->out->is_slo)
		return false;
	rule = &s->rules.expect[shrink_kept_index(w, s)];
	if (rule->kind != EXPECT_TTD && rule->kind != EXPECT_TTF && rule->kind != EXPECT_TTR)
		return false;
	for (at = rule->fault; at != UINT32_MAX && at != fault;) {
		const struct fault_spec *f = &s->faults.faults[at];
		bool waits = f->start == START_AFTER || f->start == START_TOGETHER;

		at = waits ? f->after.fault : UINT32_MAX;
	}
	return at == fault;
}

static void take_faults(struct shrinker *w, struct item_set *set)
{
	const struct scenario *s = w->best->s;

	set->n = 0;
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (!is_needed(w, s, i))
			add_item(set, SHRINK_FAULTS, i);
	minimise(set);
}

static void take_traffic(struct shrinker *w, struct item_set *set)
{
	set->n = 0;
	for (uint32_t i = 0; i < w->best->s->traffic.n_tenants; i++)
		add_item(set, SHRINK_TRAFFIC, i);
	minimise(set);
}

/* --- when faults begin ------------------------------------------------------------------- */

/* Fault `base` goes; who waited for it begins when it did. */
static bool untie(struct shrinker *w, uint32_t base)
{
	const struct shrink_step *from = w->best;
	uint32_t waiting = 0;
	struct shrink_draft d;

	shrink_draft(&d, from);
	d.keep[SHRINK_FAULTS][base] = false;
	for (uint32_t i = 0; i < from->s->faults.n; i++) {
		const struct fault_spec *f = &from->s->faults.faults[i];

		if ((f->start != START_AFTER && f->start != START_TOGETHER) ||
		        f->after.fault != base || from->inject_ns[i] < 0)
			continue;
		d.fault[i].at_ns = from->inject_ns[i];
		d.fault[i].once = true;
		waiting++;
	}
	return waiting && shrink_draft_try(w, &d, true);
}

static void untie_faults(struct shrinker *w)
{
	for (uint32_t i = 0; i < w->best->s->faults.n;)
		i = untie(w, i) ? 0 : i + 1;
}

static bool begins_once(struct shrinker *w, uint32_t fault, int64_t at_ns)
{
	struct shrink_draft d;

	shrink_draft(&d, w->best);
	d.fault[fault].at_ns = at_ns;
	d.fault[fault].once = true;
	return shrink_draft_try(w, &d, true);
}

/* One of the times that it begins, instead of all: the first that does. Of many, some. */
static void single_out(struct shrinker *w, uint32_t fault)
{
	const struct fault_spec *f = &w->best->s->faults.faults[fault];
	int64_t duration = w->best->s->duration_ns, at[OCCURRENCES_TRIED];
	struct prng stream = f->every.stream;
	uint64_t seen = 0, stride = 1;
	uint32_t n = 0;

	for (int64_t t = f->at_ns; t < duration;
	        t = recurrence_next(&f->every, &stream, t, f->for_ns)) {
		if (seen++ % stride)
			continue;
		if (n == OCCURRENCES_TRIED) { /* every other one of them, and twice as far apart */
			for (n = 0; n < OCCURRENCES_TRIED / 2; n++)
				at[n] = at[2 * n];
			stride *= 2;
			if ((seen - 1) % stride)
				continue;
		}
		at[n++] = t;
	}
	for (uint32_t i = 0; i < n; i++)
		if (begins_once(w, fault, at[i]))
			return;
}

static void begin_plainly(struct shrinker *w)
{
	for (uint32_t i = 0; i < w->best->s->faults.n; i++) {
		const struct fault_spec *f = &w->best->s->faults.faults[i];

		if (f->every.law != RECUR_NEVER)
			single_out(w, i);
		else if (f->start == START_TRIGGER && w->best->inject_ns[i] >= 0)
			(void)begins_once(w, i, w->best->inject_ns[i]);
	}
}

/* --- members ----------------------------------------------------------------------------- */

/* The element without the member, where it has it: the default does as well. */
static void take_member(struct shrinker *w, enum shrink_list list, uint32_t index, const char *key)
{
	struct jval element = shrink_element(w->best->s, list, index);
	struct shrink_draft d;
	char *text;

	if (json_type(json_get(element, key)) == JSON_NONE)
		return;
	text = shrink_object_with(element, key, NULL);
	shrink_draft(&d, w->best);
	d.element.list = list;
	d.element.index = index;
	d.element.text = text;
	(void)shrink_draft_try(w, &d, true);
	mem_free(text);
}

/* Parameters that are no durations: those have a length to be found (phase 2). */
static void take_members(struct shrinker *w)
{
	static const char *const tenant_keys[] = {"retries", "timeout", "max_tokens"};

	for (uint32_t i = 0; i < w->best->s->faults.n; i++) {
		const struct fault_kind *kind = w->best->s->faults.faults[i].kind;

		for (size_t f = 0; f < kind->n_fields; f++)
			if (kind->fields[f].type != FIELD_DURATION &&
			        !(kind->fields[f].flags & FIELD_REQUIRED))
				take_member(w, SHRINK_FAULTS, i, kind->fields[f].name);
		take_member(w, SHRINK_FAULTS, i, "stagger");
	}
	for (uint32_t i = 0; i < w->best->s->traffic.n_tenants; i++)
		for (size_t k = 0; k < ARRAY_LEN(tenant_keys); k++)
			take_member(w, SHRINK_TRAFFIC, i, tenant_keys[k]);
}

static void take_root_member(struct shrinker *w, const char *key)
{
	struct shrink_draft d;

	if (json_type(json_get(json_root(w->best->s->document), key)) == JSON_NONE)
		return;
	shrink_draft(&d, w->best);
	d.key = key;
	d.value = "null";
	(void)shrink_draft_try(w, &d, true);
}

/* --- laws ------------------------------------------------------------------------------------ */

/* A law that says the same every time, in place of one that draws. */
static bool becomes_constant(
        struct shrinker *w, uint32_t tenant, const char *key, const char *shape, struct jval value)
{
	struct jval element = shrink_element(w->best->s, SHRINK_TRAFFIC, tenant);
	struct shrink_draft d;
	struct json_out law;
	char *text;
	bool misses;

	if (json_type(value) != JSON_NUMBER)
		return false;
	json_out_init(&law, 0);
	json_out_open(&law, NULL, '{');
	json_out_str(&law, shape, "constant");
	json_out_value(&law, strcmp(shape, "dist") == 0 ? "value" : "rate", value, false);
	json_out_close(&law);
	text = shrink_object_with(element, key, law.buf);
	shrink_draft(&d, w->best);
	d.element.list = SHRINK_TRAFFIC;
	d.element.index = tenant;
	d.element.text = text;
	misses = shrink_draft_try(w, &d, true);
	mem_free(text);
	json_out_free(&law);
	return misses;
}

static void take_law(struct shrinker *w, uint32_t tenant, const char *key, const char *shape,
        const char *const *values)
{
	for (; *values; values++) {
		struct jval law = json_get(shrink_element(w->best->s, SHRINK_TRAFFIC, tenant), key);
		const char *is = json_string(json_get(law, shape));

		if (is && strcmp(is, "constant") != 0 &&
		        becomes_constant(w, tenant, key, shape, json_get(law, *values)))
			return;
	}
}

static void take_laws(struct shrinker *w)
{
	static const char *const rates[] = {"rate", NULL};
	static const char *const lengths[] = {"median", "p99", "min", "max", NULL};

	for (uint32_t i = 0; i < w->best->s->traffic.n_tenants; i++) {
		take_law(w, i, "arrival", "process", rates);
		take_law(w, i, "prompt_tokens", "dist", lengths);
		take_law(w, i, "output_tokens", "dist", lengths);
	}
}

/* --- the phase --------------------------------------------------------------------------- */

void shrink_lists(struct shrinker *w)
{
	struct item_set *set = mem_alloc(1, sizeof(*set));

	set->w = w;
	take_rules(w, set);
	take_faults(w, set);
	take_traffic(w, set);
	untie_faults(w);
	begin_plainly(w);
	mem_free(set);
}

void shrink_members(struct shrinker *w)
{
	static const char *const keys[] = {"limits", "recovery", "warmup", "drain"};

	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		take_root_member(w, keys[k]);
	take_members(w);
	take_laws(w);
}
