/* What threads share is touched once a cell, which is milliseconds of work: a lock for the next
 * index and for the line is cheap. In between a thread writes only what it allocated itself.
 *
 * The allocator is the other thing they would share. Every cell allocates the same blocks again,
 * some of them large; by default glibc maps those from the kernel and gives them back, page faults
 * and all, under the one lock of the address space. So it is told to keep what it has. */
#include "harness/run/campaign_pool.h"

#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/json.h"

enum { KEPT_BYTES = 32 << 20 };

struct campaign_pool {
	const struct campaign_work *work;
	pthread_mutex_t lock;
	uint64_t taken;
	bool stop;        /* an error: no new cells */
	struct error err; /* the first */
};

uint32_t campaign_pool_jobs(uint64_t cells)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t jobs = processors < 1 ? 1 : (uint64_t)processors;

	if (jobs > CAMPAIGN_JOBS_MAX)
		jobs = CAMPAIGN_JOBS_MAX;
	if (jobs > cells)
		jobs = cells ? cells : 1;
	return (uint32_t)jobs;
}

bool campaign_pool_next(struct campaign_pool *p, uint64_t *index)
{
	bool more;

	(void)pthread_mutex_lock(&p->lock);
	more = !p->stop && !*p->work->interrupt && p->work->next(p->work->ctx, index);
	p->taken += more;
	(void)pthread_mutex_unlock(&p->lock);
	return more;
}

uint64_t campaign_pool_left(struct campaign_pool *p)
{
	uint64_t taken;

	(void)pthread_mutex_lock(&p->lock);
	taken = p->taken;
	(void)pthread_mutex_unlock(&p->lock);
	return taken < p->work->cells ? p->work->cells - taken : 0;
}

void campaign_pool_done(struct campaign_pool *p, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, const struct error *played)
{
	struct error err = *played;

	(void)pthread_mutex_lock(&p->lock);
	if (!err.code && !p->stop)
		(void)p->work->done(p->work->ctx, index, line, n, brief, &err);
	if (err.code && !p->stop) {
		p->stop = true;
		p->err = err;
	}
	(void)pthread_mutex_unlock(&p->lock);
}

static void play(struct campaign_pool *p, uint64_t index)
{
	const struct campaign_work *w = p->work;
	struct campaign_brief brief = {.verdict = VERDICT_INCONCLUSIVE};
	struct error err = ERROR_INIT;
	struct json_out line;
	enum status st;

	json_out_init(&line, 0);
	json_out_open(&line, NULL, '{');
	json_out_u64(&line, "index", index);
	st = w->mode->play(w->state, index, w->interrupt, &line, &brief, &err);
	CHECK(st == err.code);
	if (st || !(brief.verdict == VERDICT_ABORTED && *w->interrupt)) {
		if (!st)
			json_out_close(&line);
		campaign_pool_done(p, index, line.buf, line.n, &brief, &err);
	}
	json_out_free(&line);
}

static void *worker(void *ctx)
{
	struct campaign_pool *p = ctx;
	uint64_t index;

	while (campaign_pool_next(p, &index))
		play(p, index);
	return NULL;
}

static void keep_memory(void)
{
	static bool kept;

	if (kept)
		return;
	kept = true;
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

enum status campaign_pool_run(const struct campaign_work *work, struct error *err)
{
	pthread_t threads[CAMPAIGN_JOBS_MAX];
	struct campaign_pool p = {.work = work, .lock = PTHREAD_MUTEX_INITIALIZER};
	uint32_t n = 0;
	int rc = 0;

	CHECK(work->jobs >= 1 && work->jobs <= CAMPAIGN_JOBS_MAX);
	keep_memory();
	for (; n < work->jobs && rc == 0; n += rc == 0)
		rc = pthread_create(&threads[n], NULL, worker, &p);
	if (n && work->meanwhile)
		work->meanwhile(work->ctx, &p);
	for (uint32_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_mutex_destroy(&p.lock);
	if (n == 0)
		return error_set(err, ERR_ENVIRONMENT, "cannot start a thread: %s", strerror(rc));
	if (p.err.code)
		*err = p.err;
	return err->code;
}
