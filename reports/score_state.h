/* The scorer's inside, shared by score*.c, judge.c and the renderers of what it holds. Not for
 * others. */
#ifndef LPC_REPORTS_SCORE_STATE_H
#define LPC_REPORTS_SCORE_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/mutant.h"
#include "reports/column.h"
#include "reports/group.h"
#include "reports/recovered.h"
#include "reports/score.h"
#include "reports/score_restore.h"
#include "reports/window.h"

enum { LIVE_BUCKETS = 128 }; /* of 10 ms: a power of two above one second */

struct tier_state {
	struct group
	        group[WINDOW_COUNT]; /* WINDOW_ALL: the sum of the others, made by score_finish */
	uint32_t n_columns;
	uint32_t *columns; /* of its SLOs, by index into score.columns */
};

struct live_bucket {
	int64_t slot; /* t_done / 10 ms */
	uint32_t done, errors;
};

/* A run of equal gaps, packed: ns << GAP_COUNT_BITS | count. */
enum { GAP_COUNT_BITS = 20, GAPS_MAX = 1 << 20 };

struct waiting { /* a request whose window is not decided yet */
	struct sample sample;
	uint64_t *gaps;
	uint32_t n_gaps;
};

/* The further runs that help to decide, counted by column. */
struct replica_batches {
	uint32_t n;
	struct stats_batch batch[1 + STATS_REPLICAS_MAX]; /* [0] = this run itself */
	int64_t cut[CUT_COUNT];                           /* this run's own, ns */
	struct histogram values;                          /* of all runs together */
	uint64_t infinite;
};

struct pair_verdict {
	bool known;
	enum verdict percentile;
	int64_t upper_ns;
	double vif;
	uint64_t n_eff;
};

struct score {
	struct score_config config;
	struct tier_state *tiers;
	uint32_t n_columns; /* the SLOs in order, then those derived for isolation */
	struct column *columns;
	struct slo_rule *derived;
	struct replica_batches **replicas; /* by column; NULL until one is added */
	struct pair_verdict *pairs;        /* by column */
	struct windows *windows;           /* NULL without faults */
	/* By expectation, those of kind `recovered`; NULL where there is none. Whichever way a
	 * request comes in, it is shown to them. */
	struct recovered *recovered;
	uint32_t n_active; /* faults */
	struct score_mark *marks;
	uint32_t n_marks, marks_capacity;
	uint64_t marks_lost; /* beyond SCORE_MARKS_MAX */
	bool no_more;        /* nothing is injected any more */
	uint64_t by_outcome[OUTCOME_COUNT], attempts, seen;
	int64_t prompt_tokens, output_tokens;
	struct live_bucket live[LIVE_BUCKETS];
	uint64_t gaps_id; /* the request the gaps below belong to */
	uint64_t *gaps;
	uint32_t n_gaps, gaps_capacity;
	struct waiting *spool;
	uint32_t n_spool, spool_capacity;
	uint64_t spool_gaps; /* held by the spool */
	uint64_t dropped;
	bool finished, measured, decided;
	struct score_facts facts; /* as it was decided by */
	struct score_result result;
	struct arena arena; /* results */
};

/* Shows a request to the expectations `recovered`, if there are any. */
void score_show_recovered(
        struct score *s, const struct sample *x, const int64_t value[static METRIC_COUNT]);

const struct group *score_group(const struct score *s, uint32_t tier, enum window w);
/* The histogram of a column's judged finite values. After score_finish. */
const struct histogram *score_column_values(const struct score *s, const struct column *c);
int64_t score_window_length(const struct score *s, enum window w);
/* The schedule from 0 to its end, cut into windows; as windows_stretch. */
bool score_stretch(const struct score *s, uint64_t *cursor, struct window_stretch *out);
/* True when the column gathers the requests of window w. */
static inline bool column_covers(const struct column *c, enum window w)
{
	return c->rule->window == WINDOW_ALL || c->rule->window == w;
}

/* score.c, for served.c */
enum { LIVE_SLOT_NS = 10000000 }; /* of a live bucket */
static inline bool score_measured(const struct score *s, int64_t t_sched)
{
	return (t_sched >= s->config.warmup_ns || MUTANT(WARMUP_COUNTED)) &&
	       t_sched < s->config.duration_ns;
}
/* Puts the request, and the gaps told of it, aside until its window is decided. */
void score_spool_add(struct score *s, const struct sample *x);
/* Some windows have been decided: places whoever waited for them. */
void score_spool_release(struct score *s);
/* The finite values that a column has judged so far; for `all` the baseline stands in. */
const struct histogram *score_column_values_now(const struct score *s, const struct column *c);

/* score_slo.c */
/* Finishes, and measures the scatter of every column. Idempotent; before any view of a column. */
void score_slo_measure(struct score *s);
void score_slo_decide(
        const struct score *s, uint32_t column, struct slo_result *out, struct arena *a);
/* This run as the first batch of those that help to decide; its own p90 and p50 are the cuts of
 * all. The caller's. */
struct replica_batches *score_replicas_begin(const struct score *s, const struct column *c);
bool score_slo_steady(const struct score *s, uint32_t column);
/* score_expect.c */
void score_expect_decide(const struct score *s, const struct expect_rule *rule,
        const struct score_fault *faults, const struct score_facts *facts,
        struct expect_result *out);

#endif
