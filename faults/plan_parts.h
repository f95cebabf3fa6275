/* What the readers of a fault list share: plan.c (kinds, targets, parameters) and plan_time.c (when
 * faults begin, what they wait for). */
#ifndef LPC_FAULTS_PLAN_PARTS_H
#define LPC_FAULTS_PLAN_PARTS_H

#include "faults/schedule.h"

/* The keys that all faults have. */
struct plan_keys {
	const char *id, *kind, *together;
	struct jval target, every, when, after;
	int64_t at_ns, for_ns, stagger_ns;
};

/* Where a fault says whom it waits for: kept until the list is complete. */
struct plan_link {
	struct jval after; /* the object that names a phase: "after", or "when" on fault.phase */
	const char *fault; /* its "fault"; NULL = waits for none */
};

struct plan_reader {
	uint64_t seed;
	int64_t duration_ns;
	const struct target_resolver *resolver;
	struct arena *arena;
	struct fault_plan *plan;
	struct plan_link *links; /* by fault */
	struct error *err;
};

static inline bool plan_given(struct jval object, const char *key)
{
	return json_type(json_get(object, key)) != JSON_NONE;
}

/* plan.c */
const char *plan_target_name(
        const struct plan_reader *r, const struct fault_spec *f, uint32_t target);

/* plan_time.c: how fault f, the last of the list so far, begins and ends; then, when the list is
 * complete, who waits for whom, and whether exclusive faults meet. */
enum status plan_time_read(struct plan_reader *r, struct jval v, const struct plan_keys *keys,
        struct fault_spec *f) LPC_MUST_USE;
enum status plan_time_link(struct plan_reader *r) LPC_MUST_USE;

#endif
