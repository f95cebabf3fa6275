/* The program: finds the command, reads its options, runs it. Everything else is in the commands.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/run/emulator_process.h"
#include "version.h"

enum { ARGUMENTS_BYTES_MAX = 64 << 20 };

static int run_command(const struct command *command, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct arena arena;
	void *args;
	bool help;
	int code;

	arena_init(&arena, ARGUMENTS_BYTES_MAX);
	args = arena_must(&arena, command->args_size);
	if (options_parse(command, argc, argv, &arena, args, &help, &err)) {
		code = commands_fail(&err);
	} else if (help) {
		help_command(stdout, command);
		code = 0;
	} else {
		code = command->run(args);
	}
	arena_free(&arena);
	return commands_finish(code);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	const struct command *command;

	/* A peer or a pager that goes away is an error code of that write, never the end of us. */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		help_overview(stderr);
		return ERR_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("lpuchaos %s\n", LPUCHAOS_VERSION);
		return commands_finish(0);
	}
	if (strcmp(argv[1], "--help") == 0) {
		help_overview(stdout);
		return commands_finish(0);
	}
	if (argc == 3 && strcmp(argv[1], EMULATOR_ARGUMENT) == 0) /* called by `run`: no command */
		return emulator_process((int)strtol(argv[2], NULL, 10));
	command = commands_find(argv[1], &err);
	if (!command)
		return commands_fail(&err);
	return run_command(command, argc - 2, argv + 2);
}
