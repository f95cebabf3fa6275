/* Any bytes as the evidence of a pack: what is wrong is said, and what is called sealed is one
 * statement after the other, signed, the last of which says which files there are. The first byte
 * says whether the rest is the file as it stands, or payloads, a line each, that are signed here,
 * so that mutations get behind the signature. */
#include "reports/verify_evidence.h"

#include <string.h>
#include "harness/base/arena.h"
#include "reports/pack.h"
#include "reports/text.h"

enum { TEXT_MAX = 32 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_found(void *ctx, enum defect d, const char *file, const char *text)
{
	uint32_t *found = ctx;

	CHECK(d < DEFECT_COUNT && file[0] && text[0]);
	++*found;
}

/* Every line of the data as the payload of a signed one. */
static void sign_lines(const struct sign_key *key, const char *at, size_t n, struct text *out)
{
	const char *end = at + n;

	for (const char *stop; at < end; at = stop + 1) {
		struct json_out line;

		stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		json_out_init(&line, 0);
		sign_envelope(key, DSSE_IN_TOTO, at, (size_t)(stop - at), &line);
		text_add(out, line.buf, line.n);
		text_add(out, "\n", 1);
		json_out_free(&line);
	}
}

static void check(const struct sign_key *key, const char *text, size_t n)
{
	struct pack_entry entry = {.path = PACK_EVIDENCE, .data = text, .size = n};
	uint32_t found = 0;
	struct verify_options options = {.key = key, .found = on_found, .ctx = &found};
	struct unpacked u = {.tree = {.entries = &entry, .n = 1}};
	struct evidence_answer answer;
	struct error err = ERROR_INIT;
	struct arena arena;
	enum status st;

	arena_init(&arena, 0);
	st = evidence_check(&u, &options, &arena, &answer, &err);
	CHECK(st == ERR_NONE);
	CHECK(answer.sealed == (found == 0));
	CHECK(!answer.sealed || (answer.lines > 0 && answer.files.n > 0));
	evidence_answer_free(&answer);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SIGN_SEED_BYTES] = {1};
	struct sign_key *key = sign_key_of_seed(seed);
	const char *text = (const char *)data;
	struct text lines;

	text_init(&lines, TEXT_MAX);
	if (size && text[0] & 1)
		sign_lines(key, text + 1, size - 1, &lines);
	else if (size)
		text_add(&lines, text + 1, size - 1);
	check(key, lines.buf ? lines.buf : "", lines.n);
	text_free(&lines);
	sign_key_free(key);
	return 0;
}
