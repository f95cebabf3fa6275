/* The progress clock of an instance: integer position in ticks against real time (DESIGN §5
 * "Progress").
 *
 * A frame is F0 ticks. Real time runs at num/den ns per tick; a change of rate, a stall or its end
 * opens a new segment and carries the fraction of a tick exactly. Everything that happens to a
 * request is keyed by tick, so a stall or a slow-down is O(1) and touches no request.
 *
 *   time_of(x) = t0 + ceil((x - x0 - f) * num / den)        f = fp/fq, the fraction carried at t0
 *
 * Exactness: fq divides the least common multiple of the rates' numerators that were in force;
 * while it stays below TICK_FRACTION_MAX the position is exact, beyond that it is rounded down to
 * 1/2^44 tick. Limits asserted: num, den < 2^40; a tick lasts at least 1 ns (num >= den). */
#ifndef LPC_EMULATOR_TIMETABLE_H
#define LPC_EMULATOR_TIMETABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/check.h"
#include "harness/base/units.h"

#define TICK_FRACTION_MAX (UINT64_C(1) << 44)
#define TICK_RATE_MAX     (UINT64_C(1) << 40)

/* mul/div = whole + (part + less than 1) / 2^64: what n · mul / div takes without a division. */
struct tick_ratio {
	uint64_t mul, div, whole, part;
};

struct tick_rate {
	uint64_t num, den; /* ns per tick, in lowest terms */
	struct tick_ratio to_ticks, to_ns;
};

/* A rate costs a few divisions to make, and none to use: whoever changes between rates keeps them.
 */
struct tick_rate tick_rate(uint64_t num, uint64_t den);

struct progress {
	int64_t t0;      /* ns, start of the segment */
	int64_t x0;      /* whole ticks at t0 */
	uint64_t fp, fq; /* fraction of a tick at t0: fp/fq in [0, 1), not always in lowest terms */
	struct tick_rate rate;
	bool stopped;
	bool plain; /* num == den, no fraction: one tick is one ns */
};

void progress_init(struct progress *p, int64_t now, const struct tick_rate *rate);

/* Opens a new segment at `now` (>= t0) with the given rate, or stopped. */
void progress_change(struct progress *p, int64_t now, const struct tick_rate *rate, bool stopped);

/* The general cases of the functions below. */
int64_t progress_time_of_slow(const struct progress *p, int64_t tick);
int64_t progress_tick_at_slow(const struct progress *p, int64_t now);
int64_t progress_next_tick_slow(const struct progress *p, int64_t now);

/* The first instant at which the position is at least `tick`, from this segment on: NS_NEVER while
 * stopped, unless the tick was already reached (then t0). */
static inline int64_t progress_time_of(const struct progress *p, int64_t tick)
{
	if (LPC_LIKELY(p->plain && !p->stopped))
		return tick <= p->x0 ? p->t0 : p->t0 + (tick - p->x0);
	return progress_time_of_slow(p, tick);
}

/* floor(position) at `now` >= t0. */
static inline int64_t progress_tick_at(const struct progress *p, int64_t now)
{
	if (LPC_LIKELY(p->plain && !p->stopped))
		return p->x0 + (now - p->t0);
	return progress_tick_at_slow(p, now);
}

/* The smallest tick that is not in the past at `now`: a departure at this tick can still be made.
 */
static inline int64_t progress_next_tick(const struct progress *p, int64_t now)
{
	if (LPC_LIKELY(p->plain && !p->stopped))
		return p->x0 + (now - p->t0);
	return progress_next_tick_slow(p, now);
}

#endif
