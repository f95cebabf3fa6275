/* Others' traffic on the link: episodes in which everybody queues and bulk transfers crawl. The
 * episodes are drawn where the messages are; this file only says by which law. */
#include "faults/kinds.h"

#include <stdio.h>

struct ethernet_congestion {
	int64_t busy_mean_ns, idle_mean_ns, queue_ns, jitter_ns;
	int64_t factor;
};

#define KEY(key, member, kind, ...)                                                                \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct ethernet_congestion, member), \
		.label = "assumption", __VA_ARGS__                                                 \
	}

static const struct field FIELDS[] = {
        KEY("busy_mean", busy_mean_ns, FIELD_DURATION, .fallback = "\"500ms\"",
                .min = 10 * NS_PER_MS, .max = 24 * 3600 * NS_PER_S, .unit = "ns",
                .help = "mean length of a busy episode; exponential, the first begins with the "
                        "fault",
                .source = "incast and backup traffic last for fractions of a second to minutes; "
                          "sweep it"),
        KEY("idle_mean", idle_mean_ns, FIELD_DURATION, .fallback = "\"1s\"", .min = 10 * NS_PER_MS,
                .max = 24 * 3600 * NS_PER_S, .unit = "ns",
                .help = "mean time between two of them; exponential",
                .source = "a third of the time busy; sweep it"),
        KEY("queue", queue_ns, FIELD_DURATION, .fallback = "\"10ms\"", .max = 60 * NS_PER_S,
                .unit = "ns", .help = "delay of every message in a busy episode",
                .source = "a shallow-buffered switch port holds a few ms, a deep one more"),
        KEY("jitter", jitter_ns, FIELD_DURATION, .fallback = "\"5ms\"", .max = 60 * NS_PER_S,
                .unit = "ns", .help = "how far that varies to either side, uniformly",
                .source = "half of the queue; sweep it"),
        KEY("factor", factor, FIELD_INT, .fallback = "4", .min = 1, .max = 1000, .unit = "times",
                .help = "how many times as long a bulk transfer takes in a busy episode",
                .source = "a fair share among four flows; sweep it"),
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct ethernet_congestion *p = m->params;
	const struct ether_delay d = {.delay_ns = p->queue_ns,
	        .jitter_ns = p->jitter_ns,
	        .distribution = DELAY_UNIFORM,
	        .busy_mean_ns = p->busy_mean_ns,
	        .idle_mean_ns = p->idle_mean_ns,
	        .bulk_factor = (uint32_t)p->factor};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->ether_delay(sink->ctx, now, m->fault, m->targets[i], &d);
	m->holding = true;
}

static void note(const void *params, char *buf, size_t n)
{
	const struct ethernet_congestion *p = params;
	double busy = (double)p->busy_mean_ns, idle = (double)p->idle_mean_ns;

	(void)snprintf(buf, n, "busy %.3g %% of the time; a download takes %.3g times as long",
	        100 * busy / (busy + idle), (busy + idle) / (busy / (double)p->factor + idle));
}

const struct fault_kind fault_ethernet_congestion = {
        .name = "ethernet.congestion",
        .help = "an Ethernet link fills up in episodes",
        .effect = "The link alternates between busy and idle episodes. In a busy one every message "
                  "takes the queue's delay, and a frame whose path crosses the link is late by "
                  "it. On eth.ingress, which downloads from the registry use too, a failover with "
                  "weights_from registry loads factor times more slowly in busy episodes.",
        .detection = "not detected: nothing in the rack is broken",
        .revert_text = "the link is as free as before; a download under way speeds up",
        .targets = FAULT_TARGET_ETHERNET,
        .default_target = "eth.ingress",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "ethernet.congestion",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct ethernet_congestion),
        .note = note,
        .example = "{\"id\": \"congestion\", \"kind\": \"ethernet.congestion\", \"target\": "
                   "\"eth.ingress\", \"at\": \"20s\", \"for\": \"30s\", \"queue\": \"10ms\", "
                   "\"factor\": 4}",
        .inject = inject,
        .revert = fault_ether_delay_end,
};
