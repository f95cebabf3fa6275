/* The pack's bytes are reports/verify.h's; here is what they mean: whose they are, which results
 * are among them, and what is left to be said. */
#include "harness/run/verify.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/run/interrupt.h"
#include "harness/run/verify_run.h"
#include "reports/pack.h"
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

/* The folder of a result: "a" of "a/result.json", "" of "result.json"; false for other files. */
static bool result_folder(const char *path, char as[static PACK_PATH_MAX + 1])
{
	const char *slash = strchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (strcmp(slash ? slash + 1 : path, PACK_RESULT) != 0)
		return false;
	memcpy(as, path, n);
	as[n] = '\0';
	return true;
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

/* A result at the root is the only one; those of a suite lie in folders. */
static enum status on_pack(void *ctx, const struct verify_pack *pack, struct error *err)
{
	const struct unpacked *u = pack->unpacked;
	bool one = pack_tree_find(&u->tree, PACK_RESULT) != NULL;
	struct session *s = ctx;
	char as[PACK_PATH_MAX + 1];

	answer_altered(s, pack);
	for (uint32_t i = 0; i < u->tree.n && !*s->interrupt; i++)
		if (result_folder(u->tree.entries[i].path, as) && (as[0] == '\0') == one &&
		        check_run(s, u, as, err))
			return err->code;
	return ERR_NONE;
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
