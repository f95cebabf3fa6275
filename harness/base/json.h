/* JSON in and out.
 *
 * In: a lexer of ours goes first (DESIGN §7): it blanks // and block comments in place, checks
 * numbers, strings (UTF-8), duplicate keys, depth <= 64 and size, and records every value's byte
 * offset in pre-order; cJSON then builds the tree, and the two are joined: each cJSON item's
 * `valueint` becomes the index of its record here. Numbers are re-read from their text, so 64-bit
 * integers are exact.
 *
 * Values are read through tables of `struct field` (options as data, fio's idea): one record names
 * a key, its type, unit, default, range and help; the parser, the errors, --help, docs and the JSON
 * Schema come from it. Unknown keys are refused with the nearest known one.
 *
 * Errors have the form file:line:col: path: expected …, found … and code ERR_USAGE.
 *
 * A document owns its text, tree and records; a `struct jval` is a borrowed view into it. */
#ifndef LPC_BASE_JSON_H
#define LPC_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/error.h"

struct cJSON;
struct json;

enum { JSON_DEPTH_MAX = 64, JSON_SIZE_MAX = 16 << 20 };

enum json_type {
	JSON_NONE,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct jval {
	struct json *doc;
	struct cJSON *item; /* NULL = absent (JSON_NONE) */
};

/* Parses a copy of text; `file` is the name in errors and the base of relative paths (copied). */
enum status json_parse(const char *file, const char *text, size_t len, struct json **out,
        struct error *err) LPC_MUST_USE;
void json_free(struct json *doc);
struct jval json_root(struct json *doc);
const char *json_file(const struct json *doc);

enum json_type json_type(struct jval v);
struct jval json_get(struct jval object, const char *key); /* JSON_NONE if absent */
size_t json_count(struct jval v);                          /* members or elements */
struct jval json_at(struct jval v, size_t i);              /* O(1) amortised when walked in order */
struct jval json_first(struct jval v);                     /* JSON_NONE when empty */
struct jval json_next(struct jval v);                      /* next sibling or JSON_NONE */
const char *json_key(struct jval member);                  /* NULL for elements */
const char *json_string(struct jval v);                    /* NULL unless JSON_STRING */
bool json_is_true(struct jval v);

/* Bytes of the valid UTF-8 character at s, of which n > 0 are there; 0 if there is none. */
size_t json_utf8_len(const char *s, size_t n);

/* "expected <expected>, found <what is there>" at v's position and path. */
enum status json_expected(struct jval v, struct error *err, const char *fmt, ...) LPC_PRINTF(3, 4);
/* Any one-line text at v's position and path. */
enum status json_error(struct jval v, struct error *err, const char *fmt, ...) LPC_PRINTF(3, 4);
/* As json_error, but at the position of the member's key. */
enum status json_error_key(struct jval v, struct error *err, const char *fmt, ...) LPC_PRINTF(3, 4);

/* The dotted path of v ("faults.flap.for"; list elements by id or name when they have one, else by
 * index), and where it stands in the file. */
void json_path(struct jval v, char *buf, size_t n);
void json_position(struct jval v, unsigned *line, unsigned *col);

enum status json_i64(
        struct jval v, int64_t *out, struct error *err) LPC_MUST_USE; /* exact integer */
enum status json_real(struct jval v, double *out, struct error *err) LPC_MUST_USE;     /* finite */
enum status json_duration(struct jval v, int64_t *ns, struct error *err) LPC_MUST_USE; /* "20ms" */

/* --- table-driven reading --- */

enum field_type {
	FIELD_BOOL,     /* bool */
	FIELD_INT,      /* int64_t; min/max apply */
	FIELD_REAL,     /* double; rmin/rmax apply */
	FIELD_DURATION, /* int64_t ns, written "20ms"; min/max in ns */
	FIELD_STRING,   /* const char *, lives in the document */
	FIELD_NAME,     /* const char *, must match [a-z0-9][a-z0-9._-]{0,63} */
	FIELD_ENUM,     /* int, index into `choices` */
	FIELD_PERCENT,  /* double share 0…1, written 0.02 or "2%" */
	FIELD_VALUE,    /* struct jval, any type: the caller reads it */
	FIELD_OBJECT,   /* struct jval, must be an object */
	FIELD_ARRAY,    /* struct jval, must be an array */
};

enum { FIELD_REQUIRED = 1, FIELD_EXCLUSIVE_MIN = 2 /* value must be > min */ };

struct field {
	const char *name;
	enum field_type type;
	size_t offset; /* of the target inside the out structure */
	unsigned flags;
	const char *fallback; /* the default as its JSON text ("\"20ms\"", "0.02"), but the bare
	                         string for FIELD_STRING and FIELD_NAME (the target points at it);
	                         NULL = zero / absent */
	int64_t min, max;     /* FIELD_INT, FIELD_DURATION; both 0 = no limit but >= 0 for durations
	                         (> 0 with FIELD_EXCLUSIVE_MIN); max 0 under a min > 0 = no
	                         upper limit */
	double rmin, rmax;    /* FIELD_REAL; likewise */
	const char *const *choices; /* FIELD_ENUM: NULL-terminated */
	const char *unit;           /* "ns", "tokens", "ppm", … for docs; NULL = none */
	const char *help;           /* one line, lower case, no full stop */
	const char *label;  /* truth label of the default: fact|inference|assumption, or NULL */
	const char *source; /* of the default, or NULL */
};

/* A table that an object is read by, for docs and schema. */
struct field_table {
	const char *object; /* where it stands: "pools[].admission" */
	const struct field *fields;
	size_t n;
};

/* Reads object v into out by the table. Refuses unknown keys. Sets defaults for absent ones. */
enum status json_read(struct jval v, const struct field *fields, size_t n, void *out,
        struct error *err) LPC_MUST_USE;

/* As json_read, with two tables (common keys and a kind's own) and two targets. */
enum status json_read2(struct jval v, const struct field *f1, size_t n1, void *out1,
        const struct field *f2, size_t n2, void *out2, struct error *err) LPC_MUST_USE;

/* The member `key` of object v, which decides what the other keys are: an index into the
 * NULL-terminated choices. Refuses an absent one. */
enum status json_choice(struct jval v, const char *key, const char *const *choices, int *out,
        struct error *err) LPC_MUST_USE;

/* Sets every field of a table to its default without a document (FIELD_VALUE… become JSON_NONE). */
void json_defaults(const struct field *fields, size_t n, void *out);

/* --- editing: --set path=value and suite matrices --- */

/* Replaces or adds the value at the dotted path (list elements by index, id or name; the last key
 * of an object may be new). `value_text` is JSON; what is no JSON is taken as a string (so --set
 * faults.flap.for=1s works). `origin` names it in later errors ("--set"). */
enum status json_set(struct json *doc, const char *path, const char *value_text, const char *origin,
        struct error *err) LPC_MUST_USE;

/* The value at such a path, JSON_NONE if there is none. */
struct jval json_find(struct json *doc, const char *path);

/* A deep copy (an element of a suite as a document of its own); positions and file are kept. */
struct json *json_extract(struct jval v);

/* --- out --- */

/* A writer into a growable buffer. Keys are given with each value, NULL inside arrays. Integers are
 * exact; doubles are written in the shortest form that reads back to the same bits (17 digits at
 * most), NaN and infinity as null. With indent = 0 everything is on one line. Nesting is asserted.
 */
struct json_out {
	char *buf;
	size_t n, capacity;
	int indent, depth;
	bool need_comma;
	unsigned char
	        kind[2 * JSON_DEPTH_MAX]; /* '{' or '['; room for a whole document in another */
};

void json_out_init(struct json_out *o, int indent);
void json_out_free(struct json_out *o);
void json_out_open(struct json_out *o, const char *key, char kind); /* '{' or '[' */
void json_out_close(struct json_out *o);
void json_out_str(struct json_out *o, const char *key, const char *s); /* NULL → null */
void json_out_strn(struct json_out *o, const char *key, const char *s, size_t n);
void json_out_i64(struct json_out *o, const char *key, int64_t v);
void json_out_u64(struct json_out *o, const char *key, uint64_t v);
void json_out_real(struct json_out *o, const char *key, double v);
void json_out_bool(struct json_out *o, const char *key, bool v);
void json_out_null(struct json_out *o, const char *key);
void json_out_raw(struct json_out *o, const char *key, const char *json_text);
/* v's tree as it is. With `sorted` in canonical form: object keys in ascending byte order, numbers
 * as json_out_i64 writes them where json_i64 reads them (1.0 and 1e0 are 1), else as json_out_real
 * does. */
void json_out_value(struct json_out *o, const char *key, struct jval v, bool sorted);
/* A field's default, as a user would write it; null if it has none. */
void json_out_default(struct json_out *o, const char *key, const struct field *f);

#endif
