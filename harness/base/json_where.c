/* Where a value stands and how to say so: positions, dotted paths, and the "expected …, found …"
 * line that every reader of files here ends in. */
#include "harness/base/json_doc.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FOUND_MAX = 48 /* bytes of a found string or number that are shown */ };

const struct json_record *json_record(struct jval v)
{
	CHECK(v.item != NULL);
	return &v.doc->records.v[v.item->valueint];
}

const char *json_number_text(struct jval v, size_t *len)
{
	const struct json_record *r = json_record(v);
	const char *text = r->source->text + r->at;

	*len = strspn(text, "0123456789+-.eE");
	return text;
}

void json_position(struct jval v, unsigned *line, unsigned *col)
{
	*line = *col = 0;
	if (v.item)
		json_locate(json_record(v)->source, json_record(v)->at, line, col);
}

const char *json_element_name(struct jval element)
{
	const char *name = json_string(json_get(element, "id"));

	return name && *name ? name : json_string(json_get(element, "name"));
}

/* The number of elements if it is none of them: a value that json_set has not put in yet. */
static size_t index_of(const struct cJSON *parent, const struct cJSON *element)
{
	size_t i = 0;

	for (const struct cJSON *e = parent->child; e && e != element; e = e->next)
		i++;
	return i;
}

/* Appends text, cut at the buffer's end. */
static LPC_PRINTF(4, 5) void append(char *buf, size_t size, size_t *at, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf + *at, size - *at, fmt, args);
	va_end(args);
	*at += (size_t)n < size - *at ? (size_t)n : size - *at - 1;
}

void json_path(struct jval v, char *buf, size_t n)
{
	struct cJSON *chain[JSON_DEPTH_MAX + 1];
	size_t depth = 0, at = 0;

	CHECK(n > 0);
	buf[0] = '\0';
	for (const struct json_record *r = v.item ? json_record(v) : NULL;
	        r && r->parent != JSON_NOWHERE; r = &v.doc->records.v[r->parent]) {
		CHECK(depth < ARRAY_LEN(chain));
		chain[depth++] = r->item;
	}
	while (depth-- > 0) {
		struct jval e = {v.doc, chain[depth]};
		const char *name = e.item->string ? e.item->string : json_element_name(e);
		const char *dot = at ? "." : "";
		struct cJSON *parent = v.doc->records.v[json_record(e)->parent].item;

		if (name)
			append(buf, n, &at, "%s%s", dot, name);
		else
			append(buf, n, &at, "%s%zu", dot, index_of(parent, e.item));
	}
}

/* What v is, for "found …". */
static void describe(struct jval v, char *buf, size_t size)
{
	const char *text;
	size_t n;

	switch (json_type(v)) {
	case JSON_NONE:
		snprintf(buf, size, "nothing");
		return;
	case JSON_NULL:
		snprintf(buf, size, "null");
		return;
	case JSON_BOOL:
		snprintf(buf, size, "%s", json_is_true(v) ? "true" : "false");
		return;
	case JSON_NUMBER:
		text = json_number_text(v, &n);
		snprintf(buf, size, "%.*s", (int)n, text);
		return;
	case JSON_STRING:
		text = json_string(v);
		n = strlen(text);
		if (n <= FOUND_MAX) {
			snprintf(buf, size, "\"%s\"", text);
			return;
		}
		for (n = FOUND_MAX; ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
		snprintf(buf, size, "\"%.*s…\"", (int)n, text);
		return;
	case JSON_ARRAY:
		snprintf(buf, size, v.item->child ? "a list" : "an empty list");
		return;
	case JSON_OBJECT:
		snprintf(buf, size, v.item->child ? "an object" : "an empty object");
		return;
	}
}

/* Fills err at v; at_key: at the key before it, where there is one in the same text. */
static void report(struct jval v, bool at_key, const char *text, struct error *err)
{
	char path[ERROR_PATH_MAX];
	unsigned line = 0, col = 0;
	const char *file = json_file(v.doc);

	json_path(v, path, sizeof(path));
	if (v.item) {
		const struct json_record *r = json_record(v);

		file = r->source->file;
		json_locate(r->source, at_key && r->key_at != JSON_NOWHERE ? r->key_at : r->at,
		        &line, &col);
	}
	error_at(err, ERR_USAGE, file, line, col, path, "%s", text);
}

enum status json_expected(struct jval v, struct error *err, const char *fmt, ...)
{
	char expected[ERROR_TEXT_MAX], found[2 * FOUND_MAX], text[2 * ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(expected, sizeof(expected), fmt, args);
	va_end(args);
	describe(v, found, sizeof(found));
	snprintf(text, sizeof(text), "expected %s, found %s", expected, found);
	report(v, false, text, err);
	return ERR_USAGE;
}

enum status json_error(struct jval v, struct error *err, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report(v, false, text, err);
	return ERR_USAGE;
}

enum status json_error_key(struct jval v, struct error *err, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report(v, true, text, err);
	return ERR_USAGE;
}
