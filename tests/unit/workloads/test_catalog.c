/* Every shipped workload parses and draws what its `about` promises. */
#include "tests/support/run_suite.h"
#include "tests/unit/workloads/given.h"

static char *slurp(const char *name)
{
	char path[512], *text = calloc(1, 1 << 16);
	FILE *f;

	snprintf(path, sizeof(path), "%s/workloads/catalog/%s", LPC_SOURCE_DIR, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_uint_gt(fread(text, 1, (1 << 16) - 1, f), 0);
	fclose(f);
	return text;
}

static const char *const NAMES[] = {
        "azure-conversation.json", "code-completion.json", "mixed-tiers.json"};

START_TEST(parses)
{
	char *text = slurp(NAMES[_i]);
	struct given g;
	struct jval root;

	given_init(&g);
	root = given_document(&g, text);
	ck_assert_ptr_nonnull(json_string(json_get(root, "about")));
	ck_assert_msg(traffic_parse(json_get(root, "traffic"), 3600 * NS_PER_S, &g.arena, g.spec,
	                      &g.err) == ERR_NONE,
	        "%s: %s", NAMES[_i], g.err.text);
	given_free(&g);
	free(text);
}
END_TEST

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

START_TEST(azure_has_the_trace_s_figures)
{
	enum { N = 50000 };
	int64_t *prompt = calloc(N, sizeof(*prompt)), *output = calloc(N, sizeof(*output));
	char *text = slurp(NAMES[0]);
	struct traffic *t;
	struct arrival a;
	struct given g;

	given_init(&g);
	ck_assert(traffic_parse(json_get(given_document(&g, text), "traffic"), 36000 * NS_PER_S,
	                  &g.arena, g.spec, &g.err) == ERR_NONE);
	t = given_start(&g, 1, 36000 * NS_PER_S);
	for (int i = 0; i < N; i++) {
		ck_assert(given_next(&g, t, &a));
		prompt[i] = a.prompt_tokens;
		output[i] = a.output_tokens;
	}
	qsort(prompt, N, sizeof(*prompt), compare);
	qsort(output, N, sizeof(*output), compare);
	ck_assert_double_eq_tol((double)prompt[N / 2 - 1], 1020, 20);
	ck_assert_double_eq_tol((double)prompt[N / 100 * 99 - 1], 4142, 150);
	ck_assert_double_eq_tol((double)output[N / 2 - 1], 129, 3);
	ck_assert_double_eq_tol((double)output[N / 100 * 99 - 1], 601, 25);
	ck_assert_int_le(output[N - 1], 1000);
	ck_assert_double_eq_tol((double)a.at_ns / 1e9 / N * 5.53, 1, 0.02);
	traffic_close(t);
	given_free(&g);
	free(text);
	free(prompt);
	free(output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("catalog");
	TCase *tc = tcase_create("catalog");

	tcase_add_loop_test(tc, parses, 0, ARRAY_LEN(NAMES));
	tcase_add_test(tc, azure_has_the_trace_s_figures);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
