#include "harness/run/control.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "harness/net/clock.h"

enum { CONTROL_BUFFER_BYTES = 1 << 20, DESCRIPTORS_SPARE = 128 };

uint32_t control_connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	        limit.rlim_max >= CONTROL_CONNECTIONS_MAX + DESCRIPTORS_SPARE)
		return CONTROL_CONNECTIONS_MAX;
	return limit.rlim_max > 2 * DESCRIPTORS_SPARE ? (uint32_t)limit.rlim_max - DESCRIPTORS_SPARE
	                                              : DESCRIPTORS_SPARE;
}

static size_t size_of(const struct control_message *m)
{
	size_t head = offsetof(struct control_message, piece);

	if (m->type == CONTROL_PLAN)
		return head + m->n;
	if (m->type == CONTROL_ERROR)
		return head + sizeof(m->error);
	if (m->type == CONTROL_DIGEST)
		return head + sizeof(m->digest);
	_Static_assert(sizeof(m->stalled) <= sizeof(m->signal), "a small one");
	return head + sizeof(m->signal); /* the largest of the small ones */
}

enum status control_pair(int fds[static 2], struct error *err)
{
	int bytes = CONTROL_BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return error_set(err, ERR_ENVIRONMENT, "cannot make the control channel: %s",
		        strerror(errno));
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return ERR_NONE;
}

bool control_send(int fd, const struct control_message *m)
{
	for (;;) {
		struct pollfd room = {.fd = fd, .events = POLLOUT};

		if (send(fd, m, size_of(m), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return true;
		if (errno != EAGAIN && errno != EINTR)
			return false;
		(void)poll(&room, 1, 100);
	}
}

enum control_got control_receive(int fd, struct control_message *m, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		ssize_t got = recv(fd, m, sizeof(*m), MSG_DONTWAIT);
		int64_t left;

		if (got > 0)
			return CONTROL_GOT;
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			return CONTROL_EOF;
		left = deadline_ns ? clock_left_ns(deadline_ns, clock_now_ns()) : 0;
		if (left <= 0)
			return CONTROL_AGAIN;
		(void)poll(&ready, 1, (int)(left / 1000000) + 1);
	}
}

bool control_send_plan(int fd, const char *bundle, size_t n)
{
	struct control_message m = {.type = CONTROL_PLAN};

	for (size_t at = 0; at < n; at += m.n) {
		m.n = (uint32_t)(n - at < CONTROL_PIECE_MAX ? n - at : CONTROL_PIECE_MAX);
		memcpy(m.piece, bundle + at, m.n);
		if (!control_send(fd, &m))
			return false;
	}
	return control_send(fd, &(struct control_message){.type = CONTROL_PLAN_END});
}
