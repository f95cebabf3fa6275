/* Clients that take no answer for an answer: what is refused, fails or is late is sent again at
 * once, against the server's advice. Work that was begun for a late one is thrown away, and done
 * again from the queue's end; so a load that was just too much becomes one that stays too much
 * (Bronson et al., "Metastable failures in distributed systems", HotOS 2021). */
#include "faults/kinds.h"
#include "faults/load.h"

static const struct field FIELDS[] = {
        {.name = "retries",
                .type = FIELD_INT,
                .offset = offsetof(struct load_storm, retries),
                .fallback = "10",
                .min = 1,
                .max = 100000,
                .unit = "attempts",
                .help = "how often a request is sent again at most; more of the entry's own hold",
                .label = "assumption",
                .source = "several layers of clients that retry two or three times each"},
        {.name = "back_off",
                .type = FIELD_DURATION,
                .offset = offsetof(struct load_storm, back_off_ns),
                .fallback = "\"10ms\"",
                .max = NS_MAX,
                .unit = "ns",
                .help = "how long it waits before that; retry-after is not heeded",
                .label = "assumption",
                .source = "little: a reconnect on a local network"},
        {.name = "patience",
                .type = FIELD_DURATION,
                .offset = offsetof(struct load_storm, patience_ns),
                .fallback = "\"1s\"",
                .max = NS_MAX,
                .unit = "ns",
                .help = "without a first token for so long, an attempt sent while it is active is "
                        "given up and sent again; 0s: it waits",
                .label = "assumption",
                .source = "a few times a common limit on the time to the first token"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->storm(sink->ctx, now, m->fault, m->params);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	sink->storm(sink->ctx, now, m->fault, NULL);
	m->holding = false;
}

const struct fault_kind fault_load_retry_storm = {
        .name = "load.retry_storm",
        .help = "clients send again what is refused, fails or is late, at once",
        .effect = "While it is active an attempt that is refused (but for its length) or fails "
                  "before its first token is sent again after the back-off, whatever retry-after "
                  "says, as long as attempts and time-out allow; one without a first token after "
                  "the patience is given up, which frees its place, and lines up again. Attempts "
                  "are counted; latencies count from the first one's planned instant.",
        .detection = "not detected: nothing is broken",
        .revert_text = "clients retry as their traffic entry says; who waits for its next attempt "
                       "still makes it",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct load_storm),
        .example = "{\"id\": \"storm\", \"kind\": \"load.retry_storm\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"patience\": \"20ms\"}",
        .inject = inject,
        .revert = revert,
};
