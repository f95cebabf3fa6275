#include "harness/cli/commands.h"
#include "harness/run/campaign_run.h"

static const struct option options[] = {
        {.name = "out",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct merge_options, out_dir),
                .fallback = "out",
                .help = "where the result goes, DIR/<scenario>-<mode>/"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct merge_options, json),
                .help = "prints the merged campaign.json on stdout, on one line"},
};

static int run(const void *args)
{
	return execute_merge(args);
}

const struct command command_merge = {
        .name = "merge",
        .operands = "DIR…",
        .summary = "unite the directories of one campaign's shards",
        .about = "Each DIR is a campaign's directory: of a shard, or of a campaign that was "
                 "broken off. All must be of the same plan. A cell that several of them have "
                 "must say the same in each. The result is what one unsharded campaign "
                 "would have left, to the bit.\n\n"
                 "Cells that are missing are named; with any of them missing the verdict is "
                 "inconclusive unless it is fail. lpuchaos campaign --resume plays them.",
        .min_operands = 1,
        .max_operands = 512,
        .operands_offset = offsetof(struct merge_options, dirs),
        .n_operands_offset = offsetof(struct merge_options, n_dirs),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct merge_options),
        .run = run,
};
