/* Samples in bulk. A request that nothing happened to has no outcome to ask about, no stall, no
 * list of gaps, and its latencies are differences of a few instants. So a block of them is turned
 * on its side,
 *
 *      struct rider          one array a metric
 *   r0 ─ r1 ─ r2 ─ …  ──>   ttft[]  e2el[]  queue[]  prefill[]  decode[]   ──> histograms
 *                           (tpot, itl and every gap: the frame)           ──> columns
 *
 * and each metric goes through its histogram by itself: one loop over an array, without a branch
 * that could go either way, on cells that stay in the cache.
 *
 * It has to come out as if every request had gone through score_sample in its turn. The order of
 * requests shows in few places, and those are kept:
 *
 *   - a column is reviewed when it has judged another COLUMN_REVIEW requests, from the histogram
 *     as it then is: a batch ends where the next review of its tier is due (place);
 *   - windows are counted, asked and settled request by request (with_windows), and what is known
 *     is placed before a settlement releases those that waited; unless all of it is over;
 *   - requests of different tiers share no histogram and no column: a batch takes those of one tier
 *     and window out of the block, in their order. Where a tier has more than one window in the
 *     block, which columns of `all` would see out of order, batches are runs. */
#include "reports/served.h"
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/units.h"
#include "reports/sample.h"
#include "reports/score_state.h"

enum {
	BATCH = 128, /* requests at a time: what they become stays in the first level cache */
	KEY_NONE = SCORE_TIERS_MAX * WINDOW_COUNT, /* not placed: not measured, or waiting */
	KEYS,
};

/* Requests of one tier and window, as score_sample would see them. `cell` as histogram_cell. */
struct batch {
	uint32_t n;
	const struct rider *r[BATCH];
	uint64_t order[BATCH];
	uint64_t last_order;
	int64_t value[METRIC_COUNT][BATCH]; /* of METRIC_ITL: METRIC_TPOT's */
	uint32_t cell[METRIC_COUNT][BATCH];
	uint64_t missed[BATCH]; /* 1: an SLO */
	int64_t prompt_tokens, output_tokens;
	uint64_t several; /* how many bring more than one token: these have gaps */
	bool frame_varies;
	bool far; /* some latency is so large that sums of a batch might not fit */
};

void served_sample(const struct rider *r, struct sample *out)
{
	int64_t first = r->t_first + r->ingress_ns, last = r->t_last + r->ingress_ns;
	int64_t arrival = r->t_sched + r->ingress_ns;

	*out = (struct sample){
	        .id = r->id,
	        .order = r->order,
	        .tenant = r->tenant,
	        .tier = r->tier,
	        .outcome = OUTCOME_OK,
	        .t_sched = r->t_sched,
	        .t_send = r->t_sched,
	        .t_hdr = first,
	        .t_first = first,
	        .t_last = last,
	        .t_done = last,
	        .prompt_tokens = r->prompt_tokens,
	        .output_tokens = r->output_tokens,
	        .queue_ns = r->t_entry - arrival,
	        .prefill_ns = r->t_first - r->t_entry,
	        .decode_ns = r->t_last - r->t_first,
	        .itl_judged_ns = r->output_tokens >= 2 ? r->frame_ns : -1,
	        .attempts = 1,
	        .blame_network_ns = 2 * r->ingress_ns,
	        .blame_queue_ns = r->t_dispatch - arrival,
	        .blame_entry_ns = r->t_entry - r->t_dispatch,
	        .blame_prefill_ns = r->t_first - r->t_entry,
	        .blame_decode_ns = r->t_last - r->t_first,
	};
}

/* --- a batch
 * --------------------------------------------------------------------------------------- */

/* One request's value of a metric; -1 where it has none. */
static int64_t value_of(const struct rider *r, enum metric m)
{
	switch (m) {
	case METRIC_TTFT:
		return r->t_first + r->ingress_ns - r->t_sched;
	case METRIC_E2EL:
		return r->t_last + r->ingress_ns - r->t_sched;
	case METRIC_TPOT:
	case METRIC_ITL:
		return r->output_tokens >= 2 ? r->frame_ns : -1;
	case METRIC_QUEUE:
		return r->t_entry - r->ingress_ns - r->t_sched;
	case METRIC_PREFILL:
		return r->t_first - r->t_entry;
	case METRIC_DECODE:
		return r->t_last - r->t_first;
	default:
		return 0; /* sent when it was to be */
	}
}

/* What every group has histograms of, and sums. */
static void batch_turn(struct batch *b)
{
	const int64_t frame = b->r[0]->frame_ns;
	int64_t sign = 0, off = 0, varies = 0, far = 0;
	uint64_t last = 0, prompt = 0, output = 0, several = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct rider *r = b->r[i];
		uint64_t order = r->order ? r->order : r->id;
		int64_t arrival = r->t_sched + r->ingress_ns;
		int64_t queue = r->t_entry - arrival, prefill = r->t_first - r->t_entry;
		int64_t decode = r->t_last - r->t_first;
		int64_t ttft = r->t_first + r->ingress_ns - r->t_sched;

		b->order[i] = order;
		b->value[METRIC_TTFT][i] = ttft;
		b->value[METRIC_E2EL][i] = ttft + decode;
		b->value[METRIC_QUEUE][i] = queue;
		b->value[METRIC_PREFILL][i] = prefill;
		b->value[METRIC_DECODE][i] = decode;
		last = order > last ? order : last;
		prompt += r->prompt_tokens;
		output += r->output_tokens;
		several += r->output_tokens > 1;
		varies |= r->frame_ns ^ frame;
		far |= ttft + decode;
		sign |= r->t_sched | r->ingress_ns | (r->t_dispatch - arrival) |
		        (r->t_entry - r->t_dispatch) | prefill | decode | (int64_t)(order - 1);
		off |= decode - ((int64_t)r->output_tokens - 1) * r->frame_ns;
	}
	CHECK(sign >= 0); /* numbered from 1, each stretch before the next */
	CHECK(off == 0);  /* and every token comes a frame after the last */
	b->last_order = last;
	b->prompt_tokens = (int64_t)prompt;
	b->output_tokens = (int64_t)output;
	b->several = several;
	b->frame_varies = varies != 0;
	b->far = far >> 51 != 0;
}

static void frames_add(struct group *g, int64_t frame, uint64_t n, uint64_t gaps)
{
	if (!n)
		return;
	histogram_add_n(&g->metric[METRIC_TPOT], frame, n);
	histogram_add_n(&g->metric[METRIC_ITL], frame, gaps);
}

/* Gaps, their mean and their judged one are the frame: counted by runs of the same. */
static void batch_frames(const struct batch *b, struct group *g)
{
	int64_t frame = b->r[0]->frame_ns;
	uint64_t n = 0, gaps = 0;

	if (!b->frame_varies) {
		frames_add(g, frame, b->several, (uint64_t)b->output_tokens - b->n);
		return;
	}
	for (uint32_t i = 0; i < b->n; i++) {
		const struct rider *r = b->r[i];

		if (r->frame_ns != frame) {
			frames_add(g, frame, n, gaps);
			frame = r->frame_ns;
			n = gaps = 0;
		}
		n += r->output_tokens > 1;
		gaps += r->output_tokens - 1;
	}
	frames_add(g, frame, n, gaps);
}

static void batch_group(struct batch *b, struct group *g)
{
	static const enum metric turned[] = {
	        METRIC_TTFT, METRIC_E2EL, METRIC_QUEUE, METRIC_PREFILL, METRIC_DECODE};

	g->requests += b->n;
	g->by_outcome[OUTCOME_OK] += b->n;
	g->prompt_tokens += b->prompt_tokens;
	g->output_tokens += b->output_tokens;
	batch_frames(b, g);
	for (size_t k = 0; k < ARRAY_LEN(turned); k++)
		histogram_add_block(
		        &g->metric[turned[k]], b->n, b->value[turned[k]], b->cell[turned[k]]);
}

/* The metric's index in value[] and cell[], which are filled here where no histogram has. */
static enum metric batch_metric(struct batch *b, enum metric m)
{
	int64_t last = 0;
	uint32_t cell = 0;

	if (m != METRIC_TPOT && m != METRIC_ITL && m != METRIC_SCHED_LAG)
		return m;
	m = m == METRIC_ITL ? METRIC_TPOT : m;
	for (uint32_t i = 0; i < b->n; i++) {
		int64_t v = value_of(b->r[i], m);

		if (v >= 0 && v != last) {
			last = v;
			cell = histogram_cell(v);
		}
		b->value[m][i] = v;
		b->cell[m][i] = cell;
	}
	return m;
}

/* Adds up the parts of a metric that has them (blame.c), of requests without stalls. */
static void parts_add(const struct rider *r, enum metric m, int64_t part[static BLAME_PARTS])
{
	bool to_first = m == METRIC_TTFT || m == METRIC_E2EL;

	if (m == METRIC_SCHED_LAG)
		return;
	if (to_first || m == METRIC_QUEUE) {
		part[BLAME_QUEUE] += r->t_dispatch - r->ingress_ns - r->t_sched;
		part[BLAME_ENTRY] += r->t_entry - r->t_dispatch;
	}
	if (to_first)
		part[BLAME_NETWORK] += 2 * r->ingress_ns;
	if (to_first || m == METRIC_PREFILL)
		part[BLAME_PREFILL] += r->t_first - r->t_entry;
	if (m != METRIC_TTFT && m != METRIC_QUEUE && m != METRIC_PREFILL)
		part[BLAME_DECODE] += r->t_last - r->t_first;
}

/* Who is slow enough, then their parts, in one go as long as they fall into the same row: a metric
 * that is the same for all of them is slow for all of them. */
static void batch_blame(
        const struct batch *b, struct column *c, const int64_t *value, const uint32_t *cell)
{
	const int64_t from = c->blame_from;
	int64_t part[BLAME_PARTS] = {0};
	uint32_t at[BATCH], n = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		at[n] = i;
		n += value[i] >= from;
	}
	for (uint32_t k = 0; k < n; k++) {
		uint32_t row = blame_row_of(cell[at[k]]);

		parts_add(b->r[at[k]], c->rule->metric, part);
		if (k + 1 < n && blame_row_of(cell[at[k + 1]]) == row && !b->far)
			continue;
		blame_add_parts(&c->blame, row, part);
		memset(part, 0, sizeof(part));
	}
}

/* How many are judged, how many are over the limit; who is has missed an SLO. By signs: neither a
 * value nor a limit is below -1. */
static void batch_count(
        struct batch *b, const int64_t *restrict value, int64_t limit, struct column_count *count)
{
	uint64_t absent = 0, over = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t missed = (uint64_t)(limit - value[i]) >> 63;

		absent += (uint64_t)value[i] >> 63;
		over += missed;
		b->missed[i] |= missed;
	}
	count->n = b->n - absent;
	count->over = over;
}

static void count_add(struct column_count *sum, const struct column_count *n)
{
	sum->n += n->n;
	sum->over += n->over;
}

static void batch_column(struct batch *b, const struct score *s, struct column *c, enum window w)
{
	enum metric m = batch_metric(b, c->rule->metric);
	const int64_t *value = b->value[m];
	struct column_count n;

	batch_count(b, value, c->rule->limit_ns, &n);
	if (w == WINDOW_BASELINE)
		count_add(&c->in_baseline, &n);
	if (!column_covers(c, w))
		return;
	count_add(&c->in_window, &n);
	column_put_block(c, b->n, b->last_order, b->order, value, b->cell[m]);
	batch_blame(b, c, value, b->cell[m]);
	for (uint32_t i = 0; c->own_values && i < b->n; i++)
		if (value[i] >= 0)
			histogram_add(&c->values, value[i]);
	if (n.n && c->in_window.n % COLUMN_REVIEW == 0)
		column_review(c, score_column_values_now(s, c));
}

/* No column of the tier is reviewed before it has judged as many more. */
static uint32_t until_review(const struct score *s, const struct tier_state *t, enum window w)
{
	uint64_t least = BATCH;

	for (uint32_t i = 0; i < t->n_columns; i++) {
		const struct column *c = &s->columns[t->columns[i]];
		uint64_t left = COLUMN_REVIEW - c->in_window.n % COLUMN_REVIEW;

		if (column_covers(c, w) && left < least)
			least = left;
	}
	return (uint32_t)least;
}

static void place_batch(struct score *s, struct batch *b, struct tier_state *t, enum window w)
{
	struct group *g = &t->group[w];
	uint64_t missed = 0;

	memset(b->missed, 0, b->n * sizeof(b->missed[0]));
	batch_turn(b);
	batch_group(b, g);
	for (uint32_t i = 0; i < t->n_columns; i++)
		batch_column(b, s, &s->columns[t->columns[i]], w);
	for (uint32_t i = 0; i < b->n; i++)
		missed += b->missed[i];
	g->good += b->n - missed;
}

/* --- a block
 * --------------------------------------------------------------------------------------- */

/* Those of r[0 … n) whose key is `key`. */
static void place(
        struct score *s, const struct rider *r, const uint8_t *keys, uint32_t n, uint8_t key)
{
	struct tier_state *t = &s->tiers[key / WINDOW_COUNT];
	enum window w = key % WINDOW_COUNT;
	uint32_t i = 0;

	while (i < n) {
		uint32_t most = until_review(s, t, w);
		struct batch b;

		b.n = 0;
		for (; i < n && b.n < most; i++) {
			b.r[b.n] = &r[i];
			b.n += keys[i] == key;
		}
		if (b.n)
			place_batch(s, &b, t, w);
	}
}

/* Every tier in one window only: then its columns see their requests in order, batch by batch. */
static bool windows_alone(const bool there[static KEYS])
{
	for (uint32_t tier = 0; tier < SCORE_TIERS_MAX; tier++) {
		uint32_t n = 0;

		for (uint32_t w = 0; w < WINDOW_COUNT; w++)
			n += there[tier * WINDOW_COUNT + w];
		if (n > 1)
			return false;
	}
	return true;
}

static void place_all(struct score *s, const struct rider *r, const uint8_t *keys, uint32_t n)
{
	bool there[KEYS] = {false}, alone;

	for (uint32_t i = 0; i < n; i++)
		there[keys[i]] = true;
	alone = windows_alone(there);
	for (uint8_t key = 0; alone && key < KEY_NONE; key++)
		if (there[key])
			place(s, r, keys, n, key);
	for (uint32_t i = 0, end; !alone && i < n; i = end) {
		for (end = i + 1; end < n && keys[end] == keys[i]; end++)
			;
		if (keys[i] != KEY_NONE)
			place(s, r + i, keys + i, end - i, keys[i]);
	}
}

static uint8_t key_of(uint32_t tier, enum window w)
{
	return (uint8_t)(tier * WINDOW_COUNT + (uint32_t)w);
}

static uint32_t missed_classes(const struct score *s, const struct rider *r)
{
	const struct tier_state *t = &s->tiers[r->tier];
	uint32_t missed = 0;

	for (uint32_t i = 0; i < t->n_columns; i++) {
		const struct column *c = &s->columns[t->columns[i]];
		uint32_t late = value_of(r, c->rule->metric) > c->rule->limit_ns;

		missed |= late << c->class;
	}
	return missed;
}

static void put_aside(struct score *s, const struct rider *r)
{
	struct sample x;

	if (r->output_tokens >= 2)
		score_gaps(s, r->id, r->tier, r->frame_ns, (int64_t)r->output_tokens - 1);
	served_sample(r, &x);
	score_spool_add(s, &x);
	s->n_gaps = 0;
}

static void with_windows(struct score *s, const struct rider *r, uint32_t n)
{
	uint8_t keys[BATCH];
	uint32_t from = 0; /* the first one not placed yet */

	for (uint32_t i = 0; i < n; i++) {
		int64_t t_done = r[i].t_last + r[i].ingress_ns;
		enum window w;

		if (windows_want(s->windows))
			windows_count(s->windows, r[i].order ? r[i].order : r[i].id, r[i].t_sched,
			        t_done, missed_classes(s, &r[i]));
		keys[i] = KEY_NONE;
		if (score_measured(s, r[i].t_sched)) {
			w = windows_of(s->windows, r[i].t_sched, t_done);
			if (w == WINDOW_UNDECIDED)
				put_aside(s, &r[i]);
			else
				keys[i] = key_of(r[i].tier, w);
		}
		if (windows_settle(s->windows, t_done)) {
			place_all(s, r + from, keys + from, i + 1 - from);
			from = i + 1;
			score_spool_release(s);
		}
	}
	place_all(s, r + from, keys + from, n - from);
}

/* All in one window, and nothing else to be decided. */
static void in_window(struct score *s, const struct rider *r, uint32_t n, enum window w)
{
	uint8_t keys[BATCH];

	for (uint32_t i = 0; i < n; i++)
		keys[i] = score_measured(s, r[i].t_sched) ? key_of(r[i].tier, w) : KEY_NONE;
	place_all(s, r, keys, n);
}

/* Planned when the last fault was over and done with. */
static bool all_after(const struct score *s, const struct rider *r, uint32_t n)
{
	int64_t after = windows_after(s->windows);
	bool all = after != NS_NEVER;

	for (uint32_t i = 0; all && i < n; i++)
		all = r[i].t_sched >= after;
	return all;
}

static void count_live(struct score *s, const struct rider *r, uint32_t n)
{
	struct live_bucket *b = NULL;
	int64_t end = -1; /* of the bucket's slot */

	for (uint32_t i = 0; i < n; i++) {
		int64_t t_done = r[i].t_last + r[i].ingress_ns;

		if (t_done >= end) {
			int64_t slot = t_done / LIVE_SLOT_NS;

			end = (slot + 1) * LIVE_SLOT_NS;
			b = &s->live[(uint64_t)slot % LIVE_BUCKETS];
			if (b->slot != slot)
				*b = (struct live_bucket){.slot = slot};
		}
		b->done++;
	}
}

static void count_totals(struct score *s, const struct rider *r, uint32_t n)
{
	uint64_t prompt = 0, output = 0;
	bool fit = true;

	for (uint32_t i = 0; i < n; i++) {
		prompt += r[i].prompt_tokens;
		output += r[i].output_tokens;
		fit = fit && r[i].tier < s->config.n_tiers;
	}
	CHECK(!s->finished && fit);
	s->seen += n;
	s->by_outcome[OUTCOME_OK] += n;
	s->attempts += n;
	s->prompt_tokens += (int64_t)prompt;
	s->output_tokens += (int64_t)output;
	count_live(s, r, n);
}

/* Requests planned in the proof of an expectation `recovered`; cold, as few ask for it. */
static void show_recovered(struct score *s, const struct rider *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t value[METRIC_COUNT];
		struct sample x;

		served_sample(&r[i], &x);
		group_values(&x, value);
		score_show_recovered(s, &x, value);
	}
}

void score_served(struct score *s, const struct rider *r, uint32_t n)
{
	s->n_gaps = 0; /* whoever's they were */
	if (LPC_UNLIKELY(s->recovered))
		show_recovered(s, r, n);
	while (n) {
		uint32_t part = n < BATCH ? n : BATCH;

		count_totals(s, r, part);
		if (!s->windows)
			in_window(s, r, part, WINDOW_BASELINE);
		else if (all_after(s, r, part))
			in_window(s, r, part, WINDOW_AFTER);
		else
			with_windows(s, r, part);
		r += part;
		n -= part;
	}
}
