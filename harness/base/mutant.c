#include "harness/base/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANT_NAME(id, name, test, help) name,
static const char *const names[] = {"", MUTANTS(MUTANT_NAME)};
#undef MUTANT_NAME

enum mutant mutant_awake = MUTANT_NONE;

static void __attribute__((constructor)) wake(void)
{
	const char *name = getenv("LPUCHAOS_MUTANT");
	int i = 0;

	if (!name)
		return;
	while (i < MUTANT_COUNT && strcmp(names[i], name) != 0)
		i++;
	if (i == MUTANT_COUNT) {
		(void)fprintf(
		        stderr, "LPUCHAOS_MUTANT: expected a planted defect, found '%s'\n", name);
		_Exit(2);
	}
	mutant_awake = (enum mutant)i;
}
