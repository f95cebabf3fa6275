/* evidence.intoto.jsonl of a pack (pack.h): who signed it, and what was signed. */
#ifndef LPC_REPORTS_VERIFY_EVIDENCE_H
#define LPC_REPORTS_VERIFY_EVIDENCE_H

#include "reports/verify_manifest.h"

struct evidence_answer {
	bool sealed;    /* the files of the pack, as listed in `files`, are what was signed */
	uint32_t lines; /* statements */
	struct manifest files;    /* every one but the evidence; in order of their paths */
	char signer[SIGN_ID_MAX]; /* of the key that was checked with; "" = none */
};

/* Tells what is wrong with the evidence. ERR_ENVIRONMENT if a file cannot be read again. `out`
 * points into the arena, and is the caller's: evidence_answer_free. */
enum status evidence_check(const struct unpacked *u, const struct verify_options *options,
        struct arena *arena, struct evidence_answer *out, struct error *err) LPC_MUST_USE;
void evidence_answer_free(struct evidence_answer *a);

#endif
