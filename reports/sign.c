/* Signatures. OpenSSL's part is the arithmetic alone; what a signature is over is dsse_pae's. A
 * failing call here means a broken OpenSSL or no memory: nothing that a caller could act on, hence
 * assertions, except for random numbers, which a machine may not have. */
#include "reports/sign_private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/digest.h"
#include "harness/base/mutant.h"

/* --- keys --- */

struct sign_key *sign_key_own(EVP_PKEY *pkey, bool private)
{
	struct sign_key *k = mem_alloc(1, sizeof(*k));
	uint8_t *der = NULL, digest[DIGEST_BYTES];
	char text[DIGEST_TEXT_MAX];
	int n = i2d_PUBKEY(pkey, &der);

	CHECK(n > 0);
	sha256_of(der, (size_t)n, digest);
	OPENSSL_free(der);
	digest_text(digest, text);
	memcpy(k->id, text + strlen("sha256:"), sizeof(k->id));
	k->pkey = pkey;
	k->private = private;
	return k;
}

enum status sign_key_new(struct sign_key **out, struct error *err)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	if (!pkey)
		return error_set(err, ERR_ENVIRONMENT, "OpenSSL cannot make an Ed25519 key");
	*out = sign_key_own(pkey, true);
	return ERR_NONE;
}

struct sign_key *sign_key_of_seed(const uint8_t seed[static SIGN_SEED_BYTES])
{
	EVP_PKEY *pkey =
	        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED_BYTES);

	CHECK(pkey != NULL);
	return sign_key_own(pkey, true);
}

void sign_key_free(struct sign_key *k)
{
	if (k)
		EVP_PKEY_free(k->pkey);
	mem_free(k);
}

bool sign_key_is_private(const struct sign_key *k)
{
	return k->private;
}

const char *sign_key_id(const struct sign_key *k)
{
	return k->id;
}

/* --- bytes --- */

void sign_bytes(
        const struct sign_key *k, const void *data, size_t n, uint8_t sig[static SIGN_SIG_BYTES])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n_sig = SIGN_SIG_BYTES;
	int ok;

	CHECK(k->private && c != NULL);
	ok = EVP_DigestSignInit(c, NULL, NULL, NULL, k->pkey);
	CHECK(ok == 1);
	ok = EVP_DigestSign(c, sig, &n_sig, data, n);
	CHECK(ok == 1 && n_sig == SIGN_SIG_BYTES);
	EVP_MD_CTX_free(c);
}

bool sign_is_of(
        const struct sign_key *k, const void *data, size_t n, const uint8_t *sig, size_t n_sig)
{
	EVP_MD_CTX *c;
	int ok;

	if (n_sig != SIGN_SIG_BYTES)
		return false;
	c = EVP_MD_CTX_new();
	CHECK(c != NULL);
	ok = EVP_DigestVerifyInit(c, NULL, NULL, NULL, k->pkey);
	CHECK(ok == 1);
	ok = EVP_DigestVerify(c, sig, n_sig, data, n);
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok == 1;
}

/* --- envelopes --- */

void sign_envelope(
        const struct sign_key *k, const char *type, const void *body, size_t n, struct json_out *o)
{
	uint8_t sig[SIGN_SIG_BYTES];
	struct dsse_signature s = {.keyid = k->id, .sig = sig, .n = sizeof(sig)};
	struct dsse_envelope e = {
	        .type = type, .body = body, .n = n, .signatures = &s, .n_signatures = 1};
	size_t n_pae;
	uint8_t *pae = dsse_pae(type, body, n, &n_pae);

	sign_bytes(k, pae, n_pae, sig);
	mem_free(pae);
	dsse_write(o, &e);
}

enum sign_answer sign_check(const struct sign_key *k, const struct dsse_envelope *e)
{
	enum sign_answer answer = MUTANT(ANY_KEY) ? SIGN_VALID : SIGN_OTHER_KEY;
	size_t n;
	uint8_t *pae = dsse_pae(e->type, e->body, e->n, &n);

	for (uint32_t i = 0; i < e->n_signatures && answer != SIGN_VALID; i++) {
		const struct dsse_signature *s = &e->signatures[i];

		if (s->keyid[0] && strcmp(s->keyid, k->id) != 0)
			continue;
		answer = sign_is_of(k, pae, n, s->sig, s->n) ? SIGN_VALID : SIGN_ALTERED;
	}
	mem_free(pae);
	return answer;
}
