/* The artifact is gone, or invalid since the compiler was updated, and nothing can be loaded until
 * the farm has made another. The farm is shared: other compiles, of other pools, are ahead. */
#include "faults/kinds.h"

struct artifact_recompile {
	int64_t compile_ns, jobs;
};

static const struct field FIELDS[] = {
        {.name = "compile_time",
                .type = FIELD_DURATION,
                .offset = offsetof(struct artifact_recompile, compile_ns),
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = 30 * 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "of one artifact; default: the deployment's compile_farm.compile_time"},
        {.name = "jobs",
                .type = FIELD_INT,
                .offset = offsetof(struct artifact_recompile, jobs),
                .fallback = "0",
                .min = 0,
                .max = 10000,
                .unit = "compiles",
                .help = "other compiles that come just before, of the same length",
                .label = "assumption",
                .source = "an idle farm; every variant of a model is a compile of its own, so a "
                          "new compiler version finds as many jobs as there are variants"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct artifact_recompile *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++) {
		const struct artifact_compile job = {
		        .compile_ns = p->compile_ns,
		        .ahead = i == 0 ? (uint32_t)p->jobs : 0,
		};

		sink->artifact_recompile(sink->ctx, now, m->fault, m->targets[i], &job);
	}
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_call_off(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_artifact_recompile = {
        .name = "artifact.recompile",
        .help = "a pool has no artifact until the compile farm has made one",
        .effect = "The pool's instances take no new request; what runs ends on what lies in SRAM. "
                  "New requests wait in the queue, under the pool's admission, or go to the next "
                  "pool with overflow \"next\". One compile for every target, in their order, "
                  "behind what the farm has: with one worker the k-th pool's is done after k × "
                  "compile_time. Then its instances load it, which takes what a failover's remap, "
                  "resync and resume take.",
        .detection = "at once: there is nothing to load. The failover is over when the last "
                     "targeted pool serves again",
        .revert_text = "the artifact is found again: jobs that are not done are cancelled, "
                       "instances that wait take requests at once, one that loads ends that",
        .targets = FAULT_TARGET_POOL,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = 1u << PHASE_DETECT | 1u << PHASE_FAILOVER,
        .exclusive = "artifact",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct artifact_recompile),
        .example = "{\"id\": \"recompile\", \"kind\": \"artifact.recompile\", \"target\": "
                   "\"main\", \"at\": \"20s\", \"for\": \"30s\", \"compile_time\": \"5s\"}",
        .inject = inject,
        .revert = revert,
};
