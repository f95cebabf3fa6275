/* Accepting under pressure.
 *
 * A multishot accept ends when the process is out of descriptors, and with the queue still full it
 * would end again at once: a loop that burns the core the server needs to free a descriptor. So
 * arming again waits, 10 ms at first, doubling up to 1 s. Meanwhile the peers in the backlog think
 * they are connected. One descriptor is therefore held in reserve (a duplicate of nothing in
 * particular): it is closed, one peer is accepted in its place and closed at once, which tells that
 * peer, and the reserve is opened again.
 *
 * Only a completion without F_MORE means that the accept is over; arming on every error would
 * double it (S10). Errors that concern one connection (ECONNABORTED, a firewall's EPERM) go on;
 * sixty-four in a row without a connection in between are taken as the socket's own and end the
 * listener.
 *
 * While closing, descriptors that still arrive are consumed: a cancel does not undo an accept (S3).
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/net/clock.h"
#include "harness/net/conn.h"
#include "harness/net/ring.h"

enum listener_op { LISTENER_ACCEPT, LISTENER_CANCEL, LISTENER_OPS };

enum { FAILURES_MAX = 64 };
#define BACKOFF_MIN_NS  INT64_C(10000000)
#define BACKOFF_MAX_NS  INT64_C(1000000000)
#define JOIN_TIMEOUT_NS INT64_C(5000000000)

struct listener {
	struct ring *ring;
	struct conn_group *group;
	int fd, reserve_fd;
	uint32_t op_base, in_flight, failures;
	int64_t retry_at_ns; /* when to arm again; CLOCK_NEVER = armed, or given up */
	int64_t backoff_ns;
	bool closing;
	struct listener_stats stats;
};

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void arm(struct listener *l)
{
	l->retry_at_ns = CLOCK_NEVER;
	l->in_flight++;
	ring_prep_accept_multishot(l->ring, ring_tag(l->op_base + LISTENER_ACCEPT, 0, 0), l->fd);
}

static int64_t hook(void *owner, int64_t now_ns)
{
	struct listener *l = owner;

	if (l->retry_at_ns <= now_ns && !l->closing) {
		l->stats.rearmed++;
		arm(l);
	}
	return l->retry_at_ns;
}

/* Tells one waiting peer that there is no room, at the price of the reserve descriptor. */
static void shed_one(struct listener *l)
{
	struct pollfd waiting = {.fd = l->fd, .events = POLLIN};
	int fd;

	if (l->reserve_fd >= 0)
		close(l->reserve_fd);
	if (poll(&waiting, 1, 0) == 1) {
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
	}
	l->reserve_fd = open_reserve();
}

static void accepted(struct listener *l, int fd)
{
	l->failures = 0;
	l->backoff_ns = 0;
	l->stats.accepted++;
	if (l->closing || !conn_adopt(l->group, fd))
		close(fd);
}

static void back_off(struct listener *l)
{
	l->backoff_ns = l->backoff_ns ? l->backoff_ns * 2 : BACKOFF_MIN_NS;
	if (l->backoff_ns > BACKOFF_MAX_NS)
		l->backoff_ns = BACKOFF_MAX_NS;
}

static void failed(struct listener *l, int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		l->stats.fd_exhausted++;
		shed_one(l);
		back_off(l);
		break;
	case ECANCELED:
		break;
	default:
		l->stats.aborted++;
		if (++l->failures == FAILURES_MAX)
			l->stats.error = error;
	}
}

static void on_event(void *owner, const struct ring_event *e)
{
	struct listener *l = owner;
	bool over = !(e->flags & IORING_CQE_F_MORE);

	if (over)
		l->in_flight--;
	if (e->op == LISTENER_CANCEL)
		return;
	if (e->res >= 0)
		accepted(l, e->res);
	else
		failed(l, -e->res);
	if (over && !l->closing && !l->stats.error)
		l->retry_at_ns = e->t_ns + l->backoff_ns;
}

enum status listener_open(struct listener **out, struct conn_group *g, int fd, struct error *err)
{
	struct listener *l = mem_alloc(1, sizeof(*l));

	l->reserve_fd = open_reserve();
	if (l->reserve_fd < 0) {
		mem_free(l);
		return error_set(err, ERR_ENVIRONMENT, "no file descriptor left (ulimit -n)");
	}
	l->ring = conn_group_ring(g);
	l->group = g;
	l->fd = fd;
	l->op_base = ring_add_ops(l->ring, LISTENER_OPS, on_event, l);
	ring_add_hook(l->ring, hook, l);
	arm(l);
	*out = l;
	return ERR_NONE;
}

void listener_close(struct listener *l)
{
	int64_t deadline_ns = clock_now_ns() + JOIN_TIMEOUT_NS;
	struct error err = ERROR_INIT;

	if (!l)
		return;
	l->closing = true;
	l->retry_at_ns = CLOCK_NEVER;
	if (l->in_flight) {
		l->in_flight++;
		ring_prep_cancel(l->ring, ring_tag(l->op_base + LISTENER_CANCEL, 0, 0),
		        ring_tag(l->op_base + LISTENER_ACCEPT, 0, 0));
	}
	while (l->in_flight && clock_now_ns() < deadline_ns)
		if (ring_turn(l->ring, deadline_ns, &err) != ERR_NONE)
			break;
	ring_remove(l->ring, l);
	if (l->reserve_fd >= 0)
		close(l->reserve_fd);
	close(l->fd);
	mem_free(l);
}

const struct listener_stats *listener_stats(const struct listener *l)
{
	return &l->stats;
}
