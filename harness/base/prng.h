/* The only source of random numbers (DESIGN §4, "Order, time, chance").
 *
 * Two kinds of draws:
 *  - a *stream* is sequential state for plan-time draws, one per purpose and object
 *    (prng_stream(seed, "arrival/chat")), so that removing one object moves no other draw;
 *  - prng_at is counter-based for run-time draws: a pure function of (seed, purpose, a, b), no
 *    state, so that the order of events cannot matter.
 *
 * Streams are xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators",
 * TOMS 2021) seeded by splitmix64 from SHA-free mixing of seed and purpose; prng_at is a
 * multiply-mix (wyhash-like 128-bit folded multiply) of seed, purpose hash and both counters.
 *
 * At most one draw per C expression: gcc and clang evaluate arguments in opposite order
 * (tests/lint). */
#ifndef LPC_BASE_PRNG_H
#define LPC_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t s[4];
};

struct prng prng_stream(uint64_t seed, const char *purpose);

static inline uint64_t prng_rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static inline uint64_t prng_next(struct prng *g)
{
	uint64_t *s = g->s;
	uint64_t result = prng_rotl(s[0] + s[3], 23) + s[0];
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = prng_rotl(s[3], 45);
	return result;
}

/* A purpose's key for prng_at; compute once, keep. */
uint64_t prng_purpose(uint64_t seed, const char *purpose);

/* Uniform 64 bits for (purpose key, a, b). Inline-able and cheap: two folded multiplies. */
static inline uint64_t prng_at(uint64_t key, uint64_t a, uint64_t b)
{
	__uint128_t m =
	        (__uint128_t)(key ^ (a + 0x9e3779b97f4a7c15u)) * (b ^ 0xd6e8feb86659fd93u ^ key);
	uint64_t x = (uint64_t)m ^ (uint64_t)(m >> 64) ^ prng_rotl(a, 31) ^ prng_rotl(b, 17);

	m = (__uint128_t)(x ^ 0xa0761d6478bd642fu) * (key ^ 0xe7037ed1a0b428dbu);
	x = (uint64_t)m ^ (uint64_t)(m >> 64);
	x ^= x >> 32; /* murmur3's finaliser: a zero factor above must not survive */
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 29;
	return x + a * 0x9e3779b97f4a7c15u + b;
}

/* 52-bit uniform in (0, 1): ((u >> 12) + 1/2) / 2^52; never 0, never 1. (With 53 bits the half
 * would be rounded away, and the largest draw would be 1.) */
static inline double prng_unit(uint64_t u)
{
	return ((double)(u >> 12) + 0.5) * 0x1p-52;
}

/* True with probability num/den, an integer ratio, 0 <= num <= den < 2^63. Exact to 2^-64. */
static inline bool prng_ratio(uint64_t u, uint64_t num, uint64_t den)
{
	return (uint64_t)(((__uint128_t)u * den) >> 64) < num;
}

/* Uniform in [0, n), n > 0, by multiply-shift (bias below n / 2^64). */
static inline uint64_t prng_below(uint64_t u, uint64_t n)
{
	return (uint64_t)(((__uint128_t)u * n) >> 64);
}

#endif
