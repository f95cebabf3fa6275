/* The ring on a real kernel: one test for each pitfall that can be shown. */
#include <check.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "harness/net/bufring.h"
#include "harness/net/clock.h"
#include "harness/net/ring.h"
#include "tests/support/ring_skip.h"
#include "tests/support/run_suite.h"

#define MS INT64_C(1000000)
enum { SEEN_MAX = 4096 };

struct seen {
	uint32_t n;
	struct ring_event event[SEEN_MAX];
};

static void note(void *owner, const struct ring_event *e)
{
	struct seen *s = owner;

	ck_assert_uint_lt(s->n, SEEN_MAX);
	s->event[s->n++] = *e;
}

static struct ring *open_ring(uint32_t sq_entries, bool plain)
{
	struct ring_config config = {.sq_entries = sq_entries, .in_flight_max = 64, .plain = plain};
	struct error err = ERROR_INIT;
	struct ring *r;

	ck_assert_msg(ring_open(&r, &config, &err) == ERR_NONE, "%s", err.text);
	return r;
}

static void turn(struct ring *r, int64_t wait_ns)
{
	struct error err = ERROR_INIT;

	ck_assert_msg(ring_turn(r, clock_now_ns() + wait_ns, &err) == ERR_NONE, "%s", err.text);
}

/* R17: what was got and what was dropped together are what was asked for; the bottom works too. */
START_TEST(the_ladder_ends_with_a_working_ring)
{
	for (int plain = 0; plain < 2; plain++) {
		struct seen s = {.n = 0};
		struct ring *r = open_ring(8, plain);
		uint32_t base = ring_add_ops(r, 1, note, &s);

		ck_assert_uint_eq(ring_stats(r)->setup_flags & ring_stats(r)->dropped_flags, 0);
		ring_prep_nop(r, ring_tag(base, 5, 7), 42);
		turn(r, 1000 * MS);
		ck_assert_uint_eq(s.n, 1);
		ck_assert_uint_eq(s.event[0].slot, 7);
		ck_assert_uint_eq(s.event[0].generation, 5);
		ck_assert_int_eq(s.event[0].res, 42);
		ring_close(r);
	}
}
END_TEST

/* R11, R12: more entries than the SQ holds, each with its own tag. R14: more than one enter's
 * worth. */
START_TEST(a_full_sq_submits_and_every_tag_comes_back)
{
	enum { ENTRIES = 1000 };
	static struct seen s;
	struct ring *r = open_ring(8, false);
	uint32_t base = ring_add_ops(r, 2, note, &s);
	bool seen[ENTRIES] = {false};

	for (uint32_t i = 0; i < ENTRIES; i++)
		ring_prep_nop(r, ring_tag(base + 1, i, i), (int32_t)i);
	for (int i = 0; i < 10 && s.n < ENTRIES; i++)
		turn(r, 100 * MS);
	ck_assert_uint_eq(s.n, ENTRIES);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		ck_assert_uint_eq(s.event[i].op, 1);
		ck_assert_int_eq(s.event[i].res, (int)s.event[i].slot);
		ck_assert(!seen[s.event[i].slot]);
		seen[s.event[i].slot] = true;
	}
	ck_assert_uint_gt(ring_stats(r)->sq_full, 0);
	ck_assert_uint_eq(ring_stats(r)->submitted, ENTRIES);
	ck_assert_uint_eq(ring_stats(r)->completions, ENTRIES);
	ring_close(r);
}
END_TEST

/* R13: more completions than the CQ holds; none is lost. */
START_TEST(an_overflowing_cq_loses_nothing)
{
	static struct seen s;
	struct ring *r = open_ring(512, false);
	uint32_t base = ring_add_ops(r, 1, note, &s), cq = ring_stats(r)->cq_entries;

	ck_assert_uint_ge(cq, 4 * 64);
	/* Fill the CQ behind the loop's back, in the plainest way: submit without reaping. */
	for (uint32_t i = 0; i < SEEN_MAX - 1 && i < cq + 100; i++)
		ring_prep_nop(r, ring_tag(base, 0, i), 0);
	for (int i = 0; i < 100 && s.n < (cq + 100 < SEEN_MAX - 1 ? cq + 100 : SEEN_MAX - 1); i++)
		turn(r, 10 * MS);
	ck_assert_uint_eq(s.n, cq + 100 < SEEN_MAX - 1 ? cq + 100 : SEEN_MAX - 1);
	ck_assert(!ring_is_poisoned(r));
	ring_close(r);
}
END_TEST

/* R20, R21: a wait with entries submitted neither ends early nor late, and a past deadline not at
 * all. */
START_TEST(a_wait_ends_at_its_deadline)
{
	static struct seen s;
	struct ring *r = open_ring(8, false);
	uint32_t base = ring_add_ops(r, 1, note, &s);
	int64_t deadline_ns, late_ns;
	struct error err = ERROR_INIT;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ring_prep_poll(r, ring_tag(base, 0, 0), fd[0], POLLIN); /* submitted, never complete */
	deadline_ns = clock_now_ns() + 20 * MS;
	ck_assert_int_eq(ring_turn(r, deadline_ns, &err), ERR_NONE);
	late_ns = clock_now_ns() - deadline_ns;
	ck_assert_int_ge(late_ns, 0);
	ck_assert_int_lt(late_ns, 1000 * MS);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_int_eq(ring_turn(r, 0, &err), ERR_NONE);
	close(fd[1]);
	turn(r, 1000 * MS);
	ck_assert_uint_eq(s.n, 1);
	close(fd[0]);
	ring_close(r);
}
END_TEST

static int64_t count_hook(void *owner, int64_t now_ns)
{
	int *calls = owner;

	return ++*calls == 1 ? now_ns : CLOCK_NEVER;
}

START_TEST(a_hook_shortens_the_wait_and_can_be_removed)
{
	struct ring *r = open_ring(8, false);
	int64_t start_ns = clock_now_ns();
	int calls = 0;

	ring_add_hook(r, count_hook, &calls);
	turn(r, 5000 * MS);
	ck_assert_int_lt(clock_now_ns() - start_ns, 2000 * MS);
	ring_remove(r, &calls);
	turn(r, 0);
	ck_assert_int_eq(calls, 1);
	ring_close(r);
}
END_TEST

/* R1, R2: the multishot ends with ENOBUFS when the buffers are gone, and the owner table follows.
 */
START_TEST(an_empty_buffer_ring_says_enobufs)
{
	static struct seen s;
	struct bufring_config config = {.entries = 2, .buffer_bytes = 4, .parked_max = 4};
	struct ring *r = open_ring(8, false);
	uint32_t base = ring_add_ops(r, 1, note, &s), bid;
	struct error err = ERROR_INIT;
	struct bufring *b;
	uint64_t who;
	int fd[2];

	ck_assert_msg(bufring_open(&b, r, &config, &err) == ERR_NONE, "%s", err.text);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_int_eq(send(fd[1], "abcdefghijkl", 12, 0), 12);
	ring_prep_recv_multishot(r, ring_tag(base, 0, 1), fd[0], bufring_group(b));
	turn(r, 1000 * MS);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_int_eq(s.event[2].res, -ENOBUFS);
	ck_assert_uint_eq(s.event[2].flags & IORING_CQE_F_MORE, 0);
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert_int_eq(
		        memcmp(bufring_take(b, s.event[i].flags, 1, &bid), i ? "efgh" : "abcd", 4),
		        0);
		ck_assert_uint_eq(bufring_free(b), 1);
		bufring_give(b, bid, 1);
	}
	bufring_park(b, 9);
	ck_assert_uint_eq(bufring_parked(b), 1);
	ck_assert(bufring_unpark(b, &who) && who == 9 && !bufring_unpark(b, &who));
	ring_prep_recv_multishot(r, ring_tag(base, 0, 1), fd[0], bufring_group(b));
	turn(r, 1000 * MS);
	ck_assert_int_eq(s.event[3].res, 4);
	close(fd[1]);
	turn(r, 1000 * MS);
	ck_assert_int_eq(s.event[s.n - 1].res, 0); /* EOF (S11): nothing receives any more */
	close(fd[0]);
	bufring_close(b);
	ring_close(r);
}
END_TEST

/* R7: a buffer given back twice is a programmer error, loudly. */
START_TEST(a_double_return_aborts)
{
	struct bufring_config config = {.entries = 2, .buffer_bytes = 4, .parked_max = 1};
	struct ring *r = open_ring(8, false);
	struct error err = ERROR_INIT;
	struct bufring *b;
	uint32_t bid;

	ck_assert_int_eq(bufring_open(&b, r, &config, &err), ERR_NONE);
	(void)bufring_take(b, IORING_CQE_F_BUFFER, 3, &bid);
	bufring_give(b, bid, 3);
	bufring_give(b, bid, 3);
}
END_TEST

/* R24: an injected result comes back under the real entry's tag, once. */
START_TEST(injection_replaces_one_entry)
{
	static struct seen s;
	struct ring *r = open_ring(8, false);
	uint32_t base = ring_add_ops(r, 1, note, &s);
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ring_inject(r, IORING_OP_SEND, 2, -EPIPE);
	for (uint32_t i = 0; i < 3; i++) {
		ring_prep_send(r, ring_tag(base, 0, i), fd[0], "x", 1);
		turn(r, 1000 * MS);
		ck_assert_uint_eq(s.n, i + 1);
		ck_assert_uint_eq(s.event[i].slot, i);
		ck_assert_int_eq(s.event[i].res, i == 1 ? -EPIPE : 1);
	}
	close(fd[0]);
	close(fd[1]);
	ring_close(r);
}
END_TEST

/* S2: cancel and target both complete, whichever comes first; a cancel of nothing is ENOENT. */
START_TEST(cancel_and_target_both_complete)
{
	static struct seen s;
	struct ring *r = open_ring(8, false);
	uint32_t base = ring_add_ops(r, 2, note, &s);
	uint64_t target = ring_tag(base, 1, 1);
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ring_prep_poll(r, target, fd[0], POLLIN);
	turn(r, 0);
	ring_prep_cancel(r, ring_tag(base + 1, 1, 1), target);
	for (int i = 0; i < 10 && s.n < 2; i++)
		turn(r, 100 * MS);
	ck_assert_uint_eq(s.n, 2);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(s.event[i].res, s.event[i].op == 1 ? 0 : -ECANCELED);
	ring_prep_cancel(r, ring_tag(base + 1, 1, 1), target);
	turn(r, 100 * MS);
	ck_assert_int_eq(s.event[2].res, -ENOENT);
	close(fd[0]);
	close(fd[1]);
	ring_close(r);
}
END_TEST

static void *turn_elsewhere(void *ring)
{
	struct error err = ERROR_INIT;

	return ring_turn(ring, clock_now_ns(), &err) == ERR_NONE ? NULL : ring;
}

/* R16, R13: another thread is refused, which poisons the ring: the owner sees it at the next turn.
 */
START_TEST(another_thread_poisons_the_ring)
{
	struct ring *r = open_ring(8, false);
	struct error err = ERROR_INIT;
	pthread_t thread;
	void *refused;

	if (!(ring_stats(r)->setup_flags & IORING_SETUP_SINGLE_ISSUER)) {
		ring_close(r);
		return;
	}
	ring_prep_nop(r, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, turn_elsewhere, r), 0);
	ck_assert_int_eq(pthread_join(thread, &refused), 0);
	ck_assert_ptr_eq(refused, r);
	ck_assert(ring_is_poisoned(r));
	ring_prep_nop(r, 0, 0);
	ck_assert_int_eq(ring_turn(r, clock_now_ns(), &err), ERR_ENVIRONMENT);
	ck_assert_uint_gt(strlen(err.text), 0);
	ring_close(r);
}
END_TEST

START_TEST(the_probe_finds_what_the_ring_uses)
{
	struct ring_check checks[RING_CHECKS_MAX];
	size_t n = ring_probe(checks);

	ck_assert_uint_gt(n, 10);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(checks[i].ok || !checks[i].required, "%s: %s", checks[i].name,
		        checks[i].detail);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ring");
	TCase *aborts = tcase_create("double return");

	if (ring_is_refused())
		return EXIT_SKIPPED;
	add_test(s, "ladder", the_ladder_ends_with_a_working_ring);
	add_test(s, "full SQ", a_full_sq_submits_and_every_tag_comes_back);
	add_test(s, "overflow", an_overflowing_cq_loses_nothing);
	add_test(s, "deadline", a_wait_ends_at_its_deadline);
	add_test(s, "hook", a_hook_shortens_the_wait_and_can_be_removed);
	add_test(s, "ENOBUFS", an_empty_buffer_ring_says_enobufs);
	tcase_add_test_raise_signal(aborts, a_double_return_aborts, SIGABRT);
	suite_add_tcase(s, aborts);
	add_test(s, "injection", injection_replaces_one_entry);
	add_test(s, "cancel", cancel_and_target_both_complete);
	add_test(s, "thread", another_thread_poisons_the_ring);
	add_test(s, "probe", the_probe_finds_what_the_ring_uses);
	return run_suite(s);
}
