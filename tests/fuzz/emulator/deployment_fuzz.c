/* Any bytes as a deployment: refused with its line, or taken, and then its canonical form reads
 * back to itself and every report of it can be written. Files cannot be opened here: a path is
 * refused. */
#include "emulator/compile_report.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(const struct deployment *d)
{
	char *text = compile_report_text(d);
	struct json_out o;

	json_out_init(&o, 0);
	compile_report_json(d, &o);
	json_out_free(&o);
	mem_free(text);
}

static void read_back(const struct deployment *d, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct json_out first, second;
	struct deployment again;
	struct json *doc;

	json_out_init(&first, 0);
	deployment_canonical(d, &first, NULL);
	CHECK(json_parse("canonical", first.buf, first.n, &doc, &err) == ERR_NONE);
	CHECK(deployment_parse(json_root(doc), NULL, arena, &again, &err) == ERR_NONE);
	json_out_init(&second, 0);
	deployment_canonical(&again, &second, NULL);
	CHECK(first.n == second.n && !memcmp(first.buf, second.buf, first.n));
	json_out_free(&first);
	json_out_free(&second);
	json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct deployment d;
	struct arena arena;
	struct json *doc;

	if (json_parse("input", (const char *)data, size, &doc, &err) != ERR_NONE)
		return 0;
	arena_init(&arena, 256 << 20);
	if (deployment_parse(json_root(doc), NULL, &arena, &d, &err) == ERR_NONE) {
		read_back(&d, &arena);
		report(&d);
	} else {
		CHECK(err.code == ERR_USAGE && err.line > 0 && err.col > 0);
	}
	arena_free(&arena);
	json_free(doc);
	return 0;
}
