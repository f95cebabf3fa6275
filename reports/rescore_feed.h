/* The requests of a store, one after the other, read and looked at by a thread of their own while
 * the caller makes something of those before. For rescore.c. */
#ifndef LPC_REPORTS_RESCORE_FEED_H
#define LPC_REPORTS_RESCORE_FEED_H

#include "reports/score.h"
#include "reports/store_read.h"

struct feed_row {
	struct sample x;
	struct store_gap_summary gaps;
};

/* Told of each row, in order, by the calling thread. */
struct feed_sink {
	void (*row)(void *ctx, const struct feed_row *row);
	void *ctx;
};

/* ERR_USAGE: the store cannot be read on, or has a row that no run would have written, so that the
 * scorer may lean on every row it is given; `file` is the store's name in that. ERR_ENVIRONMENT: no
 * thread. The reader is the feed's alone until it returns. */
enum status rescore_feed(struct store_reader *store, const char *file,
        const struct score_names *names, const struct feed_sink *sink,
        struct error *err) LPC_MUST_USE;

#endif
