/* A growable ring of uint64_t: queues of indices. Capacity a power of two, up to limit (0 = none).
 */
#ifndef LPC_BASE_FIFO_H
#define LPC_BASE_FIFO_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/check.h"

struct fifo {
	uint64_t *v;
	uint32_t head, n, capacity, limit;
};

void fifo_init(struct fifo *f, uint32_t limit);
void fifo_free(struct fifo *f);
bool fifo_push(struct fifo *f, uint64_t v) LPC_MUST_USE; /* false at the limit */
bool fifo_push_front(struct fifo *f, uint64_t v) LPC_MUST_USE;
uint64_t fifo_pop(struct fifo *f); /* n > 0 */

static inline uint64_t fifo_at(const struct fifo *f, uint32_t i) /* i-th from the head, i < n */
{
	return f->v[(f->head + i) & (f->capacity - 1)];
}

#endif
