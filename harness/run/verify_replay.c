/* A run on the virtual clock is a function of its scenario: played again it gives the same result,
 * to the last bit, and whatever is said of it is held against that. Of a run on the wall clock that
 * is true of its virtual companion, and of what was made of the two together. */
#include "harness/run/verify_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/run/agreement.h"
#include "harness/run/cross_rack.h"
#include "harness/run/exhibits.h"
#include "harness/run/report.h"
#include "harness/run/verdict.h"
#include "harness/run/verify_differ.h"
#include "reports/render_parts.h"
#include "reports/store_read.h"
#include "version.h"

#define REPLAY_FOLDER ".replay-XXXXXX" /* in the run's folder, for what playing leaves */

/* --- traces --------------------------------------------------------------------------- */

/* A trace is known by its content: wherever it lies in the pack. */
struct replay_traces {
	const struct verify_run *run;
	const struct scenario *s;
	struct file_set *live;
};

static const struct tenant_spec *tenant_of(
        const struct scenario *s, const char *from_file, const char *path)
{
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++) {
		const struct tenant_spec *t = &s->traffic.tenants[i];

		if (t->from_trace && strcmp(t->trace.file, path) == 0 &&
		        strcmp(t->trace.from_file, from_file) == 0)
			return t;
	}
	return NULL;
}

static enum status open_trace(void *ctx, const char *from_file, const char *path,
        struct trace_source *out, struct error *err)
{
	struct replay_traces *traces = ctx;
	const struct tenant_spec *t = tenant_of(traces->s, from_file, path);
	const struct pack_tree *files = traces->run->files;
	struct trace_opener live = files_traces(traces->live);

	for (uint32_t i = 0; t && i < files->n; i++)
		if (memcmp(files->entries[i].sha256, t->trace.digest, DIGEST_BYTES) == 0)
			return live.open(live.ctx, "", files->entries[i].from, out, err);
	return error_set(err, ERR_USAGE, "the pack does not hold it");
}

/* --- what was said, and what is ------------------------------------------------------- */

/* A member of what was written and of what is made now. */
static void compare(
        struct verify_run *r, const char *file, const char *key, struct jval said, struct jval now)
{
	char text[VERIFY_DIFFER_BYTES];

	if (verify_differ(json_get(said, key), json_get(now, key), key, text))
		verify_run_found(r, DEFECT_REPLAY, file, "%s", text);
}

static struct json *parse(const struct json_out *o)
{
	struct error err = ERROR_INIT;
	struct json *doc = NULL;
	enum status rc = json_parse("played again", o->buf, o->n, &doc, &err);

	CHECK(rc == ERR_NONE);
	return doc;
}

/* All members but those that are not the model's. */
static void compare_result(struct verify_run *r, const struct result_document *d)
{
	struct jval said = json_root(r->result), now;
	struct json_out o;
	struct json *doc;

	json_out_init(&o, 0);
	render_result(d, &o);
	doc = parse(&o);
	json_out_free(&o);
	now = json_root(doc);
	for (struct jval v = json_first(now); json_type(v) != JSON_NONE; v = json_next(v))
		if (strcmp(json_key(v), "engine") != 0 && strcmp(json_key(v), "replay") != 0)
			compare(r, "result.json", json_key(v), said, now);
	compare(r, "result.json", "events", json_get(said, "engine"), json_get(now, "engine"));
	compare(r, "result.json", "simulated_seconds", json_get(said, "engine"),
	        json_get(now, "engine"));
	json_free(doc);
}

static bool is_our_version(const struct verify_run *r)
{
	struct jval engine = json_get(json_root(r->result), "engine");
	const char *version = json_string(json_get(engine, "version"));

	return version && strcmp(version, LPUCHAOS_VERSION) == 0;
}

/* The files that say more than the result does. */
static void compare_exhibits(
        struct verify_run *r, const struct scenario *s, const struct result_document *d)
{
	static const char *const names[] = {"score.json", "histograms.json", "faults.json"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct json *said = verify_run_json(r, names[i], DEFECT_SCHEMA), *now;
		struct json_out o;
		char text[VERIFY_DIFFER_BYTES];

		json_out_init(&o, 0);
		exhibits_make(names[i], s, d, &o);
		now = parse(&o);
		json_out_free(&o);
		if (said && verify_differ(json_root(said), json_root(now), "", text))
			verify_run_found(r, DEFECT_REPLAY, names[i], "%s", text);
		json_free(now);
		json_free(said);
	}
}

/* The packets of the virtual run, byte for byte. */
static enum status compare_capture(struct verify_run *r, const char *dir, struct error *err)
{
	static const char *const names[] = {PROOF_CAPTURE, PROOF_TOPOLOGY};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct pack_entry *e = verify_run_file(r, names[i]);
		struct pack_entry now = {.path = names[i]};
		char path[2 * PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		now.from = path;
		if (!e)
			continue;
		if (pack_entry_digest(&now, err))
			return err->code;
		if (memcmp(now.sha256, e->sha256, DIGEST_BYTES) != 0)
			verify_run_found(r, DEFECT_REPLAY, names[i],
			        "played again, the run has another one");
	}
	return ERR_NONE;
}

/* What packing added was not there when the page was made, which links what lies beside it. */
static void hide_own_files(const struct verify_run *r)
{
	static const char *const names[] = {PACK_MANIFEST, PACK_EVIDENCE, PACK_SIGNER};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[2 * PATH_MAX], hidden[2 * PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]);
		(void)snprintf(hidden, sizeof(hidden), "%s/.%s", r->dir, names[i]);
		(void)rename(path, hidden);
	}
}

/* The page that people read is made of the files; it is made once more, in its place. */
static enum status compare_page(struct verify_run *r, struct error *err)
{
	const struct pack_entry *e = verify_run_file(r, REPORT_FILE);
	struct pack_entry now;

	if (!e || !is_our_version(r))
		return ERR_NONE;
	now = *e;
	if (!r->as[0])
		hide_own_files(r);
	if (report_write(r->dir, err) || pack_entry_digest(&now, err))
		return err->code;
	if (memcmp(now.sha256, e->sha256, DIGEST_BYTES) != 0)
		verify_run_found(r, DEFECT_REPLAY, REPORT_FILE,
		        "made anew of the other files, it is another page");
	return ERR_NONE;
}

/* --- on the virtual clock ------------------------------------------------------------- */

static enum status replay_virtual(struct verify_run *r, const struct scenario *s, struct error *err)
{
	char dir[PATH_MAX + sizeof(REPLAY_FOLDER)];
	struct verdict_run v;
	enum status st;

	(void)snprintf(dir, sizeof(dir), "%s/" REPLAY_FOLDER, r->dir);
	if (!mkdtemp(dir))
		return error_set(err, ERR_ENVIRONMENT, "cannot make a folder in '%s'", r->dir);
	st = verdict_play(s, dir, r->interrupt, &v, err);
	if (!st && !v.companion.run.interrupted) {
		compare_result(r, &v.doc);
		if (is_our_version(r))
			compare_exhibits(r, s, &v.doc);
		st = compare_capture(r, dir, err);
		verify_report_answer(r->report, ASKED_REDONE, r->as,
		        "played again: %" PRIu64 " requests, %s", v.companion.run.scheduled,
		        v.result_digest);
	}
	verdict_free(&v);
	return st;
}

/* --- on the wall clock ---------------------------------------------------------------- */

/* What the twins found is said of the wall run. */
static void compare_damage(struct verify_run *r, const struct scenario *s,
        const struct evaluation *companion, struct jval faults)
{
	static const char *const keys[] = {
	        "damage", "coalesce_ns", "lost_requests", "refused_requests", "tokens_recomputed"};

	for (uint32_t i = 0; i < s->faults.n; i++) {
		struct json_out o;
		struct json *now;

		json_out_init(&o, 0);
		render_fault(&o, &companion->faults[i]);
		now = parse(&o);
		json_out_free(&o);
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			compare(r, "result.json", keys[k], json_at(faults, i), json_root(now));
		json_free(now);
	}
}

/* The wall run's requests, as its driver booked them; false if the store does not have all. */
static bool read_book(struct verify_run *r, struct book *book)
{
	const struct pack_entry *e = verify_run_file(r, "run.sqlite");
	struct error wrong = ERROR_INIT;
	struct store_reader *store;
	bool more = e != NULL, whole = false;

	book_init(book);
	if (!e || store_read_open(e->from, &store, &wrong))
		return false;
	whole = store_read_run(store)->rows == store_read_run(store)->requests;
	while (more && whole) {
		struct sample sample;
		struct store_gap_summary gaps;

		if (store_read_sample(store, &sample, &gaps, &more, &wrong))
			whole = false;
		else if (more)
			book_add(book, &sample);
	}
	store_read_close(store);
	return whole;
}

/* The ledger as the result has it. */
static void read_ledger(struct jval faults, uint32_t n, struct ledger *l)
{
	static const char *const keys[PHASE_COUNT] = {[PHASE_INJECT] = "inject_ns",
	        [PHASE_EFFECT] = "effect_ns",
	        [PHASE_DETECT] = "detect_ns",
	        [PHASE_ISOLATE] = "isolate_ns",
	        [PHASE_FAILOVER] = "failover_ns",
	        [PHASE_REVERT] = "revert_ns"};

	ledger_init(l, n);
	for (uint32_t i = 0; i < n; i++)
		for (int p = 0; p < PHASE_COUNT; p++) {
			struct error ignored = ERROR_INIT;
			int64_t at = -1;

			if (keys[p] && json_i64(json_get(json_at(faults, i), keys[p]), &at,
			                       &ignored) == ERR_NONE)
				ledger_phase(l, i, (enum fault_phase)p, at);
		}
}

static void compare_agreement(struct verify_run *r, const struct scenario *s,
        const struct evaluation *companion, struct jval said)
{
	struct result_agreement agreement;
	struct ledger ledger;
	struct json_out o;
	struct json *now;
	struct book book;

	read_ledger(json_get(said, "faults"), s->faults.n, &ledger);
	if (json_type(json_get(said, "agreement")) == JSON_OBJECT && read_book(r, &book)) {
		agreement_judge(s, &book, &ledger, companion, &agreement);
		json_out_init(&o, 0);
		json_out_open(&o, NULL, '{');
		render_agreement(&agreement, &o);
		json_out_close(&o);
		now = parse(&o);
		json_out_free(&o);
		compare(r, "result.json", "agreement", said, json_root(now));
		json_free(now);
	}
	book_free(&book);
	ledger_free(&ledger);
}

/* Verdicts that were taken from the companion. */
static void compare_pairs(
        struct verify_run *r, const struct scenario *s, const struct evaluation *companion)
{
	struct json *said = verify_run_json(r, "score.json", DEFECT_SCHEMA), *now;
	struct score_config config = scenario_score_config(s, false);
	struct score *score = score_create(&config);
	struct json_out o;

	score_pair(score, companion->score);
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	render_pairs(score, &o);
	json_out_close(&o);
	now = parse(&o);
	json_out_free(&o);
	if (said && json_count(json_get(json_root(said), "pairs")) > 0)
		compare(r, "score.json", "pairs", json_root(said), json_root(now));
	json_free(now);
	json_free(said);
	score_free(score);
}

static void compare_companion(
        struct verify_run *r, const struct scenario *s, const struct verdict_run *v)
{
	struct jval said = json_root(r->result);
	char digest[DIGEST_TEXT_MAX];
	struct json_out o;
	struct json *now;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "traffic_digest", digest_text(v->companion.run.traffic_digest, digest));
	render_cross_rack(cross_rack_is_planned(s) ? &v->cross_rack : NULL, &o);
	json_out_close(&o);
	now = parse(&o);
	json_out_free(&o);
	compare(r, "result.json", "traffic_digest", said, json_root(now));
	compare(r, "result.json", "cross_rack", said, json_root(now));
	json_free(now);
	compare_damage(r, s, &v->companion, json_get(said, "faults"));
	compare_agreement(r, s, &v->companion, said);
	compare_pairs(r, s, &v->companion);
}

static enum status replay_companion(
        struct verify_run *r, const struct scenario *s, struct error *err)
{
	struct verdict_run v = {0};
	enum status st = verdict_companion(s, r->interrupt, &v, err);

	if (!st && !v.companion.run.interrupted) {
		compare_companion(r, s, &v);
		verify_report_answer(r->report, ASKED_REDONE, r->as,
		        "its virtual companion was played again, and compared: a run on the wall "
		        "clock cannot be repeated to the last bit");
	}
	verdict_free(&v);
	return st;
}

/* --- the whole ------------------------------------------------------------------------ */

/* Stopped by hand: where, only the wall clock knew. An abort rule is the model's. */
static bool was_interrupted(struct verify_run *r)
{
	struct json *score = verify_run_json(r, "score.json", DEFECT_SCHEMA);
	bool interrupted =
	        score && json_is_true(json_get(json_get(json_root(score), "facts"), "interrupted"));

	json_free(score);
	return interrupted;
}

static enum status play(struct verify_run *r, struct scenario *s, struct error *err)
{
	const char *clock = json_string(json_get(json_root(r->result), "clock"));
	struct replay_traces traces = {.run = r, .s = s, .live = files_new(false)};
	enum status st;

	s->traces = (struct trace_opener){.ctx = &traces, .open = open_trace};
	st = strcmp(clock, "virtual") == 0 ? replay_virtual(r, s, err)
	                                   : replay_companion(r, s, err);
	files_free(traces.live);
	if (!st && r->report->defects == r->defects) /* else it is another page for that reason */
		st = compare_page(r, err);
	return st;
}

enum status verify_replay(struct verify_run *r, struct scenario *s, struct error *err)
{
	struct error wrong = ERROR_INIT;
	int64_t version = 0;

	if (json_i64(json_get(json_root(r->result), "model_version"), &version, &wrong) ||
	        version != MODEL_VERSION) {
		verify_run_found(r, DEFECT_REPLAY, "result.json",
		        "was played by model version %" PRId64
		        ", this is %d: it takes a program of "
		        "that version",
		        version, MODEL_VERSION);
		return ERR_NONE;
	}
	if (!s->has_deployment || was_interrupted(r)) {
		verify_report_answer(r->report, ASKED_REDONE, r->as, "cannot be played again: %s",
		        s->has_deployment ? "it was interrupted" : "no model ran it");
		return ERR_NONE;
	}
	if (play(r, s, &wrong) == ERR_USAGE) /* a trace that is not there */
		verify_run_error(r, DEFECT_REPLAY, "bundle.json", &wrong);
	else if (wrong.code)
		*err = wrong;
	return err->code;
}
