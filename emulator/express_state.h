/* The inside of the express (express.h), shared by its parts and by nobody else: express.c plays,
 * express_coast.c plays the plainest case, express_board.c lets requests on and off. */
#ifndef LPC_EMULATOR_EXPRESS_STATE_H
#define LPC_EMULATOR_EXPRESS_STATE_H

#include "emulator/express.h"
#include "emulator/rack_state.h"

enum {
	QUEUE_MAX = 1 << 16, /* riders in one queue; with more the rack goes on by itself */
	SLOT_BITS = 22,      /* beside the id in an entry's order */
	INGRESS_MAX = 64,
	CALENDAR_FRAMES =
	        1024, /* a power of two; with 64 slots 8 KiB, which stay in the first cache */
};

struct end {
	int64_t at;
	uint64_t order; /* id, then place: at one instant in order of id */
};

/* One instance. */
struct carriage {
	struct instance *in;
	uint32_t first_place; /* of its slots in `place` */
	int64_t shift;        /* instant of a tick less the tick */
	int64_t f0;
	int64_t frame, frame_at; /* a frame, near now, and the tick at which it begins */
	double frames_per_tick, slots_per_tick;
	int64_t *departure; /* by slot; behind the last: never */
	/* The calendar; NULL: all its ends are in the heap. */
	uint64_t *slots, *any;
	uint32_t words, n; /* words a frame; ends in it */
	int64_t next_at, next_frame;
	uint32_t next_slot;
};

/* A bucket of a pool. */
struct queue {
	struct serving_pool *pool;
	struct bucket_queue *counts;
	const struct bucket_spec *bucket;
	struct carriage *carriages;          /* the pool's */
	uint32_t n_carriages, index, number; /* number: of the bucket in its pool */
	struct rider *ring;
	uint32_t head, n, capacity; /* capacity: a power of two */
	bool dirty;                 /* somebody may depart */
};

struct alighting {
	enum live_state state;
	uint32_t place; /* LIVE_RUNNING */
	struct rider rider;
};

struct alighting_list {
	struct alighting *a;
	uint32_t n, capacity;
};

struct express {
	uint32_t n_queues, n_carriages, n_places;
	struct queue *queues;
	struct carriage *carriages;
	struct rider *place;   /* by slot of all instances, one after the other */
	uint32_t *carriage_of; /* by place */
	struct end *ends;      /* a 4-ary heap */
	uint32_t n_ends;
	int64_t delay; /* of the ingress link, one way */
	const int64_t *timeout_ns;
	int64_t timeout_min;
	int64_t give_up_at; /* a rider under way is given up then … */
	int64_t trouble_at; /* … or the first in a queue might be, then */
	int64_t now;
	uint32_t n_dirty;
	bool one_for_all;    /* one pool takes everybody, or nobody but for its queue's length */
	struct live scratch; /* of pick_as_rack */
	struct rider cut;
	struct alighting_list list; /* of express_leave */
	/* Little's law: how many came and went since `from`, and the sums of their instants. */
	int64_t from;
	uint64_t live_from, n_came, n_went;
	__int128 came, went;
};

static inline uint32_t express_prefill(const struct bucket_spec *b, uint32_t prompt_tokens)
{
	if (LPC_LIKELY(b->ppf <= UINT32_MAX))
		return (prompt_tokens - 1) / (uint32_t)b->ppf + 1;
	return 1;
}

/* express.c */
void express_append(struct queue *q, const struct rider *rider);
void express_mark(struct express *x, struct queue *q); /* somebody may depart from it */
/* When somebody in a queue may lose patience is looked up anew. */
void express_patience(struct express *x);
/* Its client leaves before its last token at t_last: then that is the end of the ride. */
void express_give_up(struct express *x, const struct rider *a, int64_t t_last);

/* express_coast.c: from arrival to arrival, until one needs a closer look. */
bool express_may_coast(const struct express *x);
void express_coast(struct rack *r, struct express_block *b, const struct rider **in,
        const struct rider *end, struct rider **out, struct rider *full);

#endif
