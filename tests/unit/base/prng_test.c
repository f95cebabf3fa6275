/* Frozen values: a change here changes every plan and every digest, so it must be seen. The stream
 * values were computed a second time by a model of the same text in arbitrary-precision integers.
 */
#include "harness/base/prng.h"
#include "harness/base/check.h"
#include "tests/support/run_suite.h"

START_TEST(streams_are_frozen)
{
	static const struct {
		const char *purpose;
		uint64_t draws[4];
	} frozen[] = {
	        {"arrival/chat", {0x0d7bfbdbeedddb66u, 0x5e30917a2644b84fu, 0x71235894e1498cb8u,
	                                 0x72793c0cc6b7d1b1u}},
	        {"length/chat/prompt", {0xacaf68b72ff60e6du, 0x45550647e3ed581au,
	                                       0x3af84ba0ab00ec57u, 0x6d8af94604fac4b9u}},
	        {"", {0x30f73972185e5e73u, 0x115d61a2d7facf0au, 0x8d22c25d4d7fe312u,
	                     0x33c0b011cc8e0142u}},
	};

	for (size_t i = 0; i < ARRAY_LEN(frozen); i++) {
		struct prng g = prng_stream(42, frozen[i].purpose);

		for (int k = 0; k < 4; k++)
			ck_assert_uint_eq(prng_next(&g), frozen[i].draws[k]);
	}
}
END_TEST

START_TEST(another_seed_is_another_stream)
{
	struct prng g = prng_stream(43, "arrival/chat");

	ck_assert_uint_eq(prng_next(&g), 0xfa08e9061c0c172au);
}
END_TEST

START_TEST(the_generator_is_xoshiro256pp)
{
	struct prng g = {{1, 2, 3, 4}}; /* published reference outputs for this state */

	ck_assert_uint_eq(prng_next(&g), 41943041u);
	ck_assert_uint_eq(prng_next(&g), 58720359u);
	ck_assert_uint_eq(prng_next(&g), 3588806011781223u);
	ck_assert_uint_eq(prng_next(&g), 3591011842654386u);
}
END_TEST

START_TEST(counter_draws_are_frozen)
{
	static const uint64_t frozen[][3] = {
	        {0, 0, 0x955891bfc135e901u},
	        {1, 0, 0x8bec0898178617f4u},
	        {0, 1, 0xf6139994cb38e069u},
	        {1, 1, 0x1abf680ee4f6ceb2u},
	        {1000000000, 127, 0xa96fa062f2c69484u},
	        {UINT64_MAX, UINT64_MAX, 0x77fa5f2714da9442u},
	};
	uint64_t key = prng_purpose(42, "ethernet.jitter");

	ck_assert_uint_eq(key, 0x334a4d0142cbd9beu);
	for (size_t i = 0; i < ARRAY_LEN(frozen); i++)
		ck_assert_uint_eq(prng_at(key, frozen[i][0], frozen[i][1]), frozen[i][2]);
}
END_TEST

START_TEST(units_lie_strictly_inside)
{
	ck_assert(prng_unit(0) == 0x1p-53);
	ck_assert(prng_unit(UINT64_MAX) < 1);
	ck_assert(prng_unit(UINT64_C(1) << 63) > 0.5);
}
END_TEST

START_TEST(ratios_keep_their_ends)
{
	ck_assert(!prng_ratio(0, 0, 7));
	ck_assert(prng_ratio(UINT64_MAX, 7, 7));
	ck_assert(prng_ratio(0, 1, UINT64_C(1) << 62));
	ck_assert(!prng_ratio(UINT64_C(1) << 63, 1, 2));
	ck_assert(prng_ratio((UINT64_C(1) << 63) - 1, 1, 2));
}
END_TEST

START_TEST(below_stays_below)
{
	ck_assert_uint_eq(prng_below(0, 10), 0);
	ck_assert_uint_eq(prng_below(UINT64_MAX, 10), 9);
	ck_assert_uint_eq(prng_below(UINT64_MAX, 1), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("prng");

	add_test(s, "stream", streams_are_frozen);
	add_test(s, "seed", another_seed_is_another_stream);
	add_test(s, "reference", the_generator_is_xoshiro256pp);
	add_test(s, "counter", counter_draws_are_frozen);
	add_test(s, "unit", units_lie_strictly_inside);
	add_test(s, "ratio", ratios_keep_their_ends);
	add_test(s, "below", below_stays_below);
	return run_suite(s);
}
