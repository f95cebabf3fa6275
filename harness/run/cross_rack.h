/* What it costs that instances lie across racks: the run against one whose hops from rack to rack
 * take no time, with the same requests and the same faults. Exact, request by request, on the
 * virtual clock, as the damage of a fault is. */
#ifndef LPC_RUN_CROSS_RACK_H
#define LPC_RUN_CROSS_RACK_H

#include <signal.h>
#include "harness/run/evaluate.h"
#include "reports/render.h"

/* Whether an instance lies across racks as deployed: then cross_rack_measure wants the run's book
 * (evaluate: compared). */
bool cross_rack_is_planned(const struct scenario *s);

/* `run`: the scenario's, with its book; events are added to it. Costs are not known (out->known)
 * where the run was stopped, or made more requests than a book holds. */
enum status cross_rack_measure(const struct scenario *s, struct evaluation *run,
        const volatile sig_atomic_t *interrupt, struct result_cross_rack *out,
        struct error *err) LPC_MUST_USE;

#endif
