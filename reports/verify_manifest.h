/* MANIFEST.sha256 of a pack (pack.h): one spelling, and held against the files that are there. */
#ifndef LPC_REPORTS_VERIFY_MANIFEST_H
#define LPC_REPORTS_VERIFY_MANIFEST_H

#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/digest.h"
#include "harness/base/error.h"
#include "reports/verify.h"
#include "reports/verify_unpack.h"

#define MANIFEST_SIZE_MAX ((size_t)32 << 20)

struct manifest_line {
	const char *path; /* in the arena */
	uint8_t sha256[DIGEST_BYTES];
};

struct manifest {
	struct manifest_line *lines; /* in ascending order of their paths */
	uint32_t n;
};

/* Reads n bytes; the lines live in the arena. ERR_USAGE with the line's number: not a digest, two
 * blanks and a name that a pack may have, out of order or twice, names the manifest or the evidence
 * (which are not in it), no end of line. */
enum status manifest_read(const char *text, size_t n, struct arena *arena, struct manifest *out,
        struct error *err) LPC_MUST_USE;
void manifest_free(struct manifest *m); /* in any case */

/* Holds the files of the pack, but the evidence and the manifest (unless it is listed), against a
 * list, and tells what is altered, missing, added or renamed. `list` is what it is called. */
void manifest_compare(const struct manifest *m, const char *list, const struct unpacked *u,
        const struct verify_options *options);

#endif
