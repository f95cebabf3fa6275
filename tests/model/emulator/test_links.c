/* C2C links that fail, by arithmetic: each kind is played as a scenario would have it, what it
 * costs is predicted by adding up durations, and after its revert the rack is what it was. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/fault_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

/* One instance over three nodes, one slot, frames of 10 ms; failover = isolate 3 ms, then 77 ms. */
#define HEALTH                                                                                     \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\",\"persist\":\"500ms\",\"suspect_window\":\"5m\"%s}"
#define POOLS                                                                                      \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":8192,\"frame\":\"10ms\",\"slots\":"  \
	"1,\"prefill_tokens_per_frame\":64}],\"instances\":1,\"nodes\":[[\"r0.n0\",\"r0.n1\","     \
	"\"r0.n2\"]],\"entry\":\"immediate\"}]"

static struct bench b;
static struct fault_bench f, g;

/* `health`: more keys of it; `more`: more keys of the deployment; both begin with a comma. */
static void set_up(const char *health, const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text), "{" HEALTH "%s," POOLS "}", health, more);
	bench_init(&b, text);
}

static void tear_down(void)
{
	ck_assert_mem_eq(b.digest_before, b.digest_after, 32);
	fault_bench_free(&f);
	bench_free(&b);
}

/* One request of 64 + 20 tokens at t = 0: 20 frames, first token at 10 ms, last at 200 ms. */
static const struct bench_request one = {.at_ns = 0, .prompt = 64, .output = 20, .max = 100};

static void play(const struct bench_request *req, int64_t inject, int64_t revert, int64_t until)
{
	struct bench_event e[] = {
	        {inject, fault_bench_inject, &f}, {revert, fault_bench_revert, &f}};

	bench_play(&b, req, 1, e, 2, until);
}

/* --- link.down
 * ------------------------------------------------------------------------------------- */

START_TEST(down_for_less_than_the_threshold_costs_a_stall)
{
	const struct rack_completion *d;

	/* Down at 54 ms for 430 ms: found at 60 ms; stall 430 + 6 + 10 = 446 ms. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.down", 0, "r0.n0-r0.n1.0", "{}");
	play(&one, 54 * MS, 484 * MS, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	ck_assert_int_eq(d->t_last_edge, 200 * MS + 446 * MS);
	ck_assert_int_eq(d->stalls[0].ns, 446 * MS);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	ck_assert_uint_eq(b.counts.failovers, 0);
	tear_down();
}
END_TEST

START_TEST(down_for_longer_evicts_the_higher_end)
{
	const struct rack_completion *d;
	int64_t back = (54 + 500 + 3 + 77) * MS;

	set_up("", "");
	fault_bench_init(&f, &b, "link.down", 0, "r0.n0-r0.n1.0", "{}");
	play(&one, 54 * MS, 900 * MS, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 557 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	/* 5 tokens were out: P' = 69 is 2 frames, 15 tokens are left. */
	ck_assert_int_eq(d->t_last_edge, back + (2 + 14) * 10 * MS);
	ck_assert_int_eq(d->replays, 1);
	ck_assert_uint_eq(b.counts.frames_replayed, 0);
	ck_assert_uint_eq(b.counts.failovers, 1);
	tear_down();
}
END_TEST

START_TEST(a_link_that_is_no_longer_used_may_go_down)
{
	struct bench_event e[] = {{54 * MS, fault_bench_inject, &f},
	        {700 * MS, fault_bench_inject, &g}, {800 * MS, fault_bench_revert, &g},
	        {900 * MS, fault_bench_revert, &f}};

	/* n1 was moved to the spare: neither of its cables to the neighbours is on the path. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.down", 0, "r0.n0-r0.n1.0", "{}");
	fault_bench_init(&g, &b, "link.down", 1, "r0.n1-r0.n2.0", "{}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 634 * MS);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], -1);
	fault_bench_free(&g);
	tear_down();
}
END_TEST

/* --- link.error_burst
 * ------------------------------------------------------------------------------ */

START_TEST(corrected_errors_are_only_counted)
{
	/* Errors in every frame from 54 to 154 ms: those that end at 60, 70, … 150 ms. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":0}");
	play(&one, 54 * MS, 154 * MS, NS_MAX);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS);
	ck_assert_uint_eq(b.answers[0].done.n_stalls, 0);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_uint_eq(b.counts.link_errors, 10);
	ck_assert_uint_eq(b.counts.link_errors_corrected, 10);
	ck_assert_uint_eq(b.counts.frames_replayed, 0);
	tear_down();
}
END_TEST

START_TEST(an_uncorrectable_error_replays_its_frame)
{
	/* The frames that end at 60 ms and its replays at 70, 80, 90; the one at 100 is good. */
	set_up(",\"suspicions\":9", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":1}");
	play(&one, 54 * MS, 95 * MS, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 240 * MS);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 40 * MS);
	ck_assert_uint_eq(b.counts.frames_replayed, 4);
	ck_assert_uint_eq(b.counts.link_errors, 4);
	ck_assert_uint_eq(b.counts.link_errors_replayed, 4);
	tear_down();
}
END_TEST

START_TEST(the_second_uncorrectable_error_evicts)
{
	/* 60 ms: replayed; its replay at 70 fails, too: n1 goes. 6 tokens were out: P' = 70. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":1}");
	play(&one, 54 * MS, 900 * MS, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 60 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 73 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 150 * MS);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, (150 + 20 + 130) * MS);
	ck_assert_uint_eq(b.counts.link_errors, 2);
	ck_assert_uint_eq(b.counts.link_errors_replayed, 1);
	ck_assert_uint_eq(b.counts.link_errors_evicted, 1);
	tear_down();
}
END_TEST

/* The law, written out as a second opinion: sojourns from `inject` on, drawn by number. */
struct second_opinion {
	uint64_t sojourns, frames, n;
	double good, bad;
	bool fixed, is_bad;
	int64_t until;
};

static int64_t sojourn(struct second_opinion *o)
{
	double u = prng_unit(prng_at(o->sojourns, o->n++, 0));

	if (o->is_bad && o->fixed)
		return (int64_t)o->bad;
	return (int64_t)mathx_ceil(-(o->is_bad ? o->bad : o->good) * mathx_log(u));
}

static struct second_opinion opinion(
        const char *link, int64_t inject, double good, double bad, bool fixed)
{
	const struct topology *t = &b.deployment.topology;
	unsigned index = t->components[topology_find(t, link)].index;
	struct second_opinion o = {.good = good, .bad = bad, .fixed = fixed};
	char purpose[64];

	snprintf(purpose, sizeof(purpose), "sojourn/0/%u", index);
	o.sojourns = prng_purpose(42, purpose);
	snprintf(purpose, sizeof(purpose), "link-error/0/%u", index);
	o.frames = prng_purpose(42, purpose);
	o.until = inject + sojourn(&o);
	return o;
}

static bool is_bad(struct second_opinion *o, int64_t at)
{
	while (o->until <= at) {
		o->is_bad = !o->is_bad;
		o->until += sojourn(o);
	}
	return o->is_bad;
}

START_TEST(bursts_are_gilbert_elliotts)
{
	const struct bench_request much = {.at_ns = 0, .prompt = 64, .output = 900, .max = 1000};
	int64_t at, stall = 0, errors = 0, bad_frames = 0;
	struct second_opinion o;

	/* 40 of 100 ms are bad; of the frames then half have an error; of those half are replayed.
	 */
	set_up(",\"suspicions\":1000", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n1-r0.n2.0",
	        "{\"good_mean\":\"60ms\",\"bad_mean\":\"40ms\",\"p_good\":0,\"p_bad\":0.5,"
	        "\"uncorrectable\":0.5}");
	play(&much, 4 * MS, 20000 * MS, NS_MAX);
	o = opinion("r0.n1-r0.n2.0", 4 * MS, 60e6, 40e6, false);
	for (uint64_t frame = 0; frame < 899; frame++) { /* the last token is out at its end */
		at = ((int64_t)frame + 1) * 10 * MS + stall;
		for (uint64_t attempt = 0;; attempt++, at += 10 * MS, stall += 10 * MS) {
			bool bad = is_bad(&o, at);

			bad_frames += bad;
			if (!bad || prng_unit(prng_at(o.frames, attempt, 2 * frame)) >= 0.5)
				break;
			errors++;
			if (prng_unit(prng_at(o.frames, attempt, 2 * frame + 1)) >= 0.5)
				break;
		}
	}
	ck_assert_int_gt(stall, 0);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, stall);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 900 * 10 * MS + stall);
	ck_assert_uint_ge(b.counts.link_errors, (uint64_t)errors);
	/* Roughly the law: 900 frames, 4 in 10 bad, 1 in 4 of these replayed. */
	ck_assert_int_gt(bad_frames, 270);
	ck_assert_int_lt(bad_frames, 630);
	ck_assert_uint_gt(b.counts.link_errors_corrected, 40);
	ck_assert_uint_eq(b.counts.frames_replayed, b.counts.link_errors_replayed);
	tear_down();
}
END_TEST

/* --- link.ghost and health.link_scan
 * --------------------------------------------------------------- */

#define GHOST "{\"interval\":\"120ms\",\"burst\":\"25ms\",\"errors\":3}"

/* The first scan, every 100 ms, that finds at least `threshold`; the first frame with errors. */
static int64_t first_scan(uint64_t threshold, int64_t *effect)
{
	struct second_opinion o = opinion("r0.n0-r0.n1.0", 4 * MS, 120e6, 25e6, true);
	uint64_t counted = 0;

	*effect = -1;
	for (int64_t at = 10 * MS; at < 3000 * MS; at += 10 * MS) {
		if (is_bad(&o, at)) {
			counted += 3;
			if (*effect < 0)
				*effect = at;
		}
		if (at % (100 * MS))
			continue;
		if (counted >= threshold)
			return at;
		counted = 0;
	}
	return -1;
}

START_TEST(a_ghost_is_seen_by_nobody)
{
	int64_t effect;

	set_up("", "");
	fault_bench_init(&f, &b, "link.ghost", 0, "r0.n0-r0.n1.0", GHOST);
	play(&one, 4 * MS, 3000 * MS, NS_MAX);
	(void)first_scan(1, &effect);
	ck_assert_int_gt(effect, 0);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], effect);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS);
	ck_assert_uint_gt(b.counts.link_errors, 0);
	ck_assert_uint_eq(b.counts.link_errors, b.counts.link_errors_corrected);
	tear_down();
}
END_TEST

/* Thresholds that one burst (2 or 3 frames of 3 errors) reaches, that only a scan with two bursts
 * reaches, that none does. */
static const uint64_t thresholds[] = {1, 9, 10, 1000};

START_TEST(a_scan_finds_the_ghost)
{
	uint64_t threshold = thresholds[_i];
	int64_t effect, found;
	char keys[96];

	snprintf(keys, sizeof(keys), ",\"link_scan\":\"100ms\",\"link_scan_errors\":%d",
	        (int)threshold);
	set_up(keys, "");
	fault_bench_init(&f, &b, "link.ghost", 0, "r0.n0-r0.n1.0", GHOST);
	play(&one, 4 * MS, 3000 * MS, NS_MAX);
	found = first_scan(threshold, &effect);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], effect);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], found);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], found < 0 ? -1 : found + 3 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], found < 0 ? -1 : found + 80 * MS);
	ck_assert_uint_eq(b.counts.spares_used, found >= 0);
	tear_down();
}
END_TEST

START_TEST(the_frame_at_the_scan_counts)
{
	/* One error a frame from 60 ms on: 5 by 100 ms, 10 more by 200. */
	set_up(",\"link_scan\":\"100ms\",\"link_scan_errors\":5", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":0}");
	play(&one, 54 * MS, 900 * MS, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 100 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 180 * MS);
	ck_assert_int_eq(b.answers[0].done.replays, 1);
	tear_down();
	set_up(",\"link_scan\":\"100ms\",\"link_scan_errors\":6", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":0}");
	play(&one, 54 * MS, 900 * MS, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 200 * MS);
	tear_down();
}
END_TEST

START_TEST(without_a_spare_what_works_is_left_alone)
{
	struct bench_event e[] = {{2 * MS, fault_bench_inject, &g},
	        {54 * MS, fault_bench_inject, &f}, {900 * MS, fault_bench_revert, &f},
	        {900 * MS, fault_bench_revert, &g}};

	set_up(",\"link_scan\":\"100ms\",\"link_scan_errors\":1", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":0}");
	fault_bench_init(&g, &b, "chip.loss", 1, "r0.n8.c0", "{}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 100 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], -1);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS);
	fault_bench_free(&g);
	tear_down();
}
END_TEST

START_TEST(a_blind_scan_leaves_the_counters)
{
	struct bench_event e[] = {{54 * MS, fault_bench_inject, &f},
	        {90 * MS, fault_bench_inject, &g}, {190 * MS, fault_bench_revert, &g},
	        {900 * MS, fault_bench_revert, &f}};

	/* Errors at 60, 70, …: at 100 ms nobody reads the 5 of them, at 200 there are 15. */
	set_up(",\"link_scan\":\"100ms\",\"link_scan_errors\":15", "");
	fault_bench_init(&f, &b, "link.error_burst", 0, "r0.n0-r0.n1.0",
	        "{\"p_good\":1,\"p_bad\":1,\"uncorrectable\":0}");
	fault_bench_init(&g, &b, "control.health_blind", 1, "r0", "{}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 200 * MS);
	fault_bench_free(&g);
	tear_down();
}
END_TEST

/* --- clock.drift
 * ----------------------------------------------------------------------------------- */

/* Deskews due in [from, to] when one falls due every period ns from `inject` on. */
static int64_t due_in(int64_t inject, int64_t period, int64_t from, int64_t to)
{
	int64_t n = 0;

	for (int64_t at = inject + period; at <= to; at += period)
		n += at > from;
	return n;
}

/* Stall of a request of 20 frames when those that fell due in a frame are done at its end. */
static int64_t deskewed(int64_t inject, int64_t revert, int64_t period, int64_t cost)
{
	int64_t end = 0, last = 0, sum = 0;

	for (int frame = 1; frame < 20;
	        frame++) { /* the last token is out at the end of the 20th */
		end = frame * 10 * MS + sum;
		if (end > inject && end < revert)
			sum += due_in(inject, period, last, end) * cost;
		last = end;
	}
	return sum;
}

START_TEST(drift_beyond_the_budget_costs_deskews)
{
	/* 200 ppm, 100 absorbed: 21.1 ns of margin are gone after 211 us. */
	int64_t stall = deskewed(4 * MS, 125 * MS, 211000, 10 * NS_PER_US);

	set_up("", "");
	fault_bench_init(&f, &b, "clock.drift", 0, "r0.n1.c3", "{\"ppm\":200,\"deskew\":\"10us\"}");
	play(&one, 4 * MS, 125 * MS, NS_MAX);
	ck_assert_int_gt(stall, 10 * 47 * 10 * NS_PER_US);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 10 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 10 * MS);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, stall);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS + stall);
	tear_down();
}
END_TEST

START_TEST(drift_within_the_budget_is_absorbed)
{
	set_up(",\"drift_budget\":200", "");
	fault_bench_init(&f, &b, "clock.drift", 0, "r0.n1", "{\"ppm\":200}");
	play(&one, 4 * MS, 125 * MS, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS);
	tear_down();
}
END_TEST

START_TEST(the_fastest_clock_counts)
{
	struct bench_event e[] = {{4 * MS, fault_bench_inject, &f},
	        {4 * MS, fault_bench_inject, &g}, {900 * MS, fault_bench_revert, &f},
	        {900 * MS, fault_bench_revert, &g}};
	int64_t stall = deskewed(4 * MS, 900 * MS, 105500, 280);

	set_up("", "");
	fault_bench_init(&f, &b, "clock.drift", 0, "r0.n0", "{\"ppm\":200}");
	fault_bench_init(&g, &b, "clock.drift", 1, "r0.n2", "{\"ppm\":300}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], -1);
	ck_assert_int_eq(b.phase[1][PHASE_EFFECT], 10 * MS);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 200 * MS + stall);
	fault_bench_free(&g);
	tear_down();
}
END_TEST

START_TEST(a_failover_aligns_the_clocks)
{
	/* n2 is lost at 94 ms and back about 86 ms later, with all clocks aligned: nothing of that
	 * time is owed. 9 tokens were out, so two frames of prefill and 10 of output are left. */
	struct bench_event e[] = {{4 * MS, fault_bench_inject, &f},
	        {94 * MS, fault_bench_inject, &g}, {900 * MS, fault_bench_revert, &g},
	        {900 * MS, fault_bench_revert, &f}};
	const struct rack_completion *d;
	int64_t of_drift = 0;

	set_up("", "");
	fault_bench_init(&f, &b, "clock.drift", 0, "r0.n0", "{\"ppm\":200,\"deskew\":\"10us\"}");
	fault_bench_init(&g, &b, "chip.loss", 1, "r0.n2.c0", "{}");
	bench_play(&b, &one, 1, e, 4, NS_MAX);
	d = &b.answers[0].done;
	ck_assert_int_eq(d->replays, 1);
	ck_assert_int_eq(d->tokens_recomputed, 64 + 9);
	for (uint32_t i = 0; i < d->n_stalls; i++)
		of_drift += d->stalls[i].fault == 0 ? d->stalls[i].ns : 0;
	/* About 21 frames of 47 to 50 periods; 86 ms more would be another 400. */
	ck_assert_int_gt(of_drift, 18 * 47 * 10 * NS_PER_US);
	ck_assert_int_lt(of_drift, 22 * 51 * 10 * NS_PER_US);
	fault_bench_free(&g);
	tear_down();
}
END_TEST

/* --- link.miswire
 * ------------------------------------------------------------------------------------ */

/* Two racks of one pod; the instance lies in the first. */
#define TWO_RACKS ",\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"}}"
#define UNCHECKED ",\"cable_plan\":{\"check\":false}"

static void play_swap(const struct bench_request *req, int64_t inject, int64_t revert)
{
	struct bench_event e[] = {{inject, fault_bench_inject, &f},
	        {inject + 50 * MS, fault_bench_step, &f}, {revert, fault_bench_revert, &f}};

	bench_play(&b, req, 1, e, 3, NS_MAX);
}

START_TEST(a_checked_bring_up_refuses_the_cable)
{
	/* Out at 54 ms, refused at 104, n1 evicted when they have been down for 500 ms. */
	int64_t back = (54 + 500 + 3 + 77) * MS;

	set_up("", TWO_RACKS);
	fault_bench_init(
	        &f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", "{\"with\":\"r0.n0-r1.n0.0\"}");
	play_swap(&one, 54 * MS, 900 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 104 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_ISOLATE], 557 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], back);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, back + (2 + 14) * 10 * MS);
	ck_assert_int_eq(b.worst, PATH_IN_RACK);
	tear_down();
}
END_TEST

START_TEST(cables_out_for_too_long_evict_by_themselves)
{
	struct bench_event e[] = {
	        {54 * MS, fault_bench_inject, &f}, {900 * MS, fault_bench_revert, &f}};

	/* Announced: what finds it is the threshold, at 554 ms. */
	set_up("", "");
	fault_bench_init(&f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", "{\"reseat\":\"30s\"}");
	bench_play(&b, &one, 1, e, 2, NS_MAX);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], 554 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_FAILOVER], 634 * MS);
	tear_down();
}
END_TEST

/* Unchecked: out at 54 ms, found at the frame's end, back at 104: a stall of 50 + 6 + 10 ms. From
 * tick 54 ms on, at 120 ms, each boundary is late by the extra hops. */
static const struct {
	const char *with, *more;
	int64_t revert_ms, late_ns;
	enum path_scope worst;
} swaps[] = {
        /* n0 to n2 instead of n1, and on over n1-n2: one hop, in 14 frames before the last token.
         */
        {"{\"with\":\"r0.n0-r0.n2.0\"}", "", 900, 14 * 300, PATH_IN_RACK},
        {"{}", "", 900, 14 * 300, PATH_IN_RACK}, /* the same, by default */
        /* Reverted at 150 ms: ends of frames at 126, 136 and 146 ms. */
        {"{\"with\":\"r0.n0-r0.n2.0\"}", "", 150, 3 * 300, PATH_IN_RACK},
        /* The right node in the wrong port. */
        {"{\"with\":\"r0.n0-r0.n1.2\"}", "", 900, 0, PATH_IN_RACK},
        /* To the other rack and back: over r0.n0-r1.n0.1 and r0.n0-r0.n1.1. */
        {"{\"with\":\"r0.n0-r1.n0.0\"}", TWO_RACKS, 900, 14 * 600, PATH_IN_DOMAIN},
};

START_TEST(an_unchecked_swap_runs_over_wrong_hops)
{
	char more[256];

	snprintf(more, sizeof(more), UNCHECKED "%s", swaps[_i].more);
	set_up("", more);
	fault_bench_init(&f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", swaps[_i].with);
	play_swap(&one, 54 * MS, swaps[_i].revert_ms * MS);
	ck_assert_int_eq(b.phase[0][PHASE_EFFECT], 54 * MS);
	ck_assert_int_eq(b.phase[0][PHASE_DETECT], -1);
	ck_assert_uint_eq(b.counts.frames_replayed, 1);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, 266 * MS + swaps[_i].late_ns);
	ck_assert_int_eq(b.answers[0].done.stalls[0].ns, 66 * MS + swaps[_i].late_ns);
	ck_assert_int_eq(b.worst, swaps[_i].worst);
	tear_down();
}
END_TEST

START_TEST(both_cables_may_be_on_the_path)
{
	/* n0-n1 ends in n2, n1-n2 in n1 itself: two hops more, in each of 20 frames. */
	const struct bench_request late = {
	        .at_ns = 300 * MS, .prompt = 64, .output = 20, .max = 100};

	set_up("", UNCHECKED);
	fault_bench_init(
	        &f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", "{\"with\":\"r0.n1-r0.n2.0\"}");
	play_swap(&late, 54 * MS, 900 * MS);
	ck_assert_int_eq(b.answers[0].done.t_last_edge, (300 + 200) * MS + 20 * 600);
	tear_down();
}
END_TEST

static void look_swapped(const struct fault_sink *s, int64_t now, void *ctx)
{
	const struct topology *t = &b.deployment.topology;
	uint32_t ends[2];

	(void)s;
	(void)now;
	(void)ctx;
	ck_assert(!rack_wiring(b.rack, topology_cable(t, 0, 1, 0), ends));
	ck_assert(ends[0] == 0 && ends[1] == 2);
	ck_assert(!rack_wiring(b.rack, topology_cable(t, 0, 2, 0), ends));
	ck_assert(ends[0] == 0 && ends[1] == 1);
	ck_assert(rack_wiring(b.rack, topology_cable(t, 0, 1, 1), ends));
	ck_assert(ends[0] == 0 && ends[1] == 1);
}

static void look_ordered(const struct fault_sink *s, int64_t now, void *ctx)
{
	uint32_t ends[2];

	(void)s;
	(void)now;
	(void)ctx;
	for (uint32_t i = 0; i < b.deployment.topology.n_links; i++)
		ck_assert(rack_wiring(b.rack, i, ends));
}

START_TEST(the_live_wiring_can_be_asked_for)
{
	struct bench_event e[] = {{1 * MS, look_ordered, NULL}, {54 * MS, fault_bench_inject, &f},
	        {104 * MS, fault_bench_step, &f}, {105 * MS, look_swapped, NULL},
	        {900 * MS, fault_bench_revert, &f}, {901 * MS, look_ordered, NULL}};

	set_up("", UNCHECKED);
	fault_bench_init(&f, &b, "link.miswire", 0, "r0.n0-r0.n1.0", "{}");
	bench_play(&b, &one, 1, e, 6, NS_MAX);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("links");
	TCase *t = tcase_create("arithmetic");

	tcase_add_test(t, down_for_less_than_the_threshold_costs_a_stall);
	tcase_add_test(t, down_for_longer_evicts_the_higher_end);
	tcase_add_test(t, a_link_that_is_no_longer_used_may_go_down);
	tcase_add_test(t, corrected_errors_are_only_counted);
	tcase_add_test(t, an_uncorrectable_error_replays_its_frame);
	tcase_add_test(t, the_second_uncorrectable_error_evicts);
	tcase_add_test(t, bursts_are_gilbert_elliotts);
	tcase_add_test(t, a_ghost_is_seen_by_nobody);
	tcase_add_loop_test(t, a_scan_finds_the_ghost, 0, ARRAY_LEN(thresholds));
	tcase_add_test(t, the_frame_at_the_scan_counts);
	tcase_add_test(t, a_blind_scan_leaves_the_counters);
	tcase_add_test(t, without_a_spare_what_works_is_left_alone);
	tcase_add_test(t, drift_beyond_the_budget_costs_deskews);
	tcase_add_test(t, drift_within_the_budget_is_absorbed);
	tcase_add_test(t, the_fastest_clock_counts);
	tcase_add_test(t, a_failover_aligns_the_clocks);
	tcase_add_test(t, a_checked_bring_up_refuses_the_cable);
	tcase_add_test(t, cables_out_for_too_long_evict_by_themselves);
	tcase_add_loop_test(t, an_unchecked_swap_runs_over_wrong_hops, 0, ARRAY_LEN(swaps));
	tcase_add_test(t, both_cables_may_be_on_the_path);
	tcase_add_test(t, the_live_wiring_can_be_asked_for);
	suite_add_tcase(s, t);
	return run_suite(s);
}
