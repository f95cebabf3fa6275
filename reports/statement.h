/* in-toto statements (in-toto/attestation: spec/v1/statement.md): which files, by digest, something
 * is said about, and what is said. They are the payload of an envelope (reports/dsse.h), of type
 * DSSE_IN_TOTO. Pure; written on one line, in the order of the specification. */
#ifndef LPC_REPORTS_STATEMENT_H
#define LPC_REPORTS_STATEMENT_H

#include <stddef.h>
#include <stdint.h>
#include "harness/base/digest.h"
#include "harness/base/error.h"
#include "harness/base/json.h"

#define STATEMENT_TYPE        "https://in-toto.io/Statement/v1"
#define STATEMENT_TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"

struct statement_file {
	const char *name;
	uint8_t sha256[DIGEST_BYTES];
};

struct statement_files {
	const struct statement_file *files; /* borrowed, as everything below */
	size_t n;
};

struct statement_names {
	const char *const *names;
	size_t n;
};

enum statement_result { STATEMENT_PASSED, STATEMENT_WARNED, STATEMENT_FAILED };

/* The predicate of STATEMENT_TEST_RESULT. */
struct statement_test {
	enum statement_result result;
	struct statement_files configuration;
	struct statement_names passed, warned, failed;
};

/* At least one subject; each has a name. */
void statement_test_result(struct json_out *o, const struct statement_files *subject,
        const struct statement_test *test);

/* Any other predicate, an object given as JSON text (comments and white space are not kept; numbers
 * as json_out_value writes them). ERR_USAGE, and nothing written, if it is no object. */
enum status statement_any(struct json_out *o, const struct statement_files *subject,
        const char *predicate_type, const char *predicate, size_t n,
        struct error *err) LPC_MUST_USE;

#endif
