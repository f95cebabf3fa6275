/* The rack's inside, shared by its parts and by nobody else. Each part owns the functions named
 * after its file. */
#ifndef LPC_EMULATOR_RACK_STATE_H
#define LPC_EMULATOR_RACK_STATE_H

#include "emulator/farm.h"
#include "emulator/cooling.h"
#include "emulator/instance.h"
#include "emulator/link_state.h"
#include "emulator/power.h"
#include "emulator/rack.h"
#include "faults/message_law.h"
#include "harness/base/digest.h"
#include "harness/base/pool.h"

enum live_state { LIVE_INGRESS, LIVE_QUEUED, LIVE_RUNNING, LIVE_LEAVING };

/* A run of equal gaps between consecutive tokens. */
struct gap_run {
	int64_t gap_ns, n;
};

struct gap_list {
	struct gap_run *runs;
	uint32_t n, capacity;
};

/* A completion on its way through the ingress link. */
struct parked {
	struct rack_completion done;
	struct gap_list gaps;
};

/* What the ingress link remembers of one stream: netem's correlation and the order of delivery. */
struct stream_link {
	double last;         /* correlated uniform of the last delayed message */
	uint32_t fault;      /* that drew it, FAULT_NONE = none yet */
	uint32_t loss_fault; /* that drew `chain`, FAULT_NONE = none yet */
	uint8_t chain;       /* enum loss_chain of its last message */
	int64_t out_until;   /* what an outage holds up gets through then, and all behind it */
	int64_t behind;      /* due of the newest token that waits for it; 0 = none yet */
	int64_t sent;        /* instant at which the last message was sent */
	int64_t delivered;   /* … and was at the client's end */
	int64_t frame_ns;    /* as compiled, of the bucket that took the request first */
};

/* A request from rack_submit to its last callback. */
struct live {
	struct rack_request req;
	enum live_state state;
	uint32_t pool, bucket, instance, slot,
	        rank;        /* rank: priority class of its tier in the pool */
	uint32_t prev, next; /* in its queue */
	int64_t t_submit, t_arrival, t_queued, t_dispatch;
	int64_t prompt_left, output_left; /* P', O' of this episode */
	int64_t declared;                 /* frames, for token_budget */
	int64_t delivered;                /* tokens of earlier episodes */
	int64_t t_entry, t_first, t_last; /* at the frontend; -1 = not yet */
	int64_t queue_ns, entry_ns, prefill_ns, decode_ns;
	uint32_t n_stalls;
	struct rack_stall stalls[RACK_BLAME_MAX];
	uint32_t replays, replay_fault;
	int64_t recomputed;
	int64_t corrupt, corrupt_last; /* wrong tokens; index of the last of them */
	bool failed, refused;
	enum rack_refusal why;
	int64_t retry_after_s;
	struct gap_list gaps; /* of earlier episodes; empty unless it was replayed */
	uint32_t frontend;    /* that took it, + 1; 0 = its own, nobody was down */
	struct stream_link link;
	struct parked *parked; /* LIVE_LEAVING and not refused */
	int64_t t_first_out;   /* first token at the client's end; if its tokens are events */
};

struct live_list {
	uint32_t head, tail, n;
};

enum { QUEUE_RANKS = DEPLOYMENT_TIERS_MAX + 1 };

/* One FCFS queue of a (pool, bucket), in ranks by tier priority. */
struct bucket_queue {
	struct live_list rank[QUEUE_RANKS];
	uint32_t queued, running;
	int64_t declared;     /* frames running and queued: D of token_budget */
	int64_t window_until; /* batch_window: nobody departs before, but a whole batch */
};

struct tenant_gate { /* GCRA: theoretical arrival time */
	int64_t tat;
};

struct serving_pool {
	const struct pool_spec *spec;
	uint32_t index;
	uint32_t first_instance, n_instances, live_instances;
	uint64_t tier_mask, tenant_mask, shed_mask; /* by index; all ones = accepts all */
	uint32_t rank_of_tier[64], n_ranks;
	struct bucket_queue queues[POOL_BUCKETS_MAX];
	struct tenant_gate *gates;
	uint64_t host_ns; /* of every frame: an operation that the compiler left to the host */
	uint32_t without_artifact; /* faults that wait for the farm */
};

struct node_state {
	uint32_t lost;       /* faults that hold it down */
	bool boots;          /* on its way back: not broken, not usable either */
	bool spare;          /* role; moves with every failover */
	uint32_t moved_to;   /* node that took its place, COMPONENT_NONE */
	uint32_t quarantine; /* fault that had it evicted on suspicion, FAULT_NONE */
};

struct suspicion {
	uint32_t node, fault;
	int64_t at_ns;
};

enum case_state {
	CASE_DETECT,  /* next: detection */
	CASE_WATCH,   /* a detected link: next: too long down */
	CASE_ORDER,   /* the rack is cut off; next: its own controller acts */
	CASE_ISOLATE, /* next: requests go back, remapping begins */
	CASE_WAIT,    /* no spare: waits for a node */
	CASE_LOAD,    /* the registry sends the weights; next: there, or the link changes */
	CASE_REMAP,   /* next: resynchronised and resumed */
	CASE_RESUMED, /* waits for other cases of the instance, until it serves again */
	CASE_OVER,
};

/* A bulk transfer over the ingress link (download.c). */
struct download {
	__int128 left;   /* ns of a healthy link's time, × DOWNLOAD_PARTS */
	int64_t at;      /* … as of this instant */
	uint32_t factor; /* in force since then; 0 = it stands still */
};

/* One trouble of one instance, from effect to its end. */
struct health_case {
	enum case_state state;
	uint32_t instance, fault, node, link; /* link: index or COMPONENT_NONE for a lost unit */
	uint32_t heir;                        /* CASE_LOAD: the node that gets its weights */
	bool serviced;      /* its link was taken down on purpose: suspects nobody */
	bool link_up;       /* came back before it was detected */
	bool forgiven;      /* its fault is over: a detection suspects nobody */
	bool unseen;        /* due, but the detectors are blind */
	enum detection how; /* it is found */
	int64_t began, next_at;
	int64_t found_ns;     /* a link: what its detection costs an instance that runs */
	struct download load; /* CASE_LOAD */
	int64_t rest_ns;      /* … and what comes behind it until it resumes */
};

struct ether_fault {
	uint32_t fault, link;
	int64_t until; /* NS_NEVER while active */
	int64_t reach; /* the latest `until` of this one and those before it */
	struct message_law law;
	double *last;   /* by instance: correlation chain of its frames, < 0 = none yet; NULL for
	                   ingress */
	uint8_t *chain; /* likewise: enum loss_chain */
};

struct link_hold {
	uint32_t link, fault;
};

struct fabric {
	uint32_t *down;          /* by link: faults that hold it down */
	uint32_t *down_by;       /* by link: the first of them */
	struct link_hold *holds; /* all of them, in the order in which they came */
	uint32_t n_holds, holds_capacity;
	struct ether_fault
	        *ether; /* active and past: a message is delayed by the law of its instant */
	uint32_t n_ether, ether_capacity, n_active;
	int64_t ingress_quiet_from; /* no ingress fault at or after this instant; NS_NEVER if active
	                             */
};

/* A chip, node, rack or PDU (its nodes) that a fault slows down. */
struct slow_unit {
	uint32_t fault, component;
	uint32_t ppm; /* of its frame time, > SLOW_NONE */
	enum slow_mode mode;
	bool passing; /* its fault is over, the heat is not: no static state any more */
};

struct clocking {
	struct slow_unit *units; /* by fault, then component */
	uint32_t n_units, capacity;
	uint32_t *artifact;       /* by instance: its artifact's factor, ppm … */
	uint32_t *artifact_fault; /* … and the fault that loaded it; FAULT_NONE: as compiled */
	bool *slowed;             /* by instance × fault: the fault lowers the instance's clock */
	bool *replaying;          /* by instance: replays a frame that came late */
};

/* What the control plane of a rack does not do at the moment, and for which fault. */
struct lapse {
	uint32_t fault, rack;
	enum control_lapse what;
	unsigned detectors;
	bool missed;     /* it has had its effect */
	int64_t next_at; /* when it has it, or is noticed */
};

/* A process that clients are connected to. */
struct frontend {
	uint32_t down;   /* faults that hold it down */
	uint32_t fault;  /* the first of them */
	bool out;        /* the balancer sends nothing there */
	int64_t next_at; /* of the check that takes it out, or in again */
};

struct frontends {
	struct frontend *f;
	uint32_t n, troubled; /* down or out */
	int64_t next_at;
};

struct monitor {
	struct lapse *lapses;
	uint32_t n, capacity;
	int64_t next_at; /* of all */
};

/* A chip that corrupts tokens. */
struct sdc_unit {
	uint32_t fault, component, node;
	uint32_t ppb; /* of the tokens */
	bool unseen;  /* no checksum finds them: they are what was computed */
	uint64_t key; /* prng_at key: request id, index of the token */
};

struct sdc {
	struct sdc_unit *units; /* by fault */
	uint32_t n, capacity;
};

enum rollout_state {
	ROLLOUT_CANARY, /* next: its frames are compared with the timetable */
	ROLLOUT_BACK,   /* next: the old artifact is back */
	ROLLOUT_OUT,    /* the whole share runs it */
	ROLLOUT_OVER,   /* rolled back */
};

/* A new artifact on the first `reached` instances of a pool. */
struct rollout {
	uint32_t fault, pool, share, reached, frame_ppm;
	enum rollout_state state;
	int64_t next_at;
};

enum restart_state {
	RESTART_WAIT,  /* for its turn, or for the farm */
	RESTART_DRAIN, /* until its last request has gone */
	RESTART_LOAD,  /* next: the weights have come over the link */
	RESTART_START, /* next: serves again */
	RESTART_OVER,
};

/* One instance on its way to a freshly loaded artifact. */
struct restart {
	uint32_t fault, pool, instance;
	bool stale; /* it is offered a wrong artifact first; else it waits for the farm */
	bool wrong; /* … and takes it, for want of a check */
	enum artifact_skew skew;
	enum restart_state state;
	struct download load; /* RESTART_LOAD */
	int64_t next_at;
};

/* What one fault leaves to the host in every frame of a pool. */
struct host_work {
	uint32_t fault, pool;
	uint64_t ns;
};

struct wrong_artifact {
	uint32_t fault, pool, component; /* component: the node by which its tokens are wrong */
};

struct release {
	struct farm farm;
	struct rollout *rollouts;
	uint32_t n_rollouts, rollouts_capacity;
	struct wrong_artifact *wrong; /* of instances that run a stale one */
	uint32_t n_wrong, wrong_capacity;
	struct restart *restarts;
	uint32_t n_restarts, restarts_capacity;
	struct host_work *host;
	uint32_t n_host, host_capacity;
};

/* moves.c; all but next_at only with mirror_every. */
struct moves {
	uint64_t *artifact;                /* by pool: first bytes of its digest, 0 = it has none */
	uint32_t poll_every, sample_every; /* one in so many is shown */
	int64_t poll_at, sample_at;        /* the next ones that are */
	int64_t next_at;                   /* of both; NS_NEVER without a mirror */
};

/* The active faults of variants.c. */
struct variants {
	struct variant_set *sets;
	uint32_t n, capacity;
};

struct rack {
	struct rack_config config;
	const struct deployment *d;
	struct arena arena;
	struct pool lives;
	uint32_t n_pools, n_instances;
	struct serving_pool *pools;
	struct instance *instances;
	struct node_state *nodes;
	struct suspicion *suspicions;
	uint32_t n_suspicions, suspicions_capacity;
	struct health_case *cases;
	uint32_t n_cases, cases_capacity;
	struct fabric fabric;
	struct errors errors;
	struct drift drift;
	struct variants variants;
	struct wiring wiring;
	struct clocking clocking;
	struct sdc sdc;
	struct power power;
	struct cooling cooling;
	struct release release;
	struct monitor monitor;
	struct frontends frontends;
	struct moves moves;
	struct heap ingress; /* (instant at the frontend, id, live) */
	struct heap leaving; /* (instant at the client's end, id, live): refusals and completions */
	struct heap tokens; /* (instant at the client's end, id << 24 | index, handle, TOKEN_WRONG):
	                       delayed tokens */
	struct gap_list scratch;
	uint64_t queued; /* in all queues together */
	bool dispatch_due;
	bool parts_awake; /* power, cooling, monitor, error scans, frontends or artifacts may have
	                     something due; only a fault wakes them, so most racks never ask */
	int64_t now, next_at;
	int64_t *phases;                /* n_faults × PHASE_COUNT; -1 */
	enum path_scope worst, *judged; /* judged: by instance, its path as it was mapped last */
	struct rack_counts counts;
	struct express *express;  /* express.c; NULL until somebody boards */
	__int128 area, residence; /* Little's law: both sides, ns × requests */
	int64_t area_at;
};

static inline struct live *live_at(const struct rack *r, uint32_t index)
{
	return pool_at(&r->lives, index);
}

static inline bool uses_node(const struct instance *in, uint32_t node)
{
	for (uint32_t n = 0; n < in->n_nodes; n++)
		if (in->nodes[n] == node)
			return true;
	return false;
}

/* rack.c */
void rack_phase(struct rack *r, uint32_t fault, enum fault_phase phase, int64_t at_ns);
/* By what the draws of a fault are keyed: its id, or its index in buf where no ids were given. */
enum { RACK_FAULT_KEY = 16 };
const char *rack_fault_key(const struct rack *r, uint32_t fault, char buf[static RACK_FAULT_KEY]);
void rack_refuse(
        struct rack *r, int64_t now, uint32_t live, enum rack_refusal why, int64_t retry_after_s);
void rack_finish(struct rack *r, int64_t now, uint32_t live); /* completed, or failed */
void rack_init_live(const struct rack *r, struct live *l, int64_t t_submit); /* but for its req */
/* Its connection is gone: frees what it has, and tells the listener. */
void rack_reset(struct rack *r, int64_t now, uint32_t live);
/* Somebody began or ceased to care how the frames of an instance end: sets boundary_tick. */
void rack_arm(struct rack *r, struct instance *in, int64_t now);
/* Something outside of the order of events has moved: what is due next is looked up anew. */
void rack_reschedule(struct rack *r);
/* The first instant at which anything but requests and instances has something due. */
int64_t rack_parts_at(const struct rack *r);

/* pool.c: routing, queues, dispatch */
void pools_create(struct rack *r);
void pools_route(struct rack *r, int64_t now, uint32_t live); /* admits or refuses */
/* Which pool and bucket take the request (its t_arrival aside, only l->req is looked at, and cut to
 * what they allow), or why none does. */
bool pools_pick(struct rack *r, int64_t now, struct live *l, struct serving_pool **pool,
        uint32_t *bucket, enum rack_refusal *why, int64_t *retry_after_s);
int64_t pools_declared(const struct serving_pool *p, uint32_t bucket, const struct live *l);
/* A request that was let in at its t_arrival, and is counted, has its place again: at the tail of
 * the queue, or none there where it runs. */
void pools_restore(struct rack *r, uint32_t live, uint32_t pool, uint32_t bucket, bool queued);
void pools_requeue(struct rack *r, int64_t now, uint32_t live);
void pools_unqueue(struct rack *r, uint32_t live);       /* a queued request leaves its queue */
void pools_forget(struct rack *r, const struct live *l); /* it no longer counts as running */
void pools_dispatch(struct rack *r, int64_t now);
int64_t pools_next_at(const struct rack *r); /* batch windows */

/* admission.c */
bool admission_admits(struct rack *r, struct serving_pool *pool, int64_t now, const struct live *l,
        uint32_t bucket, enum rack_refusal *why, int64_t *retry_after_s);

/* variants.c: shapes without an artifact */
void variants_free(struct rack *r);
void variants_set(struct rack *r, int64_t now, uint32_t fault, const uint32_t *tenants, uint32_t n,
        const struct shape_variants *p); /* NULL = it is over */
/* A job of the farm that is one of these, and has ended. */
bool variants_owns(uint64_t tag);
void variants_compiled(struct rack *r, uint64_t tag);
/* The request needs an artifact that is not there; it is being compiled from now on. */
bool variants_turn_away(struct rack *r, int64_t now, const struct serving_pool *p,
        const struct rack_request *q, int64_t *retry_s);
uint32_t variants_loaded(const struct rack *r);

/* account.c: the books of one request */
void account_evict(struct rack *r, int64_t now, struct live *l, uint32_t fault);
void account_finish(struct rack *r, int64_t now, struct live *l, struct rack_completion *out);
/* The books of one that was served in one stay, at frames of frame_ns, with nothing in its way: its
 * instants and parts are set. */
void account_close(const struct rack *r, const struct live *l, int64_t frame_ns,
        struct rack_completion *out, struct gap_list *gaps);
void account_cancel(struct rack *r, int64_t now, struct live *l, struct rack_completion *out);
void account_stall(struct live *l, uint32_t fault, int64_t ns);

/* health.c */
void health_create(struct rack *r);
int64_t health_next_at(const struct rack *r);
void health_step(struct rack *r, int64_t now);
void health_link_down(struct rack *r, int64_t now, uint32_t fault, uint32_t link);
void health_link_up(struct rack *r, int64_t now, uint32_t fault, uint32_t link);
void health_unit_lost(
        struct rack *r, int64_t now, uint32_t fault, uint32_t node, enum detection how);
void health_unit_restored(struct rack *r, int64_t now, uint32_t node);
/* A lost node is repaired but has to boot: it cannot be used before health_unit_booted(). */
void health_unit_boots(struct rack *r, uint32_t node);
void health_unit_booted(struct rack *r, int64_t now, uint32_t node);
bool health_usable(const struct node_state *n);
void health_reverted(struct rack *r, int64_t now, uint32_t fault);
void health_link_changed(struct rack *r, int64_t now); /* downloads go on at another pace */
void health_seen(struct rack *r, int64_t now); /* a lapse is over: what waited for it goes on */
/* The frame that ends at `now` is wrong and flagged so (an uncorrectable error between two nodes,
 * or in one: a == b): it is replayed, or, at the last suspicion of the window, the node is evicted.
 */
void health_frame_failed(struct rack *r, int64_t now, struct instance *in, uint32_t fault,
        uint32_t node_a, uint32_t node_b);

/* The monitor has found a link of the instance's path wanting, though no frame failed: the node
 * that is guiltier moves to the spare, if there is one; without one the instance goes on. */
void health_link_suspected(
        struct rack *r, int64_t now, struct instance *in, uint32_t fault, uint32_t link);
/* The wiring has changed: the instance's path is looked at again. */
void health_rewired(struct rack *r, int64_t now, struct instance *in);
bool health_uses_link(const struct instance *in, uint32_t link);
/* What the weights of a node of the instance take on a healthy link. */
int64_t health_load_ns(const struct rack *r, const struct instance *in);

/* release.c: which artifact an instance runs. The verbs of faults/sink.h, for a pool by index. */
enum { RELEASE_NO_POOL = UINT32_MAX };
void release_create(struct rack *r);
void release_free(struct rack *r);
static inline bool release_is_busy(const struct rack *r)
{
	return r->release.n_rollouts || r->release.n_restarts || r->release.farm.n;
}
int64_t release_next_at(const struct rack *r);
void release_step(struct rack *r, int64_t now);
/* A client left in mid-stream: the instance may have drained. */
void release_left(struct rack *r, int64_t now, uint32_t instance);
void release_link_changed(struct rack *r, int64_t now); /* downloads go on at another pace */
void release_rollout(struct rack *r, int64_t now, uint32_t fault, uint32_t pool,
        const struct artifact_change *change);
void release_withdraw(struct rack *r, int64_t now, uint32_t fault, uint32_t pool);
void release_host_time(struct rack *r, int64_t now, uint32_t fault, uint32_t pool, int64_t by_ns);
void release_stale(struct rack *r, int64_t now, uint32_t fault, uint32_t pool,
        const struct artifact_offer *offer);
void release_recompile(struct rack *r, int64_t now, uint32_t fault, uint32_t pool,
        const struct artifact_compile *job);
void release_call_off(struct rack *r, int64_t now, uint32_t fault, uint32_t pool);
/* Must a new request go to the next pool because this one has no artifact to serve it with? */
bool release_turns_away(
        const struct rack *r, int64_t now, const struct serving_pool *p, int64_t *retry_after_s);
uint32_t release_artifacts(const struct rack *r); /* different ones that are loaded */
void release_fold(const struct rack *r, struct lanes *lanes);

/* clocking.c: slow units. clocking_set: ppm SLOW_NONE ends this fault's effect on the component. */
void clocking_create(struct rack *r);
void clocking_free(struct rack *r);
void clocking_set(struct rack *r, int64_t now, const struct slow_unit *unit);
/* The instance has other nodes now; to be called whenever they change. */
void clocking_remapped(struct rack *r, int64_t now, struct instance *in);
/* The instance's artifact, loaded by `fault`, takes ppm millionths of its compiled frames from now
 * on (SLOW_NONE = as compiled), times whatever is slow besides; nothing is resynchronised for it.
 */
void clocking_artifact(
        struct rack *r, int64_t now, struct instance *in, uint32_t ppm, uint32_t fault);
bool clocking_watches(const struct rack *r, const struct instance *in);
void clocking_frame_end(struct rack *r, int64_t now, struct instance *in);
void clocking_stall_over(struct rack *r, int64_t now, struct instance *in);
void clocking_fold(const struct rack *r, struct lanes *lanes); /* into the static digest */

/* monitor.c: the control plane's lapses */
void monitor_free(struct rack *r);
void monitor_begin(struct rack *r, int64_t now, struct lapse lapse);
void monitor_end(struct rack *r, int64_t now, uint32_t fault, uint32_t rack);
void monitor_step(struct rack *r, int64_t now);
bool monitor_is_blind(const struct rack *r, uint32_t rack, enum detection how);
/* A detection that was due was missed: the effect of those that blind it. */
void monitor_missed(struct rack *r, int64_t now, uint32_t rack, enum detection how);
bool monitor_is_cut(const struct rack *r, uint32_t rack);
bool monitor_is_silent(const struct rack *r);
bool monitor_rack_is_silent(const struct rack *r, uint32_t rack);
bool monitor_pool_is_silent(const struct rack *r, const struct pool_spec *pool);

/* frontends.c: those that clients are connected to */
void frontends_create(struct rack *r);
void frontends_down(struct rack *r, int64_t now, uint32_t fault, uint32_t frontend);
void frontends_up(struct rack *r, int64_t now, uint32_t frontend);
void frontends_step(struct rack *r, int64_t now);
void frontends_digest(const struct rack *r, struct lanes *lanes);
/* The request arrives: who takes it is noted. False: its frontend is down, it is refused. */
bool frontends_take(struct rack *r, struct live *l);

/* download.c: bulk transfers, whose link may be congested. Both return the next instant at which to
 * call download_step: when all has come (then true), or when the link changes. */
int64_t download_begin(struct rack *r, int64_t now, int64_t healthy_ns, struct download *d);
bool download_step(struct rack *r, int64_t now, struct download *d, int64_t *next);

/* sdc.c: silent data corruption. sdc_set: ppb 0 ends this fault's effect on the component. */
void sdc_free(struct rack *r);
void sdc_set(struct rack *r, int64_t now, uint32_t fault, uint32_t component, uint32_t ppb);
/* Every token of the instances on the node is wrong, and no checksum says so. Ended by sdc_set. */
void sdc_all_wrong(struct rack *r, int64_t now, uint32_t fault, uint32_t component);
/* The instance has other nodes now; to be called whenever they change. */
void sdc_remapped(struct rack *r, int64_t now, struct instance *in);
void sdc_entered(struct rack *r, struct instance *in, uint32_t slot); /* a request has its slot */
void sdc_step(struct rack *r, int64_t now, struct instance *in, int64_t tick);
void sdc_fold(const struct rack *r, struct lanes *lanes); /* into the static digest */

/* moves.c: what a mirror sees; without one nothing of it is called but moves_create, moves_order
 * and moves_loaded. */
void moves_create(struct rack *r);
void moves_entered(struct rack *r, struct instance *in, uint32_t slot); /* a request has its slot */
void moves_frame_end(struct rack *r, int64_t now, struct instance *in, int64_t tick);
void moves_step(struct rack *r, int64_t now);
/* The control plane's order to a node of the instance, COMPONENT_NONE = to all. */
void moves_order(const struct rack *r, int64_t now, const struct instance *in, uint32_t node,
        enum wire_word order);
/* The registry has sent the node its share of the instance's weights. */
void moves_loaded(const struct rack *r, int64_t now, const struct instance *in, uint32_t node);

/* fabric.c: Ethernet */
void fabric_create(struct rack *r);
void fabric_free(struct rack *r);
void fabric_set(
        struct rack *r, int64_t now, uint32_t fault, uint32_t link, const struct ether_delay *law);
/* The instant at which message m of a stream, sent at `sent`, is at the other end of the ingress
 * link. `later`: messages that the stream will still send that way. */
int64_t fabric_deliver(struct rack *r, struct stream_link *s, uint64_t id, uint64_t m,
        uint64_t later, int64_t sent);
/* n messages of a stream one after the other, as fabric_deliver would take them; `later` is the
 * first one's, at[i] where that of sent[i] is at the other end. n <= MESSAGE_BLOCK. */
void fabric_deliver_all(struct rack *r, struct stream_link *s, uint64_t id, uint64_t m,
        uint64_t later, uint32_t n, const int64_t sent[], int64_t at[]);
/* True if no ingress fault touches [from, …): every message takes the healthy delay. */
bool fabric_is_quiet(const struct rack *r, int64_t from);
/* Frame boundary of an instance whose path crosses Ethernet: how late the frame that begins is. */
int64_t fabric_frame_late(
        struct rack *r, int64_t now, const struct instance *in, int64_t frame, uint32_t *cause);
/* How many times as long a download over the ingress link takes at `now` as on a healthy one, 0 =
 * it stands still; *until: the next instant at which that may change by itself. */
uint32_t fabric_bulk(struct rack *r, int64_t now, int64_t *until);
bool fabric_watches(const struct rack *r, const struct instance *in);

#endif
