/* A tar.zst that nobody vouches for, entry by entry: what may become of it is decided here, where
 * no file is touched. libarchive takes it apart, with one zstd filter and no format but tar; what
 * it passes over, verify_tar looks at.
 *
 * Accepted are regular files with names that evidence_name_wrong accepts (a leading "./" is taken
 * off). Folders are passed over, since names say where files lie. Whatever else there is is told
 * and passed over; an archive that is damaged or too large is told and left. Memory is bounded
 * whatever comes, by libarchive's window for zstd (128 MiB) at most. */
#ifndef LPC_REPORTS_VERIFY_ARCHIVE_H
#define LPC_REPORTS_VERIFY_ARCHIVE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/base/error.h"
#include "reports/verify.h"

struct archive_source {
	void *ctx;
	/* The next bytes, which stay until the next call: how many, 0 at the end, -1 with errno. */
	ssize_t (*read)(void *ctx, const void **data);
};

/* Evidence is compressed to a tenth, seldom to a fiftieth; a bomb to a thousandth. */
enum { ARCHIVE_RATIO_MAX = 400 };
#define ARCHIVE_SLACK_BYTES                                                                        \
	((uint64_t)64 << 20) /* that any archive may have, whatever its ratio                      \
	                      */
#define ARCHIVE_BYTES_MAX ((uint64_t)16 << 30)

struct archive_limits {
	uint64_t bytes;   /* of the whole tar */
	uint32_t entries; /* whatever they are */
};

struct archive_sink {
	void *ctx;
	/* A file; an answer of false passes over it, and the sink has told why. */
	bool (*begin)(void *ctx, const char *path);
	void (*data)(void *ctx, const void *data, size_t n);
	void (*end)(void *ctx);
	/* What is wrong with the archive or one of its entries. */
	void (*found)(void *ctx, enum defect d, const char *path, const char *text);
	/* Where writing failed, or there is an interrupt: the walk ends early. */
	bool (*stopped)(void *ctx);
};

struct archive_answer {
	bool whole;         /* it was read to its end; else it was told why, or stopped */
	bool foreign;       /* not as packs are written: other owners, times, modes, folders */
	uint64_t in, bytes; /* read, and of the tar in it */
	uint32_t entries;
};

void archive_walk(const struct archive_source *source, const struct archive_limits *limits,
        const struct archive_sink *sink, struct archive_answer *out);

#endif
