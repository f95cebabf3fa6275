/* What a fault's target means in this deployment and this traffic: the answer side of
 * faults/schedule.h. */
#ifndef LPC_RUN_TARGETS_H
#define LPC_RUN_TARGETS_H

#include "emulator/deployment.h"
#include "faults/schedule.h"
#include "workloads/traffic.h"

struct target_context {
	const struct deployment
	        *deployment; /* NULL: a target URL without one; then only traffic answers */
	const struct traffic_spec *traffic;
};

/* Borrows the context. Words besides names: `all`; `critical_path`, what the instances' paths are
 * made of; `spare`, nodes (or their chips) of no instance; `busiest`, the component on the most
 * paths, the lowest of equals, or the traffic entry of the highest mean rate; `domain:NAME`, what
 * lies inside a rack or node, or is fed by a PDU. */
struct target_resolver targets_resolver(struct target_context *context);

/* How many instances' paths, as deployed, each component lies on; by component id, in the arena. A
 * chip counts with its node; eth.ingress, which every request passes, with every instance. */
uint32_t *targets_uses(const struct deployment *deployment, struct arena *arena);

#endif
