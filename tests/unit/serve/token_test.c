#include "harness/base/token.h"

#include <ctype.h>

#include "tests/support/run_suite.h"

START_TEST(digest_does_not_depend_on_cuts)
{
	static const char text[] =
	        "lpc:17:128 the quick brown fox jumps over the lazy dog\n\xc3\xa9";
	size_t n = sizeof(text) - 1;
	uint64_t whole = token_prompt_digest(TOKEN_DIGEST_START, text, n);

	for (size_t i = 0; i <= n; i++) {
		uint64_t h = token_prompt_digest(TOKEN_DIGEST_START, text, i);

		ck_assert_uint_eq(token_prompt_digest(h, text + i, n - i), whole);
	}
}
END_TEST

START_TEST(digest_sees_every_byte)
{
	char text[64] = "a prompt of some length, with a number in it: 1";
	size_t n = strlen(text);
	uint64_t whole = token_prompt_digest(TOKEN_DIGEST_START, text, n);

	for (size_t i = 0; i < n; i++) {
		text[i] ^= 1;
		ck_assert_uint_ne(token_prompt_digest(TOKEN_DIGEST_START, text, n), whole);
		text[i] ^= 1;
	}
	ck_assert_uint_ne(token_prompt_digest(TOKEN_DIGEST_START, text, n - 1), whole);
	ck_assert_uint_ne(token_prompt_digest(TOKEN_DIGEST_START, "\0", 1), TOKEN_DIGEST_START);
}
END_TEST

START_TEST(text_is_a_word)
{
	for (uint64_t i = 0; i < 10000; i++) {
		char out[TOKEN_TEXT_MAX];

		ck_assert_uint_eq(token_text(i * 77, i, out), TOKEN_TEXT_BYTES);
		ck_assert_int_eq(out[0], ' ');
		for (int k = 1; k < TOKEN_TEXT_BYTES; k++)
			ck_assert(islower((unsigned char)out[k]));
	}
}
END_TEST

START_TEST(neighbours_differ)
{
	for (uint64_t d = 1; d < 200; d++) {
		uint64_t digest = d * UINT64_C(0x9e3779b97f4a7c15);
		char a[TOKEN_TEXT_MAX], b[TOKEN_TEXT_MAX];

		token_text(digest, 0, a);
		for (uint64_t i = 1; i < 500; i++) {
			token_text(digest, i, b);
			ck_assert_int_ne(memcmp(a, b, TOKEN_TEXT_BYTES), 0);
			memcpy(a, b, sizeof(a));
		}
	}
}
END_TEST

START_TEST(texts_seldom_meet)
{
	char a[TOKEN_TEXT_MAX], b[TOKEN_TEXT_MAX];
	unsigned alike = 0;

	token_text(12345, 0, a);
	for (uint64_t i = 1; i < 1000000; i++) {
		token_text(12345, i, b);
		alike += memcmp(a, b, TOKEN_TEXT_BYTES) == 0;
	}
	ck_assert_uint_le(alike, 4);
}
END_TEST

/* Emulators and load generators of different builds talk to each other: the text is a format. */
START_TEST(text_stays_what_it_is)
{
	uint64_t h = token_prompt_digest(TOKEN_DIGEST_START, "lpc:17:4 hello you", 18);
	static const char *const want[] = {" midahefi", " mohejave", " napijora", " nedokibi"};

	for (uint64_t i = 0; i < 4; i++) {
		char out[TOKEN_TEXT_MAX];

		token_text(h, i, out);
		ck_assert_int_eq(memcmp(out, want[i], TOKEN_TEXT_BYTES), 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token");

	add_test(suite, "digest_cuts", digest_does_not_depend_on_cuts);
	add_test(suite, "digest_bytes", digest_sees_every_byte);
	add_test(suite, "text_is_a_word", text_is_a_word);
	add_test(suite, "neighbours_differ", neighbours_differ);
	add_test(suite, "texts_seldom_meet", texts_seldom_meet);
	add_test(suite, "text_stays", text_stays_what_it_is);
	return run_suite(suite);
}
