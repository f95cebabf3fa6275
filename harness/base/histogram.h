/* Latency histogram of int64_t ns values >= 0, exact count, sum, min and max; log-linear cells at
 * most 0.1 % wide (1024 cells an octave; below 1024 ns exact). A percentile is the upper edge of
 * its cell, nearest rank x[ceil(q n)] (FORMATS §1). Octaves are allocated when first touched (8 KiB
 * each), so an idle histogram costs next to nothing. Infinite values (a request that never got
 * there) are counted apart and rank above every finite one. */
#ifndef LPC_BASE_HISTOGRAM_H
#define LPC_BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/check.h"

enum { HISTOGRAM_OCTAVES = 54, HISTOGRAM_CELLS = 1024, HISTOGRAM_BLOCK = 4096 };

struct histogram {
	uint64_t *octave[HISTOGRAM_OCTAVES]; /* [0] holds 0…1023; [k] holds [2^(9+k), 2^(10+k)) */
	uint64_t count, infinite;            /* count of finite values */
	int64_t min, max;
	__int128 sum;
};

void histogram_init(struct histogram *h);
void histogram_free(struct histogram *h);
void histogram_reset(struct histogram *h);
void histogram_grow(struct histogram *h, unsigned octave); /* cold path of histogram_add */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* All values at once, each once; n <= HISTOGRAM_BLOCK. cell[i] becomes the histogram_cell of ns[i].
 * The arrays lie apart.
 */
void histogram_add_block(struct histogram *h, uint32_t n, const int64_t *ns, uint32_t *cell);

/* Where a value ns >= 0 is counted: octave * HISTOGRAM_CELLS + cell in it. In order of values. */
static inline uint32_t histogram_cell(int64_t ns)
{
	uint64_t v = (uint64_t)ns;
	unsigned octave = v < 1024 ? 0 : 54 - (unsigned)__builtin_clzll(v); /* 1024 → 1 */

	return octave * HISTOGRAM_CELLS + (uint32_t)(octave ? (v >> (octave - 1)) & 1023 : v);
}

/* The largest value that is counted in such a cell. */
static inline int64_t histogram_upper(uint32_t cell)
{
	uint32_t octave = cell / HISTOGRAM_CELLS, at = cell % HISTOGRAM_CELLS;

	if (octave == 0)
		return at;
	return (int64_t)(((uint64_t)(HISTOGRAM_CELLS + at + 1) << (octave - 1)) - 1);
}

static inline void histogram_add_n(struct histogram *h, int64_t ns, uint64_t n)
{
	uint64_t v = (uint64_t)ns;
	unsigned octave = v < 1024 ? 0 : 54 - (unsigned)__builtin_clzll(v);
	unsigned cell = (unsigned)(octave ? (v >> (octave - 1)) & 1023 : v);

	if (LPC_UNLIKELY(!h->octave[octave]))
		histogram_grow(h, octave);
	h->octave[octave][cell] += n;
	h->count += n;
	h->sum += (__int128)ns * (__int128)n;
	if (ns > h->max)
		h->max = ns;
	if (ns < h->min)
		h->min = ns;
}

static inline void histogram_add(struct histogram *h, int64_t ns)
{
	histogram_add_n(h, ns, 1);
}

/* ceil(q n) for the ratio that q stands for: 0.07 * 100 is above 7 in binary, its rank is 7. The
 * rank of every percentile anywhere; n < 2^50. */
uint64_t histogram_rank(double q, uint64_t n);

/* Upper edge (inclusive, never above max) of the cell of the ceil(q n)-th value, n = count +
 * infinite, q in (0, 1]. False when n = 0 or the rank falls among the infinite ones. */
bool histogram_percentile(const struct histogram *h, double q, int64_t *ns);

/* Likewise of the rank-th smallest value, rank >= 1. */
bool histogram_at_rank(const struct histogram *h, uint64_t rank, int64_t *ns);

/* How many values are > c, judged by upper edges (a value's cell edge > c's cell edge), plus
 * infinite. */
uint64_t histogram_over(const struct histogram *h, int64_t c);

double histogram_mean(const struct histogram *h); /* ns; 0 when empty */

/* Walks non-empty cells in ascending order; start with *cursor = 0; false at the end. */
bool histogram_next(const struct histogram *h, uint32_t *cursor, int64_t *upper_ns, uint64_t *n);

/* Smallest n from which percentile q may be printed: ceil(ln 0.01 / ln q) (FORMATS §1): p50 7, p90
 * 44, p95 90, p99 459, p99.9 4603; UINT64_MAX for q = 1. */
uint64_t histogram_floor(double q);

#endif
