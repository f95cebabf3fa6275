/* Names in rules refer to other parts of the scenario. An unknown one is answered with what there
 * is. */
#include "reports/rules.h"
#include <stdio.h>
#include <string.h>

static void list_names(const char *const *names, uint32_t n, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < n && at + 1 < size; i++) {
		int w = snprintf(buf + at, size - at, "%s%s", i ? ", " : "", names[i]);

		at += w > 0 ? (size_t)w : 0;
	}
}

enum status rules_pick(struct jval v, const char *what, const char *const *names, uint32_t n,
        uint32_t *out, struct error *err)
{
	const char *word = json_string(v), *near = NULL;
	char list[ERROR_TEXT_MAX / 2];

	for (uint32_t i = 0; word && i < n; i++) {
		if (strcmp(word, names[i]) == 0) {
			*out = i;
			return ERR_NONE;
		}
	}
	if (n == 0)
		return json_expected(v, err, "no %s, as the scenario has none", what);
	if (word)
		near = error_nearest(word, names, n);
	list_names(names, n, list, sizeof(list));
	return json_expected(
	        v, err, "a known %s (%s%s)", what, near ? "nearest is " : "", near ? near : list);
}

enum status rules_pick_optional(struct jval v, const char *what, const char *const *names,
        uint32_t n, uint32_t *out, struct error *err)
{
	*out = UINT32_MAX;
	return json_type(v) == JSON_NONE ? ERR_NONE : rules_pick(v, what, names, n, out, err);
}

const char *rules_id(const char *given, const char *list, uint32_t index, struct arena *arena)
{
	if (given)
		return arena_strndup(arena, given, strlen(given));
	return arena_printf(arena, "%s-%u", list, index + 1);
}

enum status rules_unique(struct jval v, const char *id, uint32_t n,
        const char *(*id_at)(const struct score_rules *r, uint32_t i), const struct score_rules *r,
        struct error *err)
{
	struct jval at = json_get(v, "id");

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(id_at(r, i), id) == 0)
			return json_expected(json_type(at) == JSON_NONE ? v : at, err,
			        "an id that no earlier element of the list has");
	return ERR_NONE;
}

enum status rules_list(
        struct jval v, const char *list, struct jval *out, uint32_t *n, struct error *err)
{
	*out = json_get(v, list);
	*n = 0;
	if (json_type(*out) == JSON_NONE)
		return ERR_NONE;
	if (json_type(*out) != JSON_ARRAY)
		return json_expected(*out, err, "an array");
	if (json_count(*out) > SCORE_RULES_MAX)
		return json_expected(*out, err, "at most %d elements", SCORE_RULES_MAX);
	*n = (uint32_t)json_count(*out);
	return ERR_NONE;
}
