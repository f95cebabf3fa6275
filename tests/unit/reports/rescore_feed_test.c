/* Rows of a store through the thread that reads them: all, in order, wherever a block ends; and up
 * to one that no run would have written. */
#include "reports/rescore_feed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "reports/store.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { PATH_BYTES = 128, NONE = 0 };
#define MS               NS_PER_MS
#define TOKENS_OF_NO_RUN (INT64_C(1) << 32)

static char dir[] = "/tmp/feed_test.XXXXXX";
static char path[PATH_BYTES];
static const char *const tenants[] = {"chat"};
static const uint32_t tenant_tier[] = {0};
static struct slo_rule slo;
static struct score_rules rules = {.n_slo = 1, .slo = &slo};
static struct score_config score_config;
static const struct score_names names = {.n_tiers = 2, .tiers = fixture_tiers};

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, STORE_FILE);
	slo = fixture_slo(METRIC_TTFT, 0.9, 40 * MS);
	score_config = fixture_config(&rules, 0);
}

static void teardown(void)
{
	ck_assert_int_eq(0, unlink(path));
	ck_assert_int_eq(0, rmdir(dir));
}

/* Requests 1 to n; the one numbered `odd` has more tokens than any run gives. */
static void write_store(uint64_t n, uint64_t odd)
{
	struct store_config c = {.dir = dir,
	        .scenario = "s",
	        .virtual_clock = true,
	        .plan_digest = "sha256:00",
	        .tenants = tenants,
	        .tenant_tier = tenant_tier,
	        .n_tenants = 1,
	        .score = &score_config,
	        .ends_ns = score_config.duration_ns,
	        .names = &names};
	struct error err = ERROR_INIT;
	struct store *s;

	ck_assert_msg(!store_open(&c, &s, &err), "%s", err.text);
	for (uint64_t id = 1; id <= n; id++) {
		struct sample x = id % 3 ? fixture_ok(id, (int64_t)id * MS, 20 * MS)
		                         : fixture_bad(id, (int64_t)id * MS, OUTCOME_REJECTED);

		if (id == odd)
			x.prompt_tokens = TOKENS_OF_NO_RUN;
		store_sample(s, &x);
	}
	ck_assert_msg(!store_close(s, NULL, &err), "%s", err.text);
}

static void count_up(void *ctx, const struct feed_row *row)
{
	uint64_t *n = ctx;

	ck_assert_uint_eq(++*n, row->x.id);
	ck_assert_int_eq((int64_t)*n * MS, row->x.t_sched);
}

/* How many rows the sink was told of. */
static uint64_t fed(struct error *err)
{
	struct store_reader *r;
	uint64_t n = 0;

	ck_assert_msg(!store_read_open(path, &r, err), "%s", err->text);
	(void)!rescore_feed(r, path, &names, &(struct feed_sink){count_up, &n}, err);
	store_read_close(r);
	return n;
}

START_TEST(every_row_in_order)
{
	static const uint64_t lengths[] = {0, 1, 511, 512, 513, 1024, 5000};

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct error err = ERROR_INIT;

		write_store(lengths[i], NONE);
		ck_assert_uint_eq(lengths[i], fed(&err));
		ck_assert_msg(!err.code, "%s", err.text);
	}
}
END_TEST

START_TEST(up_to_a_row_of_no_run)
{
	static const uint64_t odd[] = {1, 512, 513, 2000};

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct error err = ERROR_INIT;
		char request[32];

		write_store(2000, odd[i]);
		ck_assert_uint_eq(odd[i] - 1, fed(&err));
		ck_assert_int_eq(err.code, ERR_USAGE);
		(void)snprintf(
		        request, sizeof(request), "request %llu: ", (unsigned long long)odd[i]);
		ck_assert_msg(strstr(err.text, request) != NULL, "%s", err.text);
	}
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("rows of a store");

	add(suite, "order", every_row_in_order);
	add(suite, "odd", up_to_a_row_of_no_run);
	return run_suite(suite);
}
