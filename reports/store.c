/* A ring of rows between the thread that measures and the one that writes. Neither holds a lock
 * while it works: the head is the one's, the tail the other's.
 *
 *      store_sample ──> [ . . r r r r r r . . ] ──> a batch, a transaction
 *                         tail ▲         ▲ head
 *
 * On the wall clock the writer looks by itself, ten times a second, and the measuring thread never
 * makes a system call for it. On the virtual clock a batch is always so many rows, whenever they
 * come, so that the file is a function of the run: the writer is woken when a batch is full, and
 * whoever plays the run waits when the ring is.
 *
 * The writer's errors wait for whoever closes the store. */
#include "reports/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "harness/base/arena.h"
#include "harness/base/mutant.h"
#include "harness/base/units.h"
#include "harness/net/clock.h"
#include "harness/net/privilege.h"
#include "reports/store_private.h"

/* Rows. What the virtual clock is ahead by stays in the processor's caches; on the wall clock the
 * ring bridges the time between two looks. */
enum { BATCH = 1024, RING_VIRTUAL = 4 * BATCH, RING_WALL = 32 * BATCH };
#define LOOK_NS (100 * NS_PER_MS)

struct store {
	struct store_config config;
	struct store_db db; /* of the thread while it runs */
	struct store_timeline timeline;
	struct store_row *ring;
	uint64_t room_for;           /* rows in it, whole batches */
	_Atomic uint64_t head, tail; /* rows put in, rows taken out */
	uint64_t n, dropped;
	uint64_t gaps_id; /* the request that the gaps belong to */
	struct store_gap_summary gaps;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, room;
	bool running;       /* there is a thread */
	bool closing;       /* under the lock */
	struct error error; /* the thread's, until it is joined */
};

static const struct store_gap_summary no_gaps = {.max_ns = -1};

/* --- the thread
 * ---------------------------------------------------------------------------------------- */

static uint64_t waiting(const struct store *s)
{
	return s->head - s->tail;
}

/* In the virtual run until a batch is full, else for a while; either way until the end. */
static bool wait_for_rows(struct store *s)
{
	int64_t at = clock_now_ns() + LOOK_NS;
	struct timespec until = {at / NS_PER_S, at % NS_PER_S};
	bool closing;

	pthread_mutex_lock(&s->lock);
	if (!s->config.virtual_clock && !s->closing)
		(void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
	while (s->config.virtual_clock && !s->closing && waiting(s) < BATCH)
		(void)pthread_cond_wait(&s->wake, &s->lock);
	closing = s->closing;
	pthread_mutex_unlock(&s->lock);
	return !closing;
}

/* The ring's length is a multiple of a batch's: on the virtual clock a batch never wraps. */
static void write_batch(struct store *s, uint64_t n)
{
	uint64_t at = s->tail % s->room_for;

	if (n > s->room_for - at)
		n = s->room_for - at;
	for (uint64_t i = 0; i < n; i++)
		store_timeline_add(&s->timeline, &s->ring[at + i].x);
	if (!s->error.code)
		(void)!store_db_add(&s->db, &s->ring[at], n, &s->error);
	s->tail += n;
	if (!s->config.virtual_clock)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_signal(&s->room);
	pthread_mutex_unlock(&s->lock);
}

static void *writer(void *arg)
{
	struct store *s = arg;
	bool more = true;

	privilege_drop();
	while (more) {
		uint64_t end;

		more = wait_for_rows(s);
		end = s->head; /* what comes meanwhile waits for the next look */
		if (more && s->config.virtual_clock)
			end -= end % BATCH;
		while (s->tail < end && (more || !MUTANT(BATCH_LOST)))
			write_batch(s, end - s->tail < BATCH ? end - s->tail : BATCH);
	}
	return NULL;
}

/* Signals are for those who wait for them. */
static void start(struct store *s)
{
	sigset_t all, before;
	int failed;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&s->thread, NULL, writer, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	CHECK(!failed); /* as of memory that is not there */
	s->running = true;
}

static void join(struct store *s)
{
	if (!s->running)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	s->running = false;
}

/* --- life
 * ------------------------------------------------------------------------------------------ */

static enum status begin(struct store *s, struct error *err)
{
	s->head = s->tail = 0;
	s->n = s->dropped = 0;
	s->gaps_id = 0;
	s->gaps = no_gaps;
	s->closing = false;
	s->error = (struct error)ERROR_INIT;
	store_timeline_init(&s->timeline, &s->config);
	if (store_db_create(&s->db, &s->config, err)) {
		struct error after = ERROR_INIT;

		(void)!store_db_close(&s->db, &after);
		return err->code;
	}
	start(s);
	return ERR_NONE;
}

static void release(struct store *s)
{
	store_timeline_free(&s->timeline);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->room);
	mem_free(s->ring);
	mem_free(s);
}

enum status store_open(const struct store_config *config, struct store **out, struct error *err)
{
	struct store *s = mem_alloc(1, sizeof(*s));
	pthread_condattr_t monotonic;
	enum status st;

	*out = NULL;
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* statistics are a lock a malloc */
	s->config = *config;
	s->room_for = config->virtual_clock ? RING_VIRTUAL : RING_WALL;
	s->ring = mem_alloc(s->room_for, sizeof(*s->ring));
	memset(s->ring, 0, s->room_for * sizeof(*s->ring)); /* touched first here, not later */
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->wake, &monotonic);
	(void)pthread_cond_init(&s->room, NULL);
	(void)pthread_condattr_destroy(&monotonic);
	st = begin(s, err);
	if (st)
		release(s);
	else
		*out = s;
	return st;
}

enum status store_restart(struct store *s, struct error *err)
{
	struct error late = ERROR_INIT;

	join(s);
	(void)!store_db_close(&s->db, &late); /* it is replaced */
	store_timeline_free(&s->timeline);
	return begin(s, err);
}

enum status store_close(struct store *s, const struct result_document *d, struct error *err)
{
	struct error late = ERROR_INIT;
	enum status st;

	if (!s)
		return ERR_NONE;
	join(s);
	st = s->error.code;
	if (st)
		*err = s->error;
	else if (d && s->db.db)
		st = store_conclude(&s->db, &s->timeline, d, s->n, s->dropped, err);
	if (store_db_close(&s->db, &late) && !st) {
		*err = late;
		st = err->code;
	}
	release(s);
	return st;
}

/* --- rows
 * ------------------------------------------------------------------------------------------ */

void store_gaps(struct store *s, uint64_t id, int64_t gap_ns, int64_t n)
{
	if (s->gaps_id != id) {
		s->gaps_id = id;
		s->gaps = no_gaps;
	}
	s->gaps.n += (uint64_t)n;
	s->gaps.sum_ns += gap_ns * n;
	if (gap_ns > s->gaps.max_ns)
		s->gaps.max_ns = gap_ns;
}

/* False if the row must go: a measurement waits for nobody. */
static bool find_room(struct store *s)
{
	if (LPC_LIKELY(waiting(s) < s->room_for))
		return true;
	if (!s->config.virtual_clock)
		return false;
	pthread_mutex_lock(&s->lock);
	while (waiting(s) == s->room_for)
		(void)pthread_cond_wait(&s->room, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return true;
}

void store_sample(struct store *s, const struct sample *x)
{
	struct store_row *row = &s->ring[s->head % s->room_for];

	s->n++;
	if (!find_room(s)) {
		s->dropped++;
		return;
	}
	*row = (struct store_row){.seq = s->n, .x = *x, .gaps = no_gaps};
	if (s->gaps_id == x->id)
		row->gaps = s->gaps;
	s->gaps = no_gaps;
	s->head++;
	if (!s->config.virtual_clock || s->head % BATCH)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

uint64_t store_dropped(const struct store *s)
{
	return s->dropped;
}
