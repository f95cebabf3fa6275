/* The same scenario and seed are the same run, bit by bit; another seed is another; and what is
 * taken away or moved about in the file changes nothing but itself (DESIGN §4 "Time, order,
 * chance").
 *
 * The golden digests stand for "whatever the machine, compiler or optimisation level":
 * scripts/check runs this program in its presets, and each must find the same. UPDATE_GOLDEN=1
 * writes them anew, after MODEL_VERSION was raised for a reason. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/golden.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define TRAFFIC                                                                                    \
	"\"traffic\":[{\"name\":\"chat\",\"tier\":\"x\","                                          \
	"\"arrival\":{\"process\":\"poisson\",\"rate\":60},"                                       \
	"\"prompt_tokens\":{\"dist\":\"lognormal\",\"median\":300,\"p99\":2000,\"max\":3000},"     \
	"\"output_tokens\":{\"dist\":\"uniform\",\"min\":1,\"max\":60},\"max_tokens\":64},"        \
	"{\"name\":\"docs\",\"tier\":\"y\",\"arrival\":{\"process\":\"gamma\",\"rate\":15,\"cv\":" \
	"2},"                                                                                      \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":900},"                                 \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":30}}]"
#define SCENARIO                                                                                   \
	"{\"version\":1,\"name\":\"d\",\"seed\":11,\"duration\":\"20s\",\"drain\":\"10s\","        \
	"\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":512,"                \
	"\"frame\":\"3ms\",\"slots\":6,\"prefill_tokens_per_frame\":64},{\"max_seq\":4096,"        \
	"\"frame\":\"7ms\",\"slots\":6,\"prefill_tokens_per_frame\":64}],\"instances\":2}]}"       \
	"," TRAFFIC ",\"faults\":["
#define JITTER "{\"id\":\"jitter\",\"kind\":\"ethernet.jitter\",\"at\":\"3s\",\"for\":\"9s\"}"
#define LOSS                                                                                       \
	"{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":\"r0.n1.c1\",\"at\":\"5s\",\"for\":"   \
	"\"4s\"}"
#define FLAP                                                                                       \
	"{\"id\":\"flap\",\"kind\":\"link.flap\",\"target\":\"any(1)\",\"at\":\"12s\",\"for\":"    \
	"\"1s\"}"
#define OUTLIER                                                                                    \
	"{\"id\":\"outlier\",\"kind\":\"shape.outlier\",\"target\":\"chat\",\"at\":\"2s\","        \
	"\"for\":\"12s\",\"share\":0.2,\"prompt_tokens\":{\"dist\":\"constant\",\"value\":3900}}"

static const char all_faults[] = SCENARIO JITTER "," LOSS "," FLAP "," OUTLIER "]}";

static struct virtual_samples play(const char *text, uint32_t without)
{
	struct scenario *s = scenario_text(text);
	struct virtual_samples v;

	virtual_samples_run(&v, s, without, false);
	scenario_free(s);
	ck_assert_uint_gt(v.n, 1000);
	return v;
}

static bool same(const uint8_t a[static DIGEST_BYTES], const uint8_t b[static DIGEST_BYTES])
{
	return memcmp(a, b, DIGEST_BYTES) == 0;
}

START_TEST(same_seed_same_run_other_seed_another)
{
	static const char *const edit[] = {"seed=12"};
	struct virtual_samples a = play(all_faults, VIRTUAL_ALL_FAULTS);
	struct virtual_samples b = play(all_faults, VIRTUAL_ALL_FAULTS), c;
	struct scenario *other = scenario_text_edited(all_faults, edit, 1);

	virtual_samples_run(&c, other, VIRTUAL_ALL_FAULTS, false);
	ck_assert(same(a.result.result_digest, b.result.result_digest));
	ck_assert(same(a.result.traffic_digest, b.result.traffic_digest));
	ck_assert(!same(a.result.result_digest, c.result.result_digest));
	ck_assert(!same(a.result.traffic_digest, c.result.traffic_digest));
	virtual_samples_free(&a);
	virtual_samples_free(&b);
	virtual_samples_free(&c);
	scenario_free(other);
}
END_TEST

/* Arrivals of two runs, request by request; lengths too, unless a shape fault came or went. */
static void expect_same_arrivals(
        const struct virtual_samples *a, const struct virtual_samples *b, bool lengths)
{
	uint64_t moved = 0;

	ck_assert(same(a->result.traffic_digest, b->result.traffic_digest));
	ck_assert_uint_eq(a->n, b->n);
	for (uint64_t i = 0; i < a->n; i++) {
		ck_assert_int_eq(a->e[i].t_sched, b->e[i].t_sched);
		ck_assert_uint_eq(a->e[i].tenant, b->e[i].tenant);
		moved += a->e[i].prompt_tokens != b->e[i].prompt_tokens;
		if (lengths && a->e[i].outcome == OUTCOME_OK && b->e[i].outcome == OUTCOME_OK)
			ck_assert_int_eq(a->e[i].output_tokens, b->e[i].output_tokens);
	}
	if (lengths)
		ck_assert_uint_eq(moved, 0);
	else
		ck_assert(moved > 10 && moved < a->n / 2);
}

START_TEST(leaving_a_fault_out_moves_no_arrival)
{
	static const char *const faults[] = {JITTER, LOSS, FLAP, OUTLIER};
	struct virtual_samples all = play(all_faults, VIRTUAL_ALL_FAULTS);
	struct virtual_samples twin = play(all_faults, (uint32_t)_i), shorter;
	char text[8192];
	int at = snprintf(text, sizeof(text), "%s", SCENARIO);

	expect_same_arrivals(&all, &twin, _i != 3);
	/* Taken out of the file it is the same run as left out by the driver: no other draw has
	 * moved. */
	for (int i = 0, n = 0; i < 4; i++) {
		if (i == _i)
			continue;
		at += snprintf(
		        text + at, sizeof(text) - (size_t)at, "%s%s", n++ ? "," : "", faults[i]);
	}
	(void)snprintf(text + at, sizeof(text) - (size_t)at, "]}");
	shorter = play(text, VIRTUAL_ALL_FAULTS);
	ck_assert_uint_eq(twin.n, shorter.n);
	for (uint64_t i = 0; i < twin.n; i++) {
		ck_assert_int_eq(twin.e[i].outcome, shorter.e[i].outcome);
		ck_assert_int_eq(twin.e[i].t_first, shorter.e[i].t_first);
		ck_assert_int_eq(twin.e[i].t_last, shorter.e[i].t_last);
		ck_assert_int_eq(twin.e[i].prompt_tokens, shorter.e[i].prompt_tokens);
	}
	virtual_samples_free(&all);
	virtual_samples_free(&twin);
	virtual_samples_free(&shorter);
}
END_TEST

START_TEST(the_order_in_the_file_is_nothing)
{
	struct virtual_samples a = play(all_faults, VIRTUAL_ALL_FAULTS);
	struct virtual_samples b =
	        play(SCENARIO OUTLIER "," FLAP "," LOSS "," JITTER "]}", VIRTUAL_ALL_FAULTS);

	expect_same_arrivals(&a, &b, true);
	for (uint64_t i = 0; i < a.n; i++) {
		ck_assert_int_eq(a.e[i].t_first, b.e[i].t_first);
		ck_assert_int_eq(a.e[i].t_last, b.e[i].t_last);
	}
	virtual_samples_free(&a);
	virtual_samples_free(&b);
}
END_TEST

/* --- frozen
 * ------------------------------------------------------------------------------------------ */

static void print_run(const struct scenario *s, char *text, size_t n)
{
	struct virtual_samples v;
	size_t at = strlen(text);

	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, true);
	at += (size_t)snprintf(text + at, n - at, "%s: %ju requests, result ", s->name,
	        (uintmax_t)v.result.scheduled);
	for (unsigned i = 0; i < DIGEST_BYTES; i++)
		at += (size_t)snprintf(text + at, n - at, "%02x", v.result.result_digest[i]);
	(void)snprintf(text + at, n - at, "\n");
	virtual_samples_free(&v);
}

static const char *const shipped[] = {"quick.json", "cross-rack.json"};

START_TEST(golden)
{
	static const struct scenario_options no_options;
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	struct scenario *own = scenario_text(all_faults);
	char text[4096], path[512];

	(void)snprintf(text, sizeof(text), "model version %d\n", (int)MODEL_VERSION);
	print_run(own, text, sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(shipped); i++) {
		(void)snprintf(
		        path, sizeof(path), "%s/harness/suites/%s", LPC_SOURCE_DIR, shipped[i]);
		ck_assert_msg(scenario_load(path, &no_options, &list, &err) == ERR_NONE, "%s: %s",
		        path, err.text);
	}
	for (uint32_t i = 0; i < list.n; i++)
		print_run(list.items[i], text, sizeof(text));
	scenario_list_free(&list);
	scenario_free(own);
	golden_matches("tests/model/run/digests.txt", text, strlen(text));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("determinism");
	TCase *t = tcase_create("virtual");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, same_seed_same_run_other_seed_another);
	tcase_add_loop_test(t, leaving_a_fault_out_moves_no_arrival, 0, 4);
	tcase_add_test(t, the_order_in_the_file_is_nothing);
	tcase_add_test(t, golden);
	suite_add_tcase(s, t);
	return run_suite(s);
}
