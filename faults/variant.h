/* Which requests are of which shape while shape.sprawl is active. The load side, which gives a
 * shape its length, and the rack, which lacks its artifact, both ask here: a function of the
 * request's id, so that a request need not carry it. */
#ifndef LPC_FAULTS_VARIANT_H
#define LPC_FAULTS_VARIANT_H

#include <stdint.h>
#include <stdio.h>
#include "harness/base/prng.h"

enum { SHAPE_VARIANTS_MAX = 1024 };

struct shape_variants {
	uint64_t share_ppb; /* of the requests, in 1e-9 */
	uint32_t n;         /* shapes, 1 … SHAPE_VARIANTS_MAX */
	int64_t compile_ns; /* of one artifact; 0 = the deployment's */
};

/* Key of the draws of a fault of the family `shape`. */
static inline uint64_t shape_key(uint64_t seed, const char *fault_id)
{
	char purpose[128];

	(void)snprintf(purpose, sizeof(purpose), "shape/%s", fault_id);
	return prng_purpose(seed, purpose);
}

/* 1 … n, all equally likely; 0 = of no new shape. */
static inline uint32_t shape_variant(
        uint64_t key, uint64_t request_id, const struct shape_variants *v)
{
	if (!prng_ratio(prng_at(key, request_id, 0), v->share_ppb, 1000000000))
		return 0;
	return 1 + (uint32_t)prng_below(prng_at(key, request_id, 1), v->n);
}

#endif
