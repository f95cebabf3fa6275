/* One made-up run, scored and rendered every way, against the files beside this one.
 * UPDATE_GOLDEN=1 writes them anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "reports/render.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { REQUESTS = 5000, GOLDEN_MAX = 1 << 20 };
#define MS          NS_PER_MS
#define S           NS_PER_S
#define EIGHT(text) text text text text text text text text
#define DIGEST(hex) "sha256:" EIGHT(hex) EIGHT(hex) EIGHT(hex) EIGHT(hex)

static struct slo_rule slo[] = {
        {.id = "chat-ttft", .quantile = 0.99, .limit_ns = 60 * MS, .max_refused = 0.01},
        {.id = "chat-tpot",
                .metric = METRIC_TPOT,
                .quantile = 0.5,
                .limit_ns = 11 * MS,
                .max_refused = 0.01},
        {.id = "batch-e2el",
                .tier = 1,
                .metric = METRIC_E2EL,
                .quantile = 0.5,
                .limit_ns = 150 * MS,
                .window = WINDOW_FAULT,
                .want_miss = true},
        {.id = "rare",
                .tier = 1,
                .metric = METRIC_TTFT,
                .quantile = 0.999,
                .limit_ns = 50 * MS,
                .window = WINDOW_RECOVERY},
};
static struct expect_rule expects[] = {
        {.id = "failover", .kind = EXPECT_TTF, .max_ns = S},
        {.id = "detected", .kind = EXPECT_TTD, .fault = UINT32_MAX, .max_ns = 100 * MS},
        {.id = "nothing-lost", .kind = EXPECT_LOST_REQUESTS, .has_max = true},
        {.id = "in-rack", .kind = EXPECT_CRITICAL_PATH_IN_RACK},
        {.id = "spare",
                .kind = EXPECT_REACHED,
                .path = REACHED_SPARE_USED,
                .has_min = true,
                .min = 1},
        {.id = "good", .kind = EXPECT_GOODPUT_FRACTION, .has_min = true, .min = 0.9, .tier = 0},
};
static const struct score_rules rules = {
        .n_slo = ARRAY_LEN(slo), .slo = slo, .n_expect = ARRAY_LEN(expects), .expect = expects};
static const char *const fault_ids[] = {"loss", "flap"};
static const struct score_names names = {
        .n_tiers = 2, .tiers = fixture_tiers, .n_faults = 2, .faults = fault_ids};

/* 100/s for 50 s; in [20 s, 21 s) everybody waits for the failover. */
static struct sample request(uint64_t i)
{
	int64_t at = (int64_t)i * 10 * MS, ttft = 20 * MS + (int64_t)(i % 17) * MS;
	struct sample x = fixture_ok(i + 1, at, ttft);

	if (i % 500 == 7)
		x = fixture_bad(i + 1, at, OUTCOME_REJECTED);
	x.tier = i % 5 == 0;
	if (x.outcome != OUTCOME_OK)
		return x;
	if (at >= 20 * S && at < 21 * S) {
		x = fixture_ok(i + 1, at, 21 * S - at + ttft);
		x.tier = i % 5 == 0;
		x.n_stalls = 1;
		x.stalls[0] = (struct sample_stall){.fault = 0, .ns = 21 * S - at};
		x.blame_queue_ns = x.queue_ns = ttft - 1;
		x.replays = 1;
	}
	x.output_tokens = 11;
	x.decode_ns = x.blame_decode_ns = 100 * MS;
	x.t_last = x.t_done = x.t_first + 100 * MS;
	x.itl_judged_ns = 10 * MS;
	return x;
}

static void feed(struct score *s)
{
	for (uint64_t i = 0; i < REQUESTS; i++) {
		struct sample x = request(i);

		if (i == 2000)
			score_inject(s, 0, 20 * S);
		if (i == 2200)
			score_revert(s, 0, 22 * S);
		if (x.outcome == OUTCOME_OK)
			score_gaps(s, x.id, x.tier, 10 * MS, 10);
		score_sample(s, &x);
	}
}

static struct result_document document(
        const struct score *s, const struct score_result *r, const struct score_fault *faults)
{
	static const char *const reasons[] = {"emission lag p99 1.3 ms is above 1 ms"};
	static const struct result_cross_rack cross_rack = {.position = "allowed",
	        .rationale = "no rack holds it",
	        .label = "assumption",
	        .reach = "ethernet",
	        .instances = 2,
	        .hops = 1,
	        .ethernet_hops = 1,
	        .frame_ns = {10 * MS, 9990000},
	        .known = true,
	        .late = 4990,
	        .lost = 1,
	        .extra_ns_sum = 700 * MS,
	        .ttft = {{28.5e6, 28 * MS, 36 * MS}, {28.4e6, 27900000, 35900000}},
	        .tpot = {{10e6, 10 * MS, 10 * MS}, {9.99e6, 9990000, -1}}};

	static const struct result_audit audit = {.verdict = "fail",
	        .scope = "rack",
	        .packets = 1000,
	        .critical = 900,
	        .violations = 3,
	        .left_out = 1,
	        .sampling = 7,
	        .frames = 16,
	        .shown = "beyond",
	        .judged = "beyond",
	        .worst = "beyond",
	        .agrees = true,
	        .n_doubts = 2,
	        .doubts = {"dropped", "cut"}};

	return (struct result_document){.suite = "quick",
	        .scenario = "chat-<loss>",
	        .seed = 42,
	        .virtual_clock = true,
	        .plan_digest = DIGEST("00"),
	        .traffic_digest = DIGEST("11"),
	        .result_digest = DIGEST("22"),
	        .model_version = 1,
	        .validity = {.valid = true,
	                .n_reasons = 0,
	                .reasons = reasons,
	                .sched = {.known = true, .p50_ms = 0.02, .p99_ms = 0.2, .max_ms = 1.1},
	                .attempts = 1},
	        .score = s,
	        .result = r,
	        .names = &names,
	        .n_faults = 2,
	        .faults = faults,
	        .cross_rack = &cross_rack,
	        .audit = &audit,
	        .engine = {.version = "0.1.0",
	                .commit = "abc",
	                .events = 12345,
	                .wall_seconds = 0.25,
	                .simulated_seconds = 50},
	        .replay = "lpuchaos run \"a b.json\" --seed 42 --clock virtual",
	        .path = "/tmp/out/result.json"};
}

static void compare(const char *name, const char *text, size_t n)
{
	char path[512], *golden = mem_alloc(GOLDEN_MAX, 1);
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/golden/reports/%s", LPC_SOURCE_DIR, name);
	if (getenv("UPDATE_GOLDEN")) {
		f = fopen(path, "w");
		ck_assert_msg(
		        f && fwrite(text, 1, n, f) == n && !fclose(f), "cannot write %s", path);
		mem_free(golden);
		return;
	}
	f = fopen(path, "r");
	ck_assert_msg(f, "%s is missing: UPDATE_GOLDEN=1 writes it", path);
	size = fread(golden, 1, GOLDEN_MAX, f);
	fclose(f);
	ck_assert_msg(size == n && memcmp(golden, text, n) == 0,
	        "%s differs: UPDATE_GOLDEN=1 shows how", path);
	mem_free(golden);
}

static void compare_json(const char *name, const struct result_document *d,
        void (*render)(const struct result_document *d, struct json_out *o))
{
	struct json_out o;

	json_out_init(&o, 2);
	render(d, &o);
	compare(name, o.buf, o.n);
	json_out_free(&o);
}

static void render_judgement(const struct result_document *d, struct json_out *o)
{
	static const char *const tenants[] = {"chat", "jobs"};
	static const uint32_t tier[] = {0, 1};

	render_score(d, &(struct score_tenants){2, tenants, tier}, o);
}

START_TEST(every_rendering)
{
	struct score_config config = fixture_config(&rules, 2);
	struct score_fault faults[] = {{.id = "loss",
	                                       .kind = "chip.loss",
	                                       .target = "r0.n1.c0",
	                                       .inject_ns = 20 * S,
	                                       .effect_ns = 20 * S,
	                                       .detect_ns = 20 * S + 50 * MS,
	                                       .isolate_ns = 20 * S + 51 * MS,
	                                       .failover_ns = 21 * S,
	                                       .revert_ns = 22 * S,
	                                       .clean = true,
	                                       .detect_started = true,
	                                       .failover_started = true,
	                                       .replayed_requests = 100,
	                                       .has_damage = true,
	                                       .damage = {.late = 100, .extra_ns_sum = 50 * S},
	                                       .coalesce_ns = 21 * S},
	        {.id = "flap",
	                .kind = "link.flap",
	                .target = "r0.n1-r0.n2.0",
	                .inject_ns = -1,
	                .withheld = "max_active",
	                .effect_ns = -1,
	                .detect_ns = -1,
	                .isolate_ns = -1,
	                .failover_ns = -1,
	                .revert_ns = -1,
	                .clean = true,
	                .coalesce_ns = -1}};
	const struct score_result *r;
	struct result_document d;
	struct text t;
	struct score *s;

	config.warmup_ns = 5 * S;
	config.duration_ns = 50 * S;
	s = score_create(&config);
	feed(s);
	r = fixture_decide(s, faults, REQUESTS);
	d = document(s, r, faults);
	compare_json("result.json", &d, render_result);
	compare_json("score.json", &d, render_judgement);
	compare_json("histograms.json", &d, render_histograms);
	compare_json("faults.json", &d, render_faults);
	text_init(&t, 1 << 20);
	render_junit(&d, 1, &t);
	compare("junit.xml", t.buf, t.n);
	text_free(&t);
	render_text(&d, &t);
	compare("summary.txt", t.buf, t.n);
	ck_assert(!t.cut);
	text_free(&t);
	score_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render");

	add_test(suite, "every rendering", every_rendering);
	return run_suite(suite);
}
