/* Lag of the open loop at a constant rate of streaming requests against the null target, on one
 * processor each.
 *
 *   open_loop [RATE [SECONDS [RUNS]]]     20000 requests/s, 3 s, 5 runs
 *
 * Prints send and loop lag of each run and the median of the p99s. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "harness/base/units.h"
#include "harness/load/load.h"
#include "harness/load/null_target.h"
#include "harness/net/clock.h"
#include "harness/net/privilege.h"

enum { RUNS_MAX = 32 };

struct open_loop {
	int64_t rate;
	uint64_t next, ok;
};

static int64_t peek(void *ctx)
{
	const struct open_loop *b = ctx;

	return (int64_t)b->next * NS_PER_S / b->rate;
}

static void next(void *ctx, struct load_request *out)
{
	struct open_loop *b = ctx;

	*out = (struct load_request){
	        .id = b->next + 1,
	        .at_ns = peek(b),
	        .prompt_tokens = 16,
	        .output_tokens = NULL_TARGET_TOKENS,
	};
	b->next++;
}

static void sample(void *ctx, const struct load_sample *s)
{
	struct open_loop *b = ctx;

	b->ok += s->outcome == LOAD_OK;
}

static void tick(void *ctx, int64_t grid_ns, int64_t now_ns)
{
	(void)ctx;
	(void)grid_ns;
	(void)now_ns;
}

static double at_us(const struct histogram *h, double q)
{
	int64_t ns = 0;

	return histogram_percentile(h, q, &ns) ? (double)ns / 1e3 : -1;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double report(const struct open_loop *b, const struct load_result *r, double cpu)
{
	double p99 = at_us(&r->send_lag, 0.99);

	printf("sent %" PRIu64 ", ok %" PRIu64
	       ", send lag us p50 %.1f p99 %.1f max %.1f, loop lag us p50 "
	       "%.1f p99 %.1f max %.1f, connections %u, cpu %.1f us/request\n",
	        r->totals.sent, b->ok, at_us(&r->send_lag, 0.5), p99, at_us(&r->send_lag, 1),
	        at_us(&r->loop_lag, 0.5), at_us(&r->loop_lag, 0.99), at_us(&r->loop_lag, 1),
	        r->connections_peak, cpu * 1e6 / (double)b->next);
	return p99;
}

static enum status run(const struct null_target *target, int64_t rate, int64_t seconds,
        double *p99_us, struct error *err)
{
	static const struct load_tenant tenant = {
	        .name = "bench", .tier = "bench", .timeout_ns = 5 * NS_PER_S};
	struct open_loop b = {.rate = rate};
	const struct load_config config = {
	        .peer = target->address,
	        .host = "127.0.0.1",
	        .path_prefix = "",
	        .model = "null",
	        .tenants = &tenant,
	        .n_tenants = 1,
	        .duration_ns = seconds * NS_PER_S,
	        .drain_ns = NS_PER_S,
	        .connections = 256,
	        .connections_max = 1000,
	        .source = {.ctx = &b, .peek = peek, .next = next},
	        .listener = {.ctx = &b, .sample = sample, .tick = tick},
	};
	struct load_result result;
	struct load *l;
	enum status rc = load_open(&l, &config, err);
	double cpu;

	if (rc)
		return rc;
	rc = load_connect(l, err);
	cpu = cpu_s();
	if (!rc) {
		rc = load_run(l, clock_now_ns() + 20 * NS_PER_MS, &result, err);
		*p99_us = report(&b, &result, cpu_s() - cpu);
		load_result_free(&result);
	}
	load_close(l);
	return rc;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int64_t rate = argc > 1 ? strtoll(argv[1], NULL, 10) : 20000;
	int64_t seconds = argc > 2 ? strtoll(argv[2], NULL, 10) : 3;
	int runs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
	struct error err = ERROR_INIT;
	struct null_target target;
	char text[PRIVILEGE_TEXT_MAX];
	double p99_us[RUNS_MAX];
	struct privilege got;
	enum status rc;

	if (rate < 1 || seconds < 1 || runs < 1 || runs > RUNS_MAX)
		return ERR_USAGE;
	rc = null_target_start(&target, &err);
	if (!rc) {
		got = privilege_ask(0);
		printf("%s\n", privilege_text(&got, text));
		for (int i = 0; i < runs && !rc; i++)
			rc = run(&target, rate, seconds, &p99_us[i], &err);
		null_target_stop(&target);
		privilege_give_back(&got);
	}
	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		return (int)rc;
	}
	qsort(p99_us, (size_t)runs, sizeof(p99_us[0]), ascending);
	printf("median send lag p99 %.1f us at %" PRId64 "/s (at most 300 wanted)\n",
	        p99_us[runs / 2], rate);
	return 0;
}
