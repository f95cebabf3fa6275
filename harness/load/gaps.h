/* The gaps between one request's token events. All are kept until the request ends, since only then
 * is it known to which group it belongs and whether it counts at all. The memory stays with the
 * slot it grew in. */
#ifndef LPC_LOAD_GAPS_H
#define LPC_LOAD_GAPS_H

#include <stdint.h>

enum { GAPS_MAX = 1 << 20 }; /* of one request: 8 MiB */

struct gaps {
	int64_t *ns;
	uint32_t n, capacity, dropped;
};

/* Zero bytes are an empty one. */
void gaps_reset(
        struct gaps *g, int64_t expected); /* room for so many gaps, if that is within bounds */
void gaps_free(struct gaps *g);
void gaps_grow(struct gaps *g);

static inline void gaps_add(struct gaps *g, int64_t ns)
{
	if (g->n == g->capacity)
		gaps_grow(g);
	if (g->n < g->capacity)
		g->ns[g->n++] = ns;
	else
		g->dropped++;
}

/* Nearest rank, x[ceil(q n)]; n >= 1. Reorders the gaps. */
int64_t gaps_percentile(struct gaps *g, double q);
int64_t gaps_max(const struct gaps *g); /* n >= 1 */

#endif
