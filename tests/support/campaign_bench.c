#include "tests/support/campaign_bench.h"

#include <stdlib.h>
#include <string.h>

static void must(enum status st, const struct error *err)
{
	char line[1024];

	if (!st)
		return;
	error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s\n", line);
	UNREACHABLE("a campaign's step must succeed");
}

static struct json *parse(const char *text, size_t n)
{
	struct error err = ERROR_INIT;
	struct json *doc = NULL;

	must(json_parse("campaign", text, n, &doc, &err), &err);
	return doc;
}

static void play_cell(struct campaign_bench *b, const struct campaign_mode *mode,
        struct campaign_state *state, uint64_t index)
{
	struct campaign_brief brief = {.verdict = VERDICT_ABORTED};
	struct error err = ERROR_INIT;
	struct json_out line;
	struct json *doc;

	json_out_init(&line, 0);
	json_out_open(&line, NULL, '{');
	json_out_u64(&line, "index", index);
	must(mode->play(state, index, NULL, &line, &brief, &err), &err);
	json_out_close(&line);
	CHECK(brief.verdict != VERDICT_ABORTED && brief.name[0] && brief.requests);
	doc = parse(line.buf, line.n);
	must(mode->fold(state, json_root(doc), &err), &err);
	json_free(doc);
	b->lines[index] = line.buf;
}

void campaign_bench_play(struct campaign_bench *b, const struct campaign_mode *mode,
        const struct scenario *s, const struct campaign_request *request)
{
	struct error err = ERROR_INIT;
	struct campaign_state *state;
	struct json_out out;
	size_t size;
	FILE *text;

	*b = (struct campaign_bench){0};
	must(mode->open(s, request, &state, &b->n, &err), &err);
	b->lines = mem_alloc(b->n + 1, sizeof(*b->lines));
	for (uint64_t i = 0; i < b->n; i++)
		play_cell(b, mode, state, i);
	text = open_memstream(&b->text, &size);
	CHECK(text);
	json_out_init(&out, 0);
	json_out_open(&out, NULL, '{');
	b->verdict = mode->finish(state, &out, text);
	json_out_close(&out);
	(void)fclose(text);
	b->result = parse(out.buf, out.n);
	json_out_free(&out);
	mode->close(state);
}

void campaign_bench_free(struct campaign_bench *b)
{
	for (uint64_t i = 0; i < b->n; i++)
		mem_free(b->lines[i]);
	mem_free(b->lines);
	json_free(b->result);
	free(b->text);
	*b = (struct campaign_bench){0};
}
