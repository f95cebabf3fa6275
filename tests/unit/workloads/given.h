/* Scenarios' pieces for tests: JSON as text (with ' for "), traces in memory. */
#ifndef LPC_TESTS_WORKLOADS_GIVEN_H
#define LPC_TESTS_WORKLOADS_GIVEN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "workloads/traffic.h"

struct given {
	struct arena arena;
	struct json *doc;
	struct error err;
	struct traffic_spec *spec;
	/* the one trace there is: its bytes, handed out `chunk` at a time */
	const char *bytes;
	size_t n, at, chunk;
	int open;
};

static inline enum status given_read(
        void *ctx, char *buf, size_t room, size_t *n, struct error *err)
{
	struct given *g = ctx;

	(void)err;
	*n = g->n - g->at;
	*n = *n < g->chunk ? *n : g->chunk;
	*n = *n < room ? *n : room;
	memcpy(buf, g->bytes + g->at, *n);
	g->at += *n;
	return ERR_NONE;
}

static inline void given_close(void *ctx)
{
	((struct given *)ctx)->open--;
}

static inline enum status given_open(void *ctx, const char *from_file, const char *path,
        struct trace_source *out, struct error *err)
{
	struct given *g = ctx;

	(void)from_file;
	if (!g->bytes)
		return error_set(err, ERR_USAGE, "no such file as %s,", path);
	g->at = 0;
	g->open++;
	*out = (struct trace_source){.ctx = g, .read = given_read, .close = given_close};
	return ERR_NONE;
}

static inline struct trace_opener given_opener(struct given *g)
{
	return (struct trace_opener){.ctx = g, .open = given_open};
}

static inline struct jval given_document(struct given *g, const char *text)
{
	json_free(g->doc);
	g->doc = NULL;
	ck_assert_msg(json_parse("s.json", text, strlen(text), &g->doc, &g->err) == ERR_NONE, "%s",
	        g->err.text);
	return json_root(g->doc);
}

/* As given_document, with ' for ". */
static inline struct jval given_json(struct given *g, const char *text)
{
	char *copy = strdup(text);
	struct jval root;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	root = given_document(g, copy);
	free(copy);
	return root;
}

static inline void given_init(struct given *g)
{
	memset(g, 0, sizeof(*g));
	arena_init(&g->arena, 0);
	g->spec = calloc(1, sizeof(*g->spec));
	g->chunk = SIZE_MAX;
}

static inline void given_free(struct given *g)
{
	ck_assert_int_eq(g->open, 0);
	json_free(g->doc);
	arena_free(&g->arena);
	free(g->spec);
}

static inline enum status given_traffic(struct given *g, const char *text, int64_t duration_ns)
{
	memset(&g->err, 0, sizeof(g->err));
	return traffic_parse(given_json(g, text), duration_ns, &g->arena, g->spec, &g->err);
}

static inline struct traffic *given_start(struct given *g, uint64_t seed, int64_t duration_ns)
{
	struct trace_opener opener = given_opener(g);
	struct traffic *t = NULL;

	ck_assert_msg(traffic_open(g->spec, seed, duration_ns, &opener, &t, &g->err) == ERR_NONE,
	        "%s", g->err.text);
	return t;
}

static inline bool given_next(struct given *g, struct traffic *t, struct arrival *a)
{
	bool more = false;

	if (traffic_next(t, a, &more, &g->err) != ERR_NONE) /* an assertion per arrival is slow */
		ck_abort_msg("%s", g->err.text);
	return more;
}

static inline void given_error(struct given *g, const char *expected)
{
	char line[1024];

	error_format(&g->err, line, sizeof(line));
	ck_assert_msg(g->err.code == ERR_USAGE && strstr(line, expected), "found: %s", line);
}

#endif
