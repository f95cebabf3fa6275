/* Why rationals: a mixed pool changes its rate whenever its slowest bucket empties or fills,
 * thousands of times in a run. Dropping the fraction of a tick at each change would let the
 * position drift against the formula by up to a tick a change, and rounding it in floating point
 * would differ between compilers. The fraction is therefore kept as fp/fq. Its denominator can only
 * collect factors of the numerators in force (frames in ns, usually round numbers), so it stays
 * small; the limit is a guard, not a mode of operation.
 *
 * Why reciprocals: the position is asked for several times an event, and the three divisions that
 * it would take were a quarter of a run's time. A rate therefore carries 2^64 times its fractional
 * part, rounded down; times n it is short of the quotient by less than n/2^64 < 1, so what comes
 * out is the quotient or one less, and the rest of the multiplication, exact in 64 bits, says
 * which.
 *
 * Why no lowest terms: a pool that goes to and fro between two rates adds fractions with one
 * denominator. They are added as they are; a greatest common divisor is looked for only when a
 * numerator does not divide the denominator.
 *
 * Sizes: ticks and ns below 2^58 (10 years); products of a fraction's parts below 2^84, which are
 * compared in 128 bits and, but for the guard, never divided. */
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

/* --- rates
 * ----------------------------------------------------------------------------------------- */

static struct tick_ratio ratio(uint64_t mul, uint64_t div)
{
	unsigned __int128 rest = mul % div;

	return (struct tick_ratio){
	        .mul = mul, .div = div, .whole = mul / div, .part = (uint64_t)((rest << 64) / div)};
}

struct tick_rate tick_rate(uint64_t num, uint64_t den)
{
	uint64_t g = gcd64(num, den);

	CHECK(den > 0 && num >= den);
	num /= g;
	den /= g;
	CHECK(num < TICK_RATE_MAX && den < TICK_RATE_MAX);
	return (struct tick_rate){
	        .num = num, .den = den, .to_ticks = ratio(den, num), .to_ns = ratio(num, den)};
}

/* n · mul / div and the rest of it, for n < 2^58. */
static inline uint64_t scaled(const struct tick_ratio *r, uint64_t n, uint64_t *rest)
{
	uint64_t quotient = n * r->whole + (uint64_t)((unsigned __int128)n * r->part >> 64);
	uint64_t left =
	        n * r->mul - quotient * r->div; /* below 2 div, whatever was cut off above */
	bool short_by_one = left >= r->div;

	*rest = short_by_one ? left - r->div : left;
	return quotient + short_by_one;
}

/* --- changes
 * --------------------------------------------------------------------------------------- */

static void set_rate(struct progress *p, const struct tick_rate *rate, bool stopped)
{
	p->rate = *rate;
	p->stopped = stopped;
	p->plain = rate->num == rate->den && p->fp == 0;
}

void progress_init(struct progress *p, int64_t now, const struct tick_rate *rate)
{
	*p = (struct progress){.t0 = now, .x0 = now, .fp = 0, .fq = 1};
	set_rate(p, rate, false);
}

/* Adds rest/num to the fraction in lowest terms, within the limit of its denominator. */
static void add_reduced(struct progress *p, uint64_t rest, uint64_t num)
{
	unsigned __int128 m = (unsigned __int128)p->fq * num;
	unsigned __int128 r = (unsigned __int128)p->fp * num + (unsigned __int128)rest * p->fq, g;

	if (r >= m) {
		r -= m;
		p->x0++;
	}
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
	p->fp = (uint64_t)r;
	p->fq = (uint64_t)m;
}

/* True once num divides fq. */
static bool widen(struct progress *p, uint64_t num)
{
	uint64_t factor;

	if (p->fp == 0) {
		p->fq = num;
		return true;
	}
	if (p->fq % num == 0)
		return true;
	factor = num / gcd64(p->fq, num);
	if ((unsigned __int128)p->fq * factor > TICK_FRACTION_MAX)
		return false;
	p->fp *= factor;
	p->fq *= factor;
	return true;
}

static void add_fraction(struct progress *p, uint64_t rest, uint64_t num)
{
	if (rest == 0)
		return;
	if (p->fq != num && !widen(p, num)) {
		add_reduced(p, rest, num);
		return;
	}
	p->fp += p->fq == num ? rest : rest * (p->fq / num);
	if (p->fp >= p->fq) {
		p->fp -= p->fq;
		p->x0++;
	}
}

void progress_change(struct progress *p, int64_t now, const struct tick_rate *rate, bool stopped)
{
	uint64_t rest = 0;

	CHECK(now >= p->t0);
	if (!p->stopped)
		p->x0 += (int64_t)scaled(&p->rate.to_ticks, (uint64_t)(now - p->t0), &rest);
	add_fraction(p, rest, p->rate.num);
	p->t0 = now;
	set_rate(p, rate, stopped);
}

/* --- looks
 * ----------------------------------------------------------------------------------------- */

/* Whole ticks at `now`, and what is beyond them in units of 1/(fq num) tick. */
static int64_t position(const struct progress *p, int64_t now, unsigned __int128 *beyond)
{
	unsigned __int128 one = (unsigned __int128)p->fq * p->rate.num;
	uint64_t rest;
	int64_t tick;

	CHECK(now >= p->t0);
	tick = p->x0 + (int64_t)scaled(&p->rate.to_ticks, (uint64_t)(now - p->t0), &rest);
	*beyond = (unsigned __int128)p->fp * p->rate.num + (unsigned __int128)rest * p->fq;
	if (*beyond < one)
		return tick;
	*beyond -= one;
	return tick + 1;
}

int64_t progress_tick_at_slow(const struct progress *p, int64_t now)
{
	unsigned __int128 beyond;

	return p->stopped ? p->x0 : position(p, now, &beyond);
}

int64_t progress_next_tick_slow(const struct progress *p, int64_t now)
{
	unsigned __int128 beyond;
	int64_t tick;

	if (p->stopped || now == p->t0)
		return p->x0 + (now > p->t0);
	tick = position(p, now, &beyond);
	/* A ns ago the position was den/num lower: was it below the tick? */
	return tick + (beyond >= (unsigned __int128)p->fq * p->rate.den);
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
	at = p->t0 + (int64_t)scaled(&p->rate.to_ns, (uint64_t)ahead, &rest);
	/* rest/den - (fp/fq) num/den, rounded up: below 1, and negative down to -num/den. */
	one = (__int128)p->fq * (__int128)p->rate.den;
	over = (__int128)rest * (__int128)p->fq - (__int128)p->fp * (__int128)p->rate.num;
	if (over > 0)
		return at + 1;
	while (over <= -one) { /* num/den is nearly always 1, and never large */
		over += one;
		at--;
	}
	return at;
}
