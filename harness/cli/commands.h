/* The table of commands, and what they share. */
#ifndef LPC_CLI_COMMANDS_H
#define LPC_CLI_COMMANDS_H

#include "harness/cli/options.h"

/* In the order of the help text; NULL-terminated. */
extern const struct command *const commands[];

extern const struct command command_run, command_plan, command_emulate, command_compile,
        command_faults, command_doctor, command_explain, command_campaign, command_merge,
        command_help, command_shrink, command_knee, command_audit, command_relay, command_keygen,
        command_pack, command_verify, command_report;

extern const struct command command_compare;

/* NULL if there is none of that name; then err names the nearest. */
const struct command *commands_find(const char *name, struct error *err);

/* Prints the error as one line on stderr, behind the program's name unless it names a file itself.
 * Returns the exit code. */
int commands_fail(const struct error *err);

/* Flushes stdout. A reader that went away is no failure of ours; anything else (a full disk) is:
 * then it says so and returns ERR_ENVIRONMENT instead of code. */
int commands_finish(int code);

#endif
