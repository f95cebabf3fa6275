/* Connections over real sockets: what arrives, what is told, and that nothing stays behind. */
#include "tests/unit/net/rig.h"

#include <liburing.h>
#include "tests/support/ring_skip.h"
#include "tests/support/run_suite.h"

static void send_bytes(int fd, uint32_t from, uint32_t n)
{
	char *buf = malloc(n);

	for (uint32_t i = 0; i < n; i++)
		buf[i] = rig_byte(from + i);
	ck_assert_int_eq(send(fd, buf, n, MSG_NOSIGNAL), (int)n);
	free(buf);
}

static void write_bytes(struct conn *c, uint32_t from, uint32_t n)
{
	char *buf = malloc(n);

	for (uint32_t i = 0; i < n; i++)
		buf[i] = rig_byte(from + i);
	ck_assert(conn_write(c, buf, n));
	free(buf);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(bytes_arrive_in_order_and_eof_is_told_once)
{
	struct conn_config config = rig_config();
	struct rig g;
	struct conn *c;
	int peer;

	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	send_bytes(peer, 0, 3000);
	close(peer);
	rig_until(&g, rig_user(c)->eofs);
	ck_assert_uint_eq(rig_user(c)->n, 3000);
	ck_assert_uint_eq(rig_user(c)->sum, rig_sum(3000));
	ck_assert_uint_eq(g.errors, 0);
	ck_assert(conn_is_open(c));
	rig_close(&g);
	ck_assert_uint_eq(g.closed, 1);
}
END_TEST

/* A server and a client in one group; send buffers so small that every send is short or waits. */
START_TEST(echo_over_tcp_survives_short_sends)
{
	enum { TOTAL = 400000 };
	struct conn_config config = rig_config();
	struct listener *listener;
	struct error err = ERROR_INIT;
	struct sock_address at;
	struct conn *client;
	struct rig g;
	int fd, error;

	config.chunk_bytes = 65536;
	config.chunk_limit = 64;
	config.socket = (struct sock_options){.sndbuf_bytes = 4096, .rcvbuf_bytes = 4096};
	rig_open(&g, &config);
	g.echo = true;
	rig_listen(&fd, &at, &config.socket);
	ck_assert_int_eq(listener_open(&listener, g.group, fd, &err), ERR_NONE);
	client = conn_connect(g.group, &at, &error);
	ck_assert_ptr_nonnull(client);
	rig_until(&g, g.opened == 2);
	rig_user(client)->echo = false;
	for (uint32_t sent = 0; sent < TOTAL; sent += 1000) {
		write_bytes(client, sent, 1000);
		if (conn_queued_bytes(client) > 100000)
			rig_until(&g, conn_queued_bytes(client) < 20000);
	}
	rig_until(&g, rig_user(client)->n == TOTAL);
	ck_assert_uint_eq(rig_user(client)->sum, rig_sum(TOTAL));
	ck_assert_uint_eq(rig_user(client)->writes_sent, TOTAL / 1000);
	ck_assert_uint_gt(conn_group_stats(g.group)->short_sends, 0);
	listener_close(listener);
	rig_close(&g);
}
END_TEST

START_TEST(reset_is_an_error_and_no_eof)
{
	struct conn_config config = rig_config();
	struct linger hard = {.l_onoff = 1};
	struct listener *listener;
	struct error err = ERROR_INIT;
	struct sock_address at;
	struct rig g;
	int fd, peer;

	rig_open(&g, &config);
	rig_listen(&fd, &at, &config.socket);
	ck_assert_int_eq(listener_open(&listener, g.group, fd, &err), ERR_NONE);
	peer = rig_dial(&at);
	rig_until(&g, g.opened == 1);
	ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(peer);
	rig_until(&g, g.closed == 1);
	ck_assert_uint_eq(g.errors, 1);
	ck_assert_uint_eq(g.eofs, 0);
	listener_close(listener);
	rig_close(&g);
}
END_TEST

START_TEST(a_refused_connect_tells_its_error_and_closes)
{
	struct conn_config config = rig_config();
	struct sock_address at;
	struct conn *c;
	struct rig g;
	int fd, error;

	rig_listen(&fd, &at, &config.socket);
	close(fd); /* a port nobody listens on */
	rig_open(&g, &config);
	c = conn_connect(g.group, &at, &error);
	ck_assert_ptr_nonnull(c);
	rig_until(&g, g.closed == 1);
	ck_assert_uint_eq(rig_user(c)->error, ECONNREFUSED);
	ck_assert_uint_eq(g.opened, 0);
	rig_close(&g);
}
END_TEST

START_TEST(close_sends_fin_joins_and_frees_the_descriptor)
{
	struct conn_config config = rig_config();
	int peer, before = open_fds();
	struct rig g;
	struct conn *c;
	uint64_t handle;
	char byte;

	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	handle = conn_handle(c);
	ck_assert_ptr_eq(conn_find(g.group, handle), c);
	conn_close(c);
	conn_close(c);
	ck_assert(!conn_write(c, "x", 1));
	rig_until(&g, g.closed == 1);
	ck_assert_ptr_null(conn_find(g.group, handle));
	ck_assert_int_eq(recv(peer, &byte, 1, 0), 0);
	close(peer);
	rig_close(&g);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(close_inside_on_data_is_the_last_callback_but_one)
{
	struct conn_config config = rig_config();
	struct rig g;
	struct conn *c;
	int peer;

	config.recv_buffer_bytes = 16;
	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	rig_user(c)->close_on_data = true;
	send_bytes(peer, 0, 100);
	rig_until(&g, g.closed == 1);
	ck_assert_uint_eq(rig_user(c)->n, 16);
	close(peer);
	rig_close(&g);
}
END_TEST

/* Forty connections over two buffers of eight bytes: every byte arrives, and nobody starves. */
START_TEST(forty_connections_share_two_tiny_buffers)
{
	enum { CONNECTIONS = 40, BYTES = 100 };
	struct conn_config config = rig_config();
	struct conn *c[CONNECTIONS];
	int peer[CONNECTIONS];
	uint32_t arrived;
	struct rig g;

	config.recv_buffers = 2;
	config.recv_buffer_bytes = 8;
	rig_open(&g, &config);
	for (int i = 0; i < CONNECTIONS; i++) {
		c[i] = rig_pair(&g, &peer[i]);
		send_bytes(peer[i], 0, BYTES);
	}
	do {
		rig_turn(&g, 100 * RIG_MS);
		arrived = 0;
		for (int i = 0; i < CONNECTIONS; i++)
			arrived += rig_user(c[i])->n;
		ck_assert_uint_lt(ring_stats(g.ring)->turns, 100000);
	} while (arrived < CONNECTIONS * BYTES);
	for (int i = 0; i < CONNECTIONS; i++) {
		ck_assert_uint_eq(rig_user(c[i])->sum, rig_sum(BYTES));
		close(peer[i]);
	}
	ck_assert_uint_gt(conn_group_stats(g.group)->starved, 0);
	rig_until(&g, g.eofs == CONNECTIONS);
	rig_close(&g);
}
END_TEST

/* Closing while most are parked: slots come back although their place in the FIFO was not reached.
 */
START_TEST(parked_connections_can_be_closed)
{
	enum { CONNECTIONS = 40 };
	struct conn_config config = rig_config();
	int peer[CONNECTIONS];
	struct rig g;

	config.recv_buffers = 1;
	config.recv_buffer_bytes = 8;
	config.limit = CONNECTIONS;
	rig_open(&g, &config);
	for (int round = 0; round < 3; round++) {
		struct conn *c[CONNECTIONS];

		for (int i = 0; i < CONNECTIONS; i++) {
			c[i] = rig_pair(&g, &peer[i]);
			send_bytes(peer[i], 0, 64);
		}
		rig_turn(&g, RIG_MS);
		rig_turn(&g, RIG_MS);
		for (int i = 0; i < CONNECTIONS; i++)
			conn_close(c[i]);
		rig_until(&g, conn_group_live(g.group) == 0);
		for (int i = 0; i < CONNECTIONS; i++)
			close(peer[i]);
	}
	ck_assert_uint_gt(conn_group_stats(g.group)->starved, 0);
	ck_assert_uint_eq(g.closed, 3 * CONNECTIONS);
	rig_close(&g);
}
END_TEST

START_TEST(a_stale_completion_is_counted_and_ignored)
{
	struct conn_config config = rig_config();
	uint64_t old_handle, old_tag;
	struct conn *c;
	struct rig g;
	int peer;

	config.limit = 1;
	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	old_handle = conn_handle(c);
	old_tag = ring_tag(0, (uint32_t)(old_handle >> 32), conn_slot(c)); /* op 0: its receive */
	conn_close(c);
	rig_until(&g, g.closed == 1);
	close(peer);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 2);
	ck_assert_uint_ne(conn_handle(c), old_handle);
	ring_prep_nop(g.ring, old_tag, -ECONNRESET);
	rig_until(&g, conn_group_stats(g.group)->stale == 1);
	ck_assert(conn_is_open(c));
	ck_assert_uint_eq(g.errors, 0);
	send_bytes(peer, 0, 10);
	rig_until(&g, rig_user(c)->n == 10);
	close(peer);
	rig_close(&g);
}
END_TEST

START_TEST(a_pause_keeps_the_rest_in_order)
{
	enum { BYTES = 5000 };
	struct conn_config config = rig_config();
	struct rig g;
	struct conn *c;
	int peer;

	config.recv_buffer_bytes = 64;
	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	rig_user(c)->take = 7;
	send_bytes(peer, 0, BYTES);
	close(peer);
	rig_until(&g, conn_is_paused(c));
	ck_assert_uint_eq(rig_user(c)->n, 7);
	for (int i = 0; i < 5; i++)
		rig_turn(&g, RIG_MS);
	ck_assert_uint_eq(rig_user(c)->n, 7);
	rig_until(&g, (conn_resume(c), rig_user(c)->eofs == 1));
	ck_assert_uint_eq(rig_user(c)->n, BYTES);
	ck_assert_uint_eq(rig_user(c)->sum, rig_sum(BYTES));
	rig_close(&g);
}
END_TEST

START_TEST(queue_limits_hold_and_writes_are_counted_exactly)
{
	struct conn_config config = rig_config();
	uint32_t writes = 0;
	struct rig g;
	struct conn *c;
	char event[213] = {0};
	char sink[4096];
	int peer;

	config.queue_writes = 64;
	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	while (rig_user(c)->writes_sent == writes) { /* until the socket is full */
		ck_assert(conn_write(c, event, sizeof(event)));
		writes++;
		rig_turn(&g, 0);
		rig_turn(&g, RIG_MS);
	}
	ck_assert_uint_eq(conn_queued_writes(c), writes - rig_user(c)->writes_sent);
	while (conn_queued_writes(c) < 64) {
		ck_assert(conn_write(c, event, sizeof(event)));
		writes++;
	}
	ck_assert(!conn_write(c, event, 1));
	ck_assert_ptr_null(conn_reserve(c, 1));
	ck_assert_uint_eq(conn_group_stats(g.group)->queue_refused, 2);
	while (conn_queued_writes(c)) {
		(void)!recv(peer, sink, sizeof(sink), 0);
		rig_turn(&g, 0);
	}
	ck_assert_uint_eq(rig_user(c)->writes_sent, writes);
	ck_assert_uint_eq(conn_queued_bytes(c), 0);
	close(peer);
	rig_close(&g);
}
END_TEST

START_TEST(reserve_and_commit_write_in_place)
{
	struct conn_config config = rig_config();
	char got[3000];
	size_t n = 0;
	struct rig g;
	struct conn *c;
	int peer;

	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	for (int i = 0; i < 10; i++) {
		char *at = conn_reserve(c, 1024);

		ck_assert_ptr_nonnull(at);
		memset(at, 'a' + i, 200);
		conn_commit(c, 200);
	}
	rig_until(&g, conn_queued_writes(c) == 0);
	ck_assert_uint_eq(rig_user(c)->writes_sent, 10);
	while (n < 2000) {
		ssize_t rc = recv(peer, got + n, sizeof(got) - n, 0);

		ck_assert_int_gt(rc, 0);
		n += (size_t)rc;
	}
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(got[i], 'a' + (int)(i / 200));
	close(peer);
	rig_close(&g);
}
END_TEST

START_TEST(finish_sends_fin_after_the_queue_and_still_receives)
{
	struct conn_config config = rig_config();
	char got[64];
	struct rig g;
	struct conn *c;
	int peer;

	rig_open(&g, &config);
	c = rig_pair(&g, &peer);
	rig_until(&g, g.opened == 1);
	ck_assert(conn_write(c, "bye", 3));
	conn_finish(c);
	ck_assert(!conn_write(c, "x", 1));
	rig_until(&g, rig_user(c)->writes_sent == 1);
	ck_assert_int_eq(recv(peer, got, sizeof(got), 0), 3);
	ck_assert_int_eq(recv(peer, got, sizeof(got), 0), 0);
	send_bytes(peer, 0, 5);
	rig_until(&g, rig_user(c)->n == 5);
	close(peer);
	rig_until(&g, rig_user(c)->eofs == 1);
	rig_close(&g);
}
END_TEST

START_TEST(a_full_group_refuses)
{
	struct conn_config config = rig_config();
	struct sock_address at;
	struct rig g;
	int fd[2], peer, error = 0, listening;

	config.limit = 1;
	rig_open(&g, &config);
	(void)rig_pair(&g, &peer);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_ptr_null(conn_adopt(g.group, fd[0]));
	rig_listen(&listening, &at, &config.socket);
	ck_assert_ptr_null(conn_connect(g.group, &at, &error));
	ck_assert_int_eq(error, ENOBUFS);
	ck_assert_uint_eq(conn_group_stats(g.group)->refused, 1);
	close(listening);
	close(fd[0]);
	close(fd[1]);
	close(peer);
	rig_close(&g);
}
END_TEST

/* Fails the n-th receive, send or connect, n = 1, 2, 3, …, in every way that matters: an exchange
 * either completes or ends with an error, nothing hangs, and everything is joined. */
static void exchange(uint8_t opcode, uint32_t nth, int32_t res)
{
	enum { ROUNDS = 4 };
	struct conn_config config = rig_config();
	struct listener *listener;
	struct error err = ERROR_INIT;
	struct sock_address at;
	struct conn *client;
	struct rig g;
	int fd, error;

	rig_open(&g, &config);
	g.echo = true;
	rig_listen(&fd, &at, &config.socket);
	ck_assert_int_eq(listener_open(&listener, g.group, fd, &err), ERR_NONE);
	ring_inject(g.ring, opcode, nth, res);
	client = conn_connect(g.group, &at, &error);
	rig_until(&g, g.opened == 2 || g.errors);
	if (!g.errors) {
		uint64_t handle = conn_handle(client);

		rig_user(client)->echo = false;
		for (uint32_t i = 1; i <= ROUNDS && conn_find(g.group, handle); i++) {
			if (!conn_write(client, "ping", 4))
				break;
			rig_until(&g, !conn_find(g.group, handle) || !conn_is_open(client) ||
			                      rig_user(client)->n == 4 * i || g.errors || g.eofs);
		}
	}
	listener_close(listener);
	rig_close(&g);
	ck_assert_uint_eq(g.closed, g.opened + (g.opened == 0));
}

START_TEST(the_nth_operation_fails)
{
	static const uint8_t opcodes[] = {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_CONNECT};
	static const int32_t results[] = {-EINTR, -ECONNRESET, -EIO, -EAGAIN, -EPIPE};

	for (size_t o = 0; o < ARRAY_LEN(opcodes); o++)
		for (size_t r = 0; r < ARRAY_LEN(results); r++)
			for (uint32_t nth = 1; nth <= 6; nth++)
				exchange(opcodes[o], nth, results[r]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conn");
	TCase *t = tcase_create("conn");

	if (ring_is_refused())
		return EXIT_SKIPPED;
	tcase_set_timeout(t, 30);
	tcase_add_test(t, bytes_arrive_in_order_and_eof_is_told_once);
	tcase_add_test(t, echo_over_tcp_survives_short_sends);
	tcase_add_test(t, reset_is_an_error_and_no_eof);
	tcase_add_test(t, a_refused_connect_tells_its_error_and_closes);
	tcase_add_test(t, close_sends_fin_joins_and_frees_the_descriptor);
	tcase_add_test(t, close_inside_on_data_is_the_last_callback_but_one);
	tcase_add_test(t, forty_connections_share_two_tiny_buffers);
	tcase_add_test(t, parked_connections_can_be_closed);
	tcase_add_test(t, a_stale_completion_is_counted_and_ignored);
	tcase_add_test(t, a_pause_keeps_the_rest_in_order);
	tcase_add_test(t, queue_limits_hold_and_writes_are_counted_exactly);
	tcase_add_test(t, reserve_and_commit_write_in_place);
	tcase_add_test(t, finish_sends_fin_after_the_queue_and_still_receives);
	tcase_add_test(t, a_full_group_refuses);
	tcase_add_test(t, the_nth_operation_fails);
	suite_add_tcase(s, t);
	return run_suite(s);
}
