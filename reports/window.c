/* Windows are decided while samples stream by, in order of completion, not of t_sched. Baseline and
 * fault are known at once. Whether a request planned after a revert was served in recovery or after
 * it depends on the *last* bad bin before the horizon, hence on requests that are still under way:
 *
 *      inject          clear                    recover              limit
 *   ------|--------------|-----------------------|--------------------|------> t_sched
 *         | F: fault     | R: recovery           | after              |
 *         |   bad bins:  x  xx x      x         x|  no bad bin in hold
 *
 * limit = min(next inject, last revert + horizon): a fault is answerable for bad bins no longer
 * than that. (A fault that is never reverted counts its horizon from the inject: a service that
 * recovered by failover is not un-recovered by an unlucky bin an hour later.)
 *
 * Bins lie on the grid of run time, not of the inject, so that episodes share them. A ring keeps
 * those from the oldest undecided episode on; without one, from now on (an inject is never in the
 * past).
 *
 * When are bins complete? Requests are numbered densely and in order of t_sched. Let j be the
 * smallest number seen in a bin at or after the boundary B. Everything planned before B has a
 * number below j; so if the bins before B count j - 1 requests in all, nobody is missing. No bitmap
 * is needed. */
#include "reports/window.h"
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/mathx.h"
#include "harness/base/units.h"

enum { BINS_MIN = 64, BINS_MAX = 1 << 18, EPISODES_MAX = 1 << 20, BIN_REQUESTS = 20 };
#define BIN_STEP_NS (100 * NS_PER_MS)

struct bin {
	uint64_t first; /* smallest seen; 0 = none yet */
	uint32_t n, missed[WINDOW_CLASSES_MAX];
};

struct episode {
	int64_t inject, revert, clear; /* -1 = not yet; revert: of its own faults, the last one */
	int64_t recover;               /* -1 = not reached */
	int64_t until; /* end of R: recover, or the limit where that was never reached */
	uint32_t open; /* its own faults not yet reverted */
	bool decided, breach;
};

struct windows {
	struct window_config config;
	struct episode *episodes;
	uint32_t n_episodes, episodes_capacity, oldest; /* oldest: the first undecided one */
	uint32_t *first_episode, *last_episode;         /* by fault; UINT32_MAX = never injected */
	uint32_t active;                                /* faults in force */
	struct bin *bins;
	int64_t base;              /* grid index of the oldest bin kept */
	int64_t next_trim;         /* no bin can be let go before */
	int64_t recent, recent_ns; /* the last bin counted in, and where it begins */
	uint32_t bins_capacity;
	uint64_t before_base; /* requests in bins already let go */
	int64_t next_settle;
	uint64_t dropped;
	bool no_more; /* nothing is injected any more */
};

int64_t window_bin_ns(double rate)
{
	double steps;

	if (!(rate > 0))
		return NS_PER_S;
	steps = mathx_ceil((double)BIN_REQUESTS / (rate * 0.1) - 1e-9);
	if (steps < 1)
		steps = 1;
	if (steps > (double)(NS_MAX / BIN_STEP_NS))
		steps = (double)(NS_MAX / BIN_STEP_NS);
	return (int64_t)steps * BIN_STEP_NS;
}

struct windows *windows_create(const struct window_config *config)
{
	struct windows *w = mem_alloc(1, sizeof(*w));

	CHECK(config->bin_ns > 0 && config->n_classes <= WINDOW_CLASSES_MAX);
	w->config = *config;
	w->first_episode = mem_alloc(config->n_faults + 1, sizeof(uint32_t));
	w->last_episode = mem_alloc(config->n_faults + 1, sizeof(uint32_t));
	memset(w->first_episode, 0xff, config->n_faults * sizeof(uint32_t));
	memset(w->last_episode, 0xff, config->n_faults * sizeof(uint32_t));
	w->bins_capacity = BINS_MIN;
	w->bins = mem_alloc(BINS_MIN, sizeof(struct bin));
	return w;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	mem_free(w->episodes);
	mem_free(w->first_episode);
	mem_free(w->last_episode);
	mem_free(w->bins);
	mem_free(w);
}

static struct bin *bin_at(const struct windows *w, int64_t index)
{
	return &w->bins[(uint64_t)index & (w->bins_capacity - 1)];
}

static struct episode *episode_open(struct windows *w, int64_t at_ns)
{
	struct episode *e;

	if (w->n_episodes) {
		e = &w->episodes[w->n_episodes - 1];
		CHECK(at_ns >= e->inject);
		if (e->inject == at_ns)
			return e;
		if (w->n_episodes == EPISODES_MAX) {
			w->dropped++;
			return e;
		}
	}
	w->episodes =
	        mem_room(w->episodes, w->n_episodes, &w->episodes_capacity, sizeof(*w->episodes));
	e = &w->episodes[w->n_episodes++];
	*e = (struct episode){
	        .inject = at_ns, .revert = -1, .clear = -1, .recover = -1, .until = -1};
	return e;
}

void windows_inject(struct windows *w, uint32_t fault, int64_t at_ns)
{
	struct episode *e = episode_open(w, at_ns);

	CHECK(fault < w->config.n_faults);
	w->last_episode[fault] = (uint32_t)(e - w->episodes);
	if (w->first_episode[fault] == UINT32_MAX)
		w->first_episode[fault] = w->last_episode[fault];
	e->open++;
	e->clear = -1;
	w->active++;
}

void windows_revert(struct windows *w, uint32_t fault, int64_t at_ns)
{
	struct episode *e;

	CHECK(fault < w->config.n_faults && w->last_episode[fault] != UINT32_MAX && w->active);
	e = &w->episodes[w->last_episode[fault]];
	CHECK(e->open && at_ns >= e->inject);
	if (--e->open == 0)
		e->revert = at_ns;
	if (--w->active == 0)
		w->episodes[w->n_episodes - 1].clear = at_ns;
}

static int64_t episode_next_inject(const struct windows *w, const struct episode *e)
{
	return e + 1 < w->episodes + w->n_episodes ? e[1].inject : NS_NEVER;
}

/* min(next inject, horizon) */
static int64_t episode_limit(const struct windows *w, const struct episode *e)
{
	int64_t next = episode_next_inject(w, e);
	int64_t from = e->open ? e->inject : e->revert;
	int64_t horizon =
	        from > NS_NEVER - w->config.horizon_ns ? NS_NEVER : from + w->config.horizon_ns;

	return next < horizon ? next : horizon;
}

enum window windows_of(const struct windows *w, int64_t from, int64_t to)
{
	const struct episode *e = w->episodes;
	uint32_t i = w->n_episodes;

	if (to <= from)
		to = from + 1; /* refused at once: it met the instant it was planned for */
	while (i > 0 && e[i - 1].inject >= to)
		i--;
	if (i == 0)
		return WINDOW_BASELINE;
	e += i - 1;
	if (e->inject >= from || e->clear < 0 || e->clear > from)
		return WINDOW_FAULT;
	if (!e->decided)
		return !e->open && from >= episode_limit(w, e) ? WINDOW_AFTER : WINDOW_UNDECIDED;
	return from < e->until ? WINDOW_RECOVERY : WINDOW_AFTER;
}

int64_t windows_after(const struct windows *w)
{
	const struct episode *e;
	int64_t at;

	if (windows_want(w))
		return NS_NEVER;
	if (!w->n_episodes)
		return NS_NEVER; /* all is baseline */
	e = &w->episodes[w->n_episodes - 1];
	if (e->clear < 0)
		return NS_NEVER;
	at = e->inject + 1;
	at = e->clear > at ? e->clear : at;
	return e->until > at ? e->until : at;
}

/* Lets go of the bins that no undecided episode can ask for. */
static void bins_trim(struct windows *w, int64_t now)
{
	int64_t keep = now;

	w->next_trim = (now / w->config.bin_ns + 1) * w->config.bin_ns;
	if (w->oldest < w->n_episodes && w->episodes[w->oldest].inject < keep)
		keep = w->episodes[w->oldest].inject;
	keep /= w->config.bin_ns;
	for (uint32_t i = 0; w->base < keep && i < w->bins_capacity; i++) {
		struct bin *b = bin_at(w, w->base++);

		w->before_base += b->n;
		*b = (struct bin){0};
	}
	if (w->base < keep)
		w->base = keep;
}

static bool bins_reach(struct windows *w, int64_t index)
{
	uint32_t capacity = w->bins_capacity;
	struct bin *bins;

	while (index - w->base >= (int64_t)capacity && capacity < BINS_MAX)
		capacity *= 2;
	if (index - w->base >= (int64_t)capacity)
		return false;
	bins = mem_alloc(capacity, sizeof(*bins));
	for (uint32_t i = 0; i < w->bins_capacity; i++) {
		int64_t at = w->base + i;

		bins[(uint64_t)at & (capacity - 1)] = *bin_at(w, at);
	}
	mem_free(w->bins);
	w->bins = bins;
	w->bins_capacity = capacity;
	return true;
}

void windows_no_more(struct windows *w)
{
	w->no_more = true;
}

bool windows_want(const struct windows *w)
{
	return !w->no_more || w->oldest < w->n_episodes;
}

void windows_count(struct windows *w, uint64_t order, int64_t t_sched, int64_t now, uint32_t missed)
{
	int64_t index;
	struct bin *b;

	if (!windows_want(w))
		return;
	if (t_sched < w->recent_ns || t_sched - w->recent_ns >= w->config.bin_ns) {
		w->recent = t_sched / w->config.bin_ns;
		w->recent_ns = w->recent * w->config.bin_ns;
	}
	index = w->recent;
	if (now >= w->next_trim)
		bins_trim(w, now);
	if (index < w->base) {
		w->before_base++;
		return;
	}
	if (index - w->base >= (int64_t)w->bins_capacity && !bins_reach(w, index)) {
		w->dropped++;
		return;
	}
	b = bin_at(w, index);
	b->n++;
	if (!b->first || order < b->first)
		b->first = order;
	for (uint32_t i = 0; missed >> i; i++)
		b->missed[i] += missed >> i & 1;
}

static bool bin_is_bad(const struct windows *w, int64_t index)
{
	const struct bin *b;

	if (index < w->base || index - w->base >= (int64_t)w->bins_capacity)
		return false;
	b = bin_at(w, index);
	for (uint32_t i = 0; i < w->config.n_classes; i++) {
		double allowed = mathx_ceil((1 - w->config.quantile[i]) * (double)b->n - 1e-9);

		if (b->missed[i] > (allowed > 1 ? allowed : 1))
			return true;
	}
	return false;
}

/* The rule itself (DESIGN §6): end of the last bad bin before the limit, if `hold` without one
 * follows. */
static void episode_decide(const struct windows *w, struct episode *e)
{
	int64_t bin = w->config.bin_ns, next = episode_next_inject(w, e);
	int64_t limit = episode_limit(w, e), last = -1, proof;
	int64_t top = w->base + (int64_t)w->bins_capacity;
	bool held;

	for (int64_t i = e->inject / bin; i < top && (i + 1) * bin <= limit; i++)
		if (bin_is_bad(w, i))
			last = (i + 1) * bin;
	e->decided = true;
	e->breach = last >= 0;
	if (last < 0) {
		e->recover = e->until = e->inject;
		return;
	}
	proof = last + w->config.hold_ns;
	held = proof <= next && proof <= w->config.duration_ns;
	for (int64_t i = last / bin; held && i * bin < proof; i++)
		held = !bin_is_bad(w, i);
	e->recover = held ? last : -1;
	e->until = held ? last : limit;
}

/* True when every request planned before `boundary` (a grid index) has been counted. */
static bool bins_complete(const struct windows *w, int64_t boundary)
{
	int64_t top = w->base + (int64_t)w->bins_capacity;
	uint64_t n = w->before_base;

	for (int64_t i = w->base; i < top; i++) {
		const struct bin *b = bin_at(w, i);

		if (i >= boundary && b->first)
			return n == b->first - 1;
		n += b->n;
	}
	return false;
}

bool windows_settle(struct windows *w, int64_t now)
{
	bool any = false;

	if (w->oldest == w->n_episodes || now < w->next_settle)
		return false;
	w->next_settle = now + w->config.bin_ns;
	while (w->oldest < w->n_episodes) {
		struct episode *e = &w->episodes[w->oldest];
		int64_t limit = episode_limit(w, e), boundary;

		if ((e->open && limit != episode_next_inject(w, e)) ||
		        limit > w->config.duration_ns)
			break;
		boundary = ceil_div_i64(limit + w->config.hold_ns, w->config.bin_ns);
		if (now / w->config.bin_ns < boundary || !bins_complete(w, boundary))
			break;
		episode_decide(w, e);
		w->oldest++;
		any = true;
	}
	return any;
}

void windows_finish(struct windows *w)
{
	for (; w->oldest < w->n_episodes; w->oldest++)
		episode_decide(w, &w->episodes[w->oldest]);
}

int64_t windows_recover(const struct windows *w, uint32_t fault, bool *breach)
{
	const struct episode *e;

	CHECK(fault < w->config.n_faults);
	*breach = false;
	if (w->first_episode[fault] == UINT32_MAX)
		return -1;
	e = &w->episodes[w->first_episode[fault]];
	CHECK(e->decided);
	*breach = e->breach;
	return e->recover;
}

static int64_t overlap(int64_t a, int64_t b, int64_t from, int64_t to)
{
	if (a < from)
		a = from;
	if (b > to)
		b = to;
	return b > a ? b - a : 0;
}

int64_t windows_length(const struct windows *w, enum window window, int64_t from, int64_t to)
{
	int64_t first = w->n_episodes ? w->episodes[0].inject : NS_NEVER;
	int64_t baseline = overlap(0, first, from, to), fault = 0, recovery = 0;

	for (uint32_t i = 0; i < w->n_episodes; i++) {
		const struct episode *e = &w->episodes[i];
		int64_t next = episode_next_inject(w, e);
		int64_t clear = e->clear < 0 ? next : e->clear;

		fault += overlap(e->inject, clear, from, to);
		recovery += overlap(clear, e->until < next ? e->until : next, from, to);
	}
	switch (window) {
	case WINDOW_BASELINE:
		return baseline;
	case WINDOW_FAULT:
		return fault;
	case WINDOW_RECOVERY:
		return recovery;
	case WINDOW_AFTER:
		return to - from - baseline - fault - recovery;
	default:
		return to - from;
	}
}

/* Part 0 is the baseline; then each episode has three: fault, recovery, after. Any may be empty. */
static struct window_stretch stretch_at(const struct windows *w, uint64_t part)
{
	const struct episode *e;
	int64_t next, clear, until;

	if (part == 0)
		return (struct window_stretch){
		        WINDOW_BASELINE, 0, w->n_episodes ? w->episodes[0].inject : NS_NEVER};
	e = &w->episodes[(part - 1) / 3];
	next = episode_next_inject(w, e);
	clear = e->clear < 0 ? next : e->clear;
	until = min_i64(e->until, next);
	until = until > clear ? until : clear;
	switch ((part - 1) % 3) {
	case 0:
		return (struct window_stretch){WINDOW_FAULT, e->inject, clear};
	case 1:
		return (struct window_stretch){WINDOW_RECOVERY, clear, until};
	default:
		return (struct window_stretch){WINDOW_AFTER, until, next};
	}
}

bool windows_stretch(
        const struct windows *w, uint64_t *cursor, int64_t to, struct window_stretch *out)
{
	while (*cursor <= 3 * (uint64_t)w->n_episodes) {
		*out = stretch_at(w, (*cursor)++);
		out->to_ns = min_i64(out->to_ns, to);
		if (out->from_ns < out->to_ns)
			return true;
	}
	return false;
}

uint64_t windows_dropped(const struct windows *w)
{
	return w->dropped;
}
