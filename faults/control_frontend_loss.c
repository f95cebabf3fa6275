/* A frontend process dies, and the connections that end in it. What the balancer and the clients
 * make of it is theirs. */
#include "faults/kinds.h"

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->frontend_down(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->frontend_up(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_control_frontend_loss = {
        .name = "control.frontend_loss",
        .help = "a frontend process dies with its connections",
        .effect =
                "Requests are spread over the deployment's frontends by id (fe0, fe1, ...). Every "
                "connection with a request on the dead one is reset: truncated where tokens have "
                "come, else connect, which the client tries again if it may; their slots are "
                "free at once. New requests to it are reset, too, until the balancer takes it "
                "out; then the others get its share.",
        .detection = "by the balancer: health.frontend_checks checks in a row fail, at multiples "
                     "of health.frontend_check; with the last of them it is taken out, which is "
                     "isolation and failover in one",
        .revert_text = "the process is back; the next check puts it in again",
        .targets = FAULT_TARGET_FRONTEND,
        .default_target = "fe0",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "frontend",
        .example = "{\"id\": \"frontend\", \"kind\": \"control.frontend_loss\", \"target\": "
                   "\"fe0\", \"at\": \"20s\", \"for\": \"20s\"}",
        .inject = inject,
        .revert = revert,
};
