/* Log-linear cells: the octave of a value is the position of its leading bit, its cell the next ten
 * bits. No logarithm, no table, no configuration: two histograms always merge cell by cell. The
 * widest cell is 1/1024 of its value, and a percentile reports the cell's upper edge, so it errs by
 * less than 0.1 % and never to the flattering side.
 *
 * A double is written the same way: exponent, then mantissa. Of a block of values the cells are
 * therefore read off their doubles, by shifts that a compiler may do to several at once, and
 * counted in a second pass. */
#include "harness/base/histogram.h"
#include "harness/base/arena.h"
#include "harness/base/mathx.h"
#include "harness/base/wide.h"

#include <string.h>

void histogram_init(struct histogram *h)
{
	*h = (struct histogram){.min = INT64_MAX};
}

void histogram_free(struct histogram *h)
{
	for (unsigned k = 0; k < HISTOGRAM_OCTAVES; k++)
		mem_free(h->octave[k]);
	histogram_init(h);
}

void histogram_reset(struct histogram *h)
{
	for (unsigned k = 0; k < HISTOGRAM_OCTAVES; k++)
		if (h->octave[k])
			memset(h->octave[k], 0, HISTOGRAM_CELLS * sizeof(*h->octave[k]));
	h->count = h->infinite = 0;
	h->min = INT64_MAX;
	h->max = 0;
	h->sum = 0;
}

void histogram_grow(struct histogram *h, unsigned octave)
{
	CHECK(octave < HISTOGRAM_OCTAVES); /* a negative value has its leading bit set */
	h->octave[octave] = mem_alloc(HISTOGRAM_CELLS, sizeof(*h->octave[octave]));
}

/* What a block amounts to beside its cells. */
struct summary {
	uint64_t sum;
	int64_t min, max;
};

/* The cells of values below 2^51, whatever else: the caller looks at min and max. */
static WIDE_BODY struct summary cells_of(
        uint32_t n, const int64_t *restrict ns, uint32_t *restrict cell)
{
	struct summary s = {.min = INT64_MAX};

	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = (uint64_t)ns[i], bits = v | 0x4330000000000000u, octaves, small;
		double x;

		memcpy(&x, &bits, sizeof(x));
		x -= 0x1p52; /* now v itself */
		memcpy(&bits, &x, sizeof(bits));
		octaves = (bits >> 42) - ((1023 + 9) * HISTOGRAM_CELLS);
		small = 0 - ((v - HISTOGRAM_CELLS) >> 63); /* all ones where v is its own cell */
		cell[i] = (uint32_t)(octaves ^ ((octaves ^ v) & small));
		s.sum += v;
		s.min = ns[i] < s.min ? ns[i] : s.min;
		s.max = ns[i] > s.max ? ns[i] : s.max;
	}
	return s;
}

WIDE_CODE static struct summary cells_of_wide(
        uint32_t n, const int64_t *restrict ns, uint32_t *restrict cell)
{
	return cells_of(n, ns, cell);
}

static struct summary cells_of_any(uint32_t n, const int64_t *restrict ns, uint32_t *restrict cell)
{
	return cells_of(n, ns, cell);
}

/* The same by other means, some value being large. */
static __int128 cells_of_large(uint32_t n, const int64_t *ns, uint32_t *cell)
{
	__int128 sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		cell[i] = histogram_cell(ns[i]);
		sum += ns[i];
	}
	return sum;
}

void histogram_add_block(struct histogram *h, uint32_t n, const int64_t *ns, uint32_t *cell)
{
	struct summary s = wide_machine() ? cells_of_wide(n, ns, cell) : cells_of_any(n, ns, cell);

	CHECK(n <= HISTOGRAM_BLOCK && (n == 0 || s.min >= 0));
	h->sum += s.max >> 51 ? cells_of_large(n, ns, cell) : (__int128)s.sum;
	h->count += n;
	h->min = s.min < h->min ? s.min : h->min;
	h->max = s.max > h->max ? s.max : h->max;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t octave = cell[i] / HISTOGRAM_CELLS;

		if (LPC_UNLIKELY(!h->octave[octave]))
			histogram_grow(h, octave);
		h->octave[octave][cell[i] % HISTOGRAM_CELLS]++;
	}
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned k = 0; k < HISTOGRAM_OCTAVES; k++) {
		if (!from->octave[k])
			continue;
		if (!into->octave[k]) {
			into->octave[k] = mem_grow(NULL, HISTOGRAM_CELLS, sizeof(*into->octave[k]));
			memcpy(into->octave[k], from->octave[k],
			        HISTOGRAM_CELLS * sizeof(*into->octave[k]));
			continue;
		}
		for (unsigned c = 0; c < HISTOGRAM_CELLS; c++)
			into->octave[k][c] += from->octave[k][c];
	}
	into->count += from->count;
	into->infinite += from->infinite;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	if (from->min < into->min)
		into->min = from->min;
}

bool histogram_next(const struct histogram *h, uint32_t *cursor, int64_t *upper_ns, uint64_t *n)
{
	for (uint32_t at = *cursor; at < HISTOGRAM_OCTAVES * HISTOGRAM_CELLS; at++) {
		unsigned octave = at / HISTOGRAM_CELLS, cell = at % HISTOGRAM_CELLS;

		if (!h->octave[octave]) {
			at |= HISTOGRAM_CELLS - 1;
			continue;
		}
		if (h->octave[octave][cell] == 0)
			continue;
		*cursor = at + 1;
		*upper_ns = histogram_upper(at);
		*n = h->octave[octave][cell];
		return true;
	}
	*cursor = HISTOGRAM_OCTAVES * HISTOGRAM_CELLS;
	return false;
}

uint64_t histogram_rank(double q, uint64_t n)
{
	double product = q * (double)n, whole = mathx_floor(product + 0.5);
	double off = product > whole ? product - whole : whole - product;

	CHECK(q > 0 && q <= 1 && n < UINT64_C(1) << 50);
	if (off <= product * 0x1p-50) /* q was rounded when it was read, and q n once more */
		return (uint64_t)whole;
	return (uint64_t)mathx_ceil(product);
}

bool histogram_percentile(const struct histogram *h, double q, int64_t *ns)
{
	return histogram_at_rank(h, histogram_rank(q, h->count + h->infinite), ns);
}

bool histogram_at_rank(const struct histogram *h, uint64_t rank, int64_t *ns)
{
	uint64_t below = 0, n;
	uint32_t cursor = 0;
	int64_t edge;

	if (rank == 0 || rank > h->count)
		return false;
	while (histogram_next(h, &cursor, &edge, &n)) {
		below += n;
		if (below >= rank) {
			*ns = edge < h->max ? edge : h->max;
			return true;
		}
	}
	UNREACHABLE("cells hold count values");
}

uint64_t histogram_over(const struct histogram *h, int64_t c)
{
	uint64_t over = h->infinite, n;
	uint32_t cursor = 0;
	int64_t edge;

	if (c >= 0) /* start behind c's own cell */
		cursor = histogram_cell(c) + 1;
	while (histogram_next(h, &cursor, &edge, &n))
		over += n;
	return over;
}

double histogram_mean(const struct histogram *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}

uint64_t histogram_floor(double q)
{
	CHECK(q > 0);
	if (q >= 1)
		return UINT64_MAX; /* no number of samples bounds the maximum */
	return (uint64_t)mathx_ceil(mathx_log(0.01) / mathx_log(q));
}
