/* The audit core on packets made by hand: what is a violation, what is a doubt, who is whose class.
 */
#include "harness/base/units.h"
#include "reports/audit.h"
#include "reports/text.h"
#include "tests/support/audit_bench.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <string.h>

#define RACKS                                                                                      \
	"\"racks\":[{\"name\":\"r0\",\"pod\":\"p0\",\"addresses\":[\"10.0.0.0/24\",\"fd00::/64\"," \
	"\"r0\"]},{\"name\":\"r1\",\"pod\":\"p0\",\"addresses\":[\"10.0.1.0/24\",\"fd00:0:0:1::/"  \
	"64\",\"r1\"]},{\"name\":\"r2\",\"pod\":\"p2\",\"addresses\":[\"10.0.2.0/24\",\"r2\"]}],"
#define CLASSES                                                                                    \
	"\"classes\":[{\"name\":\"model\",\"filter\":\"udp port 4700 or ether proto "              \
	"0x88b5\",\"critical\":true},{\"name\":\"telemetry\",\"filter\":\"udp\"}]"
#define TOPOLOGY(policy) "{\"version\":1," RACKS CLASSES policy "}"
#define PLAIN            TOPOLOGY("")
#define POLICY(rest)     TOPOLOGY(",\"policy\":{" rest "}")

enum { MODEL, TELEMETRY };

#define UDP(a, b, p)                                                                               \
	{                                                                                          \
		.from = (a), .to = (b), .sport = 5000, .dport = (p), .payload = 10                 \
	}
#define TCP(a, b, p)                                                                               \
	{                                                                                          \
		.from = (a), .to = (b), .sport = 5000, .dport = (p), .tcp = true, .payload = 10    \
	}

static const struct made in_rack = UDP("10.0.0.1", "10.0.0.2", 4700);
static const struct made crossing = UDP("10.0.0.1", "10.0.1.2", 4700);
static const struct made telemetry = UDP("10.0.1.1", "10.0.0.2", 4800);

START_TEST(in_the_rack_passes)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	for (int i = 0; i < 10; i++)
		bench_packet(&b, &in_rack);
	bench_packet(&b, &telemetry);
	r = bench_finish(&b);
	ck_assert(r->pass && !r->fail);
	ck_assert_uint_eq(r->packets, 11);
	ck_assert_uint_eq(r->violations, 0);
	ck_assert_uint_eq(r->total[MODEL].packets, 10);
	ck_assert_uint_eq(r->total[MODEL].matched, 10);
	ck_assert_uint_eq(r->total[TELEMETRY].packets, 1);
	ck_assert_uint_eq(r->total[TELEMETRY].matched, 11);
	ck_assert_uint_eq(r->total[TELEMETRY].crossing, 1);
	ck_assert_uint_eq(r->n_cells, 2);
	ck_assert_int_eq(r->cells[0].class, MODEL);
	ck_assert_uint_eq(r->cells[0].packets, 10);
	ck_assert_uint_eq(r->cells[0].bytes, 10 * (14 + 20 + 8 + 10));
	ck_assert_int_eq(r->cells[1].rack[0], 0);
	ck_assert_int_eq(r->cells[1].rack[1], 1);
	ck_assert_uint_eq(r->cells[1].forward, 0);
	ck_assert_uint_eq(r->n_flows, 1);
	ck_assert_int_eq(r->first_ns, NS_PER_S);
	ck_assert_int_eq(r->last_ns, NS_PER_S + 10 * NS_PER_MS);
	bench_close(&b);
}
END_TEST

START_TEST(one_that_crosses_fails_wherever_it_is)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	for (int i = 0; i < 10; i++)
		bench_packet(&b, i == _i ? &crossing : &in_rack);
	r = bench_finish(&b);
	ck_assert(r->fail && !r->pass);
	ck_assert_uint_eq(r->violations, 1);
	ck_assert_uint_eq(r->n_kept, 1);
	ck_assert_uint_eq(r->kept[0].number, (unsigned)_i + 1);
	ck_assert_int_eq(r->kept[0].at_ns, NS_PER_S + _i * NS_PER_MS);
	ck_assert_int_eq(r->kept[0].reason, AUDIT_CROSS_RACK);
	ck_assert_int_eq(r->kept[0].class, MODEL);
	ck_assert_int_eq(r->kept[0].rack[0], 0);
	ck_assert_int_eq(r->kept[0].rack[1], 1);
	ck_assert_uint_eq(r->kept[0].port[0], 5000);
	ck_assert_uint_eq(r->kept[0].port[1], 4700);
	ck_assert_uint_eq(r->kept[0].address[1].bytes[14], 1);
	bench_close(&b);
}
END_TEST

/* --- one packet, one verdict --------------------------------------------------------- */

enum verdict { PASS, FAIL, DOUBT };
#define NONE AUDIT_NO_CLASS

static const struct wire_message ours_inside = {
        .critical = true, .from = {0, 1, 2}, .to = {0, 3, 4}, .sampling = 1};
static const struct wire_message ours_across = {
        .critical = true, .from = {0, 1, 2}, .to = {1, 3, 4}, .sampling = 1};
static const struct wire_message ours_nowhere = {
        .critical = true, .from = {0, 1, 2}, .to = {9, 3, 4}, .sampling = 1};
static const struct wire_message ours_control = {.plane = WIRE_CONTROL,
        .from = {0, WIRE_HOST_CONTROL, WIRE_NONE},
        .to = {1, 3, WIRE_NONE},
        .sampling = 1};

static const struct one {
	const char *topology;
	struct made made;
	enum verdict verdict;
	int class;
	int reason; /* −1 = none */
} ones[] = {
        {PLAIN, UDP("10.0.1.2", "10.0.0.1", 4700), FAIL, MODEL, AUDIT_CROSS_RACK},
        {PLAIN, UDP("fd00::1", "fd00::2", 4700), PASS, MODEL, -1},
        {PLAIN, UDP("fd00::1", "fd00:0:0:1::2", 4700), FAIL, MODEL, AUDIT_CROSS_RACK},
        {PLAIN,
                {.from = "10.0.0.1",
                        .to = "10.0.1.1",
                        .sport = 4700,
                        .dport = 9,
                        .payload = 3,
                        .tags = 2},
                FAIL, MODEL, AUDIT_CROSS_RACK},
        {PLAIN, UDP("10.0.0.1", "10.9.0.1", 4700), FAIL, MODEL, AUDIT_END_OUTSIDE},
        {PLAIN, UDP("10.9.0.1", "10.0.0.1", 4700), FAIL, MODEL, AUDIT_END_OUTSIDE},
        {PLAIN, UDP("10.9.0.1", "10.9.0.2", 4700), FAIL, MODEL, AUDIT_END_OUTSIDE},
        {PLAIN, UDP("10.0.0.1", "239.1.1.1", 4700), FAIL, MODEL, AUDIT_END_OUTSIDE},
        {PLAIN, UDP("fd00::1", "ff02::1", 4700), FAIL, MODEL, AUDIT_END_OUTSIDE},
        {PLAIN, UDP("10.0.0.1", "10.0.2.1", 4800), PASS, TELEMETRY, -1},
        {PLAIN, UDP("10.0.0.1", "10.9.0.1", 4800), PASS, TELEMETRY, -1},
        /* of no class: in the rack, crossing, outside, to a group */
        {PLAIN, TCP("10.0.0.1", "10.0.0.2", 80), PASS, NONE, -1},
        {PLAIN, TCP("10.0.0.1", "10.0.1.2", 80), FAIL, NONE, AUDIT_UNCLASSIFIED_CROSSES},
        {PLAIN, TCP("10.0.0.1", "10.9.1.2", 80), PASS, NONE, -1},
        {PLAIN, {.from = "10.0.0.1", .to = "239.1.1.1"}, PASS, NONE, -1},
        {PLAIN, {.from = "10.0.0.1", .to = "10.0.1.1"}, FAIL, NONE, AUDIT_UNCLASSIFIED_CROSSES},
        {PLAIN, {.payload = 40}, PASS, NONE, -1},
        {POLICY("\"unclassified_cross_rack\":\"warn\""), TCP("10.0.0.1", "10.0.1.2", 80), PASS,
                NONE, -1},
        {POLICY("\"unclassified_cross_rack\":\"ignore\""), TCP("10.0.0.1", "10.0.1.2", 80), PASS,
                NONE, -1},
        /* scope pod: racks of one pod are one; no class means from rack to rack all the same */
        {POLICY("\"scope\":\"pod\""), UDP("10.0.0.1", "10.0.1.2", 4700), PASS, MODEL, -1},
        {POLICY("\"scope\":\"pod\""), UDP("10.0.0.1", "10.0.2.2", 4700), FAIL, MODEL,
                AUDIT_CROSS_POD},
        {POLICY("\"scope\":\"pod\""), UDP("10.0.0.1", "10.9.2.2", 4700), FAIL, MODEL,
                AUDIT_END_OUTSIDE},
        {POLICY("\"scope\":\"pod\""), TCP("10.0.0.1", "10.0.1.2", 80), FAIL, NONE,
                AUDIT_UNCLASSIFIED_CROSSES},
        /* ours, by component */
        {PLAIN, {.ours = &ours_inside}, PASS, MODEL, -1},
        {PLAIN, {.ours = &ours_across}, FAIL, MODEL, AUDIT_CROSS_RACK},
        {PLAIN, {.ours = &ours_across, .tags = 1}, FAIL, MODEL, AUDIT_CROSS_RACK},
        {PLAIN, {.ours = &ours_nowhere}, FAIL, MODEL, AUDIT_END_OUTSIDE},
        {PLAIN, {.ours = &ours_control}, PASS, TELEMETRY, -1},
};

static void assert_verdict(const struct audit_result *r, enum verdict v)
{
	ck_assert_int_eq(r->fail, v == FAIL);
	ck_assert_int_eq(r->pass, v == PASS);
}

/* The totals of the class say what its one cell says. */
static void assert_totals(const struct audit_result *r)
{
	const struct audit_cell *c = &r->cells[0];
	const struct audit_total *t =
	        c->class == AUDIT_NO_CLASS ? &r->unclassified : &r->total[c->class];
	bool outside = c->rack[0] < 0, crosses = !outside && c->rack[0] != c->rack[1];
	const struct audit_rack *racks = r->topology->racks;
	bool pods = crosses && racks[c->rack[0]].pod != racks[c->rack[1]].pod;

	ck_assert_uint_eq(t->packets, c->packets);
	ck_assert_uint_eq(t->bytes, c->bytes);
	ck_assert_uint_eq(t->outside, outside ? c->packets : 0);
	ck_assert_uint_eq(t->crossing, crosses ? c->packets : 0);
	ck_assert_uint_eq(t->crossing_bytes, crosses ? c->bytes : 0);
	ck_assert_uint_eq(t->crossing_pods, pods ? c->packets : 0);
	ck_assert_uint_eq(t->violations, r->violations);
}

START_TEST(one_packet_one_verdict)
{
	const struct one *o = &ones[_i];
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, o->topology, NULL);
	bench_packet(&b, &o->made);
	bench_packet(&b, &o->made); /* now from the cache */
	r = bench_finish(&b);
	assert_verdict(r, o->verdict);
	ck_assert_uint_eq(r->n_cells, 1);
	ck_assert_int_eq(r->cells[0].class, o->class);
	ck_assert_uint_eq(r->cells[0].packets, 2);
	ck_assert_uint_eq(r->violations, o->reason < 0 ? 0 : 2);
	for (int i = 0; i < AUDIT_REASONS; i++)
		ck_assert_uint_eq(r->violations_by[i], i == o->reason ? 2 : 0);
	if (o->reason >= 0)
		ck_assert_int_eq(r->kept[1].reason, o->reason);
	assert_totals(r);
	bench_close(&b);
}
END_TEST

/* --- the first class that is met ----------------------------------------------------- */

#define IN_ORDER(classes)                                                                          \
	"{\"version\":1,\"racks\":[{\"name\":\"r0\",\"addresses\":[\"10.0.0.0/24\"]}],"            \
	"\"classes\":[" classes "]}"
#define CLASS(name, filter) "{\"name\":\"" name "\",\"filter\":\"" filter "\"}"

/* A filter that looks beyond the flow's key is asked for every packet. */
START_TEST(filters_beyond_the_key_are_asked_each_time)
{
	struct made m = UDP("10.0.0.1", "10.0.0.2", 4700);
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b,
	        IN_ORDER(CLASS("long", "len > 100") "," CLASS("first", "udp[8] = 0x5a") "," CLASS(
	                "rest", "udp")),
	        NULL);
	for (int i = 0; i < 6; i++) {
		m.payload = i % 3 == 0 ? 100 : i % 3 == 1 ? 10 : 0;
		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(r->total[i].packets, 2);
	ck_assert_uint_eq(r->total[0].matched, 2);
	ck_assert_uint_eq(r->total[1].matched, 4);
	ck_assert_uint_eq(r->total[2].matched, 6);
	bench_close(&b);
}
END_TEST

START_TEST(sixty_four_classes)
{
	static char text[16384];
	struct made m = UDP("10.0.0.1", "10.0.0.2", 1);
	struct audit_bench b;
	const struct audit_result *r;
	size_t n = (size_t)snprintf(text, sizeof(text),
	        "{\"version\":1,\"racks\":[{\"name\":\"r0\",\"addresses\":[\"10.0.0.0/"
	        "24\"]}],\"classes\":[");

	for (int i = 0; i < AUDIT_CLASSES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		        "%s{\"name\":\"c%d\",\"filter\":\"udp port %d\"}", i ? "," : "", i,
		        5000 - i);
	snprintf(text + n, sizeof(text) - n, "]}");
	bench_open(&b, text, NULL);
	for (uint16_t i = 0; i < AUDIT_CLASSES_MAX; i++) {
		m.sport = 9;
		m.dport = (uint16_t)(5000 - i);
		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	for (int i = 0; i < AUDIT_CLASSES_MAX; i++)
		ck_assert_uint_eq(r->total[i].packets, 1);
	bench_close(&b);
}
END_TEST

/* --- doubts -------------------------------------------------------------------------- */

static void drop(struct audit_bench *b)
{
	audit_dropped(b->audit, 5);
}

static void cut_payload(struct audit_bench *b)
{
	bench_cut(b, &in_rack, 44);
}

static void broken(struct audit_bench *b)
{
	uint8_t bytes[MADE_BYTES_MAX];
	uint32_t n = make_packet(&in_rack, bytes);

	bytes[14] = 0x43; /* a header of 12 bytes */
	audit_packet(b->audit, b->at_ns, bytes, n, n);
}

static void more_than_there_was(struct audit_bench *b)
{
	uint8_t bytes[MADE_BYTES_MAX];
	uint32_t n = make_packet(&in_rack, bytes);

	audit_packet(b->audit, b->at_ns, bytes, n, n - 1);
}

static void later_fragment(struct audit_bench *b)
{
	struct made m = {.from = "10.0.0.1",
	        .to = "10.0.1.2",
	        .sport = 5000,
	        .dport = 4700,
	        .fragment = true,
	        .offset = 64,
	        .payload = 64,
	        .id = 7};

	bench_packet(b, &m);
}

static void capture_ends(struct audit_bench *b)
{
	audit_doubt(b->audit, DOUBT_CUT, 1);
}

static void back_in_time(struct audit_bench *b)
{
	b->at_ns -= 2 * NS_PER_S;
	bench_packet(b, &in_rack);
}

static const struct {
	enum audit_doubt doubt;
	uint64_t n;
	void (*make)(struct audit_bench *b);
} doubts[] = {
        {DOUBT_DROPPED, 5, drop},
        {DOUBT_TRUNCATED, 1, cut_payload},
        {DOUBT_BROKEN, 1, broken},
        {DOUBT_BROKEN, 1, more_than_there_was},
        {DOUBT_FRAGMENTS, 1, later_fragment},
        {DOUBT_CUT, 1, capture_ends},
        {DOUBT_TIME, 1, back_in_time},
};

/* Alone: inconclusive. Beside a violation: fail, and told all the same. */
START_TEST(doubts_are_never_a_pass)
{
	for (int violation = 0; violation < 2; violation++) {
		struct audit_bench b;
		const struct audit_result *r;

		bench_open(&b, PLAIN, NULL);
		bench_packet(&b, violation ? &crossing : &in_rack);
		doubts[_i].make(&b);
		r = bench_finish(&b);
		assert_verdict(r, violation ? FAIL : DOUBT);
		for (int d = 0; d < DOUBT_KINDS; d++)
			ck_assert_uint_eq(r->doubts[d],
			        (enum audit_doubt)d == doubts[_i].doubt ? doubts[_i].n : 0);
		ck_assert_uint_eq(r->violations, (unsigned)violation);
		bench_close(&b);
	}
}
END_TEST

START_TEST(nothing_is_no_proof)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	r = bench_finish(&b);
	assert_verdict(r, DOUBT);
	ck_assert_uint_eq(r->doubts[DOUBT_EMPTY], 1);
	ck_assert_int_eq(r->first_ns, -1);
	ck_assert_int_eq(r->sources[0].first_ns, -1);
	bench_close(&b);
}
END_TEST

/* A second is no going back, and creeping back is noticed, too. */
START_TEST(time_goes_back)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	b.at_ns = 100 * NS_PER_S;
	bench_packet(&b, &in_rack);
	b.at_ns = 99 * NS_PER_S;
	bench_packet(&b, &in_rack);
	b.at_ns = 99 * NS_PER_S - 1;
	bench_packet(&b, &in_rack);
	audit_begin(b.audit, "other.pcap", AUDIT_LINK_ETHERNET, "EN10MB", 65535, false);
	b.at_ns = NS_PER_S; /* another capture, another time */
	bench_packet(&b, &in_rack);
	r = bench_finish(&b);
	ck_assert_uint_eq(r->doubts[DOUBT_TIME], 1);
	ck_assert_uint_eq(r->n_sources, 2);
	ck_assert_int_eq(r->sources[0].first_ns, 99 * NS_PER_S - 1);
	ck_assert_int_eq(r->sources[0].last_ns, 100 * NS_PER_S);
	ck_assert_int_eq(r->sources[1].first_ns, NS_PER_S);
	ck_assert_int_eq(r->first_ns, NS_PER_S);
	ck_assert_int_eq(r->last_ns, 100 * NS_PER_S);
	bench_close(&b);
}
END_TEST

/* A broken capture may say any instant, a packet any instant of sending. */
START_TEST(instants_from_end_to_end)
{
	static const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, INT64_MIN, INT64_MAX, -1};
	struct wire_message m = ours_across;
	struct made piece = {.from = "10.0.0.1",
	        .to = "10.0.0.2",
	        .sport = 1,
	        .dport = 2,
	        .fragment = true,
	        .more = true,
	        .payload = 8};
	struct audit_bench b;
	const struct audit_result *r;
	struct text t;

	bench_open(&b, PLAIN, NULL);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct made ours = {.ours = &m};
		uint8_t bytes[MADE_BYTES_MAX];
		const struct made *all[] = {&crossing, &ours, &piece};

		m.sent_ns = ends[ARRAY_LEN(ends) - 1 - i];
		for (size_t k = 0; k < ARRAY_LEN(all); k++) {
			uint32_t n = make_packet(all[k], bytes);

			audit_packet(b.audit, ends[i], bytes, n, n);
		}
	}
	r = bench_finish(&b);
	ck_assert(r->fail);
	ck_assert_uint_eq(r->doubts[DOUBT_TIME], 9);
	ck_assert_int_eq(r->first_ns, -AUDIT_TIME_MAX_NS);
	ck_assert_int_eq(r->last_ns, AUDIT_TIME_MAX_NS);
	text_init(&t, 1 << 20);
	render_audit_text(r, &t);
	ck_assert(!t.cut);
	text_free(&t);
	bench_close(&b);
}
END_TEST

/* What was captured of a packet that crosses, byte by byte: a violation once its ports are there,
 * of unknown class before, and never a pass. */
START_TEST(a_packet_is_cut_anywhere)
{
	uint8_t bytes[MADE_BYTES_MAX];
	uint32_t n = make_packet(&crossing, bytes);

	for (uint32_t captured = 0; captured < n; captured++) {
		bool ports = captured >= 14 + 20 + 4;
		struct audit_bench b;
		const struct audit_result *r;

		bench_open(&b, PLAIN, NULL);
		bench_cut(&b, &crossing, captured);
		r = bench_finish(&b);
		ck_assert_uint_eq(r->doubts[DOUBT_TRUNCATED], 1);
		ck_assert_uint_eq(r->sources[0].truncated, 1);
		assert_verdict(r, ports ? FAIL : DOUBT);
		ck_assert_int_eq(r->cells[0].class, ports ? MODEL : AUDIT_UNKNOWN_CLASS);
		ck_assert_uint_eq(r->bytes, n);
		ck_assert_uint_eq(r->cells[0].bytes, n);
		bench_close(&b);
	}
}
END_TEST

/* A class that is met counts only if those before it are surely not. */
START_TEST(what_was_cut_off_may_be_of_an_earlier_class)
{
	static const struct {
		const char *classes;
		int class;
	} cases[] = {
	        {CLASS("payload", "udp[20] = 0") "," CLASS("rest", "udp"), AUDIT_UNKNOWN_CLASS},
	        {CLASS("rest", "udp") "," CLASS("payload", "udp[20] = 0"), 0},
	        {CLASS("tcp", "tcp[20] = 0") "," CLASS("rest", "udp"), 1},
	        {CLASS("payload", "udp[20] = 0"), AUDIT_UNKNOWN_CLASS},
	        {CLASS("tcp", "tcp"), AUDIT_NO_CLASS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[512];
		struct made m = UDP("10.0.0.1", "10.0.0.2", 4700);
		struct audit_bench b;
		const struct audit_result *r;

		m.payload = 60;
		snprintf(text, sizeof(text), IN_ORDER("%s"), cases[i].classes);
		bench_open(&b, text, NULL);
		for (int k = 0; k < 3; k++)
			bench_cut(&b, &m, 14 + 20 + 8 + 4);
		r = bench_finish(&b);
		ck_assert_uint_eq(r->n_cells, 1);
		ck_assert_int_eq(r->cells[0].class, cases[i].class);
		ck_assert_uint_eq(r->cells[0].packets, 3);
		bench_close(&b);
	}
}
END_TEST

/* Headers that contradict themselves match nothing, which is no proof that they are of no class. */
START_TEST(broken_packets_are_no_violation_by_absence)
{
	struct made m = TCP("10.0.0.1", "10.0.1.2", 80);
	uint8_t bytes[MADE_BYTES_MAX];
	uint32_t n = make_packet(&m, bytes);
	struct audit_bench b;
	const struct audit_result *r;

	/* by addresses alone, which are there */
	bench_open(&b,
	        "{\"version\":1,\"racks\":[{\"name\":\"r0\",\"addresses\":[\"10.0.0.0/"
	        "24\"]},{\"name\":\"r1\",\"addresses\":[\"10.0.1.0/24\"]}],\"classes\":["
	        "{\"name\":\"u\",\"filter\":\"udp\"}]}",
	        NULL);
	bytes[16] = 0xff; /* longer than the frame */
	audit_packet(b.audit, 1, bytes, n, n);
	r = bench_finish(&b);
	assert_verdict(r, DOUBT);
	ck_assert_int_eq(r->cells[0].class, AUDIT_UNKNOWN_CLASS);
	ck_assert_uint_eq(r->unknown.packets, 1);
	bench_close(&b);
}
END_TEST

/* --- limits -------------------------------------------------------------------------- */

START_TEST(violations_beyond_the_limit_are_counted)
{
	struct audit_config c = {.violations_max = 3};
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, &c);
	for (int i = 0; i < 10; i++)
		bench_packet(&b, i % 2 ? &crossing : &in_rack);
	r = bench_finish(&b);
	ck_assert_uint_eq(r->violations, 5);
	ck_assert_uint_eq(r->total[MODEL].violations, 5);
	ck_assert_uint_eq(r->n_kept, 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(r->kept[i].number, 2 * i + 2);
	bench_close(&b);
}
END_TEST

START_TEST(flows_beyond_the_limit_are_counted)
{
	struct audit_config c = {.flows_max = 2};
	struct made m = UDP("10.0.0.1", "10.0.1.2", 4700);
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, &c);
	for (uint16_t i = 0; i < 12; i++) {
		m.sport = (uint16_t)(5000 + i % 4);
		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->n_flows, 2);
	ck_assert_uint_eq(r->flows[0].packets, 3);
	ck_assert_uint_eq(r->flows[1].packets, 3);
	ck_assert_uint_eq(r->flows_forgotten, 6);
	ck_assert_uint_eq(r->violations, 12);
	bench_close(&b);
}
END_TEST

/* Many more flows than the cache holds, each twice. */
START_TEST(the_cache_forgets_and_nothing_is_lost)
{
	struct made m = UDP("10.0.0.1", "10.0.0.2", 4700);
	struct audit_bench b;
	const struct audit_result *r;
	uint64_t n = 0;

	bench_open(&b, PLAIN, NULL);
	for (int twice = 0; twice < 2; twice++)
		for (unsigned port = 1; port < 65536; port++)
			for (uint16_t d = 4698; d < 4703; d++, n++) {
				m.sport = (uint16_t)(port == 4700 ? 1 : port);
				m.dport = d;
				bench_packet(&b, &m);
			}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->packets, n);
	ck_assert_uint_eq(r->total[MODEL].packets, n / 5);
	ck_assert_uint_eq(r->total[TELEMETRY].packets, n - n / 5);
	ck_assert_uint_eq(r->total[TELEMETRY].matched, n);
	ck_assert_uint_eq(r->n_cells, 2);
	ck_assert_uint_eq(r->cells[0].packets, n / 5);
	bench_close(&b);
}
END_TEST

START_TEST(sampling_is_told)
{
	struct wire_message m = ours_inside;
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	bench_packet(&b, &in_rack);
	for (uint32_t i = 10; i >= 4; i -= 3) {
		m.sampling = i;
		bench_packet(&b, &(struct made){.ours = &m});
	}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->sampling_min, 4);
	ck_assert_uint_eq(r->sampling_max, 10);
	bench_close(&b);
}
END_TEST

/* --- flows --------------------------------------------------------------------------- */

static void at(struct audit_bench *b, const struct made *m, int64_t at_ns)
{
	b->at_ns = at_ns;
	bench_packet(b, m);
}

/* Gaps 10, 10, 26, 10 ms: D = 0, 16, 16; J = 0, 1, 1 + 15/16. */
START_TEST(jitter_of_a_steady_sender)
{
	static const int64_t ms[] = {0, 10, 20, 46, 56};
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	for (size_t i = 0; i < ARRAY_LEN(ms); i++)
		at(&b, &crossing, NS_PER_S + ms[i] * NS_PER_MS);
	r = bench_finish(&b);
	ck_assert_uint_eq(r->n_flows, 1);
	ck_assert(!r->flows[0].sent_known);
	ck_assert_uint_eq(r->flows[0].packets, 5);
	ck_assert_uint_eq(r->flows[0].violations, 5);
	ck_assert_uint_eq(r->flows[0].gaps, 4);
	ck_assert_double_eq_tol(r->flows[0].jitter_ns, 1.9375e6, 1e-3);
	ck_assert_double_eq_tol(r->flows[0].jitter_max_ns, 1.9375e6, 1e-3);
	ck_assert_int_eq(r->flows[0].gap_max_ns, 26 * NS_PER_MS);
	ck_assert_double_eq_tol(r->flows[0].gap_mean_ns, 14e6, 1e-3);
	ck_assert_int_eq(r->flows[0].last_ns - r->flows[0].first_ns, 56 * NS_PER_MS);
	bench_close(&b);
}
END_TEST

/* Sent at 0, 3, 50, 51 ms, underway for 5, 5, 21, 5 ms: D = 0, 16, −16. */
START_TEST(jitter_where_the_sender_says_when)
{
	static const int64_t sent[] = {0, 3, 50, 51}, took[] = {5, 5, 21, 5};
	struct wire_message m = ours_across;
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
		m.sent_ns = sent[i] * NS_PER_MS;
		m.request = i;
		at(&b, &(struct made){.ours = &m}, NS_PER_S + (sent[i] + took[i]) * NS_PER_MS);
	}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->n_flows, 1);
	ck_assert(r->flows[0].sent_known);
	ck_assert_double_eq_tol(r->flows[0].jitter_ns, 1.9375e6, 1e-3);
	ck_assert_uint_eq(r->flows[0].who.number, 1);
	ck_assert_uint_eq(r->flows[0].who.end[1].rack, 1);
	ck_assert_uint_eq(r->kept[3].request, 3);
	bench_close(&b);
}
END_TEST

/* From one capture to the next nothing is timed; the other direction is another flow. */
START_TEST(flows_are_timed_within_a_capture)
{
	static const struct made back = {
	        .from = "10.0.1.2", .to = "10.0.0.1", .sport = 4700, .dport = 5000, .payload = 90};
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	for (int i = 0; i < 2; i++) {
		at(&b, &crossing, NS_PER_S + (i * 1000) * NS_PER_S);
		at(&b, &crossing, NS_PER_S + (i * 1000) * NS_PER_S + 1000);
		at(&b, &back, NS_PER_S + (i * 1000) * NS_PER_S + 2000);
		audit_begin(b.audit, "next.pcap", AUDIT_LINK_ETHERNET, "EN10MB", 65535, false);
	}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->n_flows, 2);
	ck_assert_uint_eq(r->flows[1].bytes, 4 * (14 + 20 + 8 + 10));
	ck_assert_uint_eq(r->flows[1].gaps, 2);
	ck_assert_int_eq(r->flows[1].gap_max_ns, 1000);
	ck_assert_uint_eq(r->flows[0].gaps, 0);
	ck_assert_int_eq(r->flows[0].who.rack[0], 1);
	bench_close(&b);
}
END_TEST

/* What is allowed to cross is timed, too; of what stays, or has an end outside, there is no flow.
 */
START_TEST(only_what_crosses_is_a_flow)
{
	static const struct made outside = UDP("10.0.0.1", "10.9.0.1", 4700);
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, PLAIN, NULL);
	bench_packet(&b, &in_rack);
	bench_packet(&b, &outside);
	bench_packet(&b, &telemetry);
	r = bench_finish(&b);
	ck_assert_uint_eq(r->n_flows, 1);
	ck_assert_int_eq(r->flows[0].who.class, TELEMETRY);
	ck_assert_uint_eq(r->flows[0].violations, 0);
	bench_close(&b);
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
	Suite *suite = suite_create("audit");

	add_test(suite, "passes", in_the_rack_passes);
	loop(suite, "anywhere", one_that_crosses_fails_wherever_it_is, 10);
	loop(suite, "verdicts", one_packet_one_verdict, ARRAY_LEN(ones));
	add_test(suite, "beyond the key", filters_beyond_the_key_are_asked_each_time);
	add_test(suite, "64 classes", sixty_four_classes);
	loop(suite, "doubts", doubts_are_never_a_pass, ARRAY_LEN(doubts));
	add_test(suite, "empty", nothing_is_no_proof);
	add_test(suite, "time", time_goes_back);
	add_test(suite, "instants", instants_from_end_to_end);
	add_test(suite, "cut", a_packet_is_cut_anywhere);
	add_test(suite, "cut order", what_was_cut_off_may_be_of_an_earlier_class);
	add_test(suite, "broken", broken_packets_are_no_violation_by_absence);
	add_test(suite, "many violations", violations_beyond_the_limit_are_counted);
	add_test(suite, "many flows", flows_beyond_the_limit_are_counted);
	add_test(suite, "many keys", the_cache_forgets_and_nothing_is_lost);
	add_test(suite, "sampling", sampling_is_told);
	add_test(suite, "jitter", jitter_of_a_steady_sender);
	add_test(suite, "jitter sent", jitter_where_the_sender_says_when);
	add_test(suite, "captures", flows_are_timed_within_a_capture);
	add_test(suite, "flows", only_what_crosses_is_a_flow);
	return run_suite(suite);
}
