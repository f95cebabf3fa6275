/* Random fault plans over the kinds that touch the model, on two instances in two racks' worth of
 * trouble: whatever meets whatever, a run ends, every planned request has one outcome, streams that
 * end well have every token once, blame adds up to the nanosecond, and after the last revert the
 * static state is that of a rack that never had a fault. Conservation, Little's law, the sum of the
 * parts and the order of instants are asserted inside the rack in every build: an abort is a
 * failure here.
 *
 * PROPERTY_RUNS says how many plans (default 40), PROPERTY_CASE which one alone. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

static uint64_t below(struct prng *g, uint64_t n)
{
	return prng_below(prng_next(g), n);
}

static const char head[] =
        "{\"version\":1,\"name\":\"random\",\"seed\":%u,\"duration\":\"8s\",\"drain\":\"4s\","
        "\"deployment\":{\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\",\"label\":"
        "\"assumption\",\"source\":\"test\"},\"racks_per_pod\":{\"value\":1,\"unit\":\"count\","
        "\"label\":\"assumption\",\"source\":\"test\"}},"
        "\"cross_rack\":{\"position\":\"allowed\",\"rationale\":\"test\",\"label\":\"assumption\"},"
        "\"health\":{\"isolate\":\"%ums\",\"remap\":\"%ums\",\"persist\":\"%ums\",\"suspicions\":%"
        "u},"
        "\"ethernet\":{\"ingress_delay\":\"%uus\"},"
        "\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":512,\"frame\":\"3ms\",\"slots\":%u,"
        "\"prefill_tokens_per_frame\":64},{\"max_seq\":4096,\"frame\":\"7ms\",\"slots\":%u,"
        "\"prefill_tokens_per_frame\":64}],\"entry\":\"%s\",\"on_loss\":\"%s\","
        "\"nodes\":[[\"r0.n0\",\"r0.n1\"],[\"r0.n1\",\"r1.n0\"]]}]},"
        "\"traffic\":[{\"name\":\"t\",\"tier\":\"x\",\"timeout\":\"%ums\",\"retries\":1,"
        "\"arrival\":{\"process\":\"poisson\",\"rate\":40},"
        "\"prompt_tokens\":{\"dist\":\"lognormal\",\"median\":200,\"p99\":2000,\"max\":3000},"
        "\"output_tokens\":{\"dist\":\"uniform\",\"min\":1,\"max\":60},\"max_tokens\":64}],"
        "\"faults\":[";

static size_t write_head(char *text, size_t n, struct prng *g)
{
	static const char *const entry[] = {"phase", "frame"}, *const loss[] = {"replay", "fail"};
	unsigned v[10];

	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		v[i] = (unsigned)below(g, 1000);
	return (size_t)snprintf(text, n, head, v[0], v[1] % 20, v[2], 1 + v[3] % 300, 1 + v[4] % 3,
	        v[5], 1 + v[6] % 6, 1 + v[7] % 3, entry[v[8] % 2], loss[v[9] % 5 == 0],
	        1000 + 4 * v[9]);
}

/* A fault on an object of its own class that no other fault of the plan has (they may not overlap).
 */
static size_t write_fault(char *text, size_t n, struct prng *g, unsigned i)
{
	static const char *const cables[] = {"r0.n0-r0.n1.0", "r1.n0.c0-r1.n0.c1", "r0.n0-r0.n8.0",
	        "r0.n1.c0-r0.n1.c1", "r0.n1-r0.n8.0"};
	static const char *const chips[] = {
	        "r0.n0.c1", "r0.n1.c2", "r0.n8.c0", "r1.n0.c5", "r1.n8.c7"};
	static const char *const detect[] = {"flagged", "timeout", "polled"};
	unsigned at = (unsigned)below(g, 7900), length = 1 + (unsigned)below(g, 3000);
	unsigned a = (unsigned)below(g, 120), b = (unsigned)below(g, 120);
	size_t k = (size_t)snprintf(text, n, "%s{\"id\":\"f%u\",\"at\":\"%ums\",\"for\":\"%ums\",",
	        i ? "," : "", i, at, length);

	switch (i % 3) {
	case 0:
		return k + (size_t)snprintf(text + k, n - k,
		                   "\"kind\":\"link.flap\",\"target\":\"%s\",\"down\":\"%ums\","
		                   "\"up\":\"%ums\"}",
		                   cables[i / 3 % 5], 1 + a, 1 + b);
	case 1:
		return k + (size_t)snprintf(text + k, n - k,
		                   "\"kind\":\"chip.loss\",\"target\":\"%s\",\"detect\":\"%s\"}",
		                   chips[i / 3 % 5], detect[a % 3]);
	default:
		if (i == 8)
			return k +
			       (size_t)snprintf(text + k, n - k,
			               "\"kind\":\"shape.outlier\",\"target\":\"t\",\"share\":0.3,"
			               "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":3900}}");
		if (i == 11)
			return k + (size_t)snprintf(text + k, n - k,
			                   "\"kind\":\"shape.creep\",\"target\":\"t\",\"of\":"
			                   "\"output\","
			                   "\"rate\":600,\"ceiling\":60}");
		return k +
		       (size_t)snprintf(text + k, n - k,
		               "\"kind\":\"ethernet.jitter\",\"target\":\"%s\",\"delay\":\"%uus\","
		               "\"jitter\":\"%uus\",\"distribution\":\"%s\"}",
		               i == 2 ? "eth.ingress" : "eth.r0-r1", 10 * a, 10 * b,
		               a % 2 ? "pareto" : "normal");
	}
}

static void check_sample(const struct sample *s, const struct virtual_samples *v)
{
	int64_t parts = s->blame_network_ns + s->blame_queue_ns + s->blame_entry_ns +
	                s->blame_prefill_ns + s->blame_decode_ns;

	ck_assert_uint_ge(s->id, 1);
	ck_assert_int_ge(s->t_done, s->t_sched);
	ck_assert_int_le(s->t_done, v->result.ended_ns);
	if (s->outcome != OUTCOME_OK)
		return;
	for (uint32_t i = 0; i < s->n_stalls; i++)
		parts += s->stalls[i].ns;
	ck_assert_int_eq(parts, s->t_last - s->t_sched);
	ck_assert_int_ge(s->queue_ns, 0);
	ck_assert_int_gt(s->prefill_ns, 0);
	ck_assert_int_ge(s->t_first, s->t_sched);
	ck_assert_int_ge(s->t_last, s->t_first);
}

START_TEST(random_plans)
{
	struct prng g = prng_stream((uint64_t)_i + 1, "test/plans");
	unsigned n_faults = 1 + (unsigned)below(&g, 12);
	struct virtual_samples v, again;
	uint64_t outcomes[OUTCOME_COUNT] = {0}, served = 0;
	struct scenario *s;
	char text[16384];
	size_t k = write_head(text, sizeof(text), &g);

	for (unsigned i = 0; i < n_faults; i++)
		k += write_fault(text + k, sizeof(text) - k, &g, i);
	(void)snprintf(text + k, sizeof(text) - k, "]}");
	s = scenario_text(text);
	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, true);
	for (uint64_t i = 0; i < v.n; i++) {
		check_sample(&v.e[i], &v);
		outcomes[v.e[i].outcome]++;
	}
	for (unsigned o = 0; o < OUTCOME_COUNT; o++)
		served += outcomes[o];
	ck_assert_uint_eq(served, v.result.scheduled);
	ck_assert_uint_eq(v.result.rack.live, 0);
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const int64_t *at = v.result.ledger.e[i].at;

		ck_assert_msg(v.result.ledger.e[i].clean, "plan %d is not clean:\n%s", _i, text);
		for (unsigned p = PHASE_EFFECT; p <= PHASE_FAILOVER; p++)
			ck_assert(at[p] < 0 || at[p] >= at[PHASE_INJECT]);
	}
	virtual_samples_run(&again, s, VIRTUAL_ALL_FAULTS, false); /* no scorer: the same run */
	ck_assert_mem_eq(v.result.result_digest, again.result.result_digest, DIGEST_BYTES);
	virtual_samples_free(&again);
	virtual_samples_free(&v);
	scenario_free(s);
}
END_TEST

int main(void)
{
	const char *runs = getenv("PROPERTY_RUNS"), *only = getenv("PROPERTY_CASE");
	int first = only ? (int)strtol(only, NULL, 10) : 0,
	    end = only   ? first + 1
	          : runs ? (int)strtol(runs, NULL, 10)
	                 : 40;
	Suite *s = suite_create("faults");
	TCase *t = tcase_create("random");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, random_plans, first, end);
	suite_add_tcase(s, t);
	return run_suite(s);
}
