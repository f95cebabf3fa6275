/* Ethernet in the model: on the client's ingress, where it moves messages and nothing else, and on
 * a path over two or three racks, where it stretches frames. Constant delays are checked by adding
 * up, laws by their moments (within four standard errors), draws by what they must not depend on.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults/message_law.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS
#define US NS_PER_US

#define POOLS(frame, slots, nodes)                                                                 \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":65536,\"frame\":\"" frame            \
	"\",\"slots\":" slots ",\"prefill_tokens_per_frame\":64}],\"nodes\":" nodes                \
	",\"entry\":\"immediate\"}]"
#define RACKS(n)                                                                                   \
	"\"hardware\":{\"racks\":{\"value\":" n ",\"unit\":\"count\",\"label\":\"assumption\","    \
	"\"source\":\"test\"},\"racks_per_pod\":{\"value\":1,\"unit\":\"count\","                  \
	"\"label\":\"assumption\",\"source\":\"test\"}},"                                          \
	"\"cross_rack\":{\"position\":\"allowed\",\"rationale\":\"test\",\"label\":"               \
	"\"assumption\"},"
#define ETHERNET(ingress, lanes)                                                                   \
	"\"ethernet\":{\"ingress_delay\":\"" ingress "\",\"lanes\":" lanes "},"
#define ONE_RACK(ingress, frame, slots)                                                            \
	"{" ETHERNET(ingress, "1") POOLS(frame, slots, "[[\"r0.n0\",\"r0.n1\"]]") "}"

static struct bench b;

/* --- a fault
 * ----------------------------------------------------------------------------------------- */

struct delay {
	uint32_t fault;
	const char *link;
	struct ether_delay law;
};

static void begin(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct delay *d = ctx;
	uint32_t c = topology_find(&b.deployment.topology, d->link);

	ck_assert(c != COMPONENT_NONE);
	s->ether_delay(s->ctx, now, d->fault, c, &d->law);
}

static void end(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct delay *d = ctx;

	s->ether_delay(s->ctx, now, d->fault, topology_find(&b.deployment.topology, d->link), NULL);
	s->reverted(s->ctx, now, d->fault);
}

static void lose(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_lost(
	        s->ctx, now, 1, topology_find(&b.deployment.topology, "r0.n1"), DETECT_FLAGGED);
}

/* --- ingress
 * ----------------------------------------------------------------------------------------- */

START_TEST(constant_delay_both_ways)
{
	/* 3 ms each way, and 5 more from 100 ms on until 300 ms, for messages sent in between. */
	struct bench_request r[] = {{.at_ns = 0, .prompt = 64, .output = 20},
	        {.at_ns = 297 * MS, .prompt = 64, .output = 20},
	        {.at_ns = 600 * MS, .prompt = 64, .output = 70000}};
	struct delay d = {0, "eth.ingress", {.delay_ns = 5 * MS}};
	struct bench_event e[] = {{100 * MS, begin, &d}, {300 * MS, end, &d}};
	const struct rack_completion *done;

	bench_init(&b, ONE_RACK("3ms", "10ms", "1"));
	bench_play(&b, r, 3, e, 2, NS_MAX);
	done = &b.answers[0].done;
	ck_assert_int_eq(done->t_arrival, 3 * MS);
	ck_assert_int_eq(done->t_first, (3 + 10 + 3) * MS);
	ck_assert_int_eq(done->t_last, (3 + 200 + 8) * MS);
	ck_assert_int_eq(b.answers[0].at_ns, done->t_last);
	ck_assert_int_eq(b.answers[0].gap_max_ns, 15 * MS); /* between the tokens at 93 and 103 */
	done = &b.answers[1].done;
	ck_assert_int_eq(done->t_arrival, (297 + 8) * MS); /* sent while it was slow */
	ck_assert_int_eq(done->t_first, (305 + 10 + 3) * MS);
	/* No bucket holds the third: the refusal takes both ways, too. */
	ck_assert(b.answers[2].refused);
	ck_assert_int_eq(b.answers[2].refused_at, 606 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 100 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(messages_keep_their_order)
{
	/* 30 ms until 55 ms, then none: the tokens of 60 and 70 ms wait for that of 50 ms, at 80.
	 */
	struct bench_request r = {.prompt = 64, .output = 9};
	struct delay d = {0, "eth.ingress", {.delay_ns = 30 * MS}};
	struct bench_event e[] = {{5 * MS, begin, &d}, {55 * MS, end, &d}};
	static const int64_t at_ms[] = {40, 50, 60, 70, 80, 80, 80, 80, 90};

	bench_init(&b, ONE_RACK("0ns", "10ms", "1"));
	b.tokens_max = 9;
	bench_play(&b, &r, 1, e, 2, NS_MAX);
	for (unsigned i = 0; i < 9; i++)
		ck_assert_int_eq(b.token_at[i], at_ms[i] * MS);
	bench_free(&b);
}
END_TEST

/* A law's mean and deviation, by FORMATS §4: uniform is ± jitter, the others have it as deviation.
 */
static const struct {
	enum delay_distribution law;
	double mean_ms, sd_ms, kurtosis_allowance;
} laws[] = {{DELAY_UNIFORM, 20, 1.1547005383792517, 1}, {DELAY_NORMAL, 20, 2, 1},
        {DELAY_PARETO, 20, 2, 8}};

START_TEST(draws_follow_their_law)
{
	enum { TOKENS = 20000 };
	struct bench_request r = {.prompt = 64, .output = TOKENS};
	struct delay d = {0, "eth.ingress",
	        {.delay_ns = 20 * MS, .jitter_ns = 2 * MS, .distribution = laws[_i].law}};
	struct bench_event e[] = {{0, begin, &d}};
	double mean = 0, var = 0, lag1 = 0, before = 0, error;

	bench_init(&b, ONE_RACK("0ns", "1s", "1")); /* no message catches up with another */
	b.tokens_max = TOKENS;
	bench_play(&b, &r, 1, e, 1, NS_MAX);
	for (int64_t i = 0; i < TOKENS; i++) {
		int64_t sent = b.answers[0].done.t_arrival + (i + 1) * NS_PER_S;
		double x = (double)(b.token_at[i] - sent) / 1e6 - laws[_i].mean_ms;

		if (laws[_i].law == DELAY_UNIFORM)
			ck_assert(x >= -2 && x < 2);
		mean += x / TOKENS;
		var += x * x / TOKENS;
		lag1 += x * before / TOKENS;
		before = x;
	}
	error = laws[_i].sd_ms / sqrt(TOKENS);
	printf("law %d: mean %+.4f ms (%.4f), sd %.4f ms (%.4f), lag-1 %.4f\n", (int)laws[_i].law,
	        mean, error, sqrt(var), laws[_i].sd_ms, lag1 / var);
	ck_assert(fabs(mean) < 4 * error);
	ck_assert(fabs(sqrt(var) - laws[_i].sd_ms) < 4 * error * laws[_i].kurtosis_allowance);
	ck_assert(fabs(lag1 / var) < 4 / sqrt(TOKENS));
	bench_free(&b);
}
END_TEST

/* Token i of request 1 is message i + 1 of stream 1. test_packet_link.c has the same of packets. */
START_TEST(draws_are_those_of_the_law_by_its_name)
{
	enum { TOKENS = 200 };
	struct bench_request r = {.prompt = 64, .output = TOKENS};
	struct delay d = {0, "eth.ingress",
	        {.delay_ns = 20 * MS, .jitter_ns = 2 * MS, .distribution = DELAY_NORMAL}};
	struct bench_event e[] = {{1, begin, &d}};
	struct message_law law;
	char name[32];

	bench_init(&b, ONE_RACK("0ns", "1s", "1"));
	b.tokens_max = TOKENS;
	bench_play(&b, &r, 1, e, 1, NS_MAX);
	snprintf(name, sizeof(name), "0/%u", (unsigned)b.deployment.topology.eth_ingress);
	message_law_init(&law, 42, name, 1, &d.law); /* rack_bench.c's seed */
	for (uint64_t i = 0; i < TOKENS; i++) {
		int64_t sent = b.answers[0].done.t_arrival + (int64_t)(i + 1) * NS_PER_S;
		uint64_t bits = prng_at(law.key, 1, i + 1);
		double last = 0;

		ck_assert_int_eq(
		        b.token_at[i], sent + message_delay(&law, sent, bits, &last, false));
	}
	message_law_free(&law);
	bench_free(&b);
}
END_TEST

START_TEST(correlation_runs_along_a_stream)
{
	/* x' = c x + (1 − c) u: the mean stays, the variance shrinks by (1 − c) / (1 + c), lag-1 is
	 * c. */
	enum { TOKENS = 20000 };
	struct bench_request r = {.prompt = 64, .output = TOKENS};
	struct delay d = {
	        0, "eth.ingress", {.delay_ns = 20 * MS, .jitter_ns = 2 * MS, .correlation = 0.5}};
	struct bench_event e[] = {{0, begin, &d}};
	double mean = 0, var = 0, lag1 = 0, before = 0, sd = 1.1547005383792517 / sqrt(3);

	bench_init(&b, ONE_RACK("0ns", "1s", "1"));
	b.tokens_max = TOKENS;
	bench_play(&b, &r, 1, e, 1, NS_MAX);
	for (int64_t i = 0; i < TOKENS; i++) {
		int64_t sent = b.answers[0].done.t_arrival + (i + 1) * NS_PER_S;
		double x = (double)(b.token_at[i] - sent) / 1e6 - 20;

		mean += x / TOKENS;
		var += x * x / TOKENS;
		lag1 += x * before / TOKENS;
		before = x;
	}
	ck_assert(fabs(mean) < 4 * sd * sqrt(3.0 / TOKENS));
	ck_assert(fabs(sqrt(var) - sd) < 0.02 * sd);
	ck_assert(fabs(lag1 / var - 0.5) < 0.03);
	bench_free(&b);
}
END_TEST

enum { N = 200, TOKENS_MAX = 40 };

static void crowd(struct bench_request r[N])
{
	for (uint32_t i = 0; i < N; i++)
		r[i] = (struct bench_request){.at_ns = (int64_t)i * 7 * MS + i % 13,
		        .prompt = 1 + (i * 37) % 300,
		        .output = 1 + (i * 11) % 40,
		        .max = 40};
}

START_TEST(draws_know_only_the_request_and_the_message)
{
	/* A lost node changes when everything is sent, but not how late the first message of
	 * anybody is: the draws are by (seed, fault, id, message). */
	static struct bench_request r[N];
	static int64_t way_in[N], way_out[N];
	struct delay d = {0, "eth.ingress",
	        {.delay_ns = 5 * MS,
	                .jitter_ns = 2 * MS,
	                .correlation = 0.25,
	                .distribution = DELAY_NORMAL}};
	struct bench_event quiet[] = {{0, begin, &d}};
	struct bench_event loud[] = {{0, begin, &d}, {300 * MS, lose, NULL}};
	uint32_t moved = 0;

	crowd(r);
	bench_init(&b, ONE_RACK("1ms", "10ms", "4"));
	bench_play(&b, r, N, quiet, 1, NS_MAX);
	for (uint32_t i = 0; i < N; i++) {
		way_in[i] = b.answers[i].done.t_arrival - r[i].at_ns;
		way_out[i] = b.answers[i].done.t_first - b.answers[i].done.t_first_edge;
	}
	bench_play(&b, r, N, loud, 2, NS_MAX);
	for (uint32_t i = 0; i < N; i++) {
		ck_assert_int_eq(way_in[i], b.answers[i].done.t_arrival - r[i].at_ns);
		ck_assert_int_eq(
		        way_out[i], b.answers[i].done.t_first - b.answers[i].done.t_first_edge);
		moved += i && way_in[i] != way_in[0];
	}
	ck_assert_uint_gt(moved, N / 2);
	bench_free(&b);
}
END_TEST

/* A token at a time and the books at the end are the same instants, also where jitter is larger
 * than a frame and streams are replayed in the middle of it; likewise with losses, an outage,
 * episodes, and all of them at once. */
static const struct ether_delay troubles[] = {
        {.delay_ns = 8 * MS,
                .jitter_ns = 6 * MS,
                .correlation = 0.25,
                .distribution = DELAY_NORMAL},
        {.loss = {.p = 20000000, .r = 400000000, .loss_bad = 900000000, .loss_good = 5000000}},
        {.outage_ns = 150 * MS, .settle_ns = 300 * MS, .settle_extra_ns = 5 * MS},
        {.delay_ns = 8 * MS, .jitter_ns = 6 * MS, .busy_mean_ns = 20 * MS, .idle_mean_ns = 30 * MS},
};

START_TEST(tokens_and_books_agree_under_trouble)
{
	static struct bench_request r[N];
	struct delay all[ARRAY_LEN(troubles)], *d = &all[_i];
	struct bench_event one[] = {
	        {200 * MS, begin, d}, {300 * MS, lose, NULL}, {900 * MS, end, d}};
	struct bench_event more[] = {{200 * MS, begin, &all[0]}, {200 * MS, begin, &all[2]},
	        {250 * MS, begin, &all[3]}, {300 * MS, lose, NULL}, {400 * MS, begin, &all[1]},
	        {700 * MS, end, &all[0]}, {750 * MS, end, &all[3]}, {900 * MS, end, &all[1]},
	        {900 * MS, end, &all[2]}};
	bool together = _i == (int)ARRAY_LEN(troubles);
	struct bench_event *e = together ? more : one;
	uint32_t n = together ? ARRAY_LEN(more) : ARRAY_LEN(one);
	struct bench_answer *books;

	for (uint32_t i = 0; i < ARRAY_LEN(troubles); i++)
		all[i] = (struct delay){i, "eth.ingress", troubles[i]};
	crowd(r);
	bench_init(&b, ONE_RACK("2ms", "3ms", "3"));
	bench_play(&b, r, N, e, n, NS_MAX);
	books = b.answers;
	b.answers = NULL;
	b.tokens_max = TOKENS_MAX;
	bench_play(&b, r, N, e, n, NS_MAX);
	for (uint32_t i = 0; i < N; i++) {
		const int64_t *at = &b.token_at[i * TOKENS_MAX];
		int64_t gap_max = 0, gap_sum = 0;

		ck_assert_int_eq(books[i].done.t_first, at[0]);
		ck_assert_int_eq(books[i].done.t_last, at[r[i].output - 1]);
		ck_assert_int_eq(books[i].at_ns, b.answers[i].at_ns);
		for (int64_t k = 1; k < r[i].output; k++) {
			int64_t gap = at[k] - at[k - 1];

			ck_assert_int_ge(gap, 0);
			gap_sum += gap;
			gap_max = gap > gap_max ? gap : gap_max;
		}
		ck_assert_int_eq(gap_max, books[i].gap_max_ns);
		ck_assert_int_eq(gap_sum, books[i].gap_sum_ns);
		ck_assert_int_eq(books[i].n_gaps, r[i].output - 1);
	}
	mem_free(books);
	bench_free(&b);
}
END_TEST

START_TEST(in_one_rack_only_ingress_moves)
{
	struct bench_request r[20];
	struct delay d = {0, "eth.ingress", {.delay_ns = 5 * MS, .jitter_ns = 2 * MS}};
	struct bench_event e[] = {{0, begin, &d}};

	for (uint32_t i = 0; i < 20; i++)
		r[i] = (struct bench_request){.at_ns = i * NS_PER_S, .prompt = 64, .output = 20};
	bench_init(&b, ONE_RACK("0ns", "10ms", "1"));
	bench_play(&b, r, 20, e, 1, NS_MAX);
	for (uint32_t i = 0; i < 20; i++) {
		const struct rack_completion *done = &b.answers[i].done;

		ck_assert_int_gt(done->t_arrival, r[i].at_ns);
		ck_assert_int_eq(done->t_last_edge - done->t_arrival, 200 * MS);
		ck_assert_int_eq(done->decode_ns, 190 * MS);
		ck_assert_uint_eq(done->n_stalls, 0);
	}
	bench_free(&b);
}
END_TEST

/* --- frames
 * ------------------------------------------------------------------------------------------ */

static const struct {
	const char *nodes;
	const char *links[2];
	int64_t hops;
} paths[] = {
        {"[[\"r0.n0\",\"r1.n0\"]]", {"eth.r0-r1"}, 1},
        {"[[\"r0.n0\",\"r1.n0\",\"r0.n1\"]]", {"eth.r0-r1"}, 2},
        {"[[\"r0.n0\",\"r1.n0\",\"r2.n0\"]]", {"eth.r0-r1", "eth.r1-r2"}, 2},
        {"[[\"r0.n0\",\"r1.n0\"]]", {"eth.r1-r2"}, 0},
};

START_TEST(frames_are_late_by_the_sum_over_hops)
{
	/* 0.5 ms a hop from 54 ms until 154 ms: one hop makes the frames that begin at 60, 70.5, 81
	 * … 144 late, nine of them; two hops those at 60, 71 … 148: nine again. */
	struct delay d[] = {{0, paths[_i].links[0], {.delay_ns = 500 * US}},
	        {0, paths[_i].links[1], {.delay_ns = 500 * US}}};
	struct bench_event e[] = {{54 * MS, begin, &d[0]}, {54 * MS, begin, &d[1]},
	        {154 * MS, end, &d[0]}, {154 * MS, end, &d[1]}};
	struct bench_event one[] = {e[0], e[2]};
	struct bench_request r = {.prompt = 64, .output = 20};
	const struct rack_completion *done = NULL;
	char text[1024];

	(void)snprintf(text, sizeof(text),
	        "{" RACKS("3") ETHERNET("0ns", "4") POOLS("10ms", "1", "%s") "}", paths[_i].nodes);
	bench_init(&b, text);
	bench_play(&b, &r, 1, d[1].link ? e : one, d[1].link ? 4 : 2, NS_MAX);
	done = &b.answers[0].done;
	ck_assert_int_eq(done->t_last_edge, 200 * MS + 9 * paths[_i].hops * 500 * US);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], paths[_i].hops ? 60 * MS : -1);
	ck_assert_uint_eq(done->n_stalls, paths[_i].hops ? 1 : 0);
	ck_assert_int_eq(done->decode_ns, 190 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_hop_waits_for_its_slowest_lane)
{
	/* The mean of the largest of L uniform numbers on ±j is j (L − 1) / (L + 1), its variance
	 * 4 j² L / ((L + 1)² (L + 2)). */
	enum { FRAMES = 20000 };
	static const int lanes[] = {1, 4, 16};
	double l = lanes[_i], j = 0.2, sum, expected, sd;
	struct delay d = {0, "eth.r0-r1", {.delay_ns = 500 * US, .jitter_ns = 200 * US}};
	struct bench_event e[] = {{5 * MS, begin, &d}};
	struct bench_request r = {.prompt = 64, .output = FRAMES + 1};
	char text[1024];

	(void)snprintf(text, sizeof(text),
	        "{" RACKS("2") ETHERNET("0ns", "%d")
	                POOLS("10ms", "1", "[[\"r0.n0\",\"r1.n0\"]]") "}",
	        lanes[_i]);
	bench_init(&b, text);
	bench_play(&b, &r, 1, e, 1, NS_PER_S * 250);
	sum = (double)(b.answers[0].done.t_last_edge - (FRAMES + 1) * 10 * MS) / 1e6;
	expected = 0.5 + j * (l - 1) / (l + 1);
	sd = sqrt(4 * j * j * l / ((l + 1) * (l + 1) * (l + 2)));
	printf("%d lanes: a frame %.5f ms late (%.5f)\n", lanes[_i], sum / FRAMES, expected);
	ck_assert(fabs(sum / FRAMES - expected) < 4 * sd / sqrt(FRAMES) + 1e-6);
	bench_free(&b);
}
END_TEST

START_TEST(instances_on_one_link_do_not_share_draws)
{
	/* What happens to the first instance does not depend on whether there is a second. */
	static const char *const nodes[] = {
	        "[[\"r0.n0\",\"r1.n0\"]]", "[[\"r0.n0\",\"r1.n0\"],[\"r0.n1\",\"r1.n1\"]]"};
	struct delay d = {
	        0, "eth.r0-r1", {.delay_ns = 500 * US, .jitter_ns = 200 * US, .correlation = 0.5}};
	struct bench_event e[] = {{5 * MS, begin, &d}};
	struct bench_request r = {.prompt = 64, .output = 500};
	int64_t last[2];
	char text[1024];

	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text),
		        "{" RACKS("2") ETHERNET("0ns", "4") POOLS("10ms", "1", "%s") "}", nodes[i]);
		bench_init(&b, text);
		bench_play(&b, &r, 1, e, 1, NS_PER_S * 60);
		last[i] = b.answers[0].done.t_last_edge;
		bench_free(&b);
	}
	ck_assert_int_eq(last[0], last[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ethernet");
	TCase *t = tcase_create("ethernet");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, constant_delay_both_ways);
	tcase_add_test(t, messages_keep_their_order);
	tcase_add_loop_test(t, draws_follow_their_law, 0, ARRAY_LEN(laws));
	tcase_add_test(t, correlation_runs_along_a_stream);
	tcase_add_test(t, draws_are_those_of_the_law_by_its_name);
	tcase_add_test(t, draws_know_only_the_request_and_the_message);
	tcase_add_loop_test(t, tokens_and_books_agree_under_trouble, 0, ARRAY_LEN(troubles) + 1);
	tcase_add_test(t, in_one_rack_only_ingress_moves);
	tcase_add_loop_test(t, frames_are_late_by_the_sum_over_hops, 0, ARRAY_LEN(paths));
	tcase_add_loop_test(t, a_hop_waits_for_its_slowest_lane, 0, 3);
	tcase_add_test(t, instances_on_one_link_do_not_share_draws);
	suite_add_tcase(s, t);
	return run_suite(s);
}
