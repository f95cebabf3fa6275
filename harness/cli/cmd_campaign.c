#include "harness/cli/commands.h"
#include "harness/run/campaign_run.h"

static const char *const contingencies[] = {"n-1", "n-1-1", "n-2", NULL};

static const struct option options[] = {
        {.name = "contingency",
                .value = "n-1|n-1-1|n-2",
                .type = OPTION_CHOICE,
                .choices = contingencies,
                .offset = offsetof(struct campaign_options, contingency),
                .companion = offsetof(struct campaign_options, has_contingency),
                .help = "a cell for every loss of the deployment: alone, one after the other, in "
                        "pairs"},
        {.name = "at",
                .value = "T",
                .type = OPTION_TEXT,
                .offset = offsetof(struct campaign_options, at),
                .help = "with --contingency: when the first is lost"},
        {.name = "spacing",
                .value = "T",
                .type = OPTION_TEXT,
                .offset = offsetof(struct campaign_options, spacing),
                .help = "with --contingency n-1-1: how much later the second is lost"},
        {.name = "all",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct campaign_options, all),
                .help = "with --contingency: also what by symmetry others stand for"},
        {.name = "seeds",
                .value = "A..B",
                .type = OPTION_TEXT,
                .offset = offsetof(struct campaign_options, seeds),
                .help = "one cell for each seed from A to B"},
        {.name = "swarm",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = 100000000,
                .offset = offsetof(struct campaign_options, swarm),
                .help = "N cells of random faults, which must be recovered from"},
        {.name = "jobs",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = 1024,
                .offset = offsetof(struct campaign_options, jobs),
                .help = "cells played at once; the number of processors unless given"},
        {.name = "shard",
                .value = "i/n",
                .type = OPTION_TEXT,
                .offset = offsetof(struct campaign_options, shard),
                .help = "plays every n-th cell only, from the i-th on (i = 1…n); see merge"},
        {.name = "out",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct campaign_options, out_dir),
                .help = "where results go, DIR/<scenario>-<mode>/campaign.json; out unless given"},
        {.name = "resume",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct campaign_options, resume),
                .help = "goes on with the campaign of that directory: plays what is missing"},
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .offset = offsetof(struct campaign_options, scenario.seed),
                .companion = offsetof(struct campaign_options, scenario.has_seed),
                .help = "replaces the seed of the scenario"},
        {.name = "set",
                .value = "PATH=VALUE",
                .type = OPTION_LIST,
                .offset = offsetof(struct campaign_options, scenario.set),
                .companion = offsetof(struct campaign_options, scenario.n_set),
                .help = "edits the scenario before it is read, faults.flap.for=1s"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct campaign_options, json),
                .help = "prints each cell on stdout as it ends, and campaign.json last, a line "
                        "each"},
};

static int run(const void *args)
{
	return execute_campaign(args);
}

const struct command command_campaign = {
        .name = "campaign",
        .operands = "FILE",
        .summary = "play one scenario many times on the virtual clock",
        .about = "Plays every cell of a campaign on the virtual clock and judges them "
                 "together. What a cell found is one line of cells.jsonl; the whole is "
                 "campaign.json, bit-identical whatever the threads and shards. "
                 "docs/CAMPAIGNS.md says what is in them.\n\n"
                 "A campaign that is interrupted or killed leaves a directory that --resume "
                 "goes on with. The exit code is the first present of 1, 5, 4, 0 over "
                 "the cells.",
        .min_operands = 0,
        .max_operands = 1,
        .operands_offset = offsetof(struct campaign_options, files),
        .n_operands_offset = offsetof(struct campaign_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct campaign_options),
        .run = run,
};
