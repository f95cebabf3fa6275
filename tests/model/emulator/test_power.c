/* Power by arithmetic: nine nodes of 3.3 kW on two pairs of PDUs of 17.3 kW × 0.8 = 13.84 kW. Even
 * nodes hang on pdu0 and pdu1: 5 × 3.3 / 2 = 8.25 kW each, 16.5 kW on one alone. */
#include <check.h>
#include <string.h>

#include "emulator/rack_state.h"
#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS
#define S  NS_PER_S

/* One instance on two even nodes, frames of 10 ms, one slot; a boot takes 5 s, a turn 1 s. */
#define DEPLOYMENT(power)                                                                          \
	"{\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"       \
	"\"2ms\"},\"power\":{\"boot\":\"5s\",\"stage\":\"1s\"" power                               \
	"},\"pools\":[{\"name\":\"p\","                                                            \
	"\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":1,"                           \
	"\"prefill_tokens_per_frame\":64}],\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n2\"]],"     \
	"\"entry\":\"immediate\"}]}"

static struct bench b;

static uint32_t component(const char *name)
{
	uint32_t c = topology_find(&b.deployment.topology, name);

	ck_assert_msg(c != COMPONENT_NONE, "%s", name);
	return c;
}

/* What an event does: one verb on one component. */
struct deed {
	uint32_t fault;
	const char *on;
	int64_t amount;
};

static void opens(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct deed *d = ctx;

	s->pdu_open(s->ctx, now, d->fault, component(d->on), DETECT_FLAGGED);
}

static void loads(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct deed *d = ctx;

	s->power_load(s->ctx, now, d->fault, component(d->on), d->amount, DETECT_FLAGGED);
}

static void skews(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct deed *d = ctx;

	s->pdu_skew(s->ctx, now, d->fault, component(d->on), (uint32_t)d->amount, DETECT_FLAGGED);
}

static void ends(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct deed *d = ctx;

	s->power_end(s->ctx, now, d->fault, component(d->on));
	s->reverted(s->ctx, now, d->fault);
}

/* Events come before the rack's own deeds of their instant: it is looked at as it was just before.
 */
struct look {
	uint32_t usable; /* bit n: node n of the rack */
	uint32_t open;   /* bit p: PDU p */
};

static void look(const struct fault_sink *s, int64_t now, void *ctx)
{
	struct look *l = ctx;

	(void)s;
	(void)now;
	for (uint32_t n = 0; n < 9; n++)
		l->usable |= (uint32_t)health_usable(&b.rack->nodes[n]) << n;
	for (uint32_t p = 0; p < 4; p++)
		l->open |= (uint32_t)(b.rack->power.pdus[p].opened ||
		                      b.rack->power.pdus[p].tripped != FAULT_NONE)
		           << p;
}

enum { ALL = 0x1ff, EVEN = 0x155 };

START_TEST(a_trip_cascades_after_its_delay)
{
	/* pdu1 carries 16.5 kW from 1 s on and trips at 11 s; the frame under way ends at 11.01 s.
	 */
	struct deed trip = {.fault = 0, .on = "r0.pdu0"};
	struct look before = {0}, after = {0}, odd = {0};
	struct bench_event e[] = {{1 * S, opens, &trip}, {11 * S, look, &before},
	        {11 * S + 1, look, &after}, {30 * S, look, &odd}};

	bench_init(&b, DEPLOYMENT(""));
	bench_play(&b, NULL, 0, e, 4, NS_MAX);
	ck_assert_uint_eq(before.usable, ALL);
	ck_assert_uint_eq(before.open, 1);
	ck_assert_uint_eq(after.usable, ALL & ~EVEN);
	ck_assert_uint_eq(after.open, 3);
	ck_assert_uint_eq(odd.usable, ALL & ~EVEN);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 11 * S);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 11 * S + 10 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 11 * S + 13 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], -1); /* the spare, n8, is dark, too */
	ck_assert(memcmp(b.digest_before, b.digest_after, 32) != 0);
	bench_free(&b);
}
END_TEST

/* With which nothing happens: 17.3 kW carry 16.5; 17.3 × 0.954 = 16.504; 20.7 × 0.8 = 16.56. */
/* Both sides of the rack fall at one instant, each by its own fault: 16.5 and 13.2 kW on 12.11. */
START_TEST(each_cascade_has_its_own_fault)
{
	struct deed even = {.fault = 0, .on = "r0.pdu0"}, odd = {.fault = 1, .on = "r0.pdu2"};
	struct look after = {0};
	struct bench_event e[] = {
	        {1 * S, opens, &even}, {1 * S, opens, &odd}, {11 * S + 1, look, &after}};

	bench_init(&b, DEPLOYMENT(",\"derating\":0.7"));
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_uint_eq(after.usable, 0);
	ck_assert_uint_eq(after.open, 0xf);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 11 * S); /* the instance stands on even nodes */
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], -1);
	bench_free(&b);
}
END_TEST

static const char *const holding[] = {DEPLOYMENT(",\"derating\":1"),
        DEPLOYMENT(",\"derating\":0.954"), DEPLOYMENT(",\"rating\":20.7"),
        DEPLOYMENT(",\"trip_after\":\"60s\"")};

START_TEST(what_carries_everything_holds)
{
	struct deed trip = {.fault = 0, .on = "r0.pdu0"};
	struct look then = {0};
	struct bench_event e[] = {
	        {1 * S, opens, &trip}, {30 * S, look, &then}, {31 * S, ends, &trip}};

	bench_init(&b, holding[_i]);
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_uint_eq(then.usable, ALL);
	ck_assert_uint_eq(then.open, 1);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1); /* no instance felt it */
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(nodes_come_back_in_turns)
{
	/* Reset at 20 s: the k-th dark node, n(2k), can be used at 20 + k + 5 s. The instance waits
	 * for n2 (26 s) and is remapped onto it in 70 + 5 + 2 ms. */
	struct deed trip = {.fault = 0, .on = "r0.pdu0"};
	struct look before[5] = {0}, after[5] = {0};
	struct bench_event e[12] = {{1 * S, opens, &trip}, {20 * S, ends, &trip}};

	bench_init(&b, DEPLOYMENT(""));
	for (int k = 0; k < 5; k++) {
		e[2 + 2 * k] = (struct bench_event){(25 + k) * S, look, &before[k]};
		e[3 + 2 * k] = (struct bench_event){(25 + k) * S + 1, look, &after[k]};
	}
	bench_play(&b, NULL, 0, e, 12, NS_MAX);
	for (uint32_t k = 0; k < 5; k++) {
		uint32_t back = EVEN & ((1u << 2 * k) - 1);

		ck_assert_uint_eq(before[k].usable, (ALL & ~EVEN) | back);
		ck_assert_uint_eq(after[k].usable, (ALL & ~EVEN) | back | 1u << 2 * k);
		ck_assert_uint_eq(after[k].open, 0);
	}
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 26 * S + 77 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_boot_is_no_static_state)
{
	struct deed trip = {.fault = 0, .on = "r0.pdu0"};
	struct bench_event e[] = {{1 * S, opens, &trip}, {20 * S, ends, &trip}};

	bench_init(&b, DEPLOYMENT(""));
	bench_play(&b, NULL, 0, e, 2, 20 * S);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_request_waits_for_power)
{
	/* 20 frames; dark at 11 s, 0.9 s and 90 frames after it came: its 64 + 200 tokens need 200.
	 * At 11 s 90 tokens are out: P' = 154 is 3 frames, 110 tokens are left. */
	struct bench_request one = {.at_ns = 10100 * MS, .prompt = 64, .output = 200, .max = 200};
	struct deed trip = {.fault = 0, .on = "r0.pdu0"};
	struct bench_event e[] = {{1 * S, opens, &trip}, {20 * S, ends, &trip}};
	const struct rack_completion *d = NULL;

	bench_init(&b, DEPLOYMENT(""));
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->t_first_edge, 10110 * MS);
	ck_assert_int_eq(d->t_last_edge, 26077 * MS + (3 + 109) * 10 * MS);
	ck_assert_int_eq(d->tokens_recomputed, 64 + 90);
	ck_assert_int_eq(d->n_stalls, 1);
	ck_assert_int_eq(d->stalls[0].fault, 0);
	bench_free(&b);
}
END_TEST

/* Both PDUs of the pair see the same spike: 5 × (3.3 + e) / 2 > 13.84 kW for e > 2.236 kW. */
static const struct {
	int64_t mw, for_ns, effect_ns;
	const char *on;
} spikes[] = {
        {2236000, 15 * S, -1, "r0"}, {2236002, 15 * S, 11 * S, "r0"},
        {2400000, 15 * S, 11 * S, "r0.pdu0"},
        {2400000, 15 * S, -1, "r0.pdu2"},    /* 4 × 5.7 / 2 = 11.4 kW */
        {11180002, 15 * S, 11 * S, "r0.n0"}, /* 3.3 × 5 + e > 2 × 13.84 */
        {11180000, 15 * S, -1, "r0.n0"},
        {2400000, 10 * S - 1, -1, "r0"}, /* shorter than the breaker takes */
};

START_TEST(a_spike_trips_both_sides_at_once)
{
	struct deed spike = {.fault = 0, .on = spikes[_i].on, .amount = spikes[_i].mw};
	struct look then = {0};
	struct bench_event e[] = {{1 * S, loads, &spike}, {1 * S + spikes[_i].for_ns, look, &then},
	        {1 * S + spikes[_i].for_ns, ends, &spike}};

	bench_init(&b, DEPLOYMENT(""));
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], spikes[_i].effect_ns);
	ck_assert_uint_eq(then.open, spikes[_i].effect_ns < 0 ? 0 : 3);
	ck_assert_uint_eq(then.usable, spikes[_i].effect_ns < 0 ? ALL : ALL & ~EVEN);
	/* Reset at 16 s: n2 is up at 22 s. */
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], spikes[_i].effect_ns < 0 ? -1 : 22077 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

/* A third of the limit is 4.6133 kW: 0.559192 of 8.25 kW is more. The breaker opens at 11 s, pdu1
 * alone at 21 s. */
static const struct {
	uint32_t ppm;
	const char *power;
	int64_t effect_ns;
	uint32_t open;
} phases[] = {
        {559191, DEPLOYMENT(""), -1, 0},
        {559192, DEPLOYMENT(""), 21 * S, 3},
        {1000000, DEPLOYMENT(",\"derating\":1"), -1, 1},  /* 8.25 > 5.77; pdu1 carries the rest */
        {333333, DEPLOYMENT(",\"derating\":0.5"), -1, 0}, /* 8.25 of 8.65, even */
        {100000, DEPLOYMENT(""), -1, 0},
};

START_TEST(the_fullest_phase_counts)
{
	struct deed skew = {.fault = 0, .on = "r0.pdu0", .amount = phases[_i].ppm};
	struct look then = {0};
	struct bench_event e[] = {
	        {1 * S, skews, &skew}, {25 * S, look, &then}, {25 * S, ends, &skew}};

	bench_init(&b, phases[_i].power);
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], phases[_i].effect_ns);
	ck_assert_uint_eq(then.open, phases[_i].open);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(power_up_on_one_feed_trips_again)
{
	/* Both feeds gone at 2 s, dark at once. pdu0 is back at 10 s, pdu1 not: nodes are powered
	 * at 10, 11, … s, and the fifth, at 14 s, is one too many. Down again at 24 s, by the other
	 * fault; only its end at 40 s brings them back. */
	struct deed a = {.fault = 0, .on = "r0.pdu0"}, c = {.fault = 1, .on = "r0.pdu1"};
	struct look dark = {0}, up = {0}, down = {0}, back = {0};
	struct bench_event e[] = {{1 * S, opens, &a}, {2 * S, opens, &c}, {3 * S, look, &dark},
	        {10 * S, ends, &a}, {24 * S, look, &up}, {24 * S + 1, look, &down},
	        {40 * S, ends, &c}, {49 * S + 1, look, &back}};

	bench_init(&b, DEPLOYMENT(""));
	bench_play(&b, NULL, 0, e, 8, NS_MAX);
	ck_assert_uint_eq(dark.usable, ALL & ~EVEN);
	ck_assert_uint_eq(up.usable, ALL);
	ck_assert_uint_eq(up.open, 2);
	ck_assert_uint_eq(down.usable, ALL & ~EVEN);
	ck_assert_uint_eq(down.open, 3);
	ck_assert_uint_eq(back.usable, ALL);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1); /* the second trip darkened the nodes */
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], 2 * S);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

START_TEST(a_boot_that_is_cut_off_begins_again)
{
	/* Dark at 1 s (both at once), back at 2 s, dark again at 6.5 s in mid-boot, back at 10 s.
	 */
	struct deed a = {.fault = 0, .on = "r0.pdu0"}, c = {.fault = 1, .on = "r0.pdu1"};
	struct look then[3] = {0};
	struct bench_event e[] = {{1 * S, opens, &c}, {1 * S, opens, &a}, {2 * S, ends, &a},
	        {6500 * MS, opens, &a}, {8 * S, look, &then[0]}, {10 * S, ends, &a},
	        {10 * S, ends, &c}, {15 * S, look, &then[1]}, {15 * S + 1, look, &then[2]}};

	bench_init(&b, DEPLOYMENT(""));
	bench_play(&b, NULL, 0, e, 9, NS_MAX);
	ck_assert_uint_eq(then[0].usable, ALL & ~EVEN);
	ck_assert_uint_eq(then[1].usable, ALL & ~EVEN);
	ck_assert_uint_eq(then[2].usable, (ALL & ~EVEN) | 1);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	bench_free(&b);
}
END_TEST

/* The kinds themselves, with what they say to the rack: derating 1.0 is beyond doubt above. */
static const struct {
	const char *kind, *params, *target;
	int64_t effect_ns;
} kinds[] = {
        {"power.pdu_trip", "{}", "r0.pdu1", 11 * S},
        {"power.pdu_trip", "{}", "r0.pdu2", -1}, /* 4 × 3.3 = 13.2 kW: holds, and is not used */
        {"power.spike", "{}", "r0", 11 * S},
        {"power.spike", "{\"power\":920}", "r0", -1},
        {"power.phase", "{}", "r0.pdu0", 21 * S},
        {"power.phase", "{\"share\":\"55%\"}", "r0.pdu0", -1},
};

START_TEST(every_kind_speaks_its_verbs)
{
	struct fault_bench k;
	struct bench_event e[] = {
	        {1 * S, fault_bench_inject, &k}, {28 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, kinds[_i].kind, 0, kinds[_i].target, kinds[_i].params);
	bench_play(&b, NULL, 0, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], kinds[_i].effect_ns);
	/* Flagged at the frame's end; n2 is up 1 + 5 s after the revert. */
	ck_assert_int_eq(b.phase[0][PHASE_DETECT],
	        kinds[_i].effect_ns < 0 ? -1 : kinds[_i].effect_ns + 10 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], kinds[_i].effect_ns < 0 ? -1 : 34077 * MS);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

/* 64 + 20 tokens at t = 0: 20 frames of 10 ms. Capped at 54 ms: 5 ms of resync, then 146 ms at the
 * factor, once, though both nodes hang on the PDU; a PDU of other nodes slows nobody. */
static const struct {
	const char *target;
	int64_t last_ns;
} caps[] = {{"r0.pdu0", 59 * MS + 182500000}, {"r0.pdu1", 59 * MS + 182500000},
        {"r0.pdu2", 200 * MS}, {"r0.n2", 59 * MS + 182500000}, {"r0", 59 * MS + 182500000}};

START_TEST(a_cap_stretches_frames)
{
	struct bench_request one = {.prompt = 64, .output = 20, .max = 20};
	bool used = caps[_i].last_ns > 200 * MS;
	struct fault_bench k;
	struct bench_event e[] = {
	        {54 * MS, fault_bench_inject, &k}, {1 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "power.derate", 0, caps[_i].target, "{\"factor\":1.25}");
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, caps[_i].last_ns);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], used ? 54 * MS : -1);
	ck_assert_uint_eq(b.counts.throttled, used);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(a_cap_that_violates_takes_the_spare_along)
{
	/* n0 is late from 54 ms: frames fail at 60 and 70, evicted; isolated at 73, n8 takes over
	 * at 150 ms, on the same PDU. It is late, too, and so is n2: both have to be waited for. */
	struct bench_request one = {.prompt = 64, .output = 20, .max = 20};
	struct fault_bench k;
	struct bench_event e[] = {
	        {54 * MS, fault_bench_inject, &k}, {1 * S, fault_bench_revert, &k}};

	bench_init(&b, DEPLOYMENT(""));
	fault_bench_init(&k, &b, "power.derate", 0, "r0.pdu0", "{\"mode\":\"violate\"}");
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 73 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 150 * MS);
	ck_assert_int_gt(b.answers[0].done.t_last_edge, 1 * S + 77 * MS);
	ck_assert_int_eq(b.answers[0].done.replays, 2);
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&k);
	bench_free(&b);
}
END_TEST

START_TEST(a_machine_at_rest_does_not_trip)
{
	/* 17.3 × 0.4 = 6.92 kW under 8.25: nobody's doing. A spike on the other pair is no cause.
	 */
	struct deed spike = {.fault = 0, .on = "r0.pdu2", .amount = 1000};
	struct look then = {0};
	struct bench_event e[] = {
	        {1 * S, loads, &spike}, {30 * S, look, &then}, {30 * S, ends, &spike}};

	bench_init(&b, DEPLOYMENT(",\"derating\":0.4"));
	bench_play(&b, NULL, 0, e, 3, NS_MAX);
	ck_assert_uint_eq(then.usable, ALL);
	ck_assert_uint_eq(then.open, 0);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("power");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, a_trip_cascades_after_its_delay);
	tcase_add_test(t, each_cascade_has_its_own_fault);
	tcase_add_loop_test(t, what_carries_everything_holds, 0, ARRAY_LEN(holding));
	tcase_add_test(t, nodes_come_back_in_turns);
	tcase_add_test(t, a_boot_is_no_static_state);
	tcase_add_test(t, a_request_waits_for_power);
	tcase_add_loop_test(t, a_spike_trips_both_sides_at_once, 0, ARRAY_LEN(spikes));
	tcase_add_loop_test(t, the_fullest_phase_counts, 0, ARRAY_LEN(phases));
	tcase_add_test(t, power_up_on_one_feed_trips_again);
	tcase_add_test(t, a_boot_that_is_cut_off_begins_again);
	tcase_add_loop_test(t, every_kind_speaks_its_verbs, 0, ARRAY_LEN(kinds));
	tcase_add_loop_test(t, a_cap_stretches_frames, 0, ARRAY_LEN(caps));
	tcase_add_test(t, a_cap_that_violates_takes_the_spare_along);
	tcase_add_test(t, a_machine_at_rest_does_not_trip);
	suite_add_tcase(s, t);
	return run_suite(s);
}
