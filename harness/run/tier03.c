/* The document is made from what lies in the folder (results, claims, assumptions) and from the
 * scenarios themselves; page and questions are made from the document alone. So whoever has the
 * pack can make both again, and a link in them leads to what they were made from. */
#include "harness/run/tier03.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/record.h"
#include "harness/run/tier03_parts.h"
#include "reports/page_tier03.h"

enum { PAGE_BYTES_MAX = 64 << 20, QUESTIONS_BYTES_MAX = 64 << 20, PATH_BYTES = 4096 + TIER03_NAME };

void tier03_names(const struct suite *suite, char names[static TIER03_FILES][TIER03_NAME])
{
	static const char *const plain[TIER03_FILES] = {
	        "tier03.json", "tier03.html", "questions.md"};
	bool own = strcmp(suite->name, "tier03") == 0;

	for (int i = 0; i < TIER03_FILES; i++)
		(void)snprintf(names[i], TIER03_NAME, "%s%s%s", own ? "" : suite->name,
		        own ? "" : ".", plain[i]);
}

/* --- statements ---------------------------------------------------------------------- */

LPC_PRINTF(3, 0)
static void say(struct json_out *o, const char *key, const char *fmt, va_list args)
{
	char text[TIER03_TEXT];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	json_out_str(o, key, text);
}

void tier03_say(struct tier03 *t, const char *label, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(t->o, "text", fmt, args);
	va_end(args);
	json_out_str(t->o, "label", label);
}

void tier03_evidence(struct tier03 *t)
{
	json_out_open(t->o, "evidence", '[');
}

LPC_PRINTF(3, 0)
static void link_to(struct tier03 *t, const char *file, const char *fmt, va_list args)
{
	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "file", file);
	if (fmt)
		say(t->o, "pointer", fmt, args);
	else
		json_out_null(t->o, "pointer");
	json_out_close(t->o);
}

void tier03_link(struct tier03 *t, const char *file, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	link_to(t, file, fmt, args);
	va_end(args);
}

void tier03_link_run(struct tier03 *t, uint32_t scenario, const char *file, const char *fmt, ...)
{
	char path[2 * TIER03_NAME];
	va_list args;

	if (!t->folders[scenario][0])
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", t->folders[scenario], file);
	va_start(args, fmt);
	link_to(t, path, fmt, args);
	va_end(args);
}

void tier03_evidence_end(struct tier03 *t)
{
	json_out_close(t->o);
}

void tier03_ms(struct tier03 *t, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(t->o, key);
	else
		json_out_real(t->o, key, ns_to_ms(ns));
}

struct json *tier03_read(struct tier03 *t, uint32_t scenario, const char *file)
{
	char path[PATH_BYTES];
	struct error ignored = ERROR_INIT;
	struct json *doc = NULL;

	if (!t->folders[scenario][0])
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/%s/%s", t->out_dir, t->folders[scenario], file);
	return files_parse("", path, &doc, &ignored) ? NULL : doc;
}

struct scenario tier03_healthy(const struct scenario *s)
{
	struct scenario healthy = *s;

	healthy.faults = (struct fault_plan){0};
	healthy.rules = (struct score_rules){0};
	healthy.names.n_faults = 0;
	return healthy;
}

/* --- what was run -------------------------------------------------------------------- */

static void write_runs(struct tier03 *t)
{
	const struct suite *suite = t->suite;

	json_out_open(t->o, "runs", '[');
	for (uint32_t i = suite->first; i < suite->first + suite->n; i++) {
		const struct verdict_run *run = t->runs[i];

		json_out_open(t->o, NULL, '{');
		json_out_str(t->o, "scenario", t->list->items[i]->name);
		json_out_str(t->o, "about", t->list->items[i]->about);
		json_out_str(t->o, "folder", t->folders[i][0] ? t->folders[i] : NULL);
		json_out_u64(t->o, "seed", t->list->items[i]->seed);
		json_out_str(t->o, "clock",
		        !run                     ? NULL
		        : run->doc.virtual_clock ? "virtual"
		                                 : "wall");
		json_out_str(t->o, "verdict",
		        run && run->doc.result ? verdict_name(run->doc.result->verdict) : NULL);
		json_out_close(t->o);
	}
	json_out_close(t->o);
}

/* The claims as statements; the worst of their verdicts. */
static const char *write_claims(struct tier03 *t)
{
	bool fail = false, doubt = false;
	uint32_t i = 0;

	json_out_open(t->o, "claims", '[');
	for (struct jval c = json_first(t->claims); c.item; c = json_next(c), i++) {
		const char *verdict = json_string(json_get(c, "verdict"));

		fail |= strcmp(verdict, "fail") == 0;
		doubt |= strcmp(verdict, "pass") != 0;
		json_out_open(t->o, NULL, '{');
		json_out_value(t->o, "id", json_get(c, "id"), false);
		json_out_value(t->o, "section", json_get(c, "section"), false);
		tier03_say(t, json_string(json_get(c, "label")), "%s",
		        json_string(json_get(c, "claim")));
		json_out_value(t->o, "source", json_get(c, "source"), false);
		json_out_str(t->o, "verdict", verdict);
		tier03_evidence(t);
		tier03_link(t, t->claims_file, "/claims/%u", i);
		for (uint32_t k = 0; k < t->suite->claims[i].n; k++)
			tier03_link_run(
			        t, t->suite->claims[i].scenarios[k], "result.json", "/verdict");
		tier03_evidence_end(t);
		json_out_close(t->o);
	}
	json_out_close(t->o);
	return fail ? "fail" : doubt || i == 0 ? "inconclusive" : "pass";
}

/* --- the whole ----------------------------------------------------------------------- */

static void write_document(struct tier03 *t)
{
	const char *verdict;

	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "schema", "lpuchaos.tier03/1");
	json_out_str(t->o, "suite", t->suite->name);
	json_out_i64(t->o, "model_version", MODEL_VERSION);
	json_out_str(t->o, "claims_file", t->claims_file);
	json_out_str(t->o, "page", t->names[1]);
	json_out_str(t->o, "questions", t->names[2]);
	verdict = write_claims(t);
	json_out_str(t->o, "verdict", verdict);
	tier03_assumptions(t);
	tier03_queueing(t);
	tier03_redundancy(t);
	tier03_position(t);
	write_runs(t);
	json_out_close(t->o);
}

/* Page and questions, from the document. */
static enum status write_readings(struct tier03 *t)
{
	struct text page, questions;
	struct json *doc;
	enum status st;

	if (json_parse(t->names[0], t->o->buf, t->o->n, &doc, t->err))
		return t->err->code;
	text_init(&page, PAGE_BYTES_MAX); /* of many claims: longer than other pages */
	text_init(&questions, QUESTIONS_BYTES_MAX);
	page_tier03(&page, json_root(doc), t->names[0]);
	page_questions(&questions, json_root(doc));
	st = record_file(t->out_dir, t->names[1], page.buf, page.n, t->err);
	if (!st)
		st = record_file(t->out_dir, t->names[2], questions.buf, questions.n, t->err);
	text_free(&page);
	text_free(&questions);
	json_free(doc);
	return st;
}

static void find_roles(struct tier03 *t)
{
	for (uint32_t i = 0; i < t->list->n; i++)
		if (t->runs[i]) {
			const char *folder = record_within(t->runs[i]->path);

			(void)snprintf(t->folders[i], TIER03_NAME, "%.*s",
			        (int)strcspn(folder, "/"), folder);
		}
	for (uint32_t c = 0; c < t->suite->n_claims; c++)
		for (uint32_t k = 0; k < t->suite->claims[c].n; k++) {
			const struct claim *claim = &t->suite->claims[c];
			bool *role = k < claim->n_harm ? t->harm : t->remedy;

			role[claim->scenarios[k]] = true;
		}
}

enum status tier03_write(const struct suite *suite, const struct scenario_list *list,
        const struct verdict_run *const *runs, const char *out_dir,
        const volatile sig_atomic_t *interrupt, struct error *err)
{
	struct tier03 t = {.suite = suite,
	        .list = list,
	        .runs = runs,
	        .out_dir = out_dir,
	        .interrupt = interrupt,
	        .err = err};
	char path[PATH_BYTES];
	struct json *claims;
	struct json_out o;
	enum status st;

	tier03_names(suite, t.names);
	(void)snprintf(t.claims_file, sizeof(t.claims_file), "%s.claims.json", suite->name);
	(void)snprintf(path, sizeof(path), "%s/%s", out_dir, t.claims_file);
	if (files_parse("", path, &claims, err))
		return err->code;
	t.claims = json_get(json_root(claims), "claims");
	t.folders = mem_alloc(list->n + 1, sizeof(*t.folders));
	t.harm = mem_alloc(list->n + 1, sizeof(*t.harm));
	t.remedy = mem_alloc(list->n + 1, sizeof(*t.remedy));
	find_roles(&t);
	json_out_init(&o, 2);
	t.o = &o;
	write_document(&t);
	st = err->code;
	if (!st && !*interrupt)
		st = record_file(out_dir, t.names[0], o.buf, o.n, err);
	if (!st && !*interrupt)
		st = write_readings(&t);
	if (!st && !*interrupt)
		(void)fprintf(stderr, "  review: %s/%s\n", out_dir, t.names[1]);
	json_out_free(&o);
	mem_free(t.folders);
	mem_free(t.harm);
	mem_free(t.remedy);
	json_free(claims);
	return st;
}
