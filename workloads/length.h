/* Laws of token counts (DESIGN §7, "prompt_tokens", "output_tokens"):
 *
 *   {"dist": "constant",  "value": 128}
 *   {"dist": "uniform",   "min": 10, "max": 200}                          both ends included
 *   {"dist": "lognormal", "median": 1020, "p99": 4142, "max": 8192}
 *   {"dist": "empirical", "values": [16, 64, 900], "weights": [5, 4, 1]}  weights default to equal
 *
 * Every law is a quantile function of one uniform 64-bit number, so a length costs exactly one
 * draw, from a stream or from a counter. Real values are rounded up; what exceeds the law's `max`
 * is clipped, and the caller counts it. Lengths are at least 1. */
#ifndef LPC_WORKLOADS_LENGTH_H
#define LPC_WORKLOADS_LENGTH_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "harness/base/prng.h"
#include "workloads/lognormal.h"

#define LENGTH_TOKENS_MAX INT64_C(16777216) /* the largest cap, and the default one */
enum { LENGTH_VALUES_MAX = 65536, LENGTH_BLOCK = 64 };

enum length_dist { LENGTH_CONSTANT, LENGTH_UNIFORM, LENGTH_LOGNORMAL, LENGTH_EMPIRICAL };

struct length_spec {
	enum length_dist dist;
	int64_t value;          /* constant */
	int64_t min;            /* uniform */
	int64_t max;            /* uniform: its end; others: the cap */
	double median, p99;     /* lognormal */
	struct lognormal curve; /* lognormal: its quantile function */
	uint32_t n;             /* empirical */
	const int64_t *values;  /* by index; in the arena given at the parse */
	const double *weights;  /* as given; all 1 when left out */
	const uint64_t
	        *upto; /* the share of values 0 … i in units of 2^-64, the last one UINT64_MAX */
};

/* v: the law's object. Nothing of the document is kept. */
enum status length_parse(struct jval v, struct arena *arena, struct length_spec *out,
        struct error *err) LPC_MUST_USE;
void length_canonical(const struct length_spec *law, struct json_out *o, const char *key);

/* The length at the uniform number u, before the cap: in [1, max + 1], where max + 1 stands for
 * anything above the cap. */
int64_t length_at(const struct length_spec *law, uint64_t u);

int64_t length_in_tail(const struct length_spec *law, uint64_t u); /* lognormal: cold path below */

/* A real number of tokens, at least 0, as a length before the cap. */
static inline int64_t length_whole(double tokens, int64_t max)
{
	int64_t whole;

	if (tokens > (double)max)
		return max + 1;
	whole = (int64_t)tokens;
	return whole + ((double)whole < tokens || whole == 0);
}

/* length_at, where the calls of a loop over draws would count. */
static inline int64_t length_draw(const struct length_spec *law, uint64_t u)
{
	if (LPC_UNLIKELY(law->dist != LENGTH_LOGNORMAL))
		return length_at(law, u);
	if (LPC_UNLIKELY(lognormal_in_tail(u)))
		return length_in_tail(law, u);
	return length_whole(lognormal_middle(&law->curve, u), law->max);
}

/* Caps a length of length_at and says whether that changed it. */
static inline int64_t length_cap(int64_t tokens, int64_t max, bool *clipped)
{
	*clipped = tokens > max;
	return *clipped ? max : tokens;
}

bool length_is_random(const struct length_spec *law);

/* A law with its stream, drawn in blocks. */
struct length_state {
	const struct length_spec *law;
	struct prng stream;
	uint32_t used;
	int64_t block[LENGTH_BLOCK];
};

void length_start(struct length_state *s, const struct length_spec *law, struct prng stream);
void length_refill(struct length_state *s); /* cold path of length_next */

static inline int64_t length_next(struct length_state *s) /* before the cap, as length_at */
{
	if (LPC_UNLIKELY(s->used == LENGTH_BLOCK))
		length_refill(s);
	return s->block[s->used++];
}

#endif
