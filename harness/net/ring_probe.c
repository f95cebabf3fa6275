/* What this machine's io_uring can do, found out by doing it: versions mislead where distributions
 * backport. Every check opens what it needs and closes it again. */
#include "harness/net/ring_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_ENTRIES = 8, PROBE_GROUP = 1, PROBE_BUFFER_BYTES = 64 };

static const struct {
	const char *name;
	uint32_t flag, with; /* `with`: what the kernel wants beside it */
} setup_flags[] = {
        {"flag DEFER_TASKRUN", IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER},
        {"flag SINGLE_ISSUER", IORING_SETUP_SINGLE_ISSUER, 0},
        {"flag COOP_TASKRUN", IORING_SETUP_COOP_TASKRUN, 0},
        {"flag TASKRUN_FLAG", IORING_SETUP_TASKRUN_FLAG, IORING_SETUP_COOP_TASKRUN},
        {"flag SUBMIT_ALL", IORING_SETUP_SUBMIT_ALL, 0},
};

static const struct {
	const char *name;
	int op;
} ops[] = {
        {"op RECV", IORING_OP_RECV},
        {"op SEND", IORING_OP_SEND},
        {"op ACCEPT", IORING_OP_ACCEPT},
        {"op CONNECT", IORING_OP_CONNECT},
        {"op POLL_ADD", IORING_OP_POLL_ADD},
        {"op ASYNC_CANCEL", IORING_OP_ASYNC_CANCEL},
};

static const struct {
	const char *name;
	uint32_t feature;
} features[] = {
        {"feature NODROP", IORING_FEAT_NODROP},
        {"feature EXT_ARG", IORING_FEAT_EXT_ARG},
        {"feature SUBMIT_STABLE", IORING_FEAT_SUBMIT_STABLE},
        {"feature FAST_POLL", IORING_FEAT_FAST_POLL},
};

struct checks {
	struct ring_check *out;
	size_t n;
};

static void report(struct checks *c, const char *name, bool required, int rc)
{
	struct ring_check *k = &c->out[c->n++];

	CHECK(c->n <= RING_CHECKS_MAX);
	*k = (struct ring_check){.name = name, .ok = rc >= 0, .required = required};
	if (rc < 0)
		snprintf(k->detail, sizeof(k->detail), "%s", strerror(-rc));
}

static void check_flags(struct checks *c)
{
	for (size_t i = 0; i < ARRAY_LEN(setup_flags); i++) {
		struct io_uring raw;
		int rc = io_uring_queue_init(
		        PROBE_ENTRIES, &raw, setup_flags[i].flag | setup_flags[i].with);

		if (rc >= 0)
			io_uring_queue_exit(&raw);
		report(c, setup_flags[i].name, false, rc);
	}
}

static void check_ops(struct checks *c, struct io_uring *raw)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(raw);

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		bool ok = probe && io_uring_opcode_supported(probe, ops[i].op);

		report(c, ops[i].name, true, ok ? 0 : -EOPNOTSUPP);
	}
	if (probe)
		io_uring_free_probe(probe);
}

/* Submits what is prepared and returns the first completion's result; -ENOMSG if none came at once.
 */
static int first_result(struct io_uring *raw, uint32_t *flags)
{
	struct io_uring_cqe *cqe;
	int rc = io_uring_submit_and_get_events(raw);

	if (rc >= 0)
		rc = io_uring_peek_cqe(raw, &cqe);
	if (rc < 0)
		return rc == -EAGAIN ? -ENOMSG : rc;
	rc = cqe->res;
	*flags = cqe->flags;
	io_uring_cqe_seen(raw, cqe);
	return rc;
}

static int try_nop(struct io_uring *raw)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(raw);
	uint32_t flags;
	int rc;

	io_uring_prep_nop(sqe);
	sqe->rw_flags = RING_NOP_INJECT_RESULT;
	sqe->len = PROBE_ENTRIES;
	rc = first_result(raw, &flags);
	return rc == PROBE_ENTRIES ? 0 : rc < 0 ? rc : -EOPNOTSUPP;
}

/* One byte into a socketpair, received by a multishot over a registered ring of one buffer. */
static int try_receive(struct io_uring *raw, struct io_uring_buf_ring *ring, char *buffer)
{
	struct io_uring_buf_reg reg = {
	        .ring_addr = (uintptr_t)ring, .ring_entries = 1, .bgid = PROBE_GROUP};
	struct io_uring_sqe *sqe = io_uring_get_sqe(raw);
	uint32_t flags = 0;
	int fd[2], rc;

	rc = io_uring_register_buf_ring(raw, &reg, 0);
	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
	io_uring_buf_ring_add(ring, buffer, PROBE_BUFFER_BYTES, 0, 0, 0);
	io_uring_buf_ring_advance(ring, 1);
	io_uring_prep_recv_multishot(sqe, fd[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = PROBE_GROUP;
	rc = send(fd[1], "x", 1, MSG_NOSIGNAL) == 1 ? first_result(raw, &flags) : -errno;
	if (rc >= 0 && !(flags & IORING_CQE_F_MORE))
		rc = -EOPNOTSUPP;
	close(fd[1]);
	close(fd[0]);
	return rc;
}

static int try_buffers(struct io_uring *raw)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (memory == MAP_FAILED)
		return -errno;
	rc = try_receive(raw, memory, (char *)memory + sizeof(struct io_uring_buf));
	io_uring_queue_exit(raw); /* before the memory goes that it may write to */
	munmap(memory, page);
	return rc;
}

/* A multishot accept with nobody waiting: it must stay armed, silently. */
static int try_accept(struct io_uring *raw)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct io_uring_sqe *sqe;
	uint32_t flags;
	int rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 1) < 0) {
		rc = -errno;
		goto out;
	}
	sqe = io_uring_get_sqe(raw);
	io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, 0);
	rc = first_result(raw, &flags);
	rc = rc == -ENOMSG ? 0 : rc < 0 ? rc : -EOPNOTSUPP;
out:
	close(fd);
	return rc;
}

size_t ring_probe(struct ring_check out[static RING_CHECKS_MAX])
{
	struct checks c = {.out = out};
	struct error err = ERROR_INIT;
	uint32_t got, dropped;
	struct io_uring raw;
	int rc = ring_setup(&raw, PROBE_ENTRIES, PROBE_ENTRIES * 2, false, &got, &dropped);

	report(&c, "io_uring", true, rc);
	if (rc < 0) {
		(void)ring_refusal(-rc, &err);
		snprintf(out[0].detail, sizeof(out[0].detail), "%.*s",
		        (int)sizeof(out[0].detail) - 1, err.text);
		return c.n;
	}
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		report(&c, features[i].name, true,
		        raw.features & features[i].feature ? 0 : -EOPNOTSUPP);
	check_flags(&c);
	check_ops(&c, &raw);
	report(&c, "injected results (tests)", false, try_nop(&raw));
	report(&c, "multishot accept", true, try_accept(&raw));
	report(&c, "multishot receive into provided buffers", true, try_buffers(&raw));
	return c.n;
}
