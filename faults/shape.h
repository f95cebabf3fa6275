/* The parameter records of the family `shape`, which the load side reads from fault_sink.reshape.
 */
#ifndef LPC_FAULTS_SHAPE_H
#define LPC_FAULTS_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include "faults/kind.h"
#include "faults/variant.h"

enum shape_kind { SHAPE_OUTLIER, SHAPE_CREEP, SHAPE_NEIGHBOUR, SHAPE_SPRAWL };
enum shape_of { SHAPE_PROMPT, SHAPE_OUTPUT };

/* A long sequence where no deployment says what is long. */
enum { SHAPE_NEIGHBOUR_TOKENS = 4096 };

struct shape_params {
	enum shape_kind kind;
	double share; /* outlier, neighbour, sprawl: 0 … 1 */
	/* outlier */
	struct jval prompt_tokens, output_tokens; /* as written; not to be read after the parse */
	const void *prompt_law, *output_law; /* of target_resolver.length_law; NULL = unchanged */
	/* creep */
	int of;          /* enum shape_of */
	double rate;     /* tokens a minute */
	int64_t ceiling; /* tokens */
	/* neighbour */
	int64_t tokens; /* of a whole sequence; 0 = by the deployment */
	/* sprawl */
	int64_t variants;
	int64_t compile_ns; /* 0 = the deployment's */
};

static inline uint64_t shape_ppb(double share)
{
	return (uint64_t)(share * 1e9 + 0.5);
}

/* sprawl */
static inline struct shape_variants shape_variants(const struct shape_params *p)
{
	return (struct shape_variants){shape_ppb(p->share), (uint32_t)p->variants, p->compile_ns};
}

#endif
