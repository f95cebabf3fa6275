/* Files to scenarios: a lone one, or a suite, whose matrix multiplies each of its scenarios.
 *
 * {"version": 1, "name": "s", "scenarios": ["a.json", {…}], "matrix": {"faults.flap.for": ["1s",
 * "2s"]}}
 *
 * A cell of the matrix is one choice of values, the last path running fastest. It is applied to a
 * scenario's document before --set, so that the command line has the last word, and its values are
 * appended to the scenario's name ("a-1s"), what is no part of a name by its number within the
 * list. */
#include <stdio.h>
#include <string.h>
#include "harness/run/claims.h"
#include "harness/run/edit.h"
#include "harness/run/scenario.h"

enum {
	MATRIX_PATHS_MAX = 16,
	SUITE_SCENARIOS_MAX = 10000,
	NAME_MAX_BYTES = 64,
	PATH_MAX_BYTES = 256
};

#define SUITE_ARENA_BYTES ((size_t)16 << 20)

struct suite_root {
	int64_t version;
	const char *name, *about;
	int clock;
	struct jval scenarios, matrix, claims, wall_part;
};

static const char *const clocks[] = {"wall", "virtual", NULL};

static const struct field suite_fields[] = {
        {.name = "version",
                .type = FIELD_INT,
                .offset = offsetof(struct suite_root, version),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = 1,
                .help = "of this format"},
        {.name = "name",
                .type = FIELD_NAME,
                .offset = offsetof(struct suite_root, name),
                .flags = FIELD_REQUIRED,
                .help = "of the suite"},
        {.name = "about",
                .type = FIELD_STRING,
                .offset = offsetof(struct suite_root, about),
                .help = "what the suite is to show"},
        {.name = "scenarios",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct suite_root, scenarios),
                .flags = FIELD_REQUIRED,
                .help = "files or scenarios"},
        {.name = "matrix",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct suite_root, matrix),
                .help = "path → values; each scenario is run for every combination"},
        {.name = "clock",
                .type = FIELD_ENUM,
                .offset = offsetof(struct suite_root, clock),
                .fallback = "\"wall\"",
                .choices = clocks,
                .help = "where the command line names none"},
        {.name = "wall_part",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct suite_root, wall_part),
                .help = "scenarios of a virtual suite that are run on the wall clock, too, where "
                        "it can"},
        {.name = "claims",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct suite_root, claims),
                .help = "what the scenarios are to show, in pairs of harm and remedy"},
};

/* The file that values of a matrix seem to come from until an error is put in its place. */
static const char matrix_origin[] = "matrix";

struct matrix {
	uint32_t n_paths, n_cells;
	struct jval paths[MATRIX_PATHS_MAX];
};

/* --- edits ------------------------------------------------------------------------------- */

static enum status apply_set(
        struct json *doc, const char *assignment, struct file_set *files, struct error *err)
{
	const char *equals = strchr(assignment, '=');
	char path[PATH_MAX_BYTES];
	size_t n = equals ? (size_t)(equals - assignment) : 0;

	if (n == 0 || n >= sizeof(path))
		return error_set(err, ERR_USAGE, "option --set: expected PATH=VALUE, found '%s'",
		        assignment);
	memcpy(path, assignment, n);
	path[n] = '\0';
	return edit_set(doc, path, equals + 1, "--set", files, err);
}

/* Seed and --set, in the order of the command line; the seed first, so that --set may still name
 * it. */
static enum status apply_options(struct json *doc, const struct scenario_options *options,
        struct file_set *files, struct error *err)
{
	char seed[24];

	if (json_type(json_root(doc)) != JSON_OBJECT)
		return json_expected(json_root(doc), err, "a scenario or a suite, an object");
	if (options->has_seed) {
		snprintf(seed, sizeof(seed), "%llu", (unsigned long long)options->seed);
		if (json_set(doc, "seed", seed, "--seed", err))
			return err->code;
	}
	for (uint32_t i = 0; i < options->n_set; i++)
		if (apply_set(doc, options->set[i], files, err))
			return err->code;
	return ERR_NONE;
}

/* --- the list ---------------------------------------------------------------------------- */

static void append(struct scenario_list *list, struct scenario *s)
{
	list->items = mem_grow(list->items, list->n + 1, sizeof(struct scenario *));
	list->items[list->n++] = s;
}

void scenario_list_free(struct scenario_list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		scenario_free(list->items[i]);
	for (uint32_t i = 0; i < list->n_suites; i++)
		suite_free(list->suites[i]);
	mem_free(list->items);
	mem_free(list->suites);
	*list = (struct scenario_list)SCENARIO_LIST_INIT;
}

/* Takes over the document and the files. */
static enum status add(struct json *doc, struct file_set *files,
        const struct scenario_options *options, struct scenario_list *list, struct error *err)
{
	struct scenario *s;

	if (apply_options(doc, options, files, err)) {
		json_free(doc);
		files_free(files);
		return err->code;
	}
	if (scenario_build(doc, files, &s, err))
		return err->code;
	s->given = *options;
	append(list, s);
	return ERR_NONE;
}

/* --- the matrix -------------------------------------------------------------------------- */

static enum status read_matrix(
        struct jval v, size_t n_scenarios, struct matrix *m, struct error *err)
{
	*m = (struct matrix){.n_cells = 1};
	for (struct jval path = json_first(v); json_type(path) != JSON_NONE;
	        path = json_next(path)) {
		size_t n = json_count(path);

		if (m->n_paths == MATRIX_PATHS_MAX)
			return json_error_key(path, err, "expected at most %d paths, found more",
			        MATRIX_PATHS_MAX);
		if (json_type(path) != JSON_ARRAY || n == 0)
			return json_expected(path, err, "a list of values");
		if (n > SUITE_SCENARIOS_MAX || m->n_cells * n > SUITE_SCENARIOS_MAX / n_scenarios)
			return json_expected(
			        path, err, "at most %d scenarios in all", SUITE_SCENARIOS_MAX);
		m->paths[m->n_paths++] = path;
		m->n_cells *= (uint32_t)n;
	}
	return ERR_NONE;
}

/* What a value adds to a name: its text where that can stand in one, else its number from 1 on. */
static void name_part(const char *text, size_t index, char *buf, size_t n)
{
	char plain[NAME_MAX_BYTES];
	size_t len = strlen(text);

	if (len >= 2 && text[0] == '"') {
		text++;
		len -= 2;
	}
	snprintf(plain, sizeof(plain), "%.*s", (int)len, text);
	if (len > 0 && len < 24 && strspn(plain, "abcdefghijklmnopqrstuvwxyz0123456789._") == len)
		snprintf(buf, n, "-%s", plain);
	else
		snprintf(buf, n, "-%zu", index + 1);
}

/* The value that cell number `cell` has for path number i, and its number in the list. */
static struct jval cell_value(const struct matrix *m, uint32_t cell, uint32_t i, size_t *index)
{
	uint32_t stride = m->n_cells;

	for (uint32_t k = 0; k <= i; k++) {
		cell %= stride;
		stride /= (uint32_t)json_count(m->paths[k]);
	}
	*index = cell / stride;
	return json_at(m->paths[i], *index);
}

/* What a cell put in is wrong where the matrix says it: a path that leads nowhere at the path, a
 * value that a scenario cannot have at the value. Other errors stay where they are. */
static enum status blame_cell(const struct matrix *m, uint32_t cell, struct error *err)
{
	struct error origin = *err;
	size_t index;

	if (strcmp(origin.file, matrix_origin) != 0)
		return err->code;
	for (uint32_t i = 0; i < m->n_paths; i++) {
		const char *key = json_key(m->paths[i]);
		unsigned line, col;

		if (i + 1 < m->n_paths && strncmp(origin.path, key, strlen(key)) != 0)
			continue;
		*err = (struct error)ERROR_INIT;
		if (!origin.line)
			return json_error_key(m->paths[i], err, "%s", origin.text);
		json_position(cell_value(m, cell, i, &index), &line, &col);
		return error_at(err, ERR_USAGE, json_file(m->paths[i].doc), line, col, origin.path,
		        "%s", origin.text);
	}
	return err->code;
}

static enum status apply_cell(struct json *doc, const struct matrix *m, uint32_t cell,
        struct file_set *files, struct error *err)
{
	char name[2 * NAME_MAX_BYTES], quoted[2 * NAME_MAX_BYTES + 2];
	const char *own = json_string(json_get(json_root(doc), "name"));
	size_t index;

	snprintf(name, sizeof(name), "%s", own ? own : "");
	for (uint32_t i = 0; i < m->n_paths; i++) {
		size_t at = strlen(name);
		struct json_out text;
		enum status rc;

		json_out_init(&text, 0);
		json_out_value(&text, NULL, cell_value(m, cell, i, &index), false);
		name_part(text.buf, index, name + at, sizeof(name) - at);
		rc = edit_set(doc, json_key(m->paths[i]), text.buf, matrix_origin, files, err);
		json_out_free(&text);
		if (rc)
			return rc;
	}
	if (m->n_paths == 0 || !own)
		return ERR_NONE;
	snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	return json_set(doc, "name", quoted, matrix_origin, err);
}

/* --- suites ------------------------------------------------------------------------------ */

/* A document of the scenario's own: elements may be used for many cells. */
static enum status open_element(
        struct jval v, struct json **doc, struct file_set *files, struct error *err)
{
	struct file_source *source;

	if (json_string(v)) {
		if (files_allowed(files, json_file(v.doc), json_string(v), err) ||
		        files_parse_source(json_file(v.doc), json_string(v), doc, &source, err))
			return files_blame(v, err);
		files_keep_source(files, source);
		file_source_release(source);
		if (json_type(json_get(json_root(*doc), "scenarios")) != JSON_NONE) {
			json_free(*doc);
			return json_expected(v, err, "a scenario (suites do not nest)");
		}
		return ERR_NONE;
	}
	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "a path or a scenario");
	*doc = json_extract(v);
	return ERR_NONE;
}

static enum status check_unique(
        const struct scenario_list *list, uint32_t first, struct jval v, struct error *err)
{
	const struct scenario *last = list->items[list->n - 1];

	for (uint32_t i = first; i + 1 < list->n; i++)
		if (strcmp(list->items[i]->name, last->name) == 0)
			return json_error(v, err,
			        "expected a name used once in the suite, found '%s' again",
			        last->name);
	return ERR_NONE;
}

static enum status add_element(struct jval v, const struct matrix *m, const char *suite,
        struct file_source *source, const struct scenario_options *options,
        struct scenario_list *list, uint32_t first, struct error *err)
{
	for (uint32_t cell = 0; cell < m->n_cells; cell++) {
		struct file_set *files = files_new(false);
		struct json *doc;
		struct scenario *s;

		files_fence(files, options->fence);
		files_keep_source(files, source);
		if (open_element(v, &doc, files, err)) {
			files_free(files);
			return err->code;
		}
		if (apply_cell(doc, m, cell, files, err)) {
			json_free(doc);
			files_free(files);
			return blame_cell(m, cell, err);
		}
		if (add(doc, files, options, list, err))
			return blame_cell(m, cell, err);
		if (check_unique(list, first, v, err))
			return err->code;
		s = list->items[list->n - 1];
		s->suite = arena_strndup(&s->arena, suite, strlen(suite));
	}
	return ERR_NONE;
}

/* What a suite says beside its scenarios. Takes over the document. */
static enum status keep_suite(struct json *doc, const struct suite_root *root, uint32_t first,
        struct scenario_list *list, struct error *err)
{
	struct suite *suite = mem_alloc(1, sizeof(*suite));

	list->suites = mem_grow(list->suites, list->n_suites + 1, sizeof(struct suite *));
	list->suites[list->n_suites++] = suite;
	for (uint32_t i = first; i < list->n; i++)
		list->items[i]->mate = list->items[i + 1 < list->n ? i + 1 : first];
	*suite = (struct suite){.name = root->name,
	        .first = first,
	        .n = list->n - first,
	        .virtual_clock = root->clock == 1,
	        .document = doc};
	arena_init(&suite->arena, SUITE_ARENA_BYTES);
	if (json_count(root->wall_part) > 0 && !suite->virtual_clock)
		return json_error(root->wall_part, err,
		        "expected \"clock\": \"virtual\" beside it, found a suite on the wall "
		        "clock");
	if (claims_names(root->wall_part, list, suite, &suite->wall, &suite->n_wall, err))
		return err->code;
	return claims_parse(root->claims, list, suite, err);
}

/* Takes over the document. */
static enum status load_suite(struct json *doc, struct file_source *source,
        const struct scenario_options *options, struct scenario_list *list, struct error *err)
{
	struct suite_root root;
	struct matrix matrix;
	uint32_t first = list->n;
	size_t n;

	if (json_read(json_root(doc), suite_fields, ARRAY_LEN(suite_fields), &root, err))
		goto out;
	n = json_count(root.scenarios);
	if (n == 0 || n > SUITE_SCENARIOS_MAX) {
		json_expected(root.scenarios, err, "1 to %d scenarios", SUITE_SCENARIOS_MAX);
		goto out;
	}
	if (read_matrix(root.matrix, n, &matrix, err))
		goto out;
	for (struct jval v = json_first(root.scenarios); json_type(v) != JSON_NONE;
	        v = json_next(v))
		if (add_element(v, &matrix, root.name, source, options, list, first, err))
			goto out;
	list->suite = list->items[list->n - 1]->suite;
	return keep_suite(doc, &root, first, list, err);
out:
	json_free(doc);
	return err->code;
}

enum status scenario_load(const char *file, const struct scenario_options *options,
        struct scenario_list *list, struct error *err)
{
	struct file_source *source;
	struct file_set *files;
	struct json *doc;
	enum status rc;

	if (files_parse_source("", file, &doc, &source, err))
		return err->code;
	if (json_type(json_get(json_root(doc), "scenarios")) == JSON_NONE) {
		files = files_new(false);
		files_fence(files, options->fence);
		files_keep_source(files, source);
		rc = add(doc, files, options, list, err);
	} else {
		rc = load_suite(doc, source, options, list, err);
	}
	file_source_release(source);
	return rc;
}

static enum status pick_named(const struct scenario_list *list, const char *name,
        const struct scenario **out, struct error *err)
{
	const char *near = NULL;

	for (uint32_t i = 0; i < list->n; i++) {
		const char *other = list->items[i]->name;

		if (strcmp(other, name) == 0) {
			*out = list->items[i];
			return ERR_NONE;
		}
		near = near ? near : error_nearest(name, &other, 1);
	}
	return error_set(err, ERR_USAGE,
	        "option --scenario: expected one of the %u scenarios%s%s%s, found '%s'", list->n,
	        near ? " (nearest is '" : "", near ? near : "", near ? "')" : "", name);
}

enum status scenario_pick(const struct scenario_list *list, const char *file, const char *name,
        const char *verb, const struct scenario **out, struct error *err)
{
	if (name)
		return pick_named(list, name, out, err);
	*out = list->items[0];
	if (list->n == 1)
		return ERR_NONE;
	return error_set(err, ERR_USAGE,
	        "expected one scenario to %s, found %u in '%s': --scenario names one, '%s' for "
	        "instance",
	        verb, list->n, file, list->items[0]->name);
}
