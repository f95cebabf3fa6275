/* Requests are read in the order in which they were written, and their stalls with them from a
 * second statement in the same order: two cursors side by side instead of a question per request.
 *
 * A store is somebody else's file: everything is checked that could otherwise be taken for what it
 * is not. Its tables must be tables: a view or a generated column of that name would be a program,
 * and take as long as it likes. */
#include "reports/store_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "reports/store_private.h"

#define ARENA_BYTES ((size_t)1 << 20)
enum { TEXT_BYTES_MAX = 1 << 20 }; /* of the file's: its schema is the longest */

struct store_reader {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *rows, *stalls;
	bool more_stalls; /* the second cursor stands on a row */
	struct store_run run;
	struct arena arena; /* the run's texts */
};

static enum status damaged(const struct store_reader *r, const char *what, struct error *err)
{
	return error_set(err, ERR_USAGE, "'%s' is damaged: %s", r->path, what);
}

static enum status failed(const struct store_reader *r, struct error *err)
{
	return error_set(err, ERR_USAGE, "cannot read '%s': %s", r->path,
	        r->db ? sqlite3_errmsg(r->db) : "out of memory");
}

/* --- the tables
 * ---------------------------------------------------------------------------------------- */

static enum status check_tables(struct store_reader *r, struct error *err)
{
	static const char plain[] =
	        "WITH used (name) AS (VALUES ('run'), ('requests'), ('stalls'), ('timeline')) "
	        "SELECT (SELECT count(*) FROM used JOIN sqlite_master USING (name) "
	        "  WHERE type = 'table' AND sql LIKE 'CREATE TABLE %') = 4 "
	        "AND NOT EXISTS (SELECT * FROM used, pragma_table_xinfo(used.name) WHERE hidden)";
	sqlite3_stmt *s = NULL;
	bool is_store = sqlite3_prepare_v2(r->db, plain, -1, &s, NULL) == SQLITE_OK &&
	                sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0);

	(void)sqlite3_finalize(s);
	return is_store ? ERR_NONE
	                : error_set(err, ERR_USAGE,
	                          "'%s' is no run store: its tables are not those of one", r->path);
}

/* --- the run
 * ------------------------------------------------------------------------------------------- */

static const char *text_at(struct store_reader *r, sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text ? arena_strndup(&r->arena, text, strlen(text)) : NULL;
}

static enum status take_run(struct store_reader *r, sqlite3_stmt *s, struct error *err)
{
	const char *seed, *schema;
	char *end;

	if (sqlite3_step(s) != SQLITE_ROW)
		return damaged(r, "it has no run", err);
	for (int i = 0; i < sqlite3_column_count(s); i++)
		if (sqlite3_column_bytes(s, i) > 4096)
			return damaged(r, "a text is too long", err);
	schema = text_at(r, s, 0);
	if (!schema || strcmp(schema, STORE_SCHEMA) != 0)
		return error_set(err, ERR_USAGE, "'%s': expected a store of schema %s, found %s",
		        r->path, STORE_SCHEMA, schema ? schema : "none");
	r->run = (struct store_run){.scenario = text_at(r, s, 1),
	        .clock = text_at(r, s, 3),
	        .plan_digest = text_at(r, s, 4),
	        .samples = text_at(r, s, 5),
	        .partial = sqlite3_column_int(s, 6) != 0,
	        .requests = (uint64_t)sqlite3_column_int64(s, 7),
	        .rows = (uint64_t)sqlite3_column_int64(s, 8),
	        .dropped = (uint64_t)sqlite3_column_int64(s, 9)};
	seed = text_at(r, s, 2);
	if (!seed || !r->run.scenario || !r->run.clock || !r->run.samples)
		return damaged(r, "its run is incomplete", err);
	errno = 0;
	r->run.seed = strtoull(seed, &end, 10);
	if (errno || *end || end == seed)
		return damaged(r, "the seed is no number", err);
	return ERR_NONE;
}

static enum status read_run(struct store_reader *r, struct error *err)
{
	sqlite3_stmt *s = NULL;
	enum status st;

	if (sqlite3_prepare_v2(r->db,
	            "SELECT schema, scenario, seed, clock, plan_digest, samples, partial, "
	            "requests, rows, dropped FROM run",
	            -1, &s, NULL) != SQLITE_OK)
		return failed(r, err);
	st = take_run(r, s, err);
	(void)sqlite3_finalize(s);
	return st;
}

/* --- life
 * ---------------------------------------------------------------------------------------------- */

static enum status prepare(
        struct store_reader *r, const char *sql, sqlite3_stmt **out, struct error *err)
{
	return sqlite3_prepare_v2(r->db, sql, -1, out, NULL) == SQLITE_OK ? ERR_NONE
	                                                                  : failed(r, err);
}

static enum status prepare_rows(struct store_reader *r, struct error *err)
{
	struct text sql;
	enum status st;

	text_init(&sql, STORE_SQL_BYTES_MAX);
	text_printf(&sql, "SELECT seq");
	store_columns_sql(&sql, false);
	text_printf(&sql, " FROM requests ORDER BY seq");
	st = prepare(r, sql.buf, &r->rows, err);
	text_free(&sql);
	if (!st)
		st = prepare(r, "SELECT seq, fault, stall_ns FROM stalls ORDER BY seq, place",
		        &r->stalls, err);
	return st;
}

/* Read only, unless a journal beside it has to be rolled back first. */
static enum status open_db(struct store_reader *r, struct error *err)
{
	static const int flags[] = {SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE};

	if (access(r->path, R_OK))
		return error_set(err, ERR_USAGE, "cannot read '%s': %s", r->path, strerror(errno));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		(void)sqlite3_close(r->db);
		if (sqlite3_open_v2(r->path, &r->db, flags[i] | SQLITE_OPEN_NOMUTEX, NULL) ==
		                SQLITE_OK &&
		        sqlite3_limit(r->db, SQLITE_LIMIT_LENGTH, TEXT_BYTES_MAX) >= 0 &&
		        sqlite3_exec(r->db,
		                "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA "
		                "query_only = ON; "
		                "SELECT count(*) FROM sqlite_master",
		                NULL, NULL, NULL) == SQLITE_OK)
			return ERR_NONE;
	}
	return failed(r, err);
}

enum status store_read_open(const char *path, struct store_reader **out, struct error *err)
{
	struct store_reader *r = mem_alloc(1, sizeof(*r));
	enum status st;

	*out = NULL;
	arena_init(&r->arena, ARENA_BYTES);
	r->path = arena_strndup(&r->arena, path, strlen(path));
	st = open_db(r, err);
	if (!st)
		st = check_tables(r, err);
	if (!st)
		st = read_run(r, err);
	if (!st)
		st = prepare_rows(r, err);
	if (st)
		store_read_close(r);
	else
		*out = r;
	return st;
}

void store_read_close(struct store_reader *r)
{
	if (!r)
		return;
	(void)sqlite3_finalize(r->rows);
	(void)sqlite3_finalize(r->stalls);
	(void)sqlite3_close(r->db);
	arena_free(&r->arena);
	mem_free(r);
}

const struct store_run *store_read_run(const struct store_reader *r)
{
	return &r->run;
}

/* --- requests
 * ------------------------------------------------------------------------------------------ */

static bool outcome_of(const char *name, enum outcome *out)
{
	for (int i = 0; name && i < OUTCOME_COUNT; i++)
		if (strcmp(name, outcome_name((enum outcome)i)) == 0) {
			*out = (enum outcome)i;
			return true;
		}
	return false;
}

/* One column of the row; false if it holds what no store would. */
static bool take_column(sqlite3_stmt *s, int i, struct store_row *row)
{
	const struct store_column *c = &store_columns[i];
	sqlite3_value *v = sqlite3_column_value(s, i + 1); /* asked for once: that is what costs */
	int type = sqlite3_value_type(v);
	int64_t wide = sqlite3_value_int64(v);
	uint32_t narrow = (uint32_t)wide;

	if (c->field == STORE_OUTCOME)
		return outcome_of((const char *)sqlite3_column_text(s, i + 1), &row->x.outcome);
	if (type == SQLITE_NULL && c->field == STORE_NEVER)
		wide = -1;
	else if (type != SQLITE_INTEGER || (c->field != STORE_I64 && wide < 0))
		return false;
	if (c->field == STORE_U32) {
		memcpy((char *)row + c->offset, &narrow, sizeof(narrow));
		return narrow == (uint64_t)wide;
	}
	memcpy((char *)row + c->offset, &wide, sizeof(wide));
	return true;
}

static enum status next_stall(struct store_reader *r, struct error *err)
{
	int rc = sqlite3_step(r->stalls);

	r->more_stalls = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_NONE : failed(r, err);
}

static enum status take_stalls(struct store_reader *r, struct store_row *row, struct error *err)
{
	enum status st = ERR_NONE;

	while (!st && r->more_stalls && sqlite3_column_int64(r->stalls, 0) == (int64_t)row->seq) {
		struct sample *x = &row->x;

		if (x->n_stalls == SAMPLE_STALLS_MAX)
			return damaged(r, "a request has too many stalls", err);
		x->stalls[x->n_stalls++] =
		        (struct sample_stall){(uint32_t)sqlite3_column_int64(r->stalls, 1),
		                sqlite3_column_int64(r->stalls, 2)};
		st = next_stall(r, err);
	}
	if (!st && r->more_stalls && sqlite3_column_int64(r->stalls, 0) < (int64_t)row->seq)
		return damaged(r, "a stall belongs to no request", err);
	return st;
}

enum status store_read_sample(struct store_reader *r, struct sample *out,
        struct store_gap_summary *gaps, bool *more, struct error *err)
{
	struct store_row row = {0};
	int rc;

	*more = false;
	if (!sqlite3_stmt_busy(r->rows) && next_stall(r, err))
		return err->code;
	rc = sqlite3_step(r->rows);
	if (rc == SQLITE_DONE)
		return r->more_stalls ? damaged(r, "a stall belongs to no request", err) : ERR_NONE;
	if (rc != SQLITE_ROW)
		return failed(r, err);
	row.seq = (uint64_t)sqlite3_column_int64(r->rows, 0);
	for (int i = 0; i < STORE_COLUMNS; i++)
		if (!take_column(r->rows, i, &row))
			return error_set(err, ERR_USAGE, "'%s' is damaged: request %llu: %s",
			        r->path, (unsigned long long)row.seq, store_columns[i].name);
	if (take_stalls(r, &row, err))
		return err->code;
	*out = row.x;
	*gaps = row.gaps;
	*more = true;
	return ERR_NONE;
}

/* --- the timeline
 * --------------------------------------------------------------------------------------- */

static int64_t known_at(sqlite3_stmt *s, int column)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, column);
}

static uint64_t count_at(sqlite3_stmt *s, int column)
{
	return (uint64_t)sqlite3_column_int64(s, column);
}

static struct store_second second_of(sqlite3_stmt *s)
{
	return (struct store_second){.from_ns = sqlite3_column_int64(s, 0),
	        .to_ns = sqlite3_column_int64(s, 1),
	        .tier = (uint32_t)sqlite3_column_int64(s, 2),
	        .scheduled = count_at(s, 3),
	        .done = count_at(s, 4),
	        .ok = count_at(s, 5),
	        .good = count_at(s, 6),
	        .rejected = count_at(s, 7),
	        .failed = count_at(s, 8),
	        .output_tokens = count_at(s, 9),
	        .in_flight = count_at(s, 10),
	        .queued = count_at(s, 11),
	        .ttft_p50_ns = known_at(s, 12),
	        .ttft_p99_ns = known_at(s, 13),
	        .ttft_max_ns = known_at(s, 14),
	        .e2el_p99_ns = known_at(s, 15)};
}

static enum status count_timeline(struct store_reader *r, size_t *n, struct error *err)
{
	sqlite3_stmt *s = NULL;
	enum status st = prepare(r, "SELECT count(*) FROM timeline", &s, err);

	if (!st && sqlite3_step(s) != SQLITE_ROW)
		st = failed(r, err);
	if (!st)
		*n = (size_t)sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return st;
}

enum status store_read_timeline(struct store_reader *r, struct arena *arena,
        const struct store_second **out, size_t *n, struct error *err)
{
	struct store_second *e = NULL;
	sqlite3_stmt *s = NULL;
	size_t most, at = 0;
	int rc = SQLITE_DONE;

	if (count_timeline(r, &most, err) ||
	        prepare(r, "SELECT * FROM timeline ORDER BY from_ns, tier", &s, err))
		return err->code;
	e = arena_alloc(arena, most * sizeof(*e) + 1);
	if (!e)
		(void)damaged(r, "its timeline is too long", err);
	while (e && (rc = sqlite3_step(s)) == SQLITE_ROW && at < most)
		e[at++] = second_of(s);
	if (e && rc != SQLITE_DONE)
		(void)failed(r, err);
	(void)sqlite3_finalize(s);
	*out = e;
	*n = at;
	return err->code;
}
