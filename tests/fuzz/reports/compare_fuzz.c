/* Foreign results, histograms and lines of campaigns: any bytes are either refused in one line or
 * compared with themselves without a regression. */
#include <string.h>

#include "harness/base/json.h"
#include "reports/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct compare_run *run, const struct compare_campaign *campaign)
{
	struct compare_options options = {0, COMPARE_CONFIDENCE};
	struct compare c;
	struct json_out o;
	struct text t;

	compare_init(&c, &options);
	c.base = c.new = "fuzz";
	if (run)
		compare_runs(&c, run, run);
	else
		compare_campaigns(&c, campaign, campaign);
	compare_judge(&c);
	CHECK(compare_exit_code(&c) != 1);
	json_out_init(&o, 0);
	compare_json(&c, &o);
	json_out_free(&o);
	text_init(&t, 1 << 24);
	compare_text(&c, &t);
	compare_markdown(&c, &t);
	compare_junit(&c, &t);
	text_free(&t);
	compare_free(&c);
}

/* {"result": …, "histograms": …} or a result alone. */
static void fuzz_run(struct jval root)
{
	struct jval result = json_get(root, "result"), histograms = json_get(root, "histograms");
	struct compare_run run = {.path = "fuzz"};
	struct error err = ERROR_INIT;
	struct arena arena;

	arena_init(&arena, 0);
	if (json_type(result) == JSON_NONE)
		result = root;
	if (!compare_run_read(result, &arena, &run, &err) &&
	        (json_type(histograms) == JSON_NONE || run.partial ||
	                !compare_run_histograms(histograms, &run, &err)))
		judge(&run, NULL);
	compare_run_free(&run);
	arena_free(&arena);
}

static void fuzz_campaign(struct jval lines)
{
	struct compare_campaign c = {.path = "fuzz", .scenario = "fuzz"};
	struct error err = ERROR_INIT;
	struct arena arena;

	arena_init(&arena, 0);
	c.arena = &arena;
	for (struct jval v = json_first(lines); json_type(v) != JSON_NONE; v = json_next(v))
		if (compare_campaign_line(&c, v, &err))
			break;
	if (!err.code && c.n)
		judge(NULL, &c);
	compare_campaign_free(&c);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	if (json_parse("fuzz", (const char *)data, size, &doc, &err))
		return 0;
	if (json_type(json_root(doc)) == JSON_ARRAY)
		fuzz_campaign(json_root(doc));
	else
		fuzz_run(json_root(doc));
	json_free(doc);
	return 0;
}
