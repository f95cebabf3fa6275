/* Why rationals: a mixed pool changes its rate whenever its slowest bucket empties or fills,
 * thousands of times in a run. Dropping the fraction of a tick at each change would let the
 * position drift against the formula by up to a tick a change, and rounding it in floating point
 * would differ between compilers. The fraction is therefore kept as fp/fq in lowest terms. Its
 * denominator can only collect factors of the numerators in force (frames in ns, usually round
 * numbers), so it stays small; the limit is a guard, not a mode of operation.
 *
 * Sizes: ticks and ns below 2^58 (10 years); a difference is split into whole periods of den (or
 * num) and a remainder, so every product stays below 2^40 * 2^40 * 2^44 = 2^124. */
#include "emulator/timetable.h"

static uint64_t gcd64(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

static unsigned __int128 gcd128(unsigned __int128 a, unsigned __int128 b)
{
	while (b) {
		unsigned __int128 t = a % b;

		a = b;
		b = t;
	}
	return a;
}

static void set_rate(struct progress *p, uint64_t num, uint64_t den)
{
	uint64_t g = gcd64(num, den);

	CHECK(den > 0 && num >= den);
	p->num = num / g;
	p->den = den / g;
	CHECK(p->num < TICK_RATE_MAX && p->den < TICK_RATE_MAX);
	p->plain = p->num == p->den && p->fp == 0;
}

void progress_init(struct progress *p, int64_t now, uint64_t num, uint64_t den)
{
	*p = (struct progress){.t0 = now, .x0 = now, .fp = 0, .fq = 1};
	set_rate(p, num, den);
}

/* Position at `now` as whole ticks and a fraction r/m, m = fq * num. */
static int64_t position(
        const struct progress *p, int64_t now, unsigned __int128 *r, unsigned __int128 *m)
{
	uint64_t dt = (uint64_t)(now - p->t0), periods, rest;
	unsigned __int128 part;

	CHECK(now >= p->t0);
	*m = (unsigned __int128)p->fq * p->num;
	if (p->stopped)
		dt = 0;
	periods = dt / p->num;
	rest = dt % p->num;
	part = (unsigned __int128)p->fp * p->num + (unsigned __int128)rest * p->den * p->fq;
	*r = part % *m;
	return p->x0 + (int64_t)(periods * p->den) + (int64_t)(part / *m);
}

void progress_change(struct progress *p, int64_t now, uint64_t num, uint64_t den, bool stopped)
{
	unsigned __int128 r, m, g;
	int64_t whole = position(p, now, &r, &m);

	g = r ? gcd128(r, m) : m;
	r /= g;
	m /= g;
	if (m > TICK_FRACTION_MAX) { /* the guard: round down to 1/2^44 of a tick */
		while (m >= (unsigned __int128)1 << 83) {
			m >>= 1;
			r >>= 1;
		}
		r = r * TICK_FRACTION_MAX / m;
		m = TICK_FRACTION_MAX;
	}
	p->t0 = now;
	p->x0 = whole;
	p->fp = (uint64_t)r;
	p->fq = (uint64_t)m;
	p->stopped = stopped;
	set_rate(p, num, den);
}

int64_t progress_tick_at_slow(const struct progress *p, int64_t now)
{
	unsigned __int128 r, m;

	return position(p, now, &r, &m);
}

int64_t progress_time_of_slow(const struct progress *p, int64_t tick)
{
	int64_t ahead = tick - p->x0;
	uint64_t periods, rest;
	__int128 over, scale;

	if (ahead <= 0)
		return p->t0;
	if (p->stopped)
		return NS_NEVER;
	periods = (uint64_t)ahead / p->den;
	rest = (uint64_t)ahead % p->den;
	/* (rest - fp/fq) * num/den, rounded up; negative only when rest is 0 and periods is not. */
	over = ((__int128)rest * (__int128)p->fq - (__int128)p->fp) * (__int128)p->num;
	scale = (__int128)p->fq * (__int128)p->den;
	over = over > 0 ? (over + scale - 1) / scale : -(-over / scale);
	return p->t0 + (int64_t)(periods * p->num) + (int64_t)over;
}
