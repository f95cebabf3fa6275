#include "tests/support/schema.h"
#include "tests/support/deployment_text.h"
#include "tests/support/golden.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const char *shape_of(
        const struct shape *shapes, size_t n, const char *object, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(shapes[i].object, object) && !strcmp(shapes[i].key, key))
			return shapes[i].schema;
	return NULL;
}

static void out_simple(struct json_out *o, const struct field *f)
{
	static const char *const types[] = {[FIELD_BOOL] = "boolean",
	        [FIELD_INT] = "integer",
	        [FIELD_REAL] = "number",
	        [FIELD_DURATION] = "string",
	        [FIELD_STRING] = "string",
	        [FIELD_NAME] = "string",
	        [FIELD_ENUM] = "string"};

	json_out_open(o, f->name, '{');
	ck_assert_msg(f->type <= FIELD_ENUM, "%s has no shape", f->name);
	json_out_str(o, "type", types[f->type]);
	if (f->type == FIELD_INT && f->max) {
		json_out_i64(o, "minimum", f->min);
		json_out_i64(o, "maximum", f->max);
	}
	if (f->type == FIELD_REAL && f->rmax > 0) {
		json_out_real(o, "minimum", f->rmin);
		json_out_real(o, "maximum", f->rmax);
	}
	if (f->type == FIELD_DURATION)
		json_out_raw(o, "pattern", SCHEMA_DURATION);
	if (f->type == FIELD_NAME)
		json_out_raw(o, "pattern", SCHEMA_NAME);
	if (f->type == FIELD_ENUM) {
		json_out_open(o, "enum", '[');
		for (size_t i = 0; f->choices[i]; i++)
			json_out_str(o, NULL, f->choices[i]);
		json_out_close(o);
	}
	json_out_str(o, "description", f->help);
	if (f->fallback)
		json_out_default(o, "default", f);
	json_out_close(o);
}

static void out_object(struct json_out *o, const struct field_table *t, const struct shape *shapes,
        size_t n_shapes)
{
	json_out_str(o, "type", "object");
	json_out_bool(o, "additionalProperties", false);
	json_out_open(o, "required", '[');
	for (size_t i = 0; i < t->n; i++)
		if (t->fields[i].flags & FIELD_REQUIRED)
			json_out_str(o, NULL, t->fields[i].name);
	json_out_close(o);
	json_out_open(o, "properties", '{');
	for (size_t i = 0; i < t->n; i++) {
		const char *shape = shape_of(shapes, n_shapes, t->object, t->fields[i].name);

		if (shape)
			json_out_raw(o, t->fields[i].name, shape);
		else
			out_simple(o, &t->fields[i]);
	}
	json_out_close(o);
}

void schema_open(struct json_out *o, const char *file, const char *title)
{
	json_out_init(o, 1);
	json_out_open(o, NULL, '{');
	json_out_str(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_out_str(o, "$id", file);
	json_out_str(o, "title", title);
}

void schema_matches(const char *path, const char *title, const struct field_table *tables,
        size_t n_tables, const struct shape *shapes, size_t n_shapes)
{
	struct json_out o;

	schema_open(&o, strrchr(path, '/') + 1, title);
	out_object(&o, &tables[0], shapes, n_shapes);
	json_out_open(&o, "$defs", '{');
	for (size_t i = 1; i < n_tables; i++) {
		json_out_open(&o, tables[i].object, '{');
		out_object(&o, &tables[i], shapes, n_shapes);
		json_out_close(&o);
	}
	json_out_close(&o);
	json_out_close(&o);
	golden_matches(path, o.buf, o.n);
	json_out_free(&o);
}

/* A value as the docs print it, out of a one-member object: {"x":…} */
static void default_text(const struct field *f, char *buf, size_t n)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_default(&o, "x", f);
	json_out_close(&o);
	snprintf(buf, n, "%.*s", (int)(o.n - 6), o.buf + 5);
	json_out_free(&o);
}

static const char *unit_text(const struct field *f)
{
	if (f->type == FIELD_DURATION)
		return "duration";
	return f->unit ? f->unit : "";
}

/* The row of one key. */
static void row_of(const char *object, const struct field *f, char *row, size_t n)
{
	char value[128] = "";

	if (f->flags & FIELD_REQUIRED)
		snprintf(value, sizeof(value), "required");
	else if (f->fallback)
		default_text(f, value, sizeof(value));
	snprintf(row, n, "| `%s%s%s` | %s | %s | %s |\n", object, object[0] ? "." : "", f->name,
	        unit_text(f), value, f->help);
}

void schema_in_docs(const char *path, const struct field_table *tables, size_t n_tables)
{
	char full[512], row[512];
	size_t n, missing = 0;
	char *docs;

	snprintf(full, sizeof(full), "%s/%s", LPC_SOURCE_DIR, path);
	docs = file_text(full, &n);
	ck_assert_ptr_nonnull(docs);
	for (size_t i = 0; i < n_tables; i++)
		for (size_t k = 0; k < tables[i].n; k++) {
			row_of(tables[i].object, &tables[i].fields[k], row, sizeof(row));
			if (!strstr(docs, row)) {
				printf("missing row: %s", row);
				missing++;
			}
		}
	ck_assert_uint_eq(missing, 0);
	mem_free(docs);
}
