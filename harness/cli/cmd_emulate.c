#include "harness/cli/commands.h"
#include "harness/run/execute.h"

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
                 "on loopback unless told otherwise and stops at SIGINT or SIGTERM.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct emulate_options, files),
        .n_operands_offset = offsetof(struct emulate_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct emulate_options),
        .run = run,
};
