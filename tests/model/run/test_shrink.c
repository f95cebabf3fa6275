/* Shrinking (harness/run/shrink.h): causes are planted among faults that do no harm, and found
 * exactly; thresholds are known by arithmetic. One slot, frames of 10 ms, a request each 100 ms, of
 * 1 + 4 frames: nobody waits, TTFT is 10 ms and each answer takes 50 ms. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "harness/run/shrink.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { TEXT_BYTES = 16384, FAULTS_MAX = 16 };

#define SCENARIO(on_loss, more)                                                                    \
	"{\"version\":1,\"name\":\"plant\",\"seed\":5,\"duration\":\"20s\",\"warmup\":\"1s\","     \
	"\"drain\":\"5s\",\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":"   \
	"4096,\"frame\":\"10ms\",\"slots\":1,\"prefill_tokens_per_frame\":64}],"                   \
	"\"entry\":\"immediate\",\"admission\":{\"policy\":\"none\"},"                             \
	"\"nodes\":[[\"r0.n0\",\"r0.n1\"]],\"on_loss\":\"" on_loss "\"}]},\"traffic\":["           \
	"{\"name\":\"t\",\"tier\":\"x\",\"timeout\":\"3s\",\"arrival\":{\"process\":\"constant\"," \
	"\"rate\":10},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                     \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":5}},"                                  \
	"{\"name\":\"u\",\"tier\":\"y\",\"timeout\":\"3s\",\"arrival\":{\"process\":\"constant\"," \
	"\"rate\":0.5},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                    \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":1}}]," more "}"
#define NOTHING_LOST "{\"id\":\"nothing-lost\",\"kind\":\"lost_requests\",\"max\":0}"
#define ALL_GOOD     "{\"id\":\"all-good\",\"kind\":\"goodput_fraction\",\"tier\":\"x\",\"min\":1}"
#define TTFT_30                                                                                    \
	"{\"id\":\"ttft\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"quantile\":0.5,\"max\":"         \
	"\"30ms\"}"

/* Nine that lose nothing: all others hit what is not there for long, or nobody's node. */
#define HARMLESS(a)                                                                                \
	"{\"id\":\"late\",\"kind\":\"ethernet.jitter\",\"at\":\"2s\",\"for\":\"3s\",\"delay\":"    \
	"\"1ms\"},{\"id\":\"flap\",\"kind\":\"link.flap\",\"target\":\"r0.n0-r0.n1.0\",\"at\":"    \
	"\"3s\",\"for\":\"1s\",\"down\":\"20ms\",\"up\":\"10s\"},{\"id\":\"ghost\",\"kind\":"      \
	"\"link.ghost\","                                                                          \
	"\"target\":\"r0.n0-r0.n1.0\",\"at\":\"5s\",\"for\":\"1s\"},{\"id\":\"slow\",\"kind\":"    \
	"\"chip.slow\",\"target\":\"r0.n1.c2\",\"at\":\"6s\",\"for\":\"1s\"}," a                   \
	"{\"id\":\"far\",\"kind\":\"chip.loss\",\"target\":\"r0.n5.c1\",\"at\":\"9s\",\"for\":"    \
	"\"2s\"},{\"id\":\"burst\",\"kind\":\"load.burst\",\"target\":\"t\",\"at\":\"10s\","       \
	"\"for\":\"1s\",\"factor\":1.5},{\"id\":\"off\",\"kind\":\"link.down\",\"target\":"        \
	"\"r0.n5-r0.n6.0\",\"at\":\"11s\",\"for\":\"1s\"},{\"id\":\"drift\",\"kind\":"             \
	"\"clock.drift\",\"target\":\"r0.n6\",\"at\":\"12s\",\"for\":\"1s\"},{\"id\":\"blind\","   \
	"\"kind\":\"control.telemetry_loss\",\"target\":\"r0\",\"at\":\"13s\",\"for\":\"1s\"}"

static const volatile sig_atomic_t never;

static struct shrink_result shrunk_with(const char *text, const struct shrink_request *request,
        const volatile sig_atomic_t *interrupt)
{
	struct scenario *s = scenario_text(text);
	struct error err = ERROR_INIT;
	struct shrink_result r;
	char line[1024];

	if (shrink(s, request, interrupt, &r, &err)) {
		error_format(&err, line, sizeof(line));
		ck_abort_msg("%s", line);
	}
	scenario_free(s);
	return r;
}

static struct shrink_result shrunk(const char *text)
{
	struct shrink_request request = {.max_runs = SHRINK_RUNS_DEFAULT};

	return shrunk_with(text, &request, &never);
}

/* The scenario in memory misses what it was shrunk for, by a whole run. */
static void check_misses(const struct scenario *s, const struct shrink_result *r, bool misses)
{
	struct error err = ERROR_INIT;
	struct evaluation e;
	enum verdict v = VERDICT_PASS;

	ck_assert_int_eq(evaluate(s, false, NULL, &e, &err), 0);
	for (uint32_t i = 0; r->is_slo && i < e.result->n_slo; i++)
		if (strcmp(e.result->slo[i].rule->id, r->missed) == 0)
			v = e.result->slo[i].verdict;
	for (uint32_t i = 0; !r->is_slo && i < e.result->n_expect; i++)
		if (strcmp(e.result->expect[i].rule->id, r->missed) == 0)
			v = e.result->expect[i].verdict;
	ck_assert_int_eq(v == VERDICT_FAIL, misses);
	evaluation_free(&e);
}

/* Exactly these faults are left, in the order of the file, and it misses the same. */
static void check_left(const struct shrink_result *r, const char *missed, const char *faults)
{
	const struct scenario *s = r->smallest;
	char left[256] = "";
	size_t at = 0;

	ck_assert_int_eq(r->end, SHRINK_DONE);
	ck_assert_int_eq(r->exit_code, 1);
	ck_assert_str_eq(r->missed, missed);
	for (uint32_t i = 0; i < s->faults.n; i++) {
		at += (size_t)snprintf(
		        left + at, sizeof(left) - at, "%s%s", i ? "," : "", s->faults.faults[i].id);
	}
	ck_assert_str_eq(left, faults);
	check_misses(s, r, true);
}

static void must_be(const struct shrink_result *r, const char *path, const char *text)
{
	struct jval v = json_find(r->smallest->document, path);
	struct json_out o;

	json_out_init(&o, 0);
	if (json_type(v) == JSON_NONE)
		json_out_raw(&o, NULL, "absent");
	else
		json_out_value(&o, NULL, v, false);
	ck_assert_msg(strcmp(o.buf, text) == 0, "%s: expected %s, found %s", path, text, o.buf);
	json_out_free(&o);
}

/* With this value at the path it does no longer miss the same. */
static void must_hold_with(const struct shrink_result *r, const char *path, const char *value)
{
	struct scenario_edit edit = {.path = path, .value = value};
	struct error err = ERROR_INIT;
	struct scenario *s;

	ck_assert_int_eq(scenario_variant(r->smallest, &edit, 1, &s, &err), 0);
	check_misses(s, r, false);
	scenario_free(s);
}

/* --- which faults ------------------------------------------------------------------------ */

#define LOSS                                                                                       \
	"{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":\"r0.n1.c3\",\"at\":\"7040ms\","       \
	"\"for\":\"5s\"},"

START_TEST(one_of_ten)
{
	/* on_loss fail: whoever is on the instance when it is lost is lost. */
	struct shrink_result r = shrunk(SCENARIO("fail",
	        "\"faults\":[" HARMLESS(LOSS) "],\"expect\":[" NOTHING_LOST "," ALL_GOOD
	                                      "],\"slo\":[" TTFT_30 "]"));

	ck_assert_uint_eq(r.original->faults.n, 10);
	check_left(&r, "nothing-lost", "loss");
	ck_assert_uint_eq(r.smallest->rules.n_slo, 0);
	ck_assert_uint_eq(r.smallest->rules.n_expect, 1);
	ck_assert_uint_eq(r.smallest->traffic.n_tenants, 1);
	ck_assert_int_lt(r.smallest->duration_ns, NS_PER_S);
	must_be(&r, "warmup", "absent");
	must_be(&r, "faults.loss.at", "\"1us\"");
	must_be(&r, "faults.loss.for", "\"1us\"");
	must_be(&r, "traffic.0.timeout", "absent");
	shrink_free(&r);
}
END_TEST

START_TEST(two_of_ten)
{
	/* The loss is survived by the spare, n8; the loss of the spare by itself is nobody's. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[" HARMLESS(
	                "{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":\"r0.n1.c3\",\"at\":"
	                "\"7040ms\"},") ",{\"id\":\"spare\",\"kind\":\"node.loss\",\"target\":"
	                                "\"r0.n8\",\"at\":\"7s\"}],\"expect\":[" NOTHING_LOST "]"));

	ck_assert_uint_eq(r.original->faults.n, 11);
	check_left(&r, "nothing-lost", "loss,spare");
	shrink_free(&r);
}
END_TEST

START_TEST(none_is_to_blame)
{
	/* An answer of 1 + 4 frames takes 50 ms, of 1 + 3 it would take 40 ms. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[" HARMLESS(LOSS) "],\"slo\":[{\"id\":\"e2e\",\"tier\":\"x\","
	                                      "\"metric\":\"e2el_ms\",\"quantile\":0.5,\"max\":"
	                                      "\"40ms\"}]"));

	check_left(&r, "e2e", "");
	ck_assert(r.is_slo);
	must_be(&r, "faults", "absent");
	must_be(&r, "traffic.0.prompt_tokens.value", "1");
	must_be(&r, "traffic.0.output_tokens.value", "5");
	shrink_free(&r);
}
END_TEST

/* --- who waits for whom ------------------------------------------------------------------ */

START_TEST(the_first_of_a_group_goes)
{
	/* The leader does no harm; the two that begin with it do, together. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[{\"id\":\"lead\",\"kind\":\"ethernet.jitter\",\"at\":\"7040ms\","
	        "\"for\":\"1s\",\"together\":\"g\"},{\"id\":\"loss\",\"kind\":\"chip.loss\","
	        "\"target\":\"r0.n1.c3\",\"together\":\"g\"},{\"id\":\"spare\",\"kind\":"
	        "\"node.loss\",\"target\":\"r0.n8\",\"together\":\"g\"},{\"id\":\"late\","
	        "\"kind\":\"ethernet.jitter\",\"for\":\"1s\",\"after\":{\"fault\":\"lead\","
	        "\"phase\":\"revert\",\"delay\":\"1s\"}}],\"expect\":[" NOTHING_LOST "]"));

	check_left(&r, "nothing-lost", "loss,spare");
	must_be(&r, "faults.loss.together", "absent");
	must_be(&r, "faults.spare.together", "absent");
	shrink_free(&r);
}
END_TEST

START_TEST(a_chain_is_cut_where_it_can_be)
{
	/* The spare is lost once it is in service; only then is there none left. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[{\"id\":\"late\",\"kind\":\"ethernet.jitter\",\"at\":\"2s\",\"for\":"
	        "\"1s\"},{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":\"r0.n1.c3\","
	        "\"after\":{\"fault\":\"late\",\"phase\":\"revert\",\"delay\":\"1s\"}},{\"id\":"
	        "\"spare\",\"kind\":\"node.loss\",\"target\":\"r0.n8\",\"after\":{\"fault\":"
	        "\"loss\",\"phase\":\"failover\",\"delay\":\"500ms\"}},{\"id\":\"last\",\"kind\":"
	        "\"ethernet.jitter\",\"for\":\"1s\",\"after\":{\"fault\":\"spare\",\"phase\":"
	        "\"effect\",\"delay\":\"1s\"}}],\"expect\":[" NOTHING_LOST "]"));

	check_left(&r, "nothing-lost", "loss,spare");
	shrink_free(&r);
}
END_TEST

START_TEST(the_fault_that_is_asked_about_stays)
{
	/* ttf of a loss is 110 ms or so, whatever came before; others' expectations go with them.
	 */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[" HARMLESS(LOSS) "],\"expect\":[{\"id\":\"flap-ttf\",\"kind\":\"ttd\","
	                                      "\"fault\":\"flap\",\"max\":\"1s\"},{\"id\":\"ttf\","
	                                      "\"kind\":\"ttf\",\"fault\":\"loss\",\"max\":"
	                                      "\"20ms\"}]"));

	check_left(&r, "ttf", "loss");
	ck_assert_uint_eq(r.smallest->rules.n_expect, 1);
	shrink_free(&r);
}
END_TEST

START_TEST(late_is_not_never)
{
	/* Evicted after 250 ms of being down, on the spare 110 ms later: over 300 ms, and late. A
	 * link that is up again before would never be evicted, which misses as well, but not so. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[" HARMLESS("") ",{\"id\":\"down\",\"kind\":\"link.flap\",\"target\":"
	                                    "\"r0.n0-r0.n1.0\",\"at\":\"15040ms\",\"for\":\"2s\"}"
	                                    "],\"expect\":[{\"id\":\"ttf\",\"kind\":\"ttf\","
	                                    "\"fault\":\"down\",\"max\":\"300ms\"}]"));

	check_left(&r, "ttf", "down");
	ck_assert_msg(r.observed > 300 && r.observed < 500, "observed %g", r.observed);
	shrink_free(&r);
}
END_TEST

START_TEST(one_occurrence_of_many)
{
	/* At 1.97 s and 3.94 s no first token is under way, at 5.91 s one is. */
	struct shrink_request request = {.max_runs = SHRINK_RUNS_DEFAULT, .expect = "all-good"};
	struct shrink_result r = shrunk_with(
	        SCENARIO("replay",
	                "\"faults\":[{\"id\":\"late\",\"kind\":\"ethernet.jitter\",\"every\":"
	                "\"1970ms\",\"for\":\"30ms\",\"delay\":\"47ms\",\"jitter\":\"0ms\"}],"
	                "\"slo\":[" TTFT_30 "],\"expect\":[" ALL_GOOD "]"),
	        &request, &never);

	check_left(&r, "all-good", "late");
	must_be(&r, "faults.late.every", "absent");
	/* At last it hits a request on its way in, once: 10 ms + d > 30 ms. */
	must_be(&r, "faults.late.at", "\"0s\"");
	must_be(&r, "faults.late.for", "\"1us\"");
	must_be(&r, "faults.late.delay", "\"21ms\"");
	must_hold_with(&r, "faults.late.delay", "20ms");
	shrink_free(&r);
}
END_TEST

START_TEST(one_target_of_many)
{
	struct shrink_result r = shrunk(SCENARIO("fail",
	        "\"faults\":[{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":[\"r0.n2.c1\","
	        "\"domain:r0.n5\",\"r0.n1.c6\",\"r0.n8.c0\",\"r0.n3.c3\"],\"at\":\"7040ms\","
	        "\"for\":\"1s\",\"stagger\":\"1ms\"}],\"expect\":[" NOTHING_LOST "]"));

	check_left(&r, "nothing-lost", "loss");
	must_be(&r, "faults.loss.target", "\"r0.n1.c6\"");
	must_be(&r, "faults.loss.stagger", "absent");
	shrink_free(&r);
}
END_TEST

START_TEST(one_chip_of_a_rack)
{
	/* 72 chips; those of two nodes matter: whole nodes are asked about before chips. */
	struct shrink_result r = shrunk(SCENARIO("fail",
	        "\"faults\":[{\"id\":\"loss\",\"kind\":\"chip.loss\",\"target\":\"all\",\"at\":"
	        "\"7040ms\",\"for\":\"1s\"}],\"expect\":[" NOTHING_LOST "]"));
	const struct fault_spec *f = &r.smallest->faults.faults[0];

	check_left(&r, "nothing-lost", "loss");
	ck_assert_uint_eq(r.original->faults.faults[0].n_targets, 72);
	ck_assert_uint_eq(f->n_targets, 1);
	ck_assert(strncmp(f->target, "r0.n0.c", 7) == 0 || strncmp(f->target, "r0.n1.c", 7) == 0);
	ck_assert_uint_lt(r.runs, 80);
	shrink_free(&r);
}
END_TEST

START_TEST(as_many_as_are_needed)
{
	/* Of nine nodes two: there is one spare. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[{\"id\":\"all\",\"kind\":\"node.loss\",\"target\":\"all\","
	        "\"at\":\"7040ms\"}],\"expect\":[" NOTHING_LOST "]"));

	check_left(&r, "nothing-lost", "all");
	must_be(&r, "faults.all.target", "[\"r0.n0\",\"r0.n1\"]");
	shrink_free(&r);
}
END_TEST

/* --- numbers ----------------------------------------------------------------------------- */

START_TEST(the_delay_that_is_just_too_long)
{
	/* TTFT = one frame and the delay on both ways: 10 ms + 2 d > 30 ms from d = 10 ms on; the
	 * smallest number of two digits above that is 11 ms. */
	struct shrink_request request = {.max_runs = SHRINK_RUNS_DEFAULT, .expect = "all-good"};
	struct shrink_result r = shrunk_with(
	        SCENARIO("replay",
	                "\"faults\":[{\"id\":\"late\",\"kind\":\"ethernet.jitter\",\"at\":\"2s\","
	                "\"delay\":\"47ms\",\"jitter\":\"0ms\"}],\"slo\":[" TTFT_30
	                "],\"expect\":[" ALL_GOOD "]"),
	        &request, &never);

	check_left(&r, "all-good", "late");
	must_be(&r, "faults.late.delay", "\"11ms\"");
	must_hold_with(&r, "faults.late.delay", "10ms");
	must_be(&r, "traffic.0.arrival.rate", "1");
	ck_assert_int_le(r.smallest->duration_ns, NS_PER_S);
	shrink_free(&r);
}
END_TEST

START_TEST(the_stall_that_is_just_too_long)
{
	/* An answer takes 50 ms. The link is down for d: the frame that it fails in, what is left
	 * of d at its end, and the frame again. More than 80 ms needs a stall of over 30 ms. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[{\"id\":\"down\",\"kind\":\"link.flap\",\"target\":\"r0.n0-r0.n1.0\","
	        "\"at\":\"7040ms\",\"for\":\"5s\",\"down\":\"70ms\",\"up\":\"10s\"}],\"slo\":[{"
	        "\"id\":\"e2e\",\"tier\":\"x\",\"metric\":\"e2el_ms\",\"quantile\":0.5,\"max\":"
	        "\"80ms\"}],\"expect\":[" ALL_GOOD "]"));
	struct jval down;
	int64_t ns;
	char less[UNITS_DURATION_MAX];

	check_left(&r, "all-good", "down");
	down = json_find(r.smallest->document, "faults.down.down");
	ck_assert(units_parse_duration(json_string(down), strlen(json_string(down)), &ns));
	ck_assert_int_gt(ns, 10 * NS_PER_MS); /* two digits: the step is a millisecond */
	ck_assert_int_eq(ns % NS_PER_MS, 0);
	must_hold_with(&r, "faults.down.down", units_format_duration(ns - NS_PER_MS, less));
	shrink_free(&r);
}
END_TEST

START_TEST(what_does_not_matter_is_the_default)
{
	/* Long prompts are late; how many and how long is not the point. */
	struct shrink_result r = shrunk(SCENARIO("replay",
	        "\"faults\":[{\"id\":\"outlier\",\"kind\":\"shape.outlier\",\"target\":\"t\","
	        "\"at\":\"2s\",\"for\":\"3s\",\"share\":0.9,\"prompt_tokens\":{\"dist\":"
	        "\"constant\",\"value\":1000}}],\"slo\":[" TTFT_30 "],\"expect\":[" ALL_GOOD "]"));

	check_left(&r, "all-good", "outlier");
	must_be(&r, "faults.outlier.share", "absent");
	must_be(&r, "traffic.0.timeout", "absent");
	must_be(&r, "faults.outlier.prompt_tokens", "absent");
	shrink_free(&r);
}
END_TEST

/* --- the search -------------------------------------------------------------------------- */

static char *written(const struct shrink_result *r)
{
	struct json_out o;

	json_out_init(&o, 2);
	json_out_open(&o, NULL, '{');
	shrink_write(r, "again", &o);
	shrink_differences(r, &o);
	json_out_close(&o);
	return o.buf;
}

#define TEN_FAULTS SCENARIO("fail", "\"faults\":[" HARMLESS(LOSS) "],\"expect\":[" NOTHING_LOST "]")

START_TEST(the_same_bytes_twice)
{
	struct shrink_result a = shrunk(TEN_FAULTS), b = shrunk(TEN_FAULTS);
	char *first = written(&a), *second = written(&b);

	ck_assert_str_eq(first, second);
	ck_assert_uint_eq(a.runs, b.runs);
	ck_assert_uint_eq(a.refused, b.refused);
	mem_free(first);
	mem_free(second);
	shrink_free(&a);
	shrink_free(&b);
}
END_TEST

START_TEST(it_is_a_fixed_point)
{
	struct shrink_result a = shrunk(TEN_FAULTS), b;
	struct shrink_request request = {.max_runs = SHRINK_RUNS_DEFAULT};
	struct error err = ERROR_INIT;
	char *first = written(&a), *second;

	ck_assert_int_eq(shrink(a.smallest, &request, &never, &b, &err), 0);
	check_left(&b, "nothing-lost", "loss");
	mem_free(first);
	first = written(&b);
	ck_assert_ptr_nonnull(strstr(first, "\"changed\": []"));
	second = strstr(first, "\"removed\"");
	ck_assert_ptr_nonnull(second);
	mem_free(first);
	shrink_free(&a);
	shrink_free(&b);
}
END_TEST

START_TEST(few_runs_still_give_an_answer)
{
	for (uint64_t runs = 1; runs < 30; runs += 1 + runs / 4) {
		struct shrink_request request = {.max_runs = runs};
		struct shrink_result r = shrunk_with(TEN_FAULTS, &request, &never);

		ck_assert_int_eq(r.end, SHRINK_DONE);
		ck_assert_int_eq(r.cut, r.runs < runs ? SHRINK_WHOLE : SHRINK_CUT_RUNS);
		ck_assert_uint_le(r.runs, runs);
		check_misses(r.smallest, &r, true);
		shrink_free(&r);
	}
}
END_TEST

static volatile sig_atomic_t stop;

static void stop_when_found(void *ctx, const char *line, bool stage_ends)
{
	(void)ctx, (void)stage_ends;
	if (strstr(line, " 1 of 10 faults"))
		stop = SIGINT;
}

START_TEST(an_interrupt_keeps_the_best)
{
	struct shrink_request request = {.max_runs = SHRINK_RUNS_DEFAULT, .say = stop_when_found};
	struct shrink_result r = shrunk_with(TEN_FAULTS, &request, &stop);
	char *text = written(&r);

	check_left(&r, "nothing-lost", "loss");
	ck_assert_int_eq(r.cut, SHRINK_CUT_INTERRUPT);
	ck_assert_ptr_nonnull(strstr(text, "interrupted"));
	ck_assert_int_eq(r.smallest->duration_ns, r.original->duration_ns); /* it went no further */
	mem_free(text);
	shrink_free(&r);
	r = shrunk_with(TEN_FAULTS, &request, &stop); /* in the first run: nothing is known */
	ck_assert_int_eq(r.end, SHRINK_UNDECIDED);
	ck_assert_int_eq(r.cut, SHRINK_CUT_INTERRUPT);
	ck_assert_ptr_null(r.smallest);
	shrink_free(&r);
}
END_TEST

START_TEST(nothing_to_shrink)
{
	struct shrink_result r = shrunk(SCENARIO("fail", "\"expect\":[" NOTHING_LOST "]"));

	ck_assert_int_eq(r.end, SHRINK_HELD);
	ck_assert_int_eq(r.exit_code, 0);
	ck_assert_ptr_null(r.smallest);
	shrink_free(&r);
	r = shrunk(SCENARIO("fail", "\"expect\":[{\"kind\":\"reached\",\"path\":\"spare_used\"}]"));
	ck_assert_int_eq(r.end, SHRINK_UNDECIDED);
	ck_assert_int_eq(r.exit_code, 4);
	shrink_free(&r);
	r = shrunk(SCENARIO("fail", "\"expect\":[" NOTHING_LOST "],\"abort\":[{\"signal\":"
	                            "\"in_flight\",\"op\":\">=\",\"value\":0}]"));
	ck_assert_int_eq(r.end, SHRINK_ABORTED);
	ck_assert_int_eq(r.exit_code, 5);
	shrink_free(&r);
}
END_TEST

START_TEST(another_than_the_first)
{
	const char *text = SCENARIO("fail",
	        "\"faults\":[" HARMLESS(LOSS) "],\"expect\":[" NOTHING_LOST
	                                      ",{\"id\":\"held\",\"kind\":\"corrupt_tokens\"},"
	                                      "{\"kind\":\"ttd\",\"fault\":\"flap\",\"max\":"
	                                      "\"1ms\"}]");
	struct shrink_request request = {.max_runs = SHRINK_RUNS_DEFAULT, .expect = "expect-3"};
	struct shrink_result r = shrunk_with(text, &request, &never);
	struct scenario *s = scenario_text(text);
	struct error err = ERROR_INIT;

	check_left(&r, "expect-3", "flap");
	shrink_free(&r);
	request.expect = "held";
	r = shrunk_with(text, &request, &never);
	ck_assert_int_eq(r.end, SHRINK_HELD);
	shrink_free(&r);
	request.expect = "nothing-lots";
	ck_assert_int_eq(shrink_check(s, &request, &err), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "nearest is 'nothing-lost'"));
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shrink");

	add_test(suite, "one of ten", one_of_ten);
	add_test(suite, "two of ten", two_of_ten);
	add_test(suite, "none", none_is_to_blame);
	add_test(suite, "group", the_first_of_a_group_goes);
	add_test(suite, "chain", a_chain_is_cut_where_it_can_be);
	add_test(suite, "named", the_fault_that_is_asked_about_stays);
	add_test(suite, "manner", late_is_not_never);
	add_test(suite, "every", one_occurrence_of_many);
	add_test(suite, "targets", one_target_of_many);
	add_test(suite, "rack", one_chip_of_a_rack);
	add_test(suite, "nodes", as_many_as_are_needed);
	add_test(suite, "delay", the_delay_that_is_just_too_long);
	add_test(suite, "stall", the_stall_that_is_just_too_long);
	add_test(suite, "defaults", what_does_not_matter_is_the_default);
	add_test(suite, "same bytes", the_same_bytes_twice);
	add_test(suite, "fixed point", it_is_a_fixed_point);
	add_test(suite, "few runs", few_runs_still_give_an_answer);
	add_test(suite, "interrupt", an_interrupt_keeps_the_best);
	add_test(suite, "nothing", nothing_to_shrink);
	add_test(suite, "another", another_than_the_first);
	return run_suite(suite);
}
