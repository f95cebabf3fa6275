/* From the outside in: the archive, what was signed, the files. What a check rests on was checked
 * before it, so the first thing that is told is the cause. */
#include "reports/verify.h"

#include <stdio.h>
#include <string.h>
#include "reports/pack.h"
#include "reports/verify_evidence.h"
#include "reports/verify_manifest.h"
#include "reports/verify_unpack.h"

const char *defect_name(enum defect d)
{
	static const char *const names[] = {
	        [DEFECT_ARCHIVE] = "archive",
	        [DEFECT_UNSAFE_PATH] = "unsafe-path",
	        [DEFECT_LINK] = "link",
	        [DEFECT_SPECIAL] = "special",
	        [DEFECT_DUPLICATE] = "duplicate",
	        [DEFECT_TOO_LARGE] = "too-large",
	        [DEFECT_MANIFEST] = "manifest",
	        [DEFECT_ALTERED] = "altered",
	        [DEFECT_MISSING] = "missing",
	        [DEFECT_ADDED] = "added",
	        [DEFECT_RENAMED] = "renamed",
	        [DEFECT_UNSIGNED] = "unsigned",
	        [DEFECT_SIGNATURE] = "signature",
	        [DEFECT_OTHER_KEY] = "other-key",
	        [DEFECT_STATEMENT] = "statement",
	        [DEFECT_SCHEMA] = "schema",
	        [DEFECT_PLAN] = "plan",
	        [DEFECT_SCORE] = "score",
	        [DEFECT_REPLAY] = "replay",
	};

	CHECK(d < DEFECT_COUNT);
	return names[d];
}

/* Between the checks and whoever asked for them: counts. */
struct verification {
	const struct verify_options *options;
	struct verify_options own;
	struct unpacked unpacked;
	struct arena arena;
	uint64_t defects;
};

static void on_found(void *ctx, enum defect d, const char *file, const char *text)
{
	struct verification *v = ctx;

	v->defects++;
	v->options->found(v->options->ctx, d, file, text);
}

static bool is_interrupted(const struct verification *v)
{
	return v->options->interrupt && *v->options->interrupt;
}

/* --- the files ------------------------------------------------------------------------ */

/* Whether the manifest lists what was signed, which is the manifest and what it lists. */
static bool same_lists(const struct manifest *m, const struct manifest *sealed)
{
	uint32_t i = 0;

	for (uint32_t k = 0; k < sealed->n; k++) {
		const struct manifest_line *line = &sealed->lines[k];

		if (strcmp(line->path, PACK_MANIFEST) == 0)
			continue;
		if (i == m->n || strcmp(m->lines[i].path, line->path) != 0 ||
		        memcmp(m->lines[i].sha256, line->sha256, DIGEST_BYTES) != 0)
			return false;
		i++;
	}
	return i == m->n;
}

/* Reads the manifest, and tells what is wrong with it; true if it is one. */
static bool read_manifest(struct verification *v, struct manifest *m, struct error *err)
{
	const struct pack_entry *f = pack_tree_find(&v->unpacked.tree, PACK_MANIFEST);
	struct error wrong = ERROR_INIT;
	char line[ERROR_TEXT_MAX + 64], *text;
	bool good = false;

	if (!f) {
		on_found(v, DEFECT_MANIFEST, PACK_MANIFEST, "is missing");
		return false;
	}
	if (unpacked_read(f, MANIFEST_SIZE_MAX, &text, &wrong) == ERR_NONE) {
		good = manifest_read(text, (size_t)f->size, &v->arena, m, &wrong) == ERR_NONE;
		mem_free(text);
	}
	if (wrong.code == ERR_ENVIRONMENT) {
		*err = wrong;
	} else if (wrong.code) {
		snprintf(line, sizeof(line), "line %u: %s", wrong.line, wrong.text);
		on_found(v, DEFECT_MANIFEST, PACK_MANIFEST, wrong.line ? line : wrong.text);
	}
	return good;
}

/* The files against what was signed, where that is known, and else against the manifest. */
static void check_files(
        struct verification *v, const struct evidence_answer *evidence, struct error *err)
{
	struct manifest m = {0};
	uint64_t before = v->defects;

	if (evidence->sealed)
		manifest_compare(&evidence->files, "what was signed", &v->unpacked, &v->own);
	if (v->defects == before && read_manifest(v, &m, err)) {
		if (!evidence->sealed)
			manifest_compare(&m, PACK_MANIFEST, &v->unpacked, &v->own);
		else if (!same_lists(&m, &evidence->files))
			on_found(v, DEFECT_MANIFEST, PACK_MANIFEST,
			        "does not list the files that were signed");
	}
	manifest_free(&m);
}

/* --- the whole ------------------------------------------------------------------------ */

static enum status go_deeper(
        struct verification *v, const struct evidence_answer *evidence, struct error *err)
{
	struct verify_pack pack = {.unpacked = &v->unpacked,
	        .signer = evidence->signer[0] ? evidence->signer : NULL,
	        .statements = evidence->lines};

	if (v->defects || !v->options->deeper || is_interrupted(v))
		return ERR_NONE;
	return v->options->deeper(v->options->ctx, &pack, err);
}

enum status verify_pack(const char *path, const struct verify_options *options, struct error *err)
{
	struct verification v = {.options = options, .own = *options};
	struct evidence_answer evidence = {0};
	enum status st = ERR_NONE;

	v.own.found = on_found;
	v.own.ctx = &v;
	arena_init(&v.arena, 0);
	if (unpack(path, &v.own, &v.unpacked, err) == ERR_NONE && v.unpacked.answer.whole &&
	        evidence_check(&v.unpacked, &v.own, &v.arena, &evidence, err) == ERR_NONE) {
		check_files(&v, &evidence, err);
		if (!err->code && !v.defects)
			st = evidence_compare(&v.unpacked, &v.own, &evidence, err);
		if (!st && !err->code)
			st = go_deeper(&v, &evidence, err);
	}
	evidence_answer_free(&evidence);
	unpacked_remove(&v.unpacked);
	arena_free(&v.arena);
	return st ? st : err->code;
}
