/* A path is gone and routing finds another: nothing gets through, then all of it at once, then a
 * detour until the best path is back. One reconvergence per injection; `every` makes it a flapping
 * route. */
#include "faults/kinds.h"

#include <stdio.h>

struct ethernet_reconverge {
	int64_t outage_ns, settle_ns, extra_ns;
};

#define KEY(key, member, ...)                                                                      \
	{                                                                                          \
		.name = key, .type = FIELD_DURATION,                                               \
		.offset = offsetof(struct ethernet_reconverge, member), .label = "assumption",     \
		.unit = "ns", __VA_ARGS__                                                          \
	}

static const struct field FIELDS[] = {
        KEY("outage", outage_ns, .fallback = "\"1s\"", .flags = FIELD_EXCLUSIVE_MIN,
                .max = 3600 * NS_PER_S, .help = "how long nothing gets through",
                .source = "link-state routing with default timers; fast reroute takes 50 ms, BGP "
                          "minutes: sweep it"),
        KEY("settle", settle_ns, .fallback = "\"5s\"", .max = 24 * 3600 * NS_PER_S,
                .help = "how long the detour is taken after that",
                .source = "default hold-down before the best path is used again; sweep it"),
        KEY("extra", extra_ns, .fallback = "\"2ms\"", .max = 60 * NS_PER_S,
                .help = "delay of the detour, each message",
                .source = "two or three more hops with some queue; sweep it"),
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct ethernet_reconverge *p = m->params;
	const struct ether_delay d = {.outage_ns = p->outage_ns,
	        .settle_ns = p->settle_ns,
	        .settle_extra_ns = p->extra_ns};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->ether_delay(sink->ctx, now, m->fault, m->targets[i], &d);
	m->holding = true;
}

static void note(const void *params, char *buf, size_t n)
{
	const struct ethernet_reconverge *p = params;

	(void)snprintf(buf, n, "nothing gets through for %.3g ms, then %.3g ms more for %.3g s",
	        (double)p->outage_ns / 1e6, (double)p->extra_ns / 1e6, (double)p->settle_ns / 1e9);
}

const struct fault_kind fault_ethernet_reconverge = {
        .name = "ethernet.reconverge",
        .help = "routing reconverges: an outage, then a detour",
        .effect = "All messages sent during the outage are repeated after ethernet.rto_min, twice "
                  "that, … until one finds the link up, so tokens come late and in a burst; then "
                  "every message takes the extra delay until it has settled. A frame whose path "
                  "crosses the link waits likewise; downloads from the registry (eth.ingress) "
                  "stand still in the outage. What is sent in the outage is repeated as if the "
                  "outage lasted as long as planned, also if the fault is reverted sooner.",
        .detection = "not detected: the routers repair it",
        .revert_text = "the best path carries what is sent from now on",
        .targets = FAULT_TARGET_ETHERNET,
        .default_target = "eth.ingress",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "ethernet.reconverge",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct ethernet_reconverge),
        .note = note,
        .example = "{\"id\": \"reroute\", \"kind\": \"ethernet.reconverge\", \"target\": "
                   "\"eth.ingress\", \"at\": \"20s\", \"for\": \"10s\", \"outage\": \"1s\", "
                   "\"settle\": \"5s\", \"extra\": \"2ms\"}",
        .inject = inject,
        .revert = fault_ether_delay_end,
};
