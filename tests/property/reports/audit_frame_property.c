/* One packet on every link, behind any tags, comes out as the same frame, on which a class filter
 * says what it says of the plain packet: what a filter meets does not depend on where one listened.
 * And packets of one flow key get one answer from every filter that does not go beyond it. */
#include <pcap/pcap.h>
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/prng.h"
#include "reports/audit_frame.h"
#include "tests/support/run_suite.h"

enum { BYTES_MAX = 256, PACKETS = 8000, FLOWS = 4096, KEPT = 8 };

static const char *const EXPRESSIONS[] = {"udp port 4700", "tcp and dst portrange 4710-4712", "ip",
        "net 10.1.0.0/16 or net fd01::/16", "src host 10.0.0.1", "ip6 and udp", "port 80",
        "not ip and not ip6", "ip proto 17 or ip6 proto 6", "icmp or icmp6", "udp[8] & 1 = 1",
        "ip[8] > 100", "len > 90"};

struct bytes {
	uint8_t b[BYTES_MAX];
	uint32_t n;
};

static void put(struct bytes *out, const void *from, uint32_t n)
{
	CHECK(out->n + n <= BYTES_MAX);
	if (n)
		memcpy(out->b + out->n, from, n);
	out->n += n;
}

static void put16(struct bytes *out, uint32_t v)
{
	uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	put(out, b, 2);
}

/* One of a few, so that flows meet again. */
static void put_transport(struct bytes *out, uint64_t u)
{
	static const uint16_t ports[] = {4700, 80, 4711, 53};
	uint8_t payload[24];

	put16(out, ports[u & 3]);
	put16(out, ports[u >> 2 & 3]);
	for (unsigned i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(u >> (i % 8 * 7) ^ i);
	payload[8] = 0x50;
	put(out, payload, sizeof(payload));
}

static void put_ipv4(struct bytes *out, uint64_t u, uint8_t protocol)
{
	uint32_t options = u & 1 ? 0 : (u >> 1 & 3) * 4;
	uint8_t head[60] = {[0] = (uint8_t)(0x45 + options / 4),
	        [3] = (uint8_t)(20 + options + 28),
	        [6] = u >> 3 & 1 ? 0x40 : 0,
	        [8] = (uint8_t)(u >> 8),
	        [9] = protocol,
	        [12] = 10,
	        [13] = u >> 4 & 1,
	        [15] = (uint8_t)(u >> 16 & 1),
	        [16] = 10,
	        [17] = u >> 5 & 1,
	        [19] = (uint8_t)(u >> 17 & 1)};

	put(out, head, 20 + options);
	put_transport(out, u >> 32);
}

/* With the extension headers that the bits of `more` say, or (plain) what is left without them. */
static void put_ipv6(struct bytes *out, uint64_t u, uint8_t protocol, unsigned more, bool plain)
{
	static const uint8_t headers[4] = {0, 43, 60, 44};
	uint8_t head[40] = {[0] = 0x60,
	        [7] = (uint8_t)(u >> 8),
	        [8] = 0xfd,
	        [9] = u >> 4 & 1,
	        [23] = (uint8_t)(u >> 16 & 1),
	        [24] = 0xfd,
	        [25] = u >> 5 & 1,
	        [39] = (uint8_t)(u >> 17 & 1)};
	uint8_t *next = &head[6];
	uint32_t n = 0;
	uint8_t extensions[32] = {0};

	for (unsigned i = 0; i < 4 && !plain; i++) {
		if (more >> i & 1) {
			*next = headers[i];
			next = &extensions[n];
			n += 8;
		}
	}
	*next = protocol;
	head[5] = (uint8_t)(28 + n);
	put(out, head, 40);
	put(out, extensions, n);
	put_transport(out, u >> 32);
}

static bool is_six(uint64_t u)
{
	return u >> 7 & 1;
}

static void put_packet(struct bytes *out, uint64_t u, unsigned more, bool plain)
{
	static const uint8_t protocols[] = {6, 17, 17, 132, 1, 58, 136, 47};
	uint8_t protocol = protocols[u >> 20 & 7];

	if (is_six(u))
		put_ipv6(out, u, protocol, more, plain);
	else
		put_ipv4(out, u, protocol);
}

static uint16_t type_of(uint64_t u)
{
	return is_six(u) ? 0x86dd : 0x0800;
}

static const uint8_t DESTINATION[6] = {2, 0, 0, 0, 0, 2}, SOURCE[6] = {2, 0, 0, 0, 0, 1}, NOBODY[6];

/* The plain frame, with the addresses that the link knows. */
static struct bytes plain_frame(int link, uint64_t u)
{
	struct bytes out = {.n = 0};
	bool cooked = link == AUDIT_LINK_COOKED || link == AUDIT_LINK_COOKED2;

	put(&out, link == AUDIT_LINK_ETHERNET ? DESTINATION : NOBODY, 6);
	put(&out, cooked || link == AUDIT_LINK_ETHERNET ? SOURCE : NOBODY, 6);
	put16(&out, type_of(u));
	put_packet(&out, u, 0, true);
	return out;
}

/* Tags between their own first type and that of the packet: TCI and type, `n` times. */
static void put_tags(struct bytes *out, unsigned n, uint16_t type)
{
	for (unsigned i = 0; i < n; i++) {
		put16(out, 7 + i);
		put16(out, i + 1 < n ? 0x8100 : type);
	}
}

static struct bytes linked(int link, uint64_t u, unsigned tags, unsigned more)
{
	static const uint8_t cooked_head[6] = {0, 0, 0, 1, 0, 6};
	static const uint8_t cooked2_head[10] = {0, 0, 0, 0, 0, 2, 0, 1, 0, 6};
	uint16_t type = type_of(u), first = tags ? 0x8100 : type;
	struct bytes out = {.n = 0};

	if (link == AUDIT_LINK_ETHERNET) {
		put(&out, DESTINATION, 6);
		put(&out, SOURCE, 6);
		put16(&out, first);
	} else if (link == AUDIT_LINK_COOKED) {
		put(&out, cooked_head, 6);
		put(&out, SOURCE, 6);
		put16(&out, 0);
		put16(&out, first);
	} else if (link == AUDIT_LINK_COOKED2) {
		put16(&out, first);
		put(&out, cooked2_head, 10);
		put(&out, SOURCE, 6);
		put16(&out, 0);
	} else if (link == AUDIT_LINK_NULL || link == AUDIT_LINK_LOOP) {
		put16(&out, 0);
		put16(&out, is_six(u) ? 30 : 2);
		tags = 0;
	} else {
		tags = 0;
	}
	put_tags(&out, tags, type);
	put_packet(&out, u, more, false);
	return out;
}

static struct filter compile(pcap_t *dead, const char *expression, struct bpf_program *program)
{
	struct filter f;

	ck_assert_msg(pcap_compile(dead, program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0, "%s",
	        pcap_geterr(dead));
	f = (struct filter){(struct filter_insn *)program->bf_insns, program->bf_len};
	ck_assert(filter_is_sound(&f));
	return f;
}

START_TEST(every_link_says_the_same)
{
	static const int links[] = {AUDIT_LINK_ETHERNET, AUDIT_LINK_COOKED, AUDIT_LINK_COOKED2,
	        AUDIT_LINK_NULL, AUDIT_LINK_LOOP, AUDIT_LINK_RAW};
	struct bpf_program programs[ARRAY_LEN(EXPRESSIONS)];
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
	struct prng g = prng_stream(21, "test/links");
	uint8_t scratch[BYTES_MAX + 64];

	for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++)
		compile(dead, EXPRESSIONS[e], &programs[e]);
	for (unsigned i = 0; i < PACKETS; i++) {
		uint64_t u = prng_next(&g);
		uint64_t w = prng_next(&g);
		int link = links[w % ARRAY_LEN(links)];
		struct bytes want = plain_frame(link, u);
		struct bytes in = linked(link, u, w >> 8 & 3, w >> 16 & 15);
		struct audit_frame f;

		if (!audit_frame_read(link, in.b, in.n, in.n, scratch, &f) ||
		        f.state != FRAME_WHOLE || f.captured != want.n || f.wire != want.n ||
		        memcmp(f.bytes, want.b, want.n) != 0)
			ck_abort_msg("packet %u, link %d: another frame", i, link);
		for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++) {
			struct filter filter = {
			        (struct filter_insn *)programs[e].bf_insns, programs[e].bf_len};
			bool beyond = false;
			bool yes =
			        filter_run(&filter, f.bytes, f.captured, f.wire, &f.key, &beyond);

			/* What asks for addresses, protocols and ports only must be one that is
			 * kept, or the audit is slow. */
			if (yes != (bpf_filter(programs[e].bf_insns, want.b, want.n, want.n) !=
			                   0) ||
			        (beyond && !strpbrk(EXPRESSIONS[e], "[>")))
				ck_abort_msg("packet %u, link %d: %s", i, link, EXPRESSIONS[e]);
		}
	}
	for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++)
		pcap_freecode(&programs[e]);
	pcap_close(dead);
}
END_TEST

struct kept {
	struct audit_flow_key flow;
	struct filter_key key;
	uint32_t answers; /* bit e: yes */
};

/* By the packed key alone, in a table that forgets: what was said of the flow before must be what
 * is said of its next packet, for every filter that did not go beyond. */
START_TEST(one_flow_one_answer)
{
	static struct kept table[FLOWS];
	struct bpf_program programs[ARRAY_LEN(EXPRESSIONS)];
	struct filter filters[ARRAY_LEN(EXPRESSIONS)];
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
	struct prng g = prng_stream(22, "test/flows");
	uint8_t scratch[BYTES_MAX + 64];
	unsigned met = 0;

	for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++)
		filters[e] = compile(dead, EXPRESSIONS[e], &programs[e]);
	for (unsigned i = 0; i < PACKETS * KEPT; i++) {
		uint64_t u = prng_next(&g) & ~UINT64_C(6); /* fewer option lengths */
		struct bytes in = linked(AUDIT_LINK_ETHERNET, u, u >> 60 & 1, 0);
		struct audit_frame f;
		struct kept *k;
		uint32_t answers = 0;

		CHECK(audit_frame_read(AUDIT_LINK_ETHERNET, in.b, in.n, in.n, scratch, &f));
		k = &table[audit_flow_hash(&f.flow, 1) % FLOWS];
		for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++) {
			bool beyond = false;
			bool yes = filter_run(
			        &filters[e], f.bytes, f.captured, f.wire, &f.key, &beyond);

			answers |= (uint32_t)(yes && !beyond) << e;
			answers |= (uint32_t)beyond << (e + ARRAY_LEN(EXPRESSIONS));
		}
		if (k->flow.n > 0 && audit_flow_equal(&k->flow, &f.flow)) {
			if (memcmp(&k->key, &f.key, sizeof(f.key)) != 0 || k->answers != answers)
				ck_abort_msg("packet %u: one flow, two answers", i);
			met++;
		}
		*k = (struct kept){f.flow, f.key, answers};
	}
	ck_assert_uint_gt(met, PACKETS); /* else nothing was compared */
	for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++)
		pcap_freecode(&programs[e]);
	pcap_close(dead);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit_frame");

	add_test(suite, "links", every_link_says_the_same);
	add_test(suite, "flows", one_flow_one_answer);
	return run_suite(suite);
}
