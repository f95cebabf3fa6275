#include "harness/run/suite_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/record.h"
#include "harness/run/shell_word.h"
#include "harness/run/tier03.h"
#include "reports/page_suite.h"

enum { PATH_BYTES = 4096, COMMAND_BYTES = 4096, FOLDER_BYTES = 128 };

struct index_of {
	struct page_suite page;
	struct page_suite_run *runs;
	struct json **docs;
	char (*folders)[FOLDER_BYTES];
	struct json *claims;
	char replay[COMMAND_BYTES], claims_file[SUITE_PAGE_NAME];
	char names[TIER03_FILES][TIER03_NAME];
};

static struct json *read_beside(const char *out_dir, const char *name)
{
	char path[PATH_BYTES];
	struct error ignored = ERROR_INIT;
	struct json *doc = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", out_dir, name);
	return files_parse("", path, &doc, &ignored) ? NULL : doc;
}

static struct jval root_of(struct json *doc)
{
	return doc ? json_root(doc) : (struct jval){0};
}

static void read_run(
        struct index_of *x, const struct suite_page_run *run, uint32_t i, const char *out_dir)
{
	char result[2 * FOLDER_BYTES];

	x->runs[i].scenario = run->s->name;
	if (!run->judged)
		return;
	(void)snprintf(x->folders[i], FOLDER_BYTES, "%s-%" PRIu64 "-%s", run->s->name, run->s->seed,
	        run->clock == RUN_CLOCK_VIRTUAL ? "virtual" : "wall");
	(void)snprintf(result, sizeof(result), "%s/result.json", x->folders[i]);
	x->docs[i] = read_beside(out_dir, result);
	x->runs[i].folder = x->folders[i];
	x->runs[i].result = root_of(x->docs[i]);
}

static void write_replay(struct index_of *x, const struct run_options *options)
{
	size_t at = (size_t)snprintf(x->replay, sizeof(x->replay), "lpuchaos run");
	char seed[32];

	for (uint32_t i = 0; i < options->n_files; i++)
		at = shell_word(x->replay, sizeof(x->replay), at, options->files[i]);
	if (options->clock_given)
		at = shell_word(x->replay, sizeof(x->replay), at,
		        options->clock == RUN_CLOCK_VIRTUAL ? "--clock=virtual" : "--clock=wall");
	(void)snprintf(seed, sizeof(seed), "--seed=%" PRIu64, options->scenario.seed);
	if (options->scenario.has_seed)
		at = shell_word(x->replay, sizeof(x->replay), at, seed);
	for (uint32_t i = 0; i < options->scenario.n_set; i++) {
		at = shell_word(x->replay, sizeof(x->replay), at, "--set");
		at = shell_word(x->replay, sizeof(x->replay), at, options->scenario.set[i]);
	}
}

/* A link can only lead into the folder. */
static const char *junit_within(const struct run_options *options)
{
	size_t n = strlen(options->out_dir);

	if (!options->junit || strncmp(options->junit, options->out_dir, n) != 0 ||
	        options->junit[n] != '/')
		return NULL;
	return options->junit + n + 1;
}

static enum status write_index(
        struct index_of *x, const char *out_dir, const char *name, struct error *err)
{
	struct text text;
	enum status st;

	text_init(&text, HTML_BYTES_MAX);
	page_suite(&text, &x->page);
	if (text.cut)
		st = error_set(err, ERR_ENVIRONMENT,
		        "%s/%s: the page would have more than %d bytes", out_dir, name,
		        HTML_BYTES_MAX);
	else
		st = record_file(out_dir, name, text.buf, text.n, err);
	text_free(&text);
	return st;
}

static void gather(struct index_of *x, const struct suite *suite, const struct suite_page_run *runs,
        uint32_t n, const struct run_options *options)
{
	for (uint32_t i = 0; i < n; i++)
		read_run(x, &runs[i], i, options->out_dir);
	write_replay(x, options);
	x->page = (struct page_suite){.name = suite->name,
	        .about = json_string(json_get(json_root(suite->document), "about")),
	        .replay = x->replay,
	        .junit = junit_within(options),
	        .runs = x->runs,
	        .n_runs = n};
	if (suite->n_claims == 0)
		return;
	(void)snprintf(x->claims_file, sizeof(x->claims_file), "%s.claims.json", suite->name);
	tier03_names(suite, x->names);
	x->claims = read_beside(options->out_dir, x->claims_file);
	x->page.claims = root_of(x->claims);
	x->page.claims_file = x->claims_file;
	x->page.review = x->names[1];
}

enum status suite_page_write(const struct suite *suite, const struct suite_page_run *runs,
        uint32_t n, const struct run_options *options, char name[static SUITE_PAGE_NAME],
        struct error *err)
{
	struct index_of *x = mem_alloc(1, sizeof(*x));
	enum status st = ERR_NONE;

	(void)snprintf(name, SUITE_PAGE_NAME, "%s.html", suite->name);
	x->runs = mem_alloc(n + 1, sizeof(*x->runs));
	x->docs = mem_alloc(n + 1, sizeof(struct json *));
	x->folders = mem_alloc(n + 1, sizeof(*x->folders));
	gather(x, suite, runs, n, options);
	if (suite->n_claims > 0 && strcmp(name, x->names[1]) == 0)
		name[0] = '\0';
	else
		st = write_index(x, options->out_dir, name, err);
	for (uint32_t i = 0; i < n; i++)
		json_free(x->docs[i]);
	json_free(x->claims);
	mem_free(x->runs);
	mem_free(x->docs);
	mem_free(x->folders);
	mem_free(x);
	return st;
}
