#include "harness/run/run_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/assumptions.h"
#include "harness/run/drive_virtual.h"

#define ARENA_BYTES ((size_t)64 << 20)

enum status run_samples_parse(const char *text, struct run_samples *out, struct error *err)
{
	unsigned long long most;
	char *end;

	*out = (struct run_samples){.keep = STORE_ALL};
	if (strcmp(text, "all") == 0)
		return ERR_NONE;
	out->keep = STORE_FAILED;
	if (strcmp(text, "failed") == 0)
		return ERR_NONE;
	errno = 0;
	most = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || most > INT64_MAX)
		return error_set(err, ERR_USAGE,
		        "--samples: expected all, failed or a number of requests, found '%s'",
		        text);
	*out = (struct run_samples){.keep = STORE_SOME, .most = most};
	return ERR_NONE;
}

enum status run_store_open(struct run_store *r, const struct scenario *s, bool virtual_clock,
        const char *dir, const char *plan_digest, const struct run_samples *samples,
        struct error *err)
{
	struct store_config c = {.dir = dir,
	        .scenario = s->name,
	        .seed = s->seed,
	        .virtual_clock = virtual_clock,
	        .plan_digest = plan_digest,
	        .tenants = r->tenants,
	        .tenant_tier = r->tenant_tier,
	        .n_tenants = s->traffic.n_tenants,
	        .score = &r->score,
	        .ends_ns = s->duration_ns + s->drain_ns,
	        .names = &s->names,
	        .keep = samples->keep,
	        .most = samples->most};

	*r = (struct run_store){.score = scenario_score_config(s, virtual_clock)};
	arena_init(&r->arena, ARENA_BYTES);
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++) {
		r->tenants[t] = s->traffic.tenants[t].name;
		r->tenant_tier[t] = s->traffic.tenants[t].tier_index;
	}
	assumptions_list(s, &r->arena, &c.parameters, &c.n_parameters);
	return store_open(&c, &r->store, err);
}

enum status run_store_close(struct run_store *r, const struct result_document *d, struct error *err)
{
	enum status st = store_close(r->store, d, err);

	arena_free(&r->arena);
	r->store = NULL;
	return st;
}

void run_store_sample(void *ctx, const struct sample *x)
{
	const struct run_store *r = ctx;

	store_sample(r->store, x);
}

void run_store_gaps(void *ctx, uint64_t id, int64_t gap_ns, int64_t n)
{
	const struct run_store *r = ctx;

	store_gaps(r->store, id, gap_ns, n);
}
