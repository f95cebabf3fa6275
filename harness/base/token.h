/* The text of a token, and the digest of the prompt that it follows from (DESIGN §5, "Tokens are
 * checkable"). The emulator says token_text(digest, index) where a deterministic machine would
 * decode greedily; the load generator recomputes it, so a wrong, missing, repeated or reordered
 * token is seen. */
#ifndef LPC_BASE_TOKEN_H
#define LPC_BASE_TOKEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	TOKEN_TEXT_BYTES = 9, /* of every token: a space and four syllables of two letters */
	TOKEN_TEXT_MAX = 16,  /* room that token_text asks for */
};

/* The digest of no bytes at all. */
#define TOKEN_DIGEST_START UINT64_C(0x9ae16a3b2f90404f)

/* Continues digest h with n bytes. What counts is the concatenation of all bytes, however it was
 * cut into calls: the contents of all messages in order, as they are after the JSON escapes are
 * undone, with nothing between them, and without roles and names. */
uint64_t token_prompt_digest(uint64_t h, const void *bytes, size_t n);

extern const char token_syllables[64][2];

/* Writes the text of token `index` (0-based) and returns its length, TOKEN_TEXT_BYTES. Lower-case
 * ASCII after one space, no NUL, nothing that JSON would escape. Two neighbours always differ;
 * any other two tokens are alike with a chance of one in 2^24. */
static inline size_t token_text(uint64_t digest, uint64_t index, char out[static TOKEN_TEXT_MAX])
{
	__uint128_t m = (__uint128_t)(digest ^ UINT64_C(0xa0761d6478bd642f)) *
	                (index * 2 + 1 + UINT64_C(0x9e3779b97f4a7c15));
	uint64_t x = (uint64_t)m ^ (uint64_t)(m >> 64);

	out[0] = ' ';
	memcpy(out + 1, token_syllables[((digest >> 58) + index) & 63], 2);
	memcpy(out + 3, token_syllables[x >> 58], 2);
	memcpy(out + 5, token_syllables[x >> 40 & 63], 2);
	memcpy(out + 7, token_syllables[x >> 20 & 63], 2);
	return TOKEN_TEXT_BYTES;
}

/* The digest under which a corrupted token is said: at every index its text is another one than the
 * right one, in the first syllable at least. */
static inline uint64_t token_wrong_digest(uint64_t digest)
{
	return ~digest;
}

#endif
