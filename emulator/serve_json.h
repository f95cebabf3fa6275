/* Reading the body of a completion request: `POST /v1/chat/completions` and `/v1/completions`.
 * Pure: no socket, no clock; unit tests and the fuzzer call it directly. */
#ifndef LPC_EMULATOR_SERVE_JSON_H
#define LPC_EMULATOR_SERVE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/error.h"

enum {
	SERVE_MODEL_MAX = 64,
	SERVE_TIER_MAX = 32,
};
#define SERVE_TOKENS_MAX INT64_C(1000000000000) /* of max_tokens; more is a bad request */

/* What one request asks for. Everything is copied; nothing points into the body. */
struct serve_ask {
	char model[SERVE_MODEL_MAX + 1];       /* cut when longer: such a model is unknown anyway */
	char service_tier[SERVE_TIER_MAX + 1]; /* "" = absent */
	bool stream, include_usage, has_seed;
	int64_t seed;
	int64_t max_tokens;     /* 0 = not given; max_completion_tokens wins over max_tokens */
	int64_t prompt_tokens;  /* words of all contents; at least 1 */
	uint64_t prompt_digest; /* token_prompt_digest over all contents */
	/* "lpc:<id>:<O>" as the first word of the prompt (DESIGN §4); tag_id 0 = none */
	uint64_t tag_id;
	int64_t tag_output;
};

enum { SERVE_TAG_ID_BITS = 38 }; /* ids of tags are below 2^38 */

/* `chat` says which of the two shapes is expected. ERR_USAGE with one line about what is wrong:
 * bytes that are no JSON, a missing or ill-typed member, a value out of range. Members that are not
 * known are ignored, as clients send many. */
enum status serve_ask_read(const char *body, size_t n, bool chat, struct serve_ask *out,
        struct error *err) LPC_MUST_USE;

#endif
