/* The express: requests that nothing happens to, played without an event for anything else.
 *
 * While no fault is at work, every instance ticks at its compiled rate, every request that is let
 * in runs to its end undisturbed, and a pool is what queueing theory calls it: one first-come,
 * first-served queue in front of its slots. Then an arrival and a completion are all that happens,
 * and both can be played from a few numbers each, without the records that a fault might want to
 * look at. The caller lets requests board, hands in arrivals in blocks, and takes out completions
 * in blocks, as long as nothing else is due; before anything is, all who are under way get off and
 * are requests of the rack again, as if they had never been elsewhere.
 *
 *      rack ── express_enter ──►  express_run, express_run, …  ── express_leave ──► rack
 *
 * Nothing else of the rack may be called in between. Whatever is out of the ordinary (a refusal, a
 * client that might time out) ends the ride before it happens: the rack's own events are the only
 * law, and the express gives exactly what they would (tests/property/run/express_test.c).
 *
 * Times are ns of run time. */
#ifndef LPC_EMULATOR_EXPRESS_H
#define LPC_EMULATOR_EXPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/rider.h"

struct rack;

/* What the caller does about the clients. */
struct express_stop_over {
	void *ctx;
	const int64_t *timeout_ns; /* by tenant: a client leaves this long after t_sched */
	uint32_t n_tenants;
	/* May the client of this request leave it alone until it is answered? `user` as in struct
	 * rack_request. Asked of every live request before any boards. */
	bool (*fit)(void *ctx, uint32_t user, int64_t t_submit);
	/* It boards: its client is forgotten, its order returned. */
	uint64_t (*board)(void *ctx, uint32_t user);
	/* One that boards while it is still on its way in; to be handed in again as the first of
	 * the arrivals. In order. */
	void (*waiting)(void *ctx, const struct rider *rider);
	/* It gets off: a client for it, whose index is returned. In order of `order`. */
	uint32_t (*alight)(void *ctx, const struct rider *rider, uint64_t handle);
};

struct express_block {
	const struct rider *in; /* id, order, t_sched, tenant, tier and lengths; in order */
	uint32_t n_in, used;
	bool more;         /* others follow those in `in` */
	struct rider *out; /* in order of t_last, then as the rack completes them */
	uint32_t room, n_out;
	int64_t until;     /* nothing of this instant or later is played */
	uint64_t instants; /* at which something happened */
};

enum express_end {
	EXPRESS_MORE,    /* it needs more arrivals */
	EXPRESS_FULL,    /* out is full */
	EXPRESS_UNTIL,   /* nothing is left before `until` */
	EXPRESS_TROUBLE, /* something that is the rack's business is next */
	EXPRESS_OVER,    /* no arrival is left */
};

/* Is the rack in such a state? Then *until: the first instant at which a part of it acts. */
bool express_ready(const struct rack *r, int64_t *until);

/* All live requests board, if all may; they have nothing behind them that leaves a trace. Those
 * that are on their way out are put into out[], at most `room`. */
bool express_enter(struct rack *r, const struct express_stop_over *stop, struct rider *out,
        uint32_t room, uint32_t *n_out);

/* Plays on. Counts used and n_out up; the caller takes what it wants from the front of out. */
enum express_end express_run(struct rack *r, struct express_block *b);

/* Up to this instant everything has been played. */
int64_t express_now(const struct rack *r);

/* The first of out[n] have reached their clients by now: how many, and they are off the books. */
uint32_t express_delivered(struct rack *r, const struct rider *out, uint32_t n);

/* Everybody gets off: who runs and who queues, those of out[n_out] that have not reached their
 * client yet, and those of in[n_in] that have been sent but have not arrived. */
void express_leave(struct rack *r, const struct express_stop_over *stop, const struct rider *in,
        uint32_t n_in, const struct rider *out, uint32_t n_out);

void express_free(struct rack *r);

#endif
