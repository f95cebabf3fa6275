/* What is compared, and what it may differ by:
 *
 *  outcome   all requests; the same for all but 0.1 %
 *  TTFT      |wall − virtual| ≤ 1 ms + one slot phase (slot_phase, below), for 99 % of the requests
 *            outside fault windows; and p50 and p99 over all within 2 % or 1 ms, where there
 *            are enough requests for the percentile
 *  TPOT      pooled over the requests outside fault windows (their decode time over their
 *            tokens) within 1 %: a single short answer may deviate by more, since two socket
 *            events are 20–100 us late each
 *  ledger    every phase that either run reached, within 20 ms
 *
 * Requests are joined by id. A request is outside the fault windows if its life on the virtual
 * clock meets no [inject, end), the end being the latest of revert, recover and failover: nodes
 * that are powered up in turns serve again long after the fault is over. */
#include "harness/run/agreement.h"

#include <stdlib.h>

#include "harness/base/arena.h"
#include "harness/base/histogram.h"
#include "harness/base/units.h"

#define TTFT_SLACK_NS   NS_PER_MS
#define LEDGER_SLACK_NS (20 * NS_PER_MS)

static const double tpot_bound = 0.01, ttft_share_bound = 0.99, ttft_quantile_bound = 0.02,
                    outcome_bound = 0.001;

/* What arriving a moment later can cost: a request that just missed its slot's departure takes the
 * next that is free, and the last resort, the same slot again, departs one frame later. Nothing
 * with immediate entry. The distance to the neighbouring slot would not do: at half load that one
 * is taken every other time, and a tenth of a millisecond of network misses one departure in ten.
 */
static int64_t slot_phase(const struct scenario *s)
{
	int64_t most = 0;

	for (uint32_t p = 0; p < s->deployment.n_pools; p++) {
		const struct pool_spec *pool = &s->deployment.pools[p];

		for (uint32_t b = 0; pool->entry != ENTRY_IMMEDIATE && b < pool->n_buckets; b++)
			if (pool->buckets[b].frame_ns > most)
				most = pool->buckets[b].frame_ns;
	}
	return most;
}

static bool in_fault_window(
        const struct scenario *s, const struct evaluation *e, const struct book_entry *b)
{
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct score_fault *f = &e->faults[i];
		int64_t end = f->revert_ns < 0 ? INT64_MAX : f->revert_ns;

		if (f->inject_ns < 0)
			continue;
		if (f->recover_ns > end)
			end = f->recover_ns;
		if (f->failover_ns > end)
			end = f->failover_ns;
		if (b->t_sched < end && b->t_done >= f->inject_ns)
			return true;
	}
	return false;
}

struct sums {
	uint64_t compared, quiet, close, same, total;
	double decode_wall, decode_virtual;
	int64_t *ttft_wall, *ttft_virtual;
};

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

static void compare(const struct scenario *s, const struct evaluation *e, int64_t slack,
        const struct book_entry *w, const struct book_entry *v, struct sums *sums)
{
	sums->total++;
	sums->same += w->outcome == v->outcome;
	if (w->outcome != OUTCOME_OK || v->outcome != OUTCOME_OK)
		return;
	sums->ttft_wall[sums->compared] = w->ttft_ns;
	sums->ttft_virtual[sums->compared] = v->ttft_ns;
	sums->compared++;
	if (in_fault_window(s, e, v))
		return;
	sums->quiet++;
	sums->close += distance(w->ttft_ns, v->ttft_ns) <= slack;
	if (w->tpot_ns >= 0 && v->tpot_ns >= 0) {
		sums->decode_wall += (double)(w->e2el_ns - w->ttft_ns);
		sums->decode_virtual += (double)(v->e2el_ns - v->ttft_ns);
	}
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank; ms. -1 below the percentile's floor: one request's missed departure would decide.
 */
static double quantile_ms(const int64_t *sorted, uint64_t n, double q)
{
	return n >= histogram_floor(q) ? ns_to_ms(sorted[histogram_rank(q, n) - 1]) : -1;
}

static bool quantiles_agree(double wall_ms, double virtual_ms)
{
	double d = wall_ms > virtual_ms ? wall_ms - virtual_ms : virtual_ms - wall_ms;

	return virtual_ms < 0 || d <= 1.0 || d <= ttft_quantile_bound * virtual_ms;
}

static double ledger_distance_ms(const struct ledger *wall, const struct ledger *companion)
{
	int64_t most = 0;

	for (uint32_t i = 0; i < wall->n; i++) {
		for (unsigned p = PHASE_INJECT; p <= PHASE_REVERT; p++) {
			int64_t a = wall->e[i].at[p], b = companion->e[i].at[p], d;

			if (p == PHASE_RECOVER || (a < 0 && b < 0))
				continue;
			d = a < 0 || b < 0 ? INT64_MAX / 2 : distance(a, b);
			if (d > most)
				most = d;
		}
	}
	return ns_to_ms(most);
}

static const char *reason_of(const struct result_agreement *a)
{
	if (a->outcome_mismatch_share > outcome_bound)
		return "outcomes differ for more than 0.1 % of the requests";
	if (a->tpot_deviation > tpot_bound)
		return "TPOT deviates by more than 1 %";
	if (a->ttft_within_share < ttft_share_bound)
		return "TTFT deviates by more than 1 ms and one slot phase for more than 1 % of "
		       "the "
		       "requests outside fault windows";
	if (!quantiles_agree(a->ttft_p50_wall_ms, a->ttft_p50_virtual_ms) ||
	        !quantiles_agree(a->ttft_p99_wall_ms, a->ttft_p99_virtual_ms))
		return "p50 or p99 of TTFT deviates by more than 2 % and 1 ms";
	if (a->ledger_max_ms > ns_to_ms(LEDGER_SLACK_NS))
		return "a phase of the ledger deviates by more than 20 ms";
	return NULL;
}

void agreement_judge(const struct scenario *s, const struct book *wall, const struct ledger *ledger,
        const struct evaluation *companion, struct result_agreement *out)
{
	const struct book *virtual = &companion->book;
	uint64_t n = wall->n > virtual->n ? wall->n : virtual->n;
	int64_t slack = TTFT_SLACK_NS + slot_phase(s);
	struct sums sums = {.ttft_wall = mem_alloc(n + 1, sizeof(int64_t)),
	        .ttft_virtual = mem_alloc(n + 1, sizeof(int64_t))};

	*out = (struct result_agreement){0};
	for (uint64_t id = 0; (id = book_next(wall, virtual, id)) != 0;) {
		const struct book_entry *w = book_at(wall, id), *v = book_at(virtual, id);

		if (w && v)
			compare(s, companion, slack, w, v, &sums);
		else
			sums.total++;
	}
	qsort(sums.ttft_wall, sums.compared, sizeof(int64_t), ascending);
	qsort(sums.ttft_virtual, sums.compared, sizeof(int64_t), ascending);
	out->compared = sums.compared;
	out->tpot_deviation =
	        sums.decode_virtual > 0 ? sums.decode_wall / sums.decode_virtual - 1 : 0;
	if (out->tpot_deviation < 0)
		out->tpot_deviation = -out->tpot_deviation;
	out->ttft_within_share = sums.quiet ? (double)sums.close / (double)sums.quiet : 1;
	out->ttft_p50_wall_ms = quantile_ms(sums.ttft_wall, sums.compared, 0.5);
	out->ttft_p99_wall_ms = quantile_ms(sums.ttft_wall, sums.compared, 0.99);
	out->ttft_p50_virtual_ms = quantile_ms(sums.ttft_virtual, sums.compared, 0.5);
	out->ttft_p99_virtual_ms = quantile_ms(sums.ttft_virtual, sums.compared, 0.99);
	out->outcome_mismatch_share =
	        sums.total ? (double)(sums.total - sums.same) / (double)sums.total : 0;
	out->ledger_max_ms = ledger_distance_ms(ledger, &companion->run.ledger);
	out->reason = reason_of(out);
	out->ok = out->reason == NULL;
	mem_free(sums.ttft_wall);
	mem_free(sums.ttft_virtual);
}
