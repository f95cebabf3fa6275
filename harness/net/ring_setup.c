/* Opening a ring where nobody promised one.
 *
 * Kernels differ in the flags they know, and one unknown flag makes the whole set-up EINVAL. Asking
 *for the version misleads (distributions backport), so the set-up is a ladder: ask for everything,
 *and on EINVAL drop one flag and ask again. The order of the rungs keeps every step valid:
 *DEFER_TASKRUN needs SINGLE_ISSUER, and TASKRUN_FLAG needs COOP_TASKRUN or DEFER_TASKRUN, so the
 *needy go first.
 *
 *	DEFER_TASKRUN   completions are made when we enter, in our batch, not by interrupting us
 *	SINGLE_ISSUER   the kernel may drop its locking: one thread, one ring
 *	TASKRUN_FLAG    tells us that completions wait to be made, so that we need not enter to find
 *out COOP_TASKRUN    the fallback for DEFER_TASKRUN: no inter-processor interrupt per completion
 *	SUBMIT_ALL      one bad entry does not hold up the ones behind it
 *
 * Flags that this liburing's own header does not define are never used, even where the kernel has
 *them: NO_SQARRAY with liburing 2.3 lets the library write its index array over the ring's header.
 *
 * A refused ring is the ordinary case in containers, so the message names the likely cause. */
#include "harness/net/ring_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const uint32_t rungs[] = {
        IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_SINGLE_ISSUER,
        IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_SUBMIT_ALL,
};

static uint32_t all_rungs(void)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(rungs); i++)
		flags |= rungs[i];
	return flags;
}

int ring_setup(struct io_uring *raw, uint32_t sq_entries, uint32_t cq_entries, bool plain,
        uint32_t *got, uint32_t *dropped)
{
	uint32_t flags = plain ? 0 : all_rungs();
	size_t rung = plain ? ARRAY_LEN(rungs) : 0;

	*dropped = 0;
	for (;;) {
		struct io_uring_params params = {
		        .flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		        .cq_entries = cq_entries,
		};
		int rc = io_uring_queue_init_params(sq_entries, raw, &params);

		*got = params.flags;
		if (rc != -EINVAL || rung == ARRAY_LEN(rungs))
			return rc;
		flags &= ~rungs[rung];
		*dropped |= rungs[rung++];
	}
}

/* The sysctl kernel.io_uring_disabled: 0 for all, 1 for a group only, 2 for nobody; -1 unknown. */
static int disabled_sysctl(void)
{
	int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
	char digit = 0;

	if (fd < 0)
		return -1;
	if (read(fd, &digit, 1) != 1)
		digit = 0;
	close(fd);
	return digit >= '0' && digit <= '2' ? digit - '0' : -1;
}

static const char *refusal_cause(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		switch (disabled_sysctl()) {
		case 2:
			return "the sysctl kernel.io_uring_disabled is 2: switched off for "
			       "everybody";
		case 1:
			return "the sysctl kernel.io_uring_disabled is 1: only for members of "
			       "kernel.io_uring_group and for CAP_SYS_ADMIN";
		default:
			return "a seccomp filter or security module forbids it, as container "
			       "runtimes do by default";
		}
	case ENOSYS:
		return "this kernel has none, or a seccomp filter hides it";
	case ENOMEM:
		return "not enough lockable memory for its queues (ulimit -l, RLIMIT_MEMLOCK)";
	case EMFILE:
	case ENFILE:
		return "no file descriptor left (ulimit -n)";
	case EINVAL:
		return "this kernel knows none of the set-ups that were tried";
	default:
		return strerror(error);
	}
}

enum status ring_refusal(int error, struct error *err)
{
	return error_set(err, ERR_ENVIRONMENT,
	        "expected a working io_uring, found it refused (%s): %s; --clock virtual needs "
	        "none",
	        strerrorname_np(error) ? strerrorname_np(error) : "unknown error",
	        refusal_cause(error));
}
