/* What the kinds of the artifact family share: how many instances of a pool. */
#ifndef LPC_FAULTS_ARTIFACT_H
#define LPC_FAULTS_ARTIFACT_H

#include "faults/schedule.h"

/* v: the fault's object. An error when it has both "share" and "instances". */
enum status artifact_share_or_instances(struct jval v, struct error *err) LPC_MUST_USE;

/* An error when a targeted pool has fewer instances; 0 = by share. */
enum status artifact_instances_suit(struct jval v, const struct target_resolver *resolver,
        const uint32_t *targets, uint32_t n, int64_t instances, struct error *err) LPC_MUST_USE;

#endif
