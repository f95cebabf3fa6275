/* What a fault can do to the model: verbs, not knowledge. A kind (faults/<family>_<name>.c) calls
 * them at its instants; the rack (emulator/) and the load side (harness/run) implement them;
 * neither knows the other. Every `begin` has its `end`; ends come first at one instant (DESIGN §4:
 * revert before inject).
 *
 * `fault` is the index in the scenario's list, for blame and the ledger. Components are ids of
 * emulator/topology.h, resolved before the run. A NULL verb is not served by that side. */
#ifndef LPC_FAULTS_SINK_H
#define LPC_FAULTS_SINK_H

#include <stdbool.h>
#include <stdint.h>

/* Phases of the ledger (DESIGN §6). */
enum fault_phase {
	PHASE_INJECT,
	PHASE_EFFECT,
	PHASE_DETECT,
	PHASE_ISOLATE,
	PHASE_FAILOVER,
	PHASE_RECOVER,
	PHASE_REVERT,
	PHASE_COUNT,
};

enum delay_distribution { DELAY_UNIFORM, DELAY_NORMAL, DELAY_PARETO, DELAY_PARETONORMAL };

/* Gilbert-Elliott, per message and along the messages of one stream, in parts per 10^9: the chain
 * goes from good to bad with p, back with r; a message is lost with loss_good or loss_bad. p = r =
 * 0: nothing is lost. Mean burst 1/r, share lost (loss_bad p + loss_good r) / (p + r). */
enum { ETHER_PPB = 1000000000 };
struct ether_loss {
	uint32_t p, r, loss_good, loss_bad;
};

/* netem's words (FORMATS §4), for each message of a link: delay ± jitter with correlation; loss;
 * and what lasts: an outage, episodes. A member that is zero does nothing. The law of the instant
 * at which a message is sent is the message's, however late it becomes. */
struct ether_delay {
	int64_t delay_ns, jitter_ns;
	double correlation; /* 0…1 */
	enum delay_distribution distribution;
	struct ether_loss loss;
	/* Nothing gets through for outage_ns from the beginning on; for settle_ns behind it every
	 * message takes settle_extra_ns more. */
	int64_t outage_ns, settle_ns, settle_extra_ns;
	/* Exponential episodes, busy first: delay and jitter are those of busy ones, and bulk
	 * transfers take bulk_factor times as long in them. busy_mean_ns 0: no episodes. */
	int64_t busy_mean_ns, idle_mean_ns;
	uint32_t bulk_factor; /* 0, 1: as fast as ever */
};

/* What becomes of an instance that has a slow unit: its clock is lowered (once a resync, then
 * longer frames), or its frames come late, are replayed and have the node evicted. */
enum slow_mode { SLOW_RECLOCK, SLOW_VIOLATE };
enum { SLOW_NONE = 1000000, SLOW_MAX = 1000 * SLOW_NONE }; /* factors of frame time, ppm */

/* How a link errs: for a while good, for a while bad (exponential sojourns), and in either with a
 * probability a frame. FEC corrects an error or flags it. Probabilities in 10^-9. */
struct link_errors {
	int64_t good_ns, bad_ns; /* mean sojourns; the first is good */
	bool bad_is_fixed;       /* every bad sojourn lasts bad_ns exactly */
	uint32_t good_ppb, bad_ppb, uncorrectable_ppb;
	uint32_t errors; /* that a frame with an error counts for, >= 1 */
};

/* A clock against the others of its instance; what resynchronisation absorbs is the rack's to know.
 */
struct clock_drift {
	uint64_t ppb;
	int64_t deskew_ns; /* an extra deskew stalls the instance for so long */
};

enum detection { DETECT_FLAGGED, DETECT_TIMEOUT, DETECT_POLLED };
/* What the control plane of a rack ceases to do: detect (some kinds), reach it with orders,
 * measure. */
enum control_lapse { LAPSE_BLIND, LAPSE_CUT, LAPSE_SILENT };

struct shape_variants; /* faults/variant.h */
struct load_surge;     /* faults/load.h */
struct load_storm;
struct client_habit; /* faults/client.h */

/* A new artifact: its frames take frame_ppm millionths of the compiled ones on so many instances of
 * a pool, or on share_ppm millionths of them, rounded up. */
struct artifact_change {
	uint32_t frame_ppm, share_ppm;
	uint32_t instances; /* 0 = by share */
};

/* By what an artifact that lay about differs from the pool's. */
enum artifact_skew { SKEW_VERSION, SKEW_GENERATION, SKEW_GRAPH };

struct artifact_offer {
	enum artifact_skew skew;
	uint32_t share_ppm, instances; /* as above */
};

struct artifact_compile {
	int64_t compile_ns; /* 0 = the farm's own time */
	uint32_t ahead;     /* other compiles that come before it */
};

/* What makes a node warmer, in thousandths of a degree and millionths; a fault uses some of it. */
struct heat {
	int64_t inlet_mc;     /* warmer air at its inlet … */
	int64_t delay_ns;     /* which the next neighbour feels so much later … */
	uint32_t spread_ppm;  /* and to this share; 0: nobody does */
	uint32_t blocked_ppm; /* share of its airflow that is lost, below PPM */
	int64_t rise_mc;      /* warmer than its airflow makes it */
};

struct fault_sink {
	void *ctx;
	/* A link carries nothing between down and up. */
	void (*link_down)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	void (*link_up)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	/* Two C2C cables are pulled: `other` UINT32_MAX = the rack's choice, a neighbour of the
	 * same kind. Plugged: in again, their far ends swapped, unless bring-up refuses it.
	 * Restored: as they were ordered, and up, whatever was done before. */
	void (*cable_pull)(
	        void *ctx, int64_t now, uint32_t fault, uint32_t component, uint32_t other);
	void (*cable_plug)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	void (*cable_restore)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	/* The link errs by this law from now on; NULL: it no longer does, its counter is cleared.
	 */
	void (*link_errors)(void *ctx, int64_t now, uint32_t fault, uint32_t component,
	        const struct link_errors *law);
	/* The clock of a chip or node drifts from now on; NULL: it no longer does. */
	void (*clock_drift)(void *ctx, int64_t now, uint32_t fault, uint32_t component,
	        const struct clock_drift *law);
	/* A chip or node is lost with its SRAM; `how` it is found. Restored = repaired: the node is
	 * usable again (as a spare, or for the instance that waits for it). */
	void (*unit_lost)(
	        void *ctx, int64_t now, uint32_t fault, uint32_t component, enum detection how);
	void (*unit_restored)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	/* The fault is over: what it left behind (suspicions, quarantined nodes) is repaired.
	 * Called once a revert, after the kind's own verbs. */
	void (*reverted)(void *ctx, int64_t now, uint32_t fault);
	/* The unit (a chip, a node, a rack or a PDU: all its nodes) takes ppm millionths (SLOW_NONE
	 * … SLOW_MAX) of its frame time from now on. A further call of the same fault for the same
	 * component replaces its factor; SLOW_NONE ends it. Factors of different faults multiply.
	 */
	void (*slow)(void *ctx, int64_t now, uint32_t fault, uint32_t component, uint32_t ppm,
	        enum slow_mode mode);
	/* Tokens of the instances that use the chip are wrong with a chance of ppb / 10^9 each from
	 * now on; ppb = 0 ends it. */
	void (*sdc)(void *ctx, int64_t now, uint32_t fault, uint32_t component, uint32_t ppb);
	/* The rack's control plane does less from now on, until control_back of the same fault.
	 * `detectors`: of LAPSE_BLIND, a set of 1 << enum detection. */
	void (*control_lapse)(void *ctx, int64_t now, uint32_t fault, uint32_t component,
	        enum control_lapse what, unsigned detectors);
	void (*control_back)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	/* The frontend process (its index) is gone with its connections, and back. */
	void (*frontend_down)(void *ctx, int64_t now, uint32_t fault, uint32_t frontend);
	void (*frontend_up)(void *ctx, int64_t now, uint32_t fault, uint32_t frontend);
	/* The law of an Ethernet link's messages on top of its healthy delay; NULL takes this
	 * fault's away. */
	void (*ether_delay)(void *ctx, int64_t now, uint32_t fault, uint32_t component,
	        const struct ether_delay *d);
	/* Power. The breaker of a PDU is open; one phase of a PDU carries this share of its load
	 * (ppm); every node on a PDU, in a rack, or that is the component draws so many milliwatts
	 * more. `how` a node is found that has no live feed left because of it. power_end ends
	 * whichever of the three this fault began on the component. PDUs that trip because of it,
	 * at once or later, are reset with `reverted`. */
	void (*pdu_open)(
	        void *ctx, int64_t now, uint32_t fault, uint32_t component, enum detection how);
	void (*pdu_skew)(void *ctx, int64_t now, uint32_t fault, uint32_t component,
	        uint32_t fullest_ppm, enum detection how);
	void (*power_load)(void *ctx, int64_t now, uint32_t fault, uint32_t component,
	        int64_t node_mw, enum detection how);
	void (*power_end)(void *ctx, int64_t now, uint32_t fault, uint32_t component);
	/* Artifacts of a pool (by index). A new one is rolled out, and withdrawn; a pinned pool
	 * refuses it, then nothing happens. */
	void (*artifact_rollout)(void *ctx, int64_t now, uint32_t fault, uint32_t pool,
	        const struct artifact_change *change);
	void (*artifact_withdraw)(void *ctx, int64_t now, uint32_t fault, uint32_t pool);
	/* Every frame of the pool waits so much longer for the host; ended by the negative. */
	void (*artifact_host_time)(
	        void *ctx, int64_t now, uint32_t fault, uint32_t pool, int64_t by_ns);
	/* The pool's instances are restarted, one after the other, each with this artifact. */
	void (*artifact_stale)(void *ctx, int64_t now, uint32_t fault, uint32_t pool,
	        const struct artifact_offer *offer);
	/* The pool's artifact is gone, until the farm has compiled another. */
	void (*artifact_recompile)(void *ctx, int64_t now, uint32_t fault, uint32_t pool,
	        const struct artifact_compile *job);
	/* Ends both: what has not begun to load does not happen, the old artifact is valid. */
	void (*artifact_call_off)(void *ctx, int64_t now, uint32_t fault, uint32_t pool);
	/* A node (by itself or one of its fans) or every node of a rack is heated; NULL ends what
	 * this fault does there. Temperatures follow along a ramp, both ways. */
	void (*heat)(
	        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct heat *h);
	/* Lengths of requests planned from now on; `params` is the kind's own parameter record,
	 * read by the load side; NULL takes it away. */
	void (*reshape)(void *ctx, int64_t now, uint32_t fault, const void *params);
	/* Requests of these traffic entries are of shapes without an artifact; NULL takes it away.
	 */
	void (*variants)(void *ctx, int64_t now, uint32_t fault, const uint32_t *tenants,
	        uint32_t n, const struct shape_variants *shapes);
	/* Further arrivals beside those of the fault's traffic entries; NULL ends them. */
	void (*surge)(void *ctx, int64_t now, uint32_t fault, const struct load_surge *surge);
	/* How clients of the fault's traffic entries send again; NULL: as their entry says. */
	void (*storm)(void *ctx, int64_t now, uint32_t fault, const struct load_storm *storm);
	/* What clients of requests planned from now on do; NULL takes it away. */
	void (*habit)(void *ctx, int64_t now, uint32_t fault, const struct client_habit *habit);
};

#endif
