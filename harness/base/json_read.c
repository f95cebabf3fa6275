/* From values to C: single values first, then whole objects by a table of fields.
 *
 * A table is walked by the document, not the document by the table: members are read in the order
 * in which they were written, so the first mistake in the file is the one that is reported; then
 * the fields that were not met get their defaults or, if required, are missed.
 *
 * A default is written in the table as the text a user would write, because help, docs and schema
 * print it; it is read by the same functions as the user's. */
#include "harness/base/json_doc.h"
#include "harness/base/units.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64, LIMITS_TEXT_MAX = 96, NAME_MAX_BYTES = 64 };

/* All of text as a decimal integer that int64_t holds. */
static bool parse_i64(const char *text, size_t len, int64_t *out)
{
	bool negative = len > 0 && text[0] == '-';
	__int128 value = 0;

	if (len == negative || len > 20)
		return false;
	for (size_t i = negative; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	if (negative)
		value = -value;
	if (value > INT64_MAX || value < INT64_MIN)
		return false;
	*out = (int64_t)value;
	return true;
}

/* Also 1e6 and 4.0, which are integers written otherwise, where a double holds them exactly. */
static bool parse_integral(const char *text, size_t len, int64_t *out)
{
	double value;

	if (parse_i64(text, len, out))
		return true;
	value = strtod(text, NULL);
	if (!(value >= -0x1p53 && value <= 0x1p53) || (double)(int64_t)value != value ||
	        strcspn(text, ".eE") >= len)
		return false;
	*out = (int64_t)value;
	return true;
}

/* "2%" or 0.02 → 0.02. */
static bool parse_percent(const char *text, double *share)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || strcmp(end, "%") != 0 || (*text != '.' && (*text < '0' || *text > '9')))
		return false;
	*share = value / 100;
	return true;
}

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n <= NAME_MAX_BYTES && s[n] == '\0' && !strchr("._-", s[0]);
}

enum status json_i64(struct jval v, int64_t *out, struct error *err)
{
	const char *text;
	size_t n;

	if (json_type(v) != JSON_NUMBER)
		return json_expected(v, err, "an integer");
	text = json_number_text(v, &n);
	if (!parse_integral(text, n, out))
		return json_expected(v, err, "an integer that fits 64 bits");
	return ERR_NONE;
}

enum status json_real(struct jval v, double *out, struct error *err)
{
	size_t n;

	if (json_type(v) != JSON_NUMBER)
		return json_expected(v, err, "a number");
	*out = strtod(json_number_text(v, &n), NULL); /* finite: the lexer checked */
	return ERR_NONE;
}

enum status json_duration(struct jval v, int64_t *ns, struct error *err)
{
	const char *text = json_string(v);

	if (!text || !units_parse_duration(text, strlen(text), ns))
		return json_expected(v, err,
		        "a duration with its unit (ns, us, ms, s, m, h, d) such as \"20ms\"");
	return ERR_NONE;
}

/* --- limits --- */

static bool has_max(const struct field *f)
{
	return f->type == FIELD_REAL ? f->rmax != 0 || f->rmin < 0 : f->max != 0 || f->min < 0;
}

static bool has_min(const struct field *f)
{
	if (f->flags & FIELD_EXCLUSIVE_MIN || f->type == FIELD_DURATION)
		return true;
	return f->type == FIELD_REAL ? f->rmin != 0 || f->rmax != 0 : f->min != 0 || f->max != 0;
}

/* A limit as the user would write the value. */
static const char *limit_text(const struct field *f, bool upper, char buf[static 40])
{
	if (f->type == FIELD_REAL)
		snprintf(buf, 40, "%g", upper ? f->rmax : f->rmin);
	else if (f->type == FIELD_INT)
		snprintf(buf, 40, "%lld", (long long)(upper ? f->max : f->min));
	else
		units_format_duration(upper ? f->max : f->min, buf);
	return buf;
}

/* "a number above 0 and at most 1", "an integer of at least 1 (tokens)", … */
static enum status out_of_limits(struct jval v, const struct field *f, struct error *err)
{
	static const char *const nouns[] = {[FIELD_INT] = "an integer",
	        [FIELD_REAL] = "a number",
	        [FIELD_DURATION] = "a duration"};
	const char *above = f->flags & FIELD_EXCLUSIVE_MIN ? "above " : "of at least ";
	bool min = has_min(f), max = has_max(f);
	char low[40], high[40];

	return json_expected(v, err, "%s %s%s%s%s%s%s%s", nouns[f->type], min ? above : "",
	        min ? limit_text(f, false, low) : "", min && max ? " and " : "",
	        max ? "at most " : "", max ? limit_text(f, true, high) : "",
	        f->unit && f->type != FIELD_DURATION ? " " : "",
	        f->unit && f->type != FIELD_DURATION ? f->unit : "");
}

static bool within(const struct field *f, int64_t i, double d)
{
	bool exclusive = f->flags & FIELD_EXCLUSIVE_MIN;

	if (f->type == FIELD_REAL)
		return (!has_min(f) || (exclusive ? d > f->rmin : d >= f->rmin)) &&
		       (!has_max(f) || d <= f->rmax);
	return (!has_min(f) || (exclusive ? i > f->min : i >= f->min)) &&
	       (!has_max(f) || i <= f->max);
}

/* --- one field --- */

static size_t count_choices(const struct field *f)
{
	size_t n = 0;

	while (f->choices[n])
		n++;
	return n;
}

static int find_choice(const struct field *f, const char *word, size_t len)
{
	for (int i = 0; f->choices[i]; i++)
		if (strlen(f->choices[i]) == len && memcmp(f->choices[i], word, len) == 0)
			return i;
	return -1;
}

static enum status read_enum(struct jval v, const struct field *f, int *out, struct error *err)
{
	const char *word = json_string(v), *near = NULL;
	char list[ERROR_TEXT_MAX / 2] = "";
	size_t at = 0;

	*out = word ? find_choice(f, word, strlen(word)) : -1;
	if (*out >= 0)
		return ERR_NONE;
	for (size_t i = 0; f->choices[i] && at < sizeof(list) - 1; i++) {
		int n = snprintf(
		        list + at, sizeof(list) - at, "%s%s", i ? ", " : "", f->choices[i]);

		at += (size_t)n < sizeof(list) - at ? (size_t)n : sizeof(list) - at - 1;
	}
	if (word)
		near = error_nearest(word, f->choices, count_choices(f));
	return json_expected(v, err, "one of %s%s%s%s", list, near ? " (nearest is '" : "",
	        near ? near : "", near ? "')" : "");
}

static enum status read_percent(struct jval v, double *out, struct error *err)
{
	bool ok = false;

	if (json_type(v) == JSON_STRING) {
		ok = parse_percent(json_string(v), out);
	} else if (json_type(v) == JSON_NUMBER) {
		if (json_real(v, out, err) != ERR_NONE)
			return err->code;
		ok = true;
	}
	if (!ok || !(*out >= 0 && *out <= 1))
		return json_expected(
		        v, err, "a share from 0 to 1, or a percentage such as \"2%%\"");
	return ERR_NONE;
}

static enum status read_text(
        struct jval v, const struct field *f, const char **out, struct error *err)
{
	*out = json_string(v);
	if (!*out)
		return json_expected(v, err, "a string");
	if (f->type == FIELD_NAME && !is_name(*out))
		return json_expected(v, err,
		        "a name of 1 to 64 of a-z 0-9 . _ - that begins with a letter or digit");
	return ERR_NONE;
}

static enum status read_field(struct jval v, const struct field *f, void *target, struct error *err)
{
	int64_t *integer = target;
	double *real = target;

	switch (f->type) {
	case FIELD_BOOL:
		*(bool *)target = json_is_true(v);
		return json_type(v) == JSON_BOOL ? ERR_NONE
		                                 : json_expected(v, err, "true or false");
	case FIELD_INT:
		if (json_i64(v, integer, err) != ERR_NONE)
			return err->code;
		return within(f, *integer, 0) ? ERR_NONE : out_of_limits(v, f, err);
	case FIELD_REAL:
		if (json_real(v, real, err) != ERR_NONE)
			return err->code;
		return within(f, 0, *real) ? ERR_NONE : out_of_limits(v, f, err);
	case FIELD_DURATION:
		if (json_duration(v, integer, err) != ERR_NONE)
			return err->code;
		return within(f, *integer, 0) ? ERR_NONE : out_of_limits(v, f, err);
	case FIELD_STRING:
	case FIELD_NAME:
		return read_text(v, f, target, err);
	case FIELD_ENUM:
		return read_enum(v, f, target, err);
	case FIELD_PERCENT:
		return read_percent(v, real, err);
	case FIELD_VALUE:
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		*(struct jval *)target = v;
		if (f->type == FIELD_OBJECT && json_type(v) != JSON_OBJECT)
			return json_expected(v, err, "an object");
		if (f->type == FIELD_ARRAY && json_type(v) != JSON_ARRAY)
			return json_expected(v, err, "a list");
		return ERR_NONE;
	}
	UNREACHABLE("every field type is read above");
}

/* The inside of a default that is a JSON string. */
static const char *unquote(const char *text, size_t *len)
{
	*len = strlen(text);
	CHECK(*len >= 2 && text[0] == '"' && text[*len - 1] == '"');
	*len -= 2;
	return text + 1;
}

/* fallback NULL: zero. A default that does not read is a mistake in the table. */
static void set_default(const struct field *f, struct json *doc, void *target)
{
	const char *text = f->fallback;
	bool ok = true;
	size_t len;

	switch (f->type) {
	case FIELD_BOOL:
		*(bool *)target = text && strcmp(text, "true") == 0;
		break;
	case FIELD_INT:
		*(int64_t *)target = 0;
		if (text)
			ok = parse_integral(text, strlen(text), target);
		break;
	case FIELD_DURATION:
		*(int64_t *)target = 0;
		if (text) {
			text = unquote(text, &len);
			ok = units_parse_duration(text, len, target);
		}
		break;
	case FIELD_REAL:
	case FIELD_PERCENT: {
		double value = text ? strtod(text[0] == '"' ? text + 1 : text, NULL) : 0;

		*(double *)target = text && text[0] == '"' ? value / 100 : value;
		break;
	}
	case FIELD_STRING:
	case FIELD_NAME:
		ok = !text || text[0] != '"'; /* the target points at it */
		*(const char **)target = text;
		break;
	case FIELD_ENUM:
		*(int *)target = 0;
		if (text) {
			text = unquote(text, &len);
			*(int *)target = find_choice(f, text, len);
			ok = *(int *)target >= 0;
		}
		break;
	case FIELD_VALUE:
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		*(struct jval *)target = (struct jval){.doc = doc};
		break;
	}
	CHECK(ok);
}

void json_defaults(const struct field *fields, size_t n, void *out)
{
	for (size_t i = 0; i < n; i++)
		set_default(&fields[i], NULL, (char *)out + fields[i].offset);
}

/* --- tables --- */

/* Two tables read as one: index i counts through the first, then the second. */
struct tables {
	const struct field *f1, *f2;
	size_t n1, n2;
	char *out1, *out2;
};

static const struct field *field_at(const struct tables *t, size_t i, void **target)
{
	const struct field *f = i < t->n1 ? &t->f1[i] : &t->f2[i - t->n1];

	*target = (i < t->n1 ? t->out1 : t->out2) + f->offset;
	return f;
}

static enum status unknown_key(struct jval member, const struct tables *t, struct error *err)
{
	const char *names[FIELDS_MAX], *near;
	void *target;

	for (size_t i = 0; i < t->n1 + t->n2; i++)
		names[i] = field_at(t, i, &target)->name;
	near = error_nearest(json_key(member), names, t->n1 + t->n2);
	if (near)
		return json_error_key(member, err,
		        "expected a known key (nearest is '%s'), found '%s'", near,
		        json_key(member));
	return json_error_key(member, err, "expected a known key, found '%s'", json_key(member));
}

static enum status read_members(
        struct jval object, const struct tables *t, uint64_t *seen, struct error *err)
{
	size_t n = t->n1 + t->n2;

	for (struct jval m = json_first(object); m.item; m = json_next(m)) {
		const struct field *f = NULL;
		void *target = NULL;
		size_t i;

		for (i = 0; i < n; i++) {
			f = field_at(t, i, &target);
			if (strcmp(f->name, json_key(m)) == 0)
				break;
		}
		if (i == n)
			return unknown_key(m, t, err);
		if (read_field(m, f, target, err) != ERR_NONE)
			return err->code;
		*seen |= UINT64_C(1) << i;
	}
	return ERR_NONE;
}

enum status json_read2(struct jval v, const struct field *f1, size_t n1, void *out1,
        const struct field *f2, size_t n2, void *out2, struct error *err)
{
	struct tables t = {.f1 = f1, .f2 = f2, .n1 = n1, .n2 = n2, .out1 = out1, .out2 = out2};
	uint64_t seen = 0;

	CHECK(n1 + n2 <= FIELDS_MAX);
	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "an object");
	if (read_members(v, &t, &seen, err) != ERR_NONE)
		return err->code;
	for (size_t i = 0; i < n1 + n2; i++) {
		void *target;
		const struct field *f = field_at(&t, i, &target);

		if (seen >> i & 1)
			continue;
		if (f->flags & FIELD_REQUIRED)
			return json_error(v, err, "expected the key '%s', found none", f->name);
		set_default(f, v.doc, target);
	}
	return ERR_NONE;
}

enum status json_read(
        struct jval v, const struct field *fields, size_t n, void *out, struct error *err)
{
	return json_read2(v, fields, n, out, NULL, 0, NULL, err);
}

enum status json_choice(
        struct jval v, const char *key, const char *const *choices, int *out, struct error *err)
{
	const struct field f = {.name = key, .type = FIELD_ENUM, .choices = choices};
	struct jval member;

	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "an object");
	member = json_get(v, key);
	if (json_type(member) == JSON_NONE)
		return json_error(v, err, "expected the key '%s', found none", key);
	return read_enum(member, &f, out, err);
}
