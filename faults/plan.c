/* The scenario's "faults" list, read and doubted: what can be known to be wrong before the run
 * starts is refused here, at its place in the file. When a fault begins is read in plan_time.c.
 *
 * A fault's keys come from two tables read as one, the keys that all faults have and the kind's
 * own. What only the deployment or the traffic knows (which component is r0.n1, which links are the
 * critical path) is asked through the resolver, so this file knows neither.
 *
 * any(n) is a plan-time draw from a stream of the fault's own id: adding or removing a fault moves
 * no other. */
#include "faults/catalogue.h"
#include "faults/plan_parts.h"
#include "harness/base/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(key, member, kind_, ...)                                                               \
	{                                                                                          \
		.name = key, .type = kind_, .offset = offsetof(struct plan_keys, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct field COMMON[] = {
        KEY("id", id, FIELD_NAME, .flags = FIELD_REQUIRED, .help = "names the fault in results"),
        KEY("kind", kind, FIELD_STRING, .flags = FIELD_REQUIRED, .help = "what it is"),
        KEY("target", target, FIELD_VALUE, .help = "what it hits"),
        KEY("at", at_ns, FIELD_DURATION, .max = NS_MAX, .help = "when it begins, from t = 0"),
        KEY("every", every, FIELD_VALUE, .help = "begins again after each such time, or by a law"),
        KEY("when", when, FIELD_OBJECT, .help = "begins when a signal says so"),
        KEY("after", after, FIELD_OBJECT, .help = "begins after a phase of another fault"),
        KEY("together", together, FIELD_NAME, .help = "begins with the others of this group"),
        KEY("for", for_ns, FIELD_DURATION, .flags = FIELD_EXCLUSIVE_MIN, .max = NS_MAX,
                .help = "how long it lasts; to the end of the run when left out"),
        KEY("stagger", stagger_ns, FIELD_DURATION, .flags = FIELD_EXCLUSIVE_MIN, .max = NS_MAX,
                .help = "between its first target and the second, and so on"),
};

/* --- targets
 * --------------------------------------------------------------------------------------- */

struct id_list {
	uint32_t n;
	uint32_t *ids; /* in the arena, replaced as it grows */
};

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void add_ids(struct plan_reader *r, struct id_list *list, const uint32_t *ids, uint32_t n)
{
	uint32_t *all = ARENA_ARRAY(r->arena, uint32_t, list->n + n);
	uint32_t distinct = 0;

	if (list->n)
		memcpy(all, list->ids, list->n * sizeof(*all));
	if (n)
		memcpy(all + list->n, ids, n * sizeof(*all));
	n += list->n;
	qsort(all, n, sizeof(*all), compare_ids);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || all[i] != all[i - 1])
			all[distinct++] = all[i];
	list->n = distinct;
	list->ids = all;
}

static enum status resolve(struct plan_reader *r, struct jval where, const char *word,
        const struct fault_kind *kind, struct id_list *list)
{
	const uint32_t *ids = NULL;
	const char *detail = NULL;
	char classes[96];
	uint32_t n = 0;

	fault_target_classes_text(kind->targets, classes, sizeof(classes));
	switch (r->resolver->resolve(
	        r->resolver->ctx, word, kind->targets, r->arena, &ids, &n, &detail)) {
	case TARGET_FOUND:
		add_ids(r, list, ids, n);
		return ERR_NONE;
	case TARGET_UNKNOWN:
		return json_error(where, r->err, "expected %s%s%s%s, found '%s'", classes,
		        detail ? " (nearest is '" : "", detail ? detail : "", detail ? "')" : "",
		        word);
	case TARGET_WRONG:
		return json_error(where, r->err, "expected %s, found '%s', which is %s", classes,
		        word, detail ? detail : "something else");
	case TARGET_NONE:
		return json_error(where, r->err,
		        "expected a target that exists here, found '%s', which stands for no such "
		        "component",
		        word);
	}
	UNREACHABLE("every answer is handled above");
}

/* any(n): n distinct ones of all, by a partial shuffle. */
static enum status resolve_any(struct plan_reader *r, struct jval where, const char *word,
        const char *id, const struct fault_kind *kind, struct id_list *list)
{
	struct prng stream = prng_stream(r->seed, arena_printf(r->arena, "target/%s", id));
	struct id_list all = {0};
	char *end;
	long n = strtol(word + strlen("any("), &end, 10);

	if (strcmp(end, ")") != 0 || n < 1 || word[strlen("any(")] == '+')
		return json_error(
		        where, r->err, "expected any(n) with n of at least 1, found '%s'", word);
	if (resolve(r, where, "all", kind, &all) != ERR_NONE)
		return r->err->code;
	if ((unsigned long)n > all.n)
		return json_error(where, r->err, "expected any(n) with n of at most %u, found '%s'",
		        all.n, word);
	for (uint32_t i = 0; i < (uint32_t)n; i++) {
		uint32_t pick = i + (uint32_t)prng_below(prng_next(&stream), all.n - i);
		uint32_t id_picked = all.ids[pick];

		all.ids[pick] = all.ids[i];
		all.ids[i] = id_picked;
	}
	add_ids(r, list, all.ids, (uint32_t)n);
	return ERR_NONE;
}

static enum status read_word(struct plan_reader *r, struct jval where, const char *word,
        const struct fault_spec *f, struct id_list *list)
{
	if (!word)
		return json_expected(where, r->err, "the name of a target");
	if (strncmp(word, "any(", strlen("any(")) == 0)
		return resolve_any(r, where, word, f->id, f->kind, list);
	return resolve(r, where, word, f->kind, list);
}

static enum status read_targets(struct plan_reader *r, struct jval v, struct fault_spec *f)
{
	struct jval target = json_get(v, "target");
	struct id_list list = {0};

	if (json_type(target) == JSON_NONE && !f->kind->default_target)
		return json_error(v, r->err, "expected the key 'target', found none");
	if (json_type(target) == JSON_NONE) {
		if (read_word(r, v, f->kind->default_target, f, &list) != ERR_NONE)
			return r->err->code;
	} else if (json_type(target) == JSON_ARRAY) {
		for (struct jval e = json_first(target); e.item; e = json_next(e))
			if (read_word(r, e, json_string(e), f, &list) != ERR_NONE)
				return r->err->code;
	} else if (read_word(r, target, json_string(target), f, &list) != ERR_NONE) {
		return r->err->code;
	}
	if (list.n == 0 || list.n > FAULT_TARGETS_MAX)
		return json_expected(target, r->err, "1 to %d targets", (int)FAULT_TARGETS_MAX);
	f->n_targets = list.n;
	f->targets = list.ids;
	f->target = plan_target_name(r, f, list.ids[0]);
	for (uint32_t i = 1; i < list.n; i++)
		f->target = arena_printf(
		        r->arena, "%s,%s", f->target, plan_target_name(r, f, list.ids[i]));
	return ERR_NONE;
}

/* Targets are hit one after the other and let go together: the last one must be hit before. */
static enum status read_stagger(
        struct plan_reader *r, struct jval v, const struct plan_keys *keys, struct fault_spec *f)
{
	struct jval at = json_get(v, "stagger");
	char length[UNITS_DURATION_MAX];
	int64_t last;

	if (json_type(at) == JSON_NONE)
		return ERR_NONE;
	if (f->kind->side != FAULT_MODEL)
		return json_error_key(at, r->err,
		        "expected no 'stagger' with %s, whose targets are hit by their requests",
		        f->kind->name);
	if (f->n_targets < 2)
		return json_error_key(at, r->err,
		        "expected 'stagger' with two targets or more, found %u", f->n_targets);
	f->stagger_ns = keys->stagger_ns;
	last = f->for_ns == NS_NEVER ? r->duration_ns : f->for_ns;
	if (f->stagger_ns > (last - 1) / (f->n_targets - 1))
		return json_expected(at, r->err,
		        "a duration that has the last of %u targets hit within %s", f->n_targets,
		        units_format_duration(last, length));
	return ERR_NONE;
}

/* --- one fault
 * ------------------------------------------------------------------------------------- */

static enum status read_kind(struct plan_reader *r, struct jval v, const struct fault_kind **out)
{
	struct jval kind = json_get(v, "kind");
	const char *name = json_string(kind), *near;

	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, r->err, "a fault, which is an object");
	if (json_type(kind) == JSON_NONE)
		return json_error(v, r->err, "expected the key 'kind', found none");
	if (!name)
		return json_expected(kind, r->err, "the name of a fault kind");
	*out = fault_catalogue_find(name);
	if (*out)
		return ERR_NONE;
	near = fault_catalogue_nearest(name);
	return json_error(kind, r->err, "expected a fault kind%s%s%s, found '%s'",
	        near ? " (nearest is '" : " of `lpuchaos faults`", near ? near : "",
	        near ? "')" : "", name);
}

/* What the parameters amount to, as the kind puts it. */
static void say_detail(struct plan_reader *r, struct fault_spec *f)
{
	char text[FAULT_NOTE_MAX] = "";

	if (f->kind->note)
		f->kind->note(f->params, text, sizeof(text));
	f->detail = text[0] ? arena_strndup(r->arena, text, strlen(text)) : NULL;
}

static enum status read_fault(struct plan_reader *r, struct jval v, struct fault_spec *f)
{
	struct plan_keys keys;

	if (read_kind(r, v, &f->kind) != ERR_NONE)
		return r->err->code;
	memset(&keys, 0, sizeof(keys));
	f->params = f->kind->params_size ? arena_must(r->arena, f->kind->params_size) : NULL;
	f->where = v;
	if (json_read2(v, COMMON, ARRAY_LEN(COMMON), &keys, f->kind->fields, f->kind->n_fields,
	            f->params, r->err) != ERR_NONE)
		return r->err->code;
	f->id = arena_strndup(r->arena, keys.id, strlen(keys.id));
	if (fault_plan_find(r->plan, f->id) != UINT32_MAX)
		return json_error(json_get(v, "id"), r->err,
		        "expected an id of its own, found '%s' a second time", f->id);
	if (plan_time_read(r, v, &keys, f) != ERR_NONE || read_targets(r, v, f) != ERR_NONE ||
	        read_stagger(r, v, &keys, f) != ERR_NONE)
		return r->err->code;
	if (f->kind->validate &&
	        f->kind->validate(v, r->resolver, r->arena, f->params, r->err) != ERR_NONE)
		return r->err->code;
	say_detail(r, f);
	if (f->kind->suits)
		return f->kind->suits(v, r->resolver, f->targets, f->n_targets, f->params, r->err);
	return ERR_NONE;
}

enum status fault_plan_parse(struct jval v, uint64_t seed, int64_t duration_ns,
        const struct target_resolver *resolver, struct arena *arena, struct fault_plan *out,
        struct error *err)
{
	struct plan_reader r = {.seed = seed,
	        .duration_ns = duration_ns,
	        .resolver = resolver,
	        .arena = arena,
	        .plan = out,
	        .err = err};
	size_t n = json_type(v) == JSON_ARRAY ? json_count(v) : 0;

	out->n = 0;
	out->limits = (struct fault_limits){0};
	out->faults = NULL;
	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (json_type(v) != JSON_ARRAY || n > FAULT_PLAN_MAX)
		return json_expected(v, err, "a list of at most %d faults", (int)FAULT_PLAN_MAX);
	out->faults = ARENA_ARRAY(arena, struct fault_spec, n + 1);
	r.links = ARENA_ARRAY(arena, struct plan_link, n + 1);
	for (struct jval e = json_first(v); e.item; e = json_next(e)) {
		struct fault_spec *f = &out->faults[out->n];

		if (read_fault(&r, e, f) != ERR_NONE)
			return err->code;
		out->n++;
	}
	return plan_time_link(&r);
}

uint32_t fault_plan_find(const struct fault_plan *plan, const char *id)
{
	for (uint32_t i = 0; i < plan->n; i++)
		if (strcmp(plan->faults[i].id, id) == 0)
			return i;
	return UINT32_MAX;
}

const char *plan_target_name(
        const struct plan_reader *r, const struct fault_spec *f, uint32_t target)
{
	return r->resolver->name(r->resolver->ctx, f->kind->targets, target);
}
