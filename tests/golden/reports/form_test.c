/* docs/schema/ of the files of a result is written from the tables that they are checked by
 * (UPDATE_GOLDEN=1), and those tables let nothing pass: every member of every file, left out,
 * doubled by another name, or of another kind, is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "reports/form.h"
#include "tests/support/deployment_text.h"
#include "tests/support/golden.h"
#include "tests/support/run_suite.h"
#include "tests/support/schema.h"

/* --- the schemas ------------------------------------------------------------------------- */

enum { DEFS_MAX = 16 };

struct defs {
	const struct form *def[DEFS_MAX];
	size_t n;
};

static void out_form(struct json_out *o, const char *key, const struct form *f, struct defs *defs);

static void out_members(struct json_out *o, const struct form *f, struct defs *defs)
{
	json_out_bool(o, "additionalProperties", false);
	json_out_open(o, "required", '[');
	for (size_t i = 0; i < f->n; i++)
		if (f->kind == FORM_EACH || !(f->of[i].flags & FORM_OPTIONAL))
			json_out_str(o, NULL, f->kind == FORM_EACH ? f->choices[i] : f->of[i].name);
	json_out_close(o);
	json_out_open(o, "properties", '{');
	for (size_t i = 0; i < f->n; i++) {
		if (f->kind == FORM_EACH)
			out_form(o, f->choices[i], f->of, defs);
		else
			out_form(o, f->of[i].name, &f->of[i], defs);
	}
	json_out_close(o);
}

static void out_reference(struct json_out *o, const struct form *f, struct defs *defs)
{
	char path[64];
	size_t i = 0;

	while (i < defs->n && strcmp(defs->def[i]->def, f->def) != 0)
		i++;
	if (i == defs->n) {
		ck_assert(i < DEFS_MAX);
		defs->def[defs->n++] = f;
	}
	ck_assert_msg(defs->def[i]->of == f->of, "two forms are called %s", f->def);
	snprintf(path, sizeof(path), "#/$defs/%s", f->def);
	json_out_str(o, "$ref", path);
}

static void out_words(struct json_out *o, const struct form *f)
{
	json_out_open(o, "enum", '[');
	for (size_t i = 0; f->choices[i]; i++)
		json_out_str(o, NULL, f->choices[i]);
	if (f->flags & FORM_NULL)
		json_out_null(o, NULL);
	json_out_close(o);
}

/* "type": "number", or ["number", "null"]. */
static void out_type(struct json_out *o, const struct form *f)
{
	static const char *const types[] = {[FORM_NOTHING] = "null",
	        [FORM_FLAG] = "boolean",
	        [FORM_COUNT] = "integer",
	        [FORM_SUM] = "integer",
	        [FORM_WHOLE] = "integer",
	        [FORM_NUMBER] = "number",
	        [FORM_SCALAR] = "number",
	        [FORM_TEXT] = "string",
	        [FORM_DIGEST] = "string",
	        [FORM_HEX] = "string",
	        [FORM_OBJECT] = "object",
	        [FORM_EACH] = "object",
	        [FORM_MAP] = "object",
	        [FORM_LIST] = "array",
	        [FORM_PAIR] = "array"};

	if (!(f->flags & FORM_NULL) && f->kind != FORM_SCALAR) {
		json_out_str(o, "type", types[f->kind]);
		return;
	}
	json_out_open(o, "type", '[');
	json_out_str(o, NULL, types[f->kind]);
	if (f->kind == FORM_SCALAR)
		json_out_str(o, NULL, "boolean");
	if (f->flags & FORM_NULL)
		json_out_str(o, NULL, "null");
	json_out_close(o);
}

static void out_form(struct json_out *o, const char *key, const struct form *f, struct defs *defs)
{
	json_out_open(o, key, '{');
	if (f->def && !(f->flags & FORM_NULL)) {
		out_reference(o, f, defs);
	} else if (f->def) {
		json_out_open(o, "anyOf", '[');
		json_out_open(o, NULL, '{');
		out_reference(o, f, defs);
		json_out_close(o);
		json_out_raw(o, NULL, "{\"type\":\"null\"}");
		json_out_close(o);
	} else if (f->kind == FORM_CHOICE) {
		out_words(o, f);
	} else if (f->kind != FORM_ANY) {
		out_type(o, f);
		if (f->kind == FORM_COUNT || f->kind == FORM_SUM)
			json_out_i64(o, "minimum", 0);
		if (f->kind == FORM_DIGEST || f->kind == FORM_HEX)
			json_out_str(o, "pattern",
			        f->kind == FORM_HEX ? "^[0-9a-f]{64}$" : "^sha256:[0-9a-f]{64}$");
		if (f->kind == FORM_OBJECT || f->kind == FORM_EACH)
			out_members(o, f, defs);
		if (f->kind == FORM_MAP)
			out_form(o, "additionalProperties", f->of, defs);
		if (f->kind == FORM_LIST)
			out_form(o, "items", f->of, defs);
		if (f->kind == FORM_PAIR)
			json_out_raw(o, "items", "{\"type\":\"integer\",\"minimum\":0}");
		if (f->kind == FORM_PAIR) {
			json_out_i64(o, "minItems", 2);
			json_out_i64(o, "maxItems", 2);
		}
	}
	json_out_close(o);
}

static void out_defs(struct json_out *o, struct defs *defs)
{
	json_out_open(o, "$defs", '{');
	for (size_t i = 0; i < defs->n; i++) { /* one may name another */
		struct form plain = *defs->def[i];

		plain.def = NULL;
		plain.flags = 0;
		out_form(o, defs->def[i]->def, &plain, defs);
	}
	json_out_close(o);
}

START_TEST(the_schemas_are_the_tables)
{
	for (size_t i = 0; i < FORM_FILES; i++) {
		const struct form_file *f = &form_files[i];
		struct defs defs = {.n = 0};
		char path[128], title[128];
		struct json_out o;

		snprintf(path, sizeof(path), "docs/schema/%s", f->schema);
		snprintf(title, sizeof(title), "lpuchaos: %s", f->title);
		schema_open(&o, f->schema, title);
		json_out_open(&o, "oneOf", '[');
		out_form(&o, NULL, f->form, &defs);
		if (f->begun)
			out_form(&o, NULL, f->begun, &defs);
		json_out_close(&o);
		out_defs(&o, &defs);
		json_out_close(&o);
		golden_matches(path, o.buf, o.n);
		json_out_free(&o);
	}
}
END_TEST

/* --- how strict they are ----------------------------------------------------------------- */

enum change { LEAVE_OUT, ADD, OTHER_KIND, CHANGES };

/* A copy of a file with one place changed. */
struct mutation {
	struct json_out o;
	size_t at, seen; /* which place; how many have been copied */
	enum change change;
	bool done, harmless; /* whether there was such a place, and nothing can be wrong with it */
	const char *where;
};

static bool is_object(const struct form *f)
{
	return f->kind == FORM_OBJECT || f->kind == FORM_EACH;
}

/* The form of a member or element; parent: of what it is in. */
static const struct form *inner(const struct form *parent, const char *key)
{
	if (parent->kind != FORM_OBJECT)
		return parent->of;
	for (size_t i = 0; i < parent->n; i++)
		if (!strcmp(parent->of[i].name, key))
			return &parent->of[i];
	ck_abort_msg("%s is in no table", key);
}

static void other_kind(struct mutation *m, const char *key, const struct form *f, struct jval v)
{
	m->harmless = f->kind == FORM_ANY;
	if (json_type(v) == JSON_STRING || json_type(v) == JSON_NULL)
		json_out_raw(&m->o, key, "[1.5]");
	else
		json_out_str(&m->o, key, "?");
}

static void copy(struct mutation *m, const char *key, const struct form *parent,
        const struct form *f, struct jval v);

static void copy_inside(struct mutation *m, const char *key, const struct form *f, struct jval v)
{
	bool object = json_type(v) == JSON_OBJECT;
	size_t left = object ? SIZE_MAX : 3; /* elements of a list are all alike */
	bool deeper = f->kind != FORM_ANY && f->kind != FORM_PAIR;

	if ((!object && json_type(v) != JSON_ARRAY) || !deeper) {
		json_out_value(&m->o, key, v, false);
		return;
	}
	json_out_open(&m->o, key, object ? '{' : '[');
	for (struct jval e = json_first(v); json_type(e) != JSON_NONE && left > 0;
	        e = json_next(e)) {
		copy(m, json_key(e), f, inner(f, json_key(e)), e);
		left--;
	}
	json_out_close(&m->o);
}

static void copy(struct mutation *m, const char *key, const struct form *parent,
        const struct form *f, struct jval v)
{
	if (m->seen++ != m->at) {
		copy_inside(m, key, f, v);
		return;
	}
	m->done = true;
	m->where = f->name ? f->name : key;
	if (m->change == OTHER_KIND) {
		other_kind(m, key, f, v);
		return;
	}
	m->harmless = !is_object(parent) || (m->change == LEAVE_OUT && (f->flags & FORM_OPTIONAL));
	if (m->change == ADD)
		copy_inside(m, key, f, v);
	if (m->change == ADD && key)
		json_out_str(&m->o, "newcomer", "?");
}

/* Whether the file, changed there, is refused as it should be; false behind the last place. */
static bool try_place(const struct form_file *file, struct json *doc, size_t at, enum change change)
{
	const struct form *form = file->form;
	struct mutation m = {.at = at, .change = change};
	struct jval root = json_root(doc);
	struct error err = ERROR_INIT;
	struct json *changed;

	json_out_init(&m.o, 0);
	json_out_open(&m.o, NULL, '{');
	for (struct jval e = json_first(root); json_type(e) != JSON_NONE; e = json_next(e))
		copy(&m, json_key(e), form, inner(form, json_key(e)), e);
	json_out_close(&m.o);
	ck_assert_int_eq(json_parse(file->name, m.o.buf, m.o.n, &changed, &err), ERR_NONE);
	if (m.done && !m.harmless)
		ck_assert_msg(form_check(file, json_root(changed), &err) == ERR_USAGE,
		        "%s: place %zu, %s: change %d passes", file->name, at,
		        m.where ? m.where : "an element", (int)change);
	else if (!m.done)
		ck_assert_int_eq(form_check(file, json_root(changed), &err), ERR_NONE);
	json_free(changed);
	json_out_free(&m.o);
	return m.done;
}

static const struct {
	const char *name, *text; /* NULL: the golden file of that name */
} examples[] = {
        {"result.json", NULL},
        {"score.json", NULL},
        {"histograms.json", NULL},
        {"faults.json", NULL},
        {"assumptions.json",
                "{\"schema\":\"lpuchaos.assumptions/1\",\"scenario\":\"s\",\"seed\":1,"
                "\"clock\":\"wall\",\"assumptions\":[{\"path\":\"a.b\",\"value\":[1],"
                "\"unit\":null,\"label\":\"fact\",\"source\":\"book\",\"stated\":true}]}"},
        {"inputs.json",
                "{\"schema\":\"lpuchaos.inputs/1\",\"scenario\":\"s\",\"seed\":1,\"set\":[\"a=b\"],"
                "\"main\":\"s.json\",\"files\":[{\"path\":\"s.json\",\"role\":\"scenario\","
                "\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
                "\"kept\":true}]}"},
        {"bundle.json",
                "{\"file\":\"s.json\",\"scenario\":{\"version\":1},\"files\":{\"d\":{\"x\":1}},"
                "\"traces\":{\"t\":{\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789"
                "abcdef0123456789abcdef\",\"emitted\":5}}}"},
};

static struct json *example(size_t i)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	char path[512], *text;
	size_t n;

	if (examples[i].text) {
		ck_assert_int_eq(json_parse(examples[i].name, examples[i].text,
		                         strlen(examples[i].text), &doc, &err),
		        ERR_NONE);
		return doc;
	}
	snprintf(path, sizeof(path), LPC_SOURCE_DIR "/tests/golden/reports/%s", examples[i].name);
	text = file_text(path, &n);
	ck_assert_msg(text, "%s is missing", path);
	ck_assert_int_eq(json_parse(examples[i].name, text, n, &doc, &err), ERR_NONE);
	mem_free(text);
	return doc;
}

START_TEST(every_member_counts)
{
	ck_assert_uint_eq(ARRAY_LEN(examples), FORM_FILES);
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		const struct form_file *file = form_of(examples[i].name);
		struct json *doc = example(i);
		struct error err = ERROR_INIT;

		ck_assert_ptr_nonnull(file);
		ck_assert_msg(!form_check(file, json_root(doc), &err), "%s: %s: %s",
		        examples[i].name, err.path, err.text);
		for (int change = 0; change < CHANGES; change++)
			for (size_t at = 0; try_place(file, doc, at, (enum change)change); at++)
				continue;
		json_free(doc);
	}
	ck_assert_ptr_null(form_of("capture.pcap"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("form");

	add_test(suite, "the schemas are the tables", the_schemas_are_the_tables);
	add_test(suite, "every member counts", every_member_counts);
	return run_suite(suite);
}
