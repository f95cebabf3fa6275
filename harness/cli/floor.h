/* The floor of this machine: what the load generator measures against a target that does nothing
 * but answer. No latency of a wall run can be below it, and a run's overhead is printed beside it
 * (FORMATS §1). */
#ifndef LPC_CLI_FLOOR_H
#define LPC_CLI_FLOOR_H

#include <stdint.h>
#include "harness/base/error.h"

struct floor_result {
	uint64_t requests, ok;
	int64_t ttft_p50_ns, ttft_p99_ns,
	        ttft_max_ns; /* planned instant to first token; -1 = too few */
	int64_t send_lag_p50_ns, send_lag_p99_ns,
	        send_lag_max_ns; /* planned instant to the kernel */
};

/* Two seconds of open-loop load on a process of our own on loopback. ERR_ENVIRONMENT where the
 * machine allows no ring, no socket or no process. */
enum status floor_measure(struct floor_result *out, struct error *err) LPC_MUST_USE;

#endif
