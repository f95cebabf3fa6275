#include "harness/cli/commands.h"
#include "harness/run/execute.h"

static const struct option options[] = {
        {.name = "a",
                .value = "INTERFACE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct relay_options, a),
                .help = "one end, required"},
        {.name = "b",
                .value = "INTERFACE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct relay_options, b),
                .help = "the other end, required"},
        {.name = "faults",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct relay_options, faults),
                .help = "an array of ethernet faults, timed from the start; any target is this "
                        "link"},
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .fallback = "1",
                .offset = offsetof(struct relay_options, seed),
                .companion = offsetof(struct relay_options, has_seed),
                .help = "for the draws of those faults"},
        {.name = "for",
                .value = "DURATION",
                .type = OPTION_TEXT,
                .offset = offsetof(struct relay_options, for_),
                .help = "how long to forward, 30s; until SIGINT or SIGTERM when left out"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct relay_options, json),
                .help = "prints what was forwarded on stdout, one line at the end"},
};

static int run(const void *args)
{
	return execute_relay(args);
}

const struct command command_relay = {
        .name = "relay",
        .operands = "",
        .summary = "forward packets between two interfaces, with the faults of a link",
        .about =
                "Forwards Ethernet frames between two interfaces, both ways, and does to them what "
                "the faults of a link do: ethernet.jitter, loss, congestion, reconverge and "
                "partition, by the laws and the draws of the model. A packet that is lost is "
                "dropped, so it is the machines at both ends that send it again. The order of a "
                "direction is kept. Where tc netem is missing, this is its stand-in.\n\n"
                "It needs CAP_NET_RAW while it opens the interfaces, as root has it, or whoever "
                "is in network namespaces of his own (unshare -Urn), and gives up all "
                "privileges then. SIGINT and SIGTERM end it with exit code 0: faults are "
                "reverted, and it says what it forwarded, delayed and dropped, and how late it "
                "was itself.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct relay_options),
        .run = run,
};
