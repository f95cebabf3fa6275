/* An operating error: a code the caller must look at, and one record of what was wrong, filled
 * once, at its origin. Codes are the program's exit codes (DESIGN §8), so the mapping is the
 * identity.
 *
 * Convention: a function that can fail returns `enum status` (ERR_NONE on success) marked
 * LPC_MUST_USE and takes `struct error *err` last; err is never NULL. error_set() on an already set
 * record keeps the first (the origin) and drops the second. */
#ifndef LPC_BASE_ERROR_H
#define LPC_BASE_ERROR_H

#include <stddef.h>
#include "harness/base/check.h"

enum status {
	ERR_NONE = 0,
	ERR_USAGE = 2,       /* usage or bad input */
	ERR_ENVIRONMENT = 3, /* no io_uring, port taken, no permission, no memory */
};

enum { ERROR_TEXT_MAX = 512, ERROR_FILE_MAX = 256, ERROR_PATH_MAX = 192 };

struct error {
	enum status code;
	char file[ERROR_FILE_MAX]; /* "" = no file */
	unsigned line, col;        /* 1-based; 0 = unknown */
	char path[ERROR_PATH_MAX]; /* dotted JSON path, or ""  */
	char text[ERROR_TEXT_MAX]; /* "expected …, found …", or any one-line text */
};

#define ERROR_INIT                                                                                 \
	{                                                                                          \
		.code = ERR_NONE                                                                   \
	}

/* Sets code and text; returns code, so that `return error_set(err, ERR_USAGE, …)` reads well. */
enum status error_set(struct error *err, enum status code, const char *fmt, ...) LPC_PRINTF(3, 4);

/* As error_set with a position. file/path may be NULL. Control characters in the text are escaped.
 */
enum status error_at(struct error *err, enum status code, const char *file, unsigned line,
        unsigned col, const char *path, const char *fmt, ...) LPC_PRINTF(7, 8);

/* One line without newline: `file:line:col: path: text`; parts that are unknown are left out, but
 * line and column without a path have "$", the whole document. Returns the length written (always
 * NUL-terminated, cut at n). */
size_t error_format(const struct error *err, char *buf, size_t n);

/* The nearest of n names by Damerau-Levenshtein distance, or NULL if none is within a third of the
 * length (at least 1, at most 3). For "unknown key 'x', nearest is 'y'". */
const char *error_nearest(const char *word, const char *const *names, size_t n);

#endif
