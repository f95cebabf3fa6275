/* The floor of this machine: the load generator against the null target (FORMATS §1 "Self-check").
 */
#ifndef LPC_LOAD_FLOOR_H
#define LPC_LOAD_FLOOR_H

#include <stdint.h>
#include "harness/base/error.h"

enum { FLOOR_RATE = 1000 /* requests/s, evenly spaced */ };

struct load_floor {
	uint64_t requests, ok;
	int64_t ttft_wire_p50_ns,
	        ttft_wire_p99_ns; /* t_first - t_send: all of it is overhead; -1 = no sample */
	int64_t send_lag_p99_ns, loop_lag_p99_ns;
};

/* Takes `seconds` (>= 1) and a child process. To be called while the caller has no ring open; it
 * asks for no privileges itself (privilege_ask(0) before makes the figures those of a run). */
enum status load_floor(int64_t seconds, struct load_floor *out, struct error *err) LPC_MUST_USE;

#endif
