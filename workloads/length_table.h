/* A law of token counts as a list: every length it can give, and how likely it is. For what is
 * calculated from a law instead of drawn. */
#ifndef LPC_WORKLOADS_LENGTH_TABLE_H
#define LPC_WORKLOADS_LENGTH_TABLE_H

#include "workloads/length.h"

enum { LENGTH_TABLE_EXACT = 16384, LENGTH_TABLE_SLICES = 65536 };

struct length_table {
	uint32_t n;
	int64_t *tokens; /* ascending, distinct where exact; capped as the law says */
	double *share;   /* of each; sum 1 */
	bool exact;
};

/* Exact (to 2^-53, the law as it is drawn from) for laws with at most LENGTH_TABLE_EXACT lengths
 * between the smallest and the largest, and for empirical ones; wider ones are the middles of
 * LENGTH_TABLE_SLICES equally likely slices. */
void length_table_init(struct length_table *t, const struct length_spec *law);
void length_table_free(struct length_table *t);

#endif
