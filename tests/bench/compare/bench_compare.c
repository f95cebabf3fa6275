/* What `compare` catches and what it makes up, at 20,000 requests a side: regressions of TTFT p99
 * planted by a slower frame, and pairs of runs in which nothing differs but the seed.
 *
 *   bench_compare [SEEDS]      100 unless given */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/compare_bench.h"

enum { PLANT_SEEDS = 10, OTHER_SEEDS = 100000 };

struct tally {
	int flagged, ttft;
	double seen_from;
};

static void add(struct tally *t, struct bench_answer a)
{
	t->flagged += a.flagged;
	t->ttft += a.ttft;
	t->seen_from += a.seen_from;
}

/* BASE of a seed against NEW of the same and of another. */
static void trial(const struct bench_load *load, int frame_ns, uint64_t seed, struct tally *paired,
        struct tally *unpaired)
{
	struct bench_run base, same, other;

	bench_run(load, load->frame_ns, seed, &base);
	bench_run(load, frame_ns, seed, &same);
	bench_run(load, frame_ns, seed + OTHER_SEEDS, &other);
	add(paired, bench_compare(&base, &same));
	add(unpaired, bench_compare(&base, &other));
	bench_free(&base);
	bench_free(&same);
	bench_free(&other);
}

static void planted(const struct bench_load *load, double share, int seeds)
{
	struct tally paired = {0}, unpaired = {0};
	double size;
	int frame = bench_plant(load, share, PLANT_SEEDS, &size);

	for (int seed = 1; seed <= seeds; seed++)
		trial(load, frame, (uint64_t)seed, &paired, &unpaired);
	printf("  planted %+.2f %% (frame %+.2f %%): TTFT p99 named with the same seed %3d, with "
	       "another %3d of %d; exit 1: %d, %d\n",
	        100 * size, 100.0 * (frame - load->frame_ns) / load->frame_ns, paired.ttft,
	        unpaired.ttft, seeds, paired.flagged, unpaired.flagged);
}

static void nothing(const struct bench_load *load, int seeds)
{
	struct tally paired = {0}, unpaired = {0};

	for (int seed = 1; seed <= seeds; seed++)
		trial(load, load->frame_ns, (uint64_t)seed, &paired, &unpaired);
	printf("  A/A: exit 1 in %d of %d with another seed, in %d with the same (identical "
	       "runs)\n"
	       "  another seed shows TTFT p99 from %+.1f %% on (mean of the pairs)\n",
	        unpaired.flagged, seeds, paired.flagged, 100 * unpaired.seen_from / seeds);
}

int main(int argc, char **argv)
{
	int seeds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100;

	for (uint32_t i = 0; i < bench_n_loads; i++) {
		const struct bench_load *load = &bench_loads[i];

		printf("%s\n", load->name);
		(void)fflush(stdout);
		nothing(load, seeds);
		planted(load, 0.05, seeds);
		planted(load, i == 0 ? 0.02 : 0.3, seeds);
	}
	return 0;
}
