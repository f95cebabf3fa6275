/* What is compared is rendered by the program's own renderers from a score that was fed with the
 * requests of the store, in their order, with the faults told where they were told then:
 *
 *   bundle.json ── rules ─┐
 *   score.json ── config, ├──> score ──> score_decide ──> result, histograms, faults  ══?══ files
 *                 marks,  │      ▲
 *   run.sqlite ── requests┘      └── pooled gaps of histograms.json, by count, sum and maximum
 *
 * Of the gaps between tokens the store has a summary a request, not each. Three gaps, or fewer,
 * have the same count, sum and maximum; what the score makes of them is what the pooled histogram
 * is held against, before it takes their place.
 *
 * A store that was bounded lacks requests. The histograms do not, and what follows from them alone
 * is compared then. */
#include "reports/rescore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "reports/form.h"
#include "reports/render.h"
#include "reports/rescore_compare.h"
#include "reports/rescore_feed.h"
#include "reports/rescore_given.h"
#include "reports/store.h"

#define ARENA_BYTES ((size_t)64 << 20)

struct work {
	const char *dir;
	struct rescore *r;
	struct json *result, *score, *bundle, *histograms, *faults;
	struct rescore_given given;
	struct store_reader *store;
	struct score *s;
	uint32_t told; /* marks */
	struct arena arena;
};

/* --- files ------------------------------------------------------------------------------- */

static enum status read_all(const char *path, char **text, size_t *n, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got = 0;

	*n = 0;
	*text = NULL;
	if (fd < 0 || fstat(fd, &st)) {
		(void)error_set(err, ERR_USAGE, "cannot read '%s': %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > JSON_SIZE_MAX) {
		(void)error_set(err, ERR_USAGE, "cannot read '%s': it is %s", path,
		        S_ISREG(st.st_mode) ? "larger than 16 MiB" : "no plain file");
	} else {
		*text = mem_alloc((size_t)st.st_size + 1, 1);
		while (*n < (size_t)st.st_size &&
		        (got = read(fd, *text + *n, (size_t)st.st_size - *n)) > 0)
			*n += (size_t)got;
		if (got < 0)
			(void)error_set(
			        err, ERR_USAGE, "cannot read '%s': %s", path, strerror(errno));
	}
	if (fd >= 0)
		(void)close(fd);
	return err->code;
}

static enum status path_of(
        const struct work *w, const char *name, char path[static PATH_MAX], struct error *err)
{
	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", w->dir, name) >= PATH_MAX)
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", w->dir);
	return ERR_NONE;
}

/* A file of the directory, held to its form. */
static enum status load(
        const struct work *w, const char *name, struct json **out, struct error *err)
{
	char path[PATH_MAX], *text = NULL;
	size_t n = 0;
	enum status st = path_of(w, name, path, err);

	if (!st)
		st = read_all(path, &text, &n, err);
	if (!st)
		st = json_parse(path, text, n, out, err);
	if (!st)
		st = form_check(form_of(name), json_root(*out), err);
	mem_free(text);
	return st;
}

static enum status load_all(struct work *w, struct error *err)
{
	struct jval scenario;

	if (load(w, "score.json", &w->score, err) || load(w, "bundle.json", &w->bundle, err) ||
	        load(w, "histograms.json", &w->histograms, err) ||
	        load(w, "faults.json", &w->faults, err))
		return err->code;
	scenario = json_get(json_root(w->bundle), "scenario");
	return rescore_given_read(json_root(w->score), scenario, &w->arena, &w->given, err);
}

/* --- which run they are of --------------------------------------------------------------- */

static void same_text(
        struct rescore *r, const char *file, const char *key, const char *says, const char *result)
{
	if (strcmp(says ? says : "", result ? result : "") != 0)
		rescore_find(r, "%s: its %s is '%s', that of result.json '%s'", file, key,
		        says ? says : "", result ? result : "");
}

static void same_origin(struct work *w, const char *file, struct json *doc)
{
	static const char *const keys[] = {"scenario", "clock"};
	struct jval says = json_root(doc), result = json_root(w->result);
	struct error ignored = ERROR_INIT;
	int64_t a = 0, b = 0;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		same_text(w->r, file, keys[i], json_string(json_get(says, keys[i])),
		        json_string(json_get(result, keys[i])));
	if (json_i64(json_get(says, "seed"), &a, &ignored) ||
	        json_i64(json_get(result, "seed"), &b, &ignored) || a != b)
		rescore_find(w->r, "%s: its seed is not that of result.json", file);
}

static void same_run(struct work *w)
{
	const struct store_run *run = store_read_run(w->store);
	struct jval result = json_root(w->result);
	struct error ignored = ERROR_INIT;
	int64_t seed = 0;

	same_text(w->r, STORE_FILE, "scenario", run->scenario,
	        json_string(json_get(result, "scenario")));
	same_text(w->r, STORE_FILE, "clock", run->clock, json_string(json_get(result, "clock")));
	same_text(w->r, STORE_FILE, "plan digest", run->plan_digest,
	        json_string(json_get(result, "plan_digest")));
	if (json_i64(json_get(result, "seed"), &seed, &ignored) || (uint64_t)seed != run->seed)
		rescore_find(w->r, "%s: its seed is not that of result.json", STORE_FILE);
	if (run->partial != json_is_true(json_get(result, "partial")))
		rescore_find(w->r, "%s: by it the run is %s", STORE_FILE,
		        run->partial ? "partial" : "not partial");
}

/* --- the requests ------------------------------------------------------------------------ */

/* As few gaps as have the summary: the longest, and the others as even as they can be. */
static void tell_gaps(struct score *s, const struct sample *x, const struct store_gap_summary *g)
{
	int64_t others = (int64_t)g->n - 1, rest = g->sum_ns - g->max_ns, each, longer;

	if (g->n == 0)
		return;
	if (rest == (__int128)others * g->max_ns) {
		score_gaps(s, x->id, x->tier, g->max_ns, (int64_t)g->n);
		return;
	}
	each = rest / others;
	longer = rest % others;
	score_gaps(s, x->id, x->tier, g->max_ns, 1);
	if (longer)
		score_gaps(s, x->id, x->tier, each + 1, longer);
	score_gaps(s, x->id, x->tier, each, others - longer);
}

static void tell_marks(struct work *w)
{
	const struct rescore_given *g = &w->given;

	for (; w->told < g->n_marks && g->marks[w->told].after <= w->r->requests; w->told++)
		score_tell(w->s, &g->marks[w->told]);
}

static void take_row(void *ctx, const struct feed_row *row)
{
	struct work *w = ctx;

	tell_marks(w);
	tell_gaps(w->s, &row->x, &row->gaps);
	score_sample(w->s, &row->x);
	w->r->requests++;
}

static enum status feed(struct work *w, struct error *err)
{
	uint64_t rows = store_read_run(w->store)->rows;
	char path[PATH_MAX];

	if (path_of(w, STORE_FILE, path, err) || rescore_feed(w->store, path, &w->given.names,
	                                                 &(struct feed_sink){take_row, w}, err))
		return err->code;
	tell_marks(w);
	if (w->told < w->given.n_marks)
		rescore_find(w->r,
		        "score.json: marks.%u: it comes after more requests than there are",
		        (unsigned)w->told);
	if (w->r->requests != rows)
		rescore_find(w->r, "%s: it says that it has %llu requests, and has %llu",
		        STORE_FILE, (unsigned long long)rows, (unsigned long long)w->r->requests);
	return ERR_NONE;
}

/* --- the judgement ----------------------------------------------------------------------- */

/* An error in a document that is a contradiction between it and the requests. */
static void contradiction(struct work *w, const char *file, const struct error *err)
{
	rescore_find(w->r, "%s: %s: %s", file, err->path, err->text);
}

/* Each element of a list, restored into the score. */
static void restore_each(struct work *w, const char *file, struct json *doc, const char *key,
        enum status (*restore)(struct score *s, struct jval v, struct error *err))
{
	struct jval list = json_get(json_root(doc), key);

	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		struct error err = ERROR_INIT;

		if (restore(w->s, v, &err))
			contradiction(w, file, &err);
	}
}

/* What helped to decide. */
static void restore_help(struct work *w)
{
	restore_each(w, "score.json", w->score, "replicas", score_restore_replicas);
	restore_each(w, "score.json", w->score, "pairs", score_restore_pair);
}

/* What the score makes of a file, to be read. NULL: a finding says why. */
static struct json *rendered(struct work *w, const char *file, const struct result_document *d,
        void (*render)(const struct result_document *d, struct json_out *o))
{
	struct error err = ERROR_INIT;
	struct json *shows = NULL;
	struct json_out o;

	json_out_init(&o, 0);
	render(d, &o);
	if (json_parse("the requests", o.buf, o.n, &shows, &err))
		rescore_find(w->r, "%s: what the requests say of it cannot be read", file);
	json_out_free(&o);
	return shows;
}

static void compare(struct work *w, const char *file, struct json *says,
        const struct result_document *d,
        void (*render)(const struct result_document *d, struct json_out *o),
        const char *const *skip)
{
	struct json *shows = rendered(w, file, d, render);

	if (shows)
		rescore_compare(w->r, file, json_root(says), json_root(shows), skip);
	json_free(shows);
}

/* Decided. */
static struct result_document judged(struct work *w)
{
	struct rescore_given *g = &w->given;
	struct jval validity = json_get(json_root(w->result), "validity");

	if (json_is_true(json_get(validity, "valid")) != g->facts.valid)
		rescore_find(w->r, "validity.valid: result.json and score.json contradict each "
		                   "other");
	return (struct result_document){
	        .partial = g->facts.partial,
	        .score = w->s,
	        .result = score_decide(w->s, g->faults, &g->facts),
	        .names = &g->names,
	        .n_faults = g->names.n_faults,
	        .faults = g->faults,
	};
}

/* Of result.json: what no request can show. */
static const char *const beyond[] = {"schema", "scenario", "seed", "clock", "plan_digest",
        "traffic_digest", "result_digest", "model_version", "validity", "agreement", "trace",
        "cross_rack", "audit", "engine", "replay", NULL};
static const char *const origin[] = {"schema", "scenario", "seed", "clock", NULL};

static enum status score_again(struct work *w, struct error *err)
{
	struct result_document d;

	if (feed(w, err))
		return err->code;
	score_finish(w->s);
	restore_each(w, "histograms.json", w->histograms, "groups", score_restore_gaps);
	restore_help(w);
	d = judged(w);
	compare(w, "result.json", w->result, &d, render_result, beyond);
	compare(w, "histograms.json", w->histograms, &d, render_histograms, origin);
	compare(w, "faults.json", w->faults, &d, render_faults, origin);
	return ERR_NONE;
}

/* --- from the histograms alone ----------------------------------------------------------- */

/* What needs the length of a window, or the order of requests. */
static const char *const lengths[] = {
        "goodput_rps", "request_throughput", "request_goodput", "output_throughput", NULL};
static const char *const parts[] = {"blame", NULL};
static const char *const orders[] = {"schema", "scenario", "seed", "clock", "batches", NULL};

static bool is_of_all(struct jval expectation)
{
	static const char *const kinds[] = {"lost_requests", "corrupt_tokens", "ttr", "recovered"};
	const char *kind = json_string(json_get(expectation, "kind"));

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(kinds[i], kind))
			return true;
	return false;
}

static void compare_expectations(struct work *w, struct jval says, struct jval shows)
{
	struct jval a = json_first(says), b = json_first(shows);

	if (json_count(says) != json_count(shows))
		rescore_compare(w->r, "result.json", says, shows, NULL);
	for (; json_type(a) != JSON_NONE && json_type(b) != JSON_NONE;
	        a = json_next(a), b = json_next(b))
		if (!is_of_all(a))
			rescore_compare(w->r, "result.json", a, b, NULL);
}

static void judge_histograms(struct work *w)
{
	struct jval says = json_root(w->result), shows;
	struct error err = ERROR_INIT;
	struct result_document d;
	struct json *result;

	restore_each(w, "histograms.json", w->histograms, "groups", score_restore_group);
	if (score_restore_columns(w->s, json_root(w->histograms), &err))
		contradiction(w, "histograms.json", &err);
	restore_help(w);
	d = judged(w);
	compare(w, "histograms.json", w->histograms, &d, render_histograms, orders);
	result = rendered(w, "result.json", &d, render_result);
	if (!result)
		return;
	shows = json_root(result);
	rescore_compare(
	        w->r, "result.json", json_get(says, "groups"), json_get(shows, "groups"), lengths);
	rescore_compare(w->r, "result.json", json_get(says, "slo"), json_get(shows, "slo"), parts);
	rescore_compare(w->r, "result.json", json_get(says, "steady_state"),
	        json_get(shows, "steady_state"), NULL);
	compare_expectations(w, json_get(says, "expect"), json_get(shows, "expect"));
	json_free(result);
}

/* --- the whole --------------------------------------------------------------------------- */

static enum status compare_run(struct work *w, struct error *err)
{
	char path[PATH_MAX];
	const struct store_run *run;

	if (load(w, "result.json", &w->result, err) || path_of(w, STORE_FILE, path, err) ||
	        store_read_open(path, &w->store, err))
		return err->code;
	same_run(w);
	if (json_type(json_get(json_root(w->result), "requests")) == JSON_NULL)
		return ERR_NONE; /* killed: nothing was judged, and nothing is said */
	if (load_all(w, err))
		return err->code;
	same_origin(w, "score.json", w->score);
	same_origin(w, "histograms.json", w->histograms);
	same_origin(w, "faults.json", w->faults);
	run = store_read_run(w->store);
	w->r->whole = run->rows == run->requests && run->dropped == 0 && w->given.marks_known &&
	              w->given.dropped == 0;
	w->s = score_create(&w->given.config);
	if (w->r->whole)
		return score_again(w, err);
	judge_histograms(w);
	return ERR_NONE;
}

enum status rescore(const char *dir, struct rescore *out, struct error *err)
{
	struct work w = {.dir = dir, .r = out};

	enum status st;

	*out = (struct rescore){.whole = false};
	arena_init(&w.arena, ARENA_BYTES);
	st = compare_run(&w, err);
	score_free(w.s);
	store_read_close(w.store);
	json_free(w.result);
	json_free(w.score);
	json_free(w.bundle);
	json_free(w.histograms);
	json_free(w.faults);
	arena_free(&w.arena);
	return st;
}
