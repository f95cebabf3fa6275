#include "harness/cli/commands.h"
#include "harness/run/verify.h"

static const struct option options[] = {
        {.name = "key",
                .value = "PUB",
                .type = OPTION_TEXT,
                .offset = offsetof(struct verify_command, key),
                .help = "the public key that every statement must be signed with; default: the "
                        "pack's own, which says nothing of who signed"},
        {.name = "replay",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct verify_command, replay),
                .help = "plays the runs again on the virtual clock, and compares digests and "
                        "figures"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct verify_command, json),
                .help = "prints what was found and answered on stdout, as one line"},
};

static int run(const void *args)
{
	return execute_verify(args);
}

const struct command command_verify = {
        .name = "verify",
        .operands = "PACK",
        .summary = "check an evidence pack",
        .about = "Unpacks PACK into a folder of its own, which is gone afterwards, and checks that "
                 "it is whole, that its statements are signed and agree with its files, that every "
                 "file is what its schema says, that plan, scenario and inputs belong together, "
                 "and that the data give the result that is claimed. Names each defect, one a "
                 "line.\n\n"
                 "Exit code 0 if the pack is in order, whatever the verdict of its runs; 1 for any "
                 "defect, and for what is no pack; 2 if PACK or the key cannot be read. "
                 "docs/EVIDENCE.md has the list of defects.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct verify_command, files),
        .n_operands_offset = offsetof(struct verify_command, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct verify_command),
        .run = run,
};
