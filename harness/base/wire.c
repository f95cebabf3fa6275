/* One table-free layout for both kinds of frame: the 54 bytes from the version on are the same
 * behind an Ethernet header and behind "LPC1" in a datagram, so that a reader of one reads the
 * other. Checksums are real: other programs read these frames, and an interface that offloads
 * them would hide a wrong one. */
#include "harness/base/wire.h"
#include "harness/base/check.h"

#include <stdio.h>
#include <string.h>

enum {
	ETHER_BYTES = 14,
	BODY_BYTES = WIRE_FRAME_BYTES - ETHER_BYTES,
	MAGIC_BYTES = 4,
	IPV4_BYTES = 20,
	IPV4_BYTES_MAX = 60,
	UDP_HEAD_BYTES = 8,
	ETHERTYPE_IPV4 = 0x0800,
	IPV4_TTL = 64,
	IPV4_DONT_FRAGMENT = 0x4000,
	IPV4_FRAGMENT_MASK = 0x3fff, /* more fragments, offset */
	PROTOCOL_UDP = 17,
	FLAG_CRITICAL = 1,
};

static const char MAGIC[MAGIC_BYTES] = {'L', 'P', 'C', '1'};

static const struct host_name {
	const char *name;
	uint16_t node;
} HOSTS[] = {
        {"registry", WIRE_HOST_REGISTRY},
        {"control", WIRE_HOST_CONTROL},
        {"telemetry", WIRE_HOST_TELEMETRY},
};

/* --- numbers
 * --------------------------------------------------------------------------------------- */

static void put16(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

static void put32(uint8_t *to, uint32_t v)
{
	put16(to, v >> 16);
	put16(to + 2, v);
}

static void put64(uint8_t *to, uint64_t v)
{
	put32(to, (uint32_t)(v >> 32));
	put32(to + 4, (uint32_t)v);
}

static uint16_t get16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

static uint64_t get64(const uint8_t *from)
{
	return (uint64_t)get32(from) << 32 | get32(from + 4);
}

/* Sum of 16-bit words, to be folded (RFC 1071). */
static uint64_t sum16(const uint8_t *from, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16(from + i);
	if (n & 1)
		sum += (uint32_t)from[n - 1] << 8;
	return sum;
}

static uint32_t fold16(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)(~sum & 0xffff);
}

/* --- ends
 * ------------------------------------------------------------------------------------------ */

static bool is_host(uint32_t node)
{
	return node >= WIRE_HOST_REGISTRY && node <= WIRE_HOST_TELEMETRY;
}

static bool end_is_sound(struct wire_end e)
{
	if (e.rack >= WIRE_RACKS_MAX)
		return false;
	if (e.node == WIRE_NONE || is_host(e.node))
		return e.chip == WIRE_NONE;
	return e.node < WIRE_NODES_MAX && (e.chip == WIRE_NONE || e.chip < WIRE_CHIPS_MAX);
}

static void put_address(uint8_t *to, struct wire_end e)
{
	to[0] = 0x02;
	to[1] = 0x4c;
	put16(to + 2, e.rack);
	to[4] = (uint8_t)e.node; /* 0xff = none, like the chip */
	to[5] = (uint8_t)e.chip;
}

static void put_end(uint8_t *to, struct wire_end e)
{
	put16(to, e.rack);
	put16(to + 2, e.node);
	put16(to + 4, e.chip);
}

static struct wire_end get_end(const uint8_t *from)
{
	return (struct wire_end){get16(from), get16(from + 2), get16(from + 4)};
}

uint32_t wire_ipv4(struct wire_end end)
{
	uint32_t host = end.node == WIRE_NONE ? 0 : (uint32_t)end.node + 1;

	CHECK(end_is_sound(end));
	return (UINT32_C(10) << 24) + (UINT32_C(64) << 16) + ((uint32_t)end.rack << 8) + host;
}

const char *wire_name(struct wire_end end, char buf[static WIRE_NAME_BYTES])
{
	const char *host = NULL;

	for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++)
		if (HOSTS[i].node == end.node && end.chip == WIRE_NONE)
			host = HOSTS[i].name;
	if (end.rack == WIRE_NONE)
		snprintf(buf, WIRE_NAME_BYTES, "none");
	else if (host)
		snprintf(buf, WIRE_NAME_BYTES, "r%u.%s", end.rack, host);
	else if (end.node == WIRE_NONE)
		snprintf(buf, WIRE_NAME_BYTES, "r%u", end.rack);
	else if (end.chip == WIRE_NONE)
		snprintf(buf, WIRE_NAME_BYTES, "r%u.n%u", end.rack, end.node);
	else
		snprintf(buf, WIRE_NAME_BYTES, "r%u.n%u.c%u", end.rack, end.node, end.chip);
	return buf;
}

/* A letter and a number below `limit` without leading zeros; moves *text behind it. */
static bool read_part(const char **text, char letter, uint32_t limit, uint16_t *out)
{
	const char *at = *text;
	uint32_t v = 0;

	if (*at++ != letter || *at < '0' || *at > '9' ||
	        (at[0] == '0' && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		v = v * 10 + (uint32_t)(*at - '0');
		if (v >= limit)
			return false;
	}
	*out = (uint16_t)v;
	*text = at;
	return true;
}

bool wire_end_parse(const char *text, struct wire_end *out)
{
	struct wire_end e = {WIRE_NONE, WIRE_NONE, WIRE_NONE};

	if (!read_part(&text, 'r', WIRE_RACKS_MAX, &e.rack))
		return false;
	for (size_t i = 0; *text == '.' && i < ARRAY_LEN(HOSTS); i++) {
		if (strcmp(text + 1, HOSTS[i].name) == 0) {
			e.node = HOSTS[i].node;
			*out = e;
			return true;
		}
	}
	if (*text == '.') {
		text++;
		if (!read_part(&text, 'n', WIRE_NODES_MAX, &e.node))
			return false;
		if (*text == '.') {
			text++;
			if (!read_part(&text, 'c', WIRE_CHIPS_MAX, &e.chip))
				return false;
		}
	}
	if (*text)
		return false;
	*out = e;
	return true;
}

/* --- frames
 * ---------------------------------------------------------------------------------------- */

static uint16_t port_of(enum wire_plane plane)
{
	return (uint16_t)(WIRE_PORT_CONTROL + (plane - WIRE_CONTROL));
}

static void put_body(uint8_t *to, const struct wire_message *m)
{
	to[0] = WIRE_VERSION;
	to[1] = m->critical ? FLAG_CRITICAL : 0;
	to[2] = (uint8_t)m->plane;
	to[3] = m->hop;
	put_end(to + 4, m->from);
	put_end(to + 10, m->to);
	put16(to + 16, m->stage);
	put32(to + 18, m->sampling);
	put64(to + 22, m->artifact);
	put64(to + 30, m->request);
	put32(to + 38, m->token);
	put32(to + 42, m->payload_bytes);
	put64(to + 46, (uint64_t)m->sent_ns);
}

static bool get_body(const uint8_t *from, struct wire_message *m)
{
	if (from[0] != WIRE_VERSION || from[2] >= WIRE_PLANES)
		return false;
	*m = (struct wire_message){
	        .critical = from[1] & FLAG_CRITICAL,
	        .plane = (enum wire_plane)from[2],
	        .hop = from[3],
	        .from = get_end(from + 4),
	        .to = get_end(from + 10),
	        .stage = get16(from + 16),
	        .sampling = get32(from + 18),
	        .artifact = get64(from + 22),
	        .request = get64(from + 30),
	        .token = get32(from + 38),
	        .payload_bytes = get32(from + 42),
	        .sent_ns = (int64_t)get64(from + 46),
	};
	return true;
}

/* IPv4 and UDP headers in front of a payload of ours that is in place. */
static void put_datagram(uint8_t *ip, const struct wire_message *m)
{
	uint8_t *udp = ip + IPV4_BYTES;
	uint32_t udp_bytes = UDP_HEAD_BYTES + MAGIC_BYTES + BODY_BYTES, sum;

	memset(ip, 0, IPV4_BYTES + UDP_HEAD_BYTES);
	ip[0] = 0x45;
	put16(ip + 2, IPV4_BYTES + udp_bytes);
	put16(ip + 6, IPV4_DONT_FRAGMENT);
	ip[8] = IPV4_TTL;
	ip[9] = PROTOCOL_UDP;
	put32(ip + 12, wire_ipv4(m->from));
	put32(ip + 16, wire_ipv4(m->to));
	put16(ip + 10, fold16(sum16(ip, IPV4_BYTES)));
	put16(udp, port_of(m->plane));
	put16(udp + 2, port_of(m->plane));
	put16(udp + 4, udp_bytes);
	sum = fold16(sum16(ip + 12, 8) + PROTOCOL_UDP + udp_bytes + sum16(udp, udp_bytes));
	put16(udp + 6, sum ? sum : 0xffff); /* 0 would say: none (RFC 768) */
}

size_t wire_encode(const struct wire_message *m, uint8_t out[static WIRE_BYTES_MAX])
{
	uint8_t *payload = out + ETHER_BYTES + IPV4_BYTES + UDP_HEAD_BYTES;

	CHECK(m->plane < WIRE_PLANES && end_is_sound(m->from) && end_is_sound(m->to));
	put_address(out, m->to);
	put_address(out + 6, m->from);
	if (m->plane == WIRE_DATA) {
		put16(out + 12, WIRE_ETHERTYPE);
		put_body(out + ETHER_BYTES, m);
		return WIRE_FRAME_BYTES;
	}
	put16(out + 12, ETHERTYPE_IPV4);
	memcpy(payload, MAGIC, MAGIC_BYTES);
	put_body(payload + MAGIC_BYTES, m);
	put_datagram(out + ETHER_BYTES, m);
	return WIRE_UDP_BYTES;
}

/* The payload of a datagram of ours, NULL if the packet is none or is cut. */
static const uint8_t *find_payload(const uint8_t *ip, size_t n, uint16_t *port)
{
	size_t head, udp_bytes;

	if (n < IPV4_BYTES || ip[0] >> 4 != 4)
		return NULL;
	head = (size_t)(ip[0] & 0xf) * 4;
	if (head < IPV4_BYTES || head > IPV4_BYTES_MAX || ip[9] != PROTOCOL_UDP ||
	        (get16(ip + 6) & IPV4_FRAGMENT_MASK) ||
	        n < head + UDP_HEAD_BYTES + MAGIC_BYTES + BODY_BYTES)
		return NULL;
	*port = get16(ip + head);
	udp_bytes = get16(ip + head + 4);
	if (get16(ip + head + 2) != *port ||
	        udp_bytes != UDP_HEAD_BYTES + MAGIC_BYTES + BODY_BYTES ||
	        memcmp(ip + head + UDP_HEAD_BYTES, MAGIC, MAGIC_BYTES) != 0)
		return NULL;
	return ip + head + UDP_HEAD_BYTES;
}

bool wire_decode(const uint8_t *frame, size_t n, struct wire_message *out)
{
	const uint8_t *payload;
	uint16_t port;

	if (n < ETHER_BYTES)
		return false;
	if (get16(frame + 12) == WIRE_ETHERTYPE)
		return n >= WIRE_FRAME_BYTES && get_body(frame + ETHER_BYTES, out) &&
		       out->plane == WIRE_DATA;
	if (get16(frame + 12) != ETHERTYPE_IPV4)
		return false;
	payload = find_payload(frame + ETHER_BYTES, n - ETHER_BYTES, &port);
	return payload && get_body(payload + MAGIC_BYTES, out) && out->plane != WIRE_DATA &&
	       port == port_of(out->plane);
}
