/* The verdict at the border. An M/D/1 queue is judged against its own exact p99: neither pass nor
 * fail would be right, and a test that is honest about correlation says so nearly always. 200 runs
 * for each load; at most 5 % may pass.
 *
 * Waits by Lindley's recursion; the exact law by Erlang's formula for M/D/1, service time 1:
 * P[W <= t] = (1 - rho) sum over k <= t of (rho (k - t))^k / k! e^(-rho (k - t)). */
#include <stdio.h>
#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "reports/stats.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { RUNS = 200, REQUESTS = 8000, REPLICA_RUNS = 60, REPLICA_REQUESTS = 1000, SETTLE = 1000 };
#define SERVICE_NS NS_PER_MS

static double wait_cdf(double rho, double t)
{
	double sum = 0;

	for (int k = 0; k <= (int)t; k++) {
		double x = rho * ((double)k - t), term = mathx_exp(-x);

		for (int i = 1; i <= k; i++)
			term *= x / i;
		sum += term;
	}
	return (1 - rho) * sum;
}

static int64_t exact_p99_ns(double rho)
{
	double low = 0, high = 40;

	while (high - low > 1e-9) {
		double mid = (low + high) / 2;

		if (wait_cdf(rho, mid) < 0.99)
			low = mid;
		else
			high = mid;
	}
	return (int64_t)(low * (double)SERVICE_NS);
}

/* A run of n requests, fed and not decided. The rules must outlive it. */
static struct score *run(const struct score_rules *rules, double rho, uint64_t n, uint64_t seed)
{
	struct score_config config = fixture_config(rules, 0);
	struct prng g = prng_stream(seed, "calibration");
	struct score *s = score_create(&config);
	int64_t at = 0, wait = 0;

	for (uint64_t i = 0; i < SETTLE + n; i++) {
		double u = prng_unit(prng_next(&g));
		int64_t gap = (int64_t)(-mathx_log(u) * (double)SERVICE_NS / rho);

		wait = wait + SERVICE_NS > gap ? wait + SERVICE_NS - gap : 0;
		at += gap;
		if (i >= SETTLE) {
			struct sample x = fixture_ok(i - SETTLE + 1, at, wait + SERVICE_NS);

			score_sample(s, &x);
		}
	}
	return s;
}

struct tally {
	int count[VERDICT_ABORTED + 1];
	double vifs;
};

/* runs at the border; with replicas the undecided get 32 further runs each. */
static struct tally calibrate(double rho, uint64_t n, uint64_t runs, bool replicas)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, exact_p99_ns(rho) + SERVICE_NS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct tally t = {0};

	for (uint64_t seed = 1; seed <= runs; seed++) {
		struct score *s = run(&rules, rho, n, seed);
		const struct score_result *r;
		bool undecided = replicas && score_wants_replicas(s);

		for (uint64_t k = 1; undecided && k <= STATS_REPLICAS_MAX; k++) {
			struct score *more = run(&rules, rho, n, seed * 1000 + k);

			score_add_replica(s, more);
			score_free(more);
		}
		r = fixture_decide(s, NULL, n);
		t.count[r->slo[0].percentile]++;
		t.vifs += r->slo[0].vif;
		score_free(s);
	}
	printf("rho %.1f, %llu requests%s: mean vif %.1f, of %llu runs %.1f %% pass, %d fail, %d "
	       "inconclusive\n",
	        rho, (unsigned long long)n, replicas ? " with replicas" : "", t.vifs / (double)runs,
	        (unsigned long long)runs, 100.0 * t.count[VERDICT_PASS] / (double)runs,
	        t.count[VERDICT_FAIL], t.count[VERDICT_INCONCLUSIVE]);
	return t;
}

static const double loads[] = {0.5, 0.7, 0.9};

START_TEST(false_passes_are_rare)
{
	for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
		struct tally t = calibrate(loads[i], REQUESTS, RUNS, false);

		ck_assert_int_le(t.count[VERDICT_PASS], RUNS * 5 / 100);
	}
}
END_TEST

START_TEST(replicas_do_not_buy_a_pass)
{
	for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
		struct tally t = calibrate(loads[i], REPLICA_REQUESTS, REPLICA_RUNS, true);

		ck_assert_int_le(t.count[VERDICT_PASS], REPLICA_RUNS * 5 / 100);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("calibration");

	add_test(suite, "border", false_passes_are_rare);
	add_test(suite, "replicas", replicas_do_not_buy_a_pass);
	return run_suite(suite);
}
