/* Evidence packs: a result directory (or several, of a suite) in one file FILE.tar.zst, with the
 * digest of every file and, signed, who says so (FORMATS §5; docs/EVIDENCE.md has the layout).
 *
 * Reproducible: the same files and the same key give the same bytes. Entries are regular files
 * only, ustar, in order of their paths, owner 0, mode 0644, time 0; first MANIFEST.sha256, then
 * evidence.intoto.jsonl and signer.pub where there is a key.
 *
 *   MANIFEST.sha256         "<hex>  <path>" of every file but itself and evidence.intoto.jsonl,
 *                           sorted by path: sha256sum -c reads it
 *   evidence.intoto.jsonl   a DSSE envelope a line: a test result (test-result/v0.1) of each run,
 *                           then one statement of PACK_PREDICATE whose subjects are every file of
 *                           the pack but evidence.intoto.jsonl, and whose predicate names the
 *                           digests of all payloads before it
 *   signer.pub              the public key, so that a pack can be checked for being whole; whose it
 *                           is it cannot say */
#ifndef LPC_REPORTS_PACK_H
#define LPC_REPORTS_PACK_H

#include <stdint.h>
#include "harness/base/error.h"
#include "reports/sign.h"

#define PACK_MANIFEST  "MANIFEST.sha256"
#define PACK_EVIDENCE  "evidence.intoto.jsonl"
#define PACK_SIGNER    "signer.pub"
#define PACK_PREDICATE "urn:lpuchaos:evidence:v1"

enum { PACK_PATH_MAX = 240, PACK_FILES_MAX = 100000 };

/* A folder whose files go in under `as` ("" = the root of the pack); subfolders too. Names that
 * begin with a dot are left out. */
struct pack_folder {
	const char *dir, *as;
};

/* Beside: one file each. */
struct pack_file {
	const char *path, *as;
};

struct pack_spec {
	const struct pack_folder *folders; /* the runs: each has result.json */
	uint32_t n_folders;
	const struct pack_file *files;
	uint32_t n_files;
	const struct sign_key *key; /* NULL: not signed, no evidence.intoto.jsonl */
};

/* Written beside `path` and renamed. ERR_USAGE: what is to be packed is no result, a link or
 * special file in it, a path that is too long; ERR_ENVIRONMENT: cannot be written. */
enum status pack_write(
        const struct pack_spec *spec, const char *path, struct error *err) LPC_MUST_USE;

#endif
