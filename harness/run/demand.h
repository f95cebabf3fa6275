/* The load side of the faults: lengths that faults of the family `shape` bend, applied when a
 * request is planned. Implements fault_sink.reshape; both drivers use it. */
#ifndef LPC_RUN_SHAPER_H
#define LPC_RUN_SHAPER_H

#include "faults/schedule.h"
#include "workloads/traffic.h"

struct shaper;

struct shaper *shaper_new(const struct fault_plan *plan, uint64_t seed);
void shaper_free(struct shaper *sh);
struct fault_sink shaper_sink(struct shaper *sh);

/* Bends the arrival by every active fault that targets its traffic entry, in order of the plan.
 * Calls `hit` for each fault that changed it (may be NULL). */
void shaper_apply(struct shaper *sh, struct arrival *a,
        void (*hit)(void *ctx, uint32_t fault, int64_t at_ns), void *ctx);

#endif
