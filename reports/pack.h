/* Evidence packs: a result directory (or several, of a suite) in one file FILE.tar.zst, with the
 * digest of every file and, signed, who says so (FORMATS §5; docs/EVIDENCE.md has the layout).
 *
 * Reproducible: the same files and the same key give the same bytes. Entries are regular files
 * only, ustar (a header of pax before a path that ustar has no room for), in order of their paths,
 * owner 0, mode 0644, time 0; first MANIFEST.sha256, then evidence.intoto.jsonl and signer.pub
 * where there is a key.
 *
 *   MANIFEST.sha256         "<hex>  <path>" of every file but itself and evidence.intoto.jsonl,
 *                           sorted by path: sha256sum -c reads it
 *   evidence.intoto.jsonl   a DSSE envelope a line: a test result (test-result/v0.1) of each run,
 *                           then one statement of PACK_PREDICATE whose subjects are every file of
 *                           the pack but evidence.intoto.jsonl, and whose predicate names the
 *                           digests of all payloads before it
 *   signer.pub              the public key, so that a pack can be checked for being whole; whose it
 *                           is it cannot say
 *
 * What a pack has results of follows from its files: result.json (of a run) or campaign.json (of a
 * campaign) at its root; if there is neither, those directly in its folders, in order of their
 * names. */
#ifndef LPC_REPORTS_PACK_H
#define LPC_REPORTS_PACK_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "reports/evidence.h"
#include "reports/sign.h"

#define PACK_MANIFEST  "MANIFEST.sha256"
#define PACK_EVIDENCE  "evidence.intoto.jsonl"
#define PACK_SIGNER    "signer.pub"
#define PACK_PREDICATE "urn:lpuchaos:evidence:v1"
#define PACK_SCHEMA    "lpuchaos.evidence/1" /* "schema" of that predicate */
#define PACK_RESULT    "result.json"
#define PACK_CAMPAIGN  "campaign.json"
#define PACK_INPUTS    "inputs" /* the folder of a run that holds what was read */

enum { PACK_PATH_MAX = EVIDENCE_PATH_MAX, PACK_FILES_MAX = 100000 };

/* A folder whose files go in under `as` ("" = the root of the pack); subfolders too. Names that
 * begin with a dot are left out, but under inputs/, where they are the user's. So are the three
 * names above at the root: a pack that was unpacked can be packed again. */
struct pack_folder {
	const char *dir, *as;
};

/* Beside: one file each. */
struct pack_file {
	const char *path, *as;
};

struct pack_spec {
	const struct pack_folder *folders;
	uint32_t n_folders;
	const struct pack_file *files;
	uint32_t n_files;
	const struct sign_key *key; /* private; NULL: not signed, no evidence.intoto.jsonl */
};

struct pack_summary {
	uint32_t files, results; /* files: of the whole pack */
};

/* Whether a pack can be written to `path`, as far as can be told before there is anything to pack:
 * ERR_ENVIRONMENT if not, ERR_USAGE if it would lie in a result directory. */
enum status pack_check(const char *path, struct error *err) LPC_MUST_USE;

/* Whether a file at `path` would lie in the folder `dir`, links resolved. */
bool pack_lies_in(const char *path, const char *dir) LPC_MUST_USE;

/* Written beside `path` and renamed. ERR_USAGE: what is to be packed has no result or one that is
 * none, has a link or special file in it, two files under one path, a path that no pack may have,
 * or is the folder that the pack is to lie in; ERR_ENVIRONMENT: something cannot be read or
 * written, or changed while it was packed. */
enum status pack_write(const struct pack_spec *spec, const char *path, struct pack_summary *summary,
        struct error *err) LPC_MUST_USE;

#endif
