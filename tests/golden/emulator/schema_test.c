/* docs/schema/{deployment,hardware}.schema.json and the tables of docs/DEPLOYMENT.md are written
 * from the tables that the parser reads by: they cannot name a key, range or default that it does
 * not know. UPDATE_GOLDEN=1 writes them anew. */
#include "emulator/deployment.h"
#include "tests/support/golden.h"
#include "tests/support/run_suite.h"
#include "tests/support/schema.h"

#include <stdio.h>
#include <string.h>

#define NAMES "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1}}"

static const struct shape shapes[] = {
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
                "\"pattern\":" SCHEMA_DURATION "}]}"},
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

START_TEST(the_deployment_schema_is_the_tables)
{
	struct field_table tables[DEPLOYMENT_TABLES];

	deployment_tables(tables);
	schema_matches("docs/schema/deployment.schema.json", "lpuchaos deployment", tables,
	        DEPLOYMENT_TABLES, shapes, ARRAY_LEN(shapes));
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

	schema_open(&o, "hardware.schema.json", "lpuchaos hardware");
	json_out_str(&o, "type", "object");
	json_out_bool(&o, "additionalProperties", false);
	json_out_open(&o, "properties", '{');
	json_out_raw(&o, "name", "{\"type\":\"string\",\"pattern\":" SCHEMA_NAME "}");
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

START_TEST(the_docs_have_every_key)
{
	struct field_table tables[DEPLOYMENT_TABLES];

	deployment_tables(tables);
	schema_in_docs("docs/DEPLOYMENT.md", tables, DEPLOYMENT_TABLES);
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
