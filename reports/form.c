/* Depth is that of the tables, never that of the input: what lies deeper than a table says is
 * refused where it begins. */
#include "reports/form.h"

#include <string.h>

const struct form_file form_files[FORM_FILES] = {
        {"result.json", "result.schema.json", "result of a run", &form_result, &form_begun,
                "requests"},
        {"score.json", "score.schema.json", "what a judgement rested on", &form_score, NULL, NULL},
        {"histograms.json", "histograms.schema.json", "histograms of a run", &form_histograms, NULL,
                NULL},
        {"faults.json", "faults.schema.json", "faults of a run and the windows that they cut",
                &form_faults, NULL, NULL},
        {"assumptions.json", "assumptions.schema.json", "numbers that a run rested on",
                &form_assumptions, NULL, NULL},
        {"inputs.json", "inputs.schema.json", "files that a run was read from", &form_inputs, NULL,
                NULL},
        {"bundle.json", "bundle.schema.json", "a scenario and all that it names", &form_bundle,
                NULL, NULL},
};

const struct form_file *form_of(const char *name)
{
	for (size_t i = 0; i < FORM_FILES; i++)
		if (!strcmp(form_files[i].name, name))
			return &form_files[i];
	return NULL;
}

static enum status check(const struct form *f, struct jval v, struct error *err);

static enum status absent(struct jval v, const char *key, struct error *err)
{
	return json_error(v, err, "expected the key '%s', found none", key);
}

static enum status check_object(const struct form *f, struct jval v, struct error *err)
{
	size_t known = 0;

	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "an object");
	for (size_t i = 0; i < f->n; i++) {
		struct jval member = json_get(v, f->of[i].name);

		if (json_type(member) == JSON_NONE) {
			if (!(f->of[i].flags & FORM_OPTIONAL))
				return absent(v, f->of[i].name, err);
			continue;
		}
		known++;
		if (check(&f->of[i], member, err))
			return err->code;
	}
	if (known == json_count(v))
		return ERR_NONE;
	for (struct jval m = json_first(v);; m = json_next(m)) {
		size_t i = 0;

		while (i < f->n && strcmp(json_key(m), f->of[i].name) != 0)
			i++;
		if (i == f->n)
			return json_error_key(
			        m, err, "expected no such key, found '%s'", json_key(m));
	}
}

static enum status check_each(const struct form *f, struct jval v, struct error *err)
{
	if (json_type(v) != JSON_OBJECT || json_count(v) != f->n)
		return json_expected(v, err, "an object with %zu members", f->n);
	for (size_t i = 0; i < f->n; i++) {
		struct jval member = json_get(v, f->choices[i]);

		if (json_type(member) == JSON_NONE)
			return absent(v, f->choices[i], err);
		if (check(f->of, member, err))
			return err->code;
	}
	return ERR_NONE;
}

static enum status check_elements(
        const struct form *f, struct jval v, enum json_type type, struct error *err)
{
	if (json_type(v) != type)
		return json_expected(v, err, type == JSON_ARRAY ? "a list" : "an object");
	for (struct jval e = json_first(v); json_type(e) != JSON_NONE; e = json_next(e))
		if (check(f->of, e, err))
			return err->code;
	return ERR_NONE;
}

static enum status check_count(struct jval v, struct error *err)
{
	struct error ignored = ERROR_INIT;
	int64_t n;

	if (json_i64(v, &n, &ignored) || n < 0)
		return json_expected(v, err, "a whole number of at least 0");
	return ERR_NONE;
}

static enum status check_pair(struct jval v, struct error *err)
{
	if (json_type(v) != JSON_ARRAY || json_count(v) != 2)
		return json_expected(v, err, "a list of two");
	return check_count(json_at(v, 0), err) ? err->code : check_count(json_at(v, 1), err);
}

static bool is_hex(const char *text)
{
	return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static enum status check_text(const struct form *f, struct jval v, struct error *err)
{
	static const char prefix[] = "sha256:";
	const char *text = json_string(v);
	const char *const *choice = f->choices;

	if (!text)
		return json_expected(v, err, "a text");
	if (f->kind == FORM_HEX && !is_hex(text))
		return json_expected(v, err, "64 hex digits");
	if (f->kind == FORM_DIGEST &&
	        (strncmp(text, prefix, strlen(prefix)) != 0 || !is_hex(text + strlen(prefix))))
		return json_expected(v, err, "'%s' and 64 hex digits", prefix);
	if (f->kind != FORM_CHOICE)
		return ERR_NONE;
	while (*choice && strcmp(*choice, text) != 0)
		choice++;
	if (!*choice)
		return json_expected(v, err, "one of the known words, like '%s'", f->choices[0]);
	return ERR_NONE;
}

static enum status check_number(const struct form *f, struct jval v, struct error *err)
{
	double number;
	int64_t whole;

	if (f->kind == FORM_SCALAR && json_type(v) == JSON_BOOL)
		return ERR_NONE;
	if (f->kind == FORM_WHOLE)
		return json_i64(v, &whole, err);
	if (json_real(v, &number, err))
		return err->code;
	if (f->kind == FORM_SUM && number < 0)
		return json_expected(v, err, "a whole number of at least 0");
	return ERR_NONE;
}

static enum status check(const struct form *f, struct jval v, struct error *err)
{
	if (json_type(v) == JSON_NULL && (f->flags & FORM_NULL))
		return ERR_NONE;
	switch (f->kind) {
	case FORM_ANY:
		return ERR_NONE;
	case FORM_NOTHING:
		return json_type(v) == JSON_NULL ? ERR_NONE : json_expected(v, err, "null");
	case FORM_FLAG:
		return json_type(v) == JSON_BOOL ? ERR_NONE
		                                 : json_expected(v, err, "true or false");
	case FORM_COUNT:
		return check_count(v, err);
	case FORM_SUM:
	case FORM_WHOLE:
	case FORM_NUMBER:
	case FORM_SCALAR:
		return check_number(f, v, err);
	case FORM_TEXT:
	case FORM_DIGEST:
	case FORM_HEX:
	case FORM_CHOICE:
		return check_text(f, v, err);
	case FORM_OBJECT:
		return check_object(f, v, err);
	case FORM_EACH:
		return check_each(f, v, err);
	case FORM_MAP:
		return check_elements(f, v, JSON_OBJECT, err);
	case FORM_LIST:
		return check_elements(f, v, JSON_ARRAY, err);
	case FORM_PAIR:
		return check_pair(v, err);
	}
	UNREACHABLE("every kind is named");
}

enum status form_check(const struct form_file *file, struct jval root, struct error *err)
{
	bool begun = file->begun && json_type(json_get(root, file->begun_by)) == JSON_NULL;

	return check(begun ? file->begun : file->form, root, err);
}
