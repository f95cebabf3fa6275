/* Arrival processes: when the requests of one tenant come (DESIGN §7 "arrival").
 *
 *   constant  the n-th arrival (n = 0, 1, …) at floor(n / rate): the first at t = 0, rate * T of
 * them in [0, T), no drift however long the run poisson   exponential gaps, -ln(u) / rate gamma
 * gamma gaps of the given coefficient of variation (Marsaglia and Tsang, "A simple method for
 *             generating gamma variables", ACM TOMS 26, 2000)
 *   onoff     in every period, poisson at burst_factor * rate during its first period /
 * burst_factor, then silence ramp      poisson with a rate that goes linearly from `from` to `to`
 * over the scenario's duration
 *
 * Rates are requests a second, kept as integers of 1e-9/s, at most ARRIVAL_RATE_MAX: what one
 * loopback socket pair cannot carry is no scenario. Gaps are made in doubles; the part below one
 * nanosecond is carried from arrival to arrival, so no rate is biased by rounding. */
#ifndef LPC_WORKLOADS_ARRIVAL_H
#define LPC_WORKLOADS_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"

#define ARRIVAL_RATE_MAX 1000000 /* requests a second, the peak of one tenant */

enum arrival_process {
	ARRIVAL_CONSTANT,
	ARRIVAL_POISSON,
	ARRIVAL_GAMMA,
	ARRIVAL_ONOFF,
	ARRIVAL_RAMP,
};

struct arrival_spec {
	enum arrival_process process;
	double rate;         /* mean, requests/s; of a ramp (from + to) / 2 */
	double cv;           /* gamma: standard deviation of a gap over its mean */
	double burst_factor; /* onoff: >= 1 */
	int64_t period_ns;   /* onoff */
	double from, to;     /* ramp, requests/s */
};

enum { ARRIVAL_BLOCK = 64 }; /* gaps drawn ahead: a loop that the processor can overlap */

struct arrival_state {
	const struct arrival_spec *spec;
	struct prng stream;
	int64_t duration_ns;
	int64_t at_ns;             /* on the process's own time axis (onoff: time spent on) */
	double below_ns;           /* what is not yet a whole nanosecond, [0, 1) */
	double mean_ns;            /* of a gap on that axis */
	int64_t on_ns;             /* onoff: length of a burst */
	uint64_t n;                /* constant: arrivals so far */
	uint64_t rate_nhz;         /* constant: 1e-9 requests a second */
	double shape, scale;       /* gamma: of a gap with mean 1 */
	double d, c;               /* … and what is made of the shape */
	uint32_t used;             /* of gap[] */
	double gap[ARRIVAL_BLOCK]; /* mean 1 */
};

/* v: the "arrival" object. */
enum status arrival_parse(struct jval v, struct arrival_spec *out, struct error *err) LPC_MUST_USE;
void arrival_canonical(const struct arrival_spec *spec, struct json_out *o, const char *key);

/* `spec` outlives the state; `duration_ns` is what a ramp spans. */
void arrival_start(struct arrival_state *a, const struct arrival_spec *spec, struct prng stream,
        int64_t duration_ns);

/* Draws ARRIVAL_BLOCK gaps anew; for arrival_next, and for who takes them from gap[] by itself. */
void arrival_refill(struct arrival_state *a);

/* Goes on by gap_ns; false where that lies beyond any duration. */
static inline bool arrival_advance(struct arrival_state *a, double gap_ns)
{
	double sum = a->below_ns + gap_ns;
	int64_t whole;

	if (!(sum < (double)NS_MAX))
		return false;
	whole = (int64_t)sum;
	a->below_ns = sum - (double)whole;
	a->at_ns += whole;
	return true;
}

/* The next arrival; never earlier than the one before. NS_NEVER from the first one at or after the
 * duration on. */
int64_t arrival_next(struct arrival_state *a);

bool arrival_is_random(const struct arrival_spec *spec);
double arrival_peak_rate(const struct arrival_spec *spec); /* requests/s */

#endif
