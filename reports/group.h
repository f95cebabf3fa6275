/* What one tier saw in one window: histograms of the ok requests, counts of all. */
#ifndef LPC_REPORTS_GROUP_H
#define LPC_REPORTS_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/score.h"

struct group {
	struct histogram metric[METRIC_GROUPS];
	uint64_t requests, good, by_outcome[OUTCOME_COUNT];
	int64_t prompt_tokens, output_tokens; /* of ok requests */
};

void group_init(struct group *g);
void group_free(struct group *g);
void group_merge(struct group *into, const struct group *from);

/* A request's value of each metric in ns; -1 where it has none. For ok requests. */
void group_values(const struct sample *x, int64_t value[static METRIC_COUNT]);
/* Counts the request; of an ok one also its values, pooled gaps apart. */
void group_add(struct group *g, const struct sample *x, const int64_t value[static METRIC_COUNT]);

/* Neither ok nor refused nor cancelled: what lost_requests and error_fraction count. */
static inline bool group_is_error(enum outcome o)
{
	return o != OUTCOME_OK && o != OUTCOME_REJECTED && o != OUTCOME_CANCELLED;
}
uint64_t group_errors(const uint64_t by_outcome[static OUTCOME_COUNT]);

/* One element of "groups". length_ns: of the window, by the schedule. */
void group_json(const struct group *g, const char *tier, enum window window, int64_t length_ns,
        struct json_out *o);
/* vLLM's names for the same, into the open object. */
void group_vllm_json(const struct group *g, int64_t length_ns, struct json_out *o);

#endif
