/* Memory does not grow with the number of requests: a hundred million of them, scored and digested
 * as `run` does it, and the most that was ever resident. Prints; takes as long as the virtual clock
 * takes.   bench_memory [millions of requests, default 100] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"

static void must(enum status st, const struct error *err)
{
	char line[1024];

	if (!st)
		return;
	(void)error_format(err, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	exit(1);
}

static uint64_t run(const struct scenario *s)
{
	struct score_config config = scenario_score_config(s, true);
	struct score *score = score_create(&config);
	struct virtual_options options = {.seed = s->seed, .score = score, .digest = true};
	struct virtual_result result;
	struct error err = ERROR_INIT;
	uint64_t n;

	options.without = VIRTUAL_ALL_FAULTS;
	must(drive_virtual(s, &options, &result, &err), &err);
	n = result.scheduled;
	(void)score_wants_replicas(score); /* looks at every percentile's scatter */
	virtual_result_free(&result);
	score_free(score);
	return n;
}

static double resident_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

int main(int argc, char **argv)
{
	double millions = argc > 1 ? strtod(argv[1], NULL) : 100, before, seconds;
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	char duration[64];
	const char *set[] = {duration};
	uint64_t n;

	(void)snprintf(duration, sizeof(duration), "duration=%.0fs", millions * 1e6 / 140);
	must(scenario_load(LPC_SOURCE_DIR "/tests/bench/run/one_pool.json",
	             &(struct scenario_options){.set = set, .n_set = 1}, &list, &err),
	        &err);
	before = resident_mib();
	seconds = (double)clock() / CLOCKS_PER_SEC;
	n = run(list.items[0]);
	seconds = (double)clock() / CLOCKS_PER_SEC - seconds;
	printf("%.1f M requests in %.1f s of CPU: %.2f M requests/s, peak resident %.1f MiB "
	       "(%.1f MiB before)\n",
	        (double)n / 1e6, seconds, (double)n / 1e6 / seconds, resident_mib(), before);
	scenario_list_free(&list);
	return 0;
}
