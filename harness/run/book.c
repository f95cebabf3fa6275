#include "harness/run/book.h"

#include "harness/base/arena.h"

#define ID_MASK ((UINT64_C(1) << TRAFFIC_ID_BITS) - 1)

enum { SHELF_MAX = 1 << 9 }; /* ids are below 2^40 */

void book_init(struct book *b)
{
	*b = (struct book){0};
}

void book_free(struct book *b)
{
	for (uint32_t i = 0; i < b->n_shelves; i++)
		mem_free(b->shelves[i].e);
	mem_free(b->shelves);
	*b = (struct book){0};
}

static uint64_t shelf_of(uint64_t id)
{
	return id >> TRAFFIC_ID_BITS;
}

static struct book_shelf *shelf_for(struct book *b, uint32_t shelf)
{
	if (shelf >= b->n_shelves) {
		b->shelves = mem_grow(b->shelves, shelf + 1, sizeof(*b->shelves));
		while (b->n_shelves <= shelf)
			b->shelves[b->n_shelves++] = (struct book_shelf){0};
	}
	return &b->shelves[shelf];
}

static void grow(struct book_shelf *s, uint64_t n)
{
	uint64_t old = s->capacity;

	s->capacity = old ? old : 1024;
	while (s->capacity < n)
		s->capacity *= 2;
	s->e = mem_grow(s->e, s->capacity, sizeof(*s->e));
	for (uint64_t i = old; i < s->capacity; i++)
		s->e[i] = (struct book_entry){0};
}

/* The place of a request, NULL when there is no room for it. */
static struct book_entry *place(struct book *b, uint64_t id)
{
	uint64_t n = id & ID_MASK, more;
	struct book_shelf *s;

	if (n == 0 || n > BOOK_MAX || shelf_of(id) > SHELF_MAX)
		return NULL;
	s = shelf_for(b, (uint32_t)shelf_of(id));
	more = n > s->n ? n - s->n : 0;
	if (b->n + more > BOOK_MAX)
		return NULL;
	if (n > s->capacity)
		grow(s, n);
	s->n += more;
	b->n += more;
	return &s->e[n - 1];
}

const struct book_entry *book_at(const struct book *b, uint64_t id)
{
	uint64_t n = id & ID_MASK, shelf = shelf_of(id);

	if (shelf >= b->n_shelves || n == 0 || n > b->shelves[shelf].n)
		return NULL;
	return b->shelves[shelf].e[n - 1].written ? &b->shelves[shelf].e[n - 1] : NULL;
}

static uint64_t shelf_n(const struct book *b, uint64_t shelf)
{
	return shelf < b->n_shelves ? b->shelves[shelf].n : 0;
}

uint64_t book_next(const struct book *a, const struct book *b, uint64_t id)
{
	uint64_t n = (id & ID_MASK) + 1;

	for (uint64_t shelf = shelf_of(id); shelf < a->n_shelves || shelf < b->n_shelves; shelf++) {
		if (n <= shelf_n(a, shelf) || n <= shelf_n(b, shelf))
			return shelf << TRAFFIC_ID_BITS | n;
		n = 1;
	}
	return 0;
}

struct book_entry book_entry_of(const struct sample *s)
{
	struct book_entry e = {
	        .t_sched = s->t_sched,
	        .t_done = s->t_done,
	        .ttft_ns = s->t_first < 0 ? -1 : s->t_first - s->t_sched,
	        .e2el_ns = s->t_last < 0 ? -1 : s->t_last - s->t_sched,
	        .tpot_ns = -1,
	        .recomputed = (uint32_t)s->tokens_recomputed,
	        .outcome = (uint8_t)s->outcome,
	        .written = true,
	};
	if (s->output_tokens >= 2 && s->t_first >= 0)
		e.tpot_ns = (s->t_last - s->t_first) / (s->output_tokens - 1);
	return e;
}

void book_add(struct book *b, const struct sample *s)
{
	struct book_entry *e = place(b, s->id);

	if (e)
		*e = book_entry_of(s);
	else
		b->dropped++;
}
