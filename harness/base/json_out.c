/* The writer: one growing buffer, commas and indents kept by the nesting. What it writes is always
 * JSON: text that is no UTF-8 (an error message from a foreign server) gets U+FFFD for each bad
 * byte, and what is no number becomes null. */
#include "harness/base/json_doc.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024, REAL_TEXT_MAX = 32 };

static void put(struct json_out *o, const char *s, size_t n)
{
	if (n >= o->capacity - o->n) {
		while (n >= o->capacity - o->n)
			o->capacity *= 2;
		o->buf = mem_grow(o->buf, o->capacity, 1);
	}
	memcpy(o->buf + o->n, s, n);
	o->n += n;
	o->buf[o->n] = '\0';
}

static void put_text(struct json_out *o, const char *s)
{
	put(o, s, strlen(s));
}

void json_out_init(struct json_out *o, int indent)
{
	*o = (struct json_out){.indent = indent, .capacity = FIRST_CAPACITY};
	o->buf = mem_alloc(o->capacity, 1);
}

void json_out_free(struct json_out *o)
{
	mem_free(o->buf);
	*o = (struct json_out){.indent = o->indent};
}

static void put_escaped(struct json_out *o, unsigned char c)
{
	static const char letters[0x20] = {
	        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof(text), "\\%c", c);
	else if (letters[c])
		snprintf(text, sizeof(text), "\\%c", letters[c]);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	put_text(o, text);
}

static void put_string(struct json_out *o, const char *s, size_t n)
{
	size_t from = 0, at = 0;

	put(o, "\"", 1);
	while (at < n) {
		unsigned char c = (unsigned char)s[at];
		size_t len = json_utf8_len(s + at, n - at);

		if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
			at += len;
			continue;
		}
		put(o, s + from, at - from);
		if (len == 0)
			put_text(o, "\xef\xbf\xbd");
		else
			put_escaped(o, c);
		from = ++at;
	}
	put(o, s + from, at - from);
	put(o, "\"", 1);
}

static void put_line(struct json_out *o)
{
	if (o->indent == 0)
		return;
	put(o, "\n", 1);
	for (int i = 0; i < o->indent * o->depth; i++)
		put(o, " ", 1);
}

/* Comma, line and key before a value. */
static void begin(struct json_out *o, const char *key)
{
	bool object = o->depth > 0 && o->kind[o->depth - 1] == '{';

	CHECK(object == (key != NULL));
	CHECK(o->depth > 0 || o->n == 0); /* one value at the top */
	if (o->need_comma)
		put(o, ",", 1);
	if (o->depth > 0)
		put_line(o);
	if (key) {
		put_string(o, key, strlen(key));
		put_text(o, o->indent ? ": " : ":");
	}
	o->need_comma = true;
}

void json_out_open(struct json_out *o, const char *key, char kind)
{
	CHECK(kind == '{' || kind == '[');
	CHECK(o->depth < (int)ARRAY_LEN(o->kind));
	begin(o, key);
	put(o, &kind, 1);
	o->kind[o->depth++] = (unsigned char)kind;
	o->need_comma = false;
}

void json_out_close(struct json_out *o)
{
	bool empty = !o->need_comma;

	CHECK(o->depth > 0);
	o->depth--;
	if (!empty)
		put_line(o);
	put(o, o->kind[o->depth] == '{' ? "}" : "]", 1);
	o->need_comma = true;
}

void json_out_strn(struct json_out *o, const char *key, const char *s, size_t n)
{
	begin(o, key);
	put_string(o, s, n);
}

void json_out_str(struct json_out *o, const char *key, const char *s)
{
	if (s)
		json_out_strn(o, key, s, strlen(s));
	else
		json_out_null(o, key);
}

void json_out_i64(struct json_out *o, const char *key, int64_t v)
{
	char text[REAL_TEXT_MAX];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	json_out_raw(o, key, text);
}

void json_out_u64(struct json_out *o, const char *key, uint64_t v)
{
	char text[REAL_TEXT_MAX];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	json_out_raw(o, key, text);
}

/* Fifteen digits bring most doubles back; a subnormal may need as few as one. */
static void shortest_real(double v, char text[static REAL_TEXT_MAX])
{
	double magnitude = v < 0 ? -v : v;

	for (int digits = magnitude < 0x1p-1022 ? 1 : 15; digits <= 17; digits++) {
		snprintf(text, REAL_TEXT_MAX, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			return;
	}
}

void json_out_real(struct json_out *o, const char *key, double v)
{
	char text[REAL_TEXT_MAX];

	if (v - v != 0) { /* infinity or no number */
		json_out_null(o, key);
		return;
	}
	shortest_real(v, text);
	json_out_raw(o, key, text);
}

void json_out_bool(struct json_out *o, const char *key, bool v)
{
	json_out_raw(o, key, v ? "true" : "false");
}

void json_out_null(struct json_out *o, const char *key)
{
	json_out_raw(o, key, "null");
}

void json_out_raw(struct json_out *o, const char *key, const char *json_text)
{
	begin(o, key);
	put_text(o, json_text);
}

void json_out_default(struct json_out *o, const char *key, const struct field *f)
{
	if (!f->fallback)
		json_out_null(o, key);
	else if (f->type == FIELD_STRING || f->type == FIELD_NAME)
		json_out_str(o, key, f->fallback);
	else
		json_out_raw(o, key, f->fallback);
}

static void out_number(struct json_out *o, const char *key, struct jval v, bool canonical)
{
	struct error ignored = ERROR_INIT;
	char text[64 + 1];
	const char *source;
	int64_t integer;
	double real;
	size_t n;

	source = json_number_text(v, &n);
	CHECK(n < sizeof(text));
	memcpy(text, source, n);
	text[n] = '\0';
	if (!canonical)
		json_out_raw(o, key, text);
	else if (json_i64(v, &integer, &ignored) == ERR_NONE)
		json_out_i64(o, key, integer);
	else if (json_real(v, &real, &ignored) == ERR_NONE)
		json_out_real(o, key, real);
}

static void out_scalar(struct json_out *o, const char *key, struct jval v, bool canonical)
{
	switch (json_type(v)) {
	case JSON_BOOL:
		json_out_bool(o, key, json_is_true(v));
		return;
	case JSON_NUMBER:
		out_number(o, key, v, canonical);
		return;
	case JSON_STRING:
		json_out_str(o, key, json_string(v));
		return;
	default:
		json_out_null(o, key);
		return;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct cJSON *x = *(const struct cJSON *const *)a;
	const struct cJSON *y = *(const struct cJSON *const *)b;

	return strcmp(x->string, y->string);
}

/* The children of one open bracket, in the order of writing. */
struct level {
	struct cJSON **children;
	size_t n, at;
};

static void open_level(
        struct json_out *o, const char *key, struct jval v, bool sorted, struct level *level)
{
	bool object = json_type(v) == JSON_OBJECT;

	json_out_open(o, key, object ? '{' : '[');
	*level = (struct level){.children = mem_alloc(json_count(v), sizeof(struct cJSON *))};
	for (struct jval c = json_first(v); c.item; c = json_next(c))
		level->children[level->n++] = c.item;
	if (object && sorted)
		qsort(level->children, level->n, sizeof(struct cJSON *), by_key);
}

void json_out_value(struct json_out *o, const char *key, struct jval v, bool sorted)
{
	struct level levels[JSON_DEPTH_MAX];
	size_t depth = 0;

	for (;;) {
		if (json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) {
			CHECK(depth < ARRAY_LEN(levels));
			open_level(o, key, v, sorted, &levels[depth++]);
		} else {
			out_scalar(o, key, v, sorted);
		}
		while (depth > 0 && levels[depth - 1].at == levels[depth - 1].n) {
			mem_free(levels[--depth].children);
			json_out_close(o);
		}
		if (depth == 0)
			return;
		v.item = levels[depth - 1].children[levels[depth - 1].at++];
		key = json_key(v);
	}
}
