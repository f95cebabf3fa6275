#include "harness/cli/commands.h"
#include "harness/cli/help.h"

struct help_args {
	const char *const *topics;
	uint32_t n_topics;
	bool markdown, man;
};

static const struct option options[] = {
        {.name = "markdown",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct help_args, markdown),
                .help = "print all of it as docs/CLI.md"},
        {.name = "man",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct help_args, man),
                .help = "print all of it as the man page lpuchaos.1"},
};

static int run(const void *args)
{
	const struct help_args *a = args;
	struct error err = ERROR_INIT;
	const struct command *command;

	if (a->markdown) {
		help_markdown(stdout);
	} else if (a->man) {
		help_man(stdout);
	} else if (a->n_topics == 0) {
		help_overview(stdout);
	} else {
		command = commands_find(a->topics[0], &err);
		if (!command)
			return commands_fail(&err);
		help_command(stdout, command);
	}
	return 0;
}

const struct command command_help = {
        .name = "help",
        .operands = "[COMMAND]",
        .summary = "tell what a command does and which options it takes",
        .about = "Prints the list of commands, or everything about one of them.",
        .max_operands = 1,
        .operands_offset = offsetof(struct help_args, topics),
        .n_operands_offset = offsetof(struct help_args, n_topics),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct help_args),
        .run = run,
};
