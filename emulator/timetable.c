/* Why rationals: a mixed pool changes its rate whenever its slowest bucket empties or fills,
 * thousands of times in a run. Dropping the fraction of a tick at each change would let the
 * position drift against the formula by up to a tick a change, and rounding it in floating point
 * would differ between compilers. The fraction is therefore kept as fp/fq in lowest terms. Its
 * denominator can only collect factors of the numerators in force (frames in ns, usually round
 * numbers), so it stays small; the limit is a guard, not a mode of operation.
 *
 * Sizes: ticks and ns below 2^58 (10 years); a difference is split into whole periods of den (or
 * num) and a remainder, and the remainder's product once more, so that what is left to decide is
 * whether a fraction below 1 (or below num/den) carries: a comparison of products below 2^84, no
 * 128-bit division. */
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
	while (b >> 64) {
		unsigned __int128 t = a % b;

		a = b;
		b = t;
	}
	return b ? gcd64((uint64_t)b, (uint64_t)(a % b)) : a;
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

/* a * b / c and the rest of it; a < c, so the quotient is below b. */
static uint64_t multiply_divide(uint64_t a, uint64_t b, uint64_t c, uint64_t *rest)
{
	unsigned __int128 product;

	if ((a | b) >> 32 == 0) {
		*rest = a * b % c;
		return a * b / c;
	}
	product = (unsigned __int128)a * b;
	*rest = (uint64_t)(product % c);
	return (uint64_t)(product / c);
}

/* Position at `now` as whole ticks and a fraction r/m, m = fq * num. */
static int64_t position(
        const struct progress *p, int64_t now, unsigned __int128 *r, unsigned __int128 *m)
{
	uint64_t dt = p->stopped ? 0 : (uint64_t)(now - p->t0), rest;
	uint64_t ticks = dt / p->num * p->den + multiply_divide(dt % p->num, p->den, p->num, &rest);

	CHECK(now >= p->t0);
	/* fp/fq + rest/num: below 2. */
	*m = (unsigned __int128)p->fq * p->num;
	*r = (unsigned __int128)p->fp * p->num + (unsigned __int128)rest * p->fq;
	if (*r >= *m) {
		*r -= *m;
		ticks++;
	}
	return p->x0 + (int64_t)ticks;
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
	int64_t ahead = tick - p->x0, at;
	__int128 over, one;
	uint64_t rest;

	if (ahead <= 0)
		return p->t0;
	if (p->stopped)
		return NS_NEVER;
	at = p->t0 + (int64_t)((uint64_t)ahead / p->den * p->num +
	                       multiply_divide((uint64_t)ahead % p->den, p->num, p->den, &rest));
	/* rest/den - (fp/fq) num/den, rounded up: below 1, and negative down to -num/den. */
	one = (__int128)p->fq * (__int128)p->den;
	over = (__int128)rest * (__int128)p->fq - (__int128)p->fp * (__int128)p->num;
	if (over > 0)
		return at + 1;
	while (over <= -one) { /* num/den is nearly always 1, and never large */
		over += one;
		at--;
	}
	return at;
}
