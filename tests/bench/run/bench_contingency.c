/* Campaigns of contingencies on the suites that ship: seconds for all single losses of the default
 * rack and for all pairs, on one thread and on two, by symmetry and with every one run; and how
 * much of a cell is not the run itself, which is kept beside it: the same traffic and losses,
 * played bare, without scorer, twin or line.
 *
 * Pairs with every one run are 119,805 cells. Of these only every 20th is played and the time
 * multiplied, unless `full` is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/units.h"
#include "harness/run/campaign_pool.h"
#include "harness/run/contingency.h"
#include "harness/run/drive_virtual.h"

enum { STRIDE = 20 };

struct sweep {
	uint64_t next, step, n, cells, requests, bytes;
};

static void must(enum status st, const struct error *err)
{
	char line[1024];

	if (!st)
		return;
	(void)error_format(err, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool take_cell(void *ctx, uint64_t *index)
{
	struct sweep *s = ctx;

	*index = s->next;
	s->next += s->step;
	return *index < s->n;
}

static enum status count_cell(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err)
{
	struct sweep *s = ctx;

	(void)index, (void)line, (void)err;
	s->cells++;
	s->requests += brief->requests;
	s->bytes += n;
	return ERR_NONE;
}

/* CPU of one cell played bare. */
static double bare_cpu(const struct campaign_state *state, uint64_t n, uint64_t step)
{
	struct contingency_scenario *c = mem_alloc(1, sizeof(*c));
	double began = seconds(CLOCK_THREAD_CPUTIME_ID);
	uint64_t played = 0;

	for (uint64_t i = 0; i < n && played < 100; i += step * (n / step / 100 + 1), played++) {
		struct contingency_cell cell = contingency_cell_at(&state->cells, i);
		struct virtual_result result;
		struct error err = ERROR_INIT;

		contingency_derive(&state->losses, &cell, c);
		must(drive_virtual(&c->s,
		             &(struct virtual_options){
		                     .seed = c->s.seed, .without = VIRTUAL_ALL_FAULTS},
		             &result, &err),
		        &err);
		virtual_result_free(&result);
	}
	mem_free(c);
	return (seconds(CLOCK_THREAD_CPUTIME_ID) - began) / (double)played;
}

static double sweep_cells(const struct campaign_state *state, uint32_t jobs, struct sweep *s)
{
	static const volatile sig_atomic_t never;
	struct campaign_work work = {.mode = &campaign_contingency,
	        .state = state,
	        .interrupt = &never,
	        .jobs = jobs,
	        .next = take_cell,
	        .done = count_cell,
	        .ctx = s};
	struct error err = ERROR_INIT;
	double began = seconds(CLOCK_MONOTONIC);

	must(campaign_pool_run(&work, &err), &err);
	return seconds(CLOCK_MONOTONIC) - began;
}

static void bench(const struct scenario *s, enum contingency kind, bool all, uint64_t step)
{
	struct campaign_request request = {
	        .by_contingency = true, .contingency = (int)kind, .all = all};
	struct campaign_state *state;
	struct error err = ERROR_INIT;
	uint64_t n;
	double one = 0;

	must(campaign_contingency.open(s, &request, &state, &n, &err), &err);
	for (uint32_t jobs = 1; jobs <= 2; jobs++) {
		struct sweep sweep = {.step = step, .n = n};
		double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
		double wall = sweep_cells(state, jobs, &sweep), bare;

		cpu = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)sweep.cells;
		wall *= (double)n / (double)sweep.cells;
		printf("%-6s %-12s %2u thread%s %8.2f s%s %7llu cells of %6llu requests, %5.2f M "
		       "requests/s, %5llu bytes a line",
		        contingency_name(kind), all ? "every one" : "by symmetry", jobs,
		        jobs == 1 ? " " : "s", wall, step > 1 ? " (est.)" : "",
		        (unsigned long long)n, (unsigned long long)(sweep.requests / sweep.cells),
		        (double)sweep.requests / (double)sweep.cells * (double)n / wall / 1e6,
		        (unsigned long long)(sweep.bytes / sweep.cells));
		if (jobs == 1) {
			one = wall;
			bare = bare_cpu(state, n, step);
			printf("\n%22s CPU a cell %.3f ms, of a bare run %.3f ms: %.2f times\n", "",
			        cpu * 1e3, bare * 1e3, cpu / bare);
		} else {
			printf(", %.2f times one thread\n", one / wall);
		}
	}
	campaign_contingency.close(state);
}

int main(int argc, char **argv)
{
	uint64_t step = argc > 1 && strcmp(argv[1], "full") == 0 ? 1 : STRIDE;
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;

	must(scenario_load(LPC_SOURCE_DIR "/harness/suites/n-1.json", &(struct scenario_options){0},
	             &list, &err),
	        &err);
	must(scenario_load(LPC_SOURCE_DIR "/harness/suites/n-2.json", &(struct scenario_options){0},
	             &list, &err),
	        &err);
	bench(list.items[0], CONTINGENCY_N1, false, 1);
	bench(list.items[0], CONTINGENCY_N1, true, 1);
	bench(list.items[1], CONTINGENCY_N2, false, 1);
	bench(list.items[1], CONTINGENCY_N2, true, step);
	scenario_list_free(&list);
	return 0;
}
