/* docs/schema/topology.schema.json and the table of docs/AUDIT.md are written from the tables that
 * topologies are read by; the example is read. UPDATE_GOLDEN=1 writes the schema anew. */
#include "reports/audit_topology.h"
#include "tests/support/audit_bench.h"
#include "tests/support/deployment_text.h"
#include "tests/support/run_suite.h"
#include "tests/support/schema.h"

static const struct shape shapes[] = {
        {"", "version", "{\"const\":1}"},
        {"", "racks",
                "{\"type\":\"array\",\"minItems\":1,\"maxItems\":4096,\"items\":{\"$ref\":\"#/"
                "$defs/"
                "racks[]\"}}"},
        {"", "classes",
                "{\"type\":\"array\",\"maxItems\":64,\"items\":{\"$ref\":\"#/$defs/classes[]\"}}"},
        {"", "policy", "{\"$ref\":\"#/$defs/policy\"}"},
        {"racks[]", "addresses",
                "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"anyOf\":["
                "{\"pattern\":\"^[0-9]{1,3}([.][0-9]{1,3}){3}(/[0-9]{1,2}|:[0-9]{1,5})?$\"},"
                "{\"pattern\":\"^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?$\"},"
                "{\"pattern\":\"^\\\\[[0-9A-Fa-f:.]+\\\\]:[0-9]{1,5}$\"},"
                "{\"pattern\":\"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}(/[0-9]{1,2})?$\"},"
                "{\"pattern\":\"^(:|port |tcp:|udp:)[0-9]{1,5}$\"},"
                "{\"pattern\":\"^r[0-9]+([.][a-z0-9]+){0,2}$\"}]}}"},
        {"classes[]", "filter", "{\"type\":\"string\",\"pattern\":\"[^ ]\"}"},
};

START_TEST(the_schema_is_the_tables)
{
	struct field_table tables[AUDIT_TABLES];

	audit_topology_tables(tables);
	schema_matches("docs/schema/topology.schema.json", "lpuchaos audit topology", tables,
	        AUDIT_TABLES, shapes, ARRAY_LEN(shapes));
}
END_TEST

START_TEST(the_docs_have_every_key)
{
	struct field_table tables[AUDIT_TABLES];

	audit_topology_tables(tables);
	schema_in_docs("docs/AUDIT.md", tables, AUDIT_TABLES);
}
END_TEST

START_TEST(the_example_is_read)
{
	size_t n;
	char *text = file_text(LPC_SOURCE_DIR "/docs/audit-topology.json", &n);
	struct audit_bench b;

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(bench_read(&b, text), "%s", b.message);
	ck_assert_uint_eq(b.topology.n_racks, 3);
	ck_assert_uint_eq(b.topology.n_pods, 2);
	bench_close(&b);
	mem_free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topology schema");

	add_test(suite, "schema", the_schema_is_the_tables);
	add_test(suite, "docs", the_docs_have_every_key);
	add_test(suite, "example", the_example_is_read);
	return run_suite(suite);
}
