/* Preparing entries. io_uring_get_sqe() does not clear user_data and the library's prep functions
 * do not set it, so an entry without a tag would complete under the tag of whoever used that place
 * before. Here taking, preparing and tagging are one call, and the tag comes last. */
#include "harness/net/ring_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { SUBMIT_ATTEMPTS = 8 };

static struct io_uring_sqe *take_when_full(struct ring *r)
{
	r->stats.sq_full++;
	for (int i = 0; i < SUBMIT_ATTEMPTS; i++) {
		unsigned prepared = io_uring_sq_ready(&r->raw);
		int rc = io_uring_submit(&r->raw);
		struct io_uring_sqe *sqe = io_uring_get_sqe(&r->raw);

		r->stats.enters++;
		r->stats.submitted += prepared - io_uring_sq_ready(&r->raw) + (sqe != NULL);
		if (sqe)
			return sqe;
		if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY) {
			ring_poison(r, "a submission", -rc);
			return &r->nowhere;
		}
	}
	ring_poison(r, "a submission that made no room", EBUSY);
	return &r->nowhere;
}

static struct io_uring_sqe *take(struct ring *r)
{
	struct io_uring_sqe *sqe;

	if (LPC_UNLIKELY(r->poisoned))
		return &r->nowhere;
	sqe = io_uring_get_sqe(&r->raw);
	return LPC_LIKELY(sqe) ? sqe : take_when_full(r);
}

static void become_nop(struct io_uring_sqe *sqe, int32_t res)
{
	memset(sqe, 0, sizeof(*sqe));
	io_uring_prep_nop(sqe);
	sqe->rw_flags = RING_NOP_INJECT_RESULT;
	sqe->len = (uint32_t)res;
}

static void finish(struct ring *r, struct io_uring_sqe *sqe, uint64_t tag)
{
	struct ring_injection *in = &r->injection;

	if (LPC_UNLIKELY(in->nth) && sqe->opcode == in->opcode && --in->nth == 0)
		become_nop(sqe, in->res);
	sqe->user_data = tag;
}

void ring_inject(struct ring *r, uint8_t opcode, uint32_t nth, int32_t res)
{
	r->injection = (struct ring_injection){.nth = nth, .opcode = opcode, .res = res};
}

void ring_prep_recv_multishot(struct ring *r, uint64_t tag, int fd, uint16_t group)
{
	struct io_uring_sqe *sqe = take(r);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT; /* without it the kernel says EINVAL (R9) */
	sqe->buf_group = group;
	finish(r, sqe, tag);
}

void ring_prep_send(struct ring *r, uint64_t tag, int fd, const void *data, size_t n)
{
	struct io_uring_sqe *sqe = take(r);

	io_uring_prep_send(sqe, fd, data, n, MSG_NOSIGNAL);
	finish(r, sqe, tag);
}

void ring_prep_accept_multishot(struct ring *r, uint64_t tag, int fd)
{
	struct io_uring_sqe *sqe = take(r);

	io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	finish(r, sqe, tag);
}

void ring_prep_connect(struct ring *r, uint64_t tag, int fd, const struct sockaddr *a, uint32_t len)
{
	struct io_uring_sqe *sqe = take(r);

	io_uring_prep_connect(sqe, fd, a, len);
	finish(r, sqe, tag);
}

void ring_prep_cancel(struct ring *r, uint64_t tag, uint64_t target)
{
	struct io_uring_sqe *sqe = take(r);

	io_uring_prep_cancel64(sqe, target, 0);
	finish(r, sqe, tag);
}

void ring_prep_poll(struct ring *r, uint64_t tag, int fd, uint32_t events)
{
	struct io_uring_sqe *sqe = take(r);

	io_uring_prep_poll_multishot(sqe, fd, events);
	finish(r, sqe, tag);
}

void ring_prep_nop(struct ring *r, uint64_t tag, int32_t res)
{
	struct io_uring_sqe *sqe = take(r);

	become_nop(sqe, res);
	finish(r, sqe, tag);
}
