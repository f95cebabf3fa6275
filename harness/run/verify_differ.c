/* Down from the whole to the first part that differs, one level at a time: values are compared as
 * the canonical text that they make. */
#include "harness/run/verify_differ.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_CHARS = 60, PATH_BYTES = 256, NULL_TEXT = 5 };

static bool same(struct jval a, struct jval b)
{
	struct json_out x, y;
	bool equal;

	if (json_type(a) != json_type(b) || json_type(a) == JSON_NONE)
		return json_type(a) == json_type(b);
	json_out_init(&x, 0);
	json_out_init(&y, 0);
	json_out_value(&x, NULL, a, true);
	json_out_value(&y, NULL, b, true);
	equal = x.n == y.n && memcmp(x.buf, y.buf, x.n) == 0;
	json_out_free(&x);
	json_out_free(&y);
	return equal;
}

/* The first member of one that the other does not have like it; none: JSON_NONE. */
static struct jval first_other(struct jval a, struct jval b, size_t *index)
{
	struct jval v = json_first(a);

	for (*index = 0; json_type(v) != JSON_NONE; v = json_next(v), ++*index) {
		const char *key = json_key(v);

		if (!same(v, key ? json_get(b, key) : json_at(b, *index)))
			return v;
	}
	return v;
}

static void describe(struct jval v, char text[static VALUE_CHARS + NULL_TEXT])
{
	struct json_out o;

	if (json_type(v) == JSON_NONE) {
		(void)snprintf(text, VALUE_CHARS + NULL_TEXT, "nothing");
		return;
	}
	json_out_init(&o, 0);
	json_out_value(&o, NULL, v, true);
	(void)snprintf(text, VALUE_CHARS + NULL_TEXT, o.n > VALUE_CHARS ? "%.*s…" : "%.*s",
	        (int)(o.n > VALUE_CHARS ? VALUE_CHARS : o.n), o.buf);
	json_out_free(&o);
}

/* One step down: false if the two differ here and not in a part. */
static bool descend(struct jval *said, struct jval *now, char path[static PATH_BYTES])
{
	size_t index, at = strlen(path);
	struct jval child;
	const char *key;

	if (json_type(*said) != json_type(*now) ||
	        (json_type(*said) != JSON_OBJECT && json_type(*said) != JSON_ARRAY))
		return false;
	child = first_other(*said, *now, &index);
	if (json_type(child) == JSON_NONE)
		child = first_other(*now, *said, &index);
	key = json_key(child);
	if (key)
		(void)snprintf(path + at, PATH_BYTES - at, "%s%s", at ? "." : "", key);
	else
		(void)snprintf(path + at, PATH_BYTES - at, "[%zu]", index);
	*said = key ? json_get(*said, key) : json_at(*said, index);
	*now = key ? json_get(*now, key) : json_at(*now, index);
	return true;
}

bool verify_differ(
        struct jval said, struct jval now, const char *path, char text[static VERIFY_DIFFER_BYTES])
{
	char place[PATH_BYTES], a[VALUE_CHARS + NULL_TEXT], b[VALUE_CHARS + NULL_TEXT];

	if (same(said, now))
		return false;
	(void)snprintf(place, sizeof(place), "%s", path);
	while (descend(&said, &now, place))
		continue;
	describe(said, a);
	describe(now, b);
	(void)snprintf(
	        text, VERIFY_DIFFER_BYTES, "%s: says %s, played again it is %s", place, a, b);
	return true;
}
