/* A fault kind as one record: what it is called, what it may hit, its parameters as data, what it
 * does, and its behaviour. `lpuchaos faults`, validation, the plan and the docs all read this one
 * record; a new kind is one file faults/<family>_<name>.c and a line in faults/kinds.h and
 * faults/catalogue.c.
 *
 * Behaviour is a sans-I/O state machine that speaks the verbs of faults/sink.h. The rules:
 *  - inject() begins what the kind does; whatever is begun in the sink by then or later,
 *    revert() ends;
 *  - a kind that acts again by itself sets `next_at` (else NS_NEVER) and is given step() then;
 *  - `holding` says that something begun in the sink is in force: what ends at an instant goes
 *    first (DESIGN §4), so machines that hold are stepped before machines that do not;
 *  - nothing is drawn, read or allocated here. */
#ifndef LPC_FAULTS_KIND_H
#define LPC_FAULTS_KIND_H

#include <stdbool.h>
#include <stdint.h>
#include "faults/sink.h"
#include "harness/base/json.h"
#include "harness/base/units.h"

enum fault_side {
	FAULT_MODEL,  /* acts in the rack: the emulator's process */
	FAULT_CLIENT, /* acts on what is sent: the load side; works with any target */
	FAULT_BOTH,   /* in either place; with a target URL on what is sent only */
};

/* What a target may be; a kind allows a set. Ids of components are emulator/topology.h's, ids of
 * traffic entries, pools and frontends are their index. */
enum fault_target_class {
	FAULT_TARGET_C2C_LINK = 1 << 0,
	FAULT_TARGET_ETHERNET = 1 << 1,
	FAULT_TARGET_CHIP = 1 << 2,
	FAULT_TARGET_NODE = 1 << 3,
	FAULT_TARGET_TRAFFIC = 1 << 4,
	FAULT_TARGET_PDU = 1 << 5,
	FAULT_TARGET_FAN = 1 << 6,
	FAULT_TARGET_RACK = 1 << 7,
	FAULT_TARGET_POOL = 1 << 8,
	FAULT_TARGET_FRONTEND = 1 << 9,
};
enum { FAULT_TARGET_CLASSES = 10 };
/* Classes whose ids are not components; a kind allows either components or one of these. */
#define FAULT_TARGETS_APART (FAULT_TARGET_TRAFFIC | FAULT_TARGET_POOL | FAULT_TARGET_FRONTEND)

const char *fault_target_class_name(unsigned one_class); /* "c2c link", … */
/* "a chip or a node": what a set asks for. Returns buf. */
const char *fault_target_classes_text(unsigned classes, char *buf, size_t n);

enum { FAULT_ON_VIRTUAL = 1, FAULT_ON_WALL = 2, FAULT_ON_BOTH = 3 };

/* What a deployment may have that makes a kind findable at all. */
enum fault_guard {
	FAULT_GUARD_NONE, /* the rack finds it by itself, or nobody does */
	FAULT_GUARD_CHECKSUM,
	FAULT_GUARD_LINK_SCAN,
	FAULT_GUARD_CABLE_CHECK,
	FAULT_GUARD_DIGEST_CHECK, /* of the pool */
	FAULT_GUARD_ROLLOUT,      /* of the pool: a canary and its check */
};

/* From detection to failover onto other hardware. */
#define FAULT_PHASES_ALL (1u << PHASE_DETECT | 1u << PHASE_ISOLATE | 1u << PHASE_FAILOVER)

struct target_resolver; /* faults/schedule.h */

struct fault_machine;

struct fault_kind {
	const char *name;                             /* family.name */
	const char *help;                             /* one line */
	const char *effect, *detection, *revert_text; /* sentences */
	unsigned targets;                             /* set of fault_target_class */
	const char *default_target;                   /* NULL = must be given */
	enum fault_side side;
	unsigned clocks;
	/* Set of 1 << phase: those that it can come to beside inject, effect, recover and revert,
	 * whatever its parameters; with a guard, where the deployment has it. */
	unsigned found;
	enum fault_guard guard;
	bool corrupts; /* without its guard, wrong tokens go out as right ones */
	/* Faults of one group must not overlap on one target; NULL = may pile up. */
	const char *exclusive;
	const struct field *fields; /* parameters, offsets into the kind's record */
	size_t n_fields, params_size;
	/* Beyond the table; v is the fault's object. NULL = nothing. */
	enum status (*validate)(struct jval v, const struct target_resolver *resolver,
	        struct arena *arena, void *params, struct error *err);
	/* Against what it is aimed at: what these parameters cannot do to these targets. NULL =
	 * nothing. */
	enum status (*suits)(struct jval v, const struct target_resolver *resolver,
	        const uint32_t *targets, uint32_t n, const void *params, struct error *err);
	/* Why it will take no effect on any of these targets, for the plan's warnings; returns NULL
	 * where it will. NULL = it always may. */
	const char *(*moot)(const void *params, const struct target_resolver *resolver,
	        const uint32_t *targets, uint32_t n);
	/* Writes the member of a FIELD_OBJECT parameter; NULL where the table has none. */
	void (*canonical)(const void *params, const struct target_resolver *resolver,
	        const struct field *field, struct json_out *o);
	/* One line about what these parameters amount to, for the plan; NULL = nothing to say. */
	void (*note)(const void *params, char *buf, size_t n);
	const char *example; /* a complete fault object, JSON text */
	void (*inject)(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
	void (*step)(struct fault_machine *m, int64_t now,
	        const struct fault_sink *sink); /* may be NULL */
	void (*revert)(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
};

/* One fault of a plan at work. */
struct fault_machine {
	const struct fault_kind *kind;
	const void *params;
	uint32_t fault; /* index in the plan */
	uint32_t n_targets;
	const uint32_t *targets; /* ascending */
	bool active, holding;
	int64_t began; /* instant of the injection */
	int64_t next_at;
	int64_t begin_at; /* of one that waits for its turn; NS_NEVER = none. Not the kind's
	                     business */
};

#endif
