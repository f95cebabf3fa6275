/* The threads of a campaign. Each takes the next cell, plays it, hands its line over, and takes
 * another: cells differ in length, so nobody is given his share in advance. */
#ifndef LPC_RUN_CAMPAIGN_POOL_H
#define LPC_RUN_CAMPAIGN_POOL_H

#include "harness/run/campaign.h"

enum { CAMPAIGN_JOBS_MAX = 1024 };

struct campaign_pool;

struct campaign_work {
	const struct campaign_mode *mode;
	const struct campaign_state *state;
	const volatile sig_atomic_t *interrupt; /* no new cells, and those being played are left */
	uint32_t jobs;                          /* threads, 1…CAMPAIGN_JOBS_MAX */

	/* Both are called under one lock, from the threads. next: false when no cell is left. done:
	 * the line of a cell, n bytes without newline; an error ends the campaign. */
	bool (*next)(void *ctx, uint64_t *index);
	enum status (*done)(void *ctx, uint64_t index, const char *line, size_t n,
	        const struct campaign_brief *brief, struct error *err);
	void *ctx;

	/* Others beside the threads may take cells and hand lines in, by the functions below:
	 * called once on the calling thread while the threads play; NULL: there are none. */
	void (*meanwhile)(void *ctx, struct campaign_pool *pool);
	uint64_t cells; /* how many next() will give, for whoever shares them out */
};

/* As many as there are processors, and no more than cells; at least 1. */
uint32_t campaign_pool_jobs(uint64_t cells);

bool campaign_pool_next(struct campaign_pool *pool, uint64_t *index);
uint64_t campaign_pool_left(struct campaign_pool *pool); /* of work->cells */
/* A line, or with played->code an error in its place, which ends the campaign. */
void campaign_pool_done(struct campaign_pool *pool, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, const struct error *played);

/* Plays until there is no next cell, an interrupt, or an error: the first one is returned. No
 * thread is left when it returns. */
enum status campaign_pool_run(const struct campaign_work *work, struct error *err) LPC_MUST_USE;

#endif
