/* `verify`: an evidence pack that somebody hands over, from the archive down to the verdict.
 * docs/EVIDENCE.md has the checks and the names of the defects. */
#ifndef LPC_RUN_VERIFY_H
#define LPC_RUN_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

struct verify_command {
	const char *const *files; /* exactly one: the pack */
	uint32_t n_files;
	const char *key; /* the public key that must have signed it; NULL: any */
	bool replay;     /* play the runs again, too */
	bool json;       /* what was found, on stdout, as one line */
};

/* Text on stderr. Returns the exit code: 0 in order, 1 a defect, 2 no such file or key, 3 cannot be
 * unpacked here, 130 and 143 interrupted. */
int execute_verify(const struct verify_command *options);

#endif
