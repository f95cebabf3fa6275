/* `knee`: one scenario, looked for; the document, written once it is whole. */
#include "harness/run/knee.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "harness/run/interrupt.h"
#include "harness/run/record.h"
#include "harness/run/report.h"
#include "harness/run/shell_word.h"

enum { ERROR_LINE_BYTES = 1200, EXIT_NO_KNEE = 4, REPLAY_BYTES = 4096 };

static int report_error(const struct error *err)
{
	char line[ERROR_LINE_BYTES];

	(void)error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s%s\n", err->file[0] ? "" : "lpuchaos: ", line);
	return (int)err->code;
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
		st = report_write(path, err);
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

static void print_replay(const struct scenario *s, const struct knee_options *options)
{
	char buf[REPLAY_BYTES], number[40];
	size_t at = (size_t)snprintf(buf, sizeof(buf), "lpuchaos knee");

	at = shell_word(buf, sizeof(buf), at, options->files[0]);
	(void)snprintf(number, sizeof(number), "--seed=%" PRIu64, s->seed);
	at = shell_word(buf, sizeof(buf), at, number);
	if (options->name) {
		at = shell_word(buf, sizeof(buf), at, "--scenario");
		at = shell_word(buf, sizeof(buf), at, options->name);
	}
	if (options->requests != KNEE_REQUESTS) {
		(void)snprintf(number, sizeof(number), "--requests=%" PRId64, options->requests);
		at = shell_word(buf, sizeof(buf), at, number);
	}
	if (options->burst) {
		at = shell_word(buf, sizeof(buf), at, "--burst");
		at = shell_word(buf, sizeof(buf), at, options->burst);
	}
	for (uint32_t i = 0; i < options->scenario.n_set; i++) {
		at = shell_word(buf, sizeof(buf), at, "--set");
		at = shell_word(buf, sizeof(buf), at, options->scenario.set[i]);
	}
	(void)fprintf(stderr, "%s: seed %" PRIu64 ", replay: %s\n", s->name, s->seed, buf);
}

static int play(const struct scenario *s, const struct knee_options *options)
{
	struct knee_settings settings = {.jobs = threads(options->jobs),
	        .points = (uint32_t)options->points,
	        .requests = (double)options->requests,
	        .burst = options->burst,
	        .progress = true};
	struct error err = ERROR_INIT;
	struct knee k;
	int code;

	print_replay(s, options);
	settings.interrupt = interrupt_catch();
	code = (int)knee_find(s, &settings, &k, &err);
	if (*settings.interrupt) {
		(void)fprintf(stderr, "%s: interrupted; nothing is written\n", s->name);
		code = 128 + (int)*settings.interrupt;
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
	else
		print_replay(s, options);
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
	        scenario_pick(&list, options->files[0], options->name, "search", &s, &err) ||
	        knee_check(s, options->burst, &err))
		code = report_error(&err);
	else
		code = play(s, options);
	scenario_list_free(&list);
	return code;
}
