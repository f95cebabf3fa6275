#include "harness/base/arena.h"
#include "harness/base/fifo.h"
#include "harness/base/heap.h"
#include "harness/base/pool.h"
#include "tests/support/run_suite.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <string.h>

START_TEST(arena_is_zeroed_and_aligned)
{
	struct arena a;

	arena_init(&a, 0);
	for (size_t size = 1; size < 300000; size = size * 3 + 1) {
		unsigned char *p = arena_must(&a, size);

		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, size);
	}
	ck_assert_str_eq(arena_strndup(&a, "abcdef", 3), "abc");
	ck_assert_str_eq(arena_printf(&a, "%s.%d", "r0", 7), "r0.7");
	arena_free(&a);
}
END_TEST

START_TEST(arena_stops_at_its_limit)
{
	struct arena a;

	arena_init(&a, 1024);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
	ck_assert_ptr_null(arena_alloc(&a, 17));
	ck_assert_ptr_nonnull(arena_alloc(&a, 16));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	arena_free(&a);
}
END_TEST

START_TEST(arena_must_asserts)
{
	struct arena a;
	void *p;

	arena_init(&a, 16);
	p = arena_must(&a, 17);
	ck_abort_msg("%p came from beyond the limit", p);
}
END_TEST

START_TEST(room_keeps_what_is_there)
{
	uint32_t capacity = 0, *list = NULL;

	for (uint32_t n = 0; n < 100; n++) {
		list = mem_room(list, n, &capacity, sizeof(*list));
		ck_assert_uint_gt(capacity, n);
		list[n] = n;
	}
	for (uint32_t n = 0; n < 100; n++)
		ck_assert_uint_eq(list[n], n);
	mem_free(list);
}
END_TEST

START_TEST(pool_handles_go_stale)
{
	struct pool p;
	uint32_t a, generation;

	pool_init(&p, 24, 3);
	a = pool_take(&p);
	generation = pool_generation(&p, a);
	ck_assert(pool_is_live(&p, a, generation));
	pool_give(&p, a);
	ck_assert(!pool_is_live(&p, a, generation));
	ck_assert_uint_eq(pool_take(&p), a); /* the slot given back last */
	ck_assert(!pool_is_live(&p, a, generation));
	ck_assert(pool_is_live(&p, a, pool_generation(&p, a)));
	ck_assert(!pool_is_live(&p, 99, 1));
	pool_free(&p);
}
END_TEST

START_TEST(pool_keeps_addresses_and_limit)
{
	enum { LIMIT = 5000 };
	static void *at[LIMIT];
	struct pool p;

	pool_init(&p, sizeof(uint32_t), LIMIT);
	for (uint32_t i = 0; i < LIMIT; i++) {
		ck_assert_uint_eq(pool_take(&p), i);
		at[i] = pool_at(&p, i);
		*(uint32_t *)at[i] = i;
	}
	ck_assert_uint_eq(pool_take(&p), POOL_NONE);
	ck_assert_uint_eq(p.live, LIMIT);
	for (uint32_t i = 0; i < LIMIT; i++) {
		ck_assert_ptr_eq(pool_at(&p, i), at[i]);
		ck_assert_uint_eq(*(uint32_t *)at[i], i);
	}
	pool_free(&p);
}
END_TEST

START_TEST(pool_give_twice_asserts)
{
	struct pool p;
	uint32_t a;

	pool_init(&p, 8, 0);
	a = pool_take(&p);
	pool_give(&p, a);
	pool_give(&p, a);
}
END_TEST

START_TEST(fifo_wraps_and_grows)
{
	struct fifo f;
	uint64_t in = 0, out = 0;

	fifo_init(&f, 0);
	for (int round = 0; round < 200;
	        round++) { /* in by three, out by two: grows while wrapped */
		for (int i = 0; i < 3; i++)
			ck_assert(fifo_push(&f, in++));
		for (int i = 0; i < 2; i++)
			ck_assert_uint_eq(fifo_pop(&f), out++);
		for (uint32_t i = 0; i < f.n; i++)
			ck_assert_uint_eq(fifo_at(&f, i), out + i);
	}
	fifo_free(&f);
}
END_TEST

START_TEST(fifo_takes_back_at_the_head)
{
	struct fifo f;

	fifo_init(&f, 17);
	for (uint64_t i = 0; i < 16; i++)
		ck_assert(fifo_push_front(&f, 15 - i));
	ck_assert(fifo_push_front(&f, 99));
	ck_assert(!fifo_push_front(&f, 100));
	ck_assert(!fifo_push(&f, 100));
	ck_assert_uint_eq(fifo_pop(&f), 99);
	for (uint64_t i = 0; i < 16; i++)
		ck_assert_uint_eq(fifo_pop(&f), i);
	fifo_free(&f);
}
END_TEST

START_TEST(heap_orders_by_key_then_sub)
{
	struct heap h;

	heap_init(&h, 4);
	ck_assert_ptr_null(heap_top(&h));
	ck_assert(heap_push(&h, 5, 2, 'c'));
	ck_assert(heap_push(&h, 5, 1, 'b'));
	ck_assert(heap_push(&h, -7, 9, 'a'));
	ck_assert(heap_push(&h, 6, 0, 'd'));
	ck_assert(!heap_push(&h, 0, 0, 'x'));
	ck_assert_int_eq(heap_top(&h)->key, -7);
	heap_replace_top(&h, 7, 0, 'e');
	ck_assert_uint_eq(heap_pop(&h).value, 'b');
	ck_assert_uint_eq(heap_pop(&h).value, 'c');
	ck_assert_uint_eq(heap_pop(&h).value, 'd');
	ck_assert_uint_eq(heap_pop(&h).value, 'e');
	ck_assert(heap_push(&h, 1, 1, 1));
	heap_clear(&h);
	ck_assert_uint_eq(h.n, 0);
	heap_free(&h);
}
END_TEST

static void testify(void *ctx)
{
	ssize_t n = write(*(int *)ctx, "x", 1);

	CHECK(n != 1); /* fails, and is the end: nobody is asked twice */
}

static ssize_t said_by_a_child(bool watched)
{
	int ends[2], status;
	char said[8];
	ssize_t n;
	pid_t child;

	ck_assert(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		struct check_witness w = {testify, &ends[1]};

		check_watch(&w);
		if (!watched)
			check_watch(NULL);
		CHECK(ends[1] < 0);
	}
	(void)close(ends[1]);
	n = read(ends[0], said, sizeof(said));
	(void)close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return n;
}

START_TEST(a_witness_is_heard_once)
{
	ck_assert_int_eq(said_by_a_child(true), 1);
	ck_assert_int_eq(said_by_a_child(false), 0);
}
END_TEST

static void add_abort_test(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_add_test_raise_signal(tcase, test, SIGABRT);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *s = suite_create("memory");

	add_test(s, "arena", arena_is_zeroed_and_aligned);
	add_test(s, "arena limit", arena_stops_at_its_limit);
	add_test(s, "witness", a_witness_is_heard_once);
	add_abort_test(s, "arena must", arena_must_asserts);
	add_test(s, "room", room_keeps_what_is_there);
	add_test(s, "pool generations", pool_handles_go_stale);
	add_test(s, "pool addresses", pool_keeps_addresses_and_limit);
	add_abort_test(s, "pool twice", pool_give_twice_asserts);
	add_test(s, "fifo", fifo_wraps_and_grows);
	add_test(s, "fifo front", fifo_takes_back_at_the_head);
	add_test(s, "heap", heap_orders_by_key_then_sub);
	return run_suite(s);
}
