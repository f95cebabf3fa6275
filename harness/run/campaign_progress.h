/* What a campaign says while it runs, on stderr: on a terminal one line that is rewritten,
 * elsewhere a line every few seconds. Not part of any result. */
#ifndef LPC_RUN_CAMPAIGN_PROGRESS_H
#define LPC_RUN_CAMPAIGN_PROGRESS_H

#include "harness/run/campaign.h"

struct campaign_progress {
	bool terminal, shown, has_worst;
	uint64_t before, done, total, requests; /* before: done by an earlier start */
	int64_t began_ns, next_ns;
	struct campaign_brief worst;
};

/* `done` of `total` cells are there already. */
void campaign_progress_begin(struct campaign_progress *p, uint64_t done, uint64_t total);
void campaign_progress_cell(struct campaign_progress *p, const struct campaign_brief *brief);
/* Ends the line; says what the whole took, where cells were played. */
void campaign_progress_end(struct campaign_progress *p);

/* Of two verdicts the one that a campaign is judged by: fail, aborted, inconclusive, pass. */
bool campaign_is_worse(enum verdict a, enum verdict b);

#endif
