/* Arrivals that a fault adds to a traffic entry: for a while its rate is `factor` times what it was
 * (faults of the family `load`). The entry's own requests stay as they are; factor - 1 times as
 * many come beside them, by a process and draws of their own:
 *
 *   constant          each 1/((factor-1) rate), the first at the beginning: (factor-1) rate T of
 *                     them in a time T, rounded up
 *   poisson, gamma    the same law at the rate (factor-1) rate
 *   onoff             likewise, in step with the entry's own bursts
 *   ramp              likewise, along the same line
 *   a trace           poisson at (factor-1) times its mean rate
 *
 * Lengths are drawn by counter from the entry's laws; a trace's are those of the row before. */
#ifndef LPC_WORKLOADS_SURGE_H
#define LPC_WORKLOADS_SURGE_H

#include <stdint.h>
#include "workloads/traffic.h"

struct surge {
	const struct tenant_spec *tenant;
	struct arrival_spec rising, steady; /* during the ramp, and then */
	struct arrival_state arrival;
	struct prng stream;
	int64_t from, origin, until; /* of the process in force: run time of its time 0; its end */
	int64_t ramp_end, duration;  /* run time */
	int64_t last_prompt, last_output; /* of the entry's latest own request */
	uint64_t key;                     /* of the lengths */
	uint64_t n;                       /* arrivals so far, over all occurrences */
};

/* Once a run, for one fault and traffic entry. The tenant outlives it. */
void surge_init(
        struct surge *g, const struct tenant_spec *tenant, uint64_t seed, const char *fault_id);

/* The `occurrence`-th time (0, 1, …) begins at `now`; the rate rises evenly from what it was to
 * `factor` times (> 1) that within ramp_ns. `duration_ns` is the run's. */
void surge_begin(struct surge *g, int64_t now, double factor, int64_t ramp_ns, int64_t duration_ns,
        uint64_t seed, const char *fault_id, uint64_t occurrence);

/* What the entry's own requests look like now; only traces need it. */
void surge_see(struct surge *g, const struct arrival *own);

/* The instant of the next one, NS_NEVER when none comes before the end of the run. */
int64_t surge_next(struct surge *g);

/* The lengths of the one that surge_next said last. Everything but the id is filled in. */
void surge_fill(struct surge *g, int64_t at_ns, uint32_t tenant, struct arrival *out);

#endif
