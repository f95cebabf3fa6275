#include "harness/cli/commands.h"
#include "harness/run/compare_command.h"

static const struct option options[] = {
        {.name = "tolerance",
                .value = "P%",
                .type = OPTION_TEXT,
                .offset = offsetof(struct compare_command, tolerance),
                .fallback = "0%",
                .help = "a worsening counts when it is surely more than this share of BASE's "
                        "value; "
                        "2% is a sensible gate"},
        {.name = "confidence",
                .value = "P%",
                .type = OPTION_TEXT,
                .offset = offsetof(struct compare_command, confidence),
                .fallback = "99%",
                .help = "of all that is said together: in 1% of comparisons at most is anything "
                        "called worse that is not"},
        {.name = "markdown",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct compare_command, markdown),
                .help = "writes the comparison as Markdown, for a job summary; - is stdout"},
        {.name = "junit",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct compare_command, junit),
                .help = "writes it as JUnit, a case for each question; - is stdout"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct compare_command, json),
                .help = "prints it on stdout, on one line"},
};

static int run(const void *args)
{
	return execute_compare(args);
}

const struct command command_compare = {
        .name = "compare",
        .operands = "BASE NEW",
        .summary = "regression gate: what got worse, by how much, and how sure that is",
        .about =
                "BASE and NEW are each a result's directory, a result.json (what lies beside it is "
                "used), a pack, an OUT directory with several results, or the directory of a "
                "campaign over "
                "--seeds. Runs are matched by scenario, seed and clock; those without a partner "
                "are named.\n\n"
                "Each SLO's percentile, p50 and p99 of TTFT, TPOT and end-to-end latency of each "
                "tier, and the shares of requests that were refused, failed or not good are "
                "compared with an interval of their difference, and judged together. A promise "
                "that held and does not any more is a regression whatever the statistics. "
                "docs/COMPARE.md has the method.\n\n"
                "Exit code 0: no regression; 1: regressions, each named with its size and "
                "confidence; 2: bad input, or nothing that can be compared; 3: a file that cannot "
                "be written; 4: nothing can be said, because a run is invalid or partial or has "
                "too few requests.",
        .min_operands = 2,
        .max_operands = 2,
        .operands_offset = offsetof(struct compare_command, sides),
        .n_operands_offset = offsetof(struct compare_command, n_sides),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct compare_command),
        .run = run,
};
