/* Campaigns of contingencies: what losing each component costs, by arithmetic, and the proof that
 * one of several symmetric ones stands for the others: all of them are run, and say the same.
 *
 * One slot, frames of 10 ms; a failover takes isolate + remap + resync + resume = 80 ms. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/contingency_bench.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define MS       NS_PER_MS
#define AT       (2504 * MS)
#define FRAME    (10 * MS)
#define FAILOVER (80 * MS)
#define PERSIST  (100 * MS)

#define COUNT(key, n) "\"" key "\":{\"value\":" n ",\"unit\":\"count\"},"

/* 3 nodes of 3 chips, one spare: small enough for every pair. */
#define SMALL                                                                                      \
	"\"hardware\":{" COUNT("nodes_per_rack", "3") COUNT("chips_per_node", "3")                 \
	        COUNT("cables_per_node_pair", "3") COUNT("fan_zones_per_node", "2")                \
	                COUNT("pdus_per_rack", "2") "\"spares_per_rack\":{\"value\":1,\"unit\":"   \
	                                            "\"count\"}},"

#define SCENARIO(hardware, nodes, duration, extra)                                                 \
	"{\"version\":1,\"name\":\"c\",\"duration\":\"" duration                                   \
	"\",\"drain\":\"10s\",\"deploymen"                                                         \
	"t\":{" hardware "\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\","  \
	"\"resume\":\"2ms\",\"persist\":\"100ms\"},"                                               \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","            \
	"\"slots\":4,\"prefill_tokens_per_frame\":64}],\"entry\":\"frame\",\"nodes\":[" nodes      \
	"],\"admission\":{\"policy\":\"none\"}}]},"                                                \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","                                             \
	"\"arrival\":{\"process\":\"poisson\",\"rate\":12},\"timeout\":\"1s\","                    \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"uniform\",\"min\":2,\"max\":20}}]" extra "}"
#define EIGHT "[\"r0.n0\",\"r0.n1\",\"r0.n2\",\"r0.n3\",\"r0.n4\",\"r0.n5\",\"r0.n6\",\"r0.n7\"]"
#define ASKED                                                                                      \
	",\"slo\":[{\"id\":\"ttft\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"quantile\":0.5,"       \
	"\"max\":\"900ms\"}],\"faults\":[{\"id\":\"own\",\"kind\":\"chip.loss\",\"target\":"       \
	"\"r0.n0.c0\",\"at\":\"1s\"}],\"limits\":{\"max_active\":1},\"abort\":[{\"signal\":"       \
	"\"in_flight\",\"op\":\">\",\"value\":1000}],\"expect\":[{\"id\":\"failover\",\"kind\":"   \
	"\"ttf\",\"fault\":\"own\",\"max\":\"%s\"}]%s"

/* --- a campaign without the engine
 * ----------------------------------------------------------------- */

struct opened {
	struct scenario *s;
	struct contingency_bench bench;
};

static struct campaign_request asked(enum contingency kind, bool all, int64_t spacing_ns)
{
	return (struct campaign_request){.by_contingency = true,
	        .contingency = (int)kind,
	        .all = all,
	        .has_at = true,
	        .at_ns = AT,
	        .has_spacing = spacing_ns > 0,
	        .spacing_ns = spacing_ns};
}

static struct opened open_mode(
        const char *text, enum contingency kind, bool all, int64_t spacing_ns)
{
	struct campaign_request request = asked(kind, all, spacing_ns);
	struct opened o = {.s = scenario_text(text)};

	contingency_bench_open(&o.bench, o.s, &request);
	return o;
}

static void close_mode(struct opened *o)
{
	contingency_bench_close(&o->bench);
	scenario_free(o->s);
}

static struct json *parsed(const char *text)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	ck_assert_int_eq(json_parse("line", text, strlen(text), &doc, &err), ERR_NONE);
	return doc;
}

static uint32_t unit_of(const struct opened *o, const char *name)
{
	const struct contingency_cells *c = &o->bench.state->cells;

	for (uint32_t i = 0; i < c->n_units; i++)
		if (strcmp(contingency_unit_name(c, i), name) == 0)
			return i;
	ck_abort_msg("no unit %s", name);
}

static struct json *played(const struct opened *o, const char *first, const char *second)
{
	uint64_t cell = contingency_cell_of(&o->bench.state->cells, unit_of(o, first),
	        second ? unit_of(o, second) : UINT32_MAX);
	char *line = contingency_bench_line(&o->bench, cell);
	struct json *doc = parsed(line);

	mem_free(line);
	return doc;
}

static double number(struct json *doc, const char *path)
{
	struct error err = ERROR_INIT;
	double v;

	if (json_type(json_find(doc, path)) == JSON_NULL)
		return -1;
	ck_assert_int_eq(json_real(json_find(doc, path), &v, &err), ERR_NONE);
	return v;
}

static const char *word(struct json *doc, const char *path)
{
	return json_string(json_find(doc, path));
}

static void must_be_untouched(struct json *doc)
{
	ck_assert(number(doc, "late") == 0 && number(doc, "lost") == 0);
	ck_assert(number(doc, "refused") == 0 && number(doc, "extra_ms") == 0);
	ck_assert(number(doc, "goodput_lost_rps") == 0);
	ck_assert(number(doc, "losses.0.effect_ns") == -1);
	ck_assert(number(doc, "losses.0.ttf_ms") == -1);
}

/* --- arithmetic
 * ------------------------------------------------------------------------------------ */

static const char two_nodes[] = SCENARIO("", "[\"r0.n0\",\"r0.n1\"]", "20s", "");

START_TEST(each_loss_takes_its_phases)
{
	struct opened o = open_mode(two_nodes, CONTINGENCY_N1, false, 0);
	int64_t found = (AT / FRAME + 1) * FRAME - AT;
	double unit = ns_to_ms(found + FAILOVER), cable = ns_to_ms(PERSIST + FAILOVER);
	static const char *const units[] = {"r0.n0", "r0.n1", "r0.n0.c0", "r0.n1.c7"};
	static const char *const cables[] = {"r0.n0-r0.n1.0", "r0.n1.c0-r0.n1.c1"};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct json *doc = played(&o, units[i], NULL);

		ck_assert_double_eq(number(doc, "losses.0.ttd_ms"), ns_to_ms(found));
		ck_assert_double_eq(number(doc, "losses.0.ttf_ms"), unit);
		ck_assert_str_eq(word(doc, "losses.0.role"), "used");
		ck_assert_double_gt(number(doc, "late"), 0);
		json_free(doc);
	}
	for (size_t i = 0; i < ARRAY_LEN(cables); i++) {
		struct json *doc = played(&o, cables[i], NULL);

		ck_assert_double_eq(number(doc, "losses.0.ttd_ms"), ns_to_ms(found));
		ck_assert_double_eq(number(doc, "losses.0.ttf_ms"), cable);
		json_free(doc);
	}
	close_mode(&o);
}
END_TEST

START_TEST(what_nobody_uses_costs_nothing)
{
	struct opened o = open_mode(two_nodes, CONTINGENCY_N1, false, 0);
	static const char *const names[] = {"r0.n8", "r0.n8.c3", "r0.n5", "r0.n0-r0.n1.2",
	        "r0.n0-r0.n8.0", "r0.n4-r0.n5.0", "r0.n4.c0-r0.n4.c1", "r0.n5.fan0"};
	static const char *const roles[] = {
	        "reserve", "reserve", "unused", "unused", "reserve", "unused", "unused", "unused"};
	char digest[DIGEST_TEXT_MAX] = "";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct json *doc = played(&o, names[i], NULL);

		must_be_untouched(doc);
		ck_assert_str_eq(word(doc, "losses.0.role"), roles[i]);
		ck_assert_double_eq(number(doc, "goodput_rps"), o.bench.state->twin_goodput_rps);
		/* The ledger is part of the digest, so it is not the twin's. */
		if (i)
			ck_assert_str_eq(word(doc, "result_digest"), digest);
		(void)snprintf(digest, sizeof(digest), "%s", word(doc, "result_digest"));
		json_free(doc);
	}
	close_mode(&o);
}
END_TEST

/* Requests that the twin has served by `ns`; what is done later is lost where nothing serves. */
static double served_until(const struct opened *o, int64_t ns)
{
	uint64_t n = 0;

	for (uint64_t id = 0;
	        (id = book_next(&o->bench.state->twin, &o->bench.state->twin, id)) != 0;) {
		const struct book_entry *e = book_at(&o->bench.state->twin, id);

		n += e->outcome == OUTCOME_OK && e->t_done <= ns;
	}
	return (double)n;
}

START_TEST(a_node_and_the_spare_are_the_end)
{
	struct opened o = open_mode(two_nodes, CONTINGENCY_N2, false, 0);
	struct json *doc = played(&o, "r0.n1", "r0.n8");
	double before = served_until(&o, (AT / FRAME + 1) * FRAME);

	ck_assert_double_eq(number(doc, "losses.0.ttf_ms"), -1);
	ck_assert_double_ge(number(doc, "losses.0.isolate_ns"), 0);
	ck_assert_double_eq(number(doc, "losses.1.effect_ns"), -1);
	ck_assert_double_eq_tol(number(doc, "goodput_rps"), before / 20, 1e-9);
	ck_assert_double_eq(number(doc, "lost"), (double)o.bench.state->twin_requests - before);
	json_free(doc);
	close_mode(&o);
}
END_TEST

START_TEST(in_turn_the_spare_helps_once)
{
	struct opened o = open_mode(two_nodes, CONTINGENCY_N11, false, 5000 * MS);
	int64_t second = AT + 5000 * MS, held = (AT / FRAME + 1) * FRAME - AT + FAILOVER;
	int64_t end =
	        ((second - held) / FRAME + 1) * FRAME + held; /* frames go on where they stood */
	struct json *doc = played(&o, "r0.n0", "r0.n8");

	/* n8 serves by then: its loss is felt, and nothing is left. */
	ck_assert_double_eq(number(doc, "losses.0.ttf_ms"), ns_to_ms(held));
	ck_assert_double_eq(number(doc, "losses.1.inject_ns"), (double)second);
	ck_assert_double_eq(number(doc, "losses.1.detect_ns"), (double)end);
	ck_assert_double_eq(number(doc, "losses.1.ttf_ms"), -1);
	ck_assert_double_gt(number(doc, "lost"), 0);
	ck_assert(json_is_true(json_find(doc, "apart")));
	json_free(doc);
	doc = played(&o, "r0.n8", "r0.n0"); /* the other way round: nothing was held before */
	end = (second / FRAME + 1) * FRAME;
	ck_assert_double_eq(number(doc, "losses.0.effect_ns"), -1);
	ck_assert_double_eq(number(doc, "losses.1.detect_ns"), (double)end);
	ck_assert_double_eq(number(doc, "losses.1.ttf_ms"), -1);
	json_free(doc);
	close_mode(&o);
}
END_TEST

START_TEST(too_soon_is_not_in_turn)
{
	struct opened o = open_mode(two_nodes, CONTINGENCY_N11, false, FAILOVER / 2);
	struct json *doc = played(&o, "r0.n0", "r0.n5");

	ck_assert_double_ge(number(doc, "losses.0.failover_ns"), (double)(AT + FAILOVER / 2));
	ck_assert(!json_is_true(json_find(doc, "apart")));
	json_free(doc);
	doc = played(&o, "r0.n5", "r0.n0"); /* there was nothing to recover from */
	ck_assert(json_is_true(json_find(doc, "apart")));
	json_free(doc);
	close_mode(&o);
}
END_TEST

/* --- symmetry
 * -------------------------------------------------------------------------------------- */

/* Every `each`-th contingency of the kind says what its representative says; how many did. */
static uint64_t members_agree(
        const char *text, enum contingency kind, int64_t spacing_ns, uint64_t each)
{
	struct campaign_request request = asked(kind, false, spacing_ns);
	struct scenario *s = scenario_text(text);
	struct contingency_twins twins;
	uint64_t n = 0, stood = 0;

	contingency_twins_open(&twins, s, &request);
	for (uint64_t i = 0; i < twins.reps.n; i++)
		stood += contingency_cell_at(&twins.reps.state->cells, i).stands_for;
	ck_assert_uint_eq(stood, twins.all.n);
	for (uint64_t i = 0; i < twins.all.n; i += each, n++) {
		uint64_t pick = i + (each > 1 ? prng_below(prng_at(7, i, 0), each) : 0);

		if (pick < twins.all.n)
			contingency_twins_check(&twins, pick);
	}
	contingency_twins_close(&twins);
	scenario_free(s);
	return n;
}

START_TEST(every_component_says_what_its_representative_says)
{
	struct opened o = open_mode(SCENARIO("", EIGHT, "10s", ""), CONTINGENCY_N1, false, 0);

	/* 9 × (chip, node, inner cable, fan); 36 pairs of nodes, of which 7 are on the path and 8
	 * can be: cable .0 and the others, else all four; two pairs of feeds. */
	ck_assert_uint_eq(o.bench.state->cells.n_all, 490);
	ck_assert_uint_eq(o.bench.n, 9 * 4 + 15 * 2 + 21 + 2);
	close_mode(&o);
	ck_assert_uint_eq(members_agree(SCENARIO("", EIGHT, "10s", ""), CONTINGENCY_N1, 0, 1), 490);
}
END_TEST

START_TEST(pairs_say_what_their_representative_says)
{
	uint64_t n = members_agree(SCENARIO("", EIGHT, "10s", ""), CONTINGENCY_N2, 0, 301);

	ck_assert_uint_ge(n, 119805 / 301);
	n = members_agree(SCENARIO("", EIGHT, "10s", ""), CONTINGENCY_N11, 3000 * MS, 1201);
	ck_assert_uint_ge(n, 490 * 489 / 1201);
}
END_TEST

START_TEST(on_a_small_rack_all_pairs_do)
{
	/* 9 chips, 3 nodes, 9 inner cables and 9 others, 2 PDUs, 6 fans. */
	static const char text[] = SCENARIO(SMALL, "[\"r0.n0\",\"r0.n1\"]", "8s", "");

	ck_assert_uint_eq(members_agree(text, CONTINGENCY_N2, 0, 1), 38 * 37 / 2);
	ck_assert_uint_eq(members_agree(text, CONTINGENCY_N11, 1500 * MS, 1), 38 * 37);
}
END_TEST

/* --- what is said at the end
 * ----------------------------------------------------------------------- */

static enum verdict concluded(struct opened *o, struct json **out)
{
	struct error err = ERROR_INIT;
	struct json_out summary;
	FILE *text = tmpfile();
	enum verdict v;

	ck_assert_ptr_nonnull(text);
	for (uint64_t i = 0; i < o->bench.n; i++) {
		char *line = contingency_bench_line(&o->bench, i);
		struct json *doc = parsed(line);

		ck_assert_int_eq(
		        campaign_contingency.fold(o->bench.state, json_root(doc), &err), ERR_NONE);
		json_free(doc);
		mem_free(line);
	}
	json_out_init(&summary, 0);
	json_out_open(&summary, NULL, '{');
	v = campaign_contingency.finish(o->bench.state, &summary, text);
	json_out_close(&summary);
	ck_assert_int_gt(ftell(text), 0);
	(void)fclose(text);
	*out = parsed(summary.buf);
	json_out_free(&summary);
	return v;
}

static enum verdict verdict_with(const char *max, const char *survive, enum contingency kind)
{
	char extra[1024], text[4096];
	struct opened o;
	struct json *doc;
	enum verdict v;

	(void)snprintf(extra, sizeof(extra), ASKED, max, survive);
	(void)snprintf(
	        text, sizeof(text), "%s", SCENARIO(SMALL, "[\"r0.n0\",\"r0.n1\"]", "8s", ""));
	text[strlen(text) - 1] = '\0';
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s}", extra);
	o = open_mode(text, kind, false, 0);
	v = concluded(&o, &doc);
	ck_assert_double_eq(number(doc, "faults_left_out"), 1);
	json_free(doc);
	close_mode(&o);
	return v;
}

/* The expectation names the scenario's own fault and asks the losses; those that nobody felt, and
 * fans, which call for no failover, do not miss it. */
START_TEST(only_what_is_demanded_fails)
{
	ck_assert_int_eq(verdict_with("1s", ",\"survive\":\"n-1\"", CONTINGENCY_N1), VERDICT_PASS);
	ck_assert_int_eq(
	        verdict_with("150ms", ",\"survive\":\"n-1\"", CONTINGENCY_N1), VERDICT_FAIL);
	ck_assert_int_eq(verdict_with("150ms", "", CONTINGENCY_N1), VERDICT_PASS);
	ck_assert_int_eq(
	        verdict_with("1s", ",\"survive\":\"n-1-1\"", CONTINGENCY_N1), VERDICT_PASS);
	ck_assert_int_eq(
	        verdict_with("1s", ",\"survive\":\"n-1-1\"", CONTINGENCY_N2), VERDICT_PASS);
	ck_assert_int_eq(verdict_with("1s", ",\"survive\":\"n-2\"", CONTINGENCY_N2), VERDICT_FAIL);
}
END_TEST

START_TEST(tables_count_contingencies_not_runs)
{
	static const char text[] = SCENARIO(SMALL, "[\"r0.n0\",\"r0.n1\"]", "8s", "");
	static const char *const same[] = {"contingencies", "pass", "fail", "inconclusive",
	        "worst.cell", "worst.goodput_lost_rps", "worst.late"};
	struct opened reps = open_mode(text, CONTINGENCY_N2, false, 0);
	struct opened all = open_mode(text, CONTINGENCY_N2, true, 0);
	struct json *few, *many;
	size_t n;

	ck_assert_int_eq(concluded(&reps, &few), VERDICT_PASS);
	ck_assert_int_eq(concluded(&all, &many), VERDICT_PASS);
	n = json_count(json_find(few, "classes"));
	ck_assert_uint_eq(n, json_count(json_find(many, "classes")));
	ck_assert_uint_eq(n, 15);
	ck_assert_double_eq(number(few, "contingencies"), number(many, "contingencies"));
	ck_assert_double_eq(number(many, "by_symmetry"), 0);
	ck_assert_double_eq(number(few, "by_symmetry"), (double)(all.bench.n - reps.bench.n));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(same); k++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "classes.%zu.%s", i, same[k]);
			if (word(few, path))
				ck_assert_str_eq(word(few, path), word(many, path));
			else
				ck_assert_double_eq(number(few, path), number(many, path));
		}
	/* Both working nodes at once: one spare is not enough. Nothing is worse. */
	ck_assert_double_eq(number(few, "ranking.0.goodput_lost_rps"),
	        number(many, "ranking.0.goodput_lost_rps"));
	ck_assert_double_gt(number(few, "ranking.0.goodput_lost_rps"), 0);
	for (uint64_t i = 0, unfelt = 0; i < reps.bench.n; i++) {
		char late[64], lost[64];

		(void)snprintf(late, sizeof(late), "ranking.%llu.late", (unsigned long long)i);
		(void)snprintf(lost, sizeof(lost), "ranking.%llu.lost", (unsigned long long)i);
		unfelt += number(few, late) == 0 && number(few, lost) == 0;
		ck_assert(!unfelt || number(few, late) == 0); /* they come last */
		ck_assert(unfelt || i + 1 < reps.bench.n);
	}
	json_free(few);
	json_free(many);
	close_mode(&reps);
	close_mode(&all);
}
END_TEST

START_TEST(times_must_fit)
{
	struct scenario *s = scenario_text(two_nodes);
	struct campaign_request late = {
	        .by_contingency = true, .has_at = true, .at_ns = 20000 * MS};
	struct campaign_request wide = {.by_contingency = true,
	        .contingency = CONTINGENCY_N11,
	        .has_spacing = true,
	        .spacing_ns = 15000 * MS};
	struct campaign_request odd = {
	        .by_contingency = true, .has_spacing = true, .spacing_ns = 1};
	struct campaign_state *state;
	uint64_t n;

	for (int i = 0; i < 3; i++) {
		struct error err = ERROR_INIT;

		ck_assert_int_eq(campaign_contingency.open(s,
		                         i == 0   ? &late
		                         : i == 1 ? &wide
		                                  : &odd,
		                         &state, &n, &err),
		        ERR_USAGE);
	}
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("contingency");

	add_test(suite, "each loss takes its phases", each_loss_takes_its_phases);
	add_test(suite, "unused components", what_nobody_uses_costs_nothing);
	add_test(suite, "node and spare", a_node_and_the_spare_are_the_end);
	add_test(suite, "in turn", in_turn_the_spare_helps_once);
	add_test(suite, "too soon", too_soon_is_not_in_turn);
	add_test(suite, "symmetry n-1", every_component_says_what_its_representative_says);
	add_test(suite, "symmetry of pairs", pairs_say_what_their_representative_says);
	add_test(suite, "symmetry, exhaustively", on_a_small_rack_all_pairs_do);
	add_test(suite, "survive", only_what_is_demanded_fails);
	add_test(suite, "tables", tables_count_contingencies_not_runs);
	add_test(suite, "times", times_must_fit);
	return run_suite(suite);
}
