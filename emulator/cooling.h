/* Temperatures of the nodes: what heats them, how far, and what their chips do about it. Part of
 * the rack (rack_state.h); the essay is in cooling.c. Temperatures are in thousandths of a degree
 * Celsius. */
#ifndef LPC_EMULATOR_COOLING_H
#define LPC_EMULATOR_COOLING_H

#include <stdbool.h>
#include <stdint.h>

#include "faults/sink.h"

struct rack;
struct lanes;

struct warm_node {
	int64_t from_mc, from_ns; /* it was so warm then, and has been on its way since, … */
	int64_t goal_mc;          /* to this */
	uint32_t ppm;             /* of its frame time, as the clocks were told */
	uint32_t owner;           /* the fault that heats it, or did; FAULT_NONE at rest */
	uint32_t shut;            /* the fault that made it too hot to run, FAULT_NONE */
};

/* What a fault does here and now, in order of injection. */
struct warm_fault {
	uint32_t fault, component;
	int64_t began;
	struct heat heat;
};

struct cooling {
	struct warm_node *nodes;
	struct warm_fault *faults;
	uint32_t n_faults, capacity;
	int64_t looked_at; /* last sample; -1 */
	int64_t next_at;   /* next look at the temperatures, or a neighbour is reached; NS_NEVER */
};

void cooling_create(struct rack *r);
void cooling_free(struct rack *r);

/* The verb: heat on one component (a fan, node or rack), NULL ends it. */
void cooling_set(
        struct rack *r, int64_t now, uint32_t fault, uint32_t component, const struct heat *heat);

void cooling_step(struct rack *r, int64_t now); /* at cooling.next_at */
int64_t cooling_celsius_m(const struct rack *r, int64_t now, uint32_t node); /* thousandths */
void cooling_digest(const struct rack *r, struct lanes *lanes);

#endif
