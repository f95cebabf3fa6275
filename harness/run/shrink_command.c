/* `shrink`: reads one scenario, shrinks it, writes what is left and says what went. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/run/interrupt.h"
#include "harness/run/record.h"
#include "harness/run/shrink.h"
#include "harness/run/verdict.h"

enum { LINE_BYTES = 1200, PATH_BYTES = 1024, NAME_BYTES = 64, VALUE_SHOWN = 72 };

static const char *const end_names[] = {[SHRINK_DONE] = "shrunk",
        [SHRINK_HELD] = "held",
        [SHRINK_UNDECIDED] = "undecided",
        [SHRINK_ABORTED] = "aborted"};
static const char *const cut_names[] = {[SHRINK_WHOLE] = NULL,
        [SHRINK_CUT_RUNS] = "max_runs",
        [SHRINK_CUT_INTERRUPT] = "interrupted"};

struct command {
	bool terminal;
	const struct shrink_options *options;
	const struct scenario *s;
	char name[NAME_BYTES + 1]; /* of the shrunk scenario */
	char dir[PATH_BYTES], file[PATH_BYTES], path[2 * PATH_BYTES + 2];
	char replay[VERDICT_REPLAY_BYTES];
	struct shrink_result r;
};

/* --- where it goes ----------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Found before anything is run: a search of minutes should not end in a missing folder. */
static enum status find_place(struct command *c, struct error *err)
{
	const char *out = c->options->out ? c->options->out : ".", *slash = strrchr(out, '/');
	int n;

	(void)snprintf(c->name, sizeof(c->name), "%.*s-shrunk", NAME_BYTES - 7, c->s->name);
	if (is_folder(out)) {
		n = snprintf(c->dir, sizeof(c->dir), "%s", out);
		(void)snprintf(c->file, sizeof(c->file), "%s.json", c->name);
	} else {
		n = snprintf(c->dir, sizeof(c->dir), "%.*s", slash ? (int)(slash - out) + 1 : 1,
		        slash ? out : ".");
		(void)snprintf(c->file, sizeof(c->file), "%s", slash ? slash + 1 : out);
	}
	if (n >= PATH_BYTES - NAME_BYTES - 8 || strlen(out) >= PATH_BYTES)
		return error_set(err, ERR_USAGE, "option --out: expected a shorter path");
	if (c->file[0] == '\0' || !is_folder(c->dir) || access(c->dir, W_OK))
		return error_set(err, c->file[0] ? ERR_ENVIRONMENT : ERR_USAGE,
		        "option --out: expected a file in a folder that can be written to, found "
		        "'%s'",
		        out);
	if (strcmp(c->dir, ".") == 0)
		(void)snprintf(c->path, sizeof(c->path), "%s", c->file);
	else
		(void)snprintf(c->path, sizeof(c->path), "%s%s%s", c->dir,
		        c->dir[strlen(c->dir) - 1] == '/' ? "" : "/", c->file);
	return ERR_NONE;
}

/* --- what is said ------------------------------------------------------------------------ */

static const char *run_command(
        const struct command *c, const char *file, bool edited, char buf[VERDICT_REPLAY_BYTES])
{
	struct run_options run = {.files = &file, .n_files = 1, .clock = RUN_CLOCK_VIRTUAL};

	if (edited)
		run.scenario = c->options->scenario;
	return verdict_replay(c->s, &run, buf);
}

/* On a terminal one line that changes; else a line a stage. */
static void print_progress(void *ctx, const char *line, bool stage_ends)
{
	const struct command *c = ctx;

	if (c->terminal)
		(void)fprintf(stderr, "\r\033[K%s: %s%s", c->s->name, line, stage_ends ? "\n" : "");
	else if (stage_ends)
		(void)fprintf(stderr, "%s: %s\n", c->s->name, line);
}

static void print_names(const char *what, struct jval names)
{
	const char *before = ": ";

	if (json_count(names) == 0)
		return;
	(void)fprintf(stderr, "  without %s", what);
	for (struct jval v = json_first(names); json_type(v) != JSON_NONE; v = json_next(v)) {
		(void)fprintf(stderr, "%s%s", before, json_string(v));
		before = ", ";
	}
	(void)fprintf(stderr, "\n");
}

/* As far as it fits into a line. */
static void print_value(struct jval v)
{
	struct json_out o;

	if (json_type(v) == JSON_NULL) {
		(void)fputs("(none)", stderr);
		return;
	}
	json_out_init(&o, 0);
	if (!json_string(v))
		json_out_value(&o, NULL, v, false);
	if (json_type(v) == JSON_ARRAY && o.n > VALUE_SHOWN)
		(void)fprintf(stderr, "%zu elements", json_count(v));
	else
		(void)fprintf(stderr, "%.*s%s", VALUE_SHOWN,
		        json_string(v) ? json_string(v) : o.buf, o.n > VALUE_SHOWN ? "…" : "");
	json_out_free(&o);
}

static void print_differences(const struct shrink_result *r)
{
	struct error err = ERROR_INIT;
	struct json_out o;
	struct json *doc;
	struct jval removed;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	shrink_differences(r, &o);
	json_out_close(&o);
	if (json_parse("shrink", o.buf, o.n, &doc, &err))
		UNREACHABLE("what was written as JSON is JSON");
	json_out_free(&o);
	removed = json_get(json_root(doc), "removed");
	print_names("faults", json_get(removed, "faults"));
	print_names("traffic", json_get(removed, "traffic"));
	print_names("SLOs", json_get(removed, "slo"));
	print_names("expectations", json_get(removed, "expect"));
	for (struct jval v = json_first(json_get(json_root(doc), "changed"));
	        json_type(v) != JSON_NONE; v = json_next(v)) {
		(void)fprintf(stderr, "  %-32s ", json_string(json_get(v, "path")));
		print_value(json_get(v, "from"));
		(void)fprintf(stderr, " -> ");
		print_value(json_get(v, "to"));
		(void)fprintf(stderr, "\n");
	}
	json_free(doc);
}

static void print_shrunk(const struct command *c)
{
	const struct shrink_result *r = &c->r;

	(void)fprintf(stderr, "\n%s: misses its %s '%s'", c->s->name,
	        r->is_slo ? "SLO" : "expectation", r->missed);
	if (!isnan(r->observed) && !isnan(r->limit))
		(void)fprintf(stderr, " (%.6g, limit %.6g)", r->observed, r->limit);
	(void)fprintf(stderr, " with %u of %u faults, after %" PRIu64 " runs\n",
	        r->smallest->faults.n, r->original->faults.n, r->runs);
	print_differences(r);
	if (r->cut == SHRINK_CUT_RUNS)
		(void)fprintf(stderr, "  cut by --max-runs: there may be a smaller one\n");
	if (r->cut == SHRINK_CUT_INTERRUPT)
		(void)fprintf(stderr, "  interrupted: there may be a smaller one\n");
	(void)fprintf(stderr, "\n  file:   %s\n  replay: %s\n", c->path, c->replay);
}

static void print_nothing(const struct command *c)
{
	const struct shrink_result *r = &c->r;
	const char *id = c->options->expect;

	if (r->end == SHRINK_HELD && id)
		(void)fprintf(
		        stderr, "%s: '%s' is not missed, nothing to shrink\n", c->s->name, id);
	else if (r->end == SHRINK_HELD)
		(void)fprintf(stderr, "%s: nothing is missed, nothing to shrink\n", c->s->name);
	else if (r->end == SHRINK_ABORTED)
		(void)fprintf(stderr,
		        "%s: an abort rule ends the run before anything is judged, nothing to "
		        "shrink\n",
		        c->s->name);
	else if (r->cut == SHRINK_CUT_INTERRUPT)
		(void)fprintf(stderr, "%s: interrupted in the first run\n", c->s->name);
	else
		(void)fprintf(stderr,
		        "%s: the run does not tell whether %s is missed, nothing to shrink\n",
		        c->s->name, id ? id : "anything that is asked");
}

static void real_or_null(struct json_out *o, const char *key, double v)
{
	if (isnan(v))
		json_out_null(o, key);
	else
		json_out_real(o, key, v);
}

static void write_shrunk(const struct command *c, struct json_out *o)
{
	const struct shrink_result *r = &c->r;
	char digest[DIGEST_TEXT_MAX];

	real_or_null(o, "observed", r->observed);
	real_or_null(o, "limit", r->limit);
	json_out_open(o, "faults", '{');
	json_out_u64(o, "before", r->original->faults.n);
	json_out_u64(o, "after", r->smallest->faults.n);
	json_out_close(o);
	shrink_differences(r, o);
	json_out_str(o, "result_digest", digest_text(r->result_digest, digest));
	json_out_str(o, "file", c->path);
	json_out_str(o, "replay", c->replay);
}

static void print_json(const struct command *c)
{
	const struct shrink_result *r = &c->r;
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "schema", "lpuchaos.shrink/1");
	json_out_str(&o, "scenario", c->s->name);
	json_out_u64(&o, "seed", c->s->seed);
	json_out_str(&o, "outcome", end_names[r->end]);
	json_out_str(&o, "cut", cut_names[r->cut]);
	json_out_str(&o, "missed", r->end == SHRINK_DONE ? r->missed : NULL);
	json_out_u64(&o, "runs", r->runs);
	json_out_u64(&o, "refused", r->refused);
	if (r->smallest)
		write_shrunk(c, &o);
	json_out_close(&o);
	(void)fwrite(o.buf, 1, o.n, stdout);
	(void)putchar('\n');
	json_out_free(&o);
}

/* --- the whole --------------------------------------------------------------------------- */

static enum status write_file(const struct command *c, struct error *err)
{
	struct json_out o;
	enum status st;
	char *text;

	json_out_init(&o, 2);
	json_out_open(&o, NULL, '{');
	shrink_write(&c->r, c->name, &o);
	json_out_close(&o);
	text = mem_alloc(o.n + 1, 1);
	memcpy(text, o.buf, o.n);
	text[o.n] = '\n';
	st = record_file(c->dir, c->file, text, o.n + 1, err);
	mem_free(text);
	json_out_free(&o);
	return st;
}

static enum status shrink_one(struct command *c, int *code, struct error *err)
{
	const volatile sig_atomic_t *interrupt;
	struct shrink_request request = {.expect = c->options->expect,
	        .max_runs = (uint64_t)c->options->max_runs,
	        .say = print_progress,
	        .ctx = c};
	char first[VERDICT_REPLAY_BYTES];

	if (shrink_check(c->s, &request, err) || find_place(c, err))
		return err->code;
	(void)fprintf(stderr, "%s: seed %" PRIu64 ", shrinks what misses: %s\n", c->s->name,
	        c->s->seed, run_command(c, c->options->files[0], true, first));
	interrupt = interrupt_catch();
	c->terminal = isatty(STDERR_FILENO);
	if (shrink(c->s, &request, interrupt, &c->r, err))
		return err->code;
	*code = *interrupt ? 128 + (int)*interrupt : c->r.exit_code;
	if (!c->r.smallest) {
		print_nothing(c);
		return ERR_NONE;
	}
	(void)run_command(c, c->path, false, c->replay);
	if (write_file(c, err))
		return err->code;
	print_shrunk(c);
	return ERR_NONE;
}

int execute_shrink(const struct shrink_options *options)
{
	struct command *c = mem_alloc(1, sizeof(*c));
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	char line[LINE_BYTES];
	int code = 0;

	c->options = options;
	if (scenario_load(options->files[0], &options->scenario, &list, &err) == ERR_NONE &&
	        scenario_pick(&list, options->files[0], options->pick, "shrink", &c->s, &err) ==
	                ERR_NONE &&
	        shrink_one(c, &code, &err) == ERR_NONE && options->json)
		print_json(c);
	if (err.code) {
		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s%s\n", err.file[0] ? "" : "lpuchaos: ", line);
		code = (int)err.code;
	}
	shrink_free(&c->r);
	scenario_list_free(&list);
	mem_free(c);
	return code;
}
