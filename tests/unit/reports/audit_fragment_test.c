/* Datagrams in pieces: whatever order they come in, all are what the first one is; and where nobody
 * knows the first one, nobody passes. */
#include "harness/base/units.h"
#include "reports/audit.h"
#include "tests/support/audit_bench.h"
#include "tests/support/run_suite.h"

#include <string.h>

#define TOPOLOGY                                                                                   \
	"{\"version\":1,\"racks\":[{\"name\":\"r0\",\"addresses\":[\"10.0.0.0/"                    \
	"24\",\"fd00::/64\"]},{\"name\":\"r1\",\"addresses\":[\"10.0.1.0/"                         \
	"24\",\"fd00:0:0:1::/64\"]},{\"name\":\"r2\",\"addresses\":[\":4700\"]}],\"classes\":[{"   \
	"\"name\":\"model\",\"filter\":\"udp port "                                                \
	"4700\",\"critical\":true},{\"name\":\"telemetry\",\"filter\":\"udp port 4800\"}]}"

enum { MODEL, TELEMETRY, PIECES = 4, PIECE = 64 };

/* Piece i of a datagram of PIECES pieces. */
static struct made piece(const char *from, const char *to, uint16_t port, uint32_t id, unsigned i)
{
	return (struct made){.from = from,
	        .to = to,
	        .sport = 5000,
	        .dport = port,
	        .fragment = true,
	        .more = i + 1 < PIECES,
	        .offset = i * PIECE,
	        .payload = i ? PIECE : PIECE - 8,
	        .id = id};
}

/* The n-th order of 0, 1, 2, 3. */
static void order(int n, unsigned out[static PIECES])
{
	unsigned left[PIECES] = {0, 1, 2, 3};

	for (unsigned i = 0; i < PIECES; i++) {
		unsigned rest = PIECES - i, k = (unsigned)n % rest;

		n /= (int)rest;
		out[i] = left[k];
		memmove(left + k, left + k + 1, (rest - k - 1) * sizeof(*left));
	}
}

/* All of `r` is one crossing datagram of class model. */
static void assert_all_crossed(const struct audit_result *r, uint64_t packets)
{
	ck_assert(r->fail);
	ck_assert_uint_eq(r->doubts[DOUBT_FRAGMENTS], 0);
	ck_assert_uint_eq(r->violations, packets);
	ck_assert_uint_eq(r->n_cells, 1);
	ck_assert_int_eq(r->cells[0].class, MODEL);
	ck_assert_uint_eq(r->cells[0].packets, packets);
	ck_assert_uint_eq(r->total[MODEL].matched, packets);
	ck_assert_uint_eq(r->n_flows, 1);
	ck_assert_uint_eq(r->flows[0].packets, packets);
	ck_assert_uint_eq(r->flows[0].bytes, r->bytes);
	ck_assert_uint_eq(r->flows[0].violations, packets);
}

START_TEST(any_order)
{
	for (int v6 = 0; v6 < 2; v6++) {
		const char *from = v6 ? "fd00::1" : "10.0.0.1";
		const char *to = v6 ? "fd00:0:0:1::2" : "10.0.1.2";
		struct audit_bench b;
		const struct audit_result *r;
		unsigned at[PIECES];

		order(_i, at);
		bench_open(&b, TOPOLOGY, NULL);
		for (unsigned i = 0; i < PIECES; i++) {
			struct made m = piece(from, to, 4700, 77, at[i]);

			bench_packet(&b, &m);
		}
		r = bench_finish(&b);
		assert_all_crossed(r, PIECES);
		ck_assert_uint_eq(r->n_kept, PIECES);
		for (unsigned i = 0; i < PIECES; i++) {
			ck_assert_uint_eq(r->kept[i].number, i + 1);
			ck_assert_int_eq(r->kept[i].at_ns, NS_PER_S + (int64_t)i * NS_PER_MS);
			ck_assert(r->kept[i].ports_known);
			ck_assert_uint_eq(r->kept[i].port[1], 4700);
			ck_assert_uint_eq(r->kept[i].protocol, 17);
		}
		bench_close(&b);
	}
}
END_TEST

/* Only the port says in which rack this one is: later pieces are where the first one is. */
START_TEST(ends_by_port)
{
	struct audit_bench b;
	const struct audit_result *r;
	unsigned at[PIECES];

	order(_i, at);
	bench_open(&b, TOPOLOGY, NULL);
	for (unsigned i = 0; i < PIECES; i++) {
		struct made m = piece("10.0.0.1", "192.0.2.1", 4700, 77, at[i]);

		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	assert_all_crossed(r, PIECES);
	ck_assert_int_eq(r->cells[0].rack[1], 2);
	bench_close(&b);
}
END_TEST

/* Two datagrams at once, and a third of another protocol with the same identification. */
START_TEST(datagrams_are_told_apart)
{
	struct made icmp = {.from = "10.0.0.1",
	        .to = "10.0.0.2",
	        .fragment = true,
	        .offset = 64,
	        .payload = 8,
	        .id = 1};
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, NULL);
	for (unsigned i = 0; i < PIECES; i++) {
		struct made m = piece("10.0.0.1", "10.0.0.2", 4700, 1, PIECES - 1 - i);
		struct made t = piece("10.0.0.1", "10.0.0.2", 4800, 2, i);

		bench_packet(&b, &m);
		bench_packet(&b, &t);
	}
	bench_packet(&b, &icmp);
	r = bench_finish(&b);
	ck_assert(!r->fail && !r->pass);
	ck_assert_uint_eq(r->total[MODEL].packets, PIECES);
	ck_assert_uint_eq(r->total[TELEMETRY].packets, PIECES);
	ck_assert_uint_eq(r->doubts[DOUBT_FRAGMENTS], 1);
	ck_assert_uint_eq(r->unknown.packets, 1);
	bench_close(&b);
}
END_TEST

START_TEST(without_the_first_nobody_passes)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, NULL);
	for (unsigned i = 1; i < PIECES; i++) {
		struct made m = piece("10.0.0.1", "10.0.1.2", 4700, 1, i);

		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	ck_assert(!r->fail && !r->pass);
	ck_assert_uint_eq(r->doubts[DOUBT_FRAGMENTS], PIECES - 1);
	ck_assert_uint_eq(r->n_cells, 1);
	ck_assert_int_eq(r->cells[0].class, AUDIT_UNKNOWN_CLASS);
	ck_assert_int_eq(r->cells[0].rack[1], 1);
	ck_assert_uint_eq(r->cells[0].packets, PIECES - 1);
	ck_assert_uint_eq(r->n_flows, 0);
	bench_close(&b);
}
END_TEST

/* The identification comes again with other ports: each piece is its own datagram's. */
START_TEST(identifications_are_used_again)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, NULL);
	for (unsigned k = 0; k < 6; k++)
		for (unsigned i = 0; i < PIECES; i++) {
			struct made m = piece("10.0.0.1", "10.0.0.2", k % 2 ? 4700 : 4800, 1, i);

			bench_packet(&b, &m);
		}
	r = bench_finish(&b);
	ck_assert(r->pass);
	ck_assert_uint_eq(r->total[MODEL].packets, 3 * PIECES);
	ck_assert_uint_eq(r->total[TELEMETRY].packets, 3 * PIECES);
	bench_close(&b);
}
END_TEST

/* A minute later nothing is remembered: neither a first fragment nor ones that waited. */
START_TEST(nothing_is_remembered_for_long)
{
	for (int late = 0; late < 2; late++)
		for (unsigned first = 0; first < 2; first++) {
			struct made a = piece("10.0.0.1", "10.0.0.2", 4700, 1, first);
			struct made z = piece("10.0.0.1", "10.0.0.2", 4700, 1, !first);
			struct audit_bench b;
			const struct audit_result *r;

			bench_open(&b, TOPOLOGY, NULL);
			bench_packet(&b, &a);
			b.at_ns = NS_PER_S + 60 * NS_PER_S + late;
			bench_packet(&b, &z);
			r = bench_finish(&b);
			ck_assert_uint_eq(r->doubts[DOUBT_FRAGMENTS], (unsigned)late);
			ck_assert_int_eq(r->pass, !late);
			bench_close(&b);
		}
}
END_TEST

/* Datagrams that wait, more than fit: what is thrown out is a doubt, and the sums hold. */
START_TEST(the_table_overflows)
{
	struct audit_config c = {.datagrams_max = 8};
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, &c);
	for (uint32_t id = 0; id < 20; id++) {
		struct made m = piece("10.0.0.1", "10.0.1.2", 4700, id, 1);

		bench_packet(&b, &m);
	}
	for (uint32_t id = 0; id < 20; id++) {
		struct made m = piece("10.0.0.1", "10.0.1.2", 4700, id, 0);

		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	ck_assert(r->fail);
	ck_assert_uint_ge(r->doubts[DOUBT_FRAGMENTS], 12);
	ck_assert_uint_eq(r->unknown.packets, r->doubts[DOUBT_FRAGMENTS]);
	ck_assert_uint_eq(r->total[MODEL].packets + r->unknown.packets, 40);
	ck_assert_uint_eq(r->violations, r->total[MODEL].packets);
	bench_close(&b);
}
END_TEST

/* Those that are known make room first, without a doubt unless a piece of theirs comes later. */
START_TEST(known_datagrams_make_room)
{
	for (int later = 0; later < 2; later++) {
		struct audit_config c = {.datagrams_max = 8};
		struct made wait = piece("10.0.0.1", "10.0.0.2", 4700, 1000, 1);
		struct made first = piece("10.0.0.1", "10.0.0.2", 4700, 1000, 0);
		struct made old = piece("10.0.0.1", "10.0.0.2", 4700, 0, 1);
		struct audit_bench b;
		const struct audit_result *r;

		bench_open(&b, TOPOLOGY, &c);
		bench_packet(&b, &wait);
		for (uint32_t id = 0; id < 50; id++) {
			struct made m = piece("10.0.0.1", "10.0.0.2", 4700, id, 0);

			bench_packet(&b, &m);
		}
		bench_packet(&b, &first);
		if (later)
			bench_packet(&b, &old);
		r = bench_finish(&b);
		ck_assert_uint_eq(r->doubts[DOUBT_FRAGMENTS], (unsigned)later);
		ck_assert_int_eq(r->pass, !later);
		bench_close(&b);
	}
}
END_TEST

/* More pieces wait than numbers of theirs can be kept: all are counted, the first are shown. */
START_TEST(pieces_beyond_the_pool_are_counted)
{
	enum { N = 20, POOL = 8 };
	struct audit_config c = {.datagrams_max = POOL};
	struct made first = piece("10.0.0.1", "10.0.1.2", 4700, 1, 0);
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, &c);
	for (unsigned i = 1; i < N; i++) {
		struct made m = piece("10.0.0.1", "10.0.1.2", 4700, 1, i);

		bench_packet(&b, &m);
	}
	bench_packet(&b, &first);
	r = bench_finish(&b);
	assert_all_crossed(r, N);
	ck_assert_uint_eq(r->n_kept, POOL + 1);
	for (uint32_t i = 0; i < POOL; i++)
		ck_assert_uint_eq(r->kept[i].number, i + 1);
	ck_assert_uint_eq(r->kept[POOL].number, N);
	bench_close(&b);
}
END_TEST

/* With room for two of four violations: of those that waited the one that came first is shown. */
START_TEST(those_that_waited_are_shown_in_order)
{
	struct audit_config c = {.violations_max = 2};
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, &c);
	for (unsigned i = 0; i < PIECES; i++) {
		struct made m = piece("10.0.0.1", "10.0.1.2", 4700, 1, PIECES - 1 - i);

		bench_packet(&b, &m);
	}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->violations, PIECES);
	ck_assert_uint_eq(r->n_kept, 2);
	ck_assert_uint_eq(r->kept[0].number, 1);
	ck_assert_uint_eq(r->kept[1].number, PIECES);
	bench_close(&b);
}
END_TEST

/* The first fragment itself is cut before its ports: nobody knows, and nobody is accused. */
START_TEST(a_first_fragment_that_is_cut)
{
	struct made first = piece("10.0.0.1", "10.0.1.2", 4700, 1, 0);
	struct made second = piece("10.0.0.1", "10.0.1.2", 4700, 1, 1);
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, NULL);
	bench_cut(&b, &first, 14 + 20 + 2);
	bench_packet(&b, &second);
	r = bench_finish(&b);
	ck_assert(!r->fail && !r->pass);
	ck_assert_uint_eq(r->unknown.packets, 2);
	bench_close(&b);
}
END_TEST

/* Pieces of a datagram are one sending: they are not timed against each other. */
START_TEST(a_datagram_is_timed_once)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TOPOLOGY, NULL);
	for (uint32_t id = 0; id < 3; id++)
		for (unsigned i = 0; i < PIECES; i++) {
			struct made m =
			        piece("10.0.0.1", "10.0.1.2", 4700, id, id == 1 ? 3 - i : i);

			b.at_ns = (int64_t)id * NS_PER_S +
			          (id == 1 ? 3 - (int64_t)i : (int64_t)i) * NS_PER_MS;
			bench_packet(&b, &m);
		}
	r = bench_finish(&b);
	ck_assert_uint_eq(r->n_flows, 1);
	ck_assert_uint_eq(r->flows[0].packets, 3 * PIECES);
	ck_assert_uint_eq(r->flows[0].gaps, 2);
	ck_assert_int_eq(r->flows[0].gap_max_ns, NS_PER_S);
	ck_assert_double_eq_tol(r->flows[0].jitter_ns, 0, 1e-6);
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
	Suite *suite = suite_create("audit fragments");

	loop(suite, "orders", any_order, 24);
	loop(suite, "ports", ends_by_port, 24);
	add_test(suite, "apart", datagrams_are_told_apart);
	add_test(suite, "no first", without_the_first_nobody_passes);
	add_test(suite, "again", identifications_are_used_again);
	add_test(suite, "old", nothing_is_remembered_for_long);
	add_test(suite, "overflow", the_table_overflows);
	add_test(suite, "room", known_datagrams_make_room);
	add_test(suite, "pool", pieces_beyond_the_pool_are_counted);
	add_test(suite, "shown", those_that_waited_are_shown_in_order);
	add_test(suite, "cut", a_first_fragment_that_is_cut);
	add_test(suite, "timed once", a_datagram_is_timed_once);
	return run_suite(suite);
}
