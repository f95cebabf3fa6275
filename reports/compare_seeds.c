/* A line of a campaign over seeds (harness/run/campaign_seeds.c writes them) as numbers by name.
 * The first line says what there is; every other must have the same. */
#include "reports/compare_seeds.h"

#include <string.h>

#include "reports/names.h"

enum { RULES_MAX = 2 * SCORE_RULES_MAX, PHASES = 3, SHARES = 2, SEEDS_MAX = 1000000 };

static const char *const phases[PHASES] = {"ttd_ms", "ttf_ms", "ttr_ms"};

/* --- what there is ------------------------------------------------------------------- */

static enum status text_of(struct jval object, const char *key, const char **out, struct error *err)
{
	*out = json_string(json_get(object, key));
	if (!*out)
		return json_expected(object, err, "an object with a string '%s'", key);
	return ERR_NONE;
}

static enum status list_of(
        struct jval line, const char *key, uint32_t most, struct jval *out, struct error *err)
{
	*out = json_get(line, key);
	if (json_type(*out) != JSON_ARRAY || json_count(*out) > most)
		return json_expected(json_type(*out) == JSON_NONE ? line : *out, err,
		        "a list '%s' of at most %u", key, most);
	return ERR_NONE;
}

static void add_measure(struct compare_campaign *c, const char *name, const char *unit)
{
	c->measures[c->n_measures++] = (struct compare_measure){.name = name, .unit = unit};
}

static enum status describe(struct compare_campaign *c, struct jval slo, struct jval expect,
        struct jval faults, struct error *err)
{
	size_t n = json_count(slo) + PHASES * json_count(faults) + SHARES;
	const char *id;

	c->measures = ARENA_ARRAY(c->arena, struct compare_measure, n);
	c->rules = ARENA_ARRAY(
	        c->arena, struct compare_rule, json_count(slo) + json_count(expect) + 1);
	for (struct jval v = json_first(slo); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (text_of(v, "id", &id, err))
			return err->code;
		c->rules[c->n_rules++] = (struct compare_rule){
		        .id = arena_strndup(c->arena, id, strlen(id)), .slo = true};
		add_measure(c, arena_printf(c->arena, "slo %s", id), "ms");
	}
	for (struct jval v = json_first(expect); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (text_of(v, "id", &id, err))
			return err->code;
		c->rules[c->n_rules++].id = arena_strndup(c->arena, id, strlen(id));
	}
	for (struct jval v = json_first(faults); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (text_of(v, "id", &id, err))
			return err->code;
		for (int p = 0; p < PHASES; p++)
			add_measure(c, arena_printf(c->arena, "fault %s %s", id, phases[p]), "ms");
	}
	add_measure(c, "refused", "%");
	add_measure(c, "failed", "%");
	return ERR_NONE;
}

/* --- what a seed says ---------------------------------------------------------------- */

static void make_room(struct compare_campaign *c)
{
	uint32_t n = c->capacity ? 2 * c->capacity : 64;

	c->seed = mem_grow(c->seed, n, sizeof(*c->seed));
	c->digest = mem_grow(c->digest, n, sizeof(*c->digest));
	for (uint32_t i = 0; i < c->n_measures; i++) {
		struct compare_measure *m = &c->measures[i];

		m->value = mem_grow(m->value, n, sizeof(*m->value));
		m->there = mem_grow(m->there, n, sizeof(*m->there));
	}
	c->capacity = n;
}

/* null: nothing was observed. */
static enum status put(
        struct compare_campaign *c, uint32_t measure, struct jval v, struct error *err)
{
	struct compare_measure *m = &c->measures[measure];

	m->value[c->n] = 0;
	m->there[c->n] = json_type(v) != JSON_NULL;
	if (!m->there[c->n])
		return ERR_NONE;
	if (json_real(v, &m->value[c->n], err))
		return err->code;
	if (m->value[c->n] < 0 || m->value[c->n] > 1e15)
		return json_expected(v, err, "a number between 0 and 1e15");
	return ERR_NONE;
}

static enum status read_rule(
        struct compare_campaign *c, uint32_t rule, struct jval v, struct error *err)
{
	struct compare_rule *r = &c->rules[rule];
	const char *id, *verdict;

	if (text_of(v, "id", &id, err) || text_of(v, "verdict", &verdict, err))
		return err->code;
	if (strcmp(id, r->id) != 0)
		return json_expected(v, err, "the rule '%s', as in the first line", r->id);
	r->held += strcmp(verdict, verdict_name(VERDICT_PASS)) == 0;
	r->failed += strcmp(verdict, verdict_name(VERDICT_FAIL)) == 0;
	return ERR_NONE;
}

static enum status read_requests(
        struct compare_campaign *c, struct jval line, uint32_t first, struct error *err)
{
	static const char *const keys[] = {"scheduled", "ok", "rejected", "cancelled"};
	struct jval requests = json_get(line, "requests");
	double n[ARRAY_LEN(keys)], failed;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct jval v = json_get(requests, keys[i]);
		int64_t count;

		if (json_type(v) == JSON_NONE)
			return json_expected(line, err, "an object 'requests' with '%s'", keys[i]);
		if (json_i64(v, &count, err))
			return err->code;
		n[i] = (double)count;
	}
	failed = n[0] - n[1] - n[2] - n[3];
	for (uint32_t i = first; i < first + SHARES; i++) {
		c->measures[i].there[c->n] = n[0] > 0;
		c->measures[i].value[c->n] = 0;
	}
	if (n[0] > 0) {
		c->measures[first].value[c->n] = 100 * n[2] / n[0];
		c->measures[first + 1].value[c->n] = 100 * failed / n[0];
	}
	return ERR_NONE;
}

/* By the lists' order, as `describe` named them. */
static enum status read_values(struct compare_campaign *c, struct jval slo, struct jval expect,
        struct jval faults, struct error *err)
{
	uint32_t rule = 0, measure = 0;

	for (struct jval v = json_first(slo); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (put(c, measure++, json_get(v, "observed"), err) || read_rule(c, rule++, v, err))
			return err->code;
	}
	for (struct jval v = json_first(expect); json_type(v) != JSON_NONE; v = json_next(v))
		if (read_rule(c, rule++, v, err))
			return err->code;
	for (struct jval v = json_first(faults); json_type(v) != JSON_NONE; v = json_next(v))
		for (int p = 0; p < PHASES; p++)
			if (put(c, measure++, json_get(v, phases[p]), err))
				return err->code;
	return ERR_NONE;
}

enum status compare_campaign_line(struct compare_campaign *c, struct jval line, struct error *err)
{
	struct jval slo, expect, faults;
	const char *digest;
	int64_t seed;

	if (json_type(json_get(line, "seed")) == JSON_NONE)
		return json_expected(line, err, "a line of a campaign over seeds");
	if (json_i64(json_get(line, "seed"), &seed, err) ||
	        list_of(line, "slo", SCORE_RULES_MAX, &slo, err) ||
	        list_of(line, "expect", RULES_MAX, &expect, err) ||
	        list_of(line, "faults", SCORE_FAULTS_MAX, &faults, err))
		return err->code;
	if (c->n == 0 && describe(c, slo, expect, faults, err))
		return err->code;
	if (json_count(slo) + json_count(expect) != c->n_rules ||
	        json_count(slo) + PHASES * json_count(faults) + SHARES != c->n_measures)
		return json_error(line, err, "other rules or faults than in the first line");
	if (c->n > 0 && (uint64_t)seed <= c->seed[c->n - 1])
		return json_expected(json_get(line, "seed"), err, "seeds in ascending order");
	if (c->n == SEEDS_MAX)
		return json_error(line, err, "more than %d seeds", SEEDS_MAX);
	if (c->n == c->capacity)
		make_room(c);
	if (read_values(c, slo, expect, faults, err) ||
	        read_requests(c, line, c->n_measures - SHARES, err))
		return err->code;
	digest = json_string(json_get(line, "result_digest"));
	c->digest[c->n] = digest ? arena_strndup(c->arena, digest, strlen(digest)) : NULL;
	c->seed[c->n++] = (uint64_t)seed;
	return ERR_NONE;
}

void compare_campaign_free(struct compare_campaign *c)
{
	for (uint32_t i = 0; i < c->n_measures; i++) {
		mem_free(c->measures[i].value);
		mem_free(c->measures[i].there);
	}
	mem_free(c->seed);
	mem_free(c->digest);
	c->n = c->n_measures = 0;
}
