#include "harness/run/ddmin.h"

#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/mutant.h"

/* The set at hand, cut into `parts` of nearly equal size. */
struct cut {
	uint32_t n, parts;
	uint32_t *set, *tried; /* the set; what is asked about */
};

static uint32_t part_begin(const struct cut *c, uint32_t part)
{
	return (uint32_t)((uint64_t)c->n * part / c->parts);
}

static bool part_fails(struct cut *c, uint32_t part, ddmin_fails_fn *fails, void *ctx)
{
	uint32_t from = part_begin(c, part), to = part_begin(c, part + 1);

	memcpy(c->tried, c->set + from, (to - from) * sizeof(*c->tried));
	if (!fails(ctx, c->tried, to - from))
		return false;
	memmove(c->set, c->set + from, (to - from) * sizeof(*c->set));
	c->n = to - from;
	c->parts = 2;
	return true;
}

static bool complement_fails(struct cut *c, uint32_t part, ddmin_fails_fn *fails, void *ctx)
{
	uint32_t from = part_begin(c, part), to = part_begin(c, part + 1);
	uint32_t rest = c->n - to;

	memcpy(c->tried, c->set, from * sizeof(*c->tried));
	memcpy(c->tried + from, c->set + to, rest * sizeof(*c->tried));
	if (!fails(ctx, c->tried, from + rest))
		return false;
	memmove(c->set + from, c->set + to, rest * sizeof(*c->set));
	c->n = from + rest;
	c->parts = c->parts > 2 ? c->parts - 1 : 2;
	return true;
}

/* One round of questions at this cut; true where the set became smaller. Of two parts each is the
 * complement of the other. */
static bool reduce(struct cut *c, ddmin_fails_fn *fails, void *ctx)
{
	for (uint32_t i = 0; i < c->parts; i++)
		if (part_fails(c, i, fails, ctx))
			return true;
	for (uint32_t i = 0; i < c->parts && c->parts > 2 && !MUTANT(REST_UNASKED); i++)
		if (complement_fails(c, i, fails, ctx))
			return true;
	return false;
}

uint32_t ddmin(uint32_t n, ddmin_fails_fn *fails, void *ctx, uint32_t *kept)
{
	struct cut c = {.n = n, .parts = 2, .set = kept};

	CHECK(n <= DDMIN_MAX);
	for (uint32_t i = 0; i < n; i++)
		kept[i] = i;
	if (n == 0 || fails(ctx, kept, 0))
		return 0;
	c.tried = mem_alloc(n, sizeof(*c.tried));
	while (c.n > 1) {
		if (reduce(&c, fails, ctx))
			continue;
		if (c.parts >= c.n)
			break;
		c.parts = c.parts * 2 < c.n ? c.parts * 2 : c.n;
	}
	mem_free(c.tried);
	return c.n;
}
