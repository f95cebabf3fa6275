/* Topologies: every mistake is answered at its place, and every form of address finds its rack. */
#include "reports/audit_topology.h"
#include "reports/audit_places.h"
#include "tests/support/audit_bench.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <string.h>

/* --- mistakes ------------------------------------------------------------------------ */

#define RACK(name, more) "{\"name\":\"" name "\",\"addresses\":[" more "]}"
#define R0               RACK("r0", "\"10.0.0.0/24\"")
#define TOP(racks, more) "{\"version\":1,\"racks\":[" racks "]" more "}"
#define ONE(address)     TOP(RACK("r0", address), "")

static const struct mistake {
	const char *text, *message;
} mistakes[] = {
        {"[]", "t.json:1:1: $: expected an object, found an empty list"},
        {"{\"version\":1}", "t.json:1:1: $: expected the key 'racks', found none"},
        {"{\"version\":2,\"racks\":[" R0 "]}",
                "t.json:1:12: version: expected an integer of at least 1 and at most 1, found 2"},
        {"{\"racks\":[" R0 "]}", "t.json:1:1: $: expected the key 'version', found none"},
        {TOP("", ""), "t.json:1:22: racks: expected 1 to 4096 racks, found an empty list"},
        {TOP(R0, ",\"clases\":[]"),
                "t.json:1:66: clases: expected a known key (nearest is 'classes'), found 'clases'"},
        {TOP(RACK("R0", "\"10.0.0.0/24\""), ""), "racks.R0.name: expected a name"},
        {TOP(R0 "," R0, ""),
                "racks.r0.name: expected a name that no rack before it has, found \"r0\""},
        {TOP(RACK("r0", ""), ""),
                "racks.r0.addresses: expected at least one address, found an empty list"},
        {TOP("{\"name\":\"r0\"}", ""), "racks.r0: expected the key 'addresses', found none"},
        {ONE("7"), "racks.r0.addresses.0: expected an address, a port or a component, as a string, "
                   "found 7"},
        {ONE("\"10.0.0.256\""), "racks.r0.addresses.0: expected an IPv4 address of four numbers up "
                                "to 255, found \"10.0.0.256\""},
        {ONE("\"10.0.0\""), "expected an IPv4 address"},
        {ONE("\"10.0.0.1.2\""), "expected an IPv4 address"},
        {ONE("\"10.0.0.01\""), "expected an IPv4 address"},
        {ONE("\"10.0.0.1 \""), "expected an IPv4 address"},
        {ONE("\"10.0.0.0/33\""), "expected a prefix of 0 to 32 bits"},
        {ONE("\"10.0.0.0/\""), "expected a prefix of 0 to 32 bits"},
        {ONE("\"10.0.0.0/x\""), "expected a prefix of 0 to 32 bits"},
        {ONE("\"10.0.0.0/-1\""), "expected a prefix of 0 to 32 bits"},
        {ONE("\"10.0.0.7/24\""), "expected an address whose bits beyond the first 24 are zero"},
        {ONE("\"10.0.0.0/24:4700\""), "expected a port of 1 to 65535 behind one address"},
        {ONE("\"10.0.0.1:0\""), "expected a port of 1 to 65535 behind one address"},
        {ONE("\"10.0.0.1:65536\""), "expected a port of 1 to 65535 behind one address"},
        {ONE("\"239.1.1.1\""), "multicast and broadcast are in no rack"},
        {ONE("\"255.255.255.255\""), "multicast and broadcast are in no rack"},
        {ONE("\"fd00::/129\""), "expected a prefix of 0 to 128 bits"},
        {ONE("\"fd00::1/64\""), "expected an address whose bits beyond the first 64 are zero"},
        {ONE("\"fd00::1::2\""), "expected an IPv6 address"},
        {ONE("\"fd00:1:2:3:4:5:6:7:8\""), "expected an IPv6 address"},
        {ONE("\"fd00:1:2:3:4:5:6\""), "expected an IPv6 address"},
        {ONE("\"fd00:12345::\""), "expected an IPv6 address"},
        {ONE("\"fe80::1%eth0\""), "expected an IPv6 address"},
        {ONE("\"fd00:1:2:3:4:5:6:7:\""), "expected an IPv6 address"},
        {ONE("\"1:2:3:4:5:6:7:8::\""), "expected an IPv6 address"},
        {ONE("\"ff02::1\""), "multicast and broadcast are in no rack"},
        {ONE("\"[fd00::1]\""), "expected an IPv6 address with a port"},
        {ONE("\"[fd00::1:4700\""), "expected an IPv6 address with a port"},
        {ONE("\"[10.0.0.1]:4700\""), "expected an IPv6 address with a port"},
        {ONE("\"03:00:00:00:00:01\""), "multicast and broadcast are in no rack"},
        {ONE("\"02:00:00:00:00:01/49\""), "expected a prefix of 0 to 48 bits"},
        {ONE("\"02:00:00:00:00:01/40\""), "whose bits beyond the first 40 are zero"},
        {ONE("\":0\""), "expected a port of 1 to 65535"},
        {ONE("\"tcp:http\""), "expected a port of 1 to 65535"},
        {ONE("\"port 70000\""), "expected a port of 1 to 65535"},
        {ONE("\"r0.x3\""), "expected a component as the emulator names it"},
        {ONE("\"r0.n3.c5.x\""), "expected a component as the emulator names it"},
        {ONE("\"\""), "racks.r0.addresses.0: expected an address (\"10.0.0.7\""},
        {ONE("\"gateway\""), "expected an address (\"10.0.0.7\""},
        {TOP(RACK("a", "\"10.0.0.1\"") ",\n" RACK("b", "\"10.0.0.2\",\"10.0.0.1/32\""), ""),
                "t.json:2:37: racks.b.addresses.1: expected an address of one rack, found "
                "\"10.0.0.1/32\", which rack a has, too (line 1, column 48)"},
        {TOP(RACK("a", "\"::1\"") "," RACK("b", "\"0:0:0:0:0:0:0:1\""), ""),
                "which rack a has, too"},
        {TOP("{\"name\":\"a\",\"addresses\":[\"10.0.0.1\"]},{\"name\":\"b\",\"pod\":\"a\","
             "\"addresses\":[\"10.0.0.2\"]}",
                 ""),
                "racks.a: expected the key 'pod', found none, and the pod \"a\" that it would have "
                "of "
                "its own is that of other racks"},
        {TOP(R0, ",\"classes\":[{\"name\":\"m\",\"filter\":\"udp prt 1\"}]"), "classes.m.filter: "},
        {TOP(R0, ",\"classes\":[{\"name\":\"m\",\"filter\":\" \"}]"),
                "classes.m.filter: expected a filter expression (all packets: \"len >= 0\")"},
        {TOP(R0, ",\"classes\":[{\"name\":\"m\"}]"), "expected the key 'filter', found none"},
        {TOP(R0, ",\"classes\":[{\"name\":\"m\",\"filter\":\"udp\",\"critical\":1}]"),
                "classes.m.critical: expected"},
        {TOP(R0, ",\"classes\":[{\"name\":\"m\",\"filter\":\"udp\"},{\"name\":\"m\",\"filter\":"
                 "\"tcp\"}]"),
                "classes.m.name: expected a name that no class before it has, found \"m\""},
        {TOP(R0, ",\"policy\":{\"scope\":\"row\"}"), "policy.scope: expected"},
        {TOP(R0, ",\"policy\":{\"unclassified\":\"fail\"}"),
                "policy.unclassified: expected a known key"},
        {TOP(R0, ",\"policy\":[]"), "policy: expected an object"},
};

START_TEST(mistakes_are_answered_in_their_place)
{
	struct audit_bench b;

	ck_assert(!bench_read(&b, mistakes[_i].text));
	ck_assert_msg(strstr(b.message, mistakes[_i].message), "%s", b.message);
	ck_assert_msg(strncmp(b.message, "t.json:", 7) == 0, "%s", b.message);
	bench_close(&b);
}
END_TEST

/* --- forms --------------------------------------------------------------------------- */

#define EVERYTHING                                                                                 \
	"{\"version\":1,\"racks\":["                                                               \
	"{\"name\":\"wide\",\"addresses\":[\"10.0.0.0/8\",\"fd00::/16\",\"02:4c::\",\"r0\"]},"     \
	"{\"name\":\"narrow\",\"addresses\":[\"10.1.2.0/24\",\"fd00:1::/32\",\"r0.n3\"]},"         \
	"{\"name\":\"host\",\"addresses\":[\"10.1.2.3\",\"fd00:1::3\",\"r0.n3.c5\"]},"             \
	"{\"name\":\"socket\",\"addresses\":[\"10.1.2.3:4700\",\"[fd00:1::3]:4700\"]},"            \
	"{\"name\":\"port\",\"addresses\":[\":8000\",\"tcp:9000\",\"port 8001\"]},"                \
	"{\"name\":\"udp\",\"addresses\":[\"udp:9000\",\"192.0.2.1\"]},"                           \
	"{\"name\":\"mac\",\"addresses\":[\"02:00:00:00:00:00/24\"]},"                             \
	"{\"name\":\"card\",\"addresses\":[\"02:00:00:00:00:09\"]}]}"

enum { TCP = 6, UDP = 17 };

static const struct lookup {
	const char *address; /* NULL: no IP */
	uint8_t protocol;
	uint16_t port;
	const char *mac;       /* NULL: not known */
	const char *component; /* NULL: not ours */
	const char *rack;      /* NULL: outside */
} lookups[] = {
        {"10.9.9.9", 1, 0, NULL, NULL, "wide"},
        {"10.1.2.9", 1, 0, NULL, NULL, "narrow"},
        {"10.1.2.3", 1, 0, NULL, NULL, "host"},
        {"10.1.2.3", UDP, 4701, NULL, NULL, "host"},
        {"10.1.2.3", UDP, 4700, NULL, NULL, "socket"},
        {"10.1.2.3", TCP, 4700, NULL, NULL, "socket"},
        {"fd00:2::1", UDP, 1, NULL, NULL, "wide"},
        {"fd00:1::1", UDP, 1, NULL, NULL, "narrow"},
        {"fd00:1::3", UDP, 1, NULL, NULL, "host"},
        {"fd00:1::3", UDP, 4700, NULL, NULL, "socket"},
        {"11.0.0.1", UDP, 1, NULL, NULL, NULL},
        {"fe80::1", UDP, 1, NULL, NULL, NULL},
        /* an address is asked before a port, a port before a MAC */
        {"10.9.9.9", UDP, 8000, NULL, NULL, "wide"},
        {"11.0.0.1", UDP, 8000, NULL, NULL, "port"},
        {"11.0.0.1", TCP, 8001, NULL, NULL, "port"},
        {"11.0.0.1", TCP, 9000, NULL, NULL, "port"},
        {"11.0.0.1", UDP, 9000, NULL, NULL, "udp"},
        {"11.0.0.1", 132, 9000, NULL, NULL, NULL},
        {"11.0.0.1", UDP, 8000, "02:00:00:00:00:09", NULL, "port"},
        {"11.0.0.1", UDP, 1, "02:00:00:00:00:09", NULL, "card"},
        {NULL, 0, 0, "02:00:00:00:00:09", NULL, "card"},
        {NULL, 0, 0, "02:00:00:ff:ff:ff", NULL, "mac"},
        {NULL, 0, 0, "02:00:01:00:00:00", NULL, NULL},
        /* of ours: the chip, its node, its rack, then as others */
        {NULL, 0, 0, NULL, "r0.n3.c5", "host"},
        {NULL, 0, 0, NULL, "r0.n3.c6", "narrow"},
        {NULL, 0, 0, NULL, "r0.n3", "narrow"},
        {NULL, 0, 0, NULL, "r0.n4.c5", "wide"},
        {NULL, 0, 0, NULL, "r1.n3.c5", NULL},
        {"11.0.0.1", UDP, 8000, NULL, "r0.n3.c5", "host"},
        {"11.0.0.1", UDP, 8000, NULL, "r1.n3.c5", "port"},
        /* groups are nowhere, whatever their port */
        {"239.1.1.1", UDP, 8000, "02:00:00:00:00:09", NULL, NULL},
        {"255.255.255.255", UDP, 8000, NULL, NULL, NULL},
        {"ff02::1", UDP, 8000, NULL, NULL, NULL},
        {NULL, 0, 0, "ff:ff:ff:ff:ff:ff", NULL, NULL},
};

static void set_address(struct audit_frame *f, unsigned end, const char *text)
{
	char buf[PLACE_EXPECTED_MAX];
	struct place p;

	place_parse(text, &p, buf); /* groups are refused, but read */
	f->net = p.kind == PLACE_IPV6 ? AUDIT_NET_IPV6 : AUDIT_NET_IPV4;
	memcpy(f->address[end].bytes, p.value, 16);
}

static struct audit_frame frame_of(const struct lookup *l, unsigned end)
{
	struct audit_frame f = {.protocol = l->protocol, .ports_known = l->port > 0};
	char buf[PLACE_EXPECTED_MAX];
	struct place p;

	f.port[end] = l->port;
	if (l->address)
		set_address(&f, end, l->address);
	if (l->mac) {
		place_parse(l->mac, &p, buf);
		memcpy(f.mac[end], p.value, 6);
		f.macs_known[end] = true;
	}
	if (l->component) {
		f.ours_valid = true;
		ck_assert(wire_end_parse(l->component, end ? &f.ours.to : &f.ours.from));
		if (!l->address)
			f.net = AUDIT_NET_OURS;
	}
	return f;
}

START_TEST(the_most_precise_place_wins)
{
	const struct lookup *l = &lookups[_i];
	struct audit_bench b;

	ck_assert_msg(bench_read(&b, EVERYTHING), "%s", b.message);
	for (unsigned end = 0; end < 2; end++) {
		struct audit_frame f = frame_of(l, end);
		int rack = audit_rack_of(&b.topology, &f, end);

		if (l->rack)
			ck_assert_str_eq(rack < 0 ? "-" : b.topology.racks[rack].name, l->rack);
		else
			ck_assert_int_eq(rack, AUDIT_OUTSIDE);
	}
	bench_close(&b);
}
END_TEST

static const struct written {
	const char *text;
	uint8_t bits, value[16];
} written[] = {
        {"::", 128, {0}},
        {"::/0", 0, {0}},
        {"::1", 128, {[15] = 1}},
        {"1::", 128, {0, 1}},
        {"fd00::/8", 8, {0xfd}},
        {"1:2:3:4:5:6:7:8", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"1:2:3:4:5:6:7::", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
        {"::2:3:4:5:6:7:8", 128, {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"2001:DB8::aBcD:1", 128, {0x20, 1, 0xd, 0xb8, [12] = 0xab, 0xcd, 0, 1}},
        {"::ffff:10.0.0.1", 128, {[10] = 0xff, 0xff, 10, 0, 0, 1}},
        {"64:ff9b::192.0.2.33", 128, {0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 33}},
};

START_TEST(ipv6_is_read_in_every_form)
{
	const struct written *w = &written[_i];
	char buf[PLACE_EXPECTED_MAX];
	struct place p;

	ck_assert_ptr_null(place_parse(w->text, &p, buf));
	ck_assert_int_eq(p.kind, PLACE_IPV6);
	ck_assert_uint_eq(p.bits, w->bits);
	ck_assert_mem_eq(p.value, w->value, 16);
}
END_TEST

START_TEST(defaults_are_as_documented)
{
	struct audit_bench b;

	ck_assert(bench_read(&b, TOP(R0 "," RACK("r1", "\"10.0.1.0/24\""),
	                                 ",\"classes\":[{\"name\":\"m\",\"filter\":\"udp\"}]")));
	ck_assert_int_eq(b.topology.scope, AUDIT_SCOPE_RACK);
	ck_assert_int_eq(b.topology.unclassified, AUDIT_UNCLASSIFIED_FAIL);
	ck_assert(!b.topology.classes[0].critical);
	ck_assert_uint_eq(b.topology.n_pods, 2);
	ck_assert_str_eq(b.topology.pods[b.topology.racks[1].pod], "r1");
	bench_close(&b);
	ck_assert(bench_read(&b,
	        "{\"version\":1,\"racks\":[{\"name\":\"a\",\"pod\":\"p\",\"addresses\":[\"r0\"]},"
	        "{\"name\":\"b\",\"pod\":\"q\",\"addresses\":[\"r1\"]},{\"name\":\"c\",\"pod\":"
	        "\"p\",\"addresses\":[\"r2\",\"r2\"]}],\"policy\":{\"scope\":\"pod\","
	        "\"unclassified_cross_rack\":\"ignore\"}}"));
	ck_assert_int_eq(b.topology.scope, AUDIT_SCOPE_POD);
	ck_assert_int_eq(b.topology.unclassified, AUDIT_UNCLASSIFIED_IGNORE);
	ck_assert_uint_eq(b.topology.n_pods, 2);
	ck_assert_uint_eq(b.topology.racks[0].pod, b.topology.racks[2].pod);
	ck_assert_uint_ne(b.topology.racks[0].pod, b.topology.racks[1].pod);
	bench_close(&b);
}
END_TEST

/* As many racks and addresses as there may be, and one more. */
START_TEST(limits_hold)
{
	static char text[1 << 20];
	struct audit_bench b;

	for (int more = 0; more < 2; more++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "{\"version\":1,\"racks\":[");

		for (int i = 0; i < AUDIT_RACKS_MAX + more; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			        "%s{\"name\":\"r%d\",\"addresses\":[\"10.%d.%d.0/24\",\"r%d\"]}",
			        i ? "," : "", i, i / 256, i % 256, i);
		snprintf(text + n, sizeof(text) - n, "]}");
		ck_assert(bench_read(&b, text) == !more);
		if (!more) {
			struct audit_frame f = {.net = AUDIT_NET_IPV4};

			set_address(&f, 0, "10.3.7.9");
			ck_assert_int_eq(audit_rack_of(&b.topology, &f, 0), 3 * 256 + 7);
		}
		bench_close(&b);
	}
}
END_TEST

static void loop(Suite *suite, const char *name, const TTest *test, size_t n)
{
	TCase *tcase = tcase_create(name);

	tcase_add_loop_test(tcase, test, 0, (int)n);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("audit topology");

	loop(suite, "mistakes", mistakes_are_answered_in_their_place, ARRAY_LEN(mistakes));
	loop(suite, "places", the_most_precise_place_wins, ARRAY_LEN(lookups));
	loop(suite, "ipv6", ipv6_is_read_in_every_form, ARRAY_LEN(written));
	add_test(suite, "defaults", defaults_are_as_documented);
	add_test(suite, "limits", limits_hold);
	return run_suite(suite);
}
