/* `run`: every scenario of every file, one after the other. All input is read and checked before
 * the first of them starts. */
#include "harness/run/execute.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "harness/net/ring.h"
#include "harness/run/checks.h"
#include "harness/run/claims.h"
#include "harness/run/interrupt.h"
#include "harness/run/packing.h"
#include "harness/run/record.h"
#include "harness/run/run_store.h"
#include "harness/run/suite_page.h"
#include "harness/run/tier03.h"
#include "harness/run/verdict.h"

enum {
	TEXT_BYTES_MAX = 1 << 20,
	JUNIT_BYTES_MAX = 64 << 20,
	ERROR_LINE_BYTES = 1200,
	SUITE_FILE_BYTES = 128
};

static const volatile sig_atomic_t *interrupted; /* set before the first run */

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

/* --- what is run, and on which clock ------------------------------------------------- */

struct job {
	uint32_t scenario;
	int clock;
};

struct job_list {
	uint32_t n;
	struct job *jobs;
};

static const struct suite *suite_of(const struct scenario_list *list, uint32_t scenario)
{
	for (uint32_t i = 0; i < list->n_suites; i++)
		if (scenario - list->suites[i]->first < list->suites[i]->n)
			return list->suites[i];
	return NULL;
}

/* What a wall run cannot do without is not there. */
static bool wall_is_missing(struct ring_check *missing)
{
	struct ring_check found[RING_CHECKS_MAX];
	size_t n = ring_probe(found);

	for (size_t i = 0; i < n; i++)
		if (found[i].required && !found[i].ok) {
			*missing = found[i];
			return true;
		}
	return false;
}

static void add_job(struct job_list *jobs, uint32_t scenario, int clock)
{
	jobs->jobs[jobs->n++] = (struct job){scenario, clock};
}

/* The wall part of a suite that is virtual by itself: behind its virtual runs, so that they are
 * done whatever comes. */
static void add_wall_part(struct job_list *jobs, const struct suite *suite)
{
	struct ring_check missing;

	if (suite->n_wall == 0)
		return;
	if (wall_is_missing(&missing)) {
		(void)fprintf(stderr,
		        "%s: the wall part (%u scenarios) is left out: %s: %s; see lpuchaos "
		        "doctor\n",
		        suite->name, suite->n_wall, missing.name, missing.detail);
		return;
	}
	(void)fprintf(stderr,
	        "%s: on the virtual clock, then %u of its scenarios on the wall clock\n",
	        suite->name, suite->n_wall);
	for (uint32_t i = 0; i < suite->n_wall; i++)
		add_job(jobs, suite->wall[i], RUN_CLOCK_WALL);
}

static void plan_jobs(
        const struct scenario_list *list, const struct run_options *options, struct job_list *jobs)
{
	jobs->n = 0;
	jobs->jobs = mem_alloc(2 * (size_t)list->n + 1, sizeof(*jobs->jobs));
	for (uint32_t i = 0; i < list->n; i++) {
		const struct suite *suite = suite_of(list, i);
		bool own = suite && suite->virtual_clock && !options->clock_given;

		add_job(jobs, i, own ? RUN_CLOCK_VIRTUAL : options->clock);
		if (own && i + 1 == suite->first + suite->n)
			add_wall_part(jobs, suite);
	}
}

static enum status check_clock(
        const struct scenario_list *list, const struct job_list *jobs, struct error *err)
{
	for (uint32_t i = 0; i < jobs->n; i++)
		if (jobs->jobs[i].clock == RUN_CLOCK_VIRTUAL &&
		        checks_virtual(list->items[jobs->jobs[i].scenario], err))
			return err->code;
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

static enum status write_junit(
        const char *path, const struct result_document *docs, uint32_t n, struct error *err)
{
	struct text text;
	enum status st;

	text_init(&text, JUNIT_BYTES_MAX);
	render_junit(docs, n, &text);
	st = record_path(path, text.buf ? text.buf : "", text.n, err);
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

/* The runs of one command. */
struct session {
	const struct scenario_list *list;
	const struct job_list *jobs;
	const struct run_options *options;
	struct verdict_run *runs;               /* by job */
	const struct verdict_run **by_scenario; /* the first run of each; NULL = none was judged */
	struct result_document *docs;
	uint32_t n_docs;
	struct packing *packing; /* NULL: no pack was asked for */
	bool *judged;            /* by job */
	bool seen[256];          /* exit codes */
};

/* What a job left, by the path of its result. */
static void pack_job(struct session *s, const char *result)
{
	char dir[VERDICT_REPLAY_BYTES];

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(result, '/') - result), result);
	if (s->packing)
		packing_folder(s->packing, dir);
}

/* A file of the suite's own, OUT/name. Of a lone run there is nothing to say beside it. */
static void pack_suite_file(struct session *s, const char *name)
{
	char path[VERDICT_REPLAY_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", s->options->out_dir, name);
	if (s->packing && s->jobs->n > 1)
		packing_file(s->packing, path, name);
}

static bool has_claims(const struct scenario_list *list, uint32_t scenario)
{
	const struct suite *suite = suite_of(list, scenario);

	return suite && suite->n_claims > 0;
}

static void run_job(struct session *s, uint32_t i)
{
	const struct job *job = &s->jobs->jobs[i];
	const struct scenario *scenario = s->list->items[job->scenario];
	struct run_options options = *s->options;
	struct verdict_run *v = &s->runs[i];
	struct error err = ERROR_INIT;

	options.clock = job->clock;
	print_replay(scenario, &options);
	if (verdict_run(scenario, &options, interrupted, v, &err)) {
		s->seen[report_error(&err)] = true;
		verdict_free(v);
		*v = (struct verdict_run){0};
		return;
	}
	s->seen[v->exit_code & 255] = true;
	s->judged[i] = true;
	pack_job(s, v->path);
	print_result(v, options.json);
	if (!options.junit && !has_claims(s->list, job->scenario)) {
		verdict_free(v); /* only a report on them together needs them at once */
		*v = (struct verdict_run){0};
		return;
	}
	s->docs[s->n_docs++] = v->doc;
	if (!s->by_scenario[job->scenario])
		s->by_scenario[job->scenario] = v;
}

/* What a design review asks of it: of all its runs, or nothing. */
static void conclude_review(struct session *s, const struct suite *suite)
{
	char names[TIER03_FILES][TIER03_NAME];
	struct error err = ERROR_INIT;

	if (*interrupted)
		return;
	if (tier03_write(suite, s->list, s->by_scenario, s->options->out_dir, interrupted, &err)) {
		s->seen[report_error(&err)] = true;
		return;
	}
	tier03_names(suite, names);
	for (int i = 0; i < TIER03_FILES && !*interrupted; i++)
		pack_suite_file(s, names[i]);
}

static void conclude_claims(struct session *s, const struct suite *suite)
{
	struct error err = ERROR_INIT;
	char name[SUITE_FILE_BYTES];

	if (suite->n_claims == 0)
		return;
	if (claims_conclude(
	            suite, s->list, s->by_scenario, s->options->out_dir, interrupted, &err)) {
		s->seen[report_error(&err)] = true;
		return;
	}
	(void)snprintf(name, sizeof(name), "%s.claims.json", suite->name);
	pack_suite_file(s, name);
	conclude_review(s, suite);
}

/* The index of its runs, on both clocks where it has a wall part. */
static void conclude_index(struct session *s, const struct suite *suite)
{
	struct suite_page_run *runs = mem_alloc(s->jobs->n + 1, sizeof(*runs));
	struct error err = ERROR_INIT;
	char name[SUITE_PAGE_NAME];
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->jobs->n; i++) {
		const struct job *job = &s->jobs->jobs[i];

		if (job->scenario - suite->first < suite->n)
			runs[n++] = (struct suite_page_run){
			        s->list->items[job->scenario], job->clock, s->judged[i]};
	}
	if (suite_page_write(suite, runs, n, s->options, name, &err))
		s->seen[report_error(&err)] = true;
	else if (name[0])
		pack_suite_file(s, name);
	mem_free(runs);
}

static void conclude_suite(struct session *s, const struct suite *suite)
{
	conclude_claims(s, suite);
	if (!*interrupted)
		conclude_index(s, suite);
}

/* What a suite says about all of its runs. Every file that is written here is packed, too:
 * pack_suite_file. */
static void conclude_suites(struct session *s)
{
	for (uint32_t i = 0; i < s->list->n_suites && !*interrupted; i++)
		conclude_suite(s, s->list->suites[i]);
}

/* The exit code: the runs' own, or that of a pack that cannot be written. */
static int write_pack(struct session *s, bool has_junit, int code)
{
	bool lone = s->jobs->n == 1;
	struct error err = ERROR_INIT;

	if (!s->packing)
		return code;
	if (packing_count(s->packing) == 0) {
		(void)fprintf(stderr, "pack: none is written, nothing was judged\n");
		return code;
	}
	if (has_junit && !lone) /* a lone run has its own */
		packing_file(s->packing, s->options->junit, "junit.xml");
	if (!packing_write(s->packing, lone, &err))
		return code;
	(void)report_error(&err);
	return ERR_ENVIRONMENT;
}

static int run_list(const struct scenario_list *list, const struct job_list *jobs,
        const struct run_options *options, struct packing *packing)
{
	struct session s = {.list = list,
	        .jobs = jobs,
	        .options = options,
	        .packing = packing,
	        .runs = mem_alloc(jobs->n + 1, sizeof(*s.runs)),
	        .by_scenario = mem_alloc(list->n + 1, sizeof(*s.by_scenario)),
	        .docs = mem_alloc(jobs->n + 1, sizeof(*s.docs)),
	        .judged = mem_alloc(jobs->n + 1, sizeof(*s.judged))};
	struct error err = ERROR_INIT;
	int code;

	for (uint32_t i = 0; i < jobs->n && !*interrupted; i++)
		run_job(&s, i);
	conclude_suites(&s);
	code = suite_code(s.seen);
	if (options->junit && write_junit(options->junit, s.docs, s.n_docs, &err))
		code = report_error(&err);
	code = write_pack(&s, options->junit && !err.code, code);
	for (uint32_t i = 0; i < jobs->n; i++)
		verdict_free(&s.runs[i]);
	mem_free(s.runs);
	mem_free(s.by_scenario);
	mem_free(s.docs);
	mem_free(s.judged);
	if (s.seen[2])
		code = 2;
	return *interrupted ? 128 + (int)*interrupted : code;
}

static void print_warnings(const struct scenario_list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		for (uint32_t k = 0; k < list->items[i]->n_warnings; k++)
			(void)fprintf(stderr, "%s: warning: %s\n", list->items[i]->name,
			        list->items[i]->warnings[k]);
}

/* Before anything runs; OUT is made first, for a pack may lie in it. */
static enum status open_pack(
        const struct run_options *options, struct packing **packing, struct error *err)
{
	char out[VERDICT_REPLAY_BYTES];

	if (!options->pack && options->sign_key)
		return error_set(err, ERR_USAGE, "--sign-key signs a pack: --pack FILE is missing");
	if (!options->pack)
		return ERR_NONE;
	(void)snprintf(out, sizeof(out), "%s", options->out_dir);
	if (record_folder(out, err))
		return err->code;
	return packing_open(options->pack, options->sign_key, packing, err);
}

int execute_run(const struct run_options *options)
{
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct job_list jobs = {0};
	struct packing *packing = NULL;
	struct error err = ERROR_INIT;
	struct run_samples samples;
	enum status st = run_samples_parse(options->samples, &samples, &err);
	int code;

	for (uint32_t i = 0; i < options->n_files && !st; i++)
		st = scenario_load(options->files[i], &options->scenario, &list, &err);
	if (!st)
		st = check_distinct(&list, &err);
	if (!st) {
		plan_jobs(&list, options, &jobs);
		st = check_clock(&list, &jobs, &err);
	}
	if (!st)
		st = open_pack(options, &packing, &err);
	if (st) {
		code = report_error(&err);
	} else {
		interrupted = interrupt_catch();
		print_warnings(&list);
		code = run_list(&list, &jobs, options, packing);
	}
	packing_free(packing);
	mem_free(jobs.jobs);
	scenario_list_free(&list);
	return code;
}
