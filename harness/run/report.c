/* Reads, calls a pure renderer, writes. What kind of page it is follows from the file that every
 * directory of its kind has. */
#include "harness/run/report.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "harness/run/campaign_page.h"
#include "harness/run/files.h"
#include "harness/run/record.h"
#include "reports/html.h"
#include "reports/page_run.h"
#include "reports/store.h"
#include "reports/store_read.h"

enum { FILES_MAX = 64, NOTES_MAX = 16, DOCS_MAX = 8, ARENA_BYTES_MAX = 256 << 20 };
enum { ERROR_LINE_BYTES = 1200 };

/* --- what lies in a directory --- */

static bool path_of(const char *dir, const char *name, char path[static PATH_MAX])
{
	return (size_t)snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return path_of(dir, name, path) && access(path, F_OK) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Other files of dir by name, without hidden ones and the page itself. */
static void list_files(const char *dir, struct arena *arena, const char *out[FILES_MAX + 1])
{
	DIR *d = opendir(dir);
	size_t n = 0;

	for (struct dirent *e; d && n < FILES_MAX && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && e->d_type != DT_DIR &&
		        strcmp(e->d_name, REPORT_FILE) != 0)
			out[n++] = arena_strndup(arena, e->d_name, strlen(e->d_name));
	if (d)
		(void)closedir(d);
	qsort(out, n, sizeof(*out), by_name);
	out[n] = NULL;
}

static enum status read_root(
        const char *dir, const char *name, struct json **doc, struct error *err)
{
	char path[PATH_MAX];

	if (!path_of(dir, name, path))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
	return files_parse("", path, doc, err);
}

static enum status write_page(const char *dir, const struct text *t, struct error *err)
{
	if (t->cut)
		return error_set(err, ERR_ENVIRONMENT, "%s: its page would have more than %d bytes",
		        dir, HTML_BYTES_MAX);
	return record_file(dir, REPORT_FILE, t->buf, t->n, err);
}

/* --- a run --- */

/* What a page is made of, and its owners. */
struct inputs {
	struct page_run page;
	struct json *docs[DOCS_MAX];
	size_t n_docs;
	struct arena arena;
	const char *files[FILES_MAX + 1];
	const char *notes[NOTES_MAX + 1];
	size_t n_notes;
};

static void inputs_free(struct inputs *in)
{
	for (size_t i = 0; i < in->n_docs; i++)
		json_free(in->docs[i]);
	arena_free(&in->arena);
	mem_free(in);
}

static void add_note(struct inputs *in, const struct error *err)
{
	char line[ERROR_LINE_BYTES];

	if (in->n_notes == NOTES_MAX)
		return;
	(void)error_format(err, line, sizeof(line));
	in->notes[in->n_notes++] = arena_printf(&in->arena, "Not read: %s.", line);
}

static enum status read_document(
        struct inputs *in, const char *dir, const char *name, struct jval *root, struct error *err)
{
	struct json *doc;
	enum status st = read_root(dir, name, &doc, err);

	if (st)
		return st;
	CHECK(in->n_docs < DOCS_MAX);
	in->docs[in->n_docs++] = doc;
	*root = json_root(doc);
	return ERR_NONE;
}

static void read_beside(struct inputs *in, const char *dir, const char *name, struct jval *root)
{
	struct error err = ERROR_INIT;

	if (is_there(dir, name) && read_document(in, dir, name, root, &err))
		add_note(in, &err);
}

/* A knee in the directory, or the one that `knee` left beside it for a scenario of this name. */
static void read_knee(struct inputs *in, const char *dir)
{
	const char *name = json_string(json_get(in->page.result, "scenario"));
	char beside[PATH_MAX];

	read_beside(in, dir, "knee.json", &in->page.knee);
	if (!in->page.knee.item && name && !strchr(name, '/') &&
	        (size_t)snprintf(beside, sizeof(beside), "%s/../%s-knee", dir, name) <
	                sizeof(beside))
		read_beside(in, beside, "knee.json", &in->page.knee);
}

static struct page_stretch stretch_of(const struct store_second *x)
{
	return (struct page_stretch){.from_ns = x->from_ns,
	        .to_ns = x->to_ns,
	        .tier = x->tier,
	        .scheduled = x->scheduled,
	        .done = x->done,
	        .ok = x->ok,
	        .good = x->good,
	        .rejected = x->rejected,
	        .failed = x->failed,
	        .in_flight = x->in_flight,
	        .queued = x->queued,
	        .ttft_p50_ns = x->ttft_p50_ns,
	        .ttft_p99_ns = x->ttft_p99_ns,
	        .ttft_max_ns = x->ttft_max_ns,
	        .e2el_p99_ns = x->e2el_p99_ns};
}

static enum status read_store(struct inputs *in, const char *path, struct error *err)
{
	struct store_reader *reader;
	const struct store_second *seconds;
	const struct store_run *run;
	struct page_stretch *line;
	size_t n;
	enum status st = store_read_open(path, &reader, err);

	if (st)
		return st;
	run = store_read_run(reader);
	if (run->partial && in->n_notes < NOTES_MAX)
		in->notes[in->n_notes++] = arena_printf(&in->arena,
		        "The run store holds %" PRIu64 " requests that had ended by then.",
		        run->rows);
	st = store_read_timeline(reader, &in->arena, &seconds, &n, err);
	if (!st) {
		line = ARENA_ARRAY(&in->arena, struct page_stretch, n + 1);
		for (size_t i = 0; i < n; i++)
			line[i] = stretch_of(&seconds[i]);
		in->page.timeline = line;
		in->page.n_timeline = n;
	}
	store_read_close(reader);
	return st;
}

static void read_timeline(struct inputs *in, const char *dir)
{
	struct error err = ERROR_INIT;
	char path[PATH_MAX];

	if (!is_there(dir, STORE_FILE) || !path_of(dir, STORE_FILE, path)) {
		in->page.no_timeline = "There is no run.sqlite, so nothing is known over time.";
		return;
	}
	if (read_store(in, path, &err)) {
		add_note(in, &err);
		in->page.no_timeline = "run.sqlite could not be read.";
	}
}

static enum status read_inputs(struct inputs *in, const char *dir, struct error *err)
{
	struct page_run *p = &in->page;
	enum status st = read_document(in, dir, "result.json", &p->result, err);

	if (st)
		return st;
	read_beside(in, dir, "bundle.json", &p->bundle);
	read_beside(in, dir, "score.json", &p->score);
	read_beside(in, dir, "histograms.json", &p->histograms);
	read_beside(in, dir, "faults.json", &p->faults);
	read_beside(in, dir, "audit.json", &p->audit);
	read_beside(in, dir, "assumptions.json", &p->assumptions);
	read_knee(in, dir);
	read_timeline(in, dir);
	list_files(dir, &in->arena, in->files);
	p->files = in->files;
	p->notes = in->notes;
	return ERR_NONE;
}

static enum status report_of_run(const char *dir, struct error *err)
{
	struct inputs *in = mem_alloc(1, sizeof(*in));
	struct text t;
	enum status st;

	arena_init(&in->arena, ARENA_BYTES_MAX);
	text_init(&t, HTML_BYTES_MAX);
	st = read_inputs(in, dir, err);
	if (!st) {
		page_run(&in->page, &t);
		if (t.cut) {
			text_free(&t);
			in->page.brief = true;
			page_run(&in->page, &t);
		}
		st = write_page(dir, &t, err);
	}
	text_free(&t);
	inputs_free(in);
	return st;
}

/* --- a knee --- */

static enum status report_of_knee(const char *dir, struct error *err)
{
	struct json *doc;
	struct text t;
	enum status st = read_root(dir, "knee.json", &doc, err);

	if (st)
		return st;
	text_init(&t, HTML_BYTES_MAX);
	page_knee(json_root(doc), &t);
	st = write_page(dir, &t, err);
	text_free(&t);
	json_free(doc);
	return st;
}

/* --- whichever it is --- */

static const struct {
	const char *file; /* that every directory of the kind has */
	enum status (*write)(const char *dir, struct error *err);
} kinds[] = {{"result.json", report_of_run}, {"knee.json", report_of_knee},
        {"campaign.json", campaign_page_write}};

enum status report_write(const char *dir, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is_there(dir, kinds[i].file))
			return kinds[i].write(dir, err);
	return error_set(err, ERR_USAGE,
	        "report: expected a directory that a command left, with result.json, "
	        "knee.json or campaign.json in it, found '%s'",
	        dir);
}

int report_run(const char *dir)
{
	struct error err = ERROR_INIT;
	char line[ERROR_LINE_BYTES];

	if (!report_write(dir, &err)) {
		(void)printf("%s/%s\n", dir, REPORT_FILE);
		return 0;
	}
	(void)error_format(&err, line, sizeof(line));
	(void)fprintf(stderr, "%s%s\n", err.file[0] ? "" : "lpuchaos: ", line);
	return (int)err.code;
}
