/* A walk over blocks that never needs more than one piece of them at once. Each step asks for the
 * next `want` bytes in one place, after `skip` bytes that do not matter; they are looked at where
 * they lie, and copied together only where a piece ends in their middle. So a packet's data is
 * jumped over, and the walk costs a few nanoseconds a packet. */
#include "reports/capture_blocks.h"

#include <string.h>

enum stage {
	STAGE_HEADER,
	STAGE_SECTION,
	STAGE_INTERFACE,
	STAGE_STATISTICS,
	STAGE_PACKET,
	STAGE_OLD_PACKET,
	STAGE_OPTIONS
};

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_OLD_PACKET = 2,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	HEADER_BYTES = 8,   /* type, length */
	FRAMING_BYTES = 12, /* those and the length again, at the end */
	PACKET_BYTES = 20,  /* fixed fields of a packet */
	OLD_DROPS_UNKNOWN = 0xffff,
	OPTION_END = 0,
	STATISTICS_BYTES = 12, /* interface and instant, before the options */
	STATISTICS_IFDROP = 5,
	STATISTICS_OSDROP = 7,
	PACKET_DROPCOUNT = 4,
};

void capture_blocks_init(struct capture_blocks *b)
{
	memset(b, 0, offsetof(struct capture_blocks, held));
	b->stage = STAGE_HEADER;
	b->want = HEADER_BYTES;
}

static uint16_t get16(const struct capture_blocks *b, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return b->swapped ? __builtin_bswap16(v) : v;
}

static uint32_t get32(const struct capture_blocks *b, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return b->swapped ? __builtin_bswap32(v) : v;
}

static uint64_t get64(const struct capture_blocks *b, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return b->swapped ? __builtin_bswap64(v) : v;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t lost(const struct capture_losses *l)
{
	uint64_t told = plus(l->by_interface, l->by_system);

	return told > l->between ? told : l->between;
}

uint64_t capture_blocks_dropped(const struct capture_blocks *b)
{
	uint64_t n = plus(b->finished, lost(&b->others));

	for (uint32_t i = 0; i < CAPTURE_INTERFACES_MAX && i < b->n_interfaces; i++)
		n = plus(n, lost(&b->losses[i]));
	return n;
}

static struct capture_losses *losses_of(struct capture_blocks *b, uint32_t interface)
{
	return interface < CAPTURE_INTERFACES_MAX && interface < b->n_interfaces
	               ? &b->losses[interface]
	               : &b->others;
}

/* What follows: a block's header, `skip` bytes on. */
static void next_block(struct capture_blocks *b, uint64_t skip)
{
	b->stage = STAGE_HEADER;
	b->want = HEADER_BYTES;
	b->skip = skip;
}

static void gather(struct capture_blocks *b, enum stage stage, uint64_t skip, uint32_t want)
{
	b->stage = (int)stage;
	b->skip = skip;
	b->want = want;
}

/* The fixed part of a block that must be at least that long. */
static void fixed_part(struct capture_blocks *b, enum stage stage, uint32_t want)
{
	if (b->length < FRAMING_BYTES + want)
		b->blind = true;
	else
		gather(b, stage, 0, want);
}

static void statistics_or_not(struct capture_blocks *b)
{
	uint32_t body = b->length - FRAMING_BYTES;

	if (body < STATISTICS_BYTES) {
		b->blind = true;
	} else if (body > CAPTURE_HOLD_BYTES) {
		b->unread = true;
		next_block(b, (uint64_t)body + 4);
	} else {
		gather(b, STAGE_STATISTICS, 0, body);
	}
}

static void header(struct capture_blocks *b, const uint8_t *p)
{
	uint32_t type = get32(b, p);

	b->length = get32(b, p + 4);
	if (type == BLOCK_SECTION) { /* a palindrome; the length's byte order comes next */
		b->begun = true;
		gather(b, STAGE_SECTION, 0, 4);
		return;
	}
	if (!b->begun || b->length < FRAMING_BYTES || b->length % 4)
		b->blind = true;
	else if (type == BLOCK_INTERFACE)
		fixed_part(b, STAGE_INTERFACE, 8);
	else if (type == BLOCK_PACKET)
		fixed_part(b, STAGE_PACKET, PACKET_BYTES);
	else if (type == BLOCK_OLD_PACKET)
		fixed_part(b, STAGE_OLD_PACKET, PACKET_BYTES);
	else if (type == BLOCK_STATISTICS)
		statistics_or_not(b);
	else
		next_block(b, b->length - HEADER_BYTES);
}

static void section(struct capture_blocks *b, const uint8_t *p)
{
	b->finished = capture_blocks_dropped(b);
	memset(b->losses, 0, sizeof(b->losses));
	memset(&b->others, 0, sizeof(b->others));
	b->n_interfaces = 0;
	if (get32(b, p) != BYTE_ORDER_MAGIC) {
		b->swapped = !b->swapped;
		b->length = __builtin_bswap32(b->length);
	}
	if (get32(b, p) != BYTE_ORDER_MAGIC || b->length < FRAMING_BYTES + 16 || b->length % 4)
		b->blind = true;
	else
		next_block(b, b->length - HEADER_BYTES - 4);
}

static void interface(struct capture_blocks *b, const uint8_t *p)
{
	uint16_t link_type = get16(b, p);
	uint32_t snaplen = get32(b, p + 4);

	if (b->n_interfaces == 0) {
		b->link_type = link_type;
		b->snaplen = snaplen;
	} else if (link_type != b->link_type || snaplen != b->snaplen) {
		b->mixed = true;
	}
	if (b->n_interfaces < UINT32_MAX)
		b->n_interfaces++;
	next_block(b, b->length - HEADER_BYTES - 8);
}

/* The value of the 8-byte option `code` among n bytes of options; false if it is not there. */
static bool option(
        const struct capture_blocks *b, const uint8_t *p, size_t n, uint16_t code, uint64_t *value)
{
	while (n >= 4) {
		uint16_t found = get16(b, p), length = get16(b, p + 2);
		size_t whole = 4 + ((size_t)length + 3) / 4 * 4;

		if (found == OPTION_END || whole > n)
			return false;
		if (found == code && length == 8) {
			*value = get64(b, p + 4);
			return true;
		}
		p += whole;
		n -= whole;
	}
	return false;
}

/* Totals since the capture began: a later block replaces an earlier one, and never takes back. */
static void statistics(struct capture_blocks *b, const uint8_t *p)
{
	struct capture_losses *l = losses_of(b, get32(b, p));
	size_t n = b->length - FRAMING_BYTES - STATISTICS_BYTES;
	uint64_t v;

	if (option(b, p + STATISTICS_BYTES, n, STATISTICS_IFDROP, &v) && v > l->by_interface)
		l->by_interface = v;
	if (option(b, p + STATISTICS_BYTES, n, STATISTICS_OSDROP, &v) && v > l->by_system)
		l->by_system = v;
	next_block(b, 4);
}

/* After a packet's fixed fields: its data, its options if there are any, the length again. */
static void packet(struct capture_blocks *b, uint32_t interface, uint32_t captured)
{
	uint64_t data = ((uint64_t)captured + 3) / 4 * 4;
	uint64_t rest = b->length - HEADER_BYTES - PACKET_BYTES;

	if (data + 4 > rest) {
		b->blind = true;
	} else if (data + 4 == rest || rest - data > CAPTURE_HOLD_BYTES) {
		b->unread = b->unread || data + 4 != rest;
		next_block(b, rest);
	} else {
		b->who = interface;
		gather(b, STAGE_OPTIONS, data, (uint32_t)(rest - data));
	}
}

static void old_packet(struct capture_blocks *b, const uint8_t *p)
{
	uint16_t drops = get16(b, p + 2);

	if (drops != OLD_DROPS_UNKNOWN) {
		struct capture_losses *l = losses_of(b, get16(b, p));

		l->between = plus(l->between, drops);
	}
	packet(b, get16(b, p), get32(b, p + 12));
}

static void packet_options(struct capture_blocks *b, const uint8_t *p, uint32_t n)
{
	struct capture_losses *l = losses_of(b, b->who);
	uint64_t v;

	if (option(b, p, n - 4, PACKET_DROPCOUNT, &v))
		l->between = plus(l->between, v);
	next_block(b, 0);
}

static void step(struct capture_blocks *b, const uint8_t *p, uint32_t n)
{
	switch ((enum stage)b->stage) {
	case STAGE_HEADER:
		header(b, p);
		break;
	case STAGE_SECTION:
		section(b, p);
		break;
	case STAGE_INTERFACE:
		interface(b, p);
		break;
	case STAGE_STATISTICS:
		statistics(b, p);
		break;
	case STAGE_PACKET:
		packet(b, get32(b, p), get32(b, p + 12));
		break;
	case STAGE_OLD_PACKET:
		old_packet(b, p);
		break;
	case STAGE_OPTIONS:
		packet_options(b, p, n);
		break;
	}
}

void capture_blocks_feed(struct capture_blocks *b, const uint8_t *bytes, size_t n)
{
	while (n > 0 && !b->blind) {
		uint32_t want = b->want;
		size_t k;

		if (b->skip > 0) {
			k = b->skip < n ? (size_t)b->skip : n;
			b->skip -= k;
		} else if (b->n_held == 0 && n >= want) {
			k = want;
			step(b, bytes, want);
		} else {
			k = want - b->n_held < n ? want - b->n_held : n;
			memcpy(b->held + b->n_held, bytes, k);
			b->n_held += (uint32_t)k;
			if (b->n_held == want) {
				b->n_held = 0;
				step(b, b->held, want);
			}
		}
		bytes += k;
		n -= k;
	}
}
