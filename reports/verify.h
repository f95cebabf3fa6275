/* Is a pack what it says it is? Trusts neither the tool that made it nor its user.
 *
 * A pack is unpacked into a folder of its own (mode 0700, under TMPDIR, gone afterwards in any
 * case); nothing is ever written outside it. Defects are counted and named, one line each:
 * "<name>: <file>: <what is wrong>". Names are words for programs, fixed in docs/EVIDENCE.md:
 *
 *   archive      no tar.zst, cut, or damaged
 *   unsafe-path  a name that is absolute, has "..", is too long or odd
 *   link         a symbolic or hard link
 *   special      a device, a pipe, a sparse file
 *   duplicate    one path twice
 *   too-large    more than the limits: a bomb
 *   manifest     missing, or no list of digests
 *   altered      a digest differs
 *   missing      listed, and not there
 *   added        there, and not listed
 *   renamed      a listed file under another name
 *   unsigned     a key was given, and no signature is there
 *   signature    what was signed was altered
 *   other-key    signed, but not with this key
 *   statement    a line of the evidence missing, moved, malformed, or at odds with the files
 *   schema       a file that is not what its schema says
 *   plan         plan.json, bundle.json or inputs do not have the plan's digest
 *   score        the data say something else than the result
 *   replay       played again, a digest differs
 *
 * What a pack is made of is its files, their names and bytes. One that another program packed again
 * (other owners and times, entries of folders) is in order if they are, and said to be that. */
#ifndef LPC_REPORTS_VERIFY_H
#define LPC_REPORTS_VERIFY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "reports/sign.h"

struct unpacked;

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

/* A pack in which nothing was found. */
struct verify_pack {
	const struct unpacked *unpacked; /* reports/verify_unpack.h */
	const char
	        *signer; /* id of the key that the statements were checked with; NULL: unsigned */
	uint32_t statements;
};

struct verify_options {
	const struct sign_key *key; /* NULL: the pack's own signer.pub, which proves no identity */
	void (*found)(void *ctx, enum defect d, const char *file, const char *text);
	/* What is in it, when all of the above is done and nothing was found; further checks are
	 * made here, and told by `found` likewise. May be NULL. */
	enum status (*deeper)(void *ctx, const struct verify_pack *pack, struct error *err);
	const volatile sig_atomic_t *interrupt; /* non-zero: stop; may be NULL */
	void *ctx;
};

/* ERR_NONE whatever was found, or if there was an interrupt; ERR_USAGE if the file cannot be read
 * at all, ERR_ENVIRONMENT if it cannot be unpacked. */
enum status verify_pack(
        const char *path, const struct verify_options *options, struct error *err) LPC_MUST_USE;

#endif
