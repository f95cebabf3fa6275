/* What no section of a scenario can see alone. Each check reports at the value that is wrong. */
#ifndef LPC_RUN_CHECKS_H
#define LPC_RUN_CHECKS_H

#include "harness/run/scenario.h"

/* Reads "target" into s->target: "emulator" (or absent), or a URL, which must be plain HTTP on
 * loopback or on a host that allow_hosts (of the scenario or the target) lists. */
enum status checks_target(struct scenario *s, struct jval target, struct jval allow_hosts,
        struct error *err) LPC_MUST_USE;

/* With a target URL only what the load side does by itself can be injected. */
enum status checks_fault_kinds(struct jval faults, struct error *err) LPC_MUST_USE;

enum status checks_times(
        const struct scenario *s, struct jval warmup, struct error *err) LPC_MUST_USE;

/* The sum of the peak rates, and a pass over every trace: rows are read to the last one, so that a
 * bad one is found now, and the content digest is kept. */
enum status checks_traffic(struct scenario *s, struct jval traffic, struct error *err) LPC_MUST_USE;

/* Faults that add requests leave the rates within what sockets carry. */
enum status checks_surges(const struct scenario *s, struct error *err) LPC_MUST_USE;

/* The virtual clock plays a model; a URL alone gives none. */
enum status checks_virtual(const struct scenario *s, struct error *err) LPC_MUST_USE;

/* Fills s->warnings: what is allowed but most likely not meant. */
void checks_warn(struct scenario *s);

#endif
