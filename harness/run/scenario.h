/* A scenario, parsed and resolved: the input of both drivers. Owns everything it points to (arena and
 * documents). Built from a file, or from an element of a suite, with --set and matrix edits applied.
 *
 * Thread: built and read on one thread; immutable afterwards, so that twins and replicas share it. */
#ifndef LPC_RUN_SCENARIO_H
#define LPC_RUN_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/deployment.h"
#include "faults/schedule.h"
#include "harness/base/digest.h"
#include "reports/score.h"
#include "workloads/traffic.h"

struct target_url {
	const char *url;       /* NULL: the emulator */
	const char *host, *path_prefix;
	uint16_t port;
	const char *model, *api_key_env;
};

struct scenario {
	struct arena arena;
	const char *file;  /* where it was read */
	const char *name, *about;
	uint64_t seed;
	int64_t duration_ns, warmup_ns, drain_ns;
	int64_t recovery_horizon_ns, recovery_hold_ns; /* "recovery": {"horizon": "30s", "hold": "1s"} */
	struct target_url target;
	bool has_deployment;
	struct deployment deployment;
	struct traffic_spec traffic;
	struct fault_plan faults; /* faults/schedule.h */
	struct score_rules rules;
	struct score_names names;
	struct trace_opener traces; /* opens real files; bound to this scenario */
	uint8_t plan_digest[DIGEST_BYTES];
	char *plan_json; /* canonical plan, the input of the digest; also what PLAN sends to the emulator */
	uint32_t n_warnings;
	const char **warnings;
};

struct scenario_options {
	bool has_seed;
	uint64_t seed;
	uint32_t n_set;
	const char *const *set; /* "path=value" */
};

struct scenario_list {
	struct scenario **items;
	uint32_t n;
	const char *suite; /* name of the suite, or NULL for a lone scenario */
};

/* FILE is a scenario or a suite (has "scenarios"); appends to the list. All validation of DESIGN §7 and
 * of the issue happens here, before anything starts. */
enum status scenario_load(const char *file, const struct scenario_options *options,
	struct scenario_list *list, struct error *err) LPC_MUST_USE;
void scenario_list_free(struct scenario_list *list);

/* Rebuilds a scenario from its canonical plan (what the emulator process receives). */
enum status scenario_from_plan(const char *plan_json, size_t n, struct scenario **out,
	struct error *err) LPC_MUST_USE;
void scenario_free(struct scenario *s);

/* The pool and bucket rule for max_tokens that the client did not give (DESIGN §4): the tenant's, else
 * max_seq − P of the largest bucket of the first pool that accepts the tenant; at least 1. */
int64_t scenario_max_tokens(const struct scenario *s, const struct arrival *a);

#endif
