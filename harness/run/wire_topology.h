/* The audit topology (reports/audit_topology.h) of what a deployment says on the wire: which rack
 * and pod its components are in, as the emulator names and addresses them (harness/base/wire.h),
 * and the classes of its messages. With it `lpuchaos audit` reads a run's capture as the run does.
 */
#ifndef LPC_RUN_WIRE_TOPOLOGY_H
#define LPC_RUN_WIRE_TOPOLOGY_H

#include <stdbool.h>
#include "emulator/deployment.h"
#include "harness/base/json.h"

/* One object. scope_pod: what critical packets must not leave is the pod, not the rack. */
void wire_topology(const struct deployment *d, bool scope_pod, struct json_out *o);

#endif
