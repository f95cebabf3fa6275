/* Is a pack what it says it is? Trusts neither the tool that made it nor its user.
 *
 * A pack is unpacked into a folder of its own (mode 0700, under TMPDIR, gone afterwards in any
 * case); nothing is ever written outside it. Defects are counted and named, one line each:
 * "<name>: <file>: <what is wrong>". Names are words for programs, fixed in docs/EVIDENCE.md:
 *
 *   archive     no tar.zst, cut, or damaged            unsafe-path  absolute, .., too long, odd
 *   link        a symbolic or hard link                special      a device, pipe, folder entry
 *   duplicate   one path twice                         too-large    more than the limits: a bomb
 *   manifest    missing, or no list of digests         altered      a digest differs
 *   missing     listed, and not there                  added        there, and not listed
 *   renamed     a listed file under another name       unsigned     a key was given, no signature
 * is signature   what was signed was altered            other-key    signed, but not with this key
 *   statement   a line of the evidence missing, moved, malformed, or at odds with the files
 *   schema      a file that is not what its schema says
 *   plan        plan.json, bundle.json or inputs do not have the plan's digest
 *   score       the data say something else than the result
 *   replay      played again, a digest differs */
#ifndef LPC_REPORTS_VERIFY_H
#define LPC_REPORTS_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "reports/sign.h"

/* In the order of the list above. */
enum defect {
	DEFECT_ARCHIVE,
	DEFECT_UNSAFE_PATH,
	DEFECT_LINK,
	DEFECT_SPECIAL,
	DEFECT_DUPLICATE,
	DEFECT_TOO_LARGE,
	DEFECT_MANIFEST,
	DEFECT_ALTERED,
	DEFECT_MISSING,
	DEFECT_ADDED,
	DEFECT_RENAMED,
	DEFECT_UNSIGNED,
	DEFECT_SIGNATURE,
	DEFECT_OTHER_KEY,
	DEFECT_STATEMENT,
	DEFECT_SCHEMA,
	DEFECT_PLAN,
	DEFECT_SCORE,
	DEFECT_REPLAY,
	DEFECT_COUNT
};

const char *defect_name(enum defect d);

struct verify_options {
	const struct sign_key *key; /* NULL: the pack's own signer.pub, which proves no identity */
	void (*found)(void *ctx, enum defect d, const char *file, const char *text);
	/* A file, or a part of the check, that is in order; may be NULL. */
	void (*passed)(void *ctx, const char *what, const char *text);
	/* Further checks of each run's folder, once all of the above are done and only if none was
	 * found; told by `found` likewise; may be NULL. `dir` is the unpacked folder, `as` its
	 * name. */
	enum status (*deeper)(void *ctx, const char *dir, const char *as, struct error *err);
	void *ctx;
};

/* ERR_NONE whatever was found; ERR_USAGE if the file cannot be read at all, ERR_ENVIRONMENT if
 * there is no room to unpack it. */
enum status verify_pack(
        const char *path, const struct verify_options *options, struct error *err) LPC_MUST_USE;

#endif
