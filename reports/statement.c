#include "reports/statement.h"

#include <string.h>

static void write_file(struct json_out *o, const struct statement_file *f)
{
	char text[DIGEST_TEXT_MAX];

	CHECK(f->name != NULL && f->name[0]);
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", f->name);
	json_out_open(o, "digest", '{');
	json_out_str(o, "sha256", digest_text(f->sha256, text) + strlen("sha256:"));
	json_out_close(o);
	json_out_close(o);
}

static void write_files(struct json_out *o, const char *key, const struct statement_files *files)
{
	json_out_open(o, key, '[');
	for (size_t i = 0; i < files->n; i++)
		write_file(o, &files->files[i]);
	json_out_close(o);
}

static void write_names(struct json_out *o, const char *key, const struct statement_names *names)
{
	json_out_open(o, key, '[');
	for (size_t i = 0; i < names->n; i++)
		json_out_str(o, NULL, names->names[i]);
	json_out_close(o);
}

static void write_head(
        struct json_out *o, const struct statement_files *subject, const char *predicate_type)
{
	CHECK(subject->n > 0);
	CHECK(o->indent == 0);
	json_out_open(o, NULL, '{');
	json_out_str(o, "_type", STATEMENT_TYPE);
	write_files(o, "subject", subject);
	json_out_str(o, "predicateType", predicate_type);
}

void statement_test_result(struct json_out *o, const struct statement_files *subject,
        const struct statement_test *test)
{
	static const char *const words[] = {
	        [STATEMENT_PASSED] = "PASSED",
	        [STATEMENT_WARNED] = "WARNED",
	        [STATEMENT_FAILED] = "FAILED",
	};

	write_head(o, subject, STATEMENT_TEST_RESULT);
	json_out_open(o, "predicate", '{');
	json_out_str(o, "result", words[test->result]);
	write_files(o, "configuration", &test->configuration);
	write_names(o, "passedTests", &test->passed);
	write_names(o, "warnedTests", &test->warned);
	write_names(o, "failedTests", &test->failed);
	json_out_close(o);
	json_out_close(o);
}

enum status statement_any(struct json_out *o, const struct statement_files *subject,
        const char *predicate_type, const char *predicate, size_t n, struct error *err)
{
	struct json *doc;

	if (json_parse("predicate", predicate, n, &doc, err))
		return err->code;
	if (json_type(json_root(doc)) != JSON_OBJECT) {
		(void)json_expected(json_root(doc), err, "an object");
	} else {
		write_head(o, subject, predicate_type);
		json_out_value(o, "predicate", json_root(doc), false);
		json_out_close(o);
	}
	json_free(doc);
	return err->code;
}
