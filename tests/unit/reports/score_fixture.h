/* A scorer over rules given as data, and samples made of a few numbers. */
#ifndef LPC_TESTS_UNIT_REPORTS_SCORE_FIXTURE_H
#define LPC_TESTS_UNIT_REPORTS_SCORE_FIXTURE_H

#include "harness/base/units.h"
#include "reports/score.h"

static const char *const fixture_tiers[] = {"interactive", "batch"};

static inline struct slo_rule fixture_slo(enum metric m, double quantile, int64_t limit_ns)
{
	return (struct slo_rule){
	        .id = "slo", .metric = m, .quantile = quantile, .limit_ns = limit_ns};
}

/* One hour without warm-up, 100 requests/s (bins of 200 ms), horizon 30 s, hold 1 s. */
static inline struct score_config fixture_config(const struct score_rules *rules, uint32_t n_faults)
{
	return (struct score_config){.tiers = fixture_tiers,
	        .n_tiers = 2,
	        .rules = rules,
	        .duration_ns = 3600 * NS_PER_S,
	        .expected_rate_all = 100,
	        .n_faults = n_faults,
	        .recovery_horizon_ns = 30 * NS_PER_S,
	        .recovery_hold_ns = NS_PER_S};
}

/* An ok request with the given latency: queue is all of it but 1 ns of prefill. */
static inline struct sample fixture_ok(uint64_t id, int64_t t_sched, int64_t ttft_ns)
{
	return (struct sample){.id = id,
	        .outcome = OUTCOME_OK,
	        .t_sched = t_sched,
	        .t_send = t_sched,
	        .t_hdr = t_sched + ttft_ns,
	        .t_first = t_sched + ttft_ns,
	        .t_last = t_sched + ttft_ns,
	        .t_done = t_sched + ttft_ns,
	        .prompt_tokens = 10,
	        .output_tokens = 1,
	        .queue_ns = ttft_ns - 1,
	        .prefill_ns = 1,
	        .decode_ns = 0,
	        .itl_judged_ns = -1,
	        .attempts = 1,
	        .blame_queue_ns = ttft_ns - 1,
	        .blame_prefill_ns = 1};
}

static inline struct sample fixture_bad(uint64_t id, int64_t t_sched, enum outcome outcome)
{
	return (struct sample){.id = id,
	        .outcome = outcome,
	        .t_sched = t_sched,
	        .t_send = t_sched,
	        .t_hdr = -1,
	        .t_first = -1,
	        .t_last = -1,
	        .t_done = t_sched + NS_PER_MS,
	        .queue_ns = -1,
	        .prefill_ns = -1,
	        .decode_ns = -1,
	        .itl_judged_ns = -1,
	        .attempts = 1};
}

static inline const struct score_result *fixture_decide(
        struct score *s, struct score_fault *faults, uint64_t scheduled)
{
	struct score_facts facts = {.scheduled = scheduled,
	        .critical_in_rack = true,
	        .critical_in_pod = true,
	        .critical_known = true,
	        .valid = true};

	return score_decide(s, faults, &facts);
}

#endif
