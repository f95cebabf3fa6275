/* The files of a result as data: which members each has, and of what kind. docs/schema/ is written
 * from these tables, and form_check holds a file against them: a member that is missing, unknown or
 * of another kind is refused. What members say of each other is rescore.h's business. */
#ifndef LPC_REPORTS_FORM_H
#define LPC_REPORTS_FORM_H

#include <stddef.h>
#include "harness/base/json.h"

enum form_kind {
	FORM_ANY,
	FORM_NOTHING, /* null */
	FORM_FLAG,    /* true, false */
	FORM_COUNT,   /* 0 … 2^63 - 1 */
	FORM_SUM,     /* a whole number >= 0 of any size */
	FORM_WHOLE,   /* a 64-bit integer */
	FORM_NUMBER,
	FORM_SCALAR, /* a number or a flag */
	FORM_TEXT,
	FORM_DIGEST, /* "sha256:" and 64 hex digits */
	FORM_HEX,    /* 64 hex digits */
	FORM_CHOICE, /* a text out of `choices` */
	FORM_OBJECT, /* the members `of`, n of them */
	FORM_EACH,   /* an object that has the first n `choices` as keys, each of the form of[0] */
	FORM_MAP,    /* an object with any keys, each of the form of[0] */
	FORM_LIST,   /* each element of the form of[0] */
	FORM_PAIR,   /* a list of two counts */
};
enum { FORM_NULL = 1 /* or null */, FORM_OPTIONAL = 2 /* or absent */ };

struct form {
	const char *name; /* of the member */
	enum form_kind kind;
	unsigned flags;
	const char *const *choices; /* NULL-terminated */
	const struct form *of;
	size_t n;
	const char *def; /* of an object: its name in the schema, where it has several places */
};

struct form_file {
	const char *name;         /* "result.json" */
	const char *schema;       /* in docs/schema */
	const char *title;        /* of that */
	const struct form *form;  /* an object */
	const struct form *begun; /* of a run that was killed; NULL: there is none */
	const char *begun_by;     /* it is that one when this member is null */
};

enum { FORM_FILES = 7 };
extern const struct form_file form_files[FORM_FILES];

/* The form of a file of a result by its name in the directory; NULL: it has none. */
const struct form_file *form_of(const char *name);

/* ERR_USAGE with position and path of the first member that is not as it should be. */
enum status form_check(
        const struct form_file *file, struct jval root, struct error *err) LPC_MUST_USE;

/* form_result.c, form_exhibits.c */
extern const struct form form_result, form_begun, form_score, form_histograms, form_faults,
        form_assumptions, form_inputs, form_bundle;

#endif
