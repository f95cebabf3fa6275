/* How a fault comes again ("every"): a law, and the instants that follow from it.
 *
 *   "30s" or {"law": "fixed", "interval": "30s"}        from begin to begin
 *   {"law": "exponential", "mean": "30s"}               from a revert to the next begin
 *   {"law": "weibull", "mtbf": "30s", "shape": 0.7}     likewise
 *
 * Drawn gaps count from the revert, as a component that is being repaired cannot fail: `mtbf` is
 * the mean time of working between two failures, so that a fault never overlaps itself. Draws are
 * plan-time draws from a stream of the fault's own id (DESIGN §4). Weibull: scale = mtbf / Gamma(1
 * + 1/shape); shape below 1 = infant mortality, 1 = exponential, above 1 = wear. */
#ifndef LPC_FAULTS_RECURRENCE_H
#define LPC_FAULTS_RECURRENCE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "harness/base/prng.h"

enum recurrence_law { RECUR_NEVER, RECUR_FIXED, RECUR_EXPONENTIAL, RECUR_WEIBULL };

struct recurrence {
	enum recurrence_law law;
	int64_t mean_ns;    /* interval, mean or mtbf; 0 with RECUR_NEVER */
	double shape;       /* RECUR_WEIBULL */
	double scale_ns;    /* RECUR_WEIBULL */
	struct prng stream; /* before its first draw: copy it, then draw */
};

/* v: the value of "every". The stream is the caller's to set. */
enum status recurrence_parse(struct jval v, struct recurrence *out, struct error *err) LPC_MUST_USE;

/* A gap by the law, ns, at least 0; RECUR_FIXED draws nothing. NS_NEVER beyond NS_MAX. */
int64_t recurrence_gap(const struct recurrence *r, struct prng *stream);

/* When a fault that began at began_ns and lasts for_ns begins again; NS_NEVER = never more. */
int64_t recurrence_next(
        const struct recurrence *r, struct prng *stream, int64_t began_ns, int64_t for_ns);

static inline bool recurrence_is_drawn(const struct recurrence *r)
{
	return r->law == RECUR_EXPONENTIAL || r->law == RECUR_WEIBULL;
}

/* Canonical form: an object. */
void recurrence_canonical(const struct recurrence *r, struct json_out *o, const char *key);

#endif
