/* What readers of tar files pass over: the bytes between the entries. They must be zeros, and the
 * archive must end as archives do, or a pack could be altered there and nobody would see. Fed with
 * the archive as it comes; pure. */
#ifndef LPC_REPORTS_VERIFY_TAR_H
#define LPC_REPORTS_VERIFY_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAR_BLOCK = 512 };

enum tar_part { TAR_HEADER, TAR_DATA, TAR_PADDING, TAR_END };

struct verify_tar {
	enum tar_part part;
	uint64_t left;             /* bytes of the part to come; of the end, bytes seen */
	uint64_t padding;          /* behind the data */
	uint8_t header[TAR_BLOCK]; /* as far as it is known */
	const char *wrong;         /* the first thing, in words; NULL = nothing yet */
};

void verify_tar_init(struct verify_tar *t);
void verify_tar_feed(struct verify_tar *t, const void *data, size_t n);

/* When all is fed: what is wrong, NULL if nothing is. */
const char *verify_tar_end(const struct verify_tar *t);

#endif
