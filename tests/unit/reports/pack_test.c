/* Of packs, what only a caller from within can do wrong: a file that is another one each time it is
 * read, two files under one path. All else is tested from outside, tests/e2e/run/pack_test.py. */
#include "reports/pack.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/support/run_suite.h"

/* A regular file of 37 bytes that nobody has seen twice. */
#define RESTLESS "/proc/sys/kernel/random/uuid"

static const char result[] = "{\"schema\":\"lpuchaos.result/1\",\"scenario\":\"s\",\"seed\":7,"
                             "\"clock\":\"virtual\",\"verdict\":\"pass\",\"engine\":{}}";

static void enter_folder(void)
{
	static char folder[] = "/tmp/pack_test.XXXXXX";
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(mkdir("run", 0777), 0);
	f = fopen("run/result.json", "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(result, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void leave_folder(void)
{
	char folder[64];

	ck_assert_ptr_nonnull(getcwd(folder, sizeof(folder)));
	(void)unlink("run/result.json");
	ck_assert_int_eq(rmdir("run"), 0);
	(void)unlink("p");
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left */
}

static enum status pack(const struct pack_file *files, uint32_t n, char said[256])
{
	struct pack_folder run = {.dir = "run", .as = ""};
	struct pack_spec spec = {.folders = &run, .n_folders = 1, .files = files, .n_files = n};
	struct error err = ERROR_INIT;
	struct pack_summary summary;
	enum status st = pack_write(&spec, "p", &summary, &err);

	error_format(&err, said, 256);
	ck_assert_int_eq(access("p", F_OK), st ? -1 : 0);
	if (!st) {
		ck_assert_uint_eq(summary.results, 1);
		ck_assert_uint_eq(summary.files, 2 + n);
	}
	return st;
}

START_TEST(a_file_that_changes_is_refused)
{
	struct pack_file file = {.path = RESTLESS, .as = "uuid"};
	char said[256];

	if (access(RESTLESS, R_OK))
		return;
	enter_folder();
	ck_assert_int_eq(pack(&file, 1, said), ERR_ENVIRONMENT);
	ck_assert_str_eq(said, RESTLESS ": changed while it was packed");
	leave_folder();
}
END_TEST

START_TEST(two_files_of_one_path_are_refused)
{
	struct pack_file files[] = {{.path = "run/result.json", .as = "a"},
	        {.path = "run/result.json", .as = "b"}, {.path = "run/result.json", .as = "a"}};
	char said[256];

	enter_folder();
	ck_assert_int_eq(pack(files, 2, said), ERR_NONE);
	ck_assert_int_eq(unlink("p"), 0);
	ck_assert_int_eq(pack(files, 3, said), ERR_USAGE);
	ck_assert_msg(strstr(said, "'a' twice"), "%s", said);
	leave_folder();
}
END_TEST

START_TEST(names_that_no_pack_may_have_are_refused)
{
	static const char *const names[] = {"/etc/passwd", "../p", "a/../b", ""};

	enter_folder();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct pack_file file = {.path = "run/result.json", .as = names[i]};
		char said[256];

		ck_assert_int_eq(pack(&file, 1, said), ERR_USAGE);
		ck_assert_msg(strstr(said, "cannot be packed"), "%s", said);
	}
	leave_folder();
}
END_TEST

START_TEST(a_place_is_inside_or_beside)
{
	enter_folder();
	ck_assert(pack_lies_in("run/p", "run"));
	ck_assert(pack_lies_in("run/../run/./p", "run"));
	ck_assert(pack_lies_in("p", "."));
	ck_assert(pack_lies_in("run/p", "/"));
	ck_assert(!pack_lies_in("p", "run"));
	ck_assert_int_eq(mkdir("run2", 0777), 0);
	ck_assert(!pack_lies_in("run2/p", "run"));
	ck_assert_int_eq(rmdir("run2"), 0);
	leave_folder();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reports/pack");

	add_test(s, "changes", a_file_that_changes_is_refused);
	add_test(s, "twice", two_files_of_one_path_are_refused);
	add_test(s, "names", names_that_no_pack_may_have_are_refused);
	add_test(s, "place", a_place_is_inside_or_beside);
	return run_suite(s);
}
