#include "harness/base/fifo.h"
#include "harness/base/arena.h"

enum { FIRST_CAPACITY = 16 };

void fifo_init(struct fifo *f, uint32_t limit)
{
	*f = (struct fifo){.limit = limit ? limit : UINT32_C(1) << 31};
}

void fifo_free(struct fifo *f)
{
	mem_free(f->v);
	*f = (struct fifo){.limit = f->limit};
}

/* Doubles and unrolls: the part that had wrapped to the start moves behind the old end. */
static void grow(struct fifo *f)
{
	uint32_t old = f->capacity, capacity = old ? old * 2 : FIRST_CAPACITY;

	f->v = mem_grow(f->v, capacity, sizeof(*f->v));
	for (uint32_t i = 0; i < f->head; i++)
		f->v[old + i] = f->v[i];
	f->capacity = capacity;
}

static bool make_room(struct fifo *f)
{
	if (f->n == f->limit)
		return false;
	if (f->n == f->capacity)
		grow(f);
	return true;
}

bool fifo_push(struct fifo *f, uint64_t v)
{
	if (!make_room(f))
		return false;
	f->v[(f->head + f->n) & (f->capacity - 1)] = v;
	f->n++;
	return true;
}

bool fifo_push_front(struct fifo *f, uint64_t v)
{
	if (!make_room(f))
		return false;
	f->head = (f->head - 1) & (f->capacity - 1);
	f->v[f->head] = v;
	f->n++;
	return true;
}

uint64_t fifo_pop(struct fifo *f)
{
	uint64_t v;

	CHECK(f->n > 0);
	v = f->v[f->head];
	f->head = (f->head + 1) & (f->capacity - 1);
	f->n--;
	return v;
}
