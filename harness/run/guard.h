/* Is the measurement itself to be trusted? (FORMATS §1 "Self-check of every wall run".) An invalid
 * run says nothing about the target; every reason is a sentence. */
#ifndef LPC_RUN_GUARD_H
#define LPC_RUN_GUARD_H

#include "harness/run/drive_wall.h"
#include "reports/render.h"

enum { GUARD_REASONS_MAX = 8, GUARD_REASON_BYTES = 320 };

struct guard {
	uint32_t n;
	char text[GUARD_REASONS_MAX][GUARD_REASON_BYTES];
	const char *reasons[GUARD_REASONS_MAX];
};

/* The bound on p99 of send and emission lag: max(1 ms, 1 % of the tightest latency SLO). */
int64_t guard_lag_bound(const struct scenario *s);

void guard_reason(struct guard *g, const char *fmt, ...) LPC_PRINTF(2, 3);
/* `agreement` is NULL without a companion. An interrupted or aborted run is not compared. */
void guard_wall(struct guard *g, const struct scenario *s, const struct wall_result *w,
        const struct result_agreement *agreement);

#endif
