/* One side of a comparison of campaigns over seeds: what each seed's line of cells.jsonl says. */
#ifndef LPC_REPORTS_COMPARE_SEEDS_H
#define LPC_REPORTS_COMPARE_SEEDS_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "reports/score.h"

/* One measure, by line. NaN has no place here: `there` says whether there was a number. */
struct compare_measure {
	const char *name, *unit; /* "slo ttft" "ms", "fault node ttf_ms" "ms", "rejected" "%" */
	double *value;
	bool *there;
};

/* An SLO or expectation. */
struct compare_rule {
	const char *id;
	bool slo;
	uint64_t held, failed; /* seeds */
};

struct compare_campaign {
	const char *path, *scenario;
	uint32_t n, capacity; /* seeds, ascending */
	uint64_t *seed;
	const char **digest; /* result_digest; NULL = unknown */
	uint32_t n_measures, n_rules;
	struct compare_measure *measures;
	struct compare_rule *rules;
	struct arena *arena;
};

/* Lines in order of seed. All have the rules and faults of the first. Texts are copied into the
 * arena. compare_campaign_free in any case. */
enum status compare_campaign_line(
        struct compare_campaign *c, struct jval line, struct error *err) LPC_MUST_USE;
void compare_campaign_free(struct compare_campaign *c);

#endif
