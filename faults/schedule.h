/* The scenario's faults as a plan; the scheduler that says when each begins and ends; the machines
 * that act in between.
 *
 * The scheduler and the machines are apart because on the wall clock they live in two processes:
 * the one fault scheduler in `run`, the machines of the rack in the emulator, joined by the message
 * `FAULT id inject|revert` with the planned instant. On the virtual clock the same two are joined
 * by a function call.
 *
 * Order at one instant (DESIGN §4): all reverts, then all injects, each by index in the plan. */
#ifndef LPC_FAULTS_SCHEDULE_H
#define LPC_FAULTS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include "faults/kind.h"
#include "faults/recurrence.h"
#include "faults/trigger.h"

enum { FAULT_NOTE_MAX = 256, FAULT_PLAN_MAX = 256, FAULT_TARGETS_MAX = 65536 };
#define FAULT_OCCURRENCES_MAX INT64_C(1000000)
/* A fault can begin this long after a phase of the model, not sooner: on the wall clock the news
 * has to travel, and injections are sent ahead. */
#define FAULT_MODEL_DELAY_NS (50 * NS_PER_MS)

enum target_answer {
	TARGET_FOUND,
	TARGET_UNKNOWN, /* nothing has this name */
	TARGET_WRONG,   /* something has, but of a class that is not in the set */
	TARGET_NONE,    /* the word is known, but nothing of the set answers to it here */
};

/* What a fault may have to know of a pool before the run. */
struct pool_facts {
	const char *name;
	uint32_t instances;
	bool pinned;           /* it refuses new artifacts */
	bool refuses_fallback; /* ops_policy */
};

/* What the faults must ask about the deployment and the traffic; given by the composition root. */
struct target_resolver {
	void *ctx;
	/* What `word` stands for among the classes of the set: a name (r0.n1-r0.n2.0, chat), `all`,
	 * a role (critical_path, spare, busiest) or domain:NAME (rack, node, PDU). Ids in the
	 * arena, any order. With TARGET_WRONG, *detail says what the word is ("node r0.n3"), with
	 * TARGET_UNKNOWN the nearest name or NULL. */
	enum target_answer (*resolve)(void *ctx, const char *word, unsigned classes,
	        struct arena *arena, const uint32_t **ids, uint32_t *n, const char **detail);
	/* `classes`: of the kind; they say in which space the id is. */
	const char *(*name)(void *ctx, unsigned classes, uint32_t id);
	/* How many instances a fault on these may take away, as deployed: those whose path, nodes,
	 * feeds or pool are among them, and one for each idle spare node, which a failover may have
	 * brought into service by then. ids NULL: all instances there are. */
	uint32_t (*instances)(
	        void *ctx, unsigned classes, const uint32_t *ids, uint32_t n, struct arena *arena);
	/* False where pools are unknown (a target URL). NULL = always. */
	bool (*pool)(void *ctx, uint32_t pool, struct pool_facts *out);
	/* Whether the deployment has the guard, for what a fault hits; FAULT_GUARD_NONE: true. NULL
	 * = it has none. */
	bool (*guarded)(void *ctx, enum fault_guard guard, uint32_t target);
	/* A law of token counts (workloads/length.h), opaque here. */
	enum status (*length_law)(
	        void *ctx, struct jval v, struct arena *arena, const void **law, struct error *err);
	void (*length_law_canonical)(
	        void *ctx, const void *law, struct json_out *o, const char *key);
};

/* What a fault begins by. */
enum fault_start {
	START_TIMED,    /* at, every */
	START_TRIGGER,  /* when */
	START_AFTER,    /* once, after a phase of another fault */
	START_TOGETHER, /* with the first of its group, each time */
};

struct fault_after {
	uint32_t fault;
	enum fault_phase phase; /* the first time it is reached */
	int64_t delay_ns;
};

struct fault_spec {
	const char *id;
	const struct fault_kind *kind;
	uint32_t n_targets;
	const uint32_t *targets; /* ascending, distinct */
	const char *target;      /* their names, joined by commas: for the ledger */
	const char *detail;      /* what it amounts to here, in words; NULL = nothing to say */
	struct jval where;       /* of the fault's object, for later errors; borrowed */
	enum fault_start start;
	struct trigger_spec when; /* START_TRIGGER */
	struct fault_after after; /* START_AFTER, START_TOGETHER */
	const char *together;     /* its group, or NULL */
	unsigned awaited;         /* set of 1 << phase that other faults wait for */
	bool planned;             /* at_ns is known before the run; else only the run can tell */
	int64_t at_ns;            /* first inject; NS_NEVER = not known, or not within the run */
	struct recurrence every;
	int64_t for_ns;     /* NS_NEVER = to the end of the run */
	uint32_t impact;    /* instances that it may take away */
	int64_t stagger_ns; /* target i is hit i times this later; 0 = all at once */
	void *params;       /* the kind's record, complete */
};

/* The blast radius that a scenario allows ("limits"). A fault that would go beyond is withheld. */
enum fault_limit { LIMIT_NONE, LIMIT_MAX_ACTIVE, LIMIT_NEVER_BELOW };

struct fault_limits {
	int64_t max_active;  /* faults at one time; 0 = no limit */
	int64_t never_below; /* healthy instances; 0 = no limit */
	uint32_t instances;  /* that there are */
};

const char *fault_limit_name(enum fault_limit limit); /* "max_active" …; NULL for none */

struct fault_plan {
	uint32_t n;
	struct fault_limits limits;
	struct fault_spec *faults; /* in the order of the file */
};

/* v: the scenario's "faults" array, or JSON_NONE. Everything is checked here: kinds, targets,
 * parameters, times against the duration, ids, overlaps of exclusive faults. `seed` draws any(n).
 * Plan and strings live in the arena; `where` borrows the document. */
enum status fault_plan_parse(struct jval v, uint64_t seed, int64_t duration_ns,
        const struct target_resolver *resolver, struct arena *arena, struct fault_plan *out,
        struct error *err) LPC_MUST_USE;

/* v: the scenario's "limits", or JSON_NONE. After fault_plan_parse. */
enum status fault_limits_parse(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, struct fault_plan *plan, struct error *err) LPC_MUST_USE;
/* A member of the open object, only where a limit is set. */
void fault_limits_canonical(const struct fault_limits *limits, struct json_out *o, const char *key);

/* Canonical form for the plan digest: keys sorted, ns, defaults expanded, targets by name. */
void fault_plan_canonical(const struct fault_plan *plan, const struct target_resolver *resolver,
        struct json_out *o, const char *key);

const char *fault_phase_name(enum fault_phase phase); /* "inject" … */

uint32_t fault_plan_find(const struct fault_plan *plan, const char *id); /* index, or UINT32_MAX */

/* --- when faults begin and end
 * --------------------------------------------------------------------- */

typedef void fault_event_fn(void *ctx, int64_t now, uint32_t fault, bool inject);

struct fault_timer {
	int64_t inject_at, revert_at; /* NS_NEVER = none planned */
	bool active;
	bool fired; /* START_AFTER: its phase came */
	int64_t began_at;
	enum fault_limit withheld; /* the first time that it was; LIMIT_NONE = never */
	struct trigger trigger;
	struct prng stream; /* of the recurrence */
};

/* A sample of how many instances were healthy. */
struct fault_health {
	int64_t at_ns;
	uint32_t healthy;
};

enum { FAULT_HEALTH_KEPT = 64 };
/* A limit on healthy instances is judged by the latest sample at least this long before the
 * instant, and by what was injected since. What is known sooner on one clock than on the other thus
 * counts on neither; it covers the look ahead of the wall clock's scheduler and the way of a
 * message. */
#define FAULT_HEALTH_AGE_NS (70 * NS_PER_MS)

/* What a schedule said, in order: for a run that is to meet the same faults at the same instants,
 * whatever its signals and phases would have called for. */
struct fault_happening {
	int64_t at_ns;
	uint32_t fault;
	bool inject;
};

struct fault_script {
	struct fault_happening *e;
	uint64_t n, capacity;
};

void fault_script_free(struct fault_script *script);

struct fault_schedule {
	const struct fault_plan *plan;
	struct fault_script *record;       /* filled while it runs; NULL = not kept */
	const struct fault_script *replay; /* followed instead of the plan; NULL */
	uint64_t replayed;
	int64_t duration_ns;
	struct fault_timer *timers; /* by fault */
	uint32_t n_active;
	struct fault_health health[FAULT_HEALTH_KEPT]; /* a ring */
	uint64_t n_health;
};

void fault_schedule_init(struct fault_schedule *s, const struct fault_plan *plan,
        int64_t duration_ns, struct arena *arena);
/* True if only the run can tell when its faults begin: triggers, phases of the model, limits. */
bool fault_plan_is_live(const struct fault_plan *plan);
/* Right after fault_schedule_init, at most one of them; borrowed. */
void fault_schedule_record(struct fault_schedule *s, struct fault_script *script);
void fault_schedule_replay(struct fault_schedule *s, const struct fault_script *script);
int64_t fault_schedule_next_at(const struct fault_schedule *s); /* NS_NEVER when nothing is due */
/* Says everything that is due at or before `now`, at `now`, and what follows from it within the
 * instant. Instants should not be skipped: a virtual driver stops at each, a wall driver passes the
 * planned instant. */
void fault_schedule_step(struct fault_schedule *s, int64_t now, fault_event_fn *fn, void *ctx);
/* A sample of the signal that fault `fault` waits for. Fires at most once: the fault is then due 1
 * ns later, as triggers come last within their instant. */
void fault_schedule_sample(struct fault_schedule *s, int64_t now, uint32_t fault, double value);
/* A phase of the model was reached: faults that wait for it are due `delay` later. The scheduler
 * knows inject and revert by itself. */
void fault_schedule_phase(
        struct fault_schedule *s, uint32_t fault, enum fault_phase phase, int64_t at_ns);
/* How many instances are healthy: serving and not stopped. Only with limits.never_below. */
void fault_schedule_health(struct fault_schedule *s, int64_t at_ns, uint32_t healthy);
/* The end of the run, however it came: reverts all that is active, plans nothing more. */
void fault_schedule_finish(struct fault_schedule *s, int64_t now, fault_event_fn *fn, void *ctx);

/* --- what they do in between
 * ----------------------------------------------------------------------- */

/* A fault is one machine, or, staggered, one a target: the first at its injection, each further one
 * `stagger` later; all are reverted together. */
struct fault_machines {
	uint32_t n, n_machines;
	enum fault_side side;
	struct fault_machine *m; /* by fault, then target */
	const struct fault_plan *plan;
	uint32_t *first; /* by fault: its first machine; n + 1 of them */
};

/* Machines of the plan's faults that act on `side`; the others are there and do nothing. */
void fault_machines_init(struct fault_machines *ms, const struct fault_plan *plan,
        enum fault_side side, struct arena *arena);
void fault_machines_inject(
        struct fault_machines *ms, int64_t now, uint32_t fault, const struct fault_sink *sink);
void fault_machines_revert(
        struct fault_machines *ms, int64_t now, uint32_t fault, const struct fault_sink *sink);
int64_t fault_machines_next_at(const struct fault_machines *ms);
void fault_machines_step(struct fault_machines *ms, int64_t now, const struct fault_sink *sink);
void fault_machines_revert_all(
        struct fault_machines *ms, int64_t now, const struct fault_sink *sink);

#endif
