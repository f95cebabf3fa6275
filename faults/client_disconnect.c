/* Users who close the tab: the answer is of no more use, and its slot should be free at once. */
#include "faults/client.h"
#include "faults/kinds.h"

static const struct field FIELDS[] = {
        {.name = "share",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct client_habit, share),
                .fallback = "0.1",
                .unit = "share",
                .help = "share of the clients that leaves",
                .label = "assumption",
                .source = "no share of abandoned answers is published; sweep it"},
        {.name = "tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct client_habit, leave_tokens),
                .fallback = "8",
                .max = 16777216,
                .unit = "tokens",
                .help = "they leave when so many tokens have come and more are to come; 0: not for "
                        "that",
                .label = "assumption",
                .source = "a first line is enough to see that an answer is not the wanted one"},
        {.name = "patience",
                .type = FIELD_DURATION,
                .offset = offsetof(struct client_habit, leave_ns),
                .fallback = "\"0s\"",
                .max = NS_MAX,
                .unit = "ns",
                .help = "they leave so long after the planned instant of their request, answered "
                        "or not; 0s: not for that",
                .label = "assumption",
                .source = "patience is the scenario's: off unless it says so"},
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	const struct client_habit *p = params;

	(void)resolver, (void)arena;
	if (!p->leave_tokens && !p->leave_ns)
		return json_expected(
		        v, err, "'tokens' or 'patience' above 0, or nobody has a reason to leave");
	return ERR_NONE;
}

const struct fault_kind fault_client_disconnect = {
        .name = "client.disconnect",
        .help = "a share of the clients leaves before its answer is complete",
        .effect = "Clients of requests planned while it is active are picked by the share, each by "
                  "a draw of its own. They close their connection when their tokens have come or "
                  "their time is up: the request is cancelled, its slot or its place in the queue "
                  "is free at that instant. Cancelled requests are not judged.",
        .detection = "not detected: nothing is broken",
        .revert_text = "clients of requests planned from then on stay to the end",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct client_habit),
        .validate = validate,
        .example = "{\"id\": \"leave\", \"kind\": \"client.disconnect\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"share\": 0.1, \"tokens\": 8}",
        .inject = fault_habit_begin,
        .revert = fault_habit_end,
};
