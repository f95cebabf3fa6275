/* Clients that stop reading: a phone in a tunnel, a laptop asleep. Sockets fill, then the server's
 * queue of the stream; a server that waited for them would hold a slot for nobody, so it closes
 * them (docs/SERVER.md, emulator/serve_stream.c). */
#include "faults/client.h"
#include "faults/kinds.h"

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct client_habit, share),
                .fallback = "0.05",
                .unit = "share",
                .help = "share of the clients that stops reading",
                .label = "assumption",
                .source = "no share of stuck clients is published; sweep it"},
        {.name = "tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct client_habit, pause_tokens),
                .fallback = "4",
                .min = 1,
                .max = 16777216,
                .unit = "tokens",
                .help = "they stop when so many tokens have come and more are to come",
                .label = "assumption",
                .source = "within any answer"},
        {.name = "pause",
                .type = FIELD_DURATION,
                .offset = offsetof(struct client_habit, pause_ns),
                .fallback = "\"2s\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_MAX,
                .unit = "ns",
                .help = "how long they do not read",
                .label = "assumption",
                .source = "a short hole in a mobile network"},
        {.name = "buffered",
                .type = FIELD_INT,
                .offset = offsetof(struct client_habit, buffered),
                .fallback = "110",
                .min = 1,
                .max = 1000000,
                .unit = "tokens",
                .help = "virtual clock: unread tokens that the two sockets hold before the "
                        "server's queue of 64 begins to fill",
                .label = "inference",
                .source = "measured between this program's own server and client on loopback, "
                          "Linux 6.18, SO_SNDBUF 16 KiB, SO_RCVBUF 4 KiB: 104 to 114"},
};

const struct fault_kind fault_client_slow_reader = {
        .name = "client.slow_reader",
        .help = "a share of the clients stops reading for a while",
        .effect = "Clients of requests planned while it is active are picked by the share, each by "
                  "a draw of its own. They stop reading when their tokens have come; what comes in "
                  "the pause they read at its end. Where it is more than the sockets and the "
                  "server's queue of 64 events hold, the server closes the connection at that "
                  "event and frees the slot; the client finds its answer truncated at the end of "
                  "the pause.",
        .detection = "by the server: the 65th event that the kernel has not taken",
        .revert_text = "clients of requests planned from then on read at once",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct client_habit),
        .example = "{\"id\": \"slow\", \"kind\": \"client.slow_reader\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": 0.05, \"tokens\": 4, "
                   "\"pause\": \"2s\"}",
        .inject = fault_habit_begin,
        .revert = fault_habit_end,
};
