/* The verdict needs the requests of a window, in order of t_sched, cut into 20 equal batches,
 * counted over three cuts of which two (the sample's own p90 and p50) are known at the end only;
 * and requests complete in another order, and there may be a hundred million.
 *
 * So a value is kept as the 16-bit code of its log-linear cell, at the index of its order,
 * which is the order of t_sched: 2 bytes a request, 4 MiB for the first 2^21. The limit splits its
 * cell in two, so that "over the limit" stays exact:
 *
 *   code   0        1 … cell(limit)+1      cell(limit)+2 … 55297      65535
 *          absent   at most the limit      over it                    infinite
 *
 * Beyond 2^21 requests the own p90 and p50 of those seen are settled to well below 1 %: they are
 * frozen, and the column turns into micro-batches of consecutive requests that hold four counts
 * each. When an order falls beyond the last, pairs of neighbours are joined. A batch's border is
 * then off by at most one micro-batch, 1/8192 of the run.
 *
 * Blame is asked of the slowest 1 - q only. Once 2^16 requests are known, those outside the slowest
 * 10 (1 - q) so far are not asked. */
#include "reports/column.h"
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"

enum { CODE_INFINITE = 0xffff, CODE_MIN = 1 << 12, MICRO_SHIFT = 21 - 14 };

struct column_micro {
	uint32_t n, over[CUT_COUNT];
};

_Static_assert(
        COLUMN_EXACT >> MICRO_SHIFT == COLUMN_MICROS, "the exact part fills the micro-batches");

void column_init(struct column *c, const struct slo_rule *rule, uint32_t n_faults)
{
	memset(c, 0, sizeof(*c));
	c->rule = rule;
	c->own_values = rule->metric == METRIC_ITL || rule->metric >= METRIC_GROUPS;
	histogram_init(&c->values);
	blame_init(&c->blame, n_faults);
}

void column_free(struct column *c)
{
	histogram_free(&c->values);
	blame_free(&c->blame);
	mem_free(c->code);
	mem_free(c->micro);
}

static uint16_t code_of(const struct column *c, int64_t value)
{
	if (value == COLUMN_INFINITE)
		return CODE_INFINITE;
	return (uint16_t)(1 + histogram_cell(value) + (value > c->rule->limit_ns));
}

static int64_t code_limit(const struct column *c)
{
	return 1 + histogram_cell(c->rule->limit_ns);
}

/* The smallest and the largest finite code; false if there is none. A run's values lie within a few
 * octaves: looking at those alone is most of the cost of a short one. */
static bool code_range(const struct column *c, unsigned *low, unsigned *high)
{
	*low = CODE_INFINITE;
	*high = 0;
	for (uint64_t i = 0; i < c->n_code; i++) {
		unsigned code = c->code[i];

		if (code == 0 || code == CODE_INFINITE)
			continue;
		*low = code < *low ? code : *low;
		*high = code > *high ? code : *high;
	}
	return *high > 0;
}

/* The cuts as codes: a request is over a cut when its code is greater. */
static uint64_t column_cuts(const struct column *c, int64_t cut[static CUT_COUNT])
{
	uint64_t n = 0, seen = 0, rank90, rank50;
	unsigned low, high, width = code_range(c, &low, &high) ? high - low + 1 : 0;
	uint32_t *counts = mem_alloc(width + 1, sizeof(*counts));

	for (uint64_t i = 0; i < c->n_code; i++) {
		n += c->code[i] != 0;
		if (c->code[i] != 0 && c->code[i] != CODE_INFINITE)
			counts[c->code[i] - low]++;
	}
	rank90 = histogram_rank(0.90, n);
	rank50 = histogram_rank(0.50, n);
	cut[CUT_LIMIT] = code_limit(c);
	for (unsigned i = 0; i < width; i++) {
		if (seen < rank50 && seen + counts[i] >= rank50)
			cut[CUT_P50] = low + i;
		if (seen < rank90 && seen + counts[i] >= rank90)
			cut[CUT_P90] = low + i;
		seen += counts[i];
	}
	if (seen < rank50)
		cut[CUT_P50] = CODE_INFINITE;
	if (seen < rank90)
		cut[CUT_P90] = CODE_INFINITE;
	mem_free(counts);
	return n;
}

static void micro_put(struct column *c, uint64_t index, uint16_t code)
{
	struct column_micro *m;

	while (index >> c->shift >= COLUMN_MICROS) {
		for (unsigned i = 0; i < COLUMN_MICROS / 2; i++) {
			const struct column_micro *a = &c->micro[2 * i], *b = a + 1;
			struct column_micro sum = {.n = a->n + b->n};

			for (int k = 0; k < CUT_COUNT; k++)
				sum.over[k] = a->over[k] + b->over[k];
			c->micro[i] = sum;
		}
		memset(c->micro + COLUMN_MICROS / 2, 0, COLUMN_MICROS / 2 * sizeof(*c->micro));
		c->shift++;
	}
	m = &c->micro[index >> c->shift];
	m->n++;
	for (int k = 0; k < CUT_COUNT; k++)
		m->over[k] += code > c->cut[k];
}

static void column_condense(struct column *c)
{
	column_cuts(c, c->cut);
	c->micro = mem_alloc(COLUMN_MICROS, sizeof(*c->micro));
	c->shift = MICRO_SHIFT;
	for (uint64_t i = 0; i < c->n_code; i++)
		if (c->code[i])
			micro_put(c, i, c->code[i]);
	mem_free(c->code);
	c->code = NULL;
	c->n_code = 0;
}

static void column_reach(struct column *c, uint64_t index)
{
	uint64_t n = c->n_code ? c->n_code : CODE_MIN;

	while (n <= index)
		n *= 2;
	c->code = mem_grow(c->code, n, sizeof(*c->code));
	memset(c->code + c->n_code, 0, (n - c->n_code) * sizeof(*c->code));
	c->n_code = n;
}

void column_put(struct column *c, uint64_t order, int64_t value)
{
	uint16_t code = code_of(c, value);
	uint64_t index = order - 1;

	CHECK(order > 0);
	c->infinite += value == COLUMN_INFINITE;
	if (LPC_UNLIKELY(!c->micro && index >= COLUMN_EXACT))
		column_condense(c);
	if (c->micro) {
		micro_put(c, index, code);
		return;
	}
	if (LPC_UNLIKELY(index >= c->n_code))
		column_reach(c, index);
	c->code[index] = code;
}

static void micros_put_block(struct column *c, uint32_t n, const uint64_t *order,
        const int64_t *value, const uint32_t *cell)
{
	const int64_t limit = c->rule->limit_ns;
	const uint32_t at_limit = (uint32_t)c->cut[CUT_LIMIT], at_90 = (uint32_t)c->cut[CUT_P90],
	               at_50 = (uint32_t)c->cut[CUT_P50];
	const unsigned shift = c->shift;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t code = 1 + cell[i] + (value[i] > limit);
		struct column_micro *m = &c->micro[(order[i] - 1) >> shift];

		if (LPC_UNLIKELY(value[i] < 0))
			continue;
		m->n++;
		m->over[CUT_LIMIT] += code > at_limit;
		m->over[CUT_P90] += code > at_90;
		m->over[CUT_P50] += code > at_50;
	}
}

/* Where the column need not grow, condense or join for any of them, they are written in a row. */
void column_put_block(struct column *c, uint32_t n, uint64_t last, const uint64_t *order,
        const int64_t *value, const uint32_t *cell)
{
	const int64_t limit = c->rule->limit_ns;

	if (c->micro && (last - 1) >> c->shift < COLUMN_MICROS) {
		micros_put_block(c, n, order, value, cell);
		return;
	}
	if (c->micro || last > c->n_code) {
		for (uint32_t i = 0; i < n; i++)
			if (value[i] >= 0)
				column_put(c, order[i], value[i]);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		if (value[i] >= 0)
			c->code[order[i] - 1] = (uint16_t)(1 + cell[i] + (value[i] > limit));
}

void column_review(struct column *c, const struct histogram *values)
{
	double q = 1 - 10 * (1 - c->rule->quantile);

	if (q <= 0 || !histogram_percentile(values, q, &c->blame_from))
		c->blame_from = 0;
}

/* Which of the 20 batches holds the request (or the middle of the micro-batch) after `seen` others.
 */
static unsigned batch_of(uint64_t seen, uint64_t n)
{
	return (unsigned)((__uint128_t)seen * STATS_BATCHES / n);
}

static bool micro_batches(const struct column *c, struct stats_batch *out)
{
	uint64_t n = 0, seen = 0;

	for (unsigned i = 0; i < COLUMN_MICROS; i++)
		n += c->micro[i].n;
	for (unsigned i = 0; i < COLUMN_MICROS; i++) {
		const struct column_micro *m = &c->micro[i];
		struct stats_batch *b = &out[m->n ? batch_of(seen + m->n / 2, n) : 0];

		b->n += m->n;
		for (int k = 0; k < CUT_COUNT; k++)
			b->over[k] += m->over[k];
		seen += m->n;
	}
	return n >= STATS_BATCHES;
}

bool column_batches(const struct column *c, struct stats_batch out[static STATS_BATCHES])
{
	int64_t cut[CUT_COUNT];
	uint64_t n, seen = 0, end; /* end: of the batch */
	unsigned batch = 0;

	memset(out, 0, STATS_BATCHES * sizeof(*out));
	if (c->micro)
		return micro_batches(c, out);
	n = column_cuts(c, cut);
	if (n < STATS_BATCHES)
		return false;
	end = (n - 1) / STATS_BATCHES + 1;
	for (uint64_t i = 0; i < c->n_code; i++) {
		struct stats_batch *b;

		if (!c->code[i])
			continue;
		if (seen++ == end)
			end = ((uint64_t)++batch * n + n - 1) / STATS_BATCHES + 1;
		b = &out[batch];
		b->n++;
		for (int k = 0; k < CUT_COUNT; k++)
			b->over[k] += c->code[i] > cut[k];
	}
	return true;
}
