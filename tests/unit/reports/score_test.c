#include "reports/served.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

#define MS NS_PER_MS
#define S  NS_PER_S

/* One SLO over `n` good requests of 1 ms, 10 ms apart; the caller adds the odd ones from id n + 1
 * on. */
static struct score *create(const struct score_rules *rules, uint32_t n_faults, uint64_t n)
{
	struct score_config config = fixture_config(rules, n_faults);
	struct score *s = score_create(&config);

	for (uint64_t i = 0; i < n; i++) {
		struct sample x = fixture_ok(i + 1, (int64_t)i * 10 * MS, MS);

		score_sample(s, &x);
	}
	return s;
}

static void add(struct score *s, uint64_t id, enum outcome outcome)
{
	struct sample x = fixture_bad(id, (int64_t)id * 10 * MS, outcome);

	score_sample(s, &x);
}

START_TEST(a_failure_is_infinite)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 950);
	const struct score_result *r;

	for (uint64_t i = 0; i < 50; i++)
		add(s, 951 + i, i % 2 ? OUTCOME_TIMEOUT : OUTCOME_CONNECT);
	r = fixture_decide(s, NULL, 1000);
	ck_assert_uint_eq(r->slo[0].n, 1000);
	ck_assert_uint_eq(r->slo[0].over, 50);
	ck_assert_str_eq(r->slo[0].observed, "infinite");
	ck_assert_int_eq(r->slo[0].observed_ns, -1);
	ck_assert_int_eq(r->slo[0].upper_ns, -1);
	ck_assert_uint_eq(score_histogram(s, 0, WINDOW_ALL, METRIC_TTFT)->count, 950);
	score_free(s);
}
END_TEST

START_TEST(a_refusal_is_not_late_but_limited)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 980);
	const struct score_result *r;

	for (uint64_t i = 0; i < 20; i++)
		add(s, 981 + i, OUTCOME_REJECTED);
	r = fixture_decide(s, NULL, 1000);
	ck_assert_int_eq(r->slo[0].percentile, VERDICT_PASS);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_FAIL);
	ck_assert_str_eq(r->slo[0].reason, "refused");
	ck_assert_uint_eq(r->slo[0].n, 980);
	ck_assert_uint_eq(r->slo[0].refused, 20);
	ck_assert_int_eq(r->exit_code, 1);
	score_free(s);

	slo.max_refused = 0.02; /* exactly 20 of 1000 */
	s = create(&rules, 0, 980);
	for (uint64_t i = 0; i < 20; i++)
		add(s, 981 + i, OUTCOME_REJECTED);
	r = fixture_decide(s, NULL, 1000);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_PASS);
	ck_assert_int_eq(r->exit_code, 0);
	score_free(s);
}
END_TEST

START_TEST(a_cancelled_request_is_nobodys)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 500);
	const struct score_result *r;

	for (uint64_t i = 0; i < 100; i++)
		add(s, 501 + i, OUTCOME_CANCELLED);
	r = fixture_decide(s, NULL, 600);
	ck_assert_uint_eq(r->slo[0].n, 500);
	ck_assert_int_eq(r->verdict, VERDICT_PASS);
	score_free(s);
}
END_TEST

START_TEST(one_token_has_no_tpot)
{
	struct slo_rule slo = fixture_slo(METRIC_TPOT, 0.5, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 100); /* one token each */
	const struct score_result *r;

	for (uint64_t i = 0; i < 30; i++) {
		struct sample x = fixture_ok(101 + i, S + (int64_t)i * MS, MS);

		x.output_tokens = 4;
		x.t_last += 10 * MS; /* 10 ms over 3 gaps: 3333333.3… rounded up */
		x.t_done = x.t_last;
		score_sample(s, &x);
	}
	r = fixture_decide(s, NULL, 130);
	ck_assert_uint_eq(r->slo[0].n, 30);
	ck_assert_int_eq(score_histogram(s, 0, WINDOW_ALL, METRIC_TPOT)->max, 3333334);
	score_free(s);
}
END_TEST

START_TEST(itl_is_judged_per_request_and_reported_pooled)
{
	struct slo_rule slo = fixture_slo(METRIC_ITL, 0.5, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 0);
	const struct score_result *r;

	for (uint64_t i = 1; i <= 20; i++) {
		struct sample x = fixture_ok(i, (int64_t)i * MS, MS);

		x.itl_judged_ns = 5 * MS;
		score_gaps(s, i, 0, 2 * MS, 99);
		score_gaps(s, i, 0, 5 * MS, 1);
		score_sample(s, &x);
	}
	score_gaps(s, 21, 0, 7 * MS, 3); /* of a request that fails: not pooled */
	add(s, 21, OUTCOME_TRUNCATED);
	r = fixture_decide(s, NULL, 21);
	ck_assert_uint_eq(r->slo[0].n, 21);
	ck_assert_int_eq(r->slo[0].observed_ns, 5 * MS);
	ck_assert_uint_eq(score_histogram(s, 0, WINDOW_ALL, METRIC_ITL)->count, 2000);
	score_free(s);
}
END_TEST

START_TEST(below_the_floor_nothing_is_said)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 458);
	const struct score_result *r;

	ck_assert(!score_wants_replicas(s));
	r = fixture_decide(s, NULL, 458);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_INCONCLUSIVE);
	ck_assert_str_eq(r->slo[0].observed, "too_few");
	ck_assert_str_eq(r->slo[0].reason, "too_few");
	ck_assert_int_eq(r->exit_code, 4);
	score_free(s);
}
END_TEST

START_TEST(warmup_is_not_judged)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score_config config = fixture_config(&rules, 0);
	const struct score_result *r;
	struct score *s;

	config.warmup_ns = 5 * S; /* requests 1 … 500 */
	s = score_create(&config);
	for (uint64_t i = 0; i < 1000; i++) {
		struct sample x = fixture_ok(i + 1, (int64_t)i * 10 * MS, i < 500 ? S : MS);

		score_sample(s, &x);
	}
	r = fixture_decide(s, NULL, 1000);
	ck_assert_uint_eq(r->slo[0].n, 500);
	ck_assert_uint_eq(r->slo[0].over, 0);
	ck_assert_uint_eq(r->by_outcome[OUTCOME_OK], 1000);
	score_free(s);
}
END_TEST

START_TEST(a_wanted_miss_passes_where_the_percentile_fails)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, MS / 2);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s;
	const struct score_result *r;

	slo.want_miss = true;
	s = create(&rules, 0, 1000);
	r = fixture_decide(s, NULL, 1000);
	ck_assert_int_eq(r->slo[0].percentile, VERDICT_FAIL);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_PASS);
	ck_assert_int_eq(r->exit_code, 0);
	score_free(s);
	slo.limit_ns = 10 * MS;
	s = create(&rules, 0, 1000);
	r = fixture_decide(s, NULL, 1000);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_FAIL);
	score_free(s);
}
END_TEST

START_TEST(nothing_asked_is_inconclusive)
{
	struct score_rules rules = {0};
	struct score *s = create(&rules, 0, 100);
	const struct score_result *r = fixture_decide(s, NULL, 100);

	ck_assert_int_eq(r->exit_code, 4);
	score_free(s);
}
END_TEST

START_TEST(a_missing_sample_makes_the_run_invalid)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s = create(&rules, 0, 1000);
	const struct score_result *r = fixture_decide(s, NULL, 1001);

	ck_assert(!r->conserved);
	ck_assert_int_eq(r->exit_code, 4);
	score_free(s);
}
END_TEST

START_TEST(the_baseline_must_hold_where_faults_are_planned)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.5, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score_fault fault = {.id = "f", .detect_ns = -1, .failover_ns = -1};
	struct score *s = create(&rules, 1, 1000);
	const struct score_result *r;

	score_inject(s, 0, 10 * S);
	score_revert(s, 0, 11 * S);
	r = fixture_decide(s, &fault, 1000);
	ck_assert(r->steady_state);
	ck_assert_int_eq(r->exit_code, 0);
	ck_assert_int_eq(fault.recover_ns, 10 * S);
	ck_assert(!fault.breach);
	score_free(s);
	s = create(&rules, 1, 0);
	score_inject(s, 0, 0); /* no baseline at all */
	for (uint64_t i = 0; i < 1000; i++) {
		struct sample x = fixture_ok(i + 1, (int64_t)i * 10 * MS, MS);

		score_sample(s, &x);
	}
	r = fixture_decide(s, &fault, 1000);
	ck_assert(!r->steady_state);
	ck_assert_int_eq(r->exit_code, 4);
	score_free(s);
}
END_TEST

/* Null = fail if the model had started the phase, inconclusive if nothing called for it. */
START_TEST(phases_have_three_verdicts)
{
	static const struct {
		int64_t at;
		bool started;
		enum verdict verdict;
	} cases[] = {
	        {10 * S + 900 * MS, true, VERDICT_PASS},
	        {10 * S + 1001 * MS, true, VERDICT_FAIL},
	        {-1, true, VERDICT_FAIL},
	        {-1, false, VERDICT_INCONCLUSIVE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int kind = EXPECT_TTD; kind <= EXPECT_TTF; kind++) {
			struct expect_rule e = {.id = "e",
			        .kind = (enum expect_kind)kind,
			        .fault = UINT32_MAX,
			        .max_ns = S};
			struct score_rules rules = {.n_expect = 1, .expect = &e};
			struct score_fault f = {.id = "f",
			        .inject_ns = 10 * S,
			        .detect_ns = cases[i].at,
			        .failover_ns = cases[i].at,
			        .detect_started = cases[i].started,
			        .failover_started = cases[i].started};
			struct score *s = create(&rules, 1, 1000);

			score_inject(s, 0, 10 * S);
			ck_assert_int_eq(
			        fixture_decide(s, &f, 1000)->expect[0].verdict, cases[i].verdict);
			score_free(s);
		}
	}
}
END_TEST

/* Not reached is never green, but no failure either; nor is what nobody counted. */
START_TEST(paths_are_reached_or_inconclusive)
{
	static const struct {
		bool known;
		uint64_t times;
		enum verdict verdict;
	} cases[] = {{true, 2, VERDICT_PASS}, {true, 1, VERDICT_INCONCLUSIVE},
	        {true, 0, VERDICT_INCONCLUSIVE}, {false, 2, VERDICT_INCONCLUSIVE}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct expect_rule e = {.id = "e",
		        .kind = EXPECT_REACHED,
		        .path = REACHED_REPLAY_TAKEN,
		        .has_min = true,
		        .min = 2};
		struct score_rules rules = {.n_expect = 1, .expect = &e};
		struct score_facts facts = {.scheduled = 10,
		        .valid = true,
		        .paths_known = cases[i].known,
		        .paths = {[REACHED_REPLAY_TAKEN] = cases[i].times}};
		struct score *s = create(&rules, 0, 10);
		const struct score_result *r = score_decide(s, NULL, &facts);

		ck_assert_int_eq(r->expect[0].verdict, cases[i].verdict);
		ck_assert_int_eq(r->expect[0].has_observed, cases[i].known);
		ck_assert_int_eq(r->exit_code, cases[i].verdict == VERDICT_PASS ? 0 : 4);
		score_free(s);
	}
}
END_TEST

START_TEST(counts_and_fractions)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.5, 10 * MS);
	struct expect_rule e[] = {
	        {.id = "lost", .kind = EXPECT_LOST_REQUESTS, .has_max = true, .max = 3},
	        {.id = "good",
	                .kind = EXPECT_GOODPUT_FRACTION,
	                .has_min = true,
	                .min = 0.95,
	                .tier = 0},
	        {.id = "errors",
	                .kind = EXPECT_ERROR_FRACTION,
	                .has_max = true,
	                .max = 0.02,
	                .tier = UINT32_MAX},
	        {.id = "path", .kind = EXPECT_CRITICAL_PATH_IN_RACK},
	};
	struct score_rules rules = {.n_slo = 1, .slo = &slo, .n_expect = ARRAY_LEN(e), .expect = e};
	struct score *s = create(&rules, 0, 95);
	const struct score_result *r;

	add(s, 96, OUTCOME_TIMEOUT);
	add(s, 97, OUTCOME_TRUNCATED);
	add(s, 98, OUTCOME_NOT_SENT);
	add(s, 99, OUTCOME_REJECTED);
	add(s, 100, OUTCOME_CANCELLED);
	r = fixture_decide(s, NULL, 100);
	ck_assert_double_eq(r->expect[0].observed, 3);
	ck_assert_int_eq(r->expect[0].verdict, VERDICT_PASS);
	ck_assert_double_eq(r->expect[1].observed, 0.95);
	ck_assert_int_eq(r->expect[1].verdict, VERDICT_PASS);
	ck_assert_double_eq(r->expect[2].observed, 0.03);
	ck_assert_int_eq(r->expect[2].verdict, VERDICT_FAIL);
	ck_assert_int_eq(r->expect[3].verdict, VERDICT_PASS);
	score_free(s);
}
END_TEST

static const struct {
	bool inside, want_miss;
	enum packets seen;
	enum verdict verdict;
} paths[] = {
        {true, false, PACKETS_NOT_ASKED, VERDICT_PASS},
        {false, false, PACKETS_NOT_ASKED, VERDICT_FAIL},
        {false, true, PACKETS_NOT_ASKED, VERDICT_PASS},
        {true, false, PACKETS_INSIDE, VERDICT_PASS},
        {false, false, PACKETS_CROSS, VERDICT_FAIL},
        {false, true, PACKETS_CROSS, VERDICT_PASS},
        {true, false, PACKETS_CROSS, VERDICT_FAIL},
        /* doubt makes nothing green, and nothing red green */
        {true, false, PACKETS_DOUBT, VERDICT_INCONCLUSIVE},
        {true, true, PACKETS_DOUBT, VERDICT_INCONCLUSIVE},
        {false, true, PACKETS_DOUBT, VERDICT_INCONCLUSIVE},
        {false, false, PACKETS_DOUBT, VERDICT_FAIL},
};

START_TEST(a_path_is_judged_by_mapping_and_packets)
{
	for (unsigned pod = 0; pod < 2; pod++) {
		struct expect_rule e = {.id = "path",
		        .kind = EXPECT_CRITICAL_PATH_IN_RACK,
		        .scope_pod = pod,
		        .want_miss = paths[_i].want_miss};
		struct score_rules rules = {.n_expect = 1, .expect = &e};
		struct score *s = create(&rules, 0, 10);
		/* The other scope knows nothing but good. */
		struct score_facts facts = {.scheduled = 10,
		        .valid = true,
		        .critical_known = true,
		        .critical_in_rack = pod || paths[_i].inside,
		        .critical_in_pod = !pod || paths[_i].inside,
		        .packets_in_rack = pod ? PACKETS_INSIDE : paths[_i].seen,
		        .packets_in_pod = pod ? paths[_i].seen : PACKETS_INSIDE,
		        .packets_doubt = "why"};
		const struct score_result *r = score_decide(s, NULL, &facts);

		ck_assert_int_eq(r->expect[0].verdict, paths[_i].verdict);
		ck_assert((r->expect[0].reason != NULL) ==
		          (paths[_i].verdict == VERDICT_INCONCLUSIVE));
		score_free(s);
	}
}
END_TEST

/* Tier 1 is hit during the fault, tier 0 is not. */
START_TEST(isolation_judges_the_other_tier_in_the_fault)
{
	struct slo_rule slo[] = {
	        fixture_slo(METRIC_TTFT, 0.5, 10 * MS), fixture_slo(METRIC_TTFT, 0.5, 10 * MS)};
	struct expect_rule e[] = {{.id = "a", .kind = EXPECT_ISOLATION, .tier = 0},
	        {.id = "b", .kind = EXPECT_ISOLATION, .tier = 1}};
	struct score_rules rules = {.n_slo = 2, .slo = slo, .n_expect = 2, .expect = e};
	struct score_fault f = {.id = "f", .detect_ns = -1, .failover_ns = -1};
	const struct score_result *r;
	struct score *s;

	slo[1].tier = 1;
	s = create(&rules, 1, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		struct sample x =
		        fixture_ok(i + 1, (int64_t)i * 10 * MS, i >= 500 && i % 2 ? S : MS);

		x.tier = i % 2;
		if (i == 500)
			score_inject(s, 0, x.t_sched);
		score_sample(s, &x);
	}
	r = fixture_decide(s, &f, 1000);
	ck_assert_int_eq(r->expect[0].verdict, VERDICT_PASS);
	ck_assert_int_eq(r->expect[1].verdict, VERDICT_FAIL);
	ck_assert_uint_eq(r->n_slo, 2);
	score_free(s);
}
END_TEST

START_TEST(blame_adds_up)
{
	struct slo_rule slo = fixture_slo(METRIC_E2EL, 0.5, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score_fault faults[2] = {{.id = "a", .detect_ns = -1}, {.id = "b", .detect_ns = -1}};
	struct score *s = create(&rules, 2, 10);
	const struct score_result *r;
	double sum = 0;

	for (uint64_t i = 11; i <= 40; i++) {
		struct sample x = fixture_ok(i, (int64_t)i * MS, 100 * MS);

		x.blame_queue_ns = 30 * MS;
		x.blame_entry_ns = 5 * MS;
		x.blame_prefill_ns = 10 * MS;
		x.blame_network_ns = 5 * MS;
		x.blame_decode_ns = 20 * MS;
		x.n_stalls = 2;
		x.stalls[0] = (struct sample_stall){.fault = 0, .ns = 10 * MS};
		x.stalls[1] = (struct sample_stall){.fault = 1, .ns = 20 * MS};
		score_sample(s, &x);
	}
	r = fixture_decide(s, faults, 40);
	ck_assert(r->slo[0].has_blame);
	for (int p = 0; p < BLAME_PARTS; p++)
		sum += r->slo[0].blame[p];
	sum += r->slo[0].blame_faults[0] + r->slo[0].blame_faults[1];
	ck_assert_double_eq_tol(sum, 1, 1e-12);
	ck_assert_double_eq_tol(r->slo[0].blame[BLAME_QUEUE], 0.3, 1e-12);
	ck_assert_double_eq_tol(r->slo[0].blame[BLAME_DECODE], 0.2, 1e-12);
	ck_assert_double_eq_tol(r->slo[0].blame_faults[1], 0.2, 1e-12);
	score_free(s);
}
END_TEST

START_TEST(replicas_are_batches_and_pairs_lend_their_verdict)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score *s[3];
	const struct score_result *r;

	for (int k = 0; k < 3; k++) {
		s[k] = create(&rules, 0, 500);
		for (uint64_t i = 501; i <= 504; i++)
			add(s[k], i, OUTCOME_TIMEOUT);
	}
	ck_assert(score_wants_replicas(s[0]));
	for (int k = 0; k < 20; k++) {
		struct score *replica = create(&rules, 0, 2000);

		score_add_replica(s[0], replica);
		score_free(replica);
	}
	r = fixture_decide(s[0], NULL, 504);
	ck_assert_int_eq(r->slo[0].basis, BASIS_REPLICAS);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_PASS);
	ck_assert_uint_eq(r->slo[0].n, 40504);
	score_pair(s[1], s[0]);
	r = fixture_decide(s[1], NULL, 504);
	ck_assert_int_eq(r->slo[0].basis, BASIS_PAIRED);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_PASS);
	ck_assert_uint_eq(r->slo[0].n, 504);
	r = fixture_decide(s[2], NULL, 504);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_INCONCLUSIVE);
	for (int k = 0; k < 3; k++)
		score_free(s[k]);
}
END_TEST

/* Requests planned after a revert wait for the verdict on the recovery, but not without limit. */
START_TEST(a_full_spool_makes_the_run_invalid)
{
	struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
	struct score_rules rules = {.n_slo = 1, .slo = &slo};
	struct score_fault f = {.id = "f", .detect_ns = -1, .failover_ns = -1};
	struct score *s = create(&rules, 1, 1000); /* 10 s */
	const struct score_result *r;

	score_inject(s, 0, 10 * S);
	score_revert(s, 0, 10 * S + MS);
	for (uint64_t i = 0; i < 1 << 18; i++) {
		struct sample x = fixture_ok(1001 + i, 10 * S + 2 * MS + (int64_t)i * 1000, MS);

		score_sample(s, &x);
	}
	r = fixture_decide(s, &f, 1000 + (1 << 18));
	ck_assert_uint_eq(r->dropped, 1 << 17);
	ck_assert(r->conserved);
	ck_assert_int_eq(r->exit_code, 4);
	score_free(s);
}
END_TEST

START_TEST(the_live_view_sees_the_last_second)
{
	struct score_rules rules = {0};
	struct score *s = create(&rules, 0, 500); /* 5 s */
	struct score_live live;

	for (uint64_t i = 500; i < 600; i++)
		add(s, i + 1, i % 2 ? OUTCOME_HTTP_5XX : OUTCOME_REJECTED);
	live = score_live(s, 6 * S);
	ck_assert_uint_eq(live.done, 600);
	ck_assert_uint_eq(live.ok, 500);
	ck_assert_uint_eq(live.errors, 50);
	ck_assert_uint_eq(live.rejected, 50);
	ck_assert_double_eq_tol(live.error_ratio, 0.5, 0.02);
	ck_assert_int_eq(live.p99_ttft_ns, MS);
	ck_assert_double_eq(score_live(s, 20 * S).error_ratio, 0);
	score_free(s);
}
END_TEST

/* Requests every 10 ms, the faults in [2 s, 4 s) and [3 s, 5 s), and `odd` from first to last; the
 * proof is from 7 s to the end at 10 s: 300 requests. */
static struct score *recovering(const struct score_rules *rules, uint64_t first, uint64_t last,
        enum outcome odd, int64_t ttft_ns, bool in_bulk)
{
	struct score_config config = fixture_config(rules, 2);
	struct score *s;

	config.duration_ns = 10 * S;
	s = score_create(&config);
	for (uint64_t i = 0; i < 1000; i++) {
		int64_t at = (int64_t)i * 10 * MS;
		bool is_odd = i >= first && i <= last;
		struct sample x = fixture_ok(i + 1, at, is_odd ? ttft_ns : MS);

		if (i == 200 || i == 300)
			score_inject(s, i == 300, at);
		if (i == 400 || i == 500)
			score_revert(s, i == 500, at);
		if (is_odd && odd != OUTCOME_OK)
			x = fixture_bad(i + 1, at, odd);
		if (in_bulk && x.outcome == OUTCOME_OK)
			score_served(s,
			        &(struct rider){.id = x.id,
			                .t_sched = at,
			                .t_dispatch = x.t_first - 1,
			                .t_entry = x.t_first - 1,
			                .t_first = x.t_first,
			                .t_last = x.t_first,
			                .frame_ns = 1,
			                .prompt_tokens = 10,
			                .output_tokens = 1},
			        1);
		else
			score_sample(s, &x);
	}
	return s;
}

START_TEST(recovered_is_judged_behind_the_last_revert)
{
	static const struct {
		uint64_t first, last; /* from 700 on in the proof */
		enum outcome odd;
		int64_t ttft_ns, after_ns;
		bool unclean;
		double missed;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
	        {200, 699, OUTCOME_TIMEOUT, 0, 2 * S, false, 0, VERDICT_PASS, NULL},
	        {200, 700, OUTCOME_TIMEOUT, 0, 2 * S, false, 1, VERDICT_FAIL, "lost"},
	        {200, 700, OUTCOME_CORRUPT, 0, 2 * S, false, 1, VERDICT_FAIL, "lost"},
	        {200, 700, OUTCOME_REJECTED, 0, 2 * S, false, 1, VERDICT_FAIL, "refused"},
	        {200, 999, OUTCOME_CANCELLED, 0, 2 * S, false, 0, VERDICT_PASS, NULL},
	        {200, 702, OUTCOME_OK, S, 2 * S, false, 3, VERDICT_PASS, NULL}, /* 1 % of 300 */
	        {200, 703, OUTCOME_OK, S, 2 * S, false, 4, VERDICT_FAIL, "slo"},
	        {200, 699, OUTCOME_OK, S, 2 * S, true, 0, VERDICT_FAIL, "not_clean"},
	        {200, 699, OUTCOME_OK, S, 5 * S, false, -1, VERDICT_INCONCLUSIVE, "too_few"},
	};

	for (size_t n = 0; n < 2 * ARRAY_LEN(cases); n++) {
		size_t i = n / 2;
		struct slo_rule slo = fixture_slo(METRIC_TTFT, 0.99, 10 * MS);
		struct expect_rule e = {
		        .id = "r", .kind = EXPECT_RECOVERED, .max_ns = cases[i].after_ns};
		struct score_rules rules = {.n_slo = 1, .slo = &slo, .n_expect = 1, .expect = &e};
		struct score *s = recovering(&rules, cases[i].first, cases[i].last, cases[i].odd,
		        cases[i].ttft_ns, n % 2);
		struct score_fault faults[2] = {{.inject_ns = 2 * S, .clean = true},
		        {.inject_ns = 3 * S, .clean = !cases[i].unclean}};
		const struct expect_result *r = fixture_decide(s, faults, 1000)->expect;

		ck_assert_msg(r->verdict == cases[i].verdict, "case %zu", i);
		ck_assert_pstr_eq(r->reason, cases[i].reason);
		ck_assert_int_eq(r->has_observed, cases[i].missed >= 0);
		if (r->has_observed)
			ck_assert_double_eq(r->observed, cases[i].missed);
		score_free(s);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("score");
	TCase *loop = tcase_create("paths");

	add_test(suite, "infinite", a_failure_is_infinite);
	add_test(suite, "refused", a_refusal_is_not_late_but_limited);
	add_test(suite, "cancelled", a_cancelled_request_is_nobodys);
	add_test(suite, "tpot", one_token_has_no_tpot);
	add_test(suite, "itl", itl_is_judged_per_request_and_reported_pooled);
	add_test(suite, "floor", below_the_floor_nothing_is_said);
	add_test(suite, "warmup", warmup_is_not_judged);
	add_test(suite, "want miss", a_wanted_miss_passes_where_the_percentile_fails);
	add_test(suite, "nothing asked", nothing_asked_is_inconclusive);
	add_test(suite, "conservation", a_missing_sample_makes_the_run_invalid);
	add_test(suite, "steady state", the_baseline_must_hold_where_faults_are_planned);
	add_test(suite, "phases", phases_have_three_verdicts);
	add_test(suite, "fractions", counts_and_fractions);
	tcase_add_loop_test(
	        loop, a_path_is_judged_by_mapping_and_packets, 0, (int)ARRAY_LEN(paths));
	suite_add_tcase(suite, loop);
	add_test(suite, "reached", paths_are_reached_or_inconclusive);
	add_test(suite, "recovered", recovered_is_judged_behind_the_last_revert);
	add_test(suite, "isolation", isolation_judges_the_other_tier_in_the_fault);
	add_test(suite, "blame", blame_adds_up);
	add_test(suite, "replicas", replicas_are_batches_and_pairs_lend_their_verdict);
	add_test(suite, "spool", a_full_spool_makes_the_run_invalid);
	add_test(suite, "live", the_live_view_sees_the_last_second);
	return run_suite(suite);
}
