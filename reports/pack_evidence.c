/* A line says what one result says; the last line says which lines and which files there are. So
 * nothing can be taken out, put in, moved or exchanged, a line of another pack by the same key
 * included, without the last line's saying something else. */
#include "reports/pack_evidence.h"

#include <string.h>
#include "harness/base/json.h"
#include "harness/base/mutant.h"
#include "reports/pack_result.h"
#include "reports/statement.h"

enum { LINE_MANIFEST_MAX = PACK_PATH_MAX + DIGEST_TEXT_MAX };

static const char *hex_of(const uint8_t sha256[static DIGEST_BYTES], char buf[DIGEST_TEXT_MAX])
{
	return digest_text(sha256, buf) + strlen("sha256:");
}

void pack_manifest(const struct pack_tree *t, struct text *out)
{
	char hex[DIGEST_TEXT_MAX];

	text_init(out, (size_t)PACK_FILES_MAX * LINE_MANIFEST_MAX);
	for (uint32_t i = MUTANT(FILE_UNLISTED); i < t->n; i++)
		text_printf(out, "%s  %s\n", hex_of(t->entries[i].sha256, hex), t->entries[i].path);
}

/* --- what is said --- */

/* One result: its statement, and into the predicate its facts and the statement's digest. */
static enum status tell_result(const struct pack_tree *t, const struct pack_entry *e,
        struct json_out *facts, struct json_out *digests, pack_payload *each, void *ctx,
        struct error *err)
{
	uint8_t sha256[DIGEST_BYTES];
	char hex[DIGEST_TEXT_MAX];
	struct pack_result r;
	struct json_out o;

	if (pack_result_read(e, &r, err))
		return err->code;
	json_out_init(&o, 0);
	pack_result_statement(&r, t, &o);
	pack_result_facts(&r, facts);
	sha256_of(o.buf, o.n, sha256);
	json_out_str(digests, NULL, hex_of(sha256, hex));
	(void)each(ctx, &o, err);
	json_out_free(&o);
	pack_result_free(&r);
	return err->code;
}

static enum status tell_whole(const struct pack_tree *t, const struct pack_entry *manifest,
        const struct json_out *predicate, pack_payload *each, void *ctx, struct error *err)
{
	struct statement_file *files = mem_alloc(t->n + 1, sizeof(*files));
	struct statement_files subjects = {files, (size_t)t->n + 1};
	struct json_out o;

	for (uint32_t i = 0; i <= t->n; i++) {
		const struct pack_entry *e = i ? &t->entries[i - 1] : manifest;

		files[i].name = e->path;
		memcpy(files[i].sha256, e->sha256, DIGEST_BYTES);
	}
	json_out_init(&o, 0);
	if (!statement_any(&o, &subjects, PACK_PREDICATE, predicate->buf, predicate->n, err))
		(void)each(ctx, &o, err);
	json_out_free(&o);
	mem_free(files);
	return err->code;
}

enum status pack_payloads(const struct pack_tree *t, const struct pack_entry *manifest,
        pack_payload *each, void *ctx, uint32_t *results, struct error *err)
{
	const struct pack_entry **found = NULL;
	struct json_out facts, digests, predicate;

	if (pack_results_find(t, &found, results, err))
		return err->code;
	json_out_init(&facts, 0);
	json_out_init(&digests, 0);
	json_out_init(&predicate, 0);
	json_out_open(&facts, NULL, '[');
	json_out_open(&digests, NULL, '[');
	for (uint32_t i = 0; i < *results && !err->code; i++)
		(void)tell_result(t, found[i], &facts, &digests, each, ctx, err);
	json_out_close(&facts);
	json_out_close(&digests);
	json_out_open(&predicate, NULL, '{');
	json_out_str(&predicate, "schema", PACK_SCHEMA);
	json_out_raw(&predicate, "results", facts.buf);
	json_out_raw(&predicate, "statements", digests.buf);
	json_out_close(&predicate);
	if (!err->code)
		(void)tell_whole(t, manifest, &predicate, each, ctx, err);
	json_out_free(&facts);
	json_out_free(&digests);
	json_out_free(&predicate);
	mem_free(found);
	return err->code;
}

/* --- signed --- */

struct signing {
	const struct sign_key *key; /* NULL: results are read, and nothing is written */
	struct text *out;
};

static enum status add_line(void *ctx, const struct json_out *payload, struct error *err)
{
	struct signing *s = ctx;
	struct json_out line;

	if (!s->key)
		return ERR_NONE;
	json_out_init(&line, 0);
	sign_envelope(s->key, DSSE_IN_TOTO, payload->buf, payload->n, &line);
	text_add(s->out, line.buf, line.n);
	text_add(s->out, "\n", 1);
	if (s->out->cut || line.n > DSSE_ENVELOPE_MAX)
		(void)error_set(err, ERR_USAGE,
		        "expected fewer files in one pack: what is to be signed is too long");
	json_out_free(&line);
	return err->code;
}

enum status pack_evidence(const struct pack_tree *t, const struct pack_entry *manifest,
        const struct sign_key *key, struct text *out, uint32_t *results, struct error *err)
{
	struct signing s = {key, out};

	text_init(out, EVIDENCE_SIZE_MAX);
	return pack_payloads(t, manifest, add_line, &s, results, err);
}
