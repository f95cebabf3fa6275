/* One record, filled once. What goes into it comes from files of strangers, so every byte that a
 * terminal might act on is escaped on the way in, and what is too long is cut between characters.
 */
#include "harness/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NEAREST_WORD_MAX = 64 };

/* Copies s into dst[size] with control characters as \n, \t, \r or \xHH; cuts at a character. */
static void copy_escaped(char *dst, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		char piece[8];
		int len;

		if (c >= 0x20 && c != 0x7f)
			len = snprintf(piece, sizeof(piece), "%c", c);
		else if (c == '\n' || c == '\t' || c == '\r')
			len = snprintf(piece, sizeof(piece), "\\%c",
			        c == '\n'   ? 'n'
			        : c == '\t' ? 't'
			                    : 'r');
		else
			len = snprintf(piece, sizeof(piece), "\\x%02x", c);
		if (n + (size_t)len >= size)
			break;
		memcpy(dst + n, piece, (size_t)len);
		n += (size_t)len;
	}
	if (*s) /* cut: drop the bytes of a character that did not fit whole */
		while (n > 0 && ((unsigned char)*s & 0xc0) == 0x80) {
			n--;
			s--;
		}
	dst[n] = '\0';
}

static LPC_PRINTF(3, 0) enum status
        fill(struct error *err, enum status code, const char *fmt, va_list args)
{
	char text[2 * ERROR_TEXT_MAX];

	CHECK(code != ERR_NONE);
	vsnprintf(text, sizeof(text), fmt, args);
	err->code = code;
	copy_escaped(err->text, sizeof(err->text), text);
	return code;
}

enum status error_set(struct error *err, enum status code, const char *fmt, ...)
{
	va_list args;

	if (err->code != ERR_NONE)
		return err->code;
	err->file[0] = err->path[0] = '\0';
	err->line = err->col = 0;
	va_start(args, fmt);
	fill(err, code, fmt, args);
	va_end(args);
	return code;
}

enum status error_at(struct error *err, enum status code, const char *file, unsigned line,
        unsigned col, const char *path, const char *fmt, ...)
{
	va_list args;

	if (err->code != ERR_NONE)
		return err->code;
	copy_escaped(err->file, sizeof(err->file), file ? file : "");
	copy_escaped(err->path, sizeof(err->path), path ? path : "");
	err->line = line;
	err->col = col;
	va_start(args, fmt);
	fill(err, code, fmt, args);
	va_end(args);
	return code;
}

size_t error_format(const struct error *err, char *buf, size_t n)
{
	/* A place in a file always has a path; that of the whole document is "$". */
	const char *path = err->path[0] || !err->file[0] || !err->col ? err->path : "$";
	char where[32] = "";
	int len;

	CHECK(n > 0);
	if (err->line && err->col)
		snprintf(where, sizeof(where), "%u:%u", err->line, err->col);
	else if (err->line)
		snprintf(where, sizeof(where), "%u", err->line);
	len = snprintf(buf, n, "%s%s%s%s%s%s%s", err->file, err->file[0] && where[0] ? ":" : "",
	        where, err->file[0] || where[0] ? ": " : "", path, path[0] ? ": " : "", err->text);
	return (size_t)len < n ? (size_t)len : n - 1;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Damerau-Levenshtein with adjacent swaps (optimal string alignment), three rows of the matrix. */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][NEAREST_WORD_MAX + 1];
	unsigned *before = rows[0], *prev = rows[1], *cur = rows[2];

	for (size_t j = 0; j <= nb; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *spare = before;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned change = a[i - 1] != b[j - 1];

			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			        before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
		before = prev;
		prev = cur;
		cur = spare;
	}
	return prev[nb];
}

const char *error_nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word);
	unsigned allowed = (unsigned)(len / 3);
	const char *best = NULL;

	if (len > NEAREST_WORD_MAX)
		return NULL;
	allowed = allowed < 1 ? 1 : allowed > 3 ? 3 : allowed;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(names[i]);
		unsigned d;

		if (other > NEAREST_WORD_MAX)
			continue;
		d = edit_distance(word, len, names[i], other);
		if (d <= allowed) {
			best = names[i];
			if (d == 0)
				break;
			allowed = d - 1; /* ties go to the first */
		}
	}
	return best;
}
