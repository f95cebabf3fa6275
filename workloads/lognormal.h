/* The quantile function of a lognormal law, cheap enough to be drawn from twice a request. */
#ifndef LPC_WORKLOADS_LOGNORMAL_H
#define LPC_WORKLOADS_LOGNORMAL_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"

enum {
	LOGNORMAL_PIECE_BITS = 10,
	LOGNORMAL_PIECES = 1 << LOGNORMAL_PIECE_BITS,
	LOGNORMAL_TAIL = 32, /* pieces at either end that the table leaves to the formula */
	/* Estimates of the tails: halvings of the distance from the end, each in 16 pieces. */
	LOGNORMAL_FIRST_HALVING = 5, /* 2^-5 = LOGNORMAL_TAIL / LOGNORMAL_PIECES */
	LOGNORMAL_HALVINGS = 8,
	LOGNORMAL_HALVING_BITS = 4,
	LOGNORMAL_TAIL_PIECES = LOGNORMAL_HALVINGS << LOGNORMAL_HALVING_BITS, /* of one tail */
};

struct lognormal_piece {
	double c[4]; /* c0 + c1 t + c2 t² + c3 t³, t in [0, 1) inside the piece */
};

struct lognormal {
	double median, sigma;
	const struct lognormal_piece *pieces;  /* in the arena */
	const struct lognormal_piece *tail[2]; /* lower, upper, by distance from the end; likewise
	                                        */
	double tail_off; /* an estimate is within this share of itself of the formula */
};

/* median > 0, p99 >= median. */
void lognormal_init(struct lognormal *law, double median, double p99, struct arena *arena);

/* median * exp(sigma * z(u)), z the normal quantile. The formula itself, for the tails and the
 * table. */
double lognormal_exact(const struct lognormal *law, double u);

static inline double lognormal_piece_at(const struct lognormal_piece *piece, double t)
{
	const double *c = piece->c;

	return (c[0] + c[1] * t) + t * t * (c[2] + c[3] * t);
}

static inline bool lognormal_in_tail(uint64_t u)
{
	return (u >> (64 - LOGNORMAL_PIECE_BITS)) - LOGNORMAL_TAIL >=
	       LOGNORMAL_PIECES - 2 * LOGNORMAL_TAIL;
}

/* Outside the tails. */
static inline double lognormal_middle(const struct lognormal *law, uint64_t u)
{
	double t = (double)((u << LOGNORMAL_PIECE_BITS) >> 11) * 0x1p-53;

	return lognormal_piece_at(&law->pieces[u >> (64 - LOGNORMAL_PIECE_BITS)], t);
}

/* In the tails. */
static inline double lognormal_tail(const struct lognormal *law, uint64_t u)
{
	return lognormal_exact(law, ((double)(u >> 12) + 0.5) * 0x1p-52);
}

/* In the tails: about where lognormal_tail(u) is; false = cannot say. Off by less than *off. */
bool lognormal_tail_near(const struct lognormal *law, uint64_t u, double *value, double *off);

/* The value at u * 2^-64, within 1e-7 of the formula. */
static inline double lognormal_at(const struct lognormal *law, uint64_t u)
{
	if (LPC_UNLIKELY(lognormal_in_tail(u)))
		return lognormal_tail(law, u);
	return lognormal_middle(law, u);
}

#endif
