/* SHA-256 closes; the lanes run. A failing digest call means a broken OpenSSL or no memory: nothing
 * that a caller could act on, hence assertions. */
#include "harness/base/digest.h"
#include "harness/base/check.h"

#include <openssl/evp.h>
#include <string.h>

/* struct sha256 is OpenSSL's context under our name, so that no header of ours includes theirs. */
static EVP_MD_CTX *context(struct sha256 *s)
{
	return (EVP_MD_CTX *)s;
}

struct sha256 *sha256_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int ok;

	CHECK(c != NULL);
	ok = EVP_DigestInit_ex(c, EVP_sha256(), NULL);
	CHECK(ok == 1);
	return (struct sha256 *)c;
}

void sha256_update(struct sha256 *s, const void *data, size_t n)
{
	int ok = EVP_DigestUpdate(context(s), data, n);

	CHECK(ok == 1);
}

void sha256_final(struct sha256 *s, uint8_t out[static DIGEST_BYTES])
{
	unsigned len = 0;
	int ok = EVP_DigestFinal_ex(context(s), out, &len);

	CHECK(ok == 1 && len == DIGEST_BYTES);
	EVP_MD_CTX_free(context(s));
}

void sha256_of(const void *data, size_t n, uint8_t out[static DIGEST_BYTES])
{
	struct sha256 *s = sha256_new();

	sha256_update(s, data, n);
	sha256_final(s, out);
}

const char *digest_text(const uint8_t d[static DIGEST_BYTES], char buf[static DIGEST_TEXT_MAX])
{
	static const char hex[] = "0123456789abcdef";
	char *p = buf + 7;

	memcpy(buf, "sha256:", 7);
	for (int i = 0; i < DIGEST_BYTES; i++) {
		*p++ = hex[d[i] >> 4];
		*p++ = hex[d[i] & 15];
	}
	*p = '\0';
	return buf;
}

bool digest_parse(const char *hex, uint8_t d[static DIGEST_BYTES])
{
	for (int i = 0; i < 2 * DIGEST_BYTES; i++) {
		char c = hex[i];
		bool digit = c >= '0' && c <= '9';

		if (!digit && !(c >= 'a' && c <= 'f'))
			return false;
		d[i / 2] = (uint8_t)(d[i / 2] << 4 | (digit ? c - '0' : c - 'a' + 10));
	}
	return true;
}

void lanes_init(struct lanes *l)
{
	*l = (struct lanes){.lane = {0x243f6a8885a308d3u, 0x13198a2e03707344u, 0xa4093822299f31d0u,
	                            0x082efa98ec4e6c89u}}; /* the digits of pi */
}

/* A lane waits for its own last product only. In registers that is all it waits for. */
void lanes_add_words(struct lanes *l, const uint64_t *word, size_t n)
{
	uint64_t a, b, c, d;

	for (; n && l->n % LANES; n--)
		lanes_add(l, *word++);
	a = l->lane[0], b = l->lane[1], c = l->lane[2], d = l->lane[3];
	l->n += n - n % LANES;
	for (; n >= LANES; n -= LANES, word += LANES) {
		a = lanes_fold(a, word[0], lanes_k[0]);
		b = lanes_fold(b, word[1], lanes_k[1]);
		c = lanes_fold(c, word[2], lanes_k[2]);
		d = lanes_fold(d, word[3], lanes_k[3]);
	}
	l->lane[0] = a, l->lane[1] = b, l->lane[2] = c, l->lane[3] = d;
	for (; n; n--)
		lanes_add(l, *word++);
}

void lanes_final(const struct lanes *l, uint8_t out[static DIGEST_BYTES])
{
	uint8_t bytes[40];

	for (int i = 0; i < 5; i++) {
		uint64_t word = i < 4 ? l->lane[i] : l->n;

		for (int b = 0; b < 8; b++)
			bytes[i * 8 + b] = (uint8_t)(word >> (8 * b));
	}
	sha256_of(bytes, sizeof(bytes), out);
}
