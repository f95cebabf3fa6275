/* The compile farm: jobs in the order in which they came, on so many compilers, each for its own
 * time. Sans-I/O; what is compiled is the caller's business (a shape nobody had an artifact for,
 * the artifact of a whole pool). Few jobs: a job costs a look at all of them.
 *
 * Order at one instant: farm_step() first ends what is done, then starts what waits. The caller
 * steps it at farm_next_at() or earlier instants; a late step changes no instant: a job starts when
 * a compiler became free, not when that was noticed. */
#ifndef LPC_EMULATOR_FARM_H
#define LPC_EMULATOR_FARM_H

#include <stdbool.h>
#include <stdint.h>

struct farm_job {
	uint64_t tag; /* the caller's: which fault, pool, variant, … */
	int64_t came_at, takes_ns;
	int64_t start_at, done_at; /* NS_NEVER while it waits */
};

struct farm {
	uint32_t compilers; /* at work at once, >= 1 */
	uint32_t n, n_running, capacity;
	struct farm_job *jobs; /* in order of came_at; the first n_running of them run */
	uint64_t finished;
};

void farm_init(struct farm *f, uint32_t compilers);
void farm_free(struct farm *f);

/* A job comes at `now`, not before any earlier one and after the farm was stepped up to `now`. It
 * starts at once where a compiler is free. takes_ns <= NS_MAX. */
void farm_add(struct farm *f, int64_t now, uint64_t tag, int64_t takes_ns);

/* The earliest end of a running job, NS_NEVER when none runs. */
int64_t farm_next_at(const struct farm *f);

/* Takes out the next job that has ended at or before `now`, in order of (end, coming); false when
 * there is none. *job gets its instants. Call until false. */
bool farm_step(struct farm *f, int64_t now, struct farm_job *job);

/* Takes out every job of the tag, running ones too (their compilers are free at `now`). */
void farm_cancel(struct farm *f, int64_t now, uint64_t tag);

static inline uint32_t farm_backlog(const struct farm *f) /* running and waiting */
{
	return f->n;
}

#endif
