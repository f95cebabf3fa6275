/* A new artifact whose frames take longer: another compiler version schedules worse, or another
 * graph asks for more. On an LPU that is no spread, but a new constant: one frame tells. */
#include "faults/artifact.h"
#include "faults/kinds.h"

#include <stdio.h>

struct artifact_regression {
	double factor, share;
	int64_t instances;
	int cause;
};

static const char *const CAUSES[] = {"compiler", "graph", NULL};

static const struct field FIELDS[] = {
        {.name = "factor",
                .type = FIELD_REAL,
                .offset = offsetof(struct artifact_regression, factor),
                .fallback = "1.3",
                .rmin = 1.001,
                .rmax = 100,
                .unit = "ratio",
                .help = "frame of the new artifact by that of the old one",
                .label = "assumption",
                .source = "well above the 2 % within which a compiler's estimate holds (ISCA "
                          "2022); no regression is published"},
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct artifact_regression, share),
                .fallback = "1",
                .unit = "share",
                .help = "of the pool's instances, rounded up, that the rollout is for",
                .label = "assumption",
                .source = "a rollout ends with all of them"},
        {.name = "instances",
                .type = FIELD_INT,
                .offset = offsetof(struct artifact_regression, instances),
                .min = 1,
                .max = 1024,
                .unit = "instances",
                .help = "so many instead of a share, the first ones"},
        {.name = "cause",
                .type = FIELD_ENUM,
                .offset = offsetof(struct artifact_regression, cause),
                .choices = CAUSES,
                .fallback = "\"compiler\"",
                .help = "what is new: the compiler's version or the graph; both are inputs of the "
                        "digest, so the new artifact has another one",
                .label = "assumption",
                .source = "GroqFlow: a minor version may invalidate builds"},
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	(void)resolver;
	(void)arena;
	(void)params;
	return artifact_share_or_instances(v, err);
}

static enum status suits(struct jval v, const struct target_resolver *resolver,
        const uint32_t *targets, uint32_t n, const void *params, struct error *err)
{
	const struct artifact_regression *p = params;

	return artifact_instances_suit(v, resolver, targets, n, p->instances, err);
}

static const char *moot(const void *params, const struct target_resolver *resolver,
        const uint32_t *targets, uint32_t n)
{
	(void)params;
	for (uint32_t i = 0; i < n; i++) {
		struct pool_facts facts;

		if (!resolver->pool || !resolver->pool(resolver->ctx, targets[i], &facts) ||
		        !facts.pinned)
			return NULL;
	}
	return "every pool it is rolled out to is pinned and refuses it";
}

static void note(const void *params, char *buf, size_t n)
{
	const struct artifact_regression *p = params;

	snprintf(buf, n, "the new artifact's digest differs in the %s",
	        p->cause ? "graph" : "compiler version");
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct artifact_regression *p = m->params;
	const struct artifact_change change = {
	        .frame_ppm = fault_ppm(p->factor),
	        .share_ppm = fault_ppm(p->share),
	        .instances = (uint32_t)p->instances,
	};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_rollout(sink->ctx, now, m->fault, m->targets[i], &change);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_withdraw(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_artifact_regression = {
        .name = "artifact.regression",
        .help = "a new artifact whose frames take longer is rolled out",
        .effect = "From the injection on, the frames of the instances that got the new artifact "
                  "take `factor`, rounded to the ns. With the pool's `rollout`, that is only the "
                  "canary, until the check; a pinned pool refuses the rollout and nothing "
                  "happens. Instances are switched between two frames, at no cost: the new "
                  "artifact was loaded beside the old one.",
        .detection = "by the pool's `rollout`: at injection + check, when a measured frame of the "
                     "canary exceeds the compiled timetable by more than the tolerance; the old "
                     "artifact is back (failover) `rollback` later. Within the tolerance the "
                     "whole share gets it. Without `rollout` nobody looks",
        .revert_text = "the old artifact runs everywhere",
        .targets = FAULT_TARGET_POOL,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = 1u << PHASE_DETECT | 1u << PHASE_FAILOVER,
        .guard = FAULT_GUARD_ROLLOUT,
        .exclusive = "artifact",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct artifact_regression),
        .validate = validate,
        .suits = suits,
        .moot = moot,
        .note = note,
        .example = "{\"id\": \"regression\", \"kind\": \"artifact.regression\", \"target\": "
                   "\"main\", \"at\": \"20s\", \"for\": \"30s\", \"factor\": 1.5, \"cause\": "
                   "\"compiler\"}",
        .inject = inject,
        .revert = revert,
};
