/* The database of a store. It is made whole beside its place and renamed, so that a file with that
 * name has all its tables; then rows are added, a transaction a batch, under a rollback journal
 * that is there only while one is written.
 *
 * synchronous is OFF: what was written is the kernel's, and outlives a killed process; only the
 * machine's own end could take it away, and with it the run. A write-ahead log would let others
 * read meanwhile, but every page would be written twice.
 *
 * Parameters of the insert stay bound from row to row, and many columns seldom change, so only what
 * changed is bound: a third of the time of a row.
 *
 * With a bound on rows, a request is kept if the hash of its id is below a threshold. That begins
 * where the traffic's expected number leads to a little less than the bound; should there be more
 * after all, it is lowered by an eighth and those above it go. */
#include "reports/store_private.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/mathx.h"
#include "harness/base/prng.h"

/* --- statements
 * ------------------------------------------------------------------------------------ */

enum status store_db_error(const struct store_db *d, struct error *err)
{
	return error_set(err, ERR_ENVIRONMENT, "cannot write '%s': %s", d->path,
	        d->db ? sqlite3_errmsg(d->db) : "out of memory");
}

enum status store_db_run(struct store_db *d, const char *sql, struct error *err)
{
	if (sqlite3_exec(d->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_db_error(d, err);
	return ERR_NONE;
}

enum status store_db_prepare(
        struct store_db *d, const char *sql, sqlite3_stmt **out, struct error *err)
{
	if (sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
		return store_db_error(d, err);
	return ERR_NONE;
}

enum status store_db_step(struct store_db *d, sqlite3_stmt *statement, struct error *err)
{
	bool done = sqlite3_step(statement) == SQLITE_DONE;

	if (sqlite3_reset(statement) != SQLITE_OK || !done)
		return store_db_error(d, err);
	return ERR_NONE;
}

/* One that is needed once. text: for its n parameters; NULL is NULL. */
static enum status run_with(
        struct store_db *d, const char *sql, int n, const char *const *text, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	enum status st = store_db_prepare(d, sql, &statement, err);

	for (int i = 0; !st && i < n; i++)
		(void)sqlite3_bind_text(statement, i + 1, text[i], -1, SQLITE_STATIC);
	if (!st)
		st = store_db_step(d, statement, err);
	(void)sqlite3_finalize(statement);
	return st;
}

/* --- a new file
 * ------------------------------------------------------------------------------------ */

static char *join(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = mem_alloc(n, 1);

	(void)snprintf(path, n, "%s/%s", dir, name);
	return path;
}

/* With what SQLite may have left beside it. A journal that outlived its database would be rolled
 * back into the next, so it never does. */
static void forget(const char *path)
{
	static const char *const behind[] = {"", "-journal", "-wal", "-shm"};
	char name[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(behind); i++)
		if ((size_t)snprintf(name, sizeof(name), "%s%s", path, behind[i]) < sizeof(name))
			(void)unlink(name); /* most often there is none */
}

static enum status open_db(struct store_db *d, const char *path, struct error *err)
{
	if (sqlite3_open_v2(path, &d->db,
	            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	            NULL) != SQLITE_OK)
		return store_db_error(d, err);
	(void)sqlite3_busy_timeout(d->db, 10000); /* somebody may be reading */
	return ERR_NONE;
}

static enum status put_names(struct store_db *d, struct error *err)
{
	const struct store_config *c = d->config;
	enum status st = ERR_NONE;
	char index[24], tier[24];

	for (uint32_t i = 0; i < c->score->n_tiers && !st; i++) {
		(void)snprintf(index, sizeof(index), "%" PRIu32, i);
		st = run_with(d, "INSERT INTO tiers VALUES (?, ?)", 2,
		        (const char *[]){index, c->score->tiers[i]}, err);
	}
	for (uint32_t i = 0; i < c->n_tenants && !st; i++) {
		(void)snprintf(index, sizeof(index), "%" PRIu32, i);
		(void)snprintf(tier, sizeof(tier), "%" PRIu32, c->tenant_tier[i]);
		st = run_with(d, "INSERT INTO tenants VALUES (?, ?, ?)", 3,
		        (const char *[]){index, c->tenants[i], tier}, err);
	}
	for (uint32_t i = 0; i < c->names->n_faults && !st; i++) {
		(void)snprintf(index, sizeof(index), "%" PRIu32, i);
		st = run_with(d, "INSERT INTO faults (fault, id) VALUES (?, ?)", 2,
		        (const char *[]){index, c->names->faults[i]}, err);
	}
	return st;
}

static enum status put_parameters(struct store_db *d, struct error *err)
{
	sqlite3_stmt *insert = NULL;
	enum status st =
	        store_db_prepare(d, "INSERT INTO parameters VALUES (?, ?, ?, ?, ?)", &insert, err);

	for (uint32_t i = 0; i < d->config->n_parameters && !st; i++) {
		const struct store_parameter *p = &d->config->parameters[i];
		const char *text[] = {p->path, p->value, p->unit, p->label, p->source};

		for (int k = 0; k < (int)ARRAY_LEN(text); k++)
			(void)sqlite3_bind_text(insert, k + 1, text[k], -1, SQLITE_STATIC);
		st = store_db_step(d, insert, err);
	}
	(void)sqlite3_finalize(insert);
	return st;
}

static enum status put_run(struct store_db *d, struct error *err)
{
	const struct store_config *c = d->config;
	char seed[24], most[24], sql[256];

	(void)snprintf(seed, sizeof(seed), "%" PRIu64, c->seed);
	(void)snprintf(most, sizeof(most), "%" PRIu64, c->most);
	(void)snprintf(sql, sizeof(sql),
	        "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, %" PRId64 ", %" PRId64
	        ", 1, 0, 0, 0, NULL)",
	        c->score->warmup_ns, c->score->duration_ns);
	return run_with(d, sql, 6,
	        (const char *[]){STORE_SCHEMA, c->scenario, seed,
	                c->virtual_clock ? "virtual" : "wall", c->plan_digest,
	                c->keep == STORE_ALL      ? "all"
	                : c->keep == STORE_FAILED ? "failed"
	                                          : most},
	        err);
}

static enum status fill(struct store_db *d, struct error *err)
{
	struct text schema;
	enum status st;

	text_init(&schema, STORE_SQL_BYTES_MAX);
	store_schema_sql(&schema);
	CHECK(!schema.cut);
	st = store_db_run(d,
	        "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF",
	        err);
	if (!st)
		st = store_db_run(d, schema.buf, err);
	text_free(&schema);
	if (!st)
		st = put_run(d, err);
	if (!st)
		st = put_names(d, err);
	if (!st)
		st = put_parameters(d, err);
	return st ? st : store_db_run(d, "COMMIT", err);
}

static enum status prepare(struct store_db *d, struct error *err)
{
	struct text sql;
	enum status st = store_db_run(d,
	        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA cache_size = "
	        "-16000",
	        err);

	text_init(&sql, STORE_SQL_BYTES_MAX);
	text_printf(&sql, "INSERT INTO requests VALUES (?");
	store_columns_sql(&sql, true);
	text_printf(&sql, ")");
	if (!st)
		st = store_db_prepare(d, sql.buf, &d->insert, err);
	text_free(&sql);
	if (!st)
		st = store_db_prepare(d, "INSERT INTO stalls VALUES (?, ?, ?, ?)", &d->stall, err);
	if (!st)
		st = store_db_prepare(
		        d, "UPDATE run SET requests = ?, rows = ?", &d->progress, err);
	return st;
}

static uint64_t hash_of(const struct store_db *d, uint64_t id)
{
	return prng_at(d->key, id, 0);
}

/* A little less than the bound would allow, so that as many as expected will do. */
static uint64_t first_threshold(const struct store_config *c)
{
	double expected = c->score->expected_rate_all * (double)c->score->duration_ns / 1e9;
	double most = (double)c->most, want = most - 4 * mathx_sqrt(most);

	if (c->keep != STORE_SOME || expected <= most)
		return UINT64_MAX;
	return (uint64_t)((want > most / 2 ? want : most / 2) / expected * 0x1p63) * 2;
}

enum status store_db_create(
        struct store_db *d, const struct store_config *config, struct error *err)
{
	char *beside = join(config->dir, "." STORE_FILE);
	enum status st;

	*d = (struct store_db){.config = config,
	        .path = join(config->dir, STORE_FILE),
	        .key = prng_purpose(0, "store"),
	        .below = first_threshold(config)};
	forget(beside);
	st = open_db(d, beside, err);
	if (!st)
		st = fill(d, err);
	(void)sqlite3_close(d->db);
	d->db = NULL;
	forget(d->path);
	if (!st && rename(beside, d->path))
		st = error_set(
		        err, ERR_ENVIRONMENT, "cannot write '%s': %s", d->path, strerror(errno));
	if (st)
		forget(beside);
	mem_free(beside);
	if (!st)
		st = open_db(d, d->path, err);
	return st ? st : prepare(d, err);
}

/* --- rows
 * ------------------------------------------------------------------------------------------ */

static bool wanted(const struct store_db *d, const struct sample *x)
{
	switch (d->config->keep) {
	case STORE_ALL:
		return true;
	case STORE_FAILED:
		return x->outcome != OUTCOME_OK;
	default:
		return d->below == UINT64_MAX || hash_of(d, x->id) < d->below;
	}
}

static int64_t value_of(const struct store_row *row, const struct store_column *c)
{
	const char *at = (const char *)row + c->offset;
	uint32_t narrow;
	int64_t wide;

	if (c->field == STORE_OUTCOME)
		return (int64_t)row->x.outcome;
	if (c->field == STORE_U32) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

static void bind(struct store_db *d, int column, int64_t value)
{
	enum store_field field = store_columns[column].field;
	int place = column + 2; /* behind seq */

	if (field == STORE_OUTCOME)
		(void)sqlite3_bind_text(
		        d->insert, place, outcome_name((enum outcome)value), -1, SQLITE_STATIC);
	else if (field == STORE_NEVER && value < 0)
		(void)sqlite3_bind_null(d->insert, place);
	else
		(void)sqlite3_bind_int64(d->insert, place, value);
	d->last[column] = value;
	d->bound[column] = true;
}

static enum status put_stalls(struct store_db *d, const struct store_row *row, struct error *err)
{
	enum status st = ERR_NONE;

	for (uint32_t i = 0; i < row->x.n_stalls && !st; i++) {
		(void)sqlite3_bind_int64(d->stall, 1, (int64_t)row->seq);
		(void)sqlite3_bind_int64(d->stall, 2, i);
		(void)sqlite3_bind_int64(d->stall, 3, row->x.stalls[i].fault);
		(void)sqlite3_bind_int64(d->stall, 4, row->x.stalls[i].ns);
		st = store_db_step(d, d->stall, err);
	}
	return st;
}

static enum status put(struct store_db *d, const struct store_row *row, struct error *err)
{
	enum status st;

	(void)sqlite3_bind_int64(d->insert, 1, (int64_t)row->seq);
	for (int i = 0; i < STORE_COLUMNS; i++) {
		int64_t value = value_of(row, &store_columns[i]);

		if (!d->bound[i] || value != d->last[i])
			bind(d, i, value);
	}
	st = store_db_step(d, d->insert, err);
	if (!st && row->x.n_stalls)
		st = put_stalls(d, row, err);
	d->rows += !st;
	return st;
}

/* --- fewer rows
 * ------------------------------------------------------------------------------------ */

static void sql_keeps(sqlite3_context *context, int n, sqlite3_value **args)
{
	const struct store_db *d = sqlite3_user_data(context);

	(void)n;
	sqlite3_result_int(context, hash_of(d, (uint64_t)sqlite3_value_int64(args[0])) < d->below);
}

/* Lowers the threshold until the rows are no more than they may be. */
static enum status thin(struct store_db *d, struct error *err)
{
	enum status st = ERR_NONE;

	if (d->config->keep != STORE_SOME || d->rows <= d->config->most)
		return ERR_NONE;
	if (sqlite3_create_function(d->db, "keeps", 1, SQLITE_UTF8, d, sql_keeps, NULL, NULL) !=
	        SQLITE_OK)
		return store_db_error(d, err);
	while (!st && d->rows > d->config->most) {
		d->below -= d->below / 8 + (d->below > 0);
		st = store_db_run(d, "DELETE FROM requests WHERE NOT keeps(id)", err);
		if (!st)
			d->rows -= (uint64_t)sqlite3_changes(d->db);
	}
	if (!st)
		st = store_db_run(
		        d, "DELETE FROM stalls WHERE seq NOT IN (SELECT seq FROM requests)", err);
	return st;
}

enum status store_db_add(
        struct store_db *d, const struct store_row *rows, size_t n, struct error *err)
{
	enum status st = store_db_run(d, "BEGIN IMMEDIATE", err);

	for (size_t i = 0; i < n && !st; i++) {
		d->requests = rows[i].seq;
		if (wanted(d, &rows[i].x))
			st = put(d, &rows[i], err);
	}
	if (!st)
		st = thin(d, err);
	if (st)
		return st;
	(void)sqlite3_bind_int64(d->progress, 1, (int64_t)d->requests);
	(void)sqlite3_bind_int64(d->progress, 2, (int64_t)d->rows);
	st = store_db_step(d, d->progress, err);
	return st ? st : store_db_run(d, "COMMIT", err);
}

enum status store_db_close(struct store_db *d, struct error *err)
{
	bool whole =
	        !d->db || sqlite3_get_autocommit(d->db); /* else a batch could not be written */
	enum status st = ERR_NONE;

	(void)sqlite3_finalize(d->insert);
	(void)sqlite3_finalize(d->stall);
	(void)sqlite3_finalize(d->progress);
	if (!whole)
		st = store_db_run(d, "ROLLBACK", err);
	(void)sqlite3_close(d->db);
	mem_free(d->path);
	*d = (struct store_db){0};
	return st;
}
