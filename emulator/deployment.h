/* A deployment as parsed and compiled: hardware, model, pools with their buckets, Ethernet, health,
 * cross-rack position. Plain data in the owner's arena; immutable once built; the rack and the
 * reports read it, nobody writes it. Defaults and truth labels: emulator/hardware/lpuv1.json,
 * FACTS.md.
 *
 * Parsing is pure: files named by the deployment come through a loader that the composition root
 * gives. */
#ifndef LPC_EMULATOR_DEPLOYMENT_H
#define LPC_EMULATOR_DEPLOYMENT_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/cables.h"
#include "emulator/compile.h"
#include "emulator/hardware.h"
#include "emulator/topology.h"
#include "harness/base/json.h"

enum {
	DEPLOYMENT_POOLS_MAX = 16,
	DEPLOYMENT_TIERS_MAX = 16,
	POOL_INSTANCES_MAX = 1024,
	INSTANCE_SLOTS_MAX = 16384,
	FRONTENDS_MAX = 64,
	FRONTENDS_DEFAULT = 2,
	COMPILE_WORKERS_MAX = 1024,
};

enum entry_rule { ENTRY_PHASE, ENTRY_FRAME, ENTRY_IMMEDIATE };
enum admission_policy {
	ADMISSION_NONE,
	ADMISSION_TOKEN_BUDGET,  /* refuse when predicted wait + prefill > limit_ns */
	ADMISSION_REQUEST_COUNT, /* refuse when running + queued of the pool >= limit */
	ADMISSION_QUEUE_CAP,     /* refuse when the bucket's queue holds limit requests */
};
enum ops_policy {
	OPS_FALLBACK, /* what the compiler does not support runs on the host */
	OPS_REFUSE,   /* a plan that asks for it is refused */
};
enum oversize_rule { OVERSIZE_REJECT, OVERSIZE_TRUNCATE, OVERSIZE_ROUTE };
enum loss_rule { LOSS_REPLAY, LOSS_FAIL };
enum weights_from { WEIGHTS_HOST_DRAM, WEIGHTS_REGISTRY };

const char *admission_policy_name(enum admission_policy p);

struct admission_spec {
	enum admission_policy policy;
	int64_t limit_ns;   /* token_budget */
	int64_t limit;      /* request_count, queue_cap */
	double tenant_rate; /* requests/s a tenant, token bucket; 0 = none; with any policy */
	int64_t tenant_burst;
};

/* How a new artifact reaches the instances of a pool: first a few of them, whose frames are
 * compared with the compiled timetable after `check_ns`, then the others, or back. */
struct rollout_spec {
	uint32_t canary; /* instances that get it first; 0 = no canary: all at once, unchecked */
	int64_t check_ns, rollback_ns;
	int64_t tolerance_ppm; /* a frame longer by more than this rolls it back */
};

struct pool_spec {
	const char *name;
	uint32_t n_buckets;
	struct bucket_spec buckets[POOL_BUCKETS_MAX]; /* ascending max_seq */
	uint32_t n_instances;
	uint32_t nodes_per_instance;
	uint32_t *nodes; /* n_instances × nodes_per_instance global nodes, in path order */
	enum entry_rule entry;
	struct admission_spec admission;
	/* accepts: empty lists accept all */
	uint32_t n_tiers, n_tenants;
	const char *tiers[DEPLOYMENT_TIERS_MAX];
	const char *tenants[64];
	int64_t min_tokens, max_tokens; /* of P + max_tokens; 0 = no bound */
	bool overflow_next; /* a request refused here tries the next pool that accepts it */
	uint32_t n_priority;
	const char *priority[DEPLOYMENT_TIERS_MAX]; /* earlier = served first; others behind */
	uint32_t degraded_below;                    /* 0 = off */
	uint32_t n_shed;
	const char *shed[DEPLOYMENT_TIERS_MAX]; /* tiers refused while degraded */
	int64_t degraded_max_tokens;            /* 0 = no cap */
	enum oversize_rule oversize;
	enum loss_rule on_loss;
	enum ops_policy ops_policy;
	bool digest_check; /* an artifact that is not the pool's is refused when it is loaded */
	bool pinned;       /* keeps the artifact it was deployed with: every rollout is refused */
	struct rollout_spec rollout;
	int64_t batch_window_ns;     /* 0 = off */
	int64_t reload_bytes;        /* weights of one node of an instance: remap = reload_bytes /
	                                bandwidth */
	const char *artifact_digest; /* NULL for an explicit timetable */
	const struct artifact *artifact; /* likewise */
	bool nodes_given;                /* the deployment named them */
};

struct ethernet_spec {
	int64_t ingress_delay_ns; /* client to frontend and back, each way, a message; default 0 */
	int64_t hop_ns;           /* one message over an Ethernet hop of a critical path, healthy */
	uint32_t lanes;           /* parallel lanes of a cross-rack hop: the slowest one counts */
	int64_t rto_min_ns;
};

/* Detection and failover (DESIGN §5, "Failures"). All durations are labelled in the parameter
 * table. */
struct health_spec {
	int64_t poll_period_ns; /* polled detection: multiples of it from t = 0 */
	uint32_t polls;         /* found at the c-th poll after the effect */
	int64_t timeout_ns;     /* after the last finished frame */
	int64_t persist_ns;     /* a link down for longer is persistent: evict */
	uint32_t suspicions;    /* this many within the window: evict */
	int64_t suspect_window_ns;
	int64_t frontend_check_ns; /* the balancer looks at its frontends at multiples of it */
	uint32_t frontend_checks;  /* and takes one out at the n-th that fails */
	int64_t autonomy_ns; /* a rack cut off from the control plane evicts by itself this long
	                        after a detection; 0 = never */
	int64_t isolate_ns, resync_ns, resume_ns;
	int64_t remap_ns;     /* fixed part (or, with remap_fixed, the whole) of a remap */
	bool remap_fixed;     /* deployment gave health.remap outright */
	bool checksum;        /* a wrong token is flagged before it leaves the rack */
	int64_t link_scan_ns; /* the monitor reads error counters at its multiples; 0 = never */
	uint64_t link_scan_errors; /* so many on a link between two scans: the node moves */
	double drift_budget_ppm;   /* between two clocks; absorbed by resynchronisation */
	bool drift_budget_given;
	enum weights_from weights_from;
	double host_dram_bytes_per_s, registry_bytes_per_s; /* a node */
};

/* Who compiles when an artifact is missing: jobs first come, first served (emulator/farm.h). */
struct compile_farm_spec {
	uint32_t workers;
	int64_t compile_ns; /* of one artifact */
};

/* Power of the racks: PDUs that are overloaded trip, dark nodes boot again (emulator/power.h). */
struct power_spec {
	bool given;                 /* the deployment has the object */
	double rating_kw, derating; /* as written */
	int64_t limit_mw; /* rating × derating, milliwatts: above it a PDU is overloaded */
	int64_t node_mw;  /* what a node draws */
	int64_t trip_after_ns;
	int64_t boot_ns;  /* from power to a usable node */
	int64_t stage_ns; /* between two nodes of a rack that are powered up */
};

/* Air cooling: temperatures of nodes, and clocks that follow them (emulator/cooling.h). The first
 * ones are as written, the others what is calculated with, in thousandths of a degree. */
struct cooling_spec {
	bool given; /* the deployment has the object */
	double inlet, rise, throttle_at, shutdown_at, slowest, ramp;
	int64_t inlet_mc, rise_mc; /* at rest a node is as warm as both together */
	int64_t throttle_mc, shutdown_mc;
	uint32_t slowest_ppm;  /* of the frame time, at shutdown_mc */
	int64_t ramp_mc_per_s; /* how fast a node warms up and cools down */
	int64_t sample_ns;     /* grid on which temperatures are looked at */
};

enum cross_rack_position { CROSS_RACK_FORBIDDEN, CROSS_RACK_ALLOWED };

const char *cross_rack_position_name(enum cross_rack_position p);

struct cross_rack_spec {
	enum cross_rack_position position;
	const char *rationale, *envelope;
	enum truth label;
};

struct deployment {
	struct hardware hardware;
	struct topology topology;
	struct ethernet_spec ethernet;
	struct health_spec health;
	struct compile_farm_spec compile_farm;
	struct power_spec power;
	struct cooling_spec cooling;
	struct cross_rack_spec cross_rack;
	uint32_t n_frontends;
	const char **frontends; /* their names: fe0, fe1, … */
	struct cable_plan cable_plan;
	uint32_t n_pools;
	struct pool_spec pools[DEPLOYMENT_POOLS_MAX];
	const char *model; /* its name, for the API */
	struct model_spec model_shape;
	uint32_t n_parameters; /* those of the hardware by key, then those of power and cooling */
	struct parameter *parameters;
	uint32_t n_warnings;
	const char **warnings; /* "fact without source read as assumption: …" */
};

/* v: the deployment object. Compiles artifacts where pools ask for them. */
enum status deployment_parse(struct jval v, const struct file_loader *loader, struct arena *arena,
        struct deployment *out, struct error *err) LPC_MUST_USE;

/* Canonical form for the plan digest: sorted keys, defaults expanded, durations in ns, no paths. It
 * is a deployment again: parsed, it gives the same canonical form. */
void deployment_canonical(const struct deployment *d, struct json_out *o, const char *key);

/* The tables that a deployment is read by, for docs and schema. */
enum { DEPLOYMENT_TABLES = 19 };
void deployment_tables(struct field_table tables[static DEPLOYMENT_TABLES]);

/* How many different artifacts its pools load. Explicit timetables have no digest: each is its own.
 */
uint32_t deployment_artifacts(const struct deployment *d);

/* Where the deployment itself states a number that else comes from the hardware file: "health" and
 * "poll_period" for HW_POLL_PERIOD. False: it cannot. */
bool deployment_own_key(enum hardware_key from, const char **section, const char **key);

/* Where the critical paths run, before any fault: the farthest class of link that any instance's
 * path uses. c2c-node and c2c-rack: in the rack; c2c-pod: in the domain; ethernet: neither. */
enum link_class deployment_reach(const struct deployment *d);

#endif
