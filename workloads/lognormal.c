/* Two quantiles and two exponentials a request would cost more than simulating it. The quantile
 * function is smooth except at its ends, so the middle of it is cut into pieces of 1/1024, each a
 * cubic that meets value and slope of the formula at both ends (Hermite): the error falls with the
 * fourth power of the piece's width over its distance from the end, and 32 pieces from either end
 * it is some 1e-9 of the value for the laws that traffic has. The tails, where p99 and the clips
 * live, take the formula.
 *
 * The formula at one draw in sixteen still costs more than all the others together. But what is
 * asked is how many whole tokens, and that an estimate can say, unless it lies next to a whole
 * number: the tails have coarse cubics, too, in pieces that halve with the distance from the end,
 *
 *    u = 0 |.|..|....|........|   the middle   |........|....|..|.| 1
 *
 * and how far those are off the formula is measured at the build: most in the middle of a piece,
 * where it is looked at. Four times the worst is taken for the bound. Closer to the end than the
 * last halving, one draw in four thousand, it is the formula.
 *
 * Slope: d/du median exp(sigma z(u)) = value * sigma / phi(z), phi the normal density. */
#include "workloads/lognormal.h"
#include "harness/base/mathx.h"

#define SQRT_TWO_PI 0x1.40d931ff62706p+1

enum { HALVING_PIECES = 1 << LOGNORMAL_HALVING_BITS };

double lognormal_exact(const struct lognormal *law, double u)
{
	return law->median * mathx_exp(law->sigma * mathx_normal_quantile(u));
}

struct knot {
	double value, slope;
};

static struct knot knot_at(const struct lognormal *law, double u)
{
	double z = mathx_normal_quantile(u);
	double value = law->median * mathx_exp(law->sigma * z);

	return (struct knot){value, value * law->sigma * SQRT_TWO_PI * mathx_exp(z * z / 2)};
}

/* The cubic from a to b, `width` apart. */
static struct lognormal_piece hermite(struct knot a, struct knot b, double width)
{
	double rise = a.slope * width, next_rise = b.slope * width, step = b.value - a.value;

	return (struct lognormal_piece){
	        {a.value, rise, 3 * step - 2 * rise - next_rise, rise + next_rise - 2 * step}};
}

/* One tail from its inner end outwards: `sign` 1 measures from 0, -1 from 1. */
static const struct lognormal_piece *tail_init(
        struct lognormal *law, double sign, double *worst, struct arena *arena)
{
	struct lognormal_piece *pieces =
	        ARENA_ARRAY(arena, struct lognormal_piece, LOGNORMAL_TAIL_PIECES);
	double end = sign > 0 ? 0 : 1;

	for (int h = 0; h < LOGNORMAL_HALVINGS; h++) {
		double from = 0x1p-6, width;
		struct knot knot;

		for (int i = 0; i < h; i++)
			from *= 0.5; /* pieces cover [from, 2 from) */
		width = from / HALVING_PIECES;
		knot = knot_at(law, end + sign * from);
		for (int i = 0; i < HALVING_PIECES; i++) {
			double at = from + width * (i + 1), mid, off;
			struct knot next = knot_at(law, end + sign * at);
			struct lognormal_piece *piece = &pieces[h * HALVING_PIECES + i];

			*piece = hermite(knot, next, sign * width);
			mid = lognormal_exact(law, end + sign * (at - width / 2));
			off = lognormal_piece_at(piece, 0.5) / mid - 1;
			off = off < 0 ? -off : off;
			*worst = off > *worst ? off : *worst;
			knot = next;
		}
	}
	return pieces;
}

void lognormal_init(struct lognormal *law, double median, double p99, struct arena *arena)
{
	struct lognormal_piece *pieces =
	        ARENA_ARRAY(arena, struct lognormal_piece, LOGNORMAL_PIECES);
	const int first = LOGNORMAL_TAIL, last = LOGNORMAL_PIECES - LOGNORMAL_TAIL;
	struct knot knot;
	double worst = 0;

	CHECK(median > 0 && p99 >= median);
	law->median = median;
	law->sigma = mathx_log(p99 / median) / mathx_normal_quantile(0.99);
	law->pieces = pieces;
	knot = knot_at(law, (double)first / LOGNORMAL_PIECES);
	for (int i = first; i < last; i++) {
		struct knot next = knot_at(law, (double)(i + 1) / LOGNORMAL_PIECES);

		pieces[i] = hermite(knot, next, 1.0 / LOGNORMAL_PIECES);
		knot = next;
	}
	law->tail[0] = tail_init(law, 1, &worst, arena);
	law->tail[1] = tail_init(law, -1, &worst, arena);
	law->tail_off = 4 * worst + 1e-10; /* the formula sees 52 bits of u, and rounds, too */
}

bool lognormal_tail_near(const struct lognormal *law, uint64_t u, double *value, double *off)
{
	bool upper = u >> 63;
	uint64_t d = upper ? ~u : u;
	int zeros = d ? __builtin_clzll(d) : 64, halving = zeros - LOGNORMAL_FIRST_HALVING;
	uint64_t below; /* the leading bit, left-aligned */
	double t;

	CHECK(halving >= 0);
	if (halving >= LOGNORMAL_HALVINGS)
		return false;
	below = d << zeros << 1;
	t = (double)((below << LOGNORMAL_HALVING_BITS) >> 11) * 0x1p-53;
	*value =
	        lognormal_piece_at(&law->tail[upper][(halving << LOGNORMAL_HALVING_BITS) +
	                                             (int)(below >> (64 - LOGNORMAL_HALVING_BITS))],
	                t);
	*off = *value * law->tail_off;
	return true;
}
