/* Every fault is reverted, however its run ends: over the catalogue, so that a new kind is covered
 * with its record. The digest of the static state must be that of a rack that never had a fault. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "faults/catalogue.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define TEMPLATE                                                                                   \
	"{\"version\":1,\"name\":\"revert\",\"duration\":\"12s\",\"drain\":\"5s\","                \
	"\"deployment\":\"emulator/profiles/lpuv1-1rack.json\","                                   \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","                                             \
	"\"arrival\":{\"process\":\"poisson\",\"rate\":20},"                                       \
	"\"prompt_tokens\":{\"dist\":\"lognormal\",\"median\":500,\"p99\":2000},"                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":64},\"max_tokens\":256}],"             \
	"\"faults\":[%s],\"abort\":[{\"signal\":\"in_flight\",\"op\":\">=\",\"value\":0,"          \
	"\"for\":\"%s\"}]}"

/* The example of a kind with its times replaced, in a whole scenario. */
static void write_scenario(const struct fault_kind *kind, const char *times,
        const char *abort_after, char *out, size_t n)
{
	struct error err = ERROR_INIT;
	struct json_out o;
	struct json *doc;
	char fault[4096];

	ck_assert(json_parse("example", kind->example, strlen(kind->example), &doc, &err) ==
	          ERR_NONE);
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	for (struct jval m = json_first(json_root(doc)); m.item; m = json_next(m))
		if (strcmp(json_key(m), "at") != 0 && strcmp(json_key(m), "for") != 0 &&
		        !(strstr(times, "\"target\"") && strcmp(json_key(m), "target") == 0))
			json_out_value(&o, json_key(m), m, false);
	json_out_close(&o);
	o.buf[o.n - 1] = '\0'; /* goes on with its times */
	snprintf(fault, sizeof(fault), "%s,%s}", o.buf, times);
	snprintf(out, n, TEMPLATE, fault, abort_after);
	json_out_free(&o);
	json_free(doc);
}

static void check_run(const struct fault_kind *kind, const struct scenario *s, const char *times,
        const char *abort_after, bool aborted)
{
	struct virtual_samples run;
	const struct ledger_entry *e;

	virtual_samples_run(&run, s, VIRTUAL_ALL_FAULTS, true);
	e = &run.result.ledger.e[0];
	ck_assert_int_eq(run.result.aborted, aborted);
	ck_assert_msg(e->at[PHASE_INJECT] >= 0 && e->at[PHASE_REVERT] > e->at[PHASE_INJECT] &&
	                      e->at[PHASE_REVERT] <= run.result.ended_ns,
	        "%s, aborted after %s: injected at %lld, reverted at %lld", kind->name, abort_after,
	        (long long)e->at[PHASE_INJECT], (long long)e->at[PHASE_REVERT]);
	ck_assert_msg(e->clean, "%s with %s, aborted after %s: not clean", kind->name, times,
	        abort_after);
	virtual_samples_free(&run);
}

/* Run until it is over, or aborted after abort_after. */
static void reverted(
        const struct fault_kind *kind, const char *times, const char *abort_after, bool aborted)
{
	struct scenario *s;
	char text[8192];

	write_scenario(kind, times, abort_after, text, sizeof(text));
	s = scenario_text(text);
	check_run(kind, s, times, abort_after, aborted);
	scenario_free(s);
}

START_TEST(by_an_abort)
{
	static const char *const after[] = {"1010ms", "1020ms", "1060ms", "1270ms", "2s", "5500ms"};

	for (size_t i = 0; i < ARRAY_LEN(after); i++)
		reverted(fault_catalogue_at((size_t)_i), "\"at\":\"1001ms\"", after[i], true);
}
END_TEST

START_TEST(by_the_end)
{
	reverted(fault_catalogue_at((size_t)_i), "\"at\":\"1s\"", "1h", false);
	reverted(fault_catalogue_at((size_t)_i), "\"at\":\"11990ms\"", "1h", false);
}
END_TEST

START_TEST(in_the_run)
{
	static const char *const times[] = {"\"at\":\"1s\",\"for\":\"3ms\"",
	        "\"at\":\"1s\",\"for\":\"60ms\"", "\"at\":\"1s\",\"for\":\"7s\"",
	        "\"every\":\"210ms\",\"for\":\"90ms\"",
	        "\"every\":{\"law\":\"exponential\",\"mean\":\"400ms\"},\"for\":\"200ms\""};

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		reverted(fault_catalogue_at((size_t)_i), times[i], "1h", false);
}
END_TEST

/* Its targets are hit in turn: cut off when some were hit, and when all were. */
START_TEST(in_turn)
{
	static const char times[] = "\"target\":\"any(3)\",\"stagger\":\"400ms\",\"at\":\"1s\"";
	static const char *const after[] = {"1100ms", "1600ms", "1810ms", "4s"};
	unsigned tried = 0;

	for (size_t k = 0; k < fault_catalogue_count(); k++)
		for (size_t i = 0; i < ARRAY_LEN(after); i++) {
			const struct fault_kind *kind = fault_catalogue_at(k);
			struct error err = ERROR_INIT;
			struct scenario *s;
			struct json *doc;
			char text[8192];

			write_scenario(kind, times, after[i], text, sizeof(text));
			ck_assert(json_parse(LPC_SOURCE_DIR "/test.json", text, strlen(text), &doc,
			                  &err) == ERR_NONE);
			if (scenario_build(doc, files_new(false), &s, &err) != ERR_NONE)
				continue; /* has no three targets here, or none that are hit */
			check_run(kind, s, times, after[i], true);
			scenario_free(s);
			tried++;
		}
	ck_assert_uint_ge(tried, 6 * ARRAY_LEN(after));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("revert");
	TCase *tc = tcase_create("revert");
	int n = (int)fault_catalogue_count();

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, by_an_abort, 0, n);
	tcase_add_loop_test(tc, by_the_end, 0, n);
	tcase_add_loop_test(tc, in_the_run, 0, n);
	tcase_add_test(tc, in_turn);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
