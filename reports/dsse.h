/* Signed envelopes by DSSE 1.0 (secure-systems-lab/dsse: protocol.md, envelope.md): a payload of
 * any bytes, its type, and signatures over both. Pure: keys and signatures are reports/sign.h's.
 *
 *   PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body
 *   {"payload":base64(body),"payloadType":type,"signatures":[{"keyid":…,"sig":base64(…)}]}
 *
 * What is signed is PAE over the bytes that were in the envelope, never JSON written again. */
#ifndef LPC_REPORTS_DSSE_H
#define LPC_REPORTS_DSSE_H

#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/error.h"
#include "harness/base/json.h"

/* The type of in-toto statements. */
#define DSSE_IN_TOTO "application/vnd.in-toto+json"

enum {
	DSSE_SIGNATURES_MAX = 16,
	DSSE_SIG_MAX = 1024,  /* bytes of one signature, by whatever algorithm */
	DSSE_TYPE_MAX = 256,  /* bytes of a payload type */
	DSSE_KEYID_MAX = 256, /* bytes of a key id */
	DSSE_ENVELOPE_MAX = JSON_SIZE_MAX,
};

struct dsse_signature {
	const char *keyid; /* a hint, and not signed; "" = none */
	const uint8_t *sig;
	size_t n;
};

struct dsse_envelope {
	const char *type;
	const uint8_t *body;
	size_t n;
	const struct dsse_signature *signatures;
	uint32_t n_signatures; /* at least one */
};

/* The bytes to be signed: *n of them, to be freed by mem_free. */
uint8_t *dsse_pae(const char *type, const void *body, size_t n_body, size_t *n) LPC_MUST_USE;

/* One envelope on one line, without its end, in the members' order above. */
void dsse_write(struct json_out *o, const struct dsse_envelope *e);

/* Reads one envelope; what out points to lives in the arena, whose limit, if any, is above 2 n.
 * `file` names it in errors. Refused with ERR_USAGE: what is no JSON (comments too), members that
 * are not above or appear twice, base64 that is not the one way to write its bytes, no signature or
 * more than the limit. */
enum status dsse_read(const char *file, const char *text, size_t n, struct arena *arena,
        struct dsse_envelope *out, struct error *err) LPC_MUST_USE;

#endif
