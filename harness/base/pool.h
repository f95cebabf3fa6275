/* Fixed-size objects with stable indices and a generation per slot: a handle of a freed object is
 * recognised, never followed (STYLE, "Memory"). Grows by doubling up to its limit; objects live in
 * chunks, so their addresses never move. Not zeroed on reuse. */
#ifndef LPC_BASE_POOL_H
#define LPC_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"

#define POOL_NONE UINT32_MAX
enum { POOL_CHUNK_SHIFT = 10 }; /* objects a chunk: 1024 */

struct pool {
	unsigned char **chunks;
	uint32_t *generation; /* by index; odd = live */
	uint32_t *next_free;
	size_t size; /* bytes an object, rounded up to 16 */
	uint32_t capacity, limit, live, free_head, n_chunks;
};

void pool_init(struct pool *p, size_t object_size, uint32_t limit); /* limit 0 = none */
void pool_free(struct pool *p);
uint32_t pool_take(struct pool *p) LPC_MUST_USE; /* POOL_NONE at the limit */
void pool_give(struct pool *p, uint32_t index);

static inline void *pool_at(const struct pool *p, uint32_t index)
{
	return p->chunks[index >> POOL_CHUNK_SHIFT] +
	       (size_t)(index & ((1u << POOL_CHUNK_SHIFT) - 1)) * p->size;
}

static inline uint32_t pool_generation(const struct pool *p, uint32_t index)
{
	return p->generation[index];
}

static inline bool pool_is_live(const struct pool *p, uint32_t index, uint32_t generation)
{
	return index < p->capacity && p->generation[index] == generation && (generation & 1);
}

#endif
