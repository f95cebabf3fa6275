/* What became of every request, in a few words each: the common ground of a run and its twin
 * (damage), and of a wall run and its virtual companion (agreement). Indexed by request id (1, 2, 3
 * …). Bounded: beyond BOOK_MAX requests nothing is kept and `dropped` says so; comparisons are then
 * null, never partial. */
#ifndef LPC_RUN_BOOK_H
#define LPC_RUN_BOOK_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/sample.h"

#define BOOK_MAX UINT64_C(8000000)

struct book_entry {
	int64_t t_sched, t_done;
	int64_t ttft_ns, e2el_ns, tpot_ns; /* -1 = none */
	uint32_t recomputed;
	uint8_t outcome; /* enum outcome */
	bool written;
};

struct book {
	struct book_entry *e; /* e[id - 1] */
	uint64_t n, capacity, dropped;
};

void book_init(struct book *b);
void book_free(struct book *b);
void book_add(struct book *b, const struct sample *s);

/* The entry of a request, or NULL. */
static inline const struct book_entry *book_at(const struct book *b, uint64_t id)
{
	return id >= 1 && id <= b->n && b->e[id - 1].written ? &b->e[id - 1] : 0;
}

#endif
