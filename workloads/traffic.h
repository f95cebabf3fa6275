/* Traffic: what arrives, when, how long (DESIGN §4 "Traffic", §7 "traffic"). A pull iterator;
 * memory does not grow with the number of requests. Pure: traces are read through a byte source.
 *
 * All draws here are plan-time: one stream per tenant and purpose ("arrival/<name>",
 * "prompt/<name>", "output/<name>"), so that removing one tenant or fault never moves another draw.
 */
#ifndef LPC_WORKLOADS_TRAFFIC_H
#define LPC_WORKLOADS_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "workloads/arrival.h" /* struct arrival_spec, arrival process state */
#include "workloads/length.h"  /* struct length_spec: a law of token counts */
#include "workloads/trace.h"   /* struct trace_spec, struct trace_source, struct trace_counts */

enum { TRAFFIC_TENANTS_MAX = 64, TRAFFIC_TIERS_MAX = 16 };
#define TRAFFIC_REQUESTS_MAX INT64_C(1000000000)

/* Ids of requests. Planned traffic counts 1, 2, 3 … in order of (at_ns, tenant). What fault f of
 * the plan adds to it counts in a range of its own, so that neither its coming nor its going
 * renames anybody else: runs are compared request by request (DESIGN §2). All ids are below 2^40.
 */
enum { TRAFFIC_ID_BITS = 31 };

static inline uint64_t traffic_extra_id(uint32_t fault, uint64_t n) /* n = 1, 2, 3 … */
{
	return (uint64_t)(fault + 1) << TRAFFIC_ID_BITS | n;
}

struct tenant_spec {
	const char *name, *tier;
	uint32_t tier_index;
	int64_t timeout_ns; /* default 10m */
	int64_t retries;
	bool from_trace;
	struct arrival_spec arrival;
	struct length_spec prompt, output;
	int64_t max_tokens; /* 0 = not given */
	struct trace_spec trace;
};

struct traffic_spec {
	uint32_t n_tenants, n_tiers;
	struct tenant_spec tenants[TRAFFIC_TENANTS_MAX];
	const char *tiers[TRAFFIC_TIERS_MAX]; /* in order of first appearance */
};

struct arrival {
	int64_t at_ns;
	uint64_t request_id; /* see above */
	uint32_t tenant;
	int64_t prompt_tokens, output_tokens;
	int64_t max_tokens; /* 0 = the deployment decides */
};

struct traffic_counts {
	uint64_t emitted;
	uint64_t clipped_prompt, clipped_output; /* lengths that met a cap */
	uint64_t emitted_by_tenant[TRAFFIC_TENANTS_MAX];
	struct trace_counts trace; /* rows_read = emitted + dropped by reason; sum over traces */
};

/* v: the scenario's "traffic" array. `duration_ns` bounds fault-free planning checks (a rate that
 * would exceed TRAFFIC_REQUESTS_MAX is refused at its place in the file). */
enum status traffic_parse(struct jval v, int64_t duration_ns, struct arena *arena,
        struct traffic_spec *out, struct error *err) LPC_MUST_USE;
void traffic_canonical(const struct traffic_spec *spec, struct json_out *o, const char *key);

/* Reads every trace to its end for its errors, before anything starts, keeps their digests in the
 * spec, and adds up what would be emitted and dropped. */
enum status traffic_check_traces(struct traffic_spec *spec, int64_t duration_ns,
        const struct trace_opener *opener, struct trace_counts *counts,
        struct error *err) LPC_MUST_USE;

struct traffic;

/* `open_trace` gives a byte source for a trace's path (resolved against from_file); see trace.h. */
enum status traffic_open(const struct traffic_spec *spec, uint64_t seed, int64_t duration_ns,
        const struct trace_opener *opener, struct traffic **out, struct error *err) LPC_MUST_USE;
void traffic_close(struct traffic *t);

/* The next arrival in order of (at_ns, tenant index). Returns ERR_NONE and *more = false at the end
 * (at_ns >= duration is never emitted); ERR_USAGE for a bad trace row (file:line). */
enum status traffic_next(
        struct traffic *t, struct arrival *out, bool *more, struct error *err) LPC_MUST_USE;

/* The instant of the arrival that traffic_next would give; NS_NEVER at the end. */
int64_t traffic_peek(const struct traffic *t);

/* Many at once: the next arrivals before `before_ns`, at most `max`, exactly as *n calls of
 * traffic_next give them, and cheaper. *n < max: none is left before `before_ns`. On an error the
 * first *n are good. */
enum status traffic_take(struct traffic *t, int64_t before_ns, struct arrival *out, uint32_t max,
        uint32_t *n, struct error *err) LPC_MUST_USE;

struct traffic_counts traffic_counts(const struct traffic *t);
bool traffic_is_trace_only(
        const struct traffic_spec *spec);                /* literal replay: census (FORMATS §1) */
bool traffic_is_random(const struct traffic_spec *spec); /* some draw depends on the seed */
double traffic_mean_rate(const struct tenant_spec *tenant); /* requests/s; 0 for traces */

#endif
