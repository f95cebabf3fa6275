/* A bump allocator with a limit: everything that lives as long as a plan or a run. Chunks of 64 KiB
 * and up; freed as a whole. Zeroed. Strings are copied NUL-terminated. NULL only when the limit is
 * reached or memory is out; arena_must() asserts instead, for sizes that the plan has already
 * bounded. */
#ifndef LPC_BASE_ARENA_H
#define LPC_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head;
	size_t used, limit; /* bytes */
};

void arena_init(struct arena *a, size_t limit); /* bytes; 0 = none */
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t size) LPC_MUST_USE; /* 16-byte aligned, zeroed */
void *arena_must(struct arena *a, size_t size) LPC_MUST_USE;
char *arena_strndup(struct arena *a, const char *s, size_t n) LPC_MUST_USE; /* as arena_must */
char *arena_printf(struct arena *a, const char *fmt, ...) LPC_MUST_USE LPC_PRINTF(2, 3);

#define ARENA_ARRAY(a, type, n) ((type *)arena_must((a), sizeof(type) * (size_t)(n)))

/* Plain heap, asserted: for growable things whose limit was checked by their owner. */
void *mem_alloc(size_t n, size_t size) LPC_MUST_USE; /* zeroed; never NULL; n * size checked */
void *mem_grow(void *p, size_t n, size_t size) LPC_MUST_USE;
/* Room for one more behind the first n of *capacity elements: grown, by doubling, if it is full. */
void *mem_room(void *p, uint32_t n, uint32_t *capacity, size_t size) LPC_MUST_USE;
void mem_free(void *p);

#endif
