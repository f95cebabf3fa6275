#include "harness/cli/commands.h"
#include "harness/run/execute.h"

static const char *const clocks[] = {
        [RUN_CLOCK_WALL] = "wall", [RUN_CLOCK_VIRTUAL] = "virtual", NULL};

static const struct option options[] = {
        {.name = "clock",
                .value = "wall|virtual",
                .type = OPTION_CHOICE,
                .choices = clocks,
                .offset = offsetof(struct run_options, clock),
                .companion = offsetof(struct run_options, clock_given),
                .fallback = "wall",
                .help = "real sockets in real time, or the same model from event to event"},
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .offset = offsetof(struct run_options, scenario.seed),
                .companion = offsetof(struct run_options, scenario.has_seed),
                .help = "replaces the seed of every scenario"},
        {.name = "out",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct run_options, out_dir),
                .fallback = "out",
                .help = "where results go, DIR/<name>-<seed>-<clock>/result.json"},
        {.name = "set",
                .value = "PATH=VALUE",
                .type = OPTION_LIST,
                .offset = offsetof(struct run_options, scenario.set),
                .companion = offsetof(struct run_options, scenario.n_set),
                .help = "edits the scenario before it is read, faults.flap.for=1s"},
        {.name = "junit",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct run_options, junit),
                .help = "writes one JUnit report over all scenarios"},
        {.name = "attempts",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = 100,
                .offset = offsetof(struct run_options, attempts),
                .fallback = "3",
                .help = "how often an invalid wall run is tried at most; a valid one never again"},
        {.name = "samples",
                .value = "all|failed|N",
                .type = OPTION_TEXT,
                .offset = offsetof(struct run_options, samples),
                .fallback = "2000000",
                .help = "requests with a row in run.sqlite: all, those that failed, or N at most"},
        {.name = "pack",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct run_options, pack),
                .help = "puts all results into one file that others can check, FILE.tar.zst"},
        {.name = "sign-key",
                .value = "KEY",
                .type = OPTION_TEXT,
                .offset = offsetof(struct run_options, sign_key),
                .help = "signs the pack with this private key (lpuchaos keygen)"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct run_options, json),
                .help = "prints the results on stdout, one a line"},
};

static int run(const void *args)
{
	return execute_run(args);
}

const struct command command_run = {
        .name = "run",
        .operands = "FILE…",
        .summary = "run scenarios or suites and judge them",
        .about = "Runs every scenario of the files, one after the other, and judges each: SLOs, "
                 "expectations, and whether the measurement itself is to be trusted. On the wall "
                 "clock "
                 "real HTTP requests go over real sockets to the emulated rack, and a virtual run "
                 "accompanies them; on the virtual clock no socket is opened and the outcome is a "
                 "function of scenario and seed alone.\n\n"
                 "All input is checked before anything starts. An interrupted run reverts its "
                 "faults and "
                 "leaves a result that says partial. A suite goes on after a failed scenario; its "
                 "exit "
                 "code is the first present of 3, 1, 5, 4, 0. A suite may name the clock that it "
                 "is run on "
                 "where --clock is not given, and claims, which end up in "
                 "DIR/<suite>.claims.json.\n\n"
                 "With --pack the results of this command, partial ones too, are packed as "
                 "lpuchaos pack would; the exit code stays that of the runs, but 3 if the pack "
                 "cannot be written.",
        .min_operands = 1,
        .max_operands = UINT32_MAX,
        .operands_offset = offsetof(struct run_options, files),
        .n_operands_offset = offsetof(struct run_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct run_options),
        .run = run,
};
