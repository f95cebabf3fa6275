#include "tests/bench/audit/packets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "harness/base/wire.h"

enum { FRAME_MAX = 1600, BUFFER_BYTES = 1 << 20, RACKS = 4, NS_BETWEEN = 700 };

const char packets_topology[] =
        "{ \"version\": 1, \"racks\": ["
        "{ \"name\": \"r0\", \"addresses\": [ \"r0\", \"10.64.0.0/24\", \"fd00:0:0:0::/64\" ] },"
        "{ \"name\": \"r1\", \"addresses\": [ \"r1\", \"10.64.1.0/24\", \"fd00:0:0:1::/64\" ] },"
        "{ \"name\": \"r2\", \"addresses\": [ \"r2\", \"10.64.2.0/24\", \"fd00:0:0:2::/64\" ] },"
        "{ \"name\": \"r3\", \"addresses\": [ \"r3\", \"10.64.3.0/24\", \"fd00:0:0:3::/64\" ] } ],"
        "\"classes\": ["
        "{ \"name\": \"c2c\", \"filter\": \"ether proto 0x88b5\", \"critical\": true },"
        "{ \"name\": \"kv\", \"filter\": \"udp port 4700\", \"critical\": true },"
        "{ \"name\": \"control\", \"filter\": \"udp port 4710\" },"
        "{ \"name\": \"telemetry\", \"filter\": \"udp port 4711\" },"
        "{ \"name\": \"artifact\", \"filter\": \"tcp portrange 9000-9100\" },"
        "{ \"name\": \"ingress\", \"filter\": \"tcp port 443 or tcp port 8000\" },"
        "{ \"name\": \"names\", \"filter\": \"port 53 or port 123\" },"
        "{ \"name\": \"ssh\", \"filter\": \"tcp port 22 and not src net 10.65.0.0/16\" } ] }";

const char *const packets_filters[PACKETS_CLASSES] = {"ether proto 0x88b5", "udp port 4700",
        "udp port 4710", "udp port 4711", "tcp portrange 9000-9100",
        "tcp port 443 or tcp port 8000", "port 53 or port 123",
        "tcp port 22 and not src net 10.65.0.0/16"};

struct flow {
	uint8_t bytes[FRAME_MAX];
	uint16_t head; /* bytes of headers; a payload of 0 to `payload_max` bytes follows */
	uint16_t payload_max;
	bool critical; /* an 0x88B5 frame: request and token change with every packet */
	struct wire_message message;
};

static uint32_t draw(struct prng *g, uint32_t below)
{
	return (uint32_t)prng_below(prng_next(g), below);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Frame of the critical path inside of one rack. */
static void make_critical(struct flow *f, struct prng *g)
{
	uint16_t rack = (uint16_t)draw(g, RACKS);
	uint16_t from = (uint16_t)draw(g, 9), from_chip = (uint16_t)draw(g, 8);
	uint16_t to = (uint16_t)draw(g, 9), to_chip = (uint16_t)draw(g, 8);

	f->critical = true;
	f->message = (struct wire_message){.plane = WIRE_DATA,
	        .critical = true,
	        .from = {rack, from, from_chip},
	        .to = {rack, to, to_chip},
	        .sampling = 1,
	        .payload_bytes = 8192};
	f->head = (uint16_t)wire_encode(&f->message, f->bytes);
}

/* Ethernet, tagged now and then. Returns its length. */
static size_t make_ethernet(uint8_t *p, struct prng *g, bool six, uint32_t from, uint32_t to)
{
	size_t n = 12;

	memcpy(p, "\x02\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00", 12);
	put16(p + 4, to);
	put16(p + 10, from);
	if (draw(g, 100) < 15) {
		put16(p + n, 0x8100);
		put16(p + n + 2, 1 + draw(g, 4000));
		n += 4;
	}
	put16(p + n, six ? 0x86dd : 0x0800);
	return n + 2;
}

static size_t make_ip(uint8_t *p, struct prng *g, bool six, uint8_t protocol, uint32_t from_rack,
        uint32_t to_rack)
{
	uint32_t from = 1 + draw(g, 200), to = 1 + draw(g, 200);

	if (six) {
		put32(p, 0x60000000);
		p[6] = protocol;
		p[7] = 64;
		memcpy(p + 8, "\xfd\x00\x00\x00\x00\x00", 6);
		put16(p + 14, from_rack);
		put32(p + 20, from);
		memcpy(p + 24, "\xfd\x00\x00\x00\x00\x00", 6);
		put16(p + 30, to_rack);
		put32(p + 36, to);
		return 40;
	}
	p[0] = 0x45;
	put16(p + 6, 0x4000);
	p[8] = 64;
	p[9] = protocol;
	put32(p + 12, 0x0a400000 | from_rack << 8 | from);
	put32(p + 16, 0x0a400000 | to_rack << 8 | to);
	return 20;
}

static void make_flow(struct flow *f, struct prng *g)
{
	static const struct {
		uint8_t protocol;
		bool inside; /* its rack */
		uint16_t port, payload_max;
	} kinds[] = {{17, true, 4700, 300}, {17, false, 4710, 120}, {17, false, 4711, 200},
	        {6, false, 9004, 600}, {6, false, 8000, 300}, {6, false, 443, 300},
	        {17, false, 53, 120}, {6, false, 22, 100}, {6, true, 5555, 200}};
	uint32_t kind = draw(g, 12), from = draw(g, RACKS), to = draw(g, RACKS);
	bool six = draw(g, 100) < 20, back = draw(g, 2);
	size_t n;

	memset(f, 0, sizeof(*f));
	if (kind >= ARRAY_LEN(kinds)) {
		make_critical(f, g);
		return;
	}
	if (kinds[kind].inside)
		to = from;
	n = make_ethernet(f->bytes, g, six, from, to);
	n += make_ip(f->bytes + n, g, six, kinds[kind].protocol, from, to);
	put16(f->bytes + n + (back ? 0 : 2), kinds[kind].port);
	put16(f->bytes + n + (back ? 2 : 0), 32768 + draw(g, 28000));
	if (kinds[kind].protocol == 6)
		f->bytes[n + 12] = 0x50;
	f->head = (uint16_t)(n + (kinds[kind].protocol == 6 ? 20 : 8));
	f->payload_max = kinds[kind].payload_max;
}

/* Lengths in the headers for a payload of n bytes. */
static void set_lengths(struct flow *f, uint32_t n)
{
	uint8_t *ip = f->bytes + (f->bytes[12] == 0x81 ? 18 : 14);
	uint32_t behind = f->head - (uint32_t)(ip - f->bytes) + n;

	if (ip[0] == 0x45) {
		put16(ip + 2, behind);
		if (ip[9] == 17)
			put16(ip + 24, behind - 20);
	} else {
		put16(ip + 4, behind - 40);
		if (ip[6] == 17)
			put16(ip + 44, behind - 40);
	}
}

static uint32_t next_frame(struct flow *f, struct prng *g, uint64_t i)
{
	uint32_t n;

	if (f->critical) {
		f->message.sent_ns = (int64_t)i * NS_BETWEEN;
		f->message.request = i / 100;
		f->message.token = (uint32_t)(i % 100);
		return (uint32_t)wire_encode(&f->message, f->bytes);
	}
	n = draw(g, f->payload_max + 1U);
	set_lengths(f, n);
	return f->head + n;
}

static int write_whole(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno != EINTR)
			return errno;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

static size_t put_native(uint8_t *p, const uint32_t *v, size_t n)
{
	memcpy(p, v, n * sizeof(*v));
	return n * sizeof(*v);
}

int packets_write(int fd, uint64_t n, uint32_t flows)
{
	const uint32_t file[] = {0xa1b23c4d, 0x00040002, 0, 0, 262144, 1};
	struct flow *all = mem_alloc(flows, sizeof(*all));
	uint8_t *buffer = mem_alloc(BUFFER_BYTES, 1);
	size_t used = put_native(buffer, file, ARRAY_LEN(file));
	struct prng g = prng_stream(1, "packets");
	int rc = 0;

	for (uint32_t i = 0; i < flows; i++)
		make_flow(&all[i], &g);
	for (uint64_t i = 0; i < n && rc == 0; i++) {
		struct flow *f = &all[draw(&g, flows)];
		uint32_t length = next_frame(f, &g, i);
		uint64_t at = UINT64_C(1700000000000000000) + i * NS_BETWEEN;
		const uint32_t record[] = {
		        (uint32_t)(at / 1000000000), (uint32_t)(at % 1000000000), length, length};

		if (used + sizeof(record) + length > BUFFER_BYTES) {
			rc = write_whole(fd, buffer, used);
			used = 0;
		}
		used += put_native(buffer + used, record, ARRAY_LEN(record));
		memcpy(buffer + used, f->bytes, length);
		used += length;
	}
	if (rc == 0)
		rc = write_whole(fd, buffer, used);
	mem_free(buffer);
	mem_free(all);
	return rc;
}
