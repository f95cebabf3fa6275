/* Four children a node: half the levels of a binary heap, and the four of them lie in 96 contiguous
 * bytes. Both sifts move a hole instead of swapping, so an entry is written once. */
#include "harness/base/heap.h"
#include "harness/base/arena.h"

enum { ARITY = 4, FIRST_CAPACITY = 64 };

static inline bool before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->key < b->key || (a->key == b->key && a->sub < b->sub);
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

/* Sinks x from the root, which is a hole, into its place. */
static void sink(struct heap *h, struct heap_entry x)
{
	struct heap_entry *e = h->e;
	uint32_t i = 0, n = h->n;

	for (;;) {
		uint32_t first = i * ARITY + 1, least = first, last;

		if (first >= n)
			break;
		last = first + ARITY < n ? first + ARITY : n;
		for (uint32_t c = first + 1; c < last; c++)
			if (before(&e[c], &e[least]))
				least = c;
		if (!before(&e[least], &x))
			break;
		e[i] = e[least];
		i = least;
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
