/* Exactness of whole virtual runs (issue: "Exactness" a): the driver, its clients, admission and
 * the rack together. Every queue_ms and every end equals, to the nanosecond, a Kiefer-Wolfowitz
 * recursion of a few lines over the same arrivals, for k = 1 and 8 slots, constant and lognormal
 * lengths, and for the Azure conversation trace (skipped where ../shared/traces is absent).
 *
 * Sizes: LPC_MODEL_REQUESTS (default 20000; the figure is 1000000). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/units.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { EXIT_SKIPPED = 77, SLOTS_MAX = 8 };
#define TRACE LPC_SHARED_DIR "/traces/azure_llm_2023_conv.csv"

static long n_requests(void)
{
	const char *text = getenv("LPC_MODEL_REQUESTS");
	long n = text ? strtol(text, NULL, 10) : 20000;

	return n > 0 && n <= 1000000 ? n : 1000000;
}

/* What the recursion predicts, by id − 1. */
struct predicted {
	int64_t queue_ns, end;
};

struct comparison {
	struct predicted *p;
	uint64_t n, seen;
};

static void compare(void *ctx, const struct sample *s)
{
	struct comparison *c = ctx;
	const struct predicted *p = &c->p[s->id - 1];

	ck_assert_uint_le(s->id, c->n);
	ck_assert_int_eq(s->outcome, OUTCOME_OK);
	ck_assert_msg(s->queue_ns == p->queue_ns && s->t_last == p->end,
	        "request %ju: queue %jd, end %jd, expected %jd, %jd", (uintmax_t)s->id,
	        (intmax_t)s->queue_ns, (intmax_t)s->t_last, (intmax_t)p->queue_ns,
	        (intmax_t)p->end);
	ck_assert_int_eq(s->t_done, p->end);
	c->seen++;
}

/* free_at: when each of k servers has done what it was given, ascending (Kiefer and Wolfowitz,
 * 1955). */
static struct predicted serve(int64_t free_at[], unsigned k, int64_t at, int64_t service)
{
	int64_t start = at > free_at[0] ? at : free_at[0];
	unsigned j = 1;

	for (; j < k && free_at[j] < start + service; j++)
		free_at[j - 1] = free_at[j];
	free_at[j - 1] = start + service;
	return (struct predicted){start - at, start + service};
}

static struct comparison predict(const struct scenario *s, unsigned k, int64_t frame, int64_t ppf)
{
	struct comparison c = {.p = calloc(2000000, sizeof(*c.p))};
	int64_t free_at[SLOTS_MAX] = {0};
	struct error err = ERROR_INIT;
	struct traffic *t;
	struct arrival a;
	bool more;

	ck_assert_int_eq(
	        traffic_open(&s->traffic, s->seed, s->duration_ns, &s->traces, &t, &err), 0);
	while (traffic_next(t, &a, &more, &err) == ERR_NONE && more) {
		int64_t frames = (a.prompt_tokens + ppf - 1) / ppf + a.output_tokens - 1;

		ck_assert_uint_lt(c.n, 2000000);
		c.p[c.n++] = serve(free_at, k, a.at_ns, frames * frame);
	}
	traffic_close(t);
	return c;
}

static void run_and_compare(const char *text, unsigned k, int64_t frame, int64_t ppf)
{
	struct scenario *s = scenario_text(text);
	struct comparison c = predict(s, k, frame, ppf);
	struct virtual_options options = {.seed = s->seed,
	        .without = VIRTUAL_ALL_FAULTS,
	        .sample = compare,
	        .sample_ctx = &c};
	struct virtual_result result;
	struct error err = ERROR_INIT;

	ck_assert_int_eq(drive_virtual(s, &options, &result, &err), 0);
	ck_assert_uint_eq(c.seen, c.n);
	ck_assert_uint_eq(result.scheduled, c.n);
	ck_assert_uint_gt(c.n, 1000);
	printf("%s, %u slots: %ju waits equal the recursion\n", s->name, k, (uintmax_t)c.n);
	virtual_result_free(&result);
	free(c.p);
	scenario_free(s);
}

#define SCENARIO(name, traffic)                                                                    \
	"{\"version\":1,\"name\":\"" name                                                          \
	"\",\"seed\":5,\"duration\":\"%ldms\",\"drain\":\"24h\","                                  \
	"\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":65536,"              \
	"\"frame\":\"%dns\",\"slots\":%u,\"prefill_tokens_per_frame\":64}],"                       \
	"\"instances\":1,\"entry\":\"immediate\",\"admission\":{\"policy\":\"none\"}}]},"          \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\",\"timeout\":\"24h\"," traffic "}]}"

/* Mean frames a request: constant 1 + 9, lognormal about 8.7 + 24. A frame of 1 ms; rho about 0.85.
 */
START_TEST(poisson)
{
	static const char constant[] =
	        SCENARIO("constant", "\"arrival\":{\"process\":\"poisson\",\"rate\":%d},"
	                             "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
	                             "\"output_tokens\":{\"dist\":\"constant\",\"value\":10}");
	static const char lognormal[] = SCENARIO("lognormal",
	        "\"arrival\":{\"process\":\"poisson\",\"rate\":%d},"
	        "\"prompt_tokens\":{\"dist\":\"lognormal\",\"median\":400,\"p99\":2500,\"max\":"
	        "8192},"
	        "\"output_tokens\":{\"dist\":\"lognormal\",\"median\":20,\"p99\":100,\"max\":512}");
	unsigned k = _i & 1 ? 8 : 1;
	int rate = (_i & 2 ? 26 : 85) * (int)k;
	char text[2048];

	(void)snprintf(text, sizeof(text), _i & 2 ? lognormal : constant,
	        n_requests() * 1000 / rate, 1000000, k, rate);
	run_and_compare(text, k, 1000000, 64);
}
END_TEST

/* The whole trace; the frame is chosen so that eight slots are about as busy as one. */
START_TEST(azure)
{
	static const char trace[] = SCENARIO(
	        "azure", "\"trace\":{\"file\":\"" TRACE "\",\"format\":\"azure\",\"speed\":4}");
	unsigned k = _i ? 8 : 1;
	int frame = _i ? 1000003 : 125003;
	char text[2048];

	(void)snprintf(text, sizeof(text), trace, 3600L * 1000, frame, k);
	run_and_compare(text, k, frame, 64);
}
END_TEST

int main(void)
{
	bool have_trace = access(TRACE, R_OK) == 0;
	Suite *s = suite_create("exact");
	TCase *t = tcase_create("recursion");
	int rc;

	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, poisson, 0, 4);
	if (have_trace)
		tcase_add_loop_test(t, azure, 0, 2);
	suite_add_tcase(s, t);
	rc = run_suite(s);
	if (rc == 0 && !have_trace) {
		printf("skipped: no %s (the synthetic runs passed)\n", TRACE);
		return EXIT_SKIPPED;
	}
	return rc;
}
