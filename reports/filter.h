/* Classic BPF, interpreted: the programs that libpcap compiles class filters to (reports/capture.h
 * does that; here is only arithmetic). McCanne and Jacobson, "The BSD Packet Filter", USENIX Winter
 * 1993, section 3, is the machine.
 *
 * Why our own interpreter beside libpcap's: it can tell whether an answer rests on the flow key
 * alone. The program is deterministic and sees a frame through its loads only; if every load that
 * was made for this frame lies within the bytes of the key, then any other frame with the same key
 * makes the same loads and gets the same answer, which may therefore be kept for the flow. */
#ifndef LPC_REPORTS_FILTER_H
#define LPC_REPORTS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct filter_insn { /* layout of struct bpf_insn */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

enum { FILTER_INSNS_MAX = 4096, FILTER_KEY_BYTES = 128 };

struct filter {
	struct filter_insn *insns; /* borrowed */
	uint32_t n;
};

/* Offsets of the frame that belong to the flow key: bit i % 64 of word i / 64. */
struct filter_key {
	uint64_t bits[FILTER_KEY_BYTES / 64];
};

/* Jumps inside, forward only; known codes; memory in range; no division by a constant 0; ends with
 * a return. What filter_run may be given. */
bool filter_is_sound(const struct filter *f);

/* Whether it matches: a load beyond `captured` ends it with no. `wire` is what BPF calls the packet
 * length. *beyond (may be NULL) is set, never cleared, if the answer rests on anything besides the
 * key's bytes: another load, or the length. */
bool filter_run(const struct filter *f, const uint8_t *frame, uint32_t captured, uint32_t wire,
        const struct filter_key *key, bool *beyond);

#endif
