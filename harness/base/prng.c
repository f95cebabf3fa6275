/* Names become seeds. The purpose is folded byte by byte (FNV-1a's idea, widened by a folded
 * multiply at the end), mixed with the seed, and splitmix64 fills the 256 bits of a stream from it:
 * Vigna's advice, as its outputs are never all zero. A stream and a counter key of the same name
 * start from different constants, so they share nothing. */
#include "harness/base/prng.h"

#define STREAM_SALT  0x6c70752d73747265u
#define PURPOSE_SALT 0x6c70752d636f756eu

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t name_key(uint64_t seed, uint64_t salt, const char *purpose)
{
	uint64_t h = 0xcbf29ce484222325u;
	__uint128_t m;

	for (; *purpose; purpose++)
		h = (h ^ (unsigned char)*purpose) * 0x100000001b3u;
	m = (__uint128_t)(mix(seed + 0x9e3779b97f4a7c15u) ^ salt) * (h | 1);
	return mix((uint64_t)m ^ (uint64_t)(m >> 64) ^ h);
}

struct prng prng_stream(uint64_t seed, const char *purpose)
{
	uint64_t x = name_key(seed, STREAM_SALT, purpose);
	struct prng g;

	for (int i = 0; i < 4; i++) {
		x += 0x9e3779b97f4a7c15u;
		g.s[i] = mix(x);
	}
	return g;
}

uint64_t prng_purpose(uint64_t seed, const char *purpose)
{
	return name_key(seed, PURPOSE_SALT, purpose);
}
