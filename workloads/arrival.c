/* Arrivals from gaps of mean 1.
 *
 * Every random process here is a stream of independent gaps with mean 1, bent onto the clock by a
 * map of its own: poisson and gamma stretch a gap by 1/rate; onoff does so on the axis of the time
 * spent on, and cuts the silences in afterwards, in integers; ramp asks how far one must go until
 * the rate, which is a line, has gathered the gap: for rate r now and slope a, r g + a g²/2 = e,
 * whose root is written g = 2 e / (r + sqrt(r² + 2 a e)), so that nothing cancels and a = 0 is no
 * special case.
 *
 * Position is whole nanoseconds plus a remainder below one: adding gaps to one double would lose
 * the nanosecond after 104 days, truncating each gap would make every rate too high.
 *
 * Gaps come in blocks of 64: the logarithms of a block do not wait for one another.
 *
 * Gamma (Marsaglia and Tsang): d = k - 1/3, c = 1/sqrt(9 d); v = (1 + c x)³ for a standard normal x
 * is accepted when ln u < x²/2 + d - d v + d ln v, and d v is gamma(k). The normal is its own
 * quantile at a uniform number. A shape below 1 (cv above 1) is that of k + 1 times u^(1/k). */
#include "workloads/arrival.h"
#include "harness/base/mathx.h"
#include "harness/base/units.h"

#include <string.h>

static const char *const PROCESSES[] = {"constant", "poisson", "gamma", "onoff", "ramp", NULL};

struct arrival_keys {
	int process;
	double rate, cv, burst_factor, from, to;
	int64_t period;
};

#define KEY(member, kind, ...)                                                                     \
	{                                                                                          \
		.name = #member, .type = kind, .flags = FIELD_REQUIRED,                            \
		.offset = offsetof(struct arrival_keys, member), __VA_ARGS__                       \
	}
#define KEY_PROCESS KEY(process, FIELD_ENUM, .choices = PROCESSES)
#define RATE_MIN    1e-9
#define KEY_RATE                                                                                   \
	KEY(rate, FIELD_REAL, .rmin = RATE_MIN, .rmax = ARRIVAL_RATE_MAX, .unit = "requests/s")

static const struct field PLAIN_KEYS[] = {KEY_PROCESS, KEY_RATE};
static const struct field GAMMA_KEYS[] = {
        KEY_PROCESS,
        KEY_RATE,
        KEY(cv, FIELD_REAL, .rmin = 0.01, .rmax = 100),
};
static const struct field ONOFF_KEYS[] = {
        KEY_PROCESS,
        KEY_RATE,
        KEY(burst_factor, FIELD_REAL, .rmin = 1, .rmax = 1e6),
        KEY(period, FIELD_DURATION, .min = NS_PER_US, .max = NS_MAX),
};
static const struct field RAMP_KEYS[] = {
        KEY_PROCESS,
        KEY(from, FIELD_REAL, .rmax = ARRIVAL_RATE_MAX, .unit = "requests/s"),
        KEY(to, FIELD_REAL, .rmax = ARRIVAL_RATE_MAX, .unit = "requests/s"),
};

static const struct {
	const struct field *fields;
	size_t n;
} KEYS[] = {
        [ARRIVAL_CONSTANT] = {PLAIN_KEYS, ARRAY_LEN(PLAIN_KEYS)},
        [ARRIVAL_POISSON] = {PLAIN_KEYS, ARRAY_LEN(PLAIN_KEYS)},
        [ARRIVAL_GAMMA] = {GAMMA_KEYS, ARRAY_LEN(GAMMA_KEYS)},
        [ARRIVAL_ONOFF] = {ONOFF_KEYS, ARRAY_LEN(ONOFF_KEYS)},
        [ARRIVAL_RAMP] = {RAMP_KEYS, ARRAY_LEN(RAMP_KEYS)},
};

enum status arrival_parse(struct jval v, struct arrival_spec *out, struct error *err)
{
	struct arrival_keys keys;
	int process;

	memset(&keys, 0, sizeof(keys));
	if (json_choice(v, "process", PROCESSES, &process, err) != ERR_NONE)
		return err->code;
	if (json_read(v, KEYS[process].fields, KEYS[process].n, &keys, err) != ERR_NONE)
		return err->code;
	*out = (struct arrival_spec){.process = (enum arrival_process)process,
	        .rate = process == ARRIVAL_RAMP ? (keys.from + keys.to) / 2 : keys.rate,
	        .cv = keys.cv,
	        .burst_factor = keys.burst_factor,
	        .period_ns = keys.period,
	        .from = keys.from,
	        .to = keys.to};
	if (process == ARRIVAL_RAMP && keys.from + keys.to < RATE_MIN)
		return json_expected(json_get(v, "to"), err, "a ramp that is not 0 throughout");
	if (arrival_peak_rate(out) > ARRIVAL_RATE_MAX)
		return json_expected(json_get(v, "rate"), err,
		        "a rate that stays within %d requests/s in a burst (burst_factor * rate)",
		        ARRIVAL_RATE_MAX);
	if (process == ARRIVAL_ONOFF && (double)keys.period / keys.burst_factor < 1)
		return json_expected(
		        json_get(v, "period"), err, "a period of at least burst_factor ns");
	return ERR_NONE;
}

void arrival_canonical(const struct arrival_spec *spec, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	if (spec->process == ARRIVAL_ONOFF)
		json_out_real(o, "burst_factor", spec->burst_factor);
	if (spec->process == ARRIVAL_GAMMA)
		json_out_real(o, "cv", spec->cv);
	if (spec->process == ARRIVAL_RAMP)
		json_out_real(o, "from", spec->from);
	if (spec->process == ARRIVAL_ONOFF)
		json_out_i64(o, "period_ns", spec->period_ns);
	json_out_str(o, "process", PROCESSES[spec->process]);
	if (spec->process == ARRIVAL_RAMP)
		json_out_real(o, "to", spec->to);
	else
		json_out_real(o, "rate", spec->rate);
	json_out_close(o);
}

bool arrival_is_random(const struct arrival_spec *spec)
{
	return spec->process != ARRIVAL_CONSTANT;
}

double arrival_peak_rate(const struct arrival_spec *spec)
{
	if (spec->process == ARRIVAL_ONOFF)
		return spec->rate * spec->burst_factor;
	if (spec->process == ARRIVAL_RAMP)
		return spec->from > spec->to ? spec->from : spec->to;
	return spec->rate;
}

void arrival_start(struct arrival_state *a, const struct arrival_spec *spec, struct prng stream,
        int64_t duration_ns)
{
	memset(a, 0, sizeof(*a));
	a->spec = spec;
	a->stream = stream;
	a->duration_ns = duration_ns;
	a->used = ARRIVAL_BLOCK;
	a->rate_nhz = (uint64_t)(spec->rate * 1e9 + 0.5);
	a->mean_ns = 1e9 / spec->rate;
	if (spec->process == ARRIVAL_ONOFF) {
		/* The burst is a whole number of ns; the gaps inside make up for the rest. */
		a->on_ns = (int64_t)((double)spec->period_ns / spec->burst_factor);
		a->mean_ns *= (double)a->on_ns / (double)spec->period_ns;
	}
	if (spec->process == ARRIVAL_GAMMA) {
		a->shape = 1 / (spec->cv * spec->cv);
		a->scale = spec->cv * spec->cv;
		a->d = (a->shape < 1 ? a->shape + 1 : a->shape) - 1.0 / 3;
		a->c = 1 / mathx_sqrt(9 * a->d);
	}
}

/* Below this u is accepted without a logarithm (Marsaglia and Tsang 2000, section 4); less a margin
 * that no rounding of the test itself fills while d is small, so that the draw stays the same. */
static double squeeze(const struct arrival_state *a, double x)
{
	return a->d < 64 ? 1 - 0.0331 * (x * x) * (x * x) - 1e-12 : 0;
}

/* gamma(d + 1/3), scale 1. */
static double gamma_of(struct arrival_state *a)
{
	double d = a->d;

	for (;;) {
		double x = mathx_normal_quantile(prng_unit(prng_next(&a->stream)));
		double u = prng_unit(prng_next(&a->stream));
		double root = 1 + a->c * x, v = root * root * root;

		if (root <= 0)
			continue;
		if (u < squeeze(a, x) || mathx_log(u) < x * x / 2 + d - d * v + d * mathx_log(v))
			return d * v;
	}
}

/* A shape below 1 takes one more draw a gap, and its logarithms and powers by the block. */
static void gamma_refill(struct arrival_state *a)
{
	double power[ARRIVAL_BLOCK], factor[ARRIVAL_BLOCK];
	uint64_t u[ARRIVAL_BLOCK];

	for (int i = 0; i < ARRIVAL_BLOCK; i++) {
		a->gap[i] = gamma_of(a) * a->scale;
		if (a->shape < 1)
			u[i] = prng_next(&a->stream);
	}
	if (a->shape >= 1)
		return;
	mathx_exponential(ARRIVAL_BLOCK, u, power);
	for (int i = 0; i < ARRIVAL_BLOCK; i++) {
		power[i] = -power[i] / a->shape;
		if (power[i] <= -700)
			power[i] = a->gap[i] = 0;
	}
	mathx_exp_all(ARRIVAL_BLOCK, power, factor);
	for (int i = 0; i < ARRIVAL_BLOCK; i++)
		a->gap[i] *= factor[i];
}

void arrival_refill(struct arrival_state *a)
{
	uint64_t u[ARRIVAL_BLOCK];

	if (a->spec->process == ARRIVAL_GAMMA) {
		gamma_refill(a);
	} else {
		for (int i = 0; i < ARRIVAL_BLOCK; i++)
			u[i] = prng_next(&a->stream);
		mathx_exponential(ARRIVAL_BLOCK, u, a->gap);
	}
	a->used = 0;
}

static double next_gap(struct arrival_state *a)
{
	if (LPC_UNLIKELY(a->used == ARRIVAL_BLOCK))
		arrival_refill(a);
	return a->gap[a->used++];
}

static int64_t constant_next(struct arrival_state *a)
{
	__uint128_t at = (__uint128_t)a->n++ * 1000000000u * 1000000000u / a->rate_nhz;

	return at < (__uint128_t)NS_MAX ? (int64_t)at : NS_NEVER;
}

static int64_t onoff_next(struct arrival_state *a)
{
	__int128 at;

	if (!arrival_advance(a, next_gap(a) * a->mean_ns))
		return NS_NEVER;
	at = (__int128)(a->at_ns / a->on_ns) * a->spec->period_ns + a->at_ns % a->on_ns;
	return at < NS_MAX ? (int64_t)at : NS_NEVER;
}

static int64_t ramp_next(struct arrival_state *a)
{
	const struct arrival_spec *spec = a->spec;
	double duration = (double)a->duration_ns;
	double slope = (spec->to - spec->from) * 1e-9 / duration;
	double rate = spec->from * 1e-9 + slope * ((double)a->at_ns + a->below_ns);
	double e = next_gap(a), square = rate * rate + 2 * slope * e;

	/* A falling line may never gather the gap, or do so only where it has crossed zero. */
	if (rate < 0 || square < 0 || !arrival_advance(a, 2 * e / (rate + mathx_sqrt(square))))
		return NS_NEVER;
	return a->at_ns;
}

int64_t arrival_next(struct arrival_state *a)
{
	int64_t at = NS_NEVER;

	if (a->at_ns == NS_NEVER)
		return NS_NEVER;
	switch (a->spec->process) {
	case ARRIVAL_CONSTANT:
		at = constant_next(a);
		break;
	case ARRIVAL_POISSON:
	case ARRIVAL_GAMMA:
		if (arrival_advance(a, next_gap(a) * a->mean_ns))
			at = a->at_ns;
		break;
	case ARRIVAL_ONOFF:
		at = onoff_next(a);
		break;
	case ARRIVAL_RAMP:
		at = ramp_next(a);
		break;
	}
	if (at < a->duration_ns)
		return at;
	a->at_ns = NS_NEVER;
	return NS_NEVER;
}
