/* The last words of a broken program: one line to fd 2 by write(2), which needs no buffer, lock or
 * heap that the bug may have ruined, then abort(), which leaves a core. */
#include "harness/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local const struct check_witness *witness;

void check_watch(const struct check_witness *w)
{
	witness = w;
}

_Noreturn void check_failed(const char *file, int line, const char *expr)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s:%d: check failed: %s\n", file, line, expr);

	if (n > 0) {
		size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
		ssize_t written = write(STDERR_FILENO, text, len);

		(void)written; /* nothing is left to be done about it */
	}
	if (witness) {
		const struct check_witness *w = witness;

		witness = NULL;
		w->testify(w->ctx);
	}
	abort();
}
