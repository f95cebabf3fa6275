#include "harness/cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { COMMANDS_MAX = 32 };

const struct command *const commands[] = {
        &command_run,
        &command_plan,
        &command_emulate,
        &command_compile,
        &command_faults,
        &command_doctor,
        &command_explain,
        &command_report,
        &command_knee,
        &command_campaign,
        &command_merge,
        &command_shrink,
        &command_audit,
        &command_compare,
        &command_relay,
        &command_keygen,
        &command_pack,
        &command_verify,
        &command_help,
        NULL,
};

const struct command *commands_find(const char *name, struct error *err)
{
	const char *names[COMMANDS_MAX];
	const char *nearest;
	size_t n = 0;

	for (; commands[n]; n++) {
		CHECK(n < COMMANDS_MAX);
		if (strcmp(commands[n]->name, name) == 0)
			return commands[n];
		names[n] = commands[n]->name;
	}
	nearest = error_nearest(name, names, n);
	if (nearest)
		error_set(err, ERR_USAGE, "unknown command '%s', nearest is '%s'", name, nearest);
	else
		error_set(err, ERR_USAGE, "unknown command '%s', see 'lpuchaos help'", name);
	return NULL;
}

int commands_fail(const struct error *err)
{
	char line[ERROR_TEXT_MAX + ERROR_FILE_MAX + ERROR_PATH_MAX + 64];

	error_format(err, line, sizeof(line));
	fprintf(stderr, "%s%s\n", err->file[0] ? "" : "lpuchaos: ", line);
	return (int)err->code;
}

int commands_finish(int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE)
		return code;
	fprintf(stderr, "lpuchaos: cannot write to standard output: %s\n", strerror(errno));
	return ERR_ENVIRONMENT;
}
