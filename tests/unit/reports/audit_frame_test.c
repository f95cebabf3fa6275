/* Each link type, each header, each way to end too early. */
#include "reports/audit_frame.h"
#include "harness/base/check.h"
#include "tests/support/run_suite.h"

#include <string.h>

struct bytes {
	uint8_t b[512];
	uint32_t n;
};

static uint8_t scratch[1024];

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Hexadecimal digits; spaces are for the reader. */
static void add(struct bytes *out, const char *hex)
{
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		ck_assert_uint_lt(out->n, sizeof(out->b));
		out->b[out->n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
		hex++;
	}
}

static struct bytes of(const char *hex)
{
	struct bytes out = {.n = 0};

	add(&out, hex);
	return out;
}

static struct bytes join(const char *head, const char *tail)
{
	struct bytes out = of(head);

	add(&out, tail);
	return out;
}

#define MACS "020000000002 020000000001 "
/* 10.0.0.1:4700 -> 10.0.0.2:80, 4 bytes of payload */
#define UDP4                                                                                       \
	"4500 0020 1234 4000 40 11 0000 0a000001 0a000002"                                         \
	"125c 0050 000c 0000 61626364"
/* fd00::1 -> fd01::2, and what the caller says follows */
#define IP6_ADDRESSES                                                                              \
	"fd000000000000000000000000000001"                                                         \
	"fd010000000000000000000000000002"
#define UDP_4 "125c 0050 000c 0000 61626364"
#define UDP6  "60000000 000c 11 40" IP6_ADDRESSES UDP_4

static struct audit_frame read_frame(int link, const struct bytes *in)
{
	struct audit_frame f;

	ck_assert(audit_frame_read(link, in->b, in->n, in->n, scratch, &f));
	return f;
}

static void assert_bytes(const struct audit_frame *f, const struct bytes *want)
{
	ck_assert_uint_eq(f->captured, want->n);
	ck_assert_uint_eq(f->wire, want->n);
	ck_assert_mem_eq(f->bytes, want->b, want->n);
}

static void assert_udp(const struct audit_frame *f, enum audit_net net)
{
	ck_assert_int_eq(f->state, FRAME_WHOLE);
	ck_assert_int_eq(f->net, net);
	ck_assert_uint_eq(f->protocol, 17);
	ck_assert(f->ports_known && !f->fragment && !f->ours_valid);
	ck_assert_uint_eq(f->port[0], 4700);
	ck_assert_uint_eq(f->port[1], 80);
	if (net == AUDIT_NET_IPV4) {
		ck_assert_mem_eq(f->address[0].bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\0\1", 16);
		ck_assert_mem_eq(f->address[1].bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\0\2", 16);
	} else {
		ck_assert_mem_eq(f->address[0].bytes, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		ck_assert_mem_eq(f->address[1].bytes, "\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	}
}

START_TEST(plain_ethernet_is_not_copied)
{
	struct bytes in = of(MACS "0800" UDP4);
	struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &in);

	assert_udp(&f, AUDIT_NET_IPV4);
	ck_assert_ptr_eq(f.bytes, in.b);
	assert_bytes(&f, &in);
	ck_assert(f.macs_known[0] && f.macs_known[1]);
	ck_assert_mem_eq(f.mac[0], "\2\0\0\0\0\1", 6);
	ck_assert_mem_eq(f.mac[1], "\2\0\0\0\0\2", 6);
	ck_assert_uint_eq(f.tags, 0);
	in = of(MACS "86dd" UDP6);
	f = read_frame(AUDIT_LINK_ETHERNET, &in);
	assert_udp(&f, AUDIT_NET_IPV6);
	ck_assert_ptr_eq(f.bytes, in.b);
}
END_TEST

START_TEST(tags_are_removed)
{
	static const char *const tags[] = {"8100 0007", "88a8 0064 8100 0007",
	        "9100 0064 8100 2007", "9200 0001",
	        "8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 8100 0006 8100 0007 "
	        "8100 0008"};
	static const uint8_t n[] = {1, 2, 2, 1, 8};

	for (unsigned i = 0; i < ARRAY_LEN(tags); i++) {
		struct bytes want = of(MACS "86dd" UDP6), in = join(MACS, tags[i]);
		struct audit_frame f;

		add(&in, "86dd" UDP6);
		f = read_frame(AUDIT_LINK_ETHERNET, &in);
		assert_udp(&f, AUDIT_NET_IPV6);
		assert_bytes(&f, &want);
		ck_assert_uint_eq(f.tags, n[i]);
	}
}
END_TEST

START_TEST(too_many_or_cut_tags)
{
	struct bytes in = of(MACS);
	struct audit_frame f;

	for (unsigned i = 0; i <= AUDIT_TAGS_MAX; i++)
		add(&in, "8100 0001");
	add(&in, "0800" UDP4);
	f = read_frame(AUDIT_LINK_ETHERNET, &in);
	ck_assert_int_eq(f.state, FRAME_BROKEN);
	in = of(MACS "8100 0007");
	f = read_frame(AUDIT_LINK_ETHERNET, &in);
	ck_assert_int_eq(f.state, FRAME_BROKEN);
	ck_assert(audit_frame_read(AUDIT_LINK_ETHERNET, in.b, in.n, 60, scratch, &f));
	ck_assert_int_eq(f.state, FRAME_CUT);
}
END_TEST

struct link_case {
	const char *what;
	int link;
	const char *head; /* before the packet */
	const char *macs; /* of the frame that comes out */
	bool known[2];
	bool six;
};

static const struct link_case LINKS[] = {
        {"cooked", AUDIT_LINK_COOKED, "0000 0001 0006 020000000001 0000 0800",
                "000000000000 020000000001", {true, false}, false},
        {"cooked, to all", AUDIT_LINK_COOKED, "0001 0001 0006 020000000001 0000 86dd",
                "ffffffffffff 020000000001", {true, true}, true},
        {"cooked, no address", AUDIT_LINK_COOKED, "0004 fffe 0000 0000000000000000 0800",
                "000000000000 000000000000", {false, false}, false},
        {"cooked, an address of IPv4", AUDIT_LINK_COOKED, "0000 0300 0004 0a00000100000000 0800",
                "000000000000 000000000000", {false, false}, false},
        {"cooked, tagged", AUDIT_LINK_COOKED, "0000 0001 0006 020000000001 0000 8100 0007 86dd",
                "000000000000 020000000001", {true, false}, true},
        {"cooked 2", AUDIT_LINK_COOKED2, "0800 0000 00000002 0001 04 06 020000000001 0000",
                "000000000000 020000000001", {true, false}, false},
        {"cooked 2, to all", AUDIT_LINK_COOKED2, "86dd 0000 00000002 0001 01 06 020000000001 0000",
                "ffffffffffff 020000000001", {true, true}, true},
        {"cooked 2, tagged twice", AUDIT_LINK_COOKED2,
                "88a8 0000 00000002 0001 00 06 020000000001 0000 0064 8100 0007 0800",
                "000000000000 020000000001", {true, false}, false},
        {"loopback, little endian", AUDIT_LINK_NULL, "02000000", "000000000000 000000000000",
                {false, false}, false},
        {"loopback, big endian", AUDIT_LINK_NULL, "00000002", "000000000000 000000000000",
                {false, false}, false},
        {"loopback, 6 of Linux", AUDIT_LINK_NULL, "0a000000", "000000000000 000000000000",
                {false, false}, true},
        {"loopback, 6 of NetBSD", AUDIT_LINK_NULL, "18000000", "000000000000 000000000000",
                {false, false}, true},
        {"loopback, 6 of FreeBSD", AUDIT_LINK_NULL, "1c000000", "000000000000 000000000000",
                {false, false}, true},
        {"loopback, 6 of Darwin", AUDIT_LINK_NULL, "0000001e", "000000000000 000000000000",
                {false, false}, true},
        {"loopback of OpenBSD", AUDIT_LINK_LOOP, "00000002", "000000000000 000000000000",
                {false, false}, false},
        {"loopback of OpenBSD, 6", AUDIT_LINK_LOOP, "00000018", "000000000000 000000000000",
                {false, false}, true},
        {"raw 4", AUDIT_LINK_RAW, "", "000000000000 000000000000", {false, false}, false},
        {"raw 6", AUDIT_LINK_RAW, "", "000000000000 000000000000", {false, false}, true},
        {"raw as BSD numbers it", AUDIT_LINK_RAW_BSD, "", "000000000000 000000000000",
                {false, false}, false},
        {"raw as OpenBSD numbers it", AUDIT_LINK_RAW_OPENBSD, "", "000000000000 000000000000",
                {false, false}, true},
        {"only 4", AUDIT_LINK_IPV4, "", "000000000000 000000000000", {false, false}, false},
        {"only 6", AUDIT_LINK_IPV6, "", "000000000000 000000000000", {false, false}, true},
};

START_TEST(links_become_ethernet)
{
	for (unsigned i = 0; i < ARRAY_LEN(LINKS); i++) {
		const struct link_case *c = &LINKS[i];
		struct bytes in = join(c->head, c->six ? UDP6 : UDP4);
		struct bytes want = join(c->macs, c->six ? "86dd" UDP6 : "0800" UDP4);
		struct audit_frame f;

		ck_assert_msg(audit_link_known(c->link), "%s", c->what);
		f = read_frame(c->link, &in);
		ck_assert_msg(f.state == FRAME_WHOLE && f.ports_known, "%s", c->what);
		assert_udp(&f, c->six ? AUDIT_NET_IPV6 : AUDIT_NET_IPV4);
		ck_assert_msg(f.macs_known[0] == c->known[0] && f.macs_known[1] == c->known[1],
		        "%s", c->what);
		assert_bytes(&f, &want);
	}
}
END_TEST

/* Each prefix of a packet of each link: cut where more was on the wire, broken where that was all,
 * and without a key until its ports are there. */
START_TEST(links_cut_anywhere)
{
	for (unsigned i = 0; i < ARRAY_LEN(LINKS); i++) {
		const struct link_case *c = &LINKS[i];
		struct bytes in = join(c->head, c->six ? UDP6 : UDP4);
		uint32_t headers = in.n - 8; /* what follows the ports */
		struct audit_frame f;

		for (uint32_t n = 0; n <= in.n; n++) {
			ck_assert(audit_frame_read(c->link, in.b, n, in.n, scratch, &f));
			ck_assert_msg(f.state == (n < headers ? FRAME_CUT : FRAME_WHOLE),
			        "%s: %u of %u bytes", c->what, n, in.n);
			ck_assert_int_eq(f.ports_known, n >= headers);
			ck_assert_int_eq(f.flow.n > 0, n >= headers);
			ck_assert_int_eq(f.key.bits[0] != 0, n >= headers);
			ck_assert(audit_frame_read(c->link, in.b, n, n, scratch, &f));
			ck_assert_msg(f.state == (n < in.n ? FRAME_BROKEN : FRAME_WHOLE),
			        "%s: all of its %u bytes", c->what, n);
		}
		/* More than there was. */
		ck_assert(audit_frame_read(c->link, in.b, in.n, in.n - 1, scratch, &f));
		ck_assert_int_eq(f.state, FRAME_BROKEN);
		ck_assert_uint_eq(f.flow.n, 0);
	}
}
END_TEST

START_TEST(links_that_are_not_known)
{
	static const int links[] = {-1, 2, 6, 105, 127, 147, 189, 195, 220, 239, 253, 277, 1 << 30};
	struct audit_frame f;

	for (unsigned i = 0; i < ARRAY_LEN(links); i++) {
		ck_assert(!audit_link_known(links[i]));
		ck_assert(!audit_frame_read(links[i], scratch, 0, 0, scratch, &f));
	}
}
END_TEST

START_TEST(odd_links)
{
	/* A family that is no network of ours, a version that is none, the other version. */
	struct bytes in = join("07000000", UDP4);
	struct audit_frame f = read_frame(AUDIT_LINK_NULL, &in);

	ck_assert_int_eq(f.state, FRAME_WHOLE);
	ck_assert_int_eq(f.net, AUDIT_NET_OTHER);
	in = of("5500 0020");
	f = read_frame(AUDIT_LINK_RAW, &in);
	ck_assert_int_eq(f.state, FRAME_BROKEN);
	in = of(UDP6);
	f = read_frame(AUDIT_LINK_IPV4, &in);
	ck_assert_int_eq(f.state, FRAME_BROKEN);
	in = of(UDP4);
	f = read_frame(AUDIT_LINK_IPV6, &in);
	ck_assert_int_eq(f.state, FRAME_BROKEN);
	/* LLC in a cooked frame: its type becomes a length. */
	in = of("0000 0001 0006 020000000001 0000 0004 424203 0000");
	f = read_frame(AUDIT_LINK_COOKED, &in);
	ck_assert_int_eq(f.state, FRAME_WHOLE);
	ck_assert_int_eq(f.net, AUDIT_NET_OTHER);
	in = of("000000000000 020000000001 0005 424203 0000");
	assert_bytes(&f, &in);
}
END_TEST

START_TEST(others_are_left_alone)
{
	static const char *const frames[] = {
	        MACS "0026 424203 0000", /* 802.3, LLC */
	        MACS "0806 0001 0800 0604 0001 020000000001 0a000001 000000000000 0a000002",
	        MACS "8847 00064140" UDP4,            /* MPLS */
	        MACS "8864 1100 0001 0022 0021" UDP4, /* PPPoE */
	        MACS "1234",                          /* not a byte more */
	        MACS "88b5 02"                        /* another version */
	             "00 00 00 000000000000 000000000000 0000 00000000 0000000000000000"
	             "0000000000000000 00000000 00000000 0000000000000000",
	        MACS "88b5 01 01", /* too short to be ours */
	};

	for (unsigned i = 0; i < ARRAY_LEN(frames); i++) {
		struct bytes in = of(frames[i]);
		struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &in);

		ck_assert_int_eq(f.state, FRAME_WHOLE);
		ck_assert_int_eq(f.net, i < 5 ? AUDIT_NET_OTHER : AUDIT_NET_OURS);
		ck_assert(!f.ports_known && !f.ours_valid && !f.fragment);
		ck_assert_ptr_eq(f.bytes, in.b);
		ck_assert_uint_eq(f.flow.n, 2);
		ck_assert_uint_eq(f.key.bits[0], 0x3fff);
		ck_assert_uint_eq(f.key.bits[1], 0);
	}
}
END_TEST

struct ip_case {
	const char *what, *packet;
	enum audit_frame_state state;
	bool ports, fragment, first, last;
	uint32_t datagram;
	uint8_t protocol;
};

#define ADDRESSES4 "0a000001 0a000002"

static const struct ip_case IPV4_CASES[] = {
        {"options", "4700 0028 0000 0000 40 11 0000" ADDRESSES4 "0101010101010100" UDP_4,
                FRAME_WHOLE, true, false, false, false, 0, 17},
        {"first fragment", "4500 0020 1234 2000 40 11 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, true,
                true, true, false, 0x1234, 17},
        {"middle fragment", "4500 0020 1234 2003 40 11 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, false,
                true, false, false, 0x1234, 17},
        {"last fragment", "4500 0020 1234 0003 40 11 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, false,
                true, false, true, 0x1234, 17},
        {"TCP", "4500 0020 0001 4000 40 06 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, true, false, false,
                false, 1, 6},
        {"SCTP", "4500 0020 0001 4000 40 84 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, true, false, false,
                false, 1, 132},
        {"DCCP", "4500 0020 0001 4000 40 21 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, true, false, false,
                false, 1, 33},
        {"UDP-Lite", "4500 0020 0001 4000 40 88 0000" ADDRESSES4 UDP_4, FRAME_WHOLE, true, false,
                false, false, 1, 136},
        {"ICMP", "4500 001c 0001 4000 40 01 0000" ADDRESSES4 "0800 0000 0001 0001", FRAME_WHOLE,
                false, false, false, false, 1, 1},
        {"length left to the card", "4500 0000 0001 4000 40 06 0000" ADDRESSES4 UDP_4, FRAME_WHOLE,
                true, false, false, false, 1, 6},
        {"padding", "4500 0014 0001 4000 40 3b 0000" ADDRESSES4 "000000000000", FRAME_WHOLE, false,
                false, false, false, 1, 59},
        {"ports in the padding", "4500 0016 0001 4000 40 11 0000" ADDRESSES4 "125c0050",
                FRAME_BROKEN, false, false, false, false, 1, 17},
        {"version 5", "5500 0020 0001 4000 40 11 0000" ADDRESSES4 UDP_4, FRAME_BROKEN, false, false,
                false, false, 1, 17},
        {"header of 16", "4400 0020 0001 4000 40 11 0000" ADDRESSES4 UDP_4, FRAME_BROKEN, false,
                false, false, false, 1, 17},
        {"header beyond the length", "4f00 0020 0001 4000 40 11 0000" ADDRESSES4 UDP_4,
                FRAME_BROKEN, false, false, false, false, 1, 17},
        {"length below the header's", "4500 0013 0001 4000 40 11 0000" ADDRESSES4 UDP_4,
                FRAME_BROKEN, false, false, false, false, 1, 17},
        {"length beyond the frame", "4500 0021 0001 4000 40 11 0000" ADDRESSES4 UDP_4, FRAME_BROKEN,
                false, false, false, false, 1, 17},
};

static void assert_ip_case(const struct ip_case *c, const struct audit_frame *f)
{
	ck_assert_msg(f->state == c->state, "%s", c->what);
	ck_assert_msg(f->ports_known == c->ports, "%s", c->what);
	ck_assert_msg(f->fragment == c->fragment && f->first == c->first && f->last == c->last,
	        "%s", c->what);
	ck_assert_msg(f->datagram == c->datagram, "%s", c->what);
	ck_assert_msg(f->protocol == c->protocol, "%s", c->what);
	ck_assert_msg((f->flow.n > 0) == (c->state == FRAME_WHOLE), "%s", c->what);
	if (c->ports) {
		ck_assert_uint_eq(f->port[0], 4700);
		ck_assert_uint_eq(f->port[1], 80);
	}
}

START_TEST(ipv4)
{
	for (unsigned i = 0; i < ARRAY_LEN(IPV4_CASES); i++) {
		struct bytes in = join(MACS "0800", IPV4_CASES[i].packet);
		struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &in);

		assert_ip_case(&IPV4_CASES[i], &f);
		ck_assert_ptr_eq(f.bytes, in.b);
	}
}
END_TEST

/* Where the ports stand is in the key, wherever that is. */
START_TEST(ipv4_options_move_the_ports_of_the_key)
{
	for (uint32_t words = 5; words <= 15; words++) {
		struct bytes in = of(MACS "0800");
		struct audit_frame f;
		__uint128_t key, want = (__uint128_t)15 << (14 + words * 4);
		char head[5] = {'4', "0123456789abcdef"[words], '0', '0', '\0'};

		add(&in, head);
		add(&in, "0000 0000 0000 40 11 0000" ADDRESSES4);
		for (uint32_t i = 5; i < words; i++)
			add(&in, "01010101");
		add(&in, UDP_4);
		f = read_frame(AUDIT_LINK_ETHERNET, &in);
		ck_assert(f.ports_known);
		key = (__uint128_t)f.key.bits[1] << 64 | f.key.bits[0];
		want |= 0x3fff | 1u << 14 | 3u << 20 | 1u << 23 | (__uint128_t)0xff << 26;
		ck_assert(key == want);
	}
}
END_TEST

#define IP6(length, next) "60000000" length next "40" IP6_ADDRESSES
#define PADDING           "010400000000" /* of a header of 8 bytes, behind its first two */

static const struct ip_case IPV6_CASES[] = {
        {"hop-by-hop", IP6("0014", "00") "1100" PADDING UDP_4, FRAME_WHOLE, true, false, false,
                false, 0, 17},
        {"routing, 24 bytes",
                IP6("0024", "2b") "1102" PADDING "00000000000000000000000000000000" UDP_4,
                FRAME_WHOLE, true, false, false, false, 0, 17},
        {"destination options", IP6("0014", "3c") "0600" PADDING UDP_4, FRAME_WHOLE, true, false,
                false, false, 0, 6},
        {"authentication, 24 bytes",
                IP6("0024", "33") "1104" PADDING "00000000000000000000000000000000" UDP_4,
                FRAME_WHOLE, true, false, false, false, 0, 17},
        {"all of them",
                IP6("0034", "00") "3c00" PADDING "2b00" PADDING "2c00" PADDING "3300 0000 00000009"
                                  "1100" PADDING UDP_4,
                FRAME_WHOLE, true, false, false, false, 9, 17},
        {"a datagram in one fragment", IP6("0014", "2c") "1100 0000 00000009" UDP_4, FRAME_WHOLE,
                true, false, false, false, 9, 17},
        {"first fragment", IP6("0014", "2c") "1100 0001 89abcdef" UDP_4, FRAME_WHOLE, true, true,
                true, false, 0x89abcdef, 17},
        {"first fragment with options behind",
                IP6("001c", "2c") "3c00 0001 89abcdef"
                                  "1100" PADDING UDP_4,
                FRAME_WHOLE, true, true, true, false, 0x89abcdef, 17},
        {"middle fragment", IP6("0014", "2c") "1100 0009 89abcdef" UDP_4, FRAME_WHOLE, false, true,
                false, false, 0x89abcdef, 17},
        {"last fragment", IP6("0014", "2c") "3c00 0008 89abcdef" UDP_4, FRAME_WHOLE, false, true,
                false, true, 0x89abcdef, 60},
        {"nothing follows", IP6("0008", "00") "3b00" PADDING, FRAME_WHOLE, false, false, false,
                false, 0, 59},
        {"ESP", IP6("000c", "32") UDP_4, FRAME_WHOLE, false, false, false, false, 0, 50},
        {"length left to the card", IP6("0000", "06") UDP_4, FRAME_WHOLE, true, false, false, false,
                0, 6},
        {"the same behind options", IP6("0000", "00") "0600" PADDING UDP_4, FRAME_WHOLE, true,
                false, false, false, 0, 6},
        {"version 4", "45000000 000c 11 40" IP6_ADDRESSES UDP_4, FRAME_BROKEN, false, false, false,
                false, 0, 17},
        {"length beyond the frame", IP6("000d", "11") UDP_4, FRAME_BROKEN, false, false, false,
                false, 0, 17},
        {"ports beyond the length", IP6("0003", "11") UDP_4, FRAME_BROKEN, false, false, false,
                false, 0, 17},
        {"options beyond the length", IP6("0014", "00") "1102" PADDING UDP_4, FRAME_BROKEN, false,
                false, false, false, 0, 0},
        {"ports beyond, behind options", IP6("000a", "00") "1100" PADDING "125c", FRAME_BROKEN,
                false, false, false, false, 0, 17},
        {"a fragment of a fragment",
                IP6("001c", "2c") "2c00 0001 00000001"
                                  "1100 0001 00000002" UDP_4,
                FRAME_BROKEN, false, true, true, false, 1, 44},
};

START_TEST(ipv6)
{
	for (unsigned i = 0; i < ARRAY_LEN(IPV6_CASES); i++) {
		struct bytes in = join(MACS "86dd", IPV6_CASES[i].packet);
		struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &in);

		assert_ip_case(&IPV6_CASES[i], &f);
	}
}
END_TEST

START_TEST(ipv6_without_its_extension_headers)
{
	struct bytes in = join(MACS "86dd",
	        IP6("0034", "00") "3c00" PADDING "2b00" PADDING "2c00" PADDING "3300 0000 00000009"
	                          "1100" PADDING UDP_4);
	struct bytes want = of(MACS "86dd" UDP6), untouched = in;
	struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &in);

	assert_udp(&f, AUDIT_NET_IPV6);
	assert_bytes(&f, &want);
	ck_assert_mem_eq(in.b, untouched.b, in.n);
	/* Any prefix is cut; what was there is as it was. */
	for (uint32_t n = 0; n < in.n - 8; n++) {
		ck_assert(audit_frame_read(AUDIT_LINK_ETHERNET, in.b, n, in.n, scratch, &f));
		ck_assert_msg(f.state == FRAME_CUT, "%u bytes", n);
		ck_assert_mem_eq(f.mac[1], n < 6 ? "\0\0\0\0\0\0" : "\2\0\0\0\0\2", 6);
		ck_assert_int_eq(f.macs_known[1], n >= 6);
		ck_assert_int_eq(f.macs_known[0], n >= 12);
		ck_assert_mem_eq(
		        f.address[0].bytes, n < 54 ? (const uint8_t[16]){0} : want.b + 22, 16);
	}
	/* The same as a captured frame whose payload was cut. */
	ck_assert(audit_frame_read(AUDIT_LINK_ETHERNET, in.b, in.n - 8, in.n, scratch, &f));
	ck_assert_int_eq(f.state, FRAME_WHOLE);
	ck_assert_uint_eq(f.captured, want.n - 8);
	ck_assert_uint_eq(f.wire, want.n);
	ck_assert_mem_eq(f.bytes, want.b, want.n - 8);
}
END_TEST

static const struct wire_message MESSAGE = {
        .sent_ns = 123456789,
        .plane = WIRE_DATA,
        .critical = true,
        .from = {3, 2, 1},
        .to = {4, 0, 7},
        .stage = 1,
        .hop = 2,
        .sampling = 16,
        .artifact = 0x1122334455667788,
        .request = 99,
        .token = 5,
        .payload_bytes = 8192,
};

static void assert_ours(const struct audit_frame *f, const struct wire_message *m)
{
	ck_assert_int_eq(f->state, FRAME_WHOLE);
	ck_assert(f->ours_valid);
	ck_assert_int_eq(f->ours.sent_ns, m->sent_ns);
	ck_assert_int_eq(f->ours.plane, m->plane);
	ck_assert_int_eq(f->ours.critical, m->critical);
	ck_assert_uint_eq(f->ours.from.rack, m->from.rack);
	ck_assert_uint_eq(f->ours.to.chip, m->to.chip);
	ck_assert_uint_eq(f->ours.request, m->request);
}

START_TEST(frames_of_ours)
{
	struct bytes in = {.n = 0}, tagged;
	struct audit_frame f;

	in.n = (uint32_t)wire_encode(&MESSAGE, in.b);
	f = read_frame(AUDIT_LINK_ETHERNET, &in);
	ck_assert_int_eq(f.net, AUDIT_NET_OURS);
	assert_ours(&f, &MESSAGE);
	tagged.n = in.n + 4;
	memcpy(tagged.b, in.b, 12);
	memcpy(tagged.b + 12, "\x81\0\0\7", 4);
	memcpy(tagged.b + 16, in.b + 12, in.n - 12);
	f = read_frame(AUDIT_LINK_ETHERNET, &tagged);
	assert_ours(&f, &MESSAGE);
	assert_bytes(&f, &in);
	for (uint32_t n = 0; n < in.n; n++) {
		ck_assert(audit_frame_read(AUDIT_LINK_ETHERNET, in.b, n, in.n, scratch, &f));
		ck_assert_int_eq(f.state, FRAME_CUT);
		ck_assert(!f.ours_valid);
	}
}
END_TEST

START_TEST(datagrams_of_ours)
{
	for (enum wire_plane plane = WIRE_CONTROL; plane < WIRE_PLANES; plane++) {
		struct wire_message m = MESSAGE;
		struct bytes in = {.n = 0};
		struct audit_frame f;

		m.plane = plane;
		m.to = (struct wire_end){0, WIRE_HOST_TELEMETRY, WIRE_NONE};
		in.n = (uint32_t)wire_encode(&m, in.b);
		f = read_frame(AUDIT_LINK_ETHERNET, &in);
		ck_assert_int_eq(f.net, AUDIT_NET_IPV4);
		ck_assert(f.ports_known);
		assert_ours(&f, &m);
		/* A cut one is a doubt, also before the mark: whose is it? */
		for (uint32_t n = 38; n < in.n; n++) {
			ck_assert(
			        audit_frame_read(AUDIT_LINK_ETHERNET, in.b, n, in.n, scratch, &f));
			ck_assert(!f.ours_valid);
			ck_assert_int_eq(f.state, FRAME_CUT);
		}
		in.b[42] = 'l'; /* no mark */
		f = read_frame(AUDIT_LINK_ETHERNET, &in);
		ck_assert_int_eq(f.state, FRAME_WHOLE);
		ck_assert(!f.ours_valid);
	}
}
END_TEST

/* What must and what must not tell flows apart. */
static bool same_flow(const struct wire_message *a, const struct wire_message *b)
{
	struct bytes one = {.n = 0}, other = {.n = 0};
	struct audit_frame f, g;

	one.n = (uint32_t)wire_encode(a, one.b);
	other.n = (uint32_t)wire_encode(b, other.b);
	f = read_frame(AUDIT_LINK_ETHERNET, &one);
	g = read_frame(AUDIT_LINK_ETHERNET, &other);
	ck_assert(f.flow.n > 0 && g.flow.n > 0);
	if (audit_flow_equal(&f.flow, &g.flow)) {
		ck_assert(audit_flow_hash(&f.flow, 7) == audit_flow_hash(&g.flow, 7));
		ck_assert_mem_eq(&f.key, &g.key, sizeof(f.key));
		return true;
	}
	ck_assert(audit_flow_hash(&f.flow, 7) != audit_flow_hash(&g.flow, 7));
	return false;
}

START_TEST(flows_of_ours)
{
	for (enum wire_plane plane = WIRE_DATA; plane < WIRE_PLANES; plane++) {
		struct wire_message a = MESSAGE, b;

		a.plane = plane;
		b = a;
		b.request = 100;
		b.token = 6;
		b.sent_ns++;
		b.stage++;
		b.hop++;
		b.payload_bytes++;
		b.artifact++;
		b.sampling++;
		ck_assert(same_flow(&a, &b));
		b.critical = !a.critical;
		ck_assert(!same_flow(&a, &b));
		b = a;
		b.from.chip = 2; /* the same node, hence the same address on the network */
		ck_assert(!same_flow(&a, &b));
		b = a;
		b.to.rack = 260;
		ck_assert(!same_flow(&a, &b));
		b = a;
		b.plane = (plane + 1) % WIRE_PLANES;
		ck_assert(!same_flow(&a, &b));
	}
}
END_TEST

/* One byte changed: is it another flow? */
static void assert_flows(const char *hex, const char *apart)
{
	struct bytes in = of(hex);
	struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &in), g;
	struct audit_flow_key flow = f.flow;
	struct filter_key key = f.key;

	for (uint32_t i = 0; i < in.n; i++) {
		bool in_key = key.bits[i / 64] >> (i % 64) & 1;

		ck_assert_msg(in_key == (apart[i] == 'x'), "byte %u", i);
		in.b[i] ^= 1;
		g = read_frame(AUDIT_LINK_ETHERNET, &in);
		in.b[i] ^= 1;
		if (i == 12 || i == 13 || g.state != FRAME_WHOLE)
			continue; /* another kind of frame */
		ck_assert_msg(audit_flow_equal(&flow, &g.flow) == !in_key, "byte %u", i);
	}
}

START_TEST(flows_of_packets)
{
	assert_flows(MACS "0800 4500 0020 0000 4000 40 06 0000" ADDRESSES4 UDP_4,
	        "xxxxxxxxxxxxxx"
	        "x-----xx-x--xxxxxxxx"
	        "xxxx--------");
	assert_flows(MACS "0800 4500 0020 0000 4000 40 01 0000" ADDRESSES4 UDP_4,
	        "xxxxxxxxxxxxxx"
	        "x-----xx-x--xxxxxxxx"
	        "------------");
	assert_flows(MACS "86dd" UDP6, "xxxxxxxxxxxxxx"
	                               "------x-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                               "xxxx--------");
	assert_flows(MACS "0806 0001 0800", "xxxxxxxxxxxxxx"
	                                    "----");
}
END_TEST

/* Zeros that were sent and zeros that stand for what is not known are told apart. */
START_TEST(unknown_addresses_are_another_flow)
{
	struct bytes sent = of("000000000000 000000000000 0800" UDP4), raw = of(UDP4);
	struct audit_frame f = read_frame(AUDIT_LINK_ETHERNET, &sent);
	struct audit_flow_key flow = f.flow;

	f = read_frame(AUDIT_LINK_RAW, &raw);
	assert_bytes(&f, &sent);
	ck_assert(!audit_flow_equal(&f.flow, &flow));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit_frame");

	add_test(suite, "plain", plain_ethernet_is_not_copied);
	add_test(suite, "tags", tags_are_removed);
	add_test(suite, "bad tags", too_many_or_cut_tags);
	add_test(suite, "links", links_become_ethernet);
	add_test(suite, "cut links", links_cut_anywhere);
	add_test(suite, "unknown links", links_that_are_not_known);
	add_test(suite, "odd links", odd_links);
	add_test(suite, "others", others_are_left_alone);
	add_test(suite, "ipv4", ipv4);
	add_test(suite, "ipv4 options", ipv4_options_move_the_ports_of_the_key);
	add_test(suite, "ipv6", ipv6);
	add_test(suite, "ipv6 extensions", ipv6_without_its_extension_headers);
	add_test(suite, "ours", frames_of_ours);
	add_test(suite, "our datagrams", datagrams_of_ours);
	add_test(suite, "flows of ours", flows_of_ours);
	add_test(suite, "flows", flows_of_packets);
	add_test(suite, "unknown addresses", unknown_addresses_are_another_flow);
	return run_suite(suite);
}
