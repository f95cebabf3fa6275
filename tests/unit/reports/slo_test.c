#include "reports/score.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

#include <string.h>

static const char *const tiers[] = {"interactive", "batch"};
static const char *const faults[] = {"flap", "loss"};
static const char *const pools[] = {"short"};
static const struct score_names names = {.n_tiers = 2,
        .n_faults = 2,
        .n_pools = 1,
        .tiers = tiers,
        .faults = faults,
        .pools = pools};

static struct json *doc;
static struct arena arena;

static enum status parse(const char *text, struct score_rules *rules, struct error *err)
{
	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(json_parse("s.json", text, strlen(text), &doc, err), ERR_NONE);
	return score_rules_parse(json_root(doc), &names, &arena, rules, err);
}

static void release(void)
{
	json_free(doc);
	arena_free(&arena);
}

START_TEST(everything_is_read)
{
	static const char text[] =
	        "{\"slo\":[{\"id\":\"a\",\"tier\":\"batch\",\"metric\":\"tpot_ms\",\"quantile\":0."
	        "9,"
	        "\"max\":\"40ms\",\"window\":\"fault\",\"max_refused\":\"2%\",\"want\":\"miss\"},"
	        "{\"tier\":\"interactive\",\"metric\":\"ttft_ms\",\"max\":\"1s\"}],"
	        "\"expect\":[{\"id\":\"f\",\"kind\":\"ttf\",\"fault\":\"loss\",\"max\":\"1s\"},"
	        "{\"id\":\"n\",\"kind\":\"lost_requests\",\"max\":3},{\"kind\":\"corrupt_tokens\"},"
	        "{\"kind\":\"critical_path_in_rack\",\"scope\":\"pod\"},"
	        "{\"kind\":\"goodput_fraction\",\"min\":0.5,\"tier\":\"batch\",\"window\":"
	        "\"after\"},"
	        "{\"kind\":\"isolation\",\"tier\":\"interactive\"},{\"kind\":\"ttr\",\"max\":"
	        "\"2s\"}],"
	        "\"abort\":[{\"signal\":\"error_ratio\",\"op\":\">\",\"value\":0.5,\"for\":\"2s\"},"
	        "{\"signal\":\"pool.queue_ms\",\"pool\":\"short\",\"op\":\"<=\",\"value\":\"50ms\"}"
	        "]}";
	struct error err = ERROR_INIT;
	struct score_rules r;

	ck_assert_int_eq(parse(text, &r, &err), ERR_NONE);
	ck_assert_uint_eq(r.n_slo, 2);
	ck_assert_str_eq(r.slo[0].id, "a");
	ck_assert_uint_eq(r.slo[0].tier, 1);
	ck_assert_int_eq(r.slo[0].metric, METRIC_TPOT);
	ck_assert_double_eq(r.slo[0].quantile, 0.9);
	ck_assert_int_eq(r.slo[0].limit_ns, 40 * NS_PER_MS);
	ck_assert_int_eq(r.slo[0].window, WINDOW_FAULT);
	ck_assert_double_eq(r.slo[0].max_refused, 0.02);
	ck_assert(r.slo[0].want_miss);
	ck_assert_str_eq(r.slo[1].id, "slo-2");
	ck_assert_double_eq(r.slo[1].quantile, 0.99);
	ck_assert_int_eq(r.slo[1].window, WINDOW_ALL);
	ck_assert(!r.slo[1].want_miss);
	ck_assert_uint_eq(r.n_expect, 7);
	ck_assert_uint_eq(r.expect[0].fault, 1);
	ck_assert_int_eq(r.expect[0].max_ns, NS_PER_S);
	ck_assert_double_eq(r.expect[1].max, 3);
	ck_assert_double_eq(r.expect[2].max, 0);
	ck_assert(r.expect[2].has_max);
	ck_assert(r.expect[3].scope_pod);
	ck_assert(r.expect[4].has_min && !r.expect[4].has_max);
	ck_assert_int_eq(r.expect[4].window, WINDOW_AFTER);
	ck_assert_uint_eq(r.expect[6].fault, UINT32_MAX);
	ck_assert_uint_eq(r.n_abort, 2);
	ck_assert(r.abort[0].greater && !r.abort[0].or_equal);
	ck_assert(!r.abort[1].greater && r.abort[1].or_equal);
	ck_assert_double_eq(r.abort[1].value, 50);
	ck_assert_str_eq(r.abort[1].pool, "short");
	release();
}
END_TEST

START_TEST(absent_lists_are_empty)
{
	struct error err = ERROR_INIT;
	struct score_rules r;

	ck_assert_int_eq(parse("{}", &r, &err), ERR_NONE);
	ck_assert_uint_eq(r.n_slo + r.n_expect + r.n_abort, 0);
	release();
}
END_TEST

static const struct {
	const char *text, *path, *expected;
} bad[] = {
        {"{\"slo\":[{\"tier\":\"interactiv\",\"metric\":\"ttft_ms\",\"max\":\"1s\"}]}",
                "slo.0.tier", "nearest is interactive"},
        {"{\"slo\":[{\"tier\":\"batch\",\"metric\":\"ttft\",\"max\":\"1s\"}]}", "slo.0.metric",
                "ttft_ms"},
        {"{\"slo\":[{\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":300}]}", "slo.0.max",
                "duration"},
        {"{\"slo\":[{\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":\"1s\",\"quantile\":1}]}",
                "slo.0.quantile", "below 1"},
        {"{\"slo\":[{\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":\"1s\",\"quantile\":0}]}",
                "slo.0.quantile", "above 0"},
        {"{\"slo\":[{\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":\"1s\",\"window\":\"x\"}]}",
                "slo.0.window", "recovery"},
        {"{\"slo\":[{\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":\"1s\",\"windw\":\"all\"}]}",
                "slo.0.windw", "window"},
        {"{\"slo\":{}}", "slo", "array"},
        {"{\"expect\":[{\"kind\":\"ttf\",\"fault\":\"flop\",\"max\":\"1s\"}]}", "expect.0.fault",
                "nearest is flap"},
        {"{\"expect\":[{\"kind\":\"tff\",\"max\":\"1s\"}]}", "expect.0.kind", "nearest is ttf"},
        {"{\"expect\":[{\"kind\":\"ttf\"}]}", "expect.0", "max"},
        {"{\"expect\":[{\"kind\":\"isolation\",\"tier\":\"batch\"}]}", "expect.0.tier",
                "a tier that has an SLO"},
        {"{\"expect\":[{\"kind\":\"lost_requests\",\"max\":-1}]}", "expect.0.max", "expected"},
        {"{\"expect\":[{\"kind\":\"reached\"}]}", "expect.0", "path"},
        {"{\"expect\":[{\"kind\":\"reached\",\"path\":\"spare_usd\"}]}", "expect.0.path",
                "spare_used"},
        {"{\"expect\":[{\"kind\":\"reached\",\"path\":\"spare_used\",\"min\":0}]}", "expect.0.min",
                "at least 1"},
        {"{\"expect\":[{\"kind\":\"reached\",\"path\":\"spare_used\",\"tier\":\"batch\"}]}",
                "expect.0.tier", "expected"},
        {"{\"expect\":[7]}", "expect.0", "an object"},
        {"{\"abort\":[{\"signal\":\"pool.queue_ms\",\"value\":\"1s\"}]}", "abort.0", "pool"},
        {"{\"abort\":[{\"signal\":\"p99_ttft_ms\",\"value\":5}]}", "abort.0.value", "duration"},
        {"{\"abort\":[{\"signal\":\"in_flight\",\"value\":5,\"pool\":\"short\"}]}", "abort.0.pool",
                "no pool"},
        {"{\"slo\":[{\"id\":\"x\",\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":\"1s\"},"
         "{\"id\":\"x\",\"tier\":\"batch\",\"metric\":\"ttft_ms\",\"max\":\"1s\"}]}",
                "slo.x.id", "no earlier element"},
};

START_TEST(mistakes_are_placed)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;
		struct score_rules r;

		ck_assert_int_eq(parse(bad[i].text, &r, &err), ERR_USAGE);
		ck_assert_msg(
		        strcmp(err.path, bad[i].path) == 0, "%s: path %s", bad[i].text, err.path);
		ck_assert_msg(strstr(err.text, bad[i].expected), "%s: %s", bad[i].text, err.text);
		ck_assert_uint_eq(err.line, 1);
		release();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slo");

	add_test(suite, "all", everything_is_read);
	add_test(suite, "absent", absent_lists_are_empty);
	add_test(suite, "mistakes", mistakes_are_placed);
	return run_suite(suite);
}
