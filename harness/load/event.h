/* What one server-sent event of a completion stream says: an incremental reader is not needed,
 * since harness/net/sse hands over whole events. One pass over the text checks that it is JSON (RFC
 * 8259; UTF-8 is not checked) and picks out the few members that matter, wherever they stand and in
 * whatever order.
 *
 * Understood: chat chunks (choices[].delta.content, .reasoning, .reasoning_content, .tool_calls),
 * legacy completions (choices[].text), finish_reason, usage at the root (OpenAI) or in x_groq
 * (Groq), error at the root or in x_groq. The same scanner reads the bodies of error answers. */
#ifndef LPC_LOAD_EVENT_H
#define LPC_LOAD_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"

enum { EVENT_DEPTH_MAX = 32 };

struct event {
	/* A token event: some choice has non-empty text, reasoning or tool calls (FORMATS §1). */
	bool token;
	const char *text; /* the last non-empty text as it stands between its quotes, escapes and
	                     all; NULL for tool calls; lies in what was scanned */
	size_t text_len;
	bool finished;       /* a finish_reason that is not null */
	bool failed;         /* an error that is not null */
	bool context_length; /* … whose code or type is context_length_exceeded */
	bool usage;          /* a usage object; the figures it does not hold are -1 */
	int64_t prompt_tokens, completion_tokens;
	int64_t queue_ns, prompt_ns, completion_ns; /* written as seconds */
};

/* False when the n bytes are no JSON or nested deeper than EVENT_DEPTH_MAX. */
bool event_scan(const char *json, size_t n, struct event *out) LPC_MUST_USE;

#endif
