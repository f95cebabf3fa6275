/* A ring, a group and a handler that writes everything down: what the connection tests stand on. */
#ifndef LPC_TESTS_NET_RIG_H
#define LPC_TESTS_NET_RIG_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "harness/net/clock.h"
#include "harness/net/conn.h"
#include "harness/net/ring.h"

#define RIG_MS         INT64_C(1000000)
#define RIG_TIMEOUT_NS (5000 * RIG_MS)
enum { RIG_LOG_MAX = 1 << 16 };

/* Per connection, in its user memory. */
struct rig_conn {
	uint32_t opened, eofs, writes_sent, error;
	uint32_t n;    /* bytes received */
	uint32_t take; /* bytes on_data takes at a time; 0 = all */
	uint64_t sum;  /* position-dependent checksum of what was received */
	bool echo, close_on_data;
};

struct rig {
	struct ring *ring;
	struct conn_group *group;
	struct conn *last_opened;
	uint32_t opened, closed, errors, eofs;
	bool echo; /* for connections to come */
};

static inline uint64_t rig_mix(uint64_t sum, uint32_t position, char byte)
{
	return sum + (uint64_t)(unsigned char)byte * (2 * (uint64_t)position + 1);
}

static inline char rig_byte(uint32_t position) /* what the tests send */
{
	return (char)(position * 31 + (position >> 8));
}

static inline uint64_t rig_sum(uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum = rig_mix(sum, i, rig_byte(i));
	return sum;
}

static inline struct rig *rig_of(struct conn *c)
{
	return conn_group_ctx(conn_group_of(c));
}

static inline struct rig_conn *rig_user(struct conn *c)
{
	return conn_user(c);
}

static void rig_on_open(struct conn *c, int64_t t_ns)
{
	ck_assert_int_gt(t_ns, 0);
	rig_user(c)->opened++;
	rig_user(c)->echo = rig_of(c)->echo;
	rig_of(c)->opened++;
	rig_of(c)->last_opened = c;
}

static size_t rig_on_data(struct conn *c, const char *data, size_t n, int64_t t_ns)
{
	struct rig_conn *u = rig_user(c);
	size_t take = u->take && u->take < n ? u->take : n;

	(void)t_ns;
	ck_assert(u->opened == 1 && u->eofs == 0);
	if (u->echo && !conn_write(c, data, take))
		return 0;
	for (size_t i = 0; i < take; i++)
		u->sum = rig_mix(u->sum, u->n++, data[i]);
	if (u->close_on_data)
		conn_close(c);
	return take;
}

static void rig_on_sent(struct conn *c, uint32_t writes, int64_t t_ns)
{
	(void)t_ns;
	rig_user(c)->writes_sent += writes;
	if (conn_is_paused(c) && rig_user(c)->echo)
		conn_resume(c);
}

static void rig_on_eof(struct conn *c, int64_t t_ns)
{
	(void)t_ns;
	rig_user(c)->eofs++;
	rig_of(c)->eofs++;
}

static void rig_on_error(struct conn *c, int error, int64_t t_ns)
{
	(void)t_ns;
	ck_assert_int_gt(error, 0);
	rig_user(c)->error = (uint32_t)error;
	rig_of(c)->errors++;
}

static void rig_on_closed(struct conn *c, int64_t t_ns)
{
	(void)t_ns;
	rig_of(c)->closed++;
}

static const struct conn_handler rig_handler = {
        .on_open = rig_on_open,
        .on_data = rig_on_data,
        .on_sent = rig_on_sent,
        .on_eof = rig_on_eof,
        .on_error = rig_on_error,
        .on_closed = rig_on_closed,
};

static inline struct conn_config rig_config(void)
{
	return (struct conn_config){
	        .limit = 64,
	        .user_bytes = sizeof(struct rig_conn),
	        .recv_buffers = 64,
	        .recv_buffer_bytes = 2048,
	        .chunk_bytes = 1024,
	        .chunk_limit = 1024,
	        .queue_bytes = 1 << 20,
	        .queue_writes = 1024,
	};
}

static inline void rig_open(struct rig *g, const struct conn_config *config)
{
	struct ring_config ring = {.in_flight_max = 3 * config->limit + config->recv_buffers};
	struct error err = ERROR_INIT;

	memset(g, 0, sizeof(*g));
	ck_assert_msg(ring_open(&g->ring, &ring, &err) == ERR_NONE, "%s", err.text);
	ck_assert_msg(
	        conn_group_open(&g->group, g->ring, config, &rig_handler, g, &err) == ERR_NONE,
	        "%s", err.text);
}

static inline void rig_close(struct rig *g)
{
	conn_group_close(g->group);
	ck_assert_int_eq(ring_is_poisoned(g->ring), 0);
	ring_close(g->ring);
}

static inline void rig_turn(struct rig *g, int64_t wait_ns)
{
	struct error err = ERROR_INIT;

	ck_assert_msg(
	        ring_turn(g->ring, clock_now_ns() + wait_ns, &err) == ERR_NONE, "%s", err.text);
}

/* Turns the ring until `done`, at most five seconds. */
#define rig_until(g, done)                                                                         \
	do {                                                                                       \
		int64_t deadline_ns_ = clock_now_ns() + RIG_TIMEOUT_NS;                            \
		while (!(done)) {                                                                  \
			ck_assert_msg(clock_now_ns() < deadline_ns_, "timed out: " #done);         \
			rig_turn((g), 10 * RIG_MS);                                                \
		}                                                                                  \
	} while (0)

/* A connection in the group and the test's own, non-blocking end of it. */
static inline struct conn *rig_pair(struct rig *g, int *peer)
{
	struct conn *c;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_int_eq(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	*peer = fd[1];
	c = conn_adopt(g->group, fd[0]);
	ck_assert_ptr_nonnull(c);
	return c;
}

static inline void rig_listen(
        int *fd, struct sock_address *bound, const struct sock_options *options)
{
	struct sock_address any;
	struct error err = ERROR_INIT;

	ck_assert_int_eq(sock_parse(&any, "127.0.0.1:0", &err), ERR_NONE);
	ck_assert_msg(sock_listen(fd, bound, &any, 128, options, &err) == ERR_NONE, "%s", err.text);
}

/* A plain client, connected. */
static inline int rig_dial(const struct sock_address *to)
{
	int fd = socket(to->a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to->a, to->len), 0);
	return fd;
}

#endif
