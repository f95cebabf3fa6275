/* An operation that the compiler does not support. It is cut out of the graph and computed on the
 * host, so every token crosses PCIe and back: the one part of a token's time that no timetable
 * holds. Here it is a constant of every frame; that it also varies is left out (assumption). */
#include "faults/kinds.h"
#include "faults/schedule.h"

struct artifact_fallback_op {
	int64_t host_ns;
};

static const struct field FIELDS[] = {
        {.name = "host_time",
                .type = FIELD_DURATION,
                .offset = offsetof(struct artifact_fallback_op, host_ns),
                .fallback = "\"200us\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = 10 * NS_PER_S,
                .unit = "ns",
                .help = "what every frame, so every token, waits for the host",
                .label = "assumption",
                .source = "two transfers over PCIe, two interrupts and a kernel on the CPU; only "
                          "host I/O varies (GroqFlow user guide), no figure is published"},
};

static enum status suits(struct jval v, const struct target_resolver *resolver,
        const uint32_t *targets, uint32_t n, const void *params, struct error *err)
{
	(void)params;
	for (uint32_t i = 0; i < n && resolver->pool; i++) {
		struct pool_facts facts;

		if (resolver->pool(resolver->ctx, targets[i], &facts) && facts.refuses_fallback)
			return json_error(json_get(v, "kind"), err,
			        "expected no operation that falls back to the host in pool '%s', "
			        "whose ops_policy is \"refuse\", found artifact.fallback_op",
			        facts.name);
	}
	return ERR_NONE;
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct artifact_fallback_op *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_host_time(sink->ctx, now, m->fault, m->targets[i], p->host_ns);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct artifact_fallback_op *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->artifact_host_time(sink->ctx, now, m->fault, m->targets[i], -p->host_ns);
	m->holding = false;
}

const struct fault_kind fault_artifact_fallback_op = {
        .name = "artifact.fallback_op",
        .help = "an operation that the compiler does not support runs on the host",
        .effect = "Every frame of the pool takes host_time longer: so much a token, whatever the "
                  "clock of the chips. A pool whose ops_policy is \"refuse\" has the plan refused "
                  "(exit 2).",
        .detection = "by ops_policy, before the run; once deployed nobody looks",
        .revert_text = "the operation is on the chips again",
        .targets = FAULT_TARGET_POOL,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct artifact_fallback_op),
        .suits = suits,
        .example = "{\"id\": \"fallback\", \"kind\": \"artifact.fallback_op\", \"target\": "
                   "\"main\", \"at\": \"20s\", \"for\": \"30s\", \"host_time\": \"200us\"}",
        .inject = inject,
        .revert = revert,
};
