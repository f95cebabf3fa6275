/* Tables and text: a field's record has label, source, unit and default, the document has what was
 * stated. A key whose table has no label takes its default from the hardware file, and is listed
 * with that; a stated timetable has no label at all, and is the greatest assumption of them all. */
#include "harness/run/assumptions.h"

#include <stdio.h>
#include <string.h>
#include "harness/run/edit.h"
#include "harness/run/number.h"

enum { PATH_BYTES = 256 };

struct tour {
	const struct scenario *s;
	void (*visit)(void *ctx, const struct labelled *x);
	void *ctx;
};

/* --- fields ------------------------------------------------------------------------------ */

/* Shown if the scenario has the key, or by default. What is stated has its author for a source,
 * where it names no other. */
static void visit_as(struct tour *t, struct labelled x)
{
	bool of_scenario = x.kind == LABELLED_FAULT || x.kind == LABELLED_SCENARIO;
	struct json *fallback = NULL;
	struct error ignored = ERROR_INIT;
	const char *text = x.field->fallback;

	x.unit = x.field->unit;
	x.value = edit_find(t->s->document, x.path, t->s->files);
	x.stated = json_type(x.value) != JSON_NONE;
	if (!x.stated && text && !json_parse("default", text, strlen(text), &fallback, &ignored))
		x.value = json_root(fallback);
	if (!x.label) {
		x.label = x.stated ? "assumption" : x.field->label;
		x.source = !x.stated ? x.field->source : of_scenario ? "scenario" : "deployment";
	}
	if (json_type(x.value) != JSON_NONE)
		t->visit(t->ctx, &x);
	json_free(fallback);
}

static void visit_field(
        struct tour *t, enum labelled_kind kind, const char *path, const struct field *f)
{
	visit_as(t, (struct labelled){.kind = kind, .path = path, .field = f});
}

static void visit_faults(struct tour *t)
{
	const struct fault_plan *plan = &t->s->faults;
	char path[PATH_BYTES];

	for (uint32_t i = 0; i < plan->n; i++)
		for (size_t k = 0; k < plan->faults[i].kind->n_fields; k++) {
			const struct field *f = &plan->faults[i].kind->fields[k];

			(void)snprintf(
			        path, sizeof(path), "faults.%s.%s", plan->faults[i].id, f->name);
			if (f->label)
				visit_field(t, LABELLED_FAULT, path, f);
		}
}

static void visit_objects(struct tour *t, const struct field_table *tables)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < DEPLOYMENT_TABLES; i++)
		for (size_t k = 0; k < tables[i].n && !strchr(tables[i].object, '['); k++) {
			const char *object = tables[i].object;
			const struct field *f = &tables[i].fields[k];

			(void)snprintf(path, sizeof(path), "deployment.%s%s%s", object,
			        *object ? "." : "", f->name);
			if (f->label)
				visit_field(t, LABELLED_DEPLOYMENT, path, f);
		}
}

/* The position on paths that leave their rack has a label and a rationale of its own. */
static void visit_position(struct tour *t, const struct field_table *tables)
{
	const struct cross_rack_spec *c = &t->s->deployment.cross_rack;

	for (size_t i = 0; i < DEPLOYMENT_TABLES; i++)
		for (size_t k = 0; k < tables[i].n && !strcmp(tables[i].object, "cross_rack"); k++)
			if (!strcmp(tables[i].fields[k].name, "position"))
				visit_as(t, (struct labelled){.kind = LABELLED_DEPLOYMENT,
				                    .path = "deployment.cross_rack.position",
				                    .field = &tables[i].fields[k],
				                    .label = truth_name(c->label),
				                    .source = c->rationale});
}

/* --- hardware ---------------------------------------------------------------------------- */

static void visit_hardware(struct tour *t)
{
	const struct deployment *d = &t->s->deployment;

	for (uint32_t i = 0; i < HW_COUNT; i++) {
		const struct parameter *p = &d->parameters[i];
		const char *section, *key;
		char path[PATH_BYTES];
		struct labelled x = {.kind = LABELLED_HARDWARE,
		        .path = path,
		        .parameter = p,
		        .unit = p->unit,
		        .label = truth_name(p->label),
		        .source = p->source};

		x.stated = strcmp(p->source ? p->source : "", "deployment") == 0 &&
		           deployment_own_key((enum hardware_key)i, &section, &key);
		if (x.stated)
			(void)snprintf(path, sizeof(path), "deployment.%s.%s", section, key);
		else
			(void)snprintf(path, sizeof(path), "deployment.hardware.%s", p->name);
		t->visit(t->ctx, &x);
	}
}

/* --- pools ------------------------------------------------------------------------------- */

/* The keys of one table, of an object of a pool that is there. */
static void visit_pool_table(
        struct tour *t, const char *object, const struct field_table *table, bool outright)
{
	char path[PATH_BYTES];

	if (json_type(edit_find(t->s->document, object, t->s->files)) == JSON_NONE)
		return;
	for (size_t k = 0; k < table->n; k++) {
		int n;

		if (!table->fields[k].label && !outright)
			continue;
		n = snprintf(path, sizeof(path), "%s.%s", object, table->fields[k].name);
		CHECK(n > 0 && (size_t)n < sizeof(path));
		visit_field(t, LABELLED_POOL, path, &table->fields[k]);
	}
}

static void visit_pools(struct tour *t, const struct field_table *tables)
{
	static const char pools[] = "pools[]", buckets[] = "pools[].buckets[]";
	const struct deployment *d = &t->s->deployment;
	char object[PATH_BYTES];

	for (uint32_t p = 0; p < d->n_pools; p++)
		for (size_t i = 0; i < DEPLOYMENT_TABLES; i++) {
			const char *name = tables[i].object;

			if (strncmp(name, pools, strlen(pools)) != 0)
				continue;
			if (strcmp(name, buckets) != 0) {
				(void)snprintf(object, sizeof(object), "deployment.pools.%u%s", p,
				        name + strlen(pools));
				visit_pool_table(t, object, &tables[i], false);
				continue;
			}
			for (uint32_t b = 0; b < d->pools[p].n_buckets; b++) {
				(void)snprintf(object, sizeof(object),
				        "deployment.pools.%u.buckets.%u", p, b);
				visit_pool_table(t, object, &tables[i], true);
			}
		}
}

/* --- all --------------------------------------------------------------------------------- */

void assumptions_visit(
        const struct scenario *s, void (*visit)(void *ctx, const struct labelled *x), void *ctx)
{
	struct tour t = {s, visit, ctx};
	struct field_table tables[DEPLOYMENT_TABLES], recovery = scenario_recovery_table();
	char path[PATH_BYTES];

	visit_faults(&t);
	if (s->has_deployment) {
		deployment_tables(tables);
		visit_objects(&t, tables);
		visit_position(&t, tables);
		visit_hardware(&t);
		visit_pools(&t, tables);
	}
	for (size_t i = 0; i < recovery.n; i++) {
		(void)snprintf(
		        path, sizeof(path), "%s.%s", recovery.object, recovery.fields[i].name);
		visit_field(&t, LABELLED_SCENARIO, path, &recovery.fields[i]);
	}
}

/* --- as rows, as a file ------------------------------------------------------------------- */

/* Durations in ns, shares as numbers, the rest as it stands. */
static void value_json(const struct labelled *x, struct json_out *o, const char *key)
{
	struct error ignored = ERROR_INIT;
	double share;
	int64_t ns;

	if (x->parameter)
		json_out_real(o, key, x->parameter->value);
	else if (x->field->type == FIELD_DURATION && !json_duration(x->value, &ns, &ignored))
		json_out_i64(o, key, ns);
	else if (x->field->type == FIELD_PERCENT && number_read(x->value, NUMBER_SHARE, &share))
		json_out_real(o, key, share);
	else
		json_out_value(o, key, x->value, false);
}

struct rows {
	struct arena *arena;
	struct store_parameter *row;
	uint32_t n, capacity;
};

static void add_row(void *ctx, const struct labelled *x)
{
	struct rows *r = ctx;
	const char *text;
	struct json_out o;

	json_out_init(&o, 0);
	value_json(x, &o, NULL);
	text = o.buf[0] == '"' ? json_string(x->value) : o.buf; /* gone after the visit */
	r->row = mem_room(r->row, r->n, &r->capacity, sizeof(*r->row));
	r->row[r->n++] =
	        (struct store_parameter){.path = arena_strndup(r->arena, x->path, strlen(x->path)),
	                .value = arena_strndup(r->arena, text, strlen(text)),
	                .unit = x->unit,
	                .label = x->label,
	                .source = x->source};
	json_out_free(&o);
}

void assumptions_list(const struct scenario *s, struct arena *arena,
        const struct store_parameter **out, uint32_t *n)
{
	struct rows rows = {.arena = arena};
	struct store_parameter *kept;

	assumptions_visit(s, add_row, &rows);
	kept = ARENA_ARRAY(arena, struct store_parameter, rows.n + 1);
	memcpy(kept, rows.row, rows.n * sizeof(*kept));
	mem_free(rows.row);
	*out = kept;
	*n = rows.n;
}

static void add_object(void *ctx, const struct labelled *x)
{
	struct json_out *o = ctx;

	json_out_open(o, NULL, '{');
	json_out_str(o, "path", x->path);
	value_json(x, o, "value");
	json_out_str(o, "unit", x->unit);
	json_out_str(o, "label", x->label);
	json_out_str(o, "source", x->source);
	json_out_bool(o, "stated", x->stated);
	json_out_close(o);
}

void assumptions_json(const struct scenario *s, struct json_out *o)
{
	json_out_open(o, "assumptions", '[');
	assumptions_visit(s, add_object, o);
	json_out_close(o);
}
