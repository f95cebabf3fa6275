/* Every law but the empirical one is a quantile function that never falls: the share of a length is
 * where the function leaves it minus where it reached it, and both are found by halving, on the
 * very function that requests are drawn from. */
#include "workloads/length_table.h"

#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"

static int64_t capped(const struct length_spec *law, uint64_t u)
{
	bool clipped;

	return length_cap(length_at(law, u), law->max, &clipped);
}

/* The last u at which the law gives at most `tokens`, from `from` on, where it does. */
static uint64_t leaves(const struct length_spec *law, int64_t tokens, uint64_t from)
{
	uint64_t low = from, high = UINT64_MAX;

	if (capped(law, high) <= tokens)
		return high;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (capped(law, middle) <= tokens)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void list_all(struct length_table *t, const struct length_spec *law)
{
	uint64_t u = 0, last = 0;
	bool first = true;

	while (first || last != UINT64_MAX) {
		u = first ? 0 : last + 1;
		t->tokens[t->n] = capped(law, u);
		last = leaves(law, t->tokens[t->n], u);
		t->share[t->n++] = ((double)(last - u) + 1) * 0x1p-64;
		first = false;
	}
}

static void list_slices(struct length_table *t, const struct length_spec *law)
{
	const uint64_t slice = UINT64_MAX / LENGTH_TABLE_SLICES + 1;

	t->n = LENGTH_TABLE_SLICES;
	for (uint64_t i = 0; i < t->n; i++) {
		t->tokens[i] = capped(law, i * slice + slice / 2);
		t->share[i] = 1.0 / LENGTH_TABLE_SLICES;
	}
}

struct entry {
	int64_t tokens;
	uint32_t index;
};

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->tokens != y->tokens)
		return x->tokens < y->tokens ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static void list_empirical(struct length_table *t, const struct length_spec *law)
{
	struct entry *e = mem_alloc(law->n, sizeof(*e));
	bool clipped;

	for (uint32_t i = 0; i < law->n; i++)
		e[i] = (struct entry){length_cap(law->values[i], law->max, &clipped), i};
	qsort(e, law->n, sizeof(*e), compare);
	for (uint32_t i = 0; i < law->n; i++) {
		uint64_t before = e[i].index ? law->upto[e[i].index - 1] : 0;
		double share = (double)(law->upto[e[i].index] - before) * 0x1p-64;

		if (share == 0)
			continue;
		if (t->n && t->tokens[t->n - 1] == e[i].tokens) {
			t->share[t->n - 1] += share;
			continue;
		}
		t->tokens[t->n] = e[i].tokens;
		t->share[t->n++] = share;
	}
	mem_free(e);
}

void length_table_init(struct length_table *t, const struct length_spec *law)
{
	int64_t span = capped(law, UINT64_MAX) - capped(law, 0);
	uint32_t room = LENGTH_TABLE_SLICES;

	*t = (struct length_table){.exact = true};
	if (law->dist == LENGTH_EMPIRICAL)
		room = law->n;
	else if (span < LENGTH_TABLE_EXACT)
		room = (uint32_t)span + 1;
	else
		t->exact = false;
	t->tokens = mem_alloc(room, sizeof(*t->tokens));
	t->share = mem_alloc(room, sizeof(*t->share));
	if (law->dist == LENGTH_EMPIRICAL)
		list_empirical(t, law);
	else if (t->exact)
		list_all(t, law);
	else
		list_slices(t, law);
}

void length_table_free(struct length_table *t)
{
	mem_free(t->tokens);
	mem_free(t->share);
	*t = (struct length_table){0};
}
