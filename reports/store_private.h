/* The store's inside, shared by store.c (queue and thread), store_write.c (the database),
 * store_schema.c (its tables), store_timeline.c, store_conclude.c and store_read.c. Not for
 * others. */
#ifndef LPC_REPORTS_STORE_PRIVATE_H
#define LPC_REPORTS_STORE_PRIVATE_H

#include <sqlite3.h>
#include "reports/store.h"
#include "reports/store_read.h"
#include "reports/text.h"

/* A row of table `requests`, before it is one. */
struct store_row {
	uint64_t seq; /* 1, 2, 3 … of all requests, kept or not */
	struct sample x;
	struct store_gap_summary gaps;
};

/* --- store_schema.c */

enum store_field {
	STORE_U64,
	STORE_U32,
	STORE_I64,
	STORE_NEVER,   /* int64_t; -1 is NULL */
	STORE_OUTCOME, /* enum outcome, by its name */
};

/* Of table `requests`, behind seq: the schema, what is written and what is read come from here. */
struct store_column {
	const char *name;
	enum store_field field;
	size_t offset; /* in struct store_row */
	const char *help;
};

enum { STORE_COLUMNS = 28, STORE_SQL_BYTES_MAX = 1 << 16 };
extern const struct store_column store_columns[STORE_COLUMNS];

/* "PRAGMA application_id" of every store: "LPUc". */
enum { STORE_APPLICATION_ID = 0x4c505563, STORE_USER_VERSION = 1 };

void store_schema_sql(struct text *out); /* opens the transaction that makes all tables */
void store_columns_sql(struct text *out, bool mark); /* ", id, ordinal, …", or ", ?, ?, …" */

/* --- store_write.c: one thread at a time */

struct store_db {
	const struct store_config *config;
	char *path; /* of run.sqlite */
	sqlite3 *db;
	sqlite3_stmt *insert, *stall, *progress;
	int64_t last[STORE_COLUMNS]; /* what the insert's parameters are bound to */
	bool bound[STORE_COLUMNS];
	uint64_t key, below;     /* STORE_SOME: ids whose hash is below are kept */
	uint64_t requests, rows; /* seen; in the table */
};

/* A new file, whole, in its place, and ready to be added to. */
enum status store_db_create(
        struct store_db *d, const struct store_config *config, struct error *err) LPC_MUST_USE;
/* A transaction. */
enum status store_db_add(
        struct store_db *d, const struct store_row *rows, size_t n, struct error *err) LPC_MUST_USE;
/* No journal is left. `d` is empty in any case. */
enum status store_db_close(struct store_db *d, struct error *err) LPC_MUST_USE;

enum status store_db_run(struct store_db *d, const char *sql, struct error *err) LPC_MUST_USE;
enum status store_db_prepare(
        struct store_db *d, const char *sql, sqlite3_stmt **out, struct error *err) LPC_MUST_USE;
/* A statement that returns no rows, once, and ready for the next time. */
enum status store_db_step(
        struct store_db *d, sqlite3_stmt *statement, struct error *err) LPC_MUST_USE;
enum status store_db_error(const struct store_db *d, struct error *err) LPC_MUST_USE;

/* --- store_timeline.c: what happened second by second, of every request */

struct store_stretch;

struct store_timeline {
	int64_t step_ns;
	uint32_t n_tiers, n; /* stretches so far; e[stretch * n_tiers + tier] */
	uint32_t capacity;
	struct store_stretch *e;
	const struct score_rules *rules;
};

void store_timeline_init(struct store_timeline *t, const struct store_config *config);
void store_timeline_free(struct store_timeline *t);
void store_timeline_add(struct store_timeline *t, const struct sample *x);
enum status store_timeline_write(
        const struct store_timeline *t, struct store_db *d, struct error *err) LPC_MUST_USE;

/* --- store_conclude.c: a transaction with all that a judged run knows */

enum status store_conclude(struct store_db *d, const struct store_timeline *timeline,
        const struct result_document *doc, uint64_t requests, uint64_t dropped,
        struct error *err) LPC_MUST_USE;

#endif
