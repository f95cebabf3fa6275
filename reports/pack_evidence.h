/* The two files that a pack is authenticated by, made from its tree. Part of lpc_pack. */
#ifndef LPC_REPORTS_PACK_EVIDENCE_H
#define LPC_REPORTS_PACK_EVIDENCE_H

#include "reports/pack_tree.h"
#include "reports/text.h"

/* MANIFEST.sha256 of the tree's files; text_free. */
void pack_manifest(const struct pack_tree *t, struct text *out);

/* What the evidence says: each result's statement, in order of their paths, then that about the
 * whole pack; each once, as the payload of its line. What `each` returns ends it. *results: how
 * many there are. */
typedef enum status pack_payload(void *ctx, const struct json_out *payload, struct error *err);
enum status pack_payloads(const struct pack_tree *t, const struct pack_entry *manifest,
        pack_payload *each, void *ctx, uint32_t *results, struct error *err) LPC_MUST_USE;

/* Reads every result and, where there is a key, writes evidence.intoto.jsonl; text_free in any
 * case. *results: how many there are. */
enum status pack_evidence(const struct pack_tree *t, const struct pack_entry *manifest,
        const struct sign_key *key, struct text *out, uint32_t *results,
        struct error *err) LPC_MUST_USE;

#endif
