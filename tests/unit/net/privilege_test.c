/* A session whose priority was raised for a measurement gets it back, also from who comes after one
 * that was killed. In sessions of the test's own, which end with it. */
#include "harness/net/privilege.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/run_suite.h"

enum { NOT_TO_BE_RAISED = -100 }; /* no such groups, or no permission: nothing to put back */

/* Of this session; PRIVILEGE_NO_GROUP where the kernel has no such groups. */
static int session_nice(void)
{
	int nice = PRIVILEGE_NO_GROUP;
	FILE *f = fopen("/proc/self/autogroup", "re");

	if (f && fscanf(f, "%*s nice %d", &nice) != 1)
		nice = PRIVILEGE_NO_GROUP;
	if (f)
		fclose(f);
	return nice;
}

static bool set_session_nice(int nice)
{
	FILE *f = fopen("/proc/self/autogroup", "we");

	if (f)
		(void)fprintf(f, "%d", nice);
	return f && !fclose(f);
}

/* What body() leaves the nice value of a new session at. */
static int left_by(void (*body)(void), int before)
{
	int fds[2], nice = NOT_TO_BE_RAISED, status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (setsid() >= 0 && set_session_nice(PRIVILEGE_NICE) && set_session_nice(before)) {
			body();
			nice = session_nice();
		}
		_exit(write(fds[1], &nice, sizeof(nice)) != sizeof(nice));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(read(fds[0], &nice, sizeof(nice)), sizeof(nice));
	close(fds[0]);
	close(fds[1]);
	return nice;
}

static void ask_and_give_back(void)
{
	struct privilege p = privilege_ask(0);

	privilege_give_back(&p);
}

/* As by SIGKILL: a process asks, and ends without a word. */
static void ask_and_die(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)privilege_ask(0);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
}

static void one_dies_and_one_comes_after(void)
{
	ask_and_die();
	ask_and_give_back();
}

START_TEST(a_session_is_left_as_it_was)
{
	int left = left_by(ask_and_give_back, 5);

	ck_assert(left == 5 || left == NOT_TO_BE_RAISED);
}
END_TEST

START_TEST(a_session_is_not_left_raised)
{
	int killed = left_by(ask_and_die, 0), after = left_by(one_dies_and_one_comes_after, 0);

	ck_assert(killed == PRIVILEGE_NICE || killed == NOT_TO_BE_RAISED); /* nobody could */
	ck_assert_int_eq(after, killed == PRIVILEGE_NICE ? 0 : NOT_TO_BE_RAISED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("privilege");

	add_test(suite, "a session is left as it was", a_session_is_left_as_it_was);
	add_test(suite, "a session is not left raised", a_session_is_not_left_raised);
	return run_suite(suite);
}
