/* What the scorer makes of requests that nothing happened to (harness/base/rider.h), from their
 * first arrival to their last token. */
#ifndef LPC_REPORTS_SERVED_H
#define LPC_REPORTS_SERVED_H

#include <stdint.h>
#include "harness/base/rider.h"

struct sample;

/* The same request as a sample: what it means, in full. */
void served_sample(const struct rider *r, struct sample *out);

struct score;

/* As score_sample (and score_gaps before it) for each of n requests, in order of t_done, then id.
 * Exactly the same result, at a fraction of the time. */
void score_served(struct score *s, const struct rider *r, uint32_t n);

#endif
