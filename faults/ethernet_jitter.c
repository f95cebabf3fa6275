/* Late and uneven messages on an Ethernet link, in netem's words: delay TIME [JITTER [CORR%]]
 * [distribution]. The draws are made where the messages are, by message and not here; this file
 * only says by which law. */
#include "faults/kinds.h"
#include "harness/base/mathx.h"

#include <stdio.h>

struct ethernet_jitter {
	int64_t delay_ns, jitter_ns;
	double correlation;
	int distribution; /* enum delay_distribution */
};

static const char *const DISTRIBUTIONS[] = {"uniform", "normal", "pareto", "paretonormal", NULL};

#define KEY(key, member, kind, ...)                                                                \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct ethernet_jitter, member),     \
		.label = "assumption", __VA_ARGS__                                                 \
	}

static const struct field FIELDS[] = {
        KEY("delay", delay_ns, FIELD_DURATION, .fallback = "\"5ms\"", .max = 60 * NS_PER_S,
                .unit = "ns", .help = "added to every message",
                .source = "a congested datacentre path; sweep it"),
        KEY("jitter", jitter_ns, FIELD_DURATION, .fallback = "\"2ms\"", .max = 60 * NS_PER_S,
                .unit = "ns", .help = "how far the delay varies to either side",
                .source = "a congested datacentre path; sweep it"),
        KEY("correlation", correlation, FIELD_PERCENT, .fallback = "\"25%\"", .unit = "share",
                .help = "how much of a delay is that of the message before",
                .source = "the value that netem's manual uses in its examples"),
        KEY("distribution", distribution, FIELD_ENUM, .fallback = "\"normal\"",
                .choices = DISTRIBUTIONS, .help = "law of the variation",
                .source = "netem's tables; its own default is uniform"),
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct ethernet_jitter *p = m->params;
	const struct ether_delay d = {.delay_ns = p->delay_ns,
	        .jitter_ns = p->jitter_ns,
	        .correlation = p->correlation,
	        .distribution = (enum delay_distribution)p->distribution};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->ether_delay(sink->ctx, now, m->fault, m->targets[i], &d);
	m->holding = true;
}

/* A correlated value is corr * last + (1 - corr) * fresh: of the fresh deviation sqrt((1-c)/(1+c))
 * is left. */
static void note(const void *params, char *buf, size_t n)
{
	const struct ethernet_jitter *p = params;
	double sd = (double)p->jitter_ns / 1e6;

	if (p->distribution == DELAY_UNIFORM)
		sd /= mathx_sqrt(3);
	sd *= mathx_sqrt((1 - p->correlation) / (1 + p->correlation));
	snprintf(buf, n, "%s delay with a standard deviation of %.3g ms after correlation",
	        DISTRIBUTIONS[p->distribution], sd);
}

const struct fault_kind fault_ethernet_jitter = {
        .name = "ethernet.jitter",
        .help = "messages on an Ethernet link are late, and not evenly so",
        .effect = "Every message over the link takes the delay on top of its healthy one. On "
                  "eth.ingress that moves what the client sees and nothing in the rack; on a "
                  "link between racks every frame whose path crosses it stretches by the "
                  "slowest of the parallel lanes, for all requests of the instance.",
        .detection = "not detected: nothing in the rack is broken",
        .revert_text = "the link is as fast as before",
        .targets = FAULT_TARGET_ETHERNET,
        .default_target = "eth.ingress",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "ethernet.delay",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct ethernet_jitter),
        .note = note,
        .example = "{\"id\": \"jitter\", \"kind\": \"ethernet.jitter\", \"target\": "
                   "\"eth.ingress\", \"at\": \"20s\", \"for\": \"20s\", \"delay\": \"5ms\", "
                   "\"jitter\": \"2ms\", \"correlation\": \"25%\", \"distribution\": \"normal\"}",
        .inject = inject,
        .revert = fault_ether_delay_end,
};
