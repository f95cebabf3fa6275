/* Knees that are known: Poisson arrivals of equal requests that enter at once are M/D/k, whose p99
 * wait the tables of the oracle give (values below are theirs). An SLO at just that wait, plus the
 * frame until the first token, has its knee at the table's rho. */
#include "harness/run/knee.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/queueing.h"
#include "harness/run/plan.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { TEXT = 4096, SERVICE_MS = 100, FRAME_MS = 10, REQUESTS = 12000 };

/* `slots` of each of `instances`, no spare; service 100 ms; the p99 wait that is allowed in
 * services. */
static struct scenario *mdk(
        uint32_t slots, uint32_t instances, double rate, double wait, const char *more)
{
	const char *metric = wait < 1e6 ? "ttft_ms" : "tpot_ms";
	char text[TEXT];

	(void)snprintf(text, sizeof(text),
	        "{\"version\":1,\"name\":\"mdk\",\"seed\":7,\"duration\":\"100s\",\"drain\":"
	        "\"60s\","
	        "\"deployment\":{\"hardware\":{\"base\":\"emulator/hardware/lpuv1.json\","
	        "\"spares_per_rack\":{\"value\":0,\"unit\":\"count\",\"label\":\"assumption\"}},"
	        "\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"%dms\","
	        "\"slots\":%u,\"prefill_tokens_per_frame\":64}],\"instances\":%u,"
	        "\"entry\":\"immediate\",\"admission\":{\"policy\":\"none\"}}]},"
	        "\"traffic\":[{\"name\":\"t\",\"tier\":\"x\",\"timeout\":\"24h\","
	        "\"arrival\":{\"process\":\"poisson\",\"rate\":%g},"
	        "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
	        "\"output_tokens\":{\"dist\":\"constant\",\"value\":%d}}],"
	        "\"slo\":[{\"id\":\"ttft\",\"tier\":\"x\",\"metric\":\"%s\",\"quantile\":0.99,"
	        "\"max\":\"%.0fns\"}]%s}",
	        FRAME_MS, slots, instances, rate, SERVICE_MS / FRAME_MS, metric,
	        (wait * SERVICE_MS + FRAME_MS) * 1e6, more);
	return scenario_text(text);
}

static void find(const struct scenario *s, uint32_t jobs, double requests, struct knee *k)
{
	struct knee_settings settings = {.jobs = jobs, .points = 4, .requests = requests};
	struct error err = ERROR_INIT;

	ck_assert_msg(knee_find(s, &settings, k, &err) == ERR_NONE, "%s", err.text);
}

static const struct {
	uint32_t k;
	double rho, p99;
} TABLE[] = {
        {1, 0.7, 6.485499478876591},
        {4, 0.9, 5.33937720897034},
        {8, 0.7, 0.6856184901581263},
};

START_TEST(known_knees)
{
	uint32_t servers = TABLE[_i].k;
	double rho = TABLE[_i].rho, low, high, last = 0;
	struct scenario *s = mdk(servers, 1, 5.0 * servers, TABLE[_i].p99, "");
	struct knee k;

	find(s, 2, REQUESTS, &k);
	ck_assert_double_eq_tol(k.rho, 0.5, 1e-12);
	ck_assert(k.answers[0].found);
	low = k.answers[0].low * k.rho;
	high = k.answers[0].high * k.rho;
	printf("M/D/%u, knee at rho %g: [%.4f, %.4f]\n", servers, rho, low, high);
	ck_assert_double_le(low, rho);
	ck_assert_double_ge(high, rho);
	ck_assert_double_le(high - low, 0.06 * rho);
	ck_assert_double_ge(k.answers[0].estimate * k.rho, low);
	ck_assert_double_le(k.answers[0].estimate * k.rho, high);
	/* The curve: the same requests, closer together, never wait less; and as long as theory
	 * says. */
	for (uint32_t i = 0; i < k.n_grid; i++) {
		struct knee_theory t = knee_theory(&k, k.grid[i].factor);

		ck_assert_double_ge(k.grid[i].queue.mean_ns, last);
		last = k.grid[i].queue.mean_ns;
		if (k.grid[i].factor * k.rho > 0.8)
			continue;
		ck_assert(t.known);
		ck_assert_double_eq_tol(last, t.mean_ns, 0.1 * t.mean_ns + 1e5);
		ck_assert_double_ge(t.kingman_ns, t.mean_ns);
	}
	knee_free(&k);
	scenario_free(s);
}
END_TEST

/* The rho at which the p99 wait of M/D/k is x. */
static double knee_of(uint32_t servers, double x)
{
	double low = 0.01, high = 0.98;

	for (int i = 0; i < 30; i++) {
		double rho = (low + high) / 2;
		struct queueing_mdk q;

		ck_assert(queueing_mdk_init(&q, servers, rho));
		if (queueing_mdk_quantile(&q, 0.99) < x)
			low = rho;
		else
			high = rho;
		queueing_mdk_free(&q);
	}
	return low;
}

/* One of two instances lost for good: M/D/4 instead of M/D/8, and so less than half. A loss of the
 * other's cable that a replay heals costs nothing. */
START_TEST(half_the_rack)
{
	static const char faults[] =
	        ",\"faults\":[{\"id\":\"loss\",\"kind\":\"node.loss\",\"target\":\"r0.n0\","
	        "\"at\":\"50s\",\"for\":\"10s\"}]";
	double limit = 2.6111877188426833, truth;
	struct scenario *s = mdk(4, 2, 40, limit, faults);
	struct knee k;

	find(s, 2, REQUESTS, &k);
	ck_assert_uint_eq(k.n_answers, 2);
	ck_assert(k.answers[0].found && k.answers[1].found && k.answers[1].c.held);
	ck_assert_double_le(k.answers[0].low * k.rho, 0.9);
	ck_assert_double_ge(k.answers[0].high * k.rho, 0.9);
	truth = knee_of(4, limit) / 2;
	printf("with half the rack: knee at rho %.4f: [%.4f, %.4f]\n", truth,
	        k.answers[1].low * k.rho, k.answers[1].high * k.rho);
	ck_assert_double_le(k.answers[1].low * k.rho, truth);
	ck_assert_double_ge(k.answers[1].high * k.rho, truth);
	/* rho_target: N-1 says 1/2, the loss of the file less; bursts of twice the load. */
	ck_assert_double_eq_tol(k.target.loss, 0.5, 1e-12);
	ck_assert(!k.target.spare && k.target.loss_counts);
	ck_assert_uint_eq(k.target.worst, 0);
	ck_assert_double_eq_tol(k.target.factor, k.answers[1].low / 2, 1e-12);
	knee_free(&k);
	scenario_free(s);
}
END_TEST

static char *document(const struct scenario *s, uint32_t jobs)
{
	struct json_out o;
	struct knee k;

	find(s, jobs, 4000, &k);
	json_out_init(&o, 0);
	knee_write_json(&k, &o);
	knee_free(&k);
	return o.buf;
}

START_TEST(threads_change_nothing)
{
	static const char faults[] =
	        ",\"faults\":[{\"id\":\"burst\",\"kind\":\"load.burst\",\"target\":\"t\","
	        "\"every\":\"30s\",\"for\":\"2s\",\"factor\":1.5}]";
	struct scenario *s = mdk(8, 1, 40, 2, faults);
	char *one = document(s, 1), *four = document(s, 4);

	ck_assert_str_eq(one, four);
	mem_free(one);
	mem_free(four);
	scenario_free(s);
}
END_TEST

/* Limits that no load keeps, or that none misses, are answers, too. */
START_TEST(no_knee)
{
	struct scenario *s = mdk(1, 1, 5, -0.05, "");
	struct knee k;

	find(s, 1, 4000, &k);
	ck_assert(!k.answers[0].found);
	ck_assert_ptr_nonnull(strstr(k.answers[0].why, "0.02 misses"));
	ck_assert(k.target.factor == 0);
	knee_free(&k);
	scenario_free(s);
	s = mdk(1, 1, 5, 1e6, "");
	find(s, 1, 4000, &k);
	ck_assert(!k.answers[0].found);
	ck_assert_ptr_nonnull(strstr(k.answers[0].why, "eight times"));
	knee_free(&k);
	scenario_free(s);
}
END_TEST

/* What the laws say is what their draws come to: rho against the plan's sum over a long run of
 * them. */
START_TEST(laws_and_draws)
{
	static const char text[] =
	        "{\"version\":1,\"name\":\"laws\",\"seed\":3,\"duration\":\"20000s\","
	        "\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":["
	        "{\"max_seq\":1024,\"frame\":\"3ms\",\"slots\":20,\"prefill_tokens_per_frame\":100}"
	        ","
	        "{\"max_seq\":8192,\"frame\":\"7ms\",\"slots\":8,\"prefill_tokens_per_frame\":300}]"
	        ","
	        "\"instances\":2}]},\"traffic\":["
	        "{\"name\":\"a\",\"arrival\":{\"process\":\"poisson\",\"rate\":20},"
	        "\"prompt_tokens\":{\"dist\":\"lognormal\",\"median\":500,\"p99\":3000,\"max\":"
	        "4000},"
	        "\"output_tokens\":{\"dist\":\"uniform\",\"min\":1,\"max\":300},\"max_tokens\":256}"
	        ","
	        "{\"name\":\"b\",\"arrival\":{\"process\":\"gamma\",\"rate\":5,\"cv\":2},"
	        "\"prompt_tokens\":{\"dist\":\"empirical\",\"values\":[4000,10,800],"
	        "\"weights\":[1,2,1]},"
	        "\"output_tokens\":{\"dist\":\"lognormal\",\"median\":100,\"p99\":900}}]}";
	struct scenario *s = scenario_text(text);
	struct plan_traffic *plan = mem_alloc(1, sizeof(*plan));
	struct knee_load *load = mem_alloc(1, sizeof(*load));
	struct error err = ERROR_INIT;

	ck_assert_int_eq(plan_traffic(s, plan, &err), 0);
	ck_assert_int_eq(knee_load(s, load, &err), 0);
	ck_assert_uint_eq(load->n, 2);
	for (uint32_t i = 0; i < load->n; i++) {
		const struct knee_bucket *b = &load->buckets[i];
		const struct plan_bucket *drawn = &plan->buckets[b->pool][b->bucket];

		ck_assert_double_eq_tol(b->rho, drawn->rho, 0.01 * b->rho);
		ck_assert_double_eq_tol(b->rate, (double)drawn->requests / 20000, 0.01 * b->rate);
	}
	/* Entry b: half of a gamma's requests, 10 tokens, ask for the rest of the largest bucket.
	 */
	ck_assert(load->buckets[0].gaps == GAPS_EXACT && load->buckets[0].ca2 == 1);
	ck_assert(load->buckets[1].gaps == GAPS_MERGED);
	ck_assert_uint_eq(load->bottleneck, 1);
	mem_free(plan);
	mem_free(load);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("knee");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, known_knees, 0, (int)ARRAY_LEN(TABLE));
	tcase_add_test(tcase, half_the_rack);
	tcase_add_test(tcase, threads_change_nothing);
	tcase_add_test(tcase, no_knee);
	tcase_add_test(tcase, laws_and_draws);
	suite_add_tcase(s, tcase);
	return run_suite(s);
}
