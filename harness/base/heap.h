/* A 4-ary min-heap of (key, sub, value) in contiguous memory, keys int64_t (time in ns, or ticks).
 * Order: key, then sub (component order, request id): a total order, so the order of insertion can
 * never matter (DESIGN §4). No decrease-key: stale entries are recognised by their owner
 * (generation) when they surface. Grows by doubling up to limit (0 = none). */
#ifndef LPC_BASE_HEAP_H
#define LPC_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/check.h"

struct heap_entry {
	int64_t key;
	uint64_t sub;
	uint64_t value;
};

struct heap {
	struct heap_entry *e;
	uint32_t n, capacity, limit;
};

void heap_init(struct heap *h, uint32_t limit);
void heap_free(struct heap *h);
bool heap_push(struct heap *h, int64_t key, uint64_t sub, uint64_t value) LPC_MUST_USE;
struct heap_entry heap_pop(struct heap *h);                                       /* h->n > 0 */
void heap_replace_top(struct heap *h, int64_t key, uint64_t sub, uint64_t value); /* pop + push */
void heap_clear(struct heap *h);

static inline const struct heap_entry *heap_top(const struct heap *h)
{
	return h->n ? &h->e[0] : 0;
}

#endif
