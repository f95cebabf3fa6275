/* The rack: instances on their timetables, pools, admission, health monitor and failover, as one
 * sans-I/O state machine over int64_t nanoseconds of run time (DESIGN §2, §5). Both clocks drive
 * the same code: the virtual driver jumps to rack_next_at(); the server process steps it at real
 * instants.
 *
 * Order at one instant (DESIGN §4) is the caller's and the rack's together. At instant t:
 *   1, 2  the caller reverts and injects faults through rack_sink()
 *   3, 4  rack_step(t): frame ends (first tokens, tokens, completions, freed slots), then health:
 *         power, cooling, monitor, failover, artifacts
 *   5, 6  the caller hands in arrivals by rack_submit(t, …), in order of request id
 *   7     rack_dispatch(t): entries; must be called once at the end of every instant at which
 *         anything above happened
 *
 * Instants never go backwards. rack_step(t) first plays every earlier instant that is due, each
 * with its own dispatch, so that a late caller (the wall clock) changes nothing of the order.
 *
 * Nothing here allocates per request beyond a pool that grows to the largest number in flight. */
#ifndef LPC_EMULATOR_RACK_H
#define LPC_EMULATOR_RACK_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/deployment.h"
#include "faults/sink.h"
#include "harness/base/wire.h"

struct rack;

struct rack_request {
	uint64_t id;     /* unique among live requests; also the order among equals */
	uint32_t user;   /* the caller's own, handed back (a stream's slot in the server) */
	uint32_t tenant; /* index into the names given at rack_create */
	uint32_t tier;
	int64_t prompt_tokens, output_tokens, max_tokens; /* all >= 1; output <= max */
	/* Its tokens are events, as with emit_tokens; its gaps are then left to whoever listens to
	 * them: no `gaps`, and none in its completion. */
	bool watched;
	uint64_t affinity; /* by which the balancer spreads requests over frontends; 0 = by id */
};

enum rack_refusal {
	REFUSED_CONTEXT, /* 400 context_length_exceeded: no bucket of an accepting pool holds it */
	REFUSED_NO_POOL, /* 400: no pool accepts this tier, tenant or size */
	REFUSED_RATE,    /* 429, per-tenant rate */
	REFUSED_ADMISSION, /* 429, the pool's policy */
	REFUSED_SHED,      /* 429, degraded pool sheds the tier */
	REFUSED_ARTIFACT,  /* 429, its shape is still being compiled for */
	REFUSED_CONNECT,   /* the connection is reset: the frontend is down */
};

enum {
	RACK_BLAME_MAX = 4
}; /* faults told apart in one request's stalls; further ones join the last */

struct rack_stall {
	uint32_t fault; /* index in the scenario's list */
	bool evicted;   /* it cost the request its slot, not only time */
	int64_t ns;
};

/* A served request. Times are at the frontend (before egress delay) unless they say otherwise. The
 * parts add up: t_last_edge - t_arrival = queue + entry_wait + prefill + decode + sum(stalls). */
struct rack_completion {
	struct rack_request req;
	int64_t t_arrival; /* at the frontend, after the ingress delay */
	int64_t t_entry;   /* first slot entry */
	int64_t t_first_edge, t_last_edge;
	int64_t t_first, t_last; /* at the client's end of the ingress link, with its delays */
	int64_t queue_ns, entry_wait_ns, prefill_ns,
	        decode_ns; /* net of stalls, frames as compiled: blame, not metrics */
	int64_t itl_max_ns,
	        itl_p99_ns; /* of this request's gaps at the client's end; 0 if one token */
	uint32_t replays;   /* times it lost its instance and was replayed */
	int64_t tokens_recomputed;
	int64_t tokens_corrupt; /* delivered, and wrong */
	uint32_t n_stalls;
	struct rack_stall stalls[RACK_BLAME_MAX];
	bool failed; /* on_loss: fail, after `delivered` tokens */
	int64_t delivered;
	uint32_t pool, bucket, instance, slot; /* of the last episode */
};

enum rack_step_kind { STEP_SUBMITTED, STEP_QUEUED, STEP_DISPATCHED, STEP_EVICTED };

/* Events out. `due` is the instant at the client's end of the ingress link. Every callback may be
 * NULL. They are made from within rack_step, rack_submit, rack_dispatch or the sink, and must not
 * call back into the rack. */
struct rack_listener {
	void *ctx;
	void (*refused)(void *ctx, int64_t due, const struct rack_request *req,
	        enum rack_refusal why, int64_t retry_after_s);
	/* Token `index` (0-based) is due at the client's end at `due` (<= now). Only with
	 * emit_tokens, or of a watched request. wrong: a fault has made another token of it. */
	void (*token)(
	        void *ctx, int64_t due, const struct rack_request *req, int64_t index, bool wrong);
	/* In order of `now`, the instant of the last token at the client's end; the order among
	 * equals is the rack's own (a recorder sorts them by id). */
	void (*completed)(void *ctx, int64_t now, const struct rack_completion *done);
	/* The connection of a request was reset in the middle of it, at `now` for both ends; what
	 * was reached. begun: its client has a token. Its last callback, instead of `completed`. */
	void (*reset)(void *ctx, int64_t now, const struct rack_completion *left, bool begun);
	/* n gaps of gap_ns between consecutive tokens of one request, at the client's end. Called
	 * just before its `completed`, in no order. Only with emit_gaps. */
	void (*gaps)(void *ctx, const struct rack_request *req, int64_t gap_ns, int64_t n);
	/* A ledger phase was reached (effect, detect, isolate, failover); first time only per
	 * fault. */
	void (*phase)(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns);
	/* The life of a request, for `explain`. a, b: pool and bucket when queued, instance and
	 * slot when dispatched, tokens delivered and 0 when evicted. */
	void (*trace)(void *ctx, int64_t at_ns, uint64_t id, enum rack_step_kind step, int64_t a,
	        int64_t b);
	/* Data has moved from one component to another, or a message of the control plane has. Only
	 * with mirror_every; in order of sent_ns. */
	void (*moved)(void *ctx, const struct wire_message *m);
};

struct rack_config {
	const struct deployment *deployment;
	uint64_t seed;
	const char *const *tenants; /* names by index */
	uint32_t n_tenants;
	const char *const *tiers;
	uint32_t n_tiers;
	uint32_t n_faults;
	const char *const *fault_ids; /* by index: draws are keyed by id; NULL = by index */
	bool emit_tokens;             /* the wall clock: every token is an event */
	bool emit_gaps;
	/* Hops from rack to rack take no time: not what a miswired path goes on over, nor what
	 * Ethernet faults do to frames. What they take of a frame is the deployment's affair
	 * (emulator/crossing.h). */
	bool free_crossings;
	/* `moved` for one in so many requests (rack_mirrors); 0 = never. Changes no result. With it
	 * something is always due: polls and samples are shown about once a second. */
	uint32_t mirror_every;
	uint32_t mirror_frames;   /* of such a request one frame in so many; 0 = each */
	int64_t mirror_period_ns; /* polls and samples once in so much time; 0 = a second */
	struct rack_listener listener;
};

/* Of each range of ids (DESIGN §4; low 31 bits) the first request, and every so many after it. */
static inline bool rack_mirrors(uint32_t mirror_every, uint64_t id)
{
	return mirror_every && (id & INT32_MAX) % mirror_every == 1 % mirror_every;
}

/* Can the components of this deployment be named on the wire? mirror_every asserts it. */
bool rack_fits_wire(const struct deployment *d);

struct rack *rack_create(const struct rack_config *config); /* asserts; inputs were validated */
void rack_free(struct rack *r);

int64_t rack_next_at(const struct rack *r); /* NS_NEVER when nothing is due */
void rack_step(struct rack *r, int64_t now);
/* With an ingress delay the request waits inside the rack until it reaches the frontend. Returns a
 * handle for rack_cancel, good until `refused` or `completed` was called for it (which may happen
 * within). */
uint64_t rack_submit(struct rack *r, int64_t now, const struct rack_request *req);
void rack_dispatch(struct rack *r, int64_t now);
/* The client has gone (timeout, disconnect): frees its slot or its place in the queue at once.
 * False if the handle is stale. *left (may be NULL) gets what was reached: a completion record
 * whose `delivered` and times up to now are filled in. No callback is made for it. */
bool rack_cancel(struct rack *r, int64_t now, uint64_t handle, struct rack_completion *left);

/* The model's side of the faults. */
struct fault_sink rack_sink(struct rack *r);

/* Live signals, sampled by the caller on the 10 ms grid. */
#define RACK_NO_COUNT UINT64_MAX
struct rack_signals {
	uint64_t queued, running, live_instances;
	uint64_t spare_count; /* RACK_NO_COUNT: the telemetry is silent */
	uint64_t
	        healthy_instances; /* live, and not stopped by a trouble that is not yet detected */
	uint64_t artifact_count;   /* different artifacts loaded */
	uint64_t compile_backlog;  /* jobs that run or wait in the compile farm */
	int64_t oldest_queue_ns;   /* age of the oldest queued request over all pools */
};
void rack_signals(const struct rack *r, int64_t now, struct rack_signals *out);
/* Age of its oldest queued request, −1: the telemetry is silent. */
int64_t rack_pool_queue_ns(const struct rack *r, int64_t now, uint32_t pool);
bool rack_is_silent(const struct rack *r); /* of any part of it */

/* Digest of the static state (DESIGN §6): conditions, wiring, Ethernet, admission …; equal to a
 * never-faulted rack's after the last revert. */
void rack_static_digest(const struct rack *r, uint8_t out[32]);

/* Worst position of any instance's mapping so far (critical_path_in_rack). */
enum path_scope { PATH_IN_RACK, PATH_IN_DOMAIN, PATH_ETHERNET, PATH_SCOPES };
enum path_scope rack_path_worst(const struct rack *r);

/* Live wiring of a C2C link, by index: the nodes its cable joins now (ends[0] at its near end).
 * False if that is not what was ordered. */
bool rack_wiring(const struct rack *r, uint32_t link, uint32_t ends[static 2]);

/* Counters of the conservation laws; asserted inside at every rack_free and on demand. */
struct rack_counts {
	uint64_t submitted, refused, completed, failed, cancelled, live;
	uint64_t tokens_emitted, tokens_recomputed, frames_replayed, failovers, dispatches, events;
	/* Paths that were taken. requests_replayed: evictions of a request that runs again;
	 * spares_used: failovers onto another node; spares_missing: an instance found none and went
	 * down; throttled: a fault began to lower the clock of an instance; admission_refused: by a
	 * limit of ours (429), not for the request's size; artifacts_refused: stale ones, by their
	 * digest; rollbacks: a canary was found too slow, and has its old artifact back. */
	uint64_t requests_replayed, spares_used, spares_missing, throttled, admission_refused;
	uint64_t artifacts_refused, rollbacks;
	/* Errors on links: each was corrected, or its frame was replayed, or had its node evicted.
	 */
	uint64_t link_errors, link_errors_corrected, link_errors_replayed, link_errors_evicted;
	/* Frames whose moves were told (mirror_every), by where the path of their instance was
	 * judged to run at that instant. */
	uint64_t frames_shown[PATH_SCOPES];
};
struct rack_counts rack_counts(const struct rack *r);

#endif
