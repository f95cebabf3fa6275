/* Bodies of completion requests: whatever the bytes, either a request within its limits or an error
 * with a text; the same both times. */
#include <string.h>

#include "emulator/serve_json.h"
#include "harness/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_twice(const char *body, size_t n, bool chat)
{
	struct serve_ask a, b;
	struct error err = ERROR_INIT, again = ERROR_INIT;
	enum status rc = serve_ask_read(body, n, chat, &a, &err);

	CHECK(rc == serve_ask_read(body, n, chat, &b, &again));
	CHECK(strcmp(err.text, again.text) == 0);
	if (rc) {
		CHECK(rc == ERR_USAGE && err.code == ERR_USAGE && err.text[0]);
		return;
	}
	CHECK(a.prompt_digest == b.prompt_digest && a.prompt_tokens == b.prompt_tokens);
	CHECK(a.prompt_tokens >= 1 && (uint64_t)a.prompt_tokens <= n);
	CHECK(a.max_tokens >= 0 && a.max_tokens <= SERVE_TOKENS_MAX);
	CHECK(strlen(a.model) <= SERVE_MODEL_MAX && strlen(a.service_tier) <= SERVE_TIER_MAX);
	CHECK(a.tag_id >> SERVE_TAG_ID_BITS == 0);
	CHECK((a.tag_id == 0) == (a.tag_output == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_twice((const char *)data, size, true);
	read_twice((const char *)data, size, false);
	return 0;
}
