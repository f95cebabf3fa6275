/* What a mirror sees, by arithmetic: how many moves there are, at which instants, over which links,
 * and who keeps silent. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

/* One instance over three nodes, frames of 10 ms; failover = isolate 3 ms, then 77 ms. The spare is
 * n8. A vector of the default shape has 4096 elements, 16 bits each as no artifact says. */
#define HEALTH                                                                                     \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\",\"persist\":\"500ms\",\"suspect_window\":\"5m\",\"poll_period\":\"100ms\","       \
	"\"autonomy\":\"%s\"}"
#define POOL(nodes)                                                                                \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":8192,\"frame\":\"10ms\",\"slots\":"  \
	"4,\"prefill_tokens_per_frame\":64}],\"instances\":1,\"nodes\":[[" nodes "]],"             \
	"\"entry\":\"immediate\"}]"
#define TWO_RACKS ",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"}}"
#define TWO_PODS                                                                                   \
	",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"},\"racks_per_pod\":{\"value\":"  \
	"1,"                                                                                       \
	"\"unit\":\"count\"}}"
#define ALLOWED     ",\"cross_rack\":{\"position\":\"allowed\",\"rationale\":\"r\",\"envelope\":\"e\"}"
#define UNCHECKED   ",\"cable_plan\":{\"check\":false}"
#define THREE_NODES "\"r0.n0\",\"r0.n1\",\"r0.n2\""

enum { VECTOR = 4096 * 2, LAYERS = 32, CHIPS = 8, MESH = CHIPS * (CHIPS - 1) / 2, NODES = 9 };

static struct bench b;
static struct fault_bench f;

static void set_up(const char *nodes, const char *more, uint32_t mirror)
{
	char text[4096];

	snprintf(text, sizeof(text), "{" HEALTH "%s," POOL("%s") "}", "0s", more, nodes);
	bench_init(&b, text);
	b.mirror_every = mirror;
}

static const struct wire_message *nth(uint32_t n)
{
	ck_assert_uint_lt(n, b.n_moves);
	return &b.moves[n];
}

static bool is_at(struct wire_end e, const char *name)
{
	char buf[WIRE_NAME_BYTES];

	return strcmp(wire_name(e, buf), name) == 0;
}

static void ck_hop(const struct wire_message *m, const char *from, const char *to, unsigned stage,
        unsigned hop)
{
	char a[WIRE_NAME_BYTES], z[WIRE_NAME_BYTES];

	ck_assert_str_eq(wire_name(m->from, a), from);
	ck_assert_str_eq(wire_name(m->to, z), to);
	ck_assert_uint_eq(m->stage, stage);
	ck_assert_uint_eq(m->hop, hop);
}

/* Moves of the data plane in [from, to). */
static uint32_t count_data(int64_t from, int64_t to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b.n_moves; i++)
		n += b.moves[i].plane == WIRE_DATA && b.moves[i].sent_ns >= from &&
		     b.moves[i].sent_ns < to;
	return n;
}

/* … messages of one kind. */
static uint32_t count_words(enum wire_word word, int64_t from, int64_t to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b.n_moves; i++)
		n += b.moves[i].plane != WIRE_DATA && b.moves[i].stage == (uint16_t)word &&
		     b.moves[i].sent_ns >= from && b.moves[i].sent_ns < to;
	return n;
}

static bool touches(const struct wire_message *m, unsigned node)
{
	return m->from.node == node || m->to.node == node;
}

static uint32_t count_touching(unsigned node, int64_t from, int64_t to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b.n_moves; i++)
		n += b.moves[i].plane == WIRE_DATA && touches(&b.moves[i], node) &&
		     b.moves[i].sent_ns >= from && b.moves[i].sent_ns < to;
	return n;
}

/* --- the data plane
 * -------------------------------------------------------------------------------- */

enum { FRAME_MOVES = 3 * MESH + 2 };

START_TEST(every_frame_goes_over_every_link_once)
{
	/* 150 tokens in are 3 frames (64, 64, 22), 4 out 3 more: ends at 10, 20, … 60 ms. */
	const struct bench_request req = {.at_ns = 0, .prompt = 150, .output = 4};
	static const unsigned tokens[] = {64, 64, 22, 1, 1, 1}, works_for[] = {0, 0, 0, 1, 2, 3};

	set_up(THREE_NODES, "", 1);
	bench_play(&b, &req, 1, NULL, 0, 900 * MS);
	ck_assert_uint_eq(b.n_moves, 6 * FRAME_MOVES);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 60 * MS);
	for (uint32_t i = 0; i < b.n_moves; i++) {
		const struct wire_message *m = nth(i);
		uint32_t frame = i / FRAME_MOVES, at = i % FRAME_MOVES;
		bool mesh = at % (MESH + 1) < MESH;
		unsigned each = tokens[frame] * VECTOR;

		ck_assert_int_eq(m->sent_ns, (frame + 1) * 10 * MS);
		ck_assert_int_eq(m->plane, WIRE_DATA);
		ck_assert(m->critical);
		ck_assert_uint_eq(m->sampling, 1);
		ck_assert_uint_eq(m->artifact, 0);
		ck_assert_uint_eq(m->request, 1);
		ck_assert_uint_eq(m->token, works_for[frame]);
		ck_assert_uint_eq(m->stage, at / (MESH + 1));
		ck_assert_uint_eq(m->hop, at % (MESH + 1));
		/* Four steps a layer, whose vector lies over the chips of three stages. */
		ck_assert_uint_eq(m->payload_bytes, mesh ? each * 4 * LAYERS / (3 * CHIPS) : each);
		ck_assert_int_eq(m->from.chip == WIRE_NONE, !mesh);
	}
	bench_free(&b);
}
END_TEST

START_TEST(a_frame_takes_the_nodes_in_order)
{
	const struct bench_request req = {.at_ns = 0, .prompt = 1, .output = 1};
	uint32_t at = 0;

	set_up(THREE_NODES, "", 1);
	bench_play(&b, &req, 1, NULL, 0, 900 * MS);
	ck_assert_uint_eq(b.n_moves, FRAME_MOVES);
	for (unsigned node = 0; node < 3; node++) {
		char from[WIRE_NAME_BYTES], to[WIRE_NAME_BYTES];

		for (unsigned z = 1; z < CHIPS; z++) {
			for (unsigned a = 0; a < z; a++, at++) {
				snprintf(from, sizeof(from), "r0.n%u.c%u", node, a);
				snprintf(to, sizeof(to), "r0.n%u.c%u", node, z);
				ck_hop(nth(at), from, to, node, at % (MESH + 1));
			}
		}
		if (node == 2)
			break;
		snprintf(from, sizeof(from), "r0.n%u", node);
		snprintf(to, sizeof(to), "r0.n%u", node + 1);
		ck_hop(nth(at++), from, to, node, MESH);
	}
	bench_free(&b);
}
END_TEST

START_TEST(one_request_in_so_many_is_shown)
{
	struct bench_request req[8];
	uint32_t of[9] = {0};

	for (unsigned i = 0; i < 8; i++)
		req[i] = (struct bench_request){.at_ns = i * 50 * MS, .prompt = 1, .output = 2};
	set_up(THREE_NODES, "", 3);
	bench_play(&b, req, 8, NULL, 0, 900 * MS);
	for (uint32_t i = 0; i < b.n_moves; i++) {
		of[nth(i)->request]++;
		ck_assert_uint_eq(nth(i)->sampling, 3);
	}
	for (unsigned id = 1; id <= 8; id++)
		ck_assert_uint_eq(of[id], id % 3 == 1 ? 2 * FRAME_MOVES : 0);
	bench_free(&b);
}
END_TEST

/* Where the path leaves the rack: over the namesake of the first node, or over Ethernet. */
START_TEST(stages_in_other_racks)
{
	const struct bench_request req = {.at_ns = 0, .prompt = 1, .output = 1};

	set_up("\"r0.n0\",\"r1.n2\"", TWO_RACKS ALLOWED, 1);
	bench_play(&b, &req, 1, NULL, 0, 900 * MS);
	ck_assert_uint_eq(b.n_moves, 2 * MESH + 2);
	ck_hop(nth(MESH), "r0.n0", "r1.n0", 0, MESH);
	ck_hop(nth(MESH + 1), "r1.n0", "r1.n2", 0, MESH + 1);
	bench_free(&b);
	set_up("\"r0.n0\",\"r1.n2\"", TWO_PODS ALLOWED, 1);
	bench_play(&b, &req, 1, NULL, 0, 900 * MS);
	ck_assert_uint_eq(b.n_moves, 2 * MESH + 1);
	ck_hop(nth(MESH), "r0.n0", "r1.n2", 0, MESH);
	bench_free(&b);
}
END_TEST

/* --- failures
 * -------------------------------------------------------------------------------------- */

static uint32_t component(const char *name)
{
	uint32_t c = topology_find(&b.deployment.topology, name);

	ck_assert_msg(c != COMPONENT_NONE, "%s", name);
	return c;
}

static void lose_n1(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_lost(s->ctx, now, 0, component("r0.n1"), DETECT_FLAGGED);
}

static void restore_n1(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->unit_restored(s->ctx, now, 0, component("r0.n1"));
	s->reverted(s->ctx, now, 0);
}

/* 64 + 20 tokens: 20 frames. */
static const struct bench_request one = {.at_ns = 0, .prompt = 64, .output = 20};

START_TEST(at_resume_the_spare_takes_over)
{
	/* Lost at 54 ms, 5 tokens were out: found at 60, isolated at 63, serves again at 140. The
	 * replay has 69 tokens in (2 frames) and 15 out: 16 frames, from 150 ms to 300. */
	struct bench_event e[] = {{54 * MS, lose_n1, NULL}};

	set_up(THREE_NODES, "", 1);
	bench_play(&b, &one, 1, e, 1, 900 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 63 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 140 * MS);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 300 * MS);
	ck_assert_uint_eq(count_data(0, 54 * MS), 5 * FRAME_MOVES);
	ck_assert_uint_eq(count_data(54 * MS, 150 * MS), 0);
	ck_assert_uint_eq(count_data(150 * MS, 900 * MS), 16 * FRAME_MOVES);
	ck_assert_uint_eq(count_touching(1, 0, 54 * MS), 5 * (MESH + 2));
	ck_assert_uint_eq(count_touching(8, 0, 54 * MS), 0);
	ck_assert_uint_eq(count_touching(1, 54 * MS, 900 * MS), 0);
	ck_assert_uint_eq(count_touching(8, 54 * MS, 900 * MS), 16 * (MESH + 2));
	for (uint32_t i = 0; i < b.n_moves; i++)
		if (b.moves[i].plane == WIRE_DATA && b.moves[i].sent_ns > 54 * MS)
			ck_assert_int_eq(b.moves[i].token,
			        b.moves[i].sent_ns <= 160 * MS
			                ? 5
			                : 5 + (b.moves[i].sent_ns - 160 * MS) / (10 * MS));
	bench_free(&b);
}
END_TEST

START_TEST(the_control_plane_gives_its_orders)
{
	struct bench_event e[] = {{54 * MS, lose_n1, NULL}};
	static const struct {
		int64_t at_ms;
		enum wire_word word;
		const char *to;
	} orders[] = {
	        {60, WIRE_ISOLATE, "r0.n0"},
	        {60, WIRE_ISOLATE, "r0.n1"},
	        {60, WIRE_ISOLATE, "r0.n2"},
	        {63, WIRE_REMAP, "r0.n8"},
	        {140, WIRE_RESUME, "r0.n0"},
	        {140, WIRE_RESUME, "r0.n8"},
	        {140, WIRE_RESUME, "r0.n2"},
	};
	uint32_t n = 0;

	set_up(THREE_NODES, "", 1);
	bench_play(&b, &one, 1, e, 1, 900 * MS);
	for (uint32_t i = 0; i < b.n_moves; i++) {
		const struct wire_message *m = nth(i);

		if (m->plane == WIRE_DATA)
			continue;
		ck_assert_uint_lt(n, ARRAY_LEN(orders));
		ck_assert_int_eq(m->plane, WIRE_CONTROL);
		ck_assert(!m->critical);
		ck_assert_int_eq(m->sent_ns, orders[n].at_ms * MS);
		ck_assert_uint_eq(m->stage, orders[n].word);
		ck_assert(is_at(m->from, "r0.control"));
		ck_assert(is_at(m->to, orders[n].to));
		n++;
	}
	ck_assert_uint_eq(n, ARRAY_LEN(orders));
	bench_free(&b);
}
END_TEST

START_TEST(weights_come_from_the_registry)
{
	/* As many as a node's memory holds, 8 × 220 MiB at 10 GB/s: a piece of 1 GiB and the rest.
	 */
	const int64_t bytes = 8 * INT64_C(220) << 20, there = 63 * MS + bytes / 10;
	struct bench_event e[] = {{54 * MS, lose_n1, NULL}};
	uint32_t n = 0;

	bench_init(&b, "{\"health\":{\"isolate\":\"3ms\",\"resync\":\"5ms\",\"resume\":\"2ms\","
	               "\"weights_from\":\"registry\"}," POOL(THREE_NODES) "}");
	b.mirror_every = 1;
	bench_play(&b, &one, 1, e, 1, 900 * MS);
	for (uint32_t i = 0; i < b.n_moves; i++) {
		const struct wire_message *m = nth(i);

		if (m->plane != WIRE_ARTIFACT)
			continue;
		ck_assert_int_eq(m->sent_ns, there);
		ck_assert(is_at(m->from, "r0.registry"));
		ck_assert(is_at(m->to, "r0.n8"));
		ck_assert_uint_eq(m->stage, WIRE_WEIGHTS);
		ck_assert_uint_eq(m->token, n);
		ck_assert_int_eq(m->payload_bytes, n ? bytes - (1 << 30) : 1 << 30);
		n++;
	}
	ck_assert_uint_eq(n, 2);
	bench_free(&b);
}
END_TEST

static void play_swap(const char *with)
{
	struct bench_event e[] = {{54 * MS, fault_bench_inject, &f},
	        {104 * MS, fault_bench_step, &f}, {150 * MS, fault_bench_revert, &f}};

	fault_bench_init(&f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", with);
	bench_play(&b, &one, 1, e, 3, 900 * MS);
}

/* Out at 54 ms, back in the wrong ports at 104, ends of frames at 120 ms + 6 …: before 54 ms and
 * after 150 ms as ordered. The way from n0 to n1 leads over what is given. */
static const struct {
	const char *with, *more, *way[4];
} swaps[] = {
        {"{\"with\":\"r0.n0-r0.n2.0\"}", "", {"r0.n0", "r0.n2", "r0.n1"}},
        {"{\"with\":\"r0.n0-r0.n1.2\"}", "", {"r0.n0", "r0.n1"}},
        {"{\"with\":\"r0.n0-r1.n0.0\"}", TWO_RACKS, {"r0.n0", "r1.n0", "r0.n0", "r0.n1"}},
};

START_TEST(a_wrong_cable_shows_its_end)
{
	char more[256];
	uint32_t wrong = 0, right = 0;

	snprintf(more, sizeof(more), UNCHECKED "%s", swaps[_i].more);
	set_up(THREE_NODES, more, 1);
	play_swap(swaps[_i].with);
	for (uint32_t i = 0; i < b.n_moves; i++) {
		const struct wire_message *m = nth(i);

		if (m->plane != WIRE_DATA || m->stage || m->hop != MESH)
			continue;
		if (m->sent_ns < 54 * MS || m->sent_ns > 150 * MS) {
			ck_hop(m, "r0.n0", "r0.n1", 0, MESH);
			ck_assert_uint_eq(nth(i + 1)->stage, 1);
			right++;
			continue;
		}
		wrong++;
		for (unsigned k = 0; k < 3 && swaps[_i].way[k + 1]; k++)
			ck_hop(nth(i + k), swaps[_i].way[k], swaps[_i].way[k + 1], 0, MESH + k);
	}
	ck_assert_uint_eq(right, 5 + 12);
	ck_assert_uint_eq(wrong, 3);
	fault_bench_free(&f);
	bench_free(&b);
}
END_TEST

/* n0-n1 ends in n2, n1-n2 in n1 itself: both hops go astray, and the second comes back over a sound
 * cable. */
START_TEST(both_cables_may_be_on_the_path)
{
	struct bench_request late = one;
	struct bench_event e[] = {
	        {54 * MS, fault_bench_inject, &f}, {104 * MS, fault_bench_step, &f}};

	late.at_ns = 300 * MS;
	set_up(THREE_NODES, UNCHECKED, 1);
	fault_bench_init(
	        &f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", "{\"with\":\"r0.n1-r0.n2.0\"}");
	bench_play(&b, &late, 1, e, 2, 900 * MS);
	ck_assert_uint_eq(b.n_moves, 20 * (FRAME_MOVES + 2));
	ck_hop(nth(MESH), "r0.n0", "r0.n2", 0, MESH);
	ck_hop(nth(MESH + 1), "r0.n2", "r0.n1", 0, MESH + 1);
	ck_hop(nth(2 * MESH + 2), "r0.n1", "r0.n1", 1, MESH);
	ck_hop(nth(2 * MESH + 3), "r0.n1", "r0.n2", 1, MESH + 1);
	fault_bench_free(&f);
	bench_free(&b);
}
END_TEST

/* --- polls and samples
 * ------------------------------------------------------------------------------ */

static void lapse_blind(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->control_lapse(s->ctx, now, 0, component("r0"), LAPSE_BLIND, 1u << DETECT_POLLED);
}

static void lapse_half_blind(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->control_lapse(s->ctx, now, 0, component("r0"), LAPSE_BLIND, 1u << DETECT_FLAGGED);
}

static void lapse_cut(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->control_lapse(s->ctx, now, 0, component("r0"), LAPSE_CUT, 0);
}

static void lapse_silent(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->control_lapse(s->ctx, now, 0, component("r0"), LAPSE_SILENT, 0);
}

static void lapse_over(const struct fault_sink *s, int64_t now, void *ctx)
{
	(void)ctx;
	s->control_back(s->ctx, now, 0, component("r0"));
	s->reverted(s->ctx, now, 0);
}

/* From 0.5 s to 1.5 s: who is polled, answers and is sampled at 1 s; all of nine at 2 s. */
static const struct {
	void (*begin)(const struct fault_sink *sink, int64_t now, void *ctx);
	void (*end)(const struct fault_sink *sink, int64_t now, void *ctx);
	uint32_t polls, answers, samples;
} silences[] = {
        {lose_n1, restore_n1, NODES, NODES - 1, NODES - 1},
        {lapse_blind, lapse_over, 0, 0, NODES},
        {lapse_half_blind, lapse_over, NODES, NODES, NODES},
        {lapse_cut, lapse_over, 0, 0, NODES},
        {lapse_silent, lapse_over, NODES, NODES, 0},
};

START_TEST(who_is_down_does_not_answer)
{
	struct bench_event e[] = {
	        {500 * MS, silences[_i].begin, NULL}, {1500 * MS, silences[_i].end, NULL}};
	const int64_t second = 1000 * MS;

	set_up(THREE_NODES, "", 1);
	bench_play(&b, NULL, 0, e, 2, 2500 * MS);
	ck_assert_uint_eq(count_words(WIRE_POLL, 0, second), 0);
	ck_assert_uint_eq(count_words(WIRE_POLL, second, second + 1), silences[_i].polls);
	ck_assert_uint_eq(count_words(WIRE_ANSWER, second, second + 1), silences[_i].answers);
	ck_assert_uint_eq(count_words(WIRE_SAMPLE, second, second + 1), silences[_i].samples);
	ck_assert_uint_eq(count_words(WIRE_POLL, second + 1, 2 * second), 0);
	ck_assert_uint_eq(count_words(WIRE_POLL, 2 * second, 2 * second + 1), NODES);
	ck_assert_uint_eq(count_words(WIRE_ANSWER, 2 * second, 2 * second + 1), NODES);
	ck_assert_uint_eq(count_words(WIRE_SAMPLE, 2 * second, 2 * second + 1), NODES);
	for (uint32_t i = 0; i < b.n_moves; i++) {
		const struct wire_message *m = nth(i);

		if (m->stage == WIRE_POLL || m->stage == WIRE_ANSWER)
			ck_assert_uint_eq(m->sampling, 10); /* every 100 ms */
		if (m->stage == WIRE_SAMPLE)
			ck_assert_uint_eq(m->sampling, 100); /* every 10 ms */
		if (m->stage == WIRE_ANSWER)
			ck_assert(!is_at(m->from, "r0.n1") || _i || m->sent_ns > second);
	}
	bench_free(&b);
}
END_TEST

/* Detected in the rack, which nobody reaches: its own controller acts, and no order is seen. */
START_TEST(no_order_reaches_a_rack_that_is_cut_off)
{
	struct bench_event e[] = {{20 * MS, lapse_cut, NULL}, {54 * MS, lose_n1, NULL}};
	char text[2048];

	snprintf(text, sizeof(text), "{" HEALTH "," POOL(THREE_NODES) "}", "30ms");
	bench_init(&b, text);
	b.mirror_every = 1;
	bench_play(&b, &one, 1, e, 2, 900 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 93 * MS);
	ck_assert_uint_eq(count_data(0, 900 * MS), (5 + 16) * FRAME_MOVES);
	ck_assert_uint_eq(b.n_moves, (5 + 16) * FRAME_MOVES);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("moves");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, every_frame_goes_over_every_link_once);
	tcase_add_test(t, a_frame_takes_the_nodes_in_order);
	tcase_add_test(t, one_request_in_so_many_is_shown);
	tcase_add_test(t, stages_in_other_racks);
	tcase_add_test(t, at_resume_the_spare_takes_over);
	tcase_add_test(t, the_control_plane_gives_its_orders);
	tcase_add_test(t, weights_come_from_the_registry);
	tcase_add_loop_test(t, a_wrong_cable_shows_its_end, 0, ARRAY_LEN(swaps));
	tcase_add_test(t, both_cables_may_be_on_the_path);
	tcase_add_loop_test(t, who_is_down_does_not_answer, 0, ARRAY_LEN(silences));
	tcase_add_test(t, no_order_reaches_a_rack_that_is_cut_off);
	suite_add_tcase(s, t);
	return run_suite(s);
}
