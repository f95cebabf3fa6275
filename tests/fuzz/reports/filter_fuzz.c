/* Any bytes as a program and a frame. A program that is called sound must end, within the frame and
 * the machine's memory; and what it says of a frame without going beyond the key, it must say of
 * the frame with every other byte turned round.
 *
 * Input: the number of instructions (a high bit: bend codes and jumps so that more of them are
 * sound), the instructions (8 bytes each), 16 bytes of key, the frame. */
#include "harness/base/check.h"
#include "reports/filter.h"

#include <stdlib.h>
#include <string.h>

enum { INSNS_MAX = 127, BEND = 0x80, MEMORY_WORDS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bend(struct filter_insn *i, uint32_t left)
{
	i->code &= 0xff;
	if ((i->code & 7) == 5) {
		i->jt = (uint8_t)(left ? i->jt % left : 0);
		i->jf = (uint8_t)(left ? i->jf % left : 0);
		if (i->code == 5)
			i->k = left ? i->k % left : 0;
	} else if ((i->code & 6) == 2 || (i->code & 0xe6) == 0x60) {
		i->k %= MEMORY_WORDS;
	} else if ((i->code & 0xe6) == 0x20 || (i->code & 0xe6) == 0x40) {
		i->k %= 256;
	}
	if (left == 0)
		i->code = (uint16_t)(i->code & 0x10 ? 0x16 : 0x06);
}

static uint32_t key_end(const struct filter_key *key)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < FILTER_KEY_BYTES; i++) {
		if (key->bits[i / 64] >> (i % 64) & 1)
			end = i + 1;
	}
	return end;
}

static void check_promise(const struct filter *f, const uint8_t *frame, uint32_t n,
        const struct filter_key *key, bool answer)
{
	uint8_t *other = malloc(n + 1);
	bool again = false;

	CHECK(other != NULL);
	for (uint32_t i = 0; i < n; i++) {
		bool in_key = i < FILTER_KEY_BYTES && key->bits[i / 64] >> (i % 64) & 1;

		other[i] = in_key ? frame[i] : (uint8_t)~frame[i];
	}
	other[n] = 0x5a;
	CHECK(filter_run(f, other, n + 1, n + 77, key, &again) == answer);
	CHECK(!again);
	free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter_insn insns[INSNS_MAX];
	struct filter f = {.insns = insns};
	struct filter_key key;
	uint8_t *frame;
	uint32_t n;
	bool beyond = false, answer;

	if (size < 1)
		return 0;
	f.n = data[0] & ~BEND & 0xff;
	if (size < 1 + f.n * sizeof(*insns) + sizeof(key))
		return 0;
	memcpy(insns, data + 1, f.n * sizeof(*insns));
	for (uint32_t i = 0; i < f.n && data[0] & BEND; i++)
		bend(&insns[i], f.n - 1 - i);
	if (!filter_is_sound(&f))
		return 0;
	memcpy(&key, data + 1 + f.n * sizeof(*insns), sizeof(key));
	n = (uint32_t)(size - 1 - f.n * sizeof(*insns) - sizeof(key));
	frame = malloc(n ? n : 1);
	CHECK(frame != NULL);
	memcpy(frame, data + size - n, n);
	answer = filter_run(&f, frame, n, n + 5, &key, &beyond);
	CHECK(filter_run(&f, frame, n, n + 5, NULL, NULL) == answer);
	if (!beyond && key_end(&key) <= n)
		check_promise(&f, frame, n, &key, answer);
	free(frame);
	return 0;
}
