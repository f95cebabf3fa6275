/* Inside of a document: shared by the json_*.c files, included by nobody else.
 *
 * A record stands for one value and says where it was written. Records are kept in pre-order as the
 * lexer meets them; a cJSON item's `valueint`, which cJSON fills with a number cut to an int and
 * which nobody may use, holds the index of its record instead. A record knows its parent, which
 * cJSON items do not, so a path can be written from below.
 *
 * A document has one source (its file) and one more for each value that json_set put in. Sources
 * are shared between a document and those extracted from it; one thread owns them all. */
#ifndef LPC_BASE_JSON_DOC_H
#define LPC_BASE_JSON_DOC_H

#include <stddef.h>
#include <stdint.h>
#include "harness/base/json.h"

#define JSON_NOWHERE UINT32_MAX /* no parent; no key */

struct json_source {
	char *file;
	char *text; /* as given, NUL-terminated */
	size_t len;
	unsigned users; /* documents */
};

struct json_record {
	struct json_source *source;
	struct cJSON *item;
	uint32_t parent; /* record, or JSON_NOWHERE for the root */
	uint32_t at,
	        key_at; /* byte offsets in source->text; key_at JSON_NOWHERE if there is no key */
};

struct json_records {
	struct json_record *v;
	uint32_t n, capacity;
};

struct json {
	struct cJSON *root;
	struct json_records records;
	struct json_source **sources; /* [0] is the document's own */
	uint32_t n_sources;
	struct cJSON *walked,
	        *walked_item; /* json_at's last answer: container, element, its index */
	size_t walked_index;
};

/* Checks source->text and appends a record (source, parent, at, key_at) for each of its values, the
 * first with the given parent. `blanked` receives the text with its comments blanked, len + 1
 * bytes. On failure the appended records are the caller's to drop. */
enum status json_lex(struct json_source *source, uint32_t parent, struct json_records *records,
        char *blanked, struct error *err) LPC_MUST_USE;

/* Line and column (characters, not bytes), both from 1, of a byte offset. */
void json_locate(const struct json_source *source, size_t at, unsigned *line, unsigned *col);

/* Lexes, builds and joins a source's tree below `parent`; the document takes the source over in any
 * case. NULL and err filled on failure. */
struct cJSON *json_build(struct json *doc, struct json_source *source, uint32_t parent,
        struct error *err) LPC_MUST_USE;
struct json_source *json_source_new(const char *file, const char *text, size_t len) LPC_MUST_USE;
void json_add_source(struct json *doc, struct json_source *source);

const struct json_record *json_record(struct jval v); /* v.item is not NULL */

/* The next item in pre-order below (and with) top, NULL at the end. */
struct cJSON *json_walk(const struct json *doc, const struct cJSON *top, struct cJSON *item);

/* A number's text as it stands in its source, and the length of it. */
const char *json_number_text(struct jval v, size_t *len);

/* A list element's id, else its name, else NULL. */
const char *json_element_name(struct jval element);

#endif
