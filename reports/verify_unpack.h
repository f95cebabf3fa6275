/* A pack's files in a folder of their own, which nobody else may enter and which is gone
 * afterwards, with the digest of each, taken on the way. */
#ifndef LPC_REPORTS_VERIFY_UNPACK_H
#define LPC_REPORTS_VERIFY_UNPACK_H

#include <limits.h>
#include "reports/pack_tree.h"
#include "reports/verify_archive.h"

struct unpacked {
	char dir[PATH_MAX]; /* "" = none was made */
	struct pack_tree
	        tree; /* of all its files: their names and digests, in order of their names */
	struct archive_answer answer;
};

/* Unpacks the file into a new folder under TMPDIR (/tmp); what is wrong with it is told by
 * options->found. ERR_USAGE if the pack cannot be read, ERR_ENVIRONMENT if it cannot be unpacked.
 * In any case `out` is the caller's: unpacked_remove. */
enum status unpack(const char *path, const struct verify_options *options, struct unpacked *out,
        struct error *err) LPC_MUST_USE;
void unpacked_remove(struct unpacked *u);

/* The whole of one unpacked file of at most `most` bytes; *text is the caller's (mem_free) and has
 * a NUL behind it. ERR_USAGE if it is longer. */
enum status unpacked_read(
        const struct pack_entry *f, size_t most, char **text, struct error *err) LPC_MUST_USE;

#endif
