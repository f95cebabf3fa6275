/* The evidence is believed from its end: the last statement says what every file is, and which
 * statements stand before it. If that one is signed as it should be, the files are held against
 * it, and the manifest is a file like any other. What the other statements say follows from the
 * files, so it is made anew and compared, byte for byte. */
#include "reports/verify_evidence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reports/evidence.h"
#include "reports/pack_evidence.h"
#include "reports/statement.h"

enum { TEXT_MAX = 512, HEX_CHARS = 2 * DIGEST_BYTES };

struct check {
	const struct unpacked *u;
	const struct verify_options *options;
	const struct sign_key *key;
	struct arena *arena;
	struct evidence_answer *out;
	struct error *err;
	uint32_t capacity;
	bool good; /* nothing was told so far */
};

static void tell(struct check *c, enum defect d, const char *file, const char *fmt, ...)
        LPC_PRINTF(4, 5);

static void tell(struct check *c, enum defect d, const char *file, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	c->options->found(c->options->ctx, d, file, text);
	c->good = false;
}

/* An error of a reader, as a defect of the file that it was in. */
static void tell_error(struct check *c, enum defect d, const char *file, const struct error *err)
{
	struct error bare = *err;
	char line[TEXT_MAX];

	bare.file[0] = '\0';
	if (!bare.line)
		tell(c, d, file, "%s", bare.text);
	else if (snprintf(line, sizeof(line), "%s%s%s", bare.path, bare.path[0] ? ": " : "",
	                 bare.text))
		tell(c, d, file, "line %u: %s", bare.line, line);
}

/* --- statements ----------------------------------------------------------------------- */

struct root_fields {
	const char *type, *predicate_type;
	struct jval subject, predicate;
};

static const struct field root_fields[] = {
        {.name = "_type",
                .type = FIELD_STRING,
                .offset = offsetof(struct root_fields, type),
                .flags = FIELD_REQUIRED,
                .help = "of in-toto"},
        {.name = "subject",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root_fields, subject),
                .flags = FIELD_REQUIRED,
                .help = "the files it is about"},
        {.name = "predicateType",
                .type = FIELD_STRING,
                .offset = offsetof(struct root_fields, predicate_type),
                .flags = FIELD_REQUIRED,
                .help = "what kind of thing it says"},
        {.name = "predicate",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct root_fields, predicate),
                .flags = FIELD_REQUIRED,
                .help = "what it says"},
};

struct subject_fields {
	const char *name;
	struct jval digest;
};

static const struct field subject_fields[] = {
        {.name = "name",
                .type = FIELD_STRING,
                .offset = offsetof(struct subject_fields, name),
                .flags = FIELD_REQUIRED,
                .help = "its path"},
        {.name = "digest",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct subject_fields, digest),
                .flags = FIELD_REQUIRED,
                .help = "of its bytes"},
};

static bool hex_digest(struct jval v, uint8_t sha256[static DIGEST_BYTES])
{
	const char *text = json_string(v);

	return text && strlen(text) == HEX_CHARS && digest_parse(text, sha256);
}

static enum status read_subject(
        struct jval v, struct arena *arena, struct manifest_line *line, struct error *err)
{
	struct subject_fields f;
	struct jval hex;

	if (json_read(v, subject_fields, ARRAY_LEN(subject_fields), &f, err))
		return err->code;
	hex = json_get(f.digest, "sha256");
	if (!hex_digest(hex, line->sha256))
		return json_expected(f.digest, err, "a sha256 of %d hex digits", HEX_CHARS);
	line->path = arena_strndup(arena, f.name, strlen(f.name));
	return ERR_NONE;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(
	        ((const struct manifest_line *)a)->path, ((const struct manifest_line *)b)->path);
}

/* The files of a statement, in order of their paths, each once. */
static enum status read_subjects(
        struct jval v, struct arena *arena, struct manifest *out, struct error *err)
{
	uint32_t capacity = 0;

	*out = (struct manifest){0};
	for (struct jval s = json_first(v); json_type(s) != JSON_NONE; s = json_next(s)) {
		out->lines = mem_room(out->lines, out->n, &capacity, sizeof(*out->lines));
		if (read_subject(s, arena, &out->lines[out->n++], err))
			return err->code;
	}
	if (out->n)
		qsort(out->lines, out->n, sizeof(*out->lines), by_path);
	for (uint32_t i = 1; i < out->n; i++)
		if (strcmp(out->lines[i - 1].path, out->lines[i].path) == 0)
			return json_error(v, err, "is about '%s' twice", out->lines[i].path);
	return out->n ? ERR_NONE : json_expected(v, err, "at least one file");
}

/* The digests of the payloads before it, in their order. */
static enum status check_statements(struct check *c, struct jval list, struct error *err)
{
	uint32_t before = c->out->lines - 1, i = 0;
	uint8_t sha256[DIGEST_BYTES];

	if (json_type(list) != JSON_ARRAY)
		return json_expected(list, err, "the digests of all statements before it");
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v), i++) {
		if (!hex_digest(v, sha256))
			return json_expected(v, err, "%d hex digits", HEX_CHARS);
		if (i == before || memcmp(c->out->payloads[i], sha256, DIGEST_BYTES) != 0)
			return json_error(v, err, "is not the statement of line %u", i + 1);
	}
	if (i != before)
		return json_error(list, err, "has %u statements, found %u", i, before);
	return ERR_NONE;
}

/* The last statement, which is about the whole pack. */
static enum status check_last(struct check *c, struct jval root, struct error *err)
{
	struct root_fields f;
	const char *schema;

	if (json_read(root, root_fields, ARRAY_LEN(root_fields), &f, err))
		return err->code;
	if (strcmp(f.type, STATEMENT_TYPE) != 0)
		return json_expected(json_get(root, "_type"), err, "'%s'", STATEMENT_TYPE);
	if (strcmp(f.predicate_type, PACK_PREDICATE) != 0)
		return json_expected(json_get(root, "predicateType"), err,
		        "the statement about the whole pack at the end, '%s'", PACK_PREDICATE);
	schema = json_string(json_get(f.predicate, "schema"));
	if (!schema || strcmp(schema, PACK_SCHEMA) != 0)
		return json_expected(f.predicate, err, "the schema '%s'", PACK_SCHEMA);
	if (read_subjects(f.subject, c->arena, &c->out->files, err))
		return err->code;
	return check_statements(c, json_get(f.predicate, "statements"), err);
}

/* --- lines ---------------------------------------------------------------------------- */

static void check_signature(struct check *c, const struct dsse_envelope *e, uint32_t line)
{
	enum sign_answer answer = sign_check(c->key, e);

	if (answer == SIGN_OTHER_KEY)
		tell(c, DEFECT_OTHER_KEY, PACK_EVIDENCE,
		        "line %u: is signed with another key than %.16s…", line,
		        sign_key_id(c->key));
	else if (answer == SIGN_ALTERED)
		tell(c, DEFECT_SIGNATURE, PACK_EVIDENCE,
		        "line %u: is not what was signed with %.16s…", line, sign_key_id(c->key));
}

static void check_line(struct check *c, const struct dsse_envelope *e, uint32_t line)
{
	struct evidence_answer *out = c->out;

	if (c->key)
		check_signature(c, e, line);
	if (strcmp(e->type, DSSE_IN_TOTO) != 0)
		tell(c, DEFECT_STATEMENT, PACK_EVIDENCE, "line %u: is no in-toto statement", line);
	out->payloads = mem_room(out->payloads, out->lines, &c->capacity, DIGEST_BYTES);
	sha256_of(e->body, e->n, out->payloads[out->lines++]);
}

/* The payload of the last line. */
static void read_last(struct check *c, const struct dsse_envelope *e)
{
	struct error err = ERROR_INIT;
	struct json *doc = NULL;
	char text[TEXT_MAX];

	if (json_parse(PACK_EVIDENCE, (const char *)e->body, e->n, &doc, &err) == ERR_NONE)
		(void)check_last(c, json_root(doc), &err);
	json_free(doc);
	if (!err.code)
		return;
	err.file[0] = '\0';
	err.line = err.col = 0; /* of the payload */
	error_format(&err, text, sizeof(text));
	tell(c, DEFECT_STATEMENT, PACK_EVIDENCE, "line %u: %s", c->out->lines, text);
}

/* Two arenas by turns: the envelope of the line before lives until it is known not to be the last.
 */
static void check_lines(struct check *c, const char *text, size_t n)
{
	struct evidence_lines lines;
	struct error err = ERROR_INIT;
	struct dsse_envelope e[2];
	struct arena arena[2];
	unsigned now = 0;
	bool more = true;

	evidence_lines_init(&lines, PACK_EVIDENCE, text, n);
	arena_init(&arena[0], 0);
	arena_init(&arena[1], 0);
	while (more && !err.code) {
		if (evidence_next(&lines, &arena[now], &e[now], &more, &err) || !more)
			break;
		check_line(c, &e[now], lines.line);
		now = !now;
		arena_free(&arena[now]);
		arena_init(&arena[now], 0);
	}
	if (err.code)
		tell_error(c, DEFECT_STATEMENT, PACK_EVIDENCE, &err);
	else if (c->out->lines == 0)
		tell(c, DEFECT_STATEMENT, PACK_EVIDENCE, "has no statements");
	else
		read_last(c, &e[!now]);
	arena_free(&arena[0]);
	arena_free(&arena[1]);
}

/* --- keys ----------------------------------------------------------------------------- */

/* The pack's own key, for one who has no other. */
static enum status own_key(struct check *c, struct sign_key **key)
{
	const struct pack_entry *f = pack_tree_find(&c->u->tree, PACK_SIGNER);
	struct error err = ERROR_INIT;
	enum status st;
	char *pem;

	if (!f) {
		tell(c, DEFECT_SIGNATURE, PACK_SIGNER,
		        "is missing, and with it the key to check the evidence with");
		return ERR_NONE;
	}
	st = unpacked_read(f, SIGN_PEM_MAX, &pem, &err);
	if (!st) {
		st = sign_key_read(PACK_SIGNER, pem, (size_t)f->size, false, key, &err);
		mem_free(pem);
	}
	if (st == ERR_ENVIRONMENT)
		*c->err = err;
	else if (st)
		tell_error(c, DEFECT_SIGNATURE, PACK_SIGNER, &err);
	return c->err->code;
}

static void no_evidence(struct check *c)
{
	if (c->options->key)
		tell(c, DEFECT_UNSIGNED, PACK_EVIDENCE,
		        "is missing: nobody signed this pack, least of all with %.16s…",
		        sign_key_id(c->options->key));
	else if (pack_tree_find(&c->u->tree, PACK_SIGNER))
		tell(c, DEFECT_MISSING, PACK_EVIDENCE,
		        "is not in the pack, and " PACK_SIGNER " is: it was signed once");
}

enum status evidence_check(const struct unpacked *u, const struct verify_options *options,
        struct arena *arena, struct evidence_answer *out, struct error *err)
{
	const struct pack_entry *f = pack_tree_find(&u->tree, PACK_EVIDENCE);
	struct sign_key *own = NULL;
	struct check c = {.u = u,
	        .options = options,
	        .key = options->key,
	        .arena = arena,
	        .out = out,
	        .err = err,
	        .good = true};
	char *text;

	*out = (struct evidence_answer){0};
	if (!f) {
		no_evidence(&c);
		return ERR_NONE;
	}
	if (f->size > EVIDENCE_SIZE_MAX) {
		tell(&c, DEFECT_STATEMENT, PACK_EVIDENCE, "is longer than any evidence");
		return ERR_NONE;
	}
	if (unpacked_read(f, EVIDENCE_SIZE_MAX, &text, err))
		return err->code;
	if (!c.key && own_key(&c, &own) == ERR_NONE)
		c.key = own;
	if (c.key)
		snprintf(out->signer, sizeof(out->signer), "%s", sign_key_id(c.key));
	if (!err->code)
		check_lines(&c, text, (size_t)f->size);
	out->sealed = c.good;
	mem_free(text);
	sign_key_free(own);
	return err->code;
}

void evidence_answer_free(struct evidence_answer *a)
{
	manifest_free(&a->files);
	mem_free(a->payloads);
}

/* --- what the files say --------------------------------------------------------------- */

struct comparison {
	const struct verify_options *options;
	const struct evidence_answer *evidence; /* of no lines: not signed */
	uint32_t statements;
};

static enum status compare_payload(void *ctx, const struct json_out *payload, struct error *err)
{
	struct comparison *c = ctx;
	uint32_t i = c->statements++;
	uint8_t sha256[DIGEST_BYTES];
	char text[TEXT_MAX];

	(void)err;
	if (i >= c->evidence->lines)
		return ERR_NONE;
	sha256_of(payload->buf, payload->n, sha256);
	if (memcmp(sha256, c->evidence->payloads[i], DIGEST_BYTES) == 0)
		return ERR_NONE;
	snprintf(text, sizeof(text), "line %u: says something else than the files do", i + 1);
	c->options->found(c->options->ctx, DEFECT_STATEMENT, PACK_EVIDENCE, text);
	return ERR_NONE;
}

/* The files that statements are made of: all but the two at the front. */
static void copy_tree(const struct unpacked *u, struct pack_tree *t)
{
	t->entries = mem_alloc(u->tree.n + 1, sizeof(*t->entries));
	for (uint32_t i = 0; i < u->tree.n; i++) {
		const struct pack_entry *e = &u->tree.entries[i];

		if (strcmp(e->path, PACK_MANIFEST) != 0 && strcmp(e->path, PACK_EVIDENCE) != 0)
			t->entries[t->n++] = *e;
	}
}

/* What pack_payloads could not read, as a defect. */
static void tell_result(const struct unpacked *u, const struct verify_options *options,
        uint32_t results, struct error *wrong)
{
	size_t n = strlen(u->dir);
	char file[ERROR_FILE_MAX], text[TEXT_MAX];

	if (results == 0) {
		options->found(options->ctx, DEFECT_MISSING, PACK_RESULT, wrong->text);
		return;
	}
	snprintf(file, sizeof(file), "%s",
	        strncmp(wrong->file, u->dir, n) == 0 ? wrong->file + n + 1 : wrong->file);
	wrong->file[0] = '\0';
	error_format(wrong, text, sizeof(text));
	options->found(options->ctx, DEFECT_SCHEMA, file, text);
}

enum status evidence_compare(const struct unpacked *u, const struct verify_options *options,
        const struct evidence_answer *evidence, struct error *err)
{
	struct comparison c = {.options = options, .evidence = evidence};
	struct error wrong = ERROR_INIT;
	struct pack_tree t;
	uint32_t results = 0;

	pack_tree_init(&t);
	copy_tree(u, &t);
	if (pack_payloads(&t, pack_tree_find(&u->tree, PACK_MANIFEST), compare_payload, &c,
	            &results, &wrong) == ERR_ENVIRONMENT)
		*err = wrong;
	else if (wrong.code)
		tell_result(u, options, results, &wrong);
	else if (evidence->lines && evidence->lines != c.statements)
		options->found(options->ctx, DEFECT_STATEMENT, PACK_EVIDENCE,
		        "has not one statement for each result, and one for the whole");
	pack_tree_free(&t);
	return err->code;
}
