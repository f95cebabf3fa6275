/* The run store: what a request costs to write (the thread's part and, apart, what the run itself
 * spends on telling it), to read back, and in bytes; beside it SQLite copying the finished table
 * into another file, which is the least that such rows can cost it. Prints, asserts nothing.
 * bench_reports_store [thousands of requests, default 1000] [folder, default /tmp] */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/prng.h"
#include "reports/served.h"
#include "reports/store.h"
#include "reports/store_read.h"
#include "tests/unit/reports/score_fixture.h"

enum { PATH_BYTES = 512, SQL_BYTES = 1200 };

static char dir[PATH_BYTES], path[PATH_BYTES + 16], copy[PATH_BYTES + 16];

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum status st, const struct error *err)
{
	if (!st)
		return;
	(void)fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static int64_t draw(struct prng *g, uint64_t n)
{
	return (int64_t)prng_below(prng_next(g), n);
}

static struct sample request(struct prng *g, uint64_t id)
{
	int64_t at = (int64_t)id * NS_PER_MS, ingress = 250000;
	struct rider r = {.id = id, .order = id, .t_sched = at, .ingress_ns = ingress};
	struct sample x;

	r.frame_ns = 2 * NS_PER_MS;
	r.output_tokens = 1 + (uint32_t)draw(g, 600);
	r.prompt_tokens = 1 + (uint32_t)draw(g, 4000);
	r.t_dispatch = at + ingress + draw(g, 50 * NS_PER_MS);
	r.t_entry = r.t_dispatch + draw(g, 2 * NS_PER_MS);
	r.t_first = r.t_entry + (r.prompt_tokens / 128 + 1) * r.frame_ns;
	r.t_last = r.t_first + (r.output_tokens - 1) * r.frame_ns;
	served_sample(&r, &x);
	return x;
}

/* Wall seconds; *told: CPU of the thread that tells. */
static double write_all(uint64_t n, double *told)
{
	static const char *const tenants[] = {"chat"};
	static const uint32_t tier[] = {0};
	struct score_rules rules = {0};
	struct score_config score = fixture_config(&rules, 0);
	struct score_names names = {.n_tiers = 2, .tiers = fixture_tiers};
	struct store_config c = {.dir = dir,
	        .scenario = "bench",
	        .virtual_clock = true,
	        .tenants = tenants,
	        .tenant_tier = tier,
	        .n_tenants = 1,
	        .score = &score,
	        .ends_ns = (int64_t)n * NS_PER_MS,
	        .names = &names};
	double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	struct prng g = prng_stream(1, "bench");
	struct error err = ERROR_INIT;
	struct store *s;

	must(store_open(&c, &s, &err), &err);
	for (uint64_t id = 1; id <= n; id++) {
		struct sample x = request(&g, id);

		store_gaps(s, id, 2 * NS_PER_MS, x.output_tokens);
		store_sample(s, &x);
	}
	*told = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	must(store_close(s, NULL, &err), &err);
	return seconds(CLOCK_MONOTONIC) - began;
}

static double read_all(uint64_t n)
{
	double began = seconds(CLOCK_MONOTONIC);
	struct error err = ERROR_INIT;
	struct store_gap_summary gaps;
	struct store_reader *r;
	struct sample x;
	bool more = true;

	must(store_read_open(path, &r, &err), &err);
	for (uint64_t i = 0; i < n && more; i++)
		must(store_read_sample(r, &x, &gaps, &more, &err), &err);
	store_read_close(r);
	return seconds(CLOCK_MONOTONIC) - began;
}

static double copy_all(void)
{
	double began = seconds(CLOCK_MONOTONIC);
	char sql[SQL_BYTES];
	sqlite3 *db;

	(void)snprintf(sql, sizeof(sql),
	        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; ATTACH '%s' AS was; "
	        "CREATE TABLE requests AS SELECT * FROM was.requests ORDER BY seq",
	        path);
	if (sqlite3_open(copy, &db) || sqlite3_exec(db, sql, NULL, NULL, NULL)) {
		(void)fprintf(stderr, "%s\n", sqlite3_errmsg(db));
		exit(1);
	}
	sqlite3_close(db);
	return seconds(CLOCK_MONOTONIC) - began;
}

int main(int argc, char **argv)
{
	uint64_t n = (uint64_t)(argc > 1 ? strtol(argv[1], NULL, 10) : 1000) * 1000;
	double told, written, copied, back, each = 1e9 / (double)n;
	struct stat st;

	(void)snprintf(dir, sizeof(dir), "%s/store_bench.XXXXXX", argc > 2 ? argv[2] : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, STORE_FILE);
	(void)snprintf(copy, sizeof(copy), "%s/copy", dir);
	written = write_all(n, &told);
	back = read_all(n);
	copied = copy_all();
	if (stat(path, &st))
		return 1;
	printf("%.0f thousand requests, %.0f bytes each\n", (double)n / 1e3,
	        (double)st.st_size / (double)n);
	printf("written      %7.0f ns a request, %.2f times as long as SQLite copies it\n",
	        written * each, written / copied);
	printf("told         %7.0f ns of the run's own thread, making the requests included\n",
	        told * each);
	printf("read back    %7.0f ns\n", back * each);
	printf("SQLite copy  %7.0f ns\n", copied * each);
	(void)unlink(path);
	(void)unlink(copy);
	(void)rmdir(dir);
	return 0;
}
