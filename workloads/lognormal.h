/* The quantile function of a lognormal law, cheap enough to be drawn from twice a request. */
#ifndef LPC_WORKLOADS_LOGNORMAL_H
#define LPC_WORKLOADS_LOGNORMAL_H

#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"

enum {
	LOGNORMAL_PIECE_BITS = 10,
	LOGNORMAL_PIECES = 1 << LOGNORMAL_PIECE_BITS,
	LOGNORMAL_TAIL = 32, /* pieces at either end that the table leaves to the formula */
};

struct lognormal_piece {
	double c[4]; /* c0 + c1 t + c2 t² + c3 t³, t in [0, 1) inside the piece */
};

struct lognormal {
	double median, sigma;
	const struct lognormal_piece *pieces; /* in the arena */
};

/* median > 0, p99 >= median. */
void lognormal_init(struct lognormal *law, double median, double p99, struct arena *arena);

/* median * exp(sigma * z(u)), z the normal quantile. The formula itself, for the tails and the
 * table. */
double lognormal_exact(const struct lognormal *law, double u);

/* The value at u * 2^-64, within 1e-7 of the formula. */
static inline double lognormal_at(const struct lognormal *law, uint64_t u)
{
	uint64_t i = u >> (64 - LOGNORMAL_PIECE_BITS);
	const double *c = law->pieces[i].c;
	double t = (double)((u << LOGNORMAL_PIECE_BITS) >> 11) * 0x1p-53;

	if (LPC_UNLIKELY(i - LOGNORMAL_TAIL >= LOGNORMAL_PIECES - 2 * LOGNORMAL_TAIL))
		return lognormal_exact(law, ((double)(u >> 12) + 0.5) * 0x1p-52);
	return (c[0] + c[1] * t) + t * t * (c[2] + c[3] * t);
}

#endif
