/* The pack's bytes are reports/verify.h's; here is what they mean: whose they are, which results
 * are among them, and what is left to be said. */
#include "harness/run/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/run/interrupt.h"
#include "harness/run/verify_run.h"
#include "reports/pack_result.h"
#include "reports/verify_unpack.h"

enum { TEXT_BYTES = 1024 };

struct session {
	const struct verify_command *options;
	struct verify_report report;
	struct sign_key *key;
	const volatile sig_atomic_t *interrupt;
};

static void on_found(void *ctx, enum defect d, const char *file, const char *text)
{
	struct session *s = ctx;

	verify_report_found(&s->report, d, file, text);
}

static void answer_altered(struct session *s, const struct verify_pack *pack)
{
	const struct unpacked *u = pack->unpacked;
	const char *again = u->answer.foreign ? "; another program packed it again, which says "
	                                        "nothing of its files"
	                                      : "";
	char text[TEXT_BYTES];

	if (!pack->signer)
		(void)snprintf(text, sizeof(text),
		        "cannot be told: as " PACK_MANIFEST
		        " lists them, but not signed, so it could have been altered with them");
	else if (s->key)
		(void)snprintf(text, sizeof(text), "no: as signed with the key that was given, %s",
		        pack->signer);
	else
		(void)snprintf(text, sizeof(text),
		        "no: as signed with the pack's own key, %s, which proves that it is whole, "
		        "and not whose it is: --key does",
		        pack->signer);
	verify_report_answer(&s->report, ASKED_ALTERED, "", "%u files, %.1f MiB: %s%s", u->tree.n,
	        (double)u->answer.bytes / 1048576, text, again);
}

static enum status check_run(
        struct session *s, const struct unpacked *u, const char *as, struct error *err)
{
	struct verify_run r = {.as = as,
	        .files = &u->tree,
	        .report = &s->report,
	        .replay = s->options->replay,
	        .interrupt = s->interrupt};

	if ((size_t)snprintf(r.dir, sizeof(r.dir), "%s%s%s", u->dir, as[0] ? "/" : "", as) >=
	        sizeof(r.dir))
		return error_set(err, ERR_ENVIRONMENT, "TMPDIR is too long");
	return verify_run(&r, err);
}

/* The plan of a campaign's scenario is what it says. */
static void check_campaign_plan(
        struct session *s, const struct pack_tree *files, const struct pack_result *r)
{
	const char *promised = json_string(json_get(json_root(r->doc), "plan_digest"));
	char path[PACK_PATH_MAX + sizeof("/bundle.json")], is[DIGEST_TEXT_MAX], *bundle = NULL;
	struct error wrong = ERROR_INIT;
	struct scenario *scenario = NULL;
	const struct pack_entry *e;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s%sbundle.json", r->folder, r->folder[0] ? "/" : "");
	e = pack_tree_find(files, path);
	if (!e)
		on_found(s, DEFECT_MISSING, path, "every campaign has one");
	else if (files_read(e->from, &bundle, &n, &wrong) ||
	         scenario_from_plan(bundle, n, &scenario, &wrong))
		on_found(s, DEFECT_PLAN, path, wrong.text);
	else if (!promised || strcmp(digest_text(scenario->plan_digest, is), promised) != 0)
		on_found(s, DEFECT_PLAN, path, "does not make the plan_digest of campaign.json");
	mem_free(bundle);
	scenario_free(scenario);
}

/* Its cells are lines in its folder; what it says of them is not gone into. */
static void check_campaign(
        struct session *s, const struct pack_tree *files, const struct pack_result *r)
{
	struct jval root = json_root(r->doc);
	struct error ignored = ERROR_INIT;
	int64_t cells;

	if (json_i64(json_get(root, "cells"), &cells, &ignored))
		cells = 0;
	check_campaign_plan(s, files, r);
	verify_report_answer(&s->report, ASKED_TESTED, r->folder,
	        "a campaign (%s) of scenario %s, %" PRId64 " cells",
	        json_string(json_get(root, "mode")), json_string(json_get(root, "scenario")),
	        cells);
	verify_report_answer(&s->report, ASKED_JUDGED, r->folder,
	        "the campaign; it is not judged again here: merge makes its report anew");
	verify_report_answer(&s->report, ASKED_REDONE, r->folder,
	        "not here: the same campaign gives the same lines");
	s->report.verdicts[r->verdict]++;
}

static enum status check_result(struct session *s, const struct unpacked *u,
        const struct pack_entry *entry, struct error *err)
{
	struct pack_result r;
	enum status st = pack_result_read(entry, &r, err);

	if (st)
		return st;
	if (r.campaign)
		check_campaign(s, &u->tree, &r);
	else
		st = check_run(s, u, r.folder, err);
	pack_result_free(&r);
	return st;
}

static enum status on_pack(void *ctx, const struct verify_pack *pack, struct error *err)
{
	const struct unpacked *u = pack->unpacked;
	const struct pack_entry **found;
	struct session *s = ctx;
	enum status st;
	uint32_t n;

	answer_altered(s, pack);
	st = pack_results_find(&u->tree, &found, &n, err);
	for (uint32_t i = 0; i < n && !st && !*s->interrupt; i++)
		st = check_result(s, u, found[i], err);
	mem_free(found);
	return st;
}

static void print(const struct session *s)
{
	struct json_out o;

	verify_report_print(&s->report, s->options->files[0]);
	if (!s->options->json)
		return;
	json_out_init(&o, 0);
	verify_report_json(&s->report, s->options->files[0], &o);
	(void)fwrite(o.buf, 1, o.n, stdout);
	(void)putchar('\n');
	json_out_free(&o);
}

static int fail(const struct error *err)
{
	char line[TEXT_BYTES + ERROR_FILE_MAX + ERROR_PATH_MAX];

	(void)error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s\n", line);
	return (int)err->code;
}

int execute_verify(const struct verify_command *options)
{
	struct session s = {.options = options, .interrupt = interrupt_catch()};
	struct error err = ERROR_INIT;
	enum status st = ERR_NONE;
	int code;

	verify_report_init(&s.report);
	if (options->key)
		st = sign_key_load_public(options->key, &s.key, &err);
	if (!st)
		st = verify_pack(options->files[0],
		        &(struct verify_options){.key = s.key,
		                .found = on_found,
		                .deeper = on_pack,
		                .interrupt = s.interrupt,
		                .ctx = &s},
		        &err);
	if (*s.interrupt) {
		code = 128 + (int)*s.interrupt;
	} else if (st) {
		code = fail(&err);
	} else {
		print(&s);
		code = s.report.defects ? 1 : 0;
	}
	sign_key_free(s.key);
	verify_report_free(&s.report);
	return code;
}
