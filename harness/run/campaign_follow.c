#include "harness/run/campaign_follow.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/interrupt.h"

/* The manifest as it is in memory (all ranks are one program), then the bundle. */
enum status campaign_lead(const struct ranks *r, const struct campaign *c, struct error *err)
{
	struct campaign_manifest m;
	char *bundle, *bytes;
	size_t n = 0;
	void *shared = NULL;
	enum status st;

	if (r->size == 1)
		return ERR_NONE;
	if (!c)
		return ranks_share(r, &shared, &n, err);
	m = c->manifest;
	m.request.dir = NULL;
	bundle = scenario_bundle(c->scenario, &n);
	bytes = mem_alloc(sizeof(m) + n, 1);
	memcpy(bytes, &m, sizeof(m));
	memcpy(bytes + sizeof(m), bundle, n);
	mem_free(bundle);
	n += sizeof(m);
	shared = bytes;
	st = ranks_share(r, &shared, &n, err);
	mem_free(bytes);
	return st;
}

static enum status play(struct ranks *r, struct campaign *c, const char *bytes, size_t n,
        uint32_t jobs, struct error *err)
{
	struct campaign_work work = {.interrupt = interrupt_catch(),
	        .jobs = jobs,
	        .next = ranks_next,
	        .done = ranks_done,
	        .ctx = r};
	struct scenario *s;
	enum status st;

	CHECK(n > sizeof(c->manifest));
	memcpy(&c->manifest, bytes, sizeof(c->manifest));
	if (campaign_scenario("rank 0", &c->manifest, bytes + sizeof(c->manifest),
	            n - sizeof(c->manifest), &s, err))
		return err->code;
	c->scenario = s;
	st = campaign_open_mode(c, err);
	work.mode = c->mode;
	work.state = c->state;
	if (!st)
		st = campaign_pool_run(&work, err);
	if (c->state)
		c->mode->close(c->state);
	scenario_free(s);
	return st;
}

void campaign_follow(struct ranks *r, uint32_t jobs)
{
	struct campaign c = {0};
	struct error err = ERROR_INIT;
	void *bytes = NULL;
	size_t n = 0;
	enum status st = ranks_share(r, &bytes, &n, &err);

	if (!st && n > 0)
		st = play(r, &c, bytes, n, jobs, &err);
	CHECK(st == err.code);
	if (st || n > 0)
		ranks_leave(r, &err);
	mem_free(bytes);
}
