/* The evidence is believed from its end: the last statement says what every file is, and which
 * statements stand before it. If that one is signed as it should be, the files are held against
 * it, and the manifest is a file like any other. */
#include "reports/verify_evidence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reports/evidence.h"
#include "reports/pack.h"
#include "reports/statement.h"

enum { TEXT_MAX = 512, HEX_CHARS = 2 * DIGEST_BYTES };

/* What a statement about a run is about: to be held against the one about the whole pack. */
struct subject {
	uint32_t statement; /* its number, from 0 */
	struct manifest_line file;
};

struct check {
	const struct unpacked *u;
	const struct verify_options *options;
	const struct sign_key *key;
	struct arena *arena;
	struct evidence_answer *out;
	struct error *err;
	uint8_t (*payloads)[DIGEST_BYTES]; /* of the statements so far */
	uint32_t n_payloads, capacity;
	struct subject *subjects; /* of statements about runs */
	uint32_t n_subjects, subjects_capacity;
	bool good; /* nothing was told so far */
	bool last; /* the statement about the whole pack was read */
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

/* The last statement: the digests of the payloads before it, in their order. */
static enum status check_predicate(struct check *c, struct jval predicate, struct error *err)
{
	struct jval list = json_get(predicate, "statements");
	const char *schema = json_string(json_get(predicate, "schema"));
	uint8_t sha256[DIGEST_BYTES];
	uint32_t i = 0;

	if (!schema || strcmp(schema, PACK_SCHEMA) != 0)
		return json_expected(predicate, err, "the schema '%s'", PACK_SCHEMA);
	if (json_type(list) != JSON_ARRAY)
		return json_expected(predicate, err, "the digests of all statements before it");
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v), i++) {
		if (!hex_digest(v, sha256))
			return json_expected(v, err, "%d hex digits", HEX_CHARS);
		if (i == c->n_payloads || memcmp(c->payloads[i], sha256, DIGEST_BYTES) != 0)
			return json_error(v, err, "is not the statement of line %u", i + 1);
	}
	if (i != c->n_payloads)
		return json_error(list, err, "has %u statements, found %u", i, c->n_payloads);
	return ERR_NONE;
}

static void keep_subjects(struct check *c, const struct manifest *subjects)
{
	for (uint32_t i = 0; i < subjects->n; i++) {
		c->subjects = mem_room(
		        c->subjects, c->n_subjects, &c->subjects_capacity, sizeof(*c->subjects));
		c->subjects[c->n_subjects++] =
		        (struct subject){.statement = c->n_payloads, .file = subjects->lines[i]};
	}
}

/* Statements about runs are about files that the pack was made with. */
static void check_subjects(struct check *c)
{
	const struct manifest *files = &c->out->files;

	for (uint32_t i = 0; i < c->n_subjects; i++) {
		const struct subject *s = &c->subjects[i];
		const struct manifest_line *f =
		        bsearch(&s->file, files->lines, files->n, sizeof(*files->lines), by_path);

		if (!f || memcmp(f->sha256, s->file.sha256, DIGEST_BYTES) != 0)
			tell(c, DEFECT_STATEMENT, PACK_EVIDENCE,
			        "line %u: is about another '%s' than the statement about the whole "
			        "pack",
			        s->statement + 1, s->file.path);
	}
}

static enum status check_statement(struct check *c, struct jval root, struct error *err)
{
	struct root_fields f;
	struct manifest subjects = {0};

	if (json_read(root, root_fields, ARRAY_LEN(root_fields), &f, err))
		return err->code;
	if (strcmp(f.type, STATEMENT_TYPE) != 0)
		return json_expected(json_get(root, "_type"), err, "'%s'", STATEMENT_TYPE);
	if (read_subjects(f.subject, c->arena, &subjects, err)) {
		manifest_free(&subjects);
		return err->code;
	}
	if (strcmp(f.predicate_type, PACK_PREDICATE) == 0) {
		c->last = true;
		c->out->files = subjects;
		return check_predicate(c, f.predicate, err);
	}
	if (strcmp(f.predicate_type, STATEMENT_TEST_RESULT) == 0)
		keep_subjects(c, &subjects);
	else
		json_expected(json_get(root, "predicateType"), err, "'%s' or '%s'",
		        STATEMENT_TEST_RESULT, PACK_PREDICATE);
	manifest_free(&subjects);
	return err->code;
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
	struct error err = ERROR_INIT;
	struct json *doc = NULL;

	if (c->key)
		check_signature(c, e, line);
	if (c->last) {
		tell(c, DEFECT_STATEMENT, PACK_EVIDENCE,
		        "line %u: stands behind the statement about the whole pack", line);
		return;
	}
	if (strcmp(e->type, DSSE_IN_TOTO) != 0)
		error_set(&err, ERR_USAGE, "is no in-toto statement");
	else if (json_parse(PACK_EVIDENCE, (const char *)e->body, e->n, &doc, &err) == ERR_NONE)
		(void)check_statement(c, json_root(doc), &err);
	if (err.code) {
		char text[TEXT_MAX];

		err.file[0] = '\0';
		err.line = err.col = 0; /* of the payload */
		error_format(&err, text, sizeof(text));
		tell(c, DEFECT_STATEMENT, PACK_EVIDENCE, "line %u: %s", line, text);
	}
	json_free(doc);
	c->payloads = mem_room(c->payloads, c->n_payloads, &c->capacity, DIGEST_BYTES);
	sha256_of(e->body, e->n, c->payloads[c->n_payloads++]);
}

static void check_lines(struct check *c, const char *text, size_t n)
{
	struct evidence_lines lines;
	struct error err = ERROR_INIT;
	bool more = true;

	evidence_lines_init(&lines, PACK_EVIDENCE, text, n);
	while (more && !err.code) {
		struct dsse_envelope e;
		struct arena arena;

		arena_init(&arena, 0);
		if (evidence_next(&lines, &arena, &e, &more, &err) == ERR_NONE && more)
			check_line(c, &e, lines.line);
		arena_free(&arena);
	}
	c->out->lines = c->n_payloads;
	if (err.code)
		tell_error(c, DEFECT_STATEMENT, PACK_EVIDENCE, &err);
	else if (!c->last)
		tell(c, DEFECT_STATEMENT, PACK_EVIDENCE,
		        "the statement about the whole pack is missing at its end");
	else
		check_subjects(c);
}

/* --- keys ----------------------------------------------------------------------------- */

/* The pack's own key, for one who has no other. */
static enum status own_key(struct check *c, struct sign_key **key)
{
	const struct unpacked_file *f = unpacked_find(c->u, PACK_SIGNER);
	struct error err = ERROR_INIT;
	enum status st;
	char *pem;

	if (!f) {
		tell(c, DEFECT_SIGNATURE, PACK_SIGNER,
		        "is missing, and with it the key to check the evidence with");
		return ERR_NONE;
	}
	st = unpacked_read(c->u, f, SIGN_PEM_MAX, &pem, &err);
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
	else if (unpacked_find(c->u, PACK_SIGNER))
		tell(c, DEFECT_MISSING, PACK_EVIDENCE,
		        "is not in the pack, and " PACK_SIGNER " is: it was signed once");
}

enum status evidence_check(const struct unpacked *u, const struct verify_options *options,
        struct arena *arena, struct evidence_answer *out, struct error *err)
{
	const struct unpacked_file *f = unpacked_find(u, PACK_EVIDENCE);
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
	if (unpacked_read(u, f, EVIDENCE_SIZE_MAX, &text, err))
		return err->code;
	if (!c.key && own_key(&c, &own) == ERR_NONE)
		c.key = own;
	if (c.key)
		snprintf(out->signer, sizeof(out->signer), "%s", sign_key_id(c.key));
	if (!err->code)
		check_lines(&c, text, (size_t)f->size);
	out->sealed = c.good && c.last;
	mem_free(text);
	mem_free(c.payloads);
	mem_free(c.subjects);
	sign_key_free(own);
	return err->code;
}

void evidence_answer_free(struct evidence_answer *a)
{
	manifest_free(&a->files);
}
