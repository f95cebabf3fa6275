/* The two files that a pack is authenticated by, made from its tree. Part of lpc_pack. */
#ifndef LPC_REPORTS_PACK_EVIDENCE_H
#define LPC_REPORTS_PACK_EVIDENCE_H

#include "reports/pack_tree.h"
#include "reports/text.h"

/* MANIFEST.sha256 of the tree's files; text_free. */
void pack_manifest(const struct pack_tree *t, struct text *out);

/* Reads every result and, where there is a key, writes evidence.intoto.jsonl; text_free in any
 * case. *results: how many there are. */
enum status pack_evidence(const struct pack_tree *t, const struct pack_entry *manifest,
        const struct sign_key *key, struct text *out, uint32_t *results,
        struct error *err) LPC_MUST_USE;

#endif
