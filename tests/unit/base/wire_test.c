#include "harness/base/wire.h"
#include "harness/base/check.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

#include <string.h>

enum { ETHER = 14, IP = 20 };

static const struct wire_message HOP = {
        .sent_ns = 1234567890123,
        .plane = WIRE_DATA,
        .critical = true,
        .from = {0, 3, 7},
        .to = {1, 4, 0},
        .stage = 3,
        .hop = 9,
        .sampling = 16,
        .artifact = 0x0123456789abcdef,
        .request = 4001,
        .token = 127,
        .payload_bytes = 32768,
};

static const struct wire_message POLL = {
        .sent_ns = 50000000,
        .plane = WIRE_CONTROL,
        .from = {0, WIRE_HOST_CONTROL, WIRE_NONE},
        .to = {300, 2, WIRE_NONE},
        .stage = WIRE_NONE,
        .sampling = 1,
        .payload_bytes = 64,
};

/* Both written down from the header's words by another program. */
static const uint8_t HOP_FRAME[WIRE_FRAME_BYTES] = {
        0x02,
        0x4c,
        0x00,
        0x01,
        0x04,
        0x00,
        0x02,
        0x4c,
        0x00,
        0x00,
        0x03,
        0x07,
        0x88,
        0xb5,
        0x01,
        0x01,
        0x00,
        0x09,
        0x00,
        0x00,
        0x00,
        0x03,
        0x00,
        0x07,
        0x00,
        0x01,
        0x00,
        0x04,
        0x00,
        0x00,
        0x00,
        0x03,
        0x00,
        0x00,
        0x00,
        0x10,
        0x01,
        0x23,
        0x45,
        0x67,
        0x89,
        0xab,
        0xcd,
        0xef,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x0f,
        0xa1,
        0x00,
        0x00,
        0x00,
        0x7f,
        0x00,
        0x00,
        0x80,
        0x00,
        0x00,
        0x00,
        0x01,
        0x1f,
        0x71,
        0xfb,
        0x04,
        0xcb,
};

static const uint8_t POLL_FRAME[WIRE_UDP_BYTES] = {
        0x02,
        0x4c,
        0x01,
        0x2c,
        0x02,
        0xff,
        0x02,
        0x4c,
        0x00,
        0x00,
        0xfc,
        0xff,
        0x08,
        0x00,
        0x45,
        0x00,
        0x00,
        0x56,
        0x00,
        0x00,
        0x40,
        0x00,
        0x40,
        0x11,
        0xf9,
        0x16,
        0x0a,
        0x40,
        0x00,
        0xfd,
        0x0a,
        0x41,
        0x2c,
        0x03,
        0x12,
        0x66,
        0x12,
        0x66,
        0x00,
        0x42,
        0x11,
        0xb6,
        0x4c,
        0x50,
        0x43,
        0x31,
        0x01,
        0x00,
        0x01,
        0x00,
        0x00,
        0x00,
        0x00,
        0xfc,
        0xff,
        0xff,
        0x01,
        0x2c,
        0x00,
        0x02,
        0xff,
        0xff,
        0xff,
        0xff,
        0x00,
        0x00,
        0x00,
        0x01,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x40,
        0x00,
        0x00,
        0x00,
        0x00,
        0x02,
        0xfa,
        0xf0,
        0x80,
};

START_TEST(frames_have_the_bytes_of_the_contract)
{
	uint8_t out[WIRE_BYTES_MAX];

	ck_assert_uint_eq(wire_encode(&HOP, out), WIRE_FRAME_BYTES);
	ck_assert_mem_eq(out, HOP_FRAME, WIRE_FRAME_BYTES);
	ck_assert_uint_eq(wire_encode(&POLL, out), WIRE_UDP_BYTES);
	ck_assert_mem_eq(out, POLL_FRAME, WIRE_UDP_BYTES);
}
END_TEST

static void assert_same(const struct wire_message *a, const struct wire_message *b)
{
	ck_assert_int_eq(a->sent_ns, b->sent_ns);
	ck_assert_int_eq(a->plane, b->plane);
	ck_assert_int_eq(a->critical, b->critical);
	ck_assert_mem_eq(&a->from, &b->from, sizeof(a->from));
	ck_assert_mem_eq(&a->to, &b->to, sizeof(a->to));
	ck_assert_uint_eq(a->stage, b->stage);
	ck_assert_uint_eq(a->hop, b->hop);
	ck_assert_uint_eq(a->sampling, b->sampling);
	ck_assert_uint_eq(a->artifact, b->artifact);
	ck_assert_uint_eq(a->request, b->request);
	ck_assert_uint_eq(a->token, b->token);
	ck_assert_uint_eq(a->payload_bytes, b->payload_bytes);
}

static uint64_t below(struct prng *p, uint64_t n)
{
	return prng_below(prng_next(p), n);
}

static struct wire_end any_end(struct prng *p, bool chip)
{
	struct wire_end e = {WIRE_NONE, WIRE_NONE, WIRE_NONE};

	e.rack = (uint16_t)below(p, WIRE_RACKS_MAX);
	if (below(p, 8))
		e.node = (uint16_t)below(p, WIRE_NODES_MAX);
	else
		return e;
	if (chip && below(p, 4))
		e.chip = (uint16_t)below(p, WIRE_CHIPS_MAX);
	return e;
}

static struct wire_message any_message(struct prng *p)
{
	struct wire_message m = {.sent_ns = (int64_t)(prng_next(p) >> 1)};
	uint64_t bits = prng_next(p);
	uint64_t more = prng_next(p);

	m.plane = (enum wire_plane)(bits % WIRE_PLANES);
	m.critical = bits >> 8 & 1;
	m.hop = (uint8_t)(bits >> 9);
	m.stage = (uint16_t)(bits >> 17);
	m.payload_bytes = (uint32_t)(bits >> 32);
	m.sampling = (uint32_t)more;
	m.token = (uint32_t)(more >> 32);
	m.artifact = prng_next(p);
	m.request = prng_next(p);
	m.from = any_end(p, true);
	m.to = any_end(p, true);
	if (m.plane != WIRE_DATA && below(p, 2)) {
		m.from = (struct wire_end){0, WIRE_HOST_REGISTRY, WIRE_NONE};
		m.from.node = (uint16_t)(m.from.node + below(p, 3));
	}
	return m;
}

static uint32_t ones_complement(const uint8_t *v, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++) {
		sum += i & 1 ? v[i] : (uint32_t)v[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

/* A receiver's check: over header, or pseudo header and datagram, the sum is all ones. */
static void assert_checksums(const uint8_t *frame)
{
	const uint8_t *ip = frame + ETHER, *udp = ip + IP;
	uint32_t udp_bytes = (uint32_t)(udp[4] << 8 | udp[5]);

	ck_assert_uint_eq(ones_complement(ip, IP, 0), 0xffff);
	ck_assert_uint_eq(
	        ones_complement(udp, udp_bytes, ones_complement(ip + 12, 8, 17 + udp_bytes)),
	        0xffff);
	ck_assert(udp[6] || udp[7]);
	ck_assert_uint_eq((uint32_t)(ip[2] << 8 | ip[3]), IP + udp_bytes);
}

START_TEST(every_message_comes_back)
{
	struct prng p = prng_stream(5, "wire");

	for (int i = 0; i < 10000; i++) {
		struct wire_message m = any_message(&p), back;
		uint8_t out[WIRE_BYTES_MAX];
		size_t n = wire_encode(&m, out);

		ck_assert_uint_eq(n, m.plane == WIRE_DATA ? WIRE_FRAME_BYTES : WIRE_UDP_BYTES);
		ck_assert(wire_decode(out, n, &back));
		assert_same(&m, &back);
		if (m.plane != WIRE_DATA)
			assert_checksums(out);
	}
}
END_TEST

START_TEST(no_cut_frame_is_read)
{
	struct wire_message m;

	for (size_t n = 0; n < WIRE_FRAME_BYTES; n++)
		ck_assert(!wire_decode(HOP_FRAME, n, &m));
	for (size_t n = 0; n < WIRE_UDP_BYTES; n++)
		ck_assert(!wire_decode(POLL_FRAME, n, &m));
}
END_TEST

/* A byte of POLL_FRAME that makes it somebody else's. */
START_TEST(what_is_not_ours_is_left_alone)
{
	static const struct {
		size_t at;
		uint8_t v;
	} other[] = {
	        {12, 0x86},             /* no IPv4 by its type */
	        {ETHER, 0x65},          /* … by its version */
	        {ETHER, 0x44},          /* header too short */
	        {ETHER + 6, 0x20},      /* a fragment */
	        {ETHER + 7, 1},         /* … a later one */
	        {ETHER + 9, 6},         /* TCP */
	        {ETHER + IP + 1, 0x65}, /* no port of ours */
	        {ETHER + IP + 3, 0x67}, /* ports of two planes */
	        {ETHER + IP + 5, 0x41}, /* another length */
	        {ETHER + IP + 8, 'l'},  /* no magic */
	        {ETHER + IP + 12, 2},   /* another version */
	        {ETHER + IP + 14, 0},   /* the data plane in a datagram */
	        {ETHER + IP + 14, 2},   /* telemetry on the port of control */
	        {ETHER + IP + 14, WIRE_PLANES},
	};
	struct wire_message m;
	uint8_t frame[WIRE_UDP_BYTES];

	ck_assert(wire_decode(POLL_FRAME, sizeof(POLL_FRAME), &m));
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		memcpy(frame, POLL_FRAME, sizeof(frame));
		frame[other[i].at] = other[i].v;
		ck_assert_msg(!wire_decode(frame, sizeof(frame), &m), "%zu is read", i);
	}
	memcpy(frame, HOP_FRAME, sizeof(HOP_FRAME));
	frame[14] = 2;
	ck_assert(!wire_decode(frame, sizeof(HOP_FRAME), &m));
	frame[14] = 1;
	frame[16] = WIRE_CONTROL;
	ck_assert(!wire_decode(frame, sizeof(HOP_FRAME), &m));
}
END_TEST

START_TEST(options_of_the_internet_header_are_skipped)
{
	struct wire_message m;
	uint8_t frame[WIRE_UDP_BYTES + 4];

	memcpy(frame, POLL_FRAME, ETHER + IP);
	memset(frame + ETHER + IP, 1, 4);
	memcpy(frame + ETHER + IP + 4, POLL_FRAME + ETHER + IP, sizeof(POLL_FRAME) - ETHER - IP);
	frame[ETHER] = 0x46;
	ck_assert(wire_decode(frame, sizeof(frame), &m));
	assert_same(&m, &POLL);
	ck_assert(!wire_decode(frame, sizeof(frame) - 1, &m));
}
END_TEST

START_TEST(names_go_both_ways)
{
	static const struct {
		const char *name;
		struct wire_end end;
	} pairs[] = {
	        {"r0", {0, WIRE_NONE, WIRE_NONE}},
	        {"r0.n3", {0, 3, WIRE_NONE}},
	        {"r0.n0.c0", {0, 0, 0}},
	        {"r16383.n249.c253", {16383, 249, 253}},
	        {"r0.control", {0, WIRE_HOST_CONTROL, WIRE_NONE}},
	        {"r0.telemetry", {0, WIRE_HOST_TELEMETRY, WIRE_NONE}},
	        {"r0.registry", {0, WIRE_HOST_REGISTRY, WIRE_NONE}},
	};
	static const char *const bad[] = {"", "r", "0", "r00", "r01", "r16384", "r0.", "r0.n",
	        "r0.n250", "r0.n1.", "r0.n1.c254", "r0.n1.c1 ", "r0.c1", "r0.n1.c1.c1", "R0", "r-1",
	        "r0.controls", "r99999999999999999999", "r0.n4294967296"};
	char buf[WIRE_NAME_BYTES];
	struct wire_end e;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		ck_assert_str_eq(wire_name(pairs[i].end, buf), pairs[i].name);
		ck_assert(wire_end_parse(pairs[i].name, &e));
		ck_assert_mem_eq(&e, &pairs[i].end, sizeof(e));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!wire_end_parse(bad[i], &e), "'%s' passes", bad[i]);
	/* A foreign frame may hold anything. */
	ck_assert_str_eq(
	        wire_name((struct wire_end){65534, 65534, 65534}, buf), "r65534.n65534.c65534");
	ck_assert_str_eq(wire_name((struct wire_end){WIRE_NONE, 1, 1}, buf), "none");
}
END_TEST

START_TEST(addresses_are_the_management_networks)
{
	ck_assert_uint_eq(wire_ipv4((struct wire_end){0, 0, WIRE_NONE}), 0x0a400001);
	ck_assert_uint_eq(wire_ipv4((struct wire_end){0, 3, 5}), 0x0a400004);
	ck_assert_uint_eq(wire_ipv4((struct wire_end){255, 249, WIRE_NONE}), 0x0a40fffa);
	ck_assert_uint_eq(wire_ipv4((struct wire_end){16383, 0, WIRE_NONE}), 0x0a7fff01);
	ck_assert_uint_eq(
	        wire_ipv4((struct wire_end){0, WIRE_HOST_REGISTRY, WIRE_NONE}), 0x0a4000fc);
	ck_assert_uint_eq(
	        wire_ipv4((struct wire_end){0, WIRE_HOST_CONTROL, WIRE_NONE}), 0x0a4000fd);
	ck_assert_uint_eq(
	        wire_ipv4((struct wire_end){0, WIRE_HOST_TELEMETRY, WIRE_NONE}), 0x0a4000fe);
	ck_assert_uint_eq(wire_ipv4((struct wire_end){2, WIRE_NONE, WIRE_NONE}), 0x0a400200);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire");

	add_test(s, "bytes", frames_have_the_bytes_of_the_contract);
	add_test(s, "round trip", every_message_comes_back);
	add_test(s, "cut", no_cut_frame_is_read);
	add_test(s, "foreign", what_is_not_ours_is_left_alone);
	add_test(s, "options", options_of_the_internet_header_are_skipped);
	add_test(s, "names", names_go_both_ways);
	add_test(s, "addresses", addresses_are_the_management_networks);
	return run_suite(s);
}
