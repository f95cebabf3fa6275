/* The management network to a rack is down. Serving goes over another network and goes on; what
 * needs orders from outside the rack waits. */
#include "faults/kinds.h"

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->control_lapse(sink->ctx, now, m->fault, m->targets[i], LAPSE_CUT, 0);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->control_back(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_ethernet_partition = {
        .name = "ethernet.partition",
        .help = "the control plane is cut off from a rack",
        .effect = "What breaks in the rack is found there, but the order to evict a node does not "
                  "come through: it is given when the rack is reached again, or "
                  "health.autonomy after the detection by the rack's own controller, where the "
                  "deployment has one; without, failover takes as long as the partition. Orders "
                  "given before are carried out. Requests and tokens go over another network. By "
                  "itself it does no harm: it takes effect with the first heartbeat (poll) that "
                  "is missed.",
        .detection = "the rack counts as unreachable health.timeout after the first heartbeat that "
                     "is missed",
        .revert_text = "the rack is reached again; orders that waited are given at once",
        .targets = FAULT_TARGET_RACK,
        .default_target = "all",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = 1u << PHASE_DETECT,
        .exclusive = "ethernet.partition",
        .example = "{\"id\": \"cut\", \"kind\": \"ethernet.partition\", \"target\": \"r0\", "
                   "\"at\": \"20s\", \"for\": \"20s\"}",
        .inject = inject,
        .revert = revert,
};
