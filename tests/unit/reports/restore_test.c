/* What helped to decide, written and restored: a score that was fed the same and given that back
 * comes to the same verdict, on the same basis, word for word. */
#include <string.h>
#include "reports/render.h"
#include "reports/score_restore.h"
#include "tests/support/run_suite.h"
#include "tests/unit/reports/score_fixture.h"

enum { REQUESTS = 1000, RUNS = 5, UNSURE = 95 /* where a tenth is allowed */ };
#define MS NS_PER_MS

static struct slo_rule slo[] = {{.id = "p90", .quantile = 0.9, .limit_ns = 110 * MS},
        {.id = "rare", .tier = 1, .quantile = 0.99, .limit_ns = 10 * MS}};
static struct expect_rule expects[] = {{.id = "apart", .kind = EXPECT_ISOLATION, .tier = 0}};
static const struct score_rules rules = {.n_slo = 2, .slo = slo, .n_expect = 1, .expect = expects};
static const char *const fault_ids[] = {"loss"};
static const struct score_names names = {
        .n_tiers = 2, .tiers = fixture_tiers, .n_faults = 1, .faults = fault_ids};

/* So many of a thousand requests are slow. */
static struct score *fed(uint64_t run, uint64_t slow)
{
	struct score_config config = fixture_config(&rules, 1);
	struct score *s;

	config.duration_ns = REQUESTS * 10 * MS;
	s = score_create(&config);
	for (uint64_t i = 0; i < REQUESTS; i++) {
		bool is_slow = (i * 7919 + run * 104729) % 1000 < slow;
		struct sample x =
		        fixture_ok(i + 1, (int64_t)i * 10 * MS, (is_slow ? 120 : 20) * MS);

		if (i == 300)
			score_inject(s, 0, 3000 * MS);
		if (i == 900)
			score_revert(s, 0, 9000 * MS);
		score_sample(s, &x);
	}
	return s;
}

static struct json *document(const struct score *s, const struct score_result *r,
        const struct score_fault *fault,
        void (*render)(const struct result_document *d, struct json_out *o))
{
	struct result_document d = {.scenario = "s",
	        .score = s,
	        .result = r,
	        .names = &names,
	        .n_faults = 1,
	        .faults = fault};
	struct error err = ERROR_INIT;
	struct json_out o;
	struct json *doc;

	json_out_init(&o, 0);
	render(&d, &o);
	ck_assert_int_eq(json_parse("test", o.buf, o.n, &doc, &err), ERR_NONE);
	json_out_free(&o);
	return doc;
}

static void render_judgement(const struct result_document *d, struct json_out *o)
{
	render_score(d, &(struct score_tenants){0}, o);
}

static void restore(struct score *s, struct json *score)
{
	struct error err = ERROR_INIT;
	struct jval replicas = json_get(json_root(score), "replicas");
	struct jval pairs = json_get(json_root(score), "pairs");

	score_finish(s);
	for (struct jval v = json_first(replicas); json_type(v) != JSON_NONE; v = json_next(v))
		ck_assert_msg(!score_restore_replicas(s, v, &err), "%s", err.text);
	for (struct jval v = json_first(pairs); json_type(v) != JSON_NONE; v = json_next(v))
		ck_assert_msg(!score_restore_pair(s, v, &err), "%s", err.text);
}

static void same(const struct score_result *a, const struct score_result *b)
{
	ck_assert_int_eq(a->verdict, b->verdict);
	for (uint32_t i = 0; i < a->n_slo; i++) {
		ck_assert_int_eq(a->slo[i].basis, b->slo[i].basis);
		ck_assert_int_eq(a->slo[i].verdict, b->slo[i].verdict);
		ck_assert_int_eq(a->slo[i].upper_ns, b->slo[i].upper_ns);
		ck_assert_int_eq(a->slo[i].observed_ns, b->slo[i].observed_ns);
		ck_assert_uint_eq(a->slo[i].n, b->slo[i].n);
		ck_assert_uint_eq(a->slo[i].over, b->slo[i].over);
		ck_assert_uint_eq(a->slo[i].n_eff, b->slo[i].n_eff);
		ck_assert(memcmp(&a->slo[i].vif, &b->slo[i].vif, sizeof(double)) == 0);
	}
	ck_assert_int_eq(a->expect[0].verdict, b->expect[0].verdict);
}

START_TEST(replicas_come_back)
{
	struct score *s = fed(0, UNSURE), *again = fed(0, UNSURE);
	struct score_fault fault = {.id = "loss"}, other = {.id = "loss"};
	const struct score_result *r;
	struct json *doc;

	ck_assert(score_wants_replicas(s));
	for (uint64_t k = 1; k <= RUNS; k++) {
		struct score *replica = fed(k, UNSURE + k);

		score_add_replica(s, replica);
		score_free(replica);
	}
	r = fixture_decide(s, &fault, REQUESTS);
	ck_assert_int_eq(r->slo[0].basis, BASIS_REPLICAS);
	doc = document(s, r, &fault, render_judgement);
	ck_assert_uint_eq(
	        json_count(json_get(json_root(doc), "replicas")), 2); /* isolation's, too */
	restore(again, doc);
	same(r, fixture_decide(again, &other, REQUESTS));
	json_free(doc);
	score_free(s);
	score_free(again);
}
END_TEST

START_TEST(the_companion_s_verdicts_come_back)
{
	struct score *s = fed(0, UNSURE), *again = fed(0, UNSURE), *companion = fed(0, 50);
	struct score_fault fault = {.id = "loss"}, other = {.id = "loss"}, third = {.id = "loss"};
	const struct score_result *r;
	struct json *doc;

	(void)fixture_decide(companion, &third, REQUESTS);
	score_pair(s, companion);
	r = fixture_decide(s, &fault, REQUESTS);
	ck_assert_int_eq(r->slo[0].basis, BASIS_PAIRED);
	ck_assert_int_eq(r->slo[0].verdict, VERDICT_PASS);
	doc = document(s, r, &fault, render_judgement);
	restore(again, doc);
	same(r, fixture_decide(again, &other, REQUESTS));
	json_free(doc);
	score_free(s);
	score_free(again);
	score_free(companion);
}
END_TEST

/* What they say of the run itself is held against it, and there is no SLO of another name. */
START_TEST(others_are_refused)
{
	static const char *const wrong[] = {
	        "{\"slo\":\"p91\",\"isolation\":false,\"p90_ns\":1,\"p50_ns\":1,\"batches\":[],"
	        "\"values\":{}}",
	        "{\"slo\":\"p90\",\"isolation\":false,\"p90_ns\":1,\"p50_ns\":1,\"batches\":[],"
	        "\"values\":{}}"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct score *s = fed(0, UNSURE);
		struct error err = ERROR_INIT;
		struct json *doc;

		ck_assert(!json_parse("test", wrong[i], strlen(wrong[i]), &doc, &err));
		score_finish(s);
		ck_assert_int_eq(score_restore_replicas(s, json_root(doc), &err), ERR_USAGE);
		json_free(doc);
		score_free(s);
	}
}
END_TEST

/* --- histograms -------------------------------------------------------------------------- */

static enum status read_histogram(const char *text, struct histogram *h)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	uint64_t infinite;
	enum status st;

	histogram_init(h);
	ck_assert_msg(!json_parse("test", text, strlen(text), &doc, &err), "%s", text);
	st = score_restore_histogram(json_root(doc), h, &infinite, &err);
	json_free(doc);
	return st;
}

START_TEST(histograms_hold_what_they_say)
{
	static const char good[] =
	        "{\"count\":3,\"sum\":21001,\"min\":1,\"max\":11000,\"infinite\":2,"
	        "\"cells\":[[1,1],[10007,1],[11007,1]]}";
	static const char *const wrong[] = {
	        /* a count, a sum, a minimum, a maximum that the cells cannot have; edges */
	        "{\"count\":4,\"sum\":21001,\"min\":1,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[1,1],[10007,1],[11007,1]]}",
	        "{\"count\":3,\"sum\":21016,\"min\":1,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[1,1],[10007,1],[11007,1]]}",
	        "{\"count\":3,\"sum\":20990,\"min\":1,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[1,1],[10007,1],[11007,1]]}",
	        "{\"count\":3,\"sum\":21001,\"min\":2,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[1,1],[10007,1],[11007,1]]}",
	        "{\"count\":3,\"sum\":21001,\"min\":1,\"max\":11008,\"infinite\":0,"
	        "\"cells\":[[1,1],[10007,1],[11007,1]]}",
	        "{\"count\":3,\"sum\":21001,\"min\":1,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[1,1],[10006,1],[11007,1]]}",
	        "{\"count\":3,\"sum\":21001,\"min\":1,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[1,1],[11007,1],[10007,1]]}",
	        "{\"count\":2,\"sum\":20000,\"min\":10000,\"max\":11000,\"infinite\":0,"
	        "\"cells\":[[10007,0],[11007,2]]}",
	};
	struct histogram h;
	int64_t ns;

	ck_assert(!read_histogram(good, &h));
	ck_assert_uint_eq(h.count, 3);
	ck_assert(h.sum == 21001 && h.min == 1 && h.max == 11000);
	ck_assert(histogram_percentile(&h, 0.5, &ns) && ns == 10007);
	ck_assert(histogram_percentile(&h, 1, &ns) && ns == 11000);
	histogram_free(&h);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		ck_assert_msg(read_histogram(wrong[i], &h) == ERR_USAGE, "%s", wrong[i]);
		histogram_free(&h);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restore");

	add_test(suite, "replicas come back", replicas_come_back);
	add_test(suite, "the companion's verdicts come back", the_companion_s_verdicts_come_back);
	add_test(suite, "others are refused", others_are_refused);
	add_test(suite, "histograms hold what they say", histograms_hold_what_they_say);
	return run_suite(suite);
}
