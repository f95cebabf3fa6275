/* Who is let in, where, and in which order (DESIGN §5 "Pool"): small queues whose decisions can be
 * told by adding up. Frames of 10 ms that take 64 prompt tokens; a request of (64, n) takes n
 * frames. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS
#define BUCKET(max_seq, slots)                                                                     \
	"{\"max_seq\":" max_seq ",\"frame\":\"10ms\",\"slots\":" slots                             \
	",\"prefill_tokens_per_frame\":64}"
#define POOL(name, buckets, more)                                                                  \
	"{\"name\":\"" name "\",\"buckets\":[" buckets "],\"entry\":\"frame\"" more "}"
#define RACK(pools)                                                                                \
	"{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"       \
	"\"2ms\"},"                                                                                \
	"\"pools\":[" pools "]}"

enum { INTERACTIVE, BATCH };

static struct bench b;

static void play(const char *deployment, const struct bench_request *r, uint32_t n)
{
	bench_init(&b, deployment);
	bench_play(&b, r, n, NULL, 0, NS_MAX);
}

static void expect_refused(uint32_t i, enum rack_refusal why, int64_t retry_after_s)
{
	ck_assert_msg(b.answers[i].refused, "request %u was let in", i);
	ck_assert_int_eq(b.answers[i].why, why);
	ck_assert_int_eq(b.answers[i].retry_after_s, retry_after_s);
}

static void expect_served(uint32_t i, uint32_t pool, uint32_t bucket, int64_t tokens)
{
	ck_assert_msg(
	        b.answers[i].completed, "request %u was refused: %d", i, (int)b.answers[i].why);
	ck_assert_uint_eq(b.answers[i].done.pool, pool);
	ck_assert_uint_eq(b.answers[i].done.bucket, bucket);
	ck_assert_int_eq(b.answers[i].done.delivered, tokens);
}

/* --- policies
 * --------------------------------------------------------------------------------------- */

START_TEST(token_budget_adds_declared_frames)
{
	/* Limit 110 ms, two slots. wait = ceil(D / 2) frames, prefill one frame:
	 *  0  D = 0                                   10 ms       in, declares 20 although it says
	 * 1 token 1  D = 20                                  110 ms      in: not above the limit 2
	 * D = 40                                  210 ms      100 ms too much: 1 s 3  at 10 ms the
	 * first has gone: D = 20     110 ms      in 4  D = 40, 129 tokens of prompt: 3 frames  230
	 * ms      out */
	static const struct bench_request r[] = {{.prompt = 64, .output = 1, .max = 20},
	        {.prompt = 64, .output = 20, .max = 20}, {.prompt = 64, .output = 1, .max = 20},
	        {.at_ns = 10 * MS, .prompt = 64, .output = 20, .max = 20},
	        {.at_ns = 10 * MS, .prompt = 129, .output = 1, .max = 1}};

	play(RACK(POOL("p", BUCKET("4096", "2"),
	             ",\"admission\":{\"policy\":\"token_budget\",\"limit\":\"110ms\"}")),
	        r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 1);
	expect_served(1, 0, 0, 20);
	expect_refused(2, REFUSED_ADMISSION, 1);
	expect_served(3, 0, 0, 20);
	expect_refused(4, REFUSED_ADMISSION, 1);
	bench_free(&b);
}
END_TEST

START_TEST(token_budget_says_when_to_come_again)
{
	/* One slot, limit 1 s: D = 300 is 3 s of wait and 10 ms of prefill, 2.01 s above: 3 s. D =
	 * 299: 2 s. */
	static const struct bench_request r[] = {
	        {.prompt = 64, .output = 300}, {.prompt = 64, .output = 1}};
	struct bench_request fewer[] = {r[0], r[1]};
	static const char deployment[] = RACK(POOL("p", BUCKET("4096", "1"),
	        ",\"admission\":{\"policy\":\"token_budget\",\"limit\":\"1s\"}"));

	play(deployment, r, 2);
	expect_refused(1, REFUSED_ADMISSION, 3);
	bench_free(&b);
	fewer[0].output = 299;
	play(deployment, fewer, 2);
	expect_refused(1, REFUSED_ADMISSION, 2);
	bench_free(&b);
}
END_TEST

START_TEST(queue_cap_counts_the_bucket_queue)
{
	/* Admission comes before dispatch: at one instant the second finds the first still queued.
	 */
	static const struct bench_request r[] = {{.prompt = 64, .output = 5},
	        {.prompt = 64, .output = 5}, {.at_ns = 1, .prompt = 64, .output = 5},
	        {.at_ns = 2, .prompt = 64, .output = 5}, {.at_ns = 2, .prompt = 200, .output = 5},
	        {.at_ns = 50 * MS, .prompt = 64, .output = 5}};

	play(RACK(POOL("p", BUCKET("100", "1") "," BUCKET("300", "1"),
	             ",\"admission\":{\"policy\":\"queue_cap\",\"limit\":1}")),
	        r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 5);
	expect_refused(1, REFUSED_ADMISSION, 1);
	expect_served(2, 0, 0, 5);
	expect_refused(3, REFUSED_ADMISSION, 1);
	expect_served(4, 0, 1, 5); /* a queue of its own */
	/* The slot became free at this very instant, but the queue is looked at before it moves. */
	expect_refused(5, REFUSED_ADMISSION, 1);
	bench_free(&b);
}
END_TEST

START_TEST(request_count_counts_running_and_queued)
{
	static const struct bench_request r[] = {{.prompt = 64, .output = 5},
	        {.prompt = 200, .output = 5}, {.at_ns = 49 * MS, .prompt = 64, .output = 5},
	        {.at_ns = 50 * MS, .prompt = 64, .output = 5}};

	play(RACK(POOL("p", BUCKET("100", "1") "," BUCKET("300", "1"),
	             ",\"admission\":{\"policy\":\"request_count\",\"limit\":2}")),
	        r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 5);
	expect_served(1, 0, 1, 5);
	expect_refused(2, REFUSED_ADMISSION, 1);
	expect_served(3, 0, 0, 5); /* the first has ended at this instant */
	bench_free(&b);
}
END_TEST

START_TEST(tenant_rate_is_a_bucket_of_each_tenant)
{
	/* A request each 4 s, two ahead. Two at 0; the next at 4 s (from 1 s on: in 3 s), not
	 * before. */
	static const struct bench_request r[] = {{.prompt = 1, .output = 1},
	        {.prompt = 1, .output = 1}, {.prompt = 1, .output = 1},
	        {.prompt = 1, .output = 1, .tenant = 1},
	        {.at_ns = NS_PER_S, .prompt = 1, .output = 1},
	        {.at_ns = 4 * NS_PER_S - 1, .prompt = 1, .output = 1},
	        {.at_ns = 4 * NS_PER_S, .prompt = 1, .output = 1},
	        {.at_ns = 4 * NS_PER_S, .prompt = 1, .output = 1}};

	play(RACK(POOL("p", BUCKET("4096", "9"),
	             ",\"admission\":{\"policy\":\"none\",\"tenant_rate\":0.25,"
	             "\"tenant_burst\":2}")),
	        r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 1);
	expect_served(1, 0, 0, 1);
	expect_refused(2, REFUSED_RATE, 4);
	expect_served(3, 0, 0, 1);
	expect_refused(4, REFUSED_RATE, 3);
	expect_refused(5, REFUSED_RATE, 1);
	expect_served(6, 0, 0, 1);
	expect_refused(7, REFUSED_RATE, 4);
	bench_free(&b);
}
END_TEST

/* --- order and degraded service
 * ---------------------------------------------------------------------- */

START_TEST(priority_is_fcfs_within_a_tier)
{
	static const struct bench_request r[] = {{.prompt = 64, .output = 5, .tier = BATCH},
	        {.at_ns = 1, .prompt = 64, .output = 5, .tier = BATCH},
	        {.at_ns = 2, .prompt = 64, .output = 5, .tier = INTERACTIVE},
	        {.at_ns = 3, .prompt = 64, .output = 5, .tier = BATCH},
	        {.at_ns = 4, .prompt = 64, .output = 5, .tier = INTERACTIVE}};
	static const int64_t entry_ms[] = {0, 150, 50, 200, 100};

	play(RACK(POOL("p", BUCKET("4096", "1"), ",\"priority\":[\"interactive\"]")), r,
	        ARRAY_LEN(r));
	for (uint32_t i = 0; i < ARRAY_LEN(r); i++)
		ck_assert_int_eq(b.answers[i].done.t_entry, entry_ms[i] * MS);
	bench_free(&b);
}
END_TEST

static void lose(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_lost(
	        s->ctx, now, 0, topology_find(&b.deployment.topology, "r0.n1"), DETECT_FLAGGED);
}

START_TEST(degraded_sheds_and_caps_while_few_live)
{
	/* Lost at 54, known at 60, live again at 60 + 3 + 77 = 140. */
	static const struct bench_request r[] = {
	        {.at_ns = 59 * MS, .prompt = 64, .output = 20, .tier = BATCH},
	        {.at_ns = 60 * MS, .prompt = 64, .output = 20, .tier = BATCH},
	        {.at_ns = 60 * MS, .prompt = 64, .output = 20, .tier = INTERACTIVE},
	        {.at_ns = 139 * MS, .prompt = 64, .output = 20, .tier = BATCH},
	        {.at_ns = 140 * MS, .prompt = 64, .output = 20, .tier = BATCH}};
	struct bench_event e = {54 * MS, lose, NULL};

	bench_init(
	        &b, RACK(POOL("p", BUCKET("4096", "4"),
	                    ",\"nodes\":[[\"r0.n0\",\"r0.n1\"],[\"r0.n2\",\"r0.n3\"]],"
	                    "\"degraded\":{\"below\":2,\"shed\":[\"batch\"],\"max_tokens\":5}")));
	bench_play(&b, r, ARRAY_LEN(r), &e, 1, NS_MAX);
	expect_served(0, 0, 0, 20);
	expect_refused(1, REFUSED_SHED, 1);
	expect_served(2, 0, 0, 5);
	expect_refused(3, REFUSED_SHED, 1);
	expect_served(4, 0, 0, 20);
	bench_free(&b);
}
END_TEST

/* --- routing
 * ----------------------------------------------------------------------------------------- */

START_TEST(smallest_bucket_that_holds_it)
{
	/* P + max_tokens decides, whatever it says in the end. */
	static const struct bench_request r[] = {{.prompt = 80, .output = 1, .max = 20},
	        {.prompt = 80, .output = 1, .max = 21}, {.prompt = 80, .output = 1, .max = 120},
	        {.prompt = 80, .output = 1, .max = 121}};

	play(RACK(POOL("p", BUCKET("200", "1") "," BUCKET("100", "1"), "")), r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 1);
	expect_served(1, 0, 1, 1);
	expect_served(2, 0, 1, 1);
	expect_refused(3, REFUSED_CONTEXT, 0);
	bench_free(&b);
}
END_TEST

START_TEST(oversize_is_truncated)
{
	static const struct bench_request r[] = {{.prompt = 90, .output = 20, .max = 20},
	        {.prompt = 99, .output = 20, .max = 20}, {.prompt = 100, .output = 20, .max = 20}};

	play(RACK(POOL("p", BUCKET("100", "4"), ",\"oversize\":\"truncate\"")), r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 10);
	expect_served(1, 0, 0, 1);
	expect_refused(2, REFUSED_CONTEXT, 0);
	bench_free(&b);
}
END_TEST

START_TEST(oversize_is_routed_on)
{
	static const struct bench_request r[] = {{.prompt = 90, .output = 10},
	        {.prompt = 90, .output = 11}, {.prompt = 90, .output = 111}};

	play(RACK(POOL("p", BUCKET("100", "4"), ",\"oversize\":\"route\"") "," POOL(
	             "q", BUCKET("200", "4"), "")),
	        r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 10);
	expect_served(1, 1, 0, 11);
	expect_refused(2, REFUSED_CONTEXT, 0);
	bench_free(&b);
}
END_TEST

START_TEST(overflow_goes_on_as_it_came)
{
	/* The first pool would cut the second request to 50 tokens, but has no room for it: the
	 * next serves all of it. What the last pool refuses is refused. */
	static const struct bench_request r[] = {{.prompt = 50, .output = 20},
	        {.prompt = 50, .output = 100}, {.prompt = 50, .output = 20}};
	static const char one[] = ",\"admission\":{\"policy\":\"request_count\",\"limit\":1},"
	                          "\"overflow\":\"next\",\"oversize\":\"truncate\"";
	char deployment[1024];

	(void)snprintf(deployment, sizeof(deployment), "{\"pools\":[%s%s},%s%s}]}",
	        "{\"name\":\"p\",\"buckets\":[" BUCKET("100", "4") "]", one,
	        "{\"name\":\"q\",\"buckets\":[" BUCKET("200", "4") "]", one);
	play(deployment, r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 20);
	expect_served(1, 1, 0, 100);
	expect_refused(2, REFUSED_ADMISSION, 1);
	bench_free(&b);
}
END_TEST

START_TEST(without_overflow_a_refusal_is_final)
{
	static const struct bench_request r[] = {
	        {.prompt = 50, .output = 20}, {.prompt = 50, .output = 20}};

	play(RACK(POOL("p", BUCKET("100", "4"),
	             ",\"admission\":{\"policy\":\"request_count\",\"limit\":1}") "," POOL("q",
	             BUCKET("200", "4"), "")),
	        r, ARRAY_LEN(r));
	expect_served(0, 0, 0, 20);
	expect_refused(1, REFUSED_ADMISSION, 1);
	bench_free(&b);
}
END_TEST

START_TEST(pools_take_what_they_accept)
{
	static const struct bench_request r[] = {{.prompt = 5, .output = 4, .tier = BATCH},
	        {.prompt = 5, .output = 5, .tier = BATCH},
	        {.prompt = 5, .output = 45, .tier = BATCH},
	        {.prompt = 5, .output = 46, .tier = BATCH},
	        {.prompt = 5, .output = 5, .tier = INTERACTIVE},
	        {.prompt = 5, .output = 5, .tier = INTERACTIVE, .tenant = 1}};

	play(RACK(POOL("p", BUCKET("100", "9"),
	             ",\"accepts\":{\"tiers\":[\"batch\"],\"min_tokens\":10,\"max_tokens\":"
	             "50}") "," POOL("q", BUCKET("100", "9"),
	             ",\"accepts\":{\"tenants\":[\"b\"]}")),
	        r, ARRAY_LEN(r));
	expect_refused(0, REFUSED_NO_POOL, 0);
	expect_served(1, 0, 0, 5);
	expect_served(2, 0, 0, 45);
	expect_refused(3, REFUSED_NO_POOL, 0);
	expect_refused(4, REFUSED_NO_POOL, 0);
	expect_served(5, 1, 0, 5);
	bench_free(&b);
}
END_TEST

/* --- batches
 * ----------------------------------------------------------------------------------------- */

#define WINDOW(more)                                                                               \
	"{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"       \
	"\"2ms\"},"                                                                                \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[" BUCKET(                                         \
	        "4096", "3") "],\"entry\":\"immediate\",\"batch_window\":\"5ms\"" more "}]}"

START_TEST(batch_window_collects)
{
	/* The first opens a window of 5 ms; a whole batch (three) need not wait for its end, and
	 * the next request opens a window of its own. */
	static const struct bench_request r[] = {{.prompt = 64, .output = 1},
	        {.at_ns = 4 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 100 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 101 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 102 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 104 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 200 * MS, .prompt = 64, .output = 1}};
	/* The sixth finds no free slot until 112; by then its window has closed. */
	static const int64_t entry_ms[] = {5, 5, 102, 102, 102, 112, 205};

	play(WINDOW(""), r, ARRAY_LEN(r));
	for (uint32_t i = 0; i < ARRAY_LEN(r); i++)
		ck_assert_msg(b.answers[i].done.t_entry == entry_ms[i] * MS, "request %u: %jd", i,
		        (intmax_t)b.answers[i].done.t_entry);
	bench_free(&b);
}
END_TEST

START_TEST(evicted_requests_leave_a_batch_window)
{
	/* In at 5, tokens at 15 … 45, lost at 54, back in service at 140: P' = 68 is 2 frames, 16
	 * are left. */
	static const struct bench_request r = {.prompt = 64, .output = 20};
	struct bench_event e = {54 * MS, lose, NULL};

	bench_init(&b, WINDOW(",\"nodes\":[[\"r0.n0\",\"r0.n1\"]]"));
	bench_play(&b, &r, 1, &e, 1, NS_MAX);
	expect_served(0, 0, 0, 20);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, (140 + 20 + 150) * MS);
	bench_free(&b);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("admission");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, token_budget_adds_declared_frames);
	tcase_add_test(t, token_budget_says_when_to_come_again);
	tcase_add_test(t, queue_cap_counts_the_bucket_queue);
	tcase_add_test(t, request_count_counts_running_and_queued);
	tcase_add_test(t, tenant_rate_is_a_bucket_of_each_tenant);
	tcase_add_test(t, priority_is_fcfs_within_a_tier);
	tcase_add_test(t, degraded_sheds_and_caps_while_few_live);
	tcase_add_test(t, smallest_bucket_that_holds_it);
	tcase_add_test(t, oversize_is_truncated);
	tcase_add_test(t, oversize_is_routed_on);
	tcase_add_test(t, overflow_goes_on_as_it_came);
	tcase_add_test(t, without_overflow_a_refusal_is_final);
	tcase_add_test(t, pools_take_what_they_accept);
	tcase_add_test(t, batch_window_collects);
	tcase_add_test(t, evicted_requests_leave_a_batch_window);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
