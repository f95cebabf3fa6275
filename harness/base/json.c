/* A document: the lexer's records and cJSON's tree of the same text, joined by walking both in
 * pre-order. Duplicate keys are looked for on the joined tree, where keys are decoded ("a" is
 * "\u0061") and one sort an object keeps a hostile million of them affordable. */
#include "harness/base/json_doc.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

struct json_source *json_source_new(const char *file, const char *text, size_t len)
{
	struct json_source *s = mem_alloc(1, sizeof(*s));

	s->file = mem_alloc(strlen(file) + 1, 1);
	memcpy(s->file, file, strlen(file));
	s->text = mem_alloc(len + 1, 1);
	memcpy(s->text, text, len);
	s->len = len;
	return s;
}

void json_add_source(struct json *doc, struct json_source *source)
{
	doc->sources = mem_grow(doc->sources, doc->n_sources + 1, sizeof(*doc->sources));
	doc->sources[doc->n_sources++] = source;
	source->users++;
}

void json_free(struct json *doc)
{
	if (!doc)
		return;
	for (uint32_t i = 0; i < doc->n_sources; i++) {
		struct json_source *s = doc->sources[i];

		if (--s->users > 0)
			continue;
		mem_free(s->file);
		mem_free(s->text);
		mem_free(s);
	}
	mem_free(doc->sources);
	mem_free(doc->records.v);
	cJSON_Delete(doc->root);
	mem_free(doc);
}

struct cJSON *json_walk(const struct json *doc, const struct cJSON *top, struct cJSON *item)
{
	if (item->child)
		return item->child;
	while (item != top) {
		if (item->next)
			return item->next;
		item = doc->records.v[doc->records.v[item->valueint].parent].item;
	}
	return NULL;
}

static void join(struct json *doc, struct cJSON *top, uint32_t first)
{
	uint32_t index = first;

	for (struct cJSON *item = top; item; item = json_walk(doc, top, item)) {
		CHECK(index < doc->records.n);
		doc->records.v[index].item = item;
		item->valueint = (int)index++;
	}
	CHECK(index == doc->records.n);
}

static int by_key_then_place(const void *a, const void *b)
{
	const struct cJSON *x = *(const struct cJSON *const *)a;
	const struct cJSON *y = *(const struct cJSON *const *)b;
	int order = strcmp(x->string, y->string);

	return order ? order : (x->valueint > y->valueint) - (x->valueint < y->valueint);
}

/* The first member whose key an earlier one has, and that earlier one. */
static struct cJSON *find_repeat(
        struct cJSON *object, struct cJSON **members, size_t n, const struct cJSON **earlier)
{
	struct cJSON *found = NULL;

	n = 0;
	for (struct cJSON *m = object->child; m; m = m->next)
		members[n++] = m;
	qsort(members, n, sizeof(struct cJSON *), by_key_then_place);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(members[i - 1]->string, members[i]->string) != 0)
			continue;
		if (!found || members[i]->valueint < found->valueint) {
			found = members[i];
			*earlier = members[i - 1];
		}
	}
	return found;
}

static enum status refuse_repeats(struct json *doc, struct cJSON *top, struct error *err)
{
	struct cJSON **members = NULL;
	size_t capacity = 0;

	for (struct cJSON *item = top; item; item = json_walk(doc, top, item)) {
		const struct cJSON *earlier = NULL;
		struct cJSON *repeat;
		size_t n = 0;

		if (!cJSON_IsObject(item))
			continue;
		for (struct cJSON *m = item->child; m; m = m->next)
			n++;
		if (n > capacity) {
			capacity = n;
			members = mem_grow(members, n, sizeof(struct cJSON *));
		}
		repeat = n > 1 ? find_repeat(item, members, n, &earlier) : NULL;
		if (repeat) {
			const struct json_record *first = &doc->records.v[earlier->valueint];
			unsigned line, col;

			json_locate(first->source, first->key_at, &line, &col);
			json_error_key((struct jval){doc, repeat}, err,
			        "expected each key once, found '%s' again (first at %u:%u)",
			        repeat->string, line, col);
			break;
		}
	}
	mem_free(members);
	return err->code;
}

struct cJSON *json_build(
        struct json *doc, struct json_source *source, uint32_t parent, struct error *err)
{
	uint32_t first = doc->records.n;
	struct cJSON *top = NULL;
	char *blanked;

	json_add_source(doc, source);
	if (source->len > JSON_SIZE_MAX) {
		error_at(err, ERR_USAGE, source->file, 0, 0, NULL,
		        "expected at most %d bytes of JSON, found %zu", JSON_SIZE_MAX, source->len);
		return NULL;
	}
	blanked = mem_alloc(source->len + 1, 1);
	if (json_lex(source, parent, &doc->records, blanked, err) != ERR_NONE)
		goto out;
	top = cJSON_ParseWithLength(blanked, source->len + 1);
	CHECK(top != NULL); /* the lexer is stricter than cJSON */
	join(doc, top, first);
	if (refuse_repeats(doc, top, err) != ERR_NONE) {
		cJSON_Delete(top);
		top = NULL;
	}
out:
	if (!top)
		doc->records.n = first;
	mem_free(blanked);
	return top;
}

enum status json_parse(
        const char *file, const char *text, size_t len, struct json **out, struct error *err)
{
	struct json *doc = mem_alloc(1, sizeof(*doc));

	doc->root = json_build(doc, json_source_new(file, text, len), JSON_NOWHERE, err);
	if (!doc->root) {
		json_free(doc);
		*out = NULL;
		return err->code;
	}
	*out = doc;
	return ERR_NONE;
}

struct jval json_root(struct json *doc)
{
	return (struct jval){doc, doc->root};
}

const char *json_file(const struct json *doc)
{
	return doc->sources[0]->file;
}

enum json_type json_type(struct jval v)
{
	if (!v.item)
		return JSON_NONE;
	switch (v.item->type & 0xff) {
	case cJSON_NULL:
		return JSON_NULL;
	case cJSON_False:
	case cJSON_True:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		UNREACHABLE("cJSON builds no other items from text");
	}
}

struct jval json_get(struct jval object, const char *key)
{
	if (json_type(object) == JSON_OBJECT)
		for (struct cJSON *m = object.item->child; m; m = m->next)
			if (strcmp(m->string, key) == 0)
				return (struct jval){object.doc, m};
	return (struct jval){object.doc, NULL};
}

size_t json_count(struct jval v)
{
	size_t n = 0;

	for (struct jval e = json_first(v); e.item; e = json_next(e))
		n++;
	return n;
}

struct jval json_at(struct jval v, size_t i)
{
	struct json *doc = v.doc;
	struct cJSON *item = v.item ? v.item->child : NULL;
	size_t at = 0;

	if (v.item && doc->walked == v.item && doc->walked_index <= i) {
		item = doc->walked_item;
		at = doc->walked_index;
	}
	for (; item && at < i; at++)
		item = item->next;
	if (item) {
		doc->walked = v.item;
		doc->walked_item = item;
		doc->walked_index = i;
	}
	return (struct jval){doc, item};
}

struct jval json_first(struct jval v)
{
	return (struct jval){v.doc, v.item ? v.item->child : NULL};
}

struct jval json_next(struct jval v)
{
	return (struct jval){v.doc, v.item ? v.item->next : NULL};
}

const char *json_key(struct jval member)
{
	return member.item ? member.item->string : NULL;
}

const char *json_string(struct jval v)
{
	return json_type(v) == JSON_STRING ? v.item->valuestring : NULL;
}

bool json_is_true(struct jval v)
{
	return v.item && cJSON_IsTrue(v.item);
}
