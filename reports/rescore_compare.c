/* Numbers are the same when they read to the same value: whole ones exactly, others to the same
 * bits, as both were written by the same hand. Depth is that of a form (form.h), to which both
 * documents have been held. */
#include "reports/rescore_compare.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_TEXT = 64, PATH_TEXT = 120 };

void rescore_find(struct rescore *r, const char *fmt, ...)
{
	va_list args;

	if (r->n < RESCORE_FINDINGS_MAX) {
		va_start(args, fmt);
		(void)vsnprintf(r->finding[r->n], RESCORE_TEXT, fmt, args);
		va_end(args);
	}
	r->n++;
}

/* A value in a few words. */
static const char *brief(struct jval v, char buf[static VALUE_TEXT])
{
	struct json_out o;

	if (json_type(v) == JSON_NONE)
		return "nothing";
	json_out_init(&o, 0);
	json_out_value(&o, NULL, v, false);
	(void)snprintf(buf, VALUE_TEXT, "%.*s%s",
	        (int)(o.n < VALUE_TEXT - 4 ? o.n : VALUE_TEXT - 5), o.buf,
	        o.n < VALUE_TEXT - 4 ? "" : "…");
	json_out_free(&o);
	return buf;
}

static void differ(struct rescore *r, const char *file, struct jval at, struct jval says,
        struct jval shows, const char *key)
{
	char path[PATH_TEXT], a[VALUE_TEXT], b[VALUE_TEXT];

	if (r->n >= RESCORE_FINDINGS_MAX) {
		r->n++;
		return;
	}
	json_path(at, path, sizeof(path));
	rescore_find(r, "%s%s%s: %s says %s, the requests say %s", path, key && *path ? "." : "",
	        key ? key : "", file, brief(says, a), brief(shows, b));
}

static bool same_number(struct jval a, struct jval b)
{
	struct error ignored = ERROR_INIT;
	int64_t i = 0, k = 0;
	double x = 0, y = 0;

	if (!json_i64(a, &i, &ignored) && !json_i64(b, &k, &ignored))
		return i == k;
	ignored = (struct error)ERROR_INIT;
	return !json_real(a, &x, &ignored) && !json_real(b, &y, &ignored) &&
	       memcmp(&x, &y, sizeof(x)) == 0;
}

static bool same_leaf(struct jval a, struct jval b)
{
	switch (json_type(a)) {
	case JSON_BOOL:
		return json_is_true(a) == json_is_true(b);
	case JSON_NUMBER:
		return same_number(a, b);
	case JSON_STRING:
		return strcmp(json_string(a), json_string(b)) == 0;
	default:
		return true;
	}
}

static bool is_listed(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

static void compare_objects(struct rescore *r, const char *file, struct jval says,
        struct jval shows, const char *const *skip)
{
	for (struct jval v = json_first(says); json_type(v) != JSON_NONE; v = json_next(v)) {
		struct jval other = json_get(shows, json_key(v));

		if (is_listed(skip, json_key(v)))
			continue;
		if (json_type(other) == JSON_NONE)
			differ(r, file, v, v, other, NULL);
		else
			rescore_compare(r, file, v, other, skip);
	}
	for (struct jval v = json_first(shows); json_type(v) != JSON_NONE; v = json_next(v))
		if (!is_listed(skip, json_key(v)) &&
		        json_type(json_get(says, json_key(v))) == JSON_NONE)
			differ(r, file, says, (struct jval){0}, v, json_key(v));
}

static void compare_lists(struct rescore *r, const char *file, struct jval says, struct jval shows,
        const char *const *skip)
{
	struct jval a = json_first(says), b = json_first(shows);
	uint32_t before = r->n;
	bool plain = json_type(a) != JSON_OBJECT;

	if (json_count(says) != json_count(shows)) {
		differ(r, file, says, says, shows, NULL);
		return;
	}
	for (; json_type(a) != JSON_NONE && !(plain && r->n > before);
	        a = json_next(a), b = json_next(b))
		rescore_compare(r, file, a, b, skip);
}

void rescore_compare(struct rescore *r, const char *file, struct jval says, struct jval shows,
        const char *const *skip)
{
	if (json_type(says) != json_type(shows))
		differ(r, file, says, says, shows, NULL);
	else if (json_type(says) == JSON_OBJECT)
		compare_objects(r, file, says, shows, skip);
	else if (json_type(says) == JSON_ARRAY)
		compare_lists(r, file, says, shows, skip);
	else if (!same_leaf(says, shows))
		differ(r, file, says, says, shows, NULL);
}
