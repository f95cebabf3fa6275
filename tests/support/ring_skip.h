/* Tests that need a real ring: exit code 77 with the reason where io_uring is refused. */
#ifndef LPC_TESTS_RING_SKIP_H
#define LPC_TESTS_RING_SKIP_H

#include <stdbool.h>
#include <stdio.h>
#include "harness/net/ring.h"

enum { EXIT_SKIPPED = 77 };

static inline bool ring_is_refused(void)
{
	struct ring_check checks[RING_CHECKS_MAX];

	(void)ring_probe(checks);
	if (!checks[0].ok)
		printf("skipped: %s\n", checks[0].detail);
	return !checks[0].ok;
}

#endif
