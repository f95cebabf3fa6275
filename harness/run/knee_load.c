/* Sums over the laws instead of over a sample of them: two figures of rho for one load would leave
 * the reader to guess which is the noise. Where a request goes depends on its prompt only
 * (max_tokens is given, or follows from the prompt), so per prompt length the outputs enter by
 * their cumulated shares, and the pair of laws costs one pass over the prompts. */
#include "harness/run/knee_load.h"

#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/mathx.h"
#include "harness/base/queueing.h"
#include "harness/run/plan.h"
#include "workloads/length_table.h"

/* What one traffic entry puts into one bucket. */
struct part {
	double rate, share; /* share: of the entry's requests */
	double frames, squares, prefill;
	double prefill_low, prefill_high;
	double last_ns, gaps, gap_sum, gap_squares; /* traces */
};

struct sums {
	struct part part[TRAFFIC_TENANTS_MAX][DEPLOYMENT_POOLS_MAX][POOL_BUCKETS_MAX];
};

/* Outputs cut at a limit: mean and second moment, by sums over the shorter ones. */
struct outputs {
	struct length_table t;
	double *mass, *sum, *squares; /* of the first i */
};

static void outputs_init(struct outputs *o, const struct tenant_spec *tenant)
{
	length_table_init(&o->t, &tenant->output);
	o->mass = mem_alloc(o->t.n + 1, sizeof(double));
	o->sum = mem_alloc(o->t.n + 1, sizeof(double));
	o->squares = mem_alloc(o->t.n + 1, sizeof(double));
	for (uint32_t i = 0; i < o->t.n; i++) {
		double tokens = (double)o->t.tokens[i], share = o->t.share[i];

		o->mass[i + 1] = o->mass[i] + share;
		o->sum[i + 1] = o->sum[i] + share * tokens;
		o->squares[i + 1] = o->squares[i] + share * tokens * tokens;
	}
}

static void outputs_free(struct outputs *o)
{
	length_table_free(&o->t);
	mem_free(o->mass);
	mem_free(o->sum);
	mem_free(o->squares);
}

static void outputs_cut(const struct outputs *o, int64_t limit, double *mean, double *square)
{
	uint32_t low = 0, high = o->t.n;
	double above;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (o->t.tokens[middle] <= limit)
			low = middle + 1;
		else
			high = middle;
	}
	above = o->mass[o->t.n] - o->mass[low];
	*mean = o->sum[low] + above * (double)limit;
	*square = o->squares[low] + above * (double)limit * (double)limit;
}

static void add_part(struct part *p, double weight, double prefill, double mean, double square)
{
	double before = prefill - 1;

	if (p->share == 0 || prefill < p->prefill_low)
		p->prefill_low = prefill;
	if (prefill > p->prefill_high)
		p->prefill_high = prefill;
	p->share += weight;
	p->prefill += weight * prefill;
	p->frames += weight * (before + mean);
	p->squares += weight * (before * before + 2 * before * mean + square);
}

static void add_laws(const struct scenario *s, uint32_t tenant, struct sums *sums, double *unplaced)
{
	const struct tenant_spec *t = &s->traffic.tenants[tenant];
	struct length_table prompts;
	struct outputs outputs;

	length_table_init(&prompts, &t->prompt);
	outputs_init(&outputs, t);
	for (uint32_t i = 0; i < prompts.n; i++) {
		struct arrival a = {.tenant = tenant,
		        .prompt_tokens = prompts.tokens[i],
		        .output_tokens = LENGTH_TOKENS_MAX,
		        .max_tokens = t->max_tokens};
		struct plan_place at;
		double mean, square;

		if (!plan_place(s, &a, &at)) {
			*unplaced += prompts.share[i] * t->arrival.rate;
			continue;
		}
		outputs_cut(&outputs, at.decode + 1, &mean, &square); /* the limit itself */
		add_part(&sums->part[tenant][at.pool][at.bucket], prompts.share[i],
		        (double)at.prefill, mean, square);
	}
	for (uint32_t p = 0; p < s->deployment.n_pools; p++)
		for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++) {
			struct part *part = &sums->part[tenant][p][b];

			part->rate = part->share * t->arrival.rate;
		}
	length_table_free(&prompts);
	outputs_free(&outputs);
}

static void add_row(struct part *p, const struct arrival *a, const struct plan_place *at)
{
	double frames = (double)at->decode + 1, gap = (double)a->at_ns - p->last_ns;

	if (p->share > 0) {
		p->gaps++;
		p->gap_sum += gap;
		p->gap_squares += gap * gap;
	}
	p->last_ns = (double)a->at_ns;
	add_part(p, 1, (double)at->prefill, frames, frames * frames);
}

/* Entries that are recorded: what their rows are. */
static enum status add_traces(
        const struct scenario *s, struct sums *sums, double *unplaced, struct error *err)
{
	double seconds = (double)s->duration_ns / 1e9;
	struct traffic *traffic;
	struct arrival a;
	bool more;

	if (traffic_open(&s->traffic, s->seed, s->duration_ns, &s->traces, &traffic, err))
		return err->code;
	while (traffic_next(traffic, &a, &more, err) == ERR_NONE && more) {
		struct plan_place at;

		if (!s->traffic.tenants[a.tenant].from_trace)
			continue;
		if (plan_place(s, &a, &at))
			add_row(&sums->part[a.tenant][at.pool][at.bucket], &a, &at);
		else
			*unplaced += 1 / seconds;
	}
	traffic_close(traffic);
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		for (uint32_t p = 0; p < s->deployment.n_pools; p++)
			for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++)
				if (s->traffic.tenants[t].from_trace)
					sums->part[t][p][b].rate =
					        sums->part[t][p][b].share / seconds;
	return err->code;
}

/* The variation of the gaps between those requests of an entry that a bucket gets: each is one of
 * the entry's with probability share, which makes share ca² + (1 - share) of a renewal process. */
static double entry_ca2(const struct tenant_spec *t, const struct part *p, enum knee_gaps *gaps)
{
	double mean;

	*gaps = GAPS_EXACT;
	if (t->from_trace) {
		*gaps = GAPS_SAMPLED;
		mean = p->gaps > 0 ? p->gap_sum / p->gaps : 0;
		return mean > 0 ? p->gap_squares / p->gaps / (mean * mean) - 1 : 1;
	}
	switch (t->arrival.process) {
	case ARRIVAL_CONSTANT:
		return 1 - p->share;
	case ARRIVAL_GAMMA:
		return p->share * t->arrival.cv * t->arrival.cv + 1 - p->share;
	case ARRIVAL_ONOFF:
		*gaps = GAPS_BURSTS;
		return queueing_onoff_ca2(
		        p->rate * (double)t->arrival.period_ns / 1e9, t->arrival.burst_factor);
	case ARRIVAL_RAMP:
		*gaps = GAPS_RAMP;
		return 1;
	case ARRIVAL_POISSON:
		break;
	}
	return 1;
}

static void add_bucket(const struct scenario *s, const struct sums *sums, uint32_t p, uint32_t b,
        struct knee_load *out)
{
	const struct pool_spec *pool = &s->deployment.pools[p];
	struct knee_bucket k = {.pool = p, .bucket = b, .prefill_constant = true};
	double squares = 0, low = 0, high = 0;
	uint32_t entries = 0;
	bool poisson = true;

	for (uint32_t t = 0; t < s->traffic.n_tenants; t++) {
		const struct part *part = &sums->part[t][p][b];
		enum knee_gaps gaps;
		double ca2, each = part->share > 0 ? part->rate / part->share : 0;

		if (part->rate <= 0)
			continue;
		ca2 = entry_ca2(&s->traffic.tenants[t], part, &gaps);
		poisson = poisson && gaps == GAPS_EXACT && ca2 == 1;
		k.gaps = gaps > k.gaps ? gaps : k.gaps;
		k.ca2 += part->rate * ca2;
		k.rate += part->rate;
		k.frames += each * part->frames;
		squares += each * part->squares;
		k.prefill += each * part->prefill;
		low = entries == 0 || part->prefill_low < low ? part->prefill_low : low;
		high = part->prefill_high > high ? part->prefill_high : high;
		entries++;
	}
	if (entries == 0)
		return;
	if (entries > 1 && !poisson && k.gaps == GAPS_EXACT)
		k.gaps = GAPS_MERGED;
	k.ca2 /= k.rate;
	k.frames /= k.rate;
	k.prefill /= k.rate;
	k.prefill_constant = low == high;
	k.cs2 = squares / k.rate / (k.frames * k.frames) - 1;
	if (k.cs2 < 1e-12)
		k.cs2 = 0; /* equal requests, but for rounding */
	k.service_ns = k.frames * (double)pool->buckets[b].frame_ns;
	k.servers = pool->buckets[b].slots * pool->n_instances;
	k.rho = k.rate * k.service_ns / 1e9 / k.servers;
	out->buckets[out->n++] = k;
	if (k.rho > out->buckets[out->bottleneck].rho)
		out->bottleneck = out->n - 1;
}

enum status knee_load(const struct scenario *s, struct knee_load *out, struct error *err)
{
	struct sums *sums = mem_alloc(1, sizeof(*sums));
	bool traces = false;

	memset(out, 0, sizeof(*out));
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++) {
		const struct tenant_spec *tenant = &s->traffic.tenants[t];
		double rate = tenant->arrival.rate;

		if (tenant->from_trace) {
			rate = (double)tenant->trace.emitted * 1e9 / (double)s->duration_ns;
			traces = true;
		} else {
			add_laws(s, t, sums, &out->unplaced);
		}
		out->rate += rate;
		out->tier_rate[tenant->tier_index] += rate;
	}
	if (!traces || add_traces(s, sums, &out->unplaced, err) == ERR_NONE)
		for (uint32_t p = 0; p < s->deployment.n_pools; p++)
			for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++)
				add_bucket(s, sums, p, b, out);
	mem_free(sums);
	return traces ? err->code : ERR_NONE;
}

const char *knee_gaps_name(enum knee_gaps gaps)
{
	static const char *const names[] = {[GAPS_EXACT] = "exact",
	        [GAPS_MERGED] = "merged entries, approximate",
	        [GAPS_BURSTS] = "on-off, of one gap",
	        [GAPS_SAMPLED] = "sampled from the trace",
	        [GAPS_RAMP] = "ramp, taken as Poisson"};

	return names[gaps];
}
