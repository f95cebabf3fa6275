/* Of the two readers of an envelope, who verifies and who uses what was verified, neither may see
 * anything else than the other: so one spelling alone is read, and what comes out is the bytes that
 * the signature is over. */
#include "reports/dsse.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "reports/base64.h"

enum { PAE_HEAD_MAX = 64 };

uint8_t *dsse_pae(const char *type, const void *body, size_t n_body, size_t *n)
{
	size_t n_type = strlen(type);
	char length[PAE_HEAD_MAX], head[PAE_HEAD_MAX];
	size_t n_head = (size_t)snprintf(head, sizeof(head), "DSSEv1 %zu ", n_type);
	size_t n_length = (size_t)snprintf(length, sizeof(length), " %zu ", n_body);
	uint8_t *pae = mem_alloc(n_head + n_type + n_length + n_body, 1), *p = pae;

	memcpy(p, head, n_head);
	p += n_head;
	memcpy(p, type, n_type);
	p += n_type;
	memcpy(p, length, n_length);
	p += n_length;
	if (n_body)
		memcpy(p, body, n_body);
	*n = n_head + n_type + n_length + n_body;
	return pae;
}

/* --- out --- */

static void write_base64(struct json_out *o, const char *key, const uint8_t *data, size_t n)
{
	char *text = mem_alloc(BASE64_CHARS(n) + 1, 1);

	base64_encode(data, n, text);
	json_out_str(o, key, text);
	mem_free(text);
}

void dsse_write(struct json_out *o, const struct dsse_envelope *e)
{
	CHECK(e->n_signatures >= 1 && e->n_signatures <= DSSE_SIGNATURES_MAX);
	CHECK(o->indent == 0);
	json_out_open(o, NULL, '{');
	write_base64(o, "payload", e->body, e->n);
	json_out_str(o, "payloadType", e->type);
	json_out_open(o, "signatures", '[');
	for (uint32_t i = 0; i < e->n_signatures; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "keyid", e->signatures[i].keyid);
		write_base64(o, "sig", e->signatures[i].sig, e->signatures[i].n);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_close(o);
}

/* --- in --- */

struct envelope_fields {
	struct jval payload, signatures;
	const char *type;
};

static const struct field envelope_fields[] = {
        {.name = "payload",
                .type = FIELD_VALUE,
                .offset = offsetof(struct envelope_fields, payload),
                .flags = FIELD_REQUIRED,
                .help = "what is signed, in base64"},
        {.name = "payloadType",
                .type = FIELD_STRING,
                .offset = offsetof(struct envelope_fields, type),
                .flags = FIELD_REQUIRED,
                .help = "its media type"},
        {.name = "signatures",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct envelope_fields, signatures),
                .flags = FIELD_REQUIRED,
                .help = "over type and payload"},
};

struct signature_fields {
	const char *keyid;
	struct jval sig;
};

static const struct field signature_fields[] = {
        {.name = "keyid",
                .type = FIELD_STRING,
                .offset = offsetof(struct signature_fields, keyid),
                .fallback = "",
                .help = "which key made it"},
        {.name = "sig",
                .type = FIELD_VALUE,
                .offset = offsetof(struct signature_fields, sig),
                .flags = FIELD_REQUIRED,
                .help = "the signature, in base64"},
};

/* JSON has a slash inside strings only; a lexer that takes comments would not mind. The place of
 * the first other one, or n. */
static size_t stray_slash(const char *text, size_t n)
{
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (text[i] == '/' && !in_string)
			return i;
	}
	return n;
}

static enum status read_base64(
        struct jval v, struct arena *arena, const uint8_t **bytes, size_t *n, struct error *err)
{
	const char *text = json_string(v);
	size_t length = text ? strlen(text) : 0;
	uint8_t *room;

	if (!text)
		return json_expected(v, err, "base64");
	room = arena_alloc(arena, BASE64_BYTES(length) + 1);
	if (!room)
		return json_error(v, err, "is too long");
	if (!base64_decode(text, length, room, n))
		return json_error(v, err,
		        "is no canonical base64 (standard alphabet, padded, no white space)");
	*bytes = room;
	return ERR_NONE;
}

static enum status read_signature(
        struct jval v, struct arena *arena, struct dsse_signature *s, struct error *err)
{
	struct signature_fields f;

	if (json_read(v, signature_fields, ARRAY_LEN(signature_fields), &f, err))
		return err->code;
	if (strlen(f.keyid) > DSSE_KEYID_MAX)
		return json_error(
		        json_get(v, "keyid"), err, "is longer than %d bytes", DSSE_KEYID_MAX);
	s->keyid = arena_strndup(arena, f.keyid, strlen(f.keyid));
	if (read_base64(f.sig, arena, &s->sig, &s->n, err))
		return err->code;
	if (s->n < 1 || s->n > DSSE_SIG_MAX)
		return json_error(
		        f.sig, err, "expected 1 to %d bytes, found %zu", DSSE_SIG_MAX, s->n);
	return ERR_NONE;
}

static enum status read_envelope(
        struct jval root, struct arena *arena, struct dsse_envelope *out, struct error *err)
{
	struct envelope_fields f;
	struct dsse_signature *signatures;
	size_t count;

	if (json_read(root, envelope_fields, ARRAY_LEN(envelope_fields), &f, err))
		return err->code;
	if (!f.type[0] || strlen(f.type) > DSSE_TYPE_MAX)
		return json_error(json_get(root, "payloadType"), err, "expected 1 to %d bytes",
		        DSSE_TYPE_MAX);
	out->type = arena_strndup(arena, f.type, strlen(f.type));
	if (read_base64(f.payload, arena, &out->body, &out->n, err))
		return err->code;
	count = json_count(f.signatures);
	if (count < 1 || count > DSSE_SIGNATURES_MAX)
		return json_error(f.signatures, err, "expected 1 to %d signatures, found %zu",
		        DSSE_SIGNATURES_MAX, count);
	signatures = ARENA_ARRAY(arena, struct dsse_signature, count);
	out->signatures = signatures;
	out->n_signatures = 0;
	for (struct jval v = json_first(f.signatures); v.item; v = json_next(v)) {
		if (read_signature(v, arena, &signatures[out->n_signatures++], err))
			return err->code;
	}
	return ERR_NONE;
}

enum status dsse_read(const char *file, const char *text, size_t n, struct arena *arena,
        struct dsse_envelope *out, struct error *err)
{
	size_t slash = stray_slash(text, n);
	struct json *doc;

	if (json_parse(file, text, n, &doc, err))
		return err->code;
	if (slash < n)
		error_at(err, ERR_USAGE, file, 0, 0, NULL,
		        "expected JSON without comments, found one at byte %zu", slash);
	else
		(void)read_envelope(json_root(doc), arena, out, err);
	json_free(doc);
	return err->code;
}
