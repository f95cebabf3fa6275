#include "harness/run/verify_run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/files.h"
#include "reports/form.h"
#include "reports/names.h"
#include "reports/pack.h"
#include "reports/rescore.h"
#include "reports/score.h"

enum { TEXT_BYTES = 1024, NAME_BYTES = 512 };

/* --- telling -------------------------------------------------------------------------- */

static void name_in_pack(const struct verify_run *r, const char *name, char buf[static NAME_BYTES])
{
	(void)snprintf(buf, NAME_BYTES, "%s%s%s", r->as, r->as[0] ? "/" : "", name);
}

void verify_run_found(struct verify_run *r, enum defect d, const char *name, const char *fmt, ...)
{
	char text[TEXT_BYTES], file[NAME_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	name_in_pack(r, name, file);
	verify_report_found(r->report, d, file, text);
}

void verify_run_error(
        struct verify_run *r, enum defect d, const char *name, const struct error *why)
{
	struct error bare = *why;
	char text[TEXT_BYTES];

	bare.file[0] = '\0'; /* where it lies on this disk says nothing */
	error_format(&bare, text, sizeof(text));
	verify_run_found(r, d, name, "%s", text);
}

/* --- files ---------------------------------------------------------------------------- */

const struct pack_entry *verify_run_file(const struct verify_run *r, const char *name)
{
	char path[NAME_BYTES];

	name_in_pack(r, name, path);
	return pack_tree_find(r->files, path);
}

struct json *verify_run_json(struct verify_run *r, const char *name, enum defect d)
{
	const struct pack_entry *e = verify_run_file(r, name);
	struct error wrong = ERROR_INIT;
	struct json *doc = NULL;

	if (!e)
		verify_run_found(r, DEFECT_MISSING, name, "every run has one");
	else if (files_parse("", e->from, &doc, &wrong))
		verify_run_error(r, d, name, &wrong);
	return doc;
}

static bool is_attempt(const char *name)
{
	return strncmp(name, "attempt-", 8) == 0 && strcmp(name + strlen(name) - 5, ".json") == 0;
}

/* One file against its form; it stays in memory no longer. */
static void check_form(struct verify_run *r, const char *name, const struct form_file *form)
{
	struct json *doc = verify_run_json(r, name, DEFECT_SCHEMA);
	struct error wrong = ERROR_INIT;

	if (doc && form_check(form, json_root(doc), &wrong))
		verify_run_error(r, DEFECT_SCHEMA, name, &wrong);
	json_free(doc);
}

/* All but the result itself. A run that was killed left what it had. */
static void check_forms(struct verify_run *r)
{
	size_t n = strlen(r->as);

	for (size_t i = 0; i < FORM_FILES; i++) {
		const char *name = form_files[i].name;

		if (strcmp(name, PACK_RESULT) != 0 && (!r->begun || verify_run_file(r, name)))
			check_form(r, name, &form_files[i]);
	}
	for (uint32_t i = 0; i < r->files->n; i++) {
		const char *path = r->files->entries[i].path;

		if (strncmp(path, r->as, n) != 0 || (n && path[n] != '/'))
			continue;
		path += n ? n + 1 : 0;
		if (is_attempt(path))
			check_form(r, path, form_of(PACK_RESULT));
	}
}

/* The result, which is what it should be, or false. */
static bool read_result(struct verify_run *r)
{
	const struct form_file *form = form_of(PACK_RESULT);
	struct error wrong = ERROR_INIT;
	struct jval root;

	r->result = verify_run_json(r, PACK_RESULT, DEFECT_SCHEMA);
	if (!r->result)
		return false;
	root = json_root(r->result);
	if (form_check(form, root, &wrong)) {
		verify_run_error(r, DEFECT_SCHEMA, PACK_RESULT, &wrong);
		return false;
	}
	r->begun = json_type(json_get(root, form->begun_by)) == JSON_NULL;
	return true;
}

/* --- what it says --------------------------------------------------------------------- */

static const char *string_of(struct jval object, const char *key)
{
	const char *s = json_string(json_get(object, key));

	return s ? s : "?";
}

static void answer_tested(struct verify_run *r, struct jval root)
{
	struct error err = ERROR_INIT;
	int64_t seed = 0;

	if (json_i64(json_get(root, "seed"), &seed, &err))
		seed = 0;
	verify_report_answer(r->report, ASKED_TESTED, r->as,
	        "scenario %s, seed %" PRId64 ", %s clock, plan %s", string_of(root, "scenario"),
	        seed, string_of(root, "clock"), string_of(root, "plan_digest"));
}

/* "chat-ttft pass, failover fail": of the results of one list. */
static size_t list_verdicts(struct jval list, char *buf, size_t at)
{
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE && at < TEXT_BYTES;
	        v = json_next(v))
		at += (size_t)snprintf(buf + at, TEXT_BYTES - at, "%s%s %s", at ? ", " : "",
		        string_of(v, "id"), string_of(v, "verdict"));
	return at;
}

static void answer_promised(struct verify_run *r, struct jval root)
{
	char text[TEXT_BYTES] = "";
	size_t at = list_verdicts(json_get(root, "slo"), text, 0);

	(void)list_verdicts(json_get(root, "expect"), text, at);
	verify_report_answer(r->report, ASKED_PROMISED, r->as, "%s", text[0] ? text : "nothing");
}

static void answer_done(struct verify_run *r, struct jval root)
{
	struct jval faults = json_get(root, "faults");
	char text[TEXT_BYTES] = "";
	size_t at = 0;

	for (struct jval v = json_first(faults); json_type(v) != JSON_NONE && at < TEXT_BYTES;
	        v = json_next(v))
		at += (size_t)snprintf(text + at, TEXT_BYTES - at, "%s%s %s on %s", at ? ", " : "",
		        string_of(v, "id"), string_of(v, "kind"), string_of(v, "target"));
	verify_report_answer(r->report, ASKED_DONE, r->as, "%s", text[0] ? text : "no faults");
}

static void count_verdict(struct verify_run *r, struct jval root)
{
	const char *verdict = json_string(json_get(root, "verdict"));

	for (int v = 0; verdict && v < (int)ARRAY_LEN(r->report->verdicts); v++)
		if (strcmp(verdict, names_verdicts[v]) == 0)
			r->report->verdicts[v]++;
}

/* --- the whole ------------------------------------------------------------------------ */

static bool in_order(const struct verify_run *r)
{
	return r->report->defects == r->defects;
}

/* The judgement over again, by the same rules, from the run's own data. */
static void check_score(struct verify_run *r)
{
	struct rescore *again = mem_alloc(1, sizeof(*again));
	struct error wrong = ERROR_INIT;

	if (rescore(r->dir, again, &wrong)) {
		verify_run_error(r, DEFECT_SCORE, "run.sqlite", &wrong);
	} else {
		for (uint32_t i = 0; i < again->n && i < RESCORE_FINDINGS_MAX; i++)
			verify_run_found(r, DEFECT_SCORE, PACK_RESULT, "%s", again->finding[i]);
		if (again->whole)
			verify_report_answer(r->report, ASKED_JUDGED, r->as,
			        "the rules of bundle.json, from the %" PRIu64
			        " requests of run.sqlite; judged again",
			        again->requests);
		else
			verify_report_answer(r->report, ASKED_JUDGED, r->as,
			        "the rules of bundle.json; run.sqlite was to hold a part of the "
			        "requests, so the result was held against the histograms");
	}
	mem_free(again);
}

/* What there is of a plan; the rest only where a run came to its end. */
static enum status look_deeper(struct verify_run *r, struct error *err)
{
	struct scenario *s = NULL;
	enum status st = ERR_NONE;

	check_forms(r);
	if (!in_order(r) || verify_plan(r, &s, err) || !s)
		return err->code;
	if (r->begun) {
		verify_report_answer(r->report, ASKED_JUDGED, r->as,
		        "nobody: the run was killed before its end");
	} else {
		check_score(r);
		if (!r->replay)
			verify_report_answer(r->report, ASKED_REDONE, r->as,
			        "%s; --replay plays it again",
			        string_of(json_root(r->result), "replay"));
		else if (in_order(r) && !*r->interrupt)
			st = verify_replay(r, s, err);
	}
	scenario_free(s);
	return st;
}

static void answer(struct verify_run *r)
{
	struct jval root = json_root(r->result);

	answer_tested(r, root);
	count_verdict(r, root);
	if (r->begun)
		return; /* nothing else is known */
	answer_promised(r, root);
	answer_done(r, root);
}

enum status verify_run(struct verify_run *r, struct error *err)
{
	r->defects = r->report->defects;
	if (read_result(r)) {
		answer(r);
		(void)look_deeper(r, err);
	}
	json_free(r->result);
	return err->code;
}
