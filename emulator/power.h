/* The feeds of the racks: which node hangs on which PDU and what that carries, breakers that trip
 * on overload, nodes that go dark and boot again. Part of the rack (rack_state.h); the essay is in
 * power.c.
 *
 * Loads are integers in milliwatts, so that "above the limit" has no rounding. */
#ifndef LPC_EMULATOR_POWER_H
#define LPC_EMULATOR_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "faults/sink.h"

struct rack;

enum power_state {
	POWER_ON,
	POWER_DARK,   /* no live feed */
	POWER_STAGED, /* a feed is back: waits for its turn */
	POWER_BOOTS,
};

struct power_node {
	enum power_state state;
	int64_t at_ns; /* POWER_STAGED: powered up; POWER_BOOTS: usable */
};

struct power_pdu {
	uint32_t opened;    /* faults that hold its breaker open */
	uint32_t tripped;   /* by an overload that this fault caused, FAULT_NONE */
	int64_t load_mw;    /* what it carries */
	int64_t over_since; /* overloaded from this instant, NS_NEVER if it is not */
	uint32_t over_by;   /* the fault that caused it */
};

enum power_deed { POWER_OPENS, POWER_LOADS, POWER_SKEWS };

/* What a fault does here and now, in order of injection. */
struct power_fault {
	uint32_t fault, component;
	enum power_deed deed;
	enum detection how; /* dark nodes of its doing are found */
	int64_t amount;     /* POWER_LOADS: mW a node; POWER_SKEWS: ppm on the fullest phase */
};

struct power {
	struct power_node *nodes;
	struct power_pdu *pdus; /* over all racks */
	uint32_t n_pdus;
	struct power_fault *faults;
	uint32_t n_faults, capacity;
	uint32_t n_tripped; /* PDUs with `tripped` */
	int64_t *turn_at;   /* by rack: nobody is powered up before */
	int64_t next_at;    /* next trip, power-up or end of a boot; NS_NEVER */
};

void power_create(struct rack *r);
void power_free(struct rack *r);

/* The verbs: a deed of one fault on one component begins and ends. */
void power_begin(struct rack *r, int64_t now, const struct power_fault *f);
void power_end(struct rack *r, int64_t now, uint32_t fault, uint32_t component);
/* The fault is over: breakers that tripped because of it are reset. */
void power_reverted(struct rack *r, int64_t now, uint32_t fault);

/* A node that has a feed but was shut down, and is lost for that: powered up in its turn. */
void power_boot(struct rack *r, int64_t now, uint32_t node);

void power_step(struct rack *r, int64_t now); /* at power.next_at */
struct lanes;
void power_digest(const struct rack *r, struct lanes *lanes);

#endif
