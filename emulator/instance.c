/* The log of segments is what makes a stall O(1): nobody is told of it. A request remembers only
 * ticks and the segment in which it was dispatched; when it completes, the instants of its first
 * token, of its gaps and of what faults took from it are read back from the log. In a healthy
 * single-bucket instance the log has one segment and all of that is a subtraction.
 *
 *      ticks ^            ___/     a stop is a flat piece, a slower bucket a flatter slope;
 *            |      _____/         the end tick of a request is a horizontal line that is fixed at
 *            |  ___/               dispatch, its instant is where the curve crosses it
 *            +-------------------> ns
 *
 * Segments older than the oldest dispatch that is still in a slot, and than the frame under way,
 * are dropped when the ring is full; it doubles if that does not empty half of it. */
#include "emulator/instance.h"

#include <string.h>

#include "harness/base/mutant.h"

static struct segment *segment_at(const struct instance *in, uint64_t sequence)
{
	return &in->log[sequence & (in->log_capacity - 1)];
}

/* The slowest bucket entered sets the rate; idle, the fastest one does. */
static uint32_t slowest_bucket(const struct instance *in)
{
	uint32_t slowest = in->fastest;

	for (uint32_t b = 0; b < in->n_buckets; b++)
		if (in->bucket_entered[b] && in->bucket_frame_ns[b] > in->bucket_frame_ns[slowest])
			slowest = b;
	return slowest;
}

/* The clock as it will run if only the finite stall is waited for. */
static struct progress forecast(const struct instance *in, int64_t now)
{
	struct progress p = *instance_clock(in);

	if (p.stopped) {
		p.t0 = in->stall_until > now ? in->stall_until : now;
		p.stopped = false;
	}
	return p;
}

/* A frame that waits for the host, no longer than the progress clock can count. */
static uint64_t with_host(uint64_t frame_ns, uint64_t host_ns)
{
	uint64_t most = TICK_RATE_MAX - 1, room = frame_ns < most ? most - frame_ns : 0;

	return frame_ns + (host_ns < room ? host_ns : room);
}

static uint64_t stretched(uint64_t frame_ns, uint32_t ppm)
{
	return (uint64_t)(((unsigned __int128)frame_ns * ppm + SLOW_NONE / 2) / SLOW_NONE);
}

/* Of all that makes the bucket's frames longer, the fault that would alone do most of it; ties the
 * lower index. */
static uint32_t blamed(const struct instance *in, uint32_t b)
{
	uint64_t compiled = in->bucket_frame_ns[b];
	uint64_t slow_ns = stretched(compiled, in->slow_fault_ppm) - compiled;

	if (in->frame_now[b] == compiled)
		return FAULT_NONE;
	if (slow_ns == in->host_fault_ns)
		return in->slow_fault < in->host_fault ? in->slow_fault : in->host_fault;
	return slow_ns > in->host_fault_ns ? in->slow_fault : in->host_fault;
}

static void set_rates(struct instance *in)
{
	for (uint32_t b = 0; b < in->n_buckets; b++) {
		in->frame_now[b] =
		        with_host(stretched(in->bucket_frame_ns[b], in->slow_ppm), in->host_ns);
		in->bucket_rate[b] = tick_rate(in->frame_now[b], in->f0);
		in->slowed_by[b] = blamed(in, b);
	}
}

void instance_init(struct instance *in, uint32_t index, uint32_t pool, const struct pool_spec *spec,
        struct arena *arena)
{
	uint32_t j = 0;

	memset(in, 0, sizeof(*in));
	in->index = index;
	in->pool = pool;
	in->entry = spec->entry;
	in->n_buckets = spec->n_buckets;
	in->f0 = UINT64_MAX;
	for (uint32_t b = 0; b < spec->n_buckets; b++) {
		in->bucket_frame_ns[b] = (uint64_t)spec->buckets[b].frame_ns;
		if (in->bucket_frame_ns[b] < in->f0) {
			in->f0 = in->bucket_frame_ns[b];
			in->fastest = b;
		}
		in->bucket_first[b] = in->n_slots;
		in->bucket_free[b] = spec->buckets[b].slots;
		in->n_slots += spec->buckets[b].slots;
	}
	in->bucket_first[spec->n_buckets] = in->n_slots;
	CHECK(in->n_slots > 0 && in->n_slots <= INSTANCE_SLOTS_MAX);
	CHECK(spec->entry != ENTRY_IMMEDIATE || spec->n_buckets == 1);

	in->slots = ARENA_ARRAY(arena, struct slot, in->n_slots);
	in->free_bits = ARENA_ARRAY(arena, uint64_t, (in->n_slots + 63) / 64);
	for (uint32_t b = 0; b < spec->n_buckets; b++) {
		for (; j < in->bucket_first[b + 1]; j++) {
			in->slots[j] = (struct slot){.live = LIVE_NONE, .bucket = b};
			if (spec->entry == ENTRY_PHASE)
				in->slots[j].departure = (int64_t)(j * in->f0 / in->n_slots);
			in->free_bits[j / 64] |= UINT64_C(1) << (j % 64);
		}
	}
	in->log_capacity = 16;
	in->log = mem_alloc(in->log_capacity, sizeof(*in->log));
	in->log_n = 1;
	in->open = in->log;
	in->log[0].cause = in->log[0].slow_cause = FAULT_NONE;
	in->slow_ppm = in->slow_fault_ppm = SLOW_NONE;
	in->slow_fault = in->host_fault = FAULT_NONE;
	set_rates(in);
	progress_init(&in->log[0].clock, 0, &in->bucket_rate[in->fastest]);
	in->log[0].frame_ns = in->log[0].compiled_ns = (int64_t)in->f0;
	in->hold_cause = in->stall_cause = FAULT_NONE;
	heap_init(&in->ends, 0);
	heap_init(&in->entries, 0);
	heap_init(&in->tokens, 0);
	heap_init(&in->hits, 0);
	heap_init(&in->moves, 0);
	in->boundary_tick = NS_NEVER;
	in->next_at = in->next_tick = NS_NEVER;
}

void instance_free(struct instance *in)
{
	mem_free(in->log);
	heap_free(&in->ends);
	heap_free(&in->entries);
	heap_free(&in->tokens);
	heap_free(&in->hits);
	heap_free(&in->moves);
}

/* --- the log
 * --------------------------------------------------------------------------------------- */

static void log_trim(struct instance *in)
{
	uint64_t keep = instance_segment(in);
	int64_t frame = instance_clock(in)->x0 / (int64_t)in->f0 * (int64_t)in->f0;

	for (uint32_t j = 0; j < in->n_slots; j++)
		if (in->slots[j].live != LIVE_NONE && in->slots[j].segment < keep)
			keep = in->slots[j].segment;
	while (keep > in->log_first && segment_at(in, keep)->clock.x0 > frame)
		keep--;
	in->log_n -= (uint32_t)(keep - in->log_first);
	in->log_first = keep;
}

static void log_grow(struct instance *in)
{
	uint32_t doubled = in->log_capacity * 2;
	struct segment *log = mem_alloc(doubled, sizeof(*log));

	for (uint64_t s = in->log_first; s <= instance_segment(in); s++)
		log[s & (doubled - 1)] = *segment_at(in, s);
	mem_free(in->log);
	in->log = log;
	in->log_capacity = doubled;
}

/* Doubled unless half of it could be dropped: the look at all slots is paid for by many segments.
 */
static void log_make_room(struct instance *in)
{
	log_trim(in);
	if (in->log_n > in->log_capacity / 2)
		log_grow(in);
}

/* Is the open segment what a frame of bucket b is now, also for the books? Two buckets may run at
 * one rate, one of them slowed and the other not. */
static bool same_frame(const struct instance *in, uint32_t b)
{
	const struct segment *open = in->open;

	return in->bucket_rate[b].num == open->clock.rate.num &&
	       in->bucket_rate[b].den == open->clock.rate.den &&
	       in->slowed_by[b] == open->slow_cause &&
	       (open->slow_cause == FAULT_NONE ||
	               (int64_t)in->bucket_frame_ns[b] == open->compiled_ns);
}

/* Opens a segment if rate, stop or cause differ from the open one; in place if that one has no
 * length. */
static void refresh(struct instance *in, int64_t now)
{
	struct segment *open = in->open;
	bool stopped = in->holds || in->stall_until;
	uint32_t cause = in->stall_until ? in->stall_cause
	                 : in->holds     ? in->hold_cause
	                                 : FAULT_NONE;
	uint32_t slowest = slowest_bucket(in);
	struct segment next;

	in->next_tick = NS_NEVER;
	if (stopped == open->clock.stopped && cause == open->cause && same_frame(in, slowest))
		return;
	next = *open;
	next.frame_ns = (int64_t)in->frame_now[slowest];
	next.compiled_ns = (int64_t)in->bucket_frame_ns[slowest];
	next.cause = cause;
	next.slow_cause = in->slowed_by[slowest];
	progress_change(&next.clock, now, &in->bucket_rate[slowest], stopped);
	if (open->clock.t0 < now) {
		if (in->log_n == in->log_capacity)
			log_make_room(in);
		in->log_n++;
	}
	in->open = segment_at(in, instance_segment(in));
	*in->open = next;
	if (stopped || next.slow_cause != FAULT_NONE)
		in->losses_end = instance_segment(in) + 1;
}

/* --- slots
 * ----------------------------------------------------------------------------------------- */

/* The smallest tick that has not gone by, once the stall under way is over. */
static int64_t tick_ahead(const struct instance *in, int64_t now)
{
	struct progress clock;

	if (LPC_LIKELY(!in->stall_until))
		return progress_next_tick(instance_clock(in), now);
	clock = forecast(in, now);
	return progress_next_tick(&clock, now > clock.t0 ? now : clock.t0);
}

int64_t instance_departure(const struct instance *in, int64_t now, int64_t tick)
{
	struct progress clock;

	if (LPC_LIKELY(!in->stall_until))
		return progress_time_of(instance_clock(in), tick);
	clock = forecast(in, now);
	return progress_time_of(&clock, tick);
}

bool instance_is_idle(const struct instance *in)
{
	uint32_t free = 0;

	for (uint32_t b = 0; b < in->n_buckets; b++)
		free += in->bucket_free[b];
	return free == in->n_slots;
}

bool instance_earliest(
        const struct instance *in, uint32_t bucket, int64_t now, uint32_t *slot, int64_t *tick)
{
	uint32_t first = in->bucket_first[bucket], end = in->bucket_first[bucket + 1], j, wanted;
	int64_t here, frame, f0 = (int64_t)in->f0;

	if (!in->bucket_free[bucket] || !instance_takes(in) || in->holds)
		return false;
	here = tick_ahead(in, now);
	if (in->entry == ENTRY_IMMEDIATE) {
		*slot = instance_next_free(in, first, end);
		*tick = here;
		return true;
	}
	frame = here / f0;
	if (in->entry == ENTRY_FRAME) {
		*slot = instance_next_free(in, first, end);
		*tick = here == frame * f0 ? here : (frame + 1) * f0;
		return true;
	}
	/* The first slot whose offset floor(j F0 / n) is not behind us: j >= offset n / F0. */
	wanted = (uint32_t)(((uint64_t)(here - frame * f0) * in->n_slots + in->f0 - 1) / in->f0);
	j = instance_next_free(in, wanted > first ? wanted : first, end);
	if (j == end) {
		j = instance_next_free(in, first, end);
		frame++;
	}
	*slot = j;
	*tick = frame * f0 + in->slots[j].departure;
	return true;
}

static uint64_t slot_handle(const struct instance *in, uint32_t slot)
{
	return (uint64_t)in->slots[slot].generation << 32 | slot;
}

void instance_occupy(struct instance *in, int64_t now, uint32_t slot, uint32_t live, uint64_t id,
        int64_t entry, int64_t prefill_frames, int64_t output_tokens, bool emit_tokens)
{
	struct slot *s = &in->slots[slot];
	bool ok;

	CHECK(s->live == LIVE_NONE && prefill_frames > 0 && output_tokens > 0);
	if (MUTANT(SLOT_LATE) && s->generation && entry < s->end + (int64_t)in->f0)
		entry += (int64_t)in->f0;
	s->live = live;
	s->entry = entry;
	s->first = entry + (prefill_frames + MUTANT(FRAME_OFF_BY_ONE)) * (int64_t)in->f0;
	s->end = s->first + (output_tokens - 1) * (int64_t)in->f0;
	s->segment = instance_segment(in);
	s->next_token = 0;
	instance_take_slot(in, slot);
	ok = heap_push(&in->ends, s->end, id, slot_handle(in, slot));
	if (emit_tokens)
		ok &= heap_push(&in->tokens, s->first, id, slot_handle(in, slot));
	if (in->bucket_frame_ns[s->bucket] > in->f0) { /* it slows the others down */
		if (entry <= progress_tick_at(instance_clock(in), now))
			instance_entered(in, slot, now);
		else
			ok &= heap_push(&in->entries, entry, id, slot_handle(in, slot));
	}
	CHECK(ok);
}

void instance_entered(struct instance *in, uint32_t slot, int64_t now)
{
	in->slots[slot].entered = true;
	if (in->bucket_entered[in->slots[slot].bucket]++ == 0)
		refresh(in, now);
}

void instance_release(struct instance *in, uint32_t slot, int64_t now)
{
	struct slot *s = &in->slots[slot];

	CHECK(s->live != LIVE_NONE);
	s->live = LIVE_NONE;
	s->generation++;
	instance_give_slot(in, slot);
	if (s->entered && --in->bucket_entered[s->bucket] == 0)
		refresh(in, now);
	s->entered = false;
}

/* --- rates and stops
 * ----------------------------------------------------------------------------------------- */

void instance_set_slow(
        struct instance *in, int64_t now, uint32_t ppm, uint32_t fault, uint32_t fault_ppm)
{
	CHECK(ppm >= SLOW_NONE && ppm <= SLOW_MAX);
	CHECK(fault_ppm >= SLOW_NONE && (ppm == SLOW_NONE || fault != FAULT_NONE));
	if (ppm == in->slow_ppm && fault == in->slow_fault && fault_ppm == in->slow_fault_ppm)
		return;
	in->slow_ppm = ppm;
	in->slow_fault = fault;
	in->slow_fault_ppm = fault_ppm;
	set_rates(in);
	refresh(in, now);
}

void instance_set_host(
        struct instance *in, int64_t now, uint64_t host_ns, uint32_t fault, uint64_t fault_ns)
{
	CHECK(host_ns >= fault_ns && (host_ns == 0 || fault != FAULT_NONE));
	if (host_ns == in->host_ns && fault == in->host_fault && fault_ns == in->host_fault_ns)
		return;
	in->host_ns = host_ns;
	in->host_fault = fault;
	in->host_fault_ns = fault_ns;
	set_rates(in);
	refresh(in, now);
}

void instance_hold(struct instance *in, int64_t now, uint32_t cause)
{
	if (in->holds++ == 0)
		in->hold_cause = cause;
	refresh(in, now);
}

void instance_unhold(struct instance *in, int64_t now)
{
	CHECK(in->holds > 0);
	in->holds--;
	refresh(in, now);
}

void instance_stall(struct instance *in, int64_t now, int64_t length_ns, uint32_t cause)
{
	if (!in->stall_until) {
		in->stall_until = now;
		in->stall_cause = cause;
	}
	in->stall_until += length_ns;
	refresh(in, now);
}

void instance_stall_over(struct instance *in, int64_t now)
{
	CHECK(in->stall_until && in->stall_until <= now);
	in->stall_until = 0;
	refresh(in, now);
}

int64_t instance_frame_ns(const struct instance *in)
{
	return in->open->frame_ns;
}

int64_t instance_frame_end(const struct instance *in, int64_t now)
{
	struct progress clock = forecast(in, now);
	int64_t tick = progress_tick_at(&clock, now > clock.t0 ? now : clock.t0);

	return progress_time_of(&clock, (tick / (int64_t)in->f0 + 1) * (int64_t)in->f0);
}

int64_t instance_frame_begin_time(const struct instance *in, int64_t now)
{
	int64_t tick = progress_tick_at(instance_clock(in), now);
	uint64_t from = in->log_first;

	return instance_time_of_past(in, &from, tick / (int64_t)in->f0 * (int64_t)in->f0);
}

/* --- reading the log
 * ------------------------------------------------------------------------------- */

int64_t instance_time_in_log(const struct instance *in, uint64_t *from, int64_t tick)
{
	uint64_t last = instance_segment(in);

	CHECK(*from >= in->log_first);
	while (*from < last && tick > segment_at(in, *from + 1)->clock.x0)
		++*from;
	return progress_time_of(&segment_at(in, *from)->clock, tick);
}

static int64_t as_compiled(const struct segment *s, int64_t ns)
{
	if (s->clock.stopped)
		return 0;
	if (s->slow_cause == FAULT_NONE)
		return ns;
	return (int64_t)((__int128)ns * s->compiled_ns / s->frame_ns);
}

void instance_losses(const struct instance *in, uint64_t from, int64_t t0, int64_t t1,
        instance_loss_fn *fn, void *ctx)
{
	uint64_t last = instance_segment(in);

	CHECK(from >= in->log_first);
	for (; from <= last && from < in->losses_end; from++) {
		const struct segment *s = segment_at(in, from);
		int64_t begin = s->clock.t0 > t0 ? s->clock.t0 : t0, end = t1, lost = 0;

		if (begin >= t1)
			return;
		if (from < last && segment_at(in, from + 1)->clock.t0 < end)
			end = segment_at(in, from + 1)->clock.t0;
		if (end > begin)
			lost = end - begin - as_compiled(s, end - begin);
		if (lost)
			fn(ctx, s->clock.stopped ? s->cause : s->slow_cause, lost);
	}
}

void instance_gaps(const struct instance *in, uint64_t from, int64_t first, int64_t here, int64_t n,
        int64_t previous, instance_gap_fn *fn, void *ctx)
{
	uint64_t last = instance_segment(in);
	int64_t f0 = (int64_t)in->f0, tick = first;

	while (n > 0) {
		const struct segment *s;
		int64_t count = n;

		while (from < last && tick > segment_at(in, from + 1)->clock.x0)
			from++;
		s = segment_at(in, from);
		if (tick > first)
			here = progress_time_of(&s->clock, tick);
		if (previous >= 0)
			fn(ctx, here - previous, 1);
		if (from < last)
			count = (segment_at(in, from + 1)->clock.x0 - tick) / f0 + 1;
		if (count > n)
			count = n;
		if (count > 1)
			fn(ctx, s->frame_ns, count - 1);
		previous = here + (count - 1) * s->frame_ns;
		tick += count * f0;
		n -= count;
	}
}

void instance_schedule(struct instance *in)
{
	int64_t tick = in->boundary_tick;

	/* Stale entries (released slots) may be on top: an early wake-up is harmless. */
	if (in->ends.n && in->ends.e[0].key < tick)
		tick = in->ends.e[0].key;
	if (in->entries.n && in->entries.e[0].key < tick)
		tick = in->entries.e[0].key;
	if (in->tokens.n && in->tokens.e[0].key < tick)
		tick = in->tokens.e[0].key;
	if (in->hits.n && in->hits.e[0].key < tick)
		tick = in->hits.e[0].key;
	if (in->moves.n && in->moves.e[0].key < tick)
		tick = in->moves.e[0].key;
	if (tick == in->next_tick && tick != NS_NEVER)
		return;
	in->next_tick = tick;
	/* Stopped at the very tick of an event: it has been reached and is due (time_of gives t0).
	 */
	in->next_at = tick == NS_NEVER ? NS_NEVER : progress_time_of(instance_clock(in), tick);
	if (in->stall_until && in->stall_until < in->next_at)
		in->next_at = in->stall_until;
}
