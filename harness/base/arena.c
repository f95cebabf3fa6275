/* Chunks in a list, the newest first; an allocation that does not fit its rest opens a new one, of
 * its own size if it is large. calloc gives zeroed pages without touching them. */
#include "harness/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 << 10, ALIGNMENT = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){.limit = limit ? limit : SIZE_MAX};
}

void arena_free(struct arena *a)
{
	while (a->head) {
		struct arena_chunk *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	a->used = 0;
}

static struct arena_chunk *add_chunk(struct arena *a, size_t size)
{
	size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
	struct arena_chunk *c = calloc(1, sizeof(*c) + room);

	if (!c)
		return NULL;
	c->size = room;
	c->next = a->head;
	a->head = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->head;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > a->limit - a->used)
		return NULL;
	if (!c || size > c->size - c->used)
		c = add_chunk(a, size);
	if (!c)
		return NULL;
	p = c->data + c->used;
	c->used += size;
	a->used += size;
	return p;
}

void *arena_must(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);

	CHECK(p != NULL);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_must(a, n + 1);

	memcpy(p, s, n);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;
	char *p;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	CHECK(n >= 0);
	p = arena_must(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

void *mem_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	CHECK(p != NULL);
	return p;
}

void *mem_grow(void *p, size_t n, size_t size)
{
	void *grown = reallocarray(p, n ? n : 1, size ? size : 1);

	CHECK(grown != NULL);
	return grown;
}

void *mem_room(void *p, uint32_t n, uint32_t *capacity, size_t size)
{
	CHECK(n <= *capacity);
	if (n < *capacity)
		return p;
	CHECK(n <= UINT32_MAX / 2);
	*capacity = n ? 2 * n : 8;
	return mem_grow(p, *capacity, size);
}

void mem_free(void *p)
{
	free(p);
}
