/* The judged values of one SLO, in order of t_sched: what a percentile's verdict is made of
 * (FORMATS §1 "Who is judged", "Verdict on a percentile"). Bounded memory; see column.c. */
#ifndef LPC_REPORTS_COLUMN_H
#define LPC_REPORTS_COLUMN_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/blame.h"
#include "reports/score.h"
#include "reports/stats.h"

#define COLUMN_ABSENT   INT64_C(-1) /* not judged: cancelled, refused, no such value */
#define COLUMN_INFINITE INT64_MAX   /* not ok */

struct column_count {
	uint64_t n, over, refused;
};

struct column_micro; /* a few consecutive requests, counted */

struct column {
	const struct slo_rule *rule;
	uint32_t class;  /* bit of its quantile in the recovery bins */
	bool derived;    /* of an isolation expectation: not one of the scenario's "slo" */
	bool own_values; /* keeps a histogram of its own; else its values are the group's */
	struct histogram values;
	uint64_t infinite;
	struct column_count in_window, in_baseline;
	struct blame blame;
	int64_t blame_from; /* smaller values cannot reach the quantile any more; see column.c */
	uint16_t *code;     /* by order - 1: 0 absent, else 1 + cell (+ 1 over the limit), 0xffff
	                       infinite */
	uint64_t n_code;    /* capacity */
	struct column_micro *micro; /* instead of code, once orders pass COLUMN_EXACT */
	double vif;                 /* of the batches; score_slo_measure */
	unsigned shift;             /* a micro-batch covers 2^shift requests */
	int64_t cut[CUT_COUNT];     /* micro: fixed when the column stopped being exact */
};

enum { COLUMN_EXACT = 1 << 21, COLUMN_MICROS = 1 << 14, COLUMN_REVIEW = 1 << 16 };

/* The rule is borrowed. */
void column_init(struct column *c, const struct slo_rule *rule, uint32_t n_faults);
void column_free(struct column *c);

/* Records the judged value (or COLUMN_INFINITE) of the order-th request (struct sample). */
void column_put(struct column *c, uint64_t order, int64_t value);
/* column_put of n requests, one after the other, -1 being no value and none infinite; `last` is the
 * greatest of the orders, cell[i] the histogram_cell of value[i]. */
void column_put_block(struct column *c, uint32_t n, uint64_t last, const uint64_t *order,
        const int64_t *value, const uint32_t *cell);
/* Every COLUMN_REVIEW requests: `values` are the finite ones seen, to set blame_from by. */
void column_review(struct column *c, const struct histogram *values);

/* 20 equal batches in order of t_sched; false when there are fewer than 20 requests. */
bool column_batches(const struct column *c, struct stats_batch out[static STATS_BATCHES]);

#endif
