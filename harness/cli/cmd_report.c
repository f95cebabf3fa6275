#include "harness/cli/commands.h"
#include "harness/run/report.h"

struct report_args {
	const char *const *operands; /* DIR */
	uint32_t n_operands;
};

static int run(const void *args)
{
	const struct report_args *a = args;

	return report_run(a->operands[0]);
}

const struct command command_report = {
        .name = "report",
        .operands = "DIR",
        .summary = "make the page of a result again",
        .about = "Writes DIR/report.html from the other files of DIR: of a run, or of a knee. The "
                 "page is one file that opens from disk without a network; a run writes it at its "
                 "end by itself. What is in it is told in docs/REPORT.md.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct report_args, operands),
        .n_operands_offset = offsetof(struct report_args, n_operands),
        .args_size = sizeof(struct report_args),
        .run = run,
};
