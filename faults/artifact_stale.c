/* A restart that finds the wrong artifact: one of another compiler version, of another target
 * generation, or of another graph lies where the pool's should. It would run, and answer; so what
 * is tested is that it never does. */
#include "faults/artifact.h"
#include "faults/kinds.h"

#include <stdio.h>

struct artifact_stale {
	int skew; /* enum artifact_skew */
	double share;
	int64_t instances;
};

static const char *const SKEWS[] = {"version", "generation", "graph", NULL};

static const struct field FIELDS[] = {
        {.name = "skew",
                .type = FIELD_ENUM,
                .offset = offsetof(struct artifact_stale, skew),
                .choices = SKEWS,
                .fallback = "\"version\"",
                .help = "by what it differs: compiler version, target generation or graph",
                .label = "assumption",
                .source = "GroqFlow rebuilds when model, inputs, arguments or its own major or "
                          "minor version change"},
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct artifact_stale, share),
                .fallback = "1",
                .unit = "share",
                .help = "of the pool's instances, rounded up, that are restarted, one after "
                        "another",
                .label = "assumption",
                .source = "a rolling restart ends with all of them"},
        {.name = "instances",
                .type = FIELD_INT,
                .offset = offsetof(struct artifact_stale, instances),
                .min = 1,
                .max = 1024,
                .unit = "instances",
                .help = "so many instead of a share, the first ones"},
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
	const struct artifact_stale *p = params;

	return artifact_instances_suit(v, resolver, targets, n, p->instances, err);
}

static void note(const void *params, char *buf, size_t n)
{
	const struct artifact_stale *p = params;

	snprintf(buf, n, "the offered artifact's digest differs in the %s: it is refused",
	        p->skew == SKEW_VERSION      ? "compiler version"
	        : p->skew == SKEW_GENERATION ? "target generation"
	                                     : "graph");
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct artifact_stale *p = m->params;
	const struct artifact_offer offer = {
	        .skew = (enum artifact_skew)p->skew,
	        .share_ppm = fault_ppm(p->share),
	        .instances = (uint32_t)p->instances,
	};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_stale(sink->ctx, now, m->fault, m->targets[i], &offer);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_call_off(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_artifact_stale = {
        .name = "artifact.stale",
        .help = "instances are restarted and offered an artifact that is not their pool's",
        .effect =
                "One instance after the other takes no new request, finishes those it has, "
                "and is offered the stale artifact. Its digest, over all seven inputs of a "
                "compilation, is not the pool's: it is refused before anything is loaded, so "
                "never a wrong answer. The valid one is loaded instead, which takes what a "
                "failover's remap, resync and resume take; meanwhile requests wait or go to "
                "the other instances. A pool with digest_check off loads the stale one, and every "
                "token of the instance is wrong until the revert.",
        .detection = "by the digest, at the instant at which the first instance has drained; the "
                     "pool is whole again (failover) when the last one serves",
        .revert_text = "no further instance is restarted; one that drains takes requests again, "
                       "one that loads ends that",
        .targets = FAULT_TARGET_POOL,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = 1u << PHASE_DETECT | 1u << PHASE_FAILOVER,
        .guard = FAULT_GUARD_DIGEST_CHECK,
        .corrupts = true,
        .exclusive = "artifact",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct artifact_stale),
        .validate = validate,
        .suits = suits,
        .note = note,
        .example = "{\"id\": \"stale\", \"kind\": \"artifact.stale\", \"target\": \"main\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"skew\": \"version\"}",
        .inject = inject,
        .revert = revert,
};
