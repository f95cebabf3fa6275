/* Four children a node: half the levels of a binary heap, and the four of them lie in 96 contiguous
 * bytes. Both sifts move a hole instead of swapping, so an entry is written once. */
#include "harness/base/heap.h"
#include "harness/base/arena.h"

enum { ARITY = 4, FIRST_CAPACITY = 64 };

/* One comparison of two words each: no branch that could go either way. */
static inline bool before(const struct heap_entry *a, const struct heap_entry *b)
{
	__int128 x = (__int128)(((__uint128_t)(uint64_t)a->key << 64) | a->sub);
	__int128 y = (__int128)(((__uint128_t)(uint64_t)b->key << 64) | b->sub);

	return x < y;
}

void heap_init(struct heap *h, uint32_t limit)
{
	*h = (struct heap){.limit = limit ? limit : UINT32_MAX / ARITY};
}

void heap_free(struct heap *h)
{
	mem_free(h->e);
	*h = (struct heap){.limit = h->limit};
}

void heap_clear(struct heap *h)
{
	h->n = 0;
}

static bool grow(struct heap *h)
{
	uint32_t capacity = h->capacity ? h->capacity * 2 : FIRST_CAPACITY;

	if (h->capacity >= h->limit)
		return false;
	if (capacity > h->limit)
		capacity = h->limit;
	h->e = mem_grow(h->e, capacity, sizeof(*h->e));
	h->capacity = capacity;
	return true;
}

bool heap_push(struct heap *h, int64_t key, uint64_t sub, uint64_t value)
{
	struct heap_entry x = {.key = key, .sub = sub, .value = value};
	struct heap_entry *e;
	uint32_t i;

	if (LPC_UNLIKELY(h->n == h->capacity) && !grow(h))
		return false;
	e = h->e;
	i = h->n++;
	while (i > 0) {
		uint32_t parent = (i - 1) / ARITY;

		if (!before(&x, &e[parent]))
			break;
		e[i] = e[parent];
		i = parent;
	}
	e[i] = x;
	return true;
}

/* The least of up to four children, the first of which there is. */
static inline uint32_t least_child(const struct heap_entry *e, uint32_t first, uint32_t n)
{
	uint32_t least = first;

	if (LPC_LIKELY(first + ARITY <= n)) {
		uint32_t a = first + before(&e[first + 1], &e[first]);
		uint32_t b = first + 2 + before(&e[first + 3], &e[first + 2]);

		return before(&e[b], &e[a]) ? b : a;
	}
	for (uint32_t c = first + 1; c < n; c++)
		least = before(&e[c], &e[least]) ? c : least;
	return least;
}

/* Puts x into its place, the root being a hole. The hole goes down to a leaf first, for there most
 * entries belong, and then up again as far as x has to: which child is the least is settled by
 * arithmetic, and where to stop is seldom a surprise. */
static void sink(struct heap *h, struct heap_entry x)
{
	struct heap_entry *e = h->e;
	uint32_t i = 0, n = h->n;

	while (i * ARITY + 1 < n) {
		uint32_t least = least_child(e, i * ARITY + 1, n);

		e[i] = e[least];
		i = least;
	}
	while (i > 0) {
		uint32_t parent = (i - 1) / ARITY;

		if (!before(&x, &e[parent]))
			break;
		e[i] = e[parent];
		i = parent;
	}
	e[i] = x;
}

struct heap_entry heap_pop(struct heap *h)
{
	struct heap_entry top;

	CHECK(h->n > 0);
	top = h->e[0];
	if (--h->n > 0)
		sink(h, h->e[h->n]);
	return top;
}

void heap_replace_top(struct heap *h, int64_t key, uint64_t sub, uint64_t value)
{
	CHECK(h->n > 0);
	sink(h, (struct heap_entry){.key = key, .sub = sub, .value = value});
}
