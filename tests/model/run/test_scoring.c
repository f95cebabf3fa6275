/* The scorer against a recount. One slot behind a queue cap, a load above it and clients that lose
 * their patience: some are served, some refused, some time out, some try again. What the verdict
 * counts is counted a second time here, from every request of the same run, by the definitions of
 * FORMATS §1 alone. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS     NS_PER_MS
#define LIMIT  (150 * MS)
#define WARMUP (5 * NS_PER_S)

/* Service 100 ms at 12/s, at most two wait; 250 ms of patience; a refused client comes once more.
 */
static const char text[] =
        "{\"version\":1,\"name\":\"recount\",\"seed\":7,\"duration\":\"60s\",\"warmup\":\"5s\","
        "\"drain\":\"10s\",\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":"
        "65536,"
        "\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}],\"instances\":1,"
        "\"entry\":\"immediate\",\"admission\":{\"policy\":\"queue_cap\",\"limit\":2}}]},"
        "\"traffic\":[{\"name\":\"t\",\"tier\":\"x\",\"timeout\":\"250ms\",\"arrival\":"
        "{\"process\":\"poisson\",\"rate\":12},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":"
        "64},"
        "\"output_tokens\":{\"dist\":\"constant\",\"value\":10}},"
        "{\"name\":\"u\",\"tier\":\"y\",\"retries\":1,\"arrival\":{\"process\":\"poisson\","
        "\"rate\":2},"
        "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
        "\"output_tokens\":{\"dist\":\"constant\",\"value\":10}}],"
        "\"slo\":[{\"id\":\"x\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"quantile\":0.5,\"max\":"
        "\"150ms\","
        "\"max_refused\":0.9},"
        "{\"id\":\"y\",\"tier\":\"y\",\"metric\":\"ttft_ms\",\"quantile\":0.9,\"max\":\"150ms\","
        "\"max_refused\":0.9}]}";

struct recount {
	uint64_t n, over, refused, infinite, early;
	int64_t finite[2000];
};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void count(struct recount *c, const struct virtual_samples *v, uint32_t tier)
{
	uint64_t n_finite = 0;

	memset(c, 0, sizeof(*c));
	for (uint64_t i = 0; i < v->n; i++) {
		const struct sample *x = &v->e[i];

		if (x->tier != tier)
			continue;
		c->early += x->t_sched < WARMUP;
		if (x->t_sched < WARMUP)
			continue;
		if (x->outcome == OUTCOME_REJECTED) {
			c->refused++;
			continue;
		}
		c->n++;
		if (x->outcome != OUTCOME_OK) {
			c->infinite++;
			c->over++;
			continue;
		}
		c->finite[n_finite] = x->t_first - x->t_sched;
		c->over += c->finite[n_finite++] > LIMIT;
	}
	qsort(c->finite, n_finite, sizeof(*c->finite), by_value);
}

/* Nearest rank among the finite values and the infinite ones behind them; -1 = infinite. */
static int64_t percentile(const struct recount *c, uint64_t num, uint64_t den)
{
	uint64_t rank = (c->n * num + den - 1) / den;

	return rank > c->n - c->infinite ? -1 : c->finite[rank - 1];
}

static void compare(const struct slo_result *r, const struct recount *c, int64_t exact)
{
	ck_assert_uint_eq(r->n, c->n);
	ck_assert_uint_eq(r->over, c->over);
	ck_assert_uint_eq(r->refused, c->refused);
	if (exact < 0) {
		ck_assert_str_eq(r->observed, "infinite");
		return;
	}
	/* The upper edge of a cell of the histogram, which is at most 0.1 % wide. */
	ck_assert_int_ge(r->observed_ns, exact);
	ck_assert_int_le(r->observed_ns, exact + exact / 1000 + 1);
}

START_TEST(every_request_is_counted_as_what_it_was)
{
	static struct recount x, y;
	struct scenario *s = scenario_text(text);
	struct virtual_samples v;
	struct evaluation e;
	struct error err = ERROR_INIT;
	uint64_t attempts = 0;

	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, false);
	ck_assert_int_eq(evaluate(s, true, NULL, &e, &err), 0);
	count(&x, &v, 0);
	count(&y, &v, 1);
	printf("recount: x %ju judged, %ju failed, %ju refused, %ju in the warm-up; y %ju, %ju, "
	       "%ju, "
	       "%ju\n",
	        (uintmax_t)x.n, (uintmax_t)x.infinite, (uintmax_t)x.refused, (uintmax_t)x.early,
	        (uintmax_t)y.n, (uintmax_t)y.infinite, (uintmax_t)y.refused, (uintmax_t)y.early);
	ck_assert(x.infinite > 20 && x.refused > 20 && x.early > 20 && y.refused > 5);
	compare(&e.result->slo[0], &x, percentile(&x, 1, 2));
	compare(&e.result->slo[1], &y, percentile(&y, 9, 10));
	for (uint64_t i = 0; i < v.n; i++)
		attempts += v.e[i].attempts;
	ck_assert_uint_eq(e.result->attempts, attempts);
	evaluation_free(&e);
	virtual_samples_free(&v);
	scenario_free(s);
}
END_TEST

/* At a load that nearly always fails, an SLO is not met, whatever the few that are served see. */
START_TEST(failures_are_infinitely_late)
{
	static const char *const edits[] = {"traffic.t.timeout=20ms", "traffic.u.arrival.rate=0.1"};
	struct scenario *s = scenario_text_edited(text, edits, 2);
	struct evaluation e;
	struct error err = ERROR_INIT;

	ck_assert_int_eq(evaluate(s, true, NULL, &e, &err), 0);
	/* A served request needs 100 ms: with 20 ms of patience none is. */
	ck_assert_uint_eq(e.result->slo[0].n, e.result->slo[0].over);
	ck_assert_str_eq(e.result->slo[0].observed, "infinite");
	ck_assert_int_eq(e.result->slo[0].verdict, VERDICT_FAIL);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scoring");

	add_test(suite, "every_request_is_counted_as_what_it_was",
	        every_request_is_counted_as_what_it_was);
	add_test(suite, "failures_are_infinitely_late", failures_are_infinitely_late);
	return run_suite(suite);
}
