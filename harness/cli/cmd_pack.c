#include "harness/cli/commands.h"
#include "harness/run/packing.h"

static const struct option options[] = {
        {.name = "out",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct pack_options, out),
                .help = "where to write the pack (default: DIR.tar.zst, beside DIR)"},
        {.name = "sign-key",
                .value = "KEY",
                .type = OPTION_TEXT,
                .offset = offsetof(struct pack_options, sign_key),
                .help = "signs the pack with this private key (lpuchaos keygen)"},
};

static int run(const void *args)
{
	return execute_pack(args);
}

const struct command command_pack = {
        .name = "pack",
        .operands = "DIR",
        .summary = "put results into one file that others can check",
        .about = "Packs the directory of a run or of a campaign, or one that holds several of "
                 "them (out), with the digest of every file: a tar archive compressed with zstd. "
                 "With --sign-key it also says, signed, what was tested, with which inputs and "
                 "with what outcome, and which files belong to it. The same files and the same "
                 "key make the same bytes.\n\n"
                 "Links and special files are refused (exit code 2), and so is a directory "
                 "without a result; a pack that cannot be written is exit code 3, and then no "
                 "part of it is left. docs/EVIDENCE.md has the layout, and how to check a pack "
                 "without this program.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct pack_options, dirs),
        .n_operands_offset = offsetof(struct pack_options, n_dirs),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct pack_options),
        .run = run,
};
