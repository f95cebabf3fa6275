/* The audit beside a plain one that asks every filter and both ends of every packet: same matrix,
 * same violations, over random topologies, filters and packets, in any order. And what must not
 * matter does not: order, direction, tags. What is cut off makes a class unknown, never another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "reports/audit.h"
#include "tests/support/audit_bench.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"

enum { PACKETS = 1500, CLASSES = 8, RACKS = 5, CASES = 24, TEXT_MAX = 8192 };

/* Some rest on the key, some beyond it; some on what only the first fragment has. */
static const char *const filters[] = {"udp port 4700", "ether proto 0x88b5", "tcp", "udp",
        "len > 100", "udp[8] = 0x5a", "tcp[13] & 0x10 != 0 and port 80", "ip[8] < 65",
        "net 10.0.0.0/16", "ip6", "not udp", "portrange 4000-4750", "host 10.0.1.2 and not port 53",
        "icmp or icmp6", "ether[0] & 1 = 0", "dst port 53", "ip[6:2] & 0x3fff != 0",
        "src net fd00::/16", "greater 400", "udp[50] = 0x5a", "ether src 02:00:00:00:00:01",
        "ip proto 17 and ip[2:2] > 60"};

static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2", "10.0.2.1",
        "10.9.9.9", "192.0.2.1", "239.1.1.1", "fd00::1", "fd00::2", "fd00:0:0:1::1",
        "fd00:0:0:2::9", "fe80::1", "ff02::1"};
enum { FIRST_V6 = 8 };

static uint64_t draw(struct prng *g, uint64_t n)
{
	uint64_t u = prng_next(g);

	return prng_below(u, n);
}

static bool one_in(struct prng *g, uint64_t n)
{
	return draw(g, n) == 0;
}

static void random_topology(struct prng *g, char text[static TEXT_MAX])
{
	static const char *const policies[] = {"fail", "warn", "ignore"};
	size_t n = (size_t)snprintf(text, TEXT_MAX,
	        "{\"version\":1,\"racks\":["
	        "{\"name\":\"r0\",\"pod\":\"p\",\"addresses\":[\"10.0.0.0/"
	        "24\",\"fd00::/64\",\"r0\"]},"
	        "{\"name\":\"r1\",\"pod\":\"p\",\"addresses\":[\"10.0.1.0/"
	        "24\",\"fd00:0:0:1::/64\",\"r1\"]},"
	        "{\"name\":\"r2\",\"addresses\":[\"10.0.2.0/24\",\"fd00::/16\",\"10.0.1.2:4700\"]},"
	        "{\"name\":\"r3\",\"addresses\":[\"udp:53\",\":80\"]},"
	        "{\"name\":\"r4\",\"addresses\":[\"02:00:00:00:00:00/40\"]}],\"classes\":[");
	uint64_t count = draw(g, CLASSES + 1);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t f = draw(g, ARRAY_LEN(filters));

		n += (size_t)snprintf(text + n, TEXT_MAX - n,
		        "%s{\"name\":\"c%d\",\"filter\":\"%s\",\"critical\":%s}", i ? "," : "",
		        (int)i, filters[f], one_in(g, 2) ? "true" : "false");
	}
	snprintf(text + n, TEXT_MAX - n,
	        "],\"policy\":{\"scope\":\"%s\",\"unclassified_cross_rack\":\"%s\"}}",
	        one_in(g, 3) ? "pod" : "rack", policies[draw(g, 3)]);
}

/* --- packets ------------------------------------------------------------------------- */

struct bytes {
	uint8_t b[MADE_BYTES_MAX];
	uint32_t n;
};

static const char *random_address(struct prng *g, bool v6, bool source)
{
	uint64_t low = v6 ? FIRST_V6 : 0, high = v6 ? ARRAY_LEN(addresses) : FIRST_V6;

	return addresses[low + draw(g, high - low - source)]; /* the last is a group */
}

static struct made random_made(struct prng *g, uint32_t id)
{
	static const uint16_t ports[] = {4700, 4701, 53, 80, 9999};
	struct made m = {.tags = one_in(g, 4) ? 1 + (unsigned)draw(g, 2) : 0, .id = id};
	bool v6 = one_in(g, 3);

	m.payload = (uint32_t)draw(g, 3) * 50;
	m.mac[0][5] = (uint8_t)(1 + draw(g, 2));
	m.mac[0][0] = m.mac[1][0] = 2;
	m.mac[1][4] = (uint8_t)draw(g, 2);
	m.mac[1][5] = 9;
	if (one_in(g, 12))
		return m;
	m.from = random_address(g, v6, true);
	m.to = random_address(g, v6, false);
	if (one_in(g, 8))
		return m; /* an echo */
	m.sport = ports[draw(g, ARRAY_LEN(ports))];
	m.dport = ports[draw(g, ARRAY_LEN(ports))];
	m.tcp = one_in(g, 3);
	return m;
}

static struct wire_message random_ours(struct prng *g)
{
	struct wire_message w = {.sampling = 1, .critical = one_in(g, 2)};

	w.plane = (enum wire_plane)draw(g, WIRE_PLANES);
	w.from = (struct wire_end){(uint16_t)draw(g, 3), (uint16_t)draw(g, 8), WIRE_NONE};
	w.to = (struct wire_end){(uint16_t)draw(g, 3), (uint16_t)draw(g, 8), WIRE_NONE};
	w.request = draw(g, 1000);
	return w;
}

/* A datagram in three pieces, in a random order, sometimes without one of them. */
static uint32_t random_fragments(struct prng *g, uint32_t id, struct bytes *out)
{
	struct made m = random_made(g, id);
	uint32_t n = 0, skip = (uint32_t)draw(g, 6), turn = (uint32_t)draw(g, 3);

	if (!m.from)
		m.from = m.to = addresses[0];
	m.fragment = true;
	for (uint32_t k = 0; k < 3; k++) {
		uint32_t i = (k + turn) % 3;

		if (i == skip)
			continue;
		m.offset = i * 128;
		m.more = i < 2;
		m.payload = i ? 128 : 128 - (m.tcp && m.sport ? 20 : 8);
		out[n].n = make_packet(&m, out[n].b);
		n++;
	}
	return n;
}

static uint32_t random_packets(struct prng *g, struct bytes *out)
{
	uint32_t n = 0;

	while (n + 3 <= PACKETS) {
		if (one_in(g, 10)) {
			n += random_fragments(g, 1000 + n, out + n);
		} else if (one_in(g, 6)) {
			struct wire_message w = random_ours(g);
			struct made m = {.ours = &w, .tags = (unsigned)draw(g, 2)};

			out[n].n = make_packet(&m, out[n].b);
			n++;
		} else {
			struct made m = random_made(g, 1);

			out[n].n = make_packet(&m, out[n].b);
			n++;
		}
	}
	return n;
}

static void shuffle(struct prng *g, struct bytes *p, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (uint32_t)draw(g, i);
		struct bytes t = p[i - 1];

		p[i - 1] = p[k];
		p[k] = t;
	}
}

/* --- the plain audit ----------------------------------------------------------------- */

struct plain {
	uint64_t packets[CLASSES + 2][RACKS + 1][RACKS + 1]; /* class + 2, low + 1, high + 1 */
	uint64_t forward[CLASSES + 2][RACKS + 1][RACKS + 1];
	uint64_t matched[CLASSES], violations, crossing, fragments;
};

static struct audit_frame read_frame(const struct bytes *p, uint8_t *scratch)
{
	struct audit_frame f;

	CHECK(audit_frame_read(AUDIT_LINK_ETHERNET, p->b, p->n, p->n, scratch, &f));
	return f;
}

static bool same_datagram(const struct audit_frame *a, const struct audit_frame *b)
{
	return a->net == b->net && a->datagram == b->datagram &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* The frame that says what p is: itself, or the first fragment of its datagram. */
static bool decider(const struct bytes *all, uint32_t n, const struct bytes *p,
        struct audit_frame *f, uint8_t *scratch)
{
	struct audit_frame own;

	*f = own = read_frame(p, scratch);
	if (!own.fragment || own.first)
		return true;
	for (uint32_t i = 0; i < n; i++) {
		*f = read_frame(&all[i], scratch);
		if (f->fragment && f->first && same_datagram(f, &own))
			return true;
	}
	*f = own;
	return false;
}

static bool plain_violates(const struct audit_topology *t, int class, const int rack[static 2])
{
	bool outside = rack[0] < 0 || rack[1] < 0;

	if (class == AUDIT_UNKNOWN_CLASS)
		return false;
	if (class == AUDIT_NO_CLASS)
		return !outside && rack[0] != rack[1] && t->unclassified == AUDIT_UNCLASSIFIED_FAIL;
	if (!t->classes[class].critical)
		return false;
	if (outside)
		return true;
	if (t->scope == AUDIT_SCOPE_RACK)
		return rack[0] != rack[1];
	return t->racks[rack[0]].pod != t->racks[rack[1]].pod;
}

static void plain_packet(const struct audit_topology *t, const struct bytes *all, uint32_t n,
        const struct bytes *p, struct plain *out)
{
	uint8_t scratch[MADE_BYTES_MAX + 64];
	struct audit_frame f;
	int class = AUDIT_NO_CLASS, rack[2];
	bool known = decider(all, n, p, &f, scratch), forward;

	for (unsigned end = 0; end < 2; end++)
		rack[end] = audit_rack_of(t, &f, end);
	for (int c = (int)t->n_classes - 1; c >= 0 && known; c--)
		if (filter_run(&t->classes[c].filter, f.bytes, f.captured, f.wire, &f.key, NULL)) {
			class = c;
			out->matched[c]++;
		}
	if (!known)
		class = AUDIT_UNKNOWN_CLASS;
	out->fragments += !known;
	forward = rack[0] <= rack[1];
	out->packets[class + 2][rack[!forward] + 1][rack[forward] + 1]++;
	out->forward[class + 2][rack[!forward] + 1][rack[forward] + 1] += forward;
	out->violations += plain_violates(t, class, rack);
	out->crossing += known && rack[0] >= 0 && rack[1] >= 0 && rack[0] != rack[1];
}

/* --- beside each other --------------------------------------------------------------- */

/* remembered: 0, or so few flows that all of them are forgotten again and again */
static void run(struct audit_bench *b, const char *topology, const struct bytes *p, uint32_t n,
        uint32_t remembered)
{
	bench_open(b, topology,
	        &(struct audit_config){
	                .violations_max = 2 * PACKETS, .remembered_max = remembered});
	for (uint32_t i = 0; i < n; i++)
		audit_packet(b->audit, NS_PER_S, p[i].b, p[i].n, p[i].n);
	bench_finish(b);
}

static void compare(const struct audit_result *r, const struct plain *w, uint32_t n)
{
	uint64_t sum = 0, flows = r->flows_forgotten;

	for (uint32_t i = 0; i < r->n_cells; i++) {
		const struct audit_cell *c = &r->cells[i];

		ck_assert_uint_eq(
		        c->packets, w->packets[c->class + 2][c->rack[0] + 1][c->rack[1] + 1]);
		ck_assert_uint_eq(
		        c->forward, w->forward[c->class + 2][c->rack[0] + 1][c->rack[1] + 1]);
		sum += c->packets;
	}
	ck_assert_uint_eq(sum, n);
	ck_assert_uint_eq(r->packets, n);
	for (uint32_t c = 0; c < r->topology->n_classes; c++)
		ck_assert_uint_eq(r->total[c].matched, w->matched[c]);
	ck_assert_uint_eq(r->violations, w->violations);
	ck_assert_uint_eq(r->n_kept, w->violations);
	ck_assert_uint_eq(r->doubts[DOUBT_FRAGMENTS], w->fragments);
	for (uint32_t i = 0; i < r->n_flows; i++)
		flows += r->flows[i].packets;
	ck_assert_uint_eq(flows, w->crossing);
}

static void same_cells(const struct audit_result *a, const struct audit_result *b, bool reversed)
{
	ck_assert_uint_eq(a->n_cells, b->n_cells);
	ck_assert_uint_eq(a->violations, b->violations);
	ck_assert_int_eq(a->pass, b->pass);
	for (uint32_t i = 0; i < a->n_cells; i++) {
		const struct audit_cell *p = &a->cells[i], *q = &b->cells[i];
		bool turned = reversed && p->rack[0] != p->rack[1];

		ck_assert_int_eq(p->class, q->class);
		ck_assert_int_eq(p->rack[0], q->rack[0]);
		ck_assert_int_eq(p->rack[1], q->rack[1]);
		ck_assert_uint_eq(p->packets, q->packets);
		ck_assert_uint_eq(p->forward, turned ? q->packets - q->forward : q->forward);
	}
}

START_TEST(as_the_plain_one)
{
	struct prng g = prng_stream((uint64_t)_i, "audit");
	struct bytes *p = mem_alloc(PACKETS, sizeof(*p));
	struct plain *want = mem_alloc(1, sizeof(*want));
	uint32_t n = random_packets(&g, p);
	char topology[TEXT_MAX];
	struct audit_bench a, b;

	random_topology(&g, topology);
	run(&a, topology, p, n, 0);
	for (uint32_t i = 0; i < n; i++)
		plain_packet(&a.topology, p, n, &p[i], want);
	compare(a.result, want, n);
	shuffle(&g, p, n);
	run(&b, topology, p, n, 4);
	compare(b.result, want, n);
	same_cells(a.result, b.result, false);
	bench_close(&a);
	bench_close(&b);
	mem_free(want);
	mem_free(p);
}
END_TEST

/* --- what must not matter ------------------------------------------------------------ */

static struct made reversed(struct made m)
{
	struct made r = m;

	r.from = m.to;
	r.to = m.from;
	r.sport = m.dport;
	r.dport = m.sport;
	memcpy(r.mac[0], m.mac[1], sizeof(r.mac[0]));
	memcpy(r.mac[1], m.mac[0], sizeof(r.mac[1]));
	return r;
}

#define SYMMETRIC                                                                                  \
	"{\"version\":1,\"racks\":[{\"name\":\"a\",\"addresses\":[\"10.0.0.0/24\",\"fd00::/64\"]}" \
	",{\"name\":\"b\",\"addresses\":[\"10.0.1.0/24\",\"fd00:0:0:1::/"                          \
	"64\"]},{\"name\":\"c\",\"addresses\":[\":80\",\"02:00:00:00:00:00/40\"]}],\"classes\":["  \
	"{\"name\":\"m\",\"filter\":\"udp port "                                                   \
	"4700\",\"critical\":true},{\"name\":\"u\",\"filter\":\"udp or len > "                     \
	"100\"}],\"policy\":{\"unclassified_cross_rack\":\"warn\"}}"

START_TEST(direction_and_tags_play_no_part)
{
	struct prng g = prng_stream((uint64_t)_i, "turn");
	struct bytes *p[3];
	struct audit_bench a, b, c;

	for (int k = 0; k < 3; k++)
		p[k] = mem_alloc(PACKETS, sizeof(*p[k]));
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct made m = random_made(&g, 1), r = reversed(m);

		p[0][i].n = make_packet(&m, p[0][i].b);
		p[1][i].n = make_packet(&r, p[1][i].b);
		m.tags = (m.tags + 1) % 4;
		p[2][i].n = make_packet(&m, p[2][i].b);
	}
	run(&a, SYMMETRIC, p[0], PACKETS, 0);
	run(&b, SYMMETRIC, p[1], PACKETS, 0);
	run(&c, SYMMETRIC, p[2], PACKETS, 0);
	same_cells(a.result, b.result, true);
	same_cells(a.result, c.result, false);
	bench_close(&a);
	bench_close(&b);
	bench_close(&c);
	for (int k = 0; k < 3; k++)
		mem_free(p[k]);
}
END_TEST

/* Class and racks of a packet alone, of which `captured` bytes are there. */
static struct audit_cell alone(
        struct audit_bench *b, const char *topology, const struct bytes *p, uint32_t captured)
{
	struct audit_cell cell;

	bench_open(b, topology, NULL);
	audit_packet(b->audit, NS_PER_S, p->b, captured, p->n);
	bench_finish(b);
	ck_assert_uint_eq(b->result->n_cells, 1);
	ck_assert(captured == p->n || !b->result->pass);
	cell = b->result->cells[0];
	bench_close(b);
	return cell;
}

START_TEST(what_is_cut_is_unknown_or_right)
{
	struct prng g = prng_stream((uint64_t)_i, "cut");
	struct bytes *p = mem_alloc(PACKETS, sizeof(*p));
	uint32_t n = random_packets(&g, p), known = 0, unknown = 0;
	char topology[TEXT_MAX];

	random_topology(&g, topology);
	for (uint32_t i = 0; i < 40; i++) {
		const struct bytes *one = &p[draw(&g, n)];
		uint32_t captured = (uint32_t)draw(&g, one->n);
		struct audit_bench b;
		struct audit_cell whole = alone(&b, topology, one, one->n);
		struct audit_cell cut = alone(&b, topology, one, captured);

		if (cut.class == AUDIT_UNKNOWN_CLASS) {
			unknown++;
			continue;
		}
		known++;
		ck_assert_int_eq(cut.class, whole.class);
		ck_assert_int_eq(cut.rack[0], whole.rack[0]);
		ck_assert_int_eq(cut.rack[1], whole.rack[1]);
	}
	ck_assert_uint_eq(known + unknown, 40);
	mem_free(p);
}
END_TEST

static void loop(Suite *suite, const char *name, const TTest *test, int n)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, test, 0, n);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("audit");

	loop(suite, "plain", as_the_plain_one, rounds(CASES));
	loop(suite, "turn", direction_and_tags_play_no_part, 4);
	loop(suite, "cut", what_is_cut_is_unknown_or_right, rounds(CASES));
	return run_suite(suite);
}
