/* The bounds of waiting that admission policies give, against what requests wait: on machines that
 * are asked for far more than they can do, in bursts, so that the policy is all that holds. The
 * waits must stay within the bound and, where services are equal, come near it. */
#include "harness/run/wait_bound.h"

#include <stdio.h>

#include "harness/base/units.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { TEXT = 4096 };

struct machine {
	const char *entry, *admission, *more; /* more: further keys of the pool, "" or ", …" */
	int slots, instances, window_ms;
	const char *output; /* the law */
};

/* Bursts of four times what the slots do on average, of prompts of 1 to 8 frames and outputs of at
 * most 8 of the 16 that are declared; beside them, in a bucket with frames twice as long, a few. */
static void write_scenario(const struct machine *m, char text[static TEXT])
{
	int rate = 2 * m->slots * m->instances * 1000 / (8 * 4);
	int n = snprintf(text, TEXT,
	        "{\"version\":1,\"name\":\"full\",\"seed\":7,\"duration\":\"4s\",\"warmup\":\"0s\","
	        "\"drain\":\"60s\",\"deployment\":{\"ethernet\":{\"ingress_delay\":\"2ms\"},"
	        "\"pools\":[{\"name\":\"p\",\"instances\":%d,\"entry\":\"%s\","
	        "\"batch_window\":\"%dms\",\"admission\":%s%s,\"buckets\":["
	        "{\"max_seq\":1024,\"frame\":\"4ms\",\"slots\":%d,\"prefill_tokens_per_frame\":64}%"
	        "s"
	        "]}]},\"traffic\":[{\"name\":\"a\",\"tier\":\"interactive\",\"arrival\":{"
	        "\"process\":"
	        "\"onoff\",\"rate\":%d,\"burst_factor\":4,\"period\":\"1s\"},\"prompt_tokens\":"
	        "{\"dist\":\"uniform\",\"min\":1,\"max\":500},\"output_tokens\":%s,\"max_tokens\":"
	        "16},"
	        "{\"name\":\"b\",\"tier\":\"batch\",\"arrival\":{\"process\":\"poisson\",\"rate\":"
	        "20},"
	        "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":%s},\"output_tokens\":%s,"
	        "\"max_tokens\":16}]}",
	        m->instances, m->entry, m->window_ms, m->admission, m->more, m->slots,
	        strcmp(m->entry, "immediate") == 0
	                ? ""
	                : ",{\"max_seq\":4096,\"frame\":\"8ms\",\"slots\":2,\"prefill_tokens_per_"
	                  "frame\":"
	                  "512}",
	        rate, m->output, strcmp(m->entry, "immediate") == 0 ? "200" : "2000", m->output);

	ck_assert(n > 0 && n < TEXT);
}

struct longest {
	int64_t wait, ttft;
	uint64_t served, refused;
};

/* The scenario's tenants are its buckets but where there is one only. */
static struct longest longest_of(const struct scenario *s, int64_t tenant, uint64_t tiers)
{
	struct virtual_samples v = {0};
	struct longest out = {0};

	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, false);
	for (uint64_t i = 0; i < v.n; i++) {
		const struct sample *e = &v.e[i];

		if ((tenant >= 0 && e->tenant != tenant) || !(tiers >> e->tier & 1))
			continue;
		out.refused += e->outcome == OUTCOME_REJECTED;
		if (e->outcome != OUTCOME_OK)
			continue;
		out.served++;
		if (e->queue_ns > out.wait)
			out.wait = e->queue_ns;
		if (e->t_first - e->t_sched > out.ttft)
			out.ttft = e->t_first - e->t_sched;
	}
	virtual_samples_free(&v);
	return out;
}

static void hold(const struct machine *m, enum wait_rule rule)
{
	char text[TEXT];
	struct wait_bound b[WAIT_BOUNDS_MAX];
	struct error err = ERROR_INIT;
	struct scenario *s;
	uint32_t n;

	write_scenario(m, text);
	s = scenario_text(text);
	ck_assert_int_eq(ERR_NONE, wait_bounds(s, b, &n, &err));
	ck_assert_uint_eq(n, s->deployment.pools[0].n_buckets);
	for (uint32_t i = 0; i < n; i++) {
		struct longest seen = longest_of(s, n > 1 ? (int64_t)i : -1, b[i].covered);

		ck_assert_int_eq(rule, b[i].rule);
		ck_assert_uint_gt(seen.served, 0);
		ck_assert_msg(
		        seen.wait <= b[i].served_wait_ns && b[i].served_wait_ns <= b[i].wait_ns,
		        "%s %s, bucket %u: waited %.3f ms, bounds %.3f and %.3f", m->entry,
		        m->admission, i, ns_to_ms(seen.wait), ns_to_ms(b[i].served_wait_ns),
		        ns_to_ms(b[i].wait_ns));
		ck_assert_int_le(seen.ttft, b[i].ttft_ns);
		if (i == 0) {
			ck_assert_uint_gt(seen.refused, 100);
			ck_assert_msg(seen.wait > b[i].served_wait_ns / (rule == WAIT_RATE ? 8 : 4),
			        "%s %s: waited %.3f ms of %.3f", m->entry, m->admission,
			        ns_to_ms(seen.wait), ns_to_ms(b[i].served_wait_ns));
		}
	}
	scenario_free(s);
}

#define CONSTANT "{\"dist\":\"constant\",\"value\":16}"
#define UNIFORM  "{\"dist\":\"uniform\",\"min\":1,\"max\":16}"

static void hold_all(const char *admission, enum wait_rule rule)
{
	static const char *const entries[] = {"phase", "frame", "immediate"};
	static const int sizes[][3] = {{1, 1, 0}, {5, 1, 0}, {4, 2, 0}, {5, 1, 12}};

	for (size_t e = 0; e < ARRAY_LEN(entries); e++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			hold(&(struct machine){entries[e], admission, "", sizes[k][0], sizes[k][1],
			             sizes[k][2], k % 2 ? UNIFORM : CONSTANT},
			        rule);
		}
}

START_TEST(queue_cap)
{
	hold_all("{\"policy\":\"queue_cap\",\"limit\":7}", WAIT_QUEUE_CAP);
	hold_all("{\"policy\":\"queue_cap\",\"limit\":1}", WAIT_QUEUE_CAP);
}
END_TEST

START_TEST(request_count)
{
	hold_all("{\"policy\":\"request_count\",\"limit\":40}", WAIT_REQUEST_COUNT);
}
END_TEST

START_TEST(token_budget)
{
	hold_all("{\"policy\":\"token_budget\",\"limit\":\"400ms\"}", WAIT_TOKEN_BUDGET);
}
END_TEST

/* Ranks: those behind can be overtaken for ever, the first are still bounded. */
START_TEST(priority)
{
	const char *const edits[] = {"deployment.pools.0.priority=[\"batch\"]"};
	char text[TEXT];
	struct wait_bound b[WAIT_BOUNDS_MAX];
	struct error err = ERROR_INIT;
	struct longest seen;
	struct scenario *s;
	uint32_t n;

	write_scenario(&(struct machine){"immediate", "{\"policy\":\"queue_cap\",\"limit\":7}", "",
	                       5, 1, 0, CONSTANT},
	        text);
	s = scenario_text_edited(text, edits, 1);
	ck_assert_int_eq(ERR_NONE, wait_bounds(s, b, &n, &err));
	ck_assert_uint_eq(1, n);
	ck_assert_uint_eq(3, b[0].tiers);
	ck_assert_uint_eq(2, b[0].covered);
	seen = longest_of(s, -1, 2);
	ck_assert_uint_gt(seen.served, 0);
	ck_assert_int_le(seen.wait, b[0].wait_ns);
	scenario_free(s);
}
END_TEST

/* By hand: 8 slots, 8 may queue, prompts of 8,000 tokens at 256 a frame of 4 ms are 32 frames, 128
 * tokens are declared and 64 said. (ceil(8 / 8) 159 + 1) 4 ms = 640 ms; (95 + 1) 4 ms = 384 ms. */
START_TEST(by_hand)
{
	struct scenario *s = scenario_text(
	        "{\"version\":1,\"name\":\"hand\",\"duration\":\"10s\",\"deployment\":{\"pools\":["
	        "{\"name\":\"short\",\"accepts\":{\"max_tokens\":1024},\"overflow\":\"next\","
	        "\"buckets\":"
	        "[{\"max_seq\":1024,\"frame\":\"4ms\",\"slots\":24,\"prefill_tokens_per_frame\":"
	        "256}]},"
	        "{\"name\":\"long\",\"buckets\":[{\"max_seq\":16384,\"frame\":\"4ms\",\"slots\":8,"
	        "\"prefill_tokens_per_frame\":256}],\"admission\":{\"policy\":\"queue_cap\","
	        "\"limit\":8}}"
	        "]},\"traffic\":[{\"name\":\"chat\",\"tier\":\"interactive\",\"arrival\":{"
	        "\"process\":"
	        "\"poisson\",\"rate\":800},\"prompt_tokens\":{\"dist\":\"uniform\",\"min\":64,"
	        "\"max\":256},"
	        "\"output_tokens\":{\"dist\":\"constant\",\"value\":4},\"max_tokens\":16},{"
	        "\"name\":"
	        "\"documents\",\"tier\":\"batch\",\"arrival\":{\"process\":\"poisson\",\"rate\":16}"
	        ","
	        "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":8000},\"output_tokens\":{"
	        "\"dist\":"
	        "\"constant\",\"value\":64},\"max_tokens\":128}]}");
	struct wait_bound b[WAIT_BOUNDS_MAX];
	struct error err = ERROR_INIT;
	uint32_t n;

	ck_assert_int_eq(ERR_NONE, wait_bounds(s, b, &n, &err));
	ck_assert_uint_eq(2, n);
	ck_assert_int_eq(WAIT_NONE, b[0].rule);
	ck_assert_int_eq(-1, b[0].wait_ns);
	ck_assert_ptr_nonnull(b[0].why);
	ck_assert_uint_eq(24, b[0].servers);
	ck_assert_int_eq(1, b[0].prefill);
	ck_assert_int_eq(16, b[0].declared);
	ck_assert_uint_eq(8, b[1].servers);
	ck_assert_int_eq(32, b[1].prefill);
	ck_assert_int_eq(159, b[1].declared);
	ck_assert_int_eq(95, b[1].served);
	ck_assert_int_eq(640 * NS_PER_MS, b[1].wait_ns);
	ck_assert_int_eq(384 * NS_PER_MS, b[1].served_wait_ns);
	ck_assert_int_eq((640 + 128) * NS_PER_MS, b[1].ttft_ns);
	ck_assert_uint_eq(3, b[1].tiers); /* short ones overflow into it */
	scenario_free(s);
}
END_TEST

/* 20 requests/s of 16 frames of 4 ms and a burst of 30, each of two tenants, on 5 slots. */
START_TEST(tenant_rate)
{
	static const char policy[] = "{\"policy\":\"none\",\"tenant_rate\":%d,\"tenant_burst\":30}";
	char admission[128];

	(void)snprintf(admission, sizeof(admission), policy, 20);
	hold(&(struct machine){"immediate", admission, "", 5, 1, 0, CONSTANT}, WAIT_RATE);
	(void)snprintf(admission, sizeof(admission), policy, 20);
	hold(&(struct machine){"immediate", admission, "", 4, 2, 0, UNIFORM}, WAIT_RATE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wait_bound");

	add_test(suite, "queue_cap", queue_cap);
	add_test(suite, "request_count", request_count);
	add_test(suite, "token_budget", token_budget);
	add_test(suite, "tenant_rate", tenant_rate);
	add_test(suite, "priority", priority);
	add_test(suite, "by_hand", by_hand);
	return run_suite(suite);
}
