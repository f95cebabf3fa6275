/* One made-up audit of each verdict, as JSON and for people, against the files beside this one.
 * UPDATE_GOLDEN=1 writes them anew. */
#include <stdio.h>
#include <string.h>
#include "harness/base/units.h"
#include "reports/audit.h"
#include "reports/audit_words.h"
#include "reports/text.h"
#include "tests/support/audit_bench.h"
#include "tests/support/golden.h"
#include "tests/support/run_suite.h"

#define TOPOLOGY                                                                                   \
	"{\"version\":1,\"racks\":[{\"name\":\"r0\",\"pod\":\"p0\",\"addresses\":[\"10.0.0.0/24\"" \
	",\"fd00::/64\",\"r0\"]},{\"name\":\"r1\",\"pod\":\"p0\",\"addresses\":[\"10.0.1.0/"       \
	"24\",\"r1\"]},{\"name\":\"r2\",\"pod\":\"p1\",\"addresses\":[\"fd00:0:0:2::/"             \
	"64\",\"02:00:00:00:00:22\"]}],\"classes\":[{\"name\":\"model\",\"filter\":\"udp port "    \
	"4700 or ether proto 0x88b5\",\"critical\":true},{\"name\":\"telemetry\",\"filter\":"      \
	"\"udp\"}],\"policy\":{\"unclassified_cross_rack\":\"warn\"}}"

static const struct made in_rack = {
        .from = "10.0.0.1", .to = "10.0.0.2", .sport = 5000, .dport = 4700, .payload = 10};
static const struct made telemetry = {
        .from = "10.0.1.1", .to = "10.0.0.2", .sport = 5000, .dport = 4800, .payload = 100};
static const struct made pods = {
        .from = "fd00::1", .to = "fd00:0:0:2::2", .sport = 4700, .dport = 4700, .payload = 10};
static const struct made away = {
        .from = "10.0.1.1", .to = "192.0.2.9", .sport = 5000, .dport = 4700, .payload = 10};
static const struct made plain = {.from = "10.0.0.1", .to = "10.0.1.2"};
static const struct made other = {.payload = 30};

static void bad(struct audit_bench *b)
{
	struct wire_message ours = {.critical = true,
	        .from = {0, 1, 2},
	        .to = {1, 3, WIRE_NONE},
	        .sampling = 4,
	        .request = 77,
	        .token = 5};

	for (int i = 0; i < 3; i++) {
		bench_packet(b, &in_rack);
		bench_packet(b, &telemetry);
		bench_packet(b, &pods);
		ours.sent_ns = i * NS_PER_MS;
		bench_packet(b, &(struct made){.ours = &ours});
	}
	audit_begin(b->audit, "eth1", AUDIT_LINK_ETHERNET, "EN10MB", 96, true);
	bench_packet(b, &away);
	bench_packet(b, &plain);
	bench_packet(b, &other);
	bench_cut(b, &telemetry, 30);
	audit_dropped(b->audit, 12);
}

static void unsure(struct audit_bench *b)
{
	struct made piece = in_rack;

	piece.fragment = true;
	piece.offset = 64;
	bench_packet(b, &in_rack);
	bench_packet(b, &piece);
	b->at_ns = 1;
	bench_packet(b, &telemetry);
}

static void good(struct audit_bench *b)
{
	bench_packet(b, &in_rack);
	bench_packet(b, &telemetry);
}

static const struct {
	const char *name;
	void (*make)(struct audit_bench *b);
} cases[] = {{"fail", bad}, {"inconclusive", unsure}, {"pass", good}};

START_TEST(each_verdict)
{
	struct audit_bench b;
	struct json_out o;
	struct text t;
	char path[96];

	bench_open(&b, TOPOLOGY, NULL);
	b.at_ns = INT64_C(1790000000) * NS_PER_S + 123456789;
	cases[_i].make(&b);
	bench_finish(&b);
	json_out_init(&o, 1);
	render_audit(b.result, &o, NULL);
	snprintf(path, sizeof(path), "tests/golden/reports/audit-%s.json", cases[_i].name);
	golden_matches(path, o.buf, o.n);
	json_out_free(&o);
	text_init(&t, 1 << 20);
	render_audit_text(b.result, &t);
	snprintf(path, sizeof(path), "tests/golden/reports/audit-%s.txt", cases[_i].name);
	golden_matches(path, t.buf, t.n);
	text_free(&t);
	bench_close(&b);
}
END_TEST

START_TEST(instants_are_dates)
{
	static const struct {
		int64_t ns;
		const char *text;
	} dates[] = {
	        {0, "1970-01-01T00:00:00.000000000Z"},
	        {-1, "1969-12-31T23:59:59.999999999Z"},
	        {INT64_C(951782400) * NS_PER_S, "2000-02-29T00:00:00.000000000Z"},
	        {INT64_C(951868799) * NS_PER_S + 5, "2000-02-29T23:59:59.000000005Z"},
	        {INT64_C(4107542400) * NS_PER_S, "2100-03-01T00:00:00.000000000Z"},
	        {INT64_C(1735689599) * NS_PER_S, "2024-12-31T23:59:59.000000000Z"},
	        {INT64_C(-2208988800) * NS_PER_S, "1900-01-01T00:00:00.000000000Z"},
	        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
	};
	char buf[AUDIT_WORD_MAX];

	for (size_t i = 0; i < ARRAY_LEN(dates); i++)
		ck_assert_str_eq(audit_time(dates[i].ns, buf), dates[i].text);
}
END_TEST

START_TEST(addresses_are_as_rfc_5952_says)
{
	static const struct {
		uint8_t bytes[16];
		const char *text;
	} addresses[] = {
	        {{0}, "::"},
	        {{[15] = 1}, "::1"},
	        {{0, 1}, "1::"},
	        {{0x20, 1, 0xd, 0xb8, [15] = 1}, "2001:db8::1"},
	        {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, "2001:db8:0:1:1:1:1:1"},
	        {{0x20, 1, [7] = 1, [15] = 1}, "2001:0:0:1::1"},
	        {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}, "2001:db8::1:0:0:1"},
	        {{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}, "1:2:3:4:5:6:7:8"},
	};
	char buf[AUDIT_WORD_MAX];

	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct audit_address a;

		memcpy(a.bytes, addresses[i].bytes, 16);
		ck_assert_str_eq(audit_address_text(AUDIT_NET_IPV6, &a, buf), addresses[i].text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit rendering");
	TCase *verdicts = tcase_create("verdicts");

	tcase_add_loop_test(verdicts, each_verdict, 0, (int)ARRAY_LEN(cases));
	suite_add_tcase(suite, verdicts);
	add_test(suite, "dates", instants_are_dates);
	add_test(suite, "addresses", addresses_are_as_rfc_5952_says);
	return run_suite(suite);
}
