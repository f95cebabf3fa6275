/* the schemas of docs/schema and the tables in docs, written from the tables that a parser reads
 * by. */
#ifndef LPC_TESTS_SUPPORT_SCHEMA_H
#define LPC_TESTS_SUPPORT_SCHEMA_H

#include <stddef.h>
#include "harness/base/json.h"

#define SCHEMA_DURATION "\"^[0-9]+([.][0-9]+)?(ns|us|ms|s|m|h|d)$\""
#define SCHEMA_NAME     "\"^[a-z0-9][a-z0-9._-]{0,63}$\""

/* What a table cannot say of a key: what is in a list, or that a value has two forms. */
struct shape {
	const char *object, *key, *schema;
};

/* Opens the document; `file` is its name. */
void schema_open(struct json_out *o, const char *file, const char *title);

/* The schema of tables[0], the others as its definitions, against the golden file at `path`. */
void schema_matches(const char *path, const char *title, const struct field_table *tables,
        size_t n_tables, const struct shape *shapes, size_t n_shapes);

/* A libcheck failure unless the document (relative to the source tree) has a row, word for word,
 * for every key; what is missing is printed. */
void schema_in_docs(const char *path, const struct field_table *tables, size_t n_tables);

#endif
