/* Any bytes as a document: refused with a place, or held with every promise of json.h. What is
 * accepted must survive writing and reading, in both forms, and canonical form must be a fixed
 * point. */
#include "harness/base/json.h"
#include "harness/base/units.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json *must_parse(const char *text, size_t n)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	enum status status = json_parse("written", text, n, &doc, &err);

	CHECK(status == ERR_NONE);
	return doc;
}

static void must_survive(struct json *doc)
{
	struct json_out plain, first, second;
	struct json *again, *canonical;

	json_out_init(&plain, 1);
	json_out_value(&plain, NULL, json_root(doc), false);
	again = must_parse(plain.buf, plain.n);
	json_out_init(&first, 0);
	json_out_value(&first, NULL, json_root(again), true);
	canonical = must_parse(first.buf, first.n);
	json_out_init(&second, 0);
	json_out_value(&second, NULL, json_root(canonical), true);
	CHECK(strcmp(first.buf, second.buf) == 0);
	json_out_free(&plain);
	json_out_free(&first);
	json_out_free(&second);
	json_free(again);
	json_free(canonical);
}

/* Every reader on the members and elements of the first level, which may refuse but not fall. */
static void read_children(struct json *doc)
{
	static const struct field fields[] = {
	        {.name = "a", .type = FIELD_INT, .offset = 0, .min = 1, .max = 9},
	        {.name = "for", .type = FIELD_DURATION, .offset = 0, .fallback = "\"1s\""},
	        {.name = "p", .type = FIELD_PERCENT, .offset = 0},
	        {.name = "id", .type = FIELD_NAME, .offset = 0},
	};
	int64_t out;

	for (struct jval v = json_first(json_root(doc)); v.item; v = json_next(v)) {
		struct error err[4] = {ERROR_INIT, ERROR_INIT, ERROR_INIT, ERROR_INIT};
		char path[32];
		double real;

		json_path(v, path, sizeof(path));
		if (json_i64(v, &out, &err[0]) != ERR_NONE)
			CHECK(err[0].line > 0 && err[0].col > 0);
		if (json_real(v, &real, &err[1]) != ERR_NONE)
			CHECK(err[1].line > 0);
		if (json_duration(v, &out, &err[2]) == ERR_NONE)
			CHECK(out >= 0 && out <= NS_MAX);
		if (json_read(v, fields, ARRAY_LEN(fields), &out, &err[3]) != ERR_NONE)
			CHECK(err[3].line > 0);
	}
}

/* The document's own head as a path and as a value. */
static void edit(struct json *doc, const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	char text[64];
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	memcpy(text, data, n);
	text[n] = '\0';
	if (json_set(doc, "a", text, "--set", &err) == ERR_NONE)
		must_survive(doc);
	else
		CHECK(err.code == ERR_USAGE);
	err = (struct error)ERROR_INIT;
	if (json_set(doc, text, "{\"x\":[1]}", "--set", &err) == ERR_NONE)
		must_survive(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct json *doc, *part;

	if (json_parse("fuzz", (const char *)data, size, &doc, &err) != ERR_NONE) {
		CHECK(doc == NULL && err.code == ERR_USAGE && err.text[0] != '\0');
		return 0;
	}
	read_children(doc);
	must_survive(doc);
	edit(doc, data, size);
	part = json_extract(json_root(doc));
	json_free(doc);
	must_survive(part);
	json_free(part);
	return 0;
}
