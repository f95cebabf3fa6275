/* The run store: what goes in comes out, bit by bit, whatever it is; bounds on rows; nothing but
 * one whole file is ever left, also by a writer that was killed; stores that are none are refused.
 */
#include "reports/store.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "reports/store_read.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { MANY = 20000, KILLS = 40, PATH_BYTES = 128 };
#define MS NS_PER_MS

static char dir[] = "/tmp/store_test.XXXXXX";
static char path[PATH_BYTES];
static const char *const faults[] = {"flap", "loss"};
static const char *const tenants[] = {"chat", "quote'd", "replay"};
static const uint32_t tenant_tier[] = {0, 1, 1};
static struct slo_rule slo;
static struct score_rules rules = {.n_slo = 1, .slo = &slo};
static struct score_config score_config;
static const struct score_names names = {
        .n_tiers = 2, .tiers = fixture_tiers, .n_faults = 2, .faults = faults};

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, STORE_FILE);
	slo = fixture_slo(METRIC_TTFT, 0.9, 40 * MS);
	score_config = fixture_config(&rules, 0);
}

static void teardown(void)
{
	char command[PATH_BYTES];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(0, system(command));
}

static struct store_config store_config(bool virtual_clock)
{
	return (struct store_config){.dir = dir,
	        .scenario = "a \"scenario\"",
	        .seed = UINT64_MAX,
	        .virtual_clock = virtual_clock,
	        .plan_digest = "sha256:00",
	        .tenants = tenants,
	        .tenant_tier = tenant_tier,
	        .n_tenants = 3,
	        .score = &score_config,
	        .ends_ns = score_config.duration_ns,
	        .names = &names};
}

static struct store *opened(const struct store_config *c)
{
	struct error err = ERROR_INIT;
	struct store *s;

	ck_assert_msg(!store_open(c, &s, &err), "%s", err.text);
	return s;
}

static void closed(struct store *s, const struct result_document *d)
{
	struct error err = ERROR_INIT;

	ck_assert_msg(!store_close(s, d, &err), "%s", err.text);
}

static int64_t ask(const char *sql)
{
	sqlite3_stmt *s;
	sqlite3 *db;
	int64_t answer;

	ck_assert_int_eq(SQLITE_OK, sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL));
	ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK, "%s: %s", sql,
	        sqlite3_errmsg(db));
	ck_assert_int_eq(SQLITE_ROW, sqlite3_step(s));
	answer = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return answer;
}

/* --- samples of every kind
 * -------------------------------------------------------------------------- */

static uint64_t draw(struct prng *g, uint64_t n)
{
	return prng_next(g) % n;
}

static int64_t some_ns(struct prng *g)
{
	uint64_t bits = draw(g, 62), value = prng_next(g);

	return (int64_t)(value >> (2 + bits));
}

static int64_t known_or_not(struct prng *g)
{
	return draw(g, 3) ? some_ns(g) : -1;
}

/* Anything that the structure can hold; NULL stands for -1 alone. */
static struct sample any_sample(struct prng *g, uint64_t id)
{
	struct sample x = {.id = id};

	x.order = draw(g, 2) ? id : 0;
	x.tenant = (uint32_t)draw(g, 3);
	x.tier = (uint32_t)draw(g, 2);
	x.outcome = (enum outcome)draw(g, OUTCOME_COUNT);
	x.t_sched = some_ns(g);
	x.t_send = known_or_not(g);
	x.t_hdr = known_or_not(g);
	x.t_first = known_or_not(g);
	x.t_last = known_or_not(g);
	x.t_done = some_ns(g);
	x.prompt_tokens = some_ns(g);
	x.output_tokens = some_ns(g);
	x.queue_ns = known_or_not(g);
	x.prefill_ns = known_or_not(g);
	x.decode_ns = known_or_not(g);
	x.itl_judged_ns = known_or_not(g);
	x.attempts = (uint32_t)prng_next(g);
	x.replays = (uint32_t)prng_next(g);
	x.tokens_recomputed = some_ns(g);
	x.blame_network_ns = -some_ns(g); /* on the wall clock it is what is left over */
	x.blame_queue_ns = known_or_not(g);
	x.blame_entry_ns = some_ns(g);
	x.blame_prefill_ns = some_ns(g);
	x.blame_decode_ns = some_ns(g);
	x.n_stalls = draw(g, 4) ? 0 : (uint32_t)draw(g, SAMPLE_STALLS_MAX + 1);
	for (uint32_t i = 0; i < x.n_stalls; i++) {
		x.stalls[i].fault = (uint32_t)(draw(g, 2));
		x.stalls[i].ns = some_ns(g);
	}
	return x;
}

static bool same_sample(const struct sample *a, const struct sample *b)
{
	if (a->n_stalls != b->n_stalls)
		return false;
	for (uint32_t i = 0; i < a->n_stalls; i++)
		if (a->stalls[i].fault != b->stalls[i].fault || a->stalls[i].ns != b->stalls[i].ns)
			return false;
	return a->id == b->id && a->order == b->order && a->tenant == b->tenant &&
	       a->tier == b->tier && a->outcome == b->outcome &&
	       memcmp(&a->t_sched, &b->t_sched,
	               offsetof(struct sample, attempts) - offsetof(struct sample, t_sched)) == 0 &&
	       a->attempts == b->attempts && a->replays == b->replays &&
	       memcmp(&a->tokens_recomputed, &b->tokens_recomputed,
	               offsetof(struct sample, n_stalls) -
	                       offsetof(struct sample, tokens_recomputed)) == 0;
}

/* Gaps that are told before a sample; none of some. */
static struct store_gap_summary tell_gaps(struct store *s, uint64_t id)
{
	struct store_gap_summary sum = {.max_ns = -1};

	for (uint64_t k = 0; k < id % 4; k++) {
		int64_t gap = (int64_t)(id * 7919 % 1000 + k), n = (int64_t)(1 + id % 3);

		if (s)
			store_gaps(s, id, gap, n);
		sum.n += (uint64_t)n;
		sum.sum_ns += gap * n;
		sum.max_ns = gap > sum.max_ns ? gap : sum.max_ns;
	}
	return sum;
}

/* n requests, as a given seed makes them. */
static void feed(struct store *s, uint64_t seed, uint64_t n)
{
	struct prng g = prng_stream(seed, "samples");

	for (uint64_t id = 1; id <= n; id++) {
		struct sample x = any_sample(&g, id);

		tell_gaps(s, id);
		store_sample(s, &x);
	}
}

/* All that the store has, in order: the first so many of those fed, each as it was. */
static uint64_t check_prefix(uint64_t seed)
{
	struct prng g = prng_stream(seed, "samples");
	struct error err = ERROR_INIT;
	struct store_gap_summary gaps;
	struct store_reader *r;
	struct sample x;
	uint64_t n = 0;
	bool more;

	ck_assert_msg(!store_read_open(path, &r, &err), "%s", err.text);
	for (;;) {
		struct store_gap_summary want = tell_gaps(NULL, n + 1);
		struct sample was = any_sample(&g, n + 1);

		ck_assert_msg(!store_read_sample(r, &x, &gaps, &more, &err), "%s", err.text);
		if (!more)
			break;
		ck_assert_msg(same_sample(&x, &was), "request %llu", (unsigned long long)x.id);
		ck_assert_uint_eq(want.n, gaps.n);
		ck_assert_int_eq(want.sum_ns, gaps.sum_ns);
		ck_assert_int_eq(want.max_ns, gaps.max_ns);
		n++;
	}
	ck_assert_uint_eq(n, store_read_run(r)->rows);
	ck_assert_uint_eq(n, store_read_run(r)->requests);
	store_read_close(r);
	return n;
}

static bool exists(const char *behind)
{
	char name[PATH_BYTES + 16];

	snprintf(name, sizeof(name), "%s%s", path, behind);
	return access(name, F_OK) == 0;
}

static uint64_t files_in_dir(void)
{
	char command[PATH_BYTES + 32];
	unsigned n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", dir);
	f = popen(command, "r");
	ck_assert_int_eq(1, fscanf(f, "%u", &n));
	pclose(f);
	return n;
}

static void check_heading(bool partial)
{
	struct error err = ERROR_INIT;
	struct store_reader *r;

	ck_assert_msg(!store_read_open(path, &r, &err), "%s", err.text);
	ck_assert_str_eq("a \"scenario\"", store_read_run(r)->scenario);
	ck_assert_str_eq("sha256:00", store_read_run(r)->plan_digest);
	ck_assert_str_eq("all", store_read_run(r)->samples);
	ck_assert_uint_eq(UINT64_MAX, store_read_run(r)->seed);
	ck_assert(store_read_run(r)->partial == partial);
	store_read_close(r);
}

START_TEST(what_goes_in_comes_out)
{
	static const uint64_t lengths[] = {0, 1, 4095, 4096, 4097, MANY};

	for (size_t i = 0; i < 2 * ARRAY_LEN(lengths); i++) {
		struct store_config c = store_config(i % 2 == 0);
		struct store *s = opened(&c);
		uint64_t n = lengths[i / 2];

		feed(s, i, n);
		closed(s, NULL);
		ck_assert_uint_eq(n, check_prefix(i));
		ck_assert_uint_eq(1, files_in_dir()); /* no journal, nothing beside */
	}
	check_heading(true); /* nobody has judged it */
}
END_TEST

/* --- killed
 * ----------------------------------------------------------------------------------------- */

static int64_t file_bytes(void)
{
	struct stat st;

	return stat(path, &st) ? 0 : (int64_t)st.st_size;
}

/* A child writes and is killed a while after its file has reached a length, so that it is somewhere
 * else each time; what is there is a beginning of what it wrote. */
static uint64_t killed(int64_t bytes, useconds_t us, uint64_t seed)
{
	struct store_config c = store_config(true);
	pid_t child;

	(void)unlink(path);
	child = fork();
	if (child == 0) {
		struct store *s = opened(&c);

		feed(s, seed, UINT64_MAX);
	}
	while (file_bytes() < bytes)
		usleep(100);
	usleep(us);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return exists("") ? check_prefix(seed) : 0; /* not even begun */
}

START_TEST(a_killed_writer_leaves_whole_batches)
{
	uint64_t with_rows = 0, kills = (uint64_t)rounds(KILLS);

	for (uint64_t i = 0; i < KILLS; i += KILLS / kills) {
		uint64_t n = killed((int64_t)(i / 8) << 20, (useconds_t)(i * 1709 % 9973), i);

		with_rows += n > 0;
		if (!exists(""))
			continue;
		check_heading(true);
		ck_assert_int_eq(
		        1, ask("SELECT integrity_check = 'ok' FROM pragma_integrity_check"));
		ck_assert_int_eq(
		        0, ask("SELECT count(*) FROM stalls LEFT JOIN requests USING (seq) "
		               "WHERE id IS NULL"));
	}
	ck_assert_uint_ge(with_rows, kills * 3 / 5);
}
END_TEST

START_TEST(an_older_store_is_replaced)
{
	struct store_config c = store_config(true);
	struct error err = ERROR_INIT;
	struct store *s;
	FILE *f;

	closed(opened(&c), NULL);
	for (size_t i = 0; i < 3; i++) {
		char name[PATH_BYTES + 16];

		snprintf(name, sizeof(name), "%s%s", path,
		        (const char *[]){"-journal", "-wal", "-shm"}[i]);
		f = fopen(name, "w");
		ck_assert_int_ge(fputs("of somebody else", f), 0);
		fclose(f);
	}
	s = opened(&c);
	feed(s, 1, 5000);
	ck_assert_msg(!store_restart(s, &err), "%s", err.text);
	feed(s, 2, 10);
	closed(s, NULL);
	ck_assert_uint_eq(10, check_prefix(2));
	ck_assert_uint_eq(1, files_in_dir());
}
END_TEST

/* --- the same run, the same bytes
 * ---------------------------------------------------------------------- */

static char *bytes(size_t *n)
{
	FILE *f = fopen(path, "r");
	char *b;

	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	b = mem_alloc(*n, 1);
	ck_assert_uint_eq(*n, fread(b, 1, *n, f));
	fclose(f);
	return b;
}

START_TEST(the_same_run_makes_the_same_bytes)
{
	char *first = NULL;
	size_t n_first = 0;

	for (int i = 0; i < 3; i++) {
		struct store_config c = store_config(true);
		struct store *s = opened(&c);
		struct prng g = prng_stream(5, "samples");
		size_t n;
		char *b;

		for (uint64_t id = 1; id <= MANY; id++) {
			struct sample x = any_sample(&g, id);

			store_sample(s, &x);
			if (i && prng_at((uint64_t)i, id, 0) % 500 == 0)
				usleep(300); /* one run is slower than another */
		}
		closed(s, NULL);
		b = bytes(&n);
		if (first)
			ck_assert(n == n_first && memcmp(b, first, n) == 0);
		mem_free(first);
		first = b;
		n_first = n;
	}
	mem_free(first);
}
END_TEST

/* --- bounds
 * ------------------------------------------------------------------------------------------- */

START_TEST(failed_keeps_those_that_were_not_ok)
{
	struct store_config c = store_config(false);
	struct store *s;

	c.keep = STORE_FAILED;
	s = opened(&c);
	feed(s, 3, MANY);
	closed(s, NULL);
	ck_assert_int_eq(MANY, ask("SELECT requests FROM run"));
	ck_assert_int_eq(0, ask("SELECT count(*) FROM requests WHERE outcome = 'ok'"));
	ck_assert_int_eq(ask("SELECT rows FROM run"), ask("SELECT count(*) FROM requests"));
	ck_assert_int_eq(1, ask("SELECT samples = 'failed' FROM run"));
	ck_assert_int_gt(ask("SELECT rows FROM run"), MANY / 2);
}
END_TEST

/* Rows that are kept of MANY, told forwards or backwards; a sum that depends on which they are. */
static int64_t kept_of(double expected_rate, uint64_t most, bool backwards, int64_t *sum)
{
	struct store_config c = store_config(true);
	struct store *s;
	int64_t n;

	score_config.expected_rate_all = expected_rate;
	c.keep = STORE_SOME;
	c.most = most;
	s = opened(&c);
	for (uint64_t i = 1; i <= MANY; i++) {
		struct sample x = fixture_ok(backwards ? MANY + 1 - i : i, 0, MS);

		x.n_stalls = 1;
		store_sample(s, &x);
	}
	closed(s, NULL);
	n = ask("SELECT count(*) FROM requests");
	ck_assert_int_eq(n, ask("SELECT rows FROM run"));
	ck_assert_int_eq(n, ask("SELECT count(*) FROM stalls JOIN requests USING (seq)"));
	ck_assert_int_eq(n, ask("SELECT count(*) FROM stalls"));
	*sum = ask("SELECT total(id * id % 1009) FROM requests");
	return n;
}

START_TEST(so_many_are_never_exceeded)
{
	static const struct {
		double expected; /* requests in all, right or wrong */
		uint64_t most;
		int64_t at_least;
	} cases[] = {{MANY, 1000, 800}, {MANY, MANY, MANY}, {MANY / 50, 1000, 800}, {MANY, 0, 0},
	        {0, 7, 3}, {MANY, 1, 0}, {MANY * 3, 1000, 200}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double rate = cases[i].expected / 3600;
		int64_t sum, other, n = kept_of(rate, cases[i].most, false, &sum);

		ck_assert_int_le(n, (int64_t)cases[i].most);
		ck_assert_int_ge(n, cases[i].at_least);
		ck_assert_int_eq(n, kept_of(rate, cases[i].most, true, &other));
		ck_assert_int_eq(sum, other);
	}
}
END_TEST

START_TEST(the_wall_clock_waits_for_nobody)
{
	struct store_config c = store_config(false);
	struct store *s = opened(&c);
	struct sample x = fixture_ok(1, 0, MS);
	uint64_t n = 1 << 18, dropped;

	for (x.id = 1; x.id <= n; x.id++)
		store_sample(s, &x);
	dropped = store_dropped(s);
	closed(s, NULL);
	ck_assert_uint_gt(dropped, 0);
	ck_assert_int_eq((int64_t)(n - dropped), ask("SELECT count(*) FROM requests"));
	ck_assert_int_eq((int64_t)(n - dropped), ask("SELECT rows FROM run"));
}
END_TEST

/* --- the timeline
 * ------------------------------------------------------------------------------------- */

static int64_t within(struct prng *g, int64_t from, int64_t to)
{
	return from + (int64_t)draw(g, (uint64_t)(to - from));
}

static struct sample lived(struct prng *g, uint64_t id)
{
	int64_t at = within(g, 0, 20 * NS_PER_S), queue = within(g, 0, 2 * NS_PER_S);
	struct sample x = fixture_ok(id, at, queue + within(g, 1, NS_PER_S));

	x.tier = id % 2;
	if (id % 5 == 0)
		x = fixture_bad(id, at, (enum outcome)(id / 5 % OUTCOME_COUNT));
	if (x.outcome == OUTCOME_OK) {
		x.queue_ns = queue;
		x.output_tokens = (int64_t)(id % 7);
	} else if (x.outcome == OUTCOME_TIMEOUT) {
		x.t_done = at + 3 * NS_PER_S;
	} else if (x.outcome == OUTCOME_NOT_SENT) {
		x.t_send = -1;
	}
	return x;
}

static bool in(const struct store_second *e, int64_t ns)
{
	return ns >= e->from_ns && ns < e->to_ns;
}

/* One row, from the requests themselves. */
static struct store_second counted(const struct store_second *e, uint64_t n)
{
	struct store_second c = {.from_ns = e->from_ns, .to_ns = e->to_ns, .tier = e->tier};
	struct prng g = prng_stream(9, "lives");

	for (uint64_t id = 1; id <= n; id++) {
		struct sample x = lived(&g, id);
		bool ok = x.outcome == OUTCOME_OK, done = in(e, x.t_done);
		int64_t queued_to = ok ? x.t_send + x.queue_ns : x.t_done;

		if (x.tier != e->tier)
			continue;
		c.scheduled += in(e, x.t_sched);
		c.done += done;
		c.ok += done && ok;
		c.good += done && ok && (x.tier || x.t_first - x.t_sched <= slo.limit_ns);
		c.rejected += done && x.outcome == OUTCOME_REJECTED;
		c.failed += done && !ok && x.outcome != OUTCOME_REJECTED &&
		            x.outcome != OUTCOME_CANCELLED;
		c.output_tokens += done && ok ? (uint64_t)x.output_tokens : 0;
		c.in_flight += x.outcome != OUTCOME_NOT_SENT && x.t_sched < e->to_ns &&
		               x.t_done >= e->to_ns;
		c.queued += x.t_send >= 0 && x.outcome != OUTCOME_REJECTED && x.t_send < e->to_ns &&
		            queued_to >= e->to_ns;
		if (ok && in(e, x.t_sched) && x.t_first - x.t_sched > c.ttft_max_ns)
			c.ttft_max_ns = x.t_first - x.t_sched;
	}
	return c;
}

enum { LIVES = 3000 };

static void make_timeline(void)
{
	struct store_config c = store_config(true);
	struct prng g = prng_stream(9, "lives");
	struct score *score = score_create(&score_config);
	struct result_document d = {
	        .score = score, .result = fixture_decide(score, NULL, 0), .names = &names};
	struct store *s;

	slo.limit_ns = NS_PER_S;
	c.ends_ns = 30 * NS_PER_S;
	s = opened(&c);
	for (uint64_t id = 1; id <= LIVES; id++) {
		struct sample x = lived(&g, id);

		store_sample(s, &x);
	}
	closed(s, &d);
	score_free(score);
}

START_TEST(the_timeline_counts_what_was_there)
{
	struct error err = ERROR_INIT;
	const struct store_second *e;
	struct store_reader *r;
	struct arena arena;
	size_t n;

	make_timeline();
	ck_assert_msg(!store_read_open(path, &r, &err), "%s", err.text);
	arena_init(&arena, 0);
	ck_assert_msg(!store_read_timeline(r, &arena, &e, &n, &err), "%s", err.text);
	ck_assert_uint_ge(n, 2 * 20);
	for (size_t i = 0; i < n; i++) {
		struct store_second want = counted(&e[i], LIVES);

		ck_assert_int_eq((int64_t)(i / 2) * NS_PER_S, e[i].from_ns);
		ck_assert_int_eq(e[i].from_ns + NS_PER_S, e[i].to_ns);
		ck_assert_uint_eq(i % 2, e[i].tier);
		ck_assert_uint_eq(want.scheduled, e[i].scheduled);
		ck_assert_uint_eq(want.done, e[i].done);
		ck_assert_uint_eq(want.ok, e[i].ok);
		ck_assert_uint_eq(want.good, e[i].good);
		ck_assert_uint_eq(want.rejected, e[i].rejected);
		ck_assert_uint_eq(want.failed, e[i].failed);
		ck_assert_uint_eq(want.output_tokens, e[i].output_tokens);
		ck_assert_uint_eq(want.in_flight, e[i].in_flight);
		ck_assert_uint_eq(want.queued, e[i].queued);
		ck_assert_int_eq(want.ttft_max_ns, e[i].ttft_max_ns < 0 ? 0 : e[i].ttft_max_ns);
	}
	ck_assert_uint_eq(0, e[n - 1].in_flight);
	arena_free(&arena);
	store_read_close(r);
}
END_TEST

/* Rows of the timeline whose percentile is not the upper edge of the exact one's cell, by the
 * requests. */
static int64_t off(const char *column, const char *latency, const char *instant, int percent)
{
	char sql[1024];

	snprintf(sql, sizeof(sql),
	        "SELECT count(*) FROM (SELECT %s AS told, (SELECT v FROM (SELECT %s AS v, "
	        "row_number() OVER (ORDER BY %s) AS k, count(*) OVER () AS n FROM requests r WHERE "
	        "t_first_ns >= 0 AND r.tier = t.tier AND %s >= from_ns AND %s < to_ns) WHERE k * "
	        "100 "
	        ">= n * %d ORDER BY k LIMIT 1) AS exact FROM timeline t) WHERE told IS NOT exact "
	        "AND (told IS NULL OR exact IS NULL OR told < exact OR told > exact * 1.016)",
	        column, latency, latency, instant, instant, percent);
	return ask(sql);
}

START_TEST(the_timeline_has_percentiles_for_the_eye)
{
	static const char ttft[] = "t_first_ns - t_sched_ns", e2el[] = "t_last_ns - t_sched_ns";

	make_timeline();
	ck_assert_int_ge(ask("SELECT count(*) FROM timeline WHERE ttft_p99_ns > ttft_p50_ns"), 40);
	ck_assert_int_eq(0, off("ttft_p50_ns", ttft, "t_sched_ns", 50));
	ck_assert_int_eq(0, off("ttft_p99_ns", ttft, "t_sched_ns", 99));
	ck_assert_int_eq(0, off("e2el_p99_ns", e2el, "t_done_ns", 99));
	ck_assert_int_gt(off("e2el_p99_ns", e2el, "t_done_ns", 90), 0);
}
END_TEST

/* --- the judgement
 * ------------------------------------------------------------------------------------ */

START_TEST(a_judged_run_says_so)
{
	struct store_parameter parameter = {
	        "hop_ns", "300", "ns", "inference", "a data sheet's 'figure'"};
	struct score_fault ledger[2] = {{.id = "flap",
	                                        .kind = "link.flap",
	                                        .target = "r0",
	                                        .inject_ns = 5,
	                                        .effect_ns = 6,
	                                        .detect_ns = -1,
	                                        .isolate_ns = -1,
	                                        .failover_ns = -1,
	                                        .recover_ns = -1,
	                                        .revert_ns = 9,
	                                        .coalesce_ns = -1,
	                                        .has_damage = true,
	                                        .damage = {.late = 3}},
	        {.id = "loss", .inject_ns = -1}};
	struct store_config c = store_config(true);
	struct score *score;
	struct result_document d = {.names = &names, .n_faults = 2, .faults = ledger};
	struct store *s;

	c.parameters = &parameter;
	c.n_parameters = 1;
	s = opened(&c);
	d.score = score = score_create(&score_config);
	for (uint64_t id = 1; id <= 1000; id++) {
		struct sample x = fixture_ok(id, (int64_t)id * MS, (int64_t)(id % 100) * MS + 1);

		score_sample(score, &x);
		store_sample(s, &x);
	}
	d.result = fixture_decide(score, NULL, 1000);
	closed(s, &d);
	score_free(score);
	check_heading(false);
	ck_assert_uint_eq(1, files_in_dir());
	ck_assert_int_eq(1, ask("SELECT verdict = 'fail' FROM run"));
	ck_assert_int_eq(1, ask("SELECT verdict = 'fail' AND over = 600 AND n = 1000 AND "
	                        "metric = 'ttft_ms' AND basis = 'run' FROM slo"));
	ck_assert_int_eq(1000, ask("SELECT sum(n) FROM histograms WHERE window = 'all' AND "
	                           "metric = 'ttft_ms' AND tier = 0"));
	ck_assert_int_eq(99 * MS + 1, ask("SELECT max(upper_ns) FROM histograms"));
	ck_assert_int_eq(1, ask("SELECT detect_ns IS NULL AND revert_ns = 9 AND damage_late = 3 "
	                        "FROM faults WHERE id = 'flap'"));
	ck_assert_int_eq(
	        1, ask("SELECT inject_ns IS NULL AND damage_late IS NULL FROM faults WHERE "
	               "id = 'loss'"));
	ck_assert_int_eq(1, ask("SELECT source LIKE '%''figure''' FROM parameters"));
	ck_assert_int_eq(1, ask("SELECT abs(sum(share) - 1) < 1e-9 FROM blame"));
	ck_assert_int_eq(
	        1, ask("SELECT name = 'quote''d' AND tier = 1 FROM tenants WHERE tenant = 1"));
	ck_assert_int_eq(1000, ask("SELECT count(*) FROM requests_ms WHERE tier = 'interactive'"));
	ck_assert_int_eq(2, ask("SELECT count(*) FROM faults_ms"));
	ck_assert_int_gt(ask("SELECT count(*) FROM timeline_s"), 0);
	ck_assert_int_eq(1, ask("SELECT count(*) FROM verdicts"));
}
END_TEST

/* --- what is no store
 * --------------------------------------------------------------------------------- */

static void refused(const char *want)
{
	struct error err = ERROR_INIT;
	struct store_reader *r;

	ck_assert_int_eq(ERR_USAGE, store_read_open(path, &r, &err));
	ck_assert_ptr_null(r);
	ck_assert_msg(strstr(err.text, want) && strstr(err.text, path), "%s", err.text);
}

static void change(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(SQLITE_OK, sqlite3_open(path, &db));
	ck_assert_int_eq(SQLITE_OK, sqlite3_exec(db, sql, NULL, NULL, NULL));
	sqlite3_close(db);
}

static void make(void)
{
	struct store_config c = store_config(true);
	struct store *s = opened(&c);

	feed(s, 4, 100);
	closed(s, NULL);
}

/* A row that no store would have. */
static void row_refused(const char *sql, const char *want)
{
	struct error err = ERROR_INIT;
	struct store_gap_summary gaps;
	struct store_reader *r;
	struct sample x;
	bool more = true;
	enum status st = ERR_NONE;

	make();
	change(sql);
	ck_assert_msg(!store_read_open(path, &r, &err), "%s", err.text);
	while (!st && more)
		st = store_read_sample(r, &x, &gaps, &more, &err);
	ck_assert_int_eq(ERR_USAGE, st);
	ck_assert_msg(strstr(err.text, want) && strstr(err.text, path), "%s", err.text);
	store_read_close(r);
}

START_TEST(what_is_no_store_is_refused)
{
	FILE *f;

	refused("No such file");
	f = fopen(path, "w");
	ck_assert_int_ge(fputs("this is no database at all, and long enough to be one", f), 0);
	fclose(f);
	refused("not a database");
	ck_assert_int_eq(0, unlink(path));
	change("CREATE TABLE t (a)");
	refused("no run store");
	make();
	change("UPDATE run SET schema = 'lpuchaos.store/2'");
	refused("schema");
	make();
	change("DELETE FROM run");
	refused("no run");
	make();
	change("UPDATE run SET seed = '12x'");
	refused("seed");
	make();
	change("UPDATE run SET scenario = hex(zeroblob(10000))");
	refused("too long");
	make();
	change("ALTER TABLE requests RENAME TO r; CREATE VIEW requests AS SELECT * FROM r");
	refused("no run store");
	make();
	change("DROP TABLE run; CREATE TABLE run (schema, "
	       "scenario AS (zeroblob(100000000)), seed, clock, plan_digest, samples, partial, "
	       "requests, rows, dropped)");
	refused("no run store");
	row_refused(
	        "UPDATE requests SET outcome = hex(zeroblob(10000000)) WHERE seq = 3", "too big");
	row_refused("UPDATE requests SET outcome = 'fine' WHERE seq = 50", "request 50: outcome");
	row_refused(
	        "UPDATE requests SET t_first_ns = 'soon' WHERE seq = 7", "request 7: t_first_ns");
	row_refused("UPDATE requests SET tenant = -1 WHERE seq = 9", "request 9: tenant");
	row_refused("UPDATE requests SET attempts = 5000000000 WHERE seq = 1", "attempts");
	row_refused("INSERT INTO stalls VALUES (101, 0, 0, 1)", "belongs to no request");
	row_refused("INSERT INTO stalls VALUES (0, 0, 0, 1)", "belongs to no request");
	row_refused("INSERT INTO stalls SELECT 50, seq + 10, 0, 1 FROM requests LIMIT 5",
	        "too many stalls");
}
END_TEST

START_TEST(a_folder_that_cannot_be_written_is_named)
{
	struct store_config c = store_config(true);
	struct error err = ERROR_INIT;
	struct store *s;

	c.dir = "/proc/self";
	ck_assert_int_eq(ERR_ENVIRONMENT, store_open(&c, &s, &err));
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(err.text, "/proc/self/run.sqlite"));
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {what_goes_in_comes_out, a_killed_writer_leaves_whole_batches,
	        an_older_store_is_replaced, the_same_run_makes_the_same_bytes,
	        failed_keeps_those_that_were_not_ok, so_many_are_never_exceeded,
	        the_wall_clock_waits_for_nobody, the_timeline_counts_what_was_there,
	        the_timeline_has_percentiles_for_the_eye, a_judged_run_says_so,
	        what_is_no_store_is_refused, a_folder_that_cannot_be_written_is_named};
	Suite *s = suite_create("store");

	for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
		TCase *tcase = tcase_create(tests[i]->name);

		tcase_add_checked_fixture(tcase, setup, teardown);
		tcase_set_timeout(tcase, 60);
		tcase_add_test(tcase, tests[i]);
		suite_add_tcase(s, tcase);
	}
	return s;
}

int main(void)
{
	return run_suite(suite());
}
