/* Editing by path: --set and suite matrices.
 *
 * A path is dotted, and so are names ("link.flap" may be an id). At each level the child whose key,
 * id, name or index is the longest whole prefix of what is left of the path is taken, so no quoting
 * is needed and only a name that is a prefix of its brother's at a dot would be ambiguous: the
 * longer one wins.
 *
 * A new value is parsed as a source of its own, so that a later complaint about it names --set and
 * not a line of the file that says something else. */
#include "harness/base/json_doc.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* The length of name if it is all of path up to a dot or the end, else 0. */
static size_t prefix_len(const char *path, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (n == 0 || strncmp(path, name, n) != 0 || (path[n] != '.' && path[n] != '\0'))
		return 0;
	return n;
}

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* How much of path the child answers to. */
static size_t match_len(struct jval child, size_t index, const char *path)
{
	char digits[24];
	size_t n;

	if (json_key(child))
		return prefix_len(path, json_key(child));
	snprintf(digits, sizeof(digits), "%zu", index);
	n = prefix_len(path, digits);
	n = max_size(n, prefix_len(path, json_string(json_get(child, "id"))));
	return max_size(n, prefix_len(path, json_string(json_get(child, "name"))));
}

/* The child of `at` that path begins with, *path moved behind it; JSON_NONE if there is none. */
static struct jval descend(struct jval at, const char **path)
{
	struct jval best = {at.doc, NULL};
	size_t best_len = 0, index = 0;

	for (struct jval c = json_first(at); c.item; c = json_next(c)) {
		size_t n = match_len(c, index++, *path);

		if (n > best_len) {
			best = c;
			best_len = n;
		}
	}
	*path += best_len;
	if (best_len && **path == '.' && (*path)[1] != '\0')
		++*path;
	return best;
}

static enum status no_such_path(
        struct jval at, const char *whole, const char *rest, const char *origin, struct error *err)
{
	const char *near = NULL;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(rest, "."), rest);
	for (struct jval c = json_first(at); c.item && !near; c = json_next(c)) {
		const char *name = json_key(c) ? json_key(c) : json_element_name(c);

		if (name)
			near = error_nearest(word, &name, 1);
	}
	return error_at(err, ERR_USAGE, origin, 0, 0, whole,
	        "expected a known path%s%s%s, found '%s'", near ? " (nearest is '" : "",
	        near ? near : "", near ? "')" : "", rest);
}

/* value_text as JSON, or as a string if it is none. */
static struct cJSON *build_value(struct json *doc, const char *value_text, const char *origin,
        uint32_t parent, struct error *err)
{
	struct error not_json = ERROR_INIT;
	struct json_out quoted;
	struct cJSON *value;

	value = json_build(
	        doc, json_source_new(origin, value_text, strlen(value_text)), parent, &not_json);
	if (value)
		return value;
	json_out_init(&quoted, 0);
	json_out_str(&quoted, NULL, value_text);
	value = json_build(doc, json_source_new(origin, quoted.buf, quoted.n), parent, err);
	json_out_free(&quoted);
	return value;
}

static void put_value(struct jval parent, struct jval old, const char *key, struct cJSON *value)
{
	cJSON_bool ok;

	if (!old.item)
		ok = cJSON_AddItemToObject(parent.item, key, value);
	else if (json_key(old))
		ok = cJSON_ReplaceItemInObjectCaseSensitive(parent.item, json_key(old), value);
	else
		ok = cJSON_ReplaceItemViaPointer(parent.item, old.item, value);
	CHECK(ok);
	parent.doc->walked = NULL;
}

enum status json_set(struct json *doc, const char *path, const char *value_text, const char *origin,
        struct error *err)
{
	struct jval parent = {doc, NULL}, at = json_root(doc);
	const char *rest = path;
	struct cJSON *value;

	do {
		parent = at;
		at = descend(parent, &rest);
	} while (at.item && *rest);
	if (!at.item && (json_type(parent) != JSON_OBJECT || !*rest || strchr(rest, '.')))
		return no_such_path(parent, path, rest, origin, err);
	value = build_value(doc, value_text, origin, (uint32_t)parent.item->valueint, err);
	if (!value)
		return err->code;
	put_value(parent, at, rest, value);
	return ERR_NONE;
}

struct jval json_find(struct json *doc, const char *path)
{
	struct jval at = json_root(doc);

	do
		at = descend(at, &path);
	while (at.item && *path);
	return at;
}

/* Fills the records of a copied tree, in pre-order: as the originals, but for the item and the
 * parent's index, which is known on the way down and looked up on the way back. */
static void copy_records(struct json *doc, struct jval original)
{
	struct cJSON *from = original.item, *item = doc->root;
	struct json_record *v = doc->records.v;
	uint32_t parent = JSON_NOWHERE;

	while (item) {
		uint32_t index = doc->records.n++;

		v[index] = *json_record((struct jval){original.doc, from});
		v[index].item = item;
		v[index].parent = parent;
		item->valueint = (int)index;
		from = json_walk(original.doc, original.item, from);
		if (item->child) {
			parent = index;
			item = item->child;
			continue;
		}
		while (!item->next && parent != JSON_NOWHERE) {
			item = v[parent].item;
			parent = v[parent].parent;
		}
		item = item == doc->root ? NULL : item->next;
	}
}

struct json *json_extract(struct jval v)
{
	struct json *doc = mem_alloc(1, sizeof(*doc));
	uint32_t n = 0;

	CHECK(v.item != NULL);
	for (uint32_t i = 0; i < v.doc->n_sources; i++)
		json_add_source(doc, v.doc->sources[i]);
	doc->root = cJSON_Duplicate(v.item, true);
	CHECK(doc->root != NULL);
	for (struct cJSON *item = v.item; item; item = json_walk(v.doc, v.item, item))
		n++;
	doc->records.v = mem_alloc(n, sizeof(*doc->records.v));
	doc->records.capacity = n;
	copy_records(doc, v);
	return doc;
}
