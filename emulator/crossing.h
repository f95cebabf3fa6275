/* Critical paths that lead from rack to rack as deployed, and the same deployment with such hops
 * taking no time: what a run is held against to say what its position costs.
 *
 * A hop counts as crossing by the ends of its link, whatever it is: a C2C cable of a pod or
 * Ethernet. Pure; deployments were parsed, and are only read. */
#ifndef LPC_EMULATOR_CROSSING_H
#define LPC_EMULATOR_CROSSING_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/deployment.h"

struct crossing {
	uint32_t instances; /* that lie across racks */
	uint32_t hops;      /* from rack to rack of one frame; the most of an instance */
	uint32_t ethernet;  /* of those, over Ethernet */
	bool stated;        /* the frame of one of them is stated, not compiled (see below) */
};

struct crossing crossing_of(const struct deployment *d);

/* A copy that borrows everything but its frames. What a compiled frame spends on the crossing hops
 * of the pool's longest path is taken off, as the compiler put it on; never below what a stage
 * needs to serve all slots. A stated frame is taken to hold what the hardware and "ethernet" say of
 * such hops (an assumption: whoever stated it measured it over this path). Slots and prompt tokens
 * a frame stay. */
void crossing_free(const struct deployment *d, struct deployment *out);

#endif
