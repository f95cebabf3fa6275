#include "harness/run/book.h"

#include "harness/base/arena.h"

void book_init(struct book *b)
{
	*b = (struct book){0};
}

void book_free(struct book *b)
{
	mem_free(b->e);
}

static void grow(struct book *b, uint64_t n)
{
	uint64_t old = b->capacity;

	b->capacity = old ? old : 1024;
	while (b->capacity < n)
		b->capacity *= 2;
	b->e = mem_grow(b->e, b->capacity, sizeof(*b->e));
	for (uint64_t i = old; i < b->capacity; i++)
		b->e[i] = (struct book_entry){0};
}

void book_add(struct book *b, const struct sample *s)
{
	struct book_entry *e;

	if (s->id == 0 || s->id > BOOK_MAX) {
		b->dropped++;
		return;
	}
	if (s->id > b->capacity)
		grow(b, s->id);
	if (s->id > b->n)
		b->n = s->id;
	e = &b->e[s->id - 1];
	*e = (struct book_entry){
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
		e->tpot_ns = (s->t_last - s->t_first) / (s->output_tokens - 1);
}
