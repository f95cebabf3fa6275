/* Ed25519 keys and signatures (RFC 8032, by OpenSSL), in files and on envelopes.
 *
 * Files are PEM as openssl writes it: a private key is PKCS #8 (RFC 8410), a public one
 * SubjectPublicKeyInfo, one key a file and nothing before or behind it. The id of a key is the
 * SHA-256 of the DER SubjectPublicKeyInfo, in lower-case hex: what `openssl pkey -pubin -in K.pub
 * -outform DER | sha256sum` prints. */
#ifndef LPC_REPORTS_SIGN_H
#define LPC_REPORTS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "reports/dsse.h"

enum {
	SIGN_SEED_BYTES = 32,
	SIGN_SIG_BYTES = 64,
	SIGN_ID_MAX = 65,         /* 64 hex digits and NUL */
	SIGN_PEM_MAX = 16 * 1024, /* of a file; ours are under 200 bytes */
};

struct sign_key; /* opaque; private or public; read only, so any threads may share one */

/* A new private key, by OpenSSL's random numbers. ERR_ENVIRONMENT if there are none. */
enum status sign_key_new(struct sign_key **out, struct error *err) LPC_MUST_USE;
/* The private key of a secret seed (RFC 8032, 5.1.5): for known answers. */
struct sign_key *sign_key_of_seed(const uint8_t seed[static SIGN_SEED_BYTES]) LPC_MUST_USE;
void sign_key_free(struct sign_key *k); /* NULL too; the secret is wiped */

bool sign_key_is_private(const struct sign_key *k);
const char *sign_key_id(const struct sign_key *k); /* lives as long as the key */
/* The public half in PEM, as in the file K.pub; its length. */
size_t sign_key_public(const struct sign_key *k, char pem[static SIGN_PEM_MAX]);

/* Writes a private key to path (mode 0600) and its public half to path.pub (0666 less the umask).
 * Neither may exist: nothing is overwritten (ERR_USAGE), and no link is followed. ERR_ENVIRONMENT
 * if they cannot be written; then none of the two is left behind. */
enum status sign_key_save(
        const struct sign_key *k, const char *path, struct error *err) LPC_MUST_USE;

/* Reads a key from a file. ERR_USAGE with the file's name: not to be read, the other half of a
 * pair, encrypted, of another algorithm, or bytes that belong to no such key, before, in or behind
 * it. */
enum status sign_key_load_private(
        const char *path, struct sign_key **out, struct error *err) LPC_MUST_USE;
enum status sign_key_load_public(
        const char *path, struct sign_key **out, struct error *err) LPC_MUST_USE;
/* The same of n bytes of PEM; `file` names them in errors. */
enum status sign_key_read(const char *file, const char *pem, size_t n, bool private,
        struct sign_key **out, struct error *err) LPC_MUST_USE;

/* Pure Ed25519 over the bytes as they are. The key is private. */
void sign_bytes(
        const struct sign_key *k, const void *data, size_t n, uint8_t sig[static SIGN_SIG_BYTES]);
bool sign_is_of(const struct sign_key *k, const void *data, size_t n, const uint8_t *sig,
        size_t n_sig) LPC_MUST_USE;

/* Writes an envelope of one signature on one line, without its end (reports/dsse.h). */
void sign_envelope(
        const struct sign_key *k, const char *type, const void *body, size_t n, struct json_out *o);

enum sign_answer {
	SIGN_VALID,     /* a signature by this key is over exactly this type and these bytes */
	SIGN_ALTERED,   /* there is one that claims to be by this key, and it is over something else
	                 */
	SIGN_OTHER_KEY, /* every signature names another key */
};

/* Whether an envelope was signed by this key. A signature that names another key (keyid) is not
 * tried, one that names none is. */
enum sign_answer sign_check(const struct sign_key *k, const struct dsse_envelope *e) LPC_MUST_USE;

#endif
