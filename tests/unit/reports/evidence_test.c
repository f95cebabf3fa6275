/* Lines of evidence, one spelling of a whole file, and the names that files of a pack may have. */
#include "reports/evidence.h"

#include <string.h>
#include "tests/support/run_suite.h"

#define A                                                                                          \
	"{\"payload\":\"QQ==\",\"payloadType\":\"t\",\"signatures\":["                             \
	"{\"keyid\":\"k\",\"sig\":\"AQ==\"}]}"
#define B                                                                                          \
	"{\"payload\":\"Qg==\",\"payloadType\":\"t\",\"signatures\":["                             \
	"{\"keyid\":\"\",\"sig\":\"AQ==\"}]}"

/* Reads all lines: their bodies, one byte each, into bodies; the first error into said. */
static enum status read_all(const char *text, size_t n, char bodies[8], char said[256])
{
	struct error err = ERROR_INIT;
	struct evidence_lines lines;
	struct dsse_envelope e;
	struct arena a;
	enum status st;
	bool more;
	int i = 0;

	arena_init(&a, 0);
	evidence_lines_init(&lines, "e.jsonl", text, n);
	while (!(st = evidence_next(&lines, &a, &e, &more, &err)) && more) {
		ck_assert_uint_eq(e.n, 1);
		ck_assert_int_lt(i, 7);
		bodies[i++] = (char)e.body[0];
	}
	ck_assert(!more);
	bodies[i] = '\0';
	error_format(&err, said, 256);
	arena_free(&a);
	return st;
}

/* What the lines hold, written once more; false if they are refused. */
static bool write_again(const char *text, size_t n, char *again)
{
	struct error err = ERROR_INIT;
	struct evidence_lines lines;
	struct dsse_envelope e;
	struct arena a;
	bool more = true;

	arena_init(&a, 0);
	evidence_lines_init(&lines, "e", text, n);
	while (evidence_next(&lines, &a, &e, &more, &err) == ERR_NONE && more) {
		struct json_out o;

		json_out_init(&o, 0);
		dsse_write(&o, &e);
		memcpy(again, o.buf, o.n);
		again[o.n] = '\n';
		again += o.n + 1;
		json_out_free(&o);
	}
	arena_free(&a);
	return err.code == ERR_NONE;
}

START_TEST(lines_are_read_in_order)
{
	static const struct {
		const char *text, *bodies;
	} right[] = {{"", ""}, {A "\n", "A"}, {A "\n" B "\n", "AB"}, {B "\n" B "\n" A "\n", "BBA"}};

	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		char bodies[8], said[256];

		ck_assert_int_eq(
		        read_all(right[i].text, strlen(right[i].text), bodies, said), ERR_NONE);
		ck_assert_str_eq(bodies, right[i].bodies);
	}
}
END_TEST

START_TEST(another_spelling_is_refused_with_its_line)
{
	static const struct {
		const char *text, *said;
	} wrong[] = {
	        {A, "e.jsonl:1:1: $: the line has no end"},
	        {A "\n" B, "e.jsonl:2:1: $: the line has no end"},
	        {"\n", "e.jsonl:1:"},
	        {A "\n\n", "e.jsonl:2:"},
	        {A "\n" B "\r\n", "e.jsonl:2:1: $: expected the envelope's one spelling"},
	        {" " A "\n", "e.jsonl:1:1: $: expected the envelope's one spelling"},
	        {A B "\n", "e.jsonl:1:"},
	        {A "\n{}\n", "e.jsonl:2:"},
	        {"{\"payloadType\":\"t\",\"payload\":\"QQ==\",\"signatures\":["
	         "{\"keyid\":\"k\",\"sig\":\"AQ==\"}]}\n",
	                "one spelling"},
	        {"{\"payload\":\"QQ==\",\"payloadType\":\"\\u0074\",\"signatures\":["
	         "{\"keyid\":\"k\",\"sig\":\"AQ==\"}]}\n",
	                "one spelling"},
	        {"{\"payload\":\"QQ==\",\"payloadType\":\"t\",\"signatures\":["
	         "{\"sig\":\"AQ==\"}]}\n",
	                "one spelling"},
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char bodies[8], said[256];

		ck_assert_msg(
		        read_all(wrong[i].text, strlen(wrong[i].text), bodies, said) == ERR_USAGE,
		        "%s", wrong[i].text);
		ck_assert_msg(strstr(said, wrong[i].said), "%s: %s", wrong[i].text, said);
	}
}
END_TEST

/* Every byte of a file, replaced by every other: what is still read says so in the same bytes. */
START_TEST(no_byte_can_be_replaced_unnoticed)
{
	static const char text[] = A "\n" B "\n";
	char copy[sizeof(text)], again[sizeof(text)];
	unsigned refused = 0;

	memcpy(copy, text, sizeof(text));
	for (size_t i = 0; i < 256 * (sizeof(text) - 1); i++) {
		copy[i / 256] = (char)(i % 256);
		if (write_again(copy, sizeof(text) - 1, again))
			ck_assert_mem_eq(again, copy, sizeof(text) - 1);
		else
			refused++;
		copy[i / 256] = text[i / 256];
	}
	ck_assert_uint_gt(refused, 30000);
	ck_assert(write_again(text, sizeof(text) - 1, again));
}
END_TEST

START_TEST(a_file_has_its_limit)
{
	size_t n = (size_t)EVIDENCE_SIZE_MAX + 1;
	char *text = mem_alloc(n, 1), bodies[8], said[256];

	ck_assert_int_eq(read_all(text, n, bodies, said), ERR_USAGE);
	ck_assert_msg(strstr(said, "longer than any evidence"), "%s", said);
	mem_free(text);
}
END_TEST

START_TEST(names_are_relative_and_plain)
{
	static const char *const right[] = {"a", "a/b", "quick-42-virtual/inputs/my file.json",
	        ".hidden/x", "..a", "a..", "...", "\xc3\xa4/\xf0\x9f\x98\x80", "~"};
	static const struct {
		const char *name, *said;
	} wrong[] = {{"", "empty"}, {"/", "absolute"}, {"/etc/passwd", "absolute"},
	        {"a//b", "empty"}, {"a/", "empty"}, {".", "'..'"}, {"..", "'..'"},
	        {"a/../b", "'..'"}, {"a/.", "'..'"}, {"./a", "'..'"}, {"a\nb", "control"},
	        {"a\x7f", "control"}, {"a\\b", "backslash"}, {"\xff", "UTF-8"}, {"a/\xc3", "UTF-8"},
	        {"\xed\xa0\x80", "UTF-8"}};
	char longest[EVIDENCE_PATH_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		ck_assert_msg(!evidence_name_wrong(right[i], strlen(right[i])), "%s", right[i]);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *said = evidence_name_wrong(wrong[i].name, strlen(wrong[i].name));

		ck_assert_msg(said && strstr(said, wrong[i].said), "%s: %s", wrong[i].name, said);
	}
	ck_assert_ptr_nonnull(evidence_name_wrong("a\0b", 3));
	memset(longest, 'x', sizeof(longest));
	ck_assert_ptr_null(evidence_name_wrong(longest, EVIDENCE_PATH_MAX));
	ck_assert_ptr_nonnull(evidence_name_wrong(longest, EVIDENCE_PATH_MAX + 1));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reports/evidence");

	add_test(s, "lines", lines_are_read_in_order);
	add_test(s, "spelling", another_spelling_is_refused_with_its_line);
	add_test(s, "bytes", no_byte_can_be_replaced_unnoticed);
	add_test(s, "limit", a_file_has_its_limit);
	add_test(s, "names", names_are_relative_and_plain);
	return run_suite(s);
}
