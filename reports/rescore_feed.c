/* Three quarters of the time of a judgement made again go into taking rows apart, and need nothing
 * of what the others do. Two blocks go round: one is filled while the other is emptied.
 *
 *   reader:  wait until empty ─ fill ─ hand over ─┐       caller:  wait until full ─ tell ─ give
 * back ─┐ ^────────────────────────────────────┘ ^───────────────────────────────────┘
 *
 * A block that is not full is the last one. */
#include "reports/rescore_feed.h"

#include <pthread.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/mutant.h"
#include "harness/base/units.h"

enum { BLOCK = 512, BLOCKS = 2 };
#define TIME_MOST     (4 * NS_MAX)
#define TOKENS_MOST   (INT64_C(1) << 31)
#define ATTEMPTS_MOST (1u << 20)

struct block {
	bool full; /* the caller's; else the reader's */
	uint32_t n;
	struct feed_row row[BLOCK];
};

struct feed {
	struct store_reader *store;
	const char *file;
	const struct score_names *names;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct error err; /* the reader's; read when it has ended */
	struct block block[BLOCKS];
};

/* --- what a row may be ------------------------------------------------------------------- */

static bool within(int64_t v, int64_t low, int64_t high)
{
	return v >= low && v <= high;
}

static bool is_far(const int64_t *ns, size_t n, int64_t low)
{
	for (size_t i = 0; i < n; i++)
		if (!within(ns[i], low, TIME_MOST))
			return true;
	return false;
}

static bool gaps_add_up(const struct store_gap_summary *g)
{
	if (g->n > (uint64_t)TOKENS_MOST || !within(g->sum_ns, 0, TIME_MOST))
		return false;
	if (g->n == 0)
		return g->sum_ns == 0;
	return within(g->max_ns, 0, g->sum_ns) && (__int128)g->max_ns * (int64_t)g->n >= g->sum_ns;
}

/* NULL: nothing is wrong with it. */
static const char *wrong_row(const struct feed_row *row, const struct score_names *names)
{
	const struct sample *x = &row->x;
	const int64_t never[] = {x->t_send, x->t_hdr, x->t_first, x->t_last, x->queue_ns,
	        x->prefill_ns, x->decode_ns, x->itl_judged_ns};
	const int64_t blame[] = {x->blame_network_ns, x->blame_queue_ns, x->blame_entry_ns,
	        x->blame_prefill_ns, x->blame_decode_ns};
	const int64_t always[] = {x->t_sched, x->t_done};

	if (x->tier >= names->n_tiers || (!x->order && !x->id))
		return "it has no tier or no number";
	if (is_far(always, ARRAY_LEN(always), 0) || is_far(never, ARRAY_LEN(never), -1))
		return "an instant is in no run";
	if (is_far(blame, ARRAY_LEN(blame), -TIME_MOST))
		return "a part of its latency is in no run";
	if (!within(x->prompt_tokens, 0, TOKENS_MOST) ||
	        !within(x->output_tokens, 0, TOKENS_MOST) || x->attempts > ATTEMPTS_MOST)
		return "it has more tokens or attempts than any";
	for (uint32_t i = 0; i < x->n_stalls; i++)
		if (x->stalls[i].fault >= names->n_faults ||
		        !within(x->stalls[i].ns, -1, TIME_MOST))
			return "a stall is of no fault";
	return gaps_add_up(&row->gaps) ? NULL : "its gaps do not add up";
}

/* --- the reader -------------------------------------------------------------------------- */

static void wait_until(struct feed *f, const struct block *b, bool full)
{
	(void)pthread_mutex_lock(&f->lock);
	while (b->full != full)
		(void)pthread_cond_wait(&f->changed, &f->lock);
	(void)pthread_mutex_unlock(&f->lock);
}

static void hand_over(struct feed *f, struct block *b)
{
	(void)pthread_mutex_lock(&f->lock);
	b->full = !b->full;
	(void)pthread_cond_signal(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
}

/* One more row; false at the end, or with an error. */
static bool read_row(struct feed *f, struct feed_row *row)
{
	const char *wrong;
	bool more;

	if (store_read_sample(f->store, &row->x, &row->gaps, &more, &f->err) || !more)
		return false;
	wrong = wrong_row(row, f->names);
	if (wrong)
		(void)error_set(&f->err, ERR_USAGE, "'%s' is damaged: request %llu: %s", f->file,
		        (unsigned long long)row->x.id, wrong);
	return !wrong;
}

static void *read_rows(void *ctx)
{
	struct feed *f = ctx;
	struct block *b = &f->block[0];

	for (uint32_t i = 1;; i++) {
		bool last;

		wait_until(f, b, false);
		for (b->n = 0; b->n < BLOCK && read_row(f, &b->row[b->n]);)
			b->n++;
		last = b->n < BLOCK;
		hand_over(f, b);
		if (last)
			return NULL;
		b = &f->block[i % BLOCKS];
	}
}

/* --- the caller -------------------------------------------------------------------------- */

static void tell_rows(struct feed *f, const struct feed_sink *sink)
{
	struct block *b = &f->block[0];

	for (uint32_t i = 1;; i++) {
		uint32_t n;

		wait_until(f, b, true);
		n = b->n;
		for (uint32_t k = 0; k < n; k++)
			if (!MUTANT(REFUSED_UNASKED) || b->row[k].x.outcome != OUTCOME_REJECTED)
				sink->row(sink->ctx, &b->row[k]);
		hand_over(f, b);
		if (n < BLOCK)
			return;
		b = &f->block[i % BLOCKS];
	}
}

enum status rescore_feed(struct store_reader *store, const char *file,
        const struct score_names *names, const struct feed_sink *sink, struct error *err)
{
	struct feed *f = mem_alloc(1, sizeof(*f));
	pthread_t reader;
	int failed;

	f->store = store;
	f->file = file;
	f->names = names;
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0 && pthread_cond_init(&f->changed, NULL) == 0);
	failed = pthread_create(&reader, NULL, read_rows, f);
	if (failed) {
		(void)error_set(
		        err, ERR_ENVIRONMENT, "cannot start a thread: %s", strerror(failed));
	} else {
		tell_rows(f, sink);
		(void)pthread_join(reader, NULL);
		if (f->err.code)
			*err = f->err;
	}
	(void)pthread_cond_destroy(&f->changed);
	(void)pthread_mutex_destroy(&f->lock);
	mem_free(f);
	return err->code;
}
