#include "tests/support/contingency_bench.h"

#include <string.h>

#include "harness/base/arena.h"

static void must(enum status st, const struct error *err)
{
	char line[1024];

	if (!st)
		return;
	(void)error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s\n", line);
	UNREACHABLE("a campaign's step must succeed");
}

void contingency_bench_open(struct contingency_bench *b, const struct scenario *s,
        const struct campaign_request *request)
{
	struct error err = ERROR_INIT;

	*b = (struct contingency_bench){.s = s};
	must(campaign_contingency.open(s, request, &b->state, &b->n, &err), &err);
}

void contingency_bench_close(struct contingency_bench *b)
{
	campaign_contingency.close(b->state);
}

char *contingency_bench_line(const struct contingency_bench *b, uint64_t index)
{
	struct campaign_brief brief = {.verdict = VERDICT_ABORTED};
	struct error err = ERROR_INIT;
	struct json_out line;

	json_out_init(&line, 0);
	json_out_open(&line, NULL, '{');
	json_out_u64(&line, "index", index);
	must(campaign_contingency.play(b->state, index, NULL, &line, &brief, &err), &err);
	json_out_close(&line);
	CHECK(brief.verdict != VERDICT_ABORTED && brief.name[0]);
	return line.buf;
}

char *contingency_bench_anonymous(const char *line)
{
	static const char *const hidden[] = {
	        "\"index\":", "\"cell\":", "\"stands_for\":", "\"component\":"};
	char *out = mem_alloc(strlen(line) + 1, 1), *to = out;

	while (*line) {
		for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
			if (strncmp(line, hidden[i], strlen(hidden[i])) == 0)
				line += strcspn(line, ",");
		*to++ = *line++;
	}
	return out;
}

void contingency_twins_open(struct contingency_twins *t, const struct scenario *s,
        const struct campaign_request *request)
{
	struct campaign_request all = *request;

	all.all = true;
	contingency_bench_open(&t->reps, s, request);
	contingency_bench_open(&t->all, s, &all);
	CHECK(t->all.n == t->all.state->cells.n_all);
	t->said = mem_alloc(t->reps.n + 1, sizeof(*t->said));
}

void contingency_twins_close(struct contingency_twins *t)
{
	for (uint64_t i = 0; i < t->reps.n; i++)
		mem_free(t->said[i]);
	mem_free(t->said);
	contingency_bench_close(&t->reps);
	contingency_bench_close(&t->all);
}

static char *said_by(const struct contingency_bench *b, uint64_t index)
{
	char *line = contingency_bench_line(b, index);
	char *said = contingency_bench_anonymous(line);

	mem_free(line);
	return said;
}

void contingency_twins_check(struct contingency_twins *t, uint64_t index)
{
	struct contingency_cell cell = contingency_cell_at(&t->all.state->cells, index);
	uint64_t rep = contingency_cell_of(&t->reps.state->cells, cell.unit[0], cell.unit[1]);
	char *said = said_by(&t->all, index);

	if (!t->said[rep])
		t->said[rep] = said_by(&t->reps, rep);
	if (strcmp(said, t->said[rep]) != 0) {
		char name[CAMPAIGN_CELL_NAME];

		contingency_cell_name(&t->all.state->cells, &cell, name);
		(void)fprintf(
		        stderr, "%s:\n%s\nits representative:\n%s\n", name, said, t->said[rep]);
		UNREACHABLE("symmetric contingencies have one result");
	}
	mem_free(said);
}
