/* docs/schema/{deployment,hardware}.schema.json and the tables of docs/DEPLOYMENT.md are written
 * from the tables that the parser reads by: they cannot name a key, range or default that it does
 * not know. UPDATE_GOLDEN=1 writes them anew. */
#include "emulator/deployment.h"
#include "tests/support/deployment_text.h"
#include "tests/support/golden.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <string.h>

#define DURATION "\"^[0-9]+([.][0-9]+)?(ns|us|ms|s|m|h|d)$\""
#define NAME     "\"^[a-z0-9][a-z0-9._-]{0,63}$\""
#define NAMES    "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1}}"

/* What a table cannot say of a key: what is in a list, or that a value has two forms. */
static const struct shape {
	const char *object, *key, *schema;
} shapes[] = {
        {"", "hardware", "{\"anyOf\":[{\"type\":\"string\"},{\"$ref\":\"hardware.schema.json\"}]}"},
        {"", "pools",
                "{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"items\":{\"$ref\":\"#/$defs/"
                "pools[]\"}}"},
        {"", "model", "{\"$ref\":\"#/$defs/model\"}"},
        {"", "ethernet", "{\"$ref\":\"#/$defs/ethernet\"}"},
        {"", "health", "{\"$ref\":\"#/$defs/health\"}"},
        {"", "power", "{\"$ref\":\"#/$defs/power\"}"},
        {"", "cooling", "{\"$ref\":\"#/$defs/cooling\"}"},
        {"", "compile_farm", "{\"$ref\":\"#/$defs/compile_farm\"}"},
        {"", "cross_rack", "{\"$ref\":\"#/$defs/cross_rack\"}"},
        {"", "cable_plan", "{\"$ref\":\"#/$defs/cable_plan\"}"},
        {"cable_plan", "cables",
                "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/cable_plan.cables[]\"}}"},
        {"cable_plan.cables[]", "ports",
                "{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"items\":{\"type\":"
                "\"string\"}}"},
        {"pools[]", "buckets",
                "{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"items\":{\"$ref\":\"#/$defs/"
                "pools[].buckets[]\"}}"},
        {"pools[]", "artifact", "{\"$ref\":\"#/$defs/pools[].artifact\"}"},
        {"pools[]", "nodes",
                "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"minItems\":1,\"items\":{"
                "\"type\":\"string\",\"pattern\":\"^r[0-9]+[.]n[0-9]+$\"}}}"},
        {"pools[]", "admission", "{\"$ref\":\"#/$defs/pools[].admission\"}"},
        {"pools[]", "accepts", "{\"$ref\":\"#/$defs/pools[].accepts\"}"},
        {"pools[]", "degraded", "{\"$ref\":\"#/$defs/pools[].degraded\"}"},
        {"pools[]", "rollout", "{\"$ref\":\"#/$defs/pools[].rollout\"}"},
        {"pools[]", "priority", NAMES},
        {"pools[].admission", "limit",
                "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"string\","
                "\"pattern\":" DURATION "}]}"},
        {"pools[].accepts", "tiers", NAMES},
        {"pools[].accepts", "tenants", NAMES},
        {"pools[].degraded", "shed", NAMES},
        {"pools[].artifact", "max_seq",
                "{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"items\":{\"type\":"
                "\"integer\",\"minimum\":2}}"},
        {"pools[].artifact", "batch", "{\"$ref\":\"#/$defs/pools[].artifact.batch\"}"},
        {"pools[].artifact", "precision", "{\"$ref\":\"#/$defs/pools[].artifact.precision\"}"},
        {"pools[].artifact.batch", "slots",
                "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":"
                "16384}}"},
};

static const char *shape_of(const char *object, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
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
		json_out_raw(o, "pattern", DURATION);
	if (f->type == FIELD_NAME)
		json_out_raw(o, "pattern", NAME);
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

static void out_object(struct json_out *o, const struct field_table *t)
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
		const char *shape = shape_of(t->object, t->fields[i].name);

		if (shape)
			json_out_raw(o, t->fields[i].name, shape);
		else
			out_simple(o, &t->fields[i]);
	}
	json_out_close(o);
}

static void open_schema(struct json_out *o, const char *file, const char *title)
{
	json_out_init(o, 1);
	json_out_open(o, NULL, '{');
	json_out_str(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_out_str(o, "$id", file);
	json_out_str(o, "title", title);
}

START_TEST(the_deployment_schema_is_the_tables)
{
	struct field_table tables[DEPLOYMENT_TABLES];
	struct json_out o;

	deployment_tables(tables);
	open_schema(&o, "deployment.schema.json", "lpuchaos deployment");
	out_object(&o, &tables[0]);
	json_out_open(&o, "$defs", '{');
	for (size_t i = 1; i < DEPLOYMENT_TABLES; i++) {
		json_out_open(&o, tables[i].object, '{');
		out_object(&o, &tables[i]);
		json_out_close(&o);
	}
	json_out_close(&o);
	json_out_close(&o);
	golden_matches("docs/schema/deployment.schema.json", o.buf, o.n);
	json_out_free(&o);
}
END_TEST

static void out_number(struct json_out *o, enum hardware_key key)
{
	json_out_open(o, hardware_name(key), '{');
	json_out_str(o, "type", "object");
	json_out_bool(o, "additionalProperties", false);
	json_out_raw(o, "required", "[\"value\",\"unit\"]");
	json_out_open(o, "properties", '{');
	json_out_raw(o, "value", "{\"type\":\"number\"}");
	json_out_open(o, "unit", '{');
	json_out_open(o, "enum", '[');
	for (size_t i = 0; hardware_unit(key, i); i++)
		json_out_str(o, NULL, hardware_unit(key, i));
	json_out_close(o);
	json_out_close(o);
	json_out_raw(o, "label", "{\"enum\":[\"fact\",\"inference\",\"assumption\"]}");
	json_out_raw(o, "source", "{\"type\":\"string\"}");
	json_out_close(o);
	json_out_close(o);
}

START_TEST(the_hardware_schema_is_the_table)
{
	struct json_out o;

	open_schema(&o, "hardware.schema.json", "lpuchaos hardware");
	json_out_str(&o, "type", "object");
	json_out_bool(&o, "additionalProperties", false);
	json_out_open(&o, "properties", '{');
	json_out_raw(&o, "name", "{\"type\":\"string\",\"pattern\":" NAME "}");
	json_out_raw(&o, "about", "{\"type\":\"string\"}");
	json_out_raw(&o, "base", "{\"type\":[\"string\",\"object\"]}");
	for (unsigned i = 0; i < HW_COUNT; i++)
		out_number(&o, (enum hardware_key)i);
	json_out_close(&o);
	json_out_close(&o);
	golden_matches("docs/schema/hardware.schema.json", o.buf, o.n);
	json_out_free(&o);
}
END_TEST

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

/* One row a key; the docs have each word for word. */
START_TEST(the_docs_have_every_key)
{
	struct field_table tables[DEPLOYMENT_TABLES];
	size_t n, missing = 0;
	char *docs = file_text(LPC_SOURCE_DIR "/docs/DEPLOYMENT.md", &n);

	ck_assert_ptr_nonnull(docs);
	deployment_tables(tables);
	for (size_t i = 0; i < DEPLOYMENT_TABLES; i++)
		for (size_t k = 0; k < tables[i].n; k++) {
			const struct field *f = &tables[i].fields[k];
			char row[512], value[128] = "";

			if (f->flags & FIELD_REQUIRED)
				snprintf(value, sizeof(value), "required");
			else if (f->fallback)
				default_text(f, value, sizeof(value));
			snprintf(row, sizeof(row), "| `%s%s%s` | %s | %s | %s |\n",
			        tables[i].object, tables[i].object[0] ? "." : "", f->name,
			        unit_text(f), value, f->help);
			if (!strstr(docs, row)) {
				printf("missing row: %s", row);
				missing++;
			}
		}
	ck_assert_uint_eq(missing, 0);
	mem_free(docs);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schema");

	add_test(suite, "deployment", the_deployment_schema_is_the_tables);
	add_test(suite, "hardware", the_hardware_schema_is_the_table);
	add_test(suite, "docs", the_docs_have_every_key);
	return run_suite(suite);
}
