/* `run`: every scenario of every file, one after the other. All input is read and checked before
 * the first of them starts. */
#include "harness/run/execute.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "harness/run/record.h"
#include "harness/run/verdict.h"

enum { TEXT_BYTES_MAX = 1 << 20, JUNIT_BYTES_MAX = 64 << 20, ERROR_LINE_BYTES = 1200 };

static volatile sig_atomic_t interrupted; /* the signal's number */

static void on_signal(int number)
{
	interrupted = number;
}

static void catch_signals(void)
{
	struct sigaction a = {.sa_handler = on_signal};

	interrupted = 0;
	(void)sigemptyset(&a.sa_mask);
	(void)sigaction(SIGINT, &a, NULL);
	(void)sigaction(SIGTERM, &a, NULL);
}

static int report_error(const struct error *err)
{
	char line[ERROR_LINE_BYTES];

	(void)error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s\n", line);
	return (int)err->code;
}

/* Two scenarios that would write to one folder. */
static enum status check_distinct(const struct scenario_list *list, struct error *err)
{
	for (uint32_t i = 0; i < list->n; i++)
		for (uint32_t j = i + 1; j < list->n; j++)
			if (!strcmp(list->items[i]->name, list->items[j]->name) &&
			        list->items[i]->seed == list->items[j]->seed)
				return error_set(err, ERR_USAGE,
				        "expected scenarios of different names or seeds, found "
				        "'%s' "
				        "with seed %" PRIu64 " twice",
				        list->items[i]->name, list->items[i]->seed);
	return ERR_NONE;
}

/* The virtual clock plays a model; a URL alone gives none. */
static enum status check_clock(
        const struct scenario_list *list, const struct run_options *options, struct error *err)
{
	for (uint32_t i = 0; i < list->n && options->clock == RUN_CLOCK_VIRTUAL; i++)
		if (!list->items[i]->has_deployment)
			return json_expected(
			        json_get(json_root(list->items[i]->document), "target"), err,
			        "a deployment beside the URL, which the virtual clock cannot ask");
	return ERR_NONE;
}

/* First and last line of a scenario, so that a cut log still has one of them. */
static void print_replay(const struct scenario *s, const struct run_options *options)
{
	char replay[VERDICT_REPLAY_BYTES];

	(void)fprintf(stderr, "%s: seed %" PRIu64 ", replay: %s\n", s->name, s->seed,
	        verdict_replay(s, options, replay));
}

static void print_result(const struct verdict_run *v, bool json)
{
	struct text text;
	struct json_out o;

	text_init(&text, TEXT_BYTES_MAX);
	render_text(&v->doc, &text);
	if (text.buf)
		(void)fputs(text.buf, stderr);
	text_free(&text);
	if (!json)
		return;
	json_out_init(&o, 0);
	render_result(&v->doc, &o);
	(void)fwrite(o.buf, 1, o.n, stdout);
	if (o.n && o.buf[o.n - 1] != '\n')
		(void)putchar('\n');
	(void)fflush(stdout);
	json_out_free(&o);
}

/* Files that are written beside a path of the user's. */
static enum status write_junit(
        const char *path, const struct result_document *docs, uint32_t n, struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct text text;
	char dir[VERDICT_REPLAY_BYTES] = ".";
	enum status st;

	if (slash)
		(void)snprintf(
		        dir, sizeof(dir), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	text_init(&text, JUNIT_BYTES_MAX);
	render_junit(docs, n, &text);
	st = record_file(dir, slash ? slash + 1 : path, text.buf ? text.buf : "", text.n, err);
	text_free(&text);
	return st;
}

/* The first present of 3, 1, 5, 4, 0. */
static int suite_code(const bool seen[static 256])
{
	static const int order[] = {3, 1, 5, 4};

	for (unsigned i = 0; i < ARRAY_LEN(order); i++)
		if (seen[order[i]])
			return order[i];
	return 0;
}

static int run_list(const struct scenario_list *list, const struct run_options *options)
{
	struct verdict_run *runs = mem_alloc(list->n + 1, sizeof(*runs));
	struct result_document *docs = mem_alloc(list->n + 1, sizeof(*docs));
	struct error err = ERROR_INIT;
	bool seen[256] = {false};
	uint32_t n = 0;
	int code;

	for (uint32_t i = 0; i < list->n && !interrupted; i++) {
		struct verdict_run *v = &runs[n];

		print_replay(list->items[i], options);
		if (verdict_run(list->items[i], options, &interrupted, v, &err)) {
			seen[report_error(&err)] = true;
			verdict_free(v);
			err = (struct error)ERROR_INIT;
			continue;
		}
		seen[v->exit_code & 255] = true;
		print_result(v, options->json);
		docs[n++] = v->doc;
		if (!options->junit) { /* only a joint report needs them all at once */
			verdict_free(v);
			n--;
		}
	}
	code = suite_code(seen);
	if (options->junit && write_junit(options->junit, docs, n, &err))
		code = report_error(&err);
	for (uint32_t i = 0; i < n; i++)
		verdict_free(&runs[i]);
	mem_free(runs);
	mem_free(docs);
	if (seen[2])
		code = 2;
	return interrupted ? 128 + (int)interrupted : code;
}

int execute_run(const struct run_options *options)
{
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	enum status st = ERR_NONE;
	int code;

	for (uint32_t i = 0; i < options->n_files && !st; i++)
		st = scenario_load(options->files[i], &options->scenario, &list, &err);
	if (!st)
		st = check_distinct(&list, &err);
	if (!st)
		st = check_clock(&list, options, &err);
	if (st) {
		scenario_list_free(&list);
		return report_error(&err);
	}
	catch_signals();
	for (uint32_t i = 0; i < list.n; i++)
		for (uint32_t k = 0; k < list.items[i]->n_warnings; k++)
			(void)fprintf(stderr, "%s: warning: %s\n", list.items[i]->name,
			        list.items[i]->warnings[k]);
	code = run_list(&list, options);
	scenario_list_free(&list);
	return code;
}
