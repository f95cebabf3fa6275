/* Accepting: many peers, none of whom is forgotten when descriptors run out. */
#include "tests/unit/net/rig.h"

#include <liburing.h>
#include <sys/resource.h>
#include "tests/support/ring_skip.h"
#include "tests/support/run_suite.h"

static struct listener *open_listener(struct rig *g, struct sock_address *at, int *fd)
{
	struct sock_options none = {0};
	struct error err = ERROR_INIT;
	struct listener *l;

	rig_listen(fd, at, &none);
	ck_assert_msg(listener_open(&l, g->group, *fd, &err) == ERR_NONE, "%s", err.text);
	return l;
}

START_TEST(accepts_many_and_refuses_beyond_the_limit)
{
	enum { PEERS = 20, LIMIT = 12 };
	struct conn_config config = rig_config();
	struct sock_address at;
	struct listener *l;
	int peer[PEERS], fd;
	struct rig g;

	config.limit = LIMIT;
	rig_open(&g, &config);
	l = open_listener(&g, &at, &fd);
	for (int i = 0; i < PEERS; i++)
		peer[i] = rig_dial(&at);
	rig_until(&g, listener_stats(l)->accepted == PEERS);
	rig_until(&g, g.opened == LIMIT);
	ck_assert_uint_eq(conn_group_stats(g.group)->refused, PEERS - LIMIT);
	for (int i = 0; i < PEERS; i++)
		close(peer[i]);
	rig_until(&g, g.eofs == LIMIT);
	listener_close(l);
	rig_close(&g);
}
END_TEST

/* One descriptor fewer than peers: the one too many is shed, and when room comes a new one gets in.
 */
START_TEST(out_of_descriptors_sheds_and_recovers)
{
	struct conn_config config = rig_config();
	struct rlimit few, old;
	struct sock_address at;
	struct listener *l;
	int peer[3], late, highest, fd;
	struct rig g;
	char byte;

	rig_open(&g, &config);
	l = open_listener(&g, &at, &fd);
	for (int i = 0; i < 3; i++)
		peer[i] = rig_dial(&at);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	highest = dup(0);
	close(highest);
	few = (struct rlimit){.rlim_cur = (rlim_t)highest + 1, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	rig_until(&g, listener_stats(l)->fd_exhausted > 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	rig_until(&g, listener_stats(l)->rearmed > 0);
	late = rig_dial(&at);
	rig_until(&g, g.opened >= 2);
	ck_assert_int_eq(listener_stats(l)->error, 0);
	close(late);
	for (int i = 0; i < 3; i++) {
		(void)!recv(peer[i], &byte, 1, MSG_DONTWAIT);
		close(peer[i]);
	}
	listener_close(l);
	rig_close(&g);
}
END_TEST

/* Errors of single connections do not end a listener; sixty-four in a row do, and it does not spin.
 */
START_TEST(gives_up_after_many_failures_in_a_row)
{
	struct conn_config config = rig_config();
	struct sock_address at;
	struct listener *l;
	struct rig g;
	int fd;

	rig_open(&g, &config);
	l = open_listener(&g, &at, &fd);
	rig_turn(&g, 0);
	ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0); /* from now on each accept is EINVAL */
	rig_until(&g, listener_stats(l)->error != 0);
	ck_assert_uint_eq(listener_stats(l)->aborted, 64);
	listener_close(l);
	rig_close(&g);
}
END_TEST

START_TEST(addresses_are_read_and_refused)
{
	static const char *const bad[] = {"", "8000", ":8000", "127.0.0.1",
	        "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8000", "[::1]", "[]:1",
	        "[::1:80"};
	struct sock_options none = {0};
	struct sock_address a, bound;
	char text[SOCK_TEXT_MAX];
	struct error err = ERROR_INIT;
	int fd, again;

	ck_assert_int_eq(sock_parse(&a, "127.0.0.1:8000", &err), ERR_NONE);
	ck_assert(sock_is_loopback(&a) && sock_port(&a) == 8000);
	ck_assert_str_eq(sock_text(&a, text), "127.0.0.1:8000");
	ck_assert_int_eq(sock_parse(&a, "[::1]:1", &err), ERR_NONE);
	ck_assert(sock_is_loopback(&a));
	ck_assert_str_eq(sock_text(&a, text), "[::1]:1");
	ck_assert_int_eq(sock_parse(&a, "0.0.0.0:1", &err), ERR_NONE);
	ck_assert(!sock_is_loopback(&a));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct error)ERROR_INIT;
		ck_assert_msg(sock_parse(&a, bad[i], &err) == ERR_USAGE, "%s", bad[i]);
	}
	rig_listen(&fd, &bound, &none);
	ck_assert_uint_ne(sock_port(&bound), 0);
	err = (struct error)ERROR_INIT;
	ck_assert_int_eq(sock_listen(&again, &a, &bound, 1, &none, &err), ERR_ENVIRONMENT);
	ck_assert_ptr_nonnull(strstr(err.text, "it is taken"));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("listener");

	if (ring_is_refused())
		return EXIT_SKIPPED;
	add_test(s, "many", accepts_many_and_refuses_beyond_the_limit);
	add_test(s, "EMFILE", out_of_descriptors_sheds_and_recovers);
	add_test(s, "failures", gives_up_after_many_failures_in_a_row);
	add_test(s, "addresses", addresses_are_read_and_refused);
	return run_suite(s);
}
