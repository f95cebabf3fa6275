/* Any bytes as a scenario: they are refused with one line or become a plan; never a crash, never a
 * file opened (the set is sealed), never memory lost. What became a plan survives the way to the
 * emulator's process. */
#include <stdlib.h>
#include <string.h>
#include "harness/run/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct error *err)
{
	char line[2048];

	CHECK(err->code == ERR_USAGE);
	CHECK(error_format(err, line, sizeof(line)) > 0);
	CHECK(strchr(line, '\n') == NULL);
}

static void check_journey(const struct scenario *s)
{
	struct error err = ERROR_INIT;
	struct scenario *twin;
	size_t n;
	char *bundle = scenario_bundle(s, &n);

	CHECK(scenario_from_plan(bundle, n, &twin, &err) == ERR_NONE);
	CHECK(memcmp(s->plan_digest, twin->plan_digest, DIGEST_BYTES) == 0);
	mem_free(bundle);
	scenario_free(twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct scenario *s;
	struct json *doc;

	if (json_parse("fuzz.json", (const char *)data, size, &doc, &err)) {
		check_refusal(&err);
		return 0;
	}
	if (scenario_build(doc, files_new(true), &s, &err)) {
		check_refusal(&err);
		return 0;
	}
	check_journey(s);
	scenario_free(s);
	return 0;
}
