/* Every outcome of FORMATS §1, over real sockets, from a peer that behaves that way. */
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include "harness/base/units.h"
#include "tests/e2e/load/driver.h"
#include "tests/e2e/load/script_server.h"
#include "tests/support/run_suite.h"

enum { REQUESTS = 20 };

static struct drive d; /* zero in each test: libcheck forks */

static void drive_script(enum script script)
{
	struct script_server s = script_server_start(script);

	d.port = s.port;
	d.requests = d.requests ? d.requests : REQUESTS;
	drive_run(&d);
	script_server_stop(&s);
}

/* In order of the instants that were reached. */
static void check_order(const struct load_sample *s)
{
	ck_assert_int_le(s->t_sched, s->t_send);
	ck_assert_int_le(s->t_send, s->t_hdr);
	ck_assert_int_le(s->t_hdr, s->t_first);
	ck_assert_int_le(s->t_first, s->t_last);
	ck_assert_int_le(s->t_last, s->t_done);
}

static void check_ok(void)
{
	ck_assert_uint_eq(d.by_outcome[LOAD_OK], REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		const struct load_sample *s = &d.samples[i];

		check_order(s);
		ck_assert_int_eq(s->events, d.output_tokens);
		ck_assert_uint_eq(s->n_gaps, (unsigned)d.output_tokens - 1);
		ck_assert_int_ge(s->itl_max_ns, s->itl_p99_ns);
		ck_assert_uint_eq(s->attempts, 1);
		ck_assert_uint_eq(s->status, 200);
	}
}

START_TEST(streams_in_every_framing_are_ok)
{
	static const enum script scripts[] = {
	        SCRIPT_OK, SCRIPT_DRIP, SCRIPT_CLOSE, SCRIPT_UNFRAMED};

	drive_script(scripts[_i]);
	check_ok();
	for (int i = 0; i < REQUESTS; i++) {
		ck_assert_int_eq(d.samples[i].n_out, 8);
		ck_assert_int_eq(d.samples[i].queue_ns, 250 * NS_PER_MS);
		ck_assert_int_eq(d.samples[i].prefill_ns, 2 * NS_PER_MS);
		ck_assert_int_eq(d.samples[i].decode_ns, NS_PER_MS);
	}
}
END_TEST

START_TEST(long_prompts_arrive_whole)
{
	d.prompt_tokens = 20000; /* more than a wire's output memory; the digest proves each word */
	drive_script(SCRIPT_OK);
	check_ok();
}
END_TEST

START_TEST(legacy_completions)
{
	d.completions = true;
	drive_script(SCRIPT_OK);
	check_ok();
}
END_TEST

START_TEST(missing_usage_is_flagged)
{
	d.no_verify = true;
	drive_script(SCRIPT_NO_USAGE);
	check_ok();
	ck_assert_int_eq(d.samples[0].n_out, -1);
	ck_assert_int_eq(d.samples[0].queue_ns, -1);
}
END_TEST

START_TEST(a_late_head_is_late_and_ok)
{
	drive_script(SCRIPT_SLOW_HEAD);
	check_ok();
	ck_assert_int_ge(d.samples[0].t_hdr - d.samples[0].t_send, 190 * NS_PER_MS);
}
END_TEST

static const struct {
	enum script script;
	enum load_outcome outcome;
	unsigned status;
	int error;
	int64_t events;
} failures[] = {
        {SCRIPT_429, LOAD_REJECTED, 429, 0, 0},
        {SCRIPT_400, LOAD_HTTP_4XX, 400, 0, 0},
        {SCRIPT_400_CONTEXT, LOAD_REJECTED, 400, 0, 0},
        {SCRIPT_500, LOAD_HTTP_5XX, 500, 0, 0},
        {SCRIPT_CUT, LOAD_TRUNCATED, 200, 0, 3},
        {SCRIPT_RESET_EARLY, LOAD_CONNECT, 0, ECONNRESET, 0},
        {SCRIPT_NO_DONE, LOAD_TRUNCATED, 200, 0, 8},
        {SCRIPT_GROQ_ERROR, LOAD_TRUNCATED, 200, 0, 3},
        {SCRIPT_WRONG_TOKEN, LOAD_CORRUPT, 200, 0, 8},
        {SCRIPT_MISSING_TOKEN, LOAD_CORRUPT, 200, 0, 7},
        {SCRIPT_REPEATED_TOKEN, LOAD_CORRUPT, 200, 0, 9},
        {SCRIPT_BAD_JSON, LOAD_MALFORMED, 200, 0, 3},
        {SCRIPT_HTML, LOAD_MALFORMED, 200, 0, 0},
        {SCRIPT_NO_HTTP, LOAD_MALFORMED, 0, 0, 0},
};

START_TEST(failures_are_told_apart)
{
	drive_script(failures[_i].script);
	ck_assert_uint_eq(d.by_outcome[failures[_i].outcome], REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		const struct load_sample *s = &d.samples[i];

		ck_assert_uint_eq(s->status, failures[_i].status);
		ck_assert_int_eq(s->error, failures[_i].error);
		ck_assert_int_eq(s->events, failures[_i].events);
		ck_assert_int_ge(s->t_send, s->t_sched);
		ck_assert_int_ge(s->t_done, s->t_send);
		ck_assert_uint_eq(s->attempts, 1);
	}
}
END_TEST

/* What was received before the reset may or may not have been read when it came. */
START_TEST(a_reset_stream_is_truncated)
{
	drive_script(SCRIPT_RESET);
	ck_assert_uint_eq(d.by_outcome[LOAD_TRUNCATED] + d.by_outcome[LOAD_CONNECT], REQUESTS);
	for (int i = 0; i < REQUESTS; i++)
		ck_assert_int_eq(d.samples[i].error, ECONNRESET);
}
END_TEST

START_TEST(unfinished_at_the_end_of_drain_is_stalled)
{
	d.drain_ns = 150 * NS_PER_MS;
	drive_script(_i ? SCRIPT_SILENT : SCRIPT_STALL);
	ck_assert_uint_eq(d.by_outcome[LOAD_STALLED], REQUESTS);
	ck_assert_int_ge(d.result.ended_ns, 200 * NS_PER_MS);
	ck_assert_int_lt(d.result.ended_ns, 2 * NS_PER_S);
	ck_assert_int_eq(d.samples[0].t_first >= 0, !_i);
}
END_TEST

START_TEST(time_outs_count_from_the_planned_instant)
{
	d.timeout_ns = 60 * NS_PER_MS;
	drive_script(_i ? SCRIPT_SILENT : SCRIPT_STALL);
	ck_assert_uint_eq(d.by_outcome[LOAD_TIMEOUT], REQUESTS);
	for (int i = 0; i < REQUESTS; i++)
		ck_assert_int_ge(d.samples[i].t_done, d.samples[i].t_sched + d.timeout_ns);
	ck_assert_int_lt(d.result.ended_ns, 2 * NS_PER_S); /* not to the end of drain */
}
END_TEST

START_TEST(nobody_listens)
{
	struct script_server s = script_server_start(SCRIPT_OK);

	script_server_stop(&s);
	d.port = s.port;
	d.requests = REQUESTS;
	d.connections = 4;
	drive_run(&d);
	ck_assert_uint_eq(d.by_outcome[LOAD_CONNECT], REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		ck_assert_int_eq(d.samples[i].error, ECONNREFUSED);
		ck_assert_int_eq(d.samples[i].t_send, -1);
		ck_assert_uint_eq(d.samples[i].attempts, 0);
	}
	ck_assert_uint_ge(d.result.connect_failures, 4);
}
END_TEST

START_TEST(without_a_free_connection_nothing_is_sent)
{
	d.connections_max = 2;
	d.drain_ns = 100 * NS_PER_MS;
	drive_script(SCRIPT_SILENT);
	ck_assert_uint_eq(d.by_outcome[LOAD_STALLED], 2);
	ck_assert_uint_eq(d.by_outcome[LOAD_NOT_SENT], REQUESTS - 2);
	ck_assert_int_eq(d.samples[REQUESTS - 1].t_send, -1);
}
END_TEST

START_TEST(retries_follow_retry_after)
{
	d.retries = 1;
	drive_script(SCRIPT_FLAKY);
	ck_assert_uint_eq(d.by_outcome[LOAD_OK], REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		ck_assert_uint_eq(d.samples[i].attempts, 2);
		check_order(&d.samples[i]);
	}
	ck_assert_uint_eq(d.result.attempts, 2 * REQUESTS);
}
END_TEST

START_TEST(retries_end)
{
	d.retries = 1;
	drive_script(SCRIPT_429);
	ck_assert_uint_eq(d.by_outcome[LOAD_REJECTED], REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		ck_assert_uint_eq(d.samples[i].attempts, 2);
		ck_assert_int_ge(d.samples[i].t_done - d.samples[i].t_sched, 375 * NS_PER_MS);
	}
}
END_TEST

START_TEST(a_retry_beyond_the_time_out_is_not_awaited)
{
	d.retries = 5;
	drive_script(SCRIPT_REFUSE_LATER);
	ck_assert_uint_eq(d.by_outcome[LOAD_REJECTED], REQUESTS);
	ck_assert_uint_eq(d.result.attempts, REQUESTS);
	ck_assert_int_lt(d.result.ended_ns, 2 * NS_PER_S);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load outcomes");
	TCase *t = tcase_create("ok");

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, streams_in_every_framing_are_ok, 0, 4);
	tcase_add_test(t, long_prompts_arrive_whole);
	tcase_add_test(t, legacy_completions);
	tcase_add_test(t, missing_usage_is_flagged);
	tcase_add_test(t, a_late_head_is_late_and_ok);
	suite_add_tcase(s, t);
	t = tcase_create("failures");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, failures_are_told_apart, 0, ARRAY_LEN(failures));
	tcase_add_test(t, a_reset_stream_is_truncated);
	tcase_add_loop_test(t, unfinished_at_the_end_of_drain_is_stalled, 0, 2);
	tcase_add_loop_test(t, time_outs_count_from_the_planned_instant, 0, 2);
	tcase_add_test(t, nobody_listens);
	tcase_add_test(t, without_a_free_connection_nothing_is_sent);
	suite_add_tcase(s, t);
	t = tcase_create("retries");
	tcase_set_timeout(t, 30);
	tcase_add_test(t, retries_follow_retry_after);
	tcase_add_test(t, retries_end);
	tcase_add_test(t, a_retry_beyond_the_time_out_is_not_awaited);
	suite_add_tcase(s, t);
	return run_suite(s);
}
