/* A scenario, parsed and resolved: the input of both drivers. Owns everything it points to (arena
 * and documents). Built from a file, or from an element of a suite, with --set and matrix edits
 * applied.
 *
 * docs/SCENARIO.md describes the file for its authors, docs/schema/ for their editors.
 *
 * Thread: built and read on one thread; immutable afterwards, so that twins and replicas share it.
 */
#ifndef LPC_RUN_SCENARIO_H
#define LPC_RUN_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/deployment.h"
#include "faults/schedule.h"
#include "harness/base/digest.h"
#include "harness/run/files.h"
#include "harness/run/targets.h"
#include "reports/score.h"
#include "workloads/traffic.h"

struct target_url {
	const char *url; /* NULL: the emulator */
	const char *host, *path_prefix;
	uint16_t port;
	const char *model, *api_key_env;
};

/* What a scenario demands to survive; each includes those before it. A run alone does not look at
 * it, `campaign --contingency` does. */
enum survive { SURVIVE_NONE, SURVIVE_N1, SURVIVE_N11, SURVIVE_N2 };
extern const char *const survive_names[]; /* NULL-terminated */

/* What of the run's moves is captured (capture_plan.h). */
struct scenario_mirror {
	bool given; /* the scenario has the key */
	bool off;
	int64_t every, frames; /* 1 in so many requests, and of their frames; 0 = by the plan */
};

struct scenario_options {
	bool has_seed;
	uint64_t seed;
	uint32_t n_set;
	const char *const *set;   /* "path=value" */
	struct file_fence *fence; /* where files may be read; NULL: anywhere */
};

struct scenario {
	struct arena arena;
	struct json *document;       /* the scenario's own, edits applied */
	struct file_set *files;      /* what it names */
	const char *file;            /* where it was read */
	const char *suite;           /* name of the suite it came from, or NULL */
	const struct scenario *mate; /* the next of the suite, behind the last the first; or NULL */
	struct scenario_options given; /* what the command line put in; borrowed */
	const char *name, *about;
	int survive; /* enum survive: which contingencies it demands to come through */
	uint64_t seed;
	int64_t duration_ns, warmup_ns, drain_ns;
	int64_t recovery_horizon_ns,
	        recovery_hold_ns; /* "recovery": {"horizon": "30s", "hold": "1s"} */
	struct target_url target;
	struct scenario_mirror mirror;
	bool has_deployment;
	struct deployment deployment;
	struct traffic_spec traffic;
	int64_t tenant_room[TRAFFIC_TENANTS_MAX]; /* see scenario_max_tokens; 0 = no pool accepts it
	                                           */
	struct target_context target_context;
	struct target_resolver targets;
	struct fault_plan faults; /* faults/schedule.h */
	struct score_rules rules;
	struct score_names names;
	struct trace_opener traces; /* opens real files; bound to this scenario */
	uint8_t plan_digest[DIGEST_BYTES];
	const char *plan_json; /* canonical plan, the input of the digest (plan.h) */
	uint32_t n_warnings;
	const char **warnings;
};

struct suite; /* claims.h */

struct scenario_list {
	struct scenario **items;
	uint32_t n;
	struct suite **suites; /* in the order of the files */
	uint32_t n_suites;
	const char
	        *suite; /* name of the last suite loaded, or NULL; lives as long as its scenarios */
};

#define SCENARIO_LIST_INIT                                                                         \
	{                                                                                          \
		.n = 0                                                                             \
	}

/* FILE is a scenario or a suite (has "scenarios"); appends to the list. All validation of DESIGN §7
 * and of the issue happens here, before anything starts. */
enum status scenario_load(const char *file, const struct scenario_options *options,
        struct scenario_list *list, struct error *err) LPC_MUST_USE;
void scenario_list_free(struct scenario_list *list);

/* The one that a command is to `verb`: that of this name (--scenario), or the only one. */
enum status scenario_pick(const struct scenario_list *list, const char *file, const char *name,
        const char *verb, const struct scenario **out, struct error *err) LPC_MUST_USE;

/* Takes over the document and the files in any case. What scenario_load and scenario_from_plan end
 * in; `origin` is the set's: a sealed one skips the pass over traces, whose digests it was given.
 */
enum status scenario_build(struct json *document, struct file_set *files, struct scenario **out,
        struct error *err) LPC_MUST_USE;
void scenario_free(struct scenario *s);

/* The table that "recovery" is read by. */
struct field_table scenario_recovery_table(void);

/* What `run` sends to the emulator's process in PLAN: the scenario's document and every document it
 * names, edits applied, and the digests of its traces, as one JSON text (mem_free; *n bytes without
 * the NUL). Chosen over the canonical plan because the other side then reads it with the same
 * parsers. */
char *scenario_bundle(const struct scenario *s, size_t *n) LPC_MUST_USE;

/* Rebuilds a scenario from its bundle. Its plan digest equals the original's; traces cannot be
 * opened. */
enum status scenario_from_plan(
        const char *bundle, size_t n, struct scenario **out, struct error *err) LPC_MUST_USE;

struct scenario_edit {
	const char *path, *value; /* as --set takes them */
};

/* The same scenario, edited: what a sweep runs. Independent of s. A scenario that reads traces has
 * no variants (its bundle does not hold them). ERR_USAGE where the edited one is refused. */
enum status scenario_variant(const struct scenario *s, const struct scenario_edit *edits,
        uint32_t n, struct scenario **out, struct error *err) LPC_MUST_USE;

/* The same deployment, traffic and times with another seed, other faults and other rules: what a
 * campaign plays thousands of, at the price of reading those. `changes` (taken over in any case) is
 * an object with any of "faults", "limits", "slo", "expect", "abort"; what it does not have is not
 * there. Borrows from base, which must outlive it; several may be made and played at once, on
 * threads of their own. It has no plan digest, no warnings and no files: it cannot be bundled, see
 * scenario_write. */
enum status scenario_replan(const struct scenario *base, uint64_t seed, struct json *changes,
        struct scenario **out, struct error *err) LPC_MUST_USE;

/* The scenario as a file that can lie anywhere, alone: the members of `changes` in place of its own
 * (null: left out), deployment and hardware written in, traces by their absolute path. Into an open
 * object. */
void scenario_write(const struct scenario *s, struct jval changes, struct json_out *o);

/* The pool and bucket rule for max_tokens that the client did not give (DESIGN §4): the tenant's,
 * else max_seq − P of the largest bucket of the first pool that accepts the tenant; at least 1.
 * Without a deployment the output length itself. An output longer than this is cut by the server to
 * it. */
int64_t scenario_max_tokens(const struct scenario *s, const struct arrival *a);

#endif
