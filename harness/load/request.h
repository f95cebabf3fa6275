/* The bytes of one completion request. Everything that does not change from request to request is
 * written once per run; a request then is
 *
 *     head │ {"model":…,"max_tokens":…,"messages":[{"role":"user","content":"lpc:<id>:<O>│ a a a
 * …│"}]} ──────────────── request_write ──────────────────────────────────────────────────┘filler └
 * tail
 *
 * and the filler, P - 1 one-token words, is cut from one static text: no request is ever built as a
 * whole. */
#ifndef LPC_LOAD_REQUEST_H
#define LPC_LOAD_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/error.h"
#include "harness/load/load.h"

enum {
	REQUEST_HEAD_MAX = 4096,     /* longest beginning that request_write makes */
	REQUEST_FILLER_BYTES = 4096, /* of the static text; even, a word is two bytes */
	REQUEST_WORD_MAX = 64,       /* longest first word, with its NUL */
};

extern const char *const request_filler; /* " a a a …" */

struct request_maker {
	const char *path, *host;
	const char *const *fields; /* of the head, by tenant */
	const char *start;         /* of the body, up to where max_tokens goes */
	const char *prompt;        /* from there to the first word */
	const char *tail;
};

/* Texts live in the arena. ERR_USAGE when names or the key are too long or hold control characters.
 */
enum status request_prepare(struct request_maker *m, const struct load_config *config,
        struct arena *arena, struct error *err) LPC_MUST_USE;

/* "lpc:<id>:<O>": the emulator reads it, others take it as a word. Returns its length. */
size_t request_word(const struct load_request *r, char out[static REQUEST_WORD_MAX]);

/* token_prompt_digest of the content it makes. */
uint64_t request_digest(const struct load_request *r);

/* Writes the head and the body's beginning; *filler_bytes of request_filler, repeated as often as
 * need be, and the maker's tail make it whole. Returns the length. */
size_t request_write(const struct request_maker *m, const struct load_request *r,
        char out[static REQUEST_HEAD_MAX], int64_t *filler_bytes);

#endif
