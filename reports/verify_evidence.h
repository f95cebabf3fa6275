/* evidence.intoto.jsonl of a pack (pack.h): who signed it, and what was signed. */
#ifndef LPC_REPORTS_VERIFY_EVIDENCE_H
#define LPC_REPORTS_VERIFY_EVIDENCE_H

#include "reports/verify_manifest.h"

struct evidence_answer {
	bool sealed;              /* `files` are what was signed, by the key that it should be */
	struct manifest files;    /* every one but the evidence; in order of their paths */
	uint32_t lines;           /* statements */
	char signer[SIGN_ID_MAX]; /* of the key that was checked with; "" = none */
	uint8_t (*payloads)[DIGEST_BYTES]; /* of the statements */
};

/* Tells what is wrong with the lines and their signatures. ERR_ENVIRONMENT if a file cannot be read
 * again. `out` points into the arena, and is the caller's: evidence_answer_free. */
enum status evidence_check(const struct unpacked *u, const struct verify_options *options,
        struct arena *arena, struct evidence_answer *out, struct error *err) LPC_MUST_USE;
void evidence_answer_free(struct evidence_answer *a);

/* Once the files are known to be in order: makes every statement anew from them, and tells where
 * another one was signed; without evidence, only that there is a result. */
enum status evidence_compare(const struct unpacked *u, const struct verify_options *options,
        const struct evidence_answer *evidence, struct error *err) LPC_MUST_USE;

#endif
