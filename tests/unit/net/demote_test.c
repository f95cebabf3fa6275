/* Privileges that are given up stay away. As root: whom the process becomes; with a user namespace:
 * root of one that has no other user; as anybody: nothing to lose, and no error. */
#include "harness/net/demote.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/if_packet.h>
#include <unistd.h>
#include "tests/support/run_suite.h"

/* The hexadecimal number behind `name` in /proc/self/status. */
static unsigned long long status_of(const char *name)
{
	unsigned long long v = ~0ULL;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			v = strtoull(line + strlen(name), NULL, 16);
	fclose(f);
	return v;
}

static void has_nothing_left(void)
{
	ck_assert_uint_eq(status_of("CapInh:"), 0);
	ck_assert_uint_eq(status_of("CapPrm:"), 0);
	ck_assert_uint_eq(status_of("CapEff:"), 0);
	ck_assert_uint_eq(status_of("CapAmb:"), 0);
	ck_assert_uint_eq(status_of("NoNewPrivs:"), 1);
	ck_assert_int_lt(socket(AF_PACKET, SOCK_RAW, 0), 0);
	ck_assert_int_ne(setgroups(0, NULL), 0);
}

static void is_now(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg, groups[4];

	ck_assert_int_eq(getresuid(&r, &e, &s), 0);
	ck_assert(r == uid && e == uid && s == uid);
	ck_assert_int_eq(getresgid(&rg, &eg, &sg), 0);
	ck_assert(rg == gid && eg == gid && sg == gid);
	ck_assert_int_eq(getgroups(4, groups), 1);
	ck_assert_uint_eq(groups[0], gid);
	ck_assert_int_ne(setresuid(0, 0, 0), 0);
	ck_assert_uint_eq(status_of("CapBnd:"), 0);
}

START_TEST(root_becomes_who_called_sudo)
{
	struct error err = ERROR_INIT;

	setenv("SUDO_UID", "1234", 1);
	setenv("SUDO_GID", "2345", 1);
	ck_assert_int_eq(demote_process(&err), ERR_NONE);
	is_now(1234, 2345);
	has_nothing_left();
}
END_TEST

START_TEST(root_becomes_nobody)
{
	static const char *const uids[] = {
	        NULL, "", "0", "-1", "1000x", " 1", "4294967295", "99999999999999999999"};
	struct error err = ERROR_INIT;

	unsetenv("SUDO_UID");
	setenv("SUDO_GID", "2345", 1); /* of nobody whom we know */
	if (uids[_i])
		setenv("SUDO_UID", uids[_i], 1);
	ck_assert_int_eq(demote_process(&err), ERR_NONE);
	is_now(65534, 65534);
	has_nothing_left();
	ck_assert_int_eq(demote_process(&err), ERR_NONE); /* a second time is nothing new */
}
END_TEST

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

START_TEST(the_only_user_stays)
{
	struct error err = ERROR_INIT;
	char map[64];

	if (getuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0); /* else its files are root's */
	snprintf(map, sizeof(map), "0 %u 1", getuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		printf("no user namespaces here: not tested\n");
		return;
	}
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", map);
	ck_assert_uint_eq(geteuid(), 0);
	ck_assert_uint_ne(status_of("CapEff:"), 0);
	ck_assert_int_eq(demote_process(&err), ERR_NONE);
	ck_assert_uint_eq(geteuid(), 0);
	has_nothing_left();
}
END_TEST

START_TEST(nothing_to_lose)
{
	struct error err = ERROR_INIT;
	uid_t me;

	if (getuid() == 0) {
		ck_assert_int_eq(setgroups(0, NULL), 0);
		ck_assert_int_eq(setresgid(4321, 4321, 4321), 0);
		ck_assert_int_eq(setresuid(4321, 4321, 4321), 0);
	}
	me = getuid();
	setenv("SUDO_UID", "1234", 1);
	ck_assert(!demote_heir().changes);
	ck_assert_int_eq(demote_process(&err), ERR_NONE);
	ck_assert_uint_eq(getuid(), me);
	has_nothing_left();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("demote");
	TCase *nobody = tcase_create("root becomes nobody");

	if (getuid() == 0) {
		add_test(suite, "root becomes who called sudo", root_becomes_who_called_sudo);
		tcase_add_loop_test(nobody, root_becomes_nobody, 0, 8);
		suite_add_tcase(suite, nobody);
	}
	add_test(suite, "the only user stays", the_only_user_stays);
	add_test(suite, "nothing to lose", nothing_to_lose);
	return run_suite(suite);
}
