/* The p99 request is known at the end of a run only, and requests cannot all be kept until then. So
 * the parts of every judged request are summed in rows by the size of its value, 16 rows an octave;
 * at the end the rows from the observed percentile up are added together. The row of the percentile
 * itself reaches down at most 6 % below it.
 *
 * An SLO is on one metric, the parts are those of the whole request. Each metric takes the parts
 * that lie inside its span; where the span ends before the request does (TTFT), what remains after
 * the parts that surely precede it is what the stalls may claim. */
#include "reports/blame.h"
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"

struct blame_row {
	__int128 part[BLAME_PARTS];
	__int128 *stall; /* by fault; NULL until one stalls */
};

void blame_init(struct blame *b, uint32_t n_faults)
{
	memset(b, 0, sizeof(*b));
	b->n_faults = n_faults;
}

void blame_free(struct blame *b)
{
	for (unsigned i = 0; i < BLAME_ROWS; i++) {
		if (b->row[i])
			mem_free(b->row[i]->stall);
		mem_free(b->row[i]);
	}
}

static unsigned row_of(int64_t value)
{
	return value == INT64_MAX ? BLAME_ROWS - 1 : blame_row_of(histogram_cell(value));
}

static int64_t known(int64_t ns)
{
	return ns > 0 ? ns : 0;
}

static int64_t stalled_ns(const struct sample *x)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < x->n_stalls; i++)
		sum += known(x->stalls[i].ns);
	return sum;
}

static int64_t at_most(int64_t ns, int64_t limit)
{
	return ns < limit ? ns : known(limit);
}

/* Fills the parts of metric m; returns what the stalls may claim of it. */
static int64_t blame_parts(enum metric m, const struct sample *x, int64_t part[static BLAME_PARTS])
{
	int64_t stalls = stalled_ns(x), span = known(x->t_last) - known(x->t_first), before;

	memset(part, 0, BLAME_PARTS * sizeof(*part));
	if (m == METRIC_SCHED_LAG || m == METRIC_TTFT || m == METRIC_E2EL)
		part[BLAME_SEND_LAG] = x->t_send >= 0 ? known(x->t_send - x->t_sched) : 0;
	if (m == METRIC_SCHED_LAG)
		return 0;
	if (m == METRIC_TPOT || m == METRIC_ITL || m == METRIC_DECODE) {
		part[BLAME_DECODE] = known(x->blame_decode_ns);
		stalls = at_most(stalls, span - part[BLAME_DECODE]);
		if (m != METRIC_DECODE)
			part[BLAME_NETWORK] = known(span - part[BLAME_DECODE] - stalls);
		return stalls;
	}
	if (m != METRIC_PREFILL) {
		part[BLAME_QUEUE] = known(x->blame_queue_ns);
		part[BLAME_ENTRY] = known(x->blame_entry_ns);
	}
	if (m == METRIC_QUEUE)
		return at_most(stalls, x->queue_ns - part[BLAME_QUEUE] - part[BLAME_ENTRY]);
	part[BLAME_PREFILL] = known(x->blame_prefill_ns);
	if (m == METRIC_PREFILL)
		return at_most(stalls, x->prefill_ns - part[BLAME_PREFILL]);
	part[BLAME_NETWORK] = known(x->blame_network_ns);
	if (m == METRIC_E2EL || x->outcome != OUTCOME_OK) {
		part[BLAME_DECODE] = known(x->blame_decode_ns);
		return stalls;
	}
	before = part[BLAME_SEND_LAG] + part[BLAME_NETWORK] + part[BLAME_QUEUE] +
	         part[BLAME_ENTRY] + part[BLAME_PREFILL];
	return at_most(stalls, x->t_first - x->t_sched - before);
}

static void stall_add(struct blame *b, struct blame_row *row, const struct sample *x, int64_t claim)
{
	int64_t total = stalled_ns(x);

	if (claim <= 0 || total == 0)
		return;
	if (!row->stall)
		row->stall = mem_alloc(b->n_faults + 1, sizeof(*row->stall));
	for (uint32_t i = 0; i < x->n_stalls; i++) {
		const struct sample_stall *stall = &x->stalls[i];

		CHECK(stall->fault < b->n_faults);
		row->stall[stall->fault] += (__int128)known(stall->ns) * claim / total;
	}
}

static struct blame_row *row_add(
        struct blame *b, unsigned at, const int64_t part[static BLAME_PARTS])
{
	struct blame_row *row = b->row[at];

	if (LPC_UNLIKELY(!row))
		row = b->row[at] = mem_alloc(1, sizeof(*row));
	for (int i = 0; i < BLAME_PARTS; i++)
		row->part[i] += part[i];
	return row;
}

void blame_add_parts(struct blame *b, uint32_t row, const int64_t part[static BLAME_PARTS])
{
	CHECK(row < BLAME_ROWS);
	(void)row_add(b, row, part);
}

void blame_add(struct blame *b, int64_t value, enum metric m, const struct sample *x)
{
	int64_t part[BLAME_PARTS];
	int64_t claim = blame_parts(m, x, part);
	struct blame_row *row = row_add(b, row_of(value), part);

	if (LPC_UNLIKELY(x->n_stalls))
		stall_add(b, row, x, claim);
}

bool blame_shares(
        const struct blame *b, int64_t from, double parts[static BLAME_PARTS], double *by_fault)
{
	double total = 0;

	memset(parts, 0, BLAME_PARTS * sizeof(*parts));
	memset(by_fault, 0, b->n_faults * sizeof(*by_fault));
	for (unsigned i = row_of(from); i < BLAME_ROWS; i++) {
		const struct blame_row *row = b->row[i];

		for (int p = 0; row && p < BLAME_PARTS; p++)
			parts[p] += (double)row->part[p];
		for (uint32_t f = 0; row && row->stall && f < b->n_faults; f++)
			by_fault[f] += (double)row->stall[f];
	}
	for (int p = 0; p < BLAME_PARTS; p++)
		total += parts[p];
	for (uint32_t f = 0; f < b->n_faults; f++)
		total += by_fault[f];
	if (total <= 0)
		return false;
	for (int p = 0; p < BLAME_PARTS; p++)
		parts[p] /= total;
	for (uint32_t f = 0; f < b->n_faults; f++)
		by_fault[f] /= total;
	return true;
}
