/* Readers on small files that hold every trap of the real ones. */
#include "tests/support/run_suite.h"
#include "tests/unit/workloads/given.h"

static struct given g;

static void set_up(void)
{
	given_init(&g);
}

static void tear_down(void)
{
	given_free(&g);
}

struct expected_row {
	int64_t at_ns, prompt, output;
};

static enum status start(const char *trace, const char *bytes)
{
	char text[256];

	snprintf(text, sizeof(text), "[{'name':'r','trace':%s}]", trace);
	g.bytes = bytes;
	g.n = strlen(bytes);
	return given_traffic(&g, text, 60 * NS_PER_S);
}

/* Replays for 60 s, once in one piece and once byte by byte. */
static struct traffic_counts replay(
        const char *trace, const char *bytes, const struct expected_row *rows, size_t n)
{
	static const size_t chunks[] = {SIZE_MAX, 1};
	struct traffic_counts counts = {0};

	ck_assert(start(trace, bytes) == ERR_NONE);
	for (size_t c = 0; c < ARRAY_LEN(chunks); c++) {
		struct traffic *t;
		struct arrival a;
		uint64_t sum;

		g.chunk = chunks[c];
		t = given_start(&g, 5, 60 * NS_PER_S);
		for (size_t i = 0; i < n; i++) {
			ck_assert(given_next(&g, t, &a));
			ck_assert_int_eq(a.at_ns, rows[i].at_ns);
			ck_assert_int_eq(a.prompt_tokens, rows[i].prompt);
			ck_assert_int_eq(a.output_tokens, rows[i].output);
		}
		ck_assert(!given_next(&g, t, &a));
		counts = traffic_counts(t);
		sum = counts.trace.emitted;
		for (int i = 0; i < TRACE_DROPS; i++)
			sum += counts.trace.dropped[i];
		ck_assert_uint_eq(counts.trace.rows_read, sum);
		ck_assert_uint_eq(counts.trace.emitted, n);
		traffic_close(t);
	}
	return counts;
}

START_TEST(azure_2023)
{
	static const struct expected_row rows[] = {
	        {0, 374, 44}, {INT64_C(4314579000), 396, 109}, {INT64_C(4314579100), 7, 8}};

	replay("{'file':'x','format':'azure'}",
	        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
	        "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n"
	        "2023-11-16 18:15:50.9951691,7,8",
	        rows, 3);
}
END_TEST

START_TEST(azure_2024)
{
	static const struct expected_row rows[] = {
	        {0, 1, 2}, {500000000, 3, 4}, {NS_PER_S, 5, 6}, {3 * NS_PER_S, 7, 8}};

	replay("{'file':'x','format':'azure'}",
	        "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-02-29 23:59:58.500000+00:00,1,2\n"
	        "2024-02-29 23:59:59+00:00,3,4\n2024-02-29 23:59:59.5+00:00,5,6\n"
	        "2024-03-01 02:00:01.5+02:00,7,8\n",
	        rows, 4);
}
END_TEST

START_TEST(speed_is_exact)
{
	static const struct expected_row rows[] = {{0, 1, 1}, {666666666, 1, 1}};

	replay("{'file':'x','format':'csv','speed':1.5}",
	        "arrival_s,prompt_tokens,output_tokens\n5,1,1\n6,1,1\n", rows, 2);
}
END_TEST

START_TEST(csv_counts_what_it_drops)
{
	static const struct expected_row rows[] = {{0, 5, 5}, {15000, 6, 6}, {2 * NS_PER_S, 9, 9}};
	struct traffic_counts c = replay("{'file':'x','format':'csv'}",
	        "\xef\xbb\xbf"
	        "arrival_s, prompt_tokens ,output_tokens,tenant\n0,5,5,a\n1.5e-05,6,6,b\n"
	        "1,0,7,a\n1,7,0,a\n0.5,8,8,a\n\n2.0,9,9,b\n60,1,1,a\n61,1,1,a\n",
	        rows, 3);

	ck_assert_uint_eq(c.trace.rows_read, 8);
	ck_assert_uint_eq(c.trace.dropped[TRACE_DROP_ZERO_TOKENS], 2);
	ck_assert_uint_eq(c.trace.dropped[TRACE_DROP_OUT_OF_ORDER], 1);
	ck_assert_uint_eq(c.trace.dropped[TRACE_DROP_AFTER_DURATION], 2);
}
END_TEST

START_TEST(one_tenant_of_many)
{
	static const struct expected_row rows[] = {{NS_PER_S, 2, 2}};
	struct traffic_counts c = replay("{'file':'x','format':'csv','tenant':'b'}",
	        "tenant,arrival_s,prompt_tokens,output_tokens\na,10,1,1\nb,11,2,2\n", rows, 1);

	ck_assert_uint_eq(c.trace.dropped[TRACE_DROP_OTHER_TENANT], 1);
}
END_TEST

START_TEST(limit_stops_reading)
{
	static const struct expected_row rows[] = {{0, 1, 1}};
	struct traffic_counts c = replay("{'file':'x','format':'csv','limit':2}",
	        "arrival_s,prompt_tokens,output_tokens\n0,1,1\n1,0,1\nnonsense\n", rows, 1);

	ck_assert_uint_eq(c.trace.rows_read, 2);
}
END_TEST

START_TEST(burstgpt_by_column_name)
{
	static const struct expected_row rows[] = {{0, 472, 18}, {40 * NS_PER_S, 1087, 230}};

	replay("{'file':'x','format':'burstgpt'}",
	        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total "
	        "tokens,"
	        "Log Type\n5,1,0.5,ChatGPT,472,18,490,Conversation log\n"
	        "45,2,0.5,GPT-4,1087,230,1317,API log\n50,3,0,GPT-4,10,0,10,API log\n",
	        rows, 2);
}
END_TEST

#define MOONCAKE                                                                                   \
	"{\"timestamp\": 3000, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, " \
	"1]}\n"                                                                                    \
	"{\"timestamp\": 3000, \"input_length\": 2, \"output_length\": 3, \"hash_ids\": []}\n"     \
	"{\"timestamp\": 5999, \"input_length\": 4, \"output_length\": 5, \"hash_ids\": []}\n"

START_TEST(mooncake_to_the_letter)
{
	static const struct expected_row rows[] = {
	        {0, 6758, 500}, {0, 2, 3}, {INT64_C(2999000000), 4, 5}};

	replay("{'file':'x','format':'mooncake'}", MOONCAKE, rows, 3);
}
END_TEST

START_TEST(smear_keeps_order_and_tick)
{
	int64_t first[3] = {0};

	ck_assert(start("{'file':'x','format':'mooncake','smear':true}", MOONCAKE) == ERR_NONE);
	ck_assert(traffic_is_random(g.spec) && !traffic_is_trace_only(g.spec));
	for (int round = 0; round < 2; round++) {
		struct traffic *t = given_start(&g, 5, 60 * NS_PER_S);
		struct arrival a;

		for (int i = 0; i < 3; i++) {
			ck_assert(given_next(&g, t, &a));
			ck_assert(round == 0 || a.at_ns == first[i]);
			first[i] = a.at_ns;
		}
		traffic_close(t);
	}
	ck_assert_int_lt(first[0], first[1]);
	ck_assert_int_lt(first[1], INT64_C(2999000000));
	ck_assert_int_ge(first[2], INT64_C(2999000000));
	ck_assert_int_lt(first[2], INT64_C(5999000000));
}
END_TEST

START_TEST(bad_rows_name_their_line)
{
	static const struct {
		const char *trace, *bytes, *error;
	} bad[] = {
	        {"{'file':'x.csv','format':'csv'}", "", "x.csv:1:1: $: expected a header"},
	        {"{'file':'x.csv','format':'csv'}", "a,b,c\n", "x.csv:1:1: $: expected a header"},
	        {"{'file':'x.csv','format':'csv'}",
	                "arrival_s,prompt_tokens,output_tokens\n0,1,1\n1,1\n",
	                "x.csv:3:1: $: expected 3 fields as in the header, found 2"},
	        {"{'file':'x.csv','format':'csv'}",
	                "arrival_s,prompt_tokens,output_tokens\n0,1,1\n1,-1,1\n",
	                "x.csv:3:3: prompt_tokens: expected an integer from 0 to 16777216, found "
	                "'-1'"},
	        {"{'file':'x.csv','format':'csv'}",
	                "arrival_s,prompt_tokens,output_tokens\n-1,1,1\n", "x.csv:2:1: arrival_s:"},
	        {"{'file':'x.csv','format':'csv'}",
	                "arrival_s,prompt_tokens,output_tokens\n0,1,1.5\n",
	                "x.csv:2:5: output_tokens:"},
	        {"{'file':'a','format':'azure'}",
	                "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-16 "
	                "18:15:46.6805900,1,1\n",
	                "a:2:1: TIMESTAMP:"},
	        {"{'file':'a','format':'azure'}",
	                "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-12-16 18:15:46.,1,1\n",
	                "a:2:1: TIMESTAMP:"},
	        {"{'file':'m','format':'mooncake'}", "{\"timestamp\": 0}\n",
	                "m:1:1: $: expected the key"},
	        {"{'file':'m','format':'mooncake'}",
	                "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1}\n{]\n",
	                "m:2:"},
	        {"{'file':'m','format':'mooncake'}",
	                "{\"timestamp\": 0, \"input_length\": -1, \"output_length\": 1}\n",
	                "m:1:34: input_length: expected an integer from 0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct trace_opener opener = given_opener(&g);
		struct trace_counts counts;

		ck_assert(start(bad[i].trace, bad[i].bytes) == ERR_NONE);
		ck_assert(traffic_check_traces(g.spec, 60 * NS_PER_S, &opener, &counts, &g.err) ==
		          ERR_USAGE);
		given_error(&g, bad[i].error);
	}
}
END_TEST

START_TEST(a_missing_trace_is_named_where_it_is_asked_for)
{
	struct trace_opener opener = given_opener(&g);
	struct trace_counts counts;

	ck_assert(start("{'file':'gone.csv','format':'azure'}", "") == ERR_NONE);
	g.bytes = NULL;
	ck_assert(
	        traffic_check_traces(g.spec, 60 * NS_PER_S, &opener, &counts, &g.err) == ERR_USAGE);
	given_error(&g, "s.json:1:30: r.trace.file: expected a trace that can be read, found");
}
END_TEST

START_TEST(digest_is_of_the_whole_file)
{
	static const char *const files[] = {"arrival_s,prompt_tokens,output_tokens\n0,1,1\n1,1,1\n",
	        "arrival_s,prompt_tokens,output_tokens\n0,1,1\n2,1,1\n"};
	uint8_t digest[2][DIGEST_BYTES];

	for (int i = 0; i < 2; i++) {
		struct trace_opener opener = given_opener(&g);
		struct trace_counts counts;

		ck_assert(start("{'file':'x','format':'csv','limit':1}", files[i]) == ERR_NONE);
		g.chunk = 7;
		ck_assert(traffic_check_traces(g.spec, 60 * NS_PER_S, &opener, &counts, &g.err) ==
		          ERR_NONE);
		sha256_of(g.bytes, g.n, digest[i]);
		ck_assert_mem_eq(g.spec->tenants[0].trace.digest, digest[i], DIGEST_BYTES);
	}
	ck_assert_mem_ne(digest[0], digest[1], DIGEST_BYTES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tc = tcase_create("trace");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, azure_2023);
	tcase_add_test(tc, azure_2024);
	tcase_add_test(tc, speed_is_exact);
	tcase_add_test(tc, csv_counts_what_it_drops);
	tcase_add_test(tc, one_tenant_of_many);
	tcase_add_test(tc, limit_stops_reading);
	tcase_add_test(tc, burstgpt_by_column_name);
	tcase_add_test(tc, mooncake_to_the_letter);
	tcase_add_test(tc, smear_keeps_order_and_tick);
	tcase_add_test(tc, bad_rows_name_their_line);
	tcase_add_test(tc, a_missing_trace_is_named_where_it_is_asked_for);
	tcase_add_test(tc, digest_is_of_the_whole_file);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
