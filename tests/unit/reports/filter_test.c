/* Which programs are refused, what each instruction does at its edges, and which answers may be
 * kept for a flow. */
#include "reports/filter.h"
#include "harness/base/check.h"
#include "tests/support/run_suite.h"

#include <string.h>

enum { LD_H = 0x28, LD_B = 0x30, LD_W = 0x20, LD_IND_H = 0x48, LD_LEN = 0x80, LD_IMM = 0x00 };
enum { LDX_MSH = 0xb1, LDX_IMM = 0x01, LDX_LEN = 0x81, LD_MEM = 0x60, ST = 0x02, TAX = 0x07 };
enum { DIV_K = 0x34, DIV_X = 0x3c, MOD_K = 0x94, LSH_K = 0x64, RSH_X = 0x7c, NEG = 0x84 };
enum { JA = 0x05, JEQ = 0x15, RET_K = 0x06, RET_A = 0x16 };

static const struct filter_insn NO = {RET_K, 0, 0, 0};

struct refusal {
	const char *why;
	struct filter_insn insn; /* a `ret 0` follows, unless it is alone */
	bool alone;
};

static const struct refusal REFUSALS[] = {
        {"ends without a return", {LD_IMM, 0, 0, 0}, true},
        {"jumps behind the end", {JA, 0, 0, 1}, false},
        {"jumps backward", {JA, 0, 0, 0xffffffff}, false},
        {"branch behind the end (true)", {JEQ, 1, 0, 0}, false},
        {"branch behind the end (false)", {JEQ, 0, 1, 0}, false},
        {"memory beyond the sixteenth word (load)", {LD_MEM, 0, 0, 16}, false},
        {"memory beyond the sixteenth word (index)", {0x61, 0, 0, 16}, false},
        {"memory beyond the sixteenth word (store)", {ST, 0, 0, 16}, false},
        {"division by a constant 0", {DIV_K, 0, 0, 0}, false},
        {"rest of a division by a constant 0", {MOD_K, 0, 0, 0}, false},
        {"half a word of memory", {LD_MEM | 0x08, 0, 0, 0}, false},
        {"a load of no size", {0x38, 0, 0, 0}, false},
        {"a load of no mode", {0xc0, 0, 0, 0}, false},
        {"index from a word of the packet", {0x21, 0, 0, 0}, false},
        {"a jump of no kind", {0x55, 0, 0, 0}, false},
        {"arithmetic of no kind", {0xb4, 0, 0, 0}, false},
        {"a return of the index", {0x0e, 0, 0, 0}, false},
        {"a code of more than a byte", {0x100 | LD_IMM, 0, 0, 0}, false},
        {"a transfer of no kind", {0x17, 0, 0, 0}, false},
};

START_TEST(unsound_programs_are_refused)
{
	static struct filter_insn long_one[FILTER_INSNS_MAX + 1];
	struct filter f = {.insns = long_one};

	for (unsigned i = 0; i < ARRAY_LEN(REFUSALS); i++) {
		struct filter_insn program[2] = {REFUSALS[i].insn, NO};

		f = (struct filter){program, REFUSALS[i].alone ? 1 : 2};
		ck_assert_msg(!filter_is_sound(&f), "%s", REFUSALS[i].why);
	}
	f = (struct filter){long_one, 0};
	ck_assert(!filter_is_sound(&f));
	for (unsigned i = 0; i <= FILTER_INSNS_MAX; i++)
		long_one[i] = NO;
	f.n = FILTER_INSNS_MAX;
	ck_assert(filter_is_sound(&f));
	f.n = FILTER_INSNS_MAX + 1;
	ck_assert(!filter_is_sound(&f));
}
END_TEST

/* What `insns`, a sound program, makes of the frame 00 01 02 … of 64 bytes, 1500 long. */
static bool matches(
        const struct filter_insn *insns, uint32_t n, const struct filter_key *key, bool *beyond)
{
	struct filter f = {(struct filter_insn *)(uintptr_t)insns, n};
	uint8_t frame[64];

	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	ck_assert(filter_is_sound(&f));
	if (beyond)
		*beyond = false;
	return filter_run(&f, frame, sizeof(frame), 1500, key, beyond);
}

/* The program, then: does the accumulator hold `want`? */
static bool gives(struct filter_insn first, struct filter_insn second, uint32_t want)
{
	struct filter_insn program[] = {
	        first, second, {JEQ, 0, 1, want}, {RET_K, 0, 0, 1}, {RET_K, 0, 0, 0}};

	return matches(program, ARRAY_LEN(program), NULL, NULL);
}

START_TEST(edges_of_the_instructions)
{
	struct filter_insn nop = {JA, 0, 0, 0};

	ck_assert(gives((struct filter_insn){LD_W, 0, 0, 60}, nop, 0x3c3d3e3f));
	ck_assert(gives((struct filter_insn){LD_H, 0, 0, 62}, nop, 0x3e3f));
	ck_assert(gives((struct filter_insn){LD_B, 0, 0, 63}, nop, 63));
	ck_assert(gives((struct filter_insn){LD_LEN, 0, 0, 0}, nop, 1500));
	ck_assert(gives(
	        (struct filter_insn){LDX_MSH, 0, 0, 7}, (struct filter_insn){0x87, 0, 0, 0}, 28));
	ck_assert(gives((struct filter_insn){LD_MEM, 0, 0, 3}, nop, 0));
	ck_assert(gives((struct filter_insn){LD_IMM, 0, 0, 5}, (struct filter_insn){NEG, 0, 0, 0},
	        (uint32_t)-5));
	ck_assert(gives(
	        (struct filter_insn){LD_IMM, 0, 0, 5}, (struct filter_insn){LSH_K, 0, 0, 32}, 0));
	ck_assert(gives(
	        (struct filter_insn){LDX_LEN, 0, 0, 0}, (struct filter_insn){RSH_X, 0, 0, 0}, 0));
	/* The index is 0: no answer but no. */
	ck_assert(!gives(
	        (struct filter_insn){LD_IMM, 0, 0, 5}, (struct filter_insn){DIV_X, 0, 0, 0}, 0));
	/* One byte too far, and a sum of offsets that would wrap in 32 bits. */
	ck_assert(!gives((struct filter_insn){LD_W, 0, 0, 61}, nop, 0));
	ck_assert(!gives((struct filter_insn){LD_B, 0, 0, 64}, nop, 0));
	ck_assert(!gives((struct filter_insn){LDX_IMM, 0, 0, 2},
	        (struct filter_insn){LD_IND_H, 0, 0, 0xffffffff}, 0x0102));
	/* What it returns decides, not that it returns. */
	ck_assert(
	        matches((struct filter_insn[]){{LD_B, 0, 0, 1}, {RET_A, 0, 0, 0}}, 2, NULL, NULL));
	ck_assert(
	        !matches((struct filter_insn[]){{LD_B, 0, 0, 0}, {RET_A, 0, 0, 0}}, 2, NULL, NULL));
}
END_TEST

START_TEST(answers_beyond_the_key_are_told)
{
	struct filter_key key = {{0x3000, 0}}; /* bytes 12 and 13 */
	bool beyond;

	matches((struct filter_insn[]){{LD_H, 0, 0, 12}, {RET_A, 0, 0, 0}}, 2, &key, &beyond);
	ck_assert(!beyond);
	matches((struct filter_insn[]){{LD_H, 0, 0, 13}, {RET_A, 0, 0, 0}}, 2, &key, &beyond);
	ck_assert(beyond);
	matches((struct filter_insn[]){{LD_H, 0, 0, 11}, {RET_A, 0, 0, 0}}, 2, &key, &beyond);
	ck_assert(beyond);
	matches((struct filter_insn[]){{LD_LEN, 0, 0, 0}, {RET_A, 0, 0, 0}}, 2, &key, &beyond);
	ck_assert(beyond);
	matches((struct filter_insn[]){{LDX_LEN, 0, 0, 0}, {RET_K, 0, 0, 0}}, 2, &key, &beyond);
	ck_assert(beyond);
	matches((struct filter_insn[]){{LD_B, 0, 0, 999}, {RET_A, 0, 0, 0}}, 2, &key, &beyond);
	ck_assert(beyond);
	/* The branch that was not taken does not count. */
	matches((struct filter_insn[]){{LD_H, 0, 0, 12}, {JEQ, 0, 1, 7}, {LD_B, 0, 0, 40},
	                {RET_A, 0, 0, 0}},
	        4, &key, &beyond);
	ck_assert(!beyond);
	/* Never cleared. */
	beyond = true;
	filter_run(&(struct filter){(struct filter_insn[]){NO}, 1}, NULL, 0, 0, &key, &beyond);
	ck_assert(beyond);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");

	add_test(suite, "refusals", unsound_programs_are_refused);
	add_test(suite, "edges", edges_of_the_instructions);
	add_test(suite, "beyond", answers_beyond_the_key_are_told);
	return run_suite(suite);
}
