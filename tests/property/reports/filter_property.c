/* Our interpreter against libpcap's (bpf_filter), on what libpcap compiles and on random programs;
 * and its promise about keys: an answer that does not lie beyond the key is the answer of every
 * frame with the same bytes there, whatever its other bytes and its length. */
#include <pcap/pcap.h>
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/prng.h"
#include "reports/filter.h"
#include "tests/support/run_suite.h"

enum { FRAME_BYTES = 192, ROUNDS = 1000, PROGRAMS = 15000, INSNS = 40, MEMORY = 16 };

_Static_assert(sizeof(struct filter_insn) == sizeof(struct bpf_insn), "one layout");

static const char *const EXPRESSIONS[] = {"ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp",
        "port 4700", "udp port 4700", "tcp src port 80", "tcp dst port 443", "portrange 4710-4712",
        "udp src portrange 1024-65535", "host 10.0.0.7",
        "src host 10.0.0.7 and dst net 10.1.0.0/16", "net 10.64.0.0/10", "ip6 host fd00::1",
        "src net fd00::/64 or dst net fd00::/48", "ether host 02:4c:00:00:00:00",
        "ether src 02:4c:00:01:02:03", "ether proto 0x88b5",
        "ether proto 0x88b5 and ether[15] & 1 = 1", "ether broadcast", "ether multicast",
        "ip multicast", "ip broadcast or ip6 multicast", "ip proto 47", "ip6 proto 17", "ip[8] < 5",
        "ip[6:2] & 0x1fff != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", "udp[4:2] > 100", "udp[8:4] = 0x4c504331",
        "len > 100", "less 64", "greater 1000", "icmp[icmptype] = icmp-echo", "not ip and not ip6",
        "not (tcp port 22 or udp port 53)", "ether[0] & 1 = 0 and ip[16] >= 224",
        "(tcp or udp) and (port 1 or port 2 or port 3)", "ip[0] & 0xf != 5",
        "ether[12:2] = 0x0806 and arp[6:2] = 1", "stp", "llc", "ether[20] / 3 = 7",
        "ether[20] % 7 = 3", "ether[14] * 2 - 1 > ip[9]",
        "ether[14:4] ^ 0xdeadbeef != ip[12:4] << 3", "(ip[2:2] - ((ip[0] & 0xf) << 2)) > 64",
        "ether[100:4] > 77", "vlan", "vlan 7 and udp port 4700", "pppoes", "mpls",
        "arp host 10.0.0.1", "ip6[6] = 17 and ip6[40:2] = 4700",
        "dst port 4700 and (src net 10.64.0.0/16 or src net 10.65.0.0/16)"};

/* Bytes that a filter has something to say about, then noise. */
static void make_frame(struct prng *g, uint8_t *frame)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x86dd, 0x0806, 0x88b5, 0x8100, 0x0040};
	static const uint8_t protocols[] = {6, 17, 17, 1, 132, 58, 44, 47};
	static const uint16_t ports[] = {4700, 80, 443, 22, 53, 4710, 4711, 1, 2};
	bool four;
	uint64_t u;

	for (unsigned i = 0; i < FRAME_BYTES; i++)
		frame[i] = (uint8_t)prng_next(g);
	u = prng_next(g);
	frame[12] = (uint8_t)(types[u % ARRAY_LEN(types)] >> 8);
	frame[13] = (uint8_t)types[u % ARRAY_LEN(types)];
	four = frame[12] == 8;
	frame[14] = four ? (uint8_t)(0x45 + (u >> 8) % 2) : 0x60;
	frame[four ? 23 : 20] = protocols[(u >> 16) % ARRAY_LEN(protocols)];
	if (u >> 24 & 1) {
		frame[20] = (uint8_t)(four ? 0x40 : frame[20]);
		frame[21] = 0;
	}
	if (u >> 25 & 1) {
		memcpy(frame + (four ? 26 : 22), four ? "\x0a\x00\x00\x07\x0a\x01" : "\xfd\x00", 2);
		memcpy(frame, "\x02\x4c\x00\x00\x00\x00", 6);
	}
	for (unsigned i = 0; i < 2; i++) {
		uint16_t port = ports[(u >> (32 + 8 * i)) % ARRAY_LEN(ports)];
		unsigned at = (four ? 34 + (frame[14] - 0x45u) * 4 : 54) + 2 * i;

		frame[at] = (uint8_t)(port >> 8);
		frame[at + 1] = (uint8_t)port;
	}
}

static bool key_bit(const struct filter_key *key, unsigned i)
{
	return i < FILTER_KEY_BYTES && key->bits[i / 64] >> (i % 64) & 1;
}

static uint32_t any_length(struct prng *g, uint32_t least)
{
	uint64_t u = prng_next(g);

	return u & 1 ? FRAME_BYTES : least + (uint32_t)((u >> 1) % (FRAME_BYTES + 1 - least));
}

/* The same answer as libpcap; and if the key is all that was asked, the same for another frame
 * with that key. */
static void compare(struct prng *g, const struct filter *f, const char *what, unsigned round)
{
	uint8_t frame[FRAME_BYTES], other[FRAME_BYTES];
	struct filter_key key = {{prng_next(g), 0}};
	const struct bpf_insn *theirs = (const struct bpf_insn *)f->insns;
	uint32_t captured, wire, least = 0;
	bool beyond = false, yes;

	key.bits[1] = prng_next(g);
	if (round % 4 == 0) /* a wide one, so that there is something to promise */
		memset(&key, 0xff, sizeof(key));
	make_frame(g, frame);
	captured = any_length(g, 0);
	wire = captured + (uint32_t)prng_below(prng_next(g), 2000);
	for (unsigned i = 0; i < FILTER_KEY_BYTES; i++) {
		if (i >= captured)
			key.bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
		if (key_bit(&key, i))
			least = i + 1;
	}
	yes = filter_run(f, frame, captured, wire, &key, &beyond);
	if (yes != (bpf_filter(theirs, frame, wire, captured) != 0) ||
	        filter_run(f, frame, captured, wire, NULL, NULL) != yes)
		ck_abort_msg("%s, round %u", what, round);
	if (beyond)
		return;
	make_frame(g, other);
	for (unsigned i = 0; i < FILTER_KEY_BYTES; i++)
		other[i] = key_bit(&key, i) ? frame[i] : other[i];
	captured = any_length(g, least);
	wire = captured + (uint32_t)prng_below(prng_next(g), 2000);
	if (yes != (bpf_filter(theirs, other, wire, captured) != 0))
		ck_abort_msg("%s, round %u: the key did not decide", what, round);
}

START_TEST(compiled_expressions)
{
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
	struct prng g = prng_stream(11, "test/expressions");

	for (unsigned e = 0; e < ARRAY_LEN(EXPRESSIONS); e++) {
		for (int optimize = 0; optimize < 2; optimize++) {
			struct bpf_program program;
			struct filter f;

			ck_assert_msg(pcap_compile(dead, &program, EXPRESSIONS[e], optimize,
			                      PCAP_NETMASK_UNKNOWN) == 0 ||
			                      strstr(EXPRESSIONS[e], "ip broadcast"),
			        "%s: %s", EXPRESSIONS[e], pcap_geterr(dead));
			if (strstr(EXPRESSIONS[e], "ip broadcast"))
				continue; /* needs a netmask: refused */
			f = (struct filter){(struct filter_insn *)program.bf_insns, program.bf_len};
			ck_assert_msg(filter_is_sound(&f), "%s", EXPRESSIONS[e]);
			for (unsigned round = 0; round < ROUNDS; round++)
				compare(&g, &f, EXPRESSIONS[e], round);
			pcap_freecode(&program);
		}
	}
	pcap_close(dead);
}
END_TEST

static const uint8_t CODES[] = {0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61,
        0x81, 0xb1, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54,
        0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d,
        0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87};

/* Sound, and without what libpcap leaves open: memory is written before it is read, constant shifts
 * stay below 32. */
static void make_program(struct prng *g, struct filter_insn *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t u = prng_next(g);
		unsigned code = CODES[u % ARRAY_LEN(CODES)], class = code & 7;
		uint32_t left = n - 1 - i, k = (uint32_t)(u >> 32);
		bool memory = class == 2 || class == 3 || code == 0x60 || code == 0x61;

		if (i < MEMORY) {
			code = 2;
			k = i;
		} else if (i == n - 1) {
			code = u >> 8 & 1 ? 0x06 : 0x16;
		} else if (memory) {
			k %= MEMORY;
		} else if (code == 0x64 || code == 0x74) {
			k %= 32;
		} else if (class <= 1 && (code & 0xe0) != 0) {
			k %= FRAME_BYTES + 2;
		} else if (code == 0x34 || code == 0x94) {
			k |= 1;
		} else if (code == 0x05) {
			k %= left;
		} else if (u >> 8 & 1) {
			k &= 0xff;
		}
		out[i] = (struct filter_insn){(uint16_t)code, 0, 0, k};
		if (i != n - 1 && i >= MEMORY && class == 5 && code != 0x05) {
			out[i].jt = (uint8_t)((u >> 16 & 0xff) % left);
			out[i].jf = (uint8_t)((u >> 24 & 0xff) % left);
		}
	}
}

START_TEST(random_programs)
{
	struct prng g = prng_stream(12, "test/programs");
	struct filter_insn insns[INSNS];
	char name[32];

	for (unsigned i = 0; i < PROGRAMS; i++) {
		uint32_t n = MEMORY + 1 + (uint32_t)prng_below(prng_next(&g), INSNS - MEMORY);
		struct filter f = {insns, n};

		make_program(&g, insns, n);
		ck_assert(filter_is_sound(&f));
		snprintf(name, sizeof(name), "program %u", i);
		for (unsigned round = 0; round < 8; round++)
			compare(&g, &f, name, round);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");

	add_test(suite, "expressions", compiled_expressions);
	add_test(suite, "programs", random_programs);
	return run_suite(suite);
}
