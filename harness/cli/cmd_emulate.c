#include "harness/cli/commands.h"
#include "harness/run/execute.h"

static const char *const links[] = {"all", "in-rack", "cross-rack", NULL};

static const struct option options[] = {
        {.name = "listen",
                .value = "ADDRESS:PORT",
                .type = OPTION_TEXT,
                .offset = offsetof(struct emulate_options, listen),
                .fallback = "127.0.0.1:8000",
                .help = "where to serve; port 0 takes a free one, which is printed"},
        {.name = "faults",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct emulate_options, faults),
                .help = "an array of faults, timed from the start of the server"},
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .fallback = "1",
                .offset = offsetof(struct emulate_options, seed),
                .companion = offsetof(struct emulate_options, has_seed),
                .help = "for the draws of those faults"},
        {.name = "mirror",
                .value = "FILE|INTERFACE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct emulate_options, mirror),
                .help = "show what moves between components, as a switch's mirror port would: to "
                        "the "
                        "interface of that name, else to a capture file"},
        {.name = "mirror-every",
                .value = "N",
                .type = OPTION_COUNT,
                .offset = offsetof(struct emulate_options, mirror_every),
                .min = 1,
                .max = INT32_MAX,
                .fallback = "64",
                .help = "of one request in so many, the first one included"},
        {.name = "mirror-links",
                .value = "all|in-rack|cross-rack",
                .type = OPTION_CHOICE,
                .choices = links,
                .offset = offsetof(struct emulate_options, mirror_links),
                .fallback = "all",
                .help = "of all moves, or of those whose ends lie in one rack, or in two"},
        {.name = "mirror-from",
                .value = "RACK",
                .type = OPTION_TEXT,
                .offset = offsetof(struct emulate_options, mirror_from),
                .help = "of what the components of this rack send (r0), not of all"},
};

static int run(const void *args)
{
	return execute_emulate(args);
}

const struct command command_emulate = {
        .name = "emulate",
        .operands = "DEPLOYMENT",
        .summary = "serve an emulated rack as an OpenAI-compatible server",
        .about = "Serves chat and text completions, models, health and metrics from the rack that "
                 "the "
                 "deployment describes, streaming tokens at the instants its timetable gives. It "
                 "listens "
                 "on loopback unless told otherwise and stops at SIGINT or SIGTERM.\n\n"
                 "With --mirror every move of data of the sampled requests from chip to chip and "
                 "from node to node, and what the control plane says, goes out as packets "
                 "(docs/WIRE.md), for `lpuchaos audit` and every other program that reads "
                 "captures. Many streams at once move more than a disk takes: what the mirror "
                 "cannot keep up with is left out and counted, and no answer waits for it.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct emulate_options, files),
        .n_operands_offset = offsetof(struct emulate_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct emulate_options),
        .run = run,
};
