/* io_uring refused, as container runtimes do: a seccomp filter in the test's own process makes
 * io_uring_setup fail, and the message must name the cause and the way out. */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "harness/net/ring.h"
#include "tests/support/ring_skip.h"
#include "tests/support/run_suite.h"

static void forbid_io_uring(uint32_t error)
{
	struct sock_filter code[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void expect_refusal(uint32_t error, const char *cause)
{
	struct ring_config config = {.in_flight_max = 8};
	struct ring_check checks[RING_CHECKS_MAX];
	struct error err = ERROR_INIT;
	struct ring *ring;

	forbid_io_uring(error);
	ck_assert_int_eq(ring_open(&ring, &config, &err), ERR_ENVIRONMENT);
	ck_assert_ptr_nonnull(strstr(err.text, cause));
	ck_assert_ptr_nonnull(strstr(err.text, "--clock virtual"));
	ck_assert_uint_eq(ring_probe(checks), 1);
	ck_assert(!checks[0].ok && checks[0].required && checks[0].detail[0]);
}

START_TEST(not_permitted)
{
	expect_refusal(EPERM, "seccomp");
}
END_TEST

START_TEST(not_there)
{
	expect_refusal(ENOSYS, "this kernel has none");
}
END_TEST

START_TEST(no_memory)
{
	expect_refusal(ENOMEM, "RLIMIT_MEMLOCK");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("refusal");

	if (ring_is_refused())
		return EXIT_SKIPPED;
	add_test(s, "EPERM", not_permitted);
	add_test(s, "ENOSYS", not_there);
	add_test(s, "ENOMEM", no_memory);
	return run_suite(s);
}
