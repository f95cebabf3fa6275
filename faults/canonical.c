/* A plan's faults in canonical form: every key in ascending byte order, the common ones and the
 * kind's own mixed, durations in ns with the unit in the key, nothing left to a default. */
#include "faults/schedule.h"

#include <stdio.h>
#include <string.h>

enum { MEMBERS_MAX = 64, NAME_MAX_BYTES = 64 };

enum common {
	NOT_COMMON,
	AFTER,
	AT,
	EVERY,
	EVERY_LAW,
	FOR,
	ID,
	KIND,
	STAGGER,
	TARGET,
	TOGETHER,
	WHEN
};

struct member {
	char name[NAME_MAX_BYTES];
	enum common common;
	const struct field *field; /* NULL for a common one */
};

struct members {
	size_t n;
	struct member m[MEMBERS_MAX];
};

static void insert(
        struct members *all, const char *name, enum common common, const struct field *field)
{
	struct member new = {.common = common, .field = field};
	size_t i;

	CHECK(all->n < MEMBERS_MAX);
	snprintf(new.name, sizeof(new.name), "%s%s", name,
	        field && field->type == FIELD_DURATION ? "_ns" : "");
	for (i = all->n++; i > 0 && strcmp(all->m[i - 1].name, new.name) > 0; i--)
		all->m[i] = all->m[i - 1];
	all->m[i] = new;
}

static void time_or_null(struct json_out *o, const char *key, int64_t ns)
{
	if (ns == NS_NEVER)
		json_out_null(o, key);
	else
		json_out_i64(o, key, ns);
}

static void write_after(const struct fault_plan *plan, const struct fault_after *after,
        struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_i64(o, "delay_ns", after->delay_ns);
	json_out_str(o, "fault", plan->faults[after->fault].id);
	json_out_str(o, "phase", fault_phase_name(after->phase));
	json_out_close(o);
}

static void write_common(const struct fault_plan *plan, const struct fault_spec *f,
        const struct member *m, const struct target_resolver *resolver, struct json_out *o)
{
	switch (m->common) {
	case AFTER:
		write_after(plan, &f->after, o, m->name);
		return;
	case AT:
		time_or_null(o, m->name, f->start == START_TIMED ? f->at_ns : NS_NEVER);
		return;
	case EVERY:
		json_out_i64(o, m->name, f->every.mean_ns);
		return;
	case EVERY_LAW:
		recurrence_canonical(&f->every, o, m->name);
		return;
	case STAGGER:
		json_out_i64(o, m->name, f->stagger_ns);
		return;
	case TOGETHER:
		json_out_str(o, m->name, f->together);
		return;
	case FOR:
		time_or_null(o, m->name, f->for_ns);
		return;
	case ID:
		json_out_str(o, m->name, f->id);
		return;
	case KIND:
		json_out_str(o, m->name, f->kind->name);
		return;
	case TARGET:
		json_out_open(o, m->name, '[');
		for (uint32_t i = 0; i < f->n_targets; i++)
			json_out_str(o, NULL,
			        resolver->name(resolver->ctx, f->kind->targets, f->targets[i]));
		json_out_close(o);
		return;
	case WHEN:
		if (f->start == START_TRIGGER)
			trigger_canonical(&f->when, o, m->name);
		else
			json_out_null(o, m->name);
		return;
	case NOT_COMMON:
		break;
	}
	UNREACHABLE("a member is common or has a field");
}

static void write_parameter(const struct fault_spec *f, const struct member *m,
        const struct target_resolver *resolver, struct json_out *o)
{
	const void *p = (const char *)f->params + m->field->offset;

	switch (m->field->type) {
	case FIELD_BOOL:
		json_out_bool(o, m->name, *(const bool *)p);
		return;
	case FIELD_INT:
	case FIELD_DURATION:
		json_out_i64(o, m->name, *(const int64_t *)p);
		return;
	case FIELD_REAL:
	case FIELD_PERCENT:
		json_out_real(o, m->name, *(const double *)p);
		return;
	case FIELD_ENUM:
		json_out_str(o, m->name, m->field->choices[*(const int *)p]);
		return;
	case FIELD_STRING:
	case FIELD_NAME:
		json_out_str(o, m->name, *(const char *const *)p);
		return;
	case FIELD_VALUE:
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		CHECK(f->kind->canonical);
		f->kind->canonical(f->params, resolver, m->field, o);
		return;
	}
	UNREACHABLE("every type is written above");
}

/* Members that few faults have are written where they are used, so that the digests of the others
 * do not know of them. */
static void write_fault(const struct fault_plan *plan, const struct fault_spec *f,
        const struct target_resolver *resolver, struct json_out *o)
{
	struct members all = {0};

	if (f->start == START_AFTER)
		insert(&all, "after", AFTER, NULL);
	if (recurrence_is_drawn(&f->every))
		insert(&all, "every_law", EVERY_LAW, NULL);
	if (f->stagger_ns)
		insert(&all, "stagger_ns", STAGGER, NULL);
	if (f->together)
		insert(&all, "together", TOGETHER, NULL);
	insert(&all, "at_ns", AT, NULL);
	insert(&all, "every_ns", EVERY, NULL);
	insert(&all, "for_ns", FOR, NULL);
	insert(&all, "id", ID, NULL);
	insert(&all, "kind", KIND, NULL);
	insert(&all, "target", TARGET, NULL);
	insert(&all, "when", WHEN, NULL);
	for (size_t i = 0; i < f->kind->n_fields; i++)
		insert(&all, f->kind->fields[i].name, NOT_COMMON, &f->kind->fields[i]);
	json_out_open(o, NULL, '{');
	for (size_t i = 0; i < all.n; i++)
		if (all.m[i].field)
			write_parameter(f, &all.m[i], resolver, o);
		else
			write_common(plan, f, &all.m[i], resolver, o);
	json_out_close(o);
}

void fault_plan_canonical(const struct fault_plan *plan, const struct target_resolver *resolver,
        struct json_out *o, const char *key)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < plan->n; i++)
		write_fault(plan, &plan->faults[i], resolver, o);
	json_out_close(o);
}
