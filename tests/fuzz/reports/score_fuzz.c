/* Any bytes as score.json and, behind a zero, histograms.json: refused with a line, or what they
 * say is restored into a score that was fed with some requests, and into one that was not, and both
 * come to a verdict that can be written. */
#include <string.h>
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "reports/form.h"
#include "reports/render.h"
#include "reports/rescore_given.h"

enum { REQUESTS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char scenario[] =
        "{\"slo\":[{\"id\":\"chat-ttft\",\"tier\":\"interactive\",\"metric\":\"ttft_ms\",\"max\":"
        "\"60ms\"},"
        "{\"id\":\"gaps\",\"tier\":\"batch\",\"metric\":\"itl_ms\",\"quantile\":0.5,\"max\":"
        "\"9ms\"}],"
        "\"expect\":[{\"id\":\"ttf\",\"kind\":\"ttf\",\"fault\":\"loss\",\"max\":\"1s\"},"
        "{\"id\":\"good\",\"kind\":\"goodput_fraction\",\"min\":0.9},"
        "{\"id\":\"apart\",\"kind\":\"isolation\",\"tier\":\"interactive\"}]}";

static struct json *read(const char *name, const char *text, size_t n)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	if (json_parse(name, text, n, &doc, &err))
		return NULL;
	if (!form_check(form_of(name), json_root(doc), &err))
		return doc;
	CHECK(err.code == ERR_USAGE && err.text[0]);
	json_free(doc);
	return NULL;
}

static struct sample request(uint64_t i, const struct score_config *c)
{
	int64_t at = c->warmup_ns / 2 + (int64_t)i * 50 * NS_PER_MS;
	bool ok = i % 17 != 3;

	return (struct sample){.id = i + 1,
	        .tier = (uint32_t)(i % c->n_tiers),
	        .outcome = ok ? OUTCOME_OK : OUTCOME_TIMEOUT,
	        .t_sched = at,
	        .t_send = at,
	        .t_hdr = -1,
	        .t_first = ok ? at + NS_PER_MS : -1,
	        .t_last = ok ? at + 3 * NS_PER_MS : -1,
	        .t_done = at + 3 * NS_PER_MS,
	        .output_tokens = 3,
	        .itl_judged_ns = NS_PER_MS,
	        .attempts = 1};
}

static void feed(struct score *s, const struct rescore_given *g)
{
	uint32_t next = 0;

	for (uint64_t i = 0; i < REQUESTS && g->config.n_tiers; i++) {
		struct sample x = request(i, &g->config);

		for (; next < g->n_marks && g->marks[next].after <= i; next++)
			score_tell(s, &g->marks[next]);
		score_gaps(s, x.id, x.tier, NS_PER_MS, 2);
		score_sample(s, &x);
	}
	for (; next < g->n_marks; next++)
		score_tell(s, &g->marks[next]);
}

static void each(struct score *s, struct jval list,
        enum status (*restore)(struct score *s, struct jval v, struct error *err))
{
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		struct error err = ERROR_INIT;

		if (restore(s, v, &err))
			CHECK(err.code == ERR_USAGE && err.text[0]);
	}
}

static void conclude(struct score *s, struct rescore_given *g, struct jval score, bool was_fed)
{
	struct result_document d = {.score = s, .names = &g->names, .n_faults = g->names.n_faults};
	struct json_out o;

	each(s, json_get(score, "replicas"), score_restore_replicas);
	each(s, json_get(score, "pairs"), score_restore_pair);
	d.faults = g->faults;
	d.result = score_decide(s, g->faults, &g->facts);
	json_out_init(&o, 0);
	render_result(&d, &o);
	json_out_free(&o);
	json_out_init(&o, 0);
	render_histograms(&d, &o);
	json_out_free(&o);
	json_out_init(&o, 0);
	if (was_fed)
		render_faults(&d, &o);
	json_out_free(&o);
	score_free(s);
}

static void judge(struct json *score, struct json *histograms, struct json *rules)
{
	struct jval root = json_root(score);
	struct error err = ERROR_INIT;
	struct rescore_given given;
	struct arena arena;
	struct score *s;

	arena_init(&arena, (size_t)1 << 24);
	if (!rescore_given_read(root, json_root(rules), &arena, &given, &err)) {
		s = score_create(&given.config);
		feed(s, &given);
		score_finish(s);
		each(s, json_get(json_root(histograms), "groups"), score_restore_gaps);
		conclude(s, &given, root, true);
		s = score_create(&given.config);
		each(s, json_get(json_root(histograms), "groups"), score_restore_group);
		if (score_restore_columns(s, json_root(histograms), &err))
			CHECK(err.code == ERR_USAGE && err.text[0]);
		conclude(s, &given, root, false);
	}
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = memchr(data, 0, size);
	struct error err = ERROR_INIT;
	struct json *score, *histograms, *rules;

	if (!end || json_parse("rules", scenario, strlen(scenario), &rules, &err))
		return 0;
	score = read("score.json", text, (size_t)(end - text));
	histograms = read("histograms.json", end + 1, size - (size_t)(end - text) - 1);
	if (score && histograms)
		judge(score, histograms, rules);
	json_free(score);
	json_free(histograms);
	json_free(rules);
	return 0;
}
