/* A connector that makes and breaks: the link goes down and up in a fixed rhythm until somebody
 * reseats it. The rhythm starts with `down` at the injection, so the first frame that needs the
 * link is the first to fail. */
#include "faults/kinds.h"

struct link_flap {
	int64_t down_ns, up_ns;
};

static const struct field FIELDS[] = {
        {.name = "down",
                .type = FIELD_DURATION,
                .offset = offsetof(struct link_flap, down_ns),
                .fallback = "\"50ms\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_MAX,
                .unit = "ns",
                .help = "how long the link is down in each cycle",
                .label = "assumption",
                .source = "no rate or length of flaps is published; shorter than the time after "
                          "which a failure counts as persistent"},
        {.name = "up",
                .type = FIELD_DURATION,
                .offset = offsetof(struct link_flap, up_ns),
                .fallback = "\"200ms\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_MAX,
                .unit = "ns",
                .help = "how long it is up between two failures",
                .label = "assumption",
                .source = "no rate or length of flaps is published; several frames of any "
                          "shipped profile"},
};

static void turn_down(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct link_flap *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_down(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = true;
	m->next_at = now + p->down_ns;
}

static void turn_up(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct link_flap *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_up(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
	m->next_at = now + p->up_ns;
}

static void step(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	if (m->holding)
		turn_up(m, now, sink);
	else
		turn_down(m, now, sink);
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	if (m->holding)
		turn_up(m, now, sink);
}

const struct fault_kind fault_link_flap = {
        .name = "link.flap",
        .help = "a C2C link goes down and up again and again",
        .effect = "While the link is down, every frame of an instance whose path uses it fails and "
                  "is replayed: its requests stall for the time down, the detection and the "
                  "repeated frame. A link down for longer than health.persist, or suspected "
                  "too often within the window, has its node evicted to the spare.",
        .detection = "flagged by the uncorrectable error at the end of the current frame",
        .revert_text = "the link is up and stays up; suspicions it caused are forgotten",
        .targets = FAULT_TARGET_C2C_LINK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "link",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct link_flap),
        .example = "{\"id\": \"flap\", \"kind\": \"link.flap\", \"target\": \"r0.n0-r0.n1.0\", "
                   "\"at\": \"20s\", \"for\": \"10s\", \"down\": \"50ms\", \"up\": \"200ms\"}",
        .inject = turn_down,
        .step = step,
        .revert = revert,
};
