/* The engine of campaigns: lines, their file, threads; and that threads change no cell. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/run/campaign_dir.h"
#include "harness/run/campaign_pool.h"
#include "harness/run/campaign_progress.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

/* --- lines --------------------------------------------------------------------------- */

START_TEST(the_index_of_a_line)
{
	static const struct {
		const char *line;
		bool good;
		uint64_t index;
	} cases[] = {
	        {"{\"index\":0}", true, 0},
	        {"{\"index\":17,\"cell\":\"seed 18\"}", true, 17},
	        {"{\"index\":99999999,\"a\":{}}", true, 99999999},
	        {"", false, 0},
	        {"{}", false, 0},
	        {"{\"index\":}", false, 0},
	        {"{\"index\":-1}", false, 0},
	        {"{\"index\":1.5}", false, 0},
	        {"{\"index\":01}", false, 0},
	        {"{\"index\": 1}", false, 0},
	        {"{\"index\":1", false, 0},
	        {"{\"index\":1,\"a\":2", false, 0},
	        {"{\"index\":1}}", false, 0},
	        {"{\"index\":99999999999999999999}", false, 0},
	        {" {\"index\":1}", false, 0},
	        {"{\"cell\":1,\"index\":1}", false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t index = 0;

		ck_assert_msg(campaign_line_index(cases[i].line, strlen(cases[i].line), &index) ==
		                      cases[i].good,
		        "%s", cases[i].line);
		ck_assert_uint_eq(index, cases[i].index);
	}
	ck_assert(!campaign_line_index("{\"index\":1,\0}", 13, &(uint64_t){0}));
}
END_TEST

/* --- their file ---------------------------------------------------------------------- */

static char folder[PATH_MAX];

static void make_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "%s/lpuchaos-campaign-XXXXXX",
	        getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void add(struct campaign_cells *c, uint64_t index)
{
	struct error err = ERROR_INIT;
	char line[64];
	int n = snprintf(
	        line, sizeof(line), "{\"index\":%d,\"twice\":%d}", (int)index, 2 * (int)index);

	ck_assert_int_eq(campaign_cells_add(c, index, line, (size_t)n, &err), ERR_NONE);
}

static void expect_line(struct campaign_cells *c, uint64_t index)
{
	struct error err = ERROR_INIT;
	char expected[64];
	const char *line;

	(void)snprintf(expected, sizeof(expected), "{\"index\":%d,\"twice\":%d}", (int)index,
	        2 * (int)index);
	ck_assert_int_eq(campaign_cells_read(c, index, &line, &err), ERR_NONE);
	ck_assert_str_eq(line, expected);
}

/* Added in any order, read by index, found again, sorted, and found again. */
START_TEST(cells_come_and_stay)
{
	static const uint64_t order[] = {7, 2, 9, 0, 3};
	struct error err = ERROR_INIT;
	struct campaign_cells c;

	make_folder();
	ck_assert_int_eq(campaign_cells_open(&c, folder, 10, true, &err), ERR_NONE);
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		add(&c, order[i]);
	for (int pass = 0; pass < 3; pass++) {
		ck_assert_uint_eq(c.n_there, ARRAY_LEN(order));
		for (size_t i = 0; i < ARRAY_LEN(order); i++)
			expect_line(&c, order[i]);
		ck_assert_uint_eq(c.lines[1].n, 0);
		if (pass == 1)
			ck_assert_int_eq(campaign_cells_sort(&c, folder, &err), ERR_NONE);
		campaign_cells_close(&c);
		ck_assert_int_eq(campaign_cells_open(&c, folder, 10, true, &err), ERR_NONE);
	}
	for (size_t i = 1; i < 10; i++)
		ck_assert(c.lines[i].n == 0 || c.lines[i].at > 0);
	ck_assert_uint_eq(c.lines[0].at, 0);
	campaign_cells_close(&c);
	remove_folder();
}
END_TEST

/* Whatever the byte at which a writer died: whole lines are kept, the torn one is cut off. */
START_TEST(every_place_to_die)
{
	char path[PATH_MAX + 16];
	struct error err = ERROR_INIT;
	struct campaign_cells c;
	uint64_t end, second;

	make_folder();
	(void)snprintf(path, sizeof(path), "%s/cells.jsonl", folder);
	ck_assert_int_eq(campaign_cells_open(&c, folder, 10, true, &err), ERR_NONE);
	add(&c, 4);
	second = c.end;
	add(&c, 5);
	end = c.end;
	for (; end > second; end--) {
		uint64_t there = end == c.end ? 2 : 1;
		struct campaign_cells again;

		ck_assert_int_eq(truncate(path, (off_t)end), 0);
		ck_assert_int_eq(campaign_cells_open(&again, folder, 10, false, &err), ERR_NONE);
		ck_assert_uint_eq(again.n_there, there);
		ck_assert_uint_eq(again.dropped, there == 2 ? 0 : end - second);
		ck_assert_uint_eq(again.end, there == 2 ? end : second);
		campaign_cells_close(&again);
	}
	campaign_cells_close(&c);
	remove_folder();
}
END_TEST

/* A disk that is full: an error, and the cell stays missing. */
START_TEST(no_room)
{
	struct error err = ERROR_INIT;
	struct campaign_cells c;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(full, 0);
	make_folder();
	ck_assert_int_eq(campaign_cells_open(&c, folder, 10, true, &err), ERR_NONE);
	add(&c, 4);
	ck_assert_int_ge(dup2(full, c.fd), 0);
	ck_assert_int_eq(campaign_cells_add(&c, 5, "{\"index\":5}", 11, &err), ERR_ENVIRONMENT);
	ck_assert_ptr_nonnull(strstr(err.text, "cannot write cells.jsonl"));
	ck_assert_uint_eq(c.n_there, 1);
	ck_assert_uint_eq(c.lines[5].n, 0);
	campaign_cells_close(&c);
	(void)close(full);
	remove_folder();
}
END_TEST

START_TEST(verdicts_in_order)
{
	static const enum verdict order[] = {
	        VERDICT_PASS, VERDICT_INCONCLUSIVE, VERDICT_ABORTED, VERDICT_FAIL};

	for (size_t a = 0; a < ARRAY_LEN(order); a++)
		for (size_t b = 0; b < ARRAY_LEN(order); b++)
			ck_assert(campaign_is_worse(order[a], order[b]) == (a > b));
}
END_TEST

/* --- threads ------------------------------------------------------------------------- */

enum { CELLS = 60 };

struct gathered {
	uint64_t next, n;
	char *lines[CELLS];
	uint64_t stop_after;
	volatile sig_atomic_t interrupt;
};

static bool next(void *ctx, uint64_t *index)
{
	struct gathered *g = ctx;

	*index = g->next++;
	return *index < CELLS;
}

static enum status done(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err)
{
	struct gathered *g = ctx;

	ck_assert(index < CELLS && !g->lines[index]);
	ck_assert(brief->requests > 0);
	g->lines[index] = mem_alloc(n + 1, 1);
	memcpy(g->lines[index], line, n);
	if (++g->n == g->stop_after)
		return error_set(err, ERR_ENVIRONMENT, "no room for cell %d", (int)index);
	return ERR_NONE;
}

static const char text[] =
        "{\"version\":1,\"name\":\"a\",\"duration\":\"1s\",\"deployment\":{\"pools\":[{\"name\":"
        "\"p\",\"instances\":2,\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":4,"
        "\"prefill_tokens_per_frame\":64}]}]},\"traffic\":[{\"name\":\"t\",\"tier\":\"x\","
        "\"arrival\":{\"process\":\"poisson\",\"rate\":30},\"prompt_tokens\":{\"dist\":\"uniform\","
        "\"min\":1,\"max\":300},\"output_tokens\":{\"dist\":\"constant\",\"value\":5}}],\"faults\":"
        "[{\"id\":\"die\",\"kind\":\"chip.loss\",\"target\":\"any(1)\",\"at\":\"400ms\"}],"
        "\"slo\":[{\"id\":\"s\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"quantile\":0.5,\"max\":"
        "\"40ms\"}],\"expect\":[{\"id\":\"e\",\"kind\":\"lost_requests\",\"max\":0}]}";

static void gather(
        const struct campaign_state *state, uint32_t jobs, struct gathered *g, struct error *err)
{
	struct campaign_work work = {.mode = &campaign_seeds,
	        .state = state,
	        .interrupt = &g->interrupt,
	        .jobs = jobs,
	        .next = next,
	        .done = done,
	        .ctx = g};

	ck_assert_int_eq(campaign_pool_run(&work, err), err->code);
}

static void forget(struct gathered *g)
{
	for (int i = 0; i < CELLS; i++)
		mem_free(g->lines[i]);
}

START_TEST(threads_change_no_cell)
{
	struct campaign_request request = {.by_seeds = true, .seed_first = 3, .seed_last = 62};
	struct gathered *one = mem_alloc(1, sizeof(*one)), *more = mem_alloc(1, sizeof(*more));
	struct scenario *s = scenario_text(text);
	struct campaign_state *state;
	struct error err = ERROR_INIT;
	uint64_t n;

	ck_assert_int_eq(campaign_seeds.open(s, &request, &state, &n, &err), ERR_NONE);
	ck_assert_uint_eq(n, CELLS);
	gather(state, 1, one, &err);
	gather(state, 4, more, &err);
	ck_assert_int_eq(err.code, ERR_NONE);
	ck_assert_uint_eq(more->n, CELLS);
	for (int i = 0; i < CELLS; i++)
		ck_assert_str_eq(one->lines[i], more->lines[i]);
	for (int i = 1; i < CELLS; i++)
		ck_assert_str_ne(strstr(one->lines[i], "sha256"), strstr(one->lines[0], "sha256"));
	campaign_seeds.close(state);
	scenario_free(s);
	forget(one);
	forget(more);
	mem_free(one);
	mem_free(more);
}
END_TEST

/* The first error is the campaign's, no thread goes on, and none is left. */
START_TEST(an_error_ends_it)
{
	struct campaign_request request = {.by_seeds = true, .seed_first = 1, .seed_last = CELLS};
	struct gathered *g = mem_alloc(1, sizeof(*g));
	struct scenario *s = scenario_text(text);
	struct campaign_state *state;
	struct error err = ERROR_INIT;
	uint64_t n;

	g->stop_after = 5;
	ck_assert_int_eq(campaign_seeds.open(s, &request, &state, &n, &err), ERR_NONE);
	gather(state, 3, g, &err);
	ck_assert_int_eq(err.code, ERR_ENVIRONMENT);
	ck_assert_ptr_nonnull(strstr(err.text, "no room for cell"));
	ck_assert_uint_eq(g->n, 5);
	forget(g);
	*g = (struct gathered){.interrupt = SIGINT};
	err = (struct error)ERROR_INIT;
	gather(state, 3, g, &err);
	ck_assert_int_eq(err.code, ERR_NONE);
	ck_assert_uint_eq(g->n, 0);
	campaign_seeds.close(state);
	scenario_free(s);
	mem_free(g);
}
END_TEST

/* Lines that are JSON and no cells of this scenario are errors, not guesses. */
START_TEST(lines_of_others)
{
	static const char *const lines[] = {
	        "[]",
	        "{\"index\":0}",
	        "{\"index\":0,\"verdict\":\"good\"}",
	        "{\"index\":0,\"verdict\":\"pass\",\"seed\":1}",
	        "{\"index\":0,\"verdict\":\"pass\",\"seed\":1,\"slo\":[{}],\"expect\":[]}",
	        "{\"index\":0,\"verdict\":\"pass\",\"seed\":1,\"slo\":[{\"verdict\":\"pass\","
	        "\"observed\":\"x\"}],\"expect\":[]}",
	        "{\"index\":0,\"verdict\":\"pass\",\"seed\":1,\"slo\":[{\"verdict\":\"pass\","
	        "\"observed\":1}],\"expect\":[{\"verdict\":\"pass\",\"observed\":null}],\"faults\":"
	        "[]}",
	};
	struct campaign_request request = {.by_seeds = true, .seed_first = 1, .seed_last = 2};
	struct scenario *s = scenario_text(text);
	struct campaign_state *state;
	struct error err = ERROR_INIT;
	uint64_t n;

	ck_assert_int_eq(campaign_seeds.open(s, &request, &state, &n, &err), ERR_NONE);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct json *doc;

		err = (struct error)ERROR_INIT;
		ck_assert_int_eq(json_parse("l", lines[i], strlen(lines[i]), &doc, &err), ERR_NONE);
		ck_assert_msg(campaign_seeds.fold(state, json_root(doc), &err) == ERR_USAGE, "%s",
		        lines[i]);
		json_free(doc);
	}
	campaign_seeds.close(state);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("run_campaign");

	add_test(suite, "index", the_index_of_a_line);
	add_test(suite, "cells", cells_come_and_stay);
	add_test(suite, "torn", every_place_to_die);
	add_test(suite, "room", no_room);
	add_test(suite, "verdicts", verdicts_in_order);
	add_test(suite, "threads", threads_change_no_cell);
	add_test(suite, "error", an_error_ends_it);
	add_test(suite, "others", lines_of_others);
	return run_suite(suite);
}
