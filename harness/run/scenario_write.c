/* A scenario as one file. Files that it names are found relative to it, so they cannot stay behind
 * when it moves: deployment and hardware are written in. Traces are too large for that; they are
 * named by their absolute path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/scenario.h"

/* What a value stands for: itself, or the file that it names. */
static struct jval resolved(const struct scenario *s, struct jval v)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	if (!json_string(v))
		return v;
	/* It was read when the scenario was, so it is in the set. */
	if (files_json(s->files, json_file(v.doc), json_string(v), &doc, &err))
		UNREACHABLE("a file that the scenario was read from is kept");
	return json_root(doc);
}

/* Each object has at most one member that may be a file: deployment, its hardware, what that is
 * based on. It goes last, so that all are closed together. */
static void write_deployment(const struct scenario *s, struct jval v, struct json_out *o)
{
	const char *key = "deployment", *inner = "hardware";
	unsigned open = 0;

	while (json_type(v) != JSON_NONE) {
		v = resolved(s, v);
		json_out_open(o, key, '{');
		open++;
		for (struct jval m = json_first(v); json_type(m) != JSON_NONE; m = json_next(m))
			if (strcmp(json_key(m), inner) != 0)
				json_out_value(o, json_key(m), m, false);
		v = json_get(v, inner);
		key = inner;
		inner = "base";
	}
	while (open--)
		json_out_close(o);
}

static void write_trace_file(struct jval v, struct json_out *o)
{
	const char *from = json_file(v.doc), *path = json_string(v), *slash = strrchr(from, '/');
	int folder = path[0] == '/' || !slash ? 0 : (int)(slash - from) + 1;
	size_t n = (size_t)folder + strlen(path) + 1;
	char *joined = mem_alloc(n, 1), *absolute;

	(void)snprintf(joined, n, "%.*s%s", folder, from, path);
	absolute = realpath(joined, NULL);
	json_out_str(o, "file", absolute ? absolute : joined);
	free(absolute);
	mem_free(joined);
}

static void write_trace(struct jval v, struct json_out *o)
{
	json_out_open(o, "trace", '{');
	for (struct jval m = json_first(v); json_type(m) != JSON_NONE; m = json_next(m)) {
		if (strcmp(json_key(m), "file") == 0)
			write_trace_file(m, o);
		else
			json_out_value(o, json_key(m), m, false);
	}
	json_out_close(o);
}

static void write_traffic(struct jval list, struct json_out *o)
{
	json_out_open(o, "traffic", '[');
	for (struct jval e = json_first(list); json_type(e) != JSON_NONE; e = json_next(e)) {
		json_out_open(o, NULL, '{');
		for (struct jval m = json_first(e); json_type(m) != JSON_NONE; m = json_next(m)) {
			if (strcmp(json_key(m), "trace") == 0)
				write_trace(m, o);
			else
				json_out_value(o, json_key(m), m, false);
		}
		json_out_close(o);
	}
	json_out_close(o);
}

void scenario_write(const struct scenario *s, struct jval changes, struct json_out *o)
{
	struct jval own = json_root(s->document);

	for (struct jval m = json_first(own); json_type(m) != JSON_NONE; m = json_next(m)) {
		if (json_type(json_get(changes, json_key(m))) != JSON_NONE)
			continue;
		if (strcmp(json_key(m), "deployment") == 0)
			write_deployment(s, m, o);
		else if (strcmp(json_key(m), "traffic") == 0)
			write_traffic(m, o);
		else
			json_out_value(o, json_key(m), m, false);
	}
	for (struct jval m = json_first(changes); json_type(m) != JSON_NONE; m = json_next(m))
		if (json_type(m) != JSON_NULL)
			json_out_value(o, json_key(m), m, false);
}
