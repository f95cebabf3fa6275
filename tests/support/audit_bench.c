#include "tests/support/audit_bench.h"
#include "harness/base/units.h"
#include "reports/audit_places.h"
#include "reports/capture.h"

#include <stdio.h>
#include <string.h>

/* --- topologies ---------------------------------------------------------------------- */

bool bench_read(struct audit_bench *b, const char *text)
{
	struct audit_compiler compiler = capture_compiler();

	memset(b, 0, sizeof(*b));
	arena_init(&b->arena, 0);
	if (json_parse("t.json", text, strlen(text), &b->doc, &b->err) == ERR_NONE &&
	        audit_topology_parse(
	                json_root(b->doc), &compiler, &b->arena, &b->topology, &b->err) == ERR_NONE)
		return true;
	CHECK(b->err.code == ERR_USAGE);
	error_format(&b->err, b->message, sizeof(b->message));
	return false;
}

void bench_open(struct audit_bench *b, const char *text, const struct audit_config *config)
{
	struct audit_config c = config ? *config : (struct audit_config){0};

	if (!bench_read(b, text)) {
		fprintf(stderr, "%s\n", b->message);
		UNREACHABLE("a topology is refused");
	}
	c.topology = &b->topology;
	b->audit = audit_create(&c);
	b->at_ns = NS_PER_S;
	audit_begin(b->audit, "made.pcap", AUDIT_LINK_ETHERNET, "EN10MB", 262144, false);
}

void bench_close(struct audit_bench *b)
{
	audit_free(b->audit);
	json_free(b->doc);
	arena_free(&b->arena);
}

const struct audit_result *bench_finish(struct audit_bench *b)
{
	b->result = audit_finish(b->audit);
	return b->result;
}

/* --- packets ------------------------------------------------------------------------- */

enum { TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, FRAGMENT = 44 };

struct writer {
	uint8_t *b;
	uint32_t n;
};

static void put(struct writer *w, uint64_t value, unsigned bytes)
{
	while (bytes--)
		w->b[w->n++] = (uint8_t)(value >> 8 * bytes);
}

static void put_mac(struct writer *w, const uint8_t mac[static 6], uint8_t last)
{
	static const uint8_t zero[6];

	if (memcmp(mac, zero, 6) != 0) {
		memcpy(w->b + w->n, mac, 6);
		w->n += 6;
	} else {
		put(w, UINT64_C(0x020000000000) + last, 6);
	}
}

static void put_address(struct writer *w, const char *text, bool v6)
{
	char buf[PLACE_EXPECTED_MAX];
	struct place p;

	CHECK(!place_parse(text, &p, buf) && p.kind == (v6 ? PLACE_IPV6 : PLACE_IPV4));
	memcpy(w->b + w->n, p.value + (v6 ? 0 : 12), v6 ? 16 : 4);
	w->n += v6 ? 16 : 4;
}

/* The address of a group, which no topology may have. */
static void put_any(struct writer *w, const char *text, bool v6)
{
	if (strcmp(text, "239.1.1.1") == 0)
		put(w, 0xef010101, 4);
	else if (strcmp(text, "255.255.255.255") == 0)
		put(w, 0xffffffff, 4);
	else if (strcmp(text, "ff02::1") == 0) {
		put(w, UINT64_C(0xff02000000000000), 8);
		put(w, 1, 8);
	} else
		put_address(w, text, v6);
}

static void put_ipv4(struct writer *w, const struct made *m, unsigned protocol, uint32_t length)
{
	put(w, 0x4500, 2);
	put(w, 20 + length, 2);
	put(w, m->id, 2);
	put(w, (m->more ? 0x2000 : 0) | m->offset / 8, 2);
	put(w, 64, 1);
	put(w, protocol, 1);
	put(w, 0, 2);
	put_any(w, m->from, false);
	put_any(w, m->to, false);
}

static void put_ipv6(struct writer *w, const struct made *m, unsigned protocol, uint32_t length)
{
	put(w, 0x60000000, 4);
	put(w, length + (m->fragment ? 8 : 0), 2);
	put(w, m->fragment ? FRAGMENT : protocol, 1);
	put(w, 64, 1);
	put_any(w, m->from, true);
	put_any(w, m->to, true);
	if (m->fragment) {
		put(w, protocol, 1);
		put(w, 0, 1);
		put(w, m->offset | m->more, 2);
		put(w, m->id, 4);
	}
}

static void put_transport(struct writer *w, const struct made *m, unsigned protocol)
{
	if (protocol == TCP || protocol == UDP) {
		put(w, m->sport, 2);
		put(w, m->dport, 2);
	}
	if (protocol == TCP) {
		put(w, 0, 8);
		put(w, 0x5010ffff, 4);
		put(w, 0, 4);
	} else if (protocol == UDP) {
		put(w, 8 + m->payload, 2);
		put(w, 0, 2);
	} else {
		put(w, 0x0800, 2);
		put(w, 0, 6);
	}
}

static uint32_t add_tags(uint8_t *out, uint32_t n, unsigned tags)
{
	for (unsigned i = 0; i < tags; i++) {
		memmove(out + 16, out + 12, n - 12);
		memcpy(out + 12, (const uint8_t[4]){0x81, 0, 0, (uint8_t)(7 + i)}, 4);
		n += 4;
	}
	return n;
}

static void put_network(struct writer *w, const struct made *m)
{
	bool v6 = strchr(m->from, ':') != NULL, ports = m->sport || m->dport;
	unsigned protocol = !ports ? (v6 ? ICMP6 : ICMP) : m->tcp ? TCP : UDP;
	uint32_t header = m->offset ? 0 : protocol == TCP ? 20 : 8;

	put(w, v6 ? 0x86dd : 0x0800, 2);
	if (v6)
		put_ipv6(w, m, protocol, header + m->payload);
	else
		put_ipv4(w, m, protocol, header + m->payload);
	if (!m->offset)
		put_transport(w, m, protocol);
	memset(w->b + w->n, 0x5a, m->payload);
	w->n += m->payload;
}

uint32_t make_packet(const struct made *m, uint8_t out[static MADE_BYTES_MAX])
{
	struct writer w = {.b = out};

	if (m->ours)
		return add_tags(out, (uint32_t)wire_encode(m->ours, out), m->tags);
	CHECK(m->payload <= MADE_BYTES_MAX - 150);
	put_mac(&w, m->mac[1], 2);
	put_mac(&w, m->mac[0], 1);
	if (m->from) {
		put_network(&w, m);
	} else {
		put(&w, 0x1234, 2);
		memset(out + w.n, 0x5a, m->payload);
		w.n += m->payload;
	}
	return add_tags(out, w.n, m->tags);
}

void bench_cut(struct audit_bench *b, const struct made *m, uint32_t captured)
{
	uint8_t bytes[MADE_BYTES_MAX];
	uint32_t n = make_packet(m, bytes);
	uint8_t *exact = mem_alloc(captured + 1, 1); /* so that valgrind sees what is read beyond */

	CHECK(captured <= n);
	memcpy(exact, bytes, captured);
	audit_packet(b->audit, b->at_ns, exact, captured, n);
	b->at_ns += NS_PER_MS;
	mem_free(exact);
}

void bench_packet(struct audit_bench *b, const struct made *m)
{
	uint8_t bytes[MADE_BYTES_MAX];
	uint32_t n = make_packet(m, bytes);

	audit_packet(b->audit, b->at_ns, bytes, n, n);
	b->at_ns += NS_PER_MS;
}
