/* `knee`: one scenario, looked for; the document, written once it is whole. */
#include "harness/run/knee.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "harness/run/interrupt.h"
#include "harness/run/record.h"

enum { ERROR_LINE_BYTES = 1200, EXIT_NO_KNEE = 4 };

static int report_error(const struct error *err)
{
	char line[ERROR_LINE_BYTES];

	(void)error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s%s\n", err->file[0] ? "" : "lpuchaos: ", line);
	return (int)err->code;
}

/* The scenario of the file, or the one of its scenarios that is named. */
static enum status choose(const struct scenario_list *list, const char *name,
        const struct scenario **out, struct error *err)
{
	const char **names = mem_alloc(list->n, sizeof(*names));
	const char *nearest;

	*out = !name && list->n == 1 ? list->items[0] : NULL;
	for (uint32_t i = 0; i < list->n; i++) {
		names[i] = list->items[i]->name;
		if (name && strcmp(name, names[i]) == 0)
			*out = list->items[i];
	}
	nearest = name ? error_nearest(name, names, list->n) : NULL;
	mem_free(names);
	if (*out)
		return ERR_NONE;
	if (!name)
		return error_set(err, ERR_USAGE,
		        "expected --scenario NAME with a suite of %u scenarios, found none",
		        list->n);
	return error_set(err, ERR_USAGE,
	        "option --scenario: expected a scenario of the file%s%s%s, found "
	        "'%s'",
	        nearest ? " (nearest is '" : "", nearest ? nearest : "", nearest ? "')" : "", name);
}

static enum status write_file(const struct knee *k, const char *out_dir, struct error *err)
{
	char path[PATH_MAX];
	struct json_out o;
	enum status st;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s-knee", out_dir, k->s->name) >= sizeof(path))
		return error_set(err, ERR_USAGE, "--out: expected a shorter path");
	st = record_folder(path, err);
	if (st)
		return st;
	json_out_init(&o, 2);
	knee_write_json(k, &o);
	st = record_file(path, "knee.json", o.buf, o.n, err);
	json_out_free(&o);
	if (!st)
		(void)fprintf(stderr, "\n  %s/knee.json\n", path);
	return st;
}

static void print_json(const struct knee *k)
{
	struct json_out o;

	json_out_init(&o, 0);
	knee_write_json(k, &o);
	(void)printf("%s\n", o.buf);
	json_out_free(&o);
}

static uint32_t threads(int64_t jobs)
{
	long processors = jobs > 0 ? jobs : sysconf(_SC_NPROCESSORS_ONLN);

	if (processors < 1)
		return 1;
	return processors < KNEE_JOBS_MAX ? (uint32_t)processors : KNEE_JOBS_MAX;
}

static int play(const struct scenario *s, const struct knee_options *options)
{
	const volatile sig_atomic_t *interrupt = interrupt_catch();
	struct error err = ERROR_INIT;
	struct knee k;
	int code;

	(void)fprintf(stderr, "%s: seed %" PRIu64 ", replay: lpuchaos knee %s --seed %" PRIu64 "\n",
	        s->name, s->seed, options->files[0], s->seed);
	code = (int)knee_find(s, threads(options->jobs), (uint32_t)options->points, options->burst,
	        interrupt, true, &k, &err);
	if (*interrupt) {
		(void)fprintf(stderr, "%s: interrupted; nothing is written\n", s->name);
		code = 128 + (int)*interrupt;
	} else if (!code) {
		knee_write_text(&k, stderr);
		code = write_file(&k, options->out_dir, &err) == ERR_NONE
		               ? (k.answers[0].found ? 0 : EXIT_NO_KNEE)
		               : (int)err.code;
		if (options->json && !err.code)
			print_json(&k);
	}
	if (err.code && code < 128)
		code = report_error(&err);
	knee_free(&k);
	return code;
}

int knee_run(const struct knee_options *options)
{
	struct scenario_list list = SCENARIO_LIST_INIT;
	const struct scenario *s;
	struct error err = ERROR_INIT;
	int code;

	if (scenario_load(options->files[0], &options->scenario, &list, &err) ||
	        choose(&list, options->name, &s, &err))
		code = report_error(&err);
	else
		code = play(s, options);
	scenario_list_free(&list);
	return code;
}
