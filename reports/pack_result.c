/* A result is taken for one of ours by its schema and by the members that are quoted; what else is
 * in it is what `verify` looks into. Figures are quoted as they stand there. */
#include "reports/pack_result.h"

#include <string.h>
#include "reports/statement.h"

/* --- which there are --- */

static bool is_result(const char *name)
{
	return strcmp(name, PACK_RESULT) == 0 || strcmp(name, PACK_CAMPAIGN) == 0;
}

enum status pack_results_find(
        const struct pack_tree *t, const struct pack_entry ***found, uint32_t *n, struct error *err)
{
	const struct pack_entry *lone = pack_tree_find(t, PACK_RESULT);

	if (!lone)
		lone = pack_tree_find(t, PACK_CAMPAIGN);
	*found = mem_alloc(t->n + 1, sizeof(const struct pack_entry *));
	*n = 0;
	if (lone)
		(*found)[(*n)++] = lone;
	for (uint32_t i = 0; i < t->n && !lone; i++) {
		const char *slash = strchr(t->entries[i].path, '/');

		if (slash && is_result(slash + 1))
			(*found)[(*n)++] = &t->entries[i];
	}
	if (*n)
		return ERR_NONE;
	mem_free(*found);
	*found = NULL;
	return error_set(err, ERR_USAGE,
	        "expected a result to pack, found neither %s nor %s, nor folders with one",
	        PACK_RESULT, PACK_CAMPAIGN);
}

/* --- reading --- */

struct bytes {
	char *buf;
	size_t n, room;
};

static bool keep(void *ctx, const void *data, size_t n)
{
	struct bytes *b = ctx;

	if (n <= b->room - b->n) /* else it grew, which its digest tells */
		memcpy(b->buf + b->n, data, n);
	b->n += n <= b->room - b->n ? n : 0;
	return true;
}

static enum status read_json(const struct pack_entry *e, struct json **doc, struct error *err)
{
	struct bytes b = {.room = (size_t)e->size};
	enum status st;

	if (e->size > JSON_SIZE_MAX)
		return error_at(err, ERR_USAGE, e->from, 0, 0, NULL, "is too long for a result");
	b.buf = mem_alloc(b.room + 1, 1);
	st = pack_entry_read(e, keep, &b, err);
	if (!st)
		st = json_parse(e->from, b.buf, b.n, doc, err);
	mem_free(b.buf);
	return st;
}

static enum status want(struct jval root, const char *key, enum json_type type, struct error *err)
{
	const char *word = type == JSON_NUMBER ? "a number" : "text";
	struct jval v = json_get(root, key);

	if (json_type(v) == type)
		return ERR_NONE;
	if (json_type(v) == JSON_NONE)
		return json_error(root, err, "is no result: it has no '%s'", key);
	return json_expected(v, err, "%s", word);
}

/* False if it is none of the words. */
static bool verdict_of(struct jval v, enum verdict *out)
{
	const char *word = json_string(v);

	for (int i = VERDICT_PASS; word && i <= VERDICT_ABORTED; i++) {
		*out = (enum verdict)i;
		if (strcmp(verdict_name(*out), word) == 0)
			return true;
	}
	return false;
}

static enum status check_schema(struct jval root, bool campaign, struct error *err)
{
	const char *schema = campaign ? "lpuchaos.campaign/1" : "lpuchaos.result/1";
	const char *found = json_string(json_get(root, "schema"));

	if (json_type(root) != JSON_OBJECT)
		return json_expected(root, err, "a result, an object");
	if (want(root, "schema", JSON_STRING, err))
		return err->code;
	if (strcmp(found, schema) != 0)
		return json_expected(json_get(root, "schema"), err, "\"%s\"", schema);
	return ERR_NONE;
}

/* A partial result may have null where it would have a list. */
static enum status check_tests(struct jval root, const char *key, struct error *err)
{
	struct jval list = json_get(root, key);
	enum verdict verdict;

	if (json_type(list) == JSON_NONE || json_type(list) == JSON_NULL)
		return ERR_NONE;
	if (json_type(list) != JSON_ARRAY)
		return json_expected(list, err, "a list");
	for (struct jval v = json_first(list); v.item; v = json_next(v)) {
		struct jval word = json_get(v, "verdict");

		if (json_type(v) != JSON_OBJECT)
			return json_expected(v, err, "an object");
		if (want(v, "id", JSON_STRING, err))
			return err->code;
		if (json_type(word) != JSON_NULL && !verdict_of(word, &verdict))
			return json_error(v, err, "is no judgement: it has no verdict");
	}
	return ERR_NONE;
}

static enum status check(struct pack_result *r, struct error *err)
{
	struct jval root = json_root(r->doc);

	if (check_schema(root, r->campaign, err) || want(root, "scenario", JSON_STRING, err) ||
	        want(root, "seed", JSON_NUMBER, err) || want(root, "verdict", JSON_STRING, err))
		return err->code;
	if (!verdict_of(json_get(root, "verdict"), &r->verdict))
		return json_expected(json_get(root, "verdict"), err, "a verdict");
	if (r->campaign)
		return want(root, "mode", JSON_STRING, err);
	if (want(root, "clock", JSON_STRING, err) || check_tests(root, "slo", err))
		return err->code;
	return check_tests(root, "expect", err);
}

enum status pack_result_read(const struct pack_entry *e, struct pack_result *out, struct error *err)
{
	const char *slash = strrchr(e->path, '/');
	const char *name = slash ? slash + 1 : e->path;

	*out = (struct pack_result){.entry = e, .campaign = strcmp(name, PACK_CAMPAIGN) == 0};
	if (slash)
		memcpy(out->folder, e->path, (size_t)(slash - e->path));
	if (read_json(e, &out->doc, err) || check(out, err)) {
		pack_result_free(out);
		return err->code;
	}
	return ERR_NONE;
}

void pack_result_free(struct pack_result *r)
{
	json_free(r->doc);
	r->doc = NULL;
}

/* --- the statement --- */

static struct statement_file file_of(const struct pack_entry *e)
{
	struct statement_file f = {.name = e->path};

	memcpy(f.sha256, e->sha256, DIGEST_BYTES);
	return f;
}

/* What decides a run: the files that were read, and what was made of them. */
static bool is_configuration(const struct pack_result *r, const char *path)
{
	static const char *const names[] = {"inputs.json", "bundle.json", "plan.json"};
	size_t n = strlen(r->folder);

	if (n) {
		if (strncmp(path, r->folder, n) != 0 || path[n] != '/')
			return false;
		path += n + 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(path, names[i]) == 0)
			return true;
	return strncmp(path, PACK_INPUTS "/", sizeof(PACK_INPUTS "/") - 1) == 0;
}

/* The names of tests by their verdict. */
struct tests {
	const char **names;
	size_t n;
};

static void add_test(const struct pack_result *r, enum verdict verdict, const char *id,
        struct arena *arena, struct tests by[static VERDICT_ABORTED + 1])
{
	struct tests *of = &by[verdict == VERDICT_ABORTED ? VERDICT_FAIL : verdict];

	of->names[of->n++] = arena_printf(arena, "%s%s%s", r->folder, r->folder[0] ? "/" : "", id);
}

static void add_tests(const struct pack_result *r, const char *key, struct arena *arena,
        struct tests by[static VERDICT_ABORTED + 1])
{
	struct jval list = json_get(json_root(r->doc), key);

	for (struct jval v = json_first(list); v.item; v = json_next(v)) {
		enum verdict verdict;

		if (!verdict_of(json_get(v, "verdict"), &verdict))
			verdict = VERDICT_INCONCLUSIVE;
		add_test(r, verdict, json_string(json_get(v, "id")), arena, by);
	}
}

static void sort_tests(const struct pack_result *r, struct arena *arena,
        struct tests by[static VERDICT_ABORTED + 1])
{
	struct jval root = json_root(r->doc);
	size_t most = json_count(json_get(root, "slo")) + json_count(json_get(root, "expect")) + 1;

	for (int i = VERDICT_PASS; i <= VERDICT_ABORTED; i++)
		by[i] = (struct tests){.names = ARENA_ARRAY(arena, const char *, most)};
	if (r->campaign) {
		add_test(r, r->verdict, json_string(json_get(root, "mode")), arena, by);
		return;
	}
	add_tests(r, "slo", arena, by);
	add_tests(r, "expect", arena, by);
}

void pack_result_statement(
        const struct pack_result *r, const struct pack_tree *t, struct json_out *o)
{
	static const enum statement_result words[] = {[VERDICT_PASS] = STATEMENT_PASSED,
	        [VERDICT_FAIL] = STATEMENT_FAILED,
	        [VERDICT_INCONCLUSIVE] = STATEMENT_WARNED,
	        [VERDICT_ABORTED] = STATEMENT_FAILED};
	struct statement_file subject = file_of(r->entry);
	struct statement_file *files = mem_alloc(t->n + 1, sizeof(*files));
	struct tests by[VERDICT_ABORTED + 1];
	struct statement_test test = {.result = words[r->verdict], .configuration = {files, 0}};
	struct arena arena;

	arena_init(&arena, 0);
	sort_tests(r, &arena, by);
	for (uint32_t i = 0; i < t->n; i++)
		if (is_configuration(r, t->entries[i].path))
			files[test.configuration.n++] = file_of(&t->entries[i]);
	test.passed = (struct statement_names){by[VERDICT_PASS].names, by[VERDICT_PASS].n};
	test.failed = (struct statement_names){by[VERDICT_FAIL].names, by[VERDICT_FAIL].n};
	test.warned = (struct statement_names){
	        by[VERDICT_INCONCLUSIVE].names, by[VERDICT_INCONCLUSIVE].n};
	statement_test_result(o, &(struct statement_files){&subject, 1}, &test);
	mem_free(files);
	arena_free(&arena);
}

/* --- the facts --- */

static void copy(struct json_out *o, const char *key, struct jval from)
{
	struct jval v = json_get(from, key);

	if (json_type(v) != JSON_NONE)
		json_out_value(o, key, v, false);
	else
		json_out_null(o, key);
}

void pack_result_facts(const struct pack_result *r, struct json_out *o)
{
	static const char *const of_run[] = {"scenario", "seed", "clock", "verdict", "partial",
	        "plan_digest", "traffic_digest", "result_digest", "model_version"};
	static const char *const of_campaign[] = {"scenario", "seed", "mode", "verdict", "cells",
	        "missing", "plan_digest", "model_version"};
	struct jval root = json_root(r->doc), engine = json_get(root, "engine");

	json_out_open(o, NULL, '{');
	json_out_str(o, "folder", r->folder);
	if (r->campaign) {
		for (size_t i = 0; i < ARRAY_LEN(of_campaign); i++)
			copy(o, of_campaign[i], root);
	} else {
		for (size_t i = 0; i < ARRAY_LEN(of_run); i++)
			copy(o, of_run[i], root);
		json_out_open(o, "tool", '{');
		json_out_str(o, "name", "lpuchaos");
		copy(o, "version", engine);
		copy(o, "commit", engine);
		json_out_close(o);
		copy(o, "replay", root);
	}
	json_out_close(o);
}
