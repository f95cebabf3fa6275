/* The manifest of a pack: every file is in it, and what differs from it is told by its own name. */
#include "reports/verify_manifest.h"

#include <stdio.h>
#include <string.h>
#include "reports/pack_evidence.h"
#include "tests/support/run_suite.h"

enum { FILES = 5, TEXT = 512 };

static const char *const paths[FILES] = {"a", "b", "b/c", "result.json", "run.sqlite"};

/* What was told, as "added x, missing y, ". */
static void note(void *ctx, enum defect d, const char *file, const char *text)
{
	char *told = ctx;
	size_t n = strlen(told);

	(void)text;
	ck_assert_uint_lt(n, TEXT);
	(void)snprintf(told + n, TEXT - n, "%d %s, ", (int)d, file);
}

/* The first n of the files; the digest of one is that of its name. */
static void fill(struct unpacked *u, uint32_t n)
{
	*u = (struct unpacked){.dir = ""};
	pack_tree_init(&u->tree);
	for (uint32_t i = 0; i < n; i++) {
		struct pack_entry e = {.path = paths[i]};

		sha256_of(e.path, strlen(e.path), e.sha256);
		u->tree.entries =
		        mem_room(u->tree.entries, u->tree.n, &u->tree.capacity, sizeof(e));
		u->tree.entries[u->tree.n++] = e;
	}
}

/* What the files of `has` are, by the manifest of those of `listed`. */
static void told_of(struct unpacked *listed, struct unpacked *has, char told[static TEXT])
{
	struct verify_options options = {.found = note, .ctx = told};
	struct error err = ERROR_INIT;
	struct arena arena;
	struct manifest m;
	struct text text;

	told[0] = '\0';
	arena_init(&arena, 0);
	pack_manifest(&listed->tree, &text);
	ck_assert_msg(!manifest_read(text.buf, text.n, &arena, &m, &err), "%s", err.text);
	ck_assert_uint_eq(m.n, listed->tree.n);
	manifest_compare(&m, "the manifest", has, &options);
	manifest_free(&m);
	text_free(&text);
	arena_free(&arena);
	pack_tree_free(&listed->tree);
	pack_tree_free(&has->tree);
}

static void expect(const char *told, enum defect d, const char *file)
{
	char text[TEXT];

	(void)snprintf(text, sizeof(text), "%d %s, ", (int)d, file);
	ck_assert_str_eq(text, told);
}

START_TEST(all_as_listed)
{
	struct unpacked listed, has;
	char told[TEXT];

	fill(&listed, FILES);
	fill(&has, FILES);
	told_of(&listed, &has, told);
	ck_assert_str_eq("", told);
}
END_TEST

START_TEST(each_difference_by_its_name)
{
	struct unpacked listed, has;
	char told[TEXT];

	fill(&listed, FILES);
	fill(&has, FILES - 1);
	told_of(&listed, &has, told);
	expect(told, DEFECT_MISSING, "run.sqlite");

	fill(&listed, FILES - 1);
	fill(&has, FILES);
	told_of(&listed, &has, told);
	expect(told, DEFECT_ADDED, "run.sqlite");

	fill(&listed, FILES);
	fill(&has, FILES);
	has.tree.entries[2].sha256[31] ^= 1;
	told_of(&listed, &has, told);
	expect(told, DEFECT_ALTERED, "b/c");

	fill(&listed, FILES);
	fill(&has, FILES);
	has.tree.entries[0].path = "A";
	told_of(&listed, &has, told);
	expect(told, DEFECT_RENAMED, "a");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("manifest");

	add_test(suite, "whole", all_as_listed);
	add_test(suite, "differences", each_difference_by_its_name);
	return run_suite(suite);
}
