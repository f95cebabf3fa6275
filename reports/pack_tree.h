/* The files of a pack (reports/pack.h): which there are, and what is in them. Part of lpc_pack. */
#ifndef LPC_REPORTS_PACK_TREE_H
#define LPC_REPORTS_PACK_TREE_H

#include "harness/base/arena.h"
#include "harness/base/digest.h"
#include "reports/pack.h"

struct pack_entry {
	const char *path; /* in the pack */
	const char *from; /* on the disk, borrowed; NULL: the bytes are `data` */
	const void *data;
	uint64_t size;
	uint8_t sha256[DIGEST_BYTES];
};

/* Texts of the entries live in the arena. */
struct pack_tree {
	struct arena arena;
	struct pack_entry *entries;
	uint32_t n, capacity;
};

void pack_tree_init(struct pack_tree *t);
void pack_tree_free(struct pack_tree *t);

/* Every file of the spec, and signer.pub where it has a key, with size and digest, sorted by path.
 */
enum status pack_tree_gather(
        struct pack_tree *t, const struct pack_spec *spec, struct error *err) LPC_MUST_USE;

/* NULL if there is none of that path. */
const struct pack_entry *pack_tree_find(const struct pack_tree *t, const char *path);

/* Reads an entry's bytes for its size and digest. */
enum status pack_entry_digest(struct pack_entry *e, struct error *err) LPC_MUST_USE;

/* Gives the file piece by piece to sink, which returns false, and has set err, when it cannot take
 * more. ERR_ENVIRONMENT if what it was given is not the file whose digest was taken, to the last
 * byte. */
typedef bool pack_sink(void *ctx, const void *data, size_t n);
enum status pack_entry_read(
        const struct pack_entry *e, pack_sink *sink, void *ctx, struct error *err) LPC_MUST_USE;

#endif
