/* What the processes and laws promise, over seeds: rates by tenant and in total, variation of gaps,
 * quantiles, and that tenants do not share chance. Bounds are some five standard errors. */
#include <math.h>

#include "tests/support/run_suite.h"
#include "tests/unit/workloads/given.h"

#define ONE                                                                                        \
	"'prompt_tokens':{'dist':'constant','value':1},'output_tokens':{'dist':'constant','value'" \
	":1}"

static const struct process {
	const char *arrival;
	double rate, cv;   /* of the gaps; 0 = not asked */
	double dispersion; /* variance of the count over its mean */
} PROCESSES[] = {
        {"{'process':'constant','rate':40}", 40, 0, 0.001},
        {"{'process':'poisson','rate':40}", 40, 1, 1},
        {"{'process':'gamma','rate':40,'cv':0.5}", 40, 0.5, 0.25},
        {"{'process':'gamma','rate':40,'cv':3}", 40, 3, 9},
        {"{'process':'onoff','rate':40,'burst_factor':3,'period':'7s'}", 40, 0, 1},
        {"{'process':'ramp','from':10,'to':70}", 40, 0, 1},
        {"{'process':'ramp','from':80,'to':0}", 40, 0, 1},
};

START_TEST(rates_and_variation)
{
	const struct process *p = &PROCESSES[_i];
	const int64_t duration = 2100 * NS_PER_S;
	double expected = p->rate * 2100, bound = 5 * sqrt(expected * p->dispersion) + 1;

	for (uint64_t seed = 1; seed <= 4; seed++) {
		double n = 0, sum = 0, squares = 0;
		struct traffic *t;
		int64_t last = 0;
		bool sorted = true;
		struct arrival a;
		char text[512];
		struct given g;

		given_init(&g);
		snprintf(text, sizeof(text), "[{'name':'a','arrival':%s," ONE "}]", p->arrival);
		ck_assert(given_traffic(&g, text, duration) == ERR_NONE);
		t = given_start(&g, seed, duration);
		while (given_next(&g, t, &a)) {
			double gap = (double)(a.at_ns - last) / 1e9 * p->rate;

			sorted = sorted && a.at_ns >= last;
			last = a.at_ns;
			n++;
			sum += gap;
			squares += gap * gap;
		}
		ck_assert(sorted);
		ck_assert_double_eq_tol(n, expected, bound);
		if (p->cv > 0)
			ck_assert_double_eq_tol(
			        sqrt(squares / n - sum / n * sum / n) / (sum / n) / p->cv, 1, 0.06);
		traffic_close(t);
		given_free(&g);
	}
}
END_TEST

START_TEST(a_ramp_is_a_line)
{
	struct traffic *t;
	struct arrival a;
	struct given g;
	double quarter[4] = {0};

	given_init(&g);
	ck_assert(given_traffic(&g,
	                  "[{'name':'a','arrival':{'process':'ramp','from':0,'to':80}," ONE "}]",
	                  4000 * NS_PER_S) == ERR_NONE);
	t = given_start(&g, 3, 4000 * NS_PER_S);
	while (given_next(&g, t, &a))
		quarter[a.at_ns / (1000 * NS_PER_S)]++;
	for (int i = 0; i < 4; i++)
		ck_assert_double_eq_tol(
		        quarter[i], 10000 * (2 * i + 1), 5 * sqrt(10000 * (2 * i + 1)));
	traffic_close(t);
	given_free(&g);
}
END_TEST

/* The share of draws at or below x, against the law. */
static double share_below(const struct length_spec *law, int64_t x)
{
	struct prng stream = prng_stream(11, "law");
	const int n = 200000;
	int below = 0;

	for (int i = 0; i < n; i++)
		below += length_at(law, prng_next(&stream)) <= x;
	return (double)below / n;
}

START_TEST(quantiles_of_the_laws)
{
	struct length_spec law;
	struct given g;

	given_init(&g);
	ck_assert(length_parse(given_json(&g, "{'dist':'lognormal','median':1020,'p99':4142,"
	                                      "'max':8192}"),
	                  &g.arena, &law, &g.err) == ERR_NONE);
	ck_assert_double_eq_tol(share_below(&law, 1020), 0.5, 0.006);
	ck_assert_double_eq_tol(share_below(&law, 4142), 0.99, 0.0012);
	ck_assert_double_eq_tol(share_below(&law, 8192), 1 - 2.7e-4, 2e-4);
	ck_assert(length_parse(given_json(&g, "{'dist':'uniform','min':11,'max':20}"), &g.arena,
	                  &law, &g.err) == ERR_NONE);
	ck_assert_double_eq(share_below(&law, 10), 0);
	ck_assert_double_eq_tol(share_below(&law, 11), 0.1, 0.004);
	ck_assert_double_eq(share_below(&law, 20), 1);
	ck_assert(
	        length_parse(given_json(&g, "{'dist':'empirical','values':[9,4],'weights':[3,1]}"),
	                &g.arena, &law, &g.err) == ERR_NONE);
	ck_assert_double_eq_tol(share_below(&law, 4), 0.25, 0.006);
	given_free(&g);
}
END_TEST

START_TEST(the_table_is_the_formula)
{
	static const struct {
		double p99, tolerance;
	} cases[] = {{1000, 1e-15}, {1500, 1e-8}, {5000, 1e-7}, {100000, 1e-6}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prng stream = prng_stream(5, "u");
		struct lognormal law;
		struct arena arena;
		double worst = 0;

		arena_init(&arena, 0);
		lognormal_init(&law, 1000, cases[i].p99, &arena);
		for (int k = 0; k < 200000; k++) {
			uint64_t u = prng_next(&stream);
			double exact = lognormal_exact(&law, ((double)(u >> 12) + 0.5) * 0x1p-52);

			worst = fmax(worst, fabs(lognormal_at(&law, u) / exact - 1));
		}
		ck_assert_double_le(worst, cases[i].tolerance);
		arena_free(&arena);
	}
}
END_TEST

/* Two tenants, then each alone: the same instants and lengths. */
START_TEST(tenants_do_not_share_chance)
{
	static const char *const entries[] = {
	        "{'name':'a','arrival':{'process':'gamma','rate':9,'cv':2},"
	        "'prompt_tokens':{'dist':'lognormal','median':100,'p99':900},"
	        "'output_tokens':{'dist':'uniform','min':1,'max':50}}",
	        "{'name':'b','arrival':{'process':'poisson','rate':5},"
	        "'prompt_tokens':{'dist':'uniform','min':1,'max':50},"
	        "'output_tokens':{'dist':'lognormal','median':100,'p99':900}}"};
	struct traffic *both, *alone;
	struct given g, h;
	char text[1024];

	for (uint32_t i = 0; i < 2; i++) {
		struct arrival a, b;

		given_init(&g);
		given_init(&h);
		snprintf(text, sizeof(text), "[%s,%s]", entries[0], entries[1]);
		ck_assert(given_traffic(&g, text, 100 * NS_PER_S) == ERR_NONE);
		snprintf(text, sizeof(text), "[%s]", entries[i]);
		ck_assert(given_traffic(&h, text, 100 * NS_PER_S) == ERR_NONE);
		both = given_start(&g, 77, 100 * NS_PER_S);
		alone = given_start(&h, 77, 100 * NS_PER_S);
		while (given_next(&g, both, &a)) {
			if (a.tenant != i)
				continue;
			ck_assert(given_next(&h, alone, &b));
			ck_assert(a.at_ns == b.at_ns && a.prompt_tokens == b.prompt_tokens &&
			          a.output_tokens == b.output_tokens);
		}
		ck_assert(!given_next(&h, alone, &b));
		traffic_close(both);
		traffic_close(alone);
		given_free(&g);
		given_free(&h);
	}
}
END_TEST

START_TEST(totals_add_up)
{
	struct traffic_counts counts;
	struct traffic *t;
	struct arrival a;
	struct given g;

	given_init(&g);
	ck_assert(given_traffic(&g,
	                  "[{'name':'a','arrival':{'process':'poisson','rate':30}," ONE "},"
	                  "{'name':'b','arrival':{'process':'poisson','rate':10}," ONE "}]",
	                  1000 * NS_PER_S) == ERR_NONE);
	t = given_start(&g, 1, 1000 * NS_PER_S);
	while (given_next(&g, t, &a))
		;
	counts = traffic_counts(t);
	ck_assert_uint_eq(
	        counts.emitted, counts.emitted_by_tenant[0] + counts.emitted_by_tenant[1]);
	ck_assert_double_eq_tol((double)counts.emitted_by_tenant[0], 30000, 5 * sqrt(30000));
	ck_assert_double_eq_tol((double)counts.emitted_by_tenant[1], 10000, 5 * sqrt(10000));
	traffic_close(t);
	given_free(&g);
}
END_TEST

/* A length is what the formula says, whichever way it was found; estimates keep their bound. */
static void compare_length(const struct length_spec *law, uint64_t u)
{
	double value = lognormal_at(&law->curve, u), near, off;
	int64_t length = value > (double)law->max ? law->max + 1 : (int64_t)ceil(value);

	length = length < 1 ? 1 : length;
	if (length_at(law, u) != length || length_draw(law, u) != length)
		ck_abort_msg("u %016llx: %lld, not %lld", (unsigned long long)u,
		        (long long)length_at(law, u), (long long)length);
	if (lognormal_in_tail(u) && lognormal_tail_near(&law->curve, u, &near, &off))
		ck_assert(fabs(near - value) <= off / 2);
}

START_TEST(lengths_in_the_tails_are_the_formula)
{
	static const struct {
		double median, p99, max;
	} laws[] = {{1020, 4142, 8192}, {129, 601, 1000}, {1, 1, 10}, {4, 4.0001, 9},
	        {7, 7e6, 16e6}, {16e6, 16e6, 16e6}, {0.3, 0.9, 5}, {100, 100, 200},
	        {1e4, 3e4, 16e6}};
	struct prng stream = prng_stream(2, "tails");
	struct arena arena;

	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof(laws) / sizeof(laws[0]); i++) {
		struct length_spec law = {.dist = LENGTH_LOGNORMAL,
		        .median = laws[i].median,
		        .p99 = laws[i].p99,
		        .max = (int64_t)laws[i].max};

		lognormal_init(&law.curve, law.median, law.p99, &arena);
		for (int k = 0; k < 64; k++)
			for (uint64_t d = 0; d < 64; d++) {
				uint64_t at = UINT64_C(1) << k;

				compare_length(&law, at + d);
				compare_length(&law, at - 1 - d);
				compare_length(&law, ~(at + d));
				compare_length(&law, ~(at - 1 - d));
			}
		for (int n = 0; n < 200000; n++) {
			uint64_t u = prng_next(&stream), deep = u >> (5 + u % 12);

			compare_length(&law, n % 3 == 0 ? u : n % 3 == 1 ? deep : ~deep);
		}
	}
	arena_free(&arena);
}
END_TEST

/* What traffic_take gives in blocks of any size and horizon is what traffic_next gives one by one.
 */
#define LENGTHS                                                                                    \
	"'prompt_tokens':{'dist':'lognormal','median':1020,'p99':4142,'max':3000},"                \
	"'output_tokens':{'dist':'uniform','min':1,'max':90},'max_tokens':64"
#define CONSTANT  "'arrival':{'process':'constant','rate':40}"
#define POISSON   "'arrival':{'process':'poisson','rate':120}"
#define GAMMA     "'arrival':{'process':'gamma','rate':40,'cv':3}"
#define EMPIRICAL "{'dist':'empirical','values':[1,9,700],'weights':[2,1,3],'max':300}"
static const char *const BLOCKS[] = {
        "[{'name':'a'," POISSON "," LENGTHS "}]",
        "[{'name':'a'," GAMMA "," LENGTHS "}]",
        "[{'name':'a'," CONSTANT "," ONE "}]",
        "[{'name':'a'," POISSON ",'prompt_tokens':" EMPIRICAL ",'output_tokens':" EMPIRICAL "}]",
        "[{'name':'a','arrival':{'process':'onoff','rate':40,'burst_factor':3,'period':'7s'}," ONE
        "}]",
        "[{'name':'a','arrival':{'process':'ramp','from':80,'to':0}," LENGTHS "}]",
        "[{'name':'a'," CONSTANT "," ONE "},{'name':'b'," POISSON "," LENGTHS
        "},{'name':'c'," CONSTANT "," LENGTHS "}]",
        "[{'name':'a','trace':{'file':'t.csv','format':'azure'}}]",
        "[{'name':'a','trace':{'file':'t.csv','format':'azure'}},{'name':'b'," POISSON "," LENGTHS
        "}]",
};

static bool same_arrival(const struct arrival *a, const struct arrival *b)
{
	return a->at_ns == b->at_ns && a->request_id == b->request_id && a->tenant == b->tenant &&
	       a->prompt_tokens == b->prompt_tokens && a->output_tokens == b->output_tokens &&
	       a->max_tokens == b->max_tokens;
}

/* Both to the end, `one` by itself, `many` in blocks and now and then by itself, too. */
static void compare_blocks(
        struct given *one_given, struct traffic *one, struct given *given, struct traffic *many)
{
	struct prng chance = prng_stream(3, "blocks");
	struct arrival a, block[200];
	int64_t before = 0;

	while (traffic_peek(many) != NS_NEVER) {
		uint64_t u = prng_next(&chance);
		uint32_t max = 1 + (uint32_t)prng_below(u, 200), n;

		if (u % 7 == 0 && given_next(given, many, block)) {
			ck_assert(given_next(one_given, one, &a) && same_arrival(&a, block));
			continue;
		}
		if (before <= traffic_peek(many))
			before += (int64_t)(u % 5 * 700) * NS_PER_MS;
		ck_assert(traffic_take(many, before, block, max, &n, &given->err) == ERR_NONE);
		ck_assert_uint_le(n, max);
		ck_assert(n == max || traffic_peek(many) >= before);
		for (uint32_t i = 0; i < n; i++)
			ck_assert(given_next(one_given, one, &a) && a.at_ns < before &&
			          same_arrival(&a, &block[i]));
	}
	ck_assert(!given_next(one_given, one, &a) && !given_next(given, many, block));
}

START_TEST(blocks_are_the_single_arrivals)
{
	static const char rows[] = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
	                           "2023-11-16 18:17:03.0,10,20\n2023-11-16 18:17:03.5,11,21\n"
	                           "2023-11-16 18:17:04.0,12,22\n2023-11-16 18:17:13.5,13,23\n";
	const int64_t duration = 50 * NS_PER_S;
	struct given one, many;
	struct traffic *a, *b;
	struct traffic_counts x, y;

	given_init(&one);
	given_init(&many);
	one.bytes = many.bytes = rows;
	one.n = many.n = strlen(rows);
	ck_assert_msg(given_traffic(&one, BLOCKS[_i], duration) == ERR_NONE, "%s", one.err.text);
	ck_assert(given_traffic(&many, BLOCKS[_i], duration) == ERR_NONE);
	a = given_start(&one, 5, duration);
	b = given_start(&many, 5, duration);
	compare_blocks(&one, a, &many, b);
	x = traffic_counts(a);
	y = traffic_counts(b);
	ck_assert_mem_eq(&x, &y, sizeof(x));
	ck_assert_uint_gt(x.emitted, 3);
	traffic_close(a);
	traffic_close(b);
	given_free(&one);
	given_free(&many);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("traffic laws");
	TCase *tc = tcase_create("laws");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, rates_and_variation, 0, ARRAY_LEN(PROCESSES));
	tcase_add_test(tc, a_ramp_is_a_line);
	tcase_add_test(tc, quantiles_of_the_laws);
	tcase_add_test(tc, the_table_is_the_formula);
	tcase_add_test(tc, tenants_do_not_share_chance);
	tcase_add_test(tc, totals_add_up);
	tcase_add_loop_test(
	        tc, blocks_are_the_single_arrivals, 0, (int)(sizeof(BLOCKS) / sizeof(BLOCKS[0])));
	tcase_add_test(tc, lengths_in_the_tails_are_the_formula);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
