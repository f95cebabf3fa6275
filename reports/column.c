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
 * At the end the codes are read twice, a piece at a time and several in one instruction: for the
 * cuts, then for the batches.
 *
 * Blame is asked of the slowest 1 - q only. Once 2^16 requests are known, those outside the slowest
 * 10 (1 - q) so far are not asked. */
#include "reports/column.h"
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/wide.h"

enum {
	CODE_INFINITE = 0xffff,
	CODE_MIN = 1 << 12, /* the capacity is this, doubled any number of times */
	CODE_PIECE = 128,   /* codes at a time */
	MICRO_SHIFT = 21 - 14
};

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

/* What a piece of the codes amounts to. */
struct code_look {
	uint16_t n, low, high; /* of the finite ones: the least, less 1, and the greatest, plus 1 */
};

/* A difference that wraps puts what is absent, or infinite, where it decides nothing. */
static WIDE_BODY struct code_look codes_look(uint32_t n, const uint16_t *code)
{
	struct code_look l = {.low = CODE_INFINITE};

	for (uint32_t i = 0; i < n; i++) {
		uint16_t before = (uint16_t)(code[i] - 1), after = (uint16_t)(code[i] + 1);

		l.n = (uint16_t)(l.n + (code[i] != 0));
		l.low = before < l.low ? before : l.low;
		l.high = after > l.high ? after : l.high;
	}
	return l;
}

WIDE_CODE static struct code_look codes_look_wide(uint32_t n, const uint16_t *code)
{
	return codes_look(n, code);
}

static struct code_look codes_look_any(uint32_t n, const uint16_t *code)
{
	return codes_look(n, code);
}

/* How many are judged; the smallest and the largest finite code, low > high if there is none; the
 * end of those that are used. A run's values lie within a few octaves: counting in those alone is
 * most of the cost of a short one. */
static uint64_t code_range(const struct column *c, unsigned *low, unsigned *high, uint64_t *end)
{
	uint64_t n = 0;

	*low = CODE_INFINITE;
	*high = 0;
	*end = 0;
	for (uint64_t i = 0; i < c->n_code; i += CODE_MIN) {
		struct code_look l = wide_machine() ? codes_look_wide(CODE_MIN, c->code + i)
		                                    : codes_look_any(CODE_MIN, c->code + i);

		if (!l.n)
			continue;
		n += l.n;
		*end = i + CODE_MIN;
		*low = l.low + 1u < *low ? l.low + 1u : *low;
		*high = l.high > *high + 1u ? l.high - 1u : *high;
	}
	return n;
}

/* Counts the finite codes. Those that are there come in no order that a processor could guess, so
 * they are first moved together. */
static void codes_count(const uint16_t *code, uint64_t n, unsigned low, uint32_t *counts)
{
	uint16_t there[CODE_PIECE];

	for (uint64_t i = 0; i < n; i += CODE_PIECE) {
		uint32_t m = 0;

		for (uint32_t k = 0; k < CODE_PIECE; k++) {
			there[m] = code[i + k];
			m += (uint16_t)(code[i + k] - 1) < CODE_INFINITE - 1;
		}
		for (uint32_t k = 0; k < m; k++)
			counts[there[k] - low]++;
	}
}

/* The cuts as codes: a request is over a cut when its code is greater. */
static uint64_t column_cuts(const struct column *c, int64_t cut[static CUT_COUNT])
{
	uint64_t end, n, seen = 0, rank90, rank50;
	unsigned low, high, width;
	uint32_t *counts;

	n = code_range(c, &low, &high, &end);
	width = low <= high ? high - low + 1 : 0;
	counts = mem_alloc(width + 1, sizeof(*counts));
	if (width)
		codes_count(c->code, end, low, counts);
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

/* Codes of one batch that lie in a row. */
struct code_tally {
	uint16_t n, over[CUT_COUNT];
};

static WIDE_BODY struct code_tally codes_tally(
        uint32_t n, const uint16_t *code, const uint16_t cut[static CUT_COUNT])
{
	const uint16_t at_limit = cut[CUT_LIMIT], at_90 = cut[CUT_P90], at_50 = cut[CUT_P50];
	uint16_t there = 0, limit = 0, over90 = 0, over50 = 0;

	for (uint32_t i = 0; i < n; i++) {
		there = (uint16_t)(there + (code[i] != 0));
		limit = (uint16_t)(limit + (code[i] > at_limit));
		over90 = (uint16_t)(over90 + (code[i] > at_90));
		over50 = (uint16_t)(over50 + (code[i] > at_50));
	}
	return (struct code_tally){
	        there, {[CUT_LIMIT] = limit, [CUT_P90] = over90, [CUT_P50] = over50}};
}

WIDE_CODE static struct code_tally codes_tally_wide(
        uint32_t n, const uint16_t *code, const uint16_t cut[static CUT_COUNT])
{
	return codes_tally(n, code, cut);
}

static struct code_tally codes_tally_any(
        uint32_t n, const uint16_t *code, const uint16_t cut[static CUT_COUNT])
{
	return codes_tally(n, code, cut);
}

static void batch_add(struct stats_batch *b, const struct code_tally *t)
{
	b->n += t->n;
	for (int k = 0; k < CUT_COUNT; k++)
		b->over[k] += t->over[k];
}

/* The end of a batch of n requests, by how many come before it. */
static uint64_t batch_end(uint64_t batch, uint64_t n)
{
	return (batch * n + n - 1) / STATS_BATCHES + 1;
}

/* A piece goes to its batch as a whole, unless the batch ends in it. */
static void code_batches(
        const struct column *c, uint64_t n, const int64_t cuts[], struct stats_batch *out)
{
	uint16_t cut[CUT_COUNT];
	uint64_t seen = 0, end = batch_end(0, n), batch = 0;

	for (int k = 0; k < CUT_COUNT; k++)
		cut[k] = (uint16_t)cuts[k];
	for (uint64_t i = 0; i < c->n_code && seen < n; i += CODE_PIECE) {
		const uint16_t *code = c->code + i;
		struct code_tally t = wide_machine() ? codes_tally_wide(CODE_PIECE, code, cut)
		                                     : codes_tally_any(CODE_PIECE, code, cut);

		if (seen + t.n <= end) {
			batch_add(&out[batch], &t);
			seen += t.n;
			continue;
		}
		for (uint32_t k = 0; k < CODE_PIECE; k++) {
			if (!code[k])
				continue;
			if (seen++ == end)
				end = batch_end(++batch, n);
			t = codes_tally_any(1, &code[k], cut);
			batch_add(&out[batch], &t);
		}
	}
}

bool column_batches(const struct column *c, struct stats_batch out[static STATS_BATCHES])
{
	int64_t cut[CUT_COUNT];
	uint64_t n;

	memset(out, 0, STATS_BATCHES * sizeof(*out));
	if (c->micro)
		return micro_batches(c, out);
	n = column_cuts(c, cut);
	if (n < STATS_BATCHES)
		return false;
	code_batches(c, n, cut, out);
	return true;
}
