/* A cable that is cut or pulled: the link is down from the injection until somebody sees to it. How
 * long that takes is the whole of it: shorter than health.persist the instance stalls and replays
 * a frame, longer and the node is evicted. */
#include "faults/kinds.h"

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_down(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_up(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_link_down = {
        .name = "link.down",
        .help = "a C2C link is down for as long as the fault lasts",
        .effect = "Every frame of an instance whose path uses the link fails. Up again before "
                  "health.persist, the instance waits for the detection and replays one frame: its "
                  "requests stall for the time down, the detection and the repeated frame. Down "
                  "for longer, one end of the cable is evicted to the spare: the end with more "
                  "suspicions, in a tie the higher index.",
        .detection = "flagged by the uncorrectable error at the end of the current frame",
        .revert_text = "the link is up; suspicions it caused are forgotten, the node it had "
                       "evicted can be used again",
        .targets = FAULT_TARGET_C2C_LINK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "link",
        .example = "{\"id\": \"cut\", \"kind\": \"link.down\", \"target\": \"r0.n0-r0.n1.0\", "
                   "\"at\": \"20s\", \"for\": \"20s\"}",
        .inject = inject,
        .revert = revert,
};
