/* A line says what one result says; the last line says which lines and which files there are. So
 * nothing can be taken out, put in, moved or exchanged, a line of another pack by the same key
 * included, without the last line's saying something else. */
#include "reports/pack_evidence.h"

#include <string.h>
#include "harness/base/json.h"
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
	for (uint32_t i = 0; i < t->n; i++)
		text_printf(out, "%s  %s\n", hex_of(t->entries[i].sha256, hex), t->entries[i].path);
}

/* Signs what o holds and adds it as a line. */
static enum status add_line(
        const struct sign_key *key, const struct json_out *o, struct text *out, struct error *err)
{
	struct json_out line;

	json_out_init(&line, 0);
	sign_envelope(key, DSSE_IN_TOTO, o->buf, o->n, &line);
	text_add(out, line.buf, line.n);
	text_add(out, "\n", 1);
	if (out->cut || line.n > DSSE_ENVELOPE_MAX)
		(void)error_set(err, ERR_USAGE,
		        "expected fewer files in one pack: what is to be signed is too long");
	json_out_free(&line);
	return err->code;
}

/* One result: its line, and into the predicate its facts and what the payload's digest is. */
static enum status add_result(const struct pack_tree *t, const struct pack_entry *e,
        const struct sign_key *key, struct json_out *facts, struct json_out *digests,
        struct text *out, struct error *err)
{
	uint8_t sha256[DIGEST_BYTES];
	char hex[DIGEST_TEXT_MAX];
	struct pack_result r;
	struct json_out o;

	if (pack_result_read(e, &r, err))
		return err->code;
	if (key) {
		json_out_init(&o, 0);
		pack_result_statement(&r, t, &o);
		pack_result_facts(&r, facts);
		sha256_of(o.buf, o.n, sha256);
		json_out_str(digests, NULL, hex_of(sha256, hex));
		(void)add_line(key, &o, out, err);
		json_out_free(&o);
	}
	pack_result_free(&r);
	return err->code;
}

static enum status add_whole(const struct pack_tree *t, const struct pack_entry *manifest,
        const struct sign_key *key, const struct json_out *predicate, struct text *out,
        struct error *err)
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
		(void)add_line(key, &o, out, err);
	json_out_free(&o);
	mem_free(files);
	return err->code;
}

enum status pack_evidence(const struct pack_tree *t, const struct pack_entry *manifest,
        const struct sign_key *key, struct text *out, uint32_t *results, struct error *err)
{
	const struct pack_entry **found = NULL;
	struct json_out facts, digests, predicate;

	text_init(out, EVIDENCE_SIZE_MAX);
	if (pack_results_find(t, &found, results, err))
		return err->code;
	json_out_init(&facts, 0);
	json_out_init(&digests, 0);
	json_out_init(&predicate, 0);
	json_out_open(&facts, NULL, '[');
	json_out_open(&digests, NULL, '[');
	for (uint32_t i = 0; i < *results && !err->code; i++)
		(void)add_result(t, found[i], key, &facts, &digests, out, err);
	json_out_close(&facts);
	json_out_close(&digests);
	json_out_open(&predicate, NULL, '{');
	json_out_str(&predicate, "schema", PACK_SCHEMA);
	json_out_raw(&predicate, "results", facts.buf);
	json_out_raw(&predicate, "statements", digests.buf);
	json_out_close(&predicate);
	if (!err->code && key)
		(void)add_whole(t, manifest, key, &predicate, out, err);
	json_out_free(&facts);
	json_out_free(&digests);
	json_out_free(&predicate);
	mem_free(found);
	return err->code;
}
