/* What the commands campaign and merge do once their options are read (as execute.h): return the
 * program's exit code and have by then reported. All texts are borrowed from argv. */
#ifndef LPC_RUN_CAMPAIGN_RUN_H
#define LPC_RUN_CAMPAIGN_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/run/scenario.h"

struct campaign_options {
	const char *const *files; /* one, or none with resume */
	uint32_t n_files;
	bool has_contingency;     /* exactly one of these three */
	int contingency;          /* enum contingency */
	const char *seeds;        /* "A..B" */
	int64_t swarm;            /* plans; 0 = not given */
	const char *at, *spacing; /* durations; contingencies only */
	bool all;                 /* likewise */
	int64_t jobs;             /* threads; 0 = as many as there are processors */
	const char *shard;        /* "i/n", i from 1 */
	const char *out_dir;      /* NULL = "out" */
	const char *resume;       /* a campaign's directory */
	struct scenario_options scenario;
	bool json;
};

struct merge_options {
	const char *const *dirs;
	uint32_t n_dirs;
	const char *out_dir;
	bool json;
};

int execute_campaign(const struct campaign_options *options);
int execute_merge(const struct merge_options *options);

#endif
