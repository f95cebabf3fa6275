/* What shrinking leaves: the file, and what is another in it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "harness/run/shrink.h"
#include "harness/run/shrink_parts.h"
#include "reports/names.h"

enum { ABOUT_BYTES = 1024, PATH_BYTES = 256 };

/* --- the file ---------------------------------------------------------------------------- */

/* Members in the order in which people write them, then the others as they come. */
static void write_ordered(struct jval object, const char *const *order, struct json_out *o)
{
	for (const char *const *key = order; *key; key++) {
		struct jval m = json_get(object, *key);

		if (json_type(m) != JSON_NONE)
			json_out_value(o, *key, m, false);
	}
	for (struct jval m = json_first(object); json_type(m) != JSON_NONE; m = json_next(m)) {
		bool written = false;

		for (const char *const *key = order; *key && !written; key++)
			written = strcmp(*key, json_key(m)) == 0;
		if (!written)
			json_out_value(o, json_key(m), m, false);
	}
}

static void write_faults(struct jval list, struct json_out *o)
{
	static const char *const order[] = {"id", "kind", "target", "at", "every", "when", "after",
	        "together", "for", "stagger", NULL};

	if (json_type(list) == JSON_NONE)
		return;
	json_out_open(o, "faults", '[');
	for (struct jval e = json_first(list); json_type(e) != JSON_NONE; e = json_next(e)) {
		json_out_open(o, NULL, '{');
		write_ordered(e, order, o);
		json_out_close(o);
	}
	json_out_close(o);
}

static void about(const struct shrink_result *r, char out[static ABOUT_BYTES])
{
	static const char *const why[] = {[SHRINK_WHOLE] = "",
	        [SHRINK_CUT_RUNS] =
	                " The search was cut by --max-runs: it may not be the smallest.",
	        [SHRINK_CUT_INTERRUPT] =
	                " The search was interrupted: it may not be the smallest."};

	(void)snprintf(out, ABOUT_BYTES,
	        "Shrunk from %s (%s): the smallest scenario found that still misses its %s '%s'.%s",
	        r->original->name, r->original->file, r->is_slo ? "SLO" : "expectation", r->missed,
	        why[r->cut]);
}

void shrink_write(const struct shrink_result *r, const char *name, struct json_out *o)
{
	static const char *const order[] = {"version", "name", "about", "seed", "duration",
	        "warmup", "drain", "recovery", "target", "traffic", NULL};
	static const char *const later[] = {"faults", "deployment", NULL};
	struct jval own = json_root(r->smallest->document);
	char text[ABOUT_BYTES];

	about(r, text);
	for (const char *const *key = order; *key; key++) {
		struct jval m = json_get(own, *key);

		if (strcmp(*key, "name") == 0)
			json_out_str(o, *key, name);
		else if (strcmp(*key, "about") == 0)
			json_out_str(o, *key, text);
		else if (json_type(m) != JSON_NONE)
			json_out_value(o, *key, m, false);
	}
	write_faults(json_get(own, "faults"), o);
	for (struct jval m = json_first(own); json_type(m) != JSON_NONE; m = json_next(m)) {
		bool other = true;

		for (const char *const *key = order; *key; key++)
			other &= strcmp(*key, json_key(m)) != 0;
		for (const char *const *key = later; *key; key++)
			other &= strcmp(*key, json_key(m)) != 0;
		if (other)
			json_out_value(o, json_key(m), m, false);
	}
	if (json_type(json_get(own, "deployment")) != JSON_NONE)
		json_out_value(o, "deployment", json_get(own, "deployment"), false);
}

/* --- differences ------------------------------------------------------------------------- */

static const char *element_name(struct jval element)
{
	const char *id = json_string(json_get(element, "id"));

	return id ? id : json_string(json_get(element, "name"));
}

/* The element of the same name; JSON_NONE if it is gone. */
static struct jval same_element(struct jval list, struct jval element)
{
	const char *name = element_name(element);
	struct jval e = json_first(list);

	for (; json_type(e) != JSON_NONE; e = json_next(e))
		if (name && element_name(e) && strcmp(element_name(e), name) == 0)
			break;
	return e;
}

static void write_removed(const struct shrink_result *r, struct json_out *o)
{
	json_out_open(o, "removed", '{');
	for (int l = 0; l < SHRINK_LISTS; l++) {
		const char *key = shrink_list_names[l];
		struct jval was = json_get(json_root(r->original->document), key);
		struct jval is = json_get(json_root(r->smallest->document), key);

		if (l == SHRINK_ABORT) { /* rules without names */
			json_out_u64(o, key, json_count(was) - json_count(is));
			continue;
		}
		json_out_open(o, key, '[');
		for (struct jval e = json_first(was); json_type(e) != JSON_NONE; e = json_next(e))
			if (json_type(same_element(is, e)) == JSON_NONE)
				json_out_str(o, NULL, element_name(e));
		json_out_close(o);
	}
	json_out_close(o);
}

static char *dump(struct jval v)
{
	struct json_out o;

	json_out_init(&o, 0);
	if (json_type(v) == JSON_NONE)
		json_out_null(&o, NULL);
	else
		json_out_value(&o, NULL, v, true);
	return o.buf;
}

static void compare(const char *path, struct jval was, struct jval is, struct json_out *o)
{
	char *a = dump(was), *b = dump(is);

	if (strcmp(a, b) != 0) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "path", path);
		json_out_raw(o, "from", a);
		json_out_raw(o, "to", b);
		json_out_close(o);
	}
	mem_free(a);
	mem_free(b);
}

/* Cut where it is longer than any path of a scenario. */
static void member_path(char out[static PATH_BYTES], const char *path, const char *key)
{
	if (snprintf(out, PATH_BYTES, "%s.%s", path, key) >= PATH_BYTES)
		out[PATH_BYTES - 1] = '\0';
}

/* Members of two objects, by key; what is new comes last. */
static void compare_members(const char *path, struct jval was, struct jval is, struct json_out *o,
        void (*each)(const char *path, struct jval was, struct jval is, struct json_out *o))
{
	char member[PATH_BYTES];

	for (struct jval m = json_first(was); json_type(m) != JSON_NONE; m = json_next(m)) {
		member_path(member, path, json_key(m));
		each(member, m, json_get(is, json_key(m)), o);
	}
	for (struct jval m = json_first(is); json_type(m) != JSON_NONE; m = json_next(m)) {
		if (json_type(json_get(was, json_key(m))) != JSON_NONE)
			continue;
		member_path(member, path, json_key(m));
		each(member, (struct jval){was.doc, NULL}, m, o);
	}
}

static void compare_one(const char *path, struct jval was, struct jval is, struct json_out *o)
{
	if (json_type(was) == JSON_OBJECT && json_type(is) == JSON_OBJECT)
		compare_members(path, was, is, o, compare);
	else
		compare(path, was, is, o);
}

static void write_changed(const struct shrink_result *r, struct json_out *o)
{
	static const char *const plain[] = {"duration", "warmup", "limits", "recovery"};
	static const enum shrink_list lists[] = {SHRINK_FAULTS, SHRINK_TRAFFIC};
	struct jval was = json_root(r->original->document);
	struct jval is = json_root(r->smallest->document);
	char path[PATH_BYTES];

	json_out_open(o, "changed", '[');
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		compare(plain[i], json_get(was, plain[i]), json_get(is, plain[i]), o);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const char *key = shrink_list_names[lists[l]];

		for (struct jval e = json_first(json_get(is, key)); json_type(e) != JSON_NONE;
		        e = json_next(e)) {
			(void)snprintf(path, sizeof(path), "%s.%s", key, element_name(e));
			compare_members(
			        path, same_element(json_get(was, key), e), e, o, compare_one);
		}
	}
	json_out_close(o);
}

void shrink_differences(const struct shrink_result *r, struct json_out *o)
{
	write_removed(r, o);
	write_changed(r, o);
}
