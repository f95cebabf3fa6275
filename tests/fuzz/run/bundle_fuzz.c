/* Any bytes as the bundle of a scenario, which comes with an evidence pack from anybody: refused
 * with one line, or a scenario with a plan. */
#include <stdlib.h>
#include <string.h>
#include "harness/run/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct scenario *s = NULL;
	char line[2048];

	if (scenario_from_plan((const char *)data, size, &s, &err)) {
		CHECK(err.code == ERR_USAGE && s == NULL);
		CHECK(error_format(&err, line, sizeof(line)) > 0 && strchr(line, '\n') == NULL);
		return 0;
	}
	CHECK(s->plan_json != NULL);
	scenario_free(s);
	return 0;
}
