/* Two steps: the link's header becomes Ethernet's without tags, then the network's headers are read
 * from there. A frame that already is what it should be, which is nearly every one, is not copied.
 *
 * Three ways to run out of bytes, told apart by one question at each header (have, have_inside):
 * they were captured; or they were on the wire, but not captured (CUT, a matter of the capture); or
 * they were not on the wire, or behind the end that the header before them gives (BROKEN, a matter
 * of the packet). A length of 0 in an IP header is none of these: it is what a capture on a machine
 * shows of packets that its network card has yet to cut to size, and means as far as it goes.
 *
 * The flow key. A class filter is costly next to all the rest of an audit, so its answer is kept
 * for the flow, if it rests on the bytes of the key (filter.h). The more bytes, the more filters
 * can be kept; the less a byte varies within a flow, the longer. So:
 *
 *     every frame    0…13 link addresses and EtherType (or 802.3 length)
 *     IPv4           14 version and header length, since filters find ports by it; 20, 21 flags and
 *                    fragment offset, since they look there whether ports are to be expected; 23
 *                    protocol, 26…33 addresses, the ports (first or only fragment)
 *     IPv6           20 next header, 22…53 addresses, 54…57 the ports, likewise
 *     0x88B5, ours   14…16 version, flags, plane; 18…29 both ends. Not request and token, which
 *                    differ from frame to frame
 *     UDP, ours      as IPv4, and of the payload what 0x88B5 has, with the mark before it
 *
 * Not in it: lengths, time to live, TCP's flags and numbers, any payload. A filter that asks for
 * them is run on each packet.
 *
 * The packed form, audit_flow_key, holds the same bytes in a handful of words, so that comparing
 * flows is a few instructions. Which bytes a key has depends on the kind of frame and on the length
 * of its IPv4 header; the former is the tag in the top byte of the second word, the latter one of
 * the bytes. Constants (versions and the mark of ours) are told by the tag and not packed. */
#include "reports/audit_frame.h"
#include "harness/base/check.h"

#include <endian.h>
#include <string.h>

enum {
	ETHERNET_BYTES = 14,
	TAG_BYTES = 4,
	COOKED_BYTES = 16,
	COOKED2_BYTES = 20,
	LOOPBACK_BYTES = 4,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	UDP_BYTES = 8,
	PORTS_BYTES = 4,
	MARK_BYTES = 4, /* of our UDP payload, before byte 14 of our frame */
};

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_VLAN_AD = 0x88a8,
	TYPE_VLAN_91 = 0x9100, /* what Q-in-Q used before there was a standard */
	TYPE_VLAN_92 = 0x9200,
};

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AUTHENTICATION = 51,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/* Offsets of our header's fields from its byte 14, the version (wire.h). */
enum { OURS_BYTES = WIRE_FRAME_BYTES - 14, OURS_FLAGS = 1, OURS_PLANE = 2, OURS_ENDS = 4 };
enum { ENDS_BYTES = 12 };

/* Kinds of flow keys: the low bits of their tag. */
enum { FLOW_OTHER = 1, FLOW_IPV4, FLOW_IPV6, FLOW_OURS, FLOW_OURS_UDP };
enum { FLOW_PORTS = 0x10, FLOW_SOURCE_KNOWN = 0x20, FLOW_DESTINATION_KNOWN = 0x40 };

static inline uint32_t be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline bool fail(struct audit_frame *f, enum audit_frame_state state)
{
	f->state = state;
	return false;
}

/* The first n bytes of the frame as it is now. */
static inline bool have(struct audit_frame *f, uint32_t n)
{
	if (LPC_LIKELY(f->captured >= n))
		return true;
	return fail(f, f->wire >= n ? FRAME_CUT : FRAME_BROKEN);
}

/* … that belong to a packet that ends at `end`, which the frame does not end before. */
static inline bool have_inside(struct audit_frame *f, uint32_t n, uint32_t end)
{
	if (LPC_LIKELY(n <= end && n <= f->captured))
		return true;
	return fail(f, n > end ? FRAME_BROKEN : FRAME_CUT);
}

/* The flow key, from its least: link addresses and type. */
static inline void key_begin(struct audit_frame *f, unsigned kind)
{
	const uint8_t *p = f->bytes;
	unsigned tag = kind | (f->ports_known ? FLOW_PORTS : 0u) |
	               (f->macs_known[0] ? FLOW_SOURCE_KNOWN : 0u) |
	               (f->macs_known[1] ? FLOW_DESTINATION_KNOWN : 0u);

	f->key.bits[0] = 0x3fff;
	f->flow.word[0] = le64(p);
	f->flow.word[1] =
	        le32(p + 8) | (uint64_t)p[12] << 32 | (uint64_t)p[13] << 40 | (uint64_t)tag << 56;
	f->flow.n = 2;
}

static inline uint64_t bytes_of_key(uint32_t from, uint32_t n)
{
	return ((UINT64_C(1) << n) - 1) << from;
}

/* n bytes from offset `from`, which may lie in both words or beyond. */
static inline void key_add(struct audit_frame *f, uint32_t from, uint32_t n)
{
	__uint128_t bits = from < FILTER_KEY_BYTES ? (__uint128_t)bytes_of_key(0, n) << from : 0;

	f->key.bits[0] |= (uint64_t)bits;
	f->key.bits[1] |= (uint64_t)(bits >> 64);
}

/* Our header's byte 14 stands at `at`. Two words. */
static inline void key_ours(struct audit_frame *f, uint32_t at)
{
	const uint8_t *p = f->bytes + at;
	uint32_t n = f->flow.n;

	key_add(f, at, OURS_PLANE + 1);
	key_add(f, at + OURS_ENDS, ENDS_BYTES);
	f->flow.word[n] = le64(p + OURS_ENDS);
	f->flow.word[n + 1] = le32(p + OURS_ENDS + 8) | (uint64_t)p[OURS_FLAGS] << 32 |
	                      (uint64_t)p[OURS_PLANE] << 40;
	f->flow.n = n + 2;
}

static inline bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_DCCP ||
	       protocol == PROTOCOL_SCTP || protocol == PROTOCOL_UDPLITE;
}

/* The transport header stands at `at`, in a packet that ends at `end`. */
static inline bool read_ports(struct audit_frame *f, uint32_t at, uint32_t end)
{
	if (!has_ports(f->protocol) || (f->fragment && !f->first))
		return true;
	if (!have_inside(f, at + PORTS_BYTES, end))
		return false;
	f->ports_known = true;
	f->port[0] = (uint16_t)be16(f->bytes + at);
	f->port[1] = (uint16_t)be16(f->bytes + at + 2);
	return true;
}

static inline bool is_our_port(uint16_t port)
{
	return port >= WIRE_PORT_CONTROL && port <= WIRE_PORT_ARTIFACT;
}

/* A datagram of one of our ports whose payload, at `at`, begins with our mark: ours, if it is
 * whole. */
static bool read_ours_in_udp(struct audit_frame *f, uint32_t at, uint32_t end)
{
	if (end < at + MARK_BYTES)
		return true;
	if (f->captured < at + MARK_BYTES)
		return fail(f, FRAME_CUT);
	if (memcmp(f->bytes + at, "LPC1", MARK_BYTES) != 0)
		return true;
	if (end >= at + MARK_BYTES + OURS_BYTES && f->captured < at + MARK_BYTES + OURS_BYTES)
		return fail(f, FRAME_CUT);
	f->ours_valid = wire_decode(f->bytes, f->captured < end ? f->captured : end, &f->ours);
	return true;
}

static void key_ipv4(struct audit_frame *f, uint32_t at)
{
	const uint8_t *p = f->bytes;

	key_begin(f, f->ours_valid ? FLOW_OURS_UDP : FLOW_IPV4);
	f->key.bits[0] |= bytes_of_key(14, 1) | bytes_of_key(20, 2) | bytes_of_key(23, 1) |
	                  bytes_of_key(26, 8);
	f->flow.word[1] |= (uint64_t)p[14] << 48;
	f->flow.word[2] = le64(p + 26);
	f->flow.word[3] = (uint64_t)p[20] << 32 | (uint64_t)p[21] << 40 | (uint64_t)p[23] << 48;
	f->flow.n = 4;
	if (f->ports_known) {
		f->flow.word[3] |= le32(p + at);
		key_add(f, at, PORTS_BYTES);
	}
	if (f->ours_valid) {
		key_add(f, at + UDP_BYTES, MARK_BYTES);
		key_ours(f, at + UDP_BYTES + MARK_BYTES);
	}
}

static inline bool read_ipv4(struct audit_frame *f)
{
	const uint8_t *p = f->bytes + ETHERNET_BYTES;
	uint32_t header, length, offset, end, at;

	f->net = AUDIT_NET_IPV4;
	if (!have(f, ETHERNET_BYTES + IPV4_BYTES))
		return false;
	memset(f->address, 0, sizeof(f->address));
	memcpy(f->address[0].bytes + 12, p + 12, 4);
	memcpy(f->address[1].bytes + 12, p + 16, 4);
	f->protocol = p[9];
	offset = be16(p + 6);
	f->fragment = (offset & 0x3fff) != 0;
	f->first = f->fragment && (offset & 0x1fff) == 0;
	f->last = f->fragment && (offset & 0x2000) == 0;
	f->datagram = be16(p + 4);
	header = (p[0] & 15u) * 4;
	length = be16(p + 2);
	end = length ? ETHERNET_BYTES + length : f->wire;
	if (p[0] >> 4 != 4 || header < IPV4_BYTES || end < ETHERNET_BYTES + header || end > f->wire)
		return fail(f, FRAME_BROKEN);
	at = ETHERNET_BYTES + header;
	if (!have(f, at) || !read_ports(f, at, end))
		return false;
	if (f->protocol == PROTOCOL_UDP && f->ports_known && !f->fragment &&
	        (is_our_port(f->port[0]) || is_our_port(f->port[1])) &&
	        !read_ours_in_udp(f, at + UDP_BYTES, end))
		return false;
	key_ipv4(f, at);
	return true;
}

/* How long the extension header at p, of which 8 bytes are there, is; 0 = it is none. */
static inline uint32_t extension_bytes(uint8_t protocol, const uint8_t *p)
{
	switch (protocol) {
	case PROTOCOL_HOP_BY_HOP:
	case PROTOCOL_ROUTING:
	case PROTOCOL_DESTINATION:
		return (p[1] + 1u) * 8;
	case PROTOCOL_FRAGMENT:
		return 8;
	case PROTOCOL_AUTHENTICATION:
		return (p[1] + 2u) * 4;
	default:
		return 0;
	}
}

static inline bool is_extension(uint8_t protocol)
{
	return extension_bytes(protocol, (const uint8_t[8]){0}) != 0;
}

static bool read_fragment_header(struct audit_frame *f, const uint8_t *p)
{
	uint32_t offset = be16(p + 2);

	if (f->fragment) /* a fragment of a fragment: of which datagram? */
		return fail(f, FRAME_BROKEN);
	f->fragment = (offset & 0xfff9) != 0; /* one that is the whole datagram is no fragment */
	f->first = f->fragment && (offset & 0xfff8) == 0;
	f->last = f->fragment && (offset & 1) == 0;
	f->datagram = be32(p + 4);
	return true;
}

/* Where the extension headers end; behind a fragment header that is not the first one's there is
 * no header, whatever it says. 0: state is set. */
static uint32_t skip_extensions(struct audit_frame *f, uint32_t at, uint32_t end)
{
	while (is_extension(f->protocol) && !(f->fragment && !f->first)) {
		const uint8_t *p = f->bytes + at;
		uint8_t protocol = f->protocol;
		uint32_t bytes;

		if (!have_inside(f, at + 8, end))
			return 0;
		bytes = extension_bytes(protocol, p);
		if (!have_inside(f, at + bytes, end))
			return 0;
		if (protocol == PROTOCOL_FRAGMENT && !read_fragment_header(f, p))
			return 0;
		f->protocol = p[0];
		at += bytes;
	}
	return at;
}

/* Takes the bytes between the fixed header and `at` out. */
static void remove_extensions(struct audit_frame *f, uint32_t at, uint8_t *scratch)
{
	enum { HEADERS = ETHERNET_BYTES + IPV6_BYTES };
	uint32_t bytes = at - HEADERS, length = be16(f->bytes + ETHERNET_BYTES + 4);

	if (f->bytes != scratch)
		memcpy(scratch, f->bytes, HEADERS);
	memmove(scratch + HEADERS, f->bytes + at, f->captured - at);
	if (length)
		put16(scratch + ETHERNET_BYTES + 4, length - bytes);
	scratch[ETHERNET_BYTES + 6] = f->protocol;
	f->bytes = scratch;
	f->captured -= bytes;
	f->wire -= bytes;
}

static void key_ipv6(struct audit_frame *f)
{
	const uint8_t *p = f->bytes;

	key_begin(f, FLOW_IPV6);
	f->key.bits[0] |= bytes_of_key(20, 1) | bytes_of_key(22, 32);
	for (uint32_t i = 0; i < 4; i++)
		f->flow.word[2 + i] = le64(p + 22 + 8 * i);
	f->flow.word[6] = (uint64_t)p[20] << 32;
	f->flow.n = 7;
	if (f->ports_known) {
		f->flow.word[6] |= le32(p + 54);
		f->key.bits[0] |= bytes_of_key(54, PORTS_BYTES);
	}
}

static inline bool read_ipv6(struct audit_frame *f, uint8_t *scratch)
{
	const uint8_t *p = f->bytes + ETHERNET_BYTES;
	uint32_t at = ETHERNET_BYTES + IPV6_BYTES, length, end;

	f->net = AUDIT_NET_IPV6;
	if (!have(f, at))
		return false;
	memcpy(f->address, p + 8, sizeof(f->address));
	f->protocol = p[6];
	length = be16(p + 4);
	end = length ? at + length : f->wire;
	if (p[0] >> 4 != 6 || end > f->wire)
		return fail(f, FRAME_BROKEN);
	if (is_extension(f->protocol)) {
		uint32_t transport = skip_extensions(f, at, end);

		if (!transport)
			return false;
		remove_extensions(f, transport, scratch);
		end -= transport - at;
	}
	if (!read_ports(f, at, end))
		return false;
	key_ipv6(f);
	return true;
}

static inline bool read_ours(struct audit_frame *f)
{
	f->net = AUDIT_NET_OURS;
	if (f->wire >= WIRE_FRAME_BYTES && f->captured < WIRE_FRAME_BYTES)
		return fail(f, FRAME_CUT);
	f->ours_valid = wire_decode(f->bytes, f->captured, &f->ours);
	key_begin(f, f->ours_valid ? FLOW_OURS : FLOW_OTHER);
	if (f->ours_valid)
		key_ours(f, ETHERNET_BYTES);
	return true;
}

static inline bool is_tag(uint32_t type)
{
	return type == TYPE_VLAN || type == TYPE_VLAN_AD || type == TYPE_VLAN_91 ||
	       type == TYPE_VLAN_92;
}

static bool remove_tags(struct audit_frame *f, uint8_t *scratch)
{
	enum { ADDRESSES = ETHERNET_BYTES - 2 };
	uint32_t n = 0, bytes;

	while (is_tag(be16(f->bytes + ADDRESSES + TAG_BYTES * n))) {
		if (++n > AUDIT_TAGS_MAX)
			return fail(f, FRAME_BROKEN);
		if (!have(f, ETHERNET_BYTES + TAG_BYTES * n))
			return false;
	}
	bytes = TAG_BYTES * n;
	if (f->bytes != scratch)
		memcpy(scratch, f->bytes, ADDRESSES);
	memmove(scratch + ADDRESSES, f->bytes + ADDRESSES + bytes, f->captured - ADDRESSES - bytes);
	f->bytes = scratch;
	f->captured -= bytes;
	f->wire -= bytes;
	f->tags = (uint8_t)n;
	return true;
}

/* From an Ethernet header that is there. */
static inline bool read_network(struct audit_frame *f, uint8_t *scratch)
{
	uint32_t type = be16(f->bytes + 12);

	if (LPC_UNLIKELY(is_tag(type))) {
		if (!remove_tags(f, scratch))
			return false;
		type = be16(f->bytes + 12);
	}
	if (type == TYPE_IPV4)
		return read_ipv4(f);
	if (type == WIRE_ETHERTYPE)
		return read_ours(f);
	if (type == TYPE_IPV6)
		return read_ipv6(f, scratch);
	key_begin(f, FLOW_OTHER);
	return true;
}

static inline bool read_ethernet(struct audit_frame *f)
{
	if (f->captured >= 6) {
		memcpy(f->mac[1], f->bytes, 6);
		f->macs_known[1] = true;
	}
	if (f->captured >= 12) {
		memcpy(f->mac[0], f->bytes + 6, 6);
		f->macs_known[0] = true;
	}
	return have(f, ETHERNET_BYTES);
}

/* An Ethernet header with the addresses that are known, and behind it what stands behind the
 * `header` bytes of the link's own. */
static void become_ethernet(struct audit_frame *f, uint32_t header, uint32_t type, uint8_t *scratch)
{
	memcpy(scratch, f->mac[1], 6);
	memcpy(scratch + 6, f->mac[0], 6);
	put16(scratch + 12, type);
	memcpy(scratch + ETHERNET_BYTES, f->bytes + header, f->captured - header);
	f->bytes = scratch;
	f->captured = f->captured - header + ETHERNET_BYTES;
	f->wire = f->wire - header + ETHERNET_BYTES;
}

/* The protocol field is an EtherType, or says that 802.3 without or with LLC follows. */
static uint32_t cooked_type(uint32_t protocol, uint32_t payload)
{
	if (protocol != 0x0001 && protocol != 0x0004)
		return protocol;
	return payload < 1500 ? payload : 1500;
}

static void cooked_macs(
        struct audit_frame *f, uint32_t packet_type, uint32_t bytes, const uint8_t *address)
{
	enum { TO_ALL = 1 };

	if (bytes == 6) {
		memcpy(f->mac[0], address, 6);
		f->macs_known[0] = true;
	}
	if (packet_type == TO_ALL) {
		memset(f->mac[1], 0xff, 6);
		f->macs_known[1] = true;
	}
}

static bool read_cooked(struct audit_frame *f, uint8_t *scratch)
{
	const uint8_t *p = f->bytes;

	if (!have(f, COOKED_BYTES))
		return false;
	cooked_macs(f, be16(p), be16(p + 4), p + 6);
	become_ethernet(
	        f, COOKED_BYTES, cooked_type(be16(p + 14), f->wire - COOKED_BYTES), scratch);
	return true;
}

static bool read_cooked2(struct audit_frame *f, uint8_t *scratch)
{
	const uint8_t *p = f->bytes;

	if (!have(f, COOKED2_BYTES))
		return false;
	cooked_macs(f, p[10], p[11], p + 12);
	become_ethernet(f, COOKED2_BYTES, cooked_type(be16(p), f->wire - COOKED2_BYTES), scratch);
	return true;
}

/* The family's number is the capturing machine's own, in its byte order (LOOP: the network's),
 * which is the one that makes it small. */
static bool read_loopback(struct audit_frame *f, uint8_t *scratch)
{
	uint32_t family, type = 0;

	if (!have(f, LOOPBACK_BYTES))
		return false;
	family = be32(f->bytes);
	if (family > 0xffff)
		family = le32(f->bytes);
	if (family == 2)
		type = TYPE_IPV4;
	else if (family == 10 || family == 24 || family == 28 || family == 30)
		type = TYPE_IPV6; /* Linux; NetBSD and OpenBSD; FreeBSD; Darwin */
	become_ethernet(f, LOOPBACK_BYTES, type, scratch);
	return true;
}

/* version: 4, 6, or 0 = see the first byte. */
static bool read_raw(struct audit_frame *f, unsigned version, uint8_t *scratch)
{
	if (!have(f, 1))
		return false;
	if (version == 0)
		version = f->bytes[0] >> 4;
	if (version != 4 && version != 6)
		return fail(f, FRAME_BROKEN);
	become_ethernet(f, 0, version == 4 ? TYPE_IPV4 : TYPE_IPV6, scratch);
	return true;
}

static bool read_link(int link_type, struct audit_frame *f, uint8_t *scratch)
{
	switch (link_type) {
	case AUDIT_LINK_ETHERNET:
		return read_ethernet(f);
	case AUDIT_LINK_COOKED:
		return read_cooked(f, scratch);
	case AUDIT_LINK_COOKED2:
		return read_cooked2(f, scratch);
	case AUDIT_LINK_NULL:
	case AUDIT_LINK_LOOP:
		return read_loopback(f, scratch);
	case AUDIT_LINK_IPV4:
		return read_raw(f, 4, scratch);
	case AUDIT_LINK_IPV6:
		return read_raw(f, 6, scratch);
	default:
		return read_raw(f, 0, scratch);
	}
}

bool audit_link_known(int link_type)
{
	switch (link_type) {
	case AUDIT_LINK_NULL:
	case AUDIT_LINK_ETHERNET:
	case AUDIT_LINK_RAW_BSD:
	case AUDIT_LINK_RAW_OPENBSD:
	case AUDIT_LINK_RAW:
	case AUDIT_LINK_LOOP:
	case AUDIT_LINK_COOKED:
	case AUDIT_LINK_IPV4:
	case AUDIT_LINK_IPV6:
	case AUDIT_LINK_COOKED2:
		return true;
	default:
		return false;
	}
}

static inline void clear_key(struct audit_frame *f)
{
	f->key.bits[0] = 0;
	f->key.bits[1] = 0;
	f->flow.n = 0;
	memset(f->flow.word, 0, sizeof(f->flow.word));
}

/* In pieces: compilers clear a large structure by an instruction that takes longer to begin than
 * all the rest of a frame takes. `ours` is only set where it is valid. */
static inline void reset(struct audit_frame *f)
{
	f->state = FRAME_WHOLE;
	f->net = AUDIT_NET_OTHER;
	f->macs_known[0] = false;
	f->macs_known[1] = false;
	memset(f->mac, 0, sizeof(f->mac));
	memset(f->address, 0, sizeof(f->address));
	f->protocol = 0;
	f->ports_known = false;
	f->port[0] = 0;
	f->port[1] = 0;
	f->fragment = false;
	f->first = false;
	f->last = false;
	f->datagram = 0;
	f->tags = 0;
	f->ours_valid = false;
	clear_key(f);
}

bool audit_frame_read(int link_type, const uint8_t *packet, uint32_t captured, uint32_t wire,
        uint8_t *scratch, struct audit_frame *out)
{
	if (link_type != AUDIT_LINK_ETHERNET && !audit_link_known(link_type))
		return false;
	reset(out);
	out->bytes = packet;
	out->captured = captured;
	out->wire = wire > captured ? wire : captured;
	if (read_link(link_type, out, scratch))
		read_network(out, scratch);
	if (captured > wire)
		out->state = FRAME_BROKEN;
	if (LPC_UNLIKELY(out->state != FRAME_WHOLE)) {
		clear_key(out);
		out->ports_known = false;
		out->ours_valid = false;
	}
	return true;
}
