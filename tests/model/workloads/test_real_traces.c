/* The real traces, where they are at hand, against their published figures. */
#include <unistd.h>

#include "tests/support/run_suite.h"
#include "tests/unit/workloads/given.h"

enum { ROWS_MAX = 20000 };

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t percentile(const int64_t *sorted, size_t n, size_t percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

struct replayed {
	size_t n;
	int64_t *at, *prompt, *output; /* lengths sorted */
	struct traffic_counts counts;
};

static struct replayed replay(const char *file, const char *trace)
{
	struct replayed r = {.at = calloc(ROWS_MAX, 8),
	        .prompt = calloc(ROWS_MAX, 8),
	        .output = calloc(ROWS_MAX, 8)};
	char path[512], text[256];
	struct traffic *t;
	struct arrival a;
	struct given g;
	char *bytes = calloc(1, 8 << 20);
	FILE *f;

	given_init(&g);
	snprintf(path, sizeof(path), "%s/traces/%s", LPC_SHARED_DIR, file);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	g.bytes = bytes;
	g.n = fread(bytes, 1, 8 << 20, f);
	g.chunk = 4096;
	fclose(f);
	snprintf(text, sizeof(text), "[{'name':'r','trace':%s}]", trace);
	ck_assert(given_traffic(&g, text, 86400 * NS_PER_S) == ERR_NONE);
	t = given_start(&g, 3, 86400 * NS_PER_S);
	for (; given_next(&g, t, &a); r.n++) {
		ck_assert_uint_lt(r.n, ROWS_MAX);
		r.at[r.n] = a.at_ns;
		r.prompt[r.n] = a.prompt_tokens;
		r.output[r.n] = a.output_tokens;
	}
	r.counts = traffic_counts(t);
	qsort(r.prompt, r.n, sizeof(int64_t), compare);
	qsort(r.output, r.n, sizeof(int64_t), compare);
	traffic_close(t);
	given_free(&g);
	free(bytes);
	return r;
}

static void release(struct replayed *r)
{
	free(r->at);
	free(r->prompt);
	free(r->output);
}

START_TEST(azure_conversation)
{
	struct replayed r = replay("azure_llm_2023_conv.csv", "{'file':'x','format':'azure'}");

	ck_assert_uint_eq(r.n, 19366);
	ck_assert_uint_eq(r.counts.trace.rows_read, 19366);
	ck_assert_int_eq(r.at[0], 0);
	ck_assert_int_eq(r.at[r.n - 1] / (NS_PER_S / 10), 35017); /* 3,501.7 s */
	ck_assert_int_eq(percentile(r.prompt, r.n, 50), 1020);
	ck_assert_int_eq(percentile(r.prompt, r.n, 99), 4142);
	ck_assert_int_eq(r.prompt[r.n - 1], 14050);
	ck_assert_int_eq(percentile(r.output, r.n, 50), 129);
	ck_assert_int_eq(percentile(r.output, r.n, 99), 601);
	ck_assert_int_eq(r.output[r.n - 1], 1000);
	release(&r);
}
END_TEST

START_TEST(mooncake_conversation)
{
	struct replayed r =
	        replay("mooncake_conversation_trace.jsonl", "{'file':'x','format':'mooncake'}");
	struct replayed s = replay("mooncake_conversation_trace.jsonl",
	        "{'file':'x','format':'mooncake','smear':true}");
	size_t together = 0;

	ck_assert_uint_eq(r.n, 12031);
	ck_assert_int_eq(r.at[r.n - 1], INT64_C(3536999) * NS_PER_MS);
	ck_assert_uint_eq(s.n, r.n);
	for (size_t i = 0; i < s.n; i++) {
		ck_assert_int_ge(s.at[i], r.at[i]);
		ck_assert_int_lt(s.at[i], r.at[i] + 3 * NS_PER_S);
		together += i > 0 && s.at[i] == s.at[i - 1];
	}
	ck_assert_uint_lt(together, 3);
	release(&r);
	release(&s);
}
END_TEST

int main(void)
{
	Suite *suite;
	TCase *tc;

	if (access(LPC_SHARED_DIR "/traces", R_OK) != 0) {
		printf("skipped: no traces in %s\n", LPC_SHARED_DIR);
		return 77;
	}
	suite = suite_create("real traces");
	tc = tcase_create("traces");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, azure_conversation);
	tcase_add_test(tc, mooncake_conversation);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
