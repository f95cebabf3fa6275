/* The scorer's hot path: ns a sample, one tier, no faults, 1 and 2 SLOs, pooled gaps; and the
 * resident size after many requests. Prints, asserts nothing.   score_bench [millions of samples,
 * default 4] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include "harness/base/prng.h"
#include "reports/served.h"
#include "tests/unit/reports/score_fixture.h"

enum { PREPARED = 1 << 9 };

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) /* the machine may be shared */;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Latencies spread over two octaves, 128 tokens, 10 ms apart. */
static void prepare(struct sample *x)
{
	struct prng g = prng_stream(1, "bench");

	for (unsigned i = 0; i < PREPARED; i++) {
		int64_t queue = (int64_t)prng_below(prng_next(&g), 60 * NS_PER_MS);
		int64_t tokens = 2 + (int64_t)prng_below(prng_next(&g), 254);

		x[i] = fixture_ok(1, 0, queue + 20 * NS_PER_MS);
		x[i].output_tokens = tokens;
		x[i].queue_ns = x[i].blame_queue_ns = queue;
		x[i].prefill_ns = x[i].blame_prefill_ns = 20 * NS_PER_MS;
		x[i].decode_ns = x[i].blame_decode_ns = (tokens - 1) * 10 * NS_PER_MS;
		x[i].itl_judged_ns = 10 * NS_PER_MS;
	}
}

static double bench(struct sample *prepared, uint32_t n_slo, uint32_t n_faults, uint64_t n)
{
	struct slo_rule slo[] = {fixture_slo(METRIC_TTFT, 0.99, 75 * NS_PER_MS),
	        fixture_slo(METRIC_TPOT, 0.99, 11 * NS_PER_MS)};
	struct score_rules rules = {.n_slo = n_slo, .slo = slo};
	struct score_config config = fixture_config(&rules, n_faults);
	struct score *s;
	double t0;

	config.duration_ns = INT64_MAX;
	s = score_create(&config);
	t0 = now_s();
	for (uint64_t i = 0; i < n; i++) {
		struct sample *x = &prepared[i % PREPARED];
		int64_t ttft = x->t_first - x->t_sched;

		x->id = i + 1;
		x->t_sched = x->t_send = (int64_t)i * 10000;
		x->t_hdr = x->t_first = x->t_sched + ttft;
		x->t_last = x->t_done = x->t_first + x->decode_ns;
		score_gaps(s, x->id, 0, 10 * NS_PER_MS, x->output_tokens - 1);
		score_sample(s, x);
	}
	t0 = now_s() - t0;
	score_free(s);
	return t0 / (double)n * 1e9;
}

/* The same requests, told in blocks. */
static double bench_served(uint32_t n_slo, uint32_t n_faults, uint32_t n_tiers, uint64_t n)
{
	struct slo_rule slo[] = {fixture_slo(METRIC_TTFT, 0.99, 75 * NS_PER_MS),
	        fixture_slo(METRIC_TPOT, 0.99, 11 * NS_PER_MS)};
	struct score_rules rules = {.n_slo = n_slo, .slo = slo};
	struct score_config config = fixture_config(&rules, n_faults);
	struct rider *r = calloc(PREPARED, sizeof(*r));
	struct prng g = prng_stream(1, "bench");
	struct score *s;
	double t0, spent = 0;

	if (!r)
		exit(1);
	config.duration_ns = INT64_MAX;
	s = score_create(&config);
	for (uint64_t i = 0; i < n; i += PREPARED) {
		for (uint64_t k = 0; k < PREPARED; k++) {
			int64_t queue = (int64_t)prng_below(prng_next(&g), 60 * NS_PER_MS);
			int64_t at = (int64_t)(i + k) * 10000;
			uint32_t tokens = 2 + (uint32_t)prng_below(prng_next(&g), 254);

			r[k] = (struct rider){.id = i + k + 1,
			        .t_sched = at,
			        .t_dispatch = at + queue,
			        .t_entry = at + queue,
			        .t_first = at + queue + 20 * NS_PER_MS,
			        .t_last = at + queue + 20 * NS_PER_MS +
			                  (int64_t)(tokens - 1) * 10 * NS_PER_MS,
			        .frame_ns = 10 * NS_PER_MS,
			        .prompt_tokens = 100,
			        .output_tokens = tokens,
			        .tier = (uint32_t)k % n_tiers};
		}
		t0 = now_s();
		score_served(s, r, PREPARED);
		spent += now_s() - t0;
	}
	score_free(s);
	free(r);
	return spent / (double)n * 1e9;
}

int main(int argc, char **argv)
{
	uint64_t n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 4) * 1000000;
	struct sample *prepared = calloc(PREPARED, sizeof(*prepared));
	struct rusage usage;

	if (!prepared)
		return 1;
	prepare(prepared);
	for (uint32_t n_slo = 0; n_slo <= 2; n_slo++)
		printf("%u SLOs: %.1f ns a sample\n", n_slo, bench(prepared, n_slo, 0, n));
	printf("1 SLO, a fault planned: %.1f ns a sample\n", bench(prepared, 1, 1, n));
	for (uint32_t n_slo = 0; n_slo <= 2; n_slo++)
		printf("in blocks, %u SLOs: %.1f ns a request\n", n_slo,
		        bench_served(n_slo, 0, 1, n));
	printf("in blocks, 1 SLO, two tiers: %.1f ns a request\n", bench_served(1, 0, 2, n));
	printf("in blocks, 1 SLO, a fault planned: %.1f ns a request\n", bench_served(1, 1, 1, n));
	getrusage(RUSAGE_SELF, &usage);
	printf("peak resident %.1f MiB after %llu M samples\n", (double)usage.ru_maxrss / 1024,
	        (unsigned long long)(n / 1000000));
	free(prepared);
	return 0;
}
