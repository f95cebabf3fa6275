/* What BASE or NEW names, read: a result directory, a result file, a pack, an OUT directory that
 * holds several, or the directory of a campaign over seeds. */
#ifndef LPC_RUN_COMPARE_SIDE_H
#define LPC_RUN_COMPARE_SIDE_H

#include "reports/compare_run.h"
#include "reports/compare_seeds.h"
#include "reports/verify_unpack.h"

enum { COMPARE_RUNS_MAX = 4096 };

struct compare_side {
	const char *path; /* as given */
	uint32_t n_runs, runs_capacity, n_campaigns, campaigns_capacity;
	struct compare_run **runs; /* in order of their folders' names */
	struct compare_campaign **campaigns;
	const char *defect;       /* of a pack, in words; NULL */
	struct unpacked unpacked; /* of a pack; its files are gone with the side */
	struct arena arena;
};

/* ERR_USAGE where there is no result, or one that cannot be read. compare_side_free in any case. */
enum status compare_side_read(
        const char *path, struct compare_side *side, struct error *err) LPC_MUST_USE;
void compare_side_free(struct compare_side *side);

#endif
