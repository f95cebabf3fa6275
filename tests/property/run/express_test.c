/* The express gives what the rack's events give: the same requests, digest, counts, groups and
 * verdicts, whatever the deployment, the load and the faults that come between. Played with and
 * without it, on deployments that it can carry (and that bring it into trouble: refusals, timeouts,
 * queues that grow) and on random plans over the whole catalogue. A mirror changes nothing, and
 * sees the same either way.
 *
 * PROPERTY_RUNS, PROPERTY_CASE and so on as in random_plan.h. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/prng.h"
#include "harness/run/evaluate.h"
#include "tests/support/random_plan.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

/* All that a run says of itself. */
struct said {
	struct virtual_result run;
	struct book book;
	struct json_out text;
	struct lanes moved; /* all that a mirror has shown */
	uint64_t moves;
	int64_t last_move;
};

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct said *out = ctx;
	uint8_t frame[WIRE_BYTES_MAX];
	size_t n = wire_encode(m, frame);

	ck_assert_int_ge(m->sent_ns, out->last_move);
	out->last_move = m->sent_ns;
	out->moves++;
	for (size_t i = 0; i < n; i++)
		lanes_add(&out->moved, frame[i]);
}

static void play(
        const struct scenario *s, bool events_only, bool scored, uint32_t mirror, struct said *out)
{
	struct score_config config = scenario_score_config(s, true);
	struct score *score = scored ? score_create(&config) : NULL;
	struct score_fault *faults = mem_alloc(s->faults.n + 1, sizeof(*faults));
	struct error err = ERROR_INIT;
	struct score_facts facts = {.valid = true};
	const struct score_result *result;
	enum status st;

	book_init(&out->book);
	json_out_init(&out->text, 1);
	lanes_init(&out->moved);
	out->moves = 0;
	out->last_move = 0;
	st = drive_virtual(s,
	        &(struct virtual_options){.seed = s->seed,
	                .without = VIRTUAL_ALL_FAULTS,
	                .score = score,
	                .book = &out->book,
	                .digest = true,
	                .events_only = events_only,
	                .mirror_every = mirror,
	                .moved = on_moved,
	                .moved_ctx = out},
	        &out->run, &err);
	ck_assert(!st);
	if (!score) {
		mem_free(faults);
		return;
	}
	ledger_score(&out->run.ledger, &s->faults, faults);
	facts.scheduled = out->run.scheduled;
	evaluate_paths(&out->run.rack, &facts);
	result = score_decide(score, faults, &facts);
	json_out_open(&out->text, NULL, '{');
	score_groups_json(score, &out->text);
	score_totals_json(score, &out->text);
	score_results_json(result, &s->names, &out->text);
	json_out_i64(&out->text, "verdict", result->verdict);
	json_out_u64(&out->text, "dropped", result->dropped);
	json_out_i64(&out->text, "output_tokens", result->output_tokens);
	json_out_close(&out->text);
	score_free(score);
	mem_free(faults);
}

static void said_free(struct said *s)
{
	virtual_result_free(&s->run);
	book_free(&s->book);
	json_out_free(&s->text);
}

static void check_books(const struct book *a, const struct book *b)
{
	for (uint64_t id = 0; (id = book_next(a, b, id)) != 0;) {
		const struct book_entry *x = book_at(a, id), *y = book_at(b, id);

		ck_assert_msg((x != NULL) == (y != NULL), "request %llu", (unsigned long long)id);
		if (!x)
			continue;
		ck_assert_msg(x->outcome == y->outcome && x->t_sched == y->t_sched &&
		                      x->t_done == y->t_done && x->ttft_ns == y->ttft_ns &&
		                      x->e2el_ns == y->e2el_ns && x->tpot_ns == y->tpot_ns,
		        "request %llu: done %lld ttft %lld, by events %lld %lld",
		        (unsigned long long)id, (long long)x->t_done, (long long)x->ttft_ns,
		        (long long)y->t_done, (long long)y->ttft_ns);
	}
}

static void check_counts(const struct rack_counts *a, const struct rack_counts *b)
{
	ck_assert_uint_eq(a->submitted, b->submitted);
	ck_assert_uint_eq(a->refused, b->refused);
	ck_assert_uint_eq(a->completed, b->completed);
	ck_assert_uint_eq(a->failed, b->failed);
	ck_assert_uint_eq(a->cancelled, b->cancelled);
	ck_assert_uint_eq(a->dispatches, b->dispatches);
	ck_assert_uint_eq(a->tokens_recomputed, b->tokens_recomputed);
	ck_assert_uint_eq(a->frames_replayed, b->frames_replayed);
	ck_assert_uint_eq(a->requests_replayed, b->requests_replayed);
	ck_assert_uint_eq(a->admission_refused, b->admission_refused);
}

/* Down to the first line that differs. */
static void check_text(const struct json_out *a, const struct json_out *b)
{
	size_t line = 0, i = 0;

	while (i < a->n && i < b->n && a->buf[i] == b->buf[i])
		line = a->buf[i++] == '\n' ? i : line;
	ck_assert_msg(i == a->n && i == b->n, "found '%.*s', by events '%.*s'",
	        (int)(a->n - line < 80 ? a->n - line : 80), a->buf + line,
	        (int)(b->n - line < 80 ? b->n - line : 80), b->buf + line);
}

static void check_said(const struct said *ride, const struct said *events)
{
	check_books(&ride->book, &events->book);
	ck_assert_uint_eq(ride->run.scheduled, events->run.scheduled);
	ck_assert_int_eq(ride->run.ended_ns, events->run.ended_ns);
	check_counts(&ride->run.rack, &events->run.rack);
	ck_assert_mem_eq(ride->run.traffic_digest, events->run.traffic_digest, DIGEST_BYTES);
	ck_assert_mem_eq(ride->run.result_digest, events->run.result_digest, DIGEST_BYTES);
	check_text(&ride->text, &events->text);
}

/* Both ways; returns the share of instants that the express saved, of those there were. */
static double check_same(const struct scenario *s, bool scored)
{
	struct said ride, events;
	double saved;

	play(s, false, scored, 0, &ride);
	play(s, true, scored, 0, &events);
	check_said(&ride, &events);
	saved = 1 - (double)ride.run.rack.events / (double)(events.run.rack.events + 1);
	said_free(&ride);
	said_free(&events);
	return saved;
}

/* A mirror changes nothing, and shows the same whichever way requests are played. */
static void check_mirrored(const struct scenario *s, uint32_t mirror)
{
	uint8_t a[DIGEST_BYTES], b[DIGEST_BYTES];
	struct said plain, ride, events;

	play(s, false, true, 0, &plain);
	play(s, false, true, mirror, &ride);
	play(s, true, true, mirror, &events);
	check_said(&ride, &plain);
	check_said(&events, &plain);
	lanes_final(&ride.moved, a);
	lanes_final(&events.moved, b);
	ck_assert_uint_gt(ride.moves, 0);
	ck_assert_uint_eq(ride.moves, events.moves);
	ck_assert_mem_eq(a, b, DIGEST_BYTES);
	said_free(&plain);
	said_free(&ride);
	said_free(&events);
}

static const char *const entries[] = {"phase", "frame", "immediate"};
static const char *const admissions[] = {"{\"policy\":\"none\"}",
        "{\"policy\":\"queue_cap\",\"limit\":6}",
        "{\"policy\":\"token_budget\",\"limit\":\"80ms\"}",
        "{\"policy\":\"request_count\",\"limit\":20}",
        "{\"policy\":\"none\",\"tenant_rate\":150,\"tenant_burst\":20}"};
static const char *const delays[] = {"0ns", "100us", "7ms"};
static const char *const lengths[] = {"{\"dist\":\"constant\",\"value\":64}",
        "{\"dist\":\"lognormal\",\"median\":200,\"p99\":1500,\"max\":3000}",
        "{\"dist\":\"uniform\",\"min\":1,\"max\":300}",
        "{\"dist\":\"uniform\",\"min\":1,\"max\":2600}"};

static unsigned pick(uint64_t key, unsigned what, unsigned n)
{
	return (unsigned)(prng_at(key, what, 0) % n);
}

/* A pool or two that the express can carry, at loads up to where queues grow. */
static void draw(unsigned which, char *text, size_t size)
{
	uint64_t key = prng_purpose(which, "express");
	unsigned entry = pick(key, 0, 3), buckets = entry == 2 ? 1 : 1 + pick(key, 1, 2);
	char second[128] = "", tail[256] = "";
	int n;

	if (buckets == 2)
		(void)snprintf(second, sizeof(second),
		        ",{\"max_seq\":8192,\"frame\":\"2ms\",\"slots\":%u,"
		        "\"prefill_tokens_per_frame\":64}",
		        1 + pick(key, 2, 9));
	if (pick(key, 3, 2))
		(void)snprintf(tail, sizeof(tail),
		        ",\"faults\":[{\"id\":\"down\",\"kind\":\"link.down\",\"target\":"
		        "\"r0.n1-r0.n2.0\",\"at\":\"3s\",\"for\":\"%ums\"},{\"id\":\"far\","
		        "\"kind\":\"ethernet.jitter\",\"target\":\"eth.ingress\",\"at\":\"6s\","
		        "\"for\":\"500ms\",\"delay\":\"3ms\",\"jitter\":\"1ms\"}]",
		        1 + pick(key, 4, 40));
	n = snprintf(text, size,
	        "{\"version\":1,\"name\":\"x\",\"seed\":%u,\"duration\":\"12s\",\"warmup\":"
	        "\"500ms\","
	        "\"drain\":\"%s\",\"deployment\":{\"ethernet\":{\"ingress_delay\":\"%s\"},"
	        "\"pools\":[{"
	        "\"name\":\"p\",\"buckets\":[{\"max_seq\":%u,\"frame\":\"2ms\",\"slots\":%u,"
	        "\"prefill_tokens_per_frame\":64}%s],\"instances\":%u,\"entry\":\"%s\","
	        "\"admission\":%s}]},"
	        "\"traffic\":[{\"name\":\"a\",\"tier\":\"i\",\"timeout\":\"%s\",\"retries\":%u,"
	        "\"arrival\":{\"process\":\"%s\",\"rate\":%u%s},\"prompt_tokens\":%s,"
	        "\"output_tokens\":%s,\"max_tokens\":%u},{\"name\":\"b\",\"tier\":\"j\","
	        "\"arrival\":{"
	        "\"process\":\"constant\",\"rate\":%u},\"prompt_tokens\":%s,\"output_tokens\":%s}],"
	        "\"slo\":[{\"id\":\"t\",\"tier\":\"i\",\"metric\":\"ttft_ms\",\"quantile\":0.99,"
	        "\"max\":"
	        "\"80ms\"},{\"id\":\"g\",\"tier\":\"j\",\"metric\":\"itl_ms\",\"quantile\":0.9,"
	        "\"max\":"
	        "\"3ms\"}]%s}",
	        which, pick(key, 5, 2) ? "10s" : "100ms", delays[pick(key, 6, 3)],
	        buckets == 2 ? 700 : 8192, 1 + pick(key, 7, 40), second, 1 + pick(key, 8, 4),
	        entries[entry], admissions[pick(key, 9, 5)], pick(key, 10, 3) ? "10m" : "400ms",
	        pick(key, 11, 2), pick(key, 12, 2) ? "poisson" : "gamma", 20 + pick(key, 13, 300),
	        "", lengths[pick(key, 14, 3)], lengths[pick(key, 15, 4)],
	        pick(key, 19, 2) ? 512 : 3000, 10 + pick(key, 16, 100), lengths[pick(key, 17, 3)],
	        lengths[pick(key, 18, 3)], tail);
	ck_assert(n > 0 && (size_t)n < size);
	if (!pick(key, 12, 2)) {
		char *gamma = strstr(text, "\"process\":\"gamma\",");

		ck_assert(gamma != NULL);
		memmove(gamma + 26, gamma + 18, strlen(gamma + 18) + 1);
		memcpy(gamma + 18, "\"cv\":2, ", 8);
	}
}

START_TEST(plain_pools)
{
	static char text[8192];
	struct scenario *s;
	double saved;

	draw((unsigned)_i, text, sizeof(text) - 16);
	s = scenario_text(text);
	saved = check_same(s, _i % 3 != 0);
	if (getenv("PROPERTY_PRINT"))
		(void)fprintf(stderr, "case %d: %.0f %% of the events saved\n", _i, 100 * saved);
	scenario_free(s);
}
END_TEST

START_TEST(random_plans)
{
	struct scenario *s = random_plan_scenario((unsigned)_i, 0);

	(void)check_same(s, _i % 2 == 0);
	scenario_free(s);
}
END_TEST

static const uint32_t mirrors[] = {1000, 97, 300};

START_TEST(mirrored_pools)
{
	static char text[8192];
	struct scenario *s;

	draw((unsigned)_i, text, sizeof(text) - 16);
	s = scenario_text(text);
	check_mirrored(s, mirrors[_i % 3]);
	scenario_free(s);
}
END_TEST

START_TEST(mirrored_plans)
{
	struct scenario *s = random_plan_scenario((unsigned)_i, 0);

	check_mirrored(s, mirrors[_i % 3]);
	scenario_free(s);
}
END_TEST

/* A test of two ways that never take the second one tests nothing. */
START_TEST(it_is_taken)
{
	struct scenario *s = scenario_text(
	        "{\"version\":1,\"name\":\"x\",\"duration\":\"60s\",\"deployment\":{\"pools\":[{"
	        "\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"2ms\",\"slots\":32,"
	        "\"prefill_tokens_per_frame\":64}],\"instances\":2,\"admission\":{\"policy\":"
	        "\"none\"}}]},\"traffic\":[{\"name\":\"a\",\"tier\":\"i\",\"arrival\":{\"process\":"
	        "\"poisson\",\"rate\":200},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":100},"
	        "\"output_tokens\":{\"dist\":\"uniform\",\"min\":1,\"max\":100}}],\"faults\":[{"
	        "\"id\":\"down\",\"kind\":\"link.down\",\"target\":\"r0.n1-r0.n2.0\",\"at\":"
	        "\"30s\","
	        "\"for\":\"5ms\"}]}");

	ck_assert_double_gt(check_same(s, true), 0.9);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("express");
	TCase *plain = tcase_create("plain"), *random = tcase_create("random"),
	      *mirrored = tcase_create("mirrored");
	int first, end;

	random_plan_range(150, &first, &end);
	tcase_set_timeout(plain, 120);
	tcase_add_loop_test(plain, plain_pools, first, end);
	suite_add_tcase(s, plain);
	random_plan_range(40, &first, &end);
	tcase_set_timeout(random, 120);
	tcase_add_loop_test(random, random_plans, first, end);
	suite_add_tcase(s, random);
	random_plan_range(12, &first, &end);
	tcase_set_timeout(mirrored, 120);
	tcase_add_loop_test(mirrored, mirrored_pools, first, end);
	tcase_add_loop_test(mirrored, mirrored_plans, first, end);
	suite_add_tcase(s, mirrored);
	if (!getenv("PROPERTY_CASE"))
		add_test(s, "taken", it_is_taken);
	return run_suite(s);
}
