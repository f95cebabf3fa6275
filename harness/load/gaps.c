#include "harness/load/gaps.h"

#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/histogram.h"

static void resize(struct gaps *g, uint32_t capacity)
{
	g->ns = mem_grow(g->ns, capacity, sizeof(*g->ns));
	g->capacity = capacity;
}

void gaps_reset(struct gaps *g, int64_t expected)
{
	g->n = g->dropped = 0;
	if (expected > g->capacity && expected <= GAPS_MAX)
		resize(g, (uint32_t)expected);
}

void gaps_free(struct gaps *g)
{
	mem_free(g->ns);
	*g = (struct gaps){0};
}

void gaps_grow(struct gaps *g)
{
	uint32_t wanted = g->capacity < 32 ? 64 : g->capacity * 2;

	if (g->capacity < GAPS_MAX)
		resize(g, wanted < GAPS_MAX ? wanted : GAPS_MAX);
}

/* Hoare's selection with the middle element as pivot: gaps come in order of time, so an end would
 * be a poor one. */
int64_t gaps_percentile(struct gaps *g, double q)
{
	int64_t *x = g->ns;
	uint32_t k, low = 0, high = g->n - 1;

	CHECK(g->n > 0);
	k = (uint32_t)histogram_rank(q, g->n) - 1;
	while (low < high) {
		int64_t pivot = x[low + (high - low) / 2];
		int64_t i = (int64_t)low - 1, j = (int64_t)high + 1;

		for (;;) {
			int64_t swap;

			while (x[++i] < pivot)
				;
			while (x[--j] > pivot)
				;
			if (i >= j)
				break;
			swap = x[i];
			x[i] = x[j];
			x[j] = swap;
		}
		if (k <= (uint32_t)j)
			high = (uint32_t)j;
		else
			low = (uint32_t)j + 1;
	}
	return x[k];
}

int64_t gaps_max(const struct gaps *g)
{
	int64_t max = g->ns[0];

	for (uint32_t i = 1; i < g->n; i++)
		if (g->ns[i] > max)
			max = g->ns[i];
	return max;
}
