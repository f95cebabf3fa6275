#include "harness/base/digest.h"
#include "tests/support/run_suite.h"

#include <string.h>

static void assert_digest(const uint8_t d[static DIGEST_BYTES], const char *expected)
{
	char text[DIGEST_TEXT_MAX];

	ck_assert_str_eq(digest_text(d, text), expected);
}

START_TEST(sha256_has_its_known_answers)
{
	uint8_t d[DIGEST_BYTES];

	sha256_of("", 0, d);
	assert_digest(d, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_of("abc", 3, d);
	assert_digest(d, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(sha256_does_not_see_the_pieces)
{
	struct sha256 *s = sha256_new();
	uint8_t whole[DIGEST_BYTES], pieces[DIGEST_BYTES];
	char text[1000];

	memset(text, 'x', sizeof(text));
	sha256_of(text, sizeof(text), whole);
	for (size_t i = 0; i < sizeof(text); i += 8)
		sha256_update(s, text + i, 8);
	sha256_final(s, pieces);
	ck_assert_mem_eq(whole, pieces, DIGEST_BYTES);
}
END_TEST

START_TEST(lanes_are_frozen)
{
	uint8_t d[DIGEST_BYTES];
	struct lanes l;

	lanes_init(&l);
	lanes_final(&l, d);
	assert_digest(d, "sha256:59fe9512b89e5c5de921814d3239cea57416d3254cc825b3c3feecb689478562");
	for (uint64_t i = 0; i < 7; i++)
		lanes_add(&l, i);
	ck_assert_uint_eq(l.lane[0], 0xe7e7e4878bda6ae5u);
	ck_assert_uint_eq(l.lane[3], 0x384b54562a606844u);
	lanes_final(&l, d);
	assert_digest(d, "sha256:62bf2fffdee840f925f3c335b08879ef4bc318099eee50f256063a07335e90c2");
}
END_TEST

START_TEST(lanes_take_words_in_a_row)
{
	uint64_t word[40];

	for (uint64_t i = 0; i < 40; i++)
		word[i] = i * 0x9e3779b97f4a7c15u + 7;
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; from + n <= 40; n++) {
			struct lanes one, row;

			lanes_init(&one);
			for (size_t i = 0; i < from + n; i++)
				lanes_add(&one, word[i]);
			lanes_init(&row);
			lanes_add_words(&row, word, from);
			lanes_add_words(&row, word + from, n);
			ck_assert_mem_eq(&one, &row, sizeof(one));
		}
}
END_TEST

START_TEST(lanes_see_order_length_and_every_bit)
{
	struct lanes base, other;
	uint8_t a[DIGEST_BYTES], b[DIGEST_BYTES];

	lanes_init(&base);
	lanes_add(&base, 1);
	lanes_add(&base, 2);
	lanes_final(&base, a);
	lanes_init(&other);
	lanes_add(&other, 2);
	lanes_add(&other, 1);
	lanes_final(&other, b);
	ck_assert_mem_ne(a, b, DIGEST_BYTES);
	lanes_add(&base, 0);
	lanes_final(&base, b);
	ck_assert_mem_ne(a, b, DIGEST_BYTES);
	for (int bit = 0; bit < 64; bit++) {
		lanes_init(&other);
		lanes_add(&other, 1);
		lanes_add(&other, UINT64_C(2) ^ UINT64_C(1) << bit);
		lanes_final(&other, b);
		ck_assert_mem_ne(a, b, DIGEST_BYTES);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("digest");

	add_test(s, "sha256", sha256_has_its_known_answers);
	add_test(s, "pieces", sha256_does_not_see_the_pieces);
	add_test(s, "lanes", lanes_are_frozen);
	add_test(s, "words", lanes_take_words_in_a_row);
	add_test(s, "bits", lanes_see_order_length_and_every_bit);
	return run_suite(s);
}
