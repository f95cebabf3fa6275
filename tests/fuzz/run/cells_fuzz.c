/* Any bytes as a line of cells.jsonl or as a manifest: refused with one line, or folded into a
 * summary; never a crash, never memory lost. The first byte says as what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/campaign_dir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
        "{\"scenario\":{\"version\":1,\"name\":\"a\",\"duration\":\"1s\",\"deployment\":{\"pools\":"
        "[{"
        "\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":4,"
        "\"prefill_tokens_per_frame\":64}]}]},\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","
        "\"arrival\":"
        "{\"process\":\"constant\",\"rate\":30},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":"
        "9},"
        "\"output_tokens\":{\"dist\":\"constant\",\"value\":5}}],\"faults\":[{\"id\":\"die\","
        "\"kind\":"
        "\"chip.loss\",\"target\":\"any(1)\",\"at\":\"400ms\"}],\"slo\":[{\"id\":\"s\",\"tier\":"
        "\"x\","
        "\"metric\":\"ttft_ms\",\"quantile\":0.5,\"max\":\"40ms\"}],\"expect\":[{\"id\":\"e\","
        "\"kind\":"
        "\"lost_requests\",\"max\":0}]},\"file\":\"a\",\"files\":{}}";

static const struct scenario *base(void)
{
	static struct scenario *s;
	struct error err = ERROR_INIT;

	if (!s)
		CHECK(scenario_from_plan(text, sizeof(text) - 1, &s, &err) == ERR_NONE);
	return s;
}

static void check_refusal(const struct error *err)
{
	char line[2048];

	CHECK(err->code == ERR_USAGE);
	CHECK(error_format(err, line, sizeof(line)) > 0);
	CHECK(strchr(line, '\n') == NULL);
}

static void finish(struct campaign_state *state)
{
	static FILE *nowhere;
	struct json_out o;
	enum verdict v;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	CHECK(nowhere);
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	v = campaign_seeds.finish(state, &o, nowhere);
	CHECK(v <= VERDICT_ABORTED);
	json_out_close(&o);
	json_out_free(&o);
}

static void fold(struct json *doc)
{
	struct campaign_request request = {.by_seeds = true, .seed_first = 1, .seed_last = 9};
	struct campaign_state *state;
	struct error err = ERROR_INIT;
	uint64_t n;

	CHECK(campaign_seeds.open(base(), &request, &state, &n, &err) == ERR_NONE);
	if (campaign_seeds.fold(state, json_root(doc), &err))
		check_refusal(&err);
	else
		finish(state);
	campaign_seeds.close(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct campaign_manifest m;
	struct error err = ERROR_INIT;
	struct json *doc;
	uint64_t index;

	if (size == 0)
		return 0;
	if (campaign_line_index((const char *)data + 1, size - 1, &index))
		CHECK(index <= CAMPAIGN_CELLS_MAX * 10 + 9);
	if (json_parse("fuzz", (const char *)data + 1, size - 1, &doc, &err)) {
		check_refusal(&err);
		return 0;
	}
	if (data[0] % 2)
		fold(doc);
	else if (campaign_manifest_read(doc, &m, &err))
		check_refusal(&err);
	else
		CHECK(m.n_cells > 0 && m.shard <= m.shards && campaign_mode_name(&m.request));
	json_free(doc);
	return 0;
}
