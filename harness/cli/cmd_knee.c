#include "harness/cli/commands.h"
#include "harness/run/knee.h"

static const struct option options[] = {
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .offset = offsetof(struct knee_options, scenario.seed),
                .companion = offsetof(struct knee_options, scenario.has_seed),
                .help = "replaces the seed of the scenario"},
        {.name = "out",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct knee_options, out_dir),
                .fallback = "out",
                .help = "where the result goes, DIR/<name>-knee/knee.json"},
        {.name = "set",
                .value = "PATH=VALUE",
                .type = OPTION_LIST,
                .offset = offsetof(struct knee_options, scenario.set),
                .companion = offsetof(struct knee_options, scenario.n_set),
                .help = "edits the scenario before it is read, slo.chat-ttft.max=200ms"},
        {.name = "scenario",
                .value = "NAME",
                .type = OPTION_TEXT,
                .offset = offsetof(struct knee_options, name),
                .help = "which one of a suite; not needed where there is one only"},
        {.name = "burst",
                .value = "B",
                .type = OPTION_TEXT,
                .offset = offsetof(struct knee_options, burst),
                .help = "headroom of rho_target for B times the load; 2, or 1 where the traffic "
                        "has bursts of its own (onoff, traces)"},
        {.name = "points",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = KNEE_POINTS_MAX,
                .offset = offsetof(struct knee_options, points),
                .fallback = "10",
                .help = "loads of the curve from rho 0.1 to 0.95, beside those around the knee"},
        {.name = "requests",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1000,
                .max = 10000000,
                .offset = offsetof(struct knee_options, requests),
                .fallback = "25000",
                .help = "of one run; four times as many halve the interval (traces and ramps are "
                        "played as they are)"},
        {.name = "jobs",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = KNEE_JOBS_MAX,
                .offset = offsetof(struct knee_options, jobs),
                .help = "threads; one a processor when left out; the result is the same"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct knee_options, json),
                .help = "prints the result on stdout"},
};

static int run(const void *args)
{
	return knee_run(args);
}

const struct command command_knee = {
        .name = "knee",
        .operands = "FILE",
        .summary = "find the largest load that keeps every SLO",
        .about =
                "Plays the scenario on the virtual clock at ever other loads (a factor on all its "
                "rates) and finds the largest that keeps every SLO: for the healthy rack, and with "
                "each fault of the file in force throughout. The answer is an interval from the "
                "largest load proven to pass to the smallest proven to fail, each by the 99 % "
                "verdict on percentiles, with an estimate between them, as requests/s and as rho "
                "of "
                "the bucket that is loaded most. The curve shows latency, goodput and refusals "
                "against rho beside queueing theory (M/D/k, Allen-Cunneen, Kingman), and "
                "rho_target is the load to plan with: the knee less headroom for bursts, for the "
                "loss of an instance and for the worst fault of the file. docs/KNEE.md has the "
                "formulas.\n\n"
                "A scenario without SLOs is refused. Exit code 0 when the healthy rack has a knee, "
                "4 when it has none between rho 0.02 and 8. An interrupted search writes nothing.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct knee_options, files),
        .n_operands_offset = offsetof(struct knee_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct knee_options),
        .run = run,
};
