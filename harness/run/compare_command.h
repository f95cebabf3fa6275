/* What the command compare does once its options are read (as execute.h): returns the program's
 * exit code and has by then reported. All texts are borrowed from argv. */
#ifndef LPC_RUN_COMPARE_COMMAND_H
#define LPC_RUN_COMPARE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

struct compare_command {
	const char *const *sides; /* BASE and NEW */
	uint32_t n_sides;
	const char *tolerance, *confidence; /* "2%", 0.02 */
	const char *markdown;               /* file, "-" = stdout, NULL = none */
	const char *junit;
	bool json; /* on stdout, on one line */
};

/* 0 no regression, 1 regressions, 2 bad input or nothing to compare, 3 environment, 4 nothing can
 * be said. */
int execute_compare(const struct compare_command *command);

#endif
