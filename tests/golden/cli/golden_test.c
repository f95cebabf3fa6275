/* What the program says, to the letter. bad/expected.txt has one line for every scenario that is
 * refused, by `plan` and by `run` alike; good.plan.txt is what a plan looks like. UPDATE_GOLDEN=1
 * in the environment writes both anew: then read the difference before it is committed. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "tests/support/run_suite.h"

#define HERE LPC_SOURCE_DIR "/tests/golden/cli"

enum { OUTPUT_MAX = 1 << 16 };

/* Runs a shell command in `folder`; its output into buf; returns the exit code. */
static int shell(const char *folder, const char *command, char *buf)
{
	char line[1024];
	size_t n;
	FILE *f;
	int rc;

	snprintf(line, sizeof(line), "cd '%s' && %s", folder, command);
	f = popen(line, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(buf, 1, OUTPUT_MAX - 1, f);
	buf[n] = '\0';
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static char *slurp(const char *path)
{
	char *buf = mem_alloc(OUTPUT_MAX, 1);
	FILE *f = fopen(path, "r");

	if (f) {
		buf[fread(buf, 1, OUTPUT_MAX - 1, f)] = '\0';
		fclose(f);
	}
	return buf;
}

static void compare(const char *path, const char *found)
{
	char *expected;
	FILE *f;

	if (getenv("UPDATE_GOLDEN")) {
		f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		fputs(found, f);
		fclose(f);
		return;
	}
	expected = slurp(path);
	ck_assert_str_eq(found, expected);
	mem_free(expected);
}

static int is_scenario(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

/* What `command` says of every bad scenario, a line each, in the order of their names. */
static char *complaints(const char *command, const char *options)
{
	char *all = mem_alloc(OUTPUT_MAX, 1), *one = mem_alloc(OUTPUT_MAX, 1);
	struct dirent **names;
	int n = scandir(HERE "/bad", &names, is_scenario, alphasort);
	size_t used = 0;

	ck_assert_int_ge(n, 40);
	for (int i = 0; i < n; i++) {
		char line[512];

		snprintf(line, sizeof(line), LPC_BINARY " %s %s%s 2>&1 </dev/null", command,
		        names[i]->d_name, options);
		ck_assert_msg(shell(HERE "/bad", line, one) == 2, "%s: %s", names[i]->d_name, one);
		ck_assert_msg(strchr(one, '\n') == one + strlen(one) - 1, "not one line: %s", one);
		ck_assert_uint_lt(used + strlen(one), OUTPUT_MAX);
		used += (size_t)snprintf(all + used, OUTPUT_MAX - used, "%s", one);
		free(names[i]);
	}
	free(names);
	mem_free(one);
	return all;
}

START_TEST(plan_refuses_bad_input)
{
	char *said = complaints("plan", "");

	compare(HERE "/bad/expected.txt", said);
	mem_free(said);
}
END_TEST

START_TEST(run_refuses_the_same)
{
	char *said = complaints("run", " --clock virtual --out /nonexistent/lpuchaos");

	compare(HERE "/bad/expected.txt", said);
	mem_free(said);
}
END_TEST

START_TEST(a_plan_is_printed)
{
	char *said = mem_alloc(OUTPUT_MAX, 1);

	ck_assert_int_eq(shell(HERE, LPC_BINARY " plan good.json 2>&1", said), 0);
	compare(HERE "/good.plan.txt", said);
	mem_free(said);
}
END_TEST

/* docs/CLI.md is `help --markdown`. */
START_TEST(docs_agree_with_help)
{
	char *said = mem_alloc(OUTPUT_MAX, 1);

	ck_assert_int_eq(shell(HERE, LPC_BINARY " help --markdown", said), 0);
	compare(LPC_SOURCE_DIR "/docs/CLI.md", said);
	mem_free(said);
}
END_TEST

START_TEST(every_command_has_help)
{
	static const char *const commands[] = {
	        "run", "plan", "emulate", "compile", "faults", "doctor", "explain", "help"};
	char *by_option = mem_alloc(OUTPUT_MAX, 1), *by_command = mem_alloc(OUTPUT_MAX, 1);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		char line[256];

		snprintf(line, sizeof(line), LPC_BINARY " %s --help 2>/dev/null", commands[i]);
		ck_assert_int_eq(shell(HERE, line, by_option), 0);
		snprintf(line, sizeof(line), LPC_BINARY " help %s 2>/dev/null", commands[i]);
		ck_assert_int_eq(shell(HERE, line, by_command), 0);
		ck_assert_str_eq(by_option, by_command);
		ck_assert_ptr_nonnull(strstr(by_option, "Usage: lpuchaos"));
	}
	mem_free(by_option);
	mem_free(by_command);
}
END_TEST

START_TEST(a_reader_may_go_away)
{
	char *said = mem_alloc(OUTPUT_MAX, 1);

	shell(HERE, "{ " LPC_BINARY " help --markdown; echo code $? >&2; } 2>&1 >/dev/full", said);
	ck_assert_ptr_nonnull(strstr(said, "cannot write to standard output"));
	ck_assert_ptr_nonnull(strstr(said, "code 3"));
	shell(HERE,
	        "{ { sleep 0.1; " LPC_BINARY " help --markdown; echo code $? >&2; } | true; } 2>&1",
	        said);
	ck_assert_str_eq(said, "code 0\n");
	mem_free(said);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("golden");

	add_test(suite, "plan refuses", plan_refuses_bad_input);
	add_test(suite, "run refuses", run_refuses_the_same);
	add_test(suite, "plan", a_plan_is_printed);
	add_test(suite, "docs", docs_agree_with_help);
	add_test(suite, "help", every_command_has_help);
	add_test(suite, "stdout", a_reader_may_go_away);
	return run_suite(suite);
}
