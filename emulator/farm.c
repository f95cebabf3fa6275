#include "emulator/farm.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/units.h"

void farm_init(struct farm *f, uint32_t compilers)
{
	CHECK(compilers > 0);
	*f = (struct farm){.compilers = compilers};
}

void farm_free(struct farm *f)
{
	mem_free(f->jobs);
	*f = (struct farm){0};
}

/* As many of the waiting as there are compilers for, from `now` on. */
static void start(struct farm *f, int64_t now)
{
	while (f->n_running < f->n && f->n_running < f->compilers) {
		struct farm_job *j = &f->jobs[f->n_running++];

		j->start_at = now > j->came_at ? now : j->came_at;
		j->done_at = j->start_at < NS_NEVER - NS_MAX ? j->start_at + j->takes_ns : NS_NEVER;
	}
}

void farm_add(struct farm *f, int64_t now, uint64_t tag, int64_t takes_ns)
{
	CHECK(takes_ns >= 0 && takes_ns <= NS_MAX &&
	        (f->n == 0 || now >= f->jobs[f->n - 1].came_at));
	f->jobs = mem_room(f->jobs, f->n, &f->capacity, sizeof(*f->jobs));
	f->jobs[f->n++] = (struct farm_job){.tag = tag,
	        .came_at = now,
	        .takes_ns = takes_ns,
	        .start_at = NS_NEVER,
	        .done_at = NS_NEVER};
	start(f, now);
}

/* The running job that ends first, among equals the one that came first. */
static uint32_t first_done(const struct farm *f)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < f->n_running; i++)
		if (f->jobs[i].done_at < f->jobs[best].done_at)
			best = i;
	return best;
}

int64_t farm_next_at(const struct farm *f)
{
	return f->n_running ? f->jobs[first_done(f)].done_at : NS_NEVER;
}

static void take_out(struct farm *f, uint32_t i)
{
	f->n_running -= i < f->n_running;
	f->n--;
	memmove(f->jobs + i, f->jobs + i + 1, (f->n - i) * sizeof(*f->jobs));
}

bool farm_step(struct farm *f, int64_t now, struct farm_job *job)
{
	uint32_t i;

	if (farm_next_at(f) > now)
		return false;
	i = first_done(f);
	*job = f->jobs[i];
	take_out(f, i);
	f->finished++;
	start(f, job->done_at);
	return true;
}

void farm_cancel(struct farm *f, int64_t now, uint64_t tag)
{
	for (uint32_t i = f->n; i-- > 0;)
		if (f->jobs[i].tag == tag)
			take_out(f, i);
	start(f, now);
}
