/* Runs the load generator over an evenly spaced schedule and keeps every sample. */
#ifndef LPC_TESTS_E2E_LOAD_DRIVER_H
#define LPC_TESTS_E2E_LOAD_DRIVER_H

#include "harness/load/load.h"

enum { DRIVER_REQUESTS_MAX = 1024 };

struct drive {
	uint16_t port;
	uint64_t requests; /* the nth (from 0) is planned at n * every_ns */
	int64_t every_ns;
	int64_t prompt_tokens, output_tokens;
	int64_t timeout_ns, duration_ns, drain_ns;
	uint32_t retries, connections, connections_max;
	bool completions, no_verify;
	uint64_t stop_at; /* load_stop when this request is handed over; 0 = never */

	/* out */
	struct load_sample samples[DRIVER_REQUESTS_MAX]; /* by id - 1; gaps_ns is void */
	uint64_t pulled, sampled;
	uint64_t by_outcome[LOAD_OUTCOMES];
	int64_t ticks, worst_tick_ns;
	struct load_result result; /* but for its histograms, of which this is kept: */
	int64_t send_lag_max_ns;
	uint64_t send_lags, loop_lags;
	struct load *load;
};

/* Zero fields of *d are given ordinary values; asserts that each request pulled gave one sample. */
void drive_run(struct drive *d);

#endif
