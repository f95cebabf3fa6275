/* Makes a score again what it was when a run was judged, from what was written of it (score.json,
 * histograms.json; docs/RESULTS.md). The documents have passed form_check. For rescore.c. */
#ifndef LPC_REPORTS_SCORE_RESTORE_H
#define LPC_REPORTS_SCORE_RESTORE_H

#include "reports/score.h"

/* A fault's begin or end as the score was told of it, and how many requests had come before: with
 * the requests in their order all that the windows rest on. */
enum score_told { TOLD_INJECT, TOLD_REVERT, TOLD_NO_MORE };
enum { SCORE_MARKS_MAX = 1 << 16 }; /* as text, well below JSON_SIZE_MAX */
struct score_mark {
	uint64_t after;
	int64_t at_ns;
	uint32_t fault;
	enum score_told told;
};

/* Tells the score what the mark says. */
void score_tell(struct score *s, const struct score_mark *mark);

/* A histogram as render_histogram wrote it, into an empty one. ERR_USAGE: its cells and its count,
 * sum, min and max cannot belong together. */
enum status score_restore_histogram(
        struct jval v, struct histogram *h, uint64_t *infinite, struct error *err) LPC_MUST_USE;

/* The pooled gaps of a group, of which the score was told count, sum and maximum alone. ERR_USAGE:
 * those of the histogram are others. After score_finish, for each of `groups`. */
enum status score_restore_gaps(struct score *s, struct jval group, struct error *err) LPC_MUST_USE;

/* An element of "replicas" and of "pairs". After score_finish. ERR_USAGE: there is no such SLO, or
 * what they say of the run itself is not what its requests say. */
enum status score_restore_replicas(
        struct score *s, struct jval replicas, struct error *err) LPC_MUST_USE;
enum status score_restore_pair(struct score *s, struct jval pair, struct error *err) LPC_MUST_USE;

/* Of a score that is not fed, each of "groups", then the columns: what follows from them alone can
 * be asked afterwards (score_decide, score_groups_json, render_histograms), but no length of a
 * window, no blame, no recovery, no batches. Both instead of samples. ERR_USAGE: they do not add
 * up, or are not of this run. */
enum status score_restore_group(struct score *s, struct jval group, struct error *err) LPC_MUST_USE;
enum status score_restore_columns(
        struct score *s, struct jval histograms, struct error *err) LPC_MUST_USE;

/* No further sample: decides the windows and sums WINDOW_ALL. Idempotent. */
void score_finish(struct score *s);

#endif
