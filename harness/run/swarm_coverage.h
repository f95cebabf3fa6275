/* What a swarm came through: kind × class of what was hit × phase of the ledger, counted in cells;
 * and which of it could have been reached and never was.
 *
 * What could be reached is derived, from the kind's record and the deployment:
 *  - a class that the kind accepts and the deployment has can be injected, reverted, recovered
 * from;
 *  - effect, if something of the class is in use as deployed (on an instance's path; traffic, pools
 *    and frontends always are) and the kind does not say that it is moot there;
 *  - detect, isolate, failover, if besides the record's `found` has the phase and the deployment
 * the guard that finds it. What was reached beyond that (a spare's links, behind a failover) is
 * counted all the same. */
#ifndef LPC_RUN_SWARM_COVERAGE_H
#define LPC_RUN_SWARM_COVERAGE_H

#include <stdio.h>
#include "harness/run/ledger.h"
#include "harness/run/scenario.h"

enum swarm_class {
	SWARM_CHIP,
	SWARM_NODE,
	SWARM_C2C_NODE,
	SWARM_C2C_RACK,
	SWARM_C2C_POD,
	SWARM_ETHERNET,
	SWARM_PDU,
	SWARM_FAN,
	SWARM_RACK,
	SWARM_POOL,
	SWARM_TRAFFIC,
	SWARM_FRONTEND,
	SWARM_CLASSES
};

const char *swarm_class_name(enum swarm_class c); /* "chip", "c2c-node" … */

struct swarm_cover {
	unsigned reachable; /* set of 1 << phase */
	uint64_t cells[PHASE_COUNT];
};

struct swarm_coverage {
	size_t n_kinds;
	struct swarm_cover (*e)[SWARM_CLASSES]; /* by kind of the catalogue */
	unsigned paths_reachable;               /* set of 1 << enum reached */
	uint64_t paths[REACHED_COUNT];          /* cells that took it */
};

void swarm_coverage_init(struct swarm_coverage *c, const struct scenario *s);
void swarm_coverage_free(struct swarm_coverage *c);

/* What one cell came through, as members of its open line: "coverage", [[kind, class, phases]] with
 * phases a sum of 1 inject, 2 effect, 4 detect, 8 isolate, 16 failover, 32 recover, 64 revert; and
 * "paths", an object of counts. faults: decided (recover filled in). */
void swarm_coverage_line(const struct scenario *s, const struct score_fault *faults,
        const uint64_t paths[static REACHED_COUNT], struct json_out *o);

/* Such a line again. ERR_USAGE where it is none. */
enum status swarm_coverage_fold(
        struct swarm_coverage *c, struct jval line, struct error *err) LPC_MUST_USE;

/* "coverage", "never_reached", "paths", "paths_never" as members of the open object. */
void swarm_coverage_json(const struct swarm_coverage *c, struct json_out *o);
void swarm_coverage_text(const struct swarm_coverage *c, FILE *text);

#endif
