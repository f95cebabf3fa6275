/* Help in three forms, all from the tables of commands.h: text for terminals, Markdown for
 * docs/CLI.md, and roff for lpuchaos.1. */
#ifndef LPC_CLI_HELP_H
#define LPC_CLI_HELP_H

#include <stdio.h>
#include "harness/cli/options.h"

void help_overview(FILE *out);                               /* `lpuchaos help` */
void help_command(FILE *out, const struct command *command); /* `lpuchaos help COMMAND` */
void help_markdown(FILE *out);
void help_man(FILE *out);

#endif
