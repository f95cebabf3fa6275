/* The live signals of a run, on the 10 ms grid of run time, and who listens to them: triggers of
 * faults
 * ("when") and abort rules. The driver says what it sees; this file remembers and decides. */
#ifndef LPC_RUN_SIGNALS_H
#define LPC_RUN_SIGNALS_H

#include "emulator/rack.h"
#include "faults/schedule.h"
#include "harness/run/scenario.h"
#include "reports/sample.h"

#define SIGNALS_GRID_NS (10 * NS_PER_MS)

struct signals;

bool signals_wanted(const struct scenario *s); /* somebody listens */
struct signals *signals_new(const struct scenario *s);
void signals_free(struct signals *g); /* NULL is allowed */

/* What is seen: a finished request at any time; the others at a grid instant, before the two below.
 */
void signals_sample(struct signals *g, const struct sample *s);
/* spare_count RACK_NO_COUNT, queue_ns −1: the telemetry is silent; signals of the rack have no
 * value. */
void signals_in_flight(struct signals *g, uint64_t requests);
void signals_rack(struct signals *g, const struct rack_signals *rack);
void signals_pool(struct signals *g, uint32_t pool, int64_t queue_ns);

/* Feeds every waiting trigger; then the abort rules: the rule that fires, or NULL. */
void signals_triggers(struct signals *g, int64_t now, struct fault_schedule *schedule);
const struct abort_rule *signals_abort(struct signals *g, int64_t now);

#endif
