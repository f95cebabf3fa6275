/* Indices are what others keep; the chunk table turns one into an address that never moves. A
 * slot's generation is odd while it is live and even while it is free, so one compare tells a stale
 * handle. The free list is a stack: the slot given back last is still in the cache. */
#include "harness/base/pool.h"
#include "harness/base/arena.h"

#define CHUNK_OBJECTS (1u << POOL_CHUNK_SHIFT)

void pool_init(struct pool *p, size_t object_size, uint32_t limit)
{
	CHECK(object_size > 0);
	*p = (struct pool){
	        .size = (object_size + 15) & ~(size_t)15,
	        .limit = limit ? limit : POOL_NONE - 1,
	        .free_head = POOL_NONE,
	};
}

void pool_free(struct pool *p)
{
	for (uint32_t i = 0; i < p->n_chunks; i++)
		mem_free(p->chunks[i]);
	mem_free(p->chunks);
	mem_free(p->generation);
	mem_free(p->next_free);
	*p = (struct pool){.size = p->size, .limit = p->limit, .free_head = POOL_NONE};
}

static void add_chunks(struct pool *p, uint32_t capacity)
{
	uint32_t n_chunks =
	        (uint32_t)(((uint64_t)capacity + CHUNK_OBJECTS - 1) >> POOL_CHUNK_SHIFT);

	p->chunks = mem_grow(p->chunks, n_chunks, sizeof(*p->chunks));
	for (; p->n_chunks < n_chunks; p->n_chunks++) {
		uint32_t rest = capacity - (p->n_chunks << POOL_CHUNK_SHIFT);

		p->chunks[p->n_chunks] =
		        mem_alloc(rest < CHUNK_OBJECTS ? rest : CHUNK_OBJECTS, p->size);
	}
}

/* Doubles; below the limit the capacity is a power-of-two number of whole chunks, so no chunk is
 * ever half built twice. */
static bool grow(struct pool *p)
{
	uint64_t wanted = p->capacity ? (uint64_t)p->capacity * 2 : CHUNK_OBJECTS;
	uint32_t capacity = wanted < p->limit ? (uint32_t)wanted : p->limit;

	if (p->capacity == p->limit)
		return false;
	add_chunks(p, capacity);
	p->generation = mem_grow(p->generation, capacity, sizeof(*p->generation));
	p->next_free = mem_grow(p->next_free, capacity, sizeof(*p->next_free));
	for (uint32_t i = capacity; i-- > p->capacity;) { /* the lowest index is taken first */
		p->generation[i] = 0;
		p->next_free[i] = p->free_head;
		p->free_head = i;
	}
	p->capacity = capacity;
	return true;
}

uint32_t pool_take(struct pool *p)
{
	uint32_t index;

	if (LPC_UNLIKELY(p->free_head == POOL_NONE) && !grow(p))
		return POOL_NONE;
	index = p->free_head;
	p->free_head = p->next_free[index];
	p->generation[index]++;
	CHECK(p->generation[index] & 1);
	p->live++;
	return index;
}

void pool_give(struct pool *p, uint32_t index)
{
	CHECK(index < p->capacity && (p->generation[index] & 1));
	p->generation[index]++;
	p->next_free[index] = p->free_head;
	p->free_head = index;
	p->live--;
}
