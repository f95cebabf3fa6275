/* The digest is a polynomial in a fixed odd base modulo 2^64: h(x || y) = h(x) * K^|y| + h(y). That
 * form is what makes it independent of the cuts: one side meets a prompt as one string, the other
 * as the runs between JSON escapes, and neither has to remember bytes that did not fill a block.
 * Eight bytes a step keep it off the latency of one multiplication a byte.
 *
 * It has no secret and is no defence against somebody who looks for collisions; it tells prompts
 * apart that nobody chose to be alike. The low bits of such a sum mix poorly, so its users fold it
 * by a multiplication before they take bits out (token_text does). */
#include "harness/base/token.h"

#define K1 UINT64_C(0xd6e8feb86659fd93)
#define K2 (K1 * K1)
#define K3 (K2 * K1)
#define K4 (K2 * K2)
#define K5 (K4 * K1)
#define K6 (K4 * K2)
#define K7 (K4 * K3)
#define K8 (K4 * K4)

/* Sixteen consonants, four vowels. */
#define ROW(c)                                                                                     \
	{c, 'a'}, {c, 'e'}, {c, 'i'},                                                              \
	{                                                                                          \
		c, 'o'                                                                             \
	}
const char token_syllables[64][2] = {ROW('b'), ROW('d'), ROW('f'), ROW('g'), ROW('h'), ROW('j'),
        ROW('k'), ROW('l'), ROW('m'), ROW('n'), ROW('p'), ROW('r'), ROW('s'), ROW('t'), ROW('v'),
        ROW('z')};

uint64_t token_prompt_digest(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (; n >= 8; n -= 8, p += 8)
		h = h * K8 + (p[0] * K7 + p[1] * K6) + (p[2] * K5 + p[3] * K4) +
		    (p[4] * K3 + p[5] * K2) + (p[6] * K1 + p[7]);
	for (; n; n--, p++)
		h = h * K1 + *p;
	return h;
}
