/* Ethernet that loses, fills up and reroutes, by arithmetic: what a lost message waits for, what an
 * outage does to a stream, how long a download takes over a link that is busy part of the time.
 * Laws of chance by their shares and runs, within four standard errors. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

#define HEALTH(from)                                                                               \
	"\"health\":{\"isolate\":\"3ms\",\"resync\":\"5ms\",\"resume\":\"2ms\",\"weights_from\":"  \
	"\"" from "\"},"
#define POOLS(frame, nodes)                                                                        \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":65536,\"frame\":\"" frame            \
	"\",\"slots\":4,\"prefill_tokens_per_frame\":64}],\"nodes\":" nodes                        \
	",\"entry\":\"immediate\"}]"
#define ONE_RACK(ingress, frame, from)                                                             \
	"{" HEALTH(from) "\"ethernet\":{\"ingress_delay\":\"" ingress                              \
	                 "\"}," POOLS(frame, "[[\"r0.n0\",\"r0.n1\"]]") "}"
#define TWO_RACKS(frame, lanes)                                                                    \
	"{\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\",\"label\":\"assumption\","       \
	"\"source\":\"test\"},\"racks_per_pod\":{\"value\":1,\"unit\":\"count\",\"label\":"        \
	"\"assumption\",\"source\":\"test\"}},\"cross_rack\":{\"position\":\"allowed\","           \
	"\"rationale\":\"test\",\"label\":\"assumption\"},\"ethernet\":{\"lanes\":" lanes          \
	"}," POOLS(frame, "[[\"r0.n0\",\"r1.n0\"]]") "}"

static struct bench b;
static struct fault_bench f;

/* Plays requests while the kind is in force in [from, to). */
static void play(const char *deployment, const char *kind, const char *params, const char *target,
        const struct bench_request *r, uint32_t n, int64_t tokens, int64_t from, int64_t to)
{
	struct bench_event e[] = {{from, fault_bench_inject, &f}, {to, fault_bench_revert, &f}};

	bench_init(&b, deployment);
	fault_bench_init(&f, &b, kind, 0, target, params);
	b.tokens_max = tokens;
	bench_play(&b, r, n, e, 2, NS_MAX);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
}

static void over(void)
{
	fault_bench_free(&f);
	bench_free(&b);
}

/* --- loss
 * ----------------------------------------------------------------------------------------- */

START_TEST(a_message_gets_through_after_fifteen_repeats)
{
	/* 0.2 s doubled up to 102.4 s are ten time-outs, 204.6 s; the other five take 120 s each.
	 */
	struct bench_request r = {.at_ns = 0, .prompt = 64, .output = 1};

	play(ONE_RACK("3ms", "10ms", "host_dram"), "ethernet.loss",
	        "{\"loss\":\"100%\",\"correlation\":\"0%\"}", "eth.ingress", &r, 1, 0, 0,
	        700 * NS_PER_S);
	ck_assert_int_eq(b.answers[0].done.t_arrival, 3 * MS + 804600 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 0);
	over();
}
END_TEST

START_TEST(a_lost_request_waits_for_the_timer)
{
	/* Nothing follows a request: 200 ms for one loss, 600 for two, 1400 for three. */
	enum { N = 4000 };
	static struct bench_request r[N];
	double share = 0.2, lost = 0, twice = 0;

	for (uint32_t i = 0; i < N; i++)
		r[i] = (struct bench_request){.at_ns = i * 50 * MS, .prompt = 64, .output = 1};
	play(ONE_RACK("3ms", "10ms", "host_dram"), "ethernet.loss",
	        "{\"loss\":\"20%\",\"correlation\":\"50%\"}", "eth.ingress", r, N, 0, 0,
	        400 * NS_PER_S);
	for (uint32_t i = 0; i < N; i++) {
		int64_t late = b.answers[i].done.t_arrival - r[i].at_ns - 3 * MS, sum = 0;
		uint32_t n = 0;

		for (; sum < late; n++)
			sum += (200 * MS) << n;
		ck_assert_int_eq(late, sum);
		lost += n >= 1;
		twice += n >= 2;
	}
	printf("requests lost %.4f (%.4f), twice %.4f (%.4f)\n", lost / N, share, twice / N,
	        share * share);
	ck_assert(fabs(lost / N - share) < 4 * sqrt(share * (1 - share) / N));
	ck_assert(fabs(twice / N - share * share) < 4 * share / sqrt(N));
	over();
}
END_TEST

enum { STREAM = 30000 };

/* Tokens 1 s apart, so that none waits for another: lost are those that are late. */
static void count_losses(const char *params, double *share, double *burst)
{
	struct bench_request r = {.prompt = 64, .output = STREAM};
	double lost = 0, bursts = 0;
	bool before = false;

	play(ONE_RACK("0ns", "1s", "host_dram"), "ethernet.loss", params, "eth.ingress", &r, 1,
	        STREAM, 0, 40000 * NS_PER_S);
	for (int64_t i = 0; i < STREAM; i++) {
		int64_t sent = b.answers[0].done.t_arrival + (i + 1) * NS_PER_S;
		bool is_lost = b.token_at[i] > sent;

		ck_assert_int_eq((b.token_at[i] - sent) % (200 * MS), 0);
		lost += is_lost;
		bursts += is_lost && !before;
		before = is_lost;
	}
	*share = lost / STREAM;
	*burst = lost / bursts;
	over();
}

START_TEST(gilbert_elliott_has_its_share_and_its_bursts)
{
	/* p 2 %, r 25 %: 0.02 / 0.27 of the time bad, bursts of 4. With 1-h 80 % and 1-k 1 % the
	 * share is 0.8 p/(p+r) + 0.01 r/(p+r). */
	double bad = 0.02 / 0.27, share, burst, wanted;

	count_losses("{\"model\":\"gemodel\",\"p\":\"2%\",\"r\":\"25%\"}", &share, &burst);
	printf("gemodel: %.4f lost (%.4f), bursts of %.3f (4)\n", share, bad, burst);
	/* a chain's variance is that of independent draws times (1 + c) / (1 − c), c = 1 − p − r */
	ck_assert(fabs(share - bad) < 4 * sqrt(bad * (1 - bad) * (1.73 / 0.27) / STREAM));
	ck_assert(fabs(burst - 4) < 4 * sqrt(12.0 / (STREAM * bad / 4)));
	count_losses("{\"model\":\"gemodel\",\"p\":\"2%\",\"r\":\"25%\",\"loss_bad\":\"80%\","
	             "\"loss_good\":\"1%\"}",
	        &share, &burst);
	wanted = 0.8 * bad + 0.01 * (1 - bad);
	printf("gemodel: %.4f lost (%.4f)\n", share, wanted);
	ck_assert(fabs(share - wanted) < 4 * sqrt(wanted * (1.73 / 0.27) / STREAM));
}
END_TEST

START_TEST(correlated_loss_keeps_its_share)
{
	/* P 10 % with a correlation of 60 %: left with (1 − P)(1 − C) = 0.36, bursts of 2.78. */
	double share, burst;

	count_losses("{\"loss\":\"10%\",\"correlation\":\"60%\"}", &share, &burst);
	printf("random: %.4f lost (0.1), bursts of %.3f (2.778)\n", share, burst);
	ck_assert(fabs(share - 0.1) < 4 * sqrt(0.09 * (1.6 / 0.4) / STREAM));
	ck_assert(fabs(burst - 1 / 0.36) < 4 * sqrt(0.64 / 0.1296 / (STREAM * 0.036)));
}
END_TEST

START_TEST(three_later_tokens_tell_of_a_loss)
{
	/* 3 ms each way, frames of 10 ms: the third later token is sent after 30 ms, its echo and
	 * the repeat take 6 ms more: 36 ms, or 36 + 200 where the repeat is lost too. Of the last
	 * three tokens nobody tells: 200 ms. Later tokens wait behind a late one. */
	enum { N = 400, TOKENS = 50 };
	static struct bench_request r[N];
	uint32_t fast = 0, slow = 0, timer = 0;

	for (uint32_t i = 0; i < N; i++)
		r[i] = (struct bench_request){
		        .at_ns = i * NS_PER_S, .prompt = 64, .output = TOKENS};
	play(ONE_RACK("3ms", "10ms", "host_dram"), "ethernet.loss",
	        "{\"loss\":\"2%\",\"correlation\":\"0%\"}", "eth.ingress", r, N, TOKENS, 0,
	        500 * NS_PER_S);
	for (uint32_t i = 0; i < N; i++) {
		int64_t before = 0;

		for (int64_t k = 0; k < TOKENS; k++) {
			int64_t at = b.token_at[i * TOKENS + k];
			int64_t late =
			        at - (b.answers[i].done.t_arrival + (k + 1) * 10 * MS + 3 * MS);

			ck_assert_int_ge(at, before);
			if (at > before && late > 0 && k < TOKENS - 3) {
				ck_assert_msg(
				        late == 36 * MS || late == 236 * MS || late == 636 * MS,
				        "token %d: %lld", (int)k, (long long)late);
				fast += late == 36 * MS;
				slow += late > 36 * MS;
			} else if (at > before && late > 0) {
				ck_assert(late == 200 * MS || late == 600 * MS);
				timer++;
			}
			before = at;
		}
	}
	printf("fast %u, fast and timer %u, timer only %u\n", fast, slow, timer);
	ck_assert(fast > 200 && slow > 0 && timer > 5);
	over();
}
END_TEST

START_TEST(a_frame_waits_for_its_lost_message)
{
	/* One lane over Ethernet, 10 %: every loss is a stall of 200 ms (600, 1400 …), and the
	 * books say so. */
	enum { FRAMES = 2000 };
	struct bench_request r = {.prompt = 64, .output = FRAMES + 1};
	int64_t stall;
	double lost = 0;

	play(TWO_RACKS("10ms", "1"), "ethernet.loss", "{\"loss\":\"10%\",\"correlation\":\"0%\"}",
	        "eth.r0-r1", &r, 1, FRAMES + 1, 5 * MS, 4000 * NS_PER_S);
	stall = b.answers[0].done.t_last_edge - (FRAMES + 1) * 10 * MS;
	ck_assert_uint_eq(b.answers[0].done.n_stalls, 1);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, stall);
	for (int64_t k = 1; k <= FRAMES; k++) {
		int64_t late = b.token_at[k] - b.token_at[k - 1] - 10 * MS;

		ck_assert(late == 0 || late == 200 * MS || late == 600 * MS || late == 1400 * MS ||
		          late == 3000 * MS);
		stall -= late;
		lost += late > 0;
	}
	ck_assert_int_eq(stall, 0);
	ck_assert(fabs(lost / FRAMES - 0.1) < 4 * sqrt(0.09 / FRAMES));
	over();
}
END_TEST

/* --- reconvergence
 * -------------------------------------------------------------------------------- */

#define REROUTE "{\"outage\":\"1s\",\"settle\":\"2s\",\"extra\":\"7ms\"}"

START_TEST(an_outage_holds_a_stream_up)
{
	/* Out from 100 ms to 1.1 s; tokens every 10 ms, 3 ms a way. The token of 103 ms is repeated
	 * at 303, 703 and 1503: through, by the detour, at 1513, and all behind it with it. From
	 * 1503 on a token takes 10 ms, from 3.1 s on 3 again. The one of 93 ms is not touched. */
	enum { TOKENS = 400 };
	struct bench_request r = {.prompt = 64, .output = TOKENS};

	play(ONE_RACK("3ms", "10ms", "host_dram"), "ethernet.reconverge", REROUTE, "eth.ingress",
	        &r, 1, TOKENS, 100 * MS, 8 * NS_PER_S);
	for (int64_t k = 0; k < TOKENS; k++) {
		int64_t sent = 3 * MS + (k + 1) * 10 * MS, at = sent + 3 * MS;

		if (sent >= 100 * MS && sent < 3100 * MS)
			at += 7 * MS;
		if (sent >= 100 * MS && at < 1513 * MS)
			at = 1513 * MS;
		ck_assert_int_eq(b.token_at[k], at);
	}
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 100 * MS);
	over();
}
END_TEST

START_TEST(a_request_sent_in_an_outage_comes_with_a_repeat)
{
	/* At 499 ms: 699, 1099 (still out), 1899. At 500: 700, 1100 (just back). */
	struct bench_request r[] = {{.at_ns = 499 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 500 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 3099 * MS, .prompt = 64, .output = 1},
	        {.at_ns = 3100 * MS, .prompt = 64, .output = 1}};

	play(ONE_RACK("3ms", "10ms", "host_dram"), "ethernet.reconverge", REROUTE, "eth.ingress", r,
	        4, 0, 100 * MS, 8 * NS_PER_S);
	ck_assert_int_eq(b.answers[0].done.t_arrival, (1899 + 10) * MS);
	ck_assert_int_eq(b.answers[1].done.t_arrival, (1100 + 10) * MS);
	ck_assert_int_eq(b.answers[2].done.t_arrival, (3099 + 10) * MS);
	ck_assert_int_eq(b.answers[3].done.t_arrival, (3100 + 3) * MS);
	over();
}
END_TEST

START_TEST(a_frame_waits_for_the_link)
{
	/* Out from 54 ms to 1054: the frame that begins at 60 ms is repeated at 260, 660, 1460. It
	 * and those until 3054 take 7 ms more: begun at 1460 + 7 + 10 = 1477, 1494, …, 3041: 93 of
	 * them. */
	struct bench_request r = {.prompt = 64, .output = 200};

	play(TWO_RACKS("10ms", "4"), "ethernet.reconverge", REROUTE, "eth.r0-r1", &r, 1, 0, 54 * MS,
	        8 * NS_PER_S);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, (2000 + 1400 + 7 + 93 * 7) * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS);
	over();
}
END_TEST

/* --- congestion
 * ----------------------------------------------------------------------------------- */

/* Always busy, but for a fault of 24 h means. */
#define BUSY "{\"busy_mean\":\"24h\",\"queue\":\"8ms\",\"jitter\":\"0ns\",\"factor\":4}"

START_TEST(a_queue_delays_every_message)
{
	struct bench_request r = {.at_ns = 20 * MS, .prompt = 64, .output = 30};

	play(ONE_RACK("3ms", "10ms", "host_dram"), "ethernet.congestion", BUSY, "eth.ingress", &r,
	        1, 30, 10 * MS, 200 * MS);
	ck_assert_int_eq(b.answers[0].done.t_arrival, (20 + 11) * MS);
	for (int64_t k = 0; k < 30; k++) {
		int64_t sent = (31 + (k + 1) * 10) * MS;

		ck_assert_int_eq(b.token_at[k], sent + (sent < 200 * MS ? 11 : 3) * MS);
	}
	over();
}
END_TEST

START_TEST(episodes_alternate)
{
	/* Tokens every ms tell how the link is; busy and idle last for their means. */
	enum { TOKENS = 60000 };
	struct bench_request r = {.prompt = 64, .output = TOKENS};
	double busy = 0, bursts = 0, mean;
	bool before = true;

	play(ONE_RACK("0ns", "1ms", "host_dram"), "ethernet.congestion",
	        "{\"busy_mean\":\"50ms\",\"idle_mean\":\"100ms\",\"queue\":\"200us\",\"jitter\":"
	        "\"0ns\"}",
	        "eth.ingress", &r, 1, TOKENS, 0, 100 * NS_PER_S);
	ck_assert_int_eq(b.answers[0].done.t_arrival, 200 * NS_PER_US); /* busy first */
	for (int64_t k = 0; k < TOKENS; k++) {
		int64_t sent = 200 * NS_PER_US + (k + 1) * MS;
		bool now = b.token_at[k] > sent;

		ck_assert_int_eq(b.token_at[k] - sent, now ? 200 * NS_PER_US : 0);
		busy += now;
		bursts += !now && before;
		before = now;
	}
	mean = busy / bursts;
	printf("busy %.4f (0.3333), %.1f episodes of %.2f ms (50)\n", busy / TOKENS, bursts, mean);
	ck_assert(fabs(busy / TOKENS - 1.0 / 3) < 4 * sqrt(2.0 / 9 * 2 * 33.3 / TOKENS));
	ck_assert(fabs(mean - 50) < 4 * 50 / sqrt(bursts) + 1);
	over();
}
END_TEST

static void lose(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_lost(
	        s->ctx, now, 1, topology_find(&b.deployment.topology, "r0.n1"), DETECT_FLAGGED);
}

static int by_time(const void *x, const void *y)
{
	int64_t at = ((const struct bench_event *)x)->at_ns;

	return at < ((const struct bench_event *)y)->at_ns ? -1 : 1;
}

/* A node is lost at 54 ms, found at 60, isolated at 63; its 8 x 220 MiB come at 10 GB/s in
 * 184,549,376 ns; the fixed part of the remap, 5 + 2 ms follow. */
#define LOAD_BEGIN (63 * MS)
#define LOAD       INT64_C(184549376)

static int64_t failover_with(
        const char *kind, const char *params, const char *from, int64_t begin, int64_t end)
{
	struct bench_request r = {.prompt = 64, .output = 20};
	struct bench_event e[3] = {{begin, fault_bench_inject, &f}, {54 * MS, lose, NULL},
	        {end, fault_bench_revert, &f}};
	int64_t at, rest;

	qsort(e, 3, sizeof(e[0]), by_time);
	bench_init(&b, from);
	fault_bench_init(&f, &b, kind, 0, "eth.ingress", params);
	bench_play(&b, &r, 1, e, 3, NS_MAX);
	rest = b.deployment.health.remap_ns + 7 * MS;
	at = b.phase[1][PHASE_FAILOVER];
	ck_assert_int_eq(b.phase[1][PHASE_ISOLATE], LOAD_BEGIN);
	over();
	return at - rest - LOAD_BEGIN;
}

START_TEST(a_download_slows_down_piece_by_piece)
{
	static const char registry[] = ONE_RACK("0ns", "10ms", "registry");
	static const char host[] = ONE_RACK("0ns", "10ms", "host_dram");
	int64_t host_load = INT64_C(70980529); /* 26 GB/s */

	/* Not at all, from before, after it was over, all the time; then from 100 ms on; until 300
	 * ms: 237 ms bring a quarter; and from 100 to 200 ms: 75 ms lost. */
	ck_assert_int_eq(failover_with("ethernet.congestion", BUSY, registry, 0, 1 * MS), LOAD);
	ck_assert_int_eq(
	        failover_with("ethernet.congestion", BUSY, registry, 0, 3 * NS_PER_S), 4 * LOAD);
	ck_assert_int_eq(
	        failover_with("ethernet.congestion", BUSY, registry, 100 * MS, 3 * NS_PER_S),
	        37 * MS + 4 * (LOAD - 37 * MS));
	ck_assert_int_eq(failover_with("ethernet.congestion", BUSY, registry, 0, 300 * MS),
	        237 * MS + LOAD - 237 * MS / 4);
	ck_assert_int_eq(failover_with("ethernet.congestion", BUSY, registry, 100 * MS, 200 * MS),
	        LOAD + 75 * MS);
	/* Weights in the host's memory do not come over Ethernet. */
	ck_assert_int_eq(
	        failover_with("ethernet.congestion", BUSY, host, 0, 3 * NS_PER_S), host_load);
	/* An outage from 100 ms on holds a download up for its second, a later one does not. */
	ck_assert_int_eq(
	        failover_with("ethernet.reconverge", REROUTE, registry, 100 * MS, 9 * NS_PER_S),
	        LOAD + NS_PER_S);
	ck_assert_int_eq(
	        failover_with("ethernet.reconverge", REROUTE, registry, 400 * MS, 9 * NS_PER_S),
	        LOAD);
}
END_TEST

START_TEST(a_download_integrates_over_the_episodes)
{
	/* Episodes of 20 ms seen by a stream of tokens every ms that has the other half of the
	 * rack; the download then takes what integrating over what was seen says, to 1 ms an
	 * episode. */
	static const char text[] = "{" HEALTH(
	        "registry") "\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":65536,\"frame\":"
	                    "\"10ms\","
	                    "\"slots\":1,\"prefill_tokens_per_frame\":64}],\"nodes\":[[\"r0.n0\","
	                    "\"r0.n1\"]],"
	                    "\"entry\":\"immediate\",\"accepts\":{\"max_tokens\":1000}},"
	                    "{\"name\":\"q\",\"buckets\":[{\"max_seq\":65536,\"frame\":\"1ms\","
	                    "\"slots\":1,"
	                    "\"prefill_tokens_per_frame\":64}],\"nodes\":[[\"r0.n2\",\"r0.n3\"]],"
	                    "\"entry\":\"immediate\",\"accepts\":{\"min_tokens\":1001}}]}";
	enum { TOKENS = 3000 };
	struct bench_request r[] = {{.prompt = 64, .output = 20}, {.prompt = 64, .output = TOKENS}};
	struct bench_event e[] = {{0, fault_bench_inject, &f}, {54 * MS, lose, NULL},
	        {5 * NS_PER_S, fault_bench_revert, &f}};
	double left = (double)LOAD;
	int64_t k = 62, took, switches = 0;

	bench_init(&b, text);
	fault_bench_init(&f, &b, "ethernet.congestion", 0, "eth.ingress",
	        "{\"busy_mean\":\"20ms\",\"idle_mean\":\"20ms\",\"queue\":\"300us\",\"jitter\":"
	        "\"0ns\",\"factor\":10}");
	b.tokens_max = TOKENS;
	bench_play(&b, r, 2, e, 3, NS_MAX);
	took = b.phase[1][PHASE_FAILOVER] - b.deployment.health.remap_ns - 7 * MS - LOAD_BEGIN;
	for (bool was = true; left > 0; k++) {
		bool busy = b.token_at[TOKENS + k] - b.answers[1].done.t_arrival - (k + 1) * MS > 0;

		left -= busy ? 1e5 : 1e6;
		switches += busy != was;
		was = busy;
	}
	printf("download %.3f ms, %.3f as seen over %d switches\n", (double)took / 1e6,
	        (double)(k - 62), (int)switches);
	ck_assert(switches >= 6);
	ck_assert(fabs((double)took / 1e6 - (double)(k - 62)) < (double)switches + 2);
	over();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("network");
	TCase *t = tcase_create("network");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_message_gets_through_after_fifteen_repeats);
	tcase_add_test(t, a_lost_request_waits_for_the_timer);
	tcase_add_test(t, gilbert_elliott_has_its_share_and_its_bursts);
	tcase_add_test(t, correlated_loss_keeps_its_share);
	tcase_add_test(t, three_later_tokens_tell_of_a_loss);
	tcase_add_test(t, a_frame_waits_for_its_lost_message);
	tcase_add_test(t, an_outage_holds_a_stream_up);
	tcase_add_test(t, a_request_sent_in_an_outage_comes_with_a_repeat);
	tcase_add_test(t, a_frame_waits_for_the_link);
	tcase_add_test(t, a_queue_delays_every_message);
	tcase_add_test(t, episodes_alternate);
	tcase_add_test(t, a_download_slows_down_piece_by_piece);
	tcase_add_test(t, a_download_integrates_over_the_episodes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
