/* SHA-256 (OpenSSL) for files and documents, and the four-lane multiply-mix fold for streams of
 * integers (DESIGN §9: hashing each request with SHA-256 would cost more than simulating it). */
#ifndef LPC_BASE_DIGEST_H
#define LPC_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"

enum { DIGEST_BYTES = 32, DIGEST_TEXT_MAX = 72 }; /* "sha256:" + 64 hex + NUL */

struct sha256; /* opaque, an OpenSSL context */

struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *s, const void *data, size_t n);
void sha256_final(struct sha256 *s, uint8_t out[static DIGEST_BYTES]); /* frees s */
void sha256_of(const void *data, size_t n, uint8_t out[static DIGEST_BYTES]);

/* "sha256:<hex>"; returns buf. */
const char *digest_text(const uint8_t d[static DIGEST_BYTES], char buf[static DIGEST_TEXT_MAX]);

/* Back from the first 64 characters at hex, lower case; false if they are anything else. */
bool digest_parse(const char *hex, uint8_t d[static DIGEST_BYTES]) LPC_MUST_USE;

/* Folds little-endian 64-bit words into four 64-bit lanes, word i into lane i mod 4:
 * lane = fold(lane ^ word, K_i), fold(a, b) = high(a·b) ^ low(a·b) over 128 bits. */
struct lanes {
	uint64_t lane[4];
	uint64_t n; /* words so far */
};

void lanes_init(struct lanes *l);

enum { LANES = 4 };

static const uint64_t lanes_k[LANES] = {
        0x9e3779b97f4a7c15u, 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u};

static inline uint64_t lanes_fold(uint64_t lane, uint64_t word, uint64_t k)
{
	__uint128_t m = (__uint128_t)(lane ^ word) * k;

	uint64_t rest = (uint64_t)m ^ (lane << 1 | lane >> 63); /* the high half comes last */

	return (uint64_t)(m >> 64) ^ rest;
}

static inline void lanes_add(struct lanes *l, uint64_t word)
{
	unsigned i = (unsigned)(l->n++ % LANES);

	l->lane[i] = lanes_fold(l->lane[i], word, lanes_k[i]);
}

/* Four words in a row, where lane 0 is next. */
static inline void lanes_add_four(struct lanes *l, const uint64_t word[static LANES])
{
	CHECK(l->n % LANES == 0);
	for (unsigned k = 0; k < LANES; k++)
		l->lane[k] = lanes_fold(l->lane[k], word[k], lanes_k[k]);
	l->n += LANES;
}

/* n words in a row, wherever the lanes are: the same as n times lanes_add. */
void lanes_add_words(struct lanes *l, const uint64_t *word, size_t n);

/* SHA-256 over the lanes and n as 40 little-endian bytes. */
void lanes_final(const struct lanes *l, uint8_t out[static DIGEST_BYTES]);

#endif
