#include "harness/cli/commands.h"
#include "harness/run/shrink.h"

static const struct option options[] = {
        {.name = "expect",
                .value = "ID",
                .type = OPTION_TEXT,
                .offset = offsetof(struct shrink_options, expect),
                .help = "the SLO or expectation that must stay missed; default: the first one"},
        {.name = "out",
                .value = "FILE|DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct shrink_options, out),
                .help = "where the shrunk scenario goes; default: ./<name>-shrunk.json"},
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .offset = offsetof(struct shrink_options, scenario.seed),
                .companion = offsetof(struct shrink_options, scenario.has_seed),
                .help = "replaces the seed of the scenario"},
        {.name = "set",
                .value = "PATH=VALUE",
                .type = OPTION_LIST,
                .offset = offsetof(struct shrink_options, scenario.set),
                .companion = offsetof(struct shrink_options, scenario.n_set),
                .help = "edits the scenario before it is read, faults.flap.for=1s"},
        {.name = "scenario",
                .value = "NAME",
                .type = OPTION_TEXT,
                .offset = offsetof(struct shrink_options, pick),
                .help = "which one of a suite; names are those after the matrix"},
        {.name = "max-runs",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = SHRINK_RUNS_MAX,
                .offset = offsetof(struct shrink_options, max_runs),
                .fallback = "5000",
                .help = "ends the search after so many virtual runs; the best so far is written"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct shrink_options, json),
                .help = "prints one object on stdout: what was removed and changed, file, replay"},
};

static int run(const void *args)
{
	return execute_shrink(args);
}

const struct command command_shrink = {
        .name = "shrink",
        .operands = "FILE",
        .summary = "find the smallest fault list that still misses the same expectation",
        .about =
                "Runs the scenario on the virtual clock. If it misses an SLO or expectation, takes "
                "away whatever is not needed for that (delta debugging over faults, targets, "
                "traffic and rules), then makes times, durations and rates as simple as they can "
                "be, and writes what is left as a scenario of its own. A step counts only if the "
                "same expectation is missed. The same input gives the same file.\n\n"
                "Exit code 1: it is missed, and the smallest scenario was written; 0: nothing is "
                "missed, nothing is written; 4: the run does not tell; 5: an abort rule ends it. "
                "Ctrl-C ends the search and writes the best so far. See docs/SHRINK.md.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct shrink_options, files),
        .n_operands_offset = offsetof(struct shrink_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct shrink_options),
        .run = run,
};
