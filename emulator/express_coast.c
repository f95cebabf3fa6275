/* The plainest case by far: one queue in front of one instance of at most 64 slots, and nobody
 * waits. Then an arrival departs as it comes, and all that there is fits into registers; the
 * counters are made up when something else is next. What is not so plain (two arrivals at one
 * instant, no slot free, an end beyond the calendar, a size that no bucket holds) is left to
 * express_run. */
#include "emulator/express_ends.h"

struct coast {
	const struct rider *in;
	struct rider *out, *full, *place;
	uint64_t *slots, *any;
	const int64_t *departure;
	int64_t f0, shift, frame, frame_at, delay, limit, now;
	int64_t next_at, next_frame, declared, came;
	int64_t t_last; /* of who departed last */
	uint64_t free;
	uint32_t n, next_slot, ppf;
	double frames_per_tick, slots_per_tick;
};

bool express_may_coast(const struct express *x)
{
	const struct queue *q = x->queues;
	const struct carriage *c = x->carriages;

	return x->one_for_all && x->n_queues == 1 && x->n_carriages == 1 && !q->n && !x->n_dirty &&
	       c->slots && c->words == 1 && instance_takes(c->in) && q->bucket->ppf <= UINT32_MAX &&
	       (q->pool->spec->admission.policy == ADMISSION_NONE ||
	               q->pool->spec->admission.limit > 0);
}

/* Ends up to `at`; false if there is no room for them. */
static inline bool coast_ends(struct coast *k, int64_t at)
{
	while (k->next_at <= at) {
		uint32_t i = (uint32_t)k->next_frame & (CALENDAR_FRAMES - 1), word;
		uint64_t left = k->slots[i] & (k->slots[i] - 1), any;

		if (LPC_UNLIKELY(k->out == k->full))
			return false;
		k->now = k->next_at;
		k->declared -= k->place[k->next_slot].declared;
		*k->out++ = k->place[k->next_slot];
		k->free |= UINT64_C(1) << k->next_slot;
		k->slots[i] = left;
		k->n--;
		if (!left) {
			word = i / 64;
			any = k->any[word] &= ~(UINT64_C(1) << i % 64);
			if (!k->n) {
				k->next_at = NS_NEVER;
				return true;
			}
			any &= UINT64_MAX << i % 64;
			while (!any) {
				word = (word + 1) % (CALENDAR_FRAMES / 64);
				any = k->any[word];
			}
			word = word * 64 + (uint32_t)__builtin_ctzll(any);
			k->next_frame += (word - i) & (CALENDAR_FRAMES - 1);
			left = k->slots[word];
		}
		k->next_slot = (uint32_t)__builtin_ctzll(left);
		k->next_at = k->next_frame * k->f0 + k->departure[k->next_slot] + k->shift;
	}
	return true;
}

/* How far `tick` is into its frame, which becomes the one that is kept. */
static inline int64_t coast_seek(struct coast *k, int64_t tick)
{
	int64_t off = tick - k->frame_at, frames;

	frames = (int64_t)((double)off * k->frames_per_tick);
	k->frame += frames;
	k->frame_at += frames * k->f0;
	off -= frames * k->f0;
	if (LPC_UNLIKELY(off < 0 || off >= k->f0)) {
		frames = off < 0 ? -1 : 1;
		k->frame += frames;
		k->frame_at += frames * k->f0;
		off -= frames * k->f0;
	}
	return off;
}

/* The arrival departs at `now`, from the first free slot that is not behind. False, and nothing has
 * happened, if its end lies beyond the calendar. */
static inline bool coast_departs(struct coast *k, int64_t now)
{
	const struct rider *a = k->in;
	int64_t off = coast_seek(k, now - k->shift), frames, at, first, end_frame;
	uint32_t j, prefill = (a->prompt_tokens - 1) / k->ppf + 1, i;
	uint64_t ahead;
	struct rider *to;

	j = (uint32_t)((double)off * k->slots_per_tick);
	j += k->departure[j] < off;
	ahead = j < 64 ? k->free & UINT64_MAX << j : 0;
	frames = !ahead;
	ahead = ahead ? ahead : k->free;
	j = (uint32_t)__builtin_ctzll(ahead);
	end_frame = k->frame + frames + prefill + a->output_tokens - 1;
	if (LPC_UNLIKELY(end_frame - k->frame >= CALENDAR_FRAMES))
		return false;
	at = k->frame_at + frames * k->f0 + k->departure[j] + k->shift;
	first = at + prefill * k->f0;
	to = &k->place[j]; /* member by member: a literal is cleared first, and that takes longer */
	to->id = a->id;
	to->order = a->order;
	to->t_sched = a->t_sched;
	to->tenant = a->tenant;
	to->tier = a->tier;
	to->prompt_tokens = a->prompt_tokens;
	to->output_tokens = a->output_tokens;
	to->max_tokens = a->max_tokens;
	to->declared = (int64_t)prefill + a->max_tokens - 1;
	to->t_dispatch = now;
	to->t_entry = at;
	to->t_first = first;
	to->t_last = first + (int64_t)(a->output_tokens - 1) * k->f0;
	to->ingress_ns = k->delay;
	to->frame_ns = k->f0;
	k->declared += to->declared;
	k->free &= ~(UINT64_C(1) << j);
	i = (uint32_t)end_frame & (CALENDAR_FRAMES - 1);
	k->slots[i] |= UINT64_C(1) << j;
	k->any[i / 64] |= UINT64_C(1) << i % 64;
	k->n++;
	k->t_last = to->t_last;
	if (to->t_last < k->next_at) {
		k->next_at = to->t_last;
		k->next_frame = end_frame;
		k->next_slot = j;
	}
	return true;
}

/* Everything into registers … */
static struct coast take(const struct express *x, const struct express_block *b)
{
	const struct queue *q = x->queues;
	const struct carriage *c = x->carriages;
	int64_t far = x->n_ends ? x->ends[0].at : NS_NEVER;

	return (struct coast){.place = x->place,
	        .slots = c->slots,
	        .any = c->any,
	        .departure = c->departure,
	        .f0 = c->f0,
	        .shift = c->shift,
	        .frame = c->frame,
	        .frame_at = c->frame_at,
	        .delay = x->delay,
	        .limit = min_i64(far, min_i64(b->until, x->trouble_at)),
	        .now = x->now,
	        .next_at = c->next_at,
	        .next_frame = c->next_frame,
	        .free = c->in->free_bits[0],
	        .n = c->n,
	        .next_slot = c->next_slot,
	        .ppf = (uint32_t)q->bucket->ppf,
	        .frames_per_tick = c->frames_per_tick,
	        .slots_per_tick = c->slots_per_tick};
}

/* … and back, with what n_in arrivals and n_out ends have counted. */
static void put(struct rack *r, const struct coast *k, uint64_t n_in, uint64_t n_out)
{
	struct express *x = r->express;
	struct carriage *c = x->carriages;
	struct bucket_queue *counts = x->queues->counts;

	r->counts.submitted += n_in;
	r->counts.live += n_in;
	r->counts.dispatches += n_in;
	r->counts.completed += n_out;
	counts->running = (uint32_t)(counts->running + n_in - n_out);
	counts->declared += k->declared;
	x->n_came += n_in;
	x->came += k->came;
	x->now = k->now;
	c->frame = k->frame;
	c->frame_at = k->frame_at;
	c->next_at = k->next_at;
	c->next_frame = k->next_frame;
	c->next_slot = k->next_slot;
	c->n = k->n;
	c->in->free_bits[0] = k->free;
	c->in->bucket_free[0] = (uint32_t)__builtin_popcountll(k->free);
}

void express_coast(struct rack *r, struct express_block *b, const struct rider **in,
        const struct rider *end, struct rider **out, struct rider *full)
{
	struct express *x = r->express;
	const int64_t most = x->queues->bucket->max_seq, from = x->from;
	struct coast k = take(x, b);
	uint64_t n_in, n_out;

	k.in = *in;
	k.out = *out;
	k.full = full;
	for (; k.in + 1 < end; k.in++) {
		int64_t at = k.in->t_sched + k.delay;

		if (at >= k.limit || k.in[1].t_sched == k.in->t_sched)
			break;
		if (!coast_ends(&k, at) || !k.free)
			break;
		if ((int64_t)k.in->prompt_tokens + k.in->max_tokens > most ||
		        !coast_departs(&k, at))
			break;
		k.now = at;
		k.came += k.in->t_sched - from;
		if (LPC_UNLIKELY(k.t_last + k.delay - k.in->t_sched > x->timeout_min)) {
			express_give_up(x, k.in, k.t_last);
			k.limit = min_i64(k.limit, x->trouble_at);
		}
	}
	n_in = (uint64_t)(k.in - *in);
	n_out = (uint64_t)(k.out - *out);
	b->instants += n_in + n_out;
	put(r, &k, n_in, n_out);
	*in = k.in;
	*out = k.out;
}
