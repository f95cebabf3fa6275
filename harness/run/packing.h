/* What the commands put into evidence packs (reports/pack.h): `run --pack`, `pack DIR`. */
#ifndef LPC_RUN_PACKING_H
#define LPC_RUN_PACKING_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"

/* A pack that is being put together. */
struct packing;

/* Reads the key (NULL: not signed) and looks whether a pack can be written to path, which is
 * borrowed: before anything is done that would be lost. */
enum status packing_open(const char *path, const char *key_file, struct packing **out,
        struct error *err) LPC_MUST_USE;
void packing_free(struct packing *p); /* NULL too */

/* A folder of results, and a file that goes to the root as `as`; all is copied. */
void packing_folder(struct packing *p, const char *dir);
void packing_file(struct packing *p, const char *path, const char *as);

/* How many folders there are. */
uint32_t packing_count(const struct packing *p);

/* Writes the pack and says so on stderr. A lone folder's files are at the root of the pack, else
 * every folder is there under its name. */
enum status packing_write(struct packing *p, bool lone, struct error *err) LPC_MUST_USE;

struct pack_options {
	const char *const *dirs; /* exactly one */
	uint32_t n_dirs;
	const char *out;      /* NULL: the directory's name and .tar.zst, beside it */
	const char *sign_key; /* NULL: not signed */
};

/* dir: of a run, of a campaign, or one that holds several of them. Returns the exit code. */
int execute_pack(const struct pack_options *options);

#endif
