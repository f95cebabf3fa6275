/* What a pack (reports/pack.h) and whoever checks one agree on: the lines of evidence.intoto.jsonl,
 * and the names that files of a pack may have. Pure. */
#ifndef LPC_REPORTS_EVIDENCE_H
#define LPC_REPORTS_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/error.h"
#include "reports/dsse.h"

enum {
	EVIDENCE_SIZE_MAX = 64 << 20, /* bytes of the file; a line's limit is DSSE_ENVELOPE_MAX */
	EVIDENCE_PATH_MAX = 240,      /* bytes of a file's name */
};

/* Reads one line after the other. Text and name are borrowed until the last of them. */
struct evidence_lines {
	const char *file, *text;
	size_t n, at;
	uint32_t line; /* the number of the one read last, from 1 */
};

void evidence_lines_init(struct evidence_lines *l, const char *file, const char *text, size_t n);

/* The next line's envelope, which lives in the arena; *more is false when there is none. ERR_USAGE
 * with file and line: the file is too long, a line has no end ('\n' alone, and behind the last one
 * too), or is not what dsse_write makes of the envelope that it holds. So a file that is read to
 * its end has one spelling. */
enum status evidence_next(struct evidence_lines *l, struct arena *arena, struct dsse_envelope *out,
        bool *more, struct error *err) LPC_MUST_USE;

/* What is wrong with n bytes as the name of a file in a pack, as the end of a sentence ("is …");
 * NULL if nothing is. Right is a relative path of parts divided by one '/', none of them "." or
 * "..": at most EVIDENCE_PATH_MAX bytes of UTF-8 with neither control characters nor backslashes,
 * which sha256sum would write otherwise. */
const char *evidence_name_wrong(const char *name, size_t n);

#endif
