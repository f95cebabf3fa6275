#include "tests/support/scenario_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"

static void must(enum status st, const struct error *err)
{
	char line[1024];

	if (!st)
		return;
	error_format(err, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	UNREACHABLE("a test's scenario must be good");
}

struct scenario *scenario_text_edited(const char *text, const char *const *edits, uint32_t n)
{
	struct error err = ERROR_INIT;
	struct scenario *s;
	struct json *doc;

	must(json_parse(LPC_SOURCE_DIR "/test.json", text, strlen(text), &doc, &err), &err);
	for (uint32_t i = 0; i < n; i++) {
		const char *equals = strchr(edits[i], '=');
		char path[256];

		CHECK(equals && (size_t)(equals - edits[i]) < sizeof(path));
		memcpy(path, edits[i], (size_t)(equals - edits[i]));
		path[equals - edits[i]] = '\0';
		must(json_set(doc, path, equals + 1, "edit", &err), &err);
	}
	must(scenario_build(doc, files_new(false), &s, &err), &err);
	return s;
}

struct scenario *scenario_text(const char *text)
{
	return scenario_text_edited(text, NULL, 0);
}

static void keep_extra(struct virtual_samples *v, const struct sample *s)
{
	if (v->n_extra == v->extra_capacity) {
		v->extra_capacity = v->extra_capacity ? v->extra_capacity * 2 : 64;
		v->extra = mem_grow(v->extra, v->extra_capacity, sizeof(*v->extra));
	}
	v->extra[v->n_extra++] = *s;
	v->n++;
}

static int by_order(const void *a, const void *b)
{
	uint64_t x = ((const struct sample *)a)->order, y = ((const struct sample *)b)->order;

	return (x > y) - (x < y);
}

static void keep(void *ctx, const struct sample *s)
{
	struct virtual_samples *v = ctx;

	if (s->id >> TRAFFIC_ID_BITS) {
		keep_extra(v, s);
		return;
	}
	if (s->id > v->capacity) {
		uint64_t wanted = v->capacity ? v->capacity * 2 : 1024;

		wanted = wanted < s->id ? s->id : wanted;
		v->e = mem_grow(v->e, wanted, sizeof(*v->e));
		memset(v->e + v->capacity, 0, (wanted - v->capacity) * sizeof(*v->e));
		v->capacity = wanted;
	}
	CHECK(s->id > 0 && v->e[s->id - 1].id == 0); /* each exactly once */
	v->e[s->id - 1] = *s;
	v->n++;
}

void virtual_samples_run(
        struct virtual_samples *v, const struct scenario *s, uint32_t without, bool scored)
{
	struct score_config config = scenario_score_config(s, true);
	struct virtual_options options = {.seed = s->seed,
	        .without = without,
	        .digest = true,
	        .score = scored ? score_create(&config) : NULL,
	        .sample = keep,
	        .sample_ctx = v};
	struct error err = ERROR_INIT;

	*v = (struct virtual_samples){0};
	must(drive_virtual(s, &options, &v->result, &err), &err);
	CHECK(v->n == v->result.scheduled);
	if (v->n_extra)
		qsort(v->extra, v->n_extra, sizeof(*v->extra), by_order);
	score_free(options.score);
}

void virtual_samples_free(struct virtual_samples *v)
{
	mem_free(v->e);
	mem_free(v->extra);
	virtual_result_free(&v->result);
}
