/* A pack's files in a folder of their own, which nobody else may enter and which is gone
 * afterwards, with the digest of each, taken on the way. */
#ifndef LPC_REPORTS_VERIFY_UNPACK_H
#define LPC_REPORTS_VERIFY_UNPACK_H

#include <limits.h>
#include "harness/base/arena.h"
#include "harness/base/digest.h"
#include "reports/verify_archive.h"

struct unpacked_file {
	const char *path;
	uint64_t size;
	uint8_t sha256[DIGEST_BYTES];
};

struct unpacked {
	char dir[PATH_MAX]; /* "" = none was made */
	struct arena arena; /* of the paths */
	struct unpacked_file *files;
	uint32_t n, capacity; /* in order of their paths, once all are there */
	struct archive_answer answer;
};

/* Unpacks the file into a new folder under TMPDIR (/tmp); what is wrong with it is told by
 * options->found. ERR_USAGE if the pack cannot be read, ERR_ENVIRONMENT if it cannot be unpacked.
 * In any case `out` is the caller's: unpacked_remove. */
enum status unpack(const char *path, const struct verify_options *options, struct unpacked *out,
        struct error *err) LPC_MUST_USE;
void unpacked_remove(struct unpacked *u);

const struct unpacked_file *unpacked_find(const struct unpacked *u, const char *path);

/* The whole of one unpacked file of at most `most` bytes; *text is the caller's (mem_free) and has
 * a NUL behind it. ERR_USAGE if it is longer. */
enum status unpacked_read(const struct unpacked *u, const struct unpacked_file *f, size_t most,
        char **text, struct error *err) LPC_MUST_USE;

#endif
