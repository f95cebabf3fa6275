/* The bytes of an answer: events of a stream, parts of a plain answer, error bodies (FORMATS §3).
 * Pure. Every function that fills a buffer asserts that it was large enough. */
#ifndef LPC_EMULATOR_SERVE_RENDER_H
#define LPC_EMULATOR_SERVE_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RENDER_EVENT_MAX = 512, /* one token's event, chunk framing included */
	RENDER_TEXT_MAX = 4096, /* any other part of an answer */
	RENDER_MODEL_MAX = 64,
};

/* An event of one token, complete but for what differs between tokens and streams. */
struct render_template {
	char bytes[RENDER_EVENT_MAX];
	uint32_t len, at_id, at_created, at_token;
};

/* What all answers of a server have in common. */
struct render {
	char model[RENDER_MODEL_MAX + 1];
	char fingerprint[16];
	struct render_template token[2][2]; /* [chat][include_usage] */
};

/* One answer. Times are ns, rendered as seconds. */
struct render_answer {
	uint64_t id;                                 /* of the request; names the answer */
	int64_t created_s;                           /* Unix time */
	uint64_t digest;                             /* of the prompt: the text follows from it */
	bool chat, include_usage, has_seed, stopped; /* stopped: finish_reason stop, else length */
	int64_t seed;
	const char *tier; /* service_tier as it was served; static */
	int64_t prompt_tokens, output_tokens;
	int64_t queue_ns, prompt_ns, completion_ns;
};

/* model: a name ([a-z0-9._-], at most RENDER_MODEL_MAX). */
void render_init(struct render *r, const char *model);

/* The parts of a stream, as chunks of the chunked coding; each returns its length.
 * first: the role event; room RENDER_TEXT_MAX. token: room RENDER_EVENT_MAX. last: finish, usage if
 * asked for, [DONE], end of the body; RENDER_TEXT_MAX. broken: instead of last, when the stream
 * ends early: x_groq.error and no [DONE]. */
size_t render_first(const struct render *r, const struct render_answer *a, char *buf);
size_t render_token(
        const struct render *r, const struct render_answer *a, int64_t index, char *buf);
size_t render_last(const struct render *r, const struct render_answer *a, char *buf);
size_t render_broken(
        const struct render *r, const struct render_answer *a, const char *why, char *buf);

/* The parts of a plain answer: what stands before the text and what stands behind it, each at most
 * RENDER_TEXT_MAX; the text itself is token_text 0 … output_tokens - 1. */
size_t render_plain_head(const struct render *r, const struct render_answer *a, char *buf);
size_t render_plain_tail(const struct render *r, const struct render_answer *a, char *buf);

/* {"error":{"message","type","code"}}; the message is escaped, and cut to what fits. */
size_t render_error(
        const char *type, const char *code, const char *message, char buf[static RENDER_TEXT_MAX]);

#endif
