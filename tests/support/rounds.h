/* How many random cases a test plays: all of them where numbers are proven, fewer where each is
 * dear (the sanitizers), as the environment's PROPERTY_PART says: 4 plays a quarter. Of anything
 * there is at least one. */
#ifndef LPC_TESTS_SUPPORT_ROUNDS_H
#define LPC_TESTS_SUPPORT_ROUNDS_H

#include <stdlib.h>

static inline int rounds(int all)
{
	const char *text = getenv("PROPERTY_PART");
	long part = text ? strtol(text, NULL, 10) : 1;

	return part > 1 ? (int)((all + part - 1) / part) : all;
}

#endif
