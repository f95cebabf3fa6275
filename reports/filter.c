/* The machine: an accumulator, an index register, sixteen words of memory, jumps that only go
 * forward, so that a program of n instructions ends after at most n steps.
 *
 * Where libpcap's interpreter leaves something to chance, this one has an answer, because an answer
 * may be kept for a flow and must not depend on what a stack held before: memory starts as zero, a
 * shift by 32 or more gives 0, a division by an index register of 0 ends with no.
 *
 * Tracing. The answer of a run is a function of the loads it made and of nothing else: which
 * instruction comes next depends on registers, registers on loads. So it is enough to look at each
 * load as it is made. A load is of the key when each of its bytes is; one that the capture is too
 * short for tells something of the length, as `len` does, and is not. */
#include "reports/filter.h"
#include "harness/base/check.h"

#include <stddef.h>

enum { MEMORY_WORDS = 16 };

/* Instruction codes are sums of a class and what the class takes. */
enum {
	CLASS_MASK = 0x07,
	CLASS_LD = 0x00,
	CLASS_LDX = 0x01,
	CLASS_ST = 0x02,
	CLASS_STX = 0x03,
	CLASS_ALU = 0x04,
	CLASS_JMP = 0x05,
	CLASS_RET = 0x06,
	CLASS_MISC = 0x07,

	SIZE_MASK = 0x18,
	SIZE_WORD = 0x00,
	SIZE_HALF = 0x08,
	SIZE_BYTE = 0x10,

	MODE_MASK = 0xe0,
	MODE_IMM = 0x00,
	MODE_ABS = 0x20,
	MODE_IND = 0x40,
	MODE_MEM = 0x60,
	MODE_LEN = 0x80,
	MODE_MSH = 0xa0,

	OP_MASK = 0xf0,
	OP_ADD = 0x00,
	OP_SUB = 0x10,
	OP_MUL = 0x20,
	OP_DIV = 0x30,
	OP_OR = 0x40,
	OP_AND = 0x50,
	OP_LSH = 0x60,
	OP_RSH = 0x70,
	OP_NEG = 0x80,
	OP_MOD = 0x90,
	OP_XOR = 0xa0,

	OP_JA = 0x00,
	OP_JEQ = 0x10,
	OP_JGT = 0x20,
	OP_JGE = 0x30,
	OP_JSET = 0x40,

	OPERAND_X = 0x08, /* else k */
	RETURN_A = 0x10,  /* else k */
	MISC_TAX = 0x00,
	MISC_TXA = 0x80,
};

struct machine {
	uint32_t a, x;
	const uint8_t *frame;
	uint32_t captured, wire;
	const struct filter_key *key;
	bool beyond, over; /* over: it ends here, with no */
	uint32_t stored;   /* a bit for each word of memory that was; the others are 0 */
	uint32_t memory[MEMORY_WORDS];
};

static bool load_is_sound(const struct filter_insn *i)
{
	unsigned size = i->code & SIZE_MASK, mode = i->code & MODE_MASK;

	if (i->code & ~(unsigned)(CLASS_MASK | SIZE_MASK | MODE_MASK))
		return false;
	if (mode == MODE_MEM)
		return size == SIZE_WORD && i->k < MEMORY_WORDS;
	if (mode == MODE_IMM || mode == MODE_LEN)
		return size == SIZE_WORD;
	if ((i->code & CLASS_MASK) == CLASS_LDX)
		return mode == MODE_MSH && size == SIZE_BYTE;
	return size <= SIZE_BYTE && (mode == MODE_ABS || mode == MODE_IND);
}

static bool arithmetic_is_sound(const struct filter_insn *i)
{
	unsigned op = i->code & OP_MASK;

	if (i->code > 0xff || op > OP_XOR)
		return false;
	if (op == OP_NEG)
		return !(i->code & OPERAND_X);
	return (op != OP_DIV && op != OP_MOD) || (i->code & OPERAND_X) || i->k != 0;
}

/* `left` instructions follow this one. */
static bool jump_is_sound(const struct filter_insn *i, uint32_t left)
{
	unsigned op = i->code & OP_MASK;

	if (i->code > 0xff || op > OP_JSET)
		return false;
	if (op == OP_JA)
		return !(i->code & OPERAND_X) && i->k < left;
	return i->jt < left && i->jf < left;
}

static bool insn_is_sound(const struct filter_insn *i, uint32_t left)
{
	switch (i->code & CLASS_MASK) {
	case CLASS_LD:
	case CLASS_LDX:
		return load_is_sound(i);
	case CLASS_ST:
	case CLASS_STX:
		return (i->code & ~(unsigned)CLASS_MASK) == 0 && i->k < MEMORY_WORDS;
	case CLASS_ALU:
		return arithmetic_is_sound(i);
	case CLASS_JMP:
		return jump_is_sound(i, left);
	case CLASS_RET:
		return i->code == CLASS_RET || i->code == (CLASS_RET | RETURN_A);
	default:
		return i->code == (CLASS_MISC | MISC_TAX) || i->code == (CLASS_MISC | MISC_TXA);
	}
}

bool filter_is_sound(const struct filter *f)
{
	if (f->n == 0 || f->n > FILTER_INSNS_MAX)
		return false;
	for (uint32_t i = 0; i < f->n; i++) {
		if (!insn_is_sound(&f->insns[i], f->n - 1 - i))
			return false;
	}
	return (f->insns[f->n - 1].code & CLASS_MASK) == CLASS_RET;
}

/* n <= 4 bytes. */
static inline bool key_has(const struct filter_key *key, uint32_t at, uint32_t n)
{
	uint64_t all = (UINT64_C(1) << n) - 1;
	uint32_t shift = at % 64;

	if (at > FILTER_KEY_BYTES - n)
		return false;
	if (LPC_LIKELY(shift <= 64 - n))
		return (key->bits[at / 64] >> shift & all) == all;
	for (uint32_t i = at; i < at + n; i++)
		if (!(key->bits[i / 64] >> i % 64 & 1))
			return false;
	return true;
}

/* n bytes at offset at (64 bits: of a sum), big-endian. */
static inline uint32_t load(struct machine *m, uint64_t at, uint32_t n)
{
	const uint8_t *p;

	if (at + n > m->captured) {
		m->beyond = true;
		m->over = true;
		return 0;
	}
	if (!m->beyond && !key_has(m->key, (uint32_t)at, n))
		m->beyond = true;
	p = m->frame + at;
	if (n == 1)
		return p[0];
	if (n == 2)
		return (uint32_t)p[0] << 8 | p[1];
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t recall(const struct machine *m, uint32_t word)
{
	return m->stored >> word & 1 ? m->memory[word] : 0;
}

static inline void store(struct machine *m, uint32_t word, uint32_t v)
{
	m->memory[word] = v;
	m->stored |= 1u << word;
}

static inline uint32_t length(struct machine *m)
{
	m->beyond = true;
	return m->wire;
}

static inline void load_a(struct machine *m, const struct filter_insn *i)
{
	unsigned mode = i->code & MODE_MASK, size = i->code & SIZE_MASK;
	uint32_t n = size == SIZE_WORD ? 4 : size == SIZE_HALF ? 2 : 1;

	if (mode == MODE_ABS)
		m->a = load(m, i->k, n);
	else if (mode == MODE_IND)
		m->a = load(m, (uint64_t)m->x + i->k, n);
	else if (mode == MODE_IMM)
		m->a = i->k;
	else
		m->a = mode == MODE_MEM ? recall(m, i->k) : length(m);
}

static inline void load_x(struct machine *m, const struct filter_insn *i)
{
	unsigned mode = i->code & MODE_MASK;

	if (mode == MODE_MSH)
		m->x = (load(m, i->k, 1) & 15) * 4;
	else if (mode == MODE_IMM)
		m->x = i->k;
	else
		m->x = mode == MODE_MEM ? recall(m, i->k) : length(m);
}

static inline uint32_t divide(struct machine *m, uint32_t by, bool rest)
{
	if (by == 0) {
		m->over = true;
		return 0;
	}
	return rest ? m->a % by : m->a / by;
}

static inline uint32_t arithmetic(struct machine *m, unsigned op, uint32_t b)
{
	switch (op) {
	case OP_ADD:
		return m->a + b;
	case OP_SUB:
		return m->a - b;
	case OP_MUL:
		return m->a * b;
	case OP_DIV:
		return divide(m, b, false);
	case OP_MOD:
		return divide(m, b, true);
	case OP_OR:
		return m->a | b;
	case OP_AND:
		return m->a & b;
	case OP_XOR:
		return m->a ^ b;
	case OP_LSH:
		return b < 32 ? m->a << b : 0;
	case OP_RSH:
		return b < 32 ? m->a >> b : 0;
	default:
		return -m->a;
	}
}

/* How many instructions to skip. */
static inline uint32_t jump(const struct machine *m, const struct filter_insn *i)
{
	unsigned op = i->code & OP_MASK;
	uint32_t b = i->code & OPERAND_X ? m->x : i->k;
	bool yes;

	if (op == OP_JA)
		return i->k;
	if (op == OP_JEQ)
		yes = m->a == b;
	else if (op == OP_JGT)
		yes = m->a > b;
	else
		yes = op == OP_JGE ? m->a >= b : (m->a & b) != 0;
	return yes ? i->jt : i->jf;
}

/* Any instruction but a return. */
static void step(struct machine *m, const struct filter_insn **at)
{
	const struct filter_insn *i = *at;

	switch (i->code & CLASS_MASK) {
	case CLASS_LD:
		load_a(m, i);
		break;
	case CLASS_LDX:
		load_x(m, i);
		break;
	case CLASS_ST:
		store(m, i->k, m->a);
		break;
	case CLASS_STX:
		store(m, i->k, m->x);
		break;
	case CLASS_ALU:
		m->a = arithmetic(m, i->code & OP_MASK, i->code & OPERAND_X ? m->x : i->k);
		break;
	case CLASS_JMP:
		*at += jump(m, i);
		break;
	default:
		if (i->code & MISC_TXA)
			m->a = m->x;
		else
			m->x = m->a;
	}
}

/* What it returns: 0 = no. The instructions that filters are made of stand here once more: one
 * switch for each of them instead of three. */
static uint32_t run(struct machine *m, const struct filter_insn *i)
{
	for (; !m->over; i++) {
		switch (i->code) {
		case CLASS_LD | MODE_ABS | SIZE_WORD:
			m->a = load(m, i->k, 4);
			break;
		case CLASS_LD | MODE_ABS | SIZE_HALF:
			m->a = load(m, i->k, 2);
			break;
		case CLASS_LD | MODE_ABS | SIZE_BYTE:
			m->a = load(m, i->k, 1);
			break;
		case CLASS_LD | MODE_IND | SIZE_HALF:
			m->a = load(m, (uint64_t)m->x + i->k, 2);
			break;
		case CLASS_JMP | OP_JEQ:
			i += m->a == i->k ? i->jt : i->jf;
			break;
		case CLASS_JMP | OP_JGE:
			i += m->a >= i->k ? i->jt : i->jf;
			break;
		case CLASS_JMP | OP_JSET:
			i += m->a & i->k ? i->jt : i->jf;
			break;
		case CLASS_RET:
			return i->k;
		case CLASS_RET | RETURN_A:
			return m->a;
		default:
			step(m, &i);
		}
	}
	return 0;
}

bool filter_run(const struct filter *f, const uint8_t *frame, uint32_t captured, uint32_t wire,
        const struct filter_key *key, bool *beyond)
{
	struct machine m; /* its memory is left as it is */
	bool yes;

	m.a = m.x = m.stored = 0;
	m.frame = frame;
	m.captured = captured;
	m.wire = wire;
	m.key = key;
	m.beyond = beyond == NULL;
	m.over = false;
	yes = run(&m, f->insns) != 0;
	if (beyond && m.beyond)
		*beyond = true;
	return yes;
}
