/* A small deployment for the faults to be aimed at: links 0 … 3, Ethernet 4, chips 5 … 8, nodes 9
 * and 10, then at least one component of every other class; a traffic entry t, a pool main and a
 * frontend fe0, each number 0 of its own kind. */
#ifndef LPC_TESTS_FAULTS_WORLD_H
#define LPC_TESTS_FAULTS_WORLD_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "faults/catalogue.h"
#include "faults/schedule.h"

static const struct world_thing {
	const char *name;
	unsigned class;
} WORLD[] = {
        {"r0.n0-r0.n1.0", FAULT_TARGET_C2C_LINK},
        {"r0.n0-r0.n1.1", FAULT_TARGET_C2C_LINK},
        {"r0.n1-r0.n2.0", FAULT_TARGET_C2C_LINK},
        {"r0.n1-r0.n2.1", FAULT_TARGET_C2C_LINK},
        {"eth.ingress", FAULT_TARGET_ETHERNET},
        {"r0.n0.c0", FAULT_TARGET_CHIP},
        {"r0.n0.c1", FAULT_TARGET_CHIP},
        {"r0.n1.c0", FAULT_TARGET_CHIP},
        {"r0.n2.c3", FAULT_TARGET_CHIP},
        {"r0.n0", FAULT_TARGET_NODE},
        {"r0.n1", FAULT_TARGET_NODE},
        {"r0.n2", FAULT_TARGET_NODE},
        {"r0.pdu0", FAULT_TARGET_PDU},
        {"r0.pdu1", FAULT_TARGET_PDU},
        {"r0.n0.fan0", FAULT_TARGET_FAN},
        {"r0.n1.fan0", FAULT_TARGET_FAN},
        {"r0", FAULT_TARGET_RACK},
        {"r10", FAULT_TARGET_RACK},
        {"t", FAULT_TARGET_TRAFFIC},
        {"main", FAULT_TARGET_POOL},
        {"fe0", FAULT_TARGET_FRONTEND},
};

/* As harness/run/targets.c answers: names, `all`, and nothing else. */
static inline enum target_answer world_resolve(void *ctx, const char *word, unsigned classes,
        struct arena *arena, const uint32_t **ids, uint32_t *n, const char **detail)
{
	uint32_t *found = ARENA_ARRAY(arena, uint32_t, ARRAY_LEN(WORLD));
	const char *names[ARRAY_LEN(WORLD)];
	size_t n_names = 0;

	(void)ctx;
	*ids = found;
	*n = 0;
	for (uint32_t i = ARRAY_LEN(WORLD); i-- > 0;) {
		bool named = strcmp(WORLD[i].name, word) == 0;

		if (named && !(WORLD[i].class & classes)) {
			*detail = arena_printf(
			        arena, "%s %s", fault_target_class_name(WORLD[i].class), word);
			return TARGET_WRONG;
		}
		if (!(WORLD[i].class & classes))
			continue;
		names[n_names++] = WORLD[i].name;
		if (named || strcmp(word, "all") == 0)
			found[(*n)++] = WORLD[i].class & FAULT_TARGETS_APART ? 0 : i;
	}
	if (strcmp(word, "spare") == 0)
		return TARGET_NONE;
	*detail = error_nearest(word, names, n_names);
	return *n ? TARGET_FOUND : TARGET_UNKNOWN;
}

static inline const char *world_name(void *ctx, unsigned classes, uint32_t id)
{
	(void)ctx;
	if (!(classes & FAULT_TARGETS_APART))
		return WORLD[id].name;
	for (uint32_t i = 0; i < ARRAY_LEN(WORLD); i++)
		if (WORLD[i].class & classes)
			return WORLD[i].name;
	return NULL;
}

/* Four instances; every target may take one of them away. */
static inline uint32_t world_instances(
        void *ctx, unsigned classes, const uint32_t *ids, uint32_t n, struct arena *arena)
{
	(void)ctx;
	(void)arena;
	if (!ids)
		return 4;
	return classes & FAULT_TARGETS_APART ? 0 : n;
}

static inline enum status world_law(
        void *ctx, struct jval v, struct arena *arena, const void **law, struct error *err)
{
	int64_t *value = arena_must(arena, sizeof(*value));

	(void)ctx;
	*law = value;
	return json_i64(json_get(v, "value"), value, err);
}

static inline void world_law_canonical(
        void *ctx, const void *law, struct json_out *o, const char *key)
{
	(void)ctx;
	json_out_i64(o, key, *(const int64_t *)law);
}

static const struct target_resolver WORLD_RESOLVER = {.resolve = world_resolve,
        .name = world_name,
        .instances = world_instances,
        .length_law = world_law,
        .length_law_canonical = world_law_canonical};

struct world {
	struct arena arena;
	struct json *doc;
	struct fault_plan plan;
	struct error err;
};

static inline void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, 0);
}

static inline void world_free(struct world *w)
{
	json_free(w->doc);
	arena_free(&w->arena);
}

static inline void world_parse(struct world *w, const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_free(w->doc);
	memset(&w->err, 0, sizeof(w->err));
	ck_assert(json_parse("s.json", copy, strlen(copy), &w->doc, &w->err) == ERR_NONE);
	free(copy);
}

/* Parses a fault list with ' for ", in a run of 60 s. */
static inline enum status world_plan(struct world *w, const char *text, uint64_t seed)
{
	world_parse(w, text);
	return fault_plan_parse(json_root(w->doc), seed, 60 * NS_PER_S, &WORLD_RESOLVER, &w->arena,
	        &w->plan, &w->err);
}

static inline void world_must_plan(struct world *w, const char *text)
{
	ck_assert_msg(world_plan(w, text, 1) == ERR_NONE, "%s", w->err.text);
}

#endif
