/* What became of every request, in a few words each: the common ground of a run and its twin
 * (damage), and of a wall run and its virtual companion (agreement). By request id: a shelf for the
 * planned traffic and one for what each fault adds to it (workloads/traffic.h). Bounded: beyond
 * BOOK_MAX requests nothing is kept and `dropped` says so; comparisons are then null, never
 * partial. */
#ifndef LPC_RUN_BOOK_H
#define LPC_RUN_BOOK_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/sample.h"
#include "workloads/traffic.h"

#define BOOK_MAX UINT64_C(8000000)

struct book_entry {
	int64_t t_sched, t_done;
	int64_t ttft_ns, e2el_ns, tpot_ns; /* -1 = none */
	uint32_t recomputed;
	uint8_t outcome; /* enum outcome */
	bool written;
};

struct book_shelf {
	struct book_entry *e; /* e[n - 1] of the n-th id */
	uint64_t n, capacity;
};

struct book {
	struct book_shelf *shelves;
	uint32_t n_shelves;
	uint64_t n; /* room in use on all of them together */
	uint64_t dropped;
};

void book_init(struct book *b);
void book_free(struct book *b);
void book_add(struct book *b, const struct sample *s);
/* What a book keeps of a request. */
struct book_entry book_entry_of(const struct sample *s);

/* The entry of a request, or NULL. */
const struct book_entry *book_at(const struct book *b, uint64_t id);

/* The id after `id` (0: the first) that either book may hold, ascending; 0 at the end. */
uint64_t book_next(const struct book *a, const struct book *b, uint64_t id);

#endif
