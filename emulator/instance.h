/* One instance of a pool: a set of nodes that runs one timetable (DESIGN §5 "Timetable",
 * "Progress", "Entry"). It owns its slots, its progress clock and the log of its segments; it knows
 * nothing of queues, routing or health. All of it is plain state, stepped by emulator/rack.c. */
#ifndef LPC_EMULATOR_INSTANCE_H
#define LPC_EMULATOR_INSTANCE_H

#include "emulator/deployment.h"
#include "emulator/timetable.h"
#include "faults/sink.h"
#include "harness/base/heap.h"

#define FAULT_NONE UINT32_MAX
#define LIVE_NONE  UINT32_MAX

/* A slot: a planned KV region and the sequence in it. All ticks are positions of the instance. */
struct slot {
	uint32_t live;       /* index of the live request, LIVE_NONE = free */
	uint32_t generation; /* goes up with every release: stale heap entries are recognised */
	uint32_t bucket;
	int64_t departure;         /* offset of its departures in the frame, ticks */
	int64_t entry, first, end; /* ticks */
	uint64_t segment;          /* sequence number of the segment it was dispatched in */
	bool entered;              /* counted in bucket_entered */
	int64_t next_token;        /* index of the next token to emit, with emit_tokens */
};

/* A closed or open stretch of constant rate; the last one of the log is the open one. */
struct segment {
	struct progress clock;
	int64_t frame_ns;    /* what f0 ticks take at this rate, exactly */
	int64_t compiled_ns; /* … and as compiled, of the bucket that sets the rate */
	uint32_t cause;      /* of a stop: the fault, or FAULT_NONE */
	uint32_t slow_cause; /* of a frame that is longer than compiled: the fault, or FAULT_NONE */
};

enum instance_state {
	INSTANCE_LIVE,
	INSTANCE_FAILING, /* detected; being moved to a spare, takes no requests */
	INSTANCE_DOWN,    /* no spare: waits for a repair */
};

struct instance {
	uint32_t index; /* in the rack: component order */
	uint32_t pool;
	enum instance_state state;
	enum entry_rule entry;
	uint64_t f0;                          /* ticks a frame = ns of the smallest frame */
	uint32_t n_slots, n_buckets, fastest; /* bucket of frame f0 */
	struct slot *slots;
	uint64_t *free_bits;                         /* one bit a slot, 1 = free */
	uint32_t bucket_first[POOL_BUCKETS_MAX + 1]; /* slots [first[b], first[b+1]) belong to b */
	uint32_t bucket_free[POOL_BUCKETS_MAX];
	uint32_t bucket_entered[POOL_BUCKETS_MAX];  /* of buckets slower than f0 only */
	uint64_t bucket_frame_ns[POOL_BUCKETS_MAX]; /* as compiled */
	uint64_t host_ns;        /* of every frame, besides: what no chip's clock changes */
	uint32_t slow_ppm;       /* all frames take this many millionths: SLOW_NONE = as compiled */
	uint64_t host_fault_ns;  /* the largest part of host_ns … */
	uint32_t host_fault;     /* … and the fault that it is of, or FAULT_NONE */
	uint32_t slow_fault_ppm; /* the largest factor in slow_ppm … */
	uint32_t slow_fault;     /* … and its fault, or FAULT_NONE */
	uint64_t frame_now[POOL_BUCKETS_MAX]; /* ns, with it */
	uint32_t slowed_by[POOL_BUCKETS_MAX]; /* whose fault it is that frame_now is longer than
	                                         compiled; FAULT_NONE: it is not */
	struct tick_rate bucket_rate[POOL_BUCKETS_MAX]; /* while it is the slowest one entered */

	struct segment *log;  /* ring of the segments that live requests may still need */
	struct segment *open; /* its last one */
	uint32_t log_capacity, log_n;
	uint64_t log_first;  /* sequence number of the oldest kept */
	uint64_t losses_end; /* no segment of this number or a later one is a stop or slowed */

	uint32_t withheld; /* artifact operations that keep new requests from it */
	uint32_t failing;  /* health cases that are moving it; 0 in INSTANCE_LIVE */
	uint32_t holds;    /* open-ended stops (a link down, a node lost) */
	uint32_t hold_cause;
	int64_t stall_until; /* finite stall; NS_NEVER never; 0 = none */
	uint32_t stall_cause;

	struct heap ends;    /* (tick, request id, slot | generation << 32) */
	struct heap entries; /* the same, only where entering can change the rate: slower buckets */
	struct heap tokens;  /* the same, only with emit_tokens */
	struct heap hits;    /* the same: the tick before a slot's next wrong token (sdc.c) */
	struct heap moves;   /* the same: ends of the frames of mirrored requests (moves.c) */
	int64_t boundary_tick; /* next frame boundary at which the rack must look at the frame that
	                          ends (rack_arm), NS_NEVER */

	uint32_t n_nodes;
	uint32_t *nodes; /* live mapping, global node indices */
	uint32_t n_links;
	uint32_t *links;   /* live path, link indices */
	int64_t next_at;   /* cached instant of its next event … */
	int64_t next_tick; /* … made of this tick, on the open segment as it is */
};

void instance_init(struct instance *in, uint32_t index, uint32_t pool, const struct pool_spec *spec,
        struct arena *arena);
void instance_free(struct instance *in);

static inline const struct progress *instance_clock(const struct instance *in)
{
	return &in->open->clock;
}

static inline uint64_t instance_segment(const struct instance *in) /* of the open one */
{
	return in->log_first + in->log_n - 1;
}

static inline bool instance_takes(const struct instance *in) /* new requests */
{
	return in->state == INSTANCE_LIVE && !in->withheld;
}

bool instance_is_idle(const struct instance *in); /* no slot is occupied */

/* At which tick would a request depart, in the earliest free slot of the bucket? False when the
 * bucket has no free slot or the instance is not going anywhere (held, failing, down). */
bool instance_earliest(
        const struct instance *in, uint32_t bucket, int64_t now, uint32_t *slot, int64_t *tick);
/* … and at which instant, if nothing but the stall under way comes between. */
int64_t instance_departure(const struct instance *in, int64_t now, int64_t tick);

/* Puts a request into a free slot, to depart at tick `entry`: prefill and output in frames and
 * tokens. A tick that the instance has reached already, and may be stopped at, is entered at once.
 */
void instance_occupy(struct instance *in, int64_t now, uint32_t slot, uint32_t live, uint64_t id,
        int64_t entry, int64_t prefill_frames, int64_t output_tokens, bool emit_tokens);
/* The sequence has entered its slot: the bucket counts as occupied from now on. */
void instance_entered(struct instance *in, uint32_t slot, int64_t now);
/* Frees the slot; it may depart again at this very tick. */
void instance_release(struct instance *in, uint32_t slot, int64_t now);

/* The first free slot in [from, to), or `to`. */
static inline uint32_t instance_next_free(const struct instance *in, uint32_t from, uint32_t to)
{
	uint32_t word = from / 64;
	uint64_t bits;

	if (from >= to)
		return to;
	bits = in->free_bits[word] & (UINT64_MAX << (from % 64));
	while (!bits) {
		if (++word * 64 >= to)
			return to;
		bits = in->free_bits[word];
	}
	from = word * 64 + (uint32_t)__builtin_ctzll(bits);
	return from < to ? from : to;
}

/* Only counts a slot as taken or free, for whoever plays what is in it (express.c). */
static inline void instance_take_slot(struct instance *in, uint32_t slot)
{
	in->free_bits[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
	in->bucket_free[in->slots[slot].bucket]--;
}

static inline void instance_give_slot(struct instance *in, uint32_t slot)
{
	in->free_bits[slot / 64] |= UINT64_C(1) << (slot % 64);
	in->bucket_free[in->slots[slot].bucket]++;
}

/* Stops. Open-ended holds nest; finite stalls add up. */
void instance_hold(struct instance *in, int64_t now, uint32_t cause);
void instance_unhold(struct instance *in, int64_t now);
void instance_stall(struct instance *in, int64_t now, int64_t length_ns, uint32_t cause);
void instance_stall_over(struct instance *in, int64_t now); /* at stall_until */

/* Every frame takes ppm millionths of its compiled time from now on (SLOW_NONE … SLOW_MAX), rounded
 * to the ns. Of the factors in it the largest is fault_ppm, and `fault` is to blame for it
 * (FAULT_NONE: ppm is SLOW_NONE). */
void instance_set_slow(
        struct instance *in, int64_t now, uint32_t ppm, uint32_t fault, uint32_t fault_ppm);
/* Every frame waits so long for the host, on top of that; the largest share of it, fault_ns, is the
 * fault's. */
void instance_set_host(
        struct instance *in, int64_t now, uint64_t host_ns, uint32_t fault, uint64_t fault_ns);

/* ns of one frame at the rate in force (or that was in force before a stop). */
int64_t instance_frame_ns(const struct instance *in);
/* The instant at which the frame under way at `now` would end if nothing stopped it. */
int64_t instance_frame_end(const struct instance *in, int64_t now);
int64_t instance_frame_begin_time(const struct instance *in, int64_t now); /* last finished frame */

/* The instant a past tick was reached, looking from segment *from on, which moves to where it was
 * found. */
int64_t instance_time_in_log(const struct instance *in, uint64_t *from, int64_t tick);
static inline int64_t instance_time_of_past(const struct instance *in, uint64_t *from, int64_t tick)
{
	if (*from == instance_segment(in))
		return progress_time_of(instance_clock(in), tick);
	return instance_time_in_log(in, from, tick);
}

/* A stale heap entry's slot was released since; else its slot. */
static inline struct slot *instance_slot(const struct instance *in, uint64_t handle, uint32_t *slot)
{
	*slot = (uint32_t)handle;
	return in->slots[*slot].generation == handle >> 32 ? &in->slots[*slot] : 0;
}

/* Recomputes next_at. */
void instance_schedule(struct instance *in);

/* Calls back with what faults took of [t0, t1), segment by segment from `from` on, oldest first:
 * all of a stop; of a slowed stretch of dt what is beyond dt · compiled / actual frame, rounded
 * down. */
typedef void instance_loss_fn(void *ctx, uint32_t cause, int64_t ns);
void instance_losses(const struct instance *in, uint64_t from, int64_t t0, int64_t t1,
        instance_loss_fn *fn, void *ctx);

/* Calls back with runs of equal gaps between the tokens at ticks first, first + f0, … (n tokens),
 * the first of them at `here`, each other's instant found in the log from segment `from` on;
 * `previous` is the instant of the token before the first (or -1). */
typedef void instance_gap_fn(void *ctx, int64_t gap_ns, int64_t n);
void instance_gaps(const struct instance *in, uint64_t from, int64_t first, int64_t here, int64_t n,
        int64_t previous, instance_gap_fn *fn, void *ctx);

#endif
