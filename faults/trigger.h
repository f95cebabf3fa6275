/* A condition on a live signal that must hold for a while: what starts a fault ("when") and what
 * stops a run
 * ("abort"). Pure: the caller samples the signals, each 10 ms of run time, and asks.
 *
 *   {"signal": "pool.queue_ms", "pool": "short", "op": ">", "value": "50ms", "for": "1s"} */
#ifndef LPC_FAULTS_TRIGGER_H
#define LPC_FAULTS_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"

enum trigger_signal {
	SIGNAL_POOL_QUEUE,  /* pool.queue_ms: age of the oldest queued request of a pool, ns */
	SIGNAL_IN_FLIGHT,   /* in_flight: requests sent and not done */
	SIGNAL_ERROR_RATIO, /* error_ratio: share of the requests done so far that failed, 0 … 1 */
	SIGNAL_P99_TTFT,    /* p99_ttft_ms: of the run so far, ns */
	SIGNAL_SPARE_COUNT, /* spare_count: nodes that could take over */
	SIGNAL_HEALTHY,     /* healthy_instances: that serve and are not stopped */
	SIGNAL_ARTIFACTS,   /* artifact_count: different artifacts loaded */
	SIGNAL_BACKLOG,     /* compile_backlog: jobs that run or wait in the compile farm */
	SIGNAL_COUNT,
};

enum trigger_op { TRIGGER_GT, TRIGGER_GE, TRIGGER_LT, TRIGGER_LE };

struct trigger_spec {
	enum trigger_signal signal;
	const char *pool; /* with SIGNAL_POOL_QUEUE; in the arena; else NULL */
	enum trigger_op op;
	double value;   /* ns for latencies, else as it is */
	int64_t for_ns; /* 0 = at once */
};

/* A trigger and since when its condition holds. */
struct trigger {
	const struct trigger_spec *spec;
	int64_t since_ns; /* -1 = does not hold */
};

/* v: the trigger's object. */
enum status trigger_parse(struct jval v, struct arena *arena, struct trigger_spec *out,
        struct error *err) LPC_MUST_USE;
void trigger_canonical(const struct trigger_spec *spec, struct json_out *o, const char *key);
const char *trigger_signal_name(enum trigger_signal s);

void trigger_init(struct trigger *t, const struct trigger_spec *spec);

/* The sample at `now`; NaN = the signal has no value yet, so the condition does not hold. True from
 * the first sample on at which the condition has held in every sample for at least for_ns. */
bool trigger_sample(struct trigger *t, int64_t now, double value);

#endif
