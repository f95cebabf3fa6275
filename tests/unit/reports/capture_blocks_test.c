/* pcapng's drop counts, read in passing: the same from pieces of any size, in both byte orders, and
 * never out of bounds. */
#include "reports/capture_blocks.h"

#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "tests/support/run_suite.h"

enum { FILE_BYTES = 1 << 18 };

struct pcapng {
	uint8_t bytes[FILE_BYTES];
	size_t n, block;
	bool swapped;
};

static void put16(struct pcapng *f, uint16_t v)
{
	if (f->swapped)
		v = __builtin_bswap16(v);
	memcpy(f->bytes + f->n, &v, sizeof(v));
	f->n += sizeof(v);
}

static void put32(struct pcapng *f, uint32_t v)
{
	if (f->swapped)
		v = __builtin_bswap32(v);
	memcpy(f->bytes + f->n, &v, sizeof(v));
	f->n += sizeof(v);
}

static void put64(struct pcapng *f, uint64_t v)
{
	if (f->swapped)
		v = __builtin_bswap64(v);
	memcpy(f->bytes + f->n, &v, sizeof(v));
	f->n += sizeof(v);
}

static void begin(struct pcapng *f, uint32_t type)
{
	f->block = f->n;
	put32(f, type);
	put32(f, 0);
}

static void end(struct pcapng *f)
{
	size_t here = f->n;
	uint32_t length = (uint32_t)(here + 4 - f->block);

	f->n = f->block + 4;
	put32(f, length);
	f->n = here;
	put32(f, length);
}

static void section(struct pcapng *f)
{
	begin(f, 0x0a0d0d0a);
	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put64(f, UINT64_MAX);
	end(f);
}

static void interface(struct pcapng *f, uint16_t link_type)
{
	begin(f, 1);
	put16(f, link_type);
	put16(f, 0);
	put32(f, 262144);
	end(f);
}

static void option64(struct pcapng *f, uint16_t code, uint64_t v)
{
	put16(f, code);
	put16(f, 8);
	put64(f, v);
}

static void comment(struct pcapng *f, uint16_t length)
{
	put16(f, 1);
	put16(f, length);
	memset(f->bytes + f->n, 'x', length);
	f->n += (length + 3U) / 4 * 4;
}

static void statistics(struct pcapng *f, uint32_t interface_id, uint64_t ifdrop, uint64_t osdrop)
{
	begin(f, 5);
	put32(f, interface_id);
	put64(f, 0);
	option64(f, 4, 1000000); /* received: not lost */
	comment(f, 5);
	option64(f, 5, ifdrop);
	option64(f, 7, osdrop);
	put32(f, 0); /* end of options */
	end(f);
}

/* dropcount 0: without options. */
static void packet(struct pcapng *f, uint32_t interface_id, uint32_t captured, uint64_t dropcount)
{
	begin(f, 6);
	put32(f, interface_id);
	put64(f, 0);
	put32(f, captured);
	put32(f, captured);
	memset(f->bytes + f->n, 0xff, captured);
	f->n += (captured + 3U) / 4 * 4;
	if (dropcount) {
		option64(f, 4, dropcount);
		put32(f, 0);
	}
	end(f);
}

static void old_packet(struct pcapng *f, uint16_t drops)
{
	begin(f, 2);
	put16(f, 0);
	put16(f, drops);
	put64(f, 0);
	put32(f, 4);
	put32(f, 4);
	put32(f, 0xffffffff);
	end(f);
}

/* Fed in pieces of `piece` bytes. */
static struct capture_blocks *fed(const struct pcapng *f, size_t piece)
{
	struct capture_blocks *b = mem_alloc(1, sizeof(*b));

	capture_blocks_init(b);
	for (size_t at = 0; at < f->n; at += piece) {
		size_t n = f->n - at < piece ? f->n - at : piece;
		uint8_t *copy = mem_alloc(n, 1); /* so that a sanitizer sees a step too far */

		memcpy(copy, f->bytes + at, n);
		capture_blocks_feed(b, copy, n);
		mem_free(copy);
	}
	return b;
}

static void expect(const struct pcapng *f, uint64_t dropped, bool mixed, bool blind)
{
	static const size_t pieces[] = {1, 2, 3, 7, 12, 100, 4096, FILE_BYTES};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct capture_blocks *b = fed(f, pieces[i]);

		ck_assert_uint_eq(capture_blocks_dropped(b), dropped);
		ck_assert_int_eq(b->mixed, mixed);
		ck_assert_int_eq(b->blind, blind);
		mem_free(b);
	}
}

static struct pcapng *begun(bool swapped)
{
	struct pcapng *f = mem_alloc(1, sizeof(*f));

	f->swapped = swapped;
	section(f);
	interface(f, 1);
	return f;
}

START_TEST(nothing_lost)
{
	struct pcapng *f = begun(_i);

	for (uint32_t n = 0; n < 70; n++)
		packet(f, 0, n, 0);
	statistics(f, 0, 0, 0);
	expect(f, 0, false, false);
	mem_free(f);
}
END_TEST

START_TEST(statistics_are_totals)
{
	struct pcapng *f = begun(_i);

	interface(f, 1);
	packet(f, 0, 61, 0);
	statistics(f, 0, 2, 1);
	statistics(f, 1, 100, 0);
	packet(f, 1, 60, 0);
	statistics(f, 0, 5, 1); /* of the same interface, later: replaces */
	expect(f, 106, false, false);
	mem_free(f);
}
END_TEST

START_TEST(packets_tell_it_too)
{
	struct pcapng *f = begun(_i);

	packet(f, 0, 1001, 3);
	old_packet(f, 4);
	old_packet(f, 0xffff); /* unknown */
	expect(f, 7, false, false);
	statistics(f, 0, 6, 0); /* the same ones, not all of them */
	expect(f, 7, false, false);
	statistics(f, 0, 6, 2);
	expect(f, 8, false, false);
	mem_free(f);
}
END_TEST

START_TEST(sections_add_up)
{
	struct pcapng *f = begun(_i);

	statistics(f, 0, 2, 0);
	f->swapped = !f->swapped;
	section(f);
	interface(f, 113); /* a section's interfaces are its own */
	statistics(f, 0, 3, 0);
	expect(f, 5, false, false);
	mem_free(f);
}
END_TEST

START_TEST(interfaces_may_differ)
{
	struct pcapng *f = begun(_i);

	interface(f, 113);
	packet(f, 0, 61, 0);
	expect(f, 0, true, false);
	mem_free(f);
}
END_TEST

START_TEST(many_interfaces)
{
	struct pcapng *f = begun(false);

	for (unsigned i = 1; i < CAPTURE_INTERFACES_MAX + 10; i++)
		interface(f, 1);
	statistics(f, CAPTURE_INTERFACES_MAX + 5, 7, 0);
	statistics(f, CAPTURE_INTERFACES_MAX - 1, 1, 0);
	statistics(f, UINT32_MAX, 2, UINT64_MAX); /* none, and more than there are numbers */
	expect(f, UINT64_MAX, false, false);
	mem_free(f);
}
END_TEST

START_TEST(nonsense_blinds)
{
	static const uint32_t lengths[] = {0, 1, 8, 11, 13, 16, 31};
	struct pcapng *f;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		f = begun(_i);
		statistics(f, 0, 2, 0);
		put32(f, i % 2 ? 5 : 6);
		put32(f, lengths[i]);
		statistics(f, 0, 9, 0);
		expect(f, 2, false, true);
		mem_free(f);
	}
	f = begun(_i);
	packet(f, 0, 60, 0);
	f->n -= 60 + 4 + 8; /* the captured length: more than its block holds */
	put32(f, UINT32_MAX);
	f->n += 60 + 8;
	statistics(f, 0, 9, 0);
	expect(f, 0, false, true);
	mem_free(f);
}
END_TEST

START_TEST(other_formats_are_left_alone)
{
	static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 6, 5};

	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		struct pcapng *f = mem_alloc(1, sizeof(*f));

		f->swapped = _i;
		put32(f, magics[i]);
		put32(f, 32);
		statistics(f, 0, 9, 9);
		expect(f, 0, false, true);
		mem_free(f);
	}
}
END_TEST

START_TEST(long_options_are_told)
{
	struct pcapng *f = begun(_i);
	struct capture_blocks *b;

	begin(f, 5);
	put32(f, 0);
	put64(f, 0);
	comment(f, 65532);
	comment(f, 65532);
	option64(f, 5, 3);
	end(f);
	packet(f, 0, 60, 2);
	b = fed(f, 1000);
	ck_assert(b->unread);
	ck_assert_uint_eq(capture_blocks_dropped(b), 2);
	mem_free(b);
	mem_free(f);
}
END_TEST

int main(void)
{
	const struct {
		const char *name;
		const TTest *test;
	} both[] = {
	        {"nothing lost", nothing_lost},
	        {"statistics", statistics_are_totals},
	        {"packets", packets_tell_it_too},
	        {"sections", sections_add_up},
	        {"link types", interfaces_may_differ},
	        {"nonsense", nonsense_blinds},
	        {"other formats", other_formats_are_left_alone},
	        {"long options", long_options_are_told},
	};
	Suite *suite = suite_create("capture blocks");

	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		TCase *tcase = tcase_create(both[i].name);

		tcase_add_loop_test(tcase, both[i].test, 0, 2); /* in both byte orders */
		suite_add_tcase(suite, tcase);
	}
	add_test(suite, "many interfaces", many_interfaces);
	return run_suite(suite);
}
