/* What score_restore*.c share: members of documents that form_check has passed. */
#ifndef LPC_REPORTS_SCORE_RESTORE_PARTS_H
#define LPC_REPORTS_SCORE_RESTORE_PARTS_H

#include "reports/score_restore.h"
#include "reports/stats.h"

/* Above any run, and so low that sums of a few do not overflow anything. */
#define RESTORE_MOST (INT64_C(1) << 40)

int64_t restore_whole(struct jval v, const char *key); /* null: -1 */
/* Which tier a group is of, n_tiers if none; and which window. */
uint32_t restore_tier(const struct score *s, struct jval group);
enum window restore_window(struct jval group);
enum status restore_batch(struct jval v, struct stats_batch *b, struct error *err) LPC_MUST_USE;

#endif
