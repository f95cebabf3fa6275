/* What a swarm says of the model: after whatever faults, once they are gone, the rack is whole
 * again in bounded time; and where it is not, the swarm says so. scripts/mutants asks whether it
 * would notice a revert that leaves something behind. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mutant.h"
#include "harness/base/units.h"
#include "harness/run/swarm_cell.h"
#include "tests/support/campaign_bench.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

static struct scenario *shipped(const char *const *set, uint32_t n_set)
{
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	struct scenario *s;
	enum status st = scenario_load(LPC_SOURCE_DIR "/harness/suites/swarm.json",
	        &(struct scenario_options){.n_set = n_set, .set = set}, &list, &err);

	ck_assert_msg(!st, "%s: %s", err.path, err.text);
	s = list.items[0];
	list.n = 0;
	scenario_list_free(&list);
	return s;
}

static struct campaign_bench play(const struct scenario *s, uint64_t n)
{
	struct campaign_bench b;

	campaign_bench_play(&b, &campaign_swarm, s, &(struct campaign_request){.swarm = n});
	return b;
}

static int64_t number(struct jval object, const char *key)
{
	struct error err = ERROR_INIT;
	int64_t n = -1;

	ck_assert_msg(json_i64(json_get(object, key), &n, &err) == ERR_NONE, "%s", key);
	return n;
}

static struct json *line_of(const struct campaign_bench *b, uint64_t i)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	ck_assert(json_parse("line", b->lines[i], strlen(b->lines[i]), &doc, &err) == ERR_NONE);
	return doc;
}

static uint64_t containing(const struct campaign_bench *b, const char *text)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < b->n; i++)
		n += strstr(b->lines[i], text) != NULL;
	return n;
}

/* Everything is reverted by 18.4 s at the latest, and the proof begins 5 s later. */
START_TEST(the_rack_is_whole_again)
{
	enum { CELLS = 150 };
	struct scenario *s = shipped(NULL, 0);
	struct campaign_bench b = play(s, CELLS), again = play(s, 20);
	struct jval r = json_root(b.result);

	for (uint64_t i = 0; i < CELLS; i++)
		ck_assert_msg(strstr(b.lines[i], "\"verdict\":\"pass\""), "%s", b.lines[i]);
	ck_assert_int_eq(b.verdict, VERDICT_PASS);
	ck_assert_int_eq(number(json_get(r, "verdicts"), "pass"), CELLS);
	ck_assert_int_eq(number(r, "clean_runs_wanted"), 299 - CELLS);
	ck_assert_int_eq(number(json_get(r, "recovered"), "k"), CELLS);
	ck_assert_uint_eq(json_count(json_get(r, "failures")), 0);
	ck_assert_int_gt(number(json_get(r, "paths"), "spare_used"), CELLS / 5);
	ck_assert_int_gt(number(json_get(r, "paths"), "spare_pool_empty"), CELLS / 20);
	for (uint64_t i = 0; i < 20; i++)
		ck_assert_str_eq(b.lines[i], again.lines[i]);
	campaign_bench_free(&again);
	campaign_bench_free(&b);
	scenario_free(s);
}
END_TEST

/* A node without power is back after a boot of 30 minutes: where both feeds of a node were out, the
 * proof finds its pool short of nodes or down. No other kind takes so long. */
START_TEST(what_takes_too_long_is_found)
{
	static const char *const set[] = {"deployment.power.boot=30m"};
	struct scenario *s = shipped(set, 1);
	struct campaign_bench b = play(s, 120);
	struct jval failures = json_get(json_root(b.result), "failures");

	ck_assert_int_eq(b.verdict, VERDICT_FAIL);
	ck_assert_uint_gt(json_count(failures), 1);
	for (struct jval f = json_first(failures); json_type(f) != JSON_NONE; f = json_next(f)) {
		const char *line = b.lines[number(f, "index")];

		ck_assert_str_eq(json_string(json_get(f, "missed")), "recovered");
		ck_assert_msg(strstr(line, "[\"power.") || strstr(line, "[\"cooling."), "%s", line);
	}
	ck_assert_uint_eq(containing(&b, "\"verdict\":\"fail\""), json_count(failures));
	ck_assert_ptr_nonnull(strstr(b.text, "failed: swarm "));
	campaign_bench_free(&b);
	scenario_free(s);
}
END_TEST

/* Close to the knee it is the traffic's doing whether 6.6 s of it keep a limit on p99: where they
 * do not, the cell without faults is asked, and often does not either. */
START_TEST(what_fails_without_faults_proves_nothing)
{
	static const char *const set[] = {"traffic.chat.arrival.rate=90", "slo.chat-ttft.max=60ms"};
	struct scenario *s = shipped(set, 2);
	struct campaign_bench b = play(s, 40);
	uint64_t undecided = containing(&b, "also_without_faults");

	ck_assert_uint_gt(undecided, 0);
	ck_assert_uint_eq(undecided, containing(&b, "\"verdict\":\"inconclusive\""));
	ck_assert_uint_gt(containing(&b, "\"verdict\":\"pass\""), undecided);
	campaign_bench_free(&b);
	scenario_free(s);
}
END_TEST

/* Limits withhold what would go beyond: where that is all, nothing was to be recovered from. */
START_TEST(a_cell_in_which_nothing_began_is_undecided)
{
	static const char *const set[] = {"limits={\"never_below\":4}"};
	struct scenario *s = shipped(set, 1);
	struct campaign_bench b = play(s, 60);
	uint64_t undecided = containing(&b, "nothing_began");
	struct jval recovered = json_get(json_root(b.result), "recovered");

	ck_assert_uint_gt(undecided, 0);
	ck_assert_int_eq(b.verdict, VERDICT_INCONCLUSIVE);
	ck_assert_int_eq(number(recovered, "n"), 60 - (int64_t)undecided);
	ck_assert_int_eq(number(recovered, "k"), 60 - (int64_t)undecided);
	campaign_bench_free(&b);
	scenario_free(s);
}
END_TEST

static void open_refused(const char *const *set, const char *words)
{
	struct scenario *s = shipped(set, 1);
	struct campaign_state *state;
	struct error err = ERROR_INIT;
	uint64_t n;

	ck_assert(campaign_swarm.open(s, &(struct campaign_request){.swarm = 1}, &state, &n,
	                  &err) == ERR_USAGE);
	ck_assert_msg(strstr(err.text, words), "%s", err.text);
	scenario_free(s);
}

START_TEST(a_scenario_that_is_never_whole_is_refused)
{
	open_refused(
	        (const char *const[]){"traffic.chat.arrival.rate=400"}, "nothing to recover to");
	open_refused((const char *const[]){"duration=1100ms"}, "0.2 s behind the warm-up");
}
END_TEST

/* Without a checksum chip.sdc makes tokens wrong and nobody promised to find them; with it none is
 * ever wrong. */
START_TEST(corruption_is_excused_where_nothing_guards)
{
	static const char *const set[] = {"deployment.health={\"checksum\":true}"};
	struct scenario *s = shipped(NULL, 0);
	struct campaign_bench b = play(s, 150);
	uint64_t corrupt = 0;

	for (uint64_t i = 0; i < b.n; i++) {
		struct json *doc = line_of(&b, i);

		if (json_type(json_get(json_get(json_root(doc), "requests"), "corrupt")) !=
		        JSON_NONE) {
			corrupt++;
			ck_assert_ptr_nonnull(strstr(b.lines[i], "[\"chip.sdc\""));
		}
		json_free(doc);
	}
	ck_assert_uint_gt(corrupt, 0);
	campaign_bench_free(&b);
	scenario_free(s);
	s = shipped(set, 1);
	b = play(s, 150);
	ck_assert_uint_eq(containing(&b, "\"corrupt\":"), 0);
	ck_assert_uint_gt(containing(&b, "[\"chip.sdc\""), 0);
	ck_assert_int_eq(b.verdict, VERDICT_PASS);
	campaign_bench_free(&b);
	scenario_free(s);
}
END_TEST

/* Found by a swarm: every link of the rack flapped at once, each of those on a path had the frame
 * replayed for itself, and each flap of an instance that was long out of service had one more node
 * suspected. What was owed in the end was half a minute of replays, and a thousand evictions. */
START_TEST(a_storm_of_flaps_is_over_when_it_is_over)
{
	static const char *const set[] = {
	        "faults=[{\"id\":\"storm\",\"kind\":\"link.flap\",\"target\":\"domain:r0\",\"at\":"
	        "\"11443ms\",\"for\":\"5731ms\",\"down\":\"195us\",\"up\":\"67ms\"}]",
	        "expect=[{\"kind\":\"recovered\",\"max\":\"1s\"}]"};
	struct scenario *s = shipped(set, 2);
	struct error err = ERROR_INIT;
	struct evaluation e;

	ck_assert(evaluate_play(s, &(struct evaluate_taps){0}, NULL, &e, &err) == ERR_NONE);
	evaluate_decide(s, &e);
	ck_assert_int_eq(e.result->expect[0].verdict, VERDICT_PASS);
	ck_assert_uint_gt(e.run.rack.spares_used, 0);
	ck_assert_uint_lt(e.run.rack.failovers, 100);
	evaluation_free(&e);
	scenario_free(s);
}
END_TEST

#ifdef LPUCHAOS_MUTANTS
/* A revert that leaves something behind, and an instance that is never told that it may go on: the
 * one shows in the static state, the other in requests that nobody serves. */
START_TEST(planted_defects_are_found)
{
	static const struct {
		enum mutant mutant;
		const char *why;
	} defects[] = {{MUTANT_SUSPICION_KEPT, "not_clean"}, {MUTANT_JITTER_KEPT, "not_clean"},
	        {MUTANT_WAITER_FORGOTTEN, "lost"}};
	struct scenario *s = shipped(NULL, 0);

	for (size_t i = 0; i < ARRAY_LEN(defects); i++) {
		struct campaign_bench b;
		struct jval f;

		mutant_awake = defects[i].mutant;
		b = play(s, 60);
		ck_assert_int_eq(b.verdict, VERDICT_FAIL);
		f = json_first(json_get(json_root(b.result), "failures"));
		ck_assert_str_eq(json_string(json_get(f, "missed")), "recovered");
		ck_assert_str_eq(json_string(json_get(f, "why")), defects[i].why);
		campaign_bench_free(&b);
	}
	scenario_free(s);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("swarm");

	add_test(suite, "whole", the_rack_is_whole_again);
	add_test(suite, "too long", what_takes_too_long_is_found);
	add_test(suite, "twin", what_fails_without_faults_proves_nothing);
	add_test(suite, "storm", a_storm_of_flaps_is_over_when_it_is_over);
	add_test(suite, "limits", a_cell_in_which_nothing_began_is_undecided);
	add_test(suite, "refused", a_scenario_that_is_never_whole_is_refused);
	add_test(suite, "corrupt", corruption_is_excused_where_nothing_guards);
#ifdef LPUCHAOS_MUTANTS
	add_test(suite, "planted", planted_defects_are_found);
#endif
	return run_suite(suite);
}
