/* Nothing is measured: whoever decides by metrics decides by nothing. */
#include "faults/kinds.h"

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->control_lapse(sink->ctx, now, m->fault, m->targets[i], LAPSE_SILENT, 0);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->control_back(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_control_telemetry_loss = {
        .name = "control.telemetry_loss",
        .help = "the metrics of a rack are silent",
        .effect = "Live signals that come from the rack have no value: spare_count, and "
                  "pool.queue_ms of every pool with a node in the rack. A trigger or an abort rule "
                  "on them does not fire, and begins to wait anew afterwards. What the load "
                  "generator measures itself (in_flight, error_ratio, p99_ttft_ms) is still known. "
                  "The server's /metrics answers 503. It takes effect with the first sample of "
                  "the 10 ms grid that is missing; requests are not touched.",
        .detection = "not detected",
        .revert_text = "signals have values again, from the next sample on",
        .targets = FAULT_TARGET_RACK,
        .default_target = "all",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "control.telemetry",
        .example = "{\"id\": \"silent\", \"kind\": \"control.telemetry_loss\", \"target\": \"r0\", "
                   "\"at\": \"20s\", \"for\": \"20s\"}",
        .inject = inject,
        .revert = revert,
};
