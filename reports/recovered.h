/* Whether the service is whole again some time after the last fault: the expectation `recovered`.
 *
 *   … inject ── revert ── inject ──── revert │←──── after ────→│ proof ─────── duration
 *
 * Judged are the requests planned in the proof: none is lost, none refused beyond what the SLOs
 * allow, and each SLO's percentile is kept by them, as it stands. Which revert is the last is known
 * when no inject has followed it, so every inject and every revert begins the count anew: what was
 * counted before was planned too early. Nothing grows with the number of requests. */
#ifndef LPC_REPORTS_RECOVERED_H
#define LPC_REPORTS_RECOVERED_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/sample.h"
#include "reports/score.h"

struct recovered_slo {
	uint64_t n, over, refused; /* judged, over the limit or never answered, refused */
};

struct recovered {
	const struct score_rules *rules; /* borrowed */
	int64_t after_ns, until_ns;      /* after the last revert; where arrivals stop */
	int64_t from_ns;                 /* begin of the proof; INT64_MAX = not known */
	uint64_t n, lost, refused;       /* planned in the proof */
	uint64_t missed;                 /* … of them, each once: lost, refused or over a limit */
	struct recovered_slo *slo;       /* by rule */
};

void recovered_init(
        struct recovered *r, const struct score_rules *rules, int64_t after_ns, int64_t until_ns);
void recovered_free(struct recovered *r);

/* The proof begins at from_ns, INT64_MAX: nobody knows when. Forgets what was counted. */
void recovered_begin(struct recovered *r, int64_t from_ns);

/* value: as group_values fills it. */
void recovered_sample(
        struct recovered *r, const struct sample *x, const int64_t value[static METRIC_COUNT]);

/* *reason: NULL, "lost", "refused", "slo", "too_few" (nothing was planned in the proof:
 * inconclusive). */
enum verdict recovered_verdict(const struct recovered *r, const char **reason);

#endif
