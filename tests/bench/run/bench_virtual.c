/* The virtual clock's speed: simulated requests a second of CPU on one core, and how many times as
 * long as the least that any simulator must do. That least is kept beside it, in the same process,
 * on the same laws: draw a gap and two lengths, find the slot of a first-come-first-served queue of
 * k servers, add one value to a histogram.
 *
 * Runs are scored and digested as `run` does it, without its twins and replicas: those are runs
 * again. The best of five rounds counts, each a run and a bare loop in turn, for the machine may
 * be shared.   bench_virtual [part of a case's name] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/heap.h"
#include "harness/base/histogram.h"
#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"

enum { ROUNDS = 5, EDITS_MAX = 8 };

struct bench_case {
	const char *name, *file;
	const char *set[EDITS_MAX];
};

static const struct bench_case cases[] = {
        {"one pool, one bucket", "tests/bench/run/one_pool.json", {NULL}},
        {"quick.json without faults", "harness/suites/quick.json",
                {"duration=40000s", "faults=[]", "expect=[]"}},
        {"quick.json, its faults", "harness/suites/quick.json", {"duration=40000s"}},
        {"quick.json, faults every 30 s", "harness/suites/quick.json",
                {"duration=10000s", "faults.outlier.every=30s", "faults.creep.every=30s",
                        "faults.jitter.every=30s", "faults.flap.every=30s",
                        "faults.loss.every=30s"}},
};

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void must(enum status st, const struct error *err)
{
	char line[1024];

	if (!st)
		return;
	(void)error_format(err, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	exit(1);
}

static uint64_t run_once(const struct scenario *s)
{
	struct score_config config = scenario_score_config(s, true);
	struct score *score = score_create(&config);
	struct virtual_result result;
	struct error err = ERROR_INIT;
	uint64_t n;

	must(drive_virtual(s,
	             &(struct virtual_options){.seed = s->seed,
	                     .without = VIRTUAL_ALL_FAULTS,
	                     .score = score,
	                     .digest = true},
	             &result, &err),
	        &err);
	(void)score_wants_replicas(score);
	n = result.scheduled;
	virtual_result_free(&result);
	score_free(score);
	return n;
}

/* One traffic entry on k servers, its requests served in order of arrival. */
static uint64_t bare_tenant(const struct scenario *s, const struct tenant_spec *t,
        const struct bucket_spec *b, struct histogram *waits)
{
	struct arrival_state arrival;
	struct length_state prompt, output;
	struct heap servers; /* by the instant they are free */
	int64_t at;
	uint64_t n = 0;
	bool clipped;

	arrival_start(&arrival, &t->arrival, prng_stream(s->seed, "arrival"), s->duration_ns);
	length_start(&prompt, &t->prompt, prng_stream(s->seed, "prompt"));
	length_start(&output, &t->output, prng_stream(s->seed, "output"));
	heap_init(&servers, 0);
	for (uint32_t k = 0; k < b->slots; k++)
		if (!heap_push(&servers, 0, k, k))
			exit(1);
	while ((at = arrival_next(&arrival)) != NS_NEVER) {
		int64_t p = length_cap(length_next(&prompt), t->prompt.max, &clipped);
		int64_t o = length_cap(length_next(&output), t->output.max, &clipped);
		const struct heap_entry *first = heap_top(&servers);
		int64_t start = first->key > at ? first->key : at;

		histogram_add(waits, start - at);
		heap_replace_top(&servers, start + (ceil_div_i64(p, b->ppf) + o - 1) * b->frame_ns,
		        first->sub, first->value);
		n++;
	}
	heap_free(&servers);
	return n;
}

static uint64_t bare_once(const struct scenario *s)
{
	const struct pool_spec *pool = &s->deployment.pools[0];
	struct histogram waits;
	uint64_t n = 0;

	histogram_init(&waits);
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		n += bare_tenant(
		        s, &s->traffic.tenants[i], &pool->buckets[i % pool->n_buckets], &waits);
	histogram_free(&waits);
	return n;
}

/* ns a request, the best so far. */
static void round_of(
        const struct scenario *s, uint64_t (*play)(const struct scenario *), double *best)
{
	double from = cpu_seconds(), ns;
	uint64_t n = play(s);

	ns = (cpu_seconds() - from) * 1e9 / (double)n;
	if (*best == 0 || ns < *best)
		*best = ns;
}

static void measure(const struct bench_case *c)
{
	struct scenario_options options = {.set = c->set};
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	double run = 0, bare = 0;
	char path[1024];

	while (options.n_set < EDITS_MAX && c->set[options.n_set])
		options.n_set++;
	(void)snprintf(path, sizeof(path), "%s/%s", LPC_SOURCE_DIR, c->file);
	must(scenario_load(path, &options, &list, &err), &err);
	for (int i = 0; i < ROUNDS; i++) {
		round_of(list.items[0], run_once, &run);
		round_of(list.items[0], bare_once, &bare);
	}
	printf("%-32s %6.2f M requests/s  %6.1f ns each  bare loop %5.1f ns  ratio %5.1f\n",
	        c->name, 1e3 / run, run, bare, run / bare);
	scenario_list_free(&list);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (argc < 2 || strstr(cases[i].name, argv[1]))
			measure(&cases[i]);
	return 0;
}
