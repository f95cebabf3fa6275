/* Ranks beside 0 play what rank 0 hands out; what they need to know they are told. */
#ifndef LPC_RUN_CAMPAIGN_FOLLOW_H
#define LPC_RUN_CAMPAIGN_FOLLOW_H

#include "harness/run/campaign_report.h"
#include "harness/run/ranks.h"

/* Rank 0: tells the others the campaign; c = NULL: that there is none. */
enum status campaign_lead(
        const struct ranks *r, const struct campaign *c, struct error *err) LPC_MUST_USE;

/* The others: their whole life. Errors go to rank 0, which reports them. */
void campaign_follow(struct ranks *r, uint32_t jobs);

#endif
